/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP packets (RFC 3748 section 4) and TLS in them: the flags, lengths and
 * fragments of RFC 5216 section 3.1, which PEAP
 * (draft-josefsson-pppext-eap-tls-eap) and EAP-TTLS (RFC 5281 section 9.1)
 * share. A server proposes a method by a Start; a peer that wants another one
 * says so by a Nak (RFC 3748 section 5.3).
 *
 * Requests and Responses alternate, and a repetition has the Identifier and the
 * bytes of the first: two different packets in a row from one side mean that
 * the capture lacks the other's answer.
 *
 * Of PEAP and EAP-TTLS the outer handshake is read; what is inside the tunnel
 * is the tunnel's. EAP-FAST and TEAP, which put data of their own beside TLS,
 * are not read.
 */
#include "dissectors/eap.h"

#include <stdio.h>

enum { CODE_REQUEST = 1, CODE_RESPONSE, CODE_SUCCESS, CODE_FAILURE };

enum {
    TYPE_IDENTITY = 1,
    TYPE_NOTIFICATION = 2,
    TYPE_NAK = 3,
    TYPE_TLS = 13,
    TYPE_TTLS = 21,
    TYPE_PEAP = 25,
};

enum { FLAG_LENGTH = 0x80, FLAG_MORE = 0x40, FLAG_START = 0x20 };

#define HEADER_BYTES 4u
#define GAP_BYTES    0xffffu /* more than any record: its boundaries are lost */

struct packet_view {
    uint8_t code, id, type;
    uint16_t length;
    uint8_t flags;
    struct cursor rest; /* behind the type, or behind the flags and length */
};

static bool is_tls_type(uint8_t type)
{
    return type == TYPE_TLS || type == TYPE_TTLS || type == TYPE_PEAP;
}

static const char *method_word(uint8_t type)
{
    return type == TYPE_TLS    ? "eap-tls"
           : type == TYPE_PEAP ? "peap"
                               : "eap-ttls";
}

static const char *method_name(uint8_t type)
{
    return type == TYPE_TLS    ? "EAP-TLS"
           : type == TYPE_PEAP ? "PEAP"
                               : "EAP-TTLS";
}

/* ---- reading a packet ---- */

static bool view(struct span packet, struct packet_view *v)
{
    struct cursor c = cursor_open(packet);
    *v = (struct packet_view){.code = cursor_u8(&c, "code"),
                              .id = cursor_u8(&c, "identifier"),
                              .length = cursor_u16(&c, "length")};
    if (!cursor_ok(&c) || v->length < HEADER_BYTES || v->code < CODE_REQUEST ||
        v->code > CODE_FAILURE) {
        return false;
    }
    /* What lies behind the length is padding of the link. */
    struct span body = span_sub(packet, HEADER_BYTES, v->length - HEADER_BYTES);
    v->rest = cursor_open(body);
    if (v->code > CODE_RESPONSE) {
        return true;
    }
    v->type = cursor_u8(&v->rest, "type");
    if (cursor_ok(&v->rest) && is_tls_type(v->type) && cursor_left(&v->rest)) {
        v->flags = cursor_u8(&v->rest, "flags");
        if (v->flags & FLAG_LENGTH) {
            cursor_skip(&v->rest, 4, "message length");
        }
    }
    return cursor_ok(&v->rest);
}

static bool is_start(const struct packet_view *v)
{
    return v->code == CODE_REQUEST && is_tls_type(v->type) &&
           (v->flags & FLAG_START);
}

static bool is_identity(const struct packet_view *v)
{
    return v->code == CODE_RESPONSE && v->type == TYPE_IDENTITY;
}

/* FNV-1a: tells repetitions from news; nothing hangs on it for others. */
static uint64_t digest_of(struct span s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ s.p[i]) * UINT64_C(0x100000001b3);
    }
    return h;
}

