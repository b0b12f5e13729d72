/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reporters, fed with handshakes and verdicts built by hand. Addresses: the
 * examples of RFC 5952. Community IDs: the vectors that come with the
 * specification. What a hostile peer can put into names must not get out as
 * control characters, broken JSON or spreadsheet formulas.
 */
#include "report/fields.h"
#include "report/report.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#define SPAN(literal) span_of("" literal, sizeof(literal) - 1)
#define BYTES(literal)                                                         \
    {                                                                          \
        (const uint8_t *)"" literal, sizeof(literal) - 1                       \
    }
#define T0        (INT64_C(1795610096) * TICK_SEC + 123456789)
#define OUT_BYTES (1u << 20)

/* ---- a connection ----------------------------------------------------------
 */

struct fixture {
    struct handshake hs;
    struct known_cause cause;
    struct verdict verdict;
    struct record record;
    struct report_options options;
    struct text out;
};

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    hs_init(&f->hs, 64u * 1024);
    f->hs.transport = TRANSPORT_TCP;
    f->hs.ip_version = 4;
    f->hs.vlan = UNSEEN_U16;
    f->hs.version = UNSEEN_U16;
    f->hs.cipher = UNSEEN_U16;
    memcpy(f->hs.addr[SIDE_CLIENT].ip, "\xc0\x00\x02\x09", 4);
    memcpy(f->hs.addr[SIDE_SERVER].ip, "\xc6\x33\x64\x07", 4);
    f->hs.addr[SIDE_CLIENT].port = 51000;
    f->hs.addr[SIDE_SERVER].port = 443;
    f->hs.first = T0;
    f->hs.when_hello = T0 + TICK_MSEC;
    f->hs.last = T0 + 5 * TICK_MSEC + 1;
    f->hs.frame_first = 3;
    f->hs.frame_last = 9;
    f->hs.dir[SIDE_CLIENT].bytes = 517;
    f->hs.dir[SIDE_CLIENT].packets = 4;
    f->hs.dir[SIDE_SERVER].bytes = 7;
    f->hs.dir[SIDE_SERVER].packets = 3;
    f->cause = (struct known_cause){
        "no_shared_version", "no protocol version in common", FIX_SERVER};
    f->record.hs = &f->hs;
    f->record.verdict = &f->verdict;
    f->options.width = 80;
    text_init(&f->out, OUT_BYTES);
}

static void tear_down(struct fixture *f)
{
    hs_free(&f->hs);
    text_free(&f->out);
}

/* The server refused with a readable alert in frame 8. */
static void fail(struct fixture *f)
{
    struct conclusion *end = &f->hs.end_state;
    hs_note(&f->hs, HS_SYN, SIDE_CLIENT, 0, 0, T0, 3);
    hs_note(&f->hs, HS_SYN_ACK, SIDE_SERVER, 0, 0, T0, 4);
    hs_note(&f->hs, HS_CLIENT_HELLO, SIDE_CLIENT, 512, 0, T0, 6);
    hs_note(&f->hs, HS_ALERT, SIDE_SERVER, 2, 2 << 8 | 70, T0, 8);
    hs_note(&f->hs, HS_FIN, SIDE_SERVER, 0, 0, T0, 9);
    end->outcome = OUTCOME_FAILURE;
    end->stage = STAGE_CLIENT_HELLO;
    end->by = BY_SERVER;
    end->how = HOW_ALERT;
    end->has_alert = true;
    end->alert_side = SIDE_SERVER;
    end->alert_code = 70;
    end->alert_level = 2;
    end->frame_decisive = 8;
    f->verdict.outcome = OUTCOME_FAILURE;
    f->verdict.cause = &f->cause;
    f->verdict.confidence = CONF_CERTAIN;
    f->verdict.side = FIX_SERVER;
    f->verdict.frame_decisive = 8;
}

static void offer(struct fixture *f, struct span sni)
{
    static const uint16_t ciphers[] = {0x1a1a, 0x1301, 0xc02f, 0xfe12};
    static const uint16_t versions[] = {0x2a2a, 0x0304, 0x0303};
    static const uint16_t groups[] = {0x3a3a, 0x001d, 0x0017};
    static const struct span alpn[] = {{(const uint8_t *)"h2", 2},
                                       {(const uint8_t *)"\x0a\x0a", 2}};
    struct client_offer *o = &f->hs.offer;
    o->seen = true;
    o->legacy_version = 0x0303;
    o->max_version = 0x0304;
    o->min_version = 0x0303;
    o->ciphers = (struct u16_list){ciphers, 4, true};
    o->versions = (struct u16_list){versions, 3, true};
    o->groups = (struct u16_list){groups, 3, true};
    o->alpn = (struct span_list){alpn, 2, true};
    o->has_sni = true;
    o->sni = sni;
    f->hs.expanded = true;
}

static const struct reporter *find(const char *format)
{
    extern const struct reporter json_reporter;
    extern const struct reporter text_reporter;
    extern const struct reporter csv_reporter;
    static const struct reporter *const all[] = {&json_reporter, &text_reporter,
                                                 &csv_reporter};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, format) == 0) {
            return all[i];
        }
    }
    cr_assert_fail("no reporter %s", format);
    return NULL;
}

/* One record, without what comes before and after all records. */
static const char *render(struct fixture *f, const char *format)
{
    const struct reporter *reporter = find(format);
    void *state = calloc(1, reporter->state_bytes + 1);
    text_clear(&f->out);
    reporter->record(state, &f->options, &f->record, &f->out);
    if (reporter->fini) {
        reporter->fini(state);
    }
    free(state);
    return text_str(&f->out);
}

static void has(const char *whole, const char *part)
{
    cr_expect(strstr(whole, part), "missing: %s\nin: %s", part, whole);
}

static void lacks(const char *whole, const char *part)
{
    cr_expect_null(strstr(whole, part), "unexpected: %s\nin: %s", part, whole);
}

/* ---- a small JSON checker (RFC 8259) ------------------------------------- */

static const char *skip_value(const char *s, int depth);

