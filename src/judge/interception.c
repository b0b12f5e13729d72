/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the certificates of many connections tell about inspection: groups of
 * forging leaves by their issuer, the names that were shown with public
 * chains, and the certificates that were looked at already.
 *
 * All tables forget their longest unused entry (base/lru.h); a group is only
 * allocated when something is forged, so on a clean network they stay empty.
 * Names and clients count up to a bound.
 */
#include "judge/interception.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/lru.h"
#include "judge/facts.h"
#include "judge/hypothesis.h"
#include "judge/interception_group.h"
#include "judge/interception_hidden.h"
#include "judge/interception_outer.h"
#include "judge/interception_small.h"
#include "judge/say.h"
#include "judge/stack.h"

#define GROUPS_MAX   4096u
#define SEEN_MAX     16384u
#define PUBLICS_MAX  16384u
#define SESSIONS_MAX 16384u
#define AGENTS_MAX   256u

/* Enough for a header or two. */
#define AGENT_BYTES 128u

/* Names with public chains that are kept as text. */
#define OPEN_MAX 64u

/* A certificate that was looked at. */
struct seen {
    bool forging;
};

/* A name that was shown with a public chain. */
struct public_name {
    uint64_t issuer;
    uint64_t server, client; /* their addresses */
    tick_t when;             /* last */
    uint64_t hop;            /* address of a reverse proxy's other side, or 0 */
};

/* A reverse proxy asks its own servers when it was asked. */
#define HOP_DELAY (5 * TICK_SEC)

/* What a client was last shown for a name at a server, and so what a session
 * that it resumes there began with. */
struct session_origin {
    uint64_t group;     /* of the certificate; 0: none was forged yet */
    tick_t shown, over; /* forged from, and genuine again from */
    tick_t last;        /* when one was shown last */
};

/* Sessions are not resumed for longer (RFC 5246 appendix F.1.4). */
#define SESSION_LIFE (24 * 3600 * TICK_SEC)

/* What an explicit proxy called itself last, by its address and port. Squid
 * does so only when it refuses. */
struct proxy_agent {
    char text[AGENT_BYTES];
    uint16_t n;
};

/* The same as text, with one of its clients. */
struct open_name {
    char host[HOST_BYTES];
    uint64_t client;
};

struct interception {
    struct hash_seed seed;
    struct known_patterns *patterns;
    struct hidden *hidden;
    struct outer *outer;
    struct small *small;
    struct lru *groups;   /* of struct group *, owned */
    struct lru *seen;     /* of struct seen */
    struct lru *publics;  /* of struct public_name */
    struct lru *sessions; /* of struct session_origin */
    struct lru *agents;   /* of struct proxy_agent */
    struct open_name open[OPEN_MAX];
    unsigned open_n, open_next;
};

const char *inspection_name(enum inspection i)
{
    switch (i) {
    case INSPECTION_DETECTED:
        return "detected";
    case INSPECTION_SUSPECTED:
        return "suspected";
    default:
        return NULL;
    }
}

static void drop_group(void *entry)
{
    free(*(struct group **)entry);
}

struct interception *interception_new(void)
{
    struct interception *ix = calloc(1, sizeof *ix);
    if (!ix) {
        return NULL;
    }
    ix->seed = hash_seed_random();
    ix->patterns = known_patterns_new();
    ix->hidden = hidden_new();
    ix->outer = outer_new();
    ix->small = small_new();
    ix->groups = lru_new(GROUPS_MAX, sizeof(struct group *), drop_group);
    ix->seen = lru_new(SEEN_MAX, sizeof(struct seen), NULL);
    ix->publics = lru_new(PUBLICS_MAX, sizeof(struct public_name), NULL);
    ix->sessions = lru_new(SESSIONS_MAX, sizeof(struct session_origin), NULL);
    ix->agents = lru_new(AGENTS_MAX, sizeof(struct proxy_agent), NULL);
    if (!ix->patterns || !ix->hidden || !ix->outer || !ix->small ||
        !ix->groups || !ix->seen || !ix->publics || !ix->sessions ||
        !ix->agents) {
        interception_free(ix);
        return NULL;
    }
    return ix;
}

void interception_free(struct interception *ix)
{
    if (!ix) {
        return;
    }
    lru_free(ix->groups);
    lru_free(ix->seen);
    lru_free(ix->publics);
    lru_free(ix->sessions);
    lru_free(ix->agents);
    known_patterns_free(ix->patterns);
    hidden_free(ix->hidden);
    outer_free(ix->outer);
    small_free(ix->small);
    free(ix);
}

