/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key schedules and record protection: RFC 8446 sections 5.2, 5.3, 7.1 to 7.3;
 * RFC 5246 sections 5, 6.2.3, 6.3 and its ancestors RFC 4346 and 2246; RFC 5288
 * (GCM), 6655 (CCM), 7905 (ChaCha20-Poly1305), 7366 (encrypt-then-MAC), 9147
 * (DTLS 1.3), 9146 (connection IDs of DTLS 1.2, with AEAD suites only). All
 * cryptography is libcrypto's.
 *
 * SSL 3.0 and RC4 are left out: nothing logs their keys any more, and libcrypto
 * has dropped them.
 */
#include "dissectors/tls_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define NONCE_BYTES    12u
#define EXPLICIT_NONCE 8u
#define CID_RECORD     25u /* RFC 9146: a record with a connection ID */
#define CID_MAX        20u
#define HEADER_MAX     48u /* the longest header that is authenticated */
#define KEY_BLOCK_MAX  (2u * (48 + 32 + 16))

/* ---- suites ---- */

static const struct {
    const char *in_name; /* part of IANA's name */
    const char *cipher;
} ciphers[] = {
    {"AES_128_GCM", "AES-128-GCM"},
    {"AES_256_GCM", "AES-256-GCM"},
    {"AES_128_CCM", "AES-128-CCM"},
    {"AES_256_CCM", "AES-256-CCM"},
    {"CHACHA20_POLY1305", "ChaCha20-Poly1305"},
    {"AES_128_CBC", "AES-128-CBC"},
    {"AES_256_CBC", "AES-256-CBC"},
    {"3DES_EDE_CBC", "DES-EDE3-CBC"},
    {"CAMELLIA_128_CBC", "CAMELLIA-128-CBC"},
    {"CAMELLIA_256_CBC", "CAMELLIA-256-CBC"},
    {"ARIA_128_GCM", "ARIA-128-GCM"},
    {"ARIA_256_GCM", "ARIA-256-GCM"},
    {"ARIA_128_CBC", "ARIA-128-CBC"},
    {"ARIA_256_CBC", "ARIA-256-CBC"},
};

static const char *cipher_of(const struct known_suite *s)
{
    if (s->mode == MODE_NULL) {
        return "NULL";
    }
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        if (strstr(s->name, ciphers[i].in_name)) {
            return ciphers[i].cipher;
        }
    }
    return NULL;
}

static const char *hash_of(const struct known_suite *s)
{
    if (s->hash_bytes == 64) {
        return "SHA512";
    }
    return s->hash_bytes == 48 ? "SHA384" : "SHA256";
}

static const char *mac_of(const struct known_suite *s)
{
    switch (s->mac_bytes) {
    case 16:
        return "MD5";
    case 20:
        return "SHA1";
    case 32:
        return "SHA256";
    case 48:
        return "SHA384";
    default:
        return NULL;
    }
}

static bool is_aead(enum suite_mode mode)
{
    return mode == MODE_GCM || mode == MODE_CCM || mode == MODE_CCM8 ||
           mode == MODE_CHACHA;
}

/* What the suite alone decides. */
static bool keys_init(struct record_keys *k, struct record_suite s,
                      const struct known_suite **suite)
{
    *k = (struct record_keys){.version = s.version, .etm = s.etm};
    *suite = known_suite(s.cipher);
    if (!*suite || (*suite)->mode == MODE_STREAM) {
        return false;
    }
    const char *cipher = cipher_of(*suite);
    k->mode = (*suite)->mode;
    k->tls13 = known_version_is_13(s.version);
    k->key_n = (uint8_t)((*suite)->key_bits / 8);
    k->block_n = (*suite)->block_bytes;
    if (strcmp(cipher ? cipher : "", "DES-EDE3-CBC") == 0) {
        k->key_n = 24;
    }
    if (is_aead(k->mode)) {
        k->tag_n = k->mode == MODE_CCM8 ? 8 : 16;
        k->iv_n = k->tls13 || k->mode == MODE_CHACHA ? NONCE_BYTES : 4;
    } else {
        k->digest = mac_of(*suite);
        k->mac_n = (*suite)->mac_bytes;
        k->etm = s.etm && k->mode == MODE_CBC;
        k->iv_n = k->mode == MODE_CBC ? k->block_n : 0;
    }
    bool fits = k->key_n <= sizeof k->key && k->iv_n <= sizeof k->iv &&
                k->mac_n <= sizeof k->mac;
    bool sane = is_aead(k->mode) || (!k->tls13 && k->digest);
    if (!cipher || !fits || !sane) {
        return false;
    }
    k->cipher = cipher;
    return true;
}

