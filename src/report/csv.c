/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV (RFC 4180, lines end with CRLF): a header row, then one row a record with
 * the main fields. Cells pass the terminal's escapes first, so no control
 * character gets out; a cell that a spreadsheet would take for a formula gets
 * an apostrophe in front. Unknown values are empty cells; lists are joined with
 * " | ", which no sentence of ours holds. Words, names, versions and times are
 * those of the JSON records.
 */
#include "report/fields.h"

#include <inttypes.h>

#define CELL_BYTES     (16u * 1024)
#define LIST_SEPARATOR " | "

extern const struct reporter csv_reporter;

struct csv {
    struct text *out;
    struct text cell;
    bool started; /* a cell stands on this row */
};

/* ---- cells ---- */

/* How spreadsheets recognise a formula. Tabs and line ends are escaped by then,
 * but stand here for the sake of the rule. */
static bool is_formula(const char *s)
{
    return *s && strchr("=+-@\t\r", *s);
}

static void cell_end(struct csv *c)
{
    const char *s = text_str(&c->cell);
    if (c->started) {
        text_char(c->out, ',');
    }
    c->started = true;
    bool formula = is_formula(s);
    if (!formula && !strpbrk(s, ",\"\r\n") && *s != ' ') {
        text_add(c->out, s);
        text_clear(&c->cell);
        return;
    }
    text_add(c->out, formula ? "\"'" : "\"");
    for (; *s; s += *s == '"') {
        size_t run = strcspn(s, "\"");
        text_add_n(c->out, s, run);
        s += run;
        if (*s) {
            text_add(c->out, "\"\"");
        }
    }
    text_char(c->out, '"');
    text_clear(&c->cell);
}

static void cell_span(struct csv *c, struct span s)
{
    text_term(&c->cell, s);
    cell_end(c);
}

static void cell_str(struct csv *c, const char *s)
{
    cell_span(c, span_text(s ? s : ""));
}

static void cell_uint(struct csv *c, uint64_t v, bool known)
{
    if (known) {
        text_fmt(&c->cell, "%" PRIu64, v);
    }
    cell_end(c);
}

static void cell_list(struct csv *c, const struct text_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        text_add(&c->cell, i ? LIST_SEPARATOR : "");
        text_term(&c->cell, span_text(l->v[i]));
    }
    cell_end(c);
}

/* ---- columns ---- */

static void col_time(struct csv *c, const struct record *r)
{
    text_time(&c->cell, record_when(r));
    cell_end(c);
}

static void col_outcome(struct csv *c, const struct record *r)
{
    cell_str(c, outcome_name(record_outcome(r)));
}

static void col_cause(struct csv *c, const struct record *r)
{
    const struct known_cause *cause = record_cause(r);
    cell_str(c, cause ? cause->slug : NULL);
}

static void col_confidence(struct csv *c, const struct record *r)
{
    cell_str(c,
             record_cause(r) ? confidence_name(r->verdict->confidence) : NULL);
}

static void col_side(struct csv *c, const struct record *r)
{
    cell_str(c, record_fix_side(r));
}

static void col_reason(struct csv *c, const struct record *r)
{
    cell_str(c, record_reason(r));
}

static void ip_cell(struct csv *c, const struct record *r, enum side side)
{
    if (r->hs->ip_version) {
        format_ip(&c->cell, r->hs->addr[side].ip, r->hs->ip_version);
    }
    cell_end(c);
}

static void col_client_ip(struct csv *c, const struct record *r)
{
    ip_cell(c, r, SIDE_CLIENT);
}

static void col_client_port(struct csv *c, const struct record *r)
{
    cell_uint(c, r->hs->addr[SIDE_CLIENT].port, r->hs->ip_version != 0);
}

static void col_server_ip(struct csv *c, const struct record *r)
{
    ip_cell(c, r, SIDE_SERVER);
}

static void col_server_port(struct csv *c, const struct record *r)
{
    cell_uint(c, r->hs->addr[SIDE_SERVER].port, r->hs->ip_version != 0);
}

static void col_server_name(struct csv *c, const struct record *r)
{
    cell_span(c, record_sni(r));
}

static void col_protocol(struct csv *c, const struct record *r)
{
    cell_str(c, flavour_name(r->hs->flavour));
}

static void col_version(struct csv *c, const struct record *r)
{
    const char *protocol;
    cell_str(c, record_version_name(r, &protocol));
}

static void col_version_protocol(struct csv *c, const struct record *r)
{
    const char *protocol;
    cell_str(c, record_version_name(r, &protocol) ? protocol : NULL);
}

static void col_cipher(struct csv *c, const struct record *r)
{
    uint16_t v = record_cipher(r);
    if (v != UNSEEN_U16) {
        const struct known_suite *s = known_suite(v);
        text_code(&c->cell, s ? s->name : NULL, v);
    }
    cell_end(c);
}

static void col_curve(struct csv *c, const struct record *r)
{
    uint16_t v = record_group(r);
    if (v != UNSEEN_U16) {
        text_code(&c->cell, known_group_name(v), v);
    }
    cell_end(c);
}

static void col_next_protocol(struct csv *c, const struct record *r)
{
    const struct server_choice *choice = &r->hs->choice;
    cell_span(c, choice->seen ? choice->alpn : (struct span){NULL, 0});
}

static void col_carrier(struct csv *c, const struct record *r)
{
    cell_str(c, r->hs->carrier ? r->hs->carrier : "direct");
}

static void col_stage(struct csv *c, const struct record *r)
{
    cell_str(c, stage_name(r->hs->end_state.stage));
}

static bool is_failure(const struct record *r)
{
    return record_outcome(r) == OUTCOME_FAILURE;
}

