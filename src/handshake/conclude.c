/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the timeline to outcome, stage, and who ended it how.
 *
 * TLS <= 1.2 shows its steps; what TLS 1.3 hides is told by conclude_tls13.c
 * and, where secrets opened the records, by conclude_opened.c; datagrams by
 * conclude_udp.c. The first abnormal event wins; what follows a FIN, RST or
 * alert of the other side is reaction. Where the capture has holes the outcome
 * is unknown rather than somebody's fault.
 *
 * It does not say why: that is src/judge.
 */
#include "handshake/conclude.h"

#include "handshake/conclude_udp.h"
#include "known/known.h"

enum { ALERT_CLOSE_NOTIFY = 0, ALERT_USER_CANCELED = 90 };

/* Who looks at the certificate after the handshake does it at once, or after a
 * look at a revocation server; connections kept in store idle for longer. */
#define LATE_REJECTION (3 * TICK_SEC)

bool conclude_is_close(const struct hs_event *e)
{
    return e->kind == HS_FIN || e->kind == HS_RST || e->kind == HS_EAP_FAILURE;
}

bool conclude_is_prompt(const struct hs_event *finished,
                        const struct hs_event *close)
{
    return close->when - finished->when <= LATE_REJECTION;
}

/* Handshake messages and records that only an intact handshake goes on to. */
bool conclude_is_progress(const struct hs_event *e)
{
    return (e->kind >= HS_CLIENT_HELLO && e->kind <= HS_ENCRYPTED_HANDSHAKE) ||
           e->kind == HS_PROTECTED || e->kind == HS_APPLICATION_DATA;
}

/* Whether anything goes on after event i. */
static bool progress_after(const struct handshake *hs, unsigned i)
{
    for (i++; i < hs->events_n; i++) {
        if (conclude_is_progress(&hs->events[i])) {
            return true;
        }
    }
    return false;
}

/*
 * Whether a readable alert ends the attempt. Warnings do not (RFC 5246
 * section 7.2), unless nothing but a close comes after them: servers of the
 * s2n family say close_notify for everything.
 */
static bool alert_ends(const struct handshake *hs, unsigned i)
{
    const struct hs_event *e = &hs->events[i];
    if (known_alert_is_fatal(e->aux & 0xff, (uint8_t)(e->aux >> 8))) {
        return true;
    }
    return !progress_after(hs, i);
}

/* A reset, FIN or EAP-Failure that both ends ignored was not theirs. Who
 * accepted a reset says no more, not even goodbye. */
static bool close_ends(const struct handshake *hs, unsigned i)
{
    bool on[2] = {false, false};
    bool reset = hs->events[i].kind == HS_RST;
    bool eap = hs->events[i].kind == HS_EAP_FAILURE; /* comes after an alert */
    enum side sender = (enum side)hs->events[i].side;
    for (i++; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        bool goodbye = e->kind == HS_FIN || e->kind == HS_ALERT ||
                       e->kind == HS_ENCRYPTED_ALERT;
        if (e->side < SIDE_NONE &&
            (conclude_is_progress(e) || (eap && e->kind == HS_ALERT))) {
            on[e->side] = true;
        } else if (reset && goodbye && e->side != sender && on[sender]) {
            on[side_other(sender)] = true;
        }
    }
    return !(on[SIDE_CLIENT] && on[SIDE_SERVER]);
}

/* A FIN behind one's own Finished may meet the peer's Finished on its way. */
static bool fin_ends(const struct scan *s, unsigned i)
{
    const struct handshake *hs = s->hs;
    enum side side = (enum side)hs->events[i].side;
    if (!s->finished[side]) {
        return true;
    }
    for (i++; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_FINISHED && e->side != side) {
            return false;
        }
    }
    return true;
}

/* Broken records are what the other side objects to: its alert is the end. */
static bool alert_follows(const struct handshake *hs, unsigned i)
{
    enum side other = side_other((enum side)hs->events[i].side);
    for (i++; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->side == other && e->kind != HS_GAP && e->kind != HS_FOREIGN) {
            return e->kind == HS_ALERT;
        }
    }
    return false;
}

