/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces watched by several threads: the kernel spreads the packets over
 * them by connection, each has its own captures, decoder and tracker, and what
 * they conclude comes back to the caller's thread.
 */
#ifndef WATCH_H
#define WATCH_H

#include "capture/capture.h"
#include "pipeline.h"

#define WATCH_WORKERS_MAX 64u

/*
 * Opens what is missing of workers x interfaces captures, for the array in
 * struct watch_options: those of worker 0 are there. `live` is what they were
 * opened with, but for the interface. False when the kernel will not do it;
 * nothing is then left open.
 */
bool watch_open(struct capture **captures, unsigned interfaces,
                unsigned workers, const struct capture_live_options *live);

/* Closes what watch_open() opened. */
void watch_close(struct capture **captures, unsigned interfaces,
                 unsigned workers);

struct watch;

struct watch_options {
    unsigned workers;    /* 2 to WATCH_WORKERS_MAX */
    unsigned interfaces; /* 1 to CAPTURE_WAIT_MAX */
    /* Worker w's capture of interface i is at [i * workers + w]; borrowed.
     * Packets from before `since`, when they were all open, are passed over:
     * several workers may have seen them. */
    struct capture *const *captures;
    tick_t since;
    /* For each worker; the bounds are those of all together. Nothing is judged
     * or emitted. */
    struct pipeline_options pipeline;
    /* A concluded handshake, in the thread that calls watch_step(); returns
     * whether it was moved away. */
    bool (*done)(void *ctx, struct handshake *hs);
    void *ctx;
};

/* Starts the threads; NULL when that, or memory, fails. */
struct watch *watch_new(const struct watch_options *o);
void watch_free(struct watch *w);

/* Hands on what was concluded; sleeps a moment when that was nothing. False
 * when all captures have ended. */
bool watch_step(struct watch *w);

/* Whether the captures of an interface have ended; their errors may be read
 * then. */
bool watch_has_ended(const struct watch *w, unsigned interface);

/* Stops the threads (within the time of a poll, 100 ms), ends what is open and
 * hands it on. */
void watch_finish(struct watch *w);

/* Adds the counters of all workers, as of a moment ago; exact after
 * watch_finish(). */
void watch_totals(struct watch *w, struct totals *t);
/* After watch_finish(). */
void watch_decrypted(const struct watch *w, struct tls_decrypt_stats *out);

#endif
