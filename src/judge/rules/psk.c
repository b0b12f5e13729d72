/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server does not know the pre-shared key, or its binder is wrong (RFC
 * 8446 section 4.2.11; RFC 4279 section 2). 115 is optional: servers hide
 * behind 40, 47, 51 and 20.
 */
#include "judge/facts.h"
#include "judge/say.h"

static bool is_psk_suite(uint16_t code)
{
    const struct known_suite *k = known_suite(code);
    return k && (k->kx == KX_PSK || k->auth == AUTH_PSK);
}

static void refused_hello(const struct facts *f, struct hypotheses *hy)
{
    const struct client_offer *o = &f->hs->offer;
    bool binder = f->alert == 47 || f->alert == 51;
    /* Nothing to go on with but the key: no certificate could be used. */
    bool alone =
        !o->partial && (!o->signature_algorithms.seen || !o->groups.seen);
    if (!o->has_psk || (!binder && f->alert != 40)) {
        return;
    }
    /* A server that does not know a ticket goes on without it; a key agreed
     * outside is mostly all that the two have. */
    bool external = o->psk_external && f->alert == 40;
    bool likely = binder || alone || external;
    struct hypothesis *h =
        hypothesis_add(hy, "unknown_psk", likely ? CONF_LIKELY : CONF_POSSIBLE,
                       binder              ? 74
                       : alone || external ? 66
                                           : 58);
    hypothesis_because(h, "the ClientHello offers %u pre-shared key%s",
                       o->psk_identities, o->psk_identities == 1 ? "" : "s");
    if (external) {
        hypothesis_because(h, "its ticket age is 0: it is no ticket, but a key "
                              "agreed outside of TLS");
    }
    if (binder) {
        hypothesis_because(h, "servers answer with this alert when a binder "
                              "does not verify");
    }
}

/* Programs over GnuTLS close without an alert. A ticket of a server that adds
 * nothing to its age (RFC 8446 section 4.6.1 asks for a random value) shows 0,
 * too, while it is new. */
static void closed(const struct facts *f, struct hypotheses *hy)
{
    const struct conclusion *end = f->end;
    if (end->by != BY_SERVER || f->phase != PHASE_HELLO || !f->server_silent ||
        (end->how != HOW_CLOSE && end->how != HOW_RESET) ||
        !f->hs->offer.psk_external) {
        return;
    }
    struct hypothesis *h = hypothesis_add(hy, "unknown_psk", CONF_POSSIBLE, 52);
    hypothesis_because(h, "the ClientHello offers a key whose ticket age is 0, "
                          "as of one agreed outside of TLS");
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (f->alert == 115) {
        hypothesis_add(hy, "unknown_psk", CONF_CERTAIN, 90);
        return;
    }
    if (f->hello_refused) {
        refused_hello(f, hy);
        return;
    }
    closed(f, hy);
    bool old = f->hs->choice.seen && !f->server_tls13 &&
               is_psk_suite(f->hs->choice.cipher);
    bool fits =
        f->alert == 20 || f->alert == 40 || f->alert == 51 || f->alert == 80;
    if (old && f->end->has_alert && fits) {
        struct hypothesis *h =
            hypothesis_add(hy, "unknown_psk", CONF_LIKELY, 76);
        hypothesis_because(h,
                           "%s uses a pre-shared key, and the alert came "
                           "where a wrong one shows",
                           say_suite(f->hs->choice.cipher).s);
    }
}

const struct rule psk_rule = {
    .name = "psk",
    .source = "RFC 8446 section 4.2.11; RFC 4279 section 2",
    .run = run,
};
