/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of src/capture on files that are written here, byte by byte after
 * the pcap and pcapng drafts, and a comparison with libpcap over the captures
 * of the repository (or of $TLSWHY_PCAPS). Live capture is not tested here: it
 * takes rights and an interface.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_LZ4
#include <lz4frame.h>
#endif

#include "capture/capture.h"
#include "capture/linktype.h"

/* ---- building files ------------------------------------------------------ */

struct bytes {
    uint8_t *p;
    size_t n, size;
    bool big;
};

static void put(struct bytes *b, const void *p, size_t n)
{
    if (b->n + n > b->size) {
        b->size = (b->n + n) * 2;
        b->p = realloc(b->p, b->size);
        cr_assert_not_null(b->p);
    }
    if (n > 0) {
        memcpy(b->p + b->n, p, n);
    }
    b->n += n;
}

static void put_number(struct bytes *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = b->big ? n - 1 - i : i;
        uint8_t byte = (uint8_t)(v >> 8 * at);
        put(b, &byte, 1);
    }
}

static void put16(struct bytes *b, uint16_t v)
{
    put_number(b, v, 2);
}

static void put32(struct bytes *b, uint32_t v)
{
    put_number(b, v, 4);
}

static void pcap_header(struct bytes *b, uint32_t magic, uint32_t network)
{
    put32(b, magic);
    put16(b, 2);
    put16(b, 4);
    put32(b, 0);
    put32(b, 0);
    put32(b, 65535);
    put32(b, network);
}

static void pcap_record(struct bytes *b, uint32_t sec, uint32_t frac,
                        const char *data, uint32_t wire)
{
    put32(b, sec);
    put32(b, frac);
    put32(b, (uint32_t)strlen(data));
    put32(b, wire);
    put(b, data, strlen(data));
}

/* A pcapng block around body. */
static void block(struct bytes *b, uint32_t type, const struct bytes *body)
{
    uint32_t pad = (4 - (uint32_t)body->n % 4) % 4;
    uint32_t total = 12 + (uint32_t)body->n + pad;
    put32(b, type);
    put32(b, total);
    put(b, body->p, body->n);
    put(b, "\0\0\0", pad);
    put32(b, total);
}

static void section(struct bytes *b)
{
    struct bytes s = {.big = b->big};
    put32(&s, 0x1a2b3c4d);
    put16(&s, 1);
    put16(&s, 0);
    put32(&s, 0xffffffff);
    put32(&s, 0xffffffff);
    block(b, 0x0a0d0d0a, &s);
    free(s.p);
}

/* tsresol < 0: no such option; tsoffset 0: no such option. */
static void interface(struct bytes *b, uint16_t linktype, int tsresol,
                      int64_t tsoffset)
{
    struct bytes s = {.big = b->big};
    put16(&s, linktype);
    put16(&s, 0);
    put32(&s, 262144);
    if (tsresol >= 0) {
        put16(&s, 2); /* if_name, to be skipped, with padding */
        put16(&s, 5);
        put(&s, "test0\0\0\0", 8);
        put16(&s, 9);
        put16(&s, 1);
        put_number(&s, (uint64_t)tsresol << (s.big ? 24 : 0), 4);
    }
    if (tsoffset != 0) {
        put16(&s, 14);
        put16(&s, 8);
        put_number(&s, (uint64_t)tsoffset, 8);
    }
    put32(&s, 0); /* opt_endofopt */
    block(b, 1, &s);
    free(s.p);
}

static void enhanced(struct bytes *b, uint32_t id, uint64_t units,
                     const char *data, uint32_t wire)
{
    struct bytes s = {.big = b->big};
    put32(&s, id);
    put32(&s, (uint32_t)(units >> 32));
    put32(&s, (uint32_t)units);
    put32(&s, (uint32_t)strlen(data));
    put32(&s, wire);
    put(&s, data, strlen(data));
    block(b, 6, &s);
    free(s.p);
}

/* ---- a temporary directory ----------------------------------------------- */

static char dir[] = "/tmp/tlswhy-capture-XXXXXX";
static char path[64];

static void setup(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
}

static void teardown(void)
{
    unlink(path);
    rmdir(dir);
}

static void save(const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(p, 1, n, f), n);
    cr_assert_eq(fclose(f), 0);
}

static struct capture *open_bytes(const struct bytes *b, const char *filter)
{
    char error[CAPTURE_ERROR_BYTES] = "";
    save(b->p, b->n);
    struct capture *c = capture_open_file(path, filter, error);
    cr_assert_not_null(c, "%s", error);
    return c;
}

static void expect_frame(struct capture *c, uint64_t number, tick_t when,
                         int linktype, const char *data, uint32_t wire)
{
    struct frame f;
    cr_assert_eq(capture_next(c, &f), CAPTURE_FRAME, "%s", capture_error(c));
    cr_expect_eq(f.number, number);
    cr_expect_eq(f.when, when, "%lld", (long long)f.when);
    cr_expect_eq(f.linktype, linktype);
    cr_expect_eq(f.wire_bytes, wire);
    cr_expect(span_eq(f.data, span_text(data)));
    cr_expect_not(f.has_vlan);
}

static void expect_end(struct capture *c)
{
    struct frame f;
    cr_expect_eq(capture_next(c, &f), CAPTURE_END);
    cr_expect_eq(capture_next(c, &f), CAPTURE_END);
    capture_close(c);
}

