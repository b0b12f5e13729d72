/* SPDX-License-Identifier: Apache-2.0 */
/* Linux's "cooked" captures, of the interface `any`: versions 1 and 2. */
#include "decode/layers.h"

enum { SLL = 113, SLL2 = 276 };

/* In "cooked" captures some values of the type field are Linux's own. */
static enum decode_result cooked(struct walk *w, uint16_t hardware,
                                 uint16_t type, struct slice s)
{
    enum { ARPHRD_NETLINK = 824, NOVELL_802_3 = 1, LLC_802_2 = 4 };
    if (hardware == ARPHRD_NETLINK || type == NOVELL_802_3) {
        return DECODE_OTHER;
    }
    if (type == LLC_802_2) {
        return link_llc(w, s);
    }
    return type < LINK_TYPE_MIN ? DECODE_OTHER : link_ethertype(w, type, s);
}

static enum decode_result linux_sll(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 2, "packet type");
    uint16_t hardware = cursor_u16(&c, "hardware type");
    uint16_t address = cursor_u16(&c, "address length");
    w->mac_src = span_sub(cursor_take(&c, 8, "address"), 0, address);
    uint16_t type = cursor_u16(&c, "protocol type");
    enum decode_result r;
    return slice_open(&c, &s, &r) ? cooked(w, hardware, type, s) : r;
}

static enum decode_result linux_sll2(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    uint16_t type = cursor_u16(&c, "protocol type");
    cursor_skip(&c, 6, "interface");
    uint16_t hardware = cursor_u16(&c, "hardware type");
    cursor_skip(&c, 1, "packet type");
    uint8_t address = cursor_u8(&c, "address length");
    w->mac_src = span_sub(cursor_take(&c, 8, "address"), 0, address);
    enum decode_result r;
    return slice_open(&c, &s, &r) ? cooked(w, hardware, type, s) : r;
}

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    return from.number == SLL2 ? linux_sll2(w, s) : linux_sll(w, s);
}

const struct encapsulation linux_cooked_encapsulation = {
    .name = "linux_cooked",
    .keys = {{BY_LINKTYPE, SLL}, {BY_LINKTYPE, SLL2}},
    .read = read,
};
