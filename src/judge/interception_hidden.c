/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inspection without a certificate to look at (TLS 1.3, RFC 8446 section 4.4).
 *
 * What stays visible is who refuses whom: several clients that turn down many
 * unrelated public names through one explicit proxy, or through something that
 * answers for addresses all over the Internet from next door, with server
 * flights of one make. All of it must come together, and even then it is a
 * suspicion.
 */
#include "judge/interception_hidden.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "judge/facts.h"
#include "judge/hypothesis.h"

#define GROUPS_MAX  256u
#define MEMBERS_MAX 64u
#define WINDOW      (600 * TICK_SEC)

#define DOMAINS_MIN  4u
#define CLIENTS_MIN  2u
#define NETWORKS_MIN 3u /* of a transparent proxy's supposed servers */
#define NEAR         (3 * TICK_MSEC)
#define AT_ONCE      TICK_SEC

/* A public leaf with SCTs and its intermediate take more. */
#define SMALL_CERTIFICATE 1500u

struct member {
    uint64_t name, domain, client, network; /* hashes */
    uint64_t client_shape, server_shape;
    uint32_t flight, largest; /* bytes: all records, and the largest */
    bool compressed;          /* it may be a compressed certificate */
    char host[HOST_BYTES];
};

/* One proxy, or one kind of nearness, within one window of time. */
struct hidden_group {
    uint64_t key;
    tick_t started, last;
    struct member members[MEMBERS_MAX];
    unsigned members_n;
    uint64_t refused, accepted;
    tick_t from, to; /* when it was suspected; from > to: never */
    /* For its story: all windows in which it was. */
    struct crowd crowd;
    uint64_t told; /* refused in the windows before */
    bool suspected_now;
    struct hs_addr proxy; /* port 0: none */
    uint8_t ip_version;
};

struct hidden {
    struct hash_seed seed;
    struct hidden_group *groups[GROUPS_MAX]; /* owned, or NULL */
};

struct hidden *hidden_new(void)
{
    struct hidden *h = calloc(1, sizeof *h);
    if (h) {
        h->seed = hash_seed_random();
    }
    return h;
}

void hidden_free(struct hidden *h)
{
    for (unsigned i = 0; h && i < GROUPS_MAX; i++) {
        free(h->groups[i]);
    }
    free(h);
}

/* ---- where the server seems to be ---- */

/* The distance is at most two hops, whatever TTL it began with. */
static bool is_near_ttl(uint8_t ttl)
{
    return ttl >= 253 || (ttl >= 126 && ttl <= 128) || (ttl >= 62 && ttl <= 64);
}

static bool is_near(const struct handshake *hs)
{
    const struct hs_event *syn = hs_find(hs, HS_SYN, SIDE_CLIENT);
    const struct hs_event *ack = hs_find(hs, HS_SYN_ACK, SIDE_SERVER);
    return syn && ack && ack->when >= syn->when &&
           tick_sub(ack->when, syn->when) < NEAR &&
           is_near_ttl(hs->dir[SIDE_SERVER].ttl_syn) && !is_private_server(hs);
}

uint64_t place_of(const struct hash_seed *seed, const struct handshake *hs)
{
    uint8_t v[20] = {hs->ip_version};
    if (is_through_proxy(hs)) {
        const struct hs_addr *a = &hs->addr[SIDE_SERVER];
        memcpy(v + 1, a->ip, sizeof a->ip);
        v[17] = (uint8_t)(a->port >> 8);
        v[18] = (uint8_t)a->port;
    } else {
        v[19] = hs->dir[SIDE_SERVER].ttl_syn;
    }
    return hash_bytes(seed, span_of(v, sizeof v)) | 1u;
}

/* 0: neither behind a proxy nor suspiciously near. */
static uint64_t key_of(const struct hidden *h, const struct handshake *hs)
{
    return is_through_proxy(hs) || is_near(hs) ? place_of(&h->seed, hs) : 0;
}

static bool is_hidden(const struct handshake *hs)
{
    return hs->version != UNSEEN_U16 && known_version_is_13(hs->version) &&
           !hs->raw[HS_RAW_SERVER_CERTIFICATE].n && !hs->end_state.resumed;
}

/* ---- groups ---- */

static struct hidden_group *group_find(const struct hidden *h, uint64_t key)
{
    for (unsigned i = 0; key && i < GROUPS_MAX && h->groups[i]; i++) {
        if (h->groups[i]->key == key) {
            return h->groups[i];
        }
    }
    return NULL;
}

/* Groups fill the table from its beginning; a full one forgets the longest
 * unused. */
static struct hidden_group *group_new(struct hidden *h, uint64_t key)
{
    unsigned at = 0;
    for (unsigned i = 0; i < GROUPS_MAX; i++) {
        if (!h->groups[i]) {
            at = i;
            break;
        }
        at = h->groups[i]->last < h->groups[at]->last ? i : at;
    }
    if (!h->groups[at]) {
        h->groups[at] = malloc(sizeof *h->groups[at]);
    }
    struct hidden_group *g = h->groups[at];
    if (g) {
        *g = (struct hidden_group){.key = key, .from = INT64_MAX};
    }
    return g;
}

