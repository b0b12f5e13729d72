/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a handshake as words. Everything is cut at SAY_BYTES. */
#include "judge/say.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define LISTED_MAX 6u

__attribute__((format(printf, 1, 2))) static struct say said(const char *fmt,
                                                             ...)
{
    struct say out;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out.s, sizeof out.s, fmt, ap);
    va_end(ap);
    return out;
}

static void append(struct say *t, const char *s)
{
    size_t n = strlen(t->s);
    size_t room = sizeof t->s - 1 - n;
    size_t k = strlen(s);
    if (k > room) {
        k = room;
    }
    memcpy(t->s + n, s, k);
    t->s[n + k] = '\0';
}

struct say say_span(struct span s)
{
    struct say out;
    size_t n = s.n < SAY_BYTES - 8 ? s.n : SAY_BYTES - 8;
    for (size_t i = 0; i < n; i++) {
        /* A NUL would end the text and hide what follows. */
        out.s[i] = s.p[i] ? (char)s.p[i] : '?';
    }
    out.s[n] = '\0';
    if (n < s.n) {
        append(&out, "...");
    }
    return out;
}

struct say say_date(tick_t t)
{
    time_t sec = (time_t)(t / TICK_SEC);
    struct tm tm;
    if (t == INT64_MIN || t == INT64_MAX || !gmtime_r(&sec, &tm)) {
        return said("an unreadable date");
    }
    return said("%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

struct say say_days(int64_t days)
{
    if (days < 1) {
        return said("less than a day");
    }
    return said("%lld day%s", (long long)days, days == 1 ? "" : "s");
}

struct say say_duration(tick_t ns)
{
    if (ns < 0) {
        ns = 0;
    }
    if (ns < TICK_MSEC) {
        return said("%lld us", (long long)(ns / TICK_USEC));
    }
    if (ns < TICK_SEC) {
        return said("%lld ms", (long long)(ns / TICK_MSEC));
    }
    return said("%lld.%lld s", (long long)(ns / TICK_SEC),
                (long long)(ns % TICK_SEC / (100 * TICK_MSEC)));
}

struct say say_alert(uint16_t code)
{
    const char *name = known_alert_name(code);
    return name ? said("%s (%u)", name, code) : said("number %u", code);
}

struct say say_version(uint16_t v)
{
    const char *name = known_version_title(v);
    return name ? said("%s", name) : said("version 0x%04x", v);
}

struct say say_suite(uint16_t code)
{
    const struct known_suite *k = known_suite(code);
    return k ? said("%s", k->name) : said("0x%04x", code);
}

struct say say_group(uint16_t code)
{
    const char *name = known_group_name(code);
    return name ? said("%s", name) : said("0x%04x", code);
}

struct say say_scheme(uint16_t code)
{
    const char *name = known_signature_name(code);
    return name ? said("%s", name) : said("0x%04x", code);
}

static bool is_signal(uint16_t v)
{
    return known_is_grease(v) || v == 0x00ff || v == 0x5600;
}

static struct say say_list(const struct u16_list *l,
                           struct say (*one)(uint16_t))
{
    struct say out = {{0}};
    unsigned shown = 0, more = 0;
    for (uint16_t i = 0; i < l->n; i++) {
        if (is_signal(l->v[i])) {
            continue;
        }
        if (shown == LISTED_MAX || strlen(out.s) > SAY_BYTES - 70) {
            more++;
            continue;
        }
        append(&out, shown ? ", " : "");
        append(&out, one(l->v[i]).s);
        shown++;
    }
    if (more) {
        append(&out, said(" and %u more", more).s);
    }
    if (!shown) {
        append(&out, "none");
    }
    return out;
}

struct say say_suites(const struct u16_list *l)
{
    return say_list(l, say_suite);
}

struct say say_groups(const struct u16_list *l)
{
    return say_list(l, say_group);
}

struct say say_schemes(const struct u16_list *l)
{
    return say_list(l, say_scheme);
}

struct say say_offered_versions(const struct client_offer *o)
{
    if (o->versions.seen) {
        return say_list(&o->versions, say_version);
    }
    if (o->max_version == 0) {
        return said("versions that the capture lacks");
    }
    return said("%s at most", say_version(o->max_version).s);
}

struct say say_alpn(const struct span_list *l)
{
    struct say out = {{0}};
    for (uint16_t i = 0; i < l->n && i < LISTED_MAX; i++) {
        append(&out, i ? ", " : "");
        append(&out, say_span(l->v[i]).s);
    }
    return out;
}

struct say say_names(const struct cert *c)
{
    struct say out = {{0}};
    unsigned shown = 0;
    for (uint16_t i = 0; i < c->dns.n && shown < LISTED_MAX; i++, shown++) {
        append(&out, shown ? ", " : "");
        append(&out, say_span(c->dns.v[i]).s);
    }
    if (c->dns.n > shown && shown) {
        append(&out, said(" and %u more", c->dns.n - shown).s);
    }
    if (!shown && c->subject.common_name.n) {
        return say_span(c->subject.common_name);
    }
    if (!shown) {
        append(&out, "no name");
    }
    return out;
}

struct say say_name(const struct cert_name *n)
{
    if (n->common_name.n) {
        return say_span(n->common_name);
    }
    if (n->organization.n) {
        return say_span(n->organization);
    }
    if (n->distinguished_name.n) {
        return say_span(n->distinguished_name);
    }
    return said("(no name)");
}

const char *say_untrusted(const struct facts *f)
{
    return f->trust.anchors_given ? "not among the roots given (--ca)"
                                  : "not among the roots of this machine";
}

/* inet_ntop() takes its time with printf. */
static void put_ip4(char *to, const uint8_t *ip)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned v = ip[i];
        if (v >= 100) {
            *to++ = (char)('0' + v / 100);
        }
        if (v >= 10) {
            *to++ = (char)('0' + v / 10 % 10);
        }
        *to++ = (char)('0' + v % 10);
        *to++ = i < 3 ? '.' : '\0';
    }
}

