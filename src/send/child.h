/* SPDX-License-Identifier: Apache-2.0 */
/* The sender's process: takes records from a ring and delivers them. */
#ifndef SEND_CHILD_H
#define SEND_CHILD_H

#include "send/ring.h"
#include "send/sender.h"

#include <stdint.h>

enum child_state { CHILD_READY = 1, CHILD_FAILED, CHILD_OVER };

/* What the sender's process tells; smaller than PIPE_BUF, so never torn. */
struct child_report {
    enum child_state state;
    bool away;
    uint64_t delivered, kept, lost;
    uint64_t kept_before; /* in the file when it was opened */
    char error[256];      /* CHILD_FAILED */
};

/*
 * Becomes the sender's process; never returns. A byte in `in` wakes it, its end
 * without a goodbye in the ring: the other process died. Reports go to `out`.
 */
_Noreturn void child_run(const struct sender_options *o, struct ring *ring,
                         int in, int out);

#endif
