/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that was forked to serve another one does not share with it.
 */
#include "config.h"

#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS 65536u

static void ignore_signals(void)
{
    static const int v[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                            SIGPIPE, SIGUSR1, SIGTSTP, SIGALRM};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        sigaction(v[i], &ignore, NULL);
    }
}

static bool is_kept(int fd, const int *kept, size_t n)
{
    bool found = fd == STDERR_FILENO;
    for (size_t i = 0; i < n; i++) {
        found = found || fd == kept[i];
    }
    return found;
}

void sandbox_alone(const int *kept, size_t n)
{
    struct rlimit limit;
    int most = 1024;
    ignore_signals();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        most =
            (int)(limit.rlim_cur < DESCRIPTORS ? limit.rlim_cur : DESCRIPTORS);
    }
    for (int fd = 0; fd < most; fd++) {
        if (!is_kept(fd, kept, n)) {
            close(fd);
        }
    }
    /* So that no socket becomes standard input or output. */
    for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd < STDERR_FILENO;) {
        fd = dup(fd);
        if (fd > STDERR_FILENO) {
            close(fd);
        }
    }
}
