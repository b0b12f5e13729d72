/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the live screen. Everything is bounded; what is shown is made
 * from it line by line, so that it can be tested without a terminal.
 */
#include "top_model.h"

#include "report/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_LINES   5u
#define DETAIL_BYTES 8192u
#define DETAIL_WIDTH 78u
#define HANG         14u /* of what goes on below: behind the labels */

/* The list of failures: the columns grow with the screen up to these. */
#define NARROW         60u
#define TIME_COLUMNS   13u
#define CAUSE_COLUMNS  36u
#define SERVER_COLUMNS 40u
#define CLIENT_COLUMNS 15u

static const char *const view_names[TOP_VIEWS] = {"newest", "causes", "servers",
                                                  "clients"};
static const char *const sort_names[TOP_SORTS] = {"count", "last seen", "name"};

void top_model_init(struct top_model *m, const char *title)
{
    memset(m, 0, sizeof *m);
    m->title = title;
    m->lines = 24;
    m->columns = 80;
}

static void row_free(struct top_row *row)
{
    free(row->server);
    free(row->client);
    free(row->detail);
    *row = (struct top_row){0};
}

void top_model_fini(struct top_model *m)
{
    for (unsigned i = 0; i < TOP_ROWS_MAX; i++) {
        row_free(&m->rows[i]);
    }
    for (unsigned v = 0; v < TOP_VIEWS; v++) {
        for (unsigned i = 0; i < m->table_n[v]; i++) {
            free(m->table[v][i].name);
        }
    }
    row_free(&m->opened);
}

/* ---- counting ---- */

/* The rarest entry gives way when the table is full; the new one inherits its
 * count (Space-Saving), so that what is frequent stays. */
static void count(struct top_model *m, enum top_view view, const char *name,
                  tick_t when)
{
    struct top_entry *v = m->table[view];
    struct top_entry *rarest = v;
    for (unsigned i = 0; i < m->table_n[view]; i++) {
        if (strcmp(v[i].name, name) == 0) {
            v[i].n++;
            v[i].last = when;
            return;
        }
        rarest = v[i].n < rarest->n ? &v[i] : rarest;
    }
    char *copy = strdup(name);
    if (!copy) {
        return;
    }
    if (m->table_n[view] < TOP_TABLE_MAX) {
        v[m->table_n[view]++] = (struct top_entry){copy, 1, when};
        return;
    }
    free(rarest->name);
    *rarest = (struct top_entry){copy, rarest->n + 1, when};
}

/* Failures by second, of the records' own time. */
static void count_rate(struct top_model *m, tick_t when)
{
    int64_t second = when / TICK_SEC;
    int64_t ahead = second - m->rate_second;
    if (m->failures == 0 || ahead > (int64_t)TOP_RATE_SLOTS) {
        memset(m->failures_in, 0, sizeof m->failures_in);
        m->rate_second = second;
    } else {
        for (; ahead > 0; ahead--) {
            m->rate_second++;
            m->failures_in[(uint64_t)m->rate_second % TOP_RATE_SLOTS] = 0;
        }
    }
    if (second > m->rate_second - (int64_t)TOP_RATE_SLOTS) {
        m->failures_in[(uint64_t)second % TOP_RATE_SLOTS]++;
    }
    m->failures++;
}

static uint64_t last_minute(const struct top_model *m)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < TOP_RATE_SLOTS; i++) {
        n += m->failures_in[i];
    }
    return n;
}

static char *server_text(const struct record *r)
{
    const struct handshake *hs = r->hs;
    struct span sni = record_sni(r);
    struct text t;
    text_init(&t, 512);
    if (sni.n) {
        text_term(&t, sni);
        text_fmt(&t, ":%u", (unsigned)hs->addr[SIDE_SERVER].port);
    } else {
        format_endpoint(&t, hs->addr[SIDE_SERVER].ip,
                        hs->addr[SIDE_SERVER].port, hs->ip_version);
    }
    char *s = strdup(text_str(&t));
    text_free(&t);
    return s;
}

static char *client_text(const struct record *r)
{
    struct text t;
    text_init(&t, 64);
    format_ip(&t, r->hs->addr[SIDE_CLIENT].ip, r->hs->ip_version);
    char *s = strdup(text_str(&t));
    text_free(&t);
    return s;
}

