/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for people: one block per failed handshake, with what failed first, how
 * far it got, why, and what to do. Successes and unknown outcomes are one line
 * each, when they are asked for. Everything from the network goes through
 * text_term() (paint.c).
 */
#include "report/fields.h"
#include "report/paint.h"
#include "report/progress.h"
#include "report/repeats.h"

#include <inttypes.h>
#include <limits.h>

#define LINE_BYTES     4096u
#define VIEWERS_SHOWN  4u
#define FIXES_SHOWN    6u /* more with -v */
#define EVIDENCE_SHOWN 12u

extern const struct reporter text_reporter;

/* The address, and the name that DNS gave it when the client asked for
 * another, or for none. */
static void endpoint(struct paint *p, const struct record *r, enum side side)
{
    const struct handshake *hs = r->hs;
    const char *name = r->domain[side];
    struct text t;
    text_init(&t, LINE_BYTES);
    format_endpoint(&t, hs->addr[side].ip, hs->addr[side].port, hs->ip_version);
    paint_str(p, PAINT_PLAIN, text_str(&t));
    if (name &&
        (side == SIDE_CLIENT || !span_eq(span_text(name), record_sni(r)))) {
        text_clear(&t);
        text_fmt(&t, "[%s]", name);
        paint_str(p, PAINT_PLAIN, text_str(&t));
    }
    text_free(&t);
}

/* Time, client, server, and the name that was asked for: never wrapped, so
 * that grep(1) finds it. */
static void headline(struct paint *p, const struct record *r)
{
    p->width = UINT_MAX;
    struct text t;
    text_init(&t, LINE_BYTES);
    paint_line(p, 0);
    text_clock(&t, record_when(r));
    paint_str(p, PAINT_DIM, text_str(&t));
    p->indent = 2;
    endpoint(p, r, SIDE_CLIENT);
    paint_str(p, PAINT_PLAIN, paint_sign(p->o, "→", "->"));
    endpoint(p, r, SIDE_SERVER);
    struct span sni = record_sni(r);
    if (sni.n) {
        text_clear(&t);
        text_char(&t, '(');
        text_add_n(&t, (const char *)sni.p, sni.n);
        text_char(&t, ')');
        paint_words(p, PAINT_PLAIN, span_of(text_str(&t), t.n));
    }
    if (r->hs->carrier && strcmp(r->hs->carrier, "direct") != 0) {
        paint_str(p, PAINT_PLAIN, "via");
        paint_str(p, PAINT_PLAIN, r->hs->carrier);
    }
    text_free(&t);
}

/* "- " and a sentence that hangs behind it. */
static void item(struct paint *p, const char *label, const char *s)
{
    paint_label(p, label);
    paint_verbatim(p, span_text("- "));
    p->indent += 2;
    paint_str(p, PAINT_PLAIN, s);
}

static void items(struct paint *p, const char *label, const struct text_list *l,
                  size_t max)
{
    for (size_t i = 0; i < l->n && i < max; i++) {
        item(p, i ? NULL : label, l->v[i]);
    }
}

static void sentence(struct paint *p, const struct record *r)
{
    const struct known_cause *cause = record_cause(r);
    const char *reason = record_reason(r);
    paint_line(p, 2);
    paint_str(p, PAINT_BAD,
              reason ? reason
                     : (cause ? cause->sentence : "the handshake failed"));
    if (cause) {
        struct text t;
        text_init(&t, 256);
        text_fmt(&t, "[%s: %s]", confidence_name(r->verdict->confidence),
                 cause->slug);
        paint_str(p, PAINT_DIM, text_str(&t));
        text_free(&t);
    }
}

static void course(struct paint *p, const struct record *r)
{
    struct text t;
    text_init(&t, LINE_BYTES);
    progress_text(&t, r, p->o);
    if (t.n) {
        paint_label(p, "how far");
        paint_str(p, PAINT_PLAIN, text_str(&t));
    }
    text_free(&t);
}