/* A banner in front of a real TLS answer is some protocol's prelude. */
static bool speaks_tls_after(const struct handshake *hs, unsigned i)
{
    enum side side = (enum side)hs->events[i].side;
    for (i++; i < hs->events_n; i++) {
        if (hs->events[i].side == side &&
            conclude_is_progress(&hs->events[i])) {
            return true;
        }
    }
    return false;
}

/* The server's plaintext that crossed the close of a client which had not seen
 * any TLS from it is what that close was about. */
static const struct hs_event *crossing_plaintext(const struct scan *s)
{
    const struct handshake *hs = s->hs;
    if (!s->end || !conclude_is_close(s->end) || s->end->side != SIDE_CLIENT ||
        s->out->stage > STAGE_CLIENT_HELLO) {
        return NULL;
    }
    const struct hs_event *e = hs_find(hs, HS_PLAINTEXT, SIDE_SERVER);
    return e && e > s->end ? e : NULL;
}

/* Plaintext is often understood only when all is over: it came before the
 * close all the same. */
static const struct hs_event *plaintext_before(const struct scan *s)
{
    const struct hs_event *end = s->end;
    if (!end || !conclude_is_close(end)) {
        return NULL;
    }
    for (const struct hs_event *e = end + 1;
         e < s->hs->events + s->hs->events_n; e++) {
        if (e->kind == HS_PLAINTEXT && e->when < end->when) {
            return e;
        }
    }
    return NULL;
}

/* What its sender said before the reset, which overtook it on the way. */
static bool alert_was_overtaken(const struct handshake *hs, unsigned i)
{
    const struct hs_event *rst = &hs->events[i];
    for (i++; i < hs->events_n && !conclude_is_foreign(rst); i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_ALERT && e->side == rst->side && alert_ends(hs, i)) {
            return true;
        }
    }
    return false;
}

static bool event_ends(const struct scan *s, unsigned i)
{
    const struct handshake *hs = s->hs;
    const struct hs_event *e = &hs->events[i];
    switch ((enum hs_kind)e->kind) {
    case HS_ALERT:
        return alert_ends(hs, i) && !hs_ended_nothing(hs, e);
    case HS_RST:
        return close_ends(hs, i) && !alert_was_overtaken(hs, i);
    case HS_EAP_FAILURE:
        return close_ends(hs, i);
    case HS_FIN:
        return fin_ends(s, i) && close_ends(hs, i);
    case HS_BAD_RECORD:
        return !alert_follows(hs, i);
    case HS_PLAINTEXT:
        return !speaks_tls_after(hs, i);
    case HS_ENCRYPTED_ALERT:
    case HS_CARRIER_REFUSED:
        return true;
    case HS_QUIC_CLOSE:
        return !hs_ended_nothing(hs, e);
    default:
        return false;
    }
}

/* ---- stages ---- */

static enum stage stage_of(const struct hs_event *e)
{
    bool client = e->side == SIDE_CLIENT;
    switch ((enum hs_kind)e->kind) {
    case HS_CARRIER:
    case HS_CARRIER_OK:
        return STAGE_TUNNEL;
    case HS_CLIENT_HELLO:
        return STAGE_CLIENT_HELLO;
    case HS_HELLO_RETRY_REQUEST:
        return STAGE_HELLO_RETRY_REQUEST;
    case HS_SERVER_HELLO:
        return STAGE_SERVER_HELLO;
    case HS_CERTIFICATE:
        return client ? STAGE_CLIENT_CERTIFICATE : STAGE_SERVER_CERTIFICATE;
    case HS_CERTIFICATE_REQUEST:
        return STAGE_CERTIFICATE_REQUEST;
    case HS_SERVER_HELLO_DONE:
        return STAGE_SERVER_DONE;
    case HS_CLIENT_KEY_EXCHANGE:
        return STAGE_CLIENT_KEY_EXCHANGE;
    case HS_FINISHED:
        return client ? STAGE_CLIENT_FINISHED : STAGE_SERVER_FINISHED;
    default:
        return STAGE_TCP;
    }
}

/* In TLS 1.3 the server's Finished ends its flight, before the client's. */
static enum stage stage_of_opened(const struct hs_event *e)
{
    bool server = e->kind == HS_FINISHED && e->side == SIDE_SERVER;
    return server ? STAGE_SERVER_DONE : stage_of(e);
}

