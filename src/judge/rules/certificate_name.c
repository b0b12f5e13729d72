/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No name in the server's certificate fits the name that the client asked for
 * (RFC 9525; RFC 6066 section 3). Clients say 42 or 46, and those that compare
 * only after the handshake (curl, wget, Node.js, OkHttp) just close.
 */
#include "judge/facts.h"
#include "judge/say.h"

/* The client asked for no name, as for an address in the URL, and the
 * certificate does not hold that address (RFC 9110 section 4.3.5). */
static void by_address(const struct facts *f, struct hypotheses *hy)
{
    if (!f->address_missing || f->objection != OBJECTION_NAMED ||
        (f->alert != 42 && f->alert != 46)) {
        return;
    }
    const unsigned own =
        FAULT_CA_EXPIRED | FAULT_UNKNOWN_ISSUER | FAULT_INCOMPLETE;
    bool alone = (f->faults & ~own) == 0;
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_name_mismatch",
                       alone ? CONF_LIKELY : CONF_POSSIBLE, alone ? 64 : 44);
    hypothesis_reason(h,
                      "the server's certificate is for %s, not for the "
                      "address %s",
                      say_names(f->leaf).s, say_server(f->hs).s);
    hypothesis_because(h,
                       "the client sent no server name, as for an address in "
                       "the URL, and the certificate is for %s: it does not "
                       "hold %s",
                       say_names(f->leaf).s, say_server(f->hs).s);
    hypothesis_keep(h);
}

/* The name stands in the subject alone. Some stacks never look there; others
 * do unless the application forbids it, as Python's urllib3 2 does, which is
 * what makes OpenSSL say 42. */
static void by_common_name(const struct facts *f, struct hypotheses *hy)
{
    bool named = f->objection == OBJECTION_NAMED;
    bool generic = f->alert == 42 || f->alert == 46 || f->alert == 49;
    bool ignored = (f->faults & FAULT_NAME) != 0;
    bool forbidden = f->alert == 42 && f->client_stack == STACK_OPENSSL;
    if (f->objection == OBJECTION_NONE || (!ignored && !(named && generic))) {
        return;
    }
    bool likely = ignored ? generic || !named : forbidden;
    /* Go compares the name before it looks for the issuer, others after. */
    bool first =
        f->client_stack == STACK_GO || !(f->faults & FAULT_SELF_SIGNED);
    int weight = !likely ? 36 : ignored && named && first ? 80 : 64;
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_name_mismatch",
                       likely ? CONF_LIKELY : CONF_POSSIBLE, weight);
    hypothesis_reason(h,
                      "the server's certificate names %s only in its common "
                      "name, where clients do not look any more",
                      say_server(f->hs).s);
    hypothesis_because(h,
                       "the certificate has no subjectAltName; %s ignore%s the "
                       "common name (RFC 9525)",
                       ignored ? stack_name(f->client_stack) : "many clients",
                       ignored ? "s" : "");
    hypothesis_keep(h);
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    by_address(f, hy);
    if (f->common_name_only) {
        by_common_name(f, hy);
        return;
    }
    if (f->objection == OBJECTION_NONE || !(f->faults & FAULT_NAME)) {
        return;
    }
    bool named = f->objection == OBJECTION_NAMED;
    bool generic = f->alert == 42 || f->alert == 46 || f->alert == 49;
    unsigned others = f->faults & ~(unsigned)(FAULT_NAME | FAULT_CA_EXPIRED);
    enum confidence c = named && !generic ? CONF_POSSIBLE : CONF_LIKELY;
    int weight = c == CONF_POSSIBLE ? 35 : 70;
    if (named && generic) {
        weight = others ? 70 : 84;
        /* OpenSSL says 48 for the issuer, so its 42 is not about that. */
        weight += f->alert == 42 && f->client_stack == STACK_OPENSSL ? 8 : 0;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "server_certificate_name_mismatch", c, weight);
    hypothesis_reason(h, "the server's certificate is for %s, not for %s",
                      say_names(f->leaf).s, say_server(f->hs).s);
    hypothesis_because(h,
                       "the client asked for %s, and the certificate is for %s",
                       say_server(f->hs).s, say_names(f->leaf).s);
    if (f->late_refusal) {
        hypothesis_because(h, "the client finished the handshake and closed at "
                              "once, without sending any data");
    }
    hypothesis_keep(h);
}

const struct rule certificate_name_rule = {
    .name = "certificate_name",
    .source = "RFC 9525 section 6; RFC 6066 section 3",
    .run = run,
};
