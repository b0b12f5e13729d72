/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time from the capture: nanoseconds since 1970-01-01 UTC. What decodes or
 * judges reads no clock of the system, so a replay is deterministic.
 */
#ifndef BASE_TICK_H
#define BASE_TICK_H

#include <stdint.h>
#include <time.h>

typedef int64_t tick_t;

#define TICK_SEC  INT64_C(1000000000)
#define TICK_MSEC INT64_C(1000000)
#define TICK_USEC INT64_C(1000)

/* Times of packets stay within this (the year 2116), so that timers may add
 * and subtract without a thought. */
#define TICK_MAX (INT64_MAX / 2)

/* Saturating conversion from seconds and nanoseconds (both as on the wire). */
static inline tick_t tick_make(int64_t sec, int64_t nsec)
{
    if (sec > TICK_MAX / TICK_SEC - 8) {
        return TICK_MAX;
    }
    if (sec < -TICK_MAX / TICK_SEC + 8) {
        return -TICK_MAX;
    }
    return sec * TICK_SEC + nsec;
}

/* The system's clock that never jumps, for waits on others: not the capture's
 * time. */
static inline tick_t tick_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return tick_make(t.tv_sec, t.tv_nsec);
}

/* a + b, saturating. */
static inline tick_t tick_add(tick_t a, tick_t b)
{
    tick_t s;
    if (__builtin_add_overflow(a, b, &s)) {
        return b < 0 ? INT64_MIN : INT64_MAX;
    }
    return s;
}

/* a - b, saturating: times from the network may lie centuries apart. */
static inline tick_t tick_sub(tick_t a, tick_t b)
{
    tick_t d;
    if (__builtin_sub_overflow(a, b, &d)) {
        return a < b ? INT64_MIN : INT64_MAX;
    }
    return d;
}

#endif
