/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of the PROXY protocol, versions 1 and 2 (HAProxy
 * proxy-protocol.txt, sections 2.1 and 2.2), with which a load balancer names
 * the client it speaks for. What follows is the connection itself. TLVs are
 * passed over.
 */
#include "dissectors/carrier_read.h"

#include <stdio.h>

enum { HEADER_BYTES = 16, LINE_BYTES = 107 };
enum { FAMILY_IPV4 = 1, FAMILY_IPV6 = 2 };
enum { COMMAND_LOCAL = 0 };

static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static bool is_binary(struct span first)
{
    return span_eq(span_sub(first, 0, 1), span_of(signature, 1));
}

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const lines[] = {"PROXY TCP4 ", "PROXY TCP6 ",
                                        "PROXY UNKNOWN", NULL};
    if (!is_binary(o->client)) {
        return carrier_prefixes(o->client, lines);
    }
    struct span begun = span_sub(o->client, 0, sizeof signature);
    if (!span_eq(begun, span_of(signature, begun.n))) {
        return FIT_NO;
    }
    return begun.n == sizeof signature ? FIT_YES : FIT_MORE;
}

static enum carrier_step text_header(struct carrier *s, struct cursor *c)
{
    struct span line;
    if (!carrier_line(&s->buf[SIDE_CLIENT], c, &line)) {
        return s->buf[SIDE_CLIENT].n > LINE_BYTES ? CARRIER_NOT_TLS
                                                  : CARRIER_GO_ON;
    }
    carrier_target(s, "%.*s", (int)line.n, line.n ? (const char *)line.p : "");
    return CARRIER_SKIP;
}

static void say_address(char *out, size_t n, uint8_t family, struct cursor *c)
{
    if (family == FAMILY_IPV4) {
        uint32_t a = cursor_u32(c, "address");
        snprintf(out, n, "%u.%u.%u.%u", a >> 24, a >> 16 & 0xff, a >> 8 & 0xff,
                 a & 0xff);
        return;
    }
    size_t at = 0;
    for (unsigned i = 0; i < 8; i++) {
        at += (size_t)snprintf(out + at, n - at, i ? ":%x" : "%x",
                               cursor_u16(c, "address"));
    }
}

/* As the text form would say it. */
static void note_binary(struct carrier *s, struct span header)
{
    struct cursor c = cursor_open(header);
    cursor_skip(&c, sizeof signature, "signature");
    uint8_t command = cursor_u8(&c, "command") & 0x0f;
    uint8_t family = cursor_u8(&c, "family") >> 4;
    cursor_skip(&c, 2, "length");
    if (command == COMMAND_LOCAL) {
        carrier_target(s, "PROXY LOCAL");
        return;
    }
    if (family != FAMILY_IPV4 && family != FAMILY_IPV6) {
        carrier_target(s, "PROXY UNKNOWN");
        return;
    }
    char from[48];
    char to[48];
    say_address(from, sizeof from, family, &c);
    say_address(to, sizeof to, family, &c);
    uint16_t from_port = cursor_u16(&c, "port");
    uint16_t to_port = cursor_u16(&c, "port");
    if (cursor_ok(&c)) {
        carrier_target(s, "PROXY TCP%c %s %s %u %u",
                       family == FAMILY_IPV4 ? '4' : '6', from, to, from_port,
                       to_port);
    }
}

static enum carrier_step binary_header(struct carrier *s, struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[SIDE_CLIENT];
    struct span header;
    if (!carrier_fill(b, c, HEADER_BYTES, &header)) {
        return CARRIER_GO_ON;
    }
    struct cursor h = cursor_open(header);
    cursor_skip(&h, HEADER_BYTES - 2, "signature, command, family");
    size_t whole = HEADER_BYTES + (size_t)cursor_u16(&h, "length");
    size_t want = whole < CARRIER_BUFFER_BYTES ? whole : CARRIER_BUFFER_BYTES;
    if (!carrier_fill(b, c, want, &header)) {
        return CARRIER_GO_ON;
    }
    b->complete = true;
    note_binary(s, header);
    s->left[SIDE_CLIENT] = (uint32_t)(whole - want);
    s->step = 1;
    return carrier_pass(s, SIDE_CLIENT, c) ? CARRIER_GO_ON : CARRIER_SKIP;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    if (side == SIDE_SERVER) {
        (void)cursor_rest(c);
        return CARRIER_GO_ON;
    }
    if (s->step) { /* the rest of long TLVs */
        return carrier_pass(s, side, c) ? CARRIER_GO_ON : CARRIER_SKIP;
    }
    const struct carrier_buffer *b = &s->buf[SIDE_CLIENT];
    struct span first = carrier_pending(b) ? span_of(b->bytes, 1)
                                           : span_of(c->p, cursor_left(c) > 0);
    return is_binary(first) ? binary_header(s, c) : text_header(s, c);
}

const struct dissector proxy_protocol_dissector = {
    .name = "proxy_protocol",
    .carrier = "proxy-protocol",
    .tunnel = true,
    .probe = probe,
    .feed = feed,
};
