/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompressors for captures: gzip (RFC 1952, several members), zstd (RFC
 * 8878), xz (The .xz File Format 1.1.0, several streams) and LZ4 (LZ4 Frame
 * Format 1.6.x). Compressions that are only recognised: bzip2, compress, zip,
 * 7z, legacy LZ4. A library that is missing at build time turns its row into a
 * recognised one. No compression inside compression.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_LZ4
#include <lz4.h>
#include <lz4frame.h>
#endif

#include "capture/codec.h"

static inline size_t in_left(const struct codec_io *io)
{
    return (size_t)(io->in_end - io->in);
}

static inline size_t out_left(const struct codec_io *io)
{
    return (size_t)(io->out_end - io->out);
}

#if defined HAVE_ZLIB || defined HAVE_LZMA
/* Zeros between or behind frames: padding to blocks of a tape or a disk. */
static void skip_padding(struct codec_io *io)
{
    while (in_left(io) > 0 && *io->in == 0) {
        io->in++;
    }
}
#endif

/* ---- gzip ---------------------------------------------------------------- */

#ifdef HAVE_ZLIB
struct gzip {
    z_stream z;
    bool between; /* the last member is complete */
};

static void *gzip_open(void)
{
    struct gzip *g = calloc(1, sizeof *g);
    /* 15: the largest window there is (32 KiB); 16: a gzip header, not zlib. */
    if (g && inflateInit2(&g->z, 15 + 16) != Z_OK) {
        free(g);
        g = NULL;
    }
    return g;
}

static void gzip_close(void *state)
{
    struct gzip *g = state;
    inflateEnd(&g->z);
    free(g);
}

/* One call of inflate(); its return code. */
static int gzip_inflate(struct gzip *g, struct codec_io *io)
{
    uInt in_n = (uInt)in_left(io), out_n = (uInt)out_left(io);
    g->z.next_in = (z_const Bytef *)(uintptr_t)io->in;
    g->z.avail_in = in_n;
    g->z.next_out = io->out;
    g->z.avail_out = out_n;
    int rc = inflate(&g->z, Z_NO_FLUSH);
    io->in += in_n - g->z.avail_in;
    io->out += out_n - g->z.avail_out;
    return rc;
}

static const char *gzip_step(void *state, struct codec_io *io)
{
    struct gzip *g = state;
    int rc = Z_OK;
    while (rc == Z_OK && out_left(io) > 0) {
        if (g->between) {
            skip_padding(io);
            if (in_left(io) == 0) {
                break;
            }
            inflateReset(&g->z);
            g->between = false;
        }
        rc = gzip_inflate(g, io);
        if (rc == Z_STREAM_END) {
            g->between = true;
            rc = Z_OK;
        }
    }
    io->inside = !g->between;
    if (rc == Z_OK || rc == Z_BUF_ERROR) {
        return NULL;
    }
    return rc == Z_MEM_ERROR ? "out of memory" : "corrupt gzip data";
}
#endif

/* ---- zstd ---------------------------------------------------------------- */

#ifdef HAVE_ZSTD
struct zstd {
    ZSTD_DCtx *d;
    bool inside;
};

static void *zstd_open(void)
{
    struct zstd *s = calloc(1, sizeof *s);
    if (s) {
        s->d = ZSTD_createDCtx();
    }
    if (s && !s->d) {
        free(s);
        return NULL;
    }
    if (s) {
        ZSTD_DCtx_setParameter(s->d, ZSTD_d_windowLogMax, CODEC_WINDOW_LOG);
    }
    return s;
}

static void zstd_close(void *state)
{
    struct zstd *s = state;
    ZSTD_freeDCtx(s->d);
    free(s);
}

static const char *zstd_failed(size_t rc)
{
    switch (ZSTD_getErrorCode(rc)) {
    case ZSTD_error_frameParameter_windowTooLarge:
        return "zstd window of more than 128 MiB";
    case ZSTD_error_memory_allocation:
        return "out of memory";
    default:
        return "corrupt zstd data";
    }
}

