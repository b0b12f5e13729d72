/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Redis stream, by hiredis: XADD STREAM MAXLEN ~ N * community_id ID record
 * JSON. Commands are sent as the server takes them, and replies read as they
 * come; only to connect and to log in is waited for, and not for long. When the
 * connection breaks, or no reply is complete in time, all that awaits one
 * counts as not delivered.
 */
#include "config.h"

#include "send/destination.h"
#include "send/redis_url.h"
#include "send/tls_client.h"

#include <stdio.h>

#ifdef HAVE_HIREDIS

#include "base/limits.h"
#include "base/tick.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

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
    struct link link;         /* the connection's */
    char *out;                /* commands; those before out_at were sent */
    size_t out_at, out_n, out_size;
    tick_t answer; /* the next one is due then, when something is on its way */
    tick_t retry;  /* when to connect again */
    struct message *first, **last;
    size_t flight, flight_bytes;
    bool away; /* until something is delivered again */
    char why[160];
    destination_done *done;
    void *ctx;
};

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
    link_close(&r->link);
    if (r->connection) {
        redisFree(r->connection);
        r->connection = NULL;
    }
    r->out_n = r->out_at = 0;
}

static void lose(struct redis *r, const char *why)
{
    snprintf(r->why, sizeof r->why, "%s", why);
    r->away = true;
    hang_up(r);
    r->retry = tick_now() + RETRY;
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
    if (r->out_at && r->out_n + (size_t)bytes > r->out_size) {
        /* It need never be empty: what was sent makes room. */
        r->out_n -= r->out_at;
        memmove(r->out, r->out + r->out_at, r->out_n);
        r->out_at = 0;
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

/* As much as is taken now. False: the connection is lost. */
static bool send_some(struct redis *r)
{
    long k = 1;
    size_t from = r->out_at;
    while (k > 0 && r->out_at < r->out_n) {
        k = link_write(&r->link, r->out + r->out_at, r->out_n - r->out_at);
        r->out_at += k > 0 ? (size_t)k : 0;
    }
    if (r->out_at != from) { /* the way there may be slow */
        r->answer = tick_now() + ANSWER_MS * TICK_MSEC;
    }
    if (r->out_at == r->out_n) {
        r->out_at = r->out_n = 0;
    }
    if (k < 0) {
        lose(r, "it takes nothing any more");
    }
    return k >= 0;
}

/* The next reply, NULL: it is not complete yet, or, without a connection, it is
 * lost. */
static redisReply *next_reply(struct redis *r)
{
    char buffer[READ_BYTES];
    redisReader *reader = r->connection->reader;
    void *reply = NULL;
    for (;;) {
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            lose(r, reader->errstr);
            return NULL;
        }
        if (reply) {
            return reply;
        }
        long n = link_read(&r->link, buffer, sizeof buffer);
        if (n < 0) {
            lose(r, "it closed the connection");
        }
        if (n <= 0) {
            return NULL;
        }
        if (redisReaderFeed(reader, buffer, (size_t)n) != REDIS_OK) {
            lose(r, reader->errstr);
            return NULL;
        }
    }
}

/* A server that refuses one refuses all: no memory, read only, another type of
 * key. Its refusal of AUTH or SELECT quotes no password. */
static bool is_good(struct redis *r, redisReply *reply)
{
    bool ok = reply->type != REDIS_REPLY_ERROR;
    if (!ok) {
        lose(r, reply->str);
    }
    freeReplyObject(reply);
    return ok;
}

/* Logging in: sent, answered, and wiped. */
static bool command(struct redis *r, int n, const char **words)
{
    char *text = NULL;
    int bytes = (int)redisFormatCommandArgv(&text, n, words, NULL);
    tick_t until = tick_now() + ANSWER_MS * TICK_MSEC;
    redisReply *reply = NULL;
    long k = 0;
    for (int at = 0; at < bytes && k >= 0; at += (int)k) {
        k = link_write(&r->link, text + at, (size_t)(bytes - at));
        if (k == 0 && !link_wait(&r->link, POLLOUT, until)) {
            k = -1;
        }
    }
    if (bytes > 0) {
        explicit_bzero(text, (size_t)bytes);
        free(text);
    }
    while (bytes > 0 && k >= 0 && r->connection && !(reply = next_reply(r))) {
        if (r->connection && !link_wait(&r->link, POLLIN, until)) {
            break;
        }
    }
    if (!reply && r->connection) {
        lose(r, "no answer in time");
    }
    return reply && is_good(r, reply);
}

static bool log_in(struct redis *r)
{
    char db[16];
    const struct redis_url *u = &r->url;
    bool named = u->user[0];
    const char *in[] = {"AUTH", named ? u->user : u->password, u->password};
    const char *choose[] = {"SELECT", db};
    snprintf(db, sizeof db, "%u", u->db);
    return (!u->password[0] || command(r, named ? 3 : 2, in)) &&
           (u->db == 0 || command(r, 2, choose));
}

static bool connect_to(struct redis *r)
{
    const struct timeval connecting = {CONNECT_MS / 1000, 0};
    char why[160];
    if (tick_now() < r->retry) {
        return false;
    }
    r->connection =
        redisConnectWithTimeout(r->url.host, r->url.port, connecting);
    if (!r->connection || r->connection->err) {
        lose(r, r->connection ? r->connection->errstr : "out of memory");
        return false;
    }
    redisEnableKeepAlive(r->connection);
    r->link.fd = r->connection->fd;
    if (!link_open(&r->link, r->tls, r->url.host, ANSWER_MS, why)) {
        lose(r, why);
        return false;
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
    if (!r->flight) {
        r->answer = tick_now() + ANSWER_MS * TICK_MSEC;
    }
    queue(r, m);
    return true;
}

static void redis_poll(void *self, int ms)
{
    struct redis *r = self;
    redisReply *reply;
    (void)ms;
    if (!r->first || !send_some(r)) {
        return;
    }
    while (r->first && (reply = next_reply(r)) && is_good(r, reply)) {
        r->away = false;
        r->answer = tick_now() + ANSWER_MS * TICK_MSEC;
        settle(r, DELIVERED);
    }
    if (r->first && tick_now() > r->answer) {
        lose(r, "no answer in time");
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