static bool is_repeated(const struct eap_dir *d, const struct packet_view *v,
                        struct span packet)
{
    return d->seen && d->id == v->id && d->n == v->length &&
           d->digest == digest_of(span_sub(packet, 0, v->length));
}

enum side eap_sender(struct span packet)
{
    struct packet_view v;
    return view(packet, &v) && v.code == CODE_RESPONSE ? SIDE_CLIENT
                                                       : SIDE_SERVER;
}

bool eap_begins(struct span packet)
{
    struct packet_view v;
    if (!view(packet, &v)) {
        return false;
    }
    if (is_start(&v) || is_identity(&v)) {
        return true;
    }
    struct span data = cursor_rest(&v.rest);
    return v.code == CODE_RESPONSE && is_tls_type(v.type) &&
           tls_probe(data) == TLS_PROBE_CLIENT_HELLO;
}

bool eap_restarts(const struct eap_state *t, struct span packet)
{
    struct packet_view v;
    if (!view(packet, &v) || v.code > CODE_RESPONSE) {
        return false;
    }
    enum side side = v.code == CODE_RESPONSE ? SIDE_CLIENT : SIDE_SERVER;
    if (is_repeated(&t->dir[side], &v, packet)) {
        return false;
    }
    return (is_start(&v) && t->begun) ||
           (is_identity(&v) && (t->begun || t->method || t->over));
}

/* ---- TLS inside ---- */

struct reader {
    struct eap_state *t;
    struct handshake *hs;
    enum side side;
    tick_t when;
    uint64_t frame;
};

static void note(const struct reader *r, enum hs_kind kind, enum side side)
{
    hs_note(r->hs, kind, side, 0, 0, r->when, r->frame);
}

static void choose(const struct reader *r, uint8_t type)
{
    r->t->method = type;
    r->t->declined = false;
    r->t->other = false;
    r->hs->carrier = method_word(type);
}

/* The capture lacks a packet of one side, or the end of one. */
static void lose(const struct reader *r, enum side side)
{
    if (r->t->begun) {
        tls_gap(&r->t->tls, r->hs, side, GAP_BYTES, r->when, r->frame);
        r->t->dir[side].more = false;
    }
}

static void tls_data(const struct reader *r, const struct packet_view *v,
                     struct span data)
{
    struct eap_state *t = r->t;
    struct handshake *hs = r->hs;
    if (!t->begun && r->side == SIDE_CLIENT) {
        if (hs_find(hs, HS_CARRIER, SIDE_NONE)) {
            note(r, HS_CARRIER_OK, SIDE_CLIENT);
        }
        hs->when_hello = r->when;
    }
    if (!t->method || t->method != v->type) {
        choose(r, v->type);
    }
    t->begun = true;
    hs->dir[r->side].bytes += data.n;
    hs->dir[r->side].last_data = r->when;
    tls_feed(&t->tls, hs, r->side, data, r->when, r->frame,
             !t->dir[r->side].more);
}

static void method_packet(const struct reader *r, struct packet_view *v,
                          bool cut)
{
    if (is_start(v)) {
        if (!hs_find(r->hs, HS_CARRIER, SIDE_NONE)) {
            note(r, HS_CARRIER, SIDE_SERVER);
        }
        choose(r, v->type);
        return;
    }
    struct span data = cursor_rest(&v->rest);
    if (data.n) {
        tls_data(r, v, data);
    }
    r->t->dir[r->side].more = (v->flags & FLAG_MORE) != 0;
    if (cut) {
        r->hs->dir[r->side].cut = true;
        lose(r, r->side);
    }
}

/* ---- other packets ---- */

void eap_name_set(struct eap_name *name, struct span text)
{
    struct span kept = span_sub(text, 0, sizeof name->text);
    name->n = (uint8_t)kept.n;
    if (kept.n) {
        memcpy(name->text, kept.p, kept.n);
    }
}

