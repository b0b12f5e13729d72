/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side closed in the middle without an alert (RFC 8446 section 6.1 asks
 * for one). What the place of the close suggests is added by other rules.
 */
#include "judge/facts.h"
#include "judge/say.h"

#define PATIENCE (3 * TICK_SEC)

/* The cause's own sentence says "closed ... without an alert". */
static void say_how(const struct facts *f, struct hypothesis *h,
                    const char *who)
{
    if (f->end->how == HOW_RESET) {
        hypothesis_reason(h,
                          "the %s reset the connection in the middle of the "
                          "handshake, without an alert",
                          who);
    } else if (f->end->how == HOW_ALERT) {
        hypothesis_reason(h,
                          "the %s took its leave (close_notify) in the middle "
                          "of the handshake, and did not say why",
                          who);
    }
}

static void by_server(const struct facts *f, struct hypotheses *hy)
{
    if (f->phase == PHASE_HELLO && f->end->how == HOW_RESET &&
        f->server_silent) {
        return; /* has a name of its own */
    }
    /* EAP-Failure stands for alerts that are not sent: what the offer suggests
     * is closer. */
    struct hypothesis *h = hypothesis_add(hy, "server_closed", CONF_LIKELY,
                                          hs_is_eap(f->hs) ? 50 : 56);
    hypothesis_because(h, "the last step was %s", stage_words(f->end->stage));
    say_how(f, h, "server");
    tick_t waited = f->waited_ns;
    if (f->phase == PHASE_HELLO && !hs_is_eap(f->hs) && waited >= TICK_SEC &&
        waited < 10 * TICK_SEC) {
        hypothesis_because(h,
                           "it took %s to close, as proxies do that try in "
                           "vain to reach the server behind them",
                           say_duration(waited).s);
    }
    if (waited >= 10 * TICK_SEC && waited <= 30 * TICK_SEC) {
        hypothesis_because(h,
                           "the server took %s to close; s2n-tls delays the "
                           "end of a failed handshake by 10 to 30 seconds",
                           say_duration(waited).s);
    }
}

static void by_client(const struct facts *f, struct hypotheses *hy)
{
    bool unanswered =
        f->phase == PHASE_HELLO && (f->end->benign || f->server_silent);
    if (f->phase == PHASE_BEFORE) {
        struct hypothesis *h =
            hypothesis_add(hy, "client_cancelled", CONF_LIKELY, 60);
        hypothesis_because(h, "the client left before it sent a ClientHello");
        return;
    }
    if (unanswered) {
        if (f->waited_ns < PATIENCE || f->end->benign) {
            struct hypothesis *h =
                hypothesis_add(hy, "client_cancelled", CONF_LIKELY, 70);
            hypothesis_because(h,
                               "the client left %s after its ClientHello, "
                               "before the server had answered",
                               say_duration(f->waited_ns).s);
            if (f->end->benign && f->end->benign_why) {
                hypothesis_because(h, "%s", f->end->benign_why);
            }
        }
        return;
    }
    struct hypothesis *h = hypothesis_add(hy, "client_closed", CONF_LIKELY, 56);
    say_how(f, h, "client");
    hypothesis_because(h, "the last step was %s", stage_words(f->end->stage));
    if (f->phase == PHASE_CERTIFICATE && f->client_auth_asked) {
        h = hypothesis_add(hy, "client_certificate_missing", CONF_POSSIBLE, 48);
        hypothesis_because(h, "the server asked for a certificate; browsers "
                              "close then, and come back with one");
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct conclusion *end = f->end;
    bool notified = end->how == HOW_ALERT && f->alert == 0;
    if (end->how != HOW_CLOSE && end->how != HOW_RESET && !notified) {
        return;
    }
    if (end->by == BY_SERVER) {
        by_server(f, hy);
    } else if (end->by == BY_CLIENT) {
        by_client(f, hy);
    }
}

const struct rule closed_rule = {
    .name = "closed",
    .source = "RFC 8446 section 6.1",
    .run = run,
};
