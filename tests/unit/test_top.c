/* SPDX-License-Identifier: Apache-2.0 */
/* The live screen: its lists and keys without a terminal, and the program in a
 * pseudo-terminal. */
#include "record_reader.h"
#include "top_model.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct top_model model;
static struct record_reader *reader;

static void set_up(void)
{
    top_model_init(&model, "eth0");
    reader = record_reader_new();
    cr_assert_not_null(reader);
}

static void tear_down(void)
{
    top_model_fini(&model);
    record_reader_free(reader);
}

TestSuite(top, .init = set_up, .fini = tear_down, .timeout = 60);

static void add(const char *cause, const char *server, const char *client,
                unsigned second)
{
    char line[1024];
    char why[128];
    struct record r;
    snprintf(line, sizeof line,
             "{\"@timestamp\":\"2026-01-01T00:00:%02u.000000Z\",\"event\":{"
             "\"dataset\":\"tlswhy.handshake\",\"outcome\":\"failure\","
             "\"reason\":\"because\"},\"network\":{\"type\":\"ipv4\"},"
             "\"client\":{\"ip\":\"%s\",\"port\":5000},\"server\":{\"ip\":"
             "\"192.0.2.1\",\"port\":443},\"tls\":{\"client\":{"
             "\"server_name\":\"%s\"}},\"tlswhy\":{\"cause\":\"%s\","
             "\"stage\":\"client_hello\",\"ended_by\":\"server\","
             "\"ended_how\":\"reset\"}}",
             second, client, server, cause);
    cr_assert(record_reader_line(reader, span_text(line), &r, why), "%s", why);
    top_model_add(&model, &r);
}

/* All lines of the screen, one below the other. */
static const char *screen(void)
{
    static char all[16384];
    struct totals totals = {.tls = 7, .failed = 3};
    struct text t;
    size_t n = 0;
    text_init(&t, 1024);
    for (unsigned i = 0; i < model.lines; i++) {
        text_clear(&t);
        enum top_look look = top_model_line(&model, &totals, i, &t);
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s\n",
                              look == LOOK_SELECTED ? ">" : "", text_str(&t));
        cr_assert_lt(n, sizeof all);
    }
    text_free(&t);
    return all;
}

static void expect(const char *part)
{
    cr_expect_not_null(strstr(screen(), part), "%s is not in\n%s", part,
                       screen());
}

static void expect_none(const char *part)
{
    cr_expect_null(strstr(screen(), part), "%s is in\n%s", part, screen());
}

static void three(void)
{
    add("no_shared_cipher", "a.test", "10.0.0.1", 1);
    add("no_shared_cipher", "b.test", "10.0.0.2", 2);
    add("server_closed", "a.test", "10.0.0.2", 3);
}

Test(top, newest_first)
{
    three();
    expect("7 TLS: 0 ok, 3 failed (3 in the last minute)");
    expect(">00:00:03.000  server_closed");
    const char *s = screen();
    cr_expect_lt(strstr(s, "b.test:443"), strstr(s, "00:00:01.000"));
}

Test(top, newest_by_time_not_by_arrival)
{
    add("server_closed", "a.test", "10.0.0.1", 20);
    add("decode_error", "b.test", "10.0.0.1", 25);
    top_model_key(&model, TOP_KEY_DOWN);
    add("client_hello_unanswered", "late.test", "10.0.0.1", 15);
    expect("\n00:00:25.000");
    expect(">00:00:20.000");
    const char *s = screen();
    cr_expect_lt(strstr(s, "00:00:20.000"), strstr(s, "late.test"));
    /* What is held stays as it stands. */
    top_model_key(&model, 'p');
    add("client_hello_unanswered", "later.test", "10.0.0.1", 12);
    expect_none("later.test");
    top_model_key(&model, 'p');
    expect("later.test");
}

