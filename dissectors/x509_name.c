/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a certificate is for a host: RFC 9525 section 6 (names), RFC 5280
 * 4.2.1.6 (subjectAltName), RFC 3492 (Punycode, encoding only).
 *
 * Non-ASCII labels are turned to A-labels as they are: no IDNA mapping
 * (RFC 5895) and no normalization is done. SRV-IDs and URI-IDs are not looked
 * at, since a TLS client at this level knows a host only.
 */
#include "base/ascii.h"
#include "base/text.h"
#include "handshake/cert.h"

#include <arpa/inet.h>

/* RFC 1035 section 2.3.4, without the root label. */
#define HOST_BYTES_MAX  253
#define LABEL_BYTES_MAX 63

/* A host name in the form names are compared in: lower-case A-labels. */
struct host_name {
    uint8_t p[HOST_BYTES_MAX];
    size_t n;
};

/* One label's code points. */
struct label {
    uint32_t cp[LABEL_BYTES_MAX];
    size_t n;
    bool ascii;
};

/* ---- Punycode (RFC 3492)
 * ----------------------------------------------------- */

enum {
    PUNY_BASE = 36,
    PUNY_TMIN = 1,
    PUNY_TMAX = 26,
    PUNY_SKEW = 38,
    PUNY_DAMP = 700,
    PUNY_BIAS = 72,
    PUNY_FIRST = 128,
};

static bool host_add(struct host_name *h, uint32_t c)
{
    if (h->n == sizeof h->p) {
        return false;
    }
    h->p[h->n++] = (uint8_t)c;
    return true;
}

/* Section 6.1. */
static uint32_t puny_adapt(uint32_t delta, uint32_t points, bool first)
{
    delta = first ? delta / PUNY_DAMP : delta / 2;
    delta += delta / points;
    uint32_t k = 0;
    while (delta > (PUNY_BASE - PUNY_TMIN) * PUNY_TMAX / 2) {
        delta /= PUNY_BASE - PUNY_TMIN;
        k += PUNY_BASE;
    }
    return k + (PUNY_BASE - PUNY_TMIN + 1) * delta / (delta + PUNY_SKEW);
}

/* delta as a variable-length integer. */
static bool puny_integer(struct host_name *out, uint32_t delta, uint32_t bias)
{
    uint32_t q = delta;
    for (uint32_t k = PUNY_BASE;; k += PUNY_BASE) {
        uint32_t t = k <= bias ? PUNY_TMIN : k - bias;
        if (t > PUNY_TMAX) {
            t = PUNY_TMAX;
        }
        uint32_t digit = q < t ? q : t + (q - t) % (PUNY_BASE - t);
        if (!host_add(out, digit < 26 ? 'a' + digit : '0' + digit - 26)) {
            return false;
        }
        if (q < t) {
            return true;
        }
        q = (q - t) / (PUNY_BASE - t);
    }
}

static uint32_t next_code_point(const struct label *l, uint32_t at_least)
{
    uint32_t m = UINT32_MAX;
    for (size_t i = 0; i < l->n; i++) {
        if (l->cp[i] >= at_least && l->cp[i] < m) {
            m = l->cp[i];
        }
    }
    return m;
}

/* The ASCII code points and, when there are any, the delimiter. */
static bool puny_basic(const struct label *l, struct host_name *out,
                       uint32_t *count)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->cp[i] < PUNY_FIRST) {
            if (!host_add(out, l->cp[i])) {
                return false;
            }
            ++*count;
        }
    }
    return *count == 0 || host_add(out, '-');
}

/* Section 6.3. No overflow: a label has at most 63 code points below 2^21. */
static bool puny_encode(const struct label *l, struct host_name *out)
{
    uint32_t n = PUNY_FIRST;
    uint32_t delta = 0;
    uint32_t bias = PUNY_BIAS;
    uint32_t done = 0;
    if (!puny_basic(l, out, &done)) {
        return false;
    }
    const uint32_t basic = done;
    while (done < l->n) {
        uint32_t m = next_code_point(l, n);
        delta += (m - n) * (done + 1);
        n = m;
        for (size_t i = 0; i < l->n; i++) {
            if (l->cp[i] < n) {
                delta++;
            } else if (l->cp[i] == n) {
                if (!puny_integer(out, delta, bias)) {
                    return false;
                }
                bias = puny_adapt(delta, done + 1, done == basic);
                delta = 0;
                done++;
            }
        }
        delta++;
        n++;
    }
    return true;
}

/* ---- host names
 * --------------------------------------------------------------- */

/* Letters, digits, hyphen, and the underscore that some hosts have. */
static bool is_host_char(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c >= PUNY_FIRST;
}

/* RFC 3490 section 3.1: the other full stops. */
static bool is_dot(uint32_t c)
{
    return c == '.' || c == 0x3002 || c == 0xff0e || c == 0xff61;
}

