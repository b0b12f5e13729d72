/* SPDX-License-Identifier: Apache-2.0 */
/*
 * End to end: every capture of pcaps/ through the whole program, compared with
 * what its endpoints said (pcaps/truth.tsv; never our own output).
 *
 * Outcome, who ended it, how, and the alert have to be right in every row. The
 * cause has to be right in 95 of 100, and one that is called certain in all.
 */
#include "capture/capture.h"
#include "judge/rule_table.h"
#include "pipeline.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS 15

enum column {
    COL_NAME,
    COL_FILE,
    COL_PORT,
    COL_OUTCOME,
    COL_BY,
    COL_HOW,
    COL_ALERT,
    COL_SENDER,
    COL_CAUSES,
    COL_VERSION,
    COL_CLIENT,
    COL_SERVER,
    COL_MADE,
    COL_VISIBLE,
    COL_REMARK,
};

struct row {
    char *line;
    char *col[COLUMNS];
};

struct truth {
    struct row *rows;
    size_t n;
};

/* What the program said of the connection from the row's client port. */
struct seen {
    unsigned told; /* records in all */
    uint16_t port;
    bool found;
    enum outcome outcome;
    enum ended_by by;
    enum ended_how how;
    bool has_alert, alert_encrypted;
    uint16_t alert;
    enum side alert_side;
    char cause[64];
    enum confidence confidence;
    const char *carrier;
    uint64_t led_by; /* rules that claimed the cause, as bits */
};

static const char *source_dir(void)
{
    const char *dir = getenv("TLSWHY_SRCDIR");
    return dir ? dir : ".";
}

static bool split(struct row *r)
{
    char *p = r->line;
    for (int i = 0; i < COLUMNS; i++) {
        r->col[i] = p;
        p = strchr(p, '\t');
        if (!p) {
            return i == COLUMNS - 1;
        }
        *p++ = '\0';
    }
    return true;
}

static struct truth load(void)
{
    struct truth t = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/pcaps/truth.tsv", source_dir());
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, f)) > 0) {
        if (line[n - 1] == '\n') {
            line[n - 1] = '\0';
        }
        if (line[0] == '#' || strncmp(line, "name\t", 5) == 0) {
            continue;
        }
        t.rows = realloc(t.rows, (t.n + 1) * sizeof *t.rows);
        t.rows[t.n].line = strdup(line);
        cr_assert(split(&t.rows[t.n]), "row %zu has too few columns", t.n);
        t.n++;
    }
    free(line);
    fclose(f);
    return t;
}

static void unload(struct truth *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->rows[i].line);
    }
    free(t->rows);
}

static unsigned rule_number(const char *name)
{
    unsigned i = 0;
    while (rules[i] && strcmp(rules[i]->name, name) != 0) {
        i++;
    }
    cr_assert(rules[i] && i < 64, "%s", name);
    return i;
}

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    struct seen *s = ctx;
    (void)source;
    const struct conclusion *c = &r->hs->end_state;
    s->told++;
    if (r->hs->addr[SIDE_CLIENT].port != s->port || s->found) {
        return;
    }
    s->found = true;
    s->outcome = r->verdict->outcome;
    s->carrier = r->hs->carrier ? r->hs->carrier : "direct";
    s->by = c->by;
    s->how = c->how;
    s->has_alert = c->has_alert;
    s->alert_encrypted = c->alert_encrypted;
    s->alert = c->alert_code;
    s->alert_side = c->alert_side;
    snprintf(s->cause, sizeof s->cause, "%s",
             r->verdict->cause ? r->verdict->cause->slug : "-");
    s->confidence = r->verdict->confidence;
    for (size_t i = 0; i < r->verdict->fired_n; i++) {
        const struct fired_rule *f = &r->verdict->fired[i];
        if (strcmp(f->cause, s->cause) == 0) {
            s->led_by |= UINT64_C(1) << rule_number(f->rule);
        }
    }
}