/* ---- key derivation ---- */

static OSSL_PARAM octets(const char *key, const void *p, size_t n)
{
    return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)p, n);
}

static OSSL_PARAM word(const char *key, const char *text)
{
    return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)text, 0);
}

static bool derive(const char *function, const OSSL_PARAM *params, uint8_t *out,
                   size_t out_n)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, function, NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = ctx && EVP_KDF_derive(ctx, out, out_n, params) > 0;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

/* HKDF-Expand-Label with an empty context (RFC 8446 section 7.1). */
static bool expand_label(const char *digest, uint16_t version,
                         struct span secret, const char *label, uint8_t *out,
                         size_t out_n)
{
    uint8_t info[64];
    /* RFC 9147 section 5.9: DTLS 1.3 has a prefix of its own. */
    const char *prefix = version == 0xfefc ? "dtls13" : "tls13 ";
    size_t prefix_n = strlen(prefix);
    size_t label_n = strlen(label);
    size_t n = 0;
    info[n++] = (uint8_t)(out_n >> 8);
    info[n++] = (uint8_t)out_n;
    info[n++] = (uint8_t)(prefix_n + label_n);
    memcpy(info + n, prefix, prefix_n);
    n += prefix_n;
    memcpy(info + n, label, label_n);
    n += label_n;
    info[n++] = 0;
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        word(OSSL_KDF_PARAM_DIGEST, digest),
        octets(OSSL_KDF_PARAM_KEY, secret.p, secret.n),
        octets(OSSL_KDF_PARAM_INFO, info, n),
        OSSL_PARAM_construct_end(),
    };
    return derive("HKDF", params, out, out_n);
}

bool record_keys_from_secret(struct record_keys *k, struct record_suite s,
                             struct span secret)
{
    const struct known_suite *suite;
    if (!keys_init(k, s, &suite) || !k->tls13 ||
        secret.n != suite->hash_bytes) {
        record_keys_erase(k);
        return false;
    }
    bool ok =
        expand_label(hash_of(suite), s.version, secret, "key", k->key,
                     k->key_n) &&
        expand_label(hash_of(suite), s.version, secret, "iv", k->iv, k->iv_n);
    if (!ok) {
        record_keys_erase(k);
    }
    return ok;
}

bool record_expand(struct record_suite s, struct span secret, const char *label,
                   uint8_t *out, size_t n)
{
    const struct known_suite *suite = known_suite(s.cipher);
    return suite && secret.n == suite->hash_bytes &&
           expand_label(hash_of(suite), s.version, secret, label, out, n);
}

bool record_next_secret(struct record_suite s, uint8_t *secret, size_t n)
{
    uint8_t next[64];
    bool ok = n <= sizeof next &&
              record_expand(s, span_of(secret, n), "traffic upd", next, n);
    if (ok) {
        memcpy(secret, next, n);
    }
    OPENSSL_cleanse(next, sizeof next);
    return ok;
}

bool tls_prf(const char *digest, struct span secret, const char *label,
             struct span seed, uint8_t *out, size_t out_n)
{
    OSSL_PARAM params[] = {
        word(OSSL_KDF_PARAM_DIGEST, digest),
        octets(OSSL_KDF_PARAM_SECRET, secret.p, secret.n),
        octets(OSSL_KDF_PARAM_SEED, label, strlen(label)),
        octets(OSSL_KDF_PARAM_SEED, seed.p, seed.n),
        OSSL_PARAM_construct_end(),
    };
    return derive("TLS1-PRF", params, out, out_n);
}

static void take(struct cursor *c, uint8_t *out, size_t n)
{
    struct span s = cursor_take(c, n, "key block");
    if (s.n) {
        memcpy(out, s.p, s.n);
    }
}

/* Cuts the key block up: MAC keys, keys, IVs (RFC 5246 section 6.3). */
static void cut_block(struct record_keys keys[2], struct span block)
{
    struct cursor c = cursor_open(block);
    for (int i = 0; i < 2; i++) {
        take(&c, keys[i].mac, keys[i].mac_n);
    }
    for (int i = 0; i < 2; i++) {
        take(&c, keys[i].key, keys[i].key_n);
    }
    for (int i = 0; i < 2; i++) {
        take(&c, keys[i].iv, keys[i].iv_n);
    }
}

