/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RADIUS (RFC 2865) as far as it carries EAP (RFC 3579): what belongs to which
 * conversation, and the EAP packet.
 */
#ifndef DISSECTORS_RADIUS_H
#define DISSECTORS_RADIUS_H

#include "base/span.h"

#define RADIUS_BYTES_MAX 4096u /* RFC 2865 section 3 */

enum {
    RADIUS_REQUEST = 1,
    RADIUS_ACCEPT = 2,
    RADIUS_REJECT = 3,
    RADIUS_CHALLENGE = 11,
};

/* Spans point into the datagram, `eap` into the caller's buffer. */
struct radius {
    uint8_t code, id;
    bool cut;                  /* the capture cut the datagram */
    struct span authenticator; /* 16 bytes */
    struct span state, user, station, nas, reply;
    struct span eap; /* all EAP-Message attributes, joined */
};

/* Whether a datagram, `wire` bytes long before the capture cut it, is RADIUS
 * with EAP in it, or a reject: told by its lengths, on any port. */
bool radius_probe(struct span datagram, uint32_t wire);

/* Reads one for which radius_probe() holds. */
void radius_read(struct span datagram, uint32_t wire,
                 uint8_t eap[RADIUS_BYTES_MAX], struct radius *out);

#endif
