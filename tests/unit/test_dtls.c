/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS: records and handshake fragments in any order, repeated, overlapping and
 * lying; the cookie exchange; epochs; connection IDs. The messages are put
 * together here by RFC 6347 section 4.2.2 and RFC 9147 section 4.
 */
#include "dissectors/dtls.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ROOM 4096u

/* ---- writing ---- */

struct out {
    uint8_t b[ROOM];
    size_t n;
};

static void u8(struct out *o, unsigned v)
{
    cr_assert_lt(o->n, sizeof o->b);
    o->b[o->n++] = (uint8_t)v;
}

static void u16(struct out *o, unsigned v)
{
    u8(o, v >> 8);
    u8(o, v & 0xff);
}

static void u24(struct out *o, unsigned v)
{
    u8(o, v >> 16);
    u16(o, v & 0xffff);
}

static void bytes(struct out *o, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u8(o, p[i]);
    }
}

static void record(struct out *o, unsigned type, unsigned epoch,
                   const uint8_t *p, size_t n)
{
    u8(o, type);
    u16(o, 0xfefd);
    u16(o, epoch);
    bytes(o, (const uint8_t[]){0, 0, 0, 0, 0, 9}, 6);
    u16(o, (unsigned)n);
    bytes(o, p, n);
}

/* A handshake record with one fragment [at, at + n) of a message. */
static void fragment(struct out *o, unsigned type, unsigned seq,
                     const struct out *body, size_t at, size_t n)
{
    struct out f = {.n = 0};
    u8(&f, type);
    u24(&f, (unsigned)body->n);
    u16(&f, seq);
    u24(&f, (unsigned)at);
    u24(&f, (unsigned)n);
    bytes(&f, body->b + at, n);
    record(o, 22, 0, f.b, f.n);
}

static void whole(struct out *o, unsigned type, unsigned seq,
                  const struct out *body)
{
    fragment(o, type, seq, body, 0, body->n);
}

/* A ClientHello for two suites, with a cookie and perhaps connection_id. */
static struct out client_hello(unsigned cookie, int cid)
{
    struct out o = {.n = 0};
    u16(&o, 0xfefd);
    for (unsigned i = 0; i < 32; i++) {
        u8(&o, i);
    }
    u8(&o, 0); /* session id */
    u8(&o, cookie);
    for (unsigned i = 0; i < cookie; i++) {
        u8(&o, 0xc0 + i);
    }
    u16(&o, 4);
    u16(&o, 0xc02b);
    u16(&o, 0xc02f);
    u16(&o, 0x0100); /* compression: null */
    if (cid >= 0) {
        u16(&o, 5u + (unsigned)cid);
        u16(&o, 54);
        u16(&o, 1u + (unsigned)cid);
        u8(&o, (unsigned)cid);
        for (int i = 0; i < cid; i++) {
            u8(&o, 0xdd);
        }
    }
    return o;
}

static struct out server_hello(unsigned version, int cid)
{
    struct out o = {.n = 0};
    u16(&o, 0xfefd);
    for (unsigned i = 0; i < 32; i++) {
        u8(&o, 0x80 + i);
    }
    u8(&o, 0);
    u16(&o, version == 0xfefc ? 0x1301 : 0xc02f);
    u8(&o, 0);
    u16(&o,
        (version == 0xfefc ? 6u : 0u) + (cid >= 0 ? 5u + (unsigned)cid : 0));
    if (version == 0xfefc) {
        u16(&o, 43);
        u16(&o, 2);
        u16(&o, version);
    }
    if (cid >= 0) {
        u16(&o, 54);
        u16(&o, 1u + (unsigned)cid);
        u8(&o, (unsigned)cid);
        for (int i = 0; i < cid; i++) {
            u8(&o, 0xee);
        }
    }
    return o;
}

static struct out filler(size_t n)
{
    struct out o = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        u8(&o, (unsigned)(i * 7 + 1) & 0xff);
    }
    return o;
}

/* ---- a conversation ---- */

struct talk {
    struct dtls_state t;
    struct handshake hs;
    uint64_t frame;
};

static void begin(struct talk *k)
{
    *k = (struct talk){.frame = 0};
    hs_init(&k->hs, 256 * 1024);
    k->hs.flavour = FLAVOUR_DTLS;
}

