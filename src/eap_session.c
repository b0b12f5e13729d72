/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watched EAP conversation. The supplicant is the client. On a LAN the ends
 * are MAC addresses; over RADIUS they are the NAS and the RADIUS server, and
 * what the NAS says of the supplicant (RFC 3579 section 2.2) is kept.
 */
#include "eap_session.h"

#include "base/text.h"
#include "dissectors/eap.h"
#include "dissectors/radius.h"
#include "known/known.h"

#include <stdlib.h>

#define ABOUT_BYTES 640u

struct eap_session {
    struct eap_state eap;
    bool radius, rejected;
    bool client_known;
    unsigned client_dir;
    struct eap_name user, station, nas, reply;
};

/* The EAP packet that a packet brings, and for RADIUS what comes with it. */
struct inside {
    struct radius radius; /* code 0: EAPOL */
    struct span eap;
    uint32_t wire;
    uint8_t room[RADIUS_BYTES_MAX];
};

static void open_packet(const struct packet *p, struct inside *in)
{
    in->radius = (struct radius){0};
    in->eap = p->payload;
    in->wire = p->payload_wire_bytes;
    if (p->conversation) {
        radius_read(p->payload, p->payload_wire_bytes, in->room, &in->radius);
        in->eap = in->radius.eap;
        in->wire = in->radius.cut ? p->payload_wire_bytes : (uint32_t)in->eap.n;
    }
}

bool eap_opens_flow(const struct packet *p)
{
    struct inside in;
    open_packet(p, &in);
    return eap_begins(in.eap);
}

struct eap_session *eap_session_new(void)
{
    struct eap_session *e = calloc(1, sizeof *e);
    if (e) {
        e->eap.last = SIDE_NONE;
    }
    return e;
}

void eap_session_free(struct eap_session *e)
{
    if (e) {
        tls_fini(&e->eap.tls);
    }
    free(e);
}

/* A Start once the server has answered: the supplicant gave up. */
static bool is_restart(const struct handshake *hs, const struct packet *p)
{
    return !p->conversation && p->flags == EAPOL_START &&
           hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER);
}

bool eap_session_restarts(const struct eap_session *e,
                          const struct handshake *hs, const struct packet *p)
{
    if (!p->conversation && p->flags != EAPOL_EAP) {
        return is_restart(hs, p);
    }
    struct inside in;
    open_packet(p, &in);
    return eap_restarts(&e->eap, in.eap);
}

/* ---- a packet ---- */

static void learn(struct eap_session *e, const struct radius *r)
{
    e->radius = true;
    if (r->code == RADIUS_REQUEST) {
        eap_name_set(&e->user, r->user);
        eap_name_set(&e->station, r->station);
        eap_name_set(&e->nas, r->nas);
    } else if (r->code == RADIUS_REJECT) {
        e->rejected = true;
        eap_name_set(&e->reply, r->reply);
    }
}

static enum side sender(const struct packet *p, const struct inside *in)
{
    if (in->radius.code) {
        return in->radius.code == RADIUS_REQUEST ? SIDE_CLIENT : SIDE_SERVER;
    }
    return p->flags != EAPOL_EAP ? SIDE_CLIENT : eap_sender(in->eap);
}

static bool ends_now(const struct handshake *hs, unsigned from)
{
    for (unsigned i = from; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        bool fatal =
            e->kind == HS_ALERT &&
            known_alert_is_fatal(e->aux & 0xff, (uint8_t)(e->aux >> 8));
        if (fatal || e->kind == HS_CARRIER_REFUSED || e->kind == HS_PLAINTEXT) {
            return true;
        }
    }
    return false;
}

static enum session_want want_after(const struct eap_session *e,
                                    const struct handshake *hs, unsigned from,
                                    enum eap_news news)
{
    const struct eap_state *t = &e->eap;
    bool both = t->tls.dir[0].finished && t->tls.dir[1].finished;
    if (t->over && !eap_session_is_tls(hs)) {
        return WANT_DROP;
    }
    if (tls_settled(&t->tls, hs) || hs_find(hs, HS_EAP_SUCCESS, SIDE_NONE)) {
        return WANT_FINISH;
    }
    if (ends_now(hs, from)) {
        return WANT_CLOSING;
    }
    if (from < hs->events_n &&
        hs->events[hs->events_n - 1].kind == HS_EAP_FAILURE) {
        return WANT_HALF_CLOSED; /* it may be anybody's */
    }
    if (from < hs->events_n && both) {
        return WANT_SETTLING;
    }
    return news == EAP_NEWS_NONE ? WANT_KEEP : WANT_PROGRESS;
}

