/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 802.1X log-ins through the whole pipeline: EAP packets put together here by
 * RFC 3748 section 4, RFC 5216 section 3 and, over RADIUS, RFC 2865 section 3
 * and RFC 3579 section 3.1, sent as frames of a LAN or as datagrams.
 */
#include "pipeline.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define LINK_ETHERNET 1
#define LINK_SLL      113
#define LINK_WIFI     105

enum { REQUEST = 1, RESPONSE, SUCCESS, FAILURE };
enum { IDENTITY = 1, NAK = 3, MD5 = 4, EAP_TLS = 13, TTLS = 21, PEAP = 25 };
enum { L = 0x80, M = 0x40, START = 0x20 };

static const uint8_t supplicant[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t authenticator[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t group[6] = {1, 0x80, 0xc2, 0, 0, 3};

struct bytes {
    uint8_t v[8192];
    size_t n;
};

static void add(struct bytes *b, const void *p, size_t n)
{
    cr_assert(n <= sizeof b->v - b->n);
    memcpy(b->v + b->n, p, n);
    b->n += n;
}

static void u8(struct bytes *b, unsigned v)
{
    uint8_t x = (uint8_t)v;
    add(b, &x, 1);
}

static void u16(struct bytes *b, unsigned v)
{
    u8(b, v >> 8 & 0xff);
    u8(b, v & 0xff);
}

static void u24(struct bytes *b, unsigned v)
{
    u8(b, v >> 16 & 0xff);
    u16(b, v & 0xffff);
}

/* ---- what came out ---- */

#define SEEN_MAX 8

struct seen {
    unsigned n;
    struct {
        enum outcome outcome;
        enum ended_by by;
        enum ended_how how;
        enum stage stage;
        enum transport transport;
        uint8_t ip_version;
        struct hs_addr addr[2];
        uint32_t blind, repeats[2];
        uint16_t alert;
        char carrier[32], cause[64], sni[64], asked[512], note[256];
    } r[SEEN_MAX];
};

static void put(char *to, size_t size, struct span s)
{
    snprintf(to, size, "%.*s", (int)s.n, s.n ? (const char *)s.p : "");
}

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    struct seen *s = ctx;
    const struct handshake *hs = r->hs;
    (void)source;
    cr_assert_lt(s->n, SEEN_MAX);
    unsigned i = s->n++;
    const struct conclusion *c = &hs->end_state;
    s->r[i].outcome = c->outcome;
    s->r[i].by = c->by;
    s->r[i].how = c->how;
    s->r[i].stage = c->stage;
    s->r[i].transport = hs->transport;
    s->r[i].ip_version = hs->ip_version;
    memcpy(s->r[i].addr, hs->addr, sizeof hs->addr);
    s->r[i].blind = c->blind;
    s->r[i].repeats[0] = hs->dir[0].retransmits;
    s->r[i].repeats[1] = hs->dir[1].retransmits;
    s->r[i].alert = c->has_alert ? c->alert_code : ALERT_NONE;
    put(s->r[i].carrier, 32, span_text(hs->carrier ? hs->carrier : ""));
    put(s->r[i].cause, 64,
        span_text(r->verdict->cause ? r->verdict->cause->slug : ""));
    put(s->r[i].sni, 64, hs->offer.sni);
    put(s->r[i].asked, 512, hs->carrier_asked);
    put(s->r[i].note, 256, hs->carrier_note);
}

/* ---- a conversation ---- */

struct talk {
    struct pipeline *p;
    struct seen seen;
    uint64_t frame;
    tick_t now;
    int link;
    bool to_group;        /* the supplicant sends to the group address */
    bool radius;          /* else EAPOL */
    const char *user;     /* RADIUS: in requests */
    uint16_t port;        /* the NAS's */
    unsigned radius_id;   /* of the last request */
    uint8_t state;        /* of the last challenge; 0: none */
    unsigned authentic;   /* makes each request's authenticator */
    size_t attribute_max; /* bytes of EAP in one attribute */
};

static void begin(struct talk *t)
{
    *t = (struct talk){.now = 1000 * TICK_SEC,
                       .link = LINK_ETHERNET,
                       .port = 40000,
                       .user = "alice",
                       .attribute_max = 253};
    struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                 .max_flows = 64,
                                 .max_memory_bytes = 64 << 20,
                                 .all = true,
                                 .emit = on_record,
                                 .emit_ctx = &t->seen};
    t->p = pipeline_new(&o);
    cr_assert_not_null(t->p);
}