static void fixes(struct paint *p, const struct record *r)
{
    const struct text_list *fix = &r->verdict->fix;
    const char *side = record_fix_side(r);
    if (side) {
        struct text t;
        text_init(&t, LINE_BYTES);
        bool path = strcmp(side, "network") == 0;
        text_fmt(&t, "look at the %s first%s", path ? "path" : side,
                 fix->n ? ":" : "");
        paint_label(p, "fix");
        paint_str(p, PAINT_PLAIN, text_str(&t));
        text_free(&t);
    }
    size_t shown = p->o->verbose ? fix->n : FIXES_SHOWN;
    p->whole_words = true; /* configuration lines */
    items(p, side ? NULL : "fix", fix, shown);
    p->whole_words = false;
    if (fix->n > shown) {
        struct text t;
        text_init(&t, LINE_BYTES);
        text_fmt(&t, "(%zu more with -v)", fix->n - shown);
        paint_label(p, NULL);
        paint_str(p, PAINT_DIM, text_str(&t));
        text_free(&t);
    }
}

/* Commands are to be copied: a line each, however long. */
static void commands(struct paint *p, const struct text_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        paint_label(p, i ? NULL : "try");
        paint_verbatim(p, span_text(l->v[i]));
    }
}

static void alternatives(struct paint *p, const struct verdict *v)
{
    struct text t;
    text_init(&t, LINE_BYTES);
    for (size_t i = 0; i < v->alternatives_n; i++) {
        const struct alternative *a = &v->alternatives[i];
        const struct known_cause *c = known_cause(a->cause);
        text_clear(&t);
        text_fmt(&t, "%s (%s, %s)", c && c->sentence ? c->sentence : a->cause,
                 confidence_name(a->confidence), a->cause);
        item(p, i ? NULL : "or else", text_str(&t));
    }
    text_free(&t);
}

static void viewers(struct paint *p, const struct verdict *v)
{
    for (size_t i = 0; i < v->seen_as_n && i < VIEWERS_SHOWN; i++) {
        paint_label(p, i ? NULL : "seen as");
        p->indent += 2;
        paint_str(p, PAINT_DIM, v->seen_as[i].viewer);
        paint_verbatim(p, span_text(":"));
        if (v->seen_as[i].text) {
            paint_str(p, PAINT_PLAIN, v->seen_as[i].text);
        }
    }
}

/* What the verdict has not said already. */
static bool is_told(const struct text_list *l, const char *s)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i], s) == 0) {
            return true;
        }
    }
    return false;
}

static void inspection(struct paint *p, const struct verdict *v)
{
    if (!v->interception) {
        return;
    }
    paint_label(p, "TLS insp.");
    paint_str(p, PAINT_WARN, v->interception);
    if (v->interception_product) {
        paint_str(p, PAINT_PLAIN, v->interception_product);
    }
    const struct text_list *l = &v->interception_evidence;
    for (size_t i = 0; i < l->n && i < EVIDENCE_SHOWN; i++) {
        if (!is_told(&v->evidence, l->v[i])) {
            item(p, NULL, l->v[i]);
        }
    }
}

static void frames(struct paint *p, const struct record *r)
{
    uint64_t decisive = record_frame_decisive(r);
    struct text t;
    if (!record_frame(r, r->hs->frame_first | decisive)) {
        return;
    }
    text_init(&t, LINE_BYTES);
    text_fmt(&t, "%" PRIu64 "%s%" PRIu64, r->hs->frame_first,
             paint_sign(p->o, "–", "-"), r->hs->frame_last);
    if (decisive) {
        text_fmt(&t, ", decisive %" PRIu64, decisive);
    }
    if (r->file) {
        text_fmt(&t, ", in %s", r->file);
    }
    paint_label(p, "frames");
    paint_str(p, PAINT_PLAIN, text_str(&t));
    text_free(&t);
}

static void lacking(struct paint *p, const struct record *r)
{
    bool first = true;
    for (unsigned i = 0; i < BLIND_SPOTS; i++) {
        if (r->hs->end_state.blind & blind_spots[i].bit) {
            item(p, first ? "not seen" : NULL, blind_spots[i].sentence);
            first = false;
        }
    }
}

