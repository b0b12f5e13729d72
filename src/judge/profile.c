/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles of servers and clients, learned from the connections that went by.
 *
 * Five tables of fixed size that forget their longest unused entry
 * (base/lru.h): nothing grows, nobody can choose collisions, and what is
 * forgotten depends on the traffic alone.
 *
 * Only what a handshake shows before it is expanded is used, so that learning
 * stays cheap; the group is taken when it happens to be known.
 */
#include "judge/profile.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/lru.h"
#include "judge/hello.h"

/* A server's profile is some 150 bytes: the tables take about 2 MiB. */
#define SERVERS_MAX 2048u
#define CLIENTS_MAX 2048u
#define PAIRS_MAX   8192u
#define NAMES_MAX   4096u
#define VISITS_MAX  4096u

#define CLIENTS_REMEMBERED 8u
#define NAME_BYTES         255u /* of a DNS name */

struct server_slot {
    uint64_t clients[CLIENTS_REMEMBERED]; /* hashes of their addresses */
    struct server_profile profile;
};

struct client_slot {
    uint32_t successes, failures;
};

/*
 * Hellos in close succession. A scanner (nmap's ssl-enum-ciphers, sslscan,
 * testssl.sh) goes through versions and lists of suites, so the server takes
 * some and refuses others, and it judges no certificate. A client, and even a
 * crowd behind one address, has few versions and mostly succeeds; when nothing
 * succeeds, all fail in one way, and that is an outage.
 */
#define BURST_PAUSE   (10 * TICK_SEC)
#define BURST_KINDS   8u
#define SCAN_HELLOS   8u
#define SCAN_KINDS    6u
#define SCAN_VERSIONS 3u

/* Connections of one client whose hello has the same random: a client draws it
 * anew each time (RFC 8446 section 4.1.2), a canned hello does not. */
#define CANNED_HELLOS 3u

struct burst {
    tick_t from, last;
    uint32_t hellos, failed;
    uint32_t taken, refused; /* by the server: ServerHello, or none */
    uint32_t kinds[BURST_KINDS];
    uint8_t kinds_n, versions; /* bits: SSL 3.0, TLS 1.0 ... */
    bool objects;              /* a client sent an alert, as no scanner does */
    tick_t scan_from, scan_to; /* scan_to 0: none */
};

struct pair_slot {
    uint32_t successes, failures, largest_hello;
    uint32_t random; /* hash of the last hello's */
    uint16_t random_port;
    uint8_t same_random; /* hellos in a row that had it */
    struct burst burst;
};

/* Tunnels that a proxy granted to one client for one target, and requests for
 * TLS that were granted and used, in one stretch of time as long as a client
 * may take to come back: with credentials that somebody types, or at once; who
 * comes later may be another program. */
#define VISIT_NS (10 * TICK_SEC)
#define RETRY_NS (2 * TICK_SEC)

struct visit {
    tick_t first, last;
};

struct profiles {
    struct hash_seed seed;
    struct lru *servers; /* of struct server_slot */
    struct lru *clients; /* of struct client_slot */
    struct lru *pairs;   /* of struct pair_slot */
    struct lru *names;   /* of struct name_profile */
    struct lru *visits;  /* of struct visit */
};

struct profiles *profiles_new(void)
{
    struct profiles *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    p->seed = hash_seed_random();
    p->servers = lru_new(SERVERS_MAX, sizeof(struct server_slot), NULL);
    p->clients = lru_new(CLIENTS_MAX, sizeof(struct client_slot), NULL);
    p->pairs = lru_new(PAIRS_MAX, sizeof(struct pair_slot), NULL);
    p->names = lru_new(NAMES_MAX, sizeof(struct name_profile), NULL);
    p->visits = lru_new(VISITS_MAX, sizeof(struct visit), NULL);
    if (!p->servers || !p->clients || !p->pairs || !p->names || !p->visits) {
        profiles_free(p);
        return NULL;
    }
    return p;
}

