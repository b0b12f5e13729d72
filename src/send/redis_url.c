/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3986, as much of it as Redis' clients agree on. */
#include "config.h"

#include "send/redis_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT           6379
#define STREAM         "tlswhy"
#define STREAM_RECORDS 1000000u
#define DB_MAX         65535u

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes n characters into out[]. */
static bool decode(const char *s, size_t n, char out[REDIS_TEXT_BYTES])
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%') {
            int high = i + 2 < n ? hex(s[i + 1]) : -1;
            int low = i + 2 < n ? hex(s[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (!c || k + 1 >= REDIS_TEXT_BYTES) {
            return false;
        }
        out[k++] = c;
    }
    out[k] = '\0';
    return true;
}

static bool number(const char *s, size_t n, uint64_t max, uint64_t *out)
{
    char text[24];
    char *end;
    if (n == 0 || n >= sizeof text || s[0] < '0' || s[0] > '9') {
        return false;
    }
    memcpy(text, s, n);
    text[n] = '\0';
    errno = 0;
    *out = strtoull(text, &end, 10);
    return !errno && !*end && *out <= max;
}

/* USER:PASSWORD, :PASSWORD */
static bool take_login(struct redis_url *u, const char *s, size_t n)
{
    const char *colon = memchr(s, ':', n);
    if (!colon) {
        return false;
    }
    size_t user = (size_t)(colon - s);
    return decode(s, user, u->user) &&
           decode(colon + 1, n - user - 1, u->password) && u->password[0];
}

/* HOST, HOST:PORT, [HOST]:PORT */
static bool take_host(struct redis_url *u, const char *s, size_t n)
{
    const char *host = s;
    size_t host_n = n;
    const char *port = NULL;
    if (n && s[0] == '[') {
        const char *close = memchr(s, ']', n);
        if (!close) {
            return false;
        }
        host = s + 1;
        host_n = (size_t)(close - host);
        if (close + 1 < s + n) {
            if (close[1] != ':') {
                return false;
            }
            port = close + 2;
        }
    } else {
        const char *colon = memchr(s, ':', n);
        if (colon) {
            host_n = (size_t)(colon - s);
            port = colon + 1;
        }
    }
    uint64_t v = PORT;
    if (port && (!number(port, (size_t)(s + n - port), 65535, &v) || !v)) {
        return false;
    }
    u->port = (uint16_t)v;
    return host_n > 0 && decode(host, host_n, u->host);
}

/* NAME=VALUE of the texts there are; certificates only with TLS. */
static bool take_parameter(struct redis_url *u, const char *s, size_t n)
{
    const struct {
        const char *name;
        char *to;
        bool tls;
    } texts[] = {{"stream=", u->stream, false},
                 {"ca=", u->ca, true},
                 {"cert=", u->cert, true},
                 {"key=", u->key, true}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t k = strlen(texts[i].name);
        if (n > k && memcmp(s, texts[i].name, k) == 0) {
            return (u->tls || !texts[i].tls) &&
                   decode(s + k, n - k, texts[i].to);
        }
    }
    return n > 7 && memcmp(s, "maxlen=", 7) == 0 &&
           number(s + 7, n - 7, UINT64_MAX / 2, &u->max_length);
}

static bool take_query(struct redis_url *u, const char *s)
{
    while (*s) {
        size_t n = strcspn(s, "&");
        if (!take_parameter(u, s, n)) {
            return false;
        }
        s += n + (s[n] == '&');
    }
    return true;
}

static bool take_path(struct redis_url *u, const char *s, size_t n)
{
    uint64_t db = 0;
    if (n > 1 && !number(s + 1, n - 1, DB_MAX, &db)) {
        return false;
    }
    u->db = (unsigned)db;
    return true;
}

bool redis_url_parse(const char *text, struct redis_url *out, char error[256])
{
    *out = (struct redis_url){.max_length = STREAM_RECORDS, .stream = STREAM};
    out->tls = strncmp(text, "rediss://", 9) == 0;
    const char *wrong = NULL;
    if (!out->tls && strncmp(text, "redis://", 8) != 0) {
        wrong = "it does not begin with redis:// or rediss://";
    } else {
        const char *s = text + (out->tls ? 9 : 8);
        size_t authority = strcspn(s, "/?");
        size_t path = strcspn(s + authority, "?");
        const char *query = s + authority + path;
        const char *at = memrchr(s, '@', authority);
        size_t login = at ? (size_t)(at - s) : 0;
        if (at && !take_login(out, s, login)) {
            wrong = "the part before @ is not [USER]:PASSWORD";
        } else if (!take_host(out, at ? at + 1 : s,
                              authority - (at ? login + 1 : 0))) {
            wrong = "no HOST[:PORT]";
        } else if (!take_path(out, s + authority, path)) {
            wrong = "the path is not a database's number";
        } else if (*query && !take_query(out, query + 1)) {
            wrong = "behind ? only stream=NAME and maxlen=N are known, and "
                    "with rediss:// ca=, cert= and key=FILE";
        }
        if (!wrong && out->key[0] && !out->cert[0]) {
            wrong = "key= without cert=";
        }
    }
    if (wrong) {
        snprintf(error, 256, "%s", wrong);
    }
    return !wrong;
}
