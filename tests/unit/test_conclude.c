/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcome, stage and end of timelines as real stacks make them; record sizes
 * by RFC 8446 section 5.2 (content + 1 + tag).
 */
#include "handshake/handshake.h"

#include <criterion/criterion.h>

#define SHA256_SUITE 0x1301
#define SHA384_SUITE 0x1302
#define CCM8_SUITE   0x1305

struct script {
    struct handshake hs;
    uint64_t frame;
};

static void begin(struct script *s, uint16_t version, uint16_t cipher)
{
    s->frame = 0;
    hs_init(&s->hs, 1 << 20);
    s->hs.version = version;
    s->hs.cipher = cipher;
    s->hs.end = HS_END_CLOSED;
    s->hs.dir[SIDE_CLIENT].packets = 5;
    s->hs.dir[SIDE_SERVER].packets = 5;
    s->hs.syn_seen[0] = s->hs.syn_seen[1] = true;
}

static void ev(struct script *s, enum side side, enum hs_kind kind,
               uint32_t len)
{
    s->frame++;
    hs_note(&s->hs, kind, side, len, 0, (tick_t)s->frame * TICK_MSEC, s->frame);
}

static void alert(struct script *s, enum side side, unsigned level,
                  unsigned code)
{
    s->frame++;
    hs_note(&s->hs, HS_ALERT, side, 2, (uint16_t)(level << 8 | code),
            (tick_t)s->frame * TICK_MSEC, s->frame);
}

#define C SIDE_CLIENT
#define S SIDE_SERVER

static void server_flight12(struct script *s)
{
    ev(s, C, HS_CLIENT_HELLO, 310);
    s->hs.when_hello = TICK_MSEC;
    ev(s, S, HS_SERVER_HELLO, 90);
    ev(s, S, HS_CERTIFICATE, 1600);
    ev(s, S, HS_SERVER_KEY_EXCHANGE, 300);
    ev(s, S, HS_SERVER_HELLO_DONE, 4);
    s->hs.dir[S].bytes = 2000;
}

static void client_flight12(struct script *s)
{
    ev(s, C, HS_CLIENT_KEY_EXCHANGE, 37);
    ev(s, C, HS_CHANGE_CIPHER_SPEC, 1);
    ev(s, C, HS_FINISHED, 40);
}

static void flight13(struct script *s, uint32_t finished)
{
    ev(s, C, HS_CLIENT_HELLO, 310);
    s->hs.when_hello = TICK_MSEC;
    ev(s, S, HS_SERVER_HELLO, 122);
    ev(s, S, HS_PROTECTED, 23);
    ev(s, S, HS_PROTECTED, 1705);
    ev(s, S, HS_PROTECTED, 281);
    ev(s, S, HS_PROTECTED, finished);
    s->hs.dir[S].bytes = 2200;
}

static const struct conclusion *end(struct script *s)
{
    hs_conclude(&s->hs);
    return &s->hs.end_state;
}

static void expect_failure(struct script *s, enum stage stage, enum ended_by by,
                           enum ended_how how)
{
    const struct conclusion *c = end(s);
    cr_expect_eq(c->outcome, OUTCOME_FAILURE, "outcome %d", (int)c->outcome);
    cr_expect_eq(c->stage, stage, "stage %s", stage_name(c->stage));
    cr_expect_eq(c->by, by, "by %s", ended_by_name(c->by));
    cr_expect_eq(c->how, how, "how %s", ended_how_name(c->how));
    cr_expect_not(c->established);
    hs_free(&s->hs);
}

static void expect_success(struct script *s)
{
    const struct conclusion *c = end(s);
    cr_expect_eq(c->outcome, OUTCOME_SUCCESS);
    cr_expect_eq(c->stage, STAGE_ESTABLISHED);
    cr_expect(c->established);
    hs_free(&s->hs);
}

