/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own knowledge of causes: sentences, fixes, what viewers show and commands
 * that reproduce it, as compiled from data/causes.tsv, fix.tsv, seen_as.tsv and
 * reproduce.tsv. Does not choose rows or fill placeholders: src/judge does.
 */
#include "known/known.h"

#include "known/causes.inc"

#define CAUSES (sizeof causes / sizeof causes[0])

size_t known_cause_count(void)
{
    return CAUSES;
}

const struct known_cause *known_cause_at(size_t i)
{
    return i < CAUSES ? &causes[i] : NULL;
}

/* The index of a slug's cause, CAUSES when there is none. */
static size_t find_cause(const char *slug)
{
    size_t lo = 0;
    size_t hi = CAUSES;
    while (slug && lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = strcmp(slug, causes[causes_by_slug[mid]].slug);
        if (order == 0) {
            return causes_by_slug[mid];
        }
        if (order > 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return CAUSES;
}

const struct known_cause *known_cause(const char *slug)
{
    return known_cause_at(find_cause(slug));
}

/* starts[c] to starts[c + 1] are the rows of cause c. */
static struct known_rows rows_of(const struct known_row *rows,
                                 const uint16_t *starts, const char *slug)
{
    size_t c = find_cause(slug);
    if (c == CAUSES) {
        return (struct known_rows){NULL, 0};
    }
    return (struct known_rows){&rows[starts[c]],
                               (size_t)(starts[c + 1] - starts[c])};
}

struct known_rows known_fix_rows(const char *slug)
{
    return rows_of(fix_rows, fix_starts, slug);
}

struct known_rows known_seen_as_rows(const char *slug)
{
    return rows_of(seen_as_rows, seen_as_starts, slug);
}

struct known_rows known_reproduce_rows(const char *slug)
{
    return rows_of(reproduce_rows, reproduce_starts, slug);
}

static const struct known_row *row_at(struct known_rows rows, size_t i)
{
    return i < rows.n ? &rows.v[i] : NULL;
}

const struct known_row *known_fix(const char *slug, size_t i)
{
    return row_at(known_fix_rows(slug), i);
}

const struct known_row *known_seen_as(const char *slug, size_t i)
{
    return row_at(known_seen_as_rows(slug), i);
}

const struct known_row *known_reproduce(const char *slug, size_t i)
{
    return row_at(known_reproduce_rows(slug), i);
}
