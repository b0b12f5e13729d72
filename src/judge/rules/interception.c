/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS inspection proxy showed its own certificate and the client does not
 * trust it (RFC 8446 sections 4.4.2, 6.2 and 9.3). Whether it is one is decided
 * before, from many connections; this only asks whether the client's end fits.
 *
 * Where the certificates are hidden it is an alternative at most.
 */
#include "judge/facts.h"
#include "judge/say.h"

#define BECAUSE_SHOWN 5u

/* Alerts of clients that do not accept a chain: bad_certificate,
 * unsupported_certificate, certificate_expired, certificate_unknown,
 * unknown_ca, access_denied, and the general ones of some stacks. */
static bool is_refusal(uint16_t alert)
{
    return alert == 42 || alert == 43 || alert == 45 || alert == 46 ||
           alert == 48 || alert == 49 || alert == 50 || alert == 80;
}

/* The certificate has another fault that the client may have meant. */
static bool has_own_fault(const struct facts *f)
{
    unsigned dates = FAULT_EXPIRED | FAULT_NOT_YET_VALID | FAULT_NAME |
                     FAULT_USAGE | FAULT_WEAK | FAULT_MALFORMED;
    return f->alert != 48 && (f->faults & dates);
}

static enum confidence sureness(const struct facts *f, int *weight)
{
    bool alert = f->alert_by_client && is_refusal(f->alert);
    if (alert && !has_own_fault(f)) {
        *weight = 96;
        return CONF_CERTAIN;
    }
    *weight = has_own_fault(f) ? 60 : 90;
    return CONF_LIKELY;
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    bool alert =
        f->alert_by_client && f->after_certificate && is_refusal(f->alert);
    if (f->inspection == INSPECTION_NONE ||
        (f->objection == OBJECTION_NONE && !alert)) {
        return;
    }
    int weight = 38; /* below what leads */
    enum confidence c = CONF_POSSIBLE;
    if (f->inspection == INSPECTION_DETECTED && f->leaf) {
        c = sureness(f, &weight);
    }
    struct hypothesis *h =
        hypothesis_add(hy, "interception_untrusted", c, weight);
    hypothesis_keep(h);
    if (f->inspection_product) {
        hypothesis_reason(h,
                          "%s inspects TLS on the way to %s, and the client "
                          "does not trust its certificates",
                          f->inspection_product, say_server(f->hs).s);
    } else if (f->leaf) {
        hypothesis_reason(h,
                          "TLS is inspected on the way to %s: the certificate "
                          "is by \"%s\", and the client does not trust it",
                          say_server(f->hs).s, say_name(&f->leaf->issuer).s);
    }
    for (size_t i = 0; i < f->inspection_because->n && i < BECAUSE_SHOWN; i++) {
        hypothesis_because(h, "%s", f->inspection_because->v[i]);
    }
}

const struct rule interception_rule = {
    .name = "interception",
    .source = "RFC 8446 sections 4.4.2, 6.2, 9.3",
    .run = run,
};