void conclude_raise_stage(struct conclusion *out, enum stage s)
{
    if (s > out->stage) {
        out->stage = s;
    }
}

/* ---- the end ---- */

static enum ended_by by_side(const struct hs_event *e)
{
    return e->side == SIDE_CLIENT ? BY_CLIENT : BY_SERVER;
}

static unsigned bits_set(unsigned v)
{
    return (unsigned)__builtin_popcount(v);
}

/* Somebody else's reset or FIN: told by what its headers cannot explain. */
bool conclude_is_foreign(const struct hs_event *e)
{
    unsigned odd =
        e->aux & (HS_RST_TTL_ODD | HS_RST_IPID_ODD | HS_RST_SEQ_ODD |
                  HS_RST_EARLY | HS_RST_DF_ODD | HS_ODD_CHECKSUM | HS_ODD_ACK |
                  HS_ODD_OPTIONS | HS_RST_BARE | HS_RST_ACK_AFTER);
    return (e->aux & HS_RST_DATA_AFTER) || bits_set(odd) >= 2;
}

static void set_alert(struct conclusion *out, const struct hs_event *e,
                      bool unread)
{
    out->has_alert = true;
    out->alert_encrypted = unread || hs_alert_was_encrypted(e);
    out->alert_side = (enum side)e->side;
    out->alert_code = unread ? ALERT_NONE : (uint16_t)(e->aux & 0xff);
    out->alert_level = unread ? 0 : (uint8_t)(e->aux >> 8);
}

static void set_quic_alert(struct conclusion *out, const struct hs_event *e)
{
    if (hs_close_is_alert(e)) {
        out->has_alert = true;
        out->alert_encrypted = (e->aux & HS_CLOSE_SEALED) != 0;
        out->alert_side = (enum side)e->side;
        out->alert_code = e->aux & 0xff;
        out->alert_level = 2;
    }
}

void conclude_fail_by(struct conclusion *out, const struct hs_event *e)
{
    out->outcome = OUTCOME_FAILURE;
    out->frame_decisive = e->frame;
    out->when_decisive = e->when;
    out->by = by_side(e);
    switch ((enum hs_kind)e->kind) {
    case HS_ALERT:
        out->how = HOW_ALERT;
        set_alert(out, e, false);
        break;
    case HS_ENCRYPTED_ALERT:
    case HS_PROTECTED:
        out->how = HOW_ALERT;
        set_alert(out, e, true);
        break;
    case HS_RST:
        out->how = HOW_RESET;
        if (conclude_is_foreign(e)) {
            out->by = BY_MIDDLEBOX;
        }
        break;
    case HS_PLAINTEXT:
    case HS_BAD_RECORD:
    case HS_CARRIER_REFUSED:
        out->how = HOW_PLAINTEXT;
        break;
    case HS_QUIC_CLOSE:
        out->how = HOW_QUIC_CLOSE;
        set_quic_alert(out, e);
        break;
    default:
        out->how = HOW_CLOSE;
        if (conclude_is_foreign(e)) {
            out->by = BY_MIDDLEBOX;
        }
        break;
    }
}

/* The other side's readable answer to plaintext: not the end, but telling. */
static void note_reaction(struct scan *s)
{
    const struct handshake *hs = s->hs;
    if (!s->end || s->end->kind != HS_PLAINTEXT) {
        return;
    }
    for (unsigned i = s->after; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_ALERT && e->side != s->end->side) {
            set_alert(s->out, e, false);
            return;
        }
    }
}

void conclude_succeed(struct conclusion *out)
{
    out->outcome = OUTCOME_SUCCESS;
    out->established = true;
    out->stage = STAGE_ESTABLISHED;
}

/* ---- walking the timeline (all versions) ---- */

/* A hole shows late, by packets behind it or by repeated acknowledgements: one
 * that is noted after the end may well lie before it. */
static bool gap_follows(const struct handshake *hs, unsigned i)
{
    for (; i < hs->events_n; i++) {
        if (hs->events[i].kind == HS_GAP) {
            return true;
        }
    }
    return false;
}

