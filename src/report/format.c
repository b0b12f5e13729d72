/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that more than one reporter prints: IP addresses (RFC 5952, with the
 * mixed notation of its section 5 for IPv4-mapped ones), endpoints, and the
 * Community ID flow hash, version 1 with seed 0
 * (https://github.com/corelight/community-id-spec).
 */
#include "base/digest.h"
#include "report/report.h"

#include <openssl/evp.h>

#define PROTO_NUMBER_TCP 6
#define PROTO_NUMBER_UDP 17
#define SHA1_BYTES       20

static void format_ipv4(struct text *t, const uint8_t *ip)
{
    char buf[sizeof "255.255.255.255"];
    char *p = buf;
    for (unsigned i = 0; i < 4; i++) {
        unsigned v = ip[i];
        if (v >= 100) {
            *p++ = (char)('0' + v / 100);
        }
        if (v >= 10) {
            *p++ = (char)('0' + v / 10 % 10);
        }
        *p++ = (char)('0' + v % 10);
        *p++ = '.';
    }
    text_add_n(t, buf, (size_t)(p - buf) - 1);
}

/* The longest run of at least two zero words, the first of equals; its length,
 * or 0. */
static unsigned zero_run(const uint16_t w[8], unsigned *at)
{
    unsigned best = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;
        while (i + n < 8 && w[i + n] == 0) {
            n++;
        }
        if (n > best) {
            best = n;
            *at = i;
        }
        i += n;
    }
    return best >= 2 ? best : 0;
}

static void format_ipv6(struct text *t, const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        text_add(t, "::ffff:");
        format_ipv4(t, ip + 12);
        return;
    }
    uint16_t w[8];
    for (unsigned i = 0; i < 8; i++) {
        w[i] = (uint16_t)(ip[2 * i] << 8 | ip[2 * i + 1]);
    }
    unsigned at = 8;
    unsigned run = zero_run(w, &at);
    for (unsigned i = 0; i < 8; i++) {
        if (run && i == at) {
            text_add(t, "::");
            i += run - 1;
            continue;
        }
        bool joined = i == 0 || (run && i == at + run);
        text_fmt(t, joined ? "%x" : ":%x", (unsigned)w[i]);
    }
}

static void format_mac(struct text *t, const uint8_t *mac)
{
    static const uint8_t unknown[6];
    if (memcmp(mac, unknown, sizeof unknown) == 0) {
        text_add(t, "(no IP)");
        return;
    }
    for (unsigned i = 0; i < 6; i++) {
        text_fmt(t, i ? ":%02x" : "%02x", (unsigned)mac[i]);
    }
}

void format_ip(struct text *t, const uint8_t ip[16], uint8_t ip_version)
{
    if (ip_version == 6) {
        format_ipv6(t, ip);
    } else if (ip_version == 0) {
        format_mac(t, ip);
    } else {
        format_ipv4(t, ip);
    }
}

void format_endpoint(struct text *t, const uint8_t ip[16], uint16_t port,
                     uint8_t ip_version)
{
    if (ip_version == 6) {
        text_char(t, '[');
        format_ip(t, ip, ip_version);
        text_fmt(t, "]:%u", (unsigned)port);
        return;
    }
    format_ip(t, ip, ip_version);
    if (ip_version) {
        text_fmt(t, ":%u", (unsigned)port);
    }
}

/* What is hashed: seed, both addresses, protocol, zero, both ports; the lower
 * end (by address, then port) first. Returns its length. */
static size_t community_bytes(const struct handshake *hs, uint8_t out[40])
{
    size_t ip_bytes = hs->ip_version == 6 ? 16 : 4;
    const struct hs_addr *a = &hs->addr[SIDE_CLIENT];
    const struct hs_addr *b = &hs->addr[SIDE_SERVER];
    int order = memcmp(a->ip, b->ip, ip_bytes);
    if (order > 0 || (order == 0 && a->port > b->port)) {
        const struct hs_addr *swap = a;
        a = b;
        b = swap;
    }
    size_t n = 2; /* the seed, zero */
    memset(out, 0, n);
    memcpy(out + n, a->ip, ip_bytes);
    n += ip_bytes;
    memcpy(out + n, b->ip, ip_bytes);
    n += ip_bytes;
    out[n++] =
        hs->transport == TRANSPORT_UDP ? PROTO_NUMBER_UDP : PROTO_NUMBER_TCP;
    out[n++] = 0;
    out[n++] = (uint8_t)(a->port >> 8);
    out[n++] = (uint8_t)(a->port & 0xff);
    out[n++] = (uint8_t)(b->port >> 8);
    out[n++] = (uint8_t)(b->port & 0xff);
    return n;
}

void format_community_id(struct text *t, const struct handshake *hs)
{
    uint8_t in[40];
    uint8_t sum[DIGEST_BYTES_MAX];
    size_t n = community_bytes(hs, in);
    if (!digest(DIGEST_SHA1, span_of(in, n), sum)) {
        return; /* a crypto library that refuses SHA-1 */
    }
    unsigned char base64[4 * ((SHA1_BYTES + 2) / 3) + 1];
    int base64_n = EVP_EncodeBlock(base64, sum, SHA1_BYTES);
    text_add(t, "1:");
    text_add_n(t, (const char *)base64, base64_n > 0 ? (size_t)base64_n : 0);
}
