/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence that stands in no message: sizes of protected records, what a chain
 * lacks, hellos of another age, who has to act first. Each with a near miss.
 * Sizes follow RFC 8446 sections 4.4 and 5.2: content + 1 + 16 bytes.
 */
#include "scene.h"

#include "judge/flight.h"
#include "judge/harmless.h"
#include "judge/hello.h"
#include "judge/profile.h"
#include "judge/say.h"

#include <stdio.h>

/* Certificate and CertificateVerify with these contents, and Finished, each in
 * a record of its own. */
static void flight_of(struct scene *s, uint32_t certificate, uint32_t signature)
{
    server_hello(s, 0x0304, 0x1301);
    s->hs.encrypted[SIDE_SERVER] = true;
    note(s, HS_PROTECTED, SIDE_SERVER, 0, 23);
    note(s, HS_PROTECTED, SIDE_SERVER, 0, certificate + 17);
    note(s, HS_PROTECTED, SIDE_SERVER, 0, 8 + signature + 17);
    note(s, HS_PROTECTED, SIDE_SERVER, 0, 36 + 17);
}

static struct hidden_certificate looked_at(struct scene *s)
{
    struct hidden_certificate c;
    flight_look(&s->hs, &c);
    hs_free(&s->hs);
    return c;
}

Test(flight, tells_the_key)
{
    static const struct {
        uint32_t signature;
        enum cert_key key;
        uint16_t bits;
    } rows[] = {{128, KEY_RSA, 1024},   {256, KEY_RSA, 2048},
                {512, KEY_RSA, 4096},   {71, KEY_EC, 256},
                {64, KEY_ED25519, 256}, {103, KEY_EC, 384},
                {114, KEY_ED448, 456}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        open_scene(&s);
        flight_of(&s, 1689, rows[i].signature);
        struct hidden_certificate c = looked_at(&s);
        cr_expect(c.seen);
        cr_expect_eq(c.key, rows[i].key, "%u", rows[i].signature);
        cr_expect_eq(c.key_bits, rows[i].bits);
        cr_expect_eq(c.bytes, 1689u);
        cr_expect(!c.alone);
    }
}

Test(flight, one_certificate_alone)
{
    struct scene s;
    open_scene(&s);
    flight_of(&s, 866, 256);
    cr_expect(looked_at(&s).alone);
    open_scene(&s);
    flight_of(&s, 600, 71);
    cr_expect(looked_at(&s).alone);
    /* Two small ones fit. */
    open_scene(&s);
    flight_of(&s, 866, 71);
    cr_expect(!looked_at(&s).alone);
}

Test(flight, compressed_ones_tell_no_number)
{
    static const uint16_t brotli[] = {2};
    struct scene s;
    open_scene(&s);
    s.hs.offer.compress_certificate = LIST(brotli);
    flight_of(&s, 866, 256);
    struct hidden_certificate c = looked_at(&s);
    cr_expect(c.compressed);
    cr_expect(!c.alone);
    cr_expect_eq(c.key_bits, 2048);
}

/* JSSE puts 16 zero bytes into every record. */
Test(flight, padding_of_16_zeros)
{
    struct scene s;
    open_scene(&s);
    server_hello(&s, 0x0304, 0x1302);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 65);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 866 + 33);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 264 + 33);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 52 + 33);
    struct hidden_certificate c = looked_at(&s);
    cr_expect(c.seen);
    cr_expect_eq(c.key_bits, 2048);
    cr_expect_eq(c.bytes, 866u);
    cr_expect(c.alone);
}

Test(flight, one_record_for_all_tells_nothing)
{
    struct scene s;
    open_scene(&s);
    server_hello(&s, 0x0304, 0x1301);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 2101);
    cr_expect(!looked_at(&s).seen);
    /* Resumption: EncryptedExtensions and Finished. */
    open_scene(&s);
    server_hello(&s, 0x0304, 0x1301);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 23);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 53);
    cr_expect(!looked_at(&s).seen);
}

/* ---- hidden certificates ---- */

static void refuse_hidden(struct scene *s)
{
    note(s, HS_CHANGE_CIPHER_SPEC, SIDE_CLIENT, 0, 1);
    note(s, HS_PROTECTED, SIDE_CLIENT, 0, 19);
    note(s, HS_FIN, SIDE_CLIENT, 0, 0);
    s->hs.fin_seen[SIDE_CLIENT] = true;
}

Test(hidden, small_signature_is_a_weak_key)
{
    struct scene s;
    open_scene(&s);
    flight_of(&s, 1557, 128);
    refuse_hidden(&s);
    check(&s, "server_certificate_weak", CONF_LIKELY);
}

Test(hidden, signature_of_2048_bits_is_none)
{
    struct scene s;
    open_scene(&s);
    flight_of(&s, 1689, 256);
    refuse_hidden(&s);
    check_not(&s, "server_certificate_weak");
}

Test(hidden, weak_key_is_not_what_45_means)
{
    struct scene s;
    open_scene(&s);
    flight_of(&s, 1557, 128);
    alert(&s, SIDE_CLIENT, 45);
    check(&s, "server_certificate_expired", CONF_LIKELY);
}

