/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS within TDS, the protocol of SQL Server ([MS-TDS] 2.2.6.5, 3.2.5.2): the
 * PRELOGIN packets of both sides agree on encryption, then the records of the
 * handshake travel in packets of type 0x12, and after it TLS goes bare. TDS 8
 * (Encrypt=strict) begins with TLS and is no carrier.
 */
#include "dissectors/carrier_read.h"

enum { TYPE_RESPONSE = 0x04, TYPE_PRELOGIN = 0x12, HEADER_BYTES = 8 };
enum { OPTION_ENCRYPTION = 0x01, OPTION_END = 0xff };
enum { ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUP, ENCRYPT_REQ };
/* Bits of `flags`, by side: its records come bare now. */
enum { BARE = 1 };

static bool is_packet(struct cursor *c, uint8_t *type, uint16_t *length)
{
    *type = cursor_u8(c, "type");
    uint8_t status = cursor_u8(c, "status");
    *length = cursor_u16(c, "length");
    cursor_skip(c, 3, "spid, packet number");
    uint8_t window = cursor_u8(c, "window");
    return cursor_ok(c) && (*type == TYPE_PRELOGIN || *type == TYPE_RESPONSE) &&
           (status & ~0x1f) == 0 && *length >= HEADER_BYTES && window == 0;
}

static enum carrier_fit probe(const struct carrier_opening *o)
{
    if (o->server.n && o->client.n == 0) {
        return FIT_NO;
    }
    struct cursor c = cursor_open(o->client);
    uint8_t type;
    uint16_t length;
    if (is_packet(&c, &type, &length)) {
        return type == TYPE_PRELOGIN ? FIT_YES : FIT_NO;
    }
    bool begun = o->client.n == 0 || type == TYPE_PRELOGIN;
    return begun && o->client.n < HEADER_BYTES ? FIT_MORE : FIT_NO;
}

/* The ENCRYPTION option: options are type, offset, length, up to 0xff. */
static uint8_t encryption(struct span body)
{
    struct cursor c = cursor_open(body);
    for (unsigned i = 0; i < 16; i++) {
        uint8_t option = cursor_u8(&c, "option");
        uint16_t offset = cursor_u16(&c, "offset");
        uint16_t length = cursor_u16(&c, "length");
        if (!cursor_ok(&c) || option == OPTION_END) {
            break;
        }
        if (option == OPTION_ENCRYPTION && length > 0) {
            struct cursor v = cursor_open(span_sub(body, offset, 1));
            uint8_t value = cursor_u8(&v, "encryption");
            return cursor_ok(&v) ? value & 0x1f : ENCRYPT_NOT_SUP;
        }
    }
    return ENCRYPT_NOT_SUP;
}

static enum carrier_step request(struct carrier *s, struct span body)
{
    s->value = encryption(body);
    if (s->value == ENCRYPT_NOT_SUP || s->asked) {
        return s->asked ? CARRIER_GO_ON : CARRIER_NOT_TLS;
    }
    s->asked = true;
    return CARRIER_ASKED;
}

/* With ENCRYPT_OFF the client leaves it to the server, and goes on without. */
static enum carrier_step response(struct carrier *s, struct span body)
{
    if (!s->asked) {
        return CARRIER_GO_ON;
    }
    uint8_t value = encryption(body);
    s->asked = false;
    if (value != ENCRYPT_NOT_SUP) {
        return CARRIER_GRANTED;
    }
    carrier_note_text(s, "ENCRYPT_NOT_SUP");
    return s->value == ENCRYPT_OFF ? CARRIER_NOT_TLS : CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[side];
    struct span kept;
    uint8_t type;
    uint16_t length;
    if (carrier_pass(s, side, c) || !carrier_fill(b, c, HEADER_BYTES, &kept)) {
        return CARRIER_GO_ON;
    }
    struct cursor h = cursor_open(kept);
    if (!is_packet(&h, &type, &length)) {
        carrier_clear(b);
        return CARRIER_NOT_TLS;
    }
    size_t want = length < CARRIER_BUFFER_BYTES ? length : CARRIER_BUFFER_BYTES;
    if (!carrier_fill(b, c, want, &kept)) {
        return CARRIER_GO_ON;
    }
    b->complete = true;
    s->left[side] = (uint32_t)(length - want);
    struct span body = span_sub(kept, HEADER_BYTES, want);
    return side == SIDE_CLIENT ? request(s, body) : response(s, body);
}

/* Between two packets a record header tells that the handshake is over. */
static bool unwrap(struct carrier *s, enum side side, struct cursor *c,
                   struct span *tls)
{
    struct carrier_buffer *b = &s->buf[side];
    while (cursor_left(c)) {
        if (s->flags & (BARE << side)) {
            *tls = cursor_rest(c);
            return true;
        }
        if (s->left[side]) {
            size_t left = cursor_left(c);
            size_t n = s->left[side] < left ? s->left[side] : left;
            s->left[side] -= (uint32_t)n;
            *tls = cursor_take(c, n, "packet");
            return true;
        }
        uint8_t first = cursor_peek(c);
        if (!carrier_pending(b) && first >= 0x14 && first <= 0x17) {
            s->flags |= (uint8_t)(BARE << side);
            continue;
        }
        struct span header;
        uint8_t type;
        uint16_t length;
        if (!carrier_fill(b, c, HEADER_BYTES, &header)) {
            return false;
        }
        b->complete = true;
        struct cursor h = cursor_open(header);
        if (is_packet(&h, &type, &length)) {
            s->left[side] = (uint32_t)(length - HEADER_BYTES);
        }
    }
    return false;
}

const struct dissector tds_dissector = {
    .name = "tds",
    .carrier = "starttls-tds",
    .request = "encryption (SQL Server PRELOGIN)",
    .probe = probe,
    .feed = feed,
    .unwrap = unwrap,
};