/* What the text reporter says of it. */
static char *detail_text(const struct record *r)
{
    const struct reporter *to = reporter_find("text");
    const struct report_options o = {
        .all = true, .width = DETAIL_WIDTH, .unicode = true, .verbose = 1};
    struct text t;
    void *state = calloc(1, to->state_bytes ? to->state_bytes : 1);
    if (!state) {
        return NULL;
    }
    text_init(&t, DETAIL_BYTES);
    to->record(state, &o, r, &t);
    char *s = strdup(text_str(&t));
    if (to->fini) {
        to->fini(state);
    }
    free(state);
    text_free(&t);
    return s;
}

static bool passes(const struct top_model *m, const struct top_row *row)
{
    return !*m->filter || strstr(row->cause, m->filter) ||
           strstr(row->server, m->filter) || strstr(row->client, m->filter);
}

/* The ring is in the order of time, which is not that in which failures are
 * known: silence takes its time. What a paused list shows stays in its place.
 * Returns how many newer ones pass the filter. */
static unsigned insert(struct top_model *m, struct top_row row)
{
    unsigned at = m->rows_at;
    unsigned above = 0;
    row_free(&m->rows[at]);
    while (!m->paused || at != m->paused_rows_at) {
        unsigned before = (at + TOP_ROWS_MAX - 1) % TOP_ROWS_MAX;
        if (before == m->rows_at || !m->rows[before].cause ||
            m->rows[before].when <= row.when) {
            break;
        }
        above += passes(m, &m->rows[before]);
        m->rows[at] = m->rows[before];
        at = before;
    }
    m->rows[at] = row;
    m->rows_at = (m->rows_at + 1) % TOP_ROWS_MAX;
    m->rows_n += m->rows_n < TOP_ROWS_MAX;
    return above;
}

void top_model_add(struct top_model *m, const struct record *r)
{
    const struct known_cause *cause = record_cause(r);
    if (!cause || r->hs->end_state.benign) {
        return;
    }
    struct top_row row = {.when = record_when(r),
                          .cause = cause->slug,
                          .server = server_text(r),
                          .client = client_text(r),
                          .detail = detail_text(r)};
    if (!row.server || !row.client || !row.detail) {
        row_free(&row);
        return;
    }
    count(m, TOP_CAUSES, row.cause, row.when);
    count(m, TOP_SERVERS, row.server, row.when);
    count(m, TOP_CLIENTS, row.client, row.when);
    count_rate(m, row.when);
    unsigned above = insert(m, row);
    /* The selection stays with its failure while new ones come in above. */
    if (m->view == TOP_NEWEST && !m->paused && m->selected > 0 &&
        m->selected >= above) {
        m->selected++;
    }
}

/* ---- the list that is shown ---- */

/* The i-th failure that passes the filter, newest first; NULL past the end. A
 * paused list ends where it stood. */
static const struct top_row *newest_at(const struct top_model *m, unsigned i)
{
    unsigned at = m->paused ? m->paused_rows_at : m->rows_at;
    unsigned n = m->paused ? m->paused_rows_n : m->rows_n;
    for (unsigned k = 1; k <= n; k++) {
        const struct top_row *row =
            &m->rows[(at + TOP_ROWS_MAX - k) % TOP_ROWS_MAX];
        if (row->cause && passes(m, row) && i-- == 0) {
            return row;
        }
    }
    return NULL;
}

static int order(const struct top_entry *a, const struct top_entry *b,
                 enum top_sort sort)
{
    if (sort == TOP_BY_COUNT && a->n != b->n) {
        return a->n < b->n ? 1 : -1;
    }
    if (sort == TOP_BY_LAST && a->last != b->last) {
        return a->last < b->last ? 1 : -1;
    }
    return strcmp(a->name, b->name);
}

static int by_count(const void *a, const void *b)
{
    return order(a, b, TOP_BY_COUNT);
}

static int by_last(const void *a, const void *b)
{
    return order(a, b, TOP_BY_LAST);
}

static int by_name(const void *a, const void *b)
{
    return order(a, b, TOP_BY_NAME);
}

static void sort_table(struct top_model *m)
{
    static int (*const compare[TOP_SORTS])(const void *, const void *) = {
        by_count, by_last, by_name};
    if (m->view != TOP_NEWEST && m->table_n[m->view] && !m->paused) {
        qsort(m->table[m->view], m->table_n[m->view], sizeof(struct top_entry),
              compare[m->sort]);
    }
}

static const struct top_entry *entry_at(const struct top_model *m, unsigned i)
{
    for (unsigned k = 0; k < m->table_n[m->view]; k++) {
        const struct top_entry *e = &m->table[m->view][k];
        if ((!*m->filter || strstr(e->name, m->filter)) && i-- == 0) {
            return e;
        }
    }
    return NULL;
}