static void expect_unknown(struct script *s, uint32_t blind)
{
    const struct conclusion *c = end(s);
    cr_expect_eq(c->outcome, OUTCOME_UNKNOWN, "outcome %d", (int)c->outcome);
    cr_expect_eq(c->blind & blind, blind);
    hs_free(&s->hs);
}

/* ---- TLS 1.2 ---- */

Test(conclude12, full_handshake)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    client_flight12(&s);
    ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, S, HS_FINISHED, 40);
    ev(&s, C, HS_APPLICATION_DATA, 100);
    expect_success(&s);
}

Test(conclude12, resumption_has_the_server_first)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    ev(&s, S, HS_SERVER_HELLO, 90);
    ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, S, HS_FINISHED, 40);
    ev(&s, C, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, C, HS_FINISHED, 40);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.resumed);
    expect_success(&s);
}

Test(conclude12, client_alert_after_certificate)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    alert(&s, C, 2, 48);
    ev(&s, C, HS_FIN, 0);
    alert(&s, S, 2, 50);
    hs_conclude(&s.hs);
    cr_expect_eq(s.hs.end_state.alert_code, 48);
    cr_expect_eq(s.hs.end_state.alert_side, C);
    cr_expect_eq(s.hs.end_state.frame_decisive, 6u);
    expect_failure(&s, STAGE_SERVER_DONE, BY_CLIENT, HOW_ALERT);
}

Test(conclude12, what_follows_a_close_is_reaction)
{
    struct script s;
    begin(&s, UNSEEN_U16, UNSEEN_U16);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    ev(&s, S, HS_FIN, 0);
    alert(&s, C, 2, 50); /* OpenSSL 3 says decode_error to an early close */
    expect_failure(&s, STAGE_CLIENT_HELLO, BY_SERVER, HOW_CLOSE);
}

Test(conclude12, warnings_do_not_end)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    alert(&s, S, 1, 112);
    server_flight12(&s);
    client_flight12(&s);
    ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, S, HS_FINISHED, 40);
    expect_success(&s);
}

Test(conclude12, close_notify_in_place_of_an_answer_ends)
{
    struct script s;
    begin(&s, UNSEEN_U16, UNSEEN_U16);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    s.hs.dir[S].bytes = 7;
    alert(&s, S, 1, 0);
    ev(&s, S, HS_FIN, 0);
    expect_failure(&s, STAGE_CLIENT_HELLO, BY_SERVER, HOW_ALERT);
}

Test(conclude12, encrypted_alert_before_the_servers_finished)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    client_flight12(&s);
    ev(&s, C, HS_ENCRYPTED_ALERT, 26);
    ev(&s, C, HS_FIN, 0);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.alert_encrypted);
    cr_expect_eq(s.hs.end_state.alert_code, ALERT_NONE);
    expect_failure(&s, STAGE_CLIENT_FINISHED, BY_CLIENT, HOW_ALERT);
}

Test(conclude12, server_refuses_the_client_certificate)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    ev(&s, C, HS_CERTIFICATE, 7);
    client_flight12(&s);
    alert(&s, S, 2, 40);
    expect_failure(&s, STAGE_CLIENT_FINISHED, BY_SERVER, HOW_ALERT);
}

Test(conclude12, an_unanswered_late_alert_is_only_a_possibility)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    client_flight12(&s);
    ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, S, HS_FINISHED, 40);
    ev(&s, C, HS_ENCRYPTED_ALERT, 26);
    ev(&s, S, HS_FIN, 0);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.late_rejection_possible);
    cr_expect(s.hs.end_state.late_alert_unanswered);
    expect_success(&s);
}

Test(conclude12, an_answered_close_notify_is_an_orderly_close)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    client_flight12(&s);
    ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, S, HS_FINISHED, 40);
    ev(&s, C, HS_ENCRYPTED_ALERT, 26);
    ev(&s, S, HS_ENCRYPTED_ALERT, 26);
    ev(&s, S, HS_FIN, 0);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.late_alert_answered);
    cr_expect_not(s.hs.end_state.late_alert_unanswered);
    expect_success(&s);
}

/* ---- TLS 1.3 ---- */

