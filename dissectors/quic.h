/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUIC versions 1 and 2 and late drafts, as far as it can be read without
 * secrets: the hellos and closes in Initial packets, and which other packets
 * went by. Writes the timeline and the raw messages as tls.h does for streams.
 */
#ifndef DISSECTORS_QUIC_H
#define DISSECTORS_QUIC_H

#include "dissectors/assembly.h"
#include "dissectors/quic_crypto.h"
#include "handshake/handshake.h"

struct quic_cid {
    uint8_t bytes[QUIC_CID_MAX];
    uint8_t n;
    bool known;
};

struct quic_dir {
    struct assembly crypto; /* CRYPTO frames of Initial packets */
    uint32_t read;          /* bytes of them that were handed on */
    int64_t largest;        /* packet number; -1 none */
    struct quic_cid name;   /* its Source Connection ID */
    uint16_t packets[4];    /* by enum hs_level */
    uint8_t more;           /* packets to be noted beyond the usual */
};

struct quic_state {
    struct quic_dir dir[2];   /* by enum side: the sender */
    struct quic_keys keys[2]; /* of Initial packets */
    struct quic_cid key_cid;  /* what they were made of; known: they are */
    uint32_t version;         /* what they are for */
    bool negotiated;          /* the server sent Version Negotiation */
    bool retried;
};

void quic_init(struct quic_state *t);
void quic_fini(struct quic_state *t);

/* Whether a datagram of an unknown conversation begins like a client's first
 * Initial packet. Only decrypting it tells for sure. */
bool quic_probe(struct span datagram);

/* What all versions have in the first packet of a datagram (RFC 8999 section
 * 5.1). False when it has no long header of a version that is known, nor is
 * Version Negotiation (version 0). */
struct quic_ids {
    uint32_t version;
    struct span dcid, scid; /* at most QUIC_CID_MAX bytes each */
};
bool quic_read_ids(struct span datagram, struct quic_ids *out);

/* A datagram of one side, `wire` bytes long before the capture cut it. True
 * when there was something new in it. */
bool quic_feed(struct quic_state *t, struct handshake *hs, enum side side,
               struct span datagram, uint32_t wire, tick_t when,
               uint64_t frame);

/* An Initial packet of the client was opened: this is QUIC. */
bool quic_opened(const struct quic_state *t);
/* Both sides use 1-RTT keys. */
bool quic_established(const struct quic_state *t);
/* And went on with them. */
bool quic_settled(const struct quic_state *t);

/* Hands on what is there of a hello that was never completed. */
void quic_flush(struct quic_state *t, struct handshake *hs);

size_t quic_bytes(const struct quic_state *t);

#endif
