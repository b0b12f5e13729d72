/* SPDX-License-Identifier: Apache-2.0 */
/* What all parts of a run share: where records go, totals, signals. */
#include "config.h"

#include "run.h"

#include "decode/packet.h"
#include "relieve.h"
#include "watch.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOP_POLL      (50 * TICK_MSEC)
#define OUTLETS_EVERY 256u /* frames, or batches of them */

/* The only things a signal handler may touch. */
volatile sig_atomic_t run_stop;
static volatile sig_atomic_t reopen_requested;
static volatile sig_atomic_t status_requested;

static void on_signal(int number)
{
    (void)number;
    run_stop = 1;
}

static void on_hangup(int number)
{
    (void)number;
    reopen_requested = 1;
}

static void on_status(int number)
{
    (void)number;
    status_requested = 1;
}

void run_catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal};
    struct sigaction reopen = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};
    struct sigaction status = {.sa_handler = on_status, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &reopen, NULL);
    sigaction(SIGUSR1, &status, NULL);
#ifdef SIGINFO
    sigaction(SIGINFO, &status, NULL);
#endif
}

void run_complain(struct run *r, const char *name, const char *what)
{
    char line[512];
    r->error = true;
    if (r->top) {
        snprintf(line, sizeof line, "%s: %s", name, what);
        top_message(r->top, line);
        return;
    }
    meter_clear(&r->meter);
    fprintf(stderr, "tlswhy: %s: %s\n", name, what);
}

/* ---- records ---- */

/* Hands a record to everything that takes records. */
void run_deliver(struct run *r, const struct record *record)
{
    struct record redacted;
    meter_clear(&r->meter);
    if (r->redactor) {
        if (!redact_record(r->redactor, record, &redacted)) {
            run_complain(r, "--redact",
                         "a record was too large to be redacted");
            return;
        }
        record = &redacted;
    }
    const struct conclusion *c = &record->hs->end_state;
    r->failures += c->outcome == OUTCOME_FAILURE && !c->benign;
    if (r->summary) {
        summary_add(r->summary, record);
    }
    if (r->top) {
        top_record(r->top, record);
    }
    if (r->outlets) {
        outlets_record(r->outlets, record);
    }
    senders_record(r->senders, record);
    packet_files_record(r->packets, record);
    output_record(r->output, record);
}

void run_record(void *ctx, const struct record *from, uint32_t source)
{
    struct run *r = ctx;
    struct record record = *from;
    const char *name = source < r->names_n ? r->names[source] : NULL;
    if (r->options.interfaces_n) {
        record.interface = name;
        record.hostname = *r->hostname ? r->hostname : NULL;
    } else if (r->names_n > 1) {
        record.file = name;
    }
    for (unsigned side = 0; r->dns && side < 2; side++) {
        const struct handshake *hs = record.hs;
        if (names_find(r->dns, hs->addr[side].ip, hs->ip_version,
                       r->domain[side])) {
            record.domain[side] = r->domain[side];
        }
    }
    run_deliver(r, &record);
    if (r->options.interfaces_n) {
        output_flush(r->output);
    }
}

void run_ignored(void *ctx, const struct packet *k, uint32_t source)
{
    const struct run *r = ctx;
    if (r->options.interfaces_n && source < r->sources_n) {
        relieve_packet(r->sources[source].capture, k);
    }
}

/* ---- where it stands ---- */

void run_add_read_back(struct totals *t, const struct totals *more)
{
    t->records_read = more->records_read;
    t->tls += more->tls;
    t->succeeded += more->succeeded;
    t->left += more->left;
    t->failed += more->failed;
    t->unknown += more->unknown;
    t->benign += more->benign;
    t->limited += more->limited;
}

/* The totals so far. */
void run_totals(struct run *r, struct totals *t)
{
    *t = r->totals;
    for (size_t i = 0; i < r->sources_n; i++) {
        struct capture_stats stats;
        capture_stats(r->sources[i].capture, &stats);
        t->packets_dropped += stats.dropped_kernel;
        t->packets_dropped_interface += stats.dropped_interface;
        t->packets_relieved += stats.relieved;
    }
    pipeline_totals(r->pipeline, t);
    run_add_read_back(t, &r->read_back);
}

/* Lets the live screen draw and obey keys. */
void run_poll_top(struct run *r)
{
    struct totals t;
    if (!r->top) {
        return;
    }
    tick_t now = capture_now();
    if (now < r->top_next) {
        return;
    }
    r->top_next = now + TOP_POLL;
    run_totals(r, &t);
    if (!top_poll(r->top, &t, now)) {
        run_stop = 1;
    }
}

/* How far it is, asked for by a signal. */
static void print_status(struct run *r)
{
    struct totals t;
    run_totals(r, &t);
    if (r->top) {
        return; /* it is on the screen */
    }
    meter_clear(&r->meter);
    fprintf(stderr,
            "tlswhy: %" PRIu64 " packets captured, %" PRIu64
            " dropped by the kernel, %" PRIu64 " TLS connections over, %" PRIu64
            " failed\n",
            t.packets_captured, t.packets_dropped, t.tls + t.waiting,
            t.failed + t.waiting);
}

