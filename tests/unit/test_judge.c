/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge and its rules: for each family of causes a handshake that shows it
 * and one that comes close and must not. Handshakes are built by hand; what
 * they should mean comes from the RFCs named beside each rule.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "judge/advice.h"
#include "judge/facts.h"
#include "judge/hypothesis.h"
#include "judge/judge.h"
#include "judge/profile.h"
#include "judge/rule_table.h"
#include "judge/stack.h"
#include "scene.h"

/* ---- the engine ---- */

Test(judge, success_has_no_cause)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 40);
    note(&s, HS_CHANGE_CIPHER_SPEC, SIDE_CLIENT, 0, 1);
    note(&s, HS_FINISHED, SIDE_CLIENT, 0, 40);
    note(&s, HS_CHANGE_CIPHER_SPEC, SIDE_SERVER, 0, 1);
    note(&s, HS_FINISHED, SIDE_SERVER, 0, 40);
    note(&s, HS_APPLICATION_DATA, SIDE_CLIENT, 0, 100);
    struct verdict *v = judged(&s);
    cr_expect_eq(v->outcome, OUTCOME_SUCCESS);
    cr_expect_null(v->cause);
    cr_expect_eq(v->alternatives_n, 0);
    verdict_free(v);
    hs_free(&s.hs);
}

Test(judge, nothing_known_is_unclassified)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 40);
    check(&s, "unclassified", CONF_POSSIBLE);
}

Test(judge, ranks_by_confidence_weight_and_order)
{
    struct hypotheses hy;
    struct arena arena;
    arena_init(&arena, LIMIT_VERDICT_BYTES);
    hypotheses_init(&hy, &arena);
    hypothesis_add(&hy, "a", CONF_POSSIBLE, 90);
    hypothesis_add(&hy, "b", CONF_LIKELY, 10);
    hypothesis_add(&hy, "c", CONF_LIKELY, 20);
    hypothesis_add(&hy, "d", CONF_LIKELY, 20);
    hypotheses_rank(&hy);
    cr_expect_str_eq(hy.v[0].cause, "c");
    cr_expect_str_eq(hy.v[1].cause, "d");
    cr_expect_str_eq(hy.v[2].cause, "b");
    cr_expect_str_eq(hy.v[3].cause, "a");
    arena_free(&arena);
}

Test(judge, hypotheses_are_bounded)
{
    struct hypotheses hy;
    struct arena arena;
    arena_init(&arena, LIMIT_VERDICT_BYTES);
    hypotheses_init(&hy, &arena);
    for (unsigned i = 0; i < HYPOTHESES_MAX + 10; i++) {
        struct hypothesis *h = hypothesis_add(&hy, "a", CONF_LIKELY, 1);
        cr_assert_not_null(h);
        hypothesis_reason(h, "reason %u", i);
        for (int k = 0; k < 20; k++) {
            hypothesis_because(h, "because %d", k);
        }
    }
    cr_expect_eq(hy.n, HYPOTHESES_MAX);
    cr_expect_eq(hy.v[0].because.n, BECAUSE_MAX);
    arena_free(&arena);
}

Test(judge, certain_leader_drops_the_merely_possible)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 112);
    struct verdict *v = judged(&s);
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    for (size_t i = 0; i < v->alternatives_n; i++) {
        cr_expect_neq(v->alternatives[i].confidence, CONF_POSSIBLE);
    }
    cr_expect_eq(v->frame_decisive, 4);
    verdict_free(v);
    hs_free(&s.hs);
}

Test(judge, alternatives_are_distinct_and_at_most_five)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judged(&s);
    cr_expect_leq(v->alternatives_n, 5);
    for (size_t i = 0; i < v->alternatives_n; i++) {
        cr_expect_str_neq(v->alternatives[i].cause, v->cause->slug);
        for (size_t k = 0; k < i; k++) {
            cr_expect_str_neq(v->alternatives[i].cause,
                              v->alternatives[k].cause);
        }
    }
    cr_expect_gt(v->fired_n, 2);
    verdict_free(v);
    hs_free(&s.hs);
}

Test(judge, every_rule_has_a_name_and_a_source)
{
    size_t n = 0;
    for (; rules[n]; n++) {
        cr_expect(rules[n]->name && *rules[n]->name);
        cr_expect(rules[n]->source && *rules[n]->source);
        cr_expect_not_null(rules[n]->run);
    }
    cr_expect_geq(n, 29);
}

static const char *const contract[] = {
    "no_shared_version",
    "no_shared_cipher",
    "no_shared_group",
    "no_shared_signature_algorithm",
    "no_shared_application_protocol",
    "inappropriate_fallback",
    "unsafe_renegotiation",
    "weak_dh",
    "insufficient_security",
    "missing_extension",
    "server_certificate_expired",
    "server_certificate_not_yet_valid",
    "server_certificate_self_signed",
    "server_certificate_unknown_issuer",
    "server_certificate_incomplete_chain",
    "server_certificate_name_mismatch",
    "server_certificate_revoked",
    "server_certificate_weak",
    "server_certificate_wrong_usage",
    "server_certificate_malformed",
    "server_certificate_rejected",
    "interception_untrusted",
    "client_certificate_missing",
    "client_certificate_expired",
    "client_certificate_unknown_issuer",
    "client_certificate_rejected",
    "unrecognized_name",
    "sni_missing",
    "server_not_tls",
    "client_not_tls",
    "starttls_refused",
    "proxy_refused",
    "client_hello_unanswered",
    "client_hello_lost",
    "client_hello_reset",
    "connection_tampered",
    "large_client_hello",
    "server_flight_lost",
    "server_closed",
    "client_closed",
    "server_stalled",
    "client_stalled",
    "unknown_psk",
    "ech_required",
    "decode_error",
    "illegal_parameter",
    "unexpected_message",
    "record_overflow",
    "bad_record_mac",
    "decrypt_error",
    "internal_error",
    "access_denied",
    "user_canceled",
    "client_cancelled",
    "unclassified",
};

Test(judge, every_cause_has_its_text)
{
    cr_expect_eq(known_cause_count(), COUNT(contract));
    for (size_t i = 0; i < COUNT(contract); i++) {
        const struct known_cause *c = known_cause(contract[i]);
        cr_assert_not_null(c, "%s", contract[i]);
        cr_expect_str_eq(c->slug, contract[i]);
        cr_expect(*c->sentence);
        cr_expect_not_null(known_seen_as(contract[i], 0), "%s", contract[i]);
        if (c->side != FIX_NONE) {
            cr_expect_not_null(known_fix(contract[i], 0), "%s", contract[i]);
        }
    }
}

/* ---- versions ---- */

static const uint16_t suites_tls10[] = {0x002f, 0x0035, 0xc013, 0xc014};

static void open_old(struct scene *s, uint16_t version)
{
    open_scene_12(s);
    s->hs.offer.max_version = s->hs.offer.min_version = version;
    s->hs.offer.ciphers = LIST(suites_tls10);
    s->hs.offer.signature_algorithms = (struct u16_list){0};
}

Test(version, alert_70)
{
    struct scene s;
    open_old(&s, 0x0302);
    alert(&s, SIDE_SERVER, 70);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "no_shared_version");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect_eq(v->side, FIX_CLIENT);
    cr_expect(text_has(&v->evidence, "TLS 1.1"));
    cr_expect(text_has(&v->evidence, "protocol_version (70)"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(version, certain_when_the_server_chose_higher_elsewhere)
{
    struct judge *j = judge_new(NULL);
    struct scene other, s;
    open_scene(&other);
    server_flight_13(&other);
    finish(&other);
    judge_learn(j, &other.hs);
    hs_free(&other.hs);

    open_old(&s, 0x0302);
    alert(&s, SIDE_SERVER, 70);
    struct verdict *v = judge_in(j, &s);
    cr_expect_str_eq(v->cause->slug, "no_shared_version");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect(text_has(&v->evidence, "chose TLS 1.3"));
    verdict_free(v);
    hs_free(&s.hs);
    judge_free(j);
}

Test(version, client_refuses_the_choice)
{
    struct scene s;
    open_scene(&s);
    server_hello(&s, 0x0301, 0xc013);
    alert(&s, SIDE_CLIENT, 70);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "no_shared_version");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect_eq(v->side, FIX_SERVER);
    verdict_free(v);
    hs_free(&s.hs);
}

Test(version, only_tls13_refused_with_40)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.versions = LIST(versions_only13);
    s.hs.offer.min_version = 0x0304;
    alert(&s, SIDE_SERVER, 40);
    check(&s, "no_shared_version", CONF_POSSIBLE);
}

Test(version, security_level_says_80_to_old_offers)
{
    struct scene s;
    open_old(&s, 0x0302);
    alert(&s, SIDE_SERVER, 80);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "no_shared_version");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect_eq(v->side, FIX_CLIENT);
    cr_expect(text_has(&v->evidence, "security level"));
    verdict_free(v);
    hs_free(&s.hs);
    open_scene_12(&s);
    alert(&s, SIDE_SERVER, 80);
    check(&s, "internal_error", CONF_LIKELY);
}

Test(version, security_level_is_none_where_old_versions_were_taken)
{
    struct judge *j = judge_new(NULL);
    struct scene other, s;
    open_old(&other, 0x0302);
    server_flight_12(&other);
    other.hs.version = other.hs.choice.version = 0x0302;
    finish(&other);
    judge_learn(j, &other.hs);
    hs_free(&other.hs);

    open_old(&s, 0x0302);
    alert(&s, SIDE_SERVER, 80);
    struct verdict *v = judge_in(j, &s);
    cr_expect_str_eq(v->cause->slug, "internal_error");
    verdict_free(v);
    hs_free(&s.hs);
    judge_free(j);
}

Test(scheme, none_named_in_tls12_stands_for_sha1)
{
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.signature_algorithms = (struct u16_list){0};
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "no_shared_signature_algorithm");
    cr_expect_eq(v->side, FIX_CLIENT);
    verdict_free(v);
    hs_free(&s.hs);
    /* Older versions have no such extension. */
    open_old(&s, 0x0301);
    alert(&s, SIDE_SERVER, 40);
    check_not(&s, "no_shared_signature_algorithm");
}

Test(scheme, ecdsa_alone_answered_by_a_close)
{
    static const uint16_t ecdsa[] = {0x0403};
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.signature_algorithms = LIST(ecdsa);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "no_shared_signature_algorithm", CONF_LIKELY);
    open_scene_12(&s);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "server_closed", CONF_LIKELY);
}

Test(version, modern_offer_refused_with_40_is_no_version_problem)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    check_not(&s, "no_shared_version");
}

/* ---- suites, groups, schemes ---- */

Test(cipher, only_disabled_suites)
{
    static const uint16_t weak[] = {0x0005, 0x0004, 0x000a};
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.ciphers = LIST(weak);
    alert(&s, SIDE_SERVER, 40);
    check(&s, "no_shared_cipher", CONF_LIKELY);
}

Test(cipher, ordinary_offer_is_only_possible)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    check(&s, "no_shared_cipher", CONF_POSSIBLE);
}

Test(cipher, not_when_the_server_chose_one_of_them_elsewhere)
{
    struct judge *j = judge_new(NULL);
    struct scene other, s;
    open_scene_12(&other);
    server_hello(&other, 0x0303, 0xc02f);
    finish(&other);
    judge_learn(j, &other.hs);
    hs_free(&other.hs);
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judge_in(j, &s);
    cr_expect_str_neq(v->cause->slug, "no_shared_cipher");
    cr_expect(!has_alternative(v, "no_shared_cipher"));
    verdict_free(v);
    hs_free(&s.hs);
    judge_free(j);
}

Test(group, only_exotic_groups)
{
    static const uint16_t exotic[] = {0x001e, 0x001a};
    struct scene s;
    open_scene(&s);
    s.hs.offer.groups = LIST(exotic);
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "no_shared_group");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(text_has(&v->evidence, "x448"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(group, java_says_10)
{
    static const uint16_t exotic[] = {0x001e};
    struct scene s;
    open_scene(&s);
    s.hs.offer.groups = LIST(exotic);
    alert(&s, SIDE_SERVER, 10);
    check(&s, "no_shared_group", CONF_LIKELY);
}

Test(group, ordinary_groups_with_10_are_not)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 10);
    check(&s, "unexpected_message", CONF_LIKELY);
}

/* Mbed TLS looks for a group only when it needs one. */
static bool may_lack_group(uint16_t suite, bool key_exchange)
{
    struct scene s;
    open_scene_12(&s);
    server_hello(&s, 0x0303, suite);
    note(&s, HS_CERTIFICATE, SIDE_SERVER, 0, 900);
    if (key_exchange) {
        note(&s, HS_SERVER_KEY_EXCHANGE, SIDE_SERVER, 0, 300);
    }
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    s.hs.fin_seen[SIDE_SERVER] = true;
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_closed");
    bool may = has_alternative(v, "no_shared_group");
    verdict_free(v);
    hs_free(&s.hs);
    return may;
}

Test(group, closed_where_the_key_exchange_is_due)
{
    cr_expect(may_lack_group(0xc02f, false));
    cr_expect(!may_lack_group(0xc02f, true));
    cr_expect(!may_lack_group(0x009c, false)); /* RSA needs none */
}

/* The verdict on an offer with these schemes, refused with 40 by a server that
 * chose `suite` for another client, which offered up to `most`. */
static struct verdict *refused_schemes(struct u16_list schemes, uint16_t suite,
                                       uint16_t most)
{
    struct judge *j = judge_new(NULL);
    struct scene s;
    if (suite) {
        open_scene_12(&s);
        s.hs.hello_version = most;
        server_hello(&s, 0x0303, suite);
        finish(&s);
        judge_learn(j, &s.hs);
        hs_free(&s.hs);
    }
    open_scene(&s);
    s.hs.offer.versions = LIST(versions_only13);
    s.hs.offer.min_version = 0x0304;
    s.hs.offer.signature_algorithms = schemes;
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judge_in(j, &s);
    hs_free(&s.hs);
    judge_free(j);
    return v;
}

static void expect_refused(struct verdict *v, const char *cause,
                           enum confidence c)
{
    cr_expect_str_eq(v->cause->slug, cause);
    cr_expect_eq(v->confidence, c);
    verdict_free(v);
}

static const uint16_t schemes_rsa[] = {0x0804, 0x0805};

Test(scheme, a_key_shown_elsewhere_cannot_sign)
{
    static const uint16_t ecdsa[] = {0x0403, 0x0804};
    const char *scheme = "no_shared_signature_algorithm";
    struct verdict *v = refused_schemes(LIST(schemes_rsa), 0xc02b, 0x0303);
    cr_expect(text_has(&v->evidence, "used an ECDSA certificate"));
    expect_refused(v, scheme, CONF_LIKELY);
    v = refused_schemes(LIST(ecdsa), 0xc02b, 0x0303);
    cr_expect_str_neq(v->cause->slug, scheme);
    verdict_free(v);
    v = refused_schemes(LIST(schemes_rsa), 0xc02f, 0x0303);
    cr_expect_str_neq(v->cause->slug, scheme);
    verdict_free(v);
}