static void finish(struct talk *t)
{
    pipeline_finish(t->p);
    pipeline_free(t->p);
}

/* From a block of its exact size, so that reads past the end are seen. */
static void send_cut(struct talk *t, const struct bytes *b, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    cr_assert_not_null(exact);
    memcpy(exact, b->v, n);
    t->now += TICK_MSEC;
    struct frame f = {.when = t->now,
                      .number = ++t->frame,
                      .linktype = t->link,
                      .wire_bytes = (uint32_t)b->n,
                      .data = span_of(exact, n)};
    pipeline_frame(t->p, &f, 0);
    free(exact);
}

static void eapol(struct bytes *b, const struct talk *t, unsigned type,
                  const struct bytes *eap, bool client)
{
    const uint8_t *src = client ? supplicant : authenticator;
    const uint8_t *dst =
        client ? (t->to_group ? group : authenticator) : supplicant;
    b->n = 0;
    if (t->link == LINK_SLL) { /* knows the sender only */
        u16(b, client ? 0 : 4);
        u16(b, 1);
        u16(b, 6);
        add(b, src, 6);
        u16(b, 0);
    } else if (t->link == LINK_WIFI) { /* to, or from, the access point */
        add(b, client ? "\x08\x01\x00\x00" : "\x08\x02\x00\x00", 4);
        add(b, client ? authenticator : supplicant, 6);
        add(b, client ? supplicant : authenticator, 6);
        add(b, authenticator, 6);
        add(b, "\x00\x00\xaa\xaa\x03\x00\x00\x00", 8);
    } else {
        add(b, dst, 6);
        add(b, src, 6);
    }
    u16(b, 0x888e);
    u8(b, 2);
    u8(b, type);
    u16(b, (unsigned)eap->n);
    add(b, eap->v, eap->n);
}

static void attribute(struct bytes *b, unsigned type, const void *p, size_t n)
{
    u8(b, type);
    u8(b, (unsigned)n + 2);
    add(b, p, n);
}