static bool say(struct talk *k, enum side side, const struct out *o)
{
    k->frame++;
    return dtls_feed(&k->t, &k->hs, side, span_of(o->b, o->n), (uint32_t)o->n,
                     (tick_t)k->frame * TICK_MSEC, k->frame);
}

static void end(struct talk *k)
{
    dtls_fini(&k->t);
    hs_free(&k->hs);
}

static void say_hellos(struct talk *k, unsigned version, int cid)
{
    struct out o = {.n = 0};
    struct out ch = client_hello(0, cid);
    struct out sh = server_hello(version, cid < 0 ? -1 : cid + 1);
    whole(&o, 1, 0, &ch);
    say(k, SIDE_CLIENT, &o);
    o.n = 0;
    whole(&o, 2, 0, &sh);
    say(k, SIDE_SERVER, &o);
}

/* ---- probing ---- */

Test(dtls, probe)
{
    struct out ch = client_hello(0, -1);
    struct out sh = server_hello(0xfefd, -1);
    struct out o = {.n = 0};
    whole(&o, 1, 0, &ch);
    cr_assert_eq(dtls_probe(span_of(o.b, o.n)), DTLS_PROBE_CLIENT_HELLO);
    /* fewer than a message header's bytes never count */
    for (size_t n = 0; n < 25; n++) {
        cr_assert_eq(dtls_probe(span_of(o.b, n)), DTLS_PROBE_NO);
    }
    o.b[0] = 0; /* STUN */
    cr_assert_eq(dtls_probe(span_of(o.b, o.n)), DTLS_PROBE_NO);
    o.b[0] = 22;
    o.b[4] = 1; /* epoch 1: encrypted */
    cr_assert_eq(dtls_probe(span_of(o.b, o.n)), DTLS_PROBE_NO);
    o.n = 0;
    whole(&o, 2, 1, &sh);
    cr_assert_eq(dtls_probe(span_of(o.b, o.n)), DTLS_PROBE_SERVER);
    o.n = 0;
    whole(&o, 11, 2, &sh);
    cr_assert_eq(dtls_probe(span_of(o.b, o.n)), DTLS_PROBE_NO);
}

/* ---- fragments ---- */

Test(dtls, fragments_in_any_order_repeated_and_overlapping)
{
    struct out cert = filler(900);
    srand(1);
    for (int round = 0; round < 200; round++) {
        struct talk k;
        begin(&k);
        say_hellos(&k, 0xfefd, -1);
        /* Random pieces until all is there; they overlap at will. */
        bool have[900] = {false};
        size_t n_have = 0;
        while (n_have < cert.n) {
            size_t at = (size_t)rand() % cert.n;
            size_t n = 1 + (size_t)rand() % 300;
            n = n > cert.n - at ? cert.n - at : n;
            struct out o = {.n = 0};
            fragment(&o, 11, 1, &cert, at, n);
            cr_assert_null(hs_find(&k.hs, HS_CERTIFICATE, SIDE_SERVER));
            say(&k, SIDE_SERVER, &o);
            for (size_t i = at; i < at + n; i++) {
                n_have += !have[i];
                have[i] = true;
            }
        }
        const struct hs_event *e = hs_find(&k.hs, HS_CERTIFICATE, SIDE_SERVER);
        cr_assert_not_null(e);
        cr_assert_eq(e->len, 912);
        cr_assert_eq(e->frame, k.frame);
        cr_assert_eq(hs_count(&k.hs, HS_CERTIFICATE, SIDE_SERVER), 1);
        struct span raw = k.hs.raw[HS_RAW_SERVER_CERTIFICATE];
        cr_assert(span_eq(raw, span_of(cert.b, cert.n)));
        cr_assert_not(k.hs.raw_cut[HS_RAW_SERVER_CERTIFICATE]);
        cr_assert_eq(k.hs.dir[SIDE_SERVER].conflicts, 0);
        end(&k);
    }
}

Test(dtls, repeated_messages_are_counted_not_noted)
{
    struct talk k;
    struct out ch = client_hello(0, -1), o = {.n = 0};
    begin(&k);
    whole(&o, 1, 0, &ch);
    cr_assert(say(&k, SIDE_CLIENT, &o));
    cr_assert_not(say(&k, SIDE_CLIENT, &o));
    cr_assert_not(say(&k, SIDE_CLIENT, &o));
    cr_assert_eq(hs_count(&k.hs, HS_CLIENT_HELLO, SIDE_CLIENT), 1);
    cr_assert_eq(k.hs.dir[SIDE_CLIENT].retransmits, 2);
    end(&k);
}

