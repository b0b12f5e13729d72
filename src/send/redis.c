/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Redis stream, by hiredis: XADD STREAM MAXLEN ~ N * community_id ID record
 * JSON. Commands are sent in batches whose replies are read together; when the
 * connection breaks, the whole batch counts as not delivered.
 */
#include "config.h"

#include "send/destination.h"
#include "send/redis_url.h"
#include "send/tls_client.h"

#include <stdio.h>

#ifdef HAVE_HIREDIS

#include "base/limits.h"
#include "base/tick.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH_RECORDS 1000u
#define BATCH_BYTES   ((size_t)2 * 1024 * 1024)
#define CONNECT_MS    1000
#define ANSWER_MS     2000
#define READ_BYTES    16384u
#define RETRY         TICK_SEC

struct redis {
    struct redis_url url;
    char *name;
    char max_length[24];
    SSL_CTX *tls;             /* NULL: none wanted */
    redisContext *connection; /* NULL: none */
    SSL *ssl;                 /* of the connection; NULL: plain */
    char *out;                /* commands that were not sent yet */
    size_t out_n, out_size;
    tick_t retry; /* when to connect again */
    struct message *first, **last;
    size_t flight, flight_bytes;
    bool away; /* until something is delivered again */
    char why[160];
    destination_done *done;
    void *ctx;
};

static tick_t now_monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return tick_make(t.tv_sec, t.tv_nsec);
}

/* ---- the queue of what awaits its reply ---- */

static void queue(struct redis *r, struct message *m)
{
    m->next = NULL;
    *r->last = m;
    r->last = &m->next;
    r->flight++;
    r->flight_bytes += (size_t)m->key_n + m->record_n;
}

static void settle(struct redis *r, enum delivery d)
{
    struct message *m = r->first;
    r->first = m->next;
    if (!r->first) {
        r->last = &r->first;
    }
    r->flight--;
    r->flight_bytes -= (size_t)m->key_n + m->record_n;
    r->done(r->ctx, m, d);
}

/* ---- the connection ---- */

static void hang_up(struct redis *r)
{
    SSL_free(r->ssl);
    r->ssl = NULL;
    if (r->connection) {
        redisFree(r->connection);
        r->connection = NULL;
    }
    r->out_n = 0;
}

static void lose(struct redis *r, const char *why)
{
    snprintf(r->why, sizeof r->why, "%s", why);
    r->away = true;
    hang_up(r);
    r->retry = now_monotonic() + RETRY;
    while (r->first) {
        settle(r, UNDELIVERED);
    }
}

/* The library writes commands and reads replies; the bytes go by way of TLS or
 * not, so they are carried here. */
static bool append(struct redis *r, int n, const char **words,
                   const size_t *lengths)
{
    char *text;
    int bytes = (int)redisFormatCommandArgv(&text, n, words, lengths);
    if (bytes < 0) {
        return false;
    }
    size_t need = r->out_n + (size_t)bytes;
    if (need > r->out_size) {
        size_t size = need > 2 * r->out_size ? need : 2 * r->out_size;
        char *out = realloc(r->out, size);
        if (!out) {
            free(text);
            return false;
        }
        r->out = out;
        r->out_size = size;
    }
    memcpy(r->out + r->out_n, text, (size_t)bytes);
    r->out_n = need;
    free(text);
    return true;
}

/* What came, at most n bytes; 0 or less: nothing does any more, or in time. */
static int receive(const struct redis *r, char *p, int n)
{
    if (r->ssl) {
        return SSL_read(r->ssl, p, n);
    }
    ssize_t k;
    do {
        k = recv(r->connection->fd, p, (size_t)n, 0);
    } while (k < 0 && errno == EINTR);
    return (int)k;
}

static bool send_all(struct redis *r)
{
    for (size_t done = 0; done < r->out_n;) {
        size_t n = r->out_n - done;
        ssize_t k =
            r->ssl ? SSL_write(r->ssl, r->out + done, (int)n)
                   : send(r->connection->fd, r->out + done, n, MSG_NOSIGNAL);
        if (k <= 0 && (r->ssl || errno != EINTR)) {
            return false;
        }
        done += k > 0 ? (size_t)k : 0;
    }
    r->out_n = 0;
    return true;
}

static redisReply *lost(struct redis *r, const char *why)
{
    lose(r, why);
    return NULL;
}

/* The next reply; NULL: the connection is lost. */
static redisReply *next_reply(struct redis *r)
{
    char buffer[READ_BYTES];
    redisReader *reader = r->connection->reader;
    if (!send_all(r)) {
        return lost(r, "it takes nothing any more");
    }
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            return lost(r, reader->errstr);
        }
        if (reply) {
            return reply;
        }
        errno = 0;
        int n = receive(r, buffer, sizeof buffer);
        if (n <= 0) {
            return lost(r, errno == EAGAIN ? "no answer in time"
                                           : "it closed the connection");
        }
        if (redisReaderFeed(reader, buffer, (size_t)n) != REDIS_OK) {
            return lost(r, reader->errstr);
        }
    }
}

/* The next reply, when it is no error; one of AUTH or SELECT quotes no
 * password. */
static bool is_good(struct redis *r)
{
    redisReply *reply = next_reply(r);
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;
    if (reply && !ok) {
        lose(r, reply->str);
    }
    if (reply) {
        freeReplyObject(reply);
    }
    return ok;
}

static bool command(struct redis *r, int n, const char *const *words)
{
    const char *v[3];
    for (int i = 0; i < n; i++) {
        v[i] = words[i];
    }
    if (!append(r, n, v, NULL)) {
        lose(r, "out of memory");
        return false;
    }
    return is_good(r);
}

