/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack families by what only they send in a ClientHello. Conservative: a
 * hello that could be anybody's is STACK_UNKNOWN, and nothing certain is ever
 * built on it. Extension numbers are IANA's.
 */
#include "judge/stack.h"

enum {
    EXT_RECORD_SIZE_LIMIT = 28,
    EXT_STATUS_REQUEST_V2 = 17,
    EXT_TOKEN_BINDING = 24,
    EXT_DELEGATED_CREDENTIAL = 34,
};

const char *stack_name(enum stack s)
{
    static const char *const names[] = {
        [STACK_UNKNOWN] = "unknown",     [STACK_OPENSSL] = "OpenSSL",
        [STACK_BORINGSSL] = "BoringSSL", [STACK_NSS] = "NSS",
        [STACK_GNUTLS] = "GnuTLS",       [STACK_GO] = "Go",
        [STACK_JSSE] = "Java",           [STACK_RUSTLS] = "rustls",
        [STACK_MBEDTLS] = "Mbed TLS",    [STACK_WOLFSSL] = "wolfSSL",
        [STACK_SCHANNEL] = "SChannel",   [STACK_APPLE] = "Apple",
        [STACK_S2N] = "s2n-tls",
    };
    return (unsigned)s < sizeof names / sizeof names[0] ? names[s] : "unknown";
}

static bool has(const struct client_offer *o, uint16_t extension)
{
    return list_has(&o->extensions, extension);
}

/* GREASE (RFC 8701) is BoringSSL's; what certificate compression it asks for
 * tells Chrome (brotli, 2) from Apple (zlib, 1). */
static enum stack greasing_stack(const struct client_offer *o)
{
    if (list_has(&o->compress_certificate, 2)) {
        return STACK_BORINGSSL;
    }
    if (list_has(&o->compress_certificate, 1)) {
        return STACK_APPLE;
    }
    return STACK_UNKNOWN;
}

/* NSS sends extended_master_secret, renegotiation_info and supported_groups
 * one after the other. So does BoringSSL, which has no record_size_limit. */
static bool is_in_nss_order(const struct client_offer *o)
{
    const uint16_t *v = o->extensions.v;
    for (uint16_t i = 0; i + 2 < o->extensions.n; i++) {
        if (v[i] == 23 && v[i + 1] == 0xff01 && v[i + 2] == 10) {
            return !o->has_etm;
        }
    }
    return false;
}

enum stack stack_of_client(const struct client_offer *o)
{
    if (!o->seen || o->v2_format || o->malformed) {
        return STACK_UNKNOWN;
    }
    if (o->has_grease) {
        return greasing_stack(o);
    }
    if (has(o, EXT_STATUS_REQUEST_V2)) {
        return STACK_JSSE;
    }
    if (has(o, EXT_RECORD_SIZE_LIMIT) &&
        (has(o, EXT_DELEGATED_CREDENTIAL) || is_in_nss_order(o))) {
        return STACK_NSS;
    }
    if (has(o, EXT_RECORD_SIZE_LIMIT) && o->has_etm) {
        return STACK_GNUTLS;
    }
    /* Three point formats, although nobody uses the compressed ones. */
    if (o->has_etm && o->point_formats.n == 3) {
        return STACK_OPENSSL;
    }
    if (has(o, EXT_TOKEN_BINDING)) {
        return STACK_SCHANNEL;
    }
    if (o->has_sct && o->has_status_request && o->has_renegotiation_info &&
        !o->has_etm && o->psk_modes.n == 0 && !o->has_ticket) {
        return STACK_GO;
    }
    return STACK_UNKNOWN;
}
