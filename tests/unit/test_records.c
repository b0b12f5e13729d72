/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records read back: what is written from them must be what was written from
 * the captures, to the byte; lines that are no records are told and passed
 * over; hostile lines do no harm.
 */
#include "record_reader.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

static char directory[64];

static void set_up(void)
{
    snprintf(directory, sizeof directory, "/tmp/tlswhy-records-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
}

TestSuite(records, .init = set_up, .fini = tear_down, .timeout = 120);

/* Runs a shell script in the scratch directory; its exit status. */
static int run(const char *script)
{
    char line[4096];
    const char *src = getenv("TLSWHY_SRCDIR");
    const char *program = getenv("TLSWHY");
    cr_assert(src && program, "run by make check");
    snprintf(line, sizeof line,
             "cd %s && export TLSWHY='%s' PCAPS='%s/pcaps' LC_ALL=C && { %s; }",
             directory, program, src, script);
    int status = system(line);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

Test(records, every_record_comes_back_to_the_byte)
{
    cr_expect_eq(run("$TLSWHY -q -a -f json $PCAPS/*.pcap* "
                     ">1 && test $(wc -l <1) -gt 300 && "
                     "$TLSWHY -a -f json 1 >2 && cmp 1 2"),
                 0);
    cr_expect_eq(run("$TLSWHY -q -a -f csv $PCAPS/*.pcap* >1c "
                     "&& $TLSWHY -a -f csv 1 >2c && cmp 1c 2c"),
                 0);
    /* What only a sensor writes. */
    cr_expect_eq(run("sed 's/\"observer\":{\"product\":\"tlswhy\",\"version\":"
                     "\"[^\"]*\"/&,\"hostname\":\"sensor7\",\"ingress\":"
                     "{\"interface\":{\"name\":\"eth1\"}}/' 1 >5 && "
                     "grep -q sensor7 5 && $TLSWHY -a -f json 5 >6 && cmp 5 6 "
                     "&& $TLSWHY -a --redact -f json 5 >7 && ! grep sensor7 7"),
                 0);
    /* Failures only, compressed and through a pipe. */
    cr_expect_eq(run("grep '\"outcome\":\"failure\"' 1 >3 && "
                     "gzip -c 1 | $TLSWHY -f json -r - >4 && cmp 3 4"),
                 0);
}

Test(records, totals_are_those_of_the_capture)
{
    cr_expect_eq(
        run("$TLSWHY -a -f json $PCAPS/demo.pcap >1 && "
            "$TLSWHY -f none --summary $PCAPS/demo.pcap 2>&1 | "
            "grep '^[0-9]* TLS' >a && "
            "$TLSWHY -f none --summary 1 2>t && grep '^[0-9]* TLS' t >b && "
            "cmp a b && grep -q '^2 records read back' t && "
            "grep -q 'server_certificate_expired' t"),
        0);
}

Test(records, clients_that_left_are_counted_again)
{
    cr_expect_eq(run("$TLSWHY -a -f json $PCAPS/hangup_*.pcap >1 && "
                     "$TLSWHY -f none --summary $PCAPS/hangup_*.pcap 2>&1 | "
                     "grep 'left at once' >a && "
                     "$TLSWHY -f none --summary 1 2>&1 | "
                     "grep 'left at once' >b && cmp a b && "
                     "$TLSWHY -f html -o h 1 && grep -q '\"left\":[1-9]' h"),
                 0);
}

Test(records, a_redacted_summary_names_no_server)
{
    cr_expect_eq(run("$TLSWHY --redact $PCAPS/hangup_name_12_curl.pcap >t && "
                     "grep -q 'whose certificate has no name that fits' t && "
                     "! grep -q 'example' t && "
                     "$TLSWHY $PCAPS/hangup_name_12_curl.pcap | "
                     "grep -q 'www.example.test:443, whose certificate'"),
                 0);
}

Test(records, the_end_is_told_without_a_timeline)
{
    cr_expect_eq(run("$TLSWHY -f json $PCAPS/demo.pcap | $TLSWHY - >t && "
                     "grep -q 'up to the end of the server.s flight, ' t && "
                     "tr -s ' \\n' ' ' <t | grep -q 's flight, then alert "
                     "certificate_expired (45) by the client'"),
                 0);
}

Test(records, steps_are_told_in_words)
{
    cr_expect_eq(run("$TLSWHY $PCAPS/dtls_blackhole.pcap >t && "
                     "grep -q 'nothing more came after the ClientHello' t && "
                     "! grep -q 'client_hello$' t"),
                 0);
}

Test(records, bad_lines_are_told_and_passed_over)
{
    cr_expect_eq(
        run("$TLSWHY -f json $PCAPS/demo.pcap >good && "
            "{ cat good; echo '{\"a\":1}'; echo; echo '{broken'; cat good; "
            "head -c 500 good; } >mixed && "
            "$TLSWHY -f json mixed >o 2>e; test $? = 2 && "
            "cat good good | cmp - o && test $(wc -l <e) = 2 && "
            "grep -q '^tlswhy: mixed: line 2: not a record of tlswhy$' e && "
            "grep -q '^tlswhy: mixed: 3 lines in all are no records$' e"),
        0);
    cr_expect_eq(run("$TLSWHY -r good port 443 2>e; test $? = 2 && "
                     "test $(wc -l <e) = 1 && grep -q 'cannot be filtered' e"),
                 0);
    cr_expect_eq(run("$TLSWHY --compare good good 2>e; test $? = 2 && "
                     "grep -q 'records cannot be compared' e"),
                 0);
}

Test(records, a_line_without_end_is_cut)
{
    cr_expect_eq(
        run("$TLSWHY -f json $PCAPS/demo.pcap >good && { printf '{'; "
            "head -c 5000000 /dev/zero | tr '\\0' 'x'; echo; cat good; } "
            ">long && $TLSWHY -f json long >o 2>e; test $? = 2 && "
            "cmp good o && test $(wc -l <e) = 1"),
        0);
}

Test(records, captures_and_records_go_together)
{
    cr_expect_eq(run("$TLSWHY -f json $PCAPS/demo.pcap >good && "
                     "$TLSWHY -q -f json good $PCAPS/alpn_13_go.pcap >o && "
                     "test $(wc -l <o) = 2 && grep -q certificate_expired o && "
                     "grep -q no_shared_application_protocol o"),
                 0);
}

static bool reads(struct record_reader *r, const char *line, struct record *out)
{
    char why[128];
    return record_reader_line(r, span_text(line), out, why);
}

/* Members of wrong types, unknown words, lists where texts belong: unknown. */
Test(records, odd_members_count_as_unknown)
{
    struct record_reader *r = record_reader_new();
    struct record out;
    cr_assert(reads(r, "{\"event\":{\"dataset\":\"tlswhy.handshake\"}}", &out));
    cr_expect_eq(out.hs->end_state.outcome, OUTCOME_UNKNOWN);
    cr_expect_eq(out.hs->ip_version, 0);
    cr_assert(reads(
        r,
        "{\"event\":{\"dataset\":\"tlswhy.handshake\",\"outcome\":\"failure\","
        "\"start\":\"yesterday\",\"duration\":-5,\"reason\":[]},"
        "\"@timestamp\":7,\"client\":{\"ip\":\"1.2.3.4.5\",\"port\":99999999,"
        "\"bytes\":\"x\"},\"network\":{\"type\":\"ipv4\",\"vlan\":{\"id\":{}}},"
        "\"tls\":{\"cipher\":[],\"version\":\"9.9\",\"version_protocol\":"
        "\"tls\",\"client\":{\"server_name\":{},\"supported_ciphers\":"
        "[1,\"0x1301\",\"no such\",\"0x99999\"],\"x509\":[]},\"detailed\":"
        "{\"alerts\":[1,{\"code\":-1},{\"source\":\"nobody\"}]}},"
        "\"tlswhy\":{\"cause\":\"from_the_future\",\"confidence\":\"very\","
        "\"side\":3,\"stage\":\"elsewhere\",\"evidence\":[1,\"two\"],"
        "\"seen_as\":[],\"alternatives\":[{\"cause\":\"no_such\"}],"
        "\"frames\":{\"first\":\"1\"},\"blind_spots\":{\"a\":1}}}",
        &out));
    cr_expect_eq(out.hs->end_state.outcome, OUTCOME_FAILURE);
    cr_expect_str_eq(out.verdict->cause->slug, "unclassified");
    cr_expect_eq(out.verdict->confidence, CONF_POSSIBLE);
    cr_expect_eq(out.verdict->alternatives_n, 0u);
    cr_expect_eq(out.hs->version, UNSEEN_U16);
    cr_expect_eq(out.hs->cipher, UNSEEN_U16);
    cr_assert_eq(out.hs->offer.ciphers.n, 1);
    cr_expect_eq(out.hs->offer.ciphers.v[0], 0x1301);
    cr_expect_eq(out.verdict->evidence.n, 2u);
    cr_expect_str_eq(out.verdict->evidence.v[1], "two");
    record_reader_free(r);
}

/* A viewer's name becomes the name of a member again: nothing but a plain word
 * may, or a record could put members of its own into ours. */
Test(records, viewers_are_plain_words)
{
    struct record_reader *r = record_reader_new();
    struct record out;
    cr_assert(reads(
        r,
        "{\"event\":{\"dataset\":\"tlswhy.handshake\",\"outcome\":\"failure\"},"
        "\"tlswhy\":{\"cause\":\"unclassified\",\"seen_as\":{"
        "\"go-server\":\"yes\",\"a\\\":1,\\\"b\":\"no\","
        "\"n\\u007fginx\":\"no\",\"\":\"no\",\"\u202e\":\"no\"}}}",
        &out));
    cr_assert_eq(out.verdict->seen_as_n, 1u);
    cr_expect_str_eq(out.verdict->seen_as[0].viewer, "go-server");
    record_reader_free(r);
}

/* Their differences must not overflow. */
Test(records, times_that_no_clock_shows_count_as_unknown)
{
    struct record_reader *r = record_reader_new();
    struct record out;
    cr_assert(reads(r,
                    "{\"event\":{\"dataset\":\"tlswhy.handshake\","
                    "\"start\":\"9999-01-01T00:00:00Z\","
                    "\"end\":\"0001-01-01T00:00:00Z\","
                    "\"duration\":9223372036854775807}}",
                    &out));
    cr_expect_eq(out.hs->first, 0);
    cr_expect_eq(out.hs->last, 0);
    cr_assert(reads(r,
                    "{\"event\":{\"dataset\":\"tlswhy.handshake\","
                    "\"start\":\"2026-01-01T00:00:02Z\","
                    "\"end\":\"2026-01-01T00:00:01Z\"}}",
                    &out));
    cr_expect_eq(out.hs->first, INT64_C(1767225602) * TICK_SEC);
    cr_expect_eq(out.hs->last, out.hs->first);
    record_reader_free(r);
}

Test(records, what_is_no_record_is_refused)
{
    struct record_reader *r = record_reader_new();
    struct record out;
    const char *lines[] = {"",
                           "{",
                           "[]",
                           "null",
                           "{}",
                           "{\"event\":5}",
                           "{\"event\":{\"dataset\":\"other\"}}",
                           "{\"event\":{},\"event\":{}}",
                           "{\"event\":{\"dataset\":\"tlswhy.handshake\"}} x"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cr_expect_not(reads(r, lines[i], &out), "%s", lines[i]);
    }
    /* Nested far deeper than anybody means it. */
    static char deep[200001];
    memset(deep, '[', sizeof deep - 1);
    cr_expect_not(reads(r, deep, &out));
    record_reader_free(r);
    record_reader_free(NULL);
}
