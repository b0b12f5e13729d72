/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sits in between: TLS inspection told from the certificates that many
 * connections show. Bounded memory of issuers whose certificates for public
 * names no public authority made.
 */
#ifndef JUDGE_INTERCEPTION_H
#define JUDGE_INTERCEPTION_H

#include "judge/hello.h"
#include "judge/judge.h"

enum inspection { INSPECTION_NONE, INSPECTION_SUSPECTED, INSPECTION_DETECTED };

/* Contract's words; NULL for none. */
const char *inspection_name(enum inspection i);

struct interception;

/* NULL when memory is out. */
struct interception *interception_new(void);
void interception_free(struct interception *ix);

/* Whether the name asked for lies under a public suffix (publicsuffix.org). */
bool interception_public_name(const struct handshake *hs);

/* Remembers what a concluded handshake, which need not be expanded, tells
 * without its certificate. Each handshake once, with its hello. */
void interception_note(struct interception *ix, const struct handshake *hs,
                       const struct hello_sight *hello);

/* Whether a concluded handshake, which need not be expanded, shows a
 * certificate that is new or already under suspicion. On a clean network it
 * seldom does. */
bool interception_wants(struct interception *ix, const struct handshake *hs);

/* Remembers what an expanded handshake shows. Each handshake once. `trust` may
 * be NULL. */
void interception_learn(struct interception *ix, const struct handshake *hs,
                        struct trust *trust);

/* The verdict on one expanded handshake by all that was learned; fills the
 * interception fields of *v. */
enum inspection interception_judge(struct interception *ix,
                                   const struct handshake *hs,
                                   struct trust *trust, struct verdict *v);

/* Whether its client is the outside of an inspection; fills the interception
 * fields of *v, and leaves them alone when it is not. */
bool interception_outer(const struct interception *ix,
                        const struct handshake *hs, struct verdict *v);

/* Whether its client, judged by what it made of the certificates of this issuer
 * so far, does not trust it: it never went on, and once its leaving was no mere
 * goodbye. */
bool interception_distrusted(const struct interception *ix,
                             const struct handshake *hs);

/* Counts a handshake that failed because its client does not trust the
 * inspection. */
void interception_broke(struct interception *ix, const struct handshake *hs);

/* The worst of what was found, detected before suspected and most handshakes
 * first, those without certificates to look at last. Texts are borrowed until
 * the next call of this module. */
size_t interception_stories(const struct interception *ix,
                            struct interception_story *out, size_t max);

#endif
