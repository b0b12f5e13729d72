/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers a reporter's text and writes it; tells a closed pipe from a full
 * disk. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define FLUSH_BYTES    ((size_t)64 * 1024)

struct output {
    const struct reporter *reporter;
    struct report_options options;
    const char *path; /* for messages */
    int fd;
    bool closed, failed;
    void *state;
    struct text text;
};

struct output *output_new(const struct reporter *r,
                          const struct report_options *o, const char *path,
                          char error[256])
{
    int fd = STDOUT_FILENO;
    if (path) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        if (fd < 0) {
            snprintf(error, 256, "%s", strerror(errno));
            return NULL;
        }
    }
    struct output *out = calloc(1, sizeof *out);
    void *state = calloc(1, r->state_bytes ? r->state_bytes : 1);
    if (!out || !state) {
        snprintf(error, 256, "out of memory");
        free(out);
        free(state);
        if (path) {
            close(fd);
        }
        return NULL;
    }
    *out = (struct output){.reporter = r,
                           .options = *o,
                           .path = path ? path : "standard output",
                           .fd = fd,
                           .state = state};
    text_init(&out->text, TEXT_MAX_BYTES);
    return out;
}

void output_flush(struct output *o)
{
    const char *p = text_str(&o->text);
    size_t left = o->text.n;
    while (left > 0 && !o->closed && !o->failed) {
        ssize_t n = write(o->fd, p, left);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EPIPE) {
            o->closed = true;
        } else if (n < 0) {
            o->failed = true;
            fprintf(stderr, "tlswhy: %s: %s\n", o->path, strerror(errno));
        } else {
            p += n;
            left -= (size_t)n;
        }
    }
    text_clear(&o->text);
}

static void maybe_flush(struct output *o)
{
    if (o->text.n >= FLUSH_BYTES) {
        output_flush(o);
    }
}

void output_reopen(struct output *o)
{
    output_flush(o);
    if (o->fd == STDOUT_FILENO) {
        return;
    }
    int fd = open(o->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        fprintf(stderr, "tlswhy: %s: %s\n", o->path, strerror(errno));
        return; /* better the old file than none */
    }
    close(o->fd);
    o->fd = fd;
    o->failed = false;
}

void output_begin(struct output *o)
{
    if (o->reporter->begin) {
        o->reporter->begin(o->state, &o->options, &o->text);
    }
}

void output_record(struct output *o, const struct record *r)
{
    if (o->reporter->record) {
        o->reporter->record(o->state, &o->options, r, &o->text);
        maybe_flush(o);
    }
}

void output_end(struct output *o, const struct totals *t)
{
    if (o->reporter->end) {
        o->reporter->end(o->state, &o->options, t, &o->text);
    }
    output_flush(o);
}

bool output_closed(const struct output *o)
{
    return o->closed;
}

bool output_failed(const struct output *o)
{
    return o->failed;
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
    if (o->fd != STDOUT_FILENO && close(o->fd) != 0 && !o->failed) {
        fprintf(stderr, "tlswhy: %s: %s\n", o->path, strerror(errno));
    }
    free(o);
}
