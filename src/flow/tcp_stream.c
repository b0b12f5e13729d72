/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts one direction of a TCP connection in order (RFC 9293 section 3.4).
 * The fast path hands segments on without copying; only what comes early is
 * kept, within bounds. It never drops silently: what is missing becomes a gap.
 */
#include "flow/flow.h"

#include "base/limits.h"

#include <stdlib.h>

struct segment {
    struct segment *next;
    struct stamp at;
    uint32_t seq;
    uint32_t n;    /* bytes kept */
    uint32_t wire; /* bytes it stands for, >= n */
    bool start;    /* begins a captured segment */
    uint8_t bytes[];
};

/* a - b in sequence space. */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

void tcp_stream_start(struct tcp_stream *s, uint32_t seq)
{
    s->next = seq;
    s->started = true;
}

static void deliver(struct tcp_stream *s, struct span bytes, uint32_t wire,
                    struct stamp at, bool start, const struct stream_sink *sink)
{
    s->next += wire;
    if (bytes.n) {
        sink->data(sink->ctx, bytes, at, start);
    }
    if (wire > bytes.n) {
        sink->gap(sink->ctx, wire - (uint32_t)bytes.n, at, true);
    }
}

/* Hands on kept segments that have become due. */
static void drain(struct tcp_stream *s, const struct stream_sink *sink)
{
    while (s->early && seq_diff(s->early->seq, s->next) <= 0) {
        struct segment *g = s->early;
        uint32_t old = (uint32_t)seq_diff(s->next, g->seq);
        s->early = g->next;
        s->early_bytes -= g->n;
        s->early_n--;
        if (old < g->wire) {
            struct span rest = span_sub(span_of(g->bytes, g->n), old, g->n);
            deliver(s, rest, g->wire - old, g->at, g->start && old == 0, sink);
        }
        free(g);
    }
}

/* Declares everything before the first kept segment as missing. The gap is
 * stamped with the segment that showed it. */
static void skip_hole(struct tcp_stream *s, const struct stream_sink *sink)
{
    int32_t hole = seq_diff(s->early->seq, s->next);
    if (hole > 0) {
        s->next += (uint32_t)hole;
        sink->gap(sink->ctx, (uint32_t)hole, s->early->at, false);
    }
    s->hole_packets = 0;
    drain(s, sink);
}

/* Compares the overlap of a new segment with a kept one. */
static bool conflicts(const struct segment *g, uint32_t seq, struct span bytes)
{
    uint32_t from = seq_diff(seq, g->seq) > 0 ? seq : g->seq;
    struct span a = span_sub(span_of(g->bytes, g->n), from - g->seq, g->n);
    struct span b = span_sub(bytes, from - seq, bytes.n);
    size_t n = a.n < b.n ? a.n : b.n;
    return n && memcmp(a.p, b.p, n) != 0;
}

static bool keep_piece(struct tcp_stream *s, struct segment **at_link,
                       uint32_t seq, struct span bytes, uint32_t wire,
                       struct stamp at, bool start)
{
    struct segment *g = malloc(sizeof *g + bytes.n);
    if (!g) {
        return false;
    }
    *g = (struct segment){.next = *at_link,
                          .at = at,
                          .seq = seq,
                          .n = (uint32_t)bytes.n,
                          .wire = wire,
                          .start = start};
    if (bytes.n) {
        memcpy(g->bytes, bytes.p, bytes.n);
    }
    *at_link = g;
    s->early_bytes += g->n;
    s->early_n++;
    return true;
}

