/* SPDX-License-Identifier: Apache-2.0 */
/* STARTTLS of NNTP (RFC 4642 section 2.2). */
#include "dissectors/carrier_read.h"

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const greetings[] = {"200", "201", NULL};
    static const char *const commands[] = {
        "CAPABILITIES", "MODE READER", "STARTTLS", "AUTHINFO ", "GROUP ",
        "LIST",         "HELP\r\n",    "DATE\r\n", "IHAVE ",    NULL};
    enum carrier_fit greeting = carrier_prefixes(o->server, greetings);
    if (o->client.n == 0) {
        return greeting == FIT_NO ? FIT_NO : FIT_MORE;
    }
    if (carrier_begins(o->client, "CAPABILITIES")) {
        return FIT_YES;
    }
    enum carrier_fit command = carrier_prefixes(o->client, commands);
    return command == FIT_YES ? greeting : command;
}

static enum carrier_step reply(struct carrier *s, struct span line)
{
    if (span_eq(line, span_text("STARTTLS"))) {
        s->offer = OFFER_TLS;
    } else if (span_eq(line, span_text(".")) && s->offer == OFFER_UNKNOWN) {
        s->offer = OFFER_NONE; /* so ends the answer to CAPABILITIES */
    }
    unsigned code = carrier_reply(s, line);
    if (code == 483) { /* RFC 3977 section 3.2.1 */
        carrier_demand(s, line);
    } else if (code >= 211 && code < 300) {
        s->demands = false;
    }
    if (!code || !carrier_answered(s)) {
        return CARRIER_GO_ON;
    }
    carrier_note(s, line);
    if (code == 382) {
        return CARRIER_GRANTED;
    }
    if (code < 400) { /* not an answer to STARTTLS: text that looks like one */
        s->asked = true;
        return CARRIER_GO_ON;
    }
    return CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    static const char *const idle[] = {"QUIT", "CAPABILITIES", "MODE", "DATE",
                                       NULL};
    return carrier_lines(s, side, c, "STARTTLS", idle, reply);
}

const struct dissector nntp_dissector = {
    .name = "nntp",
    .carrier = "starttls-nntp",
    .request = "STARTTLS (NNTP)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
