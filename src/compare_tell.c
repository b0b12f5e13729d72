/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A difference between two captures in words, and as JSON. The words of both
 * come from the same place.
 */
#include "compare_sight.h"
#include "judge/say.h"
#include "report/json_write.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const fates[COMPARE_FATES] = {
    [COMPARE_SAME] = "passed",
    [COMPARE_INTERCEPTED] = "intercepted",
    [COMPARE_LOST] = "lost",
    [COMPARE_FORGED] = "forged",
    [COMPARE_ABSENT] = "inside_only",
    [COMPARE_OUTER] = "outside_only",
    [COMPARE_UNCOVERED] = "not_covered",
};

/* Receives one sentence after another. */
struct sentences {
    void (*add)(void *ctx, const struct text *sentence);
    void *ctx;
    struct text text;
};

static void end(struct sentences *s)
{
    s->add(s->ctx, &s->text);
    text_clear(&s->text);
}

static void say(struct sentences *s, const char *sentence)
{
    text_add(&s->text, sentence);
    end(s);
}

/* ---- what there is to say ---- */

static void say_certificates(struct sentences *s, const struct sight *in,
                             const struct sight *out)
{
    struct text *t = &s->text;
    if (!in->has_leaf || !out->has_leaf) {
        return;
    }
    if (memcmp(in->leaf, out->leaf, RANDOM_BYTES) == 0) {
        say(s, "the certificate is the same");
        return;
    }
    text_add(t, "the certificate was replaced: issued by \"");
    text_term(t, span_text(in->issuer));
    text_add(t, "\" inside, by \"");
    text_term(t, span_text(out->issuer));
    text_add(t, "\" outside");
    end(s);
    if (in->not_before != out->not_before || in->not_after != out->not_after) {
        text_add(t, "its validity was changed: ");
        text_time(t, in->not_before);
        text_add(t, " to ");
        text_time(t, in->not_after);
        text_add(t, " inside, ");
        text_time(t, out->not_before);
        text_add(t, " to ");
        text_time(t, out->not_after);
        text_add(t, " outside");
        end(s);
    }
}

/* Only what differs. */
static void say_offers(struct sentences *s, const struct sight *in,
                       const struct sight *out)
{
    struct text *t = &s->text;
    if (in->offered_version != out->offered_version) {
        text_fmt(t, "offered up to %s inside, ",
                 say_version(in->offered_version).s);
        text_fmt(t, "up to %s outside", say_version(out->offered_version).s);
        end(s);
    }
    if (in->suites != out->suites) {
        text_fmt(t, "offered %u cipher suites inside, %u outside", in->suites,
                 out->suites);
        end(s);
    }
    if (strcmp(in->alpn, out->alpn) != 0) {
        text_add(t, "offered ALPN ");
        text_term(t, span_text(in->alpn[0] ? in->alpn : "(none)"));
        text_add(t, " inside, ");
        text_term(t, span_text(out->alpn[0] ? out->alpn : "(none)"));
        text_add(t, " outside");
        end(s);
    }
    bool chosen = in->has_server_random && out->has_server_random;
    if (chosen && (in->version != out->version || in->suite != out->suite)) {
        text_fmt(t, "agreed on %s with ", say_version(in->version).s);
        text_fmt(t, "%s inside, ", say_suite(in->suite).s);
        text_fmt(t, "on %s with ", say_version(out->version).s);
        text_fmt(t, "%s outside", say_suite(out->suite).s);
        end(s);
    }
}

static void say_intercepted(struct sentences *s, const struct sight *in,
                            const struct sight *out)
{
    say(s, memcmp(in->random, out->random, RANDOM_BYTES) != 0
               ? "another ClientHello went on to the server"
               : "the ClientHello went on to the server, but somebody else "
                 "answered it");
    say_certificates(s, in, out);
    say_offers(s, in, out);
}

/* Who sent the resets that are there; a forged one of the other side may have
 * made this one. `near` has whom they name beside it,
 * `far` is where they should arrive. */