/* Inserts the parts of a segment that no kept one covers. */
static unsigned insert(struct tcp_stream *s, uint32_t seq, struct span bytes,
                       uint32_t wire, struct stamp at)
{
    unsigned flags = 0;
    bool start = true;
    struct segment **link = &s->early;
    while (wire > 0) {
        struct segment *g = *link;
        if (g && seq_diff(g->seq + g->wire, seq) <= 0) {
            link = &g->next;
            continue;
        }
        uint32_t piece = wire;
        if (g && seq_diff(g->seq, seq) <= 0) {
            /* Covered by g up to its end. */
            uint32_t covered = g->seq + g->wire - seq;
            piece = covered < wire ? covered : wire;
            flags |= PUSH_OVERLAP;
            flags |= conflicts(g, seq, bytes) ? (unsigned)PUSH_CONFLICT : 0u;
            link = &g->next;
        } else {
            if (g && seq_diff(seq + wire, g->seq) > 0) {
                piece = g->seq - seq;
            }
            if (!keep_piece(s, link, seq, span_sub(bytes, 0, piece), piece, at,
                            start)) {
                return flags | PUSH_LIMIT;
            }
            link = &(*link)->next;
            flags |= PUSH_NEW;
        }
        bytes = span_sub(bytes, piece, bytes.n);
        seq += piece;
        wire -= piece;
        start = false;
    }
    return flags;
}

unsigned tcp_stream_push(struct tcp_stream *s, uint32_t seq, struct span bytes,
                         uint32_t wire, struct stamp at,
                         const struct stream_sink *sink)
{
    if (!s->started) {
        tcp_stream_start(s, seq);
    }
    int32_t rel = seq_diff(seq, s->next);
    unsigned flags = 0;
    bool start = true;
    if (rel < 0) {
        uint32_t old = s->next - seq; /* -rel may not fit an int32_t */
        if (old >= wire) {
            return old == 1 && wire <= 1 ? PUSH_KEEPALIVE : PUSH_RETRANSMIT;
        }
        bytes = span_sub(bytes, old, bytes.n);
        wire -= old;
        seq = s->next;
        flags |= PUSH_OVERLAP;
        start = false;
        rel = 0;
    }
    if (rel == 0 && !s->early) {
        deliver(s, bytes, wire, at, start, sink);
        return flags | PUSH_NEW;
    }
    flags |= rel > 0 ? (unsigned)PUSH_EARLY : 0u;
    flags |= insert(s, seq, bytes, wire, at);
    drain(s, sink);
    while (s->early && (s->early_bytes > LIMIT_REORDER_BYTES ||
                        s->early_n > LIMIT_REORDER_SEGMENTS)) {
        skip_hole(s, sink);
        flags |= PUSH_LIMIT;
    }
    return flags;
}

void tcp_stream_acked(struct tcp_stream *s, uint32_t ack, struct stamp at,
                      const struct stream_sink *sink)
{
    if (!s->started || seq_diff(ack, s->next) <= 0) {
        s->hole_packets = 0;
        return;
    }
    /* The peer has bytes that we have not. Captures may swap neighbours, so
     * give the missing segment a few packets to turn up. */
    if (++s->hole_packets < 4) {
        return;
    }
    if (s->early && seq_diff(s->early->seq, ack) <= 0) {
        skip_hole(s, sink);
    } else {
        uint32_t hole = ack - s->next;
        if (hole > (1u << 30)) {
            return; /* a lying acknowledgement */
        }
        s->next = ack;
        s->hole_packets = 0;
        sink->gap(sink->ctx, hole, at, false);
        drain(s, sink);
    }
}

void tcp_stream_settle(struct tcp_stream *s, uint32_t ack, struct stamp at,
                       const struct stream_sink *sink)
{
    int32_t hole = seq_diff(ack, s->next);
    if (!s->started || hole <= 0 || hole > 1 << 30) {
        return;
    }
    s->next = ack;
    s->hole_packets = 0;
    sink->gap(sink->ctx, (uint32_t)hole, at, false);
}

uint32_t tcp_stream_hole(const struct tcp_stream *s)
{
    return s->early ? (uint32_t)seq_diff(s->early->seq, s->next) : 0;
}

void tcp_stream_flush(struct tcp_stream *s, const struct stream_sink *sink)
{
    while (s->early) {
        skip_hole(s, sink);
    }
}

void tcp_stream_fini(struct tcp_stream *s)
{
    while (s->early) {
        struct segment *g = s->early;
        s->early = g->next;
        free(g);
    }
    s->early_bytes = 0;
    s->early_n = 0;
}
