/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3 (Aumasson and Bernstein), the short-input keyed hash. */
#include "base/hash.h"

#include <sys/random.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned b)
{
    return x << b | x >> (64 - b);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

struct hash_seed hash_seed_random(void)
{
    struct hash_seed s;
    if (getrandom(&s, sizeof s, 0) != (ssize_t)sizeof s) {
        s.k0 = (uint64_t)(uintptr_t)&s * UINT64_C(0x9e3779b97f4a7c15);
        s.k1 = ~s.k0;
    }
    return s;
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

uint64_t hash_bytes(const struct hash_seed *seed, struct span s)
{
    struct sip h = {seed->k0 ^ UINT64_C(0x736f6d6570736575),
                    seed->k1 ^ UINT64_C(0x646f72616e646f6d),
                    seed->k0 ^ UINT64_C(0x6c7967656e657261),
                    seed->k1 ^ UINT64_C(0x7465646279746573)};
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t m = load64(s.p + i);
        h.v3 ^= m;
        sip_round(&h);
        h.v0 ^= m;
    }
    uint64_t last = (uint64_t)s.n << 56;
    for (unsigned shift = 0; i < s.n; i++, shift += 8) {
        last |= (uint64_t)s.p[i] << shift;
    }
    h.v3 ^= last;
    sip_round(&h);
    h.v0 ^= last;
    h.v2 ^= 0xff;
    sip_round(&h);
    sip_round(&h);
    sip_round(&h);
    return h.v0 ^ h.v1 ^ h.v2 ^ h.v3;
}
