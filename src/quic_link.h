/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells apart the QUIC connections that share two endpoints, by the connection
 * IDs that both sides chose (RFC 9000 section 5.2). The first one has the
 * number 0, so that nothing else changes while there is only one.
 */
#ifndef QUIC_LINK_H
#define QUIC_LINK_H

#include "decode/packet.h"

struct quic_link;

/* NULL when memory is out. */
struct quic_link *quic_link_new(void);
void quic_link_free(struct quic_link *l);

/* Which connection a UDP datagram belongs to; 0 when it is no QUIC. */
uint32_t quic_link_packet(struct quic_link *l, const struct packet *k);

/* Whether several connections share the endpoints of a packet. */
bool quic_link_shared(struct quic_link *l, const struct packet *k);

#endif