struct say say_ip(const struct handshake *hs, enum side side)
{
    struct say out;
    const uint8_t *ip = hs->addr[side].ip;
    out.s[0] = '\0';
    if (hs->ip_version == 0) { /* EAPOL */
        return said("%02x:%02x:%02x:%02x:%02x:%02x", ip[0], ip[1], ip[2], ip[3],
                    ip[4], ip[5]);
    }
    if (hs->ip_version != 6) {
        put_ip4(out.s, ip);
    } else {
        inet_ntop(AF_INET6, ip, out.s, sizeof out.s);
    }
    return out;
}

struct say say_server(const struct handshake *hs)
{
    if (hs->offer.has_sni && hs->offer.sni.n) {
        return say_span(hs->offer.sni);
    }
    struct hs_target target;
    if (hs_tunnel_target(hs, &target)) {
        return say_span(target.host);
    }
    return say_ip(hs, SIDE_SERVER);
}

/* ---- the ending ---- */

static const char *who(const struct conclusion *end)
{
    switch (end->by) {
    case BY_CLIENT:
        return "the client";
    case BY_SERVER:
        return "the server";
    case BY_MIDDLEBOX:
        return "somebody in between";
    default:
        return "nobody";
    }
}

struct say say_frame(const struct handshake *hs, uint64_t frame)
{
    if (!frame || hs->unnumbered) {
        return (struct say){{0}};
    }
    return said(" in frame %llu", (unsigned long long)frame);
}

static struct say in_frame(const struct facts *f)
{
    return say_frame(f->hs, f->end->frame_decisive);
}

/* Where waiting is counted from. */
static const char *hello_or_part(const struct handshake *hs)
{
    return hs->offer.seen || hs_find(hs, HS_CLIENT_HELLO, SIDE_NONE)
               ? "the ClientHello"
               : "the client's first bytes";
}

static struct say after_hello(const struct facts *f)
{
    if (!f->hs->when_hello || f->waited_ns < 0) {
        return (struct say){{0}};
    }
    return said(", %s after %s", say_duration(f->waited_ns).s,
                hello_or_part(f->hs));
}

/* Who had enough of the silence, and when. */
static struct say gave_up(const struct handshake *hs)
{
    static const enum hs_kind kinds[] = {HS_FIN, HS_RST};
    for (unsigned i = 0; i < 4; i++) {
        enum side side = i & 1 ? SIDE_SERVER : SIDE_CLIENT;
        const struct hs_event *e = hs_find(hs, kinds[i / 2], side);
        if (e && hs->when_hello && e->when > hs->when_hello) {
            return said("; the %s gave up %s after %s (%s%s)", side_name(side),
                        say_duration(e->when - hs->when_hello).s,
                        hello_or_part(hs),
                        kinds[i / 2] == HS_FIN ? "close" : "reset",
                        say_frame(hs, e->frame).s);
        }
    }
    return (struct say){{0}};
}

static struct say say_alert_ending(const struct facts *f)
{
    const struct conclusion *end = f->end;
    const char *by = side_name(end->alert_side);
    if (end->alert_code == ALERT_NONE) {
        return said("the %s sent an encrypted alert%s", by, in_frame(f).s);
    }
    return said("the %s sent the %s alert %s%s", by,
                end->alert_level == 1 ? "warning" : "fatal",
                say_alert(end->alert_code).s, in_frame(f).s);
}

