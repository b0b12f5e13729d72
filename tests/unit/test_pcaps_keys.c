/* SPDX-License-Identifier: Apache-2.0 */
/*
 * End to end with secrets: every capture of pcaps/ that has a key log beside
 * it, compared with what its endpoints said (pcaps/truth.tsv), and with itself
 * without the key log: who ended it and how must not depend on secrets. With
 * one, every alert has its code.
 */
#include "capture/capture.h"
#include "pipeline.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* The columns of truth.tsv that are used here. */
struct row {
    char name[128], file[128], outcome[16], by[16], how[16], sender[16];
    unsigned port;
    int alert; /* -1: none */
};

struct seen {
    unsigned port;
    bool found;
    struct conclusion end;
};

static const char *path_of(const char *name, const char *suffix,
                           char path[PATH_BYTES])
{
    const char *dir = getenv("TLSWHY_SRCDIR");
    snprintf(path, PATH_BYTES, "%s/pcaps/%s%s", dir ? dir : ".", name, suffix);
    return path;
}

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    struct seen *s = ctx;
    (void)source;
    if (r->hs->addr[SIDE_CLIENT].port == s->port && !s->found) {
        s->found = true;
        s->end = r->hs->end_state;
        s->end.outcome = r->verdict->outcome;
    }
}

static void analyse(const struct row *row, struct keylog *keys, struct seen *s)
{
    char path[PATH_BYTES];
    char error[CAPTURE_ERROR_BYTES];
    struct trust *trust = trust_new(path_of("root.pem", "", path), error);
    struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                 .max_flows = 1000,
                                 .max_memory_bytes = 64 << 20,
                                 .all = true,
                                 .trust = trust,
                                 .keys = keys,
                                 .emit = on_record,
                                 .emit_ctx = s};
    struct frame f;
    *s = (struct seen){.port = row->port};
    struct capture *c =
        capture_open_file(path_of(row->file, "", path), NULL, error);
    cr_assert_not_null(c, "%s: %s", row->file, error);
    struct pipeline *p = pipeline_new(&o);
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        pipeline_frame(p, &f, 0);
    }
    pipeline_finish(p);
    pipeline_free(p);
    capture_close(c);
    trust_free(trust);
}

static bool same(const char *truth, const char *said)
{
    return strcmp(truth, "-") == 0 || (said && strcmp(truth, said) == 0);
}

static void check(const struct row *row, const char *keys)
{
    char error[KEYLOG_ERROR_BYTES];
    struct seen with;
    struct seen without;
    struct keylog *k = keylog_new(0);
    cr_assert(keylog_open(k, keys, false, error), "%s: %s", keys, error);
    analyse(row, NULL, &without);
    analyse(row, k, &with);
    keylog_free(k);
    cr_expect_eq(with.found, without.found, "%s", row->name);
    if (!with.found) {
        return; /* test_pcaps knows whether it may be missing */
    }
    const struct conclusion *c = &with.end;
    cr_expect_eq(c->outcome, without.end.outcome, "%s", row->name);
    cr_expect_eq(c->by, without.end.by, "%s", row->name);
    cr_expect_eq(c->how, without.end.how, "%s", row->name);
    cr_expect_str_eq(outcome_name(c->outcome), row->outcome, "%s", row->name);
    cr_expect(same(row->by, ended_by_name(c->by)), "%s", row->name);
    cr_expect(same(row->how, ended_how_name(c->how)), "%s", row->name);
    cr_expect_not(c->blind & BLIND_NO_KEYS, "%s", row->name);
    if (row->alert >= 0 && c->outcome == OUTCOME_FAILURE) {
        cr_expect(c->has_alert, "%s", row->name);
        cr_expect_eq(c->alert_code, row->alert, "%s: %u", row->name,
                     c->alert_code);
        cr_expect_str_eq(side_name(c->alert_side), row->sender, "%s",
                         row->name);
    }
}

/* A field of a line, "" when there is none. */
static void field(const char *line, unsigned which, char *out, size_t size)
{
    while (which-- && (line = strchr(line, '\t'))) {
        line++;
    }
    snprintf(out, size, "%.*s", line ? (int)strcspn(line, "\t\n") : 0,
             line ? line : "");
}

static void read_row(const char *line, struct row *r)
{
    char port[16];
    char alert[16];
    field(line, 0, r->name, sizeof r->name);
    field(line, 1, r->file, sizeof r->file);
    field(line, 2, port, sizeof port);
    field(line, 3, r->outcome, sizeof r->outcome);
    field(line, 4, r->by, sizeof r->by);
    field(line, 5, r->how, sizeof r->how);
    field(line, 6, alert, sizeof alert);
    field(line, 7, r->sender, sizeof r->sender);
    r->port = (unsigned)atoi(port);
    r->alert = alert[0] == '-' ? -1 : atoi(alert);
}

Test(pcaps_keys, secrets_only_add)
{
    char path[PATH_BYTES];
    char keys[PATH_BYTES];
    FILE *f = fopen(path_of("truth.tsv", "", path), "r");
    cr_assert_not_null(f, "%s", path);
    char *line = NULL;
    size_t size = 0;
    unsigned n = 0;
    while (getline(&line, &size, f) > 0) {
        struct row r;
        read_row(line, &r);
        if (line[0] != '#' && r.port > 0 &&
            access(path_of(r.name, ".keys", keys), R_OK) == 0) {
            check(&r, keys);
            n++;
        }
    }
    free(line);
    fclose(f);
    cr_expect_geq(n, 100, "%u captures with a key log", n);
}
