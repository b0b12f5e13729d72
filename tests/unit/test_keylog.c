/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key logs in the format of draft-ietf-tls-keylogfile: whole, cut, malformed,
 * repeated, growing, rotated, and more than fit.
 */
#include "keys/keylog.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define R1  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define R2  "ff112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
#define S32 "0101010101010101010101010101010101010101010101010101010101010101"
#define T32 "0202020202020202020202020202020202020202020202020202020202020202"
#define S48 S32 "03030303030303030303030303030303"

static struct keylog *filled(const char *text)
{
    struct keylog *k = keylog_new(0);
    cr_assert_not_null(k);
    keylog_add(k, span_text(text));
    return k;
}

static struct keylog_stats stats_of(const struct keylog *k)
{
    struct keylog_stats s;
    keylog_stats(k, &s);
    return s;
}

/* The client random of R1, or of R2 with its first byte. */
static bool look(struct keylog *k, uint8_t first, enum keylog_label label,
                 struct keylog_secret *out)
{
    static const uint8_t rest[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
                                     0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,
                                     0xcc, 0xdd, 0xee, 0xff};
    uint8_t random[32];
    memcpy(random, rest, 16);
    memcpy(random + 16, rest, 16);
    random[0] = first;
    memset(out, 0, sizeof *out);
    return keylog_find(k, span_of(random, sizeof random), label, out);
}

Test(keylog, all_labels_of_use)
{
    struct keylog *k =
        filled("# a comment\n\n"
               "CLIENT_RANDOM " R2 " " S48 "\n"
               "CLIENT_EARLY_TRAFFIC_SECRET " R1 " " S32 "\n"
               "CLIENT_HANDSHAKE_TRAFFIC_SECRET " R1 " " S48 "\r\n"
               "SERVER_HANDSHAKE_TRAFFIC_SECRET\t" R1 "\t" T32 " \n"
               "CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 "\n"
               "SERVER_TRAFFIC_SECRET_0 " R1 " " T32);
    struct keylog_secret s;
    cr_expect(look(k, 0xff, KEYLOG_MASTER, &s));
    cr_expect_eq(s.n, 48);
    cr_expect_eq(s.bytes[0], 1);
    cr_expect_eq(s.bytes[47], 3);
    cr_expect(look(k, 0, KEYLOG_CLIENT_EARLY, &s));
    cr_expect_eq(s.n, 32);
    cr_expect(look(k, 0, KEYLOG_CLIENT_HANDSHAKE, &s));
    cr_expect_eq(s.n, 48);
    cr_expect(look(k, 0, KEYLOG_SERVER_HANDSHAKE, &s));
    cr_expect_eq(s.bytes[31], 2);
    cr_expect(look(k, 0, KEYLOG_CLIENT_TRAFFIC, &s));
    cr_expect(look(k, 0, KEYLOG_SERVER_TRAFFIC, &s));
    cr_expect_not(look(k, 0, KEYLOG_MASTER, &s));
    cr_expect_not(look(k, 0xff, KEYLOG_CLIENT_EARLY, &s));
    struct keylog_stats st = stats_of(k);
    cr_expect_eq(st.secrets, 6);
    cr_expect_eq(st.lines, 8);
    cr_expect_eq(st.malformed, 0);
    keylog_free(k);
}

Test(keylog, other_uses_are_passed_over)
{
    struct keylog *k = filled("EXPORTER_SECRET " R1 " " S32 "\n"
                              "EARLY_EXPORTER_SECRET " R1 " " S32 "\n"
                              "RSA 0123456789abcdef " S48 "\n"
                              "ECH_SECRET " R1 " " S32 "\n"
                              "CLIENT_TRAFFIC_SECRET_1 " R1 " " S32 "\n");
    struct keylog_stats st = stats_of(k);
    cr_expect_eq(st.ignored, 5);
    cr_expect_eq(st.secrets, 0);
    cr_expect_eq(st.malformed, 0);
    cr_expect_not(keylog_in_use(k));
    keylog_free(k);
}

