/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: bounds, and the escapes byte by byte. The UTF-8 cases are those of RFC
 * 3629 section 4 and of the Unicode Standard's table 3-7; times were taken from
 * date(1).
 */
#include "base/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define SPAN(literal) span_of("" literal, sizeof(literal) - 1)

typedef void (*escape)(struct text *t, struct span s);

static void expect(escape f, struct span in, const char *want)
{
    struct text t;
    text_init(&t, 4096);
    f(&t, in);
    cr_expect_str_eq(text_str(&t), want);
    cr_expect_eq(t.n, strlen(want));
    cr_expect_not(t.cut);
    text_free(&t);
}

/* ---- growth ------------------------------------------------------------- */

Test(text, empty_text_is_the_empty_string)
{
    struct text t;
    text_init(&t, 10);
    cr_expect_str_eq(text_str(&t), "");
    text_add(&t, "");
    cr_expect_str_eq(text_str(&t), "");
    cr_expect_not(t.cut);
    text_free(&t);
    text_free(&t); /* twice is harmless */
}

Test(text, grows_to_its_maximum_and_no_further)
{
    struct text t;
    text_init(&t, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        text_char(&t, 'x');
    }
    cr_expect_eq(t.n, 1000);
    cr_expect_not(t.cut);
    cr_expect_leq(t.size, 1001);
    text_char(&t, 'y');
    cr_expect(t.cut);
    cr_expect_eq(t.n, 1000);
    cr_expect_eq(strlen(text_str(&t)), 1000);
    text_free(&t);
}

Test(text, what_does_not_fit_is_cut_and_nothing_follows)
{
    struct text t;
    text_init(&t, 5);
    text_add(&t, "abcdefgh");
    cr_expect_str_eq(text_str(&t), "abcde");
    cr_expect(t.cut);
    text_clear(&t);
    cr_expect_not(t.cut);
    cr_expect_str_eq(text_str(&t), "");
    text_add(&t, "abcd");
    text_add(&t, "xy");
    text_add(&t, "");
    cr_expect_str_eq(text_str(&t), "abcdx");
    text_free(&t);
}

Test(text, zero_maximum_takes_nothing)
{
    struct text t;
    text_init(&t, 0);
    text_add(&t, "a");
    cr_expect(t.cut);
    cr_expect_str_eq(text_str(&t), "");
    text_free(&t);
}

Test(text, a_cut_never_splits_a_code_point_or_an_escape)
{
    struct text t;
    text_init(&t, 4);
    text_add(&t, "ab\xe2\x82\xac"); /* 2 + 3 bytes */
    cr_expect_str_eq(text_str(&t), "ab");
    cr_expect(t.cut);
    text_clear(&t);
    text_json(&t, SPAN("a\x01zz"));
    cr_expect_str_eq(text_str(&t), "a");
    cr_expect(t.cut);
    text_free(&t);
}

Test(text, formats_short_and_long)
{
    struct text t;
    char want[1001];
    memset(want, '0', 1000);
    want[999] = '7';
    want[1000] = '\0';
    text_init(&t, 2000);
    text_fmt(&t, "%01000d", 7);
    cr_expect_str_eq(text_str(&t), want);
    text_fmt(&t, "-%s-", "x");
    cr_expect_eq(t.n, 1003);
    text_free(&t);
    text_init(&t, 600);
    text_fmt(&t, "%01000d", 7);
    cr_expect_eq(t.n, 600);
    cr_expect(t.cut);
    text_free(&t);
}

Test(text, truncates_and_goes_on)
{
    struct text t;
    text_init(&t, 6);
    text_truncate(&t, 0);
    text_add(&t, "abcdefgh");
    cr_expect(t.cut);
    text_truncate(&t, 3);
    cr_expect_not(t.cut);
    text_add(&t, "XY");
    cr_expect_str_eq(text_str(&t), "abcXY");
    text_truncate(&t, 99);
    cr_expect_str_eq(text_str(&t), "abcXY");
    text_free(&t);
}

/* ---- UTF-8 -------------------------------------------------------------- */

static void decodes(struct span s, size_t n, uint32_t want)
{
    uint32_t cp = 0xabad1dea;
    cr_expect_eq(utf8_decode(s, &cp), n, "%02x...", s.n ? s.p[0] : 0u);
    if (n) {
        cr_expect_eq(cp, want, "got U+%04X, want U+%04X", cp, want);
    }
}

Test(utf8, boundaries_of_each_length)
{
    decodes(SPAN("\x00"), 1, 0);
    decodes(SPAN("\x7f"), 1, 0x7f);
    decodes(SPAN("\xc2\x80"), 2, 0x80);
    decodes(SPAN("\xdf\xbf"), 2, 0x7ff);
    decodes(SPAN("\xe0\xa0\x80"), 3, 0x800);
    decodes(SPAN("\xed\x9f\xbf"), 3, 0xd7ff);
    decodes(SPAN("\xee\x80\x80"), 3, 0xe000);
    decodes(SPAN("\xef\xbf\xbf"), 3, 0xffff);
    decodes(SPAN("\xf0\x90\x80\x80"), 4, 0x10000);
    decodes(SPAN("\xf4\x8f\xbf\xbf"), 4, 0x10ffff);
    decodes(SPAN("\xe2\x82\xac tail"), 3, 0x20ac);
}

