/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the raw messages that a handshake kept to offers, choices and
 * certificates: calls the parser of each message with what it has to know
 * (version, suite), and tells the peer's mistakes from our limits.
 */
#include "dissectors/tls_expand.h"
#include "dissectors/tls_messages.h"
#include "dissectors/tls_read.h"
#include "known/known.h"

static bool has_raw(const struct handshake *hs, enum hs_raw which)
{
    return hs->raw[which].p != NULL;
}

/* The version to read later messages by; TLS 1.2 is the likeliest guess when
 * the ServerHello was not seen. */
static uint16_t reading_version(const struct handshake *hs)
{
    if (hs->flavour == FLAVOUR_QUIC) {
        return 0x0304;
    }
    if (hs->version != UNSEEN_U16) {
        return hs->version;
    }
    if (hs->choice.seen && hs->choice.version != UNSEEN_U16) {
        return hs->choice.version;
    }
    return hs->flavour == FLAVOUR_DTLS ? 0xfefd : 0x0303;
}

/* ---- ClientHello ------------------------------------------------------------
 */

/* The length of the ClientHello on the wire: the first one, or the first one
 * after a HelloRetryRequest. 0 when the timeline lacks it. */
static uint32_t hello_length(const struct handshake *hs, bool second)
{
    bool retried = false;
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_HELLO_RETRY_REQUEST) {
            retried = true;
        }
        if (e->kind == HS_CLIENT_HELLO && (retried || !second)) {
            return e->len;
        }
    }
    return 0;
}

/* Only an SSLv2-format hello begins with a message type; a version's first
 * byte is 3 or, for DTLS, 0xfe (0x01 in a DTLS dialect of Cisco's). */
static bool looks_v2(const struct handshake *hs, struct span body)
{
    struct cursor c = cursor_open(body);
    return hs->flavour == FLAVOUR_TLS && cursor_u8(&c, "msg_type") == 1;
}

static void expand_offer(struct handshake *hs, enum hs_raw which,
                         struct client_offer *out)
{
    struct span body = hs->raw[which];

    if (!has_raw(hs, which)) {
        return;
    }
    if (hs->raw_cut[which] && !looks_v2(hs, body)) {
        body = tls_whole_fields(body, hs->flavour == FLAVOUR_DTLS);
    }
    if (looks_v2(hs, body)) {
        tls_parse_v2_client_hello(&hs->arena, body, out);
    } else {
        tls_parse_client_hello(&hs->arena, body, hs->flavour == FLAVOUR_DTLS,
                               out);
    }
    out->record_version = hs->record_version[SIDE_CLIENT];
    if (hs->raw_cut[which]) {
        uint32_t wire = hello_length(hs, which == HS_RAW_CLIENT_HELLO2);
        out->bytes = wire ? wire : out->bytes;
        out->malformed = false;
        out->why = NULL;
        out->partial = true;
        out->max_version = out->versions.seen ? out->max_version : 0;
        out->min_version = out->versions.seen ? out->min_version : 0;
    }
}

/* ---- the server's answer
 * ------------------------------------------------------ */

static void finish_choice(const struct handshake *hs, enum hs_raw which,
                          struct server_choice *out)
{
    out->record_version = hs->record_version[SIDE_SERVER];
    if (hs->raw_cut[which]) {
        out->malformed = false;
        out->why = NULL;
        out->partial = true;
        out->version = hs->version;
        out->cipher = hs->cipher;
    }
}

