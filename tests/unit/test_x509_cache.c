/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dissectors/x509_cache.c: what it hands out stands on its own, whether the
 * certificate was known, forgotten, or too much for the reader's arena; and the
 * pool of src/base/arena.c that connections take their memory from.
 */
#include "dissectors/x509_cache.h"
#include "tests/unit/certs.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ARENA_BYTES (256u * 1024)

static struct span make(const char *name, EVP_PKEY *key, long serial)
{
    struct certs_spec spec = {
        .subject = name,
        .organization = "Org",
        .key = key,
        .serial = serial,
        .key_ids = true,
        .extensions = {"subjectAltName",
                       "DNS:a.example,DNS:b.example,IP:192.0.2.1,"
                       "email:x@a.example",
                       NULL},
    };
    X509 *x = certs_make(&spec);
    struct span der = certs_der(x);
    X509_free(x);
    return der;
}

static void check(const struct cert *c, const char *name, struct span der)
{
    cr_assert(span_eq(c->der, der));
    cr_assert(span_eq(c->subject.common_name, span_text(name)));
    cr_assert(span_eq(c->issuer.organization, span_text("Org")));
    cr_assert_eq(c->dns.n, 2);
    cr_assert(span_eq(c->dns.v[1], span_text("b.example")));
    cr_assert_eq(c->ip.n, 1);
    cr_assert(span_eq(c->ip.v[0], span_of("\xc0\0\2\1", 4)));
    cr_assert_eq(c->other_names.n, 1);
    cr_assert_eq(c->subject_key_id.n, 20);
    cr_assert_eq(c->key, KEY_EC);
    cr_assert(c->self_signed);
}

static void read_and_check(struct cert_cache *k, uint32_t arena_bytes,
                           const char *name, struct span der)
{
    struct arena a;
    arena_init(&a, arena_bytes);
    struct cert c;
    cr_assert(cert_cache_read(k, &a, der, &c));
    check(&c, name, der);
    arena_free(&a);
}

Test(x509_cache, known_and_unknown)
{
    EVP_PKEY *key = certs_key("P-256");
    struct span der = make("one.example", key, 1);
    struct cert_cache *k = cert_cache_new();
    for (int i = 0; i < 3; i++) {
        read_and_check(k, ARENA_BYTES, "one.example", der);
        read_and_check(NULL, ARENA_BYTES, "one.example", der);
        read_and_check(k, 32 * 1024, "one.example", der); /* no room to copy */
    }
    cert_cache_free(k);
    OPENSSL_free((void *)(uintptr_t)der.p);
    EVP_PKEY_free(key);
}

Test(x509_cache, copies_outlive_the_cache)
{
    EVP_PKEY *key = certs_key("P-256");
    struct span der = make("one.example", key, 1);
    struct cert_cache *k = cert_cache_new();
    struct arena a;
    arena_init(&a, ARENA_BYTES);
    struct cert first, second;
    cr_assert(cert_cache_read(k, &a, der, &first));
    cr_assert(cert_cache_read(k, &a, der, &second));
    cert_cache_free(k);
    check(&first, "one.example", der);
    check(&second, "one.example", der);
    cr_assert_neq(first.der.p, second.der.p);
    arena_free(&a);
    OPENSSL_free((void *)(uintptr_t)der.p);
    EVP_PKEY_free(key);
}

/* More than the table holds: the oldest are forgotten and read again. */
Test(x509_cache, forgets)
{
    EVP_PKEY *key = certs_key("P-256");
    struct cert_cache *k = cert_cache_new();
    for (int round = 0; round < 2; round++) {
        for (long i = 1; i <= 1500; i++) {
            struct span der = make("many.example", key, i);
            read_and_check(k, ARENA_BYTES, "many.example", der);
            OPENSSL_free((void *)(uintptr_t)der.p);
        }
    }
    cert_cache_free(k);
    EVP_PKEY_free(key);
}

Test(x509_cache, no_certificate)
{
    struct cert_cache *k = cert_cache_new();
    struct arena a;
    arena_init(&a, ARENA_BYTES);
    struct cert c;
    cr_assert_not(cert_cache_read(k, &a, (struct span){NULL, 0}, &c));
    for (int i = 0; i < 2; i++) {
        cr_assert(cert_cache_read(k, &a, span_text("nonsense"), &c));
        cr_assert(c.malformed);
    }
    arena_free(&a);
    cert_cache_free(k);
}

Test(arena_pool, chunks_come_back_zeroed)
{
    struct arena_pool pool = {0};
    for (int round = 0; round < 3; round++) {
        struct arena a;
        arena_init_pooled(&a, ARENA_BYTES, &pool);
        for (int i = 0; i < 100; i++) {
            uint8_t *p = arena_alloc(&a, 100);
            cr_assert_not_null(p);
            for (int b = 0; b < 100; b++) {
                cr_assert_eq(p[b], 0);
            }
            memset(p, 0xff, 100);
        }
        cr_assert_eq(pool.sizes[0].n, 0);
        arena_free(&a);
        cr_assert_gt(pool.sizes[0].n, 0);
        cr_assert_eq(a.used_bytes, 0);
    }
    arena_pool_fini(&pool);
    cr_assert_null(pool.sizes[0].free);
}

/* Whatever is asked for first, the next arena gets a chunk that is as large. */
Test(arena_pool, larger_chunks_are_kept_by_size)
{
    static const size_t wants[] = {1, 880, 881, 1900, 2001, 4000, 9000};
    struct arena_pool pool = {0};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
            struct arena a;
            arena_init_pooled(&a, ARENA_BYTES, &pool);
            uint8_t *p = arena_alloc(&a, wants[i]);
            cr_assert_not_null(p);
            for (size_t b = 0; b < wants[i]; b++) {
                cr_assert_eq(p[b], 0);
            }
            memset(p, 0xff, wants[i]);
            arena_free(&a);
        }
    }
    for (unsigned i = 0; i < ARENA_POOL_SIZES; i++) {
        cr_expect_eq(pool.sizes[i].n, 1);
    }
    arena_pool_fini(&pool);
}
