/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inspection without a certificate to look at, seen from one client that may
 * well trust it (TLS 1.3, RFC 8446 section 4.4).
 *
 * A public authority's certificate comes with that of its intermediate (and
 * carries proofs that it was logged, RFC 6962); most that an inspection makes
 * come alone and carry nothing. Where Certificate travels in a record of its
 * own, its size tells. Names that certainly have public certificates, unrelated
 * to each other, without room for two, are one sign. That all of them come from
 * one place, an explicit proxy or servers in unrelated networks at one
 * distance, is the other. Together they are a suspicion.
 */
#include "judge/interception_small.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/lru.h"
#include "judge/facts.h"
#include "judge/flight.h"
#include "judge/hypothesis.h"
#include "judge/interception_hidden.h"

#define PLACES_MAX  256u
#define MEMBERS_MAX 64u

#define OWNERS_MIN     3u
#define WELL_KNOWN_MIN 2u
#define NETWORKS_MIN   3u

/* How much the ways to servers at one distance may differ. */
#define JITTER (3 * TICK_MSEC)

struct member {
    uint64_t name, owner, network; /* hashes */
    bool well_known;
    tick_t trip; /* SYN to SYN-ACK */
};

/* Where such certificates came from: one explicit proxy, or one TTL. */
struct place {
    struct member members[MEMBERS_MAX];
    unsigned members_n;
    struct hs_addr proxy; /* port 0: none */
    uint8_t ip_version;
    bool suspected;
    uint64_t handshakes, broken;
    tick_t first, last;
    struct crowd crowd;
};

struct small {
    struct hash_seed seed;
    struct lru *places; /* of struct place *, owned */
};

static void drop_place(void *entry)
{
    free(*(struct place **)entry);
}

struct small *small_new(void)
{
    struct small *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->seed = hash_seed_random();
    s->places = lru_new(PLACES_MAX, sizeof(struct place *), drop_place);
    if (!s->places) {
        small_free(s);
        return NULL;
    }
    return s;
}

void small_free(struct small *s)
{
    if (s) {
        lru_free(s->places);
        free(s);
    }
}

static uint64_t hash_of(const struct small *s, struct span v)
{
    return hash_bytes(&s->seed, v) | 1u;
}

/* ---- one handshake ---- */

/* The time that the server's answer to the SYN took; -1: not seen. */
static tick_t trip_of(const struct handshake *hs)
{
    const struct hs_event *syn = hs_find(hs, HS_SYN, SIDE_CLIENT);
    const struct hs_event *ack = hs_find(hs, HS_SYN_ACK, SIDE_SERVER);
    return syn && ack && ack->when >= syn->when ? tick_sub(ack->when, syn->when)
                                                : -1;
}

bool small_wants(const struct handshake *hs)
{
    struct hidden_certificate c;
    if (hs->version == UNSEEN_U16 || !known_version_is_13(hs->version) ||
        hs->raw[HS_RAW_SERVER_CERTIFICATE].n || hs->end_state.resumed ||
        (hs->end_state.blind & (BLIND_HOLES | BLIND_LIMIT)) ||
        is_private_server(hs) || !(is_through_proxy(hs) || trip_of(hs) >= 0)) {
        return false;
    }
    flight_look(hs, &c);
    return c.alone;
}

/* The same, and the name asked for is a public one. */
static bool is_small(const struct handshake *hs, struct sighting *name)
{
    *name = (struct sighting){.hs = hs};
    return hs->expanded && !hs->offer.partial && small_wants(hs) &&
           sighting_name(name);
}

/* ---- the place ---- */

typedef uint64_t (*property)(const struct member *m);

static uint64_t owner_of(const struct member *m)
{
    return m->owner;
}

static uint64_t well_known_of(const struct member *m)
{
    return m->well_known ? m->owner : 0;
}

static uint64_t network_of(const struct member *m)
{
    return m->network;
}

/* How many different values the members have; 0 is none. */
static unsigned count_distinct(const struct place *p, property of)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->members_n; i++) {
        uint64_t v = of(&p->members[i]);
        bool seen = v == 0;
        for (unsigned k = 0; k < i && !seen; k++) {
            seen = of(&p->members[k]) == v;
        }
        n += !seen;
    }
    return n;
}

static bool is_one_distance(const struct place *p)
{
    tick_t least = INT64_MAX;
    tick_t most = 0;
    for (unsigned i = 0; i < p->members_n; i++) {
        tick_t trip = p->members[i].trip;
        least = trip < least ? trip : least;
        most = trip > most ? trip : most;
    }
    return most - least <= JITTER + least / 4;
}

