/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key schedules and records: the trace of RFC 8448, the vector of the TLS 1.2
 * PRF that its authors posted to the TLS working group, and for every kind of
 * suite a record sealed here, with keys derived here from HMAC alone. Then
 * whole handshakes, read by the record reader and opened with a key log.
 */
#include "config.h"

#include "dissectors/cert_compress.h"
#include "dissectors/tls.h"
#include "dissectors/tls_decrypt.h"
#include "dissectors/tls_keys.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

static size_t unhex(const char *text, uint8_t *out)
{
    size_t n = 0;
    for (; text[0]; text += text[0] == ' ' ? 1 : 2) {
        if (text[0] != ' ') {
            unsigned v = 0;
            cr_assert_eq(sscanf(text, "%2x", &v), 1);
            out[n++] = (uint8_t)v;
        }
    }
    return n;
}

static void expect_hex(const uint8_t *got, const char *want)
{
    uint8_t bytes[256];
    size_t n = unhex(want, bytes);
    cr_expect(memcmp(got, bytes, n) == 0, "%s", want);
}

static uint8_t scratch[RECORD_SCRATCH_BYTES];

static bool open_it(const struct record_keys *k, uint64_t number, uint8_t type,
                    uint16_t version, struct span body, struct span *content,
                    uint8_t *inner)
{
    struct sealed_record r = {
        .number = number, .type = type, .version = version, .body = body};
    return record_open(k, &r, scratch, content, inner);
}

/* ---- published vectors ---- */

/* RFC 8448 section 3, "Simple 1-RTT Handshake". */
Test(vectors, rfc8448)
{
    const struct record_suite suite = {.version = 0x0304, .cipher = 0x1301};
    struct record_keys k;
    uint8_t secret[32];
    uint8_t record[64];
    struct span content;
    uint8_t type;

    unhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
          secret);
    cr_assert(record_keys_from_secret(&k, suite, span_of(secret, 32)));
    expect_hex(k.key, "3fce516009c21727d0f2e4e86ee403bc");
    expect_hex(k.iv, "5d313eb2671276ee13000b30");

    unhex("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
          secret);
    cr_assert(record_keys_from_secret(&k, suite, span_of(secret, 32)));
    expect_hex(k.key, "dbfaa693d1762c5b666af5d950258d01");
    expect_hex(k.iv, "5bd3c71b836e0b76bb73265f");
    /* The client's Finished. */
    size_t n = unhex("75ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44"
                     "d87f38f80338ac98fc46deb384bd1caeacab6867d726c40546",
                     record);
    cr_assert_eq(n, 53);
    cr_assert(open_it(&k, 0, 23, 0x0303, span_of(record, n), &content, &type));
    cr_expect_eq(type, 22);
    cr_expect_eq(content.n, 36);
    expect_hex(content.p, "14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6"
                          "e98527b642f2edd5ce61");
    cr_expect_not(
        open_it(&k, 1, 23, 0x0303, span_of(record, n), &content, &type));

    /* The client's close_notify, its second record of application keys. */
    unhex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
          secret);
    cr_assert(record_keys_from_secret(&k, suite, span_of(secret, 32)));
    expect_hex(k.key, "17422dda596ed5d9acd890e3c63f5051");
    expect_hex(k.iv, "5b78923dee08579033e523d9");
    n = unhex("c9872760655666b74d7ff1153efd6db6d0b0e3", record);
    cr_assert(open_it(&k, 1, 23, 0x0303, span_of(record, n), &content, &type));
    cr_expect_eq(type, 21);
    cr_expect_eq(content.n, 2);
    expect_hex(content.p, "0100");
    record_keys_erase(&k);
    cr_expect_null(k.cipher);
}

/* "Test vector for P_SHA256 and the TLS 1.2 PRF", TLS working group, 2009. */
Test(vectors, prf12)
{
    uint8_t secret[16];
    uint8_t seed[16];
    uint8_t out[100];
    unhex("9bbe436ba940f017b17652849a71db35", secret);
    unhex("a0ba9f936cda311827a6f796ffd5198c", seed);
    cr_assert(tls_prf("SHA256", span_of(secret, 16), "test label",
                      span_of(seed, 16), out, sizeof out));
    expect_hex(out, "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e6"
                    "1edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd"
                    "3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42"
                    "c5a72e5a5110fff70187347b66");
}

/* ---- records sealed here ---- */

static void hmac(const char *digest, const uint8_t *key, size_t key_n,
                 const uint8_t *data, size_t n, uint8_t *out, size_t *out_n)
{
    cr_assert_not_null(EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, key, key_n,
                                 data, n, out, 64, out_n));
}

/* RFC 5246 section 5: P_hash(secret, seed), xored into out. */
static void p_hash(const char *digest, const uint8_t *secret, size_t secret_n,
                   const uint8_t *seed, size_t seed_n, uint8_t *out, size_t n)
{
    uint8_t a[64 + 128];
    uint8_t part[64];
    size_t a_n = 0;
    size_t part_n = 0;
    hmac(digest, secret, secret_n, seed, seed_n, a, &a_n);
    for (size_t at = 0; at < n; at += part_n) {
        memcpy(a + a_n, seed, seed_n);
        hmac(digest, secret, secret_n, a, a_n + seed_n, part, &part_n);
        for (size_t i = 0; i < part_n && at + i < n; i++) {
            out[at + i] ^= part[i];
        }
        uint8_t next[64];
        hmac(digest, secret, secret_n, a, a_n, next, &a_n);
        memcpy(a, next, a_n);
    }
}

static void key_block(const char *digest, const uint8_t master[48],
                      const uint8_t client[32], const uint8_t server[32],
                      uint8_t *out, size_t n)
{
    uint8_t seed[13 + 64];
    memcpy(seed, "key expansion", 13);
    memcpy(seed + 13, server, 32);
    memcpy(seed + 45, client, 32);
    memset(out, 0, n);
    if (strcmp(digest, "MD5-SHA1") == 0) { /* RFC 2246 section 5 */
        p_hash("MD5", master, 24, seed, sizeof seed, out, n);
        p_hash("SHA1", master + 24, 24, seed, sizeof seed, out, n);
    } else {
        p_hash(digest, master, 48, seed, sizeof seed, out, n);
    }
}

