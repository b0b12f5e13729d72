/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No signature scheme in common, or the server has no certificate for those
 * offered (RFC 8446 section 4.2.3; RFC 5246 section 7.4.1.4.1). Servers say 40
 * to the ClientHello; rustls, Java and Mbed TLS only after their ServerHello,
 * encrypted.
 */
#include "judge/facts.h"
#include "judge/say.h"

static struct hypothesis *claim(const struct facts *f, struct hypotheses *hy,
                                enum confidence c, int weight)
{
    struct hypothesis *h =
        hypothesis_add(hy, "no_shared_signature_algorithm", c, weight);
    if (f->offer.why_schemes) {
        hypothesis_because(h, "%s", f->offer.why_schemes);
    }
    hypothesis_because(h, "schemes offered: %s",
                       say_schemes(&f->hs->offer.signature_algorithms).s);
    return h;
}

/* Encrypted, as one of the first records after the ServerHello; unread, or
 * decrypted and without a reason. */
static bool is_early_refusal(const struct facts *f)
{
    bool unsaid = f->alert == ALERT_NONE || f->alert == 40;
    return f->alert_by_server && unsaid && f->server_tls13 &&
           f->phase == PHASE_SERVER_HELLO;
}

/* The server signed with a scheme that the client did not offer. */
static bool is_foreign_signature(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    return f->alert_by_client && (f->alert == 40 || f->alert == 47) &&
           hs->ske.seen && hs->ske.signature != UNSEEN_U16 &&
           !known_version_is_13(hs->choice.version) &&
           version_rank(hs->choice.version) == 0x0303 &&
           !list_has(&hs->offer.signature_algorithms, hs->ske.signature);
}

/* Without the extension TLS 1.2 signs with SHA-1 (RFC 5246 section 7.4.1.4.1),
 * which many servers no longer do: they say 40 to the ClientHello; Java says 80
 * in place of its ServerKeyExchange. */
static void unsaid_schemes(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    const struct client_offer *o = &hs->offer;
    bool whole = o->seen && !o->malformed && !o->v2_format &&
                 !hs->raw_cut[HS_RAW_CLIENT_HELLO];
    bool at_signature = f->after_server_hello && !hs->ske.seen &&
                        f->phase <= PHASE_CERTIFICATE && !f->server_tls13;
    bool refused = f->refused_unsaid || (f->alert_by_server && f->alert == 80 &&
                                         (f->hello_refused || at_signature));
    if (!whole || !refused || version_rank(o->max_version) != 0x0303) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "no_shared_signature_algorithm", CONF_LIKELY, 66);
    hypothesis_side(h, FIX_CLIENT);
    hypothesis_because(h, "the client sent no signature_algorithms, which in "
                          "TLS 1.2 stands for SHA-1 alone; many servers no "
                          "longer sign with it (RFC 9155)");
}

/* ---- keys that other connections showed ---- */

static const char *word_of(enum cert_key key)
{
    switch (key) {
    case KEY_RSA:
        return "rsa";
    case KEY_RSA_PSS:
        return "rsa_pss";
    case KEY_EC:
        return "ecdsa";
    case KEY_ED25519:
        return "ed25519";
    case KEY_ED448:
        return "ed448";
    default:
        return NULL;
    }
}

/* TLS 1.3 ties each ECDSA scheme to a curve, and knows neither SHA-1 nor PKCS
 * #1 outside of certificates (RFC 8446 section 4.2.3). */
static bool is_scheme_of_13(uint16_t scheme, uint16_t bits)
{
    switch (scheme) {
    case 0x0403:
        return bits == 0 || bits == 256;
    case 0x0503:
        return bits == 0 || bits == 384;
    case 0x0603:
        return bits == 0 || bits == 521;
    default:
        return scheme >> 8 == 8;
    }
}

/* Whether a server with this key can sign for this client; true where unsure.
 */
static bool can_sign(const struct facts *f, enum cert_key key, uint16_t bits)
{
    const struct u16_list *l = &f->hs->offer.signature_algorithms;
    bool tls13 = f->offer.only_tls13 ||
                 (f->offer.tls13 && f->server.max_version == 0x0304);
    const char *word = word_of(key);
    for (uint16_t i = 0; i < l->n && word; i++) {
        const char *needs = known_signature_key(l->v[i]);
        bool usable = !tls13 || is_scheme_of_13(l->v[i], bits);
        if (usable && needs && strcmp(needs, word) == 0) {
            return true;
        }
    }
    return !word;
}

enum shown { SHOWN_NONE, SHOWN_FITS, SHOWN_EXCLUDED };

