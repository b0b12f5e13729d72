/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet frames behind their own type: transparent bridging in GRE, which
 * NVGRE (RFC 7637) uses, too. */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    if (from.by == BY_GRE_TYPE) {
        w->out->tunnel >>= 8; /* NVGRE: the last byte is a flow number */
    }
    return link_ethernet(w, s);
}

const struct encapsulation bridging_encapsulation = {
    .name = "bridging",
    .keys = {{BY_GRE_TYPE, 0x6558}, {BY_ETHERTYPE, 0x6558}},
    .read = read,
};
