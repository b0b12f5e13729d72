/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing text with a maximum, and the escapes for JSON (RFC 8259 section 7),
 * terminals and POSIX shells. UTF-8 is read as RFC 3629 section 4 defines it:
 * no overlong forms, no surrogates, nothing above U+10FFFF. Times are RFC 3339.
 *
 * Once something was dropped, everything after it is dropped too, so a text
 * that was cut is always a prefix; escapes and code points are never split.
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_BYTES 256u

void text_init(struct text *t, size_t max_bytes)
{
    *t = (struct text){.max = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void text_free(struct text *t)
{
    free(t->p);
    t->p = NULL;
    t->n = 0;
    t->size = 0;
    t->cut = false;
}

void text_clear(struct text *t)
{
    t->n = 0;
    t->cut = false;
    if (t->p) {
        t->p[0] = '\0';
    }
}

void text_truncate(struct text *t, size_t n)
{
    if (n > t->n) {
        return;
    }
    t->n = n;
    t->cut = false;
    if (t->p) {
        t->p[n] = '\0';
    }
}

const char *text_str(const struct text *t)
{
    return t->p ? t->p : "";
}

/* Makes room for n more bytes and the NUL. */
static bool text_grow(struct text *t, size_t n)
{
    if (t->cut || n > t->max - t->n) {
        return false;
    }
    size_t want = t->size < FIRST_BYTES ? FIRST_BYTES : t->size;
    while (want - t->n <= n) {
        want = want > SIZE_MAX / 2 ? SIZE_MAX : want * 2;
    }
    if (want > t->max + 1) {
        want = t->max + 1;
    }
    char *p = realloc(t->p, want);
    if (!p) {
        return false;
    }
    t->p = p;
    t->size = want;
    return true;
}

/* Whether there is room for n more bytes and the NUL. Without memory `size` and
 * `n` are 0. */
static inline bool text_room(struct text *t, size_t n)
{
    return (n < t->size - t->n && !t->cut) || text_grow(t, n);
}

static inline void text_put(struct text *t, const char *s, size_t n)
{
    if (n) {
        memcpy(t->p + t->n, s, n);
    }
    t->n += n;
    t->p[t->n] = '\0';
}

/* All of s or nothing. */
static inline void text_whole(struct text *t, const char *s, size_t n)
{
    if (!text_room(t, n)) {
        t->cut = true;
        return;
    }
    text_put(t, s, n);
}

void text_add_n(struct text *t, const char *s, size_t n)
{
    if (n <= t->max - t->n || t->cut) {
        text_whole(t, s, n);
        return;
    }
    /* What fits, without half a code point at its end. */
    size_t fits = t->max - t->n;
    while (fits && ((unsigned char)s[fits] & 0xc0) == 0x80) {
        fits--;
    }
    text_whole(t, s, fits);
    t->cut = true;
}

char *text_make_room(struct text *t, size_t n)
{
    if (!text_room(t, n)) {
        t->cut = true;
        return NULL;
    }
    return t->p + t->n;
}

void text_uint(struct text *t, uint64_t v)
{
    char digits[20]; /* of 2^64 */
    char *p = digits + sizeof digits;
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    text_whole(t, p, (size_t)(digits + sizeof digits - p));
}

void text_fmt(struct text *t, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_list again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        t->cut = true;
    } else if ((size_t)n < sizeof small) {
        text_add_n(t, small, (size_t)n);
    } else {
        char *big = malloc((size_t)n + 1);
        if (big) {
            vsnprintf(big, (size_t)n + 1, fmt, again);
            text_add_n(t, big, (size_t)n);
            free(big);
        } else {
            t->cut = true;
        }
    }
    va_end(again);
}

/* ---- UTF-8 ------------------------------------------------------------- */

size_t utf8_decode(struct span s, uint32_t *cp)
{
    struct cursor c = cursor_open(s);
    uint8_t lead = cursor_u8(&c, "lead byte");
    if (!cursor_ok(&c)) {
        return 0;
    }
    if (lead < 0x80) {
        *cp = lead;
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    size_t n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t v = lead & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        uint8_t b = cursor_u8(&c, "continuation byte");
        if (!cursor_ok(&c) || (b & 0xc0) != 0x80) {
            return 0;
        }
        v = v << 6 | (b & 0x3fu);
    }
    bool overlong = (n == 3 && v < 0x800) || (n == 4 && v < 0x10000);
    bool surrogate = v >= 0xd800 && v <= 0xdfff;
    if (overlong || surrogate || v > 0x10ffff) {
        return 0;
    }
    *cp = v;
    return n;
}

/*
 * Code points that a reader cannot see or that reorder what he sees: controls,
 * bidi controls (UAX #9), line separators, invisible formatting, tags. The
 * joiners U+200C and U+200D stay: scripts need them.
 */
static bool is_hidden(uint32_t cp)
{
    if (cp < 0x2000) {
        return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0xad ||
               cp == 0x61c;
    }
    return cp == 0x200b || cp == 0x200e || cp == 0x200f ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) ||
           cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) ||
           (cp & 0xfffe) == 0xfffe || (cp >= 0xe0000 && cp <= 0xe0fff);
}

