/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Analysis in several threads: what is reported does not depend on their
 * number, to the byte, and they end when they are told to.
 *
 * The traffic is that of all captures of pcaps/, woven into one: at the same
 * time, with coarse clocks, one after another, with wrong times in between.
 */
#include "base/frame_log.h"
#include "capture/capture.h"
#include "outbox.h"
#include "pipeline.h"
#include "watch.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_BYTES ((size_t)64 << 20)

struct traffic {
    struct frame *v;
    size_t n, size;
};

/* ---- traffic ---- */

static void add_frame(struct traffic *t, const struct frame *f)
{
    if (t->n == t->size) {
        t->size = t->size ? t->size * 2 : 4096;
        t->v = realloc(t->v, t->size * sizeof *t->v);
        cr_assert_not_null(t->v);
    }
    uint8_t *copy = malloc(f->data.n + 1);
    cr_assert_not_null(copy);
    memcpy(copy, f->data.p, f->data.n);
    t->v[t->n] = *f;
    t->v[t->n++].data.p = copy;
}

static void free_traffic(struct traffic *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free((void *)(uintptr_t)t->v[i].data.p);
    }
    free(t->v);
}

static int is_pcap(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 5 && strcmp(e->d_name + n - 5, ".pcap") == 0;
}

/* All frames of pcaps/; with `weave` every capture begins within the same 20
 * seconds. */
static struct traffic load(bool weave)
{
    struct traffic t = {0};
    struct dirent **names;
    char path[4096];
    char error[CAPTURE_ERROR_BYTES];
    const char *dir = getenv("TLSWHY_SRCDIR");
    snprintf(path, sizeof path, "%s/pcaps", dir ? dir : ".");
    int n = scandir(path, &names, is_pcap, alphasort);
    cr_assert_gt(n, 100);
    for (int i = 0; i < n; i++) {
        struct frame f;
        size_t from = t.n;
        snprintf(path, sizeof path, "%s/pcaps/%s", dir ? dir : ".",
                 names[i]->d_name);
        struct capture *c = capture_open_file(path, NULL, error);
        cr_assert_not_null(c, "%s: %s", path, error);
        while (capture_next(c, &f) == CAPTURE_FRAME) {
            add_frame(&t, &f);
        }
        capture_close(c);
        tick_t begin = (tick_t)(i * 7919 % 20000) * TICK_MSEC;
        tick_t shift = 1700000000 * TICK_SEC + begin - t.v[from].when;
        for (size_t k = from; weave && k < t.n; k++) {
            t.v[k].when += shift;
        }
        free(names[i]);
    }
    free(names);
    return t;
}

static int by_time(const void *a, const void *b)
{
    const struct frame *x = a;
    const struct frame *y = b;
    if (x->when != y->when) {
        return x->when < y->when ? -1 : 1;
    }
    return x->number < y->number ? -1 : x->number > y->number ? 1 : 0;
}

static void number(struct traffic *t)
{
    for (size_t i = 0; i < t->n; i++) {
        t->v[i].number = i + 1;
    }
}

static void sort_by_time(struct traffic *t)
{
    number(t); /* keeps the order of equal times */
    qsort(t->v, t->n, sizeof *t->v, by_time);
    number(t);
}

/* ---- a run ---- */

struct output {
    const struct reporter *reporter;
    void *state;
    struct report_options options;
    struct text text;
    size_t records, frames;
};

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    struct output *o = ctx;
    cr_expect_eq(source, 0);
    o->reporter->record(o->state, &o->options, r, &o->text);
    o->frames += frame_log_count(r->hs->frames);
    o->records++;
}

static struct pipeline_options options(struct output *o, unsigned workers)
{
    return (struct pipeline_options){.handshake_timeout = 10 * TICK_SEC,
                                     .workers = workers,
                                     .max_flows = 100000,
                                     .max_memory_bytes = (size_t)1 << 30,
                                     .all = true,
                                     .emit = on_record,
                                     .emit_ctx = o};
}

static struct output begin(void)
{
    struct output o = {.reporter = reporter_find("json")};
    o.state = calloc(1, o.reporter->state_bytes + 1);
    o.options.all = true;
    text_init(&o.text, TEXT_BYTES);
    return o;
}

