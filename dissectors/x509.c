/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the facts of one X.509 certificate (RFC 5280; RFC 5480 for EC keys,
 * RFC 7633 for the TLS feature, RFC 6962 for SCT lists, RFC 9881 for ML-DSA).
 *
 * libcrypto decodes the ASN.1; everything kept is copied into the arena. No
 * chain is built, no date compared and nothing is judged here, and what one
 * field gets wrong does not hide the others.
 */
#include "handshake/cert.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <time.h>

#include "base/digest.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* Names kept per certificate: public CAs stop at 100 to 250. */
#define SAN_NAMES_MAX 256

/* Longest text of one name: a host name has 253 bytes, and a distinguished name
 * beyond this says nothing more to a reader. */
#define NAME_BYTES_MAX 1024

/* Larger keys are not used to check a self-signature: it would take
 * milliseconds, and no real certificate needs it. */
#define VERIFY_BITS_MAX 8192

/* A certificate while it is read. */
struct reading {
    struct arena *arena;
    X509 *x;
    struct cert *out;
    uint32_t rows_seen; /* bit i: extensions[i] was there */
};

/* ---- decoding --------------------------------------------------------------
 */

static OSSL_LIB_CTX *no_keys;
static pthread_once_t no_keys_once = PTHREAD_ONCE_INIT;

static void no_keys_set_up(void)
{
    no_keys = OSSL_LIB_CTX_new();
    if (no_keys && !OSSL_PROVIDER_load(no_keys, "null")) {
        OSSL_LIB_CTX_free(no_keys);
        no_keys = NULL;
    }
}

/*
 * A certificate whose public key stays encoded. libcrypto decodes it at once,
 * which takes five times as long as all the rest (300 us with 3.0) and is of no
 * use here; where no provider can, it leaves that. What needs the key decodes
 * it again.
 */
static X509 *decode(struct span der, const unsigned char **end)
{
    pthread_once(&no_keys_once, no_keys_set_up);
    X509 *x = X509_new_ex(no_keys, NULL);
    *end = der.p;
    return x ? d2i_X509(&x, end, (long)der.n) : NULL;
}

static void note(struct cert *c, const char *why)
{
    if (!c->malformed) {
        c->malformed = true;
        c->why = why;
    }
}

/* ---- strings and names -----------------------------------------------------
 */

/* s cut to n bytes, not within a UTF-8 sequence. */
static struct span cut_text(struct span s, size_t n)
{
    if (s.n <= n) {
        return s;
    }
    while (n > 0 && (s.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return span_sub(s, 0, n);
}

static struct span string_bytes(const ASN1_STRING *s)
{
    int n = ASN1_STRING_length(s);
    return span_of(ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0);
}

static struct span keep_text(struct reading *r, struct span s)
{
    if (s.n && memchr(s.p, 0, s.n)) {
        r->out->name_has_nul = true;
    }
    return arena_copy(r->arena, cut_text(s, NAME_BYTES_MAX));
}

/* A string of any type as UTF-8; its bytes as they are when they do not fit
 * their own type. */
static struct span keep_string(struct reading *r, const ASN1_STRING *s)
{
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, s);
    if (n < 0) {
        return keep_text(r, string_bytes(s));
    }
    struct span kept = keep_text(r, span_of(utf8, (size_t)n));
    OPENSSL_free(utf8);
    return kept;
}

static struct span name_entry(struct reading *r, const X509_NAME *name, int nid)
{
    int last = -1;
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    while (at >= 0) {
        last = at;
        at = X509_NAME_get_index_by_NID(name, nid, at);
    }
    if (last < 0) {
        return (struct span){NULL, 0};
    }
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, last);
    return keep_string(r, X509_NAME_ENTRY_get_data(entry));
}

