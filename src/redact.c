/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways in which a value is found. In fields we know what it is. In
 * sentences we replace what fields held (of this record, and single words of
 * earlier ones), IP and MAC addresses and mail addresses by their form, host
 * names by their last label (a public suffix, or one that is private by
 * custom), values of distinguished names, and what stands between quotes, but
 * not the words that a server said in its own protocol: in those only the
 * forms count. Advice (fix, reproduce) is our own text around fields, full of
 * file names that look like hosts: there only fields and addresses count.
 */
#include "redact.h"

#include "base/arena.h"
#include "base/ascii.h"
#include "base/hash.h"
#include "report/fields.h"

#include <arpa/inet.h>
#include <libpsl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES (8u << 20)
#define TEXT_BYTES  ((size_t)64 << 10)
#define WORD_SLOTS  65536u /* a power of two; half of them are used */
#define PHRASES_MAX 512u   /* names of several words that are remembered */
#define HOST_BYTES  255u   /* the longest name that is looked at */

struct redactor {
    struct hash_seed seed;
    const psl_ctx_t *psl;
    struct arena arena;        /* of the record at hand */
    struct arena totals_arena; /* of redact_totals() */
    struct handshake hs;
    struct verdict verdict;
    uint64_t words[WORD_SLOTS]; /* hashes of names that are one word */
    unsigned words_n;
    char *phrases[PHRASES_MAX]; /* owned */
    unsigned phrases_n, phrases_at;
    struct text text;
};

/* ---- pseudonyms ---- */

/* Host names are the same in any case. */
static uint64_t hash_of(const struct redactor *r, struct span s, char kind)
{
    uint8_t low[HOST_BYTES + 1];
    size_t n = s.n < HOST_BYTES ? s.n : HOST_BYTES;
    struct cursor c = cursor_open(s);
    low[0] = (uint8_t)kind;
    for (size_t i = 0; i < n; i++) {
        low[i + 1] = ascii_lower(cursor_u8(&c, "name"));
    }
    return hash_bytes(&r->seed, span_of(low, n + 1)) ^ s.n;
}

static void add_code(const struct redactor *r, struct text *t, const char *word,
                     struct span s, char kind)
{
    text_fmt(t, "%s%08x", word, (unsigned)(hash_of(r, s, kind) & 0xffffffff));
}

static void set_bytes(const struct redactor *r, struct span in, char kind,
                      uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t h = hash_of(r, in, (char)(kind + (char)(i / 8)));
        out[i] = (uint8_t)(h >> 8 * (i % 8));
    }
}

/* Private addresses stay recognisable as such: 10.0.0.0/8. Others go to
 * 240.0.0.0/4 and 2001:db8::/32, which are nobody's. */
static void redact_ip(const struct redactor *r, uint8_t ip[16],
                      unsigned version)
{
    uint8_t in[16];
    size_t n = version == 6 ? 16 : 4;
    memcpy(in, ip, n);
    set_bytes(r, span_of(in, n), 'i', ip, n);
    if (version == 6) {
        ip[0] = 0x20;
        ip[1] = 0x01;
        ip[2] = 0x0d;
        ip[3] = 0xb8;
        return;
    }
    bool private =
        in[0] == 10 || in[0] == 127 || (in[0] == 172 && in[1] >> 4 == 1) ||
        (in[0] == 192 && in[1] == 168) || (in[0] == 169 && in[1] == 254);
    ip[0] = private ? 10 : (uint8_t)(240 | (ip[0] & 15));
}

/* A locally administered address (802.1X has no others to show). */
static void redact_mac(const struct redactor *r, uint8_t mac[6])
{
    uint8_t in[6];
    memcpy(in, mac, sizeof in);
    set_bytes(r, span_of(in, sizeof in), 'm', mac, sizeof in);
    mac[0] = 2;
}

