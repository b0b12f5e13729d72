/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of addresses, from the DNS answers in the capture and from nowhere
 * else: nothing is ever asked. Bounded: over NAMES_MAX the oldest answer is
 * forgotten. Several threads may use it.
 */
#ifndef NAMES_H
#define NAMES_H

#include "decode/packet.h"
#include "dissectors/dns.h"

#define NAMES_MAX 16384u

struct names;

/* NULL when memory is out. */
struct names *names_new(void);
void names_free(struct names *n);

/* Learns from a packet, if it is an answer. */
void names_packet(struct names *n, const struct packet *k);

/* The name that was last answered for an address; false when none was. */
bool names_find(struct names *n, const uint8_t ip[16], uint8_t ip_version,
                char out[DNS_NAME_BYTES]);

#endif
