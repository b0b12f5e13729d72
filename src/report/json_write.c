/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writer: separators are told from the last byte that was written. */
#include "report/json_write.h"

void json_value(struct json *j, struct span s)
{
    size_t plain = text_json_plain(s);
    char *p = plain == s.n ? text_reserve(j->t, s.n + 1) : NULL;
    if (p) {
        memcpy(p, s.p, s.n);
        p[s.n] = '"';
        text_commit(j->t, s.n + 1);
        return;
    }
    text_json(j->t, s);
    json_close_str(j);
}

void json_members(struct json *j, const char *written, size_t n)
{
    char *start = n ? text_reserve(j->t, n + 1) : NULL;
    if (start) {
        char *p = json_put_key(j, start, NULL, 0);
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
