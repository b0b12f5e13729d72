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
