/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wires every layer: decodes a frame, hands its packet to the tracker, and what
 * the tracker concluded to the judging. Time comes from the packets; it never
 * goes back.
 */
#include "pipeline.h"

#include "base/heap.h"
#include "base/limits.h"
#include "decode/packet.h"
#include "eap_link.h"
#include "shards.h"
#include "tracker.h"
#include "verdicts.h"
#include "watch.h"

#include <stdlib.h>

#define CLOCK_LEAP     (3600 * TICK_SEC)
#define PIPELINE_BATCH 16u /* packets decoded ahead */

struct pipeline {
    struct pipeline_options o;
    struct decoder *decoder;
    struct eap_link *eap_link; /* NULL before it is needed */
    /* One of them; neither before the first packet. */
    struct tracker *tracker;
    struct shards *shards;
    struct watch *watch;       /* ... or they are fed by threads of its own */
    struct verdicts *verdicts; /* NULL: somebody else judges */
    bool threads_failed;
    uint64_t step; /* counts calls to trackers */
    tick_t clock, timers_due;
    tick_t leap; /* a time far ahead that one packet claimed; 0: none */
    struct packet leaper; /* that packet's addresses */
    struct totals totals; /* of frames */
};

/* ---- between tracker and judging ---- */

static void on_handshake(void *ctx, struct handshake *hs,
                         const struct tracker_order *at)
{
    const struct pipeline *p = ctx;
    (void)at; /* one tracker's handshakes come in order */
    heap_advise();
    if (!verdicts_add(p->verdicts, hs)) {
        hs_free(hs);
    }
}

static size_t waiting_bytes(const void *ctx)
{
    const struct pipeline *p = ctx;
    return verdicts_bytes(p->verdicts);
}

static void flush_verdicts(void *ctx)
{
    const struct pipeline *p = ctx;
    verdicts_flush(p->verdicts);
}

static bool on_handshake_of_thread(void *ctx, struct handshake *hs)
{
    const struct pipeline *p = ctx;
    return verdicts_add(p->verdicts, hs);
}

/* ---- one tracker or several ---- */

static struct tracker_options tracker_options(struct pipeline *p)
{
    struct tracker_options to = {
        .whole_flows = LIMIT_WHOLE_FLOWS,
        .handshake_timeout = p->o.handshake_timeout,
        .max_flows = p->o.max_flows,
        .max_memory_bytes = p->o.max_memory_bytes,
        .live = p->o.live,
        .keep_frames = p->o.keep_frames,
        .many_sources = p->o.many_sources,
        .keys = p->o.keys,
        .done = on_handshake,
        .elsewhere_bytes = waiting_bytes,
        .relieve = flush_verdicts,
        .ctx = p,
        .ignored = p->o.ignored,
        .ignored_ctx = p->o.ignored_ctx,
    };
    if (p->o.concluded) {
        to.done = p->o.concluded;
        to.elsewhere_bytes = NULL;
        to.relieve = NULL;
        to.ctx = p->o.concluded_ctx;
    }
    return to;
}

/* Threads start with the first packet, when whatever confines the process is
 * in place. Where they cannot, one tracker does it. */
static bool start(struct pipeline *p)
{
    const struct tracker_options to = tracker_options(p);
    if (p->o.workers > 1 && !p->threads_failed) {
        const struct shards_options so = {
            .n = p->o.workers < SHARDS_MAX ? p->o.workers : SHARDS_MAX,
            .tracker = to,
            .all = p->o.all,
            .done = on_handshake_of_thread,
            .ctx = p,
        };
        p->shards = shards_new(&so);
        p->threads_failed = !p->shards;
    }
    if (!p->shards) {
        p->tracker = tracker_new(&to);
    }
    return p->shards || p->tracker;
}

/* The next call to a tracker. */
static struct tracker_now next_step(struct pipeline *p)
{
    return (struct tracker_now){.clock = p->clock, .step = ++p->step};
}

static void run_timers(struct pipeline *p)
{
    if (p->clock < p->timers_due) {
        return;
    }
    const struct tracker_now now = next_step(p);
    p->timers_due = p->clock + TRACKER_STEP;
    heap_advise();
    if (p->verdicts) {
        verdicts_tick(p->verdicts, p->clock);
    }
    if (p->tracker) {
        tracker_timers(p->tracker, &now);
    } else if (p->shards) {
        shards_timers(p->shards, &now);
        if (shards_bytes(p->shards) + verdicts_bytes(p->verdicts) >
            p->o.max_memory_bytes) {
            verdicts_flush(p->verdicts);
        }
    }
}

