/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets inside packets: GRE (RFC 2784, RFC 2890; PPTP's version 1, RFC 2637)
 * with NVGRE and ERSPAN I to III (draft-foschiano-erspan), EtherIP (RFC 3378),
 * and over UDP VXLAN (RFC 7348), VXLAN-GPE, GENEVE (RFC 8926), GTP-U (3GPP TS
 * 29.281), Teredo (RFC 4380), L2TPv2 (RFC 2661), MPLS (RFC 7510) and LISP (RFC
 * 9300). A UDP port only hints at a tunnel: a packet must come out of it.
 *
 * Not read: what is encrypted (IPsec ESP, WireGuard), L2TPv3, source-routed
 * GRE.
 */
#include "decode/layers.h"

enum {
    PORT_L2TP = 1701,
    PORT_GTP_U = 2152,
    PORT_TEREDO = 3544,
    PORT_LISP = 4341,
    PORT_VXLAN = 4789,
    PORT_VXLAN_GPE = 4790,
    PORT_GENEVE = 6081,
    PORT_MPLS = 6635,
    PORT_VXLAN_OLD = 8472, /* Linux's default before there was an RFC */
};

enum {
    TYPE_BRIDGING = 0x6558,
    TYPE_PPP = 0x880b,
    TYPE_WCCP = 0x883e,
    TYPE_ERSPAN = 0x88be,
    TYPE_ERSPAN3 = 0x22eb,
    TYPE_CISCO_META = 0x8909,
};

static enum decode_result rest(const struct cursor *c, const struct slice *s,
                               struct slice *inner)
{
    if (!cursor_ok(c)) {
        return slice_short(s);
    }
    *inner = slice_after(s, cursor_offset(c));
    return DECODE_PACKET;
}

/* ---- GRE ---- */

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_ACK = 0x0080,
    GRE_VERSION = 0x0007,
};

static enum decode_result erspan2(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint32_t word = cursor_u32(&c, "version, VLAN, session");
    cursor_skip(&c, 4, "index");
    w->out->tunnel = word & 0x3ff;
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    return r == DECODE_PACKET ? link_ethernet(w, inner) : r;
}

static enum decode_result erspan3(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint32_t word = cursor_u32(&c, "version, VLAN, session");
    cursor_skip(&c, 4, "timestamp");
    cursor_skip(&c, 2, "security group");
    uint16_t flags = cursor_u16(&c, "frame type");
    if (flags & 1) {
        cursor_skip(&c, 8, "platform specific");
    }
    w->out->tunnel = word & 0x3ff;
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    unsigned frame_type = flags >> 10 & 0x1f;
    return frame_type == 2 ? ip_decode(w, inner) : link_ethernet(w, inner);
}

/* WCCP sends IP, version 2 with a header of its own before it. */
static enum decode_result wccp(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    if (cursor_peek(&c) >> 4 != 4) {
        cursor_skip(&c, 4, "redirect header");
    }
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    return r == DECODE_PACKET ? ip_decode(w, inner) : r;
}

/* In GRE the type stands before Cisco's metadata, not behind it. */
static enum decode_result cisco_metadata(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint16_t type = cursor_u16(&c, "type");
    cursor_skip(&c, 6, "metadata");
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    return r == DECODE_PACKET ? link_ethertype(w, type, inner) : r;
}

static enum decode_result gre_payload(struct walk *w, uint16_t flags,
                                      uint16_t type, struct slice s)
{
    switch (type) {
    case TYPE_BRIDGING:
        w->out->tunnel >>= 8; /* NVGRE: the last byte is a flow number */
        return link_ethernet(w, s);
    case TYPE_WCCP:
        return wccp(w, s);
    case TYPE_ERSPAN:
        /* Type I has no header of its own and no sequence number. */
        return flags & GRE_SEQUENCE ? erspan2(w, s) : link_ethernet(w, s);
    case TYPE_ERSPAN3:
        return erspan3(w, s);
    case TYPE_CISCO_META:
        return cisco_metadata(w, s);
    case 0: /* Cisco's keepalives */
        return DECODE_OTHER;
    default:
        return link_ethertype(w, type, s);
    }
}

