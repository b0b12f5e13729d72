/* SPDX-License-Identifier: Apache-2.0 */
/* Holds metrics, log and service together, and knows the process. */
#include "config.h"

#include "outlets.h"

#include "messages.h"
#include "metrics_outlet.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define POLL_EVERY (20 * TICK_MSEC)

struct outlets {
    outlets_state *state;
    void *ctx;
    struct metrics *metrics; /* NULL: none wanted */
    struct metrics_outlet *outlet;
    struct syslog_outlet *log; /* NULL: none wanted */
    struct service service;
    int statm; /* /proc/self/statm, opened while that is allowed */
    double start_time;
    tick_t due;
};

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static uint64_t resident(int statm)
{
    char text[128];
    uint64_t total;
    uint64_t pages = 0;
    ssize_t n = statm >= 0 ? pread(statm, text, sizeof text - 1, 0) : -1;
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%" SCNu64 " %" SCNu64, &total, &pages) != 2) {
        return 0;
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void print(void *ctx, enum metrics_format format, struct text *out)
{
    const struct outlets *o = ctx;
    struct totals t = {0};
    struct metrics_gauges g = {.start_time = o->start_time,
                               .resident_bytes = resident(o->statm)};
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) == 0) {
        g.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
    }
    o->state(o->ctx, &t, &g);
    metrics_print(o->metrics, &t, &g, format, out);
}

static bool open_metrics(struct outlets *o, const char *where,
                         const char *servers, char error[256])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    o->start_time = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    o->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    o->metrics = metrics_new(servers, error);
    if (o->metrics) {
        o->outlet = metrics_outlet_new(where, print, o, error);
    }
    return o->outlet;
}

struct outlets *outlets_new(const struct options *options, outlets_state *state,
                            void *ctx, const char **name, char error[256])
{
    struct outlets *o = calloc(1, sizeof *o);
    *name = "start";
    if (!o) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    *o = (struct outlets){.state = state, .ctx = ctx, .statm = -1};
    service_init(&o->service);
    bool ok = true;
    if (options->metrics) {
        *name = options->metrics;
        ok = open_metrics(o, options->metrics, options->metrics_servers, error);
    }
    if (ok && options->syslog) {
        *name = "--syslog";
        o->log = syslog_outlet_new(MESSAGES_LOG, error);
        ok = o->log;
    }
    if (!ok) {
        outlets_free(o);
        return NULL;
    }
    return o;
}

void outlets_record(struct outlets *o, const struct record *r)
{
    if (o->metrics) {
        metrics_add(o->metrics, r);
    }
    syslog_outlet_record(o->log, r);
}

void outlets_ready(struct outlets *o)
{
    service_ready(&o->service);
}

void outlets_poll(struct outlets *o)
{
    tick_t now = tick_now();
    if (now < o->due) {
        return;
    }
    o->due = now + POLL_EVERY;
    service_alive(&o->service);
    if (o->outlet) {
        metrics_outlet_poll(o->outlet);
    }
}

void outlets_free(struct outlets *o)
{
    if (!o) {
        return;
    }
    service_stopping(&o->service);
    if (syslog_outlet_lost(o->log)) {
        fprintf(stderr,
                "tlswhy: %" PRIu64 " messages to the system's log were lost\n",
                syslog_outlet_lost(o->log));
    }
    metrics_outlet_free(o->outlet);
    metrics_free(o->metrics);
    syslog_outlet_free(o->log);
    if (o->statm >= 0) {
        close(o->statm);
    }
    free(o);
}

bool outlets_serve(const struct outlets *o)
{
    return o && metrics_outlet_serves(o->outlet);
}

struct renewal *outlets_renewal(const struct outlets *o)
{
    return o ? metrics_outlet_renewal(o->outlet) : NULL;
}

int outlets_reconnecting(const struct outlets *o)
{
    return o ? syslog_outlet_socket(o->log) : -1;
}
