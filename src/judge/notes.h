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

#endif
