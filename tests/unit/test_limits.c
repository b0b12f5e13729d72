/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of src/base/limits.h, each at its value and one past it: what was cut
 * shows in the handshake, or is counted. Those of files and of the HTML page
 * are tested beside their writers.
 */
#include "base/limits.h"
#include "dissectors/tls.h"
#include "flow/doubt.h"
#include "pipeline.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* ---- one handshake ---- */

static bool blind_after_keeping(size_t n, size_t limit)
{
    struct handshake hs;
    uint8_t *bytes = calloc(1, n);
    cr_assert_not_null(bytes);
    hs_init(&hs, LIMIT_SESSION_ARENA_BYTES);
    hs_keep(&hs, HS_RAW_CLIENT_HELLO, span_of(bytes, n), limit);
    cr_expect_eq(hs.raw[HS_RAW_CLIENT_HELLO].n, n < limit ? n : limit);
    hs_conclude(&hs);
    bool blind = hs.end_state.blind & BLIND_LIMIT;
    hs_free(&hs);
    free(bytes);
    return blind;
}

Test(limits, kept_bytes_of_a_message)
{
    static const size_t limits[] = {LIMIT_HELLO_BYTES, LIMIT_CERTIFICATE_BYTES,
                                    LIMIT_MESSAGE_BYTES};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_not(blind_after_keeping(limits[i], limits[i]));
        cr_expect(blind_after_keeping(limits[i] + 1, limits[i]));
    }
}

Test(limits, the_arena)
{
    struct handshake hs;
    hs_init(&hs, LIMIT_SESSION_ARENA_BYTES);
    cr_expect_not_null(arena_alloc(&hs.arena, LIMIT_SESSION_ARENA_BYTES / 2));
    hs_conclude(&hs);
    cr_expect_not(hs.end_state.blind & BLIND_LIMIT);
    cr_expect_null(arena_alloc(&hs.arena, LIMIT_SESSION_ARENA_BYTES));
    hs_conclude(&hs);
    cr_expect(hs.end_state.blind & BLIND_LIMIT);
    hs_free(&hs);
}

Test(limits, the_timeline)
{
    struct handshake hs;
    hs_init(&hs, LIMIT_SESSION_ARENA_BYTES);
    for (unsigned i = 0; i <= HS_EVENTS_MAX; i++) {
        hs_conclude(&hs);
        cr_expect_not(hs.end_state.blind & BLIND_LIMIT, "%u", i);
        hs_note(&hs, HS_CHANGE_CIPHER_SPEC, SIDE_CLIENT, 1, 0, 1, i + 1);
    }
    hs_conclude(&hs);
    cr_expect(hs.end_state.blind & BLIND_LIMIT);
    hs_free(&hs);
}

/* What the first record of a server with this header is noted as. */
static enum hs_kind first_noted(const char *bytes)
{
    struct handshake hs;
    struct tls_state t = {0};
    hs_init(&hs, LIMIT_SESSION_ARENA_BYTES);
    tls_feed(&t, &hs, SIDE_SERVER, span_of(bytes, 7), 1, 1, true);
    enum hs_kind kind = hs.events_n ? hs.events[0].kind : 0;
    tls_fini(&t);
    hs_free(&hs);
    return kind;
}

/* BearSSL answers a hello that it refuses before it has a version. */
Test(limits, versions_of_records)
{
    cr_expect_eq(first_noted("\x15\x03\x01\0\x02\x02\x46"), HS_ALERT);
    cr_expect_eq(first_noted("\x15\0\0\0\x02\x02\x46"), HS_ALERT);
    cr_expect_eq(first_noted("\x15\0\0\0\x03\x02\x46"), HS_PLAINTEXT);
    cr_expect_eq(first_noted("\x16\0\0\0\x02\x02\x46"), HS_PLAINTEXT);
    cr_expect_eq(first_noted("\x15\0\x01\0\x02\x02\x46"), HS_PLAINTEXT);
}

