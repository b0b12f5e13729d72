/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSLRequest of MySQL and MariaDB (MySQL client/server protocol,
 * Protocol::SSLRequest): a short first packet of the client with CLIENT_SSL.
 * There is no answer: TLS follows at once. The server's greeting tells whether
 * it can. The X protocol (port 33060) is not known here.
 */
#include "dissectors/carrier_read.h"

enum { CLIENT_SSL = 0x0800, HEADER_BYTES = 4 };
enum { GREETED = 1, WITHOUT = 2 }; /* WITHOUT: logs in without TLS */
enum { ER_SECURE_TRANSPORT_REQUIRED = 3159 };
enum { SSL_REQUEST_BYTES = 32, SSL_REQUEST_OLD_BYTES = 5 };

static uint32_t length_of(struct cursor *c)
{
    uint32_t low = cursor_le16(c, "length");
    return low | (uint32_t)cursor_u8(c, "length") << 16;
}

/* Protocol::HandshakeV10, or an ERR packet in its place. */
static enum carrier_fit probe(const struct carrier_opening *o)
{
    struct cursor c = cursor_open(o->server);
    uint32_t length = length_of(&c);
    uint8_t number = cursor_u8(&c, "number");
    uint8_t kind = cursor_u8(&c, "protocol version");
    uint8_t digit = cursor_u8(&c, "server version");
    if (!cursor_ok(&c)) {
        return o->client.n == 0 ? FIT_MORE : FIT_NO;
    }
    bool fits = length >= 16 && length <= 1024 && number == 0 && kind == 0x0a &&
                digit >= '0' && digit <= '9';
    return fits ? FIT_YES : FIT_NO;
}

static void greeting(struct carrier *s, struct cursor *m)
{
    cursor_skip(m, 1, "protocol version");
    while (cursor_left(m) && cursor_u8(m, "server version") != 0) {
    }
    cursor_skip(m, 4 + 8 + 1, "thread id, salt, filler");
    uint16_t flags = cursor_le16(m, "capabilities");
    if (cursor_ok(m)) {
        s->flags = GREETED;
        s->offer = flags & CLIENT_SSL ? OFFER_TLS : OFFER_NONE;
    }
}

/* ERR: 0xff, code, then '#', five letters and a text. */
static uint16_t failure(struct carrier *s, struct cursor *m)
{
    cursor_skip(m, 1, "ERR");
    uint16_t code = cursor_le16(m, "error code");
    if (cursor_peek(m) == '#') {
        cursor_skip(m, 6, "SQL state");
    }
    struct span text = cursor_rest(m);
    carrier_note_text(s, "error %u: %.*s", code, (int)text.n,
                      text.n ? (const char *)text.p : "");
    return code;
}

/* How a log-in without TLS was answered. */
static enum carrier_step logged_in(struct carrier *s, struct cursor *m)
{
    s->demands =
        cursor_peek(m) == 0xff && failure(s, m) == ER_SECURE_TRANSPORT_REQUIRED;
    return s->demands ? CARRIER_GO_ON : CARRIER_NOT_TLS;
}

static enum carrier_step server(struct carrier *s, struct cursor *m)
{
    uint8_t kind = cursor_peek(m);
    if (!(s->flags & GREETED) && kind == 0x0a) {
        greeting(s, m);
        return CARRIER_GO_ON;
    }
    if (s->flags & WITHOUT) {
        return s->demands ? CARRIER_GO_ON : logged_in(s, m);
    }
    if (!s->asked || kind != 0xff) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    failure(s, m);
    return CARRIER_REFUSED;
}

static enum carrier_step client(struct carrier *s, uint32_t length,
                                struct cursor *m)
{
    bool short_one =
        length == SSL_REQUEST_BYTES || length == SSL_REQUEST_OLD_BYTES;
    uint16_t flags = cursor_le16(m, "capabilities");
    if (s->asked || (s->flags & WITHOUT)) {
        return CARRIER_GO_ON;
    }
    if (!short_one || !(flags & CLIENT_SSL)) {
        s->flags |= WITHOUT;
        s->moved_on = true;
        return CARRIER_GO_ON;
    }
    s->asked = true;
    return CARRIER_ASKED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[side];
    struct span kept;
    if (carrier_pass(s, side, c) || !carrier_fill(b, c, HEADER_BYTES, &kept)) {
        return CARRIER_GO_ON;
    }
    struct cursor m = cursor_open(kept);
    uint32_t length = length_of(&m);
    size_t whole = HEADER_BYTES + (size_t)length;
    size_t want = whole < CARRIER_BUFFER_BYTES ? whole : CARRIER_BUFFER_BYTES;
    if (!carrier_fill(b, c, want, &kept)) {
        return CARRIER_GO_ON;
    }
    b->complete = true;
    s->left[side] = (uint32_t)(whole - want);
    m = cursor_open(span_sub(kept, HEADER_BYTES, want));
    return side == SIDE_SERVER ? server(s, &m) : client(s, length, &m);
}

const struct dissector mysql_dissector = {
    .name = "mysql",
    .carrier = "starttls-mysql",
    .request = "TLS (MySQL SSLRequest)",
    .probe = probe,
    .feed = feed,
};
