/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watched connection: packets become streams, and what does not fit their
 * sender is noted or not believed. Until TLS shows it is a prelude
 * (session_opening.c); from the ClientHello on all goes to the TLS reader.
 */
#include "session.h"

#include "base/limits.h"
#include "known/known.h"
#include "session_state.h"

#include <stdlib.h>

#define POOLED_SESSIONS 4096u

/* Who sends a segment again after so long means it; stacks wait 200 ms. */
#define REPEATED_AFTER (150 * TICK_MSEC)

static struct hs_dir *dir_stats(struct session *s, unsigned dir)
{
    return &s->hs.dir[side_of(s, dir)];
}

/* ---- beginning ---- */

static void note_syn(struct session *s, const struct flow *f, unsigned dir)
{
    const struct flow_half *h = &f->half[dir];
    struct hs_dir *d = dir_stats(s, dir);
    d->ttl_syn = h->ttl_syn;
    d->mss = h->mss;
    if (h->flags & HALF_SYN) {
        s->hs.syn_seen[side_of(s, dir)] = true;
        hs_note(&s->hs, dir == 0 ? HS_SYN : HS_SYN_ACK, side_of(s, dir), 0, 0,
                f->when_syn[dir], f->frame_first + f->frame_syn_delta[dir]);
        tcp_stream_start(&s->stream[dir], h->isn + 1);
    }
}

struct session_pool *session_pool_new(size_t bytes)
{
    struct session_pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        return NULL;
    }
    size_t most = bytes / 2 / SESSION_BYTES;
    pool->max = most < POOLED_SESSIONS ? most : POOLED_SESSIONS;
    pool->arenas.max_bytes = bytes / 2 + 1;
    pool->seed = hash_seed_random();
    pool->alike = alike_new(bytes / 2 < LIMIT_MODEL_BYTES ? bytes / 2
                                                          : LIMIT_MODEL_BYTES);
    if (!pool->alike) {
        free(pool);
        return NULL;
    }
    return pool;
}

void session_pool_free(struct session_pool *pool)
{
    while (pool && pool->free) {
        struct session *s = pool->free;
        pool->free = s->next;
        free(s);
    }
    if (pool) {
        arena_pool_fini(&pool->arenas);
        alike_free(pool->alike);
        free(pool->scratch);
    }
    free(pool);
}

size_t session_pool_bytes(const struct session_pool *pool)
{
    return alike_bytes(pool->alike) + pool->scratch_bytes;
}

struct session *session_take(struct session_pool *pool)
{
    struct session *s = pool->free;
    if (s) {
        pool->free = s->next;
        pool->n--;
        return s;
    }
    size_t bytes = SESSION_BYTES; /* less than its type has */
    return malloc(bytes);
}

void session_give(struct session *s)
{
    struct session_pool *pool = s->pool;
    if (pool->n >= pool->max) {
        free(s);
        return;
    }
    s->next = pool->free;
    pool->free = s;
    pool->n++;
}

struct session *session_new(struct session_pool *pool, const struct flow *f)
{
    struct session *s = session_take(pool);
    if (!s) {
        return NULL;
    }
    memset(s, 0, offsetof(struct session, hs));
    s->pool = pool;
    if ((f->head.proto == PROTO_UDP &&
         !(s->udp = udp_session_new(pool->seed))) ||
        (f->head.proto == PROTO_EAP && !(s->eap = eap_session_new()))) {
        free(s);
        return NULL;
    }
    struct handshake *hs = &s->hs;
    hs_init_live(hs, LIMIT_SESSION_ARENA_BYTES, &pool->arenas);
    hs->ip_version = f->head.ip_version;
    hs->vlan = f->head.vlan;
    hs->first = f->first;
    hs->frame_first = f->frame_first;
    hs->midstream =
        !(f->half[0].flags & HALF_SYN) && !(f->half[1].flags & HALF_SYN);
    if (s->udp || s->eap) {
        return s;
    }
    s->last_dir = -1;
    s->prelude.port = f->end[1].port;
    note_syn(s, f, 0);
    note_syn(s, f, 1);
    if (f->when_syn[0] && f->when_syn[1] > f->when_syn[0]) {
        s->rtt = f->when_syn[1] - f->when_syn[0];
        hs->rtt = s->rtt;
    }
    /* Packets without data before now (the handshake's) count as well. */
    for (unsigned dir = 0; dir < 2; dir++) {
        dir_stats(s, dir)->packets = f->half[dir].packets;
        dir_stats(s, dir)->first = f->when_syn[dir];
        dir_stats(s, dir)->last = f->when_syn[dir];
    }
    return s;
}

void session_keep_records(struct session *s)
{
    s->hs.keep_records = true;
}

void session_release(struct session *s)
{
    udp_session_free(s->udp);
    eap_session_free(s->eap);
    for (unsigned dir = 0; dir < 2; dir++) {
        tcp_stream_fini(&s->stream[dir]);
        doubts_fini(&s->doubts[dir]);
    }
    tls_fini(&s->tls);
    arena_free(&s->hs.arena);
}

void session_free(struct session *s)
{
    if (s) {
        session_release(s);
        session_give(s);
    }
}

/* ---- stream callbacks ---- */

struct sink_context {
    struct session *s;
    unsigned dir;
};

static void deliver(struct session *s, unsigned dir, struct span bytes,
                    struct stamp at, bool start)
{
    if (s->mode == MODE_PRELUDE) {
        session_feed_prelude(s, dir, bytes, at, start);
    } else if (!s->prelude.refused) { /* else it went on in plaintext */
        session_feed_tls(s, dir, bytes, at, start);
    }
}

