/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watched conversation over UDP. The first datagram decides between DTLS and
 * QUIC and tells who the client is. Other protocols on the same ports (STUN,
 * SRTP; RFC 7983) only count as packets.
 *
 * One conversation per pair of endpoints: a client that starts anew from the
 * same port joins the one that is watched.
 */
#include "udp_session.h"

#include "base/limits.h"
#include "dissectors/dtls.h"
#include "dissectors/quic.h"
#include "known/known.h"

#include <stdlib.h>

#define DATAGRAMS 16u /* that are remembered */

enum udp_protocol { UDP_UNKNOWN, UDP_DTLS, UDP_QUIC };

struct udp_session {
    enum udp_protocol protocol;
    unsigned client_dir; /* the direction of the TLS client */
    struct hash_seed seed;
    unsigned said;                /* the direction that said something last */
    unsigned datagrams;           /* what it said since, */
    uint64_t datagram[DATAGRAMS]; /* and the last ones of them, hashed */
    union {
        struct dtls_state dtls;
        struct quic_state quic;
    } u;
};

static enum side side_of(const struct udp_session *u, unsigned dir)
{
    return dir == u->client_dir ? SIDE_CLIENT : SIDE_SERVER;
}

bool udp_opens_flow(const struct packet *p)
{
    return dtls_probe(p->payload) != DTLS_PROBE_NO || quic_probe(p->payload);
}

struct udp_session *udp_session_new(struct hash_seed seed)
{
    struct udp_session *u = calloc(1, sizeof *u);
    if (u) {
        u->seed = seed;
    }
    return u;
}

void udp_session_free(struct udp_session *u)
{
    if (u && u->protocol == UDP_DTLS) {
        dtls_fini(&u->u.dtls);
    } else if (u && u->protocol == UDP_QUIC) {
        quic_fini(&u->u.quic);
    }
    free(u);
}

/* ---- a datagram ---- */

/* The first one: which protocol, and from whom? */
static void begin(struct udp_session *u, struct handshake *hs,
                  const struct packet *p, unsigned dir)
{
    enum dtls_probe probe = dtls_probe(p->payload);
    hs->transport = TRANSPORT_UDP;
    u->client_dir = dir;
    hs->midstream = false;
    if (probe == DTLS_PROBE_NO) {
        u->protocol = UDP_QUIC;
        hs->flavour = FLAVOUR_QUIC;
        quic_init(&u->u.quic);
        return;
    }
    u->protocol = UDP_DTLS;
    hs->flavour = FLAVOUR_DTLS;
    if (probe == DTLS_PROBE_SERVER) {
        u->client_dir = 1 - dir;
        hs->midstream = true;
    }
}

static void count_packet(struct handshake *hs, const struct packet *p,
                         enum side side)
{
    struct hs_dir *d = &hs->dir[side];
    d->packets++;
    d->bytes += p->payload_wire_bytes;
    d->first = d->packets == 1 ? p->when : d->first;
    d->last = p->when;
    d->last_data = p->when;
    d->cut = d->cut || p->payload_wire_bytes > p->payload.n;
    if (p->payload_wire_bytes > d->max_segment) {
        d->max_segment = p->payload_wire_bytes > UINT16_MAX
                             ? UINT16_MAX
                             : (uint16_t)p->payload_wire_bytes;
    }
    d->ttl_min = !d->ttl_min || p->ttl < d->ttl_min ? p->ttl : d->ttl_min;
    d->ttl_max = p->ttl > d->ttl_max ? p->ttl : d->ttl_max;
}

/* What came up since event `from` that nothing can follow; or so it says, and
 * anybody could have said it. */
enum end { END_NO, END_PERHAPS, END_NOW };

static enum end end_since(const struct handshake *hs, unsigned from)
{
    enum end end = END_NO;
    for (unsigned i = from; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        bool fatal =
            e->kind == HS_ALERT &&
            known_alert_is_fatal(e->aux & 0xff, (uint8_t)(e->aux >> 8));
        bool close = e->kind == HS_QUIC_CLOSE;
        if (e->kind == HS_ENCRYPTED_ALERT ||
            (close && (e->aux & HS_CLOSE_SEALED))) {
            return END_NOW;
        }
        end = fatal || close ? END_PERHAPS : end;
    }
    return end;
}