void profiles_free(struct profiles *p)
{
    if (p) {
        lru_free(p->servers);
        lru_free(p->clients);
        lru_free(p->pairs);
        lru_free(p->names);
        lru_free(p->visits);
        free(p);
    }
}

/* ---- keys ---- */

#define HOST_BYTES   256u
#define SERVER_BYTES (20u + HOST_BYTES + 2u)

static size_t put_address(uint8_t *to, const struct handshake *hs,
                          enum side side, bool with_port)
{
    const struct hs_addr *a = &hs->addr[side];
    to[0] = hs->ip_version;
    memcpy(to + 1, a->ip, sizeof a->ip);
    if (!with_port) {
        return 17;
    }
    to[17] = (uint8_t)(a->port >> 8);
    to[18] = (uint8_t)a->port;
    to[19] = (uint8_t)hs->transport;
    return 20;
}

/* Behind a proxy each target is a server of its own. */
static size_t put_server(uint8_t to[SERVER_BYTES], const struct handshake *hs)
{
    size_t n = put_address(to, hs, SIDE_SERVER, true);
    struct hs_target target;
    if (!hs_tunnel_target(hs, &target)) {
        return n;
    }
    struct span host = span_sub(target.host, 0, HOST_BYTES);
    memcpy(to + n, host.p, host.n);
    n += host.n;
    to[n++] = (uint8_t)(target.port >> 8);
    to[n++] = (uint8_t)(target.port & 0xff);
    return n;
}

/* Never 0, which is no key. */
static uint64_t key_of(const struct profiles *p, const uint8_t *v, size_t n)
{
    return hash_bytes(&p->seed, span_of(v, n)) | 1u;
}

static uint64_t server_key(const struct profiles *p, const struct handshake *hs)
{
    uint8_t v[SERVER_BYTES];
    return hs->keys.server ? hs->keys.server : key_of(p, v, put_server(v, hs));
}

static uint64_t client_key(const struct profiles *p, const struct handshake *hs)
{
    uint8_t v[20];
    return hs->keys.client
               ? hs->keys.client
               : key_of(p, v, put_address(v, hs, SIDE_CLIENT, false));
}

static uint64_t pair_key(const struct profiles *p, const struct handshake *hs)
{
    uint8_t v[17 + SERVER_BYTES];
    if (hs->keys.pair) {
        return hs->keys.pair;
    }
    size_t n = put_address(v, hs, SIDE_CLIENT, false);
    n += put_server(v + n, hs);
    return key_of(p, v, n);
}

static tick_t visit_span(const struct handshake *hs)
{
    struct hs_target target;
    return hs_tunnel_target(hs, &target) ? VISIT_NS : RETRY_NS;
}

static uint64_t visit_key(const struct profiles *p, const struct handshake *hs,
                          tick_t when)
{
    int64_t stretch = when / visit_span(hs);
    uint64_t both = pair_key(p, hs);
    uint8_t v[sizeof stretch + sizeof both];
    memcpy(v, &stretch, sizeof stretch);
    memcpy(v + sizeof stretch, &both, sizeof both);
    return key_of(p, v, sizeof v);
}

/* 0 when the client named nobody. */
static uint64_t name_key(const struct profiles *p, const struct handshake *hs,
                         struct span sni)
{
    uint8_t v[20 + NAME_BYTES];
    if (hs->keys.name || sni.n == 0 || sni.n > NAME_BYTES) {
        return hs->keys.name;
    }
    size_t n = put_address(v, hs, SIDE_SERVER, true);
    for (size_t i = 0; i < sni.n; i++) {
        v[n++] = ascii_lower(sni.p[i]);
    }
    return key_of(p, v, n);
}

/* ---- learning ---- */

static void count(uint32_t *n)
{
    if (*n < UINT32_MAX) {
        (*n)++;
    }
}

/* Adds v to a short list of distinct values; full lists stay as they are. */
static void remember(uint16_t *v, uint16_t *n, size_t size, uint16_t value)
{
    if (value == UNSEEN_U16) {
        return;
    }
    for (uint16_t i = 0; i < *n; i++) {
        if (v[i] == value) {
            return;
        }
    }
    if (*n < size) {
        v[(*n)++] = value;
    }
}

