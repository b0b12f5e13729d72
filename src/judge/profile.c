/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles of servers and clients, learned from the connections that went by.
 *
 * Four set-associative tables of fixed size: a key's seeded hash picks the
 * set, and a full set forgets its longest unused entry. Nothing grows, nobody
 * can choose collisions, and a lookup touches one cache line or two.
 *
 * Only what a handshake shows before it is expanded is used, so that learning
 * stays cheap; the group is taken when it happens to be known.
 */
#include "judge/profile.h"

#include <stdlib.h>

#include "base/hash.h"
#include "judge/hello.h"

#define WAYS 4u

/* A server's profile is some 150 bytes: the tables take about 2 MiB. */
#define SERVER_SETS 512u
#define CLIENT_SETS 512u
#define PAIR_SETS   2048u
#define NAME_SETS   1024u

#define CLIENTS_REMEMBERED 8u
#define NAME_BYTES         255u /* of a DNS name */

struct server_slot {
    uint64_t key; /* 0: free */
    uint32_t used;
    uint32_t clients[CLIENTS_REMEMBERED]; /* low bits of their hashes */
    struct server_profile profile;
};

struct client_slot {
    uint64_t key;
    uint32_t used, successes, failures;
};

/*
 * Hellos in close succession. A scanner (nmap's ssl-enum-ciphers, sslscan,
 * testssl.sh) goes through versions and lists of suites; a client, and even a
 * crowd behind one address, has few versions and mostly succeeds.
 */
#define BURST_PAUSE   (60 * TICK_SEC)
#define BURST_KINDS   8u
#define SCAN_HELLOS   8u
#define SCAN_KINDS    6u
#define SCAN_VERSIONS 3u

struct burst {
    tick_t from, last;
    uint32_t hellos, failed;
    uint32_t kinds[BURST_KINDS];
    uint8_t kinds_n, versions; /* bits: SSL 3.0, TLS 1.0 ... */
    tick_t scan_from, scan_to; /* scan_to 0: none */
};

struct pair_slot {
    uint64_t key;
    uint32_t used, successes, failures, largest_hello;
    struct burst burst;
};

struct name_slot {
    uint64_t key;
    uint32_t used;
    struct name_profile profile;
};

struct profiles {
    struct hash_seed seed;
    uint32_t clock; /* counts lookups; ages the entries of a set */
    struct server_slot servers[SERVER_SETS * WAYS];
    struct client_slot clients[CLIENT_SETS * WAYS];
    struct pair_slot pairs[PAIR_SETS * WAYS];
    struct name_slot names[NAME_SETS * WAYS];
};

struct profiles *profiles_new(void)
{
    struct profiles *p = calloc(1, sizeof *p);
    if (p) {
        p->seed = hash_seed_random();
    }
    return p;
}

