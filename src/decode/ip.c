/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers, with IPv6's extension headers
 * and the authentication header (RFC 4302).
 *
 * The IP length decides what belongs to the packet: bytes behind it are the
 * link's padding. A length of 0 means that the sender's or receiver's network
 * card was still to cut or had already joined the segments (offload, IPv6
 * jumbograms of RFC 2675): the frame's length then counts. A length over the
 * frame's is treated as a frame cut on its way to us (some mirror ports do
 * that), never as an error. Checksums are not looked at.
 */
#include "decode/layers.h"

enum {
    NEXT_HOP_BY_HOP = 0,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_AH = 51,
    NEXT_DESTINATION = 60,
    NEXT_MOBILITY = 135,
    NEXT_HIP = 139,
    NEXT_SHIM6 = 140,
};

/* ---- what IP carries ---- */

static enum decode_result payload(struct walk *w, uint8_t proto, struct slice s)
{
    w->out->proto = proto;
    switch (proto) {
    case PROTO_TCP:
        return tcp_decode(w, s);
    case PROTO_UDP:
        return udp_decode(w, s);
    case PROTO_ICMP:
        return w->out->ip_version == 4 ? icmp_decode(w, s) : DECODE_OTHER;
    case PROTO_ICMPV6:
        return w->out->ip_version == 6 ? icmp_decode(w, s) : DECODE_OTHER;
    default:
        break;
    }
    struct encap_key key = {BY_IP_PROTO, proto};
    const struct encapsulation *e = encap_find(key);
    return e ? e->read(w, s, key) : DECODE_OTHER;
}

/* The authentication header leaves what it covers readable. */
static enum decode_result authenticated(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint8_t next = cursor_u8(&c, "next header");
    size_t len = ((size_t)cursor_u8(&c, "payload length") + 2) * 4;
    if (!cursor_ok(&c)) {
        return slice_short(&s);
    }
    if (len < 12 || len > s.wire || next == NEXT_AH) {
        return DECODE_MALFORMED;
    }
    if (len > s.bytes.n) {
        return DECODE_CUT;
    }
    return payload(w, next, slice_after(&s, len));
}

/* One fragment; goes on with the datagram when that is whole. */
static enum decode_result fragmented(struct walk *w, const struct fragment *f,
                                     struct slice *s, uint8_t *proto)
{
    if (s->bytes.n < s->wire) {
        return DECODE_CUT; /* the datagram can never be whole */
    }
    struct span whole;
    enum decode_result r = fragment_add(w, f, &whole, proto);
    if (r == DECODE_PACKET) {
        *s = (struct slice){whole, whole.n};
    }
    return r;
}

/* ---- IPv4 ---- */

static void put_ip4(struct endpoint *e, struct span addr)
{
    memset(e->ip + 4, 0, sizeof e->ip - 4);
    memcpy(e->ip, addr.p, 4);
}

/* The header's fields. False, with *r set, when it is cut or lies. */
static bool ip4_header(struct packet *out, struct slice *s,
                       uint16_t *fragment_field, enum decode_result *r)
{
    struct cursor c = cursor_open(s->bytes);
    uint8_t first = cursor_u8(&c, "version");
    cursor_skip(&c, 1, "type of service");
    size_t total = cursor_u16(&c, "total length");
    out->ip_id = cursor_u16(&c, "identification");
    *fragment_field = cursor_u16(&c, "fragment offset");
    out->ttl = cursor_u8(&c, "time to live");
    out->proto = cursor_u8(&c, "protocol");
    cursor_skip(&c, 2, "checksum");
    struct span src = cursor_take(&c, 4, "source address");
    struct span dst = cursor_take(&c, 4, "destination address");
    size_t header = (size_t)(first & 0x0f) * 4;
    if (!cursor_ok(&c)) {
        *r = slice_short(s);
        return false;
    }
    if (total == 0) {
        total = s->wire;
    }
    if (first >> 4 != 4 || header < 20 || header > total) {
        *r = DECODE_MALFORMED;
        return false;
    }
    if (header > s->bytes.n) {
        *r = DECODE_CUT;
        return false;
    }
    put_ip4(&out->src, src);
    put_ip4(&out->dst, dst);
    out->ip_version = 4;
    out->ip_df = (*fragment_field & 0x4000) != 0;
    s->bytes = span_sub(s->bytes, header, total - header);
    s->wire = total - header;
    return true;
}