Test(conclude13, finished_and_answer)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    ev(&s, C, HS_PROTECTED, 69);
    ev(&s, S, HS_PROTECTED, 250);
    ev(&s, C, HS_PROTECTED, 96);
    expect_success(&s);
}

/* The client believes that all is well, and its Finished never arrived. */
static void send_in_vain(struct script *s, enum side side, uint32_t times)
{
    struct hs_dir *d = &s->hs.dir[side];
    d->finish_unacked = true;
    d->unacked_bytes = 80;
    d->resent = times;
    d->resent_first = (tick_t)s->frame * TICK_MSEC;
    d->resent_last = d->resent_first + 2 * TICK_SEC;
    s->hs.capture_last = d->resent_first + 10 * TICK_SEC;
}

Test(conclude13, finished_that_never_arrives)
{
    struct script s;
    for (int closed = 0; closed < 2; closed++) {
        begin(&s, 0x0304, SHA384_SUITE);
        flight13(&s, 69);
        ev(&s, C, HS_PROTECTED, 69);
        ev(&s, C, HS_PROTECTED, 96);
        send_in_vain(&s, C, 5);
        if (closed) {
            ev(&s, C, HS_FIN, 0);
        }
        expect_failure(&s, STAGE_CLIENT_FINISHED,
                       closed ? BY_CLIENT : BY_NOBODY,
                       closed ? HOW_CLOSE : HOW_TIMEOUT);
    }
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    ev(&s, C, HS_PROTECTED, 69);
    send_in_vain(&s, C, 5);
    s.hs.capture_last -= 7 * TICK_SEC;
    expect_unknown(&s, BLIND_CAPTURE_ENDED);
}

Test(conclude13, finished_that_was_only_late)
{
    struct script s;
    for (int late = 0; late < 2; late++) {
        begin(&s, 0x0304, SHA384_SUITE);
        flight13(&s, 69);
        ev(&s, C, HS_PROTECTED, 69);
        send_in_vain(&s, C, late ? 5 : 1);
        s.hs.dir[C].finish_unacked = late == 0;
        ev(&s, C, HS_FIN, 0);
        expect_success(&s);
    }
}

/* Before the server could say anything: its own reset tells nothing, somebody
 * else's kept the two apart, unless the Finished had come before it. */
Test(conclude13, reset_right_after_finished)
{
    struct script s;
    for (int n = 0; n < 4; n++) {
        bool foreign = n & 1;
        bool came = n & 2;
        begin(&s, 0x0304, SHA384_SUITE);
        flight13(&s, 69);
        ev(&s, C, HS_PROTECTED, 69);
        ev(&s, S, HS_RST, 0);
        s.hs.dir[C].finish_unacked = !came;
        if (foreign) {
            s.hs.events[s.hs.events_n - 1].aux = HS_RST_TTL_ODD | HS_RST_DF_ODD;
        }
        if (foreign && !came) {
            expect_failure(&s, STAGE_CLIENT_FINISHED, BY_MIDDLEBOX, HOW_RESET);
        } else {
            expect_unknown(&s, 0);
        }
    }
}

Test(conclude12, finished_that_never_arrives)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    client_flight12(&s);
    ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, S, HS_FINISHED, 40);
    send_in_vain(&s, S, 6);
    expect_failure(&s, STAGE_SERVER_FINISHED, BY_NOBODY, HOW_TIMEOUT);
}

/* A reset that overtook its sender's alert; and one that was not its sender's,
 * who went on. */
Test(conclude12, alert_that_a_reset_overtook)
{
    struct script s;
    for (int alive = 0; alive < 2; alive++) {
        begin(&s, 0x0303, 0xc02f);
        ev(&s, C, HS_CLIENT_HELLO, 310);
        s.hs.when_hello = TICK_MSEC;
        ev(&s, S, HS_RST, 0);
        s.hs.events[s.hs.events_n - 1].aux = alive ? HS_RST_DATA_AFTER : 0;
        alert(&s, S, 2, 40);
        expect_failure(&s, STAGE_CLIENT_HELLO, alive ? BY_MIDDLEBOX : BY_SERVER,
                       alive ? HOW_RESET : HOW_ALERT);
    }
}