void conclude_walk(struct scan *s)
{
    const struct handshake *hs = s->hs;
    s->after = hs->events_n;
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_GAP) {
            s->gap = true;
        }
        if (e->kind == HS_FINISHED && e->side < SIDE_NONE) {
            s->finished[e->side] = true;
        }
        conclude_raise_stage(s->out,
                             s->opened ? stage_of_opened(e) : stage_of(e));
        if (s->finished[SIDE_CLIENT] && s->finished[SIDE_SERVER]) {
            s->after = i + 1;
            return;
        }
        if (event_ends(s, i)) {
            s->end = e;
            s->after = i + 1;
            s->gap = s->gap || gap_follows(hs, s->after);
            return;
        }
    }
}

/* ---- TLS <= 1.2 ---- */

/* All alerts are fatal but for two ways to say goodbye, and what is sent as a
 * warning (RFC 8446 section 6). */
bool conclude_is_fatal(const struct hs_event *e)
{
    unsigned code = e->aux & 0xff;
    unsigned level = e->aux >> 8;
    return e->kind == HS_ALERT && code != ALERT_CLOSE_NOTIFY &&
           code != ALERT_USER_CANCELED &&
           (level == 2 || known_alert_is_fatal((uint16_t)code, (uint8_t)level));
}

/* A fatal alert behind both Finished takes the handshake back: the client's
 * (its view on the certificate comes late), and in a resumption, where the
 * client's Finished is the last, the server's. */
static bool refuses_late(const struct scan *s, const struct hs_event *e)
{
    return conclude_is_fatal(e) && (e->side == SIDE_CLIENT || s->out->resumed);
}

static void refuse_late(struct scan *s, const struct hs_event *e)
{
    s->out->established = false;
    s->out->stage = STAGE_SERVER_FINISHED;
    conclude_fail_by(s->out, e);
}

/*
 * After both Finished: closed before any data? Some clients (NSS, .NET) judge
 * the certificate only then: their fatal alert is encrypted and the server has
 * no close_notify to answer with, while an orderly close is mostly answered.
 */
static void late_close(struct scan *s)
{
    const struct handshake *hs = s->hs;
    const struct hs_event *first = NULL;
    bool answered = false;
    for (unsigned i = s->after; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        bool alert = e->kind == HS_ENCRYPTED_ALERT || hs_alert_was_encrypted(e);
        if (e->kind == HS_APPLICATION_DATA || e->kind == HS_GAP ||
            (!first && e->kind == HS_ENCRYPTED_HANDSHAKE)) {
            return; /* used, if only to negotiate anew */
        }
        if (!first && alert && refuses_late(s, e)) {
            refuse_late(s, e);
            return;
        }
        if (!first && (alert || conclude_is_close(e))) {
            first = e;
        } else if (first && alert && e->side != first->side) {
            answered = true;
        }
    }
    if (!first || first->side != SIDE_CLIENT) {
        return;
    }
    s->out->late_rejection_possible =
        conclude_is_prompt(&hs->events[s->after - 1], first);
    s->out->frame_decisive = first->frame;
    s->out->when_decisive = first->when;
    bool alert = first->kind == HS_ENCRYPTED_ALERT;
    s->out->late_alert_answered = alert && answered;
    s->out->late_alert_unanswered =
        alert && !answered && hs->end == HS_END_CLOSED;
}

/* Bytes of the server that the capture lacks, between two events. */
static bool is_gap_between(const struct hs_event *from,
                           const struct hs_event *to)
{
    for (const struct hs_event *e = from; e < to; e++) {
        if (e->kind == HS_GAP && e->side == SIDE_SERVER) {
            return true;
        }
    }
    return false;
}

/* The server went from its ServerHello straight to ChangeCipherSpec. */
static bool is_resumed12(const struct handshake *hs)
{
    const struct hs_event *hello = hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER);
    const struct hs_event *ccs =
        hs_find(hs, HS_CHANGE_CIPHER_SPEC, SIDE_SERVER);
    return hello && ccs && ccs > hello && hs->version != UNSEEN_U16 &&
           !is_gap_between(hello, ccs) &&
           !hs_find(hs, HS_CERTIFICATE, SIDE_SERVER) &&
           !hs_find(hs, HS_SERVER_KEY_EXCHANGE, SIDE_SERVER) &&
           !hs_find(hs, HS_SERVER_HELLO_DONE, SIDE_SERVER);
}

