/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's list of system calls, enforced by the kernel (seccomp(2)) and
 * written with libseccomp. What is not listed fails with EPERM, so that a
 * library's optional wish does no harm; what only an intruder would try ends
 * the process.
 *
 * No new process, no executable memory, and no new socket unless the plan says
 * so. Threads may be made
 * later: they inherit the list.
 */
#include "sandbox/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_SECCOMP
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(x)     (sizeof(x) / sizeof((x)[0]))
#define NEW_SPACES   0x7e020080UL /* CLONE_NEW...: namespaces */
#define NAME_MAPPING 0x53564d41UL /* PR_SET_VMA */

/* glibc's names for one thing differ between versions and machines. */
static const int allowed[] = {
    /* files that are open */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(_llseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(fstat64),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstatat64),
    SCMP_SYS(statx),
    SCMP_SYS(stat),
    SCMP_SYS(stat64),
    SCMP_SYS(lstat),
    SCMP_SYS(lstat64),
    SCMP_SYS(fcntl),
    SCMP_SYS(fcntl64),
    SCMP_SYS(dup),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(ftruncate64),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fadvise64_64),
    SCMP_SYS(readahead),
    SCMP_SYS(getdents64),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    /* waiting */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(restart_syscall),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mincore),
    SCMP_SYS(msync),
    /* threads and signals */
    SCMP_SYS(futex),
    SCMP_SYS(futex_time64),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(getcpu),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* facts */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(getrlimit),
    SCMP_SYS(ugetrlimit),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getppid),
    /* sockets that are open: the capture's counters, datagrams to where the
     * socket was connected */
    SCMP_SYS(getsockopt),
    SCMP_SYS(recvfrom),
    SCMP_SYS(getsockname),
};

/* Files are made, renamed and replaced. */
static const int allowed_writing[] = {
    SCMP_SYS(openat), SCMP_SYS(open),      SCMP_SYS(renameat),
    SCMP_SYS(rename), SCMP_SYS(renameat2), SCMP_SYS(unlinkat),
    SCMP_SYS(unlink), SCMP_SYS(fchmod),
};

/* Messages, with files in them. */
static const int allowed_passing[] = {SCMP_SYS(recvmsg), SCMP_SYS(sendmsg)};

/* Connections are accepted and answered. */
static const int allowed_serving[] = {
    SCMP_SYS(accept),      SCMP_SYS(accept4),    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),     SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
    SCMP_SYS(getpeername), SCMP_SYS(sendfile),
};

/* Connections are made, names looked up (the resolver asks for addresses by
 * netlink and sends two questions at once). */
static const int allowed_connecting[] = {
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(setsockopt),
    SCMP_SYS(pipe),
    SCMP_SYS(getpeername),
    /* threads that yield to others */
    SCMP_SYS(getpriority),
    SCMP_SYS(setpriority),
};

/* What the sanitizers do at the end; test builds only. */
static const int allowed_instrumented[] = {
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(clone),
    SCMP_SYS(mmap),
    SCMP_SYS(mmap2),
    SCMP_SYS(mprotect),
    SCMP_SYS(prctl),
    SCMP_SYS(ptrace),
    SCMP_SYS(wait4),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(tgkill),
    SCMP_SYS(mkdir),
    SCMP_SYS(getdents),
    SCMP_SYS(ioctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(sched_setscheduler),
    SCMP_SYS(umask),
};

/* Nothing of ours or of a library would: somebody broke in. */
static const int deadly[] = {
    SCMP_SYS(ptrace), /* the first: the sanitizers want it */
    SCMP_SYS(execve),           SCMP_SYS(execveat),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(init_module),      SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),       SCMP_SYS(mount),
    SCMP_SYS(umount2),          SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),           SCMP_SYS(setns),
    SCMP_SYS(unshare),          SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),      SCMP_SYS(perf_event_open),
    SCMP_SYS(add_key),          SCMP_SYS(keyctl),
    SCMP_SYS(request_key),
};

/* Of a terminal, a pipe, and the capture's socket. */
static const unsigned long ioctls[] = {
    TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, SIOCGIFINDEX, SIOCGIFFLAGS,
};

static bool add(scmp_filter_ctx c, uint32_t action, const int *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int e = seccomp_rule_add(c, action, v[i], 0);
        /* A call that this machine's kernel does not have. */
        if (e && e != -EDOM && e != -EINVAL) {
            return false;
        }
    }
    return true;
}

