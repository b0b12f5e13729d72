/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS inspection where the certificates are encrypted (TLS 1.3 without keys),
 * suspected from how many clients turn many servers down in the same way. For
 * src/judge/interception*.c alone.
 */
#ifndef JUDGE_INTERCEPTION_HIDDEN_H
#define JUDGE_INTERCEPTION_HIDDEN_H

#include "base/hash.h"
#include "judge/interception_group.h"

struct hidden;

/* A hash, not 0, of the place that a server speaks from: an explicit proxy, or
 * all that are at one distance, by the TTL. */
uint64_t place_of(const struct hash_seed *seed, const struct handshake *hs);

/* NULL when memory is out. */
struct hidden *hidden_new(void);
void hidden_free(struct hidden *h);

/* Whether the client turned a server down whose certificate is hidden. */
bool hidden_is_refusal(const struct handshake *hs);

/* Counts a concluded handshake that succeeded; it need not be expanded. */
void hidden_note(struct hidden *h, const struct handshake *hs);

/* Remembers an expanded handshake whose client turned the server down. */
void hidden_learn(struct hidden *h, const struct handshake *hs);

/* Whether an expanded handshake is one of those; appends why to *because. */
bool hidden_judge(const struct hidden *h, const struct handshake *hs,
                  struct text_list *because);

/* What was suspected, most handshakes first; returns how many. Texts are
 * borrowed until the next call of this module. */
size_t hidden_stories(const struct hidden *h, struct interception_story *out,
                      size_t max);

#endif
