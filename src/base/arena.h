/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one connection: many small allocations, freed in one go, with a
 * cap. Zeroed struct arena is valid and empty with cap 0 (every allocation
 * fails).
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

struct arena_chunk;

#define ARENA_POOL_SIZES 3u

/* Chunks of freed arenas in the usual sizes, kept for the next ones (bounded).
 * Zeroed is valid and empty. Must outlive the arenas that use it. */
struct arena_pool {
    struct {
        struct arena_chunk *free;
        uint32_t n;
    } sizes[ARENA_POOL_SIZES];
    size_t bytes;     /* kept */
    size_t max_bytes; /* to be kept; 0: bounded by numbers only */
};

void arena_pool_fini(struct arena_pool *p);

struct arena {
    struct arena_chunk *head;
    uint32_t used_bytes; /* what was taken from the system */
    uint32_t cap_bytes;
    bool limited;            /* an allocation was refused because of the cap */
    struct arena_pool *pool; /* borrowed; NULL: none */
};

void arena_init(struct arena *a, uint32_t cap_bytes);

/* arena_init() for an arena that takes its small chunks from a pool. */
void arena_init_pooled(struct arena *a, uint32_t cap_bytes,
                       struct arena_pool *pool);

/* Frees everything; the arena is empty and usable again. */
void arena_free(struct arena *a);

/* n zeroed bytes, aligned for any type; NULL when the cap or memory is out
 * (`limited` is then set). */
void *arena_alloc(struct arena *a, size_t n);

/* The same with whatever is in there, for who fills all of it. */
void *arena_room(struct arena *a, size_t n);

/* Whether an address is inside the arena. */
bool arena_holds(const struct arena *a, uintptr_t address);

/* A copy of s inside the arena; empty when it does not fit. */
struct span arena_copy(struct arena *a, struct span s);

/* A copy of s with a NUL behind it; NULL when it does not fit. Bytes are kept
 * as they are, embedded NULs too. */
char *arena_text(struct arena *a, struct span s);

#endif
