/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writer: separators are told from the last byte that was written. */
#include "report/json_write.h"

#include <inttypes.h>

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

static void json_key(struct json *j, const char *key)
{
    if (!json_fresh(j)) {
        text_char(j->t, ',');
    }
    if (key) {
        text_char(j->t, '"');
        text_add(j->t, key);
        text_add_n(j->t, "\":", 2);
    }
}

static size_t json_open(struct json *j, const char *key, char bracket)
{
    size_t at = j->t->n;
    json_key(j, key);
    text_char(j->t, bracket);
    return at;
}

static void json_close(struct json *j, size_t at, char bracket)
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

size_t json_object(struct json *j, const char *key)
{
    return json_open(j, key, '{');
}

void json_object_end(struct json *j, size_t at)
{
    json_close(j, at, '}');
}

size_t json_list(struct json *j, const char *key)
{
    return json_open(j, key, '[');
}

void json_list_end(struct json *j, size_t at)
{
    json_close(j, at, ']');
}

void json_open_str(struct json *j, const char *key)
{
    json_key(j, key);
    text_char(j->t, '"');
}

void json_close_str(struct json *j)
{
    text_char(j->t, '"');
}

void json_span(struct json *j, const char *key, struct span s)
{
    if (!s.n) {
        return;
    }
    json_open_str(j, key);
    text_json(j->t, s);
    json_close_str(j);
}

void json_str(struct json *j, const char *key, const char *s)
{
    if (s) {
        json_span(j, key, span_text(s));
    }
}

void json_uint(struct json *j, const char *key, uint64_t v)
{
    json_key(j, key);
    text_uint(j->t, v);
}

void json_int(struct json *j, const char *key, int64_t v)
{
    json_key(j, key);
    text_fmt(j->t, "%" PRId64, v);
}

void json_bool(struct json *j, const char *key, bool v)
{
    json_key(j, key);
    text_add(j->t, v ? "true" : "false");
}