static bool item_exists(const struct top_model *m, unsigned i)
{
    return m->view == TOP_NEWEST ? newest_at(m, i) != NULL
                                 : entry_at(m, i) != NULL;
}

static unsigned list_lines(const struct top_model *m)
{
    return m->lines > HEAD_LINES + 2 ? m->lines - HEAD_LINES - 1 : 1;
}

/* ---- what is open, wrapped ---- */

static size_t columns_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

/* How many bytes of the text fit the columns; a character takes one. */
static size_t prefix(const char *s, size_t n, size_t columns)
{
    size_t at = 0;
    for (size_t used = 0; at < n; at++) {
        bool begins = ((unsigned char)s[at] & 0xc0) != 0x80;
        if (begins && used++ == columns) {
            break;
        }
    }
    return at;
}

/* The same, up to a space if there is one. */
static size_t fitting(const char *s, size_t n, size_t columns)
{
    size_t k = prefix(s, n, columns);
    for (size_t i = k; i > 0 && k < n; i--) {
        if (s[i] == ' ' && s[i - 1] != ' ') {
            return i;
        }
    }
    return k;
}

/* A piece of the opened failure as one line of the screen has it. */
struct piece {
    const char *p; /* NULL: there is none */
    size_t n, indent;
};

/* Commands are one line, however long: the text reporter leaves them so that
 * they can be copied; here what does not fit goes on below. */
static struct piece detail_piece(const struct top_model *m, unsigned i)
{
    size_t columns = m->columns > 2 * HANG ? m->columns : 2 * HANG;
    for (const char *p = m->opened.detail; p && *p; p += *p == '\n') {
        size_t left = strcspn(p, "\n");
        size_t hang = 0;
        do {
            size_t n = fitting(p, left, columns - hang);
            if (i-- == 0) {
                return (struct piece){p, n, hang};
            }
            n += strspn(p + n, " ");
            p += n;
            left -= n;
            hang = HANG;
        } while (left > 0);
    }
    return (struct piece){NULL, 0, 0};
}

static unsigned detail_line_count(const struct top_model *m)
{
    unsigned n = 0;
    while (detail_piece(m, n).p) {
        n++;
    }
    return n;
}

/* ---- keys ---- */

static void open_row(struct top_model *m, const struct top_row *row)
{
    row_free(&m->opened);
    m->opened = (struct top_row){.when = row->when,
                                 .cause = row->cause,
                                 .server = strdup(row->server),
                                 .client = strdup(row->client),
                                 .detail = strdup(row->detail)};
    m->open = m->opened.server && m->opened.client && m->opened.detail;
    m->detail_scroll = 0;
}

/* Enter: a failure opens; a cause, server or client becomes the filter. */
static void enter(struct top_model *m)
{
    if (m->view == TOP_NEWEST) {
        const struct top_row *row = newest_at(m, m->selected);
        if (row) {
            open_row(m, row);
        }
        return;
    }
    const struct top_entry *e = entry_at(m, m->selected);
    if (e) {
        snprintf(m->filter, sizeof m->filter, "%s", e->name);
        m->view = TOP_NEWEST;
        m->selected = m->scroll = 0;
    }
}

static void move(struct top_model *m, int64_t by)
{
    if (m->open) {
        int64_t at = (int64_t)m->detail_scroll + by;
        int64_t last = (int64_t)detail_line_count(m) - 1;
        at = at > last ? last : at;
        m->detail_scroll = at < 0 ? 0 : (unsigned)at;
        return;
    }
    int64_t at = (int64_t)m->selected + by;
    at = at < 0 ? 0 : at;
    while (at > 0 && !item_exists(m, (unsigned)at)) {
        at = at > (int64_t)TOP_ROWS_MAX ? (int64_t)TOP_ROWS_MAX : at - 1;
    }
    m->selected = (unsigned)at;
}

static void set_view(struct top_model *m, enum top_view view)
{
    m->view = view;
    m->selected = m->scroll = 0;
    m->open = false;
}

static void pause(struct top_model *m)
{
    m->paused = !m->paused;
    m->paused_rows_at = m->rows_at;
    m->paused_rows_n = m->rows_n;
    m->selected = m->scroll = 0;
}

static void type(struct top_model *m, int key)
{
    size_t n = strlen(m->filter);
    if (key == TOP_KEY_ENTER) {
        m->typing = false;
    } else if (key == TOP_KEY_ESCAPE) {
        m->typing = false;
        m->filter[0] = '\0';
    } else if (key == TOP_KEY_BACKSPACE && n) {
        m->filter[n - 1] = '\0';
    } else if (key >= 0x20 && key < 0x7f && n + 1 < TOP_FILTER_MAX) {
        m->filter[n] = (char)key;
        m->filter[n + 1] = '\0';
    }
    m->selected = m->scroll = 0;
}

