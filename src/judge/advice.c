/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses the texts of a verdict: which rows of a cause hold here
 * (advice_when.h), in which order, filled with this connection's values
 * (advice_expand.h).
 */
#include "judge/advice.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/lru.h"
#include "judge/advice_expand.h"
#include "judge/advice_when.h"
#include "judge/hypothesis.h"

#define FIX_MAX       16u
#define REPRODUCE_MAX 4u
#define SEEN_AS_MAX   24u

bool advice_when(const struct facts *f, const char *when)
{
    struct conditions c;
    conditions_of(f, &c);
    return conditions_hold(f, &c, when);
}

bool advice_expand(const struct facts *f, const char *row, bool shell,
                   char **out)
{
    struct text t;
    struct text word;
    text_init(&t, ADVICE_BYTES);
    text_init(&word, ADVICE_WORD_BYTES);
    bool ok = advice_put(f, row, shell, &t, &word);
    *out = ok ? strdup(text_str(&t)) : NULL;
    text_free(&word);
    text_free(&t);
    return *out != NULL;
}

/* ---- which rows are usable ---- */

/* Software of the web, as rows of fix and seen_as name it. */
static bool is_of_web(const char *key)
{
    static const char *const keys[] = {
        "nginx", "Apache",     "HAProxy",   "Caddy", "Chrome",        "Firefox",
        "Git",   "Cloudflare", "go-server", "iis",   "Load balancer", NULL};
    size_t n = strlen(key) + 1;
    for (size_t i = 0; keys[i]; i++) {
        if (strlen(keys[i]) + 1 == n && ascii_same(keys[i], key, n)) {
            return true;
        }
    }
    return false;
}

/* curl asks for TLS within these. */
static bool curl_knows(const struct handshake *hs)
{
    const char *word = advice_starttls(hs);
    return word && (strcmp(word, "smtp") == 0 || strcmp(word, "imap") == 0 ||
                    strcmp(word, "pop3") == 0 || strcmp(word, "ftp") == 0 ||
                    strcmp(word, "ldap") == 0);
}

/* What is said of web servers and browsers does not help with mail, databases
 * and datagrams, unless the row says so. */
static bool is_beside_the_point(const struct facts *f,
                                const struct known_row *row)
{
    bool starttls = carrier_starts(f->hs, "starttls");
    if ((!starttls && f->hs->flavour != FLAVOUR_DTLS) ||
        strstr(row->when, "carrier_") || strstr(row->when, "starttls") ||
        strstr(row->when, "dtls")) {
        return false;
    }
    return is_of_web(row->key) ||
           (strcmp(row->key, "curl") == 0 && !curl_knows(f->hs));
}

/* QUIC wants rows of its own; curl speaks neither STARTTLS nor DTLS. Of all
 * that is said of servers and browsers little fits an 802.1X log-in: rows for
 * it name it, and supplicants show what OpenSSL says. */
static bool is_usable(const struct facts *f,
                      const struct conditions *conditions,
                      const struct known_row *row, bool command)
{
    bool quic = f->hs->flavour == FLAVOUR_QUIC;
    if (hs_is_eap(f->hs) && !strstr(row->when, "eap") &&
        strcmp(row->key, command ? "" : "openssl") != 0) {
        return false;
    }
    if ((command && quic && !strstr(row->when, "quic")) ||
        (!command && is_beside_the_point(f, row))) {
        return false;
    }
    bool curl = strcmp(row->key, "curl") == 0;
    if (command && f->hs->flavour == FLAVOUR_DTLS &&
        strstr(row->text, " -tls1_")) {
        return false;
    }
    if (command && curl && !strstr(row->when, "carrier_") &&
        (f->hs->flavour == FLAVOUR_DTLS || carrier_starts(f->hs, "starttls"))) {
        return false;
    }
    return conditions_hold(f, conditions, row->when);
}

struct row_bits {
    uint64_t v[ADVICE_ROWS_MAX / 64];
};