static void expect_error(struct capture *c, const char *why)
{
    struct frame f;
    cr_expect_eq(capture_next(c, &f), CAPTURE_ERROR);
    cr_expect_str_eq(capture_error(c), why);
    cr_expect_eq(capture_next(c, &f), CAPTURE_END);
    capture_close(c);
}

static void expect_refused(const void *p, size_t n, const char *why)
{
    char error[CAPTURE_ERROR_BYTES] = "";
    save(p, n);
    cr_expect_null(capture_open_file(path, NULL, error));
    cr_expect_str_eq(error, why);
}

TestSuite(capture, .init = setup, .fini = teardown);

/* ---- pcap ---------------------------------------------------------------- */

static void check_pcap(uint32_t magic, bool big, int64_t unit_ns)
{
    struct bytes b = {.big = big};
    pcap_header(&b, magic, 1);
    pcap_record(&b, 1700000000, 123456, "hello", 5);
    pcap_record(&b, 4000000000, 1, "cut", 1500);
    pcap_record(&b, 7, 0, "", 0);
    struct capture *c = open_bytes(&b, NULL);
    cr_expect_eq(capture_linktype(c), 1);
    cr_expect_str_eq(capture_name(c), path);
    cr_expect_not(capture_is_live(c));
    expect_frame(c, 1, 1700000000 * TICK_SEC + 123456 * unit_ns, 1, "hello", 5);
    struct capture_stats s;
    capture_stats(c, &s);
    cr_expect_not(s.snaplen_cut);
    /* Seconds are unsigned: this is the year 2096. */
    expect_frame(c, 2, 4000000000 * TICK_SEC + unit_ns, 1, "cut", 1500);
    expect_frame(c, 3, 7 * TICK_SEC, 1, "", 0);
    capture_stats(c, &s);
    cr_expect_eq(s.frames, 3);
    cr_expect_eq(s.bytes, 8);
    cr_expect(s.snaplen_cut);
    expect_end(c);
    free(b.p);
}

Test(capture, pcap_magics)
{
    check_pcap(0xa1b2c3d4, false, 1000);
    check_pcap(0xa1b2c3d4, true, 1000);
    check_pcap(0xa1b23c4d, false, 1);
    check_pcap(0xa1b23c4d, true, 1);
}

Test(capture, pcap_kuznetzov)
{
    struct bytes b = {0};
    pcap_header(&b, 0xa1b2cd34, 113);
    for (uint32_t i = 1; i <= 2; i++) {
        put32(&b, i);
        put32(&b, 2);
        put32(&b, 3);
        put32(&b, 60);
        put32(&b, 4);      /* interface index */
        put16(&b, 0x0800); /* protocol */
        put16(&b, 0);      /* packet type, padding */
        put(&b, "abc", 3);
    }
    struct capture *c = open_bytes(&b, NULL);
    expect_frame(c, 1, TICK_SEC + 2000, 113, "abc", 60);
    expect_frame(c, 2, 2 * TICK_SEC + 2000, 113, "abc", 60);
    expect_end(c);
    free(b.p);
}

Test(capture, pcap_link_types)
{
    /* Upper bits tell about the frame check sequence; 12 and 14 are raw IP. */
    const struct {
        uint32_t network;
        int linktype;
    } rows[] = {{1, 1},     {0x44000001, 1}, {101, 101},
                {276, 276}, {12, 101},       {14, 101}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes b = {0};
        pcap_header(&b, 0xa1b2c3d4, rows[i].network);
        pcap_record(&b, 0, 0, "x", 1);
        struct capture *c = open_bytes(&b, NULL);
        cr_expect_eq(capture_linktype(c), rows[i].linktype);
        expect_frame(c, 1, 0, rows[i].linktype, "x", 1);
        expect_end(c);
        free(b.p);
    }
    cr_expect_eq(linktype_to_dlt(101), DLT_RAW);
    cr_expect_eq(linktype_from_dlt(DLT_RAW), 101);
    cr_expect_eq(linktype_to_dlt(1), DLT_EN10MB);
    cr_expect_eq(linktype_from_dlt(DLT_LINUX_SLL2), 276);
}

/* Old files have the captured length behind the one on the wire. */
Test(capture, pcap_swapped_lengths)
{
    struct bytes b = {0};
    put32(&b, 0xa1b2c3d4);
    put16(&b, 2);
    put16(&b, 2);
    put(&b, "\0\0\0\0\0\0\0\0\xff\xff\0\0\1\0\0\0", 16);
    put32(&b, 5);
    put32(&b, 0);
    put32(&b, 900);
    put32(&b, 3);
    put(&b, "abc", 3);
    struct capture *c = open_bytes(&b, NULL);
    expect_frame(c, 1, 5 * TICK_SEC, 1, "abc", 900);
    expect_end(c);
    free(b.p);
}

/* More packets than the buffer holds: records cross its end. */
Test(capture, pcap_larger_than_the_buffer)
{
    enum { COUNT = 3000, SIZE = 1499 };
    static char data[SIZE + 1];
    struct bytes b = {0};
    pcap_header(&b, 0xa1b2c3d4, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        memset(data, 'a' + (int)(i % 26), SIZE);
        pcap_record(&b, i, 0, data, SIZE);
    }
    struct capture *c = open_bytes(&b, NULL);
    for (uint32_t i = 0; i < COUNT; i++) {
        memset(data, 'a' + (int)(i % 26), SIZE);
        expect_frame(c, i + 1, i * TICK_SEC, 1, data, SIZE);
    }
    expect_end(c);
    free(b.p);
}

