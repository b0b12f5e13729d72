/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a handshake got, from its timeline. Leaves out what tells a reader
 * nothing: the TCP handshake once there is a hello, ChangeCipherSpec, and what
 * came after the end.
 */
#include "report/progress.h"

#include "report/fields.h"
#include "report/paint.h"

#define GROUPS_MAX  10u /* a line of more is not read */
#define GROUP_BYTES 512u

struct progress {
    struct text *out;
    const struct report_options *o;
    const struct handshake *hs;
    struct text group; /* what one side sent in a row */
    enum side side;
    unsigned groups;
    unsigned repeats; /* of the last kind in the group */
    uint8_t kind;
    bool elided;
    bool silent; /* the silence was told */
};

static bool is_shown(const struct handshake *hs, const struct hs_event *e)
{
    switch (e->kind) {
    case HS_NONE:
    case HS_CHANGE_CIPHER_SPEC:
        return false;
    case HS_SYN:
    case HS_SYN_ACK:
        return !hs_find(hs, HS_CLIENT_HELLO, SIDE_NONE);
    default:
        return true;
    }
}

/* HOW_NONE: the handshake itself went through, and the judge found what came
 * behind it to be a refusal. */
static bool ends_by(const struct hs_event *e, enum ended_how how)
{
    switch (how) {
    case HOW_ALERT:
        return e->kind == HS_ALERT || e->kind == HS_ENCRYPTED_ALERT ||
               e->kind == HS_PROTECTED;
    case HOW_RESET:
        return e->kind == HS_RST;
    case HOW_CLOSE:
        return e->kind == HS_FIN || e->kind == HS_EAP_FAILURE;
    case HOW_PLAINTEXT:
        return e->kind == HS_PLAINTEXT || e->kind == HS_CARRIER_REFUSED ||
               e->kind == HS_BAD_RECORD;
    case HOW_QUIC_CLOSE:
        return e->kind == HS_QUIC_CLOSE;
    case HOW_NONE:
        return e->kind == HS_ALERT || e->kind == HS_ENCRYPTED_ALERT ||
               e->kind == HS_PROTECTED || e->kind == HS_RST ||
               e->kind == HS_FIN;
    case HOW_TIMEOUT:
        break;
    }
    return false;
}

static bool sent_by(const struct hs_event *e, enum ended_by by)
{
    return by == BY_MIDDLEBOX || by == BY_NONE ||
           (by == BY_CLIENT && e->side == SIDE_CLIENT) ||
           (by == BY_SERVER && e->side == SIDE_SERVER);
}

unsigned progress_end(const struct record *r)
{
    const struct handshake *hs = r->hs;
    const struct conclusion *end = &hs->end_state;
    uint64_t frame = record_frame_decisive(r);
    unsigned found = hs->events_n;
    if (record_outcome(r) != OUTCOME_FAILURE) {
        return found;
    }
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (!ends_by(e, end->how) || !sent_by(e, end->by)) {
            continue;
        }
        if (e->frame == frame) {
            return i;
        }
        if (end->how != HOW_NONE) {
            found = i;
        }
    }
    return found;
}

/* What a carrier was asked for: a proxy, for a way to the server. */
static const char *carrier_step(const struct handshake *hs, uint8_t kind)
{
    struct span c = span_text(hs->carrier ? hs->carrier : "");
    bool tunnel = span_starts(c, "http-connect") || span_starts(c, "socks");
    if (kind == HS_CARRIER_REFUSED && hs->carrier_not_offered) {
        return "TLS not offered";
    }
    if (kind == HS_CARRIER_REFUSED && hs->carrier_demanded) {
        return "TLS demanded";
    }
    return !tunnel                 ? hs_kind_name((enum hs_kind)kind)
           : kind == HS_CARRIER    ? "tunnel asked for"
           : kind == HS_CARRIER_OK ? "tunnel granted"
                                   : "tunnel refused";
}