struct say say_ending(const struct facts *f)
{
    const struct conclusion *end = f->end;
    switch (end->how) {
    case HOW_ALERT:
        return say_alert_ending(f);
    case HOW_RESET:
        return said("%s reset the connection%s%s", who(end), in_frame(f).s,
                    after_hello(f).s);
    case HOW_CLOSE:
        if (end->by == BY_SERVER && hs_is_eap(f->hs)) {
            return said("the server ended the log-in with EAP-Failure, without "
                        "an alert%s%s",
                        in_frame(f).s, after_hello(f).s);
        }
        return said("%s closed the connection without an alert%s%s", who(end),
                    in_frame(f).s, after_hello(f).s);
    case HOW_TIMEOUT:
        return said("nothing more came after %s%s", stage_words(end->stage),
                    gave_up(f->hs).s);
    case HOW_QUIC_CLOSE:
        if (end->has_alert && end->alert_code != ALERT_NONE) {
            return said("the %s closed the QUIC connection with the alert "
                        "%s%s",
                        side_name(end->alert_side),
                        say_alert(end->alert_code).s, in_frame(f).s);
        }
        return said("%s closed the QUIC connection%s", who(end), in_frame(f).s);
    default:
        return (struct say){{0}};
    }
}

struct say say_line(struct span s)
{
    size_t n = 0;
    while (n < s.n && n < 80 && s.p[n] >= 0x20 && s.p[n] < 0x7f) {
        n++;
    }
    return say_span(span_sub(s, 0, n));
}

/* Codes of RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1, and
 * of RFC 4443 section 3.1. */
struct say say_unreachable(uint8_t ip_version, uint8_t code)
{
    static const char *const v4[] = {
        [0] = "network unreachable",
        [1] = "host unreachable",
        [2] = "protocol unreachable",
        [3] = "port unreachable",
        [6] = "network unknown",
        [7] = "host unknown",
        [9] = "network administratively prohibited",
        [10] = "host administratively prohibited",
        [13] = "administratively prohibited, as filters say",
    };
    static const char *const v6[] = {
        [0] = "no route",
        [1] = "administratively prohibited, as filters say",
        [3] = "address unreachable",
        [4] = "port unreachable",
        [5] = "the source address is not allowed",
        [6] = "the route rejects it",
    };
    bool six = ip_version == 6;
    size_t n = six ? sizeof v6 / sizeof *v6 : sizeof v4 / sizeof *v4;
    const char *name = code < n ? (six ? v6 : v4)[code] : NULL;
    return said("%s (type %u code %u)", name ? name : "unreachable",
                six ? 1u : 3u, code);
}

/* ---- the way ---- */

struct say say_injected(const struct handshake *hs)
{
    enum side side =
        hs->carrier_injected[SIDE_CLIENT] ? SIDE_CLIENT : SIDE_SERVER;
    uint32_t n = hs->carrier_injected[side];
    if (n == 0) {
        return (struct say){{0}};
    }
    return said("%u bytes of plaintext from the %s stand%s between "
                "%s and TLS: injected commands or replies look like this "
                "(CVE-2011-0411)",
                n, side_name(side),
                say_frame(hs, hs->carrier_injected_frame[side]).s,
                hs->carrier_request ? hs->carrier_request : "STARTTLS");
}

struct say say_path(const struct handshake *hs)
{
    static const char header[] = "PROXY ";
    struct hs_target target;
    struct span asked = hs->carrier_asked;
    if (hs_is_eap(hs)) {
        return asked.n ? said("802.1X log-in: %s", say_span(asked).s)
                       : (struct say){{0}};
    }
    if (hs_tunnel_target(hs, &target) && hs_tunnels(hs) > 1) {
        return said("there are several proxies, one behind the other: %s port "
                    "%u is the first, and the last was asked to connect to %s "
                    "port %u",
                    say_ip(hs, SIDE_SERVER).s, hs->addr[SIDE_SERVER].port,
                    say_span(target.host).s, target.port);
    }
    if (hs_tunnel_target(hs, &target)) {
        return said("the proxy %s port %u was asked to connect to %s port %u",
                    say_ip(hs, SIDE_SERVER).s, hs->addr[SIDE_SERVER].port,
                    say_span(target.host).s, target.port);
    }
    if (!span_starts(asked, header)) {
        return (struct say){{0}};
    }
    /* PROXY TCP4 client server client-port server-port */
    struct span word[6];
    unsigned n = 0;
    for (size_t i = 0; i < asked.n && n < 6; i++) {
        size_t from = i;
        while (i < asked.n && asked.p[i] != ' ') {
            i++;
        }
        word[n++] = span_sub(asked, from, i - from);
    }
    if (n < 6) {
        return said("the PROXY header in front says %s", say_span(asked).s);
    }
    return said("the PROXY header in front names the client: %s port %s, for "
                "%s port %s",
                say_span(word[2]).s, say_span(word[4]).s, say_span(word[3]).s,
                say_span(word[5]).s);
}
