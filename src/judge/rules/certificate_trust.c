/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client does not trust the server's chain: self-signed, an issuer it does
 * not know, or a missing intermediate (RFC 8446 sections 4.4.2 and 6.2, alert
 * 48; RFC 5280 section 6).
 *
 * Our own trust anchors stand in for the client's. Where they trust the chain
 * and the client does not, its store differs from ours.
 */
#include "judge/facts.h"
#include "judge/say.h"

static bool is_generic(uint16_t alert)
{
    return alert == 42 || alert == 46 || alert == 49;
}

/* What was sent is at fault whomever the client trusts. That a root is missing
 * here says little beside it: this machine's roots are not the client's. */
static bool has_fault_of_its_own(const struct facts *f)
{
    return f->trust.ca_expired || f->trust.violation || f->address_missing;
}

/* Stacks that have a code for the issuer (48, or Java's 46) mean something else
 * by 42: the dates, the name, the key; and all but Java by 46: the usage, the
 * strength. Go and GnuTLS say 42, Chrome 46 to everything. */
static bool says_issuer_otherwise(const struct facts *f)
{
    if (f->alert == 46) {
        return stack_names_issuer(f->client_stack) &&
               f->client_stack != STACK_JSSE;
    }
    return f->alert == 42 && (stack_names_issuer(f->client_stack) ||
                              f->client.successes_here > 0);
}

/*
 * How sure a fault of trust is. Private authorities are common and known to
 * their clients, so without the client's word (48) or a lone fault it is one
 * candidate among others; and a silent close says least.
 */
static enum confidence sureness(const struct facts *f, unsigned fault,
                                int *weight)
{
    bool others = (f->faults & ~(fault | FAULT_CA_EXPIRED)) != 0 ||
                  has_fault_of_its_own(f);
    switch (f->objection) {
    case OBJECTION_NAMED:
        if (f->alert == 48) {
            *weight = 85;
            /* OpenSSL says 48 to a path too long, too. */
            return f->trust.violation ? CONF_LIKELY : CONF_CERTAIN;
        }
        if (!is_generic(f->alert)) {
            *weight = 30;
            return CONF_POSSIBLE;
        }
        if (says_issuer_otherwise(f)) {
            *weight = 35;
            return CONF_POSSIBLE;
        }
        *weight = others ? 60 : f->client_stack == STACK_UNKNOWN ? 64 : 75;
        return CONF_LIKELY;
    case OBJECTION_HIDDEN:
        *weight = others ? 55 : 70;
        return CONF_LIKELY;
    default:
        *weight = 48;
        return CONF_POSSIBLE;
    }
}

