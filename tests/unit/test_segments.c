/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connection's bytes are cut into segments, and in which order they come
 * by, changes no verdict: every capture of pcaps/ is rewritten (segments split,
 * joined, swapped with their neighbours, sent twice, overlapping) and must give
 * the records that it gave before.
 *
 * Not compared is what such a change is about: numbers of packets and bytes,
 * frame numbers, times, and numbers in sentences. Where the size of segments is
 * what the verdict rests on (large packets get lost), they keep it.
 */
#include "rewrite.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what a change may do ---- */

/* Into pieces of random size; what ends the segment (FIN, PSH) goes last. */
static void split(struct frames *out, const struct piece *p, size_t most)
{
    size_t at = 0;
    do {
        size_t left = p->k.payload.n - at;
        size_t n = 1 + frames_draw(out, most);
        n = n < left ? n : left;
        unsigned flags = at + n == p->k.payload.n
                             ? p->k.flags
                             : p->k.flags & ~(unsigned)(TCP_FIN | TCP_PSH);
        frames_put(out, p, p->k.seq + (uint32_t)at, flags,
                   span_sub(p->k.payload, at, n));
        at += n;
    } while (at < p->k.payload.n);
}

static void change_split(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        if (piece_has_data(&in->v[i])) {
            split(out, &in->v[i], 700);
        } else {
            frames_put_same(out, &in->v[i]);
        }
    }
}

/* The beginning of the first segments byte by byte: that many are kept even
 * where they wait for a segment that is missing. */
static void change_bytes(struct frames *out, const struct frames *in)
{
    const size_t singles = LIMIT_REORDER_SEGMENTS / 2;
    unsigned budget = 6;
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        if (!piece_has_data(p) || !budget) {
            frames_put_same(out, p);
            continue;
        }
        budget--;
        struct piece part = *p;
        if (p->k.payload.n > singles) {
            part.k.payload.n = singles;
            part.k.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        }
        split(out, &part, 1);
        if (p->k.payload.n > singles) {
            frames_put(out, p, p->k.seq + (uint32_t)singles, p->k.flags,
                       span_sub(p->k.payload, singles, SIZE_MAX));
        }
    }
}

/* What follows in the same direction without a packet between goes into one. */
static void change_join(struct frames *out, const struct frames *in)
{
    static uint8_t joined[60000];
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        size_t n = 0;
        size_t last = i;
        if (!piece_has_data(p)) {
            frames_put_same(out, p);
            continue;
        }
        for (size_t k = i; k < in->n && piece_has_data(&in->v[k]) &&
                           piece_same_way(p, &in->v[k]) &&
                           in->v[k].k.seq == p->k.seq + (uint32_t)n &&
                           n + in->v[k].k.payload.n <= sizeof joined;
             k++) {
            memcpy(joined + n, in->v[k].k.payload.p, in->v[k].k.payload.n);
            n += in->v[k].k.payload.n;
            last = k;
            if (in->v[k].k.flags & TCP_FIN) {
                break;
            }
        }
        frames_put(out, &in->v[last], p->k.seq, in->v[last].k.flags,
                   span_of(joined, n));
        i = last;
    }
}

/* Neighbours of the same direction change places, not their times. */
static void change_swap(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        bool pair = i + 1 < in->n && piece_has_data(p) &&
                    piece_has_data(p + 1) && piece_same_way(p, p + 1) &&
                    frames_draw(out, 2);
        frames_put_same(out, pair ? p + 1 : p);
        out->v[out->n - 1].f.when = p->f.when;
        if (pair) {
            frames_put_same(out, p);
            out->v[out->n - 1].f.when = p[1].f.when;
            i++;
        }
    }
}

/* Split, and the pieces of each segment in the wrong order. */
static void change_shuffle(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        size_t from = out->n;
        if (!piece_has_data(&in->v[i])) {
            frames_put_same(out, &in->v[i]);
            continue;
        }
        split(out, &in->v[i], 1 + in->v[i].k.payload.n / 2);
        for (size_t k = out->n - 1; k > from; k--) {
            size_t other = from + frames_draw(out, k - from + 1);
            struct piece held = out->v[k];
            out->v[k] = out->v[other];
            out->v[other] = held;
        }
    }
}

