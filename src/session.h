/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection while it is watched: joins a flow of src/flow to the
 * dissectors and writes what happens on the transport into the handshake.
 * Knows packets and TLS; judges and prints nothing.
 */
#ifndef SESSION_H
#define SESSION_H

#include "dissectors/tls.h"
#include "flow/flow.h"
#include "handshake/handshake.h"

struct session;

/* What the connection wants after a packet. */
enum session_want {
    WANT_KEEP,     /* nothing changed */
    WANT_PROGRESS, /* new data: restart the clock of its class */
    WANT_SETTLING, /* established, watch a little longer */
    WANT_HALF_CLOSED,
    WANT_CLOSING, /* ended; finish soon */
    WANT_FINISH,  /* finish now: the handshake is settled */
    WANT_DROP,    /* no TLS: forget it */
};

/* The first data of a flow; NULL when memory is out. */
struct session *session_new(const struct flow *f);
void session_free(struct session *s);

/* A TCP packet of the flow, in either direction. */
enum session_want session_packet(struct session *s, struct flow *f,
                                 const struct packet *p, unsigned dir);

/* An ICMP error about a packet that `dir` sent. */
void session_icmp(struct session *s, const struct packet *p, unsigned dir);

/* Whether TLS was seen at all: only then it is reported. */
bool session_is_tls(const struct session *s);

/*
 * Ends the watching: flushes the streams, fills the transport view and moves
 * the handshake into *out (which the caller frees with hs_free()).
 */
void session_finish(struct session *s, const struct flow *f, enum hs_end end,
                    tick_t now, struct handshake *out);

/* Memory it holds, in bytes. */
size_t session_bytes(const struct session *s);

#endif