/* ---- everything together ---- */

uint32_t conclude_blind_spots(const struct scan *s)
{
    const struct handshake *hs = s->hs;
    uint32_t blind = 0;
    bool from[2];
    for (int i = 0; i < 2; i++) {
        from[i] = hs->dir[i].packets > 0;
        if (hs->dir[i].cut) {
            blind |= BLIND_SNAPLEN;
        }
    }
    if ((!from[SIDE_CLIENT] || !from[SIDE_SERVER]) &&
        !conclude_is_unanswered(hs)) {
        blind |= BLIND_ONE_DIRECTION;
    }
    if (hs->midstream && !hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT)) {
        blind |= BLIND_MIDSTREAM;
    }
    if (s->gap) {
        blind |= BLIND_GAP;
    }
    if (hs->end == HS_END_EVICTED || hs->arena.limited || hs->events_lost) {
        blind |= BLIND_LIMIT;
    }
    if (hs->end == HS_END_CAPTURE && !s->end) {
        blind |= BLIND_CAPTURE_ENDED;
    }
    return blind;
}

/* Without the connection's beginning a hello may be the second one, after an
 * answer that was missed; unless the server answers it as the first. */
static bool is_beginning_missed(const struct scan *s)
{
    const struct handshake *hs = s->hs;
    return hs->midstream && hs->transport == TRANSPORT_TCP &&
           !hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER) &&
           !hs_find(hs, HS_HELLO_RETRY_REQUEST, SIDE_SERVER);
}

/* The client left before the server could have said anything. */
static void note_cancelled(struct scan *s)
{
    const struct handshake *hs = s->hs;
    struct conclusion *out = s->out;
    bool by_client = out->by == BY_CLIENT && !out->has_alert &&
                     (out->how == HOW_CLOSE || out->how == HOW_RESET ||
                      out->how == HOW_QUIC_CLOSE);
    if (!by_client || out->stage != STAGE_CLIENT_HELLO || !hs->when_hello) {
        return;
    }
    if (is_beginning_missed(s)) {
        *out = (struct conclusion){.stage = out->stage,
                                   .alert_code = ALERT_NONE,
                                   .blind = out->blind | BLIND_MIDSTREAM};
    } else if (out->when_decisive - hs->when_hello < TICK_SEC) {
        out->benign = true;
        out->benign_why = "the client gave up before the server could answer, "
                          "as browsers do with connections they no longer need";
    }
}

/* Whether silence up to the timeout is somebody's fault: both directions were
 * captured whole. */
static bool silence_counts(const struct scan *s)
{
    const uint32_t not_ours = BLIND_ONE_DIRECTION | BLIND_GAP | BLIND_SNAPLEN |
                              BLIND_LIMIT | BLIND_MIDSTREAM;
    return s->hs->end == HS_END_TIMEOUT && !(s->out->blind & not_ours);
}

/* A close that comes only after the timeout's silence ends nothing: the silence
 * had done that. */
static bool is_late_close(const struct scan *s)
{
    const struct handshake *hs = s->hs;
    if (!s->end || !conclude_is_close(s->end) || !hs->timeout_ms) {
        return false;
    }
    tick_t last = hs->when_hello;
    for (const struct hs_event *e = hs->events; e < s->end; e++) {
        if (conclude_is_progress(e) && e->when > last) {
            last = e->when;
        }
    }
    return last && s->end->when - last >= hs->timeout_ms * TICK_MSEC;
}

/* Asked for credentials, the client may still bring them. */
static bool is_open_challenge(const struct scan *s)
{
    return s->end && s->end->kind == HS_CARRIER_REFUSED && s->end->aux &&
           s->hs->end == HS_END_CAPTURE;
}

/* Plaintext for the server's first bytes after the hello shows what it speaks,
 * whatever the capture lacks of the rest. */
