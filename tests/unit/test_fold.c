/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that wait in few bytes: messages and numbers come back as they
 * were, and every capture of pcaps/ gives the same handshakes when all
 * connections are folded between any two of its packets.
 */
#include "base/alike.h"
#include "capture/capture.h"
#include "session.h"
#include "tests/fuzz/fuzz.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- numbers ---- */

Test(fold, numbers_come_back)
{
    static const uint64_t v[] = {0,         1,         127,
                                 128,       16383,     16384,
                                 1u << 31,  INT64_MAX, (uint64_t)INT64_MAX + 1,
                                 UINT64_MAX};
    uint8_t room[2 * PACK_INT_MAX * (sizeof v / sizeof *v)];
    struct packer w = {room};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        pack_uint(&w, v[i]);
        pack_int(&w, (int64_t)v[i]);
    }
    struct cursor c = cursor_open(span_of(room, (size_t)(w.at - room)));
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        cr_expect_eq(unpack_uint(&c), v[i]);
        cr_expect_eq(unpack_int(&c), (int64_t)v[i]);
    }
    cr_expect(cursor_done(&c));
    w.at = room;
    pack_int(&w, -64);
    cr_expect_eq(w.at - room, 1, "small ones are short, also below zero");
}

/* ---- messages ---- */

#define LONGEST 40000u

struct folded {
    uint8_t bytes[ALIKE_MAX(LONGEST)];
    size_t n;
};

static size_t fold(struct alike *a, struct folded *f, struct span s,
                   uint64_t key)
{
    struct packer w = {f->bytes};
    alike_pack(a, &w, s, key);
    f->n = (size_t)(w.at - f->bytes);
    cr_assert_leq(f->n, ALIKE_MAX(s.n));
    return f->n;
}

static void expect_unfolded(struct alike *a, const struct folded *f,
                            struct span s)
{
    static uint8_t out[LONGEST + 1];
    struct cursor c = cursor_open(span_of(f->bytes, f->n));
    out[s.n] = 0x5a;
    alike_unpack(a, &c, out, s.n);
    cr_expect(cursor_done(&c));
    cr_expect_arr_eq(out, s.p, s.n);
    cr_expect_eq(out[s.n], 0x5a);
}

static void fill(uint8_t *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        p[i] = (uint8_t)(seed >> 16);
    }
}

Test(fold, messages_that_are_alike_take_what_differs)
{
    static uint8_t m[600];
    static struct folded first, second, third;
    struct alike *a = alike_new((size_t)8 << 20);
    fill(m, sizeof m, 1);
    size_t alone = fold(a, &first, span_of(m, sizeof m), 7);
    cr_expect_gt(alone, sizeof m, "nothing to compare it with");
    cr_expect_lt(fold(a, &second, span_of(m, sizeof m), 7), 16u);
    fill(m + 2, 32, 2); /* another random */
    m[599] ^= 1;
    cr_expect_lt(fold(a, &third, span_of(m, sizeof m), 7), 16u + 32u + 8u);
    expect_unfolded(a, &third, span_of(m, sizeof m));
    fill(m, sizeof m, 1);
    expect_unfolded(a, &second, span_of(m, sizeof m));
    expect_unfolded(a, &first, span_of(m, sizeof m));
    alike_free(a);
}

/* A model that was replaced stays for those that need it, and no longer. */
Test(fold, models_stay_as_long_as_they_are_needed)
{
    static uint8_t m[2][500];
    static struct folded f[2], other;
    struct alike *a = alike_new((size_t)8 << 20);
    fill(m[0], sizeof m[0], 1);
    fill(m[1], sizeof m[1], 2);
    fold(a, &other, span_of(m[0], sizeof m[0]), 7);
    size_t one = alike_bytes(a);
    fold(a, &f[0], span_of(m[0], sizeof m[0]), 7);
    fold(a, &f[1], span_of(m[1], sizeof m[1]), 7);
    cr_expect_eq(alike_bytes(a), 2 * one);
    expect_unfolded(a, &f[0], span_of(m[0], sizeof m[0]));
    cr_expect_eq(alike_bytes(a), one);
    expect_unfolded(a, &f[1], span_of(m[1], sizeof m[1]));
    expect_unfolded(a, &other, span_of(m[0], sizeof m[0]));
    /* nowhere */
    fold(a, &f[1], span_of(m[1], sizeof m[1]), 7);
    struct cursor c = cursor_open(span_of(f[1].bytes, f[1].n));
    alike_unpack(a, &c, NULL, sizeof m[1]);
    cr_expect(cursor_done(&c));
    alike_free(a);
}

