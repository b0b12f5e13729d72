/* SPDX-License-Identifier: Apache-2.0 */
/* The log of OpenBSD's packet filter. */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    size_t len = cursor_u8(&c, "length");
    uint8_t family = cursor_u8(&c, "family");
    if (cursor_ok(&c) && len < 4) {
        return DECODE_MALFORMED;
    }
    cursor_skip(&c, ((len + 3) & ~(size_t)3) - 2, "PF header");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    return link_is_ip_family(family) ? ip_decode(w, s) : DECODE_OTHER;
}

const struct encapsulation pflog_encapsulation = {
    .name = "pflog",
    .keys = {{BY_LINKTYPE, 117}},
    .read = read,
};
