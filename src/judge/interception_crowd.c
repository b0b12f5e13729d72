/* SPDX-License-Identifier: Apache-2.0 */
/* Whom an inspection meets: distinct names and clients, up to a bound. */
#include "judge/interception_group.h"

/* Adds v to a list of distinct values. True when it is new; *more is set when
 * there was no room. */
static bool add_distinct(uint64_t *list, unsigned *n, unsigned max, uint64_t v,
                         bool *more)
{
    for (unsigned i = 0; i < *n; i++) {
        if (list[i] == v) {
            return false;
        }
    }
    if (*n == max) {
        *more = true;
        return false;
    }
    list[(*n)++] = v;
    return true;
}

void crowd_add(struct crowd *c, uint64_t client, uint64_t name,
               const char *host)
{
    add_distinct(c->clients, &c->clients_n, GROUP_CLIENTS_MAX, client,
                 &c->clients_more);
    if (add_distinct(c->names, &c->names_n, GROUP_LEAVES_MAX, name,
                     &c->names_more) &&
        c->names_n <= GROUP_NAMES_MAX) {
        struct span s = span_sub(span_text(host), 0, HOST_BYTES - 1);
        memcpy(c->shown[c->names_n - 1], s.p, s.n);
    }
}

void crowd_tell(const struct crowd *c, struct interception_story *out)
{
    out->names_n = c->names_n;
    out->names_more = c->names_more;
    out->clients_n = c->clients_n;
    out->clients_more = c->clients_more;
    for (unsigned i = 0; i < c->names_n && i < STORY_NAMES_MAX; i++) {
        out->names[i] = c->shown[i];
    }
}