/* A last label that only names of hosts have. */
static bool is_top_label(const struct redactor *r, struct span label)
{
    static const char *const customary[] = {
        "local", "lan",  "internal", "intranet", "corp",  "private",
        "home",  "test", "example",  "invalid",  "onion", "localdomain"};
    char name[64];
    if (label.n < 2 || label.n >= sizeof name) {
        return false;
    }
    struct cursor c = cursor_open(label);
    for (size_t i = 0; i < label.n; i++) {
        name[i] = (char)ascii_lower(cursor_u8(&c, "label"));
    }
    name[label.n] = '\0';
    for (size_t i = 0; i < sizeof customary / sizeof *customary; i++) {
        if (strcmp(name, customary[i]) == 0) {
            return true;
        }
    }
    return r->psl && psl_is_public_suffix2(
                         r->psl, name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

static struct span label_at(struct span s, size_t from)
{
    const uint8_t *dot =
        from < s.n ? memchr(s.p + from, '.', s.n - from) : NULL;
    return span_sub(s, from, dot ? (size_t)(dot - s.p) - from : s.n - from);
}

static struct span last_label(struct span s)
{
    size_t at = 0;
    struct span l = label_at(s, 0);
    while (at + l.n < s.n) {
        at += l.n + 1;
        l = label_at(s, at);
    }
    return l;
}

/* Whether s is made like the name of a host of two labels or more. */
static bool is_host(const struct redactor *r, struct span s)
{
    if (s.n < 4 || s.n > HOST_BYTES || !memchr(s.p, '.', s.n)) {
        return false;
    }
    for (size_t at = 0; at <= s.n;) {
        struct span l = label_at(s, at);
        if (l.n == 0) {
            return false;
        }
        at += l.n + 1;
    }
    return is_top_label(r, last_label(s));
}

/* Label by label, so that a wildcard still fits; the last one stays. */
static void add_host(const struct redactor *r, struct text *t, struct span s)
{
    struct span last = last_label(s);
    bool keep = last.n < s.n && is_top_label(r, last);
    for (size_t at = 0; at <= s.n;) {
        struct span l = label_at(s, at);
        text_add(t, at ? "." : "");
        bool top = keep && at + l.n == s.n;
        if (top || (l.n == 1 && *l.p == '*')) {
            text_add_n(t, (const char *)l.p, l.n);
        } else {
            add_code(r, t, "n", l, 'h');
        }
        at += l.n + 1;
    }
}

static bool is_one_word(struct span s)
{
    return !memchr(s.p, ' ', s.n);
}

/* Any name that a field holds. */
static void add_name(const struct redactor *r, struct text *t, struct span s)
{
    if (is_one_word(s) && (is_host(r, s) || memchr(s.p, '.', s.n))) {
        add_host(r, t, s);
    } else {
        add_code(r, t, is_one_word(s) ? "n" : "name-", s, 'h');
    }
}

/* ---- what was seen ---- */

static void remember_word(struct redactor *r, struct span s)
{
    uint64_t h = hash_of(r, s, 'w') | 1;
    for (unsigned i = 0; i < WORD_SLOTS; i++) {
        uint64_t *slot = &r->words[(h + i) & (WORD_SLOTS - 1)];
        if (*slot == h) {
            return;
        }
        if (!*slot) {
            *slot = h;
            r->words_n++;
            break;
        }
    }
    if (r->words_n > WORD_SLOTS / 2) {
        memset(r->words, 0, sizeof r->words);
        r->words_n = 0;
    }
}

static bool knows_word(const struct redactor *r, struct span s)
{
    uint64_t h = hash_of(r, s, 'w') | 1;
    for (unsigned i = 0; i < WORD_SLOTS; i++) {
        uint64_t slot = r->words[(h + i) & (WORD_SLOTS - 1)];
        if (slot == h || !slot) {
            return slot == h;
        }
    }
    return false;
}

static void remember_phrase(struct redactor *r, struct span s)
{
    for (unsigned i = 0; i < r->phrases_n; i++) {
        if (strlen(r->phrases[i]) == s.n &&
            memcmp(r->phrases[i], s.p, s.n) == 0) {
            return;
        }
    }
    char *copy = strndup((const char *)s.p, s.n);
    if (!copy) {
        return;
    }
    if (r->phrases_n < PHRASES_MAX) {
        r->phrases[r->phrases_n++] = copy;
        return;
    }
    free(r->phrases[r->phrases_at]);
    r->phrases[r->phrases_at] = copy;
    r->phrases_at = (r->phrases_at + 1) % PHRASES_MAX;
}

static void remember(struct redactor *r, struct span s)
{
    if (s.n < 2 || memchr(s.p, 0, s.n)) {
        return;
    }
    if (is_one_word(s)) {
        remember_word(r, s);
    } else {
        remember_phrase(r, s);
    }
}

static void remember_certificate(struct redactor *r, const struct cert *c)
{
    const struct cert_name *names[] = {&c->subject, &c->issuer};
    for (unsigned i = 0; i < 2; i++) {
        remember(r, names[i]->common_name);
        remember(r, names[i]->organization);
        remember(r, names[i]->distinguished_name);
    }
    for (unsigned i = 0; i < c->dns.n; i++) {
        remember(r, c->dns.v[i]);
    }
    for (unsigned i = 0; i < c->other_names.n; i++) {
        remember(r, c->other_names.v[i]);
    }
}

static void remember_record(struct redactor *r, const struct record *in)
{
    const struct handshake *hs = in->hs;
    struct hs_target target;
    remember(r, record_sni(in));
    if (hs_tunnel_target(hs, &target)) {
        remember(r, target.host);
    }
    for (unsigned side = 0; side < 2; side++) {
        if (in->domain[side]) {
            remember(r, span_text(in->domain[side]));
        }
    }
    for (unsigned i = 0; i < hs->server_chain.n; i++) {
        remember_certificate(r, hs->server_chain.v[i]);
    }
    for (unsigned i = 0; i < hs->client_chain.n; i++) {
        remember_certificate(r, hs->client_chain.v[i]);
    }
}

/* ---- sentences ---- */

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c & 0x80) || c == '.' || c == '_' ||
           c == ':' || c == '@' || c == '*' || c == '-';
}

