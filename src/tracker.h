/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first half of the pipeline: packets in, concluded handshakes out.
 *
 * A tracker owns flows, sessions and their memory, and shares nothing with
 * another one, so that each may run in a thread of its own. It is told the
 * time; it asks no clock and judges nothing.
 */
#ifndef TRACKER_H
#define TRACKER_H

#include "decode/packet.h"
#include "dissectors/tls_decrypt.h"
#include "handshake/handshake.h"
#include "keys/keylog.h"

/* When it is, and what is being looked at. */
struct tracker_now {
    tick_t clock;              /* never goes back */
    uint64_t step;             /* counts the calls to all trackers; the same
                                  for what all of them are told */
    const struct frame *frame; /* the packet's; needed for keep_frames only */
    uint32_t source;           /* index of the capture it came from */
};

/*
 * When a handshake was concluded: its place among those of all trackers, as if
 * there were only one. A tracker's come in this order.
 */
struct tracker_order {
    uint64_t step;
    /* The rest orders what time or the end concluded in one step. */
    uint8_t class; /* enum flow_class */
    tick_t touched;
    uint32_t touch; /* the step of that touch, modulo 2^32 */
};

struct tracker_options {
    tick_t handshake_timeout;
    uint32_t max_flows;
    uint32_t whole_flows; /* more than these are folded while they wait */
    size_t max_memory_bytes;
    bool live;
    bool keep_frames;    /* handshakes come with their packets */
    bool many_sources;   /* live: one packet may come from several */
    struct keylog *keys; /* borrowed; may be NULL */
    /* Takes a concluded handshake and what it owns; *hs itself is the
     * tracker's. */
    void (*done)(void *ctx, struct handshake *hs,
                 const struct tracker_order *at);
    /* Memory elsewhere that counts against max_memory_bytes, and how it is
     * given back; may be NULL. */
    size_t (*elsewhere_bytes)(const void *ctx);
    void (*relieve)(void *ctx);
    void *ctx;
    /* A packet from `source` that belongs to no connection that is followed,
     * and neither begins nor ends one: others like it will be passed over, too.
     * May be NULL. */
    void (*ignored)(void *ctx, const struct packet *k, uint32_t source);
    void *ignored_ctx;
};

struct tracker_counters {
    uint64_t flows, flows_evicted;
    /* TCP connections that never got to any data */
    uint64_t refused;    /* a reset answered the SYN */
    uint64_t unanswered; /* nothing answered it */
    uint64_t unused;     /* opened, and closed without a word of the client */
    uint64_t flows_open; /* now */
};

struct tracker;

/* NULL when memory is out. The handshakes handed on must be freed before. */
struct tracker *tracker_new(const struct tracker_options *o);
void tracker_free(struct tracker *t);

/* A packet: TCP, UDP, EAP or an ICMP error. */
void tracker_packet(struct tracker *t, const struct packet *k,
                    const struct tracker_now *now);

/* Ends what was silent for too long. To be called every TRACKER_STEP or so. */
#define TRACKER_STEP (20 * TICK_MSEC)
void tracker_timers(struct tracker *t, const struct tracker_now *now);

/* Time leaps: the connection of that packet is moved to the new time. */
void tracker_keep(struct tracker *t, const struct packet *k,
                  const struct tracker_now *now);

/* Folds all connections that can be, as happens to those that wait when there
 * are many, or memory is short: what becomes of them does not depend on it. */
void tracker_fold(struct tracker *t);

/* The capture is over: ends everything still open. */
void tracker_end(struct tracker *t, const struct tracker_now *now);

/* Memory of flows, sessions and kept frames. */
size_t tracker_bytes(const struct tracker *t);
void tracker_counters(const struct tracker *t, struct tracker_counters *out);
/* What the secrets opened so far. */
const struct tls_decrypt_stats *tracker_decrypted(const struct tracker *t);

/* Starts loading what a packet's flow needs, to hide the memory's latency. */
void tracker_prefetch(const struct tracker *t, struct packet *k);

#endif