static const char *zstd_step(void *state, struct codec_io *io)
{
    struct zstd *s = state;
    const char *why = NULL;
    /* Without input only an unfinished frame can have something left. */
    while (!why && out_left(io) > 0 && (in_left(io) > 0 || s->inside)) {
        ZSTD_inBuffer in = {io->in, in_left(io), 0};
        ZSTD_outBuffer out = {io->out, out_left(io), 0};
        size_t rc = ZSTD_decompressStream(s->d, &out, &in);
        io->in += in.pos;
        io->out += out.pos;
        if (ZSTD_isError(rc)) {
            why = zstd_failed(rc);
            break;
        }
        s->inside = rc != 0;
        if (in.pos == 0 && out.pos == 0) {
            break;
        }
    }
    io->inside = s->inside;
    return why;
}
#endif

/* ---- xz ------------------------------------------------------------------ */

#ifdef HAVE_LZMA
struct xz {
    lzma_stream s;
    bool between; /* the last stream is complete */
};

/* The dictionary and what the decoder needs beside it. */
#define XZ_MEMORY_BYTES (CODEC_WINDOW_BYTES + (8u << 20))

static void *xz_open(void)
{
    struct xz *x = calloc(1, sizeof *x);
    if (x && lzma_stream_decoder(&x->s, XZ_MEMORY_BYTES, 0) != LZMA_OK) {
        free(x);
        x = NULL;
    }
    return x;
}

static void xz_close(void *state)
{
    struct xz *x = state;
    lzma_end(&x->s);
    free(x);
}

static const char *xz_failed(lzma_ret rc)
{
    switch (rc) {
    case LZMA_OK:
    case LZMA_BUF_ERROR: /* no progress: input or room is out */
        return NULL;
    case LZMA_MEMLIMIT_ERROR:
        return "xz dictionary of more than 128 MiB";
    case LZMA_MEM_ERROR:
        return "out of memory";
    default:
        return "corrupt xz data";
    }
}

/* One call of lzma_code(); its return code. */
static lzma_ret xz_code(struct xz *x, struct codec_io *io)
{
    size_t in_n = in_left(io), out_n = out_left(io);
    x->s.next_in = io->in;
    x->s.avail_in = in_n;
    x->s.next_out = io->out;
    x->s.avail_out = out_n;
    lzma_ret rc = lzma_code(&x->s, LZMA_RUN);
    io->in += in_n - x->s.avail_in;
    io->out += out_n - x->s.avail_out;
    if (rc == LZMA_OK && x->s.avail_in == in_n && x->s.avail_out == out_n) {
        rc = LZMA_BUF_ERROR;
    }
    return rc;
}

static const char *xz_step(void *state, struct codec_io *io)
{
    struct xz *x = state;
    lzma_ret rc = LZMA_OK;
    while (rc == LZMA_OK && out_left(io) > 0) {
        if (x->between) {
            skip_padding(io);
            if (in_left(io) == 0) {
                break;
            }
            rc = lzma_stream_decoder(&x->s, XZ_MEMORY_BYTES, 0);
            x->between = false;
        }
        if (rc == LZMA_OK) {
            rc = xz_code(x, io);
        }
        if (rc == LZMA_STREAM_END) {
            x->between = true;
            rc = LZMA_OK;
        }
    }
    io->inside = !x->between;
    return xz_failed(rc);
}
#endif

/* ---- LZ4 ----------------------------------------------------------------- */

#ifdef HAVE_LZ4
struct lz4 {
    LZ4F_dctx *d;
    bool inside;
};

static void *lz4_open(void)
{
    struct lz4 *l = calloc(1, sizeof *l);
    if (l &&
        LZ4F_isError(LZ4F_createDecompressionContext(&l->d, LZ4F_VERSION))) {
        free(l);
        l = NULL;
    }
    return l;
}

static void lz4_close(void *state)
{
    struct lz4 *l = state;
    LZ4F_freeDecompressionContext(l->d);
    free(l);
}

