/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSLRequest of PostgreSQL (documentation, sections 55.2.11 and 55.7): answered
 * by one byte, S or N, or by an ErrorResponse. GSSENCRequest may come first.
 * Direct TLS (sslnegotiation=direct) is no carrier.
 */
#include "dissectors/carrier_read.h"

enum {
    CODE_CANCEL = 80877102,
    CODE_SSL = 80877103,
    CODE_GSS = 80877104,
    CODE_STARTUP = 0x00030000,
};

enum { AT_START, WAIT_SSL, WAIT_GSS, IN_ERROR, WITHOUT };
enum { ASKED = 1 };

static bool is_opening(uint32_t length, uint32_t code)
{
    if (code == CODE_SSL || code == CODE_GSS) {
        return length == 8;
    }
    return (code == CODE_CANCEL && length == 16) ||
           (code >> 16 == 3 && length > 8 && length <= 10000);
}

static enum carrier_fit probe(const struct carrier_opening *o)
{
    if (o->server.n && o->client.n == 0) {
        return FIT_NO;
    }
    struct cursor c = cursor_open(o->client);
    uint32_t length = cursor_u32(&c, "length");
    if (!cursor_ok(&c)) {
        c = cursor_open(o->client);
        return o->client.n == 0 || cursor_peek(&c) == 0 ? FIT_MORE : FIT_NO;
    }
    uint32_t code = cursor_u32(&c, "code");
    if (!cursor_ok(&c)) {
        return length >= 8 && length <= 10000 ? FIT_MORE : FIT_NO;
    }
    return is_opening(length, code) ? FIT_YES : FIT_NO;
}

static enum carrier_step request(struct carrier *s, struct cursor *c)
{
    struct span message;
    if (s->step == WITHOUT) {
        cursor_skip(c, cursor_left(c), "log-in");
        return CARRIER_GO_ON;
    }
    if (!carrier_fill(&s->buf[SIDE_CLIENT], c, 8, &message)) {
        return CARRIER_GO_ON;
    }
    s->buf[SIDE_CLIENT].complete = true;
    struct cursor m = cursor_open(message);
    uint32_t length = cursor_u32(&m, "length");
    uint32_t code = cursor_u32(&m, "code");
    if (length == 8 && code == CODE_SSL) {
        s->step = WAIT_SSL;
        s->asked = true;
        s->flags = ASKED;
        return CARRIER_ASKED;
    }
    if (length == 8 && code == CODE_GSS) {
        s->step = WAIT_GSS;
        return CARRIER_GO_ON;
    }
    if (code >> 16 == 3 && !(s->flags & ASKED)) {
        s->step = WITHOUT;
        s->moved_on = true;
        return CARRIER_GO_ON;
    }
    return CARRIER_NOT_TLS;
}

/* Perhaps hostssl in pg_hba.conf, as versions before and since 14 tell it; or
 * no line at all for this client, which they tell alike. */
static enum carrier_step turned_away(struct carrier *s)
{
    struct span said = span_text(s->note);
    s->demands =
        carrier_begins(said, "no pg_hba.conf entry") &&
        (carrier_has(said, "no encryption") || carrier_has(said, "SSL off"));
    return s->demands ? CARRIER_GO_ON : CARRIER_NOT_TLS;
}

/* ErrorResponse: E, length, then fields of a letter and a text; M is the
 * message. Version 2 of the protocol sent the text alone. */
static enum carrier_step error(struct carrier *s, struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[SIDE_SERVER];
    struct span message;
    if (!carrier_fill(b, c, 5, &message)) {
        return CARRIER_GO_ON;
    }
    struct cursor m = cursor_open(message);
    cursor_skip(&m, 1, "type");
    size_t length = cursor_u32(&m, "length");
    size_t whole =
        length < CARRIER_BUFFER_BYTES ? length + 1 : CARRIER_BUFFER_BYTES;
    if (!carrier_fill(b, c, whole, &message)) {
        return CARRIER_GO_ON;
    }
    b->complete = true;
    s->asked = false;
    carrier_note_text(s, "E");
    m = cursor_open(span_sub(message, 5, whole));
    while (cursor_left(&m)) {
        uint8_t field = cursor_u8(&m, "field");
        size_t at = 5 + cursor_offset(&m);
        while (cursor_left(&m) && cursor_u8(&m, "text") != 0) {
        }
        if (field == 'M') {
            carrier_note(s, span_sub(message, at, 5 + cursor_offset(&m) - at));
        }
    }
    return s->step == WITHOUT ? turned_away(s) : CARRIER_REFUSED;
}

static enum carrier_step answer(struct carrier *s, struct cursor *c)
{
    uint8_t byte = cursor_peek(c);
    if (s->step == IN_ERROR) {
        return error(s, c);
    }
    if (s->step == WITHOUT && s->demands) {
        cursor_skip(c, cursor_left(c), "the rest");
        return CARRIER_GO_ON;
    }
    if (s->step == WITHOUT) {
        bool begun = carrier_pending(&s->buf[SIDE_SERVER]);
        return begun || byte == 'E' ? error(s, c) : CARRIER_NOT_TLS;
    }
    if (s->step == WAIT_SSL && byte == 'E') {
        s->step = IN_ERROR;
        return error(s, c);
    }
    cursor_skip(c, 1, "answer");
    if (s->step == WAIT_GSS) {
        s->step = AT_START;
        return byte == 'G' ? CARRIER_NOT_TLS : CARRIER_GO_ON;
    }
    if (s->step != WAIT_SSL || (byte != 'S' && byte != 'N')) {
        return CARRIER_GO_ON;
    }
    s->step = AT_START;
    s->asked = false;
    carrier_note_text(s, "%c", byte);
    return byte == 'S' ? CARRIER_GRANTED : CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    return side == SIDE_CLIENT ? request(s, c) : answer(s, c);
}

const struct dissector postgresql_dissector = {
    .name = "postgresql",
    .carrier = "starttls-postgresql",
    .request = "TLS (PostgreSQL SSLRequest)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
