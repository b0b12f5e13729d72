/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client insists on Encrypted ClientHello and the server did not take it
 * (RFC 9849 section 6.1.6, alert 121). The client mostly retries at once with
 * the keys that the server sent.
 */
#include "judge/facts.h"

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (f->alert == 121) {
        struct hypothesis *h =
            hypothesis_add(hy, "ech_required", CONF_CERTAIN, 90);
        if (f->hs->offer.has_ech) {
            hypothesis_because(h, "the client offered Encrypted ClientHello, "
                                  "and the server did not accept it");
        }
        return;
    }
    bool hidden = f->objection == OBJECTION_HIDDEN && f->server_tls13;
    if (hidden && f->hs->offer.has_ech) {
        /* GREASE ECH looks the same, so this stays a possibility. */
        struct hypothesis *h =
            hypothesis_add(hy, "ech_required", CONF_POSSIBLE, 40);
        hypothesis_because(h, "the ClientHello carries "
                              "encrypted_client_hello");
    }
}

const struct rule ech_rule = {
    .name = "ech",
    .source = "RFC 9849 section 6.1.6",
    .run = run,
};
