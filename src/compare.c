/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches the connections of two captures. The client's random (RFC 8446
 * section 4.1.2) tells for sure: who terminates TLS makes its own. What has no
 * partner by it is matched by name and time: a proxy's own connection to the
 * same name starts soon after the client's. Addresses and ports do not count,
 * as they may be translated on the way.
 *
 * Which of the two captures has the client's side is the caller's word. Clocks
 * of the two need not agree by more than a few seconds, and not at all where
 * randoms match: these tell how far they are apart. What one capture shows from
 * a time when the other did not run tells nothing about the path.
 */
#include "compare_sight.h"

#include "capture/capture.h"

#include <stdio.h>
#include <stdlib.h>

#define APART (5 * TICK_SEC)

struct list {
    struct sight *v;
    size_t n, size;
};

struct compare {
    struct list side[2];
    struct compare_window window[2];
    tick_t ahead; /* of the outer clock */
    bool ahead_known;
    uint64_t left_out;
};

struct compare *compare_new(void)
{
    return calloc(1, sizeof(struct compare));
}

void compare_free(struct compare *c)
{
    if (c) {
        free(c->side[0].v);
        free(c->side[1].v);
        free(c);
    }
}

/* ---- remembering ---- */

static void copy_text(char *to, struct span s)
{
    size_t n = s.n < NAME_BYTES - 1 ? s.n : NAME_BYTES - 1;
    if (n) {
        memcpy(to, s.p, n);
    }
    to[n] = '\0';
}

static bool copy_random(uint8_t *to, struct span s)
{
    if (s.n != RANDOM_BYTES) {
        return false;
    }
    memcpy(to, s.p, RANDOM_BYTES);
    return true;
}

static void copy_leaf(struct sight *s, const struct cert *leaf)
{
    s->has_leaf = copy_random(s->leaf, span_of(leaf->sha256, 32));
    copy_text(s->issuer, leaf->issuer.common_name);
    s->not_before = leaf->not_before;
    s->not_after = leaf->not_after;
}

/* As many whole protocols as fit. */
static void copy_alpn(struct sight *s, const struct span_list *l)
{
    size_t n = 0;
    for (uint16_t i = 0; i < l->n && n + l->v[i].n + 2 < ALPN_BYTES; i++) {
        if (n) {
            s->alpn[n++] = ',';
        }
        memcpy(s->alpn + n, l->v[i].p, l->v[i].n);
        n += l->v[i].n;
    }
}

static uint16_t count_suites(const struct u16_list *l)
{
    uint16_t n = 0;
    for (uint16_t i = 0; i < l->n; i++) {
        n = (uint16_t)(n + !known_is_grease(l->v[i]));
    }
    return n;
}

static bool fill(struct sight *s, const struct record *r)
{
    const struct handshake *hs = r->hs;
    const struct verdict *v = r->verdict;
    memset(s, 0, sizeof *s);
    if (!copy_random(s->random, hs->offer.random)) {
        return false;
    }
    s->has_server_random = copy_random(s->server_random, hs->choice.random);
    copy_text(s->name, hs->offer.sni);
    if (hs->server_chain.n) {
        copy_leaf(s, hs->server_chain.v[0]);
    }
    copy_alpn(s, &hs->offer.alpn);
    s->offered_version = hs->offer.max_version;
    s->suites = count_suites(&hs->offer.ciphers);
    s->version = hs->version;
    s->suite = hs->cipher;
    memcpy(s->addr, hs->addr, sizeof s->addr);
    s->ip_version = hs->ip_version;
    s->when = hs->when_hello ? hs->when_hello : hs->first;
    s->outcome = hs->end_state.outcome;
    s->stage = hs->end_state.stage;
    s->by = hs->end_state.by;
    s->how = hs->end_state.how;
    s->cause = v && v->cause ? v->cause->slug : NULL;
    s->frame = hs->frame_first;
    s->complete = !(hs->end_state.blind & ~(uint32_t)BLIND_NO_KEYS);
    for (int i = 0; i < 2; i++) {
        s->bytes[i] = hs->dir[i].bytes;
        s->reset[i] = hs->rst_seen[i];
        s->closed[i] = hs->fin_seen[i];
        const struct hs_event *rst = hs_find(hs, HS_RST, (enum side)i);
        s->reset_after[i] = rst ? tick_sub(rst->when, s->when) : INT64_MAX;
    }
    return true;
}