static void track(struct pipeline *p, const struct packet *k,
                  const struct frame *f, uint32_t source)
{
    if (!p->tracker && !p->shards && !start(p)) {
        return;
    }
    struct tracker_now now = next_step(p);
    now.frame = f;
    now.source = source;
    if (p->tracker) {
        tracker_packet(p->tracker, k, &now);
    } else {
        shards_packet(p->shards, k, &now);
    }
}

/* The connection of the packet that leapt belongs to the new time. */
static void keep_leaper(struct pipeline *p, tick_t when)
{
    struct tracker_now now = next_step(p);
    now.clock = when;
    if (!p->leaper.frame) {
        return;
    }
    if (p->tracker) {
        tracker_keep(p->tracker, &p->leaper, &now);
    } else if (p->shards) {
        shards_keep(p->shards, &p->leaper, &now);
    }
}

/* ---- frames ---- */

/*
 * Time comes from the packets and never goes back. A leap of hours is believed
 * only when the next packet confirms it: one wrong time stamp must not end
 * every handshake in progress.
 */
static void advance_clock(struct pipeline *p, tick_t when)
{
    struct totals *t = &p->totals;
    bool first = t->packets_captured == 1;
    if (!first && when - p->clock > CLOCK_LEAP) {
        bool confirmed =
            p->leap && when >= p->leap && when - p->leap < CLOCK_LEAP;
        p->leap = when;
        if (!confirmed) {
            return;
        }
        keep_leaper(p, when);
    } else {
        p->leap = 0;
    }
    if (when > p->clock) {
        p->clock = when;
        t->last = when;
    }
}

static void one_frame(struct pipeline *p, const struct frame *f,
                      uint32_t source, enum decode_result result,
                      const struct packet *k)
{
    struct totals *t = &p->totals;
    t->packets_captured++;
    t->bytes_captured += f->data.n;
    if (!t->first || f->when < t->first) {
        t->first = f->when;
    }
    advance_clock(p, f->when);
    run_timers(p);
    switch (result) {
    case DECODE_PACKET:
        if (p->leap) {
            p->leaper = *k;
            p->leaper.payload = (struct span){NULL, 0};
        }
        track(p, k, f, source);
        break;
    case DECODE_CUT:
        t->frames_cut++;
        break;
    case DECODE_MALFORMED:
        t->frames_malformed++;
        break;
    case DECODE_LINKTYPE:
        t->frames_unknown++;
        break;
    case DECODE_OTHER:
    case DECODE_FRAGMENT:
        break;
    }
}

/* 802.1X log-ins are rare: what tells them apart is set up for the first. */
static void find_conversation(struct pipeline *p, struct packet *k)
{
    if (!eap_link_wants(k)) {
        return;
    }
    if (!p->eap_link) {
        p->eap_link = eap_link_new();
    }
    if (p->eap_link) {
        eap_link_packet(p->eap_link, k);
    }
}

/* Decodes ahead while packets stay valid, so that the memory that they need
 * can be on its way. Returns for how many frames. */
static size_t decode_some(struct pipeline *p, const struct frame *v, size_t n,
                          struct packet *k, enum decode_result *results)
{
    size_t done = 0;
    do {
        results[done] = decoder_frame(p->decoder, &v[done], &k[done]);
        if (results[done] == DECODE_PACKET) {
            find_conversation(p, &k[done]);
            if (p->o.names) {
                names_packet(p->o.names, &k[done]);
            }
            if (p->tracker) {
                tracker_prefetch(p->tracker, &k[done]);
            }
        }
        done++;
    } while (done < n && done < PIPELINE_BATCH && !decoder_holds(p->decoder));
    return done;
}

void pipeline_frames(struct pipeline *p, const struct frame *v, size_t n,
                     uint32_t source)
{
    struct packet k[PIPELINE_BATCH];
    enum decode_result results[PIPELINE_BATCH];
    while (n > 0) {
        size_t done = decode_some(p, v, n, k, results);
        for (size_t i = 0; i < done; i++) {
            one_frame(p, &v[i], source, results[i], &k[i]);
        }
        v += done;
        n -= done;
    }
}

void pipeline_frame(struct pipeline *p, const struct frame *f, uint32_t source)
{
    pipeline_frames(p, f, 1, source);
}

void pipeline_tick(struct pipeline *p, tick_t now)
{
    if (now > p->clock) {
        p->clock = now;
    }
    run_timers(p);
}