/* RFC 4514 text of a name. */
static struct span name_text(struct reading *r, const X509_NAME *name)
{
    static const unsigned long readable =
        XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    /* For strings that break their own encoding: bytes, escaped. */
    static const unsigned long raw =
        XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_UTF8_CONVERT;
    struct span text = {NULL, 0};
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio) {
        return text;
    }
    if (X509_NAME_print_ex(bio, name, 0, readable) < 0) {
        (void)BIO_reset(bio);
        X509_NAME_print_ex(bio, name, 0, raw);
    }
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    if (n > 0) {
        text = span_of(p, (size_t)n);
        text = arena_copy(r->arena, cut_text(text, NAME_BYTES_MAX));
    }
    BIO_free(bio);
    return text;
}

static void read_name(struct reading *r, const X509_NAME *name,
                      struct cert_name *out)
{
    const unsigned char *der = NULL;
    size_t n = 0;
    if (X509_NAME_get0_der(name, &der, &n)) {
        out->der = arena_copy(r->arena, span_of(der, n));
    }
    out->common_name = name_entry(r, name, NID_commonName);
    out->organization = name_entry(r, name, NID_organizationName);
    out->distinguished_name = name_text(r, name);
}

/* ---- serial, dates ----------------------------------------------------------
 */

/* The content octets of a DER value: what stands behind tag and length. */
static struct span der_content(struct span der)
{
    struct cursor c = cursor_open(der);
    cursor_u8(&c, "tag");
    uint8_t length = cursor_u8(&c, "length");
    if (length & 0x80) {
        cursor_skip(&c, length & 0x7f, "length");
    }
    return cursor_rest(&c);
}

static void read_serial(struct reading *r)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(r->x);
    unsigned char *der = NULL;
    int n = i2d_ASN1_INTEGER(serial, &der);
    if (n > 0) {
        struct span content = der_content(span_of(der, (size_t)n));
        r->out->serial = arena_copy(r->arena, content);
    }
    OPENSSL_free(der);
    r->out->serial_negative = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER;
}

static void read_date(struct reading *r, const ASN1_TIME *t, tick_t *out,
                      const char *why)
{
    struct tm tm = {0};
    if (!t || !ASN1_TIME_to_tm(t, &tm)) {
        note(r->out, why);
        return;
    }
    time_t when = timegm(&tm);
    if (when < TICK_MAX / TICK_SEC - 8) { /* 9999 means never: INT64_MAX */
        *out = tick_make(when, 0);
    }
}

/* ---- key -------------------------------------------------------------------
 */

struct key_kind {
    int nid;
    enum cert_key key;
    const char *name;
};

static const struct key_kind key_kinds[] = {
    {NID_rsaEncryption, KEY_RSA, "rsa"},
    {NID_rsassaPss, KEY_RSA_PSS, "rsa-pss"},
    {NID_X9_62_id_ecPublicKey, KEY_EC, "ecdsa"},
    {NID_ED25519, KEY_ED25519, "ed25519"},
    {NID_ED448, KEY_ED448, "ed448"},
    {NID_dsa, KEY_DSA, "dsa"},
};

/* By object identifier, since libcrypto knows them from 3.5 on only. */
static const struct {
    const char *oid, *key_name, *signature_name;
} ml_dsa[] = {
    {"2.16.840.1.101.3.4.3.17", "ml-dsa-44", "ML-DSA-44"},
    {"2.16.840.1.101.3.4.3.18", "ml-dsa-65", "ML-DSA-65"},
    {"2.16.840.1.101.3.4.3.19", "ml-dsa-87", "ML-DSA-87"},
};

