/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked memory with a cap, freed in one go. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

/* With a usual ClientHello and the first events in it, half a connection takes
 * no more than one chunk. */
#define CHUNK_MIN_BYTES 880u
#define CHUNK_MAX_BYTES 16384u
#define POOL_CHUNKS_MAX 4096u

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
    while (p->free) {
        struct arena_chunk *c = p->free;
        p->free = c->next;
        free(c);
    }
    p->n = 0;
}

/* A chunk of the smallest size from the pool, or one from the system. */
static struct arena_chunk *chunk_new(struct arena_pool *p, size_t size)
{
    if (p && p->free && size == CHUNK_MIN_BYTES) {
        struct arena_chunk *c = p->free;
        p->free = c->next;
        p->n--;
        return c;
    }
    return malloc(sizeof(struct arena_chunk) + size);
}

static void chunk_free(struct arena_pool *p, struct arena_chunk *c)
{
    if (!p || c->size != CHUNK_MIN_BYTES || p->n >= POOL_CHUNKS_MAX) {
        free(c);
        return;
    }
    c->next = p->free;
    p->free = c;
    p->n++;
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
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (!p) {
        return NULL;
    }
    if (s.n) {
        memcpy(p, s.p, s.n);
    }
    return p;
}