static void explanation(struct paint *p, const struct verdict *v)
{
    struct text t;
    text_init(&t, LINE_BYTES);
    for (size_t i = 0; i < v->fired_n; i++) {
        const struct fired_rule *f = &v->fired[i];
        text_clear(&t);
        text_fmt(&t, "%s: %s, %s, weight %d (%s)", f->rule, f->cause,
                 confidence_name(f->confidence), f->weight,
                 f->source ? f->source : "no source");
        paint_label(p, i ? NULL : "rules");
        p->indent += 2;
        paint_str(p, PAINT_PLAIN, text_str(&t));
        items(p, NULL, &f->because, f->because.n);
    }
    text_free(&t);
}

static void failure(struct paint *p, const struct record *r)
{
    const struct verdict *v = r->verdict;
    unsigned width = p->width;
    headline(p, r);
    p->width = width;
    sentence(p, r);
    course(p, r);
    if (v) {
        items(p, "why", &v->evidence, EVIDENCE_SHOWN);
        fixes(p, r);
        commands(p, &v->reproduce);
        alternatives(p, v);
        viewers(p, v);
        inspection(p, v);
    }
    frames(p, r);
    lacking(p, r);
    if (v && p->o->explain) {
        explanation(p, v);
    }
    paint_newline(p);
    text_char(p->out, '\n');
}

/* ---- one line ---- */

/* A key from elsewhere that both ends were given, and no ticket. */
static bool is_key_agreed(const struct client_offer *o)
{
    return o->seen && o->psk_identities == 1 && o->psk_external;
}

static void negotiated(struct paint *p, const struct record *r)
{
    uint16_t version = record_version(r);
    uint16_t cipher = record_cipher(r);
    uint16_t group = record_group(r);
    if (version != UNSEEN_U16) {
        const char *title = known_version_title(version);
        paint_str(p, PAINT_PLAIN, title ? title : "unknown version");
    }
    const struct known_suite *suite =
        cipher != UNSEEN_U16 ? known_suite(cipher) : NULL;
    if (suite) {
        paint_str(p, PAINT_PLAIN,
                  suite->openssl ? suite->openssl : suite->name);
    }
    const char *name = group != UNSEEN_U16 ? known_group_name(group) : NULL;
    if (name) {
        paint_str(p, PAINT_PLAIN, name);
    }
    if (r->hs->end_state.resumed) {
        paint_str(p, PAINT_PLAIN,
                  is_key_agreed(&r->hs->offer) ? "pre-shared key" : "resumed");
    }
}

/* Why nobody can tell: the judge's words, else what the capture lacks. */
static const char *why_unknown(const struct record *r)
{
    const char *reason = record_reason(r);
    for (unsigned i = 0; i < BLIND_SPOTS && !reason; i++) {
        if (r->hs->end_state.blind & blind_spots[i].bit) {
            reason = blind_spots[i].sentence;
        }
    }
    return reason ? reason : "the capture does not show how it ended";
}

static void one_line(struct paint *p, const struct record *r)
{
    bool benign = r->hs->end_state.benign;
    unsigned width = p->width;
    headline(p, r);
    if (record_outcome(r) == OUTCOME_SUCCESS) {
        paint_str(p, PAINT_GOOD, "ok");
        negotiated(p, r);
    } else {
        const char *why = benign ? record_reason(r) : why_unknown(r);
        paint_str(p, PAINT_WARN, benign ? "harmless:" : "unknown:");
        paint_str(p, PAINT_PLAIN, why ? why : "given up on purpose");
    }
    paint_newline(p);
    if (r->verdict && r->verdict->evidence.n) {
        p->width = width;
        items(p, "note", &r->verdict->evidence, EVIDENCE_SHOWN);
        paint_newline(p);
    }
}

/* ---- repeats ---- */