/* RFC 8446 section 7.1; one block of HKDF-Expand is enough for keys. */
static void expand(const char *digest, const uint8_t *secret, size_t secret_n,
                   const char *label, uint8_t *out, size_t n)
{
    uint8_t info[64] = {0, (uint8_t)n, (uint8_t)(6 + strlen(label))};
    uint8_t block[64];
    size_t at = 3;
    size_t block_n = 0;
    memcpy(info + at, "tls13 ", 6);
    memcpy(info + at + 6, label, strlen(label));
    at += 6 + strlen(label);
    info[at++] = 0;
    info[at++] = 1;
    hmac(digest, secret, secret_n, info, at, block, &block_n);
    memcpy(out, block, n);
}

static size_t aead_seal(const char *cipher, const uint8_t *key,
                        const uint8_t nonce[12], const uint8_t *aad,
                        size_t aad_n, const uint8_t *plain, size_t n, int tag_n,
                        uint8_t *out)
{
    EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, cipher, NULL);
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    bool ccm = strstr(cipher, "CCM") != NULL;
    int got = 0;
    cr_assert(EVP_EncryptInit_ex2(x, c, NULL, NULL, NULL));
    cr_assert(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL));
    if (ccm) {
        cr_assert(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, tag_n, NULL));
    }
    cr_assert(EVP_EncryptInit_ex2(x, NULL, key, nonce, NULL));
    if (ccm) {
        cr_assert(EVP_EncryptUpdate(x, NULL, &got, NULL, (int)n));
    }
    cr_assert(EVP_EncryptUpdate(x, NULL, &got, aad, (int)aad_n));
    cr_assert(EVP_EncryptUpdate(x, out, &got, plain, (int)n));
    cr_assert(EVP_EncryptFinal_ex(x, out + n, &got));
    cr_assert(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, tag_n, out + n));
    EVP_CIPHER_CTX_free(x);
    EVP_CIPHER_free(c);
    return n + (size_t)tag_n;
}

static void cbc_seal(const char *cipher, const uint8_t *key, const uint8_t *iv,
                     const uint8_t *plain, size_t n, uint8_t *out)
{
    EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, cipher, NULL);
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    int got = 0;
    cr_assert(EVP_EncryptInit_ex2(x, c, key, iv, NULL));
    EVP_CIPHER_CTX_set_padding(x, 0);
    cr_assert(EVP_EncryptUpdate(x, out, &got, plain, (int)n));
    cr_assert_eq(got, (int)n);
    EVP_CIPHER_CTX_free(x);
    EVP_CIPHER_free(c);
}

enum kind { AEAD, CHACHA, CBC, NO_CIPHER };

struct suite_case {
    uint16_t cipher, version;
    bool etm;
    enum kind kind;
    const char *name, *prf, *mac;
    size_t mac_n, key_n, iv_n; /* in the key block */
    int tag_n;
};

#define OLD "MD5-SHA1"
#define A   AEAD
static const struct suite_case cases[] = {
    {0xc02f, 0x0303, false, A, "AES-128-GCM", "SHA256", 0, 0, 16, 4, 16},
    {0xc030, 0x0303, false, A, "AES-256-GCM", "SHA384", 0, 0, 32, 4, 16},
    {0xc09c, 0x0303, false, A, "AES-128-CCM", "SHA256", 0, 0, 16, 4, 16},
    {0xc09d, 0x0303, false, A, "AES-256-CCM", "SHA256", 0, 0, 32, 4, 16},
    {0xc0ae, 0x0303, false, A, "AES-128-CCM", "SHA256", 0, 0, 16, 4, 8},
    {0xc0a1, 0x0303, false, A, "AES-256-CCM", "SHA256", 0, 0, 32, 4, 8},
    {0xc050, 0x0303, false, A, "ARIA-128-GCM", "SHA256", 0, 0, 16, 4, 16},
    {0xcca8, 0x0303, false, CHACHA, "ChaCha20-Poly1305", "SHA256", 0, 0, 32, 12,
     16},
    {0xc013, 0x0303, false, CBC, "AES-128-CBC", "SHA256", "SHA1", 20, 16, 16,
     0},
    {0xc013, 0x0303, true, CBC, "AES-128-CBC", "SHA256", "SHA1", 20, 16, 16, 0},
    {0xc013, 0x0302, false, CBC, "AES-128-CBC", OLD, "SHA1", 20, 16, 16, 0},
    {0xc013, 0x0301, false, CBC, "AES-128-CBC", OLD, "SHA1", 20, 16, 16, 0},
    {0xc013, 0x0301, true, CBC, "AES-128-CBC", OLD, "SHA1", 20, 16, 16, 0},
    {0x0035, 0x0303, false, CBC, "AES-256-CBC", "SHA256", "SHA1", 20, 32, 16,
     0},
    {0xc027, 0x0303, false, CBC, "AES-128-CBC", "SHA256", "SHA256", 32, 16, 16,
     0},
    {0xc028, 0x0303, true, CBC, "AES-256-CBC", "SHA384", "SHA384", 48, 32, 16,
     0},
    {0x000a, 0x0302, false, CBC, "DES-EDE3-CBC", OLD, "SHA1", 20, 24, 8, 0},
    {0x0041, 0x0303, false, CBC, "CAMELLIA-128-CBC", "SHA256", "SHA1", 20, 16,
     16, 0},
    {0x003b, 0x0303, false, NO_CIPHER, NULL, "SHA256", "SHA256", 32, 0, 0, 0},
};

static void put_header(uint8_t *p, uint64_t number, uint8_t type,
                       uint16_t version, size_t n)
{
    for (int i = 0; i < 8; i++) {
        p[i] = (uint8_t)(number >> (56 - 8 * i));
    }
    p[8] = type;
    p[9] = (uint8_t)(version >> 8);
    p[10] = (uint8_t)version;
    p[11] = (uint8_t)(n >> 8);
    p[12] = (uint8_t)n;
}

struct direction {
    const uint8_t *mac, *key, *iv;
};

