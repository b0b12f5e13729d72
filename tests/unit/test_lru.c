/* SPDX-License-Identifier: Apache-2.0 */
/* src/base/lru.c against a list that is searched from end to end. */
#include "base/lru.h"

#include <criterion/criterion.h>
#include <string.h>

#define MAX 150u

struct entry {
    uint64_t key;
    unsigned uses;
};

static unsigned dropped;

static void drop(void *entry)
{
    const struct entry *e = entry;
    cr_expect(e->uses > 0);
    dropped++;
}

/* The reference: keys by use, the last one first. */
struct model {
    struct entry v[MAX];
    unsigned n;
};

static unsigned model_use(struct model *m, uint64_t key, unsigned max)
{
    struct entry e = {.key = key};
    unsigned at = 0;
    while (at < m->n && m->v[at].key != key) {
        at++;
    }
    if (at < m->n) {
        e = m->v[at];
    } else if (m->n < max) {
        m->n++;
    } else {
        at--;
    }
    memmove(m->v + 1, m->v, at * sizeof m->v[0]);
    m->v[0] = e;
    return ++m->v[0].uses;
}

static void expect_same(struct lru *t, const struct model *m)
{
    const struct entry *e = NULL;
    for (unsigned i = 0; i < m->n; i++) {
        e = lru_next(t, e);
        cr_assert(e);
        cr_assert_eq(e->key, m->v[i].key);
        cr_assert_eq(e->uses, m->v[i].uses);
        cr_assert(lru_find(t, e->key) == e);
    }
    cr_assert_null(lru_next(t, e));
}

/* Some keys more often than others, in few buckets. */
static uint64_t some_key(uint64_t *random, unsigned keys)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
    uint64_t of = *random >> 40 & 1 ? keys : keys / 8 + 1;
    return (*random >> 44) % of << 31;
}

/* Looking at all makes the list know of all uses: in between there are many,
 * few or none that it does not know. */
static void behaves_like_a_list(unsigned max, unsigned looks_every)
{
    struct lru *t = lru_new(max, sizeof(struct entry), drop);
    struct model m = {.n = 0};
    uint64_t random = looks_every;
    cr_assert(t);
    expect_same(t, &m);
    for (unsigned i = 1; i <= 20000; i++) {
        uint64_t key = some_key(&random, max * 2);
        struct entry *e = lru_use(t, key);
        e->key = key;
        e->uses++;
        cr_assert_eq(e->uses, model_use(&m, key, max));
        if (i % looks_every == 0) {
            expect_same(t, &m);
        }
    }
    cr_expect(dropped > 1000);
    cr_expect_null(lru_find(t, 5));
    unsigned before = dropped;
    lru_free(t);
    cr_expect_eq(dropped, before + max);
    dropped = 0;
}

Test(lru, like_a_list)
{
    static const unsigned maxima[] = {1, 2, 7, 63, 64, 65, MAX};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        behaves_like_a_list(maxima[i], 1);
        behaves_like_a_list(maxima[i], 13);
        behaves_like_a_list(maxima[i], 997);
    }
}

/* What is left does not depend on the keys' values. */
Test(lru, independent_of_keys)
{
    struct lru *a = lru_new(1000, sizeof(uint64_t), NULL);
    struct lru *b = lru_new(1000, sizeof(uint64_t), NULL);
    for (uint64_t i = 0; i < 50000; i++) {
        uint64_t what = i * i % 4099;
        *(uint64_t *)lru_use(a, what) = what;
        *(uint64_t *)lru_use(b, what * UINT64_C(0x9e3779b97f4a7c15)) = what;
    }
    const uint64_t *x = NULL;
    const uint64_t *y = NULL;
    do {
        x = lru_next(a, x);
        y = lru_next(b, y);
        cr_assert_eq(!x, !y);
        cr_assert(!x || *x == *y);
    } while (x);
    lru_free(a);
    lru_free(b);
    lru_free(NULL);
}