/* ---- pcapng -------------------------------------------------------------- */

static void check_pcapng(bool big)
{
    struct bytes b = {.big = big};
    section(&b);
    interface(&b, 1, -1, 0);          /* microseconds */
    interface(&b, 101, 9, 1000);      /* nanoseconds, 1000 s later */
    interface(&b, 276, 0x80 | 10, 0); /* 1/1024 s */
    interface(&b, 113, 12, 0);        /* picoseconds */
    struct bytes unknown = {.big = big};
    put(&unknown, "whatever", 8);
    block(&b, 0x0bad, &unknown);
    enhanced(&b, 0, UINT64_C(1700000000123456), "one", 60);
    enhanced(&b, 1, UINT64_C(1700000000123456789), "twotwo", 6);
    enhanced(&b, 2, 5 * 1024 + 512, "three", 5);
    enhanced(&b, 3, UINT64_C(3000000001999), "", 0);

    struct capture *c = open_bytes(&b, NULL);
    cr_expect_eq(capture_linktype(c), 1);
    expect_frame(c, 1, INT64_C(1700000000123456000), 1, "one", 60);
    expect_frame(c, 2, INT64_C(1700001000123456789), 101, "twotwo", 6);
    expect_frame(c, 3, INT64_C(5500000000), 276, "three", 5);
    expect_frame(c, 4, INT64_C(3000000001), 113, "", 0);
    expect_end(c);
    free(unknown.p);
    free(b.p);
}

Test(capture, pcapng_interfaces_and_time)
{
    check_pcapng(false);
    check_pcapng(true);
}

/* Sections of different byte order; interfaces count anew in each, and on in
 * the frame. */
Test(capture, pcapng_sections)
{
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, 6, 0);
    enhanced(&b, 0, 1000000, "a", 1);
    b.big = true;
    section(&b);
    interface(&b, 101, 9, 0);
    enhanced(&b, 0, 2000000000, "b", 1);
    struct capture *c = open_bytes(&b, NULL);
    struct frame f;
    cr_assert_eq(capture_next(c, &f), CAPTURE_FRAME);
    cr_expect_eq(f.interface, 0);
    cr_assert_eq(capture_next(c, &f), CAPTURE_FRAME);
    cr_expect_eq(f.interface, 1);
    cr_expect_eq(f.number, 2);
    cr_expect_eq(f.when, 2 * TICK_SEC);
    cr_expect_eq(f.linktype, 101);
    expect_end(c);
    free(b.p);
}

Test(capture, pcapng_simple_and_obsolete_packets)
{
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, -1, 0);
    struct bytes old = {0};
    put16(&old, 0);
    put16(&old, 0xffff);
    put32(&old, 0);
    put32(&old, 7000000);
    put32(&old, 3);
    put32(&old, 90);
    put(&old, "old", 3);
    block(&b, 2, &old);
    struct bytes simple = {0};
    put32(&simple, 6);
    put(&simple, "simple", 6);
    block(&b, 3, &simple);
    struct capture *c = open_bytes(&b, NULL);
    expect_frame(c, 1, 7 * TICK_SEC, 1, "old", 90);
    /* It has no time: that of the packet before it. */
    expect_frame(c, 2, 7 * TICK_SEC, 1, "simple", 6);
    expect_end(c);
    free(old.p);
    free(simple.p);
    free(b.p);
}

Test(capture, pcapng_secrets)
{
    const char *text = "CLIENT_RANDOM 00 11\n";
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, -1, 0);
    struct bytes s = {0};
    put32(&s, 0x544c534b);
    put32(&s, (uint32_t)strlen(text));
    put(&s, text, strlen(text));
    block(&b, 10, &s);
    enhanced(&b, 0, 0, "p", 1);
    struct capture *c = open_bytes(&b, NULL);
    cr_expect_eq(capture_secret_count(c), 0);
    expect_frame(c, 1, 0, 1, "p", 1);
    cr_assert_eq(capture_secret_count(c), 1);
    struct capture_secret got = capture_secret(c, 0);
    cr_expect_eq(got.type, 0x544c534b);
    cr_expect(span_eq(got.data, span_text(text)));
    cr_expect_eq(capture_secret(c, 1).data.n, 0);
    expect_end(c);
    free(s.p);
    free(b.p);
}

/* An unknown block that is longer than the buffer is skipped as it comes. */
Test(capture, pcapng_long_unknown_block)
{
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, -1, 0);
    struct bytes filler = {0};
    put(&filler, "x", 1);
    filler.size = 3 << 20;
    filler.p = realloc(filler.p, filler.size);
    cr_assert_not_null(filler.p);
    memset(filler.p, 'x', filler.size);
    filler.n = filler.size;
    block(&b, 0x77, &filler);
    enhanced(&b, 0, 0, "p", 1);
    struct capture *c = open_bytes(&b, NULL);
    expect_frame(c, 1, 0, 1, "p", 1);
    expect_end(c);
    free(filler.p);
    free(b.p);
}

Test(capture, pcapng_without_packets)
{
    struct bytes b = {0};
    section(&b);
    struct capture *c = open_bytes(&b, NULL);
    cr_expect_eq(capture_linktype(c), -1);
    expect_end(c);
    free(b.p);
}