void progress_event(struct text *t, const struct handshake *hs,
                    const struct hs_event *e)
{
    const char *name = NULL;
    switch (e->kind) {
    case HS_CARRIER:
    case HS_CARRIER_OK:
    case HS_CARRIER_REFUSED:
        text_add(t, carrier_step(hs, e->kind));
        return;
    case HS_ALERT:
        text_add(t, e->aux >> 8 == 1 ? "warning alert " : "alert ");
        name = known_alert_name(e->aux & 0xff);
        if (name) {
            text_fmt(t, "%s ", name);
        }
        text_fmt(t, "(%u)", (unsigned)e->aux & 0xff);
        return;
    case HS_OTHER_HANDSHAKE:
    case HS_BAD_MESSAGE:
        text_add(t, e->kind == HS_BAD_MESSAGE ? "malformed " : "");
        name = known_handshake_name((uint8_t)(e->aux & 0xff));
        text_add(t, name ? name : "handshake message");
        return;
    case HS_FIN:
        text_add(t, "close");
        return;
    case HS_RST:
        text_add(t, "reset");
        return;
    default:
        text_add(t, hs_kind_name((enum hs_kind)e->kind));
    }
}

static void repeats_end(struct progress *p)
{
    if (p->repeats > 1) {
        text_fmt(&p->group, " %s%u", paint_sign(p->o, "×", "x"), p->repeats);
    }
    p->repeats = 0;
}

static void group_end(struct progress *p, bool ended)
{
    repeats_end(p);
    if (!p->group.n) {
        return;
    }
    if (p->groups >= GROUPS_MAX && !ended) {
        p->elided = true;
        text_clear(&p->group);
        return;
    }
    if (p->groups) {
        text_add(p->out, paint_sign(p->o, " · ", " | "));
    }
    if (p->elided) {
        text_add(p->out, paint_sign(p->o, "… · ", "... | "));
    }
    const char *cross = ended ? paint_sign(p->o, "✗", "x") : "";
    if (p->side == SIDE_CLIENT) {
        text_fmt(p->out, "%s %s%s", text_str(&p->group),
                 paint_sign(p->o, "→", "->"), cross);
    } else {
        text_fmt(p->out, "%s%s %s", cross, paint_sign(p->o, "←", "<-"),
                 text_str(&p->group));
    }
    p->groups++;
    text_clear(&p->group);
}

static void group_add(struct progress *p, const struct hs_event *e)
{
    /* An ICMP error travels towards the side it is noted under. */
    enum side side = e->kind == HS_ICMP ? side_other((enum side)e->side)
                                        : (enum side)e->side;
    if (side != p->side) {
        group_end(p, false);
        p->side = side;
    }
    bool counts = e->kind != HS_ALERT && e->kind != HS_OTHER_HANDSHAKE &&
                  e->kind != HS_BAD_MESSAGE;
    if (p->group.n && p->kind == e->kind && counts) {
        p->repeats++;
        return;
    }
    repeats_end(p);
    if (p->group.n) {
        text_add(&p->group, ", ");
    }
    progress_event(&p->group, p->hs, e);
    p->kind = e->kind;
    p->repeats = 1;
}

/* A wait between two steps; what decided when `fatal`. `lasted` 0: longer than
 * we waited. */
static void silence(struct progress *p, tick_t lasted, bool fatal)
{
    text_add(p->out, p->groups ? paint_sign(p->o, " · ", " | ") : "");
    text_add(p->out, "silence");
    if (lasted >= 10 * TICK_SEC) {
        text_fmt(p->out, " (%u s)", (unsigned)(lasted / TICK_SEC));
    } else if (lasted) {
        text_fmt(p->out, " (%u.%u s)", (unsigned)(lasted / TICK_SEC),
                 (unsigned)(lasted % TICK_SEC / (100 * TICK_MSEC)));
    } else if (p->hs->timeout_ms >= 1000) {
        text_fmt(p->out, " (over %u s)", (unsigned)(p->hs->timeout_ms / 1000));
    }
    text_add(p->out, fatal ? paint_sign(p->o, " ✗", " x") : "");
    p->silent = p->silent || fatal;
    p->groups++;
}

