/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of interception.h: what is remembered per issuer, and how one
 * certificate is looked at. For src/judge/interception*.c alone.
 */
#ifndef JUDGE_INTERCEPTION_GROUP_H
#define JUDGE_INTERCEPTION_GROUP_H

#include "judge/interception.h"

#define GROUP_LEAVES_MAX  64u /* what they tell is told by a few */
#define GROUP_CLIENTS_MAX 64u
#define GROUP_NAMES_MAX   STORY_NAMES_MAX
#define HOST_BYTES        256u /* a DNS name and its NUL */
#define ISSUER_BYTES      128u

/* A certificate of a group, when it was first shown. */
struct group_leaf {
    uint64_t der, spki, owner, organization; /* hashes; 0: none */
    uint64_t network; /* of the server; 0: behind an explicit proxy */
    tick_t age;       /* since its notBefore */
    tick_t seen;
    bool well_known;
    bool in_house; /* in the name of the issuer's own organization */
};

/* Whom an inspection meets: names asked for and clients, as hashes, up to a
 * bound. */
struct crowd {
    uint64_t names[GROUP_LEAVES_MAX];
    unsigned names_n;
    bool names_more;
    char shown[GROUP_NAMES_MAX][HOST_BYTES]; /* the first names */
    uint64_t clients[GROUP_CLIENTS_MAX];
    unsigned clients_n;
    bool clients_more;
};

/* Adds a client that asked for a name. */
void crowd_add(struct crowd *c, uint64_t client, uint64_t name,
               const char *host);

/* What a story says of a crowd. */
void crowd_tell(const struct crowd *c, struct interception_story *out);

/* What a program on a client makes of an inspection's certificates. */
struct program {
    uint64_t hash;
    bool went_on;  /* it sent data once: it trusts them */
    bool refused;  /* it ended one with an alert before the server's Finished,
                      which no goodbye comes before */
    uint16_t left; /* early, or with an alert that nobody answered; saturating
                    */
};

/* Forging leaves of one issuer. */
struct group {
    char issuer[ISSUER_BYTES];
    const struct known_inspection *product; /* or NULL */
    const struct known_inspection *agent;   /* what the explicit proxy calls
                                               itself, or NULL */
    enum inspection verdict; /* of its worst member; only rises */
    struct group_leaf leaves[GROUP_LEAVES_MAX];
    unsigned leaves_n;
    struct crowd crowd;
    struct program programs[GROUP_CLIENTS_MAX];
    unsigned programs_n;
    bool answers; /* its proxy says goodbye to who does */
    uint64_t handshakes, broken;
    tick_t first, last;
};

/* What a handshake's leaf is. */
enum leaf_kind {
    LEAF_NOTHING, /* tells nothing about inspection */
    LEAF_PUBLIC,  /* a public authority's, for the name that was asked for */
    LEAF_FORGING, /* for a public name, but no public authority's */
};

/* A leaf in its handshake. */
struct sighting {
    const struct handshake *hs;
    const struct cert *leaf;
    tick_t when;
    char host[HOST_BYTES]; /* lower case */
    struct span domain;    /* registrable, within host */
    struct span owner;     /* its first label, which a company's domains under
                              several suffixes share */
    bool well_known;
    const struct known_inspection *product; /* by the issuers' names */
    bool by_subject;                        /* no, by the subject's */
    struct span agent;   /* what the explicit proxy calls itself, or empty */
    bool authority_name; /* the issuer bears a public authority's name */
    bool local_anchor;   /* trusted on this machine, but not public */
    bool key_is_issuers; /* the leaf's key is its issuer's */
    bool other_issuer;   /* the name was also shown with a public chain */
    bool private_server;
};

/* Looks at the leaf of an expanded handshake (interception_leaf.c). */
enum leaf_kind sighting_of(struct known_patterns *patterns,
                           const struct handshake *hs, struct trust *trust,
                           struct sighting *s);

/* Fills in the name asked for and its registrable domain; s->hs is given.
 * False when there is none, or it is not one of the Internet's. */
bool sighting_name(struct sighting *s);

/* Whether a name is under a domain that certainly uses public authorities
 * (data/wellknown_domains.tsv). */
bool is_well_known(const char *host);

/* Whether the server's address is that of an explicit proxy. */
bool is_through_proxy(const struct handshake *hs);

/* A name that leads to a private address is served inside, unless the address
 * is a proxy's. Loopback is left out: filters on the host itself use it. */
bool is_private_server(const struct handshake *hs);

/* Weighs a forging leaf with its group (interception_weigh.c); `at` is its
 * place in the group, or NULL. Appends the signals as sentences to *because,
 * which may be NULL. */
enum inspection group_weigh(const struct group *g, const struct group_leaf *at,
                            const struct sighting *s,
                            struct text_list *because);

#endif