Test(scheme, odd_in_an_offer_that_is_ordinary_otherwise)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.signature_algorithms = LIST(schemes_rsa);
    alert(&s, SIDE_SERVER, 40);
    check(&s, "no_shared_signature_algorithm", CONF_POSSIBLE);
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    check(&s, "no_shared_cipher", CONF_POSSIBLE);
}

/* TLS 1.2 chosen for a client that has no more says nothing of TLS 1.3. */
Test(version, lower_by_the_servers_choice_or_the_clients)
{
    static const uint16_t all[] = {0x0403, 0x0804};
    struct verdict *v = refused_schemes(LIST(all), 0xc02b, 0x0304);
    expect_refused(v, "no_shared_version", CONF_LIKELY);
    v = refused_schemes(LIST(all), 0xc02b, 0x0303);
    expect_refused(v, "no_shared_version", CONF_POSSIBLE);
}

/* TLS 1.3's suites, chosen for others, say nothing of a client without it. */
Test(cipher, suites_of_another_version_do_not_count)
{
    struct judge *j = judge_new(NULL);
    struct scene s;
    open_scene(&s);
    server_flight_13(&s);
    finish(&s);
    judge_learn(j, &s.hs);
    hs_free(&s.hs);
    open_scene_12(&s);
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judge_in(j, &s);
    cr_expect_eq(v->confidence, CONF_POSSIBLE);
    cr_expect(!text_has(&v->evidence, "TLS_AES_128_GCM_SHA256, which"));
    verdict_free(v);
    hs_free(&s.hs);
    judge_free(j);
}

Test(scheme, only_ecdsa)
{
    static const uint16_t ecdsa[] = {0x0403};
    struct scene s;
    open_scene(&s);
    s.hs.offer.signature_algorithms = LIST(ecdsa);
    alert(&s, SIDE_SERVER, 40);
    check(&s, "no_shared_signature_algorithm", CONF_LIKELY);
}

Test(scheme, encrypted_refusal_after_server_hello)
{
    static const uint16_t ecdsa[] = {0x0403};
    struct scene s;
    open_scene(&s);
    s.hs.offer.signature_algorithms = LIST(ecdsa);
    server_hello(&s, 0x0304, 0x1301);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 19);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    s.hs.fin_seen[SIDE_SERVER] = true;
    check(&s, "no_shared_signature_algorithm", CONF_LIKELY);
}

Test(scheme, both_kinds_offered_are_not_to_blame)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    check_not_leading(&s, "no_shared_signature_algorithm");
}

/* ---- ALPN, SNI ---- */

Test(alpn, alert_120)
{
    struct span grpc[] = {span_text("grpc-exp")};
    struct scene s;
    open_scene(&s);
    s.hs.offer.alpn = (struct span_list){grpc, 1, true};
    alert(&s, SIDE_SERVER, 120);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "no_shared_application_protocol");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect(text_has(&v->evidence, "grpc-exp"));
    cr_expect(text_has(&v->reproduce, "-alpn grpc-exp"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(alpn, not_offered_and_40)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    check_not(&s, "no_shared_application_protocol");
}

Test(sni, alert_112_with_a_name)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 112);
    check(&s, "unrecognized_name", CONF_CERTAIN);
}

Test(sni, alert_112_without_a_name)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.has_sni = false;
    s.hs.offer.sni = (struct span){0};
    alert(&s, SIDE_SERVER, 112);
    check(&s, "sni_missing", CONF_CERTAIN);
}

Test(sni, rustls_says_49_without_a_name)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.has_sni = false;
    alert(&s, SIDE_SERVER, 49);
    check(&s, "sni_missing", CONF_LIKELY);
}

Test(sni, a_name_was_sent)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 80);
    check_not(&s, "sni_missing");
}

Test(sni, callback_without_a_name)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.has_sni = false;
    alert(&s, SIDE_SERVER, 80);
    check(&s, "sni_missing", CONF_LIKELY);
}

/* Old hellos meet 80 over their signatures. */
Test(sni, old_hello_without_a_name)
{
    struct scene s;
    open_old(&s, 0x0301);
    s.hs.offer.has_sni = false;
    alert(&s, SIDE_SERVER, 80);
    check_not_leading(&s, "sni_missing");
}

/* ---- fallback, renegotiation, DH, security level ---- */

Test(fallback, alert_86_with_the_mark)
{
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.has_fallback_scsv = true;
    alert(&s, SIDE_SERVER, 86);
    check(&s, "inappropriate_fallback", CONF_CERTAIN);
}

Test(fallback, alert_86_without_the_mark)
{
    struct scene s;
    open_scene_12(&s);
    alert(&s, SIDE_SERVER, 86);
    check(&s, "inappropriate_fallback", CONF_LIKELY);
}

/* A retry may fail for another reason. */
Test(fallback, the_mark_alone_claims_nothing)
{
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.has_fallback_scsv = true;
    alert(&s, SIDE_SERVER, 40);
    check_not(&s, "inappropriate_fallback");
}

Test(extension, another_alert_claims_nothing)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.groups = (struct u16_list){0};
    alert(&s, SIDE_SERVER, 50);
    check_not(&s, "missing_extension");
}

Test(fallback, sentinel_means_tampering_when_13_was_offered)
{
    struct scene s;
    open_scene(&s);
    server_hello(&s, 0x0303, 0xc02f);
    s.hs.choice.downgrade = 0x0303;
    alert(&s, SIDE_CLIENT, 47);
    check(&s, "connection_tampered", CONF_LIKELY);
}

Test(fallback, no_sentinel_no_claim)
{
    struct scene s;
    open_scene(&s);
    server_hello(&s, 0x0303, 0xc02f);
    alert(&s, SIDE_CLIENT, 47);
    check(&s, "illegal_parameter", CONF_LIKELY);
}

/* A suite for ECDSA, and a certificate with an RSA key (Pike's servers). */
Test(alert_meaning, the_suite_does_not_fit_the_certificate)
{
    static const struct {
        uint16_t suite, alert;
        enum cert_key key;
        enum confidence confidence;
    } rows[] = {
        {0xc02c, 47, KEY_RSA, CONF_CERTAIN},
        {0xc030, 47, KEY_EC, CONF_CERTAIN},
        {0xc02c, 47, KEY_RSA_PSS, CONF_CERTAIN},
        {0xc030, 47, KEY_ED25519, CONF_CERTAIN},
        {0x009d, 47, KEY_EC, CONF_CERTAIN}, /* static RSA */
        {0xc02c, 43, KEY_RSA, CONF_LIKELY},
        {0xc02c, 47, KEY_EC, CONF_LIKELY},      /* fits */
        {0xc02c, 47, KEY_ED25519, CONF_LIKELY}, /* RFC 8422 section 2.1 */
        {0xc030, 47, KEY_RSA_PSS, CONF_LIKELY}, /* RFC 8446 section 4.2.3 */
        {0xc032, 47, KEY_EC, CONF_LIKELY},      /* ECDH_RSA: the issuer's key */
        {0xc019, 47, KEY_EC, CONF_LIKELY},      /* anonymous */
        {0x00ad, 47, KEY_EC, CONF_LIKELY},      /* RSA_PSK: another rule's */
        {0xc02c, 47, KEY_OTHER, CONF_LIKELY},   /* not known */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        s.hs.choice.cipher = rows[i].suite;
        uint16_t offered[] = {rows[i].suite};
        s.hs.offer.ciphers = LIST(offered);
        s.leaf.key = rows[i].key;
        alert(&s, SIDE_CLIENT, rows[i].alert);
        check(&s, "illegal_parameter", rows[i].confidence);
    }
}

/* What we did not see of the flight may have been another certificate. */
Test(alert_meaning, the_suite_does_not_fit_what_was_seen)
{
    for (int late = 0; late < 2; late++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        static const uint16_t offered[] = {0xc02c};
        s.hs.choice.cipher = offered[0];
        s.hs.offer.ciphers = LIST(offered);
        if (late) { /* it had taken the certificate */
            note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 0);
        } else {
            s.hs.dir[SIDE_SERVER].gap_bytes = 100;
            note(&s, HS_GAP, SIDE_SERVER, 100, 0);
        }
        alert(&s, SIDE_CLIENT, 47);
        struct verdict *v = judged(&s);
        cr_expect(v->confidence != CONF_CERTAIN, "%s", v->cause->slug);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* A key agreed outside of TLS, and a server that closes: perhaps over it. */
Test(psk, closed_without_an_alert)
{
    for (int external = 0; external < 2; external++) {
        struct scene s;
        open_scene(&s);
        s.hs.offer.has_psk = true;
        s.hs.offer.psk_external = external;
        note(&s, HS_FIN, SIDE_SERVER, 0, 0);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, "server_closed");
        cr_expect_eq(has_alternative(v, "unknown_psk"), external);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* Behind an empty certificate these can mean nothing else; what is about keys
 * and Finished can (node-forge says 47). */
Test(client_certificate, other_words_for_none)
{
    static const struct {
        unsigned alert;
        const char *cause;
    } rows[] = {{47, "client_certificate_missing"},
                {43, "client_certificate_missing"},
                {48, "client_certificate_missing"},
                {51, "decrypt_error"},
                {20, "bad_record_mac"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        request_certificate(&s);
        client_certificate(&s, true);
        alert(&s, SIDE_SERVER, rows[i].alert);
        check(&s, rows[i].cause, CONF_LIKELY);
    }
}

/* A client that cannot answer a CertificateRequest, not even with nothing. */
Test(client_certificate, the_request_is_passed_over)
{
    enum { SKIPS, ANSWERS, UNASKED, BLIND, CASES };
    for (int i = 0; i < CASES; i++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        if (i != UNASKED) {
            request_certificate(&s);
        }
        if (i == BLIND) {
            s.hs.dir[SIDE_CLIENT].gap_bytes = 10;
            note(&s, HS_GAP, SIDE_CLIENT, 10, 0);
        }
        if (i == ANSWERS) {
            client_certificate(&s, true);
        } else {
            note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 40);
        }
        alert(&s, SIDE_SERVER, 10);
        struct verdict *v = judged(&s);
        bool certain = strcmp(v->cause->slug, "unexpected_message") == 0 &&
                       v->confidence == CONF_CERTAIN;
        cr_expect_eq(certain, i == SKIPS, "%d", i);
        cr_expect(i != SKIPS || v->side == FIX_CLIENT);
        cr_expect(i != SKIPS ||
                  has_alternative(v, "client_certificate_missing"));
        verdict_free(v);
        hs_free(&s.hs);
    }
}

Test(renegotiation, server_hello_lacks_it)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.choice.has_renegotiation_info = false;
    alert(&s, SIDE_CLIENT, 40);
    check(&s, "unsafe_renegotiation", CONF_CERTAIN);
}

Test(renegotiation, not_in_tls13)
{
    struct scene s;
    open_scene(&s);
    server_hello(&s, 0x0304, 0x1301);
    s.hs.choice.has_renegotiation_info = false;
    alert(&s, SIDE_CLIENT, 40);
    check_not(&s, "unsafe_renegotiation");
}

static void dh_scene(struct scene *s, uint16_t bits)
{
    open_scene_12(s);
    server_flight_12(s);
    s->hs.choice.cipher = 0x009e;
    s->hs.ske = (struct key_exchange){.seen = true,
                                      .is_dh = true,
                                      .group = UNSEEN_U16,
                                      .dh_bits = bits,
                                      .signature = 0x0401};
}

Test(weak_dh, prime_of_768_bits)
{
    struct scene s;
    dh_scene(&s, 768);
    alert(&s, SIDE_CLIENT, 40);
    check(&s, "weak_dh", CONF_CERTAIN);
}

Test(weak_dh, prime_of_1024_bits)
{
    struct scene s;
    dh_scene(&s, 1024);
    alert(&s, SIDE_CLIENT, 40);
    check(&s, "weak_dh", CONF_LIKELY);
}

Test(weak_dh, prime_of_2048_bits_is_fine)
{
    struct scene s;
    dh_scene(&s, 2048);
    alert(&s, SIDE_CLIENT, 40);
    check_not(&s, "weak_dh");
}

Test(security, openssl_3_refuses_sha1)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.choice.version = s.hs.version = 0x0301;
    alert(&s, SIDE_CLIENT, 80);
    check(&s, "insufficient_security", CONF_LIKELY);
}

Test(security, same_alert_in_tls12_is_internal)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 80);
    check(&s, "internal_error", CONF_LIKELY);
}

Test(security, alert_71_of_the_server)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 71);
    check(&s, "insufficient_security", CONF_LIKELY);
}

/* Erlang says 71 where others say 40. */
Test(security, alert_71_to_an_odd_offer)
{
    static uint16_t suites[] = {0x0018}; /* DH_anon_WITH_RC4_128_MD5 */
    struct scene s;
    open_scene(&s);
    s.hs.offer.ciphers = (struct u16_list){.seen = true, .v = suites, .n = 1};
    alert(&s, SIDE_SERVER, 71);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "no_shared_cipher");
    cr_expect(has_alternative(v, "insufficient_security"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(extension, alert_109)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.groups = (struct u16_list){0};
    alert(&s, SIDE_SERVER, 109);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "missing_extension");
    cr_expect(text_has(&v->evidence, "supported_groups"));
    cr_expect(!text_has(&v->evidence, "no signature_algorithms"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(psk, alert_115)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 115);
    check(&s, "unknown_psk", CONF_CERTAIN);
}

Test(psk, bad_binder)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.has_psk = true;
    s.hs.offer.psk_identities = 1;
    alert(&s, SIDE_SERVER, 47);
    check(&s, "unknown_psk", CONF_LIKELY);
}

Test(psk, nothing_offered)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 47);
    check(&s, "illegal_parameter", CONF_LIKELY);
}

Test(ech, alert_121)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.has_ech = true;
    server_flight_13(&s);
    alert(&s, SIDE_CLIENT, 121);
    check(&s, "ech_required", CONF_CERTAIN);
}

Test(ech, other_alert_with_ech_offered)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.has_ech = true;
    alert(&s, SIDE_SERVER, 40);
    check_not(&s, "ech_required");
}

/* ---- the server's certificate ---- */

Test(certificate, expired_and_said_so)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.not_after = NOW - 12 * DAY;
    alert(&s, SIDE_CLIENT, 45);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_expired");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect_eq(v->side, FIX_SERVER);
    cr_expect_str_eq(v->reason, "the server's certificate expired 12 days ago "
                                "(on 2026-11-13)");
    cr_expect(text_has(&v->fix, "nginx: "));
    cr_expect(text_has(&v->reproduce, "-servername www.example.test"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, expired_and_generic_alert)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.not_after = NOW - DAY;
    alert(&s, SIDE_CLIENT, 46);
    check(&s, "server_certificate_expired", CONF_CERTAIN);
}

Test(certificate, expired_and_silent)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.not_after = NOW - DAY;
    note(&s, HS_RST, SIDE_CLIENT, 0, 0);
    s.hs.rst_seen[SIDE_CLIENT] = true;
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_expired");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(has_alternative(v, "client_closed"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, alert_45_and_in_date_is_the_clients_clock)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 45);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_expired");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect_eq(v->side, FIX_CLIENT);
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, expired_but_the_server_objected)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.not_after = NOW - DAY;
    note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 40);
    alert(&s, SIDE_SERVER, 80);
    check_not(&s, "server_certificate_expired");
}

