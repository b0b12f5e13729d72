/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What supplicants of 802.1X say in their own way. wpa_supplicant compares the
 * certificate with domain_suffix_match, altsubject_match and the like in
 * OpenSSL's verification callback and gives OpenSSL no reason: that makes the
 * alert internal_error out of it (src/crypto/tls_openssl.c, tls_verify_cb).
 */
#include "judge/facts.h"
#include "judge/say.h"

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (!hs_is_eap(f->hs) || !f->alert_by_client || f->alert != 80 ||
        f->phase != PHASE_CERTIFICATE || !f->leaf) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_rejected", CONF_LIKELY, 88);
    hypothesis_reason(h,
                      "the supplicant rejected the server's certificate (%s), "
                      "most likely because it is set to expect another name",
                      say_names(f->leaf).s);
    hypothesis_because(h, "wpa_supplicant says internal_error right after the "
                          "certificate when its own checks (names, hash) "
                          "fail");
    hypothesis_because(h, "the certificate is for %s, issued by %s",
                       say_names(f->leaf).s, say_name(&f->leaf->issuer).s);
    h = hypothesis_add(hy, "server_certificate_name_mismatch", CONF_POSSIBLE,
                       50);
    hypothesis_because(h, "names are what supplicants check on their own; "
                          "which one this one expects is not on the wire");
}

const struct rule eap_rule = {
    .name = "eap",
    .source = "wpa_supplicant src/crypto/tls_openssl.c",
    .run = run,
};