static bool is_plain_answer(const struct scan *s)
{
    const struct handshake *hs = s->hs;
    if (s->end->kind != HS_PLAINTEXT || s->end->side != SIDE_SERVER ||
        !hs->when_hello || s->end->when < hs->when_hello) {
        return false;
    }
    for (const struct hs_event *e = hs->events; e < s->end; e++) {
        if (e->side == SIDE_SERVER &&
            (e->kind == HS_GAP || conclude_is_progress(e))) {
            return false;
        }
    }
    return true;
}

void conclude_end(struct scan *s)
{
    struct conclusion *out = s->out;
    if (is_open_challenge(s)) {
        s->end = NULL;
        out->blind |= BLIND_CAPTURE_ENDED;
    }
    bool holes = (out->blind & BLIND_HOLES) != 0;
    bool readable =
        s->end &&
        (s->end->kind == HS_ALERT || s->end->kind == HS_CARRIER_REFUSED ||
         s->end->kind == HS_QUIC_CLOSE || is_plain_answer(s));
    if (s->end && !holes && is_late_close(s)) {
        out->outcome = OUTCOME_FAILURE;
        out->by = BY_NOBODY;
        out->how = HOW_TIMEOUT;
    } else if (s->end && (!holes || readable)) {
        conclude_fail_by(out, s->end);
        note_reaction(s);
    } else if (!s->end &&
               (silence_counts(s) || conclude_is_undeliverable(s->hs))) {
        out->outcome = OUTCOME_FAILURE;
        out->by = BY_NOBODY;
        out->how = HOW_TIMEOUT;
    }
    note_cancelled(s);
}

/* EAP says in clear how it ended, once TLS is over (RFC 5216 section 2.1, RFC
 * 9190 section 2.1). A Failure behind a whole handshake is about what came
 * through it. */
static void settle_eap(const struct handshake *hs, struct conclusion *out)
{
    const uint32_t holes = BLIND_GAP | BLIND_SNAPLEN | BLIND_ONE_DIRECTION;
    const struct hs_event *failure = hs_find(hs, HS_EAP_FAILURE, SIDE_SERVER);
    if (hs_find(hs, HS_EAP_SUCCESS, SIDE_SERVER)) {
        *out = (struct conclusion){.alert_code = ALERT_NONE,
                                   .blind = out->blind,
                                   .resumed = out->resumed};
        conclude_succeed(out);
    } else if (failure && out->outcome == OUTCOME_UNKNOWN &&
               !(out->blind & holes)) {
        conclude_fail_by(out, failure);
    }
}

/* ---- one timeline ---- */

static void conclude_timeline(struct handshake *hs)
{
    struct conclusion *out = &hs->end_state;
    *out = (struct conclusion){.stage = STAGE_TCP, .alert_code = ALERT_NONE};
    struct scan s = {
        .hs = hs, .out = out, .tls13 = known_version_is_13(hs->version)};
    conclude_walk(&s);
    const struct hs_event *crossing = crossing_plaintext(&s);
    s.end = crossing ? crossing : s.end;
    const struct hs_event *before = plaintext_before(&s);
    s.end = before ? before : s.end;
    out->blind = conclude_blind_spots(&s);
    bool decided = false;
    if (hs->flavour == FLAVOUR_QUIC) {
        decided = conclude_quic(hs, out);
    } else if (hs->flavour == FLAVOUR_DTLS && s.tls13) {
        decided =
            !(out->blind & BLIND_ONE_DIRECTION) && conclude_dtls13(hs, out);
    } else if (s.tls13) {
        out->resumed = hs->psk_accepted;
        decided = !(out->blind & BLIND_ONE_DIRECTION) && conclude_tls13(&s, hs);
    } else if (s.finished[SIDE_CLIENT] && s.finished[SIDE_SERVER]) {
        conclude_succeed(out);
        out->resumed = is_resumed12(hs);
        late_close(&s);
        decided = true;
    } else {
        out->resumed = is_resumed12(hs);
    }
    if (!decided) {
        conclude_end(&s);
    }
}

/* Whether the handshake went on with what a segment said, and nobody said
 * otherwise: then it is its sender's, on another path than its SYN (behind a
 * SYN proxy or a load balancer TTL and flags differ). */
