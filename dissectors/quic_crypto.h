/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening QUIC Initial packets. Their keys come from the client's first
 * Destination Connection ID, which is in clear: whoever sees the packets can
 * read them.
 */
#ifndef DISSECTORS_QUIC_CRYPTO_H
#define DISSECTORS_QUIC_CRYPTO_H

#include "handshake/handshake.h"

#define QUIC_CID_MAX    20u
#define QUIC_TAG_BYTES  16u
#define QUIC_SAMPLE     16u   /* bytes of ciphertext behind the header mask */
#define QUIC_PACKET_MAX 9216u /* longest payload that is decrypted */

enum {
    QUIC_V1 = 0x00000001,
    QUIC_V2 = 0x6b3343cf, /* RFC 9369 */
    QUIC_V2_DRAFT = 0x709a50c4,
};

struct quic_keys {
    uint8_t key[16], iv[12], hp[16];
};

/* Whether Initial packets of this version can be opened: 1, 2, drafts 23 to
 * 34, and Facebook's numbers for drafts. */
bool quic_version_known(uint32_t version);

/* Both sides' Initial keys (RFC 9001 section 5.2). False when the version is
 * unknown or libcrypto fails. */
bool quic_initial_keys(uint32_t version, struct span client_dcid,
                       struct quic_keys keys[2]);

/* The five bytes that mask a header (RFC 9001 section 5.4.3). */
bool quic_header_mask(const struct quic_keys *k, const uint8_t sample[16],
                      uint8_t mask[5]);

/*
 * Decrypts one long-header packet in place of a copy: `packet` runs from its
 * first byte to the end of its payload (tag included), `pn_at` is where the
 * packet number begins. `largest` is the highest packet number seen of this
 * side, or -1. On success *out holds the frames, stored in `room`
 * (QUIC_PACKET_MAX bytes), *pn the packet number.
 *
 * `cut`: the end of the packet was not captured. It is decrypted without
 * being authenticated then, so the caller must look at what comes out.
 */
bool quic_open(const struct quic_keys *k, struct span packet, size_t pn_at,
               int64_t largest, bool cut, uint8_t *room, struct span *out,
               int64_t *pn);

#endif
