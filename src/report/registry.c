/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of reporters, made from the list that compiles them (list.am):
 * each file x.c there exports x_reporter.
 */
#include "report/report.h"

#include <stdio.h>

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

void reporter_unknown(const char *name, char error[256])
{
    int n =
        snprintf(error, 256, "no such output format: %.64s (there is", name);
    for (size_t i = 0; reporters[i] && n < 200; i++) {
        n += snprintf(error + n, 256 - (size_t)n, "%s %s", i ? "," : "",
                      reporters[i]->name);
    }
    snprintf(error + n, 256 - (size_t)n, ")");
}
