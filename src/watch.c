/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each thread runs a pipeline that does not judge: frames in place from the
 * kernel's rings to the tracker, without a copy and without a lock. Handshakes
 * leave through src/outbox.c, counters through a copy that is renewed a few
 * times a second.
 */
#include "watch.h"

#include "dissectors/x509_cache.h"
#include "outbox.h"
#include "relieve.h"
#include "verdicts.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define BURST       256               /* frames before it looks elsewhere */
#define NEWS_EVERY  (50 * TICK_MSEC)  /* counters, and handshakes at leisure */
#define STEP        (20 * TICK_MSEC)  /* the caller looks that often */
#define DROPS_EVERY (500 * TICK_MSEC) /* asks the kernel */

struct watcher {
    struct watch *watch;
    unsigned index;
    pthread_t thread;
    bool started;
    struct pipeline *pipeline;
    struct cert_cache *certs;
    struct capture *captures[CAPTURE_WAIT_MAX];
    uint32_t source; /* the interface that frames come from */
    tick_t told, asked;
    uint64_t rounds;
    unsigned open;                       /* captures that have not ended */
    atomic_bool ended[CAPTURE_WAIT_MAX]; /* those that have */
    atomic_bool over;                    /* the thread has done all */
    struct totals totals;                /* by watch->lock */
};

struct watch {
    struct watch_options o;
    struct outbox *outbox;
    pthread_mutex_t lock;
    atomic_bool quit;
    struct watcher watchers[];
};

/* ---- captures ---- */

void watch_close(struct capture **captures, unsigned interfaces,
                 unsigned workers)
{
    for (unsigned i = 0; i < interfaces; i++) {
        for (unsigned k = 1; k < workers; k++) {
            struct capture **c = &captures[(size_t)i * workers + k];
            capture_close(*c);
            *c = NULL;
        }
    }
}

static bool open_others(struct capture **captures, unsigned workers,
                        const struct capture_live_options *live)
{
    char error[CAPTURE_ERROR_BYTES];
    uint16_t ports[DECODER_TUNNEL_PORTS_MAX];
    size_t ports_n = decoder_tunnel_ports(ports);
    int group = capture_spread(captures[0], -1, ports, ports_n);
    for (unsigned k = 1; k < workers && group >= 0; k++) {
        captures[k] = capture_open_live(live, error);
        if (!captures[k]) {
            return false;
        }
        group = capture_spread(captures[k], group, ports, ports_n);
    }
    return group >= 0;
}

bool watch_open(struct capture **captures, unsigned interfaces,
                unsigned workers, const struct capture_live_options *live)
{
    for (unsigned i = 0; i < interfaces; i++) {
        struct capture **mine = &captures[(size_t)i * workers];
        struct capture_live_options o = *live;
        o.interface = capture_name(mine[0]);
        if (!open_others(mine, workers, &o)) {
            watch_close(captures, interfaces, workers);
            return false;
        }
    }
    return true;
}

/* ---- in a watcher's thread ---- */

static void on_frame(void *ctx, const struct frame *f)
{
    struct watcher *w = ctx;
    if (f->when >= w->watch->o.since) {
        pipeline_frame(w->pipeline, f, w->source);
    }
}

static void on_handshake(void *ctx, struct handshake *hs,
                         const struct tracker_order *at)
{
    const struct watcher *w = ctx;
    verdicts_prepare(hs, w->watch->o.pipeline.all, w->certs);
    outbox_put(w->watch->outbox, w->index, hs, at);
}

static void on_ignored(void *ctx, const struct packet *k, uint32_t source)
{
    const struct watcher *w = ctx;
    relieve_packet(w->captures[source], k);
}

/* The counters of a worker: its pipeline's, and its captures' drops. Those of
 * an interface itself are the same for all. */
static void tell_totals(struct watcher *w)
{
    struct totals t = {0};
    for (unsigned i = 0; i < w->watch->o.interfaces; i++) {
        struct capture_stats stats;
        capture_stats(w->captures[i], &stats);
        t.packets_dropped += stats.dropped_kernel;
        t.packets_relieved += stats.relieved;
        if (w->index == 0) {
            t.packets_dropped_interface += stats.dropped_interface;
        }
    }
    pipeline_totals(w->pipeline, &t);
    pthread_mutex_lock(&w->watch->lock);
    w->totals = t;
    pthread_mutex_unlock(&w->watch->lock);
}

static void tell(struct watcher *w, bool idle)
{
    tick_t now = capture_now();
    if (idle) {
        pipeline_tick(w->pipeline, now);
    }
    if (now - w->told >= NEWS_EVERY || now < w->told) {
        w->told = now;
        outbox_through(w->watch->outbox, w->index, ++w->rounds);
    }
    if (now - w->asked >= DROPS_EVERY || now < w->asked) {
        w->asked = now;
        tell_totals(w);
    }
}

/* Frames of one capture. Returns whether there were some. */
static bool take_burst(struct watcher *w, unsigned interface)
{
    w->source = interface;
    switch (capture_dispatch(w->captures[interface], BURST, on_frame, w)) {
    case CAPTURE_FRAME:
        return true;
    case CAPTURE_IDLE:
        return false;
    default:
        atomic_store_explicit(&w->ended[interface], true, memory_order_release);
        w->open--;
        return false;
    }
}