static void expand_choice(struct handshake *hs)
{
    bool dtls = hs->flavour == FLAVOUR_DTLS;

    if (has_raw(hs, HS_RAW_HELLO_RETRY)) {
        tls_parse_retry(&hs->arena, hs->raw[HS_RAW_HELLO_RETRY], dtls,
                        &hs->retry);
        finish_choice(hs, HS_RAW_HELLO_RETRY, &hs->retry);
    }
    if (has_raw(hs, HS_RAW_SERVER_HELLO)) {
        tls_parse_server_hello(&hs->arena, hs->raw[HS_RAW_SERVER_HELLO], dtls,
                               &hs->choice);
        finish_choice(hs, HS_RAW_SERVER_HELLO, &hs->choice);
    }
    if (has_raw(hs, HS_RAW_ENCRYPTED_EXTENSIONS)) {
        tls_parse_encrypted_extensions(
            &hs->arena, hs->raw[HS_RAW_ENCRYPTED_EXTENSIONS], &hs->choice);
    }
}

static void expand_key_exchange(struct handshake *hs)
{
    uint16_t cipher = hs->cipher;

    if (cipher == UNSEEN_U16 && hs->choice.seen) {
        cipher = hs->choice.cipher;
    }
    if (!has_raw(hs, HS_RAW_SERVER_KEY_EXCHANGE)) {
        return;
    }
    tls_parse_key_exchange(hs->raw[HS_RAW_SERVER_KEY_EXCHANGE], cipher,
                           reading_version(hs), &hs->ske);
    if (hs->ske.is_ecdh && hs->choice.group == UNSEEN_U16) {
        hs->choice.group = hs->ske.group;
    }
}

/* ---- certificates
 * --------------------------------------------------------------- */

static void expand_chain(struct handshake *hs, enum hs_raw which,
                         struct cert_chain *out)
{
    if (!has_raw(hs, which)) {
        out->seen = hs->raw_cut[which]; /* sent, but there was no room for it */
        out->cut = hs->raw_cut[which];
        return;
    }
    tls_parse_chain(&hs->arena, hs->cert_cache, hs->raw[which],
                    known_version_is_13(reading_version(hs)),
                    hs->raw_cut[which], out);
    out->cut = out->cut || hs->raw_cut[which];
}

static void expand_certificates(struct handshake *hs)
{
    uint16_t version = reading_version(hs);

    if (has_raw(hs, HS_RAW_CERTIFICATE_REQUEST)) {
        tls_parse_certificate_request(&hs->arena,
                                      hs->raw[HS_RAW_CERTIFICATE_REQUEST],
                                      version, &hs->certificate_request);
    }
    expand_chain(hs, HS_RAW_SERVER_CERTIFICATE, &hs->server_chain);
    expand_chain(hs, HS_RAW_CLIENT_CERTIFICATE, &hs->client_chain);
    hs->ocsp_staple = has_raw(hs, HS_RAW_CERTIFICATE_STATUS);
    if (known_version_is_13(version) &&
        has_raw(hs, HS_RAW_SERVER_CERTIFICATE)) {
        hs->ocsp_staple =
            tls_certificate_has_staple(hs->raw[HS_RAW_SERVER_CERTIFICATE]);
    }
    hs->client_verify_seen = has_raw(hs, HS_RAW_CERTIFICATE_VERIFY) ||
                             hs->raw_cut[HS_RAW_CERTIFICATE_VERIFY];
}

/* "Not seen" where a zero would be a code point. */
static void prepare(struct handshake *hs)
{
    static const struct server_choice choice = {.record_version = UNSEEN_U16,
                                                .version = UNSEEN_U16,
                                                .cipher = UNSEEN_U16,
                                                .group = UNSEEN_U16};
    hs->retry = choice;
    hs->choice = choice;
    hs->ske.group = UNSEEN_U16;
    hs->ske.signature = UNSEEN_U16;
}

void tls_expand(struct handshake *hs)
{
    if (hs->expanded) {
        return;
    }
    hs->expanded = true;
    prepare(hs);
    expand_offer(hs, HS_RAW_CLIENT_HELLO, &hs->offer);
    expand_offer(hs, HS_RAW_CLIENT_HELLO2, &hs->offer2);
    expand_choice(hs);
    expand_key_exchange(hs);
    expand_certificates(hs);
}
