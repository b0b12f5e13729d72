/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: a head with the place of the first message that is not forgotten,
 * then messages, each with its lengths and a checksum. Its end is found by
 * walking from message to message, so that a torn last one is left out.
 */
#include "config.h"

#include "send/spill.h"

#include "base/hash.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES   64u
#define BUFFER_BYTES (256u * 1024)
#define MARK         0x5350494cu

static const char magic[8] = "tlswhy1\n";

struct head {
    char magic[8];
    uint64_t first;
};

struct entry {
    uint32_t mark, key_n, record_n, sum;
};

struct spill {
    int fd;
    char *path; /* NULL: unnamed */
    uint64_t max_bytes;
    uint64_t first; /* not forgotten */
    uint64_t at;    /* to be read next */
    uint64_t last;  /* read last */
    uint64_t end;   /* of what is written */
    uint64_t count; /* from `first` on, with the buffer */
    uint64_t read;  /* of these were read */
    uint64_t damaged;
    size_t buffered;    /* bytes */
    uint64_t unwritten; /* messages in them */
    char buffer[BUFFER_BYTES];
};

struct message *message_new(const void *key, size_t key_n, const void *record,
                            size_t record_n)
{
    struct message *m = malloc(sizeof *m + key_n + record_n);
    if (m) {
        *m = (struct message){.key_n = (uint32_t)key_n,
                              .record_n = (uint32_t)record_n};
        memcpy(m->data, key, key_n);
        memcpy(m->data + key_n, record, record_n);
    }
    return m;
}

/* ---- bytes ---- */