Test(keylog, malformed_lines_are_counted)
{
    static const char *const bad[] = {
        "CLIENT_RANDOM",
        "CLIENT_RANDOM " R1,
        "CLIENT_RANDOM " R1 " ",
        "CLIENT_RANDOM " R1 " 01",
        "CLIENT_RANDOM " R1 " " S32,      /* a master secret has 48 bytes */
        "CLIENT_RANDOM " R1 "00 " S48,    /* a random has 32 */
        "CLIENT_RANDOM " R1 " " S48 "00", /* more than any hash */
        "CLIENT_RANDOM " R1 " " S48 " " S48,
        "CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 "0",
        "CLIENT_TRAFFIC_SECRET_0 " R1 " g" S32,
        "CLIENT_TRAFFIC_SECRET_0 " S32 " ",
        "client_random " R1 " " S48,
        "{\"json\": true}",
        "-----BEGIN CERTIFICATE-----",
    };
    struct keylog *k = keylog_new(0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        keylog_add(k, span_text(bad[i]));
        cr_expect_eq(stats_of(k).malformed, i + 1, "line %zu", i);
    }
    cr_expect_eq(stats_of(k).malformed_line, 1);
    cr_expect_eq(stats_of(k).secrets, 0);
    keylog_add(k, span_text("CLIENT_RANDOM " R1 " " S48 "\n"));
    cr_expect_eq(stats_of(k).secrets, 1);
    keylog_free(k);
}

Test(keylog, huge_lines_and_binary)
{
    size_t n = 1 << 20;
    char *text = malloc(n + 1);
    memset(text, 'A', n);
    text[n] = '\0';
    struct keylog *k = filled(text);
    cr_expect_eq(stats_of(k).malformed, 1);
    keylog_add(k, span_text("\nCLIENT_RANDOM " R1 " " S48));
    cr_expect_eq(stats_of(k).secrets, 1);
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)(i * 2654435761u >> 24);
    }
    keylog_add(k, span_of(text, n));
    cr_expect_gt(stats_of(k).malformed, 1);
    cr_expect_eq(stats_of(k).secrets, 1);
    keylog_free(k);
    free(text);
}

Test(keylog, the_newest_secret_counts)
{
    struct keylog *k = filled("CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 "\n"
                              "CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 "\n"
                              "CLIENT_TRAFFIC_SECRET_0 " R1 " " T32 "\n"
                              "CLIENT_TRAFFIC_SECRET_0 " R1 " " T32 "\n");
    struct keylog_secret s;
    cr_expect(look(k, 0, KEYLOG_CLIENT_TRAFFIC, &s));
    cr_expect_eq(s.bytes[0], 2);
    cr_expect_eq(stats_of(k).secrets, 1);
    cr_expect_eq(stats_of(k).repeated, 2);
    cr_expect_eq(stats_of(k).replaced, 1);
    keylog_free(k);
}

static void add_number(struct keylog *k, unsigned i)
{
    char line[256];
    snprintf(line, sizeof line, "CLIENT_RANDOM %08x%056x %096x\n", i, 7u, i);
    keylog_add(k, span_text(line));
}

static bool has_number(struct keylog *k, unsigned i)
{
    uint8_t random[32] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16),
                          (uint8_t)(i >> 8), (uint8_t)i};
    struct keylog_secret s;
    random[31] = 7;
    return keylog_find(k, span_of(random, sizeof random), KEYLOG_MASTER, &s) &&
           s.bytes[47] == (uint8_t)i && s.bytes[46] == (uint8_t)(i >> 8);
}

/* A hostile key log must not make the store slow, or push others out. */
Test(keylog, one_random_with_many_secrets, .timeout = 20)
{
    struct keylog *k = keylog_new(3000);
    const unsigned n = 200000;
    add_number(k, 1);
    for (unsigned i = 0; i < n; i++) {
        char line[256];
        snprintf(line, sizeof line, "CLIENT_RANDOM " R1 " %096x\n", i);
        keylog_add(k, span_text(line));
    }
    struct keylog_secret s;
    cr_expect(has_number(k, 1));
    cr_expect(look(k, 0, KEYLOG_MASTER, &s));
    cr_expect_eq(s.bytes[47], (uint8_t)(n - 1));
    cr_expect_eq(stats_of(k).secrets, 2);
    cr_expect_eq(stats_of(k).replaced, n - 1);
    cr_expect_eq(stats_of(k).forgotten, 0);
    keylog_free(k);
}

Test(keylog, what_may_come_and_what_is_known)
{
    struct keylog *k = keylog_new(0);
    uint8_t other[32] = {9};
    cr_expect_not(keylog_in_use(k));
    keylog_expect(k, true);
    cr_expect(keylog_in_use(k));
    cr_expect(keylog_may_grow(k));
    keylog_expect(k, false);
    cr_expect_not(keylog_in_use(k));
    add_number(k, 1);
    cr_expect(keylog_in_use(k));
    cr_expect_not(keylog_may_grow(k));
    uint8_t random[32] = {0, 0, 0, 1};
    random[31] = 7;
    cr_expect(keylog_knows(k, span_of(random, 32)));
    cr_expect_not(keylog_knows(k, span_of(other, 32)));
    cr_expect_not(keylog_knows(k, span_of(other, 3)));
    keylog_free(k);
}