static struct direction cut(const struct suite_case *c, const uint8_t *block,
                            int side)
{
    struct direction d = {block + (size_t)side * c->mac_n,
                          block + 2 * c->mac_n + (size_t)side * c->key_n,
                          block + 2 * c->mac_n + 2 * c->key_n +
                              (size_t)side * c->iv_n};
    return d;
}

static size_t seal_aead12(const struct suite_case *c, struct direction d,
                          uint64_t number, const uint8_t alert[2], uint8_t *out)
{
    uint8_t nonce[12];
    uint8_t aad[13];
    size_t explicit_n = c->kind == AEAD ? 8 : 0;
    memcpy(nonce, d.iv, c->iv_n);
    put_header(aad, number, 21, c->version, 2);
    if (explicit_n) {
        memset(out, 0x5a, 8); /* any value will do */
        memcpy(nonce + 4, out, 8);
    } else {
        for (int i = 0; i < 8; i++) {
            nonce[4 + i] ^= aad[i];
        }
    }
    return explicit_n + aead_seal(c->name, d.key, nonce, aad, 13, alert, 2,
                                  c->tag_n, out + explicit_n);
}

/* RFC 5246 section 6.2.3.2, RFC 7366 section 3. */
static size_t seal_cbc(const struct suite_case *c, struct direction d,
                       uint64_t number, const uint8_t alert[2], uint8_t *out)
{
    uint8_t plain[256] = {0};
    uint8_t covered[256];
    uint8_t iv[16];
    size_t n = 2;
    size_t got = 0;
    bool explicit_iv = c->version > 0x0301;
    memcpy(iv, d.iv, c->iv_n);
    if (explicit_iv) {
        memset(iv, 0xa5, sizeof iv);
    }
    memcpy(plain, alert, 2);
    put_header(covered, number, 21, c->version, 2);
    memcpy(covered + 13, alert, 2);
    if (!c->etm) {
        hmac(c->mac, d.mac, c->mac_n, covered, 15, plain + 2, &got);
        n += got;
    }
    size_t pad = c->iv_n - (n + 1) % c->iv_n;
    pad = (pad == c->iv_n ? 0 : pad) + c->iv_n; /* more than needed is legal */
    memset(plain + n, (int)pad, pad + 1);
    n += pad + 1;
    size_t at = explicit_iv ? c->iv_n : 0;
    memcpy(out, iv, at);
    cbc_seal(c->name, d.key, iv, plain, n, out + at);
    n += at;
    if (c->etm) {
        put_header(covered, number, 21, c->version, n);
        memcpy(covered + 13, out, n);
        hmac(c->mac, d.mac, c->mac_n, covered, 13 + n, out + n, &got);
        n += got;
    }
    return n;
}

static size_t seal12(const struct suite_case *c, struct direction d,
                     uint64_t number, const uint8_t alert[2], uint8_t *out)
{
    uint8_t covered[15];
    size_t n = 0;
    if (c->kind == AEAD || c->kind == CHACHA) {
        return seal_aead12(c, d, number, alert, out);
    }
    if (c->kind == CBC) {
        return seal_cbc(c, d, number, alert, out);
    }
    put_header(covered, number, 21, c->version, 2);
    memcpy(covered + 13, alert, 2);
    memcpy(out, alert, 2);
    hmac(c->mac, d.mac, c->mac_n, covered, 15, out + 2, &n);
    return n + 2;
}

Test(records, every_suite_before_13)
{
    static const uint8_t alert[2] = {2, 48};
    uint8_t master[48];
    uint8_t client[32];
    uint8_t server[32];
    memset(master, 0x11, 48);
    memset(client, 0x22, 32);
    memset(server, 0x33, 32);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct suite_case *c = &cases[i];
        const struct record_suite suite = {c->version, c->cipher, c->etm};
        struct record_keys keys[2];
        uint8_t block[256];
        uint8_t body[256];
        struct span content;
        uint8_t type;
        key_block(c->prf, master, client, server, block,
                  2 * (c->mac_n + c->key_n + c->iv_n));
        cr_assert(record_keys_from_master(keys, suite, span_of(master, 48),
                                          span_of(client, 32),
                                          span_of(server, 32)),
                  "case %zu", i);
        for (int side = 0; side < 2; side++) {
            /* TLS 1.0's second record needs the first: number 0 here. */
            uint64_t number = c->version == 0x0301 ? 0 : 0x0102030405060708;
            size_t n = seal12(c, cut(c, block, side), number, alert, body);
            cr_assert(open_it(&keys[side], number, 21, c->version,
                              span_of(body, n), &content, &type),
                      "case %zu side %d", i, side);
            cr_expect_eq(type, 21);
            cr_expect(span_eq(content, span_of(alert, 2)), "case %zu", i);
            cr_expect_not(open_it(&keys[side], number + 1, 21, c->version,
                                  span_of(body, n), &content, &type) &&
                              c->kind != AEAD,
                          "case %zu: other number", i);
            cr_expect_not(open_it(&keys[1 - side], number, 21, c->version,
                                  span_of(body, n), &content, &type));
            for (size_t cut_n = 0; cut_n < n; cut_n++) {
                cr_expect_not(open_it(&keys[side], number, 21, c->version,
                                      span_of(body, cut_n), &content, &type),
                              "case %zu cut to %zu", i, cut_n);
            }
            for (size_t at = 0; at < n; at++) {
                body[at] ^= 1;
                cr_expect_not(open_it(&keys[side], number, 21, c->version,
                                      span_of(body, n), &content, &type),
                              "case %zu byte %zu", i, at);
                body[at] ^= 1;
            }
        }
    }
}

static const struct {
    uint16_t cipher;
    const char *name, *digest;
    size_t hash_n, key_n;
    int tag_n;
} cases13[] = {
    {0x1301, "AES-128-GCM", "SHA256", 32, 16, 16},
    {0x1302, "AES-256-GCM", "SHA384", 48, 32, 16},
    {0x1303, "ChaCha20-Poly1305", "SHA256", 32, 32, 16},
    {0x1304, "AES-128-CCM", "SHA256", 32, 16, 16},
    {0x1305, "AES-128-CCM", "SHA256", 32, 16, 8},
};

