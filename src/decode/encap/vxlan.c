/* SPDX-License-Identifier: Apache-2.0 */
/* VXLAN (RFC 7348), and VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe). */
#include "decode/layers.h"

enum {
    PORT_VXLAN = 4789,
    PORT_GPE = 4790,
    PORT_OLD = 8472, /* Linux's default before there was an RFC */
};

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    struct cursor c = cursor_open(s.bytes);
    uint8_t flags = cursor_u8(&c, "flags");
    cursor_skip(&c, 2, "reserved");
    uint8_t next = cursor_u8(&c, "next protocol");
    uint32_t vni = cursor_u24(&c, "network identifier");
    cursor_skip(&c, 1, "reserved");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    if (!(flags & 0x08)) {
        return DECODE_OTHER;
    }
    w->out->tunnel = vni;
    if (from.number == PORT_GPE && flags & 0x04 && (next == 1 || next == 2)) {
        return ip_decode(w, s);
    }
    return link_ethernet(w, s);
}

const struct encapsulation vxlan_encapsulation = {
    .name = "vxlan",
    .keys = {{BY_UDP_PORT, PORT_VXLAN},
             {BY_UDP_PORT, PORT_OLD},
             {BY_UDP_PORT, PORT_GPE}},
    .read = read,
};
