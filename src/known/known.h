/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the registries and we know, as data: compiled from data/ *.tsv (each row
 * with its source). Pure lookups; everything returned is static.
 */
#ifndef KNOWN_KNOWN_H
#define KNOWN_KNOWN_H

#include "base/span.h"

/* ---- registries (IANA) ---- */

/* "handshake_failure"; NULL when unassigned. */
const char *known_alert_name(uint16_t code);
/* One sentence on what the alert means; NULL when unassigned. */
const char *known_alert_meaning(uint16_t code);
/* Whether the code is fatal by definition whatever level is sent: all but
 * close_notify, user_canceled, no_renegotiation, no_certificate, and
 * unrecognized_name and certificate_unobtainable sent as warnings (RFC 6066
 * section 3: the handshake goes on). Unknown codes are fatal. */
bool known_alert_is_fatal(uint16_t code, uint8_t level);

enum suite_kx {
    KX_NONE,
    KX_RSA,
    KX_DHE,
    KX_ECDHE,
    KX_DH,
    KX_ECDH,
    KX_PSK,
    KX_ANY /* TLS 1.3 */,
    KX_OTHER
};
enum suite_auth {
    AUTH_NONE,
    AUTH_RSA,
    AUTH_ECDSA,
    AUTH_DSS,
    AUTH_PSK,
    AUTH_ANON,
    AUTH_ANY,
    AUTH_OTHER
};
enum suite_mode {
    MODE_NULL,
    MODE_STREAM,
    MODE_CBC,
    MODE_GCM,
    MODE_CCM,
    MODE_CCM8,
    MODE_CHACHA
};

/*
 * Anonymous suites are KX_DHE or KX_ECDHE with AUTH_ANON (the server sends an
 * unsigned ServerKeyExchange); RSA_PSK is KX_RSA with AUTH_PSK. AEADs that have
 * no mode of their own stand under the one with their tag's size: MODE_GCM (16
 * bytes) or MODE_CCM8 (8 bytes).
 */
struct known_suite {
    uint16_t code;
    const char *name;    /* IANA: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 */
    const char *openssl; /* OpenSSL's name, or NULL */
    enum suite_kx kx;
    enum suite_auth auth;
    enum suite_mode mode;
    uint16_t key_bits;
    uint8_t block_bytes; /* CBC block, else 0 */
    uint8_t mac_bytes;   /* HMAC of CBC, stream and NULL suites, else 0 */
    uint8_t hash_bytes;  /* PRF/HKDF hash: 32; SHA-384: 48; SHA-512: 64 */
    bool tls13;          /* only for TLS 1.3 */
    bool weak;           /* NULL, export, RC4, DES, 3DES, MD5, anon */
    bool rare_cipher;    /* Camellia, ARIA, SEED, IDEA */
};
/* NULL for unknown code points. */
const struct known_suite *known_suite(uint16_t code);

const char *known_group_name(uint16_t code);     /* "x25519" */
const char *known_signature_name(uint16_t code); /* "rsa_pss_rsae_sha256" */
const char *known_extension_name(uint16_t type); /* "server_name" */
const char *known_handshake_name(uint8_t type);  /* "client_hello" */
/* "1.2" for 0x0303 (also drafts of 1.3 as "1.3"); DTLS versions as "1.2".
 * NULL when unknown. `protocol` (may be NULL) gets "tls", "ssl" or "dtls". */
const char *known_version_name(uint16_t version, const char **protocol);
/* "TLS 1.2", "SSL 3.0", "DTLS 1.2"; "0x1234" style is the caller's. */
const char *known_version_title(uint16_t version);
/* Whether it is TLS 1.3 or DTLS 1.3; drafts included. */
bool known_version_is_13(uint16_t version);
/* Whether it is a draft of TLS 1.3 (0x7fXX, and the experiments of two large
 * deployments: 0x7eXX, 0xfbXX). */
bool known_version_is_13_draft(uint16_t version);

bool known_is_grease(uint16_t v); /* RFC 8701 */
/* Post-quantum (hybrid) key-exchange groups. */
bool known_group_is_pq(uint16_t group);
bool known_group_is_ffdhe(uint16_t group);

/* What key a signature scheme needs: "rsa", "rsa_pss", "ecdsa", "ed25519",
 * "ed448", "dsa", "mldsa", "slhdsa", "gost", "sm2", "ibs"; NULL when unknown.
 * rsa_pss_rsae_* need an "rsa" key. */