void compare_add(struct compare *c, const struct record *r,
                 enum compare_where where)
{
    struct list *l = &c->side[where];
    if (l->n == l->size) {
        size_t size = l->size ? l->size * 2 : 64;
        struct sight *v =
            l->n < COMPARE_MAX ? realloc(l->v, size * sizeof *v) : NULL;
        if (!v) {
            c->left_out++;
            return;
        }
        l->v = v;
        l->size = size;
    }
    if (fill(&l->v[l->n], r)) {
        l->n++;
    } else {
        c->left_out++;
    }
}

void compare_saw(struct compare *c, enum compare_where where, tick_t when)
{
    struct compare_window *w = &c->window[where];
    if (!w->any) {
        *w = (struct compare_window){true, when, when};
    }
    w->first = when < w->first ? when : w->first;
    w->last = when > w->last ? when : w->last;
}

/* ---- matching ---- */

static int by_random(const void *a, const void *b)
{
    const struct sight *x = a;
    const struct sight *y = b;
    int order = memcmp(x->random, y->random, RANDOM_BYTES);
    return order ? order : (x->when > y->when) - (x->when < y->when);
}

static int by_name(const void *a, const void *b)
{
    const struct sight *x = *(struct sight *const *)a;
    const struct sight *y = *(struct sight *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->when > y->when) - (x->when < y->when);
}

static int by_time(const void *a, const void *b)
{
    const struct sight *x = *(struct sight *const *)a;
    const struct sight *y = *(struct sight *const *)b;
    if (x->when != y->when) {
        return x->when < y->when ? -1 : 1;
    }
    return (x->frame > y->frame) - (x->frame < y->frame);
}

static void pair(struct sight *a, struct sight *b)
{
    a->partner = b;
    b->partner = a;
}

/* Both sorted by their randoms: one walk. */
static void match_randoms(struct list *in, struct list *out)
{
    if (in->n && out->n) {
        qsort(in->v, in->n, sizeof *in->v, by_random);
        qsort(out->v, out->n, sizeof *out->v, by_random);
    }
    size_t k = 0;
    for (size_t i = 0; i < in->n && k < out->n; i++) {
        int order = memcmp(in->v[i].random, out->v[k].random, RANDOM_BYTES);
        while (order > 0 && ++k < out->n) {
            order = memcmp(in->v[i].random, out->v[k].random, RANDOM_BYTES);
        }
        if (order == 0 && k < out->n) {
            pair(&in->v[i], &out->v[k++]);
        }
    }
}

/* Pointers to those without a partner (of all when `paired`), sorted. */
static struct sight **collect(struct list *l, bool paired, size_t *n,
                              int (*order)(const void *, const void *))
{
    struct sight **v = calloc(l->n ? l->n : 1, sizeof *v);
    *n = 0;
    for (size_t i = 0; v && i < l->n; i++) {
        if (paired || !l->v[i].partner) {
            v[(*n)++] = &l->v[i];
        }
    }
    if (v && *n > 1) {
        qsort(v, *n, sizeof *v, order);
    }
    return v;
}

