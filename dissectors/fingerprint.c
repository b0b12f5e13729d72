/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints of hellos: JA3 and JA3S (Salesforce, github.com/salesforce/ja3)
 * and JA4 (FoxIO, technical_details/JA4.md). MD5 and SHA-256 are libcrypto's;
 * both only name things here, nothing rests on their strength.
 *
 * Of the JA4 family only the TLS client fingerprint is here: the others are
 * under another licence.
 */
#include "dissectors/fingerprint.h"

#include "base/digest.h"
#include "dissectors/tls_read.h"
#include "known/known.h"

#include <stdlib.h>

/* A hello holds at most 2^16 bytes of lists; two bytes become six characters,
 * one byte of point formats four. */
#define STRING_MAX_BYTES (512u * 1024)

#define EXTENSION_SNI  0x0000
#define EXTENSION_ALPN 0x0010

#define JA4_HASH_CHARS 12

/* ---- hex digests ----------------------------------------------------------
 */

/* The first `chars` hex digits of a digest of t, and a NUL. */
static bool hex_digest(const struct text *t, enum digest which, size_t chars,
                       char *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t sum[DIGEST_BYTES_MAX];

    out[0] = '\0';
    /* MD5 may be refused by a libcrypto in FIPS mode. */
    if (t->cut || !digest(which, span_of(text_str(t), t->n), sum)) {
        return false;
    }
    for (size_t i = 0; i < chars; i++) {
        unsigned nibble = i % 2 ? sum[i / 2] & 0x0fu : sum[i / 2] >> 4u;
        out[i] = digits[nibble];
    }
    out[chars] = '\0';
    return true;
}

/* ---- JA3 --------------------------------------------------------------------
 */

static void add_decimals(struct text *t, const struct u16_list *l)
{
    bool first = true;
    for (size_t i = 0; i < l->n; i++) {
        if (!known_is_grease(l->v[i])) {
            text_fmt(t, first ? "%u" : "-%u", (unsigned)l->v[i]);
            first = false;
        }
    }
}

static void add_decimal_bytes(struct text *t, struct span bytes)
{
    struct cursor c = cursor_open(bytes);
    bool first = true;
    while (cursor_left(&c)) {
        unsigned v = cursor_u8(&c, "ec_point_formats");
        text_fmt(t, first ? "%u" : "-%u", v);
        first = false;
    }
}

void fingerprint_ja3_string(const struct client_offer *o, struct text *out)
{
    text_fmt(out, "%u,", (unsigned)o->legacy_version);
    add_decimals(out, &o->ciphers);
    text_char(out, ',');
    add_decimals(out, &o->extensions);
    text_char(out, ',');
    add_decimals(out, &o->groups);
    text_char(out, ',');
    add_decimal_bytes(out, o->point_formats);
}

bool fingerprint_ja3(const struct client_offer *o, char out[JA3_BYTES])
{
    struct text t;

    out[0] = '\0';
    /* Defined for the hello of SSL 3.0 and later, parsed to its end. */
    if (!o->seen || !o->ciphers.seen || o->v2_format || o->malformed ||
        o->partial) {
        return false;
    }
    text_init(&t, STRING_MAX_BYTES);
    fingerprint_ja3_string(o, &t);
    bool ok = hex_digest(&t, DIGEST_MD5, JA3_BYTES - 1, out);
    text_free(&t);
    return ok;
}

bool fingerprint_ja3s(const struct server_choice *s, char out[JA3_BYTES])
{
    struct text t;

    out[0] = '\0';
    if (!s->seen || s->cipher == UNSEEN_U16 || s->partial) {
        return false;
    }
    text_init(&t, STRING_MAX_BYTES);
    text_fmt(&t, "%u,%u,", (unsigned)s->legacy_version, (unsigned)s->cipher);
    add_decimals(&t, &s->extensions);
    bool ok = hex_digest(&t, DIGEST_MD5, JA3_BYTES - 1, out);
    text_free(&t);
    return ok;
}

/* ---- JA4 --------------------------------------------------------------------
 */

static const char *ja4_version(uint16_t version)
{
    if (known_version_is_13_draft(version)) {
        return "13";
    }
    switch (version) {
    case 0x0304:
        return "13";
    case 0x0303:
        return "12";
    case 0x0302:
        return "11";
    case 0x0301:
        return "10";
    case 0x0300:
        return "s3";
    case 0x0002:
        return "s2";
    case 0xfeff:
        return "d1";
    case 0xfefd:
        return "d2";
    case 0xfefc:
        return "d3";
    default:
        return "00";
    }
}

static unsigned ja4_count(const struct u16_list *l)
{
    unsigned n = 0;
    for (size_t i = 0; i < l->n; i++) {
        n += !known_is_grease(l->v[i]);
    }
    return n < 99 ? n : 99;
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
}

