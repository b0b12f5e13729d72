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

void json_begin(struct json *j, const char *key, size_t n, char open)
{
    bool comma = !json_fresh(j);
    char *p = text_reserve(j->t, n + sizeof ",\"\":{");
    char *start = p;
    if (!p) {
        return;
    }
    if (comma) {
        *p++ = ',';
    }
    if (key) {
        *p++ = '"';
        memcpy(p, key, n);
        p += n;
        *p++ = '"';
        *p++ = ':';
    }
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
    json_begin(j, key, n, '"');
    text_json(j->t, s);
    json_close_str(j);
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
