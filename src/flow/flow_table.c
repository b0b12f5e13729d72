/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection table: open addressing over 8-byte slots (tag and index),
 * flows in slabs, one age-ordered list per class. The hash is seeded, so that
 * nobody outside can choose colliding connections.
 */
#include "flow/flow.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NIL         UINT32_MAX
#define SLAB_SHIFT  10u
#define SLAB_FLOWS  (1u << SLAB_SHIFT)
#define SLOTS_FIRST (1u << 13)
#define CACHE_LINE  64u
#define AHEAD       24u
#define SCOUT_AHEAD 8u
#define HUGE_PAGE   ((size_t)2 << 20)

/* An index says in which store a flow is: whole flows, folded ones with
 * addresses of IPv4, and with longer ones. */
enum { STORE_WHOLE, STORE_V4, STORE_V6, STORE_COUNT };
#define STORE_SHIFT 30u
#define PLACE_MASK  ((1u << STORE_SHIFT) - 1)

struct slot {
    uint32_t tag; /* 0: free */
    uint32_t index;
};

/*
 * A folded flow: one line of the cache with addresses of IPv4. Its head comes
 * first, as in struct flow.
 */
struct folded {
    struct flow_head head; /* own: of a lone SYN its TTL */
    union {
        void *session;   /* the tracker's, or NULL */
        uint64_t origin; /* of a lone SYN: its frame and source */
    } u;
    uint32_t isn;   /* of end[0]'s SYN, if there was one */
    uint32_t since; /* ns from a lone SYN to the last touch */
    uint16_t port[2];
    uint16_t mss;
    uint16_t lone : 1; /* a lone SYN, and all of it is here */
    uint16_t syn : 1;  /* the rest is about end[0]'s SYN */
    uint16_t checksum : 1;
    uint16_t timestamp : 1;
    uint16_t signature : 1;
    uint16_t df : 1;
    uint16_t shift : 4;
    uint16_t packets : 6;
    uint8_t ip[]; /* of both ends */
};

#define SOURCE_BITS  16u
#define FRAME_BITS   48u
#define PACKETS_BITS 6u
#define SHIFT_BITS   4u

#define IP4_BYTES 4u
#define IP6_BYTES 16u

/* Flows of one size, in slabs. Places that were given back are chained by
 * head.next; those from `fresh` on were never touched. */
struct store {
    uint8_t **slabs;
    uint32_t slabs_n, slabs_size;
    uint32_t free_head;
    uint32_t fresh;
    uint32_t bytes; /* of one flow */
    uint32_t used;
};

struct flow_list {
    uint32_t head, tail;
    /* How far the loads are ahead of who is given up. The scout may have gone,
     * or lie elsewhere by now: a place is always there to be read. */
    uint32_t scout;
    uint32_t ahead;
};

struct flow_table {
    struct slot *slots;
    uint32_t mask;
    uint32_t used;
    uint32_t max_flows;
    size_t bytes;
    bool closed;
    uint32_t hand; /* of flow_table_idle(), in the store of whole flows */
    struct store stores[STORE_COUNT];
    struct flow_list lists[FLOW_CLASS_COUNT];
    uint64_t seed[2];
};

static inline bool is_whole_index(uint32_t i)
{
    return i >> STORE_SHIFT == STORE_WHOLE;
}

static inline struct flow *whole_at(const struct flow_table *t, uint32_t i)
{
    uint8_t *slab = t->stores[STORE_WHOLE].slabs[i >> SLAB_SHIFT];
    return (struct flow *)(void *)slab + (i & (SLAB_FLOWS - 1));
}

static struct flow_head *flow_at(const struct flow_table *t, uint32_t i)
{
    const struct store *s = &t->stores[i >> STORE_SHIFT];
    uint32_t at = i & PLACE_MASK;
    return (struct flow_head *)(void *)(s->slabs[at >> SLAB_SHIFT] +
                                        (size_t)(at & (SLAB_FLOWS - 1)) *
                                            s->bytes);
}

static struct folded *folded_of(struct flow_head *f)
{
    return (struct folded *)(void *)f;
}

static const struct folded *folded_in(const struct flow_head *f)
{
    return (const struct folded *)(const void *)f;
}

static uint32_t ip_bytes(uint8_t ip_version)
{
    return ip_version == 4 ? IP4_BYTES : IP6_BYTES;
}

