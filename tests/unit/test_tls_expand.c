/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsers of TLS messages against messages made by hand from the RFCs'
 * structures (RFC 8446 section 4, RFC 5246 section 7.4, RFC 8422 section 5.4).
 * Every message is parsed from a heap copy of its exact size, so that a
 * sanitizer sees any read outside it.
 */
#include "dissectors/tls_expand.h"
#include "dissectors/tls_handshake.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* ---- messages in the making -------------------------------------------------
 */

struct msg {
    uint8_t b[32768];
    size_t n;
};

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Appends hex digits; spaces may stand between them. */
static void put(struct msg *m, const char *hex)
{
    while (*hex) {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        cr_assert(m->n < sizeof m->b);
        m->b[m->n++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
        hex += 2;
    }
}

static void put_many(struct msg *m, const char *hex, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        put(m, hex);
    }
}

/* Reserves a length field and returns where it is; shut() fills it. */
static size_t open_vec(struct msg *m, unsigned width)
{
    size_t at = m->n;
    put_many(m, "00", width);
    return at;
}

static void shut(struct msg *m, size_t at, unsigned width)
{
    size_t n = m->n - at - width;
    for (unsigned i = 0; i < width; i++) {
        m->b[at + i] = (uint8_t)(n >> (8 * (width - 1 - i)));
    }
}

static void ext(struct msg *m, unsigned type, const char *body)
{
    m->b[m->n++] = (uint8_t)(type >> 8);
    m->b[m->n++] = (uint8_t)type;
    size_t at = open_vec(m, 2);
    put(m, body);
    shut(m, at, 2);
}

/* ---- one arena and one exact-size copy per test
 * ------------------------------- */

static struct arena arena;
static uint8_t *copy;

static void setup(void)
{
    arena_init(&arena, 1u << 20);
    copy = NULL;
}

static void teardown(void)
{
    arena_free(&arena);
    free(copy);
}

static struct span exact(const uint8_t *p, size_t n)
{
    free(copy);
    copy = malloc(n ? n : 1);
    cr_assert_not_null(copy);
    memcpy(copy, p, n);
    return span_of(copy, n);
}

static struct client_offer parse_hello(const struct msg *m, bool dtls)
{
    struct client_offer o;
    tls_parse_client_hello(&arena, exact(m->b, m->n), dtls, &o);
    return o;
}

static struct server_choice parse_server(const struct msg *m)
{
    struct server_choice s;
    tls_parse_server_hello(&arena, exact(m->b, m->n), false, &s);
    return s;
}

static struct key_exchange parse_ske(const struct msg *m, uint16_t cipher,
                                     uint16_t version)
{
    struct key_exchange k;
    tls_parse_key_exchange(exact(m->b, m->n), cipher, version, &k);
    return k;
}

#define RANDOM                                                                 \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void start_hello(struct msg *m, const char *version)
{
    m->n = 0;
    put(m, version);
    put(m, RANDOM);
}

/* Up to the extension block; returns where its length field is. */
static size_t start_extensions(struct msg *m)
{
    start_hello(m, "0303");
    put(m, "04 a1a2a3a4");
    put(m, "000e 1a1a 1301 c02f 002f 00ff 5600 0a00");
    put(m, "01 00");
    return open_vec(m, 2);
}

/* A hello with everything. */
static void full_hello(struct msg *m)
{
    size_t at = start_extensions(m);
    ext(m, 0x2a2a, "");
    ext(m, 0, "0009 00 0006 612e74657374"); /* a.test */
    ext(m, 5, "01 0000 0000");
    ext(m, 10, "0008 3a3a 11ec 001d 0017");
    ext(m, 11, "03 000102");
    ext(m, 13, "0006 0403 0804 0401");
    ext(m, 16, "000c 02 6832 08 687474702f312e31");
    ext(m, 18, "");
    ext(m, 22, "");
    ext(m, 23, "");
    ext(m, 27, "04 0002 0001");
    ext(m, 35, "0102");
    ext(m, 42, "");
    ext(m, 43, "06 4a4a 0304 0303");
    ext(m, 44, "0002 beef");
    ext(m, 45, "02 0100");
    ext(m, 49, "");
    ext(m, 50, "0004 0809 0503");
    ext(m, 51, "000d 3a3a 0001 00 001d 0004 01020304");
    ext(m, 57, "0102");
    ext(m, 0xfe0d, "00 0001 0001 07 0000 0000");
    ext(m, 0xff01, "00");
    ext(m, 41, "000c 0006 010203040506 00000000 0005 04 0a0b0c0d");
    shut(m, at, 2);
}

#define EXPECT_LIST(list, ...)                                                 \
    do {                                                                       \
        static const uint16_t want[] = {__VA_ARGS__};                          \
        cr_assert((list).seen);                                                \
        cr_assert_eq((list).n, sizeof want / sizeof want[0]);                  \
        for (size_t i_ = 0; i_ < (list).n; i_++) {                             \
            cr_expect_eq((list).v[i_], want[i_]);                              \
        }                                                                      \
    } while (0)

#define EXPECT_BYTES(span, text)                                               \
    cr_expect(span_eq(span, span_of(text, sizeof(text) - 1)))

TestSuite(client_hello, .init = setup, .fini = teardown);
TestSuite(server_hello, .init = setup, .fini = teardown);
TestSuite(certificate, .init = setup, .fini = teardown);
TestSuite(certificate_request, .init = setup, .fini = teardown);
TestSuite(key_exchange, .init = setup, .fini = teardown);
TestSuite(expand);

/* ---- ClientHello
 * -------------------------------------------------------------- */

