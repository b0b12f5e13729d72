/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From concluded handshakes to records: the one place that knows all
 * connections. Learns from each, judges those that are reported, emits them.
 *
 * While files are read verdicts wait (bounded) until the end, so that a verdict
 * can use what other connections show later, and come out in the order of the
 * connections' first packets. Live they go out at once, but for those whose
 * secrets are not there yet while the key log grows, and those that the
 * client's next connection may explain: these wait a moment. From files they
 * wait for secrets as long as for evidence.
 */
#include "verdicts.h"

#include "application.h"
#include "base/frame_log.h"
#include "base/hash.h"
#include "base/limits.h"
#include "dissectors/tls_expand.h"
#include "dissectors/x509_cache.h"
#include "left.h"

#include <stdlib.h>
#include <string.h>

#define LATE_STEP (100 * TICK_MSEC)

struct late {
    struct handshake *hs;
    tick_t due; /* live */
};

/* Concluded, waiting for its verdict. */
struct pending {
    tick_t first; /* of hs: to sort them without looking into each */
    struct handshake *hs;
    size_t bytes; /* of memory */
};

struct verdicts {
    struct verdicts_options o;
    struct judge *judge;
    struct left *left;
    struct cert_cache *cert_cache;
    struct application *application; /* set up when first needed */
    bool application_tried;
    struct pending *pending;
    size_t pending_n, pending_size, pending_bytes, max_pending_bytes;
    struct handshake **spare; /* memory of judged ones, for the next */
    size_t spare_n;
    /* Concluded without what may still come: secrets, or (live) the client's
     * next connection; the oldest first. */
    struct late *late;
    size_t late_n, late_size, late_bytes;
    /* 802.1X: hellos of log-ins that were told, by their hash. */
    struct hash_seed seed;
    struct {
        uint64_t hello, way; /* way: from where to where it travelled */
    } logins[LIMIT_LOGINS];
    tick_t now, looked; /* live: the time, and when secrets were looked for */
    struct tls_decrypt_stats decrypted;
    struct totals totals; /* of handshakes */
};

static void count_latency(struct totals *t, tick_t took)
{
    static const tick_t limits[LATENCY_BUCKETS] = {
        5 * TICK_MSEC,    10 * TICK_MSEC,  25 * TICK_MSEC,  50 * TICK_MSEC,
        100 * TICK_MSEC,  250 * TICK_MSEC, 500 * TICK_MSEC, TICK_SEC,
        5 * TICK_SEC / 2, 5 * TICK_SEC,    10 * TICK_SEC};
    unsigned i = 0;
    while (i < LATENCY_BUCKETS && took > limits[i]) {
        i++;
    }
    t->latency[i]++;
    t->latency_seconds += (double)took / (double)TICK_SEC;
}