/* Never 0, which means none. */
static uint64_t hash_of(const struct interception *ix, struct span s)
{
    return hash_bytes(&ix->seed, s) | 1u;
}

static uint64_t hash_address(const struct interception *ix,
                             const struct handshake *hs, enum side side)
{
    return hash_of(ix, span_of(hs->addr[side].ip, 16));
}

static uint64_t hash_client(const struct interception *ix,
                            const struct handshake *hs)
{
    return hash_address(ix, hs, SIDE_CLIENT);
}

/* ---- what explicit proxies call themselves ---- */

static uint64_t hash_proxy(const struct interception *ix,
                           const struct handshake *hs)
{
    const struct hs_addr *a = &hs->addr[SIDE_SERVER];
    uint8_t v[18];
    memcpy(v, a->ip, sizeof a->ip);
    v[16] = (uint8_t)(a->port >> 8);
    v[17] = (uint8_t)a->port;
    return hash_of(ix, span_of(v, sizeof v));
}

void interception_note(struct interception *ix, const struct handshake *hs,
                       const struct hello_sight *hello)
{
    hidden_note(ix->hidden, hs);
    outer_note(ix->outer, hs, hello);
    if (hs->carrier_agent.n) {
        struct span s = span_sub(hs->carrier_agent, 0, AGENT_BYTES);
        struct proxy_agent *a = lru_use(ix->agents, hash_proxy(ix, hs));
        memcpy(a->text, s.p, s.n);
        a->n = (uint16_t)s.n;
    }
}

/* Of the proxy that this connection went through; empty for none. */
static struct span agent_of(const struct interception *ix,
                            const struct handshake *hs)
{
    bool proxied = hs->carrier && strcmp(hs->carrier, "http-connect") == 0;
    const struct proxy_agent *a =
        proxied ? lru_find(ix->agents, hash_proxy(ix, hs)) : NULL;
    return a ? span_of(a->text, a->n) : (struct span){NULL, 0};
}

/* ---- certificates looked at ---- */

/* Where the leaf lies in the Certificate message (RFC 5246 7.4.2, RFC 8446
 * 4.4.2); empty when it does not. */
static struct span raw_leaf(const struct handshake *hs)
{
    struct cursor c = cursor_open(hs->raw[HS_RAW_SERVER_CERTIFICATE]);
    if (hs->version != UNSEEN_U16 && known_version_is_13(hs->version)) {
        cursor_vec8(&c, "certificate_request_context");
    }
    cursor_u24(&c, "certificate_list");
    size_t n = cursor_u24(&c, "certificate");
    return cursor_take(&c, n, "certificate");
}

static void seen_add(struct interception *ix, uint64_t key, bool forging)
{
    struct seen *seen = lru_use(ix->seen, key);
    seen->forging = forging;
}

bool interception_wants(struct interception *ix, const struct handshake *hs)
{
    struct span leaf = raw_leaf(hs);
    if (!leaf.n) {
        return small_wants(hs);
    }
    uint64_t key = hash_of(ix, leaf);
    const struct seen *seen = lru_find(ix->seen, key);
    if (seen) {
        seen = lru_use(ix->seen, key);
    }
    /* A genuine one, seen again, still tells that a session is over. */
    return !seen || seen->forging || lru_next(ix->sessions, NULL);
}

/* ---- names with public chains ---- */

static void open_add(struct interception *ix, const struct sighting *s)
{
    uint64_t client = hash_client(ix, s->hs);
    for (unsigned i = 0; i < ix->open_n; i++) {
        if (ix->open[i].client == client &&
            strcmp(ix->open[i].host, s->host) == 0) {
            return;
        }
    }
    struct open_name *o = &ix->open[ix->open_next];
    memcpy(o->host, s->host, sizeof o->host);
    o->client = client;
    ix->open_next = (ix->open_next + 1) % OPEN_MAX;
    ix->open_n += ix->open_n < OPEN_MAX;
}

static void learn_public(struct interception *ix, const struct sighting *s)
{
    struct public_name *name =
        lru_use(ix->publics, hash_of(ix, span_text(s->host)));
    name->issuer = hash_of(ix, s->leaf->issuer.der);
    name->server = hash_address(ix, s->hs, SIDE_SERVER);
    name->client = hash_client(ix, s->hs);
    name->when = s->when;
    open_add(ix, s);
}

/* ---- groups ---- */

