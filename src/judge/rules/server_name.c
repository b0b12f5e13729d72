/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server does not know the name asked for, or will not answer without one
 * (server_name, RFC 6066 section 3). 112 says so; Go's servers say 80, rustls
 * 49, some CDNs 40, and SNI routers close or reset.
 */
#include "judge/facts.h"
#include "judge/say.h"

static void said_so(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h;
    bool unseen = !f->hs->offer.seen || f->hs->offer.partial;
    if (unseen && !f->hs->offer.has_sni) {
        h = hypothesis_add(hy, "unrecognized_name", CONF_LIKELY, 90);
        hypothesis_reason(h, "the server does not know the name asked for");
        hypothesis_because(h, "where the ClientHello would name the server is "
                              "missing from the capture");
    } else if (f->hs->offer.has_sni) {
        h = hypothesis_add(hy, "unrecognized_name", CONF_CERTAIN, 90);
        hypothesis_reason(h, "the server does not know the name %s",
                          say_server(f->hs).s);
        hypothesis_because(h, "the client asked for %s", say_server(f->hs).s);
    } else {
        h = hypothesis_add(hy, "sni_missing", CONF_CERTAIN, 90);
        hypothesis_because(h, "the ClientHello has no server_name extension");
    }
}

static void without_name(const struct facts *f, struct hypotheses *hy)
{
    bool telling = f->alert == 80 || f->alert == 49 || f->alert == 109;
    bool others = f->server.successes > 0;
    /* Stacks whose certificate comes from a callback fail with 80 when it has
     * none: Go's servers, and OpenSSL's cert_cb (nginx with variables). Old
     * hellos fail with it over their signatures. */
    bool callback =
        f->alert == 80 && version_rank(f->hs->offer.max_version) >= 0x0303;
    enum confidence c = f->alert == 49 || callback || (telling && others)
                            ? CONF_LIKELY
                            : CONF_POSSIBLE;
    int weight = telling ? 62 : others ? 56 : 45;
    struct hypothesis *h = hypothesis_add(hy, "sni_missing", c, weight);
    hypothesis_because(h, "the ClientHello has no server_name extension");
    if (others) {
        hypothesis_because(h,
                           "the server succeeded with %u other "
                           "connection%s",
                           f->server.successes,
                           f->server.successes == 1 ? "" : "s");
    }
}

/* Successes of this server, all of them under other names. */
static bool is_name_alone_refused(const struct facts *f)
{
    return f->server.successes > 0 && f->name.known && f->name.successes == 0;
}

/* This offer holds a version and a suite that the server chose elsewhere, so
 * that neither is what it lacks. */
static bool is_offer_fine(const struct facts *f)
{
    const struct server_profile *s = &f->server;
    bool suite = false;
    for (uint16_t i = 0; i < s->ciphers_n; i++) {
        suite = suite || list_has(&f->hs->offer.ciphers, s->ciphers[i]);
    }
    return suite && f->offer.odd_groups < 50 && f->offer.odd_schemes < 50 &&
           version_rank(f->hs->offer.max_version) >= s->min_version;
}

static void with_name(const struct facts *f, struct hypotheses *hy)
{
    bool others = is_name_alone_refused(f);
    bool left =
        others && (f->alert == 40 || f->alert == 80) && is_offer_fine(f);
    enum confidence c = f->alert == 49 || left ? CONF_LIKELY : CONF_POSSIBLE;
    int weight = f->alert == 49   ? 60
                 : left           ? 64
                 : f->alert == 80 ? 50
                 : others         ? 58
                                  : 25;
    if (f->name.successes > 0) {
        return; /* it has served this name */
    }
    struct hypothesis *h = hypothesis_add(hy, "unrecognized_name", c, weight);
    hypothesis_because(h, "the client asked for %s", say_server(f->hs).s);
    if (others) {
        hypothesis_because(h,
                           "the server succeeded on %u other connection%s, but "
                           "on none for this name",
                           f->server.successes,
                           f->server.successes == 1 ? "" : "s");
    }
    if (left) {
        hypothesis_because(h, "the offer holds a version and a suite that the "
                              "server chose on them: what it lacks is a "
                              "certificate or site for the name");
    }
    if (f->alert == 49 || f->alert == 80) {
        hypothesis_because(h, "some servers answer like that when they have no "
                              "certificate for the name");
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (f->hello_refused && f->alert == 112) {
        said_so(f, hy);
        return;
    }
    if (!f->hs->offer.seen) {
        return;
    }
    bool silent = f->phase == PHASE_HELLO && f->end->by == BY_SERVER &&
                  (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET);
    bool hint = f->hello_refused && (f->alert == 40 || f->alert == 49 ||
                                     f->alert == 80 || f->alert == 109);
    if (!f->hs->offer.has_sni) {
        if (!f->hs->offer.partial && (hint || silent)) {
            without_name(f, hy);
        }
    } else if ((hint && f->alert != 109) || silent) {
        with_name(f, hy);
    }
}

const struct rule server_name_rule = {
    .name = "server_name",
    .source = "RFC 6066 section 3; RFC 8446 section 9.2",
    .run = run,
};
