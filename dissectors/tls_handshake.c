/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshake messages, whatever carried them (RFC 8446 section 4, RFC 5246
 * section 7.4, RFC 6347 section 4.2, RFC 9001 section 4): writes them into the
 * timeline and keeps those that tls_expand() may want. Looks into them only for
 * what steers the reading of the rest: version, suite, whether secrets are in
 * use.
 */
#include "dissectors/tls_handshake.h"

#include "base/limits.h"
#include "dissectors/cert_compress.h"
#include "dissectors/tls_expand.h"
#include "dissectors/tls_read.h"
#include "known/known.h"

#include <stdlib.h>

enum {
    TYPE_HELLO_REQUEST = 0,
    TYPE_CLIENT_HELLO = 1,
    TYPE_SERVER_HELLO = 2,
    TYPE_HELLO_VERIFY_REQUEST = 3, /* DTLS (RFC 6347 section 4.2.1) */
    TYPE_NEW_SESSION_TICKET = 4,
    TYPE_END_OF_EARLY_DATA = 5,
    TYPE_HELLO_RETRY_REQUEST = 6, /* drafts of TLS 1.3 before 22 */
    TYPE_ENCRYPTED_EXTENSIONS = 8,
    TYPE_CERTIFICATE = 11,
    TYPE_SERVER_KEY_EXCHANGE = 12,
    TYPE_CERTIFICATE_REQUEST = 13,
    TYPE_SERVER_HELLO_DONE = 14,
    TYPE_CERTIFICATE_VERIFY = 15,
    TYPE_CLIENT_KEY_EXCHANGE = 16,
    TYPE_FINISHED = 20,
    TYPE_CERTIFICATE_STATUS = 22,
    TYPE_KEY_UPDATE = 24,
    TYPE_COMPRESSED_CERTIFICATE = 25,
};

#define NOTED_REPEATS 4u /* of what may come again and again, decrypted */

/* ---- what steers the reading ---- */

struct hello_scan {
    uint16_t version; /* highest offered, or selected */
    bool early_data, psk, late_auth;
    bool supported_versions;
    bool cid; /* connection_id (RFC 9146) and its length */
    uint8_t cid_bytes;
};

/* A version's place in history. Drafts of TLS 1.3 (0x7fxx, 0xfbxx) rank as
 * 1.3; DTLS counts down on the wire. */
static uint16_t version_rank(uint16_t v)
{
    if (v >> 8 == 3) {
        return v;
    }
    return v >> 8 == 0xfe ? (uint16_t)(0x0301 + (0xff - (v & 0xff))) : 0x0304;
}

static bool above(uint16_t a, uint16_t b)
{
    return version_rank(a) > version_rank(b);
}

static void scan_versions(struct cursor *body, struct hello_scan *s)
{
    struct cursor list = cursor_vec8(body, "supported_versions");
    bool first = true;
    while (cursor_left(&list) >= 2) {
        uint16_t v = cursor_u16(&list, "version");
        if (known_is_grease(v)) {
            continue;
        }
        if (first || above(v, s->version)) {
            s->version = v;
            first = false;
        }
    }
    s->supported_versions = !first;
}

static void scan_extensions(struct cursor *c, struct hello_scan *s, bool client)
{
    struct cursor list = cursor_vec16(c, "extensions");
    while (cursor_left(&list)) {
        uint16_t type = cursor_u16(&list, "extension type");
        struct cursor body = cursor_vec16(&list, "extension");
        switch (type) {
        case 43:
            if (client) {
                scan_versions(&body, s);
            } else if (cursor_left(&body) >= 2) {
                s->version = cursor_u16(&body, "selected_version");
                s->supported_versions = true;
            }
            break;
        case 42:
            s->early_data = true;
            break;
        case 49:
            s->late_auth = true;
            break;
        case 41:
            s->psk = true;
            break;
        case 54:
            s->cid_bytes = cursor_u8(&body, "connection id");
            s->cid = cursor_ok(&body);
            break;
        default:
            break;
        }
    }
}