/* One message of `total` bytes in records of 16 KiB. */
static bool limited_by_message(uint32_t total)
{
    struct handshake hs;
    struct tls_state t = {0};
    static uint8_t record[5 + 16384];
    hs_init(&hs, LIMIT_SESSION_ARENA_BYTES);
    for (uint32_t sent = 0; sent < total;) {
        uint32_t n = total - sent < 16384 ? total - sent : 16384;
        memcpy(record, "\x16\x03\x03", 3);
        record[3] = (uint8_t)(n >> 8);
        record[4] = (uint8_t)n;
        memset(record + 5, 0, n);
        if (sent == 0) { /* a NewSessionTicket: none of it is kept */
            record[5] = 4;
            record[6] = (uint8_t)((total - 4) >> 16);
            record[7] = (uint8_t)((total - 4) >> 8);
            record[8] = (uint8_t)(total - 4);
        }
        tls_feed(&t, &hs, SIDE_SERVER, span_of(record, 5 + n), 1, 1, true);
        sent += n;
    }
    bool limited = hs.limited;
    cr_expect_not_null(hs_find(&hs, HS_NEW_SESSION_TICKET, SIDE_SERVER));
    tls_fini(&t);
    hs_free(&hs);
    return limited;
}

Test(limits, a_message_in_pieces)
{
    cr_expect_not(limited_by_message(LIMIT_PARTIAL_MESSAGE_BYTES));
    cr_expect(limited_by_message(LIMIT_PARTIAL_MESSAGE_BYTES + 1));
}

/* A hello whose length is believed or not. */
static enum tls_probe probe_of(uint32_t length, uint16_t record)
{
    const uint8_t first[] = {22,
                             3,
                             1,
                             (uint8_t)(record >> 8),
                             (uint8_t)record,
                             1,
                             (uint8_t)(length >> 16),
                             (uint8_t)(length >> 8),
                             (uint8_t)length,
                             3,
                             3};
    return tls_probe(span_of(first, sizeof first));
}

Test(limits, lengths_that_are_believed)
{
    cr_expect_eq(probe_of(LIMIT_MESSAGE_LENGTH, 512), TLS_PROBE_CLIENT_HELLO);
    cr_expect_eq(probe_of(LIMIT_MESSAGE_LENGTH + 1, 512), TLS_PROBE_NO);
    cr_expect_eq(probe_of(512, LIMIT_RECORD_LENGTH), TLS_PROBE_CLIENT_HELLO);
    cr_expect_eq(probe_of(512, LIMIT_RECORD_LENGTH + 1), TLS_PROBE_NO);
}

Test(limits, records_kept_for_decryption)
{
    struct handshake hs;
    uint8_t *body = NULL;
    struct hs_record r = {.body = {NULL, LIMIT_KEPT_RECORD_BYTES / 4}};
    hs_init(&hs, LIMIT_SESSION_ARENA_BYTES);
    hs.keep_records = true;
    for (unsigned i = 0; i < 4; i++) {
        cr_expect_neq(hs_keep_record(&hs, &r, &body), 0);
    }
    cr_expect_leq(hs.arena.cap_bytes,
                  LIMIT_SESSION_ARENA_BYTES + LIMIT_DECRYPT_ARENA_BYTES);
    r.body.n = 1;
    cr_expect_eq(hs_keep_record(&hs, &r, &body), 0);
    hs_free(&hs);
}

/* ---- one direction ---- */

static void no_data(void *ctx, struct span bytes, struct stamp at, bool start)
{
    (void)ctx;
    (void)bytes;
    (void)at;
    (void)start;
}

static void no_gap(void *ctx, uint32_t n, struct stamp at, bool cut)
{
    (void)ctx;
    (void)n;
    (void)at;
    (void)cut;
}

/* Segments of n bytes behind a hole; the flags of the last one. */
static unsigned behind_a_hole(unsigned segments, uint32_t n)
{
    static uint8_t bytes[65536];
    const struct stream_sink sink = {no_data, no_gap, NULL};
    struct tcp_stream s = {0};
    unsigned flags = 0;
    tcp_stream_start(&s, 0);
    for (unsigned i = 0; i < segments; i++) {
        flags = tcp_stream_push(&s, 1 + i * n, span_of(bytes, n), n,
                                (struct stamp){1, i + 1}, &sink);
    }
    tcp_stream_fini(&s);
    return flags;
}

