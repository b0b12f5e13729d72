/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's thread decodes and copies each packet into a batch for the
 * worker that has its connection; batches travel through rings with one
 * producer and one consumer. Batches of all workers are sent together, so that
 * none falls behind in time, and what they conclude is merged by src/outbox.c.
 *
 * Which worker: by a seeded hash of both ends, the same for both directions.
 * The packet was decoded before, so these are the innermost addresses of a
 * tunnel, and fragments are whole again; an ICMP error goes where the packet
 * goes that it quotes.
 */
#include "shards.h"

#include "base/hash.h"
#include "dissectors/x509_cache.h"
#include "outbox.h"
#include "verdicts.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BATCHES     4u
#define BATCH_ITEMS 512u
#define BATCH_BYTES (192u * 1024)
#define AHEAD       6u /* flows are loaded that many packets before */

enum work { WORK_PACKET, WORK_TIMERS, WORK_KEEP, WORK_END };

struct item {
    enum work work;
    struct tracker_now now;
    struct packet packet;
    struct frame frame; /* set when frames are kept */
};

struct batch {
    unsigned n;
    size_t used, size;
    uint8_t *bytes; /* payloads, frames */
    struct item items[BATCH_ITEMS];
};

struct worker {
    struct shards *shards;
    unsigned index;
    pthread_t thread;
    bool started;
    struct tracker *tracker;
    struct cert_cache *certs;
    struct batch *batches[BATCHES];
    uint32_t tail;         /* batches sent; the caller's */
    _Atomic uint32_t head; /* batches worked off */
    sem_t filled;
    _Atomic uint64_t flows, flows_evicted, flows_open, refused, unanswered,
        unused;
    atomic_size_t bytes;
};

struct shards {
    struct shards_options o;
    struct hash_seed seed;
    struct outbox *outbox;
    atomic_bool quit;
    unsigned n;
    struct worker workers[];
};

/* ---- in a worker's thread ---- */

static void on_handshake(void *ctx, struct handshake *hs,
                         const struct tracker_order *at)
{
    const struct worker *w = ctx;
    verdicts_prepare(hs, w->shards->o.all, w->certs);
    outbox_put(w->shards->outbox, w->index, hs, at);
}

static void do_item(struct worker *w, const struct item *i)
{
    struct tracker_now now = i->now;
    switch (i->work) {
    case WORK_PACKET:
        now.frame = &i->frame;
        tracker_packet(w->tracker, &i->packet, &now);
        break;
    case WORK_TIMERS:
        tracker_timers(w->tracker, &now);
        break;
    case WORK_KEEP:
        tracker_keep(w->tracker, &i->packet, &now);
        break;
    case WORK_END:
        tracker_end(w->tracker, &now);
        break;
    }
}

static void do_batch(struct worker *w, struct batch *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        if (i + AHEAD < b->n && b->items[i + AHEAD].work == WORK_PACKET) {
            tracker_prefetch(w->tracker, &b->items[i + AHEAD].packet);
        }
        do_item(w, &b->items[i]);
    }
}

static void publish_counters(struct worker *w)
{
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    atomic_store_explicit(&w->flows, c.flows, memory_order_relaxed);
    atomic_store_explicit(&w->flows_evicted, c.flows_evicted,
                          memory_order_relaxed);
    atomic_store_explicit(&w->refused, c.refused, memory_order_relaxed);
    atomic_store_explicit(&w->unanswered, c.unanswered, memory_order_relaxed);
    atomic_store_explicit(&w->unused, c.unused, memory_order_relaxed);
    atomic_store_explicit(&w->flows_open, c.flows_open, memory_order_relaxed);
    atomic_store_explicit(&w->bytes, tracker_bytes(w->tracker),
                          memory_order_relaxed);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    for (uint32_t at = 0;; at++) {
        while (sem_wait(&w->filled) != 0 && errno == EINTR) {
        }
        if (atomic_load_explicit(&w->shards->quit, memory_order_acquire)) {
            return NULL;
        }
        struct batch *b = w->batches[at % BATCHES];
        uint64_t step = b->items[b->n - 1].now.step;
        do_batch(w, b);
        b->n = 0;
        b->used = 0;
        publish_counters(w);
        atomic_store_explicit(&w->head, at + 1, memory_order_release);
        outbox_through(w->shards->outbox, w->index, step);
    }
}

/* ---- sending ---- */

static void drain(struct shards *s)
{
    outbox_drain(s->outbox, false, s->o.done, s->o.ctx);
}