/* A TLS 1.3 record body: content, type, `zeros` of padding. */
static size_t seal13(size_t which, const uint8_t *secret, uint64_t number,
                     uint8_t type, const uint8_t *content, size_t n,
                     size_t zeros, uint8_t *out)
{
    uint8_t key[32];
    uint8_t nonce[12];
    uint8_t *plain = calloc(1, n + 1 + zeros);
    size_t hash_n = cases13[which].hash_n;
    expand(cases13[which].digest, secret, hash_n, "key", key,
           cases13[which].key_n);
    expand(cases13[which].digest, secret, hash_n, "iv", nonce, 12);
    for (int i = 0; i < 8; i++) {
        nonce[4 + i] ^= (uint8_t)(number >> (56 - 8 * i));
    }
    memcpy(plain, content, n);
    plain[n] = type;
    size_t body = n + 1 + zeros + (size_t)cases13[which].tag_n;
    uint8_t aad[5] = {23, 3, 3, (uint8_t)(body >> 8), (uint8_t)body};
    cr_assert_eq(aead_seal(cases13[which].name, key, nonce, aad, 5, plain,
                           n + 1 + zeros, cases13[which].tag_n, out),
                 body);
    free(plain);
    return body;
}

Test(records, every_suite_of_13)
{
    static const uint8_t alert[2] = {2, 116};
    uint8_t secret[48];
    uint8_t body[256];
    struct span content;
    uint8_t type;
    memset(secret, 0x44, sizeof secret);
    for (size_t i = 0; i < sizeof cases13 / sizeof cases13[0]; i++) {
        const struct record_suite suite = {0x0304, cases13[i].cipher, false};
        struct record_keys k;
        cr_assert(record_keys_from_secret(&k, suite,
                                          span_of(secret, cases13[i].hash_n)));
        for (size_t zeros = 0; zeros < 20; zeros += 19) {
            size_t n = seal13(i, secret, 7, 21, alert, 2, zeros, body);
            cr_assert(
                open_it(&k, 7, 23, 0x0303, span_of(body, n), &content, &type),
                "case %zu", i);
            cr_expect_eq(type, 21);
            cr_expect(span_eq(content, span_of(alert, 2)));
            body[n / 2] ^= 0x80;
            cr_expect_not(
                open_it(&k, 7, 23, 0x0303, span_of(body, n), &content, &type));
        }
        /* Nothing but padding is no record (RFC 8446 section 5.4). */
        size_t n = seal13(i, secret, 0, 0, alert, 0, 5, body);
        cr_expect_not(
            open_it(&k, 0, 23, 0x0303, span_of(body, n), &content, &type));
    }
}

Test(records, what_is_not_supported)
{
    struct record_keys keys[2];
    uint8_t bytes[64] = {0};
    const struct span s = span_of(bytes, 32);
    const struct span master = span_of(bytes, 48);
    cr_expect_not(record_keys_from_secret(
        &keys[0], (struct record_suite){0x0304, 0xc02f, false},
        span_of(bytes, 48)));
    cr_expect_not(record_keys_from_secret(
        &keys[0], (struct record_suite){0x0304, 0x1302, false}, s));
    cr_expect_not(record_keys_from_secret(
        &keys[0], (struct record_suite){0x0303, 0x1301, false}, s));
    const uint16_t suites[] = {0x0005, 0x0000, 0x1301, 0xffff, 0x00ff, 0x0a0a};
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        cr_expect_not(record_keys_from_master(
                          keys, (struct record_suite){0x0300, suites[i], false},
                          master, s, s),
                      "suite %04x", suites[i]);
        cr_expect_null(keys[0].cipher);
        cr_expect_null(keys[1].cipher);
    }
    cr_expect_not(record_keys_from_master(
        keys, (struct record_suite){0x0303, 0xc02f, false}, master, s,
        span_of(bytes, 31)));
}

/* ---- whole handshakes ---- */

struct lab {
    struct handshake hs;
    struct tls_state tls;
    struct keylog *keys;
    struct tls_decrypt_stats stats;
    uint64_t frame;
    uint8_t secret[6][32]; /* by enum keylog_label */
};

static const char *const label_names[] = {
    "CLIENT_RANDOM",
    "CLIENT_EARLY_TRAFFIC_SECRET",
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
};

static void log_bytes(struct lab *l, const char *label, const uint8_t *secret,
                      size_t n)
{
    char line[512];
    int at = snprintf(line, sizeof line, "%s ", label);
    for (int i = 0; i < 32; i++) {
        at += snprintf(line + at, sizeof line - (size_t)at, "c1");
    }
    at += snprintf(line + at, sizeof line - (size_t)at, " ");
    for (size_t i = 0; i < n; i++) {
        at += snprintf(line + at, sizeof line - (size_t)at, "%02x", secret[i]);
    }
    keylog_add(l->keys, span_of(line, (size_t)at));
}

static void log_secret(struct lab *l, enum keylog_label which)
{
    log_bytes(l, label_names[which], l->secret[which], 32);
}

static void send_record(struct lab *l, enum side side, uint8_t type,
                        const uint8_t *body, size_t n)
{
    uint8_t record[5 + 20000] = {type, 3, 3, (uint8_t)(n >> 8), (uint8_t)n};
    memcpy(record + 5, body, n);
    l->frame++;
    /* In two parts, as TCP may cut it. */
    tls_feed(&l->tls, &l->hs, side, span_of(record, 5 + n / 2),
             (tick_t)l->frame * TICK_MSEC, l->frame, true);
    tls_feed(&l->tls, &l->hs, side, span_of(record + 5 + n / 2, n - n / 2),
             (tick_t)l->frame * TICK_MSEC, l->frame, false);
}

