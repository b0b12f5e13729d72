/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server lacks secure renegotiation and the client insists on it (RFC 5746
 * sections 3.4 and 4.1). OpenSSL 3 and what is built on it stops with alert 40
 * at such a ServerHello; no other stack does.
 */
#include "judge/facts.h"
#include "judge/say.h"

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    bool asked = hs->offer.has_renegotiation_info || hs->offer.has_scsv;
    if (!f->alert_by_client || f->alert != 40 || !hs->choice.seen ||
        f->server_tls13 || !asked || hs->choice.partial ||
        hs->choice.has_renegotiation_info || f->phase > PHASE_CERTIFICATE) {
        return;
    }
    bool other = hs->ske.seen && hs->ske.is_dh && hs->ske.dh_bits < 2048;
    struct hypothesis *h = hypothesis_add(
        hy, "unsafe_renegotiation", other ? CONF_LIKELY : CONF_CERTAIN, 82);
    hypothesis_because(h,
                       "the client offered secure renegotiation, and the "
                       "%s ServerHello lacks renegotiation_info",
                       say_version(hs->choice.version).s);
}

const struct rule renegotiation_rule = {
    .name = "renegotiation",
    .source = "RFC 5746 sections 3.4, 4.1",
    .run = run,
};
