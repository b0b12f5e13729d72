/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly against a model that is slow and obvious: an array of the first
 * byte that was captured for each place. What the stream delivers must be
 * those bytes, in their places, and a gap may only stand where nothing was
 * captured, unless a bound was hit.
 */
#include "fuzz.h"

#include "flow/flow.h"

#include <stdlib.h>

#define PLACES 131072u

struct model {
    uint8_t byte[PLACES];
    bool known[PLACES];
    bool taken[PLACES];
    uint32_t base; /* sequence number of place 0 */
    uint32_t at;   /* places delivered so far */
    bool limited;  /* a bound was hit: bytes may be lost */
    bool skipped;  /* a gap stands where bytes were captured */
};

static void on_data(void *ctx, struct span bytes, struct stamp at, bool start)
{
    struct model *m = ctx;
    (void)at;
    (void)start;
    for (size_t i = 0; i < bytes.n; i++, m->at++) {
        fuzz_check(m->at < PLACES, "nothing beyond what was sent");
        fuzz_check(m->known[m->at], "only captured bytes are delivered");
        fuzz_check(m->byte[m->at] == bytes.p[i], "the first byte wins");
    }
}

static void on_gap(void *ctx, uint32_t n, struct stamp at, bool cut)
{
    struct model *m = ctx;
    (void)at;
    (void)cut;
    for (uint32_t i = 0; i < n && m->at < PLACES; i++, m->at++) {
        m->skipped = m->skipped || m->known[m->at];
    }
}

/* What the model learns of a segment; a place that was delivered is over. The
 * places of bytes that the snapshot length cut are taken, too: the first
 * segment wins. */
static void learn(struct model *m, uint32_t place, struct span bytes,
                  uint32_t wire)
{
    for (uint32_t i = 0; i < wire; i++) {
        uint32_t p = place + i;
        if (p >= PLACES || p < m->at || m->taken[p]) {
            continue;
        }
        m->taken[p] = true;
        if (i < bytes.n) {
            m->known[p] = true;
            m->byte[p] = bytes.p[i];
        }
    }
}

/* u8 kind, u16 place, u8 length[, bytes]: segments near each other. */
void fuzz_stream(struct span input)
{
    struct model *m = calloc(1, sizeof *m);
    fuzz_check(m != NULL, "memory");
    struct tcp_stream s = {0};
    const struct stream_sink sink = {on_data, on_gap, m};
    struct cursor c = cursor_open(input);
    m->base = cursor_u32(&c, "first sequence number");
    tcp_stream_start(&s, m->base);
    struct stamp at = {1, 1};
    while (cursor_left(&c)) {
        unsigned kind = cursor_u8(&c, "kind");
        uint32_t place = cursor_u16(&c, "place");
        uint32_t length = cursor_u8(&c, "length") * (kind & 8 ? 16u : 1u);
        if ((kind & 7) == 7) {
            tcp_stream_acked(&s, m->base + place, at, &sink);
            continue;
        }
        size_t left = cursor_left(&c);
        struct span data =
            cursor_take(&c, length < left ? length : left, "data");
        uint32_t wire = (uint32_t)data.n + ((kind & 7) == 6 ? 5u : 0u);
        learn(m, place, data, wire);
        unsigned flags =
            tcp_stream_push(&s, m->base + place, data, wire, at, &sink);
        m->limited = m->limited || (flags & PUSH_LIMIT);
        fuzz_check(m->limited || !m->skipped,
                   "a gap is where nothing was captured");
        at.frame++;
    }
    tcp_stream_flush(&s, &sink);
    fuzz_check(m->limited || !m->skipped,
               "a gap is where nothing was captured");
    tcp_stream_fini(&s);
    free(m);
}