Test(hidden, lone_certificate_lacks_its_chain)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.sni = span_text("www.debian.org");
    flight_of(&s, 866, 256);
    alert(&s, SIDE_CLIENT, 48);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_unknown_issuer");
    cr_assert_geq(v->alternatives_n, 1);
    cr_expect_str_eq(v->alternatives[0].cause,
                     "server_certificate_incomplete_chain");
    cr_expect_eq(v->alternatives[0].confidence, CONF_POSSIBLE);
    cr_expect(has_alternative(v, "server_certificate_self_signed"));
    verdict_free(v);
    hs_free(&s.hs);
    /* For a private name it is as probably self-signed. */
    open_scene(&s);
    flight_of(&s, 866, 256);
    alert(&s, SIDE_CLIENT, 48);
    v = judged(&s);
    cr_assert_geq(v->alternatives_n, 1);
    cr_expect_str_eq(v->alternatives[0].cause,
                     "server_certificate_self_signed");
    cr_expect(has_alternative(v, "server_certificate_incomplete_chain"));
    verdict_free(v);
    hs_free(&s.hs);
    /* With a chain it is one possibility among others. */
    open_scene(&s);
    flight_of(&s, 1689, 256);
    alert(&s, SIDE_CLIENT, 48);
    v = judged(&s);
    for (size_t i = 0; i < v->alternatives_n; i++) {
        cr_expect_eq(v->alternatives[i].confidence, CONF_POSSIBLE);
    }
    verdict_free(v);
    hs_free(&s.hs);
}

Test(hidden, candidates_stand_behind_a_silent_close)
{
    struct scene s;
    open_scene(&s);
    flight_of(&s, 866, 256);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    s.hs.fin_seen[SIDE_CLIENT] = true;
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_closed");
    cr_expect(has_alternative(v, "server_certificate_rejected"));
    cr_expect(has_alternative(v, "server_certificate_unknown_issuer"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* ---- the client's chain ---- */

Test(client_chain, leaf_alone_lacks_its_intermediate)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    client_certificate(&s, false);
    alert(&s, SIDE_SERVER, 48);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_certificate_unknown_issuer");
    cr_expect_eq(v->side, FIX_CLIENT);
    cr_expect(text_has(&v->evidence, "the intermediate between them"));
    cr_expect(strncmp(v->fix.v[0], "Client: ", 8) == 0, "%s", v->fix.v[0]);
    verdict_free(v);
    hs_free(&s.hs);
}

/* The server names the issuer: nothing is missing in between. */
Test(client_chain, issuer_that_the_server_lists)
{
    struct span wanted[] = {span_text("Client CA")};
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    s.hs.certificate_request.authorities = (struct span_list){wanted, 1, true};
    client_certificate(&s, false);
    alert(&s, SIDE_SERVER, 48);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_certificate_unknown_issuer");
    cr_expect_eq(v->side, FIX_SERVER);
    cr_expect(!text_has(&v->evidence, "the intermediate between them"));
    cr_expect(strncmp(v->fix.v[0], "nginx: ", 7) == 0, "%s", v->fix.v[0]);
    verdict_free(v);
    hs_free(&s.hs);
}

/* ---- hellos of another age ---- */

static void ssl2_hello(struct scene *s)
{
    open_scene_12(s);
    struct client_offer *o = &s->hs.offer;
    o->v2_format = true;
    o->max_version = o->min_version = 0x0301;
    o->has_sni = false;
}

Test(ssl2, refused_with_any_alert)
{
    static const unsigned codes[] = {40, 50, 70, 80};
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct scene s;
        ssl2_hello(&s);
        alert(&s, SIDE_SERVER, codes[i]);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, "no_shared_version");
        cr_expect_eq(v->side, FIX_CLIENT);
        cr_expect(text_has(&v->evidence, "RFC 6176"));
        verdict_free(v);
        hs_free(&s.hs);
    }
}

Test(ssl2, format_accepted_is_not_to_blame)
{
    struct scene s;
    ssl2_hello(&s);
    server_hello(&s, 0x0301, 0x002f);
    alert(&s, SIDE_CLIENT, 40);
    check_not(&s, "no_shared_version");
}

/* ---- silent refusals ---- */

static void closed_by_server(struct scene *s)
{
    note(s, HS_FIN, SIDE_SERVER, 0, 0);
    s->hs.fin_seen[SIDE_SERVER] = true;
}

Test(closed, marked_retry)
{
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.has_fallback_scsv = true;
    closed_by_server(&s);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_closed");
    cr_expect(has_alternative(v, "inappropriate_fallback"));
    cr_expect(has_alternative(v, "unrecognized_name"));
    verdict_free(v);
    hs_free(&s.hs);
    open_scene_12(&s);
    closed_by_server(&s);
    check_not(&s, "inappropriate_fallback");
}

/* ---- self-signed ---- */

Test(self_signed, alert_42_of_a_stack_that_means_it)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.self_signed = s.leaf.self_issued = true;
    alert(&s, SIDE_CLIENT, 42);
    check(&s, "server_certificate_self_signed", CONF_LIKELY);
}

