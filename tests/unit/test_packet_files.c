/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of failed connections: the log that keeps them, the pcapng they are
 * written as, and the two options that do it. What is written is read back with
 * the program's own reader, and the verdict must survive that.
 */
#include "base/frame_log.h"
#include "base/limits.h"
#include "capture/capture.h"
#include "capture/pcapng_writer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];

static void set_up(void)
{
    snprintf(directory, sizeof directory, "/tmp/tlswhy-packets-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
}

TestSuite(packets, .init = set_up, .fini = tear_down, .timeout = 60);

static void add(struct frame_log *log, uint64_t number, size_t n)
{
    static uint8_t bytes[LIMIT_LOG_BYTES];
    bytes[0] = (uint8_t)number;
    struct frame f = {
        .number = number, .data = span_of(bytes, n), .wire_bytes = (uint32_t)n};
    frame_log_add(log, &f, 0);
}

Test(packets, a_log_keeps_its_first_and_last_frames)
{
    struct frame_log *log = frame_log_new();
    for (uint64_t i = 1; i <= LIMIT_LOG_FRAMES + 100; i++) {
        add(log, i, 60);
    }
    cr_expect_eq(frame_log_count(log), LIMIT_LOG_FRAMES);
    cr_expect_eq(frame_log_lost(log), 100u);
    uint64_t expected = 1;
    for (const struct kept_frame *k = frame_log_first(log); k; k = k->next) {
        if (expected == LIMIT_LOG_FRAMES / 2 + 1) {
            expected += 100;
        }
        cr_expect_eq(k->frame.number, expected);
        cr_expect_eq(k->frame.data.p[0], (uint8_t)expected);
        expected++;
    }
    cr_expect_eq(expected, LIMIT_LOG_FRAMES + 101);
    frame_log_free(log);
}

Test(packets, a_log_is_bounded_in_bytes)
{
    struct frame_log *log = frame_log_new();
    for (uint64_t i = 1; i <= 40; i++) {
        add(log, i, 20000);
        cr_expect_leq(frame_log_bytes(log), LIMIT_LOG_BYTES);
    }
    cr_expect_eq(frame_log_first(log)->frame.number, 1u);
    cr_expect_eq(frame_log_lost(log) + frame_log_count(log), 40u);
    /* A frame that alone is as large as all of it. */
    add(log, 41, LIMIT_LOG_BYTES);
    struct frame_log *second = frame_log_ref(log);
    frame_log_free(log);
    const struct kept_frame *last = frame_log_first(second);
    while (last->next) {
        last = last->next;
    }
    cr_expect_eq(last->frame.number, 41u);
    frame_log_free(second);
    frame_log_free(NULL);
}

Test(packets, pcapng_is_read_back)
{
    char path[96];
    snprintf(path, sizeof path, "%s/x.pcapng", directory);
    struct pcapng_writer *w = pcapng_writer_new(
        open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), "tlswhy test");
    cr_assert_not_null(w);
    const uint8_t ip[16] = {192, 0, 2, 1};
    struct frame f = {.when = INT64_C(1700000000123456789),
                      .linktype = 1,
                      .wire_bytes = 1500,
                      .data = span_text("abcde")};
    pcapng_write_name(w, ip, 4, span_text("www.example.test"));
    pcapng_write_name(w, ip, 4, span_of("a\0b", 3)); /* not written */
    pcapng_write_frame(w, &f, 0, NULL, NULL);
    f.linktype = 101; /* another interface */
    f.when++;
    pcapng_write_frame(w, &f, 0, "eth0", "why");
    cr_expect_gt(pcapng_writer_bytes(w), 150u);
    cr_expect_eq(pcapng_writer_close(w), 0);

    char error[CAPTURE_ERROR_BYTES];
    struct capture *c = capture_open_file(path, NULL, error);
    cr_assert_not_null(c, "%s", error);
    struct frame got;
    cr_assert_eq(capture_next(c, &got), CAPTURE_FRAME);
    cr_expect_eq(got.when, INT64_C(1700000000123456789));
    cr_expect_eq(got.linktype, 1);
    cr_expect_eq(got.wire_bytes, 1500u);
    cr_expect_eq(got.data.n, 5u);
    cr_expect_arr_eq(got.data.p, "abcde", 5);
    cr_assert_eq(capture_next(c, &got), CAPTURE_FRAME);
    cr_expect_eq(got.when, INT64_C(1700000000123456790));
    cr_expect_eq(got.linktype, 101);
    cr_expect_eq(got.interface, 1u);
    cr_expect_eq(capture_next(c, &got), CAPTURE_END);
    capture_close(c);
}

