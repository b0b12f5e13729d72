/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From packets to concluded handshakes: finds the flow of a packet, lets the
 * session read it, and when a connection is over decrypts what it can and
 * concludes. What a handshake means beyond itself is src/verdicts.c's business.
 *
 * A tracker knows nothing of others: with several of them each sees all packets
 * of its connections, and the caller tells all of them the same time.
 */
#include "tracker.h"

#include "base/frame_log.h"
#include "dissectors/tls.h"
#include "eap_session.h"
#include "flow/flow.h"
#include "quic_link.h"
#include "session.h"
#include "udp_session.h"

#include <stdlib.h>

/* How many flows are looked at to fold one when one more is whole. */
#define FOLD_STEPS 16u

/* When memory is short: from how many whole flows on they are folded. */
#define FOLD_ALL_AT 256u

/* How late copies of a packet and answers to it come, of a connection that is
 * over. */
#define STRAGGLERS (5 * TICK_SEC)

struct tracker {
    struct tracker_options o;
    struct flow_table *flows;
    struct session_pool *sessions;
    struct quic_link *quic;
    size_t session_bytes; /* folded ones, too */
    size_t frames_bytes;  /* of open flows' frame logs */
    uint32_t whole_left;  /* when all had been folded that could be */
    uint32_t waiting;     /* folded ones that are not plain */
    struct tracker_now now;
    bool in_packet; /* else time, or the end, is at work */
    bool one_more;  /* a flow became whole in this packet */
    struct tracker_counters counters;
    struct tls_decrypt_stats decrypted;
};

/* How long a flow may stay in its class without progress. */
static tick_t class_timeout(const struct tracker *t, unsigned class)
{
    switch ((enum flow_class) class) {
    case FLOW_OPENING:
        return 15 * TICK_SEC; /* SYN, retransmitted three times */
    case FLOW_PRELUDE:
        return 120 * TICK_SEC; /* people type mail by hand, too */
    case FLOW_ACTIVE:
        return t->o.handshake_timeout;
    case FLOW_STALLED:
        return t->o.handshake_timeout + 120 * TICK_SEC;
    case FLOW_SETTLING:
        return 10 * TICK_SEC; /* for a refusal after Finished */
    case FLOW_HALF_CLOSED:
        return 800 * TICK_MSEC;
    case FLOW_CLOSING:
        return 150 * TICK_MSEC;
    case FLOW_SETTLED:
        return 300 * TICK_MSEC; /* a retransmission takes 200 */
    case FLOW_ECHOING:
        return 60 * TICK_SEC; /* who closed repeats its last words for long */
    case FLOW_DEAD:
    case FLOW_CLASS_COUNT:
        break;
    }
    return STRAGGLERS;
}

/* Every touch is noted with its step, so that flows touched at the same time
 * have an order, too. */
static void touch(struct tracker *t, struct flow *f, enum flow_class class)
{
    flow_table_touch(t->flows, &f->head, class, t->now.clock);
    f->head.touch = (uint32_t)t->now.step;
}

size_t tracker_bytes(const struct tracker *t)
{
    return t->session_bytes + t->frames_bytes + flow_table_bytes(t->flows) +
           session_pool_bytes(t->sessions);
}

/* ---- a connection is over ---- */

/* Secrets may come after the packets that need them: now is late enough. Where
 * they may come later still, the kept records travel on (verdicts.c). */
static void decrypt(struct tracker *t, struct handshake *hs)
{
    struct keylog *keys = t->o.keys;
    if (!hs->records_n || !keys) {
        return;
    }
    keylog_poll(keys);
    if (!keylog_may_grow(keys) || !tls_decrypt_waits(hs, keys)) {
        tls_decrypt_handshake(hs, keys, &t->decrypted);
    }
}

/* Concludes a handshake and hands it on. Returns whether it succeeded. */
static bool finish_handshake(struct tracker *t, struct handshake *hs,
                             const struct flow *f)
{
    decrypt(t, hs);
    hs_conclude(hs);
    bool success = hs->end_state.outcome == OUTCOME_SUCCESS;
    struct tracker_order at = {.step = t->now.step};
    if (!t->in_packet) {
        at.class = f->head.class;
        at.touched = f->head.touched;
        at.touch = f->head.touch;
    }
    t->o.done(t->o.ctx, hs, &at);
    return success;
}

