/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Concluded handshakes on their way from several trackers, each in a thread of
 * its own, to the one thread that judges them; there they come in the order
 * that a single tracker would have had.
 *
 * One lane a tracker: a bounded ring with one producer and one consumer, and
 * no lock. A full lane makes its thread wait.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "tracker.h"

struct outbox;

/* NULL when memory is out. */
struct outbox *outbox_new(unsigned lanes);

/* No thread may use it any more; the trackers must still be there. */
void outbox_free(struct outbox *o);

/* ---- the threads of the trackers ---- */

/* Moves a concluded handshake into the lane. */
void outbox_put(struct outbox *o, unsigned lane, const struct handshake *hs,
                const struct tracker_order *at);

/* Everything that the lane's tracker concluded up to this step is in. */
void outbox_through(struct outbox *o, unsigned lane, uint64_t step);

/* ---- the thread that judges ---- */

/* The lane's tracker was given work up to this step. */
void outbox_expect(struct outbox *o, unsigned lane, uint64_t step);

/* Whether the lane's tracker has done all that it was given. */
bool outbox_is_through(const struct outbox *o, unsigned lane);

/*
 * Hands on what is there, in order: nothing goes while an earlier one may still
 * come. `take` returns whether it moved the handshake away, which has no arena
 * pool then. With any_order whatever is there goes. Returns how many.
 */
size_t outbox_drain(struct outbox *o, bool any_order,
                    bool (*take)(void *ctx, struct handshake *hs), void *ctx);

/* Waits until a thread has put something or is through, or a signal comes. */
void outbox_wait(struct outbox *o);

/* Nothing is drained any more: threads that wait go on, and what they put from
 * now on is freed. */
void outbox_close(struct outbox *o);

#endif