Test(fold, messages_of_any_length)
{
    static uint8_t m[LONGEST];
    static struct folded f[2];
    struct alike *a = alike_new((size_t)8 << 20);
    for (size_t n = 0; n <= 70; n++) {
        for (unsigned same = 0; same < 5; same++) { /* every so manyth byte */
            fill(m, n, 3);
            fold(a, &f[0], span_of(m, n), n);
            for (size_t i = 0; i < n; i += same + 1) {
                m[i] ^= 0xff;
            }
            fold(a, &f[1], span_of(m, n), n);
            expect_unfolded(a, &f[1], span_of(m, n));
            fill(m, n, 3);
            expect_unfolded(a, &f[0], span_of(m, n));
        }
    }
    fill(m, LONGEST, 4); /* too long for a model */
    size_t before = alike_bytes(a);
    fold(a, &f[0], span_of(m, LONGEST), 1);
    cr_expect_eq(alike_bytes(a), before);
    expect_unfolded(a, &f[0], span_of(m, LONGEST));
    memset(m, 0, LONGEST); /* padding */
    cr_expect_lt(fold(a, &f[0], span_of(m, LONGEST), 1), 16u);
    expect_unfolded(a, &f[0], span_of(m, LONGEST));
    alike_free(a);
}

/* Whoever sends ever new messages fills no memory with models. */
Test(fold, models_are_bounded)
{
    static uint8_t m[30000];
    static struct folded f;
    struct alike *a = alike_new((size_t)8 << 20);
    for (unsigned i = 0; i < 1000; i++) {
        fill(m, sizeof m, i);
        fold(a, &f, span_of(m, sizeof m), i);
        cr_assert_leq(alike_bytes(a), (size_t)9 << 20);
    }
    alike_free(a);
}

/* Two programs that take turns keep a model each, whatever their keys. */
Test(fold, keys_do_not_push_each_other_out)
{
    static uint8_t m[600];
    static struct folded first, f[2];
    struct alike *a = alike_new((size_t)8 << 20);
    for (uint64_t other = 1; other < 3000; other++) {
        for (unsigned i = 0; i < 2; i++) {
            fill(m, sizeof m, i);
            fold(a, &first, span_of(m, sizeof m), i * other);
            expect_unfolded(a, &first, span_of(m, sizeof m));
        }
        for (unsigned i = 0; i < 2; i++) {
            fill(m, sizeof m, i);
            cr_assert_lt(fold(a, &f[i], span_of(m, sizeof m), i * other), 16u,
                         "with key %" PRIu64, other);
            expect_unfolded(a, &f[i], span_of(m, sizeof m));
        }
    }
    alike_free(a);
}

/* When all the room is taken by models that are needed they stay in use, and
 * new ones wait until there is room. */
Test(fold, models_that_are_needed_stay_in_use)
{
    static uint8_t m[10000];
    static struct folded first, held[2], f;
    struct span s = span_of(m, sizeof m);
    struct alike *a = alike_new(25000);
    for (unsigned i = 0; i < 2; i++) {
        fill(m, sizeof m, i);
        fold(a, &first, s, i);
        expect_unfolded(a, &first, s);
        cr_assert_lt(fold(a, &held[i], s, i), 16u);
    }
    size_t full = alike_bytes(a);
    fill(m, sizeof m, 2);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_gt(fold(a, &f, s, 2), sizeof m, "no room for its model");
        expect_unfolded(a, &f, s);
        cr_expect_eq(alike_bytes(a), full);
    }
    for (unsigned i = 0; i < 2; i++) {
        fill(m, sizeof m, i);
        cr_expect_lt(fold(a, &f, s, i), 16u, "model %u is of use", i);
        expect_unfolded(a, &f, s);
    }
    fill(m, sizeof m, 0);
    expect_unfolded(a, &held[0], s); /* nobody needs it any more */
    fill(m, sizeof m, 2);
    fold(a, &f, s, 2);
    expect_unfolded(a, &f, s);
    cr_expect_lt(fold(a, &f, s, 2), 16u, "there is room");
    expect_unfolded(a, &f, s);
    fill(m, sizeof m, 1);
    expect_unfolded(a, &held[1], s);
    alike_free(a);
}

/* ---- words ---- */

