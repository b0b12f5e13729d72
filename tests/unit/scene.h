/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshakes built by hand, step by step, for the tests of the judge.
 */
#ifndef TESTS_UNIT_SCENE_H
#define TESTS_UNIT_SCENE_H

#include <criterion/criterion.h>

#include "judge/facts.h"
#include "judge/judge.h"

/* 2026-11-25 00:00:00 UTC, when every handshake here takes place. */
#define NOW (INT64_C(1795564800) * TICK_SEC)
#define DAY (INT64_C(86400) * TICK_SEC)

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* ---- building ---- */

struct scene {
    struct handshake hs;
    uint64_t frame;
    tick_t when;
    struct cert leaf, client_leaf;
    struct cert *chain[1], *client_chain[1];
    struct span names[1];
};

__attribute__((unused)) static const uint16_t suites_common[] = {
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc030, 0xcca9, 0xcca8};
__attribute__((unused)) static const uint16_t suites_old[] = {0xc02b, 0xc02f,
                                                              0xc030, 0xcca8};
__attribute__((unused)) static const uint16_t groups_common[] = {0x001d, 0x0017,
                                                                 0x0018};
__attribute__((unused)) static const uint16_t schemes_common[] = {
    0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501};
__attribute__((unused)) static const uint16_t versions_13[] = {0x0304, 0x0303};
__attribute__((unused)) static const uint16_t versions_only13[] = {0x0304};

static inline struct u16_list list(const uint16_t *v, size_t n)
{
    return (struct u16_list){v, (uint16_t)n, true};
}
#define LIST(array) list(array, COUNT(array))

static inline void note(struct scene *s, enum hs_kind kind, enum side side,
                        uint16_t aux, uint32_t len)
{
    s->when += TICK_MSEC;
    hs_note(&s->hs, kind, side, len, aux, s->when, ++s->frame);
}

/* Connected, and a modern ClientHello sent for www.example.test. */
static inline void open_scene(struct scene *s)
{
    memset(s, 0, sizeof *s);
    struct handshake *hs = &s->hs;
    hs_init(hs, 64 * 1024);
    s->when = NOW;
    hs->ip_version = 4;
    memcpy(hs->addr[SIDE_CLIENT].ip, "\xc0\x00\x02\x01", 4);
    memcpy(hs->addr[SIDE_SERVER].ip, "\xc6\x33\x64\x05", 4);
    hs->addr[SIDE_CLIENT].port = 40000;
    hs->addr[SIDE_SERVER].port = 443;
    hs->first = hs->when_hello = NOW;
    hs->frame_first = 1;
    hs->syn_seen[0] = hs->syn_seen[1] = true;
    hs->end = HS_END_CLOSED;
    hs->expanded = true;
    for (int i = 0; i < 2; i++) {
        hs->dir[i].packets = 5;
    }
    hs->dir[SIDE_CLIENT].bytes = 300;
    hs->dir[SIDE_CLIENT].hello_acked = true;
    hs->dir[SIDE_CLIENT].acked_any_data = true;
    struct client_offer *o = &hs->offer;
    o->seen = true;
    o->legacy_version = 0x0303;
    o->max_version = 0x0304;
    o->min_version = 0x0303;
    o->versions = LIST(versions_13);
    o->ciphers = LIST(suites_common);
    o->groups = LIST(groups_common);
    o->signature_algorithms = LIST(schemes_common);
    o->has_sni = true;
    o->sni = span_text("www.example.test");
    o->has_scsv = true;
    o->bytes = 300;
    note(s, HS_SYN, SIDE_CLIENT, 0, 0);
    note(s, HS_SYN_ACK, SIDE_SERVER, 0, 0);
    note(s, HS_CLIENT_HELLO, SIDE_CLIENT, 0, 300);
}

/* The same without TLS 1.3. */
static inline void open_scene_12(struct scene *s)
{
    open_scene(s);
    struct client_offer *o = &s->hs.offer;
    o->max_version = o->min_version = 0x0303;
    o->versions = (struct u16_list){0};
    o->ciphers = LIST(suites_old);
}

static inline void server_hello(struct scene *s, uint16_t version,
                                uint16_t cipher)
{
    struct server_choice *c = &s->hs.choice;
    s->hs.version = version;
    s->hs.cipher = cipher;
    s->hs.dir[SIDE_SERVER].bytes = 1500;
    s->hs.server_began = true;
    c->seen = true;
    c->version = version;
    c->cipher = cipher;
    c->group = UNSEEN_U16;
    c->has_renegotiation_info = true;
    note(s, HS_SERVER_HELLO, SIDE_SERVER, 0, 90);
}

