/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ServerKeyExchange of TLS <= 1.2: DHE (RFC 5246 section 7.4.3), ECDHE (RFC
 * 8422 5.4, explicit curves as RFC 4492 5.4 had them), the PSK forms with an
 * identity hint in front (RFC 4279, RFC 5489). It is read for the group, the
 * size of the prime and the signature scheme.
 *
 * RSA export keys, SRP and GOST are not read; no signature is verified.
 */
#include "dissectors/tls_expand.h"
#include "known/known.h"

/* ECCurveType */
enum { CURVE_EXPLICIT_PRIME = 1, CURVE_EXPLICIT_CHAR2 = 2, CURVE_NAMED = 3 };

static struct key_exchange unseen(void)
{
    return (struct key_exchange){.group = UNSEEN_U16, .signature = UNSEEN_U16};
}

/* Bits of a big-endian number; leading zeros don't count. */
static uint16_t bits_of(struct cursor number)
{
    while (cursor_left(&number) && cursor_peek(&number) == 0) {
        cursor_skip(&number, 1, "dh_p");
    }
    size_t n = cursor_left(&number);
    if (!n) {
        return 0;
    }
    uint8_t top = cursor_peek(&number);
    size_t bits = n * 8;
    while (!(top & 0x80)) {
        top = (uint8_t)(top << 1);
        bits--;
    }
    return bits > UINT16_MAX ? UINT16_MAX : (uint16_t)bits;
}

static void read_dh(struct cursor *c, struct key_exchange *out)
{
    struct cursor p = cursor_vec16(c, "dh_p");
    if (cursor_ok(&p)) {
        out->seen = true;
        out->is_dh = true;
        out->dh_bits = bits_of(p);
    }
    cursor_vec16(c, "dh_g");
    cursor_vec16(c, "dh_Ys");
}

/* The field of an explicit curve: a prime, or a polynomial basis. */
static void skip_field(struct cursor *c, uint8_t curve_type)
{
    if (curve_type == CURVE_EXPLICIT_PRIME) {
        cursor_vec8(c, "prime_p");
        return;
    }
    cursor_u16(c, "m");
    unsigned terms = cursor_u8(c, "basis") == 1 ? 1 : 3;
    for (unsigned i = 0; i < terms; i++) {
        cursor_vec8(c, "basis");
    }
}

static void skip_explicit_curve(struct cursor *c, uint8_t curve_type)
{
    skip_field(c, curve_type);
    cursor_vec8(c, "curve a");
    cursor_vec8(c, "curve b");
    cursor_vec8(c, "base");
    cursor_vec8(c, "order");
    cursor_vec8(c, "cofactor");
}

static void read_ecdh(struct cursor *c, struct key_exchange *out)
{
    uint8_t type = cursor_u8(c, "curve_type");
    switch (type) {
    case CURVE_NAMED: {
        uint16_t group = cursor_u16(c, "namedcurve");
        out->group = cursor_ok(c) ? group : UNSEEN_U16;
        break;
    }
    case CURVE_EXPLICIT_PRIME:
    case CURVE_EXPLICIT_CHAR2:
        skip_explicit_curve(c, type);
        break;
    default:
        cursor_fail(c, "curve_type");
        break;
    }
    if (cursor_ok(c)) {
        out->seen = true;
        out->is_ecdh = true;
    }
    cursor_vec8(c, "public");
}

/* The scheme is named in TLS 1.2 only, and PSK and anonymous suites sign
 * nothing. */
static void read_signature(struct cursor *c, struct key_exchange *out)
{
    if (!cursor_left(c)) {
        return;
    }
    uint16_t scheme = cursor_u16(c, "signature algorithm");
    cursor_vec16(c, "signature");
    if (cursor_ok(c)) {
        out->signature = scheme;
    }
}

void tls_parse_key_exchange(struct span body, uint16_t cipher, uint16_t version,
                            struct key_exchange *out)
{
    struct cursor c = cursor_open(body);
    const struct known_suite *suite = known_suite(cipher);

    *out = unseen();
    if (!suite) {
        return;
    }
    bool psk = suite->auth == AUTH_PSK || suite->kx == KX_PSK;
    if (psk) {
        cursor_vec16(&c, "psk_identity_hint");
    }
    switch (suite->kx) {
    case KX_DHE:
    case KX_DH: /* anonymous; with a static key there is no such message */
        read_dh(&c, out);
        break;
    case KX_ECDHE:
    case KX_ECDH:
        read_ecdh(&c, out);
        break;
    case KX_PSK:
    case KX_RSA: /* the hint of RSA_PSK, or an export key */
        out->seen = cursor_ok(&c);
        return;
    case KX_NONE:
    case KX_ANY:
    case KX_OTHER:
        return;
    }
    bool names_scheme = version == 0x0303 || version == 0xfefd;
    if (names_scheme && !psk && suite->auth != AUTH_ANON) {
        read_signature(&c, out);
    }
}
