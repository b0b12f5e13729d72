/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder as the rest of the program sees it: a frame in, a packet out,
 * and what became of the frames counted. The layers are in the other files.
 */
#include "decode/layers.h"

#include <stdlib.h>

struct decoder *decoder_new(void)
{
    return calloc(1, sizeof(struct decoder));
}

static void release_whole(struct decoder *d)
{
    while (d->whole_n) {
        free(d->whole[--d->whole_n]);
    }
}

void decoder_free(struct decoder *d)
{
    if (!d) {
        return;
    }
    release_whole(d);
    fragments_free(d->fragments);
    free(d);
}

static void count(struct decoder_counters *c, enum decode_result r)
{
    switch (r) {
    case DECODE_PACKET:
        c->packets++;
        break;
    case DECODE_OTHER:
        c->other++;
        break;
    case DECODE_CUT:
        c->cut++;
        break;
    case DECODE_MALFORMED:
        c->malformed++;
        break;
    case DECODE_FRAGMENT:
        c->fragments++;
        break;
    case DECODE_LINKTYPE:
        c->unknown_linktype++;
        break;
    }
}

enum decode_result decoder_frame(struct decoder *d, const struct frame *f,
                                 struct packet *out)
{
    struct walk w = {.d = d, .out = out};
    struct slice s = {f->data, f->wire_bytes};
    if (s.wire < s.bytes.n) {
        s.wire = s.bytes.n;
    }
    release_whole(d);
    out->when = f->when;
    out->frame = f->number;
    out->tunnel = 0;
    /* VID 0 is no VLAN: the tag carries a priority only (IEEE 802.1Q 9.6). */
    uint16_t vid = f->has_vlan ? f->vlan & 0x0fff : 0;
    out->vlan = vid ? vid : VLAN_NONE;

    enum decode_result r = link_decode(&w, f->linktype, s);
    count(&d->counters, r);
    return r;
}

const struct decoder_counters *decoder_counters(const struct decoder *d)
{
    return &d->counters;
}

bool decoder_quoted(const struct packet *icmp, struct packet *out)
{
    if ((icmp->proto != PROTO_ICMP && icmp->proto != PROTO_ICMPV6) ||
        icmp->payload.n == 0) {
        return false;
    }
    out->when = icmp->when;
    out->frame = icmp->frame;
    out->vlan = icmp->vlan;
    out->tunnel = icmp->tunnel;
    return ip_quoted(icmp->payload, out);
}
