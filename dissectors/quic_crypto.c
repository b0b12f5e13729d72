/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Initial secrets, header protection and AEAD of QUIC (RFC 9001 sections 5.1 to
 * 5.4, RFC 9369 section 3.3), by libcrypto: HKDF, AES-ECB or ChaCha20 for the
 * header, AES-GCM, AES-CCM or ChaCha20-Poly1305 for the payload. Of keys that
 * were updated (section 6) only the first generation is known.
 */
#include "dissectors/quic_crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define HASH_BYTES  32u /* of SHA-256, the Initial level's */
#define SALT_BYTES  20u
#define LABEL_MAX   32u
#define LONG_HEADER 0x80u
#define KEY_PHASE   0x04u
#define HEADER_MAX  1600u /* with a token; all of it is in one datagram */

struct quic_version {
    uint32_t first, last;
    uint8_t salt[SALT_BYTES];
    const char *labels; /* what the labels of key, iv and hp begin with */
};

static const struct quic_version versions[] = {
    /* RFC 9001 section 5.2; drafts 33 and 34 have it as well */
    {QUIC_V1,
     QUIC_V1,
     {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
      0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
     "quic "},
    {0xff000021,
     0xff000022,
     {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
      0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
     "quic "},
    /* RFC 9369 section 3.3.1 */
    {QUIC_V2,
     QUIC_V2,
     {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
      0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
     "quicv2 "},
    /* draft-ietf-quic-v2-01 section 3.3.1 */
    {QUIC_V2_DRAFT,
     QUIC_V2_DRAFT,
     {0xa7, 0x07, 0xc2, 0x03, 0xa5, 0x9b, 0x47, 0x18, 0x4a, 0x1d,
      0x62, 0xca, 0x57, 0x04, 0x06, 0xea, 0x7a, 0xe3, 0xe5, 0xd3},
     "quicv2 "},
    /* draft-ietf-quic-tls-29 to -32 section 5.2 */
    {0xff00001d,
     0xff000020,
     {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
      0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99},
     "quic "},
    /* draft-ietf-quic-tls-23 to -28 section 5.2 */
    {0xff000017,
     0xff00001c,
     {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
      0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02},
     "quic "},
    /* Facebook's mvfst has numbers of its own for that draft */
    {0xfaceb002,
     0xfaceb002,
     {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
      0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02},
     "quic "},
};

static const struct quic_version *find_version(uint32_t version)
{
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (version >= versions[i].first && version <= versions[i].last) {
            return &versions[i];
        }
    }
    return NULL;
}

bool quic_version_known(uint32_t version)
{
    return find_version(version) != NULL;
}

/* ---- suites (RFC 9001 section 5.3) ---- */

struct quic_suite {
    uint16_t cipher;
    uint8_t key_n, hash_n;
    const EVP_CIPHER *(*aead)(void);
    const EVP_CIPHER *(*mask)(void);
    const EVP_MD *(*hash)(void);
};

static const struct quic_suite suites[] = {
    {QUIC_AES_128_GCM, 16, 32, EVP_aes_128_gcm, EVP_aes_128_ecb, EVP_sha256},
    {0x1302, 32, 48, EVP_aes_256_gcm, EVP_aes_256_ecb, EVP_sha384},
    {0x1303, 32, 32, EVP_chacha20_poly1305, EVP_chacha20, EVP_sha256},
    {0x1304, 16, 32, EVP_aes_128_ccm, EVP_aes_128_ecb, EVP_sha256},
};

static const struct quic_suite *find_suite(uint16_t cipher)
{
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        if (suites[i].cipher == cipher) {
            return &suites[i];
        }
    }
    return NULL;
}

/* ---- HKDF (RFC 5869) with TLS 1.3's labels (RFC 8446 section 7.1) ---- */

static bool hmac(const EVP_MD *hash, struct span key, struct span data,
                 uint8_t out[EVP_MAX_MD_SIZE])
{
    unsigned n = 0;
    return HMAC(hash, key.p, (int)key.n, data.p, data.n, out, &n) != NULL;
}

/* HKDF-Expand-Label with an empty context; n is at most the hash's length. */
static bool expand_label(const EVP_MD *hash, struct span secret,
                         const char *prefix, const char *name, uint8_t *out,
                         size_t n)
{
    uint8_t info[4 + LABEL_MAX + 1];
    uint8_t block[EVP_MAX_MD_SIZE];
    char label[LABEL_MAX];
    size_t length = 0;
    const char *parts[] = {"tls13 ", prefix, name};
    for (size_t i = 0; i < 3; i++) {
        size_t k = strlen(parts[i]);
        if (length + k > sizeof label) {
            return false;
        }
        memcpy(label + length, parts[i], k);
        length += k;
    }
    info[0] = 0;
    info[1] = (uint8_t)n;
    info[2] = (uint8_t)length;
    memcpy(info + 3, label, length);
    info[3 + length] = 0; /* context */
    info[4 + length] = 1; /* first block of HKDF-Expand */
    bool ok = n <= (size_t)EVP_MD_get_size(hash) &&
              hmac(hash, secret, span_of(info, length + 5), block);
    if (ok) {
        memcpy(out, block, n);
    }
    OPENSSL_cleanse(block, sizeof block);
    return ok;
}

static bool keys_of(const struct quic_suite *suite, struct span secret,
                    const char *labels, struct quic_keys *k)
{
    const EVP_MD *hash = suite->hash();
    bool ok = expand_label(hash, secret, labels, "key", k->key, suite->key_n) &&
              expand_label(hash, secret, labels, "iv", k->iv, sizeof k->iv) &&
              expand_label(hash, secret, labels, "hp", k->hp, suite->key_n);
    k->cipher = ok ? suite->cipher : 0;
    return ok;
}

static bool side_keys(struct span initial, const char *side, const char *labels,
                      struct quic_keys *k)
{
    uint8_t secret[HASH_BYTES] = {0};
    struct span s = span_of(secret, sizeof secret);
    return expand_label(EVP_sha256(), initial, side, "", secret,
                        sizeof secret) &&
           keys_of(&suites[0], s, labels, k);
}

bool quic_initial_keys(uint32_t version, struct span client_dcid,
                       struct quic_keys keys[2])
{
    const struct quic_version *v = find_version(version);
    uint8_t initial[EVP_MAX_MD_SIZE];
    if (!v || !hmac(EVP_sha256(), span_of(v->salt, SALT_BYTES), client_dcid,
                    initial)) {
        return false;
    }
    struct span s = span_of(initial, HASH_BYTES);
    return side_keys(s, "client in", v->labels, &keys[SIDE_CLIENT]) &&
           side_keys(s, "server in", v->labels, &keys[SIDE_SERVER]);
}

bool quic_secret_keys(uint32_t version, uint16_t cipher, struct span secret,
                      struct quic_keys *k)
{
    const struct quic_version *v = find_version(version);
    const struct quic_suite *suite = find_suite(cipher);
    *k = (struct quic_keys){0};
    return v && suite && secret.n == suite->hash_n &&
           keys_of(suite, secret, v->labels, k);
}

void quic_keys_erase(struct quic_keys *k)
{
    OPENSSL_cleanse(k, sizeof *k);
}

/* ---- packets ---- */

/* ChaCha20's counter and nonce are the sample; it encrypts zeros. AES encrypts
 * the sample (RFC 9001 sections 5.4.3, 5.4.4). */
bool quic_header_mask(const struct quic_keys *k, const uint8_t sample[16],
                      uint8_t mask[5])
{
    static const uint8_t zeros[QUIC_SAMPLE] = {0};
    const struct quic_suite *suite = find_suite(k->cipher);
    uint8_t block[32];
    int n = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool chacha = k->cipher == 0x1303;
    bool ok = ctx && suite &&
              EVP_EncryptInit_ex(ctx, suite->mask(), NULL, k->hp,
                                 chacha ? sample : NULL) == 1 &&
              EVP_EncryptUpdate(ctx, block, &n, chacha ? zeros : sample,
                                QUIC_SAMPLE) == 1 &&
              n == (int)QUIC_SAMPLE;
    EVP_CIPHER_CTX_free(ctx);
    if (ok) {
        memcpy(mask, block, 5);
    }
    return ok;
}

int64_t quic_packet_number(int64_t largest, uint32_t truncated, unsigned bytes)
{
    int64_t window = INT64_C(1) << (8 * bytes);
    int64_t expected = largest + 1;
    int64_t pn = (expected & ~(window - 1)) | truncated;
    if (pn <= expected - window / 2 && pn < (INT64_C(1) << 62) - window) {
        return pn + window;
    }
    if (pn > expected + window / 2 && pn >= window) {
        return pn - window;
    }
    return pn;
}

static bool decrypt_init(EVP_CIPHER_CTX *ctx, const struct quic_suite *suite,
                         const uint8_t *key, const uint8_t *nonce,
                         struct span tag)
{
    uint8_t copy[QUIC_TAG_BYTES];
    bool ok = EVP_DecryptInit_ex(ctx, suite->aead(), NULL, NULL, NULL) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) == 1;
    if (ok && tag.n == sizeof copy) {
        memcpy(copy, tag.p, sizeof copy);
        ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)sizeof copy,
                                 copy) == 1;
    }
    return ok && EVP_DecryptInit_ex(ctx, NULL, NULL, key, nonce) == 1;
}