Test(client_hello, everything_in_its_field)
{
    struct msg m;
    full_hello(&m);
    struct client_offer o = parse_hello(&m, false);

    cr_assert(o.seen);
    cr_expect_not(o.malformed, "%s", o.why);
    cr_expect_not(o.v2_format);
    cr_expect_eq(o.legacy_version, 0x0303);
    cr_expect_eq(o.max_version, 0x0304);
    cr_expect_eq(o.min_version, 0x0303);
    cr_expect_eq(o.random.n, 32);
    cr_expect_eq(o.random.p[31], 0x1f);
    EXPECT_BYTES(o.session_id, "\xa1\xa2\xa3\xa4");
    EXPECT_LIST(o.ciphers, 0x1a1a, 0x1301, 0xc02f, 0x002f, 0x00ff, 0x5600,
                0x0a00);
    EXPECT_LIST(o.extensions, 0x2a2a, 0, 5, 10, 11, 13, 16, 18, 22, 23, 27, 35,
                42, 43, 44, 45, 49, 50, 51, 57, 0xfe0d, 0xff01, 41);
    EXPECT_LIST(o.versions, 0x4a4a, 0x0304, 0x0303);
    EXPECT_LIST(o.groups, 0x3a3a, 0x11ec, 0x001d, 0x0017);
    EXPECT_LIST(o.key_shares, 0x3a3a, 0x001d);
    EXPECT_LIST(o.signature_algorithms, 0x0403, 0x0804, 0x0401);
    EXPECT_LIST(o.signature_algorithms_cert, 0x0809, 0x0503);
    EXPECT_LIST(o.compress_certificate, 2, 1);
    EXPECT_BYTES(o.point_formats, "\x00\x01\x02");
    EXPECT_BYTES(o.psk_modes, "\x01\x00");
    cr_assert_eq(o.alpn.n, 2);
    EXPECT_BYTES(o.alpn.v[0], "h2");
    EXPECT_BYTES(o.alpn.v[1], "http/1.1");
    EXPECT_BYTES(o.sni, "a.test");
    cr_expect_eq(o.bytes, m.n + 4);
    cr_expect_eq(o.psk_identities, 1);
}

Test(client_hello, every_flag)
{
    struct msg m;
    full_hello(&m);
    struct client_offer o = parse_hello(&m, false);

    cr_expect(o.has_sni);
    cr_expect(o.has_psk);
    cr_expect(o.has_early_data);
    cr_expect(o.has_ticket);
    cr_expect(o.ticket_nonempty);
    cr_expect(o.has_renegotiation_info);
    cr_expect(o.has_scsv);
    cr_expect(o.has_fallback_scsv);
    cr_expect(o.has_ems);
    cr_expect(o.has_etm);
    cr_expect(o.has_status_request);
    cr_expect(o.has_sct);
    cr_expect(o.has_ech);
    cr_expect(o.has_grease);
    cr_expect(o.has_post_handshake_auth);
    cr_expect(o.has_cookie);
    cr_expect(o.has_quic_transport);
}

Test(client_hello, without_extensions_as_ssl3_sends_it)
{
    struct msg m;
    start_hello(&m, "0300");
    put(&m, "00 0004 0005 000a 01 00");
    struct client_offer o = parse_hello(&m, false);

    cr_expect_not(o.malformed);
    cr_expect_eq(o.max_version, 0x0300);
    cr_expect_eq(o.min_version, 0x0300);
    EXPECT_LIST(o.ciphers, 0x0005, 0x000a);
    cr_expect_not(o.extensions.seen);
    cr_expect_not(o.groups.seen);
    cr_expect_not(o.has_sni);
    cr_expect_not(o.has_ticket);
    cr_expect_not(o.has_grease);
    cr_expect_not(o.has_scsv);
}

Test(client_hello, every_prefix_is_read_inside_its_bounds)
{
    struct msg m;
    full_hello(&m);
    size_t before_extensions = 2 + 32 + 5 + 16 + 2;

    for (size_t n = 0; n <= m.n; n++) {
        struct client_offer o;
        arena_free(&arena);
        tls_parse_client_hello(&arena, exact(m.b, n), false, &o);
        bool whole = n == m.n || n == before_extensions;
        cr_assert(o.seen);
        cr_assert_eq(o.malformed, !whole, "%zu bytes", n);
        cr_assert_eq(o.why == NULL, whole, "%zu bytes", n);
    }
}

Test(client_hello, a_cut_one_keeps_what_came_before)
{
    struct msg m;
    full_hello(&m);
    m.n -= 20; /* one byte of the last extension's body is left */
    struct client_offer o = parse_hello(&m, false);

    cr_expect(o.malformed);
    cr_expect_str_eq(o.why, "pre_shared_key identities");
    cr_expect_eq(o.max_version, 0x0304);
    EXPECT_BYTES(o.sni, "a.test");
    EXPECT_LIST(o.key_shares, 0x3a3a, 0x001d);
}

Test(client_hello, a_bad_extension_leaves_the_others)
{
    struct msg m;
    size_t at = start_extensions(&m);
    ext(&m, 10, "0003 001d 00"); /* odd */
    ext(&m, 13, "0004 0403 0804");
    shut(&m, at, 2);
    struct client_offer o = parse_hello(&m, false);

    cr_expect(o.malformed);
    cr_expect_str_eq(o.why, "supported_groups");
    EXPECT_LIST(o.groups, 0x001d);
    EXPECT_LIST(o.signature_algorithms, 0x0403, 0x0804);
}

Test(client_hello, an_extension_with_bytes_left_over)
{
    struct msg m;
    size_t at = start_extensions(&m);
    ext(&m, 23, "00"); /* has no body */
    shut(&m, at, 2);
    struct client_offer o = parse_hello(&m, false);

    cr_expect(o.malformed);
    cr_expect_str_eq(o.why, "extended_master_secret");
    cr_expect(o.has_ems);
}