bool record_keys_from_master(struct record_keys keys[2], struct record_suite s,
                             struct span master, struct span client_random,
                             struct span server_random)
{
    const struct known_suite *suite;
    uint8_t seed[64];
    uint8_t block[KEY_BLOCK_MAX];
    bool supported = s.version >= 0x0301 && s.version != 0xffff &&
                     keys_init(&keys[0], s, &suite) && !keys[0].tls13;
    if (!supported || client_random.n != 32 || server_random.n != 32 ||
        master.n != MASTER_SECRET_BYTES) {
        record_keys_erase(&keys[0]);
        record_keys_erase(&keys[1]);
        return false;
    }
    keys[1] = keys[0];
    memcpy(seed, server_random.p, 32);
    memcpy(seed + 32, client_random.p, 32);
    bool old = s.version == 0x0301 || s.version == 0x0302 ||
               s.version == 0xfeff; /* DTLS 1.0 */
    size_t n = 2u * ((size_t)keys[0].mac_n + keys[0].key_n + keys[0].iv_n);
    bool ok = tls_prf(old ? "MD5-SHA1" : hash_of(suite), master,
                      "key expansion", span_of(seed, sizeof seed), block, n);
    if (ok) {
        cut_block(keys, span_of(block, n));
    } else {
        record_keys_erase(&keys[0]);
        record_keys_erase(&keys[1]);
    }
    OPENSSL_cleanse(block, sizeof block);
    return ok;
}

void record_keys_erase(struct record_keys *k)
{
    OPENSSL_cleanse(k, sizeof *k);
}

/* ---- opening ---- */

/* The explicit initialisation vector came with TLS 1.1. */
static bool has_explicit_iv(const struct record_keys *k)
{
    return k->version != 0x0301;
}

static void put_number(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++) {
        p[i] = (uint8_t)(v >> (56 - 8 * i));
    }
}

/* The pseudo-header under the MAC and the AEAD's tag before TLS 1.3. */
static void put_header(uint8_t p[RECORD_MAC_HEADER],
                       const struct sealed_record *r, size_t n)
{
    put_number(p, r->number);
    p[8] = r->type;
    p[9] = (uint8_t)(r->version >> 8);
    p[10] = (uint8_t)r->version;
    p[11] = (uint8_t)(n >> 8);
    p[12] = (uint8_t)n;
}

struct aead {
    uint8_t nonce[NONCE_BYTES];
    uint8_t header[HEADER_MAX];
    size_t header_n;
    struct span sealed; /* without the tag */
    struct span tag;
};

static bool aead_start(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher,
                       const struct record_keys *k, const struct aead *a)
{
    uint8_t tag[16];
    int n;
    memcpy(tag, a->tag.p, k->tag_n);
    bool ok =
        EVP_DecryptInit_ex2(ctx, cipher, NULL, NULL, NULL) == 1 &&
        EVP_CIPHER_CTX_get_key_length(ctx) == k->key_n &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, NONCE_BYTES, NULL) ==
            1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, k->tag_n, tag) == 1 &&
        EVP_DecryptInit_ex2(ctx, NULL, k->key, a->nonce, NULL) == 1;
    if (ok && (k->mode == MODE_CCM || k->mode == MODE_CCM8)) {
        ok = EVP_DecryptUpdate(ctx, NULL, &n, NULL, (int)a->sealed.n) == 1;
    }
    if (ok && a->header_n) {
        ok = EVP_DecryptUpdate(ctx, NULL, &n, a->header, (int)a->header_n) == 1;
    }
    return ok;
}

static bool aead_open(const struct record_keys *k, const struct aead *a,
                      uint8_t *out)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, k->cipher, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    int rest = 0;
    bool ok =
        cipher && ctx && aead_start(ctx, cipher, k, a) &&
        EVP_DecryptUpdate(ctx, out, &n, a->sealed.p, (int)a->sealed.n) == 1;
    /* CCM has checked the tag by now and has no final step. */
    if (ok && k->mode != MODE_CCM && k->mode != MODE_CCM8) {
        ok = EVP_DecryptFinal_ex(ctx, out + n, &rest) == 1;
    }
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok && n == (int)a->sealed.n;
}

