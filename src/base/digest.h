/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests for fingerprints and identifiers. libcrypto looks an algorithm up
 * anew for each digest unless it is told which one once and for all.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/span.h"

enum digest { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_COUNT };

#define DIGEST_BYTES_MAX 32u

/* Writes the digest of s (16, 20 or 32 bytes) to out. False when libcrypto
 * refuses the algorithm, as one in FIPS mode does with MD5. May be called from
 * any thread. */
bool digest(enum digest which, struct span s, uint8_t out[DIGEST_BYTES_MAX]);

#endif
