/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of entries by hash, and one list through all of them by use. Places
 * count from 1; 0 ends a chain. Entries lie in blocks that come as they are
 * needed, most tables stay nearly empty.
 */
#include "base/lru.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SHIFT   7u
#define BLOCK_ENTRIES (1u << BLOCK_SHIFT)
#define BUCKETS_FIRST 64u

/* Followed by the user's bytes. */
struct entry {
    uint64_t key;
    uint32_t chain;        /* the next of the same bucket */
    uint32_t newer, older; /* in the order of use */
    uint32_t at;           /* its own place */
    uint64_t bytes[];
};

struct lru {
    uint32_t max, n;
    uint32_t room;    /* entries in the blocks */
    uint32_t buckets; /* a power of two */
    uint32_t newest, oldest;
    size_t entry_bytes; /* with what goes before the user's */
    lru_drop drop;
    uint32_t *heads;
    uint8_t **blocks;
};

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool add_block(struct lru *t)
{
    uint32_t n = least(BLOCK_ENTRIES, t->max - t->room);
    uint8_t *block = reallocarray(NULL, n, t->entry_bytes);
    if (block) {
        t->blocks[t->room >> BLOCK_SHIFT] = block;
        t->room += n;
    }
    return block != NULL;
}

struct lru *lru_new(uint32_t max, size_t entry_bytes, lru_drop drop)
{
    struct lru *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    t->max = max;
    t->drop = drop;
    t->entry_bytes = sizeof(struct entry) + (entry_bytes + 7) / 8 * 8;
    t->buckets = BUCKETS_FIRST;
    t->heads = calloc(t->buckets, sizeof *t->heads);
    t->blocks = calloc((max >> BLOCK_SHIFT) + 1, sizeof *t->blocks);
    if (!t->heads || !t->blocks || !add_block(t)) {
        lru_free(t);
        return NULL;
    }
    return t;
}

static struct entry *entry_at(const struct lru *t, uint32_t at)
{
    uint32_t i = at - 1;
    return (struct entry *)(void *)(t->blocks[i >> BLOCK_SHIFT] +
                                    (i & (BLOCK_ENTRIES - 1)) * t->entry_bytes);
}

static struct entry *entry_of(const void *bytes)
{
    return (struct entry *)((uintptr_t)bytes - offsetof(struct entry, bytes));
}

void lru_free(struct lru *t)
{
    if (!t) {
        return;
    }
    for (uint32_t at = 1; t->drop && at <= t->n; at++) {
        t->drop(entry_at(t, at)->bytes);
    }
    for (uint32_t i = 0; t->blocks && i < t->room; i += BLOCK_ENTRIES) {
        free(t->blocks[i >> BLOCK_SHIFT]);
    }
    free(t->blocks);
    free(t->heads);
    free(t);
}

/* The hash's low bits may be fixed (never 0, always odd), its middle is not. */
static uint32_t *bucket_of(const struct lru *t, uint64_t key)
{
    return &t->heads[(key >> 32) & (t->buckets - 1)];
}

static struct entry *find(const struct lru *t, uint64_t key)
{
    for (uint32_t at = *bucket_of(t, key); at;) {
        struct entry *e = entry_at(t, at);
        if (e->key == key) {
            return e;
        }
        at = e->chain;
    }
    return NULL;
}

void *lru_find(const struct lru *t, uint64_t key)
{
    struct entry *e = find(t, key);
    return e ? e->bytes : NULL;
}

/* ---- the order of use ---- */

static void unlist(struct lru *t, const struct entry *e)
{
    *(e->newer ? &entry_at(t, e->newer)->older : &t->newest) = e->older;
    *(e->older ? &entry_at(t, e->older)->newer : &t->oldest) = e->newer;
}

static void list_newest(struct lru *t, struct entry *e)
{
    e->newer = 0;
    e->older = t->newest;
    *(t->newest ? &entry_at(t, t->newest)->newer : &t->oldest) = e->at;
    t->newest = e->at;
}

/* ---- entries that come and go ---- */

static void chain(struct lru *t, struct entry *e)
{
    uint32_t *head = bucket_of(t, e->key);
    e->chain = *head;
    *head = e->at;
}

static void unchain(struct lru *t, const struct entry *e)
{
    uint32_t *link = bucket_of(t, e->key);
    while (*link != e->at) {
        link = &entry_at(t, *link)->chain;
    }
    *link = e->chain;
}

/* Without memory chains get longer. */
static void add_buckets(struct lru *t)
{
    uint32_t *heads = calloc((size_t)t->buckets * 2, sizeof *heads);
    if (!heads) {
        return;
    }
    free(t->heads);
    t->heads = heads;
    t->buckets *= 2;
    for (uint32_t at = 1; at <= t->n; at++) {
        chain(t, entry_at(t, at));
    }
}

/* A place for one more, if need be (memory may be out, too) that of the longest
 * unused. */
static struct entry *make_room(struct lru *t)
{
    if (t->n == t->buckets && t->n < t->max) {
        add_buckets(t);
    }
    if (t->n < t->room || (t->n < t->max && add_block(t))) {
        struct entry *e = entry_at(t, ++t->n);
        e->at = t->n;
        return e;
    }
    struct entry *e = entry_at(t, t->oldest);
    if (t->drop) {
        t->drop(e->bytes);
    }
    unchain(t, e);
    unlist(t, e);
    return e;
}

void *lru_use(struct lru *t, uint64_t key)
{
    struct entry *e = find(t, key);
    if (e && e->at == t->newest) {
        return e->bytes;
    }
    if (e) {
        unlist(t, e);
    } else {
        e = make_room(t);
        memset(e->bytes, 0, t->entry_bytes - sizeof *e);
        e->key = key;
        chain(t, e);
    }
    list_newest(t, e);
    return e->bytes;
}

void *lru_next(const struct lru *t, const void *entry)
{
    uint32_t at = entry ? entry_of(entry)->older : t->newest;
    return at ? entry_at(t, at)->bytes : NULL;
}

void lru_prefetch(const struct lru *t, uint64_t key)
{
    __builtin_prefetch(bucket_of(t, key));
}

void lru_prefetch_entry(const struct lru *t, uint64_t key)
{
    uint32_t at = *bucket_of(t, key);
    at = at || t->n < t->max ? at : t->oldest;
    if (at) {
        const struct entry *e = entry_at(t, at);
        __builtin_prefetch(e);
        __builtin_prefetch((const uint8_t *)e + t->entry_bytes - 1);
    }
}
