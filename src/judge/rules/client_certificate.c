/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server asked for a client certificate and turned the answer down (RFC
 * 8446 sections 4.3.2, 4.4.2.4; RFC 5246 section 7.4.6). In TLS 1.3 it does so
 * after the client's Finished, encrypted, so that record sizes decide.
 */
#include "judge/facts.h"
#include "judge/say.h"

static bool is_in_list(const struct facts *f, struct span name)
{
    const struct span_list *l = &f->hs->certificate_request.authorities;
    for (uint16_t i = 0; i < l->n; i++) {
        if (span_eq(l->v[i], name)) {
            return true;
        }
    }
    return false;
}

/* The server named the authorities it accepts, and none of them issued any
 * certificate that the client sent. */
static bool is_foreign(const struct facts *f)
{
    const struct cert_chain *chain = &f->hs->client_chain;
    if (f->hs->certificate_request.authorities.n == 0) {
        return false;
    }
    for (uint16_t i = 0; i < chain->n; i++) {
        if (is_in_list(f, chain->v[i]->issuer.der)) {
            return false;
        }
    }
    return true;
}

static void missing(const struct facts *f, struct hypotheses *hy)
{
    uint16_t a = f->alert;
    bool seen = f->hs->client_chain.seen;
    bool fits = a == 116 || a == 40 || a == 42 || a == 50 || a == 41 ||
                a == 49 || a == 46;
    /* node-forge says 47; the other codes are about certificates, and there is
     * none. */
    bool may = seen && (a == 43 || a == 44 || a == 45 || a == 47 || a == 48);
    enum confidence c = CONF_LIKELY;
    if (a == 116 || (seen && fits)) {
        c = CONF_CERTAIN;
    } else if (a != ALERT_NONE && !fits && !may) {
        c = CONF_POSSIBLE;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "client_certificate_missing", c, 85);
    hypothesis_because(h, seen ? "the server asked for a certificate, and the "
                                 "client answered with an empty list"
                               : "by the sizes of its records, the client "
                                 "answered the server's request with an empty "
                                 "certificate");
}

static void expired(const struct facts *f, struct hypotheses *hy, bool date)
{
    bool says_so = f->alert == 45;
    struct hypothesis *h = hypothesis_add(
        hy, "client_certificate_expired",
        says_so && date ? CONF_CERTAIN : CONF_LIKELY, says_so ? 85 : 75);
    if (date) {
        hypothesis_reason(h, "the client's certificate expired on %s",
                          say_date(f->client_leaf->not_after).s);
        hypothesis_because(h,
                           "the client's certificate %s was valid until %s, "
                           "and the handshake took place on %s",
                           say_name(&f->client_leaf->subject).s,
                           say_date(f->client_leaf->not_after).s,
                           say_date(f->when).s);
    } else {
        hypothesis_because(h, "the server says that the client's certificate "
                              "is out of date");
    }
}

/* The client sent its own certificate alone, and its issuer is not one that the
 * server names or that signs itself: an intermediate may be missing (RFC 8446
 * section 4.4.2: each certificate should certify the one before it). */
static bool is_intermediate_missing(const struct facts *f)
{
    const struct cert_chain *chain = &f->hs->client_chain;
    const struct cert *c = f->client_leaf;
    return c && chain->n == 1 && !chain->cut && !c->self_issued &&
           !is_in_list(f, c->issuer.der);
}

static void hint_at_intermediate(const struct facts *f, struct hypothesis *h)
{
    const struct cert *c = f->client_leaf;
    if (!is_intermediate_missing(f)) {
        return;
    }
    bool looks_so = c->has_aia && c->aia_issuer_url.n > 0;
    hypothesis_side(h, FIX_CLIENT);
    hypothesis_because(h,
                       "the client sent its own certificate alone: unless %s "
                       "is a root that the server trusts, the intermediate "
                       "between them is missing%s",
                       say_name(&c->issuer).s,
                       looks_so ? " (the certificate says where to fetch it)"
                                : "");
}

static void unknown_issuer(const struct facts *f, struct hypotheses *hy,
                           bool foreign)
{
    bool says_so = f->alert == 48;
    struct hypothesis *h =
        hypothesis_add(hy, "client_certificate_unknown_issuer",
                       says_so ? CONF_CERTAIN : CONF_LIKELY, says_so ? 85 : 68);
    if (f->client_leaf) {
        hypothesis_because(h, "the client's certificate was issued by %s",
                           say_name(&f->client_leaf->issuer).s);
    }
    if (foreign) {
        uint16_t n = f->hs->certificate_request.authorities.n;
        if (n == 1) {
            hypothesis_because(h, "that is not the authority that the server's "
                                  "request lists");
        } else {
            hypothesis_because(h,
                               "that is none of the %u authorities that the "
                               "server's request lists",
                               n);
        }
    }
    if (says_so) {
        hypothesis_because(h, "the server says that it does not know the "
                              "issuer");
    }
    hint_at_intermediate(f, h);
}