Test(client_hello, of_a_repeated_extension_the_first_counts)
{
    struct msg m;
    size_t at = start_extensions(&m);
    ext(&m, 10, "0002 001d");
    ext(&m, 10, "0002 0017");
    shut(&m, at, 2);
    struct client_offer o = parse_hello(&m, false);

    EXPECT_LIST(o.groups, 0x001d);
    EXPECT_LIST(o.extensions, 10, 10);
    cr_expect(o.malformed);
    cr_expect_str_eq(o.why, "repeated extension");
}

Test(client_hello, bytes_after_the_extensions)
{
    struct msg m;
    size_t at = start_extensions(&m);
    ext(&m, 23, "");
    shut(&m, at, 2);
    put(&m, "00");
    struct client_offer o = parse_hello(&m, false);

    cr_expect(o.malformed);
    cr_expect_str_eq(o.why, "trailing bytes");
    cr_expect(o.has_ems);
}

Test(client_hello, odd_cipher_list)
{
    struct msg m;
    start_hello(&m, "0301");
    put(&m, "00 0003 000500 01 00");
    struct client_offer o = parse_hello(&m, false);

    cr_expect(o.malformed);
    cr_expect_str_eq(o.why, "cipher_suites");
    EXPECT_LIST(o.ciphers, 0x0005);
}

static struct client_offer hello_with(struct msg *m, unsigned type,
                                      const char *body)
{
    size_t at = start_extensions(m);
    ext(m, type, body);
    shut(m, at, 2);
    return parse_hello(m, false);
}

Test(client_hello, versions_in_any_order)
{
    struct msg m;
    struct client_offer o = hello_with(&m, 43, "08 0301 0304 0302 0303");
    cr_expect_eq(o.max_version, 0x0304);
    cr_expect_eq(o.min_version, 0x0301);
}

Test(client_hello, a_draft_is_above_1_2_and_below_1_3)
{
    struct msg m;
    struct client_offer o = hello_with(&m, 43, "04 0303 7f1c");
    cr_expect_eq(o.max_version, 0x7f1c);
    cr_expect_eq(o.min_version, 0x0303);
    o = hello_with(&m, 43, "06 7f1c 7f12 0304");
    cr_expect_eq(o.max_version, 0x0304);
    cr_expect_eq(o.min_version, 0x7f12);
}

Test(client_hello, nothing_but_grease_among_the_versions)
{
    struct msg m;
    struct client_offer o = hello_with(&m, 43, "02 fafa");
    cr_expect_eq(o.max_version, 0x0303);
    cr_expect_eq(o.min_version, 0x0303);
}

Test(client_hello, server_names_other_than_the_first)
{
    struct msg m;
    struct client_offer o = hello_with(&m, 0, "0008 00 0001 61 00 0001 62");
    EXPECT_BYTES(o.sni, "a");
    cr_expect_not(o.malformed);
}

Test(client_hello, malformed_server_names)
{
    static const char *const bodies[] = {
        "",                   /* as only servers may send it */
        "0003 00 0000",       /* empty name */
        "0004 00 0002 61",    /* name longer than its list */
        "0004 00 0001 61 00", /* byte behind the list */
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct msg m;
        struct client_offer o = hello_with(&m, 0, bodies[i]);
        cr_expect(o.has_sni);
        cr_expect_eq(o.sni.n, 0, "%zu", i);
        cr_expect(o.malformed);
        cr_expect_str_eq(o.why, "server_name");
    }
}

Test(client_hello, an_empty_ticket)
{
    struct msg m;
    struct client_offer o = hello_with(&m, 35, "");
    cr_expect(o.has_ticket);
    cr_expect_not(o.ticket_nonempty);
    cr_expect_not(o.malformed);
}

Test(client_hello, an_empty_protocol_name)
{
    struct msg m;
    struct client_offer o = hello_with(&m, 16, "0001 00");
    cr_expect(o.malformed);
    cr_expect_str_eq(o.why, "application_layer_protocol_negotiation");
}

Test(client_hello, key_shares_at_the_draft_s_code_point)
{
    struct msg m;
    struct client_offer o = hello_with(&m, 40, "0006 001d 0002 0102");
    EXPECT_LIST(o.key_shares, 0x001d);
    /* extended_random, which shares the number */
    o = hello_with(&m, 40, "0004 ffffffff");
    cr_expect_not(o.malformed);
    cr_expect_not(o.key_shares.seen);
}

Test(client_hello, without_memory_it_is_not_the_client_s_fault)
{
    struct msg m;
    full_hello(&m);
    arena.cap_bytes = 0;
    struct client_offer o = parse_hello(&m, false);
    cr_expect(arena.limited);
    cr_expect_not(o.malformed, "%s", o.why);
    cr_expect_eq(o.ciphers.n, 0);
    EXPECT_BYTES(o.sni, "a.test");
}

Test(client_hello, dtls)
{
    struct msg m;
    start_hello(&m, "fefd");
    put(&m, "00 02 c0c1 0002 c02b 01 00");
    size_t at = open_vec(&m, 2);
    ext(&m, 43, "06 fefd fefc feff");
    shut(&m, at, 2);
    struct client_offer o = parse_hello(&m, true);

    cr_expect_not(o.malformed, "%s", o.why);
    cr_expect(o.has_cookie);
    EXPECT_LIST(o.ciphers, 0xc02b);
    cr_expect_eq(o.max_version, 0xfefc); /* DTLS 1.3 */
    cr_expect_eq(o.min_version, 0xfeff); /* DTLS 1.0 */
    cr_expect_eq(o.bytes, m.n + 12);
}

Test(client_hello, dtls_first_flight_has_an_empty_cookie)
{
    struct msg m;
    start_hello(&m, "feff");
    put(&m, "00 00 0002 002f 01 00");
    struct client_offer o = parse_hello(&m, true);
    cr_expect_not(o.malformed);
    cr_expect_not(o.has_cookie);
    cr_expect_eq(o.max_version, 0xfeff);
}

