/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who talks to whom, and their bytes in order.
 *
 * Only connections that may still become or are handshakes live in the table;
 * everything else leaves it, so that a packet of a settled connection costs one
 * lookup that misses. Those that wait in number are folded: half-open
 * connections by the million fit. The table knows TCP; it does not know TLS.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/frame_log.h"
#include "base/span.h"
#include "base/tick.h"
#include "decode/packet.h"

#include <stddef.h>

struct stamp {
    tick_t when;
    uint64_t frame;
};

/* ---- bytes in order ---- */

struct segment;

struct tcp_stream {
    uint32_t next; /* sequence number of the next byte wanted */
    bool started;
    struct segment *early; /* kept out-of-order segments, sorted */
    uint32_t early_bytes, early_n;
    uint32_t hole_packets; /* packets seen since an acknowledged hole */
};

enum push_flags {
    PUSH_NEW = 1,        /* advanced the stream or was kept */
    PUSH_RETRANSMIT = 2, /* nothing new in it */
    PUSH_EARLY = 4,      /* out of order */
    PUSH_OVERLAP = 8,
    PUSH_CONFLICT = 16, /* other bytes for the same place */
    PUSH_KEEPALIVE = 32,
    PUSH_LIMIT = 64, /* a bound was hit; a gap was declared */
};

struct stream_sink {
    /* In-order bytes; `start` tells that they begin a captured segment. */
    void (*data)(void *ctx, struct span bytes, struct stamp at, bool start);
    /* n bytes that this capture lacks. cut: by the snapshot length. */
    void (*gap)(void *ctx, uint32_t n, struct stamp at, bool cut);
    void *ctx;
};

/* Sets where the stream begins (a SYN's sequence number + 1). */
void tcp_stream_start(struct tcp_stream *s, uint32_t seq);

/*
 * One segment: `bytes` as captured, `wire` as sent (>= bytes.n). Delivers what
 * is in order to the sink. The first captured byte wins (RFC 9293 leaves it
 * open). Returns PUSH_* bits.
 */
unsigned tcp_stream_push(struct tcp_stream *s, uint32_t seq, struct span bytes,
                         uint32_t wire, struct stamp at,
                         const struct stream_sink *sink);

/* The receiver acknowledged up to `ack`: holes before it are gaps in our
 * capture (after a few more packets, as captures may swap neighbours). */
void tcp_stream_acked(struct tcp_stream *s, uint32_t ack, struct stamp at,
                      const struct stream_sink *sink);

/* The stream has ended, and the receiver had acknowledged up to `ack`: what of
 * that is still missing is a gap in our capture. */
void tcp_stream_settle(struct tcp_stream *s, uint32_t ack, struct stamp at,
                       const struct stream_sink *sink);

/* Bytes missing before the first kept segment; 0 when nothing waits. */
uint32_t tcp_stream_hole(const struct tcp_stream *s);

/* The stream ends: what is still waiting is delivered, with gaps. */
void tcp_stream_flush(struct tcp_stream *s, const struct stream_sink *sink);

void tcp_stream_fini(struct tcp_stream *s);

/* ---- the table ---- */

/* Lists of flows by what they wait for; within one, oldest touch first. */
enum flow_class {
    FLOW_OPENING,     /* SYN seen, no data */
    FLOW_PRELUDE,     /* data, not TLS yet */
    FLOW_ACTIVE,      /* a handshake in progress */
    FLOW_STALLED,     /* silent past the timeout; in files it may still go on */
    FLOW_SETTLING,    /* established, watched a little longer */
    FLOW_HALF_CLOSED, /* one FIN; the other side may still have a word */
    FLOW_CLOSING,     /* ended; waiting a moment for what belongs to it */
    FLOW_DEAD,        /* reported; absorbs stragglers */
    FLOW_ECHOING,     /* TCP, reported as failed; absorbs repetitions */
    FLOW_SETTLED,     /* succeeded for sure; absorbs retransmissions */
    FLOW_CLASS_COUNT
};

enum {
    HALF_SYN = 1,
    HALF_FIN = 2,
    HALF_ACKED = 4,
    HALF_CHECKSUM = 8,   /* its SYN's checksum is right: no offload */
    HALF_TIMESTAMP = 16, /* its SYN offers timestamps (RFC 7323) */
    HALF_SIGNATURE = 32, /* its SYN is signed (RFC 2385) */
};

struct flow_half {
    uint32_t isn;     /* sequence number of the SYN */
    uint32_t acked;   /* highest acknowledgement the peer sent */
    uint32_t fin_seq; /* sequence number of the FIN */
    uint32_t packets;
    uint16_t mss;
    uint8_t ttl_syn;
    uint8_t flags;        /* HALF_* */
    uint8_t window_shift; /* of the windows it advertises */
    bool syn_df;          /* the SYN had "don't fragment" set */
};

enum flow_form {
    FLOW_FREE,   /* nobody's */
    FLOW_WHOLE,  /* a struct flow */
    FLOW_FOLDED, /* what is left of one that waits */
};

/* What every flow has, whatever its form. */
struct flow_head {
    tick_t touched;      /* last progress; orders the class lists */
    uint32_t prev, next; /* list links */
    uint32_t touch;      /* the tracker's; orders touches of the same time */
    uint32_t hash;
    uint16_t vlan;
    uint8_t ip_version;
    uint8_t proto;
    uint8_t class;        /* enum flow_class */
    uint8_t class_wanted; /* what progress moves it to */
    uint8_t form;         /* enum flow_form */
    uint8_t own;          /* the form's */
};