static bool label_close(struct label *l, struct host_name *out)
{
    size_t start = out->n;
    if (l->n == 0) {
        return false;
    }
    if (l->ascii) {
        for (size_t i = 0; i < l->n; i++) {
            if (!host_add(out, l->cp[i])) {
                return false;
            }
        }
    } else if (!host_add(out, 'x') || !host_add(out, 'n') ||
               !host_add(out, '-') || !host_add(out, '-') ||
               !puny_encode(l, out)) {
        return false;
    }
    *l = (struct label){.ascii = true};
    return out->n - start <= LABEL_BYTES_MAX;
}

static bool label_add(struct label *l, uint32_t c)
{
    c = c < PUNY_FIRST ? ascii_lower((uint8_t)c) : c;
    if (l->n == LABEL_BYTES_MAX || !is_host_char(c)) {
        return false;
    }
    l->cp[l->n++] = c;
    l->ascii = l->ascii && c < PUNY_FIRST;
    return true;
}

/* False when it is no host name: odd characters, empty or long labels. A dot
 * at the end (the DNS root) is dropped. */
static bool host_read(struct span text, struct host_name *out)
{
    struct label label = {.ascii = true};
    bool after_dot = false;
    *out = (struct host_name){.n = 0};
    while (text.n) {
        uint32_t c = 0;
        size_t n = utf8_decode(text, &c);
        if (!n) {
            return false;
        }
        text = span_sub(text, n, text.n - n);
        if (after_dot && !host_add(out, '.')) {
            return false;
        }
        after_dot = is_dot(c);
        if (after_dot ? !label_close(&label, out) : !label_add(&label, c)) {
            return false;
        }
    }
    return after_dot || label_close(&label, out);
}

/* ---- addresses
 * ------------------------------------------------------------------ */

static struct span strip_brackets(struct span s)
{
    struct span last = span_sub(s, s.n - (s.n != 0), 1);
    if (s.n > 2 && span_starts(s, "[") && span_starts(last, "]")) {
        return span_sub(s, 1, s.n - 2);
    }
    return s;
}

/* Bytes of the address in out: 4, 16, or 0 when it is none. */
static size_t address_read(struct span host, uint8_t out[16])
{
    char text[INET6_ADDRSTRLEN + 1] = "";
    struct span bare = strip_brackets(host);
    if (bare.n >= sizeof text || (bare.n && memchr(bare.p, 0, bare.n))) {
        return 0;
    }
    if (bare.n) {
        memcpy(text, bare.p, bare.n);
    }
    if (inet_pton(AF_INET6, text, out) == 1) {
        return 16;
    }
    return bare.n == host.n && inet_pton(AF_INET, text, out) == 1 ? 4 : 0;
}

static bool address_matches(const struct cert *c, struct span address)
{
    for (uint16_t i = 0; i < c->ip.n; i++) {
        if (span_eq(c->ip.v[i], address)) {
            return true;
        }
    }
    return false;
}

/* ---- comparison
 * ------------------------------------------------------------------ */

static bool equal_fold(struct span name, struct span host)
{
    return name.n == host.n && ascii_same(name.p, host.p, name.n);
}

/* What stands behind the first dot; empty when there is none. */
static struct span parent_of(struct span host)
{
    const uint8_t *dot = host.n ? memchr(host.p, '.', host.n) : NULL;
    if (!dot) {
        return (struct span){NULL, 0};
    }
    size_t at = (size_t)(dot - host.p) + 1;
    return span_sub(host, at, host.n - at);
}

/* RFC 9525 section 6.3. A wildcard over a whole top-level domain (*.com) is
 * refused, as clients do. */
static bool name_matches(struct span name, struct span host)
{
    if (!name.n) {
        return false;
    }
    if (!span_starts(name, "*.")) {
        return equal_fold(name, host);
    }
    struct span parent = parent_of(host);
    return parent_of(parent).n && equal_fold(parent_of(name), parent);
}

bool x509_name_matches(const struct cert *c, struct span host,
                       bool common_name_too)
{
    uint8_t address[16];
    size_t n = address_read(host, address);
    if (n) {
        return c->names_cut || address_matches(c, span_of(address, n));
    }
    struct host_name h;
    if (!host_read(host, &h)) {
        return false;
    }
    for (uint16_t i = 0; i < c->dns.n; i++) {
        if (name_matches(c->dns.v[i], span_of(h.p, h.n))) {
            return true;
        }
    }
    if (c->names_cut) {
        /* The name may be among those that were not kept: no mismatch can be
         * claimed. */
        return true;
    }
    return common_name_too && !c->dns.n && !c->ip.n &&
           name_matches(c->subject.common_name, span_of(h.p, h.n));
}