static void *run(void *arg)
{
    struct watcher *w = arg;
    struct watch *watch = w->watch;
    unsigned n = watch->o.interfaces;
    while (w->open > 0 &&
           !atomic_load_explicit(&watch->quit, memory_order_acquire)) {
        bool any = false;
        for (unsigned i = 0; i < n; i++) {
            if (!atomic_load_explicit(&w->ended[i], memory_order_relaxed)) {
                any = take_burst(w, i) || any;
            }
        }
        tell(w, !any);
        if (!any) {
            capture_wait(w->captures, n);
        }
    }
    pipeline_finish(w->pipeline);
    tell_totals(w);
    outbox_through(watch->outbox, w->index, ++w->rounds);
    atomic_store_explicit(&w->over, true, memory_order_release);
    return NULL;
}

/* ---- in the caller's thread ---- */

static bool is_over(const struct watch *w)
{
    for (unsigned i = 0; i < w->o.workers; i++) {
        if (!atomic_load_explicit(&w->watchers[i].over, memory_order_acquire)) {
            return false;
        }
    }
    return true;
}

bool watch_step(struct watch *w)
{
    bool over = is_over(w);
    if (outbox_drain(w->outbox, true, w->o.done, w->o.ctx) == 0 && !over) {
        nanosleep(&(struct timespec){0, STEP}, NULL);
    }
    return !over;
}

bool watch_has_ended(const struct watch *w, unsigned interface)
{
    for (unsigned i = 0; i < w->o.workers; i++) {
        if (atomic_load_explicit(&w->watchers[i].ended[interface],
                                 memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

static void join_all(struct watch *w)
{
    for (unsigned i = 0; i < w->o.workers; i++) {
        if (w->watchers[i].started) {
            pthread_join(w->watchers[i].thread, NULL);
            w->watchers[i].started = false;
        }
    }
}

void watch_finish(struct watch *w)
{
    atomic_store_explicit(&w->quit, true, memory_order_release);
    while (watch_step(w)) {
    }
    join_all(w);
    outbox_drain(w->outbox, true, w->o.done, w->o.ctx);
}

static void add_totals(struct totals *t, const struct totals *more)
{
    t->packets_captured += more->packets_captured;
    t->packets_dropped += more->packets_dropped;
    t->packets_dropped_interface += more->packets_dropped_interface;
    t->packets_relieved += more->packets_relieved;
    t->bytes_captured += more->bytes_captured;
    t->frames_cut += more->frames_cut;
    t->frames_malformed += more->frames_malformed;
    t->frames_unknown += more->frames_unknown;
    t->flows += more->flows;
    t->flows_evicted += more->flows_evicted;
    t->tcp_refused += more->tcp_refused;
    t->tcp_unanswered += more->tcp_unanswered;
    t->tcp_unused += more->tcp_unused;
    t->flows_open += more->flows_open;
    t->memory_bytes += more->memory_bytes;
    if (more->first && (!t->first || more->first < t->first)) {
        t->first = more->first;
    }
    t->last = more->last > t->last ? more->last : t->last;
}

void watch_totals(struct watch *w, struct totals *t)
{
    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0; i < w->o.workers; i++) {
        add_totals(t, &w->watchers[i].totals);
    }
    pthread_mutex_unlock(&w->lock);
}

void watch_decrypted(const struct watch *w, struct tls_decrypt_stats *out)
{
    *out = (struct tls_decrypt_stats){0};
    for (unsigned i = 0; i < w->o.workers; i++) {
        struct tls_decrypt_stats d;
        pipeline_decrypted(w->watchers[i].pipeline, &d);
        tls_decrypt_add(out, &d);
    }
}

/* ---- life ---- */

static bool watcher_init(struct watch *w, unsigned index)
{
    struct watcher *v = &w->watchers[index];
    struct pipeline_options po = w->o.pipeline;
    po.workers = 1;
    po.max_flows = (po.max_flows + w->o.workers - 1) / w->o.workers;
    po.max_memory_bytes /= w->o.workers;
    po.concluded = on_handshake;
    po.concluded_ctx = v;
    po.ignored = on_ignored;
    po.ignored_ctx = v;
    v->watch = w;
    v->index = index;
    v->open = w->o.interfaces;
    for (unsigned i = 0; i < w->o.interfaces; i++) {
        v->captures[i] = w->o.captures[(size_t)i * w->o.workers + index];
    }
    v->certs = cert_cache_new();
    v->pipeline = pipeline_new(&po);
    return v->pipeline != NULL;
}

/* Signals are the caller's business. */
static bool start_all(struct watch *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool good = true;
    for (unsigned i = 0; good && i < w->o.workers; i++) {
        struct watcher *v = &w->watchers[i];
        good = pthread_create(&v->thread, NULL, run, v) == 0;
        v->started = good;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

struct watch *watch_new(const struct watch_options *o)
{
    struct watch *w = calloc(1, sizeof *w + o->workers * sizeof w->watchers[0]);
    if (!w) {
        return NULL;
    }
    w->o = *o;
    pthread_mutex_init(&w->lock, NULL);
    w->outbox = outbox_new(o->workers);
    bool good = w->outbox != NULL;
    for (unsigned i = 0; i < o->workers; i++) {
        good = watcher_init(w, i) && good;
    }
    if (!good || !start_all(w)) {
        watch_free(w);
        return NULL;
    }
    return w;
}

void watch_free(struct watch *w)
{
    if (!w) {
        return;
    }
    atomic_store_explicit(&w->quit, true, memory_order_release);
    if (w->outbox) {
        outbox_close(w->outbox);
    }
    join_all(w);
    outbox_free(w->outbox);
    for (unsigned i = 0; i < w->o.workers; i++) {
        pipeline_free(w->watchers[i].pipeline);
        cert_cache_free(w->watchers[i].certs);
    }
    pthread_mutex_destroy(&w->lock);
    free(w);
}
