/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses the texts of a verdict: which rows of a cause hold here
 * (advice_when.h), in which order, filled with this connection's values
 * (advice_expand.h).
 */
#include "judge/advice.h"

#include <stdlib.h>

#include "base/hash.h"
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
    out->reproduce = known_reproduce_rows(cause);
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
#define CARRIER_BYTES 28u

/* All that is_usable() looks at. No padding: it is compared as bytes. */
struct advice_key {
    const char *cause;
    struct conditions conditions;
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
static bool key_of(const struct facts *f, const struct conditions *conditions,
                   const char *cause, struct advice_key *out)
{
    const char *carrier = f->hs->carrier ? f->hs->carrier : "";
    size_t n = strlen(carrier);
    memset(out, 0, sizeof *out);
    if (f->hs->peer_protocol || n >= CARRIER_BYTES) {
        return false;
    }
    out->cause = cause;
    out->conditions = *conditions;
    out->alert = f->alert;
    out->http = (uint16_t)http_status(f->hs);
    memcpy(out->carrier, carrier, n);
    return true;
}

static struct advice_case *case_of(struct advice *a,
                                   const struct advice_key *key)
{
    static const struct hash_seed seed; /* nobody gains by collisions */
    uint64_t h = hash_bytes(&seed, span_of(key, sizeof *key));
    return &a->cases[h & (CASES - 1)];
}

/* *own is used when the case is not remembered. */
static const struct lists *lists_of(struct advice *a, const struct facts *f,
                                    const char *cause, struct lists *own)
{
    struct advice_key key;
    struct conditions conditions;
    conditions_of(f, &conditions);
    if (!a || !key_of(f, &conditions, cause, &key)) {
        find_rows(f, &conditions, cause, own);
        return own;
    }
    struct advice_case *c = case_of(a, &key);
    if (memcmp(&c->key, &key, sizeof key) != 0) {
        c->key = key;
        find_rows(f, &conditions, cause, &c->lists);
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
        text_list_add(&v->fix, text_str(&s->line));
    }
}

static void fill_fix(const struct facts *f, const struct lists *l,
                     struct scratch *s, struct verdict *v)
{
    uint8_t ranks[ADVICE_ROWS_MAX];
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
        text_list_add(&v->reproduce, command);
    }
    text_clear(&s->word);
    s->word.max = ADVICE_WORD_BYTES;
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

/* One text per viewer: the first row whose condition holds. */
static void fill_seen_as(const struct facts *f, const struct lists *l,
                         struct scratch *s, struct verdict *v)
{
    struct row_bits done = {{0}}; /* viewers, by their first row */
    v->seen_as = calloc(SEEN_AS_MAX, sizeof *v->seen_as);
    for (size_t i = 0;
         v->seen_as && i < l->seen_as.n && v->seen_as_n < SEEN_AS_MAX; i++) {
        const struct known_row *row = &l->seen_as.v[i];
        if (!has_row(&l->seen_as_bits, i) || has_row(&done, l->viewer[i])) {
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
            done.v[l->viewer[i] / 64] |= UINT64_C(1) << l->viewer[i] % 64;
        }
    }
}

void advice_fill(struct advice *a, const struct facts *f, struct verdict *v)
{
    struct lists own;
    const struct lists *l = lists_of(a, f, v->cause->slug, &own);
    struct scratch s;
    text_init(&s.line, ADVICE_BYTES);
    text_init(&s.word, ADVICE_WORD_BYTES);
    fill_fix(f, l, &s, v);
    fill_reproduce(f, l, &s, v);
    fill_seen_as(f, l, &s, v);
    text_free(&s.word);
    text_free(&s.line);
}
