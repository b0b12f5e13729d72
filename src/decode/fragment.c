/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly of IPv4 (RFC 791 section 3.2, RFC 815) and IPv6 (RFC 8200
 * section 4.5) fragments.
 *
 * Where IPv4 fragments overlap, the first byte seen wins; overlapping IPv6
 * fragments condemn their datagram (RFC 5722). A fragment that was captured
 * twice is no overlap. Memory is bounded by the three limits below; what
 * exceeds them drops the oldest datagram.
 */
#include "base/limits.h"
#include "decode/layers.h"

#include <stdlib.h>

#define BLOCK_BYTES 8u
#define BLOCKS      (LIMIT_DATAGRAM_BYTES / BLOCK_BYTES)
#define LEN_UNKNOWN UINT32_MAX

struct key {
    uint8_t src[16], dst[16];
    uint32_t id;
    uint32_t tunnel;
    uint16_t vlan;
    uint8_t ip_version;
    uint8_t proto; /* IPv4 only */
};

struct datagram {
    struct key key;
    tick_t first;    /* when its first fragment was seen */
    uint8_t *bytes;  /* owned */
    uint32_t size;   /* allocated */
    uint32_t len;    /* or LEN_UNKNOWN */
    uint32_t blocks; /* blocks here */
    uint32_t end;    /* one past the last byte here */
    uint8_t proto;   /* of the fragment at offset 0 */
    bool used;
    bool condemned;             /* IPv6 fragments overlapped */
    uint64_t here[BLOCKS / 64]; /* a bit for each block */
};

struct fragments {
    struct datagram slot[LIMIT_DATAGRAMS];
};

void fragments_free(struct fragments *fs)
{
    if (!fs) {
        return;
    }
    for (unsigned i = 0; i < LIMIT_DATAGRAMS; i++) {
        free(fs->slot[i].bytes);
    }
    free(fs);
}

/* ---- slots ---- */

static bool is_old(const struct datagram *g, tick_t now)
{
    tick_t age;
    return __builtin_sub_overflow(now, g->first, &age) ||
           age > LIMIT_DATAGRAM_AGE;
}

static void slot_clear(struct datagram *g)
{
    free(g->bytes);
    g->bytes = NULL;
    g->used = false;
}

static void slot_begin(struct datagram *g, const struct key *key, tick_t now)
{
    slot_clear(g);
    g->key = *key;
    g->first = now;
    g->size = 0;
    g->len = LEN_UNKNOWN;
    g->blocks = 0;
    g->end = 0;
    g->proto = 0;
    g->used = true;
    g->condemned = false;
    memset(g->here, 0, sizeof g->here);
}

/* The datagram of a key, begun when it is new. */
static struct datagram *slot_find(struct fragments *fs, const struct key *key,
                                  tick_t now)
{
    struct datagram *take = NULL;
    for (unsigned i = 0; i < LIMIT_DATAGRAMS; i++) {
        struct datagram *g = &fs->slot[i];
        if (!g->used) {
            take = take && !take->used ? take : g;
            continue;
        }
        if (memcmp(&g->key, key, sizeof *key) == 0) {
            if (is_old(g, now)) {
                slot_begin(g, key, now); /* the identification came again */
            }
            return g;
        }
        if (!take || (take->used && g->first < take->first)) {
            take = g;
        }
    }
    slot_begin(take, key, now);
    return take;
}

static struct key key_of(const struct packet *p, const struct fragment *f)
{
    struct key key;
    memset(&key, 0, sizeof key); /* compared as bytes */
    memcpy(key.src, p->src.ip, 16);
    memcpy(key.dst, p->dst.ip, 16);
    key.id = f->id;
    key.tunnel = p->tunnel;
    key.vlan = p->vlan;
    key.ip_version = p->ip_version;
    key.proto = p->ip_version == 4 ? f->proto : 0;
    return key;
}

/* ---- bytes ---- */