Test(dtls, messages_in_one_record_and_empty_messages)
{
    struct talk k;
    begin(&k);
    say_hellos(&k, 0xfefd, -1);
    struct out o = {.n = 0}, r = {.n = 0}, ske = filler(20);
    u8(&r, 12);
    u24(&r, 20);
    u16(&r, 1);
    u24(&r, 0);
    u24(&r, 20);
    bytes(&r, ske.b, 20);
    u8(&r, 14); /* ServerHelloDone has no body */
    u24(&r, 0);
    u16(&r, 2);
    u24(&r, 0);
    u24(&r, 0);
    record(&o, 22, 0, r.b, r.n);
    say(&k, SIDE_SERVER, &o);
    cr_assert_not_null(hs_find(&k.hs, HS_SERVER_KEY_EXCHANGE, SIDE_SERVER));
    cr_assert_not_null(hs_find(&k.hs, HS_SERVER_HELLO_DONE, SIDE_SERVER));
    end(&k);
}

Test(dtls, lying_lengths_do_nothing)
{
    struct out cert = filler(100);
    const unsigned lies[][3] = {/* total, offset, length */
                                {100, 90, 20},      {100, 101, 0},
                                {100, 0xffffff, 2}, {100, 0, 0xffffff},
                                {0xffffff, 0, 50},  {50, 40, 20}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct talk k;
        struct out o = {.n = 0}, r = {.n = 0};
        begin(&k);
        say_hellos(&k, 0xfefd, -1);
        u8(&r, 11);
        u24(&r, lies[i][0]);
        u16(&r, 1);
        u24(&r, lies[i][1]);
        u24(&r, lies[i][2]);
        bytes(&r, cert.b, lies[i][2] < 100 ? lies[i][2] : 50);
        record(&o, 22, 0, r.b, r.n);
        unsigned before = k.hs.events_n;
        cr_assert_not(say(&k, SIDE_SERVER, &o), "lie %zu", i);
        cr_assert_eq(k.hs.events_n, before);
        cr_assert_lt(dtls_bytes(&k.t), 4096);
        end(&k);
    }
}

Test(dtls, fragments_that_disagree_about_the_length_do_not_mix)
{
    struct talk k;
    struct out a = filler(100), b = filler(60), o = {.n = 0};
    begin(&k);
    say_hellos(&k, 0xfefd, -1);
    fragment(&o, 11, 1, &b, 0, 50);
    say(&k, SIDE_SERVER, &o);
    o.n = 0;
    fragment(&o, 11, 1, &a, 0, 50);
    fragment(&o, 11, 1, &a, 50, 50);
    say(&k, SIDE_SERVER, &o);
    const struct hs_event *e = hs_find(&k.hs, HS_CERTIFICATE, SIDE_SERVER);
    cr_assert_not_null(e);
    cr_assert_eq(e->len, 112);
    end(&k);
}

Test(dtls, memory_is_bounded)
{
    struct talk k;
    struct out part = filler(1);
    begin(&k);
    say_hellos(&k, 0xfefd, -1);
    for (unsigned i = 0; i < 20000; i++) {
        struct out o = {.n = 0}, r = {.n = 0};
        u8(&r, 11);
        u24(&r, 60000 + i % 7);
        u16(&r, i % 40);
        u24(&r, (i * 977) % 59000);
        u24(&r, 1);
        bytes(&r, part.b, 1);
        record(&o, 22, 0, r.b, r.n);
        say(&k, SIDE_SERVER, &o);
        cr_assert_lt(dtls_bytes(&k.t), 512 * 1024);
    }
    end(&k);
}

Test(dtls, what_was_never_completed_is_handed_on_at_the_end)
{
    struct talk k;
    struct out cert = filler(300), o = {.n = 0};
    begin(&k);
    say_hellos(&k, 0xfefd, -1);
    fragment(&o, 11, 1, &cert, 0, 120);
    say(&k, SIDE_SERVER, &o);
    cr_assert_null(hs_find(&k.hs, HS_CERTIFICATE, SIDE_SERVER));
    dtls_flush(&k.t, &k.hs);
    cr_assert_not_null(hs_find(&k.hs, HS_CERTIFICATE, SIDE_SERVER));
    cr_assert_eq(k.hs.raw[HS_RAW_SERVER_CERTIFICATE].n, 120);
    cr_assert(k.hs.raw_cut[HS_RAW_SERVER_CERTIFICATE]);
    end(&k);
}

