/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relief in the kernel: packets of conversations that nobody waits for any more
 * are dropped before they are copied. A program of eBPF on the capture's
 * socket, behind a table of such conversations that it shares with us.
 *
 * It drops only what the analysis would pass over, too: no SYN, FIN or RST, and
 * nothing that could be a hello. A SYN or a hello ends the relief of its
 * conversation within the program itself, so that no packet behind it is
 * missed, however late we hear of it. Private to src/capture.
 */
#ifndef CAPTURE_RELIEF_H
#define CAPTURE_RELIEF_H

#include <linux/filter.h>
#include <stdint.h>

#include "capture/capture.h"

/* Conversations of one capture: a power of two. One takes 64 bytes, of the
 * kernel's memory; where two meet, the later one stays. */
#define RELIEF_SLOTS_MIN (1u << 10)
#define RELIEF_SLOTS_MAX (1u << 17)

struct relief;

/*
 * Loads the program for about so many slots; the classic program (may be NULL)
 * decides on what it lets through. NULL, with one line in why[], when this
 * kernel or our rights do not allow it.
 */
struct relief *relief_new(unsigned slots, const struct sock_filter *classic,
                          size_t n, char why[CAPTURE_ERROR_BYTES]);
void relief_free(struct relief *r);

/* Puts the program in the place of a socket's filter; needs no descriptor of
 * its own afterwards. */
bool relief_attach(struct relief *r, int socket, char why[CAPTURE_ERROR_BYTES]);

/* A packet of that time of a conversation nobody waits for; after a few of
 * them the conversation is in the table. */
void relief_ignore(struct relief *r, const struct capture_talk *t, tick_t when);

/* Packets dropped so far. */
uint64_t relief_count(const struct relief *r);

/* The program, for tests; -1 once it is attached. */
int relief_program(const struct relief *r);

#endif
