/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wires every layer: decodes a frame, finds its flow, lets the session read
 * it, and when a connection is over concludes, judges and emits it. Time comes
 * from the packets; it never goes back.
 *
 * While files are read verdicts wait (bounded) until the end, so that a verdict
 * can use what other connections show later, and come out in the order of the
 * connections' first packets. Live they go out at once.
 */
#include "pipeline.h"

#include "application.h"
#include "base/frame_log.h"
#include "base/limits.h"
#include "decode/packet.h"
#include "dissectors/tls_expand.h"
#include "dissectors/x509_cache.h"
#include "flow/flow.h"
#include "session.h"
#include "udp_session.h"

#include <stdlib.h>

#define TIMER_STEP (20 * TICK_MSEC)
#define CLOCK_LEAP (3600 * TICK_SEC)

struct pipeline {
    struct pipeline_options o;
    struct decoder *decoder;
    struct flow_table *flows;
    struct session_pool *sessions;
    struct cert_cache *cert_cache;
    struct judge *judge;
    struct application *application; /* set up when first needed */
    bool application_tried;
    struct handshake **pending; /* concluded, waiting for their verdict */
    size_t pending_n, pending_size, pending_bytes;
    size_t session_bytes;
    size_t frames_bytes;       /* of open flows' frame logs */
    const struct frame *frame; /* the one being looked at */
    tick_t clock, timers_due;
    tick_t leap; /* a time far ahead that one packet claimed; 0: none */
    struct packet leaper; /* that packet's addresses */
    uint32_t source;
    struct totals totals;
    struct tls_decrypt_stats decrypted;
};

/* How long a flow may stay in its class without progress. */
static tick_t class_timeout(const struct pipeline *p, unsigned class)
{
    switch ((enum flow_class) class) {
    case FLOW_OPENING:
        return 15 * TICK_SEC; /* SYN, retransmitted three times */
    case FLOW_PRELUDE:
        return 120 * TICK_SEC; /* people type mail by hand, too */
    case FLOW_ACTIVE:
        return p->o.handshake_timeout;
    case FLOW_STALLED:
        return p->o.handshake_timeout + 120 * TICK_SEC;
    case FLOW_SETTLING:
        return 10 * TICK_SEC; /* for a refusal after Finished */
    case FLOW_HALF_CLOSED:
        return 800 * TICK_MSEC;
    case FLOW_CLOSING:
        return 150 * TICK_MSEC;
    case FLOW_DEAD:
    case FLOW_CLASS_COUNT:
        break;
    }
    return 5 * TICK_SEC;
}

/* ---- verdicts ---- */

static void count_outcome(struct totals *t, const struct conclusion *c)
{
    t->tls++;
    switch (c->outcome) {
    case OUTCOME_SUCCESS:
        t->succeeded++;
        break;
    case OUTCOME_FAILURE:
        if (c->benign) {
            t->benign++;
        } else {
            t->failed++;
        }
        break;
    case OUTCOME_UNKNOWN:
        t->unknown++;
        break;
    }
    t->limited += (c->blind & BLIND_LIMIT) != 0;
}

/* An unanswered encrypted alert right after both Finished is a refusal when
 * the certificate that was shown deserves one (NSS, .NET). */
static void settle_late_alert(struct pipeline *p, struct handshake *hs)
{
    struct conclusion *c = &hs->end_state;
    if (!c->late_alert_unanswered || !judge_is_late_refusal(p->judge, hs)) {
        return;
    }
    c->outcome = OUTCOME_FAILURE;
    c->established = false;
    c->stage = STAGE_SERVER_FINISHED;
    c->by = BY_CLIENT;
    c->how = HOW_ALERT;
    c->has_alert = true;
    c->alert_encrypted = true;
    c->alert_side = SIDE_CLIENT;
    c->blind |= BLIND_NO_KEYS;
}

/* nDPI takes a while to set up, and many runs never report anything. */
static void name_application(struct pipeline *p, struct handshake *hs)
{
    if (p->o.application && !p->application_tried) {
        p->application_tried = true;
        p->application = application_new();
    }
    application_name(p->application, hs);
}

