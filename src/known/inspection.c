/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may stand between a client and a server, and who certainly does not:
 * issuer names of inspection products and of private authorities, domains with
 * public certificates, and Mozilla's roots (the tables in data/).
 *
 * A name proves little by itself; weighing it is the judge's.
 */
#include "known/known.h"

#include "base/hash.h"

#include <regex.h>
#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* Longest name looked at; X.520's upper bound for a CN or O is 64. */
#define NAME_BYTES 256u

enum { FIELD_CN, FIELD_O, FIELD_OU, FIELD_ANY, FIELD_AGENT, FIELD_SUBJECT };
enum { HOW_EXACT, HOW_PREFIX, HOW_SUBSTRING, HOW_REGEX, HOW_IREGEX };

struct pattern {
    uint8_t field, how;
    const char *text;
};

struct inspection_row {
    struct known_inspection what;
    struct pattern pattern;
};

struct private_row {
    const char *kind;
    struct pattern pattern;
};

static const struct inspection_row products[] = {
#include "known/inspection.inc"
};

static const struct private_row privates[] = {
#include "known/private_issuers.inc"
};

static const char *const domains[] = {
#include "known/wellknown_domains.inc"
};

static const struct {
    const char *host;
    enum known_browser browser;
} browser_names[] = {
#include "known/browser_names.inc"
};

static const uint8_t roots[][32] = {
#include "known/mozilla_roots.inc"
};

/* A regular expression, from the first name on that it is tried with: most
 * runs meet none. */
struct compiled {
    regex_t regex;
    bool tried, used;
};

/* Answers for issuers asked about lately: the same few come again and again,
 * and trying every pattern takes tens of microseconds. */
#define MEMOS 256u

struct memo {
    uint64_t issuer; /* hash of its names; 0: free */
    const struct known_inspection *product;
    const char *private;
};

struct known_patterns {
    struct compiled products[COUNT(products)];
    struct compiled privates[COUNT(privates)];
    struct hash_seed seed;
    struct memo *memos; /* MEMOS of them; NULL when memory was out */
};

/* ---- patterns ---- */

/* A pattern that cannot be compiled fits nothing. */
static bool regex_fits(struct compiled *c, const struct pattern *p,
                       const char *name)
{
    if (!c->tried) {
        int flags = REG_EXTENDED | REG_NOSUB;
        flags |= p->how == HOW_IREGEX ? REG_ICASE : 0;
        c->tried = true;
        c->used = regcomp(&c->regex, p->text, flags) == 0;
    }
    return c->used && regexec(&c->regex, name, 0, NULL, 0) == 0;
}

struct known_patterns *known_patterns_new(void)
{
    struct known_patterns *p = calloc(1, sizeof *p);
    if (p) {
        p->seed = hash_seed_random();
        p->memos = calloc(MEMOS, sizeof *p->memos);
    }
    return p;
}

static void release(struct compiled *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (c[i].used) {
            regfree(&c[i].regex);
        }
    }
}

void known_patterns_free(struct known_patterns *p)
{
    if (!p) {
        return;
    }
    release(p->products, COUNT(products));
    release(p->privates, COUNT(privates));
    free(p->memos);
    free(p);
}

static bool text_fits(const struct pattern *p, struct compiled *c,
                      struct span s)
{
    char name[NAME_BYTES];
    if (s.n == 0 || s.n >= sizeof name) {
        return false;
    }
    memcpy(name, s.p, s.n);
    name[s.n] = '\0';
    switch (p->how) {
    case HOW_EXACT:
        return span_eq(s, span_text(p->text));
    case HOW_PREFIX:
        return span_starts(s, p->text);
    case HOW_SUBSTRING:
        return strstr(name, p->text) != NULL;
    default:
        return regex_fits(c, p, name);
    }
}

/* The next "OU=" value of a distinguished name's text, from *at on; empty at
 * the end. */
static struct span next_unit(struct span dn, size_t *at)
{
    for (size_t i = *at; i + 3 < dn.n; i++) {
        bool begins = i == 0 || dn.p[i - 1] == ',' || dn.p[i - 1] == '+' ||
                      dn.p[i - 1] == ' ';
        if (!begins || !span_starts(span_sub(dn, i, 3), "OU=")) {
            continue;
        }
        size_t from = i + 3;
        size_t to = from;
        while (to < dn.n && dn.p[to] != ',' && dn.p[to] != '+') {
            to += dn.p[to] == '\\' ? 2u : 1u;
        }
        to = to < dn.n ? to : dn.n;
        *at = to;
        return span_sub(dn, from, to - from);
    }
    return (struct span){dn.p, 0};
}

