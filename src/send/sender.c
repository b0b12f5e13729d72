/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capturing process's end: a queue, a pipe there, and a pipe back with
 * counts. No wait for the process and no signal to it: the sandbox allows
 * neither. It ends when its pipe does.
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
#include <time.h>
#include <unistd.h>

/* What is on its way while this process does something else bounds the rate; an
 * unprivileged user may ask for no more than the second. */
#define PIPE_BYTES      (16 << 20)
#define PIPE_BYTES_USER (1 << 20)
#define HAND_OVER       (64u * 1024)
/* With room for the goodbye. */
#define QUEUE_BYTES   (LIMIT_SEND_QUEUE_BYTES + sizeof(struct frame_head))
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
    char *queue;
    size_t first, n;     /* a ring: n bytes from `first` on */
    tick_t until;        /* live: the end */
    uint64_t sent, lost; /* records handed over or queued; lost here */
    struct child_report report;
};

static tick_t now_monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return tick_make(t.tv_sec, t.tv_nsec);
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* ---- what comes back ---- */

/* True when something was heard. */
static bool hear(struct sender *s)
{
    struct child_report r;
    bool heard = false;
    while (s->from >= 0) {
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
    s->n = 0;
    if (!s->told && !s->quiet) {
        fprintf(stderr,
                "tlswhy: %s: the sending process ended; what comes is "
                "lost\n",
                s->kind);
    }
    s->told = true;
}

/* ---- what goes there ---- */

static void hand_over(struct sender *s)
{
    while (s->n > 0 && s->to >= 0) {
        size_t straight = QUEUE_BYTES - s->first;
        ssize_t k = write(s->to, s->queue + s->first,
                          s->n < straight ? s->n : straight);
        if (k > 0) {
            s->first = (s->first + (size_t)k) % QUEUE_BYTES;
            s->n -= (size_t)k;
        } else if (k < 0 && errno == EINTR) {
            continue;
        } else if (k < 0 && errno == EAGAIN) {
            return;
        } else {
            mourn(s);
        }
    }
    if (s->n == 0) {
        s->first = 0; /* the same memory again */
    }
}

/* Waits until the pipe takes more, or STEP_MS. True when something moved. */
static bool wait_a_step(struct sender *s)
{
    struct pollfd p[2] = {{.fd = s->from, .events = POLLIN},
                          {.fd = s->n ? s->to : -1, .events = POLLOUT}};
    size_t queued = s->n;
    poll(p, 2, STEP_MS);
    bool heard = hear(s);
    hand_over(s);
    return heard || s->n != queued;
}

static bool has_room(const struct sender *s, size_t n)
{
    return s->n + n <= LIMIT_SEND_QUEUE_BYTES;
}

static uint64_t settled(const struct child_report *r)
{
    return r->delivered + r->kept + r->lost;
}

static void wait_for_room(struct sender *s, size_t n)
{
    tick_t since = now_monotonic();
    while (!has_room(s, n) && s->to >= 0 && !s->hopeless) {
        uint64_t before = settled(&s->report);
        size_t queued = s->n;
        wait_a_step(s);
        tick_t now = now_monotonic();
        if (s->n != queued || settled(&s->report) != before) {
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

static void append(struct sender *s, const void *p, size_t n)
{
    size_t at = (s->first + s->n) % QUEUE_BYTES;
    size_t straight = QUEUE_BYTES - at;
    if (n <= straight) {
        memcpy(s->queue + at, p, n);
    } else {
        memcpy(s->queue + at, p, straight);
        memcpy(s->queue, (const char *)p + straight, n - straight);
    }
    s->n += n;
}

void sender_send(struct sender *s, struct span key, struct span record)
{
    const struct frame_head head = {(uint32_t)key.n, (uint32_t)record.n};
    size_t need = sizeof head + key.n + record.n;
    if (s->to < 0 || key.n > LIMIT_SEND_KEY_BYTES || record.n == 0 ||
        record.n > LIMIT_SEND_RECORD_BYTES) {
        lose_one(s);
        return;
    }
    if (!has_room(s, need)) {
        hand_over(s);
    }
    if (s->patient) {
        wait_for_room(s, need);
    }
    if (!has_room(s, need) || s->to < 0) {
        lose_one(s);
        return;
    }
    s->hopeless = false;
    append(s, &head, sizeof head);
    append(s, key.p, key.n);
    append(s, record.p, record.n);
    s->sent++;
    if (s->n >= HAND_OVER) {
        hand_over(s);
    }
}

void sender_poll(struct sender *s)
{
    hand_over(s);
    hear(s);
    if (s->from < 0 && s->to >= 0) {
        mourn(s);
    }
}

/* ---- the end ---- */

static void finish_live(struct sender *s)
{
    while (s->from >= 0 && now_monotonic() < s->until) {
        wait_a_step(s);
    }
}

static tick_t live_end(void)
{
    return now_monotonic() + (LIMIT_SEND_LIVE_MS + LIVE_EXTRA_MS) * TICK_MSEC;
}

/* Its process bounds the wait itself, and reports several times a second. */
static void finish_patiently(struct sender *s,
                             const volatile sig_atomic_t *hurry)
{
    tick_t heard = now_monotonic();
    while (s->from >= 0 && now_monotonic() < heard + SILENCE &&
           !(hurry && *hurry)) {
        if (wait_a_step(s)) {
            heard = now_monotonic();
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
    const struct frame_head head = {ms, 0};
    append(s, &head, sizeof head);
    hand_over(s);
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
    tick_t until = now_monotonic() + START_MS * TICK_MSEC;
    while (!hear(s) && s->from >= 0 && now_monotonic() < until) {
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

static void set_up_pipe(int fd, bool large)
{
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    if (large && fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES) < 0) {
        fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES_USER);
    }
}

static bool fork_child(struct sender *s, const struct sender_options *o,
                       char error[256])
{
    int there[2] = {-1, -1};
    int back[2] = {-1, -1};
    pid_t pid = -1;
    if (pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0) {
        set_up_pipe(there[1], true);
        set_up_pipe(back[0], false);
        set_up_pipe(back[1], false);
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
            child_run(o, there[0], back[1]);
        }
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
        s->queue = malloc(QUEUE_BYTES);
    }
    if (!s || !s->queue) {
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
        free(s->queue);
        free(s);
    }
}
