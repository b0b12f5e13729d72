/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes over UDP. There is no FIN, RST or acknowledgement to go by, so what
 * decides is who still repeats itself: a peer that got no answer sends again
 * (RFC 9002 section 6.2, RFC 6347 section 4.2.4), one that was told of a
 * failure falls silent (RFC 9000 section 10.2.2).
 *
 * QUIC: a client has 1-RTT packets to send only once it has accepted the
 * server (RFC 9001 section 4.1). DTLS 1.3: by the sizes of records, as in TLS
 * 1.3, with messages that are eight bytes longer (RFC 9147 section 5.2).
 *
 * A QUIC server that refuses the client's certificate in a 1-RTT packet is not
 * recognised: its close looks like any other packet.
 */
#include "handshake/conclude_udp.h"

#include "handshake/conclude.h"
#include "handshake/record_class.h"

#define MESSAGE_HEADER_MORE 8u   /* of DTLS over TLS */
#define FLIGHT_BYTES        400u /* with a certificate chain in it */
#define REPEATS_ENOUGH      2u

static bool is_level(const struct hs_event *e, enum side side,
                     enum hs_level level)
{
    return e->kind == HS_PROTECTED && e->side == side &&
           hs_level_of(e) == level;
}

static const struct hs_event *find_level_from(const struct handshake *hs,
                                              const struct hs_event *from,
                                              enum side side,
                                              enum hs_level level)
{
    const struct hs_event *end = hs->events + hs->events_n;
    while (from < end && !is_level(from, side, level)) {
        from++;
    }
    return from < end ? from : NULL;
}

static const struct hs_event *find_level(const struct handshake *hs,
                                         enum side side, enum hs_level level)
{
    return hs->events_n ? find_level_from(hs, hs->events, side, level) : NULL;
}

static void fail(struct conclusion *out, const struct hs_event *e,
                 enum ended_by by, enum ended_how how)
{
    out->outcome = OUTCOME_FAILURE;
    out->by = by;
    out->how = how;
    out->frame_decisive = e->frame;
    out->when_decisive = e->when;
}

static void fail_unread(struct conclusion *out, const struct hs_event *e,
                        enum ended_how how)
{
    fail(out, e, e->side == SIDE_CLIENT ? BY_CLIENT : BY_SERVER, how);
    out->has_alert = true;
    out->alert_encrypted = true;
    out->alert_side = (enum side)e->side;
    out->alert_code = ALERT_NONE;
    out->sizes_decided = true;
}

/* ---- what somebody else said ---- */

/* Datagrams overtake each other by that much. */
#define OVERTAKEN TICK_MSEC

static bool went_on(const struct handshake *hs, const struct hs_event *e)
{
    const struct hs_event *end = hs->events + hs->events_n;
    for (const struct hs_event *x = e + 1; x < end; x++) {
        if (x->side == e->side && conclude_is_progress(x) &&
            x->when - e->when > OVERTAKEN) {
            return true;
        }
    }
    return false;
}

/* Whether a side completed the handshake; what event e does not belie. */
static bool completed(const struct handshake *hs, const struct hs_event *e,
                      enum side side)
{
    return hs_find(hs, HS_FINISHED, side) ||
           find_level_from(hs, e, side, HS_LEVEL_APPLICATION);
}

bool hs_ended_nothing(const struct handshake *hs, const struct hs_event *e)
{
    bool open = e->kind == HS_ALERT ||
                (e->kind == HS_QUIC_CLOSE && !(e->aux & HS_CLOSE_SEALED));
    return hs->transport == TRANSPORT_UDP && open && e->side < SIDE_NONE &&
           went_on(hs, e) && completed(hs, e, SIDE_CLIENT) &&
           completed(hs, e, SIDE_SERVER);
}

/* ---- QUIC ---- */

static void raise_quic(const struct handshake *hs, struct conclusion *out)
{
    uint32_t flight = 0;
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (is_level(e, SIDE_SERVER, HS_LEVEL_HANDSHAKE)) {
            flight += e->len;
        }
        if (is_level(e, SIDE_CLIENT, HS_LEVEL_APPLICATION)) {
            conclude_raise_stage(out, STAGE_CLIENT_FINISHED);
        }
    }
    if (flight > FLIGHT_BYTES) {
        conclude_raise_stage(out, STAGE_SERVER_DONE);
    }
}