static bool unit_fits(const struct pattern *p, struct compiled *c,
                      struct span dn)
{
    size_t at = 0;
    struct span unit = next_unit(dn, &at);
    while (unit.n) {
        if (text_fits(p, c, unit)) {
            return true;
        }
        unit = next_unit(dn, &at);
    }
    return false;
}

static bool pattern_fits(const struct pattern *p, struct compiled *c,
                         const struct known_issuer *issuer)
{
    bool any = p->field == FIELD_ANY;
    return ((any || p->field == FIELD_CN) &&
            text_fits(p, c, issuer->common_name)) ||
           ((any || p->field == FIELD_O) &&
            text_fits(p, c, issuer->organization)) ||
           ((any || p->field == FIELD_OU) &&
            unit_fits(p, c, issuer->distinguished_name));
}

static const struct known_inspection *
find_product(struct known_patterns *p, const struct known_issuer *issuer)
{
    const struct known_inspection *best = NULL;
    for (size_t i = 0; i < COUNT(products); i++) {
        const struct known_inspection *k = &products[i].what;
        if ((!best || k->certainty > best->certainty) &&
            pattern_fits(&products[i].pattern, &p->products[i], issuer)) {
            best = k;
        }
    }
    return best;
}

static const char *find_private(struct known_patterns *p,
                                const struct known_issuer *issuer)
{
    for (size_t i = 0; i < COUNT(privates); i++) {
        if (pattern_fits(&privates[i].pattern, &p->privates[i], issuer)) {
            return privates[i].kind;
        }
    }
    return NULL;
}

static uint64_t issuer_hash(const struct known_patterns *p,
                            const struct known_issuer *issuer)
{
    uint64_t h = hash_bytes(&p->seed, issuer->common_name) * 31 +
                 hash_bytes(&p->seed, issuer->organization);
    return (h * 31 + hash_bytes(&p->seed, issuer->distinguished_name)) | 1;
}

/* What is known of the issuer; `fresh` is used when nothing can be kept. */
static const struct memo *recall(struct known_patterns *p,
                                 const struct known_issuer *issuer,
                                 struct memo *fresh)
{
    uint64_t h = issuer_hash(p, issuer);
    struct memo *m = p->memos ? &p->memos[(h >> 8) % MEMOS] : fresh;
    if (m->issuer != h) {
        *m = (struct memo){.issuer = h,
                           .product = find_product(p, issuer),
                           .private = find_private(p, issuer)};
    }
    return m;
}

const struct known_inspection *
known_inspection_find(struct known_patterns *p,
                      const struct known_issuer *issuer)
{
    struct memo fresh = {0};
    return recall(p, issuer, &fresh)->product;
}

/* By a text that is no issuer's. */
static const struct known_inspection *find_by(struct known_patterns *p,
                                              uint8_t field, struct span text)
{
    for (size_t i = 0; i < COUNT(products); i++) {
        if (products[i].pattern.field == field &&
            text_fits(&products[i].pattern, &p->products[i], text)) {
            return &products[i].what;
        }
    }
    return NULL;
}

const struct known_inspection *known_inspection_agent(struct known_patterns *p,
                                                      struct span agent)
{
    return find_by(p, FIELD_AGENT, agent);
}

const struct known_inspection *
known_inspection_subject(struct known_patterns *p, struct span organization)
{
    return find_by(p, FIELD_SUBJECT, organization);
}

const char *known_private_issuer(struct known_patterns *p,
                                 const struct known_issuer *issuer)
{
    struct memo fresh = {0};
    return recall(p, issuer, &fresh)->private;
}

/* ---- sorted tables ---- */

static int compare_domain(struct span a, const char *b)
{
    size_t n = strlen(b);
    int order = memcmp(a.p, b, a.n < n ? a.n : n);
    return order ? order : (a.n > n) - (a.n < n);
}

bool known_well_known_domain(struct span domain)
{
    size_t lo = 0;
    size_t hi = COUNT(domains);
    while (domain.n && lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = compare_domain(domain, domains[mid]);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return false;
}

/* A few rows, and nearly all hosts differ in their length. */
enum known_browser known_browser_of(struct span host)
{
    for (size_t i = 0; i < COUNT(browser_names); i++) {
        if (span_eq(host, span_text(browser_names[i].host))) {
            return browser_names[i].browser;
        }
    }
    return KNOWN_NO_BROWSER;
}

bool known_public_root(const uint8_t spki_sha256[32])
{
    size_t lo = 0;
    size_t hi = COUNT(roots);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = memcmp(spki_sha256, roots[mid], 32);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return false;
}
