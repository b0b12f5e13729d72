/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets for datagrams: the ChaCha20 sample packets of RFC 9001 and RFC 9369,
 * then packets and records of QUIC, DTLS 1.3 and DTLS 1.2 with connection IDs
 * that are sealed here, with keys derived here from HMAC alone, and read by the
 * second pass over a handshake.
 */
#include "dissectors/quic_crypto.h"
#include "dissectors/quic_frames.h"
#include "dissectors/tls_decrypt.h"
#include "dissectors/tls_keys.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static size_t unhex(const char *text, uint8_t *out)
{
    size_t n = 0;
    for (; text[0]; text += 2) {
        unsigned v = 0;
        cr_assert_eq(sscanf(text, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
    }
    return n;
}

/* ---- published packets ---- */

static void expect_chacha(uint32_t version, const char *key, const char *iv,
                          const char *hp, const char *packet)
{
    uint8_t secret[32];
    uint8_t want[32];
    uint8_t p[64];
    uint8_t room[QUIC_PACKET_MAX];
    struct quic_keys k;
    struct span out;
    int64_t pn = -1;
    unhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b",
          secret);
    cr_assert(quic_secret_keys(version, 0x1303, span_of(secret, 32), &k));
    cr_expect(memcmp(k.key, want, unhex(key, want)) == 0, "%s", key);
    cr_expect(memcmp(k.iv, want, unhex(iv, want)) == 0, "%s", iv);
    cr_expect(memcmp(k.hp, want, unhex(hp, want)) == 0, "%s", hp);
    size_t n = unhex(packet, p);
    cr_assert(
        quic_open(&k, span_of(p, n), 1, 654360563, false, room, &out, &pn));
    cr_expect_eq(pn, 654360564);
    cr_assert_eq(out.n, 1);
    cr_expect_eq(out.p[0], QUIC_FRAME_PING);
    cr_expect_not(quic_key_phase(&k, span_of(p, n), 1));
    p[n - 1] ^= 1;
    cr_expect_not(
        quic_open(&k, span_of(p, n), 1, 654360563, false, room, &out, &pn));
    quic_keys_erase(&k);
    cr_expect_eq(k.cipher, 0);
}

/* RFC 9001 appendix A.5, RFC 9369 appendix A.5. */
Test(quic_secrets, chacha20_samples)
{
    expect_chacha(
        QUIC_V1,
        "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8",
        "e0459b3474bdd0e44a41c144",
        "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
        "4cfe4189655e5cd55c41f69080575d7999c25a5bfb");
    expect_chacha(
        QUIC_V2,
        "3bfcddd72bcf02541d7fa0dd1f5f9eeea817e09a6963a0e6c7df0f9a1bab90f2",
        "a6b5bc6ab7dafce30ffff5dd",
        "d659760d2ba434a226fd37b35c69e2da8211d10c4f12538787d65645d5d1b8e2",
        "5558b1c60ae7b6b932bc27d786f4bc2bb20f2162ba");
}

Test(quic_secrets, what_does_not_fit)
{
    struct quic_keys k;
    uint8_t secret[48] = {0};
    cr_expect_not(quic_secret_keys(QUIC_V1, 0x1305, span_of(secret, 32), &k));
    cr_expect_not(quic_secret_keys(QUIC_V1, 0x1302, span_of(secret, 32), &k));
    cr_expect_not(quic_secret_keys(QUIC_V1, 0x1301, span_of(secret, 48), &k));
    cr_expect_not(quic_secret_keys(7, 0x1301, span_of(secret, 32), &k));
    cr_expect_eq(k.cipher, 0);
}

/* ---- frames ---- */

static void expect_frames(const char *text, bool cut, const uint64_t *types,
                          size_t n, bool to_the_end)
{
    uint8_t p[128];
    struct cursor c = cursor_open(span_of(p, unhex(text, p)));
    struct quic_frame f;
    for (size_t i = 0; i < n; i++) {
        cr_assert(quic_frame_next(&c, cut, &f), "%s: frame %zu", text, i);
        cr_expect_eq(f.type, types[i], "%s: frame %zu", text, i);
    }
    if (to_the_end) {
        cr_expect(cursor_done(&c), "%s", text);
    } else {
        cr_expect_not(quic_frame_next(&c, cut, &f), "%s", text);
    }
}

#define FRAMES(text, cut, end, ...)                                            \
    expect_frames(text, cut, (const uint64_t[]){__VA_ARGS__},                  \
                  sizeof((const uint64_t[]){__VA_ARGS__}) / 8, end)

/* RFC 9000 section 19, every type once. */
Test(quic_frames, all_types)
{
    FRAMES("0000000001", false, true, 0, 1);
    FRAMES("0205000100000301", false, true, 2, 1);
    FRAMES("030500000102030401", false, true, 3, 1);
    FRAMES("04010203"
           "050102"
           "0600020102"
           "0702aabb01",
           false, true, 4, 5, 6, 7, 1);
    FRAMES("0a0401aa"
           "0e040501aa"
           "080155555555",
           false, true, 8, 8, 8);
    FRAMES("1001"
           "110102"
           "1201"
           "1301"
           "1401"
           "150102"
           "1601"
           "1701"
           "01",
           false, true, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 1);
    FRAMES("1801000401020304000102030405060708090a0b0c0d0e0f"
           "1901"
           "01",
           false, true, 0x18, 0x19, 1);
    FRAMES("1a0102030405060708"
           "1b0102030405060708"
           "1e"
           "1f",
           false, true, 0x1a, 0x1b, 0x1e, 0x1f);
    FRAMES("1c4174060178"
           "1d410000"
           "40af01020304"
           "3101aa"
           "30aabb",
           false, true, 0x1c, 0x1d, 0xaf, 0x30, 0x30);
}

Test(quic_frames, what_does_not_parse)
{
    FRAMES("0121", false, false, 1);             /* no such type */
    FRAMES("010600050102", false, false, 1);     /* longer than the packet */
    FRAMES("010600050102", true, true, 1, 6);    /* which was cut */
    FRAMES("0118010005", false, false, 1);       /* an ID that is not there */
    FRAMES("0102050040ff0000", false, false, 1); /* ranges that are not there */
    FRAMES("01c0000000", false, false, 1);       /* half an integer */
}

Test(quic_frames, codes)
{
    uint8_t p[16];
    struct quic_frame f;
    struct cursor c = cursor_open(span_of(p, unhex("1c41740000", p)));
    cr_assert(quic_frame_next(&c, false, &f));
    cr_expect_eq(f.code, 0x174);
    c = cursor_open(span_of(p, unhex("1d410000", p)));
    cr_assert(quic_frame_next(&c, false, &f));
    cr_expect_eq(f.code, QUIC_APPLICATION_ERROR);
}

/* ---- sealing ---- */

struct sealer {
    uint16_t cipher;
    const char *aead, *digest;
    size_t key_n, secret_n;
    int tag_n;
};

static const struct sealer sealers[] = {
    {0x1301, "AES-128-GCM", "SHA256", 16, 32, 16},
    {0x1302, "AES-256-GCM", "SHA384", 32, 48, 16},
    {0x1303, "ChaCha20-Poly1305", "SHA256", 32, 32, 16},
    {0x1304, "AES-128-CCM", "SHA256", 16, 32, 16},
    {0x1305, "AES-128-CCM", "SHA256", 16, 32, 8}, /* not in QUIC */
};

#define SEALERS 5u

/* RFC 8446 section 7.1; one block of HKDF-Expand is enough for keys. */
static void expand(const struct sealer *s, const char *prefix,
                   const uint8_t *secret, const char *label, uint8_t *out,
                   size_t n)
{
    uint8_t info[64] = {0, (uint8_t)n, (uint8_t)(6 + strlen(label))};
    uint8_t block[64];
    size_t at = 3;
    size_t got = 0;
    memcpy(info + at, prefix, 6);
    memcpy(info + at + 6, label, strlen(label));
    at += 6 + strlen(label);
    info[at++] = 0;
    info[at++] = 1;
    cr_assert_not_null(EVP_Q_mac(NULL, "HMAC", NULL, s->digest, NULL, secret,
                                 s->secret_n, info, at, block, sizeof block,
                                 &got));
    memcpy(out, block, n);
}

static size_t seal(const struct sealer *s, const uint8_t *key,
                   const uint8_t iv[12], uint64_t number, const uint8_t *aad,
                   size_t aad_n, const uint8_t *plain, size_t n, uint8_t *out)
{
    EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, s->aead, NULL);
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    bool ccm = strstr(s->aead, "CCM") != NULL;
    uint8_t nonce[12];
    int got = 0;
    memcpy(nonce, iv, 12);
    for (int i = 0; i < 8; i++) {
        nonce[11 - i] ^= (uint8_t)(number >> (8 * i));
    }
    cr_assert(EVP_EncryptInit_ex2(x, c, NULL, NULL, NULL));
    cr_assert(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL));
    if (ccm) {
        cr_assert(
            EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, s->tag_n, NULL));
    }
    cr_assert(EVP_EncryptInit_ex2(x, NULL, key, nonce, NULL));
    if (ccm) {
        cr_assert(EVP_EncryptUpdate(x, NULL, &got, NULL, (int)n));
    }
    cr_assert(EVP_EncryptUpdate(x, NULL, &got, aad, (int)aad_n));
    cr_assert(EVP_EncryptUpdate(x, out, &got, plain, (int)n));
    cr_assert(EVP_EncryptFinal_ex(x, out + n, &got));
    cr_assert(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, s->tag_n, out + n));
    EVP_CIPHER_CTX_free(x);
    EVP_CIPHER_free(c);
    return n + (size_t)s->tag_n;
}

