/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client may open several connections from one port when it gives itself
 * connection IDs (RFC 9000 section 5.1); one without has only one at a time. A
 * client's first packets carry an ID of its own and one that it made up for the
 * server; the server's packets carry that of the client and a new one. So every
 * packet with a long header has an ID that is known already, unless it begins a
 * connection.
 *
 * Packets with a short header have the receiver's ID only, and do not say how
 * long it is: a receiver makes all of its IDs equally long. They are looked at
 * only where endpoints were seen to share.
 *
 * What is remembered is bounded: what was not used for longest is forgotten,
 * and its packets then count as the first connection's.
 */
#include "quic_link.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/lru.h"
#include "dissectors/quic.h"

#include <stdlib.h>

#define PAIRS (LIMIT_QUIC_IDS / 4)

/* Two endpoints. */
struct pair {
    uint32_t latest; /* the conversation that began last */
    bool shared;     /* there was more than one */
    bool negotiated; /* the server wanted another version: the client may try
                        again under new IDs */
    uint8_t id_bytes[2]; /* length of IDs, by direction to the receiver */
};

struct quic_link {
    struct hash_seed seed;
    struct lru *ids;   /* of uint64_t: the conversation */
    struct lru *pairs; /* of struct pair */
    uint32_t conversations;
    bool shared; /* some pair is */
};

struct quic_link *quic_link_new(void)
{
    struct quic_link *l = calloc(1, sizeof *l);
    if (!l) {
        return NULL;
    }
    l->seed = hash_seed_random();
    l->ids = lru_new(LIMIT_QUIC_IDS, sizeof(uint64_t), NULL);
    l->pairs = lru_new(PAIRS, sizeof(struct pair), NULL);
    if (!l->ids || !l->pairs) {
        quic_link_free(l);
        return NULL;
    }
    return l;
}

void quic_link_free(struct quic_link *l)
{
    if (l) {
        lru_free(l->ids);
        lru_free(l->pairs);
        free(l);
    }
}

/* ---- keys ---- */

#define END_BYTES 18u

static size_t put_end(uint8_t *b, const struct endpoint *e)
{
    memcpy(b, e->ip, sizeof e->ip);
    b[16] = (uint8_t)(e->port >> 8);
    b[17] = (uint8_t)(e->port & 0xff);
    return END_BYTES;
}

/* Of an ID that `owner` chose for its talk with `peer`. */
static uint64_t id_key(const struct quic_link *l, const struct endpoint *owner,
                       const struct endpoint *peer, struct span id)
{
    uint8_t b[2 * END_BYTES + QUIC_CID_MAX];
    size_t n = put_end(b, owner);
    n += put_end(b + n, peer);
    memcpy(b + n, id.p, id.n);
    return hash_bytes(&l->seed, span_of(b, n + id.n));
}

/* 0 or 1: which of two endpoints this one is, in an order of their own. */
static unsigned place(const struct endpoint *e, const struct endpoint *other)
{
    uint8_t a[END_BYTES], b[END_BYTES];
    put_end(a, e);
    put_end(b, other);
    return memcmp(a, b, END_BYTES) > 0;
}

static struct pair *pair_of(struct quic_link *l, const struct packet *k,
                            bool make)
{
    uint8_t b[2 * END_BYTES];
    unsigned at = place(&k->src, &k->dst);
    put_end(b + (size_t)at * END_BYTES, &k->src);
    put_end(b + (size_t)(1 - at) * END_BYTES, &k->dst);
    uint64_t key = hash_bytes(&l->seed, span_of(b, sizeof b));
    return make ? lru_use(l->pairs, key) : lru_find(l->pairs, key);
}

static bool find(struct quic_link *l, const struct endpoint *owner,
                 const struct endpoint *peer, struct span id, uint32_t *found)
{
    if (id.n == 0) {
        return false;
    }
    const uint64_t *is = lru_find(l->ids, id_key(l, owner, peer, id));
    if (is) {
        *found = (uint32_t)*is;
    }
    return is != NULL;
}

static void learn(struct quic_link *l, const struct endpoint *owner,
                  const struct endpoint *peer, struct span id, uint32_t is)
{
    if (id.n) {
        *(uint64_t *)lru_use(l->ids, id_key(l, owner, peer, id)) = is;
    }
}

/* ---- packets ---- */

/* A first packet with IDs that nobody knows. */
static uint32_t begin(struct quic_link *l, struct pair *p, bool known_pair,
                      const struct quic_ids *ids)
{
    if (!known_pair || p->negotiated || ids->scid.n == 0) {
        p->negotiated = false;
        return p->latest;
    }
    if (++l->conversations == 0) {
        l->conversations = 1;
    }
    p->shared = l->shared = true;
    p->latest = l->conversations;
    return p->latest;
}

static uint32_t long_header(struct quic_link *l, const struct packet *k,
                            const struct quic_ids *ids)
{
    uint32_t is = 0;
    bool known = find(l, &k->dst, &k->src, ids->dcid, &is) ||
                 find(l, &k->src, &k->dst, ids->scid, &is);
    bool begins = !known && quic_probe(k->payload);
    bool known_pair = pair_of(l, k, false) != NULL;
    if (!known && !begins) {
        return 0;
    }
    struct pair *p = pair_of(l, k, true);
    if (begins) {
        is = begin(l, p, known_pair, ids);
    }
    p->negotiated = p->negotiated || ids->version == 0;
    learn(l, &k->dst, &k->src, ids->dcid, is);
    learn(l, &k->src, &k->dst, ids->scid, is);
    p->id_bytes[place(&k->src, &k->dst)] = (uint8_t)ids->scid.n;
    return is;
}

static uint32_t short_header(struct quic_link *l, const struct packet *k)
{
    const struct pair *p = pair_of(l, k, false);
    if (!p || !p->shared) {
        return 0;
    }
    uint32_t is = p->latest;
    size_t n = p->id_bytes[place(&k->dst, &k->src)];
    struct span id = span_sub(k->payload, 1, n);
    if (id.n == n) {
        find(l, &k->dst, &k->src, id, &is);
    }
    return is;
}

uint32_t quic_link_packet(struct quic_link *l, const struct packet *k)
{
    struct quic_ids ids;
    if (quic_read_ids(k->payload, &ids)) {
        return long_header(l, k, &ids);
    }
    bool might = l->shared && span_u8(k->payload, 0) < 0x80;
    return might ? short_header(l, k) : 0;
}

bool quic_link_shared(struct quic_link *l, const struct packet *k)
{
    const struct pair *p = l->shared ? pair_of(l, k, false) : NULL;
    return p && p->shared;
}
