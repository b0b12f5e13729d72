/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONNECT of SOCKS 4 and 4a (socks4.protocol, socks4a.protocol) and SOCKS 5
 * (RFC 1928), with names and passwords (RFC 1929). BIND, UDP and GSSAPI are not
 * followed. A tunnel to a port whose protocol begins in plaintext was not to
 * become TLS: its refusal is not ours.
 */
#include "dissectors/carrier_read.h"

#include <stdio.h>

enum { COMMAND_CONNECT = 1 };
enum { ADDRESS_IPV4 = 1, ADDRESS_NAME = 3, ADDRESS_IPV6 = 4 };
enum { METHOD_NONE = 0, METHOD_PASSWORD = 2, METHOD_NOT_ANY = 0xff };

enum { AT_GREETING, AT_METHOD, AT_REQUEST, AT_END, OTHER };
/* Bits of `flags` */
enum { VERSION_4 = 1, PLAIN_PORT = 2 };

static bool is_greeting5(struct cursor *c)
{
    size_t n = cursor_u8(c, "methods");
    for (size_t i = 0; i < n; i++) {
        uint8_t method = cursor_u8(c, "method");
        if (cursor_ok(c) && method > 9 && method < 0x80) {
            return false; /* methods that IANA assigned, or private ones */
        }
    }
    return !cursor_ok(c) || (n >= 1 && n <= 16 && cursor_left(c) == 0);
}

static bool is_request4(struct cursor *c)
{
    uint8_t command = cursor_u8(c, "command");
    bool fits = !cursor_ok(c) || command == COMMAND_CONNECT;
    uint16_t port = cursor_u16(c, "port");
    cursor_skip(c, 4, "address");
    fits = fits && (!cursor_ok(c) || port != 0);
    while (fits && cursor_left(c)) { /* names are text that ends in NUL */
        uint8_t byte = cursor_u8(c, "name");
        fits = byte == 0 || byte >= 0x20;
    }
    return fits;
}

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
    if (version == 5) {
        bool fits = is_greeting5(&c);
        return !fits ? FIT_NO : cursor_ok(&c) ? FIT_YES : FIT_MORE;
    }
    if (version == 4 && is_request4(&c)) {
        return o->client.n >= 9 ? FIT_YES : FIT_MORE;
    }
    return FIT_NO;
}

/* Ports where TLS does not come first. */
static bool is_plain_port(uint16_t port)
{
    static const uint16_t ports[] = {20, 21, 22,  23,  25, 43,
                                     53, 80, 110, 119, 143};
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (ports[i] == port) {
            return true;
        }
    }
    return false;
}

static void note_target(struct carrier *s, const char *host, uint16_t port)
{
    s->flags &= (uint8_t)~PLAIN_PORT;
    s->flags |= is_plain_port(port) ? PLAIN_PORT : 0;
    carrier_target(s, "CONNECT %s:%u", host, port);
}

static void dotted(char *out, size_t n, uint32_t address)
{
    snprintf(out, n, "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff,
             address >> 8 & 0xff, address & 0xff);
}

/* ---- SOCKS 4 ---- */

/* Bytes of the request that m begins with, 0 while it is not complete: two
 * texts that end in NUL with 4a, which has an address 0.0.0.x, else one. */
static size_t request4_bytes(struct span m, struct span *host)
{
    struct cursor c = cursor_open(m);
    cursor_skip(&c, 4, "port");
    uint32_t address = cursor_u32(&c, "address");
    unsigned texts = address > 0 && address < 256 ? 2 : 1;
    size_t from = 0;
    for (unsigned i = 0; i < texts; i++) {
        from = cursor_offset(&c);
        while (cursor_left(&c) && cursor_peek(&c) != 0) {
            cursor_skip(&c, 1, "text");
        }
        cursor_skip(&c, 1, "NUL");
    }
    if (!cursor_ok(&c)) {
        return 0;
    }
    size_t to = cursor_offset(&c);
    *host = span_sub(m, from, texts == 2 ? to - from - 1 : 0);
    return to;
}

static enum carrier_step request4(struct carrier *s, struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[SIDE_CLIENT];
    struct span m;
    struct span name;
    size_t n = b->complete ? 0 : b->n;
    do {
        if (!carrier_fill(b, c, ++n, &m)) {
            return n > CARRIER_BUFFER_BYTES ? CARRIER_NOT_TLS : CARRIER_GO_ON;
        }
    } while (request4_bytes(m, &name) == 0);
    b->complete = true;
    struct cursor h = cursor_open(m);
    cursor_skip(&h, 2, "version, command");
    uint16_t port = cursor_u16(&h, "port");
    uint32_t address = cursor_u32(&h, "address");
    char host[CARRIER_BUFFER_BYTES];
    dotted(host, sizeof host, address);
    if (name.n) {
        snprintf(host, sizeof host, "%.*s", (int)name.n, (const char *)name.p);
    }
    note_target(s, host, port);
    s->flags |= VERSION_4;
    s->step = AT_REQUEST;
    s->asked = true;
    return CARRIER_ASKED;
}