/* ---- frames that --extract and --annotate want ---- */

static void keep_frame(struct tracker *t, struct flow *f)
{
    if (!f->frames) {
        f->frames = frame_log_new();
        t->frames_bytes += frame_log_bytes(f->frames);
    }
    if (f->frames) {
        ptrdiff_t growth =
            frame_log_add(f->frames, t->now.frame, t->now.source);
        t->frames_bytes += (size_t)growth;
    }
}

/* The frames are the caller's now. */
static struct frame_log *take_frames(struct tracker *t, struct flow *f)
{
    struct frame_log *log = f->frames;
    t->frames_bytes -= frame_log_bytes(log);
    f->frames = NULL;
    return log;
}

/* A flow without a session goes. */
static void remove_flow(struct tracker *t, struct flow_head *f)
{
    struct flow *whole = flow_whole(f);
    if (whole && whole->frames) {
        frame_log_free(take_frames(t, whole));
    }
    flow_table_remove(t->flows, f);
}

/* ---- sessions ---- */

static void drop_session(struct tracker *t, struct flow *f)
{
    if (f->session) {
        t->session_bytes -= session_bytes(f->session);
        session_free(f->session);
        f->session = NULL;
    }
}

/* Where a flow whose handshake is over waits for what comes late and could be
 * taken for a new attempt, or FLOW_CLASS_COUNT: so may what another interface
 * saw, and of a failure what TCP sends again. Ports of UDP are used again at
 * once. */
static enum flow_class wait_after(const struct tracker *t, const struct flow *f,
                                  bool success)
{
    if (!success && f->head.proto == PROTO_TCP) {
        return FLOW_ECHOING;
    }
    return !success || t->o.many_sources ? FLOW_DEAD : FLOW_CLASS_COUNT;
}

/* Ends the session of a flow and hands its handshake on. Returns in which class
 * it waits now; FLOW_CLASS_COUNT: it may go. */