Test(certificate, not_yet_valid)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.not_before = NOW + 3 * DAY + DAY / 2;
    alert(&s, SIDE_CLIENT, 42);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_not_yet_valid");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect(strstr(v->reason, "in 3 days"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* Where the capture has no clock, no date is judged by it. */
Test(certificate, not_yet_valid_in_1970)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.when_hello = s.hs.first = 5 * TICK_SEC;
    alert(&s, SIDE_CLIENT, 42);
    check_not(&s, "server_certificate_not_yet_valid");
}

Test(certificate, hidden_with_readable_45)
{
    struct scene s;
    open_scene(&s);
    server_flight_13(&s);
    alert(&s, SIDE_CLIENT, 45);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_expired");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(has_alternative(v, "server_certificate_not_yet_valid"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, self_signed)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.self_issued = s.leaf.self_signed = true;
    alert(&s, SIDE_CLIENT, 48);
    check(&s, "server_certificate_self_signed", CONF_CERTAIN);
}

Test(certificate, not_self_signed_with_48)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 48);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_unknown_issuer");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(!has_alternative(v, "server_certificate_self_signed"));
    cr_expect(has_alternative(v, "server_certificate_incomplete_chain"));
    cr_expect(text_has(&v->evidence, "Example CA"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* Runs one rule on facts with a given trust result. */
static struct hypothesis best_of(const struct rule *rule, struct scene *s,
                                 const struct trust_result *trust,
                                 unsigned faults)
{
    finish(s);
    struct facts f;
    facts_derive(&f, &s->hs, NULL, NULL);
    f.trust = *trust;
    f.faults |= faults;
    struct hypotheses hy;
    struct arena arena;
    arena_init(&arena, LIMIT_VERDICT_BYTES);
    hypotheses_init(&hy, &arena);
    hy.rule = rule;
    rule->run(&f, &hy);
    hypotheses_rank(&hy);
    struct hypothesis best = {.cause = "none"};
    if (hy.n) {
        best = hy.v[0];
        best.reason = NULL;
        best.because = (struct text_list){0};
    }
    arena_free(&arena);
    hs_free(&s->hs);
    return best;
}

extern const struct rule certificate_trust_rule;
extern const struct rule certificate_name_rule;

Test(certificate, incomplete_chain_that_could_be_completed)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 48);
    struct trust_result t = {.state = TRUST_INCOMPLETE, .completable = true};
    struct hypothesis h =
        best_of(&certificate_trust_rule, &s, &t, FAULT_INCOMPLETE);
    cr_expect_str_eq(h.cause, "server_certificate_incomplete_chain");
    cr_expect_eq(h.confidence, CONF_CERTAIN);
}

extern const struct rule certificate_elsewhere_rule;

/* A hidden certificate that was turned down by an encrypted alert, where
 * another connection showed one with its chain like this. */
static struct hypothesis shown_elsewhere(bool incomplete, bool untrusted,
                                         uint32_t successes_here)
{
    struct scene s;
    open_scene(&s);
    server_flight_13(&s);
    note(&s, HS_PROTECTED, SIDE_CLIENT, 0, 19);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    finish(&s);
    struct facts f;
    facts_derive(&f, &s.hs, NULL, NULL);
    cr_assert_eq(f.objection, OBJECTION_HIDDEN);
    f.client.successes_here = successes_here;
    f.name.leaf = (struct seen_leaf){.seen = true,
                                     .name_fits = true,
                                     .usage_fits = true,
                                     .incomplete = incomplete,
                                     .untrusted = untrusted,
                                     .issuer = "Example CA",
                                     .version = 0x0303,
                                     .not_before = NOW - DAY,
                                     .not_after = NOW + DAY};
    struct hypotheses hy;
    struct arena arena;
    arena_init(&arena, LIMIT_VERDICT_BYTES);
    hypotheses_init(&hy, &arena);
    hy.rule = &certificate_elsewhere_rule;
    certificate_elsewhere_rule.run(&f, &hy);
    struct hypothesis best = {.cause = "none"};
    if (hy.n) {
        cr_expect(text_has(&hy.v[0].because, "\"Example CA\""));
        best.cause = hy.v[0].cause;
        best.confidence = hy.v[0].confidence;
    }
    arena_free(&arena);
    hs_free(&s.hs);
    return best;
}

Test(certificate, chain_that_another_connection_showed)
{
    struct hypothesis h = shown_elsewhere(true, false, 0);
    cr_expect_str_eq(h.cause, "server_certificate_incomplete_chain");
    cr_expect_eq(h.confidence, CONF_LIKELY);
    h = shown_elsewhere(false, true, 0);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_LIKELY);
    /* The client got through before: it knows the issuer. */
    h = shown_elsewhere(true, false, 3);
    cr_expect_eq(h.confidence, CONF_POSSIBLE);
    h = shown_elsewhere(false, false, 0);
    cr_expect_str_eq(h.cause, "none");
}

Test(certificate, missing_issuer_that_nobody_knows)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 48);
    struct trust_result t = {.state = TRUST_INCOMPLETE};
    struct hypothesis h =
        best_of(&certificate_trust_rule, &s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_LIKELY);
}

Test(certificate, chain_trusted_here_but_not_by_the_client)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 48);
    struct trust_result t = {.state = TRUST_OK};
    struct hypothesis h = best_of(&certificate_trust_rule, &s, &t, 0);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_LIKELY);
    cr_expect(h.has_side && h.side == FIX_CLIENT);
}

Test(certificate, signature_that_does_not_verify)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 48);
    struct trust_result t = {.state = TRUST_BAD_SIGNATURE};
    struct hypothesis h = best_of(&certificate_trust_rule, &s, &t, 0);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.side, FIX_SERVER);
}

Test(certificate, chain_that_breaks_a_rule)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 46);
    struct trust_result t = {.state = TRUST_OTHER, .why = "path too long"};
    struct hypothesis h = best_of(&certificate_trust_rule, &s, &t, 0);
    cr_expect_str_eq(h.cause, "server_certificate_rejected");
    cr_expect_eq(h.side, FIX_SERVER);
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 46);
    extern const struct rule certificate_rejected_rule;
    h = best_of(&certificate_rejected_rule, &s, &t, 0);
    cr_expect(!h.has_side, "nothing is in order with it");
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 46);
    t.state = TRUST_OK;
    h = best_of(&certificate_rejected_rule, &s, &t, 0);
    cr_expect(h.has_side && h.side == FIX_CLIENT);
}

/* What Java means by 43, and OpenSSL. */
Test(certificate, forbidden_by_javas_rules)
{
    static const uint16_t java[] = {5, 10, 13, 17, 23, 43, 51};
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.extensions = LIST(java);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 43);
    check(&s, "server_certificate_weak", CONF_LIKELY);
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 43);
    check_not(&s, "server_certificate_weak");
    open_scene_12(&s);
    s.hs.offer.extensions = LIST(java);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 46);
    check_not(&s, "server_certificate_weak");
}

Test(certificate, openssl_may_mean_its_revocation_list)
{
    static const unsigned codes[] = {45, 48};
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct scene s;
        struct trust_result t = {.state = TRUST_OK};
        open_scene_12(&s);
        server_flight_12(&s);
        alert(&s, SIDE_CLIENT, codes[i]);
        finish(&s);
        struct facts f;
        facts_derive(&f, &s.hs, NULL, NULL);
        f.trust = t;
        for (int openssl = 0; openssl < 2; openssl++) {
            struct hypotheses hy;
            struct arena arena;
            arena_init(&arena, LIMIT_VERDICT_BYTES);
            hypotheses_init(&hy, &arena);
            f.client_stack = openssl ? STACK_OPENSSL : STACK_GO;
            for (size_t k = 0; rules[k]; k++) {
                rules[k]->run(&f, &hy);
            }
            hypotheses_rank(&hy);
            cr_assert_gt(hy.n, 0u);
            cr_expect_eq(text_has(&hy.v[0].because, "(CRL)"), openssl == 1);
            arena_free(&arena);
        }
        hs_free(&s.hs);
    }
}

Test(certificate, unknown_issuer_and_silence_is_only_possible)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    struct trust_result t = {.state = TRUST_UNKNOWN_ISSUER};
    struct hypothesis h =
        best_of(&certificate_trust_rule, &s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_POSSIBLE);
}

Test(certificate, for_another_name)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.names[0] = span_text("other.example.test");
    alert(&s, SIDE_CLIENT, 42);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_name_mismatch");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect_str_eq(v->reason, "the server's certificate is for "
                                "other.example.test, not for www.example.test");
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, wildcard_fits)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.names[0] = span_text("*.example.test");
    alert(&s, SIDE_CLIENT, 42);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_rejected");
    cr_expect(!has_alternative(v, "server_certificate_name_mismatch"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* An address in the URL: no server name is sent (RFC 6066 section 3). */
Test(certificate, without_the_address_asked_for)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.offer.has_sni = false;
    alert(&s, SIDE_CLIENT, 46);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_name_mismatch");
    cr_expect_str_eq(v->reason, "the server's certificate is for "
                                "www.example.test, not for the address "
                                "198.51.100.5");
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, with_the_address_asked_for)
{
    static const uint8_t ip[4] = {198, 51, 100, 5};
    struct span address = span_of(ip, sizeof ip);
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.ip = (struct span_list){&address, 1, true};
    s.hs.offer.has_sni = false;
    alert(&s, SIDE_CLIENT, 46);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_rejected");
    cr_expect(!has_alternative(v, "server_certificate_name_mismatch"));
    verdict_free(v);
    hs_free(&s.hs);
}

static void looks_like_go(struct scene *s)
{
    s->hs.offer.has_sct = true;
    s->hs.offer.has_status_request = true;
    s->hs.offer.has_renegotiation_info = true;
}

/* What leads among all rules, with a given trust result. */
static struct hypothesis leader(struct scene *s, const struct trust_result *t,
                                unsigned faults)
{
    finish(s);
    struct facts f;
    facts_derive(&f, &s->hs, NULL, NULL);
    f.trust = *t;
    f.faults |= faults;
    f.faults_n = (unsigned)__builtin_popcount(f.faults);
    struct hypotheses hy;
    struct arena arena;
    arena_init(&arena, LIMIT_VERDICT_BYTES);
    hypotheses_init(&hy, &arena);
    for (size_t i = 0; rules[i]; i++) {
        hy.rule = rules[i];
        rules[i]->run(&f, &hy);
    }
    hypotheses_rank(&hy);
    cr_assert_gt(hy.n, 0u);
    struct hypothesis best = {.cause = hy.v[0].cause,
                              .confidence = hy.v[0].confidence};
    arena_free(&arena);
    hs_free(&s->hs);
    return best;
}

static void open_refused_by_go(struct scene *s, unsigned code)
{
    open_scene_12(s);
    looks_like_go(s);
    server_flight_12(s);
    alert(s, SIDE_CLIENT, code);
}

/* That a root is unknown here says nothing of the client's roots; what is wrong
 * with the certificates themselves comes first. */
Test(certificate, own_fault_before_a_root_that_is_unknown_here)
{
    struct scene s;
    struct trust_result t = {.state = TRUST_INCOMPLETE, .ca_expired = true};
    open_refused_by_go(&s, 42);
    struct hypothesis h =
        leader(&s, &t, FAULT_UNKNOWN_ISSUER | FAULT_CA_EXPIRED);
    cr_expect_str_eq(h.cause, "server_certificate_expired");
    cr_expect_eq(h.confidence, CONF_LIKELY);
    /* A CA certificate beside the chain has expired: it is not needed. */
    t.ca_expired = false;
    open_refused_by_go(&s, 42);
    h = leader(&s, &t, FAULT_UNKNOWN_ISSUER | FAULT_CA_EXPIRED);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    /* The client itself says that it is about the issuer. */
    t.ca_expired = true;
    open_refused_by_go(&s, 48);
    h = leader(&s, &t, FAULT_UNKNOWN_ISSUER | FAULT_CA_EXPIRED);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
}

Test(certificate, broken_rule_before_a_root_that_is_unknown_here)
{
    struct scene s;
    struct trust_result t = {.state = TRUST_UNKNOWN_ISSUER,
                             .violation = "a rule (name constraints)"};
    open_refused_by_go(&s, 42);
    struct hypothesis h = leader(&s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_rejected");
    cr_expect_eq(h.confidence, CONF_LIKELY);
    open_refused_by_go(&s, 48);
    h = leader(&s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_LIKELY,
                 "48 may be about the path's length");
    t.violation = NULL;
    open_refused_by_go(&s, 42);
    h = leader(&s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
}

Test(certificate, missing_address_before_a_root_that_is_unknown_here)
{
    static const uint8_t ip[4] = {198, 51, 100, 5};
    struct span address = span_of(ip, sizeof ip);
    struct scene s;
    struct trust_result t = {.state = TRUST_INCOMPLETE};
    open_refused_by_go(&s, 42);
    s.hs.offer.has_sni = false;
    struct hypothesis h = leader(&s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_name_mismatch");
    open_refused_by_go(&s, 42);
    s.hs.offer.has_sni = false;
    s.leaf.ip = (struct span_list){&address, 1, true};
    h = leader(&s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
}

static void has_common_name_only(struct scene *s)
{
    s->leaf.has_san = false;
    s->leaf.dns = (struct span_list){0};
}

/* The subject has the right name, and Go does not look there. */
Test(certificate, common_name_that_go_ignores)
{
    struct scene s;
    struct trust_result t = {.state = TRUST_INCOMPLETE};
    open_refused_by_go(&s, 42);
    has_common_name_only(&s);
    struct hypothesis h = leader(&s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_name_mismatch");
    open_refused_by_go(&s, 42);
    has_common_name_only(&s);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_name_mismatch");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(text_has(&v->evidence, "no subjectAltName; Go ignores"));
    cr_expect(text_has(&v->fix, "subjectAltName"));
    verdict_free(v);
    hs_free(&s.hs);
    /* With a subjectAltName nothing is wrong with the name. */
    open_refused_by_go(&s, 42);
    check_not(&s, "server_certificate_name_mismatch");
}

Test(certificate, common_name_that_java_takes)
{
    static const uint16_t java[] = {5, 10, 13, 17, 23, 43, 51};
    struct scene s;
    open_scene_12(&s);
    s.hs.offer.extensions = LIST(java);
    server_flight_12(&s);
    has_common_name_only(&s);
    alert(&s, SIDE_CLIENT, 46);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_rejected");
    cr_expect(has_alternative(v, "server_certificate_name_mismatch"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* A server that sends its own certificate twice sends no intermediate. */
Test(certificate, own_one_sent_twice_is_alone)
{
    struct scene s;
    struct facts f;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 48);
    struct cert issuer = {.version = 3, .sha256 = {1}};
    struct cert *chain[2] = {&s.leaf, &s.leaf};
    s.leaf.issuer.der = issuer.subject.der = span_text("Example CA");
    s.leaf.subject.der = span_text("www.example.test");
    s.hs.server_chain = (struct cert_chain){.seen = true, .n = 2, .v = chain};
    finish(&s);
    facts_derive(&f, &s.hs, NULL, NULL);
    cr_expect(f.leaf_alone);
    s.hs.server_chain.cut = true;
    facts_derive(&f, &s.hs, NULL, NULL);
    cr_expect(!f.leaf_alone, "the rest is not known");
    s.hs.server_chain.cut = false;
    chain[1] = &issuer;
    facts_derive(&f, &s.hs, NULL, NULL);
    cr_expect(!f.leaf_alone);
    hs_free(&s.hs);
}

static void looks_like_openssl(struct scene *s)
{
    static const uint8_t formats[] = {0, 1, 2};
    s->hs.offer.has_etm = true;
    s->hs.offer.point_formats = span_of(formats, sizeof formats);
}

/* Applications may forbid OpenSSL to look at the common name. */
Test(certificate, common_name_that_openssl_was_told_to_ignore)
{
    struct scene s;
    open_scene_12(&s);
    looks_like_openssl(&s);
    server_flight_12(&s);
    has_common_name_only(&s);
    alert(&s, SIDE_CLIENT, 42);
    check(&s, "server_certificate_name_mismatch", CONF_LIKELY);
    open_scene_12(&s);
    looks_like_openssl(&s);
    server_flight_12(&s);
    has_common_name_only(&s);
    alert(&s, SIDE_CLIENT, 46);
    check_not_leading(&s, "server_certificate_name_mismatch");
}

/* OpenSSL has 48 for the issuer: by 42 it does not mean that. */
Test(rejected, openssl_says_42_to_a_faultless_certificate)
{
    struct scene s;
    open_scene_12(&s);
    looks_like_openssl(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 42);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_not_yet_valid");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect_eq(v->side, FIX_CLIENT);
    verdict_free(v);
    hs_free(&s.hs);
    /* Without a name to compare there is more that may be wrong. */
    open_scene_12(&s);
    looks_like_openssl(&s);
    server_flight_12(&s);
    s.hs.offer.has_sni = false;
    s.leaf.has_san = false;
    alert(&s, SIDE_CLIENT, 42);
    check(&s, "server_certificate_rejected", CONF_LIKELY);
}

Test(rejected, openssl_says_80_where_the_application_turns_it_down)
{
    struct scene s;
    open_scene(&s);
    looks_like_openssl(&s);
    server_flight_13(&s);
    alert(&s, SIDE_CLIENT, 80);
    check(&s, "server_certificate_rejected", CONF_LIKELY);
    /* Before the certificate it is what it says. */
    open_scene(&s);
    looks_like_openssl(&s);
    server_hello(&s, 0x0304, 0x1301);
    alert(&s, SIDE_CLIENT, 80);
    check(&s, "internal_error", CONF_LIKELY);
}

Test(certificate, an_unknown_issuer_is_not_what_42_is_about)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    looks_like_openssl(&s);
    alert(&s, SIDE_CLIENT, 42);
    struct trust_result t = {.state = TRUST_UNKNOWN_ISSUER};
    struct hypothesis h =
        best_of(&certificate_trust_rule, &s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_POSSIBLE);
}

/* So has Mbed TLS, whose 46 is for what has no code of its own. */
Test(certificate, an_unknown_issuer_is_not_what_46_of_mbedtls_is_about)
{
    static const uint8_t formats[] = {0};
    static uint16_t extensions[] = {10, 13, 11, 22, 23};
    struct trust_result t = {.state = TRUST_UNKNOWN_ISSUER};
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.offer.has_etm = true;
    s.hs.offer.has_scsv = true;
    s.hs.offer.point_formats = span_of(formats, sizeof formats);
    s.hs.offer.extensions = (struct u16_list){extensions, 5, true};
    alert(&s, SIDE_CLIENT, 46);
    struct hypothesis h =
        best_of(&certificate_trust_rule, &s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_POSSIBLE);
}

/* Java says 46 to that, too. */
Test(certificate, an_unknown_issuer_may_be_what_46_of_java_is_about)
{
    static uint16_t extensions[] = {17};
    struct trust_result t = {.state = TRUST_UNKNOWN_ISSUER};
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.offer.extensions = (struct u16_list){extensions, 1, true};
    alert(&s, SIDE_CLIENT, 46);
    struct hypothesis h =
        best_of(&certificate_trust_rule, &s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_LIKELY);
}

/* A hello that tells no stack may be of one that says 42 to everything. */
Test(certificate, an_unknown_issuer_may_be_what_42_of_anybody_is_about)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 42);
    struct trust_result t = {.state = TRUST_UNKNOWN_ISSUER};
    struct hypothesis h =
        best_of(&certificate_trust_rule, &s, &t, FAULT_UNKNOWN_ISSUER);
    cr_expect_str_eq(h.cause, "server_certificate_unknown_issuer");
    cr_expect_eq(h.confidence, CONF_LIKELY);
}

/* Erlang's word for a wrong name. */
Test(certificate, a_wrong_name_and_handshake_failure)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 40);
    struct hypothesis h = best_of(&certificate_name_rule, &s,
                                  &(struct trust_result){0}, FAULT_NAME);
    cr_expect_str_eq(h.cause, "server_certificate_name_mismatch");
    cr_expect_eq(h.confidence, CONF_LIKELY);
}

Test(certificate, handshake_failure_without_a_visible_fault)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 40);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "unclassified");
    cr_expect(has_alternative(v, "server_certificate_rejected"));
    verdict_free(v);
    hs_free(&s.hs);
}