/* Gives every record of a row's capture to `emit`. */
static void read_all(const struct row *row, struct trust *trust,
                     void (*emit)(void *, const struct record *, uint32_t),
                     void *ctx)
{
    char path[4096];
    char error[CAPTURE_ERROR_BYTES];
    struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                 .max_flows = 1000,
                                 .max_memory_bytes = 64 << 20,
                                 .all = true,
                                 .trust = trust,
                                 .emit = emit,
                                 .emit_ctx = ctx};
    snprintf(path, sizeof path, "%s/pcaps/%s", source_dir(),
             row->col[COL_FILE]);
    struct capture *c = capture_open_file(path, NULL, error);
    cr_assert_not_null(c, "%s: %s", path, error);
    struct pipeline *p = pipeline_new(&o);
    cr_assert_not_null(p);
    struct frame f;
    enum capture_status status;
    while ((status = capture_next(c, &f)) == CAPTURE_FRAME) {
        pipeline_frame(p, &f, 0);
    }
    cr_expect_eq(status, CAPTURE_END, "%s: %s", path, capture_error(c));
    pipeline_finish(p);
    pipeline_free(p);
    capture_close(c);
}

static void analyse(const struct row *row, struct trust *trust, struct seen *s)
{
    *s = (struct seen){.port = (uint16_t)atoi(row->col[COL_PORT])};
    read_all(row, trust, on_record, s);
}

static bool same(const char *want, const char *got)
{
    return strcmp(want, got ? got : "-") == 0;
}

