/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue of messages in a file, for the time a destination is away.
 *
 * Messages are appended, read in order, and forgotten once they were delivered;
 * an empty file is made short again. A named file keeps them over a restart:
 * what was written before a crash of the process is there, what was not
 * forgotten yet is read again. It is this machine's own (byte order, and one
 * process at a time).
 */
#ifndef SEND_SPILL_H
#define SEND_SPILL_H

#include "send/destination.h"

#include <sys/types.h>

struct spill;

/*
 * Opens NAME in the directory, or without a directory an unnamed file that is
 * gone with the process. `max_bytes` bounds the file; 0: LIMIT_SEND_SPILL_BYTES
 * and half of what is free there. On failure NULL and one line in error[].
 */
struct spill *spill_open(const char *directory, const char *name,
                         uint64_t max_bytes, char error[256]);
void spill_free(struct spill *s);

/* Another process has it now: closes the file here, its name stays known. */
void spill_leave(struct spill *s);

/* Makes the file another user's. */
bool spill_give(const struct spill *s, uid_t uid, gid_t gid);

/* False when it is full or cannot be written. */
bool spill_append(struct spill *s, const struct message *m);
/*
 * Appends entries as they lie in memory (send/entry.h), n bytes of which the
 * first entry is whole and good; how many bytes of whole entries were taken,
 * and their number. Their sums are set in place. 0: full, or cannot be written.
 */
size_t spill_append_many(struct spill *s, char *entries, size_t n,
                         uint64_t *count);
/* Writes what is buffered. */
bool spill_flush(struct spill *s);

/* The next message that was not read, or NULL; the caller frees it. */
struct message *spill_next(struct spill *s);
/* Takes back the last spill_next(). */
void spill_unread(struct spill *s);
/* All that were read are delivered, or appended anew: forgets them. */
void spill_forget(struct spill *s);
/* Reads again from the first that was not forgotten. */
void spill_rewind(struct spill *s);

/* Messages in it. */
uint64_t spill_count(const struct spill *s);
/* Of these, not in the file yet. */
uint64_t spill_unwritten(const struct spill *s);
/* Messages that could not be read any more, damaged. */
uint64_t spill_damaged(const struct spill *s);
/* NULL: unnamed. */
const char *spill_path(const struct spill *s);
int spill_file(const struct spill *s);

#endif
