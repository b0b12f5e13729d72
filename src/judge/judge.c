/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a finished handshake to a verdict: derives the facts, lets every rule
 * add hypotheses, ranks them, and writes the verdict out.
 *
 * The best hypothesis becomes the cause, the others the alternatives. Nothing
 * that is only possible and weak leads: then the failure is `unclassified`,
 * which is better than a guess dressed as a fact.
 */
#include "judge/judge.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/text.h"
#include "judge/advice.h"
#include "judge/facts.h"
#include "judge/foreign.h"
#include "judge/harmless.h"
#include "judge/hello.h"
#include "judge/hypothesis.h"
#include "judge/interception.h"
#include "judge/notes.h"
#include "judge/profile.h"
#include "judge/rule_table.h"
#include "judge/say.h"

#define ALTERNATIVES_MAX 5u
#define EVIDENCE_MAX     12u

/* A merely possible cause leads only from this weight on. */
#define WEIGHT_TO_LEAD 40

struct judge {
    struct trust *trust; /* borrowed, may be NULL */
    struct profiles *profiles;
    struct interception *interception;
    struct advice *advice; /* NULL: nothing is remembered; the same */
    struct offers *offers;
};

const char *confidence_name(enum confidence c)
{
    switch (c) {
    case CONF_CERTAIN:
        return "certain";
    case CONF_LIKELY:
        return "likely";
    default:
        return "possible";
    }
}

struct judge *judge_new(struct trust *trust)
{
    struct judge *j = calloc(1, sizeof *j);
    if (!j) {
        return NULL;
    }
    j->trust = trust;
    j->profiles = profiles_new();
    j->interception = interception_new();
    j->advice = advice_new();
    j->offers = offers_new();
    if (!j->profiles || !j->interception) {
        judge_free(j);
        return NULL;
    }
    return j;
}

void judge_free(struct judge *j)
{
    if (j) {
        profiles_free(j->profiles);
        interception_free(j->interception);
        advice_free(j->advice);
        offers_free(j->offers);
        free(j);
    }
}

void judge_learn(struct judge *j, struct handshake *hs)
{
    struct hello_sight hello;
    hello_look(hs, &hello);
    profiles_learn(j->profiles, hs, &hello);
    if (!hs_is_eap(hs)) {
        interception_note(j->interception, hs, &hello);
    }
    if (j->trust && hs->expanded && hs->server_chain.n > 1) {
        trust_learn(j->trust, &hs->server_chain);
    }
}

void judge_prefetch(const struct judge *j, const struct handshake *hs)
{
    profiles_prefetch(j->profiles, hs);
}

void judge_prefetch_entries(const struct judge *j, const struct handshake *hs)
{
    profiles_prefetch_entries(j->profiles, hs);
}

bool judge_wants(struct judge *j, const struct handshake *hs)
{
    return !hs_is_eap(hs) && interception_wants(j->interception, hs);
}

/* What a later handshake of the same name may hide (TLS 1.3). */
static void learn_leaf(struct judge *j, const struct handshake *hs)
{
    struct facts f;
    if (!hs->server_chain.n || hs->server_chain.malformed ||
        !hs->offer.has_sni) {
        return;
    }
    facts_derive(&f, hs, j->trust, j->offers);
    const struct cert *c = f.leaf;
    const struct cert_chain *chain = &hs->server_chain;
    struct seen_leaf leaf = {.seen = true,
                             .self_signed = c->self_signed,
                             .name_fits = f.name_checked && f.name_matches,
                             .usage_fits = !(f.faults & FAULT_USAGE),
                             .weak = (f.faults & FAULT_WEAK) != 0,
                             .incomplete = (f.faults & FAULT_INCOMPLETE) != 0,
                             .untrusted =
                                 (f.faults & FAULT_UNKNOWN_ISSUER) != 0,
                             .chain_n = (uint8_t)(chain->n),
                             .key = c->key,
                             .key_bits = c->key_bits,
                             .version = hs->version,
                             .not_before = c->not_before,
                             .not_after = c->not_after};
    struct say issuer = say_name(&chain->v[chain->n - 1]->issuer);
    memcpy(leaf.issuer, issuer.s, strnlen(issuer.s, sizeof leaf.issuer - 1));
    profiles_learn_leaf(j->profiles, hs, &leaf);
}

void judge_learn_certificates(struct judge *j, const struct handshake *hs)
{
    if (!hs_is_eap(hs)) {
        interception_learn(j->interception, hs, j->trust);
    }
    learn_leaf(j, hs);
}

size_t judge_stories(const struct judge *j, struct interception_story *out,
                     size_t max)
{
    return interception_stories(j->interception, out, max);
}

/* ---- the leader ---- */