static void on_data(void *ctx, struct span bytes, struct stamp at, bool start)
{
    const struct sink_context *c = ctx;
    struct session *s = c->s;
    if (!s->prelude.wrapped) {
        deliver(s, c->dir, bytes, at, start);
        return;
    }
    struct span tls;
    while (prelude_unwrap(&s->prelude, c->dir, &bytes, &tls)) {
        deliver(s, c->dir, tls, at, start);
    }
}

static void on_gap(void *ctx, uint32_t n, struct stamp at, bool cut)
{
    const struct sink_context *c = ctx;
    struct session *s = c->s;
    struct hs_dir *d = dir_stats(s, c->dir);
    d->gap_bytes += n;
    d->cut = d->cut || cut;
    if (s->mode == MODE_TLS) {
        tls_gap(&s->tls, &s->hs, side_of(s, c->dir), n, at.when, at.frame);
    } else {
        hs_note(&s->hs, HS_GAP, side_of(s, c->dir), n, 0, at.when, at.frame);
    }
    prelude_gap(&s->prelude, c->dir, n);
}

/* ---- the transport view ---- */

static void count_push(struct hs_dir *d, unsigned flags, uint32_t wire)
{
    if (flags & PUSH_RETRANSMIT) {
        d->retransmits++;
        d->retransmits_big += wire >= 1200;
    }
    d->out_of_order += (flags & PUSH_EARLY) != 0;
    d->overlaps += (flags & PUSH_OVERLAP) != 0;
    d->conflicts += (flags & PUSH_CONFLICT) != 0;
    d->keepalives += (flags & PUSH_KEEPALIVE) != 0;
}

static void count_packet(struct session *s, const struct packet *p,
                         unsigned dir)
{
    struct hs_dir *d = dir_stats(s, dir);
    d->packets++;
    d->bytes += p->payload_wire_bytes;
    if (!d->first) {
        d->first = p->when;
    }
    d->last = p->when;
    if (p->payload_wire_bytes > d->max_segment) {
        d->max_segment = p->payload_wire_bytes > UINT16_MAX
                             ? UINT16_MAX
                             : (uint16_t)p->payload_wire_bytes;
    }
}

/* What a packet that is its sender's for sure looks like: those that may be
 * forged are compared with it. */
static void learn_looks(struct session *s, const struct flow *f,
                        const struct packet *p, unsigned dir)
{
    struct hs_dir *d = dir_stats(s, dir);
    struct sender *w = &s->sender[dir];
    w->df_seen |= p->ip_df ? 2 : 1;
    if (!d->ttl_min || p->ttl < d->ttl_min) {
        d->ttl_min = p->ttl;
    }
    if (p->ttl > d->ttl_max) {
        d->ttl_max = p->ttl;
    }
    uint16_t step = (uint16_t)(p->ip_id - w->ip_id);
    w->ip_id_counts = w->ip_id_seen && step > 0 && step < 256;
    w->ip_id = p->ip_id;
    w->ip_id_seen = true;
    w->timestamps =
        w->timestamps || (p->has_timestamp && !(p->flags & TCP_SYN));
    uint32_t window = (uint32_t)p->window << f->half[dir].window_shift;
    w->window = window > w->window ? window : w->window;
}

/* Further from its sender than all its other packets, or nearer; `slack`: how
 * many hops more than seen so far are still the same sender. */
static bool is_ttl_odd(const struct hs_dir *d, const struct packet *p,
                       unsigned slack)
{
    uint8_t low = d->ttl_min;
    uint8_t high = d->ttl_max;
    if (d->ttl_syn && (!low || d->ttl_syn < low)) {
        low = d->ttl_syn;
    }
    high = d->ttl_syn > high ? d->ttl_syn : high;
    return low && (p->ttl + 2 < low || p->ttl > high + slack);
}

static bool is_df_odd(const struct session *s, const struct flow *f,
                      const struct packet *p, unsigned dir)
{
    const struct sender *w = &s->sender[dir];
    bool syn_df = (f->half[dir].flags & HALF_SYN) && f->half[dir].syn_df;
    return p->ip_version == 4 && !p->ip_df &&
           (w->df_seen == 2 || (!w->df_seen && syn_df));
}

static bool is_ip_id_odd(const struct sender *w, const struct packet *p)
{
    uint16_t step = (uint16_t)(p->ip_id - w->ip_id);
    return p->ip_version == 4 && w->ip_id_counts && p->ip_id != 0 &&
           step > 2048 && step < 65536 - 2048;
}

/* An application that gives a connection up resets it with an acknowledgement
 * (RFC 9293 section 3.10.5). One without answers a segment of a connection that
 * its sender does not know (section 3.10.7.1): a firewall's refusal, or a host
 * that forgot it. */
static bool is_bare(const struct session *s, const struct packet *p,
                    unsigned dir)
{
    return (p->flags & TCP_RST) && !(p->flags & TCP_ACK) &&
           side_of(s, dir) == SIDE_SERVER && s->hs.when_hello &&
           s->hs.dir[SIDE_SERVER].bytes == 0 && !s->sender[dir].fin_noted;
}

/* What a genuine reset or FIN would not show: two of these mean that somebody
 * else sent it. */
static uint16_t oddities(const struct session *s, const struct flow *f,
                         const struct packet *p, unsigned dir)
{
    const struct hs_dir *d = &s->hs.dir[side_of(s, dir)];
    const struct sender *w = &s->sender[dir];
    const struct tcp_stream *t = &s->stream[dir];
    uint16_t aux = p->flags & TCP_ACK ? HS_RST_ACK : 0;
    bool bare = is_bare(s, p, dir);
    aux |= bare ? HS_RST_BARE : 0;
    /* Routes change by a hop or two, but not while a firewall says no. */
    aux |= is_ttl_odd(d, p, bare ? 0 : 2) ? HS_RST_TTL_ODD : 0;
    aux |= is_df_odd(s, f, p, dir) ? HS_RST_DF_ODD : 0;
    aux |= is_ip_id_odd(w, p) ? HS_RST_IPID_ODD : 0;
    if (t->started && !t->early && p->seq != t->next &&
        p->seq != f->half[dir].acked && p->seq + 1 != t->next) {
        aux |= HS_RST_SEQ_ODD;
    }
    tick_t trigger = s->hs.when_hello;
    if (side_of(s, dir) == SIDE_SERVER && s->rtt > 4 * TICK_MSEC && trigger &&
        s->hs.dir[SIDE_SERVER].bytes == 0 && p->when - trigger < s->rtt / 2) {
        aux |= HS_RST_EARLY;
    }
    return aux;
}