/* Shows how far a long read is. */
void run_show_progress(struct run *r)
{
    struct totals t = {0};
    struct meter_reading reading = {0};
    for (size_t i = 0; i < r->sources_n; i++) {
        uint64_t read;
        uint64_t total;
        capture_position(r->sources[i].capture, &read, &total);
        reading.bytes += read;
        reading.bytes_total += total;
    }
    pipeline_totals(r->pipeline, &t);
    reading.packets = t.packets_captured;
    reading.failures = t.failed + t.waiting;
    meter_show(&r->meter, capture_now(), &reading);
}

/* The state of everything, for metrics. */
void run_state(void *ctx, struct totals *t, struct metrics_gauges *g)
{
    struct run *r = ctx;
    const struct sandbox_status *s = &r->sandbox;
    run_totals(r, t);
    g->records_written = output_written(r->output);
    g->records_lost = output_lost(r->output);
    const struct metrics_layer layers[METRICS_LAYERS] = {
        {"user", s->user},
        {"capabilities", s->capabilities},
        {"no_new_privileges", s->no_new_privileges},
        {"landlock", s->files},
        {"seccomp", s->syscalls}};
    memcpy(g->layers, layers, sizeof layers);
    senders_gauges(r->senders, g);
}

/* Now and then while packets come, and whenever there is none. */
void run_outlets(struct run *r, bool idle)
{
    if (!idle && ++r->frames < OUTLETS_EVERY) {
        return;
    }
    r->frames = 0;
    senders_poll(r->senders);
    if (r->outlets) {
        outlets_poll(r->outlets);
    }
}

bool run_should_stop(struct run *r)
{
    run_poll_top(r);
    if (status_requested) {
        status_requested = 0;
        print_status(r);
    }
    if (reopen_requested) {
        reopen_requested = 0;
        output_reopen(r->output);
    }
    return run_stop || output_closed(r->output);
}

/* ---- rights ---- */

/* Everything is open that needs rights. */
bool run_give_up_rights(struct run *r)
{
    char error[256];
    struct confine_needs n = {.options = &r->options,
                              .output = -1,
                              .files_open = r->files_opened,
                              .serves = outlets_serve(r->outlets),
                              .metrics = outlets_renewal(r->outlets),
                              .reconnecting = outlets_reconnecting(r->outlets)};
    n.extract = packet_files_directory(r->packets, &n.extract_made);
    if (r->output) {
        n.output = output_file(r->output);
        n.renewal = output_renewal(r->output);
    }
    if (!confine(&n, &r->sandbox, error)) {
        run_complain(r, "sandbox", error);
        return false;
    }
    if (r->outlets) {
        outlets_ready(r->outlets);
    }
    return true;
}

/* Threads that analyse: for interfaces one a core. */
unsigned run_workers(const struct options *o)
{
    if (o->workers || !o->interfaces_n) {
        return o->workers ? o->workers : 1;
    }
    cpu_set_t cores;
    int n =
        sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    return n < 1                        ? 1
           : n > (int)WATCH_WORKERS_MAX ? WATCH_WORKERS_MAX
                                        : (unsigned)n;
}

/* ---- captures ---- */

/* Says once what cannot be read. A pcapng file may hold other interfaces, too,
 * so reading goes on. */
void source_check_linktype(struct run *r, struct source *s)
{
    if (s->linktype_known || decoder_knows_linktype(s->frame.linktype)) {
        return;
    }
    char what[64];
    snprintf(what, sizeof what, "link type %d is not supported",
             s->frame.linktype);
    run_complain(r, capture_name(s->capture), what);
    s->linktype_known = true;
}

/* Opens captures from..from+n-1; returns how many could be opened. */
size_t sources_open(struct run *r, source_open_fn *open, size_t n, size_t from,
                    struct source *v)
{
    size_t opened = 0;
    for (size_t i = 0; i < n; i++) {
        char error[CAPTURE_ERROR_BYTES];
        struct capture *c = open(r, from + i, error);
        if (!c) {
            run_complain(r, r->names[from + i], error);
            continue;
        }
        r->opened = true;
        bool hopeful = capture_may_bring_secrets(c);
        v[opened++] = (struct source){
            .capture = c, .hopeful = hopeful, .index = (uint32_t)(from + i)};
        if (hopeful) {
            keylog_expect(r->keys, true);
        }
    }
    return opened;
}

void source_close(struct run *r, struct source *s)
{
    if (s->bad_lines > 1) {
        char what[96];
        snprintf(what, sizeof what, "%llu lines in all are no records",
                 (unsigned long long)s->bad_lines);
        run_complain(r, capture_name(s->capture), what);
    }
    struct capture_stats stats;
    capture_stats(s->capture, &stats);
    r->totals.packets_dropped += stats.dropped_kernel;
    r->totals.packets_dropped_interface += stats.dropped_interface;
    r->totals.packets_relieved += stats.relieved;
    capture_close(s->capture);
    s->capture = NULL;
}
