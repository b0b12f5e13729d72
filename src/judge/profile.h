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

/* NULL when memory is out. */
struct profiles *profiles_new(void);
void profiles_free(struct profiles *p);

/* Remembers a concluded handshake; it need not be expanded. */
void profiles_learn(struct profiles *p, const struct handshake *hs,
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

/* Whether hs is one of a burst of hellos that no one client sends: a scan of
 * the server's versions and suites. */
bool profiles_scan(const struct profiles *p, const struct handshake *hs);

/* Whether this client sent the hello of hs, random included, on several
 * connections to this server. */
bool profiles_canned(const struct profiles *p, const struct handshake *hs);

#endif