/* ---- compression --------------------------------------------------------- */

#if defined HAVE_ZLIB || defined HAVE_ZSTD || defined HAVE_LZMA ||             \
    defined HAVE_LZ4
enum { PACKED_COUNT = 2000 };

static struct bytes packed_plain(void)
{
    struct bytes b = {0};
    pcap_header(&b, 0xa1b2c3d4, 1);
    char data[1200];
    for (uint32_t i = 0; i < PACKED_COUNT; i++) {
        snprintf(data, sizeof data, "%0*u", (int)(i % 1000 + 1), i);
        pcap_record(&b, i, 0, data, 2000);
    }
    return b;
}

/* All frames are there, then how it ends. */
static void check_packed(const struct bytes *packed, const char *error)
{
    struct capture *c = open_bytes(packed, NULL);
    char data[1200];
    for (uint32_t i = 0; i < PACKED_COUNT; i++) {
        snprintf(data, sizeof data, "%0*u", (int)(i % 1000 + 1), i);
        expect_frame(c, i + 1, i * TICK_SEC, 1, data, 2000);
    }
    if (error) {
        expect_error(c, error);
    } else {
        expect_end(c);
    }
}

/* Cut anywhere in the packed stream: an error, and no frame that is wrong. */
static void check_packed_cuts(const struct bytes *packed)
{
    for (size_t n = 8; n < packed->n; n += packed->n / 50 + 1) {
        char error[CAPTURE_ERROR_BYTES] = "";
        struct frame f = {0};
        save(packed->p, n);
        struct capture *c = capture_open_file(path, NULL, error);
        if (!c) {
            cr_expect_str_eq(error, "truncated before the first packet");
            continue;
        }
        enum capture_status s;
        uint64_t count = 0;
        while ((s = capture_next(c, &f)) == CAPTURE_FRAME) {
            cr_expect_eq(f.when, (tick_t)count * TICK_SEC);
            count++;
        }
        cr_expect_eq(s, CAPTURE_ERROR);
        cr_expect_eq(strncmp(capture_error(c), "truncated ", 10), 0);
        capture_close(c);
    }
}
#endif

#ifdef HAVE_ZLIB
static void gzip(struct bytes *out, const uint8_t *p, size_t n)
{
    z_stream z = {0};
    cr_assert_eq(
        deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, n);
    uint8_t *to = malloc(room);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = to;
    z.avail_out = (uInt)room;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    put(out, to, room - z.avail_out);
    deflateEnd(&z);
    free(to);
}

Test(capture, gzip)
{
    struct bytes plain = packed_plain(), packed = {0};
    size_t half = plain.n / 2 + 1; /* two members, cut inside a record */
    gzip(&packed, plain.p, half);
    gzip(&packed, plain.p + half, plain.n - half);
    check_packed(&packed, NULL);
    check_packed_cuts(&packed);
    put(&packed, "\0\0\0\0", 4); /* padding of a tape */
    check_packed(&packed, NULL);
    put(&packed, "rubbish", 7);
    check_packed(&packed, "damaged after packet 2000: corrupt gzip data");
    free(plain.p);
    free(packed.p);
}

Test(capture, gzip_of_nothing)
{
    struct bytes packed = {0};
    gzip(&packed, (const uint8_t *)"", 0);
    expect_refused(packed.p, packed.n, "empty file");
    packed.n = 0;
    gzip(&packed, (const uint8_t *)"some text", 9);
    expect_refused(packed.p, packed.n, "not a capture file");
    free(packed.p);
}

/* A wrong checksum at the end: the frames are still delivered. */
Test(capture, gzip_checksum)
{
    struct bytes plain = packed_plain(), packed = {0};
    gzip(&packed, plain.p, plain.n);
    packed.p[packed.n - 5] ^= 1;
    check_packed(&packed, "damaged after packet 2000: corrupt gzip data");
    free(plain.p);
    free(packed.p);
}
#endif

#ifdef HAVE_ZSTD
static void zstd(struct bytes *out, const uint8_t *p, size_t n, int window)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(n);
    uint8_t *to = malloc(room);
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    if (window) {
        ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
        ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window);
    }
    ZSTD_outBuffer o = {to, room, 0};
    ZSTD_inBuffer i = {p, n, 0};
    /* Twice, so that the frame cannot know its size and keeps the window. */
    cr_assert_not(
        ZSTD_isError(ZSTD_compressStream2(z, &o, &i, ZSTD_e_continue)));
    cr_assert_eq(ZSTD_compressStream2(z, &o, &i, ZSTD_e_end), 0);
    put(out, to, o.pos);
    ZSTD_freeCCtx(z);
    free(to);
}

Test(capture, zstd)
{
    struct bytes plain = packed_plain(), packed = {0};
    put(&packed, "\x53\x2a\x4d\x18\4\0\0\0skip", 12); /* skippable frame */
    zstd(&packed, plain.p, 1000, 0);
    zstd(&packed, plain.p + 1000, plain.n - 1000, 0);
    check_packed(&packed, NULL);
    check_packed_cuts(&packed);
    put(&packed, "rubbish", 7);
    check_packed(&packed, "damaged after packet 2000: corrupt zstd data");
    free(plain.p);
    free(packed.p);
}