static struct group *group_find(const struct interception *ix, uint64_t key)
{
    struct group *const *g = lru_find(ix->groups, key);
    return g ? *g : NULL;
}

/* The next group after *at, where NULL is before the first. */
static const struct group *group_next(const struct interception *ix,
                                      struct group *const **at)
{
    do {
        *at = lru_next(ix->groups, *at);
    } while (*at && !**at);
    return *at ? **at : NULL;
}

/* The group of a certificate as the last one used; NULL when memory is out. */
static struct group *group_use(struct interception *ix, uint64_t key,
                               const struct sighting *s)
{
    struct group **entry = lru_use(ix->groups, key);
    struct group *g = *entry;
    if (g) {
        return g;
    }
    *entry = g = calloc(1, sizeof *g);
    if (!g) {
        return NULL;
    }
    struct say issuer = say_name(&s->leaf->issuer);
    snprintf(g->issuer, sizeof g->issuer, "%.*s", (int)sizeof g->issuer - 1,
             issuer.s);
    g->first = s->when;
    return g;
}

static const struct group_leaf *group_leaf_find(const struct group *g,
                                                uint64_t der)
{
    for (unsigned i = 0; i < g->leaves_n; i++) {
        if (g->leaves[i].der == der) {
            return &g->leaves[i];
        }
    }
    return NULL;
}

/* Organisations other than the issuer's own. */
static uint64_t hash_organization(const struct interception *ix,
                                  const struct cert *leaf)
{
    struct span own = leaf->subject.organization;
    return own.n && !span_eq(own, leaf->issuer.organization) ? hash_of(ix, own)
                                                             : 0;
}

/* What one provider has together, roughly: /16 of IPv4, /32 of IPv6. Behind an
 * explicit proxy nobody sees it: 0. */
static uint64_t hash_network(const struct interception *ix,
                             const struct handshake *hs)
{
    const uint8_t *ip = hs->addr[SIDE_SERVER].ip;
    return is_through_proxy(hs)
               ? 0
               : hash_of(ix, span_of(ip, hs->ip_version == 4 ? 2 : 4));
}

static void group_leaf_add(const struct interception *ix, struct group *g,
                           uint64_t der, const struct sighting *s)
{
    if (g->leaves_n == GROUP_LEAVES_MAX) {
        return;
    }
    const struct cert *leaf = s->leaf;
    struct span own = leaf->subject.organization;
    bool dated = leaf->not_before != INT64_MIN;
    g->leaves[g->leaves_n++] = (struct group_leaf){
        .der = der,
        .spki = hash_of(ix, span_of(leaf->spki_sha256, 32)),
        .owner = hash_of(ix, s->owner),
        .organization = hash_organization(ix, leaf),
        .network = hash_network(ix, s->hs),
        .age = dated ? tick_sub(s->when, leaf->not_before) : INT64_MAX,
        .seen = s->when,
        .well_known = s->well_known,
        .in_house = own.n && span_eq(own, leaf->issuer.organization),
    };
}

static void group_count(const struct interception *ix, struct group *g,
                        const struct sighting *s)
{
    g->handshakes++;
    g->first = s->when < g->first ? s->when : g->first;
    g->last = s->when > g->last ? s->when : g->last;
    crowd_add(&g->crowd, hash_client(ix, s->hs),
              hash_of(ix, span_text(s->host)), s->host);
}

/* One program on a client may trust what another does not. */
static uint64_t hash_program(const struct interception *ix,
                             const struct handshake *hs)
{
    return hash_client(ix, hs) + 2 * (uint64_t)stack_of_client(&hs->offer);
}

static struct program *program_find(struct group *g, uint64_t hash)
{
    for (unsigned i = 0; i < g->programs_n; i++) {
        if (g->programs[i].hash == hash) {
            return &g->programs[i];
        }
    }
    return NULL;
}

static void program_learn(const struct interception *ix, struct group *g,
                          const struct handshake *hs)
{
    const struct conclusion *c = &hs->end_state;
    uint64_t hash = hash_program(ix, hs);
    struct program *p = program_find(g, hash);
    bool success = c->outcome == OUTCOME_SUCCESS;
    bool refused = c->outcome == OUTCOME_FAILURE && c->by == BY_CLIENT;
    if ((!success && !refused) || (!p && g->programs_n == GROUP_CLIENTS_MAX)) {
        return;
    }
    if (!p) {
        p = &g->programs[g->programs_n++];
        p->hash = hash;
    }
    p->went_on = p->went_on || (success && !c->late_rejection_possible);
    p->refused = p->refused || (refused && c->has_alert);
    if ((refused || c->late_alert_unanswered) && p->left < UINT16_MAX) {
        p->left++;
    }
}

