/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client turned the server's certificate down and the wire does not show
 * why: an alert that says no more, an encrypted one, or pinning and policy
 * (RFC 8446 sections 4.4.2 and 6.2). Other rules lead where a fault is visible.
 */
#include "judge/facts.h"
#include "judge/say.h"

/* Whether these are faults depends on whose roots are asked. */
#define ISSUER_FAULTS ((unsigned)(FAULT_UNKNOWN_ISSUER | FAULT_INCOMPLETE))

/* OpenSSL, Java and others have codes of their own for issuer and expiry: by
 * 42 they mean what is left. Go and GnuTLS say 42 to everything, and so does
 * uTLS, a Go client in the clothes of a browser, whose own code would be 46. */
static bool is_what_is_left(const struct facts *f)
{
    return f->alert == 42 && stack_names_issuer(f->client_stack);
}

static void what_is_left(struct hypotheses *hy)
{
    struct hypothesis *h = hypothesis_add(
        hy, "server_certificate_not_yet_valid", CONF_POSSIBLE, 36);
    hypothesis_because(h, "this client says 42 when a certificate is not valid "
                          "yet by its clock");
    hypothesis_add(hy, "server_certificate_name_mismatch", CONF_POSSIBLE, 37);
    hypothesis_add(hy, "server_certificate_weak", CONF_POSSIBLE, 34);
}

/* Name, dates, key and usage are as they should be: what is left of 42 is a
 * clock that is behind. */
static void clock_behind(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_not_yet_valid", CONF_LIKELY, 63);
    hypothesis_side(h, FIX_CLIENT);
    hypothesis_reason(h, "nothing is wrong with the server's certificate: the "
                         "client's clock is probably behind");
    hypothesis_because(h,
                       "this client says 42 when a certificate is not valid "
                       "yet by its clock; this one is valid from %s to %s, and "
                       "its name fits",
                       say_date(f->leaf->not_before).s,
                       say_date(f->leaf->not_after).s);
    hypothesis_add(hy, "server_certificate_weak", CONF_POSSIBLE, 34);
}

/* Causes that the hidden certificate may have had. A certificate by itself is
 * mostly one that cannot be traced to a root; with its chain, any other fault
 * is more probable than that. */