static void say_reset(struct sentences *s, const struct sight *near,
                      const struct sight *far, enum side who)
{
    const char *name = side_name(who);
    bool forged = sight_is_forged(far, who);
    bool other = sight_is_forged(near, side_other(who));
    if (forged) {
        text_fmt(&s->text,
                 "forged in between: a %s in the %s's name that the %s did "
                 "not send",
                 far->reset[who] ? "reset" : "close", name, name);
        end(s);
    } else if (far->reset[who] && near->reset[who] && !other) {
        text_fmt(&s->text,
                 "the reset of the %s is its own: it is in both captures",
                 name);
        end(s);
    } else if (near->reset[who] && !far->reset[who] && far->complete) {
        text_fmt(&s->text,
                 "the reset of the %s did not arrive at the other side", name);
        end(s);
    }
}

static void say_loss(struct sentences *s, const struct sight *from,
                     enum side who)
{
    const struct sight *to = from->partner;
    if (sight_is_lost(from, who)) {
        text_fmt(&s->text,
                 "lost in between: the %s sent %" PRIu64
                 " bytes, repeated ones counted, and %" PRIu64 " arrived",
                 side_name(who), from->bytes[who], to->bytes[who]);
        end(s);
    } else if (sight_is_lost(to, who)) {
        text_fmt(&s->text,
                 "more of the %s's bytes arrived (%" PRIu64
                 ") than it was seen to send (%" PRIu64
                 "): the captures are the wrong way round, or the one on its "
                 "side misses packets",
                 side_name(who), to->bytes[who], from->bytes[who]);
        end(s);
    }
}

static void say_all(struct sentences *s, const struct sight *in,
                    enum compare_fate fate)
{
    const struct sight *out = in->partner;
    if (fate == COMPARE_UNCOVERED) {
        say(s, "the outer capture has no packets of that time: it tells "
               "nothing of this connection");
        return;
    }
    if (fate == COMPARE_ABSENT) {
        say(s, "stopped in between: its ClientHello is not in the outer "
               "capture");
        if (in->reset[SIDE_SERVER] || in->closed[SIDE_SERVER]) {
            text_fmt(&s->text, "a %s in the server's name came back",
                     in->reset[SIDE_SERVER] ? "reset" : "close");
            end(s);
        }
        return;
    }
    if (fate == COMPARE_INTERCEPTED) {
        say_intercepted(s, in, out);
        return;
    }
    if (fate == COMPARE_SAME) {
        say(s, "both sides saw the same");
    }
    say_reset(s, out, in, SIDE_SERVER);
    say_reset(s, in, out, SIDE_CLIENT);
    say_loss(s, out, SIDE_SERVER);
    say_loss(s, in, SIDE_CLIENT);
}

/* ---- as text ---- */

static void title(struct text *t, const struct sight *s)
{
    text_time(t, s->when);
    text_char(t, ' ');
    format_endpoint(t, s->addr[0].ip, s->addr[0].port, s->ip_version);
    text_add(t, " > ");
    format_endpoint(t, s->addr[1].ip, s->addr[1].port, s->ip_version);
    if (s->name[0]) {
        text_add(t, " (");
        text_term(t, span_text(s->name));
        text_char(t, ')');
    }
    text_char(t, '\n');
}

static void tell_outcome(struct text *t, const char *where,
                         const struct sight *s)
{
    text_fmt(t, "  %s: %s, got as far as %s", where, outcome_name(s->outcome),
             stage_name(s->stage));
    if (s->cause) {
        text_fmt(t, ", %s", s->cause);
    }
    text_char(t, '\n');
}

/* The first sentence stands behind the word for the whole. */
struct paragraph {
    struct text *t;
    const char *lead; /* or NULL */
};

static void add_line(void *ctx, const struct text *sentence)
{
    struct paragraph *p = ctx;
    text_add(p->t, "  ");
    if (p->lead) {
        text_fmt(p->t, "%s: ", p->lead);
        p->lead = NULL;
    }
    text_add_n(p->t, sentence->p, sentence->n);
    text_char(p->t, '\n');
}

