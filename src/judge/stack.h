/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS stack behind a hello, told from its shape, where that is reliable.
 */
#ifndef JUDGE_STACK_H
#define JUDGE_STACK_H

#include "judge/facts.h"

enum stack stack_of_client(const struct client_offer *o);

/* By its ServerHello, or by how it pads; most servers of TLS 1.3 cannot be
 * told. */
enum stack stack_of_server(const struct handshake *hs);

#endif