/* The same for both directions: each end is hashed by itself, and the two
 * hashes are added. Seeded multiply-and-fold. */
static inline uint64_t end_hash(const struct flow_table *t,
                                const struct endpoint *e, bool v6)
{
    uint64_t h = hash_load64(e->ip) ^ t->seed[0];
    if (v6) {
        h = hash_fold(h, UINT64_C(0xa0761d6478bd642f) ^ t->seed[1]) ^
            hash_load64(e->ip + 8);
    }
    return hash_fold(h ^ (uint64_t)e->port << 48,
                     UINT64_C(0xe7037ed1a0b428db) ^ t->seed[1]);
}

static uint32_t packet_hash(const struct flow_table *t, const struct packet *p)
{
    bool v6 = p->ip_version == 6;
    uint64_t h = end_hash(t, &p->src, v6) + end_hash(t, &p->dst, v6);
    h = hash_fold(h ^ p->proto ^ (uint64_t)p->conversation << 8,
                  t->seed[0] | 1);
    uint32_t tag = (uint32_t)(h ^ h >> 32);
    return tag ? tag : 1;
}

static inline uint32_t hash_of(const struct flow_table *t,
                               const struct packet *p)
{
    return p->flow_hash ? p->flow_hash : packet_hash(t, p);
}

/* Empty ones. Nearly each look-up in a large table is in another page: it is
 * kept in huge ones where the system has them. */
static struct slot *slots_new(uint32_t n)
{
    size_t bytes = n * sizeof(struct slot);
    if (bytes < HUGE_PAGE) {
        return calloc(n, sizeof(struct slot));
    }
    struct slot *v = aligned_alloc(HUGE_PAGE, bytes);
    if (v) {
        madvise(v, bytes, MADV_HUGEPAGE); /* or not */
        memset(v, 0, bytes);
    }
    return v;
}

struct flow_table *flow_table_new(uint32_t max_flows)
{
    struct flow_table *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    struct hash_seed seed = hash_seed_random();
    t->seed[0] = seed.k0;
    t->seed[1] = seed.k1;
    t->mask = SLOTS_FIRST - 1;
    t->max_flows = max_flows ? max_flows : 1;
    static const uint32_t bytes[STORE_COUNT] = {
        [STORE_WHOLE] = sizeof(struct flow),
        [STORE_V4] = sizeof(struct folded) + 2 * IP4_BYTES,
        [STORE_V6] = sizeof(struct folded) + 2 * IP6_BYTES};
    for (unsigned i = 0; i < STORE_COUNT; i++) {
        t->stores[i] = (struct store){.free_head = NIL, .bytes = bytes[i]};
    }
    for (unsigned i = 0; i < FLOW_CLASS_COUNT; i++) {
        t->lists[i] =
            (struct flow_list){.head = NIL, .tail = NIL, .scout = NIL};
    }
    t->slots = slots_new(SLOTS_FIRST);
    if (!t->slots) {
        free(t);
        return NULL;
    }
    t->bytes = SLOTS_FIRST * sizeof *t->slots;
    return t;
}

void flow_table_free(struct flow_table *t)
{
    if (!t) {
        return;
    }
    for (unsigned i = 0; i < STORE_COUNT; i++) {
        struct store *s = &t->stores[i];
        for (uint32_t k = 0; k < s->slabs_n; k++) {
            free(s->slabs[k]);
        }
        free(s->slabs);
    }
    free(t->slots);
    free(t);
}

static inline bool end_eq(const struct endpoint *a, const struct endpoint *b)
{
    uint64_t differ = (hash_load64(a->ip) ^ hash_load64(b->ip)) |
                      (hash_load64(a->ip + 8) ^ hash_load64(b->ip + 8)) |
                      (uint64_t)(a->port ^ b->port);
    return differ == 0;
}

/* Sizes that are known here make no calls: this is on the way of all packets.
 */
static inline bool is_end(const struct folded *f, unsigned i,
                          const struct endpoint *e)
{
    const uint8_t *ip = f->ip;
    bool same = f->head.ip_version == 4
                    ? memcmp(ip + (size_t)i * IP4_BYTES, e->ip, IP4_BYTES) == 0
                    : memcmp(ip + (size_t)i * IP6_BYTES, e->ip, IP6_BYTES) == 0;
    return same && f->port[i] == e->port;
}

