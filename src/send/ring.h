/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records on their way from the process that captures to one that sends: a
 * bounded queue in memory that both share, with one writer and one reader. No
 * lock, no system call and no copy but the writer's own, so that a busy reader
 * costs the capture nothing and room is the only bound.
 *
 * Neither side trusts the other: each keeps its own place to itself and checks
 * what it reads, since either may be a stranger's by now. Contents may change
 * while they are read; whoever decides by them copies them first.
 *
 * Made before the process is forked; both then use their copy of `struct ring`.
 */
#ifndef SEND_RING_H
#define SEND_RING_H

#include "base/span.h"
#include "send/entry.h"

struct ring;

/* NULL when memory is out. It holds about LIMIT_SEND_QUEUE_BYTES; memory is
 * taken as it fills. */
struct ring *ring_new(void);
void ring_free(struct ring *r);
/* After the fork: processes that come later do not get it. */
void ring_hide(struct ring *r);

/* ---- the writer ---- */

bool ring_has_room(struct ring *r, size_t key_n, size_t record_n);
/* False: no room. Lengths are within their limits. */
bool ring_put(struct ring *r, struct span key, struct span record);
/* Bytes not taken yet. */
size_t ring_filled(struct ring *r);
/* The reader is to be woken: it sleeps, and something came. */
bool ring_wants_bell(struct ring *r);
/* Asks to be told when there is room. */
void ring_wait(struct ring *r);
/* No more records come; delivery may go on for so long. Not 0. */
void ring_say_goodbye(struct ring *r, uint32_t ms);

/* ---- the reader ---- */

/* The first entry: its head is copied and good, `*p` is where it lies, whole.
 * False: there is none, or, when *lies, the writer wrote nonsense. */
bool ring_first(struct ring *r, struct entry *head, char **p, bool *lies);
/* After ring_first(): bytes that follow each other from it on; more entries,
 * unchecked. */
size_t ring_run(struct ring *r);
/* n bytes from the first on are done with. */
void ring_take(struct ring *r, size_t n);
/* Bytes not taken yet. */
size_t ring_waiting(const struct ring *r);
/* Goes to sleep; false: no, something is there. */
bool ring_sleep(struct ring *r);
void ring_wake(struct ring *r);
/* The writer waits for room, and there is plenty. */
bool ring_is_waited_for(struct ring *r);
/* 0: not said. */
uint32_t ring_goodbye(const struct ring *r);

#endif
