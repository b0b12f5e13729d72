/* SPDX-License-Identifier: Apache-2.0 */
/* STLS of POP3 (RFC 2595 section 4). */
#include "dissectors/carrier_read.h"

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const certain[] = {"CAPA\r\n", "STLS\r\n", NULL};
    static const char *const usual[] = {"USER ", "AUTH", "APOP ", "QUIT\r\n",
                                        NULL};
    enum carrier_fit greeting = carrier_prefix(o->server, "+OK");
    if (o->client.n == 0) {
        return greeting == FIT_NO ? FIT_NO : FIT_MORE;
    }
    enum carrier_fit fit = carrier_prefixes(o->client, certain);
    if (fit == FIT_NO && carrier_prefixes(o->client, usual) != FIT_NO) {
        return greeting == FIT_YES ? carrier_prefixes(o->client, usual)
                                   : greeting;
    }
    return fit;
}

/* Lines within an answer begin otherwise; those of a mail may not, but STLS is
 * no command while mails are read. */
static enum carrier_step reply(struct carrier *s, struct span line)
{
    if (span_eq(line, span_text("STLS"))) {
        s->offer = OFFER_TLS;
    } else if (span_eq(line, span_text(".")) && s->offer == OFFER_UNKNOWN) {
        s->offer = OFFER_NONE; /* so ends the answer to CAPA */
    }
    bool yes = carrier_command(line, "+OK");
    bool no = carrier_command(line, "-ERR");
    bool about_tls =
        carrier_has_word(line, "SSL") || carrier_has_word(line, "TLS") ||
        carrier_has_word(line, "STLS") || carrier_has_word(line, "STARTTLS");
    if (no && about_tls) {
        carrier_demand(s, line); /* in its own words: there is no code */
    } else if (yes && !s->leaving) {
        s->demands = false;
    }
    if ((!yes && !no) || !carrier_answered(s)) {
        return CARRIER_GO_ON;
    }
    carrier_note(s, line);
    return yes ? CARRIER_GRANTED : CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    static const char *const idle[] = {"QUIT", "CAPA", "NOOP", NULL};
    return carrier_lines(s, side, c, "STLS", idle, reply);
}

const struct dissector pop3_dissector = {
    .name = "pop3",
    .carrier = "starttls-pop3",
    .request = "STLS (POP3)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