/* Mirror ports show a packet twice. */
static void change_twice(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        frames_put_same(out, &in->v[i]);
        if (frames_draw(out, 2)) {
            frames_put_same(out, &in->v[i]);
        }
    }
}

/* Data comes again later, as of a sender whose acknowledgements got lost. */
static void change_again(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        frames_put_same(out, &in->v[i]);
        size_t back = frames_draw(out, 6);
        if (back <= i && piece_has_data(&in->v[i - back]) &&
            frames_draw(out, 3) == 0) {
            frames_put_same(out, &in->v[i - back]);
            out->v[out->n - 1].f.when = in->v[i].f.when;
        }
    }
}

/* Each segment begins with the end of the one before it. */
static void change_overlap(struct frames *out, const struct frames *in)
{
    static uint8_t joined[70000];
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        const struct piece *before = NULL;
        for (size_t k = i; piece_has_data(p) && k-- > 0 && !before;) {
            const struct piece *q = &in->v[k];
            if (piece_has_data(q) && piece_same_way(p, q) &&
                q->k.seq + (uint32_t)q->k.payload.n == p->k.seq) {
                before = q;
            }
        }
        if (!before || p->k.payload.n > 2000) {
            frames_put_same(out, p);
            continue;
        }
        size_t n = 1 + frames_draw(out, before->k.payload.n);
        memcpy(joined, before->k.payload.p + before->k.payload.n - n, n);
        memcpy(joined + n, p->k.payload.p, p->k.payload.n);
        frames_put(out, p, p->k.seq - (uint32_t)n, p->k.flags,
                   span_of(joined, n + p->k.payload.n));
    }
}

/* Whether its sender sent another packet before it, beside a SYN. */
static bool is_introduced(const struct frames *in, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (in->v[k].plain && !(in->v[k].k.flags & TCP_SYN) &&
            piece_same_way(&in->v[k], &in->v[i])) {
            return true;
        }
    }
    return false;
}

/* The path changes once the connection is open: another TTL from then on. (With
 * a reset as the first packet that comes by it, that would be somebody else's.)
 */
static void change_path(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        frames_put_same(out, &in->v[i]);
        struct piece *p = &out->v[out->n - 1];
        size_t at = p->ip + (p->k.ip_version == 4 ? 8 : 7);
        if (p->plain && !(p->k.flags & TCP_SYN) &&
            (!(p->k.flags & TCP_RST) || is_introduced(in, i))) {
            p->bytes[at] = (uint8_t)(p->bytes[at] - 9);
        }
    }
}

/* Whether its receiver acknowledged it. */
static bool is_received(const struct frames *in, size_t i)
{
    const struct packet *k = &in->v[i].k;
    uint32_t end = k->seq + (uint32_t)k->payload.n;
    for (size_t j = i + 1; j < in->n; j++) {
        const struct piece *q = &in->v[j];
        if (q->plain && q->k.src.port == k->dst.port &&
            q->k.dst.port == k->src.port && (q->k.flags & TCP_ACK) &&
            (int32_t)(q->k.ack - end) >= 0) {
            return true;
        }
    }
    return false;
}

/* The receiver's network card joined segments, whose checksums then mean
 * nothing. */
static void change_checksums(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        frames_put_same(out, &in->v[i]);
        struct piece *p = &out->v[out->n - 1];
        if (piece_has_data(p) && is_received(in, i)) {
            p->bytes[p->tcp + 16] ^= 0x5a;
        }
    }
}

#define PATH_BYTES 512

static void member_of(char path[PATH_BYTES], const char *at, const char *key)
{
    int length = snprintf(path, PATH_BYTES, "%s.%s", at, key);
    cr_assert_lt(length, PATH_BYTES);
}

