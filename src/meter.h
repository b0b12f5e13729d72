/* SPDX-License-Identifier: Apache-2.0 */
/* One line on a terminal that tells how far a long read is. */
#ifndef METER_H
#define METER_H

#include "base/text.h"

#include <stdio.h>

struct meter {
    FILE *to;        /* NULL: shows nothing */
    unsigned width;  /* columns */
    bool shown;      /* a line stands there */
    tick_t started;  /* wall clock */
    tick_t next;     /* when it may be written again */
    uint64_t frames; /* counted since the last look at the clock */
};

struct meter_reading {
    uint64_t bytes, bytes_total; /* of the files; total 0: unknown */
    uint64_t packets;
    uint64_t connections, failures;
};

/* `to` must be a terminal of `width` columns, or NULL. */
void meter_init(struct meter *m, FILE *to, unsigned width, tick_t now);

/* Counts a frame; true once in a few thousand: then look at the clock and
 * show what there is. */
static inline bool meter_due(struct meter *m)
{
    return m->to && (++m->frames & 4095) == 0;
}

/* Writes the line, at most five times a second and not in the first second. */
void meter_show(struct meter *m, tick_t now, const struct meter_reading *r);

/* The line itself: "1.2 of 4.0 GB (30 %), 812,000 packets/s, 12 s left, 17
 * failures". */
void meter_text(struct text *t, tick_t elapsed, const struct meter_reading *r);

/* Takes the line away, before anything else is written. */
void meter_clear(struct meter *m);

#endif
