/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly: order, overlap, retransmission, wrap, gaps; and any way of
 * cutting, shuffling and repeating a stream gives the same bytes.
 */
#include "flow/flow.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct sunk {
    uint8_t bytes[4096];
    size_t n;
    uint32_t gap_bytes, cut_bytes;
    unsigned gaps;
    uint64_t last_frame;
};

static void take(void *ctx, struct span bytes, struct stamp at, bool start)
{
    struct sunk *s = ctx;
    (void)start;
    cr_assert_leq(s->n + bytes.n, sizeof s->bytes);
    memcpy(s->bytes + s->n, bytes.p, bytes.n);
    s->n += bytes.n;
    s->last_frame = at.frame;
}

static void gap(void *ctx, uint32_t n, struct stamp at, bool cut)
{
    struct sunk *s = ctx;
    (void)at;
    s->gaps++;
    s->gap_bytes += n;
    s->cut_bytes += cut ? n : 0;
}

static unsigned push(struct tcp_stream *t, struct sunk *s, uint32_t seq,
                     const char *text)
{
    struct stream_sink sink = {take, gap, s};
    struct stamp at = {0, seq};
    struct span b = span_text(text);
    return tcp_stream_push(t, seq, b, (uint32_t)b.n, at, &sink);
}

static void expect(const struct sunk *s, const char *text)
{
    cr_assert_eq(s->n, strlen(text), "got %zu bytes, want %s", s->n, text);
    cr_assert(memcmp(s->bytes, text, s->n) == 0);
}

Test(tcp_stream, in_order)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    tcp_stream_start(&t, 1000);
    cr_assert_eq(push(&t, &s, 1000, "abc"), PUSH_NEW);
    cr_assert_eq(push(&t, &s, 1003, "def"), PUSH_NEW);
    expect(&s, "abcdef");
    cr_assert_eq(t.next, 1006u);
}

Test(tcp_stream, out_of_order_keeps_the_frame_of_each_byte)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    tcp_stream_start(&t, 1000);
    cr_assert(push(&t, &s, 1003, "def") & PUSH_EARLY);
    cr_assert_eq(s.n, 0u);
    push(&t, &s, 1000, "abc");
    expect(&s, "abcdef");
    cr_assert_eq(s.last_frame, 1003u);
    tcp_stream_fini(&t);
}

Test(tcp_stream, retransmission_and_keepalive)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    tcp_stream_start(&t, 5);
    push(&t, &s, 5, "hello");
    cr_assert_eq(push(&t, &s, 5, "hello"), PUSH_RETRANSMIT);
    cr_assert_eq(push(&t, &s, 9, "o"), PUSH_KEEPALIVE);
    cr_assert_eq(push(&t, &s, 7, "llo!"), PUSH_OVERLAP | PUSH_NEW);
    expect(&s, "hello!");
}

Test(tcp_stream, sequence_numbers_wrap)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    tcp_stream_start(&t, UINT32_MAX - 1);
    push(&t, &s, 1, "de");
    push(&t, &s, UINT32_MAX - 1, "abc");
    expect(&s, "abcde");
    tcp_stream_fini(&t);
}

Test(tcp_stream, first_captured_byte_wins)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    tcp_stream_start(&t, 0);
    push(&t, &s, 3, "DEF");
    unsigned flags = push(&t, &s, 0, "abcxyz");
    cr_assert(flags & PUSH_CONFLICT);
    expect(&s, "abcDEF");
    tcp_stream_fini(&t);
}

Test(tcp_stream, same_bytes_are_no_conflict)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    tcp_stream_start(&t, 0);
    push(&t, &s, 3, "def");
    unsigned flags = push(&t, &s, 2, "cdefg");
    cr_assert(flags & PUSH_OVERLAP);
    cr_assert_not(flags & PUSH_CONFLICT);
    push(&t, &s, 0, "ab");
    expect(&s, "abcdefg");
    tcp_stream_fini(&t);
}

Test(tcp_stream, an_acknowledged_hole_is_a_gap_after_some_packets)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    struct stream_sink sink = {take, gap, &s};
    struct stamp at = {0, 9};
    tcp_stream_start(&t, 0);
    push(&t, &s, 0, "ab");
    push(&t, &s, 5, "fg");
    for (int i = 0; i < 3; i++) {
        tcp_stream_acked(&t, 7, at, &sink);
    }
    cr_assert_eq(s.gaps, 0u, "neighbours may be swapped in a capture");
    tcp_stream_acked(&t, 7, at, &sink);
    cr_assert_eq(s.gaps, 1u);
    cr_assert_eq(s.gap_bytes, 3u);
    expect(&s, "abfg");
    tcp_stream_fini(&t);
}

Test(tcp_stream, late_data_fills_an_acknowledged_hole_in_time)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    struct stream_sink sink = {take, gap, &s};
    struct stamp at = {0, 9};
    tcp_stream_start(&t, 0);
    push(&t, &s, 2, "cd");
    tcp_stream_acked(&t, 4, at, &sink);
    push(&t, &s, 0, "ab");
    tcp_stream_acked(&t, 4, at, &sink);
    cr_assert_eq(s.gaps, 0u);
    expect(&s, "abcd");
    tcp_stream_fini(&t);
}