static void learn_client_of(struct server_slot *s, uint64_t client)
{
    for (uint32_t i = 0; i < s->profile.clients; i++) {
        if (s->clients[i] == client) {
            return;
        }
    }
    if (s->profile.clients < CLIENTS_REMEMBERED) {
        s->clients[s->profile.clients++] = client;
    }
}

static void learn_choice(struct server_profile *p, const struct handshake *hs)
{
    if (hs->version == UNSEEN_U16) {
        return;
    }
    uint16_t rank = version_rank(hs->version);
    if (p->versions_n == 0 || rank < p->min_version) {
        p->min_version = rank;
    }
    if (p->versions_n == 0 || rank > p->max_version) {
        p->max_version = rank;
    }
    if (hs->hello_version != UNSEEN_U16 &&
        version_rank(hs->hello_version) > rank && rank > p->ceiling) {
        p->ceiling = rank;
    }
    remember(p->versions, &p->versions_n,
             sizeof p->versions / sizeof p->versions[0], hs->version);
    remember(p->ciphers, &p->ciphers_n,
             sizeof p->ciphers / sizeof p->ciphers[0], hs->cipher);
    if (hs->expanded && hs->choice.seen) {
        remember(p->groups, &p->groups_n,
                 sizeof p->groups / sizeof p->groups[0], hs->choice.group);
        p->alpn_seen = p->alpn_seen || hs->choice.has_alpn;
    }
}

static bool has_header(const struct handshake *hs)
{
    return hs->carrier && strcmp(hs->carrier, "proxy-protocol") == 0;
}

static void learn_server(struct server_slot *s, const struct handshake *hs,
                         enum outcome outcome, uint64_t client)
{
    s->profile.known = true;
    if (outcome == OUTCOME_SUCCESS) {
        count(&s->profile.successes);
        s->profile.takes_header = s->profile.takes_header || has_header(hs);
        s->profile.takes_bare = s->profile.takes_bare || !has_header(hs);
    } else if (outcome == OUTCOME_FAILURE) {
        count(&s->profile.failures);
    }
    learn_client_of(s, client);
    learn_choice(&s->profile, hs);
    if (hs_find(hs, HS_CERTIFICATE_REQUEST, SIDE_SERVER) ||
        hs->end_state.certificate_request_likely) {
        s->profile.asked_client_certificate = true;
    }
}

static void learn_name(struct name_profile *name, enum outcome outcome)
{
    name->known = true;
    if (outcome == OUTCOME_SUCCESS) {
        count(&name->successes);
    } else if (outcome == OUTCOME_FAILURE) {
        count(&name->failures);
    }
}

/* Scanners take what they are shown: they judge no certificate. */
static bool objects(const struct handshake *hs)
{
    const struct conclusion *end = &hs->end_state;
    return end->outcome == OUTCOME_FAILURE && end->by == BY_CLIENT &&
           end->how == HOW_ALERT;
}

static bool is_scan(const struct burst *b)
{
    return !b->objects && b->taken && b->refused && b->hellos >= SCAN_HELLOS &&
           b->kinds_n >= SCAN_KINDS &&
           (unsigned)__builtin_popcount(b->versions) >= SCAN_VERSIONS &&
           b->failed >= b->hellos / 2;
}