static void judge_one(struct pipeline *p, struct handshake *hs)
{
    settle_late_alert(p, hs);
    count_outcome(&p->totals, &hs->end_state);
    if (hs->end_state.outcome == OUTCOME_FAILURE || p->o.all) {
        name_application(p, hs);
        struct verdict *v = judge_run(p->judge, hs);
        if (v) {
            struct record r = {.hs = hs, .verdict = v};
            p->o.emit(p->o.emit_ctx, &r, hs->source);
            verdict_free(v);
        }
    }
    hs_free(hs);
    free(hs);
}

static int by_first_packet(const void *a, const void *b)
{
    const struct handshake *x = *(struct handshake *const *)a;
    const struct handshake *y = *(struct handshake *const *)b;
    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }
    if (x->source != y->source) {
        return x->source < y->source ? -1 : 1;
    }
    return x->frame_first < y->frame_first   ? -1
           : x->frame_first > y->frame_first ? 1
                                             : 0;
}

static size_t pending_size_of(const struct handshake *hs)
{
    return sizeof *hs + hs->arena.used_bytes + frame_log_bytes(hs->frames);
}

/* Judges the oldest n of the waiting ones. */
static void judge_pending(struct pipeline *p, size_t n)
{
    if (p->pending_n) {
        qsort(p->pending, p->pending_n, sizeof *p->pending, by_first_packet);
    }
    for (size_t i = 0; i < n; i++) {
        p->pending_bytes -= pending_size_of(p->pending[i]);
        judge_one(p, p->pending[i]);
    }
    p->pending_n -= n;
    if (p->pending_n) {
        memmove(p->pending, p->pending + n, p->pending_n * sizeof *p->pending);
    }
}

static bool pending_add(struct pipeline *p, struct handshake *hs)
{
    if (p->pending_n == p->pending_size) {
        size_t size = p->pending_size ? p->pending_size * 2 : 64;
        struct handshake **v = realloc(p->pending, size * sizeof(*v));
        if (!v) {
            return false;
        }
        p->pending = v;
        p->pending_size = size;
    }
    p->pending[p->pending_n++] = hs;
    p->pending_bytes += pending_size_of(hs);
    return true;
}

/* Hands on a handshake whose verdict is wanted: now, or when the capture has
 * told more. */
static void want_verdict(struct pipeline *p, const struct handshake *done)
{
    struct handshake *hs = malloc(sizeof *hs);
    if (!hs) {
        p->totals.limited++;
        struct arena arena = done->arena;
        arena_free(&arena);
        return;
    }
    *hs = *done;
    if (p->o.live || !pending_add(p, hs)) {
        judge_one(p, hs);
        return;
    }
    if (p->pending_n >= LIMIT_PENDING_VERDICTS ||
        p->pending_bytes > LIMIT_PENDING_BYTES) {
        judge_pending(p, p->pending_n / 2);
    }
}

/* Secrets may come after the packets that need them: now is late enough. */
static void decrypt(struct pipeline *p, struct handshake *hs)
{
    if (hs->records_n && p->o.keys) {
        keylog_poll(p->o.keys);
        tls_decrypt_handshake(hs, p->o.keys, &p->decrypted);
    }
}

/* A connection is over. Returns whether it succeeded. */
static bool finish_handshake(struct pipeline *p, struct handshake *hs)
{
    decrypt(p, hs);
    hs_conclude(hs);
    judge_learn(p->judge, hs);
    const struct conclusion *c = &hs->end_state;
    bool success = c->outcome == OUTCOME_SUCCESS;
    bool wanted =
        c->outcome == OUTCOME_FAILURE || c->late_alert_unanswered || p->o.all;
    if (wanted || judge_wants(p->judge, hs)) {
        tls_expand(hs);
        judge_learn_certificates(p->judge, hs);
    }
    if (wanted) {
        want_verdict(p, hs);
        return success;
    }
    count_outcome(&p->totals, c);
    hs_free(hs);
    return success;
}

/* ---- frames that --extract and --annotate want ---- */

