/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes where secrets opened the records (wire_events is set): what was in
 * them decides as far as it was read, and their sizes do for the rest.
 */
#include "handshake/conclude.h"

#define DTLS_HEADER_MORE 8u /* a message's header, over that of TLS */

/* What the client answered to a CertificateRequest. */
static const struct hs_event *client_certificate(const struct scan *s)
{
    return hs_find(s->hs, HS_CERTIFICATE, SIDE_CLIENT);
}

/* The client's flight was not read, but its sizes were looked at. */
static void add_sizes(struct conclusion *out, const struct conclusion *sizes)
{
    out->certificate_request_likely |= sizes->certificate_request_likely;
    out->client_certificate_empty_likely =
        sizes->client_certificate_empty_likely;
    out->client_certificate_sent_likely = sizes->client_certificate_sent_likely;
    if (sizes->outcome == OUTCOME_FAILURE &&
        sizes->frame_decisive == out->frame_decisive) {
        conclude_raise_stage(out, sizes->stage);
        out->rejected_after_finished = sizes->rejected_after_finished;
    }
}

static void note_client_certificate(const struct scan *s,
                                    struct conclusion *out)
{
    const struct hs_event *cert = client_certificate(s);
    uint32_t empty = CONTENT_EMPTY_CERTIFICATE;
    empty += s->hs->flavour == FLAVOUR_DTLS ? DTLS_HEADER_MORE : 0;
    out->certificate_request_likely =
        cert || hs_find(s->hs, HS_CERTIFICATE_REQUEST, SIDE_SERVER);
    out->client_certificate_empty_likely = cert && cert->len <= empty;
    out->client_certificate_sent_likely = cert && cert->len > empty;
}

/* Records between the ServerHello and the end of the handshake, or of the
 * attempt, that no secret opened. */
static bool is_partly_unread(const struct scan *s)
{
    const struct handshake *hs = s->hs;
    const struct hs_event *hello = hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER);
    unsigned from = hello ? (unsigned)(hello - hs->events) : 0;
    for (unsigned i = from; i < s->after; i++) {
        if (hs->events[i].kind == HS_PROTECTED) {
            return true;
        }
    }
    return false;
}

static void refuse_after_finished(struct scan *s, const struct hs_event *e)
{
    conclude_fail_by(s->out, e);
    s->out->rejected_after_finished = e->side == SIDE_SERVER;
    s->out->blind &= ~(uint32_t)BLIND_CAPTURE_ENDED; /* it saw the end */
}

/* What the server did next; false: nothing that would tell. `closing`: the
 * client had begun to close. */
static bool judge_server_answer(struct scan *s, const struct hs_event *e,
                                bool closing, const struct conclusion *sizes)
{
    bool cert = client_certificate(s) != NULL;
    if (e->kind == HS_PROTECTED && sizes->outcome == OUTCOME_FAILURE) {
        *s->out = *sizes; /* unread: its size has to do */
    } else if (conclude_is_fatal(e) && (cert || !closing)) {
        refuse_after_finished(s, e);
    } else if (conclude_is_close(e) && cert && !closing) {
        refuse_after_finished(s, e);
    } else if (conclude_is_close(e) || e->kind == HS_ALERT ||
               e->kind == HS_ACK || conclude_is_progress(e)) {
        conclude_succeed(s->out); /* close_notify is an orderly end */
    } else {
        return false;
    }
    return true;
}

/* Both said Finished: the client's alert, or the server's answer (RFC 8446
 * section 4.4.2.4), may still take it back. */
static void judge_after_finished(struct scan *s, const struct conclusion *sizes)
{
    const struct handshake *hs = s->hs;
    const struct hs_event *closing = NULL;
    bool data = false;
    for (unsigned i = s->after; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->side == SIDE_SERVER) {
            if (judge_server_answer(s, e, closing != NULL, sizes)) {
                break;
            }
        } else if (conclude_is_fatal(e) && !closing && !data) {
            refuse_after_finished(s, e);
            return;
        } else if (conclude_is_close(e) || e->kind == HS_ALERT) {
            closing = closing ? closing : e;
        } else {
            data = data || conclude_is_progress(e);
        }
    }
    if (s->out->outcome == OUTCOME_UNKNOWN) {
        conclude_succeed(s->out);
    }
    if (s->out->established && closing && !data) {
        s->out->late_rejection_possible =
            conclude_is_prompt(&hs->events[s->after - 1], closing);
    }
}

