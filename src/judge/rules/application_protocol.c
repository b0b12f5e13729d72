/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No application protocol in common (ALPN, RFC 7301 section 3.2; RFC 9001
 * section 8.1). Alert 120 says so; rustls and old Go send it encrypted after
 * their ServerHello.
 */
#include "judge/facts.h"
#include "judge/say.h"

static bool is_offered(const struct client_offer *o, struct span protocol)
{
    for (uint16_t i = 0; i < o->alpn.n; i++) {
        if (span_eq(o->alpn.v[i], protocol)) {
            return true;
        }
    }
    return false;
}

/* Apache answers with http/1.1 when it knows none of those offered; OpenSSL
 * clients say 50 to that, others 47 or 120. */
static void foreign_choice(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    const struct server_choice *c = &hs->choice;
    bool fits = f->alert == 47 || f->alert == 50 || f->alert == 110;
    if (!f->alert_by_client || !fits || !c->seen || c->alpn.n == 0 ||
        !hs->offer.alpn.seen || is_offered(&hs->offer, c->alpn)) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "no_shared_application_protocol", CONF_LIKELY, 82);
    hypothesis_reason(h,
                      "the server chose the application protocol %s, which "
                      "the client did not offer",
                      say_span(c->alpn).s);
    hypothesis_because(h, "the client offered %s, and the server chose %s",
                       say_alpn(&hs->offer.alpn).s, say_span(c->alpn).s);
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct client_offer *o = &f->hs->offer;
    foreign_choice(f, hy);
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
        } else if (o->seen && !o->partial) {
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