/* The group at this time; a window that is over is forgotten, but not what was
 * suspected in it. */
static struct hidden_group *group_at(struct hidden *h, uint64_t key,
                                     tick_t when)
{
    struct hidden_group *g = group_find(h, key);
    g = g ? g : group_new(h, key);
    if (!g) {
        return NULL;
    }
    if (!g->last || tick_sub(when, g->started) > WINDOW) {
        g->told += g->suspected_now ? g->refused : 0;
        g->started = when;
        g->members_n = 0;
        g->refused = g->accepted = 0;
        g->suspected_now = false;
    }
    g->last = when;
    return g;
}

/* ---- one handshake ---- */

static uint64_t mix(const struct hidden *h, uint64_t a, uint16_t v)
{
    uint8_t bytes[10];
    memcpy(bytes, &a, sizeof a);
    memcpy(bytes + sizeof a, &v, sizeof v);
    return hash_bytes(&h->seed, span_of(bytes, sizeof bytes));
}

/* Of an unordered list: browsers shuffle their extensions. */
static uint64_t shape_of(const struct hidden *h, const struct u16_list *l,
                         uint64_t kind)
{
    uint64_t sum = kind;
    for (uint16_t i = 0; i < l->n; i++) {
        if (!known_is_grease(l->v[i])) {
            sum += mix(h, kind, l->v[i]);
        }
    }
    return sum;
}

static uint64_t client_shape(const struct hidden *h,
                             const struct client_offer *o)
{
    return shape_of(h, &o->ciphers, 1) + shape_of(h, &o->extensions, 2) +
           shape_of(h, &o->groups, 3);
}

static uint64_t server_shape(const struct hidden *h,
                             const struct server_choice *c)
{
    return mix(h, mix(h, shape_of(h, &c->extensions, 4), c->cipher), c->group);
}

/* Sizes of the server's protected records before the client's answer. */
static void measure(const struct handshake *hs, struct member *m)
{
    bool hello = false;
    for (uint16_t i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        hello = hello || e->kind == HS_SERVER_HELLO;
        if (hello && e->side == SIDE_CLIENT &&
            (e->kind == HS_PROTECTED || e->kind == HS_ALERT)) {
            return;
        }
        if (hello && e->side == SIDE_SERVER && e->kind == HS_PROTECTED) {
            m->flight += e->len;
            m->largest = e->len > m->largest ? e->len : m->largest;
        }
    }
}

static bool is_certificate_alert(uint16_t code)
{
    return code == 42 || code == 45 || code == 46 || code == 48;
}

/* Right after the server's flight. */
bool hidden_is_refusal(const struct handshake *hs)
{
    const struct conclusion *c = &hs->end_state;
    const struct hs_event *hello = hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER);
    if (c->outcome != OUTCOME_FAILURE || c->benign || c->by != BY_CLIENT ||
        !hello || !is_hidden(hs)) {
        return false;
    }
    if (c->has_alert && !c->alert_encrypted) {
        return is_certificate_alert(c->alert_code);
    }
    bool left = c->how == HOW_CLOSE || c->how == HOW_RESET || c->has_alert;
    return left && tick_sub(c->when_decisive, hello->when) <= AT_ONCE;
}

static uint64_t hash_text(const struct hidden *h, struct span s)
{
    return hash_bytes(&h->seed, s);
}

/* ---- learning ---- */

void hidden_note(struct hidden *h, const struct handshake *hs)
{
    if (hs->end_state.outcome != OUTCOME_SUCCESS || !is_hidden(hs)) {
        return;
    }
    uint64_t key = key_of(h, hs);
    struct hidden_group *g = key ? group_at(h, key, hs->first) : NULL;
    if (g) {
        g->accepted++;
    }
}

typedef uint64_t (*property)(const struct member *m);

static uint64_t domain_of(const struct member *m)
{
    return m->domain;
}

static uint64_t client_of(const struct member *m)
{
    return m->client;
}

static uint64_t network_of(const struct member *m)
{
    return m->network;
}

static unsigned count_distinct(const struct hidden_group *g, property of)
{
    unsigned n = 0;
    for (unsigned i = 0; i < g->members_n; i++) {
        bool seen = false;
        for (unsigned k = 0; k < i && !seen; k++) {
            seen = of(&g->members[k]) == of(&g->members[i]);
        }
        n += !seen;
    }
    return n;
}

/* Each make of client is answered by one make of server. */
static bool has_one_make(const struct hidden_group *g)
{
    for (unsigned i = 0; i < g->members_n; i++) {
        for (unsigned k = 0; k < i; k++) {
            const struct member *a = &g->members[i];
            const struct member *b = &g->members[k];
            if (a->client_shape == b->client_shape &&
                a->server_shape != b->server_shape) {
                return false;
            }
        }
    }
    return true;
}

