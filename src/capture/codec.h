/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompressors behind one interface: gzip (RFC 1952), zstd (RFC 8878), xz and
 * LZ4 frames, each told by its first bytes. They stream; they know nothing of
 * files or packets.
 */
#ifndef CAPTURE_CODEC_H
#define CAPTURE_CODEC_H

#include "base/span.h"

/* The most a stream may ask us to remember. zstd --long=27 and xz -9 stay
 * within; more is refused, so that a hostile file cannot take our memory. */
#define CODEC_WINDOW_LOG   27
#define CODEC_WINDOW_BYTES (1u << CODEC_WINDOW_LOG)

/* One step: bytes are taken from in and put at out, both move. */
struct codec_io {
    const uint8_t *in, *in_end;
    uint8_t *out, *out_end;
    bool inside; /* set by the step: a frame was begun and has not ended */
};

struct codec {
    const char *name;
    const char *magic;
    uint8_t magic_n, magic_mask; /* mask is for the first byte */
    /* NULL members: known to us, but not readable in this build. */
    void *(*open)(void); /* NULL when memory is out */
    /* As far as input and room go. NULL, or what is wrong with the data (a
     * constant). A finished frame may be followed by another one. */
    const char *(*step)(void *state, struct codec_io *io);
    void (*close)(void *state);
};

/* How many of the first bytes codec_find() wants to see. */
#define CODEC_MAGIC_BYTES 6

/* The compression that s begins with; NULL when it is none of them. */
const struct codec *codec_find(struct span s);

/* "gzip (zlib 1.2.13)" ... of the i-th one in this build; false at the end. */
bool codec_version(size_t i, char *out, size_t n);

#endif
