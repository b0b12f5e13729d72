/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly of pieces that carry their own offset (RFC 6347 section 4.2.3, RFC
 * 9000 section 19.6). Receivers must take overlapping pieces; when they differ,
 * the first bytes stay, as in most stacks, and the conflict is marked.
 */
#include "dissectors/assembly.h"

#include <stdlib.h>

#define SIZE_FIRST   512u
#define RANGES_FIRST 4u

static bool reserve_bytes(struct assembly *a, uint32_t want)
{
    if (want <= a->size) {
        return true;
    }
    uint32_t size = a->size ? a->size : SIZE_FIRST;
    while (size < want) {
        size *= 2;
    }
    uint8_t *p = realloc(a->buf, size);
    if (!p) {
        return false;
    }
    a->buf = p;
    a->size = size;
    return true;
}

/* Room for one range more. */
static bool reserve_range(struct assembly *a)
{
    if (a->range_n < a->range_size) {
        return true;
    }
    if (a->range_n >= ASSEMBLY_RANGES_MAX) {
        return false;
    }
    size_t size = a->range_size ? a->range_size * 2u : RANGES_FIRST;
    struct assembly_range *p = realloc(a->range, size * sizeof *p);
    if (!p) {
        return false;
    }
    a->range = p;
    a->range_size = (uint16_t)size;
    return true;
}

/* Copies the part of a piece that lies in the hole [from, to). */
static void fill(struct assembly *a, uint32_t at, struct span bytes,
                 uint32_t from, uint32_t to)
{
    uint32_t end = at + (uint32_t)bytes.n;
    from = from > at ? from : at;
    to = to < end ? to : end;
    if (from < to) {
        memcpy(a->buf + from, bytes.p + (from - at), to - from);
    }
}

/* Notes when a piece disagrees with what is in [from, to). */
static void compare(struct assembly *a, uint32_t at, struct span bytes,
                    uint32_t from, uint32_t to)
{
    uint32_t end = at + (uint32_t)bytes.n;
    from = from > at ? from : at;
    to = to < end ? to : end;
    if (from < to &&
        memcmp(a->buf + from, bytes.p + (from - at), to - from) != 0) {
        a->conflict = true;
    }
}

/* Puts [from, to) into the list and joins it with its neighbours. */
static void add_range(struct assembly *a, uint32_t from, uint32_t to)
{
    unsigned first = 0;
    while (first < a->range_n && a->range[first].to < from) {
        first++;
    }
    unsigned past = first;
    while (past < a->range_n && a->range[past].from <= to) {
        from = a->range[past].from < from ? a->range[past].from : from;
        to = a->range[past].to > to ? a->range[past].to : to;
        past++;
    }
    size_t after = a->range_n - past;
    memmove(&a->range[first + 1], &a->range[past], after * sizeof *a->range);
    a->range[first] = (struct assembly_range){from, to};
    a->range_n = (uint16_t)(first + 1 + after);
}

enum assembly_put assembly_put(struct assembly *a, uint64_t offset,
                               struct span bytes)
{
    if (bytes.n == 0) {
        return ASSEMBLY_OLD;
    }
    if (offset >= a->max || bytes.n > a->max - offset) {
        return ASSEMBLY_REFUSED;
    }
    uint32_t at = (uint32_t)offset;
    uint32_t end = at + (uint32_t)bytes.n;
    uint32_t hole = 0; /* where the hole before the next range begins */
    bool new = false;
    for (unsigned i = 0; i < a->range_n; i++) {
        const struct assembly_range *r = &a->range[i];
        new = new || (at < r->from && end > hole);
        compare(a, at, bytes, r->from, r->to);
        hole = r->to;
    }
    new = new || end > hole;
    if (!new) {
        return ASSEMBLY_OLD;
    }
    if (!reserve_range(a) || !reserve_bytes(a, end)) {
        return ASSEMBLY_REFUSED;
    }
    hole = 0;
    for (unsigned i = 0; i < a->range_n; i++) {
        fill(a, at, bytes, hole, a->range[i].from);
        hole = a->range[i].to;
    }
    fill(a, at, bytes, hole, end);
    add_range(a, at, end);
    return ASSEMBLY_NEW;
}

struct span assembly_prefix(const struct assembly *a)
{
    if (a->range_n == 0 || a->range[0].from > 0) {
        return span_of(a->buf, 0);
    }
    return span_of(a->buf, a->range[0].to);
}

size_t assembly_bytes(const struct assembly *a)
{
    return a->size + a->range_size * sizeof *a->range;
}

void assembly_clear(struct assembly *a)
{
    uint32_t max = a->max;
    free(a->buf);
    free(a->range);
    *a = (struct assembly){.max = max};
}
