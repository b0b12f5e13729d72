/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes late, again, or not at all, in connections of pcaps/ whose packets
 * are put into another order, or followed by others: packets behind their own
 * reset, acknowledgements of a part, ports that are used again.
 */
#include "rewrite.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct frames load(const char *name)
{
    char path[4096];
    const char *src = getenv("TLSWHY_SRCDIR");
    snprintf(path, sizeof path, "%s/pcaps/%s.pcap", src ? src : ".", name);
    return frames_load(path);
}

/* Bytes of a header that put() changes. */
enum { ACK_AT = 8, OPTIONS_AT = 20, TTL_AT = 8 };

struct change {
    tick_t after; /* the last frame */
    uint32_t seq, ack;
    unsigned flags;
    struct span payload;
    bool no_timestamps;
    uint8_t ttl; /* 0: as it is */
};

/* Appends a segment with the headers of `like`, changed. */
static void put(struct frames *out, const struct piece *like,
                const struct change *c)
{
    uint8_t header[256];
    struct piece p = *like;
    cr_assert(p.plain && p.header <= sizeof header);
    memcpy(header, p.f.data.p, p.header);
    p.f.data = span_of(header, p.header);
    for (unsigned i = 0; i < 4; i++) {
        header[p.tcp + ACK_AT + i] = (uint8_t)(c->ack >> (24 - 8 * i));
    }
    if (c->no_timestamps) {
        memset(header + p.tcp + OPTIONS_AT, 1, p.header - p.tcp - OPTIONS_AT);
    }
    if (c->ttl) {
        header[p.ip + TTL_AT] = c->ttl;
    }
    p.f.when = out->v[out->n - 1].f.when + c->after;
    frames_put(out, &p, c->seq, c->flags, c->payload);
}

static void put_first(struct frames *out, const struct frames *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        frames_put_same(out, &in->v[i]);
    }
}

/* A packet of another connection, so long after all. */
static void put_later(struct frames *out, tick_t after)
{
    struct frames other = load("syn_dropped");
    struct change c = {.after = after, .seq = 1, .flags = TCP_ACK};
    put(out, &other.v[0], &c);
    frames_free(&other);
}

static const struct piece *last_of(const struct frames *l, uint16_t port)
{
    for (size_t i = l->n; i-- > 0;) {
        if (l->v[i].plain && l->v[i].k.src.port == port) {
            return &l->v[i];
        }
    }
    cr_assert_fail("nothing from port %u", port);
    return NULL;
}

static const char *text_of(json_t *record, const char *at, const char *key)
{
    const char *s =
        json_string_value(json_object_get(json_object_get(record, at), key));
    return s ? s : "-";
}

struct want {
    const char *outcome, *by, *how, *cause; /* NULL: not looked at */
    bool tampered;
    const char *confidence;
};

static void expect_one(struct frames *l, const char *what,
                       const struct want *want)
{
    json_t *all = frames_analyse(l, NULL);
    json_t *r = json_array_get(all, 0);
    cr_expect_eq(json_array_size(all), 1u, "%s: %zu records", what,
                 json_array_size(all));
    const char *cause = text_of(r, "tlswhy", "cause");
    const char *pairs[][2] = {
        {text_of(r, "event", "outcome"), want->outcome},
        {text_of(r, "tlswhy", "ended_by"), want->by},
        {text_of(r, "tlswhy", "ended_how"), want->how},
        {cause, want->cause},
        {text_of(r, "tlswhy", "confidence"), want->confidence},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][1]) {
            cr_expect_str_eq(pairs[i][0], pairs[i][1], "%s", what);
        }
    }
    cr_expect_eq(strcmp(cause, "connection_tampered") == 0, want->tampered,
                 "%s: %s", what, cause);
    json_decref(all);
    frames_free(l);
}

/* ---- resets ---- */

static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};

/* One packet of the server behind the hello, by its place behind what the
 * server had sent. */
struct step {
    tick_t after;
    int seq;
    unsigned flags;
    size_t from, n; /* of the alert */
    uint8_t ttl;
};

enum { STEPS = 5 };

struct reset_case {
    const char *what;
    struct step steps[STEPS];
    struct want want;
};

#define US  (TICK_MSEC / 1000)
#define RST (TCP_RST | TCP_ACK)
#define FIN (TCP_FIN | TCP_ACK)

