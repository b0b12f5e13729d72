/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack families by what only they do: the order of a hello's extensions (which
 * no RFC prescribes, so that it follows from how a library is written), its
 * lists, and how TLS 1.3 records are padded and packed. Conservative: what
 * could be anybody's is STACK_UNKNOWN, and nothing certain is ever built on it.
 * Extension numbers are IANA's.
 */
#include "judge/stack.h"

#include "judge/flight.h"
#include "known/known.h"

enum {
    EXT_SERVER_NAME = 0,
    EXT_GROUPS = 10,
    EXT_POINT_FORMATS = 11,
    EXT_SCHEMES = 13,
    EXT_STATUS_REQUEST_V2 = 17,
    EXT_EMS = 23,
    EXT_TOKEN_BINDING = 24,
    EXT_RECORD_SIZE_LIMIT = 28,
    EXT_DELEGATED_CREDENTIAL = 34,
    EXT_TICKET = 35,
    EXT_VERSIONS = 43,
    EXT_KEY_SHARE = 51,
    EXT_RENEGOTIATION = 0xff01,
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

bool stack_names_issuer(enum stack s)
{
    return s == STACK_OPENSSL || s == STACK_NSS || s == STACK_JSSE ||
           s == STACK_RUSTLS || s == STACK_MBEDTLS || s == STACK_WOLFSSL;
}

/* Go since 1.15 (crypto/x509, HostnameError), Chrome since 58 and Conscrypt
 * since 2.1 (both BoringSSL), webpki, and Apple's since iOS 13 (support article
 * HT210176). NSS leaves it to its callers: Firefox ignores it, curl does not.
 */
bool stack_ignores_common_name(enum stack s)
{
    return s == STACK_GO || s == STACK_BORINGSSL || s == STACK_RUSTLS ||
           s == STACK_APPLE;
}

static bool has(const struct client_offer *o, uint16_t extension)
{
    return list_has(&o->extensions, extension);
}

/* Where an extension stands, or -1. */
static int place_of(const struct u16_list *l, uint16_t extension)
{
    for (uint16_t i = 0; i < l->n; i++) {
        if (l->v[i] == extension) {
            return i;
        }
    }
    return -1;
}

/* Whether the list holds these values one right after the other. */
static bool holds_run(const struct u16_list *l, const uint16_t *run, size_t n)
{
    for (size_t i = 0; i + n <= l->n; i++) {
        if (memcmp(l->v + i, run, n * sizeof *run) == 0) {
            return true;
        }
    }
    return false;
}

static bool starts_run(const struct u16_list *l, const uint16_t *run, size_t n)
{
    return l->n >= n && memcmp(l->v, run, n * sizeof *run) == 0;
}

#define RUN(...)                                                               \
    (const uint16_t[]){__VA_ARGS__},                                           \
        sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t)

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
    return !o->has_etm &&
           holds_run(&o->extensions,
                     RUN(EXT_EMS, EXT_RENEGOTIATION, EXT_GROUPS));
}

/* wolfSSL puts each extension in front of those before it, so that its order
 * runs backwards: what is set first comes last. Old BoringSSL (Mono's) has the
 * three in this order, too, but behind the others. */
static bool is_in_wolfssl_order(const struct client_offer *o)
{
    const struct u16_list *e = &o->extensions;
    int at = place_of(e, EXT_SCHEMES);
    bool behind =
        list_has(e, EXT_SERVER_NAME) && place_of(e, EXT_SERVER_NAME) < at;
    behind = behind || (list_has(e, EXT_EMS) && place_of(e, EXT_EMS) < at);
    return !behind &&
           holds_run(e, RUN(EXT_SCHEMES, EXT_POINT_FORMATS, EXT_GROUPS));
}

/* Mbed TLS (ssl_client.c, and ssl_cli.c of 2.x): both orders of the three, and
 * the uncompressed point format alone, beside encrypt_then_mac. */
static bool is_like_mbedtls(const struct client_offer *o)
{
    const struct u16_list *e = &o->extensions;
    return o->has_etm && o->point_formats.n == 1 && o->has_scsv &&
           (holds_run(e, RUN(EXT_GROUPS, EXT_SCHEMES, EXT_POINT_FORMATS)) ||
            holds_run(e, RUN(EXT_SCHEMES, EXT_GROUPS, EXT_POINT_FORMATS)));
}

/* rustls shuffles its extensions; its suites and schemes are in an order of
 * their own (P-384 before P-256, long hashes first). */
static bool is_like_rustls(const struct client_offer *o)
{
    return starts_run(&o->ciphers, RUN(0x1302, 0x1301, 0x1303)) &&
           starts_run(&o->signature_algorithms, RUN(0x0503, 0x0403)) &&
           holds_run(&o->signature_algorithms,
                     RUN(0x0806, 0x0805, 0x0804, 0x0601, 0x0501, 0x0401));
}