static const char *skip_string(const char *s)
{
    if (!s || *s++ != '"') {
        return NULL;
    }
    while (*s != '"') {
        uint32_t cp = 0;
        size_t n = utf8_decode(span_text(s), &cp);
        if (n == 0 || cp < 0x20) {
            return NULL;
        }
        s += n;
        if (cp == '\\') {
            if (*s == 'u') {
                if (strspn(s + 1, "0123456789abcdef") < 4) {
                    return NULL;
                }
                s += 5;
            } else if (*s && strchr("\"\\/bfnrt", *s)) {
                s++;
            } else {
                return NULL;
            }
        }
    }
    return s + 1;
}

static const char *skip_members(const char *s, char close, int depth)
{
    for (;;) {
        if (close == '}') {
            s = skip_string(s);
            if (!s || *s++ != ':') {
                return NULL;
            }
        }
        s = skip_value(s, depth - 1);
        if (!s || (*s != ',' && *s != close)) {
            return NULL;
        }
        if (*s++ == close) {
            return s;
        }
    }
}

/* No empty objects or lists, no null: they are no facts. */
static const char *skip_value(const char *s, int depth)
{
    if (!s || depth == 0) {
        return NULL;
    }
    if (*s == '{') {
        return skip_members(s + 1, '}', depth);
    }
    if (*s == '[') {
        return skip_members(s + 1, ']', depth);
    }
    if (*s == '"') {
        return skip_string(s);
    }
    if (strncmp(s, "true", 4) == 0) {
        return s + 4;
    }
    if (strncmp(s, "false", 5) == 0) {
        return s + 5;
    }
    size_t digits = strspn(s, "0123456789");
    return digits ? s + digits : NULL;
}

static void is_json_line(const char *s)
{
    const char *end = skip_value(s, 12);
    cr_expect(end && strcmp(end, "\n") == 0, "no JSON: %s", s);
}

/* ---- addresses and Community ID -------------------------------------------
 */

