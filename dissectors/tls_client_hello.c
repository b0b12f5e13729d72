/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClientHello: RFC 8446 section 4.1.2 and its ancestors RFC 5246 7.4.1.2 and
 * RFC 6101 5.6.1.2 (SSL 3.0, no extensions); RFC 6347 4.2.1 (DTLS cookie);
 * RFC 5246 appendix E.2 (SSLv2-compatible format). One row per extension that
 * matters; see extension_rows.
 *
 * It notes what was offered and what does not parse. It does not judge whether
 * the offer is a sensible one.
 */
#include "dissectors/tls_expand.h"
#include "dissectors/tls_read.h"
#include "known/known.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* Signalling values among the cipher suites. */
#define SCSV_RENEGOTIATION 0x00ff /* RFC 5746 section 3.3 */
#define SCSV_FALLBACK      0x5600 /* RFC 7507 */

/* ---- extensions, in the order of their code points ---------------------- */

/* RFC 6066 section 3. Only the first host_name counts: there is no other type
 * in use, and servers look no further. */
static void parse_server_name(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    struct cursor list = tls_vec16(c, "server_name");
    struct span host = {NULL, 0};
    bool found = false;

    (void)a;
    o->has_sni = true;
    while (cursor_left(&list)) {
        uint8_t type = cursor_u8(&list, "server_name");
        struct cursor name = cursor_vec16(&list, "server_name");
        if (type == 0 && !found && cursor_ok(&name)) {
            found = true;
            host = cursor_rest(&name);
        }
    }
    if (!cursor_ok(&list) || !host.n) {
        cursor_fail(c, "server_name");
    }
    if (cursor_done(c)) {
        o->sni = host;
    }
}

/* RFC 6066 section 8. */
static void parse_status_request(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->has_status_request = true;
    if (cursor_u8(c, "status_request") != 1) {
        tls_skip_body(c);
        return;
    }
    cursor_vec16(c, "status_request responder_id_list");
    cursor_vec16(c, "status_request request_extensions");
}

static void parse_groups(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    o->groups = tls_u16_vec16(a, c, "supported_groups");
}

static void parse_point_formats(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->point_formats = tls_bytes8(c, "ec_point_formats");
}

static void parse_signatures(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    o->signature_algorithms = tls_u16_vec16(a, c, "signature_algorithms");
}

static void parse_alpn(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    o->alpn = tls_span_vec16(a, c, 1, "application_layer_protocol_negotiation");
    for (size_t i = 0; i < o->alpn.n; i++) {
        if (!o->alpn.v[i].n) { /* RFC 7301 3.1: never empty */
            cursor_fail(c, "application_layer_protocol_negotiation");
        }
    }
}

static void parse_sct(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->has_sct = true;
    tls_skip_body(c);
}

static void parse_etm(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    (void)c;
    o->has_etm = true;
}

static void parse_ems(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    (void)c;
    o->has_ems = true;
}

static void parse_compress(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    o->compress_certificate = tls_u16_vec8(a, c, "compress_certificate");
}

static void parse_ticket(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->has_ticket = true;
    o->ticket_nonempty = cursor_left(c) > 0;
    tls_skip_body(c);
}

static void parse_key_share(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    struct cursor list = tls_vec16(c, "key_share");
    struct cursor count = list;
    size_t n = 0;

    o->key_shares.seen = cursor_ok(&list);
    while (cursor_left(&count)) {
        cursor_u16(&count, "key_share");
        n += cursor_ok(&count);
        cursor_vec16(&count, "key_share");
    }
    if (!cursor_ok(&count)) {
        cursor_fail(c, "key_share");
    }
    uint16_t *v = n ? arena_alloc(a, n * sizeof *v) : NULL;
    for (size_t i = 0; v && i < n; i++) {
        v[i] = cursor_u16(&list, "key_share");
        cursor_vec16(&list, "key_share");
    }
    o->key_shares.v = v;
    o->key_shares.n = v ? (uint16_t)n : 0;
}

/* Drafts of TLS 1.3 before 23 used code point 40, which BSAFE clients had
 * taken for extended_random: only what reads as key shares is believed. */
static void parse_draft_key_share(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    struct client_offer probe = {0};
    struct cursor body = *c;
    parse_key_share(&probe, a, &body);
    if (cursor_done(&body) && !o->key_shares.seen) {
        o->key_shares = probe.key_shares;
    }
    tls_skip_body(c);
}