Test(self_signed, with_another_fault_it_is_one_of_two)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.self_signed = s.leaf.self_issued = true;
    s.names[0] = span_text("other.example.test");
    alert(&s, SIDE_CLIENT, 42);
    check(&s, "server_certificate_name_mismatch", CONF_LIKELY);
}

/* Mbed TLS 3 says 47 to PSS in TLS 1.2, whatever the prime's size. */
Test(weak_dh, alert_47_with_pss_is_no_word_about_it)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.ske = (struct key_exchange){.seen = true,
                                     .is_dh = true,
                                     .dh_bits = 1024,
                                     .group = UNSEEN_U16,
                                     .signature = 0x0804};
    alert(&s, SIDE_CLIENT, 47);
    check(&s, "illegal_parameter", CONF_LIKELY);
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.ske = (struct key_exchange){.seen = true,
                                     .is_dh = true,
                                     .dh_bits = 1024,
                                     .group = UNSEEN_U16,
                                     .signature = 0x0401};
    alert(&s, SIDE_CLIENT, 47);
    check(&s, "weak_dh", CONF_LIKELY);
}

/* ---- hellos unexpanded ---- */

struct raw_hello {
    uint8_t bytes[512];
    size_t n;
};

static void put(struct raw_hello *h, const void *v, size_t n)
{
    cr_assert_leq(h->n + n, sizeof h->bytes);
    memcpy(h->bytes + h->n, v, n);
    h->n += n;
}

static void put16(struct raw_hello *h, unsigned v)
{
    uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    put(h, b, 2);
}

/* RFC 8446 section 4.1.2: version, random, session id, suites, compression,
 * and the extension server_name when there is a name. */
static struct raw_hello raw_hello(const char *random, const uint16_t *suites,
                                  size_t n, const char *name)
{
    struct raw_hello h = {.n = 0};
    put16(&h, 0x0303);
    put(&h, random, 32);
    put(&h, "\0", 1);
    put16(&h, (unsigned)n * 2);
    for (size_t i = 0; i < n; i++) {
        put16(&h, suites[i]);
    }
    put(&h, "\1\0", 2);
    if (name) {
        unsigned k = (unsigned)strlen(name);
        put16(&h, k + 9);
        put16(&h, 0);
        put16(&h, k + 5);
        put16(&h, k + 3);
        put(&h, "\0", 1);
        put16(&h, k);
        put(&h, name, k);
    }
    return h;
}

static const char any_random[] = "0123456789abcdef0123456789abcdef";

static void set_hello(struct scene *s, const struct raw_hello *h)
{
    s->hs.raw[HS_RAW_CLIENT_HELLO] = span_of(h->bytes, h->n);
    s->hs.hello_version = s->hs.offer.max_version;
}

static struct hello_sight sight_of(const struct raw_hello *h)
{
    struct scene s;
    struct hello_sight out;
    open_scene(&s);
    set_hello(&s, h);
    hello_look(&s.hs, &out);
    hs_free(&s.hs);
    return out;
}

static uint32_t kind_of(const struct raw_hello *h)
{
    struct scene s;
    struct hello_sight sight;
    open_scene(&s);
    set_hello(&s, h);
    hello_look(&s.hs, &sight);
    uint32_t kind = hello_kind(&s.hs, &sight);
    hs_free(&s.hs);
    return kind;
}

Test(hello, name_and_kind)
{
    static const uint16_t one[] = {0x0a0a, 0x1301, 0xc02f};
    static const uint16_t other_order[] = {0xc02f, 0x1301, 0x7a7a};
    static const uint16_t more[] = {0xc02f, 0x1301, 0xc030};
    struct raw_hello a = raw_hello(any_random, one, 3, "www.example.test");
    struct raw_hello b = raw_hello(any_random, other_order, 3, NULL);
    struct raw_hello c = raw_hello(any_random, more, 3, NULL);
    struct hello_sight sa = sight_of(&a);
    struct hello_sight sb = sight_of(&b);
    cr_expect(sa.seen && sb.seen);
    cr_expect(span_eq(sa.sni, span_text("www.example.test")));
    cr_expect_eq(sb.sni.n, 0u);
    cr_expect_eq(sa.suites.n, 6u);
    cr_expect_eq(kind_of(&a), kind_of(&b));
    cr_expect_neq(kind_of(&a), kind_of(&c));
}

Test(hello, cut_anywhere)
{
    static const uint16_t one[] = {0x1301};
    struct raw_hello h = raw_hello(any_random, one, 1, "www.example.test");
    for (size_t n = 0; n < h.n; n++) {
        struct raw_hello cut = h;
        cut.n = n;
        struct hello_sight s = sight_of(&cut);
        cr_expect_eq(s.sni.n, 0u, "%zu", n);
    }
}

/* ---- names at a server ---- */

static struct verdict *judge_after(struct judge *j, struct scene *s)
{
    finish(s);
    judge_learn(j, &s->hs);
    judge_learn_certificates(j, &s->hs);
    return judge_run(j, &s->hs);
}

