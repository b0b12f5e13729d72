/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An extension that the peer must have was not sent (RFC 8446 section 9.2,
 * alert 109).
 */
#include "judge/facts.h"

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct client_offer *o = &f->hs->offer;
    if (f->alert != 109) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "missing_extension", CONF_CERTAIN, 85);
    if (!f->alert_by_server || !o->seen || o->partial || !f->offer.tls13) {
        return;
    }
    if (!o->groups.seen) {
        hypothesis_because(h, "the ClientHello has no supported_groups");
    }
    if (!o->signature_algorithms.seen) {
        hypothesis_because(h, "the ClientHello has no signature_algorithms");
    }
    if (!list_has(&o->extensions, 51)) {
        hypothesis_because(h, "the ClientHello has no key_share");
    }
    if (o->has_psk && o->psk_modes.n == 0) {
        hypothesis_because(h, "the ClientHello has pre_shared_key without "
                              "psk_key_exchange_modes");
    }
    if (!o->has_sni) {
        hypothesis_because(h, "the ClientHello has no server_name");
    }
}

const struct rule missing_extension_rule = {
    .name = "missing_extension",
    .source = "RFC 8446 section 9.2",
    .run = run,
};