/* ---- the cookie exchange ---- */

Test(dtls, second_hello_with_cookie_is_the_same_attempt)
{
    struct talk k;
    struct out ch = client_hello(0, -1), ch2 = client_hello(20, -1);
    struct out sh = server_hello(0xfefd, -1), hvr = {.n = 0}, o = {.n = 0};
    u16(&hvr, 0xfeff);
    u8(&hvr, 20);
    bytes(&hvr, ch2.b + 36, 20);
    begin(&k);
    whole(&o, 1, 0, &ch);
    say(&k, SIDE_CLIENT, &o);
    o.n = 0;
    whole(&o, 3, 0, &hvr);
    say(&k, SIDE_SERVER, &o);
    o.n = 0;
    whole(&o, 1, 1, &ch2);
    say(&k, SIDE_CLIENT, &o);
    o.n = 0;
    whole(&o, 2, 1, &sh);
    say(&k, SIDE_SERVER, &o);
    cr_assert_not_null(hs_find(&k.hs, HS_HELLO_VERIFY_REQUEST, SIDE_SERVER));
    cr_assert_eq(hs_count(&k.hs, HS_CLIENT_HELLO, SIDE_CLIENT), 2);
    cr_assert_eq(k.hs.dir[SIDE_CLIENT].retransmits, 0);
    cr_assert(span_eq(k.hs.raw[HS_RAW_CLIENT_HELLO], span_of(ch.b, ch.n)));
    cr_assert_null(k.hs.raw[HS_RAW_CLIENT_HELLO2].p);
    cr_assert_eq(k.hs.version, 0xfefd);
    cr_assert_eq(k.hs.cipher, 0xc02f);
    cr_assert_eq(k.hs.hello_version, 0xfefd);
    end(&k);
}

Test(dtls, old_servers_use_message_seq_0_twice)
{
    struct talk k;
    struct out ch = client_hello(0, -1), sh = server_hello(0xfefd, -1);
    struct out hvr = {.n = 0}, o = {.n = 0};
    u16(&hvr, 0xfeff);
    u8(&hvr, 0);
    begin(&k);
    whole(&o, 1, 0, &ch);
    say(&k, SIDE_CLIENT, &o);
    o.n = 0;
    whole(&o, 3, 0, &hvr);
    whole(&o, 2, 0, &sh);
    say(&k, SIDE_SERVER, &o);
    cr_assert_not_null(hs_find(&k.hs, HS_SERVER_HELLO, SIDE_SERVER));
    end(&k);
}

/* ---- records ---- */

Test(dtls, epoch_1_is_the_finished_then_data)
{
    struct talk k;
    struct out o = {.n = 0}, sealed = filler(48);
    begin(&k);
    say_hellos(&k, 0xfefd, -1);
    record(&o, 20, 0, (const uint8_t[]){1}, 1);
    record(&o, 22, 1, sealed.b, 48);
    say(&k, SIDE_CLIENT, &o);
    cr_assert_not(dtls_established(&k.t));
    say(&k, SIDE_SERVER, &o);
    cr_assert(dtls_established(&k.t));
    cr_assert_not(dtls_settled(&k.t));
    cr_assert_eq(hs_find(&k.hs, HS_FINISHED, SIDE_CLIENT)->len, 48);
    cr_assert_eq(hs_count(&k.hs, HS_CHANGE_CIPHER_SPEC, SIDE_NONE), 2);
    say(&k, SIDE_SERVER, &o); /* the last flight again */
    cr_assert_eq(hs_count(&k.hs, HS_FINISHED, SIDE_SERVER), 1);
    cr_assert_eq(hs_count(&k.hs, HS_CHANGE_CIPHER_SPEC, SIDE_SERVER), 1);
    o.n = 0;
    record(&o, 23, 1, sealed.b, 40);
    say(&k, SIDE_CLIENT, &o);
    say(&k, SIDE_SERVER, &o);
    cr_assert(dtls_settled(&k.t));
    hs_conclude(&k.hs);
    end(&k);
}

