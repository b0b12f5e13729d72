/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the program's own JSON Lines back, so that records of many sensors and
 * days can be shown as text, totals, CSV or HTML. What a record does not hold
 * (raw messages, the timeline) stays unseen.
 */
#ifndef RECORD_READER_H
#define RECORD_READER_H

#include "report/report.h"

struct record_reader;

/* NULL when memory is out. */
struct record_reader *record_reader_new(void);
void record_reader_free(struct record_reader *r);

/*
 * One line. On success *out is filled; what it points to belongs to the reader
 * and lives until the next call. False when the line is no record of ours, with
 * a few words in error[].
 */
bool record_reader_line(struct record_reader *r, struct span line,
                        struct record *out, char error[128]);

#endif
