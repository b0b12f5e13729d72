/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic, by librdkafka's idempotent producer: what is retried arrives once
 * and in order. The key is the connection's Community ID, so that what several
 * sensors saw of one connection meets in one partition.
 *
 * The library hands each message back with its delivery report; nothing is
 * copied in between.
 */
#include "config.h"

#include "send/destination.h"

#ifdef HAVE_RDKAFKA

#include "base/limits.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define TOPIC_MAX_BYTES 249u /* Kafka's own limit */
#define PURGE_TRIES     20
#define PURGE_MS        10
#define KEY_FILE_BYTES  (64u * 1024)

struct kafka {
    char *topic, *name;
    rd_kafka_conf_t *conf;
    rd_kafka_t *producer;
    rd_kafka_topic_t *handle;
    size_t flight_bytes, flight;
    bool away, broken;
    char why[160];
    destination_done *done;
    void *ctx;
};

/* ---- settings ---- */

/* Ours; --kafka-property comes after them. */
static const struct {
    const char *name, *value;
} defaults[] = {
    {"client.id", "tlswhy"},
    {"enable.idempotence", "true"},
    {"compression.type", "lz4"},
    /* As Java's clients spread keys. */
    {"partitioner", "murmur2_random"},
    {"linger.ms", "20"},
    {"batch.num.messages", "10000"},
    /* The bound is ours: LIMIT_SEND_FLIGHT_BYTES. */
    {"queue.buffering.max.kbytes", "262144"},
    {"queue.buffering.max.messages", "1000000"},
    /* Then it goes to the spill file. */
    {"message.timeout.ms", "30000"},
    {"reconnect.backoff.max.ms", "2000"},
    {"log.connection.close", "false"},
};

/* They would take away what is relied upon here. */
static const char *const refused[] = {
    "bootstrap.servers",
    "metadata.broker.list",
    "transactional.id",
    "delivery.report.only.error",
    "dr_cb",
    "dr_msg_cb",
};

static bool set(rd_kafka_conf_t *c, const char *name, const char *value,
                char error[256])
{
    char why[200] = "";
    if (rd_kafka_conf_set(c, name, value, why, sizeof why) ==
        RD_KAFKA_CONF_OK) {
        return true;
    }
    /* The library quotes the value; that may be a secret. */
    bool quotes = *value && strstr(why, value);
    snprintf(error, 256, "property %.80s: %.150s", name,
             quotes ? "the value is wrong" : why);
    return false;
}

/* The private key is read while we may; later we are somebody else. */
static bool set_key(rd_kafka_conf_t *c, const char *path, char error[256])
{
    char text[KEY_FILE_BYTES];
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (!f || ferror(f)) {
        snprintf(error, 256, "%.180s: %s", path, strerror(errno));
        if (f) {
            fclose(f);
        }
        return false;
    }
    fclose(f);
    text[n] = '\0';
    bool ok = set(c, "ssl.key.pem", text, error);
    explicit_bzero(text, sizeof text);
    return ok;
}

static bool set_property(rd_kafka_conf_t *c, const char *property,
                         char error[256])
{
    char name[128];
    const char *equal = strchr(property, '=');
    size_t n = equal ? (size_t)(equal - property) : 0;
    if (n == 0 || n >= sizeof name) {
        snprintf(error, 256, "a property is NAME=VALUE");
        return false;
    }
    memcpy(name, property, n);
    name[n] = '\0';
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (strcmp(name, refused[i]) == 0) {
            snprintf(error, 256, "property %s is not to be set", name);
            return false;
        }
    }
    return strcmp(name, "ssl.key.location") == 0
               ? set_key(c, equal + 1, error)
               : set(c, name, equal + 1, error);
}

