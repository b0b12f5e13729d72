/* SPDX-License-Identifier: Apache-2.0 */
/* Loopback of BSD and macOS. */
#include "decode/layers.h"

/* The family is in the byte order of the machine that captured (NULL), or in
 * network order (LOOP). It is small, so its place tells. */
static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    uint32_t family = cursor_u32(&c, "address family");
    if (family > 0xffff) {
        family = __builtin_bswap32(family);
    }
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    return link_is_ip_family(family) ? ip_decode(w, s) : DECODE_OTHER;
}

const struct encapsulation bsd_loopback_encapsulation = {
    .name = "bsd_loopback",
    .keys = {{BY_LINKTYPE, 0}, {BY_LINKTYPE, 108}},
    .read = read,
};
