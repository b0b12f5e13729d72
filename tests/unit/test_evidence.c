/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence that stands in no message: sizes of protected records, what a chain
 * lacks, hellos of another age, who has to act first. Each with a near miss.
 * Sizes follow RFC 8446 sections 4.4 and 5.2: content + 1 + 16 bytes.
 */
#include "scene.h"

#include "judge/flight.h"

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
    cr_expect_eq(v->alternatives[0].confidence, CONF_LIKELY);
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
