/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service needs: settings from a file, metrics in Prometheus' and in
 * OpenMetrics' form
 * (https://prometheus.io/docs/instrumenting/exposition_formats and
 * OpenMetrics 1.0.0), messages to the system's log (RFC 3164 section 4.1) and
 * to systemd (sd_notify(3)).
 */
#include "messages.h"
#include "metrics_outlet.h"
#include "options.h"
#include "renewal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[64];

static void set_up(void)
{
    snprintf(directory, sizeof directory, "/tmp/tlswhy-srv-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
}

TestSuite(service, .init = set_up, .fini = tear_down, .timeout = 60);

static const char *in_directory(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* ---- settings ---- */

struct parsed {
    struct options o;
    bool ok;
    char error[256];
};

/* With the file's text, and arguments after --config FILE. */
static void parse(struct parsed *p, const char *text, int n,
                  const char *const *more)
{
    const char *argv[16] = {"tlswhy", "--config", in_directory("conf")};
    FILE *f = fopen(argv[2], "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
    for (int i = 0; i < n; i++) {
        argv[3 + i] = more[i];
    }
    p->error[0] = '\0';
    p->ok = options_parse(&p->o, 3 + n, (char **)(uintptr_t)argv, p->error);
}

Test(service, settings_have_the_names_of_long_options)
{
    struct parsed p;
    parse(&p,
          "# comment\n\n"
          "interface = eth0\n"
          "  interface=any  \n"
          "format = json\r\n"
          "filter = \"tcp port 443 \"\n"
          "max-memory = 64M\n"
          "all\n"
          "explain = no\n"
          "summary = no\n"
          "quiet = yes",
          0, NULL);
    cr_assert(p.ok, "%s", p.error);
    cr_assert_eq(p.o.interfaces_n, 2u);
    cr_expect_str_eq(p.o.interfaces[0], "eth0");
    cr_expect_str_eq(p.o.interfaces[1], "any");
    cr_expect_str_eq(p.o.format, "json");
    cr_expect_str_eq(p.o.filter, "tcp port 443 ");
    cr_expect_eq(p.o.max_memory_bytes, (size_t)64 << 20);
    cr_expect(p.o.all);
    cr_expect_not(p.o.explain);
    cr_expect_eq(p.o.summary, TRI_NO);
    cr_expect(p.o.quiet);
    options_fini(&p.o);
}

Test(service, the_command_line_comes_first)
{
    struct parsed p;
    const char *const more[] = {"-i", "lo", "-f", "csv", "port", "8443"};
    parse(&p, "interface = eth0\nformat = json\nfilter = port 443\n", 6, more);
    cr_assert(p.ok, "%s", p.error);
    cr_assert_eq(p.o.interfaces_n, 1u);
    cr_expect_str_eq(p.o.interfaces[0], "lo");
    cr_expect_str_eq(p.o.format, "csv");
    cr_expect_str_eq(p.o.filter, "port 8443");
    options_fini(&p.o);
}

Test(service, wrong_settings_are_errors_with_their_line)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"interface = lo\nfromat = json\n", ":2: no such setting: 'fromat'"},
        {"interface\n", ":1: a value is missing"},
        {"interface =\n", ":1: a value is missing"},
        {"\n\nall = perhaps\n", ":3: neither yes nor no"},
        {"max-flows = many\n", ":1: --max-flows"},
        {"format = \"json\n", ":1: the quotes"},
        {"format = \"js\"on\"\n", ":1: the quotes"},
        {"config = /etc/other\n", ":1: no such setting"},
        {"help\n", ":1: no such setting"},
        {"= lo\n", ":1: no such setting"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct parsed p;
        parse(&p, wrong[i].text, 0, NULL);
        cr_expect_not(p.ok, "%s", wrong[i].text);
        cr_expect_not_null(strstr(p.error, wrong[i].says), "%s", p.error);
        options_fini(&p.o);
    }
}

Test(service, long_and_binary_lines_are_refused)
{
    struct parsed p;
    static char line[8192];
    memset(line, 'x', sizeof line - 2);
    parse(&p, line, 0, NULL);
    cr_expect_not(p.ok);
    cr_expect_not_null(strstr(p.error, ":1: not a line of text"));
    options_fini(&p.o);
}

/* ---- metrics ---- */

struct failure {
    struct handshake hs;
    struct verdict verdict;
    struct record record;
};

/* 192.0.2.9:51000 -> 198.51.100.7:443, refused with protocol_version (70). */
static void make_failure(struct failure *f)
{
    memset(f, 0, sizeof *f);
    hs_init(&f->hs, 4096);
    f->hs.ip_version = 4;
    memcpy(f->hs.addr[SIDE_CLIENT].ip, "\xc0\x00\x02\x09", 4);
    memcpy(f->hs.addr[SIDE_SERVER].ip, "\xc6\x33\x64\x07", 4);
    f->hs.addr[SIDE_CLIENT].port = 51000;
    f->hs.addr[SIDE_SERVER].port = 443;
    struct conclusion *end = &f->hs.end_state;
    end->outcome = OUTCOME_FAILURE;
    end->by = BY_SERVER;
    end->how = HOW_ALERT;
    end->has_alert = true;
    end->alert_side = SIDE_SERVER;
    end->alert_code = 70;
    f->verdict.outcome = OUTCOME_FAILURE;
    f->verdict.cause = known_cause("no_shared_version");
    f->verdict.confidence = CONF_CERTAIN;
    f->verdict.reason = (char *)(uintptr_t) "versions\n<3>do not meet\x1b[2J";
    f->record.hs = &f->hs;
    f->record.verdict = &f->verdict;
}

static const struct totals counted = {.packets_captured = 9,
                                      .bytes_captured = 900,
                                      .packets_dropped = 5,
                                      .packets_dropped_interface = 6,
                                      .flows = 4,
                                      .flows_evicted = 1,
                                      .succeeded = 3,
                                      .failed = 2,
                                      .left = 1,
                                      .latency = {[0] = 1, [4] = 1, [11] = 1},
                                      .latency_seconds = 12.0};

static void print_metrics(enum metrics_format format, struct text *out)
{
    struct failure f;
    struct metrics_gauges g = {.records_lost = 7,
                               .layers = {{"user", true},
                                          {"capabilities", true},
                                          {"no_new_privileges", true},
                                          {"landlock", false},
                                          {"seccomp", true}}};
    char error[256];
    struct metrics *m = metrics_new(NULL, error);
    make_failure(&f);
    metrics_add(m, &f.record);
    metrics_add(m, &f.record);
    f.hs.end_state.alert_code = 200; /* unassigned */
    metrics_add(m, &f.record);
    f.hs.end_state.benign = true;
    metrics_add(m, &f.record);
    metrics_print(m, &counted, &g, format, out);
    metrics_free(m);
    hs_free(&f.hs);
}

static void expect_line(const struct text *t, const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    cr_expect_not_null(strstr(text_str(t), whole), "no line: %s", line);
}

/* Only those that were named, whatever clients ask for. */
Test(service, metrics_of_single_servers)
{
    struct failure f;
    struct metrics_gauges g = {.layers = {{"user", true},
                                          {"capabilities", true},
                                          {"no_new_privileges", true},
                                          {"landlock", true},
                                          {"seccomp", true}}};
    struct text t;
    char error[256];
    struct metrics *m = metrics_new(
        "WWW.example.com, 192.0.2.9:8443,192.0.2.9,www.EXAMPLE.com", error);
    cr_assert_not_null(m);
    text_init(&t, 1u << 20);
    make_failure(&f);
    f.hs.ip_version = 4;
    memcpy(f.hs.addr[SIDE_SERVER].ip, "\xc0\x00\x02\x09", 4);
    f.hs.addr[SIDE_SERVER].port = 8443;
    metrics_add(m, &f.record);
    f.hs.addr[SIDE_SERVER].port = 443;
    metrics_add(m, &f.record);
    f.hs.addr[SIDE_SERVER].ip[0] = 10;
    metrics_add(m, &f.record);
    f.hs.offer.seen = f.hs.offer.has_sni = true;
    static const char *const asked[] = {"www.example.com",
                                        "www.example.com.evil"};
    for (size_t i = 0; i < 2; i++) {
        f.hs.offer.sni = span_of(asked[i], strlen(asked[i]));
        metrics_add(m, &f.record);
        f.hs.end_state.benign = true;
        metrics_add(m, &f.record);
        f.hs.end_state.benign = false;
        f.hs.end_state.outcome = OUTCOME_SUCCESS;
        f.verdict.outcome = OUTCOME_SUCCESS;
        metrics_add(m, &f.record);
        f.hs.end_state.outcome = OUTCOME_FAILURE;
        f.verdict.outcome = OUTCOME_FAILURE;
    }
    f.hs.offer.sni = span_of("www.example.com\0x", 17);
    metrics_add(m, &f.record);
    metrics_print(m, &counted, &g, METRICS_PROMETHEUS, &t);
    static const char *const lines[] = {
        "tlswhy_server_handshakes_total{server=\"WWW.example.com\",outcome="
        "\"success\"} 1",
        "tlswhy_server_handshakes_total{server=\"WWW.example.com\",outcome="
        "\"failure\"} 1",
        "tlswhy_server_handshakes_total{server=\"WWW.example.com\",outcome="
        "\"other\"} 1",
        "tlswhy_server_handshakes_total{server=\"192.0.2.9:8443\",outcome="
        "\"failure\"} 1",
        "tlswhy_server_handshakes_total{server=\"192.0.2.9\",outcome="
        "\"failure\"} 1",
        "tlswhy_server_failures_total{server=\"192.0.2.9\",cause="
        "\"no_shared_version\"} 1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        expect_line(&t, lines[i]);
    }
    cr_expect_null(strstr(text_str(&t), "server=\"www"));
    cr_expect_null(strstr(text_str(&t), "evil"));
    metrics_free(m);
    hs_free(&f.hs);
    text_free(&t);
}

Test(service, lists_of_servers)
{
    char error[256] = "";
    static const char *const wrong[] = {"", ", ", "a\"b", "a\nb", "a{}", "ä"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        error[0] = '\0';
        cr_expect_not(metrics_check_servers(wrong[i], error), "%zu", i);
        cr_expect(*error, "%zu", i);
    }
    char many[2 * 130 + 1] = "";
    for (size_t i = 0; i < 130; i++) {
        memcpy(many + 2 * i, "a,", 3);
    }
    cr_expect_not(metrics_check_servers(many, error));
    many[2 * 128] = '\0';
    cr_expect(metrics_check_servers(many, error));
    cr_expect(metrics_check_servers("[2001:db8::1]:443,x_y.example", error));
}

Test(service, metrics_for_prometheus)
{
    struct text t;
    text_init(&t, 1u << 20);
    print_metrics(METRICS_PROMETHEUS, &t);
    static const char *const lines[] = {
        "# TYPE tlswhy_failures_total counter",
        "tlswhy_handshakes_total{outcome=\"success\"} 3",
        "tlswhy_handshakes_total{outcome=\"failure\"} 2",
        "tlswhy_handshakes_left_total 1",
        "tlswhy_failures_total{cause=\"no_shared_version\"} 3",
        "tlswhy_failures_total{cause=\"weak_dh\"} 0",
        "tlswhy_failure_ends_total{ended_by=\"server\",ended_how=\"alert\"} 3",
        "tlswhy_failure_alerts_total{alert=\"protocol_version\",sender="
        "\"server\"} 2",
        "tlswhy_failure_alerts_total{alert=\"unassigned\",sender=\"server\"} 1",
        "tlswhy_packets_dropped_total{by=\"kernel\"} 5",
        "tlswhy_packets_dropped_total{by=\"interface\"} 6",
        "tlswhy_records_lost_total 7",
        "tlswhy_sandbox_layer{layer=\"landlock\"} 0",
        "tlswhy_sandbox_layer{layer=\"seccomp\"} 1",
        /* cumulative, and the last one is the count */
        "tlswhy_handshake_duration_seconds_bucket{le=\"0.005\"} 1",
        "tlswhy_handshake_duration_seconds_bucket{le=\"0.05\"} 1",
        "tlswhy_handshake_duration_seconds_bucket{le=\"0.1\"} 2",
        "tlswhy_handshake_duration_seconds_bucket{le=\"10.0\"} 2",
        "tlswhy_handshake_duration_seconds_bucket{le=\"+Inf\"} 3",
        "tlswhy_handshake_duration_seconds_sum 12.000000000",
        "tlswhy_handshake_duration_seconds_count 3",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        expect_line(&t, lines[i]);
    }
    cr_expect_null(strstr(text_str(&t), "# EOF"));
    text_free(&t);
}

Test(service, metrics_for_openmetrics)
{
    struct text t;
    text_init(&t, 1u << 20);
    print_metrics(METRICS_OPENMETRICS, &t);
    expect_line(&t, "# TYPE tlswhy_failures counter");
    expect_line(&t, "tlswhy_failures_total{cause=\"no_shared_version\"} 3");
    cr_assert_gt(t.n, 6u);
    cr_expect_str_eq(text_str(&t) + t.n - 6, "# EOF\n");
    text_free(&t);
}

static void print_one(void *ctx, enum metrics_format format, struct text *out)
{
    (void)ctx;
    (void)format;
    text_add(out, "a 1\n");
}

Test(service, metrics_into_a_file)
{
    char error[256];
    char text[16] = "";
    struct metrics_outlet *m =
        metrics_outlet_new(in_directory("x.prom"), print_one, NULL, error);
    cr_assert_not_null(m, "%s", error);
    cr_expect_geq(metrics_outlet_renewal(m)->directory, 0);
    cr_expect_not(metrics_outlet_serves(m));
    metrics_outlet_poll(m);
    FILE *f = fopen(in_directory("x.prom"), "r");
    cr_assert_not_null(f);
    cr_expect_eq(fread(text, 1, sizeof text - 1, f), 4u);
    fclose(f);
    cr_expect_str_eq(text, "a 1\n");
    /* By another process, where only root may; the last time is the end. */
    cr_assert(renewal_delegate(metrics_outlet_renewal(m), error), "%s", error);
    cr_assert_eq(unlink(in_directory("x.prom")), 0);
    metrics_outlet_free(m);
    cr_expect_eq(access(in_directory("x.prom"), F_OK), 0);
    cr_expect_neq(access(in_directory(".x.prom.new"), F_OK), 0);
}

Test(service, metrics_addresses)
{
    static const char *const wrong[] = {"",         "0",        "70000",
                                        "host:1",   "1.2.3:4:", "::1",
                                        ":x",       "9100x",    "x/y.prom",
                                        "[::1]9100"};
    char error[256];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        error[0] = '\0';
        cr_expect_null(metrics_outlet_new(wrong[i], print_one, NULL, error),
                       "%s", wrong[i]);
        cr_expect_neq(error[0], '\0');
    }
}