static void self_signed(const struct facts *f, struct hypotheses *hy)
{
    int weight;
    enum confidence c = sureness(f, FAULT_SELF_SIGNED, &weight);
    unsigned others =
        f->faults & ~(unsigned)(FAULT_SELF_SIGNED | FAULT_CA_EXPIRED);
    if (f->objection == OBJECTION_SILENT && f->client.successes_here == 0) {
        c = CONF_LIKELY;
        weight = 58;
    }
    /* wolfSSL and NSS say 42 to self-signed certificates, whatever they say
     * to unknown issuers. */
    if (f->objection == OBJECTION_NAMED && f->alert == 42 && !others &&
        f->client_stack != STACK_OPENSSL) {
        c = CONF_LIKELY;
        weight = 70;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_self_signed", c, weight + 5);
    hypothesis_because(h,
                       "the certificate for %s is signed by itself and is none "
                       "of the trusted certificates",
                       say_names(f->leaf).s);
    hypothesis_keep(h);
}

/* The certificate whose issuer was not sent, or else the root that was. */
static const struct cert *end_of_chain(const struct facts *f)
{
    const struct cert_chain *chain = &f->hs->server_chain;
    return f->leaf_alone ? f->leaf : chain->v[chain->n - 1];
}

/* Which certificate is missing, of what was sent. */
static void say_gap(const struct facts *f, struct hypothesis *h)
{
    const struct cert_chain *chain = &f->hs->server_chain;
    const struct cert *end = end_of_chain(f);
    bool useless = f->leaf_alone && chain->n > 1;
    hypothesis_because(h,
                       "the server sent %u certificate%s; %s was issued by %s, "
                       "whose certificate was not sent and is not among the "
                       "trusted ones",
                       chain->n, chain->n == 1 ? "" : "s",
                       useless ? "its own" : "the last one",
                       say_name(&end->issuer).s);
    if (useless && memcmp(chain->v[1]->sha256, f->leaf->sha256, 32) == 0) {
        hypothesis_because(
            h, "the server sends its own certificate more than once");
    }
}

/* Whose view it is that the issuer is not trusted: the client's own words, or
 * the roots that we have. */
static void chain_ends(const struct facts *f, struct hypothesis *h)
{
    const struct cert *last = end_of_chain(f);
    if (f->alert == 48 && f->alert_by_client) {
        hypothesis_reason(h,
                          "the server's chain ends in %s, which the client "
                          "does not trust",
                          say_name(&last->issuer).s);
    } else {
        hypothesis_reason(h, "the server's chain ends in %s, which is %s",
                          say_name(&last->issuer).s, say_untrusted(f));
    }
}

/* The issuer was not sent and is not known: it may be a root that is not
 * trusted, or a missing intermediate. Without its certificate nobody can tell
 * for sure. */
static void missing_issuer(const struct facts *f, struct hypotheses *hy,
                           bool incomplete)
{
    int weight;
    unsigned fault = incomplete ? FAULT_INCOMPLETE : FAULT_UNKNOWN_ISSUER;
    enum confidence c = sureness(f, fault, &weight);
    if (c == CONF_CERTAIN && !(incomplete && f->trust.completable)) {
        c = CONF_LIKELY;
    }
    const char *first = incomplete ? "server_certificate_incomplete_chain"
                                   : "server_certificate_unknown_issuer";
    const char *other = incomplete ? "server_certificate_unknown_issuer"
                                   : "server_certificate_incomplete_chain";
    const struct cert *last = end_of_chain(f);
    struct hypothesis *h = hypothesis_add(hy, first, c, weight);
    if (incomplete) {
        hypothesis_reason(h,
                          "the server does not send the certificate of %s, "
                          "which issued its own",
                          say_name(&last->issuer).s);
    } else {
        chain_ends(f, h);
    }
    say_gap(f, h);
    if (f->trust.completable) {
        hypothesis_because(h, "with that certificate the chain would reach a "
                              "trusted root");
        return;
    }
    h = hypothesis_add(hy, other,
                       f->leaf_alone && c != CONF_POSSIBLE ? CONF_LIKELY
                                                           : CONF_POSSIBLE,
                       weight - 25);
    hypothesis_because(h, "the missing issuer, %s, may be %s",
                       say_name(&last->issuer).s,
                       incomplete ? "a root that the client does not trust"
                                  : "an intermediate");
}

static void unknown_root(const struct facts *f, struct hypotheses *hy)
{
    int weight;
    enum confidence c = sureness(f, FAULT_UNKNOWN_ISSUER, &weight);
    const struct cert_chain *chain = &f->hs->server_chain;
    const struct cert *last = chain->v[chain->n - 1];
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_unknown_issuer", c, weight);
    chain_ends(f, h);
    hypothesis_because(h,
                       "the chain ends in %s, which is none of the trusted "
                       "certificates",
                       say_name(&last->issuer).s);
}

/* The client says 48, and we would have trusted the chain, or did not look. */
static void client_store(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h = hypothesis_add(
        hy, "server_certificate_unknown_issuer", CONF_LIKELY, 70);
    if (f->trust.state == TRUST_OK) {
        hypothesis_side(h, FIX_CLIENT);
        hypothesis_reason(h,
                          "the client does not trust %s, although the chain is "
                          "in order: its list of trusted roots lacks it",
                          say_name(&f->leaf->issuer).s);
        hypothesis_because(h, "the chain is complete and leads to a root that "
                              "is trusted here");
        if (f->client_stack == STACK_OPENSSL) {
            hypothesis_because(h, "OpenSSL says the same where it is to check "
                                  "for revocation and has no list (CRL)");
        }
        if (f->trust.wrong_order) {
            hypothesis_because(h, "the server sends its certificates out of "
                                  "order, which some old clients cannot "
                                  "follow");
        }
        return;
    }
    hypothesis_because(h,
                       "the alert means that the client found no trusted "
                       "issuer; the certificate was issued by %s",
                       say_name(&f->leaf->issuer).s);
    if (f->leaf_alone) {
        h = hypothesis_add(hy, "server_certificate_incomplete_chain",
                           CONF_LIKELY, 60);
        hypothesis_because(h, "the server sent its own certificate alone, "
                              "without an intermediate");
    }
}

/* The chain cannot be verified for another reason than a missing issuer. */
static void broken(const struct facts *f, struct hypotheses *hy)
{
    bool named = f->objection == OBJECTION_NAMED;
    struct hypothesis *h;
    if (f->trust.state == TRUST_BAD_SIGNATURE) {
        h = hypothesis_add(hy, "server_certificate_unknown_issuer",
                           named ? CONF_LIKELY : CONF_POSSIBLE, 64);
        hypothesis_side(h, FIX_SERVER);
        hypothesis_reason(h, "a signature in the server's certificate chain "
                             "does not verify: the issuer sent is not the one "
                             "that signed");
    } else {
        h = hypothesis_add(hy, "server_certificate_rejected",
                           named ? CONF_LIKELY : CONF_POSSIBLE, 66);
        hypothesis_side(h, FIX_SERVER);
        if (f->trust.why[0]) {
            hypothesis_reason(h,
                              "the server's certificate chain is not valid: "
                              "%s",
                              f->trust.why);
        }
    }
    hypothesis_because(h, "checked here, the chain fails: %s",
                       f->trust.why[0] ? f->trust.why : "it does not verify");
}

/* No anchor was reached, and the certificates sent break a rule besides. */
static void broken_by_themselves(const struct facts *f, struct hypotheses *hy)
{
    bool named = f->objection == OBJECTION_NAMED;
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_rejected",
                       named ? CONF_LIKELY : CONF_POSSIBLE, 66);
    hypothesis_side(h, FIX_SERVER);
    hypothesis_reason(h, "the server's certificate chain is not valid: %s",
                      f->trust.violation);
    hypothesis_because(h,
                       "the certificates sent break a rule, whichever root "
                       "they lead to: %s",
                       f->trust.violation);
    hypothesis_keep(h);
}