/* ---- what the library tells ---- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *report,
                        void *opaque)
{
    struct kafka *k = opaque;
    struct message *m = report->_private;
    (void)rk;
    k->flight--;
    k->flight_bytes -= (size_t)m->key_n + m->record_n;
    switch (report->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        k->away = false;
        k->done(k->ctx, m, DELIVERED);
        break;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
        k->done(k->ctx, m, UNDELIVERABLE);
        break;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        k->done(k->ctx, m, UNDELIVERED);
        break;
    default:
        k->away = true;
        snprintf(k->why, sizeof k->why, "%s", rd_kafka_err2str(report->err));
        k->done(k->ctx, m, UNDELIVERED);
        break;
    }
}

static void on_error(rd_kafka_t *rk, int error, const char *reason,
                     void *opaque)
{
    struct kafka *k = opaque;
    (void)rk;
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
        k->broken = true;
    } else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        k->away = true;
        if (!k->why[0]) {
            snprintf(k->why, sizeof k->why, "%s", reason);
        }
    } else {
        snprintf(k->why, sizeof k->why, "%s", reason);
    }
}

/* Only with the library's own "debug". */
static void on_log(const rd_kafka_t *rk, int level, const char *facility,
                   const char *line)
{
    (void)rk;
    if (level >= 7) {
        fprintf(stderr, "tlswhy: kafka: %s: %s\n", facility, line);
    }
}

/* ---- its threads ---- */

#define YIELDING 5 /* nice(2) */

/* Those that compress yield to the one that takes records, and to the capture:
 * records that wait are kept, but a capture that waits loses packets. */
static rd_kafka_resp_err_t on_thread(rd_kafka_t *rk,
                                     rd_kafka_thread_type_t type,
                                     const char *name, void *opaque)
{
    (void)rk;
    (void)name;
    (void)opaque;
    if (type == RD_KAFKA_THREAD_BROKER) {
        (void)!setpriority(PRIO_PROCESS, 0,
                           getpriority(PRIO_PROCESS, 0) + YIELDING);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *c,
                                  void *opaque, char *why, size_t why_n)
{
    (void)c;
    (void)opaque;
    (void)why;
    (void)why_n;
    return rd_kafka_interceptor_add_on_thread_start(rk, "tlswhy", on_thread,
                                                    NULL);
}

/* ---- the destination ---- */

static bool open_producer(struct kafka *k, char error[256])
{
    char why[200];
    rd_kafka_conf_t *c = rd_kafka_conf_dup(k->conf);
    rd_kafka_conf_interceptor_add_on_new(c, "tlswhy", on_new, NULL);
    k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof why);
    if (!k->producer) {
        rd_kafka_conf_destroy(c);
        snprintf(error, 256, "%s", why);
        return false;
    }
    k->handle = rd_kafka_topic_new(k->producer, k->topic, NULL);
    if (!k->handle) {
        snprintf(error, 256, "%s", rd_kafka_err2str(rd_kafka_last_error()));
        return false;
    }
    k->broken = false;
    return true;
}

static bool kafka_start(void *self, destination_done *done, void *ctx,
                        char error[256])
{
    struct kafka *k = self;
    k->done = done;
    k->ctx = ctx;
    return open_producer(k, error);
}

static void kafka_give_up(void *self)
{
    struct kafka *k = self;
    if (!k->producer) {
        return;
    }
    rd_kafka_purge(k->producer,
                   RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int i = 0; i < PURGE_TRIES && k->flight; i++) {
        rd_kafka_poll(k->producer, PURGE_MS);
    }
}

/* The idempotent producer gave up for good (a broker lost its memory of us):
 * another one begins anew. */