static const struct hypothesis *leader_of(const struct hypotheses *hy)
{
    const struct hypothesis *best = hy->n ? &hy->v[0] : NULL;
    if (best && best->confidence == CONF_POSSIBLE &&
        best->weight < WEIGHT_TO_LEAD) {
        return NULL;
    }
    return best;
}

/* A cause whose text is missing is our own slip; the verdict survives it. */
static const struct known_cause *cause_of(const char *slug)
{
    static const struct known_cause nothing = {
        "unclassified", "the handshake failed, and nothing seen says why",
        FIX_NONE};
    const struct known_cause *c = known_cause(slug);
    return c ? c : &nothing;
}

static void add_evidence(struct verdict *v, const char *s)
{
    if (v->evidence.n < EVIDENCE_MAX && *s && !text_list_has(&v->evidence, s)) {
        text_list_add(&v->evidence, s);
    }
}

static void add_reasons_of(struct verdict *v, const struct hypothesis *h)
{
    for (size_t i = 0; i < h->because.n; i++) {
        add_evidence(v, h->because.v[i]);
    }
}

static void add_foreign(const struct handshake *hs, struct verdict *v)
{
    struct text_list l = {.arena = &v->arena};
    foreign_evidence(hs, &l);
    for (size_t i = 0; i < l.n; i++) {
        add_evidence(v, l.v[i]);
    }
}

/* What can be said of any failure. */
static void add_context(const struct facts *f, struct verdict *v)
{
    const struct handshake *hs = f->hs;
    struct text t;
    text_init(&t, SENTENCE_BYTES);
    if (hs->offer.seen && !hs->offer.ciphers.seen) {
        add_evidence(v, "what the client offered is missing from the capture");
    } else if (hs->offer.seen) {
        text_fmt(&t, "the client offered %s and %u cipher suites",
                 say_offered_versions(&hs->offer).s, f->offer.suites);
        if (hs->offer.has_sni) {
            text_fmt(&t, ", for %s", say_span(hs->offer.sni).s);
        }
        add_evidence(v, text_str(&t));
    }
    if (hs->choice.seen && hs->choice.version != UNSEEN_U16) {
        text_clear(&t);
        text_fmt(&t, "the server chose %s with %s",
                 say_version(hs->choice.version).s,
                 say_suite(hs->choice.cipher).s);
        add_evidence(v, text_str(&t));
    }
    text_free(&t);
}

/* A fatal alert of the other side behind the one that decided: a reaction, but
 * whoever reads the capture sees both. */
static void add_second_alert(const struct facts *f, struct verdict *v)
{
    const struct handshake *hs = f->hs;
    for (uint16_t i = 0; i < hs->events_n && f->end->has_alert; i++) {
        const struct hs_event *e = &hs->events[i];
        uint16_t code = e->aux & 0xff;
        if (e->kind != HS_ALERT || e->frame <= f->end->frame_decisive ||
            e->side == f->end->alert_side ||
            !known_alert_is_fatal(code, (uint8_t)(e->aux >> 8))) {
            continue;
        }
        struct text t;
        text_init(&t, SENTENCE_BYTES);
        text_fmt(&t, "the %s sent the alert %s%s: a reaction, not the cause",
                 side_name((enum side)e->side), say_alert(code).s,
                 say_frame(f->hs, e->frame).s);
        add_evidence(v, text_str(&t));
        text_free(&t);
        return;
    }
}

/* How TLS was reached. */
static void add_way(const struct facts *f, struct verdict *v)
{
    add_evidence(v, say_path(f->hs).s);
    add_evidence(v, say_injected(f->hs).s);
}

/* Which software ended it, where its hello gives it away: an alert means what
 * its sender's library means by it. */
static void add_stack(const struct facts *f, struct verdict *v)
{
    bool client = f->end->by == BY_CLIENT || f->late_refusal;
    bool server = f->end->by == BY_SERVER;
    enum stack s = client   ? f->client_stack
                   : server ? f->server_stack
                            : STACK_UNKNOWN;
    if (s == STACK_UNKNOWN) {
        return;
    }
    struct text t;
    text_init(&t, SENTENCE_BYTES);
    text_fmt(&t, "by the shape of its %s, the %s probably uses %s",
             client            ? "ClientHello"
             : f->server_tls13 ? "records"
                               : "ServerHello",
             client ? "client" : "server", stack_name(s));
    add_evidence(v, text_str(&t));
    text_free(&t);
}

/* The same client took a certificate from the same server for the same name:
 * one node of several may have been forgotten, or a program checks less. */
