/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a certificate and the others of its issuer look like the work of an
 * inspection proxy: signals with weights, and a threshold.
 *
 * Private authorities are honest far more often than not, so a verdict needs a
 * product's name or several independent signals, of which one must be something
 * that no authority of a company does for its own names.
 */
#include "judge/interception_group.h"

#include <stdarg.h>
#include <stdio.h>

#include "judge/hypothesis.h"
#include "judge/say.h"

#define DETECTED_FROM  60
#define SUSPECTED_FROM 30

#define HOUR        (3600 * TICK_SEC)
#define SLACK       (10 * TICK_SEC) /* clocks, and the time to mint */
#define FRESH_FROM  (-5 * 60 * TICK_SEC)
#define FRESH_TO    (15 * 60 * TICK_SEC)
#define BACKDATE_TO (14 * 24)  /* hours; then whole days alone */
#define DAYS_TO     (400 * 24) /* hours */
#define SPREAD      (30 * TICK_SEC)

/* The signals that count as independent of each other. */
enum {
    SIGNAL_PRODUCT = 1 << 0,
    SIGNAL_DOMAINS = 1 << 1,
    SIGNAL_ORGANIZATIONS = 1 << 2,
    SIGNAL_WELL_KNOWN = 1 << 3,
    SIGNAL_ONE_KEY = 1 << 4,
    SIGNAL_KEY_OF_ISSUER = 1 << 5,
    SIGNAL_MINTED = 1 << 6,
    SIGNAL_FRESH = 1 << 7,
    SIGNAL_BACKDATED = 1 << 8,
    SIGNAL_OTHER_ISSUER = 1 << 9,
    SIGNAL_AUTHORITY_NAME = 1 << 10,
};

/* What a company does not do for its own names. */
#define SIGNALS_STRONG                                                         \
    (SIGNAL_WELL_KNOWN | SIGNAL_KEY_OF_ISSUER | SIGNAL_MINTED |                \
     SIGNAL_OTHER_ISSUER | SIGNAL_AUTHORITY_NAME)

struct scales {
    const struct group *g;
    const struct group_leaf *at;
    const struct sighting *s;
    struct text_list *because;
    int score;
    unsigned signals;
};

__attribute__((format(printf, 4, 5))) static void
weigh(struct scales *w, int weight, unsigned signal, const char *fmt, ...)
{
    w->score += weight;
    w->signals |= signal;
    if (!w->because) {
        return;
    }
    char sentence[SENTENCE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, ap);
    va_end(ap);
    text_list_add(w->because, sentence);
}

/* ---- the group ---- */

typedef uint64_t (*property)(const struct group_leaf *l);

/* A company's authority for its own hosts says so in both names, and then its
 * domains tell nothing. */
static uint64_t owner_of(const struct group_leaf *l)
{
    return l->in_house && !l->well_known ? 0 : l->owner;
}

static uint64_t organization_of(const struct group_leaf *l)
{
    return l->organization;
}

static uint64_t well_known_of(const struct group_leaf *l)
{
    return l->well_known ? l->owner : 0;
}

/* How many different values the leaves have; 0 is none. */
static unsigned count_distinct(const struct group *g, property of)
{
    unsigned n = 0;
    for (unsigned i = 0; i < g->leaves_n; i++) {
        uint64_t v = of(&g->leaves[i]);
        bool seen = v == 0;
        for (unsigned k = 0; k < i && !seen; k++) {
            seen = of(&g->leaves[k]) == v;
        }
        n += !seen;
    }
    return n;
}

static uint64_t network_of(const struct group_leaf *l)
{
    return owner_of(l) ? l->network : 0;
}

/* All of its sites are with one provider, which may well have an authority of
 * its own for what it hosts. Proxies make certificates for sites wherever they
 * are. */
static bool is_hosting(const struct group *g)
{
    for (unsigned i = 0; i < g->leaves_n; i++) {
        if (!g->leaves[i].network) {
            return false;
        }
    }
    unsigned networks = count_distinct(g, network_of);
    return networks < 3 && networks < count_distinct(g, owner_of);
}