/* By the suites that it chose in TLS 1.2 and older, for any name. */
static enum shown shown_by_suites(const struct facts *f, const char **what)
{
    enum shown s = SHOWN_NONE;
    for (uint16_t i = 0; i < f->server.ciphers_n; i++) {
        const struct known_suite *k = known_suite(f->server.ciphers[i]);
        bool ecdsa = k && k->auth == AUTH_ECDSA;
        if (!ecdsa && !(k && k->auth == AUTH_RSA)) {
            continue;
        }
        if (can_sign(f, ecdsa ? KEY_EC : KEY_RSA, 0)) {
            return SHOWN_FITS;
        }
        *what = ecdsa ? "ecdsa" : "rsa";
        s = SHOWN_EXCLUDED;
    }
    return s;
}

/* Whether a key that the server has signs with what is offered. Servers may
 * have several, and then show each client the one that fits. */
static enum shown shown_key(const struct facts *f, const char **what)
{
    const struct seen_leaf *l = &f->name.leaf;
    if (l->seen && word_of(l->key)) {
        *what = word_of(l->key);
        return can_sign(f, l->key, l->key_bits) ? SHOWN_FITS : SHOWN_EXCLUDED;
    }
    return shown_by_suites(f, what);
}

static bool has_suite_chosen_elsewhere(const struct facts *f)
{
    for (uint16_t i = 0; i < f->server.ciphers_n; i++) {
        if (list_has(&f->hs->offer.ciphers, f->server.ciphers[i])) {
            return true;
        }
    }
    return false;
}

static void excluded(const struct facts *f, struct hypotheses *hy,
                     const char *key, bool silent)
{
    /* Before TLS 1.3 the suites name the key, too: without one that the server
     * chose elsewhere, the suites are what is not shared. */
    bool apart = f->offer.tls13 || has_suite_chosen_elsewhere(f);
    int weight = !apart ? 73 : f->name.leaf.seen ? 86 : 80;
    struct hypothesis *h = claim(f, hy, CONF_LIKELY, silent ? 63 : weight);
    hypothesis_because(h,
                       "on another connection the server used an %s "
                       "certificate, which can sign with none of these",
                       strcmp(key, "ecdsa") == 0 ? "ECDSA"
                       : key[0] == 'e'           ? "EdDSA"
                                                 : "RSA");
}

/* All else in the offer is ordinary: its suites, groups and versions every
 * server can use, so what it lacks is a key for the schemes. */
static bool is_odd_alone(const struct facts *f)
{
    const struct offer_view *o = &f->offer;
    return o->tls13 && o->odd_schemes >= 30 && o->odd_suites < 30 &&
           o->odd_groups < 30;
}

static void by_offer(const struct facts *f, struct hypotheses *hy)
{
    int odd = f->offer.odd_schemes;
    if (odd >= 50) {
        claim(f, hy, CONF_LIKELY, odd);
        return;
    }
    int weight = is_odd_alone(f)     ? 50 + odd / 2
                 : f->refused_unsaid ? 30 + odd / 2
                                     : 44;
    claim(f, hy, CONF_POSSIBLE, weight);
}

/* The server turned the offer down without a reason, or left. */
static void turned_down(const struct facts *f, struct hypotheses *hy,
                        bool silent)
{
    const char *key = "";
    int odd = f->offer.odd_schemes;
    enum shown shown = shown_key(f, &key);
    if (shown == SHOWN_EXCLUDED) {
        excluded(f, hy, key, silent);
    } else if (shown == SHOWN_FITS) {
        if (!silent) {
            claim(f, hy, CONF_POSSIBLE, 30);
        }
    } else if (!silent) {
        by_offer(f, hy);
    } else if (odd >= 50) {
        bool sure = odd >= 67;
        claim(f, hy, sure ? CONF_LIKELY : CONF_POSSIBLE, sure ? 60 : 52);
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    int odd = f->offer.odd_schemes;
    bool silent = f->phase == PHASE_HELLO && f->end->by == BY_SERVER &&
                  (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET);
    if (!f->hs->offer.signature_algorithms.seen) {
        unsaid_schemes(f, hy);
        return;
    }
    if (f->refused_unsaid || is_early_refusal(f)) {
        turned_down(f, hy, false);
    } else if (is_foreign_signature(f)) {
        struct hypothesis *h = claim(f, hy, CONF_CERTAIN, 85);
        hypothesis_because(h, "the server signed with %s",
                           say_scheme(f->hs->ske.signature).s);
    } else if (f->alert_by_client && f->alert == 40 && f->server_tls13 &&
               odd >= 50) {
        struct hypothesis *h = claim(f, hy, CONF_POSSIBLE, 55);
        hypothesis_because(h, "the client stopped at the server's signature or "
                              "certificate");
    } else if (silent) {
        turned_down(f, hy, true);
    }
}

const struct rule signature_algorithm_rule = {
    .name = "signature_algorithm",
    .source = "RFC 8446 section 4.2.3; RFC 5246 section 7.4.1.4.1",
    .run = run,
};
