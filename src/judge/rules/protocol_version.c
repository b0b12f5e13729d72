/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client and server have no protocol version in common (RFC 8446 section
 * 4.2.1; alert 70 in section 6.2).
 *
 * 70 is clear. Others mean the same: rustls says 40 to TLS 1.1, GnuTLS, Mbed
 * TLS and wolfSSL say 40 where one side knows only TLS 1.3, OpenSSL says 40 to
 * SSL 3.0, and 80 to TLS 1.0 and 1.1 where these are allowed but their SHA-1
 * signatures are not (tls_choose_sigalg; RFC 9155).
 */
#include "judge/facts.h"
#include "judge/say.h"

static uint16_t offered_max(const struct facts *f)
{
    return version_rank(f->hs->offer.max_version);
}

/* Not when the end of the ClientHello is missing. */
static bool is_offer_known(const struct facts *f)
{
    return f->hs->offer.seen && f->hs->offer.max_version != 0;
}

/* The lowest version the client is known to take. Without supported_versions
 * anything below the maximum may do. */
static uint16_t offered_min(const struct facts *f)
{
    return f->hs->offer.versions.seen ? version_rank(f->hs->offer.min_version)
                                      : 0x0300;
}

/* What the server chose elsewhere lies outside of this offer. */
static bool is_outside(const struct facts *f)
{
    const struct server_profile *s = &f->server;
    return is_offer_known(f) && s->known && s->versions_n > 0 &&
           (s->min_version > offered_max(f) || s->max_version < offered_min(f));
}

/* ... and by its own choice. What it chose of less says nothing of more; and it
 * chooses the highest, so that TLS 1.3 elsewhere says nothing of TLS 1.2. */
static bool is_disjoint(const struct facts *f)
{
    const struct server_profile *s = &f->server;
    return is_outside(f) &&
           (offered_max(f) < s->min_version ? offered_max(f) < 0x0303
                                            : s->ceiling == s->max_version);
}

/* The server was seen to choose a version that this offer has. */
static bool is_old_taken(const struct facts *f)
{
    const struct server_profile *s = &f->server;
    return s->known && s->versions_n > 0 && s->min_version <= offered_max(f);
}

static void add_profile(const struct facts *f, struct hypothesis *h)
{
    const struct server_profile *s = &f->server;
    if (s->versions_n == 0) {
        return;
    }
    if (s->min_version == s->max_version) {
        hypothesis_because(h, "on other connections the server chose %s",
                           say_version(s->min_version).s);
    } else {
        hypothesis_because(h, "on other connections the server chose %s to %s",
                           say_version(s->min_version).s,
                           say_version(s->max_version).s);
    }
}

static struct hypothesis *claim(const struct facts *f, struct hypotheses *hy,
                                enum confidence c, int weight)
{
    struct hypothesis *h = hypothesis_add(hy, "no_shared_version", c, weight);
    hypothesis_because(h, "the client offered %s",
                       say_offered_versions(&f->hs->offer).s);
    add_profile(f, h);
    if (f->offer.old) {
        hypothesis_side(h, FIX_CLIENT);
    }
    return h;
}

static void said_so(const struct facts *f, struct hypotheses *hy)
{
    if (!is_offer_known(f)) {
        struct hypothesis *h =
            hypothesis_add(hy, "no_shared_version", CONF_LIKELY, 70);
        hypothesis_because(h, "the alert is about the protocol version");
        return;
    }
    struct hypothesis *h =
        claim(f, hy, is_outside(f) ? CONF_CERTAIN : CONF_LIKELY, 90);
    hypothesis_reason(h, "the server accepts none of the versions offered: %s",
                      say_offered_versions(&f->hs->offer).s);
}

/* The server says no more than that it cannot. */
static void unsaid(const struct facts *f, struct hypotheses *hy)
{
    uint16_t max = offered_max(f);
    if (is_disjoint(f)) {
        claim(f, hy, CONF_LIKELY, 88);
    } else if (max <= 0x0300) {
        claim(f, hy, CONF_LIKELY, 84);
    } else if (f->offer.old) {
        /* Its suites are of another age as well, and no fault of their own. */
        claim(f, hy, CONF_LIKELY, is_old_taken(f) ? 52 : 70);
    } else if (f->offer.only_tls13 && f->server.max_version < 0x0304) {
        claim(f, hy, CONF_POSSIBLE, 54);
    } else if (max == 0x0303) {
        claim(f, hy, CONF_POSSIBLE, is_outside(f) ? 52 : 34);
    }
}