/*
 * A reverse proxy (or load balancer) that encrypts again shows a public
 * certificate and then meets private ones, of its own servers, for the same
 * names. An inspection asks the other way around: who is shown the forged one
 * asked first. Whoever was on that side once is remembered.
 */
static bool is_behind(struct public_name *name, uint64_t client, tick_t when)
{
    bool next = client != name->client && when > name->when &&
                tick_sub(when, name->when) < HOP_DELAY;
    name->hop = next ? client : name->hop;
    return name->server == client || name->hop == client;
}

/* Whether the name was shown with a public chain of another issuer, but not on
 * the other side of a reverse proxy. */
static bool has_other_issuer(struct interception *ix, const struct sighting *s)
{
    struct public_name *name =
        lru_find(ix->publics, hash_of(ix, span_text(s->host)));
    return name && name->issuer != hash_of(ix, s->leaf->issuer.der) &&
           !is_behind(name, hash_client(ix, s->hs), s->when);
}

/* ---- sessions ---- */

/* Of a client, a server and a name: who resumes there shows no certificate. */
static uint64_t session_key(const struct interception *ix,
                            const struct handshake *hs, const char *host)
{
    uint8_t v[2 * sizeof(uint64_t) + 2 + HOST_BYTES] = {0};
    const uint64_t ends[] = {hash_client(ix, hs),
                             hash_address(ix, hs, SIDE_SERVER)};
    struct span name = span_text(host);
    memcpy(v, ends, sizeof ends);
    v[16] = (uint8_t)(hs->addr[SIDE_SERVER].port >> 8);
    v[17] = (uint8_t)hs->addr[SIDE_SERVER].port;
    memcpy(v + 18, name.p, name.n);
    return hash_of(ix, span_of(v, 18 + name.n));
}

static void session_forged(struct interception *ix, const struct sighting *s,
                           uint64_t group)
{
    struct session_origin *o =
        lru_use(ix->sessions, session_key(ix, s->hs, s->host));
    if (!o->group || s->when > o->over) {
        o->shown = s->when;
    }
    o->group = group;
    o->over = INT64_MAX;
    o->last = s->when;
}

static void session_genuine(struct interception *ix, const struct sighting *s)
{
    struct session_origin *o =
        lru_find(ix->sessions, session_key(ix, s->hs, s->host));
    if (o && o->over == INT64_MAX) {
        o->over = s->when;
    }
}

static void learn_forging(struct interception *ix, struct sighting *s,
                          uint64_t der)
{
    uint64_t key = hash_of(ix, s->leaf->issuer.der);
    struct group *g = group_use(ix, key, s);
    if (!g) {
        return;
    }
    s->agent = agent_of(ix, s->hs);
    if (s->product &&
        (!g->product || s->product->certainty > g->product->certainty)) {
        g->product = s->product;
    }
    if (!g->agent) {
        g->agent = known_inspection_agent(ix->patterns, s->agent);
    }
    if (!group_leaf_find(g, der)) {
        group_leaf_add(ix, g, der, s);
    }
    group_count(ix, g, s);
    program_learn(ix, g, s->hs);
    g->answers = g->answers || s->hs->end_state.late_alert_answered;
    session_forged(ix, s, key);
    s->other_issuer = has_other_issuer(ix, s);
    enum inspection v = group_weigh(g, group_leaf_find(g, der), s, NULL);
    g->verdict = v > g->verdict ? v : g->verdict;
}

void interception_learn(struct interception *ix, const struct handshake *hs,
                        struct trust *trust)
{
    struct sighting s;
    enum leaf_kind kind = sighting_of(ix->patterns, hs, trust, &s);
    if (!s.leaf) { /* hidden, or not for the name asked for */
        hidden_learn(ix->hidden, hs);
        small_learn(ix->small, hs);
        return;
    }
    uint64_t der = hash_of(ix, s.leaf->der);
    seen_add(ix, der, kind == LEAF_FORGING);
    if (kind == LEAF_FORGING) {
        learn_forging(ix, &s, der);
        return;
    }
    session_genuine(ix, &s);
    if (kind == LEAF_PUBLIC) {
        learn_public(ix, &s);
    }
}

/* ---- verdicts ---- */