static void add_other_fates(const struct facts *f, struct verdict *v)
{
    if (strncmp(v->cause->slug, "server_certificate_", 19) != 0 ||
        f->client.successes_here == 0 || f->name.successes == 0) {
        return;
    }
    struct text t;
    text_init(&t, SENTENCE_BYTES);
    text_fmt(&t,
             "the same client also finished %u handshake%s with this server: "
             "another program, or one of several servers behind the address "
             "that are not alike",
             f->client.successes_here,
             f->client.successes_here == 1 ? "" : "s");
    add_evidence(v, text_str(&t));
    text_free(&t);
}

static void write_evidence(const struct facts *f, const struct hypotheses *hy,
                           const struct hypothesis *leader, struct verdict *v)
{
    add_evidence(v, say_ending(f).s);
    if (f->end->benign && f->end->benign_why) {
        add_evidence(v, f->end->benign_why);
    }
    if (!leader) {
        add_context(f, v);
        add_foreign(f->hs, v);
        add_way(f, v);
        return;
    }
    add_reasons_of(v, leader);
    for (size_t i = 0; i < hy->n; i++) {
        if (&hy->v[i] != leader && strcmp(hy->v[i].cause, leader->cause) == 0) {
            add_reasons_of(v, &hy->v[i]);
        }
    }
    if (v->evidence.n < 2) {
        add_context(f, v);
    }
    add_second_alert(f, v);
    add_other_fates(f, v);
    add_foreign(f->hs, v);
    add_way(f, v);
    add_stack(f, v);
}

/* ---- alternatives ---- */

static bool is_alternative_listed(const struct verdict *v, const char *cause)
{
    for (size_t i = 0; i < v->alternatives_n; i++) {
        const char *listed = v->alternatives[i].cause;
        if (listed && strcmp(listed, cause) == 0) {
            return true;
        }
    }
    return false;
}

/* Causes that say less about the same thing: nothing to add to a certain one.
 */
