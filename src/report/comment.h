/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts as packet comments: plain text of a few lines for Wireshark. */
#ifndef REPORT_COMMENT_H
#define REPORT_COMMENT_H

#include "report/report.h"

/* The whole verdict, for the packet that decided. */
void comment_verdict(struct text *t, const struct record *r);

/* One line for the first packet: what failed, and where the verdict stands. */
void comment_pointer(struct text *t, const struct record *r);

#endif
