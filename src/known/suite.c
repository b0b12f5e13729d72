/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cipher suites: IANA's registry "TLS Cipher Suites" as compiled from
 * data/suites.tsv. What a suite's name says (key exchange, mode, sizes) was
 * taken from it by scripts/gen-tables; nothing is parsed here.
 */
#include "known/known.h"

static const struct known_suite suites[] = {
#include "known/suites.inc"
};

#define SUITES (sizeof suites / sizeof suites[0])

const struct known_suite *known_suite(uint16_t code)
{
    size_t lo = 0;
    size_t hi = SUITES;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (suites[mid].code < code) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < SUITES && suites[lo].code == code ? &suites[lo] : NULL;
}
