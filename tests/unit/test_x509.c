/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dissectors/x509.c and x509_name.c: facts of certificates made for the
 * purpose, broken ones, and the table of names (RFC 9525 section 6.3).
 */
#include "handshake/cert.h"
#include "tests/unit/certs.h"

#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define COUNT(x)    (sizeof(x) / sizeof((x)[0]))
#define ARENA_BYTES (256u * 1024)

static bool is(struct span s, const char *text)
{
    return span_eq(s, span_text(text));
}

static void read_der(struct arena *a, struct span der, struct cert *out)
{
    /* A copy of its exact size, so that the sanitizer sees reads beyond. */
    uint8_t *copy = malloc(der.n);
    memcpy(copy, der.p, der.n);
    cr_assert(x509_read(a, span_of(copy, der.n), out));
    free(copy);
}

/* Takes x. */
static void read_x509(struct arena *a, X509 *x, struct cert *out)
{
    struct span der = certs_der(x);
    read_der(a, der, out);
    cr_assert(span_eq(out->der, der));
    OPENSSL_free((void *)(uintptr_t)der.p);
    X509_free(x);
}

/* Makes, frees the key, reads. */
static void read_spec(struct arena *a, struct certs_spec spec, const char *kind,
                      struct cert *out)
{
    arena_init(a, ARENA_BYTES);
    spec.key = certs_key(kind);
    X509 *x = certs_make(&spec);
    EVP_PKEY_free(spec.key);
    read_x509(a, x, out);
}

Test(x509, self_signed_rsa)
{
    struct arena a;
    struct cert c;
    read_spec(&a,
              (struct certs_spec){.subject = "Example Root",
                                  .organization = "Ex\xc3\xa4mple, Inc.",
                                  .ca = true,
                                  .key_ids = true,
                                  .serial = 0x1234},
              "rsa", &c);
    cr_assert(!c.malformed, "%s", c.why);
    cr_assert_eq(c.version, 3);
    cr_assert(span_eq(c.serial, span_of("\x12\x34", 2)));
    cr_assert(!c.serial_negative);
    cr_assert(is(c.subject.common_name, "Example Root"));
    cr_assert(is(c.subject.organization, "Ex\xc3\xa4mple, Inc."));
    cr_assert(is(c.subject.distinguished_name,
                 "CN=Example Root,O=Ex\xc3\xa4mple\\, Inc."));
    cr_assert(span_eq(c.subject.der, c.issuer.der));
    cr_assert_eq(c.not_before, (CERTS_NOW - 100 * CERTS_DAY) * TICK_SEC);
    cr_assert_eq(c.not_after, (CERTS_NOW + 100 * CERTS_DAY) * TICK_SEC);
    cr_assert_eq(c.key, KEY_RSA);
    cr_assert_str_eq(c.key_name, "rsa");
    cr_assert_eq(c.key_bits, 2048);
    cr_assert_eq(c.key_group, UNSEEN_U16);
    cr_assert(is(c.signature_algorithm, "sha256WithRSAEncryption"));
    cr_assert(!c.signature_weak);
    cr_assert(c.self_issued && c.self_signed);
    cr_assert(c.has_basic_constraints && c.is_ca);
    cr_assert(c.has_key_usage);
    cr_assert_eq(c.key_usage, CERT_KU_CERT_SIGN | 1 << 6);
    cr_assert_eq(c.subject_key_id.n, 20);
    cr_assert(span_eq(c.subject_key_id, c.authority_key_id));
    cr_assert(!c.has_san && !c.has_eku && !c.must_staple && !c.has_aia);
    arena_free(&a);
}

