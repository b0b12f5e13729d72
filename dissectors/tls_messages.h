/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of single messages that only tls_expand() needs. */
#ifndef DISSECTORS_TLS_MESSAGES_H
#define DISSECTORS_TLS_MESSAGES_H

#include "handshake/handshake.h"

/* HelloRetryRequest in its final form (a ServerHello with a fixed random), or
 * as the message of its own that drafts of TLS 1.3 up to 21 had. */
void tls_parse_retry(struct arena *a, struct span body, bool dtls,
                     struct server_choice *out);

/* Decrypted EncryptedExtensions: adds what TLS 1.2 says in the ServerHello
 * (ALPN, server_name) to *choice. Its extensions are not listed there: they
 * are no part of the ServerHello's fingerprint. */
void tls_parse_encrypted_extensions(struct arena *a, struct span body,
                                    struct server_choice *choice);

/* tls_parse_certificate() for a message of which maybe only a prefix was kept:
 * then its early end sets `cut`, and only a complete certificate can be
 * malformed. cache may be NULL. */
void tls_parse_chain(struct arena *a, struct cert_cache *cache,
                     struct span body, bool tls13, bool prefix,
                     struct cert_chain *out);

/* Whether a TLS 1.3 Certificate message staples an OCSP response to a
 * certificate (RFC 8446 section 4.4.2.1). */
bool tls_certificate_has_staple(struct span body);

#endif
