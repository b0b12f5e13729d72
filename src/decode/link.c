/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link layers, by LINKTYPE_ value (pcap-linktype(7)): Ethernet with VLAN tags
 * (IEEE 802.1Q, 802.1ad), Cisco and provider-backbone tags, MPLS (RFC 3032),
 * PPPoE (RFC 2516), PPP (RFC 1661), LLC and SNAP (RFC 1042), Linux "cooked"
 * captures, BSD loopback, raw IP, Cisco HDLC, NFLOG, IPNET, PFLOG, and 802.11
 * data frames behind radiotap or PPI headers. Addresses are kept for EAPOL
 * only, which has no others.
 *
 * Not read: what is encrypted (802.11 protected frames, MACsec), A-MSDUs.
 */
#include "decode/layers.h"

enum {
    LINK_NULL = 0,
    LINK_PPP = 9,
    LINK_DLT_RAW = 12,
    LINK_DLT_RAW_OPENBSD = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPP_ETHER = 51,
    LINK_RAW = 101,
    LINK_C_HDLC = 104,
    LINK_802_11 = 105,
    LINK_LOOP = 108,
    LINK_LINUX_SLL = 113,
    LINK_PFLOG = 117,
    LINK_802_11_RADIOTAP = 127,
    LINK_PPI = 192,
    LINK_PPP_WITH_DIR = 204,
    LINK_IPNET = 226,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_NFLOG = 239,
    LINK_LINUX_SLL2 = 276,
};

enum {
    TYPE_BRIDGING = 0x6558,
    TYPE_VLAN = 0x8100,
    TYPE_PPP = 0x880b,
    TYPE_MPLS = 0x8847,
    TYPE_MPLS_UPSTREAM = 0x8848,
    TYPE_PPPOE = 0x8864,
    TYPE_QINQ = 0x88a8,
    TYPE_PBB = 0x88e7,
    TYPE_CISCO_META = 0x8909,
    TYPE_EAPOL = 0x888e,
    TYPE_PREAUTH = 0x88c7, /* EAPOL through an access point (802.11i) */
    TYPE_VNTAG = 0x8926,
    TYPE_QINQ_OLD = 0x9100,
    TYPE_QINQ_OLDER = 0x9200,
};

/* A type field below this is an IEEE 802.3 length. */
#define TYPE_MIN 0x0600

/* Opens what follows the header that c has read. */
static bool opened(const struct cursor *c, struct slice *s,
                   enum decode_result *r)
{
    if (!cursor_ok(c)) {
        *r = slice_short(s);
        return false;
    }
    *s = slice_after(s, cursor_offset(c));
    return true;
}

/* ---- LLC, PPP, MPLS ---- */

static enum decode_result llc(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint32_t head = cursor_u24(&c, "LLC header");
    enum decode_result r;
    if (head == 0x060603) { /* IP's own service access point */
        return opened(&c, &s, &r) ? ip_decode(w, s) : r;
    }
    if (cursor_ok(&c) && head != 0xaaaa03) {
        return DECODE_OTHER;
    }
    uint32_t organization = cursor_u24(&c, "SNAP organization");
    uint16_t type = cursor_u16(&c, "SNAP type");
    if (!opened(&c, &s, &r)) {
        return r;
    }
    /* RFC 1042, or bridged by IEEE 802.1H. */
    if (organization != 0 && organization != 0x0000f8) {
        return DECODE_OTHER;
    }
    return link_ethertype(w, type, s);
}

static enum decode_result ppp_payload(struct walk *w, uint16_t protocol,
                                      struct slice s)
{
    switch (protocol) {
    case 0x0021:
    case 0x0057:
        return ip_decode(w, s);
    case 0x0281:
    case 0x0283:
        return link_mpls(w, s);
    default:
        return DECODE_OTHER;
    }
}