/* TLS 1.2 up to ServerHelloDone, with a faultless certificate. */
static inline void server_flight_12(struct scene *s)
{
    server_hello(s, 0x0303, 0xc02f);
    s->names[0] = span_text("www.example.test");
    s->leaf =
        (struct cert){.version = 3,
                      .not_before = NOW - 30 * DAY,
                      .not_after = NOW + 60 * DAY,
                      .dns = {s->names, 1, true},
                      .has_san = true,
                      .key = KEY_RSA, /* as 0xc02f needs */
                      .key_bits = 2048,
                      .signature_algorithm = span_text("ecdsa-with-SHA256")};
    s->leaf.subject.common_name = span_text("www.example.test");
    s->leaf.issuer.common_name = span_text("Example CA");
    s->chain[0] = &s->leaf;
    s->hs.server_chain =
        (struct cert_chain){.seen = true, .n = 1, .v = s->chain};
    note(s, HS_CERTIFICATE, SIDE_SERVER, 0, 900);
    note(s, HS_SERVER_KEY_EXCHANGE, SIDE_SERVER, 0, 300);
    note(s, HS_SERVER_HELLO_DONE, SIDE_SERVER, 0, 4);
}

/* TLS 1.3 up to the server's Finished, all of it protected. */
static inline void server_flight_13(struct scene *s)
{
    server_hello(s, 0x0304, 0x1301);
    s->hs.encrypted[SIDE_SERVER] = true;
    note(s, HS_PROTECTED, SIDE_SERVER, 0, 23);
    note(s, HS_PROTECTED, SIDE_SERVER, 0, 1706);
    note(s, HS_PROTECTED, SIDE_SERVER, 0, 281);
    note(s, HS_PROTECTED, SIDE_SERVER, 0, 53);
}

static inline void client_certificate(struct scene *s, bool empty)
{
    note(s, HS_CERTIFICATE, SIDE_CLIENT, 0, empty ? 7 : 900);
    s->hs.client_chain.seen = true;
    s->hs.client_chain.empty = empty;
    if (!empty) {
        s->client_leaf = (struct cert){.not_before = NOW - 10 * DAY,
                                       .not_after = NOW + 10 * DAY};
        s->client_leaf.issuer.common_name = span_text("Client CA");
        s->client_leaf.issuer.der = span_text("Client CA");
        s->client_chain[0] = &s->client_leaf;
        s->hs.client_chain.n = 1;
        s->hs.client_chain.v = s->client_chain;
    }
    note(s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 40);
    note(s, HS_CHANGE_CIPHER_SPEC, SIDE_CLIENT, 0, 1);
    note(s, HS_FINISHED, SIDE_CLIENT, 0, 40);
}

static inline void request_certificate(struct scene *s)
{
    s->hs.certificate_request.seen = true;
    note(s, HS_CERTIFICATE_REQUEST, SIDE_SERVER, 0, 60);
}

static inline void alert(struct scene *s, enum side side, unsigned code)
{
    note(s, HS_ALERT, side, (uint16_t)(2u << 8 | code), 2);
    note(s, HS_FIN, side, 0, 0);
    s->hs.fin_seen[side] = true;
    if (side == SIDE_SERVER) {
        s->hs.dir[SIDE_SERVER].bytes += 7;
    }
}

static inline void finish(struct scene *s)
{
    s->hs.last = s->when;
    s->hs.frame_last = s->frame;
    hs_conclude(&s->hs);
}

static inline struct verdict *judge_in(struct judge *j, struct scene *s)
{
    finish(s);
    struct verdict *v = judge_run(j, &s->hs);
    cr_assert_not_null(v);
    return v;
}

static inline struct verdict *judged(struct scene *s)
{
    struct judge *j = judge_new(NULL);
    struct verdict *v = judge_in(j, s);
    judge_free(j);
    return v;
}

static inline bool has_alternative(const struct verdict *v, const char *cause)
{
    for (size_t i = 0; i < v->alternatives_n; i++) {
        if (strcmp(v->alternatives[i].cause, cause) == 0) {
            return true;
        }
    }
    return false;
}

static inline bool text_has(const struct text_list *l, const char *part)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strstr(l->v[i], part)) {
            return true;
        }
    }
    return false;
}

static inline void check(struct scene *s, const char *cause, enum confidence c)
{
    struct verdict *v = judged(s);
    cr_assert_eq(v->outcome, OUTCOME_FAILURE);
    cr_assert_not_null(v->cause);
    cr_expect_str_eq(v->cause->slug, cause);
    cr_expect_eq(v->confidence, c, "%s: %s", v->cause->slug,
                 confidence_name(v->confidence));
    verdict_free(v);
    hs_free(&s->hs);
}

/* The cause neither leads nor is it an alternative. */
static inline void check_not(struct scene *s, const char *cause)
{
    struct verdict *v = judged(s);
    if (v->cause) {
        cr_expect_str_neq(v->cause->slug, cause);
    }
    cr_expect(!has_alternative(v, cause), "%s", cause);
    verdict_free(v);
    hs_free(&s->hs);
}

/* The cause does not lead; it may be an alternative. */
static inline void check_not_leading(struct scene *s, const char *cause)
{
    struct verdict *v = judged(s);
    if (v->cause) {
        cr_expect_str_neq(v->cause->slug, cause);
    }
    verdict_free(v);
    hs_free(&s->hs);
}

#endif
