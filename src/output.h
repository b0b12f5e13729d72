/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where records go: a reporter's text to a file or to standard output.
 *
 * What cannot be written (disk full) is dropped record by record and counted,
 * so that a capture goes on, and the next one is tried again.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "report/report.h"

struct output;

struct output_options {
    const char *path; /* NULL: standard output; borrowed */
    bool append;      /* go on with a file that is there */
    bool rename;      /* files are opened again later, or rotated */
    /* Rotation: 0 turns the one or the other off. */
    uint64_t rotate_bytes;
    tick_t rotate_time;
    unsigned rotate_keep; /* FILE.1 to FILE.n are kept */
};

/* On failure NULL and one line in error[]. */
struct output *output_new(const struct reporter *r,
                          const struct report_options *o,
                          const struct output_options *where, char error[256]);
void output_begin(struct output *o);
void output_record(struct output *o, const struct record *r);
void output_end(struct output *o, const struct totals *t);
/* Writes what is buffered; rotates when it is time. Cheap when there is
 * nothing to do. */
void output_flush(struct output *o);

/* Opens the output file again by its name, as log rotation wants it after it
 * has moved the old one away; nothing for standard output, and for a report
 * that is one document. */
void output_reopen(struct output *o);

/* How files will be made anew (with `rename`; otherwise its directory is -1);
 * and the file, -1: none. */
struct renewal *output_renewal(struct output *o);
int output_file(const struct output *o);

/* The reader of the output went away: the program ends quietly. */
bool output_closed(const struct output *o);
/* Something could not be written; said on standard error. */
bool output_failed(const struct output *o);
/* Records written, and lost because they could not be. */
uint64_t output_written(const struct output *o);
uint64_t output_lost(const struct output *o);
void output_free(struct output *o);

#endif
