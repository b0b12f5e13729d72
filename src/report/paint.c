/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping, labels and colours (ECMA-48 SGR) for text output. */
#include "config.h" /* _GNU_SOURCE: wcwidth() */

#include "report/paint.h"

#include <wchar.h>

#define WIDTH_DEFAULT 80u
#define WIDTH_MIN     40u
#define LABEL_INDENT  2u
#define LABEL_COLUMNS 10u

/* One paragraph; longer ones are cut. */
#define PARAGRAPH_BYTES (32u * 1024)

void paint_init(struct paint *p, struct text *out,
                const struct report_options *o)
{
    unsigned width = o->width ? o->width : WIDTH_DEFAULT;
    *p = (struct paint){
        .out = out, .o = o, .width = width < WIDTH_MIN ? WIDTH_MIN : width};
}

/* The bytes of the first character and the columns it takes: two for the wide
 * ones of East Asia, none for accents that join the letter before. */
static size_t character(struct span s, unsigned *columns)
{
    uint32_t cp = 0;
    size_t n = utf8_decode(s, &cp);
    *columns = 1;
    if (n == 0) {
        return 1;
    }
    if (cp >= 0x80) {
        int width = wcwidth((wchar_t)cp);
        *columns = width < 0 ? 1 : (unsigned)width;
    }
    return n;
}

unsigned text_columns(struct span s)
{
    unsigned n = 0;
    while (s.n) {
        unsigned columns;
        size_t bytes = character(s, &columns);
        n += columns;
        s = span_sub(s, bytes, s.n - bytes);
    }
    return n;
}

/* What the terminal can show of s: without Unicode, other characters than
 * ASCII's by their numbers. */
static void add_safe(const struct paint *p, struct text *out, struct span s)
{
    if (p->o->unicode) {
        text_term(out, s);
        return;
    }
    struct text t;
    text_init(&t, PARAGRAPH_BYTES);
    text_term(&t, s);
    struct span rest = span_of(text_str(&t), t.n);
    while (rest.n) {
        uint32_t cp = 0;
        size_t n = utf8_decode(rest, &cp);
        if (n > 1) {
            text_fmt(out, "\\u{%x}", (unsigned)cp);
        } else {
            n = 1;
            text_add_n(out, (const char *)rest.p, 1);
        }
        rest = span_sub(rest, n, rest.n - n);
    }
    text_free(&t);
}

const char *paint_sign(const struct report_options *o, const char *unicode,
                       const char *ascii)
{
    return o->unicode ? unicode : ascii;
}

static void paint_spaces(struct paint *p, unsigned column)
{
    while (p->col < column) {
        text_char(p->out, ' ');
        p->col++;
    }
}

void paint_newline(struct paint *p)
{
    if (p->col) {
        text_char(p->out, '\n');
        p->col = 0;
    }
}

void paint_line(struct paint *p, unsigned indent)
{
    paint_newline(p);
    paint_spaces(p, indent);
    p->indent = indent;
}

/* Colours are closed before a line's end and opened again behind it. */
static void paint_on(struct paint *p, enum paint_colour colour)
{
    static const char *const codes[] = {
        [PAINT_PLAIN] = "",        [PAINT_BAD] = "\033[1;31m",
        [PAINT_GOOD] = "\033[32m", [PAINT_WARN] = "\033[33m",
        [PAINT_DIM] = "\033[2m",
    };
    if (p->o->colour) {
        text_add(p->out, codes[colour]);
    }
}

static void paint_off(struct paint *p, enum paint_colour colour)
{
    if (p->o->colour && colour != PAINT_PLAIN) {
        text_add(p->out, "\033[0m");
    }
}

void paint_label(struct paint *p, const char *label)
{
    paint_line(p, LABEL_INDENT);
    if (label) {
        paint_on(p, PAINT_DIM);
        text_add(p->out, label);
        paint_off(p, PAINT_DIM);
        p->col += text_columns(span_text(label));
    }
    paint_spaces(p, LABEL_INDENT + LABEL_COLUMNS);
    p->indent = LABEL_INDENT + LABEL_COLUMNS;
}

static void paint_break(struct paint *p, enum paint_colour colour)
{
    paint_off(p, colour);
    paint_line(p, p->indent);
    paint_on(p, colour);
}

/* How much of a word that is longer than a line stands on one: up to the last
 * sign that joins names in the second half of it, else all that fits. */
static size_t piece_of(struct span word, unsigned room)
{
    size_t fits = 0;
    size_t joint = 0;
    unsigned used = 0;
    while (fits < word.n) {
        unsigned columns;
        struct span rest = span_sub(word, fits, word.n - fits);
        size_t n = character(rest, &columns);
        if (used + columns > room) {
            break;
        }
        const struct cursor c = cursor_open(rest);
        used += columns;
        fits += n;
        if (used > room / 2 && strchr(".,:;/=&?_", cursor_peek(&c))) {
            joint = fits;
        }
    }
    return joint ? joint : fits;
}

static void paint_word(struct paint *p, enum paint_colour colour,
                       struct span word)
{
    unsigned columns = text_columns(word);
    bool first = p->col <= p->indent;
    if (!first && p->col + 1 + columns > p->width) {
        paint_break(p, colour);
        first = true;
    }
    while (first && !p->whole_words && p->indent + columns > p->width) {
        size_t n = piece_of(word, p->width - p->indent);
        if (n == 0 || n >= word.n) {
            break;
        }
        text_add_n(p->out, (const char *)word.p, n);
        p->col = p->width;
        paint_break(p, colour);
        word = span_sub(word, n, word.n - n);
        columns = text_columns(word);
    }
    if (!first) {
        text_char(p->out, ' ');
        p->col++;
    }
    text_add_n(p->out, (const char *)word.p, word.n);
    p->col += columns;
}

/* The next word of *s, without the spaces around it; empty at the end. */
static struct span next_word(struct span *s)
{
    struct cursor c = cursor_open(*s);
    while (cursor_left(&c) && cursor_peek(&c) == ' ') {
        cursor_skip(&c, 1, "space");
    }
    struct span from = cursor_rest(&(struct cursor){c.base, c.p, c.end, c.why});
    while (cursor_left(&c) && cursor_peek(&c) != ' ') {
        cursor_skip(&c, 1, "letter");
    }
    struct span word = span_sub(from, 0, from.n - cursor_left(&c));
    *s = cursor_rest(&c);
    return word;
}

void paint_words(struct paint *p, enum paint_colour colour, struct span s)
{
    struct text safe;
    text_init(&safe, PARAGRAPH_BYTES);
    add_safe(p, &safe, s);
    struct span rest = span_of(text_str(&safe), safe.n);
    paint_on(p, colour);
    for (struct span word = next_word(&rest); word.n; word = next_word(&rest)) {
        paint_word(p, colour, word);
    }
    paint_off(p, colour);
    text_free(&safe);
}

void paint_str(struct paint *p, enum paint_colour colour, const char *s)
{
    paint_words(p, colour, span_text(s));
}

void paint_verbatim(struct paint *p, struct span s)
{
    size_t before = p->out->n;
    add_safe(p, p->out, s);
    if (p->out->n > before) {
        p->col += text_columns(
            span_of(text_str(p->out) + before, p->out->n - before));
    }
}
