/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTML report's data, read back by jansson as a browser reads it: all of it
 * is one JSON document inside a script element that hostile names can't leave;
 * numbers refer to what was meant; past its limits the report says what it
 * left out. The page itself is tested in a browser (tests/ui).
 */
#include "report/report.h"

#include "base/limits.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Declared here: report/html_model.h and jansson both have a json_object(). */
void html_safe(struct text *out, struct span json);

#define SPAN(literal) span_of("" literal, sizeof(literal) - 1)
#define T0            (INT64_C(1795610096) * TICK_SEC)
#define OUT_BYTES     ((size_t)256 << 20)
#define DATA_OPEN     "<script id=\"data\" type=\"application/json\">"

extern const struct reporter html_reporter;

struct fixture {
    struct handshake hs;
    struct known_cause cause;
    struct verdict verdict;
    struct record record;
    struct report_options options;
    struct totals totals;
    struct text out;
    void *state;
    json_t *doc;
};

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    hs_init(&f->hs, 64u * 1024);
    f->hs.transport = TRANSPORT_TCP;
    f->hs.ip_version = 4;
    f->hs.vlan = UNSEEN_U16;
    f->hs.version = UNSEEN_U16;
    f->hs.cipher = UNSEEN_U16;
    f->hs.ske.group = UNSEEN_U16;
    memcpy(f->hs.addr[SIDE_CLIENT].ip, "\xc0\x00\x02\x09", 4);
    memcpy(f->hs.addr[SIDE_SERVER].ip, "\xc6\x33\x64\x07", 4);
    f->hs.addr[SIDE_CLIENT].port = 51000;
    f->hs.addr[SIDE_SERVER].port = 443;
    f->hs.first = T0;
    f->hs.last = T0 + 5 * TICK_MSEC;
    f->cause = (struct known_cause){
        "no_shared_version", "no protocol version in common", FIX_SERVER};
    f->record.hs = &f->hs;
    f->record.verdict = &f->verdict;
    f->options.all = true;
    text_init(&f->out, OUT_BYTES);
    f->state = calloc(1, html_reporter.state_bytes);
    html_reporter.begin(f->state, &f->options, &f->out);
}

static void tear_down(struct fixture *f)
{
    json_decref(f->doc);
    html_reporter.fini(f->state);
    free(f->state);
    hs_free(&f->hs);
    text_free(&f->out);
}

static void succeed(struct fixture *f)
{
    f->verdict.outcome = OUTCOME_SUCCESS;
    f->hs.end_state.outcome = OUTCOME_SUCCESS;
}

static void fail(struct fixture *f)
{
    struct conclusion *end = &f->hs.end_state;
    hs_note(&f->hs, HS_CLIENT_HELLO, SIDE_CLIENT, 512, 0, T0 + TICK_MSEC, 6);
    hs_note(&f->hs, HS_ALERT, SIDE_SERVER, 2, 2 << 8 | 70, T0 + 2 * TICK_MSEC,
            8);
    end->outcome = OUTCOME_FAILURE;
    end->by = BY_SERVER;
    end->how = HOW_ALERT;
    end->has_alert = true;
    end->alert_side = SIDE_SERVER;
    end->alert_code = 70;
    end->frame_decisive = 8;
    f->hs.frame_first = 3;
    f->hs.frame_last = 9;
    f->verdict.outcome = OUTCOME_FAILURE;
    f->verdict.cause = &f->cause;
    f->verdict.confidence = CONF_CERTAIN;
    f->verdict.side = FIX_SERVER;
    f->verdict.frame_decisive = 8;
}

static void name(struct fixture *f, struct span sni)
{
    f->hs.offer.seen = true;
    f->hs.offer.has_sni = true;
    f->hs.offer.sni = sni;
}

static void add(struct fixture *f)
{
    html_reporter.record(f->state, &f->options, &f->record, &f->out);
}

/* Ends the report and reads its data as a browser finds it: from behind the
 * opening tag to the next end tag. */
static void finish(struct fixture *f)
{
    json_error_t error;
    html_reporter.end(f->state, &f->options, &f->totals, &f->out);
    cr_assert_not(f->out.cut);
    const char *begin = strstr(text_str(&f->out), DATA_OPEN);
    cr_assert_not_null(begin);
    begin += strlen(DATA_OPEN);
    const char *end = strstr(begin, "</script");
    cr_assert_not_null(end);
    f->doc = json_loadb(begin, (size_t)(end - begin), JSON_ALLOW_NUL, &error);
    cr_assert_not_null(f->doc, "%s at %d", error.text, error.position);
}

/* The nth row, from 0. */
static json_t *row(const struct fixture *f, size_t n)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(f->doc, "items"), i, item)
    {
        if (json_is_array(item) && n-- == 0) {
            return item;
        }
    }
    return NULL;
}

static json_int_t number(json_t *list, size_t at)
{
    return json_integer_value(json_array_get(list, at));
}

