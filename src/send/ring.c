/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places count all bytes ever written; the place in memory is the rest of what
 * came since `base`. An entry never wraps: a head with another mark says that
 * the rest of this lap is empty. When nothing waits the writer begins at the
 * front again, so that a queue that is mostly empty takes little memory; the
 * reader learns the new base with the first entry behind it.
 */
#include "config.h"

#include "send/ring.h"

#include "base/limits.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RING_BYTES LIMIT_SEND_QUEUE_BYTES
#define SKIP_MARK  0x534b4950u
#define LOOK_BYTES ((size_t)1 << 20) /* written between looks at the reader */
#define LINE_BYTES 64

_Static_assert(RING_BYTES % ENTRY_ALIGN == 0, "a head fits before the end");

/* What both write to lies on lines of its own. */
struct shared {
    _Alignas(LINE_BYTES) _Atomic uint64_t written;
    _Atomic uint64_t base;
    _Atomic uint32_t waits; /* the writer, for room */
    _Atomic uint32_t goodbye;
    _Alignas(LINE_BYTES) _Atomic uint64_t taken;
    _Atomic uint32_t sleeps; /* the reader */
    _Alignas(LINE_BYTES) char data[];
};

struct ring {
    struct shared *s;
    uint64_t put_at, put_base;   /* the writer's place */
    uint64_t seen;               /* its last look at the reader's */
    uint64_t take_at, take_base; /* the reader's place */
};

struct ring *ring_new(void)
{
    struct ring *r = calloc(1, sizeof *r);
    void *p = r ? mmap(NULL, sizeof(struct shared) + RING_BYTES,
                       PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                : MAP_FAILED;
    if (p == MAP_FAILED) {
        free(r);
        return NULL;
    }
    r->s = p;
    return r;
}

void ring_free(struct ring *r)
{
    if (r) {
        munmap(r->s, sizeof(struct shared) + RING_BYTES);
        free(r);
    }
}

void ring_hide(struct ring *r)
{
    madvise(r->s, sizeof(struct shared) + RING_BYTES, MADV_DONTFORK);
}

static size_t offset(uint64_t at, uint64_t base)
{
    return (size_t)((at - base) % RING_BYTES);
}

/* ---- the writer ---- */

static size_t put_left(const struct ring *r)
{
    return RING_BYTES - offset(r->put_at, r->put_base);
}

static char *put_place(const struct ring *r)
{
    return r->s->data + offset(r->put_at, r->put_base);
}

static void look(struct ring *r)
{
    uint64_t taken = atomic_load_explicit(&r->s->taken, memory_order_acquire);
    if (taken >= r->seen && taken <= r->put_at) {
        r->seen = taken;
    }
}

/* With the end of the lap where it does not fit there. */
static size_t need(const struct ring *r, size_t bytes)
{
    return bytes > put_left(r) ? bytes + put_left(r) : bytes;
}

static bool fits(struct ring *r, size_t bytes)
{
    size_t n = need(r, bytes);
    if (n > RING_BYTES - (size_t)(r->put_at - r->seen)) {
        look(r);
    }
    return n <= RING_BYTES - (size_t)(r->put_at - r->seen);
}

static void skip(struct ring *r)
{
    const struct entry e = {.mark = SKIP_MARK};
    memcpy(put_place(r), &e, sizeof e);
    r->put_at += put_left(r);
}

static struct entry head_of(size_t key_n, size_t record_n)
{
    return (struct entry){.mark = ENTRY_MARK,
                          .key_n = (uint32_t)key_n,
                          .record_n = (uint32_t)record_n};
}

bool ring_has_room(struct ring *r, size_t key_n, size_t record_n)
{
    const struct entry e = head_of(key_n, record_n);
    return fits(r, entry_bytes(&e));
}

bool ring_put(struct ring *r, struct span key, struct span record)
{
    const struct entry e = head_of(key.n, record.n);
    size_t n = entry_bytes(&e);
    if (r->put_at - r->seen > LOOK_BYTES) {
        look(r);
        if (r->seen == r->put_at) {
            r->put_base = r->put_at;
            atomic_store_explicit(&r->s->base, r->put_base,
                                  memory_order_relaxed);
        }
    }
    if (!fits(r, n)) {
        return false;
    }
    if (n > put_left(r)) {
        skip(r);
    }
    char *p = put_place(r);
    memset(p + n - ENTRY_ALIGN, 0, ENTRY_ALIGN); /* of another lap */
    memcpy(p, &e, sizeof e);
    memcpy(p + sizeof e, key.p, key.n);
    memcpy(p + sizeof e + key.n, record.p, record.n);
    r->put_at += n;
    atomic_store_explicit(&r->s->written, r->put_at, memory_order_release);
    return true;
}

size_t ring_filled(struct ring *r)
{
    look(r);
    return (size_t)(r->put_at - r->seen);
}

/* Against a reader that looks once more and then sleeps: one of both sees what
 * the other did. */
bool ring_wants_bell(struct ring *r)
{
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(&r->s->sleeps, memory_order_relaxed) &&
           atomic_exchange(&r->s->sleeps, 0);
}

void ring_wait(struct ring *r)
{
    atomic_store(&r->s->waits, 1);
}

void ring_say_goodbye(struct ring *r, uint32_t ms)
{
    atomic_store_explicit(&r->s->goodbye, ms, memory_order_release);
}

/* ---- the reader ---- */

static size_t take_left(const struct ring *r)
{
    return RING_BYTES - offset(r->take_at, r->take_base);
}

size_t ring_waiting(const struct ring *r)
{
    return (size_t)(atomic_load_explicit(&r->s->written, memory_order_acquire) -
                    r->take_at);
}

bool ring_first(struct ring *r, struct entry *head, char **p, bool *lies)
{
    size_t n = ring_waiting(r);
    uint64_t base = atomic_load_explicit(&r->s->base, memory_order_relaxed);
    *lies = n > RING_BYTES || n % ENTRY_ALIGN || base % ENTRY_ALIGN;
    if (n > 0 && !*lies) {
        r->take_base = base;
    }
    while (n > 0 && !*lies) {
        *p = r->s->data + offset(r->take_at, base);
        memcpy(head, *p, sizeof *head);
        size_t most = n < take_left(r) ? n : take_left(r);
        if (head->mark == SKIP_MARK && n >= take_left(r)) {
            n -= take_left(r);
            ring_take(r, take_left(r));
        } else if (entry_is_plausible(head) && entry_bytes(head) <= most) {
            return true;
        } else {
            *lies = true;
        }
    }
    return false;
}

size_t ring_run(struct ring *r)
{
    size_t n = ring_waiting(r);
    return n < take_left(r) ? n : take_left(r);
}

void ring_take(struct ring *r, size_t n)
{
    r->take_at += n;
    atomic_store_explicit(&r->s->taken, r->take_at, memory_order_release);
}

bool ring_sleep(struct ring *r)
{
    atomic_store(&r->s->sleeps, 1);
    atomic_thread_fence(memory_order_seq_cst);
    if (ring_waiting(r) == 0) {
        return true;
    }
    ring_wake(r);
    return false;
}

void ring_wake(struct ring *r)
{
    atomic_store(&r->s->sleeps, 0);
}

bool ring_is_waited_for(struct ring *r)
{
    return atomic_load_explicit(&r->s->waits, memory_order_relaxed) &&
           ring_waiting(r) <= RING_BYTES / 2 &&
           atomic_exchange(&r->s->waits, 0);
}

uint32_t ring_goodbye(const struct ring *r)
{
    return atomic_load_explicit(&r->s->goodbye, memory_order_acquire);
}
