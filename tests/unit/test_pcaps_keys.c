/* SPDX-License-Identifier: Apache-2.0 */
/*
 * End to end with secrets: every capture of pcaps/ that has a key log beside
 * it, compared with what its endpoints said (pcaps/truth.tsv), and with itself
 * without the key log: who ended it and how must not depend on secrets. With
 * one, every alert has its code. Then with key logs that are wrong, partial or
 * garbage: they change nothing, or tell a part of the truth.
 */
#include "capture/capture.h"
#include "pipeline.h"
#include "rewrite.h"

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

/* Calls `what` for every row with a key log, or each step-th; how many have
 * one. */
static unsigned each_row(void (*what)(const struct row *, const char *keys),
                         unsigned step)
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
            if (n++ % step == 0) {
                what(&r, keys);
            }
        }
    }
    free(line);
    fclose(f);
    return n;
}

Test(pcaps_keys, secrets_only_add)
{
    unsigned n = each_row(check, 1);
    cr_expect_geq(n, 100, "%u captures with a key log", n);
}

/* ---- key logs that cannot be trusted ---- */

#define KEYS_MAX 65536u

enum wrong {
    WRONG_SECRETS, /* other bytes */
    WRONG_SIDE,    /* the client's for the server's */
    WRONG_LEVEL,   /* those of the handshake for application data */
    WRONG_OWNER,   /* each line has the secret of the next one */
    WRONG_KIND,    /* random bytes, and lines that are nearly right */
    /* From here on some of it is right. */
    PART_CUT,     /* the file ends in the middle */
    PART_FIRST,   /* one line of three */
    PART_SECOND,  /* another one */
    PART_BROKEN,  /* every third line is damaged, and garbage between them */
    PART_DOUBTED, /* a wrong one follows every right one */
    WRONG_COUNT
};

static void flip(char *c)
{
    *c = *c == '0' ? '1' : '0';
}

/* Swaps two beginnings of the same length. */
static bool swap_words(char *line, const char *a, const char *b)
{
    size_t n = strlen(a);
    bool is_a = strncmp(line, a, n) == 0;
    bool is_b = strncmp(line, b, n) == 0;
    if (is_a || is_b) {
        memcpy(line, is_a ? b : a, n);
    }
    return is_a || is_b;
}

