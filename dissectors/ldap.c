/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StartTLS of LDAP (RFC 4511 section 4.14): an extended request with the name
 * 1.3.6.1.4.1.1466.20037 and its response. Reads the first bytes of each
 * message only; the rest is passed over.
 */
#include "dissectors/carrier_read.h"

enum {
    TAG_SEQUENCE = 0x30,
    TAG_INTEGER = 0x02,
    TAG_ENUMERATED = 0x0a,
    TAG_OCTETS = 0x04,
    TAG_REQUEST_NAME = 0x80,      /* [0] */
    TAG_BIND_RESPONSE = 0x61,     /* [APPLICATION 1] */
    TAG_SEARCH_DONE = 0x65,       /* [APPLICATION 5] */
    TAG_EXTENDED_REQUEST = 0x77,  /* [APPLICATION 23] */
    TAG_EXTENDED_RESPONSE = 0x78, /* [APPLICATION 24] */
};

enum { CONFIDENTIALITY_REQUIRED = 13 };

static const char starttls_name[] = "1.3.6.1.4.1.1466.20037";

/* A length of BER (X.690 section 8.1.3), definite, up to four bytes. */
static uint32_t ber_length(struct cursor *c)
{
    uint8_t first = cursor_u8(c, "length");
    if (first < 0x80) {
        return first;
    }
    if (first == 0x80 || first > 0x84) {
        cursor_fail(c, "length");
        return 0;
    }
    uint32_t n = 0;
    for (unsigned i = 0; i < first - 0x80u; i++) {
        n = n << 8 | cursor_u8(c, "length");
    }
    return n;
}

/* The contents of an element of this tag, as far as they are there. */
static struct cursor element(struct cursor *c, uint8_t tag)
{
    if (cursor_u8(c, "tag") != tag) {
        cursor_fail(c, "tag");
    }
    size_t n = ber_length(c);
    size_t left = cursor_left(c);
    return cursor_child(c, n < left ? n : left, "element");
}

static uint32_t small_number(struct cursor *c, uint8_t tag)
{
    struct cursor v = element(c, tag);
    uint32_t n = 0;
    while (cursor_left(&v)) {
        n = n << 8 | cursor_u8(&v, "number");
    }
    return n;
}

static enum carrier_fit probe(const struct carrier_opening *o)
{
    if (o->server.n && o->client.n == 0) {
        return FIT_NO;
    }
    struct cursor c = cursor_open(o->client);
    uint8_t tag = cursor_u8(&c, "tag");
    if (!cursor_ok(&c)) {
        return FIT_MORE;
    }
    if (tag != TAG_SEQUENCE) {
        return FIT_NO;
    }
    uint32_t n = ber_length(&c);
    uint8_t integer = cursor_u8(&c, "message id");
    uint8_t id_bytes = cursor_u8(&c, "message id");
    cursor_skip(&c, id_bytes, "message id");
    uint8_t operation = cursor_u8(&c, "operation");
    if (!cursor_ok(&c)) {
        return o->client.n < 16 ? FIT_MORE : FIT_NO;
    }
    bool fits = n >= 5 && integer == TAG_INTEGER && id_bytes >= 1 &&
                id_bytes <= 4 && (operation & 0xc0) == 0x40 &&
                (operation & 0x1f) <= 25;
    return fits ? FIT_YES : FIT_NO;
}

/* RFC 4511 section 4.1.9: those that answer StartTLS. */
static const char *result_name(uint32_t code)
{
    switch (code) {
    case 1:
        return "operationsError";
    case 2:
        return "protocolError";
    case 8:
        return "strongerAuthRequired";
    case 10:
        return "referral";
    case 12:
        return "unavailableCriticalExtension";
    case 13:
        return "confidentialityRequired";
    case 50:
        return "insufficientAccessRights";
    case 51:
        return "busy";
    case 52:
        return "unavailable";
    case 53:
        return "unwillingToPerform";
    case 80:
        return "other";
    default:
        return "LDAP result";
    }
}

