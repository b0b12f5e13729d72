/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that somebody injected into real connections (pcaps/fake_*): what the
 * ends ignored changes nothing and is named, what they believed is nobody's of
 * the two. What the ends said is tests/unit/test_pcaps.c's business.
 */
#include "capture/capture.h"
#include "pipeline.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>

struct seen {
    unsigned records, foreign;
    enum outcome outcome;
    enum ended_by by;
    enum confidence confidence;
    char cause[64], sni[64], evidence[4096];
};

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    struct seen *s = ctx;
    const struct handshake *hs = r->hs;
    (void)source;
    s->records++;
    s->outcome = r->verdict->outcome;
    s->by = hs->end_state.by;
    s->confidence = r->verdict->confidence;
    for (unsigned i = 0; i < hs->events_n; i++) {
        s->foreign += hs->events[i].kind == HS_FOREIGN;
    }
    snprintf(s->cause, sizeof s->cause, "%s",
             r->verdict->cause ? r->verdict->cause->slug : "-");
    snprintf(s->sni, sizeof s->sni, "%.*s", (int)hs->offer.sni.n,
             hs->offer.sni.n ? (const char *)hs->offer.sni.p : "");
    for (size_t i = 0; i < r->verdict->evidence.n; i++) {
        size_t n = strlen(s->evidence);
        snprintf(s->evidence + n, sizeof s->evidence - n, "%s\n",
                 r->verdict->evidence.v[i]);
    }
}

/* A segment with data that no stack accepts. */
static bool has_wrong_checksum(struct decoder *d, const struct frame *f)
{
    struct packet p;
    return decoder_frame(d, f, &p) == DECODE_PACKET && p.payload.n &&
           packet_checksum(&p) == CHECKSUM_WRONG;
}

/* `twice`: such a segment comes again after half a second, and whatever is
 * behind it later still. */
static struct seen analyse_as(const char *name, bool twice)
{
    struct seen s = {0};
    char path[4096];
    char error[CAPTURE_ERROR_BYTES];
    const char *src = getenv("TLSWHY_SRCDIR");
    struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                 .max_flows = 1000,
                                 .max_memory_bytes = 64 << 20,
                                 .all = true,
                                 .emit = on_record,
                                 .emit_ctx = &s};
    snprintf(path, sizeof path, "%s/pcaps/%s.pcap", src ? src : ".", name);
    struct capture *c = capture_open_file(path, NULL, error);
    cr_assert_not_null(c, "%s", error);
    struct pipeline *p = pipeline_new(&o);
    cr_assert_not_null(p);
    struct decoder *d = decoder_new();
    cr_assert_not_null(d);
    struct frame f;
    tick_t late = 0;
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        f.when += late;
        pipeline_frame(p, &f, 0);
        if (twice && !late && has_wrong_checksum(d, &f)) {
            f.when += TICK_SEC / 2;
            pipeline_frame(p, &f, 0);
            late = TICK_SEC;
        }
    }
    cr_assert_eq(late > 0, twice, "%s", name);
    pipeline_finish(p);
    pipeline_free(p);
    decoder_free(d);
    capture_close(c);
    return s;
}

static struct seen analyse(const char *name)
{
    return analyse_as(name, false);
}

struct ignored {
    char name[32];
    char evidence[64];
};

ParameterizedTestParameters(foreign, ignored)
{
    static struct ignored v[] = {
        {"fake_hello_checksum", "its checksum is wrong"},
        {"fake_hello_ttl", "its TTL differs"},
        {"fake_hello_ack", "acknowledges what was never sent"},
        {"fake_alert_checksum", "its checksum is wrong"},
        {"fake_alert_ttl", "its TTL differs"},
        {"fake_rst_checksum", "its checksum is wrong"},
        {"fake_rst_window", "not the sender's next byte"},
        {"fake_rst_sequence", "both sides went on"},
        {"fake_rst_ttl", "both sides went on"},
        {"fake_fin_checksum", "its checksum is wrong"},
        {"fake_fin_window", "not the sender's next byte"},
    };
    return cr_make_param_array(struct ignored, v, sizeof v / sizeof *v);
}

ParameterizedTest(struct ignored *i, foreign, ignored)
{
    struct seen s = analyse(i->name);
    cr_expect_eq(s.records, 1u, "%s", i->name);
    cr_expect_eq(s.outcome, OUTCOME_SUCCESS, "%s", i->name);
    cr_expect_str_eq(s.sni, "www.example.test", "%s", i->name);
    cr_expect_not_null(strstr(s.evidence, i->evidence), "%s: %s", i->name,
                       s.evidence);
}

Test(foreign, an_alert_that_was_believed)
{
    static const char *const names[] = {"fake_alert_taken",
                                        "fake_alert_taken_13"};
    for (size_t i = 0; i < 2; i++) {
        struct seen s = analyse(names[i]);
        cr_expect_eq(s.outcome, OUTCOME_FAILURE, "%s", names[i]);
        cr_expect_eq(s.by, BY_MIDDLEBOX, "%s", names[i]);
        cr_expect_str_eq(s.cause, "connection_tampered", "%s", names[i]);
        cr_expect_eq(s.confidence, CONF_CERTAIN, "%s", names[i]);
        cr_expect_not_null(strstr(s.evidence, "went on sending"), "%s: %s",
                           names[i], s.evidence);
    }
}

/* What no stack accepts is no truer when it comes again, as a retransmission
 * would, before its supposed sender says something. */
