/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nobody said anything any more, or the client ran out of patience: who owed
 * the next step, and whether what was sent arrived (TCP acknowledgements, RFC
 * 9293 section 3.10; path MTU, RFC 1191, RFC 8201, RFC 4821).
 */
#include "judge/facts.h"
#include "judge/say.h"

/* Clients that give up on a silent server wait at least so long; those that
 * cancel do it at once. */
#define PATIENCE (3 * TICK_SEC)

static bool is_too_big(const struct hs_event *e)
{
    return e->kind == HS_ICMP && (e->aux == (3 << 8 | 4) || e->aux == 2 << 8);
}

static const struct hs_event *find_too_big(const struct handshake *hs)
{
    for (uint16_t i = 0; i < hs->events_n; i++) {
        if (is_too_big(&hs->events[i])) {
            return &hs->events[i];
        }
    }
    return NULL;
}

static void add_mtu(const struct facts *f, struct hypothesis *h)
{
    const struct hs_event *e = find_too_big(f->hs);
    if (e) {
        hypothesis_because(h,
                           "a router reported by ICMP%s a packet too big for "
                           "the path: the path MTU is smaller than the sender "
                           "believes",
                           say_frame(f->hs, e->frame).s);
    }
}

/* What ICMP said of packets of `side` that did not arrive, but for their size.
 */
static const struct hs_event *find_undeliverable(const struct facts *f,
                                                 enum side side)
{
    const struct handshake *hs = f->hs;
    uint8_t unreachable = hs->ip_version == 6 ? 1 : 3;
    for (uint16_t i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_ICMP && e->side == side &&
            e->aux >> 8 == unreachable && !is_too_big(e)) {
            return e;
        }
    }
    return NULL;
}

/* A filter says so itself (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1). */
static bool is_prohibited(const struct facts *f, const struct hs_event *e)
{
    unsigned code = e->aux & 0xff;
    return f->hs->ip_version == 6 ? code == 1
                                  : code == 9 || code == 10 || code == 13;
}

static void add_icmp(const struct facts *f, struct hypothesis *h,
                     enum side side)
{
    const struct hs_event *e = find_undeliverable(f, side);
    if (e) {
        hypothesis_because(
            h, "ICMP said that it cannot be delivered: %s%s",
            say_unreachable(f->hs->ip_version, (uint8_t)e->aux).s,
            say_frame(f->hs, e->frame).s);
    }
}

/* Whether it closed or reset the connection. */
static bool has_left(const struct facts *f, enum ended_by who)
{
    return f->end->by == who &&
           (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET ||
            f->end->how == HOW_ALERT);
}

static void lost(const struct facts *f, struct hypotheses *hy)
{
    const struct hs_dir *d = &f->hs->dir[SIDE_CLIENT];
    bool closed = has_left(f, BY_SERVER);
    /* Who forges a reset may be who dropped the hello, and some balancers
     * acknowledge nothing before they have reached a server. */
    bool sure = (d->retransmits > 0 && !closed) || find_too_big(f->hs);
    struct hypothesis *h = hypothesis_add(
        hy, "client_hello_lost", sure ? CONF_CERTAIN : CONF_LIKELY, 82);
    if (d->acked_any_data) {
        hypothesis_reason(h, "only a part of the ClientHello was acknowledged: "
                             "the rest was lost, or something drops it");
        hypothesis_because(h,
                           "of the ClientHello of %u bytes the server "
                           "acknowledged only the beginning",
                           f->hs->offer.bytes);
    } else {
        hypothesis_because(h,
                           "the server never acknowledged the ClientHello of "
                           "%u bytes",
                           f->hs->offer.bytes);
    }
    if (d->retransmits) {
        hypothesis_because(h,
                           "the client sent it again (%u retransmitted "
                           "segment%s)",
                           d->retransmits, d->retransmits == 1 ? "" : "s");
    }
    if (closed) {
        hypothesis_because(h,
                           "the server's %s after %s does not acknowledge it "
                           "either: it gave up waiting for it",
                           f->end->how == HOW_RESET ? "reset" : "close",
                           say_duration(f->waited_ns).s);
    }
    const struct hs_event *icmp = find_undeliverable(f, SIDE_CLIENT);
    if (icmp && is_prohibited(f, icmp)) {
        hypothesis_reason(h, "a filter on the way rejects the ClientHello");
    }
    add_mtu(f, h);
    add_icmp(f, h, SIDE_CLIENT);
}

/* Not certain: where large packets of the server are lost in front of the
 * capture, it shows the same. */