static bool has_row(const struct row_bits *bits, size_t i)
{
    return bits->v[i / 64] >> i % 64 & 1;
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

/* The rows of a cause, bits that say which are usable here, and what else is
 * known without a connection. */
struct lists {
    struct known_rows fix, reproduce, seen_as;
    struct row_bits fix_bits, reproduce_bits, seen_as_bits;
    uint8_t fix_side[ADVICE_ROWS_MAX]; /* enum known_side */
    uint8_t viewer[ADVICE_ROWS_MAX];   /* the first row for the same viewer */
};

static struct row_bits usable_rows(const struct facts *f,
                                   const struct conditions *conditions,
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

static void find_rows(const struct facts *f,
                      const struct conditions *conditions, const char *cause,
                      struct lists *out)
{
    out->fix = known_fix_rows(cause);
    /* Where openssl cannot ask for TLS, what can is the same for all causes. */
    bool asks = carrier_starts(f->hs, "starttls") && !advice_starttls(f->hs);
    out->reproduce = known_reproduce_rows(asks ? "starttls_refused" : cause);
    out->seen_as = known_seen_as_rows(cause);
    out->fix_bits = usable_rows(f, conditions, &out->fix, false);
    out->reproduce_bits = usable_rows(f, conditions, &out->reproduce, true);
    out->seen_as_bits = usable_rows(f, conditions, &out->seen_as, false);
    for (size_t i = 0; i < out->fix.n; i++) {
        out->fix_side[i] = (uint8_t)side_of_software(out->fix.v[i].key);
    }
    for (size_t i = 0; i < out->seen_as.n; i++) {
        size_t first = 0;
        while (strcmp(out->seen_as.v[first].key, out->seen_as.v[i].key) != 0) {
            first++;
        }
        out->viewer[i] = (uint8_t)first;
    }
}

/* ---- the same case again ---- */

#define CASES         64u
#define CARRIER_BYTES 32u
#define SERVERS       1024u /* whose commands are remembered */

/* Texts, in one piece with the pointers to them. */
struct packed {
    char **v; /* owned; NULL: there are none */
    size_t n, bytes_n;
};

/* All that is_usable() and fix_rank() look at. No padding: it is compared as
 * bytes. */
struct advice_key {
    const char *cause;
    struct conditions conditions;
    uint16_t alert, http;
    uint32_t side; /* enum known_side */
    char carrier[CARRIER_BYTES];
};

struct advice_case {
    struct advice_key key; /* cause NULL: free */
    uint64_t id;           /* stands for the key; never 0 */
    struct lists lists;
    bool is_fixed;   /* no row of fix and seen_as holds a value, */
    bool is_written; /* and this is what they say: */
    struct packed fix, seen_as;
    const char *viewers[SEEN_AS_MAX];
    bool is_of_server; /* its commands hang on nothing but the server */
};

/* Commands by case and server (struct server_key). */
struct server_commands {
    bool is_written;
    struct packed commands;
};

struct advice {
    struct hash_seed seed;
    struct advice_case cases[CASES];
    struct lru *servers; /* NULL: nothing is remembered */
};

static void drop_commands(void *entry)
{
    struct server_commands *c = entry;
    free(c->commands.v);
    c->commands.v = NULL;
}

struct advice *advice_new(void)
{
    struct advice *a = calloc(1, sizeof *a);
    if (a) {
        a->seed = hash_seed_random();
        a->servers =
            lru_new(SERVERS, sizeof(struct server_commands), drop_commands);
    }
    return a;
}

static void forget_case(struct advice_case *c)
{
    free(c->fix.v);
    free(c->seen_as.v);
    memset(c, 0, sizeof *c);
}

void advice_free(struct advice *a)
{
    if (!a) {
        return;
    }
    for (unsigned i = 0; i < CASES; i++) {
        forget_case(&a->cases[i]);
    }
    lru_free(a->servers);
    free(a);
}

/* False when there is more to look at than a key has. */
static bool key_of(const struct facts *f, const struct conditions *conditions,
                   const struct verdict *v, struct advice_key *out)
{
    const char *carrier = f->hs->carrier ? f->hs->carrier : "";
    size_t n = strlen(carrier);
    memset(out, 0, sizeof *out);
    if (f->hs->peer_protocol || n >= CARRIER_BYTES) {
        return false;
    }
    out->cause = v->cause->slug;
    out->conditions = *conditions;
    out->alert = f->alert;
    out->http = (uint16_t)http_status(f->hs);
    out->side = v->side;
    memcpy(out->carrier, carrier, n);
    return true;
}

/* Whether a list's usable rows are all of a kind. */
static bool all_rows(const struct known_rows *rows, const struct row_bits *bits,
                     bool (*is)(const char *row))
{
    for (size_t i = 0; i < rows->n; i++) {
        if (has_row(bits, i) && !is(rows->v[i].text)) {
            return false;
        }
    }
    return true;
}

static bool is_fixed_row(const char *row)
{
    return !strchr(row, '{');
}

static void open_case(struct advice_case *c, const struct advice_key *key,
                      uint64_t id, const struct facts *f)
{
    struct lists *l = &c->lists;
    forget_case(c);
    c->key = *key;
    c->id = id;
    find_rows(f, &key->conditions, key->cause, l);
    c->is_fixed = all_rows(&l->fix, &l->fix_bits, is_fixed_row) &&
                  all_rows(&l->seen_as, &l->seen_as_bits, is_fixed_row);
    c->is_of_server =
        all_rows(&l->reproduce, &l->reproduce_bits, advice_is_of_server);
}

/* The remembered case, or a new one in the place of another; NULL when this one
 * cannot be remembered. */
static struct advice_case *case_of(struct advice *a, const struct facts *f,
                                   const struct conditions *conditions,
                                   const struct verdict *v)
{
    struct advice_key key;
    if (!a || !key_of(f, conditions, v, &key)) {
        return NULL;
    }
    uint64_t id = hash_bytes(&a->seed, span_of(&key, sizeof key)) | 1;
    struct advice_case *c = &a->cases[(id >> 1) % CASES];
    if (memcmp(&c->key, &key, sizeof key) != 0) {
        open_case(c, &key, id, f);
    }
    return c;
}

static struct server_commands *commands_of(struct advice *a,
                                           const struct facts *f,
                                           const struct advice_case *c)
{
    const struct handshake *hs = f->hs;
    struct {
        uint64_t id, sni, asked;
        struct hs_addr server;
        uint16_t ip_version, has_sni;
    } key;
    if (!c || !c->is_of_server || !a->servers) {
        return NULL;
    }
    memset(&key, 0, sizeof key);
    key.id = c->id;
    key.sni = hash_bytes(&a->seed, hs->offer.sni);
    key.asked = hash_bytes(&a->seed, hs->carrier_asked);
    memcpy(key.server.ip, hs->addr[SIDE_SERVER].ip, sizeof key.server.ip);
    key.server.port = hs->addr[SIDE_SERVER].port;
    key.ip_version = hs->ip_version;
    key.has_sni = hs->offer.has_sni;
    return lru_use(a->servers, hash_bytes(&a->seed, span_of(&key, sizeof key)));
}

/* False when memory is out. */
static bool pack(struct packed *p, char *const *v, size_t n)
{
    size_t total = n * sizeof *v;
    for (size_t i = 0; i < n; i++) {
        total += strlen(v[i]) + 1;
    }
    char **copy = malloc(total + 1);
    if (!copy) {
        return false;
    }
    *p = (struct packed){copy, n, total};
    char *to = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        size_t bytes = strlen(v[i]) + 1;
        copy[i] = memcpy(to, v[i], bytes);
        to += bytes;
    }
    return true;
}

/* Copies them into an arena. NULL when there is no room. */
static char **unpack(struct arena *a, const struct packed *p)
{
    char **v = arena_room(a, p->bytes_n);
    if (v) {
        memcpy(v, p->v, p->bytes_n);
        for (size_t i = 0; i < p->n; i++) {
            v[i] = (char *)v + (p->v[i] - (char *)p->v);
        }
    }
    return v;
}

static struct text_list unpack_list(struct arena *a, const struct packed *p)
{
    char **v = unpack(a, p);
    return (struct text_list){.v = v, .n = v ? p->n : 0, .arena = a};
}

static void unpack_seen_as(const struct advice_case *c, struct verdict *v)
{
    char **texts = unpack(&v->arena, &c->seen_as);
    v->seen_as = arena_room(&v->arena, c->seen_as.n * sizeof *v->seen_as);
    v->seen_as_n = texts && v->seen_as ? c->seen_as.n : 0;
    for (size_t i = 0; i < v->seen_as_n; i++) {
        v->seen_as[i] = (struct seen_as){c->viewers[i], texts[i]};
    }
}

static void remember_fixed(struct advice_case *c, const struct verdict *v)
{
    char *texts[SEEN_AS_MAX];
    for (size_t i = 0; i < v->seen_as_n; i++) {
        c->viewers[i] = v->seen_as[i].viewer;
        texts[i] = v->seen_as[i].text;
    }
    free(c->fix.v); /* memory was out before */
    c->fix.v = NULL;
    c->is_written = pack(&c->fix, v->fix.v, v->fix.n) &&
                    pack(&c->seen_as, texts, v->seen_as_n);
}

/* ---- the three lists ---- */

/* Texts that are made again and again. */
struct scratch {
    struct text line, word;
};

/* A list of the verdict's that has room, as its first one makes it. */
static char **list_room(struct verdict *v, size_t max)
{
    return arena_room(&v->arena, max * sizeof(char *));
}

static void list_add(struct verdict *v, struct text_list *l, const char *s)
{
    char *copy = l->v ? arena_text(&v->arena, span_text(s)) : NULL;
    if (copy) {
        l->v[l->n++] = copy;
    }
}

static bool fill_line(const struct facts *f, const char *row, bool shell,
                      struct scratch *s)
{
    return advice_put(f, row, shell, &s->line, &s->word);
}

/* What to do where the fault is comes first: 0; then what may be on either
 * side: 1; then the others' ways around it: 2. */
static unsigned fix_rank(enum known_side side, const struct verdict *v)
{
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
        list_add(v, &v->fix, text_str(&s->line));
    }
}

