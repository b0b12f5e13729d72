/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of advice with their placeholders replaced.
 *
 * {root} {suites13} {tls_max} {server_versions} {offered_versions}
 * {host} {ip} {port} {sni} {version} {suite} {suites} {group} {groups}
 * {schemes} {alpn} {issuer} {subject} {names} {days} {alert} {target}
 * (host:port a proxy was asked for), and for commands {connect} (ip:port),
 * {servername} (-servername X or -noservername), {starttls} ("-starttls X " or
 * nothing), {url}, {resolve}, {peer}. In commands each value from the network
 * becomes one shell word: only text_shell() puts it there.
 */
#ifndef JUDGE_ADVICE_EXPAND_H
#define JUDGE_ADVICE_EXPAND_H

#include "base/text.h"
#include "judge/facts.h"
#include "judge/say.h"

#define ADVICE_BYTES      2048u            /* of one row, filled */
#define ADVICE_WORD_BYTES (3u * SAY_BYTES) /* of one value in it */

/*
 * Appends the row to *out, whose limit bounds it. `shell`: quote for a command.
 * *word is empty, holds ADVICE_WORD_BYTES, and is used for what has to be
 * quoted. False when a value is unknown ("" is never known), or it is too long.
 */
bool advice_put(const struct facts *f, const char *row, bool shell,
                struct text *out, struct text *word);

/* What `openssl s_client -starttls` calls the way to TLS, or NULL. */
const char *advice_starttls(const struct handshake *hs);

/* Whether all values in a row hang on nothing but the server's address and
 * name, the carrier, and what a proxy was asked for. */
bool advice_is_of_server(const char *row);

#endif
