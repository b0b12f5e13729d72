/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 or later, the server's certificate always checked. */
#include "config.h"

#include "send/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The first error is the nearest to its cause. */
static const char *what_openssl_says(void)
{
    unsigned long e = ERR_peek_error();
    const char *why = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e))
                                          : ERR_reason_error_string(e);
    ERR_clear_error();
    return why ? why : "no reason given";
}

static bool show(SSL_CTX *c, const char *certificate, const char *key)
{
    return !certificate ||
           (SSL_CTX_use_certificate_chain_file(c, certificate) == 1 &&
            SSL_CTX_use_PrivateKey_file(c, key ? key : certificate,
                                        SSL_FILETYPE_PEM) == 1);
}

SSL_CTX *tls_client_new(const char *ca, const char *certificate,
                        const char *key, char error[256])
{
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    const char *what = NULL;
    if (!c) {
        what = "TLS";
    } else if (ca ? SSL_CTX_load_verify_locations(c, ca, NULL) != 1
                  : SSL_CTX_set_default_verify_paths(c) != 1) {
        what = ca ? ca : "the system's certificates";
    } else if (!show(c, certificate, key)) {
        what = key ? key : certificate;
    }
    if (what) {
        snprintf(error, 256, "%.150s: %.80s", what, what_openssl_says());
        SSL_CTX_free(c);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    return c;
}

/* Whom to expect: an address is none of SNI's names (RFC 6066 section 3). */
static bool expect(SSL *s, const char *host)
{
    unsigned char ip[16];
    if (inet_pton(AF_INET, host, ip) == 1 ||
        inet_pton(AF_INET6, host, ip) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s), host) == 1;
    }
    return SSL_set1_host(s, host) == 1 &&
           SSL_set_tlsext_host_name(s, host) == 1;
}

/* ---- the connection ---- */

bool link_wait(const struct link *l, short events, tick_t until)
{
    tick_t left = until - tick_now();
    struct pollfd p = {.fd = l->fd, .events = events};
    return left > 0 && poll(&p, 1, (int)(left / TICK_MSEC) + 1) > 0;
}

/* For which of poll(2)'s events TLS waits; 0: none, it is over. */
static short awaited(const SSL *s, int result)
{
    switch (SSL_get_error(s, result)) {
    case SSL_ERROR_WANT_READ:
        return POLLIN;
    case SSL_ERROR_WANT_WRITE:
        return POLLOUT;
    default:
        return 0;
    }
}

static bool shake_hands(const struct link *l, tick_t until, bool *late)
{
    int k;
    while ((k = SSL_connect(l->ssl)) != 1) {
        short events = awaited(l->ssl, k);
        *late = events && !link_wait(l, events, until);
        if (!events || *late) {
            return false;
        }
    }
    return true;
}

bool link_open(struct link *l, SSL_CTX *c, const char *host, unsigned ms,
               char error[160])
{
    bool late = false;
    fcntl(l->fd, F_SETFL, fcntl(l->fd, F_GETFL) | O_NONBLOCK);
    l->ssl = NULL;
    if (!c) {
        return true;
    }
    ERR_clear_error();
    l->ssl = SSL_new(c);
    if (l->ssl && SSL_set_fd(l->ssl, l->fd) == 1 && expect(l->ssl, host) &&
        shake_hands(l, tick_now() + ms * TICK_MSEC, &late)) {
        SSL_set_mode(l->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return true;
    }
    long verified = l->ssl ? SSL_get_verify_result(l->ssl) : X509_V_OK;
    snprintf(error, 160, "TLS: %.140s",
             verified != X509_V_OK ? X509_verify_cert_error_string(verified)
             : late                ? "no handshake in time"
                                   : what_openssl_says());
    link_close(l);
    return false;
}

void link_close(struct link *l)
{
    SSL_free(l->ssl);
    l->ssl = NULL;
}

static int at_most(size_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

static long result(const struct link *l, long k)
{
    if (k > 0) {
        return k;
    }
    bool again = l->ssl ? awaited(l->ssl, (int)k) != 0
                        : k < 0 && (errno == EAGAIN || errno == EINTR);
    return again ? 0 : -1;
}

long link_read(const struct link *l, char *p, size_t n)
{
    ERR_clear_error();
    return result(l, l->ssl ? SSL_read(l->ssl, p, at_most(n))
                            : recv(l->fd, p, n, 0));
}

long link_write(const struct link *l, const char *p, size_t n)
{
    ERR_clear_error();
    return result(l, l->ssl ? SSL_write(l->ssl, p, at_most(n))
                            : send(l->fd, p, n, MSG_NOSIGNAL));
}