Test(x509, server_extensions)
{
    struct arena a;
    struct cert c;
    read_spec(
        &a,
        (struct certs_spec){
            .subject = "www.example.com",
            .extensions = {"basicConstraints", "CA:FALSE", "keyUsage",
                           "critical,digitalSignature,keyEncipherment",
                           "extendedKeyUsage", "serverAuth,clientAuth",
                           "subjectAltName",
                           "DNS:www.example.com,DNS:*.example.org,"
                           "IP:192.0.2.7,IP:2001:db8::7,"
                           "email:who@example.com,URI:https://example.com/",
                           "authorityInfoAccess",
                           "OCSP;URI:http://ocsp.example/,"
                           "caIssuers;URI:http://ca.example/i.cer,"
                           "caIssuers;URI:http://ca.example/second.cer",
                           "crlDistributionPoints", "URI:http://ca.example/crl",
                           "certificatePolicies",
                           "DER:300a3008060667810c010201", "tlsfeature",
                           "status_request"}},
        "P-256", &c);
    cr_assert(!c.malformed, "%s", c.why);
    cr_assert(c.has_basic_constraints && !c.is_ca);
    cr_assert_eq(c.key_usage,
                 CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT);
    cr_assert(c.has_eku && c.eku_server_auth && c.eku_client_auth);
    cr_assert(!c.eku_any);
    cr_assert(c.has_san && c.dns.seen && c.ip.seen && c.other_names.seen);
    cr_assert_eq(c.dns.n, 2);
    cr_assert(is(c.dns.v[0], "www.example.com"));
    cr_assert(is(c.dns.v[1], "*.example.org"));
    cr_assert_eq(c.ip.n, 2);
    cr_assert(span_eq(c.ip.v[0], span_of("\xc0\x00\x02\x07", 4)));
    cr_assert_eq(c.ip.v[1].n, 16);
    cr_assert_eq(c.other_names.n, 2);
    cr_assert(is(c.other_names.v[0], "who@example.com"));
    cr_assert(is(c.other_names.v[1], "https://example.com/"));
    cr_assert(c.has_aia && c.has_crl_dp && c.has_policies && c.must_staple);
    cr_assert(is(c.aia_issuer_url, "http://ca.example/i.cer"));
    cr_assert_eq(c.key, KEY_EC);
    cr_assert_str_eq(c.key_name, "ecdsa");
    cr_assert_eq(c.key_bits, 256);
    cr_assert_eq(c.key_group, 23);
    cr_assert(is(c.signature_algorithm, "ecdsa-with-SHA256"));
    cr_assert(!c.unknown_critical && !c.names_cut && !c.name_has_nul);
    arena_free(&a);
}