static void late_close(struct scene *s)
{
    note(s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 40);
    note(s, HS_CHANGE_CIPHER_SPEC, SIDE_CLIENT, 0, 1);
    note(s, HS_FINISHED, SIDE_CLIENT, 0, 40);
    note(s, HS_CHANGE_CIPHER_SPEC, SIDE_SERVER, 0, 1);
    note(s, HS_FINISHED, SIDE_SERVER, 0, 40);
    note(s, HS_ENCRYPTED_ALERT, SIDE_CLIENT, 0, 26);
    note(s, HS_FIN, SIDE_CLIENT, 0, 0);
    note(s, HS_ENCRYPTED_ALERT, SIDE_SERVER, 0, 26);
    note(s, HS_FIN, SIDE_SERVER, 0, 0);
}

/* Firefox judges the certificate after both Finished and then sends an
 * encrypted alert that the server does not answer. */
static void late_alert(struct scene *s)
{
    static const uint16_t firefox[] = {0, 23, 65281, 10, 11, 35, 16,
                                       5, 34, 51,    43, 13, 45, 28};
    s->hs.offer.extensions = LIST(firefox);
    late_close(s);
    s->hs.events_n -= 2; /* without the server's close_notify and FIN */
    finish(s);
}

static bool is_late_refusal(struct scene *s)
{
    struct judge *j = judge_new(NULL);
    bool is = judge_late_alert(j, &s->hs) == OUTCOME_FAILURE;
    judge_free(j);
    hs_free(&s->hs);
    return is;
}

Test(certificate, fault_found_after_the_handshake)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.names[0] = span_text("other.example.test");
    late_alert(&s);
    cr_expect(is_late_refusal(&s));
}

Test(certificate, late_alert_and_no_fault)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    late_alert(&s);
    cr_expect(!is_late_refusal(&s));
}

Test(certificate, late_alert_that_the_server_answers)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.names[0] = span_text("other.example.test");
    late_close(&s);
    finish(&s);
    cr_expect(!is_late_refusal(&s));
}

Test(certificate, late_close_with_a_good_certificate_is_success)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    late_close(&s);
    struct verdict *v = judged(&s);
    cr_expect_eq(v->outcome, OUTCOME_SUCCESS);
    cr_expect_null(v->cause);
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, weak_key)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.key = KEY_RSA;
    s.leaf.key_bits = 1024;
    alert(&s, SIDE_CLIENT, 42);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_certificate_weak");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(text_has(&v->evidence, "1024 bits"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, strong_key)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.key = KEY_RSA;
    s.leaf.key_bits = 2048;
    alert(&s, SIDE_CLIENT, 42);
    check_not(&s, "server_certificate_weak");
}

Test(certificate, wrong_usage)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.has_eku = s.leaf.eku_client_auth = true;
    alert(&s, SIDE_CLIENT, 43);
    check(&s, "server_certificate_wrong_usage", CONF_CERTAIN);
}

Test(certificate, right_usage)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.has_eku = s.leaf.eku_server_auth = true;
    alert(&s, SIDE_CLIENT, 42);
    check_not(&s, "server_certificate_wrong_usage");
}

Test(certificate, revoked)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    alert(&s, SIDE_CLIENT, 44);
    check(&s, "server_certificate_revoked", CONF_CERTAIN);
}

Test(certificate, alert_44_of_the_server_is_about_the_client)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    client_certificate(&s, false);
    alert(&s, SIDE_SERVER, 44);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_certificate_rejected");
    cr_expect(!has_alternative(v, "server_certificate_revoked"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(certificate, malformed)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.leaf.malformed = true;
    s.leaf.why = "validity";
    alert(&s, SIDE_CLIENT, 50);
    check(&s, "server_certificate_malformed", CONF_CERTAIN);
}

Test(certificate, what_our_cap_cut_is_not_malformed)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.server_chain.malformed = true;
    s.hs.raw_cut[HS_RAW_SERVER_CERTIFICATE] = true;
    alert(&s, SIDE_CLIENT, 50);
    check_not(&s, "server_certificate_malformed");
}

Test(certificate, hidden_rejection)
{
    struct scene s;
    open_scene(&s);
    server_flight_13(&s);
    note(&s, HS_PROTECTED, SIDE_CLIENT, 0, 19);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    check(&s, "server_certificate_rejected", CONF_LIKELY);
}

Test(certificate, none_in_a_resumed_handshake)
{
    struct scene s;
    open_scene(&s);
    server_hello(&s, 0x0304, 0x1301);
    s.hs.psk_accepted = s.hs.choice.has_psk = true;
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 23);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 53);
    note(&s, HS_PROTECTED, SIDE_CLIENT, 0, 19);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    check_not(&s, "server_certificate_rejected");
}

/* ---- the client's certificate ---- */

Test(client_certificate, missing)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    client_certificate(&s, true);
    alert(&s, SIDE_SERVER, 40);
    check(&s, "client_certificate_missing", CONF_CERTAIN);
}

Test(client_certificate, missing_by_sizes_in_tls13)
{
    struct scene s;
    open_scene(&s);
    server_flight_13(&s);
    note(&s, HS_PROTECTED, SIDE_CLIENT, 0, 25);
    note(&s, HS_PROTECTED, SIDE_CLIENT, 0, 53);
    note(&s, HS_PROTECTED, SIDE_SERVER, 0, 19);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    s.hs.fin_seen[SIDE_SERVER] = true;
    check(&s, "client_certificate_missing", CONF_LIKELY);
}

Test(client_certificate, not_asked_for)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 40);
    alert(&s, SIDE_SERVER, 40);
    check_not(&s, "client_certificate_missing");
}

Test(client_certificate, expired)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    client_certificate(&s, false);
    s.client_leaf.not_after = NOW - DAY;
    alert(&s, SIDE_SERVER, 45);
    check(&s, "client_certificate_expired", CONF_CERTAIN);
}

Test(client_certificate, unknown_issuer)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    client_certificate(&s, false);
    alert(&s, SIDE_SERVER, 48);
    check(&s, "client_certificate_unknown_issuer", CONF_CERTAIN);
}

Test(client_certificate, issuer_that_the_request_does_not_list)
{
    struct span wanted[] = {span_text("Other CA")};
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    s.hs.certificate_request.authorities = (struct span_list){wanted, 1, true};
    client_certificate(&s, false);
    alert(&s, SIDE_SERVER, 42);
    check(&s, "client_certificate_unknown_issuer", CONF_LIKELY);
}

Test(client_certificate, issuer_that_the_request_lists)
{
    struct span wanted[] = {span_text("Client CA")};
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    s.hs.certificate_request.authorities = (struct span_list){wanted, 1, true};
    client_certificate(&s, false);
    alert(&s, SIDE_SERVER, 42);
    check(&s, "client_certificate_rejected", CONF_LIKELY);
}

Test(client_certificate, server_closes_right_after_it)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    request_certificate(&s);
    client_certificate(&s, false);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    s.hs.fin_seen[SIDE_SERVER] = true;
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_certificate_rejected");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect(has_alternative(v, "server_closed"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* ---- plaintext, carriers ---- */

Test(plaintext, server_speaks_http)
{
    struct scene s;
    open_scene(&s);
    hs_keep(&s.hs, HS_RAW_SERVER_FIRST,
            span_text("HTTP/1.1 400 Bad Request\r\n"), HS_FIRST_BYTES);
    s.hs.peer_protocol = "http";
    note(&s, HS_PLAINTEXT, SIDE_SERVER, 0, 26);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_not_tls");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect(text_has(&v->evidence, "HTTP/1.1 400 Bad Request"));
    cr_expect(text_has(&v->fix, "listen 443 ssl"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* Whom to look at first when a server speaks another protocol on a port. */
static enum known_side side_of_banner(const char *protocol, uint16_t port)
{
    struct scene s;
    open_scene(&s);
    s.hs.addr[SIDE_SERVER].port = port;
    s.hs.peer_protocol = protocol;
    note(&s, HS_PLAINTEXT, SIDE_SERVER, 0, 26);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_not_tls");
    enum known_side side = v->side;
    verdict_free(v);
    hs_free(&s.hs);
    return side;
}

Test(plaintext, a_protocol_in_its_place_is_the_clients_mistake)
{
    cr_expect_eq(side_of_banner("ssh", 2222), FIX_CLIENT);
    cr_expect_eq(side_of_banner("smtp", 25), FIX_CLIENT);
    cr_expect_eq(side_of_banner("http", 8080), FIX_SERVER);
    cr_expect_eq(side_of_banner("smtp", 465), FIX_SERVER);
    cr_expect_eq(side_of_banner(NULL, 8080), FIX_SERVER);
}

Test(plaintext, server_alert_is_tls)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 10);
    check_not(&s, "server_not_tls");
}

Test(plaintext, client_speaks_http)
{
    struct scene s;
    open_scene(&s);
    s.hs.events_n = 2; /* no ClientHello */
    s.hs.offer = (struct client_offer){0};
    s.hs.peer_protocol = "http";
    hs_keep(&s.hs, HS_RAW_CLIENT_FIRST, span_text("GET / HTTP/1.1\r\n"),
            HS_FIRST_BYTES);
    note(&s, HS_PLAINTEXT, SIDE_CLIENT, 0, 16);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "client_not_tls", CONF_LIKELY);
}

/* A balancer's PROXY header, and a server that knows of none. */
Test(plaintext, a_proxy_header_that_is_not_expected)
{
    struct scene s;
    open_scene(&s);
    s.hs.carrier = "proxy-protocol";
    alert(&s, SIDE_SERVER, 10);
    check(&s, "client_not_tls", CONF_LIKELY);
}

Test(plaintext, a_proxy_header_that_is_expected)
{
    struct scene s;
    open_scene(&s);
    s.hs.carrier = "proxy-protocol";
    alert(&s, SIDE_SERVER, 112);
    check(&s, "unrecognized_name", CONF_CERTAIN);
}