void compare_tell(struct text *t, const struct sight *in,
                  enum compare_fate fate)
{
    bool named = fate == COMPARE_SAME || fate == COMPARE_INTERCEPTED;
    struct paragraph p = {t, named ? fates[fate] : NULL};
    struct sentences s = {.add = add_line, .ctx = &p};
    text_init(&s.text, 4 * NAME_BYTES);
    title(t, in);
    say_all(&s, in, fate);
    tell_outcome(t, "inside", in);
    if (in->partner && fate != COMPARE_SAME) {
        tell_outcome(t, "outside", in->partner);
    }
    text_char(t, '\n');
    text_free(&s.text);
}

/* ---- as JSON ---- */

static void json_end_of(struct json *j, const char *key, const struct sight *s,
                        enum side side)
{
    size_t at = json_object(j, key);
    json_open_str(j, "ip");
    format_ip(j->t, s->addr[side].ip, s->ip_version);
    json_close_str(j);
    json_uint(j, "port", s->addr[side].port);
    json_uint(j, "bytes", s->bytes[side]);
    json_bool(j, "reset", s->reset[side]);
    json_object_end(j, at);
}

static void json_time(struct json *j, const char *key, tick_t when)
{
    json_open_str(j, key);
    text_time(j->t, when);
    json_close_str(j);
}

static void json_leaf(struct json *j, const struct sight *s)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t at = json_object(j, "certificate");
    json_str(j, "issuer", s->issuer);
    json_time(j, "not_before", s->not_before);
    json_time(j, "not_after", s->not_after);
    json_open_str(j, "sha256");
    for (size_t i = 0; i < RANDOM_BYTES; i++) {
        text_char(j->t, digits[s->leaf[i] >> 4]);
        text_char(j->t, digits[s->leaf[i] & 15]);
    }
    json_close_str(j);
    json_object_end(j, at);
}

static void json_sight(struct json *j, const char *key, const struct sight *s)
{
    size_t at = json_object(j, key);
    json_time(j, "@timestamp", s->when);
    json_end_of(j, "client", s, SIDE_CLIENT);
    json_end_of(j, "server", s, SIDE_SERVER);
    json_uint(j, "frame", s->frame);
    json_str(j, "outcome", outcome_name(s->outcome));
    json_str(j, "stage", stage_name(s->stage));
    json_str(j, "ended_by", ended_by_name(s->by));
    json_str(j, "ended_how", ended_how_name(s->how));
    json_str(j, "cause", s->cause);
    json_str(j, "offered_version", known_version_title(s->offered_version));
    json_uint(j, "offered_suites", s->suites);
    json_str(j, "offered_alpn", s->alpn[0] ? s->alpn : NULL);
    if (s->has_server_random) {
        json_str(j, "version", known_version_title(s->version));
        json_str(j, "cipher", say_suite(s->suite).s);
    }
    if (s->has_leaf) {
        json_leaf(j, s);
    }
    json_object_end(j, at);
}

static void add_member(void *ctx, const struct text *sentence)
{
    json_span(ctx, NULL, span_of(sentence->p, sentence->n));
}

/* The document's object and, within, that of the comparison. */
struct document {
    size_t top, tlswhy, compare;
};

static struct document begin(struct json *j, const char *action, tick_t when)
{
    struct document d;
    d.top = json_object(j, NULL);
    if (when) {
        json_time(j, "@timestamp", when);
    }
    size_t event = json_object(j, "event");
    json_str(j, "kind", "event");
    json_str(j, "action", action);
    json_str(j, "dataset", "tlswhy.compare");
    json_object_end(j, event);
    d.tlswhy = json_object(j, "tlswhy");
    d.compare = json_object(j, "compare");
    return d;
}

static void finish(struct json *j, struct document d)
{
    json_object_end(j, d.compare);
    json_object_end(j, d.tlswhy);
    json_object_end(j, d.top);
    text_char(j->t, '\n');
}