/* Nonce of TLS 1.3 and of ChaCha20-Poly1305: the IV and the number. */
static void xor_nonce(const struct record_keys *k, uint64_t number,
                      uint8_t nonce[NONCE_BYTES])
{
    uint8_t counter[8];
    put_number(counter, number);
    memcpy(nonce, k->iv, NONCE_BYTES);
    for (int i = 0; i < 8; i++) {
        nonce[4 + i] ^= counter[i];
    }
}

/* Drafts of TLS 1.3 before 25 did not authenticate the header. */
static bool has_header13(uint16_t version)
{
    return version >> 8 != 0x7f || (version & 0xff) >= 25;
}

static void put_header13(struct aead *a, const struct record_keys *k,
                         const struct sealed_record *r)
{
    if (r->header.n && r->header.n <= sizeof a->header) {
        memcpy(a->header, r->header.p, r->header.n);
        a->header_n = r->header.n;
        return;
    }
    a->header[0] = r->type;
    a->header[1] = (uint8_t)(r->version >> 8);
    a->header[2] = (uint8_t)r->version;
    a->header[3] = (uint8_t)(r->body.n >> 8);
    a->header[4] = (uint8_t)r->body.n;
    a->header_n = has_header13(k->version) ? 5 : 0;
}

/* Content, type, zeros (RFC 8446 section 5.4, RFC 9146 section 4). */
static bool take_type(struct span inner, struct span *content, uint8_t *type)
{
    size_t n = inner.n;
    while (n > 0 && inner.p[n - 1] == 0) {
        n--;
    }
    if (n == 0) {
        return false;
    }
    *type = inner.p[n - 1];
    *content = span_sub(inner, 0, n - 1);
    return true;
}

static bool open13(const struct record_keys *k, const struct sealed_record *r,
                   uint8_t *scratch, struct span *content, uint8_t *type)
{
    struct aead a = {0};
    if (r->body.n <= k->tag_n) {
        return false;
    }
    size_t n = r->body.n - k->tag_n;
    xor_nonce(k, r->number, a.nonce);
    put_header13(&a, k, r);
    a.sealed = span_sub(r->body, 0, n);
    a.tag = span_sub(r->body, n, k->tag_n);
    return aead_open(k, &a, scratch) &&
           take_type(span_of(scratch, n), content, type);
}

/* RFC 9146 section 5.3. */
static void put_cid_header(struct aead *a, const struct sealed_record *r,
                           size_t n)
{
    uint8_t *p = a->header;
    memset(p, 0xff, 8);
    p += 8;
    *p++ = CID_RECORD;
    *p++ = (uint8_t)r->cid.n;
    *p++ = CID_RECORD;
    *p++ = (uint8_t)(r->version >> 8);
    *p++ = (uint8_t)r->version;
    put_number(p, r->number);
    p += 8;
    if (r->cid.n) {
        memcpy(p, r->cid.p, r->cid.n);
    }
    p += r->cid.n;
    *p++ = (uint8_t)(n >> 8);
    *p++ = (uint8_t)n;
    a->header_n = (size_t)(p - a->header);
}

static bool open_aead12(const struct record_keys *k,
                        const struct sealed_record *r, uint8_t *scratch,
                        struct span *content, uint8_t *type)
{
    struct aead a = {.header_n = RECORD_MAC_HEADER};
    bool hidden = r->type == CID_RECORD;
    size_t explicit_n = k->mode == MODE_CHACHA ? 0 : EXPLICIT_NONCE;
    if (r->body.n <= explicit_n + k->tag_n || r->cid.n > CID_MAX) {
        return false;
    }
    size_t n = r->body.n - explicit_n - k->tag_n;
    if (explicit_n) {
        memcpy(a.nonce, k->iv, NONCE_BYTES - EXPLICIT_NONCE);
        memcpy(a.nonce + NONCE_BYTES - EXPLICIT_NONCE, r->body.p,
               EXPLICIT_NONCE);
    } else {
        xor_nonce(k, r->number, a.nonce);
    }
    if (hidden) {
        put_cid_header(&a, r, n);
    } else {
        put_header(a.header, r, n);
    }
    a.sealed = span_sub(r->body, explicit_n, n);
    a.tag = span_sub(r->body, explicit_n + n, k->tag_n);
    *content = span_of(scratch, n);
    return aead_open(k, &a, scratch) &&
           (!hidden || take_type(*content, content, type));
}

