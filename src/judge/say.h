/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as words, for the sentences of rules. Each function returns a small
 * text by value, to be used within the expression: say_date(t).s
 *
 * Strings from the network go in as they are; reporters escape.
 */
#ifndef JUDGE_SAY_H
#define JUDGE_SAY_H

#include "judge/facts.h"

#define SAY_BYTES 240

struct say {
    char s[SAY_BYTES];
};

struct say say_span(struct span s);  /* cut with "..." when long */
struct say say_date(tick_t t);       /* 2026-11-13 */
struct say say_days(int64_t days);   /* "1 day", "12 days" */
struct say say_duration(tick_t ns);  /* "12 ms", "10.0 s" */
struct say say_alert(uint16_t code); /* handshake_failure (40) */
struct say say_version(uint16_t v);  /* TLS 1.2 */
struct say say_suite(uint16_t code); /* name, or 0x1234 */
struct say say_group(uint16_t code);
struct say say_scheme(uint16_t code);
struct say say_offered_versions(const struct client_offer *o);
struct say say_suites(const struct u16_list *l); /* "A, B and 12 more" */
struct say say_groups(const struct u16_list *l);
struct say say_schemes(const struct u16_list *l);
struct say say_alpn(const struct span_list *l);
/* Names of a certificate: its SANs, else its CN. */
struct say say_names(const struct cert *c);
/* A name for a certificate's subject or issuer: CN, O, or the whole DN. */
struct say say_name(const struct cert_name *n);
/* "not among ...": the roots that the chain was judged with, static. */
const char *say_untrusted(const struct facts *f);
struct say say_ip(const struct handshake *hs, enum side side);
/* The server as a person would name it: SNI, else its address. */
struct say say_server(const struct handshake *hs);

/* " in frame 12"; empty where frames have no numbers. */
struct say say_frame(const struct handshake *hs, uint64_t frame);

/* The first line of a text, as far as it can be printed. */
struct say say_line(struct span s);

/* Why ICMP or ICMPv6 says that a destination is unreachable. */
struct say say_unreachable(uint8_t ip_version, uint8_t code);

/* What lay between the two, as far as it said so: a tunnel's target, the client
 * of a PROXY header, the parties of an 802.1X log-in. Empty when nothing did.
 */
struct say say_path(const struct handshake *hs);
/* Plaintext in the place of TLS behind STARTTLS; empty when there was none. */
struct say say_injected(const struct handshake *hs);

/* How it ended, with the frame: "the server sent the alert ... in frame 9". */
struct say say_ending(const struct facts *f);

#endif