/* ---- QUIC ---- */

/* A close that says no: an alert, or another error than those that carry the
 * application's wish to end (RFC 9000 section 20.1). */
static bool is_refusal(const struct hs_event *e)
{
    unsigned code = hs_close_code(e);
    return e->kind == HS_QUIC_CLOSE && code != QUIC_NO_ERROR &&
           code != QUIC_APPLICATION_ERROR;
}

/* Both said Finished. The client may have second thoughts before it sends
 * anything, the server until it confirms (RFC 9001 section 4.1.2). */
static void judge_quic_after(struct scan *s, const struct conclusion *sizes)
{
    const struct handshake *hs = s->hs;
    bool done = false;
    bool data = false;
    for (unsigned i = s->after; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        bool server = e->side == SIDE_SERVER;
        done = done || e->kind == HS_HANDSHAKE_DONE;
        data = data || (!server && e->kind == HS_APPLICATION_DATA);
        if (e->kind == HS_PROTECTED && server && !done &&
            sizes->outcome == OUTCOME_FAILURE) {
            *s->out = *sizes; /* unread: its size has to do */
            return;
        }
        if (is_refusal(e) && (server ? !done : !data && hs_close_is_alert(e))) {
            refuse_after_finished(s, e);
            return;
        }
        if (e->kind == HS_QUIC_CLOSE) {
            s->out->late_rejection_possible =
                !server && !data &&
                conclude_is_prompt(&hs->events[s->after - 1], e);
            break;
        }
    }
    conclude_succeed(s->out);
}

static bool judge_quic(struct scan *s, const struct conclusion *sizes)
{
    const struct hs_event *done =
        hs_find(s->hs, HS_HANDSHAKE_DONE, SIDE_SERVER);
    if (s->finished[SIDE_CLIENT] && s->finished[SIDE_SERVER]) {
        judge_quic_after(s, sizes);
    } else if (done && !(s->end && s->end < done)) {
        conclude_succeed(s->out);
    } else if (s->end && s->end->kind == HS_QUIC_CLOSE) {
        bool orderly = !is_refusal(s->end) && sizes->outcome == OUTCOME_SUCCESS;
        if (orderly) {
            return false;
        }
        conclude_end(s);
    } else {
        return false;
    }
    return true;
}

/* True when what was read decides; otherwise sizes have to. */
static bool judge_opened(struct scan *s, const struct conclusion *sizes)
{
    if (s->hs->flavour == FLAVOUR_QUIC) {
        return judge_quic(s, sizes);
    }
    if (s->finished[SIDE_CLIENT] && s->finished[SIDE_SERVER]) {
        judge_after_finished(s, sizes);
        return true;
    }
    bool said = s->end && conclude_is_fatal(s->end);
    if (!said && is_partly_unread(s)) {
        return false;
    }
    conclude_end(s);
    return true;
}

void conclude_opened(struct handshake *hs)
{
    struct conclusion *sizes = &hs->end_state;
    struct conclusion out = {.stage = STAGE_TCP, .alert_code = ALERT_NONE};
    struct scan s = {.hs = hs, .out = &out, .tls13 = true, .opened = true};
    conclude_walk(&s);
    out.blind = conclude_blind_spots(&s);
    out.resumed = hs->psk_accepted;
    if (judge_opened(&s, sizes)) {
        note_client_certificate(&s, &out);
        if (!client_certificate(&s) && is_partly_unread(&s)) {
            add_sizes(&out, sizes);
        }
        *sizes = out;
        return;
    }
    if (sizes->outcome != OUTCOME_SUCCESS) {
        conclude_raise_stage(sizes, out.stage);
    }
    if (client_certificate(&s)) {
        note_client_certificate(&s, sizes);
    }
}