/* Whether `cause` is one of the words in a list with commas. */
static bool listed(const char *list, const char *cause)
{
    size_t n = strlen(cause);
    for (const char *p = list; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (strncmp(p, cause, n) == 0 && (p[n] == ',' || p[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static void check_end(const struct row *r, const struct seen *s)
{
    const char *name = r->col[COL_NAME];
    cr_expect(same(r->col[COL_OUTCOME], outcome_name(s->outcome)),
              "%s: outcome %s, should be %s", name, outcome_name(s->outcome),
              r->col[COL_OUTCOME]);
    if (!same(r->col[COL_OUTCOME], "failure")) {
        return;
    }
    cr_expect(same(r->col[COL_BY], ended_by_name(s->by)),
              "%s: ended by %s, should be %s", name, ended_by_name(s->by),
              r->col[COL_BY]);
    cr_expect(same(r->col[COL_HOW], ended_how_name(s->how)),
              "%s: ended by %s, should be %s", name, ended_how_name(s->how),
              r->col[COL_HOW]);
    if (same(r->col[COL_VISIBLE], "yes")) {
        cr_expect(s->has_alert && !s->alert_encrypted &&
                      s->alert == atoi(r->col[COL_ALERT]) &&
                      same(r->col[COL_SENDER], side_name(s->alert_side)),
                  "%s: alert %u, should be %s of the %s", name, s->alert,
                  r->col[COL_ALERT], r->col[COL_SENDER]);
    }
}

/* ---- every rule is proven, and held back ---- */

/* A failure whose cause was told right. */
struct proof {
    uint32_t ending; /* how it ended, and by which alert */
    uint64_t led_by;
};

static uint32_t ending_of(const struct seen *s)
{
    uint32_t alert = s->has_alert ? s->alert : 0x1ff;
    return (uint32_t)s->how << 16 | (alert & 0xffff);
}

/* Rules about alerts of their own, which end nothing else: that they keep still
 * without these is tested in test_judge.c (fallback, ech, extension). */
static bool is_held_back_by_hand(const char *rule)
{
    static const char *const names[] = {"ech", "fallback", "missing_extension"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], rule) == 0) {
            return true;
        }
    }
    return false;
}

/* For each rule a capture whose cause it tells right, and one that ends in the
 * very same way and has another cause, which is told right without it. */
static void check_rules(const struct proof *v, size_t n)
{
    for (unsigned i = 0; rules[i]; i++) {
        uint64_t bit = UINT64_C(1) << i;
        bool proven = false;
        bool held_back = false;
        for (size_t k = 0; k < n; k++) {
            if (!(v[k].led_by & bit)) {
                continue;
            }
            proven = true;
            for (size_t m = 0; m < n && !held_back; m++) {
                held_back = v[m].ending == v[k].ending && !(v[m].led_by & bit);
            }
        }
        cr_expect(proven, "%s: no capture proves it", rules[i]->name);
        cr_expect(held_back != is_held_back_by_hand(rules[i]->name), "%s: %s",
                  rules[i]->name,
                  held_back ? "a capture holds it back"
                            : "no capture holds it back");
    }
}

Test(pcaps, agree_with_what_the_endpoints_said, .timeout = 300)
{
    struct truth t = load();
    char path[4096];
    char error[256];
    snprintf(path, sizeof path, "%s/pcaps/root.pem", source_dir());
    struct trust *trust = trust_new(path, error);
    cr_assert_not_null(trust, "%s", error);
    size_t failures = 0;
    size_t right = 0;
    struct proof *proofs = calloc(t.n, sizeof *proofs);
    cr_assert_not_null(proofs);
    for (size_t i = 0; i < t.n; i++) {
        const struct row *r = &t.rows[i];
        struct seen s;
        analyse(r, trust, &s);
        if (same(r->col[COL_OUTCOME], "unknown") && !s.found) {
            continue; /* nothing to say about it is right, too */
        }
        cr_expect(s.found, "%s: not reported", r->col[COL_NAME]);
        if (!s.found) {
            continue;
        }
        check_end(r, &s);
        if (!same(r->col[COL_OUTCOME], "failure")) {
            continue;
        }
        bool good = listed(r->col[COL_CAUSES], s.cause);
        failures++;
        if (good) {
            proofs[right++] = (struct proof){ending_of(&s), s.led_by};
        }
        cr_expect(good || s.confidence != CONF_CERTAIN,
                  "%s: certain of %s, should be %s", r->col[COL_NAME], s.cause,
                  r->col[COL_CAUSES]);
        if (!good) {
            fprintf(stderr, "%s: %s, should be %s\n", r->col[COL_NAME], s.cause,
                    r->col[COL_CAUSES]);
        }
    }
    cr_expect_geq(right * 100, failures * 95, "cause right in %zu of %zu",
                  right, failures);
    check_rules(proofs, right);
    free(proofs);
    trust_free(trust);
    unload(&t);
}

/* ---- TLS inspection ---- */

/* What the lab put in between: in captures called inspection_NAME something
 * that makes certificates, with inspection_not_NAME what only looks like it. */
struct between {
    const char *name;
    size_t shown, judged;
};

static bool is_spared(const struct between *b, const struct handshake *hs)
{
    struct span sni = hs->offer.sni;
    bool other_host = strstr(b->name, "_one_host") &&
                      hs->addr[SIDE_CLIENT].ip[3] == 3; /* 10.1.0.3 */
    return other_host || (strstr(b->name, "_spares") &&
                          (span_eq(sni, span_text("pypi.org")) ||
                           span_eq(sni, span_text("www.mozilla.org"))));
}

static void expect_inspection(void *ctx, const struct record *r,
                              uint32_t source)
{
    struct between *b = ctx;
    const struct verdict *v = r->verdict;
    bool detected = v->interception && strcmp(v->interception, "detected") == 0;
    bool none = strncmp(b->name, "inspection_not_", 15) == 0;
    (void)source;
    if (none || is_spared(b, r->hs)) {
        b->judged += !v->interception;
        b->shown++;
        return;
    }
    bool shown = r->hs->server_chain.n || r->hs->end_state.resumed;
    cr_expect(shown || !detected, "%s: without a certificate", b->name);
    if (strstr(b->name, "_apart")) { /* one client, and no key */
        b->judged += v->interception && !shown;
        b->shown++;
        return;
    }
    if (shown) {
        const char *product = v->interception_product;
        bool known = strncmp(b->name, "inspection_mitm", 15) == 0;
        b->shown++;
        b->judged += detected;
        cr_expect(known == (product && strcmp(product, "mitmproxy") == 0), "%s",
                  b->name);
    }
}

Test(pcaps, inspection_is_detected_where_it_was, .timeout = 120)
{
    char root[4096];
    char error[256];
    snprintf(root, sizeof root, "%s/pcaps/root.pem", source_dir());
    struct trust *trust = trust_new(root, error);
    cr_assert_not_null(trust, "%s", error);
    struct truth t = load();
    size_t captures = 0;
    for (size_t i = 0; i < t.n; i++) {
        struct between b = {.name = t.rows[i].col[COL_NAME]};
        if (strncmp(b.name, "inspection_", 11) == 0) {
            read_all(&t.rows[i], trust, expect_inspection, &b);
            cr_expect(b.judged == b.shown, "%s: %zu of %zu", b.name, b.judged,
                      b.shown);
            captures++;
        }
    }
    cr_expect_geq(captures, 90u);
    trust_free(trust);
    unload(&t);
}

/* outside_NAME: what it does in the place of its clients, where all that a
 * browser would do is a suspicion; outside_not_NAME: browsers and others. */
static void expect_outside(void *ctx, const struct record *r, uint32_t source)
{
    struct between *b = ctx;
    const char *found = r->verdict->interception;
    bool none = strncmp(b->name, "outside_not_", 12) == 0;
    (void)source;
    b->shown++;
    b->judged += none ? !found : found && strcmp(found, "suspected") == 0;
}

Test(pcaps, outside_of_an_inspection_is_suspected)
{
    char root[4096];
    char error[256];
    snprintf(root, sizeof root, "%s/pcaps/root.pem", source_dir());
    struct trust *trust = trust_new(root, error);
    cr_assert_not_null(trust, "%s", error);
    struct truth t = load();
    size_t captures = 0;
    for (size_t i = 0; i < t.n; i++) {
        struct between b = {.name = t.rows[i].col[COL_NAME]};
        if (strncmp(b.name, "outside_", 8) == 0) {
            read_all(&t.rows[i], trust, expect_outside, &b);
            cr_expect(b.shown >= 5 && b.judged == b.shown, "%s: %zu of %zu",
                      b.name, b.judged, b.shown);
            captures++;
        }
    }
    cr_expect_geq(captures, 3u);
    trust_free(trust);
    unload(&t);
}

/* ---- what several records of a capture say ---- */

struct harm {
    unsigned failed, harmless, told;
    const char *sentence; /* counted in `told` */
    struct totals totals;
};

static void count_harm(void *ctx, const struct record *r, uint32_t source)
{
    struct harm *n = ctx;
    (void)source;
    bool failure = r->verdict->outcome == OUTCOME_FAILURE;
    for (size_t i = 0; n->sentence && i < r->verdict->evidence.n; i++) {
        n->told += strcmp(r->verdict->evidence.v[i], n->sentence) == 0;
    }
    n->failed += failure && !r->hs->end_state.benign;
    n->harmless += failure && r->hs->end_state.benign;
}

static struct harm records_of_run(const char *name, const char *sentence,
                                  bool live)
{
    char path[4096];
    char error[CAPTURE_ERROR_BYTES];
    struct harm n = {.sentence = sentence};
    struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                 .max_flows = 1000,
                                 .max_memory_bytes = 64 << 20,
                                 .all = true,
                                 .live = live,
                                 .emit = count_harm,
                                 .emit_ctx = &n};
    snprintf(path, sizeof path, "%s/pcaps/%s.pcap", source_dir(), name);
    struct capture *c = capture_open_file(path, NULL, error);
    cr_assert_not_null(c, "%s", error);
    struct pipeline *p = pipeline_new(&o);
    cr_assert_not_null(p);
    struct frame f;
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        pipeline_frame(p, &f, 0);
    }
    pipeline_finish(p);
    pipeline_totals(p, &n.totals);
    pipeline_free(p);
    capture_close(c);
    return n;
}