enum decode_result link_ppp(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint16_t protocol = cursor_u8(&c, "protocol");
    if (protocol == 0xff) { /* HDLC-like framing (RFC 1662) */
        cursor_skip(&c, 1, "control");
        protocol = cursor_u8(&c, "protocol");
    }
    if (!(protocol & 1)) { /* not compressed to one byte */
        protocol = (uint16_t)(protocol << 8 | cursor_u8(&c, "protocol"));
    }
    enum decode_result r;
    return opened(&c, &s, &r) ? ppp_payload(w, protocol, s) : r;
}

static enum decode_result pppoe(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint8_t version = cursor_u8(&c, "version, type");
    uint8_t code = cursor_u8(&c, "code");
    cursor_skip(&c, 2, "session");
    size_t len = cursor_u16(&c, "length");
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    if (version != 0x11 || code != 0) {
        return DECODE_OTHER;
    }
    return link_ppp(w, slice_trim(&s, len));
}

/* An Ethernet pseudowire, with or without a control word (RFC 4448): nothing
 * in the packet says which, so what gives a packet is right. */
static enum decode_result pseudowire(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    if (cursor_peek(&c) >> 4 == 0 && s.bytes.n > 4) {
        struct packet before = *w->out;
        enum decode_result r = link_ethernet(w, slice_after(&s, 4));
        if (r == DECODE_PACKET || r == DECODE_FRAGMENT) {
            return r;
        }
        *w->out = before;
    }
    enum decode_result r = link_ethernet(w, s);
    return r == DECODE_MALFORMED ? DECODE_OTHER : r;
}

enum decode_result link_mpls(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint32_t entry;
    do {
        entry = cursor_u32(&c, "label stack entry");
    } while (cursor_ok(&c) && !(entry & 0x100));
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    w->out->tunnel = entry >> 12;
    switch (cursor_peek(&c) >> 4) {
    case 4:
    case 6:
        return ip_decode(w, s);
    default:
        return pseudowire(w, s);
    }
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

static enum decode_result backbone(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    w->out->tunnel = cursor_u32(&c, "service tag") & 0xffffff;
    enum decode_result r;
    return opened(&c, &s, &r) ? link_ethernet(w, s) : r;
}

static enum decode_result rare_type(struct walk *w, uint16_t type,
                                    struct slice s)
{
    switch (type) {
    case TYPE_MPLS:
    case TYPE_MPLS_UPSTREAM:
        return link_mpls(w, s);
    case TYPE_PPPOE:
        return pppoe(w, s);
    case TYPE_PPP:
        return link_ppp(w, s);
    case TYPE_BRIDGING:
        return link_ethernet(w, s);
    case TYPE_PBB:
        return backbone(w, s);
    case TYPE_EAPOL:
    case TYPE_PREAUTH:
        return eapol_decode(w, s);
    default:
        return type < TYPE_MIN ? llc(w, slice_trim(&s, type)) : DECODE_OTHER;
    }
}

enum decode_result link_ethertype(struct walk *w, uint16_t type, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    while (skip_tag(w, &c, &type)) {
    }
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    if (type == TYPE_IPV4 || type == TYPE_IPV6) {
        return ip_decode(w, s);
    }
    return rare_type(w, type, s);
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
    if (!opened(&c, &s, &r)) {
        return r;
    }
    if (type == TYPE_IPV4 || type == TYPE_IPV6) {
        return ip_decode(w, s);
    }
    w->mac_dst = span_sub(frame, 0, 6);
    w->mac_src = span_sub(frame, 6, 6);
    return link_ethertype(w, type, s);
}

/* ---- captures of a host ---- */

/* In "cooked" captures some values of the type field are Linux's own. */
static enum decode_result cooked(struct walk *w, uint16_t hardware,
                                 uint16_t type, struct slice s)
{
    enum { ARPHRD_NETLINK = 824, NOVELL_802_3 = 1, LLC_802_2 = 4 };
    if (hardware == ARPHRD_NETLINK || type == NOVELL_802_3) {
        return DECODE_OTHER;
    }
    if (type == LLC_802_2) {
        return llc(w, s);
    }
    return type < TYPE_MIN ? DECODE_OTHER : link_ethertype(w, type, s);
}

static enum decode_result linux_sll(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 2, "packet type");
    uint16_t hardware = cursor_u16(&c, "hardware type");
    uint16_t address = cursor_u16(&c, "address length");
    w->mac_src = span_sub(cursor_take(&c, 8, "address"), 0, address);
    uint16_t type = cursor_u16(&c, "protocol type");
    enum decode_result r;
    return opened(&c, &s, &r) ? cooked(w, hardware, type, s) : r;
}

