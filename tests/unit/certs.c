/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds certificates for the tests of x509.c and trust.c with libcrypto. Any
 * failure in here ends the test program: it is none of the code under test.
 */
#include "tests/unit/certs.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(x)                                                                \
    do {                                                                       \
        if (!(x)) {                                                            \
            fprintf(stderr, "certs.c: %s\n", #x);                              \
            abort();                                                           \
        }                                                                      \
    } while (0)

EVP_PKEY *certs_key(const char *kind)
{
    EVP_PKEY *key = NULL;
    if (strcmp(kind, "rsa") == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    } else if (strcmp(kind, "rsa1024") == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    } else if (strncmp(kind, "P-", 2) == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    }
    MUST(key);
    return key;
}

static void set_name(X509_NAME *name, const char *field, const char *text,
                     size_t n)
{
    if (text) {
        const unsigned char *p = (const unsigned char *)text;
        MUST(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, p,
                                        n ? (int)n : -1, -1, 0));
    }
}

static void add_extension(X509 *x, X509 *issuer, const char *name,
                          const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    X509_EXTENSION *e = X509V3_EXT_nconf(NULL, &ctx, name, value);
    MUST(e);
    MUST(X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
}

void certs_sign(X509 *x, EVP_PKEY *key)
{
    bool eddsa = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
    MUST(X509_sign(x, key, eddsa ? NULL : EVP_sha256()) > 0);
}

static void set_names(X509 *x, const struct certs_spec *s)
{
    X509_NAME *name = X509_NAME_new();
    MUST(name);
    set_name(name, "O", s->organization, 0);
    set_name(name, "CN", s->subject, s->subject_n);
    MUST(X509_set_subject_name(x, name));
    X509_NAME_free(name);
    if (s->issuer_name) {
        name = X509_NAME_new();
        MUST(name);
        set_name(name, "CN", s->issuer_name, 0);
        MUST(X509_set_issuer_name(x, name));
        X509_NAME_free(name);
        return;
    }
    MUST(X509_set_issuer_name(
        x, X509_get_subject_name(s->issuer ? s->issuer : x)));
}

static void set_extensions(X509 *x, const struct certs_spec *s)
{
    X509 *issuer = s->issuer ? s->issuer : x;
    if (s->ca) {
        add_extension(x, issuer, "basicConstraints", "critical,CA:TRUE");
        add_extension(x, issuer, "keyUsage", "critical,keyCertSign,cRLSign");
    }
    if (s->key_ids) {
        add_extension(x, issuer, "subjectKeyIdentifier", "hash");
        add_extension(x, issuer, "authorityKeyIdentifier", "keyid:always");
    }
    for (size_t i = 0; s->extensions[i]; i += 2) {
        add_extension(x, issuer, s->extensions[i], s->extensions[i + 1]);
    }
}

X509 *certs_make(const struct certs_spec *s)
{
    X509 *x = X509_new();
    MUST(x);
    MUST(X509_set_version(x, s->v1 ? 0 : 2));
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(x), s->serial ? s->serial : 1));
    int64_t from = s->not_before ? s->not_before : CERTS_NOW - 100 * CERTS_DAY;
    int64_t to = s->not_after ? s->not_after : CERTS_NOW + 100 * CERTS_DAY;
    MUST(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from));
    MUST(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to));
    MUST(X509_set_pubkey(x, s->key));
    set_names(x, s);
    if (!s->v1) {
        set_extensions(x, s);
    }
    EVP_PKEY *signer = s->issuer_key ? s->issuer_key : s->key;
    if (s->md) {
        MUST(X509_sign(x, signer, s->md) > 0);
    } else {
        certs_sign(x, signer);
    }
    return x;
}

X509 *certs_break_signature(const X509 *x)
{
    struct span der = certs_der(x);
    uint8_t *copy = OPENSSL_memdup(der.p, der.n);
    MUST(copy);
    copy[der.n - 1] ^= 1;
    const unsigned char *p = copy;
    X509 *broken = d2i_X509(NULL, &p, (long)der.n);
    MUST(broken);
    OPENSSL_free(copy);
    OPENSSL_free((void *)(uintptr_t)der.p);
    return broken;
}

void certs_add_dns(X509 *x, const char *name, size_t n)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *string = ASN1_IA5STRING_new();
    MUST(names && one && string);
    MUST(ASN1_STRING_set(string, name, (int)n));
    GENERAL_NAME_set0_value(one, GEN_DNS, string);
    MUST(sk_GENERAL_NAME_push(names, one));
    MUST(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0,
                           X509V3_ADD_REPLACE) == 1);
    GENERAL_NAMES_free(names);
}

struct span certs_der(const X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    MUST(n > 0);
    return span_of(der, (size_t)n);
}