static struct harm records_of(const char *name, const char *sentence)
{
    return records_of_run(name, sentence, false);
}

static struct harm harm_of(const char *name)
{
    return records_of(name, NULL);
}

Test(pcaps, stacks_are_named)
{
    static const struct {
        const char *name, *sentence;
    } rows[] = {
        {"cert_expired_12_wolfssl",
         "by the shape of its ClientHello, the client probably uses wolfSSL"},
        {"cert_expired_12_mbedtls",
         "by the shape of its ClientHello, the client probably uses Mbed TLS"},
        {"mtls_missing_12_gnutls",
         "by the shape of its ServerHello, the server probably uses GnuTLS"},
        {"mtls_unknown_12_wolfssl",
         "by the shape of its ServerHello, the server probably uses wolfSSL"},
        {"mtls_missing_12_java",
         "by the shape of its ServerHello, the server probably uses Java"},
        {"mtls_missing_13_java",
         "by the shape of its records, the server probably uses Java"},
        {"mtls_missing_12_openssl",
         "by the shape of its ServerHello, the server probably uses OpenSSL"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct harm n = records_of(rows[i].name, rows[i].sentence);
        cr_expect_eq(n.told, 1u, "%s", rows[i].name);
    }
}

Test(pcaps, successes_that_programs_may_not_like)
{
    struct harm n = records_of("hangup_name_12_curl",
                               "the client asked for www.example.test, and the "
                               "certificate is for mail.example.test");
    cr_expect_eq(n.told, 1u);
    cr_expect_eq(n.failed, 0u);
    n = records_of("ok_tls12_optional_client_cert",
                   "the server asked for a client certificate and got none; "
                   "where it wants one all the same it says so in its own "
                   "protocol (nginx: HTTP 400), which is encrypted");
    cr_expect_eq(n.told, 1u);
}

Test(pcaps, later_handshakes_turned_down)
{
    static const struct {
        const char *name;
        unsigned told;
    } rows[] = {
        {"ok_12_renegotiation_refused", 1},
        {"ok_12_renegotiation_by_client_refused", 0},
        {"ok_12_renegotiation_by_client", 0},
        {"ok_12_mtls_chain", 0},
    };
    static const char by_server[] =
        "servers renegotiate for a client certificate that only some pages "
        "need: it got none that it accepts";
    static const char late[] =
        "by the sizes of its records, the server asked for a client "
        "certificate only after the handshake, and turned the answer down by "
        "an encrypted alert in frame 17";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct harm n = records_of(rows[i].name, by_server);
        cr_expect_eq(n.told, rows[i].told, "%s", rows[i].name);
        cr_expect_eq(n.failed, 0u, "%s", rows[i].name);
    }
    struct harm n = records_of("ok_12_renegotiation_by_client_refused",
                               "most servers turn down renegotiation by "
                               "clients (nginx always)");
    cr_expect_eq(n.told, 1u);
    n = records_of("ok_13_post_handshake_refused", late);
    cr_expect_eq(n.told, 1u);
    n = records_of("ok_13_post_handshake_accepted", late);
    cr_expect_eq(n.told, 0u);
    cr_expect_eq(n.totals.succeeded, 1u);
}