Test(x509, key_kinds)
{
    static const struct {
        const char *kind;
        enum cert_key key;
        const char *name;
        uint16_t bits, group;
        const char *signature;
    } rows[] = {
        {"rsa1024", KEY_RSA, "rsa", 1024, UNSEEN_U16,
         "sha256WithRSAEncryption"},
        {"P-384", KEY_EC, "ecdsa", 384, 24, "ecdsa-with-SHA256"},
        {"P-521", KEY_EC, "ecdsa", 521, 25, "ecdsa-with-SHA256"},
        {"ED25519", KEY_ED25519, "ed25519", 256, UNSEEN_U16, "ED25519"},
        {"ED448", KEY_ED448, "ed448", 456, UNSEEN_U16, "ED448"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a;
        struct cert c;
        read_spec(&a, (struct certs_spec){.subject = "k"}, rows[i].kind, &c);
        cr_expect(!c.malformed, "%s", c.why);
        cr_expect_eq(c.key, rows[i].key);
        cr_expect_str_eq(c.key_name, rows[i].name);
        cr_expect_eq(c.key_bits, rows[i].bits);
        cr_expect_eq(c.key_group, rows[i].group);
        cr_expect(is(c.signature_algorithm, rows[i].signature));
        cr_expect(c.self_signed);
        arena_free(&a);
    }
}

Test(x509, weak_signatures)
{
    const struct {
        const EVP_MD *md;
        const char *name;
        bool weak;
    } rows[] = {
        {EVP_md5(), "md5WithRSAEncryption", true},
        {EVP_sha1(), "sha1WithRSAEncryption", true},
        {EVP_sha224(), "sha224WithRSAEncryption", false},
        {EVP_sha512(), "sha512WithRSAEncryption", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a;
        struct cert c;
        read_spec(&a, (struct certs_spec){.subject = "w", .md = rows[i].md},
                  "rsa1024", &c);
        cr_expect(is(c.signature_algorithm, rows[i].name));
        cr_expect_eq(c.signature_weak, rows[i].weak, "%s", rows[i].name);
        arena_free(&a);
    }
}

/* RSASSA-PSS with the hash as asked (RFC 4055). */
static void read_pss(const EVP_MD *md, struct arena *a, struct cert *out)
{
    EVP_PKEY *key = certs_key("rsa1024");
    X509 *x = certs_make(&(struct certs_spec){.subject = "p", .key = key});
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    cr_assert(EVP_DigestSignInit(ctx, &pctx, md, NULL, key) == 1);
    cr_assert(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1);
    cr_assert(X509_sign_ctx(x, ctx) > 0);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    arena_init(a, ARENA_BYTES);
    read_x509(a, x, out);
}

Test(x509, pss)
{
    struct arena a;
    struct cert c;
    read_pss(EVP_sha256(), &a, &c);
    cr_expect(is(c.signature_algorithm, "rsassaPss"));
    cr_expect(!c.signature_weak && c.self_signed);
    arena_free(&a);
    read_pss(EVP_sha1(), &a, &c);
    cr_expect(c.signature_weak && c.self_signed);
    arena_free(&a);
}

Test(x509, explicit_curve_has_no_group)
{
    EVP_PKEY *key = certs_key("P-256");
    cr_assert(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"));
    X509 *x = certs_make(&(struct certs_spec){.subject = "e", .key = key});
    EVP_PKEY_free(key);
    struct arena a;
    struct cert c;
    arena_init(&a, ARENA_BYTES);
    read_x509(&a, x, &c);
    cr_expect_eq(c.key, KEY_EC);
    cr_expect_eq(c.key_bits, 256);
    cr_expect_eq(c.key_group, UNSEEN_U16);
    arena_free(&a);
}

Test(x509, version_1_and_negative_serial)
{
    struct arena a;
    struct cert c;
    read_spec(&a,
              (struct certs_spec){.subject = "old", .v1 = true, .serial = -300},
              "P-256", &c);
    cr_expect(!c.malformed, "%s", c.why);
    cr_expect_eq(c.version, 1);
    cr_expect(!c.has_basic_constraints && !c.has_san);
    cr_expect(c.serial_negative);
    /* -300 is 0xfed4 in two's complement. */
    cr_expect(span_eq(c.serial, span_of("\xfe\xd4", 2)));
    arena_free(&a);
}

Test(x509, long_serial)
{
    static const uint8_t long_serial[] = {0,  0xff, 1,  2,  3,  4,  5,
                                          6,  7,    8,  9,  10, 11, 12,
                                          13, 14,   15, 16, 17, 18, 19};
    EVP_PKEY *key = certs_key("P-256");
    X509 *x = certs_make(&(struct certs_spec){.subject = "s", .key = key});
    BIGNUM *n = BN_bin2bn(long_serial, sizeof long_serial, NULL);
    cr_assert(BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)));
    BN_free(n);
    certs_sign(x, key);
    EVP_PKEY_free(key);
    struct arena a;
    struct cert c;
    arena_init(&a, ARENA_BYTES);
    read_x509(&a, x, &c);
    /* The sign byte is kept. */
    cr_expect(span_eq(c.serial, span_of(long_serial, sizeof long_serial)));
    cr_expect(!c.serial_negative);
    arena_free(&a);
}

Test(x509, nul_in_names)
{
    EVP_PKEY *key = certs_key("P-256");
    X509 *x = certs_make(&(struct certs_spec){.subject = "n", .key = key});
    certs_add_dns(x, "www.example.com\0.evil.test", 26);
    certs_sign(x, key);
    struct arena a;
    struct cert c;
    arena_init(&a, ARENA_BYTES);
    read_x509(&a, x, &c);
    cr_expect(c.name_has_nul);
    cr_assert_eq(c.dns.n, 1);
    cr_expect(span_eq(c.dns.v[0], span_of("www.example.com\0.evil.test", 26)));
    cr_expect(!x509_name_matches(&c, span_text("www.example.com"), true));
    arena_free(&a);

    x = certs_make(&(struct certs_spec){
        .subject = "www.example.com\0.evil.test", .subject_n = 26, .key = key});
    EVP_PKEY_free(key);
    arena_init(&a, ARENA_BYTES);
    read_x509(&a, x, &c);
    cr_expect(c.name_has_nul);
    cr_expect_eq(c.subject.common_name.n, 26);
    cr_expect(!x509_name_matches(&c, span_text("www.example.com"), true));
    arena_free(&a);
}

Test(x509, text_in_other_encodings)
{
    EVP_PKEY *key = certs_key("P-256");
    X509 *x = certs_make(&(struct certs_spec){.key = key});
    X509_NAME *name = X509_get_subject_name(x);
    cr_assert(X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_BMPSTRING,
                                         (const unsigned char *)"\0h\0\xe9", 4,
                                         -1, 0));
    cr_assert(
        X509_NAME_add_entry_by_NID(name, NID_organizationName, V_ASN1_T61STRING,
                                   (const unsigned char *)"A\xe9", 2, -1, 0));
    certs_sign(x, key);
    EVP_PKEY_free(key);
    struct arena a;
    struct cert c;
    arena_init(&a, ARENA_BYTES);
    read_x509(&a, x, &c);
    cr_expect(is(c.subject.common_name, "h\xc3\xa9"));
    cr_expect(is(c.subject.organization, "A\xc3\xa9"));
    cr_expect(is(c.subject.distinguished_name, "O=A\xc3\xa9,CN=h\xc3\xa9"));
    cr_expect(!c.name_has_nul);
    arena_free(&a);
}

