/* SPDX-License-Identifier: Apache-2.0 */
/* GTP-U (3GPP TS 29.281), of mobile networks. */
#include "decode/layers.h"

/* Each extension header: its length in 4-byte units, contents, next type. */
static void skip_gtp_extensions(struct cursor *c)
{
    uint8_t next = cursor_u8(c, "next extension");
    while (next != 0 && cursor_ok(c)) {
        size_t len = (size_t)cursor_u8(c, "extension length") * 4;
        if (len == 0) {
            cursor_fail(c, "extension length");
            return;
        }
        cursor_skip(c, len - 2, "extension");
        next = cursor_u8(c, "next extension");
    }
}

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    uint8_t flags = cursor_u8(&c, "flags");
    uint8_t type = cursor_u8(&c, "message type");
    size_t len = cursor_u16(&c, "length");
    uint32_t teid = cursor_u32(&c, "tunnel endpoint");
    if (cursor_ok(&c) && ((flags & 0xf0) != 0x30 || type != 0xff)) {
        return DECODE_OTHER;
    }
    s = slice_trim(&s, len + 8);
    if (flags & 0x07) {
        cursor_skip(&c, 3, "sequence, N-PDU");
        skip_gtp_extensions(&c);
    }
    if (cursor_ok(&c) && cursor_offset(&c) > s.bytes.n) {
        return DECODE_MALFORMED;
    }
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    w->out->tunnel = teid;
    return ip_decode(w, s);
}

const struct encapsulation gtp_u_encapsulation = {
    .name = "gtp_u",
    .keys = {{BY_UDP_PORT, 2152}},
    .read = read,
};