Test(top, the_ring_stays_in_order_when_it_is_full)
{
    for (unsigned i = 0; i < TOP_ROWS_MAX + 700; i++) {
        add("server_closed", "a.test", "10.0.0.1", 10 + i * 7 % 50);
    }
    add("server_closed", "old.test", "10.0.0.1", 1);
    cr_expect_eq(model.rows_n, TOP_ROWS_MAX);
    unsigned at = model.rows_at;
    cr_expect_str_eq(model.rows[at].server, "old.test:443");
    for (unsigned i = 1; i < TOP_ROWS_MAX; i++) {
        const struct top_row *older = &model.rows[at];
        at = (at + 1) % TOP_ROWS_MAX;
        cr_expect_leq(older->when, model.rows[at].when);
    }
}

Test(top, all_columns_are_on_a_small_screen)
{
    add("server_certificate_incomplete_chain",
        "a-very-long-name-of-a-server.example.test", "255.255.255.255", 1);
    expect("server_certificate_incompl~ a-very-long-name-of-a~ "
           "255.255.255.255");
    model.columns = 160;
    expect(" server_certificate_incomplete_chain  "
           "a-very-long-name-of-a-server.example.te~ 255.255.255.255");
}

/* What can be copied from the report in one line is not cut off here. */
Test(top, long_lines_go_on_below)
{
    add("server_closed", "a.test", "10.0.0.1", 1);
    top_model_key(&model, TOP_KEY_ENTER);
    free(model.opened.detail);
    model.opened.detail = strdup(
        "  try       openssl s_client -connect 192.0.2.1:443 -servername "
        "a.test </dev/null | openssl x509 -noout -subject -dates\n"
        "  frames    7\n");
    expect("-servername a.test\n"
           "              </dev/null | openssl x509 -noout -subject -dates\n"
           "  frames    7\n");
    top_model_key(&model, TOP_KEY_END);
    expect("  frames    7\n");
    expect_none("openssl");
}

Test(top, any_key_leaves_the_help)
{
    three();
    top_model_key(&model, '?');
    expect("any key: back");
    top_model_key(&model, TOP_KEY_DOWN);
    expect(">00:00:03.000");
    top_model_key(&model, 'h');
    top_model_key(&model, 'q');
    cr_expect_not(model.leave);
    expect(">00:00:03.000");
}

Test(top, a_failure_opens_and_closes)
{
    three();
    top_model_key(&model, TOP_KEY_DOWN);
    expect(">00:00:02.000  no_shared_cipher");
    top_model_key(&model, TOP_KEY_ENTER);
    expect("10.0.0.2:5000 → 192.0.2.1:443 (b.test)");
    expect("because [possible: no_shared_cipher]");
    top_model_key(&model, TOP_KEY_DOWN);
    expect_none("(b.test)\n");
    top_model_key(&model, 'q');
    expect(">00:00:02.000");
    cr_expect_not(model.leave);
    top_model_key(&model, 'q');
    cr_expect(model.leave);
}

Test(top, the_selection_stays_with_its_failure)
{
    three();
    top_model_key(&model, TOP_KEY_END);
    expect(">00:00:01.000");
    add("server_closed", "c.test", "10.0.0.3", 4);
    expect(">00:00:01.000");
    top_model_key(&model, TOP_KEY_HOME);
    expect(">00:00:04.000");
    top_model_key(&model, TOP_KEY_UP);
    expect(">00:00:04.000");
}

Test(top, tables_count_and_lead_to_their_failures)
{
    three();
    top_model_key(&model, '2');
    expect(">       2  00:00:02.000   no_shared_cipher");
    expect("       1  00:00:03.000   server_closed");
    top_model_key(&model, 's'); /* by last seen */
    expect(">       1  00:00:03.000   server_closed");
    top_model_key(&model, TOP_KEY_NEXT_VIEW);
    top_model_key(&model, 's'); /* by name */
    expect(">       2  00:00:03.000   a.test:443");
    top_model_key(&model, TOP_KEY_ENTER);
    expect("/a.test:443");
    expect("00:00:01.000");
    expect_none("b.test");
    top_model_key(&model, TOP_KEY_ESCAPE);
    expect("b.test");
}

