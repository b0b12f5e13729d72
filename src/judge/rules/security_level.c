/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer asks for stronger parameters (alert 71, RFC 8446 section 6.2), or
 * the client's security level forbids what an old version has to use: OpenSSL
 * 3 says 80 to the SHA-1 signature in a TLS 1.0 or 1.1 ServerKeyExchange.
 */
#include "judge/facts.h"
#include "judge/say.h"

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    if (f->alert == 71) {
        hypothesis_add(hy, "insufficient_security", CONF_LIKELY,
                       f->refused_unsaid ? 49 : 70);
        return;
    }
    bool old = hs->choice.seen && version_rank(hs->choice.version) < 0x0303;
    bool key = hs->ske.seen || hs_find(hs, HS_SERVER_KEY_EXCHANGE, SIDE_SERVER);
    if (f->alert_by_client && f->alert == 80 && old && key &&
        f->phase <= PHASE_CERTIFICATE) {
        struct hypothesis *h =
            hypothesis_add(hy, "insufficient_security", CONF_LIKELY, 75);
        hypothesis_side(h, FIX_SERVER);
        hypothesis_reason(h,
                          "the server chose %s, whose SHA-1 signature the "
                          "client does not accept",
                          say_version(hs->choice.version).s);
        hypothesis_because(h,
                           "the client stopped at the %s ServerKeyExchange, "
                           "as OpenSSL 3 does at its default security level",
                           say_version(hs->choice.version).s);
        hypothesis_add(hy, "no_shared_version", CONF_POSSIBLE, 50);
    }
}

const struct rule security_level_rule = {
    .name = "security_level",
    .source = "RFC 8446 section 6.2; OpenSSL SSL_CTX_set_security_level(3)",
    .run = run,
};