#define WORDS  64u
#define ORIGIN INT64_C(1700000000000000000)

static bool may_be_anything(const void *ctx, int64_t word)
{
    (void)ctx;
    (void)word;
    return true;
}

static bool is_not(const void *ctx, int64_t word)
{
    const int64_t *refused = ctx;
    return word != *refused;
}

static bool fold_words(struct alike *a, struct folded *f, const int64_t *v,
                       int64_t origin)
{
    const struct alike_words s = {
        .v = v, .n = WORDS, .origin = origin, .may = may_be_anything};
    struct packer w = {f->bytes};
    bool ok = alike_pack_words(a, &w, &s, 5);
    f->n = (size_t)(w.at - f->bytes);
    cr_assert_leq(f->n, ALIKE_WORDS_BYTES_MAX(WORDS));
    return ok;
}

static void expect_unfolded_words(struct alike *a, const struct folded *f,
                                  const int64_t *v, int64_t origin)
{
    int64_t out[WORDS + 1];
    struct cursor c = cursor_open(span_of(f->bytes, f->n));
    out[WORDS] = 0x5a;
    alike_unpack_words(a, &c, out, WORDS, origin);
    cr_expect(cursor_done(&c));
    cr_expect_arr_eq(out, v, WORDS * sizeof *v);
    cr_expect_eq(out[WORDS], 0x5a);
}

Test(fold, words_that_are_alike_take_what_differs)
{
    static int64_t v[2][WORDS];
    static struct folded f[4];
    struct alike *a = alike_new((size_t)8 << 20);
    for (unsigned i = 0; i < WORDS; i++) {
        v[0][i] = i % 4 == 0 ? ORIGIN + i : i; /* times, and others */
    }
    cr_assert(fold_words(a, &f[0], v[0], ORIGIN));
    const int64_t later = ORIGIN + 12345678901;
    for (unsigned i = 0; i < WORDS; i++) {
        v[1][i] = v[0][i] + (i % 4 == 0 ? later - ORIGIN : 0);
    }
    cr_assert(fold_words(a, &f[1], v[1], later));
    cr_expect_lt(f[1].n, 16u, "the same, later");
    v[1][1] ^= INT64_C(0xff00) << 32;
    v[1][WORDS - 1] = INT64_MIN;
    v[1][4] = 0;
    cr_assert(fold_words(a, &f[2], v[1], later));
    cr_expect_lt(f[2].n, 16u + 3 * 10u);
    expect_unfolded_words(a, &f[2], v[1], later);
    expect_unfolded_words(a, &f[0], v[0], ORIGIN);
    /* nothing alike: it is what others are compared with from now on */
    for (unsigned i = 0; i < WORDS; i++) {
        v[1][i] = (int64_t)(i * UINT64_C(0x9e3779b97f4a7c15));
    }
    cr_assert(fold_words(a, &f[3], v[1], INT64_MAX));
    cr_expect_lt(f[3].n, 16u);
    expect_unfolded_words(a, &f[3], v[1], INT64_MAX);
    struct cursor c = cursor_open(span_of(f[1].bytes, f[1].n));
    alike_unpack_words(a, &c, NULL, WORDS, later);
    cr_expect(cursor_done(&c));
    alike_free(a);
}

/* As where memory for models is out. */
Test(fold, words_without_a_model)
{
    static int64_t v[WORDS];
    static struct folded f;
    struct alike *a = alike_new(0);
    for (unsigned i = 0; i < WORDS; i++) {
        v[i] = (int64_t)((UINT64_C(1) << i) - i % 2);
    }
    cr_assert(fold_words(a, &f, v, 0));
    expect_unfolded_words(a, &f, v, 0);
    cr_assert(fold_words(a, &f, v, ORIGIN));
    expect_unfolded_words(a, &f, v, ORIGIN);
    cr_expect_eq(alike_bytes(a), 0u);
    alike_free(a);
}

Test(fold, words_that_may_not_be_packed)
{
    static int64_t v[WORDS];
    static struct folded f;
    const int64_t refused = ORIGIN;
    struct alike *a = alike_new((size_t)8 << 20);
    const struct alike_words s = {
        .v = v, .n = WORDS, .origin = ORIGIN, .may = is_not, .ctx = &refused};
    for (unsigned round = 0; round < 2; round++) { /* alone, and with a model */
        struct packer w = {f.bytes};
        v[WORDS - 1] = refused;
        cr_expect_not(alike_pack_words(a, &w, &s, 5));
        v[WORDS - 1] = 0;
        w.at = f.bytes;
        cr_expect(alike_pack_words(a, &w, &s, 5));
        f.n = (size_t)(w.at - f.bytes);
        expect_unfolded_words(a, &f, v, ORIGIN);
    }
    alike_free(a);
}