Test(capture, zstd_window)
{
    /* A frame header that asks for 2^28 bytes: exponent 18, mantissa 0. */
    const uint8_t wide[] = {0x28,    0xb5, 0x2f, 0xfd, 0x00,
                            18 << 3, 0x01, 0x00, 0x00};
    expect_refused(wide, sizeof wide,
                   "damaged before the first packet: zstd window of more than "
                   "128 MiB");
}
#endif

#ifdef HAVE_LZMA
static void xz(struct bytes *out, const uint8_t *p, size_t n)
{
    size_t room = lzma_stream_buffer_bound(n), used = 0;
    uint8_t *to = malloc(room);
    cr_assert_eq(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, p, n, to,
                                         &used, room),
                 LZMA_OK);
    put(out, to, used);
    free(to);
}

Test(capture, xz)
{
    struct bytes plain = packed_plain(), packed = {0};
    xz(&packed, plain.p, 5000);
    put(&packed, "\0\0\0\0", 4); /* stream padding */
    xz(&packed, plain.p + 5000, plain.n - 5000);
    check_packed(&packed, NULL);
    check_packed_cuts(&packed);
    put(&packed, "rubbish", 7);
    put(&packed, "rubbish", 7);
    check_packed(&packed, "damaged after packet 2000: corrupt xz data");
    free(plain.p);
    free(packed.p);
}
#endif

#ifdef HAVE_LZ4
static void lz4(struct bytes *out, const uint8_t *p, size_t n)
{
    LZ4F_preferences_t prefs = {0};
    prefs.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    size_t room = LZ4F_compressFrameBound(n, &prefs);
    uint8_t *to = malloc(room);
    size_t used = LZ4F_compressFrame(to, room, p, n, &prefs);
    cr_assert_not(LZ4F_isError(used));
    put(out, to, used);
    free(to);
}

Test(capture, lz4)
{
    struct bytes plain = packed_plain(), packed = {0};
    lz4(&packed, plain.p, 777);
    lz4(&packed, plain.p + 777, plain.n - 777);
    check_packed(&packed, NULL);
    check_packed_cuts(&packed);
    put(&packed, "rubbish", 7);
    check_packed(&packed, "damaged after packet 2000: corrupt lz4 data");
    free(plain.p);
    free(packed.p);
}
#endif

/* ---- damage -------------------------------------------------------------- */

Test(capture, no_capture_at_all)
{
    expect_refused("", 0, "empty file");
    expect_refused("\xd4", 1, "not a capture file");
    expect_refused("<html>...</html>", 16, "not a capture file");
    expect_refused("BZh91AY&SY", 10, "unsupported compression: bzip2");
    expect_refused("\xd4\xc3\xb2\xa1\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0",
                   23, "truncated before the first packet");
    expect_refused(
        "\xd4\xc3\xb2\xa1\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 24,
        "unsupported pcap version 1.4");

    char error[CAPTURE_ERROR_BYTES] = "";
    cr_expect_null(capture_open_file(dir, NULL, error));
    cr_expect_str_eq(error, "Is a directory");
    cr_expect_null(capture_open_file("/nonexistent", NULL, error));
    cr_expect_str_eq(error, "No such file or directory");
    cr_expect_null(capture_open_file("/dev/null", NULL, error));
    cr_expect_str_eq(error, "empty file");
}

Test(capture, pcap_damaged_record)
{
    struct bytes b = {0};
    pcap_header(&b, 0xa1b2c3d4, 1);
    pcap_record(&b, 1, 0, "good", 4);
    put(&b, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        16);
    struct capture *c = open_bytes(&b, NULL);
    expect_frame(c, 1, TICK_SEC, 1, "good", 4);
    expect_error(c, "damaged after packet 1: record of 4294967295 bytes");
    free(b.p);
}

Test(capture, pcapng_damaged_blocks)
{
    const struct {
        uint32_t type, length;
        const char *why;
    } rows[] = {
        {6, 11, "damaged after packet 1: block of 11 bytes"},
        {6, 30, "damaged after packet 1: block of 30 bytes"},
        {6, 0x10000000, "damaged after packet 1: block of 268435456 bytes"},
        {99, 12, "damaged after packet 1: block of 12 bytes that ends with 0"},
        {99, 64, "truncated after packet 1"},
        {99, 0xfffffff0, "truncated after packet 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes b = {0};
        section(&b);
        interface(&b, 1, -1, 0);
        enhanced(&b, 0, 0, "p", 1);
        put32(&b, rows[i].type);
        put32(&b, rows[i].length);
        put32(&b, 0);
        struct capture *c = open_bytes(&b, NULL);
        expect_frame(c, 1, 0, 1, "p", 1);
        expect_error(c, rows[i].why);
        free(b.p);
    }
}

/* What was at hand in front of the damage is not lost, nor is the damage. */
Test(capture, more_frames_before_damage)
{
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, -1, 0);
    enhanced(&b, 0, 1, "first", 5);
    enhanced(&b, 0, 2, "second", 6);
    enhanced(&b, 5, 3, "third", 5);
    struct capture *c = open_bytes(&b, NULL);
    struct frame more[CAPTURE_BATCH];
    expect_frame(c, 1, TICK_USEC, 1, "first", 5);
    cr_assert_eq(capture_more(c, more, CAPTURE_BATCH), 1);
    cr_expect_eq(more[0].number, 2);
    cr_expect(span_eq(more[0].data, span_text("second")));
    cr_expect_eq(capture_more(c, more, CAPTURE_BATCH), 0);
    expect_error(c, "damaged after packet 2: packet of interface 5 of 1");
    free(b.p);
}