static void keep_frame(struct pipeline *p, struct flow *f)
{
    if (!f->frames) {
        f->frames = frame_log_new();
        p->frames_bytes += frame_log_bytes(f->frames);
    }
    if (f->frames) {
        ptrdiff_t growth = frame_log_add(f->frames, p->frame, p->source);
        p->frames_bytes += (size_t)growth;
    }
}

/* The frames are the caller's now. */
static struct frame_log *take_frames(struct pipeline *p, struct flow *f)
{
    struct frame_log *log = f->frames;
    p->frames_bytes -= frame_log_bytes(log);
    f->frames = NULL;
    return log;
}

static void remove_flow(struct pipeline *p, struct flow *f)
{
    if (f->frames) {
        frame_log_free(take_frames(p, f));
    }
    flow_table_remove(p->flows, f);
}

/* ---- sessions ---- */

static void drop_session(struct pipeline *p, struct flow *f)
{
    if (f->session) {
        p->session_bytes -= session_bytes(f->session);
        session_free(f->session);
        f->session = NULL;
    }
}

/* Ends the session of a flow and hands its handshake on. Returns whether what
 * comes late on these ports could be taken for a new attempt. */
static bool end_session(struct pipeline *p, struct flow *f, enum hs_end end)
{
    struct session *s = f->session;
    if (!s) {
        return false;
    }
    if (session_is_tls(s)) {
        struct handshake hs;
        session_finish(s, f, end, p->clock, &hs);
        hs.cert_cache = p->cert_cache;
        hs.source = f->source;
        hs.timeout_ms = (uint32_t)(p->o.handshake_timeout / TICK_MSEC);
        hs.frames = take_frames(p, f);
        drop_session(p, f);
        return !finish_handshake(p, &hs);
    }
    drop_session(p, f);
    return false;
}

static enum hs_end end_of_class(unsigned class)
{
    switch ((enum flow_class) class) {
    case FLOW_ACTIVE:
    case FLOW_STALLED:
    case FLOW_PRELUDE:
    case FLOW_OPENING:
        return HS_END_TIMEOUT;
    case FLOW_SETTLING:
        return HS_END_SETTLED;
    default:
        return HS_END_CLOSED;
    }
}

static void expire(struct pipeline *p, struct flow *f)
{
    if (f->class == FLOW_ACTIVE && !p->o.live) {
        /* A slow peer may still answer, and in a file we can wait. */
        tick_t touched = f->touched;
        flow_table_touch(p->flows, f, FLOW_STALLED, touched);
        return;
    }
    if (end_session(p, f, end_of_class(f->class))) {
        flow_table_touch(p->flows, f, FLOW_DEAD, p->clock);
    } else {
        remove_flow(p, f);
    }
}

static void run_timers(struct pipeline *p)
{
    if (p->clock < p->timers_due) {
        return;
    }
    p->timers_due = p->clock + TIMER_STEP;
    for (unsigned c = 0; c < FLOW_CLASS_COUNT; c++) {
        tick_t timeout = class_timeout(p, c);
        struct flow *f;
        while ((f = flow_table_oldest(p->flows, (enum flow_class)c)) &&
               p->clock - f->touched >= timeout) {
            expire(p, f);
        }
    }
}

static bool over_memory(const struct pipeline *p)
{
    return p->session_bytes + p->frames_bytes + p->pending_bytes +
               flow_table_bytes(p->flows) >
           p->o.max_memory_bytes;
}

/* Makes room: the oldest idle flow of the least useful class goes. */
static bool evict_one(struct pipeline *p)
{
    static const enum flow_class order[] = {
        FLOW_DEAD,    FLOW_OPENING,     FLOW_PRELUDE, FLOW_SETTLING,
        FLOW_STALLED, FLOW_HALF_CLOSED, FLOW_CLOSING, FLOW_ACTIVE};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        struct flow *f = flow_table_oldest(p->flows, order[i]);
        if (!f) {
            continue;
        }
        if (order[i] == FLOW_DEAD) {
            remove_flow(p, f);
            return true;
        }
        p->totals.flows_evicted++;
        bool over = f->class == FLOW_HALF_CLOSED || f->class == FLOW_CLOSING;
        end_session(p, f, over ? HS_END_CLOSED : HS_END_EVICTED);
        remove_flow(p, f);
        return true;
    }
    return false;
}

