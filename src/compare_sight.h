/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one of two captures saw of a connection, and how a difference is told.
 * For src/compare*.c alone.
 */
#ifndef COMPARE_SIGHT_H
#define COMPARE_SIGHT_H

#include "compare.h"

#define RANDOM_BYTES 32u
#define NAME_BYTES   256u
#define ALPN_BYTES   64u

struct sight {
    uint8_t random[RANDOM_BYTES];
    uint8_t server_random[RANDOM_BYTES];
    uint8_t leaf[RANDOM_BYTES]; /* SHA-256 of the certificate */
    bool has_server_random, has_leaf;
    char name[NAME_BYTES]; /* SNI, or empty */
    char issuer[NAME_BYTES];
    tick_t not_before, not_after;      /* of the leaf */
    uint16_t offered_version, version; /* highest, and the one chosen */
    uint16_t suites, suite;            /* how many were offered; chosen */
    char alpn[ALPN_BYTES];             /* offered, with commas; or empty */
    struct hs_addr addr[2];
    uint8_t ip_version;
    tick_t when;
    enum outcome outcome;
    enum stage stage;
    enum ended_by by;
    enum ended_how how;
    const char *cause; /* static, or NULL */
    uint64_t bytes[2], frame;
    bool reset[2], closed[2]; /* by enum side */
    tick_t reset_after[2];    /* since the ClientHello; INT64_MAX: not seen */
    bool complete;            /* its packets were all captured */
    struct sight *partner;
};

/* Whether a reset, or the close that ended it, in the name of `who` is on the
 * side that `who` is not on, and not where it would have been sent from. */
bool sight_is_forged(const struct sight *here, enum side who);

/* Whether bytes of `who` that `from` saw are missing at its partner. */
bool sight_is_lost(const struct sight *from, enum side who);

/* A paragraph on a connection, by its inner sight. */
void compare_tell(struct text *t, const struct sight *in,
                  enum compare_fate fate);

/* The same as one line of JSON. */
void compare_tell_json(struct text *t, const struct sight *in,
                       enum compare_fate fate);

/* The counts, as lines or as one line of JSON. */
void compare_tell_counts(struct text *t, const struct compare_result *r,
                         bool json);

#endif