Test(x509, far_dates)
{
    /* 9999-12-31 23:59:59 (RFC 5280 4.1.2.5: no well-defined expiry). */
    struct arena a;
    struct cert c;
    read_spec(&a,
              (struct certs_spec){.subject = "d",
                                  .not_before = -86400,
                                  .not_after = INT64_C(253402300799)},
              "P-256", &c);
    cr_expect(!c.malformed, "%s", c.why);
    cr_expect_eq(c.not_before, -86400 * TICK_SEC);
    cr_expect_eq(c.not_after, INT64_MAX);
    arena_free(&a);
}

Test(x509, broken_date)
{
    EVP_PKEY *key = certs_key("P-256");
    X509 *x = certs_make(&(struct certs_spec){.subject = "b", .key = key});
    cr_assert(ASN1_STRING_set(X509_getm_notAfter(x), "20261399", 8));
    certs_sign(x, key);
    EVP_PKEY_free(key);
    struct arena a;
    struct cert c;
    arena_init(&a, ARENA_BYTES);
    read_x509(&a, x, &c);
    cr_expect(c.malformed);
    cr_expect_str_eq(c.why, "notAfter");
    cr_expect_eq(c.not_after, INT64_MAX);
    cr_expect(is(c.subject.common_name, "b"));
    arena_free(&a);
}

Test(x509, odd_extensions)
{
    struct arena a;
    struct cert c;
    read_spec(
        &a,
        (struct certs_spec){.subject = "u",
                            .extensions = {"1.2.3.4.5", "critical,DER:0500",
                                           "extendedKeyUsage", "codeSigning"}},
        "P-256", &c);
    cr_expect(!c.malformed, "%s", c.why);
    cr_expect(c.unknown_critical);
    cr_expect(c.has_eku && !c.eku_server_auth && !c.eku_any);
    arena_free(&a);

    /* keyUsage that is no BIT STRING, and twice the same extension. */
    read_spec(&a,
              (struct certs_spec){.subject = "u",
                                  .extensions = {"keyUsage", "DER:0500"}},
              "P-256", &c);
    cr_expect(c.malformed);
    cr_expect_str_eq(c.why, "keyUsage");
    arena_free(&a);
    read_spec(&a,
              (struct certs_spec){.subject = "u",
                                  .extensions = {"subjectAltName", "DNS:a.b",
                                                 "subjectAltName", "DNS:c.d"}},
              "P-256", &c);
    cr_expect(c.malformed);
    cr_expect_eq(c.dns.n, 1);
    cr_expect(is(c.dns.v[0], "a.b"));
    arena_free(&a);
}