/* Closed or reset instead of an alert. */
static void silent(const struct facts *f, struct hypotheses *hy)
{
    if (f->hs->offer.seen &&
        (is_disjoint(f) || f->offer.old || f->offer.only_tls13)) {
        /* SChannel resets, s2n-tls and servers on GnuTLS just close. */
        bool sure = is_disjoint(f) || (f->offer.old && !is_old_taken(f));
        claim(f, hy, sure ? CONF_LIKELY : CONF_POSSIBLE, sure ? 68 : 52);
    }
}

/* The version alone would do, but not what it has to sign with. */
static bool is_too_old_to_sign(const struct facts *f)
{
    return f->hello_refused && f->alert == 80 && f->hs->offer.seen &&
           f->offer.old && offered_max(f) >= 0x0301 && !is_old_taken(f);
}

static void too_old_to_sign(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h = claim(f, hy, CONF_LIKELY, 72);
    hypothesis_reason(h,
                      "the client offers %s, which the server's security level "
                      "does not allow",
                      say_offered_versions(&f->hs->offer).s);
    hypothesis_because(h, "OpenSSL 3 answers internal_error (80) to TLS 1.0 "
                          "and 1.1 where it may not sign with SHA-1 (security "
                          "level 1 and up)");
}

static void client_refuses(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "no_shared_version", CONF_CERTAIN, 88);
    hypothesis_side(h, FIX_SERVER);
    hypothesis_reason(h,
                      "the server chose %s, and the client does not accept "
                      "it",
                      say_version(f->hs->choice.version).s);
    hypothesis_because(h, "the server chose %s; the client offered %s",
                       say_version(f->hs->choice.version).s,
                       say_offered_versions(&f->hs->offer).s);
}

/* RFC 6176 section 2: an SSLv2-compatible hello is for servers of before 2011.
 * Those of today answer it with almost any alert, or close. */
static bool is_v2_refused(const struct facts *f)
{
    bool alert = f->alert_by_server && f->hello_refused && f->alert != 86 &&
                 f->alert != 112 && f->alert != 120;
    bool closed = f->phase == PHASE_HELLO && f->end->by == BY_SERVER &&
                  (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET);
    return f->hs->offer.seen && f->hs->offer.v2_format && (alert || closed);
}

static void v2_refused(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h = claim(f, hy, CONF_LIKELY, 76);
    hypothesis_side(h, FIX_CLIENT);
    hypothesis_reason(h, "the client speaks first in SSLv2's format, which "
                         "servers no longer accept");
    hypothesis_because(h, "the ClientHello has the SSLv2-compatible format, "
                          "which RFC 6176 forbids");
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    bool at_hello = f->phase == PHASE_HELLO || f->phase == PHASE_RETRY;
    if (is_v2_refused(f)) {
        v2_refused(f, hy);
    }
    if (f->hello_refused && f->alert == 70) {
        said_so(f, hy);
    } else if (is_too_old_to_sign(f)) {
        too_old_to_sign(f, hy);
    } else if (f->refused_unsaid ||
               (f->hello_refused && f->alert == 50 && is_offer_known(f) &&
                offered_max(f) <= 0x0300)) {
        if (is_offer_known(f)) {
            unsaid(f, hy);
        }
    } else if (at_hello && f->end->by == BY_SERVER &&
               (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET)) {
        silent(f, hy);
    } else if (f->alert_by_client && f->alert == 70 && f->hs->choice.seen &&
               is_offer_known(f)) {
        client_refuses(f, hy);
    } else if (f->alert_by_client && f->alert == 70) {
        struct hypothesis *h =
            hypothesis_add(hy, "no_shared_version", CONF_LIKELY, 60);
        hypothesis_side(h, FIX_SERVER);
        hypothesis_because(h, "the client says that it does not accept the "
                              "server's version");
    } else if (f->alert_by_server && f->alert == 70 && f->after_server_hello) {
        hypothesis_add(hy, "no_shared_version", CONF_LIKELY, 60);
    }
}

const struct rule protocol_version_rule = {
    .name = "protocol_version",
    .source = "RFC 8446 sections 4.2.1, 6.2",
    .run = run,
};
