/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letters of protocols, names and tables, whose case means nothing. <ctype.h>
 * and strcasecmp() ask the user's locale: in a Turkish one I is not the capital
 * of i, and a verdict must not depend on that.
 */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint8_t ascii_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Whether n bytes of a and b are the same but for the case of letters. */
static inline bool ascii_same(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (size_t i = 0; i < n; i++) {
        if (ascii_lower(x[i]) != ascii_lower(y[i])) {
            return false;
        }
    }
    return true;
}

#endif
