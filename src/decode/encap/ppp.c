/* SPDX-License-Identifier: Apache-2.0 */
/* PPP (RFC 1661), with or without HDLC-like framing (RFC 1662). */
#include "decode/layers.h"

enum { PPP = 9, PPP_HDLC = 50, PPP_WITH_DIRECTION = 204 };

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
    return slice_open(&c, &s, &r) ? ppp_payload(w, protocol, s) : r;
}

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    if (from.by == BY_LINKTYPE && from.number == PPP_WITH_DIRECTION) {
        s = slice_after(&s, s.bytes.n ? 1 : 0);
    }
    return link_ppp(w, s);
}

const struct encapsulation ppp_encapsulation = {
    .name = "ppp",
    .keys = {{BY_LINKTYPE, PPP},
             {BY_LINKTYPE, PPP_HDLC},
             {BY_LINKTYPE, PPP_WITH_DIRECTION},
             {BY_ETHERTYPE, 0x880b}},
    .read = read,
};