/* Whether the packet travels between the ends of a flow, and which way. */
static bool is_of_folded(const struct folded *f, const struct packet *p,
                         unsigned *dir)
{
    if (f->head.ip_version != p->ip_version || f->head.proto != p->proto ||
        p->conversation) {
        return false;
    }
    *dir = is_end(f, 0, &p->src) ? 0 : 1;
    return is_end(f, *dir, &p->src) && is_end(f, 1 - *dir, &p->dst);
}

static bool is_of_whole(struct flow *f, const struct packet *p, unsigned *dir)
{
    if (f->head.ip_version != p->ip_version || f->head.proto != p->proto ||
        f->conversation != p->conversation) {
        return false;
    }
    if (end_eq(&f->end[0], &p->src) && end_eq(&f->end[1], &p->dst)) {
        *dir = 0;
    } else if (end_eq(&f->end[1], &p->src) && end_eq(&f->end[0], &p->dst)) {
        *dir = 1;
    } else {
        return false;
    }
    f->head.own = true;
    return true;
}

struct flow_head *flow_table_find(struct flow_table *t, const struct packet *p,
                                  unsigned *dir)
{
    uint32_t tag = hash_of(t, p);
    for (uint32_t i = tag & t->mask; t->slots[i].tag; i = (i + 1) & t->mask) {
        uint32_t index = t->slots[i].index;
        if (t->slots[i].tag != tag) {
            continue;
        }
        if (is_whole_index(index)) {
            struct flow *f = whole_at(t, index);
            if (is_of_whole(f, p, dir)) {
                return &f->head;
            }
        } else {
            struct flow_head *f = flow_at(t, index);
            if (is_of_folded(folded_in(f), p, dir)) {
                return f;
            }
        }
    }
    return NULL;
}

void flow_table_prefetch(const struct flow_table *t, struct packet *p)
{
    p->flow_hash = packet_hash(t, p);
    __builtin_prefetch(&t->slots[p->flow_hash & t->mask]);
}

static void slot_put(struct flow_table *t, uint32_t tag, uint32_t index)
{
    uint32_t i = tag & t->mask;
    while (t->slots[i].tag) {
        i = (i + 1) & t->mask;
    }
    t->slots[i] = (struct slot){tag, index};
}

static bool slots_grow(struct flow_table *t)
{
    uint32_t old_n = t->mask + 1;
    if (old_n >= 1u << 30) {
        return true; /* fuller than we like, still correct */
    }
    struct slot *old = t->slots;
    struct slot *fresh = slots_new(old_n * 2);
    if (!fresh) {
        return false;
    }
    t->slots = fresh;
    t->mask = old_n * 2 - 1;
    t->bytes += old_n * sizeof *fresh;
    for (uint32_t i = 0; i < old_n; i++) {
        if (old[i].tag) {
            slot_put(t, old[i].tag, old[i].index);
        }
    }
    free(old);
    return true;
}

static bool slab_add(struct flow_table *t, struct store *s)
{
    if (s->slabs_n == s->slabs_size) {
        uint32_t size = s->slabs_size ? s->slabs_size * 2 : 16;
        uint8_t **v = realloc(s->slabs, size * sizeof *v);
        if (!v) {
            return false;
        }
        s->slabs = v;
        s->slabs_size = size;
    }
    uint8_t *slab = aligned_alloc(CACHE_LINE, (size_t)SLAB_FLOWS * s->bytes);
    if (!slab) {
        return false;
    }
    s->slabs[s->slabs_n++] = slab;
    t->bytes += (size_t)SLAB_FLOWS * s->bytes;
    return true;
}

static inline bool has_fresh(struct flow_table *t, unsigned which)
{
    struct store *s = &t->stores[which];
    return s->fresh < s->slabs_n << SLAB_SHIFT || slab_add(t, s);
}

static inline bool has_room(struct flow_table *t, unsigned which)
{
    return t->stores[which].free_head != NIL || has_fresh(t, which);
}

/* A place that was never used, in a store that has one. */
static uint32_t store_take_fresh(struct flow_table *t, unsigned which)
{
    struct store *s = &t->stores[which];
    s->used++;
    return (uint32_t)which << STORE_SHIFT | s->fresh++;
}

/* A place in a store that has room. */
static uint32_t store_take(struct flow_table *t, unsigned which)
{
    struct store *s = &t->stores[which];
    uint32_t store = (uint32_t)which << STORE_SHIFT;
    if (s->free_head == NIL) {
        return store_take_fresh(t, which);
    }
    s->used++;
    uint32_t i = store | s->free_head;
    s->free_head = flow_at(t, i)->next;
    return i;
}

