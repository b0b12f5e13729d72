/* SPDX-License-Identifier: Apache-2.0 */
/* src/base/hash.c and src/base/digest.c: every byte and the length count, and
 * digests are those of FIPS 180-4 and RFC 1321. */
#include "base/digest.h"
#include "base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct hash_seed seed = {UINT64_C(0x1122334455667788),
                                      UINT64_C(0x99aabbccddeeff01)};

Test(hash, every_byte_and_the_length_count)
{
    uint8_t v[40] = {0};
    uint64_t seen[sizeof v + 1];
    for (size_t n = 0; n <= sizeof v; n++) {
        seen[n] = hash_bytes(&seed, span_of(v, n));
        for (size_t k = 0; k < n; k++) {
            cr_assert_neq(seen[n], seen[k], "%zu and %zu zeros", n, k);
            v[k] = 1;
            cr_expect_neq(hash_bytes(&seed, span_of(v, n)), seen[n],
                          "byte %zu of %zu", k, n);
            v[k] = 0;
        }
    }
}

Test(hash, depends_on_the_seed)
{
    struct hash_seed other = {seed.k0, seed.k1 ^ 1};
    struct span s = span_text("example.org");
    cr_assert_eq(hash_bytes(&seed, s), hash_bytes(&seed, s));
    cr_assert_neq(hash_bytes(&seed, s), hash_bytes(&other, s));
}

/* Sets of tables are chosen by low bits. */
Test(hash, spreads_what_differs_little)
{
    unsigned sets[64] = {0};
    for (unsigned i = 0; i < 6400; i++) {
        uint8_t v[20] = {4, 10, 0, (uint8_t)(i >> 8), (uint8_t)i};
        sets[hash_bytes(&seed, span_of(v, sizeof v)) % 64]++;
    }
    for (unsigned i = 0; i < 64; i++) {
        cr_expect_gt(sets[i], 50, "set %u has %u", i, sets[i]);
        cr_expect_lt(sets[i], 150, "set %u has %u", i, sets[i]);
    }
}

static void expect(enum digest which, const char *hex, size_t n)
{
    uint8_t sum[DIGEST_BYTES_MAX];
    char text[2 * DIGEST_BYTES_MAX + 1] = "";
    cr_assert(digest(which, span_text("abc"), sum));
    for (size_t i = 0; i < n; i++) {
        snprintf(text + 2 * i, 3, "%02x", sum[i]);
    }
    cr_expect_str_eq(text, hex);
}

Test(digest, known_values)
{
    expect(DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72", 16);
    expect(DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d", 20);
    expect(DIGEST_SHA256,
           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
           32);
    expect(DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d", 20);
}
