/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded hash for tables keyed by what the network sends, so that nobody can
 * choose colliding keys.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/span.h"

struct hash_seed {
    uint64_t k0, k1;
};

/* A seed from the system's random source. */
struct hash_seed hash_seed_random(void);

/* SipHash-1-3 of s. */
uint64_t hash_bytes(const struct hash_seed *seed, struct span s);

#endif