#define V2_HELLO                                                               \
    "01 0301 000f 0000 0010"                                                   \
    "010080 000005 00002f 0000ff 005600"                                       \
    "000102030405060708090a0b0c0d0e0f"

Test(client_hello, v2_format)
{
    struct msg m = {.n = 0};
    struct client_offer o;
    put(&m, V2_HELLO);
    tls_parse_v2_client_hello(&arena, exact(m.b, m.n), &o);

    cr_expect(o.seen);
    cr_expect(o.v2_format);
    cr_expect_not(o.malformed, "%s", o.why);
    cr_expect_eq(o.legacy_version, 0x0301);
    cr_expect_eq(o.max_version, 0x0301);
    EXPECT_LIST(o.ciphers, 0x0005, 0x002f, 0x00ff, 0x5600);
    cr_expect(o.has_scsv);
    cr_expect(o.has_fallback_scsv);
    cr_expect_eq(o.random.n, 16);
    cr_expect_eq(o.session_id.n, 0);
    cr_expect_eq(o.bytes, m.n + 2);
}

Test(client_hello, v2_format_every_prefix)
{
    struct msg m = {.n = 0};
    put(&m, V2_HELLO);
    for (size_t n = 0; n < m.n; n++) {
        struct client_offer o;
        tls_parse_v2_client_hello(&arena, exact(m.b, n), &o);
        cr_expect(o.malformed, "%zu bytes", n);
    }
}

/* ---- ServerHello
 * ----------------------------------------------------------------- */

Test(server_hello, tls12)
{
    struct msg m;
    start_hello(&m, "0303");
    put(&m, "02 b1b2 c02f 00");
    size_t at = open_vec(&m, 2);
    ext(&m, 0xff01, "00");
    ext(&m, 0, "");
    ext(&m, 5, "");
    ext(&m, 16, "0003 02 6832");
    ext(&m, 22, "");
    ext(&m, 23, "");
    ext(&m, 35, "");
    shut(&m, at, 2);
    struct server_choice s = parse_server(&m);

    cr_assert(s.seen);
    cr_expect_not(s.malformed, "%s", s.why);
    cr_expect_eq(s.legacy_version, 0x0303);
    cr_expect_eq(s.version, 0x0303);
    cr_expect_eq(s.cipher, 0xc02f);
    cr_expect_eq(s.group, UNSEEN_U16);
    cr_expect_eq(s.downgrade, 0);
    EXPECT_BYTES(s.session_id, "\xb1\xb2");
    EXPECT_BYTES(s.alpn, "h2");
    EXPECT_LIST(s.extensions, 0xff01, 0, 5, 16, 22, 23, 35);
    cr_expect(s.has_alpn);
    cr_expect(s.has_renegotiation_info);
    cr_expect(s.has_ems);
    cr_expect(s.has_etm);
    cr_expect(s.has_ticket);
    cr_expect(s.has_status_request);
    cr_expect(s.has_sni_ack);
    cr_expect_not(s.has_psk);
    cr_expect_not(s.has_cookie);
}

Test(server_hello, without_extensions)
{
    struct msg m;
    start_hello(&m, "0300");
    put(&m, "00 0005 00");
    struct server_choice s = parse_server(&m);
    cr_expect_not(s.malformed);
    cr_expect_eq(s.version, 0x0300);
    cr_expect_eq(s.cipher, 0x0005);
    cr_expect_not(s.extensions.seen);
}

static void hello_13(struct msg *m)
{
    start_hello(m, "0303");
    put(m, "00 1301 00");
    size_t at = open_vec(m, 2);
    ext(m, 43, "0304");
    ext(m, 51, "001d 0004 01020304");
    ext(m, 41, "0000");
    shut(m, at, 2);
}

Test(server_hello, tls13)
{
    struct msg m;
    hello_13(&m);
    struct server_choice s = parse_server(&m);
    cr_expect_not(s.malformed, "%s", s.why);
    cr_expect_eq(s.legacy_version, 0x0303);
    cr_expect_eq(s.version, 0x0304);
    cr_expect_eq(s.group, 0x001d);
    cr_expect(s.has_psk);
}

Test(server_hello, every_prefix_is_read_inside_its_bounds)
{
    struct msg m;
    hello_13(&m);
    size_t before_extensions = 2 + 32 + 1 + 2 + 1;
    for (size_t n = 0; n <= m.n; n++) {
        struct server_choice s;
        arena_free(&arena);
        tls_parse_server_hello(&arena, exact(m.b, n), false, &s);
        bool whole = n == m.n || n == before_extensions;
        cr_assert_eq(s.malformed, !whole, "%zu bytes", n);
        cr_assert_eq(s.cipher, n >= 37 ? 0x1301 : UNSEEN_U16);
    }
}

Test(server_hello, retry_names_a_group)
{
    struct msg m = {.n = 0};
    put(&m, "0303");
    memcpy(m.b + m.n, tls_hrr_random, 32);
    m.n += 32;
    put(&m, "00 1302 00");
    size_t at = open_vec(&m, 2);
    ext(&m, 43, "0304");
    ext(&m, 51, "0018");
    ext(&m, 44, "0002 beef");
    shut(&m, at, 2);
    struct server_choice s = parse_server(&m);
    cr_expect_not(s.malformed, "%s", s.why);
    cr_expect_eq(s.group, 0x0018);
    cr_expect_eq(s.cipher, 0x1302);
    cr_expect(s.has_cookie);
}

Test(server_hello, early_drafts_have_no_session_id)
{
    struct msg m;
    start_hello(&m, "7f12");
    put(&m, "1301");
    size_t at = open_vec(&m, 2);
    ext(&m, 40, "001d 0002 0102");
    shut(&m, at, 2);
    struct server_choice s = parse_server(&m);
    cr_expect_not(s.malformed, "%s", s.why);
    cr_expect_eq(s.version, 0x7f12);
    cr_expect_eq(s.cipher, 0x1301);
    cr_expect_eq(s.group, 0x001d);

    m.b[0] = 0x03; /* drafts that already say 1.3 in this field */
    m.b[1] = 0x04;
    s = parse_server(&m);
    cr_expect_not(s.malformed, "%s", s.why);
    cr_expect_eq(s.cipher, 0x1301);
    cr_expect_eq(s.group, 0x001d);
}