const char *known_signature_key(uint16_t scheme);

/* ---- our own knowledge ---- */

enum known_side { FIX_CLIENT, FIX_SERVER, FIX_NETWORK, FIX_PROXY, FIX_NONE };

struct known_cause {
    const char *slug;     /* contract.md's tlswhy.cause */
    const char *sentence; /* headline: "the server's certificate has expired" */
    enum known_side side; /* who usually has to fix it */
};
const struct known_cause *known_cause(const char *slug);
size_t known_cause_count(void);
const struct known_cause *known_cause_at(size_t i);

/* Rows of text for a cause, by index until NULL. The text may hold
 * placeholders {host} {port} {sni} {ip} {version} {suite} {group} {alpn}
 * {issuer} {subject} that src/judge fills in. `when` (may be "") is a
 * condition word that the judge understands. */
struct known_row {
    const char *when;
    const char *key; /* seen_as: viewer ("chrome", "openssl"); fix: software */
    const char *text;
};
/* All rows of a cause; n is 0 for an unknown one. */
struct known_rows {
    const struct known_row *v;
    size_t n;
};
struct known_rows known_fix_rows(const char *slug);
struct known_rows known_seen_as_rows(const char *slug);
struct known_rows known_reproduce_rows(const char *slug);
/* The i-th of them, or NULL. */
const struct known_row *known_fix(const char *slug, size_t i);
const struct known_row *known_seen_as(const char *slug, size_t i);
const struct known_row *known_reproduce(const char *slug, size_t i);

/* ---- TLS inspection ---- */

/* How much the name of a product in an issuer proves. */
enum known_certainty { KNOWN_RECALLED, KNOWN_PUBLISHED, KNOWN_VERIFIED };

struct known_inspection {
    const char *product, *vendor;
    const char *kind; /* "gateway", "cloud", "av", "debug" ... */
    enum known_certainty certainty;
    /* The vendor's own domains, with commas; or NULL. KNOWN_INNER is among them
     * when the issuer also signs pages of the unit itself. */
    const char *own;
};
#define KNOWN_INNER "inner"

/* Names of an issuer as the tables look at them; OUs are taken from the
 * distinguished name. */
struct known_issuer {
    struct span common_name, organization, distinguished_name;
};

/* The patterns of the tables, ready to match; the owner's. */
struct known_patterns;
struct known_patterns *known_patterns_new(void); /* NULL: out of memory */
void known_patterns_free(struct known_patterns *p);

/* The inspection product whose certificates bear this issuer, the best proven
 * one; or NULL. */
const struct known_inspection *
known_inspection_find(struct known_patterns *p,
                      const struct known_issuer *issuer);
/* The inspection product that calls itself like that in the headers of a
 * proxy's answer to CONNECT; or NULL. Longer texts than 255 bytes fit nothing.
 */
const struct known_inspection *known_inspection_agent(struct known_patterns *p,
                                                      struct span agent);
/* The inspection product that writes this organization into the subject of its
 * certificates, whoever's authority signs them; or NULL. */
const struct known_inspection *
known_inspection_subject(struct known_patterns *p, struct span organization);
/* What kind of authority it is when it signs certificates for public names
 * without being an inspection product: "service", "staging", "developer",
 * "cluster", "national", "retired" (data/private_issuers.tsv); or NULL. */
const char *known_private_issuer(struct known_patterns *p,
                                 const struct known_issuer *issuer);
/* Whether a registrable domain (lower case) is one whose sites certainly use
 * public authorities. */
bool known_well_known_domain(struct span domain);
/* The browser that alone asks for this host (data/browser_names.tsv). */
enum known_browser { KNOWN_NO_BROWSER, KNOWN_CHROMIUM, KNOWN_FIREFOX };
enum known_browser known_browser_of(struct span host);
/* Whether a SHA-256 of a SubjectPublicKeyInfo is that of a root in Mozilla's
 * list. */
bool known_public_root(const uint8_t spki_sha256[32]);

/* First bytes of well-known plaintext protocols: a protocol's word ("http",
 * "ssh", "smtp" ...) or NULL. from_server tells which side sent them. */
const char *known_plaintext(struct span first, bool from_server);

/* Ports that are TLS's own, by IANA or by habit (4433, 8443, 9443): plaintext
 * there is a mistake of whoever speaks it. */
bool known_tls_port(uint16_t port);

#endif