Test(keylog, the_oldest_make_room)
{
    struct keylog *k = keylog_new(3000);
    for (unsigned i = 0; i < 10000; i++) {
        add_number(k, i);
    }
    for (unsigned i = 0; i < 10000; i++) {
        cr_assert_eq(has_number(k, i), i >= 7000, "number %u", i);
    }
    cr_expect_eq(stats_of(k).forgotten, 7000);
    keylog_free(k);
}

/* ---- files ---- */

static void append(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void temporary(char path[64])
{
    snprintf(path, 64, "/tmp/test_keylog.%d", (int)getpid());
    unlink(path);
}

Test(keylog_file, a_last_line_without_its_end)
{
    char path[64];
    char error[KEYLOG_ERROR_BYTES];
    struct keylog_secret s;
    temporary(path);
    append(path, "CLIENT_RANDOM " R1 " " S48);
    struct keylog *k = keylog_new(0);
    cr_expect(keylog_open(k, path, false, error));
    cr_expect(look(k, 0, KEYLOG_MASTER, &s));
    keylog_free(k);
    unlink(path);
}

Test(keylog_file, what_cannot_be_read)
{
    char error[KEYLOG_ERROR_BYTES];
    struct keylog *k = keylog_new(0);
    cr_expect_not(keylog_open(k, "/nowhere/keys", false, error));
    cr_expect_str_eq(error, "No such file or directory");
    cr_expect_not(keylog_open(k, "/tmp", false, error));
    cr_expect_str_eq(error, "Is a directory");
    cr_expect_not(keylog_open(k, "/dev/zero", false, error));
    cr_expect_str_eq(error, "neither a file nor a pipe");
    keylog_free(k);
}

Test(keylog_file, grows_while_it_is_followed)
{
    char path[64];
    char error[KEYLOG_ERROR_BYTES];
    struct keylog_secret s;
    temporary(path);
    struct keylog *k = keylog_new(0);
    cr_expect(keylog_open(k, path, true, error), "need not exist yet");
    cr_expect(keylog_in_use(k));
    keylog_poll(k);
    append(path, "CLIENT_RANDOM " R1 " " S32);
    keylog_poll(k);
    cr_expect_not(look(k, 0, KEYLOG_MASTER, &s), "half a line");
    keylog_add(k, span_text("CLIENT_RANDOM " R2 " " S48 "\n"));
    append(path, "03030303030303030303030303030303\n");
    keylog_poll(k);
    cr_expect(look(k, 0, KEYLOG_MASTER, &s));
    cr_expect(look(k, 0xff, KEYLOG_MASTER, &s));
    cr_expect_eq(stats_of(k).malformed, 0);
    keylog_free(k);
    unlink(path);
}

Test(keylog_file, rotated_and_truncated)
{
    char path[64];
    char error[KEYLOG_ERROR_BYTES];
    struct keylog_secret s;
    temporary(path);
    append(path, "# old\n# old\nCLIENT_RANDOM " R1);
    struct keylog *k = keylog_new(0);
    cr_expect(keylog_open(k, path, true, error));
    cr_assert_eq(truncate(path, 0), 0);
    append(path, "CLIENT_RANDOM " R1 " " S48 "\n");
    cr_assert_eq(truncate(path, 0), 0);
    append(path, "#\n");
    keylog_poll(k);
    append(path, "CLIENT_RANDOM " R1 " " S48 "\n");
    keylog_poll(k);
    cr_expect(look(k, 0, KEYLOG_MASTER, &s), "truncated");
    unlink(path);
    append(path, "CLIENT_RANDOM " R2 " " S48 "\n");
    keylog_poll(k);
    cr_expect(look(k, 0xff, KEYLOG_MASTER, &s), "replaced");
    cr_expect_eq(stats_of(k).malformed, 0);
    keylog_free(k);
    unlink(path);
}

Test(keylog_file, a_pipe)
{
    char path[64];
    char error[KEYLOG_ERROR_BYTES];
    struct keylog_secret s;
    temporary(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct keylog *k = keylog_new(0);
    cr_expect(keylog_open(k, path, true, error), "no writer: must not block");
    int fd = open(path, O_WRONLY | O_NONBLOCK);
    cr_assert_geq(fd, 0);
    dprintf(fd, "CLIENT_RANDOM " R1 " " S48 "\n");
    keylog_poll(k);
    cr_expect(look(k, 0, KEYLOG_MASTER, &s));
    close(fd);
    keylog_free(k);
    unlink(path);
}