static void learn_burst(struct burst *b, const struct handshake *hs,
                        uint32_t kind, bool failed)
{
    tick_t when = hs->when_hello;
    tick_t pause = when > b->last ? when - b->last : b->last - when;
    if (b->hellos == 0 || pause > BURST_PAUSE) {
        *b = (struct burst){
            .from = when, .scan_from = b->scan_from, .scan_to = b->scan_to};
    }
    b->from = when < b->from ? when : b->from;
    b->last = when > b->last ? when : b->last;
    count(&b->hellos);
    b->failed += failed;
    b->objects = b->objects || objects(hs);
    if (hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER) ||
        hs_find(hs, HS_HELLO_RETRY_REQUEST, SIDE_SERVER)) {
        count(&b->taken);
    } else if (failed && hs->end_state.by == BY_SERVER) {
        count(&b->refused);
    }
    uint16_t rank = version_rank(hs->hello_version);
    if (rank >= 0x0300 && rank <= 0x0304) {
        b->versions |= (uint8_t)(1u << (rank & 0xf));
    }
    bool known = false;
    for (unsigned i = 0; i < b->kinds_n; i++) {
        known = known || b->kinds[i] == kind;
    }
    if (!known && b->kinds_n < BURST_KINDS) {
        b->kinds[b->kinds_n++] = kind;
    }
    /* What was a scan goes on to be one until it pauses. */
    if (b->objects) {
        b->scan_to = b->scan_from == b->from ? 0 : b->scan_to;
    } else if (is_scan(b) || (b->scan_to && b->scan_from == b->from)) {
        b->scan_from = b->from;
        b->scan_to = b->last;
    }
}

static uint32_t random_of(const struct profiles *p,
                          const struct hello_sight *hello)
{
    return (uint32_t)hash_bytes(&p->seed, hello->random);
}

/* A recording neither answers a server nor judges its certificate: a client
 * that does has a poor source of randoms, and its failures are real. */
static bool goes_on(const struct handshake *hs)
{
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        bool alert = e->kind == HS_ALERT && (e->aux & 0xff) != 0;
        if (e->side == SIDE_CLIENT &&
            (alert || e->kind == HS_CLIENT_KEY_EXCHANGE ||
             e->kind == HS_PROTECTED || e->kind == HS_ENCRYPTED_ALERT)) {
            return true;
        }
    }
    return false;
}

/* Once it was a canned one, others in between do not disturb. The same port is
 * the same connection, seen twice. */
static void learn_random(struct pair_slot *pair, uint32_t random, uint16_t port)
{
    if (pair->same_random && random == pair->random) {
        if (port != pair->random_port && pair->same_random < CANNED_HELLOS) {
            pair->same_random++;
        }
    } else if (pair->same_random < CANNED_HELLOS) {
        pair->random = random;
        pair->same_random = 1;
    }
    pair->random_port = port;
}

static void learn_visit(struct profiles *p, const struct handshake *hs)
{
    struct hs_target target;
    if (!hs->carrier_request && hs->carrier_asked.n == 0) {
        return; /* most are: nothing was asked for */
    }
    const struct hs_event *granted = hs_find(hs, HS_CARRIER_OK, SIDE_NONE);
    if (!granted || (!hs_tunnel_target(hs, &target) &&
                     hs->end_state.outcome != OUTCOME_SUCCESS)) {
        return;
    }
    tick_t when = granted->when;
    struct visit *v = lru_use(p->visits, visit_key(p, hs, when));
    v->first = v->first == 0 || when < v->first ? when : v->first;
    v->last = when > v->last ? when : v->last;
}

static uint32_t hello_bytes(const struct handshake *hs)
{
    const struct hs_event *e = hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT);
    return e ? e->len : 0;
}

void profiles_prefetch(const struct profiles *p, const struct handshake *hs)
{
    lru_prefetch(p->servers, hs->keys.server);
    lru_prefetch(p->clients, hs->keys.client);
    lru_prefetch(p->pairs, hs->keys.pair);
    lru_prefetch(p->names, hs->keys.name);
}

void profiles_prefetch_entries(const struct profiles *p,
                               const struct handshake *hs)
{
    lru_prefetch_entry(p->servers, hs->keys.server);
    lru_prefetch_entry(p->clients, hs->keys.client);
    lru_prefetch_entry(p->pairs, hs->keys.pair);
    lru_prefetch_entry(p->names, hs->keys.name);
}

