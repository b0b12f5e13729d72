/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data of the HTML report: JSON values, each written once and named by its
 * number from then on, and rows of numbers that refer to them. Everything is
 * written in a form that is safe inside an HTML script element.
 */
#ifndef REPORT_HTML_MODEL_H
#define REPORT_HTML_MODEL_H

#include "report/json_write.h"
#include "report/report.h"

struct html_values;

/* NULL when memory is out. */
struct html_values *html_values_new(void);
void html_values_free(struct html_values *v);

/* Appends JSON so that HTML can't see markup in it: `<`, `>`, `&`, U+2028 and
 * U+2029 become \uNNNN. They occur in JSON's strings only. */
void html_safe(struct text *out, struct span json);

/* Where values go: to `out` at their first use, followed by a comma. */
struct html_writer {
    struct html_values *values;
    struct text *out;
    unsigned items; /* longest list */
};

/* The number of a JSON value that is no list. Numbers begin at 1. */
uint64_t html_value(struct html_writer *w, struct span json);
/* The same of a string; 0 for NULL and for an empty one. */
uint64_t html_span(struct html_writer *w, struct span s);
uint64_t html_str(struct html_writer *w, const char *s);

/* An object that is put together to become a value of its own. */
struct html_part {
    struct text t;
    struct json j;
    size_t at;
};
void html_part_begin(struct html_part *p, const struct html_writer *w);
/* Its number; 0 when it is empty or too large. */
uint64_t html_part_end(struct html_part *p, struct html_writer *w);

/* The name of a code point, or its number; nothing for UNSEEN_U16. */
void html_code(struct json *j, const char *key, const char *name,
               uint16_t code);

/* Adds an object with everything that is told about a failure: the timeline,
 * both offers, certificates, the verdict. */
void html_details(struct html_writer *w, struct json *j,
                  const struct record *r);

#endif