/* ---- escapes ----------------------------------------------------------- */

/* Sixteen bytes at a time, in whatever registers the machine has. */
typedef uint8_t sixteen __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

/* Whether all of v is printable ASCII without `a` and `b`. */
static inline bool is_plain(sixteen v, char a, char b)
{
    halves odd =
        (halves)((sixteen)(v - 0x20 > 0x7e - 0x20) |
                 (sixteen)(v == (uint8_t)a) | (sixteen)(v == (uint8_t)b));
    return (odd[0] | odd[1]) == 0;
}

static inline bool is_plain_byte(uint8_t c, char a, char b)
{
    return c >= 0x20 && c < 0x7f && c != (uint8_t)a && c != (uint8_t)b;
}

/* How many bytes at the front of s are printable ASCII without `a` and `b`. */
static size_t plain_run(struct span s, char a, char b)
{
    size_t i = 0;
    sixteen v;
    for (; s.n - i >= sizeof v; i += sizeof v) {
        memcpy(&v, s.p + i, sizeof v);
        if (!is_plain(v, a, b)) {
            break;
        }
    }
    if (i > 0 && s.n - i < sizeof v) { /* the last ones overlap others */
        memcpy(&v, s.p + s.n - sizeof v, sizeof v);
        if (is_plain(v, a, b)) {
            return s.n;
        }
    }
    while (i < s.n && is_plain_byte(s.p[i], a, b)) {
        i++;
    }
    return i;
}

/* Copies the plain run at the front of *s and removes it from *s. */
static void take_plain(struct text *t, struct span *s, char a, char b)
{
    size_t run = plain_run(*s, a, b);
    if (run) {
        text_add_n(t, (const char *)s->p, run);
        *s = span_sub(*s, run, s->n);
    }
}

static void json_u16(struct text *t, unsigned v)
{
    char buf[8];
    int n = snprintf(buf, sizeof buf, "\\u%04x", v & 0xffff);
    text_whole(t, buf, (size_t)n);
}

