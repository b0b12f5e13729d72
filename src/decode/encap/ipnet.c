/* SPDX-License-Identifier: Apache-2.0 */
/* IPNET, of Solaris. */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    uint8_t version = cursor_u8(&c, "version");
    uint8_t family = cursor_u8(&c, "family");
    cursor_skip(&c, 22, "hook, length, interfaces, zones");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    return version == 1 && link_is_ip_family(family) ? ip_decode(w, s)
                                                     : DECODE_OTHER;
}

const struct encapsulation ipnet_encapsulation = {
    .name = "ipnet",
    .keys = {{BY_LINKTYPE, 226}},
    .read = read,
};