Test(utf8, invalid_sequences)
{
    decodes(SPAN(""), 0, 0);
    decodes(SPAN("\x80"), 0, 0);             /* lone continuation */
    decodes(SPAN("\xc0\xaf"), 0, 0);         /* overlong '/' */
    decodes(SPAN("\xc1\xbf"), 0, 0);         /* overlong DEL */
    decodes(SPAN("\xe0\x80\xaf"), 0, 0);     /* overlong */
    decodes(SPAN("\xe0\x9f\xbf"), 0, 0);     /* overlong U+07FF */
    decodes(SPAN("\xf0\x80\x80\xaf"), 0, 0); /* overlong */
    decodes(SPAN("\xf0\x8f\xbf\xbf"), 0, 0); /* overlong U+FFFF */
    decodes(SPAN("\xed\xa0\x80"), 0, 0);     /* U+D800 */
    decodes(SPAN("\xed\xbf\xbf"), 0, 0);     /* U+DFFF */
    decodes(SPAN("\xf4\x90\x80\x80"), 0, 0); /* U+110000 */
    decodes(SPAN("\xf5\x80\x80\x80"), 0, 0);
    decodes(SPAN("\xff"), 0, 0);
    decodes(SPAN("\xe2\x82"), 0, 0); /* cut */
    decodes(SPAN("\xc3"), 0, 0);
    decodes(SPAN("\xc3x"), 0, 0); /* continuation missing */
    decodes(SPAN("\xe2\x82x"), 0, 0);
    decodes(SPAN("\xf0\x9f\x98"), 0, 0);
}

/* ---- JSON --------------------------------------------------------------- */

Test(text, json_escapes_what_rfc_8259_demands)
{
    expect(text_json, SPAN(""), "");
    expect(text_json, SPAN("plain text / 123"), "plain text / 123");
    expect(text_json, SPAN("\"\\"), "\\\"\\\\");
    expect(text_json, SPAN("\b\f\n\r\t"), "\\b\\f\\n\\r\\t");
    expect(text_json, SPAN("\x00\x01\x1b\x1f"), "\\u0000\\u0001\\u001b\\u001f");
    expect(text_json, SPAN("\x7f"), "\\u007f");
}

