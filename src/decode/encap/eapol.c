/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP over a LAN (IEEE 802.1X-2010 section 11.3): EAP packets, and the Start
 * and Logoff of a supplicant. There is no IP: the ends are MAC addresses. Keys
 * and announcements are nothing for us.
 */
#include "decode/layers.h"

static struct endpoint end_of(struct span mac)
{
    struct endpoint e = {.port = 0};
    if (mac.n == 6) {
        memcpy(e.ip, mac.p, mac.n);
    }
    return e;
}

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    (void)from;
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 1, "version");
    uint8_t type = cursor_u8(&c, "packet type");
    size_t n = cursor_u16(&c, "length");
    if (!cursor_ok(&c)) {
        return slice_short(&s);
    }
    if (type > EAPOL_LOGOFF) {
        return DECODE_OTHER;
    }
    s = slice_after(&s, cursor_offset(&c));
    if (n > s.wire) {
        return DECODE_MALFORMED;
    }
    s = slice_trim(&s, type == EAPOL_EAP ? n : 0);
    struct packet *out = w->out;
    struct packet p = {.when = out->when,
                       .frame = out->frame,
                       .proto = PROTO_EAP,
                       .flags = type,
                       .vlan = out->vlan,
                       .src = end_of(w->mac_src),
                       .dst = end_of(w->mac_dst),
                       .tunnel = out->tunnel,
                       .payload = s.bytes,
                       .payload_wire_bytes = (uint32_t)s.wire};
    *out = p;
    return DECODE_PACKET;
}

const struct encapsulation eapol_encapsulation = {
    .name = "eapol",
    .keys = {{BY_ETHERTYPE, 0x888e},
             {BY_ETHERTYPE, 0x88c7}}, /* through an access point (802.11i) */
    .read = read,
};
