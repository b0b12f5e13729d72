/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is unusual about a ClientHello's offer: which of its lists a common
 * server could have nothing in common with.
 *
 * The scores are ranks, not probabilities: what hardly any server accepts is
 * near 100, what every server accepts is 0. The yardstick are the defaults of
 * OpenSSL, Go, JSSE, SChannel and the large CDNs, and RFC 8446 section 9.1
 * (what every TLS 1.3 implementation has to know).
 */
#include "judge/facts.h"

#include <stdlib.h>

#include "handshake/offer_shape.h"

#define SCSV_RENEGOTIATION 0x00ff
#define SCSV_FALLBACK      0x5600

bool list_has(const struct u16_list *list, uint16_t v)
{
    for (uint16_t i = 0; i < list->n; i++) {
        if (list->v[i] == v) {
            return true;
        }
    }
    return false;
}

uint16_t version_rank(uint16_t version)
{
    switch (version) {
    case 0xfeff: /* DTLS 1.0 is TLS 1.1 over datagrams (RFC 4347) */
        return 0x0302;
    case 0xfefd:
        return 0x0303;
    case 0xfefc:
        return 0x0304;
    default:
        return known_version_is_13_draft(version) ? 0x0304 : version;
    }
}

/* ---- cipher suites ---- */

struct suite_count {
    unsigned all13, main13;          /* of TLS 1.3 */
    unsigned n, weak, ecdsa, rsa_kx; /* of TLS 1.2 and older, and so on: */
    unsigned dhe, psk, cbc, rare, main;
};

static bool is_rare(const struct known_suite *k)
{
    if (k->mode == MODE_CCM || k->mode == MODE_CCM8 || k->kx == KX_OTHER ||
        k->kx == KX_DH || k->kx == KX_ECDH) {
        return true;
    }
    return k->rare_cipher || k->auth == AUTH_DSS;
}

static void count_old_suite(struct suite_count *c, const struct known_suite *k)
{
    c->n++;
    if (!k || is_rare(k)) {
        c->rare++;
        return;
    }
    bool aead = k->mode == MODE_GCM || k->mode == MODE_CHACHA;
    c->weak += k->weak || k->auth == AUTH_ANON;
    c->ecdsa += k->auth == AUTH_ECDSA;
    c->rsa_kx += k->kx == KX_RSA;
    c->dhe += k->kx == KX_DHE;
    c->psk += k->kx == KX_PSK || k->auth == AUTH_PSK;
    c->cbc += k->mode == MODE_CBC;
    c->main += aead && k->kx == KX_ECDHE &&
               (k->auth == AUTH_RSA || k->auth == AUTH_ECDSA);
}

static void count_suite(struct suite_count *c, uint16_t code)
{
    const struct known_suite *k = known_suite(code);
    if (k && k->tls13) {
        c->all13++;
        c->main13 += code >= 0x1301 && code <= 0x1303;
    } else {
        count_old_suite(c, k);
    }
}

static void judge_suites(const struct suite_count *c, struct offer_view *out)
{
    /* Before TLS 1.2 nothing but CBC and RC4 is left: no news beside that. */
    bool aead = !out->old;
    const struct {
        bool is;
        int odd;
        const char *why;
    } rows[] = {
        {c->weak == c->n, 80,
         "every suite offered is one that servers have switched off (export, "
         "RC4, DES, 3DES, NULL or anonymous)"},
        {c->psk == c->n, 75, "every suite offered needs a pre-shared key"},
        {c->weak + c->psk + c->rare == c->n, 70,
         "the client offers only suites that few servers know"},
        {c->dhe + c->weak == c->n, 65,
         "every suite offered uses finite-field Diffie-Hellman, which most "
         "servers no longer offer"},
        {c->ecdsa == c->n, 65,
         "every suite offered needs a server with an ECDSA certificate"},
        {c->n == 1, 60, "the client offers a single cipher suite"},
        {c->rsa_kx + c->weak == c->n, 58,
         "every suite offered uses static RSA key exchange, which many servers "
         "no longer offer"},
        {aead && c->cbc + c->weak + c->rare == c->n, 54,
         "every suite offered uses CBC mode, which many servers no longer "
         "offer"},
        {aead && c->main == 0, 45,
         "no ECDHE suite with an AEAD cipher is offered"},
        {c->n <= 2, 40, "the client offers very few cipher suites"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].is) {
            out->odd_suites = rows[i].odd;
            out->why_suites = rows[i].why;
            return;
        }
    }
}

