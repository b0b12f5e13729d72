/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One self-contained HTML page: the template that was built from
 * src/report/html/, with the data in a script element that no browser
 * executes. The page's own script draws everything from it.
 *
 * Written as it comes: values, and rows that refer to them (html_model.h), in
 * one JSON list; totals behind it. A report is for people: past its limits
 * (base/limits.h) connections are only counted, and the page says so.
 */
#include "report/html_model.h"

#include "report/fields.h"

#include "base/limits.h"

#include <stdlib.h>

#define ROW_BYTES   (256u * 1024)
#define ITEMS       HS_EVENTS_MAX
#define ITEMS_BRIEF 8u

/* Where the data goes in the template. */
#define MARK "@TLSWHY-DATA@"

extern const struct reporter html_reporter;

/* Built from src/report/html/report.html. */
static const unsigned char template[] = {
#include "report/html_template.inc"
};

struct state {
    struct html_values *values;
    uint64_t rows;     /* of what did not fail */
    uint64_t failures; /* rows of failures */
    uint64_t detailed;
    uint64_t rows_left, failures_left, details_left; /* left out */
    uint64_t bytes;
    tick_t last; /* of the last row */
    bool begun;
};

/* ---- rows ---- */

/* What a row says of its outcome. */
enum { ROW_SUCCESS, ROW_FAILURE, ROW_UNKNOWN, ROW_BENIGN };

static unsigned row_kind(const struct record *r)
{
    switch (record_outcome(r)) {
    case OUTCOME_SUCCESS:
        return ROW_SUCCESS;
    case OUTCOME_FAILURE:
        return r->hs->end_state.benign ? ROW_BENIGN : ROW_FAILURE;
    case OUTCOME_UNKNOWN:
        break;
    }
    return ROW_UNKNOWN;
}

static void address(struct json *j, const struct handshake *hs, enum side side)
{
    if (hs->ip_version == 4 || hs->ip_version == 6) {
        json_open_str(j, "h");
        format_ip(j->t, hs->addr[side].ip, hs->ip_version);
        json_close_str(j);
    }
}

static uint64_t client(struct html_writer *w, const struct record *r)
{
    struct html_part s;
    html_part_begin(&s, w);
    address(&s.j, r->hs, SIDE_CLIENT);
    return html_part_end(&s, w);
}

static uint64_t server(struct html_writer *w, const struct record *r)
{
    struct html_part s;
    const struct handshake *hs = r->hs;
    html_part_begin(&s, w);
    address(&s.j, hs, SIDE_SERVER);
    json_uint(&s.j, "p", hs->addr[SIDE_SERVER].port);
    json_span(&s.j, "n", record_sni(r));
    if (hs->transport == TRANSPORT_UDP) {
        json_bool(&s.j, "u", true);
    }
    if (hs->flavour != FLAVOUR_TLS) {
        json_str(&s.j, "f", flavour_name(hs->flavour));
    }
    return html_part_end(&s, w);
}

static uint64_t negotiated(struct html_writer *w, const struct record *r)
{
    struct html_part s;
    uint16_t version = record_version(r);
    uint16_t cipher = record_cipher(r);
    uint16_t group = record_group(r);
    const struct known_suite *suite = known_suite(cipher);
    html_part_begin(&s, w);
    if (version != UNSEEN_U16) {
        html_code(&s.j, "v", known_version_title(version), version);
    }
    html_code(&s.j, "c", suite ? suite->name : NULL, cipher);
    html_code(&s.j, "g", known_group_name(group), group);
    if (r->hs->end_state.resumed) {
        json_bool(&s.j, "r", true);
    }
    return html_part_end(&s, w);
}

static uint64_t cause(struct html_writer *w, const struct record *r)
{
    struct html_part s;
    const struct known_cause *c = record_cause(r);
    if (!c) {
        return 0;
    }
    html_part_begin(&s, w);
    json_str(&s.j, "s", c->slug);
    json_str(&s.j, "t", c->sentence);
    return html_part_end(&s, w);
}

/* Who ended it and how, and with which alert. */
static uint64_t ending(struct html_writer *w, const struct record *r)
{
    struct html_part s;
    const struct conclusion *end = &r->hs->end_state;
    html_part_begin(&s, w);
    json_str(&s.j, "by", ended_by_name(end->by));
    json_str(&s.j, "how", ended_how_name(end->how));
    if (end->has_alert) {
        json_str(&s.j, "from", side_name(end->alert_side));
        json_bool(&s.j, "enc", end->alert_encrypted);
        if (end->alert_code != ALERT_NONE) {
            json_uint(&s.j, "code", end->alert_code);
            json_str(&s.j, "alert", known_alert_name(end->alert_code));
        }
    }
    return html_part_end(&s, w);
}