static bool reserve(struct datagram *g, uint32_t n)
{
    if (n <= g->size) {
        return true;
    }
    uint32_t size = g->size ? g->size : 2048;
    while (size < n) {
        size *= 2;
    }
    uint8_t *bytes = realloc(g->bytes, size);
    if (!bytes) {
        return false;
    }
    g->bytes = bytes;
    g->size = size;
    return true;
}

/* Copies the fragment's blocks that are not here yet. Returns whether some
 * were here with other bytes, or some only were here: an overlap. */
static bool fill(struct datagram *g, const struct fragment *f)
{
    bool any_new = false;
    bool any_here = false;
    bool conflict = false;
    struct span rest = f->bytes;
    for (uint32_t at = f->offset; rest.n; at += BLOCK_BYTES) {
        struct span block = span_sub(rest, 0, BLOCK_BYTES);
        uint64_t bit = UINT64_C(1) << (at / BLOCK_BYTES % 64);
        uint64_t *word = &g->here[at / BLOCK_BYTES / 64];
        if (*word & bit) {
            any_here = true;
            conflict |= memcmp(g->bytes + at, block.p, block.n) != 0;
        } else {
            any_new = true;
            *word |= bit;
            g->blocks++;
            memcpy(g->bytes + at, block.p, block.n);
        }
        rest = span_sub(rest, BLOCK_BYTES, SIZE_MAX);
    }
    return conflict || (any_new && any_here);
}

/* Whether the fragment's place contradicts what is known of the length. */
static bool contradicts(const struct datagram *g, const struct fragment *f)
{
    uint32_t end = f->offset + (uint32_t)f->bytes.n;
    if (!f->more && g->end > end) {
        return true;
    }
    return g->len != LEN_UNKNOWN &&
           (end > g->len || (!f->more && end != g->len));
}

static void condemn(struct datagram *g)
{
    g->condemned = true;
    free(g->bytes);
    g->bytes = NULL;
    g->size = 0;
}

static void add_piece(struct datagram *g, const struct fragment *f)
{
    uint32_t end = f->offset + (uint32_t)f->bytes.n;
    bool strict = g->key.ip_version == 6;
    if (contradicts(g, f)) {
        if (strict) {
            condemn(g);
        }
        return;
    }
    if (!reserve(g, end)) {
        return;
    }
    if (fill(g, f) && strict) {
        condemn(g);
        return;
    }
    if (f->offset == 0) {
        g->proto = f->proto;
    }
    if (!f->more) {
        g->len = end;
    }
    g->end = end > g->end ? end : g->end;
}

static bool is_whole(const struct datagram *g)
{
    return !g->condemned && g->len != LEN_UNKNOWN &&
           g->blocks == (g->len + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

/* ---- */

static bool is_sane(const struct fragment *f)
{
    if (f->bytes.n == 0 || f->bytes.n > LIMIT_DATAGRAM_BYTES - f->offset) {
        return false;
    }
    return !f->more || f->bytes.n % BLOCK_BYTES == 0;
}

enum decode_result fragment_add(struct walk *w, const struct fragment *f,
                                struct span *whole, uint8_t *proto)
{
    struct decoder *d = w->d;
    if (!is_sane(f)) {
        return DECODE_MALFORMED;
    }
    if (!d->fragments) {
        d->fragments = calloc(1, sizeof *d->fragments);
    }
    if (!d->fragments || d->whole_n == LIMIT_NESTING) {
        return DECODE_FRAGMENT;
    }
    struct key key = key_of(w->out, f);
    struct datagram *g = slot_find(d->fragments, &key, w->out->when);
    if (!g->condemned) {
        add_piece(g, f);
    }
    if (!is_whole(g)) {
        return DECODE_FRAGMENT;
    }
    *whole = span_of(g->bytes, g->len);
    *proto = g->proto;
    d->whole[d->whole_n++] = g->bytes;
    g->bytes = NULL;
    slot_clear(g);
    return DECODE_PACKET;
}