static bool is_mac(const char *s)
{
    unsigned v[6];
    char more;
    return strlen(s) == 17 &&
           sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%c", &v[0], &v[1], &v[2], &v[3],
                  &v[4], &v[5], &more) == 6;
}

/* An address in text form; false when s is none. */
static bool add_address(const struct redactor *r, struct text *t, const char *s)
{
    uint8_t ip[16] = {0};
    if (is_mac(s)) {
        uint8_t m[16] = {0};
        for (unsigned i = 0; i < 6; i++) {
            m[i] = (uint8_t)strtoul(s + (size_t)i * 3, NULL, 16);
        }
        redact_mac(r, m);
        format_ip(t, m, 0);
        return true;
    }
    unsigned version = inet_pton(AF_INET, s, ip) == 1    ? 4
                       : inet_pton(AF_INET6, s, ip) == 1 ? 6
                                                         : 0;
    if (!version) {
        return false;
    }
    redact_ip(r, ip, version);
    format_ip(t, ip, (uint8_t)version);
    return true;
}

/* One part of a word, between colons and at-signs. */
static void add_part(const struct redactor *r, struct text *t, struct span s,
                     bool is_advice)
{
    char part[HOST_BYTES + 1];
    if (s.n == 0 || s.n > HOST_BYTES) {
        text_add_n(t, (const char *)s.p, s.n);
        return;
    }
    snprintf(part, sizeof part, "%.*s", (int)s.n, (const char *)s.p);
    if (knows_word(r, s)) {
        add_name(r, t, s);
    } else if (!add_address(r, t, part)) {
        if (!is_advice && is_host(r, s)) {
            add_host(r, t, s);
        } else {
            text_add_n(t, (const char *)s.p, s.n);
        }
    }
}

/* A word: an address, a name, name:port, user@host, name:port:address. */
static void add_word(const struct redactor *r, struct text *t, struct span s,
                     bool is_advice)
{
    char word[64];
    size_t end = s.n;
    while (end && s.p[end - 1] && strchr(".:-", s.p[end - 1])) {
        end--;
    }
    struct span w = span_sub(s, 0, end);
    if (w.n && w.n < sizeof word) {
        snprintf(word, sizeof word, "%.*s", (int)w.n, (const char *)w.p);
        if (add_address(r, t, word)) {
            text_add_n(t, (const char *)s.p + end, s.n - end);
            return;
        }
    }
    const uint8_t *at = w.n && !is_advice ? memchr(w.p, '@', w.n) : NULL;
    for (size_t i = 0, from = 0; i <= w.n; i++) {
        if (i == w.n || w.p[i] == ':' || w.p[i] == '@') {
            struct span part = span_sub(w, from, i - from);
            if (at && w.p + i == at && part.n) {
                add_code(r, t, "user-", part, 'u');
            } else {
                add_part(r, t, part, is_advice);
            }
            text_add_n(t, (const char *)w.p + i, i < w.n ? 1 : 0);
            from = i + 1;
        }
    }
    text_add_n(t, (const char *)s.p + end, s.n - end);
}