/* RFC 9001 section 5.4.3, 5.4.4; RFC 9147 section 4.2.3. */
static void mask_of(const struct sealer *s, const uint8_t *key,
                    const uint8_t *sample, uint8_t mask[5])
{
    static const uint8_t zeros[5] = {0};
    uint8_t block[32];
    int n = 0;
    bool chacha = s->cipher == 0x1303;
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *c = chacha           ? EVP_chacha20()
                          : s->key_n == 32 ? EVP_aes_256_ecb()
                                           : EVP_aes_128_ecb();
    cr_assert(EVP_EncryptInit_ex(x, c, NULL, key, chacha ? sample : NULL));
    cr_assert(EVP_EncryptUpdate(x, block, &n, chacha ? zeros : sample,
                                chacha ? 5 : 16));
    memcpy(mask, block, 5);
    EVP_CIPHER_CTX_free(x);
}

/* ---- a handshake whose packets are sealed here ---- */

struct talk {
    struct handshake hs;
    const struct sealer *s;
    uint8_t secret[2][2][48]; /* by side; handshake, traffic */
    uint32_t next[2][2];      /* packet numbers */
    uint64_t frame;
    struct keylog *keys;
    struct tls_decrypt_stats stats;
};

static const uint8_t client_random[32] = {1, 2, 3};

