/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox from inside: each test confines a child process and tries what
 * must be refused there, and what must go on working. As root the identity is
 * looked at, too.
 */
#include "sandbox/parts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];

static void set_up(void)
{
    snprintf(directory, sizeof directory, "/tmp/tlswhy-box-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
}

TestSuite(sandbox, .init = set_up, .fini = tear_down, .timeout = 60);

static struct sandbox_status status;

static struct sandbox_plan plan(void)
{
    struct sandbox_plan p = {.reconnecting = -1};
    char error[256];
    cr_assert(sandbox_find_user(NULL, &p.user, error), "%s", error);
    return p;
}

/* Runs `attempt` confined; its exit status, or -signal. */
static int confined(const struct sandbox_plan *p, int (*attempt)(void))
{
    pid_t child = fork();
    if (child == 0) {
        char error[256];
        _exit(sandbox_enter(p, &status, error) ? attempt() : 99);
    }
    int how = 0;
    cr_assert_eq(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how) ? -WTERMSIG(how) : WEXITSTATUS(how);
}

/* A value of /proc/self/status; the file was opened before. */
static int status_file = -1;

static bool says(const char *line)
{
    char text[8192];
    ssize_t n = pread(status_file, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, line) != NULL;
}

static int look_at_status(void)
{
    int bad = 0;
    bad |= says("\nNoNewPrivs:\t1\n") ? 0 : 1;
    bad |= says("\nCapEff:\t0000000000000000\n") ? 0 : 2;
    bad |= says("\nCapPrm:\t0000000000000000\n") ? 0 : 4;
    bad |= status.syscalls == says("\nSeccomp:\t2\n") ? 0 : 8;
    bad |= says("\nUid:\t0\t") ? 16 : 0;
    return bad;
}

static int enter_and_look(const struct sandbox_plan *p)
{
    pid_t child = fork();
    if (child == 0) {
        char error[256];
        status_file = open("/proc/self/status", O_RDONLY);
        _exit(sandbox_enter(p, &status, error) ? look_at_status() : 99);
    }
    int how = 0;
    cr_assert_eq(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how) ? -WTERMSIG(how) : WEXITSTATUS(how);
}

Test(sandbox, shows_in_proc)
{
    struct sandbox_plan p = plan();
    cr_expect_eq(enter_and_look(&p), 0);
}

/* What the kernel and this build offer, found out in a child. */
static int layers(void)
{
    return (status.files ? 1 : 0) | (status.syscalls ? 2 : 0);
}

static int have(void)
{
    struct sandbox_plan p = plan();
    return confined(&p, layers);
}

static int open_elsewhere(void)
{
    return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int open_readable(void)
{
    int fd = open("/etc/passwd", O_RDONLY);
    bool outside = open("/etc/group", O_RDONLY) < 0;
    return fd >= 0 && (outside || SANDBOX_INSTRUMENTED) ? 0 : 1;
}

/* Whether other users than root can open anything at all. */
static bool is_root_open(void)
{
    struct stat st;
    return stat("/", &st) == 0 && (st.st_mode & S_IXOTH);
}

Test(sandbox, opens_only_what_was_planned)
{
    if (!(have() & 1)) {
        cr_skip_test("no Landlock here");
    }
    if (!is_root_open()) {
        cr_skip_test("the directory / is closed to users other than root");
    }
    struct sandbox_plan p = plan();
    if (!SANDBOX_INSTRUMENTED) {
        cr_expect_eq(confined(&p, open_elsewhere), EACCES);
    }
    const char *const readable[] = {"/etc/passwd", "/no/such/file"};
    p.readable = readable;
    p.readable_n = 2;
    cr_expect_eq(confined(&p, open_readable), 0);
}

static int directory_fd;

static int make_files(void)
{
    int fd = openat(directory_fd, "new", O_WRONLY | O_CREAT, 0600);
    bool renamed = renameat(directory_fd, "new", directory_fd, "old") == 0;
    int above =
        openat(directory_fd, "../tlswhy-escaped", O_WRONLY | O_CREAT, 0600);
    return fd >= 0 && renamed && above < 0 ? 0 : 1;
}

Test(sandbox, makes_files_only_in_its_directories)
{
    if (!(have() & 1)) {
        cr_skip_test("no Landlock here");
    }
    struct sandbox_plan p = plan();
    cr_assert_eq(chmod(directory, 0777), 0);
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
    p.writable[0] = directory_fd;
    p.writable_n = 1;
    cr_expect_eq(confined(&p, make_files), 0);
    char path[128];
    snprintf(path, sizeof path, "%s/old", directory);
    cr_expect_eq(access(path, F_OK), 0);
}

static int write_anything(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/new", directory);
    return open(path, O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

static int make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int make_process(void)
{
    return fork() < 0 ? errno : 0;
}

static int run_program(void)
{
    char *const argv[] = {(char *)(uintptr_t) "/bin/true", NULL};
    execv(argv[0], argv);
    return errno;
}

static int executable_memory(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int datagram[2];

static int send_elsewhere(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    bool away =
        sendto(datagram[0], "x", 1, 0, (struct sockaddr *)&to, sizeof to) < 0 &&
        errno == EPERM;
    bool connected = send(datagram[0], "x", 1, 0) == 1;
    return away && connected ? 0 : 1;
}

Test(sandbox, refuses_system_calls)
{
    if (!(have() & 2)) {
        cr_skip_test("no seccomp here");
    }
    struct sandbox_plan p = plan();
    cr_expect_eq(confined(&p, make_socket), EPERM);
    cr_expect_eq(confined(&p, run_program), -SIGSYS);
    if (!SANDBOX_INSTRUMENTED) {
        cr_expect_eq(confined(&p, write_anything), EPERM);
        cr_expect_eq(confined(&p, make_process), EPERM);
        cr_expect_eq(confined(&p, executable_memory), EPERM);
    }
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram), 0);
    cr_expect_eq(confined(&p, send_elsewhere), 0);
}

static void *work(void *arg)
{
    int *out = arg;
    char *p = malloc((size_t)1 << 20);
    memset(p, 1, (size_t)1 << 20);
    *out = p[5] + (socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
    free(p);
    return NULL;
}

static int make_thread(void)
{
    pthread_t t;
    int result = 0;
    if (pthread_create(&t, NULL, work, &result) != 0) {
        return 1;
    }
    pthread_join(t, NULL);
    return result == (status.syscalls ? 2 : 1) ? 0 : 2;
}

Test(sandbox, threads_are_made_later_and_are_confined)
{
    struct sandbox_plan p = plan();
    cr_expect_eq(confined(&p, make_thread), 0);
}

Test(sandbox, users)
{
    struct sandbox_user u;
    char error[256] = "";
    cr_expect_not(sandbox_find_user("no-such-user-here", &u, error));
    cr_expect_neq(error[0], '\0');
    cr_assert(sandbox_find_user(NULL, &u, error));
    if (geteuid() != 0) {
        cr_expect_not(u.change);
        return;
    }
    cr_expect(u.change);
    cr_expect_neq(u.uid, 0u);
    cr_assert(sandbox_find_user("root", &u, error));
    cr_expect_not(u.change);
    cr_assert(sandbox_find_user("nobody", &u, error));
    int fd = open(directory, O_RDONLY | O_DIRECTORY); /* mode 0700, root's */
    cr_expect_not(sandbox_may_write(&u, fd));
    cr_assert_eq(chmod(directory, 0777), 0);
    cr_expect(sandbox_may_write(&u, fd));
    cr_expect_eq(geteuid(), 0u);
    close(fd);
}

Test(sandbox, describes_what_is_missing)
{
    char text[512];
    struct sandbox_status s = {.uid = 65534,
                               .user = true,
                               .capabilities = true,
                               .bounding_set = true,
                               .no_new_privileges = true,
                               .files = true,
                               .files_abi = 4,
                               .why_syscalls = "not compiled in"};
    sandbox_describe(&s, text, sizeof text);
    cr_expect_str_eq(text, "uid 65534, no capabilities, no_new_privs, "
                           "Landlock 4, no seccomp (not compiled in)");
    s = (struct sandbox_status){.off = true};
    sandbox_describe(&s, text, sizeof text);
    cr_expect_str_eq(text, "turned off");
}
