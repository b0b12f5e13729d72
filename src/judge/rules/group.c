/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No key-exchange group in common (RFC 8446 sections 4.1.1 and 4.2.7; RFC 8422
 * section 4). Servers say 40; Java's says 10 in TLS 1.3.
 */
#include "judge/facts.h"
#include "judge/say.h"

static bool is_shared_elsewhere(const struct facts *f)
{
    for (uint16_t i = 0; i < f->server.groups_n; i++) {
        if (list_has(&f->hs->offer.groups, f->server.groups[i])) {
            return true;
        }
    }
    return false;
}

static struct hypothesis *claim(const struct facts *f, struct hypotheses *hy,
                                enum confidence c, int weight)
{
    struct hypothesis *h = hypothesis_add(hy, "no_shared_group", c, weight);
    if (f->offer.why_groups) {
        hypothesis_because(h, "%s", f->offer.why_groups);
    }
    hypothesis_because(h, "groups offered: %s",
                       say_groups(&f->hs->offer.groups).s);
    return h;
}

static void refused(const struct facts *f, struct hypotheses *hy)
{
    int odd = f->offer.odd_groups;
    if (f->server.groups_n > 0 && is_shared_elsewhere(f)) {
        return;
    }
    if (f->server.groups_n > 0) {
        struct hypothesis *h = claim(f, hy, CONF_LIKELY, 84);
        hypothesis_because(h,
                           "on other connections the server chose %s, which "
                           "this client does not offer",
                           say_group(f->server.groups[0]).s);
        return;
    }
    claim(f, hy, odd >= 50 ? CONF_LIKELY : CONF_POSSIBLE,
          odd >= 50 ? odd : 35 + odd / 2);
}

/* The group that a HelloRetryRequest or ServerHello names was not offered. */
static void foreign_choice(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    uint16_t g = hs->choice.seen ? hs->choice.group : hs->retry.group;
    bool seen = hs->choice.seen || hs->retry.seen;
    if (!seen || g == UNSEEN_U16 || list_has(&hs->offer.groups, g)) {
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "no_shared_group", CONF_LIKELY, 75);
    hypothesis_because(h,
                       "the server chose the group %s, which the client did "
                       "not offer",
                       say_group(g).s);
}

/* Up to TLS 1.2 a server may choose a suite with ECDHE and its certificate, and
 * only then look for a group (Mbed TLS closes there). */
static bool is_key_exchange_due(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    const struct known_suite *k = known_suite(hs->choice.cipher);
    return hs->choice.seen && !f->server_tls13 && k && k->kx == KX_ECDHE &&
           hs_find(hs, HS_CERTIFICATE, SIDE_SERVER) &&
           !hs_find(hs, HS_SERVER_KEY_EXCHANGE, SIDE_SERVER);
}

static void in_place_of_key_exchange(const struct facts *f,
                                     struct hypotheses *hy)
{
    if (f->server.groups_n > 0 && is_shared_elsewhere(f)) {
        return;
    }
    struct hypothesis *h = claim(f, hy, CONF_POSSIBLE, 50);
    hypothesis_because(h, "the server ended it where its ServerKeyExchange was "
                          "due, for which it needs a group of the client's");
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (!f->hs->offer.groups.seen) {
        return;
    }
    bool left = f->end->by == BY_SERVER &&
                (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET);
    if (left && is_key_exchange_due(f)) {
        in_place_of_key_exchange(f, hy);
        return;
    }
    bool silent = f->phase == PHASE_HELLO && left;
    if (f->refused_unsaid) {
        refused(f, hy);
    } else if (f->hello_refused && f->alert == 10 && f->offer.tls13 &&
               f->offer.odd_groups) {
        struct hypothesis *h = claim(
            f, hy, f->offer.odd_groups >= 50 ? CONF_LIKELY : CONF_POSSIBLE,
            f->offer.odd_groups >= 50 ? 72 : 50);
        hypothesis_because(h, "Java servers answer like that when no group is "
                              "in common");
    } else if (silent && f->offer.odd_groups >= 50 && !is_shared_elsewhere(f)) {
        bool sure = f->offer.odd_groups >= 66;
        claim(f, hy, sure ? CONF_LIKELY : CONF_POSSIBLE, sure ? 61 : 53);
    } else if (f->alert_by_client && (f->alert == 47 || f->alert == 40)) {
        foreign_choice(f, hy);
    }
}

const struct rule group_rule = {
    .name = "group",
    .source = "RFC 8446 sections 4.1.1, 4.2.7; RFC 8422 section 4",
    .run = run,
};
