/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 or later, the server's certificate always checked. */
#include "config.h"

#include "send/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

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

SSL *tls_client_connect(SSL_CTX *c, int fd, const char *host, char error[160])
{
    ERR_clear_error();
    SSL *s = SSL_new(c);
    if (s && SSL_set_fd(s, fd) == 1 && expect(s, host) && SSL_connect(s) == 1) {
        return s;
    }
    long verified = s ? SSL_get_verify_result(s) : X509_V_OK;
    snprintf(error, 160, "TLS: %.140s",
             verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                                   : what_openssl_says());
    SSL_free(s);
    return NULL;
}
