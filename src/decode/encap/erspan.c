/* SPDX-License-Identifier: Apache-2.0 */
/* ERSPAN I to III (draft-foschiano-erspan): mirror ports over GRE. */
#include "decode/layers.h"

enum { TYPE_ERSPAN = 0x88be, TYPE_ERSPAN3 = 0x22eb };

static enum decode_result erspan2(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint32_t word = cursor_u32(&c, "version, VLAN, session");
    cursor_skip(&c, 4, "index");
    w->out->tunnel = word & 0x3ff;
    enum decode_result r;
    return slice_open(&c, &s, &r) ? link_ethernet(w, s) : r;
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
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    unsigned frame_type = flags >> 10 & 0x1f;
    return frame_type == 2 ? ip_decode(w, s) : link_ethernet(w, s);
}

/* Type I has no header of its own and no sequence number. */
static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    if (from.number == TYPE_ERSPAN3) {
        return erspan3(w, s);
    }
    return w->gre_flags & GRE_SEQUENCE ? erspan2(w, s) : link_ethernet(w, s);
}

const struct encapsulation erspan_encapsulation = {
    .name = "erspan",
    .keys = {{BY_GRE_TYPE, TYPE_ERSPAN}, {BY_GRE_TYPE, TYPE_ERSPAN3}},
    .read = read,
};