static void finished_12(struct scene *s)
{
    note(s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 40);
    note(s, HS_CHANGE_CIPHER_SPEC, SIDE_CLIENT, 0, 1);
    note(s, HS_FINISHED, SIDE_CLIENT, 0, 40);
    note(s, HS_CHANGE_CIPHER_SPEC, SIDE_SERVER, 0, 1);
    note(s, HS_FINISHED, SIDE_SERVER, 0, 40);
    note(s, HS_APPLICATION_DATA, SIDE_CLIENT, 0, 100);
}

/* The server, with a success for `served`, refuses www.example.test with 40. */
static struct verdict *refused_beside(const char *served)
{
    struct judge *j = judge_new(NULL);
    struct raw_hello h = raw_hello(any_random, suites_old, 4, served);
    struct scene s;
    open_scene_12(&s);
    set_hello(&s, &h);
    server_flight_12(&s);
    finished_12(&s);
    verdict_free(judge_after(j, &s));
    hs_free(&s.hs);
    h = raw_hello(any_random, suites_old, 4, "www.example.test");
    open_scene_12(&s);
    set_hello(&s, &h);
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judge_after(j, &s);
    hs_free(&s.hs);
    judge_free(j);
    return v;
}

Test(names, only_this_one_is_refused)
{
    struct verdict *v = refused_beside("other.example.test");
    cr_expect_str_eq(v->cause->slug, "unrecognized_name");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(text_has(&v->evidence, "on none for this name"));
    verdict_free(v);
}

Test(names, it_was_served_before)
{
    struct verdict *v = refused_beside("WWW.example.test");
    cr_expect_str_neq(v->cause->slug, "unrecognized_name");
    cr_expect(!has_alternative(v, "unrecognized_name"));
    verdict_free(v);
}

/* ---- a certificate that another connection showed ---- */

static struct verdict *hidden_beside(const char *shown, bool expired)
{
    struct judge *j = judge_new(NULL);
    struct raw_hello h = raw_hello(any_random, suites_old, 4, shown);
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.sni = span_text(shown);
    set_hello(&s, &h);
    server_flight_12(&s);
    s.names[0] = span_text(shown);
    s.leaf.not_after = expired ? NOW - DAY : NOW + DAY;
    finished_12(&s);
    verdict_free(judge_after(j, &s));
    hs_free(&s.hs);
    h = raw_hello(any_random, suites_common, 8, "www.example.test");
    open_scene(&s);
    set_hello(&s, &h);
    server_flight_13(&s);
    refuse_hidden(&s);
    struct verdict *v = judge_after(j, &s);
    hs_free(&s.hs);
    judge_free(j);
    return v;
}

Test(elsewhere, the_same_name_showed_an_expired_one)
{
    struct verdict *v = hidden_beside("www.example.test", true);
    cr_expect_str_eq(v->cause->slug, "server_certificate_expired");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(text_has(&v->evidence, "on another connection, in TLS 1.2"));
    verdict_free(v);
}

Test(elsewhere, a_good_one_or_another_name_says_nothing)
{
    struct verdict *v = hidden_beside("www.example.test", false);
    cr_expect_str_eq(v->cause->slug, "server_certificate_rejected");
    /* One node of several may be another than the rest. */
    cr_expect(text_has(&v->evidence, "also finished 1 handshake with this"));
    verdict_free(v);
    v = hidden_beside("other.example.test", true);
    cr_expect_str_eq(v->cause->slug, "server_certificate_rejected");
    cr_expect_not(text_has(&v->evidence, "also finished"));
    verdict_free(v);
}

/* ---- pre-shared keys ---- */

Test(psk, key_agreed_outside)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.has_psk = true;
    s.hs.offer.psk_identities = 1;
    s.hs.offer.psk_external = true;
    alert(&s, SIDE_SERVER, 40);
    check(&s, "unknown_psk", CONF_LIKELY);
    /* A ticket that the server does not know does not fail a handshake. */
    open_scene(&s);
    s.hs.offer.has_psk = true;
    s.hs.offer.psk_identities = 1;
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judged(&s);
    cr_expect_neq(v->confidence, CONF_LIKELY);
    verdict_free(v);
    hs_free(&s.hs);
}

/* ---- health checks and scanners ---- */

enum fate { GOES_THROUGH, IS_REFUSED, IS_LEFT, OBJECTS };

/* With what it says in its hello, as the judge does. */
static void learn_scene(struct profiles *p, struct handshake *hs)
{
    struct hello_sight hello;
    hello_look(hs, &hello);
    profiles_learn(p, hs, &hello);
}

static void learn_hello(struct profiles *p, uint16_t version, uint16_t suite,
                        tick_t at, enum fate fate)
{
    struct raw_hello h = raw_hello(any_random, &suite, 1, NULL);
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.max_version = version;
    set_hello(&s, &h);
    s.hs.when_hello = NOW + at;
    switch (fate) {
    case GOES_THROUGH:
        server_flight_12(&s);
        finished_12(&s);
        break;
    case IS_REFUSED:
        alert(&s, SIDE_SERVER, 40);
        break;
    case IS_LEFT:
        server_flight_12(&s);
        hs_note(&s.hs, HS_FIN, SIDE_CLIENT, 0, 0, NOW + at + 1, 9);
        break;
    case OBJECTS:
        server_flight_12(&s);
        alert(&s, SIDE_CLIENT, 46);
        break;
    }
    finish(&s);
    learn_scene(p, &s.hs);
    hs_free(&s.hs);
}