Test(top, the_filter_is_typed)
{
    three();
    top_model_key(&model, '/');
    top_model_key(&model, 'c');
    top_model_key(&model, 'x');
    top_model_key(&model, TOP_KEY_BACKSPACE);
    top_model_key(&model, 'l');
    top_model_key(&model, 'o');
    expect("/clo_");
    top_model_key(&model, TOP_KEY_ENTER);
    expect("server_closed");
    expect_none("no_shared_cipher");
    top_model_key(&model, TOP_KEY_ENTER); /* now it opens */
    cr_expect(model.open);
}

Test(top, a_paused_list_stands_still)
{
    three();
    top_model_key(&model, 'p');
    add("decode_error", "d.test", "10.0.0.4", 5);
    expect("PAUSED");
    expect_none("d.test");
    top_model_key(&model, 'p');
    expect("d.test");
}

Test(top, everything_is_bounded)
{
    for (unsigned i = 0; i < TOP_ROWS_MAX + 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u.test", i % 700);
        add("server_closed", i % 2 ? "often.test" : name, "10.0.0.1", 9);
    }
    cr_expect_eq(model.rows_n, TOP_ROWS_MAX);
    cr_expect_eq(model.table_n[TOP_SERVERS], TOP_TABLE_MAX - 161u);
    top_model_key(&model, '3');
    expect(">    1250  00:00:09.000   often.test:443");
    top_model_key(&model, TOP_KEY_END);
    top_model_key(&model, TOP_KEY_PAGE_UP);
    cr_expect_not_null(strstr(screen(), ">"));
}

Test(top, names_cannot_drive_the_terminal)
{
    add("server_closed", "\\u001b[31mred\\u202e", "10.0.0.1", 1);
    expect_none("\033");
    expect("\\x1b[31mred");
}

Test(top, small_screens)
{
    three();
    for (model.lines = 1; model.lines < 8; model.lines++) {
        (void)screen();
        top_model_key(&model, TOP_KEY_PAGE_DOWN);
    }
}

/* ---- the program ---- */

/* Reads until `part` was written, for at most ten seconds. */
static bool wait_for(int fd, const char *part)
{
    static char all[1 << 18];
    size_t n = 0;
    for (int i = 0; i < 100 && n < sizeof all - 1; i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 100) > 0) {
            ssize_t got = read(fd, all + n, sizeof all - 1 - n);
            if (got <= 0) {
                return false;
            }
            n += (size_t)got;
            all[n] = '\0';
            if (strstr(all, part)) {
                return true;
            }
        }
    }
    return false;
}

/* The program with --top in a terminal of its own; -1 where there is none. */
static pid_t start_in_terminal(int *fd)
{
    char capture[4096];
    const char *src = getenv("TLSWHY_SRCDIR");
    const char *program = getenv("TLSWHY");
    cr_assert(src && program, "run by make check");
    snprintf(capture, sizeof capture, "%s/pcaps/demo.pcap", src);
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    pid_t pid = forkpty(fd, NULL, NULL, &size);
    if (pid == 0) {
        setenv("TERM", "xterm", 1);
        execl(program, program, "--top", capture, (char *)NULL);
        _exit(127);
    }
    return pid;
}

Test(top, in_a_terminal)
{
    int fd;
    pid_t pid = start_in_terminal(&fd);
    if (pid < 0) {
        cr_skip_test("no pseudo-terminals here");
    }
    cr_expect(wait_for(fd, "server_certificate_expired"));
    cr_assert_eq(write(fd, "\r", 1), 1);
    cr_expect(wait_for(fd, "ClientHello"));
    cr_assert_eq(write(fd, "q", 1), 1);
    cr_expect(wait_for(fd, "CAUSE"));
    cr_assert_eq(write(fd, "q", 1), 1);
    cr_expect(wait_for(fd, "packets captured")); /* the totals, afterwards */
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(fd);
}

/* The window is closed: it neither stays nor spins. */
Test(top, ends_with_its_terminal, .timeout = 60)
{
    int fd;
    pid_t pid = start_in_terminal(&fd);
    if (pid < 0) {
        cr_skip_test("no pseudo-terminals here");
    }
    cr_expect(wait_for(fd, "server_certificate_expired"));
    close(fd);
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status));
}
