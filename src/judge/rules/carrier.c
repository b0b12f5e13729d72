/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol that was to lead to TLS said no: STARTTLS (RFC 3207 and
 * others), HTTP CONNECT (RFC 9110 section 9.3.6), SOCKS (RFC 1928 section 6);
 * or it hung up in place of an answer.
 */
#include "judge/advice_when.h"
#include "judge/facts.h"
#include "judge/say.h"

static bool is_proxy(const char *carrier)
{
    struct span s = span_text(carrier);
    return span_starts(s, "http-connect") || span_starts(s, "socks") ||
           span_starts(s, "proxy");
}

/* 802.1X: the two found no method that both have (RFC 3748 section 5.3). */
static void explain_method(const struct facts *f, struct hypothesis *h)
{
    const struct handshake *hs = f->hs;
    bool alternative = f->end->by == BY_SERVER;
    hypothesis_reason(h,
                      "supplicant and server have no EAP method in common "
                      "(%s)",
                      say_span(hs->carrier_note).s);
    hypothesis_because(h, "the supplicant answered with a %s",
                       say_span(hs->carrier_note).s);
    hypothesis_because(h, alternative
                              ? "the server ended the log-in instead of "
                                "starting what the supplicant wants"
                              : "the supplicant names no method that it would "
                                "rather have");
    hypothesis_side(h, alternative ? FIX_SERVER : FIX_CLIENT);
}

static void explain(const struct facts *f, struct hypothesis *h, bool refused)
{
    const struct handshake *hs = f->hs;
    if (hs_is_eap(hs)) {
        explain_method(f, h);
        return;
    }
    bool proxy = is_proxy(hs->carrier);
    const char *who = proxy ? "proxy" : "server";
    struct say asked = say_span(hs->carrier_asked);
    bool own = proxy && hs->carrier_asked.n > 0;
    const char *words = hs->carrier_request ? hs->carrier_request : hs->carrier;
    const char *what = own ? asked.s : words;
    struct say said = say_span(hs->carrier_note);
    if (refused && hs->carrier_note.n) {
        hypothesis_reason(h, "the %s turned down %s: %s", who, what, said.s);
        hypothesis_because(h, "the %s answered \"%s\"", who, said.s);
        if (hs->carrier_unlisted) {
            hypothesis_because(h,
                               "%s was not in the server's list of what it "
                               "can do",
                               words);
        }
        if (hs->carrier_agent.n) {
            hypothesis_because(h, "it says of itself \"%s\"",
                               say_span(hs->carrier_agent).s);
        }
    } else if (refused) {
        hypothesis_reason(h, "the %s turned down %s", who, what);
    } else if (f->end->by == BY_CLIENT) {
        hypothesis_reason(h, "the %s did not answer %s", who, what);
        hypothesis_because(h, "the client gave up waiting for the answer");
    } else {
        hypothesis_reason(h, "the %s hung up instead of answering %s", who,
                          what);
        hypothesis_because(h, "the %s ended the connection without an answer",
                           who);
    }
    hypothesis_because(h, "the client asked for %s", what);
    unsigned status = refused ? http_status(hs) : ALERT_NONE;
    if (refused && span_starts(hs->carrier_note, "HYBRID_REQUIRED")) {
        hypothesis_side(h, FIX_CLIENT);
        hypothesis_because(h, "the server takes TLS only with network level "
                              "authentication (CredSSP) inside, and the client "
                              "did not offer that");
    }
    if (status == 407) {
        hypothesis_side(h, FIX_CLIENT);
    } else if (status >= 502 && status <= 504) {
        hypothesis_side(h, FIX_NETWORK);
        hypothesis_because(h, "the proxy itself could not reach the target");
    }
}

/* Nobody asked: why the client left is a guess. */
static void explain_missing(const struct facts *f, struct hypothesis *h)
{
    const char *what =
        f->hs->carrier_request ? f->hs->carrier_request : f->hs->carrier;
    hypothesis_reason(h,
                      "the server does not offer %s, and the client left "
                      "without it",
                      what);
    hypothesis_because(h, "%s is not in the server's list of what it can do",
                       what);
    hypothesis_because(h, "the client did nothing else and left, as one that "
                          "insists on TLS does; so does a health check");
}

/* The server's own words, and the client never asked. */
static void explain_demand(const struct facts *f, struct hypothesis *h)
{
    const char *what =
        f->hs->carrier_request ? f->hs->carrier_request : f->hs->carrier;
    struct say said = say_span(f->hs->carrier_note);
    hypothesis_reason(h,
                      "the server wants TLS first, and the client did not ask "
                      "for it: %s",
                      said.s);
    hypothesis_because(h, "the server answered \"%s\"", said.s);
    hypothesis_because(h, "the client never asked for %s", what);
}

/* PostgreSQL turns away whom no line of pg_hba.conf fits, and always adds that
 * it was without encryption (auth.c): with TLS there may be no line either. */
static void no_entry(const struct facts *f, struct hypotheses *hy)
{
    bool speaks = f->server.successes > 0;
    struct hypothesis *h =
        hypothesis_add(hy, "client_not_tls",
                       speaks ? CONF_LIKELY : CONF_POSSIBLE, speaks ? 80 : 55);
    struct say said = say_span(f->hs->carrier_note);
    hypothesis_reason(h,
                      "the server does not let this client in without TLS, "
                      "which it did not ask for: %s",
                      said.s);
    hypothesis_because(h, "the server answered \"%s\"", said.s);
    hypothesis_because(h, speaks ? "on other connections it speaks TLS"
                                 : "it says the same to whom no line of "
                                   "pg_hba.conf fits, with TLS or without");
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    if (!hs->carrier) {
        return;
    }
    const char *cause =
        is_proxy(hs->carrier) ? "proxy_refused" : "starttls_refused";
    if (hs->carrier_demanded && span_starts(hs->carrier_note, "no pg_hba")) {
        no_entry(f, hy);
    } else if (hs->carrier_demanded) {
        explain_demand(f,
                       hypothesis_add(hy, "client_not_tls", CONF_CERTAIN, 92));
    } else if (hs->carrier_not_offered) {
        explain_missing(f, hypothesis_add(hy, cause, CONF_POSSIBLE, 60));
    } else if (hs_find(hs, HS_CARRIER_REFUSED, SIDE_NONE)) {
        explain(f, hypothesis_add(hy, cause, CONF_CERTAIN, 92), true);
    } else if (f->end->stage == STAGE_TUNNEL &&
               hs_find(hs, HS_CARRIER, SIDE_NONE) &&
               !hs_find(hs, HS_CARRIER_OK, SIDE_NONE)) {
        explain(f, hypothesis_add(hy, cause, CONF_LIKELY, 75), false);
    }
}

const struct rule carrier_rule = {
    .name = "carrier",
    .source = "RFC 3207; RFC 9110 section 9.3.6; RFC 1928 section 6",
    .run = run,
};