extern const struct rule not_tls_rule;

/* Dropped after a bare hello, where others got through behind a PROXY header,
 * and perhaps without one. */
static unsigned header_missing(bool bare)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    finish(&s);
    struct facts f;
    facts_derive(&f, &s.hs, NULL, NULL);
    f.server.takes_header = true;
    f.server.takes_bare = bare;
    struct hypotheses hy;
    struct arena arena;
    arena_init(&arena, LIMIT_VERDICT_BYTES);
    hypotheses_init(&hy, &arena);
    hy.rule = &not_tls_rule;
    not_tls_rule.run(&f, &hy);
    unsigned n = (unsigned)hy.n;
    arena_free(&arena);
    hs_free(&s.hs);
    return n;
}

Test(plaintext, a_proxy_header_that_is_missing)
{
    cr_expect_eq(header_missing(false), 1u);
    cr_expect_eq(header_missing(true), 0u);
}

Test(plaintext, client_speaks_http_and_the_server_objects)
{
    struct scene s;
    open_scene(&s);
    s.hs.events_n = 2; /* no ClientHello */
    s.hs.offer = (struct client_offer){0};
    s.hs.dir[SIDE_SERVER].bytes = 7;
    note(&s, HS_PLAINTEXT, SIDE_CLIENT, 0, 16);
    alert(&s, SIDE_SERVER, 10);
    check(&s, "client_not_tls", CONF_CERTAIN);
}

static void turned_away(struct scene *s, const char *carrier, const char *said)
{
    open_scene(s);
    s->hs.events_n = 2;
    s->hs.offer = (struct client_offer){0};
    s->hs.carrier = carrier;
    s->hs.carrier_demanded = true;
    s->hs.carrier_note = span_text(said);
    note(s, HS_CARRIER_REFUSED, SIDE_SERVER, 0, 0);
}

Test(carrier, a_server_that_demands_tls)
{
    struct scene s;
    turned_away(&s, "starttls-smtp", "530 Must issue a STARTTLS command first");
    check(&s, "client_not_tls", CONF_CERTAIN);
}

/* It says so, too, where it has no line for this client at all. */
Test(carrier, a_server_that_has_no_entry)
{
    struct scene s;
    turned_away(&s, "starttls-postgresql",
                "no pg_hba.conf entry for host \"10.1.0.2\", no encryption");
    check(&s, "client_not_tls", CONF_POSSIBLE);
}

Test(carrier, starttls_refused)
{
    struct scene s;
    open_scene(&s);
    s.hs.events_n = 2;
    s.hs.offer = (struct client_offer){0};
    s.hs.carrier = "starttls-smtp";
    s.hs.carrier_note = span_text("454 TLS not available");
    note(&s, HS_CARRIER, SIDE_CLIENT, 0, 0);
    note(&s, HS_CARRIER_REFUSED, SIDE_SERVER, 0, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "starttls_refused");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect(strstr(v->reason, "454 TLS not available"));
    cr_expect(text_has(&v->reproduce, "-starttls smtp "));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(carrier, proxy_refused)
{
    struct scene s;
    open_scene(&s);
    s.hs.events_n = 2;
    s.hs.carrier = "http-connect";
    s.hs.carrier_note = span_text("HTTP/1.1 403 Forbidden");
    note(&s, HS_CARRIER, SIDE_CLIENT, 0, 0);
    note(&s, HS_CARRIER_REFUSED, SIDE_SERVER, 0, 0);
    check(&s, "proxy_refused", CONF_CERTAIN);
}

Test(carrier, proxy_refused_names_the_target)
{
    struct scene s;
    open_scene(&s);
    s.hs.events_n = 2;
    s.hs.carrier = "socks";
    s.hs.carrier_asked = span_text("CONNECT www.example.test:443");
    s.hs.carrier_note = span_text("reply 2, connection not allowed");
    note(&s, HS_CARRIER, SIDE_CLIENT, 0, 0);
    note(&s, HS_CARRIER_REFUSED, SIDE_SERVER, 0, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "proxy_refused");
    cr_expect_str_eq(v->reason,
                     "the proxy turned down CONNECT www.example.test:443: "
                     "reply 2, connection not allowed");
    cr_expect(text_has(&v->fix, "allow www.example.test:443"));
    cr_expect(text_has(&v->reproduce, "--proxy socks5h://"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(carrier, hung_up_in_place_of_an_answer)
{
    struct scene s;
    open_scene(&s);
    s.hs.events_n = 2;
    s.hs.offer = (struct client_offer){0};
    s.hs.carrier = "starttls-imap";
    note(&s, HS_CARRIER, SIDE_CLIENT, 0, 0);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "starttls_refused", CONF_LIKELY);
}

Test(carrier, accepted)
{
    struct scene s;
    open_scene(&s);
    s.hs.carrier = "http-connect";
    alert(&s, SIDE_SERVER, 112);
    check_not(&s, "proxy_refused");
}

/* A server cannot have read a request in a ClientHello. Where it leads tells
 * whose answer it is. */
Test(not_tls, pages_that_lead_elsewhere)
{
    static const struct {
        const char *answer;
        const char *to; /* as the evidence says */
        bool portal;
    } pages[] = {
        {"302 Found\r\nLocation: http://portal.example/login\r\n\r\n",
         "to http://portal.example/login", true},
        {"307 X\r\nServer: x\r\nlocation:http://192.0.2.9/?u=1\r\n\r\n",
         "to http://192.0.2.9/", true},
        {"511 Network Authentication Required\r\n\r\n", NULL, true},
        /* near misses */
        {"301 Moved Permanently\r\nLocation: https://www.Example.com/\r\n\r\n",
         "to https://www.Example.com/", false},
        {"301 Moved Permanently\r\nLocation: https://example.com:8443/\r\n\r\n",
         "to https://example.com:8443/", false},
        {"302 Found\r\nLocation: /login\r\n\r\n", "to /login", false},
        {"302 Found\r\nLocation: https://198.51.100.5/\r\n\r\n",
         "to https://198.51.100.5/", false},
        {"304 Not Modified\r\nLocation: http://portal.example/\r\n\r\n", NULL,
         false},
        {"302 Found\r\n\r\nLocation: http://portal.example/\r\n", NULL, false},
        {"302 Found\r\nLocation: http://portal.exam", NULL, false},
        {"400 Bad Request\r\nLocation: http://portal.example/\r\n\r\n", NULL,
         false},
    };
    struct scene s;
    for (size_t i = 0; i < COUNT(pages); i++) {
        char first[256];
        snprintf(first, sizeof first, "HTTP/1.1 %s", pages[i].answer);
        open_scene(&s);
        s.hs.offer.has_sni = true;
        s.hs.offer.sni = span_text("www.example.com");
        s.hs.peer_protocol = "http";
        s.hs.raw[HS_RAW_SERVER_FIRST] = span_text(first);
        note(&s, HS_PLAINTEXT, SIDE_SERVER, 0, 60);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, "server_not_tls");
        cr_expect_eq(v->confidence,
                     pages[i].portal ? CONF_LIKELY : CONF_CERTAIN, "%zu", i);
        cr_expect_eq(strstr(v->reason, "captive portals") != NULL,
                     pages[i].portal, "%zu: %s", i, v->reason);
        cr_expect_eq(text_has(&v->evidence, "it sends the client"),
                     pages[i].to != NULL, "%zu", i);
        if (pages[i].to) {
            cr_expect(text_has(&v->evidence, pages[i].to), "%zu", i);
        }
        cr_expect(!pages[i].portal || !text_has(&v->fix, "http:// or"), "%zu",
                  i);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* Who agreed to STARTTLS is at fault, not a client on the wrong port. */
Test(not_tls, after_it_had_agreed)
{
    struct scene s;
    for (int agreed = 0; agreed < 2; agreed++) {
        open_scene(&s);
        s.hs.addr[SIDE_SERVER].port = 25;
        s.hs.peer_protocol = "smtp";
        if (agreed) {
            s.hs.carrier = "starttls-smtp";
            note(&s, HS_CARRIER_OK, SIDE_SERVER, 0, 0);
        }
        note(&s, HS_PLAINTEXT, SIDE_SERVER, 0, 40);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, "server_not_tls");
        cr_expect_eq(v->side, agreed ? FIX_SERVER : FIX_CLIENT);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* ---- silence ---- */

static void go_silent(struct scene *s)
{
    s->hs.end = HS_END_TIMEOUT;
    s->hs.capture_last = s->when + 20 * TICK_SEC;
}

Test(silence, hello_arrived)
{
    struct scene s;
    open_scene(&s);
    go_silent(&s);
    check(&s, "client_hello_unanswered", CONF_LIKELY);
}

Test(silence, hello_lost)
{
    struct scene s;
    open_scene(&s);
    s.hs.dir[SIDE_CLIENT].hello_acked = false;
    s.hs.dir[SIDE_CLIENT].acked_any_data = false;
    s.hs.dir[SIDE_CLIENT].retransmits = 4;
    note(&s, HS_ICMP, SIDE_CLIENT, 3 << 8 | 4, 0);
    go_silent(&s);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_hello_lost");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect(text_has(&v->evidence, "path MTU"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(silence, client_gave_up)
{
    struct scene s;
    open_scene(&s);
    s.when += 10 * TICK_SEC;
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    check(&s, "client_hello_unanswered", CONF_LIKELY);
}

Test(silence, client_left_at_once)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    check(&s, "client_cancelled", CONF_LIKELY);
}

Test(silence, server_flight_does_not_arrive)
{
    struct scene s;
    open_scene(&s);
    server_hello(&s, 0x0304, 0x1301);
    s.hs.dir[SIDE_SERVER].retransmits_big = 5;
    s.hs.dir[SIDE_SERVER].unacked_bytes = 1448;
    go_silent(&s);
    check(&s, "server_flight_lost", CONF_CERTAIN);
}

/* What a side sent last was sent again `times` in two seconds, in vain. */
static void send_in_vain(struct scene *s, enum side side, uint32_t times)
{
    struct hs_dir *d = &s->hs.dir[side];
    d->resent = d->retransmits = d->retransmits_big = times;
    d->unacked_bytes = d->resent_size = 1448;
    d->resent_first = s->when;
    d->resent_last = s->when + 2 * TICK_SEC;
    s->when += 4 * TICK_SEC;
    s->hs.dir[1 - side].last = s->when;
}

static void lose_hello(struct scene *s, uint32_t times)
{
    open_scene(s);
    s->hs.dir[SIDE_CLIENT].hello_acked = false;
    s->hs.dir[SIDE_CLIENT].acked_any_data = false;
    send_in_vain(s, SIDE_CLIENT, times);
}

Test(undelivered, hello_and_the_server_gives_up)
{
    struct scene s;
    lose_hello(&s, 5);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "client_hello_lost", CONF_LIKELY);
    /* Who dropped it may be who resets. */
    lose_hello(&s, 5);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_ACK, 0);
    check(&s, "client_hello_lost", CONF_LIKELY);
}

Test(undelivered, not_what_crossed_the_close)
{
    struct scene s;
    lose_hello(&s, 1); /* once may be a race */
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "server_closed", CONF_LIKELY);
    lose_hello(&s, 5);
    s.hs.dir[SIDE_CLIENT].resent_last = s.hs.dir[SIDE_CLIENT].resent_first;
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "server_closed", CONF_LIKELY);
    /* The acknowledgement may be what the capture lacks. */
    lose_hello(&s, 5);
    s.hs.dir[SIDE_SERVER].gap_bytes = 100;
    note(&s, HS_GAP, SIDE_SERVER, 0, 100);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check_not(&s, "client_hello_lost");
}

Test(undelivered, server_flight_and_the_server_gives_up)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    send_in_vain(&s, SIDE_SERVER, 8);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "server_flight_lost", CONF_CERTAIN);
}

/* A peer that says nothing any more may just be gone: no word of the path MTU.
 */
static void expect_unheard(struct scene *s, const char *cause, const char *why)
{
    struct verdict *v = judged(s);
    cr_expect_str_eq(v->cause->slug, cause);
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect_eq(v->side, FIX_NETWORK);
    cr_expect_not_null(strstr(v->reason, why), "%s", v->reason);
    verdict_free(v);
    hs_free(&s->hs);
}

Test(undelivered, and_nobody_is_heard_any_more)
{
    struct scene s;
    for (int timeout = 0; timeout < 2; timeout++) {
        open_scene_12(&s);
        server_flight_12(&s);
        send_in_vain(&s, SIDE_SERVER, 8);
        s.hs.dir[SIDE_CLIENT].last = NOW;
        if (timeout) {
            go_silent(&s);
        } else {
            note(&s, HS_FIN, SIDE_SERVER, 0, 0);
        }
        expect_unheard(&s, "server_flight_lost", "the client is gone");
    }
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 70);
    send_in_vain(&s, SIDE_CLIENT, 5);
    s.hs.dir[SIDE_SERVER].last = NOW;
    go_silent(&s);
    expect_unheard(&s, "server_stalled", "server's host is gone");
}

/* A server that waits acknowledges all the same. */
Test(undelivered, not_what_was_acknowledged)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 70);
    note(&s, HS_FINISHED, SIDE_CLIENT, 0, 40);
    go_silent(&s);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_stalled");
    cr_expect_eq(v->side, FIX_SERVER);
    verdict_free(v);
    hs_free(&s.hs);
}

/* Captured at the server: the tail of the client's answer comes, its large
 * beginning does not. */
Test(undelivered, a_part_of_the_clients_answer)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.hs.dir[SIDE_CLIENT].lost_bytes = 1448;
    go_silent(&s);
    expect_unheard(&s, "server_stalled", "a part of the client's answer");
}

Test(undelivered, what_icmp_says)
{
    struct scene s;
    lose_hello(&s, 5);
    note(&s, HS_ICMP, SIDE_CLIENT, 3 << 8 | 13, 0);
    go_silent(&s);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_hello_lost");
    cr_expect(text_has(&v->evidence, "administratively prohibited"));
    cr_expect_not_null(strstr(v->reason, "a filter"), "%s", v->reason);
    verdict_free(v);
    hs_free(&s.hs);
}

/* Datagrams are not acknowledged: who repeats its flight does not know why. */
Test(silence, server_repeats_its_datagrams)
{
    struct scene s;
    for (int again = 0; again < 2; again++) {
        open_scene_12(&s);
        s.hs.flavour = FLAVOUR_DTLS;
        s.hs.transport = TRANSPORT_UDP;
        server_flight_12(&s);
        s.hs.dir[SIDE_SERVER].retransmits = again ? 4 : 0;
        go_silent(&s);
        check(&s, "client_stalled", again ? CONF_POSSIBLE : CONF_LIKELY);
    }
}

/* The port behind a proxy is what counts, not the proxy's. */
Test(not_tls, behind_a_proxy)
{
    struct scene s;
    open_scene(&s);
    s.hs.carrier = "http-connect";
    s.hs.carrier_asked = span_text("CONNECT mail.example.test:25");
    s.hs.peer_protocol = "smtp";
    note(&s, HS_CARRIER_OK, SIDE_SERVER, 0, 0);
    note(&s, HS_PLAINTEXT, SIDE_SERVER, 0, 40);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_not_tls");
    cr_expect_eq(v->side, FIX_CLIENT);
    cr_expect_not_null(strstr(v->reason, "mail.example.test"), "%s", v->reason);
    verdict_free(v);
    hs_free(&s.hs);
}