static void make_room(struct pipeline *p)
{
    if (over_memory(p) && p->pending_n) {
        judge_pending(p, p->pending_n);
    }
    /* Flow lines stay allocated, so memory only falls with sessions. */
    for (int i = 0; i < 64 && over_memory(p) && p->session_bytes; i++) {
        if (!evict_one(p)) {
            break;
        }
    }
}

/* ---- packets ---- */

static struct flow *add_flow(struct pipeline *p, const struct packet *k)
{
    while (flow_table_full(p->flows)) {
        if (!evict_one(p)) {
            return NULL;
        }
    }
    struct flow *f = flow_table_add(p->flows, k);
    if (f) {
        p->totals.flows++;
        f->touched = p->clock;
        f->source = p->source;
    }
    return f;
}

/* Whether a packet of an unknown connection is worth a flow. */
static bool opens_flow(const struct packet *k)
{
    if (k->flags & TCP_RST) {
        return false;
    }
    if (k->flags & TCP_SYN) {
        return true;
    }
    switch (tls_probe(k->payload)) {
    case TLS_PROBE_CLIENT_HELLO:
    case TLS_PROBE_V2_HELLO:
    case TLS_PROBE_SERVER:
        return true;
    case TLS_PROBE_NO:
    case TLS_PROBE_MORE:
    case TLS_PROBE_RECORD:
        break;
    }
    return false;
}

static void note_syn(struct flow *f, unsigned dir, const struct packet *k)
{
    struct flow_half *h = &f->half[dir];
    if (h->flags & HALF_SYN) {
        return;
    }
    h->flags |= HALF_SYN;
    h->isn = k->seq;
    h->mss = k->mss;
    h->ttl_syn = k->ttl;
    h->syn_df = k->ip_df;
    f->when_syn[dir] = k->when;
    f->frame_syn_delta[dir] = (uint32_t)(k->frame - f->frame_first);
}

/* A SYN that does not belong to the flow of these ports: they are reused. */
static bool is_reuse(const struct flow *f, unsigned dir, const struct packet *k)
{
    if (!(k->flags & TCP_SYN) || (k->flags & TCP_ACK)) {
        return false;
    }
    const struct flow_half *h = &f->half[dir];
    return dir != 0 || !(h->flags & HALF_SYN) || h->isn != k->seq;
}

static void note_half(struct flow *f, unsigned dir, const struct packet *k)
{
    struct flow_half *h = &f->half[dir];
    struct flow_half *other = &f->half[1 - dir];
    h->packets++;
    if (k->flags & TCP_SYN) {
        note_syn(f, dir, k);
    }
    if ((k->flags & TCP_ACK) && !(k->flags & TCP_RST)) {
        if (!(other->flags & HALF_ACKED) ||
            (int32_t)(k->ack - other->acked) > 0) {
            other->acked = k->ack;
        }
        other->flags |= HALF_ACKED;
    }
    if ((k->flags & TCP_FIN) && !(h->flags & HALF_FIN)) {
        h->flags |= HALF_FIN;
        h->fin_seq =
            k->seq + k->payload_wire_bytes + (k->flags & TCP_SYN ? 1 : 0);
    }
}

static void obey(struct pipeline *p, struct flow *f, enum session_want want)
{
    switch (want) {
    case WANT_KEEP:
        break;
    case WANT_PROGRESS:
        if (f->class == FLOW_OPENING) {
            f->class_wanted = FLOW_PRELUDE;
        }
        if (session_is_tls(f->session) && f->class_wanted == FLOW_PRELUDE) {
            f->class_wanted = FLOW_ACTIVE;
        }
        flow_table_touch(p->flows, f, (enum flow_class)f->class_wanted,
                         p->clock);
        break;
    case WANT_SETTLING:
    case WANT_HALF_CLOSED:
    case WANT_CLOSING: {
        unsigned class = want == WANT_SETTLING      ? FLOW_SETTLING
                         : want == WANT_HALF_CLOSED ? FLOW_HALF_CLOSED
                                                    : FLOW_CLOSING;
        if (class >= f->class_wanted) {
            f->class_wanted = (uint8_t) class;
            flow_table_touch(p->flows, f, (enum flow_class) class, p->clock);
        }
        break;
    }
    case WANT_FINISH:
        end_session(p, f, HS_END_SETTLED);
        remove_flow(p, f);
        break;
    case WANT_DROP:
        drop_session(p, f);
        remove_flow(p, f);
        break;
    }
}