static bool is_borne_out(const struct handshake *hs,
                         const struct hs_event *said)
{
    if (said->aux & HS_RST_DATA_AFTER) {
        return false;
    }
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->side == said->side && e->frame >= said->frame &&
            conclude_is_progress(e)) {
            return true;
        }
    }
    return false;
}

/* What a foreign segment that was taken for a peer's brought about is the work
 * of who sent it: the alert in it, or how the receiver went away. */
static void blame_foreign(const struct handshake *hs, struct conclusion *out)
{
    if (out->outcome != OUTCOME_FAILURE || out->how == HOW_TIMEOUT) {
        return;
    }
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_FOREIGN && (e->aux & HS_ODD_TAKEN) &&
            conclude_is_foreign(e) && e->frame <= out->frame_decisive &&
            (e->frame == out->frame_decisive || out->by != by_side(e)) &&
            !is_borne_out(hs, e)) {
            out->by = BY_MIDDLEBOX;
            out->frame_decisive = e->frame;
            out->when_decisive = e->when;
            out->benign = false;
            return;
        }
    }
}

/* ---- finished on one side only ---- */

static const struct hs_event *first_close(const struct handshake *hs)
{
    for (const struct hs_event *e = hs->events; e < hs->events + hs->events_n;
         e++) {
        if (conclude_is_close(e)) {
            return e;
        }
    }
    return NULL;
}

/* The side whose Finished did not arrive, or SIDE_NONE. */
static enum side unheard_side(const struct handshake *hs)
{
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        const struct hs_dir *d = &hs->dir[side];
        if (d->finish_unacked && hs_dir_in_vain(d)) {
            return (enum side)side;
        }
    }
    return SIDE_NONE;
}

/* How long a Finished may be on its way: a little less than is waited for what
 * comes behind it. */
#define FINISH_PATIENCE (9 * TICK_SEC)

/* A Finished that was sent again and again and never acknowledged did not
 * arrive: its sender believes that all is well, and its peer still waits. */
static void revoke_unheard(const struct handshake *hs, struct conclusion *out)
{
    const uint32_t blind = BLIND_HOLES | BLIND_LIMIT;
    enum side side = unheard_side(hs);
    if (side == SIDE_NONE || out->outcome != OUTCOME_SUCCESS) {
        return;
    }
    out->outcome = OUTCOME_UNKNOWN;
    out->established = false;
    out->late_rejection_possible = false;
    out->stage =
        side == SIDE_CLIENT ? STAGE_CLIENT_FINISHED : STAGE_SERVER_FINISHED;
    if (out->blind & blind) {
        return; /* the acknowledgement may be what is missing */
    }
    const struct hs_event *close = first_close(hs);
    tick_t since = hs->dir[side].resent_first;
    if (close && close->when - since < FINISH_PATIENCE) {
        conclude_fail_by(out, close);
    } else if (close || hs->capture_last - since >= FINISH_PATIENCE) {
        out->outcome = OUTCOME_FAILURE;
        out->by = BY_NOBODY;
        out->how = HOW_TIMEOUT;
    } else {
        out->blind |= BLIND_CAPTURE_ENDED;
    }
}

static void swap_timelines(struct handshake *hs)
{
    struct hs_event *events = hs->events;
    uint16_t n = hs->events_n;
    hs->events = hs->wire_events;
    hs->events_n = hs->wire_events_n;
    hs->wire_events = events;
    hs->wire_events_n = n;
}

void hs_conclude(struct handshake *hs)
{
    struct conclusion *out = &hs->end_state;
    if (hs->wire_events) {
        swap_timelines(hs);
        conclude_timeline(hs);
        swap_timelines(hs);
        conclude_opened(hs);
    } else {
        conclude_timeline(hs);
    }
    if (hs_is_eap(hs)) {
        settle_eap(hs, out);
    }
    revoke_unheard(hs, out);
    blame_foreign(hs, out);
    out->blind |= hs->limited ? BLIND_LIMIT : 0;
    if (out->has_alert && out->alert_encrypted &&
        out->alert_code == ALERT_NONE) {
        out->blind |= BLIND_NO_KEYS;
    }
}