/* Index into ml_dsa[], or -1. */
static int ml_dsa_find(const ASN1_OBJECT *object)
{
    char oid[64];
    if (OBJ_obj2txt(oid, sizeof oid, object, 1) <= 0) {
        return -1;
    }
    for (size_t i = 0; i < COUNT(ml_dsa); i++) {
        if (strcmp(oid, ml_dsa[i].oid) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Named curves and their TLS code points (RFC 8422, RFC 7027). */
static const struct {
    int nid;
    uint16_t group;
} curves[] = {
    {NID_X9_62_prime192v1, 19}, {NID_secp224k1, 20},
    {NID_secp224r1, 21},        {NID_secp256k1, 22},
    {NID_X9_62_prime256v1, 23}, {NID_secp384r1, 24},
    {NID_secp521r1, 25},        {NID_brainpoolP256r1, 26},
    {NID_brainpoolP384r1, 27},  {NID_brainpoolP512r1, 28},
};

/* Explicit curve parameters have no code point (RFC 5480 section 2.1.1 forbids
 * them). */
static uint16_t curve_group(const X509_ALGOR *algorithm)
{
    int type = 0;
    const void *value = NULL;
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    if (type != V_ASN1_OBJECT) {
        return UNSEEN_U16;
    }
    int nid = OBJ_obj2nid(value);
    for (size_t i = 0; i < COUNT(curves); i++) {
        if (curves[i].nid == nid) {
            return curves[i].group;
        }
    }
    return UNSEEN_U16;
}

/* The content of a value of this tag; empty when it is another or broken. */
static struct span der_value(struct cursor *c, uint8_t tag)
{
    bool fits = cursor_u8(c, "tag") == tag;
    size_t n = cursor_u8(c, "length");
    if (n & 0x80) {
        n = n == 0x81   ? cursor_u8(c, "length")
            : n == 0x82 ? cursor_u16(c, "length")
                        : 0;
    }
    struct span value = cursor_take(c, n, "value");
    return fits && cursor_ok(c) ? value : (struct span){NULL, 0};
}

/* The size of an INTEGER above zero in bits; 0 for anything else. */
static size_t integer_bits(struct cursor *c)
{
    struct span v = der_value(c, 2);
    if (span_u8(v, 0) & 0x80) {
        return 0;
    }
    if (v.n > 1 && v.p[0] == 0) {
        v = span_sub(v, 1, v.n);
    }
    uint8_t first = span_u8(v, 0);
    return first ? v.n * 8 + 24 - (size_t)__builtin_clz(first) : 0;
}

/* The bits of an RSAPublicKey's modulus (RFC 8017 A.1.1); 0 when it is not as
 * it should be. */
static size_t rsa_bits(struct span raw)
{
    struct cursor c = cursor_open(raw);
    struct cursor in = cursor_open(der_value(&c, 0x30));
    size_t bits = integer_bits(&in);
    bool sound = bits && integer_bits(&in) && !cursor_left(&in);
    return sound && !cursor_left(&c) ? bits : 0;
}

/* What the usual keys tell without being decoded; 0: decode it. */
static size_t plain_key_bits(const struct cert *c, struct span raw)
{
    bool point = span_u8(raw, 0) == 4;
    switch (c->key) {
    case KEY_RSA:
        return rsa_bits(raw);
    case KEY_EC:
        return point && c->key_group == 23 && raw.n == 65   ? 256
               : point && c->key_group == 24 && raw.n == 97 ? 384
                                                            : 0;
    default:
        return 0;
    }
}

/* Size from the encoded key, for keys libcrypto does not decode. */
static size_t raw_key_bits(enum cert_key key, struct span raw)
{
    if (key == KEY_ML_DSA) {
        return raw.n * 8;
    }
    if (key != KEY_EC || raw.n < 2) {
        return 0;
    }
    struct cursor c = cursor_open(raw);
    size_t coordinates = cursor_u8(&c, "point form") == 4 ? 2 : 1;
    return (raw.n - 1) / coordinates * 8;
}

static void key_name(struct cert *c, const ASN1_OBJECT *object)
{
    int nid = OBJ_obj2nid(object);
    for (size_t i = 0; i < COUNT(key_kinds); i++) {
        if (key_kinds[i].nid == nid) {
            c->key = key_kinds[i].key;
            c->key_name = key_kinds[i].name;
            return;
        }
    }
    int i = ml_dsa_find(object);
    if (i >= 0) {
        c->key = KEY_ML_DSA;
        c->key_name = ml_dsa[i].key_name;
    } else if (nid != NID_undef) {
        c->key = KEY_OTHER;
        c->key_name = OBJ_nid2sn(nid);
    }
}

static size_t decoded_key_bits(struct span spki)
{
    const unsigned char *p = spki.p;
    EVP_PKEY *key = spki.n ? d2i_PUBKEY(NULL, &p, (long)spki.n) : NULL;
    int bits = key ? EVP_PKEY_get_bits(key) : 0;
    EVP_PKEY_free(key);
    return bits > 0 ? (size_t)bits : 0;
}

static void read_key(struct reading *r)
{
    X509_PUBKEY *spki = X509_get_X509_PUBKEY(r->x);
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(spki, &der);
    struct span whole = span_of(der, n > 0 ? (size_t)n : 0);
    if (whole.n) {
        digest(DIGEST_SHA256, whole, r->out->spki_sha256);
    }

    ASN1_OBJECT *object = NULL;
    X509_ALGOR *algorithm = NULL;
    const unsigned char *raw = NULL;
    if (!X509_PUBKEY_get0_param(&object, &raw, &n, &algorithm, spki)) {
        note(r->out, "subjectPublicKeyInfo");
        OPENSSL_free(der);
        return;
    }
    key_name(r->out, object);
    if (r->out->key == KEY_EC) {
        r->out->key_group = curve_group(algorithm);
    }
    struct span encoded = span_of(raw, n > 0 ? (size_t)n : 0);
    size_t size = plain_key_bits(r->out, encoded);
    size = size ? size : decoded_key_bits(whole);
    size = size ? size : raw_key_bits(r->out->key, encoded);
    r->out->key_bits = size < UINT16_MAX ? (uint16_t)size : UINT16_MAX;
    OPENSSL_free(der);
}

/* ---- signature
 * --------------------------------------------------------------- */

/* The hash of an RSASSA-PSS signature; SHA-1 when absent (RFC 4055 3.1). */
static int pss_hash(const X509_ALGOR *algorithm)
{
    int type = 0;
    const void *value = NULL;
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    if (type != V_ASN1_SEQUENCE) {
        return NID_undef;
    }
    struct span der = string_bytes(value);
    const unsigned char *p = der.p;
    RSA_PSS_PARAMS *pss = d2i_RSA_PSS_PARAMS(NULL, &p, (long)der.n);
    if (!pss) {
        return NID_undef;
    }
    int nid = NID_sha1;
    if (pss->hashAlgorithm) {
        const ASN1_OBJECT *object = NULL;
        X509_ALGOR_get0(&object, NULL, NULL, pss->hashAlgorithm);
        nid = OBJ_obj2nid(object);
    }
    RSA_PSS_PARAMS_free(pss);
    return nid;
}

static bool hash_is_weak(int nid)
{
    return nid == NID_md2 || nid == NID_md4 || nid == NID_md5 ||
           nid == NID_sha1 || nid == NID_sha || nid == NID_md5_sha1 ||
           nid == NID_mdc2;
}

static void read_signature(struct reading *r)
{
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;
    X509_get0_signature(NULL, &algorithm, r->x);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);

    int nid = OBJ_obj2nid(object);
    int hash = NID_undef;
    if (nid == NID_rsassaPss) {
        hash = pss_hash(algorithm);
    } else if (nid != NID_undef) {
        OBJ_find_sigid_algs(nid, &hash, NULL);
    }
    r->out->signature_weak = hash_is_weak(hash);

    char text[80];
    int i = ml_dsa_find(object);
    struct span name = {NULL, 0};
    if (i >= 0) {
        name = span_text(ml_dsa[i].signature_name);
    } else if (OBJ_obj2txt(text, sizeof text, object, 0) > 0) {
        name = span_text(text);
    }
    r->out->signature_algorithm = arena_copy(r->arena, name);
}

static void read_self(struct reading *r)
{
    r->out->self_issued = X509_NAME_cmp(X509_get_subject_name(r->x),
                                        X509_get_issuer_name(r->x)) == 0;
    if (!r->out->self_issued || r->out->key_bits > VERIFY_BITS_MAX) {
        return;
    }
    const unsigned char *p = r->out->der.p;
    X509 *x = d2i_X509(NULL, &p, (long)r->out->der.n);
    EVP_PKEY *key = x ? X509_get0_pubkey(x) : NULL;
    r->out->self_signed = key && X509_verify(x, key) == 1;
    X509_free(x);
}

/* ---- extensions
 * --------------------------------------------------------------- */

enum { SAN_DNS, SAN_IP, SAN_OTHER, SAN_KINDS };

static int san_kind(int type)
{
    switch (type) {
    case GEN_DNS:
        return SAN_DNS;
    case GEN_IPADD:
        return SAN_IP;
    default:
        return SAN_OTHER;
    }
}

/* UPN and the like: the value when it is a string (RFC 4985 and others). */
static struct span other_name(struct reading *r, const OTHERNAME *other)
{
    int type = other->value ? ASN1_TYPE_get(other->value) : 0;
    if (type == V_ASN1_UTF8STRING || type == V_ASN1_IA5STRING ||
        type == V_ASN1_PRINTABLESTRING) {
        return keep_string(r, other->value->value.asn1_string);
    }
    return (struct span){NULL, 0};
}

static struct span san_value(struct reading *r, const GENERAL_NAME *name)
{
    int type = 0;
    const void *value = GENERAL_NAME_get0_value(name, &type);
    char oid[80];
    switch (type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
        return keep_text(r, string_bytes(value));
    case GEN_IPADD:
        return arena_copy(r->arena, string_bytes(value));
    case GEN_DIRNAME:
        return name_text(r, value);
    case GEN_OTHERNAME:
        return other_name(r, value);
    case GEN_RID:
        if (OBJ_obj2txt(oid, sizeof oid, value, 1) > 0) {
            return arena_copy(r->arena, span_text(oid));
        }
        return (struct span){NULL, 0};
    default:
        return (struct span){NULL, 0};
    }
}

/* Appends one name to the list of its kind. An empty dNSName is kept: it is a
 * fact, and matches nothing. */
static void san_add(struct reading *r, const GENERAL_NAME *name,
                    struct span *const v[SAN_KINDS],
                    struct span_list *const list[SAN_KINDS])
{
    int type = 0;
    GENERAL_NAME_get0_value(name, &type);
    int kind = san_kind(type);
    struct span value = san_value(r, name);
    if (kind == SAN_IP && value.n != 4 && value.n != 16) {
        note(r->out, "iPAddress in subjectAltName");
        return;
    }
    if (kind == SAN_OTHER && !value.n) {
        return;
    }
    v[kind][list[kind]->n++] = value;
}

static void san_keep(struct reading *r, const GENERAL_NAMES *names, int n)
{
    size_t of_kind[SAN_KINDS] = {0};
    for (int i = 0; i < n; i++) {
        of_kind[san_kind(sk_GENERAL_NAME_value(names, i)->type)]++;
    }
    struct span_list *const list[SAN_KINDS] = {&r->out->dns, &r->out->ip,
                                               &r->out->other_names};
    struct span *v[SAN_KINDS] = {NULL};
    bool room = true;
    for (int i = 0; i < SAN_KINDS; i++) {
        v[i] = arena_alloc(r->arena, of_kind[i] * sizeof *v[i]);
        room = room && v[i];
        *list[i] = (struct span_list){.v = v[i], .seen = of_kind[i] > 0};
    }
    for (int i = 0; i < n && room; i++) {
        san_add(r, sk_GENERAL_NAME_value(names, i), v, list);
    }
}

static bool read_san(struct reading *r, X509_EXTENSION *e)
{
    r->out->has_san = true;
    GENERAL_NAMES *names = X509V3_EXT_d2i(e);
    if (!names) {
        return false;
    }
    int n = sk_GENERAL_NAME_num(names);
    if (n > SAN_NAMES_MAX) {
        n = SAN_NAMES_MAX;
        r->out->names_cut = true;
    }
    san_keep(r, names, n);
    /* Names for which there was no memory are lost in the same way. */
    r->out->names_cut |= r->arena->limited;
    GENERAL_NAMES_free(names);
    return true;
}

static bool read_basic_constraints(struct reading *r, X509_EXTENSION *e)
{
    r->out->has_basic_constraints = true;
    BASIC_CONSTRAINTS *b = X509V3_EXT_d2i(e);
    if (!b) {
        return false;
    }
    r->out->is_ca = b->ca != 0;
    bool sane =
        !b->pathlen || ASN1_STRING_type(b->pathlen) != V_ASN1_NEG_INTEGER;
    BASIC_CONSTRAINTS_free(b);
    return sane;
}

static bool read_key_usage(struct reading *r, X509_EXTENSION *e)
{
    r->out->has_key_usage = true;
    ASN1_BIT_STRING *bits = X509V3_EXT_d2i(e);
    if (!bits) {
        return false;
    }
    for (int i = 0; i <= 8; i++) {
        if (ASN1_BIT_STRING_get_bit(bits, i)) {
            r->out->key_usage |= (uint16_t)(1u << i);
        }
    }
    ASN1_BIT_STRING_free(bits);
    return true;
}

static bool read_extended_key_usage(struct reading *r, X509_EXTENSION *e)
{
    r->out->has_eku = true;
    EXTENDED_KEY_USAGE *usages = X509V3_EXT_d2i(e);
    if (!usages) {
        return false;
    }
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i));
        r->out->eku_server_auth |= nid == NID_server_auth;
        r->out->eku_client_auth |= nid == NID_client_auth;
        r->out->eku_any |= nid == NID_anyExtendedKeyUsage;
    }
    EXTENDED_KEY_USAGE_free(usages);
    return true;
}