static enum decode_result linux_sll2(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint16_t type = cursor_u16(&c, "protocol type");
    cursor_skip(&c, 6, "interface");
    uint16_t hardware = cursor_u16(&c, "hardware type");
    cursor_skip(&c, 1, "packet type");
    uint8_t address = cursor_u8(&c, "address length");
    w->mac_src = span_sub(cursor_take(&c, 8, "address"), 0, address);
    enum decode_result r;
    return opened(&c, &s, &r) ? cooked(w, hardware, type, s) : r;
}

/* Address families differ between systems. */
static bool is_ip_family(uint32_t family)
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

/* The family is in the byte order of the machine that captured (NULL), or in
 * network order (LOOP). It is small, so its place tells. */
static enum decode_result bsd_loopback(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint32_t family = cursor_u32(&c, "address family");
    if (family > 0xffff) {
        family = __builtin_bswap32(family);
    }
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    return is_ip_family(family) ? ip_decode(w, s) : DECODE_OTHER;
}

static enum decode_result ipnet(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint8_t version = cursor_u8(&c, "version");
    uint8_t family = cursor_u8(&c, "family");
    cursor_skip(&c, 22, "hook, length, interfaces, zones");
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    return version == 1 && is_ip_family(family) ? ip_decode(w, s)
                                                : DECODE_OTHER;
}

static enum decode_result pflog(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    size_t len = cursor_u8(&c, "length");
    uint8_t family = cursor_u8(&c, "family");
    if (cursor_ok(&c) && len < 4) {
        return DECODE_MALFORMED;
    }
    cursor_skip(&c, ((len + 3) & ~(size_t)3) - 2, "PF header");
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    return is_ip_family(family) ? ip_decode(w, s) : DECODE_OTHER;
}

/* Netfilter's log: attributes in the byte order of the machine that captured;
 * one of them is the packet. */
static enum decode_result nflog(struct walk *w, struct slice s)
{
    enum { PAYLOAD = 9, TYPE_MASK = 0x7fff };
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 4, "family, version, resource");
    /* Lengths are small: the first one tells the byte order. */
    struct cursor peek = c;
    bool little = cursor_u8(&peek, "length") != 0;
    while (cursor_left(&c)) {
        uint16_t len =
            little ? cursor_le16(&c, "length") : cursor_u16(&c, "length");
        uint16_t type =
            little ? cursor_le16(&c, "type") : cursor_u16(&c, "type");
        if (cursor_ok(&c) && len < 4) {
            return DECODE_MALFORMED;
        }
        if (cursor_ok(&c) && (type & TYPE_MASK) == PAYLOAD) {
            struct slice packet = slice_after(&s, cursor_offset(&c));
            return ip_decode(w, slice_trim(&packet, len - 4u));
        }
        cursor_skip(&c, ((len + 3u) & ~3u) - 4u, "attribute");
    }
    return cursor_done(&c) && s.bytes.n == s.wire ? DECODE_OTHER
                                                  : slice_short(&s);
}

/* ---- serial lines ---- */

static enum decode_result cisco_hdlc(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 2, "address, control");
    uint16_t type = cursor_u16(&c, "protocol");
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    return type < TYPE_MIN ? DECODE_OTHER : link_ethertype(w, type, s);
}

static enum decode_result ppp_with_direction(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 1, "direction");
    enum decode_result r;
    return opened(&c, &s, &r) ? link_ppp(w, s) : r;
}

/* ---- 802.11 ---- */