static void run_reset(const struct reset_case *c)
{
    struct frames in = load("reset_after_hello");
    struct frames out = {0};
    const struct piece *rst = last_of(&in, 443);
    put_first(&out, &in, in.n - 1);
    for (size_t i = 0; i < STEPS && c->steps[i].flags; i++) {
        const struct step *s = &c->steps[i];
        put(&out, rst,
            &(struct change){.after = s->after,
                             .seq = rst->k.seq + (uint32_t)s->seq,
                             .ack = rst->k.ack,
                             .flags = s->flags,
                             .payload = span_of(alert + s->from, s->n),
                             .ttl = s->ttl});
    }
    expect_one(&out, c->what, &c->want);
    frames_free(&in);
}

/* All of it is the server's own; the path, or the capture, mixed up the
 * order. */
Test(order, not_what_a_reset_overtook)
{
    static const struct want close = {.outcome = "failure", .by = "server"};
    static const struct want said = {
        .outcome = "failure", .by = "server", .how = "alert"};
    const struct reset_case cases[] = {
        {"reset, FIN",
         {{0, 1, RST, 0, 0, 0}, {20 * US, 0, FIN, 0, 0, 0}},
         close},
        {"reset, late FIN",
         {{0, 1, RST, 0, 0, 0}, {50 * TICK_MSEC, 0, FIN, 0, 0, 0}},
         close},
        {"reset in the FIN's place",
         {{0, 0, RST, 0, 0, 0}, {50 * TICK_MSEC, 0, FIN, 0, 0, 0}},
         close},
        {"alert, reset, FIN",
         {{0, 0, TCP_ACK, 0, 7, 0},
          {200 * US, 8, RST, 0, 0, 0},
          {5 * TICK_MSEC, 7, FIN, 0, 0, 0}},
         said},
        {"reset, alert, FIN",
         {{0, 8, RST, 0, 0, 0},
          {30 * TICK_MSEC, 0, TCP_ACK, 0, 7, 0},
          {10 * US, 7, FIN, 0, 0, 0}},
         said},
        {"reset, alert with FIN",
         {{0, 8, RST, 0, 0, 0}, {30 * TICK_MSEC, 0, FIN, 0, 7, 0}},
         said},
        {"reset, alert; the FIN never comes",
         {{0, 8, RST, 0, 0, 0}, {30 * TICK_MSEC, 0, TCP_ACK, 0, 7, 0}},
         said},
        {"reset, acknowledgement",
         {{0, 0, RST, 0, 0, 0}, {15 * TICK_MSEC, 0, TCP_ACK, 0, 0, 0}},
         close},
        {"reset, much later an acknowledgement",
         {{0, 0, RST, 0, 0, 0}, {80 * TICK_MSEC, 0, TCP_ACK, 0, 0, 0}},
         close},
        {"a lost segment, reset, what came behind the lost one",
         {{0, 8, RST, 0, 0, 0}, {5 * TICK_MSEC, 3, TCP_ACK, 3, 4, 0}},
         close},
        {"a lost segment, reset by what was acknowledged, the rest",
         {{0, 0, RST, 0, 0, 0}, {5 * TICK_MSEC, 3, TCP_ACK, 3, 4, 0}},
         close},
        {"reset, data just behind it",
         {{0, 0, RST, 0, 0, 0}, {800 * US, 0, TCP_ACK, 0, 7, 0}},
         close},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_reset(&cases[i]);
    }
}

/* Its supposed sender goes on where the reset was: it did not send it. Captures
 * can mix up much, so that this alone is not certain. */