static enum decode_result pptp(struct walk *w, uint16_t flags, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    size_t len = cursor_u16(&c, "payload length");
    w->out->tunnel = cursor_u16(&c, "call");
    if (flags & GRE_SEQUENCE) {
        cursor_skip(&c, 4, "sequence");
    }
    if (flags & GRE_ACK) {
        cursor_skip(&c, 4, "acknowledgment");
    }
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    return len ? link_ppp(w, slice_trim(&inner, len)) : DECODE_OTHER;
}

enum decode_result tunnel_gre(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint16_t flags = cursor_u16(&c, "flags");
    uint16_t type = cursor_u16(&c, "protocol type");
    unsigned version = flags & GRE_VERSION;
    bool is_pptp = version == 1 && type == TYPE_PPP && flags & GRE_KEY;
    if (cursor_ok(&c) && version != 0 && !is_pptp) {
        return DECODE_OTHER;
    }
    if (!is_pptp) {
        if (flags & (GRE_CHECKSUM | GRE_ROUTING)) {
            cursor_skip(&c, 4, "checksum");
        }
        if (flags & GRE_KEY) {
            w->out->tunnel = cursor_u32(&c, "key");
        }
        if (flags & GRE_SEQUENCE) {
            cursor_skip(&c, 4, "sequence number");
        }
    }
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    if (is_pptp) {
        return pptp(w, flags, inner);
    }
    return flags & GRE_ROUTING ? DECODE_OTHER
                               : gre_payload(w, flags, type, inner);
}

enum decode_result tunnel_etherip(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint16_t version = cursor_u16(&c, "version");
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    return version >> 12 == 3 ? link_ethernet(w, inner) : DECODE_OTHER;
}

/* ---- over UDP ---- */

static enum decode_result vxlan(struct walk *w, struct slice s, bool gpe)
{
    struct cursor c = cursor_open(s.bytes);
    uint8_t flags = cursor_u8(&c, "flags");
    cursor_skip(&c, 2, "reserved");
    uint8_t next = cursor_u8(&c, "next protocol");
    uint32_t vni = cursor_u24(&c, "network identifier");
    cursor_skip(&c, 1, "reserved");
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    if (!(flags & 0x08)) {
        return DECODE_OTHER;
    }
    w->out->tunnel = vni;
    if (gpe && flags & 0x04 && (next == 1 || next == 2)) {
        return ip_decode(w, inner);
    }
    return link_ethernet(w, inner);
}

static enum decode_result geneve(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint8_t first = cursor_u8(&c, "version");
    cursor_skip(&c, 1, "flags");
    uint16_t type = cursor_u16(&c, "protocol type");
    uint32_t vni = cursor_u24(&c, "network identifier");
    cursor_skip(&c, 1, "reserved");
    cursor_skip(&c, (size_t)(first & 0x3f) * 4, "options");
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    if (first >> 6 != 0) {
        return DECODE_OTHER;
    }
    w->out->tunnel = vni;
    return type == TYPE_BRIDGING ? link_ethernet(w, inner)
                                 : link_ethertype(w, type, inner);
}

/* Each extension header: its length in 4-byte units, contents, next type. */
static void skip_gtp_extensions(struct cursor *c)
{
    uint8_t next = cursor_u8(c, "next extension");
    while (next != 0 && cursor_ok(c)) {
        size_t len = (size_t)cursor_u8(c, "extension length") * 4;
        if (len == 0) {
            cursor_fail(c, "extension length");
            return;
        }
        cursor_skip(c, len - 2, "extension");
        next = cursor_u8(c, "next extension");
    }
}