static void json_point(struct text *t, uint32_t cp)
{
    static const char short_form[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (cp == '"' || cp == '\\') {
        text_whole(t, (const char[]){'\\', (char)cp}, 2);
    } else if (cp < 0x20 && short_form[cp]) {
        text_whole(t, (const char[]){'\\', short_form[cp]}, 2);
    } else if (cp < 0x10000) {
        json_u16(t, cp);
    } else {
        char pair[16];
        int n = snprintf(pair, sizeof pair, "\\u%04x\\u%04x",
                         (unsigned)(0xd800 + ((cp - 0x10000) >> 10)),
                         (unsigned)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
        text_whole(t, pair, (size_t)n);
    }
}

size_t text_json_plain(struct span s)
{
    return plain_run(s, '"', '\\');
}

void text_json(struct text *t, struct span s)
{
    for (;;) {
        take_plain(t, &s, '"', '\\');
        if (!s.n || t->cut) {
            return;
        }
        uint32_t cp = 0;
        size_t n = utf8_decode(s, &cp);
        if (n == 0) {
            json_u16(t, 0xfffd);
            n = 1;
        } else if (n == 1 || is_hidden(cp)) {
            json_point(t, cp);
        } else {
            text_whole(t, (const char *)s.p, n);
        }
        s = span_sub(s, n, s.n);
    }
}

void text_term(struct text *t, struct span s)
{
    for (;;) {
        take_plain(t, &s, '\0', '\0');
        if (!s.n || t->cut) {
            return;
        }
        uint32_t cp = 0;
        char buf[16];
        size_t n = utf8_decode(s, &cp);
        if (n < 2) {
            int len = snprintf(buf, sizeof buf, "\\x%02x", (unsigned)*s.p);
            text_whole(t, buf, (size_t)len);
            n = 1;
        } else if (is_hidden(cp)) {
            int len = snprintf(buf, sizeof buf, "\\u{%04x}", (unsigned)cp);
            text_whole(t, buf, (size_t)len);
        } else {
            text_whole(t, (const char *)s.p, n);
        }
        s = span_sub(s, n, s.n);
    }
}

/* Whether a byte means itself in every POSIX shell, unquoted, anywhere in a
 * word (POSIX.1-2017 XCU 2.2). */
static bool is_shell_safe(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
           (b >= '0' && b <= '9') ||
           (b && b < 0x80 && strchr("_@%+=:,./-", b) != NULL);
}

static bool is_shell_word(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_shell_safe(s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

static void shell_inside(struct text *t, struct span s)
{
    for (;;) {
        take_plain(t, &s, '\'', '\'');
        if (!s.n || t->cut) {
            return;
        }
        uint32_t cp = 0;
        size_t n = utf8_decode(s, &cp);
        if (n == 1 && cp == '\'') {
            text_whole(t, "'\\''", 4);
        } else if (n > 1 && !is_hidden(cp)) {
            text_whole(t, (const char *)s.p, n);
        }
        s = span_sub(s, n ? n : 1, s.n);
    }
}

void text_shell(struct text *t, struct span s)
{
    if (is_shell_word(s)) {
        text_add_n(t, (const char *)s.p, s.n);
        return;
    }
    text_char(t, '\'');
    shell_inside(t, s);
    text_char(t, '\'');
}

/* ---- time -------------------------------------------------------------- */

/* Year, month and day of a day number since 1970-01-01 in the proleptic
 * Gregorian calendar, by counting from a first of March. */
static void civil_date(int64_t day, int *y, int *m, int *d)
{
    int64_t z = day + 719468; /* since 0000-03-01 */
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year_of_era =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year =
        of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    *d = (int)(of_year - (153 * month + 2) / 5 + 1);
    *m = (int)(month < 10 ? month + 3 : month - 9);
    *y = (int)(year_of_era + era * 400 + (*m <= 2));
}

/* v with exactly `width` digits, and the character that follows. */
static char *put_digits(char *to, int64_t v, size_t width, char next)
{
    for (size_t i = width; i-- > 0; v /= 10) {
        to[i] = (char)('0' + v % 10);
    }
    to[width] = next;
    return to + width + 1;
}

/* "2026-11-25T12:34:56." of a second since 1970. */
#define SECOND_BYTES (sizeof "2026-11-25T12:34:56." - 1)

static void put_second(char to[SECOND_BYTES], int64_t sec)
{
    int64_t day = sec / 86400;
    int64_t of_day = sec % 86400;
    if (of_day < 0) {
        of_day += 86400;
        day--;
    }
    int y;
    int m;
    int d;
    civil_date(day, &y, &m, &d);
    /* 64 bits of nanoseconds end in the year 2262. */
    to = put_digits(to, y, 4, '-');
    to = put_digits(to, m, 2, '-');
    to = put_digits(to, d, 2, 'T');
    to = put_digits(to, of_day / 3600, 2, ':');
    to = put_digits(to, of_day / 60 % 60, 2, ':');
    put_digits(to, of_day % 60, 2, '.');
}

void text_time(struct text *t, tick_t when)
{
    /* Times that are written one after the other are close. */
    static _Thread_local struct {
        int64_t sec;
        char text[SECOND_BYTES];
    } last;
    int64_t sec = when / TICK_SEC;
    int64_t nsec = when % TICK_SEC;
    if (nsec < 0) {
        nsec += TICK_SEC;
        sec--;
    }
    if (last.sec != sec || !last.text[0]) {
        put_second(last.text, sec);
        last.sec = sec;
    }
    char buf[32];
    memcpy(buf, last.text, SECOND_BYTES);
    char *end = put_digits(buf + SECOND_BYTES, nsec / TICK_USEC, 6, 'Z');
    text_whole(t, buf, (size_t)(end - buf));
}
