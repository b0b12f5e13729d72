/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made by the tests themselves, valid or broken as asked. */
#ifndef TESTS_UNIT_CERTS_H
#define TESTS_UNIT_CERTS_H

#include "base/span.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* Times the tests are written for: 2026-01-01 00:00:00 UTC and a day. */
#define CERTS_NOW INT64_C(1767225600)
#define CERTS_DAY INT64_C(86400)

struct certs_spec {
    const char *subject;           /* CN; NULL: no CN */
    size_t subject_n;              /* its length, 0: strlen() */
    const char *organization;      /* O; NULL: none */
    EVP_PKEY *key;                 /* the certificate's */
    X509 *issuer;                  /* NULL: self-issued */
    const char *issuer_name;       /* CN to use instead of the issuer's */
    EVP_PKEY *issuer_key;          /* NULL: `key` */
    const EVP_MD *md;              /* NULL: SHA-256; ignored for EdDSA */
    int64_t not_before, not_after; /* seconds; 0: now -+ 100 days */
    long serial;                   /* 0: 1 */
    bool v1;                       /* version 1, no extensions */
    bool ca;                       /* basicConstraints CA:TRUE + keyCertSign */
    bool key_ids;                  /* subject and authority key identifier */
    /* OpenSSL's configuration syntax, pairs of name and value up to NULL. */
    const char *extensions[24];
};

/* A key: "rsa" (2048), "rsa1024", "P-256", "P-384", "ED25519", "ED448". */
EVP_PKEY *certs_key(const char *kind);

X509 *certs_make(const struct certs_spec *spec);

/* The same with a bit of its signature turned. */
X509 *certs_break_signature(const X509 *x);

/* Adds a dNSName with these very bytes (subjectAltName of its own). Call on an
 * X509 that is signed again afterwards with certs_sign(). */
void certs_add_dns(X509 *x, const char *name, size_t n);
void certs_sign(X509 *x, EVP_PKEY *key);

/* DER; free with OPENSSL_free((void *)span.p). */
struct span certs_der(const X509 *x);

#endif
