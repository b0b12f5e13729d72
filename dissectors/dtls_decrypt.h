/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second pass over a DTLS 1.3 handshake whose protected records were kept; a
 * part of tls_decrypt_handshake(), which alone calls it.
 */
#ifndef DISSECTORS_DTLS_DECRYPT_H
#define DISSECTORS_DTLS_DECRYPT_H

#include "dissectors/tls_decrypt.h"

/* Opens what can be opened; returns how many records that were. `random` is the
 * client's. *known: there is a secret for it. */
unsigned dtls_decrypt_handshake(struct handshake *hs, struct keylog *keys,
                                struct span random,
                                struct tls_decrypt_stats *stats, bool *known);

#endif