static void unanswered(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "client_hello_unanswered", CONF_LIKELY, 78);
    hypothesis_reason(h, "the ClientHello arrived, and the server never "
                         "answered it");
    hypothesis_because(h, "the server acknowledged the ClientHello and sent "
                          "nothing");
    if (f->end->by == BY_CLIENT) {
        hypothesis_because(h, "the client gave up after %s",
                           say_duration(f->waited_ns).s);
    }
    h = hypothesis_add(hy, "server_flight_lost", CONF_POSSIBLE, 30);
    hypothesis_because(h, "if this was not captured at the server: its answer "
                          "may be too large for the path and get lost in front "
                          "of the capture");
}

static void unanswered_udp(const struct facts *f, struct hypotheses *hy)
{
    unsigned again = f->hs->dir[SIDE_CLIENT].retransmits;
    struct hypothesis *h =
        hypothesis_add(hy, "client_hello_unanswered", CONF_LIKELY, 70);
    hypothesis_reason(h, "the server never answered the ClientHello");
    hypothesis_because(h, "no datagram came back from the server");
    if (again) {
        hypothesis_because(h,
                           "the client sent its ClientHello again (%u "
                           "time%s)",
                           again, again == 1 ? "" : "s");
    }
    const struct hs_event *icmp = find_undeliverable(f, SIDE_CLIENT);
    if (icmp && is_prohibited(f, icmp)) {
        hypothesis_side(h, FIX_NETWORK);
        hypothesis_reason(h, "a filter on the way rejects the ClientHello");
    } else if (icmp) {
        hypothesis_reason(h, "the ClientHello could not be delivered: nothing "
                             "takes it at the server, or a filter rejects it");
    }
    add_icmp(f, h, SIDE_CLIENT);
}

static void at_hello(const struct facts *f, struct hypotheses *hy)
{
    const struct hs_dir *client = &f->hs->dir[SIDE_CLIENT];
    if (f->hs->transport == TRANSPORT_UDP) {
        unanswered_udp(f, hy);
        if (find_too_big(f->hs)) {
            add_mtu(f,
                    hypothesis_add(hy, "client_hello_lost", CONF_LIKELY, 75));
        }
    } else if (client->hello_acked) {
        unanswered(f, hy);
    } else {
        lost(f, hy);
    }
}

/* Who owed the next message, by the last stage reached. */
static bool is_clients_turn(const struct facts *f)
{
    switch (f->end->stage) {
    case STAGE_SERVER_DONE:
    case STAGE_CLIENT_CERTIFICATE:
    case STAGE_CLIENT_KEY_EXCHANGE:
        return true;
    case STAGE_HELLO_RETRY_REQUEST:
        return hs_count(f->hs, HS_CLIENT_HELLO, SIDE_CLIENT) < 2;
    case STAGE_SERVER_FINISHED: /* resumption in TLS 1.2 */
        return true;
    default:
        return false;
    }
}

/* The largest datagram that a cookie request fills: two headers, the version
 * and a cookie of 255 bytes (RFC 6347 sections 4.1, 4.2.1, 4.2.2). */
#define COOKIE_DATAGRAM (13u + 12u + 3u + 255u)

/* DTLS: the server sent its cookie request and nothing after it, not even a
 * part of a message. */
static bool is_cookie_all(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    if (f->phase != PHASE_HELLO ||
        !hs_find(hs, HS_HELLO_VERIFY_REQUEST, SIDE_SERVER) ||
        hs->dir[SIDE_SERVER].max_segment > COOKIE_DATAGRAM) {
        return false;
    }
    for (uint16_t i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->side == SIDE_SERVER && e->kind >= HS_CLIENT_HELLO &&
            e->kind <= HS_APPLICATION_DATA &&
            e->kind != HS_HELLO_VERIFY_REQUEST) {
            return false;
        }
    }
    return true;
}

static void after_cookie(const struct facts *f, struct hypotheses *hy,
                         struct hypothesis *h)
{
    unsigned again = f->hs->dir[SIDE_CLIENT].retransmits;
    hypothesis_reason(h, "the server answered with its cookie request "
                         "(HelloVerifyRequest), and nothing came after it");
    hypothesis_because(h, "the server's HelloVerifyRequest is all that came "
                          "from it");
    if (again) {
        hypothesis_because(h,
                           "the client sent its ClientHello with the cookie "
                           "again (%u time%s)",
                           again, again == 1 ? "" : "s");
    }
    h = hypothesis_add(hy, "server_flight_lost", CONF_POSSIBLE, 40);
    hypothesis_because(h, "the datagrams that follow a cookie request are much "
                          "larger than it: they, or their fragments, may get "
                          "lost in front of the capture");
}

