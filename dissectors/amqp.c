/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS layer of AMQP 1.0 (section 5.2.1): the protocol header "AMQP" with
 * id 2, which the server returns when it agrees. AMQP 0-9-1 has TLS on a port
 * of its own only.
 */
#include "dissectors/carrier_read.h"

enum { ID_TLS = 2, HEADER_BYTES = 8 };

static enum carrier_fit probe(const struct carrier_opening *o)
{
    if (o->server.n && o->client.n == 0) {
        return FIT_NO;
    }
    return carrier_prefix(o->client, "AMQP");
}

static enum carrier_step answer(struct carrier *s, bool amqp, uint8_t id,
                                uint32_t version)
{
    if (!s->asked) {
        return CARRIER_GO_ON;
    }
    s->asked = false;
    if (amqp && id == ID_TLS) {
        return CARRIER_GRANTED;
    }
    if (amqp) {
        carrier_note_text(s, "AMQP %u %u.%u.%u", id, version >> 16,
                          version >> 8 & 0xff, version & 0xff);
    } else {
        carrier_note_text(s, "no AMQP header");
    }
    return CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct span header;
    if (!carrier_fill(&s->buf[side], c, HEADER_BYTES, &header)) {
        return CARRIER_GO_ON;
    }
    s->buf[side].complete = true;
    struct cursor h = cursor_open(header);
    bool amqp = span_eq(cursor_take(&h, 4, "name"), span_text("AMQP"));
    uint8_t id = cursor_u8(&h, "protocol id");
    uint32_t version = cursor_u24(&h, "version");
    if (side == SIDE_SERVER) {
        return answer(s, amqp, id, version);
    }
    if (!amqp || id != ID_TLS) {
        return CARRIER_NOT_TLS;
    }
    s->asked = true;
    return CARRIER_ASKED;
}

const struct dissector amqp_dissector = {
    .name = "amqp",
    .carrier = "starttls-amqp",
    .request = "TLS (AMQP header)",
    .probe = probe,
    .feed = feed,
};
