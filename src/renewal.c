/* SPDX-License-Identifier: Apache-2.0 */
/* A socket pair of datagrams: a byte and a number ask; an errno and the same
 * number answer, and with 0 and a file opened, its descriptor. By the number an
 * answer that came too late is not taken for that to the next question. */
#include "config.h"

#include "renewal.h"

#include "base/text.h"
#include "base/tick.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHIFT     's'
#define OPEN      'o'
#define READY     0
#define ANSWER_MS 2000

struct question {
    uint32_t number;
    char what;
};

struct reply {
    uint32_t number;
    int error;
};

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr head;
};

/* ---- by this process ---- */

static int move(const struct renewal *r, const char *from, const char *to)
{
    return renameat(r->directory, from, r->directory, to) == 0 ? 0 : errno;
}

static int shift_here(const struct renewal *r)
{
    if (r->name) {
        return move(r, r->base, r->name);
    }
    struct text from;
    struct text to;
    text_init(&from, 4096);
    text_init(&to, 4096);
    int error = 0;
    for (unsigned n = r->keep; n > 0 && !error; n--) {
        text_clear(&from);
        text_clear(&to);
        text_add(&from, r->base);
        if (n > 1) {
            text_fmt(&from, ".%u", n - 1);
        }
        text_fmt(&to, "%s.%u", r->base, n);
        error = move(r, text_str(&from), text_str(&to));
        error = error == ENOENT ? 0 : error;
    }
    text_free(&from);
    text_free(&to);
    return error;
}

static int open_here(const struct renewal *r)
{
    const int how = O_WRONLY | O_CREAT | O_CLOEXEC;
    return r->name
               ? openat(r->directory, r->base, how | O_TRUNC | O_NOFOLLOW, 0644)
               : openat(r->directory, r->base, how | O_APPEND, 0640);
}

/* ---- in the other process ---- */

static bool answer(int socket, struct reply r, int fd)
{
    union control c = {{0}};
    struct iovec v = {&r, sizeof r};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = c.bytes;
        m.msg_controllen = sizeof c.bytes;
        c.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                  .cmsg_type = SCM_RIGHTS,
                                  .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(&c.head), &fd, sizeof fd);
    }
    return sendmsg(socket, &m, MSG_NOSIGNAL) == (ssize_t)sizeof r;
}

static bool obey(const struct renewal *r, int socket, struct question q)
{
    if (q.what == SHIFT) {
        return answer(socket, (struct reply){q.number, shift_here(r)}, -1);
    }
    if (q.what != OPEN) {
        return false;
    }
    int fd = open_here(r);
    bool ok = answer(socket, (struct reply){q.number, fd < 0 ? errno : 0}, fd);
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

_Noreturn static void serve(const struct renewal *r, int socket)
{
    char error[256];
    struct question q;
    struct sandbox_status status;
    const int kept[] = {socket, r->directory};
    const struct sandbox_plan plan = {.writable = {r->directory},
                                      .writable_n = 1,
                                      .passes = true,
                                      .reconnecting = -1};
    sandbox_alone(kept, 2);
    prctl(PR_SET_NAME, "renewal");
    if (!sandbox_enter(&plan, &status, error) ||
        !answer(socket, (struct reply){0, READY}, -1)) {
        _exit(2);
    }
    while (read(socket, &q, sizeof q) == (ssize_t)sizeof q &&
           obey(r, socket, q)) {
    }
    _exit(0);
}

/* ---- asking it ---- */

/* Something to hear before `until`; signals do not shorten the wait. */
static bool wait_for(int socket, tick_t until)
{
    struct pollfd p = {.fd = socket, .events = POLLIN};
    int n = -1;
    for (tick_t left; n < 0 && (left = until - tick_now()) > 0;) {
        n = poll(&p, 1, (int)(left / TICK_MSEC) + 1);
        if (n < 0 && errno != EINTR) {
            break;
        }
    }
    return n > 0;
}

/* One reply, whichever. *fd: -1, or a file, which is the caller's. */
static bool receive(int socket, struct reply *r, int *fd)
{
    union control c = {{0}};
    struct iovec v = {r, sizeof *r};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = c.bytes,
                       .msg_controllen = sizeof c.bytes};
    *fd = -1;
    if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof *r) {
        return false;
    }
    const struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h && h->cmsg_type == SCM_RIGHTS &&
        h->cmsg_len == CMSG_LEN(sizeof *fd)) {
        memcpy(fd, CMSG_DATA(h), sizeof *fd);
    }
    return true;
}

/* The errno that it answers to that question; EIO: it does not. *fd: -1, or a
 * file, which is the caller's. */
static int hear(int socket, uint32_t number, int *fd)
{
    struct reply r;
    tick_t until = tick_now() + ANSWER_MS * TICK_MSEC;
    *fd = -1;
    while (wait_for(socket, until) && receive(socket, &r, fd)) {
        if (r.number == number) {
            return r.error;
        }
        if (*fd >= 0) {
            close(*fd);
        }
        *fd = -1;
    }
    return EIO;
}

static int ask(const struct renewal *r, char what, int *fd)
{
    static uint32_t number;
    struct question q;
    memset(&q, 0, sizeof q); /* with what is between its members */
    q.number = ++number;
    q.what = what;
    *fd = -1;
    return send(r->socket, &q, sizeof q, MSG_NOSIGNAL) == (ssize_t)sizeof q
               ? hear(r->socket, q.number, fd)
               : EIO;
}

/* ---- whoever does it ---- */

int renewal_shift(const struct renewal *r)
{
    int fd;
    return r->socket < 0 ? shift_here(r) : ask(r, SHIFT, &fd);
}

int renewal_open(const struct renewal *r)
{
    int fd;
    if (r->socket < 0) {
        return open_here(r);
    }
    errno = ask(r, OPEN, &fd);
    return fd;
}

bool renewal_delegate(struct renewal *r, char error[256])
{
    int ends[2] = {-1, -1};
    int fd;
    pid_t pid = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0) {
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
            serve(r, ends[1]);
        }
    }
    snprintf(error, 256, "%s", strerror(errno));
    if (ends[1] >= 0) {
        close(ends[1]);
    }
    if (pid > 0 && hear(ends[0], 0, &fd) == READY) {
        r->socket = ends[0];
        return true;
    }
    if (pid > 0) {
        snprintf(error, 256, "the process that makes its files does not start");
    }
    if (ends[0] >= 0) {
        close(ends[0]);
    }
    return false;
}

void renewal_end(struct renewal *r)
{
    if (r->socket >= 0) {
        close(r->socket);
    }
    if (r->directory >= 0) {
        close(r->directory);
    }
    r->socket = r->directory = -1;
}
