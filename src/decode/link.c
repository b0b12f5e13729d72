/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ethernet with VLAN tags (IEEE 802.1Q, 802.1ad) and Cisco's tags, LLC and SNAP
 * (RFC 1042). Other link layers, and what else EtherTypes announce, are
 * encapsulations (encap/). Addresses are kept for EAPOL only, which has no
 * others. MACsec is not read.
 */
#include "decode/layers.h"

enum {
    TYPE_VLAN = 0x8100,
    TYPE_QINQ = 0x88a8,
    TYPE_CISCO_META = 0x8909,
    TYPE_VNTAG = 0x8926,
    TYPE_QINQ_OLD = 0x9100,
    TYPE_QINQ_OLDER = 0x9200,
};

/* ---- LLC ---- */

enum decode_result link_llc(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint32_t head = cursor_u24(&c, "LLC header");
    enum decode_result r;
    if (head == 0x060603) { /* IP's own service access point */
        return slice_open(&c, &s, &r) ? ip_decode(w, s) : r;
    }
    if (cursor_ok(&c) && head != 0xaaaa03) {
        return DECODE_OTHER;
    }
    uint32_t organization = cursor_u24(&c, "SNAP organization");
    uint16_t type = cursor_u16(&c, "SNAP type");
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    /* RFC 1042, or bridged by IEEE 802.1H. */
    if (organization != 0 && organization != 0x0000f8) {
        return DECODE_OTHER;
    }
    return link_ethertype(w, type, s);
}

/* ---- Ethernet ---- */

static void note_vlan(struct packet *out, uint16_t tag)
{
    uint16_t vid = tag & 0x0fff;
    if (out->vlan == VLAN_NONE && vid != 0) {
        out->vlan = vid;
    }
}

/* Passes over one tag that stands between two types; false when `type` is
 * none. */
static bool skip_tag(struct walk *w, struct cursor *c, uint16_t *type)
{
    switch (*type) {
    case TYPE_VLAN:
    case TYPE_QINQ:
    case TYPE_QINQ_OLD:
    case TYPE_QINQ_OLDER:
        note_vlan(w->out, cursor_u16(c, "VLAN tag"));
        break;
    case TYPE_VNTAG:
        cursor_skip(c, 4, "VN-Tag");
        break;
    case TYPE_CISCO_META:
        cursor_skip(c, 6, "Cisco metadata");
        break;
    default:
        return false;
    }
    *type = cursor_u16(c, "type");
    return cursor_ok(c);
}

enum decode_result link_ethertype(struct walk *w, uint16_t type, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    while (skip_tag(w, &c, &type)) {
    }
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    if (type == TYPE_IPV4 || type == TYPE_IPV6) {
        return ip_decode(w, s);
    }
    if (type < LINK_TYPE_MIN) {
        return link_llc(w, slice_trim(&s, type));
    }
    struct encap_key key = {BY_ETHERTYPE, type};
    const struct encapsulation *e = encap_find(key);
    return e ? e->read(w, s, key) : DECODE_OTHER;
}

enum decode_result link_ethernet(struct walk *w, struct slice s)
{
    if (++w->ethernet_headers > LIMIT_NESTING) {
        return DECODE_MALFORMED;
    }
    struct span frame = s.bytes;
    struct cursor c = cursor_open(frame);
    cursor_skip(&c, 12, "addresses");
    uint16_t type = cursor_u16(&c, "type");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    if (type == TYPE_IPV4 || type == TYPE_IPV6) {
        return ip_decode(w, s);
    }
    w->mac_dst = span_sub(frame, 0, 6);
    w->mac_src = span_sub(frame, 6, 6);
    return link_ethertype(w, type, s);
}

/* ---- by number ---- */

/* Address families differ between systems. */
bool link_is_ip_family(uint32_t family)
{
    switch (family) {
    case 2:  /* IPv4 everywhere */
    case 10: /* IPv6: Linux */
    case 23: /* Windows */
    case 24: /* NetBSD, OpenBSD */
    case 26: /* Solaris */
    case 28: /* FreeBSD */
    case 30: /* macOS */
        return true;
    default:
        return false;
    }
}

enum decode_result link_decode(struct walk *w, int linktype, struct slice s)
{
    if (linktype == LINK_ETHERNET) {
        return link_ethernet(w, s);
    }
    if (linktype < 0 || linktype > UINT16_MAX) {
        return DECODE_LINKTYPE;
    }
    struct encap_key key = {BY_LINKTYPE, (uint16_t)linktype};
    const struct encapsulation *e = encap_find(key);
    return e ? e->read(w, s, key) : DECODE_LINKTYPE;
}

bool decoder_knows_linktype(int linktype)
{
    return linktype == LINK_ETHERNET ||
           (linktype >= 0 && linktype <= UINT16_MAX &&
            encap_find((struct encap_key){BY_LINKTYPE, (uint16_t)linktype}));
}
