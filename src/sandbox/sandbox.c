/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity and capabilities (capabilities(7), credentials(7)), and the order in
 * which the layers are put on. capset(2) is called directly: a library for one
 * call that clears everything would only be one more thing to miss.
 */
#include "sandbox/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#define CAPABILITIES_MAX 64 /* numbers; the kernel knows fewer */

/* ---- who ---- */

static void take(struct sandbox_user *out, const struct passwd *p)
{
    out->uid = p->pw_uid;
    out->gid = p->pw_gid;
    out->change = p->pw_uid != 0;
    snprintf(out->name, sizeof out->name, "%s", p->pw_name);
}

bool sandbox_find_user(const char *name, struct sandbox_user *out,
                       char error[256])
{
    *out = (struct sandbox_user){.uid = geteuid(), .gid = getegid()};
    const struct passwd *p = NULL;
    if (geteuid() != 0) {
        p = name ? getpwnam(name) : NULL;
        if (name && (!p || p->pw_uid != geteuid())) {
            snprintf(error, 256, "only root can become another user: %.64s",
                     name);
            return false;
        }
        return true;
    }
    errno = 0;
    p = getpwnam(name ? name : "tlswhy");
    if (!p && !name) {
        p = getpwnam("nobody");
    }
    if (p) {
        take(out, p);
    } else if (name) {
        snprintf(error, 256, "no such user: %.64s", name);
        return false;
    } else {
        /* A container without /etc/passwd: the number is the same everywhere
         * but for the name. */
        *out = (struct sandbox_user){65534, 65534, true, "nobody"};
    }
    return true;
}

bool sandbox_may_write(const struct sandbox_user *u, int directory)
{
    if (!u->change) {
        return faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0;
    }
    gid_t group = getegid();
    bool may = setegid(u->gid) == 0 && seteuid(u->uid) == 0 &&
               faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0;
    if (geteuid() != 0 && seteuid(0) != 0) {
        return false;
    }
    if (setegid(group) != 0) {
        return false;
    }
    return may;
}

static bool become(const struct sandbox_user *u)
{
    return setgroups(0, NULL) == 0 && setresgid(u->gid, u->gid, u->gid) == 0 &&
           setresuid(u->uid, u->uid, u->uid) == 0 && getuid() == u->uid &&
           geteuid() == u->uid && getgid() == u->gid && setuid(0) != 0;
}

/* ---- capabilities ---- */

/* Needs CAP_SETPCAP; without it the set stays, and is of no use to a process
 * that can gain nothing by execve(2). */
static bool drop_bounding_set(void)
{
    bool dropped = true;
    for (int i = 0; i < CAPABILITIES_MAX && prctl(PR_CAPBSET_READ, i) >= 0;
         i++) {
        if (prctl(PR_CAPBSET_READ, i) == 1 && prctl(PR_CAPBSET_DROP, i) != 0) {
            dropped = false;
        }
    }
    return dropped;
}

static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};
    struct __user_cap_data_struct left[2] = {{0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) != 0 ||
        syscall(SYS_capget, &header, left) != 0) {
        return false;
    }
    return !(left[0].effective | left[0].permitted | left[0].inheritable |
             left[1].effective | left[1].permitted | left[1].inheritable);
}

/* ---- all together ---- */

bool sandbox_enter(const struct sandbox_plan *p, struct sandbox_status *status,
                   char error[256])
{
    *status = (struct sandbox_status){0};
    status->bounding_set = drop_bounding_set();
    if (p->user.change && !become(&p->user)) {
        snprintf(error, 256, "cannot become user %s: %s", p->user.name,
                 strerror(errno ? errno : EPERM));
        return false;
    }
    status->uid = geteuid();
    status->user = status->uid != 0;
    if (!drop_capabilities()) {
        snprintf(error, 256, "cannot give up capabilities: %s",
                 strerror(errno));
        return false;
    }
    status->capabilities = true;
    if (SANDBOX_INSTRUMENTED) {
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* it traces itself */
    }
    status->no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    status->files_abi = sandbox_files(p, status->why_files);
    status->files = status->files_abi > 0;
    status->syscalls = sandbox_syscalls(p, status->why_syscalls);
    return true;
}

void sandbox_describe(const struct sandbox_status *s, char *out, size_t size)
{
    if (s->off) {
        snprintf(out, size, "turned off");
        return;
    }
    char files[128];
    char syscalls[128];
    if (s->files) {
        snprintf(files, sizeof files, "Landlock %d", s->files_abi);
    } else {
        snprintf(files, sizeof files, "no Landlock (%s)", s->why_files);
    }
    if (s->syscalls) {
        snprintf(syscalls, sizeof syscalls, "seccomp");
    } else {
        snprintf(syscalls, sizeof syscalls, "no seccomp (%s)", s->why_syscalls);
    }
    snprintf(out, size, "uid %u%s, no capabilities%s, %s, %s, %s",
             (unsigned)s->uid, s->user ? "" : " (root's)",
             s->bounding_set ? "" : " (the bounding set stays)",
             s->no_new_privileges ? "no_new_privs" : "no no_new_privs", files,
             syscalls);
}

const char *sandbox_version(void)
{
#define STRING(x)  #x
#define NUMBERS(x) STRING(x)
    return "sandbox: user, capabilities, no_new_privs"
#ifdef HAVE_LINUX_LANDLOCK_H
           ", Landlock"
#endif
#ifdef HAVE_SECCOMP
           ", seccomp (libseccomp " NUMBERS(SCMP_VER_MAJOR) "." NUMBERS(
               SCMP_VER_MINOR) "." NUMBERS(SCMP_VER_MICRO) ")"
#endif
        ;
}