static void expect_ip6(const char *hex, const char *want)
{
    uint8_t ip[16];
    struct text t;
    for (unsigned i = 0; i < 16; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ip[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    text_init(&t, 64);
    format_ip(&t, ip, 6);
    cr_expect_str_eq(text_str(&t), want);
    text_free(&t);
}

Test(format, ipv6_by_rfc_5952)
{
    /* 4.1, 4.2.1: no leading zeros, as short as possible */
    expect_ip6("20010db8000000000000000000000001", "2001:db8::1");
    expect_ip6("20010db8000000000000000000020001", "2001:db8::2:1");
    /* 4.2.2: one zero word is not shortened */
    expect_ip6("20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1");
    /* 4.2.3: the longest run, the first of equals */
    expect_ip6("20010000000000010000000000000001", "2001:0:0:1::1");
    expect_ip6("20010db8000000000001000000000001", "2001:db8::1:0:0:1");
    /* 4.3: lower case */
    expect_ip6("20010db80000aaaabbbbccccddddeeee",
               "2001:db8:0:aaaa:bbbb:cccc:dddd:eeee");
    /* section 5: mapped IPv4 */
    expect_ip6("00000000000000000000ffffc0000201", "::ffff:192.0.2.1");
    expect_ip6("00000000000000000000000000000000", "::");
    expect_ip6("00000000000000000000000000000001", "::1");
    expect_ip6("fe800000000000000000000000000000", "fe80::");
    expect_ip6("00010002000300040005000600000000", "1:2:3:4:5:6::");
    expect_ip6("00000001000200030004000500060007", "0:1:2:3:4:5:6:7");
}

Test(format, endpoints)
{
    struct text t;
    uint8_t v4[16] = {192, 0, 2, 1};
    uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    text_init(&t, 64);
    format_endpoint(&t, v4, 443, 4);
    cr_expect_str_eq(text_str(&t), "192.0.2.1:443");
    text_clear(&t);
    format_endpoint(&t, v6, 65535, 6);
    cr_expect_str_eq(text_str(&t), "[2001:db8::1]:65535");
    text_free(&t);
}

static void expect_community(struct handshake *hs, const char *want)
{
    struct text t;
    text_init(&t, 64);
    format_community_id(&t, hs);
    cr_expect_str_eq(text_str(&t), want);
    text_clear(&t);
    struct hs_addr swap = hs->addr[0];
    hs->addr[0] = hs->addr[1];
    hs->addr[1] = swap;
    format_community_id(&t, hs); /* the same for the other direction */
    cr_expect_str_eq(text_str(&t), want);
    text_free(&t);
}

Test(format, community_id_vectors)
{
    struct handshake hs = {.transport = TRANSPORT_TCP, .ip_version = 4};
    hs.addr[0] = (struct hs_addr){{128, 232, 110, 120}, 34855};
    hs.addr[1] = (struct hs_addr){{66, 35, 250, 204}, 80};
    expect_community(&hs, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    hs.transport = TRANSPORT_UDP;
    hs.addr[0] = (struct hs_addr){{192, 168, 1, 52}, 54585};
    hs.addr[1] = (struct hs_addr){{8, 8, 8, 8}, 53};
    expect_community(&hs, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    hs.transport = TRANSPORT_TCP;
    hs.ip_version = 6;
    hs.addr[0] =
        (struct hs_addr){{0x20, 0x01, 0x04, 0x70, 0xe5, 0xbf, 0xde, 0xad, 0x49,
                          0x57, 0x21, 0x74, 0xe8, 0x2c, 0x48, 0x87},
                         63943};
    hs.addr[1] = (struct hs_addr){{0x26, 0x07, 0xf8, 0xb0, 0x40, 0x0c, 0x0c,
                                   0x03, 0, 0, 0, 0, 0, 0, 0, 0x1a},
                                  25};
    expect_community(&hs, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
}

Test(format, community_id_orders_equal_addresses_by_port)
{
    struct handshake hs = {.transport = TRANSPORT_TCP, .ip_version = 4};
    hs.addr[0] = (struct hs_addr){{10, 0, 0, 1}, 2000};
    hs.addr[1] = (struct hs_addr){{10, 0, 0, 1}, 1000};
    expect_community(&hs, "1:nxwYq30oipX1dGVDLt7tz75Hofc=");
}

/* ---- JSON ------------------------------------------------------------------
 */

Test(json, whole_object_of_a_refusal)
{
    struct fixture f;
    char want[4096];
    set_up(&f);
    fail(&f);
    f.verdict.reason = (char[]){"the server speaks nothing above TLS 1.1"};
    f.hs.vlan = 5;
    snprintf(
        want, sizeof want, "%s%s%s",
        "{\"@timestamp\":\"2026-11-25T12:34:56.124456Z\","
        "\"event\":{\"kind\":\"event\",\"category\":[\"network\"],"
        "\"type\":[\"connection\",\"protocol\"],\"action\":\"tls_handshake\","
        "\"dataset\":\"tlswhy.handshake\",\"outcome\":\"failure\","
        "\"code\":\"no_shared_version\","
        "\"reason\":\"the server speaks nothing above TLS 1.1\","
        "\"start\":\"2026-11-25T12:34:56.123456Z\","
        "\"end\":\"2026-11-25T12:34:56.128456Z\",\"duration\":5000001},"
        "\"error\":{\"type\":\"no_shared_version\"},"
        "\"client\":{\"ip\":\"192.0.2.9\",\"port\":51000,\"bytes\":517,"
        "\"packets\":4},"
        "\"server\":{\"ip\":\"198.51.100.7\",\"port\":443,\"bytes\":7,"
        "\"packets\":3},"
        "\"source\":{\"ip\":\"192.0.2.9\",\"port\":51000},"
        "\"destination\":{\"ip\":\"198.51.100.7\",\"port\":443},"
        "\"network\":{\"transport\":\"tcp\",\"type\":\"ipv4\","
        "\"protocol\":\"tls\","
        "\"community_id\":\"1:6xuSmldVlws5vNY6l3B0Ys3KV80=\","
        "\"vlan\":{\"id\":\"5\"}},"
        "\"tls\":{\"established\":false,\"detailed\":{\"alerts\":["
        "{\"severity\":\"fatal\",\"code\":70,\"type\":\"protocol_version\","
        "\"source\":\"server\"}]}},"
        "\"tlswhy\":{\"carrier\":\"direct\",\"stage\":\"client_hello\","
        "\"ended_by\":\"server\",\"ended_how\":\"alert\","
        "\"alert\":{\"code\":70,\"name\":\"protocol_version\","
        "\"level\":\"fatal\",\"sender\":\"server\",\"encrypted\":false},"
        "\"cause\":\"no_shared_version\",\"confidence\":\"certain\","
        "\"side\":\"server\","
        "\"frames\":{\"first\":3,\"last\":9,\"decisive\":8}},"
        "\"ecs\":{\"version\":\"8.11.0\"},"
        "\"observer\":{\"product\":\"tlswhy\",\"version\":\"",
        tlswhy_version, "\"}}\n");
    cr_expect_str_eq(render(&f, "json"), want);
    is_json_line(text_str(&f.out));
    tear_down(&f);
}

Test(json, offers_are_names_without_grease)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    offer(&f, SPAN("example.org"));
    const char *s = render(&f, "json");
    is_json_line(s);
    has(s, "\"server_name\":\"example.org\"");
    has(s, "\"supported_ciphers\":[\"TLS_AES_128_GCM_SHA256\","
           "\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\",\"0xfe12\"]");
    has(s, "\"offered\":{\"versions\":[\"TLS 1.3\",\"TLS 1.2\"],"
           "\"groups\":[\"x25519\",\"secp256r1\"],\"alpn\":[\"h2\"]}");
    lacks(s, "signature_algorithms");
    tear_down(&f);
}

Test(json, negotiated_values_of_a_success)
{
    struct fixture f;
    set_up(&f);
    offer(&f, SPAN("example.org"));
    f.verdict.outcome = OUTCOME_SUCCESS;
    f.hs.end_state.outcome = OUTCOME_SUCCESS;
    f.hs.end_state.stage = STAGE_ESTABLISHED;
    f.hs.end_state.established = true;
    f.hs.choice = (struct server_choice){.seen = true,
                                         .legacy_version = 0x0303,
                                         .version = 0x0303,
                                         .cipher = 0xc02f,
                                         .group = UNSEEN_U16,
                                         .alpn = SPAN("http/1.1"),
                                         .has_alpn = true};
    f.hs.ske = (struct key_exchange){.seen = true, .group = 0x001d};
    f.hs.end_state.resumed = true;
    cr_expect_str_eq(render(&f, "json"), ""); /* only failures are wanted */
    f.options.all = true;
    f.record.file = "a \"b\".pcap";
    f.record.interface = "eth0";
    const char *s = render(&f, "json");
    is_json_line(s);
    has(s, "\"outcome\":\"success\"");
    has(s, "\"tls\":{\"established\":true,\"resumed\":true,"
           "\"version\":\"1.2\",\"version_protocol\":\"tls\","
           "\"cipher\":\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\","
           "\"curve\":\"x25519\",\"next_protocol\":\"http/1.1\"");
    has(s, "\"ingress\":{\"interface\":{\"name\":\"eth0\"}}");
    has(s, "\"file\":\"a \\\"b\\\".pcap\"");
    lacks(s, "ended_by");
    lacks(s, "\"cause\"");
    lacks(s, "\"error\"");
    tear_down(&f);
}

Test(json, certificate_shapes)
{
    struct fixture f;
    static const struct span dns[] = {{(const uint8_t *)"*.example.org", 13}};
    static const uint8_t loopback[16] = {[15] = 1};
    struct span ips[] = {span_of("\xc0\x00\x02\x01", 4), span_of(loopback, 16)};
    struct cert leaf = {
        .serial = SPAN("\x00\xab\x01"),
        .subject = {.common_name = SPAN("example.org"),
                    .distinguished_name = SPAN("CN=example.org")},
        .issuer = {.common_name = SPAN("Example CA"),
                   .organization = SPAN("Example, Inc."),
                   .distinguished_name = SPAN("CN=Example CA,O=Example")},
        .not_before = 0,
        .not_after = INT64_MAX,
        .dns = {dns, 1, true},
        .ip = {ips, 2, true},
        .key_name = "rsa",
        .key_bits = 2048,
        .signature_algorithm = SPAN("sha256WithRSAEncryption"),
    };
    struct cert *chain[] = {&leaf};
    memset(leaf.sha256, 0xa5, sizeof leaf.sha256);
    set_up(&f);
    fail(&f);
    f.hs.server_chain = (struct cert_chain){.seen = true, .n = 1, .v = chain};
    const char *s = render(&f, "json");
    is_json_line(s);
    has(s, "\"x509\":{\"subject\":{\"common_name\":[\"example.org\"],"
           "\"distinguished_name\":\"CN=example.org\"},"
           "\"issuer\":{\"common_name\":[\"Example CA\"],"
           "\"distinguished_name\":\"CN=Example CA,O=Example\","
           "\"organization\":[\"Example, Inc.\"]},"
           "\"serial_number\":\"AB01\","
           "\"not_before\":\"1970-01-01T00:00:00Z\","
           "\"alternative_names\":[\"*.example.org\",\"192.0.2.1\",\"::1\"],"
           "\"public_key_algorithm\":\"rsa\",\"public_key_size\":2048,"
           "\"signature_algorithm\":\"sha256WithRSAEncryption\"}");
    has(s, "\"hash\":{\"sha256\":\"A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5"
           "A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5\"}");
    lacks(s, "not_after"); /* unreadable */
    tear_down(&f);
}

Test(json, encrypted_alert_has_no_made_up_code)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    f.hs.end_state.alert_encrypted = true;
    f.hs.end_state.alert_code = ALERT_NONE;
    f.hs.end_state.alert_level = 0;
    f.hs.end_state.alert_side = SIDE_CLIENT;
    f.hs.end_state.blind = BLIND_NO_KEYS | BLIND_ONE_DIRECTION;
    f.hs.dir[SIDE_SERVER] = (struct hs_dir){0};
    f.hs.end_state.benign = true;
    const char *s = render(&f, "json");
    is_json_line(s);
    has(s, "\"alert\":{\"sender\":\"client\",\"encrypted\":true}");
    has(s, "\"blind_spots\":[\"one_direction\",\"no_keys\"]");
    has(s, "\"benign\":true");
    /* nothing of the server was captured: its counters are unknown */
    has(s, "\"server\":{\"ip\":\"198.51.100.7\",\"port\":443},");
    tear_down(&f);
}

static char *words[] = {(char[]){"one"}, (char[]){"\x1b]0;x\x07 \"two\"\n=3"}};

static void argue(struct fixture *f)
{
    static char first[] = "alert number 70";
    static char second[] = "again";
    static char third[] = "curl: (35)";
    static struct seen_as seen[] = {
        {"openssl", first}, {"openssl", second}, {"curl", third}};
    static struct alternative other[] = {{"internal_error", CONF_POSSIBLE}};
    static struct fired_rule fired[] = {{.rule = "protocol_version",
                                         .source = "RFC 8446 6.2",
                                         .cause = "no_shared_version",
                                         .confidence = CONF_CERTAIN,
                                         .weight = 90}};
    fired[0].because = (struct text_list){.v = words, .n = 2};
    f->verdict.evidence = (struct text_list){.v = words, .n = 2};
    f->verdict.fix = (struct text_list){.v = words, .n = 1};
    f->verdict.reproduce = (struct text_list){.v = words, .n = 2};
    f->verdict.seen_as = seen;
    f->verdict.seen_as_n = 3;
    f->verdict.alternatives = other;
    f->verdict.alternatives_n = 1;
    f->verdict.fired = fired;
    f->verdict.fired_n = 1;
    f->verdict.interception = "suspected";
    f->verdict.interception_product = "Example Proxy";
    f->verdict.interception_evidence = (struct text_list){.v = words, .n = 1};
}

Test(json, verdict_lists)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    argue(&f);
    const char *s = render(&f, "json");
    is_json_line(s);
    has(s, "\"evidence\":[\"one\","
           "\"\\u001b]0;x\\u0007 \\\"two\\\"\\n=3\"]");
    has(s, "\"seen_as\":{\"openssl\":\"alert number 70\","
           "\"curl\":\"curl: (35)\"}");
    has(s, "\"alternatives\":[{\"cause\":\"internal_error\","
           "\"confidence\":\"possible\"}]");
    has(s, "\"interception\":{\"verdict\":\"suspected\","
           "\"product\":\"Example Proxy\",\"evidence\":[\"one\"]}");
    tear_down(&f);
}

/* A reporter that has written many hellos and much advice writes the same as
 * one that has not, however often and in whatever order they come. */
Test(json, what_was_kept_of_others_does_not_show)
{
    struct text fresh;
    struct fixture f;
    const struct reporter *json = find("json");
    void *old = calloc(1, json->state_bytes);
    set_up(&f);
    fail(&f);
    offer(&f, SPAN("example.org"));
    argue(&f);
    text_init(&fresh, OUT_BYTES);
    for (unsigned i = 0; i < 3000; i++) {
        uint16_t ciphers[] = {0x1301, (uint16_t)(0x1a1a + i % 700), 0x00ff};
        char text[16];
        snprintf(text, sizeof text, "text %u", i % 600 ? i % 600 : i);
        f.hs.offer.ciphers = (struct u16_list){ciphers, 3, true};
        f.verdict.offer_shape = i % 700; /* 0: the same */
        f.hs.flavour = i % 5 ? FLAVOUR_TLS : FLAVOUR_QUIC;
        f.verdict.advice_id = i % 600; /* 0: every time another one */
        f.verdict.seen_as[0].text = text;
        text_clear(&fresh);
        text_add(&fresh, render(&f, "json"));
        text_clear(&f.out);
        json->record(old, &f.options, &f.record, &f.out);
        cr_assert_str_eq(text_str(&f.out), text_str(&fresh), "in round %u", i);
    }
    is_json_line(text_str(&fresh));
    json->fini(old);
    free(old);
    text_free(&fresh);
    tear_down(&f);
}

Test(json, a_record_that_does_not_fit_is_brief_or_missing_never_broken)
{
    for (size_t max = 0; max < 4000; max += 97) {
        struct fixture f;
        set_up(&f);
        fail(&f);
        offer(&f, SPAN("example.org"));
        argue(&f);
        text_free(&f.out);
        text_init(&f.out, max);
        const char *s = render(&f, "json");
        if (f.out.cut) {
            cr_expect_eq(f.out.n, 0);
        } else {
            is_json_line(s);
        }
        tear_down(&f);
    }
}

/* ---- hostile names ---------------------------------------------------------
 */

static const struct span hostile[] = {
    BYTES("\x1b[2J\x1b]0;owned\x07"),
    BYTES("a\"b\\c\nd\r\te"),
    BYTES("\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80"),
    BYTES("\xe2\x80\xaemoc.live\xe2\x80\xa8\xc2\x9b"),
    BYTES("nul\0inside"),
    BYTES("=cmd|' /C calc'!A0"),
    BYTES("{\"tls\":["),
    BYTES("x,y\"\"z"),
};
#define HOSTILE (sizeof hostile / sizeof hostile[0])

static void is_clean(const struct text *t, const char *allowed)
{
    for (size_t i = 0; i < t->n;) {
        uint32_t cp = 0;
        size_t n = utf8_decode(span_of(t->p + i, t->n - i), &cp);
        cr_assert_neq(n, 0, "invalid UTF-8 at %zu of %s", i, t->p);
        bool control = cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ||
                       (cp >= 0x2028 && cp <= 0x202e);
        cr_assert(!control || (cp && cp < 0x80 && strchr(allowed, (int)cp)),
                  "U+%04X at %zu of %s", cp, i, t->p);
        i += n;
    }
}

Test(hostile, names_stay_inside_every_format)
{
    for (size_t i = 0; i < HOSTILE; i++) {
        struct fixture f;
        set_up(&f);
        fail(&f);
        offer(&f, hostile[i]);
        argue(&f);
        f.record.file = "a\x1b"
                        "b.pcap";
        f.verdict.reason = words[1];
        f.options.explain = true;
        is_json_line(render(&f, "json"));
        is_clean(&f.out, "\n");
        render(&f, "text");
        is_clean(&f.out, "\n");
        f.options.unicode = true;
        render(&f, "text");
        is_clean(&f.out, "\n");
        render(&f, "csv");
        is_clean(&f.out, "\r\n");
        tear_down(&f);
    }
}

Test(hostile, json_keeps_what_can_be_kept)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    offer(&f, hostile[1]);
    has(render(&f, "json"), "\"server_name\":\"a\\\"b\\\\c\\nd\\r\\te\"");
    offer(&f, hostile[4]);
    has(render(&f, "json"), "\"server_name\":\"nul\\u0000inside\"");
    tear_down(&f);
}

/* ---- CSV -------------------------------------------------------------------
 */

static unsigned count_char(const char *s, char c)
{
    unsigned n = 0;
    for (; *s; s++) {
        n += *s == c;
    }
    return n;
}

Test(csv, rows_have_as_many_cells_as_the_header)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    find("csv")->begin(NULL, &f.options, &f.out);
    unsigned header = count_char(text_str(&f.out), ',');
    has(text_str(&f.out), "timestamp,outcome,cause,");
    cr_expect_str_eq(text_str(&f.out) + f.out.n - 2, "\r\n");
    const char *row = render(&f, "csv");
    cr_expect_eq(count_char(row, ','), header);
    has(row, "2026-11-25T12:34:56.124456Z,failure,no_shared_version,certain,"
             "server,,192.0.2.9,51000,198.51.100.7,443,,tls,,,,,,direct,"
             "client_hello,server,alert,protocol_version,server,");
    has(row, ",3,9,8,,\r\n");
    tear_down(&f);
}

