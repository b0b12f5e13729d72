/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said before TLS: STARTTLS and its relatives, CONNECT, SOCKS, the
 * PROXY protocol; or nothing that leads to TLS. Names the carrier and notes
 * refusals.
 */
#ifndef DISSECTORS_PRELUDE_H
#define DISSECTORS_PRELUDE_H

#include "handshake/handshake.h"

struct prelude {
    bool spoke[2]; /* by direction: 0 is the TCP client */
    tick_t spoke_at[2];
    uint64_t spoke_frame[2];
    const char *client, *server; /* what the first bytes are, or NULL */
    const char *carrier;         /* contract's word once TLS was asked for */
    bool asked, granted, refused;
    bool tls_port; /* the server complained about missing TLS */
    uint8_t step;  /* of SOCKS */
};

enum prelude_verdict {
    PRELUDE_GO_ON,
    PRELUDE_NOT_TLS,  /* nothing that leads to TLS */
    PRELUDE_TLS_PORT, /* plaintext sent to a TLS port, by the server's word */
    PRELUDE_REFUSED,  /* TLS or the tunnel was asked for and turned down */
};

/* In-order bytes of one direction. Returns how many of them are a header that
 * TLS may follow at once in the same segment (PROXY protocol), or 0. */
size_t prelude_feed(struct prelude *p, struct handshake *hs, unsigned dir,
                    struct span bytes, tick_t when, uint64_t frame);

enum prelude_verdict prelude_verdict(const struct prelude *p,
                                     const struct handshake *hs);

/* A TLS hello came: what was before it was its carrier. */
void prelude_tls_begins(struct prelude *p, struct handshake *hs, tick_t when,
                        uint64_t frame);

#endif