static void col_ended_by(struct csv *c, const struct record *r)
{
    cell_str(c, is_failure(r) ? ended_by_name(r->hs->end_state.by) : NULL);
}

static void col_ended_how(struct csv *c, const struct record *r)
{
    cell_str(c, is_failure(r) ? ended_how_name(r->hs->end_state.how) : NULL);
}

static void col_alert(struct csv *c, const struct record *r)
{
    const struct conclusion *end = &r->hs->end_state;
    if (is_failure(r) && end->has_alert && end->alert_code != ALERT_NONE) {
        const char *name = known_alert_name(end->alert_code);
        if (name) {
            text_add(&c->cell, name);
        } else {
            text_fmt(&c->cell, "%u", (unsigned)end->alert_code);
        }
    }
    cell_end(c);
}

static void col_alert_sender(struct csv *c, const struct record *r)
{
    const struct conclusion *end = &r->hs->end_state;
    cell_str(c, is_failure(r) && end->has_alert ? side_name(end->alert_side)
                                                : NULL);
}

static void col_evidence(struct csv *c, const struct record *r)
{
    static const struct text_list none;
    cell_list(c, r->verdict ? &r->verdict->evidence : &none);
}

static void col_fix(struct csv *c, const struct record *r)
{
    static const struct text_list none;
    cell_list(c, record_cause(r) ? &r->verdict->fix : &none);
}

static void col_benign(struct csv *c, const struct record *r)
{
    cell_str(c, r->hs->end_state.benign ? "true" : NULL);
}

static void col_blind(struct csv *c, const struct record *r)
{
    for (unsigned i = 0; i < BLIND_SPOTS; i++) {
        if (r->hs->end_state.blind & blind_spots[i].bit) {
            text_add(&c->cell, c->cell.n ? LIST_SEPARATOR : "");
            text_add(&c->cell, blind_spots[i].name);
        }
    }
    cell_end(c);
}

static void col_issuer(struct csv *c, const struct record *r)
{
    const struct cert *leaf = chain_leaf(&r->hs->server_chain);
    cell_span(c,
              leaf ? leaf->issuer.distinguished_name : (struct span){NULL, 0});
}

static void col_not_after(struct csv *c, const struct record *r)
{
    const struct cert *leaf = chain_leaf(&r->hs->server_chain);
    if (leaf && leaf->not_after != INT64_MAX && leaf->not_after != INT64_MIN) {
        text_date(&c->cell, leaf->not_after);
    }
    cell_end(c);
}

static void col_community(struct csv *c, const struct record *r)
{
    if (r->hs->ip_version) {
        format_community_id(&c->cell, r->hs);
    }
    cell_end(c);
}

static void frame_cell(struct csv *c, const struct record *r, uint64_t frame)
{
    frame = record_frame(r, frame);
    cell_uint(c, frame, frame > 0);
}

static void col_frame_first(struct csv *c, const struct record *r)
{
    frame_cell(c, r, r->hs->frame_first);
}

static void col_frame_last(struct csv *c, const struct record *r)
{
    frame_cell(c, r, r->hs->frame_last);
}

static void col_frame_decisive(struct csv *c, const struct record *r)
{
    frame_cell(c, r, record_frame_decisive(r));
}

static void col_interface(struct csv *c, const struct record *r)
{
    cell_str(c, r->interface);
}

static void col_file(struct csv *c, const struct record *r)
{
    cell_str(c, r->file);
}

static const struct column {
    const char *name;
    void (*write)(struct csv *c, const struct record *r);
} columns[] = {
    {"timestamp", col_time},
    {"outcome", col_outcome},
    {"cause", col_cause},
    {"confidence", col_confidence},
    {"side", col_side},
    {"reason", col_reason},
    {"client_ip", col_client_ip},
    {"client_port", col_client_port},
    {"server_ip", col_server_ip},
    {"server_port", col_server_port},
    {"server_name", col_server_name},
    {"protocol", col_protocol},
    {"version", col_version},
    {"version_protocol", col_version_protocol},
    {"cipher", col_cipher},
    {"curve", col_curve},
    {"next_protocol", col_next_protocol},
    {"carrier", col_carrier},
    {"stage", col_stage},
    {"ended_by", col_ended_by},
    {"ended_how", col_ended_how},
    {"alert", col_alert},
    {"alert_sender", col_alert_sender},
    {"evidence", col_evidence},
    {"fix", col_fix},
    {"benign", col_benign},
    {"blind_spots", col_blind},
    {"issuer", col_issuer},
    {"not_after", col_not_after},
    {"community_id", col_community},
    {"frame_first", col_frame_first},
    {"frame_last", col_frame_last},
    {"frame_decisive", col_frame_decisive},
    {"interface", col_interface},
    {"file", col_file},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

/* ---- reporter ---- */

static void on_begin(void *state, const struct report_options *o,
                     struct text *out)
{
    (void)state;
    (void)o;
    for (size_t i = 0; i < COLUMNS; i++) {
        text_add(out, i ? "," : "");
        text_add(out, columns[i].name);
    }
    text_add(out, "\r\n");
}

static void on_record(void *state, const struct report_options *o,
                      const struct record *r, struct text *out)
{
    struct csv c = {.out = out};
    size_t before = out->n;
    (void)state;
    if (!record_wanted(r, o) || out->cut) {
        return;
    }
    text_init(&c.cell, CELL_BYTES);
    for (size_t i = 0; i < COLUMNS; i++) {
        columns[i].write(&c, r);
    }
    text_add(out, "\r\n");
    text_free(&c.cell);
    if (out->cut) {
        text_truncate(out, before);
        out->cut = true; /* the row is missing, and the caller knows */
    }
}

const struct reporter csv_reporter = {
    .name = "csv",
    .header = true,
    .begin = on_begin,
    .record = on_record,
};