/* Reported, or settled: what still comes is not looked at. */
static inline bool flow_is_over(const struct flow_head *f)
{
    return f->class == FLOW_DEAD || f->class == FLOW_ECHOING ||
           f->class == FLOW_SETTLED;
}

/* What every packet needs comes first: it shares a cache line or two. */
struct flow {
    struct flow_head head;  /* own: found since flow_table_idle() came by */
    struct endpoint end[2]; /* 0: who opened the TCP connection, or who was
                               seen first */
    void *session;          /* the tracker's */
    uint32_t conversation;  /* as the packet's */
    /* From here to `frames` it is what a folded session takes with it. */
    tick_t first; /* first packet */
    uint64_t frame_first;
    tick_t when_syn[2];
    uint32_t frame_syn_delta[2]; /* frame of SYN / SYN-ACK minus frame_first */
    struct flow_half half[2];
    uint32_t source;          /* index of the capture that began it */
    struct frame_log *frames; /* the tracker's; NULL unless it keeps them */
};

#define FLOW_DETAIL_BYTES                                                      \
    (offsetof(struct flow, frames) - offsetof(struct flow, first))

struct flow_table;

struct flow_table *flow_table_new(uint32_t max_flows);
void flow_table_free(struct flow_table *t);

/* The flow of a packet, or NULL. *dir is 0 when the packet goes from end[0] to
 * end[1]. */
struct flow_head *flow_table_find(struct flow_table *t, const struct packet *p,
                                  unsigned *dir);

/* A new flow for the packet (its sender is end[0]); NULL when the table is
 * full: evict first. */
struct flow *flow_table_add(struct flow_table *t, const struct packet *p);

/* The same without a place in the table. */
struct flow flow_of_packet(const struct flow_table *t, const struct packet *p);

void flow_table_remove(struct flow_table *t, struct flow_head *f);

/* From now on flows are only taken from the lists and removed: none is looked
 * up, added, folded or unfolded any more, which makes that cheaper. */
void flow_table_close(struct flow_table *t);

/* Moves the flow to the end of a class list with `now` as its touch. Of a lone
 * SYN that is folded it must be the touch that it has. */
void flow_table_touch(struct flow_table *t, struct flow_head *f,
                      enum flow_class class, tick_t now);

/* The one of a class that was touched first, or NULL. */
struct flow_head *flow_table_oldest(struct flow_table *t,
                                    enum flow_class class);

/* Starts loading what giving up the next ones of f's class needs. */
void flow_table_prefetch_next(struct flow_table *t, const struct flow_head *f);

/* ---- folding ----
 *
 * A flow that waits is folded into a third of its size when there are many. It
 * keeps its place in the table and in its list; its address changes.
 */

/* The flow, if it is whole. */
static inline struct flow *flow_whole(struct flow_head *f)
{
    return f->form == FLOW_WHOLE ? (struct flow *)(void *)f : NULL;
}

/* How many flows are whole. */
uint32_t flow_table_whole(const struct flow_table *t);

/* A whole flow that was not found since the last time round, or NULL: to be
 * called again. Once round takes flow_table_places() calls. */
uint32_t flow_table_places(const struct flow_table *t);
struct flow *flow_table_idle(struct flow_table *t);

/* The whole flows one after the other, from *at = 0 on, found lately or not;
 * NULL behind the last one. It may be folded or removed before the next call.
 */
struct flow *flow_table_next(struct flow_table *t, uint32_t *at);

/* Whether nothing of a flow needs to be kept apart: it is a lone SYN, or only
 * there to absorb what comes late. */
bool flow_is_plain(const struct flow *f);

/* Whether a flow can be folded. False also when memory is out. */
bool flow_table_can_fold(struct flow_table *t, const struct flow *f);

/* Folds it. Unless it is plain, `session` is what the caller makes of its
 * session and of its details (FLOW_DETAIL_BYTES from `first` on); the table
 * keeps it. */
void flow_table_fold(struct flow_table *t, struct flow *f, void *session);

/* Adds a new flow folded, if it is a lone SYN. False: it is not, or the table
 * is full. */
bool flow_table_add_folded(struct flow_table *t, const struct flow *f);

/* Makes a folded flow whole again. If it had a session its details are the
 * caller's to set. NULL when memory is out: then the flow is as it was. */
struct flow *flow_table_unfold(struct flow_table *t, struct flow_head *head);

/* Takes a folded flow from the table, as flow_table_unfold() makes it. */
void flow_table_take(struct flow_table *t, struct flow_head *head,
                     struct flow *out);

/* What was made of a folded flow's session, or NULL. */
void *flow_folded_session(const struct flow_head *f);

/* Whether it is folded and nothing but a SYN without an answer. */
bool flow_is_lone_syn(const struct flow_head *f);

/* When the first packet of a flow came that is whole or a lone SYN: what is
 * sent again touches it anew. Of others, their last touch. */
tick_t flow_opened(const struct flow_head *f);

/* Whether the flow began with this SYN of end[0]. */
bool flow_began_with(const struct flow_head *f, uint32_t isn);

uint32_t flow_table_count(const struct flow_table *t);
size_t flow_table_bytes(const struct flow_table *t);
/* How many connections a table of so many bytes holds when most are folded, one
 * at least. */
uint32_t flow_table_room(size_t bytes);
bool flow_table_full(const struct flow_table *t);

/* Exchanges the two ends (the second packet seen was the SYN). */
void flow_swap(struct flow *f);

/* Starts loading the slot of a packet's flow, to hide the memory's latency. The
 * packet keeps its hash: it must then be looked up in this table. */
void flow_table_prefetch(const struct flow_table *t, struct packet *p);

#endif
