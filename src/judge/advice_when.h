/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions of rows of advice (`when` in data/ *.tsv): comma-separated words,
 * all of which must hold; `!` negates.
 *
 *   alert no_alert       a readable or encrypted alert ended it, or none
 *   alert_N              its code is N
 *   encrypted            the alert could not be read
 *   by_client by_server by_nobody    who ended it
 *   reset close timeout  how
 *   tls13 tls12          what was negotiated (tls12: that or older)
 *   offer13 old          TLS 1.3 was offered; nothing above TLS 1.1 was
 *   sni no_sni           a server name was sent, or none
 *   hello                it ended before a ServerHello
 *   tcp dtls quic        the transport
 *   starttls proxy socks how TLS was reached
 *   nested               through proxies, one behind the other
 *   carrier_X            it is starttls-X, or X; carrier_X|Y: one of them
 *   http_N               a proxy refused with HTTP status N
 *   target               a proxy was asked for a host and port
 *   undelivered          the client's answer to the server's flight got lost
 *   client_auth          the server asked for a client certificate
 *   pq                   a post-quantum key share was offered
 *   reply_4 reply_5      the carrier's refusal begins with that digit
 *   nla                  an RDP server wants CredSSP, which was not offered
 *   ca_expired           of the server's chain, only a CA's certificate has
 *                        expired
 *   portal               the answer to the ClientHello is an HTTP redirect to
 *                        another site, as captive portals and filters send
 *   eap eap_radius       it is part of an 802.1X log-in; seen in RADIUS
 *   peer_X               the side that speaks no TLS speaks X (http, ssh ...)
 */
#ifndef JUDGE_ADVICE_WHEN_H
#define JUDGE_ADVICE_WHEN_H

#include "judge/facts.h"

/* Words without a parameter; a table that outgrows it does not compile. */
#define CONDITIONS_MAX 64u

/* Which of the words hold, in the order of the table. No padding: it may be
 * compared as bytes. */
struct conditions {
    uint8_t holds[CONDITIONS_MAX]; /* 0 or 1 */
};

void conditions_of(const struct facts *f, struct conditions *out);

/* Whether all of `when` holds; "" does, unknown words do not. */
bool conditions_hold(const struct facts *f, const struct conditions *c,
                     const char *when);

bool carrier_starts(const struct handshake *hs, const char *prefix);

/* The status of a proxy's HTTP answer; ALERT_NONE when it gave none. */
unsigned http_status(const struct handshake *hs);

#endif
