/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two trackers that are told the same, of which one folds its connections: the
 * handshakes that they hand on must be the same to the last field.
 */
#include "fuzz.h"

#include "tracker.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_BYTES ((size_t)1 << 30) /* it decides nothing here */

struct told {
    char *text;
    size_t size;
    FILE *out;
    unsigned n;
};

static void tell_dir(FILE *f, const struct hs_dir *d)
{
    fprintf(f, "dir %ju %ju %u %u %u %u %u %ju %ju %ju %ju %d %d %d %u %u %u",
            (uintmax_t)d->bytes, (uintmax_t)d->packets, d->retransmits,
            d->retransmits_big, d->out_of_order, d->overlaps, d->conflicts,
            (uintmax_t)d->gap_bytes, (uintmax_t)d->stream_bytes,
            (uintmax_t)d->lost_bytes, (uintmax_t)d->unacked_bytes,
            d->acked_any_data, d->hello_acked, d->cut, d->ttl_syn, d->ttl_min,
            d->ttl_max);
    fprintf(f, " %u %u %u %jd %jd %jd %u\n", d->mss, d->max_segment,
            d->first_flight_segments, (intmax_t)d->first, (intmax_t)d->last,
            (intmax_t)d->last_data, d->keepalives);
}

static void tell_span(FILE *f, const char *what, struct span s)
{
    fprintf(f, "%s %zu ", what, s.n);
    for (size_t i = 0; i < s.n; i++) {
        fprintf(f, "%02x", s.p[i]);
    }
    fputc('\n', f);
}

/* All that the judge could ever look at. */
static void on_done(void *ctx, struct handshake *hs,
                    const struct tracker_order *at)
{
    struct told *t = ctx;
    FILE *f = t->out;
    t->n++;
    fprintf(f, "handshake step %ju class %u touched %jd %u\n",
            (uintmax_t)at->step, at->class, (intmax_t)at->touched, at->touch);
    for (unsigned i = 0; i < 2; i++) {
        tell_span(f, "addr", span_of(hs->addr[i].ip, sizeof hs->addr[i].ip));
        fprintf(f, "port %u record %x encrypted %d syn %d fin %d rst %d\n",
                hs->addr[i].port, hs->record_version[i], hs->encrypted[i],
                hs->syn_seen[i], hs->fin_seen[i], hs->rst_seen[i]);
        tell_dir(f, &hs->dir[i]);
    }
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        fprintf(f, "event %jd %ju %u %u %u %u\n", (intmax_t)e->when,
                (uintmax_t)e->frame, e->len, e->aux, e->kind, e->side);
    }
    for (unsigned i = 0; i < HS_RAW_COUNT; i++) {
        if (hs->raw[i].p) {
            tell_span(f, hs->raw_cut[i] ? "cut" : "raw", hs->raw[i]);
        }
    }
    tell_span(f, "note", hs->carrier_note);
    tell_span(f, "asked", hs->carrier_asked);
    fprintf(f, "%s %u %u %u %u %u %x %x %x %d%d%d%d%d%d %u\n", hs->carrier,
            hs->transport, hs->flavour, hs->ip_version, hs->vlan, hs->source,
            hs->version, hs->cipher, hs->hello_version, hs->client_swapped,
            hs->early_data_offered, hs->psk_accepted, hs->midstream,
            hs->limited, hs->many_sources, hs->end);
    fprintf(f, "%jd %jd %ju %ju %jd %jd %jd %u\n", (intmax_t)hs->first,
            (intmax_t)hs->last, (uintmax_t)hs->frame_first,
            (uintmax_t)hs->frame_last, (intmax_t)hs->when_hello,
            (intmax_t)hs->rtt, (intmax_t)hs->capture_last, hs->events_lost);
    fprintf(f, "outcome %d stage %d by %d how %d\n", hs->end_state.outcome,
            hs->end_state.stage, hs->end_state.by, hs->end_state.how);
    hs_free(hs);
}

struct fuzz_twins {
    struct tracker *tracker[2]; /* the second folds */
    struct told told[2];
    struct decoder *decoder;
    struct tracker_now now;
    tick_t timers;
};

struct fuzz_twins *fuzz_twins_new(uint32_t max_flows, uint32_t whole_flows)
{
    struct fuzz_twins *t = calloc(1, sizeof *t);
    fuzz_check(t && (t->decoder = decoder_new()), "memory");
    for (unsigned i = 0; i < 2; i++) {
        struct told *told = &t->told[i];
        const struct tracker_options o = {.handshake_timeout = 10 * TICK_SEC,
                                          .max_flows = max_flows,
                                          .whole_flows =
                                              i ? whole_flows : UINT32_MAX,
                                          .max_memory_bytes = MEMORY_BYTES,
                                          .done = on_done,
                                          .ctx = told};
        told->out = open_memstream(&told->text, &told->size);
        t->tracker[i] = tracker_new(&o);
        fuzz_check(told->out && t->tracker[i], "memory");
    }
    return t;
}

void fuzz_twins_frame(struct fuzz_twins *t, const struct frame *f, bool fold)
{
    struct packet p;
    struct tracker_now *now = &t->now;
    now->clock = f->when > now->clock ? f->when : now->clock;
    now->step++;
    now->frame = f;
    if (now->clock - t->timers >= TRACKER_STEP) {
        t->timers = now->clock;
        tracker_timers(t->tracker[0], now);
        tracker_timers(t->tracker[1], now);
    }
    if (decoder_frame(t->decoder, f, &p) != DECODE_PACKET) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct packet own = p; /* where a tracker keeps its hash */
        tracker_packet(t->tracker[i], &own, now);
    }
    if (fold) {
        tracker_fold(t->tracker[1]);
    }
}

static void end(struct tracker *tracker, struct told *t,
                const struct tracker_now *now)
{
    struct tracker_counters c;
    tracker_end(tracker, now);
    tracker_counters(tracker, &c);
    fprintf(t->out,
            "flows %ju evicted %ju refused %ju unanswered %ju unused %ju\n",
            (uintmax_t)c.flows, (uintmax_t)c.flows_evicted,
            (uintmax_t)c.refused, (uintmax_t)c.unanswered, (uintmax_t)c.unused);
    fuzz_check(c.flows_open == 0, "at the end no flow is left");
    fuzz_check(tracker_bytes(tracker) < MEMORY_BYTES, "what is freed is known");
    tracker_free(tracker);
    fclose(t->out);
}

/* The line in which both differ first. */
static void show_difference(const char *a, const char *b)
{
    size_t line = 0;
    for (size_t i = 0; a[i] == b[i]; i++) {
        line = a[i] == '\n' ? i + 1 : line;
    }
    fprintf(stderr, "whole:  %.*s\nfolded: %.*s\n",
            (int)strcspn(a + line, "\n"), a + line,
            (int)strcspn(b + line, "\n"), b + line);
}

unsigned fuzz_twins_end(struct fuzz_twins *t, bool *same)
{
    struct told *told = t->told;
    t->now.step++;
    for (unsigned i = 0; i < 2; i++) {
        end(t->tracker[i], &told[i], &t->now);
    }
    bool alike = strcmp(told[0].text, told[1].text) == 0;
    if (same) {
        *same = alike;
    }
    if (same && !alike) {
        show_difference(told[0].text, told[1].text);
    }
    unsigned n = told[0].n;
    free(told[0].text);
    free(told[1].text);
    decoder_free(t->decoder);
    free(t);
    return n;
}