static void send_hellos(struct lab *l, uint16_t version, uint16_t cipher)
{
    uint8_t hello[128] = {1, 0, 0, 0, 3, 3};
    size_t n = 38;
    memset(hello + 6, 0xc1, 32);
    hello[n++] = 0;
    hello[n++] = 0;
    hello[n++] = 2;
    hello[n++] = (uint8_t)(cipher >> 8);
    hello[n++] = (uint8_t)cipher;
    hello[n++] = 1;
    hello[n++] = 0;
    const uint8_t offers[] = {0, 9, 0, 43, 0, 5, 4, 3, 4, 3, 3};
    memcpy(hello + n, offers, sizeof offers);
    n += sizeof offers;
    hello[3] = (uint8_t)(n - 4);
    send_record(l, SIDE_CLIENT, 22, hello, n);
    l->hs.when_hello = TICK_MSEC;

    uint8_t answer[128] = {2, 0, 0, 0, 3, 3};
    n = 38;
    memset(answer + 6, 0x51, 32);
    answer[n++] = 0;
    answer[n++] = (uint8_t)(cipher >> 8);
    answer[n++] = (uint8_t)cipher;
    answer[n++] = 0;
    if (version == 0x0304) {
        const uint8_t chosen[] = {0, 6, 0, 43, 0, 2, 3, 4};
        memcpy(answer + n, chosen, sizeof chosen);
        n += sizeof chosen;
    }
    answer[3] = (uint8_t)(n - 4);
    send_record(l, SIDE_SERVER, 22, answer, n);
}

static void lab_open(struct lab *l)
{
    memset(l, 0, sizeof *l);
    hs_init(&l->hs, 256 * 1024);
    l->hs.keep_records = true;
    l->hs.end = HS_END_CLOSED;
    l->hs.dir[0].packets = l->hs.dir[1].packets = 5;
    l->hs.syn_seen[0] = l->hs.syn_seen[1] = true;
    l->keys = keylog_new(0);
    for (int i = 0; i < 6; i++) {
        memset(l->secret[i], 0x60 + i, 32);
    }
}

static void lab_close(struct lab *l)
{
    tls_fini(&l->tls);
    hs_free(&l->hs);
    keylog_free(l->keys);
}

static void close_by(struct lab *l, enum side side)
{
    l->frame++;
    hs_note(&l->hs, HS_FIN, side, 0, 0, (tick_t)l->frame * TICK_MSEC, l->frame);
}

/* A TLS 1.3 record under one of the secrets. */
static void send_sealed(struct lab *l, enum side side, enum keylog_label which,
                        uint64_t number, uint8_t type, const void *content,
                        size_t n)
{
    uint8_t body[20000];
    size_t body_n =
        seal13(0, l->secret[which], number, type, content, n, 0, body);
    send_record(l, side, 23, body, body_n);
}

#define CH KEYLOG_CLIENT_HANDSHAKE
#define SH KEYLOG_SERVER_HANDSHAKE
#define CT KEYLOG_CLIENT_TRAFFIC
#define ST KEYLOG_SERVER_TRAFFIC

static const uint8_t finished[36] = {20, 0, 0, 32};

/* EncryptedExtensions (ALPN h2), CertificateRequest, Certificate (one, of
 * three bytes), CertificateVerify; Finished. */
static const uint8_t flight[] = {
    8,  0, 0, 11, 0, 9, 0, 16, 0,    5,    0, 3, 2, 'h', '2',    /* */
    13, 0, 0, 3,  0, 0, 0,                                       /* */
    11, 0, 0, 12, 0, 0, 0, 8,  0,    0,    3, 1, 2, 3,   0,   0, /* */
    15, 0, 0, 6,  8, 4, 0, 2,  0xaa, 0xbb,                       /* */
    20, 0, 0, 32, 0, 0, 0, 0,  0,    0,    0, 0, 0, 0,   0,   0, 0, 0,
    0,  0, 0, 0,  0, 0, 0, 0,  0,    0,    0, 0, 0, 0,   0,   0, 0, 0,
};
static const uint8_t empty_certificate[8] = {11, 0, 0, 4, 0, 0, 0, 0};

static void server_flight(struct lab *l)
{
    send_hellos(l, 0x0304, 0x1301);
    send_sealed(l, SIDE_SERVER, SH, 0, 22, flight, sizeof flight);
}

static void client_flight(struct lab *l)
{
    send_sealed(l, SIDE_CLIENT, CH, 0, 22, empty_certificate, 8);
    send_sealed(l, SIDE_CLIENT, CH, 1, 22, finished, sizeof finished);
}

static void log_all(struct lab *l)
{
    for (int i = CH; i <= ST; i++) {
        log_secret(l, (enum keylog_label)i);
    }
}

static const struct conclusion *end(struct lab *l)
{
    tls_decrypt_handshake(&l->hs, l->keys, &l->stats);
    hs_conclude(&l->hs);
    return &l->hs.end_state;
}

static void send_alert(struct lab *l, enum side side, enum keylog_label which,
                       uint64_t number, uint8_t level, uint8_t code)
{
    const uint8_t alert[2] = {level, code};
    send_sealed(l, side, which, number, 21, alert, 2);
}

static void expect_alert(const struct conclusion *c, enum side side,
                         uint16_t code, enum stage stage)
{
    cr_expect_eq(c->outcome, OUTCOME_FAILURE);
    cr_expect_eq(c->by, side == SIDE_CLIENT ? BY_CLIENT : BY_SERVER);
    cr_expect_eq(c->how, HOW_ALERT);
    cr_expect_eq(c->alert_code, code, "code %u", c->alert_code);
    cr_expect_eq(c->alert_side, side);
    cr_expect(c->alert_encrypted);
    cr_expect_eq(c->stage, stage, "stage %s", stage_name(c->stage));
    cr_expect_not(c->established);
    cr_expect_eq(c->blind & BLIND_NO_KEYS,
                 code == ALERT_NONE ? (uint32_t)BLIND_NO_KEYS : 0);
}

static void expect_kinds(const struct lab *l, const enum hs_kind *kinds,
                         size_t n)
{
    cr_expect_eq(l->hs.events_n, n, "%u events", l->hs.events_n);
    for (size_t i = 0; i < n && i < l->hs.events_n; i++) {
        cr_expect_eq(l->hs.events[i].kind, kinds[i], "event %zu is %s", i,
                     hs_kind_name((enum hs_kind)l->hs.events[i].kind));
    }
}

