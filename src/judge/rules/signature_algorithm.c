/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No signature scheme in common, or the server has no certificate for those
 * offered (RFC 8446 section 4.2.3; RFC 5246 section 7.4.1.4.1). Servers say 40
 * to the ClientHello; rustls, Java and Mbed TLS only after their ServerHello,
 * encrypted.
 */
#include "judge/facts.h"
#include "judge/say.h"

static struct hypothesis *claim(const struct facts *f, struct hypotheses *hy,
                                enum confidence c, int weight)
{
    struct hypothesis *h =
        hypothesis_add(hy, "no_shared_signature_algorithm", c, weight);
    if (f->offer.why_schemes) {
        hypothesis_because(h, "%s", f->offer.why_schemes);
    }
    hypothesis_because(h, "schemes offered: %s",
                       say_schemes(&f->hs->offer.signature_algorithms).s);
    return h;
}

/* Encrypted, as one of the first records after the ServerHello; unread, or
 * decrypted and without a reason. */
static bool is_early_refusal(const struct facts *f)
{
    bool unsaid = f->alert == ALERT_NONE || f->alert == 40;
    return f->alert_by_server && unsaid && f->server_tls13 &&
           f->phase == PHASE_SERVER_HELLO;
}

/* The server signed with a scheme that the client did not offer. */
static bool is_foreign_signature(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    return f->alert_by_client && (f->alert == 40 || f->alert == 47) &&
           hs->ske.seen && hs->ske.signature != UNSEEN_U16 &&
           !version_is_13(hs->choice.version) &&
           version_rank(hs->choice.version) == 0x0303 &&
           !list_has(&hs->offer.signature_algorithms, hs->ske.signature);
}

/* Without the extension TLS 1.2 signs with SHA-1 (RFC 5246 section 7.4.1.4.1),
 * which many servers no longer do: they say 40 to the ClientHello; Java says 80
 * in place of its ServerKeyExchange. */
static void unsaid_schemes(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    const struct client_offer *o = &hs->offer;
    bool whole = o->seen && !o->malformed && !o->v2_format &&
                 !hs->raw_cut[HS_RAW_CLIENT_HELLO];
    bool at_signature = f->after_server_hello && !hs->ske.seen &&
                        f->phase <= PHASE_CERTIFICATE && !f->server_tls13;
    bool refused = f->refused_unsaid || (f->alert_by_server && f->alert == 80 &&
                                         (f->hello_refused || at_signature));
    if (!whole || !refused || version_rank(o->max_version) != 0x0303) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "no_shared_signature_algorithm", CONF_LIKELY, 66);
    hypothesis_side(h, FIX_CLIENT);
    hypothesis_because(h, "the client sent no signature_algorithms, which in "
                          "TLS 1.2 stands for SHA-1 alone; many servers no "
                          "longer sign with it (RFC 9155)");
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    int odd = f->offer.odd_schemes;
    bool silent = f->phase == PHASE_HELLO && f->end->by == BY_SERVER &&
                  (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET);
    if (!f->hs->offer.signature_algorithms.seen) {
        unsaid_schemes(f, hy);
        return;
    }
    if (f->refused_unsaid) {
        claim(f, hy, odd >= 50 ? CONF_LIKELY : CONF_POSSIBLE,
              odd >= 50 ? odd : 30 + odd / 2);
    } else if (is_early_refusal(f)) {
        claim(f, hy, odd >= 50 ? CONF_LIKELY : CONF_POSSIBLE,
              odd >= 50 ? odd : 44);
    } else if (is_foreign_signature(f)) {
        struct hypothesis *h = claim(f, hy, CONF_CERTAIN, 85);
        hypothesis_because(h, "the server signed with %s",
                           say_scheme(f->hs->ske.signature).s);
    } else if (f->alert_by_client && f->alert == 40 && f->server_tls13 &&
               odd >= 50) {
        struct hypothesis *h = claim(f, hy, CONF_POSSIBLE, 55);
        hypothesis_because(h, "the client stopped at the server's signature or "
                              "certificate");
    } else if (silent && odd >= 50) {
        bool sure = odd >= 67;
        claim(f, hy, sure ? CONF_LIKELY : CONF_POSSIBLE, sure ? 60 : 52);
    }
}

const struct rule signature_algorithm_rule = {
    .name = "signature_algorithm",
    .source = "RFC 8446 section 4.2.3; RFC 5246 section 7.4.1.4.1",
    .run = run,
};