Test(server_hello, late_drafts_look_like_the_final_form)
{
    struct msg m;
    start_hello(&m, "0303");
    put(&m, "00 1301 00");
    size_t at = open_vec(&m, 2);
    ext(&m, 43, "7f1c");
    shut(&m, at, 2);
    struct server_choice s = parse_server(&m);
    cr_expect_not(s.malformed);
    cr_expect_eq(s.version, 0x7f1c);
}

Test(server_hello, downgrade_sentinels)
{
    struct msg m = {.n = 0};
    put(&m, "0303");
    put_many(&m, "55", 24);
    put(&m, "444f574e47524401 00 c02f 00");
    cr_expect_eq(parse_server(&m).downgrade, 0x0303);
    m.b[33] = 0;
    cr_expect_eq(parse_server(&m).downgrade, 0x0302);
    m.b[33] = 2;
    cr_expect_eq(parse_server(&m).downgrade, 0);
}

Test(server_hello, two_protocols_are_one_too_many)
{
    struct msg m;
    start_hello(&m, "0303");
    put(&m, "00 c02f 00");
    size_t at = open_vec(&m, 2);
    ext(&m, 16, "0006 02 6832 02 6833");
    shut(&m, at, 2);
    struct server_choice s = parse_server(&m);
    cr_expect(s.malformed);
    cr_expect_str_eq(s.why, "application_layer_protocol_negotiation");
}

/* ---- Certificate
 * ------------------------------------------------------------------ */

/* Self-signed, Ed25519, CN=a.test; made with openssl req -x509. */
#define CERT_HEX                                                               \
    "308201493081fca00302010202141f83a37c204783a3a9d530a82fc20ab4a5d38e253005" \
    "06032b65703011310f300d06035504030c06612e74657374301e170d3236313132353133" \
    "313230345a170d3336313132323133313230345a3011310f300d06035504030c06612e74" \
    "657374302a300506032b6570032100f89a9d7deac39777737a1674185f3d570c65db9887" \
    "98892411be36b9cb27ef17a3663064301d0603551d0e0416041408c0a275f808f0eff2dd" \
    "bb0300d48e9207da0c60301f0603551d2304183016801408c0a275f808f0eff2ddbb0300" \
    "d48e9207da0c60300f0603551d130101ff040530030101ff30110603551d11040a300882" \
    "06612e74657374300506032b65700341009885ab99896382b514b38c90186292b0e1be95" \
    "01dde6c09138a15909f79cdf5a42cde772d5e059bf86f48eef2abcb52f1e6ebbb2e7930d" \
    "a23d31b8469a6e6e07"
#define CERT_BYTES 333

static void add_cert(struct msg *m, const char *hex, bool tls13)
{
    size_t at = open_vec(m, 3);
    put(m, hex);
    shut(m, at, 3);
    if (tls13) {
        put(m, "0000");
    }
}

/* A chain of n times the same certificate. */
static void chain(struct msg *m, unsigned n, bool tls13)
{
    m->n = 0;
    if (tls13) {
        put(m, "00");
    }
    size_t at = open_vec(m, 3);
    for (unsigned i = 0; i < n; i++) {
        add_cert(m, CERT_HEX, tls13);
    }
    shut(m, at, 3);
}

static struct cert_chain parse_chain(const struct msg *m, bool tls13)
{
    struct cert_chain c;
    tls_parse_certificate(&arena, exact(m->b, m->n), tls13, &c);
    return c;
}

Test(certificate, tls12_and_tls13_layouts)
{
    for (int tls13 = 0; tls13 < 2; tls13++) {
        struct msg m;
        chain(&m, 2, tls13);
        struct cert_chain c = parse_chain(&m, tls13);
        cr_assert(c.seen);
        cr_expect_not(c.malformed, "%s", c.why);
        cr_expect_not(c.empty);
        cr_expect_not(c.cut);
        cr_assert_eq(c.n, 2);
        cr_expect_eq(c.v[0]->der.n, CERT_BYTES);
        cr_expect_eq(c.v[1]->der.n, CERT_BYTES);
    }
}

Test(certificate, empty)
{
    struct msg m;
    chain(&m, 0, false);
    cr_expect(parse_chain(&m, false).empty);
    chain(&m, 0, true);
    struct cert_chain c = parse_chain(&m, true);
    cr_expect(c.empty);
    cr_expect_eq(c.n, 0);
    cr_expect_not(c.malformed);
}

Test(certificate, long_chains_are_cut)
{
    struct msg m;
    chain(&m, 16, false);
    struct cert_chain c = parse_chain(&m, false);
    cr_expect_eq(c.n, 16);
    cr_expect_not(c.cut);
    chain(&m, 17, false);
    c = parse_chain(&m, false);
    cr_expect_eq(c.n, 16);
    cr_expect(c.cut);
    cr_expect_not(c.malformed);
}

Test(certificate, every_prefix_is_read_inside_its_bounds)
{
    struct msg m;
    chain(&m, 2, true);
    for (size_t n = 0; n < m.n; n++) {
        struct cert_chain c;
        arena_free(&arena);
        tls_parse_certificate(&arena, exact(m.b, n), true, &c);
        cr_assert(c.malformed, "%zu bytes", n);
        /* A certificate counts once its own bytes are there; the entry's
         * extensions (two bytes) follow. */
        unsigned whole = n >= 4 + 3 + CERT_BYTES;
        whole += n >= 4 + 2 * (3 + CERT_BYTES) + 2;
        cr_assert_eq(c.n, whole, "%zu bytes", n);
    }
}

