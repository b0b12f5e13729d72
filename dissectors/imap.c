/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STARTTLS of IMAP (RFC 9051 section 6.2.1, RFC 2595 section 3). Literals of
 * the client (RFC 9051 section 4.3) are passed over; those of the server are
 * read as lines, which no tag begins by accident before a login.
 */
#include "dissectors/carrier_read.h"

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const greetings[] = {"* OK", "* PREAUTH", "* BYE", NULL};
    if (o->server.n) {
        return carrier_prefixes(o->server, greetings);
    }
    if (o->client.n == 0) {
        return FIT_MORE;
    }
    /* The greeting was not captured: a tag and a telling command. */
    struct span tag = carrier_word(o->client, 0);
    struct span word = carrier_word(o->client, 1);
    static const char *const commands[] = {"STARTTLS\r\n", "CAPABILITY\r\n",
                                           NULL};
    if (tag.n > CARRIER_TAG_BYTES) {
        return FIT_NO;
    }
    return carrier_prefixes(word, commands);
}

static uint8_t last_of(struct span s)
{
    struct cursor c = cursor_open(span_sub(s, s.n ? s.n - 1 : 0, 1));
    return cursor_peek(&c);
}

/* "{12}" or "{12+}" at the end of a line: that many bytes follow. */
static uint32_t literal(struct span line)
{
    struct cursor c = cursor_open(line);
    size_t open = line.n;
    for (size_t i = 0; i < line.n; i++) {
        if (cursor_u8(&c, "text") == '{') {
            open = i + 1;
        }
    }
    struct span tail = span_sub(line, open, line.n);
    if (tail.n < 2 || last_of(tail) != '}') {
        return 0;
    }
    tail.n--;
    if (last_of(tail) == '+') {
        tail.n--;
    }
    uint32_t n = carrier_number(tail);
    return n == UINT32_MAX ? 0 : n;
}

static enum carrier_step command(struct carrier *s, struct span line)
{
    struct span tag = carrier_word(line, 0);
    struct span word = carrier_word(line, 1);
    s->left[SIDE_CLIENT] = literal(line);
    if (tag.n == 0 || tag.n > sizeof s->tag ||
        !carrier_command(word, "STARTTLS")) {
        static const char *const idle[] = {"LOGOUT", "CAPABILITY", "ID", "NOOP",
                                           NULL};
        carrier_other(s, word, idle);
        return CARRIER_GO_ON;
    }
    memcpy(s->tag, tag.p, tag.n);
    s->tag_n = (uint8_t)tag.n;
    return carrier_ask(s);
}

static enum carrier_step reply(struct carrier *s, struct span line)
{
    if (carrier_has(line, "CAPABILITY ")) {
        s->offer = carrier_has(line, " STARTTLS") ? OFFER_TLS : OFFER_NONE;
    }
    struct span tag = carrier_word(line, 0);
    struct span word = carrier_word(line, 1);
    if (carrier_has(line, "[PRIVACYREQUIRED]")) { /* RFC 5530 section 3 */
        carrier_demand(s, line);
    } else if (carrier_command(word, "OK") && !s->leaving &&
               !span_eq(tag, span_text("*"))) {
        s->demands = false;
    }
    bool bye = span_eq(tag, span_text("*")) && carrier_command(word, "BYE");
    bool ours = span_eq(tag, span_of(s->tag, s->tag_n));
    if (!s->asked || (!ours && !bye)) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    carrier_note(s, line);
    if (ours && carrier_command(word, "OK")) {
        return CARRIER_GRANTED;
    }
    return CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct span line;
    if (carrier_pass(s, side, c) || !carrier_line(&s->buf[side], c, &line)) {
        return CARRIER_GO_ON;
    }
    return side == SIDE_CLIENT ? command(s, line) : reply(s, line);
}

const struct dissector imap_dissector = {
    .name = "imap",
    .carrier = "starttls-imap",
    .request = "STARTTLS (IMAP)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
