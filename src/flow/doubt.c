/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/doubt.h"

#include "base/limits.h"

#include <stdlib.h>

static bool is_settled(const struct doubted *x)
{
    return x->taken || x->beaten || x->moot;
}

static bool has_room(const struct doubts *d, size_t n)
{
    return d->n == 0 || (d->n < LIMIT_DOUBTED_SEGMENTS &&
                         d->bytes + n <= LIMIT_DOUBTED_BYTES);
}

/* Room for n bytes, at the cost of what is settled. */
static bool make_room(struct doubts *d, size_t n)
{
    struct doubted **at = &d->list;
    while (*at && !has_room(d, n)) {
        struct doubted *x = *at;
        if (!is_settled(x)) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        d->n--;
        d->bytes -= x->n;
        free(x);
    }
    return has_room(d, n);
}

static void refuse(struct doubts *d, uint32_t end)
{
    if (!d->refused || (int32_t)(end - d->refused_end) > 0) {
        d->refused_end = end;
    }
    d->refused = true;
}

struct doubted *doubts_hold(struct doubts *d, const struct packet *p,
                            uint16_t odd)
{
    struct doubted *x =
        make_room(d, p->payload.n) ? malloc(sizeof *x + p->payload.n) : NULL;
    if (!x) {
        refuse(d, p->seq + p->payload_wire_bytes);
        return NULL;
    }
    *x = (struct doubted){.at = {p->when, p->frame},
                          .seq = p->seq,
                          .n = (uint32_t)p->payload.n,
                          .wire = p->payload_wire_bytes,
                          .odd = odd,
                          .ttl = p->ttl,
                          .ack = p->ack,
                          .fin = (p->flags & TCP_FIN) != 0,
                          .acks = (p->flags & TCP_ACK) != 0};
    if (x->n) {
        memcpy(x->bytes, p->payload.p, x->n);
    }
    struct doubted **end = &d->list;
    while (*end) {
        end = &(*end)->next;
    }
    *end = x;
    d->n++;
    d->bytes += x->n;
    return x;
}

/* Whether these bytes put something else where x is. */
static bool differs(const struct doubted *x, uint32_t seq, struct span bytes)
{
    int32_t ahead = (int32_t)(seq - x->seq);
    struct span own = span_of(x->bytes, x->n);
    struct span a = ahead > 0 ? span_sub(own, (uint32_t)ahead, SIZE_MAX) : own;
    struct span b =
        ahead < 0 ? span_sub(bytes, 0u - (uint32_t)ahead, SIZE_MAX) : bytes;
    size_t n = a.n < b.n ? a.n : b.n;
    return n > 0 && memcmp(a.p, b.p, n) != 0;
}

struct doubted *doubts_rival(const struct doubts *d, uint32_t seq,
                             struct span bytes)
{
    struct doubted *x = d->list;
    while (x && (is_settled(x) || !differs(x, seq, bytes))) {
        x = x->next;
    }
    return x;
}

struct doubted *doubts_repeated(const struct doubts *d, uint32_t seq,
                                struct span bytes)
{
    struct doubted *x = d->list;
    while (x && (is_settled(x) || x->seq != seq ||
                 !span_eq(span_of(x->bytes, x->n), bytes))) {
        x = x->next;
    }
    return x;
}

struct doubted *doubts_alike(const struct doubts *d, const struct doubted *x)
{
    struct doubted *y = d->list;
    while (y && (is_settled(y) || y->odd != x->odd || y->ttl != x->ttl)) {
        y = y->next;
    }
    return y;
}

struct doubted *doubts_contradicted(const struct doubts *d, uint32_t seq,
                                    struct span bytes)
{
    struct doubted *x = d->list;
    while (x && (!x->taken || !differs(x, seq, bytes))) {
        x = x->next;
    }
    return x;
}

struct doubted *doubts_acked(const struct doubts *d, uint32_t ack)
{
    struct doubted *found = NULL;
    for (struct doubted *x = d->list; x; x = x->next) {
        bool covered = (int32_t)(ack - (x->seq + x->wire)) >= 0;
        if (is_settled(x)) {
            continue;
        }
        x->ignored = x->ignored || !covered;
        found = found ? found : covered ? x : NULL;
    }
    return found;
}

struct doubted *doubts_filled(const struct doubts *d, uint32_t next)
{
    struct doubted *x = d->list;
    while (x && (is_settled(x) || (int32_t)(x->seq + x->wire - next) > 0)) {
        x = x->next;
    }
    return x;
}

struct doubted *doubts_open(const struct doubts *d)
{
    struct doubted *x = d->list;
    while (x && is_settled(x)) {
        x = x->next;
    }
    return x;
}

struct doubted *doubts_preferred(const struct doubts *d, uint32_t ack)
{
    struct doubted *x = d->list;
    while (x && (!x->beaten || x->taken || ack != x->seq + x->wire)) {
        x = x->next;
    }
    return x;
}

bool doubts_miss(const struct doubts *d, uint32_t next)
{
    return d->refused && (int32_t)(d->refused_end - next) > 0;
}

void doubts_fini(struct doubts *d)
{
    while (d->list) {
        struct doubted *x = d->list;
        d->list = x->next;
        free(x);
    }
    d->n = 0;
    d->bytes = 0;
}
