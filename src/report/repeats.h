/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failures that repeat one told before: the same server, cause and alert. The
 * first is told in full, a few more in a line each, and the rest are counted
 * and told together. Bounded: of many stories the one that was not heard of
 * for longest is ended.
 */
#ifndef REPORT_REPEATS_H
#define REPORT_REPEATS_H

#include "report/report.h"

#define REPEATS_CLIENTS 64u /* told apart per story */
#define REPEATS_LABEL   320u

/* One failure that goes on and on. */
struct story {
    struct hs_addr server;
    char name[254];            /* that clients asked for; "" when none */
    const char *cause;         /* slug; "" when there is none */
    const char *sentence;      /* about the cause, from the table */
    char label[REPEATS_LABEL]; /* the server, as text for a terminal */
    uint16_t alert;
    uint8_t ended_by; /* enum side */
    uint8_t sure;     /* enum confidence; 0: none */
    uint64_t heard;   /* records so far; 0: the place is free */
    /* Those that were not told yet: */
    uint64_t more;
    uint8_t clients[REPEATS_CLIENTS][16]; /* their addresses */
    unsigned clients_n;
    bool clients_more; /* than are kept here */
    tick_t last, told; /* when the last happened; when some were last told */
    uint64_t order;    /* of hearing */
};

enum repeat {
    REPEAT_NONE,    /* new: tell it in full */
    REPEAT_SHORT,   /* tell it in a line */
    REPEAT_COUNTED, /* say nothing */
    REPEAT_MORE,    /* tell those that were counted, with this one */
};

struct repeats;

/* `all`: none is only counted. `live`: those counted are to be told every so
 * often (capture time). NULL when memory is out. */
struct repeats *repeats_new(bool all, bool live);
void repeats_free(struct repeats *s);

/*
 * What to do with a failure. *about is its story, or with REPEAT_NONE one that
 * ended to make room for it; about->more of it were not told, 0 when all were.
 */
enum repeat repeats_add(struct repeats *s, const struct record *r,
                        struct story *about);

/* The next story that has something left to tell, oldest first; false when
 * there is none. It is told with that. */
bool repeats_next(struct repeats *s, struct story *about);

#endif
