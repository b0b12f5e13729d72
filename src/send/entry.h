/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record with its key as it lies in the ring and in the spill file: this
 * head, the key, the record, and zeros up to a multiple of ENTRY_ALIGN. One
 * form for both, so that what cannot be delivered goes from memory to disk as
 * it is, many at once. It never leaves this machine.
 */
#ifndef SEND_ENTRY_H
#define SEND_ENTRY_H

#include "base/hash.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_ALIGN 16u
#define ENTRY_MARK  0x5350494cu

struct entry {
    uint32_t mark, key_n, record_n;
    uint32_t sum; /* in the file only */
};

/* Both the ring and the file may hold anything. */
static inline bool entry_is_plausible(const struct entry *e)
{
    return e->mark == ENTRY_MARK && e->key_n <= LIMIT_SEND_KEY_BYTES &&
           e->record_n > 0 && e->record_n <= LIMIT_SEND_RECORD_BYTES;
}

/* Of the head, a plausible one, and all that belongs to it. */
static inline size_t entry_bytes(const struct entry *e)
{
    size_t n = sizeof *e + e->key_n + e->record_n;
    return (n + ENTRY_ALIGN - 1) / ENTRY_ALIGN * ENTRY_ALIGN;
}

#define ENTRY_BYTES_MAX                                                        \
    (sizeof(struct entry) + LIMIT_SEND_KEY_BYTES + LIMIT_SEND_RECORD_BYTES +   \
     ENTRY_ALIGN)

/* Of a key and a record that follow each other. Against torn writes, not
 * against forgers. */
static inline uint32_t entry_sum(const char *p, size_t n)
{
    static const struct hash_seed none = {ENTRY_MARK, ENTRY_MARK};
    return (uint32_t)hash_bytes(&none, span_of(p, n));
}

#endif
