/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that parse and are all the same not to be accepted: a critical
 * extension that nobody knows (RFC 5280 section 4.2), NUL bytes in names (RFC
 * 5280 section 4.2.1.6 allows them in none), a negative serial number (section
 * 4.1.2.2), and a promise of OCSP stapling that is not kept (RFC 7633 section
 * 4.2.2).
 */
#include "judge/facts.h"
#include "judge/say.h"

/* Codes for "the certificate is bad", without a reason that is another. */
static bool is_open(const struct facts *f)
{
    uint16_t a = f->alert;
    return a == ALERT_NONE || a == 42 || a == 43 || a == 46 || a == 47 ||
           a == 50 || a == 80 || a == 113;
}

static struct hypothesis *claim(const struct facts *f, struct hypotheses *hy,
                                const char *cause)
{
    bool named = f->alert_by_client && f->alert != ALERT_NONE;
    return hypothesis_add(hy, cause, named ? CONF_LIKELY : CONF_POSSIBLE,
                          named ? 82 : 49);
}

static void critical_extension(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h = claim(f, hy, "server_certificate_rejected");
    hypothesis_side(h, FIX_SERVER);
    hypothesis_reason(h, "the server's certificate has a critical extension "
                         "that clients do not know and must not accept");
    hypothesis_because(
        h,
        "the certificate for %s has an unknown extension that is "
        "marked critical",
        say_names(f->leaf).s);
}

static void nul_in_name(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h = claim(f, hy, "server_certificate_malformed");
    hypothesis_reason(h, "a name in the server's certificate holds a NUL byte, "
                         "as forgers use it to cut a name short");
    hypothesis_because(h, "the certificate for %s holds a NUL byte in a name",
                       say_names(f->leaf).s);
}

static void negative_serial(const struct facts *f, struct hypotheses *hy)
{
    if (f->faults & ~(unsigned)(FAULT_UNKNOWN_ISSUER | FAULT_INCOMPLETE)) {
        return; /* few clients look at it */
    }
    struct hypothesis *h = claim(f, hy, "server_certificate_malformed");
    hypothesis_reason(h, "the serial number of the server's certificate is "
                         "negative, which Go since 1.23 and others refuse");
    hypothesis_because(h, "the certificate's serial number is negative");
}

/* TLS 1.3 has the staple inside the hidden Certificate message. */
static void missing_staple(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h = claim(f, hy, "server_certificate_rejected");
    hypothesis_side(h, FIX_SERVER);
    hypothesis_reason(h, "the server's certificate promises a stapled OCSP "
                         "response, and the server sent none");
    hypothesis_because(h, "the certificate has the TLS feature status_request "
                          "(must-staple), the client asked for the status, and "
                          "no CertificateStatus came");
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct cert *c = f->leaf;
    if (!c || (f->objection == OBJECTION_NONE && !f->alert_by_client) ||
        !f->after_certificate || !is_open(f) || f->late_refusal) {
        return;
    }
    if (c->unknown_critical) {
        critical_extension(f, hy);
    }
    if (c->name_has_nul) {
        nul_in_name(f, hy);
    }
    if (c->serial_negative) {
        negative_serial(f, hy);
    }
    if (c->must_staple && f->hs->offer.has_status_request &&
        !f->hs->ocsp_staple && !f->server_tls13) {
        missing_staple(f, hy);
    }
}

const struct rule certificate_oddities_rule = {
    .name = "certificate_oddities",
    .source = "RFC 5280 sections 4.1.2.2, 4.2, 4.2.1.6; RFC 7633 section 4.2.2",
    .run = run,
};