/* Somebody got through behind a PROXY header; who comes without is dropped. */
Test(pcaps, a_server_that_expects_a_header)
{
    static const char seen[] =
        "on other connections this server took a PROXY header and finished the "
        "handshake; this connection begins with the ClientHello";
    struct harm n = records_of("carrier_proxy_protocol_missing", seen);
    cr_expect_eq(n.failed, 1u);
    cr_expect_eq(n.told, 1u);
    n = records_of("reset_after_hello", seen);
    cr_expect_eq(n.told, 0u);
}

Test(pcaps, proxies_one_behind_the_other)
{
    struct harm n = records_of(
        "carrier_socks_connect_expired",
        "there are several proxies, one behind the other: 10.2.0.2 port 1080 "
        "is the first, and the last was asked to connect to www.example.test "
        "port 443");
    cr_expect_eq(n.told, 1u);
}

Test(pcaps, clients_that_leave_tls)
{
    static const struct {
        const char *name, *sentence;
    } rows[] = {
        {"carrier_ldapsearch_expired",
         "after the handshake the client sent bytes that are no TLS in frame "
         "21 and left: programs with OpenLDAP's library say goodbye like that "
         "when they do not accept the certificate, which they look at only "
         "then"},
        {"carrier_ldapsearch_expired_12",
         "after the handshake the client sent bytes that are no TLS in frame "
         "25 and left: programs with OpenLDAP's library say goodbye like that "
         "when they do not accept the certificate, which they look at only "
         "then"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct harm n = records_of(rows[i].name, rows[i].sentence);
        cr_expect_eq(n.told, 1u, "%s", rows[i].name);
        cr_expect_eq(n.totals.succeeded, 1u, "%s", rows[i].name);
    }
}

Test(pcaps, clients_that_leave_after_the_handshake)
{
    static const char left[] =
        "the client closed at once without sending any data: clients that "
        "check the name or a pinned key only after the handshake do so (curl, "
        "wget, Node.js, nginx as a proxy), and so do health checks";
    struct harm n = records_of("hangup_pin_13_curl", left);
    cr_expect_eq(n.told, 1u);
    cr_expect_eq(n.totals.left, 1u);
    cr_expect_null(n.totals.left_servers[0].fault);
    n = records_of("hangup_name_elsewhere_13_curl",
                   "the certificate is hidden here, but the one that "
                   "www.example.test showed on another connection, in TLS "
                   "1.2, has no name that fits");
    cr_expect_eq(n.told, 1u);
    cr_expect_eq(n.totals.left, 2u);
    cr_expect_eq(n.totals.left_servers_n, 1u);
    cr_expect_eq(n.totals.left_servers[0].n, 2u);
    cr_expect_str_eq(n.totals.left_servers[0].fault, "has no name that fits");
    n = records_of("ok_13_idle_close", left);
    cr_expect_eq(n.totals.succeeded, 1u);
    cr_expect_eq(n.told, 0u);
    cr_expect_eq(n.totals.left, 0u);
    cr_expect_eq(n.totals.left_servers_n, 0u);
}

Test(pcaps, servers_that_leave_after_the_handshake)
{
    static const char left[] =
        "the server closed right after the handshake without sending any data: "
        "servers that look at the client's certificate only then do so "
        "(rsyslog with GnuTLS)";
    static const struct {
        const char *name;
        unsigned told;
    } rows[] = {{"hangup_client_unknown_12_rsyslog", 1},
                {"ok_12_mbedtls_client_cert", 0},
                {"ok_12_wolfssl_client_cert", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct harm n = records_of(rows[i].name, left);
        cr_expect_eq(n.told, rows[i].told, "%s", rows[i].name);
        cr_expect_eq(n.totals.succeeded, 1u, "%s", rows[i].name);
    }
}

Test(pcaps, probes_are_harmless_and_bursts_of_clients_are_not)
{
    struct harm n = harm_of("probe_nmap_ciphers");
    cr_expect_eq(n.failed, 0u);
    cr_expect_geq(n.harmless, 8u);
    n = harm_of("probe_haproxy_check");
    cr_expect_eq(n.failed, 0u);
    cr_expect_geq(n.harmless, 3u);
    n = harm_of("probe_canned_hello");
    cr_expect_eq(n.failed, 0u);
    cr_expect_eq(n.harmless, 5u);
    n = harm_of("burst_expired_go");
    cr_expect_eq(n.failed, 10u);
    cr_expect_eq(n.harmless, 0u);
    n = harm_of("burst_expired_crowd");
    cr_expect_geq(n.failed, 5u);
    cr_expect_eq(n.harmless, 0u);
    n = harm_of("probe_connect_openssl");
    cr_expect_eq(n.failed + n.harmless, 0u);
    cr_expect_eq(n.totals.tls, 0u);
    cr_expect_eq(n.totals.tcp_unused, 1u);
    /* Its SYN is sent again to the end of the capture. */
    n = harm_of("syn_dropped");
    cr_expect_eq(n.totals.tcp_unanswered, 1u);
    cr_expect_eq(n.totals.tls, 0u);
}

/* The proxy closes with its 407, or the server wants TLS: whoever comes back
 * with a password, or with TLS, and is let through has not failed, live
 * neither; whoever does not come back has. */
Test(pcaps, who_comes_back_at_once_has_not_failed)
{
    for (int live = 0; live < 2; live++) {
        struct harm n =
            records_of_run("carrier_tinyproxy_407_then_ok", NULL, live);
        cr_expect_eq(n.failed, 0u);
        cr_expect_eq(n.harmless, 1u);
        cr_expect_eq(n.totals.succeeded, 1u);
        n = records_of_run("carrier_postgresql_demands_then_ok", NULL, live);
        cr_expect_eq(n.failed, 0u);
        cr_expect_eq(n.harmless, 1u);
        cr_expect_eq(n.totals.succeeded, 1u);
        n = records_of_run("carrier_postgresql_demands", NULL, live);
        cr_expect_eq(n.failed, 1u);
        n = records_of_run("carrier_tinyproxy_407", NULL, live);
        cr_expect_eq(n.failed, 1u);
        cr_expect_eq(n.harmless, 0u);
    }
}

/* Reads demo.pcap with the time of frames from..to moved by years, and counts
 * what comes out. */
static void count_record(void *ctx, const struct record *r, uint32_t source)
{
    unsigned *n = ctx;
    (void)source;
    n[r->verdict->outcome]++;
}

static void read_with_leap(uint64_t from, uint64_t to, unsigned n[3])
{
    char path[4096];
    char error[CAPTURE_ERROR_BYTES];
    struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                 .max_flows = 1000,
                                 .max_memory_bytes = 64 << 20,
                                 .all = true,
                                 .emit = count_record,
                                 .emit_ctx = n};
    snprintf(path, sizeof path, "%s/pcaps/demo.pcap", source_dir());
    struct capture *c = capture_open_file(path, NULL, error);
    cr_assert_not_null(c, "%s", error);
    struct pipeline *p = pipeline_new(&o);
    cr_assert_not_null(p);
    struct frame f;
    memset(n, 0, 3 * sizeof *n);
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        if (f.number >= from && f.number <= to) {
            f.when += 40 * 365 * 86400 * TICK_SEC;
        }
        pipeline_frame(p, &f, 0);
    }
    pipeline_finish(p);
    pipeline_free(p);
    capture_close(c);
}

