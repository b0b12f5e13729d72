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

/* Memory of sessions that ended, for the next ones (bounded). */
struct session_pool;

/* At most about `bytes`. NULL when memory is out. Must outlive the sessions and
 * their handshakes. */
struct session_pool *session_pool_new(size_t bytes);
void session_pool_free(struct session_pool *pool);

/* What it takes beside the sessions. */
size_t session_pool_bytes(const struct session_pool *pool);

/* The first data of a flow; NULL when memory is out. */
struct session *session_new(struct session_pool *pool, const struct flow *f);
void session_free(struct session *s);

/* Protected records are kept, so that they can be decrypted in the end. */
void session_keep_records(struct session *s);

/* Starts loading what the next packet of a session needs. */
void session_prefetch(const struct session *s);

/* A TCP packet of the flow, in either direction. */
enum session_want session_packet(struct session *s, struct flow *f,
                                 const struct packet *p, unsigned dir);

/* Whether this packet begins another attempt between the same ends, which the
 * transport does not show. */
bool session_restarts(const struct session *s, const struct packet *p);

/* A packet of another capture than the one that began it. */
void session_many_sources(struct session *s);

/* An ICMP error about a packet that `dir` sent. */
void session_icmp(struct session *s, const struct packet *p, unsigned dir);

/* Whether TLS was seen at all: only then it is reported. */
/* The connection is over: what was held back is believed or not. To be called
 * before the next two. */
void session_settle(struct session *s, struct flow *f);

bool session_is_tls(const struct session *s);

/*
 * Ends the watching: flushes the streams, fills the transport view and moves
 * the handshake into *out (which the caller frees with hs_free()).
 */
void session_finish(struct session *s, struct flow *f, enum hs_end end,
                    tick_t now, struct handshake *out);

/* How many bytes of memory it takes more (or less) than at the last call, and
 * how many it took then. */
ptrdiff_t session_growth(struct session *s);
size_t session_bytes(const struct session *s);

/*
 * A session that waits, and the details of its flow (FLOW_DETAIL_BYTES), in a
 * tenth of the memory; or the details of a flow that has none (NULL). NULL, and
 * nothing happened, when it cannot be folded, or memory is out.
 */
void *session_fold(struct session_pool *pool, struct session *s,
                   const struct flow *f);

/* The inverse: sets the details of the flow and its session; what was folded is
 * gone. False when memory is out: then the session is lost. */
bool session_unfold(struct session_pool *pool, void *folded, struct flow *f);

/*
 * Whether all that a session would do now is to find that the first data of its
 * flow is a whole ClientHello (RFC 8446 section 4.1.2), and to wait: f is as
 * that packet leaves it, and has no session yet.
 */
bool session_may_wait(const struct flow *f, const struct packet *p);

/* Such a flow, folded with that packet in place of a session, which begins when
 * it is unfolded. NULL when memory is out. */
void *session_fold_opening(struct session_pool *pool, const struct flow *f,
                           const struct packet *p);

/* Memory of a folded session. */
size_t session_folded_bytes(const void *folded);

/* The first packet of its flow. */
tick_t session_folded_since(const void *folded);

#endif