/* A packet without data for a flow that has none yet. */
static void opening_packet(struct pipeline *p, struct flow *f,
                           const struct packet *k)
{
    bool closed = (k->flags & TCP_RST) || ((f->half[0].flags & HALF_FIN) &&
                                           (f->half[1].flags & HALF_FIN));
    if (closed) {
        remove_flow(p, f); /* connected and left: no TLS */
    } else if (k->flags & TCP_SYN) {
        flow_table_touch(p->flows, f, FLOW_OPENING, p->clock);
    }
}

static void session_of(struct pipeline *p, struct flow *f)
{
    f->session = session_new(p->sessions, f);
    if (f->session) {
        f->class_wanted = FLOW_PRELUDE;
        if (p->o.keys && keylog_in_use(p->o.keys)) {
            session_keep_records(f->session);
        }
    }
}

static struct flow *flow_of(struct pipeline *p, const struct packet *k,
                            unsigned *dir)
{
    struct flow *f = flow_table_find(p->flows, k, dir);
    if (f && is_reuse(f, *dir, k)) {
        end_session(p, f, HS_END_REUSED);
        remove_flow(p, f);
        f = NULL;
    }
    if (!f) {
        if (!opens_flow(k)) {
            return NULL;
        }
        f = add_flow(p, k);
        *dir = 0;
    }
    if (f && *dir == 0 && (k->flags & TCP_SYN) && (k->flags & TCP_ACK) &&
        !f->session) {
        flow_swap(f);
        *dir = 1;
    }
    return f;
}

static void feed_session(struct pipeline *p, struct flow *f,
                         const struct packet *k, unsigned dir)
{
    if (p->source != f->source) {
        session_many_sources(f->session);
    }
    enum session_want want = session_packet(f->session, f, k, dir);
    ptrdiff_t growth = session_growth(f->session);
    p->session_bytes += (size_t)growth;
    obey(p, f, want);
    if (growth > 0 && over_memory(p)) {
        make_room(p);
    }
}

static void tcp_packet(struct pipeline *p, const struct packet *k)
{
    unsigned dir = 0;
    struct flow *f = flow_of(p, k, &dir);
    if (!f || f->class == FLOW_DEAD) {
        return;
    }
    if (p->o.keep_frames) {
        keep_frame(p, f);
    }
    if (f->session) {
        session_prefetch(f->session);
    }
    note_half(f, dir, k);
    if (!f->session) {
        if (k->payload_wire_bytes == 0 || (k->flags & TCP_RST)) {
            opening_packet(p, f, k);
            return;
        }
        session_of(p, f);
        if (!f->session) {
            remove_flow(p, f);
            return;
        }
    }
    feed_session(p, f, k, dir);
}

/* Datagrams have no order to restore: only what may begin a handshake, or
 * belongs to one, is looked at. */
static void udp_packet(struct pipeline *p, const struct packet *k)
{
    unsigned dir = 0;
    struct flow *f = flow_table_find(p->flows, k, &dir);
    if (!f && udp_opens_flow(k)) {
        f = add_flow(p, k);
        dir = 0;
    }
    if (!f || f->class == FLOW_DEAD) {
        return;
    }
    if (p->o.keep_frames) {
        keep_frame(p, f);
    }
    if (!f->session) {
        session_of(p, f);
        if (!f->session) {
            remove_flow(p, f);
            return;
        }
    }
    feed_session(p, f, k, dir);
}

/* An ICMP error quotes the packet it is about. */
static void icmp_packet(struct pipeline *p, const struct packet *k)
{
    struct packet quoted;
    if (!decoder_quoted(k, &quoted)) {
        return;
    }
    unsigned dir = 0;
    struct flow *f = flow_table_find(p->flows, &quoted, &dir);
    if (f && f->session) {
        if (p->o.keep_frames) {
            keep_frame(p, f);
        }
        session_icmp(f->session, k, dir);
    }
}