/* None of the client's versions, and no hello of another one after it. */
static bool versions_refused(const struct handshake *hs, struct conclusion *out)
{
    const struct hs_event *vn =
        hs_find(hs, HS_VERSION_NEGOTIATION, SIDE_SERVER);
    if (!vn || hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER)) {
        return false;
    }
    for (const struct hs_event *e = vn + 1; e < hs->events + hs->events_n;
         e++) {
        if (e->kind == HS_CLIENT_HELLO) {
            return false;
        }
    }
    if (hs->end == HS_END_CAPTURE &&
        tick_sub(hs->capture_last, vn->when) < TICK_SEC) {
        return false;
    }
    fail(out, vn, BY_SERVER, HOW_QUIC_CLOSE);
    return true;
}

/* The client got the server's flight, said something under Handshake keys and
 * no more; and the server, whose flight would go unanswered, does not repeat
 * it: it was told of the failure. */
static bool client_refused(const struct handshake *hs, struct conclusion *out)
{
    if (hs->end != HS_END_TIMEOUT ||
        !find_level(hs, SIDE_SERVER, HS_LEVEL_HANDSHAKE) ||
        find_level(hs, SIDE_CLIENT, HS_LEVEL_APPLICATION)) {
        return false;
    }
    const struct hs_event *last = NULL;
    for (unsigned i = 0; i < hs->events_n; i++) {
        if (is_level(&hs->events[i], SIDE_CLIENT, HS_LEVEL_HANDSHAKE)) {
            last = &hs->events[i];
        }
    }
    const struct hs_dir *c = &hs->dir[SIDE_CLIENT];
    const struct hs_dir *s = &hs->dir[SIDE_SERVER];
    if (!last || tick_sub(s->last_data, c->last_data) > TICK_SEC / 2) {
        return false;
    }
    fail_unread(out, last, HOW_QUIC_CLOSE);
    return true;
}

/* A server that confirms the handshake drops its Handshake keys (RFC 9001
 * section 4.9.2). One that refuses the client's certificate answers every
 * packet with the same close, under Handshake keys (RFC 9000 section 10.2.3)
 * and perhaps in a 1-RTT packet behind it. The first of them, or NULL. */
static const struct hs_event *server_refused(const struct handshake *hs)
{
    const struct hs_event *first[2] = {NULL, NULL};
    unsigned n[2] = {0, 0};
    const struct hs_event *e =
        find_level(hs, SIDE_CLIENT, HS_LEVEL_APPLICATION);
    for (; e && e < hs->events + hs->events_n; e++) {
        bool app = is_level(e, SIDE_SERVER, HS_LEVEL_APPLICATION);
        if (!app && !is_level(e, SIDE_SERVER, HS_LEVEL_HANDSHAKE)) {
            continue;
        }
        if (!first[app]) {
            first[app] = e;
        } else if (e->len != first[app]->len) {
            return NULL;
        }
        n[app]++;
    }
    return n[false] >= 2 && n[true] <= n[false] ? first[false] : NULL;
}

/* A Finished alone, or behind an empty Certificate, makes a small packet. */
static void note_client_certificate(const struct handshake *hs,
                                    struct conclusion *out)
{
    uint32_t largest = 0;
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (is_level(e, SIDE_CLIENT, HS_LEVEL_HANDSHAKE) && e->len > largest) {
            largest = e->len;
        }
    }
    out->certificate_request_likely = true;
    out->client_certificate_sent_likely = largest > FLIGHT_BYTES;
    out->client_certificate_empty_likely = largest <= FLIGHT_BYTES;
}

bool conclude_quic(const struct handshake *hs, struct conclusion *out)
{
    bool app[2] = {false, false};
    const struct hs_event *refusal = server_refused(hs);
    raise_quic(hs, out);
    out->resumed = hs->psk_accepted;
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_QUIC_CLOSE && !hs_ended_nothing(hs, e)) {
            return false;
        }
        if (e->side < SIDE_NONE && e->kind == HS_PROTECTED &&
            hs_level_of(e) == HS_LEVEL_APPLICATION) {
            app[e->side] = true;
        }
        if (app[SIDE_CLIENT] && app[SIDE_SERVER]) {
            break;
        }
    }
    if (app[SIDE_CLIENT] && refusal) {
        fail_unread(out, refusal, HOW_QUIC_CLOSE);
        out->rejected_after_finished = true;
        note_client_certificate(hs, out);
        return true;
    }
    if (app[SIDE_CLIENT] && app[SIDE_SERVER]) {
        conclude_succeed(out);
        return true;
    }
    return versions_refused(hs, out) || client_refused(hs, out);
}

/* ---- DTLS 1.3 ---- */

struct sizes13 {
    uint32_t alert, finished_min, empty_certificate;
};