/* Different certificates for different domains with one key. */
static bool has_one_key(const struct group *g)
{
    for (unsigned i = 0; i < g->leaves_n; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (g->leaves[i].spki == g->leaves[k].spki &&
                g->leaves[i].owner != g->leaves[k].owner) {
                return true;
            }
        }
    }
    return false;
}

/* A whole number of hours, or, past two weeks, of days (Privoxy's 30). */
static bool is_round(tick_t age, tick_t *hours)
{
    if (age < -SLACK || age > DAYS_TO * HOUR + SLACK) {
        return false;
    }
    *hours = (age + HOUR / 2) / HOUR;
    tick_t off = age - *hours * HOUR;
    return off <= SLACK && off >= -SLACK &&
           (*hours <= BACKDATE_TO || *hours % 24 == 0);
}

/* Leaves whose age at first sight lies within SLACK above that of leaf `i`. */
static bool is_mint(const struct group *g, unsigned i)
{
    tick_t from = g->leaves[i].age;
    tick_t seen_first = INT64_MAX;
    tick_t seen_last = INT64_MIN;
    tick_t hours;
    unsigned n = 0;
    bool domains = false;
    for (unsigned k = 0; k < g->leaves_n; k++) {
        const struct group_leaf *l = &g->leaves[k];
        if (l->age < from || tick_sub(l->age, from) > SLACK) {
            continue;
        }
        n++;
        domains = domains || l->owner != g->leaves[i].owner;
        seen_first = l->seen < seen_first ? l->seen : seen_first;
        seen_last = l->seen > seen_last ? l->seen : seen_last;
    }
    /* Certificates made in one go and shown at the same time agree as well. */
    bool apart = tick_sub(seen_last, seen_first) > SPREAD;
    return n >= 3 && domains &&
           (apart || (is_round(from, &hours) && hours >= 1));
}

static bool has_mint(const struct group *g)
{
    for (unsigned i = 0; i < g->leaves_n; i++) {
        if (is_mint(g, i)) {
            return true;
        }
    }
    return false;
}

static bool is_fresh(tick_t age)
{
    return age >= FRESH_FROM && age <= FRESH_TO;
}

/* Two fresh leaves of different domains. */
static bool has_fresh(const struct group *g)
{
    const struct group_leaf *first = NULL;
    for (unsigned i = 0; i < g->leaves_n; i++) {
        const struct group_leaf *l = &g->leaves[i];
        if (!is_fresh(l->age) || !owner_of(l)) {
            continue;
        }
        if (first && first->owner != l->owner) {
            return true;
        }
        first = first ? first : l;
    }
    return false;
}

static void weigh_group(struct scales *w)
{
    const struct group *g = w->g;
    unsigned domains = count_distinct(g, owner_of);
    unsigned known = count_distinct(g, well_known_of);
    if (known) {
        weigh(w, known > 1 ? 50 : 30, SIGNAL_WELL_KNOWN,
              known > 1 ? "its issuer made certificates for %u well-known "
                          "domains that use public authorities"
                        : "its issuer made a certificate for %u well-known "
                          "domain that uses public authorities",
              known);
    }
    if (domains > 1) {
        weigh(w, domains > 2 ? 35 : 20, SIGNAL_DOMAINS,
              "its issuer made certificates for %u unrelated domains", domains);
        if (count_distinct(g, organization_of) > 1) {
            weigh(w, 25, SIGNAL_ORGANIZATIONS,
                  "they are in the names of different organizations");
        }
        if (has_one_key(g)) {
            weigh(w, 30, SIGNAL_ONE_KEY,
                  "certificates for unrelated domains have the same key");
        }
    }
    if (has_mint(g)) {
        weigh(w, 40, SIGNAL_MINTED,
              "they were made the moment they were first shown: their ages "
              "agree within seconds");
    } else if (has_fresh(g)) {
        weigh(w, 20, SIGNAL_FRESH,
              "they were minutes old when they were first shown");
    }
}

/* ---- the certificate ---- */