/* The secret of the handshake as that of application data, or the reverse. */
static bool swap_level(const char *line, char out[2048])
{
    static const char *const levels[2][2] = {
        {"CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "CLIENT_TRAFFIC_SECRET_0 "},
        {"SERVER_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_TRAFFIC_SECRET_0 "}};
    for (unsigned i = 0; i < 4; i++) {
        const char *from = levels[i >> 1][i & 1];
        if (strncmp(line, from, strlen(from)) == 0) {
            snprintf(out, 2048, "%s%s\n", levels[i >> 1][1 - (i & 1)],
                     line + strlen(from));
            return true;
        }
    }
    return false;
}

/* One line of the new key log for one of the old. `next`: the line after it. */
static void spoil(enum wrong how, unsigned number, char *line, const char *next,
                  char out[2048])
{
    char *secret = strrchr(line, ' ');
    const char *other = strrchr(next, ' ');
    out[0] = 0;
    if (!secret) {
        return;
    }
    if (how == WRONG_SECRETS) {
        flip(secret + 5);
    } else if (how == WRONG_SIDE) {
        if (!swap_words(line, "CLIENT_T", "SERVER_T") &&
            !swap_words(line, "CLIENT_H", "SERVER_H")) {
            flip(secret + 9);
        }
    } else if (how == WRONG_LEVEL) {
        if (swap_level(line, out)) {
            return;
        }
        flip(secret + 1);
    } else if (how == WRONG_OWNER && other && strlen(other) == strlen(secret) &&
               strcmp(other, secret) != 0) {
        memcpy(secret, other, strlen(other));
    } else if (how == WRONG_OWNER) {
        flip(secret + 1);
    } else if (how == WRONG_KIND) {
        snprintf(out, 2048, "%.*s zz\n\x01\xff%s0 0\nCLIENT_RANDOM 00\n%s %s\n",
                 (int)(secret - line), line, line, line, line);
        return;
    } else if ((how == PART_FIRST && number % 3 != 0) ||
               (how == PART_SECOND && number % 3 != 1)) {
        return;
    } else if (how == PART_BROKEN && number % 3 == 0) {
        secret[7] = 'x';
    } else if (how == PART_DOUBTED) {
        int n = snprintf(out, 2048, "%s\n", line);
        flip(secret + 5);
        snprintf(out + n, 2048 - (size_t)n, "%s\n", line);
        return;
    }
    snprintf(out, 2048, "%s\n%s", line,
             how == PART_BROKEN ? "#\n\n \n\x80" : "");
}

static struct keylog *spoilt(const char *path, enum wrong how)
{
    static char text[KEYS_MAX];
    struct keylog *k = keylog_new(0);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    n = how == PART_CUT ? n * 3 / 5 : n;
    text[n] = 0;
    unsigned number = 0;
    for (char *line = text; *line; number++) {
        char out[2048];
        size_t length = strcspn(line, "\n");
        bool last = line[length] == 0;
        line[length] = 0;
        char copy[512] = "";
        snprintf(copy, sizeof copy, "%.500s", line);
        char next[512] = "";
        snprintf(next, sizeof next, "%.*s",
                 last ? 0 : (int)strcspn(line + length + 1, "\n"),
                 line + length + 1);
        spoil(how, number, copy, next, out);
        keylog_add(k, span_text(out));
        line += length + !last;
    }
    return k;
}

static bool same_end(const struct conclusion *a, const struct conclusion *b)
{
    return a->outcome == b->outcome && a->by == b->by && a->how == b->how &&
           a->established == b->established && a->benign == b->benign;
}

static void check_spoilt(const struct row *row, const char *keys)
{
    struct seen without;
    analyse(row, NULL, &without);
    for (enum wrong how = 0; how < WRONG_COUNT; how++) {
        struct seen with;
        struct keylog *k = spoilt(keys, how);
        analyse(row, k, &with);
        keylog_free(k);
        const struct conclusion *c = &with.end;
        const struct conclusion *plain = &without.end;
        cr_expect_eq(with.found, without.found, "%s, %d", row->name, how);
        cr_expect(same_end(c, plain), "%s, %d", row->name, how);
        bool same_alert = c->has_alert == plain->has_alert &&
                          c->alert_code == plain->alert_code &&
                          c->alert_side == plain->alert_side;
        bool right = c->alert_code == row->alert &&
                     strcmp(side_name(c->alert_side), row->sender) == 0;
        cr_expect(same_alert || (how >= PART_CUT && right), "%s, %d: %u",
                  row->name, how, c->alert_code);
        if (how < PART_CUT) {
            cr_expect_eq(c->stage, plain->stage, "%s, %d", row->name, how);
            cr_expect_eq(c->blind, plain->blind, "%s, %d", row->name, how);
        }
    }
}

Test(pcaps_keys, what_cannot_be_trusted_changes_nothing)
{
    unsigned n = each_row(check_spoilt, CAPTURES_STEP);
    cr_expect_geq(n, 100, "%u captures with a key log", n);
}

/* ---- secrets that come late ---- */

static void add_file(struct keylog *k, const char *path)
{
    static char text[KEYS_MAX];
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    keylog_add(k, span_of(text, n));
}

/* A capture that is read up to its end, but not finished. */
struct running {
    struct seen seen;
    struct keylog *keys;
    struct pipeline *pipeline;
    tick_t last; /* its last packet */
};

static void run_up_to_end(struct running *r, const char *name, unsigned port,
                          bool live, unsigned workers)
{
    char path[PATH_BYTES];
    char error[CAPTURE_ERROR_BYTES];
    struct frame f;
    struct capture *c =
        capture_open_file(path_of(name, ".pcap", path), NULL, error);
    cr_assert_not_null(c, "%s: %s", name, error);
    *r = (struct running){.seen = {.port = port}, .keys = keylog_new(0)};
    keylog_expect(r->keys, true);
    const struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                       .max_flows = 1000,
                                       .max_memory_bytes = 64 << 20,
                                       .all = true,
                                       .live = live,
                                       .workers = workers,
                                       .keys = r->keys,
                                       .emit = on_record,
                                       .emit_ctx = &r->seen};
    r->pipeline = pipeline_new(&o);
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        pipeline_frame(r->pipeline, &f, 0);
        r->last = f.when;
    }
    capture_close(c);
}