/* Outside the window in which the receiver accepts anything (RFC 9293 section
 * 3.5.3): before what it acknowledged, or beyond what it ever let the sender
 * send. Unknown acknowledgements or windows allow for 4 MiB. */
static bool is_out_of_window(const struct session *s, const struct flow *f,
                             const struct packet *p, unsigned dir)
{
    const struct tcp_stream *t = &s->stream[dir];
    const struct flow_half *h = &f->half[dir];
    const int32_t much = 4 << 20;
    if (!t->started) {
        return false;
    }
    if (!(h->flags & HALF_ACKED) || !(f->half[1 - dir].flags & HALF_SYN)) {
        int32_t off = (int32_t)(p->seq - t->next);
        return off > much || off < -much;
    }
    uint32_t window = s->sender[1 - dir].window;
    int32_t room = window < 65536 ? 65536 : (int32_t)window;
    int32_t off = (int32_t)(p->seq - h->acked);
    return off < 0 || off > (room > much ? much : room);
}

static void note_foreign(struct session *s, const struct packet *p,
                         unsigned dir, uint16_t aux)
{
    if (hs_count(&s->hs, HS_FOREIGN, SIDE_NONE) < LIMIT_FOREIGN_NOTED) {
        hs_note(&s->hs, HS_FOREIGN, side_of(s, dir), p->payload_wire_bytes, aux,
                p->when, p->frame);
    }
}

/* The event of a kind that a frame brought. */
static struct hs_event *event_of(struct session *s, enum hs_kind kind,
                                 uint64_t frame)
{
    for (unsigned i = s->hs.events_n; i-- > 0;) {
        struct hs_event *e = &s->hs.events[i];
        if (e->kind == kind && e->frame == frame) {
            return e;
        }
    }
    return NULL;
}

static void mark(struct session *s, enum hs_kind kind, uint64_t frame,
                 uint16_t bits)
{
    struct hs_event *e = event_of(s, kind, frame);
    if (e) {
        e->aux |= bits;
    }
}

static void note_reset(struct session *s, struct flow *f,
                       const struct packet *p, unsigned dir)
{
    struct sender *w = &s->sender[dir];
    if (w->rst_noted) {
        return;
    }
    uint16_t aux = oddities(s, f, p, dir);
    if (is_out_of_window(s, f, p, dir)) {
        note_foreign(s, p, dir, aux | HS_ODD_RST | HS_RST_SEQ_ODD);
        return; /* no stack accepts it */
    }
    enum side side = side_of(s, dir);
    w->rst_noted = true;
    s->hs.rst_seen[side] = true;
    w->rst_frame = p->frame;
    w->rst_seq = p->seq;
    w->rst_at = p->when;
    hs_note(&s->hs, HS_RST, side, 0, aux, p->when, p->frame);
}

/* Whether a packet was sent before the reset, which overtook it: its place is
 * in front of it. That of a FIN may be the reset's own, when the reset answers
 * what the peer said before it got the FIN. */
static bool is_overtaken(const struct sender *w, const struct packet *p)
{
    int32_t off = (int32_t)(p->seq + p->payload_wire_bytes - w->rst_seq);
    return off < 0 ||
           (off == 0 && (p->payload_wire_bytes || (p->flags & TCP_FIN)));
}

/* The "sender" of a reset goes on as if nothing was: it was not its reset. A
 * millisecond allows for data that the reset overtook. What carries none has no
 * place of its own: it is given more time, and proves less. */
static void note_life_after_reset(struct session *s, const struct packet *p,
                                  unsigned dir)
{
    struct sender *w = &s->sender[dir];
    if (!w->rst_noted || (p->flags & TCP_RST)) {
        return;
    }
    bool data = p->payload_wire_bytes > 0;
    if (is_overtaken(w, p)) {
        w->rst_overtook = true;
    } else if (p->when - w->rst_at > (data ? 1 : 20) * TICK_MSEC) {
        mark(s, HS_RST, w->rst_frame,
             data ? HS_RST_DATA_AFTER : HS_RST_ACK_AFTER);
    }
}

/* What came late may fill the place in front of the reset, but for a FIN, which
 * need not have come: then the reset is in its place. Where something is still
 * missing nobody knows what came in which order: nothing is after anything. */
static void settle_reset(struct session *s, unsigned dir)
{
    const struct sender *w = &s->sender[dir];
    const struct tcp_stream *t = &s->stream[dir];
    struct hs_event *e =
        w->rst_noted ? event_of(s, HS_RST, w->rst_frame) : NULL;
    if (!e) {
        return;
    }
    if (w->rst_overtook && t->started && w->rst_seq - t->next <= 1) {
        e->aux &= (uint16_t)~HS_RST_SEQ_ODD;
    }
    bool holes = tcp_stream_hole(t) > 0 || dir_stats(s, dir)->gap_bytes > 0;
    if (holes) {
        e->aux &= (uint16_t)~HS_RST_DATA_AFTER;
    }
    if (holes || (e->aux & HS_RST_SEQ_ODD)) {
        e->aux &= (uint16_t)~HS_RST_ACK_AFTER;
    }
}

