/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client says that the certificate was revoked (alert 44), or does not
 * like the stapled OCSP response (113; RFC 6066 section 8).
 */
#include "judge/facts.h"

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (!f->alert_by_client || !f->after_certificate) {
        return;
    }
    if (f->alert == 44) {
        struct hypothesis *h =
            hypothesis_add(hy, "server_certificate_revoked", CONF_CERTAIN, 90);
        hypothesis_because(h, "the client checked the certificate and found it "
                              "revoked");
    }
    if (f->alert == 113) {
        struct hypothesis *h =
            hypothesis_add(hy, "server_certificate_rejected", CONF_LIKELY, 75);
        hypothesis_reason(h, "the client rejected the OCSP response that the "
                             "server stapled to its certificate");
        hypothesis_because(h, "the alert is about the stapled OCSP response");
        hypothesis_add(hy, "server_certificate_revoked", CONF_POSSIBLE, 55);
    }
}

const struct rule certificate_revoked_rule = {
    .name = "certificate_revoked",
    .source = "RFC 8446 section 6.2; RFC 6066 section 8",
    .run = run,
};