static void back(struct top_model *m, int key)
{
    if (m->open) {
        m->open = false;
    } else if (key == 'q') {
        m->leave = true;
    } else {
        m->filter[0] = '\0';
    }
}

void top_model_key(struct top_model *m, int key)
{
    int64_t page = list_lines(m);
    if (m->typing) {
        type(m, key);
        return;
    }
    if (m->help) {
        m->help = false;
        return;
    }
    switch (key) {
    case 'q':
    case TOP_KEY_ESCAPE:
        back(m, key);
        break;
    case TOP_KEY_ENTER:
        enter(m);
        break;
    case TOP_KEY_UP:
    case 'k':
        move(m, -1);
        break;
    case TOP_KEY_DOWN:
    case 'j':
        move(m, 1);
        break;
    case TOP_KEY_PAGE_UP:
        move(m, -page);
        break;
    case TOP_KEY_PAGE_DOWN:
    case ' ':
        move(m, page);
        break;
    case TOP_KEY_HOME:
        move(m, -(int64_t)TOP_ROWS_MAX);
        break;
    case TOP_KEY_END:
        move(m, TOP_ROWS_MAX);
        break;
    case TOP_KEY_NEXT_VIEW:
        set_view(m, (enum top_view)((m->view + 1) % TOP_VIEWS));
        break;
    case '1':
    case '2':
    case '3':
    case '4':
        set_view(m, (enum top_view)(key - '1'));
        break;
    case 's':
        m->sort = (enum top_sort)((m->sort + 1) % TOP_SORTS);
        break;
    case 'p':
        pause(m);
        break;
    case '/':
        m->typing = true;
        m->filter[0] = '\0';
        break;
    case '?':
    case 'h':
        m->help = true;
        break;
    default:
        break;
    }
}

/* ---- lines ---- */

static void totals_line(const struct top_model *m, const struct totals *t,
                        struct text *out)
{
    text_fmt(out,
             "%" PRIu64 " TLS: %" PRIu64 " ok, %" PRIu64 " failed (%" PRIu64
             " in the last minute), %" PRIu64 " unknown, %" PRIu64 " harmless",
             t->tls, t->succeeded, t->failed, last_minute(m), t->unknown,
             t->benign);
}

static void packets_line(const struct totals *t, struct text *out)
{
    text_fmt(out,
             "%" PRIu64 " packets captured, %" PRIu64
             " dropped by the kernel, %" PRIu64 " flows evicted",
             t->packets_captured, t->packets_dropped, t->flows_evicted);
    if (t->packets_relieved) {
        text_fmt(out, ", %" PRIu64 " left there", t->packets_relieved);
    }
}

static void views_line(const struct top_model *m, struct text *out)
{
    for (unsigned v = 0; v < TOP_VIEWS; v++) {
        bool here = v == m->view;
        text_fmt(out, "%s%u %s%s  ", here ? "[" : " ", v + 1, view_names[v],
                 here ? "]" : " ");
    }
    if (m->view != TOP_NEWEST) {
        text_fmt(out, "by %s  ", sort_names[m->sort]);
    }
    text_add(out, m->paused ? "PAUSED  " : "");
    if (m->typing || *m->filter) {
        text_fmt(out, "/%s%s", m->filter, m->typing ? "_" : "");
    }
}

/* A cell, filled up; of what is longer the end is missing, which shows. */
static void cell(struct text *out, const char *s, size_t columns)
{
    size_t n = strlen(s);
    size_t k = prefix(s, n, columns);
    text_char(out, ' ');
    if (k < n) {
        text_add_n(out, s, prefix(s, n, columns - 1));
        text_char(out, '~');
        return;
    }
    text_add_n(out, s, n);
    for (size_t used = columns_of(s); used < columns; used++) {
        text_char(out, ' ');
    }
}

static void failure_columns(const struct top_model *m, const char *cause,
                            const char *server, const char *client,
                            struct text *out)
{
    size_t rest = m->columns > NARROW ? m->columns : NARROW;
    rest -= TIME_COLUMNS + 3;
    size_t cause_columns = (rest - CLIENT_COLUMNS) * 9 / 16;
    cause_columns =
        cause_columns < CAUSE_COLUMNS ? cause_columns : CAUSE_COLUMNS;
    size_t server_columns = rest - CLIENT_COLUMNS - cause_columns;
    server_columns =
        server_columns < SERVER_COLUMNS ? server_columns : SERVER_COLUMNS;
    cell(out, cause, cause_columns);
    cell(out, server, server_columns);
    cell(out, client, rest - cause_columns - server_columns);
}

