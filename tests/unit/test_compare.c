/* SPDX-License-Identifier: Apache-2.0 */
/* src/compare.c: what became of connections between two places. */
#include "compare.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define NOW (INT64_C(1795564800) * TICK_SEC)

/* A failed connection to a name, its randoms all of one byte. */
struct seen {
    const char *name;
    uint8_t random, server_random;
    int after; /* seconds */
    uint64_t server_bytes;
    bool server_reset, client_reset, success;
};

static void add(struct compare *c, enum compare_where where, struct seen s)
{
    struct handshake *hs = calloc(1, sizeof *hs);
    struct verdict v = {0};
    struct record r = {.hs = hs, .verdict = &v};
    uint8_t randoms[2][32];
    cr_assert(hs);
    memset(randoms[0], s.random, 32);
    memset(randoms[1], s.server_random, 32);
    hs->ip_version = 4;
    hs->first = hs->when_hello = NOW + s.after * TICK_SEC;
    hs->offer.random = span_of(randoms[0], s.random ? 32 : 0);
    hs->offer.sni = span_text(s.name);
    hs->choice.random = span_of(randoms[1], s.server_random ? 32 : 0);
    hs->dir[SIDE_CLIENT].bytes = 500;
    hs->dir[SIDE_SERVER].bytes = s.server_bytes;
    hs->rst_seen[SIDE_SERVER] = s.server_reset;
    hs->rst_seen[SIDE_CLIENT] = s.client_reset;
    hs->end_state.outcome = s.success ? OUTCOME_SUCCESS : OUTCOME_FAILURE;
    compare_add(c, &r, where);
    free(hs);
}

static void expect(struct compare *c, enum compare_fate fate, const char *words)
{
    struct compare_result result;
    struct text t;
    text_init(&t, 1 << 20);
    compare_print(c, true, &t, &result);
    for (int i = 0; i < COMPARE_FATES; i++) {
        cr_expect(result.n[i] == (i == (int)fate), "fate %d: %d", i,
                  (int)result.n[i]);
    }
    cr_expect(strstr(text_str(&t), words), "%s", text_str(&t));
    text_free(&t);
    compare_free(c);
}

/* The inner side and the outer side of one connection. */
static struct compare *both(struct seen in, struct seen out)
{
    struct compare *c = compare_new();
    cr_assert(c);
    add(c, COMPARE_INSIDE, in);
    add(c, COMPARE_OUTSIDE, out);
    return c;
}

Test(compare, passed)
{
    struct seen s = {.name = "a.example",
                     .random = 1,
                     .server_random = 2,
                     .server_bytes = 900};
    expect(both(s, s), COMPARE_SAME, "passed");
    /* The randoms tell, whatever the clocks say. */
    struct seen late = s;
    late.after = 3600;
    expect(both(s, late), COMPARE_SAME, "passed");
}

Test(compare, intercepted)
{
    struct seen in = {.name = "a.example", .random = 1, .server_random = 2};
    struct seen out = {
        .name = "a.example", .random = 3, .server_random = 4, .after = 1};
    expect(both(in, out), COMPARE_INTERCEPTED, "another ClientHello");
    /* The same ClientHello, answered by somebody else. */
    struct seen answered = in;
    answered.server_random = 9;
    expect(both(in, answered), COMPARE_INTERCEPTED, "intercepted");
}

Test(compare, not_the_same_connection)
{
    struct compare_result result;
    struct text t;
    struct seen in = {.name = "a.example", .random = 1};
    struct seen other = {.name = "b.example", .random = 2};
    struct seen later = {.name = "a.example", .random = 3, .after = 60};
    struct compare *c = both(in, other);
    add(c, COMPARE_OUTSIDE, later);
    text_init(&t, 1 << 20);
    compare_print(c, false, &t, &result);
    cr_expect(result.n[COMPARE_ABSENT] == 1 && result.n[COMPARE_OUTER] == 2);
    cr_expect(strstr(text_str(&t), "stopped in between"));
    text_free(&t);
    compare_free(c);
}

Test(compare, forged)
{
    struct seen in = {.name = "a.example", .random = 1, .server_reset = true};
    struct seen out = {.name = "a.example", .random = 1};
    expect(both(in, out), COMPARE_FORGED, "in the server's name");
    in.server_reset = false;
    out.client_reset = true;
    expect(both(in, out), COMPARE_FORGED, "in the client's name");
    /* One's own reset may get lost on the way. */
    in.client_reset = true;
    expect(both(in, out), COMPARE_SAME, "passed");
}

Test(compare, lost)
{
    struct seen in = {.name = "a.example",
                      .random = 1,
                      .server_random = 2,
                      .server_bytes = 100};
    struct seen out = in;
    out.server_bytes = 4000;
    expect(both(in, out), COMPARE_LOST, "3900 of 4000 bytes from the server");
    in.success = out.success = true;
    expect(both(in, out), COMPARE_SAME, "passed");
}

Test(compare, nothing_to_compare)
{
    struct compare_result result;
    struct text t;
    struct compare *c = compare_new();
    struct seen s = {.name = "a.example"}; /* no ClientHello */
    cr_assert(c);
    add(c, COMPARE_INSIDE, s);
    text_init(&t, 1 << 20);
    compare_print(c, true, &t, &result);
    cr_expect(result.left_out == 1 && result.n[COMPARE_ABSENT] == 0);
    text_free(&t);
    compare_free(c);
}
