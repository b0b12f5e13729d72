/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second pass over a QUIC handshake whose Handshake and 1-RTT packets were
 * kept; a part of tls_decrypt_handshake(), which alone calls it.
 */
#ifndef DISSECTORS_QUIC_DECRYPT_H
#define DISSECTORS_QUIC_DECRYPT_H

#include "dissectors/tls_decrypt.h"

/* Opens what can be opened; returns how many packets that were. `random` is the
 * client's. *known: there is a secret for it. */
unsigned quic_decrypt_handshake(struct handshake *hs, struct keylog *keys,
                                struct span random,
                                struct tls_decrypt_stats *stats, bool *known);

#endif