Test(certificate, an_unreadable_leaf)
{
    struct msg m = {.n = 0};
    size_t at = open_vec(&m, 3);
    add_cert(&m, "00010203", false);
    add_cert(&m, CERT_HEX, false);
    shut(&m, at, 3);
    struct cert_chain c = parse_chain(&m, false);
    cr_expect(c.malformed);
    cr_expect_not_null(c.why);
    cr_expect_not(c.empty);
    /* the second certificate must not pass for the leaf */
    cr_expect(c.n == 0 || c.v[0]->malformed);
}

Test(certificate, an_empty_leaf_leaves_no_chain)
{
    struct msg m = {.n = 0};
    size_t at = open_vec(&m, 3);
    add_cert(&m, "", false);
    add_cert(&m, CERT_HEX, false);
    shut(&m, at, 3);
    struct cert_chain c = parse_chain(&m, false);
    cr_expect(c.malformed);
    cr_expect_not_null(c.why);
    cr_expect_eq(c.n, 0);
    cr_expect_not(c.empty);
}

Test(certificate, trailing_bytes)
{
    struct msg m;
    chain(&m, 1, false);
    put(&m, "00");
    struct cert_chain c = parse_chain(&m, false);
    cr_expect(c.malformed);
    cr_expect_str_eq(c.why, "trailing bytes");
    cr_expect_eq(c.n, 1);
}

Test(certificate, without_memory_it_is_cut)
{
    struct msg m;
    chain(&m, 1, false);
    arena.cap_bytes = 0;
    struct cert_chain c = parse_chain(&m, false);
    cr_expect(c.cut);
    cr_expect_not(c.malformed);
}

/* ---- CertificateRequest
 * -------------------------------------------------------------- */

static struct certificate_request parse_request(const struct msg *m,
                                                uint16_t version)
{
    struct certificate_request r;
    tls_parse_certificate_request(&arena, exact(m->b, m->n), version, &r);
    return r;
}

Test(certificate_request, tls10)
{
    struct msg m = {.n = 0};
    put(&m, "02 0102 0008 0002 3000 0002 3001");
    struct certificate_request r = parse_request(&m, 0x0301);
    cr_assert(r.seen);
    EXPECT_BYTES(r.types, "\x01\x02");
    cr_expect_not(r.signature_algorithms.seen);
    cr_assert_eq(r.authorities.n, 2);
    EXPECT_BYTES(r.authorities.v[1], "\x30\x01");
}

Test(certificate_request, tls12)
{
    struct msg m = {.n = 0};
    put(&m, "01 40 0004 0403 0401 0000");
    struct certificate_request r = parse_request(&m, 0x0303);
    EXPECT_BYTES(r.types, "\x40");
    EXPECT_LIST(r.signature_algorithms, 0x0403, 0x0401);
    cr_expect(r.authorities.seen);
    cr_expect_eq(r.authorities.n, 0);
    r = parse_request(&m, 0xfefd); /* DTLS 1.2 */
    EXPECT_LIST(r.signature_algorithms, 0x0403, 0x0401);
}

Test(certificate_request, tls13)
{
    struct msg m = {.n = 0};
    put(&m, "00");
    size_t at = open_vec(&m, 2);
    ext(&m, 13, "0002 0804");
    ext(&m, 47, "0004 0002 3000");
    shut(&m, at, 2);
    struct certificate_request r = parse_request(&m, 0x0304);
    EXPECT_LIST(r.signature_algorithms, 0x0804);
    cr_assert_eq(r.authorities.n, 1);
    EXPECT_BYTES(r.authorities.v[0], "\x30\x00");
}

/* ---- ServerKeyExchange
 * ------------------------------------------------------------------ */

#define ECDHE_RSA 0xc02f
#define DHE_RSA   0x009e
#define ECDH_ANON 0xc018
#define DHE_PSK   0x0090
#define ECDHE_PSK 0xc035
#define PLAIN_PSK 0x008c

Test(key_exchange, named_curve)
{
    struct msg m = {.n = 0};
    put(&m, "03 001d 02 0102 0804 0003 aabbcc");
    struct key_exchange k = parse_ske(&m, ECDHE_RSA, 0x0303);
    cr_expect(k.seen);
    cr_expect(k.is_ecdh);
    cr_expect_not(k.is_dh);
    cr_expect_eq(k.group, 0x001d);
    cr_expect_eq(k.signature, 0x0804);
}

Test(key_exchange, no_scheme_before_tls12)
{
    struct msg m = {.n = 0};
    put(&m, "03 0017 02 0102 0003 aabbcc");
    struct key_exchange k = parse_ske(&m, 0xc013, 0x0301);
    cr_expect_eq(k.group, 0x0017);
    cr_expect_eq(k.signature, UNSEEN_U16);
}

Test(key_exchange, explicit_curves)
{
    struct msg m = {.n = 0};
    put(&m, "01 01 17 01 a0 01 b0 02 0405 01 13 01 01 02 0607 0401 0001 ee");
    struct key_exchange k = parse_ske(&m, ECDHE_RSA, 0x0303);
    cr_expect(k.seen);
    cr_expect(k.is_ecdh);
    cr_expect_eq(k.group, UNSEEN_U16);
    cr_expect_eq(k.signature, 0x0401);

    m.n = 0; /* over a binary field, pentanomial basis */
    put(&m, "02 00a3 02 01 03 01 06 01 07");
    put(&m, "01 a0 01 b0 02 0405 01 13 01 01 02 0607 0501 0001 ee");
    k = parse_ske(&m, ECDHE_RSA, 0x0303);
    cr_expect(k.seen);
    cr_expect_eq(k.signature, 0x0501);

    m.n = 0; /* trinomial */
    put(&m, "02 00a3 01 01 03");
    put(&m, "01 a0 01 b0 02 0405 01 13 01 01 02 0607 0601 0001 ee");
    k = parse_ske(&m, ECDHE_RSA, 0x0303);
    cr_expect_eq(k.signature, 0x0601);
}