Test(csv, quotes_and_formulas)
{
    static const struct {
        const char *sni, *cell;
    } rows[] = {
        {"plain.example", ",plain.example,"},
        {"a,b", ",\"a,b\","},
        {"a\"b", ",\"a\"\"b\","},
        {"\"\"", ",\"\"\"\"\"\","},
        {"=1+1", ",\"'=1+1\","},
        {"+1", ",\"'+1\","},
        {"-1", ",\"'-1\","},
        {"@SUM(A1)", ",\"'@SUM(A1)\","},
        {"=HYPERLINK(\"x\")", ",\"'=HYPERLINK(\"\"x\"\")\","},
        {"\tx", ",\\x09x,"},
        {"a\nb", ",a\\x0ab,"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f;
        set_up(&f);
        fail(&f);
        offer(&f, span_text(rows[i].sni));
        has(render(&f, "csv"), rows[i].cell);
        tear_down(&f);
    }
}

/* ---- text ------------------------------------------------------------------
 */

Test(text_report, block_of_a_failure)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    offer(&f, SPAN("example.org"));
    f.verdict.reason = (char[]){"the server speaks nothing above TLS 1.1"};
    f.verdict.evidence = (struct text_list){.v = words, .n = 1};
    cr_expect_str_eq(
        render(&f, "text"),
        "2026-11-25 12:34:56.124Z 192.0.2.9:51000 -> 198.51.100.7:443 "
        "(example.org)\n"
        "  the server speaks nothing above TLS 1.1 [certain: "
        "no_shared_version]\n"
        "  how far   ClientHello -> | x<- alert protocol_version (70)\n"
        "  why       - one\n"
        "  fix       look at the server first\n"
        "  frames    3-9, decisive 8\n"
        "\n");
    tear_down(&f);
}