Test(handshake13, refusal_of_the_client)
{
    static const enum hs_kind kinds[] = {HS_CLIENT_HELLO,
                                         HS_SERVER_HELLO,
                                         HS_ENCRYPTED_EXTENSIONS,
                                         HS_CERTIFICATE_REQUEST,
                                         HS_CERTIFICATE,
                                         HS_CERTIFICATE_VERIFY,
                                         HS_FINISHED,
                                         HS_CERTIFICATE,
                                         HS_FINISHED,
                                         HS_ALERT,
                                         HS_FIN};
    struct lab l;
    lab_open(&l);
    server_flight(&l);
    client_flight(&l);
    send_alert(&l, SIDE_SERVER, ST, 0, 2, 116);
    close_by(&l, SIDE_SERVER);
    log_all(&l);
    const struct conclusion *c = end(&l);
    expect_alert(c, SIDE_SERVER, 116, STAGE_CLIENT_FINISHED);
    expect_kinds(&l, kinds, sizeof kinds / sizeof kinds[0]);
    cr_expect(c->rejected_after_finished);
    cr_expect(c->client_certificate_empty_likely);
    cr_expect(c->certificate_request_likely);
    cr_expect_eq(c->frame_decisive, 6);
    cr_expect_eq(l.hs.raw[HS_RAW_SERVER_CERTIFICATE].n, 12);
    cr_expect_eq(l.hs.raw[HS_RAW_ENCRYPTED_EXTENSIONS].n, 11);
    cr_expect_eq(l.hs.raw[HS_RAW_CLIENT_CERTIFICATE].n, 4);
    cr_expect_eq(l.stats.opened, 4);
    cr_expect_eq(l.stats.failed, 0);
    lab_close(&l);
}

Test(handshake13, alert_instead_of_finished)
{
    struct lab l;
    lab_open(&l);
    server_flight(&l);
    send_alert(&l, SIDE_CLIENT, CH, 0, 2, 45);
    close_by(&l, SIDE_CLIENT);
    log_all(&l);
    expect_alert(end(&l), SIDE_CLIENT, 45, STAGE_SERVER_DONE);
    lab_close(&l);
}

/* Mbed TLS refuses under its handshake keys. */
Test(handshake13, refusal_under_handshake_keys)
{
    struct lab l;
    lab_open(&l);
    server_flight(&l);
    client_flight(&l);
    send_alert(&l, SIDE_SERVER, SH, 1, 2, 48);
    close_by(&l, SIDE_SERVER);
    log_all(&l);
    expect_alert(end(&l), SIDE_SERVER, 48, STAGE_CLIENT_FINISHED);
    lab_close(&l);
}

Test(handshake13, goodbyes_are_no_refusal)
{
    struct lab l;
    lab_open(&l);
    server_flight(&l);
    client_flight(&l);
    send_alert(&l, SIDE_SERVER, ST, 0, 1, 90); /* Java says both */
    send_alert(&l, SIDE_SERVER, ST, 1, 1, 0);
    close_by(&l, SIDE_SERVER);
    log_all(&l);
    cr_expect_eq(end(&l)->outcome, OUTCOME_SUCCESS);
    cr_expect_eq(l.hs.end_state.stage, STAGE_ESTABLISHED);
    lab_close(&l);
}

Test(handshake13, data_and_key_updates)
{
    static const uint8_t update[5] = {24, 0, 0, 1, 0};
    static const uint8_t ticket[8] = {4, 0, 0, 4, 0, 0, 0, 1};
    struct lab l;
    lab_open(&l);
    server_flight(&l);
    client_flight(&l);
    send_sealed(&l, SIDE_CLIENT, CT, 0, 23, "secret", 6);
    send_sealed(&l, SIDE_SERVER, ST, 0, 22, ticket, sizeof ticket);
    send_sealed(&l, SIDE_SERVER, ST, 1, 22, update, sizeof update);
    log_all(&l);
    /* RFC 8446 section 7.2, by hand. */
    expand("SHA256", l.secret[ST], 32, "traffic upd", l.secret[ST], 32);
    send_alert(&l, SIDE_SERVER, ST, 0, 1, 0);
    cr_expect_eq(end(&l)->outcome, OUTCOME_SUCCESS);
    cr_expect_eq(hs_count(&l.hs, HS_APPLICATION_DATA, SIDE_CLIENT), 1);
    cr_expect_eq(hs_count(&l.hs, HS_KEY_UPDATE, SIDE_SERVER), 1);
    cr_expect_eq(hs_count(&l.hs, HS_NEW_SESSION_TICKET, SIDE_SERVER), 1);
    cr_expect_eq(hs_count(&l.hs, HS_ALERT, SIDE_SERVER), 1);
    cr_expect_eq(hs_count(&l.hs, HS_PROTECTED, SIDE_NONE), 0);
    lab_close(&l);
}

/* One byte of the server's flight in each record. */
Test(handshake13, messages_in_pieces)
{
    struct lab l;
    lab_open(&l);
    send_hellos(&l, 0x0304, 0x1301);
    for (size_t i = 0; i < 24; i++) {
        send_sealed(&l, SIDE_SERVER, SH, i, 22, flight + i, 1);
    }
    send_sealed(&l, SIDE_SERVER, SH, 24, 22, flight + 24, sizeof flight - 24);
    send_alert(&l, SIDE_CLIENT, CH, 0, 2, 42);
    log_all(&l);
    expect_alert(end(&l), SIDE_CLIENT, 42, STAGE_SERVER_DONE);
    cr_expect_eq(l.hs.raw[HS_RAW_SERVER_CERTIFICATE].n, 12);
    lab_close(&l);
}

/* 0-RTT data that the server turned down: its secret is not even logged. */
Test(handshake13, early_data_is_passed_over)
{
    struct lab l;
    lab_open(&l);
    send_hellos(&l, 0x0304, 0x1301);
    send_sealed(&l, SIDE_CLIENT, KEYLOG_CLIENT_EARLY, 0, 23, "early", 5);
    send_sealed(&l, SIDE_CLIENT, KEYLOG_CLIENT_EARLY, 1, 23, "early", 5);
    send_sealed(&l, SIDE_SERVER, SH, 0, 22, flight, sizeof flight);
    client_flight(&l);
    send_alert(&l, SIDE_SERVER, ST, 0, 2, 116);
    log_all(&l);
    expect_alert(end(&l), SIDE_SERVER, 116, STAGE_CLIENT_FINISHED);
    cr_expect_eq(hs_count(&l.hs, HS_APPLICATION_DATA, SIDE_CLIENT), 2);
    lab_close(&l);
}