/* ---- SOCKS 5, client ---- */

static enum carrier_step greeting5(struct carrier *s, struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[SIDE_CLIENT];
    struct span m;
    if (!carrier_fill(b, c, 2, &m)) {
        return CARRIER_GO_ON;
    }
    struct cursor h = cursor_open(m);
    cursor_skip(&h, 1, "version");
    size_t methods = cursor_u8(&h, "methods");
    if (!carrier_fill(b, c, 2 + methods, &m)) {
        return CARRIER_GO_ON;
    }
    b->complete = true;
    s->step = AT_METHOD;
    carrier_target(s, "a SOCKS 5 connection");
    return CARRIER_ASKED;
}

/* Name and password; neither is kept. */
static enum carrier_step password5(struct carrier *s, struct cursor *c)
{
    struct carrier_buffer *b = &s->buf[SIDE_CLIENT];
    struct span m;
    if (!carrier_fill(b, c, 2, &m)) {
        return CARRIER_GO_ON;
    }
    struct cursor h = cursor_open(m);
    cursor_skip(&h, 1, "version");
    size_t name = cursor_u8(&h, "name length");
    if (!carrier_fill(b, c, 3 + name, &m)) {
        return CARRIER_GO_ON;
    }
    h = cursor_open(span_sub(m, 2 + name, 1));
    size_t password = cursor_u8(&h, "password length");
    size_t whole = 3 + name + password;
    if (whole > CARRIER_BUFFER_BYTES) {
        s->left[SIDE_CLIENT] = (uint32_t)(whole - CARRIER_BUFFER_BYTES);
        whole = CARRIER_BUFFER_BYTES;
    }
    if (carrier_fill(b, c, whole, &m)) {
        b->complete = true;
    }
    return CARRIER_GO_ON;
}

/* What an address takes, by its type; names have their length in front. */
static size_t address_bytes(uint8_t type, uint8_t first)
{
    switch (type) {
    case ADDRESS_IPV4:
        return 4;
    case ADDRESS_IPV6:
        return 16;
    case ADDRESS_NAME:
        return 1u + first;
    default:
        return 0;
    }
}

static void say_address(char *out, size_t n, uint8_t type, struct cursor *m)
{
    if (type == ADDRESS_IPV4) {
        dotted(out, n, cursor_u32(m, "address"));
    } else if (type == ADDRESS_NAME) {
        size_t length = cursor_u8(m, "name length");
        struct span name = cursor_take(m, length, "name");
        snprintf(out, n, "%.*s", (int)name.n,
                 name.n ? (const char *)name.p : "");
    } else {
        size_t at = 0;
        out[at++] = '[';
        for (unsigned i = 0; i < 8; i++) {
            at += (size_t)snprintf(out + at, n - at, i ? ":%x" : "%x",
                                   cursor_u16(m, "address"));
        }
        snprintf(out + at, n - at, "]");
    }
}

/* A request or an answer: both are 05, code, 00, address, port. */
static bool message5(struct carrier_buffer *b, struct cursor *c, struct span *m)
{
    if (!carrier_fill(b, c, 5, m)) {
        return false;
    }
    struct cursor h = cursor_open(*m);
    cursor_skip(&h, 3, "version, code, reserved");
    uint8_t type = cursor_u8(&h, "address type");
    size_t address = address_bytes(type, cursor_u8(&h, "name length"));
    if (address && !carrier_fill(b, c, 4 + address + 2, m)) {
        return false;
    }
    b->complete = true;
    return true;
}

static enum carrier_step request5(struct carrier *s, struct cursor *c)
{
    struct span message;
    if (!message5(&s->buf[SIDE_CLIENT], c, &message)) {
        return CARRIER_GO_ON;
    }
    struct cursor m = cursor_open(message);
    cursor_skip(&m, 1, "version");
    uint8_t command = cursor_u8(&m, "command");
    cursor_skip(&m, 1, "reserved");
    uint8_t type = cursor_u8(&m, "address type");
    s->step = OTHER;
    if (command != COMMAND_CONNECT || address_bytes(type, 0) == 0) {
        return CARRIER_NOT_TLS;
    }
    char host[CARRIER_BUFFER_BYTES];
    say_address(host, sizeof host, type, &m);
    note_target(s, host, cursor_u16(&m, "port"));
    s->step = AT_REQUEST;
    s->asked = true;
    return CARRIER_ASKED;
}