/* Value number n: the nth item that is no row. */
static json_t *value(const struct fixture *f, json_int_t n)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(f->doc, "items"), i, item)
    {
        if (!json_is_array(item) && --n == 0) {
            return item;
        }
    }
    return NULL;
}

static const char *string(const struct fixture *f, json_int_t n)
{
    return json_string_value(value(f, n));
}

static const char *member(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_int_t left(const struct fixture *f, const char *key)
{
    return json_integer_value(
        json_object_get(json_object_get(f->doc, "left"), key));
}

/* ---- one document ---- */

Test(html, nothing_seen)
{
    struct fixture f;
    set_up(&f);
    f.totals.packets_captured = 12;
    finish(&f);
    cr_expect_null(row(&f, 0));
    json_t *totals = json_object_get(f.doc, "totals");
    cr_expect_eq(json_integer_value(json_object_get(totals, "packets")), 12);
    const char *page = text_str(&f.out);
    cr_expect_eq(strncmp(page, "<!DOCTYPE html>", 15), 0);
    cr_expect_not_null(strstr(page, "default-src 'none'"));
    cr_expect_str_eq(page + strlen(page) - strlen("</html>\n"), "</html>\n");
    tear_down(&f);
}

Test(html, a_failure_in_full)
{
    struct fixture f;
    char text[] = "the client offers TLS 1.0";
    char try[] = "openssl s_client -tls1";
    char *evidence[] = {text};
    char *command[] = {try};
    set_up(&f);
    fail(&f);
    name(&f, SPAN("a.example"));
    f.verdict.evidence = (struct text_list){.v = evidence, .n = 1};
    f.verdict.reproduce = (struct text_list){.v = command, .n = 1};
    add(&f);
    finish(&f);
    json_t *r = row(&f, 0);
    cr_expect_eq(number(r, 0), 1);
    cr_expect_eq(number(r, 1), T0 / 1000);
    cr_expect_str_eq(member(value(&f, number(r, 2)), "h"), "192.0.2.9");
    cr_expect_eq(number(r, 3), 51000);
    cr_expect_str_eq(member(value(&f, number(r, 4)), "h"), "198.51.100.7");
    cr_expect_str_eq(member(value(&f, number(r, 4)), "n"), "a.example");
    cr_expect_eq(number(r, 5), 5000);
    cr_expect_str_eq(member(value(&f, number(r, 7)), "s"), "no_shared_version");
    cr_expect_eq(number(r, 8), 3);
    cr_expect_str_eq(string(&f, number(r, 9)), "server");
    cr_expect_str_eq(member(value(&f, number(r, 10)), "alert"),
                     "protocol_version");
    json_t *d = json_array_get(r, 11);
    json_t *list = json_object_get(d, "e");
    cr_expect_str_eq(string(&f, number(list, 0)), evidence[0]);
    list = json_object_get(d, "try");
    cr_expect_str_eq(string(&f, number(list, 0)), command[0]);
    list = json_object_get(d, "fr");
    cr_expect_eq(number(list, 0), 3);
    cr_expect_eq(number(list, 1), 9);
    cr_expect_eq(number(list, 2), 8);
    list = json_object_get(d, "ev");
    cr_expect_eq(json_array_size(list), 2);
    cr_expect_eq(json_integer_value(json_object_get(d, "end")), 1);
    list = json_array_get(list, 1);
    cr_expect_str_eq(string(&f, number(list, 0)),
                     "alert protocol_version (70)");
    cr_expect_eq(number(list, 1), SIDE_SERVER);
    cr_expect_eq(number(list, 2), 2000);
    cr_expect_eq(number(list, 4), 8);
    tear_down(&f);
}

Test(html, equal_values_are_written_once)
{
    struct fixture f;
    set_up(&f);
    succeed(&f);
    name(&f, SPAN("a.example"));
    add(&f);
    f.hs.first += 7 * TICK_MSEC;
    add(&f);
    finish(&f);
    cr_expect_eq(number(row(&f, 0), 4), number(row(&f, 1), 4));
    cr_expect_eq(number(row(&f, 1), 1), 7000);
    cr_expect_null(row(&f, 2));
    tear_down(&f);
}

Test(html, only_failures_unless_all)
{
    struct fixture f;
    set_up(&f);
    f.options.all = false;
    succeed(&f);
    add(&f);
    fail(&f);
    add(&f);
    finish(&f);
    cr_expect_eq(number(row(&f, 0), 0), 1);
    cr_expect_null(row(&f, 1));
    tear_down(&f);
}

/* ---- hostile ---- */

Test(html, names_cannot_leave_the_script)
{
    struct fixture f;
    static char evil[] =
        "</script><!--<script>alert(1)</script>&\"'\\\xe2\x80\xa8\xe2\x80\xa9"
        "\x01\x7f";
    set_up(&f);
    fail(&f);
    name(&f, span_text(evil));
    f.verdict.reason = evil;
    add(&f);
    finish(&f);
    json_t *r = row(&f, 0);
    cr_expect_str_eq(member(value(&f, number(r, 4)), "n"), evil);
    json_t *d = json_array_get(r, 11);
    json_int_t reason = json_integer_value(json_object_get(d, "r"));
    cr_expect_str_eq(string(&f, reason), evil);
    const char *data = strstr(text_str(&f.out), DATA_OPEN) + strlen(DATA_OPEN);
    size_t n = (size_t)(strstr(data, "</script") - data);
    for (size_t i = 0; i < n; i++) {
        cr_assert_null(memchr("<>&\xe2", data[i], 4), "at %zu: %.20s", i,
                       data + i);
    }
    tear_down(&f);
}

Test(html, invalid_utf8_becomes_valid)
{
    struct fixture f;
    set_up(&f);
    succeed(&f);
    name(&f, SPAN("\xff\xe2\x80\xc0\xaf\x00x\xe2"));
    add(&f);
    finish(&f); /* jansson refuses what is not UTF-8 */
    const char *s = member(value(&f, number(row(&f, 0), 4)), "n");
    cr_assert_not_null(s);
    cr_expect_not_null(strstr(s, "\xef\xbf\xbd"));
    tear_down(&f);
}

Test(html, markup_is_escaped_everywhere)
{
    struct text t;
    text_init(&t, 256);
    html_safe(&t, SPAN("\"a<b>c&d\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7\xe2\""));
    cr_expect_str_eq(text_str(&t), "\"a\\u003cb\\u003ec\\u0026d\\u2028\\u2029"
                                   "\xe2\x80\xa7\xe2\"");
    text_free(&t);
}

/* ---- bounds ---- */

Test(html, values_that_were_forgotten_get_new_numbers)
{
    enum { NAMES = 100000 };
    struct fixture f;
    char sni[32];
    set_up(&f);
    succeed(&f);
    for (int i = 0; i < NAMES; i++) {
        snprintf(sni, sizeof sni, "host%d.example", i);
        name(&f, span_text(sni));
        add(&f);
    }
    name(&f, SPAN("host0.example"));
    add(&f);
    finish(&f);
    cr_expect_str_eq(member(value(&f, number(row(&f, 0), 4)), "n"),
                     "host0.example");
    json_int_t last = number(row(&f, NAMES), 4);
    cr_expect_neq(last, number(row(&f, 0), 4));
    cr_expect_str_eq(member(value(&f, last), "n"), "host0.example");
    tear_down(&f);
}

Test(html, details_of_so_many_failures_only)
{
    struct fixture f;
    set_up(&f);
    fail(&f);
    for (unsigned i = 0; i < LIMIT_HTML_DETAILS + 3; i++) {
        add(&f);
    }
    finish(&f);
    cr_expect_eq(left(&f, "details"), 3);
    cr_expect_eq(left(&f, "failures"), 0);
    cr_expect(
        json_is_object(json_array_get(row(&f, LIMIT_HTML_DETAILS - 1), 11)));
    json_t *next = row(&f, LIMIT_HTML_DETAILS);
    cr_expect_eq(number(next, 0), 1);
    cr_expect_not(json_is_object(json_array_get(next, 11)));
    tear_down(&f);
}

Test(html, rows_are_bounded_and_failures_still_find_room)
{
    struct fixture f;
    set_up(&f);
    succeed(&f);
    for (unsigned i = 0; i < LIMIT_HTML_ROWS + 2; i++) {
        add(&f);
    }
    fail(&f);
    add(&f);
    finish(&f);
    cr_expect_eq(left(&f, "rows"), 2);
    cr_expect_eq(number(row(&f, LIMIT_HTML_ROWS), 0), 1);
    cr_expect_null(row(&f, LIMIT_HTML_ROWS + 1));
    tear_down(&f);
}

/* Long texts in every list: what does not fit is written again with short
 * lists, and never cut in the middle. */
Test(html, a_record_that_is_too_large_loses_its_lists)
{
    enum { LINES = 60, BYTES = 2000 };
    struct fixture f;
    static char text[LINES][BYTES + 1];
    static char *lines[LINES];
    set_up(&f);
    fail(&f);
    for (unsigned i = 0; i < LINES; i++) {
        memset(text[i], '<', BYTES);
        text[i][0] = (char)('A' + i);
        lines[i] = text[i];
    }
    f.verdict.evidence = (struct text_list){.v = lines, .n = LINES};
    for (unsigned i = 0; i < 300; i++) {
        hs_note(&f.hs, HS_PROTECTED, SIDE_SERVER, i, 0, T0, i);
    }
    add(&f);
    finish(&f);
    json_t *d = json_array_get(row(&f, 0), 11);
    json_t *evidence = json_object_get(d, "e");
    cr_expect_geq(json_array_size(evidence), 8);
    json_int_t first = json_integer_value(json_array_get(evidence, 0));
    cr_expect_eq(strlen(string(&f, first)), BYTES);
    cr_expect_leq(json_array_size(json_object_get(d, "ev")), HS_EVENTS_MAX);
    cr_expect_gt(json_integer_value(json_object_get(d, "lost")), 0);
    tear_down(&f);
}
