/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing text with a maximum, and the escapes that every string from the
 * network passes on its way out.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/span.h"
#include "base/tick.h"

struct text {
    char *p;     /* NUL-terminated once anything was added; owned */
    size_t n;    /* bytes without the NUL */
    size_t size; /* allocated */
    size_t max;  /* never grows past this; what does not fit is dropped */
    bool cut;    /* something was dropped */
};

void text_init(struct text *t, size_t max_bytes);
void text_free(struct text *t);
void text_clear(struct text *t);

/* Back to its first n bytes; `cut` is then forgotten. Nothing when it is
 * shorter. */
void text_truncate(struct text *t, size_t n);

/* The text so far, "" when empty; borrowed until the next call. */
const char *text_str(const struct text *t);

void text_add_n(struct text *t, const char *s, size_t n);

static inline void text_add(struct text *t, const char *s)
{
    text_add_n(t, s, strlen(s));
}

/* Makes room for n more bytes and the NUL; NULL when there is none (and `cut`
 * is set). */
char *text_make_room(struct text *t, size_t n);

/* Room for n bytes at its end, of which text_commit() adds the first ones; NULL
 * when there is none (and `cut` is set). */
static inline char *text_reserve(struct text *t, size_t n)
{
    bool fits = n < t->size - t->n && !t->cut;
    return fits ? t->p + t->n : text_make_room(t, n);
}

static inline void text_commit(struct text *t, size_t n)
{
    t->n += n;
    t->p[t->n] = '\0';
}

static inline void text_char(struct text *t, char c)
{
    char *p = text_reserve(t, 1);
    if (p) {
        *p = c;
        text_commit(t, 1);
    }
}

/* A number in decimal, without printf's cost. */
void text_uint(struct text *t, uint64_t v);
void text_fmt(struct text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* s as the inside of a JSON string (RFC 8259): quotes, control characters and
 * invalid UTF-8 escaped (the latter as U+FFFD), so the output is valid UTF-8.
 */
void text_json(struct text *t, struct span s);

/* How many bytes at the front of s stand for themselves there: printable ASCII
 * that needs no escape. */
size_t text_json_plain(struct span s);

/* s for a terminal: printable UTF-8 as it is; control characters (C0, C1,
 * DEL), bidi controls and invalid UTF-8 as \xNN or \u{NNNN}. */
void text_term(struct text *t, struct span s);

/* s as one POSIX shell word, single-quoted when it needs to be; control
 * characters and invalid UTF-8 are dropped. */
void text_shell(struct text *t, struct span s);

/* RFC 3339 UTC with microseconds: 2026-11-25T12:34:56.000001Z */
void text_time(struct text *t, tick_t when);

/* Length (1..4) of the valid UTF-8 sequence at s and its code point in *cp;
 * 0 when it is invalid or s is empty. */
size_t utf8_decode(struct span s, uint32_t *cp);

#endif
