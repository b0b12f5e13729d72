/* SPDX-License-Identifier: Apache-2.0 */
/* JA3, JA3S and JA4 (the BSD-licensed TLS client fingerprint). */
#ifndef DISSECTORS_FINGERPRINT_H
#define DISSECTORS_FINGERPRINT_H

#include "base/text.h"
#include "handshake/handshake.h"

#define JA3_BYTES 33 /* 32 hex digits and a NUL */
#define JA4_BYTES 37 /* t13d1516h2_8daaf6152771_b186095e22b6 */

/* The JA3 string "771,4865-4866,...", GREASE left out. */
void fingerprint_ja3_string(const struct client_offer *o, struct text *out);
/* Its MD5 in lower-case hex. False (and "") when nothing was offered. */
bool fingerprint_ja3(const struct client_offer *o, char out[JA3_BYTES]);
bool fingerprint_ja3s(const struct server_choice *s, char out[JA3_BYTES]);
/* JA4 with the protocol letter t, q or d by `flavour`. */
bool fingerprint_ja4(const struct client_offer *o, enum tls_flavour flavour,
                     char out[JA4_BYTES]);

#endif
