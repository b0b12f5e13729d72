/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of a verdict: what to change, what people see, how to reproduce.
 * Rows of data/ *.tsv, chosen by their condition and filled with this
 * connection's values.
 *
 * Rows without `quic` are left out on QUIC.
 */
#ifndef JUDGE_ADVICE_H
#define JUDGE_ADVICE_H

#include "judge/facts.h"

/* Rows of a cause in one list; more would be left out. */
#define ADVICE_ROWS_MAX 256u

/* Remembers which rows were usable in the last cases (bounded). */
struct advice;

/* NULL when memory is out: that is valid, and remembers nothing. */
struct advice *advice_new(void);
void advice_free(struct advice *a);

/* Fills fix, seen_as and reproduce for v->cause. */
void advice_fill(struct advice *a, const struct facts *f, struct verdict *v);

/* Whether a condition holds; unknown words do not. */
bool advice_when(const struct facts *f, const char *when);

/* `row` with its placeholders replaced, in *out (malloc'd, bounded). False
 * when a value is unknown or memory is out. `shell`: quote for a command. */
bool advice_expand(const struct facts *f, const char *row, bool shell,
                   char **out);

#endif
