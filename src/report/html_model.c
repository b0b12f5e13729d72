/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the HTML report. Known ones are told by two keyed hashes of 64 bits
 * each, so no text is kept; when the table is full it is forgotten, and values
 * that come again get a new number: memory stays bounded, the report right.
 */
#include "report/html_model.h"

#include "report/fields.h"

#include "base/hash.h"

#include <stdlib.h>

#define SLOTS      131072u /* a power of two */
#define USED_MAX   (SLOTS / 4 * 3)
#define PART_BYTES (64u * 1024)

struct slot {
    uint64_t a, b;
    uint64_t number; /* 0: free */
};

struct html_values {
    struct hash_seed a, b;
    struct slot slots[SLOTS];
    unsigned used;
    uint64_t last; /* number given */
};

struct html_values *html_values_new(void)
{
    struct html_values *v = calloc(1, sizeof *v);
    if (v) {
        v->a = hash_seed_random();
        v->b = hash_seed_random();
    }
    return v;
}

void html_values_free(struct html_values *v)
{
    free(v);
}

static bool is_markup(struct span s, size_t *n)
{
    uint32_t cp;
    const struct cursor c = cursor_open(s);
    uint8_t first = cursor_peek(&c);
    *n = 1;
    if (first == '<' || first == '>' || first == '&') {
        return true;
    }
    if (first != 0xe2) {
        return false;
    }
    *n = utf8_decode(s, &cp);
    if (*n != 3 || (cp != 0x2028 && cp != 0x2029)) {
        *n = 1;
        return false;
    }
    return true;
}

void html_safe(struct text *out, struct span json)
{
    size_t plain = 0;
    for (size_t i = 0; i < json.n;) {
        size_t n;
        struct span rest = span_sub(json, i, json.n - i);
        if (!is_markup(rest, &n)) {
            i++;
            continue;
        }
        uint32_t cp = 0;
        utf8_decode(rest, &cp);
        text_add_n(out, (const char *)json.p + plain, i - plain);
        text_fmt(out, "\\u%04x", (unsigned)cp);
        i += n;
        plain = i;
    }
    text_add_n(out, (const char *)json.p + plain, json.n - plain);
}

/* The slot of a value, free when it is new. */
static struct slot *find(struct html_values *v, struct span json)
{
    uint64_t a = hash_bytes(&v->a, json);
    uint64_t b = hash_bytes(&v->b, json);
    size_t at = a & (SLOTS - 1);
    while (v->slots[at].number &&
           (v->slots[at].a != a || v->slots[at].b != b)) {
        at = (at + 1) & (SLOTS - 1);
    }
    v->slots[at].a = a;
    v->slots[at].b = b;
    return &v->slots[at];
}

uint64_t html_value(struct html_writer *w, struct span json)
{
    struct html_values *v = w->values;
    if (v->used >= USED_MAX) {
        memset(v->slots, 0, sizeof v->slots);
        v->used = 0;
    }
    struct slot *slot = find(v, json);
    if (!slot->number) {
        slot->number = ++v->last;
        v->used++;
        html_safe(w->out, json);
        text_add(w->out, ",\n");
    }
    return slot->number;
}

uint64_t html_span(struct html_writer *w, struct span s)
{
    if (!s.n) {
        return 0;
    }
    struct text t;
    text_init(&t, 6 * s.n + 2); /* every byte as \u00NN */
    text_char(&t, '"');
    text_json(&t, s);
    text_char(&t, '"');
    uint64_t number = t.cut ? 0 : html_value(w, span_of(text_str(&t), t.n));
    text_free(&t);
    return number;
}

uint64_t html_str(struct html_writer *w, const char *s)
{
    return s ? html_span(w, span_text(s)) : 0;
}

void html_part_begin(struct html_part *p, const struct html_writer *w)
{
    text_init(&p->t, PART_BYTES);
    p->j = (struct json){.t = &p->t, .items = w->items};
    p->at = json_object(&p->j, NULL);
}

uint64_t html_part_end(struct html_part *p, struct html_writer *w)
{
    json_object_end(&p->j, p->at);
    uint64_t number = 0;
    if (!p->t.cut && p->t.n) {
        number = html_value(w, span_of(text_str(&p->t), p->t.n));
    }
    text_free(&p->t);
    return number;
}

void html_code(struct json *j, const char *key, const char *name, uint16_t code)
{
    if (code != UNSEEN_U16) {
        json_open_str(j, key);
        text_code(j->t, name, code);
        json_close_str(j);
    }
}
