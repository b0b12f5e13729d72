/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fuzz targets without a fuzzer: inputs that once broke something
 * (tests/fuzz/found), seeds from all our captures, and a few mutations of
 * those, the same ones each time.
 */
#include "tests/fuzz/fuzz.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* Of each seed. With sanitizers it is libFuzzer that makes them (make fuzz). */
#ifdef __SANITIZE_ADDRESS__
static const unsigned mutants = 0;
#else
static const unsigned mutants = 1;
#endif
#define INPUT_BYTES ((size_t)1 << 20)

struct run {
    const struct fuzz_target *target;
    uint64_t random;
    size_t inputs;
};

/* xorshift64 (Marsaglia, 2003). */
static uint64_t next_random(struct run *r)
{
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return r->random;
}

static void mutate(struct run *r, uint8_t *p, size_t n)
{
    size_t changes = 1 + next_random(r) % 8;
    for (size_t i = 0; i < changes; i++) {
        size_t at = next_random(r) % n;
        switch (next_random(r) % 3) {
        case 0:
            p[at] ^= (uint8_t)(1u << next_random(r) % 8);
            break;
        case 1:
            p[at] = (uint8_t)next_random(r);
            break;
        default:
            p[at] = next_random(r) & 1 ? 0xff : 0;
            break;
        }
    }
}

static void each_seed(void *ctx, struct span seed)
{
    struct run *r = ctx;
    r->target->run(seed);
    r->inputs++;
    for (unsigned i = 0; i < mutants && seed.n; i++) {
        uint8_t *copy = malloc(seed.n);
        cr_assert_not_null(copy);
        memcpy(copy, seed.p, seed.n);
        mutate(r, copy, seed.n);
        size_t n = next_random(r) & 1 ? seed.n : next_random(r) % seed.n;
        r->target->run(span_of(copy, n));
        free(copy);
    }
}

/* Calls each() with every file of a directory; how many there were. */
static size_t each_file(const char *directory,
                        void (*each)(void *ctx, const char *path), void *ctx)
{
    struct dirent **list;
    int n = scandir(directory, &list, NULL, alphasort);
    size_t files = 0;
    for (int i = 0; i < n; i++) {
        char path[4096];
        int length =
            snprintf(path, sizeof path, "%s/%s", directory, list[i]->d_name);
        cr_assert_lt((size_t)length, sizeof path);
        if (list[i]->d_name[0] != '.') {
            each(ctx, path);
            files++;
        }
        free(list[i]);
    }
    if (n >= 0) {
        free(list);
    }
    return files;
}

static void seeds_of(void *ctx, const char *path)
{
    struct run *r = ctx;
    if (strstr(path, ".pcap") || strstr(path, ".keys")) {
        fuzz_seeds(r->target->name, path, each_seed, r);
    }
}

static void found(void *ctx, const char *path)
{
    struct run *r = ctx;
    uint8_t *p = malloc(INPUT_BYTES);
    FILE *f = fopen(path, "rb");
    cr_assert(p && f, "%s", path);
    r->target->run(span_of(p, fread(p, 1, INPUT_BYTES, f)));
    fclose(f);
    free(p);
}

static void run_target(const char *name)
{
    char directory[4096];
    const char *src = getenv("TLSWHY_SRCDIR");
    cr_assert_not_null(src, "run by make check");
    struct run r = {.target = fuzz_targets, .random = 0x9e3779b97f4a7c15u};
    while (strcmp(r.target->name, name) != 0) {
        r.target++;
        cr_assert_not_null(r.target->name);
    }
    r.target->run((struct span){NULL, 0});
    snprintf(directory, sizeof directory, "%s/tests/fuzz/found/%s", src, name);
    each_file(directory, found, &r);
    snprintf(directory, sizeof directory, "%s/pcaps", src);
    cr_expect_gt(each_file(directory, seeds_of, &r), 300u);
}

TestSuite(fuzz, .timeout = 300);

Test(fuzz, capture)
{
    run_target("capture");
}

Test(fuzz, frames)
{
    run_target("frames");
}

Test(fuzz, connection)
{
    run_target("connection");
}

Test(fuzz, fold)
{
    run_target("fold");
}

Test(fuzz, datagrams)
{
    run_target("datagrams");
}

Test(fuzz, messages)
{
    run_target("messages");
}

Test(fuzz, x509)
{
    run_target("x509");
}

Test(fuzz, dns)
{
    run_target("dns");
}

Test(fuzz, keylog)
{
    run_target("keylog");
}

Test(fuzz, records)
{
    run_target("records");
}

Test(fuzz, carriers)
{
    run_target("carriers");
}

/* These have no seeds in captures: noise of many lengths. */
static void run_noise(const char *name)
{
    struct run r = {.random = 88172645463325252u};
    const struct fuzz_target *t = fuzz_targets;
    while (strcmp(t->name, name) != 0) {
        t++;
        cr_assert_not_null(t->name);
    }
    run_target(name);
    uint8_t p[512];
    for (unsigned i = 0; i < 2000; i++) {
        size_t n = next_random(&r) % sizeof p;
        for (size_t k = 0; k < n; k++) {
            p[k] = (uint8_t)next_random(&r);
        }
        t->run(span_of(p, n));
    }
}

Test(fuzz, config)
{
    run_noise("config");
}

Test(fuzz, stream)
{
    run_noise("stream");
}

Test(fuzz, text)
{
    run_noise("text");
}

Test(fuzz, compressed)
{
    run_noise("compressed");
}
