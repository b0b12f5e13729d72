/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client came back with a lower version, and the server or the client
 * noticed (TLS_FALLBACK_SCSV, RFC 7507; downgrade sentinel, RFC 8446 section
 * 4.1.3).
 */
#include "judge/facts.h"
#include "judge/say.h"

/* The server could do better than it was allowed to choose. */
static void sentinel(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    if (hs->offer.has_fallback_scsv) {
        struct hypothesis *h =
            hypothesis_add(hy, "inappropriate_fallback", CONF_CERTAIN, 85);
        hypothesis_because(h,
                           "the client marked its offer of %s as a retry "
                           "(TLS_FALLBACK_SCSV)",
                           say_version(hs->offer.max_version).s);
        hypothesis_because(h, "the server's random says that it supports a "
                              "higher version");
        return;
    }
    if (version_rank(hs->offer.max_version) <=
        version_rank(hs->choice.version)) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "connection_tampered", CONF_LIKELY, 80);
    hypothesis_reason(h, "somebody in between changed the ClientHello: the "
                         "server would have chosen a higher version");
    hypothesis_because(h,
                       "the client offered %s, the server chose %s and "
                       "marked its random with the downgrade sentinel",
                       say_version(hs->offer.max_version).s,
                       say_version(hs->choice.version).s);
    hypothesis_add(hy, "inappropriate_fallback", CONF_POSSIBLE, 45);
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    if (f->alert_by_server && f->alert == 86) {
        bool marked = hs->offer.has_fallback_scsv;
        struct hypothesis *h =
            hypothesis_add(hy, "inappropriate_fallback",
                           marked ? CONF_CERTAIN : CONF_LIKELY, 90);
        if (marked) {
            hypothesis_because(h,
                               "the client offered at most %s and marked it "
                               "as a retry (TLS_FALLBACK_SCSV)",
                               say_version(hs->offer.max_version).s);
        }
        return;
    }
    if (f->alert_by_client && f->alert == 47 && hs->choice.seen &&
        hs->choice.downgrade) {
        sentinel(f, hy);
    }
    /* s2n-tls and others close without a word for every refusal. */
    if (hs->offer.has_fallback_scsv && f->phase == PHASE_HELLO &&
        f->end->by == BY_SERVER && f->end->how == HOW_CLOSE) {
        struct hypothesis *h =
            hypothesis_add(hy, "inappropriate_fallback", CONF_POSSIBLE, 53);
        hypothesis_because(h, "the client marked its offer as a retry "
                              "(TLS_FALLBACK_SCSV)");
    }
}

const struct rule fallback_rule = {
    .name = "fallback",
    .source = "RFC 7507; RFC 8446 section 4.1.3",
    .run = run,
};