static const char *lz4_step(void *state, struct codec_io *io)
{
    struct lz4 *l = state;
    const char *why = NULL;
    while (!why && out_left(io) > 0 && (in_left(io) > 0 || l->inside)) {
        size_t in_n = in_left(io), out_n = out_left(io);
        size_t rc = LZ4F_decompress(l->d, io->out, &out_n, io->in, &in_n, NULL);
        if (LZ4F_isError(rc)) {
            why = "corrupt lz4 data";
            break;
        }
        io->in += in_n;
        io->out += out_n;
        l->inside = rc != 0;
        if (in_n == 0 && out_n == 0) {
            break;
        }
    }
    io->inside = l->inside;
    return why;
}
#endif

/* ---- the table ----------------------------------------------------------- */

#ifdef HAVE_ZLIB
#define GZIP_CALLS gzip_open, gzip_step, gzip_close
#else
#define GZIP_CALLS NULL, NULL, NULL
#endif
#ifdef HAVE_ZSTD
#define ZSTD_CALLS zstd_open, zstd_step, zstd_close
#else
#define ZSTD_CALLS NULL, NULL, NULL
#endif
#ifdef HAVE_LZMA
#define XZ_CALLS xz_open, xz_step, xz_close
#else
#define XZ_CALLS NULL, NULL, NULL
#endif
#ifdef HAVE_LZ4
#define LZ4_CALLS lz4_open, lz4_step, lz4_close
#else
#define LZ4_CALLS NULL, NULL, NULL
#endif

static const struct codec codecs[] = {
    {"gzip", "\x1f\x8b", 2, 0xff, GZIP_CALLS},
    {"zstd", "\x28\xb5\x2f\xfd", 4, 0xff, ZSTD_CALLS},
    /* A skippable frame, as pzstd writes first. */
    {"zstd", "\x50\x2a\x4d\x18", 4, 0xf0, ZSTD_CALLS},
    {"xz", "\xfd\x37\x7a\x58\x5a\x00", 6, 0xff, XZ_CALLS},
    {"lz4", "\x04\x22\x4d\x18", 4, 0xff, LZ4_CALLS},
    {"legacy lz4", "\x02\x21\x4c\x18", 4, 0xff, NULL, NULL, NULL},
    {"bzip2", "BZh", 3, 0xff, NULL, NULL, NULL},
    {"compress", "\x1f\x9d", 2, 0xff, NULL, NULL, NULL},
    {"zip", "PK\x03\x04", 4, 0xff, NULL, NULL, NULL},
    {"7z", "7z\xbc\xaf\x27\x1c", 6, 0xff, NULL, NULL, NULL},
};

const struct codec *codec_find(struct span s)
{
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        const struct codec *k = &codecs[i];
        if (s.n < k->magic_n) {
            continue;
        }
        struct span magic = span_of(k->magic, k->magic_n);
        struct cursor mine = cursor_open(s), want = cursor_open(magic);
        if ((cursor_u8(&mine, "magic") & k->magic_mask) ==
                cursor_u8(&want, "magic") &&
            span_eq(cursor_take(&mine, k->magic_n - 1u, "magic"),
                    cursor_rest(&want))) {
            return k;
        }
    }
    return NULL;
}

bool codec_version(size_t i, char *out, size_t n)
{
    const struct {
        const char *name, *version;
    } built[] = {
#ifdef HAVE_ZLIB
        {"zlib", zlibVersion()},
#endif
#ifdef HAVE_ZSTD
        {"zstd", ZSTD_versionString()},
#endif
#ifdef HAVE_LZMA
        {"liblzma", lzma_version_string()},
#endif
#ifdef HAVE_LZ4
        {"lz4", LZ4_versionString()},
#endif
        {NULL, NULL},
    };
    if (i >= sizeof built / sizeof built[0] || !built[i].name) {
        return false;
    }
    snprintf(out, n, "%s %s", built[i].name, built[i].version);
    return true;
}
