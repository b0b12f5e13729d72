/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CompressedCertificate (RFC 8879 section 4): algorithm, length of the
 * Certificate message, compressed bytes. The result is written into a buffer of
 * the length the message claims, which is bounded, so that no bomb can go off;
 * a result of any other length is refused.
 */
#include "config.h"

#include "dissectors/cert_compress.h"

#include <stdlib.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_BROTLI
#include <brotli/decode.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

enum { ALGORITHM_ZLIB = 1, ALGORITHM_BROTLI = 2, ALGORITHM_ZSTD = 3 };

static bool inflate_zlib(struct span in, uint8_t *out, size_t n)
{
#ifdef HAVE_ZLIB
    uLongf got = n;
    return uncompress(out, &got, in.p, in.n) == Z_OK && got == n;
#else
    (void)in, (void)out, (void)n;
    return false;
#endif
}

static bool inflate_brotli(struct span in, uint8_t *out, size_t n)
{
#ifdef HAVE_BROTLI
    size_t got = n;
    return BrotliDecoderDecompress(in.n, in.p, &got, out) ==
               BROTLI_DECODER_RESULT_SUCCESS &&
           got == n;
#else
    (void)in, (void)out, (void)n;
    return false;
#endif
}

static bool inflate_zstd(struct span in, uint8_t *out, size_t n)
{
#ifdef HAVE_ZSTD
    return ZSTD_decompress(out, n, in.p, in.n) == n;
#else
    (void)in, (void)out, (void)n;
    return false;
#endif
}

static bool inflate_by(uint16_t algorithm, struct span in, uint8_t *out,
                       size_t n)
{
    switch (algorithm) {
    case ALGORITHM_ZLIB:
        return inflate_zlib(in, out, n);
    case ALGORITHM_BROTLI:
        return inflate_brotli(in, out, n);
    case ALGORITHM_ZSTD:
        return inflate_zstd(in, out, n);
    default:
        return false;
    }
}

struct uncompressed cert_uncompress(struct span body)
{
    struct uncompressed none = {NULL, 0};
    struct cursor c = cursor_open(body);
    uint16_t algorithm = cursor_u16(&c, "algorithm");
    uint32_t n = cursor_u24(&c, "uncompressed_length");
    struct cursor packed = cursor_vec24(&c, "compressed_certificate_message");
    if (!cursor_done(&c) || n == 0 || n > UNCOMPRESSED_MAX) {
        return none;
    }
    uint8_t *p = malloc(n);
    if (!p) {
        return none;
    }
    if (!inflate_by(algorithm, cursor_rest(&packed), p, n)) {
        free(p);
        return none;
    }
    return (struct uncompressed){p, n};
}
