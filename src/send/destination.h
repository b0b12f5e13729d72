/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a sender delivers records: a broker's topic, a server's stream. Made
 * and checked before the sender's process is forked, started in that process
 * once it is confined.
 *
 * A message belongs to the destination from push() until it hands it back by
 * `done`, exactly once. Nothing blocks for longer than poll() says.
 */
#ifndef SEND_DESTINATION_H
#define SEND_DESTINATION_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A record on its way. */
struct message {
    struct message *next; /* for its holder */
    bool replayed;        /* comes from the spill file */
    uint32_t key_n, record_n;
    char data[]; /* the key, and the record behind it */
};

/* NULL when memory is out. */
struct message *message_new(const void *key, size_t key_n, const void *record,
                            size_t record_n);

enum delivery {
    DELIVERED,
    UNDELIVERED,  /* it may work later */
    UNDELIVERABLE /* never will: too large */
};

typedef void destination_done(void *ctx, struct message *m, enum delivery d);

struct destination {
    const char *kind; /* "kafka", "redis" */
    char *name;       /* for messages: no secrets in it; owned by `self` */
    void *self;
    /* Connects, or begins to. False with one line in error[] when it never
     * can: a server that is away is no error. */
    bool (*start)(void *self, destination_done *done, void *ctx,
                  char error[256]);
    /* False: no room, or it is away; the message stays the caller's. */
    bool (*push)(void *self, struct message *m);
    /* Hands back what is settled; waits for up to `ms` milliseconds only when
     * that is how it gets its answers. */
    void (*poll)(void *self, int ms);
    /* Hands back everything, soon. */
    void (*give_up)(void *self);
    /* Why nothing is delivered now, or NULL. */
    const char *(*trouble)(const void *self);
    void (*free)(void *self);
};

/* `BROKER[:PORT][,...]/TOPIC`, and librdkafka's properties as NAME=VALUE.
 * False with one line in error[]. */
bool kafka_destination(const char *where, const char *const *properties,
                       size_t n, struct destination *out, char error[256]);

/* `redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DB][?stream=NAME&maxlen=N]`, see
 * redis_url.h. */
bool redis_destination(const char *url, struct destination *out,
                       char error[256]);

/* Their libraries, one line each; NULL: not compiled in. */
const char *kafka_version(void);
const char *redis_version(void);

#endif