/* ---- threads that capture ---- */

bool pipeline_watch(struct pipeline *p, struct capture *const *captures,
                    unsigned interfaces, tick_t since)
{
    const struct watch_options wo = {
        .workers = p->o.workers,
        .interfaces = interfaces,
        .captures = captures,
        .since = since,
        .pipeline = p->o,
        .done = on_handshake_of_thread,
        .ctx = p,
    };
    p->watch = watch_new(&wo);
    return p->watch != NULL;
}

bool pipeline_watch_step(struct pipeline *p)
{
    verdicts_tick(p->verdicts, capture_now());
    return watch_step(p->watch);
}

bool pipeline_watch_ended(const struct pipeline *p, unsigned interface)
{
    return watch_has_ended(p->watch, interface);
}

/* ---- the end ---- */

void pipeline_settle(struct pipeline *p)
{
    if (p->shards) {
        shards_settle(p->shards);
    }
}

void pipeline_pause(struct pipeline *p, tick_t now)
{
    pipeline_tick(p, now);
    pipeline_settle(p);
    if (p->verdicts) {
        verdicts_flush(p->verdicts);
    }
}

void pipeline_finish(struct pipeline *p)
{
    const struct tracker_now now = next_step(p);
    if (p->tracker) {
        tracker_end(p->tracker, &now);
    } else if (p->shards) {
        shards_end(p->shards, &now);
    } else if (p->watch) {
        watch_finish(p->watch);
    }
    if (p->verdicts) {
        verdicts_flush(p->verdicts);
    }
}

void pipeline_decrypted(const struct pipeline *p, struct tls_decrypt_stats *out)
{
    *out = (struct tls_decrypt_stats){0};
    if (p->tracker) {
        *out = *tracker_decrypted(p->tracker);
    } else if (p->shards) {
        shards_decrypted(p->shards, out);
    } else if (p->watch) {
        watch_decrypted(p->watch, out);
    }
    if (p->verdicts) {
        tls_decrypt_add(out, verdicts_decrypted(p->verdicts));
    }
}

void pipeline_totals(const struct pipeline *p, struct totals *t)
{
    uint64_t dropped = t->packets_dropped;
    uint64_t by_interface = t->packets_dropped_interface;
    uint64_t relieved = t->packets_relieved;
    struct tracker_counters flows = {0};
    if (p->tracker) {
        tracker_counters(p->tracker, &flows);
    } else if (p->shards) {
        shards_counters(p->shards, &flows);
    }
    *t = p->totals;
    t->flows = flows.flows;
    t->flows_evicted = flows.flows_evicted;
    t->tcp_refused = flows.refused;
    t->tcp_unanswered = flows.unanswered;
    t->tcp_unused = flows.unused;
    t->flows_open = flows.flows_open;
    t->memory_bytes = p->tracker  ? tracker_bytes(p->tracker)
                      : p->shards ? shards_bytes(p->shards)
                                  : 0;
    t->packets_dropped = dropped;
    t->packets_dropped_interface = by_interface;
    t->packets_relieved = relieved;
    t->live = p->o.live;
    if (p->watch) {
        watch_totals(p->watch, t);
    }
    if (p->verdicts) {
        t->memory_bytes += verdicts_bytes(p->verdicts);
        verdicts_totals(p->verdicts, t);
    }
}

/* ---- life ---- */

struct pipeline *pipeline_new(const struct pipeline_options *o)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    const struct verdicts_options vo = {
        .all = o->all,
        .live = o->live,
        .unnumbered = o->live && o->workers > 1,
        .application = o->application,
        .max_bytes = o->max_memory_bytes / 4,
        .trust = o->trust,
        .keys = o->keys,
        .emit = o->emit,
        .emit_ctx = o->emit_ctx,
    };
    p->o = *o;
    p->clock = INT64_MIN / 2;
    p->timers_due = INT64_MIN / 2;
    p->decoder = decoder_new();
    p->verdicts = o->concluded ? NULL : verdicts_new(&vo);
    bool ready = p->decoder && (p->verdicts || o->concluded) &&
                 (o->workers > 1 || start(p));
    if (!ready) {
        pipeline_free(p);
        return NULL;
    }
    return p;
}

void pipeline_free(struct pipeline *p)
{
    if (!p) {
        return;
    }
    verdicts_free(p->verdicts);
    tracker_free(p->tracker);
    shards_free(p->shards);
    watch_free(p->watch);
    eap_link_free(p->eap_link);
    decoder_free(p->decoder);
    free(p);
}