/* An ordinary failure at this time, after what p learned. */
static const char *why_harmless(const struct profiles *p, tick_t at)
{
    struct raw_hello h = raw_hello(any_random, suites_old, 4, NULL);
    struct scene s;
    open_scene_12(&s);
    set_hello(&s, &h);
    s.hs.when_hello = NOW + at;
    alert(&s, SIDE_SERVER, 40);
    finish(&s);
    const char *why = harmless_why(p, &s.hs);
    hs_free(&s.hs);
    return why;
}

Test(harmless, scan_of_versions_and_suites)
{
    struct profiles *p = profiles_new();
    for (unsigned i = 0; i < 12; i++) {
        learn_hello(p, (uint16_t)(0x0301 + i % 3), (uint16_t)(0xc009 + i),
                    i * TICK_SEC, i % 4 ? IS_REFUSED : IS_LEFT);
    }
    cr_expect_not_null(why_harmless(p, 5 * TICK_SEC));
    cr_expect_null(why_harmless(p, 3600 * TICK_SEC));
    profiles_free(p);
}

/* One client that retries, or many that mostly succeed, or that all offer the
 * same versions. */
/* Twelve hellos, `pause` apart, of `versions` versions, which fare in turns as
 * fates say: whether they are taken for a scan. */
static bool is_scan(unsigned versions, bool one_kind, tick_t pause,
                    const enum fate fates[4])
{
    struct profiles *p = profiles_new();
    for (unsigned i = 0; i < 12; i++) {
        learn_hello(p, (uint16_t)(0x0304 - i % versions),
                    (uint16_t)(0xc009 + (one_kind ? 0 : i)), i * pause,
                    fates[i % 4]);
    }
    const char *why = why_harmless(p, 5 * pause);
    profiles_free(p);
    return why != NULL;
}

Test(harmless, not_what_clients_do)
{
    static const enum fate mixed[] = {IS_LEFT, IS_REFUSED, IS_REFUSED,
                                      IS_REFUSED};
    static const enum fate mostly_good[] = {IS_REFUSED, GOES_THROUGH,
                                            GOES_THROUGH, GOES_THROUGH};
    static const enum fate outage[] = {IS_REFUSED, IS_REFUSED, IS_REFUSED,
                                       IS_REFUSED};
    static const enum fate distrust[] = {IS_REFUSED, OBJECTS, IS_LEFT, OBJECTS};
    cr_expect(is_scan(3, false, TICK_SEC, mixed));
    cr_expect_not(is_scan(1, true, TICK_SEC, mixed), "one client that retries");
    cr_expect_not(is_scan(3, false, TICK_SEC, mostly_good));
    cr_expect_not(is_scan(2, false, TICK_SEC, mixed), "two versions");
    cr_expect_not(is_scan(3, false, 120 * TICK_SEC, mixed), "no burst");
    cr_expect_not(is_scan(3, false, TICK_SEC, outage), "a server is broken");
    cr_expect_not(is_scan(3, false, TICK_SEC, distrust),
                  "a crowd that judges certificates");
}

/* Whether a hello with this random is harmless after three others. */
static bool is_canned(const char *const randoms[3], bool own_ports,
                      enum side refuses)
{
    struct profiles *p = profiles_new();
    bool canned = false;
    for (unsigned i = 0; i < 4; i++) {
        const char *random = i < 3 ? randoms[i] : any_random;
        struct raw_hello h = raw_hello(random, suites_old, 4, NULL);
        struct scene s;
        open_scene_12(&s);
        set_hello(&s, &h);
        s.hs.addr[SIDE_CLIENT].port = (uint16_t)(40000 + (own_ports ? i : 0));
        alert(&s, refuses, refuses == SIDE_SERVER ? 70 : 48);
        finish(&s);
        canned = harmless_why(p, &s.hs) != NULL;
        learn_scene(p, &s.hs);
        hs_free(&s.hs);
    }
    profiles_free(p);
    return canned;
}

/* A health check that sends recorded bytes; not one connection seen often, and
 * not a client whose randoms differ. */
Test(harmless, the_same_hello_again_and_again)
{
    static const char other[] = "another random of thirty-two byte";
    const char *const same[] = {any_random, any_random, any_random};
    const char *const mixed[] = {any_random, other, any_random};
    cr_expect(is_canned(same, true, SIDE_SERVER));
    cr_expect(!is_canned(same, true, SIDE_CLIENT), "it judges certificates");
    cr_expect(!is_canned(same, false, SIDE_SERVER));
    cr_expect(!is_canned(mixed, true, SIDE_SERVER));
}

