/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options, captures, exit status. Opens what is to be read, hands the frames of
 * all captures to the pipeline in the order of their times, and the records to
 * the reporter.
 */
#include "config.h"

#include "application.h"
#include "base/limits.h"
#include "capture/capture.h"
#include "compare.h"
#include "confine.h"
#include "decode/packet.h"
#include "keys/keylog.h"
#include "meter.h"
#include "metrics_outlet.h"
#include "options.h"
#include "outlets.h"
#include "output.h"
#include "packet_files.h"
#include "pipeline.h"
#include "record_reader.h"
#include "redact.h"
#include "relieve.h"
#include "senders.h"
#include "top.h"
#include "watch.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <openssl/crypto.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MEMORY_DEFAULT_MAX ((size_t)1 << 30)
#define OPEN_FILES_MAX     64u /* merged by time; more are read in turn */
#define REDACT_KEY         "TLSWHY_REDACT_KEY" /* environment */
#define TOP_POLL           (50 * TICK_MSEC)
#define OUTLETS_EVERY      256u /* frames, or batches of them */
#define DROP_NOTICE        (60 * TICK_SEC)
#define LIVE_BUFFER        (16u << 20) /* of one worker; four share four */
#define LIVE_BURST         256         /* frames before another interface */

enum { EXIT_OK = 0, EXIT_FAILURES = 1, EXIT_ERROR = 2 };

/* One capture that is being read. */
struct source {
    struct capture *capture;
    struct frame frame; /* the next one, when `ready` */
    bool ready, over;
    size_t secrets_n;    /* of the capture that were taken over */
    bool linktype_known; /* asked once */
    bool hopeful;        /* it may still bring secrets */
    uint64_t bad_lines;  /* of JSON Lines: that are no records */
    uint32_t index;      /* for struct handshake.source */
};

struct run {
    struct options options;
    struct output *output;
    struct summary *summary;      /* for totals on standard error */
    struct packet_files *packets; /* --extract, --annotate; or NULL */
    struct pipeline *pipeline;
    struct top *top;               /* --top; or NULL */
    tick_t top_next;               /* when it is looked at again */
    struct redactor *redactor;     /* --redact; or NULL */
    struct record_reader *records; /* of JSON Lines; made when needed */
    struct keylog *keys;           /* from --keylog and from captures */
    const char **names;            /* of sources, by index; borrowed */
    size_t names_n;
    int *files;          /* of the captures, or -errno; owned */
    size_t files_opened; /* the rest is opened in its turn */
    struct sandbox_status sandbox;
    struct outlets *outlets; /* metrics, log, service; or NULL */
    struct senders *senders; /* --kafka, --redis; or NULL */
    unsigned frames;         /* since the outlets were looked after */
    struct source *sources;  /* those being read */
    size_t sources_n;
    struct capture **for_workers; /* of all interfaces, or NULL; watch.h */
    tick_t drops_asked, drops_noticed;
    uint64_t drops_told;
    struct meter meter; /* shows nothing unless files are read at a terminal */
    bool error;         /* exit status 2 at the end */
    bool opened;        /* something could be read: there are totals */
    uint64_t failures;
    struct totals totals;
    struct totals read_back; /* of records that were read back */
};

/* The only things a signal handler may touch. */
static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t reopen_requested;
static volatile sig_atomic_t status_requested;