/* The length of a remembered name of several words at s, or 0. */
static size_t phrase_at(const struct redactor *r, const char *s)
{
    size_t best = 0;
    for (unsigned i = 0; i < r->phrases_n; i++) {
        size_t n = strlen(r->phrases[i]);
        if (n > best && strncmp(s, r->phrases[i], n) == 0) {
            best = n;
        }
    }
    return best;
}

/* The length of what stands quoted at s and is a name of somebody's, or 0. The
 * words of servers and proxies are told by what comes before them. */
static size_t quoted_at(const char *start, const char *s)
{
    static const char *const said[] = {"answered ", "bytes are ", "its "};
    size_t before = (size_t)(s - start);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        size_t n = strlen(said[i]);
        if (before >= n && strncmp(s - n, said[i], n) == 0) {
            return 0;
        }
    }
    const char *end = strchr(s + 1, '"');
    return end && end > s + 1 ? (size_t)(end - s) - 1 : 0;
}

/* The length of the value of an attribute of a distinguished name at s, which
 * is behind its equals sign; or 0. */
static size_t attribute_at(const char *start, const char *s)
{
    static const char *const types[] = {
        "CN=", "O=",  "OU=",           "DC=",          "UID=",
        "L=",  "ST=", "emailAddress=", "serialNumber="};
    size_t before = (size_t)(s - start);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i]);
        bool first =
            before == n || (before > n && !is_word_char(s[-(int)n - 1]));
        if (before >= n && first && strncmp(s - n, types[i], n) == 0) {
            return strcspn(s, ",+\"()/;");
        }
    }
    return 0;
}

/* The length of who logged in, or where (802.1X), at s, which is behind such a
 * word; or 0. */
static size_t identity_at(const char *start, const char *s)
{
    static const char *const words[] = {"identity ", "station ", "NAS "};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(s - start) >= n && strncmp(s - n, words[i], n) == 0) {
            return strcspn(s, ",;)");
        }
    }
    return 0;
}

const char *redact_text(struct redactor *r, const char *s, bool is_advice)
{
    struct text *t = &r->text;
    text_clear(t);
    for (const char *p = s; *p;) {
        size_t n;
        bool start = p == s || !is_word_char(p[-1]);
        if (start && (n = phrase_at(r, p)) > 0) {
            add_name(r, t, span_of(p, n));
        } else if (!is_advice && *p == '"' && (n = quoted_at(s, p)) > 0) {
            text_char(t, '"');
            add_name(r, t, span_of(p + 1, n));
            text_char(t, '"');
            n += 2;
        } else if (!is_advice && (n = identity_at(s, p)) > 0) {
            add_code(r, t, "user-", span_of(p, n), 'u');
        } else if (!is_advice && p > s && p[-1] == '=' &&
                   (n = attribute_at(s, p)) > 0) {
            add_name(r, t, span_of(p, n));
        } else if (is_word_char(*p)) {
            for (n = 1; is_word_char(p[n]);) {
                n++;
            }
            add_word(r, t, span_of(p, n), is_advice);
        } else {
            text_char(t, *p);
            n = 1;
        }
        p += n;
    }
    return text_str(t);
}

/* ---- fields ---- */

static char *copy_text(struct redactor *r, const char *s, bool is_advice)
{
    return s ? arena_text(&r->arena, span_text(redact_text(r, s, is_advice)))
             : NULL;
}

static struct span name_span(struct redactor *r, struct span s)
{
    if (s.n == 0) {
        return s;
    }
    text_clear(&r->text);
    add_name(r, &r->text, s);
    return arena_copy(&r->arena, span_of(text_str(&r->text), r->text.n));
}

static void redact_spans(struct redactor *r, struct span_list *l)
{
    struct span *v = l->n ? arena_alloc(&r->arena, l->n * sizeof *v) : NULL;
    for (unsigned i = 0; v && i < l->n; i++) {
        v[i] = name_span(r, l->v[i]);
    }
    l->n = v ? l->n : 0;
    l->v = v;
}

static void redact_addresses(struct redactor *r, struct span_list *l)
{
    struct span *v = l->n ? arena_alloc(&r->arena, l->n * sizeof *v) : NULL;
    for (unsigned i = 0; v && i < l->n; i++) {
        uint8_t ip[16] = {0};
        size_t n = l->v[i].n == 16 ? 16 : 4;
        memcpy(ip, l->v[i].p, l->v[i].n < n ? l->v[i].n : n);
        redact_ip(r, ip, n == 16 ? 6 : 4);
        v[i] = arena_copy(&r->arena, span_of(ip, n));
    }
    l->n = v ? l->n : 0;
    l->v = v;
}

