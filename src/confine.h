/* SPDX-License-Identifier: Apache-2.0 */
/* What this program still needs once it is set up, for the sandbox. */
#ifndef CONFINE_H
#define CONFINE_H

#include "options.h"
#include "sandbox/sandbox.h"

struct confine_needs {
    const struct options *options;
    int output;              /* the file of -o, -1: none */
    struct renewal *renewal; /* how it is made anew; NULL: without -o */
    struct renewal *metrics; /* how their file is; NULL: there is none */
    int extract;             /* directory of --extract; -1: none */
    bool extract_made;       /* by us */
    size_t files_open;       /* so many of the files; the rest comes later */
    bool serves;             /* metrics are asked for */
    int reconnecting;        /* the log's socket; -1: none */
};

/*
 * Enters the sandbox, unless it is turned off. What must be readable later is
 * decided here: trust anchors that are loaded when needed, a key log that
 * grows. False with one line in error[] when root could not be given up.
 */
bool confine(const struct confine_needs *n, struct sandbox_status *status,
             char error[256]);

#endif