static void on_signal(int number)
{
    (void)number;
    stop_requested = 1;
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

static void complain(struct run *r, const char *name, const char *what)
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
static void deliver(struct run *r, const struct record *record)
{
    struct record redacted;
    meter_clear(&r->meter);
    if (r->redactor) {
        if (!redact_record(r->redactor, record, &redacted)) {
            complain(r, "--redact", "a record was too large to be redacted");
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

static void on_record(void *ctx, const struct record *from, uint32_t source)
{
    struct run *r = ctx;
    struct record record = *from;
    const char *name = source < r->names_n ? r->names[source] : NULL;
    if (r->options.interfaces_n) {
        record.interface = name;
    } else if (r->names_n > 1) {
        record.file = name;
    }
    deliver(r, &record);
    if (r->options.interfaces_n) {
        output_flush(r->output);
    }
}

static void on_ignored(void *ctx, const struct packet *k, uint32_t source)
{
    const struct run *r = ctx;
    if (r->options.interfaces_n && source < r->sources_n) {
        relieve_packet(r->sources[source].capture, k);
    }
}

/* ---- reading ---- */

static void add_read_back(struct totals *t, const struct totals *more)
{
    t->records_read = more->records_read;
    t->tls += more->tls;
    t->succeeded += more->succeeded;
    t->failed += more->failed;
    t->unknown += more->unknown;
    t->benign += more->benign;
    t->limited += more->limited;
}

/* The totals so far. */
static void totals_now(struct run *r, struct totals *t)
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
    add_read_back(t, &r->read_back);
}

/* Lets the live screen draw and obey keys. */
static void poll_top(struct run *r)
{
    struct totals t;
    tick_t now = capture_now();
    if (now < r->top_next) {
        return;
    }
    r->top_next = now + TOP_POLL;
    totals_now(r, &t);
    if (!top_poll(r->top, &t, now)) {
        stop_requested = 1;
    }
}

/* How far it is, asked for by a signal. */
static void print_status(struct run *r)
{
    struct totals t;
    totals_now(r, &t);
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
static void show_progress(struct run *r)
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
static void state_now(void *ctx, struct totals *t, struct metrics_gauges *g)
{
    struct run *r = ctx;
    const struct sandbox_status *s = &r->sandbox;
    totals_now(r, t);
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
static void look_after_outlets(struct run *r, bool idle)
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

static bool should_stop(struct run *r)
{
    if (r->top) {
        poll_top(r);
    }
    if (status_requested) {
        status_requested = 0;
        print_status(r);
    }
    if (reopen_requested) {
        reopen_requested = 0;
        output_reopen(r->output);
    }
    return stop_requested || output_closed(r->output);
}

/* Says once what cannot be read. A pcapng file may hold other interfaces, too,
 * so reading goes on. */
static void check_linktype(struct run *r, struct source *s)
{
    if (s->linktype_known || decoder_knows_linktype(s->frame.linktype)) {
        return;
    }
    char what[64];
    snprintf(what, sizeof what, "link type %d is not supported",
             s->frame.linktype);
    complain(r, capture_name(s->capture), what);
    s->linktype_known = true;
}

/* Secrets of TLS that the capture brought along since the last look. */
static void take_secrets(struct run *r, struct source *s)
{
    const uint32_t tls = 0x544c534b;
    for (size_t n = capture_secret_count(s->capture); s->secrets_n < n;) {
        struct capture_secret c = capture_secret(s->capture, s->secrets_n++);
        if (c.type == tls) {
            pipeline_settle(r->pipeline);
            keylog_add(r->keys, c.data);
        }
    }
}

/* A pcapng that has not brought any secret for long will hardly do so: keeping
 * records for decryption costs time and memory. */
static void expect_secrets(struct run *r, struct source *s)
{
    struct capture_stats stats;
    if (!s->hopeful) {
        return;
    }
    capture_stats(s->capture, &stats);
    if (s->secrets_n == 0 && stats.bytes > LIMIT_SECRETS_WITHIN) {
        s->hopeful = false;
        bool any = false;
        for (size_t i = 0; i < r->sources_n; i++) {
            any = any || r->sources[i].hopeful;
        }
        if (!any) {
            pipeline_settle(r->pipeline);
            keylog_expect(r->keys, false);
        }
    }
}

/* Counts a record that was read back as the pipeline counts its own. */
static void count_record(struct totals *t, const struct conclusion *c)
{
    t->records_read++;
    t->tls++;
    t->succeeded += c->outcome == OUTCOME_SUCCESS;
    t->unknown += c->outcome == OUTCOME_UNKNOWN;
    t->benign += c->outcome == OUTCOME_FAILURE && c->benign;
    t->failed += c->outcome == OUTCOME_FAILURE && !c->benign;
    t->limited += (c->blind & BLIND_LIMIT) != 0;
}

/* A line of our own JSON Lines. */
static void read_back(struct run *r, struct source *s)
{
    struct record record;
    char why[128];
    if (s->frame.data.n == 0) {
        return;
    }
    if (!r->records && !(r->records = record_reader_new())) {
        complain(r, capture_name(s->capture), "out of memory");
        s->over = true;
        return;
    }
    if (record_reader_line(r->records, s->frame.data, &record, why)) {
        count_record(&r->read_back, &record.hs->end_state);
        deliver(r, &record);
    } else if (s->bad_lines++ == 0) {
        char what[192];
        snprintf(what, sizeof what, "line %llu: %s",
                 (unsigned long long)s->frame.number, why);
        complain(r, capture_name(s->capture), what);
    }
}

/* Fetches the source's next frame. False when it is over. */
static bool fetch(struct run *r, struct source *s)
{
    enum capture_status status = capture_next(s->capture, &s->frame);
    while (status == CAPTURE_LINE) {
        read_back(r, s);
        status = s->over || should_stop(r)
                     ? CAPTURE_END
                     : capture_next(s->capture, &s->frame);
    }
    switch (status) {
    case CAPTURE_FRAME:
        s->ready = true;
        if (meter_due(&r->meter)) {
            show_progress(r);
        }
        take_secrets(r, s);
        expect_secrets(r, s);
        check_linktype(r, s);
        return true;
    case CAPTURE_IDLE:
        s->ready = false;
        return true;
    case CAPTURE_ERROR:
        complain(r, capture_name(s->capture), capture_error(s->capture));
        break;
    case CAPTURE_LINE:
    case CAPTURE_END:
        take_secrets(r, s); /* those behind the last packet */
        break;
    }
    s->ready = false;
    s->over = true;
    return false;
}

/* The fetched frame and those at hand behind it; returns how many. */
static size_t fetch_more(struct run *r, struct source *s,
                         struct frame v[CAPTURE_BATCH])
{
    v[0] = s->frame;
    size_t n = 1 + capture_more(s->capture, v + 1, CAPTURE_BATCH - 1);
    for (size_t i = 1; i < n; i++) {
        if (v[i].linktype != s->frame.linktype) {
            s->frame = v[i];
            check_linktype(r, s);
        }
    }
    s->frame = v[n - 1];
    return n;
}

static void close_source(struct run *r, struct source *s)
{
    if (s->bad_lines > 1) {
        char what[96];
        snprintf(what, sizeof what, "%llu lines in all are no records",
                 (unsigned long long)s->bad_lines);
        complain(r, capture_name(s->capture), what);
    }
    struct capture_stats stats;
    capture_stats(s->capture, &stats);
    r->totals.packets_dropped += stats.dropped_kernel;
    r->totals.packets_dropped_interface += stats.dropped_interface;
    r->totals.packets_relieved += stats.relieved;
    capture_close(s->capture);
    s->capture = NULL;
}

static struct source *earliest(struct source *v, size_t n)
{
    struct source *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (v[i].ready && (!best || v[i].frame.when < best->frame.when)) {
            best = &v[i];
        }
    }
    return best;
}

/* One of several inputs pauses: what is known goes out; the clock stands. */
static void pause_merged(struct run *r)
{
    if (r->top) {
        poll_top(r);
    }
    output_flush(r->output);
    look_after_outlets(r, true);
}

/* A pipe that pauses: what is over is told now. The capture's clock goes on as
 * long as the pause lasts. */
static void pause_one(struct run *r, const struct source *s, tick_t since)
{
    if (since) {
        pipeline_pause(r->pipeline, s->frame.when + (capture_now() - since));
    }
    pause_merged(r);
}

/* One capture: no merging, the fast path. */
static void read_one(struct run *r, struct source *s)
{
    struct frame v[CAPTURE_BATCH];
    tick_t paused = 0; /* the wall clock when the pipe ran dry */
    while (!should_stop(r) && fetch(r, s)) {
        if (s->ready) {
            paused = 0;
            look_after_outlets(r, false);
            pipeline_frames(r->pipeline, v, fetch_more(r, s, v), s->index);
        } else {
            paused = paused ? paused : capture_now();
            pause_one(r, s, paused);
        }
    }
}

static void read_merged(struct run *r, struct source *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fetch(r, &v[i]);
    }
    while (!should_stop(r)) {
        bool waiting = false;
        for (size_t i = 0; i < n; i++) {
            if (!v[i].ready && !v[i].over) {
                fetch(r, &v[i]);
                waiting = waiting || (!v[i].ready && !v[i].over);
            }
        }
        struct source *s = earliest(v, n);
        if (waiting) { /* a pipe has nothing yet: it may be the earlier one */
            pause_merged(r);
            continue;
        }
        if (!s) {
            return;
        }
        look_after_outlets(r, false);
        pipeline_frame(r->pipeline, &s->frame, s->index);
        fetch(r, s);
    }
}

/* ---- interfaces ---- */

/* Says that packets were dropped, at most once a minute. */
static void notice_drops(struct run *r)
{
    struct totals t;
    tick_t now = capture_now();
    if (now >= r->drops_asked && now - r->drops_asked < TICK_SEC) {
        return;
    }
    r->drops_asked = now;
    totals_now(r, &t);
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
        complain(r, capture_name(s->capture), capture_error(s->capture));
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
    struct capture *captures[OPEN_FILES_MAX];
    size_t open = n;
    for (size_t i = 0; i < n; i++) {
        captures[i] = v[i].capture;
    }
    r->sources = v;
    r->sources_n = n;
    while (open > 0 && !should_stop(r)) {
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            if (!v[i].over) {
                any = take_burst(r, &v[i]) || any;
                open -= v[i].over;
            }
        }
        look_after_outlets(r, !any);
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
    while (more && !should_stop(r)) {
        more = pipeline_watch_step(r->pipeline);
        look_after_outlets(r, true);
        output_flush(r->output);
        notice_drops(r);
        for (size_t i = 0; i < n; i++) {
            if (!v[i].over && pipeline_watch_ended(r->pipeline, (unsigned)i)) {
                v[i].over = true;
                const char *why = capture_error(v[i].capture);
                complain(r, capture_name(v[i].capture),
                         *why ? why : "a thread's capture ended");
            }
        }
    }
    pipeline_finish(r->pipeline);
}

/* ---- opening ---- */

/* Threads that analyse: for interfaces one a core. */
static unsigned workers_of(const struct options *o)
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

/* The workers share the buffer. */
static struct capture_live_options live_options(const struct options *o)
{
    unsigned workers = workers_of(o);
    uint32_t buffer = o->buffer_bytes;
    if (!buffer) {
        buffer = LIVE_BUFFER * (workers < 4 ? workers : 4);
    }
    return (struct capture_live_options){.filter = o->filter,
                                         .snaplen_bytes = o->snaplen_bytes,
                                         .buffer_bytes = buffer / workers};
}

static struct capture *open_interface(const struct options *o, const char *name,
                                      char error[CAPTURE_ERROR_BYTES])
{
    struct capture_live_options live = live_options(o);
    live.interface = name;
    return capture_open_live(&live, error);
}

/*
 * "tlswhy FILE port 443": without -r all words are files. Whoever has
 * tcpdump's habits learns from the first of them why.
 */
static const char *filter_hint(const struct run *r, size_t at)
{
    bool word = at == 1 && r->files[at] == -ENOENT && !r->options.filter &&
                !strpbrk(r->options.files[at], "./");
    return word ? " (a filter takes -r: tlswhy -r FILE FILTER)" : "";
}

static struct capture *open_capture(const struct run *r, size_t at,
                                    char error[CAPTURE_ERROR_BYTES])
{
    const struct options *o = &r->options;
    if (o->interfaces_n) {
        return open_interface(o, o->interfaces[at], error);
    }
    if (at >= r->files_opened) {
        return capture_open_file(o->files[at], o->filter, error);
    }
    if (r->files[at] < 0) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s%s", strerror(-r->files[at]),
                 filter_hint(r, at));
        return NULL;
    }
    return capture_read_file(r->files[at], o->files[at], o->filter, error);
}

/*
 * Opens the captures while this is still allowed, and reads nothing of them;
 * as many as there may be open files.
 */
static bool open_files(struct run *r)
{
    const struct options *o = &r->options;
    struct rlimit limit;
    size_t most = OPEN_FILES_MAX;
    r->files = calloc(o->files_n + 1, sizeof *r->files);
    if (!r->files) {
        return false;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        if (o->files_n > OPEN_FILES_MAX &&
            setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
            limit.rlim_cur > 4u * OPEN_FILES_MAX) {
            most = (size_t)limit.rlim_cur - 2u * OPEN_FILES_MAX;
        }
    }
    for (size_t i = 0; i < o->files_n && i < most; i++) {
        int fd = capture_file(o->files[i]);
        r->files[i] = fd >= 0 ? fd : -errno;
        r->files_opened++;
    }
    return true;
}

/* Everything is open that needs rights. */
static bool give_up_rights(struct run *r)
{
    char error[256];
    struct confine_needs n = {.options = &r->options,
                              .output = -1,
                              .output_directory = -1,
                              .files_open = r->files_opened,
                              .serves = outlets_serve(r->outlets),
                              .metrics = outlets_directory(r->outlets),
                              .reconnecting = outlets_reconnecting(r->outlets)};
    n.extract = packet_files_directory(r->packets, &n.extract_made);
    if (r->output) {
        n.output = output_file(r->output);
        n.output_directory = output_directory(r->output);
    }
    if (!confine(&n, &r->sandbox, error)) {
        complain(r, "sandbox", error);
        return false;
    }
    if (r->outlets) {
        outlets_ready(r->outlets);
    }
    return true;
}

/* Opens captures from..from+n-1; returns how many could be opened. */
static size_t open_sources(struct run *r, const char *const *names, size_t n,
                           size_t from, struct source *v)
{
    size_t opened = 0;
    for (size_t i = 0; i < n; i++) {
        char error[CAPTURE_ERROR_BYTES];
        const char *name = names[i];
        struct capture *c = open_capture(r, from + i, error);
        if (!c) {
            complain(r, name, error);
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

static void read_files(struct run *r)
{
    struct source v[OPEN_FILES_MAX];
    const struct options *o = &r->options;
    if (!open_files(r) || !give_up_rights(r)) {
        r->error = true;
        return;
    }
    for (size_t at = 0; at < o->files_n && !should_stop(r);) {
        size_t n = o->files_n - at;
        if (o->files_n > OPEN_FILES_MAX) {
            n = 1;
        }
        size_t opened = open_sources(r, o->files + at, n, at, v);
        r->sources = v;
        r->sources_n = opened;
        if (opened == 1) {
            read_one(r, &v[0]);
        } else if (opened > 1) {
            read_merged(r, v, opened);
        }
        for (size_t i = 0; i < opened; i++) {
            close_source(r, &v[i]);
        }
        r->sources = NULL;
        r->sources_n = 0;
        at += n;
    }
}

/* The captures of all workers, or NULL when one thread reads. */
static struct capture **open_for_workers(const struct run *r,
                                         const struct source *v, unsigned n)
{
    unsigned workers = workers_of(&r->options);
    struct capture_live_options live = live_options(&r->options);
    struct capture **all =
        calloc((size_t)workers * n, sizeof(struct capture *));
    for (unsigned i = 0; all && i < n; i++) {
        all[(size_t)i * workers] = v[i].capture;
    }
    if (!all || workers == 1 || !watch_open(all, n, workers, &live)) {
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
    const unsigned workers = workers_of(&r->options);
    struct capture *const *all = r->for_workers;
    struct capture *one[OPEN_FILES_MAX];
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
        watch_close(all, n, workers_of(o));
    }
    read_live(r, v, n);
    return false;
}

static void read_interfaces(struct run *r)
{
    struct source v[OPEN_FILES_MAX];
    const struct options *o = &r->options;
    size_t n =
        o->interfaces_n < OPEN_FILES_MAX ? o->interfaces_n : OPEN_FILES_MAX;
    size_t opened = open_sources(r, o->interfaces, n, 0, v);
    bool watched = false;
    if (opened == n) {
        for (size_t i = 0; i < n; i++) {
            v[i].frame.linktype = capture_linktype(v[i].capture);
            check_linktype(r, &v[i]);
        }
        r->for_workers = open_for_workers(r, v, (unsigned)n);
        relieve(r, v, (unsigned)n);
        watched = give_up_rights(r) && listen_on(r, v, (unsigned)n);
    }
    if (r->for_workers) {
        watch_close(r->for_workers, (unsigned)n, workers_of(o));
        free(r->for_workers);
    }
    for (size_t i = 0; i < opened; i++) {
        if (watched) { /* their drops are in the pipeline's totals */
            capture_close(v[i].capture);
        } else {
            close_source(r, &v[i]);
        }
    }
}

/* ---- set-up ---- */

static size_t default_memory(void)
{
    struct sysinfo info;
    size_t quarter = MEMORY_DEFAULT_MAX;
    if (sysinfo(&info) == 0) {
        quarter = (size_t)info.totalram * info.mem_unit / 4;
    }
    return quarter < MEMORY_DEFAULT_MAX ? quarter : MEMORY_DEFAULT_MAX;
}

static struct report_options report_options(const struct options *o, int fd)
{
    struct report_options ro = {.all = o->all,
                                .explain = o->explain,
                                .verbose = o->verbose,
                                .width = 80};
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool tty = isatty(fd) == 1;
    ro.colour = tty && !o->no_color && !(no_color && *no_color) && term &&
                strcmp(term, "dumb") != 0;
    ro.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    struct winsize size;
    if (tty && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) {
        ro.width = size.ws_col;
    }
    return ro;
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal};
    struct sigaction reopen = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};
    struct sigaction status = {.sa_handler = on_status, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &reopen, NULL);
    sigaction(SIGUSR1, &status, NULL);
#ifdef SIGINFO
    sigaction(SIGINFO, &status, NULL);
#endif
    sigaction(SIGPIPE, &ignore, NULL);
}

static void print_version(void)
{
    printf("tlswhy %s\n%s\nnDPI %s\n%s\n%s\n", VERSION, capture_versions(),
           application_version(), OpenSSL_version(OPENSSL_VERSION),
           sandbox_version());
    if (metrics_outlet_version()) {
        printf("libmicrohttpd %s\n", metrics_outlet_version());
    }
    senders_print_versions();
}

static int list_interfaces(void)
{
    char error[CAPTURE_ERROR_BYTES];
    if (capture_list_interfaces(error) != 0) {
        fprintf(stderr, "tlswhy: %s\n", error);
        return EXIT_ERROR;
    }
    return EXIT_OK;
}

static struct pipeline_options pipeline_options(struct run *r,
                                                const struct trust *trust)
{
    const struct options *o = &r->options;
    return (struct pipeline_options){
        .handshake_timeout = o->handshake_timeout,
        .workers = workers_of(o),
        .max_flows = o->max_flows,
        .max_memory_bytes =
            o->max_memory_bytes ? o->max_memory_bytes : default_memory(),
        .all = o->all || o->metrics_servers,
        .live = o->interfaces_n > 0 || o->top,
        .application = true,
        .keep_frames = o->extract || o->annotate,
        .many_sources = o->interfaces_n > 1,
        .trust = (struct trust *)(uintptr_t)trust,
        .keys = r->keys,
        .emit = on_record,
        .emit_ctx = r,
        .ignored = on_ignored,
        .ignored_ctx = r,
    };
}

static void start_meter(struct run *r)
{
    const struct options *o = &r->options;
    struct report_options ro = report_options(o, STDERR_FILENO);
    const char *term = getenv("TERM");
    bool wanted = !o->interfaces_n && !o->quiet && isatty(STDERR_FILENO) == 1 &&
                  !o->top && term && strcmp(term, "dumb") != 0;
    meter_init(&r->meter, wanted ? stderr : NULL, ro.width, capture_now());
}

static bool open_packet_files(struct run *r)
{
    const struct options *o = &r->options;
    const struct packet_files_options po = {
        .extract = o->extract,
        .annotate = o->annotate,
        .live = o->interfaces_n > 0,
        .names = r->names,
        .names_n = r->names_n,
    };
    const char *name;
    char error[256];
    r->packets = packet_files_new(&po, &name, error);
    if (!r->packets) {
        complain(r, name, error);
    }
    return r->packets != NULL;
}

static bool start_top(struct run *r)
{
    char error[256];
    r->top = top_new(r->names_n == 1 ? r->names[0] : "several captures", error);
    if (!r->top) {
        complain(r, "--top", error);
    }
    return r->top != NULL;
}

/* Most runs have none. */
static bool open_outlets(struct run *r)
{
    const struct options *o = &r->options;
    const char *name;
    char error[256];
    if (!o->metrics && !o->syslog && !o->interfaces_n) {
        return true;
    }
    r->outlets = outlets_new(o, state_now, r, &name, error);
    if (!r->outlets) {
        complain(r, name, error);
    }
    return r->outlets;
}

static bool set_up(struct run *r, const struct trust *trust)
{
    const struct options *o = &r->options;
    char error[256];
    /* The live screen takes the place of lines on standard output. */
    const char *format = o->top && !o->output ? "none" : o->format;
    const struct reporter *reporter = reporter_find(format);
    if (!reporter) {
        complain(r, o->format, "no such output format");
        return false;
    }
    struct report_options ro =
        report_options(o, o->output ? -1 : STDOUT_FILENO);
    bool text = strcmp(format, "text") == 0;
    ro.summary = text && o->summary != TRI_NO;
    bool live = o->interfaces_n > 0;
    bool rotates = o->rotate_bytes || o->rotate_time;
    const struct output_options where = {
        .path = o->output,
        .append = (live || rotates) && strcmp(o->format, "html") != 0,
        .rename = live || rotates,
        .rotate_bytes = o->rotate_bytes,
        .rotate_time = o->rotate_time,
        .rotate_keep = o->rotate_keep,
    };
    r->output = output_new(reporter, &ro, &where, error);
    if (!r->output) {
        complain(r, o->output ? o->output : "standard output", error);
        return false;
    }
    if (!text &&
        (o->summary == TRI_YES ||
         ((live || o->top) && o->summary == TRI_DEFAULT && !o->quiet))) {
        r->summary = summary_new();
    }
    r->names = o->interfaces_n ? o->interfaces : o->files;
    r->names_n = o->interfaces_n ? o->interfaces_n : o->files_n;
    start_meter(r);
    struct pipeline_options po = pipeline_options(r, trust);
    if (o->redact && !(r->redactor = redactor_new(getenv(REDACT_KEY)))) {
        complain(r, "start", "out of memory");
        return false;
    }
    if (po.keep_frames && !open_packet_files(r)) {
        return false;
    }
    r->pipeline = pipeline_new(&po);
    if (!r->pipeline) {
        complain(r, "start", "out of memory");
        return false;
    }
    return open_outlets(r) && (!o->top || start_top(r));
}

static void print_summary(const struct run *r)
{
    struct report_options ro = report_options(&r->options, STDERR_FILENO);
    ro.summary = true;
    struct text t;
    text_init(&t, (size_t)1 << 20);
    summary_print(r->summary, &ro, &r->totals, &t);
    fputs(text_str(&t), stderr);
    text_free(&t);
}

static bool open_keys(struct run *r)
{
    char error[KEYLOG_ERROR_BYTES];
    const struct options *o = &r->options;
    /* About a tenth of the memory that was granted. */
    size_t secrets = o->max_memory_bytes / 1024;
    r->keys =
        keylog_new(secrets < KEYLOG_SECRETS_DEFAULT ? (uint32_t)secrets : 0);
    if (!r->keys) {
        complain(r, "start", "out of memory");
        return false;
    }
    if (o->keylog &&
        !keylog_open(r->keys, o->keylog, o->interfaces_n > 0, error)) {
        complain(r, o->keylog, error);
        return false;
    }
    return true;
}

static void count_secrets(struct run *r)
{
    struct keylog_stats keys;
    struct tls_decrypt_stats d;
    keylog_stats(r->keys, &keys);
    pipeline_decrypted(r->pipeline, &d);
    r->totals.secrets = (struct secret_totals){.found = keys.secrets,
                                               .malformed = keys.malformed,
                                               .forgotten = keys.forgotten,
                                               .decrypted = d.connections,
                                               .unopened = d.failed,
                                               .updated = d.updated};
    if (keys.secrets || r->options.keylog) {
        r->totals.secrets.unknown = d.no_secrets;
    }
}

/* What was wrong with the secrets, one line each. */
static void report_keys(const struct run *r)
{
    const char *name = r->options.keylog ? r->options.keylog : "secrets";
    struct keylog_stats keys;
    keylog_stats(r->keys, &keys);
    if (r->options.quiet) {
        return;
    }
    if (keys.malformed) {
        fprintf(stderr,
                "tlswhy: %s: %llu malformed lines passed over, the first is "
                "line %llu\n",
                name, (unsigned long long)keys.malformed,
                (unsigned long long)keys.malformed_line);
    }
    if (keys.forgotten) {
        fprintf(stderr,
                "tlswhy: %s: too many secrets, the oldest %llu were "
                "forgotten\n",
                name, (unsigned long long)keys.forgotten);
    }
    const struct secret_totals *d = &r->totals.secrets;
    if (r->options.verbose && (keys.secrets || r->options.keylog)) {
        fprintf(stderr,
                "tlswhy: %s: %llu secrets, %llu connections decrypted, %llu "
                "without a secret, %llu records did not open\n",
                name, (unsigned long long)keys.secrets,
                (unsigned long long)d->decrypted,
                (unsigned long long)d->unknown,
                (unsigned long long)d->unopened);
    }
}

/* --compare: no reporter, and two pipelines of its own. */
static void run_compare(struct run *r, const struct trust *trust)
{
    const struct pipeline_options po = pipeline_options(r, trust);
    const char *file;
    char error[256];
    struct text t;
    text_init(&t, (size_t)64 << 20);
    if (!open_files(r) || !give_up_rights(r)) {
        r->error = true;
        text_free(&t);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (r->files[i] < 0) {
            complain(r, r->options.files[i], strerror(-r->files[i]));
            text_free(&t);
            return;
        }
    }
    if (!compare_files(r->options.files, r->files, &po, &t, &file, error)) {
        complain(r, file, error);
    }
    if (fputs(text_str(&t), stdout) < 0 || fflush(stdout) != 0) {
        r->error = true;
    }
    text_free(&t);
}

/* All is read: the screen stays until the user has seen enough. */
static void leave_top(struct run *r)
{
    if (r->top && !stop_requested) {
        top_message(r->top, "all is read; q quits, ? helps");
        top_stay(r->top, &r->totals, &stop_requested);
    }
    top_free(r->top);
    r->top = NULL;
}

/* What is left, and the totals. */
static void finish(struct run *r)
{
    meter_clear(&r->meter);
    pipeline_finish(r->pipeline);
    pipeline_totals(r->pipeline, &r->totals);
    add_read_back(&r->totals, &r->read_back);
    leave_top(r);
    if (r->redactor) {
        redact_totals(r->redactor, &r->totals);
    }
    count_secrets(r);
    output_end(r->output, &r->totals);
    if (r->summary && !output_closed(r->output)) {
        print_summary(r);
    }
    if (!packet_files_finish(r->packets, r->options.quiet)) {
        r->error = true;
    }
    report_keys(r);
    if (!senders_finish(r->senders, &stop_requested)) {
        r->error = true;
    }
}

static int run(struct run *r)
{
    const struct options *o = &r->options;
    const char *name;
    char error[256];
    if (!senders_start(o, &r->senders, &name, error)) {
        complain(r, name, error);
        return EXIT_ERROR;
    }
    struct trust *trust = trust_new(o->ca, error);
    if (!trust) {
        complain(r, o->ca ? o->ca : "--ca", error);
        senders_free(r->senders);
        return EXIT_ERROR;
    }
    bool ready = open_keys(r);
    if (ready && o->compare) {
        run_compare(r, trust);
    } else if (ready && set_up(r, trust)) {
        catch_signals();
        output_begin(r->output);
        if (o->interfaces_n) {
            read_interfaces(r);
        } else {
            read_files(r);
        }
        if (r->opened) {
            finish(r);
        }
    }
    int status = r->failures && o->exit_code ? EXIT_FAILURES : EXIT_OK;
    bool closed = r->output && output_closed(r->output);
    if (r->error || (r->output && output_failed(r->output))) {
        status = closed ? EXIT_OK : EXIT_ERROR;
    }
    outlets_free(r->outlets);
    senders_free(r->senders);
    pipeline_free(r->pipeline);
    output_free(r->output);
    summary_free(r->summary);
    top_free(r->top);
    packet_files_free(r->packets);
    record_reader_free(r->records);
    redactor_free(r->redactor);
    keylog_free(r->keys);
    trust_free(trust);
    free(r->files);
    return status;
}

/* What options_parse() cannot know. */
static int check_config(const struct options *o)
{
    struct sandbox_user user;
    char error[256] = "";
    bool ok = sandbox_find_user(geteuid() == 0 ? o->user : NULL, &user, error);
    if (ok && !reporter_find(o->format)) {
        snprintf(error, sizeof error, "no such output format: %.64s",
                 o->format);
        ok = false;
    }
    if (ok) {
        ok = !o->filter || capture_check_filter(o->filter, error);
    }
    ok = ok && senders_check(o, error);
    if (ok) {
        printf("%s: good\n", o->config);
    } else {
        fprintf(stderr, "tlswhy: %s: %s\n", o->config, error);
    }
    return ok ? EXIT_OK : EXIT_ERROR;
}

int main(int argc, char **argv)
{
    struct run r = {0};
    char error[256];
    setlocale(LC_ALL, "");
    int status = EXIT_OK;
    if (!options_parse(&r.options, argc, argv, error)) {
        fprintf(stderr, "tlswhy: %s\nTry 'tlswhy --help'.\n", error);
        options_fini(&r.options);
        return EXIT_ERROR;
    }
    switch (r.options.action) {
    case ACTION_HELP:
        fputs(options_help(), stdout);
        break;
    case ACTION_VERSION:
        print_version();
        break;
    case ACTION_LIST:
        status = list_interfaces();
        break;
    case ACTION_CHECK_CONFIG:
        status = check_config(&r.options);
        break;
    case ACTION_RUN:
        status = run(&r);
        break;
    }
    options_fini(&r.options);
    return status;
}
