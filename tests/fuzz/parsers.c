/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that call one parser each, and what is behind it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include "fuzz.h"

#include "config_file.h"
#include "dissectors/cert_compress.h"
#include "dissectors/dns.h"
#include "dissectors/prelude.h"
#include "dissectors/tls_expand.h"
#include "keys/keylog.h"
#include "record_reader.h"
#include "redact.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Which message: u8 kind, u16 length, body; then concluded and judged as if
 * they had come on a wire. */
void fuzz_messages(struct span input)
{
    static const enum hs_kind kinds[] = {HS_CLIENT_HELLO,
                                         HS_SERVER_HELLO,
                                         HS_HELLO_RETRY_REQUEST,
                                         HS_CERTIFICATE,
                                         HS_SERVER_KEY_EXCHANGE,
                                         HS_CERTIFICATE_REQUEST,
                                         HS_ALERT,
                                         HS_FIN};
    static const enum hs_raw raw[] = {
        HS_RAW_CLIENT_HELLO,        HS_RAW_SERVER_HELLO,
        HS_RAW_HELLO_RETRY,         HS_RAW_SERVER_CERTIFICATE,
        HS_RAW_SERVER_KEY_EXCHANGE, HS_RAW_CERTIFICATE_REQUEST,
        HS_RAW_CLIENT_CERTIFICATE,  HS_RAW_CLIENT_FIRST};
    struct handshake hs;
    struct cursor c = cursor_open(input);
    hs_init(&hs, 1u << 20);
    hs.ip_version = 4;
    hs.flavour = (enum tls_flavour)(cursor_u8(&c, "flavour") % 3);
    hs.version = cursor_u16(&c, "version");
    hs.cipher = cursor_u16(&c, "cipher");
    for (tick_t when = 1; cursor_left(&c) && when < 64; when++) {
        unsigned what = cursor_u8(&c, "kind");
        size_t n = cursor_u16(&c, "length");
        size_t left = cursor_left(&c);
        struct span body = cursor_take(&c, n < left ? n : left, "body");
        unsigned i = what % 8;
        hs_note(&hs, kinds[i], what & 0x80 ? SIDE_SERVER : SIDE_CLIENT,
                (uint32_t)body.n, (uint16_t)(0x200u | (what & 0x7f)), when,
                (uint64_t)when);
        hs_keep(&hs, raw[i], body, 32768);
    }
    hs.end = HS_END_CLOSED;
    hs_conclude(&hs);
    tls_expand(&hs);
    struct judge *judge = judge_new(NULL);
    fuzz_check(judge != NULL, "memory");
    judge_learn(judge, &hs);
    judge_learn_certificates(judge, &hs);
    struct verdict *verdict = judge_run(judge, &hs);
    struct record r = {.hs = &hs, .verdict = verdict};
    fuzz_report(&r);
    verdict_free(verdict);
    judge_free(judge);
    hs_free(&hs);
}

void fuzz_x509(struct span input)
{
    struct arena arena;
    struct cert c;
    arena_init(&arena, 1u << 20);
    if (x509_read(&arena, input, &c)) {
        (void)x509_name_matches(&c, span_text("www.example.test"), true);
        (void)x509_name_matches(&c, span_text("192.0.2.1"), false);
        if (c.dns.n) {
            (void)x509_name_matches(&c, c.dns.v[0], false);
        }
    }
    arena_free(&arena);
}

static void on_address(void *ctx, const char *name, const uint8_t ip[16],
                       uint8_t ip_version)
{
    size_t n = strlen(name);
    (void)ctx;
    (void)ip;
    fuzz_check(n > 0 && n < DNS_NAME_BYTES, "a name's length");
    fuzz_check(ip_version == 4 || ip_version == 6, "an address");
    for (size_t i = 0; i < n; i++) {
        fuzz_check(name[i] > ' ' && name[i] < 0x7f, "a name's characters");
    }
}

/* Names go to terminals as they are. */
void fuzz_dns(struct span input)
{
    dns_addresses(input, on_address, NULL);
}

void fuzz_keylog(struct span input)
{
    struct keylog *k = keylog_new(1000);
    fuzz_check(k != NULL, "memory");
    size_t half = input.n / 2;
    keylog_add(k, span_sub(input, 0, half));
    keylog_add(k, span_sub(input, half, input.n));
    keylog_free(k);
}

/* The two are made once: their tables take longer than an input. They keep
 * nothing of a record but names. */
