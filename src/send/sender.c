/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capturing process's end: a ring of records, a pipe that wakes the other
 * process, and a pipe back with counts. No wait for the process and no signal
 * to it: the sandbox allows neither. It ends when its pipe does.
 */
#include "config.h"

#include "send/sender.h"

#include "base/limits.h"
#include "base/tick.h"
#include "send/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BELL_BYTES    ((size_t)64 * 1024) /* records without a look at it */
#define REPORTS_MAX   256u                /* at a time; a pipe holds fewer */
#define START_MS      20000
#define STEP_MS       100
#define SILENCE       (5 * TICK_SEC)
#define LIVE_EXTRA_MS 200 /* to keep what was not delivered */

struct sender {
    const char *kind;
    int to, from; /* -1: closed */
    bool patient, quiet;
    bool told;     /* that records were lost */
    bool hopeless; /* nothing moved for long */
    struct ring *ring;
    size_t unheard;      /* bytes since the last look whether it sleeps */
    tick_t until;        /* live: the end */
    uint64_t sent, lost; /* records put into the ring; lost here */
    struct child_report report;
};

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* ---- what comes back ---- */

/* True when something was heard; whoever never stops telling is not listened to
 * for ever. */
static bool hear(struct sender *s)
{
    struct child_report r;
    bool heard = false;
    for (unsigned i = 0; s->from >= 0 && i < REPORTS_MAX; i++) {
        ssize_t n = read(s->from, &r, sizeof r);
        if (n == (ssize_t)sizeof r) {
            s->report = r;
            heard = true;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        } else { /* its end */
            close_end(&s->from);
        }
    }
    return heard;
}

/* Its process ended before it was asked to. */
static void mourn(struct sender *s)
{
    close_end(&s->to);
    if (!s->told && !s->quiet) {
        fprintf(stderr,
                "tlswhy: %s: the sending process ended; what comes is "
                "lost\n",
                s->kind);
    }
    s->told = true;
}

static void look_after(struct sender *s)
{
    hear(s);
    if (s->from < 0 && s->to >= 0) {
        mourn(s);
    }
}

/* ---- what goes there ---- */

static void wake(struct sender *s)
{
    s->unheard = 0;
    if (s->to >= 0 && ring_wants_bell(s->ring) && write(s->to, "", 1) < 0 &&
        errno != EAGAIN && errno != EINTR) {
        mourn(s);
    }
}

/* Waits until something is heard, or STEP_MS. True when something moved. */
static bool wait_a_step(struct sender *s)
{
    struct pollfd p = {.fd = s->from, .events = POLLIN};
    size_t filled = ring_filled(s->ring);
    wake(s);
    ring_wait(s->ring);
    poll(&p, 1, STEP_MS);
    bool heard = hear(s);
    return heard || ring_filled(s->ring) != filled;
}

static uint64_t settled(const struct child_report *r)
{
    return r->delivered + r->kept + r->lost;
}

static void wait_for_room(struct sender *s, size_t key_n, size_t record_n)
{
    tick_t since = tick_now();
    while (!ring_has_room(s->ring, key_n, record_n) && s->to >= 0 &&
           !s->hopeless) {
        uint64_t before = settled(&s->report);
        size_t filled = ring_filled(s->ring);
        wait_a_step(s);
        look_after(s);
        tick_t now = tick_now();
        if (ring_filled(s->ring) != filled || settled(&s->report) != before) {
            since = now;
        } else if (now - since >= LIMIT_SEND_PATIENCE_MS * TICK_MSEC) {
            s->hopeless = true;
        }
    }
}

static void lose_one(struct sender *s)
{
    s->lost++;
    if (!s->told && !s->quiet) {
        fprintf(stderr,
                "tlswhy: %s: records cannot be handed over fast enough "
                "and are lost\n",
                s->kind);
    }
    s->told = true;
}

void sender_send(struct sender *s, struct span key, struct span record)
{
    if (s->to < 0 || key.n > LIMIT_SEND_KEY_BYTES || record.n == 0 ||
        record.n > LIMIT_SEND_RECORD_BYTES) {
        lose_one(s);
        return;
    }
    if (s->patient) {
        wait_for_room(s, key.n, record.n);
    }
    if (s->to < 0 || !ring_put(s->ring, key, record)) {
        lose_one(s);
        return;
    }
    s->hopeless = false;
    s->sent++;
    s->unheard += record.n;
    if (s->unheard >= BELL_BYTES) {
        wake(s);
    }
}