static void look_at_suites(const struct client_offer *o, struct offer_view *out)
{
    struct suite_count c = {0};
    for (uint16_t i = 0; i < o->ciphers.n; i++) {
        uint16_t code = o->ciphers.v[i];
        if (known_is_grease(code) || code == SCSV_RENEGOTIATION ||
            code == SCSV_FALLBACK) {
            continue;
        }
        out->suites++;
        count_suite(&c, code);
    }
    bool common13 = out->tls13 && c.main13 > 0;
    if (out->suites == 0) {
        out->odd_suites = 90;
        out->why_suites = "the client offers no cipher suite";
    } else if (out->tls13 && c.all13 && !c.main13 &&
               (out->only_tls13 || !c.n)) {
        out->odd_suites = 75;
        out->why_suites = "the only TLS 1.3 suites offered are ones that "
                          "servers rarely enable";
    } else if (out->only_tls13 && !c.all13) {
        out->odd_suites = 90;
        out->why_suites = "TLS 1.3 is offered without any of its suites";
    } else if (common13 && out->suites == 1) {
        out->odd_suites = 30;
        out->why_suites = "the client offers a single cipher suite";
    } else if (!common13 && c.n) {
        judge_suites(&c, out);
    }
}

/* ---- groups ---- */

static bool is_common_group(uint16_t g)
{
    return g == 0x001d || g == 0x0017 || g == 0x0018;
}

static void look_at_groups(const struct client_offer *o, struct offer_view *out)
{
    unsigned n = 0, common = 0, p521 = 0, pq = 0, ffdhe = 0;
    for (uint16_t i = 0; i < o->groups.n; i++) {
        uint16_t g = o->groups.v[i];
        if (known_is_grease(g)) {
            continue;
        }
        n++;
        common += is_common_group(g);
        p521 += g == 0x0019;
        pq += known_group_is_pq(g);
        ffdhe += known_group_is_ffdhe(g);
    }
    for (uint16_t i = 0; i < o->key_shares.n; i++) {
        out->post_quantum =
            out->post_quantum || known_group_is_pq(o->key_shares.v[i]);
    }
    if (!o->groups.seen || n == 0) {
        return;
    }
    if (common == 0 && n == pq) {
        out->odd_groups = 72;
        out->why_groups = "only post-quantum hybrid groups are offered";
    } else if (common == 0 && p521) {
        out->odd_groups = 56;
        out->why_groups = "secp521r1 is the best known group offered";
    } else if (common == 0 && n == ffdhe) {
        out->odd_groups = 66;
        out->why_groups = "only finite-field groups are offered";
    } else if (common == 0) {
        out->odd_groups = 72;
        out->why_groups = "only groups that servers rarely enable are offered";
    } else if (n == 1) {
        out->odd_groups = 40;
        out->why_groups = "a single group is offered";
    }
    /* Without ECDHE, TLS 1.2 can go on with another key exchange. */
    if (!out->tls13 && out->odd_groups > 50 && out->suites > 6) {
        out->odd_groups -= 20;
    }
}

/* ---- signature schemes ---- */

struct scheme_count {
    unsigned n, rsa, pss, ecdsa, edwards, sha1;
};

static struct scheme_count count_schemes(const struct u16_list *l)
{
    struct scheme_count c = {0};
    for (uint16_t i = 0; i < l->n; i++) {
        uint16_t v = l->v[i];
        if (known_is_grease(v)) {
            continue;
        }
        c.n++;
        uint8_t hash = (uint8_t)(v >> 8), key = (uint8_t)v;
        if (hash == 8) {
            c.pss += (key >= 4 && key <= 6) || (key >= 9 && key <= 11);
            c.edwards += key == 7 || key == 8;
        } else {
            c.rsa += key == 1;
            c.ecdsa += key == 3;
        }
        c.sha1 += hash == 1 || hash == 2;
    }
    return c;
}

