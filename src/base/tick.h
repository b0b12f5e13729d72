/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time from the capture: nanoseconds since 1970-01-01 UTC. Nothing but
 * src/capture reads a system clock, so a replay is deterministic.
 */
#ifndef BASE_TICK_H
#define BASE_TICK_H

#include <stdint.h>

typedef int64_t tick_t;

#define TICK_SEC  INT64_C(1000000000)
#define TICK_MSEC INT64_C(1000000)
#define TICK_USEC INT64_C(1000)

/* Saturating conversion from seconds and nanoseconds (both as on the wire). */
static inline tick_t tick_make(int64_t sec, int64_t nsec)
{
    if (sec > INT64_MAX / TICK_SEC - 8) {
        return INT64_MAX;
    }
    if (sec < INT64_MIN / TICK_SEC + 8) {
        return INT64_MIN;
    }
    return sec * TICK_SEC + nsec;
}

#endif
