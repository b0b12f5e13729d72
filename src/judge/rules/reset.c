/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection was reset: by the server's own stack, or by somebody in
 * between, told by TTL, IP-ID, sequence number and what follows (RFC 9293
 * section 3.10.7; Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets,
 * NDSS 2009).
 */
#include "judge/facts.h"
#include "judge/foreign.h"
#include "judge/say.h"

/* The reset or FIN that ended it, or the segment that brought it about. */
static const struct hs_event *end_of(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    enum hs_kind kind = f->end->how == HOW_RESET ? HS_RST : HS_FIN;
    for (uint16_t i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if ((e->kind == kind || e->kind == HS_FOREIGN) &&
            e->frame == f->end->frame_decisive) {
            return e;
        }
    }
    return NULL;
}

static void tampered(const struct facts *f, struct hypotheses *hy,
                     unsigned bits, enum confidence c, int weight)
{
    const char *what = bits & HS_ODD_TAKEN        ? "segment"
                       : f->end->how == HOW_RESET ? "reset"
                                                  : "FIN";
    struct hypothesis *h = hypothesis_add(hy, "connection_tampered", c, weight);
    for (const struct foreign_oddity *o = foreign_oddities; o->bit; o++) {
        if (bits & o->bit) {
            hypothesis_because(h, "the %s is not its sender's: %s", what,
                               o->text);
        }
    }
    if (f->end->how == HOW_PLAINTEXT) {
        hypothesis_because(h, "its first line is \"%s\"",
                           say_line(f->hs->raw[HS_RAW_SERVER_FIRST]).s);
    }
}

static void by_server(const struct facts *f, struct hypotheses *hy,
                      unsigned odd)
{
    if (!f->server_silent) {
        return; /* it had begun to answer */
    }
    struct hypothesis *h =
        hypothesis_add(hy, "client_hello_reset", CONF_LIKELY, 66);
    if (f->waited_ns >= TICK_SEC) {
        hypothesis_reason(h,
                          "the server took the ClientHello, said nothing for "
                          "%s and reset the connection",
                          say_duration(f->waited_ns).s);
        hypothesis_because(h, "a process that is stopped or killed leaves its "
                              "connections like that, and so does one that "
                              "gives up waiting for another");
    }
    if (odd == 0) {
        hypothesis_because(h, "the reset fits the server's other packets");
    }
    if (f->server.successes > 0) {
        hypothesis_because(h,
                           "the same server succeeded on %u other "
                           "connection%s",
                           f->server.successes,
                           f->server.successes == 1 ? "" : "s");
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    if (f->end->how != HOW_RESET && f->end->how != HOW_CLOSE &&
        f->end->by != BY_MIDDLEBOX) {
        return;
    }
    const struct hs_event *e = end_of(f);
    unsigned bits = e ? e->aux : 0;
    unsigned odd = foreign_count(bits);
    bool after = (bits & HS_RST_DATA_AFTER) != 0;
    if (f->end->by == BY_MIDDLEBOX || odd >= 2 || after) {
        /* Captures of several queues or places mix up the order of packets. */
        bool sure = after && odd >= 2;
        tampered(f, hy, bits, sure ? CONF_CERTAIN : CONF_LIKELY, 86);
        return;
    }
    if (f->end->how != HOW_RESET || f->end->by != BY_SERVER) {
        return;
    }
    bool hello = f->phase == PHASE_HELLO;
    if (hello) {
        by_server(f, hy, odd);
    }
    if (odd == 1 && !(bits & HS_RST_ACK_AFTER)) {
        tampered(f, hy, bits, CONF_POSSIBLE, hello ? 58 : 35);
    }
}

const struct rule reset_rule = {
    .name = "reset",
    .source = "RFC 9293 section 3.10.7; NDSS 2009 (Weaver et al.)",
    .run = run,
};
