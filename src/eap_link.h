/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which EAP conversation a packet belongs to. On a LAN that is a supplicant
 * and its authenticator; between the same NAS and RADIUS server there are many.
 */
#ifndef EAP_LINK_H
#define EAP_LINK_H

#include "decode/packet.h"

struct eap_link;

/* NULL when memory is out. */
struct eap_link *eap_link_new(void);
void eap_link_free(struct eap_link *l);

/* Whether eap_link_packet() has something to do. */
bool eap_link_wants(const struct packet *k);

/* Gives an EAPOL frame the ends, and a RADIUS datagram with EAP in it the
 * number and the ends, of its conversation; the latter becomes PROTO_EAP. */
void eap_link_packet(struct eap_link *l, struct packet *k);

#endif