static enum carrier_step client(struct carrier *s, struct cursor *c)
{
    const struct carrier_buffer *b = &s->buf[SIDE_CLIENT];
    uint8_t version = carrier_pending(b) ? b->bytes[0] : cursor_peek(c);
    if (s->step == AT_GREETING) {
        return version == 4 ? request4(s, c) : greeting5(s, c);
    }
    /* The version of the password's message is 1, that of a request 5. Some
     * clients send all of it before the answers. */
    if (s->step == AT_METHOD && version == 1) {
        return password5(s, c);
    }
    if (s->step == AT_METHOD && version == 5) {
        return request5(s, c);
    }
    (void)cursor_rest(c);
    return CARRIER_GO_ON;
}

/* ---- the server's answers ---- */

static const char *reply5_name(uint8_t code)
{
    static const char *const names[] = {"succeeded",
                                        "general SOCKS server failure",
                                        "connection not allowed by ruleset",
                                        "network unreachable",
                                        "host unreachable",
                                        "connection refused",
                                        "TTL expired",
                                        "command not supported",
                                        "address type not supported"};
    return code < sizeof names / sizeof names[0] ? names[code] : "unassigned";
}

static const char *reply4_name(uint8_t code)
{
    switch (code) {
    case 91:
        return "request rejected or failed";
    case 92:
        return "identd not reachable";
    case 93:
        return "identd reports another user";
    default:
        return "unassigned";
    }
}

static enum carrier_step turn_down(struct carrier *s)
{
    s->asked = false;
    s->step = OTHER;
    return s->flags & PLAIN_PORT ? CARRIER_NOT_TLS : CARRIER_REFUSED;
}

static enum carrier_step answer4(struct carrier *s, struct cursor *c)
{
    struct span m;
    if (!carrier_fill(&s->buf[SIDE_SERVER], c, 8, &m)) {
        return CARRIER_GO_ON;
    }
    s->buf[SIDE_SERVER].complete = true;
    struct cursor h = cursor_open(m);
    cursor_skip(&h, 1, "version");
    uint8_t code = cursor_u8(&h, "reply");
    s->asked = false;
    if (code == 90) {
        s->step = AT_END;
        return CARRIER_GRANTED;
    }
    carrier_note_text(s, "reply %u, %s", code, reply4_name(code));
    return turn_down(s);
}

/* Two bytes: the method chosen, or whether the password was right. */
static enum carrier_step short_answer5(struct carrier *s, struct cursor *c)
{
    struct span m;
    if (!carrier_fill(&s->buf[SIDE_SERVER], c, 2, &m)) {
        return CARRIER_GO_ON;
    }
    s->buf[SIDE_SERVER].complete = true;
    struct cursor h = cursor_open(m);
    uint8_t version = cursor_u8(&h, "version");
    uint8_t code = cursor_u8(&h, "code");
    if (!s->multi && version != 5) {
        s->step = OTHER;
        return CARRIER_NOT_TLS;
    }
    if (version == 5 && code == METHOD_NOT_ANY) {
        carrier_note_text(s, "no acceptable authentication method");
        return turn_down(s);
    }
    if (version == 1 && code != 0) {
        carrier_note_text(s, "name or password refused (%u)", code);
        return turn_down(s);
    }
    s->ahead = version == 5 && code == METHOD_PASSWORD; /* one more to come */
    if (version == 5 && code != METHOD_NONE && code != METHOD_PASSWORD) {
        s->step = OTHER; /* GSSAPI and private methods */
    }
    s->multi = 1; /* a method was chosen */
    return CARRIER_GO_ON;
}

static enum carrier_step answer5(struct carrier *s, struct cursor *c)
{
    struct span m;
    if (!message5(&s->buf[SIDE_SERVER], c, &m)) {
        return CARRIER_GO_ON;
    }
    struct cursor h = cursor_open(m);
    cursor_skip(&h, 1, "version");
    uint8_t code = cursor_u8(&h, "reply");
    s->asked = false;
    if (code == 0) {
        s->step = AT_END;
        return CARRIER_GRANTED;
    }
    carrier_note_text(s, "reply %u, %s", code, reply5_name(code));
    return turn_down(s);
}

static enum carrier_step server(struct carrier *s, struct cursor *c)
{
    if (s->step == OTHER || s->step == AT_END) {
        (void)cursor_rest(c);
        return CARRIER_GO_ON;
    }
    if (s->flags & VERSION_4) {
        return answer4(s, c);
    }
    return !s->multi || s->ahead ? short_answer5(s, c) : answer5(s, c);
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    if (carrier_pass(s, side, c)) {
        return CARRIER_GO_ON;
    }
    return side == SIDE_CLIENT ? client(s, c) : server(s, c);
}

const struct dissector socks_dissector = {
    .name = "socks",
    .carrier = "socks",
    .tunnel = true,
    .probe = probe,
    .feed = feed,
};