static void scan_client_hello(struct span body, bool dtls, struct hello_scan *s)
{
    struct cursor c = cursor_open(body);
    s->version = cursor_u16(&c, "version");
    cursor_skip(&c, 32, "random");
    (void)cursor_vec8(&c, "session id");
    if (dtls) {
        (void)cursor_vec8(&c, "cookie");
    }
    (void)cursor_vec16(&c, "cipher suites");
    (void)cursor_vec8(&c, "compression methods");
    if (cursor_left(&c)) {
        scan_extensions(&c, s, true);
    }
}

static bool scan_server_hello(struct span body, struct hello_scan *s,
                              uint16_t *cipher, bool *hrr)
{
    struct cursor c = cursor_open(body);
    s->version = cursor_u16(&c, "version");
    struct span random = cursor_take(&c, 32, "random");
    if (!tls_is_early_draft(s->version)) {
        (void)cursor_vec8(&c, "session id");
        *cipher = cursor_u16(&c, "cipher suite");
        cursor_skip(&c, 1, "compression method");
    } else {
        *cipher = cursor_u16(&c, "cipher suite");
    }
    bool ok = cursor_ok(&c);
    if (cursor_left(&c)) {
        scan_extensions(&c, s, false);
    }
    *hrr = random.n == 32 &&
           memcmp(random.p, tls_hrr_random, sizeof tls_hrr_random) == 0;
    return ok;
}

/* ---- handshake messages ---- */

static void note(struct handshake *hs, const struct tls_message *m,
                 enum hs_kind kind, uint16_t aux)
{
    hs_note(hs, kind, m->side, m->total, aux, m->when, m->frame);
}

static void keep(struct handshake *hs, enum hs_raw which,
                 const struct tls_message *m, size_t max)
{
    bool had = hs->raw[which].p != NULL;
    hs_keep(hs, which, m->body, max);
    if (!m->whole && !had) {
        hs->raw_cut[which] = true;
    }
}

static void on_client_hello(struct handshake *hs, const struct tls_message *m)
{
    struct hello_scan s = {0};
    scan_client_hello(m->body, hs->flavour == FLAVOUR_DTLS, &s);
    bool again = hs->raw[HS_RAW_CLIENT_HELLO].p != NULL;
    if (again && !hs_find(hs, HS_HELLO_RETRY_REQUEST, SIDE_SERVER)) {
        note(hs, m, HS_CLIENT_HELLO, 1);
        return;
    }
    keep(hs, again ? HS_RAW_CLIENT_HELLO2 : HS_RAW_CLIENT_HELLO, m,
         LIMIT_HELLO_BYTES);
    if (!again) {
        hs->hello_version = s.version;
        hs->early_data_offered = s.early_data;
        hs->late_auth_offered = s.late_auth;
    } else {
        hs->early_data_offered = false; /* RFC 8446 4.2.10 */
    }
    note(hs, m, HS_CLIENT_HELLO, 0);
}

/* The version of a ServerHello whose end is missing. What would say TLS 1.3
 * stands there; only the suites of TLS 1.3 say so, too (RFC 8446 B.4). */
static uint16_t version_of_part(const struct hello_scan *s, uint16_t cipher)
{
    bool last = s->version == 0x0303 || s->version == 0xfefd;
    if (s->supported_versions || !last) {
        return s->version;
    }
    if (cipher == UNSEEN_U16) {
        return UNSEEN_U16;
    }
    bool tls13 = cipher >> 8 == 0x13;
    return !tls13 ? s->version : s->version == 0xfefd ? 0xfefc : 0x0304;
}