static void note_fin(struct session *s, const struct flow *f, unsigned dir,
                     struct stamp at)
{
    struct sender *w = &s->sender[dir];
    if (w->fin_noted || !(f->half[dir].flags & HALF_FIN)) {
        return;
    }
    const struct tcp_stream *t = &s->stream[dir];
    if (t->started && (int32_t)(f->half[dir].fin_seq - t->next) > 0) {
        return; /* data before it is still missing */
    }
    w->fin_noted = true;
    w->fin_frame = at.frame;
    s->hs.fin_seen[side_of(s, dir)] = true;
    hs_note(&s->hs, HS_FIN, side_of(s, dir), 0, w->fin_aux, at.when, at.frame);
}

/* A FIN counts where the stream ends. One before that, in the middle of what
 * was delivered, is nobody's; and of several the one that fits is believed. */
static void place_fin(struct session *s, struct flow *f, const struct packet *p,
                      unsigned dir)
{
    struct sender *w = &s->sender[dir];
    struct flow_half *h = &f->half[dir];
    const struct tcp_stream *t = &s->stream[dir];
    uint32_t fin = p->seq + p->payload_wire_bytes;
    if (w->fin_noted || !t->started || (p->flags & TCP_SYN)) {
        return;
    }
    uint16_t aux = oddities(s, f, p, dir);
    /* One byte before the end it was taken for a missing byte. */
    bool before = (int32_t)(fin + 1 - t->next) < 0;
    if (before || (fin != t->next && is_out_of_window(s, f, p, dir))) {
        note_foreign(s, p, dir, aux | HS_ODD_FIN | HS_RST_SEQ_ODD);
        if ((h->flags & HALF_FIN) && h->fin_seq == fin) {
            h->flags &= (uint8_t)~HALF_FIN;
        }
        return;
    }
    if (!(h->flags & HALF_FIN) || fin == t->next) {
        aux &= (uint16_t) ~(fin == t->next ? HS_RST_SEQ_ODD : 0);
        h->flags |= HALF_FIN;
        h->fin_seq = fin;
        w->fin_aux = aux;
    }
}

/* ---- segments that do not fit their sender ---- */

static bool has_wrong_checksum(const struct flow *f, const struct packet *p,
                               unsigned dir)
{
    return (f->half[dir].flags & HALF_CHECKSUM) &&
           packet_checksum(p) == CHECKSUM_WRONG;
}

#define UNACCEPTABLE (HS_ODD_CHECKSUM | HS_ODD_ACK | HS_ODD_OPTIONS)

/* What a receiver's stack would drop a segment for. */
static uint16_t unacceptable(const struct session *s, const struct flow *f,
                             const struct packet *p, unsigned dir)
{
    const struct flow_half *h = &f->half[dir];
    const struct flow_half *other = &f->half[1 - dir];
    const struct tcp_stream *back = &s->stream[1 - dir];
    uint16_t odd = has_wrong_checksum(f, p, dir) ? HS_ODD_CHECKSUM : 0;
    if (h->flags & other->flags & HALF_SYN) {
        bool timestamps = h->flags & other->flags & HALF_TIMESTAMP;
        bool signature = h->flags & HALF_SIGNATURE;
        bool whole = p->header_bytes > 0; /* else the capture cut it */
        if (whole && (p->has_signature != signature ||
                      (timestamps && !p->has_timestamp))) {
            odd |= HS_ODD_OPTIONS;
        }
        bool before = (int32_t)(p->ack - (other->isn + 1)) < 0;
        bool beyond = !back->early && !(other->flags & HALF_FIN) &&
                      (int32_t)(p->ack - back->next) > 1 << 20;
        odd |= (p->flags & TCP_ACK) && (before || beyond) ? HS_ODD_ACK : 0;
    }
    return odd;
}

/* What makes a segment with data doubtful, or 0. Without the other direction
 * nothing would ever settle the doubt. */
static uint16_t doubtful(const struct session *s, const struct flow *f,
                         const struct packet *p, unsigned dir)
{
    const struct hs_dir *d = &s->hs.dir[side_of(s, dir)];
    if (!f->half[1 - dir].packets || (p->flags & TCP_SYN)) {
        return 0;
    }
    uint16_t odd = unacceptable(s, f, p, dir);
    odd |= is_ttl_odd(d, p, 2) ? HS_RST_TTL_ODD : 0;
    if (odd) { /* these alone prove little */
        odd |= is_ip_id_odd(&s->sender[dir], p) ? HS_RST_IPID_ODD : 0;
        odd |= is_df_odd(s, f, p, dir) ? HS_RST_DF_ODD : 0;
    }
    return odd;
}

static void note_doubted(struct session *s, unsigned dir, struct doubted *x,
                         uint16_t bits)
{
    if (x->noted) {
        mark(s, HS_FOREIGN, x->at.frame, bits);
        return;
    }
    /* What was taken may be the end of it; of the rest some are enough. */
    unsigned most =
        bits & HS_ODD_TAKEN ? LIMIT_DOUBTED_SEGMENTS : LIMIT_FOREIGN_NOTED;
    if (hs_count(&s->hs, HS_FOREIGN, SIDE_NONE) < most) {
        x->noted = true;
        hs_note(&s->hs, HS_FOREIGN, side_of(s, dir), x->wire, x->odd | bits,
                x->at.when, x->at.frame);
    }
}

/* A keep-alive repeats the last byte, as whatever byte its stack likes (RFC
 * 1122 section 4.2.3.6). */
static bool is_keepalive(const struct session *s, unsigned dir, uint32_t seq,
                         uint32_t wire)
{
    return wire <= 1 && seq + 1 == s->stream[dir].next;
}

/* The sender's own bytes have come: what was held for their place is not
 * its. */
