/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes are rings of chunks. The producer fills a chunk, publishes it by
 * raising `tail`, and waits on `room` for one that the consumer has gone
 * through; it frees then what the consumer left there, so that a tracker's
 * memory returns to the pool it came from. `news` wakes the consumer.
 */
#include "outbox.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CHUNK_ITEMS 32u
#define CHUNKS      4u

struct item {
    struct tracker_order at;
    bool taken; /* the handshake was moved away */
    struct handshake hs;
};

struct chunk {
    unsigned n;
    struct item items[CHUNK_ITEMS];
};

struct lane {
    /* the producer's */
    bool filling; /* chunks[tail % CHUNKS] is being filled */
    /* shared */
    sem_t room;
    _Atomic uint32_t tail;    /* chunks that were published */
    _Atomic uint64_t through; /* a step */
    /* the consumer's */
    uint64_t expected; /* a step */
    uint32_t head;     /* chunks that were gone through */
    unsigned next;     /* item in the chunk at head */
    struct chunk chunks[CHUNKS];
};

struct outbox {
    sem_t news;
    atomic_bool closed;
    unsigned lanes_n;
    struct lane lanes[];
};

static void wait_for(sem_t *s)
{
    while (sem_wait(s) != 0 && errno == EINTR) {
    }
}

/* ---- producers ---- */

static void chunk_clear(struct chunk *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (!c->items[i].taken) {
            hs_free(&c->items[i].hs);
        }
    }
    c->n = 0;
}

static void publish(struct outbox *o, struct lane *l)
{
    l->filling = false;
    atomic_fetch_add_explicit(&l->tail, 1, memory_order_release);
    sem_post(&o->news);
}

static struct chunk *chunk_to_fill(struct lane *l)
{
    uint32_t tail = atomic_load_explicit(&l->tail, memory_order_relaxed);
    struct chunk *c = &l->chunks[tail % CHUNKS];
    if (!l->filling) {
        wait_for(&l->room);
        chunk_clear(c);
        l->filling = true;
    }
    return c;
}

void outbox_put(struct outbox *o, unsigned lane, const struct handshake *hs,
                const struct tracker_order *at)
{
    struct lane *l = &o->lanes[lane];
    struct chunk *c = NULL;
    if (!atomic_load_explicit(&o->closed, memory_order_acquire)) {
        c = chunk_to_fill(l);
    }
    if (!c || atomic_load_explicit(&o->closed, memory_order_acquire)) {
        struct handshake gone = *hs;
        hs_free(&gone);
        return;
    }
    struct item *i = &c->items[c->n++];
    i->at = *at;
    i->taken = false;
    i->hs = *hs;
    if (c->n == CHUNK_ITEMS) {
        publish(o, l);
    }
}

void outbox_through(struct outbox *o, unsigned lane, uint64_t step)
{
    struct lane *l = &o->lanes[lane];
    uint32_t tail = atomic_load_explicit(&l->tail, memory_order_relaxed);
    if (l->filling && l->chunks[tail % CHUNKS].n) {
        publish(o, l);
    }
    atomic_store_explicit(&l->through, step, memory_order_release);
    sem_post(&o->news);
}

/* ---- the consumer ---- */

void outbox_expect(struct outbox *o, unsigned lane, uint64_t step)
{
    o->lanes[lane].expected = step;
}

bool outbox_is_through(const struct outbox *o, unsigned lane)
{
    const struct lane *l = &o->lanes[lane];
    return atomic_load_explicit(&l->through, memory_order_acquire) ==
           l->expected;
}

/* The oldest that was put into a lane, or NULL. */
static struct item *head_of(struct lane *l)
{
    uint32_t tail = atomic_load_explicit(&l->tail, memory_order_acquire);
    return tail == l->head ? NULL : &l->chunks[l->head % CHUNKS].items[l->next];
}

static void step_over(struct lane *l)
{
    if (++l->next == l->chunks[l->head % CHUNKS].n) {
        l->next = 0;
        l->head++;
        sem_post(&l->room);
    }
}

/* Modulo 2^32, touches of the same time are not that far apart. */
static bool is_before(const struct tracker_order *a,
                      const struct tracker_order *b)
{
    if (a->step != b->step) {
        return a->step < b->step;
    }
    if (a->class != b->class) {
        return a->class < b->class;
    }
    if (a->touched != b->touched) {
        return a->touched < b->touched;
    }
    return (int32_t)(a->touch - b->touch) < 0;
}

/* The item that is next, and its lane. NULL when none is there, or an earlier
 * one may still come. */
static struct item *next_item(struct outbox *o, bool any_order,
                              struct lane **lane)
{
    struct item *first = NULL;
    uint64_t complete = UINT64_MAX; /* the step up to which all is there */
    for (unsigned i = 0; i < o->lanes_n; i++) {
        struct lane *l = &o->lanes[i];
        /* In this order: what was put before it is then seen. */
        uint64_t through =
            atomic_load_explicit(&l->through, memory_order_acquire);
        struct item *head = head_of(l);
        if (head && (!first || is_before(&head->at, &first->at))) {
            first = head;
            *lane = l;
        } else if (!head && through != l->expected && through < complete) {
            complete = through;
        }
    }
    return first && (any_order || first->at.step <= complete) ? first : NULL;
}

size_t outbox_drain(struct outbox *o, bool any_order,
                    bool (*take)(void *ctx, struct handshake *hs), void *ctx)
{
    size_t n = 0;
    struct lane *l = NULL;
    struct item *i;
    while ((i = next_item(o, any_order, &l))) {
        /* The pool belongs to the producer's thread. */
        struct arena_pool *pool = i->hs.arena.pool;
        i->hs.arena.pool = NULL;
        i->taken = take(ctx, &i->hs);
        i->hs.arena.pool = pool;
        step_over(l);
        n++;
    }
    return n;
}

void outbox_wait(struct outbox *o)
{
    if (sem_wait(&o->news) == 0) {
        while (sem_trywait(&o->news) == 0) {
        }
    }
}

void outbox_close(struct outbox *o)
{
    atomic_store_explicit(&o->closed, true, memory_order_release);
    for (unsigned i = 0; i < o->lanes_n; i++) {
        sem_post(&o->lanes[i].room);
    }
}

/* ---- life ---- */

struct outbox *outbox_new(unsigned lanes)
{
    struct outbox *o = calloc(1, sizeof *o + lanes * sizeof o->lanes[0]);
    if (!o) {
        return NULL;
    }
    sem_init(&o->news, 0, 0);
    o->lanes_n = lanes;
    for (unsigned i = 0; i < lanes; i++) {
        sem_init(&o->lanes[i].room, 0, CHUNKS);
    }
    return o;
}

void outbox_free(struct outbox *o)
{
    if (!o) {
        return;
    }
    for (unsigned i = 0; i < o->lanes_n; i++) {
        struct lane *l = &o->lanes[i];
        for (unsigned k = 0; k < CHUNKS; k++) {
            chunk_clear(&l->chunks[k]);
        }
        sem_destroy(&l->room);
    }
    sem_destroy(&o->news);
    free(o);
}
