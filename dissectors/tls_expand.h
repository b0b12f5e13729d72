/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second tier of the handshake model: parses the raw messages kept in a
 * struct handshake into offers, choices and certificates.
 */
#ifndef DISSECTORS_TLS_EXPAND_H
#define DISSECTORS_TLS_EXPAND_H

#include "handshake/cert.h"
#include "handshake/handshake.h"

/* Fills every expanded part of hs from hs->raw[]; sets hs->expanded. Calling
 * it twice does nothing. What does not parse sets `malformed` and `why`. */
void tls_expand(struct handshake *hs);

/* One ClientHello body (RFC 8446 section 4.1.2 and its TLS 1.2/SSL 3.0
 * ancestors; dtls: with the cookie field of RFC 6347). Lists and spans point
 * into the body or into the arena. */
void tls_parse_client_hello(struct arena *a, struct span body, bool dtls,
                            struct client_offer *out);

/* The fields of such a body that are whole, where its end is missing: neither
 * half a list nor half an extension. */
struct span tls_whole_fields(struct span body, bool dtls);

/* SSLv2-compatible CLIENT-HELLO (RFC 5246 appendix E.2), from msg_type on. */
void tls_parse_v2_client_hello(struct arena *a, struct span body,
                               struct client_offer *out);

/* One ServerHello or HelloRetryRequest body. */
void tls_parse_server_hello(struct arena *a, struct span body, bool dtls,
                            struct server_choice *out);

/* A Certificate message body; tls13 tells the layout. Parses the leaf and the
 * other certificates with x509_read(). */
void tls_parse_certificate(struct arena *a, struct span body, bool tls13,
                           struct cert_chain *out);

/* ServerKeyExchange of TLS <= 1.2, for the suite's key exchange. */
void tls_parse_key_exchange(struct span body, uint16_t cipher, uint16_t version,
                            struct key_exchange *out);

void tls_parse_certificate_request(struct arena *a, struct span body,
                                   uint16_t version,
                                   struct certificate_request *out);

/* The random that marks a ServerHello as HelloRetryRequest (RFC 8446 4.1.3). */
extern const uint8_t tls_hrr_random[32];

#endif
