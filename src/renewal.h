/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file made anew, the output's or that of metrics: by this process, or, where
 * only root may make files, by another one that stays root so that this one
 * need not. That one has no capabilities, sees that directory alone, and is
 * asked for two things only, by a byte: whoever takes over the process that
 * asks can have the files moved on and a new one begun.
 */
#ifndef RENEWAL_H
#define RENEWAL_H

#include <stdbool.h>

struct renewal {
    int directory;    /* held open; -1: the file is never made anew */
    const char *base; /* the file's name in it */
    unsigned keep;    /* FILE.1 to FILE.n */
    const char *name; /* not NULL: FILE is written whole and then gets this
                       * name; it is not appended to and none are kept */
    int socket;       /* to the other process; -1: none */
};

/* FILE.1 becomes FILE.2 and so on, FILE becomes FILE.1, or gets its name. 0, or
 * an errno. */
int renewal_shift(const struct renewal *r);
/* Opens FILE to write, made when it is not there. -1 and errno. */
int renewal_open(const struct renewal *r);
/* From now on by another process. False with one line in error[]. */
bool renewal_delegate(struct renewal *r, char error[256]);

/* Closes what it holds. */
void renewal_end(struct renewal *r);

#endif