static void end_run(struct running *r)
{
    pipeline_free(r->pipeline);
    keylog_free(r->keys);
}

static unsigned port_of(const char *name)
{
    char path[PATH_BYTES];
    FILE *f = fopen(path_of("truth.tsv", "", path), "r");
    cr_assert_not_null(f, "%s", path);
    char *line = NULL;
    size_t size = 0;
    unsigned port = 0;
    while (!port && getline(&line, &size, f) > 0) {
        struct row r;
        read_row(line, &r);
        port = strcmp(r.name, name) == 0 ? r.port : 0;
    }
    free(line);
    fclose(f);
    cr_assert(port > 0, "%s", name);
    return port;
}

static const char *const refused[] = {"mtls_missing_13_openssl",
                                      "quic_client_cert_missing"};

/* A Decryption Secrets Block behind the last packet. */
Test(late_secrets, behind_the_packets)
{
    for (unsigned i = 0; i < 4; i++) {
        char keys[PATH_BYTES];
        struct running r;
        const char *name = refused[i & 1];
        run_up_to_end(&r, name, port_of(name), false, i < 2 ? 0 : 3);
        cr_expect_not(r.seen.found);
        pipeline_settle(r.pipeline);
        add_file(r.keys, path_of(name, ".keys", keys));
        pipeline_finish(r.pipeline);
        struct tls_decrypt_stats d;
        pipeline_decrypted(r.pipeline, &d);
        cr_expect_eq(d.connections, 1, "%s", name);
        cr_assert(r.seen.found, "%s", name);
        cr_expect_eq(r.seen.end.alert_code, 116, "%s", name);
        end_run(&r);
    }
}

Test(late_secrets, that_never_come)
{
    for (unsigned i = 0; i < 2; i++) {
        struct running r;
        run_up_to_end(&r, refused[i], port_of(refused[i]), false, 0);
        pipeline_finish(r.pipeline);
        cr_assert(r.seen.found, "%s", refused[i]);
        cr_expect_eq(r.seen.end.outcome, OUTCOME_FAILURE);
        cr_expect_eq(r.seen.end.alert_code, ALERT_NONE);
        cr_expect(r.seen.end.blind & BLIND_NO_KEYS);
        end_run(&r);
    }
}

/* Live a connection waits for them, but not beyond a second. */
Test(late_secrets, live)
{
    for (unsigned come = 0; come < 2; come++) {
        char keys[PATH_BYTES];
        struct running r;
        run_up_to_end(&r, refused[0], port_of(refused[0]), true, 0);
        for (int ms = 20; ms <= 400; ms += 20) {
            pipeline_tick(r.pipeline, r.last + ms * TICK_MSEC);
        }
        cr_expect_not(r.seen.found);
        if (come) {
            add_file(r.keys, path_of(refused[0], ".keys", keys));
        }
        for (int ms = 420; ms <= (come ? 560 : 1000); ms += 20) {
            pipeline_tick(r.pipeline, r.last + ms * TICK_MSEC);
        }
        cr_assert(r.seen.found);
        cr_expect_eq(r.seen.end.alert_code, come ? 116 : ALERT_NONE);
        end_run(&r);
    }
}
