/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From logged secrets to record keys, and from one protected record to its
 * content: TLS 1.0 to 1.3, every AEAD and CBC suite that libcrypto has. Knows
 * neither handshakes nor key logs. DTLS 1.2 differs in the sequence number
 * (epoch and number) and may hide the type (RFC 9146), DTLS 1.3 differs in the
 * labels and the header.
 */
#ifndef DISSECTORS_TLS_KEYS_H
#define DISSECTORS_TLS_KEYS_H

#include "base/limits.h"
#include "base/span.h"
#include "known/known.h"

#define RECORD_MAC_HEADER 13u /* number, type, version, length */
/* What record_open() wants to write to. */
#define RECORD_SCRATCH_BYTES (RECORD_MAC_HEADER + LIMIT_RECORD_LENGTH)

#define MASTER_SECRET_BYTES 48u

/* Keys of one direction; erase them with record_keys_erase(). */
struct record_keys {
    const char *cipher; /* libcrypto's name; NULL: no keys */
    const char *digest; /* of a CBC or NULL suite's MAC */
    enum suite_mode mode;
    uint16_t version; /* negotiated */
    bool tls13, etm;
    uint8_t key_n, iv_n, mac_n, tag_n, block_n;
    uint8_t key[32], iv[16], mac[48];
};

/* What of a suite the keys depend on. */
struct record_suite {
    uint16_t version, cipher;
    bool etm; /* encrypt-then-MAC was negotiated (RFC 7366) */
};

/* TLS 1.3 (RFC 8446 section 7.3): keys of the direction that the traffic
 * secret belongs to. False when the suite or the version is not supported. */
bool record_keys_from_secret(struct record_keys *k, struct record_suite s,
                             struct span secret);

/* HKDF-Expand-Label of a traffic secret with an empty context (RFC 8446 section
 * 7.1): other keys that depend on it. */
bool record_expand(struct record_suite s, struct span secret, const char *label,
                   uint8_t *out, size_t n);

/* The next traffic secret of a direction, in place (RFC 8446 section 7.2). */
bool record_next_secret(struct record_suite s, uint8_t *secret, size_t n);

/* TLS 1.0 to 1.2 (RFC 5246 section 6.3): keys[0] of the client's records,
 * keys[1] of the server's. */
bool record_keys_from_master(struct record_keys keys[2], struct record_suite s,
                             struct span master, struct span client_random,
                             struct span server_random);

/* The pseudorandom function of TLS 1.0 to 1.2 (RFC 5246 section 5); digest is
 * "MD5-SHA1" before TLS 1.2. */
bool tls_prf(const char *digest, struct span secret, const char *label,
             struct span seed, uint8_t *out, size_t out_n);

void record_keys_erase(struct record_keys *k);

struct sealed_record {
    uint64_t number;
    uint8_t type;
    uint16_t version;   /* of its header */
    struct span body;   /* without its header */
    struct span header; /* DTLS 1.3: its own; else empty */
    struct span cid;    /* DTLS 1.2: connection ID of a record of type 25 */
    struct span chain;  /* TLS 1.0's CBC suites: the last block of the record
                           before; empty for the first one */
};

/* Opens a record: true when it is genuine, then *content lies in scratch
 * (RECORD_SCRATCH_BYTES, which the caller erases) and *type is that of the
 * content. */
bool record_open(const struct record_keys *k, const struct sealed_record *r,
                 uint8_t *scratch, struct span *content, uint8_t *type);

#endif