Test(pcaps, one_wrong_time_stamp_changes_no_verdict)
{
    for (uint64_t frame = 2; frame < 30; frame++) {
        unsigned n[3];
        read_with_leap(frame, frame, n);
        cr_expect_eq(n[OUTCOME_FAILURE], 1u, "frame %d", (int)frame);
        cr_expect_eq(n[OUTCOME_SUCCESS], 1u, "frame %d", (int)frame);
    }
}

/* Captures put behind each other: the new time counts from its first packet. */
Test(pcaps, a_confirmed_leap_is_believed)
{
    unsigned n[3];
    read_with_leap(13, UINT64_MAX, n);
    cr_expect_eq(n[OUTCOME_FAILURE], 1u);
    cr_expect_eq(n[OUTCOME_SUCCESS], 1u);
}

/* ---- every way to TLS ---- */

enum { SUCCEEDS = 1, FAILS_INSIDE = 2, IS_TURNED_DOWN = 4 };
enum { EVERY_FATE = 7 };

struct way {
    const char *carrier;
    int fates; /* that exist */
    int seen;
};

static int fate_of(const struct row *r)
{
    if (same(r->col[COL_OUTCOME], "success")) {
        return SUCCEEDS;
    }
    if (!same(r->col[COL_OUTCOME], "failure")) {
        return 0;
    }
    return listed(r->col[COL_CAUSES], "starttls_refused") ||
                   listed(r->col[COL_CAUSES], "proxy_refused")
               ? IS_TURNED_DOWN
               : FAILS_INSIDE;
}