Test(harmless, probes_that_sign_their_hello)
{
    static const char haproxy[] = "tttt"
                                  "HAPROXYSSLCHK\nHAPROXYSSLCHK\n";
    static const char nmap[] = "\x55\x1c\xa7\xe4random1random2random3random4";
    const char *const randoms[] = {haproxy, nmap, any_random};
    struct profiles *p = profiles_new();
    for (size_t i = 0; i < COUNT(randoms); i++) {
        struct raw_hello h = raw_hello(randoms[i], suites_old, 4, NULL);
        struct scene s;
        open_scene_12(&s);
        set_hello(&s, &h);
        alert(&s, SIDE_SERVER, 40);
        finish(&s);
        cr_expect_eq(harmless_why(p, &s.hs) != NULL, i < 2, "%zu", i);
        hs_free(&s.hs);
    }
    profiles_free(p);
}

/* A client that went to a proxy at this time: let through and up to TLS, or
 * asked for its password. */
static void visit_proxy(struct scene *s, const char *asked, tick_t at, bool in)
{
    open_scene_12(s);
    if (!in) {
        s->hs.offer = (struct client_offer){0};
        s->hs.events_n = 0;
    }
    s->hs.carrier = "http-connect";
    s->hs.carrier_asked = span_text(asked);
    hs_note(&s->hs, HS_CARRIER, SIDE_CLIENT, 0, 0, NOW + at, 4);
    hs_note(&s->hs, in ? HS_CARRIER_OK : HS_CARRIER_REFUSED, SIDE_SERVER, 0, 0,
            NOW + at, 5);
    if (in) {
        server_flight_12(s);
        finished_12(s);
    } else {
        s->hs.carrier_note = span_text("HTTP/1.1 407 Who are you?");
    }
    finish(s);
}

/* Whether a 407 is harmless when the client was let through `later`. */
static bool is_half_a_login(const char *target, tick_t later)
{
    struct profiles *p = profiles_new();
    struct scene s;
    visit_proxy(&s, target, later, true);
    learn_scene(p, &s.hs);
    hs_free(&s.hs);
    visit_proxy(&s, "CONNECT a.example.test:443", 0, false);
    cr_expect_eq(s.hs.end_state.outcome, OUTCOME_FAILURE);
    bool harmless = harmless_why(p, &s.hs) != NULL;
    cr_expect_neq(harmless, harmless_awaits(p, &s.hs));
    hs_free(&s.hs);
    profiles_free(p);
    return harmless;
}

Test(harmless, first_half_of_a_login_at_a_proxy)
{
    static const char same[] = "CONNECT a.example.test:443";
    cr_expect(is_half_a_login(same, TICK_MSEC));
    cr_expect(is_half_a_login(same, 9 * TICK_SEC));
    cr_expect_not(is_half_a_login(same, 11 * TICK_SEC), "too late");
    cr_expect_not(is_half_a_login(same, -TICK_MSEC), "before");
    cr_expect_not(is_half_a_login("CONNECT b.example.test:443", TICK_MSEC),
                  "another target");
}

/* ---- certificates that parse and are not to be accepted ---- */

static void odd_certificate(struct scene *s)
{
    open_scene_12(s);
    server_flight_12(s);
}