static struct sizes13 sizes_of(uint16_t cipher)
{
    const struct record_sizes s = record_sizes_of(cipher);
    return (struct sizes13){
        .alert = record_length(s, CONTENT_ALERT, PADDING_NONE),
        .finished_min = record_finished_min(s) + MESSAGE_HEADER_MORE,
        .empty_certificate = record_length(
            s, CONTENT_EMPTY_CERTIFICATE + MESSAGE_HEADER_MORE, PADDING_NONE),
    };
}

struct scan13 {
    const struct hs_event *client_finished;
    const struct hs_event *client_alert;  /* before its Finished */
    const struct hs_event *server_alert;  /* its last record, by size */
    const struct hs_event *server_answer; /* after the client's Finished */
    unsigned server_records;
    bool empty_certificate, certificate; /* the client's answer to a request */
};

static void scan_record(struct scan13 *s, const struct sizes13 *z,
                        const struct hs_event *e)
{
    bool alert = e->len == z->alert;
    if (e->side == SIDE_CLIENT) {
        if (!s->client_finished && e->len >= z->finished_min) {
            s->client_finished = e;
            s->certificate = !s->empty_certificate && e->len > z->finished_min;
        } else if (!s->client_finished && e->len == z->empty_certificate) {
            s->empty_certificate = true;
        } else if (!s->client_finished && !s->client_alert && alert) {
            s->client_alert = e;
        }
        return;
    }
    s->server_records++;
    s->server_alert = alert ? e : NULL;
    if (s->client_finished && !s->client_alert && !alert) {
        s->server_answer = e;
    }
}

bool conclude_dtls13(const struct handshake *hs, struct conclusion *out)
{
    const struct sizes13 z = sizes_of(hs->cipher);
    struct scan13 s = {0};
    out->resumed = hs->psk_accepted;
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_ALERT && !hs_ended_nothing(hs, e)) {
            return false;
        }
        if (e->kind == HS_PROTECTED && hs_level_of(e) != HS_LEVEL_EARLY) {
            scan_record(&s, &z, e);
        }
    }
    if (s.server_records > 2) {
        conclude_raise_stage(out, STAGE_SERVER_DONE);
    }
    if (s.client_finished) {
        conclude_raise_stage(out, STAGE_CLIENT_FINISHED);
    }
    out->client_certificate_empty_likely = s.empty_certificate;
    out->client_certificate_sent_likely = s.certificate;
    out->certificate_request_likely = s.empty_certificate || s.certificate;
    if (s.client_alert) {
        fail_unread(out, s.client_alert, HOW_ALERT);
    } else if (s.server_answer) {
        conclude_succeed(out);
    } else if (s.server_alert && (s.client_finished || s.server_records <= 2)) {
        fail_unread(out, s.server_alert, HOW_ALERT);
        out->rejected_after_finished = s.client_finished != NULL;
    } else {
        return false;
    }
    return true;
}

/* ---- silence ---- */

/* Destination unreachable (RFC 792; RFC 4443 section 3.1), but not for the size
 * of the packet. */
static bool is_unreachable(const struct handshake *hs)
{
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        unsigned type = hs->ip_version == 4 ? 3 : 1;
        bool too_big = hs->ip_version == 4 && e->aux == (3 << 8 | 4);
        if (e->kind == HS_ICMP && e->side == SIDE_CLIENT &&
            e->aux >> 8 == type && !too_big) {
            return true;
        }
    }
    return false;
}

bool conclude_is_undeliverable(const struct handshake *hs)
{
    return hs->transport == TRANSPORT_UDP && conclude_is_unanswered(hs) &&
           is_unreachable(hs);
}

bool conclude_is_unanswered(const struct handshake *hs)
{
    const struct hs_dir *c = &hs->dir[SIDE_CLIENT];
    if (hs->transport != TRANSPORT_UDP || hs->dir[SIDE_SERVER].packets > 0 ||
        !hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT) ||
        hs_find(hs, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT) ||
        hs_find(hs, HS_FINISHED, SIDE_CLIENT) ||
        find_level(hs, SIDE_CLIENT, HS_LEVEL_HANDSHAKE) ||
        find_level(hs, SIDE_CLIENT, HS_LEVEL_APPLICATION)) {
        return false;
    }
    bool repeats = c->retransmits >= REPEATS_ENOUGH &&
                   tick_sub(c->last_data, c->first) >= TICK_SEC;
    return repeats || hs_find(hs, HS_ICMP, SIDE_NONE) != NULL;
}