Test(capture, more_frames_are_counted)
{
    struct bytes b = {0};
    pcap_header(&b, 0xa1b2c3d4, 1);
    pcap_record(&b, 1, 0, "first", 5);
    pcap_record(&b, 2, 0, "second", 60);
    pcap_record(&b, 3, 0, "third", 5);
    struct capture *c = open_bytes(&b, NULL);
    struct frame more[CAPTURE_BATCH];
    struct capture_stats s;
    expect_frame(c, 1, TICK_SEC, 1, "first", 5);
    cr_assert_eq(capture_more(c, more, 1), 1);
    cr_expect_eq(more[0].when, 2 * TICK_SEC);
    cr_expect_eq(more[0].wire_bytes, 60);
    cr_expect(span_eq(more[0].data, span_text("second")));
    capture_stats(c, &s);
    cr_expect_eq(s.frames, 2);
    cr_expect_eq(s.bytes, 11);
    cr_expect(s.snaplen_cut);
    expect_frame(c, 3, 3 * TICK_SEC, 1, "third", 5);
    cr_expect_eq(capture_more(c, more, CAPTURE_BATCH), 0);
    expect_end(c);
    free(b.p);
}

Test(capture, pcapng_unknown_interface)
{
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, -1, 0);
    enhanced(&b, 1, 0, "p", 1);
    struct capture *c = open_bytes(&b, NULL);
    expect_error(c, "damaged before the first packet: packet of interface 1 "
                    "of 1");
    free(b.p);
}

/* Cut at every byte: as many frames as are whole, then the right end. `ends`
 * holds where each packet ends; clean_at where a cut is not an error. */
static void check_cuts(const struct bytes *b, const size_t *ends, size_t n_ends,
                       const size_t *clean, size_t n_clean, size_t header)
{
    for (size_t n = 0; n < b->n; n++) {
        char error[CAPTURE_ERROR_BYTES] = "";
        save(b->p, n);
        struct capture *c = capture_open_file(path, NULL, error);
        if (!c) {
            cr_expect_lt(n, header, "at %zu: %s", n, error);
            continue;
        }
        size_t want = 0, count = 0;
        bool is_clean = false;
        for (size_t i = 0; i < n_ends; i++) {
            want += ends[i] <= n;
            is_clean |= ends[i] == n;
        }
        for (size_t i = 0; i < n_clean; i++) {
            is_clean |= clean[i] == n;
        }
        struct frame f;
        enum capture_status s;
        while ((s = capture_next(c, &f)) == CAPTURE_FRAME) {
            count++;
        }
        cr_expect_eq(count, want, "at %zu", n);
        cr_expect_eq(s, is_clean ? CAPTURE_END : CAPTURE_ERROR, "at %zu", n);
        if (s == CAPTURE_ERROR) {
            cr_expect_eq(strncmp(capture_error(c), "truncated ", 10), 0);
        }
        capture_close(c);
    }
}

Test(capture, pcap_cut_everywhere)
{
    struct bytes b = {0};
    size_t ends[3];
    pcap_header(&b, 0xa1b2c3d4, 1);
    size_t header = b.n;
    for (size_t i = 0; i < 3; i++) {
        pcap_record(&b, 1, 0, "some packet", 60);
        ends[i] = b.n;
    }
    check_cuts(&b, ends, 3, &header, 1, header);
    free(b.p);
}

Test(capture, pcapng_cut_everywhere)
{
    struct bytes b = {0};
    size_t ends[3], clean[2];
    section(&b);
    clean[0] = b.n;
    interface(&b, 1, 9, 1);
    clean[1] = b.n;
    for (size_t i = 0; i < 3; i++) {
        enhanced(&b, 0, i, "some packet", 60);
        ends[i] = b.n;
    }
    check_cuts(&b, ends, 3, clean, 2, clean[1]);
    free(b.p);
}

/* ---- filters ------------------------------------------------------------- */

/* An Ethernet or raw IPv4 packet with UDP from port 1 to the given one. */
static void put_udp(struct bytes *b, bool ethernet, uint8_t port)
{
    uint8_t packet[42] = {0};
    uint8_t *ip = packet + 14;
    packet[12] = 0x08;
    ip[0] = 0x45;
    ip[3] = 28;
    ip[8] = 64;
    ip[9] = 17;
    ip[12] = 10;
    ip[16] = 10;
    ip[21] = 1;
    ip[23] = port;
    ip[25] = 8;
    uint32_t skip = ethernet ? 0 : 14;
    put32(b, 0);
    put32(b, 0);
    put32(b, 42 - skip);
    put32(b, 42 - skip);
    put(b, packet + skip, 42 - skip);
}

static void check_filter(uint32_t network, bool ethernet)
{
    struct bytes b = {0};
    pcap_header(&b, 0xa1b2c3d4, network);
    for (uint8_t port = 50; port < 60; port++) {
        put_udp(&b, ethernet, port);
    }
    struct capture *c = open_bytes(&b, "udp port 53 or udp port 58");
    struct frame f;
    cr_assert_eq(capture_next(c, &f), CAPTURE_FRAME);
    cr_expect_eq(f.number, 4);
    cr_assert_eq(capture_next(c, &f), CAPTURE_FRAME);
    cr_expect_eq(f.number, 9);
    struct capture_stats s;
    capture_stats(c, &s);
    cr_expect_eq(s.frames, 2);
    expect_end(c);
    free(b.p);
}

