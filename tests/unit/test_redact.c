/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --redact: nothing that names somebody is left in the records of any of our
 * captures, the same value has the same pseudonym, and verdicts stay.
 */
#include "redact.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

TestSuite(redact, .timeout = 120);

/* ---- sentences ---- */

static void expect(const char *in, bool is_advice, const char *gone,
                   const char *kept)
{
    struct redactor *r = redactor_new("k");
    const char *out = redact_text(r, in, is_advice);
    cr_expect_null(strstr(out, gone), "%s -> %s", in, out);
    cr_expect_not_null(strstr(out, kept), "%s -> %s", in, out);
    redactor_free(r);
}

Test(redact, addresses_are_told_by_their_form)
{
    expect("connect to 192.0.2.7:443 now", false, "192.0.2.7", ":443 now");
    expect("-connect [2001:db8:1::7]:443", true, "1::7", "]:443");
    expect("--resolve www:443:192.0.2.7", true, "192.0.2.7", "443:");
    expect("from 00:11:22:33:44:55 it came", false, "00:11:22", "from 02:");
    expect("mail to jane@mail.acme.com.", false, "jane", "user-");
    expect("802.1X log-in: identity jane doe, supplicant", false, "jane",
           ", supplicant");
    expect("802.1X log-in: identity jane doe, supplicant", false, "doe",
           "identity user-");
    expect("mail to jane@mail.acme.com.", false, "acme", ".com.");
    expect("at 12:30:15 it was 1.2 times", false, "%",
           "at 12:30:15 it was 1.2");
    expect("TLS 1.2 and frame 1.2.3", false, "%", "TLS 1.2 and frame 1.2.3");
}

Test(redact, host_names_are_told_by_their_last_label)
{
    expect("not for www.acme-bank.co.uk, but", false, "acme", ".uk, but");
    expect("for *.acme.internal", false, "acme", "for *.n");
    expect("in nginx.conf and fullchain.pem", false, "%",
           "in nginx.conf and fullchain.pem");
    expect("edit java.security", true, "%", "edit java.security");
}

Test(redact, names_between_quotes_and_in_distinguished_names)
{
    expect("issued by \"Acme Root CA\", which", false, "Acme", "\", which");
    expect("of CN=Acme Root, O=Acme Ltd (and)", false, "Acme", "O=n");
    expect("the server answered \"454 TLS not available\"", false, "%",
           "\"454 TLS not available\"");
    expect("the proxy answered \"407 by fw.acme.com\"", false, "acme",
           "\"407 by n");
}

Test(redact, pseudonyms_are_stable_and_private_stays_private)
{
    struct redactor *a = redactor_new("k");
    struct redactor *b = redactor_new("k");
    struct redactor *c = redactor_new(NULL);
    char first[256];
    const char *in = "WWW.acme.com at 10.1.2.3 and 8.8.8.8";
    snprintf(first, sizeof first, "%s", redact_text(a, in, false));
    cr_expect_str_eq(redact_text(b, in, false), first);
    cr_expect_str_neq(redact_text(c, in, false), first);
    cr_expect_str_eq(
        redact_text(b, "www.ACME.com at 10.1.2.3 and 8.8.8.8", false), first);
    unsigned octet[4];
    cr_assert_eq(sscanf(strstr(first, " at ") + 4, "%u.%u.%u.%u", &octet[0],
                        &octet[1], &octet[2], &octet[3]),
                 4);
    cr_expect_eq(octet[0], 10u);
    cr_assert_eq(sscanf(strstr(first, " and ") + 5, "%u", &octet[0]), 1);
    cr_expect_geq(octet[0], 240u);
    redactor_free(a);
    redactor_free(b);
    redactor_free(c);
    redactor_free(NULL);
}

/* ---- all our captures ---- */