static void columns_line(const struct top_model *m, struct text *out)
{
    if (m->view == TOP_NEWEST) {
        text_fmt(out, "%-*s", (int)TIME_COLUMNS, "TIME");
        failure_columns(m, "CAUSE", "SERVER", "CLIENT", out);
    } else {
        text_fmt(out, "%8s  %-13s  %s", "FAILURES", "LAST", "NAME");
    }
}

/* 12:34:56.123 of the day */
static void add_clock(struct text *out, tick_t when)
{
    struct text t;
    text_init(&t, 64);
    text_time(&t, when);
    text_fmt(out, "%.12s ", t.n > 23 ? t.p + 11 : "");
    text_free(&t);
}

static enum top_look item_line(struct top_model *m, unsigned i,
                               struct text *out)
{
    if (m->view == TOP_NEWEST) {
        const struct top_row *row = newest_at(m, i);
        if (!row) {
            return LOOK_PLAIN;
        }
        add_clock(out, row->when);
        failure_columns(m, row->cause, row->server, row->client, out);
    } else {
        const struct top_entry *e = entry_at(m, i);
        if (!e) {
            return LOOK_PLAIN;
        }
        text_fmt(out, "%8" PRIu64 "  ", e->n);
        add_clock(out, e->last);
        text_fmt(out, "  %s", e->name);
    }
    return i == m->selected ? LOOK_SELECTED : LOOK_PLAIN;
}

static void detail_line(const struct top_model *m, unsigned i, struct text *out)
{
    struct piece l = detail_piece(m, m->detail_scroll + i);
    if (l.p) {
        text_fmt(out, "%*s", (int)l.indent, "");
        text_add_n(out, l.p, l.n);
    }
}

static void help_line(unsigned i, struct text *out)
{
    static const char *const lines[] = {
        "",
        "  1 2 3 4, Tab   newest failures, causes, servers, clients",
        "  up, down       choose; page up and down, home, end",
        "  Enter          open a failure; show those of a cause or a host",
        "  /              show only what holds these letters; Esc: all again",
        "  s              sort by count, last seen, name",
        "  p              hold the lists; again: go on",
        "  q, Esc         back; q in a list leaves",
        "",
        "  The newest stand above, by the time their hello came; what was",
        "  silent is known later and stands further down.",
    };
    if (i < sizeof lines / sizeof *lines) {
        text_add(out, lines[i]);
    }
}

static enum top_look body_line(struct top_model *m, unsigned i,
                               struct text *out)
{
    if (m->help) {
        help_line(i, out);
        return LOOK_PLAIN;
    }
    if (m->open) {
        detail_line(m, i, out);
        return i + m->detail_scroll == 0 ? LOOK_TITLE : LOOK_PLAIN;
    }
    return item_line(m, m->scroll + i, out);
}

static void bottom_line(const struct top_model *m, struct text *out)
{
    if (m->help) {
        text_add(out, "any key: back");
    } else if (*m->message) {
        text_add(out, m->message);
    } else if (m->open) {
        text_add(out, "up/down scroll  q back");
    } else {
        text_add(out, "Enter open  Tab view  / filter  s sort  p pause  ? help"
                      "  q quit");
    }
}

/* The selection is always on the screen. */
static void follow_selection(struct top_model *m)
{
    unsigned n = list_lines(m);
    if (m->selected < m->scroll) {
        m->scroll = m->selected;
    } else if (m->selected >= m->scroll + n) {
        m->scroll = m->selected - n + 1;
    }
}

enum top_look top_model_line(struct top_model *m, const struct totals *totals,
                             unsigned line, struct text *out)
{
    if (line == 0) {
        sort_table(m);
        follow_selection(m);
        text_fmt(out, "tlswhy %s  %s", tlswhy_version, m->title);
        return LOOK_TITLE;
    }
    if (line + 1 == m->lines) {
        bottom_line(m, out);
        return LOOK_DIM;
    }
    switch (line) {
    case 1:
        totals_line(m, totals, out);
        return LOOK_PLAIN;
    case 2:
        packets_line(totals, out);
        return LOOK_PLAIN;
    case 3:
        views_line(m, out);
        return LOOK_PLAIN;
    case 4:
        if (!m->open && !m->help) {
            columns_line(m, out);
        }
        return LOOK_HEAD;
    default:
        return body_line(m, line - HEAD_LINES, out);
    }
}