Test(text, json_keeps_printable_unicode)
{
    expect(text_json, SPAN("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
           "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
}

Test(text, json_escapes_what_readers_cannot_see)
{
    expect(text_json, SPAN("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
    expect(text_json, SPAN("\xe2\x80\xae"), "\\u202e"); /* RLO */
    expect(text_json, SPAN("\xe2\x81\xa6"), "\\u2066"); /* LRI */
    expect(text_json, SPAN("\xc2\x85\xc2\x9b"), "\\u0085\\u009b");
    expect(text_json, SPAN("\xf3\xa0\x81\x81"), "\\udb40\\udc41"); /* tag A */
}

Test(text, json_replaces_invalid_utf8)
{
    expect(text_json,
           SPAN("a\xff"
                "b"),
           "a\\ufffdb");
    expect(text_json, SPAN("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");
    expect(text_json, SPAN("\xc0\xaf"), "\\ufffd\\ufffd");
    expect(text_json, SPAN("\xe2\x82"), "\\ufffd\\ufffd");
}

/* ---- terminal ------------------------------------------------------------ */

Test(text, terminal_never_gets_a_control_character)
{
    expect(text_term, SPAN("a\x1b[31mb"), "a\\x1b[31mb");
    expect(text_term, SPAN("\n\r\t\x00\x7f"), "\\x0a\\x0d\\x09\\x00\\x7f");
    expect(text_term, SPAN("\xc2\x9b"), "\\u{009b}"); /* CSI as C1 */
    expect(text_term, SPAN("\x9b"), "\\x9b");
    expect(text_term,
           SPAN("\xe2\x80\xae"
                "txt"),
           "\\u{202e}txt");
    expect(text_term, SPAN("\xe2\x80\x8f"), "\\u{200f}");
    expect(text_term, SPAN("\xd8\x9c"), "\\u{061c}");
    expect(text_term, SPAN("\xf3\xa0\x80\x81"), "\\u{e0001}");
    expect(text_term, SPAN("\xed\xa0\x80"), "\\xed\\xa0\\x80");
    expect(text_term, SPAN("\"quoted\" caf\xc3\xa9"), "\"quoted\" caf\xc3\xa9");
}

Test(text, terminal_output_of_any_byte_pair_is_printable)
{
    for (unsigned v = 0; v < 0x10000; v++) {
        uint8_t in[2] = {(uint8_t)(v >> 8), (uint8_t)(v & 0xff)};
        struct text t;
        text_init(&t, 64);
        text_term(&t, span_of(in, 2));
        for (size_t i = 0; i < t.n;) {
            uint32_t cp = 0;
            size_t n = utf8_decode(span_of(t.p + i, t.n - i), &cp);
            cr_assert_neq(n, 0, "pair %04x", v);
            cr_assert(cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0),
                      "pair %04x", v);
            i += n;
        }
        text_free(&t);
    }
}

/* ---- shell ----------------------------------------------------------------
 */

Test(text, shell_words)
{
    expect(text_shell, SPAN(""), "''");
    expect(text_shell, SPAN("example.org:443"), "example.org:443");
    expect(text_shell, SPAN("a b"), "'a b'");
    expect(text_shell, SPAN("it's"), "'it'\\''s'");
    expect(text_shell, SPAN("'"), "''\\'''");
    expect(text_shell, SPAN("$(reboot)"), "'$(reboot)'");
    expect(text_shell, SPAN("`reboot`;|&<>*?[]#~!{}\"\\"),
           "'`reboot`;|&<>*?[]#~!{}\"\\'");
    expect(text_shell, SPAN("~root"), "'~root'");
    expect(text_shell,
           SPAN("a\nb\x1b\x00\xff"
                "c"),
           "'abc'");
    expect(text_shell, SPAN("caf\xc3\xa9"), "'caf\xc3\xa9'");
    expect(text_shell,
           SPAN("\xe2\x80\xae"
                "x"),
           "'x'");
}

/* ---- time -----------------------------------------------------------------
 */

static void expect_time(tick_t when, const char *want)
{
    struct text t;
    text_init(&t, 64);
    text_time(&t, when);
    cr_expect_str_eq(text_str(&t), want);
    text_free(&t);
}

Test(text, time_is_rfc_3339)
{
    expect_time(0, "1970-01-01T00:00:00.000000Z");
    expect_time(tick_make(1795610096, 1000), "2026-11-25T12:34:56.000001Z");
    expect_time(tick_make(951782400, 999999999), "2000-02-29T00:00:00.999999Z");
    expect_time(tick_make(951868799, 0), "2000-02-29T23:59:59.000000Z");
    expect_time(tick_make(1709251199, 0), "2024-02-29T23:59:59.000000Z");
    expect_time(tick_make(4107542400, 0), "2100-03-01T00:00:00.000000Z");
    expect_time(-1, "1969-12-31T23:59:59.999999Z");
    expect_time(-TICK_SEC * 86400, "1969-12-31T00:00:00.000000Z");
    expect_time(INT64_MAX, "2262-04-11T23:47:16.854775Z");
    expect_time(INT64_MIN, "1677-09-21T00:12:43.145224Z");
}

Test(text, times_do_not_hang_on_the_one_before)
{
    static const tick_t when[] = {0, -1, TICK_SEC - 1, TICK_SEC, 0};
    static const char *const want[] = {
        "1970-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00.999999Z", "1970-01-01T00:00:01.000000Z",
        "1970-01-01T00:00:00.000000Z"};
    for (size_t i = 0; i < sizeof when / sizeof when[0]; i++) {
        expect_time(when[i], want[i]);
    }
}

Test(text, numbers_are_whole_or_missing)
{
    static const uint64_t v[] = {0, 9, 10, 99, 100, 12345, UINT64_MAX};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        char want[24];
        size_t n = (size_t)snprintf(want, sizeof want, "%llu",
                                    (unsigned long long)v[i]);
        for (size_t max = n - 1; max <= n; max++) {
            struct text t;
            text_init(&t, max);
            text_uint(&t, v[i]);
            cr_expect_str_eq(text_str(&t), max < n ? "" : want);
            cr_expect_eq(t.cut, max < n);
            text_free(&t);
        }
    }
}

/* Long runs go sixteen bytes at a time: each byte at each place must be told.
 */
Test(text, every_byte_at_every_place_of_a_long_text)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 40; at++) {
            uint8_t in[40];
            memset(in, 'x', sizeof in);
            in[at] = (uint8_t)byte;
            struct text whole, parts;
            text_init(&whole, 4096);
            text_init(&parts, 4096);
            text_json(&whole, span_of(in, sizeof in));
            for (size_t i = 0; i < sizeof in; i++) {
                text_json(&parts, span_of(in + i, 1));
            }
            cr_expect_str_eq(text_str(&whole), text_str(&parts), "%u at %zu",
                             byte, at);
            bool plain =
                byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
            cr_expect_eq(text_json_plain(span_of(in, sizeof in)),
                         plain ? sizeof in : at);
            text_free(&whole);
            text_free(&parts);
        }
    }
}

Test(text, reserves_what_is_then_added)
{
    struct text t;
    text_init(&t, 10);
    char *p = text_reserve(&t, 10);
    cr_assert_not_null(p);
    memcpy(p, "abc", 3);
    text_commit(&t, 3);
    cr_expect_str_eq(text_str(&t), "abc");
    cr_expect_null(text_reserve(&t, 8));
    cr_expect(t.cut);
    text_free(&t);
}
