/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watched EAP conversation, on a LAN or over RADIUS. The counterpart of what
 * session.c does for TCP; session.c owns it.
 */
#ifndef EAP_SESSION_H
#define EAP_SESSION_H

#include "session.h"

struct eap_session;

/* Whether a packet that belongs to no conversation may begin one. */
bool eap_opens_flow(const struct packet *p);

/* NULL when memory is out. */
struct eap_session *eap_session_new(void);
void eap_session_free(struct eap_session *e);

/* Whether this packet begins another attempt between the same ends. */
bool eap_session_restarts(const struct eap_session *e,
                          const struct handshake *hs, const struct packet *p);

/* A packet of the conversation; end 0 is its client or not by `dir`. */
enum session_want eap_session_packet(struct eap_session *e,
                                     struct handshake *hs,
                                     const struct packet *p, unsigned dir);

/* Whether there is something to report. */
bool eap_session_is_tls(const struct handshake *hs);

/* Fills in what was learnt of the ends. */
void eap_session_finish(struct eap_session *e, struct handshake *hs,
                        const struct flow *f);

/* Memory it holds beside the handshake, in bytes. */
size_t eap_session_bytes(const struct eap_session *e);

#endif
