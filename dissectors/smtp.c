/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STARTTLS of SMTP and submission (RFC 3207) and of LMTP (RFC 2033), with
 * pipelining (RFC 2920) and message texts (RFC 5321 section 4.1.1.4). BDAT is
 * not followed.
 */
#include "dissectors/carrier_read.h"

enum { IN_TEXT = 1, HELLO = 2 };

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const hellos[] = {"EHLO ", "HELO ", "LHLO ", NULL};
    enum carrier_fit greeting = carrier_prefix(o->server, "220");
    if (o->client.n == 0) {
        return greeting == FIT_NO ? FIT_NO : FIT_MORE;
    }
    enum carrier_fit hello = carrier_prefixes(o->client, hellos);
    enum carrier_fit starttls = carrier_prefix(o->client, "STARTTLS\r\n");
    if (hello == FIT_NO && starttls == FIT_YES) {
        return greeting;
    }
    return hello > starttls ? hello : starttls;
}

static enum carrier_step command(struct carrier *s, struct span line)
{
    if (s->flags & IN_TEXT) {
        if (!span_eq(line, span_text("."))) {
            return CARRIER_GO_ON;
        }
        s->flags &= (uint8_t)~IN_TEXT;
        s->owed++;
        return CARRIER_GO_ON;
    }
    if (carrier_command(line, "STARTTLS")) {
        return carrier_ask(s);
    }
    if (carrier_command(line, "EHLO") || carrier_command(line, "LHLO")) {
        s->flags = HELLO;
        s->offer = OFFER_UNKNOWN;
        s->name = carrier_command(line, "LHLO") ? "starttls-lmtp" : NULL;
    } else {
        static const char *const idle[] = {"QUIT", "HELO", "NOOP", "RSET",
                                           NULL};
        carrier_other(s, line, idle);
    }
    s->owed++;
    return CARRIER_GO_ON;
}

static enum carrier_step reply(struct carrier *s, struct span line)
{
    if (carrier_command(span_sub(line, 4, line.n), "STARTTLS")) {
        s->offer = OFFER_TLS;
    }
    unsigned code = carrier_reply(s, line);
    if (code == 250 && (s->flags & HELLO) && s->offer == OFFER_UNKNOWN) {
        s->offer = OFFER_NONE;
    }
    if (code == 354) {
        s->flags |= IN_TEXT;
    }
    if (code >= 400 && carrier_has(line, "STARTTLS")) {
        carrier_demand(s, line); /* RFC 3207 section 4 */
    } else if (code == 354) {
        s->demands = false; /* mail is let through without */
    }
    bool closing = code == 421 && s->asked;
    if (!code || (!carrier_answered(s) && !closing)) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    carrier_note(s, line);
    if (code == 220) {
        return CARRIER_GRANTED;
    }
    if (code < 400) { /* not an answer to STARTTLS: replies were missed */
        s->asked = true;
        return CARRIER_GO_ON;
    }
    return CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct span line;
    if (!carrier_line(&s->buf[side], c, &line)) {
        return CARRIER_GO_ON;
    }
    return side == SIDE_CLIENT ? command(s, line) : reply(s, line);
}

const struct dissector smtp_dissector = {
    .name = "smtp",
    .carrier = "starttls-smtp",
    .request = "STARTTLS (SMTP)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