Test(text_report, unicode_arrows_and_all_parts)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    argue(&f);
    f.options.unicode = true;
    f.options.explain = true;
    f.record.file = "b.pcap";
    f.hs.end_state.blind = BLIND_GAP;
    const char *s = render(&f, "text");
    has(s, "192.0.2.9:51000 → 198.51.100.7:443\n");
    has(s, "  how far   ClientHello → · ✗← alert protocol_version (70)\n");
    has(s, "  fix       look at the server first:\n            - one\n");
    has(s, "  try       one\n            \\x1b]0;x\\x07 \"two\"\\x0a=3\n");
    has(s, "  seen as   openssl: alert number 70\n");
    has(s, "  frames    3–9, decisive 8, in b.pcap\n");
    has(s, "  not seen  - bytes in between are missing from the capture\n");
    has(s, "  rules     protocol_version: no_shared_version, certain, weight "
           "90 (RFC 8446\n              6.2)\n            - one\n");
    has(s, "(possible, internal_error)");
    tear_down(&f);
}

Test(text_report, lines_wrap_at_the_width)
{
    static char long_words[] =
        "caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 "
        "caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9";
    static char *list[] = {long_words};
    struct fixture f;
    set_up(&f);
    fail(&f);
    f.options.unicode = true;
    f.options.width = 43; /* 14 + 5 words of 4 columns and 5 spaces = 38 */
    f.verdict.evidence = (struct text_list){.v = list, .n = 1};
    has(render(&f, "text"),
        "  why       - caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 "
        "caf\xc3\xa9 caf\xc3\xa9\n"
        "              caf\xc3\xa9 caf\xc3\xa9\n");
    tear_down(&f);
}

