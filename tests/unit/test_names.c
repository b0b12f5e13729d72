/* SPDX-License-Identifier: Apache-2.0 */
/* Names of addresses, from DNS answers: the parser and what is remembered. */
#include "dissectors/dns.h"
#include "names.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct seen {
    unsigned n;
    char name[DNS_NAME_BYTES];
    uint8_t ip[16];
    uint8_t version;
};

static void note(void *ctx, const char *name, const uint8_t ip[16],
                 uint8_t ip_version)
{
    struct seen *s = ctx;
    s->n++;
    snprintf(s->name, sizeof s->name, "%s", name);
    memcpy(s->ip, ip, 16);
    s->version = ip_version;
}

#define BYTES(s) span_of(s, sizeof(s) - 1)

static struct seen read(struct span message)
{
    struct seen s = {0};
    dns_addresses(message, note, &s);
    return s;
}

/* www.example.test is an alias of a.example.test, which has 192.0.2.7. */
#define HEADER(flags, qd, an)                                                  \
    "\x12\x34" flags "\x00" qd "\x00" an "\x00\x00\x00\x00"
#define QUESTION "\3www\7example\4test\0\0\1\0\1"
#define ALIAS    "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1a\xc0\x10"
#define ADDRESS  "\xc0\x2e\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7"

Test(dns, the_name_that_was_asked_for)
{
    struct seen s =
        read(BYTES(HEADER("\x81\x80", "\1", "\2") QUESTION ALIAS ADDRESS));
    cr_expect_eq(s.n, 1u);
    cr_expect_str_eq(s.name, "www.example.test");
    cr_expect_eq(s.version, 4);
    cr_expect_arr_eq(s.ip, "\xc0\0\2\7\0\0\0\0\0\0\0\0\0\0\0", 16);
}

/* Multicast DNS answers without a question, and with the cache-flush bit. */
Test(dns, multicast_names_the_record)
{
    struct seen s = read(
        BYTES(HEADER("\x84\x00", "\0",
                     "\1") "\7printer\5local\0\0\x1c\x80\1\0\0\0\x78"
                           "\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
    cr_expect_eq(s.n, 1u);
    cr_expect_str_eq(s.name, "printer.local");
    cr_expect_eq(s.version, 6);
}

Test(dns, what_is_no_answer)
{
    cr_expect_eq(read(BYTES(HEADER("\x01\x00", "\1", "\0") QUESTION)).n, 0u);
    cr_expect_eq(/* NXDOMAIN, whatever else it says */
                 read(BYTES(HEADER("\x81\x83", "\1", "\2")
                                QUESTION ALIAS ADDRESS))
                     .n,
                 0u);
    cr_expect_eq(read(BYTES("")).n, 0u);
    cr_expect_eq(/* of another class (chaos) */
                 read(BYTES(HEADER("\x81\x80", "\1", "\1") QUESTION
                            "\xc0\x0c\0\1\0\3\0\0\0\x3c\0\4\xc0\0\2\7"))
                     .n,
                 0u);
    cr_expect_eq(/* an address of five bytes */
                 read(BYTES(HEADER("\x81\x80", "\1", "\1") QUESTION
                            "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\5\xc0\0\2\7\7"))
                     .n,
                 0u);
}

/* Pointers forwards, to themselves, and names that would not end. */
Test(dns, pointers_end)
{
    cr_expect_eq(
        read(BYTES(HEADER("\x81\x80", "\1", "\1") "\xc0\x0c\0\1\0\1" ADDRESS))
            .n,
        0u);
    cr_expect_eq(read(BYTES(HEADER("\x81\x80", "\1", "\1") "\xc0\x0e\xc0\x0c"
                                                           "\0\1\0\1" ADDRESS))
                     .n,
                 0u);
    cr_expect_eq(read(BYTES(HEADER("\x81\x80", "\1", "\1") QUESTION
                            "\1a\xc0\x2e\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7"))
                     .n,
                 0u);
}

/* What a terminal or a log could misread is no name of a host. */
Test(dns, names_that_are_not_shown)
{
    cr_expect_eq(
        read(BYTES(HEADER("\x81\x80", "\1",
                          "\1") "\4a\033[m\4test\0\0\1\0\1"
                                "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7"))
            .n,
        0u);
    char longest[400] = HEADER("\x81\x80", "\1", "\1");
    size_t n = 12;
    for (unsigned i = 0; i < 5; i++) { /* 5 x 63: over 255 */
        longest[n] = 63;
        memset(longest + n + 1, 'a', 63);
        n += 64;
    }
    memcpy(longest + n, "\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7",
           21);
    cr_expect_eq(read(span_of(longest, n + 21)).n, 0u);
}

/* Cut anywhere it gives nothing, and reads nothing behind the end. */
Test(dns, every_prefix)
{
    const struct span whole =
        BYTES(HEADER("\x81\x80", "\1", "\2") QUESTION ALIAS ADDRESS);
    for (size_t n = 0; n < whole.n; n++) {
        char *copy = malloc(n + 1);
        memcpy(copy, whole.p, n);
        cr_expect_eq(read(span_of(copy, n)).n, 0u, "%zu bytes", n);
        free(copy);
    }
}

/* ---- what is remembered ---- */

static void answer(struct names *names, const char *host, uint32_t address,
                   uint16_t port)
{
    char m[128];
    size_t n = strlen(host);
    memcpy(m, HEADER("\x81\x80", "\1", "\1"), 12);
    m[12] = (char)n;
    memcpy(m + 13, host, n);
    memcpy(m + 13 + n, "\4test\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4", 22);
    for (unsigned i = 0; i < 4; i++) {
        m[13 + n + 22 + i] = (char)(address >> (24 - 8 * i));
    }
    const struct packet k = {.proto = PROTO_UDP,
                             .src.port = port,
                             .payload = span_of(m, 13 + n + 22 + 4)};
    names_packet(names, &k);
}

static const char *name_of(struct names *names, uint32_t address)
{
    static char name[DNS_NAME_BYTES];
    const uint8_t ip[16] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16),
                            (uint8_t)(address >> 8), (uint8_t)address};
    return names_find(names, ip, 4, name) ? name : NULL;
}

Test(names, the_last_answer_counts)
{
    struct names *n = names_new();
    cr_expect_null(name_of(n, 0xc0000207));
    answer(n, "old", 0xc0000207, 53);
    answer(n, "new", 0xc0000207, 53);
    cr_assert_not_null(name_of(n, 0xc0000207));
    cr_expect_str_eq(name_of(n, 0xc0000207), "new.test");
    answer(n, "other", 0xc0000208, 443); /* nobody's DNS */
    cr_expect_null(name_of(n, 0xc0000208));
    uint8_t v6[16] = {0xc0, 0, 2, 7};
    char name[DNS_NAME_BYTES];
    cr_expect_not(names_find(n, v6, 6, name));
    names_free(n);
}

Test(names, the_oldest_is_forgotten)
{
    struct names *n = names_new();
    for (uint32_t i = 0; i <= NAMES_MAX; i++) {
        char host[16];
        snprintf(host, sizeof host, "h%u", (unsigned)i);
        answer(n, host, 0x0a000000 + i, 53);
    }
    cr_expect_null(name_of(n, 0x0a000000));
    cr_expect_str_eq(name_of(n, 0x0a000001), "h1.test");
    cr_expect_str_eq(name_of(n, 0x0a000000 + NAMES_MAX), "h16384.test");
    names_free(n);
}
