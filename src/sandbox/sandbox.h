/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives up what the process does not need once it is set up, so that a fault in
 * a parser is not a way into the system.
 *
 * What will be needed is opened first: captures, outputs, sockets. Then root's
 * identity goes, all capabilities, the right to gain any, the file system but
 * for the paths of the plan (Landlock), and the system calls that are not on
 * the list (seccomp). Each layer that this system or this build lacks is left
 * out and told in the status.
 *
 * To be entered before threads are made: some of it is each thread's own.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SANDBOX_DIRECTORIES_MAX 8u

/* Whom to become. */
struct sandbox_user {
    uid_t uid;
    gid_t gid;
    bool change; /* false: we are not root, or shall stay */
    char name[64];
};

struct sandbox_plan {
    struct sandbox_user user;
    /* Files, and directories with all below, that may be opened for reading.
     * Those that do not exist are passed over. */
    const char *const *readable;
    size_t readable_n;
    /* Open directories in which files may be made, renamed and replaced. */
    int writable[SANDBOX_DIRECTORIES_MAX];
    size_t writable_n;
    bool serves;      /* connections are accepted */
    bool connects;    /* connections are made, and names looked up */
    bool passes;      /* messages by a socket that is open, files with them */
    int reconnecting; /* this socket may be connected again; -1: none may */
};

/* What is in force. */
struct sandbox_status {
    bool off; /* on demand */
    bool user, capabilities, bounding_set, no_new_privileges, files, syscalls;
    int files_abi; /* of Landlock */
    uid_t uid;
    char why_files[96], why_syscalls[96]; /* when they are not */
};

/*
 * Finds the account to run as: `name`, else `tlswhy` if there is one, else
 * `nobody`. Nothing changes unless we are root; then a name given is an error
 * unless it is our own. `root` keeps root's identity (without its
 * capabilities). False with one line in error[].
 */
bool sandbox_find_user(const char *name, struct sandbox_user *out,
                       char error[256]);

/* Whether that user could make files in an open directory. */
bool sandbox_may_write(const struct sandbox_user *u, int directory);

/* In a process just forked: ignores signals that are meant for the other one
 * and closes all that is open but standard error and what is kept. */
void sandbox_alone(const int *kept, size_t n);

/* Enters. False with one line in error[] only when root's identity or
 * capabilities could not be given up. */
bool sandbox_enter(const struct sandbox_plan *p, struct sandbox_status *status,
                   char error[256]);

/* "user nobody (65534), no capabilities, ..."; at most `size` bytes. */
void sandbox_describe(const struct sandbox_status *s, char *out, size_t size);

/* What was compiled in, one line. */
const char *sandbox_version(void);

#endif