Test(key_exchange, size_of_the_prime)
{
    struct msg m = {.n = 0};
    put(&m, "0080 ff");
    put_many(&m, "01", 127);
    put(&m, "0001 02 0002 0304 0601 0001 aa");
    struct key_exchange k = parse_ske(&m, DHE_RSA, 0x0303);
    cr_expect(k.seen);
    cr_expect(k.is_dh);
    cr_expect_eq(k.dh_bits, 1024);
    cr_expect_eq(k.group, UNSEEN_U16);
    cr_expect_eq(k.signature, 0x0601);

    m.b[2] = 0; /* leading zero: the number begins with 00000001 */
    cr_expect_eq(parse_ske(&m, DHE_RSA, 0x0303).dh_bits, 1009);
    memset(m.b + 2, 0, 128);
    cr_expect_eq(parse_ske(&m, DHE_RSA, 0x0303).dh_bits, 0);
}

Test(key_exchange, identity_hints_come_first)
{
    struct msg m = {.n = 0};
    put(&m, "0003 616263 03 0018 01 04");
    struct key_exchange k = parse_ske(&m, ECDHE_PSK, 0x0303);
    cr_expect(k.is_ecdh);
    cr_expect_eq(k.group, 0x0018);
    cr_expect_eq(k.signature, UNSEEN_U16);

    m.n = 0;
    put(&m, "0000 0002 8001 0001 02 0001 03");
    k = parse_ske(&m, DHE_PSK, 0x0303);
    cr_expect(k.is_dh);
    cr_expect_eq(k.dh_bits, 16);

    m.n = 0;
    put(&m, "0003 616263");
    k = parse_ske(&m, PLAIN_PSK, 0x0303);
    cr_expect(k.seen);
    cr_expect_not(k.is_dh);
    cr_expect_not(k.is_ecdh);
}

Test(key_exchange, anonymous_ones_are_not_signed)
{
    struct msg m = {.n = 0};
    put(&m, "03 0017 02 0102");
    struct key_exchange k = parse_ske(&m, ECDH_ANON, 0x0303);
    cr_expect(k.is_ecdh);
    cr_expect_eq(k.group, 0x0017);
    cr_expect_eq(k.signature, UNSEEN_U16);
}

Test(key_exchange, unknown_suites_are_left_alone)
{
    struct msg m = {.n = 0};
    put(&m, "03 001d 02 0102 0804 0003 aabbcc");
    struct key_exchange k = parse_ske(&m, 0x0b0b, 0x0303);
    cr_expect_not(k.seen);
    cr_expect_eq(k.group, UNSEEN_U16);
    cr_expect_eq(k.signature, UNSEEN_U16);
}

Test(key_exchange, every_prefix_is_read_inside_its_bounds)
{
    struct msg m = {.n = 0};
    put(&m, "01 01 17 01 a0 01 b0 02 0405 01 13 01 01 02 0607 0401 0001 ee");
    for (size_t n = 0; n < m.n; n++) {
        struct key_exchange k;
        tls_parse_key_exchange(exact(m.b, n), ECDHE_RSA, 0x0303, &k);
        cr_expect_eq(k.signature, UNSEEN_U16, "%zu bytes", n);
    }
}

/* ---- the whole handshake
 * ------------------------------------------------------------------ */

static void keep(struct handshake *hs, enum hs_raw which, const struct msg *m,
                 size_t max_bytes)
{
    hs_keep(hs, which, span_of(m->b, m->n), max_bytes);
}

Test(expand, a_tls12_handshake)
{
    struct handshake hs;
    struct msg m;
    hs_init(&hs, 1u << 18);
    hs.version = 0x0303;
    hs.cipher = ECDHE_RSA;
    hs.record_version[SIDE_CLIENT] = 0x0301;
    hs.record_version[SIDE_SERVER] = 0x0303;
    full_hello(&m);
    keep(&hs, HS_RAW_CLIENT_HELLO, &m, 16384);
    start_hello(&m, "0303");
    put(&m, "00 c02f 00");
    keep(&hs, HS_RAW_SERVER_HELLO, &m, 16384);
    chain(&m, 2, false);
    keep(&hs, HS_RAW_SERVER_CERTIFICATE, &m, 32768);
    m.n = 0;
    put(&m, "03 0017 02 0102 0403 0003 aabbcc");
    keep(&hs, HS_RAW_SERVER_KEY_EXCHANGE, &m, 16384);
    m.n = 0;
    put(&m, "01 40 0002 0403 0000");
    keep(&hs, HS_RAW_CERTIFICATE_REQUEST, &m, 16384);
    m.n = 0;
    put(&m, "000000");
    keep(&hs, HS_RAW_CLIENT_CERTIFICATE, &m, 16384);
    keep(&hs, HS_RAW_CERTIFICATE_STATUS, &m, 16384);
    tls_expand(&hs);
    tls_expand(&hs); /* does nothing */

    cr_expect(hs.expanded);
    cr_expect(hs.offer.seen);
    cr_expect_eq(hs.offer.record_version, 0x0301);
    cr_expect_not(hs.offer2.seen);
    cr_expect_not(hs.retry.seen);
    cr_expect_eq(hs.retry.group, UNSEEN_U16);
    cr_expect(hs.choice.seen);
    cr_expect_eq(hs.choice.record_version, 0x0303);
    cr_expect_eq(hs.choice.group, 0x0017);
    cr_expect_eq(hs.ske.signature, 0x0403);
    cr_expect_eq(hs.server_chain.n, 2);
    cr_expect(hs.certificate_request.seen);
    cr_expect(hs.client_chain.empty);
    cr_expect(hs.ocsp_staple);
    cr_expect_not(hs.client_verify_seen);
    hs_free(&hs);
}