Test(limits, what_comes_out_of_order)
{
    cr_expect_not(behind_a_hole(LIMIT_REORDER_SEGMENTS, 1) & PUSH_LIMIT);
    cr_expect(behind_a_hole(LIMIT_REORDER_SEGMENTS + 1, 1) & PUSH_LIMIT);
    const uint32_t n = LIMIT_REORDER_BYTES / 8;
    cr_expect_not(behind_a_hole(8, n) & PUSH_LIMIT);
    cr_expect(behind_a_hole(9, n) & PUSH_LIMIT);
}

static struct doubted *doubt(struct doubts *d, uint32_t seq, size_t n)
{
    static uint8_t bytes[LIMIT_DOUBTED_BYTES + 1];
    const struct packet p = {.seq = seq,
                             .payload = span_of(bytes, n),
                             .payload_wire_bytes = (uint32_t)n};
    return doubts_hold(d, &p, HS_RST_TTL_ODD);
}

Test(limits, segments_in_doubt)
{
    struct doubts d = {0};
    for (unsigned i = 0; i < LIMIT_DOUBTED_SEGMENTS; i++) {
        cr_expect_not_null(doubt(&d, i, 1));
    }
    cr_expect_not(doubts_miss(&d, 0));
    cr_expect_null(doubt(&d, 100, 1));
    cr_expect_null(doubt(&d, 50, 1));
    cr_expect(doubts_miss(&d, 100), "nobody else brought that byte");
    cr_expect_not(doubts_miss(&d, 101));
    /* What is settled makes room, and no more than it takes. */
    doubts_rival(&d, 3, span_text("x"))->beaten = true;
    doubts_rival(&d, 7, span_text("x"))->taken = true;
    cr_expect_not_null(doubt(&d, 100, 1));
    cr_expect_not_null(doubts_contradicted(&d, 7, span_text("x")));
    cr_expect_not_null(doubt(&d, 101, 1));
    cr_expect_null(doubts_contradicted(&d, 7, span_text("x")));
    cr_expect_null(doubt(&d, 102, 1));
    cr_expect_eq(d.n, LIMIT_DOUBTED_SEGMENTS);
    cr_expect_eq(d.bytes, LIMIT_DOUBTED_SEGMENTS);
    doubts_fini(&d);
}

Test(limits, bytes_in_doubt)
{
    struct doubts d = {0};
    cr_expect_not_null(doubt(&d, 0, LIMIT_DOUBTED_BYTES / 2));
    cr_expect_not_null(doubt(&d, 0, LIMIT_DOUBTED_BYTES / 2));
    cr_expect_null(doubt(&d, 0, 1));
    doubts_fini(&d);
    struct doubts one = {0}; /* whatever a capture calls a segment */
    cr_expect_not_null(doubt(&one, 0, LIMIT_DOUBTED_BYTES + 1));
    cr_expect_null(doubt(&one, 0, 1));
    doubts_fini(&one);
}

/* ---- packets that anybody can send ---- */

#define CLIENT_ISN 1000u
#define SERVER_ISN 5000u

struct wire {
    struct pipeline *p;
    uint64_t number;
    unsigned records, icmp, foreign, taken;
    bool midstream;
    uint8_t ttl; /* of what is sent next; 0: 64 */
    struct conclusion end;
};

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    struct wire *w = ctx;
    (void)source;
    w->records++;
    w->icmp = hs_count(r->hs, HS_ICMP, SIDE_NONE);
    w->foreign = hs_count(r->hs, HS_FOREIGN, SIDE_NONE);
    w->midstream = r->hs->midstream;
    w->end = r->hs->end_state;
    for (unsigned i = 0; i < r->hs->events_n; i++) {
        const struct hs_event *e = &r->hs->events[i];
        w->taken += e->kind == HS_FOREIGN && (e->aux & HS_ODD_TAKEN);
    }
}

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

static void ip4(uint8_t *ip, uint8_t proto, bool server, size_t total)
{
    memset(ip, 0, 20);
    ip[0] = 0x45;
    ip[2] = (uint8_t)(total >> 8);
    ip[3] = (uint8_t)total;
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = proto;
    put32(ip + 12, server ? 0x0a000002 : 0x0a000001);
    put32(ip + 16, server ? 0x0a000001 : 0x0a000002);
}