static enum flow_class end_session(struct tracker *t, struct flow *f,
                                   enum hs_end end)
{
    struct session *s = f->session;
    if (!s) {
        return FLOW_CLASS_COUNT;
    }
    session_settle(s, f);
    if (session_is_tls(s)) {
        struct handshake hs;
        session_finish(s, f, end, t->now.clock, &hs);
        hs.source = f->source;
        hs.timeout_ms = (uint32_t)(t->o.handshake_timeout / TICK_MSEC);
        hs.frames = take_frames(t, f);
        drop_session(t, f);
        return wait_after(t, f, finish_handshake(t, &hs, f));
    }
    drop_session(t, f);
    return FLOW_CLASS_COUNT;
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

/* ---- folded flows ---- */

/* Memory is out: a folded flow goes unread. */
static void forget(struct tracker *t, struct flow_head *head)
{
    void *folded = flow_folded_session(head);
    if (folded) {
        struct flow nobody = {.session = NULL};
        t->waiting--;
        t->session_bytes -= session_folded_bytes(folded);
        session_unfold(t->sessions, folded, &nobody);
        session_free(nobody.session);
    }
    flow_table_remove(t->flows, head);
    t->counters.flows_evicted++;
}

/* Gives a flow its session back. False when memory is out: then the session is
 * gone. */
static bool unfold_session(struct tracker *t, void *folded, struct flow *f)
{
    t->waiting--;
    t->session_bytes -= session_folded_bytes(folded);
    if (!session_unfold(t->sessions, folded, f)) {
        t->counters.flows_evicted++;
        return false;
    }
    if (f->session) {
        t->session_bytes += (size_t)session_growth(f->session);
    }
    return true;
}

/* The flow with its session, as the next packet wants it. NULL when memory is
 * out: then it is gone. */
static struct flow *unfold(struct tracker *t, struct flow_head *head)
{
    struct flow *f = flow_whole(head);
    if (f) {
        return f;
    }
    void *folded = flow_folded_session(head);
    t->one_more = true;
    f = flow_table_unfold(t->flows, head);
    if (!f) {
        forget(t, head);
        return NULL;
    }
    if (folded && !unfold_session(t, folded, f)) {
        flow_table_remove(t->flows, &f->head);
        return NULL;
    }
    return f;
}

static void fold(struct tracker *t, struct flow *f)
{
    void *folded = NULL;
    if (!flow_table_can_fold(t->flows, f)) {
        return;
    }
    if (!flow_is_plain(f)) {
        size_t before = f->session ? session_bytes(f->session) : 0;
        folded = session_fold(t->sessions, f->session, f);
        if (!folded) {
            return;
        }
        t->waiting++;
        t->session_bytes += session_folded_bytes(folded) - before;
        f->session = NULL;
    }
    flow_table_fold(t->flows, f, folded);
}

static bool is_crowded(const struct tracker *t)
{
    return flow_table_whole(t->flows) > t->o.whole_flows;
}

/* As many as are held whole: so will the next ones. */
static bool do_most_wait(const struct tracker *t)
{
    return t->waiting >= t->o.whole_flows;
}

/* While there are many, those are folded that wait. To be called when nobody
 * holds a flow, after one more became whole. */
static void fold_idle(struct tracker *t)
{
    t->one_more = false;
    for (unsigned i = 0; i < FOLD_STEPS && is_crowded(t); i++) {
        struct flow *f = flow_table_idle(t->flows);
        if (f) {
            fold(t, f);
        }
    }
}

void tracker_fold(struct tracker *t)
{
    uint32_t at = 0;
    struct flow *f;
    for (uint32_t left = flow_table_whole(t->flows);
         left > 0 && (f = flow_table_next(t->flows, &at)); left--) {
        fold(t, f);
    }
}

/* A connection ends that carried no data: by this packet, or by silence. */
static void count_unopened(struct tracker *t, const struct flow *f,
                           const struct packet *k)
{
    if (f->session || f->head.proto != PROTO_TCP ||
        !(f->half[0].flags & HALF_SYN)) {
        return;
    }
    if (f->half[1].flags & HALF_SYN) {
        t->counters.unused += k != NULL;
    } else if (!k) {
        t->counters.unanswered++;
    } else {
        t->counters.refused += (k->flags & TCP_RST) != 0;
    }
}

/* Ends what is watched of a flow, and gives it up. silent: nothing came of it
 * for so long that nothing will. */
static void give_up(struct tracker *t, struct flow_head *head, enum hs_end end,
                    bool silent)
{
    struct flow *f = flow_whole(head);
    void *folded = flow_folded_session(head);
    if (flow_is_lone_syn(head)) {
        t->counters.unanswered += silent;
    }
    if (!f && !folded) {
        flow_table_remove(t->flows, head);
        return;
    }
    struct flow taken;
    if (!f) {
        flow_table_take(t->flows, head, &taken);
        if (!unfold_session(t, folded, &taken)) {
            return;
        }
    }
    struct flow *ends = f ? f : &taken;
    if (silent) {
        count_unopened(t, ends, NULL);
    }
    end_session(t, ends, end);
    if (f) {
        remove_flow(t, &f->head);
    }
}

static void expire(struct tracker *t, struct flow_head *head)
{
    if (head->class == FLOW_ACTIVE && !t->o.live) {
        /* A slow peer may still answer, and in a file we can wait. */
        flow_table_touch(t->flows, head, FLOW_STALLED, head->touched);
        return;
    }
    if (flow_is_over(head) || flow_is_lone_syn(head)) {
        give_up(t, head, HS_END_TIMEOUT, !flow_is_over(head));
        return;
    }
    struct flow *f = unfold(t, head);
    if (!f) {
        return;
    }
    if (f->head.class == FLOW_OPENING) {
        count_unopened(t, f, NULL);
    }
    enum flow_class next = end_session(t, f, end_of_class(f->head.class));
    if (next != FLOW_CLASS_COUNT) {
        touch(t, f, next);
        fold_idle(t);
    } else {
        remove_flow(t, &f->head);
    }
}

void tracker_timers(struct tracker *t, const struct tracker_now *now)
{
    t->now = *now;
    t->in_packet = false;
    for (unsigned c = 0; c < FLOW_CLASS_COUNT; c++) {
        tick_t timeout = class_timeout(t, c);
        struct flow_head *f;
        while ((f = flow_table_oldest(t->flows, (enum flow_class)c)) &&
               t->now.clock - f->touched >= timeout) {
            flow_table_prefetch_next(t->flows, f);
            expire(t, f);
        }
    }
}

static bool over_memory(const struct tracker *t)
{
    size_t elsewhere =
        t->o.elsewhere_bytes ? t->o.elsewhere_bytes(t->o.ctx) : 0;
    return tracker_bytes(t) + elsewhere > t->o.max_memory_bytes;
}

/* Makes room: the oldest idle flow of the least useful class goes. */
static bool evict_one(struct tracker *t)
{
    static const enum flow_class order[] = {
        FLOW_SETTLED, FLOW_DEAD,     FLOW_ECHOING, FLOW_OPENING,
        FLOW_PRELUDE, FLOW_SETTLING, FLOW_STALLED, FLOW_HALF_CLOSED,
        FLOW_CLOSING, FLOW_ACTIVE};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        struct flow_head *f = flow_table_oldest(t->flows, order[i]);
        if (!f) {
            continue;
        }
        flow_table_prefetch_next(t->flows, f);
        if (flow_is_over(f)) {
            remove_flow(t, f);
            return true;
        }
        t->counters.flows_evicted++;
        /* Those that were silent for too long have failed already. */
        bool over = f->class == FLOW_HALF_CLOSED || f->class == FLOW_CLOSING ||
                    f->class == FLOW_STALLED;
        give_up(t, f, over ? end_of_class(f->class) : HS_END_EVICTED, false);
        return true;
    }
    return false;
}

