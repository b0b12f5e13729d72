/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of QUIC (RFC 9000 section 19, RFC 9221 section 4,
 * draft-ietf-quic-ack-frequency): steps over each of them, and hands out what
 * the handshake needs. Which type is allowed in which packet is the caller's
 * affair. Of streams only the presence is told.
 */
#include "dissectors/quic_frames.h"

#define STATELESS_RESET_TOKEN 16u
#define PATH_DATA             8u

uint64_t quic_varint(struct cursor *c, const char *why)
{
    uint64_t v = cursor_u8(c, why);
    unsigned more = (1u << (v >> 6)) - 1;
    v &= 0x3f;
    for (unsigned i = 0; i < more; i++) {
        v = v << 8 | cursor_u8(c, why);
    }
    return v;
}

static void skip_varints(struct cursor *c, unsigned n)
{
    while (n--) {
        quic_varint(c, "field");
    }
}

/* n bytes, or what is there of them when the packet was cut. */
static struct span take(struct cursor *c, uint64_t n, bool cut, const char *why)
{
    if (n > cursor_left(c)) {
        if (!cut) {
            cursor_fail(c, why);
            return (struct span){c->p, 0};
        }
        n = cursor_left(c);
    }
    return cursor_take(c, (size_t)n, why);
}

static void ack(struct cursor *c, bool ecn)
{
    skip_varints(c, 2); /* largest, delay */
    uint64_t ranges = quic_varint(c, "ranges");
    skip_varints(c, 1);
    for (uint64_t i = 0; i < ranges && cursor_ok(c); i++) {
        skip_varints(c, 2);
    }
    skip_varints(c, ecn ? 3 : 0);
}

static void crypto(struct cursor *c, bool cut, struct quic_frame *f)
{
    f->offset = quic_varint(c, "offset");
    uint64_t n = quic_varint(c, "length");
    f->data = take(c, n, cut, "crypto data");
}

static void stream(struct cursor *c, bool cut, struct quic_frame *f)
{
    uint64_t bits = f->type;
    f->type = QUIC_FRAME_STREAM;
    skip_varints(c, bits & 4 ? 2 : 1); /* stream, offset */
    uint64_t n = bits & 2 ? quic_varint(c, "length") : cursor_left(c);
    take(c, n, cut, "stream data");
}

static void datagram(struct cursor *c, bool cut, struct quic_frame *f)
{
    uint64_t n = f->type & 1 ? quic_varint(c, "length") : cursor_left(c);
    f->type = QUIC_FRAME_DATAGRAM;
    take(c, n, cut, "datagram");
}

static void close_connection(struct cursor *c, bool cut, struct quic_frame *f)
{
    f->code = quic_varint(c, "error code");
    if (f->type == QUIC_FRAME_CLOSE_APPLICATION) {
        f->code = QUIC_APPLICATION_ERROR;
    } else {
        skip_varints(c, 1); /* frame type */
    }
    uint64_t n = quic_varint(c, "reason length");
    take(c, n, cut, "reason");
}

static void new_connection_id(struct cursor *c)
{
    skip_varints(c, 2); /* sequence number, retire prior to */
    (void)cursor_vec8(c, "connection id");
    cursor_skip(c, STATELESS_RESET_TOKEN, "reset token");
}

/* Types that are nothing but a few integers; -1 for others. */
static int integers_of(uint64_t type)
{
    switch (type) {
    case QUIC_FRAME_PING:
    case QUIC_FRAME_HANDSHAKE_DONE:
    case QUIC_FRAME_IMMEDIATE_ACK:
        return 0;
    case QUIC_FRAME_MAX_DATA:
    case QUIC_FRAME_MAX_STREAMS:
    case QUIC_FRAME_MAX_STREAMS + 1:
    case QUIC_FRAME_DATA_BLOCKED:
    case QUIC_FRAME_STREAMS_BLOCKED:
    case QUIC_FRAME_STREAMS_BLOCKED + 1:
    case QUIC_FRAME_RETIRE_CONNECTION_ID:
        return 1;
    case QUIC_FRAME_STOP_SENDING:
    case QUIC_FRAME_MAX_STREAM_DATA:
    case QUIC_FRAME_STREAM_DATA_BLOCKED:
        return 2;
    case QUIC_FRAME_RESET_STREAM:
        return 3;
    case QUIC_FRAME_ACK_FREQUENCY:
        return 4;
    default:
        return -1;
    }
}

static void read_body(struct cursor *c, bool cut, struct quic_frame *f)
{
    int integers = integers_of(f->type);
    if (integers >= 0) {
        skip_varints(c, (unsigned)integers);
    } else if ((f->type & ~7u) == QUIC_FRAME_STREAM) {
        stream(c, cut, f);
    } else if ((f->type & ~1u) == QUIC_FRAME_DATAGRAM) {
        datagram(c, cut, f);
    } else if (f->type == QUIC_FRAME_ACK || f->type == QUIC_FRAME_ACK_ECN) {
        ack(c, f->type == QUIC_FRAME_ACK_ECN);
    } else if (f->type == QUIC_FRAME_CRYPTO) {
        crypto(c, cut, f);
    } else if (f->type == QUIC_FRAME_CLOSE ||
               f->type == QUIC_FRAME_CLOSE_APPLICATION) {
        close_connection(c, cut, f);
    } else if (f->type == QUIC_FRAME_NEW_TOKEN) {
        take(c, quic_varint(c, "length"), cut, "token");
    } else if (f->type == QUIC_FRAME_NEW_CONNECTION_ID) {
        new_connection_id(c);
    } else if (f->type == QUIC_FRAME_PATH_CHALLENGE ||
               f->type == QUIC_FRAME_PATH_RESPONSE) {
        cursor_skip(c, PATH_DATA, "path data");
    } else {
        cursor_fail(c, "frame type");
    }
}

bool quic_frame_next(struct cursor *c, bool cut, struct quic_frame *f)
{
    *f = (struct quic_frame){.data = {c->p, 0}};
    if (cursor_left(c) && cursor_peek(c) == QUIC_FRAME_PADDING) {
        while (cursor_left(c) && cursor_peek(c) == QUIC_FRAME_PADDING) {
            cursor_skip(c, 1, "padding");
        }
        return true;
    }
    f->type = quic_varint(c, "frame type");
    if (cursor_ok(c)) {
        read_body(c, cut, f);
    }
    return cursor_ok(c);
}