/* Datagrams are not acknowledged: that one side goes on to repeat its flight
 * shows only that no answer comes. */
static bool repeats_unheard(const struct facts *f, bool client)
{
    enum side peer = client ? SIDE_SERVER : SIDE_CLIENT;
    return f->hs->flavour == FLAVOUR_DTLS && f->phase != PHASE_HELLO &&
           f->hs->dir[peer].retransmits > 1;
}

static void stalled(const struct facts *f, struct hypotheses *hy)
{
    bool client = is_clients_turn(f);
    bool unheard = repeats_unheard(f, client);
    bool silent = f->end->how == HOW_TIMEOUT || f->end->by == BY_SERVER;
    struct hypothesis *h =
        hypothesis_add(hy, client ? "client_stalled" : "server_stalled",
                       silent && !unheard ? CONF_LIKELY : CONF_POSSIBLE, 60);
    if (unheard) {
        hypothesis_side(h, FIX_NETWORK);
        hypothesis_because(h,
                           "the %s went on to repeat its flight: it, or the "
                           "%s's answer, gets lost on the way, or the %s is "
                           "gone",
                           client ? "server" : "client",
                           client ? "client" : "server",
                           client ? "client" : "server");
    }
    if (is_cookie_all(f)) {
        after_cookie(f, hy, h);
    } else if (f->phase == PHASE_HELLO && !client) {
        hypothesis_because(h, "the server began to answer the ClientHello and "
                              "stopped before the end of its first message");
    } else {
        hypothesis_because(h,
                           "the last step was %s, and the next one was the "
                           "%s's",
                           stage_words(f->end->stage),
                           client ? "client" : "server");
    }
    if (f->end->how != HOW_TIMEOUT) {
        hypothesis_because(h, "the %s gave up after %s of silence",
                           f->end->by == BY_CLIENT ? "client" : "server",
                           say_duration(f->quiet_ns).s);
    }
}

/* What came of the ClientHello ends where a full segment does: programs write
 * it at once, so the rest of it was sent, too. */
static bool is_rest_lost(const struct facts *f)
{
    const struct hs_dir *d = &f->hs->dir[SIDE_CLIENT];
    uint16_t most = f->hs->dir[SIDE_SERVER].mss;
    const unsigned options = 40; /* RFC 9293 section 3.1: at most */
    return most > options && d->max_segment + options >= most &&
           d->stream_bytes > 0 && d->stream_bytes % d->max_segment == 0;
}

/* A ClientHello that began and was never finished. */
static void half_hello(const struct facts *f, struct hypotheses *hy)
{
    const struct hs_dir *d = &f->hs->dir[SIDE_CLIENT];
    if (d->bytes == 0 || f->hs->flavour != FLAVOUR_TLS) {
        return;
    }
    bool lost = is_rest_lost(f);
    if (lost) {
        struct hypothesis *h =
            hypothesis_add(hy, "large_client_hello", CONF_LIKELY, 64);
        hypothesis_side(h, FIX_NETWORK);
        hypothesis_reason(h, "only the first segment of a ClientHello that "
                             "needs more than one arrived");
        hypothesis_because(h,
                           "%llu bytes of the ClientHello came, up to the end "
                           "of a full segment of %u bytes, and nothing after "
                           "it: what follows was lost on the way, or dropped",
                           (unsigned long long)d->stream_bytes, d->max_segment);
    }
    struct hypothesis *h =
        hypothesis_add(hy, "client_stalled", lost ? CONF_POSSIBLE : CONF_LIKELY,
                       lost ? 40 : 62);
    hypothesis_because(h,
                       "the client began a ClientHello and stopped after %llu "
                       "bytes",
                       (unsigned long long)d->stream_bytes);
}

/* The end of the server's flight arrived here, its beginning never did. */
static bool flight_torn(const struct facts *f, struct hypotheses *hy)
{
    const struct hs_dir *d = &f->hs->dir[SIDE_SERVER];
    if (d->lost_bytes == 0) {
        return false;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "server_flight_lost",
                       find_too_big(f->hs) ? CONF_CERTAIN : CONF_LIKELY, 83);
    hypothesis_because(h,
                       "%llu bytes of the server's flight never arrived, and "
                       "what came after them did: large packets get lost, "
                       "small ones pass",
                       (unsigned long long)d->lost_bytes);
    add_mtu(f, h);
    return true;
}