static void possible_faults(const struct facts *f, struct hypotheses *hy)
{
    enum { ALONE, WITH_MORE, UNKNOWN };
    unsigned size = f->hidden.alone                           ? ALONE
                    : f->hidden.seen && !f->hidden.compressed ? WITH_MORE
                                                              : UNKNOWN;
    static const struct {
        const char *cause;
        int weight[3];
    } rows[] = {
        {"server_certificate_unknown_issuer", {38, 38, 38}},
        {"server_certificate_incomplete_chain", {37, 28, 32}},
        {"server_certificate_self_signed", {36, 25, 30}},
        {"server_certificate_name_mismatch", {33, 36, 36}},
        {"server_certificate_expired", {32, 35, 35}},
        {"server_certificate_not_yet_valid", {26, 33, 26}},
        {"server_certificate_wrong_usage", {20, 31, 24}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hypothesis *h = hypothesis_add(hy, rows[i].cause, CONF_POSSIBLE,
                                              rows[i].weight[size]);
        if (i == 0 && size == ALONE) {
            hypothesis_because(h, "by the sizes of its records, the server "
                                  "sent one certificate alone");
        }
    }
    if (size == ALONE && f->public_name) {
        hypothesis_add(hy, "server_certificate_incomplete_chain", CONF_POSSIBLE,
                       39);
    }
}

/* What each generic alert mostly means where the certificate is hidden. */
static void by_name(const struct facts *f, struct hypotheses *hy)
{
    bool named = f->alert == 48 || f->alert == 45;
    int weight = named ? 35 : f->faults ? 40 : 62;
    enum confidence c = f->alert == 44 ? CONF_POSSIBLE : CONF_LIKELY;
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_rejected", c, weight);
    hypothesis_because(h, "the alert is about the server's certificate");
    if (!f->leaf) {
        if (f->server_tls13) {
            hypothesis_side(h, FIX_SERVER); /* mostly, and quickly looked at */
        }
        hypothesis_because(h, "%s",
                           f->server_tls13 ? "TLS 1.3 hides the certificate "
                                             "from this capture"
                                           : "this capture lacks the "
                                             "certificate");
        if (is_what_is_left(f)) {
            what_is_left(hy);
        } else if (f->alert == 42 || f->alert == 46) {
            possible_faults(f, hy);
        }
        return;
    }
    const struct cert *l = f->leaf;
    bool odd = l->unknown_critical || l->name_has_nul || l->serial_negative ||
               (l->must_staple && !f->hs->ocsp_staple);
    bool broken = f->trust.state == TRUST_OTHER || f->trust.violation ||
                  f->trust.state == TRUST_BAD_SIGNATURE;
    /* Those are for certificate_oddities.c and certificate_trust.c to tell. */
    if (f->faults == 0 && !odd && !broken && !f->common_name_only) {
        hypothesis_side(h, FIX_CLIENT);
        hypothesis_because(h,
                           "nothing is visibly wrong with the certificate "
                           "for %s, issued by %s",
                           say_names(f->leaf).s, say_name(&f->leaf->issuer).s);
    }
    if (is_what_is_left(f)) {
        if (!(f->faults & ~ISSUER_FAULTS) && !odd && !broken &&
            f->name_checked && !f->common_name_only) {
            clock_behind(f, hy);
        } else {
            what_is_left(hy);
        }
    } else if (f->faults == 0 && f->alert != 48 && !broken) {
        hypothesis_add(hy, "server_certificate_unknown_issuer", CONF_POSSIBLE,
                       38);
    }
}

static void encrypted(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h = hypothesis_add(hy, "server_certificate_rejected",
                                          CONF_LIKELY, f->leaf ? 50 : 65);
    hypothesis_because(h, f->hs->flavour == FLAVOUR_QUIC
                              ? "the client said one thing under Handshake "
                                "keys and no more, and the server did not "
                                "repeat its flight: it was told of a failure"
                          : f->server_tls13
                              ? "the client sent a record of an alert's size "
                                "where its Finished was due"
                              : "the client sent an encrypted alert right "
                                "after the server's certificate");
    if (!f->leaf) {
        hypothesis_side(h, FIX_SERVER);
        possible_faults(f, hy);
    }
}

static void silent(const struct facts *f, struct hypotheses *hy)
{
    if (f->phase == PHASE_CLIENT && f->client_auth_asked) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_rejected", CONF_POSSIBLE, 46);
    hypothesis_because(h, "the client left right after the server's "
                          "certificate, as clients do that reject one without "
                          "an alert");
    if (!f->leaf) {
        possible_faults(f, hy);
    }
}

/* s2n-tls after an error: of the certificate, as long as nothing else is seen.
 * A fault of its own leads. */
static void blinding(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_rejected", CONF_LIKELY,
                       f->faults & ~ISSUER_FAULTS ? 46 : 64);
    hypothesis_because(h, "the client keeps still after the server's "
                          "certificate, as s2n-tls does for 10 to 30 seconds "
                          "after an error");
    if (!f->leaf) {
        hypothesis_side(h, FIX_SERVER);
        possible_faults(f, hy);
    }
}

/* Slow or gone, most likely (silence.c); where the certificate has a fault of
 * its own, or is hidden, there is another way to read it. */
static void perhaps(const struct facts *f, struct hypotheses *hy)
{
    if (f->leaf && !(f->faults & ~ISSUER_FAULTS)) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_rejected", CONF_POSSIBLE, 30);
    hypothesis_because(h, "the client said nothing more after the server's "
                          "certificate, as programs do that wait for their "
                          "user's consent to it");
}

/* The alert names nothing, but comes where a certificate is turned down. */
static void vague(const struct facts *f, struct hypotheses *hy)
{
    bool own = f->alert == 80;
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_rejected",
                       own ? CONF_LIKELY : CONF_POSSIBLE, own ? 57 : 38);
    hypothesis_because(h, "the client stopped right after the server's "
                          "certificate");
    if (own) {
        hypothesis_because(h, "OpenSSL says internal_error where a check of "
                              "the application's own fails, as of the name "
                              "(HAProxy's verifyhost)");
    }
    if (!f->leaf) {
        possible_faults(f, hy);
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (f->still != STILL_NOT) {
        (f->still == STILL_BLINDING ? blinding : perhaps)(f, hy);
        return;
    }
    switch (f->objection) {
    case OBJECTION_NAMED:
        by_name(f, hy);
        break;
    case OBJECTION_HIDDEN:
        encrypted(f, hy);
        break;
    case OBJECTION_SILENT:
        silent(f, hy);
        break;
    case OBJECTION_VAGUE:
        vague(f, hy);
        break;
    default:
        break;
    }
}

const struct rule certificate_rejected_rule = {
    .name = "certificate_rejected",
    .source = "RFC 8446 sections 4.4.2, 6.2",
    .run = run,
};
