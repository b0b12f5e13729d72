/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of hs_conclude() that only datagram transports need. */
#ifndef HANDSHAKE_CONCLUDE_UDP_H
#define HANDSHAKE_CONCLUDE_UDP_H

#include "handshake/handshake.h"

/* Outcome of a QUIC or DTLS 1.3 handshake from its protected packets. True when
 * they decided; `out` may have got a later stage either way. */
bool conclude_quic(const struct handshake *hs, struct conclusion *out);
bool conclude_dtls13(const struct handshake *hs, struct conclusion *out);

/* Whether silence of the server is real though none of its packets was
 * captured: the client went on repeating its hello, or a router objected. */
bool conclude_is_unanswered(const struct handshake *hs);

/* Whether ICMP said that the server cannot be reached, and it never was: no
 * need to wait for the end of the silence. */
bool conclude_is_undeliverable(const struct handshake *hs);

#endif