static bool has_name(const struct group *g, uint64_t name)
{
    for (unsigned i = 0; i < g->crowd.names_n; i++) {
        if (g->crowd.names[i] == name) {
            return true;
        }
    }
    return false;
}

static bool is_worse(const struct group *a, const struct group *b)
{
    if (a->verdict != b->verdict) {
        return a->verdict > b->verdict;
    }
    if (a->handshakes != b->handshakes) {
        return a->handshakes > b->handshakes;
    }
    return a->first != b->first ? a->first < b->first
                                : strcmp(a->issuer, b->issuer) < 0;
}

/* The inspection that showed a certificate for this name, the worst of
 * several. */
static const struct group *group_of_name(const struct interception *ix,
                                         uint64_t name)
{
    const struct group *worst = NULL;
    struct group *const *at = NULL;
    for (const struct group *g; (g = group_next(ix, &at));) {
        if (g->verdict == INSPECTION_DETECTED && has_name(g, name) &&
            (!worst || is_worse(g, worst))) {
            worst = g;
        }
    }
    return worst;
}

/* A hidden certificate that the client turns down, for a name that was
 * inspected on another connection. */
static bool judge_by_name(const struct interception *ix,
                          const struct handshake *hs, struct text_list *because)
{
    struct sighting s = {.hs = hs};
    if (!hs->expanded || !hidden_is_refusal(hs) || !sighting_name(&s)) {
        return false;
    }
    const struct group *g = group_of_name(ix, hash_of(ix, span_text(s.host)));
    if (!g) {
        return false;
    }
    char text[SENTENCE_BYTES];
    snprintf(text, sizeof text,
             "on another connection %s was shown with an inspection "
             "certificate by \"%s\"",
             s.host, g->issuer);
    text_list_add(because, text);
    return true;
}

/* Products that were only recalled are no proof. A proxy that names itself
 * names what it does with certificates that bear no product's name. */
static const char *product_of_group(const struct group *g)
{
    if (g->product && g->product->certainty != KNOWN_RECALLED) {
        return g->product->product;
    }
    return g->agent ? g->agent->product : NULL;
}

/* The group of the certificate that a resumed session began with. */
static const struct group *group_of_session(const struct interception *ix,
                                            const struct handshake *hs,
                                            struct sighting *s)
{
    *s = (struct sighting){.hs = hs};
    if (!hs->expanded || !hs->end_state.resumed || hs->server_chain.n) {
        return NULL;
    }
    sighting_name(s); /* inner names count here, too */
    const struct session_origin *o =
        lru_find(ix->sessions, session_key(ix, hs, s->host));
    bool open = o && hs->first >= o->shown && hs->first < o->over &&
                tick_sub(hs->first, o->last) < SESSION_LIFE;
    return open ? group_find(ix, o->group) : NULL;
}

static enum inspection judge_session(const struct interception *ix,
                                     const struct handshake *hs,
                                     struct verdict *v)
{
    struct sighting s;
    const struct group *g = group_of_session(ix, hs, &s);
    if (!g || g->verdict == INSPECTION_NONE) {
        return INSPECTION_NONE;
    }
    char text[SENTENCE_BYTES];
    snprintf(text, sizeof text,
             "it resumes a session of this client with %s, for which this "
             "server showed an inspection certificate by \"%s\"",
             s.host, g->issuer);
    text_list_add(&v->interception_evidence, text);
    v->interception = inspection_name(g->verdict);
    v->interception_product = product_of_group(g);
    return g->verdict;
}

enum inspection interception_judge(struct interception *ix,
                                   const struct handshake *hs,
                                   struct trust *trust, struct verdict *v)
{
    struct sighting s;
    enum inspection resumed = judge_session(ix, hs, v);
    if (resumed != INSPECTION_NONE) {
        return resumed;
    }
    if (judge_by_name(ix, hs, &v->interception_evidence) ||
        hidden_judge(ix->hidden, hs, &v->interception_evidence) ||
        small_judge(ix->small, hs, &v->interception_evidence)) {
        v->interception = inspection_name(INSPECTION_SUSPECTED);
        return INSPECTION_SUSPECTED;
    }
    if (sighting_of(ix->patterns, hs, trust, &s) != LEAF_FORGING) {
        return INSPECTION_NONE;
    }
    const struct group *g = group_find(ix, hash_of(ix, s.leaf->issuer.der));
    if (!g) {
        return INSPECTION_NONE;
    }
    s.other_issuer = has_other_issuer(ix, &s);
    s.agent = agent_of(ix, hs);
    struct text_list because = {.arena = &v->arena};
    enum inspection found = group_weigh(
        g, group_leaf_find(g, hash_of(ix, s.leaf->der)), &s, &because);
    found = g->verdict > found ? g->verdict : found;
    if (found == INSPECTION_NONE) {
        return found;
    }
    v->interception = inspection_name(found);
    v->interception_product = product_of_group(g);
    v->interception_evidence = because;
    return found;
}

