/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop: records come in by the ring and go to the destination. What it does
 * not take at once waits in the ring; when it is away, or the ring is half
 * full, a live capture's records go from there to the spill file, many at once,
 * which costs a small part of delivering them. They come out of it again when
 * the destination takes records and nothing new waits. When neither has room
 * nothing is taken any more, and the other process counts what is lost.
 *
 * The spill file is replayed in batches: what a batch brought back stands at
 * the file's end before the batch is forgotten.
 */
#include "config.h"

#include "send/child.h"

#include "base/limits.h"
#include "base/tick.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define REPORT_EVERY (100 * TICK_MSEC)
#define BUSY_MS      5 /* between looks at the destination */
#define WAITING_MS   50
#define IDLE_MS      500
#define PROBE_EVERY  TICK_SEC
#define PROBE_BYTES  ((size_t)64 * 1024)
#define REPLAY_BYTES ((size_t)16 * 1024 * 1024)
#define TAKE_BYTES   ((size_t)4 * 1024 * 1024) /* between other duties */
#define BEHIND_BYTES ((size_t)8 * 1024 * 1024)
#define PRESS_BYTES  (LIMIT_SEND_QUEUE_BYTES / 4)
#define EASE_BYTES   (LIMIT_SEND_QUEUE_BYTES / 16)
#define SAY_AGAIN    (60 * TICK_SEC)

struct child {
    const struct sender_options *o;
    struct destination *to;
    struct spill *spill;
    struct ring *ring;
    int in, out;
    bool pressed;      /* the ring is filling */
    bool blocked;      /* neither the destination nor the file takes more */
    bool deaf;         /* nothing in the ring is to be believed */
    size_t flight;     /* messages the destination has */
    size_t batch;      /* of these, replayed ones */
    bool batch_open;   /* replayed ones are not forgotten yet */
    bool batch_failed; /* one found no room in the file */
    tick_t probe;      /* when the file is tried again */
    bool finishing;
    tick_t grace, until; /* without progress, ends at `until` */
    tick_t reported, said;
    bool said_away;
    bool changed;
    struct child_report report;
};

/* ---- telling ---- */

static void report(struct child *c)
{
    c->report.kept = spill_count(c->spill);
    if (write(c->out, &c->report, sizeof c->report) ==
        (ssize_t)sizeof c->report) {
        c->changed = false;
    }
}

static void say(const struct child *c, const char *what)
{
    if (!c->o->quiet) {
        fprintf(stderr, "tlswhy: %s %s: %s\n", c->to->kind, c->to->name, what);
    }
}

/* That it went away, or came back; not more than once a minute. */
static void tell_trouble(struct child *c, tick_t now)
{
    char what[400];
    const char *trouble = c->to->trouble(c->to->self);
    const char *path = spill_path(c->spill);
    if (!!trouble != c->report.away) {
        c->report.away = trouble;
        c->changed = true;
    }
    if (!!trouble == c->said_away || (c->said && now - c->said < SAY_AGAIN)) {
        return;
    }
    c->said_away = trouble;
    c->said = trouble ? now : 0;
    if (trouble) {
        snprintf(what, sizeof what, "%.160s; records wait in %.200s", trouble,
                 path ? path : "a temporary file");
    } else {
        snprintf(what, sizeof what, "takes records again; %" PRIu64 " waited",
                 spill_count(c->spill));
    }
    say(c, what);
}

/* ---- records ---- */

static void on_done(void *ctx, struct message *m, enum delivery d)
{
    struct child *c = ctx;
    c->flight--;
    c->changed = true;
    if (d == DELIVERED) {
        c->report.delivered++;
        if (c->finishing && c->o->patient) {
            c->until = tick_now() + c->grace;
        }
    } else if (d == UNDELIVERABLE) {
        c->report.lost++;
    } else if (!spill_append(c->spill, m)) {
        if (m->replayed) {
            c->batch_failed = true;
        } else {
            c->report.lost++;
        }
    }
    c->batch -= m->replayed;
    free(m);
}

/* The destination may hand it back at once. */
static bool push(struct child *c, struct message *m)
{
    c->flight++;
    if (c->to->push(c->to->self, m)) {
        return true;
    }
    c->flight--;
    return false;
}