static void count_outcome(struct totals *t, const struct handshake *hs)
{
    const struct conclusion *c = &hs->end_state;
    t->tls++;
    switch (c->outcome) {
    case OUTCOME_SUCCESS:
        t->succeeded++;
        t->left += left_is_one(hs);
        count_latency(t, hs->last > hs->first ? hs->last - hs->first : 0);
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
    if (c->late_alert_unanswered) {
        c->outcome = judge_late_alert(v->judge, hs);
    }
    if (!c->late_alert_unanswered || c->outcome != OUTCOME_FAILURE) {
        return;
    }
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

/* Of an unanswered alert it is known only now what it was. */
static void tell_left(struct verdicts *v, const struct handshake *hs)
{
    if (left_is_one(hs)) {
        if (hs->end_state.late_alert_unanswered) {
            left_count(v->left, hs);
        }
        left_tell(v->left, hs, judge_fault(v->judge, hs));
    }
}

/* Handshakes come and go in number: their memory is used again. */
static struct handshake *take_spare(struct verdicts *v)
{
    return v->spare_n ? v->spare[--v->spare_n]
                      : malloc(sizeof(struct handshake));
}

static void give_spare(struct verdicts *v, struct handshake *hs)
{
    size_t most = v->max_pending_bytes / 2 / sizeof *hs;
    if (v->spare && v->spare_n < LIMIT_PENDING_VERDICTS / 2 &&
        v->spare_n < most) {
        v->spare[v->spare_n++] = hs;
    } else {
        free(hs);
    }
}

static void judge_one(struct verdicts *v, struct handshake *hs)
{
    if (hs->unproven && !judge_knows_server(v->judge, hs)) {
        hs_free(hs);
        give_spare(v, hs);
        return;
    }
    tls_expand(hs);
    settle_late_alert(v, hs);
    const char *harmless = judge_harmless(v->judge, hs);
    if (harmless) {
        hs->end_state.benign = true;
        hs->end_state.benign_why = harmless;
    }
    count_outcome(&v->totals, hs);
    tell_left(v, hs);
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
    give_spare(v, hs);
}

static int by_first_packet(const void *a, const void *b)
{
    const struct pending *p = a;
    const struct pending *q = b;
    if (p->first != q->first) {
        return p->first < q->first ? -1 : 1;
    }
    const struct handshake *x = p->hs;
    const struct handshake *y = q->hs;
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

static void sort_pending(struct verdicts *v)
{
    size_t i = 1;
    while (i < v->pending_n &&
           by_first_packet(&v->pending[i - 1], &v->pending[i]) <= 0) {
        i++;
    }
    if (i < v->pending_n) {
        qsort(v->pending, v->pending_n, sizeof *v->pending, by_first_packet);
    }
}

/* They have waited for long and left the processor's cache: what a verdict
 * looks at is fetched while those before it are judged, first the handshake
 * itself, then what it points to. */
#define AHEAD_HANDSHAKE 6u
#define AHEAD_KEPT      3u
#define AHEAD_KNOWN     1u
#define LINE_BYTES      64u

static void prefetch_bytes(const void *p, size_t n)
{
    for (size_t at = 0; p && at < n; at += LINE_BYTES) {
        __builtin_prefetch((const char *)p + at);
    }
}

static void prefetch_pending(const struct verdicts *v, size_t i)
{
    if (i + AHEAD_HANDSHAKE < v->pending_n) {
        const struct handshake *hs = v->pending[i + AHEAD_HANDSHAKE].hs;
        prefetch_bytes(hs, sizeof *hs);
    }
    if (i + AHEAD_KEPT < v->pending_n) {
        const struct handshake *hs = v->pending[i + AHEAD_KEPT].hs;
        struct span hello = hs->raw[HS_RAW_CLIENT_HELLO];
        prefetch_bytes(hello.p, hello.n);
        prefetch_bytes(hs->offer.ciphers.v, 2 * LINE_BYTES);
        judge_prefetch(v->judge, hs);
    }
    if (i + AHEAD_KNOWN < v->pending_n) {
        judge_prefetch_entries(v->judge, v->pending[i + AHEAD_KNOWN].hs);
    }
}

/* Judges the oldest n of the waiting ones. */
static void judge_pending(struct verdicts *v, size_t n)
{
    sort_pending(v);
    for (size_t i = 0; i < n; i++) {
        prefetch_pending(v, i);
        v->pending_bytes -= v->pending[i].bytes;
        judge_one(v, v->pending[i].hs);
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
        struct pending *list = realloc(v->pending, size * sizeof *list);
        if (!list) {
            return false;
        }
        v->pending = list;
        v->pending_size = size;
    }
    size_t bytes = pending_size_of(hs);
    v->pending[v->pending_n++] = (struct pending){hs->first, hs, bytes};
    v->pending_bytes += bytes;
    return true;
}

/* A handshake whose verdict is wanted: now, or when the capture has told
 * more. */
static bool want_verdict(struct verdicts *v, const struct handshake *done)
{
    struct handshake *hs = take_spare(v);
    if (!hs) {
        v->totals.limited++;
        return false;
    }
    *hs = *done;
    hs->unnumbered = v->o.unnumbered;
    if (v->o.live || !pending_add(v, hs)) {
        judge_one(v, hs);
        return true;
    }
    if (v->pending_n >= LIMIT_PENDING_VERDICTS ||
        v->pending_bytes > v->max_pending_bytes) {
        judge_pending(v, v->pending_n / 2);
    }
    return true;
}

/* Whether it may be reported, or it is still open whether it counts at all. */
static bool is_wanted(const struct handshake *hs, bool all)
{
    const struct conclusion *c = &hs->end_state;
    return all || c->outcome == OUTCOME_FAILURE || c->late_alert_unanswered ||
           hs->unproven;
}

void verdicts_prepare(struct handshake *hs, bool all, struct cert_cache *certs)
{
    /* Records that are still to be decrypted would add messages. */
    if (is_wanted(hs, all) && hs->records_n == 0) {
        hs->cert_cache = certs;
        tls_expand(hs);
        hs->cert_cache = NULL;
    }
}

/* Whether the server said anything that certificates can be learned from. What
 * a client alone said is expanded when it is judged. */
static bool shows_server(const struct handshake *hs)
{
    return hs->raw[HS_RAW_SERVER_HELLO].p || hs->raw[HS_RAW_HELLO_RETRY].p ||
           hs->raw[HS_RAW_SERVER_CERTIFICATE].p ||
           hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER) || hs->records_n;
}

/* A handshake about which no more will be known. */
static bool add_concluded(struct verdicts *v, struct handshake *hs)
{
    bool wanted = is_wanted(hs, v->o.all);
    bool prepared = hs->expanded;
    bool told_late = hs->end_state.late_alert_unanswered;
    if (left_is_one(hs) && !told_late && left_count(v->left, hs)) {
        wanted = true; /* to see what is wrong with this server's */
    }
    hs->cert_cache = v->cert_cache;
    hs->expanded = false; /* what is learned must not depend on it */
    if (!hs->unproven) {
        judge_learn(v->judge, hs);
    }
    hs->expanded = prepared;
    if (shows_server(hs) && (wanted || judge_wants(v->judge, hs))) {
        tls_expand(hs);
        judge_learn_certificates(v->judge, hs);
    }
    if (wanted) {
        return want_verdict(v, hs);
    }
    count_outcome(&v->totals, hs);
    return false;
}

/* ---- secrets and evidence that come late ---- */

static void settle_late(struct verdicts *v, struct handshake *hs)
{
    v->late_bytes -= pending_size_of(hs);
    tls_decrypt_handshake(hs, v->o.keys, &v->decrypted);
    hs_conclude(hs);
    if (!add_concluded(v, hs)) {
        hs_free(hs);
    }
    give_spare(v, hs);
}

/* The oldest n have waited long enough. */
static void settle_oldest(struct verdicts *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        settle_late(v, v->late[i].hs);
    }
    v->late_n -= n;
    if (v->late_n) {
        memmove(v->late, v->late + n, v->late_n * sizeof *v->late);
    }
}

static bool hold_back(struct verdicts *v, const struct handshake *done)
{
    if (v->late_n == v->late_size) {
        size_t size = v->late_size ? v->late_size * 2 : 64;
        struct late *list = realloc(v->late, size * sizeof *list);
        if (!list) {
            return false;
        }
        v->late = list;
        v->late_size = size;
    }
    struct handshake *hs = take_spare(v);
    if (!hs) {
        return false;
    }
    *hs = *done;
    v->late[v->late_n++] = (struct late){hs, v->now + LIMIT_LATE_NS};
    v->late_bytes += pending_size_of(hs);
    if (v->late_n >= LIMIT_LATE_CONNECTIONS ||
        v->late_bytes > LIMIT_LATE_BYTES) {
        settle_oldest(v, (v->late_n + 1) / 2);
    }
    return true;
}

/* A log-in by 802.1X goes from the supplicant to the authenticator by EAPOL and
 * on to the server by RADIUS, maybe through proxies: whoever captured several
 * of these legs saw the same handshake as often. The one that ends first stands
 * for all. */
static bool is_other_leg(struct verdicts *v, const struct handshake *hs)
{
    struct span hello = hs->raw[HS_RAW_CLIENT_HELLO];
    if (!hs_is_eap(hs) || hello.n == 0) {
        return false;
    }
    uint64_t h = hash_bytes(&v->seed, hello);
    uint64_t way = (uint64_t)hs->transport + 1;
    for (int i = 0; i < 2; i++) {
        struct span ip = span_of(hs->addr[i].ip, sizeof hs->addr[i].ip);
        way = way * 31 + hash_bytes(&v->seed, ip);
    }
    size_t at = h % LIMIT_LOGINS;
    bool told = v->logins[at].hello == h && v->logins[at].way != way;
    v->logins[at].hello = h;
    v->logins[at].way = way;
    return told;
}

bool verdicts_add(struct verdicts *v, struct handshake *hs)
{
    if (is_other_leg(v, hs)) {
        return false;
    }
    bool late = (hs->records_n > 0 && v->o.keys) ||
                (v->o.live && judge_awaits(v->judge, hs));
    return (late && hold_back(v, hs)) || add_concluded(v, hs);
}

static bool is_waiting(const struct verdicts *v, const struct handshake *hs)
{
    return judge_awaits(v->judge, hs) ||
           (v->o.keys && tls_decrypt_waits(hs, v->o.keys));
}

void verdicts_tick(struct verdicts *v, tick_t now)
{
    v->now = now;
    if (!v->late_n || !v->o.live || now - v->looked < LATE_STEP) {
        return;
    }
    v->looked = now;
    if (v->o.keys) {
        keylog_poll(v->o.keys);
    }
    size_t kept = 0;
    for (size_t i = 0; i < v->late_n; i++) {
        struct late l = v->late[i];
        if (l.due > now && is_waiting(v, l.hs)) {
            v->late[kept++] = l;
        } else {
            settle_late(v, l.hs);
        }
    }
    v->late_n = kept;
}

const struct tls_decrypt_stats *verdicts_decrypted(const struct verdicts *v)
{
    return &v->decrypted;
}

static void free_spare(struct verdicts *v)
{
    while (v->spare_n) {
        free(take_spare(v));
    }
}

/* Also where memory is short. */
void verdicts_flush(struct verdicts *v)
{
    settle_oldest(v, v->late_n);
    judge_pending(v, v->pending_n);
    free_spare(v);
}

size_t verdicts_bytes(const struct verdicts *v)
{
    return v->pending_bytes + v->late_bytes +
           v->spare_n * sizeof(struct handshake);
}

void verdicts_totals(const struct verdicts *v, struct totals *t)
{
    t->tls = v->totals.tls;
    t->succeeded = v->totals.succeeded;
    t->left = v->totals.left;
    t->failed = v->totals.failed;
    t->unknown = v->totals.unknown;
    t->benign = v->totals.benign;
    t->limited = v->totals.limited;
    memcpy(t->latency, v->totals.latency, sizeof t->latency);
    t->latency_seconds = v->totals.latency_seconds;
    t->waiting = 0;
    for (size_t i = 0; i < v->pending_n; i++) {
        const struct conclusion *c = &v->pending[i].hs->end_state;
        if (v->pending[i].hs->unproven) {
            continue;
        }
        t->waiting += c->outcome == OUTCOME_FAILURE && !c->benign;
    }
    for (size_t i = 0; i < v->late_n; i++) {
        const struct conclusion *c = &v->late[i].hs->end_state;
        t->waiting += c->outcome == OUTCOME_FAILURE && !c->benign;
    }
    t->stories_n = judge_stories(v->judge, t->stories, STORIES_MAX);
    t->left_servers_n = left_servers(v->left, t->left_servers, LEFT_SHOWN);
}

/* ---- life ---- */

struct verdicts *verdicts_new(const struct verdicts_options *o)
{
    struct verdicts *v = calloc(1, sizeof *v);
    if (!v) {
        return NULL;
    }
    v->o = *o;
    v->max_pending_bytes = o->max_bytes && o->max_bytes < LIMIT_PENDING_BYTES
                               ? o->max_bytes
                               : LIMIT_PENDING_BYTES;
    v->seed = hash_seed_random();
    v->spare =
        calloc(LIMIT_PENDING_VERDICTS / 2, sizeof *v->spare); /* or not */
    v->judge = judge_new(o->trust);
    v->left = left_new();
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
        hs_free(v->pending[i].hs);
        free(v->pending[i].hs);
    }
    for (size_t i = 0; i < v->late_n; i++) {
        hs_free(v->late[i].hs);
        free(v->late[i].hs);
    }
    free_spare(v);
    free(v->spare);
    free(v->late);
    free(v->pending);
    cert_cache_free(v->cert_cache);
    application_free(v->application);
    judge_free(v->judge);
    left_free(v->left);
    free(v);
}