static void beat_rivals(struct session *s, unsigned dir, uint32_t seq,
                        struct span bytes)
{
    struct doubts *d = &s->doubts[dir];
    struct doubted *x;
    while ((x = doubts_rival(d, seq, bytes))) {
        x->beaten = true;
        note_doubted(s, dir, x, HS_RST_DATA_AFTER);
    }
    while ((x = doubts_contradicted(d, seq, bytes)) &&
           !(x->odd & HS_RST_DATA_AFTER)) {
        note_doubted(s, dir, x, HS_ODD_TAKEN | HS_RST_DATA_AFTER);
        x->odd |= HS_RST_DATA_AFTER;
    }
}

static void remember_hello_end(struct session *s, unsigned dir)
{
    struct sender *w = &s->sender[dir];
    if (w->hello_end_seen || side_of(s, dir) != SIDE_CLIENT ||
        !hs_find(&s->hs, HS_CLIENT_HELLO, SIDE_CLIENT)) {
        return;
    }
    w->hello_end_seen = true;
    w->hello_end = s->stream[dir].next;
}

/* A segment that is its sender's: whether it brought something new. */
static bool believe(struct session *s, unsigned dir, uint32_t seq,
                    struct span bytes, uint32_t wire, struct stamp at)
{
    struct sink_context ctx = {s, dir};
    struct stream_sink sink = {on_data, on_gap, &ctx};
    unsigned flags =
        tcp_stream_push(&s->stream[dir], seq, bytes, wire, at, &sink);
    bool progress = (flags & PUSH_NEW) != 0;
    s->hs.limited = s->hs.limited || (flags & PUSH_LIMIT);
    count_push(dir_stats(s, dir), flags, wire);
    dir_stats(s, dir)->last_data = at.when;
    if (progress && side_of(s, dir) == SIDE_CLIENT &&
        !s->hs.dir[SIDE_SERVER].bytes) {
        dir_stats(s, dir)->first_flight_segments++;
    }
    if (progress && s->sender[dir].fin_noted) { /* its sender goes on */
        mark(s, HS_FIN, s->sender[dir].fin_frame, HS_RST_DATA_AFTER);
    }
    remember_hello_end(s, dir);
    return progress;
}

/* The receiver took it. Whether it is the sender's shows by how much about it
 * is odd: paths change, and network cards join segments. */
static bool take_one(struct session *s, struct flow *f, unsigned dir,
                     struct doubted *x)
{
    struct hs_dir *d = dir_stats(s, dir);
    x->taken = true;
    /* It was taken, so what would have kept a stack from taking it is the
     * capture's doing; but none takes the options of one packet away. */
    unsigned capture = HS_ODD_CHECKSUM | HS_ODD_ACK |
                       (s->sender[dir].timestamps ? 0 : HS_ODD_OPTIONS);
    if (__builtin_popcount(x->odd & ~capture) >= 2) {
        note_doubted(s, dir, x, HS_ODD_TAKEN);
    }
    if (x->odd & HS_ODD_CHECKSUM) {
        f->half[dir].flags &= (uint8_t)~HALF_CHECKSUM; /* they mean nothing */
    }
    if (x->odd & HS_ODD_OPTIONS) {
        f->half[dir].flags &= (uint8_t) ~(HALF_TIMESTAMP | HALF_SIGNATURE);
    }
    d->ttl_min = !d->ttl_min || x->ttl < d->ttl_min ? x->ttl : d->ttl_min;
    d->ttl_max = x->ttl > d->ttl_max ? x->ttl : d->ttl_max;
    if (x->fin && !(f->half[dir].flags & HALF_FIN)) {
        f->half[dir].flags |= HALF_FIN;
        f->half[dir].fin_seq = x->seq + x->wire;
    }
    return believe(s, dir, x->seq, span_of(x->bytes, x->n), x->wire, x->at);
}

/* An acknowledgement says nothing about those whose place the sender's own
 * bytes have filled: they may be its retransmissions, and count as such. */
static void pass_over_filled(struct session *s, unsigned dir)
{
    struct doubted *x;
    uint32_t next = s->stream[dir].next;
    while ((x = doubts_filled(&s->doubts[dir], next))) {
        x->moot = true;
        believe(s, dir, x->seq, span_of(x->bytes, x->n), x->wire, x->at);
    }
}

/* With it goes what it answers, and what looks the same. */
static bool take_doubted(struct session *s, struct flow *f, unsigned dir,
                         struct doubted *x)
{
    bool progress = false;
    struct doubted *y;
    pass_over_filled(s, 1 - dir);
    while (x->acks && (y = doubts_acked(&s->doubts[1 - dir], x->ack))) {
        progress = take_one(s, f, 1 - dir, y) || progress;
    }
    progress = take_one(s, f, dir, x) || progress;
    while ((y = doubts_alike(&s->doubts[dir], x))) {
        progress = take_one(s, f, dir, y) || progress;
    }
    return progress;
}

/* The receiver's acknowledgement tells which segments of `dir` it took. */
static bool settle_doubts(struct session *s, struct flow *f, unsigned dir,
                          const struct packet *p)
{
    struct doubts *d = &s->doubts[dir];
    bool progress = false;
    pass_over_filled(s, dir);
    struct doubted *x = doubts_preferred(d, p->ack);
    if (x && p->ack != s->stream[dir].next) {
        x->taken = true;
        note_doubted(s, dir, x, HS_ODD_TAKEN);
    }
    while ((x = doubts_acked(d, p->ack))) {
        progress = take_doubted(s, f, dir, x) || progress;
    }
    return progress;
}

/* At the end: what no stack accepts, and the receiver did not, is not believed.
 * A TTL alone says too little. */
static void end_doubts(struct session *s, struct flow *f, unsigned dir)
{
    struct doubted *x;
    pass_over_filled(s, dir);
    while ((x = doubts_open(&s->doubts[dir]))) {
        if (x->ignored && (x->odd & UNACCEPTABLE)) {
            x->beaten = true;
            note_doubted(s, dir, x, 0);
        } else {
            take_doubted(s, f, dir, x);
        }
    }
}

