/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS 1.0 to 1.3 over datagrams: records and handshake fragments in any order.
 * Writes the timeline and the raw messages of a handshake as tls.h does for
 * streams.
 */
#ifndef DISSECTORS_DTLS_H
#define DISSECTORS_DTLS_H

#include "dissectors/assembly.h"
#include "handshake/handshake.h"

/* Messages of one side that may wait for fragments, and how many a side may
 * send in clear (RFC 5246 section 7.3 has eight; retries come on top). */
#define DTLS_PENDING  6u
#define DTLS_MESSAGES 32u

struct dtls_pending {
    struct assembly bytes;
    uint32_t total; /* body length; 0: the place is free */
    uint16_t seq;   /* message_seq */
    uint8_t type;
    tick_t when; /* of its latest fragment */
    uint64_t frame;
};

struct dtls_dir {
    struct dtls_pending pending[DTLS_PENDING];
    uint8_t done[DTLS_MESSAGES]; /* by message_seq: 1 + type of what was read */
    uint8_t evict;               /* the next place to reuse */
    bool ccs, finished;
    bool cid_known; /* its records carry a connection ID of cid_bytes */
    uint8_t cid_bytes;
    uint16_t records[4];  /* DTLS 1.3: protected records by epoch modulo 4 */
    uint16_t app_records; /* DTLS <= 1.2: application data */
};

struct dtls_state {
    struct dtls_dir dir[2]; /* by enum side: the sender */
};

/* What a datagram of an unknown conversation looks like. */
enum dtls_probe {
    DTLS_PROBE_NO,
    DTLS_PROBE_CLIENT_HELLO,
    DTLS_PROBE_SERVER, /* a ServerHello or HelloVerifyRequest */
};
enum dtls_probe dtls_probe(struct span datagram);

/* A datagram of one side, `wire` bytes long before the capture cut it. True
 * when there was something new in it. */
bool dtls_feed(struct dtls_state *t, struct handshake *hs, enum side side,
               struct span datagram, uint32_t wire, tick_t when,
               uint64_t frame);

/* Handshake fragments out of a record that was decrypted. Of the state only the
 * reassembly is used; a zeroed one will do. */
void dtls_opened_fragments(struct dtls_state *t, struct handshake *hs,
                           enum side side, struct span fragments, tick_t when,
                           uint64_t frame);

/* Both sides are done with the handshake. */
bool dtls_established(const struct dtls_state *t);
/* And what came after shows that nobody objected. */
bool dtls_settled(const struct dtls_state *t);

/* Hands on what is there of messages that were never completed. */
void dtls_flush(struct dtls_state *t, struct handshake *hs);

size_t dtls_bytes(const struct dtls_state *t);
void dtls_fini(struct dtls_state *t);

#endif
