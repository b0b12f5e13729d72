/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writer: separators are told from the last byte that was written. */
#include "report/json_write.h"

/* Behind an opening bracket, or at the top, no comma is due. A string's last
 * byte is its quote, so a bracket here is never text. */
static bool json_fresh(const struct json *j)
{
    if (j->t->n <= j->from) {
        return true;
    }
    char last = j->t->p[j->t->n - 1];
    return last == '{' || last == '[';
}

/* The comma that may be due, and a key. Returns the end of what it wrote. */
static inline char *put_key(const struct json *j, char *p, const char *key,
                            size_t n)
{
    if (!json_fresh(j)) {
        *p++ = ',';
    }
    if (key) {
        *p++ = '"';
        memcpy(p, key, n);
        p += n;
        *p++ = '"';
        *p++ = ':';
    }
    return p;
}

void json_begin(struct json *j, const char *key, size_t n, char open)
{
    char *start = text_reserve(j->t, n + sizeof ",\"\":{");
    if (!start) {
        return;
    }
    char *p = put_key(j, start, key, n);
    if (open) {
        *p++ = open;
    }
    text_commit(j->t, (size_t)(p - start));
}

void json_end_with(struct json *j, size_t at, char bracket)
{
    if (j->t->cut) {
        return; /* the caller starts over */
    }
    if (json_fresh(j)) {
        text_truncate(j->t, at);
        return;
    }
    text_char(j->t, bracket);
}

void json_text(struct json *j, const char *key, size_t n, struct span s)
{
    if (!s.n) {
        return;
    }
    if (text_json_plain(s) < s.n) {
        json_begin(j, key, n, '"');
        text_json(j->t, s);
        json_close_str(j);
        return;
    }
    char *start = text_reserve(j->t, n + s.n + sizeof ",\"\":\"\"");
    if (start) {
        char *p = put_key(j, start, key, n);
        *p++ = '"';
        memcpy(p, s.p, s.n);
        p += s.n;
        *p++ = '"';
        text_commit(j->t, (size_t)(p - start));
    }
}

void json_members(struct json *j, const char *written, size_t n)
{
    char *start = n ? text_reserve(j->t, n + 1) : NULL;
    if (start) {
        char *p = put_key(j, start, NULL, 0);
        memcpy(p, written, n);
        text_commit(j->t, (size_t)(p - start) + n);
    }
}

void json_repeat(struct json *j, size_t at, size_t n)
{
    if (n && text_reserve(j->t, n + 1)) { /* so that it will not move */
        json_members(j, j->t->p + at, n);
    }
}

void json_int(struct json *j, const char *key, int64_t v)
{
    json_begin(j, key, json_length(key), v < 0 ? '-' : '\0');
    text_uint(j->t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void json_bool(struct json *j, const char *key, bool v)
{
    json_begin(j, key, json_length(key), '\0');
    text_add(j->t, v ? "true" : "false");
}
