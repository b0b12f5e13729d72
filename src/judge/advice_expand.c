/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/advice_expand.h"

#include <stdio.h>

#include "judge/advice_when.h"

#define WORD_MAX 32u /* of a placeholder's name */

static const char *version_flag(uint16_t version)
{
    switch (version) {
    case 0xfeff:
        return "-dtls1";
    case 0xfefd:
        return "-dtls1_2";
    case 0x0300:
        return "-ssl3";
    case 0x0301:
        return "-tls1";
    case 0x0302:
        return "-tls1_1";
    case 0x0303:
        return "-tls1_2";
    default:
        return known_version_is_13(version) && version != 0xfefc ? "-tls1_3"
                                                                 : NULL;
    }
}

static bool put_version(const struct facts *f, struct text *t)
{
    const struct handshake *hs = f->hs;
    uint16_t v = f->after_server_hello && hs->choice.seen
                     ? hs->choice.version
                     : hs->offer.max_version;
    const char *flag = hs->offer.seen ? version_flag(v) : NULL;
    if (flag) {
        text_add(t, flag);
    }
    return flag != NULL;
}

/* Up to 16 names of a list, joined by ':' as OpenSSL wants them. */
static bool put_list(struct text *t, const struct u16_list *l,
                     const char *(*name)(uint16_t))
{
    unsigned n = 0;
    for (uint16_t i = 0; i < l->n && n < 16; i++) {
        const char *s = known_is_grease(l->v[i]) ? NULL : name(l->v[i]);
        if (s) {
            text_add(t, n++ ? ":" : "");
            text_add(t, s);
        }
    }
    return n > 0;
}

static const char *old_suite_name(uint16_t code)
{
    const struct known_suite *k = known_suite(code);
    return k && !k->tls13 ? k->openssl : NULL;
}

static bool put_suite(const struct facts *f, struct text *t)
{
    const struct handshake *hs = f->hs;
    uint16_t code = hs->choice.seen ? hs->choice.cipher : UNSEEN_U16;
    for (uint16_t i = 0; i < hs->offer.ciphers.n && code == UNSEEN_U16; i++) {
        if (known_suite(hs->offer.ciphers.v[i])) {
            code = hs->offer.ciphers.v[i];
        }
    }
    const struct known_suite *k = known_suite(code);
    if (!k) {
        return false;
    }
    text_add(t, k->openssl ? k->openssl : k->name);
    return true;
}

static bool put_suites(const struct facts *f, struct text *t)
{
    return put_list(t, &f->hs->offer.ciphers, old_suite_name);
}

static const char *suite_name13(uint16_t code)
{
    const struct known_suite *k = known_suite(code);
    return k && k->tls13 ? k->name : NULL;
}

static bool put_suites13(const struct facts *f, struct text *t)
{
    return put_list(t, &f->hs->offer.ciphers, suite_name13);
}

/* What the server chose on other connections. */
static bool put_server_versions(const struct facts *f, struct text *t)
{
    const struct server_profile *s = &f->server;
    if (s->versions_n == 0) {
        return false;
    }
    text_add(t, say_version(s->min_version).s);
    if (s->max_version != s->min_version) {
        text_add(t, " to ");
        text_add(t, say_version(s->max_version).s);
    }
    return true;
}

static bool put_offered_versions(const struct facts *f, struct text *t)
{
    if (f->hs->offer.seen) {
        text_add(t, say_offered_versions(&f->hs->offer).s);
    }
    return f->hs->offer.seen;
}

/* The highest version offered, as curl's --tls-max wants it. */
static bool put_tls_max(const struct facts *f, struct text *t)
{
    static const char *const words[] = {"1.0", "1.1", "1.2", "1.3"};
    unsigned step = version_rank(f->hs->offer.max_version) - 0x0301u;
    bool known = f->hs->offer.seen && step < 4;
    if (known) {
        text_add(t, words[step]);
    }
    return known;
}