static bool leads_to_tls(const char *name)
{
    static const char *const prefixes[] = {"carrier_", "eap_", "peap_",
                                           "ttls_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Each carrier has a capture that gets through, one that fails inside of TLS,
 * and one that is turned down before, where there is such an answer: a PROXY
 * header has none, and a refusal of methods names no more than the first. */
Test(pcaps, every_carrier_in_every_fate)
{
    struct way ways[] = {
        {"starttls-smtp", EVERY_FATE, 0},
        {"starttls-lmtp", EVERY_FATE, 0},
        {"starttls-imap", EVERY_FATE, 0},
        {"starttls-pop3", EVERY_FATE, 0},
        {"starttls-sieve", EVERY_FATE, 0},
        {"starttls-ftp", EVERY_FATE, 0},
        {"starttls-ldap", EVERY_FATE, 0},
        {"starttls-xmpp", EVERY_FATE, 0},
        {"starttls-postgresql", EVERY_FATE, 0},
        {"starttls-mysql", EVERY_FATE, 0},
        {"starttls-tds", EVERY_FATE, 0},
        {"starttls-rdp", EVERY_FATE, 0},
        {"starttls-vnc", EVERY_FATE, 0},
        {"starttls-nntp", EVERY_FATE, 0},
        {"starttls-irc", EVERY_FATE, 0},
        {"starttls-amqp", EVERY_FATE, 0},
        {"starttls-http", EVERY_FATE, 0},
        {"http-connect", EVERY_FATE, 0},
        {"socks", EVERY_FATE, 0},
        {"proxy-protocol", SUCCEEDS | FAILS_INSIDE, 0},
        {"eap-tls", EVERY_FATE, 0},
        {"peap", SUCCEEDS | FAILS_INSIDE, 0},
        {"eap-ttls", SUCCEEDS | FAILS_INSIDE, 0},
    };
    struct truth t = load();
    for (size_t i = 0; i < t.n; i++) {
        struct seen s;
        if (!leads_to_tls(t.rows[i].col[COL_NAME])) {
            continue;
        }
        analyse(&t.rows[i], NULL, &s);
        for (size_t w = 0; s.found && w < sizeof ways / sizeof ways[0]; w++) {
            if (same(ways[w].carrier, s.carrier)) {
                ways[w].seen |= fate_of(&t.rows[i]);
            }
        }
    }
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        cr_expect_eq(ways[w].seen & ways[w].fates, ways[w].fates,
                     "%s: fates %d of %d", ways[w].carrier, ways[w].seen,
                     ways[w].fates);
    }
    unload(&t);
}

/* Mail, databases and desktops: no word of web servers and browsers, and
 * commands that ask for TLS in their way. */
struct advice_on {
    unsigned fixes, commands, alien;
};

static void look_at_advice(void *ctx, const struct record *r, uint32_t source)
{
    static const char *const web[] = {
        "nginx: ", "Apache: ", "HAProxy: ", "Caddy: "};
    struct advice_on *a = ctx;
    const struct verdict *v = r->verdict;
    const char *carrier = r->hs->carrier;
    (void)source;
    a->fixes += (unsigned)v->fix.n;
    a->commands += (unsigned)v->reproduce.n;
    for (size_t i = 0; i < v->fix.n; i++) {
        for (size_t w = 0; w < sizeof web / sizeof web[0]; w++) {
            a->alien += strncmp(v->fix.v[i], web[w], strlen(web[w])) == 0;
        }
    }
    for (size_t i = 0; i < v->seen_as_n; i++) {
        a->alien += strcmp(v->seen_as[i].viewer, "chrome") == 0;
    }
    bool rdp = strcmp(carrier, "starttls-rdp") == 0;
    for (size_t i = 0; i < v->reproduce.n; i++) {
        const char *s_client = strstr(v->reproduce.v[i], "openssl s_client ");
        a->alien += s_client && (rdp || !strstr(s_client, " -starttls "));
    }
}

Test(pcaps, advice_fits_the_way_to_tls)
{
    static const char *const names[] = {"carrier_postfix_expired",
                                        "carrier_dovecot_imap_expired",
                                        "carrier_dovecot_pop3_expired",
                                        "carrier_vsftpd_expired",
                                        "carrier_slapd_expired",
                                        "carrier_postgresql_expired",
                                        "carrier_mariadb_expired",
                                        "carrier_xrdp_expired",
                                        "carrier_vnc_expired",
                                        "carrier_amqp_expired",
                                        "carrier_prosody_no_certificate",
                                        "carrier_shadow_credssp_only",
                                        "carrier_shadow_credssp_chain",
                                        "carrier_ejabberd_refused",
                                        "carrier_postfix_demands",
                                        "carrier_dovecot_imap_demands",
                                        "carrier_vsftpd_demands",
                                        "carrier_slapd_demands",
                                        "carrier_shadow_demands",
                                        "carrier_postgresql_demands",
                                        "carrier_dovecot_pop3_demands"};
    struct truth t = load();
    size_t seen = 0;
    for (size_t i = 0; i < t.n; i++) {
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            if (same(t.rows[i].col[COL_NAME], names[k])) {
                struct advice_on a = {0};
                read_all(&t.rows[i], NULL, look_at_advice, &a);
                cr_expect(a.fixes >= 2 && a.commands && !a.alien,
                          "%s: %u fixes, %u commands, %u alien", names[k],
                          a.fixes, a.commands, a.alien);
                seen++;
            }
        }
    }
    cr_expect_eq(seen, sizeof names / sizeof names[0]);
    unload(&t);
}