static void store_give(struct flow_table *t, uint32_t i)
{
    struct store *s = &t->stores[i >> STORE_SHIFT];
    struct flow_head *f = flow_at(t, i);
    f->form = FLOW_FREE;
    f->next = s->free_head;
    s->free_head = i & PLACE_MASK;
    s->used--;
}

static void list_append(struct flow_table *t, enum flow_class c, uint32_t i)
{
    struct flow_head *f = flow_at(t, i);
    struct flow_list *l = &t->lists[c];
    f->class = (uint8_t)c;
    f->prev = l->tail;
    f->next = NIL;
    if (l->tail == NIL) {
        l->head = i;
    } else {
        flow_at(t, l->tail)->next = i;
    }
    l->tail = i;
}

/* Lets the neighbours of f point past it, or at what takes its place. */
static void list_relink(struct flow_table *t, const struct flow_head *f,
                        uint32_t as_next, uint32_t as_prev)
{
    struct flow_list *l = &t->lists[f->class];
    if (f->prev == NIL) {
        l->head = as_next;
    } else {
        flow_at(t, f->prev)->next = as_next;
    }
    if (f->next == NIL) {
        l->tail = as_prev;
    } else {
        flow_at(t, f->next)->prev = as_prev;
    }
}

static void list_unlink(struct flow_table *t, const struct flow_head *f)
{
    list_relink(t, f, f->next, f->prev);
}

/* The index of a flow: its predecessor or its list names it. */
static uint32_t flow_index(const struct flow_table *t,
                           const struct flow_head *f)
{
    return f->prev == NIL ? t->lists[f->class].head : flow_at(t, f->prev)->next;
}

/* The slot that holds a flow's index. */
static uint32_t slot_of(const struct flow_table *t, uint32_t hash,
                        uint32_t index)
{
    uint32_t i = hash & t->mask;
    while (t->slots[i].tag &&
           (t->slots[i].tag != hash || t->slots[i].index != index)) {
        i = (i + 1) & t->mask;
    }
    return i;
}

struct flow flow_of_packet(const struct flow_table *t, const struct packet *p)
{
    return (struct flow){.head = {.touched = p->when,
                                  .hash = hash_of(t, p),
                                  .vlan = p->vlan,
                                  .ip_version = p->ip_version,
                                  .proto = p->proto,
                                  .class = FLOW_OPENING,
                                  .form = FLOW_WHOLE,
                                  .own = true},
                         .end = {p->src, p->dst},
                         .first = p->when,
                         .frame_first = p->frame,
                         .conversation = p->conversation};
}

/* Room for one flow more, and in which store. */
static bool has_room_for_one(struct flow_table *t, unsigned which)
{
    bool full = (uint64_t)t->used * 4 >= (uint64_t)(t->mask + 1) * 3;
    return t->used < t->max_flows && has_room(t, which) &&
           (!full || slots_grow(t));
}

/* A flow that has its place joins the table. */
static void join(struct flow_table *t, uint32_t i)
{
    slot_put(t, flow_at(t, i)->hash, i);
    t->used++;
    list_append(t, FLOW_OPENING, i);
}

struct flow *flow_table_add(struct flow_table *t, const struct packet *p)
{
    if (!has_room_for_one(t, STORE_WHOLE)) {
        return NULL;
    }
    uint32_t i = store_take(t, STORE_WHOLE);
    struct flow *f = whole_at(t, i);
    *f = flow_of_packet(t, p);
    join(t, i);
    return f;
}