/* Of a ClientHello that does not fit one segment only the first one comes. */
Test(silence, the_rest_of_a_hello_does_not_come)
{
    struct scene s;
    for (int full = 0; full < 2; full++) {
        open_scene(&s);
        s.hs.events_n = 2;
        s.hs.offer = (struct client_offer){0};
        s.hs.flavour = FLAVOUR_TLS;
        s.hs.dir[SIDE_SERVER].mss = 1460;
        s.hs.dir[SIDE_CLIENT].max_segment = full ? 1448 : 700;
        s.hs.dir[SIDE_CLIENT].bytes = s.hs.dir[SIDE_CLIENT].stream_bytes =
            s.hs.dir[SIDE_CLIENT].max_segment;
        go_silent(&s);
        check(&s, full ? "large_client_hello" : "client_stalled", CONF_LIKELY);
    }
}

Test(undelivered, clients_certificate)
{
    struct scene s;
    for (int lost = 0; lost < 2; lost++) {
        open_scene_12(&s);
        s.hs.certificate_request.seen = true;
        server_flight_12(&s);
        s.hs.client_chain.seen = true;
        note(&s, HS_CERTIFICATE, SIDE_CLIENT, 0, 1200);
        note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 260);
        send_in_vain(&s, SIDE_CLIENT, lost ? 5 : 0);
        note(&s, HS_FIN, SIDE_SERVER, 0, 0);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, lost ? "server_closed"
                                              : "client_certificate_rejected");
        cr_expect(!lost || v->side == FIX_NETWORK);
        cr_expect(!lost || !has_alternative(v, "client_certificate_rejected"));
        verdict_free(v);
        hs_free(&s.hs);
    }
}

Test(silence, server_stops_after_its_cookie_request)
{
    struct scene s;
    open_scene_12(&s);
    s.hs.flavour = FLAVOUR_DTLS;
    s.hs.transport = TRANSPORT_UDP;
    note(&s, HS_HELLO_VERIFY_REQUEST, SIDE_SERVER, 0, 48);
    s.hs.dir[SIDE_SERVER].packets = 1;
    s.hs.dir[SIDE_SERVER].bytes = 48;
    s.hs.server_began = true;
    note(&s, HS_CLIENT_HELLO, SIDE_CLIENT, 0, 250);
    s.hs.dir[SIDE_CLIENT].retransmits = 4;
    go_silent(&s);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_stalled");
    cr_expect(has_alternative(v, "server_flight_lost"));
    cr_expect(text_has(&v->evidence, "HelloVerifyRequest"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(silence, client_repeats_its_hello_after_the_flight)
{
    struct scene s;
    for (int again = 0; again < 2; again++) {
        open_scene_12(&s);
        s.hs.flavour = FLAVOUR_DTLS;
        s.hs.transport = TRANSPORT_UDP;
        server_flight_12(&s);
        s.hs.dir[SIDE_CLIENT].retransmits = again ? 3 : 0;
        s.hs.dir[SIDE_CLIENT].last_data = s.when + again * 8 * TICK_SEC;
        go_silent(&s);
        check(&s, again ? "server_flight_lost" : "client_stalled", CONF_LIKELY);
    }
}

Test(silence, server_stops)
{
    struct scene s;
    open_scene_12(&s);
    server_hello(&s, 0x0303, 0xc02f);
    go_silent(&s);
    check(&s, "server_stalled", CONF_LIKELY);
}

Test(silence, client_stops)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    go_silent(&s);
    check(&s, "client_stalled", CONF_LIKELY);
}

static void be_s2n(struct scene *s)
{
    static const uint16_t extensions[] = {43, 10, 51, 13, 0, 5, 35, 11, 45, 23};
    s->hs.offer.has_scsv = true;
    s->hs.offer.has_renegotiation_info = false;
    s->hs.offer.point_formats = span_of("\0", 1);
    s->hs.offer.extensions = LIST(extensions);
}

static void be_openssl(struct scene *s)
{
    s->hs.offer.has_etm = true;
    s->hs.offer.point_formats = span_of("\0\1\2", 3);
}

/* s2n-tls keeps still after any error. */
Test(silence, s2n_keeps_still)
{
    for (int expired = 0; expired < 2; expired++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        be_s2n(&s);
        s.leaf.not_after = expired ? NOW - DAY : s.leaf.not_after;
        go_silent(&s);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, expired ? "server_certificate_expired"
                                                 : "server_certificate_"
                                                   "rejected");
        cr_expect_eq(v->confidence, CONF_LIKELY);
        cr_expect(has_alternative(v, "client_stalled"));
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* Nothing else does for so long, and nothing says it where there was another
 * reason to wait, or where the client may not have got the certificate. */
Test(silence, s2n_may_wait_for_something_else)
{
    for (int i = 0; i < 3; i++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        be_s2n(&s);
        s.leaf.not_after = NOW - DAY;
        s.hs.certificate_request.seen = i == 0;
        s.hs.dir[SIDE_SERVER].unacked_bytes = i == 1 ? 100 : 0;
        s.hs.dir[SIDE_SERVER].lost_bytes = i == 2 ? 100 : 0;
        go_silent(&s);
        struct verdict *v = judged(&s);
        cr_expect(strncmp(v->cause->slug, "server_certificate_", 19) != 0,
                  "%d: %s", i, v->cause->slug);
        cr_expect(!has_alternative(v, "server_certificate_rejected"), "%d", i);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* It ends its pause after 10 to 30 seconds, not sooner nor later. */
Test(silence, s2n_leaves_after_a_while)
{
    static const struct {
        int64_t seconds;
        const char *cause;
    } rows[] = {{3, "client_closed"},
                {10, "server_certificate_rejected"},
                {30, "server_certificate_rejected"},
                {45, "client_closed"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        be_s2n(&s);
        s.when += rows[i].seconds * TICK_SEC;
        note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, rows[i].cause, "%zu: %s", i,
                         v->cause->slug);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* Of a stack that is not known, it may be a program that asks its user; those
 * that are known to send alerts have just stopped. */
Test(silence, client_stops_at_a_bad_certificate)
{
    for (int known = 0; known < 2; known++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        if (known) {
            be_openssl(&s);
        }
        s.leaf.not_after = NOW - DAY;
        go_silent(&s);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, "client_stalled");
        cr_expect_eq(has_alternative(v, "server_certificate_rejected"), !known);
        cr_expect(!has_alternative(v, "server_certificate_expired"));
        verdict_free(v);
        hs_free(&s.hs);
    }
}

Test(not_tls, the_hello_comes_back)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_OTHER_HANDSHAKE, SIDE_SERVER, 1 | HS_RETURNED, 300);
    alert(&s, SIDE_CLIENT, 10);
    check(&s, "server_not_tls", CONF_LIKELY);
    /* Another client's may be as long: it is the same program. */
    open_scene(&s);
    note(&s, HS_OTHER_HANDSHAKE, SIDE_SERVER, 1, 300);
    alert(&s, SIDE_CLIENT, 10);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "unexpected_message");
    cr_expect_str_eq(v->reason, "both ends act as TLS clients");
    verdict_free(v);
    hs_free(&s.hs);
}

Test(silence, server_gives_up_on_the_client)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    s.when += 5 * TICK_SEC;
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "client_stalled", CONF_LIKELY);
    /* At once it is the server's own doing. */
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "server_closed", CONF_LIKELY);
    /* So it is when the server had the next step to make. */
    open_scene_12(&s);
    server_hello(&s, 0x0303, 0xc02f);
    s.when += 5 * TICK_SEC;
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    check(&s, "server_closed", CONF_LIKELY);
}

Test(silence, what_led_to_tls_is_no_answer)
{
    struct scene s;
    open_scene(&s);
    s.hs.carrier = "starttls-smtp";
    s.hs.dir[SIDE_SERVER].bytes = 90;
    go_silent(&s);
    check(&s, "client_hello_unanswered", CONF_LIKELY);
    /* Bytes behind the ClientHello are the beginning of one. */
    open_scene(&s);
    s.hs.dir[SIDE_SERVER].bytes = 40;
    s.hs.server_began = true;
    go_silent(&s);
    check(&s, "server_stalled", CONF_LIKELY);
}

/* ---- resets and closes ---- */

Test(reset, by_the_server)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_ACK, 0);
    check(&s, "client_hello_reset", CONF_LIKELY);
}

