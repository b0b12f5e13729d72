/* SPDX-License-Identifier: Apache-2.0 */
/* A list of copied frames with a fixed head and a sliding tail. */
#include "base/frame_log.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

struct frame_log {
    struct kept_frame *first, *last;
    struct kept_frame *head_last; /* the last frame of the part that stays */
    size_t bytes, head_bytes;
    uint32_t n, head_n;
    uint32_t references;
    uint64_t lost;
};

struct frame_log *frame_log_new(void)
{
    struct frame_log *log = calloc(1, sizeof *log);
    if (log) {
        log->references = 1;
        log->bytes = sizeof *log;
    }
    return log;
}

struct frame_log *frame_log_ref(struct frame_log *log)
{
    log->references++;
    return log;
}

void frame_log_free(struct frame_log *log)
{
    if (!log || --log->references > 0) {
        return;
    }
    for (struct kept_frame *k = log->first; k;) {
        struct kept_frame *next = k->next;
        free(k);
        k = next;
    }
    free(log);
}

static size_t kept_bytes(const struct kept_frame *k)
{
    return sizeof *k + k->frame.data.n;
}

/* Makes room: the oldest frame that is not of the head goes. */
static void drop_middle(struct frame_log *log)
{
    struct kept_frame *before = log->head_last;
    struct kept_frame *gone = before ? before->next : log->first;
    if (!gone) {
        return;
    }
    if (before) {
        before->next = gone->next;
    } else {
        log->first = gone->next;
    }
    if (log->last == gone) {
        log->last = before;
    }
    log->bytes -= kept_bytes(gone);
    log->n--;
    log->lost++;
    free(gone);
}

static void append(struct frame_log *log, struct kept_frame *k)
{
    bool head = log->n == log->head_n && log->head_n < LIMIT_LOG_FRAMES / 2 &&
                log->head_bytes + kept_bytes(k) <= LIMIT_LOG_BYTES / 2;
    if (log->last) {
        log->last->next = k;
    } else {
        log->first = k;
    }
    log->last = k;
    log->n++;
    log->bytes += kept_bytes(k);
    if (head) {
        log->head_last = k;
        log->head_n++;
        log->head_bytes += kept_bytes(k);
    }
}

ptrdiff_t frame_log_add(struct frame_log *log, const struct frame *f,
                        uint32_t source)
{
    size_t before = log->bytes;
    struct kept_frame *k = malloc(sizeof *k + f->data.n);
    if (!k) {
        log->lost++;
        return 0;
    }
    *k = (struct kept_frame){.frame = *f, .source = source};
    if (f->data.n) {
        memcpy(k + 1, f->data.p, f->data.n);
    }
    k->frame.data.p = (const uint8_t *)(k + 1);
    append(log, k);
    while ((log->n > LIMIT_LOG_FRAMES || log->bytes > LIMIT_LOG_BYTES) &&
           log->n > log->head_n + 1) {
        drop_middle(log);
    }
    return (ptrdiff_t)log->bytes - (ptrdiff_t)before;
}

const struct kept_frame *frame_log_first(const struct frame_log *log)
{
    return log ? log->first : NULL;
}

size_t frame_log_bytes(const struct frame_log *log)
{
    return log ? log->bytes : 0;
}

uint32_t frame_log_count(const struct frame_log *log)
{
    return log ? log->n : 0;
}

uint64_t frame_log_lost(const struct frame_log *log)
{
    return log ? log->lost : 0;
}