static bool read_subject_key_id(struct reading *r, X509_EXTENSION *e)
{
    ASN1_OCTET_STRING *id = X509V3_EXT_d2i(e);
    if (!id) {
        return false;
    }
    r->out->subject_key_id = arena_copy(r->arena, string_bytes(id));
    ASN1_OCTET_STRING_free(id);
    return true;
}

static bool read_authority_key_id(struct reading *r, X509_EXTENSION *e)
{
    AUTHORITY_KEYID *id = X509V3_EXT_d2i(e);
    if (!id) {
        return false;
    }
    if (id->keyid) {
        r->out->authority_key_id =
            arena_copy(r->arena, string_bytes(id->keyid));
    }
    AUTHORITY_KEYID_free(id);
    return true;
}

static bool read_authority_info(struct reading *r, X509_EXTENSION *e)
{
    r->out->has_aia = true;
    AUTHORITY_INFO_ACCESS *info = X509V3_EXT_d2i(e);
    if (!info) {
        return false;
    }
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(info); i++) {
        const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(info, i);
        if (OBJ_obj2nid(d->method) == NID_ad_ca_issuers &&
            d->location->type == GEN_URI && !r->out->aia_issuer_url.n) {
            struct span url = string_bytes(d->location->d.ia5);
            r->out->aia_issuer_url =
                arena_copy(r->arena, cut_text(url, NAME_BYTES_MAX));
        }
    }
    AUTHORITY_INFO_ACCESS_free(info);
    return true;
}

