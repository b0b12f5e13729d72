/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed bytes, and the one bounded reader that every parser uses.
 *
 * A span is a pointer and a length; it owns nothing. A cursor reads a span and
 * is sticky: after the first read that does not fit, every further read yields
 * 0 (or an empty span), cursor_left() is 0, `why` names the field that was cut
 * and cursor_offset() says where. A parser therefore reads like the RFC's
 * structure and checks once at its end.
 *
 * Only this header indexes bytes that came from the network.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *p;
    size_t n;
};

struct cursor {
    const uint8_t *base; /* where offsets count from */
    const uint8_t *p;    /* next byte */
    const uint8_t *end;  /* one past the last byte */
    const char *why;     /* NULL, or the field that did not fit */
};

static inline struct span span_of(const void *p, size_t n)
{
    return (struct span){(const uint8_t *)p, n};
}

static inline struct span span_text(const char *s)
{
    return span_of(s, strlen(s));
}

/* The part of s from offset at, at most n bytes; empty when it lies outside. */
static inline struct span span_sub(struct span s, size_t at, size_t n)
{
    if (at > s.n) {
        at = s.n;
    }
    if (n > s.n - at) {
        n = s.n - at;
    }
    return (struct span){s.n ? s.p + at : s.p, n};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_starts(struct span s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

/*
 * Numbers in network order at a fixed place of a header; 0 outside of s. Behind
 * one check of s.n for the whole header the compiler leaves these checks out.
 */
static inline uint8_t span_u8(struct span s, size_t at)
{
    return at < s.n ? s.p[at] : 0;
}

static inline uint16_t span_u16(struct span s, size_t at)
{
    if (s.n < 2 || at > s.n - 2) {
        return 0;
    }
    return (uint16_t)(s.p[at] << 8 | s.p[at + 1]);
}

static inline uint32_t span_u32(struct span s, size_t at)
{
    if (s.n < 4 || at > s.n - 4) {
        return 0;
    }
    return (uint32_t)s.p[at] << 24 | (uint32_t)s.p[at + 1] << 16 |
           (uint32_t)s.p[at + 2] << 8 | (uint32_t)s.p[at + 3];
}

static inline struct cursor cursor_open(struct span s)
{
    return (struct cursor){s.p, s.p, s.n ? s.p + s.n : s.p, NULL};
}

static inline bool cursor_ok(const struct cursor *c)
{
    return c->why == NULL;
}

static inline size_t cursor_left(const struct cursor *c)
{
    return c->why ? 0 : (size_t)(c->end - c->p);
}

static inline size_t cursor_offset(const struct cursor *c)
{
    return (size_t)(c->p - c->base);
}

/* Everything was read, and nothing failed. */
static inline bool cursor_done(const struct cursor *c)
{
    return c->why == NULL && c->p == c->end;
}

static inline void cursor_fail(struct cursor *c, const char *why)
{
    if (!c->why) {
        c->why = why;
    }
}

static inline bool cursor_need(struct cursor *c, size_t n, const char *why)
{
    if (c->why) {
        return false;
    }
    if ((size_t)(c->end - c->p) < n) {
        c->why = why;
        return false;
    }
    return true;
}

static inline uint8_t cursor_u8(struct cursor *c, const char *why)
{
    if (!cursor_need(c, 1, why)) {
        return 0;
    }
    return *c->p++;
}

static inline uint16_t cursor_u16(struct cursor *c, const char *why)
{
    if (!cursor_need(c, 2, why)) {
        return 0;
    }
    uint16_t v = (uint16_t)(c->p[0] << 8 | c->p[1]);
    c->p += 2;
    return v;
}

static inline uint32_t cursor_u24(struct cursor *c, const char *why)
{
    if (!cursor_need(c, 3, why)) {
        return 0;
    }
    uint32_t v =
        (uint32_t)c->p[0] << 16 | (uint32_t)c->p[1] << 8 | (uint32_t)c->p[2];
    c->p += 3;
    return v;
}

static inline uint32_t cursor_u32(struct cursor *c, const char *why)
{
    if (!cursor_need(c, 4, why)) {
        return 0;
    }
    uint32_t v = (uint32_t)c->p[0] << 24 | (uint32_t)c->p[1] << 16 |
                 (uint32_t)c->p[2] << 8 | (uint32_t)c->p[3];
    c->p += 4;
    return v;
}

static inline uint64_t cursor_u64(struct cursor *c, const char *why)
{
    uint64_t hi = cursor_u32(c, why);
    uint64_t lo = cursor_u32(c, why);
    return hi << 32 | lo;
}

/* n of them; zeros when they do not fit. */
static inline void cursor_u16s(struct cursor *c, uint16_t *to, size_t n,
                               const char *why)
{
    if (!cursor_need(c, 2 * n, why)) {
        memset(to, 0, n * sizeof *to);
        return;
    }
    const uint8_t *p = c->p;
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint16_t)(p[2 * i] << 8 | p[2 * i + 1]);
    }
    c->p += 2 * n;
}

/* Little-endian readers, for capture files and link headers. */
static inline uint16_t cursor_le16(struct cursor *c, const char *why)
{
    uint16_t v = cursor_u16(c, why);
    return (uint16_t)(v >> 8 | v << 8);
}

static inline uint32_t cursor_le32(struct cursor *c, const char *why)
{
    return __builtin_bswap32(cursor_u32(c, why));
}

/* The next byte without consuming it; 0 at the end (no failure). */
static inline uint8_t cursor_peek(const struct cursor *c)
{
    return cursor_left(c) ? *c->p : 0;
}

static inline void cursor_skip(struct cursor *c, size_t n, const char *why)
{
    if (cursor_need(c, n, why)) {
        c->p += n;
    }
}

/* The next n bytes as a span; empty after a failure. */
static inline struct span cursor_take(struct cursor *c, size_t n,
                                      const char *why)
{
    if (!cursor_need(c, n, why)) {
        return (struct span){c->end, 0};
    }
    struct span s = {c->p, n};
    c->p += n;
    return s;
}

/* All that is left, consumed. */
static inline struct span cursor_rest(struct cursor *c)
{
    return cursor_take(c, cursor_left(c), "rest");
}

/*
 * The next n bytes as a child cursor that cannot see outside them. A child of
 * a failed cursor carries the failure.
 */
static inline struct cursor cursor_child(struct cursor *c, size_t n,
                                         const char *why)
{
    struct span s = cursor_take(c, n, why);
    return (struct cursor){c->base, s.p, s.n ? s.p + s.n : s.p, c->why};
}

/* Length-prefixed vectors (RFC 8446 section 3.4). */
static inline struct cursor cursor_vec8(struct cursor *c, const char *why)
{
    size_t n = cursor_u8(c, why);
    return cursor_child(c, n, why);
}

static inline struct cursor cursor_vec16(struct cursor *c, const char *why)
{
    size_t n = cursor_u16(c, why);
    return cursor_child(c, n, why);
}

static inline struct cursor cursor_vec24(struct cursor *c, const char *why)
{
    size_t n = cursor_u24(c, why);
    return cursor_child(c, n, why);
}

#endif
