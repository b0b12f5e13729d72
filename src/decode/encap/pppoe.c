/* SPDX-License-Identifier: Apache-2.0 */
/* PPP over Ethernet, session stage (RFC 2516). */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    uint8_t version = cursor_u8(&c, "version, type");
    uint8_t code = cursor_u8(&c, "code");
    cursor_skip(&c, 2, "session");
    size_t len = cursor_u16(&c, "length");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    if (version != 0x11 || code != 0) {
        return DECODE_OTHER;
    }
    return link_ppp(w, slice_trim(&s, len));
}

const struct encapsulation pppoe_encapsulation = {
    .name = "pppoe",
    .keys = {{BY_ETHERTYPE, 0x8864}, {BY_LINKTYPE, 51}},
    .read = read,
};