Test(conclude13, encrypted_alert_in_place_of_finished)
{
    static const uint32_t alerts[] = {19, 35};
    for (size_t i = 0; i < 2; i++) {
        struct script s;
        begin(&s, 0x0304, SHA384_SUITE);
        flight13(&s, 69);
        ev(&s, C, HS_CHANGE_CIPHER_SPEC, 1);
        ev(&s, C, HS_PROTECTED, alerts[i]);
        ev(&s, S, HS_FIN, 0);
        expect_failure(&s, STAGE_SERVER_DONE, BY_CLIENT, HOW_ALERT);
    }
}

Test(conclude13, ccm8_has_shorter_records)
{
    struct script s;
    begin(&s, 0x0304, CCM8_SUITE);
    flight13(&s, 45);
    ev(&s, C, HS_PROTECTED, 11);
    ev(&s, C, HS_FIN, 0);
    expect_failure(&s, STAGE_SERVER_DONE, BY_CLIENT, HOW_ALERT);
    begin(&s, 0x0304, CCM8_SUITE);
    flight13(&s, 45);
    ev(&s, C, HS_PROTECTED, 45);
    ev(&s, S, HS_PROTECTED, 200);
    expect_success(&s);
}

Test(conclude13, readable_alert_of_an_openssl_client)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    alert(&s, C, 2, 45);
    hs_conclude(&s.hs);
    cr_expect_eq(s.hs.end_state.alert_code, 45);
    cr_expect_not(s.hs.end_state.alert_encrypted);
    expect_failure(&s, STAGE_SERVER_DONE, BY_CLIENT, HOW_ALERT);
}

Test(conclude13, missing_client_certificate)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    ev(&s, C, HS_PROTECTED, 25); /* empty Certificate */
    ev(&s, C, HS_PROTECTED, 69);
    ev(&s, S, HS_PROTECTED, 19);
    ev(&s, S, HS_FIN, 0);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.certificate_request_likely);
    cr_expect(s.hs.end_state.client_certificate_empty_likely);
    cr_expect(s.hs.end_state.rejected_after_finished);
    expect_failure(&s, STAGE_CLIENT_FINISHED, BY_SERVER, HOW_ALERT);
}

Test(conclude13, refused_client_certificate_before_its_finished_is_captured)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    ev(&s, C, HS_PROTECTED, 1200);
    ev(&s, S, HS_PROTECTED, 19);
    ev(&s, C, HS_PROTECTED, 281);
    ev(&s, C, HS_PROTECTED, 85);
    ev(&s, S, HS_FIN, 0);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.client_certificate_sent_likely);
    expect_failure(&s, STAGE_CLIENT_FINISHED, BY_SERVER, HOW_ALERT);
}

Test(conclude13, accepted_client_certificate)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    ev(&s, C, HS_PROTECTED, 1200);
    ev(&s, C, HS_PROTECTED, 281);
    ev(&s, C, HS_PROTECTED, 69);
    ev(&s, S, HS_PROTECTED, 250);
    ev(&s, S, HS_PROTECTED, 19);
    ev(&s, S, HS_FIN, 0);
    expect_success(&s);
}

Test(conclude13, alert_after_the_client_began_to_close_is_reaction)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    ev(&s, C, HS_PROTECTED, 69);
    ev(&s, C, HS_FIN, 0);
    ev(&s, S, HS_PROTECTED, 19);
    expect_success(&s);
}

/* As ldapsearch with GnuTLS does, when the server is the quicker one to close.
 */
Test(conclude13, alert_after_the_client_gave_up_tls_is_reaction)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    ev(&s, C, HS_PROTECTED, 69);
    ev(&s, C, HS_BAD_RECORD, 0);
    ev(&s, S, HS_PROTECTED, 19);
    ev(&s, S, HS_FIN, 0);
    ev(&s, S, HS_RST, 0);
    expect_success(&s);
}

