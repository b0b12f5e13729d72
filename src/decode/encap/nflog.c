/* SPDX-License-Identifier: Apache-2.0 */
/* Netfilter's log, NFLOG. */
#include "decode/layers.h"

/* Netfilter's log: attributes in the byte order of the machine that captured;
 * one of them is the packet. */
static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    enum { PAYLOAD = 9, TYPE_MASK = 0x7fff };
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 4, "family, version, resource");
    /* Lengths are small: the first one tells the byte order. */
    struct cursor peek = c;
    bool little = cursor_u8(&peek, "length") != 0;
    while (cursor_left(&c)) {
        uint16_t len =
            little ? cursor_le16(&c, "length") : cursor_u16(&c, "length");
        uint16_t type =
            little ? cursor_le16(&c, "type") : cursor_u16(&c, "type");
        if (cursor_ok(&c) && len < 4) {
            return DECODE_MALFORMED;
        }
        if (cursor_ok(&c) && (type & TYPE_MASK) == PAYLOAD) {
            struct slice packet = slice_after(&s, cursor_offset(&c));
            return ip_decode(w, slice_trim(&packet, len - 4u));
        }
        cursor_skip(&c, ((len + 3u) & ~3u) - 4u, "attribute");
    }
    return cursor_done(&c) && s.bytes.n == s.wire ? DECODE_OTHER
                                                  : slice_short(&s);
}

const struct encapsulation nflog_encapsulation = {
    .name = "nflog",
    .keys = {{BY_LINKTYPE, 239}},
    .read = read,
};