static int by_value(const void *a, const void *b)
{
    const tick_t *x = a;
    const tick_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* The clocks, by the median of the connections that both captures have. */
static void compare_clocks(struct compare *c)
{
    const struct list *in = &c->side[COMPARE_INSIDE];
    tick_t *v = calloc(in->n ? in->n : 1, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; v && i < in->n; i++) {
        if (in->v[i].partner) {
            v[n++] = tick_sub(in->v[i].partner->when, in->v[i].when);
        }
    }
    if (n) {
        qsort(v, n, sizeof *v, by_value);
        c->ahead = v[n / 2];
        c->ahead_known = true;
    }
    free(v);
}

/* The first outer connection to the same name that is still free and begins
 * about when the inner one does. */
static void match_names(struct list *in, struct list *out, tick_t ahead)
{
    size_t inner_n;
    size_t outer_n;
    struct sight **inner = collect(in, false, &inner_n, by_name);
    struct sight **outer = collect(out, false, &outer_n, by_name);
    size_t k = 0;
    for (size_t i = 0; inner && outer && i < inner_n; i++) {
        struct sight *s = inner[i];
        tick_t when = tick_add(s->when, ahead);
        while (k < outer_n && (strcmp(outer[k]->name, s->name) < 0 ||
                               (strcmp(outer[k]->name, s->name) == 0 &&
                                tick_sub(outer[k]->when, when) < -APART))) {
            k++;
        }
        bool fits = k < outer_n && s->name[0] &&
                    strcmp(outer[k]->name, s->name) == 0 &&
                    tick_sub(outer[k]->when, when) <= APART;
        if (fits) {
            pair(s, outer[k++]);
        }
    }
    free(inner);
    free(outer);
}

/* ---- what became of it ---- */

/* The close that ended it here, when it came from `who`. */
static bool is_ended_by_close(const struct sight *s, enum side who)
{
    return s->how == HOW_CLOSE && s->closed[who] &&
           s->by == (who == SIDE_SERVER ? BY_SERVER : BY_CLIENT);
}

/* Both have a reset of `who`, but that here came sooner after the ClientHello
 * than the one where it would have been sent: it is another one. On the way
 * back both ways are added to the time; on the way there they may vary. */
static bool is_too_soon(const struct sight *here, enum side who)
{
    tick_t sent = here->partner->reset_after[who];
    tick_t slack = who == SIDE_SERVER ? TICK_MSEC / 5 : 50 * TICK_MSEC;
    return here->reset[who] && sent != INT64_MAX &&
           here->reset_after[who] < tick_sub(sent, slack);
}

/* After a success the two sides stop watching at different times. */
bool sight_is_forged(const struct sight *here, enum side who)
{
    const struct sight *there = here->partner;
    bool ended = here->reset[who] || is_ended_by_close(here, who);
    bool absent = ended && !there->reset[who] && !there->closed[who];
    return here->outcome != OUTCOME_SUCCESS && there->complete &&
           (absent || is_too_soon(here, who));
}

bool sight_is_lost(const struct sight *from, enum side who)
{
    const struct sight *to = from->partner;
    bool over =
        from->outcome == OUTCOME_SUCCESS && to->outcome == OUTCOME_SUCCESS;
    return !over && from->complete && to->complete &&
           from->bytes[who] > to->bytes[who];
}

/* No connection is in both, and their packets have no time in common: they are
 * of another time, or a clock is wrong. */
static bool is_another_time(const struct compare *c)
{
    const struct compare_window *a = &c->window[COMPARE_INSIDE];
    const struct compare_window *b = &c->window[COMPARE_OUTSIDE];
    return !c->ahead_known && a->any && b->any &&
           (a->last < b->first || b->last < a->first);
}

/* Whether the capture at `where` ran at that time of its clock, as far as its
 * packets tell: it may have begun some time before the first and ended some
 * time after the last. */
static bool is_covered(const struct compare *c, enum compare_where where,
                       tick_t when)
{
    const struct compare_window *w = &c->window[where];
    if (is_another_time(c)) {
        return false;
    }
    return !w->any || (tick_sub(when, w->first) >= -APART &&
                       tick_sub(when, w->last) <= APART);
}

static enum compare_fate fate_of(const struct compare *c,
                                 const struct sight *in)
{
    const struct sight *out = in->partner;
    if (!out) {
        return is_covered(c, COMPARE_OUTSIDE, tick_add(in->when, c->ahead))
                   ? COMPARE_ABSENT
                   : COMPARE_UNCOVERED;
    }
    bool other_server =
        in->has_server_random && out->has_server_random &&
        memcmp(in->server_random, out->server_random, RANDOM_BYTES) != 0;
    if (memcmp(in->random, out->random, RANDOM_BYTES) != 0 || other_server) {
        return COMPARE_INTERCEPTED;
    }
    if (sight_is_forged(in, SIDE_SERVER) || sight_is_forged(out, SIDE_CLIENT)) {
        return COMPARE_FORGED;
    }
    for (unsigned who = 0; who < 2; who++) {
        if (sight_is_lost(in, (enum side)who) ||
            sight_is_lost(out, (enum side)who)) {
            return COMPARE_LOST;
        }
    }
    return COMPARE_SAME;
}

void compare_print(struct compare *c, bool all, bool json, struct text *out,
                   struct compare_result *result)
{
    struct list *inside = &c->side[COMPARE_INSIDE];
    struct list *outside = &c->side[COMPARE_OUTSIDE];
    match_randoms(inside, outside);
    compare_clocks(c);
    if (!is_another_time(c)) {
        match_names(inside, outside, c->ahead);
    }
    *result = (struct compare_result){.window = {c->window[0], c->window[1]},
                                      .ahead = c->ahead,
                                      .ahead_known = c->ahead_known,
                                      .left_out = c->left_out};
    size_t n;
    struct sight **v = collect(inside, true, &n, by_time);
    for (size_t i = 0; v && i < n; i++) {
        enum compare_fate fate = fate_of(c, v[i]);
        result->n[fate]++;
        if (all || (fate != COMPARE_SAME && fate != COMPARE_UNCOVERED)) {
            (json ? compare_tell_json : compare_tell)(out, v[i], fate);
        }
    }
    free(v);
    for (size_t i = 0; i < outside->n; i++) {
        const struct sight *s = &outside->v[i];
        if (!s->partner) {
            bool covered =
                is_covered(c, COMPARE_INSIDE, tick_sub(s->when, c->ahead));
            result->n[covered ? COMPARE_OUTER : COMPARE_UNCOVERED]++;
        }
    }
    compare_tell_counts(out, result, json);
}

/* ---- reading ---- */

struct reading {
    struct compare *compare;
    enum compare_where where;
};

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    const struct reading *reading = ctx;
    (void)source;
    compare_add(reading->compare, r, reading->where);
}