/* An Access-Reject stands for an EAP-Failure, which some servers leave out. */
static struct span or_failure(const struct inside *in, uint8_t failure[4])
{
    if (in->radius.code != RADIUS_REJECT || in->eap.n > 0) {
        return in->eap;
    }
    memcpy(failure, (const uint8_t[]){4, in->radius.id, 0, 4}, 4);
    return span_of(failure, 4);
}

enum session_want eap_session_packet(struct eap_session *e,
                                     struct handshake *hs,
                                     const struct packet *p, unsigned dir)
{
    struct inside in;
    uint8_t failure[4];
    unsigned from = hs->events_n;
    open_packet(p, &in);
    enum side side = sender(p, &in);
    if (!e->client_known) {
        e->client_known = true;
        e->client_dir = side == SIDE_CLIENT ? dir : 1 - dir;
        hs->transport = p->conversation ? TRANSPORT_UDP : TRANSPORT_LINK;
        hs->midstream = false;
    }
    hs->last = p->when;
    hs->frame_last = p->frame;
    if (in.radius.code) {
        learn(e, &in.radius);
    } else if (p->flags != EAPOL_EAP) {
        if (p->flags == EAPOL_LOGOFF && e->eap.begun) {
            hs_note(hs, HS_FIN, SIDE_CLIENT, 0, 0, p->when, p->frame);
            return WANT_CLOSING;
        }
        return WANT_KEEP;
    }
    struct span eap = or_failure(&in, failure);
    enum eap_news news =
        eap_feed(&e->eap, hs, eap, in.wire < eap.n ? (uint32_t)eap.n : in.wire,
                 p->when, p->frame);
    return want_after(e, hs, from, news);
}

bool eap_session_is_tls(const struct handshake *hs)
{
    return hs_find(hs, HS_CLIENT_HELLO, SIDE_NONE) ||
           hs_find(hs, HS_SERVER_HELLO, SIDE_NONE) ||
           hs_find(hs, HS_ALERT, SIDE_NONE) ||
           hs_find(hs, HS_CARRIER_REFUSED, SIDE_NONE);
}

/* ---- the end ---- */

static void add_name(struct text *t, const char *label,
                     const struct eap_name *n)
{
    if (n->n) {
        text_fmt(t, "%s%s ", t->n ? ", " : "", label);
        text_add_n(t, n->text, n->n);
    }
}

static void add_mac(struct text *t, const char *label, const uint8_t *mac)
{
    text_fmt(t, "%s%s %02x:%02x:%02x:%02x:%02x:%02x", t->n ? ", " : "", label,
             mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* Bytes of the network go in as they are: reporters escape. */
static void describe(const struct eap_session *e, struct handshake *hs)
{
    struct text t;
    text_init(&t, ABOUT_BYTES);
    add_name(&t, "identity", e->eap.identity.n ? &e->eap.identity : &e->user);
    if (e->radius) {
        add_name(&t, "station", &e->station);
        add_name(&t, "NAS", &e->nas);
    } else {
        add_mac(&t, "supplicant", hs->addr[SIDE_CLIENT].ip);
        add_mac(&t, "authenticator", hs->addr[SIDE_SERVER].ip);
    }
    hs->carrier_asked = arena_copy(&hs->arena, span_of(text_str(&t), t.n));
    text_clear(&t);
    if (e->rejected && hs->carrier_note.n == 0) {
        text_add(&t, "Access-Reject");
        add_name(&t, "with", &e->reply);
        hs->carrier_note = arena_copy(&hs->arena, span_of(text_str(&t), t.n));
    }
    text_free(&t);
}

void eap_session_finish(struct eap_session *e, struct handshake *hs,
                        const struct flow *f)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        enum side side = dir == e->client_dir ? SIDE_CLIENT : SIDE_SERVER;
        memcpy(hs->addr[side].ip, f->end[dir].ip, sizeof f->end[dir].ip);
        hs->addr[side].port = f->end[dir].port;
    }
    describe(e, hs);
}

size_t eap_session_bytes(const struct eap_session *e)
{
    return sizeof *e + e->eap.tls.dir[0].buf_size + e->eap.tls.dir[1].buf_size;
}
