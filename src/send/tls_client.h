/* SPDX-License-Identifier: Apache-2.0 */
/* TLS to a destination whose library has none of its own, by OpenSSL. */
#ifndef SEND_TLS_CLIENT_H
#define SEND_TLS_CLIENT_H

#include "base/tick.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What certificates to trust (a PEM file; NULL: the system's) and to show
 * (NULL: none; the key may stand in the same file). Files are read here, while
 * that is allowed. NULL with one line in error[].
 */
SSL_CTX *tls_client_new(const char *ca, const char *certificate,
                        const char *key, char error[256]);

/* A connected socket, plain or with TLS, that never waits by itself. */
struct link {
    int fd;
    SSL *ssl; /* NULL: plain */
};

/*
 * Makes l->fd never wait, and shakes hands when there is a context: for `ms`
 * milliseconds at most, however slowly the server drips. The certificate must
 * be for the host, a name or an address. False with why in error[].
 */
bool link_open(struct link *l, SSL_CTX *c, const char *host, unsigned ms,
               char error[160]);
/* Forgets TLS; the socket stays the caller's. */
void link_close(struct link *l);
/* How many bytes went; 0: none now; -1: it is over. */
long link_read(const struct link *l, char *p, size_t n);
long link_write(const struct link *l, const char *p, size_t n);
/* Waits until one of poll(2)'s events; false: not before `until`. */
bool link_wait(const struct link *l, short events, tick_t until);

#endif
