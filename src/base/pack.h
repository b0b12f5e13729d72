/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers in few bytes, for what waits in memory: small ones take one. What is
 * packed is this program's own, and is unpacked by the same program.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "base/span.h"

/* Where packed bytes go. The caller has made sure of the room. */
struct packer {
    uint8_t *at;
};

/* The most that pack_uint() and pack_int() write. */
#define PACK_INT_MAX 10u

void pack_uint(struct packer *w, uint64_t v);
void pack_int(struct packer *w, int64_t v);
void pack_bytes(struct packer *w, struct span s);

/* The inverse of each; *c moves on. */
uint64_t unpack_uint(struct cursor *c);
int64_t unpack_int(struct cursor *c);

#endif
