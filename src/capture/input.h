/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a saved capture, decompressed, in one buffer: a regular file, a
 * pipe or standard input. The reader takes spans of the buffer, so packets are
 * not copied.
 */
#ifndef CAPTURE_INPUT_H
#define CAPTURE_INPUT_H

#include <signal.h>

#include "base/span.h"

/* What is decompressed at a time, and where longer blocks and lines find room.
 */
#define INPUT_BUFFER_BYTES (1u << 20)
/* One read(2): what the kernel copied is still in the nearest cache when it is
 * looked at. With 1 MiB handshakes take 10 % longer. */
#define INPUT_READ_BYTES (1u << 17)
/* The most that input_fill() may be asked for. */
#define INPUT_HOLD_BYTES (16u << 20)
/* How long a silent pipe is waited for before we say so. */
#define INPUT_POLL_MS 100

enum input_status {
    INPUT_OK,
    INPUT_WAIT,      /* the pipe is silent, or *stop was set: ask again */
    INPUT_END,       /* no more bytes; fewer than asked for may be left */
    INPUT_TRUNCATED, /* the compressed stream ends too early */
    INPUT_DAMAGED,   /* input_why(): corrupt compressed data */
    INPUT_FAILED,    /* input_why(): system error, unsupported compression */
};

struct codec;

/* The bytes at hand are p .. end; whoever takes some moves p. The other
 * members are private. */
struct input {
    const uint8_t *p;
    const uint8_t *end;

    uint8_t *buffer;
    size_t buffer_bytes;
    int fd;
    bool seekable; /* a regular file: never waits */
    bool sniffed;  /* compression is known */
    bool eof;
    enum input_status final; /* not INPUT_OK: nothing more will come */
    const char *why;
    char text[64]; /* where *why may be kept */
    const volatile sig_atomic_t *stop;

    const struct codec *codec; /* NULL: plain */
    void *codec_state;
    uint8_t *raw; /* compressed bytes */
    const uint8_t *raw_p, *raw_end;
    size_t raw_bytes;
};

/* Opens path, or standard input for "-", and reads nothing. -1 and errno. */
int input_open(const char *path);

/*
 * Reads from fd, which it owns from now on. *stop, when it becomes non-zero,
 * ends waiting. NULL on success, else what went wrong (valid until the next
 * call of strerror); *in is then closed.
 */
const char *input_start(struct input *in, int fd,
                        const volatile sig_atomic_t *stop);
void input_close(struct input *in);

/* Makes at least n (<= INPUT_HOLD_BYTES) bytes available. Spans handed out
 * before become invalid. Anything but INPUT_OK: fewer are there. */
enum input_status input_fill(struct input *in, size_t n);

/* Skips *n bytes and lowers *n by what was skipped. */
enum input_status input_skip(struct input *in, uint64_t *n);

/* What went wrong. */
const char *input_why(const struct input *in);

/* Whether reading can start again from the first byte, uncompressed. */
bool input_rewindable(const struct input *in);

static inline size_t input_left(const struct input *in)
{
    return (size_t)(in->end - in->p);
}

/* The same as input_fill(), cheap when the bytes are at hand. */
static inline enum input_status input_need(struct input *in, size_t n)
{
    return __builtin_expect(input_left(in) >= n, 1) ? INPUT_OK
                                                    : input_fill(in, n);
}

#endif