static void hidden(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h = hypothesis_add(
        hy, "server_certificate_unknown_issuer", CONF_LIKELY, 80);
    hypothesis_because(h,
                       "the alert means that the client found no trusted "
                       "issuer; %s",
                       f->server_tls13 ? "TLS 1.3 hides the certificates"
                                       : "this capture lacks the certificates");
    /* A lone certificate lacks its intermediate or is self-signed. Public
     * authorities never issue from their roots (CA/Browser Forum Baseline
     * Requirements section 6.1.7): a public name makes the first more likely.
     */
    bool alone = f->hidden.alone;
    h = hypothesis_add(hy, "server_certificate_incomplete_chain", CONF_POSSIBLE,
                       alone && f->public_name ? 64 : 60);
    hypothesis_because(h, "a missing intermediate gives the same alert");
    if (alone) {
        hypothesis_because(h,
                           "the server's Certificate message has %u bytes, "
                           "which is room for one certificate: no intermediate "
                           "came with it",
                           f->hidden.bytes);
    }
    h = hypothesis_add(hy, "server_certificate_self_signed", CONF_POSSIBLE,
                       alone ? 62 : 55);
    hypothesis_because(h, "a self-signed certificate gives the same alert");
    if (alone) {
        hypothesis_because(h,
                           "the server's Certificate message has room for one "
                           "certificate, as a self-signed one comes");
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    bool says_ca = f->alert_by_client && f->alert == 48;
    if (f->objection == OBJECTION_NONE) {
        return;
    }
    if (!f->leaf) {
        if (says_ca) {
            hidden(f, hy);
        }
        return;
    }
    if (f->trust.violation && f->trust.state != TRUST_OTHER) {
        broken_by_themselves(f, hy);
    }
    if (f->faults & FAULT_SELF_SIGNED) {
        self_signed(f, hy);
    } else if (f->trust.state == TRUST_UNKNOWN_ISSUER) {
        unknown_root(f, hy);
    } else if (f->trust.state == TRUST_INCOMPLETE) {
        missing_issuer(f, hy, (f->faults & FAULT_INCOMPLETE) != 0);
    } else if (f->trust.state == TRUST_BAD_SIGNATURE ||
               f->trust.state == TRUST_OTHER) {
        broken(f, hy);
    } else if (says_ca) {
        client_store(f, hy);
    }
}

const struct rule certificate_trust_rule = {
    .name = "certificate_trust",
    .source = "RFC 8446 sections 4.4.2, 6.2; RFC 5280 section 6",
    .run = run,
};
