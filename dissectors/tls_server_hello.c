/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ServerHello and HelloRetryRequest: RFC 8446 sections 4.1.3 and 4.1.4, RFC
 * 5246 7.4.1.3, RFC 6101 5.6.1.3; the drafts of TLS 1.3 up to 21, whose
 * ServerHello has neither session ID nor compression method, and whose
 * HelloRetryRequest is a message of its own. Also EncryptedExtensions (RFC
 * 8446 section 4.3.1) where it is readable.
 *
 * It does not compare the choice with the offer.
 */
#include "dissectors/tls_expand.h"
#include "dissectors/tls_messages.h"
#include "dissectors/tls_read.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* SHA-256 of "HelloRetryRequest". */
const uint8_t tls_hrr_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
    0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static bool is_retry(const struct server_choice *s)
{
    return span_eq(s->random, span_of(tls_hrr_random, sizeof tls_hrr_random));
}

/* ---- extensions -----------------------------------------------------------
 */

static void parse_server_name(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    (void)c;
    s->has_sni_ack = true;
}

/* Empty in TLS 1.2; drafts of TLS 1.3 had the staple here. */
static void parse_status_request(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    s->has_status_request = true;
    tls_skip_body(c);
}

/* RFC 7301 3.1: a list of exactly one. */
static void parse_alpn(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    const char *why = "application_layer_protocol_negotiation";
    struct cursor list = tls_vec16(c, why);
    (void)a;
    s->has_alpn = true;
    s->alpn = tls_bytes8(&list, why);
    if (!cursor_done(&list) || !s->alpn.n) {
        cursor_fail(c, why);
    }
}

static void parse_etm(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    (void)c;
    s->has_etm = true;
}

static void parse_ems(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    (void)c;
    s->has_ems = true;
}

static void parse_ticket(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    s->has_ticket = true;
    tls_skip_body(c);
}

static void parse_psk(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    s->has_psk = true;
    cursor_u16(c, "pre_shared_key");
}

static void parse_versions(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    uint16_t version = cursor_u16(c, "supported_versions");
    if (cursor_ok(c)) {
        s->version = version;
    }
}

static void parse_cookie(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    s->has_cookie = true;
    cursor_vec16(c, "cookie");
}

/* Of a HelloRetryRequest only the group. */
static void parse_key_share(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    uint16_t group = cursor_u16(c, "key_share");
    if (cursor_ok(c)) {
        s->group = group;
    }
    if (!is_retry(s) && s->random.n) {
        cursor_vec16(c, "key_share");
    }
}

static void parse_renegotiation(void *out, struct arena *a, struct cursor *c)
{
    struct server_choice *s = out;
    (void)a;
    s->has_renegotiation_info = true;
    cursor_vec8(c, "renegotiation_info");
}

static const struct tls_extension extension_rows[] = {
    {0, "server_name", parse_server_name},
    {5, "status_request", parse_status_request},
    {16, "application_layer_protocol_negotiation", parse_alpn},
    {22, "encrypt_then_mac", parse_etm},
    {23, "extended_master_secret", parse_ems},
    {35, "session_ticket", parse_ticket},
    {40, "key_share", parse_key_share}, /* drafts before 23 */
    {41, "pre_shared_key", parse_psk},
    {43, "supported_versions", parse_versions},
    {44, "cookie", parse_cookie},
    {51, "key_share", parse_key_share},
    {0xff01, "renegotiation_info", parse_renegotiation},
};

/* Reads the extension block and, with it, the end of the message. */
static void parse_extensions(struct arena *a, struct cursor *c,
                             struct server_choice *s)
{
    const char *why = NULL;
    if (cursor_left(c)) {
        why = tls_extensions(c, extension_rows, COUNT(extension_rows), s, a,
                             &s->extensions);
    }
    if (cursor_left(c)) {
        cursor_fail(c, "trailing bytes");
    }
    why = why ? why : c->why;
    s->malformed = why != NULL;
    s->why = why;
}

/* ---- messages --------------------------------------------------------------
 */

/* RFC 8446 section 4.1.3: a server that could have done better says so in the
 * last eight bytes of its random. */
static uint16_t downgrade_of(struct span random)
{
    static const uint8_t from_13[] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 1};
    static const uint8_t from_12[] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 0};
    struct span tail = span_sub(random, 24, 8);
    if (span_eq(tail, span_of(from_13, sizeof from_13))) {
        return 0x0303;
    }
    return span_eq(tail, span_of(from_12, sizeof from_12)) ? 0x0302 : 0;
}

static struct server_choice choice_unseen(void)
{
    return (struct server_choice){.record_version = UNSEEN_U16,
                                  .version = UNSEEN_U16,
                                  .cipher = UNSEEN_U16,
                                  .group = UNSEEN_U16};
}

/* Whether neither session ID nor compression method follows the random. Some
 * early drafts claim to be 0x0304, which no final server does here: then the
 * extension block has to fill the message exactly. */
static bool has_draft_layout(uint16_t version, struct cursor c)
{
    if (version != 0x0304) {
        return tls_is_early_draft(version);
    }
    cursor_u16(&c, "cipher_suite");
    cursor_vec16(&c, "extensions");
    return cursor_done(&c);
}

void tls_parse_server_hello(struct arena *a, struct span body, bool dtls,
                            struct server_choice *out)
{
    struct cursor c = cursor_open(body);

    (void)dtls; /* the cookie is in HelloVerifyRequest, not here */
    *out = choice_unseen();
    out->seen = true;
    uint16_t version = cursor_u16(&c, "server_version");
    if (cursor_ok(&c)) {
        out->legacy_version = version;
        out->version = version;
    }
    out->random = cursor_take(&c, 32, "random");
    bool early_draft = has_draft_layout(version, c);
    if (!early_draft) {
        out->session_id = tls_bytes8(&c, "session_id");
    }
    uint16_t cipher = cursor_u16(&c, "cipher_suite");
    if (cursor_ok(&c)) {
        out->cipher = cipher;
    }
    if (!early_draft) {
        cursor_u8(&c, "compression_method");
    }
    parse_extensions(a, &c, out);
    out->downgrade = downgrade_of(out->random);
}

void tls_parse_retry(struct arena *a, struct span body, bool dtls,
                     struct server_choice *out)
{
    struct cursor c = cursor_open(body);
    uint16_t version = cursor_u16(&c, "server_version");

    if (!cursor_ok(&c) || !tls_is_early_draft(version)) {
        tls_parse_server_hello(a, body, dtls, out);
        return;
    }
    *out = choice_unseen();
    out->seen = true;
    out->legacy_version = version;
    out->version = version;
    if ((version & 0xff) >= 19) { /* the suite came with draft 19 */
        uint16_t cipher = cursor_u16(&c, "cipher_suite");
        out->cipher = cursor_ok(&c) ? cipher : UNSEEN_U16;
    }
    parse_extensions(a, &c, out);
}

void tls_parse_encrypted_extensions(struct arena *a, struct span body,
                                    struct server_choice *choice)
{
    struct cursor c = cursor_open(body);
    struct server_choice found = choice_unseen();

    parse_extensions(a, &c, &found);
    choice->has_sni_ack = choice->has_sni_ack || found.has_sni_ack;
    if (found.has_alpn) {
        choice->has_alpn = true;
        choice->alpn = found.alpn;
    }
}