Test(x509, odd_address)
{
    /* iPAddress of 5 bytes: SEQUENCE { [7] 01 02 03 04 05 } */
    struct arena a;
    struct cert c;
    read_spec(&a,
              (struct certs_spec){
                  .subject = "i",
                  .extensions = {"subjectAltName", "DER:300787050102030405"}},
              "P-256", &c);
    cr_expect(c.malformed);
    cr_expect_eq(c.ip.n, 0);
    arena_free(&a);
}

Test(x509, too_many_names)
{
    char list[300 * 16] = "";
    for (int i = 0; i < 300; i++) {
        char one[16];
        snprintf(one, sizeof one, "%sDNS:h%d.test", i ? "," : "", i);
        strcat(list, one);
    }
    struct arena a;
    struct cert c;
    read_spec(&a,
              (struct certs_spec){.subject = "many",
                                  .extensions = {"subjectAltName", list}},
              "P-256", &c);
    cr_expect(!c.malformed, "%s", c.why);
    cr_expect(c.names_cut);
    cr_expect_eq(c.dns.n, 256);
    /* Not kept, but no mismatch may be claimed. */
    cr_expect(x509_name_matches(&c, span_text("h299.test"), false));
    arena_free(&a);
}

Test(x509, not_a_certificate)
{
    static const uint8_t zeros[64] = {0};
    struct arena a;
    struct cert c;
    arena_init(&a, ARENA_BYTES);
    cr_expect(!x509_read(&a, span_of(NULL, 0), &c));
    cr_expect(x509_read(&a, span_text("hello"), &c));
    cr_expect(c.malformed && c.why);
    cr_expect(is(c.der, "hello"));
    /* SHA-256("hello") */
    cr_expect(memcmp(c.sha256, "\x2c\xf2\x4d\xba\x5f\xb0\xa3\x0e", 8) == 0);
    cr_expect(x509_read(&a, span_of(zeros, sizeof zeros), &c));
    cr_expect(c.malformed);
    arena_free(&a);
    /* No memory at all: nothing could be read. */
    arena_init(&a, 0);
    cr_expect(!x509_read(&a, span_text("hello"), &c));
    cr_expect(a.limited);
    arena_free(&a);
}

static struct span full_der(void)
{
    EVP_PKEY *key = certs_key("P-256");
    X509 *x = certs_make(&(struct certs_spec){
        .subject = "www.example.com",
        .key = key,
        .key_ids = true,
        .extensions = {"subjectAltName",
                       "DNS:a.example,IP:192.0.2.1,email:a@b.c,"
                       "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:u@p.n,"
                       "RID:1.2.3.4",
                       "extendedKeyUsage", "serverAuth", "authorityInfoAccess",
                       "caIssuers;URI:http://ca.example/"}});
    EVP_PKEY_free(key);
    struct span der = certs_der(x);
    X509_free(x);
    return der;
}

Test(x509, truncated_at_every_length)
{
    struct span der = full_der();
    for (size_t n = 1; n < der.n; n++) {
        struct arena a;
        struct cert c;
        arena_init(&a, ARENA_BYTES);
        read_der(&a, span_sub(der, 0, n), &c);
        cr_assert(c.malformed && c.why, "%zu", n);
        cr_assert_eq(c.der.n, n);
        arena_free(&a);
    }
    OPENSSL_free((void *)(uintptr_t)der.p);
}

Test(x509, trailing_bytes)
{
    struct span der = full_der();
    uint8_t longer[4096] = {0};
    memcpy(longer, der.p, der.n);
    struct arena a;
    struct cert c;
    arena_init(&a, ARENA_BYTES);
    read_der(&a, span_of(longer, der.n + 3), &c);
    cr_expect(c.malformed);
    cr_expect(is(c.subject.common_name, "www.example.com"));
    cr_expect_eq(c.other_names.n, 3);
    cr_expect(is(c.other_names.v[1], "u@p.n"));
    cr_expect(is(c.other_names.v[2], "1.2.3.4"));
    arena_free(&a);
    OPENSSL_free((void *)(uintptr_t)der.p);
}

