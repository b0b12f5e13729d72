/* SPDX-License-Identifier: Apache-2.0 */
/* Teredo (RFC 4380): IPv6 through IPv4 NAT. */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    struct cursor peek = c;
    if (cursor_u16(&peek, "indicator") == 1) {
        size_t id = cursor_u8(&peek, "client identifier length");
        size_t value = cursor_u8(&peek, "authentication length");
        cursor_skip(&peek, id + value + 9, "authentication");
        c = peek;
    }
    peek = c;
    if (cursor_u16(&peek, "indicator") == 0) {
        cursor_skip(&peek, 6, "origin");
        c = peek;
    }
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    return cursor_peek(&c) >> 4 == 6 ? ip_decode(w, s) : DECODE_OTHER;
}

const struct encapsulation teredo_encapsulation = {
    .name = "teredo",
    .keys = {{BY_UDP_PORT, 3544}},
    .read = read,
};
