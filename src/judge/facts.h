/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts derived from a handshake before the rules run: everything a rule needs
 * that is more than one field away. No rule recomputes these.
 */
#ifndef JUDGE_FACTS_H
#define JUDGE_FACTS_H

#include "judge/flight.h"
#include "judge/interception.h"
#include "judge/judge.h"

/* Stack families told from a hello's shape, where that is reliable. */
enum stack {
    STACK_UNKNOWN,
    STACK_OPENSSL,
    STACK_BORINGSSL,
    STACK_NSS,
    STACK_GNUTLS,
    STACK_GO,
    STACK_JSSE,
    STACK_RUSTLS,
    STACK_MBEDTLS,
    STACK_WOLFSSL,
    STACK_SCHANNEL,
    STACK_APPLE,
    STACK_S2N,
};
const char *stack_name(enum stack s);

/* What is known of a server (address+port) from its other connections. */
struct server_profile {
    bool known;
    uint32_t successes, failures;
    uint32_t clients; /* distinct client addresses, saturating */
    uint16_t versions_n, ciphers_n, groups_n;
    uint16_t versions[8], ciphers[16], groups[8]; /* chosen so far */
    uint16_t min_version, max_version;            /* of those chosen */
    uint16_t ceiling; /* the highest chosen although the client offered more;
                         0: none */
    bool asked_client_certificate;
    bool takes_header; /* a client behind a PROXY header succeeded */
    bool takes_bare;   /* and one without */
    bool alpn_seen;
};

#define SEEN_ISSUER_BYTES 64u

/* The server's certificate as another connection showed it. */
struct seen_leaf {
    bool seen;
    bool self_signed, name_fits, usage_fits, weak;
    bool incomplete; /* the certificate of its issuer was not sent */
    bool untrusted;  /* its issuer is none of the trust anchors */
    uint8_t chain_n; /* certificates sent with it, saturating */
    char issuer[SEEN_ISSUER_BYTES]; /* name of the last one's issuer, cut */
    enum cert_key key;
    uint16_t key_bits;
    uint16_t version; /* in which it was readable */
    tick_t not_before, not_after;
};

/* What is known of a name at a server (address, port and SNI). */
struct name_profile {
    bool known;
    uint32_t successes, failures;
    struct seen_leaf leaf;
};

struct client_profile {
    bool known;
    uint32_t successes, failures; /* of this client address, to any server */
    uint32_t successes_here;      /* to this server address and port */
    uint32_t failures_here;
    uint32_t largest_hello_here; /* bytes of the largest ClientHello that
                                    succeeded here; 0: none */
};

/* How far the handshake had come when it ended, from the view of who could
 * have objected to what. */
enum phase {
    PHASE_BEFORE,       /* no ClientHello */
    PHASE_HELLO,        /* ClientHello sent, not answered by a hello */
    PHASE_RETRY,        /* HelloRetryRequest, no ServerHello yet */
    PHASE_SERVER_HELLO, /* ServerHello, certificate not complete */
    PHASE_CERTIFICATE,  /* the client could have seen a certificate */
    PHASE_CLIENT,       /* the client's second flight was sent, in part */
};

/* What is visibly wrong with the server's certificate, as bits. */
enum {
    FAULT_EXPIRED = 1,
    FAULT_NOT_YET_VALID = 2,
    FAULT_SELF_SIGNED = 4,
    FAULT_UNKNOWN_ISSUER = 8,
    FAULT_INCOMPLETE = 16,
    FAULT_NAME = 32,
    FAULT_WEAK = 64,
    FAULT_USAGE = 128,
    FAULT_MALFORMED = 256,
    FAULT_CA_EXPIRED = 512, /* a CA certificate that was sent */
};

/* Who objected to the server's certificate, and how clearly. */
enum objection {
    OBJECTION_NONE,
    OBJECTION_NAMED,  /* a readable alert about certificates */
    OBJECTION_HIDDEN, /* an encrypted alert at the place of one */
    OBJECTION_SILENT, /* closed or reset at that place */
    OBJECTION_VAGUE,  /* handshake_failure (40) or OpenSSL's 80 there */
};

/* Whether the client keeps still at the server's certificate, and why. */
enum stillness {
    STILL_NOT,
    STILL_PERHAPS,  /* of a stack that is not known */
    STILL_BLINDING, /* as s2n-tls after an error */
};

/*
 * How unusual an offer is: 0 (any server can serve it) to 100 (hardly one
 * can). 50 and more is worth a claim when the server refused without saying
 * why; `why_*` (static) says what is unusual.
 */
struct offer_view {
    bool tls13; /* TLS 1.3 is among the offered versions */
    bool only_tls13;
    bool old; /* nothing above TLS 1.1 */
    bool post_quantum;
    uint16_t suites; /* offered, without GREASE and signalling values */
    int odd_suites, odd_groups, odd_schemes, odd_alpn;
    const char *why_suites, *why_groups, *why_schemes, *why_alpn;
};

