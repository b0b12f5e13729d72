/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service has besides its output: metrics, the system's log, and
 * systemd's interest in its health. Opened before the process is confined,
 * polled from the reading loop.
 */
#ifndef OUTLETS_H
#define OUTLETS_H

#include "options.h"
#include "report/metrics.h"

struct outlets;

/* The state of the program, for metrics. What the outlets know themselves
 * (the process) is filled in already. */
typedef void outlets_state(void *ctx, struct totals *t,
                           struct metrics_gauges *g);

/* On failure NULL, with what could not be opened in *name and one line in
 * error[]. */
struct outlets *outlets_new(const struct options *o, outlets_state *state,
                            void *ctx, const char **name, char error[256]);
void outlets_record(struct outlets *o, const struct record *r);

/* Capturing has begun, ... */
void outlets_ready(struct outlets *o);
/* goes on (cheap: to be called several times a second), ... */
void outlets_poll(struct outlets *o);
/* and ends; frees them. */
void outlets_free(struct outlets *o);

/* For the sandbox, as struct confine_needs has them. */
bool outlets_serve(const struct outlets *o);
struct renewal *outlets_renewal(const struct outlets *o);
int outlets_reconnecting(const struct outlets *o);

#endif
