/* SPDX-License-Identifier: Apache-2.0 */
/* IP in IP: RFC 2003, 6in4 (RFC 4213), RFC 2473; and captures of bare IP. */
#include "decode/layers.h"

enum { DLT_RAW = 12, DLT_RAW_OPENBSD = 14, RAW = 101, IPV4 = 228, IPV6 = 229 };

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    return ip_decode(w, s);
}

const struct encapsulation ip_in_ip_encapsulation = {
    .name = "ip_in_ip",
    .keys = {{BY_IP_PROTO, 4},
             {BY_IP_PROTO, 41},
             {BY_LINKTYPE, DLT_RAW},
             {BY_LINKTYPE, DLT_RAW_OPENBSD},
             {BY_LINKTYPE, RAW},
             {BY_LINKTYPE, IPV4},
             {BY_LINKTYPE, IPV6}},
    .read = read,
};
