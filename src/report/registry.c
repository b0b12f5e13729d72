/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of reporters, made from the list that compiles them (list.am):
 * each file x.c there exports x_reporter.
 */
#include "report/report.h"

#define X(name) extern const struct reporter name##_reporter;
#include "report/list.inc"
#undef X

const struct reporter *const reporters[] = {
#define X(name) &name##_reporter,
#include "report/list.inc"
#undef X
    NULL,
};

const struct reporter *reporter_find(const char *name)
{
    for (size_t i = 0; reporters[i]; i++) {
        if (strcmp(reporters[i]->name, name) == 0) {
            return reporters[i];
        }
    }
    return NULL;
}
