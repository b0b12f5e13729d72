/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames inside a QUIC packet that was opened, one after the other.
 */
#ifndef DISSECTORS_QUIC_FRAMES_H
#define DISSECTORS_QUIC_FRAMES_H

#include "handshake/handshake.h"

enum {
    QUIC_FRAME_PADDING = 0x00,
    QUIC_FRAME_PING = 0x01,
    QUIC_FRAME_ACK = 0x02,
    QUIC_FRAME_ACK_ECN = 0x03,
    QUIC_FRAME_RESET_STREAM = 0x04,
    QUIC_FRAME_STOP_SENDING = 0x05,
    QUIC_FRAME_CRYPTO = 0x06,
    QUIC_FRAME_NEW_TOKEN = 0x07,
    QUIC_FRAME_STREAM = 0x08, /* to 0x0f */
    QUIC_FRAME_MAX_DATA = 0x10,
    QUIC_FRAME_MAX_STREAM_DATA = 0x11,
    QUIC_FRAME_MAX_STREAMS = 0x12, /* and 0x13 */
    QUIC_FRAME_DATA_BLOCKED = 0x14,
    QUIC_FRAME_STREAM_DATA_BLOCKED = 0x15,
    QUIC_FRAME_STREAMS_BLOCKED = 0x16, /* and 0x17 */
    QUIC_FRAME_NEW_CONNECTION_ID = 0x18,
    QUIC_FRAME_RETIRE_CONNECTION_ID = 0x19,
    QUIC_FRAME_PATH_CHALLENGE = 0x1a,
    QUIC_FRAME_PATH_RESPONSE = 0x1b,
    QUIC_FRAME_CLOSE = 0x1c,
    QUIC_FRAME_CLOSE_APPLICATION = 0x1d,
    QUIC_FRAME_HANDSHAKE_DONE = 0x1e,
    QUIC_FRAME_IMMEDIATE_ACK = 0x1f, /* draft-ietf-quic-ack-frequency */
    QUIC_FRAME_DATAGRAM = 0x30,      /* and 0x31 (RFC 9221) */
    QUIC_FRAME_ACK_FREQUENCY = 0xaf,
};

struct quic_frame {
    uint64_t type;   /* STREAM and DATAGRAM: their first value */
    uint64_t offset; /* of `data` in CRYPTO */
    struct span data;
    uint64_t code; /* of CLOSE; an application's has no meaning here: it is
                      APPLICATION_ERROR, as in RFC 9000 section 10.2.3 */
};

/* RFC 9000 section 16. */
uint64_t quic_varint(struct cursor *c, const char *why);

/* Reads a frame, a run of PADDING as one. False when it does not parse or is of
 * no known type: nothing behind it can be read. `cut`: the capture lacks the
 * end of the packet, so a frame may be shorter than it says. */
bool quic_frame_next(struct cursor *c, bool cut, struct quic_frame *f);

#endif
