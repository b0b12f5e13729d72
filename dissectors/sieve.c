/* SPDX-License-Identifier: Apache-2.0 */
/* STARTTLS of ManageSieve (RFC 5804 section 2.2). */
#include "dissectors/carrier_read.h"

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const greetings[] = {
        "\"IMPLEMENTATION\"", "\"SIEVE\"",   "\"SASL\"",
        "\"STARTTLS\"",       "\"VERSION\"", NULL};
    return carrier_prefixes(o->server, greetings);
}

/* The capabilities of the greeting end in an OK of their own. */
static enum carrier_step reply(struct carrier *s, struct span line)
{
    bool yes = carrier_command(line, "OK");
    bool bye = carrier_command(line, "BYE");
    bool no = carrier_command(line, "NO") || bye;
    if (carrier_begins(line, "\"STARTTLS\"")) {
        s->offer = OFFER_TLS;
    }
    if (!yes && !no) {
        return CARRIER_GO_ON;
    }
    if (yes && s->offer == OFFER_UNKNOWN) {
        s->offer = OFFER_NONE;
    }
    if (no && carrier_has(line, "ENCRYPT-NEEDED")) { /* section 1.3 */
        carrier_demand(s, line);
    } else if (yes && !s->leaving) {
        s->demands = false;
    }
    bool closing = bye && s->asked;
    if (!carrier_answered(s) && !closing) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    carrier_note(s, line);
    return yes ? CARRIER_GRANTED : CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    static const char *const idle[] = {"LOGOUT", "CAPABILITY", "NOOP", NULL};
    return carrier_lines(s, side, c, "STARTTLS", idle, reply);
}

const struct dissector sieve_dissector = {
    .name = "sieve",
    .carrier = "starttls-sieve",
    .request = "STARTTLS (ManageSieve)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