/* What waits to be judged no longer waits. */
static void relieve(const struct tracker *t)
{
    if (t->o.relieve) {
        t->o.relieve(t->o.ctx);
    }
}

/* Memory is short. Going through all whole flows must be worth it, also where
 * few of them can be folded. */
static bool is_fold_due(struct tracker *t)
{
    uint32_t whole = flow_table_whole(t->flows);
    if (t->whole_left > whole) {
        t->whole_left = whole;
    }
    return whole >= FOLD_ALL_AT && whole / 2 >= t->whole_left &&
           whole >= flow_table_places(t->flows) / 16;
}

static void make_room(struct tracker *t)
{
    relieve(t);
    if (is_fold_due(t)) {
        tracker_fold(t);
        t->whole_left = flow_table_whole(t->flows);
    }
    /* Flow lines stay allocated, so memory only falls with sessions. */
    for (int i = 0; i < 64 && over_memory(t) && t->session_bytes; i++) {
        if (!evict_one(t)) {
            break;
        }
    }
}

/* ---- packets ---- */

/* A flow begins. */
static void note_now(const struct tracker *t, struct flow *f)
{
    f->head.touched = t->now.clock;
    f->head.touch = (uint32_t)t->now.step;
    f->source = t->now.source;
}

/* Room for one flow more, if need be that of another one. */
static bool make_place(struct tracker *t)
{
    while (flow_table_full(t->flows)) {
        if (!evict_one(t)) {
            return false;
        }
    }
    return true;
}

