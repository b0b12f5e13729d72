/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other connections told about a server (address and port), a name there
 * (SNI) and a client (address): bounded tables that forget the longest unused
 * entry.
 */
#ifndef JUDGE_PROFILE_H
#define JUDGE_PROFILE_H

#include "judge/facts.h"
#include "judge/hello.h"

struct profiles;

/* Starts loading the places of what is known of its ends; and, when these have
 * come, the entries there. */
void profiles_prefetch(const struct profiles *p, const struct handshake *hs);
void profiles_prefetch_entries(const struct profiles *p,
                               const struct handshake *hs);

/* NULL when memory is out. */
struct profiles *profiles_new(void);
void profiles_free(struct profiles *p);

/* Remembers a concluded handshake, which need not be expanded, and notes by
 * which keys. */
void profiles_learn(struct profiles *p, struct handshake *hs,
                    const struct hello_sight *hello);

/* What is known about the two ends of hs; zeroed and `known` false when
 * nothing is. */
void profiles_server(const struct profiles *p, const struct handshake *hs,
                     struct server_profile *out);
void profiles_client(const struct profiles *p, const struct handshake *hs,
                     struct client_profile *out);
void profiles_name(const struct profiles *p, const struct handshake *hs,
                   struct name_profile *out);

/* Remembers the certificate that an expanded handshake shows. */
void profiles_learn_leaf(struct profiles *p, const struct handshake *hs,
                         const struct seen_leaf *leaf);

/* What a client does to a server that no ordinary one does. */
enum habit {
    HABIT_NONE,
    HABIT_CANNED, /* the same hello, random included, on several connections */
    HABIT_SCAN,   /* a burst of hellos, each with other versions and suites */
};

/* Whether hs, whose hello was looked at, is part of such a habit. */
enum habit profiles_habit(const struct profiles *p, const struct handshake *hs,
                          const struct hello_sight *hello);

/* Whether on another connection, at `when` or within seconds of it, the same
 * proxy let the same client through to the same target, or the same client
 * asked the same server for TLS and finished the handshake. */
bool profiles_let_in(const struct profiles *p, const struct handshake *hs,
                     tick_t when);

#endif
