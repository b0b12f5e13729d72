/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's view of the file system: Landlock (Linux 5.13 and later,
 * linux/landlock.h). What is open stays usable; what is opened from then on
 * must be on the plan. TCP is forbidden as well where the kernel can do that
 * (version 4; a process that connects may do just that), and signals to, and
 * abstract sockets of, others (version 6).
 *
 * There is no wrapper in the C library, so the system calls are made directly.
 */
#include "sandbox/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_LINUX_LANDLOCK_H
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than some headers. */
#define FS_REFER          (1ULL << 13) /* version 2 */
#define FS_TRUNCATE       (1ULL << 14) /* version 3 */
#define FS_IOCTL_DEVICE   (1ULL << 15) /* version 5 */
#define FS_VERSION_1      ((1ULL << 13) - 1)
#define NET_BIND          1ULL /* version 4 */
#define NET_CONNECT       2ULL
#define SCOPE_ALL         3ULL /* version 6: abstract sockets, signals */
#define FS_READ_DIRECTORY LANDLOCK_ACCESS_FS_READ_DIR
#define FS_READ_FILE      LANDLOCK_ACCESS_FS_READ_FILE
#define FS_MAKE_FILES                                                          \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |          \
     LANDLOCK_ACCESS_FS_MAKE_REG | FS_READ_FILE | FS_TRUNCATE)

/* struct landlock_ruleset_attr of version 6; the kernel is told how much of it
 * is used. */
struct ruleset {
    uint64_t files, net, scope;
};

static uint64_t all_files(long abi)
{
    uint64_t rights = FS_VERSION_1;
    rights |= abi >= 2 ? FS_REFER : 0;
    rights |= abi >= 3 ? FS_TRUNCATE : 0;
    rights |= abi >= 5 ? FS_IOCTL_DEVICE : 0;
    return rights;
}

static int make_ruleset(long abi, bool connects)
{
    struct ruleset r = {.files = all_files(abi)};
    size_t size = sizeof r.files;
    if (abi >= 4) {
        r.net = connects ? NET_BIND : NET_BIND | NET_CONNECT;
        size += sizeof r.net;
    }
    if (abi >= 6) {
        r.scope = SCOPE_ALL;
        size += sizeof r.scope;
    }
    return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

static bool allow(int ruleset, int fd, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights,
                                              .parent_fd = fd};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                   &rule, 0) == 0;
}

/* What is not there needs no rule. */
static bool allow_reading(int ruleset, const char *path)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return true;
    }
    uint64_t rights = FS_READ_FILE;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        rights |= FS_READ_DIRECTORY;
    }
    bool ok = allow(ruleset, fd, rights);
    close(fd);
    return ok;
}

static bool add_rules(int ruleset, const struct sandbox_plan *p, uint64_t all)
{
    bool ok = true;
    for (size_t i = 0; i < p->readable_n && ok; i++) {
        ok = allow_reading(ruleset, p->readable[i]);
    }
    for (size_t i = 0; i < p->writable_n && ok; i++) {
        ok = allow(ruleset, p->writable[i], FS_MAKE_FILES & all);
    }
    if (SANDBOX_INSTRUMENTED && ok) {
        ok = allow_reading(ruleset, "/");
    }
    return ok;
}

int sandbox_files(const struct sandbox_plan *p, char why[96])
{
#ifdef TLSWHY_COVERAGE
    (void)p;
    snprintf(why, 96, "not while coverage is measured");
    return 0;
#endif
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
                       LANDLOCK_CREATE_RULESET_VERSION);
    int ruleset = abi > 0 ? make_ruleset(abi, p->connects) : -1;
    if (ruleset < 0) {
        snprintf(why, 96, "%s",
                 errno == ENOSYS || errno == EOPNOTSUPP
                     ? "not in this kernel, or turned off"
                     : strerror(errno));
        return 0;
    }
    bool ok = add_rules(ruleset, p, all_files(abi)) &&
              syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    if (!ok) {
        snprintf(why, 96, "%s", strerror(errno));
    }
    close(ruleset);
    return ok ? (int)abi : 0;
}

#else

int sandbox_files(const struct sandbox_plan *p, char why[96])
{
    (void)p;
    snprintf(why, 96, "not compiled in");
    return 0;
}

#endif
