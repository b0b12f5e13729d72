/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second pass over a handshake whose protected records were kept: opens what
 * the logged secrets open, and puts what was in it into the timeline and among
 * the raw messages, as if it had travelled in clear.
 */
#ifndef DISSECTORS_TLS_DECRYPT_H
#define DISSECTORS_TLS_DECRYPT_H

#include "handshake/handshake.h"
#include "keys/keylog.h"

struct tls_decrypt_stats {
    uint64_t connections;    /* on which a record was opened */
    uint64_t no_secrets;     /* connections that the key log does not know */
    uint64_t opened, failed; /* records; failed although there was a secret */
    uint64_t updated;        /* QUIC packets under keys of a later generation */
};

/* *sum += *more. */
void tls_decrypt_add(struct tls_decrypt_stats *sum,
                     const struct tls_decrypt_stats *more);

/* Whether there is something to open that the key log, as it is now, does not
 * know of. */
bool tls_decrypt_waits(const struct handshake *hs, struct keylog *keys);

/*
 * To be called once, before hs_conclude(). Secrets that are missing, wrong or
 * incomplete leave the timeline, or the part of it that they do not open, as it
 * was. Application data is neither kept nor shown, only that there was some.
 * The kept records are given up.
 */
void tls_decrypt_handshake(struct handshake *hs, struct keylog *keys,
                           struct tls_decrypt_stats *stats);

#endif