/* RFC 7633: 5 is status_request, 17 status_request_v2. */
static bool read_tls_feature(struct reading *r, X509_EXTENSION *e)
{
    TLS_FEATURE *features = X509V3_EXT_d2i(e);
    if (!features) {
        return false;
    }
    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        long v = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i));
        r->out->must_staple |= v == 5 || v == 17;
    }
    TLS_FEATURE_free(features);
    return true;
}

static bool see_sct(struct reading *r, X509_EXTENSION *e)
{
    (void)e;
    r->out->has_sct = true;
    return true;
}

static bool see_crl_dp(struct reading *r, X509_EXTENSION *e)
{
    (void)e;
    r->out->has_crl_dp = true;
    return true;
}

static bool see_policies(struct reading *r, X509_EXTENSION *e)
{
    (void)e;
    r->out->has_policies = true;
    return true;
}

static const struct extension {
    int nid;
    const char *name;
    bool (*read)(struct reading *r, X509_EXTENSION *e); /* false: broken */
} extensions[] = {
    {NID_subject_alt_name, "subjectAltName", read_san},
    {NID_basic_constraints, "basicConstraints", read_basic_constraints},
    {NID_key_usage, "keyUsage", read_key_usage},
    {NID_ext_key_usage, "extKeyUsage", read_extended_key_usage},
    {NID_subject_key_identifier, "subjectKeyIdentifier", read_subject_key_id},
    {NID_authority_key_identifier, "authorityKeyIdentifier",
     read_authority_key_id},
    {NID_info_access, "authorityInfoAccess", read_authority_info},
    {NID_tlsfeature, "TLS feature", read_tls_feature},
    {NID_ct_precert_scts, "SCT list", see_sct},
    {NID_crl_distribution_points, "cRLDistributionPoints", see_crl_dp},
    {NID_certificate_policies, "certificatePolicies", see_policies},
};