static enum decode_result gtp_u(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint8_t flags = cursor_u8(&c, "flags");
    uint8_t type = cursor_u8(&c, "message type");
    size_t len = cursor_u16(&c, "length");
    uint32_t teid = cursor_u32(&c, "tunnel endpoint");
    if (cursor_ok(&c) && ((flags & 0xf0) != 0x30 || type != 0xff)) {
        return DECODE_OTHER;
    }
    s = slice_trim(&s, len + 8);
    if (flags & 0x07) {
        cursor_skip(&c, 3, "sequence, N-PDU");
        skip_gtp_extensions(&c);
    }
    if (cursor_ok(&c) && cursor_offset(&c) > s.bytes.n) {
        return DECODE_MALFORMED;
    }
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    w->out->tunnel = teid;
    return ip_decode(w, inner);
}

static enum decode_result teredo(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    struct cursor peek = c;
    if (cursor_u16(&peek, "indicator") == 1) {
        size_t id = cursor_u8(&peek, "client identifier length");
        size_t value = cursor_u8(&peek, "authentication length");
        cursor_skip(&peek, id + value + 9, "authentication");
        c = peek;
    }
    peek = c;
    if (cursor_u16(&peek, "indicator") == 0) {
        cursor_skip(&peek, 6, "origin");
        c = peek;
    }
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    return cursor_peek(&c) >> 4 == 6 ? ip_decode(w, inner) : DECODE_OTHER;
}

static enum decode_result l2tp(struct walk *w, struct slice s)
{
    enum {
        CONTROL = 0x8000,
        LENGTH = 0x4000,
        SEQUENCE = 0x0800,
        OFFSET = 0x0200
    };
    struct cursor c = cursor_open(s.bytes);
    uint16_t flags = cursor_u16(&c, "flags");
    if (flags & LENGTH) {
        s = slice_trim(&s, cursor_u16(&c, "length"));
    }
    uint32_t tunnel = cursor_u16(&c, "tunnel");
    uint32_t session = cursor_u16(&c, "session");
    if (flags & SEQUENCE) {
        cursor_skip(&c, 4, "sequence");
    }
    if (flags & OFFSET) {
        cursor_skip(&c, cursor_u16(&c, "offset"), "offset padding");
    }
    if ((flags & 0x000f) != 2 || flags & CONTROL) {
        return DECODE_OTHER;
    }
    if (cursor_ok(&c) && cursor_offset(&c) > s.bytes.n) {
        return DECODE_MALFORMED;
    }
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    if (r != DECODE_PACKET) {
        return r;
    }
    w->out->tunnel = tunnel << 16 | session;
    return link_ppp(w, inner);
}

static enum decode_result lisp(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 8, "LISP header");
    struct slice inner;
    enum decode_result r = rest(&c, &s, &inner);
    return r == DECODE_PACKET ? ip_decode(w, inner) : r;
}

static const uint16_t tunnel_ports[] = {
    PORT_L2TP,      PORT_GTP_U,  PORT_TEREDO, PORT_LISP,      PORT_VXLAN,
    PORT_VXLAN_GPE, PORT_GENEVE, PORT_MPLS,   PORT_VXLAN_OLD,
};

const uint16_t *decoder_tunnel_ports(size_t *n)
{
    *n = sizeof tunnel_ports / sizeof tunnel_ports[0];
    return tunnel_ports;
}

bool tunnel_port(uint16_t port)
{
    for (size_t i = 0; i < sizeof tunnel_ports / sizeof tunnel_ports[0]; i++) {
        if (tunnel_ports[i] == port) {
            return true;
        }
    }
    return false;
}

enum decode_result tunnel_udp(struct walk *w, struct slice s)
{
    uint16_t port = w->out->dst.port;
    if (!tunnel_port(port)) {
        port = w->out->src.port;
    }
    switch (port) {
    case PORT_L2TP:
        return l2tp(w, s);
    case PORT_GTP_U:
        return gtp_u(w, s);
    case PORT_TEREDO:
        return teredo(w, s);
    case PORT_LISP:
        return lisp(w, s);
    case PORT_GENEVE:
        return geneve(w, s);
    case PORT_MPLS:
        return link_mpls(w, s);
    default:
        return vxlan(w, s, port == PORT_VXLAN_GPE);
    }
}