/* s2n-tls asks for the version, the groups and the key before all else. */
static bool is_in_s2n_order(const struct client_offer *o)
{
    return starts_run(&o->extensions, RUN(EXT_VERSIONS, EXT_GROUPS,
                                          EXT_KEY_SHARE, EXT_SCHEMES));
}

enum stack stack_of_client(const struct client_offer *o)
{
    if (!o->seen || o->v2_format || o->malformed || o->partial) {
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
    if (is_in_wolfssl_order(o)) {
        return STACK_WOLFSSL;
    }
    if (is_like_mbedtls(o)) {
        return STACK_MBEDTLS;
    }
    if (is_like_rustls(o)) {
        return STACK_RUSTLS;
    }
    if (is_in_s2n_order(o)) {
        return STACK_S2N;
    }
    if (o->has_sct && o->has_status_request && o->has_renegotiation_info &&
        !o->has_etm && o->psk_modes.n == 0 && !o->has_ticket) {
        return STACK_GO;
    }
    return STACK_UNKNOWN;
}

/* ---- servers ---- */

/* Whether the extensions that are there stand in this order. */
static bool is_ordered(const struct u16_list *l, const uint16_t *run, size_t n)
{
    int last = -1;
    for (size_t i = 0; i < n; i++) {
        int place = place_of(l, run[i]);
        if (place >= 0 && place < last) {
            return false;
        }
        last = place >= 0 ? place : last;
    }
    return true;
}

/*
 * By the order in a ServerHello of TLS 1.2 and older, where it holds enough to
 * tell: renegotiation_info, extended_master_secret, and one or both of
 * ec_point_formats and session_ticket.
 */
static enum stack stack_of_order(const struct u16_list *e)
{
    static const struct {
        enum stack stack;
        uint16_t order[4];
        bool formats, ticket; /* has to hold these, too */
    } rows[] = {
        {STACK_OPENSSL,
         {EXT_RENEGOTIATION, EXT_POINT_FORMATS, EXT_TICKET, EXT_EMS},
         true,
         false},
        {STACK_BORINGSSL,
         {EXT_EMS, EXT_RENEGOTIATION, EXT_POINT_FORMATS, EXT_TICKET},
         true,
         false},
        {STACK_MBEDTLS,
         {EXT_RENEGOTIATION, EXT_EMS, EXT_TICKET, EXT_POINT_FORMATS},
         true,
         true},
        {STACK_GO,
         {EXT_TICKET, EXT_RENEGOTIATION, EXT_EMS, EXT_POINT_FORMATS},
         true,
         true},
        {STACK_WOLFSSL,
         {EXT_TICKET, EXT_POINT_FORMATS, EXT_RENEGOTIATION, EXT_EMS},
         true,
         true},
        {STACK_GNUTLS,
         {EXT_POINT_FORMATS, EXT_EMS, EXT_TICKET, EXT_RENEGOTIATION},
         true,
         true},
        {STACK_S2N,
         {EXT_POINT_FORMATS, EXT_RENEGOTIATION, EXT_EMS, EXT_TICKET},
         true,
         false},
    };
    if (!list_has(e, EXT_RENEGOTIATION) || !list_has(e, EXT_EMS)) {
        return STACK_UNKNOWN;
    }
    bool formats = list_has(e, EXT_POINT_FORMATS);
    bool ticket = list_has(e, EXT_TICKET);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if ((formats || !rows[i].formats) && (ticket || !rows[i].ticket) &&
            is_ordered(e, rows[i].order, 4)) {
            return rows[i].stack;
        }
    }
    return STACK_UNKNOWN;
}

/* Java sends no point formats, and renegotiation_info last. */
static bool is_in_java_order(const struct server_choice *c)
{
    const struct u16_list *e = &c->extensions;
    const struct known_suite *k = known_suite(c->cipher);
    return e->n >= 3 && e->v[e->n - 1] == EXT_RENEGOTIATION && k &&
           k->kx == KX_ECDHE && !list_has(e, EXT_POINT_FORMATS) &&
           holds_run(e, RUN(EXT_EMS, EXT_TICKET));
}

/* In TLS 1.3 only those that pad can be told (record_class.h). */
static enum stack stack_of_padding(const struct handshake *hs)
{
    enum record_padding padding;
    if (hs->flavour != FLAVOUR_TLS || !flight_padding(hs, &padding)) {
        return STACK_UNKNOWN;
    }
    return padding == PADDING_16_ZEROS ? STACK_JSSE
           : padding == PADDING_TO_16  ? STACK_MBEDTLS
                                       : STACK_UNKNOWN;
}

enum stack stack_of_server(const struct handshake *hs)
{
    const struct server_choice *c = &hs->choice;
    if (!c->seen || c->malformed || c->partial) {
        return STACK_UNKNOWN;
    }
    if (known_version_is_13(c->version)) {
        return stack_of_padding(hs);
    }
    return is_in_java_order(c) ? STACK_JSSE : stack_of_order(&c->extensions);
}
