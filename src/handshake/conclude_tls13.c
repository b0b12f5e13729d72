/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes of TLS 1.3 over TCP without secrets. Everything after the
 * ServerHello is protected (RFC 8446 section 5.2), so the sizes
 * (record_class.h), directions and order of records decide.
 */
#include "handshake/conclude.h"

#include "known/known.h"

/* The protected records after the ServerHello, as indices into the events. */
struct flight13 {
    struct record_sizes sizes;
    unsigned hello;      /* index of the ServerHello */
    int client_first;    /* first client record of the handshake, or -1 */
    int client_finished; /* the record with its Finished, or -1 */
    bool empty_cert, sent_cert;
    bool padding_known[2]; /* by side, told by its Finished */
    enum record_padding padding[2];
};

static int next_record(const struct handshake *hs, int from, enum side side)
{
    for (int i = from + 1; i < (int)hs->events_n; i++) {
        if (hs->events[i].kind == HS_PROTECTED && hs->events[i].side == side) {
            return i;
        }
    }
    return -1;
}

static int last_record_before(const struct handshake *hs, int until,
                              enum side side)
{
    for (int i = until - 1; i >= 0; i--) {
        if (hs->events[i].kind == HS_PROTECTED && hs->events[i].side == side) {
            return i;
        }
    }
    return -1;
}

static void learn_padding(struct flight13 *f, const struct handshake *hs, int i)
{
    if (i >= 0) {
        enum side side = (enum side)hs->events[i].side;
        f->padding_known[side] = record_padding_of_finished(
            f->sizes, hs->events[i].len, &f->padding[side]);
    }
}

/* Whether record i can be an alert. Eighteen bytes of data (GET / HTTP/1.0)
 * have the size of an alert of a stack that pads. */
static bool may_be_alert(const struct flight13 *f, const struct handshake *hs,
                         int i)
{
    if (i < 0) {
        return false;
    }
    const struct hs_event *e = &hs->events[i];
    if (f->padding_known[e->side]) {
        return e->len ==
               record_length(f->sizes, CONTENT_ALERT, f->padding[e->side]);
    }
    return record_may_be_alert(f->sizes, e->len);
}

/* The side's first FIN or RST after event `from`, or -1. */
static int close_after(const struct handshake *hs, int from, enum side side)
{
    for (int i = from + 1; i < (int)hs->events_n; i++) {
        if (conclude_is_close(&hs->events[i]) && hs->events[i].side == side) {
            return i;
        }
    }
    return -1;
}

static uint32_t length_at(const struct handshake *hs, int i)
{
    return i < 0 ? 0 : hs->events[i].len;
}

/* 0-RTT data may still be on its way after the ServerHello: the handshake
 * flight begins at the first record of Finished size, or at what comes right
 * after EndOfEarlyData. */
static int skip_early_data(const struct flight13 *f, const struct handshake *hs,
                           int first)
{
    for (int i = first; i >= 0; i = next_record(hs, i, SIDE_CLIENT)) {
        if (record_may_be_finished(f->sizes, hs->events[i].len)) {
            return i;
        }
    }
    /* No Finished: an alert at the very end is still one. */
    int last = -1;
    for (int i = first; i >= 0; i = next_record(hs, i, SIDE_CLIENT)) {
        last = i;
    }
    return record_may_be_alert(f->sizes, length_at(hs, last)) ? last : -1;
}

/* Finds the client's Finished among its records: it may follow a Certificate
 * (and CertificateVerify), or share one record with them. */
static void find_finished(struct flight13 *f, const struct handshake *hs)
{
    int first = f->client_first;
    uint32_t len = length_at(hs, first);
    int second = next_record(hs, first, SIDE_CLIENT);
    if (record_may_be_finished(f->sizes, len)) {
        f->client_finished = first;
    } else if (record_may_be_empty_and_finished(f->sizes, len)) {
        f->empty_cert = true;
        f->client_finished = first;
    } else if (record_may_be(f->sizes, len, CONTENT_EMPTY_CERTIFICATE) &&
               (!record_may_be_alert(f->sizes, len) || second >= 0)) {
        f->empty_cert = true;
        if (length_at(hs, second) >= record_finished_min(f->sizes)) {
            f->client_finished = second;
        }
    } else if (len >= record_finished_min(f->sizes)) {
        f->sent_cert = true;
        f->client_finished = first;
        for (int i = second, n = 0; i >= 0 && n < 4;
             i = next_record(hs, i, SIDE_CLIENT), n++) {
            if (record_may_be_finished(f->sizes, length_at(hs, i))) {
                f->client_finished = i;
                break;
            }
        }
    }
}

