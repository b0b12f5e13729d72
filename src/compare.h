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

/* What became of a connection on the way. */
enum compare_fate {
    COMPARE_SAME,        /* passed, and both sides saw the same */
    COMPARE_INTERCEPTED, /* another connection went on in its place */
    COMPARE_LOST,        /* packets of one side are missing on the other */
    COMPARE_FORGED,      /* a reset or close that only one side saw */
    COMPARE_ABSENT,      /* seen inside, and nothing of it outside */
    COMPARE_OUTER,       /* seen outside alone */
    COMPARE_FATES
};

struct compare_result {
    uint64_t n[COMPARE_FATES];
    uint64_t left_out; /* over COMPARE_MAX, or without a ClientHello */
};

/* Matches the two sides and writes a paragraph, or a line of JSON, for each
 * difference (with `all` for each connection), then the counts. */
void compare_print(struct compare *c, bool all, bool json, struct text *out,
                   struct compare_result *result);

/*
 * Reads both captures, opened by capture_file(), with pipelines made after
 * `base`, and writes what compare_print() says to *out; `base->all` asks for
 * all connections. On failure false, with the file at fault in *file and one
 * line in error[]; what was read is compared all the same.
 */
bool compare_files(const char *const files[2], const int fds[2],
                   const struct pipeline_options *base, bool json,
                   struct text *out, const char **file, char error[256]);

#endif
