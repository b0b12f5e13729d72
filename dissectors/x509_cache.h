/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsed certificates by their DER. libcrypto takes some 100 us
 * for one, and the failing connections of a capture show the same few.
 */
#ifndef DISSECTORS_X509_CACHE_H
#define DISSECTORS_X509_CACHE_H

#include "handshake/cert.h"

struct cert_cache;

/* NULL when memory is out: that is a valid cache that remembers nothing. */
struct cert_cache *cert_cache_new(void);
void cert_cache_free(struct cert_cache *k);

/* As x509_read(), which it calls for a certificate that it does not know. */
bool cert_cache_read(struct cert_cache *k, struct arena *arena, struct span der,
                     struct cert *out);

#endif
