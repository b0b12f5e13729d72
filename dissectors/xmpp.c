/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STARTTLS of XMPP (RFC 6120 section 5), client and server streams. Reads tags,
 * not XML: a '>' within an attribute would end one early, which no stream has
 * before TLS.
 */
#include "dissectors/carrier_read.h"

#include <stdio.h>

static const char tls_namespace[] = "urn:ietf:params:xml:ns:xmpp-tls";

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const openings[] = {"<?xml", "<stream:stream", NULL};
    enum carrier_fit fit = carrier_prefixes(o->client, openings);
    if (fit != FIT_YES || carrier_begins(o->client, "<stream")) {
        return fit;
    }
    if (carrier_has(o->client, "<stream:stream")) {
        return FIT_YES;
    }
    return o->client.n < 256 ? FIT_MORE : FIT_NO;
}

/* Whether a tag begins with this, after blanks and line ends. */
static bool opens(struct span tag, const char *word)
{
    struct cursor c = cursor_open(tag);
    while (cursor_left(&c) && cursor_peek(&c) <= ' ') {
        cursor_skip(&c, 1, "blank");
    }
    return carrier_begins(cursor_rest(&c), word);
}

enum { ERROR_CAME = 1 };

/* What is wrong stands in the element within. */
static enum carrier_step stream_error(struct carrier *s, struct span tag)
{
    s->flags = 0;
    if (opens(tag, "</")) {
        return CARRIER_GO_ON;
    }
    char element[80];
    snprintf(element, sizeof element, " %.*s>", (int)tag.n,
             (const char *)tag.p);
    carrier_note_more(s, element);
    return CARRIER_REFUSED;
}

static enum carrier_step reply(struct carrier *s, struct span tag)
{
    if (s->flags & ERROR_CAME) {
        return stream_error(s, tag);
    }
    if (opens(tag, "<starttls")) {
        s->offer = OFFER_TLS;
    } else if (opens(tag, "</stream:features") && s->offer == OFFER_UNKNOWN) {
        s->offer = OFFER_NONE;
    }
    bool yes = opens(tag, "<proceed");
    bool no = (opens(tag, "<failure") && carrier_has(tag, tls_namespace)) ||
              opens(tag, "<stream:error");
    if (!s->asked || (!yes && !no)) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    carrier_note(s, tag);
    carrier_note_more(s, ">");
    s->flags = opens(tag, "<stream:error") ? ERROR_CAME : 0;
    return yes ? CARRIER_GRANTED : CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct span tag;
    if (!carrier_until(&s->buf[side], c, '>', &tag)) {
        return CARRIER_GO_ON;
    }
    if (side == SIDE_SERVER) {
        return reply(s, tag);
    }
    if (opens(tag, "<starttls")) {
        return carrier_ask(s);
    }
    if (opens(tag, "</stream:stream")) {
        s->leaving = true;
    } else if (!opens(tag, "<?xml") && !opens(tag, "<stream:stream")) {
        s->moved_on = true;
    }
    return CARRIER_GO_ON;
}

const struct dissector xmpp_dissector = {
    .name = "xmpp",
    .carrier = "starttls-xmpp",
    .request = "STARTTLS (XMPP)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