static void end(struct output *o)
{
    if (o->reporter->fini) {
        o->reporter->fini(o->state);
    }
    free(o->state);
    text_free(&o->text);
}

/* What the totals say, as far as numbers go. */
static void put_totals(struct text *out, const struct totals *t)
{
    text_fmt(out, "%llu packets, %llu flows, %llu evicted, %llu tls: ",
             (unsigned long long)t->packets_captured,
             (unsigned long long)t->flows, (unsigned long long)t->flows_evicted,
             (unsigned long long)t->tls);
    text_fmt(out, "%llu good, %llu bad, %llu unknown, %llu benign\n",
             (unsigned long long)t->succeeded, (unsigned long long)t->failed,
             (unsigned long long)t->unknown, (unsigned long long)t->benign);
    for (size_t i = 0; i < t->stories_n; i++) {
        text_fmt(out, "%s: %llu\n", t->stories[i].issuer,
                 (unsigned long long)t->stories[i].handshakes);
    }
}

static void analyse(const struct traffic *t, const struct pipeline_options *po,
                    struct output *o)
{
    struct totals totals = {0};
    struct pipeline *p = pipeline_new(po);
    cr_assert_not_null(p);
    pipeline_frames(p, t->v, t->n, 0);
    pipeline_finish(p);
    pipeline_totals(p, &totals);
    put_totals(&o->text, &totals);
    pipeline_free(p);
}

static void expect_same(const struct traffic *t)
{
    struct output one = begin();
    struct pipeline_options po = options(&one, 1);
    analyse(t, &po, &one);
    cr_assert_gt(one.records, 300);
    for (unsigned workers = 2; workers <= 5; workers++) {
        struct output many = begin();
        po = options(&many, workers);
        analyse(t, &po, &many);
        cr_expect_eq(many.records, one.records);
        cr_expect(strcmp(text_str(&one.text), text_str(&many.text)) == 0,
                  "%u workers say something else", workers);
        end(&many);
    }
    end(&one);
}

/* ---- files ---- */

Test(workers, same_output_for_connections_at_the_same_time)
{
    struct traffic t = load(true);
    sort_by_time(&t);
    expect_same(&t);
    free_traffic(&t);
}

Test(workers, same_output_with_coarse_clocks)
{
    struct traffic t = load(true);
    for (size_t i = 0; i < t.n; i++) {
        t.v[i].when -= t.v[i].when % (100 * TICK_MSEC);
    }
    sort_by_time(&t);
    expect_same(&t);
    free_traffic(&t);
}

Test(workers, same_output_for_captures_one_after_another)
{
    struct traffic t = load(false);
    number(&t);
    expect_same(&t);
    free_traffic(&t);
}

Test(workers, same_output_with_wrong_times)
{
    struct traffic t = load(true);
    sort_by_time(&t);
    for (size_t i = 7; i + 1 < t.n; i += 400) {
        t.v[i].when += 5 * 3600 * TICK_SEC; /* not believed */
    }
    for (size_t i = t.n / 2; i < t.n; i++) {
        t.v[i].when += 24 * 3600 * TICK_SEC; /* confirmed */
    }
    expect_same(&t);
    free_traffic(&t);
}

Test(workers, same_packets_with_a_record)
{
    struct traffic t = load(true);
    size_t frames[2];
    sort_by_time(&t);
    for (unsigned i = 0; i < 2; i++) {
        struct output o = begin();
        struct pipeline_options po = options(&o, 1 + 2 * i);
        po.keep_frames = true;
        analyse(&t, &po, &o);
        frames[i] = o.frames;
        end(&o);
    }
    cr_expect_gt(frames[0], t.n / 2);
    cr_expect_eq(frames[0], frames[1]);
    free_traffic(&t);
}

Test(workers, bounds_hold_for_all_together)
{
    struct traffic t = load(true);
    struct totals totals = {0};
    sort_by_time(&t);
    struct output o = begin();
    struct pipeline_options po = options(&o, 4);
    po.max_flows = 8;
    struct pipeline *p = pipeline_new(&po);
    cr_assert_not_null(p);
    pipeline_frames(p, t.v, t.n, 0);
    pipeline_finish(p);
    pipeline_totals(p, &totals);
    cr_expect_gt(totals.flows_evicted, 0);
    cr_expect_eq(totals.packets_captured, t.n);
    cr_expect_eq(o.records, totals.tls);
    pipeline_free(p);
    end(&o);
    free_traffic(&t);
}

