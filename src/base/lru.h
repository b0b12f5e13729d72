/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded table that forgets its longest unused entry. Which one that is
 * depends on the order of use alone, never on the hash: the same traffic leaves
 * the same entries whatever the seed of the keys.
 *
 * Keys are seeded hashes of 64 bits (hash.h), which stand for what they were
 * made of: nobody can choose two that collide, and by chance none will.
 */
#ifndef BASE_LRU_H
#define BASE_LRU_H

#include <stddef.h>
#include <stdint.h>

struct lru;

/* Called with an entry before it is forgotten. */
typedef void (*lru_drop)(void *entry);

/* A table of at most `max` entries of so many bytes, aligned for uint64_t.
 * Memory is taken as entries come; without it the table forgets as if it were
 * full. `drop` may be NULL. NULL when memory is out. */
struct lru *lru_new(uint32_t max, size_t entry_bytes, lru_drop drop);

/* Drops all entries. NULL is allowed. */
void lru_free(struct lru *t);

/* The entry of a key, or NULL. Does not count as use. */
void *lru_find(const struct lru *t, uint64_t key);

/* The entry of a key as the last one used, made of zeros when there was none.
 * It stays where it is until it is forgotten. */
void *lru_use(struct lru *t, uint64_t key);

/* The next entry after this one (NULL: the first), the last used first; NULL at
 * the end. */
void *lru_next(struct lru *t, const void *entry);

/* Asks the processor to have a key's place at hand; and when that has come, the
 * entry there, or the one that will have to go. */
void lru_prefetch(const struct lru *t, uint64_t key);
void lru_prefetch_entry(const struct lru *t, uint64_t key);

#endif
