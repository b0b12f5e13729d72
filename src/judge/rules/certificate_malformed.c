/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's certificate cannot be parsed (RFC 5280 section 4.1; alerts 42
 * and 50 in RFC 8446 section 6.2).
 */
#include "judge/facts.h"

static const char *what(const struct facts *f)
{
    const struct cert_chain *chain = &f->hs->server_chain;
    const char *why = f->leaf && f->leaf->malformed ? f->leaf->why : chain->why;
    return why ? why : "its encoding";
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    bool cut = f->hs->raw_cut[HS_RAW_SERVER_CERTIFICATE];
    if (!(f->faults & FAULT_MALFORMED) || cut || f->end->by != BY_CLIENT) {
        return;
    }
    uint16_t a = f->alert;
    bool fits = f->alert_by_client && (a == 42 || a == 43 || a == 46 ||
                                       a == 47 || a == 50 || a == 80);
    struct hypothesis *h = hypothesis_add(hy, "server_certificate_malformed",
                                          fits && a == 50 ? CONF_CERTAIN
                                          : fits          ? CONF_LIKELY
                                                          : CONF_POSSIBLE,
                                          fits ? 66 : 45);
    hypothesis_because(h, "the certificate is malformed at %s", what(f));
}

const struct rule certificate_malformed_rule = {
    .name = "certificate_malformed",
    .source = "RFC 5280 section 4.1; RFC 8446 section 6.2",
    .run = run,
};