static enum decode_result ip4_decode(struct walk *w, struct slice s)
{
    uint16_t field;
    enum decode_result r;
    if (!ip4_header(w->out, &s, &field, &r)) {
        return r;
    }
    uint8_t proto = w->out->proto;
    if (field & 0x3fff) {
        struct fragment f = {.id = w->out->ip_id,
                             .offset = (field & 0x1fffu) * 8,
                             .more = (field & 0x2000) != 0,
                             .proto = proto,
                             .bytes = s.bytes};
        r = fragmented(w, &f, &s, &proto);
        if (r != DECODE_PACKET) {
            return r;
        }
    }
    if (proto == NEXT_AH) {
        return authenticated(w, s);
    }
    return payload(w, proto, s);
}

/* ---- IPv6 ---- */

static bool ip6_header(struct packet *out, struct slice *s,
                       enum decode_result *r)
{
    struct cursor c = cursor_open(s->bytes);
    uint8_t version = cursor_u8(&c, "version") >> 4;
    cursor_skip(&c, 3, "flow label");
    size_t len = cursor_u16(&c, "payload length");
    out->proto = cursor_u8(&c, "next header");
    out->ttl = cursor_u8(&c, "hop limit");
    struct span src = cursor_take(&c, 16, "source address");
    struct span dst = cursor_take(&c, 16, "destination address");
    if (!cursor_ok(&c)) {
        *r = slice_short(s);
        return false;
    }
    if (version != 6) {
        *r = DECODE_MALFORMED;
        return false;
    }
    memcpy(out->src.ip, src.p, 16);
    memcpy(out->dst.ip, dst.p, 16);
    out->ip_version = 6;
    out->ip_id = 0;
    out->ip_df = true; /* routers never fragment IPv6 */
    if (len == 0) {
        len = s->wire - 40;
    }
    s->bytes = span_sub(s->bytes, 40, len);
    s->wire = len;
    return true;
}

static bool is_extension(uint8_t next)
{
    switch (next) {
    case NEXT_HOP_BY_HOP:
    case NEXT_ROUTING:
    case NEXT_FRAGMENT:
    case NEXT_AH:
    case NEXT_DESTINATION:
    case NEXT_MOBILITY:
    case NEXT_HIP:
    case NEXT_SHIM6:
        return true;
    default:
        return false;
    }
}

/* Passes over one extension header that is no fragment header. */
static enum decode_result skip_extension(struct slice *s, uint8_t *next)
{
    struct cursor c = cursor_open(s->bytes);
    uint8_t after = cursor_u8(&c, "next header");
    size_t units = cursor_u8(&c, "header length");
    size_t len = *next == NEXT_AH ? (units + 2) * 4 : (units + 1) * 8;
    if (!cursor_ok(&c)) {
        return slice_short(s);
    }
    if (len > s->bytes.n) {
        return len > s->wire ? DECODE_MALFORMED : DECODE_CUT;
    }
    *s = slice_after(s, len);
    *next = after;
    return DECODE_PACKET;
}

/* The fragment header (RFC 8200 section 4.5) and, when it completes one, the
 * datagram behind it. */