/* The connection of the packet that leapt belongs to the new time. */
static void keep_leaper(struct pipeline *p, tick_t when)
{
    unsigned dir;
    struct flow *f = p->leaper.ip_version
                         ? flow_table_find(p->flows, &p->leaper, &dir)
                         : NULL;
    if (f) {
        flow_table_touch(p->flows, f, (enum flow_class)f->class, when);
    }
}

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

void pipeline_frame(struct pipeline *p, const struct frame *f, uint32_t source)
{
    struct packet k;
    struct totals *t = &p->totals;
    t->packets_captured++;
    t->bytes_captured += f->data.n;
    if (!t->first || f->when < t->first) {
        t->first = f->when;
    }
    advance_clock(p, f->when);
    p->source = source;
    p->frame = f;
    run_timers(p);
    switch (decoder_frame(p->decoder, f, &k)) {
    case DECODE_PACKET:
        if (p->leap) {
            p->leaper = k;
            p->leaper.payload = (struct span){NULL, 0};
        }
        if (k.proto == PROTO_TCP) {
            tcp_packet(p, &k);
        } else if (k.proto == PROTO_UDP) {
            udp_packet(p, &k);
        } else {
            icmp_packet(p, &k);
        }
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

void pipeline_tick(struct pipeline *p, tick_t now)
{
    if (now > p->clock) {
        p->clock = now;
    }
    run_timers(p);
}

void pipeline_pause(struct pipeline *p, tick_t now)
{
    pipeline_tick(p, now);
    judge_pending(p, p->pending_n);
}

/* Everything still open at the end of the capture. */
static void end_all(struct pipeline *p)
{
    for (unsigned c = 0; c < FLOW_CLASS_COUNT; c++) {
        struct flow *f;
        while ((f = flow_table_oldest(p->flows, (enum flow_class)c))) {
            bool silent = c == FLOW_STALLED ||
                          p->clock - f->touched >= class_timeout(p, c);
            enum hs_end end = end_of_class(c);
            if (end == HS_END_TIMEOUT && !silent) {
                end = HS_END_CAPTURE;
            }
            end_session(p, f, end);
            remove_flow(p, f);
        }
    }
}

void pipeline_finish(struct pipeline *p)
{
    end_all(p);
    judge_pending(p, p->pending_n);
}

const struct tls_decrypt_stats *pipeline_decrypted(const struct pipeline *p)
{
    return &p->decrypted;
}

void pipeline_totals(const struct pipeline *p, struct totals *t)
{
    uint64_t dropped = t->packets_dropped;
    uint64_t by_interface = t->packets_dropped_interface;
    *t = p->totals;
    t->packets_dropped = dropped;
    t->packets_dropped_interface = by_interface;
    t->live = p->o.live;
    t->stories_n = judge_stories(p->judge, t->stories, STORIES_MAX);
}

/* ---- life ---- */

struct pipeline *pipeline_new(const struct pipeline_options *o)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    p->o = *o;
    p->clock = INT64_MIN / 2;
    p->timers_due = INT64_MIN / 2;
    p->decoder = decoder_new();
    p->flows = flow_table_new(o->max_flows);
    p->judge = judge_new(o->trust);
    p->sessions = session_pool_new();
    p->cert_cache = cert_cache_new();
    if (!p->decoder || !p->flows || !p->judge || !p->sessions) {
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
    if (p->flows) {
        for (unsigned c = 0; c < FLOW_CLASS_COUNT; c++) {
            struct flow *f;
            while ((f = flow_table_oldest(p->flows, (enum flow_class)c))) {
                drop_session(p, f);
                remove_flow(p, f);
            }
        }
    }
    for (size_t i = 0; i < p->pending_n; i++) {
        hs_free(p->pending[i]);
        free(p->pending[i]);
    }
    free(p->pending);
    session_pool_free(p->sessions);
    cert_cache_free(p->cert_cache);
    application_free(p->application);
    judge_free(p->judge);
    flow_table_free(p->flows);
    decoder_free(p->decoder);
    free(p);
}
