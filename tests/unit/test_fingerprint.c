/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints against the examples their authors published (the README of
 * salesforce/ja3, technical_details/JA4.md of FoxIO) and against digests made
 * with md5sum and sha256sum from strings written by hand.
 */
#include "dissectors/fingerprint.h"
#include "handshake/offer_shape.h"

#include <criterion/criterion.h>

#define LIST(...)                                                              \
    {                                                                          \
        .v = (const uint16_t[]){__VA_ARGS__},                                  \
        .n = sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t),       \
        .seen = true                                                           \
    }

static struct span bytes(const char *p, size_t n)
{
    return span_of(p, n);
}

/* ---- JA3 --------------------------------------------------------------------
 */

static const struct client_offer ja3_base = {
    .seen = true,
    .legacy_version = 769,
    .max_version = 769,
    .ciphers = LIST(47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4),
    .extensions = LIST(0, 10, 11),
    .groups = LIST(23, 24, 25),
};

static struct client_offer ja3_example(void)
{
    struct client_offer copy = ja3_base;
    copy.point_formats = bytes("\0", 1);
    return copy;
}

static void expect_string(const struct client_offer *o, const char *want)
{
    struct text t;
    text_init(&t, 4096);
    fingerprint_ja3_string(o, &t);
    cr_expect_str_eq(text_str(&t), want);
    text_free(&t);
}

Test(ja3, example_with_extensions)
{
    struct client_offer o = ja3_example();
    char hash[JA3_BYTES];
    expect_string(&o, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,"
                      "0-10-11,23-24-25,0");
    cr_assert(fingerprint_ja3(&o, hash));
    cr_expect_str_eq(hash, "ada70206e40642a3e4461f35503241d5");
}

Test(ja3, example_without_extensions)
{
    struct client_offer o = {.seen = true,
                             .legacy_version = 769,
                             .ciphers =
                                 LIST(4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99)};
    char hash[JA3_BYTES];
    expect_string(&o, "769,4-5-10-9-100-98-3-6-19-18-99,,,");
    cr_assert(fingerprint_ja3(&o, hash));
    cr_expect_str_eq(hash, "de350869b8c85de67a350c8d186f11e6");
}

Test(ja3, grease_is_left_out_at_either_end)
{
    struct client_offer o = {.seen = true,
                             .legacy_version = 771,
                             .ciphers = LIST(0x0a0a, 4865),
                             .extensions = LIST(0x1a1a, 51, 43, 0xfafa),
                             .groups = LIST(0x2a2a)};
    expect_string(&o, "771,4865,51-43,,");
}

Test(ja3, v2_format_hello_has_none)
{
    struct client_offer o = {.seen = true,
                             .v2_format = true,
                             .legacy_version = 769,
                             .ciphers = LIST(5, 47, 255)};
    char hash[JA3_BYTES];
    cr_assert_not(fingerprint_ja3(&o, hash));
    cr_expect_str_eq(hash, "");
}

Test(ja3, nothing_offered_nothing_named)
{
    struct client_offer o = {.seen = false};
    char hash[JA3_BYTES];
    char ja4[JA4_BYTES];
    cr_expect_not(fingerprint_ja3(&o, hash));
    cr_expect_str_eq(hash, "");
    cr_expect_not(fingerprint_ja4(&o, FLAVOUR_TLS, ja4));
    cr_expect_str_eq(ja4, "");
}

/* ---- JA3S
 * -------------------------------------------------------------------- */

Test(ja3s, version_cipher_extensions)
{
    struct server_choice s = {.seen = true,
                              .legacy_version = 771,
                              .version = 771,
                              .cipher = 49199,
                              .extensions = LIST(65281, 11, 16)};
    char hash[JA3_BYTES];
    cr_assert(fingerprint_ja3s(&s, hash));
    cr_expect_str_eq(hash, "1089ea6f0461a29006cc96dfe7a11d80");
}

