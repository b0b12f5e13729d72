/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common parts of carriers: bounded lines and messages in any
 * segmentation, words without regard to case, replies of three digits (RFC 5321
 * section 4.2.1, RFC 959 section 4.2), and the count of replies that are owed
 * where commands are pipelined (RFC 2920).
 */
#include "dissectors/carrier_read.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- lines and messages ---- */

void carrier_clear(struct carrier_buffer *b)
{
    b->n = 0;
    b->complete = false;
}

bool carrier_pending(const struct carrier_buffer *b)
{
    return b->n > 0 && !b->complete;
}

bool carrier_until(struct carrier_buffer *b, struct cursor *c, uint8_t end,
                   struct span *unit)
{
    if (b->complete) {
        carrier_clear(b);
    }
    while (cursor_left(c)) {
        uint8_t byte = cursor_u8(c, "line");
        if (byte == end) {
            b->complete = true;
            *unit = span_of(b->bytes, b->n);
            return true;
        }
        if (b->n < sizeof b->bytes) {
            b->bytes[b->n++] = byte;
        }
    }
    return false;
}

bool carrier_line(struct carrier_buffer *b, struct cursor *c, struct span *line)
{
    if (!carrier_until(b, c, '\n', line)) {
        return false;
    }
    if (line->n && b->bytes[line->n - 1] == '\r') {
        line->n--;
    }
    return true;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool carrier_fill(struct carrier_buffer *b, struct cursor *c, size_t n,
                  struct span *message)
{
    if (b->complete) {
        carrier_clear(b);
    }
    size_t room = sizeof b->bytes - b->n;
    size_t missing = n > b->n ? smaller(n - b->n, room) : 0;
    struct span part =
        cursor_take(c, smaller(missing, cursor_left(c)), "message");
    if (part.n) {
        memcpy(b->bytes + b->n, part.p, part.n);
        b->n = (uint16_t)(b->n + part.n);
    }
    *message = span_of(b->bytes, b->n);
    return b->n >= n;
}

bool carrier_pass(struct carrier *s, enum side side, struct cursor *c)
{
    size_t n = smaller(s->left[side], cursor_left(c));
    cursor_skip(c, n, "message");
    s->left[side] -= (uint32_t)n;
    return s->left[side] > 0;
}

/* ---- words ---- */

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c + 'A' - 'a') : c;
}

enum carrier_fit carrier_prefix(struct span s, const char *word)
{
    struct cursor c = cursor_open(s);
    for (; *word; word++) {
        if (cursor_left(&c) == 0) {
            return FIT_MORE;
        }
        if (upper(cursor_u8(&c, "word")) != upper((uint8_t)*word)) {
            return FIT_NO;
        }
    }
    return FIT_YES;
}

enum carrier_fit carrier_prefixes(struct span s, const char *const *words)
{
    enum carrier_fit best = FIT_NO;
    for (; *words; words++) {
        enum carrier_fit fit = carrier_prefix(s, *words);
        best = fit > best ? fit : best;
    }
    return best;
}

bool carrier_begins(struct span s, const char *word)
{
    return carrier_prefix(s, word) == FIT_YES;
}

bool carrier_command(struct span line, const char *word)
{
    size_t n = strlen(word);
    if (!carrier_begins(line, word)) {
        return false;
    }
    struct cursor c = cursor_open(span_sub(line, n, 1));
    uint8_t next = cursor_u8(&c, "blank");
    return !cursor_ok(&c) || next == ' ' || next == '\t';
}

bool carrier_has(struct span s, const char *word)
{
    size_t n = strlen(word);
    for (size_t at = 0; at + n <= s.n; at++) {
        if (carrier_begins(span_sub(s, at, n), word)) {
            return true;
        }
    }
    return false;
}

static bool is_letter(struct span s, size_t at)
{
    uint8_t c = at < s.n ? upper(s.p[at]) : 0;
    return c >= 'A' && c <= 'Z';
}

bool carrier_has_word(struct span s, const char *word)
{
    size_t n = strlen(word);
    for (size_t at = 0; at + n <= s.n; at++) {
        bool apart =
            (at == 0 || !is_letter(s, at - 1)) && !is_letter(s, at + n);
        if (apart && carrier_begins(span_sub(s, at, n), word)) {
            return true;
        }
    }
    return false;
}

