/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of hypotheses, for the judge alone: rules use the functions that
 * facts.h declares.
 */
#ifndef JUDGE_HYPOTHESIS_H
#define JUDGE_HYPOTHESIS_H

#include "judge/facts.h"

#define HYPOTHESES_MAX 48u /* rules add at most a few each */
#define BECAUSE_MAX    8u  /* sentences per hypothesis */
#define SENTENCE_BYTES 1024u

struct hypothesis {
    const struct rule *rule;
    const char *cause; /* slug, static */
    enum confidence confidence;
    int weight;
    bool sink; /* over the limit: swallows everything */
    bool keep;
    bool has_side;
    enum known_side side;
    const char *reason; /* or NULL */
    struct text_list because;
};

struct hypotheses {
    struct arena *arena;     /* of their texts; borrowed */
    const struct rule *rule; /* the one that is running */
    size_t n;
    struct hypothesis v[HYPOTHESES_MAX];
    struct hypothesis sink;
};

void hypotheses_init(struct hypotheses *hy, struct arena *arena);

/* Best first: confidence, then weight, then the order of adding. */
void hypotheses_rank(struct hypotheses *hy);

/* Appends a copy, in the list's arena; dropped when there is no room. */
void text_list_add(struct text_list *l, const char *s);
/* Whether the list holds this very text. */
bool text_list_has(const struct text_list *l, const char *s);

#endif