void profiles_free(struct profiles *p)
{
    free(p);
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

/* Never 0, which marks a free slot. */
static uint64_t key_of(const struct profiles *p, const uint8_t *v, size_t n)
{
    return hash_bytes(&p->seed, span_of(v, n)) | 1u << 31;
}

static uint64_t server_key(const struct profiles *p, const struct handshake *hs)
{
    uint8_t v[SERVER_BYTES] = {0};
    return key_of(p, v, put_server(v, hs));
}

static uint64_t client_key(const struct profiles *p, const struct handshake *hs)
{
    uint8_t v[20] = {0};
    return key_of(p, v, put_address(v, hs, SIDE_CLIENT, false));
}

static uint64_t pair_key(const struct profiles *p, const struct handshake *hs)
{
    uint8_t v[17 + SERVER_BYTES] = {0};
    size_t n = put_address(v, hs, SIDE_CLIENT, false);
    n += put_server(v + n, hs);
    return key_of(p, v, n);
}

/* 0 when the client named nobody. */
static uint64_t name_key(const struct profiles *p, const struct handshake *hs,
                         struct span sni)
{
    uint8_t v[20 + NAME_BYTES] = {0};
    if (sni.n == 0 || sni.n > NAME_BYTES) {
        return 0;
    }
    size_t n = put_address(v, hs, SIDE_SERVER, true);
    for (size_t i = 0; i < sni.n; i++) {
        uint8_t b = sni.p[i];
        v[n++] = b >= 'A' && b <= 'Z' ? (uint8_t)(b + 32) : b;
    }
    return key_of(p, v, n);
}

/* ---- sets: the same two loops for each kind of slot ---- */

static const struct server_slot *server_find(const struct profiles *p,
                                             uint64_t key)
{
    const struct server_slot *set = &p->servers[key % SERVER_SETS * WAYS];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

static const struct client_slot *client_find(const struct profiles *p,
                                             uint64_t key)
{
    const struct client_slot *set = &p->clients[key % CLIENT_SETS * WAYS];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

static const struct pair_slot *pair_find(const struct profiles *p, uint64_t key)
{
    const struct pair_slot *set = &p->pairs[key % PAIR_SETS * WAYS];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

static const struct name_slot *name_find(const struct profiles *p, uint64_t key)
{
    const struct name_slot *set = &p->names[key % NAME_SETS * WAYS];
    for (unsigned i = 0; key && i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

static struct server_slot *server_slot(struct profiles *p, uint64_t key)
{
    struct server_slot *set = &p->servers[key % SERVER_SETS * WAYS];
    struct server_slot *oldest = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (!set[i].key || (oldest->key && set[i].used < oldest->used)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct server_slot){.key = key};
    return oldest;
}

static struct client_slot *client_slot(struct profiles *p, uint64_t key)
{
    struct client_slot *set = &p->clients[key % CLIENT_SETS * WAYS];
    struct client_slot *oldest = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (!set[i].key || (oldest->key && set[i].used < oldest->used)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct client_slot){.key = key};
    return oldest;
}

static struct pair_slot *pair_slot(struct profiles *p, uint64_t key)
{
    struct pair_slot *set = &p->pairs[key % PAIR_SETS * WAYS];
    struct pair_slot *oldest = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (!set[i].key || (oldest->key && set[i].used < oldest->used)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct pair_slot){.key = key};
    return oldest;
}

static struct name_slot *name_slot(struct profiles *p, uint64_t key)
{
    struct name_slot *set = &p->names[key % NAME_SETS * WAYS];
    struct name_slot *oldest = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (!set[i].key || (oldest->key && set[i].used < oldest->used)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct name_slot){.key = key};
    return oldest;
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

static void learn_client_of(struct server_slot *s, uint32_t client)
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

static void learn_server(struct profiles *p, const struct handshake *hs,
                         enum outcome outcome, uint64_t client)
{
    struct server_slot *s = server_slot(p, server_key(p, hs));
    s->used = p->clock;
    s->profile.known = true;
    if (outcome == OUTCOME_SUCCESS) {
        count(&s->profile.successes);
    } else if (outcome == OUTCOME_FAILURE) {
        count(&s->profile.failures);
    }
    learn_client_of(s, (uint32_t)client);
    learn_choice(&s->profile, hs);
    if (hs_find(hs, HS_CERTIFICATE_REQUEST, SIDE_SERVER) ||
        hs->end_state.certificate_request_likely) {
        s->profile.asked_client_certificate = true;
    }
}

static void learn_name(struct profiles *p, const struct handshake *hs,
                       enum outcome outcome, struct span sni)
{
    uint64_t key = name_key(p, hs, sni);
    if (!key) {
        return;
    }
    struct name_slot *s = name_slot(p, key);
    s->used = p->clock;
    s->profile.known = true;
    if (outcome == OUTCOME_SUCCESS) {
        count(&s->profile.successes);
    } else if (outcome == OUTCOME_FAILURE) {
        count(&s->profile.failures);
    }
}

static bool is_scan(const struct burst *b)
{
    return b->hellos >= SCAN_HELLOS && b->kinds_n >= SCAN_KINDS &&
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
    if (is_scan(b) || (b->scan_to && b->scan_from == b->from)) {
        b->scan_from = b->from;
        b->scan_to = b->last;
    }
}

static uint32_t hello_bytes(const struct handshake *hs)
{
    const struct hs_event *e = hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT);
    return e ? e->len : 0;
}

void profiles_learn(struct profiles *p, const struct handshake *hs)
{
    enum outcome outcome = hs->end_state.outcome;
    if (!hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT)) {
        return;
    }
    p->clock++;
    struct hello_sight hello;
    hello_look(hs, &hello);
    uint64_t client = client_key(p, hs);
    uint64_t both = pair_key(p, hs);
    __builtin_prefetch(&p->clients[client % CLIENT_SETS * WAYS]);
    __builtin_prefetch(&p->pairs[both % PAIR_SETS * WAYS]);
    learn_server(p, hs, outcome, client);
    learn_name(p, hs, outcome, hello.sni);
    struct client_slot *c = client_slot(p, client);
    struct pair_slot *pair = pair_slot(p, both);
    c->used = pair->used = p->clock;
    if (hello.seen) {
        learn_burst(&pair->burst, hs, hello.kind, outcome == OUTCOME_FAILURE);
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
    const struct server_slot *s = server_find(p, server_key(p, hs));
    *out = s ? s->profile : (struct server_profile){0};
}

void profiles_client(const struct profiles *p, const struct handshake *hs,
                     struct client_profile *out)
{
    *out = (struct client_profile){0};
    const struct client_slot *c = client_find(p, client_key(p, hs));
    const struct pair_slot *pair = pair_find(p, pair_key(p, hs));
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
    const struct name_slot *s = name_find(p, name_key(p, hs, hello.sni));
    *out = s ? s->profile : (struct name_profile){0};
}

void profiles_learn_leaf(struct profiles *p, const struct handshake *hs,
                         const struct seen_leaf *leaf)
{
    struct hello_sight hello;
    hello_look(hs, &hello);
    uint64_t key = name_key(p, hs, hello.sni);
    if (key) {
        struct name_slot *s = name_slot(p, key);
        s->used = p->clock;
        s->profile.known = true;
        s->profile.leaf = *leaf;
    }
}

bool profiles_scan(const struct profiles *p, const struct handshake *hs)
{
    const struct pair_slot *pair = pair_find(p, pair_key(p, hs));
    return pair && pair->burst.scan_to &&
           hs->when_hello >= pair->burst.scan_from &&
           hs->when_hello <= pair->burst.scan_to;
}
