/* SPDX-License-Identifier: Apache-2.0 */
/* TLS to a destination whose library has none of its own, by OpenSSL. */
#ifndef SEND_TLS_CLIENT_H
#define SEND_TLS_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * What certificates to trust (a PEM file; NULL: the system's) and to show
 * (NULL: none; the key may stand in the same file). Files are read here, while
 * that is allowed. NULL with one line in error[].
 */
SSL_CTX *tls_client_new(const char *ca, const char *certificate,
                        const char *key, char error[256]);

/*
 * Shakes hands over a connected socket that has its timeouts; the certificate
 * must be for the host, a name or an address. NULL with why in error[].
 */
SSL *tls_client_connect(SSL_CTX *c, int fd, const char *host, char error[160]);

#endif