static char *output_of(const char *arguments)
{
    char line[1024];
    const char *src = getenv("TLSWHY_SRCDIR");
    const char *program = getenv("TLSWHY");
    cr_assert(src && program, "run by make check");
    snprintf(line, sizeof line, "cd '%s/pcaps' && %s'%s' %s", src,
             "TLSWHY_REDACT_KEY=k LC_ALL=C ", program, arguments);
    FILE *f = popen(line, "r");
    cr_assert_not_null(f);
    size_t size = 16u << 20;
    char *text = malloc(size);
    cr_assert_not_null(text);
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    cr_expect_eq(pclose(f), 0);
    return text;
}

/* Every string under one of these keys names somebody. */
static bool is_private(const char *key)
{
    static const char *const keys[] = {
        "ip",           "server_name",       "common_name",
        "organization", "alternative_names", "distinguished_name",
        "sha256",       "serial_number",     "community_id"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* Names that are also words of ours: the product of a tool, a protocol. */
static bool is_common_word(const char *s)
{
    return strlen(s) < 4 || strcmp(s, "mitmproxy") == 0 ||
           strcmp(s, "localhost") == 0;
}

static void expect_gone(const json_t *v, bool private, const char *redacted,
                        size_t *checked)
{
    if (json_is_object(v)) {
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)(uintptr_t)v, key, member)
        {
            expect_gone(member, is_private(key), redacted, checked);
        }
    } else if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            expect_gone(json_array_get(v, i), private, redacted, checked);
        }
    } else if (private && json_is_string(v) &&
               !is_common_word(json_string_value(v))) {
        cr_expect_null(strstr(redacted, json_string_value(v)), "%s is there",
                       json_string_value(v));
        ++*checked;
    }
}

Test(redact, nothing_is_left_in_the_records_of_our_captures)
{
    char *plain = output_of("-q -a -f json *.pcap*");
    char *redacted = output_of("-q -a --redact -f json *.pcap*");
    size_t checked = 0;
    for (char *line = strtok(plain, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *root = json_loads(line, JSON_ALLOW_NUL, NULL);
        cr_assert_not_null(root);
        expect_gone(root, false, redacted, &checked);
        json_decref(root);
    }
    cr_expect_gt(checked, 2000u);
    /* Also what no field holds: whom a proxy was asked for. */
    cr_expect_null(strstr(redacted, "example.test"));
    free(plain);
    free(redacted);
}

Test(redact, verdicts_stay)
{
    char *plain = output_of("-q -f json *.pcap*");
    char *redacted = output_of("-q --redact -f json *.pcap*");
    char *at_plain = NULL;
    char *at_redacted = NULL;
    char *a = strtok_r(plain, "\n", &at_plain);
    char *b = strtok_r(redacted, "\n", &at_redacted);
    size_t n = 0;
    for (; a && b; n++) {
        json_t *x = json_loads(a, JSON_ALLOW_NUL, NULL);
        json_t *y = json_loads(b, JSON_ALLOW_NUL, NULL);
        cr_assert(x && y);
        static const char *const keys[] = {
            "cause",     "confidence", "stage",       "ended_by",
            "ended_how", "frames",     "alternatives"};
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            const json_t *u =
                json_object_get(json_object_get(x, "tlswhy"), keys[i]);
            const json_t *v =
                json_object_get(json_object_get(y, "tlswhy"), keys[i]);
            cr_expect((!u && !v) || json_equal(u, v), "%s", keys[i]);
        }
        json_decref(x);
        json_decref(y);
        a = strtok_r(NULL, "\n", &at_plain);
        b = strtok_r(NULL, "\n", &at_redacted);
    }
    cr_expect(!a && !b);
    cr_expect_gt(n, 250u);
    free(plain);
    free(redacted);
}

Test(redact, packets_cannot_be_redacted)
{
    const char *src = getenv("TLSWHY_SRCDIR");
    const char *program = getenv("TLSWHY");
    cr_assert(src && program, "run by make check");
    char line[512];
    snprintf(line, sizeof line,
             "'%s' --redact --annotate /tmp/never-made.pcapng "
             "'%s/pcaps/demo.pcap' 2>/dev/null",
             program, src);
    int status = system(line);
    cr_expect(WIFEXITED(status));
    cr_expect_eq(WEXITSTATUS(status), 2);
}