/* A connection may end before a few more packets could confirm the hole. */
Test(tcp_stream, settling_declares_what_was_acknowledged_and_not_seen)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    struct stream_sink sink = {take, gap, &s};
    struct stamp at = {0, 9};
    tcp_stream_start(&t, 0);
    push(&t, &s, 0, "ab");
    tcp_stream_acked(&t, 9, at, &sink);
    cr_assert_eq(s.gaps, 0u);
    tcp_stream_settle(&t, 9, at, &sink);
    cr_assert_eq(s.gap_bytes, 7u);
    tcp_stream_fini(&t);
}

Test(tcp_stream, settling_with_everything_seen_does_nothing)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    struct stream_sink sink = {take, gap, &s};
    struct stamp at = {0, 9};
    tcp_stream_start(&t, 0);
    push(&t, &s, 0, "ab");
    tcp_stream_settle(&t, 2, at, &sink);
    cr_assert_eq(s.gaps, 0u);
}

Test(tcp_stream, a_lying_acknowledgement_does_nothing)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    struct stream_sink sink = {take, gap, &s};
    struct stamp at = {0, 9};
    tcp_stream_start(&t, 0);
    for (int i = 0; i < 9; i++) {
        tcp_stream_acked(&t, 0x7000000, at, &sink);
        tcp_stream_acked(&t, 0x60000000, at, &sink);
    }
    push(&t, &s, t.next, "ok");
    expect(&s, "ok");
}

Test(tcp_stream, snapshot_length_cuts_become_gaps_in_place)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    struct stream_sink sink = {take, gap, &s};
    struct stamp at = {0, 1};
    tcp_stream_start(&t, 0);
    tcp_stream_push(&t, 0, span_text("ab"), 6, at, &sink);
    push(&t, &s, 6, "gh");
    expect(&s, "abgh");
    cr_assert_eq(s.cut_bytes, 4u);
}

Test(tcp_stream, what_waits_is_bounded)
{
    struct tcp_stream t = {0};
    struct sunk s = {0};
    struct stream_sink sink = {take, gap, &s};
    struct stamp at = {0, 1};
    tcp_stream_start(&t, 0);
    for (uint32_t i = 1; i < 400; i++) {
        tcp_stream_push(&t, i * 4, span_text("xy"), 2, at, &sink);
        cr_assert_leq(t.early_n, 128u);
    }
    cr_assert_gt(s.gaps, 0u);
    tcp_stream_flush(&t, &sink);
    cr_assert_null(t.early);
    cr_assert_eq(s.n, 399u * 2);
    tcp_stream_fini(&t);
}

/* Property: however a stream is cut, shuffled and repeated, it reads the same
 * (a simple array is the model). */
Test(tcp_stream, any_segmentation_gives_the_same_bytes)
{
    uint8_t model[600];
    for (size_t i = 0; i < sizeof model; i++) {
        model[i] = (uint8_t)(i * 7 + i / 256);
    }
    srand(1);
    for (int round = 0; round < 300; round++) {
        struct tcp_stream t = {0};
        struct sunk s = {0};
        struct stream_sink sink = {take, gap, &s};
        uint32_t isn = (uint32_t)rand() * 3u + UINT32_MAX - 300;
        uint16_t from[200];
        uint16_t len[200];
        unsigned n = 0;
        for (unsigned at = 0; at < sizeof model && n < 150;) {
            unsigned k = 1 + (unsigned)rand() % 40;
            if (at + k > sizeof model) {
                k = (unsigned)sizeof model - at;
            }
            if (n == 149) {
                k = (unsigned)sizeof model - at;
            }
            from[n] = (uint16_t)at;
            len[n++] = (uint16_t)k;
            at += k;
        }
        unsigned pieces = n;
        for (unsigned i = 0; i < 20; i++) { /* repeats and overlaps */
            from[n] = (uint16_t)((unsigned)rand() % 500);
            len[n++] = (uint16_t)(1 + (unsigned)rand() % 100);
        }
        (void)pieces;
        for (unsigned i = n; i-- > 1;) {
            unsigned j = (unsigned)rand() % (i + 1);
            uint16_t a = from[i], b = len[i];
            from[i] = from[j];
            len[i] = len[j];
            from[j] = a;
            len[j] = b;
        }
        tcp_stream_start(&t, isn);
        for (unsigned i = 0; i < n; i++) {
            struct stamp at = {0, i};
            tcp_stream_push(&t, isn + from[i], span_of(model + from[i], len[i]),
                            len[i], at, &sink);
        }
        cr_assert_eq(s.gaps, 0u);
        cr_assert_eq(s.n, sizeof model);
        cr_assert(memcmp(s.bytes, model, sizeof model) == 0);
        tcp_stream_fini(&t);
    }
}
