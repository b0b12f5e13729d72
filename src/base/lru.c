/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of entries by hash, and one list through all of them by use. Entries
 * lie in blocks that come as they are needed, most tables stay nearly empty,
 * and stay where they are.
 *
 * A large table is not in the processor's cache, and to move an entry in the
 * list is to wait for its neighbours. So the list learns of uses late: of many
 * at once, whose neighbours are waited for together.
 */
#include "base/lru.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ENTRIES 128u
#define BUCKETS_FIRST 64u
#define LATE_USES     64u
#define AHEAD         8u
#define LINE_BYTES    64u

/* Followed by the user's bytes. */
struct entry {
    uint64_t key;
    struct entry *chain;         /* the next of the same bucket */
    struct entry *newer, *older; /* in the order of use; NULL: not listed yet */
    uint64_t used;               /* by the table's count of uses */
    uint64_t bytes[];
};

struct use {
    struct entry *entry;
    uint64_t when;
};

struct lru {
    uint32_t max, n;
    uint32_t room;    /* entries in the blocks */
    uint32_t buckets; /* a power of two */
    struct entry *newest, *oldest;
    uint64_t uses, listed;      /* so far; of which the list knows */
    struct use late[LATE_USES]; /* which it does not know */
    uint32_t late_n;
    size_t entry_bytes; /* with what goes before the user's */
    lru_drop drop;
    struct entry **heads;
    uint8_t **blocks;
};

static bool add_block(struct lru *t)
{
    uint32_t left = t->max - t->room;
    uint32_t n = left < BLOCK_ENTRIES ? left : BLOCK_ENTRIES;
    uint8_t *block = reallocarray(NULL, n, t->entry_bytes);
    if (block) {
        t->blocks[t->room / BLOCK_ENTRIES] = block;
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
    t->heads = calloc(t->buckets, sizeof(struct entry *));
    t->blocks = calloc(max / BLOCK_ENTRIES + 1, sizeof *t->blocks);
    if (!t->heads || !t->blocks || !add_block(t)) {
        lru_free(t);
        return NULL;
    }
    return t;
}

/* By when it was added. */
static struct entry *entry_at(const struct lru *t, uint32_t i)
{
    return (struct entry *)(void *)(t->blocks[i / BLOCK_ENTRIES] +
                                    i % BLOCK_ENTRIES * t->entry_bytes);
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
    for (uint32_t i = 0; t->drop && i < t->n; i++) {
        t->drop(entry_at(t, i)->bytes);
    }
    for (uint32_t i = 0; t->blocks && i < t->room; i += BLOCK_ENTRIES) {
        free(t->blocks[i / BLOCK_ENTRIES]);
    }
    free(t->blocks);
    free(t->heads);
    free(t);
}

/* The hash's low bits may be fixed (never 0, always odd), its middle is not. */
static struct entry **bucket_of(const struct lru *t, uint64_t key)
{
    return &t->heads[(key >> 32) & (t->buckets - 1)];
}

static struct entry *find(const struct lru *t, uint64_t key)
{
    struct entry *e = *bucket_of(t, key);
    while (e && e->key != key) {
        e = e->chain;
    }
    return e;
}

void *lru_find(const struct lru *t, uint64_t key)
{
    struct entry *e = find(t, key);
    return e ? e->bytes : NULL;
}

/* ---- the order of use ---- */

static bool is_listed(const struct lru *t, const struct entry *e)
{
    return e->newer || e == t->newest;
}

static void unlist(struct lru *t, const struct entry *e)
{
    *(e->newer ? &e->newer->older : &t->newest) = e->older;
    *(e->older ? &e->older->newer : &t->oldest) = e->newer;
}

static void list_newest(struct lru *t, struct entry *e)
{
    e->newer = NULL;
    e->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = e;
    t->newest = e;
}

static void prefetch_neighbours(const struct lru *t, uint32_t late)
{
    if (late < t->late_n) {
        __builtin_prefetch(t->late[late].entry->newer, 1);
        __builtin_prefetch(t->late[late].entry->older, 1);
    }
}

/* Tells the list of all uses; of those of one entry the last one counts. */
static void list_late(struct lru *t)
{
    for (uint32_t i = 0; i < AHEAD; i++) {
        prefetch_neighbours(t, i);
    }
    for (uint32_t i = 0; i < t->late_n; i++) {
        prefetch_neighbours(t, i + AHEAD);
        struct entry *e = t->late[i].entry;
        if (e->used == t->late[i].when) {
            if (is_listed(t, e)) {
                unlist(t, e);
            }
            list_newest(t, e);
        }
    }
    t->late_n = 0;
    t->listed = t->uses;
}

static void note_use(struct lru *t, struct entry *e)
{
    if (t->late_n == LATE_USES) {
        list_late(t);
    }
    e->used = ++t->uses;
    t->late[t->late_n++] = (struct use){e, e->used};
}

/* The longest unused entry: unless it was used since, it is the list's. */
static struct entry *oldest_of(struct lru *t)
{
    if (!t->oldest || t->oldest->used > t->listed) {
        list_late(t);
    }
    return t->oldest;
}

/* ---- entries that come and go ---- */

static void chain(struct lru *t, struct entry *e)
{
    struct entry **head = bucket_of(t, e->key);
    e->chain = *head;
    *head = e;
}

static void unchain(struct lru *t, const struct entry *e)
{
    struct entry **link = bucket_of(t, e->key);
    while (*link != e) {
        link = &(*link)->chain;
    }
    *link = e->chain;
}

/* Twice as many as entries, as the second of a chain is one more to wait for.
 * Without memory chains get longer. */
static void add_buckets(struct lru *t)
{
    struct entry **heads = calloc((size_t)t->buckets * 2, sizeof *heads);
    if (!heads) {
        return;
    }
    free(t->heads);
    t->heads = heads;
    t->buckets *= 2;
    for (uint32_t i = 0; i < t->n; i++) {
        chain(t, entry_at(t, i));
    }
}

/* A place for one more, if need be (memory may be out, too) that of the longest
 * unused. */
static struct entry *make_room(struct lru *t)
{
    if (t->n == t->buckets / 2 && t->n < t->max) {
        add_buckets(t);
    }
    if (t->n < t->room || (t->n < t->max && add_block(t))) {
        return entry_at(t, t->n++);
    }
    struct entry *e = oldest_of(t);
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
    if (e && e->used == t->uses) {
        return e->bytes;
    }
    if (!e) {
        e = make_room(t);
        memset(e->bytes, 0, t->entry_bytes - sizeof *e);
        e->key = key;
        e->newer = NULL;
        e->older = NULL;
        chain(t, e);
    }
    note_use(t, e);
    return e->bytes;
}

void *lru_next(struct lru *t, const void *entry)
{
    if (!entry) {
        list_late(t);
    }
    const struct entry *e = entry ? entry_of(entry)->older : t->newest;
    return e ? (void *)(uintptr_t)e->bytes : NULL;
}

void lru_prefetch(const struct lru *t, uint64_t key)
{
    __builtin_prefetch(bucket_of(t, key));
}

void lru_prefetch_entry(const struct lru *t, uint64_t key)
{
    const struct entry *e = *bucket_of(t, key);
    if (!e && t->n == t->max && t->oldest) {
        e = t->oldest;
        __builtin_prefetch(bucket_of(t, e->key));
        __builtin_prefetch(e->newer);
    }
    for (size_t at = 0; e && at < t->entry_bytes; at += LINE_BYTES) {
        __builtin_prefetch((const uint8_t *)e + at, 1);
    }
}