struct state {
    struct summary *summary; /* while totals are wanted */
    struct repeats *repeats; /* NULL: everything is told in full */
};

static void repeat(struct paint *p, const struct record *r)
{
    const struct known_cause *cause = record_cause(r);
    const char *reason = record_reason(r);
    headline(p, r);
    paint_str(p, PAINT_BAD, "the same:");
    paint_str(p, PAINT_PLAIN,
              reason  ? reason
              : cause ? cause->sentence
                      : "the handshake failed");
    paint_newline(p);
}

/* "1,203" */
static void text_thousands(struct text *t, uint64_t n)
{
    if (n >= 1000) {
        text_thousands(t, n / 1000);
        text_fmt(t, ",%03u", (unsigned)(n % 1000));
    } else {
        text_fmt(t, "%u", (unsigned)n);
    }
}

/* Those that were only counted: one line, which grep(1) finds. */
static void more(struct paint *p, const struct story *s)
{
    unsigned width = p->width;
    struct text t;
    if (!s->more) {
        return;
    }
    text_init(&t, LINE_BYTES);
    p->width = UINT_MAX;
    paint_line(p, 0);
    text_clock(&t, s->last);
    paint_str(p, PAINT_DIM, text_str(&t));
    paint_str(p, PAINT_PLAIN, paint_sign(p->o, "→", "->"));
    paint_str(p, PAINT_PLAIN, s->label);
    text_clear(&t);
    text_add(&t, "and ");
    text_thousands(&t, s->more);
    text_add(&t, " more like it from ");
    text_fmt(&t, "%s%u client%s:", s->clients_more ? "over " : "", s->clients_n,
             s->clients_n == 1 ? "" : "s");
    paint_str(p, PAINT_BAD, text_str(&t));
    paint_str(p, PAINT_PLAIN, s->sentence);
    paint_newline(p);
    p->width = width;
    text_free(&t);
}

/* ---- reporter ---- */

static void on_begin(void *state, const struct report_options *o,
                     struct text *out)
{
    struct state *s = state;
    (void)out;
    s->summary = o->summary ? summary_new() : NULL;
    s->repeats = o->verbose || o->explain ? NULL : repeats_new(o->all, o->live);
}

static void tell_failure(struct state *s, struct paint *p,
                         const struct record *r)
{
    struct story about = {0};
    bool harmless = r->hs->end_state.benign;
    enum repeat what = REPEAT_NONE;
    if (s->repeats && !harmless) {
        what = repeats_add(s->repeats, r, &about);
    }
    switch (what) {
    case REPEAT_NONE:
        more(p, &about);
        failure(p, r);
        break;
    case REPEAT_SHORT:
        repeat(p, r);
        break;
    case REPEAT_COUNTED:
        break;
    case REPEAT_MORE:
        more(p, &about);
        break;
    }
}

static void on_record(void *state, const struct report_options *o,
                      const struct record *r, struct text *out)
{
    struct state *s = state;
    struct paint p;
    summary_add(s->summary, r);
    if (!record_wanted(r, o)) {
        return;
    }
    paint_init(&p, out, o);
    if (record_outcome(r) == OUTCOME_FAILURE &&
        (!r->hs->end_state.benign || o->explain)) {
        tell_failure(s, &p, r);
    } else {
        one_line(&p, r);
    }
}

static void on_end(void *state, const struct report_options *o,
                   const struct totals *t, struct text *out)
{
    const struct state *s = state;
    struct story about;
    struct paint p;
    paint_init(&p, out, o);
    while (s->repeats && repeats_next(s->repeats, &about)) {
        more(&p, &about);
    }
    if (o->summary) {
        summary_print(s->summary, o, t, out);
    }
}

static void on_fini(void *state)
{
    struct state *s = state;
    summary_free(s->summary);
    repeats_free(s->repeats);
}

const struct reporter text_reporter = {
    .name = "text",
    .begin = on_begin,
    .record = on_record,
    .end = on_end,
    .state_bytes = sizeof(struct state),
    .fini = on_fini,
};