static void frame(struct wire *w, const uint8_t *bytes, size_t n)
{
    struct frame f = {.when = INT64_C(1700000000) * TICK_SEC +
                              (tick_t)w->number * TICK_MSEC,
                      .number = ++w->number,
                      .linktype = 101, /* raw IP */
                      .wire_bytes = (uint32_t)n,
                      .data = span_of(bytes, n)};
    pipeline_frame(w->p, &f, 0);
}

static void segment(struct wire *w, bool server, unsigned flags, uint32_t seq,
                    uint32_t ack, struct span data)
{
    uint8_t b[2048];
    uint8_t *tcp = b + 20;
    ip4(b, 6, server, 40 + data.n);
    b[8] = w->ttl ? w->ttl : b[8];
    memset(tcp, 0, 20);
    put32(tcp, server ? 443u << 16 | 40000u : 40000u << 16 | 443u);
    put32(tcp + 4, seq);
    put32(tcp + 8, ack);
    tcp[12] = 0x50;
    tcp[13] = (uint8_t)flags;
    tcp[14] = 0xff;
    if (data.n) {
        memcpy(tcp + 20, data.p, data.n);
    }
    frame(w, b, 40 + data.n);
}

static struct wire opened(void)
{
    return (struct wire){.records = 0};
}

static void open_with(struct wire *w, struct pipeline_options o)
{
    const struct span none = {NULL, 0};
    o.emit_ctx = w;
    w->p = pipeline_new(&o);
    cr_assert_not_null(w->p);
    segment(w, false, TCP_SYN, CLIENT_ISN, 0, none);
    segment(w, true, TCP_SYN | TCP_ACK, SERVER_ISN, CLIENT_ISN + 1, none);
}

static void open_pipeline(struct wire *w)
{
    const struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                       .max_flows = 100,
                                       .max_memory_bytes = 64 << 20,
                                       .all = true,
                                       .emit = on_record};
    open_with(w, o);
}

static void close_pipeline(struct wire *w)
{
    pipeline_finish(w->p);
    pipeline_free(w->p);
}

/* The beginning of a ClientHello, so that the connection is watched. */
static const uint8_t hello[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};

Test(limits, icmp_errors_that_are_noted)
{
    struct wire w = opened();
    uint8_t b[20 + 8 + 28];
    open_pipeline(&w);
    segment(&w, false, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1,
            span_of(hello, sizeof hello));
    for (unsigned i = 0; i < LIMIT_ICMP_NOTED + 3; i++) {
        ip4(b, 1, true, sizeof b);
        memset(b + 20, 0, 8);
        b[20] = 3; /* unreachable: what the client sent */
        ip4(b + 28, 6, false, 40);
        put32(b + 48, 40000u << 16 | 443u);
        put32(b + 52, CLIENT_ISN + 1);
        frame(&w, b, sizeof b);
    }
    close_pipeline(&w);
    cr_expect_eq(w.records, 1u);
    cr_expect_eq(w.icmp, LIMIT_ICMP_NOTED);
}

Test(limits, foreign_resets_that_are_noted)
{
    const struct span none = {NULL, 0};
    struct wire w = opened();
    open_pipeline(&w);
    segment(&w, false, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1,
            span_of(hello, sizeof hello));
    for (unsigned i = 0; i < LIMIT_FOREIGN_NOTED + 3; i++) {
        segment(&w, true, TCP_RST, SERVER_ISN + (1u << 30), 0, none);
    }
    close_pipeline(&w);
    cr_expect_eq(w.records, 1u);
    cr_expect_eq(w.foreign, LIMIT_FOREIGN_NOTED);
}

/* Somebody in between sends so many segments in the server's name, and then a
 * fatal alert, all from too near. The server's own alert comes after them, or
 * never. */
