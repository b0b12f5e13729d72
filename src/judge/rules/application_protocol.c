/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No application protocol in common (ALPN, RFC 7301 section 3.2; RFC 9001
 * section 8.1). Alert 120 says so; rustls and old Go send it encrypted after
 * their ServerHello.
 */
#include "judge/facts.h"
#include "judge/say.h"

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct client_offer *o = &f->hs->offer;
    if (f->alert == 120) {
        struct hypothesis *h = hypothesis_add(
            hy, "no_shared_application_protocol", CONF_CERTAIN, 90);
        if (o->alpn.seen && o->alpn.n) {
            hypothesis_reason(h,
                              "the %s accepts none of the application "
                              "protocols: %s",
                              side_name(f->end->alert_side),
                              say_alpn(&o->alpn).s);
            hypothesis_because(h, "the client offered %s",
                               say_alpn(&o->alpn).s);
        } else {
            hypothesis_because(h, "the client offered no application "
                                  "protocol");
        }
        return;
    }
    bool early = f->alert_by_server && f->alert == ALERT_NONE &&
                 f->server_tls13 && f->phase == PHASE_SERVER_HELLO;
    if (early && o->alpn.seen) {
        int odd = f->offer.odd_alpn;
        struct hypothesis *h = hypothesis_add(
            hy, "no_shared_application_protocol",
            odd >= 50 ? CONF_LIKELY : CONF_POSSIBLE, odd >= 50 ? odd : 42);
        hypothesis_because(h, "the client offered %s", say_alpn(&o->alpn).s);
    }
}

const struct rule application_protocol_rule = {
    .name = "application_protocol",
    .source = "RFC 7301 section 3.2",
    .run = run,
};
