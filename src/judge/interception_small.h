/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS inspection where the certificates are encrypted (TLS 1.3 without keys),
 * suspected from how little room they take, be they trusted or not. For
 * src/judge/interception*.c alone.
 */
#ifndef JUDGE_INTERCEPTION_SMALL_H
#define JUDGE_INTERCEPTION_SMALL_H

#include "judge/interception_group.h"

struct small;

/* NULL when memory is out. */
struct small *small_new(void);
void small_free(struct small *s);

/* Whether a concluded handshake, which need not be expanded, may hide a
 * certificate of that kind. Cheap. */
bool small_wants(const struct handshake *hs);

/* Remembers an expanded handshake. Each once. */
void small_learn(struct small *s, const struct handshake *hs);

/* Whether an expanded handshake is one of those that are suspected; appends why
 * to *because. */
bool small_judge(const struct small *s, const struct handshake *hs,
                 struct text_list *because);

/* What was suspected, the last seen first, without the explicit proxies (or the
 * nearness) that `out` tells of already; returns how many there are then. Texts
 * are borrowed until the next call of this module. */
size_t small_stories(const struct small *s, struct interception_story *out,
                     size_t n, size_t max);

#endif
