/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers whose clients left at once after a handshake that succeeded: a
 * certificate turned down late, or a health check. Nothing on the wire tells
 * which, so they are no failures; but the totals name them. Bounded: servers
 * over LIMIT_LEFT_SERVERS are not told apart.
 */
#ifndef LEFT_H
#define LEFT_H

#include "report/report.h"

struct left;

/* NULL when memory is out; the other functions take that, and do nothing. */
struct left *left_new(void);
void left_free(struct left *l);

/* Whether a handshake is of that kind. */
bool left_is_one(const struct handshake *hs);

/* Counts one. Returns whether it is the first of its server: then left_tell()
 * is due, once more is known. */
bool left_count(struct left *l, const struct handshake *hs);

/* What is visibly wrong with the certificate of its server (static; NULL:
 * nothing). */
void left_tell(struct left *l, const struct handshake *hs, const char *fault);

/* The servers with most of them, at most max; their names are borrowed. */
size_t left_servers(const struct left *l, struct left_server *out, size_t max);

#endif
