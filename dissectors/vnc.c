/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of VNC: security type 19, VeNCrypt (rfbproto, section 7.2.6), whose
 * subtypes say which TLS, and type 18, anonymous TLS, which follows at once.
 * The opening is that of RFB 3.7 and later (RFC 6143 section 7.1); 3.3 knows
 * neither.
 */
#include "dissectors/carrier_read.h"

enum { SECURITY_TLS = 18, SECURITY_VENCRYPT = 19 };
enum { SUBTYPE_PLAIN = 256 };
enum { VERSION_BYTES = 12 };

/* Steps of both sides; the low half of `value` is the client's, the high one
 * the server's. */
enum {
    AT_VERSION,
    AT_TYPES,    /* the types offered, and the one chosen */
    AT_VENCRYPT, /* versions of VeNCrypt */
    AT_STATUS,   /* server: whether the version pleases */
    AT_SUBTYPES,
    AT_ACCEPT, /* server: whether the subtype pleases */
    AT_END,
};

static uint8_t step_of(const struct carrier *s, enum side side)
{
    return (uint8_t)(s->value >> (8 * side));
}

static void go_to(struct carrier *s, enum side side, uint8_t step)
{
    s->value &= ~(UINT32_C(0xff) << (8 * side));
    s->value |= (uint32_t)step << (8 * side);
    s->buf[side].complete = true;
}

static enum carrier_fit probe(const struct carrier_opening *o)
{
    return carrier_prefix(o->server, "RFB 00");
}

/* The reason of a refusal: length and text. */
static enum carrier_step turn_down(struct carrier *s, const char *what)
{
    s->asked = false;
    carrier_note_text(s, "%s", what);
    return CARRIER_REFUSED;
}

static enum carrier_step choose_type(struct carrier *s, uint8_t type)
{
    if (type == SECURITY_VENCRYPT) {
        go_to(s, SIDE_CLIENT, AT_VENCRYPT);
        s->step = SECURITY_VENCRYPT;
        return CARRIER_GO_ON;
    }
    go_to(s, SIDE_CLIENT, AT_END);
    if (type == SECURITY_TLS) {
        s->step = SECURITY_TLS;
        s->asked = true;
        return CARRIER_ASKED;
    }
    return CARRIER_NOT_TLS;
}

/* Subtype 256 is plaintext; the others are TLS of some kind. */
static enum carrier_step choose_subtype(struct carrier *s, uint32_t subtype)
{
    go_to(s, SIDE_CLIENT, AT_END);
    if (subtype <= SUBTYPE_PLAIN) {
        return CARRIER_NOT_TLS;
    }
    s->asked = true;
    return CARRIER_ASKED;
}

static enum carrier_step client(struct carrier *s, struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[SIDE_CLIENT];
    static const uint8_t sizes[] = {[AT_VERSION] = VERSION_BYTES,
                                    [AT_TYPES] = 1,
                                    [AT_VENCRYPT] = 2,
                                    [AT_SUBTYPES] = 4};
    uint8_t step = step_of(s, SIDE_CLIENT);
    if (step >= AT_END || sizes[step] == 0) {
        (void)cursor_rest(c);
        return CARRIER_GO_ON;
    }
    struct span kept;
    if (!carrier_fill(b, c, sizes[step], &kept)) {
        return CARRIER_GO_ON;
    }
    struct cursor m = cursor_open(kept);
    switch (step) {
    case AT_VERSION:
        go_to(s, SIDE_CLIENT, AT_TYPES);
        return CARRIER_GO_ON;
    case AT_TYPES:
        return choose_type(s, cursor_u8(&m, "type"));
    case AT_VENCRYPT:
        go_to(s, SIDE_CLIENT, AT_SUBTYPES);
        return CARRIER_GO_ON;
    default:
        return choose_subtype(s, cursor_u32(&m, "subtype"));
    }
}

/* A list with its length in front: n entries of `size` bytes. */
static bool list(struct carrier *s, struct cursor *c, size_t size)
{
    struct carrier_buffer *b = &s->buf[SIDE_SERVER];
    struct span kept;
    if (!carrier_fill(b, c, 1, &kept)) {
        return false;
    }
    struct cursor m = cursor_open(kept);
    size_t n = cursor_u8(&m, "count");
    size_t want = 1 + n * size;
    if (want > CARRIER_BUFFER_BYTES) {
        want = CARRIER_BUFFER_BYTES;
    }
    return carrier_fill(b, c, want, &kept);
}

/* What the list of types, its length in front, says of TLS. */
static void read_types(struct carrier *s)
{
    const struct carrier_buffer *b = &s->buf[SIDE_SERVER];
    struct cursor c = cursor_open(span_of(b->bytes, b->n));
    uint8_t n = cursor_u8(&c, "count");
    s->offer = n ? OFFER_NONE : OFFER_UNKNOWN; /* 0: an error */
    while (cursor_left(&c)) {
        uint8_t type = cursor_u8(&c, "type");
        if (type == SECURITY_TLS || type == SECURITY_VENCRYPT) {
            s->offer = OFFER_TLS;
        }
    }
}

static enum carrier_step status(struct carrier *s, uint8_t code, uint8_t step)
{
    if (step == AT_ACCEPT) {
        go_to(s, SIDE_SERVER, AT_END);
        if (code == 1) {
            s->asked = false;
            return CARRIER_GRANTED;
        }
        return turn_down(s, "VeNCrypt subtype refused");
    }
    go_to(s, SIDE_SERVER, code == 0 ? AT_SUBTYPES : AT_END);
    return CARRIER_GO_ON;
}

static enum carrier_step server(struct carrier *s, struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[SIDE_SERVER];
    uint8_t step = step_of(s, SIDE_SERVER);
    struct span kept;
    if (step == AT_VERSION) {
        if (carrier_fill(b, c, VERSION_BYTES, &kept)) {
            go_to(s, SIDE_SERVER, AT_TYPES);
        }
    } else if (step == AT_TYPES) {
        if (list(s, c, 1)) {
            read_types(s);
            go_to(s, SIDE_SERVER, AT_VENCRYPT);
        }
    } else if (step == AT_VENCRYPT && s->step == SECURITY_VENCRYPT) {
        if (carrier_fill(b, c, 2, &kept)) {
            go_to(s, SIDE_SERVER, AT_STATUS);
        }
    } else if (step == AT_SUBTYPES) {
        if (list(s, c, 4)) {
            go_to(s, SIDE_SERVER, AT_ACCEPT);
        }
    } else if (step == AT_STATUS || step == AT_ACCEPT) {
        struct span one;
        if (carrier_fill(b, c, 1, &one)) {
            struct cursor m = cursor_open(one);
            return status(s, cursor_u8(&m, "status"), step);
        }
    } else {
        (void)cursor_rest(c);
    }
    return CARRIER_GO_ON;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    return side == SIDE_CLIENT ? client(s, c) : server(s, c);
}

const struct dissector vnc_dissector = {
    .name = "vnc",
    .carrier = "starttls-vnc",
    .request = "TLS (VNC security type)",
    .probe = probe,
    .feed = feed,
};