static void read_extension(struct reading *r, X509_EXTENSION *e)
{
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
    for (size_t i = 0; i < COUNT(extensions); i++) {
        if (extensions[i].nid != nid) {
            continue;
        }
        if (r->rows_seen & 1u << i) {
            /* RFC 5280 section 4.2: not more than once; the first counts. */
            note(r->out, "extension present twice");
            return;
        }
        r->rows_seen |= 1u << i;
        if (!extensions[i].read(r, e)) {
            note(r->out, extensions[i].name);
        }
        return;
    }
    if (X509_EXTENSION_get_critical(e) && !X509_supported_extension(e)) {
        r->out->unknown_critical = true;
    }
}

/* ---- the certificate
 * ------------------------------------------------------------ */

static void read_all(struct reading *r)
{
    struct cert *out = r->out;
    long version = X509_get_version(r->x);
    if (version < 0 || version > 2) {
        note(out, "version");
    } else {
        out->version = (uint8_t)(version + 1);
    }
    read_serial(r);
    read_name(r, X509_get_subject_name(r->x), &out->subject);
    read_name(r, X509_get_issuer_name(r->x), &out->issuer);
    read_date(r, X509_get0_notBefore(r->x), &out->not_before, "notBefore");
    read_date(r, X509_get0_notAfter(r->x), &out->not_after, "notAfter");
    read_key(r);
    read_signature(r);
    for (int i = 0; i < X509_get_ext_count(r->x); i++) {
        read_extension(r, X509_get_ext(r->x, i));
    }
    read_self(r);
}

/* Why libcrypto refused it: the first error is the innermost. */
static const char *decode_error(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    return reason ? reason : "not a DER certificate";
}

bool x509_read(struct arena *arena, struct span der, struct cert *out)
{
    *out = (struct cert){.not_before = INT64_MIN,
                         .not_after = INT64_MAX,
                         .key_group = UNSEEN_U16};
    if (!der.n) {
        out->why = "empty certificate";
        return false;
    }
    out->der = arena_copy(arena, der);
    if (!out->der.n) {
        return false;
    }
    digest(DIGEST_SHA256, out->der, out->sha256);

    ERR_clear_error();
    const unsigned char *p = NULL;
    X509 *x = decode(out->der, &p);
    if (x) {
        struct reading r = {.arena = arena, .x = x, .out = out};
        if (p != out->der.p + out->der.n) {
            note(out, "bytes after the certificate");
        }
        read_all(&r);
        X509_free(x);
    } else {
        note(out, decode_error());
    }
    ERR_clear_error();
    return true;
}