/* The first place where two values differ, for people. */
static void differ(const char *name, const char *at, json_t *a, json_t *b)
{
    const char *key;
    json_t *value;
    char path[PATH_BYTES];
    if (json_is_object(a) && json_is_object(b)) {
        json_object_foreach(a, key, value)
        {
            member_of(path, at, key);
            differ(name, path, value, json_object_get(b, key));
        }
        json_object_foreach(b, key, value)
        {
            member_of(path, at, key);
            if (!json_object_get(a, key)) {
                differ(name, path, NULL, value);
            }
        }
        return;
    }
    if (json_is_array(a) && json_is_array(b) &&
        json_array_size(a) == json_array_size(b)) {
        for (size_t i = 0; i < json_array_size(a); i++) {
            int length = snprintf(path, PATH_BYTES, "%s[%zu]", at, i);
            cr_assert_lt(length, PATH_BYTES);
            differ(name, path, json_array_get(a, i), json_array_get(b, i));
        }
        return;
    }
    if (a && b && json_equal(a, b)) {
        return;
    }
    char *was = a ? json_dumps(a, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char *is = b ? json_dumps(b, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    fprintf(stderr, "%s: %s was %s, is %s\n", name, at, was ? was : "absent",
            is ? is : "absent");
    free(was);
    free(is);
}

typedef void change(struct frames *out, const struct frames *in);

struct test {
    change *change;
    bool resizes; /* segments get another size */
    unsigned files;
};

/* Whether the size of segments is what a verdict rests on. */
static bool rests_on_sizes(json_t *records)
{
    static const char *const causes[] = {
        "client_hello_lost", "server_flight_lost", "large_client_hello"};
    for (size_t i = 0; i < json_array_size(records); i++) {
        json_t *own = json_object_get(json_array_get(records, i), "tlswhy");
        const char *cause = json_string_value(json_object_get(own, "cause"));
        for (size_t k = 0; cause && k < 3; k++) {
            if (strcmp(cause, causes[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void check_file(void *ctx, const char *path, const char *name,
                       struct trust *trust)
{
    struct test *t = ctx;
    if (strncmp(name, "fake_", 5) == 0 || strncmp(name, "encap_", 6) == 0) {
        return; /* what is wrong, or told twice, in their headers must stay */
    }
    struct frames in = frames_load(path);
    struct frames out = {.random = 88172645463325252u};
    json_t *was = frames_analyse(&in, trust);
    if (t->resizes && rests_on_sizes(was)) {
        json_decref(was);
        frames_free(&in);
        return;
    }
    t->files++;
    t->change(&out, &in);
    json_t *is = frames_analyse(&out, trust);
    if (!json_equal(was, is)) {
        differ(name, "", was, is);
    }
    cr_expect(json_equal(was, is), "%s: another record", name);
    json_decref(was);
    json_decref(is);
    frames_free(&in);
    frames_free(&out);
}

static void check_all(change *c, bool resizes)
{
    struct test t = {.change = c, .resizes = resizes};
    each_capture(check_file, &t);
    cr_expect_gt(t.files, 300u / CAPTURES_STEP);
}

TestSuite(segments, .timeout = 300);

Test(segments, split_differently)
{
    check_all(change_split, true);
}

Test(segments, byte_by_byte)
{
    check_all(change_bytes, true);
}

Test(segments, joined)
{
    check_all(change_join, true);
}

Test(segments, neighbours_swapped)
{
    check_all(change_swap, false);
}

Test(segments, pieces_shuffled)
{
    check_all(change_shuffle, true);
}

Test(segments, shown_twice)
{
    check_all(change_twice, false);
}

Test(segments, sent_again)
{
    check_all(change_again, false);
}

Test(segments, another_path)
{
    check_all(change_path, false);
}

Test(segments, checksums_without_meaning)
{
    check_all(change_checksums, true);
}

Test(segments, overlapping)
{
    check_all(change_overlap, true);
}