/* Without a tag it only decrypts, which CCM cannot. */
static bool decrypt(const struct quic_keys *k, int64_t pn, struct span header,
                    struct span text, struct span tag, uint8_t *out)
{
    const struct quic_suite *suite = find_suite(k->cipher);
    bool ccm = k->cipher == 0x1304;
    uint8_t nonce[12];
    memcpy(nonce, k->iv, sizeof nonce);
    for (unsigned i = 0; i < 8; i++) {
        nonce[11 - i] ^= (uint8_t)((uint64_t)pn >> (8 * i));
    }
    int n = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx && suite && decrypt_init(ctx, suite, k->key, nonce, tag);
    if (ok && ccm) {
        ok = EVP_DecryptUpdate(ctx, NULL, &n, NULL, (int)text.n) == 1;
    }
    ok = ok && EVP_DecryptUpdate(ctx, NULL, &n, header.p, (int)header.n) == 1 &&
         EVP_DecryptUpdate(ctx, out, &n, text.p, (int)text.n) == 1;
    if (ok && tag.n && !ccm) {
        ok = EVP_DecryptFinal_ex(ctx, out + text.n, &n) == 1;
    }
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* The header without its protection, in `header`; its length, or 0. */
static size_t unmask_header(const struct quic_keys *k, struct span packet,
                            size_t pn_at, uint8_t *header, uint32_t *truncated)
{
    struct span sample = span_sub(packet, pn_at + 4, QUIC_SAMPLE);
    uint8_t mask[5];
    if (sample.n < QUIC_SAMPLE || !quic_header_mask(k, sample.p, mask)) {
        return 0;
    }
    memcpy(header, packet.p, pn_at + 4);
    header[0] ^= mask[0] & (header[0] & LONG_HEADER ? 0x0f : 0x1f);
    unsigned bytes = (header[0] & 3u) + 1;
    *truncated = 0;
    for (unsigned i = 0; i < bytes; i++) {
        header[pn_at + i] ^= mask[1 + i];
        *truncated = *truncated << 8 | header[pn_at + i];
    }
    return pn_at + bytes;
}

bool quic_open(const struct quic_keys *k, struct span packet, size_t pn_at,
               int64_t largest, bool cut, uint8_t *room, struct span *out,
               int64_t *pn)
{
    uint8_t header[HEADER_MAX];
    uint32_t truncated = 0;
    if (pn_at + 4 > sizeof header || pn_at + 4 + QUIC_SAMPLE > packet.n) {
        return false;
    }
    size_t header_n = unmask_header(k, packet, pn_at, header, &truncated);
    if (header_n == 0) {
        return false;
    }
    struct span text = span_sub(packet, header_n, packet.n);
    struct span tag = {NULL, 0};
    if (!cut) {
        if (text.n < QUIC_TAG_BYTES) {
            return false;
        }
        tag = span_sub(text, text.n - QUIC_TAG_BYTES, QUIC_TAG_BYTES);
        text = span_sub(text, 0, text.n - QUIC_TAG_BYTES);
    }
    if (text.n > QUIC_PACKET_MAX) {
        return false;
    }
    *pn = quic_packet_number(largest, truncated, (unsigned)(header_n - pn_at));
    *out = span_of(room, text.n);
    return decrypt(k, *pn, span_of(header, header_n), text, tag, room);
}

bool quic_key_phase(const struct quic_keys *k, struct span packet, size_t pn_at)
{
    uint8_t header[HEADER_MAX];
    uint32_t truncated;
    return pn_at > 0 && pn_at + 4 <= sizeof header &&
           unmask_header(k, packet, pn_at, header, &truncated) > 0 &&
           (header[0] & KEY_PHASE);
}