Test(foreign, what_is_said_twice)
{
    static const char *const names[] = {"fake_alert_checksum",
                                        "fake_hello_checksum"};
    for (size_t i = 0; i < 2; i++) {
        struct seen s = analyse_as(names[i], true);
        cr_expect_eq(s.records, 1u, "%s", names[i]);
        cr_expect_eq(s.outcome, OUTCOME_SUCCESS, "%s", names[i]);
        cr_expect_str_eq(s.sni, "www.example.test", "%s", names[i]);
    }
}

/* ---- datagrams ---- */

#define HEADERS (14u + 20u + 8u) /* Ethernet, IPv4, UDP */

/* A fatal alert of DTLS 1.2 in the name of whoever sent `like`, from too near;
 * bytes of it are in b[]. */
static struct frame forged_alert(const struct frame *like, uint8_t b[64])
{
    static const uint8_t record[] = {21, 254, 253, 0, 0, 0, 0, 0,
                                     0,  0,   99,  0, 2, 2, 40};
    struct frame f = *like;
    memcpy(b, like->data.p, HEADERS);
    memcpy(b + HEADERS, record, sizeof record);
    b[16] = b[38] = 0;
    b[17] = 20 + 8 + sizeof record;
    b[22] = 200;
    b[39] = 8 + sizeof record;
    b[40] = b[41] = 0; /* no checksum (RFC 768) */
    f.wire_bytes = HEADERS + sizeof record;
    f.data = span_of(b, f.wire_bytes);
    return f;
}

/* A DTLS handshake that succeeded, with such an alert behind its nth frame and
 * a pause after it, in the name of who sent the first frame or of the other. */
static struct seen alerted(unsigned n, bool other)
{
    struct seen s = {0};
    char path[4096];
    char error[CAPTURE_ERROR_BYTES];
    const char *src = getenv("TLSWHY_SRCDIR");
    snprintf(path, sizeof path, "%s/pcaps/dtls_ok_12.pcap", src ? src : ".");
    const struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                       .max_flows = 1000,
                                       .max_memory_bytes = 64 << 20,
                                       .all = true,
                                       .emit = on_record,
                                       .emit_ctx = &s};
    struct capture *c = capture_open_file(path, NULL, error);
    struct pipeline *p = pipeline_new(&o);
    cr_assert(c && p);
    uint8_t like[2][HEADERS] = {{0}}; /* headers of each side */
    uint8_t b[64];
    struct frame f;
    tick_t late = 0;
    for (unsigned i = 0; capture_next(c, &f) == CAPTURE_FRAME; i++) {
        f.when += late;
        pipeline_frame(p, &f, 0);
        bool second = i > 0 && memcmp(f.data.p + 26, like[0] + 26, 4) != 0;
        memcpy(like[second], f.data.p, HEADERS);
        if (i == n && like[other][12]) {
            struct frame model = f;
            model.data = span_of(like[other], HEADERS);
            struct frame forged = forged_alert(&model, b);
            forged.when += TICK_MSEC;
            pipeline_frame(p, &forged, 0);
            late = TICK_SEC / 2;
        }
    }
    pipeline_finish(p);
    pipeline_free(p);
    capture_close(c);
    return s;
}

Test(foreign, alerts_in_datagrams_that_both_ends_ignored)
{
    unsigned named = 0;
    for (unsigned n = 0; n < 6; n++) {
        for (unsigned other = 0; other < 2; other++) {
            struct seen s = alerted(n, other);
            cr_expect_eq(s.records, 1u, "%u", n);
            cr_expect_eq(s.outcome, OUTCOME_SUCCESS, "%u %u", n, other);
            named += strstr(s.evidence, "ended nothing") != NULL;
        }
    }
    cr_expect_geq(named, 10u);
}

/* A real alert, reset and close are nobody else's. */
Test(foreign, what_the_ends_sent_is_theirs)
{
    static const char *const names[] = {
        "cert_expired_13_curl", "reset_after_hello", "close_after_hello"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct seen s = analyse(names[i]);
        cr_expect_eq(s.outcome, OUTCOME_FAILURE, "%s", names[i]);
        cr_expect_neq(s.by, BY_MIDDLEBOX, "%s", names[i]);
        cr_expect_eq(s.foreign, 0u, "%s", names[i]);
    }
}

/* The reset overtook what its sender had said before it. */
Test(foreign, not_a_reset_that_overtook_an_alert)
{
    struct seen s = analyse("reset_overtakes_alert");
    cr_expect_eq(s.records, 1u);
    cr_expect_eq(s.by, BY_SERVER);
    cr_expect_str_neq(s.cause, "connection_tampered");
}

/* Who closed repeats its last words for minutes: they are no other attempt. */
Test(foreign, not_what_is_repeated_after_the_end)
{
    struct seen s = analyse("alert_resent");
    cr_expect_eq(s.records, 1u);
    cr_expect_eq(s.outcome, OUTCOME_FAILURE);
}

/* A page that a filter sent in the server's name, and one of who is asked. */
Test(foreign, a_page_in_place_of_tls)
{
    struct seen s = analyse("fake_page");
    cr_expect_eq(s.by, BY_MIDDLEBOX);
    cr_expect_str_eq(s.cause, "connection_tampered");
    cr_expect_not_null(strstr(s.evidence, "302 Found"), "%s", s.evidence);
    s = analyse("page_portal");
    cr_expect_eq(s.by, BY_SERVER);
    cr_expect_str_eq(s.cause, "server_not_tls");
    cr_expect_not_null(strstr(s.evidence, "portal.example.test"), "%s",
                       s.evidence);
}
