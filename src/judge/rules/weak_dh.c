/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's ephemeral Diffie-Hellman key is too small for the client (RFC
 * 9325 section 4.2; RFC 7919). OpenSSL says 40, GnuTLS and Java 71, NSS 47.
 */
#include "judge/facts.h"
#include "judge/say.h"

static bool is_complaint(uint16_t alert)
{
    return alert == 40 || alert == 47 || alert == 71;
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct key_exchange *ske = &f->hs->ske;
    if (!ske->seen || !ske->is_dh || ske->dh_bits == 0 ||
        f->end->by != BY_CLIENT || f->phase > PHASE_CERTIFICATE) {
        return;
    }
    bool named = f->alert_by_client && is_complaint(f->alert);
    bool silent = !f->end->has_alert;
    enum confidence c;
    if (ske->dh_bits < 1024) {
        c = named ? CONF_CERTAIN : CONF_LIKELY;
    } else if (ske->dh_bits < 2048) {
        c = named ? f->alert == 71 ? CONF_CERTAIN : CONF_LIKELY : CONF_POSSIBLE;
    } else {
        c = CONF_POSSIBLE;
    }
    if ((!named && !silent) || (ske->dh_bits >= 2048 && f->alert != 71)) {
        return;
    }
    /* Mbed TLS 3 says 47 to any signature of TLS 1.2 by RSASSA-PSS. */
    bool pss = f->alert == 47 && ske->signature >= 0x0804 &&
               ske->signature <= 0x0806 && ske->dh_bits >= 1024;
    c = pss ? CONF_POSSIBLE : c;
    struct hypothesis *h =
        hypothesis_add(hy, "weak_dh", c, ske->dh_bits < 2048 ? 84 : 50);
    hypothesis_reason(h,
                      "the server's Diffie-Hellman key of %u bits is too "
                      "small for the client",
                      ske->dh_bits);
    hypothesis_because(h, "the server chose %s and sent a prime of %u bits",
                       say_suite(f->hs->choice.cipher).s, ske->dh_bits);
}

const struct rule weak_dh_rule = {
    .name = "weak_dh",
    .source = "RFC 9325 section 4.2; RFC 7919",
    .run = run,
};