static void set_encrypted_failure(struct scan *s, int i)
{
    conclude_fail_by(s->out, &s->hs->events[i]);
    s->out->sizes_decided = true;
}

/* The client began to close after event i: by FIN, RST, a record that may be
 * its close_notify, or by giving TLS up for plaintext (libldap says goodbye
 * like that); before event `until`. */
static bool client_closing(const struct flight13 *f, const struct handshake *hs,
                           int i, int until)
{
    for (i++; i < until; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->side != SIDE_CLIENT) {
            continue;
        }
        if (conclude_is_close(e) || e->kind == HS_ALERT ||
            e->kind == HS_BAD_RECORD ||
            (e->kind == HS_PROTECTED && may_be_alert(f, hs, i))) {
            return true;
        }
    }
    return false;
}

/* The client said Finished: did the server refuse it (RFC 8446 4.4.2.4)? */
static void judge_answer(struct scan *s, const struct flight13 *f)
{
    const struct handshake *hs = s->hs;
    bool cert = f->empty_cert || f->sent_cert;
    int from = cert ? f->client_first : f->client_finished;
    int answer = next_record(hs, from, SIDE_SERVER);
    int more = answer < 0 ? -1 : next_record(hs, answer, SIDE_SERVER);
    int close = -1;
    for (int i = from + 1; i < (int)hs->events_n && close < 0; i++) {
        close = conclude_is_close(&hs->events[i]) ? i : -1;
    }
    if (answer >= 0 && !may_be_alert(f, hs, answer)) {
        conclude_succeed(s->out);
        return;
    }
    if (answer < 0) {
        bool server_first = close >= 0 &&
                            hs->events[close].side == SIDE_SERVER &&
                            !client_closing(f, hs, f->client_finished, close);
        /* Where the Finished came, the two may have been done. */
        bool foreign = close >= 0 && hs->dir[SIDE_CLIENT].finish_unacked &&
                       conclude_is_foreign(&hs->events[close]);
        if (server_first && (cert || foreign)) {
            conclude_fail_by(s->out, &hs->events[close]);
            s->out->rejected_after_finished = !foreign;
            return;
        }
        if (!server_first) {
            conclude_succeed(s->out);
        }
        return;
    }
    if (!cert && client_closing(f, hs, from, answer)) {
        conclude_succeed(s->out);
        return;
    }
    /* Whoever is turned down by a fatal alert says nothing more (RFC 8446
     * section 6.2): what comes back answers a close_notify. */
    if (!cert && next_record(hs, f->client_finished, SIDE_CLIENT) >= 0) {
        conclude_succeed(s->out);
        return;
    }
    bool double_alert = more >= 0 && may_be_alert(f, hs, more) &&
                        next_record(hs, more, SIDE_SERVER) < 0;
    if (more >= 0 && !double_alert) {
        conclude_succeed(s->out);
        return;
    }
    /* Without a certificate to turn down it is rather the close_notify of a
     * server that issues no tickets; the sizes cannot tell. */
    if (cert) {
        set_encrypted_failure(s, answer);
        s->out->rejected_after_finished = true;
    }
}

/* Closed by the client right after its Finished, without any data. */
static void note_late_close(struct scan *s, const struct flight13 *f)
{
    const struct handshake *hs = s->hs;
    int next = next_record(hs, f->client_finished, SIDE_CLIENT);
    int close = close_after(hs, f->client_finished, SIDE_CLIENT);
    if ((next < 0 || may_be_alert(f, hs, next)) && close >= 0) {
        const struct hs_event *finished = &hs->events[f->client_finished];
        s->out->late_rejection_possible =
            conclude_is_prompt(finished, &hs->events[close]);
    }
}

