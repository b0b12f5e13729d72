/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers a reporter's text and writes it; tells a closed pipe from a full
 * disk; rotates.
 *
 * A file is opened relative to its directory, which stays open: once the
 * process is confined that is the only place where it can make files.
 */
#include "config.h"

#include "output.h"

#include "renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define FLUSH_BYTES    ((size_t)64 * 1024)
#define ENDS_MAX       512u
#define RETRY          TICK_SEC
#define SAY_AGAIN      (60 * TICK_SEC)
#define STALLED_MS     1000

struct output {
    const struct reporter *reporter;
    struct report_options options;
    struct output_options where;
    const char *path; /* for messages */
    int fd;
    struct renewal anew; /* its directory is -1: the file is never made anew */
    bool closed, failed;
    bool astray; /* it could not be opened again, and goes on in the old file */
    bool failing;   /* since the last write */
    bool torn;      /* the file ends within a record */
    tick_t tried;   /* when writing failed last */
    tick_t said;    /* when that was said */
    bool regular;   /* a file, not a pipe or a device */
    uint64_t bytes; /* in it */
    tick_t since;   /* when it was begun */
    void *state;
    struct text text;
    size_t ends[ENDS_MAX]; /* of records, in the text */
    size_t ends_n;
    uint64_t written, lost;
};

/* ---- files ---- */

static void examine(struct output *o)
{
    struct stat st;
    o->regular = fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode);
    o->bytes = o->regular ? (uint64_t)st.st_size : 0;
    o->since = tick_now();
}

/* The directory of the path, to be held open. -1 and errno. */
static int open_directory(const char *path, const char **base)
{
    const char *slash = strrchr(path, '/');
    *base = slash ? slash + 1 : path;
    if (!slash) {
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    char *name = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!name) {
        return -1;
    }
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(name);
    return fd;
}

static bool open_path(struct output *o)
{
    const char *path = o->where.path;
    int how = o->where.append ? O_APPEND : O_APPEND | O_TRUNC;
    o->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0640);
    if (o->fd < 0) {
        return false;
    }
    examine(o);
    if (o->where.rename && o->regular && !o->reporter->document) {
        o->anew.directory = open_directory(path, &o->anew.base);
        return o->anew.directory >= 0;
    }
    return true;
}

/* ---- writing ---- */

static void begin_file(struct output *o)
{
    if (o->reporter->begin) {
        o->reporter->begin(o->state, &o->options, &o->text);
    }
}

static void say(struct output *o, const char *what)
{
    fprintf(stderr, "tlswhy: %s: %s\n", o->path, what);
    o->said = tick_now();
}

/* Takes back the beginning of a record that did not fit. */
static void untear(struct output *o, size_t n)
{
    off_t end = o->regular ? lseek(o->fd, 0, SEEK_CUR) : -1;
    o->torn = !(end >= (off_t)n && ftruncate(o->fd, end - (off_t)n) == 0 &&
                lseek(o->fd, end - (off_t)n, SEEK_SET) >= 0);
    if (!o->torn) {
        o->bytes -= n < o->bytes ? n : o->bytes;
    }
}

/* The first n bytes of the text were written, and then no more. */
static void give_up(struct output *o, size_t n, int error)
{
    size_t whole = 0;
    for (size_t i = 0; i < o->ends_n; i++) {
        if (o->ends[i] <= n) {
            whole = o->ends[i];
            o->written++;
        } else {
            o->lost++;
        }
    }
    if (n > whole) {
        untear(o, n - whole);
    }
    o->tried = tick_now();
    if (!o->failing && (!o->failed || o->tried - o->said >= SAY_AGAIN)) {
        say(o, strerror(error));
    }
    o->failing = o->failed = true;
}

/* It can be written again. */
static void recovered(struct output *o)
{
    char what[96];
    o->failing = false;
    snprintf(what, sizeof what,
             "can be written again; %" PRIu64 " records were lost", o->lost);
    if (tick_now() - o->said >= RETRY) {
        say(o, what);
    }
}

static void forget(struct output *o)
{
    text_clear(&o->text);
    o->ends_n = 0;
}

/* Another program made standard output non-blocking. 0, or an errno. */
static int wait_writable(const struct output *o)
{
    struct pollfd p = {.fd = o->fd, .events = POLLOUT};
    return poll(&p, 1, STALLED_MS) == 0 ? EAGAIN : 0;
}

/* Writes all of it. 0, or an errno with what was written in *done. */
static int write_all(struct output *o, const char *p, size_t n, size_t *done)
{
    *done = 0;
    while (*done < n) {
        ssize_t k = write(o->fd, p + *done, n - *done);
        int error = k < 0 ? errno : 0;
        if (error == EAGAIN) {
            error = wait_writable(o);
        }
        if (error && error != EINTR) {
            return error;
        }
        *done += k > 0 ? (size_t)k : 0;
        o->bytes += k > 0 ? (uint64_t)k : 0;
    }
    return 0;
}

static void write_text(struct output *o)
{
    size_t done;
    int error = o->torn ? write_all(o, "\n", 1, &done) : 0;
    if (!error) {
        o->torn = false;
        error = write_all(o, text_str(&o->text), o->text.n, &done);
    } else {
        done = 0;
    }
    if (error == EPIPE) {
        o->closed = true;
    } else if (error) {
        give_up(o, done, error);
    } else {
        o->written += o->ends_n;
        if (o->failing && o->text.n) {
            recovered(o);
        }
    }
    forget(o);
}

