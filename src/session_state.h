/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session is made of, for the files that know: session.c,
 * session_opening.c, and session_fold.c, which packs it.
 */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "base/alike.h"
#include "base/hash.h"
#include "dissectors/prelude.h"
#include "eap_session.h"
#include "flow/doubt.h"
#include "session.h"
#include "udp_session.h"

#define TURN_BYTES 16u

/* Per direction, what a forged packet would not match. */
struct sender {
    uint32_t window; /* the largest it advertised, in bytes */
    uint16_t ip_id;
    bool ip_id_seen, ip_id_counts; /* ids of this side rise by little */
    bool timestamps;               /* of TCP, and not only in its SYN */
    uint8_t df_seen;               /* bit 0: packets without DF, bit 1: with */
    uint8_t turn[TURN_BYTES];      /* first bytes of the current turn */
    uint8_t turn_n;
    bool turn_no; /* they are no TLS */
    struct stamp turn_at;
    uint32_t hello_end; /* sequence number behind the hello */
    bool hello_end_seen;
    bool fin_noted, rst_noted;
    bool rst_overtook; /* something that was sent before it came behind it */
    uint64_t fin_frame, rst_frame; /* of these events */
    uint16_t fin_aux;              /* HS_RST_* bits of its FIN */
    uint32_t rst_seq;
    tick_t rst_at;
    uint32_t resent_seq; /* what hs_dir.resent is about */
};

/* What a direction said first, up to the other side's answer. */
struct opening {
    uint8_t *p; /* in the handshake's arena */
    uint16_t n, size;
    bool over;
    bool perhaps; /* it may still turn out to be TLS */
};

enum mode { MODE_PRELUDE, MODE_TLS };

struct session {
    struct udp_session *udp; /* NULL: no DTLS or QUIC */
    struct eap_session *eap; /* NULL: no EAP */
    struct tls_state tls;
    struct prelude prelude;
    struct tcp_stream stream[2]; /* by direction of the flow */
    struct sender sender[2];     /* by direction of the flow */
    struct opening opening[2];   /* by direction of the flow */
    struct doubts doubts[2];     /* by direction of the flow */
    unsigned client_dir;         /* the direction of the TLS client */
    int last_dir;                /* who sent data last; -1 nobody */
    enum mode mode;
    uint8_t said;      /* the direction that said something last */
    bool prelude_done; /* no TLS to be expected any more */
    uint32_t prelude_bytes, prelude_segments;
    tick_t rtt;   /* SYN to SYN-ACK; 0 unknown */
    size_t bytes; /* as session_growth() found it */
    struct session_pool *pool;
    struct session *next; /* in the pool */
    struct handshake hs;  /* its first HS_LIVE_BYTES: nothing may follow */
};

#define SESSION_BYTES (offsetof(struct session, hs) + HS_LIVE_BYTES)
struct session_pool {
    struct arena_pool arenas;
    struct session *free;
    size_t n, max;
    struct hash_seed seed;
    /* for session_fold() */
    struct alike *alike;
    uint8_t *scratch;
    size_t scratch_bytes;
};

static inline enum side side_of(const struct session *s, unsigned dir)
{
    return dir == s->client_dir ? SIDE_CLIENT : SIDE_SERVER;
}

/* Where the first bytes of a direction are kept. */
static inline enum hs_raw first_of(const struct session *s, unsigned dir)
{
    return side_of(s, dir) == SIDE_CLIENT ? HS_RAW_CLIENT_FIRST
                                          : HS_RAW_SERVER_FIRST;
}

enum refusal {
    REFUSAL_NONE,
    REFUSAL_PERHAPS, /* if the server speaks TLS: other connections know */
    REFUSAL_CERTAIN, /* by the port and the client's protocol */
};

/* Bytes of a direction in order: before TLS was found, when they may begin it,
 * and after. `start`: a segment begins here. */
void session_feed_prelude(struct session *s, unsigned dir, struct span bytes,
                          struct stamp at, bool start);
void session_feed_tls(struct session *s, unsigned dir, struct span bytes,
                      struct stamp at, bool start);

/* Whether the client spoke plaintext to a server that wanted TLS. */
enum refusal session_refused(const struct session *s, const struct flow *f);

/* Memory for one, from the pool or the system, with whatever is in it. */
struct session *session_take(struct session_pool *pool);

/* Frees what it points to. */
void session_release(struct session *s);

/* Gives the memory back, and nothing that it points to. */
void session_give(struct session *s);

#endif
