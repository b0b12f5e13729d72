/* SPDX-License-Identifier: Apache-2.0 */
/* LISP (RFC 9300). */
#include "decode/layers.h"

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 8, "LISP header");
    enum decode_result r;
    return slice_open(&c, &s, &r) ? ip_decode(w, s) : r;
}

const struct encapsulation lisp_encapsulation = {
    .name = "lisp",
    .keys = {{BY_UDP_PORT, 4341}},
    .read = read,
};
