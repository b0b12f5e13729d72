/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte source of saved captures: file, pipe or standard input, plain or
 * compressed (told by content). Streams without temporary files, reads what a
 * pipe has instead of waiting for a full buffer, and never blocks longer than
 * INPUT_POLL_MS. It does not know what the bytes mean.
 */
#ifdef HAVE_CONFIG_H
#include "config.h" /* large files */
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/codec.h"
#include "capture/input.h"

static enum input_status finish(struct input *in, enum input_status s,
                                const char *why)
{
    in->final = s;
    in->why = why;
    return s;
}

/* What kind of file it is; NULL when it can be read. */
static const char *examine(struct input *in)
{
    struct stat st;
    if (fstat(in->fd, &st) != 0) {
        return strerror(errno);
    }
    if (S_ISDIR(st.st_mode)) {
        return strerror(EISDIR);
    }
    if (isatty(in->fd)) {
        return "not a capture file, but a terminal";
    }
    in->seekable = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
    return NULL;
}

int input_open(const char *path)
{
    if (strcmp(path, "-") == 0) {
        return STDIN_FILENO;
    }
    /* Without O_NONBLOCK a FIFO nobody writes to would block right here,
     * where nothing can be stopped. */
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

const char *input_start(struct input *in, int fd,
                        const volatile sig_atomic_t *stop)
{
    *in = (struct input){.fd = fd, .stop = stop};
    const char *why = examine(in);
    if (why) {
        input_close(in);
        return why;
    }
    in->buffer_bytes = INPUT_READ_BYTES;
    in->buffer = malloc(in->buffer_bytes);
    if (!in->buffer) {
        input_close(in);
        return strerror(ENOMEM);
    }
    in->p = in->end = in->buffer;
#ifdef POSIX_FADV_SEQUENTIAL
    posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
    return NULL;
}

void input_close(struct input *in)
{
    if (in->codec_state) {
        in->codec->close(in->codec_state);
    }
    if (in->fd > STDIN_FILENO) {
        close(in->fd);
    }
    free(in->buffer);
    free(in->raw);
    *in = (struct input){.fd = -1};
}

/* Waits until the pipe has something. */
static enum input_status wait_readable(struct input *in)
{
    struct pollfd pfd = {.fd = in->fd, .events = POLLIN};
    int n = poll(&pfd, 1, INPUT_POLL_MS);
    if (n < 0 && errno != EINTR) {
        return finish(in, INPUT_FAILED, strerror(errno));
    }
    return n > 0 ? INPUT_OK : INPUT_WAIT;
}

/* One read(2) of up to n bytes; *got is 0 at the end of the file. */
static enum input_status read_some(struct input *in, uint8_t *to, size_t n,
                                   size_t *got)
{
    *got = 0;
    if (in->eof) {
        return INPUT_OK;
    }
    if (*in->stop) {
        return INPUT_WAIT;
    }
    if (!in->seekable) {
        enum input_status s = wait_readable(in);
        if (s != INPUT_OK) {
            return s;
        }
    }
    ssize_t r = read(in->fd, to, n);
    if (r < 0) {
        if (errno == EINTR || errno == EAGAIN) {
            return INPUT_WAIT;
        }
        return finish(in, INPUT_FAILED, strerror(errno));
    }
    *got = (size_t)r;
    in->eof = r == 0;
    return INPUT_OK;
}

/* The unused part of the buffer behind the bytes at hand. */
static inline size_t tail_room(const struct input *in)
{
    return (size_t)(in->buffer + in->buffer_bytes - in->end);
}

static inline uint8_t *tail(const struct input *in)
{
    return in->buffer + (in->end - in->buffer);
}

/* Room for n bytes from p on: what is at hand moves to the front. */
static bool make_room(struct input *in, size_t n)
{
    size_t left = input_left(in);
    if (left > 0 && left + tail_room(in) >= n && tail_room(in) > 0) {
        return true;
    }
    if (n > in->buffer_bytes) {
        size_t size = n > INPUT_BUFFER_BYTES ? n : INPUT_BUFFER_BYTES;
        uint8_t *bigger = malloc(size);
        if (!bigger) {
            return false;
        }
        memcpy(bigger, in->p, left);
        free(in->buffer);
        in->buffer = bigger;
        in->buffer_bytes = size;
    } else {
        memmove(in->buffer, in->p, left);
    }
    in->p = in->buffer;
    in->end = in->buffer + left;
    return true;
}

static enum input_status fill_plain(struct input *in)
{
    size_t got;
    enum input_status s = read_some(in, tail(in), tail_room(in), &got);
    if (s != INPUT_OK) {
        return s;
    }
    in->end += got;
    return in->eof ? finish(in, INPUT_END, NULL) : INPUT_OK;
}

/* One step of the decompressor. INPUT_OK also when nothing came out yet. */
static enum input_status decode_step(struct input *in)
{
    struct codec_io io = {in->raw_p, in->raw_end, tail(in),
                          in->buffer + in->buffer_bytes, false};
    const char *why = in->codec->step(in->codec_state, &io);
    bool produced = io.out != in->end;
    in->raw_p = io.in;
    in->end = io.out;
    if (why) {
        /* What came out before the damage is still good. */
        finish(in, INPUT_DAMAGED, why);
    } else if (in->eof && in->raw_p == in->raw_end && !produced) {
        finish(in, io.inside ? INPUT_TRUNCATED : INPUT_END, NULL);
    }
    return produced ? INPUT_OK : in->final;
}

static enum input_status fill_decoded(struct input *in)
{
    for (;;) {
        /* First, for the decompressor may hold what had no room before. */
        const uint8_t *before = in->end;
        enum input_status s = decode_step(in);
        if (s != INPUT_OK || in->end != before) {
            return s;
        }
        if (in->raw_p != in->raw_end) {
            continue;
        }
        size_t got;
        s = read_some(in, in->raw, in->raw_bytes, &got);
        if (s != INPUT_OK) {
            return s;
        }
        in->raw_p = in->raw;
        in->raw_end = in->raw + got;
    }
}

/* The buffer turns out to hold compressed bytes: it becomes the raw one. */
static enum input_status start_codec(struct input *in)
{
    if (!in->codec->open) {
        snprintf(in->text, sizeof in->text, "unsupported compression: %s",
                 in->codec->name);
        return finish(in, INPUT_FAILED, in->text);
    }
    uint8_t *fresh = malloc(INPUT_BUFFER_BYTES);
    in->codec_state = fresh ? in->codec->open() : NULL;
    if (!in->codec_state) {
        free(fresh);
        return finish(in, INPUT_FAILED, strerror(ENOMEM));
    }
    in->raw = in->buffer;
    in->raw_bytes = in->buffer_bytes;
    in->raw_p = in->p;
    in->raw_end = in->end;
    in->buffer = fresh;
    in->buffer_bytes = INPUT_BUFFER_BYTES;
    in->p = in->end = in->buffer;
    in->final = INPUT_OK;
    return INPUT_OK;
}

/* Looks at the first bytes; may have to be called again on a slow pipe. */
static enum input_status sniff(struct input *in)
{
    enum input_status s = INPUT_OK;
    while (s == INPUT_OK && input_left(in) < CODEC_MAGIC_BYTES) {
        s = fill_plain(in);
    }
    if (s != INPUT_OK && s != INPUT_END) {
        return s;
    }
    in->sniffed = true;
    in->codec = codec_find(span_of(in->p, input_left(in)));
    return in->codec ? start_codec(in) : INPUT_OK;
}

enum input_status input_fill(struct input *in, size_t n)
{
    if (!in->sniffed) {
        enum input_status s = sniff(in);
        if (s != INPUT_OK) {
            return s;
        }
    }
    if (input_left(in) >= n) {
        return INPUT_OK;
    }
    if (!make_room(in, n)) {
        return finish(in, INPUT_FAILED, strerror(ENOMEM));
    }
    while (input_left(in) < n) {
        if (in->final != INPUT_OK) {
            return in->final;
        }
        enum input_status s = in->codec ? fill_decoded(in) : fill_plain(in);
        if (s != INPUT_OK) {
            return s;
        }
    }
    return INPUT_OK;
}

enum input_status input_skip(struct input *in, uint64_t *n)
{
    while (*n > 0) {
        enum input_status s = input_need(in, 1);
        if (s != INPUT_OK) {
            return s;
        }
        size_t left = input_left(in);
        size_t step = *n < left ? (size_t)*n : left;
        in->p += step;
        *n -= step;
        if (*in->stop) {
            return INPUT_WAIT;
        }
    }
    return INPUT_OK;
}

const char *input_why(const struct input *in)
{
    return in->why ? in->why : "read error";
}

bool input_rewindable(const struct input *in)
{
    return in->seekable && !in->codec;
}
