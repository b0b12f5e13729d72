/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a capture lacks makes a verdict weaker, never another one. Every capture
 * of pcaps/ loses something: the ends of its packets (a short snapshot length),
 * one direction, a packet, its beginning. What is still said then must agree
 * with what the whole capture says.
 */
#include "rewrite.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what gets lost ---- */

static void cut_at(struct frames *out, const struct frames *in, size_t most)
{
    for (size_t i = 0; i < in->n; i++) {
        frames_put_same(out, &in->v[i]);
        struct frame *f = &out->v[i].f;
        f->data.n = f->data.n < most ? f->data.n : most;
    }
}

static void lose_ends_96(struct frames *out, const struct frames *in)
{
    cut_at(out, in, 96);
}

static void lose_ends_200(struct frames *out, const struct frames *in)
{
    cut_at(out, in, 200);
}

static void lose_ends_600(struct frames *out, const struct frames *in)
{
    cut_at(out, in, 600);
}

/* All that goes the way of the lower port, or of the higher one. */
static void lose_way(struct frames *out, const struct frames *in, bool up)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        bool lost = p->k.src.port < p->k.dst.port ? up : !up;
        if (!p->plain || !lost) {
            frames_put_same(out, p);
        }
    }
}

static void lose_one_way(struct frames *out, const struct frames *in)
{
    lose_way(out, in, true);
}

static void lose_other_way(struct frames *out, const struct frames *in)
{
    lose_way(out, in, false);
}

/* One in six of the segments that carry something. */
static void lose_some(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        if (!piece_has_data(&in->v[i]) || frames_draw(out, 6) > 0) {
            frames_put_same(out, &in->v[i]);
        }
    }
}

static void lose_beginning(struct frames *out, const struct frames *in)
{
    for (size_t i = 3; i < in->n; i++) {
        frames_put_same(out, &in->v[i]);
    }
}

static void lose_end(struct frames *out, const struct frames *in)
{
    size_t n = in->n > 3 ? 3 + frames_draw(out, in->n - 3) : in->n;
    for (size_t i = 0; i < n; i++) {
        frames_put_same(out, &in->v[i]);
    }
}

/* ---- what may be said then ---- */

static const char *str(json_t *record, const char *object, const char *key)
{
    return json_string_value(
        json_object_get(json_object_get(record, object), key));
}

static bool is(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Both absent, or the later one is what the earlier one was. */
static bool agrees(json_t *was, json_t *now, const char *key)
{
    json_t *value = now;
    char copy[64];
    snprintf(copy, sizeof copy, "%s", key);
    for (char *part = strtok(copy, "."); part; part = strtok(NULL, ".")) {
        was = json_object_get(was, part);
        value = json_object_get(value, part);
    }
    return !value || json_equal(was, value);
}

static bool is_alternative(json_t *record, const char *cause)
{
    json_t *list =
        json_object_get(json_object_get(record, "tlswhy"), "alternatives");
    bool found = is(str(record, "tlswhy", "cause"), cause);
    for (size_t i = 0; i < json_array_size(list); i++) {
        found = found || is(json_string_value(json_object_get(
                                json_array_get(list, i), "cause")),
                            cause);
    }
    return found;
}

/* What the bytes that are left prove, and is not the whole story. */
static bool is_also_true(json_t *was, const char *cause)
{
    const char *story = str(was, "tlswhy", "cause");
    return (is(story, "starttls_refused") && is(cause, "server_not_tls")) ||
           (is(story, "interception_untrusted") &&
            is(cause, "server_certificate_unknown_issuer"));
}

/* Alerts that can mean one thing only, whatever else is lost. */
static bool names_cause(json_t *now)
{
    static const int codes[] = {45, 48, 70, 86, 112, 115, 116, 120};
    json_t *alert = json_object_get(json_object_get(now, "tlswhy"), "alert");
    json_int_t code = json_integer_value(json_object_get(alert, "code"));
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (code == codes[i]) {
            return true;
        }
    }
    return false;
}

static bool was_client_refused(json_t *was)
{
    const char *cause = str(was, "tlswhy", "cause");
    return cause && strncmp(cause, "client_certificate_", 19) == 0 &&
           is(str(was, "tls", "version"), "1.3");
}

/* Whether `now` may be said where the whole capture says `was`; the first
 * thing that may not, for people. */