static enum decode_result ip6_fragment(struct walk *w, struct slice *s,
                                       uint8_t *next)
{
    struct cursor c = cursor_open(s->bytes);
    struct fragment f;
    f.proto = cursor_u8(&c, "next header");
    cursor_skip(&c, 1, "reserved");
    uint16_t field = cursor_u16(&c, "fragment offset");
    f.id = cursor_u32(&c, "identification");
    if (!cursor_ok(&c)) {
        return slice_short(s);
    }
    *s = slice_after(s, 8);
    *next = f.proto;
    f.offset = field & 0xfff8u;
    f.more = (field & 1) != 0;
    f.bytes = s->bytes;
    if (f.offset == 0 && !f.more) {
        return DECODE_PACKET; /* an atomic fragment (RFC 6946): all is here */
    }
    return fragmented(w, &f, s, next);
}

static enum decode_result ip6_decode(struct walk *w, struct slice s)
{
    enum decode_result r;
    if (!ip6_header(w->out, &s, &r)) {
        return r;
    }
    uint8_t next = w->out->proto;
    bool fragment_seen = false;
    for (unsigned i = 0; is_extension(next); i++) {
        if (i == LIMIT_EXTENSION_HEADERS) {
            return DECODE_MALFORMED;
        }
        if (next != NEXT_FRAGMENT) {
            r = skip_extension(&s, &next);
        } else if (!fragment_seen) {
            fragment_seen = true;
            r = ip6_fragment(w, &s, &next);
        } else {
            r = DECODE_MALFORMED;
        }
        if (r != DECODE_PACKET) {
            return r;
        }
    }
    return payload(w, next, s);
}

/* ---- both ---- */

enum decode_result ip_decode(struct walk *w, struct slice s)
{
    if (++w->ip_headers > LIMIT_NESTING) {
        return DECODE_MALFORMED;
    }
    struct cursor c = cursor_open(s.bytes);
    switch (cursor_u8(&c, "version") >> 4) {
    case 4:
        return ip4_decode(w, s);
    case 6:
        return ip6_decode(w, s);
    default:
        return cursor_ok(&c) ? DECODE_MALFORMED : slice_short(&s);
    }
}

static bool quoted_ip6(struct packet *out, struct slice *s)
{
    enum decode_result r;
    if (!ip6_header(out, s, &r)) {
        return false;
    }
    for (unsigned i = 0; is_extension(out->proto); i++) {
        if (i == LIMIT_EXTENSION_HEADERS) {
            return false;
        }
        if (out->proto != NEXT_FRAGMENT) {
            r = skip_extension(s, &out->proto);
            if (r != DECODE_PACKET) {
                return false;
            }
            continue;
        }
        struct cursor c = cursor_open(s->bytes);
        out->proto = cursor_u8(&c, "next header");
        cursor_skip(&c, 1, "reserved");
        uint16_t field = cursor_u16(&c, "fragment offset");
        cursor_skip(&c, 4, "identification");
        if (!cursor_ok(&c) || field & 0xfff8) {
            return false;
        }
        *s = slice_after(s, 8);
    }
    return true;
}

bool ip_quoted(struct span quoted, struct packet *out)
{
    struct slice s = {quoted, quoted.n};
    struct cursor c = cursor_open(quoted);
    uint16_t field = 0;
    enum decode_result r;
    bool ok = cursor_peek(&c) >> 4 == 6
                  ? quoted_ip6(out, &s)
                  : ip4_header(out, &s, &field, &r) && !(field & 0x1fff);
    if (!ok || (out->proto != PROTO_TCP && out->proto != PROTO_UDP)) {
        return false;
    }
    c = cursor_open(s.bytes);
    out->src.port = cursor_u16(&c, "source port");
    out->dst.port = cursor_u16(&c, "destination port");
    out->seq = out->proto == PROTO_TCP ? cursor_u32(&c, "sequence") : 0;
    out->ack = 0;
    out->flags = 0;
    out->window = 0;
    out->header_bytes = 0;
    packet_clear_options(out);
    out->icmp_type = 0;
    out->icmp_code = 0;
    out->icmp_mtu = 0;
    out->payload = (struct span){NULL, 0};
    out->payload_wire_bytes = 0;
    return cursor_ok(&c);
}
