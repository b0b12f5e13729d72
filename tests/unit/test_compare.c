/* SPDX-License-Identifier: Apache-2.0 */
/* src/compare.c: what became of connections between two places. */
#include "compare.h"

#include "capture/capture.h"

#include <criterion/criterion.h>
#include <stdio.h>
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
    compare_print(c, true, false, &t, &result);
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
    compare_print(c, false, false, &t, &result);
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
    expect(both(in, out), COMPARE_LOST,
           "sent 4000 bytes, repeated ones counted, and 100 "
           "arrived");
    /* The captures in the wrong order are not "the same". */
    expect(both(out, in), COMPARE_LOST,
           "more of the server's bytes arrived (4000) than it was seen to send "
           "(100): the captures are the wrong way round");
    in.success = out.success = true;
    expect(both(in, out), COMPARE_SAME, "passed");
    expect(both(out, in), COMPARE_SAME, "passed");
}

/* A reset that both have is its sender's own; the close that ended it is
 * forged when only the far side has it. */
Test(compare, own_resets)
{
    struct seen s = {.name = "a.example", .random = 1, .server_reset = true};
    expect(both(s, s), COMPARE_SAME, "is its own: it is in both");
    struct seen none = {.name = "a.example", .random = 1};
    expect(both(none, s), COMPARE_SAME, "did not arrive");
    /* After a success one side may have been watched for longer. */
    struct seen done = s;
    done.success = true;
    expect(both(done, none), COMPARE_SAME, "passed");
}

/* Both sides of a router that translates addresses, as the lab has them:
 * `words` are said, and JSON counts so many. */
static void expect_real(const char *name, const char *words, const char *count)
{
    const char *dir = getenv("TLSWHY_SRCDIR");
    struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                 .max_flows = 1000,
                                 .max_memory_bytes = 64 << 20,
                                 .all = true};
    char paths[2][4096];
    for (int i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/pcaps/%s%s.pcap",
                 dir ? dir : ".", name, i ? ".outside" : "");
    }
    for (int json = 0; json < 2; json++) {
        const char *files[] = {paths[0], paths[1]};
        const int fds[] = {capture_file(paths[0]), capture_file(paths[1])};
        const char *file;
        char error[256];
        struct compare_result result;
        struct text t;
        text_init(&t, 1 << 20);
        cr_assert(fds[0] >= 0 && fds[1] >= 0, "%s", name);
        cr_assert(
            compare_files(files, fds, &o, json, &t, &result, &file, error),
            "%s", error);
        cr_expect(strstr(text_str(&t), words), "%s: %s", name, text_str(&t));
        cr_expect(!json || strstr(text_str(&t), count), "%s: %s", name,
                  text_str(&t));
        text_free(&t);
    }
}

/* ---- the time of the captures ---- */

/* Both ran from `first` to `last`, in seconds from now. */
static void saw(struct compare *c, enum compare_where where, int first,
                int last)
{
    compare_saw(c, where, NOW + last * TICK_SEC);
    compare_saw(c, where, NOW + first * TICK_SEC);
}

/* A connection that only the inner capture has, `after` seconds from now, and
 * an outer capture of the first minute. */
static struct compare_result lone(int after, char line[256], bool *warned)
{
    struct compare_result result;
    struct text t;
    struct compare *c = compare_new();
    struct seen s = {.name = "a.example", .random = 1, .after = after};
    cr_assert(c);
    add(c, COMPARE_INSIDE, s);
    saw(c, COMPARE_INSIDE, 0, 600);
    saw(c, COMPARE_OUTSIDE, 0, 60);
    text_init(&t, 1 << 20);
    compare_print(c, false, false, &t, &result);
    *warned = compare_warning(&result, line);
    text_free(&t);
    compare_free(c);
    return result;
}

Test(compare, what_one_does_not_cover)
{
    char line[256];
    bool warned;
    struct compare_result r = lone(30, line, &warned);
    cr_expect(r.n[COMPARE_ABSENT] == 1 && !warned);
    /* Right after the last packet the capture may still have run. */
    r = lone(63, line, &warned);
    cr_expect(r.n[COMPARE_ABSENT] == 1 && !warned);
    r = lone(300, line, &warned);
    cr_expect(r.n[COMPARE_UNCOVERED] == 1 && r.n[COMPARE_ABSENT] == 0);
    cr_expect(warned && strstr(line, "60.000 s in common"), "%s", line);
}

Test(compare, no_common_time)
{
    struct compare_result result;
    char line[256];
    struct text t;
    struct seen in = {.name = "a.example", .random = 1};
    struct seen out = {.name = "a.example", .random = 2, .after = 3600};
    struct compare *c = both(in, out);
    saw(c, COMPARE_INSIDE, 0, 60);
    saw(c, COMPARE_OUTSIDE, 3600, 3660);
    text_init(&t, 1 << 20);
    compare_print(c, false, true, &t, &result);
    cr_expect(result.n[COMPARE_UNCOVERED] == 2, "%s", text_str(&t));
    cr_expect(strstr(text_str(&t), "\"not_covered\":2"), "%s", text_str(&t));
    cr_assert(compare_warning(&result, line));
    cr_expect(strstr(line, "no time in common"), "%s", line);
    text_free(&t);
    compare_free(c);
}

/* One connection that both have tells how far the clocks are apart, and so
 * which one was intercepted and which one never arrived. */
Test(compare, clocks_that_differ)
{
    struct compare_result result;
    char line[256];
    struct text t;
    struct seen same = {.name = "a.example", .random = 1, .server_random = 2};
    struct seen late = same;
    late.after = 3600;
    struct seen in = {.name = "b.example", .random = 3, .after = 10};
    struct seen out = {.name = "b.example", .random = 4, .after = 3611};
    struct seen lost = {.name = "c.example", .random = 5, .after = 20};
    struct compare *c = both(same, late);
    add(c, COMPARE_INSIDE, in);
    add(c, COMPARE_OUTSIDE, out);
    add(c, COMPARE_INSIDE, lost);
    saw(c, COMPARE_INSIDE, 0, 60);
    saw(c, COMPARE_OUTSIDE, 3600, 3660);
    text_init(&t, 1 << 20);
    compare_print(c, false, false, &t, &result);
    cr_expect(result.n[COMPARE_SAME] == 1 &&
                  result.n[COMPARE_INTERCEPTED] == 1 &&
                  result.n[COMPARE_ABSENT] == 1,
              "%s", text_str(&t));
    cr_expect(result.ahead_known && result.ahead == 3600 * TICK_SEC);
    cr_expect(!compare_warning(&result, line));
    text_free(&t);
    compare_free(c);
}

Test(compare, real_captures)
{
    expect_real("two_sides_passed", "both sides saw the same", "\"passed\":1");
    expect_real("two_sides_expired", "the reset of the client is its own",
                "\"passed\":1");
    expect_real("two_sides_reset_own", "the reset of the server is its own",
                "\"passed\":1");
    expect_real("two_sides_reset_forged", "a reset in the server's name",
                "\"inside_only\":1");
    expect_real("two_sides_tampered",
                "in the server's name that the server did", "\"forged\":1");
    expect_real("two_sides_lost", "the server sent 10342 bytes", "\"lost\":1");
    expect_real("two_sides_intercepted", "another ClientHello went on",
                "\"intercepted\":4");
    expect_real("two_sides_part", "no packets of that time",
                "\"not_covered\":1");
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
    compare_print(c, true, false, &t, &result);
    cr_expect(result.left_out == 1 && result.n[COMPARE_ABSENT] == 0);
    text_free(&t);
    compare_free(c);
}
