/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of a long read, for people who wait. */
#include "meter.h"

#include <inttypes.h>

#define SHOW_AFTER TICK_SEC
#define SHOW_EVERY (200 * TICK_MSEC)
#define LINE_BYTES 256u

void meter_init(struct meter *m, FILE *to, unsigned width, tick_t now)
{
    *m = (struct meter){
        .to = to, .width = width, .started = now, .next = now + SHOW_AFTER};
}

/* 999,999,999 */
static void add_grouped(struct text *t, uint64_t v)
{
    if (v >= 1000) {
        add_grouped(t, v / 1000);
        text_fmt(t, ",%03u", (unsigned)(v % 1000));
    } else {
        text_uint(t, v);
    }
}

/* Bytes with one decimal, in the unit that fits `scale`. */
static void add_size(struct text *t, uint64_t v, uint64_t scale, bool unit)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    unsigned i = 0;
    double value = (double)v;
    for (; scale >= 1000 && i < 4; scale /= 1000, i++) {
        value /= 1000;
    }
    text_fmt(t, i ? "%.1f" : "%.0f", value);
    if (unit) {
        text_fmt(t, " %s", units[i]);
    }
}

static void add_left(struct text *t, tick_t elapsed,
                     const struct meter_reading *r)
{
    double left = (double)(r->bytes_total - r->bytes) / (double)r->bytes *
                  (double)elapsed / (double)TICK_SEC;
    if (left < 90) {
        text_fmt(t, ", %.0f s left", left);
    } else if (left < 5400) {
        text_fmt(t, ", %.0f min left", left / 60);
    } else {
        text_fmt(t, ", %.1f h left", left / 3600);
    }
}

void meter_text(struct text *t, tick_t elapsed, const struct meter_reading *r)
{
    bool known = r->bytes_total && r->bytes && r->bytes <= r->bytes_total;
    if (known) {
        add_size(t, r->bytes, r->bytes_total, false);
        text_add(t, " of ");
        add_size(t, r->bytes_total, r->bytes_total, true);
        text_fmt(t, " (%" PRIu64 " %%), ", r->bytes * 100 / r->bytes_total);
    } else if (r->bytes) {
        add_size(t, r->bytes, r->bytes, true);
        text_add(t, ", ");
    }
    double seconds = (double)elapsed / (double)TICK_SEC;
    add_grouped(t, (uint64_t)((double)r->packets / seconds));
    text_add(t, " packets/s");
    if (known) {
        add_left(t, elapsed, r);
    }
    text_add(t, ", ");
    add_grouped(t, r->failures);
    text_add(t, r->failures == 1 ? " failure" : " failures");
}

void meter_show(struct meter *m, tick_t now, const struct meter_reading *r)
{
    if (!m->to || now < m->next) {
        return;
    }
    m->next = now + SHOW_EVERY;
    struct text t;
    text_init(&t, LINE_BYTES);
    meter_text(&t, now - m->started, r);
    fprintf(m->to, "\r%.*s\033[K", (int)(m->width ? m->width - 1 : 79),
            text_str(&t));
    fflush(m->to);
    m->shown = true;
    text_free(&t);
}

void meter_clear(struct meter *m)
{
    if (m->shown) {
        fputs("\r\033[K", m->to);
        fflush(m->to);
        m->shown = false;
    }
}
