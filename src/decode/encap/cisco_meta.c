/* SPDX-License-Identifier: Apache-2.0 */
/* Cisco metadata in GRE, where the type stands before it, not behind it as on
 * Ethernet. */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    uint16_t type = cursor_u16(&c, "type");
    cursor_skip(&c, 6, "metadata");
    enum decode_result r;
    return slice_open(&c, &s, &r) ? link_ethertype(w, type, s) : r;
}

const struct encapsulation cisco_meta_encapsulation = {
    .name = "cisco_meta",
    .keys = {{BY_GRE_TYPE, 0x8909}},
    .read = read,
};