/* Whether there was a wait before event `e`; what is sent again was waited for
 * by its sender. */
static bool is_wait(const struct progress *p, const struct hs_event *e,
                    tick_t before)
{
    return before && e->when - before >= TICK_SEC &&
           !(e->kind == p->kind && e->side == p->side);
}

static bool is_close(const struct hs_event *e)
{
    return e->kind == HS_FIN || e->kind == HS_RST;
}

/* A ClientHello that was begun leaves no event. */
static bool is_half_hello(const struct handshake *hs)
{
    return hs->when_hello && hs->flavour == FLAVOUR_TLS &&
           !hs_find(hs, HS_CLIENT_HELLO, SIDE_NONE) &&
           !hs_find(hs, HS_PLAINTEXT, SIDE_CLIENT) &&
           !hs_find(hs, HS_GAP, SIDE_NONE);
}

static void half_hello(struct progress *p)
{
    group_end(p, false);
    p->side = SIDE_CLIENT;
    text_add(&p->group, "part of a ClientHello");
    p->kind = HS_NONE;
}

/* A hello is told by its beginning, but noted behind the bytes that it lacks.
 */
static bool is_gap_in_hello(const struct handshake *hs, unsigned i)
{
    const struct hs_event *e = &hs->events[i];
    return i + 1 < hs->events_n && e->kind == HS_GAP &&
           e[1].kind == HS_CLIENT_HELLO && e->side == e[1].side &&
           e->frame == e[1].frame;
}

static const struct hs_event *told_at(const struct handshake *hs, unsigned i)
{
    if (is_gap_in_hello(hs, i)) {
        return &hs->events[i + 1];
    }
    return &hs->events[i > 0 && is_gap_in_hello(hs, i - 1) ? i - 1 : i];
}

/* A record that was read back has no timeline: the last step and the end. */
static void read_back(struct text *t, const struct record *r)
{
    const struct conclusion *end = &r->hs->end_state;
    text_fmt(t, "up to %s", stage_words(end->stage));
    if (record_outcome(r) != OUTCOME_FAILURE || end->how == HOW_NONE) {
        return;
    }
    text_fmt(t, ", then %s", ended_how_name(end->how));
    if (end->has_alert && end->alert_code != ALERT_NONE) {
        const char *name = known_alert_name(end->alert_code);
        text_fmt(t, " %s%s(%u)", name ? name : "", name ? " " : "",
                 (unsigned)end->alert_code);
    }
    if (end->by != BY_NOBODY && end->by != BY_NONE) {
        text_fmt(t, " by the %s", ended_by_name(end->by));
    }
}

void progress_text(struct text *t, const struct record *r,
                   const struct report_options *o)
{
    struct progress p = {.out = t, .o = o, .hs = r->hs, .side = SIDE_NONE};
    if (r->read_back) {
        read_back(t, r);
        return;
    }
    unsigned end = progress_end(r);
    bool silent = record_outcome(r) == OUTCOME_FAILURE &&
                  r->hs->end_state.how == HOW_TIMEOUT;
    bool half = is_half_hello(r->hs);
    tick_t before = 0;
    text_init(&p.group, GROUP_BYTES);
    for (unsigned i = 0; i < r->hs->events_n && i <= end; i++) {
        const struct hs_event *e = told_at(r->hs, i);
        if (i != end && !is_shown(r->hs, e)) {
            continue;
        }
        if (half && e->kind != HS_SYN && e->kind != HS_SYN_ACK) {
            half_hello(&p);
            before = r->hs->when_hello;
            half = false;
        }
        if (is_wait(&p, e, before)) {
            group_end(&p, false);
            silence(&p, e->when - before, silent && !p.silent && is_close(e));
        }
        before = e->when;
        group_add(&p, e);
    }
    if (half) {
        half_hello(&p);
    }
    group_end(&p, end < r->hs->events_n);
    if (silent && !p.silent) {
        silence(&p, 0, true);
    }
    text_free(&p.group);
}
