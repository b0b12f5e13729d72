/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two captures of the same traffic, one from each side of something: which
 * connections passed through, which were terminated and made anew, and what was
 * lost or forged in between.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include "base/text.h"
#include "pipeline.h"
#include "report/report.h"

/* Connections kept of each side; later ones only count. */
#define COMPARE_MAX 50000u

enum compare_where { COMPARE_INSIDE, COMPARE_OUTSIDE };

struct compare;

/* NULL when memory is out. */
struct compare *compare_new(void);
void compare_free(struct compare *c);

/* Remembers a connection as one side saw it. */
void compare_add(struct compare *c, const struct record *r,
                 enum compare_where where);

/* Notes that a capture has a packet of that time. Without any such note, it is
 * taken to cover all of the other's time. */
void compare_saw(struct compare *c, enum compare_where where, tick_t when);

/* What became of a connection on the way. */
enum compare_fate {
    COMPARE_SAME,        /* passed, and both sides saw the same */
    COMPARE_INTERCEPTED, /* another connection went on in its place */
    COMPARE_LOST,        /* packets of one side are missing on the other */
    COMPARE_FORGED,      /* a reset or close that only one side saw */
    COMPARE_ABSENT,      /* seen inside, and nothing of it outside */
    COMPARE_OUTER,       /* seen outside alone */
    COMPARE_UNCOVERED, /* seen at one side alone, when the capture of the other
                          had not begun or was over: tells nothing */
    COMPARE_FATES
};

/* The time of a capture, from its first packet to its last, by its own
 * clock. */
struct compare_window {
    bool any;
    tick_t first, last;
};

struct compare_result {
    uint64_t n[COMPARE_FATES];
    struct compare_window window[2]; /* by enum compare_where */
    tick_t ahead;      /* how far the outer clock is ahead of the inner one, by
                          the connections that both have */
    bool ahead_known;  /* false: there are none */
    uint64_t left_out; /* over COMPARE_MAX, or without a ClientHello */
};

/* Matches the two sides and writes a paragraph, or a line of JSON, for each
 * difference (with `all` for each connection), then the counts. */
void compare_print(struct compare *c, bool all, bool json, struct text *out,
                   struct compare_result *result);

/* In one line, why the two captures can hardly be compared; false when there is
 * nothing to warn of. */
bool compare_warning(const struct compare_result *r, char line[256]);

/*
 * Reads both captures, opened by capture_file(), with pipelines made after
 * `base`, and writes what compare_print() says to *out and *result;
 * `base->all` asks for all connections. On failure false, with the file at
 * fault in *file and one line in error[]; what was read is compared all the
 * same.
 */
bool compare_files(const char *const files[2], const int fds[2],
                   const struct pipeline_options *base, bool json,
                   struct text *out, struct compare_result *result,
                   const char **file, char error[256]);

#endif
