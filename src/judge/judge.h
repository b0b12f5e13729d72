/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a finished handshake to a verdict: facts in, ranked hypotheses out.
 *
 * A rule is a constant in its own function under rules/. It reads struct facts
 * and adds hypotheses; it does no I/O, keeps no state, and the order of rules
 * does not matter: the judge ranks. Dissectors note, rules judge.
 */
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H

#include "handshake/cert.h"
#include "handshake/handshake.h"
#include "known/known.h"

enum confidence { CONF_POSSIBLE = 1, CONF_LIKELY, CONF_CERTAIN };
const char *confidence_name(enum confidence c);

/* ---- verdict ---- */

struct text_list {
    char **v; /* NUL-terminated; raw bytes from the network inside: escape on
                 output */
    size_t n;
    struct arena *arena; /* where they live; borrowed */
};

struct seen_as {
    const char *viewer;
    char *text;
};

struct alternative {
    const char *cause; /* slug, static */
    enum confidence confidence;
};

/* One rule that fired, for --explain. */
struct fired_rule {
    const char *rule, *source, *cause; /* static */
    enum confidence confidence;
    int weight;
    struct text_list because;
};

struct verdict {
    enum outcome outcome;
    uint64_t offer_shape; /* verdicts with the same one, not 0, are about hellos
                             that list the same (offer_shape.h) */
    /* The rest only when outcome is failure (cause NULL otherwise). */
    const struct known_cause *cause;
    enum confidence confidence;
    enum known_side side;
    const char *reason; /* the verdict as one sentence */
    struct text_list evidence, fix, reproduce;
    struct seen_as *seen_as;
    size_t seen_as_n;
    uint64_t advice_id; /* verdicts with the same one, not 0, have the same
                           texts in fix and seen_as */
    struct alternative *alternatives;
    size_t alternatives_n;
    struct fired_rule *fired;
    size_t fired_n;
    uint64_t frame_decisive; /* 0: none */
    /* tls inspection: NULL, "detected" or "suspected" */
    const char *interception;
    const char *interception_product; /* or NULL */
    struct text_list interception_evidence;
    struct arena arena; /* all that is in here lives there */
};

/* An empty one, with room for its texts; fini() frees them. */
void verdict_init(struct verdict *v, enum outcome outcome);
void verdict_fini(struct verdict *v);

/* ---- judge ---- */

struct judge;

/* How a server chain stands against the trust anchors at the packet's time. */
enum trust_state {
    TRUST_UNKNOWN, /* not judged: no chain, or --ca none */
    TRUST_OK,
    TRUST_SELF_SIGNED,    /* leaf is its own issuer and no anchor */
    TRUST_UNKNOWN_ISSUER, /* chain complete up to a root that is no anchor */
    TRUST_INCOMPLETE,     /* the issuer of the last certificate sent is missing
                             from the message; see trust_result.completable */
    TRUST_BAD_SIGNATURE,  /* a signature in the chain does not verify */
    TRUST_EXPIRED_CA,     /* a CA certificate in the chain is expired */
    TRUST_OTHER,          /* path constraints etc.; `why` says what */
};

struct trust_result {
    enum trust_state state;
    bool wrong_order;           /* certificates sent out of order */
    bool completable;           /* INCOMPLETE, and the missing certificate is an
                                   anchor's child seen elsewhere, or the missing
                                   issuer is known */
    struct span missing_issuer; /* name of the certificate that was not sent */
    bool issuer_learned;        /* completable for sure: trust_learn() saw the
                                   missing certificate, and it leads to an anchor */
    bool ca_expired;    /* a CA certificate sent is expired, whatever the
                           state */
    bool anchor_sent;   /* the root itself was sent (harmless) */
    bool anchor_listed; /* the anchor reached is on Mozilla's list of roots */
    bool anchors_given; /* the anchors are not the system's, but chosen */
    const char *violation; /* the rule of names, path length or of who may
                              issue that the certificates sent break, whoever
                              is trusted (static); NULL: none */
    char why[128];
};

struct trust;

