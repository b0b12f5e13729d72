/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses and fills the texts of a verdict. Values from the network enter
 * commands only through text_shell().
 */
#include "judge/advice.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "judge/hypothesis.h"
#include "judge/say.h"

#define ADVICE_BYTES  2048u
#define FIX_MAX       12u
#define REPRODUCE_MAX 4u
#define SEEN_AS_MAX   24u
#define WORD_MAX      32u
#define WORD_BYTES    (3u * SAY_BYTES) /* of one value */

/* ---- conditions ---- */

static bool starts(struct span word, const char *prefix, struct span *rest)
{
    if (!span_starts(word, prefix)) {
        return false;
    }
    *rest = span_sub(word, strlen(prefix), word.n);
    return true;
}

static unsigned number_of(struct span s)
{
    unsigned n = 0;
    for (size_t i = 0; i < s.n && i < 5; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return ALERT_NONE;
        }
        n = n * 10 + (unsigned)(s.p[i] - '0');
    }
    return n;
}

static bool carrier_starts(const struct handshake *hs, const char *prefix)
{
    return hs->carrier && span_starts(span_text(hs->carrier), prefix);
}

unsigned http_status(const struct handshake *hs)
{
    if (!span_starts(hs->carrier_note, "HTTP/1.") || hs->carrier_note.n < 12) {
        return ALERT_NONE;
    }
    return number_of(span_sub(hs->carrier_note, 9, 3));
}

/* The words without a parameter; their order is that of conditions_of(). */
static const char *const condition_words[] = {
    "alert",       "no_alert",    "encrypted", "by_client", "from_client",
    "by_server",   "from_server", "by_nobody", "reset",     "close",
    "timeout",     "tls13",       "tls12",     "offer13",   "old",
    "sni",         "no_sni",      "hello",     "tcp",       "dtls",
    "quic",        "starttls",    "proxy",     "socks",     "target",
    "client_auth", "pq",          "reply_4",   "reply_5",   "ca_expired",
    "eap",         "eap_radius"};

#define WORDS (sizeof condition_words / sizeof condition_words[0])

/* Which of them hold, as bits. */
static uint32_t conditions_of(const struct facts *f)
{
    const struct conclusion *end = f->end;
    const struct handshake *hs = f->hs;
    bool client = end->by == BY_CLIENT || f->late_refusal;
    bool hello = f->after_server_hello;
    bool socks = carrier_starts(hs, "socks");
    const bool holds[WORDS] = {
        end->has_alert,
        !end->has_alert,
        end->has_alert && f->alert == ALERT_NONE,
        client,
        client,
        end->by == BY_SERVER,
        end->by == BY_SERVER,
        end->by == BY_NOBODY,
        end->how == HOW_RESET,
        end->how == HOW_CLOSE,
        end->how == HOW_TIMEOUT,
        f->server_tls13,
        hello && !f->server_tls13,
        f->offer.tls13,
        hs->offer.seen && f->offer.old,
        hs->offer.has_sni,
        hs->offer.seen && !hs->offer.has_sni,
        !hello,
        hs->flavour == FLAVOUR_TLS,
        hs->flavour == FLAVOUR_DTLS,
        hs->flavour == FLAVOUR_QUIC,
        carrier_starts(hs, "starttls"),
        carrier_starts(hs, "http-connect") || socks,
        socks,
        span_starts(hs->carrier_asked, "CONNECT "),
        f->client_auth_asked,
        f->offer.post_quantum,
        span_starts(hs->carrier_note, "4"),
        span_starts(hs->carrier_note, "5"),
        (f->faults & FAULT_CA_EXPIRED) &&
            !(f->faults & (FAULT_EXPIRED | FAULT_NOT_YET_VALID)),
        hs_is_eap(hs),
        hs_is_eap(hs) && hs->transport == TRANSPORT_UDP,
    };
    uint32_t bits = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        bits |= (uint32_t)holds[i] << i;
    }
    return bits;
}

