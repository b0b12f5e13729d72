/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of a verdict: what to change, what people see, how to reproduce.
 * Rows of data/ *.tsv, chosen by their condition and filled with this
 * connection's values.
 *
 * Condition words (`when`), comma-separated, all must hold; `!` negates:
 *
 *   alert no_alert       a readable or encrypted alert ended it, or none
 *   alert_N              its code is N
 *   encrypted            the alert could not be read
 *   by_client by_server by_nobody    who ended it
 *   reset close timeout  how
 *   from_client from_server          synonyms of by_client, by_server
 *   tls13 tls12          what was negotiated (tls12: that or older)
 *   offer13 old          TLS 1.3 was offered; nothing above TLS 1.1 was
 *   sni no_sni           a server name was sent, or none
 *   hello                it ended before a ServerHello
 *   tcp dtls quic        the transport
 *   starttls proxy socks how TLS was reached
 *   carrier_X            it is starttls-X, or X
 *   http_N               a proxy refused with HTTP status N
 *   target               a proxy was asked for a host and port
 *   client_auth          the server asked for a client certificate
 *   pq                   a post-quantum key share was offered
 *   reply_4 reply_5      the carrier's refusal begins with that digit
 *   ca_expired           of the server's chain, only a CA's certificate has
 *                        expired
 *   peer_X               the side that speaks no TLS speaks X (http, ssh ...)
 *
 * Rows without `quic` are left out on QUIC.
 *
 * Placeholders: {host} {ip} {port} {sni} {version} {suite} {suites} {group}
 * {groups} {schemes} {alpn} {issuer} {subject} {names} {days} {alert} {target}
 * (host:port a proxy was asked for), and for commands {connect} (ip:port),
 * {servername} (-servername X or -noservername), {starttls} ("-starttls X " or
 * nothing), {url}, {resolve}. In commands each value from the network becomes
 * one shell word. A row whose value is unknown is left out.
 */
#ifndef JUDGE_ADVICE_H
#define JUDGE_ADVICE_H

#include "judge/facts.h"

/* Rows of a cause in one list; more would be left out. */
#define ADVICE_ROWS_MAX 256u

/* Remembers which rows were usable in the last cases (bounded). */
struct advice;

/* NULL when memory is out: that is valid, and remembers nothing. */
struct advice *advice_new(void);
void advice_free(struct advice *a);

/* Fills fix, seen_as and reproduce for v->cause. */
void advice_fill(struct advice *a, const struct facts *f, struct verdict *v);

/* Whether a condition holds; unknown words do not. */
bool advice_when(const struct facts *f, const char *when);

/* `row` with its placeholders replaced, in *out (malloc'd, bounded). False
 * when a value is unknown or memory is out. `shell`: quote for a command. */
bool advice_expand(const struct facts *f, const char *row, bool shell,
                   char **out);

/* The status of a proxy's HTTP answer; ALERT_NONE when it gave none. */
unsigned http_status(const struct handshake *hs);

#endif
