/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key or a signature in the server's chain is too weak for the client: RSA
 * below 2048 bits, DSA, MD5 or SHA-1 (RFC 9155; RFC 8446 section 4.2.3).
 * OpenSSL says 42, rustls 51, Mbed TLS 43 or 46.
 */
#include "judge/facts.h"
#include "judge/say.h"

static void describe(const struct facts *f, struct hypothesis *h)
{
    for (uint16_t i = 0; i < f->hs->server_chain.n; i++) {
        const struct cert *c = f->hs->server_chain.v[i];
        bool rsa = c->key == KEY_RSA || c->key == KEY_RSA_PSS;
        if (rsa && c->key_bits && c->key_bits < 2048) {
            hypothesis_because(h,
                               "the certificate %s has an RSA key of %u bits",
                               say_name(&c->subject).s, c->key_bits);
        }
        if (c->key == KEY_DSA) {
            hypothesis_because(h, "the certificate %s has a DSA key",
                               say_name(&c->subject).s);
        }
        if (c->signature_weak && !c->self_signed) {
            hypothesis_because(h, "the certificate %s is signed with %s",
                               say_name(&c->subject).s,
                               say_span(c->signature_algorithm).s);
        }
    }
}

/* TLS 1.3 hides the certificate, but not the size of the signature that its key
 * made. */
static void hidden(const struct facts *f, struct hypotheses *hy)
{
    bool weak = f->hidden.key == KEY_RSA && f->hidden.key_bits < 2048;
    /* Codes that are about something else. */
    bool other = f->alert == 44 || f->alert == 45 || f->alert == 48;
    bool objected = f->objection != OBJECTION_NONE ||
                    (f->alert_by_client && f->alert == 51);
    if (!f->hidden.seen || !weak || !objected) {
        return;
    }
    bool silent = f->objection == OBJECTION_SILENT;
    struct hypothesis *h = hypothesis_add(
        hy, "server_certificate_weak",
        other || silent ? CONF_POSSIBLE : CONF_LIKELY, other ? 30 : 78);
    hypothesis_because(h,
                       "the server's signature has the size of one by an RSA "
                       "key of %u bits",
                       f->hidden.key_bits);
}

/* Java says 43 to what its own lists of algorithms and key sizes do not allow
 * (CertificateMessage.getCertificateAlert: ALGORITHM_CONSTRAINED), and 46 to a
 * wrong usage. */
static void constrained(const struct facts *f, struct hypotheses *hy)
{
    const unsigned seen = FAULT_WEAK | FAULT_USAGE;
    if (!f->alert_by_client || f->alert != 43 ||
        f->client_stack != STACK_JSSE || (f->faults & seen)) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_weak", CONF_LIKELY, 77);
    hypothesis_reason(h, "the client's rules do not allow a key or a signature "
                         "in the server's chain");
    hypothesis_because(h, "Java says this alert when jdk.certpath."
                          "disabledAlgorithms forbids an algorithm or a size");
    if (f->leaf && f->leaf->key_bits) {
        hypothesis_because(h, "the certificate for %s has a key of %u bits",
                           say_names(f->leaf).s, f->leaf->key_bits);
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    hidden(f, hy);
    constrained(f, hy);
    /* 51 and 47 are no certificate alerts by name, but rustls and others use
     * them for this. */
    bool oblique = f->alert_by_client && f->after_certificate &&
                   (f->alert == 51 || f->alert == 47 || f->alert == 71);
    if (!(f->faults & FAULT_WEAK) ||
        (f->objection == OBJECTION_NONE && !oblique)) {
        return;
    }
    unsigned others = f->faults & ~(unsigned)FAULT_WEAK;
    bool fits = oblique || f->alert == 42 || f->alert == 43 || f->alert == 46;
    enum confidence c =
        fits && f->alert != ALERT_NONE ? CONF_LIKELY : CONF_POSSIBLE;
    /* OpenSSL's 42 is about strength; Go, GnuTLS and Chrome use 42 and 46 for
     * everything. */
    int weight = !others || oblique ? 78 : f->alert == 42 ? 66 : 52;
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_weak", c, weight);
    describe(f, h);
}

const struct rule certificate_strength_rule = {
    .name = "certificate_strength",
    .source = "RFC 8446 section 4.2.3; RFC 9155",
    .run = run,
};