Test(dtls, alerts_are_readable_in_epoch_0_only)
{
    struct talk k;
    struct out o = {.n = 0}, sealed = filler(40);
    begin(&k);
    say_hellos(&k, 0xfefd, -1);
    record(&o, 21, 0, (const uint8_t[]){2, 48}, 2);
    say(&k, SIDE_CLIENT, &o);
    o.n = 0;
    record(&o, 21, 1, sealed.b, 40);
    say(&k, SIDE_SERVER, &o);
    const struct hs_event *e = hs_find(&k.hs, HS_ALERT, SIDE_CLIENT);
    cr_assert_not_null(e);
    cr_assert_eq(e->aux, 2 << 8 | 48);
    cr_assert_null(hs_find(&k.hs, HS_ALERT, SIDE_SERVER));
    cr_assert_not_null(hs_find(&k.hs, HS_ENCRYPTED_ALERT, SIDE_SERVER));
    end(&k);
}

Test(dtls, other_protocols_on_the_port_are_passed_over)
{
    struct talk k;
    struct out stun = filler(60), rtp = filler(60), turn = filler(60);
    begin(&k);
    say_hellos(&k, 0xfefd, -1);
    unsigned before = k.hs.events_n;
    stun.b[0] = 1;
    rtp.b[0] = 0x80;
    turn.b[0] = 0x40;
    cr_assert_not(say(&k, SIDE_CLIENT, &stun));
    cr_assert_not(say(&k, SIDE_SERVER, &rtp));
    cr_assert_not(say(&k, SIDE_SERVER, &turn));
    cr_assert_eq(k.hs.events_n, before);
    end(&k);
}

Test(dtls, connection_id_of_dtls12)
{
    struct talk k;
    struct out o = {.n = 0}, sealed = filler(50);
    begin(&k);
    say_hellos(&k, 0xfefd, 4); /* the client wants 4 bytes, the server 5 */
    u8(&o, 25);
    u16(&o, 0xfefd);
    u16(&o, 1);
    bytes(&o, (const uint8_t[]){0, 0, 0, 0, 0, 0}, 6);
    bytes(&o, (const uint8_t[]){0xee, 0xee, 0xee, 0xee, 0xee}, 5);
    u16(&o, 50);
    bytes(&o, sealed.b, 50);
    say(&k, SIDE_CLIENT, &o);
    const struct hs_event *e = hs_find(&k.hs, HS_FINISHED, SIDE_CLIENT);
    cr_assert_not_null(e);
    cr_assert_eq(e->len, 50);
    end(&k);
}

Test(dtls, unified_header_with_and_without_its_parts)
{
    for (unsigned flags = 0; flags < 8; flags++) {
        struct talk k;
        struct out o = {.n = 0}, sealed = filler(61);
        begin(&k);
        say_hellos(&k, 0xfefc, 3);
        cr_assert_eq(k.hs.version, 0xfefc);
        for (unsigned i = 0; i < 2; i++) { /* two records where lengths are */
            u8(&o, 0x20 | flags << 2 | 2); /* epoch 2 */
            if (flags & 4) {
                bytes(&o, (const uint8_t[]){0xdd, 0xdd, 0xdd}, 3);
            }
            bytes(&o, (const uint8_t[]){7, 7}, flags & 2 ? 2 : 1);
            if (flags & 1) {
                u16(&o, 61);
            }
            bytes(&o, sealed.b, 61);
            if (!(flags & 1)) {
                break;
            }
        }
        say(&k, SIDE_SERVER, &o);
        const struct hs_event *e = hs_find(&k.hs, HS_PROTECTED, SIDE_SERVER);
        cr_assert_not_null(e, "flags %u", flags);
        cr_assert_eq(e->len, 61);
        cr_assert_eq(e->aux, HS_LEVEL_HANDSHAKE);
        cr_assert_eq(hs_count(&k.hs, HS_PROTECTED, SIDE_SERVER),
                     flags & 1 ? 2 : 1);
        end(&k);
    }
}

/* ---- how DTLS 1.3 ends: told by the sizes of records ---- */

static void sealed13(struct talk *k, enum side side, unsigned epoch, size_t n)
{
    struct out o = {.n = 0}, body = filler(n);
    u8(&o, 0x2c | epoch);
    u16(&o, 1);
    u16(&o, (unsigned)n);
    bytes(&o, body.b, n);
    say(k, side, &o);
    k->hs.dir[side].packets++;
}

