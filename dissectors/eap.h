/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP (RFC 3748) and the methods that are TLS inside: EAP-TLS (RFC 5216, RFC
 * 9190), PEAP, EAP-TTLS (RFC 5281). Feeds the TLS reader with what the packets
 * carry, and notes how the conversation went.
 */
#ifndef DISSECTORS_EAP_H
#define DISSECTORS_EAP_H

#include "dissectors/tls.h"
#include "handshake/handshake.h"

#define EAP_NAME_BYTES 128u /* kept of an identity and the like */

struct eap_dir {
    bool seen;
    uint8_t id;
    uint32_t n;      /* length and */
    uint64_t digest; /* hash of the last packet: a repetition has the same */
    bool more;       /* it was a fragment, not the last of its message */
};

struct eap_name {
    char text[EAP_NAME_BYTES];
    uint8_t n;
};

struct eap_state {
    struct tls_state tls;
    struct eap_dir dir[2]; /* by enum side: the sender */
    enum side last;        /* who sent the last packet; SIDE_NONE at first */
    uint8_t method;        /* the TLS method that was started, or 0 */
    uint8_t wish;          /* the TLS method a Nak asked for, or 0 */
    bool declined;         /* the method was turned down by a Nak */
    bool other;            /* a method without TLS took over */
    bool begun;            /* TLS data was seen */
    bool over;             /* Success or Failure */
    struct eap_name identity;
};

/* What a packet meant. */
enum eap_news {
    EAP_NEWS_NONE, /* a repetition, or nothing to us */
    EAP_NEWS_SOME,
    EAP_NEWS_OVER, /* the conversation has ended */
};

/* Whether a packet that belongs to no conversation may begin one. */
bool eap_begins(struct span packet);

/* Whether this packet is a new attempt between the ends of *t. */
bool eap_restarts(const struct eap_state *t, struct span packet);

/* Who sends packets of that kind. */
enum side eap_sender(struct span packet);

/* A packet, `wire` bytes long before the capture cut it. */
enum eap_news eap_feed(struct eap_state *t, struct handshake *hs,
                       struct span packet, uint32_t wire, tick_t when,
                       uint64_t frame);

/* Notes a text of the network, as far as there is room. */
void eap_name_set(struct eap_name *name, struct span text);

#endif