/* A server that sends a ClientHello: the client's own, or another's, which is
 * as long where both are the same program. */
Test(expand, a_hello_that_comes_back)
{
    struct msg m;
    full_hello(&m);
    struct tls_message hello = {.side = SIDE_CLIENT,
                                .type = 1,
                                .whole = true,
                                .total = (uint32_t)m.n + 4,
                                .body = span_of(m.b, m.n)};
    for (unsigned i = 0; i < 5; i++) {
        struct handshake hs;
        struct msg back = m;
        struct tls_message other = hello;
        other.side = SIDE_SERVER;
        other.body.p = back.b;
        back.b[i == 1 ? 2 : i == 2 ? 33 : m.n - 1] ^= i && i < 4;
        other.body.n = i == 4 ? 33 : m.n; /* the random value is cut */
        hs_init(&hs, 1u << 16);
        tls_handshake_message(&hs, &hello);
        tls_handshake_message(&hs, &other);
        const struct hs_event *e =
            hs_find(&hs, HS_OTHER_HANDSHAKE, SIDE_SERVER);
        cr_assert_not_null(e);
        cr_expect_eq(e->aux, i ? 1u : 1u | HS_RETURNED, "%u", i);
        hs_free(&hs);
    }
}

Test(expand, nothing_seen)
{
    struct handshake hs;
    hs_init(&hs, 1u << 16);
    tls_expand(&hs);
    cr_expect(hs.expanded);
    cr_expect_not(hs.offer.seen);
    cr_expect_not(hs.choice.seen);
    cr_expect_eq(hs.choice.version, UNSEEN_U16);
    cr_expect_eq(hs.choice.group, UNSEEN_U16);
    cr_expect_eq(hs.ske.group, UNSEEN_U16);
    cr_expect_not(hs.server_chain.seen);
    hs_free(&hs);
}

Test(expand, our_own_limit_is_no_malformation)
{
    struct handshake hs;
    struct msg m;
    hs_init(&hs, 1u << 18);
    hs.version = 0x0303;
    full_hello(&m);
    hs_note(&hs, HS_CLIENT_HELLO, SIDE_CLIENT, 4321, 0, 1, 1);
    keep(&hs, HS_RAW_CLIENT_HELLO, &m, m.n - 30);
    chain(&m, 2, false);
    keep(&hs, HS_RAW_SERVER_CERTIFICATE, &m, m.n - 30);
    tls_expand(&hs);

    cr_expect_not(hs.offer.malformed);
    cr_expect_null(hs.offer.why);
    cr_expect_eq(hs.offer.bytes, 4321);
    cr_expect_eq(hs.offer.max_version, 0x0304);
    cr_expect(hs.server_chain.cut);
    cr_expect_not(hs.server_chain.malformed);
    cr_expect_eq(hs.server_chain.n, 1);
    hs_free(&hs);
}

Test(expand, v2_format_is_recognised)
{
    struct handshake hs;
    struct msg m = {.n = 0};
    hs_init(&hs, 1u << 16);
    put(&m, V2_HELLO);
    keep(&hs, HS_RAW_CLIENT_HELLO, &m, 16384);
    tls_expand(&hs);
    cr_expect(hs.offer.v2_format);
    cr_expect_not(hs.offer.malformed);
    hs_free(&hs);
}

Test(expand, retry_and_second_hello)
{
    struct handshake hs;
    struct msg m;
    hs_init(&hs, 1u << 17);
    hs.version = 0x0304;
    full_hello(&m);
    keep(&hs, HS_RAW_CLIENT_HELLO, &m, 16384);
    keep(&hs, HS_RAW_CLIENT_HELLO2, &m, 16384);
    m.n = 0; /* a draft's message of its own: version, suite, extensions */
    put(&m, "7f13 1301");
    size_t at = open_vec(&m, 2);
    ext(&m, 40, "0017");
    shut(&m, at, 2);
    keep(&hs, HS_RAW_HELLO_RETRY, &m, 16384);
    tls_expand(&hs);
    cr_expect(hs.offer2.seen);
    cr_expect(hs.retry.seen);
    cr_expect_not(hs.retry.malformed, "%s", hs.retry.why);
    cr_expect_eq(hs.retry.cipher, 0x1301);
    cr_expect_eq(hs.retry.group, 0x0017);
    hs_free(&hs);
}

Test(expand, decrypted_tls13)
{
    struct handshake hs;
    struct msg m;
    hs_init(&hs, 1u << 17);
    hs.version = 0x0304;
    hello_13(&m);
    keep(&hs, HS_RAW_SERVER_HELLO, &m, 16384);
    m.n = 0;
    size_t at = open_vec(&m, 2);
    ext(&m, 0, "");
    ext(&m, 16, "0003 02 6832");
    shut(&m, at, 2);
    keep(&hs, HS_RAW_ENCRYPTED_EXTENSIONS, &m, 16384);
    m.n = 0; /* one certificate with a stapled OCSP response */
    put(&m, "00");
    at = open_vec(&m, 3);
    size_t cert = open_vec(&m, 3);
    put(&m, CERT_HEX);
    shut(&m, cert, 3);
    put(&m, "0008 0005 0004 01 000000");
    shut(&m, at, 3);
    keep(&hs, HS_RAW_SERVER_CERTIFICATE, &m, 16384);
    tls_expand(&hs);

    EXPECT_BYTES(hs.choice.alpn, "h2");
    cr_expect(hs.choice.has_sni_ack);
    EXPECT_LIST(hs.choice.extensions, 43, 51, 41);
    cr_expect(hs.ocsp_staple);
    cr_expect_eq(hs.server_chain.n, 1);
    cr_expect_not(hs.server_chain.malformed, "%s", hs.server_chain.why);
    hs_free(&hs);
}