/* The methods that the peer would rather have, or 0 for none. */
static void nak(const struct reader *r, struct packet_view *v)
{
    struct eap_state *t = r->t;
    bool any = false;
    t->wish = 0;
    while (cursor_left(&v->rest)) {
        uint8_t type = cursor_u8(&v->rest, "desired type");
        any = any || type;
        if (!t->wish && is_tls_type(type)) {
            t->wish = type;
        }
    }
    if (t->begun || (!t->method && !t->wish)) {
        return;
    }
    if (!t->method) {
        note(r, HS_CARRIER, SIDE_CLIENT);
        r->hs->carrier = method_word(t->wish);
    }
    t->declined = true;
    char said[96];
    const char *wanted = !any      ? ""
                         : t->wish ? method_name(t->wish)
                                   : "a method without TLS";
    int n = t->method
                ? snprintf(said, sizeof said, "Nak of %s%s%s",
                           method_name(t->method), any ? ", for " : "", wanted)
                : snprintf(said, sizeof said, "Nak, for %s", wanted);
    if (n > 0) {
        r->hs->carrier_note = arena_copy(&r->hs->arena, span_text(said));
    }
}

static enum eap_news end(const struct reader *r, bool success)
{
    struct eap_state *t = r->t;
    t->over = true;
    if (t->begun) {
        note(r, success ? HS_EAP_SUCCESS : HS_EAP_FAILURE, SIDE_SERVER);
    } else if (!success && t->declined && !t->other) {
        note(r, HS_CARRIER_REFUSED, t->wish ? SIDE_SERVER : SIDE_CLIENT);
    }
    return EAP_NEWS_OVER;
}

static void count(const struct reader *r, const struct packet_view *v)
{
    struct hs_dir *d = &r->hs->dir[r->side];
    d->packets++;
    d->first = d->packets == 1 ? r->when : d->first;
    d->last = r->when;
    if (v->length > d->max_segment) {
        d->max_segment = v->length;
    }
}

static enum eap_news talk(const struct reader *r, struct packet_view *v,
                          bool cut)
{
    if (is_tls_type(v->type)) {
        method_packet(r, v, cut);
    } else if (v->code == CODE_RESPONSE && v->type == TYPE_NAK) {
        nak(r, v);
    } else if (is_identity(v)) {
        eap_name_set(&r->t->identity, cursor_rest(&v->rest));
    } else if (v->code == CODE_REQUEST && v->type > TYPE_NAK) {
        r->t->other = true;
    }
    return EAP_NEWS_SOME;
}

enum eap_news eap_feed(struct eap_state *t, struct handshake *hs,
                       struct span packet, uint32_t wire, tick_t when,
                       uint64_t frame)
{
    struct packet_view v;
    if (!view(packet, &v) || v.length > wire) {
        return EAP_NEWS_NONE;
    }
    enum side side = v.code == CODE_RESPONSE ? SIDE_CLIENT : SIDE_SERVER;
    struct reader r = {t, hs, side, when, frame};
    struct eap_dir *d = &t->dir[side];
    count(&r, &v);
    if (v.code == CODE_FAILURE) { /* anybody's, if the two go on */
        return end(&r, false);
    }
    if (is_repeated(d, &v, packet)) {
        hs->dir[side].retransmits++;
        hs->dir[side].retransmits_big += v.length >= 1000;
        return EAP_NEWS_NONE;
    }
    bool data = v.code <= CODE_RESPONSE && is_tls_type(v.type) && !is_start(&v);
    if (d->seen && t->last == side && data) {
        lose(&r, side_other(side));
    }
    d->seen = true;
    d->id = v.id;
    d->n = v.length;
    d->digest = digest_of(span_sub(packet, 0, v.length));
    t->last = side;
    if (v.code > CODE_RESPONSE) {
        return end(&r, v.code == CODE_SUCCESS);
    }
    return talk(&r, &v, packet.n < v.length);
}