static void on_server_hello(struct handshake *hs, const struct tls_message *m)
{
    struct hello_scan s = {0};
    uint16_t cipher = UNSEEN_U16;
    bool hrr = false;
    bool ok = scan_server_hello(m->body, &s, &cipher, &hrr);
    if (!ok && m->whole) {
        note(hs, m, HS_BAD_MESSAGE, m->type);
    }
    if (!m->whole) {
        cipher = ok ? cipher : UNSEEN_U16;
        s.version = version_of_part(&s, cipher);
    }
    if (hrr) {
        keep(hs, HS_RAW_HELLO_RETRY, m, LIMIT_HELLO_BYTES);
        hs->version = s.version;
        hs->cipher = cipher;
        note(hs, m, HS_HELLO_RETRY_REQUEST, 0);
        return;
    }
    keep(hs, HS_RAW_SERVER_HELLO, m, LIMIT_HELLO_BYTES);
    hs->version = s.version;
    hs->cipher = cipher;
    hs->psk_accepted = s.psk;
    note(hs, m, HS_SERVER_HELLO, 0);
    if (known_version_is_13(hs->version)) {
        hs->encrypted[SIDE_SERVER] = true;
    }
}

/* Message types that are only noted and kept. */
struct plain_message {
    uint8_t type;
    uint8_t kind;  /* enum hs_kind */
    int8_t raw[2]; /* enum hs_raw by side, or -1 */
    uint32_t max;
};

static const struct plain_message plain_messages[] = {
    {TYPE_HELLO_REQUEST, HS_HELLO_REQUEST, {-1, -1}, 0},
    {TYPE_HELLO_VERIFY_REQUEST, HS_HELLO_VERIFY_REQUEST, {-1, -1}, 0},
    {TYPE_NEW_SESSION_TICKET, HS_NEW_SESSION_TICKET, {-1, -1}, 0},
    {TYPE_END_OF_EARLY_DATA, HS_END_OF_EARLY_DATA, {-1, -1}, 0},
    {TYPE_HELLO_RETRY_REQUEST,
     HS_HELLO_RETRY_REQUEST,
     {-1, HS_RAW_HELLO_RETRY},
     LIMIT_HELLO_BYTES},
    {TYPE_ENCRYPTED_EXTENSIONS,
     HS_ENCRYPTED_EXTENSIONS,
     {-1, HS_RAW_ENCRYPTED_EXTENSIONS},
     LIMIT_MESSAGE_BYTES},
    {TYPE_CERTIFICATE,
     HS_CERTIFICATE,
     {HS_RAW_CLIENT_CERTIFICATE, HS_RAW_SERVER_CERTIFICATE},
     LIMIT_CERTIFICATE_BYTES},
    {TYPE_SERVER_KEY_EXCHANGE,
     HS_SERVER_KEY_EXCHANGE,
     {-1, HS_RAW_SERVER_KEY_EXCHANGE},
     LIMIT_MESSAGE_BYTES},
    {TYPE_CERTIFICATE_REQUEST,
     HS_CERTIFICATE_REQUEST,
     {-1, HS_RAW_CERTIFICATE_REQUEST},
     LIMIT_CERTIFICATE_BYTES},
    {TYPE_SERVER_HELLO_DONE, HS_SERVER_HELLO_DONE, {-1, -1}, 0},
    {TYPE_CERTIFICATE_VERIFY,
     HS_CERTIFICATE_VERIFY,
     {HS_RAW_CERTIFICATE_VERIFY, -1},
     LIMIT_MESSAGE_BYTES},
    {TYPE_CLIENT_KEY_EXCHANGE, HS_CLIENT_KEY_EXCHANGE, {-1, -1}, 0},
    {TYPE_FINISHED, HS_FINISHED, {-1, -1}, 0},
    {TYPE_CERTIFICATE_STATUS,
     HS_CERTIFICATE_STATUS,
     {-1, HS_RAW_CERTIFICATE_STATUS},
     LIMIT_MESSAGE_BYTES},
    {TYPE_KEY_UPDATE, HS_KEY_UPDATE, {-1, -1}, 0},
};