static bool log_in(struct redis *r)
{
    char db[16];
    const struct redis_url *u = &r->url;
    const char *const full[] = {"AUTH", u->user, u->password};
    const char *const brief[] = {"AUTH", u->password};
    const char *const choose[] = {"SELECT", db};
    snprintf(db, sizeof db, "%u", u->db);
    bool ok = true;
    if (u->password[0]) {
        ok = u->user[0] ? command(r, 3, full) : command(r, 2, brief);
    }
    return ok && (u->db == 0 || command(r, 2, choose));
}

static bool connect_to(struct redis *r)
{
    const struct timeval connecting = {CONNECT_MS / 1000, 0};
    const struct timeval answering = {ANSWER_MS / 1000, 0};
    if (now_monotonic() < r->retry) {
        return false;
    }
    r->connection =
        redisConnectWithTimeout(r->url.host, r->url.port, connecting);
    if (!r->connection || r->connection->err) {
        lose(r, r->connection ? r->connection->errstr : "out of memory");
        return false;
    }
    redisSetTimeout(r->connection, answering);
    redisEnableKeepAlive(r->connection);
    if (r->tls) {
        char why[160];
        r->ssl =
            tls_client_connect(r->tls, r->connection->fd, r->url.host, why);
        if (!r->ssl) {
            lose(r, why);
            return false;
        }
    }
    return log_in(r);
}

/* ---- the destination ---- */

static bool redis_start(void *self, destination_done *done, void *ctx,
                        char error[256])
{
    struct redis *r = self;
    (void)error;
    r->done = done;
    r->ctx = ctx;
    connect_to(r);
    return true;
}

static bool redis_push(void *self, struct message *m)
{
    struct redis *r = self;
    size_t n = (size_t)m->key_n + m->record_n;
    if ((!r->connection && !connect_to(r)) || r->flight >= BATCH_RECORDS ||
        (r->flight && r->flight_bytes + n > BATCH_BYTES)) {
        return false;
    }
    const char *words[] = {
        "XADD", r->url.stream,  "MAXLEN", "~",      r->max_length,
        "*",    "community_id", m->data,  "record", m->data + m->key_n};
    size_t lengths[] = {4,
                        strlen(r->url.stream),
                        6,
                        1,
                        strlen(r->max_length),
                        1,
                        12,
                        m->key_n,
                        6,
                        m->record_n};
    /* Without a bound: XADD STREAM * ... */
    const size_t cut = r->url.max_length ? 0 : 3;
    if (cut) {
        words[3] = words[0];
        words[4] = words[1];
        lengths[3] = lengths[0];
        lengths[4] = lengths[1];
    }
    if (!append(r, (int)(10 - cut), words + cut, lengths + cut)) {
        return false;
    }
    queue(r, m);
    return true;
}

/* A server that refuses one refuses all: no memory, read only, another type of
 * key. */
static bool settle_one(struct redis *r)
{
    if (!is_good(r)) {
        return false;
    }
    r->away = false;
    settle(r, DELIVERED);
    return true;
}

static void redis_poll(void *self, int ms)
{
    struct redis *r = self;
    (void)ms;
    while (r->first && settle_one(r)) {
    }
}

static void redis_give_up(void *self)
{
    struct redis *r = self;
    if (r->first) {
        lose(r, "given up");
    }
}

static const char *redis_trouble(const void *self)
{
    const struct redis *r = self;
    return r->away ? r->why : NULL;
}

static void redis_free(void *self)
{
    struct redis *r = self;
    hang_up(r);
    SSL_CTX_free(r->tls);
    explicit_bzero(&r->url, sizeof r->url);
    free(r->out);
    free(r->name);
    free(r);
}

bool redis_destination(const char *url, struct destination *out,
                       char error[256])
{
    struct redis *r = calloc(1, sizeof *r);
    if (!r) {
        snprintf(error, 256, "out of memory");
        return false;
    }
    if (!redis_url_parse(url, &r->url, error)) {
        redis_free(r);
        return false;
    }
    const struct redis_url *u = &r->url;
    if (u->tls && !(r->tls = tls_client_new(*u->ca ? u->ca : NULL,
                                            *u->cert ? u->cert : NULL,
                                            *u->key ? u->key : NULL, error))) {
        redis_free(r);
        return false;
    }
    r->last = &r->first;
    snprintf(r->max_length, sizeof r->max_length, "%" PRIu64,
             r->url.max_length);
    if (asprintf(&r->name, "%s:%u/%u, stream %s", r->url.host, r->url.port,
                 r->url.db, r->url.stream) < 0) {
        r->name = NULL;
        redis_free(r);
        snprintf(error, 256, "out of memory");
        return false;
    }
    *out = (struct destination){.kind = "redis",
                                .name = r->name,
                                .self = r,
                                .start = redis_start,
                                .push = redis_push,
                                .poll = redis_poll,
                                .give_up = redis_give_up,
                                .trouble = redis_trouble,
                                .free = redis_free};
    return true;
}

const char *redis_version(void)
{
#define STRING(x)  #x
#define NUMBERS(x) STRING(x)
    return NUMBERS(HIREDIS_MAJOR) "." NUMBERS(HIREDIS_MINOR) "." NUMBERS(
        HIREDIS_PATCH);
}

#else

bool redis_destination(const char *url, struct destination *out,
                       char error[256])
{
    (void)url;
    (void)out;
    snprintf(error, 256, "not compiled in (hiredis)");
    return false;
}

const char *redis_version(void)
{
    return NULL;
}

#endif