/* Certificates too small to be public ones, or all flights of one size. */
static bool has_like_flights(const struct hidden_group *g)
{
    bool small = true;
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;
    for (unsigned i = 0; i < g->members_n; i++) {
        const struct member *m = &g->members[i];
        small = small && !m->compressed && m->largest &&
                m->largest < SMALL_CERTIFICATE;
        least = m->flight < least ? m->flight : least;
        most = m->flight > most ? m->flight : most;
    }
    return small || (least && most - least <= most / 5);
}

static bool is_suspicious(const struct hidden_group *g, bool proxied)
{
    return count_distinct(g, domain_of) >= DOMAINS_MIN &&
           count_distinct(g, client_of) >= CLIENTS_MIN &&
           (proxied || count_distinct(g, network_of) >= NETWORKS_MIN) &&
           has_one_make(g) && has_like_flights(g) &&
           g->accepted * 4 <= g->accepted + g->refused;
}

/* The members of this window are of the story. */
static void suspect(struct hidden_group *g, const struct handshake *hs,
                    const struct member *last)
{
    for (unsigned i = 0; i < g->members_n && !g->suspected_now; i++) {
        const struct member *m = &g->members[i];
        crowd_add(&g->crowd, m->client, m->name, m->host);
    }
    crowd_add(&g->crowd, last->client, last->name, last->host);
    g->from = g->started < g->from ? g->started : g->from;
    g->to = hs->first;
    g->suspected_now = true;
    g->ip_version = hs->ip_version;
    if (is_through_proxy(hs)) {
        g->proxy = hs->addr[SIDE_SERVER];
    }
}

void hidden_learn(struct hidden *h, const struct handshake *hs)
{
    struct sighting s = {.hs = hs};
    uint64_t key = hidden_is_refusal(hs) ? key_of(h, hs) : 0;
    if (!key || !hs->expanded || !sighting_name(&s)) {
        return;
    }
    struct hidden_group *g = group_at(h, key, hs->first);
    if (!g) {
        return;
    }
    struct member m = {
        .name = hash_text(h, span_text(s.host)),
        .domain = hash_text(h, s.owner),
        .client = hash_text(h, span_of(hs->addr[SIDE_CLIENT].ip, 16)),
        .network = hash_text(h, span_of(hs->addr[SIDE_SERVER].ip, 2)),
        .client_shape = client_shape(h, &hs->offer),
        .server_shape = server_shape(h, &hs->choice),
        .compressed = hs->offer.compress_certificate.n > 0,
    };
    memcpy(m.host, s.host, sizeof m.host);
    measure(hs, &m);
    g->refused++;
    if (g->members_n < MEMBERS_MAX) {
        g->members[g->members_n++] = m;
    }
    if (is_suspicious(g, is_through_proxy(hs))) {
        suspect(g, hs, &m);
    }
}

/* ---- stories ---- */

static uint64_t handshakes_of(const struct hidden_group *g)
{
    return g->told + (g->suspected_now ? g->refused : 0);
}

static void tell(const struct hidden_group *g, struct interception_story *out)
{
    *out = (struct interception_story){
        .verdict = inspection_name(INSPECTION_SUSPECTED),
        .proxy = g->proxy,
        .ip_version = g->ip_version,
        .handshakes = handshakes_of(g),
        .broken = handshakes_of(g),
        .first = g->from,
        .last = g->to,
    };
    crowd_tell(&g->crowd, out);
}

size_t hidden_stories(const struct hidden *h, struct interception_story *out,
                      size_t max)
{
    const struct hidden_group *best[STORIES_MAX] = {0};
    size_t n = 0;
    max = max < STORIES_MAX ? max : STORIES_MAX;
    for (unsigned i = 0; i < GROUPS_MAX && h->groups[i]; i++) {
        const struct hidden_group *g = h->groups[i];
        for (size_t k = 0; k < max && g && handshakes_of(g); k++) {
            if (!best[k] || handshakes_of(g) > handshakes_of(best[k])) {
                const struct hidden_group *moved = best[k];
                best[k] = g;
                g = moved;
            }
        }
    }
    while (n < max && best[n]) {
        tell(best[n], &out[n]);
        n++;
    }
    return n;
}

bool hidden_judge(const struct hidden *h, const struct handshake *hs,
                  struct text_list *because)
{
    struct sighting s = {.hs = hs};
    const struct hidden_group *g =
        hidden_is_refusal(hs) ? group_find(h, key_of(h, hs)) : NULL;
    if (!g || hs->first < g->from || hs->first > g->to || !hs->expanded ||
        !sighting_name(&s)) {
        return false;
    }
    text_list_add(because, is_through_proxy(hs)
                               ? "several clients turned down many unrelated "
                                 "names behind this proxy"
                               : "several clients turned down many unrelated "
                                 "names whose servers all answered from "
                                 "nearby");
    text_list_add(because, "all of these servers answered alike, with "
                           "certificates of like sizes, and hardly any "
                           "connection of that kind succeeded");
    return true;
}