Test(reset, late_is_a_process_that_ended)
{
    struct scene s;
    open_scene(&s);
    s.when += 2 * TICK_SEC;
    note(&s, HS_RST, SIDE_SERVER, HS_RST_ACK, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_hello_reset");
    cr_expect(strstr(v->reason, "said nothing for 2.0 s"), "%s", v->reason);
    cr_expect(text_has(&v->fix, "journalctl"));
    verdict_free(v);
    hs_free(&s.hs);
    open_scene(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_ACK, 0);
    v = judged(&s);
    cr_expect_null(strstr(v->reason, "said nothing"));
    cr_expect(!text_has(&v->fix, "journalctl"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(reset, with_two_oddities)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_TTL_ODD | HS_RST_SEQ_ODD, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "connection_tampered");
    cr_expect_eq(v->confidence, CONF_LIKELY);
    cr_expect_eq(v->side, FIX_NETWORK);
    cr_expect(text_has(&v->evidence, "TTL"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(reset, with_one_oddity)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_TTL_ODD, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_hello_reset");
    cr_expect(has_alternative(v, "connection_tampered"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(reset, bare_and_from_a_nearer_hop)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_TTL_ODD | HS_RST_BARE, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "connection_tampered");
    cr_expect(text_has(&v->evidence, "acknowledges nothing"));
    verdict_free(v);
    hs_free(&s.hs);
}

/* A host that forgot the connection. */
Test(reset, bare_and_nothing_else)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_BARE, 0);
    check(&s, "client_hello_reset", CONF_LIKELY);
}

Test(close, by_the_server)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_FIN, SIDE_SERVER, 0, 0);
    s.hs.fin_seen[SIDE_SERVER] = true;
    check(&s, "server_closed", CONF_LIKELY);
}

Test(close, by_the_server_after_a_while)
{
    for (int late = 0; late < 2; late++) {
        struct scene s;
        open_scene(&s);
        s.when += late ? 3 * TICK_SEC : 0;
        note(&s, HS_FIN, SIDE_SERVER, 0, 0);
        struct verdict *v = judged(&s);
        cr_expect_str_eq(v->cause->slug, "server_closed");
        cr_expect_eq(text_has(&v->evidence, "try in vain"), late == 1);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* The server's answer was on its way when the client had gone. */
Test(close, an_answer_that_came_too_late)
{
    struct scene s;
    open_scene_12(&s);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    server_flight_12(&s);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_cancelled");
    cr_expect(!has_alternative(v, "server_certificate_rejected"));
    verdict_free(v);
    hs_free(&s.hs);
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_closed");
    cr_expect(has_alternative(v, "server_certificate_rejected"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(close, close_notify_in_the_middle_is_a_close)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_ALERT, SIDE_CLIENT, 1 << 8 | 0, 2);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    check(&s, "client_closed", CONF_LIKELY);
}

Test(close, by_the_client_after_the_certificate)
{
    struct scene s;
    open_scene(&s);
    server_flight_13(&s);
    note(&s, HS_FIN, SIDE_CLIENT, 0, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_closed");
    cr_expect(has_alternative(v, "server_certificate_rejected"));
    verdict_free(v);
    hs_free(&s.hs);
}

static void make_large(struct scene *s)
{
    static const uint16_t shares[] = {0x11ec, 0x001d};
    s->hs.offer.bytes = 1720;
    s->hs.offer.key_shares = LIST(shares);
    s->hs.dir[SIDE_CLIENT].first_flight_segments = 2;
}

Test(large_hello, proved_by_a_smaller_one)
{
    struct judge *j = judge_new(NULL);
    struct scene other, s;
    open_scene_12(&other);
    server_flight_12(&other);
    late_close(&other);
    finish(&other);
    cr_assert_eq(other.hs.end_state.outcome, OUTCOME_SUCCESS);
    judge_learn(j, &other.hs);
    hs_free(&other.hs);
    open_scene(&s);
    make_large(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_ACK, 0);
    struct verdict *v = judge_in(j, &s);
    cr_expect_str_eq(v->cause->slug, "large_client_hello");
    cr_expect_eq(v->confidence, CONF_CERTAIN);
    cr_expect(text_has(&v->evidence, "1720 bytes"));
    verdict_free(v);
    hs_free(&s.hs);
    judge_free(j);
}

/* The same client took this server's certificate before. */
Test(silence, s2n_that_had_no_objection)
{
    struct judge *j = judge_new(NULL);
    struct scene other, s;
    open_scene_12(&other);
    server_flight_12(&other);
    late_close(&other);
    finish(&other);
    judge_learn(j, &other.hs);
    hs_free(&other.hs);
    open_scene_12(&s);
    server_flight_12(&s);
    be_s2n(&s);
    go_silent(&s);
    struct verdict *v = judge_in(j, &s);
    cr_expect_str_eq(v->cause->slug, "client_stalled");
    cr_expect(!has_alternative(v, "server_certificate_rejected"));
    verdict_free(v);
    hs_free(&s.hs);
    judge_free(j);
}

Test(large_hello, alone_it_proves_nothing)
{
    struct scene s;
    open_scene(&s);
    make_large(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_ACK, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "client_hello_reset");
    cr_expect(has_alternative(v, "large_client_hello"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(large_hello, small_ones_are_not)
{
    struct scene s;
    open_scene(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_ACK, 0);
    check_not(&s, "large_client_hello");
}

/* ---- alerts that speak for themselves ---- */

Test(alert, says_it_all)
{
    static const struct {
        unsigned code;
        const char *cause;
    } rows[] = {
        {10, "unexpected_message"}, {20, "bad_record_mac"},
        {22, "record_overflow"},    {47, "illegal_parameter"},
        {50, "decode_error"},       {51, "decrypt_error"},
        {80, "internal_error"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        note(&s, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT, 0, 40);
        note(&s, HS_CHANGE_CIPHER_SPEC, SIDE_CLIENT, 0, 1);
        note(&s, HS_FINISHED, SIDE_CLIENT, 0, 40);
        alert(&s, SIDE_SERVER, rows[i].code);
        check(&s, rows[i].cause, CONF_LIKELY);
    }
}

Test(alert, malformed_hello)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.malformed = true;
    s.hs.offer.why = "cipher suites";
    alert(&s, SIDE_SERVER, 50);
    check(&s, "decode_error", CONF_CERTAIN);
}

/* ---- stacks ---- */

Test(stack, only_what_is_distinctive)
{
    static const uint16_t java[] = {5, 10, 13, 17, 23, 43, 51};
    struct client_offer o = {.seen = true, .extensions = LIST(java)};
    cr_expect_eq(stack_of_client(&o), STACK_JSSE);
    struct client_offer openssl = {
        .seen = true, .has_etm = true, .point_formats = span_of("\0\1\2", 3)};
    cr_expect_eq(stack_of_client(&openssl), STACK_OPENSSL);
    static const uint16_t nss[] = {0, 23, 0xff01, 10, 11, 51, 43, 13, 45, 28};
    static const uint16_t boringssl[] = {0, 23, 0xff01, 10, 11, 35, 13, 51};
    struct client_offer firefox = {.seen = true, .extensions = LIST(nss)};
    cr_expect_eq(stack_of_client(&firefox), STACK_NSS);
    struct client_offer other = {.seen = true, .extensions = LIST(boringssl)};
    cr_expect_eq(stack_of_client(&other), STACK_UNKNOWN);
    struct client_offer plain = {.seen = true};
    cr_expect_eq(stack_of_client(&plain), STACK_UNKNOWN);
    cr_expect_str_eq(stack_name(STACK_GO), "Go");
}

/* By the order of extensions and lists, which is a library's own. */
Test(stack, clients_by_order)
{
    static const uint16_t wolfssl[] = {45, 51, 43, 13, 11, 10, 22, 0, 23};
    static const uint16_t old_boringssl[] = {0xff01, 0, 23, 35, 13, 11, 10};
    static const uint16_t mbedtls3[] = {0, 43, 51, 45, 10, 13, 11, 22, 23, 35};
    static const uint16_t mbedtls2[] = {0, 13, 10, 11, 22, 23, 35};
    static const uint16_t s2n[] = {43, 10, 51, 13, 0, 5, 35, 11, 45, 23};
    static const uint16_t rustls[] = {5, 13, 0, 45, 11, 43, 10, 35, 51, 23};
    static const uint16_t ascending[] = {0, 10, 11, 13, 22, 23, 35, 43, 51};
    static const uint16_t suites[] = {0x1302, 0x1301, 0x1303, 0xc02c, 0xc02b};
    static const uint16_t schemes[] = {0x0503, 0x0403, 0x0807, 0x0806, 0x0805,
                                       0x0804, 0x0601, 0x0501, 0x0401};
    struct client_offer o = {.seen = true,
                             .has_scsv = true,
                             .has_etm = true,
                             .point_formats = span_of("\0", 1),
                             .extensions = LIST(wolfssl)};
    cr_expect_eq(stack_of_client(&o), STACK_WOLFSSL);
    o.extensions = LIST(old_boringssl);
    cr_expect_eq(stack_of_client(&o), STACK_UNKNOWN);
    o.extensions = LIST(mbedtls3);
    cr_expect_eq(stack_of_client(&o), STACK_MBEDTLS);
    o.extensions = LIST(mbedtls2);
    cr_expect_eq(stack_of_client(&o), STACK_MBEDTLS);
    o.extensions = LIST(ascending);
    cr_expect_eq(stack_of_client(&o), STACK_UNKNOWN);
    o.has_etm = false;
    o.extensions = LIST(s2n);
    cr_expect_eq(stack_of_client(&o), STACK_S2N);
    o.extensions = LIST(rustls);
    cr_expect_eq(stack_of_client(&o), STACK_UNKNOWN);
    o.ciphers = LIST(suites);
    o.signature_algorithms = LIST(schemes);
    cr_expect_eq(stack_of_client(&o), STACK_RUSTLS);
}

Test(stack, servers_by_order)
{
    static const struct {
        enum stack stack;
        uint16_t cipher;
        uint16_t v[5], n;
    } rows[] = {
        {STACK_OPENSSL, 0xc030, {0xff01, 0, 11, 35, 23}, 5},
        {STACK_OPENSSL, 0xc030, {0xff01, 11, 23}, 3},
        {STACK_BORINGSSL, 0xc030, {23, 0xff01, 11, 35}, 4},
        {STACK_MBEDTLS, 0xc030, {0xff01, 23, 35, 11}, 4},
        {STACK_GO, 0xc02f, {35, 0xff01, 23, 11}, 4},
        {STACK_WOLFSSL, 0xc030, {35, 11, 0xff01, 23}, 4},
        {STACK_GNUTLS, 0xc030, {11, 23, 35, 0xff01}, 4},
        {STACK_S2N, 0xc02f, {0, 11, 0xff01, 23}, 4},
        {STACK_JSSE, 0xc030, {23, 35, 0xff01}, 3},
        /* Could be anybody's. */
        {STACK_UNKNOWN, 0xc030, {0xff01}, 1},
        {STACK_UNKNOWN, 0xc030, {0xff01, 11}, 2},
        {STACK_UNKNOWN, 0xc030, {0xff01, 23}, 2},
        {STACK_UNKNOWN, 0xc030, {0xff01, 23, 11}, 3},
        {STACK_UNKNOWN, 0xc02f, {11, 23, 0xff01}, 3},
        /* GnuTLS without elliptic curves. */
        {STACK_UNKNOWN, 0x009d, {23, 35, 0xff01}, 3},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        open_scene_12(&s);
        server_hello(&s, 0x0303, rows[i].cipher);
        s.hs.choice.extensions = list(rows[i].v, rows[i].n);
        cr_expect_eq(stack_of_server(&s.hs), rows[i].stack, "row %zu", i);
        hs_free(&s.hs);
    }
}

/* TLS 1.3: Java adds 16 bytes to each record, Mbed TLS pads to 16. */
Test(stack, servers_by_padding)
{
    static const struct {
        enum stack stack;
        uint16_t len[4];
    } rows[] = {
        {STACK_JSSE, {65, 1721, 297, 69}},
        {STACK_MBEDTLS, {32, 1712, 288, 64}},
        {STACK_UNKNOWN, {23, 1705, 281, 53}},
        {STACK_UNKNOWN, {32, 1712, 281, 53}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        open_scene(&s);
        server_hello(&s, 0x0304, 0x1301);
        for (size_t k = 0; k < 4; k++) {
            note(&s, HS_PROTECTED, SIDE_SERVER, 0, rows[i].len[k]);
        }
        cr_expect_eq(stack_of_server(&s.hs), rows[i].stack, "row %zu", i);
        hs_free(&s.hs);
    }
}

/* Named is who ended it. */
Test(stack, is_evidence)
{
    static const uint16_t go[] = {35, 0xff01, 23, 11};
    for (int by_server = 0; by_server < 2; by_server++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        s.hs.choice.extensions = LIST(go);
        alert(&s, by_server ? SIDE_SERVER : SIDE_CLIENT, 80);
        struct verdict *v = judged(&s);
        cr_expect_eq(text_has(&v->evidence, "the server probably uses Go"),
                     by_server == 1);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* Mbed TLS 3 refuses RSA-PSS in TLS 1.2, although it offers it. */
Test(stack, mbedtls_and_pss)
{
    static const uint16_t offered[] = {0x0403, 0x0804, 0x0401};
    for (int both = 0; both < 2; both++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        s.hs.offer.signature_algorithms = list(offered, both ? 3 : 1);
        s.hs.ske = (struct key_exchange){.seen = true, .signature = 0x0804};
        alert(&s, SIDE_CLIENT, 47);
        struct verdict *v = judged(&s);
        cr_expect_eq(v->side, both ? FIX_CLIENT : FIX_SERVER);
        verdict_free(v);
        hs_free(&s.hs);
    }
}

/* ---- profiles ---- */

/* TLS 1.2, closed after both Finished. */
static void succeed_12(struct scene *s)
{
    open_scene_12(s);
    server_flight_12(s);
    late_close(s);
    finish(s);
}

/* With what it says in its hello, as the judge does; of a copy, as its ends
 * will be others' and it must not carry their keys. */
static void learn_hello(struct profiles *p, const struct handshake *hs)
{
    struct handshake own = *hs;
    struct hello_sight hello;
    hello_look(&own, &hello);
    profiles_learn(p, &own, &hello);
}

Test(profile, keys_stand_for_the_ends)
{
    struct profiles *p = profiles_new();
    struct scene s;
    succeed_12(&s);
    struct handshake same = s.hs;
    struct handshake other = s.hs;
    other.addr[SIDE_SERVER].port = 8443;
    struct hello_sight hello;
    hello_look(&s.hs, &hello);
    profiles_learn(p, &s.hs, &hello);
    profiles_learn(p, &same, &hello);
    profiles_learn(p, &other, &hello);
    cr_expect(s.hs.keys.server && s.hs.keys.client && s.hs.keys.pair);
    cr_expect_arr_eq(&s.hs.keys, &same.keys, sizeof same.keys);
    cr_expect_neq(s.hs.keys.server, other.keys.server);
    cr_expect_neq(s.hs.keys.pair, other.keys.pair);
    cr_expect_eq(s.hs.keys.client, other.keys.client);
    struct server_profile by_key;
    struct server_profile by_ends;
    profiles_server(p, &s.hs, &by_key);
    s.hs.keys = (struct hs_keys){0};
    profiles_server(p, &s.hs, &by_ends);
    cr_expect_eq(by_key.successes, 2);
    cr_expect_eq(by_ends.successes, 2);
    hs_free(&s.hs);
    profiles_free(p);
}

Test(profile, counts_by_server_and_client)
{
    struct profiles *p = profiles_new();
    struct scene s;
    succeed_12(&s);
    struct server_profile server;
    profiles_server(p, &s.hs, &server);
    cr_expect(!server.known);
    learn_hello(p, &s.hs);
    learn_hello(p, &s.hs);
    profiles_server(p, &s.hs, &server);
    cr_expect(server.known);
    cr_expect_eq(server.successes, 2);
    cr_expect_eq(server.clients, 1);
    cr_expect_eq(server.ciphers_n, 1);
    cr_expect_eq(server.ciphers[0], 0xc02f);
    cr_expect_eq(server.max_version, 0x0303);
    struct client_profile client;
    profiles_client(p, &s.hs, &client);
    cr_expect_eq(client.successes_here, 2);
    cr_expect_eq(client.largest_hello_here, 300);
    s.hs.addr[SIDE_SERVER].port = 8443;
    profiles_server(p, &s.hs, &server);
    cr_expect(!server.known);
    profiles_client(p, &s.hs, &client);
    cr_expect_eq(client.successes_here, 0);
    cr_expect_eq(client.successes, 2);
    hs_free(&s.hs);
    profiles_free(p);
}

Test(profile, stays_bounded)
{
    struct profiles *p = profiles_new();
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    finish(&s);
    for (unsigned i = 0; i < 20000; i++) {
        s.hs.addr[SIDE_SERVER].ip[1] = (uint8_t)(i >> 8);
        s.hs.addr[SIDE_SERVER].ip[2] = (uint8_t)i;
        s.hs.addr[SIDE_CLIENT].ip[1] = (uint8_t)(i >> 3);
        learn_hello(p, &s.hs);
    }
    struct server_profile server;
    profiles_server(p, &s.hs, &server);
    cr_expect(server.known);
    cr_expect_eq(server.failures, 1);
    hs_free(&s.hs);
    profiles_free(p);
}

/* The same traffic is remembered and forgotten in the same way whatever the
 * seeds of the tables are. */
Test(profile, independent_of_the_seed)
{
    enum { MORE_THAN_FIT = 12000 };
    struct profiles *p[2] = {profiles_new(), profiles_new()};
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    finish(&s);
    unsigned known = 0;
    for (int asking = 0; asking < 2; asking++) {
        for (unsigned i = 0; i < MORE_THAN_FIT; i++) {
            unsigned server = i * 7919 % 9001;
            s.hs.addr[SIDE_SERVER].ip[1] = (uint8_t)(server >> 8);
            s.hs.addr[SIDE_SERVER].ip[2] = (uint8_t)server;
            s.hs.addr[SIDE_CLIENT].ip[1] = (uint8_t)(i >> 9);
            s.hs.addr[SIDE_CLIENT].ip[2] = (uint8_t)(i >> 1);
            if (!asking) {
                learn_hello(p[0], &s.hs);
                learn_hello(p[1], &s.hs);
                continue;
            }
            struct server_profile server_of[2];
            struct client_profile client_of[2];
            struct name_profile name_of[2];
            for (unsigned k = 0; k < 2; k++) {
                profiles_server(p[k], &s.hs, &server_of[k]);
                profiles_client(p[k], &s.hs, &client_of[k]);
                profiles_name(p[k], &s.hs, &name_of[k]);
            }
            cr_assert_eq(server_of[0].failures, server_of[1].failures);
            cr_assert_eq(client_of[0].failures, client_of[1].failures);
            cr_assert_eq(client_of[0].failures_here,
                         client_of[1].failures_here);
            cr_assert_eq(name_of[0].failures, name_of[1].failures);
            known += server_of[0].known;
        }
    }
    cr_expect(known > 2000 && known < MORE_THAN_FIT, "%u", known);
    hs_free(&s.hs);
    profiles_free(p[0]);
    profiles_free(p[1]);
}

/* ---- texts ---- */

static void expand_is(struct scene *s, const char *row, bool shell,
                      const char *want)
{
    struct facts f;
    facts_derive(&f, &s->hs, NULL, NULL);
    char *out = NULL;
    bool ok = advice_expand(&f, row, shell, &out);
    if (want) {
        cr_assert(ok, "%s", row);
        cr_expect_str_eq(out, want);
    } else {
        cr_expect(!ok, "%s", row);
    }
    free(out);
}

Test(advice, fills_placeholders)
{
    struct scene s;
    open_scene(&s);
    expand_is(&s, "openssl s_client -connect {connect} {servername} {version}",
              true,
              "openssl s_client -connect 198.51.100.5:443 -servername "
              "www.example.test -tls1_3");
    expand_is(&s, "{host}:{port} {ip}", true,
              "www.example.test:443 198.51.100.5");
    expand_is(&s, "curl {resolve}{url}", true,
              "curl --resolve www.example.test:443:198.51.100.5 "
              "https://www.example.test:443/");
    expand_is(&s, "tls.Config{MinVersion: 1} {unknown}", false,
              "tls.Config{MinVersion: 1} {unknown}");
    expand_is(&s, "-groups {groups}", true,
              "-groups x25519:secp256r1:secp384r1");
    hs_free(&s.hs);
}

Test(advice, dtls_commands_say_so)
{
    struct scene s;
    open_scene_12(&s);
    s.hs.flavour = FLAVOUR_DTLS;
    s.hs.transport = TRANSPORT_UDP;
    s.hs.offer.max_version = s.hs.offer.min_version = 0xfefd;
    alert(&s, SIDE_SERVER, 70);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "no_shared_version");
    cr_assert_gt(v->reproduce.n, 0);
    cr_expect(text_has(&v->reproduce, "-dtls1_2"));
    for (size_t i = 0; i < v->reproduce.n; i++) {
        cr_expect(!strstr(v->reproduce.v[i], "-tls1_"), "%s",
                  v->reproduce.v[i]);
        cr_expect(!strstr(v->reproduce.v[i], "curl"));
    }
    verdict_free(v);
    hs_free(&s.hs);
}

Test(advice, leaves_out_what_is_unknown)
{
    struct scene s;
    open_scene(&s);
    expand_is(&s, "-alpn {alpn}", true, NULL);
    expand_is(&s, "issued by {issuer}", false, NULL);
    s.hs.offer.has_sni = false;
    s.hs.offer.sni = (struct span){0};
    expand_is(&s, "{servername}", true, "-noservername");
    expand_is(&s, "{host}", true, "198.51.100.5");
    expand_is(&s, "{resolve}", true, "");
    hs_free(&s.hs);
}

Test(advice, brackets_ipv6)
{
    struct scene s;
    open_scene(&s);
    s.hs.ip_version = 6;
    memset(s.hs.addr[SIDE_SERVER].ip, 0, 16);
    memcpy(s.hs.addr[SIDE_SERVER].ip, "\x20\x01\x0d\xb8", 4);
    s.hs.addr[SIDE_SERVER].ip[15] = 1;
    expand_is(&s, "{connect}", true, "[2001:db8::1]:443");
    hs_free(&s.hs);
}

Test(advice, commands_offer_what_the_client_offered)
{
    struct scene s;
    open_scene(&s);
    expand_is(&s, "{suites13}", true,
              "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_"
              "POLY1305_SHA256");
    expand_is(&s, "{tls_max}", true, "1.3");
    hs_free(&s.hs);
    open_scene_12(&s);
    expand_is(&s, "{tls_max}", true, "1.2");
    server_flight_12(&s);
    expand_is(&s, "{root}", false, "Example CA");
    struct facts f;
    facts_derive(&f, &s.hs, NULL, NULL);
    char *out = NULL;
    cr_expect(!advice_expand(&f, "{suites13}", true, &out));
    cr_expect(!advice_expand(&f, "{server_versions}", false, &out));
    f.server = (struct server_profile){.known = true,
                                       .versions_n = 2,
                                       .min_version = 0x0303,
                                       .max_version = 0x0304};
    cr_assert(advice_expand(&f, "{server_versions}", false, &out));
    cr_expect_str_eq(out, "TLS 1.2 to TLS 1.3");
    free(out);
    hs_free(&s.hs);
}

Test(reset, in_the_middle_is_called_so)
{
    struct scene s;
    open_scene_12(&s);
    server_flight_12(&s);
    note(&s, HS_RST, SIDE_SERVER, HS_RST_ACK, 0);
    struct verdict *v = judged(&s);
    cr_expect_str_eq(v->cause->slug, "server_closed");
    cr_expect(strstr(v->reason, "reset the connection"));
    verdict_free(v);
    hs_free(&s.hs);
}

Test(advice, network_strings_cannot_leave_their_word)
{
    struct scene s;
    open_scene(&s);
    s.hs.offer.sni = span_text("a'; rm -rf ~ #");
    struct facts f;
    facts_derive(&f, &s.hs, NULL, NULL);
    char *out = NULL;
    cr_assert(advice_expand(&f, "x {servername} {host} {url}", true, &out));
    /* POSIX: inside single quotes only a quote ends the word, and it has to
     * come back as '\'' */
    cr_expect(strstr(out, "-servername 'a'\\''; rm -rf ~ #'"), "%s", out);
    cr_expect(strstr(out, "'https://a'\\''; rm -rf ~ #:443/'"), "%s", out);
    free(out);
    hs_free(&s.hs);
}

Test(advice, conditions)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    finish(&s);
    struct facts f;
    facts_derive(&f, &s.hs, NULL, NULL);
    cr_expect(advice_when(&f, ""));
    cr_expect(advice_when(&f, "alert"));
    cr_expect(advice_when(&f, "by_server,alert_40,sni,offer13,tcp"));
    cr_expect(advice_when(&f, "!tls13,!no_sni"));
    cr_expect(!advice_when(&f, "alert_4"));
    cr_expect(!advice_when(&f, "by_client"));
    cr_expect(!advice_when(&f, "alert,timeout"));
    cr_expect(!advice_when(&f, "no_such_word"));
    cr_expect(!advice_when(&f, "peer_http"));
    hs_free(&s.hs);
}

static bool is_carried_by(const char *carrier, const char *when)
{
    struct handshake hs = {.carrier = carrier};
    struct facts f = {.hs = &hs, .end = &hs.end_state};
    return advice_when(&f, when);
}

Test(advice, one_of_several_carriers)
{
    cr_expect(is_carried_by("starttls-imap", "carrier_imap"));
    cr_expect(is_carried_by("starttls-pop3", "carrier_imap|pop3|sieve"));
    cr_expect(is_carried_by("starttls-sieve", "carrier_imap|pop3|sieve"));
    cr_expect(!is_carried_by("starttls-pop", "carrier_imap|pop3|sieve"));
    cr_expect(!is_carried_by("starttls-imap", "!carrier_imap|pop3"));
    cr_expect(is_carried_by("socks", "carrier_socks"));
    cr_expect(!is_carried_by(NULL, "carrier_imap|pop3"));
}

Test(advice, every_condition_word_in_the_data_is_known)
{
    static const char *const words[] = {
        "alert",      "no_alert",    "encrypted",  "by_client",   "by_server",
        "by_nobody",  "reset",       "close",      "timeout",     "tls13",
        "tls12",      "offer13",     "old",        "sni",         "no_sni",
        "hello",      "tcp",         "dtls",       "quic",        "starttls",
        "proxy",      "client_auth", "pq",         "socks",       "target",
        "reply_4",    "reply_5",     "ca_expired", "undelivered", "eap",
        "eap_radius", "only13",      "hidden",     "few_suites",  "nla",
        "nested",     "waited",      "cn_only",    "chain_rule",  "portal",
        "connect"};
    const struct known_row *(*const tables[])(const char *, size_t) = {
        known_fix, known_seen_as, known_reproduce};
    for (size_t i = 0; i < 3 * COUNT(contract); i++) {
        const struct known_row *row;
        const char *slug = contract[i / 3];
        for (size_t k = 0; (row = tables[i % 3](slug, k)) != NULL; k++) {
            for (const char *w = row->when; *w;) {
                size_t n = strcspn(w, ",");
                const char *word = w + (*w == '!');
                size_t len = n - (size_t)(word - w);
                bool known = strncmp(word, "alert_", 6) == 0 ||
                             strncmp(word, "peer_", 5) == 0 ||
                             strncmp(word, "http_", 5) == 0 ||
                             strncmp(word, "carrier_", 8) == 0;
                for (size_t x = 0; x < COUNT(words); x++) {
                    known = known || (strlen(words[x]) == len &&
                                      strncmp(words[x], word, len) == 0);
                }
                cr_expect(known, "%s: %s", slug, row->when);
                w += n + (w[n] == ',');
            }
        }
    }
}

Test(advice, seen_as_has_one_text_per_viewer)
{
    struct scene s;
    open_scene(&s);
    alert(&s, SIDE_SERVER, 40);
    struct verdict *v = judged(&s);
    cr_assert_gt(v->seen_as_n, 3);
    bool chrome = false;
    for (size_t i = 0; i < v->seen_as_n; i++) {
        for (size_t k = 0; k < i; k++) {
            cr_expect_str_neq(v->seen_as[i].viewer, v->seen_as[k].viewer);
        }
        chrome = chrome || (strcmp(v->seen_as[i].viewer, "chrome") == 0 &&
                            strcmp(v->seen_as[i].text,
                                   "ERR_SSL_VERSION_OR_CIPHER_MISMATCH") == 0);
    }
    cr_expect(chrome);
    verdict_free(v);
    hs_free(&s.hs);
}

/* More offers than are remembered, again and again. */
Test(offer, one_that_is_remembered_looks_the_same)
{
    struct offers *old = offers_new();
    for (unsigned i = 0; i < 3000; i++) {
        struct scene s;
        struct offer_view v, w;
        uint16_t suites[] = {0x1301, (uint16_t)(0xc000 + i % 300)};
        open_scene(&s);
        s.hs.offer.ciphers = LIST(suites);
        s.hs.offer.groups.n = (uint16_t)(i % 3);
        s.hs.offer.seen = i % 11 != 0;
        offers_look(old, &s.hs.offer, &v);
        offer_look(&s.hs.offer, &w);
        cr_assert_eq(v.suites, w.suites);
        cr_assert_eq(v.odd_suites, w.odd_suites);
        cr_assert_eq(v.odd_groups, w.odd_groups);
        cr_assert_eq(v.why_groups, w.why_groups);
        hs_free(&s.hs);
    }
    offers_free(old);
}

Test(advice, no_cause_has_more_rows_than_are_looked_at)
{
    for (size_t i = 0; i < COUNT(contract); i++) {
        cr_expect_leq(known_fix_rows(contract[i]).n, ADVICE_ROWS_MAX);
        cr_expect_leq(known_seen_as_rows(contract[i]).n, ADVICE_ROWS_MAX);
        cr_expect_leq(known_reproduce_rows(contract[i]).n, ADVICE_ROWS_MAX);
    }
}

static void expect_same_texts(const struct text_list *a,
                              const struct text_list *b)
{
    cr_assert_eq(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        cr_expect_str_eq(a->v[i], b->v[i]);
    }
}

static void expect_same_advice(const struct verdict *v, const struct verdict *w)
{
    expect_same_texts(&v->fix, &w->fix);
    expect_same_texts(&v->reproduce, &w->reproduce);
    cr_assert_eq(v->seen_as_n, w->seen_as_n);
    for (size_t k = 0; k < v->seen_as_n; k++) {
        cr_expect_str_eq(v->seen_as[k].viewer, w->seen_as[k].viewer);
        cr_expect_str_eq(v->seen_as[k].text, w->seen_as[k].text);
    }
}

/* The i-th of a few hundred cases, at one of many servers. */
static void open_case(struct scene *s, unsigned i, unsigned server)
{
    open_scene(s);
    s->hs.offer.has_sni = i % 2 == 0;
    s->hs.carrier = i % 3 ? "starttls-smtp" : "direct";
    s->hs.addr[SIDE_SERVER].port = (uint16_t)(server + 1);
    if (i % 7 == 0) {
        s->hs.carrier = "http-connect";
        s->hs.carrier_asked = server % 2 ? span_text("CONNECT a.test:443")
                                         : span_text("CONNECT b.test:443");
    }
    alert(s, SIDE_SERVER, i % 4 < 2 ? 40 : (uint16_t)(70 + i % 50));
}

static void expect_same_in(struct judge *old, unsigned i, unsigned server)
{
    struct scene a, b;
    open_case(&a, i, server);
    open_case(&b, i, server);
    struct verdict *v = judge_in(old, &a);
    struct verdict *w = judged(&b);
    expect_same_advice(v, w);
    verdict_free(v);
    verdict_free(w);
    hs_free(&a.hs);
    hs_free(&b.hs);
}

/* A judge that has had the same case says the same as a fresh one, also when
 * cases differ in one condition only, and when there are more of them than are
 * remembered. */
Test(advice, a_case_that_is_remembered_says_the_same)
{
    struct judge *old = judge_new(NULL);
    for (unsigned i = 0; i < 600; i++) {
        expect_same_in(old, i % 211, i % 3);
    }
    judge_free(old);
}

Test(advice, a_server_that_is_remembered_is_told_from_others)
{
    struct judge *old = judge_new(NULL);
    for (unsigned server = 0; server < 1500; server++) {
        struct scene s;
        open_case(&s, 0, server);
        verdict_free(judge_in(old, &s));
        hs_free(&s.hs);
    }
    for (unsigned server = 0; server < 1500; server += 37) {
        expect_same_in(old, 0, server);
    }
    judge_free(old);
}

Test(advice, verdicts_of_one_kind_have_one_number)
{
    struct judge *j = judge_new(NULL);
    struct scene s[3];
    struct verdict *v[3];
    for (unsigned i = 0; i < 3; i++) {
        open_case(&s[i], i == 2, 0);
        v[i] = judge_in(j, &s[i]);
    }
    cr_expect_neq(v[0]->advice_id, 0);
    cr_expect_eq(v[0]->advice_id, v[1]->advice_id);
    cr_expect_neq(v[0]->advice_id, v[2]->advice_id);
    for (unsigned i = 0; i < 3; i++) {
        verdict_free(v[i]);
        hs_free(&s[i].hs);
    }
    judge_free(j);
}

static void advise(struct advice *a, const struct facts *f, uint32_t room,
                   struct verdict *v)
{
    verdict_init(v, OUTCOME_FAILURE);
    v->cause = known_cause("server_certificate_expired");
    v->side = v->cause->side;
    v->arena.cap_bytes = room ? room : v->arena.cap_bytes;
    advice_fill(a, f, v);
}

/* A verdict that was full when its texts came leaves those after it alone. */
Test(advice, what_was_cut_is_not_remembered)
{
    struct scene s;
    struct facts f;
    struct verdict whole, v;
    open_scene(&s);
    facts_derive(&f, &s.hs, NULL, NULL);
    advise(NULL, &f, 0, &whole);
    cr_assert(whole.fix.n && whole.reproduce.n && whole.seen_as_n);
    unsigned cut = 0;
    for (uint32_t room = 1; room < 16384; room += 512) {
        struct advice *a = advice_new();
        for (unsigned i = 0; i < 3; i++) { /* made, remembered, taken */
            advise(a, &f, i ? 0 : room, &v);
            cut += v.arena.limited;
            cr_expect(v.arena.limited || (v.fix.n == whole.fix.n &&
                                          v.reproduce.n == whole.reproduce.n &&
                                          v.seen_as_n == whole.seen_as_n),
                      "%u", room);
            cr_expect(i == 0 || !v.arena.limited);
            verdict_fini(&v);
        }
        advice_free(a);
    }
    cr_expect_gt(cut, 1u);
    verdict_fini(&whole);
    hs_free(&s.hs);
}

Test(advice, a_long_value_is_cut_and_the_row_stays)
{
    struct scene s;
    open_scene(&s);
    static uint16_t many[2000];
    for (unsigned i = 0; i < COUNT(many); i++) {
        many[i] = 0xc02f;
    }
    s.hs.offer.ciphers = LIST(many);
    struct facts f;
    facts_derive(&f, &s.hs, NULL, NULL);
    char *out = NULL;
    cr_assert(advice_expand(&f, "a {suites} b {port}", false, &out));
    cr_expect_eq(strncmp(out, "a ECDHE-RSA-AES128-GCM-SHA256:", 30), 0);
    cr_expect_str_eq(out + strlen(out) - 6, " b 443");
    free(out);
    hs_free(&s.hs);
}

/* ---- what the server chose beyond the offer ---- */

/* Apache answers an unknown protocol with http/1.1. */
Test(application_protocol, chosen_beyond_the_offer)
{
    static const struct span offered[] = {{(const uint8_t *)"foo", 3}};
    static const struct {
        const char *chosen, *cause;
        unsigned alert;
    } rows[] = {
        {"http/1.1", "no_shared_application_protocol", 50},
        {"http/1.1", "no_shared_application_protocol", 47},
        {"foo", "decode_error", 50},
        {"http/1.1", "bad_record_mac", 20},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        open_scene_12(&s);
        server_flight_12(&s);
        s.hs.offer.alpn = (struct span_list){offered, 1, true};
        s.hs.choice.has_alpn = true;
        s.hs.choice.alpn = span_text(rows[i].chosen);
        alert(&s, SIDE_CLIENT, rows[i].alert);
        check(&s, rows[i].cause, CONF_LIKELY);
    }
}