/* The server's message is what the client sent: at least the version and the
 * random value (RFC 8446 section 4.1.2) are there to tell. */
static bool is_returned(const struct handshake *hs, const struct tls_message *m)
{
    const size_t least = 2 + 32;
    struct span own = hs->raw[HS_RAW_CLIENT_HELLO];
    size_t n = own.n < m->body.n ? own.n : m->body.n;
    return m->type == TYPE_CLIENT_HELLO && m->side == SIDE_SERVER &&
           n >= least && span_eq(span_sub(own, 0, n), span_sub(m->body, 0, n));
}

static void plain_message(struct handshake *hs, const struct tls_message *m)
{
    if (m->type == TYPE_CLIENT_HELLO && m->side == SIDE_CLIENT) {
        on_client_hello(hs, m);
        return;
    }
    if (m->type == TYPE_SERVER_HELLO && m->side == SIDE_SERVER) {
        on_server_hello(hs, m);
        return;
    }
    for (size_t i = 0; i < sizeof plain_messages / sizeof *plain_messages;
         i++) {
        const struct plain_message *p = &plain_messages[i];
        if (p->type != m->type) {
            continue;
        }
        if (p->raw[m->side] >= 0) {
            keep(hs, (enum hs_raw)p->raw[m->side], m, p->max);
        }
        note(hs, m, (enum hs_kind)p->kind, 0);
        return;
    }
    note(hs, m,
         known_handshake_name(m->type) ? HS_OTHER_HANDSHAKE : HS_BAD_MESSAGE,
         m->type | (is_returned(hs, m) ? HS_RETURNED : 0));
}

/* RFC 8879 section 4: in place of a Certificate. When it cannot be
 * uncompressed, that there was one is still a fact. */
static void compressed_certificate(struct handshake *hs,
                                   const struct tls_message *m)
{
    struct uncompressed u = cert_uncompress(m->body);
    if (u.p) {
        struct tls_message plain = *m;
        plain.type = TYPE_CERTIFICATE;
        plain.total = m->total - (uint32_t)m->body.n + (uint32_t)u.n;
        plain.body = span_of(u.p, u.n);
        plain_message(hs, &plain);
    } else {
        note(hs, m, HS_CERTIFICATE, 0);
        hs->raw_cut[m->side == SIDE_CLIENT ? HS_RAW_CLIENT_CERTIFICATE
                                           : HS_RAW_SERVER_CERTIFICATE] = true;
    }
    free(u.p);
}

static bool is_noted_enough(const struct handshake *hs,
                            const struct tls_message *m)
{
    enum hs_kind kind = m->type == TYPE_NEW_SESSION_TICKET
                            ? HS_NEW_SESSION_TICKET
                        : m->type == TYPE_KEY_UPDATE ? HS_KEY_UPDATE
                                                     : HS_NONE;
    return kind != HS_NONE && hs_count(hs, kind, m->side) >= NOTED_REPEATS;
}

void tls_handshake_message(struct handshake *hs, const struct tls_message *m)
{
    if (!m->opened) {
        plain_message(hs, m);
    } else if (m->type == TYPE_CLIENT_HELLO || m->type == TYPE_SERVER_HELLO) {
        note(hs, m, HS_OTHER_HANDSHAKE, m->type);
    } else if (m->type == TYPE_COMPRESSED_CERTIFICATE && m->whole) {
        compressed_certificate(hs, m);
    } else if (!is_noted_enough(hs, m)) {
        plain_message(hs, m);
    }
}

int tls_hello_cid(struct span body, bool client, bool dtls)
{
    struct hello_scan s = {0};
    uint16_t cipher = 0;
    bool hrr = false;
    if (client) {
        scan_client_hello(body, dtls, &s);
    } else {
        scan_server_hello(body, &s, &cipher, &hrr);
    }
    return s.cid ? s.cid_bytes : -1;
}
