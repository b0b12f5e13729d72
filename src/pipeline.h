/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only joint of all layers: frames in, records out. Read this first.
 *
 *   frame -> decoder -> tracker: flow table -> session (streams, TLS reader)
 *         -> handshake -> conclusion -> verdicts: judge -> record
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "base/frame.h"
#include "capture/capture.h"
#include "dissectors/tls_decrypt.h"
#include "judge/judge.h"
#include "names.h"
#include "report/report.h"
#include "tracker.h"

struct pipeline_options {
    tick_t handshake_timeout;
    unsigned workers; /* threads that analyse; 0 and 1: the caller's alone */
    uint32_t max_flows;
    size_t max_memory_bytes;
    bool all;            /* successes and unknowns are emitted too */
    bool live;           /* emit at once instead of waiting for evidence */
    bool application;    /* ask nDPI */
    bool keep_frames;    /* records come with their packets (hs->frames) */
    bool many_sources;   /* live: one packet may be captured more than once */
    struct trust *trust; /* borrowed; may be NULL */
    struct names *names; /* learns from DNS answers; borrowed; may be NULL */
    struct keylog *keys; /* secrets to decrypt with; borrowed; may be NULL */
    /* Called for every record; `source` is the index of the capture. */
    void (*emit)(void *ctx, const struct record *r, uint32_t source);
    void *emit_ctx;
    /* Set: takes every concluded handshake and what it owns; then nothing is
     * judged here, and `emit` is not called. With one worker only. */
    void (*concluded)(void *ctx, struct handshake *hs,
                      const struct tracker_order *at);
    void *concluded_ctx;
    /* As in struct tracker_options; called in the caller's thread. */
    void (*ignored)(void *ctx, const struct packet *k, uint32_t source);
    void *ignored_ctx;
};

struct pipeline;

/* NULL when memory is out. */
struct pipeline *pipeline_new(const struct pipeline_options *o);
void pipeline_free(struct pipeline *p);

/* One frame of capture number `source`. */
void pipeline_frame(struct pipeline *p, const struct frame *f, uint32_t source);

/* The same for n of them, which are valid together: it is faster. */
void pipeline_frames(struct pipeline *p, const struct frame *v, size_t n,
                     uint32_t source);

/* Live and idle: the clock stands at `now`. */
void pipeline_tick(struct pipeline *p, tick_t now);

/* A pipe has nothing to read for now, and the capture's clock would stand at
 * `now`: what is over is emitted. */
void pipeline_pause(struct pipeline *p, tick_t now);

/*
 * Instead of frames: live captures that the workers read themselves, as in
 * struct watch_options (watch.h). False when threads cannot be started; the
 * first capture of each interface may then be read as usual, once the others
 * are closed.
 */
bool pipeline_watch(struct pipeline *p, struct capture *const *captures,
                    unsigned interfaces, tick_t since);

/* Judges and emits what was concluded; to be called again and again. False when
 * all captures have ended. */
bool pipeline_watch_step(struct pipeline *p);

/* Whether the captures of an interface have ended. */
bool pipeline_watch_ended(const struct pipeline *p, unsigned interface);

/* Waits until all frames so far are analysed: what the threads share (keys) may
 * be changed then. */
void pipeline_settle(struct pipeline *p);

/* The captures are over: judges and emits what is left. */
void pipeline_finish(struct pipeline *p);

/* What the secrets opened; after pipeline_finish(). */
void pipeline_decrypted(const struct pipeline *p,
                        struct tls_decrypt_stats *out);

/* Adds the pipeline's counters to *t. */
void pipeline_totals(const struct pipeline *p, struct totals *t);

#endif
