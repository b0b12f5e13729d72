/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that are not their sender's, in words: what gave them away, and what
 * became of them.
 */
#ifndef JUDGE_FOREIGN_H
#define JUDGE_FOREIGN_H

#include "handshake/handshake.h"
#include "judge/hypothesis.h"

struct foreign_oddity {
    unsigned bit; /* of an event's aux */
    const char *text;
};

/* Ends with bit 0. */
extern const struct foreign_oddity foreign_oddities[];

/* How many of them are in `bits`. */
unsigned foreign_count(unsigned bits);

/* Sentences about packets of this connection that were not believed, or were
 * somebody else's; at most a few. */
void foreign_evidence(const struct handshake *hs, struct text_list *out);

#endif