/* ---- what a session begins with ---- */

#define CLIENT_ISN 0xfffffffe
#define SERVER_ISN 5000u

/* A connection after its third packet, which is this one. */
struct opening {
    struct flow flow;
    struct packet packet;
    uint8_t header[32], hello[64];
};

static void open_opening(struct opening *o)
{
    static const uint8_t start[] = {22, 3, 1, 0, 59, 1, 0, 0, 55, 3, 3};
    const struct endpoint client = {.ip = {10, 0, 0, 1}, .port = 40000};
    const struct endpoint server = {.ip = {10, 0, 0, 2}, .port = 443};
    memset(o, 0, sizeof *o);
    fill(o->header, sizeof o->header, 8);
    fill(o->hello, sizeof o->hello, 9);
    memcpy(o->hello, start, sizeof start);
    o->flow = (struct flow){.head = {.touched = ORIGIN + 300,
                                     .ip_version = 4,
                                     .proto = PROTO_TCP,
                                     .vlan = VLAN_NONE,
                                     .form = FLOW_WHOLE},
                            .end = {client, server},
                            .first = ORIGIN,
                            .frame_first = 70,
                            .when_syn = {ORIGIN, ORIGIN + 100},
                            .frame_syn_delta = {0, 2}};
    o->flow.half[0] =
        (struct flow_half){.isn = CLIENT_ISN,
                           .acked = CLIENT_ISN + 1,
                           .packets = 2,
                           .ttl_syn = 64,
                           .flags = HALF_SYN | HALF_ACKED | HALF_TIMESTAMP};
    o->flow.half[1] =
        (struct flow_half){.isn = SERVER_ISN,
                           .acked = SERVER_ISN + 1,
                           .packets = 1,
                           .ttl_syn = 50,
                           .flags = HALF_SYN | HALF_ACKED | HALF_TIMESTAMP};
    o->packet = (struct packet){.when = ORIGIN + 300,
                                .frame = 75,
                                .ip_version = 4,
                                .proto = PROTO_TCP,
                                .ttl = 64,
                                .flags = TCP_ACK | TCP_PSH,
                                .ip_id = 7,
                                .ip_df = true,
                                .vlan = VLAN_NONE,
                                .src = client,
                                .dst = server,
                                .seq = CLIENT_ISN + 1,
                                .ack = SERVER_ISN + 1,
                                .window = 502,
                                .header_bytes = 32,
                                .has_timestamp = true,
                                .payload = {o->hello, sizeof o->hello},
                                .payload_wire_bytes = sizeof o->hello};
}

static bool may_wait(const struct opening *o)
{
    return session_may_wait(&o->flow, &o->packet);
}

/* The session of an opening as it begins with the packet, told by what its
 * handshake has in the end. */
static void expect_opening(struct opening *o, struct session *s)
{
    struct handshake hs;
    cr_assert_not_null(s);
    cr_assert(session_is_tls(s));
    session_finish(s, &o->flow, HS_END_TIMEOUT, ORIGIN + 400, &hs);
    cr_expect_eq(hs.first, ORIGIN);
    cr_expect_eq(hs.last, ORIGIN + 300);
    cr_expect_eq(hs.frame_last, 75u);
    cr_expect_eq(hs.when_hello, ORIGIN + 300);
    cr_expect_eq(hs.rtt, 100);
    cr_expect_eq(hs.dir[SIDE_CLIENT].packets, 2u);
    cr_expect_eq(hs.dir[SIDE_CLIENT].bytes, 64u);
    cr_expect_eq(hs.raw[HS_RAW_CLIENT_HELLO].n, 55u);
    cr_expect_arr_eq(hs.raw[HS_RAW_CLIENT_HELLO].p, o->hello + 9, 55);
    cr_expect_eq(hs.events_n, 3u, "two SYNs and a hello");
    hs_free(&hs);
    session_free(s);
}

