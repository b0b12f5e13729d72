/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments that may be somebody else's: their headers do not fit their sender.
 * Which bytes the receiver took is not ours to guess, so they are held until it
 * shows: it acknowledges them, or the sender's own bytes for the same place
 * come first, and it acknowledges those.
 *
 * Such segments are sent by those who inject alerts or plaintext into other
 * people's connections, and by tools that mislead filters (Ptacek, Newsham:
 * Insertion, Evasion, and Denial of Service, 1998): a hello with another name
 * that expires on the way or has a wrong checksum, and then the real one.
 */
#ifndef FLOW_DOUBT_H
#define FLOW_DOUBT_H

#include "flow/flow.h"

struct doubted {
    struct doubted *next;
    struct stamp at;
    uint32_t seq;
    uint32_t ack;     /* what it acknowledges, if it does */
    uint32_t n, wire; /* bytes kept, bytes it stands for */
    uint16_t odd;     /* what does not fit; the caller's */
    uint8_t ttl;
    bool fin, acks; /* its flags */
    bool beaten;    /* other bytes for its place came and were believed */
    bool taken;     /* the receiver acknowledged it: believed */
    bool ignored;   /* the receiver went on without acknowledging it */
    bool moot;      /* its sender had filled its place when it was
                       acknowledged: that says nothing about it */
    bool noted;     /* the caller's */
    uint8_t bytes[];
};

struct doubts {
    struct doubted *list; /* in the order they came */
    unsigned n;
    uint32_t bytes;
    uint32_t refused_end; /* the furthest end of those that were not held */
    bool refused;
};

/* Holds a copy. Where too many are held, the first that is settled goes; NULL
 * when none is, or memory is out: then it is refused, and counts for nothing.
 */
struct doubted *doubts_hold(struct doubts *d, const struct packet *p,
                            uint16_t odd);

/* The first one that is not settled, and whose place `bytes` at
 * seq share with other contents; NULL: none. */
struct doubted *doubts_rival(const struct doubts *d, uint32_t seq,
                             struct span bytes);

/* The one that is not settled and says the same at the same place. */
struct doubted *doubts_repeated(const struct doubts *d, uint32_t seq,
                                struct span bytes);

/* The first other one that is not settled and as odd as x. */
struct doubted *doubts_alike(const struct doubts *d, const struct doubted *x);

/* The first one that was taken, and to whose place these bytes want to put
 * other contents. */
struct doubted *doubts_contradicted(const struct doubts *d, uint32_t seq,
                                    struct span bytes);

/* The first one that is not settled and ends at or before `ack`. Those that the
 * receiver leaves unacknowledged are marked as ignored. */
struct doubted *doubts_acked(const struct doubts *d, uint32_t ack);

/* The first one that is not settled and whose place ends at or before `next`,
 * up to where its sender's own bytes have come; NULL: none. */
struct doubted *doubts_filled(const struct doubts *d, uint32_t next);

/* The first one that is not settled; NULL: none. */
struct doubted *doubts_open(const struct doubts *d);

/* The one that was beaten, yet ends exactly where the receiver's
 * acknowledgement does. */
struct doubted *doubts_preferred(const struct doubts *d, uint32_t ack);

/* Whether one was refused whose place reaches beyond `next`: nobody brought
 * these bytes again, so what its sender said there is not known. */
bool doubts_miss(const struct doubts *d, uint32_t next);

void doubts_fini(struct doubts *d);

#endif
