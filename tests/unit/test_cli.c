/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as scripts see it: exit status, one clear line for bad
 * input, what was analysed before an error still reported, quiet end of a
 * closed pipe. Runs the built program ($TLSWHY).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct result {
    int status;
    char out[65536];
    char err[8192];
};

static char directory[64];

static void set_up(void)
{
    snprintf(directory, sizeof directory, "/tmp/tlswhy-cli-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
}

static void slurp(const char *name, char *buf, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    size_t n = fread(buf, 1, size - 1, f);
    buf[n] = '\0';
    fclose(f);
}

/* Runs a shell command with $TLSWHY and $PCAPS set; cwd is the scratch
 * directory. */
static struct result run(const char *command)
{
    static struct result r;
    char line[2048];
    const char *src = getenv("TLSWHY_SRCDIR");
    const char *program = getenv("TLSWHY");
    cr_assert(src && program, "run by make check");
    snprintf(line, sizeof line,
             "cd %s && export TLSWHY='%s' PCAPS='%s/pcaps' LC_ALL=C && "
             "{ %s; } >out 2>err",
             directory, program, src, command);
    int status = system(line);
    cr_assert(WIFEXITED(status));
    r.status = WEXITSTATUS(status);
    slurp("out", r.out, sizeof r.out);
    slurp("err", r.err, sizeof r.err);
    return r;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, part)); p += strlen(part)) {
        n++;
    }
    return n;
}

/* Status 2, exactly one line on standard error, which holds `part`. */
static void expect_error(const char *command, const char *part)
{
    struct result r = run(command);
    cr_expect_eq(r.status, 2, "%s: status %d", command, r.status);
    cr_expect_eq(count(r.err, "\n"), 1u, "%s: %s", command, r.err);
    cr_expect_eq(strncmp(r.err, "tlswhy: ", 8), 0, "%s", r.err);
    cr_expect_not_null(strstr(r.err, part), "%s: %s", command, r.err);
}

TestSuite(cli, .init = set_up, .fini = tear_down, .timeout = 60);

Test(cli, failures_and_status)
{
    struct result r = run("$TLSWHY $PCAPS/demo.pcap");
    cr_expect_eq(r.status, 0);
    cr_expect_not_null(strstr(r.out, "server_certificate_expired"));
    cr_expect_not_null(strstr(r.out, " packets captured"));
    cr_expect_not_null(strstr(r.out, "0 packets dropped by the kernel"));
    cr_expect_not_null(strstr(r.out, "0 flows evicted"));
    r = run("$TLSWHY --exit-code -q $PCAPS/demo.pcap");
    cr_expect_eq(r.status, 1);
    r = run("$TLSWHY --exit-code $PCAPS/ok_tls13_openssl.pcap");
    cr_expect_eq(r.status, 0);
}

Test(cli, json_is_one_object_a_line)
{
    struct result r = run("$TLSWHY -a -f json $PCAPS/demo.pcap");
    cr_expect_eq(r.status, 0);
    cr_expect_eq(count(r.out, "\n"), 2u);
    cr_expect_eq(count(r.out, "\"action\":\"tls_handshake\""), 2u);
    cr_expect_str_eq(r.err, "");
    r = run("$TLSWHY -f json --summary $PCAPS/demo.pcap");
    cr_expect_eq(count(r.out, "\n"), 1u);
    cr_expect_not_null(strstr(r.err, " packets captured"));
}

Test(cli, filters)
{
    struct result r = run("$TLSWHY -a -f json -r $PCAPS/demo.pcap port 443");
    cr_expect_eq(count(r.out, "\n"), 2u);
    r = run("$TLSWHY -a -f json -r $PCAPS/demo.pcap port 444");
    cr_expect_eq(r.status, 0);
    cr_expect_str_eq(r.out, "");
    expect_error("$TLSWHY -r $PCAPS/demo.pcap 'port nonsense here'", "demo");
}