/* First and last character of the first protocol; when one of them would not
 * be alphanumeric, first and last digit of its hex form. */
static void add_alpn(struct text *t, const struct span_list *alpn)
{
    struct span name = alpn->n ? alpn->v[0] : (struct span){NULL, 0};
    if (!name.n) {
        text_add(t, "00");
        return;
    }
    struct cursor head = cursor_open(name);
    struct cursor tail = cursor_open(span_sub(name, name.n - 1, 1));
    uint8_t first = cursor_u8(&head, "alpn");
    uint8_t last = cursor_u8(&tail, "alpn");
    if (is_alphanumeric(first) && is_alphanumeric(last)) {
        text_char(t, (char)first);
        text_char(t, (char)last);
    } else {
        text_fmt(t, "%x%x", first >> 4u, last & 0x0fu);
    }
}

static void add_hex(struct text *t, const uint16_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        text_fmt(t, i ? ",%04x" : "%04x", (unsigned)v[i]);
    }
}

static int compare_u16(const void *a, const void *b)
{
    const uint16_t *x = a;
    const uint16_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* Appends l without GREASE (and, of extensions, without those that part a has
 * already), sorted or in order. Returns how many, or -1 without memory. */
static int add_list(struct text *t, const struct u16_list *l, bool sorted,
                    bool extensions)
{
    uint16_t *v = malloc((l->n + 1u) * sizeof *v);
    if (!v) {
        return -1;
    }
    int n = 0;
    for (size_t i = 0; i < l->n; i++) {
        uint16_t code = l->v[i];
        bool known =
            extensions && (code == EXTENSION_SNI || code == EXTENSION_ALPN);
        if (!known && !known_is_grease(code)) {
            v[n++] = code;
        }
    }
    if (sorted) {
        qsort(v, (size_t)n, sizeof *v, compare_u16);
    }
    add_hex(t, v, (size_t)n);
    free(v);
    return n;
}

/* A part of the fingerprint; all zeros when its list is empty. */
static bool add_hash(struct text *out, const struct text *part, int n)
{
    char hash[JA4_HASH_CHARS + 1];
    if (n < 0) {
        return false;
    }
    if (n == 0) {
        text_add(out, "_000000000000");
        return true;
    }
    if (!hex_digest(part, DIGEST_SHA256, JA4_HASH_CHARS, hash)) {
        return false;
    }
    text_char(out, '_');
    text_add(out, hash);
    return true;
}

static bool add_cipher_hash(struct text *out, const struct client_offer *o)
{
    struct text part;
    text_init(&part, STRING_MAX_BYTES);
    int n = add_list(&part, &o->ciphers, true, false);
    bool ok = add_hash(out, &part, n);
    text_free(&part);
    return ok;
}

static bool add_extension_hash(struct text *out, const struct client_offer *o)
{
    struct text part, schemes;
    text_init(&part, STRING_MAX_BYTES);
    text_init(&schemes, STRING_MAX_BYTES);
    int n = add_list(&part, &o->extensions, true, true);
    int schemes_n = add_list(&schemes, &o->signature_algorithms, false, false);
    if (schemes_n > 0) {
        text_char(&part, '_');
        text_add_n(&part, text_str(&schemes), schemes.n);
    }
    bool ok = schemes_n >= 0 && add_hash(out, &part, n);
    text_free(&schemes);
    text_free(&part);
    return ok;
}

static char ja4_protocol(enum tls_flavour flavour)
{
    switch (flavour) {
    case FLAVOUR_QUIC:
        return 'q';
    case FLAVOUR_DTLS:
        return 'd';
    case FLAVOUR_TLS:
        break;
    }
    return 't';
}

bool fingerprint_ja4(const struct client_offer *o, enum tls_flavour flavour,
                     char out[JA4_BYTES])
{
    struct text t;

    out[0] = '\0';
    if (!o->seen || !o->ciphers.seen || o->partial) {
        return false;
    }
    text_init(&t, JA4_BYTES - 1);
    text_char(&t, ja4_protocol(flavour));
    text_add(&t, ja4_version(o->max_version));
    text_char(&t, o->has_sni ? 'd' : 'i');
    text_fmt(&t, "%02u%02u", ja4_count(&o->ciphers), ja4_count(&o->extensions));
    add_alpn(&t, &o->alpn);
    bool ok = add_cipher_hash(&t, o) && add_extension_hash(&t, o);
    if (ok && t.n == JA4_BYTES - 1) {
        memcpy(out, text_str(&t), JA4_BYTES);
    } else {
        ok = false;
    }
    text_free(&t);
    return ok;
}
