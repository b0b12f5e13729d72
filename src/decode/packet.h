/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoded packet: a value on the stack, never stored. Spans point into the
 * frame (or into the decoder's reassembly buffer) and die with it.
 */
#ifndef DECODE_PACKET_H
#define DECODE_PACKET_H

#include "base/frame.h"

/* TCP flags (RFC 9293 section 3.1). */
enum {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
};

enum {
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ICMPV6 = 58,
    PROTO_EAP = 255, /* no protocol of IP: an EAPOL frame, or a RADIUS datagram
                        once its conversation is known (src/eap_link.h) */
};

/* Types of EAPOL packets that matter (IEEE 802.1X-2010 table 11-3). */
enum { EAPOL_EAP = 0, EAPOL_START = 1, EAPOL_LOGOFF = 2 };

#define VLAN_NONE 0xffff

struct endpoint {
    uint8_t ip[16]; /* IPv4 in the first four bytes, EAPOL's MAC address in the
                       first six, the rest zero */
    uint16_t port;  /* host order */
};

struct packet {
    tick_t when;
    uint64_t frame;     /* number of the frame that completed it */
    uint8_t ip_version; /* 4, 6, or 0 for EAPOL */
    uint8_t proto;      /* PROTO_* */
    uint8_t ttl;        /* TTL or hop limit */
    uint8_t flags;      /* TCP_*; EAPOL_* of an EAPOL frame */
    uint16_t ip_id;     /* IPv4 only, else 0 */
    bool ip_df;
    uint16_t vlan; /* outermost VID, or VLAN_NONE */
    struct endpoint src, dst;
    uint32_t seq, ack;
    uint16_t window;
    uint16_t mss;          /* from a SYN's options; 0 when absent */
    uint8_t window_shift;  /* from a SYN's options; 0 when absent */
    uint8_t header_bytes;  /* of TCP, right before payload.p; 0: unknown */
    bool has_timestamp;    /* TCP timestamps option present */
    bool has_signature;    /* TCP MD5 signature option present (RFC 2385) */
    bool acks_beyond;      /* TCP SACK of what came behind a hole (RFC 2018) */
    uint32_t flow_hash;    /* the flow table's own; 0 until it computed it */
    uint32_t tunnel;       /* 0, or a number of the encapsulation it was in
                              (VNI, TEID, MPLS label ...), for evidence */
    uint32_t conversation; /* 0, or which one of several between two ends */
    struct span payload;   /* TCP or UDP payload as far as captured; for ICMP
                              errors the quoted packet from its IP header on */
    uint32_t payload_wire_bytes; /* payload length on the wire by the IP header;
                                    > payload.n when the capture cut it */
    uint8_t icmp_type, icmp_code;
    uint16_t icmp_mtu; /* next-hop MTU of "fragmentation needed"/"packet too
                          big", 0 when absent */
};

/* What TCP's options tell, where there are none. */
static inline void packet_clear_options(struct packet *p)
{
    p->mss = 0;
    p->window_shift = 0;
    p->has_timestamp = false;
    p->has_signature = false;
    p->acks_beyond = false;
}

/* What became of a frame. */
enum decode_result {
    DECODE_PACKET,    /* *out is filled: TCP, UDP or ICMP */
    DECODE_OTHER,     /* well-formed, but nothing for us (ARP, SCTP ...) */
    DECODE_CUT,       /* headers cut by the snapshot length */
    DECODE_MALFORMED, /* headers lie */
    DECODE_FRAGMENT,  /* IP fragment kept or dropped; no whole packet yet */
    DECODE_LINKTYPE,  /* link type unknown to us */
};

struct decoder_counters {
    uint64_t packets, other, cut, malformed, fragments, unknown_linktype;
};

struct decoder;

/* NULL when memory is out. Owns state for IP fragments. */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *d);

/*
 * Decodes one frame: link layer, tags and tunnels (bounded nesting), IP, then
 * TCP, UDP or ICMP. Checksums are not looked at: offload makes wrong ones
 * normal (packet_checksum() is for those who know better). On DECODE_PACKET
 * *out is complete; otherwise it is undefined.
 */
enum decode_result decoder_frame(struct decoder *d, const struct frame *f,
                                 struct packet *out);

/* Whether the packet of the last frame ends with the next decoder_frame(), and
 * not only with the frame: it was put together from fragments. */
bool decoder_holds(const struct decoder *d);

/*
 * The packet that an ICMP error quotes (RFC 792, RFC 4443): ip_version, proto
 * (TCP or UDP), addresses, ports and, for TCP, seq; no payload. It was sent by
 * the one whom the error is for. False when nothing useful is quoted or `icmp`
 * is no error.
 */
bool decoder_quoted(const struct packet *icmp, struct packet *out);

enum checksum {
    CHECKSUM_UNKNOWN, /* cut, or still to be computed by a network card */
    CHECKSUM_GOOD,
    CHECKSUM_WRONG,
};

/* The checksum of a TCP segment (RFC 9293 section 3.1). */
enum checksum packet_checksum(const struct packet *p);

const struct decoder_counters *decoder_counters(const struct decoder *d);

/* The UDP ports that may carry tunnels that are read; returns how many. */
#define DECODER_TUNNEL_PORTS_MAX 16
size_t decoder_tunnel_ports(uint16_t ports[DECODER_TUNNEL_PORTS_MAX]);

/* Whether a link type (LINKTYPE_ value) can be decoded. */
bool decoder_knows_linktype(int linktype);

#endif
