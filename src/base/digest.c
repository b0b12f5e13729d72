/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches each algorithm once, and keeps a context for each in each thread:
 * to make one costs more than to digest a few bytes. */
#include "base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

struct contexts {
    EVP_MD_CTX *v[DIGEST_COUNT];
};

static EVP_MD *fetched[DIGEST_COUNT]; /* NULL: refused */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t of_thread; /* struct contexts */
static bool has_key;

static void free_contexts(void *of)
{
    struct contexts *c = of;
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        EVP_MD_CTX_free(c->v[i]);
    }
    free(c);
}

static void fetch(void)
{
    static const char *const names[DIGEST_COUNT] = {"MD5", "SHA1", "SHA256"};
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        fetched[i] = EVP_MD_fetch(NULL, names[i], NULL);
    }
    has_key = pthread_key_create(&of_thread, free_contexts) == 0;
}

/* This thread's context for an algorithm, or NULL. */
static EVP_MD_CTX *context(enum digest which)
{
    struct contexts *c = has_key ? pthread_getspecific(of_thread) : NULL;
    if (!c && has_key) {
        c = calloc(1, sizeof *c);
        if (c && pthread_setspecific(of_thread, c) != 0) {
            free(c);
            c = NULL;
        }
    }
    if (c && !c->v[which]) {
        c->v[which] = EVP_MD_CTX_new();
    }
    return c ? c->v[which] : NULL;
}

bool digest(enum digest which, struct span s, uint8_t out[DIGEST_BYTES_MAX])
{
    pthread_once(&once, fetch);
    EVP_MD_CTX *ctx = fetched[which] ? context(which) : NULL;
    return ctx && EVP_DigestInit_ex2(ctx, fetched[which], NULL) == 1 &&
           EVP_DigestUpdate(ctx, s.p, s.n) == 1 &&
           EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}