Test(conclude13, server_refuses_right_after_its_hello)
{
    struct script s;
    begin(&s, 0x0304, SHA256_SUITE);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    ev(&s, S, HS_SERVER_HELLO, 122);
    ev(&s, S, HS_PROTECTED, 19); /* no_application_protocol of Go 1.19 */
    ev(&s, S, HS_FIN, 0);
    s.hs.dir[S].bytes = 200;
    expect_failure(&s, STAGE_SERVER_HELLO, BY_SERVER, HOW_ALERT);
}

Test(conclude13, silent_close_in_place_of_finished)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    flight13(&s, 69);
    ev(&s, C, HS_FIN, 0);
    ev(&s, S, HS_PROTECTED, 19);
    expect_failure(&s, STAGE_SERVER_DONE, BY_CLIENT, HOW_CLOSE);
}

Test(conclude13, early_data_is_no_handshake_record)
{
    struct script s;
    begin(&s, 0x0304, SHA384_SUITE);
    s.hs.early_data_offered = true;
    s.hs.psk_accepted = true;
    ev(&s, C, HS_CLIENT_HELLO, 600);
    ev(&s, C, HS_PROTECTED, 19); /* two bytes of early data */
    ev(&s, S, HS_SERVER_HELLO, 128);
    ev(&s, S, HS_PROTECTED, 27);
    ev(&s, S, HS_PROTECTED, 69);
    ev(&s, C, HS_PROTECTED, 19);
    ev(&s, C, HS_PROTECTED, 21); /* EndOfEarlyData */
    ev(&s, C, HS_PROTECTED, 69);
    ev(&s, S, HS_PROTECTED, 300);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.resumed);
    expect_success(&s);
}

/* ---- what the capture cannot tell ---- */

Test(conclude, capture_ends_in_the_middle)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    s.hs.end = HS_END_CAPTURE;
    expect_unknown(&s, BLIND_CAPTURE_ENDED);
}

Test(conclude, silence_up_to_the_timeout_is_a_failure)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    s.hs.end = HS_END_TIMEOUT;
    expect_failure(&s, STAGE_SERVER_DONE, BY_NOBODY, HOW_TIMEOUT);
}

Test(conclude13, half_a_server_flight_is_not_the_clients_turn)
{
    struct script s;
    begin(&s, 0x0304, 0x1301);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    s.hs.when_hello = TICK_MSEC;
    ev(&s, S, HS_SERVER_HELLO, 122);
    ev(&s, S, HS_PROTECTED, 23);
    ev(&s, S, HS_PROTECTED, 1705);
    s.hs.dir[S].bytes = 1900;
    s.hs.end = HS_END_TIMEOUT;
    expect_failure(&s, STAGE_SERVER_HELLO, BY_NOBODY, HOW_TIMEOUT);
    /* All in one record: nobody can tell, and it is mostly whole. */
    begin(&s, 0x0304, 0x1301);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    s.hs.when_hello = TICK_MSEC;
    ev(&s, S, HS_SERVER_HELLO, 122);
    ev(&s, S, HS_PROTECTED, 2100);
    s.hs.dir[S].bytes = 2300;
    s.hs.end = HS_END_TIMEOUT;
    expect_failure(&s, STAGE_SERVER_DONE, BY_NOBODY, HOW_TIMEOUT);
}

Test(conclude, one_direction_proves_nothing)
{
    struct script s;
    begin(&s, UNSEEN_U16, UNSEEN_U16);
    s.hs.dir[S].packets = 0;
    ev(&s, C, HS_CLIENT_HELLO, 310);
    ev(&s, C, HS_FIN, 0);
    expect_unknown(&s, BLIND_ONE_DIRECTION);
}

Test(conclude, a_hole_excuses_everybody)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    server_flight12(&s);
    ev(&s, S, HS_GAP, 1400);
    ev(&s, C, HS_FIN, 0);
    expect_unknown(&s, BLIND_GAP);
}