static const char *with_evidence(struct fixture *f, char *s)
{
    char *list[] = {s};
    fail(f);
    f->verdict.evidence = (struct text_list){.v = list, .n = 1};
    return render(f, "text");
}

Test(text_report, long_names_break_where_names_are_joined)
{
    struct fixture f;
    char evidence[] = "for aaaaaaaaaa.bbbbbbbbbb.cccccccccc.dddddddddd.example "
                      "and xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    set_up(&f);
    f.options.width = 44; /* 30 columns behind the label and the dash */
    has(with_evidence(&f, evidence),
        "  why       - for\n"
        "              aaaaaaaaaa.bbbbbbbbbb.\n"
        "              cccccccccc.dddddddddd.example\n"
        "              and\n"
        "              xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
        "              xxxxxxxxxx\n");
    tear_down(&f);
}

Test(text_report, wide_characters_take_two_columns)
{
    struct fixture f;
    /* Ten times U+6F22, twice. */
    char evidence[] =
        "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2"
        "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2 "
        "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2"
        "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2";
    cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
    set_up(&f);
    f.options.unicode = true;
    f.options.width = 44; /* room for 30: both would fit if they were narrow */
    has(with_evidence(&f, evidence),
        "\xe6\xbc\xa2\n              \xe6\xbc\xa2");
    tear_down(&f);
}

Test(text_report, ascii_only_where_the_locale_has_no_more)
{
    struct fixture f;
    char evidence[] = "caf\xc3\xa9 \xe2\x86\x92 \xff";
    set_up(&f);
    const char *s = with_evidence(&f, evidence);
    has(s, "- caf\\u{e9} \\u{2192} \\xff\n");
    for (; *s; s++) {
        cr_assert_lt((unsigned char)*s, 0x80);
    }
    tear_down(&f);
}

Test(text_report, colour_only_when_asked_for)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    cr_expect_null(strchr(render(&f, "text"), '\033'));
    f.options.colour = true;
    has(render(&f, "text"), "\033[1;31mno protocol");
    tear_down(&f);
}

Test(text_report, reset_silence_and_repeats)
{
    struct fixture f;
    set_up(&f);
    struct conclusion *end = &f.hs.end_state;
    hs_note(&f.hs, HS_CLIENT_HELLO, SIDE_CLIENT, 512, 0, T0, 4);
    hs_note(&f.hs, HS_SERVER_HELLO, SIDE_SERVER, 90, 0, T0, 5);
    hs_note(&f.hs, HS_CHANGE_CIPHER_SPEC, SIDE_SERVER, 1, 0, T0, 5);
    hs_note(&f.hs, HS_PROTECTED, SIDE_SERVER, 90, 0, T0, 5);
    hs_note(&f.hs, HS_PROTECTED, SIDE_SERVER, 90, 0, T0, 6);
    end->outcome = OUTCOME_FAILURE;
    end->by = BY_NOBODY;
    end->how = HOW_TIMEOUT;
    f.hs.timeout_ms = 10000;
    f.verdict.outcome = OUTCOME_FAILURE;
    has(render(&f, "text"),
        "  how far   ClientHello -> | <- ServerHello, encrypted record x2 |"
        " silence (over\n            10 s) x\n");
    hs_note(&f.hs, HS_RST, SIDE_CLIENT, 0, 0, T0 + 7 * TICK_SEC, 9);
    has(render(&f, "text"), " silence (7.0\n"
                            "            s) x | reset ->\n");
    hs_note(&f.hs, HS_RST, SIDE_SERVER, 0, 0, T0 + 7 * TICK_SEC, 10);
    end->by = BY_CLIENT;
    end->how = HOW_RESET;
    end->frame_decisive = 9;
    has(render(&f, "text"), " silence (7.0\n"
                            "            s) | reset ->x\n");
    tear_down(&f);
}

Test(text_report, what_a_hello_lacks_comes_behind_it)
{
    struct fixture f;
    set_up(&f);
    hs_note(&f.hs, HS_GAP, SIDE_CLIENT, 300, 0, T0, 4);
    hs_note(&f.hs, HS_CLIENT_HELLO, SIDE_CLIENT, 512, 0, T0, 4);
    hs_note(&f.hs, HS_GAP, SIDE_CLIENT, 9, 0, T0, 6);
    hs_note(&f.hs, HS_RST, SIDE_SERVER, 0, 0, T0, 7);
    f.hs.end_state.outcome = OUTCOME_FAILURE;
    f.verdict.outcome = OUTCOME_FAILURE;
    f.verdict.frame_decisive = 7;
    has(render(&f, "text"), "ClientHello, missing bytes x2 -> | x<- reset\n");
    tear_down(&f);
}

