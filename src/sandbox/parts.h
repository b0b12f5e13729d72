/* SPDX-License-Identifier: Apache-2.0 */
/* The two layers of the sandbox that have files of their own. */
#ifndef SANDBOX_PARTS_H
#define SANDBOX_PARTS_H

#include "config.h" /* before the system's headers */

#include "sandbox/sandbox.h"

/* The sanitizers' run-time reads files and traces its own process at the end;
 * gcov writes its counts then. */
#if defined __SANITIZE_ADDRESS__ || defined TLSWHY_COVERAGE
#define SANDBOX_INSTRUMENTED 1
#else
#define SANDBOX_INSTRUMENTED 0
#endif

/* Confines the process to the plan's files. Its version of Landlock, or 0 with
 * the reason in why[]. */
int sandbox_files(const struct sandbox_plan *p, char why[96]);

/* Loads the list of system calls. False with the reason in why[]. */
bool sandbox_syscalls(const struct sandbox_plan *p, char why[96]);

#endif
