/* SPDX-License-Identifier: Apache-2.0 */
/* The sender's process: takes records from a pipe and delivers them. */
#ifndef SEND_CHILD_H
#define SEND_CHILD_H

#include "send/sender.h"

#include <stdint.h>

/* Before each record in the pipe. record_n 0: no more records come, and key_n
 * says for how many milliseconds delivery may go on without progress. The end
 * of the pipe without it: the other process died. */
struct frame_head {
    uint32_t key_n, record_n;
};

enum child_state { CHILD_READY = 1, CHILD_FAILED, CHILD_OVER };

/* What the sender's process tells; smaller than PIPE_BUF, so never torn. */
struct child_report {
    enum child_state state;
    bool away;
    uint64_t delivered, kept, lost;
    uint64_t kept_before; /* in the file when it was opened */
    char error[256];      /* CHILD_FAILED */
};

/* Becomes the sender's process; never returns. */
_Noreturn void child_run(const struct sender_options *o, int in, int out);

#endif
