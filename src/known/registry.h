/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry's table as scripts/gen-tables writes it, and the search in it.
 * Private to src/known.
 */
#ifndef KNOWN_REGISTRY_H
#define KNOWN_REGISTRY_H

#include "base/span.h"

/* Columns `level` of alerts.tsv and `kind` of groups.tsv. */
enum { ALERT_WARNING, ALERT_FATAL, ALERT_EITHER };
enum { GROUP_EC, GROUP_FFDHE, GROUP_PQ, GROUP_OTHER };

struct registry_row {
    uint16_t code;
    uint8_t kind; /* ALERT_*, GROUP_*, or 0 */
    const char *name;
    const char *text; /* an alert's meaning, a signature's key; or NULL */
};

/* Rows by ascending code. */
struct registry {
    const struct registry_row *rows;
    size_t n;
};

/* The row of a code, NULL when there is none. O(log n). */
const struct registry_row *registry_find(struct registry r, uint16_t code);

#endif
