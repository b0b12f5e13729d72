/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 3164's form, as the local socket has it (a header with time and tag, no
 * host), and systemd's notification protocol. Their libraries open a socket
 * when they need one, which is too late here.
 */
#include "config.h"

#include "messages.h"

#include "report/fields.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES 1024u

struct syslog_outlet {
    struct sockaddr_un address;
    int fd;
    uint64_t lost;
};

/* Connects a datagram socket; "@name" is an abstract one. -1 and errno. */
static int connect_to(const char *path, struct sockaddr_un *a, socklen_t *n)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof a->sun_path || (*path != '/' && *path != '@')) {
        errno = EINVAL;
        return -1;
    }
    memcpy(a->sun_path, path, length);
    *n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (*path == '@') {
        a->sun_path[0] = '\0';
    } else {
        (*n)++;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)a, *n) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

/* ---- the system's log ---- */

struct syslog_outlet *syslog_outlet_new(const char *path, char error[256])
{
    struct syslog_outlet *s = calloc(1, sizeof *s);
    socklen_t n;
    if (!s) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    s->fd = connect_to(path, &s->address, &n);
    if (s->fd < 0) {
        snprintf(error, 256, "%.100s: %s", path, strerror(errno));
        free(s);
        return NULL;
    }
    return s;
}

void syslog_outlet_free(struct syslog_outlet *s)
{
    if (s) {
        close(s->fd);
        free(s);
    }
}

static void header(struct text *t)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm tm = {0};
    localtime_r(&now, &tm);
    text_fmt(t, "<%d>%.3s %2d %02d:%02d:%02d tlswhy[%ld]: ",
             LOG_DAEMON | LOG_WARNING, months + 3 * (tm.tm_mon % 12),
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (long)getpid());
}

/* 192.0.2.1:49152 -> 192.0.2.2:443 (example.com): SENTENCE [likely: SLUG] */
static void body(struct text *t, const struct record *r)
{
    const struct handshake *hs = r->hs;
    const struct hs_addr *c = &hs->addr[SIDE_CLIENT];
    const struct hs_addr *s = &hs->addr[SIDE_SERVER];
    const struct known_cause *cause = record_cause(r);
    struct span sni = record_sni(r);
    const char *reason = record_reason(r);
    format_endpoint(t, c->ip, c->port, hs->ip_version);
    text_add(t, " -> ");
    format_endpoint(t, s->ip, s->port, hs->ip_version);
    if (sni.n) {
        text_add(t, " (");
        text_term(t, span_sub(sni, 0, 255));
        text_add(t, ")");
    }
    text_add(t, ": ");
    text_term(t, span_text(reason ? reason : "TLS handshake failed"));
    if (cause) {
        text_fmt(t, " [%s: %s]", confidence_name(r->verdict->confidence),
                 cause->slug);
    }
}

static bool post(const struct syslog_outlet *s, const struct text *t)
{
    return send(s->fd, text_str(t), t->n, MSG_DONTWAIT | MSG_NOSIGNAL) ==
           (ssize_t)t->n;
}

void syslog_outlet_record(struct syslog_outlet *s, const struct record *r)
{
    if (!s || record_outcome(r) != OUTCOME_FAILURE || r->hs->end_state.benign) {
        return;
    }
    struct text t;
    text_init(&t, MESSAGE_BYTES);
    header(&t);
    body(&t, r);
    bool sent = post(s, &t);
    if (!sent && errno != EAGAIN && errno != EMSGSIZE) {
        /* The log was started anew. */
        sent = connect(s->fd, (const struct sockaddr *)&s->address,
                       sizeof s->address) == 0 &&
               post(s, &t);
    }
    s->lost += !sent;
    text_free(&t);
}

int syslog_outlet_socket(const struct syslog_outlet *s)
{
    return s ? s->fd : -1;
}

uint64_t syslog_outlet_lost(const struct syslog_outlet *s)
{
    return s ? s->lost : 0;
}

/* ---- systemd ---- */

static void notify(const struct service *s, const char *what)
{
    if (s->fd >= 0) {
        (void)!send(s->fd, what, strlen(what), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void service_init(struct service *s)
{
    const char *path = getenv("NOTIFY_SOCKET");
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    struct sockaddr_un a;
    socklen_t n;
    *s = (struct service){.fd = -1};
    if (!path || (s->fd = connect_to(path, &a, &n)) < 0) {
        return;
    }
    if (usec && (!pid || strtol(pid, NULL, 10) == (long)getpid())) {
        long long v = strtoll(usec, NULL, 10);
        s->every = v > 0 && v < INT64_MAX / TICK_USEC ? v * TICK_USEC / 2 : 0;
    }
}

void service_ready(const struct service *s)
{
    notify(s, "READY=1\nSTATUS=Capturing");
}

void service_alive(struct service *s)
{
    if (!s->every) {
        return;
    }
    tick_t now = tick_now();
    if (now >= s->due) {
        s->due = now + s->every;
        notify(s, "WATCHDOG=1");
    }
}

void service_stopping(struct service *s)
{
    notify(s, "STOPPING=1");
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->fd = -1;
}