static bool is_away(const struct child *c)
{
    return c->to->trouble(c->to->self);
}

/* What stands first in the ring, and more behind it, goes to the file. How many
 * bytes did. */
static size_t keep(struct child *c, char *p)
{
    uint64_t count;
    size_t n = spill_append_many(c->spill, p, ring_run(c->ring), &count);
    c->changed = c->changed || n;
    return n;
}

/* To the destination. False: it has no room, or is away. */
static bool deliver(struct child *c, const struct entry *e, const char *p)
{
    const char *key = p + sizeof *e;
    struct message *m = message_new(key, e->key_n, key + e->key_n, e->record_n);
    if (!m) {
        c->report.lost++;
        return true;
    }
    if (push(c, m)) {
        return true;
    }
    if (!is_away(c)) { /* it is only full */
        c->to->poll(c->to->self, 0);
        if (push(c, m)) {
            return true;
        }
    }
    free(m);
    return false;
}

/* The first in the ring finds its place; how many bytes did, 0: it has to stay.
 * What could wait there waits: it need not go by way of the disk. */
static size_t place(struct child *c, const struct entry *e, char *p)
{
    bool patient = c->o->patient;
    if (!patient && (c->pressed || is_away(c))) {
        size_t n = keep(c, p);
        if (n) {
            return n;
        }
    }
    if (deliver(c, e, p)) {
        return entry_bytes(e);
    }
    bool wait = !is_away(c) && (patient || (!c->pressed && !c->finishing));
    return wait ? 0 : keep(c, p);
}

static void begin_to_finish(struct child *c, unsigned ms)
{
    c->finishing = true;
    c->grace = ms * TICK_MSEC;
    c->until = tick_now() + c->grace;
}

/* Nobody is there any more, or in a hurry. */
static void hang_up(struct child *c)
{
    if (c->finishing) {
        c->until = 0;
    } else {
        begin_to_finish(c, LIMIT_SEND_LIVE_MS);
    }
    c->grace = 0;
    if (c->in >= 0) {
        close(c->in);
    }
    c->in = -1;
}

/* The other process reads what strangers wrote; it may be theirs by now. */
static void hear_nothing_more(struct child *c)
{
    c->deaf = true;
    hang_up(c);
}

static bool first(struct child *c, struct entry *e, char **p)
{
    bool lies = false;
    if (c->deaf) {
        return false;
    }
    bool found = ring_first(c->ring, e, p, &lies);
    if (lies) {
        hear_nothing_more(c);
    }
    return found;
}

static bool ring_is_empty(const struct child *c)
{
    return c->deaf || ring_waiting(c->ring) == 0;
}

static void take_records(struct child *c)
{
    struct entry e;
    char *p;
    size_t filled = ring_waiting(c->ring);
    c->pressed = filled > PRESS_BYTES || (c->pressed && filled > EASE_BYTES);
    c->blocked = false;
    for (size_t done = 0; done < TAKE_BYTES && first(c, &e, &p);) {
        size_t n = place(c, &e, p);
        if (n == 0) {
            c->blocked = true;
            break;
        }
        ring_take(c->ring, n);
        done += n;
    }
    if (ring_is_waited_for(c->ring)) {
        report(c);
    }
    uint32_t ms = ring_goodbye(c->ring);
    if (ms > LIMIT_SEND_PATIENCE_MS) {
        hear_nothing_more(c);
    } else if (ms && !c->finishing) {
        begin_to_finish(c, ms);
    }
}

/* ---- the file ---- */

static void end_batch(struct child *c, tick_t now)
{
    if (!c->batch_open || c->batch) {
        return;
    }
    c->batch_open = false;
    if (c->batch_failed) {
        spill_rewind(c->spill);
    } else {
        spill_flush(c->spill); /* what came back stands in the file first */
        spill_forget(c->spill);
    }
    c->batch_failed = false;
    c->changed = true;
    c->probe = c->to->trouble(c->to->self) ? now + PROBE_EVERY : now;
}

/* What is kept for the next run need not be delivered in a hurry. */
static bool may_stay(const struct child *c)
{
    return spill_path(c->spill) && !c->o->patient;
}

