/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No cipher suite in common (RFC 8446 section 4.1.1; RFC 5246 section
 * 7.4.1.3). Servers say 40, which they also say of groups, signatures and
 * more: the offer, and what the server chose elsewhere, weigh.
 */
#include "judge/facts.h"
#include "judge/say.h"

/* Whether a suite that the server chose elsewhere is in this offer. */
static bool is_shared_elsewhere(const struct facts *f)
{
    for (uint16_t i = 0; i < f->server.ciphers_n; i++) {
        if (list_has(&f->hs->offer.ciphers, f->server.ciphers[i])) {
            return true;
        }
    }
    return false;
}

/* The first that it chose elsewhere of a version that this client has, too;
 * NULL: none. */
static const uint16_t *chosen_elsewhere(const struct facts *f, unsigned *n)
{
    const uint16_t *first = NULL;
    *n = 0;
    for (uint16_t i = 0; i < f->server.ciphers_n; i++) {
        const uint16_t *c = &f->server.ciphers[i];
        const struct known_suite *k = known_suite(*c);
        bool tls13 = k && k->tls13;
        if (tls13 ? f->offer.tls13 : !f->offer.only_tls13) {
            first = first ? first : c;
            (*n)++;
        }
    }
    return first;
}

static void describe(const struct facts *f, struct hypothesis *h)
{
    if (f->offer.why_suites) {
        hypothesis_because(h, "%s", f->offer.why_suites);
    }
    hypothesis_because(h, "offered: %s", say_suites(&f->hs->offer.ciphers).s);
}

static void refused(const struct facts *f, struct hypotheses *hy)
{
    int odd = f->offer.odd_suites;
    unsigned n;
    const uint16_t *chosen = chosen_elsewhere(f, &n);
    if (chosen && is_shared_elsewhere(f)) {
        return;
    }
    enum confidence c = odd >= 50 ? CONF_LIKELY : CONF_POSSIBLE;
    int weight = odd >= 50 ? odd : 50 + odd / 2;
    if (chosen) {
        c = CONF_LIKELY;
        weight = n > 1 || odd >= 50 ? 85 : 74;
    }
    struct hypothesis *h = hypothesis_add(hy, "no_shared_cipher", c, weight);
    if (chosen) {
        hypothesis_because(h,
                           "on other connections the server chose %s%s, which "
                           "this client does not offer",
                           say_suite(*chosen).s, n > 1 ? " and others" : "");
    }
    describe(f, h);
    bool ordinary =
        odd < 30 && f->offer.odd_schemes < 30 && f->offer.odd_groups < 30;
    if (ordinary && !chosen) {
        hypothesis_reason(h, "the server refuses what this client offers: "
                             "most often it has no certificate that fits the "
                             "offer or the name, else no cipher suite in "
                             "common");
        hypothesis_because(h, "nothing in the offer is unusual: servers that "
                              "refuse such a one mostly lack a certificate for "
                              "this name, or of a kind that the client takes");
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (!f->hs->offer.seen || f->offer.suites == 0) {
        return;
    }
    bool silent = f->phase == PHASE_HELLO && f->end->by == BY_SERVER &&
                  (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET);
    if (f->refused_unsaid && f->phase == PHASE_HELLO) {
        refused(f, hy);
    } else if (silent && f->offer.odd_suites >= 50 && !is_shared_elsewhere(f)) {
        /* What hardly any server has, is refused by a close as well. */
        bool sure = f->offer.odd_suites >= 75;
        describe(f, hypothesis_add(hy, "no_shared_cipher",
                                   sure ? CONF_LIKELY : CONF_POSSIBLE,
                                   sure ? 67 : 54));
    }
}

const struct rule cipher_rule = {
    .name = "cipher",
    .source = "RFC 8446 section 4.1.1; RFC 5246 section 7.4.1.3",
    .run = run,
};
