/* SPDX-License-Identifier: Apache-2.0 */
/* Cisco HDLC: serial lines. */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 2, "address, control");
    uint16_t type = cursor_u16(&c, "protocol");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    return type < LINK_TYPE_MIN ? DECODE_OTHER : link_ethertype(w, type, s);
}

const struct encapsulation hdlc_encapsulation = {
    .name = "hdlc",
    .keys = {{BY_LINKTYPE, 104}},
    .read = read,
};