/* A hello of suite 0x1301: Finished is 12 + 32 bytes, 1 of type, 16 of tag. */
static void flight13(struct talk *k)
{
    begin(k);
    k->hs.transport = TRANSPORT_UDP;
    say_hellos(k, 0xfefc, -1);
    k->hs.dir[SIDE_CLIENT].packets = 1;
    sealed13(k, SIDE_SERVER, 2, 40);
    sealed13(k, SIDE_SERVER, 2, 900);
    sealed13(k, SIDE_SERVER, 2, 61);
}

Test(dtls, dtls13_success)
{
    struct talk k;
    flight13(&k);
    sealed13(&k, SIDE_CLIENT, 2, 61);
    hs_conclude(&k.hs);
    cr_assert_eq(k.hs.end_state.outcome, OUTCOME_UNKNOWN);
    cr_assert_eq(k.hs.end_state.stage, STAGE_CLIENT_FINISHED);
    sealed13(&k, SIDE_SERVER, 3, 35); /* an ACK */
    hs_conclude(&k.hs);
    cr_assert_eq(k.hs.end_state.outcome, OUTCOME_SUCCESS);
    end(&k);
}

Test(dtls, dtls13_client_refuses)
{
    struct talk k;
    flight13(&k);
    sealed13(&k, SIDE_CLIENT, 2, 19); /* 2 + 1 + 16 */
    hs_conclude(&k.hs);
    cr_assert_eq(k.hs.end_state.outcome, OUTCOME_FAILURE);
    cr_assert_eq(k.hs.end_state.by, BY_CLIENT);
    cr_assert_eq(k.hs.end_state.how, HOW_ALERT);
    cr_assert(k.hs.end_state.alert_encrypted);
    cr_assert_eq(k.hs.end_state.stage, STAGE_SERVER_DONE);
    end(&k);
}

Test(dtls, dtls13_server_refuses_the_clients_certificate)
{
    struct talk k;
    flight13(&k);
    sealed13(&k, SIDE_CLIENT, 2, 700);
    sealed13(&k, SIDE_CLIENT, 2, 61);
    sealed13(&k, SIDE_SERVER, 3, 19);
    hs_conclude(&k.hs);
    cr_assert_eq(k.hs.end_state.outcome, OUTCOME_FAILURE);
    cr_assert_eq(k.hs.end_state.by, BY_SERVER);
    cr_assert(k.hs.end_state.rejected_after_finished);
    cr_assert(k.hs.end_state.client_certificate_sent_likely);
    end(&k);
}

/* Its Certificate holds none: 12 + 4 + 1 + 16 bytes (RFC 8446 section 4.4.2,
 * RFC 9147 section 5.2). */
Test(dtls, dtls13_server_misses_the_clients_certificate)
{
    struct talk k;
    flight13(&k);
    sealed13(&k, SIDE_CLIENT, 2, 33);
    sealed13(&k, SIDE_CLIENT, 2, 61);
    sealed13(&k, SIDE_SERVER, 3, 19);
    hs_conclude(&k.hs);
    const struct conclusion *c = &k.hs.end_state;
    cr_assert_eq(c->outcome, OUTCOME_FAILURE);
    cr_assert_eq(c->by, BY_SERVER);
    cr_assert(c->certificate_request_likely);
    cr_assert(c->client_certificate_empty_likely);
    cr_assert_not(c->client_certificate_sent_likely);
    end(&k);
}

/* Cut at every length, as a capture may cut them, and as the wire may. */
Test(dtls, truncation_at_every_length)
{
    struct out o = {.n = 0}, cert = filler(200), ch = client_hello(8, 4);
    whole(&o, 1, 0, &ch);
    fragment(&o, 11, 1, &cert, 50, 100);
    record(&o, 21, 0, (const uint8_t[]){1, 0}, 2);
    record(&o, 22, 1, cert.b, 60);
    for (size_t n = 0; n <= o.n; n++) {
        uint8_t *exact = malloc(n ? n : 1); /* so that ASan sees an overrun */
        memcpy(exact, o.b, n);
        for (int cut = 0; cut < 2; cut++) {
            struct talk k;
            begin(&k);
            dtls_feed(&k.t, &k.hs, SIDE_CLIENT, span_of(exact, n),
                      cut ? 1500 : (uint32_t)n, 1, 1);
            dtls_flush(&k.t, &k.hs);
            end(&k);
        }
        free(exact);
    }
}