Test(fold, a_hello_waits_as_a_packet)
{
    struct session_pool *pool = session_pool_new((size_t)8 << 20);
    struct opening o;
    for (unsigned round = 0; round < 3; round++) { /* the first is the model */
        open_opening(&o);
        cr_assert(may_wait(&o));
        struct flow before = o.flow;
        void *folded = session_fold_opening(pool, &o.flow, &o.packet);
        cr_assert_not_null(folded);
        cr_expect_eq(session_folded_since(folded), ORIGIN);
        cr_expect(round == 0 || session_folded_bytes(folded) < 120, "%zu",
                  session_folded_bytes(folded));
        memset((uint8_t *)&o.flow + offsetof(struct flow, first), 0x5a,
               FLOW_DETAIL_BYTES);
        cr_assert(session_unfold(pool, folded, &o.flow));
        cr_expect_arr_eq(&o.flow.first, &before.first, FLOW_DETAIL_BYTES);
        expect_opening(&o, o.flow.session);
        struct session *s = session_new(pool, &before);
        session_packet(s, &before, &o.packet, 0);
        expect_opening(&o, s);
    }
    session_pool_free(pool);
}

/* What a session would do more about than to wait. */
Test(fold, other_data_does_not_wait)
{
    struct opening o;
    open_opening(&o);
    cr_expect(may_wait(&o));
    o.packet.flags = TCP_ACK; /* nobody looks at PSH */
    cr_expect(may_wait(&o));

#define REFUSED(change)                                                        \
    open_opening(&o);                                                          \
    change;                                                                    \
    cr_expect_not(may_wait(&o), "%s", #change)

    REFUSED(o.packet.flags |= TCP_FIN);
    REFUSED(o.packet.flags |= TCP_SYN);
    REFUSED(o.packet.flags |= TCP_RST);
    REFUSED(o.packet.flags = TCP_PSH);
    REFUSED(o.packet.seq++);
    REFUSED(o.packet.ack--);
    REFUSED(o.packet.ack++);
    REFUSED(o.packet.ttl--);
    REFUSED(o.packet.has_timestamp = false);
    REFUSED(o.packet.has_signature = true);
    REFUSED(o.packet.acks_beyond = true);
    REFUSED(o.packet.header_bytes = 0);
    REFUSED(o.packet.payload_wire_bytes++); /* cut by the capture */
    REFUSED(o.packet.payload.n--; o.packet.payload_wire_bytes--);
    REFUSED(o.hello[0] = 23); /* data */
    REFUSED(o.hello[5] = 2);  /* a ServerHello */
    REFUSED(o.hello[8]++);    /* goes on in a record */
    REFUSED(o.hello[8]--);    /* another one behind it */
    REFUSED(o.flow.half[0].flags &= (uint8_t)~HALF_SYN); /* joined late */
    REFUSED(o.flow.half[1].flags &= (uint8_t)~HALF_SYN); /* one direction */
    REFUSED(o.flow.half[1].flags |= HALF_FIN); /* the server has left */
    REFUSED(o.flow.half[0].flags |= HALF_SIGNATURE);
    /* The SYN's checksum was right, this one's is not. */
    REFUSED(o.flow.half[0].flags |= HALF_CHECKSUM);
#undef REFUSED
}

/* ---- whole captures ---- */

/* How many handshakes a capture has, with folding as without: whatever there
 * is, and what waits where there are more than two. */
static unsigned compare(const char *path, bool whatever)
{
    char error[CAPTURE_ERROR_BYTES];
    struct capture *c = capture_open_file(path, NULL, error);
    cr_assert_not_null(c, "%s", path);
    struct fuzz_twins *twins = fuzz_twins_new(100000, whatever ? 0 : 2);
    struct frame f;
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        fuzz_twins_frame(twins, &f, whatever);
    }
    bool same;
    unsigned n = fuzz_twins_end(twins, &same);
    cr_expect(same, "%s", path);
    capture_close(c);
    return n;
}

Test(fold, every_capture_gives_the_same_handshakes)
{
    const char *source = getenv("TLSWHY_SRCDIR");
    char path[4096];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/pcaps", source ? source : ".");
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    struct dirent *e;
    while ((e = readdir(dir))) {
        if (strstr(e->d_name, ".pcap")) {
            snprintf(path, sizeof path, "%s/pcaps/%s", source ? source : ".",
                     e->d_name);
            unsigned found = compare(path, true);
            cr_expect_eq(compare(path, false), found, "%s", path);
            n += found;
        }
    }
    closedir(dir);
    cr_expect_gt(n, 500u);
}