Test(ja3s, tls13_counts_the_legacy_version)
{
    struct server_choice s = {.seen = true,
                              .legacy_version = 771,
                              .version = 772,
                              .cipher = 4865,
                              .extensions = LIST(51, 43)};
    char hash[JA3_BYTES];
    cr_assert(fingerprint_ja3s(&s, hash));
    cr_expect_str_eq(hash, "eb1d94daa7e0344597e756a1fb6e7054");
}

Test(ja3s, without_a_cipher_there_is_none)
{
    struct server_choice s = {.seen = true, .cipher = UNSEEN_U16};
    char hash[JA3_BYTES];
    cr_expect_not(fingerprint_ja3s(&s, hash));
    cr_expect_str_eq(hash, "");
}

/* ---- JA4
 * --------------------------------------------------------------------- */

static const struct client_offer ja4_base = {
    .seen = true,
    .legacy_version = 0x0303,
    .max_version = 0x0304,
    .has_sni = true,
    .ciphers =
        LIST(0x3a3a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
             0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035),
    .extensions = LIST(0x8a8a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017,
                       0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01,
                       0x000b, 0x000a, 0x0015, 0x1a1a),
    .signature_algorithms =
        LIST(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601),
};

static struct client_offer ja4_example(const struct span *alpn)
{
    struct client_offer copy = ja4_base;
    copy.alpn = (struct span_list){.v = alpn, .n = alpn ? 1 : 0, .seen = alpn};
    return copy;
}

static void expect_ja4(const struct client_offer *o, enum tls_flavour flavour,
                       const char *want)
{
    char ja4[JA4_BYTES];
    cr_assert(fingerprint_ja4(o, flavour, ja4));
    cr_expect_str_eq(ja4, want);
}

