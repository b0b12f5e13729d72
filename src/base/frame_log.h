/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of the frames of one connection, bounded: its first frames and its
 * last ones stay, what is between them goes first. Nothing here knows what a
 * frame holds.
 */
#ifndef BASE_FRAME_LOG_H
#define BASE_FRAME_LOG_H

#include "base/frame.h"

#include <stdbool.h>

struct frame_log;

struct kept_frame {
    struct frame frame; /* its data belongs to the log */
    uint32_t source;    /* index of the capture it came from */
    struct kept_frame *next;
};

/* An empty log with one reference; NULL when memory is out. */
struct frame_log *frame_log_new(void);

/* One more reference. Counting is not safe across threads. */
struct frame_log *frame_log_ref(struct frame_log *log);

/* Gives a reference back; the last one frees the log. NULL is fine. */
void frame_log_free(struct frame_log *log);

/*
 * Copies a frame to the end. Past LIMIT_LOG_FRAMES frames or LIMIT_LOG_BYTES
 * bytes the oldest frame after the first half goes and is counted. Returns by
 * how many bytes the log's memory grew (negative: shrank).
 */
ptrdiff_t frame_log_add(struct frame_log *log, const struct frame *f,
                        uint32_t source);

/* In the order they were added; NULL when there is none. */
const struct kept_frame *frame_log_first(const struct frame_log *log);

/* Memory it takes, frames it holds, frames it had to give up. */
size_t frame_log_bytes(const struct frame_log *log);
uint32_t frame_log_count(const struct frame_log *log);
uint64_t frame_log_lost(const struct frame_log *log);

#endif