Test(capture, filter)
{
    check_filter(1, true);
    check_filter(101, false);
}

Test(capture, filter_mistakes)
{
    struct bytes b = {0};
    pcap_header(&b, 0xa1b2c3d4, 1);
    save(b.p, b.n);
    char error[CAPTURE_ERROR_BYTES] = "";
    cr_expect_null(capture_open_file(path, "tcp port or", error));
    cr_expect_str_eq(error, "syntax error in filter expression 'tcp port or': "
                            "see pcap-filter(7)");
    cr_expect_null(capture_open_file(path, "port 70000", error));
    cr_expect_not_null(strstr(error, "filter expression 'port 70000': "), "%s",
                       error);
    /* An empty expression is none. */
    struct capture *c = capture_open_file(path, "", error);
    cr_assert_not_null(c);
    expect_end(c);
    free(b.p);
}

/* Interfaces of two link types: the expression is compiled for both, and a
 * link type it has no meaning on lets nothing pass. */
Test(capture, filter_of_two_link_types)
{
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, -1, 0);
    interface(&b, 101, -1, 0);
    interface(&b, 0xfffe, -1, 0);
    struct bytes udp = {0};
    put_udp(&udp, true, 53);
    for (uint32_t id = 0; id < 3; id++) {
        struct bytes s = {0};
        uint32_t skip = id == 1 ? 14 : 0;
        put32(&s, id);
        put32(&s, 0);
        put32(&s, 0);
        put32(&s, 42 - skip);
        put32(&s, 42 - skip);
        put(&s, udp.p + 16 + skip, 42 - skip);
        block(&b, 6, &s);
        free(s.p);
    }
    struct capture *c = open_bytes(&b, "udp dst port 53");
    struct frame f;
    cr_assert_eq(capture_next(c, &f), CAPTURE_FRAME);
    cr_expect_eq(f.linktype, 1);
    cr_assert_eq(capture_next(c, &f), CAPTURE_FRAME);
    cr_expect_eq(f.linktype, 101);
    expect_end(c);
    free(udp.p);
    free(b.p);
}

/* ---- pipes --------------------------------------------------------------- */

static int open_fifo(struct capture **c, const char *filter)
{
    char error[CAPTURE_ERROR_BYTES] = "";
    cr_assert_eq(mkfifo(path, 0600), 0);
    *c = capture_open_file(path, filter, error);
    cr_assert_not_null(*c, "%s", error);
    int fd = open(path, O_WRONLY);
    cr_assert_geq(fd, 0);
    return fd;
}

static void send_some(int fd, struct bytes *b)
{
    cr_assert_eq(write(fd, b->p, b->n), (ssize_t)b->n);
    b->n = 0;
}

/* Each packet comes out once it is complete, while the pipe is open. */
Test(capture, pipe, .timeout = 20)
{
    struct bytes b = {0};
    struct frame f;
    struct capture *c;
    int fd = open_fifo(&c, NULL);
    cr_expect_eq(capture_linktype(c), -1);
    cr_expect_eq(capture_next(c, &f), CAPTURE_IDLE);
    pcap_header(&b, 0xa1b2c3d4, 1);
    send_some(fd, &b);
    cr_expect_eq(capture_next(c, &f), CAPTURE_IDLE);
    cr_expect_eq(capture_linktype(c), 1);
    pcap_record(&b, 1, 0, "first", 5);
    put(&b, "\2\0\0\0\0", 5); /* the start of the second */
    send_some(fd, &b);
    expect_frame(c, 1, TICK_SEC, 1, "first", 5);
    cr_expect_eq(capture_next(c, &f), CAPTURE_IDLE);
    put(&b, "\0\0\0\2\0\0\0\2\0\0\0h", 12);
    send_some(fd, &b);
    cr_expect_eq(capture_next(c, &f), CAPTURE_IDLE);
    put(&b, "i", 1);
    send_some(fd, &b);
    expect_frame(c, 2, 2 * TICK_SEC, 1, "hi", 2);
    close(fd);
    expect_end(c);
    free(b.p);
}

#ifdef HAVE_ZLIB
Test(capture, pipe_compressed, .timeout = 20)
{
    struct bytes b = {0}, packed = {0};
    struct frame f;
    struct capture *c;
    int fd = open_fifo(&c, NULL);
    pcap_header(&b, 0xa1b2c3d4, 1);
    pcap_record(&b, 1, 0, "first", 5);
    gzip(&packed, b.p, b.n);
    send_some(fd, &packed);
    expect_frame(c, 1, TICK_SEC, 1, "first", 5);
    cr_expect_eq(capture_next(c, &f), CAPTURE_IDLE);
    b.n = 0;
    pcap_record(&b, 2, 0, "second", 6);
    gzip(&packed, b.p, b.n);
    send_some(fd, &packed);
    expect_frame(c, 2, 2 * TICK_SEC, 1, "second", 6);
    close(fd);
    expect_end(c);
    free(b.p);
    free(packed.p);
}
#endif

