/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON (RFC 8259) piece by piece. Commas look after themselves, and an
 * object or list that got no member disappears with its key, so that callers
 * write members only when they are known.
 */
#ifndef REPORT_JSON_WRITE_H
#define REPORT_JSON_WRITE_H

#include "base/text.h"

struct json {
    struct text *t;
    size_t from;    /* where this document begins in t */
    unsigned items; /* longest list that is written out; more is left out */
    void *state;    /* the reporter's own */
};

/* ---- what the functions below are made of; inline, so that keys, which are
 * literals, have a known length and are copied without a call ---- */

#define JSON_INLINE static inline __attribute__((always_inline))

/* Behind an opening bracket, or at the top, no comma is due. A string's last
 * byte is its quote, so a bracket here is never text. */
static inline bool json_fresh(const struct json *j)
{
    if (j->t->n <= j->from) {
        return true;
    }
    char last = j->t->p[j->t->n - 1];
    return last == '{' || last == '[';
}

/* The comma that may be due, and a key of n bytes, or none (NULL). Returns the
 * end of what it wrote. */
JSON_INLINE char *json_put_key(const struct json *j, char *p, const char *key,
                               size_t n)
{
    *p = ',';
    p += !json_fresh(j);
    if (key) {
        *p++ = '"';
        memcpy(p, key, n);
        p += n;
        *p++ = '"';
        *p++ = ':';
    }
    return p;
}

/* A key, and `open` behind it, if any. */
JSON_INLINE void json_begin(struct json *j, const char *key, size_t n,
                            char open)
{
    char *start = text_reserve(j->t, n + sizeof ",\"\":{");
    if (start) {
        char *p = json_put_key(j, start, key, n);
        if (open) {
            *p++ = open;
        }
        text_commit(j->t, (size_t)(p - start));
    }
}

static inline void json_end_with(struct json *j, size_t at, char bracket)
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

/* The inside of a string that was opened, escaped, and its end. */
void json_value(struct json *j, struct span s);

/* Members or items as they are, n bytes without a comma at either end. They
 * must not lie in j->t; for those that do there is json_repeat(). */
void json_members(struct json *j, const char *written, size_t n);
void json_repeat(struct json *j, size_t at, size_t n);

/* The same of a literal. */
#define JSON_FIXED(j, written) json_members(j, written, sizeof(written) - 1)

JSON_INLINE size_t json_length(const char *key)
{
    return key ? strlen(key) : 0;
}

/* Where an object or list began; handed back to end it. key is NULL inside a
 * list and at the top. Keys are plain ASCII of ours. */
JSON_INLINE size_t json_object(struct json *j, const char *key)
{
    size_t at = j->t->n;
    json_begin(j, key, json_length(key), '{');
    return at;
}

static inline void json_object_end(struct json *j, size_t at)
{
    json_end_with(j, at, '}');
}

JSON_INLINE size_t json_list(struct json *j, const char *key)
{
    size_t at = j->t->n;
    json_begin(j, key, json_length(key), '[');
    return at;
}

/* Gone when empty. */
static inline void json_list_end(struct json *j, size_t at)
{
    json_end_with(j, at, ']');
}

/* NULL, and empty spans, are left out. */
JSON_INLINE void json_span(struct json *j, const char *key, struct span s)
{
    if (s.n) {
        json_begin(j, key, json_length(key), '"');
        json_value(j, s);
    }
}

JSON_INLINE void json_str(struct json *j, const char *key, const char *s)
{
    if (s) {
        json_span(j, key, span_text(s));
    }
}

JSON_INLINE void json_uint(struct json *j, const char *key, uint64_t v)
{
    json_begin(j, key, json_length(key), '\0');
    text_uint(j->t, v);
}

void json_int(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);

/* A string whose inside the caller adds to j->t, plain ASCII only. */
JSON_INLINE void json_open_str(struct json *j, const char *key)
{
    json_begin(j, key, json_length(key), '"');
}

static inline void json_close_str(struct json *j)
{
    text_char(j->t, '"');
}

#endif