Test(handshake13, early_data_and_its_end)
{
    static const uint8_t end_of_early[4] = {5, 0, 0, 0};
    struct lab l;
    lab_open(&l);
    send_hellos(&l, 0x0304, 0x1301);
    send_sealed(&l, SIDE_CLIENT, KEYLOG_CLIENT_EARLY, 0, 23, "early", 5);
    send_sealed(&l, SIDE_SERVER, SH, 0, 22, flight, sizeof flight);
    send_sealed(&l, SIDE_CLIENT, KEYLOG_CLIENT_EARLY, 1, 22, end_of_early, 4);
    client_flight(&l);
    send_alert(&l, SIDE_SERVER, ST, 0, 2, 116);
    log_secret(&l, KEYLOG_CLIENT_EARLY);
    log_all(&l);
    expect_alert(end(&l), SIDE_SERVER, 116, STAGE_CLIENT_FINISHED);
    cr_expect_eq(hs_count(&l.hs, HS_END_OF_EARLY_DATA, SIDE_CLIENT), 1);
    lab_close(&l);
}

/* ---- wrong and missing secrets ---- */

static void refusal(struct lab *l)
{
    lab_open(l);
    server_flight(l);
    client_flight(l);
    send_alert(l, SIDE_SERVER, ST, 0, 2, 116);
    close_by(l, SIDE_SERVER);
}

Test(wrong_keys, nothing_changes)
{
    struct lab without;
    struct lab with;
    refusal(&without);
    refusal(&with);
    for (int i = 0; i < 6; i++) {
        with.secret[i][31] ^= 1;
    }
    log_all(&with);
    const struct conclusion *c = end(&without);
    const struct conclusion *d = end(&with);
    expect_alert(c, SIDE_SERVER, ALERT_NONE, STAGE_CLIENT_FINISHED);
    cr_expect(memcmp(c, d, sizeof *c) == 0);
    cr_expect_eq(with.hs.events_n, without.hs.events_n);
    cr_expect_null(with.hs.wire_events);
    cr_expect_eq(with.stats.opened, 0);
    cr_expect_gt(with.stats.failed, 0);
    cr_expect_eq(without.stats.no_secrets, 1);
    lab_close(&without);
    lab_close(&with);
}

/* Whatever part of the secrets is known: the same end, more or less precise. */
Test(wrong_keys, every_subset_agrees)
{
    for (unsigned subset = 0; subset < 16; subset++) {
        struct lab l;
        refusal(&l);
        for (unsigned i = 0; i < 4; i++) {
            if (subset >> i & 1) {
                log_secret(&l, (enum keylog_label)(CH + i));
            } else if (subset % 3 == 0) {
                l.secret[CH + i][0] ^= 1; /* a wrong one instead */
                log_secret(&l, (enum keylog_label)(CH + i));
            }
        }
        const struct conclusion *c = end(&l);
        cr_expect_eq(c->outcome, OUTCOME_FAILURE, "subset %u", subset);
        cr_expect_eq(c->by, BY_SERVER, "subset %u", subset);
        cr_expect_eq(c->how, HOW_ALERT, "subset %u", subset);
        cr_expect_eq(c->frame_decisive, 6, "subset %u", subset);
        cr_expect(c->client_certificate_empty_likely, "subset %u", subset);
        bool readable = (subset & 2) && (subset & 8); /* the server's two */
        cr_expect_eq(c->alert_code, readable ? 116 : ALERT_NONE, "subset %u",
                     subset);
        lab_close(&l);
    }
}

Test(wrong_keys, a_damaged_record_does_not_hide_the_answer)
{
    struct lab l;
    uint8_t junk[69];
    memset(junk, 0x77, sizeof junk);
    lab_open(&l);
    server_flight(&l);
    send_record(&l, SIDE_CLIENT, 23, junk, sizeof junk);
    send_alert(&l, SIDE_SERVER, ST, 0, 2, 20);
    close_by(&l, SIDE_SERVER);
    log_all(&l);
    const struct conclusion *c = end(&l);
    cr_expect_eq(c->outcome, OUTCOME_FAILURE);
    cr_expect_eq(c->by, BY_SERVER);
    cr_expect_eq(c->alert_code, 20);
    lab_close(&l);
}

/* More messages than the timeline holds: it stays as the wire showed it. */
Test(wrong_keys, a_flood_of_messages)
{
    uint8_t many[4 * 3000];
    struct lab l;
    for (size_t i = 0; i < sizeof many; i += 4) {
        memcpy(many + i, "\x0e\0\0\0", 4);
    }
    lab_open(&l);
    send_hellos(&l, 0x0304, 0x1301);
    send_sealed(&l, SIDE_SERVER, SH, 0, 22, many, sizeof many);
    log_all(&l);
    (void)end(&l);
    cr_expect_eq(l.hs.events_n, 3);
    cr_expect_eq(l.hs.events_lost, 0);
    lab_close(&l);
}

/* The flight is larger than what is kept: nothing is opened behind it. */
Test(wrong_keys, more_records_than_are_kept)
{
    static uint8_t big[4 + 16000] = {11, 0, 62, 128};
    struct lab l;
    lab_open(&l);
    send_hellos(&l, 0x0304, 0x1301);
    for (unsigned i = 0; i < 6; i++) {
        send_sealed(&l, SIDE_SERVER, SH, i, 22, big, sizeof big);
    }
    client_flight(&l);
    log_all(&l);
    (void)end(&l);
    cr_expect_not(l.hs.arena.limited);
    cr_expect_gt(l.stats.opened, 0);
    cr_expect_gt(hs_count(&l.hs, HS_PROTECTED, SIDE_SERVER), 0);
    lab_close(&l);
}

/* ---- TLS 1.2 ---- */

