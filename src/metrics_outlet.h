/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How metrics leave: by HTTP to whoever scrapes them, or as a file for
 * node-exporter's textfile collector. No thread: the owner polls.
 */
#ifndef METRICS_OUTLET_H
#define METRICS_OUTLET_H

#include "report/metrics.h"

struct metrics_outlet;

/* Prints the metrics as they are now. */
typedef void metrics_source(void *ctx, enum metrics_format format,
                            struct text *out);

/*
 * `where` is PORT (of the loopback address), ADDRESS:PORT, [ADDRESS]:PORT, or
 * the name of a file that ends in .prom. Listens at once. On failure NULL and
 * one line in error[].
 */
struct metrics_outlet *metrics_outlet_new(const char *where,
                                          metrics_source *source, void *ctx,
                                          char error[256]);

/* Answers requests that came, or writes the file when it is time. */
void metrics_outlet_poll(struct metrics_outlet *m);

/* For the sandbox: how the file is made (its directory is -1: there is none),
 * and whether connections are accepted. */
struct renewal *metrics_outlet_renewal(struct metrics_outlet *m);
bool metrics_outlet_serves(const struct metrics_outlet *m);

/* Writes the file a last time. */
void metrics_outlet_free(struct metrics_outlet *m);

/* The HTTP library, one line; NULL when it is not compiled in. */
const char *metrics_outlet_version(void);

#endif