/* The batch that is being filled for a worker; waits until there is one. */
static struct batch *batch_of(struct shards *s, struct worker *w)
{
    while (w->tail - atomic_load_explicit(&w->head, memory_order_acquire) ==
           BATCHES) {
        drain(s);
        if (w->tail - atomic_load_explicit(&w->head, memory_order_acquire) <
            BATCHES) {
            break;
        }
        outbox_wait(s->outbox);
    }
    return w->batches[w->tail % BATCHES];
}

static void send_batch(struct shards *s, struct worker *w)
{
    struct batch *b = batch_of(s, w);
    if (b->n) {
        outbox_expect(s->outbox, w->index, b->items[b->n - 1].now.step);
        w->tail++;
        sem_post(&w->filled);
    }
}

static void send_all(struct shards *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        send_batch(s, &s->workers[i]);
    }
    drain(s);
}

/* A place for a packet with n bytes beside it. */
static struct item *item_for(struct shards *s, struct worker *w, size_t n)
{
    struct batch *b = batch_of(s, w);
    if (b->n == BATCH_ITEMS || (b->n && b->used + n > b->size)) {
        send_all(s);
        b = batch_of(s, w);
    }
    if (n > b->size) {
        uint8_t *bytes = realloc(b->bytes, n);
        if (bytes) {
            b->bytes = bytes;
            b->size = n;
        }
    }
    return &b->items[b->n++];
}

static void for_all(struct shards *s, enum work work,
                    const struct tracker_now *now)
{
    for (unsigned i = 0; i < s->n; i++) {
        struct item *item = item_for(s, &s->workers[i], 0);
        item->work = work;
        item->now = *now;
    }
}

/* A copy of bytes in the batch; where memory ran out, of the first ones. */
static struct span copy(struct batch *b, struct span bytes)
{
    struct span part = span_sub(bytes, 0, b->size - b->used);
    uint8_t *to = b->bytes + b->used;
    if (part.n) {
        memcpy(to, part.p, part.n);
        b->used += part.n;
    }
    return span_of(to, part.n);
}

/* A copy of the payload, and of the header in front of it. */
static void copy_payload(struct batch *b, struct packet *to,
                         const struct packet *k)
{
    size_t header = k->header_bytes;
    struct span whole = k->payload;
    if (header) {
        whole = span_of(k->payload.p - header, header + k->payload.n);
    }
    struct span part = copy(b, whole);
    to->header_bytes = part.n < header ? 0 : k->header_bytes;
    to->payload = span_sub(part, header, SIZE_MAX);
}

/* ---- which worker ---- */

static inline uint64_t end_hash(const struct shards *s,
                                const struct endpoint *e)
{
    uint64_t ip[2];
    memcpy(ip, e->ip, sizeof ip);
    return hash_fold(ip[0] ^ s->seed.k0, ip[1] ^ (uint64_t)e->port << 32 ^
                                             UINT64_C(0xe7037ed1a0b428db) ^
                                             s->seed.k1);
}

static struct worker *worker_of(struct shards *s, const struct packet *k)
{
    struct packet quoted;
    if (k->proto == PROTO_ICMP || k->proto == PROTO_ICMPV6) {
        if (!decoder_quoted(k, &quoted)) {
            return NULL;
        }
        k = &quoted;
    }
    uint64_t h = hash_fold(end_hash(s, &k->src) + end_hash(s, &k->dst),
                           UINT64_C(0xa0761d6478bd642f) ^ s->seed.k0);
    return &s->workers[((h >> 32) * s->n) >> 32];
}

/* ---- the face of a tracker ---- */

void shards_packet(struct shards *s, const struct packet *k,
                   const struct tracker_now *now)
{
    struct worker *w = worker_of(s, k);
    bool keep = s->o.tracker.keep_frames;
    if (!w) {
        return;
    }
    struct item *i = item_for(
        s, w, k->header_bytes + k->payload.n + (keep ? now->frame->data.n : 0));
    struct batch *b = batch_of(s, w);
    i->work = WORK_PACKET;
    i->now = *now;
    i->packet = *k;
    copy_payload(b, &i->packet, k);
    if (keep) {
        i->frame = *now->frame;
        i->frame.data = copy(b, now->frame->data);
    }
}

void shards_timers(struct shards *s, const struct tracker_now *now)
{
    for_all(s, WORK_TIMERS, now);
    if (s->o.tracker.live) {
        send_all(s);
    }
}

void shards_keep(struct shards *s, const struct packet *k,
                 const struct tracker_now *now)
{
    struct worker *w = worker_of(s, k);
    if (w) {
        struct item *i = item_for(s, w, 0);
        i->work = WORK_KEEP;
        i->now = *now;
        i->packet = *k;
    }
}

static bool is_settled(const struct shards *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (!outbox_is_through(s->outbox, i)) {
            return false;
        }
    }
    return true;
}

