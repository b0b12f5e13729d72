/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failures that are none: health checks and scanners that never meant to finish
 * a handshake, told by what no client sends, and the first half of a log-in at
 * a proxy.
 */
#ifndef JUDGE_HARMLESS_H
#define JUDGE_HARMLESS_H

#include "judge/profile.h"

/* Why a failed handshake is no failure, as a static sentence; NULL: it is one.
 * `hs` need not be expanded. */
const char *harmless_why(const struct profiles *p, const struct handshake *hs);

/* Whether it is one so far, and the next connection may show that it is not:
 * worth a moment's wait. */
bool harmless_awaits(const struct profiles *p, const struct handshake *hs);

#endif