static void rejected(const struct facts *f, struct hypotheses *hy)
{
    bool named = f->alert != ALERT_NONE;
    struct hypothesis *h = hypothesis_add(hy, "client_certificate_rejected",
                                          CONF_LIKELY, named ? 55 : 60);
    const struct cert *c = f->client_leaf;
    if (c && c->has_eku && !c->eku_client_auth && !c->eku_any) {
        hypothesis_reason(h, "the client's certificate is not one for clients: "
                             "its extended key usage lacks clientAuth");
        hypothesis_because(h, "the extended key usage of the client's "
                              "certificate lacks clientAuth");
    } else if (c) {
        if (f->alert == 44) {
            hypothesis_reason(h, "the server says that the client's "
                                 "certificate is revoked");
        }
        hypothesis_because(h,
                           "the client sent the certificate %s, issued by "
                           "%s",
                           say_name(&c->subject).s, say_name(&c->issuer).s);
        if (f->alert == ALERT_NONE || f->alert == 40 || f->alert == 42 ||
            f->alert == 46 || f->alert == 49) {
            hint_at_intermediate(
                f, hypothesis_add(hy, "client_certificate_unknown_issuer",
                                  CONF_POSSIBLE, 45));
        }
    } else {
        hypothesis_because(h, "by the sizes of its records, the client sent a "
                              "certificate, and the server ended the "
                              "connection right after it");
        hypothesis_add(hy, "client_certificate_unknown_issuer", CONF_POSSIBLE,
                       45);
        hypothesis_add(hy, "client_certificate_expired", CONF_POSSIBLE, 42);
    }
}

static bool is_certificate_alert(uint16_t a)
{
    return a == ALERT_NONE || a == 0 || a == 40 || (a >= 42 && a <= 46) ||
           a == 48 || a == 49 || a == 80;
}

static void sent(const struct facts *f, struct hypotheses *hy)
{
    const struct cert *c = f->client_leaf;
    if (!is_certificate_alert(f->alert)) {
        return;
    }
    bool generic = f->alert != 48 && f->alert != 43 && f->alert != 44;
    bool date = c && c->not_after != INT64_MAX && f->when > c->not_after;
    bool foreign = c && is_foreign(f);
    if (f->alert == 45 || (date && generic)) {
        expired(f, hy, date);
    }
    bool self = c && c->self_signed;
    if (f->alert == 48 || ((foreign || self) && generic)) {
        unknown_issuer(f, hy, foreign);
    }
    rejected(f, hy);
}

/*
 * The client went on to its key exchange without a Certificate, although it has
 * to answer a request, with an empty one if need be (RFC 5246 section 7.4.6).
 * In SSL 3.0 a warning takes its place (RFC 6101 section 5.6.6).
 */
static bool is_request_skipped(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    return f->alert_by_server && f->client_auth_asked && !f->server_tls13 &&
           version_rank(hs->version) > 0x0300 &&
           hs_find(hs, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT) &&
           !hs_find(hs, HS_CERTIFICATE, SIDE_CLIENT) &&
           !hs->client_chain.seen &&
           !(f->end->blind & (BLIND_HOLES | BLIND_LIMIT));
}

/* Servers miss the message, whether they need a certificate or not. */
static void skipped(const struct facts *f, struct hypotheses *hy)
{
    bool missed = f->alert == 10;
    if (!missed && f->alert != 40 && f->alert != 41 && f->alert != 42) {
        return;
    }
    struct hypothesis *h = hypothesis_add(
        hy, missed ? "unexpected_message" : "client_certificate_missing",
        missed ? CONF_CERTAIN : CONF_LIKELY, 86);
    hypothesis_side(h, FIX_CLIENT);
    hypothesis_reason(h, "the server asked for a client certificate, and the "
                         "client passed over the request");
    hypothesis_because(h, "after the CertificateRequest the client sent its "
                          "ClientKeyExchange without a Certificate, which has "
                          "to come first, if empty (RFC 5246 section 7.4.6)");
    if (missed) {
        hypothesis_keep(hypothesis_add(hy, "client_certificate_missing",
                                       CONF_POSSIBLE, 50));
    }
}

/* The request or the answer is among what the capture lacks; a server that
 * complains of a certificate can mean no other than the client's. */
static bool is_word_of_server(const struct facts *f)
{
    return f->alert_by_server &&
           (f->end->blind & (BLIND_HOLES | BLIND_LIMIT)) &&
           ((f->alert >= 42 && f->alert <= 46) || f->alert == 48);
}

static void claim_by_word(struct hypotheses *hy, const char *cause, int weight)
{
    struct hypothesis *h = hypothesis_add(hy, cause, CONF_LIKELY, weight);
    hypothesis_because(h, "the alert is about a certificate, and that of a "
                          "server can mean the client's alone");
}

static void by_word(const struct facts *f, struct hypotheses *hy)
{
    const struct cert *c = f->client_leaf;
    if (c && c->not_after != INT64_MAX && f->when > c->not_after) {
        expired(f, hy, true);
    } else if (f->alert == 45) {
        claim_by_word(hy, "client_certificate_expired", 70);
    }
    if (f->alert == 48) {
        claim_by_word(hy, "client_certificate_unknown_issuer", 70);
    }
    claim_by_word(hy, "client_certificate_rejected", 50);
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (f->alert == 116) {
        struct hypothesis *h =
            hypothesis_add(hy, "client_certificate_missing", CONF_CERTAIN, 90);
        hypothesis_because(h, "the alert says that the server requires a "
                              "client certificate");
        return;
    }
    if (f->alert == 41 && f->alert_by_client) {
        hypothesis_add(hy, "client_certificate_missing", CONF_LIKELY, 70);
        return;
    }
    if (is_request_skipped(f)) {
        skipped(f, hy);
        return;
    }
    if (!f->client_auth_answered) {
        if (is_word_of_server(f)) {
            by_word(f, hy);
        }
        return;
    }
    if (f->client_auth_empty) {
        missing(f, hy);
    } else {
        sent(f, hy);
    }
}

const struct rule client_certificate_rule = {
    .name = "client_certificate",
    .source = "RFC 8446 sections 4.3.2, 4.4.2.4; RFC 5246 section 7.4.6",
    .run = run,
};