Test(x509, every_byte_turned)
{
    struct span der = full_der();
    uint8_t copy[4096];
    cr_assert(der.n <= sizeof copy);
    for (size_t i = 0; i < der.n; i++) {
        struct arena a;
        struct cert c;
        memcpy(copy, der.p, der.n);
        copy[i] ^= (uint8_t)(1u << i % 8);
        arena_init(&a, ARENA_BYTES);
        read_der(&a, span_of(copy, der.n), &c);
        cr_assert(!c.self_signed || !span_eq(c.der, der));
        arena_free(&a);
    }
    OPENSSL_free((void *)(uintptr_t)der.p);
}

Test(x509, small_arenas)
{
    struct span der = full_der();
    for (uint32_t cap = 0; cap < 6000; cap += 16) {
        struct arena a;
        struct cert c;
        arena_init(&a, cap);
        if (x509_read(&a, der, &c)) {
            cr_assert(span_eq(c.der, der));
            for (uint16_t i = 0; i < c.dns.n; i++) {
                cr_assert(c.dns.v[i].n == 0 || c.dns.v[i].p != NULL);
            }
        }
        arena_free(&a);
    }
    OPENSSL_free((void *)(uintptr_t)der.p);
}

/* ---- names ---- */

static bool matches(const char *san, const char *cn, const char *host)
{
    struct span dns[1] = {span_text(san ? san : "")};
    struct cert c = {.subject.common_name = span_text(cn ? cn : "")};
    if (san) {
        c.has_san = true;
        c.dns = (struct span_list){dns, 1, true};
    }
    return x509_name_matches(&c, span_text(host), true);
}