/* [kind, microseconds since the row before, client, its port, server,
 *  duration, negotiated] and for a failure [..., cause, confidence, side to
 *  fix, ending, details or 0]. */
static void row(struct state *s, struct html_writer *w, struct json *j,
                const struct record *r, bool details)
{
    const struct handshake *hs = r->hs;
    tick_t when = record_when(r);
    unsigned kind = row_kind(r);
    size_t at = json_list(j, NULL);
    json_uint(j, NULL, kind);
    json_int(j, NULL, when / TICK_USEC - s->last / TICK_USEC);
    json_uint(j, NULL, client(w, r));
    json_uint(j, NULL, hs->addr[SIDE_CLIENT].port);
    json_uint(j, NULL, server(w, r));
    tick_t took = hs->last > hs->first ? hs->last - hs->first : 0;
    json_int(j, NULL, took / TICK_USEC);
    json_uint(j, NULL, negotiated(w, r));
    if (kind != ROW_SUCCESS) {
        json_uint(j, NULL, cause(w, r));
        json_uint(j, NULL, record_cause(r) ? r->verdict->confidence : 0);
        json_uint(j, NULL, html_str(w, record_fix_side(r)));
        json_uint(j, NULL, ending(w, r));
        if (details) {
            html_details(w, j, r);
        } else {
            json_uint(j, NULL, 0);
        }
    }
    json_list_end(j, at);
}

/* False when it did not fit. */
static bool try_row(struct state *s, const struct record *r, struct text *out,
                    bool details, unsigned items)
{
    struct text t;
    struct html_writer w = {.values = s->values, .out = out, .items = items};
    text_init(&t, ROW_BYTES);
    struct json j = {.t = &t, .items = items};
    row(s, &w, &j, r, details);
    bool fits = !t.cut;
    if (fits) {
        html_safe(out, span_of(text_str(&t), t.n));
        text_add(out, ",\n");
    }
    text_free(&t);
    return fits;
}

static void add_row(struct state *s, const struct record *r, struct text *out,
                    bool details)
{
    if (details && (try_row(s, r, out, true, ITEMS) ||
                    try_row(s, r, out, true, ITEMS_BRIEF))) {
        s->detailed++;
    } else {
        s->details_left += details;
        try_row(s, r, out, false, ITEMS_BRIEF);
    }
    s->last = record_when(r);
}

/* ---- totals ---- */

/* Where each kind of client looks for roots: the fixes of the cause. */
static void remedies(struct json *j)
{
    struct known_rows fixes = known_fix_rows("interception_untrusted");
    size_t list = json_list(j, "remedies");
    struct text line;
    text_init(&line, ROW_BYTES);
    for (size_t i = 0; i < fixes.n; i++) {
        text_clear(&line);
        text_fmt(&line, "%s: %s", fixes.v[i].key, fixes.v[i].text);
        json_span(j, NULL, span_of(text_str(&line), line.n));
    }
    json_list_end(j, list);
    text_free(&line);
}

/* Who it is: the name its certificates bear, or where it was seen. */
static void story_issuer(struct json *j, const struct interception_story *s)
{
    struct text t;
    text_init(&t, ROW_BYTES);
    text_add(&t, s->outer    ? "the outside of an inspection at "
                 : s->issuer ? s->issuer
                             : "issuer hidden by TLS 1.3");
    if (s->outer) {
        format_ip(&t, s->proxy.ip, s->ip_version);
    }
    json_span(j, "issuer", span_of(text_str(&t), t.n));
    text_free(&t);
}

static void stories(struct json *j, const struct totals *t)
{
    bool broken = false;
    size_t list = json_list(j, "stories");
    for (size_t i = 0; i < t->stories_n && i < STORIES_MAX; i++) {
        const struct interception_story *s = &t->stories[i];
        size_t at = json_object(j, NULL);
        json_str(j, "verdict", s->verdict);
        story_issuer(j, s);
        json_bool(j, "outer", s->outer);
        json_str(j, "product", s->product);
        size_t names = json_list(j, "names");
        for (unsigned k = 0; k < s->names_n && k < STORY_NAMES_MAX; k++) {
            json_str(j, NULL, s->names[k]);
        }
        json_list_end(j, names);
        names = json_list(j, "open");
        for (unsigned k = 0; k < s->open_n && k < STORY_NAMES_MAX; k++) {
            json_str(j, NULL, s->open[k]);
        }
        json_list_end(j, names);
        json_uint(j, "servers", s->names_n);
        json_bool(j, "more", s->names_more);
        json_uint(j, "clients", s->clients_n);
        json_uint(j, "handshakes", s->handshakes);
        json_uint(j, "broken", s->broken);
        json_int(j, "since", s->first / TICK_USEC);
        json_object_end(j, at);
        broken = broken || s->broken;
    }
    json_list_end(j, list);
    if (broken) {
        remedies(j);
    }
}