Test(cli, standard_input_and_compression)
{
    struct result r = run("$TLSWHY -f json -r - <$PCAPS/demo.pcap");
    cr_expect_eq(count(r.out, "\n"), 1u);
    r = run("cat $PCAPS/demo.pcap | $TLSWHY -f json -");
    cr_expect_eq(count(r.out, "\n"), 1u);
    r = run("gzip -c $PCAPS/demo.pcap >x && $TLSWHY -f json x");
    if (!strstr(r.err, "unsupported compression")) {
        cr_expect_eq(count(r.out, "\n"), 1u, "%s", r.err);
    }
}

/* What is over is told while the pipe is still open. */
Test(cli, a_pipe_is_analysed_while_it_flows)
{
    struct result r = run("(cat $PCAPS/demo.pcap; sleep 3) | "
                          "$TLSWHY -f json - >live & "
                          "sleep 1.5; cp live seen; wait; cat seen");
    cr_expect_eq(count(r.out, "\n"), 1u);
}

Test(cli, bad_input_is_one_clear_line)
{
    expect_error("$TLSWHY nothere", "nothere: No such file");
    struct result r = run("$TLSWHY nothere");
    cr_expect_str_eq(r.out, "", "no totals of nothing");
    r = run("$TLSWHY -f none $PCAPS/demo.pcap port 443");
    cr_expect_str_eq(r.err, "tlswhy: port: No such file or directory (a filter "
                            "takes -r: tlswhy -r FILE FILTER)\n"
                            "tlswhy: 443: No such file or directory\n");
    r = run("$TLSWHY -f none $PCAPS/demo.pcap no-such.pcap");
    cr_expect_str_eq(r.err, "tlswhy: no-such.pcap: No such file or "
                            "directory\n");
    expect_error(": >empty; $TLSWHY empty", "empty: ");
    expect_error("echo hello world this is text >t; $TLSWHY t",
                 "t: not a capture");
    expect_error("mkdir d; $TLSWHY d", "d: ");
    expect_error("head -c 1000 $PCAPS/demo.pcap >cut; $TLSWHY cut", "cut: ");
    expect_error("$TLSWHY -i nosuchif0", "nosuchif0: ");
    expect_error("$TLSWHY --ca nothere $PCAPS/demo.pcap",
                 "tlswhy: nothere: No such file or directory\n");
    expect_error("mkdir -p e; $TLSWHY --ca e $PCAPS/demo.pcap",
                 "tlswhy: e: no trust anchors in it");
}

Test(cli, usage_errors)
{
    static const char *const commands[] = {
        "$TLSWHY",
        "$TLSWHY --nonsense x",
        "$TLSWHY -f nonsense $PCAPS/demo.pcap",
        "$TLSWHY --handshake-timeout 0 $PCAPS/demo.pcap",
        "$TLSWHY --handshake-timeout 1e-9 $PCAPS/demo.pcap",
        "$TLSWHY --max-memory ' -1' $PCAPS/demo.pcap",
        "$TLSWHY --max-flows +5 $PCAPS/demo.pcap",
        "$TLSWHY --max-flows many $PCAPS/demo.pcap",
        "$TLSWHY --workers 0 $PCAPS/demo.pcap",
        "$TLSWHY --workers 65 $PCAPS/demo.pcap",
        "$TLSWHY -i lo -r $PCAPS/demo.pcap",
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct result r = run(commands[i]);
        cr_expect_eq(r.status, 2, "%s", commands[i]);
        cr_expect_eq(strncmp(r.err, "tlswhy: ", 8), 0, "%s", r.err);
        cr_expect_str_eq(r.out, "", "%s", commands[i]);
    }
}

Test(cli, unknown_link_type)
{
    /* A pcap header with LINKTYPE_USER15 and one packet of four bytes. */
    expect_error("printf '\\324\\303\\262\\241\\2\\0\\4\\0\\0\\0\\0\\0\\0\\0\\0"
                 "\\0\\0\\0\\1\\0\\242\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\4\\0"
                 "\\0\\0\\4\\0\\0\\0abcd' >u; $TLSWHY u",
                 "u: link type 162");
}

