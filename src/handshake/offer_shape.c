/* SPDX-License-Identifier: Apache-2.0 */
/* Lists are hashed eight values at a time: this is asked of every report. */
#include "handshake/offer_shape.h"

#define GREASE_ANY 0x0a0a

typedef uint16_t eight __attribute__((vector_size(16)));

static inline uint64_t hash_eight(const struct hash_seed *seed, uint64_t h,
                                  eight v)
{
    eight grease =
        (eight)((v & 0x0f0f) == 0x0a0a) & (eight)(v >> 8 == (v & 0xff));
    uint64_t w[2];
    v = (v & ~grease) | (GREASE_ANY & grease);
    memcpy(w, &v, sizeof w);
    return hash_fold(h ^ w[0], seed->k1 ^ w[1]);
}

/* Lists that are empty, or missing, leave a trace, too: a factor of 0 would
 * wipe out what was hashed before. */
static uint64_t hash_length(const struct hash_seed *seed, uint64_t h, size_t n,
                            bool seen)
{
    return hash_fold(h ^ seed->k1, UINT64_C(0x9e3779b97f4a7c15) ^
                                       ((uint64_t)n << 1 | (uint64_t)seen));
}

static uint64_t hash_list(const struct hash_seed *seed, uint64_t h,
                          const struct u16_list *l)
{
    eight v;
    size_t i = 0;
    h = hash_length(seed, h, l->n, l->seen);
    for (; l->n - i >= 8; i += 8) {
        memcpy(&v, l->v + i, sizeof v);
        h = hash_eight(seed, h, v);
    }
    if (i < l->n) {
        v = (eight){0};
        memcpy(&v, l->v + i, (l->n - i) * sizeof *l->v);
        h = hash_eight(seed, h, v);
    }
    return h;
}

static uint64_t hash_names(const struct hash_seed *seed, uint64_t h,
                           const struct span_list *l)
{
    h = hash_length(seed, h, l->n, l->seen);
    for (unsigned i = 0; i < l->n; i++) {
        h = hash_fold(h ^ seed->k1, hash_bytes(seed, l->v[i]));
    }
    return h;
}

static uint64_t bit(bool is, unsigned at)
{
    return (uint64_t)is << at;
}

uint64_t offer_shape(const struct client_offer *o, const struct hash_seed *seed)
{
    uint64_t versions = (uint64_t)o->legacy_version << 48 |
                        (uint64_t)o->max_version << 32 |
                        (uint64_t)o->min_version << 16;
    uint64_t bits = bit(o->seen, 0) | bit(o->has_sni, 1) |
                    bit(o->v2_format, 2) | bit(o->malformed, 3) |
                    bit(o->partial, 4);
    uint64_t h = seed->k0 ^ (versions | bits);
    h = hash_list(seed, h, &o->ciphers);
    h = hash_list(seed, h, &o->extensions);
    h = hash_list(seed, h, &o->versions);
    h = hash_list(seed, h, &o->groups);
    h = hash_list(seed, h, &o->key_shares);
    h = hash_list(seed, h, &o->signature_algorithms);
    h = hash_names(seed, h, &o->alpn);
    return hash_fold(h ^ seed->k1, hash_bytes(seed, o->point_formats));
}
