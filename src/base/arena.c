/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked memory with a cap, freed in one go. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

/* A ClientHello padded to 512 bytes and the first events fill it: half a
 * connection takes no more than one chunk. */
#define CHUNK_MIN_BYTES 720u
#define CHUNK_MAX_BYTES 16384u

/* What is pooled, and how many of it: some 12 MiB. Of the smallest there are as
 * many as small handshakes are freed at a time, thousands that waited for their
 * verdicts. The larger ones hold a hello with a post-quantum key share, and a
 * short chain. */
static const struct {
    uint32_t bytes, max;
} pooled[ARENA_POOL_SIZES] = {
    {CHUNK_MIN_BYTES, 8192}, {2000, 1024}, {4064, 1024}};

struct arena_chunk {
    struct arena_chunk *next;
    uint32_t size, used;
    alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *a, uint32_t cap_bytes)
{
    *a = (struct arena){.cap_bytes = cap_bytes};
}

void arena_init_pooled(struct arena *a, uint32_t cap_bytes,
                       struct arena_pool *pool)
{
    *a = (struct arena){.cap_bytes = cap_bytes, .pool = pool};
}

void arena_pool_fini(struct arena_pool *p)
{
    for (unsigned i = 0; i < ARENA_POOL_SIZES; i++) {
        while (p->sizes[i].free) {
            struct arena_chunk *c = p->sizes[i].free;
            p->sizes[i].free = c->next;
            free(c);
        }
        p->sizes[i].n = 0;
    }
    p->bytes = 0;
}

/* The smallest pooled size of at least `size` bytes; ARENA_POOL_SIZES when it
 * is larger than all of them. */
static unsigned size_class(size_t size)
{
    unsigned i = 0;
    while (i < ARENA_POOL_SIZES && pooled[i].bytes < size) {
        i++;
    }
    return i;
}

/* The next one that is taken may have been idle for long. */
static void load_chunk(const struct arena_chunk *c)
{
    const size_t usual = 512; /* what half a connection fills of it */
    for (size_t at = 0; c && at < usual; at += 64) {
        __builtin_prefetch((const uint8_t *)c + at, 1);
    }
}

/* A chunk from the pool, or one from the system. */
static struct arena_chunk *chunk_new(struct arena_pool *p, size_t size)
{
    unsigned class = p ? size_class(size) : ARENA_POOL_SIZES;
    if (class < ARENA_POOL_SIZES && p->sizes[class].free &&
        pooled[class].bytes == size) {
        struct arena_chunk *c = p->sizes[class].free;
        p->sizes[class].free = c->next;
        p->sizes[class].n--;
        p->bytes -= size;
        load_chunk(c->next);
        return c;
    }
    return malloc(sizeof(struct arena_chunk) + size);
}

static void chunk_free(struct arena_pool *p, struct arena_chunk *c)
{
    unsigned class = p ? size_class(c->size) : ARENA_POOL_SIZES;
    if (class == ARENA_POOL_SIZES || c->size != pooled[class].bytes ||
        p->sizes[class].n >= pooled[class].max ||
        (p->max_bytes && p->bytes + c->size > p->max_bytes)) {
        free(c);
        return;
    }
    c->next = p->sizes[class].free;
    p->sizes[class].free = c;
    p->sizes[class].n++;
    p->bytes += c->size;
}

void arena_free(struct arena *a)
{
    struct arena_chunk *c = a->head;
    while (c) {
        struct arena_chunk *next = c->next;
        chunk_free(a->pool, c);
        c = next;
    }
    a->head = NULL;
    a->used_bytes = 0;
    a->limited = false;
}

static struct arena_chunk *chunk_add(struct arena *a, size_t need)
{
    size_t size = CHUNK_MIN_BYTES;
    if (a->head && a->used_bytes >= 2 * CHUNK_MIN_BYTES) {
        size =
            a->used_bytes < CHUNK_MAX_BYTES ? a->used_bytes : CHUNK_MAX_BYTES;
    }
    if (size < need) {
        size = need;
    }
    unsigned class = a->pool ? size_class(size) : ARENA_POOL_SIZES;
    if (class < ARENA_POOL_SIZES) {
        size = pooled[class].bytes;
    }
    size_t total = sizeof(struct arena_chunk) + size;
    if (total > a->cap_bytes - a->used_bytes) {
        size = need;
        total = sizeof(struct arena_chunk) + size;
    }
    if (total > a->cap_bytes - a->used_bytes) {
        a->limited = true;
        return NULL;
    }
    struct arena_chunk *c = chunk_new(a->pool, size);
    if (!c) {
        a->limited = true;
        return NULL;
    }
    c->next = a->head;
    c->size = (uint32_t)size;
    c->used = 0;
    a->head = c;
    a->used_bytes += (uint32_t)total;
    return c;
}

void *arena_room(struct arena *a, size_t n)
{
    const size_t mask = alignof(max_align_t) - 1;
    if (n == 0) {
        n = 1;
    }
    if (n > a->cap_bytes) {
        a->limited = true;
        return NULL;
    }
    n = (n + mask) & ~mask;
    struct arena_chunk *c = a->head;
    if (!c || c->size - c->used < n) {
        c = chunk_add(a, n);
        if (!c) {
            return NULL;
        }
    }
    void *p = c->bytes + c->used;
    c->used += (uint32_t)n;
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = arena_room(a, n);
    if (p) {
        memset(p, 0, n);
    }
    return p;
}

bool arena_holds(const struct arena *a, uintptr_t address)
{
    for (const struct arena_chunk *c = a->head; c; c = c->next) {
        uintptr_t begin = (uintptr_t)c;
        if (address >= begin && address - begin < sizeof *c + c->size) {
            return true;
        }
    }
    return false;
}

struct span arena_copy(struct arena *a, struct span s)
{
    uint8_t *p = s.n ? arena_room(a, s.n) : NULL;
    if (!p) {
        return (struct span){NULL, 0};
    }
    memcpy(p, s.p, s.n);
    return (struct span){p, s.n};
}

char *arena_text(struct arena *a, struct span s)
{
    char *p = s.n < SIZE_MAX ? arena_room(a, s.n + 1) : NULL;
    if (!p) {
        return NULL;
    }
    if (s.n) {
        memcpy(p, s.p, s.n);
    }
    p[s.n] = '\0';
    return p;
}
