/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of TLS connections as their endpoints log them: the format of
 * SSLKEYLOGFILE (draft-ietf-tls-keylogfile), from a file that may still grow,
 * or from a capture. Looked up by the client random.
 *
 * Knows nothing of TLS beyond that format. Secrets are erased when they are
 * forgotten; they are never printed.
 *
 * Several threads may poll, add and look up.
 */
#ifndef KEYS_KEYLOG_H
#define KEYS_KEYLOG_H

#include "base/span.h"

#define KEYLOG_RANDOM_BYTES 32u
#define KEYLOG_SECRET_MAX   48u /* SHA-384, and the master secret */
#define KEYLOG_ERROR_BYTES  128u

/* Secrets kept at once, when the caller names no number: about 200 MB. */
#define KEYLOG_SECRETS_DEFAULT (2u * 1024 * 1024)

enum keylog_label {
    KEYLOG_MASTER, /* CLIENT_RANDOM: the master secret of TLS <= 1.2 */
    KEYLOG_CLIENT_EARLY,
    KEYLOG_CLIENT_HANDSHAKE,
    KEYLOG_SERVER_HANDSHAKE,
    KEYLOG_CLIENT_TRAFFIC, /* the first application traffic secret */
    KEYLOG_SERVER_TRAFFIC,
    KEYLOG_LABEL_COUNT
};

struct keylog_secret {
    uint8_t n;
    uint8_t bytes[KEYLOG_SECRET_MAX];
};

struct keylog_stats {
    uint64_t lines;
    uint64_t secrets;   /* lines that were stored */
    uint64_t repeated;  /* said before, word for word */
    uint64_t replaced;  /* said before, otherwise: the newer one counts */
    uint64_t ignored;   /* well-formed, of a kind that is not used */
    uint64_t malformed; /* the first of them stood in line malformed_line */
    uint64_t malformed_line;
    uint64_t forgotten; /* the oldest, to make room */
};

struct keylog;

/* An empty store for at most `secrets_max` secrets (0: the default); over that
 * the oldest go. NULL when memory is out. */
struct keylog *keylog_new(uint32_t secrets_max);
void keylog_free(struct keylog *k);

/*
 * Reads a regular file or a pipe. Without `follow` up to its end. With `follow`
 * what is there now, and the rest with keylog_poll(); the file need not exist
 * yet, may be truncated and may be replaced. False and one line without the
 * file's name in error[] when it cannot be read. One file per store.
 */
bool keylog_open(struct keylog *k, const char *path, bool follow,
                 char error[KEYLOG_ERROR_BYTES]);

/* Reads what the followed file has gained. */
void keylog_poll(struct keylog *k);

/* Adds text in the same format, whole lines (a Decryption Secrets Block). */
void keylog_add(struct keylog *k, struct span text);

/* The newest secret of that kind for a client random; the caller erases it. */
bool keylog_find(struct keylog *k, struct span random, enum keylog_label label,
                 struct keylog_secret *out);

/* Whether any secret of that client random is there. */
bool keylog_knows(struct keylog *k, struct span random);

/* Secrets may still come, other than from a followed file: a capture that is
 * being read may bring them. Or, with false, no more. */
void keylog_expect(struct keylog *k, bool more);

/* Whether more secrets may come. */
bool keylog_may_grow(const struct keylog *k);

/* Whether there are secrets, or may be some later. */
bool keylog_in_use(const struct keylog *k);

/* Not while another thread adds or polls. */
void keylog_stats(const struct keylog *k, struct keylog_stats *out);

#endif