/* 1 or 0 as the word has its bit; -1 when there is no such word. */
static int look_up(uint32_t conditions, struct span word)
{
    for (unsigned i = 0; i < WORDS; i++) {
        if (span_eq(word, span_text(condition_words[i]))) {
            return conditions >> i & 1;
        }
    }
    return -1;
}

static bool word_holds(const struct facts *f, uint32_t conditions,
                       struct span word)
{
    int holds = look_up(conditions, word);
    if (holds >= 0) {
        return holds;
    }
    struct span rest;
    if (starts(word, "alert_", &rest)) {
        return f->end->has_alert && f->alert == number_of(rest);
    }
    if (starts(word, "carrier_", &rest)) {
        struct span carrier = span_text(f->hs->carrier ? f->hs->carrier : "");
        static const char starttls[] = "starttls-";
        size_t n = span_starts(carrier, starttls) ? sizeof starttls - 1 : 0;
        return span_eq(rest, span_sub(carrier, n, carrier.n));
    }
    if (starts(word, "http_", &rest)) {
        return http_status(f->hs) == number_of(rest);
    }
    if (starts(word, "peer_", &rest)) {
        return f->hs->peer_protocol &&
               span_eq(rest, span_text(f->hs->peer_protocol));
    }
    return false;
}

static bool all_hold(const struct facts *f, uint32_t conditions,
                     const char *when)
{
    while (*when) {
        size_t n = strcspn(when, ",");
        bool negated = *when == '!';
        struct span word = span_of(when + negated, n - negated);
        if (word_holds(f, conditions, word) == negated) {
            return false;
        }
        when += n + (when[n] == ',');
    }
    return true;
}

bool advice_when(const struct facts *f, const char *when)
{
    return all_hold(f, conditions_of(f), when);
}

/* ---- values ---- */

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
        return version_is_13(version) && version != 0xfefc ? "-tls1_3" : NULL;
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
    return !r.socks;
}

static bool put_servername(const struct facts *f, struct text *t)
{
    if (!f->hs->offer.has_sni || f->hs->offer.sni.n == 0) {
        text_add(t, "-noservername");
        return true;
    }
    text_add(t, "-servername ");
    text_shell(t, span_text(say_span(f->hs->offer.sni).s));
    return true;
}

