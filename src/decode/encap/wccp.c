/* SPDX-License-Identifier: Apache-2.0 */
/* WCCP: IP in GRE to a cache, version 2 with a header of its own before it. */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    if (cursor_peek(&c) >> 4 != 4) {
        cursor_skip(&c, 4, "redirect header");
    }
    enum decode_result r;
    return slice_open(&c, &s, &r) ? ip_decode(w, s) : r;
}

const struct encapsulation wccp_encapsulation = {
    .name = "wccp",
    .keys = {{BY_GRE_TYPE, 0x883e}},
    .read = read,
};
