/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate (RFC 5246 section 7.4.2, RFC 8446 4.4.2) and CertificateRequest
 * (RFC 5246 7.4.4, RFC 2246 7.4.4, RFC 8446 4.3.2).
 *
 * The certificates themselves are x509_read()'s. No chain is built or checked
 * here; OpenPGP and raw public keys (RFC 6091, RFC 7250) are not read.
 */
#include "dissectors/tls_expand.h"
#include "dissectors/tls_messages.h"
#include "dissectors/tls_read.h"
#include "dissectors/x509_cache.h"
#include "known/known.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* Certificates looked at per chain: a web chain has 2 to 4, cross-signed ones
 * up to 6, and OpenSSL verifies no deeper than 100. What is longer is a
 * misconfigured bundle, and its first certificates tell that. */
#define CERTS_MAX 16

/* One entry of the list; an empty span with the cursor failed when it is not
 * all there. */
static struct span next_entry(struct cursor *list, bool tls13)
{
    size_t n = cursor_u24(list, "certificate length");
    struct span der = cursor_take(list, n, "certificate");
    if (tls13 && cursor_ok(list)) {
        /* The certificate counts even if its extensions are damaged. */
        cursor_vec16(list, "certificate extensions");
    }
    return der;
}

static void note_malformed(struct cert_chain *out, const char *why)
{
    if (!out->malformed) {
        out->malformed = true;
        out->why = why ? why : "certificate";
    }
}

/* Reads one certificate; NULL when nothing of it can be read or there is no
 * memory. */
static struct cert *read_one(struct arena *a, struct cert_cache *cache,
                             struct span der, struct cert_chain *out)
{
    struct cert *cert = arena_alloc(a, sizeof *cert);
    if (!cert) {
        out->cut = true;
        return NULL;
    }
    if (cert_cache_read(cache, a, der, cert)) {
        return cert;
    }
    if (a->limited) {
        out->cut = true;
        return NULL;
    }
    note_malformed(out, cert->why);
    return NULL;
}

/* Fills v with at most CERTS_MAX certificates. Without a readable leaf the
 * rest is left out, so that v[0] is the leaf always. */
static void read_list(struct arena *a, struct cert_cache *cache,
                      struct cursor *list, bool tls13, struct cert_chain *out,
                      struct cert **v)
{
    for (unsigned i = 0; cursor_left(list); i++) {
        if (i == CERTS_MAX) {
            out->cut = true;
            return;
        }
        struct span der = next_entry(list, tls13);
        if (!der.n && !cursor_ok(list)) {
            return;
        }
        struct cert *cert = read_one(a, cache, der, out);
        if (!cert && i == 0) {
            return;
        }
        if (cert) {
            v[out->n++] = cert;
        }
    }
}

/* What is wrong with the message's frame; a prefix of it just ends early. */
static void note_framing(const char *why, bool prefix, struct cert_chain *out)
{
    if (!why) {
        return;
    }
    if (prefix) {
        out->cut = true;
    } else {
        note_malformed(out, why);
    }
}

void tls_parse_chain(struct arena *a, struct cert_cache *cache,
                     struct span body, bool tls13, bool prefix,
                     struct cert_chain *out)
{
    struct cursor c = cursor_open(body);

    *out = (struct cert_chain){.seen = true};
    if (tls13) {
        cursor_vec8(&c, "certificate_request_context");
    }
    struct cursor list = tls_vec24(&c, "certificate_list");
    out->empty = cursor_done(&c) && cursor_left(&list) == 0;
    struct cert **v = arena_alloc(a, CERTS_MAX * sizeof(struct cert *));
    if (!v) {
        out->cut = true;
        return;
    }
    out->v = v;
    read_list(a, cache, &list, tls13, out, v);
    const char *why = list.why ? list.why : c.why;
    if (!why && cursor_left(&c)) {
        why = "trailing bytes";
    }
    note_framing(why, prefix, out);
    if (out->n && v[0]->malformed && !a->limited) {
        note_malformed(out, v[0]->why);
    }
}

void tls_parse_certificate(struct arena *a, struct span body, bool tls13,
                           struct cert_chain *out)
{
    tls_parse_chain(a, NULL, body, tls13, false, out);
}

bool tls_certificate_has_staple(struct span body)
{
    struct cursor c = cursor_open(body);
    cursor_vec8(&c, "certificate_request_context");
    struct cursor list = tls_vec24(&c, "certificate_list");
    while (cursor_left(&list)) {
        cursor_vec24(&list, "certificate");
        struct cursor extensions = cursor_vec16(&list, "extensions");
        while (cursor_left(&extensions)) {
            uint16_t type = cursor_u16(&extensions, "extensions");
            cursor_vec16(&extensions, "extensions");
            if (type == 5 && cursor_ok(&extensions)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- CertificateRequest ----------------------------------------------------
 */

static void parse_signatures(void *out, struct arena *a, struct cursor *c)
{
    struct certificate_request *r = out;
    r->signature_algorithms = tls_u16_vec16(a, c, "signature_algorithms");
}

static void parse_authorities(void *out, struct arena *a, struct cursor *c)
{
    struct certificate_request *r = out;
    r->authorities = tls_span_vec16(a, c, 2, "certificate_authorities");
}

static const struct tls_extension request_rows[] = {
    {13, "signature_algorithms", parse_signatures},
    {47, "certificate_authorities", parse_authorities},
};

void tls_parse_certificate_request(struct arena *a, struct span body,
                                   uint16_t version,
                                   struct certificate_request *out)
{
    struct cursor c = cursor_open(body);

    *out = (struct certificate_request){.seen = true};
    if (known_version_is_13(version)) {
        struct u16_list types;
        cursor_vec8(&c, "certificate_request_context");
        tls_extensions(&c, request_rows, COUNT(request_rows), out, a, &types);
        return;
    }
    out->types = tls_bytes8(&c, "certificate_types");
    if (version == 0x0303 || version == 0xfefd) {
        out->signature_algorithms =
            tls_u16_vec16(a, &c, "supported_signature_algorithms");
    }
    out->authorities = tls_span_vec16(a, &c, 2, "certificate_authorities");
}