/* Mistakes that only show once the pipe flows. */
Test(capture, pipe_mistakes, .timeout = 20)
{
    struct bytes b = {0};
    struct capture *c;
    int fd = open_fifo(&c, NULL);
    put(&b, "no capture", 10);
    send_some(fd, &b);
    expect_error(c, "not a capture file");
    close(fd);
    unlink(path);
    fd = open_fifo(&c, "tcp port or");
    pcap_header(&b, 0xa1b2c3d4, 1);
    send_some(fd, &b);
    struct frame f;
    cr_expect_eq(capture_next(c, &f), CAPTURE_ERROR);
    capture_close(c);
    close(fd);
    free(b.p);
}

/* ---- the rest ------------------------------------------------------------ */

Test(capture, stop, .timeout = 20)
{
    struct bytes b = {0};
    struct frame f;
    pcap_header(&b, 0xa1b2c3d4, 1);
    pcap_record(&b, 1, 0, "first", 5);
    pcap_record(&b, 1, 0, "second", 6);
    struct capture *c = open_bytes(&b, NULL);
    expect_frame(c, 1, TICK_SEC, 1, "first", 5);
    capture_stop(c);
    expect_end(c);
    unlink(path);
    int fd = open_fifo(&c, NULL);
    capture_stop(c);
    cr_expect_eq(capture_next(c, &f), CAPTURE_END);
    capture_close(c);
    close(fd);
    free(b.p);
}

Test(capture, live_mistakes)
{
    char error[CAPTURE_ERROR_BYTES] = "";
    struct capture_live_options o = {.interface = "no-such-if0"};
    cr_expect_null(capture_open_live(&o, error));
    cr_expect_neq(error[0], '\0');
    cr_expect_null(strchr(error, '\n'));
}

Test(capture, versions_and_clock)
{
    cr_expect_not_null(strstr(capture_versions(), "libpcap"));
    tick_t now = (tick_t)time(NULL) * TICK_SEC;
    cr_expect_lt(llabs(capture_now() - now), 5 * TICK_SEC);
    capture_close(NULL);
}

/* ---- the same as libpcap ------------------------------------------------- */

/* libpcap keeps seconds and fractions in signed fields, cuts packets to the
 * header's snapshot length and refuses mixed link types; otherwise we must
 * agree with it in every packet. */
static void compare_packets(const char *name, struct capture *c, pcap_t *p,
                            size_t max)
{
    struct pcap_pkthdr *h;
    const u_char *data;
    struct frame f, more[CAPTURE_BATCH];
    size_t more_n = 0, at = 0;
    uint64_t n = 0;
    int r;
    while ((r = pcap_next_ex(p, &h, &data)) == 1) {
        n++;
        if (at < more_n) {
            f = more[at++];
        } else {
            cr_assert_eq(capture_next(c, &f), CAPTURE_FRAME,
                         "%s: packet %llu: %s", name, (unsigned long long)n,
                         capture_error(c));
            more_n = capture_more(c, more, max);
            cr_assert_leq(more_n, max);
            at = 0;
        }
        cr_assert_eq(f.number, n);
        cr_assert_geq(f.data.n, h->caplen, "%s", name);
        cr_assert_eq(memcmp(f.data.p, data, h->caplen), 0, "%s", name);
        cr_assert_geq(f.wire_bytes, h->len, "%s", name);
        if (h->ts.tv_sec >= 0 && h->ts.tv_usec >= 0) {
            cr_assert_eq(f.when, tick_make(h->ts.tv_sec, h->ts.tv_usec), "%s",
                         name);
        }
    }
    cr_assert(r != PCAP_ERROR_BREAK || at == more_n);
    if (r == PCAP_ERROR_BREAK) {
        cr_assert_eq(capture_next(c, &f), CAPTURE_END, "%s: %s", name,
                     capture_error(c));
    }
}

static void compare(const char *name, size_t max)
{
    char why[PCAP_ERRBUF_SIZE], error[CAPTURE_ERROR_BYTES] = "";
    pcap_t *p = pcap_open_offline_with_tstamp_precision(
        name, PCAP_TSTAMP_PRECISION_NANO, why);
    if (!p) {
        return;
    }
    struct capture *c = capture_open_file(name, NULL, error);
    cr_assert_not_null(c, "%s: %s", name, error);
    compare_packets(name, c, p, max);
    capture_close(c);
    pcap_close(p);
}

static void compare_all(const char *in, unsigned depth)
{
    DIR *d = depth < 16 ? opendir(in) : NULL;
    struct dirent *e;
    while (d && (e = readdir(d)) != NULL) {
        char name[4096];
        struct stat st;
        int length = snprintf(name, sizeof name, "%s/%s", in, e->d_name);
        cr_assert_lt((size_t)length, sizeof name);
        if (e->d_name[0] == '.' || lstat(name, &st) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            compare_all(name, depth + 1);
        } else if (S_ISREG(st.st_mode) && strstr(e->d_name, ".pcap")) {
            compare(name, 0);
            compare(name, CAPTURE_BATCH);
        }
    }
    if (d) {
        closedir(d);
    }
}

Test(capture, same_as_libpcap, .timeout = 300)
{
    const char *pcaps = getenv("TLSWHY_PCAPS");
    const char *srcdir = getenv("srcdir");
    char beside[4096];
    snprintf(beside, sizeof beside, "%s/pcaps", srcdir ? srcdir : ".");
    compare_all(pcaps ? pcaps : beside, 0);
}
