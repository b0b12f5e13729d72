/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every carrier looks like from outside. A carrier is a plaintext protocol
 * that leads to TLS: STARTTLS and its relatives, tunnels (CONNECT, SOCKS), a
 * header in front (PROXY protocol), or a wrapping of its own around TLS
 * records (TDS).
 *
 * To add one: write NAME.c here with `const struct dissector NAME_dissector`,
 * and one line in list.am. Its place there is its place in probing.
 *
 * A dissector understands as much of its protocol as tells whether TLS was
 * asked for and what came of it. TLS itself is found by its own first bytes.
 */
#ifndef DISSECTORS_DISSECTOR_H
#define DISSECTORS_DISSECTOR_H

#include "base/span.h"
#include "handshake/handshake.h"

/* Kept of a line or message; what is longer is passed over. */
#define CARRIER_BUFFER_BYTES 512u
#define CARRIER_NOTE_BYTES   256u
#define CARRIER_TAG_BYTES    32u

/* A line or message in the making, of one side. */
struct carrier_buffer {
    uint8_t bytes[CARRIER_BUFFER_BYTES];
    uint16_t n;
    bool complete; /* was handed out; the next byte begins a new one */
};

/* What the server's list of what it can says of TLS. */
enum carrier_offer { OFFER_UNKNOWN, OFFER_NONE, OFFER_TLS };

/* One conversation with a carrier. The dissector owns all of it. */
struct carrier {
    struct carrier_buffer buf[2]; /* by enum side */
    uint32_t left[2];             /* bytes of a message to pass over */
    uint8_t step;
    uint8_t flags;
    bool asked;      /* the answer to a request for TLS is awaited */
    bool challenged; /* what refused asked for credentials first */
    bool busy;       /* the client is in the middle of a request */
    bool moved_on;   /* the client made use of the protocol without TLS */
    bool demands;   /* the server wants TLS, not asked for; `note`: its words */
    bool leaving;   /* the client said that it leaves */
    uint8_t offer;  /* enum carrier_offer */
    uint16_t owed;  /* replies that the server owes */
    uint16_t ahead; /* of them, those before the awaited one */
    uint16_t multi; /* code of a reply of several lines, or 0 */
    uint32_t value; /* number of the request, bits it asked for ... */
    uint8_t tag[CARRIER_TAG_BYTES];
    uint8_t tag_n;
    const char *name; /* another word for tlswhy.carrier, or NULL */
    char target[CARRIER_NOTE_BYTES]; /* what was asked for */
    char note[CARRIER_NOTE_BYTES];   /* the answer, as a person reads it */
    char agent[CARRIER_NOTE_BYTES];  /* what the server calls itself */
};

enum carrier_step {
    CARRIER_GO_ON,
    CARRIER_ASKED,   /* TLS or a tunnel was asked for, by what was read */
    CARRIER_GRANTED, /* ... and granted; `note` may say how */
    CARRIER_REFUSED, /* ... and turned down; `note` says how */
    CARRIER_NOT_TLS, /* this connection will not come to TLS */
    CARRIER_SKIP,    /* a header was read that TLS may follow at once */
};

enum carrier_fit { FIT_NO, FIT_MORE, FIT_YES };

/* The first bytes of both sides so far, at most CARRIER_BUFFER_BYTES each;
 * empty while a side is silent. */
struct carrier_opening {
    struct span client, server;
    uint16_t port; /* the server's; a hint where the bytes leave a doubt */
};

struct dissector {
    const char *name;    /* as in list.am */
    const char *carrier; /* the word for tlswhy.carrier */
    const char *request; /* what it is asked for, in words; NULL: a tunnel,
                            which says it in `target` */
    /* Who asked for TLS must wait for the answer, and who granted it for TLS:
     * plaintext in between was put there by somebody else (CVE-2011-0411). */
    bool takes_turns;
    /* What it leads to is a connection of its own, which may have a carrier
     * again. */
    bool tunnel;
    enum carrier_fit (*probe)(const struct carrier_opening *o);
    /* Reads some of the bytes at the cursor, up to the next thing to tell. It
     * is called again for the rest. Never fails: what does not fit the
     * protocol is passed over. */
    enum carrier_step (*feed)(struct carrier *s, enum side side,
                              struct cursor *c);
    /* For protocols that wrap TLS records, else NULL. After GRANTED everything
     * goes through here: takes the next bytes of TLS into *tls. False when
     * there are none at the cursor, which is then empty. */
    bool (*unwrap)(struct carrier *s, enum side side, struct cursor *c,
                   struct span *tls);
};

/* In probing order, NULL at the end. */
extern const struct dissector *const dissectors[];

#endif