Test(cli, good_files_survive_bad_neighbours)
{
    struct result r = run("$TLSWHY -f json nothere $PCAPS/demo.pcap alsonot");
    cr_expect_eq(r.status, 2);
    cr_expect_eq(count(r.out, "\n"), 1u);
    cr_expect_eq(count(r.err, "\n"), 2u);
    r = run("head -c 2500 $PCAPS/demo.pcap >cut; $TLSWHY -a -f json cut");
    cr_expect_eq(r.status, 2);
    cr_expect_geq(count(r.out, "\n"), 1u, "what came before is reported");
}

Test(cli, several_files_name_themselves)
{
    struct result r = run("cp $PCAPS/demo.pcap a; cp $PCAPS/alpn_12_go.pcap b;"
                          "$TLSWHY -f json a b");
    cr_expect_eq(count(r.out, "\"file\":\"a\""), 1u);
    cr_expect_eq(count(r.out, "\"file\":\"b\""), 1u);
}

Test(cli, what_is_read_is_not_written_over)
{
    static const char *const outputs[] = {"-o a", "--annotate a", "-o ./a",
                                          "--keylog k -o k", "-o l"};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        char command[256];
        snprintf(command, sizeof command,
                 "cp $PCAPS/demo.pcap a; ln -sf a l; echo x >k; $TLSWHY %s a",
                 outputs[i]);
        struct result r = run(command);
        cr_expect_eq(r.status, 2, "%s", command);
        cr_expect_eq(count(r.err, "is to be read, too"), 1u, "%s", r.err);
        r = run("cmp a $PCAPS/demo.pcap && grep -q x k");
        cr_expect_eq(r.status, 0, "%s", command);
    }
}

Test(cli, output_that_cannot_be_written)
{
    expect_error("$TLSWHY -f json -o /nonexistent/x $PCAPS/demo.pcap",
                 "/nonexistent/x: No such file");
    expect_error("$TLSWHY -f json -o /dev/full $PCAPS/demo.pcap",
                 "/dev/full: No space left");
    /* Far more records than a buffer takes after the pipe is closed. */
    struct result r = run("$TLSWHY -a $PCAPS/*.pcap $PCAPS/*.pcap | head -n 1 "
                          ">/dev/null");
    cr_expect_str_eq(r.err, "");
    r = run("$TLSWHY -f json -o file $PCAPS/demo.pcap && cat file");
    cr_expect_eq(count(r.out, "\n"), 1u);
}

/* Whatever is printed: the reader may leave, the disk may be full. */
Test(cli, all_output_may_end_early)
{
    static const char *const arguments[] = {
        "--help", "-V", "-D", "--compare $PCAPS/demo.pcap $PCAPS/demo.pcap",
        "-a -f json $PCAPS/demo.pcap"};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        char command[256];
        snprintf(command, sizeof command,
                 "mkfifo p; true <p & { wait; $TLSWHY %s; echo $? >s; } >p; "
                 "rm p; cat s",
                 arguments[i]);
        struct result r = run(command);
        cr_expect_str_eq(r.out, "0\n", "%s: %s", arguments[i], r.out);
        cr_expect_str_eq(r.err, "", "%s: %s", arguments[i], r.err);
        snprintf(command, sizeof command, "$TLSWHY %s >/dev/full",
                 arguments[i]);
        expect_error(command, "standard output: No space left");
    }
}

/* Neither numbers nor verdicts depend on the user's language: German has
 * decimal commas, and a Turkish I is not the capital of i. */
Test(cli, the_same_in_every_locale)
{
    if (run("for l in de_DE tr_TR; do localedef -f UTF-8 -i $l ./$l.UTF-8; "
            "done")
            .status != 0) {
        return; /* none are installed */
    }
    struct result r =
        run("export LOCPATH=$PWD LC_ALL=de_DE.UTF-8; "
            "$TLSWHY -f none --handshake-timeout 1.5 --metrics $PWD/m.prom "
            "$PCAPS/demo.pcap && grep -v '^#' m.prom | grep -c '[0-9],[0-9]'; "
            "$TLSWHY nothere");
    cr_expect_str_eq(r.out, "0\n", "%s", r.out);
    cr_expect_str_eq(r.err, "tlswhy: nothere: No such file or directory\n");
    r = run("for l in C tr_TR.UTF-8; do LOCPATH=$PWD LC_ALL=$l $TLSWHY -f json "
            "$PCAPS/cert_incomplete_12_curl.pcap >$l.json; done; "
            "cmp C.json tr_TR.UTF-8.json && cat C.json");
    cr_expect_eq(r.status, 0, "%s", r.out);
    cr_expect_not_null(strstr(r.out, "server_certificate_incomplete_chain"));
}

