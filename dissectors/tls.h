/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS over a byte stream: records and handshake messages in any fragmentation,
 * SSL 3.0 to TLS 1.3. Writes the timeline and the raw messages of a handshake;
 * parses no more than what steers it.
 */
#ifndef DISSECTORS_TLS_H
#define DISSECTORS_TLS_H

#include "handshake/handshake.h"

/* Kinds of records that are noted a few times only. */
enum tls_noted {
    TLS_NOTED_PROTECTED,
    TLS_NOTED_DATA,
    TLS_NOTED_HANDSHAKE,
    TLS_NOTED_ALERT,
    TLS_NOTED_CCS,
    TLS_NOTED_COUNT
};

struct tls_dir {
    uint8_t header[5]; /* a record header that is not complete yet */
    uint8_t header_n;
    uint8_t type;       /* of the record being read */
    uint32_t body_left; /* bytes of it still to come */
    uint32_t body_len;
    uint8_t *buf; /* malloc'd; partial message */
    uint32_t buf_n, buf_size;
    uint32_t msg_skip; /* bytes of a huge message to pass over */
    uint8_t alert[2];
    uint8_t alert_n;
    bool ccs;      /* ChangeCipherSpec seen */
    bool finished; /* HS_FINISHED noted */
    bool lost;     /* record boundaries unknown after a gap */
    bool dead;     /* no TLS any more */
    bool body_gap; /* bytes of the current record are missing */
    uint8_t noted[TLS_NOTED_COUNT]; /* how many of each kind */
    /* records kept for decryption */
    bool uncounted;     /* records were lost: numbers are not known */
    uint8_t epoch;      /* ChangeCipherSpecs so far */
    uint16_t kept;      /* the current record's number; 0: it is not kept */
    uint8_t *kept_body; /* where its bytes go */
    uint32_t sealed_n;  /* protected records so far */
    /* counted from where TLS begins, what is missing included */
    uint32_t fed;        /* bytes so far */
    uint32_t finish_end; /* behind the record with its Finished; TLS 1.3 hides
                            that, it is this record or one behind it */
    bool finish_ended;
};

struct tls_state {
    struct tls_dir dir[2]; /* by enum side */
    uint16_t app_records[2];
    uint16_t answers; /* the server's protected records in the timeline behind
                         the client's first */
};

/* What the first bytes of a direction look like. */
enum tls_probe {
    TLS_PROBE_NO,
    TLS_PROBE_MORE, /* too short to tell, no contradiction yet */
    TLS_PROBE_CLIENT_HELLO,
    TLS_PROBE_V2_HELLO,
    TLS_PROBE_SERVER, /* ServerHello, or an alert record */
    TLS_PROBE_RECORD, /* another plausible TLS record */
};
enum tls_probe tls_probe(struct span first);

/* Whether these bytes are one record with one message in it, a ClientHello (RFC
 * 8446 sections 5.1 and 4.1.2). */
bool tls_is_hello(struct span bytes);

void tls_fini(struct tls_state *t);

/* In-order bytes of one side. `start`: they begin a captured segment. */
void tls_feed(struct tls_state *t, struct handshake *hs, enum side side,
              struct span bytes, tick_t when, uint64_t frame, bool start);

/* n bytes are missing from the capture. */
void tls_gap(struct tls_state *t, struct handshake *hs, enum side side,
             uint32_t n, tick_t when, uint64_t frame);

/* Whether the handshake is over for sure and the rest is bulk: both Finished,
 * and data that a refusal would have prevented. */
bool tls_settled(const struct tls_state *t, const struct handshake *hs);

#endif