void sender_poll(struct sender *s)
{
    wake(s);
    look_after(s);
}

/* ---- the end ---- */

static void finish_live(struct sender *s)
{
    while (s->from >= 0 && tick_now() < s->until) {
        wait_a_step(s);
    }
}

static tick_t live_end(void)
{
    return tick_now() + (LIMIT_SEND_LIVE_MS + LIVE_EXTRA_MS) * TICK_MSEC;
}

/* Its process bounds the wait itself, and reports several times a second. */
static void finish_patiently(struct sender *s,
                             const volatile sig_atomic_t *hurry)
{
    tick_t heard = tick_now();
    while (s->from >= 0 && tick_now() < heard + SILENCE && !(hurry && *hurry)) {
        if (wait_a_step(s)) {
            heard = tick_now();
        }
    }
    if (s->from >= 0) { /* the end of the pipe hurries it */
        close_end(&s->to);
        s->until = live_end();
        finish_live(s);
    }
}

void sender_goodbye(struct sender *s, const volatile sig_atomic_t *hurry)
{
    bool live = !s->patient || (hurry && *hurry);
    unsigned ms = live ? LIMIT_SEND_LIVE_MS : LIMIT_SEND_PATIENCE_MS;
    ring_say_goodbye(s->ring, ms);
    wake(s);
    s->patient = !live;
    s->until = live_end();
}

void sender_finish(struct sender *s, const volatile sig_atomic_t *hurry)
{
    if (s->patient) {
        finish_patiently(s, hurry);
    } else {
        finish_live(s);
    }
    close_end(&s->to);
}

void sender_counts(const struct sender *s, struct sender_counts *out)
{
    const struct child_report *r = &s->report;
    *out = (struct sender_counts){.delivered = r->delivered,
                                  .kept = r->kept,
                                  .lost = s->lost + r->lost,
                                  .away = r->away};
    /* Nobody will settle what the process took with it. */
    uint64_t all = s->sent + r->kept_before;
    if (s->to < 0 && all > settled(r)) {
        out->lost += all - settled(r);
    }
}

/* ---- the beginning ---- */

/* The process reports within START_MS that it works. */
static bool is_ready(struct sender *s, char error[256])
{
    struct pollfd p = {.fd = s->from, .events = POLLIN};
    tick_t until = tick_now() + START_MS * TICK_MSEC;
    while (!hear(s) && s->from >= 0 && tick_now() < until) {
        poll(&p, 1, STEP_MS);
    }
    if (s->report.state == CHILD_READY) {
        return true;
    }
    snprintf(error, 256, "%s",
             s->report.error[0] ? s->report.error
                                : "the sending process does not start");
    return false;
}

static void never_wait(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static bool fork_child(struct sender *s, const struct sender_options *o,
                       char error[256])
{
    int there[2] = {-1, -1};
    int back[2] = {-1, -1};
    pid_t pid = -1;
    if (pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0) {
        never_wait(there[0]);
        never_wait(there[1]);
        never_wait(back[0]);
        never_wait(back[1]);
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
            child_run(o, s->ring, there[0], back[1]);
        }
        ring_hide(s->ring);
    }
    if (pid < 0) {
        snprintf(error, 256, "%s", strerror(errno));
        close_end(&there[1]);
        close_end(&back[0]);
    }
    close_end(&there[0]);
    close_end(&back[1]);
    s->to = there[1];
    s->from = back[0];
    return pid > 0;
}

struct sender *sender_start(const struct sender_options *o, char error[256])
{
    struct sender *s = calloc(1, sizeof *s);
    if (s) {
        *s = (struct sender){.kind = o->to->kind,
                             .to = -1,
                             .from = -1,
                             .patient = o->patient,
                             .quiet = o->quiet};
        s->ring = ring_new();
    }
    if (!s || !s->ring) {
        snprintf(error, 256, "out of memory");
    } else if (fork_child(s, o, error) && is_ready(s, error)) {
        return s;
    }
    sender_free(s);
    return NULL;
}

void sender_free(struct sender *s)
{
    if (s) {
        close_end(&s->to);
        close_end(&s->from);
        ring_free(s->ring);
        free(s);
    }
}