/* ---- messages ---- */

static int receiver(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int length = snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    cr_assert_lt((size_t)length, sizeof a.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static const char *receive(int fd)
{
    static char text[2048];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

Test(service, a_failure_is_one_line_in_the_log)
{
    char error[256];
    struct failure f;
    make_failure(&f);
    int fd = receiver(in_directory("log"));
    struct syslog_outlet *s = syslog_outlet_new(in_directory("log"), error);
    cr_assert_not_null(s, "%s", error);
    syslog_outlet_record(s, &f.record);
    const char *got = receive(fd);
    /* daemon (3) * 8 + warning (4) */
    cr_expect_eq(strncmp(got, "<28>", 4), 0, "%s", got);
    const char *tag = strstr(got, " tlswhy[");
    cr_assert_not_null(tag);
    cr_expect_eq(tag - got, 4 + 15, "Mmm dd hh:mm:ss");
    cr_expect_not_null(strstr(got, "]: 192.0.2.9:51000 -> 198.51.100.7:443: "));
    cr_expect_not_null(strstr(got, "[certain: no_shared_version]"));
    cr_expect_null(strchr(got, '\n'));
    cr_expect_null(strchr(got, 27));
    f.hs.end_state.benign = true;
    syslog_outlet_record(s, &f.record);
    f.hs.end_state.benign = false;
    f.verdict.outcome = f.hs.end_state.outcome = OUTCOME_SUCCESS;
    syslog_outlet_record(s, &f.record);
    cr_expect_str_eq(receive(fd), "");
    cr_expect_eq(syslog_outlet_lost(s), 0u);
    syslog_outlet_free(s);
    hs_free(&f.hs);
    close(fd);
}

Test(service, a_log_that_is_started_anew_is_found_again)
{
    char error[256];
    struct failure f;
    make_failure(&f);
    int fd = receiver(in_directory("log"));
    struct syslog_outlet *s = syslog_outlet_new(in_directory("log"), error);
    cr_assert_not_null(s, "%s", error);
    close(fd);
    unlink(in_directory("log"));
    syslog_outlet_record(s, &f.record);
    cr_expect_eq(syslog_outlet_lost(s), 1u);
    fd = receiver(in_directory("log"));
    syslog_outlet_record(s, &f.record);
    cr_expect_eq(syslog_outlet_lost(s), 1u);
    cr_expect_not_null(strstr(receive(fd), "no_shared_version"));
    syslog_outlet_free(s);
    hs_free(&f.hs);
    close(fd);
    cr_expect_null(syslog_outlet_new(in_directory("none"), error));
    cr_expect_not_null(strstr(error, "No such file"));
}

Test(service, systemd_hears_of_it)
{
    struct service s;
    char number[32];
    int fd = receiver(in_directory("notify"));
    setenv("NOTIFY_SOCKET", in_directory("notify"), 1);
    setenv("WATCHDOG_USEC", "200000", 1);
    snprintf(number, sizeof number, "%ld", (long)getpid());
    setenv("WATCHDOG_PID", number, 1);
    service_init(&s);
    cr_expect_eq(s.every, 100 * TICK_MSEC);
    service_ready(&s);
    cr_expect_eq(strncmp(receive(fd), "READY=1", 7), 0);
    service_alive(&s);
    cr_expect_str_eq(receive(fd), "WATCHDOG=1");
    service_alive(&s);
    cr_expect_str_eq(receive(fd), "", "not yet again");
    usleep(120 * 1000);
    service_alive(&s);
    cr_expect_str_eq(receive(fd), "WATCHDOG=1");
    service_stopping(&s);
    cr_expect_str_eq(receive(fd), "STOPPING=1");
    setenv("WATCHDOG_PID", "1", 1);
    service_init(&s);
    cr_expect_eq(s.every, 0, "meant for another process");
    service_stopping(&s);
    unsetenv("NOTIFY_SOCKET");
    service_init(&s);
    cr_expect_eq(s.fd, -1);
    service_ready(&s);
    service_stopping(&s);
    close(fd);
}
