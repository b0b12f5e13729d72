/* SPDX-License-Identifier: Apache-2.0 */
/* Where records go: a reporter's text to a file or to standard output. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "report/report.h"

struct output;

/* path NULL: standard output. On failure NULL and one line in error[]. */
struct output *output_new(const struct reporter *r,
                          const struct report_options *o, const char *path,
                          char error[256]);
void output_begin(struct output *o);
void output_record(struct output *o, const struct record *r);
void output_end(struct output *o, const struct totals *t);
/* Writes what is buffered. */
void output_flush(struct output *o);

/* Opens the output file again by its name, as log rotation wants it after it
 * has moved the old one away; nothing for standard output. */
void output_reopen(struct output *o);

/* The reader of the output went away: the program ends quietly. */
bool output_closed(const struct output *o);
/* Something could not be written (disk full); said once on standard error. */
bool output_failed(const struct output *o);
void output_free(struct output *o);

#endif