void fuzz_records(struct span input)
{
    static struct record_reader *reader;
    static struct redactor *redactor;
    struct record r;
    struct record redacted;
    char why[128];
    reader = reader ? reader : record_reader_new();
    redactor = redactor ? redactor : redactor_new("k");
    fuzz_check(reader && redactor, "memory");
    if (record_reader_line(reader, input, &r, why)) {
        fuzz_report(&r);
        if (redact_record(redactor, &r, &redacted)) {
            fuzz_report(&redacted);
        }
    }
}

void fuzz_compressed(struct span input)
{
    struct uncompressed u = cert_uncompress(input);
    fuzz_check(u.n <= UNCOMPRESSED_MAX, "bounded");
    free(u.p);
}

/* u16 port, then u8 direction, u16 length, bytes; again and again. */
void fuzz_carriers(struct span input)
{
    struct handshake hs;
    struct prelude p = {0};
    struct cursor c = cursor_open(input);
    hs_init(&hs, 1u << 20);
    p.port = cursor_u16(&c, "port");
    for (tick_t when = 1; cursor_left(&c) && when < 4096; when++) {
        unsigned dir = cursor_u8(&c, "direction") & 1;
        size_t n = cursor_u16(&c, "length");
        size_t left = cursor_left(&c);
        struct span bytes = cursor_take(&c, n < left ? n : left, "bytes");
        struct span tls;
        while (p.wrapped && prelude_unwrap(&p, dir, &bytes, &tls)) {
            fuzz_check(tls.n <= input.n, "TLS is a part of what was sent");
        }
        size_t at;
        while (!p.wrapped && bytes.n &&
               (at = prelude_feed(&p, &hs, dir, bytes, when, 1)) > 0) {
            fuzz_check(at <= bytes.n, "no more is read than there is");
            bytes = span_sub(bytes, at, bytes.n);
        }
        (void)prelude_verdict(&p, &hs);
        (void)prelude_is_due(&p, &hs);
    }
    prelude_tls_begins(&p, &hs, 1, 1);
    hs_free(&hs);
}

static bool on_setting(void *ctx, const char *name, const char *value,
                       char error[256])
{
    (void)ctx;
    (void)error;
    fuzz_check(!strchr(name, '\n'), "a name is on one line");
    fuzz_check(!value || !strchr(value, '\n'), "a value is on one line");
    return true;
}

void fuzz_config(struct span input)
{
    int fd = memfd_create("config", MFD_CLOEXEC);
    char path[32];
    char error[256] = "";
    if (fd < 0) {
        return; /* a system without it */
    }
    ssize_t written = input.n ? write(fd, input.p, input.n) : 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (written == (ssize_t)input.n &&
        !config_file_read(path, on_setting, NULL, error)) {
        fuzz_check(*error, "an error says what is wrong");
    }
    close(fd);
}

/* The escapes: terminal, JSON, shell. */
void fuzz_text(struct span input)
{
    struct text t;
    uint32_t cp;
    text_init(&t, (size_t)1 << 20);
    text_term(&t, input);
    for (size_t i = 0; i < t.n;) {
        size_t n = utf8_decode(span_of(t.p + i, t.n - i), &cp);
        fuzz_check(n > 0, "valid UTF-8 for the terminal");
        fuzz_check(cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0),
                   "no control character for the terminal");
        fuzz_check(!(cp >= 0x202a && cp <= 0x202e) &&
                       !(cp >= 0x2066 && cp <= 0x2069),
                   "no bidirectional control for the terminal");
        i += n;
    }
    text_clear(&t);
    text_add(&t, "[\"");
    text_json(&t, input);
    text_add(&t, "\"]");
    json_t *root = json_loadb(text_str(&t), t.n, JSON_ALLOW_NUL, NULL);
    fuzz_check(t.cut || root != NULL, "valid JSON");
    json_decref(root);
    text_clear(&t);
    text_shell(&t, input);
    bool quoted = false;
    for (size_t i = 0; i < t.n; i++) {
        char ch = t.p[i];
        if (ch == '\'') {
            quoted = !quoted;
        } else if (ch == '\\' && !quoted) {
            i++;
        } else if (!quoted) {
            fuzz_check(!strchr(" \t\n;&|<>()$`\"*?[]#~!{}", ch),
                       "nothing that the shell would act upon");
        }
    }
    fuzz_check(!quoted, "quotes are closed");
    text_free(&t);
}