Test(text_report, a_refusal_behind_the_handshake_is_marked)
{
    struct fixture f;
    set_up(&f);
    hs_note(&f.hs, HS_CLIENT_HELLO, SIDE_CLIENT, 512, 0, T0, 4);
    hs_note(&f.hs, HS_FINISHED, SIDE_SERVER, 40, 0, T0, 8);
    hs_note(&f.hs, HS_ENCRYPTED_ALERT, SIDE_CLIENT, 26, 0, T0, 9);
    hs_note(&f.hs, HS_FIN, SIDE_CLIENT, 0, 0, T0, 10);
    f.hs.end_state.outcome = OUTCOME_SUCCESS;
    f.verdict.outcome = OUTCOME_FAILURE;
    f.verdict.frame_decisive = 9;
    has(render(&f, "text"), "<- Finished | encrypted alert ->x\n");
    tear_down(&f);
}

Test(text_report, one_line_each_for_the_others)
{
    struct fixture f;
    set_up(&f);
    f.options.all = true;
    f.options.width = 40; /* does not matter here */
    f.hs.end_state.blind = BLIND_MIDSTREAM;
    cr_expect_str_eq(render(&f, "text"),
                     "2026-11-25 12:34:56.124Z 192.0.2.9:51000 -> "
                     "198.51.100.7:443 unknown: the capture begins in the "
                     "middle of the connection\n");
    f.verdict.outcome = OUTCOME_SUCCESS;
    f.hs.version = 0x0304;
    f.hs.cipher = 0x1301;
    f.hs.carrier = "starttls-smtp";
    cr_expect_str_eq(render(&f, "text"),
                     "2026-11-25 12:34:56.124Z 192.0.2.9:51000 -> "
                     "198.51.100.7:443 via starttls-smtp ok TLS 1.3 "
                     "TLS_AES_128_GCM_SHA256\n");
    f.hs.end_state.resumed = true;
    has(render(&f, "text"), "TLS_AES_128_GCM_SHA256 resumed\n");
    f.hs.offer.seen = true;
    f.hs.offer.psk_identities = 1;
    has(render(&f, "text"), "TLS_AES_128_GCM_SHA256 resumed\n");
    f.hs.offer.psk_external = true;
    has(render(&f, "text"), "TLS_AES_128_GCM_SHA256 pre-shared key\n");
    f.options.all = false;
    cr_expect_str_eq(render(&f, "text"), "");
    tear_down(&f);
}

/* What the text reporter says of `n` failures, a second each, by clients in
 * turns, and at the end. */
static const char *failures_in_a_row(struct fixture *f, unsigned n,
                                     unsigned clients, bool all, bool live)
{
    const struct reporter *reporter = find("text");
    const struct totals t = {0};
    void *state = calloc(1, reporter->state_bytes);
    set_up(f);
    fail(f);
    f->options.all = all;
    f->options.live = live;
    reporter->begin(state, &f->options, &f->out);
    for (unsigned i = 0; i < n; i++) {
        f->hs.addr[SIDE_CLIENT].ip[3] = (uint8_t)(1 + i % clients);
        f->hs.first = f->hs.when_hello = T0 + i * TICK_SEC;
        reporter->record(state, &f->options, &f->record, &f->out);
    }
    reporter->end(state, &f->options, &t, &f->out);
    reporter->fini(state);
    free(state);
    return text_str(&f->out);
}

static unsigned lines_with(const char *s, const char *what)
{
    unsigned n = 0;
    while ((s = strstr(s, what))) {
        n++;
        s += strlen(what);
    }
    return n;
}

/* One in full, three in a line, the rest together. */
Test(text_report, repeats_are_counted)
{
    struct fixture f;
    const char *s = failures_in_a_row(&f, 4, 2, false, false);
    cr_expect_eq(lines_with(s, "  why  ") + lines_with(s, "how far"), 1u, "%s",
                 s);
    cr_expect_eq(lines_with(s, "the same:"), 3u, "%s", s);
    cr_expect_eq(lines_with(s, "more like it"), 0u, "%s", s);
    tear_down(&f);
    s = failures_in_a_row(&f, 1500, 3, false, false);
    cr_expect_eq(lines_with(s, "the same:"), 3u);
    cr_expect_eq(lines_with(s, "more like it"), 1u);
    has(s, "Z -> 198.51.100.7:443 and 1,496 more like it from 3 clients: no "
           "protocol version in common\n");
    tear_down(&f);
    s = failures_in_a_row(&f, 80, 80, false, false);
    has(s, "and 76 more like it from over 64 clients:");
    tear_down(&f);
}

/* Whoever asks for every connection gets every connection. */
Test(text_report, repeats_are_listed_with_all)
{
    struct fixture f;
    const char *s = failures_in_a_row(&f, 20, 2, true, false);
    cr_expect_eq(lines_with(s, "the same:"), 19u);
    cr_expect_eq(lines_with(s, "more like it"), 0u);
    tear_down(&f);
}

/* Live, nobody waits for the end: once a minute. */
Test(text_report, repeats_are_told_while_they_go_on)
{
    struct fixture f;
    const char *s = failures_in_a_row(&f, 150, 1, false, true);
    cr_expect_eq(lines_with(s, "more like it"), 3u, "%s", s);
    has(s, "and 57 more like it from 1 client:");
    has(s, "and 60 more like it from 1 client:");
    has(s, "and 29 more like it from 1 client:");
    tear_down(&f);
}

/* Of more stories than are kept the oldest is told when it is given up. */
Test(text_report, a_story_that_is_given_up_is_told)
{
    struct fixture f;
    const struct reporter *reporter = find("text");
    void *state = calloc(1, reporter->state_bytes);
    set_up(&f);
    fail(&f);
    reporter->begin(state, &f.options, &f.out);
    for (unsigned i = 0; i < 6; i++) {
        reporter->record(state, &f.options, &f.record, &f.out);
    }
    cr_expect_eq(lines_with(text_str(&f.out), "more like it"), 0u);
    for (unsigned i = 0; i < 64; i++) {
        f.hs.addr[SIDE_SERVER].port = (uint16_t)(1000 + i);
        reporter->record(state, &f.options, &f.record, &f.out);
    }
    has(text_str(&f.out), "198.51.100.7:443 and 2 more like it from 1 client");
    text_clear(&f.out);
    const struct totals t = {0};
    reporter->end(state, &f.options, &t, &f.out);
    cr_expect_eq(f.out.n, 0u);
    reporter->fini(state);
    free(state);
    tear_down(&f);
}

