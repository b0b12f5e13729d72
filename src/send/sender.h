/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends records to a destination by a process of its own: what captures and
 * parses has no way to the network, and what talks to the network never sees a
 * packet. It is forked before captures and secrets are opened.
 *
 * The caller never waits for the network: records wait in a bounded queue here,
 * then in a pipe, with the destination's library, and in a spill file while the
 * destination is away. What fits nowhere is lost and counted.
 */
#ifndef SEND_SENDER_H
#define SEND_SENDER_H

#include "sandbox/sandbox.h"
#include "send/destination.h"
#include "send/spill.h"

#include <signal.h>

struct sender_options {
    struct destination *to;          /* borrowed */
    struct spill *spill;             /* borrowed */
    const struct sandbox_plan *plan; /* for the process; NULL: unconfined */
    bool patient; /* records at rest: wait for room rather than lose some */
    bool quiet;   /* no messages on standard error */
};

struct sender_counts {
    uint64_t delivered;
    uint64_t kept; /* in the spill file, now */
    uint64_t lost;
    bool away; /* the destination */
};

struct sender;

/* Forks, and waits until the process is ready. On failure NULL and one line in
 * error[]. */
struct sender *sender_start(const struct sender_options *o, char error[256]);

/* Takes a record; only a patient sender may wait. */
void sender_send(struct sender *s, struct span key, struct span record);

/* Hands on what is queued, hears what became of it. Cheap. */
void sender_poll(struct sender *s);

/*
 * No more records: sender_goodbye() says so, sender_finish() waits until all
 * are delivered or kept; live until LIMIT_SEND_LIVE_MS after the goodbye, a
 * patient one as long as something is delivered every LIMIT_SEND_PATIENCE_MS.
 * A signal that sets *hurry makes it short.
 */
void sender_goodbye(struct sender *s, const volatile sig_atomic_t *hurry);
void sender_finish(struct sender *s, const volatile sig_atomic_t *hurry);

void sender_counts(const struct sender *s, struct sender_counts *out);
void sender_free(struct sender *s);

#endif