static bool put_group(const struct facts *f, struct text *t)
{
    const struct handshake *hs = f->hs;
    uint16_t g = hs->choice.seen ? hs->choice.group : UNSEEN_U16;
    if (g == UNSEEN_U16 && hs->retry.seen) {
        g = hs->retry.group;
    }
    const char *name = g == UNSEEN_U16 ? NULL : known_group_name(g);
    for (uint16_t i = 0; i < hs->offer.groups.n && !name; i++) {
        uint16_t v = hs->offer.groups.v[i];
        name = known_is_grease(v) ? NULL : known_group_name(v);
    }
    if (name) {
        text_add(t, name);
    }
    return name != NULL;
}

static bool put_groups(const struct facts *f, struct text *t)
{
    return put_list(t, &f->hs->offer.groups, known_group_name);
}

static bool put_schemes(const struct facts *f, struct text *t)
{
    return put_list(t, &f->hs->offer.signature_algorithms,
                    known_signature_name);
}

static bool put_span(struct text *t, struct span s)
{
    text_add(t, say_span(s).s);
    return s.n > 0;
}

static bool put_alpn(const struct facts *f, struct text *t)
{
    const struct span_list *l = &f->hs->offer.alpn;
    for (uint16_t i = 0; i < l->n && i < 8; i++) {
        text_add(t, i ? "," : "");
        put_span(t, l->v[i]);
    }
    return l->n > 0;
}

/* How the server is reached: itself, or through a proxy. */
struct reach {
    struct span host; /* name or address, without brackets */
    uint16_t port;
    bool v6, http, socks;
    bool nested;   /* through more than one proxy, of which the last is known */
    struct say ip; /* what host borrows from */
};

static void reach_of(const struct handshake *hs, struct reach *r)
{
    struct hs_target target;
    *r = (struct reach){.port = hs->addr[SIDE_SERVER].port,
                        .v6 = hs->ip_version == 6,
                        .ip = say_ip(hs, SIDE_SERVER)};
    r->host = span_text(r->ip.s);
    if (hs_tunnel_target(hs, &target) && target.host.n) {
        r->host = target.host;
        r->port = target.port;
        r->v6 = target.is_address && memchr(target.host.p, ':', target.host.n);
        r->socks = carrier_starts(hs, "socks");
        r->http = !r->socks;
        r->nested = hs_tunnels(hs) > 1;
    }
}

static bool put_host(const struct facts *f, struct text *t)
{
    text_add(t, say_server(f->hs).s);
    return true;
}

static bool put_ip(const struct facts *f, struct text *t)
{
    struct reach r;
    reach_of(f->hs, &r);
    text_add(t, say_span(r.host).s);
    return !r.http && !r.socks;
}

static bool put_port(const struct facts *f, struct text *t)
{
    struct reach r;
    reach_of(f->hs, &r);
    text_fmt(t, "%u", r.port);
    return true;
}

/* The proxy, or the server itself. */
static bool put_peer(const struct facts *f, struct text *t)
{
    bool v6 = f->hs->ip_version == 6;
    text_fmt(t, v6 ? "[%s]:%u" : "%s:%u", say_ip(f->hs, SIDE_SERVER).s,
             f->hs->addr[SIDE_SERVER].port);
    return true;
}

/* What a proxy was asked to connect to: host and port. */
static bool put_target(const struct facts *f, struct text *t)
{
    static const char connect[] = "CONNECT ";
    struct span asked = f->hs->carrier_asked;
    size_t n = sizeof connect - 1;
    return span_starts(asked, connect) &&
           put_span(t, span_sub(asked, n, asked.n));
}

static bool put_sni(const struct facts *f, struct text *t)
{
    return put_span(t, f->hs->offer.sni);
}

static bool put_issuer(const struct facts *f, struct text *t)
{
    if (f->leaf) {
        text_add(t, say_name(&f->leaf->issuer).s);
    }
    return f->leaf != NULL;
}

