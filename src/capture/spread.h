/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the kernel spreads an interface's packets over several captures of it
 * (packet(7), PACKET_FANOUT_CBPF): a small program that gives a packet a
 * number. Private to src/capture.
 */
#ifndef CAPTURE_SPREAD_H
#define CAPTURE_SPREAD_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#define SPREAD_MAX 256u /* instructions */

/*
 * Writes the program, for the UDP ports that carry tunnels, and returns its
 * length; 0 when it does not fit. What it gives is
 *
 * - the same number for both directions of a TCP or UDP conversation,
 * - the same for an ICMP error about one of its packets,
 * - 0 for what it cannot tell: tunnels, fragments, IPv6 extension headers and
 *   whatever is neither IPv4 nor IPv6, so that it all meets in one place.
 *
 * It depends on the packet alone: the same on every interface.
 */
size_t spread_program(struct sock_filter out[SPREAD_MAX], const uint16_t *ports,
                      size_t ports_n);

#endif
