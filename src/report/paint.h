/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paragraphs for a terminal: words wrapped at a width with a hanging indent,
 * labels in a column of their own, colours when they are wanted.
 *
 * Words that are longer than a line are broken behind a sign that joins names.
 * Where the locale has no Unicode the output is ASCII.
 */
#ifndef REPORT_PAINT_H
#define REPORT_PAINT_H

#include "report/report.h"

enum paint_colour { PAINT_PLAIN, PAINT_BAD, PAINT_GOOD, PAINT_WARN, PAINT_DIM };

/* Where the pen is. */
struct paint {
    struct text *out;
    const struct report_options *o;
    unsigned width;  /* columns */
    unsigned indent; /* of the lines that follow */
    unsigned col;
    bool whole_words; /* long ones run over the edge, as what is copied must */
};

void paint_init(struct paint *p, struct text *out,
                const struct report_options *o);

/* Ends the line, if one was begun. */
void paint_newline(struct paint *p);

/* A new line that starts at column `indent`; more lines hang there. */
void paint_line(struct paint *p, unsigned indent);

/* A new line with a dim label; text follows, and hangs, behind it. NULL: the
 * same indent without a label. */
void paint_label(struct paint *p, const char *label);

/* Words of raw text, escaped for the terminal. Runs of spaces become one. */
void paint_words(struct paint *p, enum paint_colour colour, struct span s);
void paint_str(struct paint *p, enum paint_colour colour, const char *s);

/* The same without wrapping, for what is to be copied. */
void paint_verbatim(struct paint *p, struct span s);

/* The text in Unicode or in ASCII, as the terminal can show it. */
const char *paint_sign(const struct report_options *o, const char *unicode,
                       const char *ascii);

/* Columns that UTF-8 text takes. */
unsigned text_columns(struct span s);

#endif