/* ---- life ---- */

/* More than all rings hold is on its way when it ends. */
Test(workers, end_in_the_middle, .timeout = 60)
{
    struct traffic t = load(true);
    sort_by_time(&t);
    for (unsigned i = 0; i < 5; i++) {
        struct output o = begin();
        struct pipeline_options po = options(&o, 3);
        struct pipeline *p = pipeline_new(&po);
        cr_assert_not_null(p);
        pipeline_frames(p, t.v, t.n - t.n / 8 * i, 0);
        pipeline_free(p);
        cr_expect_eq(o.records, 0, "files are judged at their end");
        end(&o);
    }
    free_traffic(&t);
}

Test(workers, nothing_to_do)
{
    struct totals totals = {0};
    struct output o = begin();
    struct pipeline_options po = options(&o, 4);
    struct pipeline *p = pipeline_new(&po);
    cr_assert_not_null(p);
    pipeline_finish(p);
    pipeline_totals(p, &totals);
    cr_expect_eq(totals.flows, 0);
    cr_expect_eq(o.records, 0);
    pipeline_free(p);
    end(&o);
}

struct concluded {
    uint64_t step;
    size_t n, failed;
};

static void on_concluded(void *ctx, struct handshake *hs,
                         const struct tracker_order *at)
{
    struct concluded *c = ctx;
    cr_expect_geq(at->step, c->step, "in order");
    c->step = at->step;
    c->failed += hs->end_state.outcome == OUTCOME_FAILURE;
    c->n++;
    hs_free(hs);
}

/* What a thread that captures runs: it does not judge. */
Test(workers, conclude_for_somebody_else)
{
    struct concluded c = {0};
    struct totals totals = {0};
    struct tls_decrypt_stats decrypted;
    struct output o = begin();
    struct traffic t = load(true);
    sort_by_time(&t);
    struct pipeline_options po = options(&o, 1);
    po.live = true;
    po.concluded = on_concluded;
    po.concluded_ctx = &c;
    struct pipeline *p = pipeline_new(&po);
    cr_assert_not_null(p);
    pipeline_frames(p, t.v, t.n, 0);
    pipeline_tick(p, t.v[t.n - 1].when + TICK_SEC);
    pipeline_pause(p, t.v[t.n - 1].when + 300 * TICK_SEC);
    pipeline_finish(p);
    pipeline_totals(p, &totals);
    pipeline_decrypted(p, &decrypted);
    cr_expect_gt(c.n, 300);
    cr_expect_gt(c.failed, 100);
    cr_expect_eq(totals.packets_captured, t.n);
    cr_expect_eq(o.records, 0);
    pipeline_free(p);
    end(&o);
    free_traffic(&t);
}

/* A pause of a pipe: what is over is reported before it goes on. */
Test(workers, report_during_a_pause)
{
    struct traffic t = load(true);
    struct output o = begin();
    struct pipeline_options po = options(&o, 3);
    sort_by_time(&t);
    struct pipeline *p = pipeline_new(&po);
    cr_assert_not_null(p);
    pipeline_frames(p, t.v, t.n, 0);
    pipeline_pause(p, t.v[t.n - 1].when + 300 * TICK_SEC);
    size_t records = o.records;
    cr_expect_gt(records, 300);
    pipeline_finish(p);
    cr_expect_eq(o.records, records);
    pipeline_free(p);
    end(&o);
    free_traffic(&t);
}

/* ---- the order of what several trackers conclude ---- */

static void put(struct outbox *o, unsigned lane, uint64_t step, tick_t touched,
                uint64_t name)
{
    struct handshake hs;
    const struct tracker_order at = {.step = step, .touched = touched};
    hs_init(&hs, 1024);
    hs.frame_first = name;
    outbox_put(o, lane, &hs, &at);
}

struct taken {
    uint64_t names[8];
    size_t n;
};

static bool take(void *ctx, struct handshake *hs)
{
    struct taken *t = ctx;
    t->names[t->n++] = hs->frame_first;
    return false;
}