/* ---- a packet ---- */

/* A reset that its receiver may ignore: there the handshake goes on, which
 * takes a round trip to show. */
static bool is_odd(const struct hs_event *e)
{
    return (e->aux & (HS_RST_TTL_ODD | HS_RST_IPID_ODD | HS_RST_SEQ_ODD |
                      HS_RST_EARLY | HS_RST_DF_ODD)) != 0;
}

static bool ends_now(const struct handshake *hs, unsigned from)
{
    for (unsigned i = from; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        bool fatal =
            e->kind == HS_ALERT &&
            known_alert_is_fatal(e->aux & 0xff, (uint8_t)(e->aux >> 8));
        bool reset = e->kind == HS_RST && !is_odd(e);
        if (fatal || reset || e->kind == HS_PLAINTEXT ||
            e->kind == HS_CARRIER_REFUSED) {
            return true;
        }
    }
    return false;
}

static enum session_want end_prelude(struct session *s)
{
    if (!prelude_is_due(&s->prelude, &s->hs)) {
        return WANT_DROP;
    }
    s->mode = MODE_TLS;
    return WANT_CLOSING;
}

static enum session_want want_after(struct session *s, const struct flow *f,
                                    unsigned from, bool progress)
{
    struct handshake *hs = &s->hs;
    enum refusal refusal =
        s->mode == MODE_PRELUDE ? session_refused(s, f) : REFUSAL_NONE;
    if (refusal != REFUSAL_NONE) {
        s->mode = MODE_TLS;
        s->prelude.refused = true; /* what follows is plaintext */
        s->prelude.told = true;
        hs->unproven = refusal == REFUSAL_PERHAPS;
        hs_note(hs, HS_PLAINTEXT, SIDE_CLIENT, 0, 0, s->prelude.spoke_at[0],
                s->prelude.spoke_frame[0]);
        return WANT_CLOSING;
    }
    if (s->mode == MODE_PRELUDE) {
        bool closed = hs->rst_seen[0] || hs->rst_seen[1] ||
                      (hs->fin_seen[0] && hs->fin_seen[1]);
        if (closed) {
            prelude_closed(&s->prelude, hs);
        }
        if (s->prelude_done || closed) {
            return end_prelude(s);
        }
        return progress ? WANT_PROGRESS : WANT_KEEP;
    }
    if (s->prelude.refused) { /* what follows is no progress */
        bool first = !s->prelude.told;
        s->prelude.told = true;
        return first ? WANT_CLOSING : WANT_KEEP;
    }
    if (progress && tls_settled(&s->tls, hs)) {
        return WANT_FINISH;
    }
    if (from < hs->events_n) {
        if (ends_now(hs, from) || (hs->fin_seen[0] && hs->fin_seen[1])) {
            return WANT_CLOSING;
        }
        if (hs->fin_seen[0] || hs->fin_seen[1] || hs->rst_seen[0] ||
            hs->rst_seen[1]) {
            return WANT_HALF_CLOSED;
        }
        bool both = s->tls.dir[0].finished && s->tls.dir[1].finished;
        bool client13 =
            hs->encrypted[SIDE_SERVER] && s->tls.app_records[SIDE_CLIENT] > 0;
        if (both || client13) {
            return WANT_SETTLING;
        }
    }
    return progress ? WANT_PROGRESS : WANT_KEEP;
}

/* A FIN that came with a segment in doubt is in doubt as well. */
static void doubt_fin(const struct session *s, struct flow *f,
                      const struct packet *p, unsigned dir)
{
    struct flow_half *h = &f->half[dir];
    if ((p->flags & TCP_FIN) && !s->sender[dir].fin_noted &&
        h->fin_seq == p->seq + p->payload_wire_bytes) {
        h->flags &= (uint8_t)~HALF_FIN;
    }
}

enum news { NEWS_DOUBTED, NEWS_NONE, NEWS_SOME };

/* Copies nearer than that are the capture's or the network's: no sender's timer
 * runs out so soon (RFC 6298 section 2.4 asks for a second, Linux waits 200
 * ms).
 */
#define RESENT_APART (TICK_SEC / 10)

/* The oldest byte that waits for its acknowledgement comes again, and its timer
 * brought it: not after a close, when nobody needs to listen any more. */
static void note_resent(struct session *s, const struct flow *f,
                        const struct packet *p, unsigned dir)
{
    const struct flow_half *h = &f->half[dir];
    const struct tcp_stream *t = &s->stream[dir];
    struct sender *w = &s->sender[dir];
    struct hs_dir *d = dir_stats(s, dir);
    uint32_t end = p->seq + p->payload_wire_bytes;
    if (!t->started || !(h->flags & HALF_ACKED) ||
        (int32_t)(p->seq - h->acked) > 0 || (int32_t)(end - h->acked) <= 0 ||
        (int32_t)(end - t->next) > 0) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        if ((f->half[i].flags & HALF_FIN) || s->sender[i].rst_noted) {
            return;
        }
    }
    if (w->resent_seq != h->acked) {
        w->resent_seq = h->acked;
        d->resent = 0;
        d->resent_size = 0;
    } else if (d->resent && p->when - d->resent_last < RESENT_APART) {
        return;
    }
    if (d->resent++ == 0) {
        d->resent_first = p->when;
    }
    if (p->payload_wire_bytes > d->resent_size) {
        d->resent_size = p->payload_wire_bytes;
    }
    d->resent_last = p->when;
}

