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
    if (f->hs->offer.has_sni) {
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
    enum confidence c =
        f->alert == 49 || (telling && others) ? CONF_LIKELY : CONF_POSSIBLE;
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

static void with_name(const struct facts *f, struct hypotheses *hy)
{
    bool others = f->server.successes > 0;
    enum confidence c = f->alert == 49 ? CONF_LIKELY : CONF_POSSIBLE;
    int weight = f->alert == 49 ? 60 : f->alert == 80 ? 50 : others ? 58 : 25;
    struct hypothesis *h = hypothesis_add(hy, "unrecognized_name", c, weight);
    hypothesis_because(h, "the client asked for %s", say_server(f->hs).s);
    if (f->alert == 49 || f->alert == 80) {
        hypothesis_because(h, "some servers answer like that when they have no "
                              "certificate for the name");
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (!f->hs->offer.seen) {
        return;
    }
    bool silent = f->phase == PHASE_HELLO && f->end->by == BY_SERVER &&
                  (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET);
    bool hint = f->hello_refused && (f->alert == 40 || f->alert == 49 ||
                                     f->alert == 80 || f->alert == 109);
    if (f->hello_refused && f->alert == 112) {
        said_so(f, hy);
    } else if (!f->hs->offer.has_sni && (hint || silent)) {
        without_name(f, hy);
    } else if ((hint && f->alert != 109) || silent) {
        with_name(f, hy);
    }
}

const struct rule server_name_rule = {
    .name = "server_name",
    .source = "RFC 6066 section 3; RFC 8446 section 9.2",
    .run = run,
};