/* Removes a slot and closes the run behind it (Knuth 6.4 R). */
static void slot_remove(struct flow_table *t, uint32_t at)
{
    uint32_t hole = at;
    uint32_t i = at;
    for (;;) {
        i = (i + 1) & t->mask;
        if (!t->slots[i].tag) {
            break;
        }
        uint32_t home = t->slots[i].tag & t->mask;
        if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = (struct slot){0, 0};
}

void flow_table_remove(struct flow_table *t, struct flow_head *f)
{
    uint32_t index = flow_index(t, f);
    if (!t->closed) {
        uint32_t i = slot_of(t, f->hash, index);
        if (t->slots[i].tag) {
            slot_remove(t, i);
        }
    }
    list_unlink(t, f);
    store_give(t, index);
    t->used--;
}

void flow_table_close(struct flow_table *t)
{
    t->closed = true;
}

void flow_table_touch(struct flow_table *t, struct flow_head *f,
                      enum flow_class class, tick_t now)
{
    f->touched = now;
    if (f->class == class && f->next == NIL) {
        return; /* already the youngest */
    }
    uint32_t i = flow_index(t, f);
    list_unlink(t, f);
    list_append(t, class, i);
}

struct flow_head *flow_table_oldest(struct flow_table *t, enum flow_class class)
{
    uint32_t i = t->lists[class].head;
    return i == NIL ? NULL : flow_at(t, i);
}

/* Flows that were folded one after the other lie so, and are mostly given up
 * so: what is some places further is needed soon. */
static void look_along(const struct flow_table *t, uint32_t i)
{
    if (!is_whole_index(i) && (i & (SLAB_FLOWS - 1)) + AHEAD < SLAB_FLOWS) {
        __builtin_prefetch(flow_at(t, i + AHEAD));
    }
}

/* The scout takes a step, and starts to load what giving up the flow there
 * needs. */
static void scout(const struct flow_table *t, struct flow_list *l,
                  const struct flow_head *from)
{
    const struct flow_head *f = l->scout == NIL ? from : flow_at(t, l->scout);
    if (f->form == FLOW_FREE || f->class != from->class || f->next == NIL) {
        l->scout = NIL;
        l->ahead = 0;
        return;
    }
    l->scout = f->next;
    l->ahead++;
    look_along(t, f->next);
    f = flow_at(t, f->next);
    if (!t->closed) {
        __builtin_prefetch(&t->slots[f->hash & t->mask]);
    }
    if (f->form == FLOW_FOLDED && !folded_in(f)->lone) {
        __builtin_prefetch(folded_in(f)->u.session);
    }
    if (f->next != NIL) {
        __builtin_prefetch(flow_at(t, f->next));
    }
}

void flow_table_prefetch_next(struct flow_table *t, const struct flow_head *f)
{
    struct flow_list *l = &t->lists[f->class];
    unsigned steps = l->ahead < SCOUT_AHEAD ? 2 : 1;
    for (unsigned i = 0; i < steps; i++) {
        scout(t, l, f);
    }
    l->ahead -= l->ahead > 0;
}

/* ---- folding ---- */

/* One SYN, or the same again, of which nothing is odd. */
static bool is_plain_syn(const struct flow *f)
{
    const struct flow_half *h = &f->half[0];
    const struct flow_half *other = &f->half[1];
    tick_t since = f->head.touched - f->first;
    return f->head.class == FLOW_OPENING && (h->flags & HALF_SYN) &&
           !(h->flags & (HALF_FIN | HALF_ACKED)) && !other->flags &&
           !other->packets && h->packets >> PACKETS_BITS == 0 &&
           h->window_shift >> SHIFT_BITS == 0 && f->when_syn[0] == f->first &&
           f->frame_syn_delta[0] == 0 && f->frame_first >> FRAME_BITS == 0 &&
           f->source >> SOURCE_BITS == 0 && since >= 0 && since <= UINT32_MAX;
}

static unsigned store_for(const struct flow *f)
{
    return f->head.ip_version == 4 ? STORE_V4 : STORE_V6;
}

uint32_t flow_table_whole(const struct flow_table *t)
{
    return t->stores[STORE_WHOLE].used;
}

uint32_t flow_table_places(const struct flow_table *t)
{
    return t->stores[STORE_WHOLE].fresh;
}

static void prefetch_flow(const struct flow_table *t, uint32_t i)
{
    if (i != NIL) {
        __builtin_prefetch(flow_at(t, i));
    }
}

/* Starts loading what folding the flow that is some places ahead of `hand`
 * needs. */
static void look_ahead(const struct flow_table *t, uint32_t hand)
{
    uint32_t at = hand + AHEAD;
    if (at + AHEAD >= flow_table_places(t)) {
        return;
    }
    __builtin_prefetch(flow_at(t, at + AHEAD));
    const struct flow_head *f = flow_at(t, at);
    if (f->form == FLOW_WHOLE && !f->own) {
        __builtin_prefetch(&t->slots[f->hash & t->mask]);
        prefetch_flow(t, f->prev);
        prefetch_flow(t, f->next);
    }
}

struct flow *flow_table_idle(struct flow_table *t)
{
    if (t->hand >= flow_table_places(t)) {
        t->hand = 0;
    }
    if (flow_table_places(t) == 0) {
        return NULL;
    }
    look_ahead(t, t->hand);
    struct flow *f = (struct flow *)(void *)flow_at(t, t->hand++);
    if (f->head.form == FLOW_FREE) {
        return NULL;
    }
    bool recent = f->head.own;
    f->head.own = false;
    return recent ? NULL : f;
}

struct flow *flow_table_next(struct flow_table *t, uint32_t *at)
{
    while (*at < flow_table_places(t)) {
        look_ahead(t, *at);
        struct flow *f = whole_at(t, (*at)++);
        if (f->head.form != FLOW_FREE) {
            f->head.own = false;
            return f;
        }
    }
    return NULL;
}

bool flow_is_plain(const struct flow *f)
{
    return !f->session && (flow_is_over(&f->head) || is_plain_syn(f));
}

bool flow_table_can_fold(struct flow_table *t, const struct flow *f)
{
    bool known = f->head.proto == PROTO_TCP || f->head.proto == PROTO_UDP;
    return known && !f->conversation && !f->frames && has_room(t, store_for(f));
}

/* Puts the flow at index `to` in the place of the one at `from`, which is still
 * linked; their heads are the same. */
static void replace(struct flow_table *t, uint32_t from, uint32_t to)
{
    const struct flow_head *f = flow_at(t, from);
    t->slots[slot_of(t, f->hash, from)].index = to;
    list_relink(t, f, to, to);
    store_give(t, from);
}

static void fold_syn(const struct flow *f, struct folded *d)
{
    const struct flow_half *h = &f->half[0];
    d->lone = 1;
    d->u.origin = f->frame_first << SOURCE_BITS | f->source;
    d->since = (uint32_t)(f->head.touched - f->first);
    d->head.own = h->ttl_syn;
    d->mss = h->mss;
    d->checksum = (h->flags & HALF_CHECKSUM) != 0;
    d->timestamp = (h->flags & HALF_TIMESTAMP) != 0;
    d->signature = (h->flags & HALF_SIGNATURE) != 0;
    d->df = h->syn_df;
    d->shift = h->window_shift & ((1u << SHIFT_BITS) - 1);
    d->packets = h->packets & ((1u << PACKETS_BITS) - 1);
}

static void unfold_syn(const struct folded *d, struct flow *f)
{
    struct flow_half *h = &f->half[0];
    f->first = d->head.touched - (tick_t)d->since;
    f->frame_first = d->u.origin >> SOURCE_BITS;
    f->source = d->u.origin & ((1u << SOURCE_BITS) - 1);
    f->when_syn[0] = f->first;
    h->ttl_syn = d->head.own;
    h->mss = d->mss;
    h->flags |= d->checksum ? HALF_CHECKSUM : 0;
    h->flags |= d->timestamp ? HALF_TIMESTAMP : 0;
    h->flags |= d->signature ? HALF_SIGNATURE : 0;
    h->syn_df = d->df;
    h->window_shift = d->shift;
    h->packets = d->packets;
}

/* Copies of a known size make no calls, and no loops of the processor's own. */
static inline void copy_ip(uint8_t *to, const uint8_t *from, uint8_t ip_version)
{
    if (ip_version == 4) {
        memcpy(to, from, IP4_BYTES);
    } else {
        memcpy(to, from, IP6_BYTES);
    }
}

/* Fills a place with what is left of a flow. */
static void put_folded(const struct flow_table *t, uint32_t to,
                       const struct flow *f, void *session)
{
    struct folded *d = folded_of(flow_at(t, to));
    *d = (struct folded){.head = f->head,
                         .u.session = session,
                         .isn = f->half[0].isn,
                         .syn = (f->half[0].flags & HALF_SYN) != 0,
                         .port = {f->end[0].port, f->end[1].port}};
    d->head.form = FLOW_FOLDED;
    if (!session && !flow_is_over(&f->head)) {
        fold_syn(f, d);
    }
    uint8_t version = f->head.ip_version;
    copy_ip(d->ip, f->end[0].ip, version);
    copy_ip(d->ip + ip_bytes(version), f->end[1].ip, version);
}

void flow_table_fold(struct flow_table *t, struct flow *f, void *session)
{
    uint32_t from = flow_index(t, &f->head);
    uint32_t to = store_take(t, store_for(f));
    put_folded(t, to, f, session);
    replace(t, from, to);
}

/* Those that stay alone lie in the order in which they came, and so they are
 * given up: places between them are left to those that do not, unless these are
 * many. */
static uint32_t take_in_order(struct flow_table *t, unsigned which)
{
    const struct store *s = &t->stores[which];
    bool few = s->fresh - s->used < SLAB_FLOWS;
    return few && has_fresh(t, which) ? store_take_fresh(t, which)
                                      : store_take(t, which);
}

bool flow_table_add_folded(struct flow_table *t, const struct flow *f)
{
    unsigned which = store_for(f);
    if (!is_plain_syn(f) || !has_room_for_one(t, which)) {
        return false;
    }
    uint32_t i = take_in_order(t, which);
    put_folded(t, i, f, NULL);
    join(t, i);
    return true;
}

/* Fills in what a folded flow is when it is whole. */
static void make_whole(struct flow *f, const struct flow_head *head)
{
    const struct folded *d = folded_in(head);
    *f = (struct flow){.head = *head};
    f->head.form = FLOW_WHOLE;
    f->head.own = true;
    size_t n = ip_bytes(head->ip_version);
    for (unsigned i = 0; i < 2; i++) {
        f->end[i].port = d->port[i];
        copy_ip(f->end[i].ip, d->ip + i * n, head->ip_version);
    }
    f->half[0].isn = d->isn;
    f->half[0].flags = d->syn ? HALF_SYN : 0;
    if (d->lone) {
        unfold_syn(d, f);
    }
}

struct flow *flow_table_unfold(struct flow_table *t, struct flow_head *head)
{
    if (!has_room(t, STORE_WHOLE)) {
        return NULL;
    }
    uint32_t from = flow_index(t, head);
    uint32_t to = store_take(t, STORE_WHOLE);
    struct flow *f = (struct flow *)(void *)flow_at(t, to);
    make_whole(f, head);
    replace(t, from, to);
    return f;
}

void flow_table_take(struct flow_table *t, struct flow_head *head,
                     struct flow *out)
{
    make_whole(out, head);
    flow_table_remove(t, head);
}

void *flow_folded_session(const struct flow_head *f)
{
    const struct folded *d = folded_in(f);
    return f->form == FLOW_FOLDED && !d->lone ? d->u.session : NULL;
}

bool flow_is_lone_syn(const struct flow_head *f)
{
    return f->form == FLOW_FOLDED && folded_in(f)->lone;
}

tick_t flow_opened(const struct flow_head *f)
{
    const struct flow *whole = (const struct flow *)(const void *)f;
    return f->form == FLOW_WHOLE ? whole->first
           : flow_is_lone_syn(f) ? f->touched - (tick_t)folded_in(f)->since
                                 : f->touched;
}

bool flow_began_with(const struct flow_head *f, uint32_t isn)
{
    const struct flow *whole = (const struct flow *)(const void *)f;
    const struct folded *d = folded_in(f);
    return f->form == FLOW_WHOLE
               ? (whole->half[0].flags & HALF_SYN) && whole->half[0].isn == isn
               : d->syn && d->isn == isn;
}

uint32_t flow_table_count(const struct flow_table *t)
{
    return t->used;
}

size_t flow_table_bytes(const struct flow_table *t)
{
    return t->bytes;
}

uint32_t flow_table_room(size_t bytes)
{
    /* Slots are three quarters full at most, three eighths after they grew. */
    size_t one =
        sizeof(struct folded) + 2 * IP6_BYTES + sizeof(struct slot) * 8 / 3;
    size_t n = bytes / one;
    return n > UINT32_MAX ? UINT32_MAX : n ? (uint32_t)n : 1;
}

bool flow_table_full(const struct flow_table *t)
{
    return t->used >= t->max_flows;
}

void flow_swap(struct flow *f)
{
    struct endpoint e = f->end[0];
    f->end[0] = f->end[1];
    f->end[1] = e;
    struct flow_half h = f->half[0];
    f->half[0] = f->half[1];
    f->half[1] = h;
    tick_t w = f->when_syn[0];
    f->when_syn[0] = f->when_syn[1];
    f->when_syn[1] = w;
    uint32_t d = f->frame_syn_delta[0];
    f->frame_syn_delta[0] = f->frame_syn_delta[1];
    f->frame_syn_delta[1] = d;
}