static bool is_general(const char *cause)
{
    static const char *const general[] = {
        "server_certificate_rejected", "client_certificate_rejected",
        "client_closed", "server_closed", "unclassified"};
    for (size_t i = 0; i < sizeof general / sizeof general[0]; i++) {
        if (strcmp(cause, general[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What a forged certificate looks like to a client that does not trust it. */
static bool is_inspection_symptom(const char *leader, const char *cause)
{
    return strcmp(leader, "interception_untrusted") == 0 &&
           strncmp(cause, "server_certificate_", 19) == 0;
}

/* Whoever names a fault of the certificate has said that it was rejected. */
static bool is_implied(const struct verdict *v, const char *cause)
{
    return v->confidence >= CONF_LIKELY &&
           strncmp(v->cause->slug, "server_certificate_", 19) == 0 &&
           strcmp(cause, "server_certificate_rejected") == 0;
}

static void write_alternatives(const struct hypotheses *hy, struct verdict *v)
{
    v->alternatives =
        arena_room(&v->arena, ALTERNATIVES_MAX * sizeof *v->alternatives);
    for (size_t i = 0; i < hy->n && v->alternatives; i++) {
        const struct hypothesis *h = &hy->v[i];
        bool weak = h->confidence == CONF_POSSIBLE || is_general(h->cause) ||
                    is_inspection_symptom(v->cause->slug, h->cause);
        bool dropped = v->confidence == CONF_CERTAIN && weak && !h->keep;
        dropped = dropped || is_implied(v, h->cause);
        if (dropped || v->alternatives_n == ALTERNATIVES_MAX ||
            strcmp(h->cause, v->cause->slug) == 0 ||
            is_alternative_listed(v, h->cause)) {
            continue;
        }
        v->alternatives[v->alternatives_n++] =
            (struct alternative){h->cause, h->confidence};
    }
}

/* ---- for --explain ---- */

static void write_fired(const struct hypotheses *hy, struct verdict *v)
{
    v->fired = arena_room(&v->arena, hy->n * sizeof *v->fired);
    for (size_t i = 0; i < hy->n && v->fired; i++) {
        const struct hypothesis *h = &hy->v[i];
        v->fired[v->fired_n++] =
            (struct fired_rule){.rule = h->rule->name,
                                .source = h->rule->source,
                                .cause = h->cause,
                                .confidence = h->confidence,
                                .weight = h->weight,
                                .because = h->because};
    }
}

/* ---- the verdict ---- */

static void write_verdict(struct judge *j, const struct facts *f,
                          const struct hypotheses *hy, struct verdict *v)
{
    const struct hypothesis *leader = leader_of(hy);
    v->cause = cause_of(leader ? leader->cause : "unclassified");
    v->confidence = leader ? leader->confidence : CONF_POSSIBLE;
    v->side = leader && leader->has_side ? leader->side : v->cause->side;
    v->reason = leader && leader->reason ? leader->reason : v->cause->sentence;
    v->frame_decisive = f->end->frame_decisive;
    write_evidence(f, hy, leader, v);
    write_alternatives(hy, v);
    advice_fill(j->advice, f, v);
    write_fired(hy, v);
}

static void run_rules(const struct facts *f, struct hypotheses *hy)
{
    for (size_t i = 0; rules[i]; i++) {
        hy->rule = rules[i];
        rules[i]->run(f, hy);
    }
    hypotheses_rank(hy);
}

/* What the certificates tell about inspection, into *v and *f. Not of 802.1X:
 * private authorities are the rule there. */
static void look_for_inspection(struct judge *j, struct facts *f,
                                struct verdict *v)
{
    enum inspection i = INSPECTION_NONE;
    if (!hs_is_eap(f->hs)) {
        i = interception_judge(j->interception, f->hs, j->trust, v);
    }
    /* What is seen of it from outside accuses nobody of this connection. */
    if (i == INSPECTION_NONE && !hs_is_eap(f->hs)) {
        interception_outer(j->interception, f->hs, v);
    }
    bool distrusted =
        i != INSPECTION_NONE && interception_distrusted(j->interception, f->hs);
    facts_inspected(f, i, distrusted, v->interception_product,
                    &v->interception_evidence);
}

void verdict_init(struct verdict *v, enum outcome outcome)
{
    *v = (struct verdict){.outcome = outcome};
    arena_init(&v->arena, LIMIT_VERDICT_BYTES);
    v->evidence.arena = v->interception_evidence.arena = &v->arena;
}

void verdict_fini(struct verdict *v)
{
    arena_free(&v->arena);
}

enum outcome judge_late_alert(struct judge *j, const struct handshake *hs)
{
    struct facts f;
    struct verdict v;
    verdict_init(&v, OUTCOME_SUCCESS);
    facts_derive(&f, hs, j->trust, j->offers);
    look_for_inspection(j, &f, &v);
    verdict_fini(&v);
    if (f.late_refusal) {
        return OUTCOME_FAILURE;
    }
    /* The certificate is what the capture lacks. */
    bool unseen = !hs->end_state.resumed && !known_version_is_13(hs->version) &&
                  (!f.leaf || hs->server_chain.cut) &&
                  (hs->end_state.blind &
                   (BLIND_SNAPLEN | BLIND_GAP | BLIND_MIDSTREAM | BLIND_LIMIT));
    bool may_judge_late = f.client_stack == STACK_NSS ||
                          f.client_stack == STACK_SCHANNEL ||
                          hs->offer.partial || !hs->offer.seen;
    return unseen && may_judge_late ? OUTCOME_UNKNOWN : OUTCOME_SUCCESS;
}

const char *judge_fault(struct judge *j, const struct handshake *hs)
{
    struct facts f;
    facts_derive(&f, hs, j->trust, j->offers);
    profiles_name(j->profiles, hs, &f.name);
    return notes_fault(&f);
}

bool judge_knows_server(const struct judge *j, const struct handshake *hs)
{
    struct server_profile p;
    profiles_server(j->profiles, hs, &p);
    return p.successes > 0;
}

const char *judge_harmless(const struct judge *j, const struct handshake *hs)
{
    return hs->end_state.outcome == OUTCOME_FAILURE && !hs->end_state.benign
               ? harmless_why(j->profiles, hs)
               : NULL;
}

bool judge_awaits(const struct judge *j, const struct handshake *hs)
{
    return harmless_awaits(j->profiles, hs);
}

struct verdict *judge_run(struct judge *j, const struct handshake *hs)
{
    struct verdict *v = malloc(sizeof *v);
    if (!v) {
        return NULL;
    }
    verdict_init(v, hs->end_state.outcome);
    struct facts f;
    facts_derive(&f, hs, j->trust, j->offers);
    v->offer_shape = f.offer_shape;
    profiles_server(j->profiles, hs, &f.server);
    profiles_client(j->profiles, hs, &f.client);
    profiles_name(j->profiles, hs, &f.name);
    if (j->trust && hs->server_chain.n > 1) {
        trust_learn(j->trust, &hs->server_chain);
    }
    look_for_inspection(j, &f, v);
    if (v->outcome == OUTCOME_SUCCESS) {
        notes_of_success(&f, &v->evidence);
    }
    if (v->outcome != OUTCOME_FAILURE) {
        add_evidence(v, say_injected(hs).s);
        add_foreign(hs, v);
        return v;
    }
    struct hypotheses hy;
    hypotheses_init(&hy, &v->arena);
    run_rules(&f, &hy);
    write_verdict(j, &f, &hy, v);
    if (strcmp(v->cause->slug, "interception_untrusted") == 0) {
        interception_broke(j->interception, hs);
    }
    return v;
}

void verdict_free(struct verdict *v)
{
    if (v) {
        verdict_fini(v);
        free(v);
    }
}