/* IEEE 802.11 section 9.3.2: data frames that carry data in the clear. */
static enum decode_result wifi(struct walk *w, struct slice s)
{
    enum {
        TO_DS = 0x01,
        FROM_DS = 0x02,
        PROTECTED = 0x40,
        ORDER = 0x80,
        NO_DATA = 0x40,
        QOS = 0x80,
        AMSDU = 0x80
    };
    struct cursor c = cursor_open(s.bytes);
    uint8_t control = cursor_u8(&c, "frame control");
    uint8_t flags = cursor_u8(&c, "frame control flags");
    if (cursor_ok(&c) &&
        ((control & 0x0f) != 0x08 || control & NO_DATA || flags & PROTECTED)) {
        return DECODE_OTHER;
    }
    cursor_skip(&c, 2, "duration");
    struct span address[4];
    for (unsigned i = 0; i < 3; i++) {
        address[i] = cursor_take(&c, 6, "address");
    }
    cursor_skip(&c, 2, "sequence");
    if ((flags & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS)) {
        address[3] = cursor_take(&c, 6, "fourth address");
        w->mac_src = address[3];
    } else {
        w->mac_src = address[flags & FROM_DS ? 2 : 1];
    }
    w->mac_dst = address[flags & TO_DS ? 2 : 0];
    uint8_t qos = 0;
    if (control & QOS) {
        qos = cursor_u8(&c, "QoS control");
        cursor_skip(&c, 1, "QoS control");
        if (flags & ORDER) {
            cursor_skip(&c, 4, "HT control");
        }
    }
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    return qos & AMSDU ? DECODE_OTHER : llc(w, s);
}

static enum decode_result radiotap(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 2, "version");
    size_t len = cursor_le16(&c, "length");
    if (cursor_ok(&c) && len < 8) {
        return DECODE_MALFORMED;
    }
    cursor_skip(&c, len - 4, "radiotap fields");
    enum decode_result r;
    return opened(&c, &s, &r) ? wifi(w, s) : r;
}

static enum decode_result ppi(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 2, "version, flags");
    size_t len = cursor_le16(&c, "length");
    uint32_t linktype = cursor_le32(&c, "link type");
    if (cursor_ok(&c) && len < 8) {
        return DECODE_MALFORMED;
    }
    cursor_skip(&c, len - 8, "PPI fields");
    enum decode_result r;
    if (!opened(&c, &s, &r)) {
        return r;
    }
    if (linktype == LINK_PPI || linktype > INT16_MAX) {
        return DECODE_OTHER;
    }
    return link_decode(w, (int)linktype, s);
}

/* ---- */

typedef enum decode_result link_reader(struct walk *w, struct slice s);

static link_reader *reader_of(int linktype)
{
    switch (linktype) {
    case LINK_NULL:
    case LINK_LOOP:
        return bsd_loopback;
    case LINK_ETHERNET:
        return link_ethernet;
    case LINK_PPP:
    case LINK_PPP_HDLC:
        return link_ppp;
    case LINK_PPP_ETHER:
        return pppoe;
    case LINK_PPP_WITH_DIR:
        return ppp_with_direction;
    case LINK_DLT_RAW:
    case LINK_DLT_RAW_OPENBSD:
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6:
        return ip_decode;
    case LINK_C_HDLC:
        return cisco_hdlc;
    case LINK_802_11:
        return wifi;
    case LINK_802_11_RADIOTAP:
        return radiotap;
    case LINK_PPI:
        return ppi;
    case LINK_LINUX_SLL:
        return linux_sll;
    case LINK_LINUX_SLL2:
        return linux_sll2;
    case LINK_PFLOG:
        return pflog;
    case LINK_IPNET:
        return ipnet;
    case LINK_NFLOG:
        return nflog;
    default:
        return NULL;
    }
}

enum decode_result link_decode(struct walk *w, int linktype, struct slice s)
{
    if (linktype == LINK_ETHERNET) {
        return link_ethernet(w, s);
    }
    link_reader *read = reader_of(linktype);
    return read ? read(w, s) : DECODE_LINKTYPE;
}

bool decoder_knows_linktype(int linktype)
{
    return reader_of(linktype) != NULL;
}
