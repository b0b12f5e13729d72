/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kind of capture (file, interface) provides behind capture.h.
 * Private to src/capture.
 */
#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

#include <signal.h>

#include "capture/capture.h"

struct capture_ops {
    bool live;
    enum capture_status (*next)(struct capture *c, struct frame *out);
    size_t (*more)(struct capture *c, struct frame *v,
                   size_t max); /* see capture_more(); NULL: never */
    int (*linktype)(const struct capture *c);
    size_t (*secrets)(const struct capture *c, size_t i,
                      struct capture_secret *out);      /* NULL: none, ever */
    bool (*may_bring_secrets)(const struct capture *c); /* NULL: never */
    void (*position)(const struct capture *c, uint64_t *read,
                     uint64_t *total);  /* NULL: unknown */
    void (*refresh)(struct capture *c); /* counters from the kernel, or NULL */
    void (*close)(struct capture *c);   /* everything but *c's own members */
};

/* The first member of each kind's own struct. */
struct capture {
    const struct capture_ops *ops;
    volatile sig_atomic_t stopped;
    bool over; /* an end or an error was reported */
    char *name;
    struct capture_stats stats;
    char error[CAPTURE_ERROR_BYTES];
};

/* Counts a frame that is handed out. */
static inline void capture_count(struct capture *c, const struct frame *f)
{
    c->stats.frames++;
    c->stats.bytes += f->data.n;
    if (f->data.n < f->wire_bytes) {
        c->stats.snaplen_cut = true;
    }
}

#endif