Test(packets, a_full_disk_is_told)
{
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) {
        return; /* a system without it */
    }
    struct pcapng_writer *w = pcapng_writer_new(fd, "tlswhy test");
    cr_assert_not_null(w);
    cr_expect_neq(pcapng_writer_flush(w), 0);
    cr_expect_neq(pcapng_writer_close(w), 0);
}

/* Runs a shell script in the scratch directory; its exit status. */
static int run(const char *script)
{
    char line[4096];
    const char *src = getenv("TLSWHY_SRCDIR");
    const char *program = getenv("TLSWHY");
    cr_assert(src && program, "run by make check");
    snprintf(line, sizeof line,
             "cd %s && export TLSWHY='%s' PCAPS='%s/pcaps' LC_ALL=C && "
             "{ %s; } >out 2>&1",
             directory, program, src, script);
    int status = system(line);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Every failure gets a file, whose analysis ends in the same cause; times and
 * the verdict's packet stay. */
Test(packets, extract_keeps_the_verdict)
{
    cr_expect_eq(
        run("for c in demo blind_client_only alpn_12_openssl alpn_13_go "
            "carrier_dovecot_imap_expired carrier_danted_refused; do "
            "$TLSWHY -f json --extract $c $PCAPS/$c.pcap >$c.json && "
            "test $(ls $c | wc -l) = $(wc -l <$c.json) && "
            "$TLSWHY -f json $c/*.pcapng >$c.again || exit 1; "
            "for key in '@timestamp' tlswhy.cause cause stage ended_by; do "
            "grep -o \"\\\"$key\\\":\\\"[^\\\"]*\\\"\" $c.json >1; "
            "grep -o \"\\\"$key\\\":\\\"[^\\\"]*\\\"\" $c.again >2; "
            "cmp 1 2 || { echo $c $key; exit 1; }; done; done"),
        0);
}

Test(packets, annotate_holds_all_failures_with_the_verdict)
{
    cr_expect_eq(
        run("$TLSWHY -q -f json --annotate a.pcapng $PCAPS/demo.pcap "
            "$PCAPS/alpn_13_go.pcap >all.json && "
            "$TLSWHY -f json a.pcapng >again.json && "
            "test $(wc -l <all.json) = 2 && test $(wc -l <again.json) = 2 && "
            "grep -ac 'tlswhy: server_certificate_expired (certain)' a.pcapng "
            "&& grep -aq 'Evidence:' a.pcapng && "
            "grep -aq 'tlswhy: no_shared_application_protocol' a.pcapng"),
        0);
}

/* Wireshark's own tools read what was written: the first and the decisive
 * packet of each failure have comments, and no packet is lost. */
Test(packets, wireshark_reads_them)
{
    if (system("command -v tshark capinfos >/dev/null 2>&1") != 0) {
        cr_skip_test("no tshark and capinfos");
    }
    cr_expect_eq(
        run("$TLSWHY -q -f none --annotate w.pcapng --extract w "
            "$PCAPS/demo.pcap $PCAPS/alpn_13_go.pcap && "
            "tshark -n -r w.pcapng -T fields -e frame.comment >c 2>/dev/null "
            "&& "
            "test $(grep -c '^tlswhy: server_certificate_expired' c) = 2 && "
            "test $(grep -c '^tlswhy: no_shared_application_prot' c) = 2 && "
            "capinfos -T -r -c w.pcapng w/*.pcapng | cut -f2 >n && "
            "test \"$(tr '\\n' ' ' <n)\" = '22 12 10 '"),
        0);
}

Test(packets, what_cannot_be_written_is_one_line)
{
    cr_expect_eq(run("$TLSWHY --extract /dev/null/x $PCAPS/demo.pcap 2>e; "
                     "test $? = 2 && test $(wc -l <e) = 1 && "
                     "grep -q '^tlswhy: /dev/null/x: ' e"),
                 0);
    cr_expect_eq(run("$TLSWHY --annotate /dev/null/x $PCAPS/demo.pcap 2>e; "
                     "test $? = 2 && test $(wc -l <e) = 1 && "
                     "grep -q '^tlswhy: /dev/null/x: ' e"),
                 0);
    cr_expect_eq(run("$TLSWHY --annotate /dev/full $PCAPS/demo.pcap -f json "
                     "2>e >o; test $? = 2 && test $(wc -l <o) = 1 && "
                     "test $(grep -c '^tlswhy: /dev/full: ' e) = 1"),
                 0);
}
