/* SPDX-License-Identifier: Apache-2.0 */
#include "report/repeats.h"

#include "base/ascii.h"
#include "report/fields.h"

#include <stdio.h>
#include <stdlib.h>

#define STORIES    64u
#define SHORT_ONES 3u              /* told in a line each, before counting */
#define TOLD_EVERY (60 * TICK_SEC) /* live */

struct repeats {
    struct story stories[STORIES];
    uint64_t heard;
    bool all, live;
};

struct repeats *repeats_new(bool all, bool live)
{
    struct repeats *s = calloc(1, sizeof *s);
    if (s) {
        s->all = all;
        s->live = live;
    }
    return s;
}

void repeats_free(struct repeats *s)
{
    free(s);
}

static const char *slug_of(const struct record *r)
{
    const struct known_cause *cause = record_cause(r);
    return cause ? cause->slug : "";
}

static uint8_t sureness(const struct record *r)
{
    return r->verdict ? (uint8_t)r->verdict->confidence : 0;
}

/* Where many names share an address (a proxy, a CDN) each is a story of its
 * own. */
static bool is_named(const struct story *t, struct span sni)
{
    size_t n = strlen(t->name);
    sni = span_sub(sni, 0, sizeof t->name - 1);
    return sni.n == n && (n == 0 || ascii_same(t->name, sni.p, n));
}

static bool is_of(const struct story *t, const struct record *r)
{
    const struct conclusion *c = &r->hs->end_state;
    const struct hs_addr *a = &r->hs->addr[SIDE_SERVER];
    return t->heard && t->alert == c->alert_code &&
           t->ended_by == (uint8_t)c->by && t->sure == sureness(r) &&
           t->server.port == a->port &&
           memcmp(t->server.ip, a->ip, sizeof a->ip) == 0 &&
           strcmp(t->cause, slug_of(r)) == 0 && is_named(t, record_sni(r));
}

static void label(struct story *t, const struct record *r)
{
    struct text text;
    struct span sni = record_sni(r);
    text_init(&text, sizeof t->label);
    format_endpoint(&text, t->server.ip, t->server.port, r->hs->ip_version);
    if (sni.n) {
        text_add(&text, " (");
        text_term(&text, sni);
        text_char(&text, ')');
    }
    snprintf(t->label, sizeof t->label, "%s", text_str(&text));
    text_free(&text);
}

static void begin(struct story *t, const struct record *r)
{
    const struct known_cause *cause = record_cause(r);
    *t = (struct story){.server = r->hs->addr[SIDE_SERVER],
                        .cause = slug_of(r),
                        .sentence =
                            cause ? cause->sentence : "the handshake failed",
                        .alert = r->hs->end_state.alert_code,
                        .ended_by = (uint8_t)r->hs->end_state.by,
                        .sure = sureness(r),
                        .told = record_when(r)};
    struct span sni = span_sub(record_sni(r), 0, sizeof t->name - 1);
    for (size_t i = 0; i < sni.n; i++) {
        t->name[i] = (char)sni.p[i];
    }
    label(t, r);
}

static void count(struct story *t, const struct record *r)
{
    const uint8_t *ip = r->hs->addr[SIDE_CLIENT].ip;
    t->more++;
    t->last = record_when(r);
    for (unsigned i = 0; i < t->clients_n; i++) {
        if (memcmp(t->clients[i], ip, sizeof t->clients[i]) == 0) {
            return;
        }
    }
    if (t->clients_n == REPEATS_CLIENTS) {
        t->clients_more = true;
        return;
    }
    memcpy(t->clients[t->clients_n++], ip, sizeof t->clients[0]);
}

static void told(struct story *t, tick_t when)
{
    t->more = 0;
    t->clients_n = 0;
    t->clients_more = false;
    t->told = when;
}

/* The record's story, or the place of the one heard of longest ago. */
static struct story *find(struct repeats *s, const struct record *r)
{
    struct story *oldest = &s->stories[0];
    for (unsigned i = 0; i < STORIES; i++) {
        if (is_of(&s->stories[i], r)) {
            return &s->stories[i];
        }
        if (s->stories[i].order < oldest->order) {
            oldest = &s->stories[i];
        }
    }
    return oldest;
}

enum repeat repeats_add(struct repeats *s, const struct record *r,
                        struct story *about)
{
    struct story *t = find(s, r);
    enum repeat what = REPEAT_SHORT;
    if (!is_of(t, r)) {
        *about = *t;
        begin(t, r);
        what = REPEAT_NONE;
    } else if (t->heard > SHORT_ONES && !s->all) {
        tick_t when = record_when(r);
        count(t, r);
        *about = *t;
        what = REPEAT_COUNTED;
        if (s->live && (when < t->told || when - t->told >= TOLD_EVERY)) {
            told(t, when);
            what = REPEAT_MORE;
        }
    }
    t->heard++;
    t->order = ++s->heard;
    return what;
}

bool repeats_next(struct repeats *s, struct story *about)
{
    struct story *oldest = NULL;
    for (unsigned i = 0; i < STORIES; i++) {
        struct story *t = &s->stories[i];
        if (t->more && (!oldest || t->order < oldest->order)) {
            oldest = t;
        }
    }
    if (oldest) {
        *about = *oldest;
        told(oldest, oldest->last);
    }
    return oldest != NULL;
}