/* Trust anchors: `path` a PEM file or a hashed directory, NULL for the
 * system's, "none" for no judging. On failure NULL and in error[] what is wrong
 * with it. */
struct trust *trust_new(const char *path, char error[256]);
void trust_free(struct trust *t);

/* Judges a chain at `when`. Dates of the leaf are not looked at (facts do). */
void trust_judge(struct trust *t, const struct cert_chain *chain, tick_t when,
                 struct trust_result *out);

/* Remembers CA certificates of a chain, so that incomplete chains seen later
 * can be told from unknown issuers (bounded). */
void trust_learn(struct trust *t, const struct cert_chain *chain);

/* ---- TLS inspection ---- */

#define STORIES_MAX     4u
#define STORY_NAMES_MAX 5u

/* What one inspection did, for the totals. Borrowed texts, raw bytes
 * from the network. */
struct interception_story {
    const char *verdict;  /* "detected", "suspected" */
    bool outer;           /* seen from outside: `proxy` is what asks for the
                             names in place of its clients */
    const char *issuer;   /* NULL: its certificates are hidden (TLS 1.3) */
    struct hs_addr proxy; /* then, when the port is not 0: the explicit proxy
                             they came through; else from nearby */
    uint8_t ip_version;   /* of that address */
    const char *product;  /* or NULL */
    const char *names[STORY_NAMES_MAX]; /* the first ones affected */
    unsigned names_n;                   /* how many there were */
    bool names_more;                    /* ... at least */
    const char *open[STORY_NAMES_MAX];  /* names that its clients saw with
                                           public chains */
    unsigned open_n;
    unsigned clients_n;
    bool clients_more;
    uint64_t handshakes, broken; /* broken: for lack of trust in it */
    tick_t first, last;
};

/* trust may be NULL (certificates are then not judged); borrowed. */
struct judge *judge_new(struct trust *trust);
void judge_free(struct judge *j);

/* Lets the judge remember what this connection tells about its server and
 * client (bounded profiles). Cheap; call once per finished connection,
 * successes too. `hs` need not be expanded; it carries from then on by what the
 * judge knows its ends. */
void judge_learn(struct judge *j, struct handshake *hs);

/* Starts loading the places where judging it will look for its ends; and, some
 * time after that, what is there. */
void judge_prefetch(const struct judge *j, const struct handshake *hs);
void judge_prefetch_entries(const struct judge *j, const struct handshake *hs);

/* Whether a concluded handshake that nobody asked for should be expanded all
 * the same, because its certificate is new or under suspicion of inspection.
 * Cheap. */
bool judge_wants(struct judge *j, const struct handshake *hs);

/* Lets the judge remember the certificates of an expanded handshake. Call once
 * per connection. */
void judge_learn_certificates(struct judge *j, const struct handshake *hs);

/* The inspection that was found, the worst first; at most `max`. */
size_t judge_stories(const struct judge *j, struct interception_story *out,
                     size_t max);

/* What is visibly wrong with the certificate of the server, in few words
 * (static); NULL: nothing. Needs an expanded handshake. */
const char *judge_fault(struct judge *j, const struct handshake *hs);

/* What an unanswered encrypted alert after both Finished
 * (end_state.late_alert_unanswered) makes of the handshake: a failure when it
 * refused a certificate with a visible fault, unknown when the capture lacks
 * the certificate. Needs an expanded handshake. */
enum outcome judge_late_alert(struct judge *j, const struct handshake *hs);

/* Whether this connection's server was seen to speak TLS on others. Cheap. */
bool judge_knows_server(const struct judge *j, const struct handshake *hs);

/* Why a failed handshake is none: a health check, a scan, half a log-in; a
 * static sentence. NULL: it is one. Cheap. */
const char *judge_harmless(const struct judge *j, const struct handshake *hs);

/* Whether the next connection may show that this failure is none. Cheap. */
bool judge_awaits(const struct judge *j, const struct handshake *hs);

/* Judges a concluded and expanded handshake. Owned by the caller. NULL only
 * when memory is out. */
struct verdict *judge_run(struct judge *j, const struct handshake *hs);
void verdict_free(struct verdict *v);

#endif
