/* SPDX-License-Identifier: Apache-2.0 */
/* L2TPv2 (RFC 2661): PPP over UDP. L2TPv3 is not read. */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    enum {
        CONTROL = 0x8000,
        LENGTH = 0x4000,
        SEQUENCE = 0x0800,
        OFFSET = 0x0200
    };
    struct cursor c = cursor_open(s.bytes);
    uint16_t flags = cursor_u16(&c, "flags");
    if (flags & LENGTH) {
        s = slice_trim(&s, cursor_u16(&c, "length"));
    }
    uint32_t tunnel = cursor_u16(&c, "tunnel");
    uint32_t session = cursor_u16(&c, "session");
    if (flags & SEQUENCE) {
        cursor_skip(&c, 4, "sequence");
    }
    if (flags & OFFSET) {
        cursor_skip(&c, cursor_u16(&c, "offset"), "offset padding");
    }
    if ((flags & 0x000f) != 2 || flags & CONTROL) {
        return DECODE_OTHER;
    }
    if (cursor_ok(&c) && cursor_offset(&c) > s.bytes.n) {
        return DECODE_MALFORMED;
    }
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    w->out->tunnel = tunnel << 16 | session;
    return link_ppp(w, s);
}

const struct encapsulation l2tp_encapsulation = {
    .name = "l2tp",
    .keys = {{BY_UDP_PORT, 1701}},
    .read = read,
};