static enum carrier_step request(struct carrier *s, struct cursor *message)
{
    uint32_t id = small_number(message, TAG_INTEGER);
    struct cursor operation = element(message, TAG_EXTENDED_REQUEST);
    struct cursor name = element(&operation, TAG_REQUEST_NAME);
    if (!cursor_ok(&name) ||
        !span_eq(cursor_rest(&name), span_text(starttls_name))) {
        return CARRIER_GO_ON;
    }
    s->value = id;
    s->asked = true;
    return CARRIER_ASKED;
}

static void note_result(struct carrier *s, uint32_t code, struct span text)
{
    carrier_note_text(s, "%s (%u)%s%.*s", result_name(code), code,
                      text.n ? ": " : "", (int)text.n,
                      text.n ? (const char *)text.p : "");
}

/* What a log-in or a search came to without TLS. */
static void watch_demand(struct carrier *s, struct cursor message)
{
    small_number(&message, TAG_INTEGER);
    uint8_t tag = cursor_peek(&message);
    if (tag != TAG_BIND_RESPONSE && tag != TAG_SEARCH_DONE) {
        return;
    }
    struct cursor operation = element(&message, tag);
    uint32_t code = small_number(&operation, TAG_ENUMERATED);
    element(&operation, TAG_OCTETS); /* matchedDN */
    struct cursor text = element(&operation, TAG_OCTETS);
    if (!cursor_ok(&operation) || s->asked) {
        return;
    }
    s->demands = code == CONFIDENTIALITY_REQUIRED;
    if (s->demands) {
        note_result(s, code, cursor_rest(&text));
    }
}

/* An answer to another number is of an earlier request; number 0 announces that
 * the server hangs up (RFC 4511 section 4.4.1). */
static enum carrier_step response(struct carrier *s, struct cursor *message)
{
    uint32_t id = small_number(message, TAG_INTEGER);
    struct cursor operation = element(message, TAG_EXTENDED_RESPONSE);
    uint32_t code = small_number(&operation, TAG_ENUMERATED);
    element(&operation, TAG_OCTETS); /* matchedDN */
    bool complete = cursor_ok(&operation);
    struct cursor c = element(&operation, TAG_OCTETS);
    struct span text = cursor_rest(&c);
    if (!complete || !s->asked || (id != s->value && id != 0)) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    if (code == 0) {
        carrier_note_text(s, "success");
        return CARRIER_GRANTED;
    }
    note_result(s, code, text);
    return CARRIER_REFUSED;
}

/* Bytes of the message's header, or 0 while that is not complete. */
static size_t header_of(struct carrier_buffer *b, struct cursor *c,
                        uint32_t *length)
{
    for (size_t want = 2; want <= 6; want++) {
        struct span begun;
        if (!carrier_fill(b, c, want, &begun)) {
            return 0;
        }
        struct cursor h = cursor_open(begun);
        cursor_skip(&h, 1, "tag");
        *length = ber_length(&h);
        if (cursor_ok(&h)) {
            return cursor_offset(&h);
        }
    }
    carrier_clear(b); /* no BER: try again at the next byte */
    return 0;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[side];
    uint32_t length = 0;
    if (carrier_pass(s, side, c)) {
        return CARRIER_GO_ON;
    }
    size_t header = header_of(b, c, &length);
    if (header == 0) {
        return CARRIER_GO_ON;
    }
    size_t whole = header + length;
    size_t want = whole < CARRIER_BUFFER_BYTES ? whole : CARRIER_BUFFER_BYTES;
    struct span kept;
    if (!carrier_fill(b, c, want, &kept)) {
        return CARRIER_GO_ON;
    }
    b->complete = true;
    s->left[side] = (uint32_t)(whole - want);
    struct cursor message = cursor_open(span_sub(kept, header, want));
    if (side == SIDE_CLIENT) {
        return request(s, &message);
    }
    watch_demand(s, message);
    return response(s, &message);
}

const struct dissector ldap_dissector = {
    .name = "ldap",
    .carrier = "starttls-ldap",
    .request = "StartTLS (LDAP)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
