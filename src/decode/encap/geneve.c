/* SPDX-License-Identifier: Apache-2.0 */
/* GENEVE (RFC 8926). */
#include "decode/layers.h"

/* Ethernet frames (Transparent Ethernet Bridging). */
#define TYPE_ETHERNET 0x6558

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    uint8_t first = cursor_u8(&c, "version");
    cursor_skip(&c, 1, "flags");
    uint16_t type = cursor_u16(&c, "protocol type");
    uint32_t vni = cursor_u24(&c, "network identifier");
    cursor_skip(&c, 1, "reserved");
    cursor_skip(&c, (size_t)(first & 0x3f) * 4, "options");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    if (first >> 6 != 0) {
        return DECODE_OTHER;
    }
    w->out->tunnel = vni;
    return type == TYPE_ETHERNET ? link_ethernet(w, s)
                                 : link_ethertype(w, type, s);
}

const struct encapsulation geneve_encapsulation = {
    .name = "geneve",
    .keys = {{BY_UDP_PORT, 6081}},
    .read = read,
};