static void totals(struct json *j, const struct totals *t)
{
    const struct {
        const char *key;
        uint64_t n;
    } counters[] = {
        {"packets", t->packets_captured},
        {"dropped", t->packets_dropped},
        {"dropped_interface", t->packets_dropped_interface},
        {"bytes", t->bytes_captured},
        {"cut", t->frames_cut},
        {"malformed", t->frames_malformed},
        {"flows", t->flows},
        {"evicted", t->flows_evicted},
        {"records", t->records_read},
        {"tls", t->tls},
        {"succeeded", t->succeeded},
        {"failed", t->failed},
        {"unknown", t->unknown},
        {"benign", t->benign},
        {"left", t->left},
        {"limited", t->limited},
    };
    size_t at = json_object(j, "totals");
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        json_uint(j, counters[i].key, counters[i].n);
    }
    json_int(j, "first", t->first / TICK_USEC);
    json_int(j, "last", t->last / TICK_USEC);
    json_bool(j, "live", t->live);
    json_object_end(j, at);
}

static void left_out(struct json *j, const struct state *s)
{
    size_t at = json_object(j, "left");
    json_uint(j, "rows", s->rows_left);
    json_uint(j, "failures", s->failures_left);
    json_uint(j, "details", s->details_left);
    json_object_end(j, at);
}

/* ---- reporter ---- */

/* Up to the mark, or behind it. */
static struct span template_part(bool tail)
{
    struct span all = span_of(template, sizeof template);
    size_t n = strlen(MARK);
    for (size_t i = 0; i + n <= all.n; i++) {
        if (memcmp(template + i, MARK, n) == 0) {
            return tail ? span_sub(all, i + n, all.n - i - n)
                        : span_sub(all, 0, i);
        }
    }
    return span_of(template, 0);
}

static void add_span(struct text *out, struct span s)
{
    text_add_n(out, (const char *)s.p, s.n);
}

static void on_begin(void *state, const struct report_options *o,
                     struct text *out)
{
    struct state *s = state;
    (void)o;
    s->values = html_values_new();
    s->begun = true;
    add_span(out, template_part(false));
    text_add(out, "{\"format\":1,\"items\":[\n");
}

static void on_record(void *state, const struct report_options *o,
                      const struct record *r, struct text *out)
{
    struct state *s = state;
    if (!record_wanted(r, o) || !s->values || !s->begun) {
        return;
    }
    size_t before = out->n;
    bool benign = row_kind(r) == ROW_BENIGN;
    bool failure = row_kind(r) == ROW_FAILURE || benign;
    if (benign && !o->all) {
        return; /* the page says how many */
    }
    if (failure &&
        (s->failures >= LIMIT_HTML_FAILURES || s->bytes >= LIMIT_HTML_BYTES)) {
        s->failures_left++;
        return;
    }
    if (!failure &&
        (s->rows >= LIMIT_HTML_ROWS || s->bytes >= LIMIT_HTML_BYTES / 4 * 3)) {
        s->rows_left++;
        return;
    }
    bool details = failure && s->detailed < LIMIT_HTML_DETAILS &&
                   s->bytes < LIMIT_HTML_BYTES / 2;
    s->details_left += failure && !details;
    s->rows += !failure;
    s->failures += failure;
    add_row(s, r, out, details);
    s->bytes += out->n - before;
}

static void on_end(void *state, const struct report_options *o,
                   const struct totals *t, struct text *out)
{
    const struct state *s = state;
    struct text doc;
    if (!s->begun) {
        return;
    }
    text_init(&doc, ROW_BYTES);
    struct json j = {.t = &doc, .items = ITEMS};
    size_t at = json_object(&j, NULL);
    json_str(&j, "version", tlswhy_version);
    json_bool(&j, "all", o->all);
    left_out(&j, s);
    totals(&j, t);
    stories(&j, t);
    json_object_end(&j, at);
    text_add(out, "0],\n");
    /* Without its opening bracket: these are the same object's members. */
    html_safe(out, span_sub(span_of(text_str(&doc), doc.n), 1, doc.n - 1));
    add_span(out, template_part(true));
    text_free(&doc);
}

static void on_fini(void *state)
{
    struct state *s = state;
    html_values_free(s->values);
}

const struct reporter html_reporter = {
    .name = "html",
    .begin = on_begin,
    .record = on_record,
    .end = on_end,
    .document = true,
    .state_bytes = sizeof(struct state),
    .fini = on_fini,
};