Test(conclude, leaving_before_an_answer_is_benign)
{
    struct script s;
    begin(&s, UNSEEN_U16, UNSEEN_U16);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    s.hs.when_hello = TICK_MSEC;
    ev(&s, C, HS_FIN, 0);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.benign);
    expect_failure(&s, STAGE_CLIENT_HELLO, BY_CLIENT, HOW_CLOSE);
}

/* Without the beginning, an answer may have been missed. */
Test(conclude, leaving_in_a_capture_that_began_midway_is_unknown)
{
    struct script s;
    begin(&s, UNSEEN_U16, UNSEEN_U16);
    s.hs.midstream = true;
    ev(&s, C, HS_CLIENT_HELLO, 310);
    s.hs.when_hello = TICK_MSEC;
    ev(&s, C, HS_FIN, 0);
    expect_unknown(&s, BLIND_MIDSTREAM);
    begin(&s, 0x0303, 0xc02f);
    s.hs.midstream = true;
    ev(&s, C, HS_CLIENT_HELLO, 310);
    s.hs.when_hello = TICK_MSEC;
    ev(&s, C, HS_FIN, 0);
    ev(&s, S, HS_SERVER_HELLO, 90);
    hs_conclude(&s.hs);
    cr_expect(s.hs.end_state.benign);
    expect_failure(&s, STAGE_CLIENT_HELLO, BY_CLIENT, HOW_CLOSE);
}

static void plain_answer(struct script *s, bool gap_before)
{
    begin(s, UNSEEN_U16, UNSEEN_U16);
    s->hs.dir[S].cut = true;
    ev(s, C, HS_CLIENT_HELLO, 310);
    s->hs.when_hello = TICK_MSEC;
    if (gap_before) {
        ev(s, S, HS_GAP, 1400);
    }
    ev(s, S, HS_PLAINTEXT, 26);
    ev(s, S, HS_GAP, 300);
    ev(s, C, HS_FIN, 0);
}

Test(conclude, the_first_bytes_of_a_cut_answer_are_enough)
{
    struct script s;
    plain_answer(&s, false);
    expect_failure(&s, STAGE_CLIENT_HELLO, BY_SERVER, HOW_PLAINTEXT);
    plain_answer(&s, true);
    expect_unknown(&s, BLIND_GAP | BLIND_SNAPLEN);
}

Test(conclude, a_reset_that_both_sides_ignore_is_nobodys_end)
{
    struct script s;
    begin(&s, 0x0303, 0xc02f);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    ev(&s, S, HS_RST, 0);
    server_flight12(&s);
    client_flight12(&s);
    ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, S, HS_FINISHED, 40);
    expect_success(&s);
}

Test(conclude, a_forged_reset_is_the_middleboxs)
{
    struct script s;
    begin(&s, UNSEEN_U16, UNSEEN_U16);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    s.frame++;
    hs_note(&s.hs, HS_RST, S, 0, HS_RST_TTL_ODD | HS_RST_IPID_ODD, TICK_SEC,
            s.frame);
    expect_failure(&s, STAGE_CLIENT_HELLO, BY_MIDDLEBOX, HOW_RESET);
}

/* ---- datagrams ---- */

static void begin_udp(struct script *s, enum tls_flavour flavour,
                      uint16_t version)
{
    begin(s, version, 0xc02b);
    s->hs.transport = TRANSPORT_UDP;
    s->hs.flavour = flavour;
    s->hs.syn_seen[0] = s->hs.syn_seen[1] = false;
    s->hs.end = HS_END_SETTLED;
}

