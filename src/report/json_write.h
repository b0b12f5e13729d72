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

/* The parts that the functions below are made of: a key of n bytes, or none
 * (NULL), behind the comma that may be due, and `open` behind it. */
void json_begin(struct json *j, const char *key, size_t n, char open);
void json_end_with(struct json *j, size_t at, char bracket);
void json_text(struct json *j, const char *key, size_t n, struct span s);

/* Members or items as they are, n bytes without a comma at either end. They
 * must not lie in j->t; for those that do there is json_repeat(). */
void json_members(struct json *j, const char *written, size_t n);
void json_repeat(struct json *j, size_t at, size_t n);

/* The same of a literal. */
#define JSON_FIXED(j, written) json_members(j, written, sizeof(written) - 1)

static inline size_t json_length(const char *key)
{
    return key ? strlen(key) : 0;
}

/* Where an object or list began; handed back to end it. key is NULL inside a
 * list and at the top. Keys are plain ASCII of ours. */
static inline size_t json_object(struct json *j, const char *key)
{
    size_t at = j->t->n;
    json_begin(j, key, json_length(key), '{');
    return at;
}

static inline void json_object_end(struct json *j, size_t at)
{
    json_end_with(j, at, '}');
}

static inline size_t json_list(struct json *j, const char *key)
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
static inline void json_span(struct json *j, const char *key, struct span s)
{
    json_text(j, key, json_length(key), s);
}

static inline void json_str(struct json *j, const char *key, const char *s)
{
    if (s) {
        json_text(j, key, json_length(key), span_text(s));
    }
}

static inline void json_uint(struct json *j, const char *key, uint64_t v)
{
    json_begin(j, key, json_length(key), '\0');
    text_uint(j->t, v);
}

void json_int(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);

/* A string whose inside the caller adds to j->t, plain ASCII only. */
static inline void json_open_str(struct json *j, const char *key)
{
    json_begin(j, key, json_length(key), '"');
}

static inline void json_close_str(struct json *j)
{
    text_char(j->t, '"');
}

#endif
