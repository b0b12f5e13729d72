/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters for Prometheus: the text format 0.0.4 and OpenMetrics 1.0. Labels
 * come from our own vocabularies only (causes, alerts, ends), so that traffic
 * cannot make more of them; servers are those that were named.
 */
#ifndef REPORT_METRICS_H
#define REPORT_METRICS_H

#include "report/report.h"

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

/* What is in force of the sandbox; one sample each. */
struct metrics_layer {
    const char *name;
    bool on;
};
#define METRICS_LAYERS 5u

/* Where records are sent to. */
struct metrics_destination {
    const char *kind; /* NULL: none */
    uint64_t delivered, lost;
    uint64_t kept; /* in the spill file, now */
    bool up;
};
#define METRICS_DESTINATIONS 2u

/* What others count. */
struct metrics_gauges {
    uint64_t records_written, records_lost;
    double start_time; /* seconds since 1970 */
    double cpu_seconds;
    uint64_t resident_bytes;
    struct metrics_layer layers[METRICS_LAYERS];
    struct metrics_destination destinations[METRICS_DESTINATIONS];
};

struct metrics; /* counts of failures */

/*
 * `servers`: who has series of his own, or NULL; names as clients ask for them
 * (SNI), addresses, or addresses with port, separated by commas. NULL when the
 * list is no such list (one line in error[]), or memory is out.
 */
struct metrics *metrics_new(const char *servers, char error[256]);
void metrics_free(struct metrics *m);
/* Failures; with servers, also what else there is of theirs. */
void metrics_add(struct metrics *m, const struct record *r);

/* Whether a list of servers is one; else one line in error[]. */
bool metrics_check_servers(const char *servers, char error[256]);

/* Appends all of it. */
void metrics_print(const struct metrics *m, const struct totals *t,
                   const struct metrics_gauges *g, enum metrics_format format,
                   struct text *out);

#endif
