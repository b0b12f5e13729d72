/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets of failed connections, as pcapng: one file each (--extract), or
 * all in one with the verdicts as packet comments (--annotate).
 */
#ifndef PACKET_FILES_H
#define PACKET_FILES_H

#include "report/report.h"

struct packet_files;

struct packet_files_options {
    const char *extract;      /* directory, made when missing; or NULL */
    const char *annotate;     /* file; or NULL */
    bool live;                /* write as connections fail, not in order */
    const char *const *names; /* of captures, by source; borrowed */
    size_t names_n;
};

/* Opens what is to be written. On failure NULL, with what could not be opened
 * in *name and one line in error[]. */
struct packet_files *packet_files_new(const struct packet_files_options *o,
                                      const char **name, char error[256]);

/* The directory of --extract, held open, and whether it was made; -1: none. */
int packet_files_directory(const struct packet_files *p, bool *made);

/* Takes the frames of a failed connection (r->hs->frames); others, and those
 * without frames, are ignored. */
void packet_files_record(struct packet_files *p, const struct record *r);

/* Writes what is held back and closes. Returns false when something could not
 * be written (said on standard error, once for each output). What was left out
 * because of a bound is said, too, unless `quiet`. */
bool packet_files_finish(struct packet_files *p, bool quiet);

void packet_files_free(struct packet_files *p);

#endif
