/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is worth knowing of a handshake that succeeded: a program may well fail
 * right after it, where the wire shows nothing more.
 */
#ifndef JUDGE_NOTES_H
#define JUDGE_NOTES_H

#include "judge/facts.h"

/* Appends sentences; none for what is in order. */
void notes_of_success(const struct facts *f, struct text_list *out);

/* Whether they tell that the client left at once. */
bool notes_tell_of_leaving(const struct text_list *l);

/* What is visibly wrong with the server's certificate, seen here or elsewhere,
 * in few words (static); NULL: nothing. */
const char *notes_fault(const struct facts *f);

#endif