void shards_settle(struct shards *s)
{
    send_all(s);
    while (!is_settled(s)) {
        outbox_wait(s->outbox);
        drain(s);
    }
    drain(s);
}

void shards_end(struct shards *s, const struct tracker_now *now)
{
    for_all(s, WORK_END, now);
    shards_settle(s);
}

size_t shards_bytes(const struct shards *s)
{
    size_t n = 0;
    for (unsigned i = 0; i < s->n; i++) {
        n += atomic_load_explicit(&s->workers[i].bytes, memory_order_relaxed);
    }
    return n;
}

void shards_counters(const struct shards *s, struct tracker_counters *out)
{
    *out = (struct tracker_counters){0};
    for (unsigned i = 0; i < s->n; i++) {
        const struct worker *w = &s->workers[i];
        out->flows += atomic_load_explicit(&w->flows, memory_order_relaxed);
        out->flows_evicted +=
            atomic_load_explicit(&w->flows_evicted, memory_order_relaxed);
        out->refused += atomic_load_explicit(&w->refused, memory_order_relaxed);
        out->unanswered +=
            atomic_load_explicit(&w->unanswered, memory_order_relaxed);
        out->unused += atomic_load_explicit(&w->unused, memory_order_relaxed);
        out->flows_open +=
            atomic_load_explicit(&w->flows_open, memory_order_relaxed);
    }
}

void shards_decrypted(const struct shards *s, struct tls_decrypt_stats *out)
{
    *out = (struct tls_decrypt_stats){0};
    for (unsigned i = 0; i < s->n; i++) {
        tls_decrypt_add(out, tracker_decrypted(s->workers[i].tracker));
    }
}

/* ---- life ---- */

static bool worker_init(struct shards *s, struct worker *w)
{
    struct tracker_options to = s->o.tracker;
    to.max_flows = (to.max_flows + s->n - 1) / s->n;
    to.max_memory_bytes /= s->n;
    to.done = on_handshake;
    to.elsewhere_bytes = NULL;
    to.relieve = NULL;
    to.ignored = NULL; /* it would be called in the worker's thread */
    to.ctx = w;
    w->shards = s;
    w->index = (unsigned)(w - s->workers);
    sem_init(&w->filled, 0, 0);
    w->certs = cert_cache_new();
    w->tracker = tracker_new(&to);
    for (unsigned i = 0; w->tracker && i < BATCHES; i++) {
        struct batch *b = malloc(sizeof *b);
        w->batches[i] = b;
        if (!b) {
            return false;
        }
        b->n = 0;
        b->used = 0;
        b->size = BATCH_BYTES;
        b->bytes = malloc(BATCH_BYTES);
        if (!b->bytes) {
            return false;
        }
    }
    return w->tracker != NULL;
}

/* Signals are the caller's business. */
static bool start_all(struct shards *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool good = true;
    for (unsigned i = 0; good && i < s->n; i++) {
        struct worker *w = &s->workers[i];
        good = pthread_create(&w->thread, NULL, work, w) == 0;
        w->started = good;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

struct shards *shards_new(const struct shards_options *o)
{
    struct shards *s = calloc(1, sizeof *s + o->n * sizeof s->workers[0]);
    if (!s) {
        return NULL;
    }
    s->o = *o;
    s->n = o->n;
    s->seed = hash_seed_random();
    s->outbox = outbox_new(o->n);
    bool good = s->outbox != NULL;
    for (unsigned i = 0; i < s->n; i++) {
        good = worker_init(s, &s->workers[i]) && good;
    }
    if (!good || !start_all(s)) {
        shards_free(s);
        return NULL;
    }
    return s;
}

static void stop_all(struct shards *s)
{
    atomic_store_explicit(&s->quit, true, memory_order_release);
    if (s->outbox) {
        outbox_close(s->outbox);
    }
    for (unsigned i = 0; i < s->n; i++) {
        struct worker *w = &s->workers[i];
        if (w->started) {
            sem_post(&w->filled);
            pthread_join(w->thread, NULL);
        }
    }
}

void shards_free(struct shards *s)
{
    if (!s) {
        return;
    }
    stop_all(s);
    outbox_free(s->outbox);
    for (unsigned i = 0; i < s->n; i++) {
        struct worker *w = &s->workers[i];
        tracker_free(w->tracker);
        cert_cache_free(w->certs);
        for (unsigned k = 0; k < BATCHES; k++) {
            free(w->batches[k] ? w->batches[k]->bytes : NULL);
            free(w->batches[k]);
        }
        sem_destroy(&w->filled);
    }
    free(s);
}
