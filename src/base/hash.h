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

/* The hash of s. */
uint64_t hash_bytes(const struct hash_seed *seed, struct span s);

/* What it is made of, for keys of fixed size. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    __uint128_t m = (__uint128_t)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t hash_load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

#endif
