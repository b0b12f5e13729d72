/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a handshake on one line. */
#ifndef REPORT_PROGRESS_H
#define REPORT_PROGRESS_H

#include "report/report.h"

/*
 * ClientHello -> | <- ServerHello, Certificate | Alert unknown_ca (48) ->x
 *
 * What each side sent, grouped by direction, up to what ended the handshake,
 * which is marked. Unicode arrows when the options allow them. Needs no
 * escaping: all of it is ours.
 */
void progress_text(struct text *t, const struct record *r,
                   const struct report_options *o);

/* The event that ended it, or events_n. */
unsigned progress_end(const struct record *r);

/* An event for people: "ClientHello", "alert handshake_failure (40)". */
void progress_event(struct text *t, const struct handshake *hs,
                    const struct hs_event *e);

#endif