/* No protected record of the client: the server may have refused by one. */
static bool server_refused_early(struct scan *s, const struct flight13 *f)
{
    const struct handshake *hs = s->hs;
    int first = next_record(hs, (int)f->hello, SIDE_SERVER);
    int last = first;
    unsigned n = 0;
    for (int i = first; i >= 0; i = next_record(hs, i, SIDE_SERVER)) {
        last = i;
        n++;
    }
    if (n == 0 || n > 2 || !may_be_alert(f, hs, last)) {
        return false;
    }
    bool closing = close_after(hs, last, SIDE_SERVER) >= 0;
    bool reaction = client_closing(f, hs, (int)f->hello, last);
    if (!closing || reaction) {
        return false;
    }
    set_encrypted_failure(s, last);
    return true;
}

/* Those that send a record for each message begin with EncryptedExtensions,
 * which are small; then only a Finished completes the flight. */
#define COALESCED_MIN 200u
#define FLIGHT_MIN    400u

static bool server_flight_complete(const struct flight13 *f,
                                   const struct handshake *hs)
{
    int first = next_record(hs, (int)f->hello, SIDE_SERVER);
    uint32_t total = 0;
    for (int i = first; i >= 0; i = next_record(hs, i, SIDE_SERVER)) {
        total += length_at(hs, i);
        if (record_may_be_finished(f->sizes, length_at(hs, i))) {
            return true;
        }
    }
    return length_at(hs, first) >= COALESCED_MIN && total > FLIGHT_MIN;
}

/* True when the records decided. */
static bool conclude13(struct scan *s)
{
    const struct handshake *hs = s->hs;
    const struct hs_event *hello = hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER);
    if (!hello) {
        return false;
    }
    struct flight13 f = {.sizes = record_sizes_of(hs->cipher),
                         .hello = (unsigned)(hello - hs->events),
                         .client_first = -1,
                         .client_finished = -1};
    struct conclusion *out = s->out;
    if (s->end && s->end < hello) {
        return false;
    }
    if (server_flight_complete(&f, hs)) {
        conclude_raise_stage(out, STAGE_SERVER_DONE);
    }
    if (s->end && s->end->kind == HS_ALERT) {
        return false;
    }
    int first = next_record(hs, (int)f.hello, SIDE_CLIENT);
    if (first >= 0 && hs->early_data_offered) {
        first = skip_early_data(&f, hs, first);
    }
    if (first < 0) {
        return server_refused_early(s, &f);
    }
    f.client_first = first;
    find_finished(&f, hs);
    learn_padding(&f, hs, f.client_finished);
    learn_padding(&f, hs, last_record_before(hs, first, SIDE_SERVER));
    out->client_certificate_empty_likely = f.empty_cert;
    out->client_certificate_sent_likely = f.sent_cert;
    out->certificate_request_likely = f.empty_cert || f.sent_cert;
    /* An abnormal end before the client's flight came first. */
    if (s->end && s->end < &hs->events[first] && s->end > hello) {
        return server_refused_early(s, &f);
    }
    if (f.client_finished < 0 && !f.empty_cert) {
        conclude_raise_stage(out, STAGE_SERVER_DONE);
        set_encrypted_failure(s, first);
        return true;
    }
    conclude_raise_stage(out, f.client_finished >= 0
                                  ? STAGE_CLIENT_FINISHED
                                  : STAGE_CLIENT_CERTIFICATE);
    if (f.client_finished < 0) {
        int answer = next_record(hs, first, SIDE_SERVER);
        if (may_be_alert(&f, hs, answer)) {
            set_encrypted_failure(s, answer);
            return true;
        }
        return false;
    }
    judge_answer(s, &f);
    if (out->established) {
        note_late_close(s, &f);
    }
    return true;
}

/* Only what came before the first hole can be trusted, and only to say that
 * all went well. */
bool conclude_tls13(struct scan *s, struct handshake *hs)
{
    const struct hs_event *gap = hs_find(hs, HS_GAP, SIDE_NONE);
    if (!gap) {
        return conclude13(s);
    }
    uint16_t n = hs->events_n;
    struct conclusion before = *s->out;
    hs->events_n = (uint16_t)(gap - hs->events);
    bool decided = conclude13(s);
    hs->events_n = n;
    if (s->out->outcome == OUTCOME_SUCCESS) {
        /* A hole that is noted behind the close may lie before it: what is
         * missing may be the client's data. */
        s->out->late_rejection_possible = false;
        return decided;
    }
    *s->out = before;
    return false;
}