Test(name, table)
{
    static const char l63[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test";
    static const char l64[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test";
    static const struct {
        const char *san, *cn, *host;
        bool want;
    } rows[] = {
        {"example.com", NULL, "example.com", true},
        {"EXAMPLE.com", NULL, "example.COM", true},
        {"example.com", NULL, "example.com.", true},
        {"example.com", NULL, "example.com..", false},
        {"example.com", NULL, ".example.com", false},
        {"example.com", NULL, "www.example.com", false},
        {"www.example.com", NULL, "example.com", false},
        {"example.com", NULL, "example.co", false},
        {"example.com", NULL, "xexample.com", false},
        {"example.com", NULL, "example.comx", false},
        {"example.com", NULL, "example-com", false},
        {"example.com.", NULL, "example.com", false},
        {"localhost", NULL, "localhost", true},
        {"my_host.test", NULL, "my_host.test", true},
        /* wildcards */
        {"*.example.com", NULL, "www.example.com", true},
        {"*.example.com", NULL, "WWW.Example.Com.", true},
        {"*.example.com", NULL, "example.com", false},
        {"*.example.com", NULL, ".example.com", false},
        {"*.example.com", NULL, "a.b.example.com", false},
        {"*.example.com", NULL, "www.example.org", false},
        {"*.example.com", NULL, "www.xexample.com", false},
        {"*.example.com", NULL, "*.example.com", false},
        {"*.example.com", NULL, "xn--bcher-kva.example.com", true},
        {"*.com", NULL, "example.com", false},
        {"*.", NULL, "com", false},
        {"*", NULL, "localhost", false},
        {"*", NULL, "example.com", false},
        {"w*.example.com", NULL, "www.example.com", false},
        {"*w.example.com", NULL, "www.example.com", false},
        {"*ww.example.com", NULL, "www.example.com", false},
        {"www.*.com", NULL, "www.example.com", false},
        {"*.*.com", NULL, "www.example.com", false},
        {"*.example.*", NULL, "www.example.com", false},
        /* international names; A-labels from RFC 3492 and IDNA examples */
        {"xn--bcher-kva.example", NULL,
         "b\xc3\xbc"
         "cher.example",
         true},
        {"xn--bcher-kva.example", NULL, "xn--bcher-kva.example", true},
        {"XN--BCHER-KVA.example", NULL,
         "B\xc3\xbc"
         "cher.EXAMPLE",
         true},
        {"xn--bcher-kva.example", NULL, "bucher.example", false},
        {"b\xc3\xbc"
         "cher.example",
         NULL,
         "b\xc3\xbc"
         "cher.example",
         false},
        {"xn--mnchen-3ya.de", NULL, "m\xc3\xbcnchen.de", true},
        {"xn--fiqs8s.test", NULL, "\xe4\xb8\xad\xe5\x9b\xbd.test", true},
        {"xn--fiqs8s.test", NULL, "\xe4\xb8\xad\xe5\x9b\xbd\xe3\x80\x82test",
         true},
        {"xn--egbpdaj6bu4bxfgehfvwxn.test", NULL,
         "\xd9\x84\xd9\x8a\xd9\x87\xd9\x85\xd8\xa7\xd8\xa8\xd8\xaa\xd9\x83"
         "\xd9\x84\xd9\x85\xd9\x88\xd8\xb4\xd8\xb9\xd8\xb1\xd8\xa8\xd9\x8a"
         "\xd8\x9f.test",
         true},
        {"xn--bcher-kva.example", NULL,
         "b\xfc"
         "cher.example",
         false},
        /* odd hosts */
        {"example.com", NULL, "", false},
        {"", NULL, "", false},
        {"", NULL, "example.com", false},
        {"a b.test", NULL, "a b.test", false},
        {"a..test", NULL, "a..test", false},
        {l63, NULL, l63, true},
        {l64, NULL, l64, false},
        /* addresses only against iPAddress */
        {"192.0.2.1", NULL, "192.0.2.1", false},
        {"*.0.2.1", NULL, "192.0.2.1", false},
        {NULL, "192.0.2.1", "192.0.2.1", false},
        /* common name */
        {NULL, "example.com", "example.com", true},
        {NULL, "*.example.com", "www.example.com", true},
        {NULL, "example.com", "example.org", false},
        {NULL, "Example Inc", "example", false},
        {"other.test", "example.com", "example.com", false},
        {NULL, NULL, "example.com", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_eq(matches(rows[i].san, rows[i].cn, rows[i].host),
                     rows[i].want, "row %zu: san %s cn %s host %s", i,
                     rows[i].san ? rows[i].san : "-",
                     rows[i].cn ? rows[i].cn : "-", rows[i].host);
    }
}

Test(name, addresses)
{
    static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    struct span ip[2] = {span_of("\xc0\x00\x02\x01", 4), span_of(v6, 16)};
    struct cert c = {.has_san = true,
                     .ip = {ip, 2, true},
                     .subject.common_name = span_text("192.0.2.9")};
    static const struct {
        const char *host;
        bool want;
    } rows[] = {
        {"192.0.2.1", true},
        {"192.0.2.2", false},
        {"192.0.2.9", false},
        {"192.0.2.01", false},
        {"[192.0.2.1]", false},
        {"2001:db8::1", true},
        {"[2001:db8::1]", true},
        {"2001:DB8:0:0::0:1", true},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", true},
        {"2001:db8::2", false},
        {"[2001:db8::1", false},
        {"::ffff:192.0.2.1", false},
        {"[]", false},
        {"example.com", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_eq(x509_name_matches(&c, span_text(rows[i].host), true),
                     rows[i].want, "%s", rows[i].host);
    }
}

Test(name, common_name_only_on_request)
{
    struct cert c = {.subject.common_name = span_text("example.com")};
    cr_expect(!x509_name_matches(&c, span_text("example.com"), false));
    cr_expect(x509_name_matches(&c, span_text("example.com"), true));
    /* An embedded NUL in the host proves nothing either. */
    cr_expect(!x509_name_matches(&c, span_of("example.com\0", 12), true));
}

Test(name, longest_hosts)
{
    char host[300];
    memset(host, 'a', sizeof host);
    for (size_t i = 49; i < sizeof host; i += 50) {
        host[i] = '.';
    }
    struct span dns[1];
    struct cert c = {.dns = {dns, 1, true}};
    for (size_t n = 240; n < 299; n++) {
        struct span s = span_of(host, n);
        dns[0] = s;
        bool dot = n % 50 == 0;
        cr_expect_eq(x509_name_matches(&c, s, false), n <= 253 && !dot, "%zu",
                     n);
    }
}