void compare_tell_json(struct text *t, const struct sight *in,
                       enum compare_fate fate)
{
    struct json j = {.t = t, .from = t->n, .items = UINT32_MAX};
    struct sentences s = {.add = add_member, .ctx = &j};
    text_init(&s.text, 4 * NAME_BYTES);
    struct document d = begin(&j, "compare_connection", in->when);
    json_str(&j, "fate", fates[fate]);
    json_str(&j, "server_name", in->name[0] ? in->name : NULL);
    size_t list = json_list(&j, "evidence");
    say_all(&s, in, fate);
    json_list_end(&j, list);
    json_sight(&j, "inside", in);
    if (in->partner) {
        json_sight(&j, "outside", in->partner);
    }
    finish(&j, d);
    text_free(&s.text);
}

/* ---- counts ---- */

static void counts_json(struct text *t, const struct compare_result *r)
{
    struct json j = {.t = t, .from = t->n, .items = UINT32_MAX};
    struct document d = begin(&j, "compare_totals", 0);
    for (int i = 0; i < COMPARE_FATES; i++) {
        json_uint(&j, fates[i], r->n[i]);
    }
    json_uint(&j, "left_out", r->left_out);
    for (int i = 0; i < 2; i++) {
        if (r->window[i].any) {
            size_t at = json_object(&j, i ? "outside" : "inside");
            json_time(&j, "first", r->window[i].first);
            json_time(&j, "last", r->window[i].last);
            json_object_end(&j, at);
        }
    }
    if (r->ahead_known) {
        json_int(&j, "outside_clock_ahead_ns", r->ahead);
    }
    finish(&j, d);
}

void compare_tell_counts(struct text *t, const struct compare_result *r,
                         bool json)
{
    static const char *const words[COMPARE_FATES] = {
        [COMPARE_SAME] = "passed through unchanged",
        [COMPARE_INTERCEPTED] = "intercepted: terminated and made anew",
        [COMPARE_LOST] = "with bytes lost in between",
        [COMPARE_FORGED] = "with a reset or close forged in between",
        [COMPARE_ABSENT] = "seen inside only",
        [COMPARE_OUTER] = "seen outside only",
        [COMPARE_UNCOVERED] = "left alone: the other capture lacks that time",
    };
    if (json) {
        counts_json(t, r);
        return;
    }
    for (int i = 0; i < COMPARE_FATES; i++) {
        if (r->n[i]) {
            text_fmt(t, "%" PRIu64 " connection%s %s\n", r->n[i],
                     r->n[i] == 1 ? "" : "s", words[i]);
        }
    }
    if (r->left_out) {
        text_fmt(t, "%" PRIu64 " left out: no ClientHello, or too many\n",
                 r->left_out);
    }
}

/* ---- warnings ---- */

/* How long both captures ran, by the clock of the inner one; negative: never at
 * once. */
static tick_t common_time(const struct compare_result *r)
{
    const struct compare_window *in = &r->window[COMPARE_INSIDE];
    const struct compare_window *out = &r->window[COMPARE_OUTSIDE];
    tick_t first = tick_sub(out->first, r->ahead);
    tick_t last = tick_sub(out->last, r->ahead);
    first = first > in->first ? first : in->first;
    last = last < in->last ? last : in->last;
    return tick_sub(last, first);
}

bool compare_warning(const struct compare_result *r, char line[256])
{
    if (!r->window[0].any || !r->window[1].any) {
        return false;
    }
    tick_t common = common_time(r);
    if (common < 0 && !r->ahead_known) {
        snprintf(line, 256,
                 "the two captures have no time in common: if a clock is "
                 "wrong, mend one of them with editcap -t");
        return true;
    }
    if (r->n[COMPARE_UNCOVERED]) {
        snprintf(line, 256,
                 "the two captures have %.3f s in common: %" PRIu64
                 " connection%s from another time left alone",
                 (double)(common < 0 ? 0 : common) / (double)TICK_SEC,
                 r->n[COMPARE_UNCOVERED],
                 r->n[COMPARE_UNCOVERED] == 1 ? "" : "s");
        return true;
    }
    return false;
}
