/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiply and fold: each 16 bytes are mixed with the secret seed by one wide
 * multiplication. Its tables are bounded and live for one run, so a seed that
 * nobody outside knows is protection enough; SipHash cost eight times as much.
 */
#include "base/hash.h"

#include <sys/random.h>

struct hash_seed hash_seed_random(void)
{
    struct hash_seed s;
    if (getrandom(&s, sizeof s, 0) != (ssize_t)sizeof s) {
        s.k0 = (uint64_t)(uintptr_t)&s * UINT64_C(0x9e3779b97f4a7c15);
        s.k1 = ~s.k0;
    }
    return s;
}

/* The bytes of s from `at` on, at most eight of them. */
static inline uint64_t load_rest(struct span s, size_t at)
{
    uint64_t v = 0;
    if (s.n - at >= 8) {
        return hash_load64(s.p + at);
    }
    if (s.n >= 8) { /* the last eight; `at` differs with the length only */
        return hash_load64(s.p + s.n - 8);
    }
    memcpy(&v, s.p + at, s.n - at);
    return v;
}

uint64_t hash_bytes(const struct hash_seed *seed, struct span s)
{
    uint64_t h = seed->k0 ^ s.n;
    size_t at = 0;
    for (; s.n - at > 16; at += 16) {
        h = hash_fold(hash_load64(s.p + at) ^ seed->k1,
                      hash_load64(s.p + at + 8) ^ h);
    }
    uint64_t a = at < s.n ? load_rest(s, at) : 0;
    uint64_t b = s.n - at > 8 ? load_rest(s, at + 8) : 0;
    h = hash_fold(a ^ seed->k1, b ^ h);
    return hash_fold(h ^ UINT64_C(0xa0761d6478bd642f), seed->k0 | 1);
}
