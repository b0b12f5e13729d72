/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of rules, made from the list that compiles them (rules.am): each
 * file x.c there exports x_rule.
 */
#include "judge/rule_table.h"

#define X(name) extern const struct rule name##_rule;
#include "judge/rules.inc"
#undef X

const struct rule *const rules[] = {
#define X(name) &name##_rule,
#include "judge/rules.inc"
#undef X
    NULL,
};