/* A segment with data, not a reset. */
static enum news data_packet(struct session *s, struct flow *f,
                             const struct packet *p, unsigned dir)
{
    struct stamp at = {p->when, p->frame};
    uint16_t odd = doubtful(s, f, p, dir);
    /* What no stack accepts is no truer when it is said again. */
    struct doubted *x =
        odd && !(odd & UNACCEPTABLE)
            ? doubts_repeated(&s->doubts[dir], p->seq, p->payload)
            : NULL;
    if (x && p->when - x->at.when > REPEATED_AFTER) {
        return take_doubted(s, f, dir, x) ? NEWS_SOME : NEWS_NONE;
    }
    if (odd) {
        doubts_hold(&s->doubts[dir], p, odd);
        doubt_fin(s, f, p, dir);
        return NEWS_DOUBTED;
    }
    uint32_t seq = p->flags & TCP_SYN ? p->seq + 1 : p->seq;
    if (s->doubts[dir].n && !is_keepalive(s, dir, seq, p->payload_wire_bytes)) {
        beat_rivals(s, dir, seq, p->payload);
    }
    note_resent(s, f, p, dir);
    return believe(s, dir, seq, p->payload, p->payload_wire_bytes, at)
               ? NEWS_SOME
               : NEWS_NONE;
}

/* What an acknowledgement tells of the other direction. */
static bool ack_packet(struct session *s, struct flow *f,
                       const struct packet *p, unsigned dir)
{
    unsigned other = 1 - dir;
    struct stamp at = {p->when, p->frame};
    struct sink_context back = {s, other};
    struct stream_sink sink = {on_data, on_gap, &back};
    bool progress = s->doubts[other].n > 0 && settle_doubts(s, f, other, p);
    const struct flow_half *h = &f->half[other];
    bool fin = (h->flags & HALF_FIN) && p->ack == h->fin_seq + 1;
    if (p->acks_beyond && s->stream[other].started) {
        dir_stats(s, other)->acked_beyond = true;
    }
    tcp_stream_acked(&s->stream[other], fin ? h->fin_seq : p->ack, at, &sink);
    note_fin(s, f, other, at);
    return progress;
}

/* A reset or FIN with a wrong checksum: no stack looks at it. */
static bool is_dropped(struct session *s, struct flow *f,
                       const struct packet *p, unsigned dir)
{
    struct flow_half *h = &f->half[dir];
    if (!(p->flags & (TCP_RST | TCP_FIN)) || p->payload_wire_bytes ||
        !has_wrong_checksum(f, p, dir)) {
        return false;
    }
    bool fin = !(p->flags & TCP_RST);
    uint16_t aux = oddities(s, f, p, dir) | HS_ODD_CHECKSUM;
    note_foreign(s, p, dir, aux | (fin ? HS_ODD_FIN : HS_ODD_RST));
    if (fin && !s->sender[dir].fin_noted && h->fin_seq == p->seq) {
        h->flags &= (uint8_t)~HALF_FIN;
    }
    return true;
}

enum session_want session_packet(struct session *s, struct flow *f,
                                 const struct packet *p, unsigned dir)
{
    if (s->udp) {
        return udp_session_packet(s->udp, &s->hs, p, dir);
    }
    if (s->eap) {
        return eap_session_packet(s->eap, &s->hs, p, dir);
    }
    struct stamp at = {p->when, p->frame};
    unsigned from = s->hs.events_n;
    enum news news = NEWS_NONE;
    count_packet(s, p, dir);
    s->hs.last = p->when;
    s->hs.frame_last = p->frame;
    if (is_dropped(s, f, p, dir)) {
        return WANT_KEEP;
    }
    if ((p->flags & TCP_ACK) && !(p->flags & TCP_RST) &&
        !s->stream[1 - dir].started) {
        tcp_stream_start(&s->stream[1 - dir], p->ack);
    }
    if (p->payload_wire_bytes > 0 && !(p->flags & TCP_RST)) {
        news = data_packet(s, f, p, dir);
    }
    if (news == NEWS_DOUBTED) {
        return WANT_KEEP; /* nothing it says counts yet */
    }
    bool progress = news == NEWS_SOME;
    if (!(p->flags & (TCP_RST | TCP_FIN))) {
        learn_looks(s, f, p, dir);
    }
    if (p->flags & TCP_ACK) {
        progress = ack_packet(s, f, p, dir) || progress;
    }
    if (p->flags & TCP_FIN) {
        place_fin(s, f, p, dir);
    }
    note_fin(s, f, dir, at);
    if (p->flags & TCP_RST) {
        if (s->mode == MODE_PRELUDE) { /* it may be the end, or all there is */
            session_settle(s, f);
        }
        note_reset(s, f, p, dir);
    } else {
        note_life_after_reset(s, p, dir);
    }
    return want_after(s, f, from, progress);
}

void session_icmp(struct session *s, const struct packet *p, unsigned dir)
{
    if (s->udp) {
        udp_session_icmp(s->udp, &s->hs, p, dir);
        return;
    }
    /* Anybody can send these: they must not use the timeline up. */
    if (hs_count(&s->hs, HS_ICMP, SIDE_NONE) < LIMIT_ICMP_NOTED) {
        hs_note(&s->hs, HS_ICMP, side_of(s, dir), p->icmp_mtu,
                (uint16_t)(p->icmp_type << 8 | p->icmp_code), p->when,
                p->frame);
    }
}

bool session_restarts(const struct session *s, const struct packet *p)
{
    return s->eap && eap_session_restarts(s->eap, &s->hs, p);
}

void session_many_sources(struct session *s)
{
    s->hs.many_sources = true;
}

void session_settle(struct session *s, struct flow *f)
{
    for (unsigned dir = 0; dir < 2 && !s->udp && !s->eap; dir++) {
        end_doubts(s, f, dir);
    }
}

bool session_is_tls(const struct session *s)
{
    if (s->udp) {
        return udp_session_is_tls(&s->hs);
    }
    if (s->eap) {
        return eap_session_is_tls(&s->hs);
    }
    return s->mode == MODE_TLS || prelude_is_due(&s->prelude, &s->hs);
}

