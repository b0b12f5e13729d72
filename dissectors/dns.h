/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS answers (RFC 1035) as far as they give names to addresses.
 */
#ifndef DISSECTORS_DNS_H
#define DISSECTORS_DNS_H

#include "base/span.h"

#define DNS_PORT      53u
#define DNS_MDNS_PORT 5353u /* RFC 6762 */

/* A name as text, with its end (RFC 1035 section 2.3.4). */
#define DNS_NAME_BYTES 256u

/* An address and the name that was asked for, raw bytes without dots inside
 * labels; `ip` is in network order, IPv4 in the first four bytes. */
typedef void dns_address_fn(void *ctx, const char *name, const uint8_t ip[16],
                            uint8_t ip_version);

/*
 * Calls fn for the A and AAAA records of a response without error, with the
 * name of the question: aliases (CNAME) in between are what nobody asked for.
 * A response without question (multicast) names the record itself. What does
 * not fit the RFC is passed over, at the latest after DNS_RECORDS_MAX records.
 */
void dns_addresses(struct span message, dns_address_fn *fn, void *ctx);
#define DNS_RECORDS_MAX 64u

#endif