static const char *objection(json_t *was, json_t *now)
{
    static const char *const facts[] = {
        "tls.version",         "tls.cipher",
        "tls.client.ja3",      "tls.client.ja4",
        "tls.server.ja3s",     "tls.client.server_name",
        "tls.server.x509",     "tls.server.hash",
        "tls.next_protocol",   "tlswhy.offered.versions",
        "tlswhy.offered.alpn", "tlswhy.offered.groups",
        "tls.resumed"};
    const char *outcome = str(now, "event", "outcome");
    bool whole = json_object_get(json_object_get(was, "tlswhy"), "offered");
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        /* What never came whole is read only where the capture cut it. */
        if (whole && !agrees(was, now, facts[i])) {
            return facts[i];
        }
    }
    if (is(outcome, "unknown")) {
        return NULL;
    }
    const char *cause = str(now, "tlswhy", "cause");
    /* In TLS 1.3 a server refuses a client's certificate when the handshake is
     * over: the capture may end in between. */
    bool early = is(outcome, "success") && was_client_refused(was);
    /* An inspection is told by other connections, which may be lost. */
    bool alone = is(outcome, "success") &&
                 is(str(was, "tlswhy", "cause"), "interception_untrusted");
    if (!is(outcome, str(was, "event", "outcome")) && !early && !alone) {
        return "event.outcome";
    }
    if (names_cause(now) && is(cause, "unclassified") &&
        !is_alternative(was, cause)) {
        return "an alert that says it all";
    }
    bool certain = is(str(now, "tlswhy", "confidence"), "certain");
    return certain && !is_alternative(was, cause) && !is_also_true(was, cause)
               ? "a certain cause"
               : NULL;
}

typedef void lose(struct frames *out, const struct frames *in);

struct test {
    lose *lose;
    unsigned records;
    unsigned still; /* something is said of them */
};

/* Held against all connections of the same two ends: ports are used again. */
static const char *objection_of_all(json_t *records, json_t *one)
{
    const char *id = str(one, "network", "community_id");
    const char *no = NULL;
    for (size_t i = 0; id && i < json_array_size(records); i++) {
        json_t *r = json_array_get(records, i);
        if (is(str(r, "network", "community_id"), id)) {
            no = objection(r, one);
            if (!no) {
                return NULL;
            }
        }
    }
    return no;
}

static void check_file(void *ctx, const char *path, const char *name,
                       struct trust *trust)
{
    struct test *t = ctx;
    if (strncmp(name, "fake_", 5) == 0) {
        return; /* what is lost there is what tells the forgery */
    }
    struct frames in = frames_load(path);
    struct frames out = {.random = 88172645463325252u};
    t->lose(&out, &in);
    json_t *was = frames_analyse(&in, trust);
    json_t *now = frames_analyse(&out, trust);
    for (size_t i = 0; i < json_array_size(now); i++) {
        json_t *r = json_array_get(now, i);
        const char *no = objection_of_all(was, r);
        cr_expect_null(no, "%s: %s: %s %s", name, no,
                       str(r, "event", "outcome"), str(r, "tlswhy", "cause"));
        t->records++;
        t->still += !is(str(r, "event", "outcome"), "unknown");
    }
    json_decref(was);
    json_decref(now);
    frames_free(&in);
    frames_free(&out);
}

/* Of that many records something is still said. */
static void check_all(lose *l, unsigned still)
{
    struct test t = {.lose = l};
    each_capture(check_file, &t);
    cr_expect_gt(t.records, 300u / CAPTURES_STEP);
    cr_expect(CAPTURES_STEP > 1 || t.still >= still, "%u records", t.still);
}

TestSuite(holes, .timeout = 300);

Test(holes, ends_of_packets)
{
    check_all(lose_ends_96, 100);
}

Test(holes, ends_of_larger_packets)
{
    check_all(lose_ends_200, 100);
}

Test(holes, ends_of_large_packets)
{
    check_all(lose_ends_600, 200);
}

Test(holes, one_way)
{
    check_all(lose_one_way, 50);
}

Test(holes, the_other_way)
{
    check_all(lose_other_way, 50);
}

Test(holes, some_segments)
{
    check_all(lose_some, 200);
}

Test(holes, the_beginning)
{
    check_all(lose_beginning, 50);
}

Test(holes, the_end)
{
    check_all(lose_end, 50);
}