static void parse_psk(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    struct cursor list = tls_vec16(c, "pre_shared_key identities");

    (void)a;
    o->has_psk = true;
    while (cursor_left(&list)) {
        cursor_vec16(&list, "pre_shared_key identities");
        uint32_t age = cursor_u32(&list, "pre_shared_key identities");
        o->psk_external = o->psk_external || (cursor_ok(&list) && age == 0);
        o->psk_identities = (uint16_t)(o->psk_identities + cursor_ok(&list));
    }
    if (!cursor_ok(&list)) {
        cursor_fail(c, list.why);
    }
    cursor_vec16(c, "pre_shared_key binders");
}

static void parse_early_data(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    (void)c;
    o->has_early_data = true;
}

static void parse_versions(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    o->versions = tls_u16_vec8(a, c, "supported_versions");
}

/* Clients without TLS 1.3 were seen to use its code point for other things, so
 * the inside of it is left alone. */
static void parse_cookie(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->has_cookie = true;
    tls_skip_body(c);
}

static void parse_psk_modes(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->psk_modes = tls_bytes8(c, "psk_key_exchange_modes");
}

static void parse_post_handshake_auth(void *out, struct arena *a,
                                      struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    (void)c;
    o->has_post_handshake_auth = true;
}

static void parse_signatures_cert(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    o->signature_algorithms_cert =
        tls_u16_vec16(a, c, "signature_algorithms_cert");
}

static void parse_quic(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->has_quic_transport = true;
    tls_skip_body(c);
}

/* Its contents are opaque by design, and may be GREASE. */
static void parse_ech(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->has_ech = true;
    tls_skip_body(c);
}

static void parse_renegotiation(void *out, struct arena *a, struct cursor *c)
{
    struct client_offer *o = out;
    (void)a;
    o->has_renegotiation_info = true;
    cursor_vec8(c, "renegotiation_info");
}

static const struct tls_extension extension_rows[] = {
    {0, "server_name", parse_server_name},
    {5, "status_request", parse_status_request},
    {10, "supported_groups", parse_groups},
    {11, "ec_point_formats", parse_point_formats},
    {13, "signature_algorithms", parse_signatures},
    {16, "application_layer_protocol_negotiation", parse_alpn},
    {18, "signed_certificate_timestamp", parse_sct},
    {22, "encrypt_then_mac", parse_etm},
    {23, "extended_master_secret", parse_ems},
    {27, "compress_certificate", parse_compress},
    {35, "session_ticket", parse_ticket},
    {40, "key_share", parse_draft_key_share},
    {41, "pre_shared_key", parse_psk},
    {42, "early_data", parse_early_data},
    {43, "supported_versions", parse_versions},
    {44, "cookie", parse_cookie},
    {45, "psk_key_exchange_modes", parse_psk_modes},
    {49, "post_handshake_auth", parse_post_handshake_auth},
    {50, "signature_algorithms_cert", parse_signatures_cert},
    {51, "key_share", parse_key_share},
    {57, "quic_transport_parameters", parse_quic},
    {0xfe0d, "encrypted_client_hello", parse_ech},
    {0xff01, "renegotiation_info", parse_renegotiation},
    {0xffa5, "quic_transport_parameters", parse_quic}, /* before RFC 9001 */
};

_Static_assert(COUNT(extension_rows) <= 64,
               "tls_extensions() marks in 64 bits");

/* ---- what follows from the fields --------------------------------------- */

/* A version's place in history, drafts apart: they come after TLS 1.2 and
 * before TLS 1.3. DTLS counts down on the wire. */
static uint32_t version_age(uint16_t v)
{
    if (known_version_is_13_draft(v)) {
        return 0x0303u << 8 | 0x80u | (v & 0x7fu);
    }
    if (v >> 8 == 0xfe) {
        return (uint32_t)(0xffffu - v) << 8;
    }
    return (uint32_t)v << 8;
}

static void note_version_range(struct client_offer *o)
{
    bool any = false;
    for (size_t i = 0; i < o->versions.n; i++) {
        uint16_t v = o->versions.v[i];
        if (known_is_grease(v)) {
            continue;
        }
        if (!any || version_age(v) > version_age(o->max_version)) {
            o->max_version = v;
        }
        if (!any || version_age(v) < version_age(o->min_version)) {
            o->min_version = v;
        }
        any = true;
    }
    if (!any) {
        o->max_version = o->legacy_version;
        o->min_version = o->legacy_version;
    }
}

static bool list_has(const struct u16_list *l, uint16_t v)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i] == v) {
            return true;
        }
    }
    return false;
}

static bool list_has_grease(const struct u16_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (known_is_grease(l->v[i])) {
            return true;
        }
    }
    return false;
}

