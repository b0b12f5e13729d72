/* SPDX-License-Identifier: Apache-2.0 */
/* MPLS (RFC 3032), also over IP (RFC 4023) and UDP (RFC 7510). */
#include "decode/layers.h"

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
    if (!slice_open(&c, &s, &r)) {
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

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    return link_mpls(w, s);
}

const struct encapsulation mpls_encapsulation = {
    .name = "mpls",
    .keys = {{BY_ETHERTYPE, 0x8847},
             {BY_ETHERTYPE, 0x8848},
             {BY_IP_PROTO, 137},
             {BY_UDP_PORT, 6635}},
    .read = read,
};
