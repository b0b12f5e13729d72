/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one server certificate says about inspection: whether it belongs to a
 * public authority, or claims a public name without being one's.
 *
 * Names are compared by registrable domain (publicsuffix.org, as libpsl has
 * it). Certificates with an SCT (RFC 6962), of enrolment services, self-signed
 * ones, and those of authorities listed in data/private_issuers.tsv are
 * nobody's forgeries.
 */
#include "judge/interception_group.h"

#include <libpsl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "base/ascii.h"

/* ---- names ---- */

/* Domains nobody has on the Internet (RFC 6761, RFC 6762, RFC 8375, ICANN's
 * .internal) or that only lead inside (habits). */
static bool is_inner_suffix(const char *label)
{
    static const char *const inner[] = {
        "local",   "internal",    "lan",       "home", "corp",    "intranet",
        "private", "localdomain", "localhost", "test", "example", "invalid",
        "arpa",    "svc",         "consul",    "onion"};
    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
        if (strcmp(label, inner[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The name asked for, in lower case. False when there is none, or no name. */
static bool read_host(const struct handshake *hs, char host[HOST_BYTES])
{
    struct span sni = hs->offer.sni;
    if (!hs->offer.has_sni || sni.n == 0 || sni.n >= HOST_BYTES) {
        return false;
    }
    struct cursor c = cursor_open(sni);
    bool letter = false;
    size_t n = 0;
    while (cursor_left(&c)) {
        uint8_t b = cursor_u8(&c, "name");
        if (b <= ' ' || b >= 0x7f || b == ':') {
            return false;
        }
        b = ascii_lower(b);
        letter = letter || (b >= 'a' && b <= 'z');
        host[n++] = (char)b;
    }
    while (n && host[n - 1] == '.') {
        n--;
    }
    host[n] = '\0';
    return letter && strchr(host, '.') != NULL;
}

/* Only an exact entry of the public suffix list counts: a name under an unknown
 * top level is a private one. */
static bool read_domain(struct sighting *s)
{
    const char *last = strrchr(s->host, '.');
    if (is_inner_suffix(last ? last + 1 : s->host)) {
        return false;
    }
    const psl_ctx_t *psl = psl_builtin();
    const char *domain = psl ? psl_registrable_domain(psl, s->host) : NULL;
    if (!domain ||
        psl_is_public_suffix2(psl, last + 1,
                              PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) == 0) {
        return false;
    }
    s->domain = span_text(domain);
    s->owner = span_sub(s->domain, 0, strcspn(domain, "."));
    return true;
}

bool sighting_name(struct sighting *s)
{
    return read_host(s->hs, s->host) && read_domain(s);
}

bool interception_public_name(const struct handshake *hs)
{
    struct sighting s = {.hs = hs};
    return sighting_name(&s);
}

bool is_well_known(const char *host)
{
    const char *at = host;
    while (at) {
        if (known_well_known_domain(span_text(at))) {
            return true;
        }
        at = strchr(at, '.');
        at = at ? at + 1 : NULL;
    }
    return false;
}

static bool is_under(const char *host, const char *domain, size_t n)
{
    size_t h = strlen(host);
    return h >= n && memcmp(host + h - n, domain, n) == 0 &&
           (h == n || host[h - n - 1] == '.');
}

/* Whether the name is the product vendor's own. */
static bool is_vendors_own(const char *host, const struct known_inspection *k)
{
    const char *at = k ? k->own : NULL;
    while (at && *at) {
        size_t n = strcspn(at, ",");
        if (is_under(host, at, n)) {
            return true;
        }
        at += n + (at[n] == ',');
    }
    return false;
}

/* ---- issuers ---- */

static struct known_issuer names_of(const struct cert_name *n)
{
    return (struct known_issuer){n->common_name, n->organization,
                                 n->distinguished_name};
}

/* The best proven product among the leaf's issuer and the CAs above it, unless
 * the leaf names one itself. */
static void find_product(struct known_patterns *patterns, struct sighting *s)
{
    const struct cert_chain *chain = &s->hs->server_chain;
    s->product =
        known_inspection_subject(patterns, s->leaf->subject.organization);
    s->by_subject = s->product != NULL;
    for (uint16_t i = 0; i < chain->n && !s->by_subject; i++) {
        struct known_issuer names = names_of(&chain->v[i]->issuer);
        const struct known_inspection *k =
            known_inspection_find(patterns, &names);
        if (k && (!s->product || k->certainty > s->product->certainty)) {
            s->product = k;
        }
    }
}

/* ---- the leaf, with libcrypto ---- */

static bool has_extension(const X509 *x, const char *oid)
{
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
    bool has = o && X509_get_ext_by_OBJ(x, o, -1) >= 0;
    ASN1_OBJECT_free(o);
    return has;
}

/* Made by a Windows authority's enrolment: a template's name or its number. */
static bool is_enrolled(const X509 *x)
{
    return has_extension(x, "1.3.6.1.4.1.311.20.2") ||
           has_extension(x, "1.3.6.1.4.1.311.21.7");
}

/* RFC 5280 section 4.2.1.2 (1): SHA-1 of the public key's bits. */
static bool names_own_key_as_issuers(const X509 *x, struct span authority_key)
{
    uint8_t own[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    return X509_pubkey_digest(x, EVP_sha1(), own, &n) == 1 &&
           span_eq(authority_key, span_of(own, n));
}

static bool is_key_of_issuer(const struct cert_chain *chain, const X509 *x)
{
    const struct cert *leaf = chain->v[0];
    for (uint16_t i = 1; i < chain->n; i++) {
        if (chain->v[i]->is_ca &&
            memcmp(chain->v[i]->spki_sha256, leaf->spki_sha256, 32) == 0) {
            return true;
        }
    }
    return leaf->authority_key_id.n &&
           names_own_key_as_issuers(x, leaf->authority_key_id);
}

/* False when the leaf is nobody's forgery after all. */
static bool look_inside(struct sighting *s)
{
    const unsigned char *p = s->leaf->der.p;
    X509 *x = s->leaf->der.n ? d2i_X509(NULL, &p, (long)s->leaf->der.n) : NULL;
    bool forging = x && !is_enrolled(x);
    if (forging) {
        s->key_is_issuers = is_key_of_issuer(&s->hs->server_chain, x);
    }
    X509_free(x);
    ERR_clear_error();
    return forging;
}

/* ---- the server ---- */

/* RFC 1918, RFC 6598, RFC 4193 and link-local addresses. */
static bool is_private_address(const uint8_t *ip, uint8_t version)
{
    if (version == 4) {
        return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
               (ip[0] == 192 && ip[1] == 168) ||
               (ip[0] == 100 && (ip[1] & 0xc0) == 64) ||
               (ip[0] == 169 && ip[1] == 254);
    }
    return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

bool is_through_proxy(const struct handshake *hs)
{
    return hs->carrier && (strcmp(hs->carrier, "http-connect") == 0 ||
                           strcmp(hs->carrier, "socks") == 0);
}

bool is_private_server(const struct handshake *hs)
{
    return !is_through_proxy(hs) &&
           is_private_address(hs->addr[SIDE_SERVER].ip, hs->ip_version);
}

/* ---- the whole ---- */

/* Public authorities' certificates say where to ask for their revocation and
 * under which policy they were issued (CA/Browser Forum, Baseline Requirements
 * section 7.1.2; old ones at least one of it). Who only borrows the name leaves
 * that out. */
static bool is_like_public(const struct cert *leaf)
{
    return leaf->has_policies || leaf->has_aia || leaf->has_crl_dp;
}

static bool is_proven(const struct known_inspection *k)
{
    return k && k->certainty != KNOWN_RECALLED;
}

/* Issuers that sign nothing but forgeries: one certificate proves it, for
 * whatever name. */
static bool is_telling(const struct known_inspection *k)
{
    return k && k->certainty == KNOWN_VERIFIED &&
           !(k->own && strstr(k->own, KNOWN_INNER));
}

/* Forgers do not log what they make and do not copy the proof (measured; RFC
 * 6962). That spares most certificates the judging of their chains. */
static bool is_logged(const struct sighting *s)
{
    return s->leaf->has_sct && s->leaf->has_aia && !is_proven(s->product);
}

static bool leads_to_public(const struct sighting *s,
                            const struct trust_result *t)
{
    bool anchored = t->state == TRUST_OK || t->state == TRUST_EXPIRED_CA;
    return anchored &&
           (t->anchor_listed || (t->anchors_given && !is_proven(s->product)));
}

/* A leaf that no public authority's anchor vouches for. */
static enum leaf_kind classify(struct known_patterns *patterns,
                               struct sighting *s, bool judged)
{
    const struct cert *leaf = s->leaf;
    struct known_issuer issuer = names_of(&leaf->issuer);
    const char *kind = known_private_issuer(patterns, &issuer);
    bool retired = kind && strcmp(kind, "retired") == 0;
    if (retired && is_like_public(leaf)) {
        return LEAF_PUBLIC;
    }
    bool own = kind && !(retired && judged) && !s->by_subject;
    bool excused = leaf->self_signed || own ||
                   (leaf->has_sct && !is_proven(s->product)) ||
                   is_vendors_own(s->host, s->product);
    if (excused || !look_inside(s)) {
        return LEAF_NOTHING;
    }
    s->authority_name = retired;
    return LEAF_FORGING;
}

enum leaf_kind sighting_of(struct known_patterns *patterns,
                           const struct handshake *hs, struct trust *trust,
                           struct sighting *s)
{
    *s = (struct sighting){.hs = hs};
    const struct cert_chain *chain = &hs->server_chain;
    if (!hs->expanded || !chain->n || chain->malformed ||
        chain->v[0]->malformed || !read_host(hs, s->host) ||
        !x509_name_matches(chain->v[0], span_text(s->host), true)) {
        return LEAF_NOTHING;
    }
    s->leaf = chain->v[0];
    s->when = hs->when_hello ? hs->when_hello : hs->first;
    find_product(patterns, s);
    if (!read_domain(s)) {
        if (!is_telling(s->product)) {
            return LEAF_NOTHING;
        }
        s->domain = s->owner = span_text(s->host);
    }
    if (is_logged(s)) {
        return LEAF_PUBLIC;
    }
    struct trust_result t = {.state = TRUST_UNKNOWN};
    trust_judge(trust, chain, s->when, &t);
    if (leads_to_public(s, &t)) {
        return LEAF_PUBLIC;
    }
    s->well_known = is_well_known(s->host);
    s->private_server = is_private_server(hs);
    s->local_anchor = t.state == TRUST_OK;
    return classify(patterns, s, t.state != TRUST_UNKNOWN);
}
