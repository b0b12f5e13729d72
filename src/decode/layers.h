/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the layers of src/decode share: one file a layer, each hands the rest
 * of its bytes to the next. Private to this folder.
 */
#ifndef DECODE_LAYERS_H
#define DECODE_LAYERS_H

#include "base/limits.h"
#include "decode/packet.h"

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

/* Opens what follows the header that c has read; false with *r set when there
 * was not that much. */
static inline bool slice_open(const struct cursor *c, struct slice *s,
                              enum decode_result *r)
{
    if (!cursor_ok(c)) {
        *r = slice_short(s);
        return false;
    }
    *s = slice_after(s, cursor_offset(c));
    return true;
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
    /* UDP ports of encapsulations, at hand: every datagram asks. */
    uint16_t ports[DECODER_TUNNEL_PORTS_MAX];
    size_t ports_n;
    uint64_t ports_mask; /* bit (port % 64) is set when one of them may fit */
};

struct walk {
    struct decoder *d;
    struct packet *out;
    unsigned ip_headers, ethernet_headers; /* so far, against LIMIT_NESTING */
    uint16_t gre_flags;                    /* of the last GRE header */
    struct span mac_src, mac_dst; /* of the link; empty where it has none */
};

/* ---- encapsulations: encap/, registry.c ---- */

/* What announces an encapsulation; the same number means something else in each
 * of these. */
enum encap_by {
    BY_END,
    BY_LINKTYPE, /* LINKTYPE_ value of a capture (pcap-linktype(7)) */
    BY_ETHERTYPE,
    BY_GRE_TYPE, /* a protocol type that is no EtherType */
    BY_IP_PROTO,
    BY_UDP_PORT, /* only a hint: a packet must come out of it */
};

struct encap_key {
    enum encap_by by;
    uint16_t number;
};

#define ENCAP_KEYS_MAX 8

/*
 * To add one: write NAME.c in encap/ with `const struct encapsulation
 * NAME_encapsulation`, and one line in list.am.
 */
struct encapsulation {
    const char *name;
    struct encap_key keys[ENCAP_KEYS_MAX]; /* BY_END behind the last */
    /* Reads its header and hands on what is inside. Over UDP anything but
     * DECODE_PACKET and DECODE_FRAGMENT means that it is something else, and
     * *w->out is then undefined. */
    enum decode_result (*read)(struct walk *w, struct slice s,
                               struct encap_key from);
};

/* NULL when the key announces none. */
const struct encapsulation *encap_find(struct encap_key key);

enum { GRE_SEQUENCE = 0x1000 };

enum decode_result link_mpls(struct walk *w, struct slice s); /* mpls.c */
enum decode_result link_ppp(struct walk *w, struct slice s);  /* ppp.c */

/* ---- link.c ---- */

/* Those of nearly all frames. */
enum { LINK_ETHERNET = 1 };
enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd };

/* A type field below this is an IEEE 802.3 length. */
#define LINK_TYPE_MIN 0x0600

enum decode_result link_decode(struct walk *w, int linktype, struct slice s);
enum decode_result link_ethernet(struct walk *w, struct slice s);
/* What an EtherType announces. */
enum decode_result link_ethertype(struct walk *w, uint16_t type,
                                  struct slice s);
enum decode_result link_llc(struct walk *w, struct slice s);
/* Whether an address family of some system is IPv4 or IPv6. */
bool link_is_ip_family(uint32_t family);

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

/* ---- tcp.c ---- */

enum decode_result tcp_decode(struct walk *w, struct slice s);
/* What the options of a segment with out->flags say. */
void tcp_options(struct packet *out, struct span options);
enum decode_result udp_decode(struct walk *w, struct slice s);
enum decode_result icmp_decode(struct walk *w, struct slice s);

#endif
