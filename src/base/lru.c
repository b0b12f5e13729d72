/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of entries by hash, and one list through all of them by use. Links are
 * places in the table, from 1; 0 ends a chain.
 */
#include "base/lru.h"

#include <stdlib.h>
#include <string.h>

struct link {
    uint64_t key;
    uint32_t chain;        /* the next of the same bucket */
    uint32_t newer, older; /* in the order of use */
};

struct lru {
    uint32_t max, n, buckets; /* buckets: a power of two */
    uint32_t newest, oldest;
    size_t entry_bytes;
    lru_drop drop;
    uint32_t *heads;
    struct link *links;
    uint8_t *entries;
};

struct lru *lru_new(uint32_t max, size_t entry_bytes, lru_drop drop)
{
    struct lru *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    t->max = max;
    t->drop = drop;
    t->entry_bytes = (entry_bytes + 7) / 8 * 8;
    t->buckets = 1;
    while (t->buckets < max) {
        t->buckets *= 2;
    }
    t->heads = calloc(t->buckets, sizeof *t->heads);
    t->links = reallocarray(NULL, (size_t)max + 1, sizeof *t->links);
    t->entries = reallocarray(NULL, max, t->entry_bytes);
    if (!t->heads || !t->links || !t->entries) {
        lru_free(t);
        return NULL;
    }
    return t;
}

static void *entry_at(const struct lru *t, uint32_t at)
{
    return t->entries + (size_t)(at - 1) * t->entry_bytes;
}

void lru_free(struct lru *t)
{
    if (!t) {
        return;
    }
    for (uint32_t at = 1; t->drop && at <= t->n; at++) {
        t->drop(entry_at(t, at));
    }
    free(t->heads);
    free(t->links);
    free(t->entries);
    free(t);
}

/* The hash's low bits may be fixed (never 0, always odd), its middle is not. */
static uint32_t *bucket_of(const struct lru *t, uint64_t key)
{
    return &t->heads[(key >> 32) & (t->buckets - 1)];
}

static uint32_t place_of(const struct lru *t, uint64_t key)
{
    uint32_t at = *bucket_of(t, key);
    while (at && t->links[at].key != key) {
        at = t->links[at].chain;
    }
    return at;
}

void *lru_find(const struct lru *t, uint64_t key)
{
    uint32_t at = place_of(t, key);
    return at ? entry_at(t, at) : NULL;
}

/* ---- the order of use ---- */

static void unlist(struct lru *t, uint32_t at)
{
    const struct link *l = &t->links[at];
    *(l->newer ? &t->links[l->newer].older : &t->newest) = l->older;
    *(l->older ? &t->links[l->older].newer : &t->oldest) = l->newer;
}

static void list_newest(struct lru *t, uint32_t at)
{
    t->links[at].newer = 0;
    t->links[at].older = t->newest;
    *(t->newest ? &t->links[t->newest].newer : &t->oldest) = at;
    t->newest = at;
}

/* ---- entries that come and go ---- */

static void unchain(struct lru *t, uint32_t at)
{
    uint32_t *link = bucket_of(t, t->links[at].key);
    while (*link != at) {
        link = &t->links[*link].chain;
    }
    *link = t->links[at].chain;
}

/* A place for one more, if need be that of the longest unused. Places are not
 * touched before they are needed: most tables stay nearly empty. */
static uint32_t make_room(struct lru *t)
{
    uint32_t at = t->oldest;
    if (t->n < t->max) {
        at = ++t->n;
    } else {
        if (t->drop) {
            t->drop(entry_at(t, at));
        }
        unchain(t, at);
        unlist(t, at);
    }
    memset(entry_at(t, at), 0, t->entry_bytes);
    return at;
}

void *lru_use(struct lru *t, uint64_t key)
{
    uint32_t at = place_of(t, key);
    if (at && at == t->newest) {
        return entry_at(t, at);
    }
    if (at) {
        unlist(t, at);
    } else {
        at = make_room(t);
        uint32_t *head = bucket_of(t, key);
        t->links[at].key = key;
        t->links[at].chain = *head;
        *head = at;
    }
    list_newest(t, at);
    return entry_at(t, at);
}

void *lru_next(const struct lru *t, const void *entry)
{
    uint32_t at = t->newest;
    if (entry) {
        size_t offset = (size_t)((const uint8_t *)entry - t->entries);
        at = t->links[offset / t->entry_bytes + 1].older;
    }
    return at ? entry_at(t, at) : NULL;
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
        __builtin_prefetch(&t->links[at]);
        __builtin_prefetch(entry_at(t, at));
    }
}
