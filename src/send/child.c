/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop: records come in by the pipe and go to the destination; what it does
 * not take, or hands back, goes to the spill file, and comes out of it again
 * when the destination takes records. When neither has room nothing is read
 * from the pipe any more, and the other process counts what is lost.
 *
 * The spill file is replayed in batches: what a batch brought back stands at
 * the file's end before the batch is forgotten.
 */
#include "config.h"

#include "send/child.h"

#include "base/limits.h"
#include "base/tick.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES  ((size_t)2 * LIMIT_SEND_RECORD_BYTES)
#define REPORT_EVERY (100 * TICK_MSEC)
#define BUSY_MS      5 /* between looks at the destination */
#define WAITING_MS   50
#define IDLE_MS      500
#define PROBE_EVERY  TICK_SEC
#define PROBE_BYTES  ((size_t)64 * 1024)
#define REPLAY_BYTES ((size_t)2 * 1024 * 1024)
#define BEHIND_BYTES (512 * 1024)
#define SAY_AGAIN    (60 * TICK_SEC)
#define DESCRIPTORS  65536u

struct child {
    const struct sender_options *o;
    struct destination *to;
    struct spill *spill;
    int in, out;
    char *input;
    size_t input_at, input_n;
    struct message *held; /* neither the destination nor the file takes it */
    size_t flight;        /* messages the destination has */
    size_t batch;         /* of these, replayed ones */
    bool batch_open;      /* replayed ones are not forgotten yet */
    bool batch_failed;    /* one found no room in the file */
    tick_t probe;         /* when the file is tried again */
    bool behind;          /* the pipe is half full: what is new comes first */
    bool finishing;
    tick_t grace, until; /* without progress, ends at `until` */
    tick_t reported, said;
    bool said_away;
    bool changed;
    struct child_report report;
};

static tick_t now_monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return tick_make(t.tv_sec, t.tv_nsec);
}

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
            c->until = now_monotonic() + c->grace;
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

/* False: it has to be held. What could wait here waits: reading at rest need
 * not go by way of the disk. */
static bool place(struct child *c, struct message *m)
{
    if (push(c, m)) {
        return true;
    }
    bool away = c->to->trouble(c->to->self);
    if (!away) { /* it is only full */
        c->to->poll(c->to->self, 0);
        if (push(c, m)) {
            return true;
        }
    }
    bool wait = c->o->patient && !c->finishing && !away;
    if (wait || !spill_append(c->spill, m)) {
        return false;
    }
    c->changed = true;
    free(m);
    return true;
}

static void place_held(struct child *c)
{
    if (c->held && place(c, c->held)) {
        c->held = NULL;
    }
}

static void take(struct child *c, const struct frame_head *h, const char *p)
{
    struct message *m = message_new(p, h->key_n, p + h->key_n, h->record_n);
    if (!m) {
        c->report.lost++;
    } else if (!place(c, m)) {
        c->held = m;
    }
}

static void begin_to_finish(struct child *c, unsigned ms)
{
    c->finishing = true;
    c->grace = ms * TICK_MSEC;
    c->until = now_monotonic() + c->grace;
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
    close(c->in);
    c->in = -1;
}

/* The other process reads what strangers wrote; it may be theirs by now. */
static bool is_sane(const struct frame_head *h)
{
    return h->record_n == 0 ? h->key_n <= LIMIT_SEND_PATIENCE_MS
                            : h->record_n <= LIMIT_SEND_RECORD_BYTES &&
                                  h->key_n <= LIMIT_SEND_KEY_BYTES;
}

/* Takes whole records out of the input. */
static void take_records(struct child *c)
{
    struct frame_head h;
    while (!c->held && !c->finishing && c->input_n >= sizeof h) {
        const char *p = c->input + c->input_at;
        memcpy(&h, p, sizeof h);
        if (!is_sane(&h)) {
            c->input_n = 0;
            hang_up(c);
            return;
        }
        bool goodbye = h.record_n == 0;
        size_t need = sizeof h + (goodbye ? 0 : h.key_n + h.record_n);
        if (need > c->input_n) {
            break;
        }
        if (goodbye) {
            begin_to_finish(c, h.key_n);
        } else {
            take(c, &h, p + sizeof h);
        }
        c->input_at += need;
        c->input_n -= need;
    }
    if (c->input_at) {
        memmove(c->input, c->input + c->input_at, c->input_n);
        c->input_at = 0;
    }
}

static void read_input(struct child *c)
{
    ssize_t k = read(c->in, c->input + c->input_n, INPUT_BYTES - c->input_n);
    c->behind = k >= BEHIND_BYTES;
    if (k > 0) {
        c->input_n += (size_t)k;
        take_records(c);
    } else if (k == 0 || (errno != EINTR && errno != EAGAIN)) {
        hang_up(c);
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
    if (c->batch_open || c->behind || now < c->probe ||
        !spill_count(c->spill) || (c->finishing && may_stay(c))) {
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
    bool reads = !c->held && !c->finishing;
    c->behind = false;
    bool busy = c->flight || c->held || c->finishing;
    bool waits = c->changed || spill_count(c->spill);
    struct pollfd p = {.fd = c->in, .events = reads ? POLLIN : 0};
    if (poll(&p, 1, busy ? BUSY_MS : waits ? WAITING_MS : IDLE_MS) <= 0) {
        return;
    }
    if (reads) {
        read_input(c);
    } else {
        hang_up(c);
    }
}

static bool is_over(const struct child *c, tick_t now)
{
    if (!c->finishing) {
        return false;
    }
    return now >= c->until ||
           (!c->flight && !c->held && (may_stay(c) || !spill_count(c->spill)));
}

static void step(struct child *c)
{
    wait_for_input(c);
    c->to->poll(c->to->self, 0);
    tick_t now = now_monotonic();
    place_held(c);
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
    c->to->give_up(c->to->self);
    end_batch(c, now_monotonic());
    if (c->held) {
        if (!spill_append(c->spill, c->held)) {
            c->report.lost++;
        }
        free(c->held);
        c->held = NULL;
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

static void ignore_signals(void)
{
    static const int v[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                            SIGPIPE, SIGUSR1, SIGTSTP, SIGALRM};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        sigaction(v[i], &ignore, NULL);
    }
}

/* Nothing of the other process is kept but what this one needs. */
static void close_others(const struct child *c)
{
    struct rlimit limit;
    int most = 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        most =
            (int)(limit.rlim_cur < DESCRIPTORS ? limit.rlim_cur : DESCRIPTORS);
    }
    for (int fd = 0; fd < most; fd++) {
        if (fd != STDERR_FILENO && fd != c->in && fd != c->out &&
            fd != spill_file(c->spill)) {
            close(fd);
        }
    }
    /* So that no socket becomes standard input or output. */
    for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd < STDERR_FILENO;) {
        fd = dup(fd);
        if (fd > STDERR_FILENO) {
            close(fd);
        }
    }
}

static bool start(struct child *c)
{
    struct sandbox_status status;
    ignore_signals();
    close_others(c);
    prctl(PR_SET_NAME, c->to->kind);
    c->input = malloc(INPUT_BYTES);
    if (!c->input) {
        snprintf(c->report.error, sizeof c->report.error, "out of memory");
        return false;
    }
    return (!c->o->plan ||
            sandbox_enter(c->o->plan, &status, c->report.error)) &&
           c->to->start(c->to->self, on_done, c, c->report.error);
}

void child_run(const struct sender_options *o, int in, int out)
{
    struct child c = {.o = o,
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
    while (!is_over(&c, now_monotonic())) {
        step(&c);
    }
    leave(&c);
    _exit(0);
}
