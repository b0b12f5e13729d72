/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --top: failures on a live screen, as top(1) shows processes. Keeps the newest
 * failures and counts by cause, server and client, all bounded; one thread
 * calls it.
 */
#ifndef TOP_H
#define TOP_H

#include "report/report.h"

#include <signal.h>

struct top;

/* Takes the terminal over. `title` names what is watched; borrowed. On failure
 * NULL and one line in error[]. */
struct top *top_new(const char *title, char error[256]);

/* Gives the terminal back. */
void top_free(struct top *t);

/* A record; only failures are shown. */
void top_record(struct top *t, const struct record *r);

/* A message that would otherwise go to standard error; copied. */
void top_message(struct top *t, const char *text);

/* Obeys the keys that were pressed and draws when it is due. `now` is the wall
 * clock. False when the user wants to leave. */
bool top_poll(struct top *t, const struct totals *totals, tick_t now);

/* There is nothing more to come: stays until the user leaves. *stop, when it
 * becomes non-zero, ends it, too. */
void top_stay(struct top *t, const struct totals *totals,
              const volatile sig_atomic_t *stop);

#endif