static bool is_suspicious(const struct place *p)
{
    bool one = p->proxy.port || (is_one_distance(p) &&
                                 count_distinct(p, network_of) >= NETWORKS_MIN);
    return one && count_distinct(p, owner_of) >= OWNERS_MIN &&
           count_distinct(p, well_known_of) >= WELL_KNOWN_MIN;
}

static void add_member(struct place *p, const struct member *m)
{
    for (unsigned i = 0; i < p->members_n; i++) {
        struct member *known = &p->members[i];
        if (known->name == m->name) {
            known->trip = m->trip < known->trip ? m->trip : known->trip;
            return;
        }
    }
    if (p->members_n < MEMBERS_MAX) {
        p->members[p->members_n++] = *m;
    }
}

static struct place *place_use(struct small *s, const struct handshake *hs)
{
    struct place **entry = lru_use(s->places, place_of(&s->seed, hs));
    struct place *p = *entry;
    if (p) {
        return p;
    }
    *entry = p = calloc(1, sizeof *p);
    if (p) {
        p->first = hs->first;
        p->ip_version = hs->ip_version;
        p->proxy = is_through_proxy(hs) ? hs->addr[SIDE_SERVER] : p->proxy;
    }
    return p;
}

void small_learn(struct small *s, const struct handshake *hs)
{
    struct sighting name;
    struct place *p = is_small(hs, &name) ? place_use(s, hs) : NULL;
    if (!p) {
        return;
    }
    struct member m = {
        .name = hash_of(s, span_text(name.host)),
        .owner = hash_of(s, name.owner),
        .network = hash_of(
            s, span_of(hs->addr[SIDE_SERVER].ip, hs->ip_version == 4 ? 2 : 4)),
        .well_known = is_well_known(name.host),
        .trip = trip_of(hs),
    };
    add_member(p, &m);
    p->handshakes++;
    p->broken += hidden_is_refusal(hs);
    p->first = hs->first < p->first ? hs->first : p->first;
    p->last = hs->first > p->last ? hs->first : p->last;
    crowd_add(&p->crowd, hash_of(s, span_of(hs->addr[SIDE_CLIENT].ip, 16)),
              m.name, name.host);
    p->suspected = is_suspicious(p);
}

/* ---- verdicts ---- */

bool small_judge(const struct small *s, const struct handshake *hs,
                 struct text_list *because)
{
    struct sighting name;
    if (!is_small(hs, &name)) {
        return false;
    }
    struct place *const *p = lru_find(s->places, place_of(&s->seed, hs));
    if (!p || !*p || !(*p)->suspected) {
        return false;
    }
    struct hidden_certificate c;
    flight_look(hs, &c);
    char text[SENTENCE_BYTES];
    snprintf(text, sizeof text,
             "the certificate for %s, hidden by TLS 1.3, takes at most %u "
             "bytes, so that no intermediate came with it, as a public "
             "authority's needs",
             name.host, (unsigned)c.bytes);
    text_list_add(because, text);
    snprintf(text, sizeof text,
             (*p)->proxy.port
                 ? "so it is with %u unrelated domains behind this proxy, %u "
                   "of them known to use public authorities"
                 : "so it is with %u unrelated domains, %u of them known to "
                   "use public authorities, whose servers are in different "
                   "networks and all at one distance",
             count_distinct(*p, owner_of), count_distinct(*p, well_known_of));
    text_list_add(because, text);
    return true;
}

/* ---- stories ---- */

static bool is_told(const struct place *p, const struct interception_story *out,
                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!out[i].issuer && !out[i].outer &&
            out[i].proxy.port == p->proxy.port &&
            memcmp(out[i].proxy.ip, p->proxy.ip, sizeof p->proxy.ip) == 0) {
            return true;
        }
    }
    return false;
}

size_t small_stories(const struct small *s, struct interception_story *out,
                     size_t n, size_t max)
{
    struct place *const *at = NULL;
    while (n < max && (at = lru_next(s->places, at))) {
        const struct place *p = *at;
        if (!p || !p->suspected || is_told(p, out, n)) {
            continue;
        }
        out[n] = (struct interception_story){
            .verdict = inspection_name(INSPECTION_SUSPECTED),
            .proxy = p->proxy,
            .ip_version = p->ip_version,
            .handshakes = p->handshakes,
            .broken = p->broken,
            .first = p->first,
            .last = p->last,
        };
        crowd_tell(&p->crowd, &out[n]);
        n++;
    }
    return n;
}