static struct wire forged(unsigned decoys, bool answered)
{
    static const uint8_t fake[] = {21, 3, 3, 0, 2, 2, 40};
    static const uint8_t real[] = {21, 3, 3, 0, 2, 2, 70};
    const struct span none = {NULL, 0};
    struct wire w = opened();
    uint32_t ack = CLIENT_ISN + 1 + sizeof hello;
    open_pipeline(&w);
    segment(&w, false, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1,
            span_of(hello, sizeof hello));
    w.ttl = 200;
    for (unsigned i = 0; i < decoys; i++) {
        segment(&w, true, TCP_ACK, SERVER_ISN + 1000 * (i + 1), ack,
                span_text("?"));
    }
    segment(&w, true, TCP_ACK, SERVER_ISN + 1, ack, span_of(fake, sizeof fake));
    w.ttl = 0;
    if (answered) {
        segment(&w, true, TCP_ACK, SERVER_ISN + 1, ack,
                span_of(real, sizeof real));
        segment(&w, false, TCP_ACK, ack, SERVER_ISN + 1 + sizeof real, none);
    }
    close_pipeline(&w);
    cr_expect_eq(w.records, 1u);
    return w;
}

Test(limits, segments_in_doubt_are_not_believed_past_the_limit)
{
    for (unsigned n = 0; n <= LIMIT_DOUBTED_SEGMENTS + 8; n++) {
        struct wire w = forged(n, true);
        cr_expect(w.end.has_alert, "%u decoys", n);
        cr_expect_eq(w.end.alert_code, 70, "%u decoys", n);
        cr_expect_leq(w.foreign, LIMIT_FOREIGN_NOTED);
    }
    /* Nobody says otherwise: what was held is believed in the end, and past
     * the limit it is not known what the server said. */
    cr_expect_eq(forged(0, false).end.alert_code, 40);
    struct wire w = forged(LIMIT_DOUBTED_SEGMENTS + 1, false);
    cr_expect_not(w.end.has_alert);
    cr_expect(w.end.blind & BLIND_LIMIT);
}

/* The server's first bytes came and were acknowledged. Somebody sends, from too
 * near, a fatal alert and `n` bytes at `place`, relative to the next one of the
 * server, which says something itself then. */
static struct wire forged_with(int place, const char *bytes, size_t n)
{
    static const uint8_t fake[] = {21, 3, 3, 0, 2, 2, 40};
    static const uint8_t begun[] = {22, 3, 3, 0, 74};
    static const uint8_t next[] = {2, 0, 0, 70, 3, 3, 0, 0, 0};
    const struct span none = {NULL, 0};
    struct wire w = opened();
    uint32_t ack = CLIENT_ISN + 1 + sizeof hello;
    uint32_t seq = SERVER_ISN + 1 + sizeof begun;
    open_pipeline(&w);
    segment(&w, false, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1,
            span_of(hello, sizeof hello));
    segment(&w, true, TCP_ACK, SERVER_ISN + 1, ack,
            span_of(begun, sizeof begun));
    segment(&w, false, TCP_ACK, ack, seq, none);
    w.ttl = 200;
    segment(&w, true, TCP_ACK, seq + (uint32_t)place, ack,
            span_of((const uint8_t *)bytes, n));
    segment(&w, true, TCP_ACK, seq + sizeof next, ack,
            span_of(fake, sizeof fake));
    w.ttl = 0;
    segment(&w, true, TCP_ACK, seq, ack, span_of(next, sizeof next));
    segment(&w, false, TCP_ACK, ack, seq + sizeof next, none);
    segment(&w, true, TCP_ACK, seq + sizeof next, ack, span_text("0123456789"));
    segment(&w, false, TCP_ACK, ack, seq + sizeof next + 10, none);
    close_pipeline(&w);
    cr_expect_eq(w.records, 1u);
    return w;
}

/* That the receiver acknowledged a place does not make true what looks like
 * other bytes for it that were its sender's anyway. */
Test(limits, doubt_is_not_settled_by_what_the_sender_said_itself)
{
    cr_expect_eq(forged_with(-5, "\x16\3\3\0\x4a", 5).taken, 0u);
    cr_expect_eq(forged_with(-5, "wrong", 5).taken, 0u);
    cr_expect_eq(forged_with(0, "\2", 1).taken, 0u);
    cr_expect_eq(forged_with(-1, "\x4a\2", 2).taken, 0u);
}

/* A prelude of so many segments and bytes, and then a ClientHello: whether it
 * is still found in its connection, and not as the beginning of another. */