/* The server's full segments do not get through; or nothing of it does, and who
 * hears nothing from the client cannot tell the path from the client. */
static bool flight_lost(const struct facts *f, struct hypotheses *hy)
{
    const struct hs_dir *d = &f->hs->dir[SIDE_SERVER];
    /* What is sent again in vain is what counts, where that is known. */
    bool big = d->resent ? d->resent_size >= 1200 : d->retransmits_big > 0;
    bool heard = f->heard[SIDE_SERVER] || find_too_big(f->hs);
    if ((!big && !f->undelivered[SIDE_SERVER]) || d->unacked_bytes == 0) {
        return false;
    }
    bool sure = big && heard && (d->retransmits_big > 1 || find_too_big(f->hs));
    struct hypothesis *h = hypothesis_add(
        hy, "server_flight_lost", sure ? CONF_CERTAIN : CONF_LIKELY, 84);
    if (big) {
        hypothesis_because(h,
                           "the server sent its large segments again (%u "
                           "times), and %llu bytes were never acknowledged",
                           d->retransmits_big,
                           (unsigned long long)d->unacked_bytes);
    } else {
        hypothesis_because(h,
                           "the server sent %llu bytes again (%u times), and "
                           "they were never acknowledged",
                           (unsigned long long)d->unacked_bytes, d->resent);
    }
    if (d->max_segment) {
        hypothesis_because(h, "its largest segment carries %u bytes",
                           d->max_segment);
    }
    if (!big || !heard) {
        hypothesis_reason(h, "nothing acknowledges the server's flight: it "
                             "gets lost on the way, or the client is gone");
    }
    add_mtu(f, h);
    add_icmp(f, h, SIDE_SERVER);
    if (!heard) {
        hypothesis_because(h, "nothing at all came from the client any more, "
                              "so that large and small packets cannot be told "
                              "apart");
        h = hypothesis_add(hy, "client_stalled", CONF_POSSIBLE, 40);
        hypothesis_because(h, "the client's host may be gone, or off the net");
    }
    return true;
}

/* What the client answered the server's flight with never arrived: that the
 * server says no more, or closes, is no judgement on it. */
static void answer_lost(const struct facts *f, struct hypotheses *hy)
{
    const struct hs_dir *d = &f->hs->dir[SIDE_CLIENT];
    bool closed = has_left(f, BY_SERVER);
    struct hypothesis *h = hypothesis_add(
        hy, closed ? "server_closed" : "server_stalled", CONF_LIKELY, 84);
    hypothesis_side(h, FIX_NETWORK);
    hypothesis_reason(h,
                      "the client's answer to the server's flight got lost on "
                      "the way%s",
                      closed                  ? ", and the server gave up "
                                                "waiting for it"
                      : f->heard[SIDE_CLIENT] ? ""
                                              : ", or the server's host is "
                                                "gone");
    hypothesis_because(h,
                       "the client sent it again %u times, and %llu bytes were "
                       "never acknowledged%s",
                       d->resent, (unsigned long long)d->unacked_bytes,
                       closed ? ", by the server's close neither" : "");
    if (d->acked_beyond) {
        hypothesis_because(h, "the server reported what came behind it, so "
                              "that some packets pass and others do not");
    } else if (!f->heard[SIDE_CLIENT]) {
        hypothesis_because(h, "nothing at all came from the server any more, "
                              "not even an acknowledgement, as a host gives "
                              "whose program is only busy");
    }
    if (d->max_segment) {
        hypothesis_because(h, "its largest segment carries %u bytes",
                           d->max_segment);
    }
    add_mtu(f, h);
    add_icmp(f, h, SIDE_CLIENT);
}

/* The end of the client's answer arrived here, its beginning never did. */
static bool answer_torn(const struct facts *f, struct hypotheses *hy)
{
    const struct hs_dir *d = &f->hs->dir[SIDE_CLIENT];
    const uint32_t blind = BLIND_ONE_DIRECTION | BLIND_LIMIT;
    bool judged = f->end->has_alert && f->alert != 0;
    if (d->lost_bytes == 0 || !f->after_server_hello ||
        has_left(f, BY_CLIENT) || judged || (f->end->blind & blind)) {
        return false;
    }
    bool closed = has_left(f, BY_SERVER);
    struct hypothesis *h = hypothesis_add(
        hy, closed ? "server_closed" : "server_stalled", CONF_LIKELY, 84);
    hypothesis_side(h, FIX_NETWORK);
    hypothesis_reason(h,
                      "a part of the client's answer got lost on the way, and "
                      "the server %s",
                      closed ? "gave up waiting for it" : "waits for it");
    hypothesis_because(h,
                       "%llu bytes of the client never arrived, and what came "
                       "after them did: large packets get lost, small ones "
                       "pass",
                       (unsigned long long)d->lost_bytes);
    add_mtu(f, h);
    return true;
}