static void radius(struct bytes *b, struct talk *t, unsigned code,
                   const struct bytes *eap)
{
    bool request = code == 1;
    struct bytes a = {.n = 0};
    if (request) {
        attribute(&a, 1, t->user, strlen(t->user));
        attribute(&a, 31, "02-00-00-00-00-01", 17);
    }
    if (t->state && (request || code == 11)) {
        const uint8_t state[3] = {'s', t->state, 0};
        attribute(&a, 24, state, sizeof state);
    }
    for (size_t at = 0; at < eap->n; at += t->attribute_max) {
        size_t n =
            eap->n - at < t->attribute_max ? eap->n - at : t->attribute_max;
        attribute(&a, 79, eap->v + at, n);
    }
    b->n = 0;
    add(b, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00", 14);
    add(b, "\x45\0", 2);
    u16(b, (unsigned)(20 + 8 + 20 + a.n));
    add(b, "\0\0\0\0\x40\x11\0\0", 8);
    add(b, request ? "\x0a\0\0\x01\x0a\0\0\x02" : "\x0a\0\0\x02\x0a\0\0\x01",
        8);
    u16(b, request ? t->port : 1812);
    u16(b, request ? 1812 : t->port);
    u16(b, (unsigned)(8 + 20 + a.n));
    u16(b, 0);
    u8(b, code);
    u8(b, t->radius_id);
    u16(b, (unsigned)(20 + a.n));
    for (unsigned i = 0; i < 16; i++) {
        u8(b, request ? t->authentic + i : i);
    }
    add(b, a.v, a.n);
}

/* An EAP packet as a frame. */
static struct bytes framed(struct talk *t, const struct bytes *eap, bool client)
{
    struct bytes b = {.n = 0};
    if (!t->radius) {
        eapol(&b, t, 0, eap, client);
        return b;
    }
    unsigned code = client                 ? 1
                    : eap->v[0] == SUCCESS ? 2
                    : eap->v[0] == FAILURE ? 3
                                           : 11;
    if (client) {
        t->radius_id = (t->radius_id + 1) & 0xff;
        t->authentic += 16;
    } else if (code == 11) {
        t->state = (uint8_t)(t->state + 1);
    }
    radius(&b, t, code, eap);
    return b;
}

static struct bytes eap_packet(unsigned code, unsigned id, unsigned type,
                               const void *p, size_t n)
{
    struct bytes b = {.n = 0};
    bool typed = code == REQUEST || code == RESPONSE;
    u8(&b, code);
    u8(&b, id);
    u16(&b, (unsigned)(4 + (typed ? 1 + n : 0)));
    if (typed) {
        u8(&b, type);
        add(&b, p, n);
    }
    return b;
}

static void say(struct talk *t, unsigned code, unsigned id, unsigned type,
                const void *p, size_t n)
{
    struct bytes eap = eap_packet(code, id, type, p, n);
    struct bytes b = framed(t, &eap, code == RESPONSE);
    send_cut(t, &b, b.n);
}

/* Part [at, at + n) of a TLS message of that method. */
static struct bytes part_of(const struct bytes *m, unsigned flags, size_t at,
                            size_t n)
{
    struct bytes b = {.n = 0};
    u8(&b, flags);
    if (flags & L) {
        u16(&b, 0);
        u16(&b, (unsigned)m->n);
    }
    add(&b, m->v + at, n);
    return b;
}

static void tls(struct talk *t, unsigned code, unsigned id, unsigned type,
                const struct bytes *m, unsigned flags, size_t at, size_t n)
{
    struct bytes b = part_of(m, flags, at, n);
    say(t, code, id, type, b.v, b.n);
}

static void tls_whole(struct talk *t, unsigned code, unsigned id, unsigned type,
                      const struct bytes *m)
{
    tls(t, code, id, type, m, 0, 0, m->n);
}

static void start(struct talk *t, unsigned id, unsigned type)
{
    say(t, REQUEST, id, type, "\x20", 1);
}

static void identity(struct talk *t, unsigned id)
{
    say(t, RESPONSE, id, IDENTITY, "alice", 5);
}

/* A ClientHello for www.example.test, `more` bytes longer than it must be. */
static struct bytes client_hello(size_t more)
{
    static const char name[] = "www.example.test";
    const size_t n = sizeof name - 1;
    struct bytes x = {.n = 0};
    u16(&x, 0);
    u16(&x, (unsigned)n + 5);
    u16(&x, (unsigned)n + 3);
    u8(&x, 0);
    u16(&x, (unsigned)n);
    add(&x, name, n);
    u16(&x, 21); /* padding */
    u16(&x, (unsigned)more);
    for (size_t i = 0; i < more; i++) {
        u8(&x, 0);
    }
    struct bytes b = {.n = 0};
    u16(&b, 0x0303);
    for (unsigned i = 0; i < 32; i++) {
        u8(&b, i);
    }
    u8(&b, 0);
    u16(&b, 4);
    u16(&b, 0xc02f);
    u16(&b, 0x009c);
    u16(&b, 0x0100);
    u16(&b, (unsigned)x.n);
    add(&b, x.v, x.n);
    struct bytes r = {.n = 0};
    u8(&r, 22);
    u16(&r, 0x0301);
    u16(&r, (unsigned)b.n + 4);
    u8(&r, 1);
    u24(&r, (unsigned)b.n);
    add(&r, b.v, b.n);
    return r;
}

static struct bytes alert(unsigned code)
{
    struct bytes b = {.n = 0};
    add(&b, "\x15\x03\x03\x00\x02\x02", 6);
    u8(&b, code);
    return b;
}

static struct bytes server_hello(void)
{
    struct bytes b = {.n = 0};
    add(&b, "\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03", 11);
    for (unsigned i = 0; i < 32; i++) {
        u8(&b, 200 + i);
    }
    add(&b, "\x00\xc0\x2f\x00", 4);
    return b;
}

static void end(struct talk *t, bool success, unsigned id)
{
    say(t, success ? SUCCESS : FAILURE, id, 0, "", 0);
}

/* ---- tests ---- */

/* A hello in three fragments, the second of them twice, then an alert. */
static void fragmented(struct talk *t)
{
    struct bytes hello = client_hello(300);
    struct bytes refusal = alert(40);
    identity(t, 1);
    start(t, 2, EAP_TLS);
    tls(t, RESPONSE, 2, EAP_TLS, &hello, L | M, 0, 100);
    say(t, REQUEST, 3, EAP_TLS, "\0", 1);
    struct bytes p = part_of(&hello, M, 100, 200);
    struct bytes eap = eap_packet(RESPONSE, 3, EAP_TLS, p.v, p.n);
    struct bytes b = framed(t, &eap, true);
    send_cut(t, &b, b.n);
    send_cut(t, &b, b.n);
    say(t, REQUEST, 4, EAP_TLS, "\0", 1);
    tls(t, RESPONSE, 4, EAP_TLS, &hello, 0, 300, hello.n - 300);
    tls_whole(t, REQUEST, 5, EAP_TLS, &refusal);
    say(t, RESPONSE, 5, EAP_TLS, "\0", 1);
    end(t, false, 5);
}

static void check_fragmented(const struct talk *t)
{
    cr_assert_eq(t->seen.n, 1);
    cr_expect_eq(t->seen.r[0].outcome, OUTCOME_FAILURE);
    cr_expect_eq(t->seen.r[0].by, BY_SERVER);
    cr_expect_eq(t->seen.r[0].how, HOW_ALERT);
    cr_expect_eq(t->seen.r[0].alert, 40);
    cr_expect_eq(t->seen.r[0].blind, 0);
    cr_expect_eq(t->seen.r[0].stage, STAGE_CLIENT_HELLO);
    cr_expect_eq(t->seen.r[0].repeats[SIDE_CLIENT], 1);
    cr_expect_str_eq(t->seen.r[0].carrier, "eap-tls");
    cr_expect_str_eq(t->seen.r[0].sni, "www.example.test");
}

Test(eap, fragments_on_a_lan)
{
    struct talk t;
    begin(&t);
    fragmented(&t);
    finish(&t);
    check_fragmented(&t);
    cr_expect_eq(t.seen.r[0].transport, TRANSPORT_LINK);
    cr_expect_eq(t.seen.r[0].ip_version, 0);
    cr_expect_arr_eq(t.seen.r[0].addr[SIDE_CLIENT].ip, supplicant, 6);
    cr_expect_arr_eq(t.seen.r[0].addr[SIDE_SERVER].ip, authenticator, 6);
    cr_expect_str_eq(t.seen.r[0].asked,
                     "identity alice, supplicant 02:00:00:00:00:01, "
                     "authenticator 02:00:00:00:00:02");
}

Test(eap, other_links)
{
    static const struct {
        int link;
        bool to_group;
    } cases[] = {{LINK_ETHERNET, true}, {LINK_SLL, false}, {LINK_WIFI, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct talk t;
        begin(&t);
        t.link = cases[i].link;
        t.to_group = cases[i].to_group;
        fragmented(&t);
        finish(&t);
        check_fragmented(&t);
        cr_expect_arr_eq(t.seen.r[0].addr[SIDE_CLIENT].ip, supplicant, 6);
        cr_expect_arr_eq(t.seen.r[0].addr[SIDE_SERVER].ip, authenticator, 6);
    }
}

Test(eap, fragments_over_radius)
{
    struct talk t;
    begin(&t);
    t.radius = true;
    t.attribute_max = 40; /* a packet takes several attributes */
    fragmented(&t);
    finish(&t);
    check_fragmented(&t);
    cr_expect_eq(t.seen.r[0].transport, TRANSPORT_UDP);
    cr_expect_eq(t.seen.r[0].ip_version, 4);
    cr_expect_eq(t.seen.r[0].addr[SIDE_SERVER].port, 1812);
    cr_expect_str_eq(t.seen.r[0].asked,
                     "identity alice, station 02-00-00-00-00-01");
}

Test(eap, failure_without_alert)
{
    struct talk t;
    struct bytes hello = client_hello(0);
    begin(&t);
    identity(&t, 1);
    start(&t, 2, TTLS);
    tls_whole(&t, RESPONSE, 2, TTLS, &hello);
    end(&t, false, 2);
    finish(&t);
    cr_assert_eq(t.seen.n, 1);
    cr_expect_eq(t.seen.r[0].outcome, OUTCOME_FAILURE);
    cr_expect_eq(t.seen.r[0].by, BY_SERVER);
    cr_expect_eq(t.seen.r[0].how, HOW_CLOSE);
    cr_expect_str_eq(t.seen.r[0].carrier, "eap-ttls");
}

/* Anybody on a LAN can send one; the two go on, and what ends it is the alert.
 */
Test(eap, a_failure_that_ended_nothing)
{
    struct bytes hello = client_hello(0);
    struct bytes flight = server_hello();
    struct bytes refusal = alert(49);
    struct bytes key = {.n = 0};
    add(&key, "\x16\x03\x03\x00\x04\x10\x00\x00\x00", 9);
    for (unsigned i = 0; i < 2; i++) {
        struct talk t;
        begin(&t);
        identity(&t, 1);
        start(&t, 2, PEAP);
        tls_whole(&t, RESPONSE, 2, PEAP, &hello);
        end(&t, false, 2);
        t.now += TICK_SEC / 2;
        tls_whole(&t, REQUEST, 3, PEAP, &flight);
        if (i) { /* also out of turn */
            end(&t, false, 3);
        }
        tls_whole(&t, RESPONSE, 3, PEAP, &key);
        tls_whole(&t, REQUEST, 4, PEAP, &refusal);
        finish(&t);
        cr_assert_eq(t.seen.n, 1);
        cr_expect_eq(t.seen.r[0].how, HOW_ALERT);
        cr_expect_eq(t.seen.r[0].alert, 49);
    }
}

/* A server proposes one method, the supplicant wants the other: that is how
 * they agree. */
Test(eap, nak_is_no_failure)
{
    struct talk t;
    struct bytes hello = client_hello(0);
    struct bytes unknown_ca = alert(48);
    struct bytes flight = server_hello();
    begin(&t);
    identity(&t, 1);
    start(&t, 2, EAP_TLS);
    say(&t, RESPONSE, 2, NAK, "\x19", 1);
    start(&t, 3, PEAP);
    tls_whole(&t, RESPONSE, 3, PEAP, &hello);
    tls_whole(&t, REQUEST, 4, PEAP, &flight);
    tls_whole(&t, RESPONSE, 4, PEAP, &unknown_ca);
    end(&t, false, 4);
    finish(&t);
    cr_assert_eq(t.seen.n, 1);
    cr_expect_str_eq(t.seen.r[0].carrier, "peap");
    cr_expect_eq(t.seen.r[0].by, BY_CLIENT);
    cr_expect_eq(t.seen.r[0].alert, 48);
}

Test(eap, nak_that_ends_it)
{
    static const struct {
        uint8_t wish;
        enum ended_by by;
        const char *note;
    } cases[] = {
        {PEAP, BY_SERVER, "Nak of EAP-TLS, for PEAP"},
        {0, BY_CLIENT, "Nak of EAP-TLS"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct talk t;
        begin(&t);
        t.radius = i == 0;
        identity(&t, 1);
        start(&t, 2, EAP_TLS);
        say(&t, RESPONSE, 2, NAK, &cases[i].wish, 1);
        end(&t, false, 2);
        finish(&t);
        cr_assert_eq(t.seen.n, 1);
        cr_expect_eq(t.seen.r[0].outcome, OUTCOME_FAILURE);
        cr_expect_eq(t.seen.r[0].by, cases[i].by);
        cr_expect_eq(t.seen.r[0].how, HOW_PLAINTEXT);
        cr_expect_eq(t.seen.r[0].stage, STAGE_TUNNEL);
        cr_expect_str_eq(t.seen.r[0].cause, "starttls_refused");
        cr_expect_str_eq(t.seen.r[0].note, cases[i].note);
    }
}

Test(eap, other_methods_are_not_ours)
{
    struct talk t;
    begin(&t);
    identity(&t, 1);
    say(&t, REQUEST, 2, MD5, "0123456789abcdef", 16);
    say(&t, RESPONSE, 2, MD5, "0123456789abcdef", 16);
    end(&t, false, 2);
    /* TLS was proposed, something else agreed upon, and that failed. */
    identity(&t, 3);
    start(&t, 4, EAP_TLS);
    say(&t, RESPONSE, 4, NAK, "\x04", 1);
    say(&t, REQUEST, 5, MD5, "0123456789abcdef", 16);
    say(&t, RESPONSE, 5, MD5, "0123456789abcdef", 16);
    end(&t, false, 5);
    finish(&t);
    cr_expect_eq(t.seen.n, 0);
}

Test(eap, silence)
{
    struct talk t;
    struct bytes hello = client_hello(0);
    struct bytes flight = server_hello();
    begin(&t);
    identity(&t, 1);
    start(&t, 2, PEAP);
    tls_whole(&t, RESPONSE, 2, PEAP, &hello);
    for (unsigned i = 0; i < 4; i++) { /* the same Request again and again */
        tls_whole(&t, REQUEST, 3, PEAP, &flight);
        t.now += 3 * TICK_SEC;
    }
    t.now += 200 * TICK_SEC;
    say(&t, REQUEST, 9, IDENTITY, "", 0);
    finish(&t);
    cr_assert_eq(t.seen.n, 1);
    cr_expect_eq(t.seen.r[0].outcome, OUTCOME_FAILURE);
    cr_expect_eq(t.seen.r[0].by, BY_NOBODY);
    cr_expect_eq(t.seen.r[0].how, HOW_TIMEOUT);
    cr_expect_eq(t.seen.r[0].repeats[SIDE_SERVER], 3);
}

/* A new log-in between the same two ends the one before it. */
Test(eap, starts_anew)
{
    struct talk t;
    struct bytes hello = client_hello(0);
    struct bytes flight = server_hello();
    struct bytes refusal = alert(70);
    begin(&t);
    identity(&t, 1);
    start(&t, 2, PEAP);
    tls_whole(&t, RESPONSE, 2, PEAP, &hello);
    tls_whole(&t, REQUEST, 3, PEAP, &flight);
    t.now += TICK_SEC;
    identity(&t, 4);
    start(&t, 5, PEAP);
    tls_whole(&t, RESPONSE, 5, PEAP, &hello);
    tls_whole(&t, REQUEST, 6, PEAP, &refusal);
    end(&t, false, 6);
    finish(&t);
    cr_assert_eq(t.seen.n, 2);
    cr_expect_eq(t.seen.r[0].stage, STAGE_SERVER_HELLO);
    cr_expect_eq(t.seen.r[0].how, HOW_TIMEOUT);
    cr_expect_eq(t.seen.r[1].alert, 70);
}

/* Nobody is blamed for what the capture lacks. */
Test(eap, a_packet_is_missing)
{
    struct talk t;
    struct bytes hello = client_hello(300);
    begin(&t);
    identity(&t, 1);
    start(&t, 2, EAP_TLS);
    tls(&t, RESPONSE, 2, EAP_TLS, &hello, L | M, 0, 100);
    say(&t, REQUEST, 3, EAP_TLS, "\0", 1);
    say(&t, REQUEST, 4, EAP_TLS, "\0", 1); /* where is the Response to 3? */
    tls(&t, RESPONSE, 4, EAP_TLS, &hello, 0, 300, hello.n - 300);
    end(&t, false, 4);
    finish(&t);
    for (unsigned i = 0; i < t.seen.n; i++) {
        cr_expect_eq(t.seen.r[i].outcome, OUTCOME_UNKNOWN);
        cr_expect(t.seen.r[i].blind & BLIND_GAP);
    }
}

/* Two log-ins over the same ports, in turns; one changes its port. */
Test(eap, radius_conversations_apart)
{
    struct talk a;
    struct bytes hello = client_hello(0);
    struct bytes no[2] = {alert(70), alert(40)};
    begin(&a);
    a.radius = true;
    struct talk b = a;
    b.user = "bob";
    b.radius_id = 100;
    b.authentic = 1000;
    b.state = 100;
    struct talk *both[2] = {&a, &b};
    for (unsigned step = 0; step < 5; step++) {
        for (unsigned i = 0; i < 2; i++) {
            struct talk *t = both[i];
            t->frame = a.frame > b.frame ? a.frame : b.frame;
            t->now = a.now > b.now ? a.now : b.now;
            if (step == 0) {
                uint8_t state = t->state;
                t->state = 0;
                identity(t, 1);
                t->state = state;
            } else if (step == 1) {
                start(t, 2, PEAP);
            } else if (step == 2) {
                t->port = (uint16_t)(t->port + i);
                tls_whole(t, RESPONSE, 2, PEAP, &hello);
            } else if (step == 3) {
                tls_whole(t, REQUEST, 3, PEAP, &no[i]);
            } else {
                say(t, RESPONSE, 3, PEAP, "\0", 1);
            }
        }
    }
    /* A reject without an EAP packet in it. */
    struct bytes none = {.n = 0};
    struct bytes frame = {.n = 0};
    radius(&frame, &a, 3, &none);
    send_cut(&a, &frame, frame.n);
    pipeline_finish(a.p);
    cr_assert_eq(b.seen.n, 0);
    cr_assert_eq(a.seen.n, 2);
    cr_expect_eq(a.seen.r[0].alert, 70);
    cr_expect_eq(a.seen.r[1].alert, 40);
    cr_expect_eq(a.seen.r[1].addr[SIDE_CLIENT].port, 40000);
    pipeline_free(a.p);
}

Test(eap, reject_without_eap)
{
    struct talk t;
    struct bytes hello = client_hello(0);
    struct bytes none = {.n = 0};
    struct bytes frame = {.n = 0};
    begin(&t);
    t.radius = true;
    identity(&t, 1);
    start(&t, 2, PEAP);
    tls_whole(&t, RESPONSE, 2, PEAP, &hello);
    radius(&frame, &t, 3, &none);
    send_cut(&t, &frame, frame.n);
    finish(&t);
    cr_assert_eq(t.seen.n, 1);
    cr_expect_eq(t.seen.r[0].how, HOW_CLOSE);
    cr_expect_eq(t.seen.r[0].by, BY_SERVER);
    cr_expect_str_eq(t.seen.r[0].note, "Access-Reject");
}

/* Every packet cut at every length, and with every byte of its first 90 wrong
 * in turn: nothing may be read beyond the end. */
Test(eap, hostile_bytes)
{
    struct bytes hello = client_hello(20);
    for (unsigned kind = 0; kind < 2; kind++) {
        struct talk t;
        begin(&t);
        t.radius = kind == 1;
        t.attribute_max = 30;
        struct bytes p = part_of(&hello, L, 0, hello.n);
        struct bytes eap = eap_packet(RESPONSE, 2, EAP_TLS, p.v, p.n);
        struct bytes b = framed(&t, &eap, true);
        for (size_t n = 0; n <= b.n; n++) {
            send_cut(&t, &b, n);
        }
        for (size_t i = 0; i < b.n && i < 90; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                struct bytes wrong = b;
                wrong.v[i] ^= (uint8_t)(1u << bit);
                send_cut(&t, &wrong, wrong.n);
                if (t.seen.n > SEEN_MAX / 2) {
                    t.seen.n = 0;
                }
            }
        }
        t.seen.n = 0;
        pipeline_free(t.p);
    }
}

/* Lengths that lie: of the EAP packet, of an attribute, of the TLS message. */
Test(eap, lying_lengths)
{
    struct talk t;
    struct bytes hello = client_hello(0);
    begin(&t);
    identity(&t, 1);
    start(&t, 2, EAP_TLS);
    struct bytes p = {.n = 0};
    add(&p, "\x80\xff\xff\xff\xff", 5); /* a message of 4 GiB */
    add(&p, hello.v, hello.n);
    struct bytes eap = eap_packet(RESPONSE, 2, EAP_TLS, p.v, p.n);
    eap.v[2] = 0xff; /* longer than its frame: not EAP */
    struct bytes b = framed(&t, &eap, true);
    send_cut(&t, &b, b.n);
    eap.v[2] = 0;
    b = framed(&t, &eap, true);
    send_cut(&t, &b, b.n);
    end(&t, false, 2);
    finish(&t);
    cr_assert_eq(t.seen.n, 1);
    cr_expect_eq(t.seen.r[0].how, HOW_CLOSE);
    cr_expect_str_eq(t.seen.r[0].sni, "www.example.test");
}

/* ---- both ways of one log-in ---- */

/* The supplicant's hello by EAPOL, and by RADIUS the same one. */
static void refused_on_both_ways(struct talk *t)
{
    struct bytes hello = client_hello(0);
    struct bytes refusal = alert(40);
    for (unsigned way = 0; way < 2; way++) {
        t->radius = way == 1;
        identity(t, 1);
        start(t, 2, EAP_TLS);
        tls_whole(t, RESPONSE, 2, EAP_TLS, &hello);
        tls_whole(t, REQUEST, 3, EAP_TLS, &refusal);
        say(t, RESPONSE, 3, EAP_TLS, "\0", 1);
        end(t, false, 3);
    }
}

Test(eap, both_ways_of_a_login_count_once)
{
    struct talk t;
    begin(&t);
    refused_on_both_ways(&t);
    finish(&t);
    cr_assert_eq(t.seen.n, 1);
    cr_expect_eq(t.seen.r[0].alert, 40);
}

/* ---- the clock leaps ---- */

static void check_leap(bool radius)
{
    struct talk t;
    struct bytes hello = client_hello(300);
    struct bytes refusal = alert(40);
    begin(&t);
    t.radius = radius;
    identity(&t, 1);
    start(&t, 2, EAP_TLS);
    tls(&t, RESPONSE, 2, EAP_TLS, &hello, L | M, 0, 100);
    t.now += 86400 * TICK_SEC; /* a machine was asleep, or its clock was set */
    say(&t, REQUEST, 3, EAP_TLS, "\0", 1);
    tls(&t, RESPONSE, 3, EAP_TLS, &hello, 0, 100, hello.n - 100);
    tls_whole(&t, REQUEST, 4, EAP_TLS, &refusal);
    say(&t, RESPONSE, 4, EAP_TLS, "\0", 1);
    end(&t, false, 4);
    finish(&t);
    cr_assert_eq(t.seen.n, 1);
    cr_expect_eq(t.seen.r[0].how, HOW_ALERT);
    cr_expect_eq(t.seen.r[0].alert, 40);
}

Test(eap, goes_on_when_the_clock_leaps)
{
    check_leap(false);
    check_leap(true);
}
