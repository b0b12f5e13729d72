/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security negotiation of RDP ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2): a TPKT (RFC 1006
 * section 6) with an X.224 connection request that names the protocols the
 * client takes, answered by the one chosen, or a failure.
 */
#include "dissectors/carrier_read.h"

enum { TPKT_VERSION = 3, TPKT_BYTES = 4 };
enum { X224_REQUEST = 0xe0, X224_CONFIRM = 0xd0 };
enum { NEG_REQUEST = 1, NEG_RESPONSE = 2, NEG_FAILURE = 3 };
enum { PROTOCOL_RDP = 0 };

static enum carrier_fit probe(const struct carrier_opening *o)
{
    if (o->server.n && o->client.n == 0) {
        return FIT_NO;
    }
    struct cursor c = cursor_open(o->client);
    uint8_t version = cursor_u8(&c, "version");
    if (!cursor_ok(&c)) {
        return FIT_MORE;
    }
    uint8_t reserved = cursor_u8(&c, "reserved");
    uint16_t length = cursor_u16(&c, "length");
    uint8_t header = cursor_u8(&c, "header length");
    uint8_t type = cursor_u8(&c, "type");
    if (version != TPKT_VERSION || reserved != 0) {
        return FIT_NO;
    }
    if (!cursor_ok(&c)) {
        return FIT_MORE;
    }
    bool fits = length >= 11 && header >= 6 && header + 5 <= length &&
                (type & 0xf0) == X224_REQUEST;
    return fits ? FIT_YES : FIT_NO;
}

/* [MS-RDPBCGR] 2.2.1.2.2 */
static const char *failure_name(uint32_t code)
{
    static const char *const names[] = {
        "",
        "SSL_REQUIRED_BY_SERVER",
        "SSL_NOT_ALLOWED_BY_SERVER",
        "SSL_CERT_NOT_ON_SERVER",
        "INCONSISTENT_FLAGS",
        "HYBRID_REQUIRED_BY_SERVER",
        "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER"};
    return code > 0 && code < sizeof names / sizeof names[0] ? names[code]
                                                             : "RDP failure";
}

/* The negotiation structure stands at the end, behind cookies. */
static struct cursor negotiation(struct span x224)
{
    return cursor_open(span_sub(x224, x224.n >= 15 ? x224.n - 8 : x224.n, 8));
}

/* Of the failures only these say that the server wants more than plain RDP. */
static bool is_demand(uint32_t code)
{
    enum { SSL_REQUIRED = 1, HYBRID_REQUIRED = 5, SSL_WITH_USER_AUTH = 6 };
    return code == SSL_REQUIRED || code == HYBRID_REQUIRED ||
           code == SSL_WITH_USER_AUTH;
}

enum { WITHOUT = 1 }; /* TLS was not asked for */

static enum carrier_step request(struct carrier *s, struct span x224)
{
    struct cursor c = negotiation(x224);
    uint8_t type = cursor_u8(&c, "type");
    cursor_skip(&c, 1, "flags");
    uint16_t length = cursor_le16(&c, "length");
    uint32_t protocols = cursor_le32(&c, "protocols");
    bool asks = cursor_ok(&c) && type == NEG_REQUEST && length == 8 &&
                protocols != PROTOCOL_RDP;
    if (!asks) {
        s->flags = WITHOUT;
        return CARRIER_GO_ON;
    }
    s->asked = true;
    return CARRIER_ASKED;
}

static enum carrier_step answer(struct carrier *s, struct span x224)
{
    struct cursor c = negotiation(x224);
    uint8_t type = cursor_u8(&c, "type");
    cursor_skip(&c, 1, "flags");
    cursor_skip(&c, 2, "length");
    uint32_t value = cursor_le32(&c, "value");
    bool there = cursor_ok(&c);
    if (s->flags & WITHOUT) {
        if (!there || type != NEG_FAILURE || !is_demand(value)) {
            return CARRIER_NOT_TLS;
        }
        s->demands = true;
        carrier_note_text(s, "%s (%u)", failure_name(value), value);
        return CARRIER_GO_ON;
    }
    if (!s->asked) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    if (there && type == NEG_RESPONSE && value != PROTOCOL_RDP) {
        return CARRIER_GRANTED;
    }
    if (there && type == NEG_FAILURE) {
        carrier_note_text(s, "%s (%u)", failure_name(value), value);
    } else {
        carrier_note_text(s, "PROTOCOL_RDP (no TLS)");
    }
    return CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[side];
    struct span kept;
    if (carrier_pass(s, side, c) || !carrier_fill(b, c, 6, &kept)) {
        return CARRIER_GO_ON;
    }
    struct cursor m = cursor_open(kept);
    uint8_t version = cursor_u8(&m, "version");
    cursor_skip(&m, 1, "reserved");
    uint16_t length = cursor_u16(&m, "length");
    cursor_skip(&m, 1, "header length");
    uint8_t type = cursor_u8(&m, "type") & 0xf0;
    if (version != TPKT_VERSION || length < 7 ||
        length > CARRIER_BUFFER_BYTES) {
        carrier_clear(b);
        return CARRIER_NOT_TLS;
    }
    if (!carrier_fill(b, c, length, &kept)) {
        return CARRIER_GO_ON;
    }
    b->complete = true;
    struct span x224 = span_sub(kept, TPKT_BYTES, length);
    if (side == SIDE_CLIENT) {
        return type == X224_REQUEST ? request(s, x224) : CARRIER_GO_ON;
    }
    return type == X224_CONFIRM ? answer(s, x224) : CARRIER_GO_ON;
}

const struct dissector rdp_dissector = {
    .name = "rdp",
    .carrier = "starttls-rdp",
    .request = "TLS (RDP negotiation)",
    .probe = probe,
    .feed = feed,
};
