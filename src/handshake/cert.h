/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of one certificate (RFC 5280), as dissectors/x509.c reads them. Plain
 * data in the handshake's arena; names are raw bytes from the network.
 */
#ifndef HANDSHAKE_CERT_H
#define HANDSHAKE_CERT_H

#include "handshake/handshake.h"

struct cert_name {
    struct span der;         /* the Name as sent */
    struct span common_name; /* last CN, as UTF-8; empty when absent */
    struct span organization;
    struct span distinguished_name; /* RFC 4514-like text, UTF-8 */
};

enum cert_key {
    KEY_UNKNOWN,
    KEY_RSA,
    KEY_RSA_PSS,
    KEY_EC,
    KEY_ED25519,
    KEY_ED448,
    KEY_DSA,
    KEY_ML_DSA,
    KEY_OTHER
};

struct cert {
    struct span der;
    uint8_t sha256[32];
    uint8_t spki_sha256[32];
    bool malformed; /* not everything could be read; `why` says what */
    const char *why;
    uint8_t version;    /* 1..3 */
    struct span serial; /* content octets, big-endian, sign byte kept */
    bool serial_negative;
    struct cert_name subject, issuer;
    tick_t not_before, not_after; /* INT64_MIN / INT64_MAX when unreadable */
    struct span_list dns;         /* SAN dNSName */
    struct span_list ip;          /* SAN iPAddress, 4 or 16 bytes each */
    struct span_list other_names; /* SAN e-mail, URI ...: text */
    bool has_san;
    bool names_cut; /* the SAN has more names than were kept */
    enum cert_key key;
    const char *key_name; /* "rsa", "ecdsa" ... static; NULL: unknown */
    uint16_t key_bits;
    uint16_t key_group; /* named curve's TLS code point, or UNSEEN_U16 */
    struct span signature_algorithm; /* text: "sha256WithRSAEncryption" */
    bool signature_weak;             /* MD5, SHA-1 */
    bool self_issued;                /* subject equals issuer */
    bool self_signed;                /* and its own key verifies it */
    bool has_basic_constraints, is_ca;
    bool has_key_usage;
    uint16_t key_usage; /* KU_* bits of RFC 5280 4.2.1.3, bit 0 = 1 */
    bool has_eku, eku_server_auth, eku_client_auth, eku_any;
    bool must_staple; /* TLS feature status_request (RFC 7633) */
    bool has_sct, has_aia, has_crl_dp, has_policies;
    struct span aia_issuer_url; /* caIssuers, or empty */
    struct span subject_key_id, authority_key_id;
    bool name_has_nul;     /* a name embeds a NUL byte */
    bool unknown_critical; /* a critical extension we do not know */
};

enum {
    CERT_KU_DIGITAL_SIGNATURE = 1 << 0,
    CERT_KU_KEY_ENCIPHERMENT = 1 << 2,
    CERT_KU_KEY_AGREEMENT = 1 << 4,
    CERT_KU_CERT_SIGN = 1 << 5,
};

/*
 * Parses one DER certificate into *out, everything allocated in `arena`. Never
 * fails as a whole: what cannot be read sets `malformed` and `why`, the rest
 * is filled. False only when nothing could be read at all.
 */
bool x509_read(struct arena *arena, struct span der, struct cert *out);

/* Whether a host name (UTF-8 or A-labels) or an IP address literal fits the
 * certificate by RFC 9525 (wildcards only as the whole left-most label); with
 * common_name_too, the subject's CN counts when there is no SAN, as old
 * clients do it. */
bool x509_name_matches(const struct cert *c, struct span host,
                       bool common_name_too);

#endif
