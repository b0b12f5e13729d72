/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said before TLS, where the session meets the carriers of
 * dissector.h: finds the one that fits the first bytes, runs it, and writes
 * into the handshake what was asked for and what came of it. Carriers may be
 * nested: a tunnel's inside is looked at afresh.
 */
#ifndef DISSECTORS_PRELUDE_H
#define DISSECTORS_PRELUDE_H

#include "handshake/handshake.h"

struct carrier;
struct dissector;

struct prelude {
    bool spoke[2];   /* by direction: 0 is the TCP client */
    size_t heard[2]; /* of their first bytes */
    tick_t spoke_at[2];
    uint64_t spoke_frame[2];
    const char *client, *server; /* what the first bytes are, or NULL */
    const char *carrier;         /* contract's word once TLS was asked for */
    uint16_t port;               /* the server's, a hint; set by the session */
    bool asked, granted;
    bool declined; /* turned down, but the client may ask again */
    bool refused;  /* turned down for good */
    bool tls_port; /* the server complained about missing TLS */
    bool wrapped;  /* TLS comes in packets: prelude_unwrap() */
    bool not_tls;
    bool unknown;   /* no carrier fits */
    bool open;      /* HS_CARRIER noted, its answer not */
    bool told;      /* the session was told of the refusal */
    bool missing;   /* not in the server's list, and not asked for: noted as a
                       refusal until it shows whether the client minds */
    bool demanded;  /* the server wants TLS, which was not asked for: noted as
                       a refusal until the client asks, or goes on without */
    uint8_t depth;  /* tunnels entered */
    uint8_t talked; /* sides heard in the current depth, as bits */
    uint8_t first;  /* which of them was first */
    const struct dissector *dissector;
    struct carrier *state; /* in the handshake's arena */
};

enum prelude_verdict {
    PRELUDE_GO_ON,
    PRELUDE_NOT_TLS,  /* nothing that leads to TLS */
    PRELUDE_TLS_PORT, /* plaintext sent to a TLS port, by the server's word */
    PRELUDE_REFUSED,  /* TLS or the tunnel was asked for and turned down */
};

/* In-order bytes of one direction. Returns after how many of them TLS may
 * begin, in the same segment too; the caller feeds what is left again when it
 * does not. 0: all were read. */
size_t prelude_feed(struct prelude *p, struct handshake *hs, unsigned dir,
                    struct span bytes, tick_t when, uint64_t frame);

/* n bytes of one direction are missing from the capture. */
void prelude_gap(struct prelude *p, unsigned dir, uint32_t n);

enum prelude_verdict prelude_verdict(const struct prelude *p,
                                     const struct handshake *hs);

/* The connection is over. A client that heard that there is no TLS, and left
 * without another word, is taken for one that wanted it. */
void prelude_closed(struct prelude *p, struct handshake *hs);

/* Whether the connection is to be reported though TLS never began: TLS or the
 * tunnel was turned down, or the end came in place of the answer. */
bool prelude_is_due(const struct prelude *p, const struct handshake *hs);

/* A TLS hello came: what was before it was its carrier. Some clients send one
 * though they were turned down. */
void prelude_tls_begins(struct prelude *p, struct handshake *hs, tick_t when,
                        uint64_t frame);

/* The server speaks TLS: it turned nothing down. */
void prelude_accepted(struct prelude *p, struct handshake *hs, tick_t when,
                      uint64_t frame);

/* Nothing carries TLS here: what the client asked for (HS_CARRIER) it asked of
 * a port that speaks TLS itself. */
void prelude_retract(struct prelude *p, struct handshake *hs);

/* While `wrapped`: the next bytes of TLS out of *bytes, which moves on. False
 * when there are none. */
bool prelude_unwrap(struct prelude *p, unsigned dir, struct span *bytes,
                    struct span *tls);

#endif
