/* SPDX-License-Identifier: Apache-2.0 */
/* Watches interfaces, in one thread or in several. */
#include "config.h"

#include "run.h"

#include "relieve.h"
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>

#define DROP_NOTICE (60 * TICK_SEC)
#define LIVE_BUFFER (16u << 20) /* of one worker; four share four */
#define LIVE_BURST  256         /* frames before another interface */

/* Says that packets were dropped, at most once a minute. */
static void notice_drops(struct run *r)
{
    struct totals t;
    tick_t now = capture_now();
    if (now >= r->drops_asked && now - r->drops_asked < TICK_SEC) {
        return;
    }
    r->drops_asked = now;
    run_totals(r, &t);
    uint64_t dropped = t.packets_dropped + t.packets_dropped_interface;
    if (dropped > r->drops_told && !r->options.quiet && !r->top &&
        (!r->drops_told || now - r->drops_noticed >= DROP_NOTICE)) {
        fprintf(stderr, "tlswhy: %llu packets dropped; a larger -B may help\n",
                (unsigned long long)(dropped - r->drops_told));
        r->drops_noticed = now;
        r->drops_told = dropped;
    }
}

struct live_frames {
    struct run *run;
    struct source *source;
};

static void on_live_frame(void *ctx, const struct frame *f)
{
    const struct live_frames *l = ctx;
    pipeline_frame(l->run->pipeline, f, l->source->index);
}

/* The frames at hand of an interface. Returns whether there were some. */
static bool take_burst(struct run *r, struct source *s)
{
    struct live_frames l = {r, s};
    switch (capture_dispatch(s->capture, LIVE_BURST, on_live_frame, &l)) {
    case CAPTURE_FRAME:
        return true;
    case CAPTURE_ERROR:
        run_complain(r, capture_name(s->capture), capture_error(s->capture));
        s->over = true;
        return false;
    case CAPTURE_IDLE:
        return false;
    default:
        s->over = true;
        return false;
    }
}

/* One thread reads all interfaces. */
static void read_live(struct run *r, struct source *v, size_t n)
{
    struct capture *captures[RUN_SOURCES_MAX];
    size_t open = n;
    for (size_t i = 0; i < n; i++) {
        captures[i] = v[i].capture;
    }
    r->sources = v;
    r->sources_n = n;
    while (open > 0 && !run_should_stop(r)) {
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            if (!v[i].over) {
                any = take_burst(r, &v[i]) || any;
                open -= v[i].over;
            }
        }
        run_outlets(r, !any);
        if (!any) {
            pipeline_tick(r->pipeline, capture_now());
            output_flush(r->output);
            capture_wait(captures, n);
        }
        notice_drops(r);
    }
    r->sources = NULL;
    r->sources_n = 0;
}

/* The workers read them. */
static void watch_live(struct run *r, struct source *v, size_t n)
{
    bool more = true;
    while (more && !run_should_stop(r)) {
        more = pipeline_watch_step(r->pipeline);
        run_outlets(r, true);
        output_flush(r->output);
        notice_drops(r);
        for (size_t i = 0; i < n; i++) {
            if (!v[i].over && pipeline_watch_ended(r->pipeline, (unsigned)i)) {
                v[i].over = true;
                const char *why = capture_error(v[i].capture);
                run_complain(r, capture_name(v[i].capture),
                             *why ? why : "a thread's capture ended");
            }
        }
    }
    pipeline_finish(r->pipeline);
}

/* ---- opening ---- */

/* The workers share the buffer. */
static struct capture_live_options live_options(const struct options *o)
{
    unsigned workers = run_workers(o);
    uint32_t buffer = o->buffer_bytes;
    if (!buffer) {
        buffer = LIVE_BUFFER * (workers < 4 ? workers : 4);
    }
    return (struct capture_live_options){.filter = o->filter,
                                         .snaplen_bytes = o->snaplen_bytes,
                                         .buffer_bytes = buffer / workers};
}

static struct capture *open_interface(const struct run *r, size_t at,
                                      char error[CAPTURE_ERROR_BYTES])
{
    struct capture_live_options live = live_options(&r->options);
    live.interface = r->options.interfaces[at];
    return capture_open_live(&live, error);
}

/* The captures of all workers, or NULL when one thread reads. */
static struct capture **open_for_workers(const struct run *r,
                                         const struct source *v, unsigned n)
{
    unsigned workers = run_workers(&r->options);
    struct capture_live_options live = live_options(&r->options);
    struct capture **all =
        calloc((size_t)workers * n, sizeof(struct capture *));
    if (!all) {
        return NULL;
    }
    for (unsigned i = 0; i < n; i++) {
        all[(size_t)i * workers] = v[i].capture;
    }
    if (workers == 1 || !watch_open(all, n, workers, &live)) {
        if (workers > 1 && r->options.verbose) {
            fputs("tlswhy: the kernel does not spread the packets over "
                  "threads: one reads for all\n",
                  stderr);
        }
        free(all);
        return NULL;
    }
    return all;
}

/* Asks the kernel to keep what is settled to itself. */
static void relieve(const struct run *r, const struct source *v, unsigned n)
{
    char why[CAPTURE_ERROR_BYTES] = "one thread reads for all";
    const unsigned workers = run_workers(&r->options);
    struct capture *const *all = r->for_workers;
    struct capture *one[RUN_SOURCES_MAX];
    bool relieved = false;
    if (r->options.no_relief) {
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        one[i] = v[i].capture;
    }
    if (all || workers == 1) {
        relieved = relieve_captures(all ? all : one, (size_t)n * workers, why);
    }
    if (r->options.verbose) {
        fprintf(stderr, "tlswhy: relief by the kernel: %s\n",
                relieved ? "settled connections stay there" : why);
    }
}

/* Says what it listens on, and does. Returns whether the workers read. */
static bool listen_on(struct run *r, struct source *v, unsigned n)
{
    const struct options *o = &r->options;
    tick_t since = capture_now();
    struct capture **all = r->for_workers;
    if (!o->quiet && !r->top) {
        fprintf(stderr, "tlswhy: listening on %s; ^C ends\n",
                n == 1 ? o->interfaces[0] : "all given interfaces");
    }
    if (all && pipeline_watch(r->pipeline, all, n, since)) {
        watch_live(r, v, n);
        return true;
    }
    if (all) {
        watch_close(all, n, run_workers(o));
    }
    read_live(r, v, n);
    return false;
}

void read_interfaces(struct run *r)
{
    struct source v[RUN_SOURCES_MAX];
    const struct options *o = &r->options;
    size_t n =
        o->interfaces_n < RUN_SOURCES_MAX ? o->interfaces_n : RUN_SOURCES_MAX;
    size_t opened = sources_open(r, open_interface, n, 0, v);
    bool watched = false;
    if (n > 0 && opened == n) {
        for (size_t i = 0; i < n; i++) {
            v[i].frame.linktype = capture_linktype(v[i].capture);
            source_check_linktype(r, &v[i]);
        }
        r->for_workers = open_for_workers(r, v, (unsigned)n);
        relieve(r, v, (unsigned)n);
        watched = run_give_up_rights(r) && listen_on(r, v, (unsigned)n);
    }
    if (r->for_workers) {
        watch_close(r->for_workers, (unsigned)n, run_workers(o));
        free(r->for_workers);
    }
    for (size_t i = 0; i < opened; i++) {
        if (watched) { /* their drops are in the pipeline's totals */
            capture_close(v[i].capture);
        } else {
            source_close(r, &v[i]);
        }
    }
}
