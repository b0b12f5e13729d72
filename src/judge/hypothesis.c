/* SPDX-License-Identifier: Apache-2.0 */
/* What rules claim, kept until the judge ranks it. Bounded in number, in
 * sentences and in their length. */
#include "judge/hypothesis.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- lists of texts ---- */

#define LIST_STEP 8u /* they grow by that many */

void text_list_add(struct text_list *l, const char *s)
{
    if (l->n % LIST_STEP == 0) {
        char **v = arena_room(l->arena, (l->n + LIST_STEP) * sizeof *v);
        if (!v) {
            return;
        }
        if (l->n) {
            memcpy(v, l->v, l->n * sizeof *v);
        }
        l->v = v;
    }
    char *copy = arena_text(l->arena, span_text(s));
    if (copy) {
        l->v[l->n++] = copy;
    }
}

bool text_list_has(const struct text_list *l, const char *s)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i], s) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- hypotheses ---- */

void hypotheses_init(struct hypotheses *hy, struct arena *arena)
{
    hy->arena = arena;
    hy->rule = NULL;
    hy->n = 0;
    hy->sink = (struct hypothesis){.sink = true};
}

struct hypothesis *hypothesis_add(struct hypotheses *hy, const char *cause,
                                  enum confidence c, int weight)
{
    if (hy->n == HYPOTHESES_MAX) {
        return &hy->sink;
    }
    struct hypothesis *h = &hy->v[hy->n++];
    *h = (struct hypothesis){.rule = hy->rule,
                             .cause = cause,
                             .confidence = c,
                             .weight = weight,
                             .because = {.arena = hy->arena}};
    return h;
}

void hypothesis_because(struct hypothesis *h, const char *fmt, ...)
{
    if (h->sink || h->because.n == BECAUSE_MAX) {
        return;
    }
    if (!strchr(fmt, '%')) {
        text_list_add(&h->because, fmt);
        return;
    }
    char line[SENTENCE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    text_list_add(&h->because, line);
}

void hypothesis_side(struct hypothesis *h, enum known_side side)
{
    h->has_side = true;
    h->side = side;
}

void hypothesis_keep(struct hypothesis *h)
{
    h->keep = true;
}

void hypothesis_reason(struct hypothesis *h, const char *fmt, ...)
{
    if (h->sink) {
        return;
    }
    char line[SENTENCE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    h->reason = arena_text(h->because.arena, span_text(line));
}

static bool is_better(const struct hypothesis *a, const struct hypothesis *b)
{
    if (a->confidence != b->confidence) {
        return a->confidence > b->confidence;
    }
    return a->weight > b->weight;
}

/* Insertion sort: few elements, and equal ones must keep their order so that
 * the verdict does not depend on the library's qsort. */
void hypotheses_rank(struct hypotheses *hy)
{
    for (size_t i = 1; i < hy->n; i++) {
        struct hypothesis h = hy->v[i];
        size_t at = i;
        while (at > 0 && is_better(&h, &hy->v[at - 1])) {
            hy->v[at] = hy->v[at - 1];
            at--;
        }
        hy->v[at] = h;
    }
}
