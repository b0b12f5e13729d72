/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection table: open addressing over 8-byte slots (tag and index), flow
 * lines in slabs, one age-ordered list per class. The hash is seeded, so that
 * nobody outside can choose colliding connections.
 */
#include "flow/flow.h"

#include "base/hash.h"

#include <stdlib.h>

#define NIL         UINT32_MAX
#define SLAB_SHIFT  12u
#define SLAB_FLOWS  (1u << SLAB_SHIFT)
#define SLOTS_FIRST (1u << 13)

struct slot {
    uint32_t tag; /* 0: free */
    uint32_t index;
};

struct flow_list {
    uint32_t head, tail;
};

struct flow_table {
    struct slot *slots;
    uint32_t mask;
    uint32_t used;
    uint32_t max_flows;
    struct flow **slabs;
    uint32_t slabs_n, slabs_size;
    uint32_t free_head; /* chained by flow.next */
    struct flow_list lists[FLOW_CLASS_COUNT];
    uint64_t seed[2];
};

static struct flow *flow_at(const struct flow_table *t, uint32_t i)
{
    return &t->slabs[i >> SLAB_SHIFT][i & (SLAB_FLOWS - 1)];
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
    t->free_head = NIL;
    for (unsigned i = 0; i < FLOW_CLASS_COUNT; i++) {
        t->lists[i] = (struct flow_list){NIL, NIL};
    }
    t->slots = calloc(SLOTS_FIRST, sizeof *t->slots);
    if (!t->slots) {
        free(t);
        return NULL;
    }
    return t;
}

void flow_table_free(struct flow_table *t)
{
    if (!t) {
        return;
    }
    for (uint32_t i = 0; i < t->slabs_n; i++) {
        free(t->slabs[i]);
    }
    free(t->slabs);
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

struct flow *flow_table_find(struct flow_table *t, const struct packet *p,
                             unsigned *dir)
{
    uint32_t tag = hash_of(t, p);
    for (uint32_t i = tag & t->mask; t->slots[i].tag; i = (i + 1) & t->mask) {
        if (t->slots[i].tag != tag) {
            continue;
        }
        struct flow *f = flow_at(t, t->slots[i].index);
        if (f->ip_version != p->ip_version || f->proto != p->proto ||
            f->conversation != p->conversation) {
            continue;
        }
        if (end_eq(&f->end[0], &p->src) && end_eq(&f->end[1], &p->dst)) {
            *dir = 0;
            return f;
        }
        if (end_eq(&f->end[1], &p->src) && end_eq(&f->end[0], &p->dst)) {
            *dir = 1;
            return f;
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
    struct slot *fresh = calloc((size_t)old_n * 2, sizeof *fresh);
    if (!fresh) {
        return false;
    }
    t->slots = fresh;
    t->mask = old_n * 2 - 1;
    for (uint32_t i = 0; i < old_n; i++) {
        if (old[i].tag) {
            slot_put(t, old[i].tag, old[i].index);
        }
    }
    free(old);
    return true;
}

static bool slab_add(struct flow_table *t)
{
    if (t->slabs_n == t->slabs_size) {
        uint32_t size = t->slabs_size ? t->slabs_size * 2 : 16;
        struct flow **v = realloc(t->slabs, size * sizeof *v);
        if (!v) {
            return false;
        }
        t->slabs = v;
        t->slabs_size = size;
    }
    struct flow *slab = malloc(SLAB_FLOWS * sizeof *slab);
    if (!slab) {
        return false;
    }
    uint32_t base = t->slabs_n << SLAB_SHIFT;
    for (uint32_t i = SLAB_FLOWS; i-- > 0;) {
        slab[i].in_use = false;
        slab[i].next = t->free_head;
        t->free_head = base + i;
    }
    t->slabs[t->slabs_n++] = slab;
    return true;
}

static void list_append(struct flow_table *t, enum flow_class c, uint32_t i)
{
    struct flow *f = flow_at(t, i);
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

static void list_unlink(struct flow_table *t, const struct flow *f)
{
    struct flow_list *l = &t->lists[f->class];
    if (f->prev == NIL) {
        l->head = f->next;
    } else {
        flow_at(t, f->prev)->next = f->next;
    }
    if (f->next == NIL) {
        l->tail = f->prev;
    } else {
        flow_at(t, f->next)->prev = f->prev;
    }
}

/* The index of a flow: its predecessor or its list names it. */
static uint32_t flow_index(const struct flow_table *t, const struct flow *f)
{
    return f->prev == NIL ? t->lists[f->class].head : flow_at(t, f->prev)->next;
}

struct flow *flow_table_add(struct flow_table *t, const struct packet *p)
{
    if (t->used >= t->max_flows) {
        return NULL;
    }
    if (t->free_head == NIL && !slab_add(t)) {
        return NULL;
    }
    if ((uint64_t)t->used * 4 >= (uint64_t)(t->mask + 1) * 3 &&
        !slots_grow(t)) {
        return NULL;
    }
    uint32_t i = t->free_head;
    struct flow *f = flow_at(t, i);
    t->free_head = f->next;
    *f = (struct flow){.end = {p->src, p->dst},
                       .touched = p->when,
                       .first = p->when,
                       .frame_first = p->frame,
                       .hash = hash_of(t, p),
                       .vlan = p->vlan,
                       .ip_version = p->ip_version,
                       .conversation = p->conversation,
                       .proto = p->proto,
                       .in_use = true};
    slot_put(t, f->hash, i);
    t->used++;
    list_append(t, FLOW_OPENING, i);
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

void flow_table_remove(struct flow_table *t, struct flow *f)
{
    uint32_t index = flow_index(t, f);
    uint32_t i = f->hash & t->mask;
    while (t->slots[i].tag &&
           (t->slots[i].tag != f->hash || t->slots[i].index != index)) {
        i = (i + 1) & t->mask;
    }
    if (t->slots[i].tag) {
        slot_remove(t, i);
    }
    list_unlink(t, f);
    f->in_use = false;
    f->next = t->free_head;
    t->free_head = index;
    t->used--;
}

void flow_table_touch(struct flow_table *t, struct flow *f,
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

struct flow *flow_table_oldest(struct flow_table *t, enum flow_class class)
{
    uint32_t i = t->lists[class].head;
    return i == NIL ? NULL : flow_at(t, i);
}

uint32_t flow_table_count(const struct flow_table *t)
{
    return t->used;
}

size_t flow_table_bytes(const struct flow_table *t)
{
    return (size_t)t->slabs_n * SLAB_FLOWS * sizeof(struct flow) +
           ((size_t)t->mask + 1) * sizeof(struct slot);
}

uint32_t flow_table_room(size_t bytes)
{
    /* Slots are three quarters full at most, three eighths after they grew. */
    size_t n = bytes / (sizeof(struct flow) + sizeof(struct slot) * 8 / 3);
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
