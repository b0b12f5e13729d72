/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate is not meant for servers: extended key usage without
 * serverAuth, or a key usage that allows no handshake (RFC 5280 sections
 * 4.2.1.3 and 4.2.1.12; alert 43 in RFC 8446 section 6.2).
 */
#include "judge/facts.h"
#include "judge/say.h"

static void describe(const struct facts *f, struct hypothesis *h)
{
    const struct cert *c = f->leaf;
    if (c->has_eku && !c->eku_server_auth && !c->eku_any) {
        hypothesis_because(h,
                           "the certificate's extended key usage lacks "
                           "serverAuth%s",
                           c->eku_client_auth ? " (it allows clientAuth)" : "");
    } else {
        hypothesis_because(h, "the certificate's key usage allows neither "
                              "signatures nor key agreement");
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    bool says_so = f->alert_by_client && f->alert == 43;
    if (f->objection == OBJECTION_NONE) {
        return;
    }
    if (f->faults & FAULT_USAGE) {
        bool named = f->objection == OBJECTION_NAMED;
        bool alone = f->faults_n == 1;
        enum confidence c = says_so ? CONF_CERTAIN
                            : named && f->alert != 42 && f->alert != 46
                                ? CONF_POSSIBLE
                                : CONF_LIKELY;
        describe(f, hypothesis_add(hy, "server_certificate_wrong_usage", c,
                                   says_so ? 90
                                   : alone ? 80
                                           : 66));
        return;
    }
    if (says_so) {
        struct hypothesis *h = hypothesis_add(
            hy, "server_certificate_wrong_usage",
            f->leaf ? CONF_POSSIBLE : CONF_LIKELY, f->leaf ? 45 : 75);
        hypothesis_because(h, "clients send this alert mostly for a "
                              "certificate with the wrong purpose");
    }
}

const struct rule certificate_usage_rule = {
    .name = "certificate_usage",
    .source = "RFC 8446 section 6.2; RFC 5280 section 4.2.1.12",
    .run = run,
};