/* ---- the end ---- */

/* Whether the record with the Finished was never acknowledged, whatever became
 * of what came behind it. Where TLS is wrapped in another protocol, its bytes
 * are not those of the stream. */
static bool is_finish_unacked(const struct session *s,
                              const struct flow_half *h, unsigned dir)
{
    const struct tls_dir *d = &s->tls.dir[side_of(s, dir)];
    const struct tcp_stream *t = &s->stream[dir];
    uint32_t end = t->next - (d->fed - d->finish_end);
    return d->finish_ended && t->started && !s->prelude.wrapped &&
           (int32_t)(h->acked - end) < 0;
}

static void fill_transport(struct session *s, const struct flow *f,
                           unsigned dir)
{
    struct hs_dir *d = dir_stats(s, dir);
    const struct flow_half *h = &f->half[dir];
    const struct tcp_stream *t = &s->stream[dir];
    const struct sender *w = &s->sender[dir];
    enum side side = side_of(s, dir);
    memcpy(s->hs.addr[side].ip, f->end[dir].ip, sizeof f->end[dir].ip);
    s->hs.addr[side].port = f->end[dir].port;
    d->packets = h->packets;
    d->stream_bytes = h->flags & HALF_SYN
                          ? (t->next - (h->isn + 1)) - d->gap_bytes
                          : d->bytes;
    if (!(h->flags & HALF_ACKED) || h->acked != w->resent_seq) {
        d->resent = 0; /* it arrived */
    }
    if (!(h->flags & HALF_ACKED)) {
        d->unacked_bytes = d->bytes;
        return;
    }
    if (t->started && (int32_t)(t->next - h->acked) > 0) {
        d->unacked_bytes = t->next - h->acked;
    }
    d->acked_any_data =
        (h->flags & HALF_SYN) && (int32_t)(h->acked - (h->isn + 1)) > 0;
    d->hello_acked =
        w->hello_end_seen && (int32_t)(h->acked - w->hello_end) >= 0;
    d->finish_unacked = is_finish_unacked(s, h, dir);
}

/* A hole that the receiver never acknowledged is not ours: the bytes got lost
 * before they came here. */
static bool is_lost_on_path(const struct session *s, const struct flow *f,
                            unsigned dir)
{
    const struct flow_half *h = &f->half[dir];
    return tcp_stream_hole(&s->stream[dir]) > 0 && (h->flags & HALF_ACKED) &&
           (int32_t)(h->acked - s->stream[dir].next) <= 0;
}

/* What the receiver acknowledged last and we never saw, we missed: nobody may
 * be blamed for not having sent it. One byte alone is a FIN that we missed. */
static void settle_acked(struct session *s, const struct flow *f, unsigned dir,
                         struct stamp at, const struct stream_sink *sink)
{
    const struct flow_half *h = &f->half[dir];
    bool fin = (h->flags & HALF_FIN) && h->acked == h->fin_seq + 1;
    uint32_t ack = fin ? h->fin_seq : h->acked;
    /* That a whole direction is missing shows without it. */
    if ((h->flags & HALF_ACKED) && h->packets > 0 &&
        ((h->flags & HALF_FIN) || ack - s->stream[dir].next != 1)) {
        tcp_stream_settle(&s->stream[dir], ack, at, sink);
    }
}

/* Delivers what the streams still hold. */
static void flush_streams(struct session *s, struct flow *f)
{
    struct stamp at = {s->hs.last, s->hs.frame_last};
    for (unsigned dir = 0; dir < 2; dir++) {
        struct sink_context ctx = {s, dir};
        struct stream_sink sink = {on_data, on_gap, &ctx};
        settle_reset(s, dir);
        if (is_lost_on_path(s, f, dir)) {
            dir_stats(s, dir)->lost_bytes = tcp_stream_hole(&s->stream[dir]);
        } else {
            tcp_stream_flush(&s->stream[dir], &sink);
            settle_acked(s, f, dir, at, &sink);
            note_fin(s, f, dir, at);
        }
        s->hs.limited =
            s->hs.limited || doubts_miss(&s->doubts[dir], s->stream[dir].next);
    }
    hs_sort(&s->hs);
    fill_transport(s, f, 0);
    fill_transport(s, f, 1);
}

void session_finish(struct session *s, struct flow *f, enum hs_end end,
                    tick_t now, struct handshake *out)
{
    if (s->udp) {
        udp_session_finish(s->udp, &s->hs, f);
        hs_sort(&s->hs);
    } else if (s->eap) {
        eap_session_finish(s->eap, &s->hs, f);
    } else {
        flush_streams(s, f);
    }
    s->hs.end = end;
    s->hs.capture_last = now;
    hs_move_live(&s->hs, out);
}

void session_prefetch(const struct session *s)
{
    __builtin_prefetch(s);
    __builtin_prefetch(s->stream);
    __builtin_prefetch(s->sender);
    __builtin_prefetch(&s->client_dir);
    __builtin_prefetch(&s->hs.version);
    __builtin_prefetch(&s->hs.last);
    __builtin_prefetch(&s->hs.dir[0]);
    __builtin_prefetch(&s->hs.dir[1]);
}

ptrdiff_t session_growth(struct session *s)
{
    size_t before = s->bytes;
    s->bytes = SESSION_BYTES + s->hs.arena.used_bytes +
               s->stream[0].early_bytes + s->stream[1].early_bytes +
               s->doubts[0].bytes + s->doubts[1].bytes +
               s->tls.dir[0].buf_size + s->tls.dir[1].buf_size +
               (s->udp ? udp_session_bytes(s->udp) : 0) +
               (s->eap ? eap_session_bytes(s->eap) : 0);
    return (ptrdiff_t)(s->bytes - before);
}

size_t session_bytes(const struct session *s)
{
    return s->bytes;
}