/* Something was lost for good before the end: what the end says is nobody's
 * view of it. */
static bool undelivered(const struct facts *f, struct hypotheses *hy)
{
    if (f->undelivered[SIDE_CLIENT] && f->phase == PHASE_HELLO &&
        f->server_silent) {
        lost(f, hy);
        return true;
    }
    if (f->undelivered[SIDE_CLIENT] && f->after_server_hello) {
        answer_lost(f, hy);
        return true;
    }
    return f->undelivered[SIDE_SERVER] && flight_lost(f, hy);
}

/*
 * DTLS: an end repeats its last flight until the next one of the other is whole
 * (RFC 6347 section 4.2.4). A client that repeats its ClientHello when the end
 * of the server's flight is out did not get all of it.
 */
static bool datagrams_lost(const struct facts *f, struct hypotheses *hy)
{
    const struct hs_dir *d = &f->hs->dir[SIDE_CLIENT];
    const struct hs_event *done =
        hs_find(f->hs, HS_SERVER_HELLO_DONE, SIDE_SERVER);
    if (f->hs->flavour != FLAVOUR_DTLS || !done || f->phase == PHASE_CLIENT ||
        d->retransmits < 2 || tick_sub(d->last_data, done->when) < TICK_SEC) {
        return false;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "server_flight_lost", CONF_LIKELY, 83);
    hypothesis_reason(h, "the client never got the server's flight whole: its "
                         "larger datagrams get lost");
    hypothesis_because(h,
                       "the client went on to repeat its ClientHello for "
                       "%s after the end of the server's flight, as who did "
                       "not get all of it",
                       say_duration(tick_sub(d->last_data, done->when)).s);
    return true;
}

/* The server acknowledged the ClientHello and could have answered it many
 * times over. Who waits a second or two is mostly a health check or a script
 * with a short timeout; browsers leave sooner. */
static bool had_time(const struct facts *f)
{
    return f->phase == PHASE_HELLO && !f->end->benign && f->server_silent &&
           f->hs->dir[SIDE_CLIENT].hello_acked && f->hs->rtt > 0 &&
           f->waited_ns >= TICK_SEC && f->waited_ns / 10 >= f->hs->rtt;
}

/* The server had waited for the client's next step, or for the rest of its
 * hello, and hung up. */
static void server_gave_up(const struct facts *f, struct hypotheses *hy)
{
    const struct conclusion *end = f->end;
    bool left = end->how == HOW_CLOSE || end->how == HOW_RESET;
    bool torn = f->phase == PHASE_BEFORE && is_rest_lost(f);
    if (!left || end->by != BY_SERVER ||
        f->quiet_ns < (torn ? TICK_SEC : PATIENCE)) {
        return;
    }
    if (f->phase == PHASE_BEFORE) {
        half_hello(f, hy);
    } else if (is_clients_turn(f)) {
        stalled(f, hy);
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct conclusion *end = f->end;
    bool silent = f->server_silent;
    /* A close_notify before any answer is a timeout's goodbye. */
    bool goodbye = silent && f->alert == 0;
    bool gave_up = end->by == BY_CLIENT && (!end->has_alert || goodbye) &&
                   (f->waited_ns >= PATIENCE || had_time(f)) &&
                   (end->how == HOW_CLOSE || end->how == HOW_RESET ||
                    end->how == HOW_QUIC_CLOSE || goodbye);
    bool left = has_left(f, BY_CLIENT) || has_left(f, BY_SERVER);
    if ((left || end->how == HOW_TIMEOUT) &&
        (undelivered(f, hy) || answer_torn(f, hy))) {
        return;
    }
    if (end->how != HOW_TIMEOUT && !gave_up) {
        server_gave_up(f, hy);
        return;
    }
    if (flight_torn(f, hy) || datagrams_lost(f, hy)) {
        return;
    }
    if (f->phase == PHASE_HELLO && silent) {
        at_hello(f, hy);
        return;
    }
    if (flight_lost(f, hy)) {
        return;
    }
    if (f->phase == PHASE_BEFORE) {
        half_hello(f, hy);
        return;
    }
    stalled(f, hy);
}

const struct rule silence_rule = {
    .name = "silence",
    .source = "RFC 9293 section 3.10; RFC 4821",
    .run = run,
};