/* Where the chain leads: who issued the last certificate sent. */
static bool put_root(const struct facts *f, struct text *t)
{
    const struct cert_chain *chain = &f->hs->server_chain;
    if (chain->n) {
        text_add(t, say_name(&chain->v[chain->n - 1]->issuer).s);
    }
    return chain->n > 0;
}

static bool put_subject(const struct facts *f, struct text *t)
{
    if (f->leaf) {
        text_add(t, say_name(&f->leaf->subject).s);
    }
    return f->leaf != NULL;
}

static bool put_names(const struct facts *f, struct text *t)
{
    if (f->leaf) {
        text_add(t, say_names(f->leaf).s);
    }
    return f->leaf != NULL;
}

static bool put_days(const struct facts *f, struct text *t)
{
    text_add(t, say_days(f->leaf_days).s);
    return f->leaf_expired || f->leaf_not_yet_valid;
}

static bool put_alert(const struct facts *f, struct text *t)
{
    text_fmt(t, "%u", f->alert);
    return f->alert != ALERT_NONE;
}

/* ---- ready-made parts of commands, quoted where they are made ---- */

/* openssl goes through HTTP proxies, not through SOCKS. */
static bool put_connect(const struct facts *f, struct text *t)
{
    struct reach r;
    char word[SAY_BYTES + 32];
    reach_of(f->hs, &r);
    snprintf(word, sizeof word, r.v6 ? "[%s]:%u" : "%s:%u", say_span(r.host).s,
             r.port);
    if (r.http) {
        text_shell(t, span_text(word));
        text_add(t, " -proxy ");
        put_peer(f, t);
    } else {
        text_add(t, word); /* an address */
    }
    return !r.socks && !r.nested;
}

static bool put_servername(const struct facts *f, struct text *t)
{
    if (!f->hs->offer.has_sni || f->hs->offer.sni.n == 0) {
        /* Without a whole hello it is not known that there was no name. */
        bool none = f->hs->offer.seen && !f->hs->offer.partial;
        text_add(t, none ? "-noservername" : "-servername NAME");
        return true;
    }
    text_add(t, "-servername ");
    text_shell(t, span_text(say_span(f->hs->offer.sni).s));
    return true;
}

