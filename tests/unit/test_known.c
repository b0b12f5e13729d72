/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registries, our own tables and the plaintext recognisers of src/known.
 * Expected values are from the RFCs and protocol descriptions named beside
 * them.
 */
#include <criterion/criterion.h>

#include "known/known.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* "" stands for NULL. */
static void expect_name(const char *got, const char *want, unsigned code)
{
    if (!*want) {
        cr_expect_null(got, "0x%04x is %s", code, got);
        return;
    }
    cr_expect_not_null(got, "0x%04x is unknown, not %s", code, want);
    if (got) {
        cr_expect_str_eq(got, want, "0x%04x is %s, not %s", code, got, want);
    }
}

struct code_name {
    uint16_t code;
    const char *name;
};

/* ---- alerts ---- */

Test(known, alert_names)
{
    /* RFC 8446 B.2, RFC 5246 A.3, RFC 7301, RFC 7507, RFC 9147 */
    static const struct code_name want[] = {
        {0, "close_notify"},
        {1, ""},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {21, "decryption_failed"},
        {22, "record_overflow"},
        {30, "decompression_failure"},
        {40, "handshake_failure"},
        {41, "no_certificate"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {52, "too_many_cids_requested"},
        {53, ""},
        {60, "export_restriction"},
        {70, "protocol_version"},
        {71, "insufficient_security"},
        {80, "internal_error"},
        {86, "inappropriate_fallback"},
        {90, "user_canceled"},
        {99, ""},
        {100, "no_renegotiation"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {111, "certificate_unobtainable"},
        {112, "unrecognized_name"},
        {113, "bad_certificate_status_response"},
        {114, "bad_certificate_hash_value"},
        {115, "unknown_psk_identity"},
        {116, "certificate_required"},
        {117, "general_error"},
        {120, "no_application_protocol"},
        {121, "ech_required"},
        {255, ""},
        {256, ""},
        {0xffff, ""},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        expect_name(known_alert_name(want[i].code), want[i].name, want[i].code);
    }
}

Test(known, alert_meanings)
{
    unsigned n = 0;
    for (unsigned code = 0; code <= 0xffff; code++) {
        const char *name = known_alert_name((uint16_t)code);
        const char *meaning = known_alert_meaning((uint16_t)code);
        cr_assert_eq(name == NULL, meaning == NULL, "alert %u", code);
        if (meaning) {
            size_t len = strlen(meaning);
            cr_expect(len > 20 && meaning[len - 1] == '.', "alert %u", code);
            n++;
        }
    }
    cr_assert_eq(n, 37, "%u alerts", n);
}

Test(known, alert_levels)
{
    cr_expect_not(known_alert_is_fatal(0, 1));
    cr_expect_not(known_alert_is_fatal(0, 2));
    cr_expect_not(known_alert_is_fatal(41, 1));
    cr_expect_not(known_alert_is_fatal(90, 1));
    cr_expect_not(known_alert_is_fatal(100, 1));
    /* RFC 8446 section 6: the level of error alerts is ignored */
    cr_expect(known_alert_is_fatal(40, 1));
    cr_expect(known_alert_is_fatal(40, 2));
    cr_expect(known_alert_is_fatal(116, 1));
    cr_expect(known_alert_is_fatal(70, 0));
    /* RFC 6066 section 3: continues after a warning */
    cr_expect_not(known_alert_is_fatal(112, 1));
    cr_expect(known_alert_is_fatal(112, 2));
    /* unassigned: an error */
    cr_expect(known_alert_is_fatal(99, 1));
    cr_expect(known_alert_is_fatal(0xffff, 1));
}

/* ---- suites ---- */

Test(known, suite_names)
{
    static const struct {
        uint16_t code;
        const char *name, *openssl;
    } want[] = {
        {0x0000, "TLS_NULL_WITH_NULL_NULL", ""},
        {0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5", "EXP-RC4-MD5"},
        {0x0005, "TLS_RSA_WITH_RC4_128_SHA", "RC4-SHA"},
        {0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA"},
        {0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA", "ADH-DES-CBC3-SHA"},
        {0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
        {0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "DHE-RSA-AES128-SHA"},
        {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"},
        {0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", "CAMELLIA128-SHA"},
        {0x0047, "", ""},
        {0x0081, "TLS_GOSTR341001_WITH_28147_CNT_IMIT",
         "GOST2001-GOST89-GOST89"},
        {0x0096, "TLS_RSA_WITH_SEED_CBC_SHA", "SEED-SHA"},
        {0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
        {0x00c6, "TLS_SM4_GCM_SM3", ""},
        {0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", ""},
        {0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
        {0x1305, "TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_CCM_8_SHA256"},
        {0x1308, "", ""},
        {0x5600, "TLS_FALLBACK_SCSV", ""},
        {0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
         "ECDHE-ECDSA-AES128-SHA"},
        {0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "AECDH-AES128-SHA"},
        {0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
         "ECDHE-RSA-AES128-GCM-SHA256"},
        {0xc05d, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384",
         "ECDHE-ECDSA-ARIA256-GCM-SHA384"},
        {0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
         "ECDHE-ECDSA-AES128-CCM8"},
        {0xc100, "TLS_GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC",
         "GOST2012-KUZNYECHIK-KUZNYECHIKOMAC"},
        {0xcc13, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256_OLD", ""},
        {0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
         "ECDHE-RSA-CHACHA20-POLY1305"},
        {0xd001, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", ""},
        {0xe013, "ECC_SM4_CBC_SM3", ""},
        {0xfeff, "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA", ""},
        {0x0a0a, "", ""},
        {0xffff, "", ""},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct known_suite *s = known_suite(want[i].code);
        expect_name(s ? s->name : NULL, want[i].name, want[i].code);
        expect_name(s ? s->openssl : NULL, want[i].openssl, want[i].code);
    }
}

Test(known, suite_attributes)
{
    static const struct known_suite want[] = {
        /* code, -, -, kx, auth, mode, key, block, mac, hash, tls13, weak,
         * rare */
        {0x0001, 0, 0, KX_RSA, AUTH_RSA, MODE_NULL, 0, 0, 16, 32, 0, 1, 0},
        {0x0003, 0, 0, KX_RSA, AUTH_RSA, MODE_STREAM, 40, 0, 16, 32, 0, 1, 0},
        {0x0005, 0, 0, KX_RSA, AUTH_RSA, MODE_STREAM, 128, 0, 20, 32, 0, 1, 0},
        {0x0006, 0, 0, KX_RSA, AUTH_RSA, MODE_CBC, 40, 8, 16, 32, 0, 1, 0},
        {0x0007, 0, 0, KX_RSA, AUTH_RSA, MODE_CBC, 128, 8, 20, 32, 0, 0, 1},
        {0x0009, 0, 0, KX_RSA, AUTH_RSA, MODE_CBC, 56, 8, 20, 32, 0, 1, 0},
        {0x000a, 0, 0, KX_RSA, AUTH_RSA, MODE_CBC, 168, 8, 20, 32, 0, 1, 0},
        {0x0014, 0, 0, KX_DHE, AUTH_RSA, MODE_CBC, 40, 8, 20, 32, 0, 1, 0},
        {0x0018, 0, 0, KX_DHE, AUTH_ANON, MODE_STREAM, 128, 0, 16, 32, 0, 1, 0},
        {0x001e, 0, 0, KX_OTHER, AUTH_OTHER, MODE_CBC, 56, 8, 20, 32, 0, 1, 0},
        {0x0030, 0, 0, KX_DH, AUTH_DSS, MODE_CBC, 128, 16, 20, 32, 0, 0, 0},
        {0x0034, 0, 0, KX_DHE, AUTH_ANON, MODE_CBC, 128, 16, 20, 32, 0, 1, 0},
        {0x0039, 0, 0, KX_DHE, AUTH_RSA, MODE_CBC, 256, 16, 20, 32, 0, 0, 0},
        {0x003d, 0, 0, KX_RSA, AUTH_RSA, MODE_CBC, 256, 16, 32, 32, 0, 0, 0},
        {0x0088, 0, 0, KX_DHE, AUTH_RSA, MODE_CBC, 256, 16, 20, 32, 0, 0, 1},
        {0x008c, 0, 0, KX_PSK, AUTH_PSK, MODE_CBC, 128, 16, 20, 32, 0, 0, 0},
        {0x0095, 0, 0, KX_RSA, AUTH_PSK, MODE_CBC, 256, 16, 20, 32, 0, 0, 0},
        {0x009b, 0, 0, KX_DHE, AUTH_ANON, MODE_CBC, 128, 16, 20, 32, 0, 1, 1},
        {0x009d, 0, 0, KX_RSA, AUTH_RSA, MODE_GCM, 256, 0, 0, 48, 0, 0, 0},
        {0x00ff, 0, 0, KX_NONE, AUTH_NONE, MODE_NULL, 0, 0, 0, 32, 0, 0, 0},
        {0x1302, 0, 0, KX_ANY, AUTH_ANY, MODE_GCM, 256, 0, 0, 48, 1, 0, 0},
        {0x1303, 0, 0, KX_ANY, AUTH_ANY, MODE_CHACHA, 256, 0, 0, 32, 1, 0, 0},
        {0x1304, 0, 0, KX_ANY, AUTH_ANY, MODE_CCM, 128, 0, 0, 32, 1, 0, 0},
        {0x1305, 0, 0, KX_ANY, AUTH_ANY, MODE_CCM8, 128, 0, 0, 32, 1, 0, 0},
        {0xc004, 0, 0, KX_ECDH, AUTH_ECDSA, MODE_CBC, 128, 16, 20, 32, 0, 0, 0},
        {0xc015, 0, 0, KX_ECDHE, AUTH_ANON, MODE_NULL, 0, 0, 20, 32, 0, 1, 0},
        {0xc01e, 0, 0, KX_OTHER, AUTH_RSA, MODE_CBC, 128, 16, 20, 32, 0, 0, 0},
        {0xc028, 0, 0, KX_ECDHE, AUTH_RSA, MODE_CBC, 256, 16, 48, 48, 0, 0, 0},
        {0xc02c, 0, 0, KX_ECDHE, AUTH_ECDSA, MODE_GCM, 256, 0, 0, 48, 0, 0, 0},
        {0xc035, 0, 0, KX_ECDHE, AUTH_PSK, MODE_CBC, 128, 16, 20, 32, 0, 0, 0},
        {0xc061, 0, 0, KX_ECDHE, AUTH_RSA, MODE_GCM, 256, 0, 0, 48, 0, 0, 1},
        {0xc09f, 0, 0, KX_DHE, AUTH_RSA, MODE_CCM, 256, 0, 0, 32, 0, 0, 0},
        {0xc0aa, 0, 0, KX_DHE, AUTH_PSK, MODE_CCM8, 128, 0, 0, 32, 0, 0, 0},
        {0xc0ae, 0, 0, KX_ECDHE, AUTH_ECDSA, MODE_CCM8, 128, 0, 0, 32, 0, 0, 0},
        {0xc0b5, 0, 0, KX_ANY, AUTH_ANY, MODE_NULL, 0, 0, 48, 48, 1, 1, 0},
        {0xcca9, 0, 0, KX_ECDHE, AUTH_ECDSA, MODE_CHACHA, 256, 0, 0, 32, 0, 0,
         0},
        {0xe019, 0, 0, KX_RSA, AUTH_RSA, MODE_CBC, 128, 16, 32, 32, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct known_suite *w = &want[i];
        const struct known_suite *s = known_suite(w->code);
        cr_assert_not_null(s, "0x%04x", w->code);
        cr_expect_eq(s->code, w->code, "0x%04x", w->code);
        cr_expect_eq(s->kx, w->kx, "kx of %s", s->name);
        cr_expect_eq(s->auth, w->auth, "auth of %s", s->name);
        cr_expect_eq(s->mode, w->mode, "mode of %s", s->name);
        cr_expect_eq(s->key_bits, w->key_bits, "key of %s", s->name);
        cr_expect_eq(s->block_bytes, w->block_bytes, "block of %s", s->name);
        cr_expect_eq(s->mac_bytes, w->mac_bytes, "mac of %s", s->name);
        cr_expect_eq(s->hash_bytes, w->hash_bytes, "hash of %s", s->name);
        cr_expect_eq(s->tls13, w->tls13, "tls13 of %s", s->name);
        cr_expect_eq(s->weak, w->weak, "weak of %s", s->name);
        cr_expect_eq(s->rare_cipher, w->rare_cipher, "%s", s->name);
    }
}

/* What holds for every suite whatever its name. */
Test(known, suites_are_consistent)
{
    unsigned n = 0;
    for (unsigned code = 0; code <= 0xffff; code++) {
        const struct known_suite *s = known_suite((uint16_t)code);
        if (!s) {
            continue;
        }
        n++;
        cr_expect_eq(s->code, code);
        cr_expect_not(known_is_grease(s->code));
        cr_expect_eq(s->block_bytes != 0, s->mode == MODE_CBC, "%s", s->name);
        bool aead = s->mode >= MODE_GCM;
        cr_expect(!aead || s->mac_bytes == 0, "%s", s->name);
        cr_expect(aead || s->mode == MODE_NULL || s->mac_bytes > 0, "%s",
                  s->name);
        cr_expect_eq(s->key_bits == 0, s->mode == MODE_NULL, "%s", s->name);
        cr_expect_eq(s->tls13, s->kx == KX_ANY, "%s", s->name);
        cr_expect_eq(s->tls13, s->auth == AUTH_ANY, "%s", s->name);
    }
    cr_expect_eq(n, 414, "%u suites", n);
}

/* ---- groups, schemes, extensions, messages ---- */

Test(known, group_names)
{
    static const struct code_name want[] = {
        {0, ""},
        {1, "sect163k1"}, /* RFC 4492 section 5.1.1 */
        {14, "sect571r1"},
        {15, "secp160k1"},
        {22, "secp256k1"},
        {23, "secp256r1"}, /* RFC 8446 section 4.2.7 */
        {24, "secp384r1"},
        {25, "secp521r1"},
        {26, "brainpoolP256r1"}, /* RFC 7027 */
        {29, "x25519"},
        {30, "x448"},
        {31, "brainpoolP256r1tls13"}, /* RFC 8734 */
        {34, "GC256A"},               /* RFC 9189 */
        {40, "GC512C"},
        {41, "curveSM2"}, /* RFC 8998 */
        {42, ""},
        {256, "ffdhe2048"}, /* RFC 7919 */
        {260, "ffdhe8192"},
        {261, ""},
        {0x0200, "MLKEM512"},
        {0x0202, "MLKEM1024"},
        {4587, "SecP256r1MLKEM768"},
        {4588, "X25519MLKEM768"},
        {4589, "SecP384r1MLKEM1024"},
        {0x6399, "X25519Kyber768Draft00"},
        {0x639a, "SecP256r1Kyber768Draft00"},
        {0xff01, "arbitrary_explicit_prime_curves"},
        {0xff02, "arbitrary_explicit_char2_curves"},
        {0x1a1a, ""},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        expect_name(known_group_name(want[i].code), want[i].name, want[i].code);
    }
}

Test(known, group_kinds)
{
    static const uint16_t pq[] = {0x0200, 0x0201, 0x0202, 4587,   4588,
                                  4589,   4590,   0x6399, 0x639a, 0xfe31};
    for (size_t i = 0; i < COUNT(pq); i++) {
        cr_expect(known_group_is_pq(pq[i]), "0x%04x", pq[i]);
        cr_expect_not(known_group_is_ffdhe(pq[i]), "0x%04x", pq[i]);
    }
    for (uint16_t g = 256; g <= 260; g++) {
        cr_expect(known_group_is_ffdhe(g));
        cr_expect_not(known_group_is_pq(g));
    }
    static const uint16_t neither[] = {0,   23,  29,     30,    41,
                                       255, 261, 0xff01, 0xffff};
    for (size_t i = 0; i < COUNT(neither); i++) {
        cr_expect_not(known_group_is_pq(neither[i]));
        cr_expect_not(known_group_is_ffdhe(neither[i]));
    }
}

Test(known, signatures)
{
    static const struct {
        uint16_t code;
        const char *name, *key;
    } want[] = {
        {0x0101, "rsa_pkcs1_md5", "rsa"}, /* RFC 5246 section 7.4.1.4.1 */
        {0x0201, "rsa_pkcs1_sha1", "rsa"},
        {0x0202, "dsa_sha1", "dsa"},
        {0x0203, "ecdsa_sha1", "ecdsa"},
        {0x0301, "rsa_pkcs1_sha224", "rsa"},
        {0x0303, "ecdsa_sha224", "ecdsa"},
        {0x0401, "rsa_pkcs1_sha256", "rsa"}, /* RFC 8446 section 4.2.3 */
        {0x0402, "dsa_sha256", "dsa"},
        {0x0403, "ecdsa_secp256r1_sha256", "ecdsa"},
        {0x0503, "ecdsa_secp384r1_sha384", "ecdsa"},
        {0x0601, "rsa_pkcs1_sha512", "rsa"},
        {0x0603, "ecdsa_secp521r1_sha512", "ecdsa"},
        {0x0420, "rsa_pkcs1_sha256_legacy", "rsa"},
        {0x0708, "sm2sig_sm3", "sm2"}, /* RFC 8998 */
        {0x0709, "gostr34102012_256a", "gost"},
        {0x0804, "rsa_pss_rsae_sha256", "rsa"},
        {0x0806, "rsa_pss_rsae_sha512", "rsa"},
        {0x0807, "ed25519", "ed25519"},
        {0x0808, "ed448", "ed448"},
        {0x0809, "rsa_pss_pss_sha256", "rsa_pss"},
        {0x080b, "rsa_pss_pss_sha512", "rsa_pss"},
        {0x081a, "ecdsa_brainpoolP256r1tls13_sha256", "ecdsa"},
        {0x0904, "mldsa44", "mldsa"},
        {0x0906, "mldsa87", "mldsa"},
        {0x0000, "", ""},
        {0x0a0a, "", ""},
        {0xffff, "", ""},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        uint16_t code = want[i].code;
        expect_name(known_signature_name(code), want[i].name, code);
        expect_name(known_signature_key(code), want[i].key, code);
    }
}

Test(known, extension_names)
{
    static const struct code_name want[] = {
        {0, "server_name"}, /* RFC 6066 */
        {5, "status_request"},
        {10, "supported_groups"},
        {13, "signature_algorithms"},
        {16, "application_layer_protocol_negotiation"}, /* RFC 7301 */
        {18, "signed_certificate_timestamp"},
        {22, "encrypt_then_mac"},
        {23, "extended_master_secret"},
        {27, "compress_certificate"},
        {28, "record_size_limit"},
        {34, "delegated_credential"},
        {35, "session_ticket"},
        {41, "pre_shared_key"}, /* RFC 8446 section 4.2 */
        {42, "early_data"},
        {43, "supported_versions"},
        {44, "cookie"},
        {45, "psk_key_exchange_modes"},
        {47, "certificate_authorities"},
        {49, "post_handshake_auth"},
        {50, "signature_algorithms_cert"},
        {51, "key_share"},
        {57, "quic_transport_parameters"},
        {63, ""},
        {17513, "application_settings_old"},
        {64768, "ech_outer_extensions"},
        {65037, "encrypted_client_hello"}, /* RFC 9849 */
        {65281, "renegotiation_info"},     /* RFC 5746 */
        {0xfafa, ""},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        expect_name(known_extension_name(want[i].code), want[i].name,
                    want[i].code);
    }
}

Test(known, handshake_names)
{
    /* RFC 8446 B.3, RFC 5246 A.4, RFC 6347 section 4.3.2 */
    static const struct code_name want[] = {
        {0, "hello_request"},
        {1, "client_hello"},
        {2, "server_hello"},
        {3, "hello_verify_request"},
        {4, "new_session_ticket"},
        {5, "end_of_early_data"},
        {7, ""},
        {8, "encrypted_extensions"},
        {11, "certificate"},
        {12, "server_key_exchange"},
        {13, "certificate_request"},
        {14, "server_hello_done"},
        {15, "certificate_verify"},
        {16, "client_key_exchange"},
        {20, "finished"},
        {22, "certificate_status"},
        {24, "key_update"},
        {25, "compressed_certificate"},
        {254, "message_hash"},
        {255, ""},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        expect_name(known_handshake_name((uint8_t)want[i].code), want[i].name,
                    want[i].code);
    }
}

static unsigned count_names(const char *(*name)(uint16_t))
{
    unsigned n = 0;
    for (unsigned code = 0; code <= 0xffff; code++) {
        if (name((uint16_t)code)) {
            cr_expect_not(known_is_grease((uint16_t)code));
            n++;
        }
    }
    return n;
}

Test(known, registry_sizes)
{
    cr_expect_eq(count_names(known_group_name), 68);
    cr_expect_eq(count_names(known_signature_name), 64);
    cr_expect_eq(count_names(known_extension_name), 74);
}

/* ---- versions ---- */

Test(known, versions)
{
    static const struct {
        uint16_t version;
        const char *name, *protocol, *title;
    } want[] = {
        {0x0002, "2.0", "ssl", "SSL 2.0"},
        {0x0300, "3.0", "ssl", "SSL 3.0"},
        {0x0301, "1.0", "tls", "TLS 1.0"},
        {0x0302, "1.1", "tls", "TLS 1.1"},
        {0x0303, "1.2", "tls", "TLS 1.2"},
        {0x0304, "1.3", "tls", "TLS 1.3"},
        {0x7f12, "1.3", "tls", "TLS 1.3"}, /* draft 18 */
        {0x7f1c, "1.3", "tls", "TLS 1.3"}, /* draft 28 */
        {0xfb17, "1.3", "tls", "TLS 1.3"},
        {0xfb1a, "1.3", "tls", "TLS 1.3"},
        {0xfeff, "1.0", "dtls", "DTLS 1.0"},
        {0xfefd, "1.2", "dtls", "DTLS 1.2"},
        {0xfefc, "1.3", "dtls", "DTLS 1.3"},
        {0x0100, "1.0", "dtls", "DTLS 1.0"},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        const char *protocol = NULL;
        uint16_t v = want[i].version;
        expect_name(known_version_name(v, &protocol), want[i].name, v);
        expect_name(known_version_name(v, NULL), want[i].name, v);
        expect_name(protocol, want[i].protocol, v);
        expect_name(known_version_title(v), want[i].title, v);
    }
    static const uint16_t unknown[] = {0x0000, 0x0001, 0x0200, 0x0305, 0x7eff,
                                       0x8000, 0x0a0a, 0xfefe, 0xffff};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        const char *protocol = "untouched";
        cr_expect_null(known_version_name(unknown[i], &protocol));
        cr_expect_str_eq(protocol, "untouched");
        cr_expect_null(known_version_title(unknown[i]));
    }
}

Test(known, versions_that_are_1_3)
{
    static const uint16_t yes[] = {0x0304, 0xfefc, 0x7f12, 0x7f1c,
                                   0x7e02, 0xfb17, 0xfb1a};
    static const uint16_t no[] = {0x0002, 0x0303, 0xfefd, 0xfeff,
                                  0x0305, 0xffff, 0x7a7a};
    for (size_t i = 0; i < COUNT(yes); i++) {
        cr_expect(known_version_is_13(yes[i]), "%04x", yes[i]);
    }
    for (size_t i = 0; i < COUNT(no); i++) {
        cr_expect_not(known_version_is_13(no[i]), "%04x", no[i]);
    }
    cr_expect_not(known_version_is_13_draft(0x0304));
}

Test(known, grease)
{
    /* RFC 8701 section 2 */
    static const uint16_t grease[] = {
        0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a, 0x4a4a, 0x5a5a, 0x6a6a, 0x7a7a,
        0x8a8a, 0x9a9a, 0xaaaa, 0xbaba, 0xcaca, 0xdada, 0xeaea, 0xfafa,
    };
    unsigned n = 0;
    for (unsigned v = 0; v <= 0xffff; v++) {
        n += known_is_grease((uint16_t)v);
    }
    cr_expect_eq(n, 16);
    for (size_t i = 0; i < COUNT(grease); i++) {
        cr_expect(known_is_grease(grease[i]));
    }
    cr_expect_not(known_is_grease(0x0a1a));
    cr_expect_not(known_is_grease(0x0b0b));
}

/* ---- causes ---- */

Test(known, causes_by_slug)
{
    size_t n = known_cause_count();
    cr_assert_gt(n, 0);
    for (size_t i = 0; i < n; i++) {
        const struct known_cause *c = known_cause_at(i);
        cr_assert_not_null(c);
        cr_expect_eq(known_cause(c->slug), c, "%s", c->slug);
        cr_expect(strlen(c->sentence) > 0, "%s", c->slug);
        cr_expect(c->side <= FIX_NONE, "%s", c->slug);
    }
    cr_expect_null(known_cause_at(n));
    cr_expect_not_null(known_cause("unclassified"));
    cr_expect_null(known_cause(""));
    cr_expect_null(known_cause("unclassifie"));
    cr_expect_null(known_cause("unclassified_"));
    cr_expect_null(known_cause("aaaa"));
    cr_expect_null(known_cause("zzzz"));
    cr_expect_null(known_cause(NULL));
}

static void expect_rows(const struct known_row *(*row)(const char *, size_t))
{
    for (size_t c = 0; c < known_cause_count(); c++) {
        const char *slug = known_cause_at(c)->slug;
        size_t i = 0;
        for (const struct known_row *r = row(slug, 0); r; r = row(slug, ++i)) {
            cr_assert_not_null(r->when, "%s %zu", slug, i);
            cr_assert_not_null(r->key, "%s %zu", slug, i);
            cr_assert_not_null(r->text, "%s %zu", slug, i);
            cr_expect(strlen(r->text) > 0, "%s %zu", slug, i);
        }
        cr_expect_null(row(slug, i + 1000));
    }
    cr_expect_null(row("no such cause", 0));
}

Test(known, cause_rows)
{
    expect_rows(known_fix);
    expect_rows(known_seen_as);
    expect_rows(known_reproduce);
}

/* ---- plaintext ---- */

/* A string literal with its embedded NULs. */
#define BYTES(s) (s), sizeof(s) - 1

struct sample {
    const char *word; /* "" for none */
    const char *bytes;
    size_t n;
};

static void expect_samples(const struct sample *s, size_t n, bool server)
{
    for (size_t i = 0; i < n; i++) {
        struct span first = span_of(s[i].bytes, s[i].n);
        const char *got = known_plaintext(first, server);
        cr_expect_str_eq(got ? got : "", s[i].word, "sample %zu: %.20s", i,
                         s[i].bytes);
        /* any shorter beginning: no crash, and nothing but this word, unless
         * later words tell more */
        for (size_t cut = 0; cut < s[i].n; cut++) {
            (void)known_plaintext(span_sub(first, 0, cut), server);
        }
    }
}

Test(known, plaintext_of_servers)
{
    static const struct sample samples[] = {
        {"http", BYTES("HTTP/1.1 400 Bad Request\r\n")},
        {"http", BYTES("<html><head>")},
        {"http", BYTES("<!DOCTYPE html>")},
        {"http", BYTES("<HTML>")},
        {"http", BYTES("\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x64")},
        {"ssh", BYTES("SSH-2.0-OpenSSH_9.2p1\r\n")},
        {"smtp", BYTES("220 mail.example.com ESMTP Postfix\r\n")},
        {"smtp", BYTES("220-mx.example.com ESMTP Exim 4.96\r\n")},
        {"smtp", BYTES("554 5.7.1 smtp.example.com refused\r\n")},
        {"smtp", BYTES("220 a.example.com ESMTP\r\n500 unknown: \x16\3\1\r\n")},
        {"ftp", BYTES("220 (vsFTPd 3.0.3)\r\n")},
        {"ftp", BYTES("220-FileZilla Server 1.7.0\r\n")},
        {"ftp", BYTES("530 Please login with USER and PASS.\r\n")},
        {"nntp", BYTES("200 news.example.com InterNetNews ready\r\n")},
        {"reply-code", BYTES("220 ready\r\n")},
        {"reply-code", BYTES("500 Syntax error\r\n")},
        {"pop3", BYTES("+OK Dovecot ready.\r\n")},
        {"pop3", BYTES("+OK\r\n")},
        {"imap", BYTES("* OK [CAPABILITY IMAP4rev1] ready.\r\n")},
        {"imap", BYTES("* BYE too many connections\r\n")},
        {"redis", BYTES("-ERR unknown command\r\n")},
        {"redis", BYTES("+PONG\r\n")},
        {"redis", BYTES("-DENIED Redis is running in protected mode\r\n")},
        {"redis", BYTES("$5\r\nhello\r\n")},
        {"mysql", BYTES("\x4a\0\0\0\x0a"
                        "8.0.36\0")},
        {"mysql", BYTES("\x45\0\0\0\xff\x6a\x04Host is not allowed")},
        {"postgresql", BYTES("E\0\0\0\x9bSFATAL\0C0A000\0")},
        {"postgresql", BYTES("EFATAL:  unsupported frontend protocol\n\0")},
        {"vnc", BYTES("RFB 003.008\n")},
        {"xmpp", BYTES("<?xml version='1.0'?><stream:stream ")},
        {"xmpp", BYTES("<stream:stream xmlns=")},
        {"amqp", BYTES("AMQP\0\0\x09\1")},
        {"amqp", BYTES("AMQP\3\1\0\0")},
        {"rdp", BYTES("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\0\x08\0\0\0\0\0")},
        {"mqtt", BYTES("\x20\2\0\0")},
        {"nats", BYTES("INFO {\"server_id\":")},
        {"irc", BYTES(":irc.example.net NOTICE * :*** Looking up\r\n")},
        {"irc", BYTES(":irc.example.net 451 * :You have not registered\r\n")},
        {"irc", BYTES("NOTICE AUTH :*** Looking up your hostname\r\n")},
        {"ldap", BYTES("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0")},
        {"ldap", BYTES("\x30\x84\0\0\0\x10\2\1\0\x78\x84\0\0\0\7")},
        {"smb", BYTES("\0\0\0\x40\xfeSMB\x40\0")},
        {"telnet", BYTES("\xff\xfd\x18\xff\xfd\x20")},
        {"rsync", BYTES("@RSYNCD: 31.0\n")},
        {"memcached", BYTES("ERROR\r\n")},
        {"rtsp", BYTES("RTSP/1.0 400 Bad Request\r\n")},
        {"sip", BYTES("SIP/2.0 400 Bad Request\r\n")},
        {"sieve", BYTES("\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n")},
        {"mssql", BYTES("\4\1\0\x0c\0\0\1\0\0\0\0\0")},
    };
    expect_samples(samples, COUNT(samples), true);
}

Test(known, plaintext_of_clients)
{
    static const struct sample samples[] = {
        {"http", BYTES("GET / HTTP/1.1\r\nHost: a\r\n")},
        {"http", BYTES("POST /x HTTP/1.1\r\n")},
        {"http", BYTES("CONNECT a:443 HTTP/1.1\r\n")},
        {"http", BYTES("OPTIONS * HTTP/1.1\r\n")},
        {"http", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
        {"rtsp", BYTES("OPTIONS rtsp://a/ RTSP/1.0\r\n")},
        {"ssh", BYTES("SSH-2.0-Go\r\n")},
        {"smtp", BYTES("EHLO client.example.com\r\n")},
        {"proxy-protocol", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n")},
        {"proxy-protocol", BYTES("PROXY UNKNOWN\r\n")},
        {"proxy-protocol", BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c")},
        {"rdp", BYTES("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\x0b\0\0\0")},
        {"mqtt", BYTES("\x10\x10\0\4MQTT\4\2\0\x3c\0\4test")},
        {"mqtt", BYTES("\x10\x90\1\0\6MQIsdp\3\2\0\x3c")},
        {"postgresql", BYTES("\0\0\0\x08\x04\xd2\x16\x2f")},
        {"postgresql", BYTES("\0\0\0\x10\0\3\0\0user\0a\0\0")},
        {"redis", BYTES("*1\r\n$4\r\nPING\r\n")},
        {"nats", BYTES("CONNECT {\"verbose\":false}\r\n")},
        {"amqp", BYTES("AMQP\0\1\0\0")},
        {"irc", BYTES("NICK somebody\r\n")},
        {"ldap", BYTES("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0")},
        {"socks", BYTES("\5\1\0")},
        {"socks", BYTES("\5\2\0\2")},
        {"socks", BYTES("\4\1\1\xbb\xc0\0\2\1\0")},
        {"socks", BYTES("\4\1\1\xbb\0\0\0\1\0www.example.com\0")},
        {"mssql", BYTES("\x12\1\0\x0c\0\0\1\0\0\0\0\0")},
        {"bittorrent", BYTES("\023BitTorrent protocol\0\0")},
        {"smb", BYTES("\0\0\0\x45\xffSMB\x72")},
    };
    expect_samples(samples, COUNT(samples), false);
}

Test(known, plaintext_near_misses_of_servers)
{
    static const struct sample samples[] = {
        {"", BYTES("")},
        {"", BYTES("\x16\3\3\0\x7a\2\0\0\x76\3\3")}, /* ServerHello */
        {"", BYTES("\x15\3\3\0\2\2\x28")},           /* alert */
        {"", BYTES("\x15\3\1\0\2\2\x46")},
        {"", BYTES("\x80\x2e\4\0\1\0\2")}, /* SSL 2.0 hello */
        {"", BYTES("N")},                  /* PostgreSQL: no TLS; not enough */
        {"", BYTES("S")},
        {"", BYTES("220")},            /* no separator */
        {"", BYTES("2200 ready\r\n")}, /* four digits */
        {"", BYTES("620 ready\r\n")},  /* no such class */
        {"", BYTES("220 \x01\x02\x03")},
        {"", BYTES("HTTP")},
        {"", BYTES("HTTPS/1.1")},
        {"", BYTES("http/1.1 200 OK")},
        {"", BYTES("GET / HTTP/1.1\r\n")}, /* the client's */
        {"", BYTES("SSH")},
        {"", BYTES("+OKAY\r\n")},
        {"", BYTES("*OK ready\r\n")},
        {"", BYTES("\x4a\0\0\1\x0a"
                   "8.0.36")}, /* sequence 1 */
        {"", BYTES("\x4a\0\0\0\x09"
                   "3.20")},              /* protocol 9 */
        {"", BYTES("\x4a\0\0\0\x0aX")},   /* no version digit */
        {"", BYTES("E\0\0\0\x9bXFATAL")}, /* field type */
        {"", BYTES("E\xff\0\0\x9bSFATAL")},
        {"", BYTES("\3\1\0\x13\x0e\xd0")},
        {"", BYTES("\3\0\0\x13\x0e\xf0\x80")}, /* X.224 data */
        {"", BYTES("\x20\2\0\0\0")},           /* CONNACK and more */
        {"", BYTES("\x20\2\0\x06")},
        {"", BYTES("\x30\x0c\2\1\1\x30\7")},   /* universal tag */
        {"", BYTES("\x30\x82\1\x0a\x30\x81")}, /* a bare certificate */
        {"", BYTES("\x30\x84\xff")},
        {"", BYTES("AMQP")},
        {"", BYTES("AMQP\x30\x30")},
        {"", BYTES("INFO ready")},
        {"", BYTES(":NOTICE")},
        {"", BYTES(": NOTICE *")},
        {"", BYTES(":host JOIN #a")},
        {"", BYTES("RFB ")},
        {"", BYTES("$\r\n")},
        {"", BYTES("$5\n")},
        {"", BYTES("\0\0\x13\4\0\0\0\0\0")}, /* SETTINGS of 19 bytes */
        {"", BYTES("\0\0\x12\4\0\0\0\0\1")}, /* SETTINGS on stream 1 */
        {"", BYTES("<htm")},
        {"", BYTES("<body>")},
        {"", BYTES("\xff\xf4\x06")},
    };
    expect_samples(samples, COUNT(samples), true);
}

Test(known, plaintext_near_misses_of_clients)
{
    static const struct sample samples[] = {
        {"", BYTES("\x16\3\1\2\0\1\0\1\xfc\3\3")}, /* ClientHello */
        {"", BYTES("\x80\x2e\1\0\2\0\x15")},       /* SSL 2.0 hello */
        {"", BYTES("GET")},
        {"", BYTES("GETX / HTTP/1.1\r\n")},
        {"", BYTES("get / HTTP/1.1\r\n")},
        {"", BYTES("HTTP/1.1 200 OK\r\n")}, /* the server's */
        {"", BYTES("220 mail ESMTP\r\n")},  /* the server's */
        {"", BYTES("PROXY TCP5 ")},
        {"", BYTES("\r\n\r\n\0\r\nQUIT")}, /* signature cut */
        {"", BYTES("\r\n\r\n")},
        {"", BYTES("\x10\x10\0\4MQTX")},
        {"", BYTES("\x10\xff\xff\xff\xff\0\4MQTT")}, /* length of 5 bytes */
        {"", BYTES("\x10\x10\0\xffMQTT")},
        {"", BYTES("\0\0\0\7\x04\xd2\x16\x2f")},
        {"", BYTES("\0\0\0\x08\x04\xd2\x16\x2e")},
        {"", BYTES("*1\r\n4")},
        {"", BYTES("\5\1")},
        {"", BYTES("\5\1\0\0")},
        {"", BYTES("\5\0")},
        {"", BYTES("\4\1\1\xbb\xc0\0\2\1")},
        {"", BYTES("\4\3\1\xbb\xc0\0\2\1\0")},
        {"", BYTES("\4\1\1\xbb\xc0\0\2\1me")},
        {"", BYTES("\x12\1\0\xff\0\0\1\0")}, /* longer than what is there */
        {"", BYTES("\023BitTorrent")},
        {"", BYTES("PING")},
    };
    expect_samples(samples, COUNT(samples), false);
}
