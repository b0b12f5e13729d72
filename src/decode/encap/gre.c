/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRE (RFC 2784, RFC 2890), and PPTP's version 1 (RFC 2637). What is in it is
 * told by an EtherType, or by a type that means something in GRE only.
 * Source-routed GRE is not read.
 */
#include "decode/layers.h"

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_ACK = 0x0080,
    GRE_VERSION = 0x0007,
};

enum { TYPE_PPP = 0x880b };

static enum decode_result payload(struct walk *w, uint16_t type, struct slice s)
{
    struct encap_key key = {BY_GRE_TYPE, type};
    const struct encapsulation *e = encap_find(key);
    if (e) {
        return e->read(w, s, key);
    }
    /* 0: Cisco's keepalives */
    return type == 0 ? DECODE_OTHER : link_ethertype(w, type, s);
}

static enum decode_result pptp(struct walk *w, uint16_t flags, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    size_t len = cursor_u16(&c, "payload length");
    w->out->tunnel = cursor_u16(&c, "call");
    if (flags & GRE_SEQUENCE) {
        cursor_skip(&c, 4, "sequence");
    }
    if (flags & GRE_ACK) {
        cursor_skip(&c, 4, "acknowledgment");
    }
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    return len ? link_ppp(w, slice_trim(&s, len)) : DECODE_OTHER;
}

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    uint16_t flags = cursor_u16(&c, "flags");
    uint16_t type = cursor_u16(&c, "protocol type");
    w->gre_flags = flags;
    unsigned version = flags & GRE_VERSION;
    bool is_pptp = version == 1 && type == TYPE_PPP && flags & GRE_KEY;
    if (cursor_ok(&c) && version != 0 && !is_pptp) {
        return DECODE_OTHER;
    }
    if (!is_pptp) {
        if (flags & (GRE_CHECKSUM | GRE_ROUTING)) {
            cursor_skip(&c, 4, "checksum");
        }
        if (flags & GRE_KEY) {
            w->out->tunnel = cursor_u32(&c, "key");
        }
        if (flags & GRE_SEQUENCE) {
            cursor_skip(&c, 4, "sequence number");
        }
    }
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    if (is_pptp) {
        return pptp(w, flags, s);
    }
    return flags & GRE_ROUTING ? DECODE_OTHER : payload(w, type, s);
}

const struct encapsulation gre_encapsulation = {
    .name = "gre",
    .keys = {{BY_IP_PROTO, 47}},
    .read = read,
};
