/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of an inspection: the connections that it makes in place of
 * its clients, told by what a browser asks for and how. For
 * src/judge/interception*.c alone.
 */
#ifndef JUDGE_INTERCEPTION_OUTER_H
#define JUDGE_INTERCEPTION_OUTER_H

#include "judge/interception_group.h"

struct outer;

/* NULL when memory is out. */
struct outer *outer_new(void);
void outer_free(struct outer *o);

/* Looks at the hello of a concluded handshake, which need not be expanded. Each
 * handshake once. */
void outer_note(struct outer *o, const struct handshake *hs,
                const struct hello_sight *hello);

/* Whether the client of a handshake is suspected; appends why to *because,
 * which may be NULL. */
bool outer_judge(const struct outer *o, const struct handshake *hs,
                 struct text_list *because);

/* What was suspected, the last seen first; returns how many. Texts are borrowed
 * until the next call of this module. */
size_t outer_stories(const struct outer *o, struct interception_story *out,
                     size_t max);

#endif