void profiles_learn(struct profiles *p, struct handshake *hs,
                    const struct hello_sight *hello)
{
    enum outcome outcome = hs->end_state.outcome;
    if (!hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT)) {
        return;
    }
    learn_visit(p, hs);
    uint64_t server = server_key(p, hs);
    uint64_t client = client_key(p, hs);
    uint64_t both = pair_key(p, hs);
    uint64_t named = name_key(p, hs, hello->sni);
    hs->keys = (struct hs_keys){server, client, both, named};
    profiles_prefetch(p, hs);
    uint32_t kind = hello_kind(hs, hello);
    profiles_prefetch_entries(p, hs);
    learn_server(lru_use(p->servers, server), hs, outcome, client);
    if (named) {
        learn_name(lru_use(p->names, named), outcome);
    }
    struct client_slot *c = lru_use(p->clients, client);
    struct pair_slot *pair = lru_use(p->pairs, both);
    if (hello->seen && goes_on(hs)) {
        pair->same_random = 0;
    } else if (hello->seen) {
        learn_random(pair, random_of(p, hello), hs->addr[SIDE_CLIENT].port);
    }
    if (hello->seen) {
        learn_burst(&pair->burst, hs, kind, outcome == OUTCOME_FAILURE);
    }
    if (outcome == OUTCOME_SUCCESS) {
        count(&c->successes);
        count(&pair->successes);
        uint32_t n = hello_bytes(hs);
        pair->largest_hello = n > pair->largest_hello ? n : pair->largest_hello;
    } else if (outcome == OUTCOME_FAILURE) {
        count(&c->failures);
        count(&pair->failures);
    }
}

/* ---- asking ---- */

void profiles_server(const struct profiles *p, const struct handshake *hs,
                     struct server_profile *out)
{
    const struct server_slot *s = lru_find(p->servers, server_key(p, hs));
    *out = s ? s->profile : (struct server_profile){0};
}

void profiles_client(const struct profiles *p, const struct handshake *hs,
                     struct client_profile *out)
{
    *out = (struct client_profile){0};
    const struct client_slot *c = lru_find(p->clients, client_key(p, hs));
    const struct pair_slot *pair = lru_find(p->pairs, pair_key(p, hs));
    if (c) {
        out->known = true;
        out->successes = c->successes;
        out->failures = c->failures;
    }
    if (pair) {
        out->successes_here = pair->successes;
        out->failures_here = pair->failures;
        out->largest_hello_here = pair->largest_hello;
    }
}

void profiles_name(const struct profiles *p, const struct handshake *hs,
                   struct name_profile *out)
{
    struct hello_sight hello;
    hello_look(hs, &hello);
    uint64_t key = name_key(p, hs, hello.sni);
    const struct name_profile *name = key ? lru_find(p->names, key) : NULL;
    *out = name ? *name : (struct name_profile){0};
}

void profiles_learn_leaf(struct profiles *p, const struct handshake *hs,
                         const struct seen_leaf *leaf)
{
    struct hello_sight hello;
    hello_look(hs, &hello);
    uint64_t key = name_key(p, hs, hello.sni);
    if (key) {
        struct name_profile *name = lru_use(p->names, key);
        name->known = true;
        name->leaf = *leaf;
    }
}

static bool is_within_scan(const struct burst *b, const struct handshake *hs)
{
    return b->scan_to && hs->when_hello >= b->scan_from &&
           hs->when_hello <= b->scan_to;
}

enum habit profiles_habit(const struct profiles *p, const struct handshake *hs,
                          const struct hello_sight *hello)
{
    const struct pair_slot *pair = lru_find(p->pairs, pair_key(p, hs));
    if (!pair) {
        return HABIT_NONE;
    }
    if (hello->seen && pair->same_random >= CANNED_HELLOS &&
        pair->random == random_of(p, hello) && !goes_on(hs)) {
        return HABIT_CANNED;
    }
    return is_within_scan(&pair->burst, hs) ? HABIT_SCAN : HABIT_NONE;
}

bool profiles_let_in(const struct profiles *p, const struct handshake *hs,
                     tick_t when)
{
    tick_t until = when + visit_span(hs);
    const struct visit *now = lru_find(p->visits, visit_key(p, hs, when));
    const struct visit *next = lru_find(p->visits, visit_key(p, hs, until));
    return (now && now->last >= when) || (next && next->first <= until);
}