/* A batch at a time; a small one while the destination seems to be away. */
static void replay(struct child *c, tick_t now)
{
    if (c->batch_open || c->pressed || ring_waiting(c->ring) > BEHIND_BYTES ||
        now < c->probe || !spill_count(c->spill) ||
        (c->finishing && may_stay(c))) {
        return;
    }
    size_t limit = c->to->trouble(c->to->self) ? PROBE_BYTES : REPLAY_BYTES;
    size_t n = 0;
    while (n < limit) {
        struct message *m = spill_next(c->spill);
        if (!m) {
            break;
        }
        c->batch_open = true;
        c->batch++;
        n += m->record_n;
        if (!push(c, m)) {
            c->batch--;
            free(m);
            spill_unread(c->spill);
            break;
        }
    }
    if (n == 0 && !c->batch_open) {
        /* nothing but damaged ones, or the file cannot be read */
        spill_forget(c->spill);
        c->probe = now + PROBE_EVERY;
    }
    end_batch(c, now);
}

/* ---- the loop ---- */

static void wait_for_input(struct child *c)
{
    char bells[256];
    bool empty = c->deaf || ring_sleep(c->ring);
    bool busy = c->flight || c->blocked || c->finishing;
    bool waits = c->changed || spill_count(c->spill);
    int ms = busy ? BUSY_MS : waits ? WAITING_MS : IDLE_MS;
    struct pollfd p = {.fd = c->in, .events = POLLIN};
    int n = poll(&p, 1, empty || c->blocked ? ms : 0);
    ring_wake(c->ring);
    if (n <= 0) {
        return;
    }
    ssize_t k = read(c->in, bells, sizeof bells);
    if (k == 0 || (k < 0 && errno != EINTR && errno != EAGAIN)) {
        hang_up(c);
    }
}

static bool is_over(const struct child *c, tick_t now)
{
    if (!c->finishing) {
        return false;
    }
    return now >= c->until || (!c->flight && ring_is_empty(c) &&
                               (may_stay(c) || !spill_count(c->spill)));
}

static void step(struct child *c)
{
    wait_for_input(c);
    c->to->poll(c->to->self, 0);
    tick_t now = tick_now();
    take_records(c);
    end_batch(c, now);
    replay(c, now);
    spill_flush(c->spill);
    tell_trouble(c, now);
    if ((c->changed || c->finishing) && now - c->reported >= REPORT_EVERY) {
        c->reported = now;
        report(c);
    }
}

/* What could not be delivered is kept, or lost. */
static void leave(struct child *c)
{
    struct entry e;
    char *p;
    c->to->give_up(c->to->self);
    end_batch(c, tick_now());
    while (first(c, &e, &p)) {
        size_t n = spill_path(c->spill) ? keep(c, p) : 0;
        c->report.lost += n == 0;
        ring_take(c->ring, n ? n : entry_bytes(&e));
    }
    c->report.kept = spill_count(c->spill);
    if (!spill_flush(c->spill) || !spill_path(c->spill)) {
        uint64_t gone = spill_path(c->spill) ? spill_unwritten(c->spill)
                                             : spill_count(c->spill);
        c->report.lost += gone;
        c->report.kept -= gone;
    }
    spill_leave(c->spill); /* the next run may have it */
    c->report.state = CHILD_OVER;
    (void)!write(c->out, &c->report, sizeof c->report);
}

/* ---- becoming it ---- */

static bool start(struct child *c)
{
    struct sandbox_status status;
    const int kept[] = {c->in, c->out, spill_file(c->spill)};
    sandbox_alone(kept, 3);
    prctl(PR_SET_NAME, c->to->kind);
    return (!c->o->plan ||
            sandbox_enter(c->o->plan, &status, c->report.error)) &&
           c->to->start(c->to->self, on_done, c, c->report.error);
}

void child_run(const struct sender_options *o, struct ring *ring, int in,
               int out)
{
    struct child c = {.o = o,
                      .ring = ring,
                      .to = o->to,
                      .spill = o->spill,
                      .in = in,
                      .out = out,
                      .report = {.kept_before = spill_count(o->spill)}};
    if (!start(&c)) {
        c.report.state = CHILD_FAILED;
        report(&c);
        _exit(2);
    }
    c.report.state = CHILD_READY;
    report(&c);
    while (!is_over(&c, tick_now())) {
        step(&c);
    }
    leave(&c);
    _exit(0);
}