Test(order, what_goes_on_after_a_reset)
{
    const struct reset_case cases[] = {
        {"data behind it",
         {{0, 0, RST, 0, 0, 0}, {60 * TICK_MSEC, 0, TCP_ACK, 0, 7, 0}},
         {.by = "middlebox", .tampered = true, .confidence = "likely"}},
        {"data behind one from elsewhere",
         {{0, 0, RST, 0, 0, 40}, {60 * TICK_MSEC, 0, TCP_ACK, 0, 7, 0}},
         {.by = "middlebox", .tampered = true, .confidence = "certain"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_reset(&cases[i]);
    }
}

/* ---- the last flight ---- */

/* The client's Finished and its request in one segment, acknowledged up to some
 * byte or not at all, and what is not acknowledged sent again `again` times. */
struct flight_case {
    const char *what;
    int acked; /* bytes of the segment; -1: no acknowledgement */
    tick_t ack_after;
    unsigned again;
    tick_t later; /* when another packet ends the capture; 0: none does */
    struct want want;
};

enum { FINISHED_BYTES = 80, FLIGHT_BYTES = 182 };

static void run_flight(const struct flight_case *c)
{
    struct frames in = load("finish_lost_13");
    struct frames out = {0};
    size_t n = 0;
    const struct piece *flight = last_of(&in, 60063); /* both, again */
    while (in.v[n].k.seq != flight->k.seq || !piece_has_data(&in.v[n])) {
        n++;
    }
    cr_assert_eq(flight->k.payload.n, (size_t)FLIGHT_BYTES);
    put_first(&out, &in, n);
    struct change sent = {.after = TICK_MSEC,
                          .seq = flight->k.seq,
                          .ack = flight->k.ack,
                          .flags = TCP_ACK | TCP_PSH,
                          .payload = flight->k.payload};
    put(&out, flight, &sent);
    if (c->acked >= 0) {
        put(&out, last_of(&in, 443),
            &(struct change){.after = c->ack_after,
                             .seq = flight->k.ack,
                             .ack = flight->k.seq + (uint32_t)c->acked,
                             .flags = TCP_ACK});
        sent.seq += (uint32_t)c->acked;
        sent.payload = span_sub(sent.payload, (size_t)c->acked, SIZE_MAX);
    }
    sent.after = 250 * TICK_MSEC;
    for (unsigned i = 0; i < c->again; i++, sent.after *= 2) {
        put(&out, flight, &sent);
    }
    if (c->later) {
        put_later(&out, c->later);
    }
    expect_one(&out, c->what, &c->want);
    frames_free(&in);
}

Test(order, finished_and_a_request_in_one_segment)
{
    static const struct want good = {.outcome = "success"};
    const tick_t minute = 60 * TICK_SEC;
    const struct flight_case cases[] = {
        {"acknowledged", FLIGHT_BYTES, TICK_MSEC, 0, minute, good},
        {"acknowledged; the capture ends", FLIGHT_BYTES, TICK_MSEC, 0, 0, good},
        {"acknowledged late", FLIGHT_BYTES, 200 * TICK_MSEC, 0, minute, good},
        {"the request is not", FINISHED_BYTES, TICK_MSEC, 5, minute, good},
        {"the request is not; the capture ends", FINISHED_BYTES, TICK_MSEC, 5,
         0, good},
        {"the request is not, in part", FINISHED_BYTES + 10, TICK_MSEC, 5,
         minute, good},
        {"sent; the capture ends", -1, 0, 0, 0, good},
        {"sent again; the capture ends", -1, 0, 1, 0, good},
        {"never; the capture ends", -1, 0, 4, 0, {.outcome = "unknown"}},
        {"never",
         -1,
         0,
         5,
         minute,
         {.outcome = "failure",
          .by = "nobody",
          .how = "timeout",
          .cause = "server_stalled",
          .confidence = "likely"}},
        {"a part of the Finished",
         FINISHED_BYTES - 10,
         TICK_MSEC,
         5,
         minute,
         {.outcome = "failure", .by = "nobody", .cause = "server_stalled"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_flight(&cases[i]);
    }
}

/* ---- ports that are used again ---- */

/* The whole capture twice; `other`: with other sequence numbers. */
static size_t records_of_two(const char *name, tick_t between, bool other)
{
    struct frames in = load(name);
    struct frames out = {0};
    put_first(&out, &in, in.n);
    tick_t late = in.v[in.n - 1].f.when + between - in.v[0].f.when;
    for (tick_t i = TICK_SEC; i < between; i += TICK_SEC) {
        put_later(&out, TICK_SEC); /* so that time goes by */
    }
    for (size_t i = 0; i < in.n; i++) {
        const struct piece *p = &in.v[i];
        uint32_t by = other ? 1000000 : 0;
        if (p->plain) {
            put(&out, p,
                &(struct change){.seq = p->k.seq + by,
                                 .ack =
                                     p->k.flags & TCP_ACK ? p->k.ack + by : 0,
                                 .flags = p->k.flags,
                                 .payload = p->k.payload});
        } else {
            frames_put_same(&out, p);
        }
        out.v[out.n - 1].f.when = p->f.when + late;
    }
    json_t *all = frames_analyse(&out, NULL);
    size_t n = json_array_size(all);
    json_decref(all);
    frames_free(&in);
    frames_free(&out);
    return n;
}

Test(order, ports_that_are_used_again)
{
    static const char *const names[] = {"alpn_12_go", "reset_after_hello",
                                        "ok_tls12_dhe"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cr_expect_eq(records_of_two(names[i], 10 * TICK_MSEC, true), 2u, "%s",
                     names[i]);
        cr_expect_eq(records_of_two(names[i], 20 * TICK_SEC, true), 2u, "%s",
                     names[i]);
        cr_expect_eq(records_of_two(names[i], 20 * TICK_SEC, false), 2u, "%s",
                     names[i]);
    }
    cr_expect_eq(records_of_two("reset_after_hello", TICK_SEC, false), 1u);
    cr_expect_eq(records_of_two("dtls_10_cert_expired", 20 * TICK_SEC, false),
                 2u);
    cr_expect_eq(records_of_two("quic_go_expired", 20 * TICK_SEC, false), 2u);
}

/* ---- a TLS port that was taken for a proxy ---- */

/* Behind an answer that the capture lacks, the alert may be that of a server at
 * the end of the tunnel. */
Test(order, an_alert_in_place_of_a_proxys_answer)
{
    for (unsigned missing = 0; missing < 2; missing++) {
        struct frames in = load("not_tls_client_connect_gnutls");
        struct frames out = {0};
        uint32_t by = missing ? 39 : 0;
        for (size_t i = 0; i < in.n; i++) {
            const struct piece *p = &in.v[i];
            bool server = p->plain && p->k.src.port == 443;
            bool syn = p->plain && (p->k.flags & TCP_SYN);
            if (!p->plain || syn) {
                frames_put_same(&out, p);
                continue;
            }
            uint32_t ack = p->k.ack + (!server && i > 4 ? by : 0);
            put(&out, p,
                &(struct change){.seq = p->k.seq + (server && i > 4 ? by : 0),
                                 .ack = ack,
                                 .flags = p->k.flags,
                                 .payload = p->k.payload});
            out.v[out.n - 1].f.when = p->f.when;
        }
        expect_one(&out, missing ? "missing" : "whole",
                   missing ? &(struct want){.by = "server", .how = "alert"}
                           : &(struct want){.by = "client",
                                            .how = "plaintext",
                                            .cause = "client_not_tls",
                                            .confidence = "certain"});
        frames_free(&in);
    }
}

/* ---- options ---- */

/* A page in place of the server's answer, behind `acked` an acknowledgement of
 * the hello. */
static void run_page(const char *what, bool acked, bool no_timestamps,
                     uint8_t ttl, size_t snap, const struct want *want)
{
    struct frames in = load("page_portal");
    struct frames out = {0};
    const struct piece *page = NULL;
    for (size_t i = 0; i < in.n; i++) {
        const struct piece *p = &in.v[i];
        bool server = p->k.src.port == 443;
        if (server && piece_has_data(p)) {
            page = p;
            put(&out, p,
                &(struct change){.seq = p->k.seq,
                                 .ack = p->k.ack,
                                 .flags = p->k.flags,
                                 .payload = p->k.payload,
                                 .no_timestamps = no_timestamps,
                                 .ttl = ttl});
        } else if (acked || !server || (p->k.flags & TCP_SYN)) {
            frames_put_same(&out, p);
        }
        struct frame *f = &out.v[out.n - 1].f;
        f->data.n = f->data.n > snap ? snap : f->data.n;
        f->when = p->f.when;
    }
    cr_assert_not_null(page);
    expect_one(&out, what, want);
    frames_free(&in);
}

Test(order, a_page_without_timestamps)
{
    static const struct want own = {.outcome = "failure", .by = "server"};
    static const struct want forged = {
        .outcome = "failure", .by = "middlebox", .tampered = true};
    run_page("none, and from elsewhere", true, true, 40, SIZE_MAX, &forged);
    /* near misses */
    run_page("from elsewhere", true, false, 40, SIZE_MAX, &own);
    run_page("none", true, true, 0, SIZE_MAX, &own);
    run_page("none of that side", false, true, 40, SIZE_MAX, &own);
}

/* A reset may come without them (RFC 7323 section 3.2), and a capture that cut
 * the headers shows none. */
Test(order, what_else_has_no_timestamps)
{
    struct frames in = load("reset_after_hello");
    struct frames out = {0};
    const struct piece *rst = last_of(&in, 443);
    put_first(&out, &in, in.n - 1);
    put(&out, rst,
        &(struct change){.after = 50 * TICK_MSEC,
                         .seq = rst->k.seq,
                         .ack = rst->k.ack,
                         .flags = RST,
                         .no_timestamps = true});
    expect_one(&out, "reset", &(struct want){.cause = "client_hello_reset"});
    frames_free(&in);
    in = load("alpn_12_go");
    out = (struct frames){0};
    for (size_t i = 0; i < in.n; i++) {
        frames_put_same(&out, &in.v[i]);
        struct piece *p = &out.v[out.n - 1];
        if (p->plain && piece_has_data(p) && p->k.src.port == 443) {
            p->f.data.n = p->tcp + 20;
            p->bytes[p->ip + TTL_AT] = 40;
        }
    }
    json_t *all = frames_analyse(&out, NULL);
    json_t *r = json_array_get(all, 0);
    cr_expect_str_neq(text_of(r, "tlswhy", "ended_by"), "middlebox");
    json_decref(all);
    frames_free(&in);
    frames_free(&out);
}
