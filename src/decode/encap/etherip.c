/* SPDX-License-Identifier: Apache-2.0 */
/* EtherIP (RFC 3378). */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    uint16_t version = cursor_u16(&c, "version");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    return version >> 12 == 3 ? link_ethernet(w, s) : DECODE_OTHER;
}

const struct encapsulation etherip_encapsulation = {
    .name = "etherip",
    .keys = {{BY_IP_PROTO, 97}},
    .read = read,
};
