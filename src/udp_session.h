/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watched conversation over UDP: DTLS or QUIC, told by its first datagrams.
 * The counterpart of what session.c does for TCP; session.c owns it.
 */
#ifndef UDP_SESSION_H
#define UDP_SESSION_H

#include "base/hash.h"
#include "session.h"

struct udp_session;

/* Whether a datagram that belongs to no flow may begin a handshake. */
bool udp_opens_flow(const struct packet *p);

/* NULL when memory is out. */
struct udp_session *udp_session_new(struct hash_seed seed);
void udp_session_free(struct udp_session *u);

/* A datagram of the flow, sent by end `dir`; writes into hs. */
enum session_want udp_session_packet(struct udp_session *u,
                                     struct handshake *hs,
                                     const struct packet *p, unsigned dir);

/* An ICMP error about a datagram that `dir` sent. */
void udp_session_icmp(struct udp_session *u, struct handshake *hs,
                      const struct packet *p, unsigned dir);

/* Whether a handshake was seen at all: only then it is reported. */
bool udp_session_is_tls(const struct handshake *hs);

/* Hands on what waits and fills in the addresses of the flow's ends. */
void udp_session_finish(struct udp_session *u, struct handshake *hs,
                        const struct flow *f);

/* Memory it holds beside the handshake, in bytes. */
size_t udp_session_bytes(const struct udp_session *u);

#endif