static struct flow *add_flow(struct tracker *t, const struct packet *k)
{
    struct flow *f = make_place(t) ? flow_table_add(t->flows, k) : NULL;
    if (f) {
        t->counters.flows++;
        t->one_more = true;
        note_now(t, f);
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

static void ignore(const struct tracker *t, const struct packet *k)
{
    if (t->o.ignored && !(k->flags & (TCP_SYN | TCP_FIN | TCP_RST))) {
        t->o.ignored(t->o.ignored_ctx, k, t->now.source);
    }
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
    h->window_shift = k->window_shift;
    h->flags |= k->has_timestamp ? HALF_TIMESTAMP : 0;
    h->flags |= k->has_signature ? HALF_SIGNATURE : 0;
    h->flags |= packet_checksum(k) == CHECKSUM_GOOD ? HALF_CHECKSUM : 0;
    f->when_syn[dir] = k->when;
    f->frame_syn_delta[dir] = (uint32_t)(k->frame - f->frame_first);
}

/* A SYN that does not belong to the flow of these ports: they are reused. Long
 * after the end no copy of the first one comes any more. */
static bool is_reuse(const struct tracker *t, const struct flow_head *f,
                     unsigned dir, const struct packet *k)
{
    bool late = flow_is_over(f) && t->now.clock - f->touched >= STRAGGLERS;
    return (k->flags & TCP_SYN) && !(k->flags & TCP_ACK) &&
           (dir != 0 || late || !flow_began_with(f, k->seq));
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

static void obey(struct tracker *t, struct flow *f, enum session_want want)
{
    switch (want) {
    case WANT_KEEP:
        break;
    case WANT_PROGRESS:
        if (f->head.class == FLOW_OPENING) {
            f->head.class_wanted = FLOW_PRELUDE;
        }
        if (session_is_tls(f->session) &&
            f->head.class_wanted == FLOW_PRELUDE) {
            f->head.class_wanted = FLOW_ACTIVE;
        }
        touch(t, f, (enum flow_class)f->head.class_wanted);
        break;
    case WANT_SETTLING:
    case WANT_HALF_CLOSED:
    case WANT_CLOSING: {
        unsigned class = want == WANT_SETTLING      ? FLOW_SETTLING
                         : want == WANT_HALF_CLOSED ? FLOW_HALF_CLOSED
                                                    : FLOW_CLOSING;
        if (class >= f->head.class_wanted) {
            f->head.class_wanted = (uint8_t) class;
            touch(t, f, (enum flow_class) class);
        }
        break;
    }
    case WANT_FINISH: {
        enum flow_class next = end_session(t, f, HS_END_SETTLED);
        bool settled = !t->o.many_sources || next == FLOW_CLASS_COUNT;
        touch(t, f, settled ? FLOW_SETTLED : next);
        break;
    }
    case WANT_DROP:
        drop_session(t, f);
        remove_flow(t, &f->head);
        break;
    }
}

/* A packet without data for a flow that has none yet. */
static void opening_packet(struct tracker *t, struct flow *f,
                           const struct packet *k)
{
    bool closed = (k->flags & TCP_RST) || ((f->half[0].flags & HALF_FIN) &&
                                           (f->half[1].flags & HALF_FIN));
    if (closed) {
        count_unopened(t, f, k);
        remove_flow(t, &f->head); /* connected and left: no TLS */
    } else if (k->flags & TCP_SYN) {
        touch(t, f, FLOW_OPENING);
    }
}

/* False when memory is out: then the flow is gone. */
static bool begin_session(struct tracker *t, struct flow *f)
{
    f->session = session_new(t->sessions, f);
    if (!f->session) {
        remove_flow(t, &f->head);
        t->counters.flows_evicted++;
        return false;
    }
    f->head.class_wanted = FLOW_PRELUDE;
    if (t->o.keys && keylog_in_use(t->o.keys)) {
        session_keep_records(f->session);
    }
    return true;
}

/* Where most wait a SYN is folded at once. False: it is not, or it is none. */
static bool add_folded(struct tracker *t, const struct packet *k)
{
    uint8_t flags = k->flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST);
    bool many =
        do_most_wait(t) || flow_table_whole(t->flows) >= t->o.whole_flows;
    if (!many || flags != TCP_SYN || k->payload_wire_bytes ||
        t->o.keep_frames) {
        return false;
    }
    struct flow f = flow_of_packet(t->flows, k);
    note_now(t, &f);
    note_half(&f, 0, k);
    bool added = make_place(t) && flow_table_add_folded(t->flows, &f);
    t->counters.flows += added;
    return added;
}

/* The flow of a packet that is worth one, unless what still comes of it is not
 * looked at. */
static struct flow *flow_of(struct tracker *t, const struct packet *k,
                            unsigned *dir)
{
    struct flow_head *head = flow_table_find(t->flows, k, dir);
    if (head && is_reuse(t, head, *dir, k)) {
        give_up(t, head, HS_END_REUSED, false);
        head = NULL;
    }
    if (head && flow_is_over(head)) {
        if (head->class == FLOW_SETTLED) {
            ignore(t, k);
        }
        return NULL;
    }
    struct flow *f = head ? unfold(t, head) : NULL;
    if (!head) {
        if (!opens_flow(k)) {
            ignore(t, k);
            return NULL;
        }
        if (add_folded(t, k)) {
            return NULL;
        }
        f = add_flow(t, k);
        *dir = 0;
    }
    if (f && *dir == 0 && (k->flags & TCP_SYN) && (k->flags & TCP_ACK) &&
        !f->session) {
        flow_swap(f);
        *dir = 1;
    }
    return f;
}

static void feed_session(struct tracker *t, struct flow *f,
                         const struct packet *k, unsigned dir)
{
    if (t->now.source != f->source) {
        session_many_sources(f->session);
    }
    enum session_want want = session_packet(f->session, f, k, dir);
    ptrdiff_t growth = session_growth(f->session);
    t->session_bytes += (size_t)growth;
    obey(t, f, want);
    if (growth > 0 && over_memory(t)) {
        make_room(t);
    }
}

/* Where most wait, so will this one: the first data of a flow, if it is nothing
 * but a ClientHello, is kept as it is until more is heard of it. False: it was
 * not. */
static bool hold(struct tracker *t, struct flow *f, const struct packet *k,
                 unsigned dir)
{
    if (!do_most_wait(t) || dir != 0 ||
        (t->o.keys && keylog_in_use(t->o.keys)) || t->now.source != f->source ||
        !session_may_wait(f, k) || !flow_table_can_fold(t->flows, f)) {
        return false;
    }
    void *folded = session_fold_opening(t->sessions, f, k);
    if (!folded) {
        return false;
    }
    f->head.class_wanted = FLOW_ACTIVE;
    touch(t, f, FLOW_ACTIVE);
    t->waiting++;
    t->session_bytes += session_folded_bytes(folded);
    flow_table_fold(t->flows, f, folded);
    if (over_memory(t)) {
        make_room(t);
    }
    return true;
}

/* The client connected and closed without a word; what the server says to that
 * is reaction, and no TLS was tried. */
static bool is_left_unused(const struct flow *f, unsigned dir)
{
    const struct flow_half *h = &f->half[0];
    return dir == 1 && (h->flags & HALF_SYN) && (h->flags & HALF_FIN) &&
           h->fin_seq == h->isn + 1;
}

static void tcp_packet(struct tracker *t, const struct packet *k)
{
    unsigned dir = 0;
    struct flow *f = flow_of(t, k, &dir);
    if (!f) {
        return;
    }
    if (t->o.keep_frames) {
        keep_frame(t, f);
    }
    if (f->session) {
        session_prefetch(f->session);
    }
    note_half(f, dir, k);
    if (!f->session) {
        if (k->payload_wire_bytes == 0 || (k->flags & TCP_RST)) {
            opening_packet(t, f, k);
            return;
        }
        if (is_left_unused(f, dir)) {
            t->counters.unused++;
            touch(t, f, FLOW_DEAD); /* a mirror port shows it again */
            return;
        }
        if (hold(t, f, k, dir) || !begin_session(t, f)) {
            return;
        }
    }
    feed_session(t, f, k, dir);
}

/* What was watched between these ends is over when another attempt begins:
 * whoever was to speak did not, or it had ended. */
static struct flow_head *end_earlier(struct tracker *t, struct flow_head *head,
                                     const struct packet *k, bool opens)
{
    const struct flow *f = flow_whole(head); /* as those of EAP always are */
    if (f && f->session ? session_restarts(f->session, k) : opens) {
        give_up(t, head, HS_END_TIMEOUT, false);
        return NULL;
    }
    return head;
}

/* Datagrams have no order to restore: only what may begin a handshake, or
 * belongs to one, is looked at. */
static void datagram(struct tracker *t, const struct packet *packet)
{
    unsigned dir = 0;
    struct packet told;
    const struct packet *k = packet;
    uint32_t conversation =
        packet->proto == PROTO_UDP ? quic_link_packet(t->quic, packet) : 0;
    if (conversation) {
        told = *packet;
        told.conversation = conversation;
        told.flow_hash = 0; /* it was computed without */
        k = &told;
    }
    struct flow_head *head = flow_table_find(t->flows, k, &dir);
    bool eap = k->proto == PROTO_EAP;
    bool opens =
        (!head || eap) && (eap ? eap_opens_flow(k) : udp_opens_flow(k));
    if (head && eap) {
        head = end_earlier(t, head, k, opens);
    }
    struct flow *f = NULL;
    if (!head && opens) {
        f = add_flow(t, k);
        head = f ? &f->head : NULL;
        dir = 0;
    }
    /* What the kernel drops it knows by its two ends. */
    bool settled = !head || head->class == FLOW_SETTLED;
    if (settled && !eap && !quic_link_shared(t->quic, packet)) {
        ignore(t, packet);
    }
    if (!head || flow_is_over(head) || !(f = unfold(t, head))) {
        return;
    }
    if (t->o.keep_frames) {
        keep_frame(t, f);
    }
    if (!f->session && !begin_session(t, f)) {
        return;
    }
    feed_session(t, f, k, dir);
}

/* An ICMP error quotes the packet it is about. */
static void icmp_packet(struct tracker *t, const struct packet *k)
{
    struct packet quoted;
    if (!decoder_quoted(k, &quoted)) {
        return;
    }
    unsigned dir = 0;
    struct flow_head *head = flow_table_find(t->flows, &quoted, &dir);
    bool alive = head && (flow_whole(head) || flow_folded_session(head));
    struct flow *f = alive ? unfold(t, head) : NULL;
    if (f && f->session) {
        if (t->o.keep_frames) {
            keep_frame(t, f);
        }
        session_icmp(f->session, k, dir);
    }
}

void tracker_packet(struct tracker *t, const struct packet *k,
                    const struct tracker_now *now)
{
    t->now = *now;
    t->in_packet = true;
    if (k->proto == PROTO_TCP) {
        tcp_packet(t, k);
    } else if (k->proto == PROTO_UDP || k->proto == PROTO_EAP) {
        datagram(t, k);
    } else {
        icmp_packet(t, k);
    }
    if (t->one_more) {
        fold_idle(t);
    }
}

void tracker_keep(struct tracker *t, const struct packet *k,
                  const struct tracker_now *now)
{
    unsigned dir;
    struct flow_head *head = flow_table_find(t->flows, k, &dir);
    t->now = *now;
    struct flow *f = head ? unfold(t, head) : NULL;
    if (f) {
        touch(t, f, (enum flow_class)f->head.class);
    }
}

/* The flow's first packet. */
static tick_t since(const struct flow_head *head)
{
    const void *folded = flow_folded_session(head);
    return folded ? session_folded_since(folded) : flow_opened(head);
}

void tracker_end(struct tracker *t, const struct tracker_now *now)
{
    t->now = *now;
    t->in_packet = false;
    flow_table_close(t->flows);
    for (unsigned c = 0; c < FLOW_CLASS_COUNT; c++) {
        struct flow_head *head;
        while ((head = flow_table_oldest(t->flows, (enum flow_class)c))) {
            flow_table_prefetch_next(t->flows, head);
            bool silent = c == FLOW_STALLED ||
                          t->now.clock - head->touched >= class_timeout(t, c);
            enum hs_end end = end_of_class(c);
            if (end == HS_END_TIMEOUT && !silent) {
                end = HS_END_CAPTURE;
            }
            give_up(t, head, end,
                    c == FLOW_OPENING &&
                        t->now.clock - since(head) >= TICK_SEC);
            if (over_memory(t)) {
                relieve(t);
            }
        }
    }
}

void tracker_prefetch(const struct tracker *t, struct packet *k)
{
    flow_table_prefetch(t->flows, k);
}

void tracker_counters(const struct tracker *t, struct tracker_counters *out)
{
    *out = t->counters;
    out->flows_open = flow_table_count(t->flows);
}

const struct tls_decrypt_stats *tracker_decrypted(const struct tracker *t)
{
    return &t->decrypted;
}

/* ---- life ---- */

/* The table's memory does not come back, so it gets half of what is granted:
 * a flood that fills it leaves the other half to what connections say. */
static uint32_t most_flows(const struct tracker_options *o)
{
    uint32_t room = flow_table_room(o->max_memory_bytes / 2);
    return room < o->max_flows ? room : o->max_flows;
}

struct tracker *tracker_new(const struct tracker_options *o)
{
    struct tracker *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    t->o = *o;
    t->flows = flow_table_new(most_flows(o));
    t->sessions = session_pool_new(o->max_memory_bytes / 32);
    t->quic = quic_link_new();
    if (!t->flows || !t->sessions || !t->quic) {
        tracker_free(t);
        return NULL;
    }
    return t;
}

void tracker_free(struct tracker *t)
{
    if (!t) {
        return;
    }
    for (unsigned c = 0; t->flows && c < FLOW_CLASS_COUNT; c++) {
        struct flow_head *head;
        while ((head = flow_table_oldest(t->flows, (enum flow_class)c))) {
            struct flow *f = unfold(t, head);
            if (f) {
                drop_session(t, f);
                remove_flow(t, &f->head);
            }
        }
    }
    session_pool_free(t->sessions);
    quic_link_free(t->quic);
    flow_table_free(t->flows);
    free(t);
}