static bool found_behind(unsigned segments, size_t bytes)
{
    static uint8_t noise[1024];
    struct wire w = opened();
    uint32_t seq = CLIENT_ISN + 1;
    memset(noise, '.', sizeof noise);
    open_pipeline(&w);
    for (unsigned i = 0; i < segments; i++, seq += (uint32_t)bytes) {
        segment(&w, false, TCP_ACK, seq, SERVER_ISN + 1, span_of(noise, bytes));
    }
    segment(&w, true, TCP_ACK, SERVER_ISN + 1, seq, span_text("?"));
    segment(&w, false, TCP_ACK, seq, SERVER_ISN + 2,
            span_of(hello, sizeof hello));
    close_pipeline(&w);
    cr_expect_eq(w.records, 1u);
    return !w.midstream;
}

Test(limits, what_may_come_before_tls)
{
    cr_expect(found_behind(LIMIT_PRELUDE_SEGMENTS - 1, 1));
    cr_expect_not(found_behind(LIMIT_PRELUDE_SEGMENTS + 1, 1));
    cr_expect(found_behind(LIMIT_PRELUDE_BYTES / 1024 - 1, 1024));
    cr_expect_not(found_behind(LIMIT_PRELUDE_BYTES / 1024 + 1, 1024));
}

/* One connection is open when there is room for no second one, `quiet` after
 * its hello. */
static struct conclusion crowded_out(tick_t quiet)
{
    const struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                       .max_flows = 1,
                                       .max_memory_bytes = 64 << 20,
                                       .all = true,
                                       .emit = on_record};
    struct wire w = opened();
    open_with(&w, o);
    segment(&w, false, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1,
            span_of(hello, sizeof hello));
    w.number += (uint64_t)(quiet / TICK_MSEC);
    uint8_t b[40] = {0};
    ip4(b, 6, false, sizeof b);
    put32(b + 20, 40001u << 16 | 443u);
    b[32] = 0x50;
    b[33] = TCP_SYN;
    frame(&w, b, sizeof b);
    struct totals t = {0};
    pipeline_totals(w.p, &t);
    cr_expect_eq(t.flows_evicted, 1u);
    close_pipeline(&w);
    cr_expect_eq(w.records, 1u);
    return w.end;
}

/* Whoever was silent for longer than the timeout failed already, and only waits
 * for a late answer. Of one that was not, nobody knows. */
Test(limits, what_makes_room_has_failed_if_it_was_silent_for_too_long)
{
    struct conclusion end = crowded_out(11 * TICK_SEC);
    cr_expect_eq(end.outcome, OUTCOME_FAILURE);
    cr_expect_eq(end.how, HOW_TIMEOUT);
    cr_expect_not(end.blind & BLIND_LIMIT);
    end = crowded_out(9 * TICK_SEC);
    cr_expect_eq(end.outcome, OUTCOME_UNKNOWN);
    cr_expect(end.blind & BLIND_LIMIT);
}

/* Half-open connections without end, 200 a millisecond: what they take stays
 * below the bound. */
Test(limits, memory_of_half_open_connections)
{
    const size_t bound = (size_t)4 << 20;
    struct wire w = opened();
    const struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                       .max_flows = 1000000,
                                       .max_memory_bytes = bound,
                                       .emit = on_record,
                                       .emit_ctx = &w};
    uint64_t most = 0;
    struct totals t = {0};
    w.p = pipeline_new(&o);
    cr_assert_not_null(w.p);
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t b[40] = {0};
        ip4(b, 6, false, sizeof b);
        put32(b + 12, 0x0b000000 + i);
        put32(b + 20, 40000u << 16 | 443u);
        b[32] = 0x50;
        b[33] = TCP_SYN;
        frame(&w, b, sizeof b);
        w.number -= i % 200 != 0;
        if (i % 1000 == 0) {
            pipeline_totals(w.p, &t);
            most = t.memory_bytes > most ? t.memory_bytes : most;
        }
    }
    cr_expect_lt(most, (uint64_t)bound);
    cr_expect_gt(most, (uint64_t)bound / 4);
    cr_expect_gt(t.flows_evicted, 50000u);
    close_pipeline(&w);
}
