/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several trackers behind the face of one: each has a thread and a part of the
 * connections. What is handed on, and in which order, does not depend on their
 * number, as long as no bound is hit.
 *
 * One thread calls all of this; `done` is called in it.
 */
#ifndef SHARDS_H
#define SHARDS_H

#include "tracker.h"

#define SHARDS_MAX 64u

struct shards_options {
    unsigned n; /* 2 to SHARDS_MAX */
    /* The bounds are those of all together; done, elsewhere_bytes, relieve and
     * ctx are not used. */
    struct tracker_options tracker;
    bool all; /* every handshake will be reported */
    /* A concluded handshake; returns whether it was moved away. */
    bool (*done)(void *ctx, struct handshake *hs);
    void *ctx;
};

struct shards;

/* Starts the threads; NULL when that, or memory, fails. */
struct shards *shards_new(const struct shards_options *o);
void shards_free(struct shards *s);

/* As those of a tracker, for the one whose connection it is, or for all. */
void shards_packet(struct shards *s, const struct packet *k,
                   const struct tracker_now *now);
void shards_timers(struct shards *s, const struct tracker_now *now);
void shards_keep(struct shards *s, const struct packet *k,
                 const struct tracker_now *now);
void shards_end(struct shards *s, const struct tracker_now *now);

/* Waits until all is worked off and handed on; the threads then stand still,
 * and what they share may be changed. */
void shards_settle(struct shards *s);

/* Memory of all trackers, and what they count: exact after shards_settle(). */
size_t shards_bytes(const struct shards *s);
void shards_counters(const struct shards *s, struct tracker_counters *out);
/* After shards_settle() only. */
void shards_decrypted(const struct shards *s, struct tls_decrypt_stats *out);

#endif
