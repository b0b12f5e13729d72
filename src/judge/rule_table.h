/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule that rules.am lists. The order carries no meaning. */
#ifndef JUDGE_RULE_TABLE_H
#define JUDGE_RULE_TABLE_H

#include "judge/facts.h"

/* NULL-terminated. */
extern const struct rule *const rules[];

#endif
