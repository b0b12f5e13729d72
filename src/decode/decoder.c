/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder as the rest of the program sees it: a frame in, a packet out,
 * and what became of the frames counted. The layers are in the other files.
 */
#include "decode/layers.h"

#include <stdlib.h>

struct decoder *decoder_new(void)
{
    struct decoder *d = calloc(1, sizeof *d);
    if (d) {
        d->ports_n = decoder_tunnel_ports(d->ports);
        for (size_t i = 0; i < d->ports_n; i++) {
            d->ports_mask |= UINT64_C(1) << (d->ports[i] % 64);
        }
    }
    return d;
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

/* ---- the usual frame ---- */

#define ETHERNET_BYTES 14u
#define IP4_BYTES      20u
#define IP6_BYTES      40u
#define TCP_BYTES      20u

/* The TCP segment s of which `wire` bytes were sent. */
static bool usual_tcp(struct packet *out, struct span s, size_t wire)
{
    size_t header = (size_t)(span_u8(s, 12) >> 4) * 4;
    if (s.n < TCP_BYTES || header < TCP_BYTES || header > wire ||
        header > s.n) {
        return false;
    }
    out->proto = PROTO_TCP;
    out->src.port = span_u16(s, 0);
    out->dst.port = span_u16(s, 2);
    out->seq = span_u32(s, 4);
    out->ack = span_u32(s, 8);
    out->flags = span_u8(s, 13);
    out->window = span_u16(s, 14);
    out->header_bytes = (uint8_t)header;
    packet_clear_options(out);
    out->icmp_type = 0;
    out->icmp_code = 0;
    out->icmp_mtu = 0;
    if (header > TCP_BYTES) {
        tcp_options(out, span_sub(s, TCP_BYTES, header - TCP_BYTES));
    }
    out->payload = span_sub(s, header, wire - header);
    out->payload_wire_bytes = (uint32_t)(wire - header);
    return true;
}

static bool usual_ip4(struct packet *out, struct span s)
{
    size_t total = span_u16(s, 2);
    uint16_t fragment = span_u16(s, 6);
    if (s.n < IP4_BYTES || span_u8(s, 0) != 0x45 || total < IP4_BYTES ||
        fragment & 0x3fff || span_u8(s, 9) != PROTO_TCP) {
        return false;
    }
    out->ip_version = 4;
    out->ip_id = span_u16(s, 4);
    out->ip_df = (fragment & 0x4000) != 0;
    out->ttl = span_u8(s, 8);
    memset(out->src.ip, 0, sizeof out->src.ip);
    memset(out->dst.ip, 0, sizeof out->dst.ip);
    memcpy(out->src.ip, s.p + 12, 4);
    memcpy(out->dst.ip, s.p + 16, 4);
    return usual_tcp(out, span_sub(s, IP4_BYTES, total - IP4_BYTES),
                     total - IP4_BYTES);
}

static bool usual_ip6(struct packet *out, struct span s)
{
    size_t length = span_u16(s, 4);
    if (s.n < IP6_BYTES || span_u8(s, 0) >> 4 != 6 || length == 0 ||
        span_u8(s, 6) != PROTO_TCP) {
        return false;
    }
    out->ip_version = 6;
    out->ip_id = 0;
    out->ip_df = true; /* routers never fragment IPv6 */
    out->ttl = span_u8(s, 7);
    memcpy(out->src.ip, s.p + 8, 16);
    memcpy(out->dst.ip, s.p + 24, 16);
    return usual_tcp(out, span_sub(s, IP6_BYTES, length), length);
}

/* Whole TCP headers behind plain IP and Ethernet headers: nearly all frames,
 * for a fraction of what the layers cost. False: it is for the layers, and
 * *out is undefined. */
static bool usual_frame(const struct frame *f, struct packet *out)
{
    if (f->linktype != LINK_ETHERNET || f->data.n < ETHERNET_BYTES) {
        return false;
    }
    struct span s = span_sub(f->data, ETHERNET_BYTES, SIZE_MAX);
    switch (span_u16(f->data, ETHERNET_BYTES - 2)) {
    case TYPE_IPV4:
        return usual_ip4(out, s);
    case TYPE_IPV6:
        return usual_ip6(out, s);
    default:
        return false;
    }
}

/* ---- any frame ---- */

enum decode_result decoder_frame(struct decoder *d, const struct frame *f,
                                 struct packet *out)
{
    if (d->whole_n) {
        release_whole(d);
    }
    out->when = f->when;
    out->frame = f->number;
    out->flow_hash = 0;
    out->tunnel = 0;
    out->conversation = 0;
    /* VID 0 is no VLAN: the tag carries a priority only (IEEE 802.1Q 9.6). */
    uint16_t vid = f->has_vlan ? f->vlan & 0x0fff : 0;
    out->vlan = vid ? vid : VLAN_NONE;
    if (usual_frame(f, out)) {
        d->counters.packets++;
        return DECODE_PACKET;
    }
    struct walk w = {.d = d, .out = out};
    struct slice s = {f->data, f->wire_bytes};
    if (s.wire < s.bytes.n) {
        s.wire = s.bytes.n;
    }
    enum decode_result r = link_decode(&w, f->linktype, s);
    count(&d->counters, r);
    return r;
}

bool decoder_holds(const struct decoder *d)
{
    return d->whole_n > 0;
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
    out->flow_hash = 0;
    out->vlan = icmp->vlan;
    out->tunnel = icmp->tunnel;
    out->conversation = 0;
    return ip_quoted(icmp->payload, out);
}
