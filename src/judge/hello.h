/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ClientHello tells before it is expanded, cheaply enough to be asked
 * of every connection.
 */
#ifndef JUDGE_HELLO_H
#define JUDGE_HELLO_H

#include "base/hash.h"
#include "handshake/handshake.h"

struct hello_sight {
    bool seen;
    struct span random; /* 32 bytes */
    struct span sni;    /* as sent; empty: none */
    uint16_t suites;    /* without GREASE */
    uint16_t first[3];  /* the first of them */
    bool grease;        /* among the suites (RFC 8701) */
    uint32_t kind;      /* hash of versions and suites, whatever their order,
                           without GREASE; never 0 when seen */
};

/* Borrows from hs. */
void hello_look(const struct handshake *hs, struct hello_sight *out);

#endif