static void derive(struct client_offer *o)
{
    note_version_range(o);
    o->has_scsv = list_has(&o->ciphers, SCSV_RENEGOTIATION);
    o->has_fallback_scsv = list_has(&o->ciphers, SCSV_FALLBACK);
    o->has_grease =
        list_has_grease(&o->ciphers) || list_has_grease(&o->extensions) ||
        list_has_grease(&o->versions) || list_has_grease(&o->groups);
}

/* The first trouble stays. */
static void note_trouble(struct client_offer *o, const char *why)
{
    if (why && !o->malformed) {
        o->malformed = true;
        o->why = why;
    }
}

/* ---- a message whose end is missing ---- */

struct span tls_whole_fields(struct span body, bool dtls)
{
    struct cursor c = cursor_open(body);
    cursor_skip(&c, 2 + 32, "version, random");
    cursor_vec8(&c, "session_id");
    if (dtls) {
        cursor_vec8(&c, "cookie");
    }
    size_t whole = cursor_ok(&c) ? body.n - cursor_left(&c) : 0;
    cursor_vec16(&c, "cipher_suites");
    cursor_vec8(&c, "compression_methods");
    if (cursor_ok(&c)) {
        whole = body.n - cursor_left(&c);
        cursor_u16(&c, "extensions");
    }
    while (cursor_ok(&c) && cursor_left(&c)) {
        cursor_u16(&c, "extension type");
        cursor_vec16(&c, "extension");
        whole = cursor_ok(&c) ? body.n - cursor_left(&c) : whole;
    }
    return span_sub(body, 0, whole);
}

/* ---- the message --------------------------------------------------------- */

void tls_parse_client_hello(struct arena *a, struct span body, bool dtls,
                            struct client_offer *out)
{
    struct cursor c = cursor_open(body);

    *out = (struct client_offer){.seen = true, .record_version = UNSEEN_U16};
    out->bytes = (uint32_t)body.n + (dtls ? 12u : 4u);
    out->legacy_version = cursor_u16(&c, "client_version");
    out->random = cursor_take(&c, 32, "random");
    out->session_id = tls_bytes8(&c, "session_id");
    if (dtls) {
        out->has_cookie = tls_bytes8(&c, "cookie").n > 0;
    }
    out->ciphers = tls_u16_vec16(a, &c, "cipher_suites");
    cursor_vec8(&c, "compression_methods");
    if (cursor_left(&c)) {
        const char *why =
            tls_extensions(&c, extension_rows, COUNT(extension_rows), out, a,
                           &out->extensions);
        note_trouble(out, why);
        if (cursor_left(&c)) {
            cursor_fail(&c, "trailing bytes");
        }
    }
    note_trouble(out, c.why);
    derive(out);
}

/* Three bytes per cipher; those that begin with 0 are SSL 3.0/TLS suites. */
static struct u16_list read_v2_ciphers(struct arena *a, struct cursor list)
{
    struct u16_list out = {.seen = cursor_ok(&list)};
    size_t n = cursor_left(&list) / 3;
    uint16_t *v = n ? arena_alloc(a, n * sizeof *v) : NULL;
    for (size_t i = 0; v && i < n; i++) {
        uint8_t kind = cursor_u8(&list, "cipher_specs");
        uint16_t code = cursor_u16(&list, "cipher_specs");
        if (kind == 0) {
            v[out.n++] = code;
        }
    }
    out.v = v;
    return out;
}

void tls_parse_v2_client_hello(struct arena *a, struct span body,
                               struct client_offer *out)
{
    struct cursor c = cursor_open(body);

    *out = (struct client_offer){
        .seen = true, .v2_format = true, .record_version = UNSEEN_U16};
    out->bytes = (uint32_t)body.n + 2; /* the record header is the only one */
    cursor_skip(&c, 1, "msg_type");
    out->legacy_version = cursor_u16(&c, "version");
    size_t ciphers_n = cursor_u16(&c, "cipher_spec_length");
    size_t session_n = cursor_u16(&c, "session_id_length");
    size_t challenge_n = cursor_u16(&c, "challenge_length");
    struct cursor ciphers = tls_clamp(&c, ciphers_n, "cipher_specs");
    out->ciphers = read_v2_ciphers(a, ciphers);
    out->session_id = cursor_take(&c, session_n, "session_id");
    out->random = cursor_take(&c, challenge_n, "challenge");
    note_trouble(out, c.why);
    if (ciphers_n % 3 != 0) {
        note_trouble(out, "cipher_spec_length");
    }
    if (cursor_left(&c)) {
        note_trouble(out, "trailing bytes");
    }
    derive(out);
}
