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

static void run(const struct facts *f, struct hypotheses *hy)
{
    by_address(f, hy);
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