static bool put_starttls(const struct facts *f, struct text *t)
{
    static const struct {
        const char *carrier, *openssl;
    } words[] = {
        {"starttls-smtp", "smtp"},         {"starttls-imap", "imap"},
        {"starttls-pop3", "pop3"},         {"starttls-ftp", "ftp"},
        {"starttls-xmpp", "xmpp"},         {"starttls-ldap", "ldap"},
        {"starttls-mysql", "mysql"},       {"starttls-postgresql", "postgres"},
        {"starttls-postgres", "postgres"}, {"starttls-nntp", "nntp"},
        {"starttls-lmtp", "lmtp"},         {"starttls-sieve", "sieve"},
        {"starttls-irc", "irc"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (f->hs->carrier && strcmp(f->hs->carrier, words[i].carrier) == 0) {
            text_fmt(t, "-starttls %s ", words[i].openssl);
        }
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
    bool ready; /* already quoted */
} values[] = {
    {"host", put_host, false},        {"ip", put_ip, false},
    {"port", put_port, false},        {"sni", put_sni, false},
    {"version", put_version, false},  {"suite", put_suite, false},
    {"suites", put_suites, false},    {"group", put_group, false},
    {"groups", put_groups, false},    {"schemes", put_schemes, false},
    {"alpn", put_alpn, false},        {"issuer", put_issuer, false},
    {"subject", put_subject, false},  {"names", put_names, false},
    {"days", put_days, false},        {"alert", put_alert, false},
    {"connect", put_connect, true},   {"servername", put_servername, true},
    {"starttls", put_starttls, true}, {"url", put_url, true},
    {"resolve", put_resolve, true},   {"target", put_target, false},
    {"peer", put_peer, true},
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
        bool fits = max - out->n >= WORD_BYTES;
        out->max = fits ? out->n + WORD_BYTES : max;
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

/* The row with its placeholders replaced; "" is never known. */
static bool expand(const struct facts *f, const char *row, bool shell,
                   struct text *out, struct text *word)
{
    bool ok = true;
    while (*row && ok) {
        const char *close = *row == '{' ? strchr(row, '}') : NULL;
        const struct value *v =
            close && close - row < (ptrdiff_t)WORD_MAX
                ? value_find(span_of(row + 1, (size_t)(close - row) - 1))
                : NULL;
        if (v) {
            ok = put_value(f, v, shell, out, word);
            row = close + 1;
        } else {
            size_t plain = *row == '{' ? 1 : strcspn(row, "{");
            text_add_n(out, row, plain);
            row += plain;
        }
    }
    return ok && !out->cut;
}

bool advice_expand(const struct facts *f, const char *row, bool shell,
                   char **out)
{
    struct text t;
    struct text word;
    text_init(&t, ADVICE_BYTES);
    text_init(&word, WORD_BYTES);
    bool ok = expand(f, row, shell, &t, &word);
    *out = ok ? strdup(text_str(&t)) : NULL;
    text_free(&word);
    text_free(&t);
    return *out != NULL;
}

/* ---- which rows are usable ---- */

/* QUIC wants rows of its own; curl speaks neither STARTTLS nor DTLS. Of all
 * that is said of servers and browsers little fits an 802.1X log-in: rows for
 * it name it, and supplicants show what OpenSSL says. */
static bool is_usable(const struct facts *f, uint32_t conditions,
                      const struct known_row *row, bool command)
{
    bool quic = f->hs->flavour == FLAVOUR_QUIC;
    if (hs_is_eap(f->hs) && !strstr(row->when, "eap") &&
        strcmp(row->key, command ? "" : "openssl") != 0) {
        return false;
    }
    if (command && quic && !strstr(row->when, "quic")) {
        return false;
    }
    bool curl = strcmp(row->key, "curl") == 0;
    if (command && f->hs->flavour == FLAVOUR_DTLS &&
        strstr(row->text, " -tls1_")) {
        return false;
    }
    if (command && curl &&
        (f->hs->flavour == FLAVOUR_DTLS || carrier_starts(f->hs, "starttls"))) {
        return false;
    }
    return all_hold(f, conditions, row->when);
}

struct row_bits {
    uint64_t v[ADVICE_ROWS_MAX / 64];
};

static bool has_row(const struct row_bits *bits, size_t i)
{
    return bits->v[i / 64] >> i % 64 & 1;
}

/* The rows of a cause, and bits that say which are usable here. */
struct lists {
    struct known_rows fix, reproduce, seen_as;
    struct row_bits fix_bits, reproduce_bits, seen_as_bits;
};

static struct row_bits usable_rows(const struct facts *f, uint32_t conditions,
                                   struct known_rows *rows, bool command)
{
    struct row_bits bits = {{0}};
    rows->n = rows->n < ADVICE_ROWS_MAX ? rows->n : ADVICE_ROWS_MAX;
    for (size_t i = 0; i < rows->n; i++) {
        bool usable = is_usable(f, conditions, &rows->v[i], command);
        bits.v[i / 64] |= (uint64_t)usable << i % 64;
    }
    return bits;
}

static void find_rows(const struct facts *f, uint32_t conditions,
                      const char *cause, struct lists *out)
{
    out->fix = known_fix_rows(cause);
    out->reproduce = known_reproduce_rows(cause);
    out->seen_as = known_seen_as_rows(cause);
    out->fix_bits = usable_rows(f, conditions, &out->fix, false);
    out->reproduce_bits = usable_rows(f, conditions, &out->reproduce, true);
    out->seen_as_bits = usable_rows(f, conditions, &out->seen_as, false);
}

/* ---- the same case again ---- */

#define CASES         64u
#define CARRIER_BYTES 24u

/* All that is_usable() looks at. No padding: it is compared as bytes. */
struct advice_key {
    const char *cause;
    uint32_t conditions;
    uint16_t alert, http;
    char carrier[CARRIER_BYTES];
};

struct advice {
    struct advice_case {
        struct advice_key key; /* cause NULL: free */
        struct lists lists;
    } cases[CASES];
};

struct advice *advice_new(void)
{
    return calloc(1, sizeof(struct advice));
}

void advice_free(struct advice *a)
{
    free(a);
}

/* False when there is more to look at than a key has. */
static bool key_of(const struct facts *f, uint32_t conditions,
                   const char *cause, struct advice_key *out)
{
    const char *carrier = f->hs->carrier ? f->hs->carrier : "";
    size_t n = strlen(carrier);
    memset(out, 0, sizeof *out);
    if (f->hs->peer_protocol || n >= CARRIER_BYTES) {
        return false;
    }
    out->cause = cause;
    out->conditions = conditions;
    out->alert = f->alert;
    out->http = (uint16_t)http_status(f->hs);
    memcpy(out->carrier, carrier, n);
    return true;
}

static struct advice_case *case_of(struct advice *a,
                                   const struct advice_key *key)
{
    uint64_t h = (uint64_t)(uintptr_t)key->cause ^
                 (uint64_t)key->conditions << 20 ^ (uint64_t)key->alert << 8;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return &a->cases[h >> 32 & (CASES - 1)];
}

/* *own is used when the case is not remembered. */
static const struct lists *lists_of(struct advice *a, const struct facts *f,
                                    const char *cause, struct lists *own)
{
    struct advice_key key;
    uint32_t conditions = conditions_of(f);
    if (!a || !key_of(f, conditions, cause, &key)) {
        find_rows(f, conditions, cause, own);
        return own;
    }
    struct advice_case *c = case_of(a, &key);
    if (memcmp(&c->key, &key, sizeof key) != 0) {
        c->key = key;
        find_rows(f, conditions, cause, &c->lists);
    }
    return &c->lists;
}

/* ---- the three lists ---- */

/* Texts that are made again and again. */
struct scratch {
    struct text line, word;
};

static bool fill_line(const struct facts *f, const char *row, bool shell,
                      struct scratch *s)
{
    return expand(f, row, shell, &s->line, &s->word);
}

/* On whose machine a piece of software is set up; FIX_NONE: on either. */
static enum known_side side_of_software(const char *key)
{
    static const struct {
        const char *key;
        enum known_side side;
    } rows[] = {
        {"Client", FIX_CLIENT},        {"Supplicant", FIX_CLIENT},
        {"FreeRADIUS", FIX_SERVER},    {"Windows NPS", FIX_SERVER},
        {"curl", FIX_CLIENT},          {"Chrome", FIX_CLIENT},
        {"Firefox", FIX_CLIENT},       {"Git", FIX_CLIENT},
        {"Android", FIX_CLIENT},       {"Server", FIX_SERVER},
        {"nginx", FIX_SERVER},         {"Apache", FIX_SERVER},
        {"HAProxy", FIX_SERVER},       {"Caddy", FIX_SERVER},
        {"Load balancer", FIX_SERVER}, {"Network", FIX_NETWORK},
        {"Proxy", FIX_PROXY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return rows[i].side;
        }
    }
    return FIX_NONE;
}

/* What to do where the fault is comes first: 0; then what may be on either
 * side: 1; then the others' ways around it: 2. */
static unsigned fix_rank(const struct known_row *row, const struct verdict *v)
{
    enum known_side side = side_of_software(row->key);
    return side == v->side || v->side == FIX_NONE ? 0
           : side == FIX_NONE                     ? 1
                                                  : 2;
}

static void add_fix(const struct facts *f, const struct known_row *row,
                    struct scratch *s, struct verdict *v)
{
    text_clear(&s->line);
    s->line.max = ADVICE_BYTES;
    if (*row->key) {
        text_add(&s->line, row->key);
        text_add(&s->line, ": ");
        s->line.max += s->line.n; /* of the row alone */
    }
    if (v->fix.n < FIX_MAX && fill_line(f, row->text, false, s)) {
        text_list_add(&v->fix, text_str(&s->line));
    }
}

static void fill_fix(const struct facts *f, const struct lists *l,
                     struct scratch *s, struct verdict *v)
{
    uint8_t ranks[ADVICE_ROWS_MAX];
    for (size_t i = 0; i < l->fix.n; i++) {
        bool usable = has_row(&l->fix_bits, i);
        ranks[i] = usable ? (uint8_t)fix_rank(&l->fix.v[i], v) : UINT8_MAX;
    }
    for (unsigned rank = 0; rank < 3; rank++) {
        for (size_t i = 0; i < l->fix.n; i++) {
            if (ranks[i] == rank) {
                add_fix(f, &l->fix.v[i], s, v);
            }
        }
    }
}

/* A command for TLS becomes one for DTLS where it names no version. */
static bool is_for_datagrams(const struct facts *f, const char *command)
{
    static const char start[] = "openssl s_client ";
    return f->hs->flavour == FLAVOUR_DTLS &&
           strncmp(command, start, sizeof start - 1) == 0 &&
           !strstr(command, " -dtls");
}

static void add_command(const struct facts *f, const char *command,
                        struct scratch *s, struct verdict *v)
{
    if (is_for_datagrams(f, command)) {
        static const char start[] = "openssl s_client ";
        text_clear(&s->word);
        s->word.max = ADVICE_BYTES + WORD_MAX;
        text_add(&s->word, "openssl s_client -dtls ");
        text_add(&s->word, command + sizeof start - 1);
        command = text_str(&s->word);
    }
    if (!text_list_has(&v->reproduce, command)) {
        text_list_add(&v->reproduce, command);
    }
    text_clear(&s->word);
    s->word.max = WORD_BYTES;
}

static void fill_reproduce(const struct facts *f, const struct lists *l,
                           struct scratch *s, struct verdict *v)
{
    for (size_t i = 0; i < l->reproduce.n && v->reproduce.n < REPRODUCE_MAX;
         i++) {
        text_clear(&s->line);
        s->line.max = ADVICE_BYTES;
        if (has_row(&l->reproduce_bits, i) &&
            fill_line(f, l->reproduce.v[i].text, true, s)) {
            add_command(f, text_str(&s->line), s, v);
        }
    }
}

static bool is_viewer_done(const struct verdict *v, const char *viewer)
{
    for (size_t i = 0; i < v->seen_as_n; i++) {
        if (v->seen_as[i].viewer && strcmp(v->seen_as[i].viewer, viewer) == 0) {
            return true;
        }
    }
    return false;
}

/* One text per viewer: the first row whose condition holds. */
static void fill_seen_as(const struct facts *f, const struct lists *l,
                         struct scratch *s, struct verdict *v)
{
    v->seen_as = calloc(SEEN_AS_MAX, sizeof *v->seen_as);
    for (size_t i = 0;
         v->seen_as && i < l->seen_as.n && v->seen_as_n < SEEN_AS_MAX; i++) {
        const struct known_row *row = &l->seen_as.v[i];
        if (!has_row(&l->seen_as_bits, i) || is_viewer_done(v, row->key)) {
            continue;
        }
        text_clear(&s->line);
        s->line.max = ADVICE_BYTES;
        char *text = fill_line(f, row->text, false, s)
                         ? strdup(text_str(&s->line))
                         : NULL;
        if (text) {
            v->seen_as[v->seen_as_n++] =
                (struct seen_as){.viewer = row->key, .text = text};
        }
    }
}

void advice_fill(struct advice *a, const struct facts *f, struct verdict *v)
{
    struct lists own;
    const struct lists *l = lists_of(a, f, v->cause->slug, &own);
    struct scratch s;
    text_init(&s.line, ADVICE_BYTES);
    text_init(&s.word, WORD_BYTES);
    fill_fix(f, l, &s, v);
    fill_reproduce(f, l, &s, v);
    fill_seen_as(f, l, &s, v);
    text_free(&s.word);
    text_free(&s.line);
}
