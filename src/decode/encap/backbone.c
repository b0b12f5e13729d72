/* SPDX-License-Identifier: Apache-2.0 */
/* Provider backbone bridges: Ethernet in Ethernet (IEEE 802.1ah). */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    w->out->tunnel = cursor_u32(&c, "service tag") & 0xffffff;
    enum decode_result r;
    return slice_open(&c, &s, &r) ? link_ethernet(w, s) : r;
}

const struct encapsulation backbone_encapsulation = {
    .name = "backbone",
    .keys = {{BY_ETHERTYPE, 0x88e7}},
    .read = read,
};