Test(ja4, published_example)
{
    struct span h2 = bytes("h2", 2);
    struct client_offer o = ja4_example(&h2);
    expect_ja4(&o, FLAVOUR_TLS, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    expect_ja4(&o, FLAVOUR_QUIC, "q13d1516h2_8daaf6152771_e5627efa2ab1");
}

Test(ja4, published_example_without_signature_algorithms)
{
    struct span h2 = bytes("h2", 2);
    struct client_offer o = ja4_example(&h2);
    o.signature_algorithms = (struct u16_list){.seen = false};
    expect_ja4(&o, FLAVOUR_TLS, "t13d1516h2_8daaf6152771_6d807ffa2a79");
}

Test(ja4, application_protocol)
{
    static const struct {
        const char *name;
        size_t n;
        const char *chars;
    } rows[] = {
        {"http/1.1", 8, "h1"},   {"", 0, "00"},
        {"x", 1, "xx"},          {"\xab", 1, "ab"},
        {"\xab\xcd", 2, "ad"},   {"0\xab", 2, "3b"},
        {"01\xab\xcd", 4, "3d"}, {"0\xab\xcd\x31", 4, "01"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span name = bytes(rows[i].name, rows[i].n);
        struct client_offer o = ja4_example(&name);
        char ja4[JA4_BYTES];
        cr_assert(fingerprint_ja4(&o, FLAVOUR_TLS, ja4));
        cr_expect_arr_eq(ja4 + 8, rows[i].chars, 2, "%zu: %s", i, ja4);
    }
    struct client_offer o = ja4_example(NULL);
    expect_ja4(&o, FLAVOUR_TLS, "t13d151600_8daaf6152771_e5627efa2ab1");
}

Test(ja4, versions)
{
    static const struct {
        uint16_t version;
        const char *chars;
    } rows[] = {{0x0304, "13"}, {0x0303, "12"}, {0x0302, "11"}, {0x0301, "10"},
                {0x0300, "s3"}, {0x0002, "s2"}, {0x7f1c, "13"}, {0xfeff, "d1"},
                {0xfefd, "d2"}, {0xfefc, "d3"}, {0x0305, "00"}};
    struct client_offer o = ja4_example(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char ja4[JA4_BYTES];
        o.max_version = rows[i].version;
        cr_assert(fingerprint_ja4(&o, FLAVOUR_TLS, ja4));
        cr_expect_arr_eq(ja4 + 1, rows[i].chars, 2, "%s", ja4);
    }
}

Test(ja4, empty_parts_are_zeros)
{
    struct client_offer o = {
        .seen = true, .max_version = 0xfefd, .ciphers = {.seen = true}};
    expect_ja4(&o, FLAVOUR_DTLS, "dd2i000000_000000000000_000000000000");
    /* only what part a has already */
    o.extensions = (struct u16_list)LIST(0, 16);
    o.has_sni = true;
    expect_ja4(&o, FLAVOUR_DTLS, "dd2d000200_000000000000_000000000000");
}

Test(ja4, counts_stop_at_99)
{
    uint16_t many[120];
    for (size_t i = 0; i < 120; i++) {
        many[i] = (uint16_t)(120 - i); /* 1..120, backwards */
    }
    struct client_offer o = {.seen = true,
                             .max_version = 0x0303,
                             .ciphers = {.v = many, .n = 120, .seen = true},
                             .extensions = LIST(43)};
    expect_ja4(&o, FLAVOUR_TLS, "t12i990100_0f8860b09f90_b9a491fefe05");
}

/* ---- shape ------------------------------------------------------------------
 */

static const struct hash_seed seed = {1, 2};

static void differs(const struct client_offer *a, const struct client_offer *b)
{
    cr_expect_neq(offer_shape(a, &seed), offer_shape(b, &seed));
}

/* Nine values: more than are hashed at a time. */
static const struct client_offer shape_base = {
    .seen = true,
    .has_sni = true,
    .legacy_version = 0x0303,
    .max_version = 0x0304,
    .min_version = 0x0303,
    .ciphers = LIST(0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c,
                    0xc030, 0xcca9),
    .extensions = LIST(0x2a2a, 0, 10, 43, 13),
    .versions = LIST(0x3a3a, 0x0304, 0x0303),
    .groups = LIST(0x4a4a, 0x001d),
    .key_shares = LIST(0x4a4a, 0x001d),
    .signature_algorithms = LIST(0x0403),
};

Test(shape, everything_that_a_client_always_sends_counts)
{
    static const struct span alpn[] = {{(const uint8_t *)"h2", 2}};
    struct client_offer v[17];
    size_t n = 0;
    for (; n < 17; n++) {
        v[n] = shape_base;
    }
    n = 1;
    v[n++].legacy_version = 0x0302;
    v[n++].max_version = 0x0303;
    v[n++].min_version = 0x0301;
    v[n++].has_sni = false;
    v[n++].v2_format = true;
    v[n++].partial = true;
    v[n++].ciphers.n = 8;
    v[n++].extensions = (struct u16_list)LIST(0, 10, 43, 13, 0x2a2a);
    v[n++].versions.n = 0;
    v[n++].groups = (struct u16_list)LIST(0x4a4a, 0x0017);
    v[n++].key_shares.n = 1;
    v[n++].signature_algorithms = (struct u16_list)LIST(0x0503);
    v[n++].signature_algorithms.seen = false;
    v[n++].alpn = (struct span_list){alpn, 1, true};
    v[n++].alpn.seen = true;
    v[n++].point_formats = bytes("\0", 1);
    cr_assert_eq(n, 17);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            differs(&v[i], &v[k]);
        }
    }
}

/* RFC 8701: GREASE is drawn anew for each hello. */
Test(shape, what_is_drawn_anew_does_not_count)
{
    struct client_offer o = shape_base;
    o.random = bytes("0123456789abcdef0123456789abcdef", 32);
    o.session_id = bytes("x", 1);
    o.sni = bytes("example.org", 11);
    o.ciphers = (struct u16_list)LIST(0xfafa, 0x1301, 0x1302, 0x1303, 0xc02b,
                                      0xc02f, 0xc02c, 0xc030, 0xcca9);
    o.extensions = (struct u16_list)LIST(0x0a0a, 0, 10, 43, 13);
    cr_expect_eq(offer_shape(&o, &seed), offer_shape(&shape_base, &seed));
    o.ciphers = (struct u16_list)LIST(0xfa0a, 0x1301, 0x1302, 0x1303, 0xc02b,
                                      0xc02f, 0xc02c, 0xc030, 0xcca9);
    differs(&o, &shape_base); /* no GREASE value: its bytes differ */
}