static bool write_at(int fd, uint64_t at, const void *data, size_t n)
{
    const char *p = data;
    while (n > 0) {
        ssize_t k = pwrite(fd, p, n, (off_t)at);
        if (k <= 0) {
            if (k < 0 && errno == EINTR) {
                continue;
            }
            return false;
        }
        p += k;
        at += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}

static bool read_at(int fd, uint64_t at, void *data, size_t n)
{
    char *p = data;
    while (n > 0) {
        ssize_t k = pread(fd, p, n, (off_t)at);
        if (k <= 0) {
            if (k < 0 && errno == EINTR) {
                continue;
            }
            return false;
        }
        p += k;
        at += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}

/* Against torn writes, not against forgers. */
static uint32_t checksum(const char *p, size_t n)
{
    static const struct hash_seed none = {MARK, MARK};
    return (uint32_t)hash_bytes(&none, span_of(p, n));
}

static bool plausible(const struct entry *e)
{
    return e->mark == MARK && e->key_n <= LIMIT_SEND_KEY_BYTES &&
           e->record_n <= LIMIT_SEND_RECORD_BYTES;
}

static bool write_head(const struct spill *s)
{
    struct head h = {.first = s->first};
    memcpy(h.magic, magic, sizeof magic);
    return write_at(s->fd, 0, &h, sizeof h);
}

/* ---- opening ---- */

/* Where the messages end that are whole; counts them. */
static void walk(struct spill *s, uint64_t size)
{
    struct entry e;
    uint64_t at = s->first;
    while (at + sizeof e <= size && read_at(s->fd, at, &e, sizeof e) &&
           plausible(&e) && at + sizeof e + e.key_n + e.record_n <= size) {
        at += sizeof e + e.key_n + e.record_n;
        s->count++;
    }
    s->end = at;
}

static bool load(struct spill *s, char error[256])
{
    struct stat st;
    struct head h;
    if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(error, 256, "%.200s: not a file", s->path);
        return false;
    }
    s->first = s->end = HEAD_BYTES;
    if (st.st_size > 0) {
        if (!read_at(s->fd, 0, &h, sizeof h) ||
            memcmp(h.magic, magic, sizeof magic) != 0) {
            snprintf(error, 256, "%.180s: not a file of kept records", s->path);
            return false;
        }
        if (h.first >= HEAD_BYTES && h.first <= (uint64_t)st.st_size) {
            s->first = h.first;
            walk(s, (uint64_t)st.st_size);
        }
    }
    s->at = s->last = s->first;
    if (!write_head(s) || ftruncate(s->fd, (off_t)s->end) != 0) {
        snprintf(error, 256, "%.180s: %s", s->path ? s->path : "kept records",
                 strerror(errno));
        return false;
    }
    return true;
}

static int open_unnamed(void)
{
    const char *places[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
    int fd = -1;
    for (size_t i = 0; i < sizeof places / sizeof *places && fd < 0; i++) {
        if (places[i]) {
            fd = open(places[i], O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
        }
    }
    return fd;
}

static bool open_named(struct spill *s, const char *directory, const char *name,
                       char error[256])
{
    if (asprintf(&s->path, "%s/%s", directory, name) < 0) {
        s->path = NULL;
        snprintf(error, 256, "out of memory");
        return false;
    }
    s->fd = open(s->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        snprintf(error, 256, "%.180s: %s", s->path, strerror(errno));
        return false;
    }
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error, 256, "%.180s: used by another tlswhy", s->path);
        return false;
    }
    return true;
}

struct spill *spill_open(const char *directory, const char *name,
                         uint64_t max_bytes, char error[256])
{
    struct spill *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    s->fd = -1;
    s->max_bytes = max_bytes;
    bool ok;
    if (directory) {
        ok = open_named(s, directory, name, error);
    } else {
        s->fd = open_unnamed();
        ok = s->fd >= 0;
        if (!ok) {
            snprintf(error, 256, "no place for a temporary file: %s",
                     strerror(errno));
        }
    }
    if (!ok || !load(s, error)) {
        spill_free(s);
        return NULL;
    }
    return s;
}

void spill_leave(struct spill *s)
{
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->fd = -1;
}

void spill_free(struct spill *s)
{
    if (s) {
        spill_leave(s);
        free(s->path);
        free(s);
    }
}

bool spill_give(const struct spill *s, uid_t uid, gid_t gid)
{
    return fchown(s->fd, uid, gid) == 0;
}

/* ---- writing ---- */

bool spill_flush(struct spill *s)
{
    if (s->buffered == 0) {
        return true;
    }
    if (!write_at(s->fd, s->end, s->buffer, s->buffered)) {
        return false; /* what was written of it counts for nothing */
    }
    s->end += s->buffered;
    s->buffered = 0;
    s->unwritten = 0;
    return true;
}

/* Moves what is left to the front, when it fits there: the old place is whole
 * until the head names the new one. */
static bool compact(struct spill *s)
{
    uint64_t left = s->end - s->first;
    uint64_t shift = s->first - HEAD_BYTES;
    if (shift < left || left == 0 || !spill_flush(s)) {
        return false;
    }
    left = s->end - s->first;
    char block[64 * 1024];
    if (shift < left) {
        return false;
    }
    for (uint64_t done = 0; done < left;) {
        size_t n =
            left - done < sizeof block ? (size_t)(left - done) : sizeof block;
        if (!read_at(s->fd, s->first + done, block, n) ||
            !write_at(s->fd, HEAD_BYTES + done, block, n)) {
            return false;
        }
        done += n;
    }
    uint64_t first = s->first;
    s->first = HEAD_BYTES;
    if (!write_head(s)) {
        s->first = first;
        return false;
    }
    s->at -= shift;
    s->last -= shift;
    s->end -= shift;
    return ftruncate(s->fd, (off_t)s->end) == 0;
}

bool spill_append(struct spill *s, const struct message *m)
{
    size_t body = (size_t)m->key_n + m->record_n;
    struct entry e = {MARK, m->key_n, m->record_n, checksum(m->data, body)};
    size_t need = sizeof e + body;
    if (!plausible(&e)) {
        return false;
    }
    if (s->end + s->buffered + need > s->max_bytes &&
        (!compact(s) || s->end + need > s->max_bytes)) {
        return false;
    }
    if (s->buffered + need > BUFFER_BYTES && !spill_flush(s)) {
        return false;
    }
    if (need > BUFFER_BYTES) {
        if (!write_at(s->fd, s->end + sizeof e, m->data, body) ||
            !write_at(s->fd, s->end, &e, sizeof e)) {
            return false;
        }
        s->end += need;
    } else {
        memcpy(s->buffer + s->buffered, &e, sizeof e);
        memcpy(s->buffer + s->buffered + sizeof e, m->data, body);
        s->buffered += need;
        s->unwritten++;
    }
    s->count++;
    return true;
}

/* ---- reading ---- */

/* The file cannot be followed from here on. */
static void cut_off(struct spill *s)
{
    s->damaged += s->count - s->read;
    s->count = s->read;
    s->end = s->at;
}

struct message *spill_next(struct spill *s)
{
    struct entry e;
    if (!spill_flush(s)) {
        return NULL;
    }
    while (s->at < s->end) {
        s->last = s->at;
        if (!read_at(s->fd, s->at, &e, sizeof e) || !plausible(&e)) {
            cut_off(s);
            return NULL;
        }
        size_t body = (size_t)e.key_n + e.record_n;
        struct message *m = malloc(sizeof *m + body);
        if (!m || !read_at(s->fd, s->at + sizeof e, m->data, body)) {
            free(m);
            return NULL;
        }
        s->at += sizeof e + body;
        s->read++;
        if (checksum(m->data, body) == e.sum) {
            m->next = NULL;
            m->replayed = true;
            m->key_n = e.key_n;
            m->record_n = e.record_n;
            return m;
        }
        s->damaged++;
        free(m);
    }
    return NULL;
}

void spill_unread(struct spill *s)
{
    if (s->at != s->last) {
        s->at = s->last;
        s->read--;
    }
}

void spill_forget(struct spill *s)
{
    s->first = s->at;
    s->count -= s->read;
    s->read = 0;
    if (s->first == s->end && s->buffered == 0) {
        s->first = s->at = s->last = s->end = HEAD_BYTES;
        (void)!ftruncate(s->fd, HEAD_BYTES);
    }
    (void)!write_head(s);
}

void spill_rewind(struct spill *s)
{
    s->at = s->last = s->first;
    s->read = 0;
}

/* ---- facts ---- */

uint64_t spill_count(const struct spill *s)
{
    return s->count;
}

uint64_t spill_unwritten(const struct spill *s)
{
    return s->unwritten;
}

uint64_t spill_damaged(const struct spill *s)
{
    return s->damaged;
}

const char *spill_path(const struct spill *s)
{
    return s->path;
}

int spill_file(const struct spill *s)
{
    return s->fd;
}