bool interception_outer(const struct interception *ix,
                        const struct handshake *hs, struct verdict *v)
{
    if (!outer_judge(ix->outer, hs, &v->interception_evidence)) {
        return false;
    }
    v->interception = inspection_name(INSPECTION_SUSPECTED);
    return true;
}

/* The group of the certificate that was shown. */
static struct group *group_of(const struct interception *ix,
                              const struct handshake *hs)
{
    return hs->server_chain.n
               ? group_find(ix, hash_of(ix, hs->server_chain.v[0]->issuer.der))
               : NULL;
}

/*
 * An alert behind both Finished is a refusal or a goodbye, which look alike.
 * Programs that open connections and leave them unused are told from those that
 * do not trust what they are shown by an alert that came too early for a
 * goodbye, or by a proxy that answers goodbyes but not this. SChannel's .NET
 * does not say goodbye, and judges too late for the first.
 */
bool interception_distrusted(const struct interception *ix,
                             const struct handshake *hs)
{
    struct group *g = group_of(ix, hs);
    const struct program *p = g ? program_find(g, hash_program(ix, hs)) : NULL;
    if (!p || p->went_on || p->left < 1) {
        return false;
    }
    bool answerable = g->answers && !hs_find(hs, HS_RST, SIDE_CLIENT);
    bool mute = stack_of_client(&hs->offer) == STACK_SCHANNEL && p->left > 1;
    return p->refused || answerable || mute;
}

void interception_broke(struct interception *ix, const struct handshake *hs)
{
    struct group *g = group_of(ix, hs);
    if (g) {
        g->broken++;
    }
}

/* ---- stories ---- */

static bool has_client(const struct group *g, uint64_t client)
{
    for (unsigned i = 0; i < g->crowd.clients_n; i++) {
        if (g->crowd.clients[i] == client) {
            return true;
        }
    }
    return false;
}

/* Names that clients of the group saw with public chains alone. */
static void tell_open(const struct interception *ix, const struct group *g,
                      struct interception_story *out)
{
    for (unsigned i = 0; i < ix->open_n; i++) {
        const struct open_name *o = &ix->open[i];
        bool listed = !has_client(g, o->client) ||
                      has_name(g, hash_of(ix, span_text(o->host)));
        for (unsigned k = 0; k < out->open_n && k < STORY_NAMES_MAX; k++) {
            listed = listed || strcmp(out->open[k], o->host) == 0;
        }
        if (listed) {
            continue;
        }
        if (out->open_n < STORY_NAMES_MAX) {
            out->open[out->open_n] = o->host;
        }
        out->open_n++;
    }
}

static void tell(const struct interception *ix, const struct group *g,
                 struct interception_story *out)
{
    *out = (struct interception_story){
        .verdict = inspection_name(g->verdict),
        .issuer = g->issuer,
        .product = product_of_group(g),
        .handshakes = g->handshakes,
        .broken = g->broken,
        .first = g->first,
        .last = g->last,
    };
    crowd_tell(&g->crowd, out);
    tell_open(ix, g, out);
}

size_t interception_stories(const struct interception *ix,
                            struct interception_story *out, size_t max)
{
    const struct group *best[STORIES_MAX] = {0};
    size_t n = 0;
    max = max < STORIES_MAX ? max : STORIES_MAX;
    struct group *const *at = NULL;
    for (const struct group *g; (g = group_next(ix, &at));) {
        if (g->verdict == INSPECTION_NONE) {
            continue;
        }
        for (size_t k = 0; k < max; k++) {
            if (!best[k] || is_worse(g, best[k])) {
                const struct group *moved = best[k];
                best[k] = g;
                g = moved;
            }
            if (!g) {
                break;
            }
        }
    }
    while (n < max && best[n]) {
        tell(ix, best[n], &out[n]);
        n++;
    }
    n += hidden_stories(ix->hidden, out + n, max - n);
    n = small_stories(ix->small, out, n, max);
    return n + outer_stories(ix->outer, out + n, max - n);
}