static bool add_if(scmp_filter_ctx c, int call, struct scmp_arg_cmp cmp)
{
    int e = seccomp_rule_add(c, SCMP_ACT_ALLOW, call, 1, cmp);
    return e == 0 || e == -EDOM || e == -EINVAL;
}

/* Threads, and nothing else that clone(2) makes. glibc tries clone3(2) first,
 * whose flags are out of our sight, and does without it. */
static bool add_threads(scmp_filter_ctx c)
{
#ifdef __s390x__
    struct scmp_arg_cmp flags =
        SCMP_A1(SCMP_CMP_MASKED_EQ, CLONE_THREAD | NEW_SPACES, CLONE_THREAD);
#else
    struct scmp_arg_cmp flags =
        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | NEW_SPACES, CLONE_THREAD);
#endif
    return add_if(c, SCMP_SYS(clone), flags) &&
           seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) ==
               0;
}

static bool add_reading(scmp_filter_ctx c)
{
    const scmp_datum_t making = O_ACCMODE | O_CREAT | O_TRUNC;
    return add_if(c, SCMP_SYS(openat),
                  SCMP_A2(SCMP_CMP_MASKED_EQ, making, O_RDONLY)) &&
           add_if(c, SCMP_SYS(open),
                  SCMP_A1(SCMP_CMP_MASKED_EQ, making, O_RDONLY));
}

/* No raw packets. */
static bool add_sockets(scmp_filter_ctx c)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
    bool ok = true;
    for (size_t i = 0; i < COUNT(families) && ok; i++) {
        ok = add_if(c, SCMP_SYS(socket),
                    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
    }
    return ok;
}

static bool add_guarded(scmp_filter_ctx c, const struct sandbox_plan *p)
{
    struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    bool ok = add_if(c, SCMP_SYS(mmap), data) &&
              add_if(c, SCMP_SYS(mmap2), data) &&
              add_if(c, SCMP_SYS(mprotect), data) &&
              add_if(c, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)) &&
              add_if(c, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, NAME_MAPPING)) &&
              add_if(c, SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0)) &&
              add_if(c, SCMP_SYS(tgkill),
                     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) &&
              add_if(c, SCMP_SYS(sendto), SCMP_A4(SCMP_CMP_EQ, 0));
    for (size_t i = 0; i < COUNT(ioctls) && ok; i++) {
        ok = add_if(c, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
    }
    if (ok && p->reconnecting >= 0) {
        ok = add_if(c, SCMP_SYS(connect),
                    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)p->reconnecting));
    }
    return ok;
}

static bool add_all(scmp_filter_ctx c, const struct sandbox_plan *p)
{
    const uint32_t yes = SCMP_ACT_ALLOW;
    bool ok = add(c, yes, allowed, COUNT(allowed)) && add_threads(c) &&
              add_guarded(c, p);
    if (p->writable_n) {
        ok = ok && add(c, yes, allowed_writing, COUNT(allowed_writing));
    } else {
        ok = ok && add_reading(c);
    }
    if (p->passes) {
        ok = ok && add(c, yes, allowed_passing, COUNT(allowed_passing));
    }
    if (p->serves) {
        ok = ok && add(c, yes, allowed_serving, COUNT(allowed_serving));
    }
    if (p->connects) {
        ok = ok && add(c, yes, allowed_connecting, COUNT(allowed_connecting)) &&
             add_sockets(c);
    }
    if (SANDBOX_INSTRUMENTED) {
        ok = ok &&
             add(c, yes, allowed_instrumented, COUNT(allowed_instrumented));
    }
    const size_t but = SANDBOX_INSTRUMENTED ? 1 : 0;
    return ok &&
           add(c, SCMP_ACT_KILL_PROCESS, deadly + but, COUNT(deadly) - but);
}

static bool load(scmp_filter_ctx c)
{
    /* Searched as a tree. Without mitigations that slow all of the process
     * down: it runs nobody's code but ours (as kernels since 5.16 do). */
    seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    seccomp_attr_set(c, SCMP_FLTATR_CTL_SSB, 1);
    seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1);
    return seccomp_load(c) == 0;
}

bool sandbox_syscalls(const struct sandbox_plan *p, char why[96])
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool ok = c && add_all(c, p);
    if (!ok) {
        snprintf(why, 96, "the list could not be made");
    } else if (!(ok = load(c))) {
        snprintf(why, 96, "refused by the kernel");
    }
    if (c) {
        seccomp_release(c);
    }
    return ok;
}

#else

bool sandbox_syscalls(const struct sandbox_plan *p, char why[96])
{
    (void)p;
    snprintf(why, 96, "not compiled in");
    return false;
}

#endif