/* Whether the MAC of p[0..n) (header in front included) is `mac`. */
static bool mac_fits(const struct record_keys *k, const uint8_t *p, size_t n,
                     struct span mac)
{
    uint8_t out[64];
    size_t out_n = 0;
    return mac.n == k->mac_n &&
           EVP_Q_mac(NULL, "HMAC", NULL, k->digest, NULL, k->mac, k->mac_n, p,
                     n, out, sizeof out, &out_n) &&
           out_n == mac.n && CRYPTO_memcmp(out, mac.p, mac.n) == 0;
}

static bool cbc_decrypt(const struct record_keys *k, const uint8_t *iv,
                        struct span sealed, uint8_t *out)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, k->cipher, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = cipher && ctx &&
              EVP_DecryptInit_ex2(ctx, cipher, NULL, NULL, NULL) == 1 &&
              EVP_CIPHER_CTX_get_key_length(ctx) == k->key_n &&
              EVP_CIPHER_CTX_get_iv_length(ctx) == k->block_n &&
              EVP_DecryptInit_ex2(ctx, NULL, k->key, iv, NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
              EVP_DecryptUpdate(ctx, out, &n, sealed.p, (int)sealed.n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok && n == (int)sealed.n;
}

/* Bytes before the padding, or -1 (RFC 5246 section 6.2.3.2). */
static long unpadded(const uint8_t *p, size_t n)
{
    size_t pad = p[n - 1];
    if (pad + 1 > n) {
        return -1;
    }
    for (size_t i = n - 1 - pad; i < n; i++) {
        if (p[i] != pad) {
            return -1;
        }
    }
    return (long)(n - 1 - pad);
}

static bool open_cbc(const struct record_keys *k, const struct sealed_record *r,
                     uint8_t *scratch, struct span *content)
{
    struct span body = r->body;
    uint8_t *plain = scratch + RECORD_MAC_HEADER;
    const uint8_t *iv = r->chain.n == k->block_n ? r->chain.p : k->iv;
    if (k->etm) {
        if (body.n <= k->mac_n) {
            return false;
        }
        struct span mac = span_sub(body, body.n - k->mac_n, k->mac_n);
        body = span_sub(body, 0, body.n - k->mac_n);
        put_header(scratch, r, body.n);
        memcpy(plain, body.p, body.n);
        if (!mac_fits(k, scratch, RECORD_MAC_HEADER + body.n, mac)) {
            return false;
        }
    }
    if (has_explicit_iv(k)) {
        iv = body.p;
        body = span_sub(body, k->block_n, body.n);
    }
    if (body.n == 0 || body.n % k->block_n ||
        !cbc_decrypt(k, iv, body, plain)) {
        return false;
    }
    long n = unpadded(plain, body.n);
    if (k->etm) {
        *content = span_of(plain, n < 0 ? 0 : (size_t)n);
        return n >= 0;
    }
    if (n < (long)k->mac_n) {
        return false;
    }
    n -= k->mac_n;
    put_header(scratch, r, (size_t)n);
    *content = span_of(plain, (size_t)n);
    return mac_fits(k, scratch, RECORD_MAC_HEADER + (size_t)n,
                    span_of(plain + n, k->mac_n));
}

static bool open_null(const struct record_keys *k,
                      const struct sealed_record *r, uint8_t *scratch,
                      struct span *content)
{
    if (r->body.n < k->mac_n) {
        return false;
    }
    size_t n = r->body.n - k->mac_n;
    put_header(scratch, r, n);
    memcpy(scratch + RECORD_MAC_HEADER, r->body.p, n);
    *content = span_of(scratch + RECORD_MAC_HEADER, n);
    return mac_fits(k, scratch, RECORD_MAC_HEADER + n,
                    span_sub(r->body, n, k->mac_n));
}

bool record_open(const struct record_keys *k, const struct sealed_record *r,
                 uint8_t *scratch, struct span *content, uint8_t *type)
{
    *type = r->type;
    *content = (struct span){scratch, 0};
    if (!k->cipher || r->body.n == 0 || r->body.n > LIMIT_RECORD_LENGTH) {
        return false;
    }
    if (k->tls13) {
        return open13(k, r, scratch, content, type);
    }
    if (is_aead(k->mode)) {
        return open_aead12(k, r, scratch, content, type);
    }
    if (r->type == CID_RECORD) {
        return false; /* with a MAC: nobody does */
    }
    if (k->mode == MODE_CBC) {
        return open_cbc(k, r, scratch, content);
    }
    return open_null(k, r, scratch, content);
}
