/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parsers of single TLS messages share: clamped vectors, lists of
 * code points and of byte strings, and the walk over an extension block.
 *
 * A clamped vector whose length field promises more than there is yields what
 * is there and fails the cursor it was read from. So a damaged or cut message
 * still gives up everything in front of the damage.
 */
#ifndef DISSECTORS_TLS_READ_H
#define DISSECTORS_TLS_READ_H

#include "base/arena.h"
#include "base/span.h"
#include "handshake/handshake.h"

/* The next n bytes of c, or what is left of it (c then fails with why). */
struct cursor tls_clamp(struct cursor *c, size_t n, const char *why);

/* Vectors with a length prefix of 1, 2 or 3 bytes, clamped. */
struct cursor tls_vec8(struct cursor *c, const char *why);
struct cursor tls_vec16(struct cursor *c, const char *why);
struct cursor tls_vec24(struct cursor *c, const char *why);

/* A clamped vector's bytes as they are. */
struct span tls_bytes8(struct cursor *c, const char *why);

/* A clamped vector of 16-bit code points; an odd byte at its end fails c. */
struct u16_list tls_u16_vec8(struct arena *a, struct cursor *c,
                             const char *why);
struct u16_list tls_u16_vec16(struct arena *a, struct cursor *c,
                              const char *why);

/* A clamped vector (16-bit length) of byte strings, each with a length prefix
 * of `width` bytes (1 or 2). A string that does not fit fails c. */
struct span_list tls_span_vec16(struct arena *a, struct cursor *c,
                                unsigned width, const char *why);

/*
 * One extension of a message: parse() reads the body into `out`, the message's
 * own struct. `name` stands for the field when the body has bytes left over.
 */
struct tls_extension {
    uint16_t type;
    const char *name;
    void (*parse)(void *out, struct arena *a, struct cursor *body);
};

/*
 * Reads the extension block (RFC 8446 section 4.2) of a message: its length
 * field, then one extension after the other. The rows say which of them are
 * read; all types go to *types, in order. Of a repeated extension the first
 * one counts. Returns NULL, or the first thing that was wrong. At most 64
 * rows.
 */
const char *tls_extensions(struct cursor *c, const struct tls_extension *rows,
                           size_t rows_n, void *out, struct arena *a,
                           struct u16_list *types);

/* For extensions that have no body, or none that matters. */
void tls_skip_body(struct cursor *body);

/* Drafts of TLS 1.3 before 22: their ServerHello has neither session ID nor
 * compression method. */
bool tls_is_early_draft(uint16_t version);

#endif