Test(cli, options_may_follow_files)
{
    struct result r = run("$TLSWHY $PCAPS/demo.pcap -nn -f json -a");
    cr_expect_eq(r.status, 0, "%s", r.err);
    cr_expect_eq(count(r.out, "\n"), 2u);
}

/* Nothing is asked: the DNS server's answer is in the capture. */
Test(cli, names_out_of_the_capture)
{
    struct result r = run("$TLSWHY --no-summary $PCAPS/names_dns.pcap");
    cr_expect_eq(count(r.out, ":443\n"), 1u, "%s", r.out);
    r = run("$TLSWHY -N $PCAPS/names_dns.pcap");
    cr_expect_eq(count(r.out, ":443 [www.example.test]\n"), 1u, "%s", r.out);
    cr_expect_eq(count(r.out, "1  www.example.test:443 "), 1u, "%s", r.out);
    r = run("$TLSWHY -N -n --no-summary $PCAPS/names_dns.pcap");
    cr_expect_eq(count(r.out, "[www."), 0u);
    r = run("$TLSWHY -N -f json $PCAPS/names_dns.pcap >a;"
            "$TLSWHY -f json a | cmp - a && cat a");
    cr_expect_eq(r.status, 0, "%s", r.err);
    cr_expect_eq(count(r.out, "\"domain\":\"www.example.test\""), 2u);
    r = run("$TLSWHY -N -f json --workers 3 $PCAPS/names_dns.pcap | cmp - a");
    cr_expect_eq(r.status, 0, "%s", r.err);
    r = run("$TLSWHY -N -f json --redact $PCAPS/names_dns.pcap");
    cr_expect_eq(count(r.out, "www.example"), 0u, "%s", r.out);
    cr_expect_eq(count(r.out, "\"domain\":\""), 2u);
}

/* The first words of somebody who knows tcpdump. */
Test(cli, an_interface_is_no_file)
{
    expect_error("$TLSWHY lo", "lo: No such file or directory (to watch an "
                               "interface: tlswhy -i)");
}

Test(cli, options_that_are_wrong)
{
    static const char *const commands[][2] = {
        {"$TLSWHY -x a", "unknown option: '-x'"},
        {"$TLSWHY --nonsense a", "unknown option: '--nonsense'"},
        {"$TLSWHY -f", "a value is missing after '-f'"},
        {"$TLSWHY --keylog", "a value is missing after '--keylog'"},
        {"$TLSWHY --all=3 a", "no value goes with '--all=3'"},
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct result r = run(commands[i][0]);
        cr_expect_eq(r.status, 2, "%s", commands[i][0]);
        cr_expect_eq(count(r.err, commands[i][1]), 1u, "%s", r.err);
    }
}

Test(cli, repeats_are_told_in_short)
{
    /* Two clients, one server, one cause. */
    struct result r = run("$TLSWHY --no-summary $PCAPS/demo.pcap "
                          "$PCAPS/cert_expired_12_openssl.pcap");
    cr_expect_eq(count(r.out, "server_certificate_expired]"), 1u, "%s", r.out);
    cr_expect_eq(count(r.out, "the same:"), 1u);
    r = run("$TLSWHY -v --no-summary $PCAPS/demo.pcap "
            "$PCAPS/cert_expired_12_openssl.pcap");
    cr_expect_eq(count(r.out, "the same:"), 0u);
}