/* Whether to wait before the next attempt; what does not fit is lost. */
static bool must_wait(struct output *o)
{
    if (o->failed && o->reporter->document) {
        /* What follows refers to what is lost. */
        o->lost += o->ends_n;
        forget(o);
        return true;
    }
    if (!o->failing || tick_now() - o->tried >= RETRY) {
        return false;
    }
    if (o->text.n >= FLUSH_BYTES || o->ends_n == ENDS_MAX) {
        o->lost += o->ends_n;
        forget(o);
    }
    return true;
}

/* ---- rotation ---- */

static bool is_time(const struct output *o)
{
    const struct output_options *w = &o->where;
    if (o->anew.directory < 0 || !o->bytes || o->failing) {
        return false;
    }
    return (w->rotate_bytes && o->bytes >= w->rotate_bytes) ||
           (w->rotate_time && tick_now() - o->since >= w->rotate_time);
}

static void rotate(struct output *o)
{
    int error = renewal_shift(&o->anew);
    if (error) {
        if (!o->failed) {
            fprintf(stderr, "tlswhy: %s: cannot be rotated: %s\n", o->path,
                    strerror(error));
        }
        o->failed = true;
        o->bytes = 0; /* the next attempt after as much again */
        o->since = tick_now();
        return;
    }
    /* Without a new file, not at once again: that would push out the old. */
    o->bytes = 0;
    o->since = tick_now();
    output_reopen(o);
}

void output_flush(struct output *o)
{
    if (!o->text.n && !o->where.rotate_time) {
        return;
    }
    if (o->text.n && !o->closed && !must_wait(o)) {
        write_text(o);
    }
    if (is_time(o)) {
        rotate(o);
    }
}

void output_reopen(struct output *o)
{
    if (o->text.n && !o->closed && !must_wait(o)) {
        write_text(o);
    }
    if (o->anew.directory < 0) {
        return;
    }
    int fd = renewal_open(&o->anew);
    if (fd < 0) {
        fprintf(stderr, "tlswhy: %s: cannot be opened again: %s\n", o->path,
                strerror(errno));
        o->astray = true;
        return; /* better the old file than none */
    }
    close(o->fd);
    o->fd = fd;
    o->failing = o->torn = false;
    examine(o);
    if (o->regular && !o->bytes && o->reporter->header) {
        begin_file(o);
    }
}

/* ---- what comes in ---- */

void output_begin(struct output *o)
{
    if (!o->bytes || !o->reporter->header) {
        begin_file(o);
    }
}

void output_record(struct output *o, const struct record *r)
{
    if (!o->reporter->record || o->closed) {
        return; /* nobody takes it, and nothing would empty the buffer */
    }
    size_t before = o->text.n;
    o->reporter->record(o->state, &o->options, r, &o->text);
    if (o->text.n > before) {
        o->ends[o->ends_n++] = o->text.n;
    }
    if (o->text.n >= FLUSH_BYTES || o->ends_n == ENDS_MAX) {
        output_flush(o);
    }
}

void output_end(struct output *o, const struct totals *t)
{
    if (o->reporter->end) {
        o->reporter->end(o->state, &o->options, t, &o->text);
    }
    o->tried -= RETRY; /* the last attempt */
    output_flush(o);
}

struct renewal *output_renewal(struct output *o)
{
    return &o->anew;
}

int output_file(const struct output *o)
{
    return o->fd == STDOUT_FILENO ? -1 : o->fd;
}

bool output_closed(const struct output *o)
{
    return o->closed;
}

bool output_failed(const struct output *o)
{
    return o->failed || o->astray;
}

uint64_t output_written(const struct output *o)
{
    return o->written;
}

uint64_t output_lost(const struct output *o)
{
    return o->lost;
}

/* ---- life ---- */

struct output *output_new(const struct reporter *r,
                          const struct report_options *o,
                          const struct output_options *where, char error[256])
{
    struct output *out = calloc(1, sizeof *out);
    void *state = calloc(1, r->state_bytes ? r->state_bytes : 1);
    if (!out || !state) {
        snprintf(error, 256, "out of memory");
        free(out);
        free(state);
        return NULL;
    }
    *out = (struct output){
        .reporter = r,
        .options = *o,
        .where = *where,
        .path = where->path ? where->path : "standard output",
        .fd = STDOUT_FILENO,
        .anew = {.directory = -1, .keep = where->rotate_keep, .socket = -1},
        .state = state};
    text_init(&out->text, TEXT_MAX_BYTES);
    if (!where->path) {
        struct stat st;
        out->regular = fstat(out->fd, &st) == 0 && S_ISREG(st.st_mode);
    } else if (!open_path(out)) {
        snprintf(error, 256, "%s", strerror(errno));
        output_free(out);
        return NULL;
    }
    return out;
}

void output_free(struct output *o)
{
    if (!o) {
        return;
    }
    if (o->reporter->fini) {
        o->reporter->fini(o->state);
    }
    free(o->state);
    text_free(&o->text);
    if (o->fd > STDERR_FILENO && close(o->fd) != 0 && !o->failed) {
        fprintf(stderr, "tlswhy: %s: %s\n", o->path, strerror(errno));
    }
    renewal_end(&o->anew);
    free(o);
}
