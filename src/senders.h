/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a run as JSON Lines to what a fleet of sensors feeds: Kafka,
 * Redis. One process a destination (send/sender.h), told apart by what the
 * options say.
 */
#ifndef SENDERS_H
#define SENDERS_H

#include "options.h"
#include "report/metrics.h"

#include <signal.h>

struct senders;

/*
 * To be called before captures, key logs and sockets are opened, and before
 * threads: the senders' processes shall have nothing of them. *out is NULL when
 * no destination was asked for. On failure false, with what could not be
 * started in *name and one line in error[].
 */
bool senders_start(const struct options *o, struct senders **out,
                   const char **name, char error[256]);

/* Whether the options say what can be started; starts nothing. */
bool senders_check(const struct options *o, char error[256]);

/* All of these take NULL. */
void senders_record(struct senders *s, const struct record *r);
void senders_poll(struct senders *s);
void senders_gauges(const struct senders *s, struct metrics_gauges *g);

/* Waits as sender_finish() does, and says what became of the records. False
 * when some were lost. */
bool senders_finish(struct senders *s, const volatile sig_atomic_t *hurry);
void senders_free(struct senders *s);

/* The libraries, one line each; prints nothing when there is none. */
void senders_print_versions(void);

#endif