static void begin(struct talk *t, const struct sealer *s,
                  enum tls_flavour flavour)
{
    uint8_t hello[34] = {3, 3};
    *t = (struct talk){.s = s};
    hs_init(&t->hs, 256 * 1024);
    t->hs.flavour = flavour;
    t->hs.transport = TRANSPORT_UDP;
    t->hs.keep_records = true;
    t->hs.version = flavour == FLAVOUR_QUIC ? 0x0304 : 0xfefc;
    t->hs.cipher = s->cipher;
    t->hs.end = HS_END_SETTLED;
    memcpy(hello + 2, client_random, 32);
    hs_keep(&t->hs, HS_RAW_CLIENT_HELLO, span_of(hello, 34), 64);
    for (int i = 0; i < 2; i++) {
        t->hs.dir[i].packets = 4;
        for (int j = 0; j < 2; j++) {
            memset(t->secret[i][j], 16 + 2 * i + j, 48);
        }
    }
    hs_note(&t->hs, HS_CLIENT_HELLO, SIDE_CLIENT, 200, 0, 1, 1);
    hs_note(&t->hs, HS_SERVER_HELLO, SIDE_SERVER, 90, 0, 2, 2);
    t->frame = 2;
    t->keys = keylog_new(0);
}

static void add_secret(struct talk *t, int side, int level)
{
    static const char *const labels[2][2] = {
        {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"},
        {"SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"}};
    char line[256];
    int n = snprintf(line, sizeof line, "%s ", labels[side][level]);
    for (int i = 0; i < 32; i++) {
        n += snprintf(line + n, 4, "%02x", client_random[i]);
    }
    line[n++] = ' ';
    for (size_t i = 0; i < t->s->secret_n; i++) {
        n += snprintf(line + n, 4, "%02x", t->secret[side][level][i]);
    }
    line[n++] = '\n';
    keylog_add(t->keys, span_of(line, (size_t)n));
}

static void add_all(struct talk *t)
{
    for (int i = 0; i < 4; i++) {
        add_secret(t, i & 1, i >> 1);
    }
}

static void conclude(struct talk *t)
{
    tls_decrypt_handshake(&t->hs, t->keys, &t->stats);
    hs_conclude(&t->hs);
}

static void end(struct talk *t)
{
    keylog_free(t->keys);
    hs_free(&t->hs);
}

static void keep(struct talk *t, struct hs_record *r, const uint8_t *p,
                 uint32_t len)
{
    uint8_t *body = NULL;
    t->frame++;
    r->when = (tick_t)t->frame * TICK_MSEC;
    r->frame = t->frame;
    r->len = len;
    r->whole = true;
    uint16_t number = hs_keep_record(&t->hs, r, &body);
    cr_assert(number);
    memcpy(body, p, r->body.n);
    hs_note(&t->hs, HS_PROTECTED, (enum side)r->side, len,
            hs_level_aux((enum hs_level)r->type, number), r->when, r->frame);
}

static enum hs_level level_of(int level)
{
    return level ? HS_LEVEL_APPLICATION : HS_LEVEL_HANDSHAKE;
}

/* RFC 9001 section 5. A packet number of two bytes. */
static void say_quic(struct talk *t, int side, int level, uint32_t version,
                     const char *frames)
{
    static const uint8_t cid[4] = {0xc1, 0xc2, 0xc3, 0xc4};
    uint8_t key[32], iv[12], hp[32], mask[5], plain[512] = {0}, p[600];
    bool v2 = version == QUIC_V2;
    const uint8_t *secret = t->secret[side][level];
    expand(t->s, "tls13 ", secret, v2 ? "quicv2 key" : "quic key", key,
           t->s->key_n);
    expand(t->s, "tls13 ", secret, v2 ? "quicv2 iv" : "quic iv", iv, 12);
    expand(t->s, "tls13 ", secret, v2 ? "quicv2 hp" : "quic hp", hp,
           t->s->key_n);
    size_t n = unhex(frames, plain);
    n = n < 20 ? 20 : n; /* padding */
    size_t at = 0;
    p[at++] = level ? 0x41 : 0xe1;
    memcpy(p + at, cid, 4); /* as good as any long header */
    at += 4;
    size_t pn_at = at;
    uint32_t pn = t->next[side][level]++;
    p[at++] = (uint8_t)(pn >> 8);
    p[at++] = (uint8_t)pn;
    size_t total = at + seal(t->s, key, iv, pn, p, at, plain, n, p + at);
    mask_of(t->s, hp, p + pn_at + 4, mask);
    p[0] ^= mask[0] & (level ? 0x1f : 0x0f);
    p[pn_at] ^= mask[1];
    p[pn_at + 1] ^= mask[2];
    struct hs_record r = {.body = {NULL, total},
                          .version = version,
                          .header = (uint16_t)pn_at,
                          .type = (uint8_t)level_of(level),
                          .side = (uint8_t)side};
    keep(t, &r, p, (uint32_t)total);
}

/* A CRYPTO frame at an offset with a message of n zeros. */
static const char *message(char room[600], unsigned offset, unsigned type,
                           unsigned n)
{
    int at = snprintf(room, 600, "06%04x%04x%02x%06x", 0x4000 | offset,
                      0x4000 | (n + 4), type, n);
    for (unsigned i = 0; i < n; i++) {
        at += snprintf(room + at, 4, "00");
    }
    return room;
}

/* EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify and
 * Finished; the client's Certificate (empty) and Finished. */
static void say_flights(struct talk *t, uint32_t version, bool certificate)
{
    char m[600];
    say_quic(t, 1, 0, version, message(m, 10, 13, 20)); /* out of order */
    say_quic(t, 1, 0, version, "060006080000020000");
    say_quic(t, 1, 0, version, message(m, 6, 8, 0));
    say_quic(t, 1, 0, version, message(m, 34, 11, 150));
    say_quic(t, 1, 0, version, message(m, 188, 15, 60));
    say_quic(t, 1, 0, version, message(m, 252, 20, 32));
    if (certificate) {
        say_quic(t, 0, 0, version, "0600080b00000400000000");
    }
    say_quic(t, 0, 0, version, message(m, certificate ? 8 : 0, 20, 32));
}

Test(quic_handshake, every_suite_and_both_versions)
{
    for (unsigned i = 0; i < 8; i++) {
        struct talk t;
        uint32_t version = i & 1 ? QUIC_V2 : QUIC_V1;
        begin(&t, &sealers[i >> 1], FLAVOUR_QUIC);
        add_all(&t);
        say_flights(&t, version, false);
        say_quic(&t, 0, 1, version, "0a0001aa");
        say_quic(&t, 1, 1, version, "1e0a0001aa");
        conclude(&t);
        const struct conclusion *c = &t.hs.end_state;
        cr_expect_eq(t.stats.failed, 0, "case %u", i);
        cr_expect_eq(t.stats.opened, 9, "case %u", i);
        cr_expect_eq(c->outcome, OUTCOME_SUCCESS, "case %u", i);
        cr_expect_not_null(
            hs_find(&t.hs, HS_ENCRYPTED_EXTENSIONS, SIDE_SERVER));
        cr_expect_not_null(hs_find(&t.hs, HS_CERTIFICATE, SIDE_SERVER));
        cr_expect_not_null(hs_find(&t.hs, HS_CERTIFICATE_REQUEST, SIDE_SERVER));
        cr_expect_not_null(hs_find(&t.hs, HS_FINISHED, SIDE_SERVER));
        cr_expect_not_null(hs_find(&t.hs, HS_FINISHED, SIDE_CLIENT));
        cr_expect_not_null(hs_find(&t.hs, HS_HANDSHAKE_DONE, SIDE_SERVER));
        cr_expect_eq(hs_count(&t.hs, HS_APPLICATION_DATA, SIDE_NONE), 2);
        end(&t);
    }
}

/* The client refuses the server's certificate (RFC 9001 section 4.8). */
Test(quic_handshake, client_refuses)
{
    struct talk t;
    char m[600];
    begin(&t, &sealers[0], FLAVOUR_QUIC);
    add_all(&t);
    say_quic(&t, 1, 0, QUIC_V1, "060006080000020000");
    say_quic(&t, 1, 0, QUIC_V1, message(m, 6, 11, 150));
    say_quic(&t, 0, 0, QUIC_V1, "02000000001c412d0600");
    conclude(&t);
    const struct conclusion *c = &t.hs.end_state;
    cr_expect_eq(c->outcome, OUTCOME_FAILURE);
    cr_expect_eq(c->by, BY_CLIENT);
    cr_expect_eq(c->how, HOW_QUIC_CLOSE);
    cr_expect(c->has_alert);
    cr_expect(c->alert_encrypted);
    cr_expect_eq(c->alert_code, 45);
    cr_expect_eq(c->stage, STAGE_SERVER_CERTIFICATE);
    cr_expect_not(c->blind & BLIND_NO_KEYS);
    end(&t);
}

static void server_says(bool certificate, const char *frames, int level,
                        struct talk *t)
{
    begin(t, &sealers[1], FLAVOUR_QUIC);
    add_all(t);
    say_flights(t, QUIC_V1, certificate);
    say_quic(t, 0, 1, QUIC_V1, "0a0001aa");
    say_quic(t, 1, level, QUIC_V1, frames);
    conclude(t);
}

Test(quic_handshake, server_refuses_the_clients_certificate)
{
    for (int level = 0; level < 2; level++) {
        struct talk t;
        server_says(true, "1c41740600", level, &t);
        const struct conclusion *c = &t.hs.end_state;
        cr_expect_eq(c->outcome, OUTCOME_FAILURE);
        cr_expect_eq(c->by, BY_SERVER);
        cr_expect_eq(c->alert_code, 116);
        cr_expect(c->alert_encrypted);
        cr_expect(c->rejected_after_finished);
        cr_expect(c->client_certificate_empty_likely);
        cr_expect_eq(c->stage, STAGE_CLIENT_FINISHED);
        end(&t);
    }
}

/* What comes after the confirmation, or is the application's wish, takes
 * nothing back; nor does an HTTP/3 code that looks like an alert. */
Test(quic_handshake, orderly_ends)
{
    static const char *const ends[] = {"1d410000", "1c000000", "1c0c0000",
                                       "1e1c41740600", "1d417400"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct talk t;
        server_says(false, ends[i], 1, &t);
        cr_expect_eq(t.hs.end_state.outcome, OUTCOME_SUCCESS, "%s", ends[i]);
        cr_expect(t.hs.end_state.established);
        cr_expect_not(t.hs.end_state.has_alert);
        end(&t);
    }
}

/* Before it confirms, any other error is a refusal. */
Test(quic_handshake, refusal_without_an_alert)
{
    struct talk t;
    server_says(false, "1c020000", 1, &t);
    cr_expect_eq(t.hs.end_state.outcome, OUTCOME_FAILURE);
    cr_expect_eq(t.hs.end_state.by, BY_SERVER);
    cr_expect_eq(t.hs.end_state.how, HOW_QUIC_CLOSE);
    cr_expect_not(t.hs.end_state.has_alert);
    end(&t);
}

/* Whatever part of the secrets is there, and however wrong the rest: nothing
 * that is told contradicts what is told without. */
Test(quic_handshake, every_subset_of_secrets_agrees)
{
    for (unsigned have = 0; have < 256; have++) {
        struct talk t;
        begin(&t, &sealers[have % 4], FLAVOUR_QUIC);
        for (unsigned i = 0; i < 4; i++) {
            bool wrong = have >> (4 + i) & 1;
            t.secret[i & 1][i >> 1][5] ^= wrong;
            if (have >> i & 1) {
                add_secret(&t, i & 1, (int)(i >> 1));
            }
            t.secret[i & 1][i >> 1][5] ^= wrong;
        }
        say_flights(&t, QUIC_V1, true);
        say_quic(&t, 0, 1, QUIC_V1, "0a0001aa");
        say_quic(&t, 1, 0, QUIC_V1, "1c41740600");
        say_quic(&t, 0, 1, QUIC_V1, "01");
        say_quic(&t, 1, 0, QUIC_V1, "1c41740600");
        conclude(&t);
        const struct conclusion *c = &t.hs.end_state;
        cr_expect_eq(c->outcome, OUTCOME_FAILURE, "%x", have);
        cr_expect_eq(c->by, BY_SERVER, "%x", have);
        cr_expect_eq(c->how, HOW_QUIC_CLOSE, "%x", have);
        cr_expect(c->alert_code == 116 || c->alert_code == ALERT_NONE);
        cr_expect_eq(t.stats.opened > 0, (have & ~(have >> 4) & 7) != 0, "%x",
                     have);
        end(&t);
    }
}

/* RFC 9001 section 6: the next generation is counted, not opened. */
Test(quic_handshake, updated_keys_are_counted)
{
    struct talk t;
    begin(&t, &sealers[0], FLAVOUR_QUIC);
    add_all(&t);
    say_flights(&t, QUIC_V1, false);
    say_quic(&t, 1, 1, QUIC_V1, "1e");
    struct hs_record *r = NULL;
    say_quic(&t, 1, 1, QUIC_V1, "01");
    r = &t.hs.records[t.hs.records_n - 1];
    ((uint8_t *)(uintptr_t)r->body.p)[0] ^= 0x04; /* under the mask */
    conclude(&t);
    cr_expect_eq(t.stats.updated, 1);
    cr_expect_eq(t.stats.failed, 0);
    cr_expect_eq(t.hs.end_state.outcome, OUTCOME_SUCCESS);
    end(&t);
}

/* ---- DTLS 1.3 ---- */

struct dtls_form {
    unsigned first; /* 001CSL00 */
    unsigned cid;   /* bytes of connection ID */
};

/* RFC 9147 section 4: `inner` ends with the content type. */
static void say_dtls(struct talk *t, int side, int level, struct dtls_form f,
                     const char *inner)
{
    uint8_t key[32], iv[12], sn[32], mask[5], plain[512] = {0}, p[600];
    const uint8_t *secret = t->secret[side][level];
    expand(t->s, "dtls13", secret, "key", key, t->s->key_n);
    expand(t->s, "dtls13", secret, "iv", iv, 12);
    expand(t->s, "dtls13", secret, "sn", sn, t->s->key_n);
    size_t n = unhex(inner, plain);
    n = n < 12 ? 12 : n; /* zeros behind the type; the mask needs 16 bytes */
    uint32_t number = t->next[side][level]++;
    size_t at = 0;
    p[at++] = (uint8_t)(f.first | (level ? 3 : 2));
    memset(p + at, 0xcc, f.cid);
    at += f.cid;
    size_t number_at = at;
    if (f.first & 8) {
        p[at++] = (uint8_t)(number >> 8);
    }
    p[at++] = (uint8_t)number;
    if (f.first & 4) {
        p[at++] = (uint8_t)((n + (size_t)t->s->tag_n) >> 8);
        p[at++] = (uint8_t)(n + (size_t)t->s->tag_n);
    }
    size_t total = at + seal(t->s, key, iv, number, p, at, plain, n, p + at);
    mask_of(t->s, sn, p + at, mask);
    p[number_at] ^= mask[0];
    if (f.first & 8) {
        p[number_at + 1] ^= mask[1];
    }
    struct hs_record r = {.body = {NULL, total},
                          .version = 0xfefc,
                          .header = (uint16_t)number_at,
                          .type = (uint8_t)level_of(level),
                          .side = (uint8_t)side};
    keep(t, &r, p, (uint32_t)(total - at));
}

/* A whole handshake message of n zeros in one fragment (section 5.2). */
static const char *fragment(char room[600], unsigned type, unsigned seq,
                            unsigned n)
{
    int at = snprintf(room, 600, "%02x%06x%04x%06x%06x", type, n, seq, 0, n);
    for (unsigned i = 0; i < n; i++) {
        at += snprintf(room + at, 4, "00");
    }
    snprintf(room + at, 4, "16");
    return room;
}

static const struct dtls_form forms[] = {{0x2c, 0}, {0x24, 0}, {0x28, 0},
                                         {0x20, 0}, {0x3c, 8}, {0x30, 1}};

static void say_dtls_flight(struct talk *t, struct dtls_form f)
{
    char m[600];
    say_dtls(t, 1, 0, f, fragment(m, 8, 1, 2));
    say_dtls(t, 1, 0, f, fragment(m, 13, 2, 20));
    /* A Certificate in two fragments, the second one first. */
    say_dtls(t, 1, 0, f, "0b00000800030000040000040000000016");
    say_dtls(t, 1, 0, f, "0b00000800030000000000040000000416");
    say_dtls(t, 1, 0, f, fragment(m, 15, 4, 60));
    say_dtls(t, 1, 0, f, fragment(m, 20, 5, 32));
}

Test(dtls13, every_suite_and_every_header)
{
    for (unsigned i = 0; i < SEALERS * 6; i++) {
        struct talk t;
        char m[600];
        struct dtls_form f = forms[i % 6];
        begin(&t, &sealers[i / 6], FLAVOUR_DTLS);
        add_all(&t);
        say_dtls_flight(&t, f);
        say_dtls(&t, 0, 0, f, fragment(m, 11, 1, 4));
        say_dtls(&t, 0, 0, f, fragment(m, 20, 2, 32));
        say_dtls(&t, 1, 1, f, "0010aabb1a"); /* ACK */
        say_dtls(&t, 0, 1, f, "aabb17");
        conclude(&t);
        cr_expect_eq(t.stats.failed, 0, "case %u", i);
        cr_expect_eq(t.stats.opened, 10, "case %u", i);
        const struct hs_event *e = hs_find(&t.hs, HS_CERTIFICATE, SIDE_SERVER);
        cr_assert_not_null(e, "case %u", i);
        cr_expect_eq(e->len, 12 + 8);
        cr_expect_not_null(hs_find(&t.hs, HS_CERTIFICATE_REQUEST, SIDE_SERVER));
        cr_expect_not_null(hs_find(&t.hs, HS_ACK, SIDE_SERVER));
        cr_expect_not_null(hs_find(&t.hs, HS_APPLICATION_DATA, SIDE_CLIENT));
        cr_expect_eq(t.hs.end_state.outcome, OUTCOME_SUCCESS, "case %u", i);
        cr_expect(t.hs.end_state.client_certificate_empty_likely);
        end(&t);
    }
}

Test(dtls13, client_refuses)
{
    struct talk t;
    begin(&t, &sealers[0], FLAVOUR_DTLS);
    add_all(&t);
    say_dtls_flight(&t, forms[0]);
    say_dtls(&t, 0, 0, forms[0], "022d15");
    conclude(&t);
    const struct conclusion *c = &t.hs.end_state;
    cr_expect_eq(c->outcome, OUTCOME_FAILURE);
    cr_expect_eq(c->by, BY_CLIENT);
    cr_expect_eq(c->how, HOW_ALERT);
    cr_expect_eq(c->alert_code, 45);
    cr_expect(c->alert_encrypted);
    cr_expect_eq(c->stage, STAGE_SERVER_DONE);
    end(&t);
}

Test(dtls13, server_refuses_the_clients_certificate)
{
    for (unsigned level = 0; level < 2; level++) {
        struct talk t;
        char m[600];
        begin(&t, &sealers[2], FLAVOUR_DTLS);
        add_all(&t);
        say_dtls_flight(&t, forms[0]);
        say_dtls(&t, 0, 0, forms[0], fragment(m, 11, 1, 4));
        say_dtls(&t, 0, 0, forms[0], fragment(m, 20, 2, 32));
        say_dtls(&t, 1, (int)level, forms[0], "027415");
        conclude(&t);
        const struct conclusion *c = &t.hs.end_state;
        cr_expect_eq(c->outcome, OUTCOME_FAILURE);
        cr_expect_eq(c->by, BY_SERVER);
        cr_expect_eq(c->alert_code, 116);
        cr_expect(c->rejected_after_finished);
        end(&t);
    }
}

/* Damage of any kind: records stay closed, and nothing else happens. */
Test(dtls13, damaged_records_stay_closed)
{
    for (unsigned i = 0; i < 32; i++) {
        struct talk t;
        begin(&t, &sealers[i % SEALERS], FLAVOUR_DTLS);
        add_all(&t);
        say_dtls(&t, 1, 0, forms[i % 6], "022815");
        struct hs_record *r = &t.hs.records[0];
        if (i & 1) {
            r->body.n = i;
        } else {
            ((uint8_t *)(uintptr_t)r->body.p)[r->body.n - 1 - i / 2] ^= 0x80;
        }
        conclude(&t);
        cr_expect_eq(t.stats.opened, 0, "case %u", i);
        cr_expect_null(hs_find(&t.hs, HS_ALERT, SIDE_NONE));
        cr_expect_null(t.hs.wire_events);
        end(&t);
    }
}

/* ---- DTLS 1.2 with connection IDs (RFC 9146) ---- */

Test(dtls12, an_alert_behind_a_connection_id)
{
    struct talk t;
    uint8_t master[48];
    uint8_t hello[2 + 32 + 4] = {0xfe, 0xfd, 9, 9, 9};
    uint8_t p[64];
    uint8_t plain[3] = {2, 42, 21};
    struct record_keys k[2];
    const struct record_suite suite = {.version = 0xfefd, .cipher = 0xc02f};
    begin(&t, &sealers[0], FLAVOUR_DTLS);
    memset(master, 7, sizeof master);
    t.hs.version = suite.version;
    t.hs.cipher = suite.cipher;
    hello[35] = 0xc0;
    hello[36] = 0x2f;
    hs_keep(&t.hs, HS_RAW_SERVER_HELLO, span_of(hello, sizeof hello), 64);
    cr_assert(record_keys_from_master(k, suite, span_of(master, 48),
                                      span_of(client_random, 32),
                                      span_of(hello + 2, 32)));
    /* Section 5.3: placeholder, type, length of the ID, type, version, epoch
     * and number, ID, length of the inner plaintext. */
    uint8_t aad[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 25,
                     2,    25,   0xfe, 0xfd, 0,    1,    0,    0,    0,
                     0,    0,    5,    0xab, 0xcd, 0,    3};
    uint8_t nonce[12] = {0};
    memcpy(nonce, k[1].iv, 4);
    memset(nonce + 4, 0x11, 8);
    memcpy(p, "\xab\xcd\x00\x1b", 4);
    memset(p + 4, 0x11, 8);
    size_t n = 12 + seal(&sealers[0], k[1].key, nonce, 0, aad, sizeof aad,
                         plain, 3, p + 12);
    struct hs_record r = {.body = {NULL, n},
                          .number = (uint64_t)1 << 48 | 5,
                          .version = 0xfefd,
                          .header = 2,
                          .type = 25,
                          .epoch = 1,
                          .side = SIDE_SERVER,
                          .whole = true};
    uint8_t *body = NULL;
    uint16_t number = hs_keep_record(&t.hs, &r, &body);
    memcpy(body, p, n);
    hs_note(&t.hs, HS_APPLICATION_DATA, SIDE_SERVER, 27, number, 3, 3);
    char line[256] = "CLIENT_RANDOM ";
    for (int i = 0; i < 32; i++) {
        snprintf(line + strlen(line), 4, "%02x", client_random[i]);
    }
    snprintf(line + strlen(line), 4, " ");
    for (int i = 0; i < 48; i++) {
        snprintf(line + strlen(line), 4, "07");
    }
    keylog_add(t.keys, span_text(line));
    tls_decrypt_handshake(&t.hs, t.keys, &t.stats);
    const struct hs_event *e = hs_find(&t.hs, HS_ALERT, SIDE_SERVER);
    cr_assert_not_null(e);
    cr_expect_eq(e->aux, 2 << 8 | 42);
    cr_expect(hs_alert_was_encrypted(e));
    end(&t);
}
