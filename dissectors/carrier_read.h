/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carriers have in common: lines and messages out of a byte stream, words
 * of a line, replies of three digits.
 */
#ifndef DISSECTORS_CARRIER_READ_H
#define DISSECTORS_CARRIER_READ_H

#include "dissectors/dissector.h"

/* ---- lines and messages ---- */

/* Reads up to and with `end`. True when that completes a unit, which is then in
 * *unit without `end` (cut at CARRIER_BUFFER_BYTES) until the next call. */
bool carrier_until(struct carrier_buffer *b, struct cursor *c, uint8_t end,
                   struct span *unit);
/* The same for lines; a CR at the end is taken off. */
bool carrier_line(struct carrier_buffer *b, struct cursor *c,
                  struct span *line);
/* Reads until the message in the making has n bytes, and no further. True when
 * it has; *message are all of them. n beyond CARRIER_BUFFER_BYTES never is. */
bool carrier_fill(struct carrier_buffer *b, struct cursor *c, size_t n,
                  struct span *message);
/* The message in the making is done with. */
void carrier_clear(struct carrier_buffer *b);
/* Whether a unit is begun and not complete. */
bool carrier_pending(const struct carrier_buffer *b);
/* Passes over bytes that side[side]'s message still has. True when some are
 * left to come. */
bool carrier_pass(struct carrier *s, enum side side, struct cursor *c);

/* ---- words ---- */

/* Letters of either case; FIT_MORE while s is a beginning of word. */
enum carrier_fit carrier_prefix(struct span s, const char *word);
/* The best fit of several words, the last one NULL. */
enum carrier_fit carrier_prefixes(struct span s, const char *const *words);
bool carrier_begins(struct span s, const char *word);
/* Whether line is this command, alone or with arguments. */
bool carrier_command(struct span line, const char *word);
bool carrier_has(struct span s, const char *word);
/* The same, but not as part of a longer word: replies quote names. */
bool carrier_has_word(struct span s, const char *word);
/* The n-th word of a line, from 0, split at blanks. */
struct span carrier_word(struct span line, unsigned n);
/* A number in decimal digits; UINT32_MAX when it is none. */
uint32_t carrier_number(struct span digits);

/* ---- replies ---- */

/* The code of a reply (RFC 5321 section 4.2, RFC 959 section 4.2) when `line`
 * ends one; 0 for the lines before its last, and for what is no reply. */
unsigned carrier_reply(struct carrier *s, struct span line);
/* Notes that a request for TLS was sent: its answer comes after those owed. */
enum carrier_step carrier_ask(struct carrier *s);
/* A reply came. True when it answers the request for TLS. */
bool carrier_answered(struct carrier *s);

/* The server will not go on without TLS, which was not asked for: its words. */
void carrier_demand(struct carrier *s, struct span line);

/* ---- evidence ---- */

void carrier_note(struct carrier *s, struct span line);
void carrier_note_text(struct carrier *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Appended to the note. */
void carrier_note_more(struct carrier *s, const char *text);
void carrier_target(struct carrier *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Notes what a command of the client, which does not ask for TLS, says of its
 * intentions. `idle`: commands that make no use of the protocol; of them the
 * first one, `QUIT` or the like, ends it. */
void carrier_other(struct carrier *s, struct span command,
                   const char *const *idle);

/* Feeds a protocol of lines in which the client asks with one command and every
 * command gets one answer: takes a line, and hands the server's to reply(). For
 * `idle` see carrier_other(). */
enum carrier_step
carrier_lines(struct carrier *s, enum side side, struct cursor *c,
              const char *command, const char *const *idle,
              enum carrier_step (*reply)(struct carrier *, struct span));

#endif
