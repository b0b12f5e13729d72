/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STARTTLS of IRC (IRCv3 tls extension): 670 grants it, 691 refuses it, and
 * servers without it answer 421 (unknown command) or 451 (not registered).
 */
#include "dissectors/carrier_read.h"

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const certain[] = {"CAP LS", "NICK ", NULL};
    static const char *const usual[] = {"USER ", "PASS ", "STARTTLS", NULL};
    static const char *const server[] = {":", "NOTICE ", "ERROR :", "PING ",
                                         NULL};
    enum carrier_fit there = carrier_prefixes(o->server, server);
    if (o->client.n == 0 || there == FIT_NO) {
        return there == FIT_NO ? FIT_NO : FIT_MORE;
    }
    enum carrier_fit fit = carrier_prefixes(o->client, certain);
    if (fit == FIT_NO && carrier_prefixes(o->client, usual) != FIT_NO) {
        return there == FIT_YES ? carrier_prefixes(o->client, usual) : there;
    }
    return fit;
}

/* The number of ":host 670 nick :text", or 0. */
static uint32_t numeric(struct span line)
{
    bool prefixed = carrier_begins(line, ":");
    uint32_t n = carrier_number(carrier_word(line, prefixed ? 1 : 0));
    return n >= 1 && n <= 999 ? n : 0;
}

static enum carrier_step reply(struct carrier *s, struct span line)
{
    uint32_t n = numeric(line);
    bool yes = n == 670;
    bool no = n == 691 || ((n == 421 || n == 451) &&
                           (n == 451 || carrier_has(line, "STARTTLS")));
    if (!s->asked || (!yes && !no)) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    carrier_note(s, line);
    return yes ? CARRIER_GRANTED : CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct span line;
    if (!carrier_line(&s->buf[side], c, &line)) {
        return CARRIER_GO_ON;
    }
    if (side == SIDE_SERVER) {
        return reply(s, line);
    }
    return carrier_command(line, "STARTTLS") ? carrier_ask(s) : CARRIER_GO_ON;
}

const struct dissector irc_dissector = {
    .name = "irc",
    .carrier = "starttls-irc",
    .request = "STARTTLS (IRC)",
    .probe = probe,
    .feed = feed,
};
