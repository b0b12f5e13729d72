/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers that the parsers of TLS messages share (RFC 8446 sections 3.4 and
 * 4.2). They know the shape of vectors and extension blocks, not what an
 * extension means.
 */
#include "dissectors/tls_read.h"

struct cursor tls_clamp(struct cursor *c, size_t n, const char *why)
{
    size_t left = cursor_left(c);
    if (n <= left) {
        return cursor_child(c, n, why);
    }
    struct cursor child = cursor_child(c, left, why);
    cursor_fail(c, why);
    return child;
}

struct cursor tls_vec8(struct cursor *c, const char *why)
{
    size_t n = cursor_u8(c, why);
    return tls_clamp(c, n, why);
}

struct cursor tls_vec16(struct cursor *c, const char *why)
{
    size_t n = cursor_u16(c, why);
    return tls_clamp(c, n, why);
}

struct cursor tls_vec24(struct cursor *c, const char *why)
{
    size_t n = cursor_u24(c, why);
    return tls_clamp(c, n, why);
}

struct span tls_bytes8(struct cursor *c, const char *why)
{
    struct cursor v = tls_vec8(c, why);
    return cursor_rest(&v);
}

static struct u16_list read_u16s(struct arena *a, struct cursor *c,
                                 struct cursor list, const char *why)
{
    struct u16_list out = {.seen = cursor_ok(&list)};
    size_t n = cursor_left(&list) / 2;
    uint16_t *v = n ? arena_room(a, n * sizeof *v) : NULL;
    if (v) {
        cursor_u16s(&list, v, n, why);
        out.v = v;
        out.n = (uint16_t)n;
        if (!cursor_done(&list)) {
            cursor_fail(c, why);
        }
    } else if (cursor_left(&list) == 1) {
        cursor_fail(c, why);
    }
    return out;
}

struct u16_list tls_u16_vec8(struct arena *a, struct cursor *c, const char *why)
{
    struct cursor list = tls_vec8(c, why);
    return read_u16s(a, c, list, why);
}

struct u16_list tls_u16_vec16(struct arena *a, struct cursor *c,
                              const char *why)
{
    struct cursor list = tls_vec16(c, why);
    return read_u16s(a, c, list, why);
}

static struct span next_string(struct cursor *list, unsigned width,
                               const char *why)
{
    size_t n = width == 1 ? cursor_u8(list, why) : cursor_u16(list, why);
    return cursor_take(list, n, why);
}

struct span_list tls_span_vec16(struct arena *a, struct cursor *c,
                                unsigned width, const char *why)
{
    struct cursor list = tls_vec16(c, why);
    struct span_list out = {.seen = cursor_ok(&list)};
    struct cursor count = list;
    size_t n = 0;
    while (cursor_left(&count)) {
        next_string(&count, width, why);
        n += cursor_ok(&count);
    }
    if (!cursor_ok(&count)) {
        cursor_fail(c, why);
    }
    struct span *v = n ? arena_alloc(a, n * sizeof *v) : NULL;
    if (!v) {
        return out;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = next_string(&list, width, why);
    }
    out.v = v;
    out.n = (uint16_t)n; /* a 16-bit vector holds at most 65535 of them */
    return out;
}

/* ---- extension blocks ------------------------------------------------- */

/* Types of extensions that were met while a block was read; a block with more
 * of them is walked once again. */
struct met {
    uint16_t types[64];
    size_t n;
};

static void meet(struct met *m, uint16_t type)
{
    if (m->n < sizeof m->types / sizeof m->types[0]) {
        m->types[m->n] = type;
    }
    m->n++;
}

static void list_types(struct cursor block, struct arena *a,
                       const struct met *m, struct u16_list *types)
{
    uint16_t *v = m->n ? arena_room(a, m->n * sizeof *v) : NULL;
    if (v && m->n <= sizeof m->types / sizeof m->types[0]) {
        memcpy(v, m->types, m->n * sizeof *v);
    } else {
        for (size_t i = 0; v && i < m->n; i++) {
            v[i] = cursor_u16(&block, "extensions");
            tls_vec16(&block, "extensions");
        }
    }
    types->v = v;
    types->n = v ? (uint16_t)m->n : 0;
}

static size_t find_row(const struct tls_extension *rows, size_t n,
                       uint16_t type)
{
    size_t i = 0;
    while (i < n && rows[i].type != type) {
        i++;
    }
    return i;
}

static const char *parse_row(const struct tls_extension *row, void *out,
                             struct arena *a, struct cursor body)
{
    row->parse(out, a, &body);
    if (body.why) {
        return body.why;
    }
    return cursor_left(&body) ? row->name : NULL;
}

const char *tls_extensions(struct cursor *c, const struct tls_extension *rows,
                           size_t rows_n, void *out, struct arena *a,
                           struct u16_list *types)
{
    struct cursor block = tls_vec16(c, "extensions");
    const struct cursor whole = block;
    struct met met;
    met.n = 0;
    uint64_t done = 0; /* bit i: row i was read */
    const char *why = NULL;

    types->seen = cursor_ok(&block);
    while (cursor_left(&block)) {
        uint16_t type = cursor_u16(&block, "extensions");
        if (cursor_ok(&block)) {
            meet(&met, type);
        }
        struct cursor body = tls_vec16(&block, "extensions");
        size_t i = find_row(rows, rows_n, type);
        if (i == rows_n || !cursor_ok(&body)) {
            continue;
        }
        const char *trouble = "repeated extension";
        if (!(done >> i & 1)) {
            trouble = parse_row(&rows[i], out, a, body);
        }
        done |= UINT64_C(1) << i;
        why = why ? why : trouble;
    }
    list_types(whole, a, &met, types);
    return why ? why : block.why;
}

void tls_skip_body(struct cursor *body)
{
    cursor_skip(body, cursor_left(body), "extensions");
}

/* ---- versions ----------------------------------------------------------- */

bool tls_is_early_draft(uint16_t version)
{
    return version >> 8 == 0x7f && (version & 0xff) < 22;
}