static void look_at_schemes(const struct client_offer *o,
                            struct offer_view *out)
{
    if (!o->signature_algorithms.seen) {
        return;
    }
    struct scheme_count c = count_schemes(&o->signature_algorithms);
    const struct {
        bool is;
        int odd;
        const char *why;
    } rows[] = {
        {c.n == 0, 80, "the list of signature schemes is empty"},
        {c.edwards == c.n, 75,
         "only Edwards-curve signatures are offered, which few servers have a "
         "certificate for"},
        {c.sha1 == c.n, 72, "only SHA-1 signatures are offered"},
        /* Above the suites' score for the same: OpenSSL leaves out the suites
         * that the schemes rule out. */
        {c.ecdsa + c.edwards == c.n, 67,
         "only ECDSA signatures are offered, so that a server with an RSA "
         "certificate cannot answer"},
        {out->only_tls13 && c.rsa == c.n, 70,
         "TLS 1.3 is offered with PKCS #1 signatures only, which it does not "
         "allow in the handshake"},
        {c.n == 1, 55, "a single signature scheme is offered"},
        {c.ecdsa + c.edwards == 0, 30,
         "no ECDSA signature is offered, so that a server with only an ECDSA "
         "certificate cannot answer"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].is) {
            out->odd_schemes = rows[i].odd;
            out->why_schemes = rows[i].why;
            return;
        }
    }
}

/* ---- ALPN ---- */

static void look_at_alpn(const struct client_offer *o, struct offer_view *out)
{
    static const char *const common[] = {"h2", "http/1.1", "http/1.0", "h3",
                                         "acme-tls/1"};
    if (!o->alpn.seen || o->alpn.n == 0) {
        return;
    }
    for (uint16_t i = 0; i < o->alpn.n; i++) {
        for (size_t k = 0; k < sizeof common / sizeof common[0]; k++) {
            if (span_eq(o->alpn.v[i], span_text(common[k]))) {
                out->odd_alpn = o->alpn.n == 1 ? 20 : 0;
                out->why_alpn = "a single application protocol is offered";
                return;
            }
        }
    }
    out->odd_alpn = 65;
    out->why_alpn = "no common application protocol is offered";
}

void offer_look(const struct client_offer *o, struct offer_view *out)
{
    *out = (struct offer_view){0};
    if (!o->seen) {
        return;
    }
    uint16_t max = version_rank(o->max_version);
    bool known = o->max_version != 0;
    out->tls13 = max == 0x0304;
    out->only_tls13 = out->tls13 && o->versions.seen &&
                      version_rank(o->min_version) == 0x0304;
    out->old = known && max < 0x0303;
    if (o->ciphers.seen) {
        look_at_suites(o, out);
    }
    look_at_groups(o, out);
    look_at_schemes(o, out);
    look_at_alpn(o, out);
}

/* ---- the same offer again ---- */

#define OFFERS 64u

struct offers {
    struct hash_seed seed;
    struct {
        uint64_t shape; /* 0: free */
        struct offer_view view;
    } v[OFFERS];
};

struct offers *offers_new(void)
{
    struct offers *m = calloc(1, sizeof *m);
    if (m) {
        m->seed = hash_seed_random();
    }
    return m;
}

void offers_free(struct offers *m)
{
    free(m);
}

uint64_t offers_look(struct offers *m, const struct client_offer *o,
                     struct offer_view *out)
{
    if (!m) {
        offer_look(o, out);
        return 0;
    }
    uint64_t shape = offer_shape(o, &m->seed) | 1;
    size_t at = (shape >> 1) % OFFERS;
    if (m->v[at].shape != shape) {
        m->v[at].shape = shape;
        offer_look(o, &m->v[at].view);
    }
    *out = m->v[at].view;
    return shape;
}