static void fill_fix(const struct facts *f, const struct lists *l,
                     struct scratch *s, struct verdict *v)
{
    uint8_t ranks[ADVICE_ROWS_MAX];
    v->fix.v = list_room(v, FIX_MAX);
    for (size_t i = 0; i < l->fix.n; i++) {
        bool usable = has_row(&l->fix_bits, i);
        enum known_side side = (enum known_side)l->fix_side[i];
        ranks[i] = usable ? (uint8_t)fix_rank(side, v) : UINT8_MAX;
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
        s->word.max = ADVICE_BYTES + 8u; /* " -dtls" */
        text_add(&s->word, "openssl s_client -dtls ");
        text_add(&s->word, command + sizeof start - 1);
        command = text_str(&s->word);
    }
    if (!text_list_has(&v->reproduce, command)) {
        list_add(v, &v->reproduce, command);
    }
    text_clear(&s->word);
    s->word.max = ADVICE_WORD_BYTES;
}

static void fill_reproduce(const struct facts *f, const struct lists *l,
                           struct scratch *s, struct verdict *v)
{
    v->reproduce.v = list_room(v, REPRODUCE_MAX);
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

/* One text per viewer: the first row whose condition holds. */
static void fill_seen_as(const struct facts *f, const struct lists *l,
                         struct scratch *s, struct verdict *v)
{
    struct row_bits done = {{0}}; /* viewers, by their first row */
    v->seen_as = arena_room(&v->arena, SEEN_AS_MAX * sizeof *v->seen_as);
    for (size_t i = 0;
         v->seen_as && i < l->seen_as.n && v->seen_as_n < SEEN_AS_MAX; i++) {
        const struct known_row *row = &l->seen_as.v[i];
        if (!has_row(&l->seen_as_bits, i) || has_row(&done, l->viewer[i])) {
            continue;
        }
        text_clear(&s->line);
        s->line.max = ADVICE_BYTES;
        char *text = fill_line(f, row->text, false, s)
                         ? arena_text(&v->arena, span_text(text_str(&s->line)))
                         : NULL;
        if (text) {
            v->seen_as[v->seen_as_n++] =
                (struct seen_as){.viewer = row->key, .text = text};
            done.v[l->viewer[i] / 64] |= UINT64_C(1) << l->viewer[i] % 64;
        }
    }
}

static void write_fixed(const struct facts *f, const struct lists *l,
                        struct scratch *s, struct verdict *v)
{
    fill_fix(f, l, s, v);
    fill_seen_as(f, l, s, v);
}

void advice_fill(struct advice *a, const struct facts *f, struct verdict *v)
{
    struct lists own; /* when the case cannot be remembered */
    struct conditions conditions;
    struct scratch s;
    conditions_of(f, &conditions);
    struct advice_case *c = case_of(a, f, &conditions, v);
    struct server_commands *known = commands_of(a, f, c);
    if (!c) {
        find_rows(f, &conditions, v->cause->slug, &own);
    }
    const struct lists *l = c ? &c->lists : &own;
    text_init(&s.line, ADVICE_BYTES);
    text_init(&s.word, ADVICE_WORD_BYTES);
    if (c && c->is_written) {
        v->fix = unpack_list(&v->arena, &c->fix);
        unpack_seen_as(c, v);
    } else {
        write_fixed(f, l, &s, v);
    }
    /* What did not fit here may fit elsewhere. */
    if (c && c->is_fixed && !c->is_written && !v->arena.limited) {
        remember_fixed(c, v);
    }
    v->advice_id = c && c->is_written ? c->id : 0;
    if (known && known->is_written) {
        v->reproduce = unpack_list(&v->arena, &known->commands);
    } else {
        fill_reproduce(f, l, &s, v);
    }
    if (known && !known->is_written && !v->arena.limited) {
        known->is_written =
            pack(&known->commands, v->reproduce.v, v->reproduce.n);
    }
    text_free(&s.word);
    text_free(&s.line);
}
