/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an alert says by itself (RFC 8446 section 6.2), where no other rule
 * knows better: the peer broke the protocol, or failed inside.
 */
#include "judge/facts.h"
#include "judge/say.h"

static const struct {
    const char *cause;
    uint16_t alert;
    int weight;
} meanings[] = {
    {"unexpected_message", 10, 50}, {"bad_record_mac", 20, 55},
    {"bad_record_mac", 21, 50},     {"record_overflow", 22, 55},
    {"illegal_parameter", 47, 48},  {"access_denied", 49, 45},
    {"decode_error", 50, 50},       {"decrypt_error", 51, 50},
    {"internal_error", 80, 54},     {"user_canceled", 90, 70},
    {"internal_error", 117, 40},    {"illegal_parameter", 110, 40},
};

static void add_malformed(const struct facts *f, struct hypotheses *hy)
{
    const struct client_offer *o = &f->hs->offer;
    if (f->hello_refused && o->malformed && !f->hs->raw_cut[0] &&
        (f->alert == 50 || f->alert == 47 || f->alert == 40)) {
        struct hypothesis *h =
            hypothesis_add(hy, "decode_error", CONF_CERTAIN, 80);
        hypothesis_side(h, FIX_CLIENT);
        hypothesis_because(h, "the ClientHello is malformed at %s",
                           o->why ? o->why : "an unknown field");
    }
}

/* The server chose what was not offered (RFC 8446 section 4.1.3). */
static void add_foreign_suite(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    if (f->alert_by_client && f->alert == 47 && hs->choice.seen &&
        hs->offer.ciphers.seen && hs->choice.cipher != UNSEEN_U16 &&
        !list_has(&hs->offer.ciphers, hs->choice.cipher)) {
        struct hypothesis *h =
            hypothesis_add(hy, "illegal_parameter", CONF_CERTAIN, 80);
        hypothesis_side(h, FIX_SERVER);
        hypothesis_because(h,
                           "the server chose %s, which the client did not "
                           "offer",
                           say_suite(hs->choice.cipher).s);
    }
}

/*
 * Up to TLS 1.2 the suite says of which kind the server's key is: EdDSA goes
 * with ECDHE_ECDSA (RFC 8422 section 2.1), and a key for RSASSA-PSS with the
 * suites of RSA that sign (RFC 8446 section 4.2.3). Fixed Diffie-Hellman is
 * named after the issuer's key, anonymous suites have none.
 */
static bool is_wrong_key(enum cert_key key, const struct known_suite *suite)
{
    bool rsa = key == KEY_RSA || key == KEY_RSA_PSS;
    bool curve = key == KEY_EC || key == KEY_ED25519 || key == KEY_ED448;
    if (suite->kx == KX_ECDHE && suite->auth == AUTH_ECDSA) {
        return rsa || key == KEY_DSA;
    }
    bool of_rsa =
        suite->kx == KX_RSA || suite->kx == KX_DHE || suite->kx == KX_ECDHE;
    return of_rsa && suite->auth == AUTH_RSA && (curve || key == KEY_DSA);
}

/* Both in clear and whole: the suite, and the certificate behind it. */
static const struct known_suite *suite_of_leaf(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    const struct server_choice *c = &hs->choice;
    bool whole = c->seen && !c->malformed && !c->partial && f->leaf &&
                 !f->leaf->malformed && !hs->server_chain.malformed &&
                 !(f->end->blind & (BLIND_HOLES | BLIND_LIMIT));
    return whole && !f->server_tls13 && f->phase == PHASE_CERTIFICATE
               ? known_suite(c->cipher)
               : NULL;
}

static const char *key_words(enum cert_key key)
{
    return key == KEY_RSA       ? "RSA"
           : key == KEY_RSA_PSS ? "RSA-PSS"
           : key == KEY_EC      ? "EC"
           : key == KEY_DSA     ? "DSA"
                                : "EdDSA";
}

/* OpenSSL says 47, others what they say to keys that they cannot use. */
static void add_wrong_key(const struct facts *f, struct hypotheses *hy)
{
    bool fits = f->alert_by_client && (f->alert == 47 || f->alert == 43);
    const struct known_suite *suite = fits ? suite_of_leaf(f) : NULL;
    if (!suite || !is_wrong_key(f->leaf->key, suite)) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "illegal_parameter",
                       f->alert == 47 ? CONF_CERTAIN : CONF_LIKELY, 86);
    hypothesis_side(h, FIX_SERVER);
    hypothesis_reason(h, "the server chose a cipher suite that its "
                         "certificate does not fit");
    hypothesis_because(h,
                       "%s needs a certificate for %s, and the server's key "
                       "is of the kind %s",
                       say_suite(f->hs->choice.cipher).s,
                       suite->auth == AUTH_ECDSA ? "ECDSA or EdDSA" : "RSA",
                       key_words(f->leaf->key));
}

/* Mbed TLS 3 offers RSA-PSS and refuses it in TLS 1.2. */
static void add_pss(const struct facts *f, struct hypothesis *h)
{
    const struct key_exchange *ske = &f->hs->ske;
    if (f->alert_by_client && f->alert == 47 && ske->seen &&
        ske->signature >= 0x0804 && ske->signature <= 0x0806) {
        hypothesis_because(h,
                           "the server signed its TLS 1.2 key exchange with "
                           "%s, which Mbed TLS 3 clients offer but refuse",
                           say_scheme(ske->signature).s);
        if (list_has(&f->hs->offer.signature_algorithms, ske->signature)) {
            hypothesis_side(h, FIX_CLIENT); /* the server may take it */
        }
    }
}

/* An alert of the server after the ClientHello complains about the client,
 * unless it is the server's own failure. */
static void set_side(const struct facts *f, struct hypothesis *h)
{
    if (f->alert == 80) {
        hypothesis_side(h, f->alert_by_client ? FIX_CLIENT : FIX_SERVER);
    } else if (f->alert == 10 || f->alert == 47 || f->alert == 50) {
        hypothesis_side(h, f->alert_by_client ? FIX_SERVER : FIX_CLIENT);
    }
}

/* What the alert complains of may be among what the capture lacks, and then it
 * may be a complaint about anything: servers that speak no TLS are answered
 * with 10, 22 and 50 as well. */
static bool is_object_unseen(const struct facts *f)
{
    return (f->end->blind & BLIND_HOLES) != 0;
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    bool unseen = is_object_unseen(f);
    bool reaction = f->end->how == HOW_PLAINTEXT;
    if (!f->end->has_alert || f->alert == ALERT_NONE || reaction) {
        return;
    }
    add_malformed(f, hy);
    add_foreign_suite(f, hy);
    add_wrong_key(f, hy);
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].alert != f->alert) {
            continue;
        }
        struct hypothesis *h = hypothesis_add(
            hy, meanings[i].cause, unseen ? CONF_POSSIBLE : CONF_LIKELY,
            meanings[i].weight);
        const char *meaning = known_alert_meaning(f->alert);
        if (meaning) {
            hypothesis_because(h, "%s means: %s", say_alert(f->alert).s,
                               meaning);
        }
        if (unseen) {
            hypothesis_because(h, "what it complains of may be among the bytes "
                                  "that the capture lacks");
        }
        set_side(f, h);
        add_pss(f, h);
    }
}

const struct rule alert_meaning_rule = {
    .name = "alert_meaning",
    .source = "RFC 8446 section 6.2",
    .run = run,
};
