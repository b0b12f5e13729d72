/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set-associative table of parsed certificates, each in an arena of its own.
 * A full set forgets its oldest entry; readers get deep copies, so nothing
 * outside points in here. Only sound ones of usual size are kept.
 */
#include "dissectors/x509_cache.h"

#include "base/hash.h"

#include <stdlib.h>

#define SETS 256u
#define WAYS 4u

/* Real certificates stay below 8 KiB, and their parsed form with the DER below
 * 32 KiB: the table takes at most 32 MiB, and some 6 MiB usually. */
#define DER_BYTES_MAX   8192u
#define ENTRY_BYTES_MAX (32u * 1024)

struct entry {
    struct cert *cert; /* in the arena; NULL: free */
    struct arena arena;
};

struct cert_cache {
    struct hash_seed seed;
    struct entry entries[SETS][WAYS];
    uint8_t next_way[SETS];
};

struct cert_cache *cert_cache_new(void)
{
    struct cert_cache *k = calloc(1, sizeof *k);
    if (k) {
        k->seed = hash_seed_random();
    }
    return k;
}

void cert_cache_free(struct cert_cache *k)
{
    for (unsigned i = 0; k && i < SETS * WAYS; i++) {
        arena_free(&k->entries[i / WAYS][i % WAYS].arena);
    }
    free(k);
}

/* ---- deep copies ---- */

static void copy_span(struct arena *a, struct span *s)
{
    *s = arena_copy(a, *s);
}

static void copy_list(struct arena *a, struct span_list *l)
{
    struct span *v = l->n ? arena_alloc(a, l->n * sizeof *v) : NULL;
    if (!v) {
        l->v = NULL;
        l->n = 0;
        return;
    }
    for (unsigned i = 0; i < l->n; i++) {
        v[i] = arena_copy(a, l->v[i]);
    }
    l->v = v;
}

static void copy_name(struct arena *a, struct cert_name *n)
{
    copy_span(a, &n->der);
    copy_span(a, &n->common_name);
    copy_span(a, &n->organization);
    copy_span(a, &n->distinguished_name);
}

/* Every span and list of struct cert is listed here. */
static void copy_cert(struct arena *a, const struct cert *from,
                      struct cert *out)
{
    *out = *from;
    copy_span(a, &out->der);
    copy_span(a, &out->serial);
    copy_name(a, &out->subject);
    copy_name(a, &out->issuer);
    copy_list(a, &out->dns);
    copy_list(a, &out->ip);
    copy_list(a, &out->other_names);
    copy_span(a, &out->signature_algorithm);
    copy_span(a, &out->aia_issuer_url);
    copy_span(a, &out->subject_key_id);
    copy_span(a, &out->authority_key_id);
}

/* ---- the table ---- */

static const struct entry *find(const struct cert_cache *k, unsigned set,
                                struct span der)
{
    for (unsigned i = 0; i < WAYS; i++) {
        const struct entry *e = &k->entries[set][i];
        if (e->cert && span_eq(e->cert->der, der)) {
            return e;
        }
    }
    return NULL;
}

/* Parses into the table; NULL when the certificate is better not kept. */
static const struct entry *add(struct cert_cache *k, unsigned set,
                               struct span der)
{
    struct arena arena;
    arena_init(&arena, ENTRY_BYTES_MAX);
    struct cert *cert = arena_alloc(&arena, sizeof *cert);
    if (!cert || !x509_read(&arena, der, cert) || arena.limited) {
        arena_free(&arena);
        return NULL;
    }
    struct entry *e = &k->entries[set][k->next_way[set]++ % WAYS];
    arena_free(&e->arena);
    *e = (struct entry){.cert = cert, .arena = arena};
    return e;
}

bool cert_cache_read(struct cert_cache *k, struct arena *arena, struct span der,
                     struct cert *out)
{
    const struct entry *e = NULL;
    if (k && der.n && der.n <= DER_BYTES_MAX) {
        unsigned set = hash_bytes(&k->seed, der) % SETS;
        e = find(k, set, der);
        e = e ? e : add(k, set, der);
    }
    /* Where a copy might not fit, x509_read() says what it had to leave out. */
    if (!e || arena->cap_bytes - arena->used_bytes < 2 * ENTRY_BYTES_MAX) {
        return x509_read(arena, der, out);
    }
    copy_cert(arena, e->cert, out);
    return true;
}