/* Asked by SIGUSR1 while a pipe is open. */
Test(cli, status_on_a_signal)
{
    struct result r = run("mkfifo p && { $TLSWHY -f none p & t=$!; exec 3>p; "
                          "cat $PCAPS/demo.pcap >&3; sleep 1; i=0; "
                          "until grep -q ' 2 TLS' err || [ $i -eq 60 ]; do "
                          "sleep 0.25; kill -USR1 $t; i=$((i + 1)); done; "
                          "exec 3>&-; wait $t; }");
    cr_expect_eq(r.status, 0);
    cr_expect_not_null(strstr(r.err, "tlswhy: 32 packets captured, 0 dropped "
                                     "by the kernel, 2 TLS connections over, "
                                     "1 failed\n"),
                       "%s", r.err);
}

/* Live, with one thread and with several: ^C ends with totals. Needs rights,
 * and a network of its own so that nothing else is seen. */
Test(cli, an_interrupt_ends_a_live_capture_with_totals)
{
    if (run("unshare -n ip link set lo up").status != 0) {
        return;
    }
    for (const char *workers = "124"; *workers; workers++) {
        char command[512];
        snprintf(command, sizeof command,
                 "unshare -n sh -c 'ip link set lo up; $TLSWHY -i lo "
                 "--workers %c & t=$!; sleep 1; kill -INT $t; wait $t'",
                 *workers);
        struct result r = run(command);
        cr_expect_eq(r.status, 0, "%c: %s", *workers, r.err);
        cr_expect_not_null(strstr(r.out, "0 packets captured\n"), "%s", r.out);
        cr_expect_not_null(strstr(r.err, "listening on lo"), "%s", r.err);
    }
}

Test(cli, help_and_version)
{
    struct result r = run("$TLSWHY --help");
    cr_expect_eq(r.status, 0);
    cr_expect_not_null(strstr(r.out, "--handshake-timeout"));
    r = run("$TLSWHY -V");
    cr_expect_eq(r.status, 0);
    cr_expect_not_null(strstr(r.out, "libpcap"));
    cr_expect_not_null(strstr(r.out, "nDPI"));
}

Test(cli, sandbox_options)
{
    struct result r = run("$TLSWHY -v -f none --no-sandbox $PCAPS/demo.pcap");
    cr_expect_eq(r.status, 0);
    cr_expect_not_null(strstr(r.err, "sandbox: turned off"), "%s", r.err);
    r = run("$TLSWHY -v -f none $PCAPS/demo.pcap");
    cr_expect_eq(r.status, 0);
    cr_expect_not_null(strstr(r.err, "no capabilities"), "%s", r.err);
    expect_error("$TLSWHY --user no-such-user-here $PCAPS/demo.pcap",
                 "no-such-user-here");
}

Test(cli, many_files_are_read_in_the_sandbox)
{
    struct result r =
        run("$TLSWHY -a -f json $PCAPS/*.pcap no-such.pcap >confined; s=$?; "
            "$TLSWHY --no-sandbox -a -f json $PCAPS/*.pcap >free; "
            "test $(wc -l <confined) -eq $(wc -l <free) && wc -l <free; "
            "exit $s");
    cr_expect_eq(r.status, 2);
    cr_expect_gt(atoi(r.out), 300, "%s", r.out);
    cr_expect_not_null(strstr(r.err, "no-such.pcap: No such file"));
}

Test(cli, rotation)
{
    struct result r =
        run("$TLSWHY -f json -o x --rotate 4K,3 $PCAPS/cert_*.pcap && ls x*");
    cr_expect_eq(r.status, 0, "%s", r.err);
    cr_expect_not_null(strstr(r.out, "x.3\n"), "%s", r.out);
    cr_expect_null(strstr(r.out, "x.4\n"), "%s", r.out);
    static const char *const wrong[] = {"-o x --rotate 1y",
                                        "-o x --rotate 1M,0", "-o x --rotate 0",
                                        "--rotate 1M"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char command[128];
        snprintf(command, sizeof command, "$TLSWHY %s $PCAPS/demo.pcap",
                 wrong[i]);
        r = run(command);
        cr_expect_eq(r.status, 2, "%s", command);
        cr_expect_not_null(strstr(r.err, "--rotate"), "%s", r.err);
    }
}
