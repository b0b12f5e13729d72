/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from the bytes of a saved capture: classic pcap
 * (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
 */
#ifndef CAPTURE_READER_H
#define CAPTURE_READER_H

#include "base/frame.h"
#include "capture/input.h"

/* The most captured bytes of a frame: libpcap's MAXIMUM_SNAPLEN. */
#define READER_FRAME_BYTES 262144u

#define READER_ERROR_BYTES 160

enum reader_status {
    READER_FRAME,
    READER_WAIT,    /* see INPUT_WAIT */
    READER_END,     /* a clean end */
    READER_ERROR,   /* reader_error(): all frames before it were delivered */
    READER_FOREIGN, /* at the start only: neither pcap nor pcapng */
};

/* Secrets out of a Decryption Secrets Block. */
struct reader_secret {
    uint32_t type;    /* 0x544c534b: a TLS key log */
    struct span data; /* lives as long as the reader */
};

struct reader;

/* NULL when memory is out. Borrows the input. */
struct reader *reader_new(struct input *in);
void reader_free(struct reader *r);

/*
 * Reads up to the first link type or the first packet. READER_FRAME: ready
 * (no frame was taken); READER_WAIT: call again. reader_next() does it too.
 */
enum reader_status reader_start(struct reader *r);

/* *out is filled on READER_FRAME. Its data is borrowed until the next call. */
enum reader_status reader_next(struct reader *r, struct frame *out);

/* Up to max further packets that are whole in the input's buffer, so that what
 * was handed out before stays valid. 0: ask reader_next(). */
size_t reader_more(struct reader *r, struct frame *v, size_t max);

/* One line, without a file name; valid after READER_ERROR. */
const char *reader_error(const struct reader *r);

/* LINKTYPE_ value of interface 0; -1 while none is known. */
int reader_linktype(const struct reader *r);

/* Whether the format has room for secrets (pcapng). */
bool reader_may_bring_secrets(const struct reader *r);

/* The secrets read so far, in order. What passes a limit is left out. */
size_t reader_secret_count(const struct reader *r);
struct reader_secret reader_secret(const struct reader *r, size_t i);

#endif