Test(text_report, totals_at_the_end_when_wanted)
{
    const struct reporter *reporter = find("text");
    for (int wanted = 0; wanted < 2; wanted++) {
        struct fixture f;
        struct totals t = {.packets_captured = 9, .tls = 1, .failed = 1};
        set_up(&f);
        fail(&f);
        f.options.summary = wanted;
        void *state = calloc(1, reporter->state_bytes);
        reporter->begin(state, &f.options, &f.out);
        reporter->record(state, &f.options, &f.record, &f.out);
        text_clear(&f.out);
        reporter->end(state, &f.options, &t, &f.out);
        if (wanted) {
            has(text_str(&f.out), "9 packets captured\n");
            has(text_str(&f.out), "       1  no_shared_version - ");
        } else {
            cr_expect_eq(f.out.n, 0);
        }
        reporter->fini(state);
        free(state);
        tear_down(&f);
    }
}

Test(none, has_a_name_and_says_nothing)
{
    extern const struct reporter none_reporter;
    cr_expect_str_eq(none_reporter.name, "none");
    cr_expect_null(none_reporter.record);
}

Test(report, works_without_a_verdict)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    f.record.verdict = NULL;
    is_json_line(render(&f, "json"));
    has(text_str(&f.out), "\"outcome\":\"failure\"");
    has(render(&f, "text"), "the handshake failed\n");
    has(render(&f, "csv"), ",failure,,,,");
    tear_down(&f);
}

/* ---- totals ----------------------------------------------------------------
 */

Test(summary, fixed_lines_and_groups)
{
    struct fixture f;
    struct totals t = {.packets_captured = 12,
                       .packets_dropped = 3,
                       .flows_evicted = 1,
                       .frames_malformed = 2,
                       .tls = 5,
                       .succeeded = 1,
                       .failed = 3,
                       .unknown = 1};
    set_up(&f);
    fail(&f);
    offer(&f, SPAN("example.org"));
    f.options.width = 120;
    struct summary *s = summary_new();
    cr_assert_not_null(s);
    summary_add(s, &f.record);
    f.hs.addr[SIDE_CLIENT].ip[3]++;
    summary_add(s, &f.record);
    f.hs.offer.sni = SPAN("evil\x1b");
    summary_add(s, &f.record);
    f.verdict.outcome = OUTCOME_SUCCESS;
    summary_add(s, &f.record);
    summary_print(s, &f.options, &t, &f.out);
    cr_expect_str_eq(
        text_str(&f.out),
        "12 packets captured\n"
        "3 packets dropped by the kernel\n"
        "1 flows evicted\n"
        "2 packets with malformed headers\n"
        "5 TLS connections: 1 succeeded, 3 failed, 1 unknown\n"
        "\n"
        "failures by cause\n"
        "       3  no_shared_version - no protocol version in common\n"
        "\n"
        "failures by server and cause\n"
        "       2  example.org:443 no_shared_version (2 clients, 2026-11-25 "
        "12:34:56.124Z)\n"
        "       1  evil\\x1b:443 no_shared_version (1 client, 2026-11-25 "
        "12:34:56.124Z)\n"
        "\n"
        "alerts that ended handshakes\n"
        "       3  protocol_version (70) from the server\n");
    summary_free(s);
    tear_down(&f);
}

Test(summary, servers_whose_clients_left)
{
    struct fixture f;
    struct totals t = {
        .tls = 4,
        .succeeded = 4,
        .left = 3,
        .left_servers_n = 2,
        .left_servers = {
            {.addr.port = 443,
             .name = "evil\x1b",
             .fault = "has no name that fits",
             .n = 2},
            {.addr = {{192, 0, 2, 7}, 8443}, .ip_version = 4, .n = 1}}};
    set_up(&f);
    summary_print(NULL, &f.options, &t, &f.out);
    has(text_str(&f.out),
        "clients that left right after the handshake (-a shows them)\n"
        "       2  evil\\x1b:443, whose certificate has no name that fits\n"
        "       1  192.0.2.7:8443\n");
    tear_down(&f);
}

Test(summary, frequent_servers_survive_a_flood_of_rare_ones)
{
    struct fixture f;
    struct totals t = {.tls = 1};
    set_up(&f);
    fail(&f);
    f.options.width = 120;
    struct summary *s = summary_new();
    cr_assert_not_null(s);
    for (unsigned i = 0; i < 20000; i++) {
        bool frequent = i % 10 == 0;
        char name[32];
        snprintf(name, sizeof name, "rare%u.example", i);
        offer(&f, span_text(frequent ? "often.example" : name));
        f.hs.addr[SIDE_CLIENT].port = (uint16_t)i;
        memcpy(f.hs.addr[SIDE_CLIENT].ip, &i, sizeof i);
        summary_add(s, &f.record);
    }
    summary_print(s, &f.options, &t, &f.out);
    has(text_str(&f.out), "   20000  no_shared_version");
    has(text_str(&f.out),
        "    2000  often.example:443 no_shared_version (over 64 clients, ");
    summary_free(s);
    tear_down(&f);
}

Test(summary, nothing_happened)
{
    struct fixture f;
    struct totals t = {.tls = 0, .benign = 2};
    set_up(&f);
    summary_print(NULL, &f.options, &t, &f.out);
    cr_expect_str_eq(text_str(&f.out),
                     "0 packets captured\n"
                     "0 packets dropped by the kernel\n"
                     "0 flows evicted\n"
                     "0 TLS connections: 0 succeeded, 0 failed, 0 unknown; "
                     "2 harmless (not failures)\n");
    tear_down(&f);
}