static void redact_name(struct redactor *r, struct cert_name *n)
{
    n->der = (struct span){NULL, 0};
    n->common_name = name_span(r, n->common_name);
    n->organization = name_span(r, n->organization);
    if (n->distinguished_name.n) {
        text_clear(&r->text);
        add_code(r, &r->text, "DN=name-", n->distinguished_name, 'd');
        n->distinguished_name =
            arena_copy(&r->arena, span_of(text_str(&r->text), r->text.n));
    }
}

static struct cert *redact_certificate(struct redactor *r,
                                       const struct cert *from)
{
    struct cert *c = arena_alloc(&r->arena, sizeof *c);
    if (!c) {
        return NULL;
    }
    *c = *from;
    c->der = (struct span){NULL, 0};
    c->aia_issuer_url = (struct span){NULL, 0};
    c->subject_key_id = c->authority_key_id = (struct span){NULL, 0};
    set_bytes(r, span_of(from->sha256, 32), 'a', c->sha256, 32);
    set_bytes(r, span_of(from->spki_sha256, 32), 'a', c->spki_sha256, 32);
    redact_name(r, &c->subject);
    redact_name(r, &c->issuer);
    redact_spans(r, &c->dns);
    redact_spans(r, &c->other_names);
    redact_addresses(r, &c->ip);
    if (c->serial.n) {
        uint8_t serial[8];
        set_bytes(r, c->serial, 's', serial, sizeof serial);
        serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, no zero in front */
        c->serial = arena_copy(&r->arena, span_of(serial, sizeof serial));
    }
    return c;
}

static void redact_chain(struct redactor *r, struct cert_chain *chain)
{
    struct cert **v =
        chain->n ? arena_alloc(&r->arena, chain->n * sizeof *v) : NULL;
    unsigned n = 0;
    while (v && n < chain->n && (v[n] = redact_certificate(r, chain->v[n]))) {
        n++;
    }
    chain->n = (uint16_t)n;
    chain->v = v;
}

static void redact_handshake(struct redactor *r, const struct handshake *from)
{
    struct handshake *hs = &r->hs;
    *hs = *from;
    hs->frames = NULL;
    hs->records_n = 0;
    hs->application = NULL; /* it may be a site's name */
    hs->carrier_note = hs->carrier_asked = (struct span){NULL, 0};
    hs->carrier_agent = (struct span){NULL, 0};
    memset(hs->raw, 0, sizeof hs->raw);
    for (unsigned side = 0; side < 2; side++) {
        if (hs->ip_version) {
            redact_ip(r, hs->addr[side].ip, hs->ip_version);
        } else {
            redact_mac(r, hs->addr[side].ip);
        }
    }
    struct client_offer *offers[] = {&hs->offer, &hs->offer2};
    for (unsigned i = 0; i < 2; i++) {
        offers[i]->sni = name_span(r, offers[i]->sni);
        offers[i]->random = offers[i]->session_id = (struct span){NULL, 0};
    }
    hs->choice.random = hs->choice.session_id = (struct span){NULL, 0};
    hs->certificate_request.authorities.n = 0;
    redact_chain(r, &hs->server_chain);
    redact_chain(r, &hs->client_chain);
}

static void redact_texts(struct redactor *r, struct text_list *l,
                         bool is_advice)
{
    char **v = l->n ? arena_alloc(&r->arena, l->n * sizeof *v) : NULL;
    size_t n = 0;
    for (size_t i = 0; v && i < l->n; i++) {
        char *s = copy_text(r, l->v[i], is_advice);
        if (s) {
            v[n++] = s;
        }
    }
    l->v = v;
    l->n = n;
}

static void redact_seen_as(struct redactor *r, struct verdict *v)
{
    size_t n = v->seen_as_n;
    struct seen_as *to = n ? arena_alloc(&r->arena, n * sizeof *to) : NULL;
    v->seen_as_n = 0;
    for (size_t i = 0; to && i < n; i++) {
        char *s = copy_text(r, v->seen_as[i].text, true);
        if (s) {
            to[v->seen_as_n++] = (struct seen_as){v->seen_as[i].viewer, s};
        }
    }
    v->seen_as = to;
}