static enum session_want want_after(const struct udp_session *u,
                                    const struct handshake *hs, unsigned from,
                                    bool progress)
{
    bool dtls = u->protocol == UDP_DTLS;
    if (!dtls && !quic_opened(&u->u.quic)) {
        return WANT_DROP;
    }
    if (dtls ? dtls_settled(&u->u.dtls) : quic_settled(&u->u.quic)) {
        return WANT_FINISH;
    }
    enum end end = end_since(hs, from);
    if (end != END_NO) {
        return end == END_NOW ? WANT_CLOSING : WANT_HALF_CLOSED;
    }
    if (from < hs->events_n &&
        (dtls ? dtls_established(&u->u.dtls) : quic_established(&u->u.quic))) {
        return WANT_SETTLING;
    }
    return progress ? WANT_PROGRESS : WANT_KEEP;
}

/* Whether the same datagram came a moment ago: no end repeats one to the bit
 * (record and packet numbers go on), so the network or the capture doubled it.
 * But an end that has closed QUIC may answer each packet with the same close
 * (RFC 9000 section 10.2.1): what the other side said lies between these. */
static bool is_double(struct udp_session *u, const struct packet *p,
                      unsigned dir)
{
    uint64_t h = hash_bytes(&u->seed, p->payload) ^ p->payload_wire_bytes;
    if (u->said != dir) {
        u->said = dir;
        u->datagrams = 0;
    }
    for (unsigned i = 0; i < u->datagrams && i < DATAGRAMS; i++) {
        if (u->datagram[i] == h) {
            return true;
        }
    }
    u->datagram[u->datagrams++ % DATAGRAMS] = h;
    return false;
}

enum session_want udp_session_packet(struct udp_session *u,
                                     struct handshake *hs,
                                     const struct packet *p, unsigned dir)
{
    unsigned from = hs->events_n;
    if (u->protocol == UDP_UNKNOWN) {
        begin(u, hs, p, dir);
    }
    enum side side = side_of(u, dir);
    count_packet(hs, p, side);
    if (side == SIDE_CLIENT && hs->dir[SIDE_SERVER].packets == 0) {
        hs->dir[side].first_flight_segments++;
        hs->when_hello = hs->when_hello ? hs->when_hello : p->when;
    }
    hs->last = p->when;
    hs->frame_last = p->frame;
    if (is_double(u, p, dir)) {
        return WANT_KEEP;
    }
    bool progress = u->protocol == UDP_DTLS
                        ? dtls_feed(&u->u.dtls, hs, side, p->payload,
                                    p->payload_wire_bytes, p->when, p->frame)
                        : quic_feed(&u->u.quic, hs, side, p->payload,
                                    p->payload_wire_bytes, p->when, p->frame);
    return want_after(u, hs, from, progress);
}

void udp_session_icmp(struct udp_session *u, struct handshake *hs,
                      const struct packet *p, unsigned dir)
{
    if (hs_count(hs, HS_ICMP, SIDE_NONE) < LIMIT_ICMP_NOTED) {
        hs_note(hs, HS_ICMP, side_of(u, dir), p->icmp_mtu,
                (uint16_t)(p->icmp_type << 8 | p->icmp_code), p->when,
                p->frame);
    }
}

/* A hello, or what is left of one when it ends; a ServerHello for those whose
 * beginning is missing. */
bool udp_session_is_tls(const struct handshake *hs)
{
    return hs->flavour != FLAVOUR_TLS;
}

/* ---- the end ---- */

void udp_session_finish(struct udp_session *u, struct handshake *hs,
                        const struct flow *f)
{
    if (u->protocol == UDP_DTLS) {
        dtls_flush(&u->u.dtls, hs);
    } else if (u->protocol == UDP_QUIC) {
        quic_flush(&u->u.quic, hs);
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        struct hs_addr *a = &hs->addr[side_of(u, dir)];
        memcpy(a->ip, f->end[dir].ip, sizeof a->ip);
        a->port = f->end[dir].port;
    }
}

size_t udp_session_bytes(const struct udp_session *u)
{
    size_t n = sizeof *u;
    if (u->protocol == UDP_DTLS) {
        n += dtls_bytes(&u->u.dtls);
    } else if (u->protocol == UDP_QUIC) {
        n += quic_bytes(&u->u.quic);
    }
    return n;
}