struct facts {
    const struct handshake *hs;
    const struct conclusion *end; /* = &hs->end_state */
    const struct cert *leaf;      /* server's leaf, or NULL */
    const struct cert *client_leaf;
    struct trust_result trust;
    bool sni_is_ip;    /* SNI holds an address literal */
    bool name_checked; /* SNI and a leaf were both there */
    bool name_matches;
    bool common_name_only; /* ... by the subject alone: there is no SAN */
    bool address_missing;  /* no SNI, as for an address, and the leaf has
                              names but not the server's address */
    bool leaf_expired, leaf_not_yet_valid; /* at the packet's time */
    int64_t leaf_days;                     /* days since expiry / until valid */
    bool alert_by_client, alert_by_server; /* of the deciding alert */
    uint16_t alert;                        /* its code, or ALERT_NONE */
    bool after_server_hello; /* the end came after a ServerHello */
    bool after_certificate;  /* after the server's certificate could have
                                been seen by the client */
    bool server_answered;    /* any TLS record from the server */
    bool server_silent;      /* not a byte from it after the ClientHello; what
                                led to TLS (STARTTLS) lies before */
    bool server_tls13;       /* ServerHello negotiated 1.3 */
    enum stack client_stack, server_stack;
    struct server_profile server;
    struct client_profile client;
    struct name_profile name; /* known only when the client sent an SNI */
    tick_t silence_ns;        /* from the last packet to the end */
    enum phase phase;
    struct offer_view offer;
    uint64_t offer_shape; /* offers with the same one, not 0, list the same
                             (offer_shape.h) */
    struct hidden_certificate hidden; /* told by sizes, without a leaf */
    bool public_name;  /* ... and the SNI lies under a public suffix; asked
                          only of a lone hidden certificate */
    bool leaf_alone;   /* none of the certificates sent with the leaf is its
                          issuer's */
    unsigned faults;   /* FAULT_* of the server's certificate */
    unsigned faults_n; /* how many of them */
    enum objection objection; /* the client's, to the server's certificate */
    enum stillness still;
    bool hello_refused;         /* the server's readable alert answered the
                                   ClientHello */
    bool refused_unsaid;        /* ... and its code names no reason: 40,
                                   71, or a close_notify */
    bool client_auth_asked;     /* the server asked for a certificate */
    bool client_auth_empty;     /* the client answered without one */
    bool client_auth_sent;      /* the client sent one */
    bool client_auth_answered;  /* the server ended it after that answer */
    bool undelivered[2];        /* by the side that sent it: it sent something
                                   again for a while, and nothing that the
                                   other said acknowledges it, its close
                                   neither */
    bool heard[2];              /* by the side that sent again: meanwhile the
                                   other said something, or showed that it got
                                   later bytes */
    bool late_refusal;          /* the handshake finished, but the client
                                   closed at once and the server's
                                   certificate is visibly wrong */
    tick_t when;                /* the time certificates are judged at */
    tick_t waited_ns;           /* from the ClientHello to the end */
    tick_t quiet_ns;            /* from the last step before the end to it */
    enum inspection inspection; /* what the certificate shows of one */
    bool inspection_distrusted; /* and the client always left it */
    const char *inspection_product;
    const struct text_list *inspection_because; /* or NULL */
};

struct offers;

/* Derives everything. The facts borrow from hs. `trust` and `offers` may be
 * NULL. */
void facts_derive(struct facts *f, const struct handshake *hs,
                  struct trust *trust, struct offers *offers);

/* Adds what was found out about inspection, and what follows from it. The
 * strings are borrowed. */
void facts_inspected(struct facts *f, enum inspection i, bool distrusted,
                     const char *product, const struct text_list *because);

/* What is unusual about an offer (offer.c). */
void offer_look(const struct client_offer *o, struct offer_view *out);

/* Offers that were looked at (bounded): clients come in few shapes. NULL, which
 * new() returns when memory is out, remembers none. */
struct offers *offers_new(void);
void offers_free(struct offers *m);

/* offer_look(), or what it said of the same offer. Returns the offer's shape; 0
 * without a memory. */
uint64_t offers_look(struct offers *m, const struct client_offer *o,
                     struct offer_view *out);

/* Versions of TLS and DTLS on one scale (TLS's); unknown ones as they are. */
uint16_t version_rank(uint16_t version);
/* Stacks that have codes of their own for the issuer and the expiry of a
 * certificate (48, 45), so that their 42 is about something else. */
bool stack_names_issuer(enum stack s);
/* Stacks whose clients compare with the SAN only, never with the subject's
 * common name (RFC 9525 section 2). */
bool stack_ignores_common_name(enum stack s);
bool list_has(const struct u16_list *list, uint16_t v);

/* ---- hypotheses ---- */

struct hypothesis;
struct hypotheses;

/*
 * Adds a hypothesis: this cause, this sure, with a weight (0..100) that ranks
 * it among those of the same confidence. Returns a handle for evidence; never
 * NULL (over the limit it is a sink).
 */
struct hypothesis *hypothesis_add(struct hypotheses *hy, const char *cause,
                                  enum confidence c, int weight);
/* A fact seen in this capture, as a sentence. Network strings go in as they
 * are; reporters escape. */
void hypothesis_because(struct hypothesis *h, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Overrides who has to fix it. */
void hypothesis_side(struct hypothesis *h, enum known_side side);
/* Keeps it among the alternatives even beside a certain verdict. */
void hypothesis_keep(struct hypothesis *h);
/* Overrides the headline sentence. */
void hypothesis_reason(struct hypothesis *h, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- rules ---- */

struct rule {
    const char *name;
    const char *source; /* RFC section, or where the behaviour is documented */
    void (*run)(const struct facts *f, struct hypotheses *hy);
};

#endif