/* ---- how many connections there were ---- */

static void expect_told(const struct truth *t, const char *prefix,
                        unsigned times, size_t at_least)
{
    size_t rows = 0;
    for (size_t i = 0; i < t->n; i++) {
        const char *name = t->rows[i].col[0];
        if (strncmp(name, prefix, strlen(prefix)) != 0) {
            continue;
        }
        struct seen s;
        analyse(&t->rows[i], NULL, &s);
        cr_expect_eq(s.told, times, "%s: %u records", name, s.told);
        rows++;
    }
    cr_expect_geq(rows, at_least, "%s: %zu captures", prefix, rows);
}

/* Inside and outside of a tunnel, on two VLANs, on both sides of a router, on
 * both legs of a log-in: the same connection. */
Test(pcaps, what_was_seen_twice_is_told_once)
{
    struct truth t = load();
    expect_told(&t, "encap_", 1, 80);
    expect_told(&t, "radius_both_", 1, 2);
    expect_told(&t, "radius_proxied_", 1, 1);
    unload(&t);
}

/* One after the other, and at once. */
Test(pcaps, connections_between_the_same_ports_are_told_apart)
{
    struct truth t = load();
    expect_told(&t, "quic_go_many", 3, 1);
    expect_told(&t, "quic_go_early", 2, 1);
    unload(&t);
}