static void begin_anew(struct kafka *k)
{
    char error[256];
    kafka_give_up(k);
    if (k->flight) {
        return; /* next time */
    }
    rd_kafka_topic_destroy(k->handle);
    rd_kafka_destroy_flags(k->producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    k->producer = NULL;
    k->handle = NULL;
    if (!open_producer(k, error)) {
        snprintf(k->why, sizeof k->why, "%.150s", error);
        k->away = true;
    }
}

static bool kafka_push(void *self, struct message *m)
{
    struct kafka *k = self;
    size_t n = (size_t)m->key_n + m->record_n;
    if (!k->handle || k->broken ||
        k->flight_bytes + n > LIMIT_SEND_FLIGHT_BYTES) {
        return false;
    }
    if (rd_kafka_produce(k->handle, RD_KAFKA_PARTITION_UA, 0,
                         m->data + m->key_n, m->record_n,
                         m->key_n ? m->data : NULL, m->key_n, m) == 0) {
        k->flight++;
        k->flight_bytes += n;
        return true;
    }
    rd_kafka_resp_err_t e = rd_kafka_last_error();
    if (e == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        k->done(k->ctx, m, UNDELIVERABLE);
        return true;
    }
    if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        k->away = true;
        snprintf(k->why, sizeof k->why, "%s", rd_kafka_err2str(e));
    }
    return false;
}

static void kafka_poll(void *self, int ms)
{
    struct kafka *k = self;
    (void)ms;
    if (k->broken || !k->handle) {
        if (k->producer) {
            begin_anew(k);
        }
        return;
    }
    rd_kafka_poll(k->producer, 0);
}

static const char *kafka_trouble(const void *self)
{
    const struct kafka *k = self;
    return k->away || !k->handle ? k->why : NULL;
}

static void kafka_free(void *self)
{
    struct kafka *k = self;
    if (k->handle) {
        rd_kafka_topic_destroy(k->handle);
    }
    if (k->producer) {
        rd_kafka_destroy(k->producer);
    }
    if (k->conf) {
        rd_kafka_conf_destroy(k->conf);
    }
    free(k->topic);
    free(k->name);
    free(k);
}

/* ---- making it ---- */

static bool topic_is_good(const char *topic)
{
    size_t n = strspn(topic, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return n > 0 && n <= TOPIC_MAX_BYTES && !topic[n];
}

static bool configure(struct kafka *k, const char *brokers,
                      const char *const *properties, size_t n, char error[256])
{
    rd_kafka_conf_t *c = k->conf;
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        if (!set(c, defaults[i].name, defaults[i].value, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!set_property(c, properties[i], error)) {
            return false;
        }
    }
    rd_kafka_conf_set_dr_msg_cb(c, on_delivery);
    rd_kafka_conf_set_error_cb(c, on_error);
    rd_kafka_conf_set_log_cb(c, on_log);
    rd_kafka_conf_set_opaque(c, k);
    return set(c, "bootstrap.servers", brokers, error);
}

bool kafka_destination(const char *where, const char *const *properties,
                       size_t n, struct destination *out, char error[256])
{
    const char *slash = strchr(where, '/');
    if (!slash || slash == where || !topic_is_good(slash + 1)) {
        snprintf(error, 256, "not BROKER[:PORT][,...]/TOPIC");
        return false;
    }
    struct kafka *k = calloc(1, sizeof *k);
    char *brokers = strndup(where, (size_t)(slash - where));
    if (k) {
        k->topic = strdup(slash + 1);
        k->name = strdup(where);
        k->conf = rd_kafka_conf_new();
    }
    bool ok = k && brokers && k->topic && k->name && k->conf;
    if (!ok) {
        snprintf(error, 256, "out of memory");
    } else {
        ok = configure(k, brokers, properties, n, error);
    }
    free(brokers);
    if (!ok) {
        if (k) {
            kafka_free(k);
        }
        return false;
    }
    *out = (struct destination){.kind = "kafka",
                                .name = k->name,
                                .self = k,
                                .start = kafka_start,
                                .push = kafka_push,
                                .poll = kafka_poll,
                                .give_up = kafka_give_up,
                                .trouble = kafka_trouble,
                                .free = kafka_free};
    return true;
}

const char *kafka_version(void)
{
    return rd_kafka_version_str();
}

#else

#include <stdio.h>

bool kafka_destination(const char *where, const char *const *properties,
                       size_t n, struct destination *out, char error[256])
{
    (void)where;
    (void)properties;
    (void)n;
    (void)out;
    snprintf(error, 256, "not compiled in (librdkafka)");
    return false;
}

const char *kafka_version(void)
{
    return NULL;
}

#endif
