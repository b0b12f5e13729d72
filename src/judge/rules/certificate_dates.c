/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's certificate is out of date, judged at the packets' time (RFC
 * 5280 section 4.1.2.5; alert 45 in RFC 8446 section 6.2).
 *
 * OpenSSL, NSS, rustls and wolfSSL name it (45), Go and GnuTLS say 42, Chrome
 * and Java 46 or 45, and others just close.
 */
#include "judge/facts.h"
#include "judge/say.h"

static bool is_generic(uint16_t alert)
{
    return alert == 42 || alert == 46 || alert == 49;
}

/* How sure a date fault is, by how the client objected. */
static enum confidence sureness(const struct facts *f, unsigned fault,
                                int *weight)
{
    unsigned others = f->faults & ~(fault | FAULT_CA_EXPIRED);
    if (f->objection == OBJECTION_NAMED && f->alert == 45) {
        *weight = 95;
        return CONF_CERTAIN;
    }
    *weight = f->alert == 48 ? 30 : 72;
    if (f->objection == OBJECTION_NAMED && is_generic(f->alert) && !others) {
        *weight = 85;
        return CONF_CERTAIN;
    }
    if (f->objection == OBJECTION_NAMED && !is_generic(f->alert)) {
        return CONF_POSSIBLE;
    }
    return CONF_LIKELY;
}

static void expired(const struct facts *f, struct hypotheses *hy)
{
    int weight;
    enum confidence c = sureness(f, FAULT_EXPIRED, &weight);
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_expired", c, weight);
    hypothesis_reason(h, "the server's certificate expired %s ago (on %s)",
                      say_days(f->leaf_days).s, say_date(f->leaf->not_after).s);
    hypothesis_because(h,
                       "the certificate for %s was valid until %s, and the "
                       "handshake took place on %s",
                       say_names(f->leaf).s, say_date(f->leaf->not_after).s,
                       say_date(f->when).s);
    hypothesis_keep(h);
}

static void not_yet_valid(const struct facts *f, struct hypotheses *hy)
{
    int weight;
    enum confidence c = sureness(f, FAULT_NOT_YET_VALID, &weight);
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_not_yet_valid", c, weight + 2);
    hypothesis_reason(h,
                      "the server's certificate becomes valid only in %s (on "
                      "%s)",
                      say_days(f->leaf_days).s,
                      say_date(f->leaf->not_before).s);
    hypothesis_because(h,
                       "the certificate for %s is valid from %s, and the "
                       "handshake took place on %s",
                       say_names(f->leaf).s, say_date(f->leaf->not_before).s,
                       say_date(f->when).s);
    hypothesis_keep(h);
}

/* A CA certificate in the chain has expired; the leaf has not. */
static void ca_expired(const struct facts *f, struct hypotheses *hy)
{
    bool named = f->objection == OBJECTION_NAMED;
    bool says_so = named && f->alert == 45;
    bool fits = named && (f->alert == 48 || is_generic(f->alert));
    enum confidence c = says_so || fits ? CONF_LIKELY : CONF_POSSIBLE;
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_expired", c, says_so ? 90 : 66);
    hypothesis_reason(h, "a CA certificate that the server sends has expired");
    for (uint16_t i = 1; i < f->hs->server_chain.n; i++) {
        const struct cert *ca = f->hs->server_chain.v[i];
        if (f->when > ca->not_after) {
            hypothesis_because(h, "the CA certificate %s expired on %s",
                               say_name(&ca->subject).s,
                               say_date(ca->not_after).s);
        }
    }
}

/* The client says "expired", and by the packets' time it is not. */
static void in_date(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_expired", CONF_LIKELY, 60);
    hypothesis_side(h, FIX_CLIENT);
    hypothesis_reason(h, "the client says that the certificate is out of date, "
                         "but it is not: the client's clock is probably wrong");
    hypothesis_because(h,
                       "the certificate is valid from %s to %s, and the "
                       "handshake took place on %s",
                       say_date(f->leaf->not_before).s,
                       say_date(f->leaf->not_after).s, say_date(f->when).s);
    if (f->client_stack == STACK_OPENSSL) {
        hypothesis_because(h, "OpenSSL says the same where the list of revoked "
                              "certificates (CRL) that it was given is out of "
                              "date");
    }
}

static void hidden(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_expired", CONF_LIKELY, 80);
    hypothesis_reason(h, "a certificate in the server's chain has expired");
    hypothesis_because(h,
                       "the alert means that a certificate in the chain is "
                       "out of date; %s",
                       f->server_tls13 ? "TLS 1.3 hides which"
                                       : "this capture lacks them");
    h = hypothesis_add(hy, "server_certificate_not_yet_valid", CONF_POSSIBLE,
                       40);
    hypothesis_because(h, "several clients use the same alert for a "
                          "certificate that is not valid yet");
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (f->objection == OBJECTION_NONE) {
        return;
    }
    if (f->faults & FAULT_EXPIRED) {
        expired(f, hy);
    }
    if (f->faults & FAULT_NOT_YET_VALID) {
        not_yet_valid(f, hy);
    }
    if (f->faults & (FAULT_EXPIRED | FAULT_NOT_YET_VALID)) {
        return;
    }
    if (f->faults & FAULT_CA_EXPIRED) {
        ca_expired(f, hy);
    } else if (f->alert == 45 && f->alert_by_client) {
        if (f->leaf) {
            in_date(f, hy);
        } else {
            hidden(f, hy);
        }
    }
}

const struct rule certificate_dates_rule = {
    .name = "certificate_dates",
    .source = "RFC 8446 section 6.2; RFC 5280 section 4.1.2.5",
    .run = run,
};