static void weigh_product(struct scales *w)
{
    static const int weights[] = {
        [KNOWN_RECALLED] = 35, [KNOWN_PUBLISHED] = 60, [KNOWN_VERIFIED] = 100};
    const struct known_inspection *k = w->g->product;
    if (!k) {
        return;
    }
    bool proven = k->certainty != KNOWN_RECALLED;
    if (w->s->by_subject) {
        weigh(w, weights[k->certainty], SIGNAL_PRODUCT,
              "the certificate for %s is in the name of \"%s\", as %s makes it",
              say_names(w->s->leaf).s,
              say_span(w->s->leaf->subject.organization).s, k->product);
        return;
    }
    weigh(w, weights[k->certainty], proven ? SIGNAL_PRODUCT : 0,
          proven ? "the certificate for %s was issued by \"%s\", which is how "
                   "%s signs"
                 : "the certificate for %s was issued by \"%s\", a name that "
                   "%s may use",
          say_names(w->s->leaf).s, w->g->issuer, k->product);
}

/* What an explicit proxy calls itself proves nothing. */
static void tell_agent(struct scales *w)
{
    if (w->s->agent.n) {
        weigh(w, 0, 0, "the proxy says of itself \"%s\"",
              say_span(w->s->agent).s);
    }
}

static void weigh_leaf(struct scales *w)
{
    const struct sighting *s = w->s;
    tick_t hours;
    if (s->key_is_issuers) {
        weigh(w, 40, SIGNAL_KEY_OF_ISSUER,
              "its key is the key of its issuer, as no authority does it");
    }
    if (w->at && is_round(w->at->age, &hours) && hours >= 1) {
        bool days = hours > BACKDATE_TO;
        weigh(w, 30, SIGNAL_BACKDATED,
              "it was dated back by exactly %d %s when it was first shown",
              (int)(days ? hours / 24 : hours), days ? "days" : "hours");
    }
    if (s->other_issuer) {
        weigh(w, 60, SIGNAL_OTHER_ISSUER,
              "%s was also shown with another issuer's certificate, a public "
              "authority's",
              s->host);
    }
    if (s->authority_name) {
        weigh(w, 40, SIGNAL_AUTHORITY_NAME,
              "its issuer has a public authority's name, but the certificate "
              "is not one of that authority");
    }
    if (s->local_anchor) {
        weigh(w, 0, 0,
              "its root is trusted on this machine, but it is no public "
              "authority");
    }
    if (!s->leaf->has_aia && !s->leaf->has_crl_dp && !s->leaf->has_policies) {
        w->score += 5; /* as with every private authority: breaks ties */
    }
    if (s->private_server) {
        w->score -= 40;
    }
    tell_agent(w);
}

static enum inspection verdict_of(const struct scales *w)
{
    const unsigned certs = w->signals & ~(unsigned)SIGNAL_PRODUCT;
    const unsigned both = SIGNAL_ORGANIZATIONS | SIGNAL_ONE_KEY;
    bool strong = (certs & SIGNALS_STRONG) || (certs & both) == both;
    bool several = __builtin_popcount(certs) >= 2;
    bool apart = several && !is_hosting(w->g);
    if (w->score >= DETECTED_FROM &&
        ((w->signals & SIGNAL_PRODUCT) || (strong && several))) {
        return INSPECTION_DETECTED;
    }
    bool odd = w->g->product || strong || apart;
    return w->score >= SUSPECTED_FROM && odd ? INSPECTION_SUSPECTED
                                             : INSPECTION_NONE;
}

enum inspection group_weigh(const struct group *g, const struct group_leaf *at,
                            const struct sighting *s, struct text_list *because)
{
    struct scales w = {.g = g, .at = at, .s = s, .because = because};
    weigh_product(&w);
    if (!g->product && because) {
        weigh(&w, 0, 0,
              "the certificate for %s was issued by \"%s\", which is no public "
              "authority",
              say_names(s->leaf).s, g->issuer);
    }
    weigh_group(&w);
    weigh_leaf(&w);
    return verdict_of(&w);
}
