/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Redis stream, by hiredis: XADD STREAM MAXLEN ~ N * community_id ID record
 * JSON. Commands are sent in batches whose replies are read together; when the
 * connection breaks, the whole batch counts as not delivered.
 */
#include "config.h"

#include "send/destination.h"
#include "send/redis_url.h"

#include <stdio.h>

#ifdef HAVE_HIREDIS

#include "base/limits.h"
#include "base/tick.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_RECORDS 1000u
#define BATCH_BYTES   ((size_t)2 * 1024 * 1024)
#define CONNECT_MS    1000
#define ANSWER_MS     2000
#define RETRY         TICK_SEC

struct redis {
    struct redis_url url;
    char *name;
    char max_length[24];
    redisContext *connection; /* NULL: none */
    tick_t retry;             /* when to connect again */
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

static void lose(struct redis *r, const char *why)
{
    snprintf(r->why, sizeof r->why, "%s", why);
    r->away = true;
    if (r->connection) {
        redisFree(r->connection);
        r->connection = NULL;
    }
    r->retry = now_monotonic() + RETRY;
    while (r->first) {
        settle(r, UNDELIVERED);
    }
}

static bool command(struct redis *r, int n, const char *const *words)
{
    const char *v[3];
    for (int i = 0; i < n; i++) {
        v[i] = words[i];
    }
    redisReply *reply = redisCommandArgv(r->connection, n, v, NULL);
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;
    if (!ok) {
        /* An error of AUTH or SELECT quotes no password. */
        lose(r, reply ? reply->str : r->connection->errstr);
    }
    if (reply) {
        freeReplyObject(reply);
    }
    return ok;
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
    if (!log_in(r)) {
        return false;
    }
    return true;
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
    if (redisAppendCommandArgv(r->connection, (int)(10 - cut), words + cut,
                               lengths + cut) != REDIS_OK) {
        lose(r, r->connection->errstr);
        return false;
    }
    queue(r, m);
    return true;
}

/* A server that refuses one refuses all: no memory, read only, another type of
 * key. */
static bool settle_one(struct redis *r)
{
    redisReply *reply = NULL;
    if (redisGetReply(r->connection, (void **)&reply) != REDIS_OK || !reply) {
        lose(r, r->connection->errstr);
        return false;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        lose(r, reply->str);
        freeReplyObject(reply);
        return false;
    }
    freeReplyObject(reply);
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
    if (r->connection) {
        redisFree(r->connection);
    }
    explicit_bzero(&r->url, sizeof r->url);
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
