/* SPDX-License-Identifier: Apache-2.0 */
/* Reads saved captures: one as fast as it goes, several in the order of time.
 */
#include "config.h"

#include "run.h"

#include "base/limits.h"
#include "judge/notes.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- secrets ---- */

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

/* ---- records read back ---- */

/* Counts a record that was read back as the pipeline counts its own. */
static void count_record(struct totals *t, const struct record *r)
{
    const struct conclusion *c = &r->hs->end_state;
    t->records_read++;
    t->tls++;
    t->succeeded += c->outcome == OUTCOME_SUCCESS;
    t->unknown += c->outcome == OUTCOME_UNKNOWN;
    t->benign += c->outcome == OUTCOME_FAILURE && c->benign;
    t->failed += c->outcome == OUTCOME_FAILURE && !c->benign;
    t->left += c->outcome == OUTCOME_SUCCESS && r->verdict &&
               notes_tell_of_leaving(&r->verdict->evidence);
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
        run_complain(r, capture_name(s->capture), "out of memory");
        s->over = true;
        return;
    }
    if (record_reader_line(r->records, s->frame.data, &record, why)) {
        count_record(&r->read_back, &record);
        run_deliver(r, &record);
    } else if (s->bad_lines++ == 0) {
        char what[192];
        snprintf(what, sizeof what, "line %llu: %s",
                 (unsigned long long)s->frame.number, why);
        run_complain(r, capture_name(s->capture), what);
    }
}

/* ---- reading ---- */

/* Fetches the source's next frame. False when it is over. */
static bool fetch(struct run *r, struct source *s)
{
    enum capture_status status = capture_next(s->capture, &s->frame);
    while (status == CAPTURE_LINE) {
        read_back(r, s);
        status = s->over || run_should_stop(r)
                     ? CAPTURE_END
                     : capture_next(s->capture, &s->frame);
    }
    switch (status) {
    case CAPTURE_FRAME:
        s->ready = true;
        if (meter_due(&r->meter)) {
            run_show_progress(r);
        }
        take_secrets(r, s);
        expect_secrets(r, s);
        source_check_linktype(r, s);
        return true;
    case CAPTURE_IDLE:
        s->ready = false;
        return true;
    case CAPTURE_ERROR:
        run_complain(r, capture_name(s->capture), capture_error(s->capture));
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
            source_check_linktype(r, s);
        }
    }
    s->frame = v[n - 1];
    return n;
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
    run_poll_top(r);
    output_flush(r->output);
    run_outlets(r, true);
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
    while (!run_should_stop(r) && fetch(r, s)) {
        if (s->ready) {
            paused = 0;
            run_outlets(r, false);
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
    while (!run_should_stop(r)) {
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
        run_outlets(r, false);
        pipeline_frame(r->pipeline, &s->frame, s->index);
        fetch(r, s);
    }
}

/* ---- opening ---- */

/*
 * "tlswhy eth0"; "tlswhy FILE port 443": without -i and -r all words are files.
 * Whoever has tcpdump's habits learns from the first of them why.
 */
static const char *hint(const struct run *r, size_t at)
{
    if (r->not_a_file == at + 1) {
        return " (to watch an interface: tlswhy -i)";
    }
    bool word = at == 1 && r->files[at] == -ENOENT && !r->options.filter &&
                !strpbrk(r->options.files[at], "./");
    return word ? " (a filter takes -r: tlswhy -r FILE FILTER)" : "";
}

static struct capture *open_saved(const struct run *r, size_t at,
                                  char error[CAPTURE_ERROR_BYTES])
{
    const struct options *o = &r->options;
    if (at >= r->files_opened) {
        return capture_open_file(o->files[at], o->filter, error);
    }
    if (r->files[at] < 0) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s%s", strerror(-r->files[at]),
                 hint(r, at));
        return NULL;
    }
    return capture_read_file(r->files[at], o->files[at], o->filter, error);
}

/*
 * Opens the captures while this is still allowed, and reads nothing of them;
 * as many as there may be open files.
 */
bool open_files(struct run *r)
{
    const struct options *o = &r->options;
    struct rlimit limit;
    size_t most = RUN_SOURCES_MAX;
    r->files = calloc(o->files_n + 1, sizeof *r->files);
    if (!r->files) {
        return false;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        if (o->files_n > RUN_SOURCES_MAX &&
            setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
            limit.rlim_cur > 4u * RUN_SOURCES_MAX) {
            most = (size_t)limit.rlim_cur - 2u * RUN_SOURCES_MAX;
        }
    }
    for (size_t i = 0; i < o->files_n && i < most; i++) {
        int fd = capture_file(o->files[i]);
        r->files[i] = fd >= 0 ? fd : -errno;
        if (fd == -1 && errno == ENOENT && if_nametoindex(o->files[i])) {
            r->not_a_file = i + 1;
        }
        r->files_opened++;
    }
    return true;
}

void read_files(struct run *r)
{
    struct source v[RUN_SOURCES_MAX];
    const struct options *o = &r->options;
    if (!open_files(r) || !run_give_up_rights(r)) {
        r->error = true;
        return;
    }
    for (size_t at = 0; at < o->files_n && !run_should_stop(r);) {
        size_t n = o->files_n - at;
        if (o->files_n > RUN_SOURCES_MAX) {
            n = 1;
        }
        size_t opened = sources_open(r, open_saved, n, at, v);
        r->sources = v;
        r->sources_n = opened;
        if (opened == 1) {
            read_one(r, &v[0]);
        } else if (opened > 1) {
            read_merged(r, v, opened);
        }
        for (size_t i = 0; i < opened; i++) {
            source_close(r, &v[i]);
        }
        r->sources = NULL;
        r->sources_n = 0;
        at += n;
    }
}
