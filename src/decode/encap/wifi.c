/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 802.11 data frames (IEEE 802.11 section 9.3.2), alone and behind radiotap or
 * PPI headers. Not read: protected frames, A-MSDUs.
 */
#include "decode/layers.h"

enum { WIFI = 105, RADIOTAP = 127, PPI = 192 };

/* Data frames that carry data in the clear. */
static enum decode_result wifi(struct walk *w, struct slice s)
{
    enum {
        TO_DS = 0x01,
        FROM_DS = 0x02,
        PROTECTED = 0x40,
        ORDER = 0x80,
        NO_DATA = 0x40,
        QOS = 0x80,
        AMSDU = 0x80
    };
    struct cursor c = cursor_open(s.bytes);
    uint8_t control = cursor_u8(&c, "frame control");
    uint8_t flags = cursor_u8(&c, "frame control flags");
    if (cursor_ok(&c) &&
        ((control & 0x0f) != 0x08 || control & NO_DATA || flags & PROTECTED)) {
        return DECODE_OTHER;
    }
    cursor_skip(&c, 2, "duration");
    struct span address[4];
    for (unsigned i = 0; i < 3; i++) {
        address[i] = cursor_take(&c, 6, "address");
    }
    cursor_skip(&c, 2, "sequence");
    if ((flags & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS)) {
        address[3] = cursor_take(&c, 6, "fourth address");
        w->mac_src = address[3];
    } else {
        w->mac_src = address[flags & FROM_DS ? 2 : 1];
    }
    w->mac_dst = address[flags & TO_DS ? 2 : 0];
    uint8_t qos = 0;
    if (control & QOS) {
        qos = cursor_u8(&c, "QoS control");
        cursor_skip(&c, 1, "QoS control");
        if (flags & ORDER) {
            cursor_skip(&c, 4, "HT control");
        }
    }
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    return qos & AMSDU ? DECODE_OTHER : link_llc(w, s);
}

static enum decode_result radiotap(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 2, "version");
    size_t len = cursor_le16(&c, "length");
    if (cursor_ok(&c) && len < 8) {
        return DECODE_MALFORMED;
    }
    cursor_skip(&c, len - 4, "radiotap fields");
    enum decode_result r;
    return slice_open(&c, &s, &r) ? wifi(w, s) : r;
}

static enum decode_result ppi(struct walk *w, struct slice s)
{
    struct cursor c = cursor_open(s.bytes);
    cursor_skip(&c, 2, "version, flags");
    size_t len = cursor_le16(&c, "length");
    uint32_t linktype = cursor_le32(&c, "link type");
    if (cursor_ok(&c) && len < 8) {
        return DECODE_MALFORMED;
    }
    cursor_skip(&c, len - 8, "PPI fields");
    enum decode_result r;
    if (!slice_open(&c, &s, &r)) {
        return r;
    }
    if (linktype == PPI || linktype > INT16_MAX) {
        return DECODE_OTHER;
    }
    return link_decode(w, (int)linktype, s);
}

static enum decode_result read(struct walk *w, struct slice s,
                               struct encap_key from)
{
    switch (from.number) {
    case RADIOTAP:
        return radiotap(w, s);
    case PPI:
        return ppi(w, s);
    default:
        return wifi(w, s);
    }
}

const struct encapsulation wifi_encapsulation = {
    .name = "wifi",
    .keys = {{BY_LINKTYPE, WIFI}, {BY_LINKTYPE, RADIOTAP}, {BY_LINKTYPE, PPI}},
    .read = read,
};