Test(handshake12, late_refusal)
{
    const struct suite_case *c = &cases[0];
    static const uint8_t alert[2] = {2, 48};
    uint8_t master[48];
    uint8_t client[32];
    uint8_t server[32];
    uint8_t block[128];
    uint8_t body[64];
    struct lab l;
    memset(master, 0x99, 48);
    memset(client, 0xc1, 32);
    memset(server, 0x51, 32);
    key_block(c->prf, master, client, server, block, 2 * (c->key_n + c->iv_n));
    lab_open(&l);
    send_hellos(&l, 0x0303, c->cipher);
    const uint8_t ccs = 1;
    memset(body, 0x42, sizeof body);
    send_record(&l, SIDE_CLIENT, 20, &ccs, 1);
    send_record(&l, SIDE_CLIENT, 22, body, 40);
    send_record(&l, SIDE_SERVER, 20, &ccs, 1);
    send_record(&l, SIDE_SERVER, 22, body, 40);
    size_t n = seal12(c, cut(c, block, 0), 1, alert, body);
    send_record(&l, SIDE_CLIENT, 21, body, n);
    close_by(&l, SIDE_CLIENT);
    log_bytes(&l, "CLIENT_RANDOM", master, 48);
    expect_alert(end(&l), SIDE_CLIENT, 48, STAGE_SERVER_FINISHED);
    cr_expect_eq(l.stats.opened, 1);
    lab_close(&l);
}

/* ---- compressed certificates ---- */

static struct uncompressed open_compressed(unsigned algorithm, size_t claimed,
                                           const uint8_t *packed, size_t n)
{
    uint8_t *body = malloc(n + 8);
    body[0] = 0;
    body[1] = (uint8_t)algorithm;
    body[2] = (uint8_t)(claimed >> 16);
    body[3] = (uint8_t)(claimed >> 8);
    body[4] = (uint8_t)claimed;
    body[5] = (uint8_t)(n >> 16);
    body[6] = (uint8_t)(n >> 8);
    body[7] = (uint8_t)n;
    memcpy(body + 8, packed, n);
    struct uncompressed u = cert_uncompress(span_of(body, n + 8));
    free(body);
    return u;
}

static void expect_packed(unsigned algorithm, const uint8_t *packed, size_t n,
                          const uint8_t *plain, size_t plain_n)
{
    struct uncompressed u = open_compressed(algorithm, plain_n, packed, n);
    cr_assert_not_null(u.p, "algorithm %u", algorithm);
    cr_expect(span_eq(span_of(u.p, u.n), span_of(plain, plain_n)));
    free(u.p);
    cr_expect_null(open_compressed(algorithm, plain_n - 1, packed, n).p);
    cr_expect_null(open_compressed(algorithm, plain_n + 1, packed, n).p);
    cr_expect_null(open_compressed(algorithm, plain_n, packed, n - 1).p);
    cr_expect_null(open_compressed(algorithm, plain_n, packed, n / 2).p);
    cr_expect_null(open_compressed(9, plain_n, packed, n).p);
}

Test(compressed, all_algorithms)
{
    uint8_t plain[5000];
    uint8_t packed[8192];
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (uint8_t)(i * i >> 6);
    }
    (void)packed;
#ifdef HAVE_ZLIB
    uLongf z = sizeof packed;
    cr_assert_eq(compress(packed, &z, plain, sizeof plain), Z_OK);
    expect_packed(1, packed, z, plain, sizeof plain);
#endif
#ifdef HAVE_BROTLI
    /* Made with Brotli's own encoder, so that only its decoder is needed. */
    uint8_t small[64];
    for (size_t i = 0; i < sizeof small; i++) {
        small[i] = (uint8_t)(i / 4);
    }
    size_t b =
        unhex("1b3f00f8c58dc1bc2b328144440904224c28e3422a6dacf3fc0100", packed);
    expect_packed(2, packed, b, small, sizeof small);
#endif
#ifdef HAVE_ZSTD
    size_t s = ZSTD_compress(packed, sizeof packed, plain, sizeof plain, 3);
    cr_assert_not(ZSTD_isError(s));
    expect_packed(3, packed, s, plain, sizeof plain);
#endif
}

#ifdef HAVE_ZLIB
Test(compressed, a_bomb)
{
    size_t n = 16 << 20;
    uint8_t *zeros = calloc(1, n);
    uLongf packed_n = compressBound(n);
    uint8_t *packed = malloc(packed_n);
    cr_assert_eq(compress2(packed, &packed_n, zeros, n, 9), Z_OK);
    cr_expect_null(open_compressed(1, n - 1, packed, packed_n).p);
    cr_expect_null(open_compressed(1, 1000, packed, packed_n).p);
    cr_expect_null(open_compressed(1, UNCOMPRESSED_MAX, packed, packed_n).p);
    free(zeros);
    free(packed);
}

Test(compressed, in_a_handshake)
{
    const struct {
        size_t claimed;
        bool readable;
    } tries[] = {{12, true}, {13, false}};
    for (size_t i = 0; i < 2; i++) {
        struct lab l;
        uint8_t message[256] = {25};
        uint8_t packed[128];
        uLongf n = sizeof packed;
        /* The Certificate message's body within `flight`. */
        cr_assert_eq(compress(packed, &n, flight + 26, 12), Z_OK);
        message[3] = (uint8_t)(n + 8);
        message[5] = 1;
        message[8] = (uint8_t)tries[i].claimed;
        message[11] = (uint8_t)n;
        memcpy(message + 12, packed, n);
        lab_open(&l);
        send_hellos(&l, 0x0304, 0x1301);
        send_sealed(&l, SIDE_SERVER, SH, 0, 22, message, n + 12);
        send_alert(&l, SIDE_CLIENT, CH, 0, 2, 42);
        log_all(&l);
        expect_alert(end(&l), SIDE_CLIENT, 42, STAGE_SERVER_CERTIFICATE);
        cr_expect_eq(hs_count(&l.hs, HS_CERTIFICATE, SIDE_SERVER), 1);
        cr_expect_eq(l.hs.raw[HS_RAW_SERVER_CERTIFICATE].n,
                     tries[i].readable ? 12 : 0);
        cr_expect_eq(l.hs.raw_cut[HS_RAW_SERVER_CERTIFICATE],
                     !tries[i].readable);
        lab_close(&l);
    }
}
#endif
