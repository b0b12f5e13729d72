/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that wait in few bytes: messages and numbers come back as they
 * were, and every capture of pcaps/ gives the same handshakes when all
 * connections are folded between any two of its packets.
 */
#include "base/alike.h"
#include "capture/capture.h"
#include "tests/fuzz/fuzz.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- numbers ---- */

Test(fold, numbers_come_back)
{
    static const uint64_t v[] = {0,         1,         127,
                                 128,       16383,     16384,
                                 1u << 31,  INT64_MAX, (uint64_t)INT64_MAX + 1,
                                 UINT64_MAX};
    uint8_t room[2 * PACK_INT_MAX * (sizeof v / sizeof *v)];
    struct packer w = {room};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        pack_uint(&w, v[i]);
        pack_int(&w, (int64_t)v[i]);
    }
    struct cursor c = cursor_open(span_of(room, (size_t)(w.at - room)));
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        cr_expect_eq(unpack_uint(&c), v[i]);
        cr_expect_eq(unpack_int(&c), (int64_t)v[i]);
    }
    cr_expect(cursor_done(&c));
    w.at = room;
    pack_int(&w, -64);
    cr_expect_eq(w.at - room, 1, "small ones are short, also below zero");
}

/* ---- messages ---- */

#define LONGEST 40000u

struct folded {
    uint8_t bytes[ALIKE_MAX(LONGEST)];
    size_t n;
};

static size_t fold(struct alike *a, struct folded *f, struct span s,
                   uint64_t key)
{
    struct packer w = {f->bytes};
    alike_pack(a, &w, s, key);
    f->n = (size_t)(w.at - f->bytes);
    cr_assert_leq(f->n, ALIKE_MAX(s.n));
    return f->n;
}

static void expect_unfolded(struct alike *a, const struct folded *f,
                            struct span s)
{
    static uint8_t out[LONGEST + 1];
    struct cursor c = cursor_open(span_of(f->bytes, f->n));
    out[s.n] = 0x5a;
    alike_unpack(a, &c, out, s.n);
    cr_expect(cursor_done(&c));
    cr_expect_arr_eq(out, s.p, s.n);
    cr_expect_eq(out[s.n], 0x5a);
}

static void fill(uint8_t *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        p[i] = (uint8_t)(seed >> 16);
    }
}

Test(fold, messages_that_are_alike_take_what_differs)
{
    static uint8_t m[600];
    static struct folded first, second, third;
    struct alike *a = alike_new((size_t)8 << 20);
    fill(m, sizeof m, 1);
    size_t alone = fold(a, &first, span_of(m, sizeof m), 7);
    cr_expect_gt(alone, sizeof m, "nothing to compare it with");
    cr_expect_lt(fold(a, &second, span_of(m, sizeof m), 7), 16u);
    fill(m + 2, 32, 2); /* another random */
    m[599] ^= 1;
    cr_expect_lt(fold(a, &third, span_of(m, sizeof m), 7), 16u + 32u + 8u);
    expect_unfolded(a, &third, span_of(m, sizeof m));
    fill(m, sizeof m, 1);
    expect_unfolded(a, &second, span_of(m, sizeof m));
    expect_unfolded(a, &first, span_of(m, sizeof m));
    alike_free(a);
}

/* A model that was replaced stays for those that need it, and no longer. */
Test(fold, models_stay_as_long_as_they_are_needed)
{
    static uint8_t m[2][500];
    static struct folded f[2], other;
    struct alike *a = alike_new((size_t)8 << 20);
    fill(m[0], sizeof m[0], 1);
    fill(m[1], sizeof m[1], 2);
    fold(a, &other, span_of(m[0], sizeof m[0]), 7);
    size_t one = alike_bytes(a);
    fold(a, &f[0], span_of(m[0], sizeof m[0]), 7);
    fold(a, &f[1], span_of(m[1], sizeof m[1]), 7);
    cr_expect_eq(alike_bytes(a), 2 * one);
    expect_unfolded(a, &f[0], span_of(m[0], sizeof m[0]));
    cr_expect_eq(alike_bytes(a), one);
    expect_unfolded(a, &f[1], span_of(m[1], sizeof m[1]));
    expect_unfolded(a, &other, span_of(m[0], sizeof m[0]));
    /* nowhere */
    fold(a, &f[1], span_of(m[1], sizeof m[1]), 7);
    struct cursor c = cursor_open(span_of(f[1].bytes, f[1].n));
    alike_unpack(a, &c, NULL, sizeof m[1]);
    cr_expect(cursor_done(&c));
    alike_free(a);
}

Test(fold, messages_of_any_length)
{
    static uint8_t m[LONGEST];
    static struct folded f[2];
    struct alike *a = alike_new((size_t)8 << 20);
    for (size_t n = 0; n <= 70; n++) {
        for (unsigned same = 0; same < 5; same++) { /* every so manyth byte */
            fill(m, n, 3);
            fold(a, &f[0], span_of(m, n), n);
            for (size_t i = 0; i < n; i += same + 1) {
                m[i] ^= 0xff;
            }
            fold(a, &f[1], span_of(m, n), n);
            expect_unfolded(a, &f[1], span_of(m, n));
            fill(m, n, 3);
            expect_unfolded(a, &f[0], span_of(m, n));
        }
    }
    fill(m, LONGEST, 4); /* too long for a model */
    size_t before = alike_bytes(a);
    fold(a, &f[0], span_of(m, LONGEST), 1);
    cr_expect_eq(alike_bytes(a), before);
    expect_unfolded(a, &f[0], span_of(m, LONGEST));
    memset(m, 0, LONGEST); /* padding */
    cr_expect_lt(fold(a, &f[0], span_of(m, LONGEST), 1), 16u);
    expect_unfolded(a, &f[0], span_of(m, LONGEST));
    alike_free(a);
}

/* Whoever sends ever new messages fills no memory with models. */
Test(fold, models_are_bounded)
{
    static uint8_t m[30000];
    static struct folded f;
    struct alike *a = alike_new((size_t)8 << 20);
    for (unsigned i = 0; i < 1000; i++) {
        fill(m, sizeof m, i);
        fold(a, &f, span_of(m, sizeof m), i);
        cr_assert_leq(alike_bytes(a), (size_t)9 << 20);
    }
    alike_free(a);
}

/* ---- whole captures ---- */

/* How many handshakes a capture has, with folding as without. */
static unsigned compare(const char *path)
{
    char error[CAPTURE_ERROR_BYTES];
    struct capture *c = capture_open_file(path, NULL, error);
    cr_assert_not_null(c, "%s", path);
    struct fuzz_twins *twins = fuzz_twins_new(100000);
    struct frame f;
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        fuzz_twins_frame(twins, &f, true);
    }
    bool same;
    unsigned n = fuzz_twins_end(twins, &same);
    cr_expect(same, "%s", path);
    capture_close(c);
    return n;
}

Test(fold, every_capture_gives_the_same_handshakes)
{
    const char *source = getenv("TLSWHY_SRCDIR");
    char path[4096];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/pcaps", source ? source : ".");
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    struct dirent *e;
    while ((e = readdir(dir))) {
        if (strstr(e->d_name, ".pcap")) {
            snprintf(path, sizeof path, "%s/pcaps/%s", source ? source : ".",
                     e->d_name);
            n += compare(path);
        }
    }
    closedir(dir);
    cr_expect_gt(n, 500u);
}
