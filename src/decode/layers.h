/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the layers of src/decode share: one file a layer, each hands the rest
 * of its bytes to the next. Private to this folder.
 */
#ifndef DECODE_LAYERS_H
#define DECODE_LAYERS_H

#include "decode/packet.h"

/* IP headers, and likewise Ethernet headers, in one frame. Real nesting is
 * three deep (VXLAN in GRE in MPLS); more is an attempt to keep us busy. */
#define LIMIT_NESTING 8u

/* IPv6 extension headers of one packet. RFC 8200 section 4.1 lists seven. */
#define LIMIT_EXTENSION_HEADERS 16u

/* ---- bytes of a layer ---- */

/* A layer's bytes as captured, and how many there were on the wire. */
struct slice {
    struct span bytes;
    size_t wire; /* >= bytes.n */
};

/* A header did not fit: did the capture cut it, or does a length lie? */
static inline enum decode_result slice_short(const struct slice *s)
{
    return s->bytes.n < s->wire ? DECODE_CUT : DECODE_MALFORMED;
}

/* What follows the n bytes of a header; n <= bytes.n. */
static inline struct slice slice_after(const struct slice *s, size_t n)
{
    return (struct slice){span_sub(s->bytes, n, SIZE_MAX), s->wire - n};
}

/* At most n bytes of it: the rest is padding or a trailer. */
static inline struct slice slice_trim(const struct slice *s, size_t n)
{
    struct slice t = *s;
    if (n < t.wire) {
        t.wire = n;
        t.bytes = span_sub(t.bytes, 0, n);
    }
    return t;
}

/* ---- a frame on its way ---- */

struct fragments;

struct decoder {
    struct decoder_counters counters;
    struct fragments *fragments; /* NULL before the first one */
    /* Datagrams put together for the current frame: *out points into them. */
    uint8_t *whole[LIMIT_NESTING];
    unsigned whole_n;
};

struct walk {
    struct decoder *d;
    struct packet *out;
    unsigned ip_headers, ethernet_headers; /* so far, against LIMIT_NESTING */
    struct span mac_src, mac_dst; /* of the link; empty where it has none */
};

/* ---- link.c ---- */

/* Those of nearly all frames. */
enum { LINK_ETHERNET = 1 };
enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd };

enum decode_result link_decode(struct walk *w, int linktype, struct slice s);
enum decode_result link_ethernet(struct walk *w, struct slice s);
/* What an EtherType announces. */
enum decode_result link_ethertype(struct walk *w, uint16_t type,
                                  struct slice s);
enum decode_result link_mpls(struct walk *w, struct slice s);
enum decode_result link_ppp(struct walk *w, struct slice s);

/* ---- eapol.c ---- */

enum decode_result eapol_decode(struct walk *w, struct slice s);

/* ---- ip.c ---- */

/* IPv4 or IPv6, told by the first four bits. */
enum decode_result ip_decode(struct walk *w, struct slice s);

/* The addresses, protocol and ports of a packet quoted by an ICMP error,
 * which may stop 8 bytes into the transport header. */
bool ip_quoted(struct span quoted, struct packet *out);

/* ---- fragment.c ---- */

struct fragment {
    uint32_t id;
    uint32_t offset; /* bytes; a multiple of 8 */
    bool more;
    uint8_t proto; /* IPv4: protocol; IPv6: next header of this fragment */
    struct span bytes;
};

/*
 * Adds a fragment of the datagram between w->out's addresses. DECODE_PACKET:
 * that completed it, *whole is its payload and *proto what that holds.
 * Otherwise DECODE_FRAGMENT or DECODE_MALFORMED.
 */
enum decode_result fragment_add(struct walk *w, const struct fragment *f,
                                struct span *whole, uint8_t *proto);
void fragments_free(struct fragments *fs);

/* ---- tunnel.c ---- */

enum decode_result tunnel_gre(struct walk *w, struct slice s);
enum decode_result tunnel_etherip(struct walk *w, struct slice s);

/* Whether a UDP port may carry a tunnel that we read. */
bool tunnel_port(uint16_t port);
/* The packet inside the UDP payload s, if there is one; anything but
 * DECODE_PACKET and DECODE_FRAGMENT means that there is none, and *w->out is
 * then undefined. */
enum decode_result tunnel_udp(struct walk *w, struct slice s);

/* ---- tcp.c ---- */

enum decode_result tcp_decode(struct walk *w, struct slice s);
/* What the options of a segment with out->flags say. */
void tcp_options(struct packet *out, struct span options);
enum decode_result udp_decode(struct walk *w, struct slice s);
enum decode_result icmp_decode(struct walk *w, struct slice s);

#endif
