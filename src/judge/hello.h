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
    struct span suites; /* as sent, two bytes each */
};

/* Borrows from hs. */
void hello_look(const struct handshake *hs, struct hello_sight *out);

/* A hash of a hello's versions and suites, whatever their order, without
 * GREASE; 0 when and only when it was not seen. */
uint32_t hello_kind(const struct handshake *hs,
                    const struct hello_sight *hello);

/* The first of its suites, GREASE (RFC 8701) left out, zeros where there are no
 * more. Returns whether GREASE was among them. */
bool hello_first_suites(const struct hello_sight *hello, uint16_t first[3]);

#endif