/* Anybody can send an alert in an end's name; its Finished, nobody. */
Test(datagrams, an_alert_that_ended_nothing)
{
    struct script s;
    for (unsigned before = 0; before < 3; before++) {
        for (unsigned side = 0; side < 2; side++) {
            begin_udp(&s, FLAVOUR_DTLS, 0xfefd);
            if (before == 0) {
                alert(&s, side ? S : C, 2, 40);
            }
            server_flight12(&s);
            if (before == 1) {
                alert(&s, side ? S : C, 2, 40);
            }
            client_flight12(&s);
            if (before == 2) {
                alert(&s, side ? S : C, 2, 40);
            }
            ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
            ev(&s, S, HS_FINISHED, 40);
            ev(&s, C, HS_APPLICATION_DATA, 40);
            expect_success(&s);
        }
    }
}

/* A real one may meet what the other end still sends; and where there is a
 * stream, nobody else says it. */
Test(datagrams, an_alert_that_ended_it)
{
    struct script s;
    begin_udp(&s, FLAVOUR_DTLS, 0xfefd);
    server_flight12(&s);
    client_flight12(&s);
    alert(&s, S, 2, 40);
    client_flight12(&s);
    expect_failure(&s, STAGE_CLIENT_FINISHED, BY_SERVER, HOW_ALERT);

    /* Its last flight overtook by a moment what it says then. */
    begin_udp(&s, FLAVOUR_DTLS, 0xfefd);
    server_flight12(&s);
    client_flight12(&s);
    alert(&s, S, 2, 40);
    ev(&s, S, HS_FINISHED, 40);
    expect_failure(&s, STAGE_CLIENT_FINISHED, BY_SERVER, HOW_ALERT);

    begin(&s, 0x0303, 0xc02b);
    server_flight12(&s);
    alert(&s, S, 2, 40);
    client_flight12(&s);
    ev(&s, S, HS_CHANGE_CIPHER_SPEC, 1);
    ev(&s, S, HS_FINISHED, 40);
    expect_failure(&s, STAGE_SERVER_DONE, BY_SERVER, HOW_ALERT);
}

static void sealed(struct script *s, enum side side, enum hs_level level)
{
    s->frame++;
    hs_note(&s->hs, HS_PROTECTED, side, 100, hs_level_aux(level, 0),
            (tick_t)s->frame * TICK_MSEC, s->frame);
}

static void quic_close(struct script *s, enum side side, unsigned bits)
{
    s->frame++;
    hs_note(&s->hs, HS_QUIC_CLOSE, side, 0, (uint16_t)(0x128 | bits),
            (tick_t)s->frame * TICK_MSEC, s->frame);
}

/* Initial packets are under keys that anybody can derive; others are not. */
Test(datagrams, a_close_that_ended_nothing)
{
    struct script s;
    for (unsigned i = 0; i < 2; i++) {
        begin_udp(&s, FLAVOUR_QUIC, 0x0304);
        ev(&s, C, HS_CLIENT_HELLO, 310);
        s.hs.when_hello = TICK_MSEC;
        ev(&s, S, HS_SERVER_HELLO, 122);
        quic_close(&s, S, i ? HS_CLOSE_SEALED : 0);
        sealed(&s, S, HS_LEVEL_HANDSHAKE);
        sealed(&s, C, HS_LEVEL_HANDSHAKE);
        sealed(&s, C, HS_LEVEL_APPLICATION);
        sealed(&s, S, HS_LEVEL_APPLICATION);
        if (i) {
            expect_failure(&s, STAGE_CLIENT_FINISHED, BY_SERVER,
                           HOW_QUIC_CLOSE);
        } else {
            expect_success(&s);
        }
    }
    begin_udp(&s, FLAVOUR_DTLS, 0xfefc);
    ev(&s, C, HS_CLIENT_HELLO, 310);
    ev(&s, S, HS_SERVER_HELLO, 122);
    alert(&s, C, 2, 40);
    for (unsigned i = 0; i < 4; i++) {
        sealed(&s, S, HS_LEVEL_HANDSHAKE);
    }
    sealed(&s, C, HS_LEVEL_HANDSHAKE);
    sealed(&s, S, HS_LEVEL_APPLICATION);
    sealed(&s, C, HS_LEVEL_APPLICATION);
    expect_success(&s);
}