Test(workers, nothing_overtakes_what_may_still_come)
{
    struct taken t = {0};
    struct outbox *o = outbox_new(2);
    cr_assert_not_null(o);
    outbox_expect(o, 0, 10);
    outbox_expect(o, 1, 9);
    put(o, 0, 5, 0, 1);
    outbox_through(o, 0, 5);
    cr_expect_eq(outbox_drain(o, false, take, &t), 0);
    outbox_through(o, 1, 4);
    cr_expect_eq(outbox_drain(o, false, take, &t), 0, "step 5 is missing");
    put(o, 1, 5, -7, 2);
    put(o, 1, 9, 0, 3);
    outbox_through(o, 1, 9);
    cr_expect(outbox_is_through(o, 1));
    cr_expect_not(outbox_is_through(o, 0));
    /* 9 waits for the other lane's steps up to there. */
    cr_expect_eq(outbox_drain(o, false, take, &t), 2);
    outbox_through(o, 0, 10);
    cr_expect_eq(outbox_drain(o, false, take, &t), 1);
    cr_expect_eq(t.names[0], 2, "of one step, the longest untouched first");
    cr_expect_eq(t.names[1], 1);
    cr_expect_eq(t.names[2], 3);
    outbox_free(o);
}

Test(workers, in_any_order_nothing_waits)
{
    struct taken t = {0};
    struct outbox *o = outbox_new(2);
    cr_assert_not_null(o);
    outbox_expect(o, 0, 10);
    outbox_expect(o, 1, 9);
    put(o, 0, 5, 0, 1);
    outbox_through(o, 0, 5);
    cr_expect_eq(outbox_drain(o, true, take, &t), 1);
    outbox_free(o);
}

/* ---- interfaces ---- */

/* A server that turns every hello down, and clients of it, on loopback. */
static void make_failures(unsigned n)
{
    static const uint8_t hello[] = {
        22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3, 0,    0,    0, 0, 0, 0,
        0,  0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0,    0,    0, 0, 0, 0,
        0,  0, 0, 0, 0,  0, 0, 0, 0,  0, 2, 0xc0, 0x2f, 1, 0, 0};
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    uint8_t buf[256];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(listener, 8), 0);
    getsockname(listener, (struct sockaddr *)&at, &size);
    for (unsigned i = 0; i < n; i++) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(connect(client, (struct sockaddr *)&at, size), 0);
        int server = accept(listener, NULL, NULL);
        cr_assert_eq(send(client, hello, sizeof hello, 0),
                     (ssize_t)sizeof hello);
        cr_assert_gt(recv(server, buf, sizeof buf, 0), 0);
        cr_assert_eq(send(server, alert, sizeof alert, 0),
                     (ssize_t)sizeof alert);
        cr_assert_gt(recv(client, buf, sizeof buf, 0), 0);
        close(server);
        close(client);
    }
    close(listener);
}

#define WATCHERS 3u
#define FAILURES 24u

/* Every failure once, whichever thread has it, within a second or so. */
Test(workers, watch_an_interface, .timeout = 60)
{
    struct capture *captures[WATCHERS] = {0};
    struct capture_live_options live = {.interface = "lo"};
    char error[CAPTURE_ERROR_BYTES];
    captures[0] = capture_open_live(&live, error);
    if (!captures[0] || !watch_open(captures, 1, WATCHERS, &live)) {
        capture_close(captures[0]);
        cr_skip_test("no right to capture");
    }
    struct output o = begin();
    struct totals totals = {0};
    struct pipeline_options po = options(&o, WATCHERS);
    po.live = true;
    po.all = false;
    struct pipeline *p = pipeline_new(&po);
    cr_assert_not_null(p);
    cr_assert(pipeline_watch(p, captures, 1, capture_now()));
    make_failures(FAILURES);
    for (unsigned i = 0; i < 500 && o.records < FAILURES; i++) {
        cr_expect(pipeline_watch_step(p));
    }
    cr_expect_geq(o.records, FAILURES);
    cr_expect_not(pipeline_watch_ended(p, 0));
    pipeline_finish(p);
    pipeline_totals(p, &totals);
    cr_expect_geq(totals.failed, FAILURES);
    cr_expect_geq(totals.packets_captured, FAILURES * 8);
    pipeline_free(p);
    watch_close(captures, 1, WATCHERS);
    capture_close(captures[0]);
    end(&o);
}