const char *advice_starttls(const struct handshake *hs)
{
    static const char *const rows[][2] = {
        {"starttls-smtp", "smtp"},         {"starttls-imap", "imap"},
        {"starttls-pop3", "pop3"},         {"starttls-ftp", "ftp"},
        {"starttls-xmpp", "xmpp"},         {"starttls-ldap", "ldap"},
        {"starttls-mysql", "mysql"},       {"starttls-postgresql", "postgres"},
        {"starttls-postgres", "postgres"}, {"starttls-nntp", "nntp"},
        {"starttls-lmtp", "lmtp"},         {"starttls-sieve", "sieve"},
        {"starttls-irc", "irc"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (hs->carrier && strcmp(hs->carrier, rows[i][0]) == 0) {
            return rows[i][1];
        }
    }
    return NULL;
}

static bool put_starttls(const struct facts *f, struct text *t)
{
    const char *word = advice_starttls(f->hs);
    if (word) {
        text_fmt(t, "-starttls %s ", word);
    }
    return true;
}

static bool put_url(const struct facts *f, struct text *t)
{
    char url[SAY_BYTES + 32];
    struct reach r;
    reach_of(f->hs, &r);
    bool v6 = !f->hs->offer.has_sni && r.v6;
    snprintf(url, sizeof url, v6 ? "https://[%s]:%u/" : "https://%s:%u/",
             say_server(f->hs).s, r.port);
    text_shell(t, span_text(url));
    return true;
}

static bool put_resolve(const struct facts *f, struct text *t)
{
    struct reach r;
    reach_of(f->hs, &r);
    if (r.nested) {
        return false;
    }
    if (r.http || r.socks) {
        text_add(t, r.socks ? "--proxy socks5h://" : "--proxy http://");
        put_peer(f, t);
        text_add(t, " ");
        return true;
    }
    if (!f->hs->offer.has_sni || f->sni_is_ip || f->hs->offer.sni.n == 0) {
        return true;
    }
    char word[2 * SAY_BYTES + 32];
    snprintf(word, sizeof word, r.v6 ? "%s:%u:[%s]" : "%s:%u:%s",
             say_server(f->hs).s, r.port, say_ip(f->hs, SIDE_SERVER).s);
    text_add(t, "--resolve ");
    text_shell(t, span_text(word));
    text_add(t, " ");
    return true;
}

static const struct value {
    const char *name;
    bool (*put)(const struct facts *f, struct text *t);
    bool ready;     /* already quoted */
    bool of_server; /* hangs on nothing but the server, its name, and how it is
                       reached */
} values[] = {
    {"host", put_host, false, true},
    {"ip", put_ip, false, true},
    {"port", put_port, false, true},
    {"sni", put_sni, false, true},
    {"version", put_version, false, false},
    {"suite", put_suite, false, false},
    {"suites", put_suites, false, false},
    {"group", put_group, false, false},
    {"groups", put_groups, false, false},
    {"schemes", put_schemes, false, false},
    {"alpn", put_alpn, false, false},
    {"issuer", put_issuer, false, false},
    {"root", put_root, false, false},
    {"suites13", put_suites13, false, false},
    {"tls_max", put_tls_max, false, false},
    {"server_versions", put_server_versions, false, false},
    {"offered_versions", put_offered_versions, false, false},
    {"subject", put_subject, false, false},
    {"names", put_names, false, false},
    {"days", put_days, false, false},
    {"alert", put_alert, false, false},
    {"connect", put_connect, true, true},
    {"servername", put_servername, true, true},
    {"starttls", put_starttls, true, true},
    {"url", put_url, true, true},
    {"resolve", put_resolve, true, true},
    {"target", put_target, false, true},
    {"peer", put_peer, true, true},
};

static const struct value *value_find(struct span name)
{
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (span_eq(name, span_text(values[i].name))) {
            return &values[i];
        }
    }
    return NULL;
}

/* `word` is empty, and used for what has to be quoted. */
static bool put_value(const struct facts *f, const struct value *v, bool shell,
                      struct text *out, struct text *word)
{
    if (!shell || v->ready) {
        size_t max = out->max;
        bool fits = max - out->n >= ADVICE_WORD_BYTES;
        out->max = fits ? out->n + ADVICE_WORD_BYTES : max;
        bool known = v->put(f, out);
        out->max = max;
        out->cut = out->cut && !fits; /* a long value is cut, not the row */
        return known;
    }
    bool known = v->put(f, word);
    text_shell(out, span_of(text_str(word), word->n));
    text_clear(word);
    return known;
}

/* The value whose placeholder stands at the front of `row`, or NULL, and the
 * end of the placeholder. */
static const struct value *value_at(const char *row, const char **end)
{
    const char *close = *row == '{' ? strchr(row, '}') : NULL;
    if (!close || close - row >= (ptrdiff_t)WORD_MAX) {
        return NULL;
    }
    *end = close + 1;
    return value_find(span_of(row + 1, (size_t)(close - row) - 1));
}

bool advice_is_of_server(const char *row)
{
    while ((row = strchr(row, '{'))) {
        const char *end;
        const struct value *v = value_at(row, &end);
        if (v && !v->of_server) {
            return false;
        }
        row++;
    }
    return true;
}

bool advice_put(const struct facts *f, const char *row, bool shell,
                struct text *out, struct text *word)
{
    bool ok = true;
    while (*row && ok) {
        const char *end;
        const struct value *v = value_at(row, &end);
        if (v) {
            ok = put_value(f, v, shell, out, word);
            row = end;
        } else {
            size_t plain = *row == '{' ? 1 : strcspn(row, "{");
            text_add_n(out, row, plain);
            row += plain;
        }
    }
    return ok && !out->cut;
}
