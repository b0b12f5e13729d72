/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP server, or somebody in its place, answered a ClientHello with.
 * No server can read a request in one: who answers it with a redirect, or asks
 * for a log-in to the network, says so to everybody.
 */
#ifndef JUDGE_HTTP_PAGE_H
#define JUDGE_HTTP_PAGE_H

#include "handshake/handshake.h"

/* Where a redirect leads (RFC 9110 section 15.4), as it says; empty: it is
 * none. */
struct span http_page_target(const struct handshake *hs);

/* Whether it leads to another site than the client asked for, or is a status
 * that only networks give (511, RFC 6585 section 6): captive portals and
 * filters do that. Web servers send clients to the same site, by https. */
bool http_page_is_portal(const struct handshake *hs);

#endif
