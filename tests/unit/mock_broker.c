/* SPDX-License-Identifier: Apache-2.0 */
/* One line asks, one line answers. */
#include "config.h"

#include "mock_broker.h"

#ifdef HAVE_RDKAFKA

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOPIC       "tls"
#define PRODUCE     0 /* Kafka's number of the request */
#define NUMBERS_MAX 2000000u
#define READ_MS     5000

struct mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    unsigned brokers, partitions;
};

/* ---- in its process ---- */

static void set_all(const struct mock *m, bool up)
{
    for (unsigned i = 1; i <= m->brokers; i++) {
        if (up) {
            rd_kafka_mock_broker_set_up(m->cluster, (int32_t)i);
        } else {
            rd_kafka_mock_broker_set_down(m->cluster, (int32_t)i);
        }
    }
}

static rd_kafka_t *consumer(const struct mock *m)
{
    char why[256];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set(c, "bootstrap.servers",
                      rd_kafka_mock_cluster_bootstraps(m->cluster), why,
                      sizeof why);
    rd_kafka_conf_set(c, "group.id", "count", why, sizeof why);
    rd_kafka_conf_set(c, "enable.partition.eof", "true", why, sizeof why);
    rd_kafka_conf_set(c, "auto.offset.reset", "earliest", why, sizeof why);
    return rd_kafka_new(RD_KAFKA_CONSUMER, c, why, sizeof why);
}

static void note(const rd_kafka_message_t *msg, unsigned char *seen,
                 struct mock_count *out)
{
    char text[64] = "";
    char key[32] = "";
    char expected[32];
    size_t n = msg->len < sizeof text - 1 ? msg->len : sizeof text - 1;
    memcpy(text, msg->payload, n);
    n = msg->key_len < sizeof key - 1 ? msg->key_len : sizeof key - 1;
    memcpy(key, msg->key, n);
    unsigned number;
    out->read++;
    if (sscanf(text, "{\"n\":%u", &number) == 1 && number < NUMBERS_MAX) {
        out->distinct += !seen[number];
        seen[number] = 1;
        snprintf(expected, sizeof expected, "key-%u", number);
        out->keyed += strcmp(key, expected) == 0;
    }
}

static void read_all(const struct mock *m, rd_kafka_t *rk,
                     struct mock_count *out)
{
    unsigned char *seen = calloc(NUMBERS_MAX, 1);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
    for (unsigned i = 0; i < m->partitions; i++) {
        rd_kafka_topic_partition_list_add(all, TOPIC, (int32_t)i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(rk, all);
    for (unsigned ends = 0; ends < m->partitions;) {
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, READ_MS);
        if (!msg) {
            break;
        }
        if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            ends++;
        } else if (!msg->err) {
            note(msg, seen, out);
        }
        rd_kafka_message_destroy(msg);
    }
    rd_kafka_topic_partition_list_destroy(all);
    free(seen);
}

static void count(const struct mock *m, bool read_back, struct mock_count *out)
{
    rd_kafka_t *rk = consumer(m);
    *out = (struct mock_count){0};
    for (unsigned i = 0; i < m->partitions; i++) {
        int64_t low;
        int64_t high = 0;
        rd_kafka_query_watermark_offsets(rk, TOPIC, (int32_t)i, &low, &high,
                                         READ_MS);
        out->messages += (uint64_t)high;
    }
    if (read_back) {
        read_all(m, rk, out);
    }
    rd_kafka_destroy(rk);
}

static void obey(const struct mock *m, const char *line)
{
    struct mock_count c;
    int error;
    unsigned times;
    if (strncmp(line, "up", 2) == 0 || strncmp(line, "down", 4) == 0) {
        set_all(m, line[0] == 'u');
        puts("done");
    } else if (sscanf(line, "fail %d %u", &error, &times) == 2) {
        while (times-- > 0) {
            rd_kafka_mock_push_request_errors(m->cluster, PRODUCE, 1, error);
        }
        puts("done");
    } else {
        count(m, strncmp(line, "read", 4) == 0, &c);
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", c.messages,
               c.read, c.distinct, c.keyed);
    }
    fflush(stdout);
}

static void serve(unsigned brokers, unsigned partitions)
{
    char why[256];
    char line[64];
    struct mock m = {.brokers = brokers, .partitions = partitions};
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    rd_kafka_conf_set(c, "log_level", "0", why, sizeof why);
    m.rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof why);
    m.cluster = m.rk ? rd_kafka_mock_cluster_new(m.rk, (int)brokers) : NULL;
    if (!m.cluster) {
        return;
    }
    rd_kafka_mock_topic_create(m.cluster, TOPIC, (int)partitions, 1);
    printf("%s/%s\n", rd_kafka_mock_cluster_bootstraps(m.cluster), TOPIC);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        obey(&m, line);
    }
}

/* ---- outside ---- */

static bool get_line(const struct mock_broker *m, char *out, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && read(m->from, out + n, 1) == 1 && out[n] != '\n') {
        n++;
    }
    out[n] = '\0';
    return n > 0;
}

static void ask(const struct mock_broker *m, const char *what, char answer[256])
{
    if (write(m->to, what, strlen(what)) < 0 || !get_line(m, answer, 256)) {
        answer[0] = '\0';
    }
}

bool mock_broker_start(struct mock_broker *m, unsigned brokers,
                       unsigned partitions)
{
    int there[2];
    int back[2];
    if (pipe(there) != 0 || pipe(back) != 0) {
        return false;
    }
    fflush(NULL);
    m->pid = fork();
    if (m->pid == 0) {
        dup2(there[0], STDIN_FILENO);
        dup2(back[1], STDOUT_FILENO);
        close(there[1]);
        close(back[0]);
        serve(brokers, partitions);
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    m->to = there[1];
    m->from = back[0];
    return m->pid > 0 && get_line(m, m->where, sizeof m->where);
}

void mock_broker_set_up(struct mock_broker *m, bool up)
{
    char answer[256];
    ask(m, up ? "up\n" : "down\n", answer);
}

void mock_broker_fail(struct mock_broker *m, int error, unsigned times)
{
    char what[64];
    char answer[256];
    snprintf(what, sizeof what, "fail %d %u\n", error, times);
    ask(m, what, answer);
}

void mock_broker_count(struct mock_broker *m, bool read_back,
                       struct mock_count *out)
{
    char answer[256];
    *out = (struct mock_count){0};
    ask(m, read_back ? "read\n" : "count\n", answer);
    (void)!sscanf(answer, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                  &out->messages, &out->read, &out->distinct, &out->keyed);
}

void mock_broker_stop(struct mock_broker *m)
{
    close(m->to);
    close(m->from);
    waitpid(m->pid, NULL, 0);
}

#else

bool mock_broker_start(struct mock_broker *m, unsigned brokers,
                       unsigned partitions)
{
    (void)m;
    (void)brokers;
    (void)partitions;
    return false;
}

void mock_broker_set_up(struct mock_broker *m, bool up)
{
    (void)m;
    (void)up;
}

void mock_broker_fail(struct mock_broker *m, int error, unsigned times)
{
    (void)m;
    (void)error;
    (void)times;
}

void mock_broker_count(struct mock_broker *m, bool read_back,
                       struct mock_count *out)
{
    (void)m;
    (void)read_back;
    *out = (struct mock_count){0};
}

void mock_broker_stop(struct mock_broker *m)
{
    (void)m;
}

#endif
