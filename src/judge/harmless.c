/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks and scanners. Some write their name into the random of their
 * ClientHello; others send one that was recorded, again and again, or a burst
 * of hellos that no client sends (profile.c). A lone failure of an ordinary
 * client is never taken for one.
 *
 * A proxy that closes with its 407 has the client come back with credentials on
 * another connection (RFC 9110 section 11.7.1): when that is let through to the
 * same target, the first was no failure. The same holds for a client that tries
 * without TLS first, where the server demands it.
 */
#include "judge/harmless.h"

#include "judge/advice_when.h"

/* The fixed random of a probe: all of it, or what follows its four bytes of
 * time (RFC 5246 section 7.4.1.2). */
struct probe {
    const char *random;
    size_t skip, n;
    const char *why;
};

static const struct probe probes[] = {
    /* haproxy src/tcpcheck.c: sslv3_client_hello_pkt */
    {"HAPROXYSSLCHK\nHAPROXYSSLCHK\n", 4, 28,
     "a health check of HAProxy (option ssl-hello-chk), which closes after the "
     "first answer"},
    /* nmap-service-probes: TLSSessionReq and SSLSessionReq */
    {"random1random2random3random4", 4, 28,
     "a probe of nmap's service detection, which closes after the first "
     "answer"},
    {"\x3f\x47\xd7\xf7\xba\x2c\xee\xea\xb2\x60\x7e\xf3\x00\xfd\x82\x7b"
     "\xb9\xd5\x96\xc8\x77\x9b\xe6\xc4\xdb\x3c\x3d\xdb\x6f\xef\x10\x6e",
     0, 32,
     "a probe of nmap's service detection, which closes after the first "
     "answer"},
};

static bool is_probe(const struct probe *p, struct span random)
{
    return span_eq(span_sub(random, p->skip, random.n),
                   span_of(p->random, p->n));
}

static bool is_challenge(const struct handshake *hs)
{
    bool asked = hs->end_state.stage == STAGE_TUNNEL && http_status(hs) == 407;
    return hs->end_state.outcome == OUTCOME_FAILURE &&
           (asked || hs->carrier_demanded) &&
           hs_find(hs, HS_CARRIER_REFUSED, SIDE_NONE);
}

bool harmless_awaits(const struct profiles *p, const struct handshake *hs)
{
    return is_challenge(hs) &&
           !profiles_let_in(p, hs, hs->end_state.when_decisive);
}

const char *harmless_why(const struct profiles *p, const struct handshake *hs)
{
    if (is_challenge(hs)) {
        return !profiles_let_in(p, hs, hs->end_state.when_decisive) ? NULL
               : hs->carrier_demanded
                   ? "the client came back on another connection, asked for "
                     "TLS and got it (sslmode=allow of PostgreSQL, and others "
                     "that try without first)"
                   : "the proxy asked for a password and closed; the client "
                     "came back on another connection and was let through to "
                     "the same target";
    }
    struct hello_sight hello;
    hello_look(hs, &hello);
    for (size_t i = 0; hello.seen && i < sizeof probes / sizeof probes[0];
         i++) {
        if (is_probe(&probes[i], hello.random)) {
            return probes[i].why;
        }
    }
    switch (profiles_habit(p, hs, &hello)) {
    case HABIT_CANNED:
        return "the client sends the same ClientHello, random included, each "
               "time: a health check or another program that only wants an "
               "answer";
    case HABIT_SCAN:
        return "one of a burst of hellos from this client, each with other "
               "versions and suites: a scanner that tries what the server "
               "accepts";
    default:
        return NULL;
    }
}