struct span carrier_word(struct span line, unsigned n)
{
    struct cursor c = cursor_open(line);
    for (unsigned i = 0;; i++) {
        while (cursor_left(&c) && cursor_peek(&c) == ' ') {
            cursor_skip(&c, 1, "blank");
        }
        size_t from = cursor_offset(&c);
        while (cursor_left(&c) && cursor_peek(&c) != ' ') {
            cursor_skip(&c, 1, "word");
        }
        size_t to = cursor_offset(&c);
        if (i == n || from == to) {
            return span_sub(line, from, i == n ? to - from : 0);
        }
    }
}

uint32_t carrier_number(struct span digits)
{
    struct cursor c = cursor_open(digits);
    uint32_t v = 0;
    for (size_t i = 0; i < digits.n; i++) {
        uint8_t d = cursor_u8(&c, "digit");
        if (d < '0' || d > '9' || i >= 9) {
            return UINT32_MAX;
        }
        v = v * 10 + (d - (uint32_t)'0');
    }
    return digits.n ? v : UINT32_MAX;
}

/* ---- replies ---- */

unsigned carrier_reply(struct carrier *s, struct span line)
{
    uint32_t code = carrier_number(span_sub(line, 0, 3));
    struct cursor c = cursor_open(span_sub(line, 3, 1));
    uint8_t after = cursor_left(&c) ? cursor_u8(&c, "separator") : ' ';
    if (line.n < 3 || code < 100 || code > 699) {
        return 0;
    }
    if (after == '-') {
        s->multi = s->multi ? s->multi : (uint16_t)code;
        return 0;
    }
    if (after != ' ' || (s->multi && s->multi != code)) {
        return 0;
    }
    s->multi = 0;
    return code;
}

enum carrier_step carrier_ask(struct carrier *s)
{
    s->ahead = s->owed;
    s->owed++;
    s->asked = true;
    s->note[0] = '\0';
    return CARRIER_ASKED;
}

bool carrier_answered(struct carrier *s)
{
    if (s->owed) {
        s->owed--;
    }
    if (!s->asked) {
        return false;
    }
    if (s->ahead) {
        s->ahead--;
        return false;
    }
    s->asked = false;
    return true;
}

void carrier_demand(struct carrier *s, struct span line)
{
    if (!s->asked) {
        s->demands = true;
        carrier_note(s, line);
    }
}

/* ---- evidence ---- */

void carrier_note(struct carrier *s, struct span line)
{
    while (line.n && carrier_word(span_sub(line, 0, 1), 0).n == 0) {
        line = span_sub(line, 1, line.n);
    }
    size_t n = line.n < sizeof s->note ? line.n : sizeof s->note - 1;
    if (n) {
        memcpy(s->note, line.p, n);
    }
    s->note[n] = '\0';
}

void carrier_note_text(struct carrier *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->note, sizeof s->note, fmt, ap);
    va_end(ap);
}

void carrier_note_more(struct carrier *s, const char *text)
{
    size_t n = strlen(s->note);
    snprintf(s->note + n, sizeof s->note - n, "%s", text);
}

void carrier_target(struct carrier *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->target, sizeof s->target, fmt, ap);
    va_end(ap);
}

void carrier_other(struct carrier *s, struct span command,
                   const char *const *idle)
{
    if (carrier_command(command, idle[0])) {
        s->leaving = true;
        return;
    }
    for (idle++; *idle; idle++) {
        if (carrier_command(command, *idle)) {
            return;
        }
    }
    s->moved_on = true;
}

enum carrier_step
carrier_lines(struct carrier *s, enum side side, struct cursor *c,
              const char *command, const char *const *idle,
              enum carrier_step (*reply)(struct carrier *, struct span))
{
    struct span line;
    if (!carrier_line(&s->buf[side], c, &line)) {
        return CARRIER_GO_ON;
    }
    if (side == SIDE_SERVER) {
        return reply(s, line);
    }
    if (carrier_command(line, command)) {
        return carrier_ask(s);
    }
    carrier_other(s, line, idle);
    s->owed++;
    return CARRIER_GO_ON;
}
