/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records for sharing: addresses, names and certificate fields become
 * pseudonyms, the same one for the same value. Protocol facts, ports, times and
 * the verdict stay.
 */
#ifndef REDACT_H
#define REDACT_H

#include "report/report.h"

struct redactor;

/* The pseudonyms depend on `key`; NULL: a random one, so that they mean nothing
 * outside this run. NULL when memory is out. */
struct redactor *redactor_new(const char *key);
void redactor_free(struct redactor *r);

/* The record with pseudonyms; *out points into the redactor until the next
 * call. Raw messages and packets are left out of it. False when memory is
 * out. */
bool redact_record(struct redactor *r, const struct record *in,
                   struct record *out);

/* The same for the stories of the totals. What they point to is the redactor's
 * until the next call of redact_totals(). */
void redact_totals(struct redactor *r, struct totals *t);

/* One text with everything replaced that looks like an address or a host name,
 * or was a name in a record before. For tests. */
const char *redact_text(struct redactor *r, const char *s, bool is_advice);

#endif
