/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RADIUS packets of the kinds that carry EAP (RFC 2865 section 3, RFC 3579
 * section 3.1): Access-Request, -Accept, -Reject and -Challenge. A packet of
 * EAP is split over several EAP-Message attributes.
 *
 * It checks no authenticator: nobody without the shared secret can. Accounting,
 * and RADIUS within TLS (RFC 6614), are not read here.
 */
#include "dissectors/radius.h"

enum {
    ATTRIBUTE_USER = 1,
    ATTRIBUTE_REPLY = 18,
    ATTRIBUTE_STATE = 24,
    ATTRIBUTE_STATION = 31, /* Calling-Station-Id */
    ATTRIBUTE_NAS = 32,     /* NAS-Identifier */
    ATTRIBUTE_EAP = 79,
};

#define HEADER_BYTES 20u

static bool is_code(uint8_t code)
{
    return code == RADIUS_REQUEST || code == RADIUS_ACCEPT ||
           code == RADIUS_REJECT || code == RADIUS_CHALLENGE;
}

struct attribute {
    uint8_t type;
    struct span value;
};

/* The next attribute; false at the end, or when it does not fit. */
static bool next_attribute(struct cursor *c, struct attribute *a)
{
    if (!cursor_left(c)) {
        return false;
    }
    a->type = cursor_u8(c, "type");
    uint8_t n = cursor_u8(c, "length");
    if (n < 2) {
        cursor_fail(c, "attribute length");
    }
    a->value = cursor_take(c, n - 2u, "value");
    return cursor_ok(c);
}

bool radius_probe(struct span datagram, uint32_t wire)
{
    struct cursor c = cursor_open(datagram);
    uint8_t code = cursor_u8(&c, "code");
    if (!is_code(code)) {
        return false; /* most datagrams */
    }
    cursor_skip(&c, 1, "identifier");
    uint16_t length = cursor_u16(&c, "length");
    cursor_skip(&c, 16, "authenticator");
    if (!cursor_ok(&c) || length < HEADER_BYTES || length > wire ||
        length > RADIUS_BYTES_MAX) {
        return false;
    }
    c = cursor_open(span_sub(datagram, 0, length));
    cursor_skip(&c, HEADER_BYTES, "header");
    bool eap = code == RADIUS_REJECT;
    struct attribute a;
    while (next_attribute(&c, &a)) {
        eap = eap || a.type == ATTRIBUTE_EAP;
    }
    return eap && (cursor_done(&c) || datagram.n < length);
}

static void keep(struct radius *out, const struct attribute *a)
{
    switch (a->type) {
    case ATTRIBUTE_USER:
        out->user = a->value;
        break;
    case ATTRIBUTE_REPLY:
        out->reply = a->value;
        break;
    case ATTRIBUTE_STATE:
        out->state = a->value;
        break;
    case ATTRIBUTE_STATION:
        out->station = a->value;
        break;
    case ATTRIBUTE_NAS:
        out->nas = a->value;
        break;
    default:
        break;
    }
}

void radius_read(struct span datagram, uint32_t wire,
                 uint8_t eap[RADIUS_BYTES_MAX], struct radius *out)
{
    struct cursor c = cursor_open(datagram);
    *out = (struct radius){.code = cursor_u8(&c, "code"),
                           .id = cursor_u8(&c, "identifier")};
    uint16_t length = cursor_u16(&c, "length");
    out->authenticator = cursor_take(&c, 16, "authenticator");
    out->cut = datagram.n < length && datagram.n < wire;
    c = cursor_open(
        span_sub(datagram, HEADER_BYTES,
                 length > HEADER_BYTES ? length - HEADER_BYTES : 0));
    size_t n = 0;
    struct attribute a;
    while (next_attribute(&c, &a)) {
        if (a.type != ATTRIBUTE_EAP) {
            keep(out, &a);
        } else if (a.value.n && a.value.n <= RADIUS_BYTES_MAX - n) {
            memcpy(eap + n, a.value.p, a.value.n);
            n += a.value.n;
        }
    }
    out->eap = span_of(eap, n);
}
