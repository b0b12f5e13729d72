/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol that was to lead to TLS said no: STARTTLS (RFC 3207 and
 * others), HTTP CONNECT (RFC 9110 section 9.3.6), SOCKS (RFC 1928 section 6).
 */
#include "judge/facts.h"
#include "judge/say.h"

static bool is_proxy(const char *carrier)
{
    struct span s = span_text(carrier);
    return span_starts(s, "http-connect") || span_starts(s, "socks") ||
           span_starts(s, "proxy");
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    if (!hs->carrier) {
        return;
    }
    bool proxy = is_proxy(hs->carrier);
    const char *cause = proxy ? "proxy_refused" : "starttls_refused";
    struct hypothesis *h = NULL;
    if (hs_find(hs, HS_CARRIER_REFUSED, SIDE_NONE)) {
        h = hypothesis_add(hy, cause, CONF_CERTAIN, 92);
    } else if (f->end->stage == STAGE_TUNNEL && f->end->by == BY_SERVER &&
               hs_find(hs, HS_CARRIER, SIDE_NONE) &&
               !hs_find(hs, HS_CARRIER_OK, SIDE_NONE)) {
        h = hypothesis_add(hy, cause, CONF_LIKELY, 70);
    } else {
        return;
    }
    if (hs->carrier_note.n) {
        hypothesis_reason(h, "the %s turned %s down: %s",
                          proxy ? "proxy" : "server", hs->carrier,
                          say_span(hs->carrier_note).s);
        hypothesis_because(h, "the %s answered \"%s\"",
                           proxy ? "proxy" : "server",
                           say_span(hs->carrier_note).s);
    }
}

const struct rule carrier_rule = {
    .name = "carrier",
    .source = "RFC 3207; RFC 9110 section 9.3.6; RFC 1928 section 6",
    .run = run,
};