static void redact_fired(struct redactor *r, struct verdict *v)
{
    size_t n = v->fired_n;
    struct fired_rule *to = n ? arena_alloc(&r->arena, n * sizeof *to) : NULL;
    v->fired_n = to ? n : 0;
    for (size_t i = 0; to && i < n; i++) {
        to[i] = v->fired[i];
        redact_texts(r, &to[i].because, false);
    }
    v->fired = to;
}

static void redact_verdict(struct redactor *r, const struct verdict *from)
{
    struct verdict *v = &r->verdict;
    *v = *from;
    v->advice_id = 0; /* its texts are like no other's */
    v->reason = copy_text(r, v->reason, false);
    redact_texts(r, &v->evidence, false);
    redact_texts(r, &v->fix, true);
    redact_texts(r, &v->reproduce, true);
    redact_texts(r, &v->interception_evidence, false);
    redact_seen_as(r, v);
    redact_fired(r, v);
}

static const char *redact_file(struct redactor *r, const char *file)
{
    if (!file) {
        return NULL;
    }
    text_clear(&r->text);
    add_code(r, &r->text, "file-", span_text(file), 'f');
    return arena_text(&r->arena, span_of(text_str(&r->text), r->text.n));
}

bool redact_record(struct redactor *r, const struct record *in,
                   struct record *out)
{
    arena_free(&r->arena);
    remember_record(r, in);
    redact_handshake(r, in->hs);
    *out = *in;
    out->hs = &r->hs;
    if (in->verdict) {
        redact_verdict(r, in->verdict);
        out->verdict = &r->verdict;
    }
    out->file = redact_file(r, in->file);
    out->hostname = NULL;
    for (unsigned side = 0; side < 2; side++) {
        const char *name = in->domain[side];
        out->domain[side] =
            name ? arena_text(&r->arena, name_span(r, span_text(name))) : NULL;
    }
    return !r->arena.limited;
}

void redact_totals(struct redactor *r, struct totals *t)
{
    struct arena record = r->arena;
    r->arena = r->totals_arena;
    arena_free(&r->arena);
    for (size_t i = 0; i < t->stories_n; i++) {
        struct interception_story *s = &t->stories[i];
        if (s->issuer) {
            struct span issuer = name_span(r, span_text(s->issuer));
            const char *copy = arena_text(&r->arena, issuer);
            s->issuer = copy ? copy : "";
        }
        redact_ip(r, s->proxy.ip, s->ip_version);
        for (unsigned k = 0; k < STORY_NAMES_MAX; k++) {
            const char **v[] = {&s->names[k], &s->open[k]};
            for (unsigned l = 0; l < 2; l++) {
                struct span n = *v[l] ? name_span(r, span_text(*v[l]))
                                      : (struct span){NULL, 0};
                const char *copy = arena_text(&r->arena, n);
                *v[l] = *v[l] ? (copy ? copy : "") : NULL;
            }
        }
    }
    for (size_t i = 0; i < t->left_servers_n; i++) {
        struct left_server *s = &t->left_servers[i];
        redact_ip(r, s->addr.ip, s->ip_version);
        if (s->name) {
            const char *copy =
                arena_text(&r->arena, name_span(r, span_text(s->name)));
            s->name = copy ? copy : "";
        }
    }
    r->totals_arena = r->arena;
    r->arena = record;
}

/* ---- life ---- */

static bool seed_of(const char *key, struct hash_seed *seed)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!key) {
        *seed = hash_seed_random();
        return true;
    }
    if (!EVP_Digest(key, strlen(key), digest, &n, EVP_sha256(), NULL) ||
        n < sizeof *seed) {
        return false;
    }
    memcpy(seed, digest, sizeof *seed);
    return true;
}

struct redactor *redactor_new(const char *key)
{
    struct redactor *r = calloc(1, sizeof *r);
    if (!r) {
        return NULL;
    }
    if (!seed_of(key, &r->seed)) {
        free(r);
        return NULL;
    }
    r->psl = psl_builtin();
    arena_init(&r->arena, ARENA_BYTES);
    arena_init(&r->totals_arena, ARENA_BYTES);
    text_init(&r->text, TEXT_BYTES);
    return r;
}

void redactor_free(struct redactor *r)
{
    if (!r) {
        return;
    }
    for (unsigned i = 0; i < r->phrases_n; i++) {
        free(r->phrases[i]);
    }
    arena_free(&r->arena);
    arena_free(&r->totals_arena);
    text_free(&r->text);
    free(r);
}
