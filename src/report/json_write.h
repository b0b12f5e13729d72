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

/* Where an object or list began; handed back to end it. key is NULL inside a
 * list and at the top. Keys are plain ASCII of ours. */
size_t json_object(struct json *j, const char *key);
void json_object_end(struct json *j, size_t at);
size_t json_list(struct json *j, const char *key);
void json_list_end(struct json *j, size_t at); /* gone when empty */

/* NULL, and empty spans, are left out. */
void json_str(struct json *j, const char *key, const char *s);
void json_span(struct json *j, const char *key, struct span s);
void json_uint(struct json *j, const char *key, uint64_t v);
void json_int(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);

/* A string whose inside the caller adds to j->t, plain ASCII only. */
void json_open_str(struct json *j, const char *key);
void json_close_str(struct json *j);

#endif
