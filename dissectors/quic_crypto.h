/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening QUIC packets. The keys of Initial packets come from the client's
 * first Destination Connection ID, which is in clear: whoever sees the packets
 * can read them. Those of the others come from logged secrets.
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

#define QUIC_AES_128_GCM 0x1301u /* the suite of Initial packets */

struct quic_keys {
    uint16_t cipher; /* TLS 1.3 suite; 0: no keys */
    uint8_t key[32], iv[12], hp[32];
};

/* Whether Initial packets of this version can be opened: 1, 2, drafts 23 to
 * 34, and Facebook's numbers for drafts. */
bool quic_version_known(uint32_t version);

/* Both sides' Initial keys (RFC 9001 section 5.2). False when the version is
 * unknown or libcrypto fails. */
bool quic_initial_keys(uint32_t version, struct span client_dcid,
                       struct quic_keys keys[2]);

/* Keys of the direction that a traffic secret belongs to (RFC 9001 section
 * 5.1). False when the suite is none of QUIC's or the secret's length does not
 * fit. */
bool quic_secret_keys(uint32_t version, uint16_t cipher, struct span secret,
                      struct quic_keys *k);

void quic_keys_erase(struct quic_keys *k);

/* The five bytes that mask a header (RFC 9001 section 5.4.3). */
bool quic_header_mask(const struct quic_keys *k, const uint8_t sample[16],
                      uint8_t mask[5]);

/*
 * Decrypts one packet in place of a copy: `packet` runs from its
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

/* A packet number from its low bytes (RFC 9000 appendix A.3). */
int64_t quic_packet_number(int64_t largest, uint32_t truncated, unsigned bytes);

/* The Key Phase bit of a 1-RTT packet (RFC 9001 section 6): set in every second
 * generation of keys. Not authenticated. */
bool quic_key_phase(const struct quic_keys *k, struct span packet,
                    size_t pn_at);

#endif
