/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From concluded handshakes to records: the one place that knows all
 * connections. Learns from each, judges those that are reported, emits them.
 *
 * While files are read verdicts wait (bounded) until the end, so that a verdict
 * can use what other connections show later, and come out in the order of the
 * connections' first packets. Live they go out at once.
 */
#include "verdicts.h"

#include "application.h"
#include "base/frame_log.h"
#include "base/limits.h"
#include "dissectors/tls_expand.h"
#include "dissectors/x509_cache.h"

#include <stdlib.h>

struct verdicts {
    struct verdicts_options o;
    struct judge *judge;
    struct cert_cache *cert_cache;
    struct application *application; /* set up when first needed */
    bool application_tried;
    struct handshake **pending; /* concluded, waiting for their verdict */
    size_t pending_n, pending_size, pending_bytes;
    struct totals totals; /* of handshakes */
};

static void count_outcome(struct totals *t, const struct conclusion *c)
{
    t->tls++;
    switch (c->outcome) {
    case OUTCOME_SUCCESS:
        t->succeeded++;
        break;
    case OUTCOME_FAILURE:
        if (c->benign) {
            t->benign++;
        } else {
            t->failed++;
        }
        break;
    case OUTCOME_UNKNOWN:
        t->unknown++;
        break;
    }
    t->limited += (c->blind & BLIND_LIMIT) != 0;
}

/* An unanswered encrypted alert right after both Finished is a refusal when
 * the certificate that was shown deserves one (NSS, .NET). */
static void settle_late_alert(struct verdicts *v, struct handshake *hs)
{
    struct conclusion *c = &hs->end_state;
    if (!c->late_alert_unanswered || !judge_is_late_refusal(v->judge, hs)) {
        return;
    }
    c->outcome = OUTCOME_FAILURE;
    c->established = false;
    c->stage = STAGE_SERVER_FINISHED;
    c->by = BY_CLIENT;
    c->how = HOW_ALERT;
    c->has_alert = true;
    c->alert_encrypted = true;
    c->alert_side = SIDE_CLIENT;
    c->blind |= BLIND_NO_KEYS;
}

/* nDPI takes a while to set up, and many runs never report anything. */
static void name_application(struct verdicts *v, struct handshake *hs)
{
    if (v->o.application && !v->application_tried) {
        v->application_tried = true;
        v->application = application_new();
    }
    application_name(v->application, hs);
}

static void judge_one(struct verdicts *v, struct handshake *hs)
{
    settle_late_alert(v, hs);
    const char *harmless = judge_harmless(v->judge, hs);
    if (harmless) {
        hs->end_state.benign = true;
        hs->end_state.benign_why = harmless;
    }
    count_outcome(&v->totals, &hs->end_state);
    if (hs->end_state.outcome == OUTCOME_FAILURE || v->o.all) {
        name_application(v, hs);
        struct verdict *verdict = judge_run(v->judge, hs);
        if (verdict) {
            struct record r = {.hs = hs, .verdict = verdict};
            v->o.emit(v->o.emit_ctx, &r, hs->source);
            verdict_free(verdict);
        }
    }
    hs_free(hs);
    free(hs);
}

static int by_first_packet(const void *a, const void *b)
{
    const struct handshake *x = *(struct handshake *const *)a;
    const struct handshake *y = *(struct handshake *const *)b;
    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }
    if (x->source != y->source) {
        return x->source < y->source ? -1 : 1;
    }
    return x->frame_first < y->frame_first   ? -1
           : x->frame_first > y->frame_first ? 1
                                             : 0;
}

static size_t pending_size_of(const struct handshake *hs)
{
    return sizeof *hs + hs->arena.used_bytes + frame_log_bytes(hs->frames);
}

/* Judges the oldest n of the waiting ones. */
static void judge_pending(struct verdicts *v, size_t n)
{
    if (v->pending_n) {
        qsort(v->pending, v->pending_n, sizeof *v->pending, by_first_packet);
    }
    for (size_t i = 0; i < n; i++) {
        v->pending_bytes -= pending_size_of(v->pending[i]);
        judge_one(v, v->pending[i]);
    }
    v->pending_n -= n;
    if (v->pending_n) {
        memmove(v->pending, v->pending + n, v->pending_n * sizeof *v->pending);
    }
}

static bool pending_add(struct verdicts *v, struct handshake *hs)
{
    if (v->pending_n == v->pending_size) {
        size_t size = v->pending_size ? v->pending_size * 2 : 64;
        struct handshake **list = realloc(v->pending, size * sizeof(*list));
        if (!list) {
            return false;
        }
        v->pending = list;
        v->pending_size = size;
    }
    v->pending[v->pending_n++] = hs;
    v->pending_bytes += pending_size_of(hs);
    return true;
}

/* A handshake whose verdict is wanted: now, or when the capture has told
 * more. */
static bool want_verdict(struct verdicts *v, const struct handshake *done)
{
    struct handshake *hs = malloc(sizeof *hs);
    if (!hs) {
        v->totals.limited++;
        return false;
    }
    *hs = *done;
    if (v->o.live || !pending_add(v, hs)) {
        judge_one(v, hs);
        return true;
    }
    if (v->pending_n >= LIMIT_PENDING_VERDICTS ||
        v->pending_bytes > LIMIT_PENDING_BYTES) {
        judge_pending(v, v->pending_n / 2);
    }
    return true;
}

bool verdicts_add(struct verdicts *v, struct handshake *hs)
{
    const struct conclusion *c = &hs->end_state;
    bool wanted =
        c->outcome == OUTCOME_FAILURE || c->late_alert_unanswered || v->o.all;
    hs->cert_cache = v->cert_cache;
    judge_learn(v->judge, hs);
    if (wanted || judge_wants(v->judge, hs)) {
        tls_expand(hs);
        judge_learn_certificates(v->judge, hs);
    }
    if (wanted) {
        return want_verdict(v, hs);
    }
    count_outcome(&v->totals, c);
    return false;
}

void verdicts_flush(struct verdicts *v)
{
    judge_pending(v, v->pending_n);
}

size_t verdicts_bytes(const struct verdicts *v)
{
    return v->pending_bytes;
}

void verdicts_totals(const struct verdicts *v, struct totals *t)
{
    t->tls = v->totals.tls;
    t->succeeded = v->totals.succeeded;
    t->failed = v->totals.failed;
    t->unknown = v->totals.unknown;
    t->benign = v->totals.benign;
    t->limited = v->totals.limited;
    t->waiting = 0;
    for (size_t i = 0; i < v->pending_n; i++) {
        const struct conclusion *c = &v->pending[i]->end_state;
        t->waiting += c->outcome == OUTCOME_FAILURE && !c->benign;
    }
    t->stories_n = judge_stories(v->judge, t->stories, STORIES_MAX);
}

/* ---- life ---- */

struct verdicts *verdicts_new(const struct verdicts_options *o)
{
    struct verdicts *v = calloc(1, sizeof *v);
    if (!v) {
        return NULL;
    }
    v->o = *o;
    v->judge = judge_new(o->trust);
    v->cert_cache = cert_cache_new();
    if (!v->judge) {
        verdicts_free(v);
        return NULL;
    }
    return v;
}

void verdicts_free(struct verdicts *v)
{
    if (!v) {
        return;
    }
    for (size_t i = 0; i < v->pending_n; i++) {
        hs_free(v->pending[i]);
        free(v->pending[i]);
    }
    free(v->pending);
    cert_cache_free(v->cert_cache);
    application_free(v->application);
    judge_free(v->judge);
    free(v);
}