Test(oddities, unknown_critical_extension)
{
    struct scene s;
    odd_certificate(&s);
    s.leaf.unknown_critical = true;
    alert(&s, SIDE_CLIENT, 46);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_rejected");
    cr_expect_eq(v->side, FIX_SERVER);
    cr_expect(text_has(&v->evidence, "marked critical"));
    cr_expect(!text_has(&v->evidence, "nothing is visibly wrong"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* 45 is about the dates, whatever else is odd. */
Test(oddities, not_what_another_code_means)
{
    struct scene s;
    odd_certificate(&s);
    s.leaf.unknown_critical = s.leaf.name_has_nul = true;
    s.leaf.not_after = NOW - DAY;
    alert(&s, SIDE_CLIENT, 45);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_expired");
    cr_expect(!has_alternative(v, "server_certificate_malformed"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(oddities, nul_in_a_name)
{
    struct scene s;
    odd_certificate(&s);
    s.leaf.name_has_nul = true;
    alert(&s, SIDE_CLIENT, 42);
    check(&s, "server_certificate_malformed", CONF_LIKELY);
}

Test(oddities, negative_serial)
{
    struct scene s;
    odd_certificate(&s);
    s.leaf.serial_negative = true;
    alert(&s, SIDE_CLIENT, 42);
    check(&s, "server_certificate_malformed", CONF_LIKELY);
    /* Few look at it, so that another fault comes first. */
    odd_certificate(&s);
    s.leaf.serial_negative = true;
    s.leaf.not_after = NOW - DAY;
    alert(&s, SIDE_CLIENT, 42);
    check_not(&s, "server_certificate_malformed");
}

Test(oddities, must_staple)
{
    struct scene s;
    odd_certificate(&s);
    s.leaf.must_staple = true;
    s.hs.offer.has_status_request = true;
    alert(&s, SIDE_CLIENT, 42);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_rejected");
    cr_expect(text_has(&v->evidence, "must-staple"));
    verdict_free(v);
    hs_free(&s.hs);
    /* Kept, or not asked for. */
    for (int i = 0; i < 2; i++) {
        odd_certificate(&s);
        s.leaf.must_staple = true;
        s.hs.offer.has_status_request = i == 0;
        s.hs.ocsp_staple = i == 0;
        alert(&s, SIDE_CLIENT, 42);
        v = judged(&s);
        cr_expect(!text_has(&v->evidence, "must-staple"));
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* ---- both sides alert ---- */

Test(alerts, the_first_one_decides_and_the_second_is_told)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.not_after = NOW - DAY;
    note(&s, HS_ALERT, SIDE_CLIENT, 2u << 8 | 45, 2);
    note(&s, HS_ALERT, SIDE_SERVER, 2u << 8 | 40, 2);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_expired");
    cr_expect(text_has(&v->evidence,
                       "the server sent the alert handshake_failure (40)"));
    verdict_free(v);
    hs_free(&s.hs);
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.not_after = NOW - DAY;
    alert(&s, SIDE_CLIENT, 45);
    v = judged(&s);
    cr_expect(!text_has(&v->evidence, "a reaction"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* ---- advice for one case of many ---- */

static bool advised(struct scene *s, const char *fix)
{
    struct verdict *v = judged(s);
    bool found = text_has(&v->fix, fix) || text_has(&v->reproduce, fix);
    verdict_free(v);
    hs_free(&s->hs);
    return found;
}

Test(advice_for, expired_intermediate)
{
    struct cert ca = {.not_before = NOW - 90 * DAY, .not_after = NOW - DAY};
    struct cert *chain[2];
    struct scene s;
    for (int i = 0; i < 2; i++) {
        open_scene_12(&s);
        server_flight_12(&s);
        chain[0] = &s.leaf;
        chain[1] = &ca;
        s.hs.server_chain.v = chain;
        s.hs.server_chain.n = 2;
        s.leaf.not_after = i == 0 ? NOW + DAY : NOW - DAY;
        alert(&s, SIDE_CLIENT, 45);
        cr_expect_eq(advised(&s, "-showcerts"), i == 0, "%d", i);
    }
}

static void refuse_starttls(struct scene *s, const char *reply)
{
    open_scene(s);
    s->hs.offer = (struct client_offer){0};
    s->hs.events_n = 2;
    s->hs.carrier = "starttls-smtp";
    s->hs.carrier_note = span_text(reply);
    note(s, HS_CARRIER, SIDE_CLIENT, 0, 10);
    note(s, HS_CARRIER_REFUSED, SIDE_SERVER, 0, 30);
}

Test(advice_for, temporary_and_lasting_refusals)
{
    struct scene s;
    refuse_starttls(&s, "454 4.7.0 TLS not available");
    cr_expect(advised(&s, "the refusal is temporary"));
    refuse_starttls(&s, "502 5.5.1 not implemented");
    cr_expect(!advised(&s, "the refusal is temporary"));
    refuse_starttls(&s, "502 5.5.1 not implemented");
    cr_expect(advised(&s, "the reply to EHLO"));
}

/* ---- the way to TLS ---- */

static bool reaches(const char *asked, const char *host, unsigned port)
{
    struct handshake hs = {.carrier_asked = span_text(asked)};
    struct hs_target t;
    if (!hs_tunnel_target(&hs, &t)) {
        return false;
    }
    return span_eq(t.host, span_text(host)) && t.port == port;
}

Test(way, target_of_a_tunnel)
{
    cr_expect(reaches("CONNECT www.example.test:443", "www.example.test", 443));
    cr_expect(reaches("CONNECT [2001:db8::1]:8443", "2001:db8::1", 8443));
    cr_expect(reaches("CONNECT 192.0.2.1:65535", "192.0.2.1", 65535));
    cr_expect(!reaches("CONNECT www.example.test", "www.example.test", 443));
    cr_expect(!reaches("CONNECT www.example.test:0", "www.example.test", 0));
    cr_expect(!reaches("CONNECT a:65536", "a", 65536));
    cr_expect(!reaches("CONNECT :443", "", 443));
    cr_expect(!reaches("PROXY TCP4 a b 1 443", "a", 443));
}

static const char *way_of(const char *asked)
{
    static char words[256];
    struct handshake hs = {.carrier = "proxy-protocol",
                           .carrier_asked = span_text(asked)};
    snprintf(words, sizeof words, "%s", say_path(&hs).s);
    return words;
}

Test(way, client_of_a_proxy_header)
{
    cr_expect_str_eq(way_of("PROXY TCP4 192.0.2.7 198.51.100.2 5000 443"),
                     "the PROXY header in front names the client: 192.0.2.7 "
                     "port 5000, for 198.51.100.2 port 443");
    cr_expect_str_eq(way_of("PROXY UNKNOWN"),
                     "the PROXY header in front says PROXY UNKNOWN");
    cr_expect_str_eq(way_of(""), "");
}

Test(way, injected_plaintext)
{
    struct handshake hs = {.carrier_request = "STARTTLS (SMTP)",
                           .carrier_injected = {[SIDE_CLIENT] = 6},
                           .carrier_injected_frame = {[SIDE_CLIENT] = 9}};
    struct say said = say_injected(&hs);
    cr_expect(strstr(said.s, "6 bytes of plaintext from the client"));
    cr_expect(strstr(said.s, "frame 9"));
    hs.carrier_injected[SIDE_CLIENT] = 0;
    cr_expect_str_eq(say_injected(&hs).s, "");
}

static const char *verdict_on_starttls(struct scene *s, enum confidence want)
{
    struct judge *j = judge_new(NULL);
    struct verdict *v = judge_after(j, s);
    static char cause[64];
    snprintf(cause, sizeof cause, "%s", v->cause ? v->cause->slug : "");
    cr_expect_eq(v->confidence, want);
    verdict_free(v);
    judge_free(j);
    hs_free(&s->hs);
    return cause;
}

/* That nobody asked makes it a guess; an answer is a proof. */
Test(way, starttls_not_offered_and_refused)
{
    struct scene s;
    refuse_starttls(&s, "502 5.5.1 not implemented");
    cr_expect_str_eq(verdict_on_starttls(&s, CONF_CERTAIN), "starttls_refused");
    refuse_starttls(&s, "");
    s.hs.carrier_not_offered = true;
    cr_expect_str_eq(verdict_on_starttls(&s, CONF_POSSIBLE),
                     "starttls_refused");
}

/* Suites chosen in other versions say nothing when the versions do not meet. */
Test(version, disjoint_versions_come_before_suites)
{
    static const uint16_t suites_12[] = {0xc02f, 0xc030};
    static const uint16_t suites_10[] = {0x002f, 0x000a};
    struct judge *j = judge_new(NULL);
    struct scene s;
    for (size_t i = 0; i < COUNT(suites_12); i++) {
        open_scene_12(&s);
        server_hello(&s, 0x0303, suites_12[i]);
        note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
        verdict_free(judge_after(j, &s));
        hs_free(&s.hs);
    }
    open_scene_12(&s);
    s.hs.offer.max_version = s.hs.offer.min_version = 0x0301;
    s.hs.offer.ciphers = LIST(suites_10);
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judge_after(j, &s);
    cr_expect_str_eq(v->cause->slug, "no_shared_version");
    cr_expect(has_alternative(v, "no_shared_cipher"));
    verdict_free(v);
    hs_free(&s.hs);
    judge_free(j);
}

/* ---- successes that are worth a note ---- */

static struct verdict *judged_success(struct scene *s)
{
    finished_12(s);
    struct verdict *v = judged(s);
    cr_expect_eq(v->outcome, OUTCOME_SUCCESS);
    cr_expect_null(v->cause);
    return v;
}

Test(notes, certificate_that_does_not_fit)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.names[0] = span_text("mail.example.test");
    s.leaf.not_after = NOW - DAY;
    struct verdict *v = judged_success(&s);
    cr_expect(text_has(&v->evidence, "the client asked for www.example.test, "
                                     "and the certificate is for "
                                     "mail.example.test"));
    cr_expect(text_has(&v->evidence, "was valid until 2026-11-24"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(notes, nothing_to_say)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    struct verdict *v = judged_success(&s);
    cr_expect_eq(v->evidence.n, 0u);
    verdict_free(v);
    hs_free(&s.hs);
}

Test(notes, client_certificate)
{
    for (int expired = 0; expired < 2; expired++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        request_certificate(&s);
        client_certificate(&s, false);
        s.client_leaf.not_after = expired ? NOW - DAY : NOW + DAY;
        note(&s, HS_CHANGE_CIPHER_SPEC, SIDE_SERVER, 0, 1);
        note(&s, HS_FINISHED, SIDE_SERVER, 0, 40);
        note(&s, HS_APPLICATION_DATA, SIDE_CLIENT, 0, 100);
        struct verdict *v = judged(&s);
        cr_expect_eq(v->outcome, OUTCOME_SUCCESS);
        cr_expect_eq(text_has(&v->evidence, "the client's certificate"),
                     expired == 1);
        verdict_free(v);
        hs_free(&s.hs);
    }
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    client_certificate(&s, true);
    note(&s, HS_CHANGE_CIPHER_SPEC, SIDE_SERVER, 0, 1);
    note(&s, HS_FINISHED, SIDE_SERVER, 0, 40);
    note(&s, HS_APPLICATION_DATA, SIDE_CLIENT, 0, 100);
    struct verdict *v = judged(&s);
    cr_expect(text_has(&v->evidence, "asked for a client certificate and got "
                                     "none"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* ---- versions before TLS 1.2 have nothing but CBC ---- */

Test(offer, cbc_is_no_news_in_old_versions)
{
    static const uint16_t cbc[] = {0xc009, 0xc013, 0xc00a, 0xc014, 0x33};
    for (uint16_t version = 0x0302; version <= 0x0303; version++) {
        struct scene s;
        open_scene_12(&s);
        s.hs.offer.max_version = s.hs.offer.min_version = version;
        s.hs.offer.ciphers = LIST(cbc);
        alert(&s, SIDE_SERVER, 40);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, version == 0x0302
                                             ? "no_shared_version"
                                             : "no_shared_cipher");
        verdict_free(v);
        hs_free(&s.hs);
    }
}