/* Until the end or damage; false then. */
static bool read_frames(struct capture *c, struct pipeline *p,
                        const struct reading *reading, char error[256])
{
    struct frame f;
    for (;;) {
        switch (capture_next(c, &f)) {
        case CAPTURE_FRAME:
            compare_saw(reading->compare, reading->where, f.when);
            pipeline_frame(p, &f, 0);
            break;
        case CAPTURE_IDLE:
            break;
        case CAPTURE_END:
            return true;
        case CAPTURE_LINE:
            snprintf(error, 256, "records cannot be compared, only captures");
            return false;
        case CAPTURE_ERROR:
            snprintf(error, 256, "%s", capture_error(c));
            return false;
        }
    }
}

static bool read_side(const char *file, int fd,
                      const struct pipeline_options *base,
                      struct reading *reading, char error[256])
{
    struct pipeline_options o = *base;
    o.all = true;
    o.emit = on_record;
    o.emit_ctx = reading;
    struct capture *c = capture_read_file(fd, file, NULL, error);
    if (!c) {
        return false;
    }
    struct pipeline *p = pipeline_new(&o);
    bool ok = p != NULL;
    if (ok) {
        ok = read_frames(c, p, reading, error);
        pipeline_finish(p);
    } else {
        snprintf(error, 256, "out of memory");
    }
    pipeline_free(p);
    capture_close(c);
    return ok;
}

bool compare_files(const char *const files[2], const int fds[2],
                   const struct pipeline_options *base, bool json,
                   struct text *out, struct compare_result *result,
                   const char **file, char error[256])
{
    bool ok = true;
    struct compare *c = compare_new();
    *file = files[0];
    *result = (struct compare_result){0};
    if (!c) {
        snprintf(error, 256, "out of memory");
        return false;
    }
    for (int i = 0; i < 2 && ok; i++) {
        struct reading reading = {c, (enum compare_where)i};
        *file = files[i];
        ok = read_side(files[i], fds[i], base, &reading, error);
    }
    compare_print(c, base->all, json, out, result);
    compare_free(c);
    return ok;
}
