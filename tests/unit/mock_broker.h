/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka cluster to test against, in a process of its own: librdkafka's mock
 * brokers, which can go down, come back, and return errors.
 *
 * Records are expected to be JSON that begins with {"n":NUMBER.
 */
#ifndef TESTS_MOCK_BROKER_H
#define TESTS_MOCK_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mock_broker {
    pid_t pid;
    int to, from;
    char where[256]; /* BROKERS/TOPIC */
};

/* What the topic holds. */
struct mock_count {
    uint64_t messages; /* high watermarks: all that were ever appended */
    uint64_t read;     /* those that could be read back */
    uint64_t distinct; /* numbers among these */
    uint64_t keyed;    /* whose key is "key-NUMBER" */
};

/* False when there is no librdkafka. */
bool mock_broker_start(struct mock_broker *m, unsigned brokers,
                       unsigned partitions);
void mock_broker_set_up(struct mock_broker *m, bool up);
/* The next `times` produce requests fail with librdkafka's error code. */
void mock_broker_fail(struct mock_broker *m, int error, unsigned times);
/* `read_back`: also reads all messages; otherwise only the first is set. */
void mock_broker_count(struct mock_broker *m, bool read_back,
                       struct mock_count *out);
void mock_broker_stop(struct mock_broker *m);

#endif
