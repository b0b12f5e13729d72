/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that wait, in few bytes: what differs from an earlier one. The
 * hellos of one program differ in their random values, and a server shows
 * everybody the same certificates.
 */
#ifndef BASE_ALIKE_H
#define BASE_ALIKE_H

#include "base/pack.h"

struct alike;

/* Messages that others are compared with take max_bytes, and what those that
 * are packed still need of earlier ones. NULL when memory is out. */
struct alike *alike_new(size_t max_bytes);
/* Everything that was packed with it must have been unpacked. */
void alike_free(struct alike *a);

/* Memory of the messages that others are compared with. */
size_t alike_bytes(const struct alike *a);

/* The most that alike_pack() writes for n bytes. */
#define ALIKE_MAX(n) ((n) + (n) / 1024 + 32)

/* Packs a message. It is compared with the last one of the same key and length:
 * a hash of what messages that are alike have in common. */
void alike_pack(struct alike *a, struct packer *w, struct span s, uint64_t key);

/* The inverse, once for each that was packed: n bytes go to `to`, or nowhere
 * where that is NULL. */
void alike_unpack(struct alike *a, struct cursor *c, uint8_t *to, size_t n);

/* ---- what is made of words ----
 *
 * The state of something, as words of eight bytes. Words near `origin` count as
 * times and are told from there, and so are others' the same.
 */

struct alike_words {
    const int64_t *v;
    size_t n; /* a multiple of ALIKE_WORDS, up to ALIKE_WORDS_MAX */
    int64_t origin;
    /* Whether a word may be packed at all, asked of those that others do not
     * have in the same place. */
    bool (*may)(const void *ctx, int64_t word);
    const void *ctx;
};

#define ALIKE_WORDS     8u
#define ALIKE_WORDS_MAX 4096u

/* The most that alike_pack_words() writes for n words. */
#define ALIKE_WORDS_BYTES_MAX(n) ((n)*11 + 40)

/* As alike_pack(). False, and nothing to be unpacked, when a word may not be
 * packed. */
bool alike_pack_words(struct alike *a, struct packer *w,
                      const struct alike_words *s, uint64_t key);

/* The inverse: n words go to `to`, or nowhere where that is NULL. */
void alike_unpack_words(struct alike *a, struct cursor *c, int64_t *to,
                        size_t n, int64_t origin);

#endif
