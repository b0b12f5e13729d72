/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of a ClientHello: all that is the same in every hello of a client
 * program. There are few of them, so that what is derived from one is worth
 * keeping.
 */
#ifndef HANDSHAKE_OFFER_SHAPE_H
#define HANDSHAKE_OFFER_SHAPE_H

#include "base/hash.h"
#include "handshake/handshake.h"

/*
 * A hash of everything that a parsed offer lists, and of its versions; not of
 * its random, session id, server name (but whether there is one), tickets and
 * GREASE values (RFC 8701), which are drawn anew for every hello.
 */
uint64_t offer_shape(const struct client_offer *o,
                     const struct hash_seed *seed);

#endif
