/* SPDX-License-Identifier: Apache-2.0 */
/* Frames through the whole pipeline, and every record through every reporter:
 * JSON must be JSON, text must be harmless. */
#include "fuzz.h"

#include "pipeline.h"
#include "report/fields.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Floods are not the subject, so little memory is enough. */
#define FLOWS_MAX    64u
#define MEMORY_BYTES ((size_t)4 << 20)
#define OUT_BYTES    ((size_t)8 << 20)

struct fuzz_analysis {
    struct pipeline *pipeline;
};

void fuzz_check(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

/* Nothing in a text may drive a terminal. */
static void check_plain(const struct text *t)
{
    for (size_t i = 0; i < t->n; i++) {
        unsigned char c = (unsigned char)t->p[i];
        fuzz_check(c >= 0x20 || c == '\n' || c == '\r',
                   "no control characters");
        fuzz_check(c != 0x7f, "no DEL");
    }
}

static void check_json(const struct text *t)
{
    json_error_t why;
    if (t->n == 0) {
        return;
    }
    json_t *root =
        json_loadb(t->p, t->n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    fuzz_check(root != NULL, "JSON parses");
    fuzz_check(t->p[t->n - 1] == '\n' &&
                   memchr(t->p, '\n', t->n) == (const void *)(t->p + t->n - 1),
               "one line a record");
    json_decref(root);
}

static void report_as(const char *format, const struct record *r)
{
    const struct reporter *to = reporter_find(format);
    const struct report_options o = {
        .all = true, .explain = true, .width = 80, .verbose = 1};
    struct text out;
    void *state = calloc(1, to->state_bytes ? to->state_bytes : 1);
    text_init(&out, OUT_BYTES);
    if (state && to->record) {
        to->record(state, &o, r, &out);
        if (strcmp(format, "json") == 0) {
            check_json(&out);
        }
        check_plain(&out);
    }
    if (state && to->fini) {
        to->fini(state);
    }
    free(state);
    text_free(&out);
}

void fuzz_report(const struct record *r)
{
    report_as("json", r);
    report_as("text", r);
    report_as("csv", r);
}

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    (void)ctx;
    (void)source;
    const struct conclusion *end = &r->hs->end_state;
    if (record_outcome(r) == OUTCOME_FAILURE) {
        fuzz_check(record_cause(r) != NULL, "a failure has a cause");
        fuzz_check(end->by != BY_NONE, "a failure was ended by somebody");
    } else {
        fuzz_check(record_cause(r) == NULL, "only failures have a cause");
    }
    fuzz_report(r);
}

struct fuzz_analysis *fuzz_analysis_new(void)
{
    static const struct pipeline_options o = {
        .handshake_timeout = 10 * TICK_SEC,
        .max_flows = FLOWS_MAX,
        .max_memory_bytes = MEMORY_BYTES,
        .all = true,
        .emit = on_record,
    };
    struct fuzz_analysis *a = calloc(1, sizeof *a);
    fuzz_check(a != NULL, "memory");
    a->pipeline = pipeline_new(&o);
    fuzz_check(a->pipeline != NULL, "memory");
    return a;
}

void fuzz_analysis_frame(struct fuzz_analysis *a, const struct frame *f)
{
    pipeline_frame(a->pipeline, f, 0);
}

void fuzz_analysis_end(struct fuzz_analysis *a)
{
    struct totals t = {0};
    pipeline_finish(a->pipeline);
    pipeline_totals(a->pipeline, &t);
    fuzz_check(t.tls == t.succeeded + t.failed + t.unknown + t.benign,
               "the totals add up");
    pipeline_free(a->pipeline);
    free(a);
}
