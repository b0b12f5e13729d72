/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: a head with the place of the first message that is not forgotten,
 * then messages, each with its lengths and a checksum. Its end is found by
 * walking from message to message, so that a torn last one is left out.
 */
#include "config.h"

#include "send/spill.h"

#include "base/limits.h"
#include "send/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define HEAD_BYTES   64u
#define BUFFER_BYTES ((size_t)256 * 1024)
#define READ_BYTES   ((size_t)1024 * 1024)
#define WRITE_BYTES  ((size_t)1024 * 1024)

_Static_assert(READ_BYTES >= ENTRY_BYTES_MAX && WRITE_BYTES >= ENTRY_BYTES_MAX,
               "a message is read and written at once");
_Static_assert(HEAD_BYTES % ENTRY_ALIGN == 0, "messages are aligned");

/* The digit is the form's: it changes with struct entry and entry_sum(). */
static const char magic[8] = "tlswhy2\n";

struct head {
    char magic[8];
    uint64_t first;
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
    uint64_t in_at;     /* what was read ahead */
    size_t in_n;
    char in[READ_BYTES];
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
           entry_is_plausible(&e) && at + entry_bytes(&e) <= size) {
        at += entry_bytes(&e);
        s->count++;
    }
    s->end = at;
}

static bool load(struct spill *s, char error[256])
{
    struct stat st;
    struct head h = {0};
    if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(error, 256, "%.200s: not a file", s->path);
        return false;
    }
    s->first = s->end = HEAD_BYTES;
    if (st.st_size > 0) {
        if (!read_at(s->fd, 0, &h, sizeof h) ||
            memcmp(h.magic, magic, sizeof magic) != 0) {
            snprintf(error, 256, "%.180s: not a file of kept records%s",
                     s->path,
                     memcmp(h.magic, magic, 6) == 0 ? " of this version" : "");
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

/* What the file has already is free for it. */
static uint64_t default_bytes(int fd, uint64_t has)
{
    struct statvfs v;
    uint64_t most = LIMIT_SEND_SPILL_BYTES;
    if (fstatvfs(fd, &v) == 0) {
        uint64_t half = ((uint64_t)v.f_bavail * v.f_frsize + has) / 2;
        most = half < most ? half : most;
    }
    return most;
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
    if (!s->max_bytes) {
        s->max_bytes = default_bytes(s->fd, s->end);
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

/* Behind the end. What is written of it when that fails must not be found by
 * the next run: these messages are elsewhere, too. */
static bool add(struct spill *s, const void *data, size_t n)
{
    if (!write_at(s->fd, s->end, data, n)) {
        (void)!ftruncate(s->fd, (off_t)s->end);
        return false;
    }
    s->end += n;
    return true;
}

bool spill_flush(struct spill *s)
{
    if (s->buffered == 0) {
        return true;
    }
    if (!add(s, s->buffer, s->buffered)) {
        return false;
    }
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
    s->in_n = 0;
    return ftruncate(s->fd, (off_t)s->end) == 0;
}

/* How many bytes there are for more, at least `need`; 0: not so many. */
static uint64_t room(struct spill *s, size_t need)
{
    if (s->end + s->buffered + need > s->max_bytes && !compact(s)) {
        return 0;
    }
    uint64_t end = s->end + s->buffered;
    return end + need <= s->max_bytes ? s->max_bytes - end : 0;
}

bool spill_append(struct spill *s, const struct message *m)
{
    size_t body = (size_t)m->key_n + m->record_n;
    const struct entry e = {ENTRY_MARK, m->key_n, m->record_n,
                            entry_sum(m->data, body)};
    size_t need = entry_bytes(&e);
    if (!entry_is_plausible(&e) || !room(s, need) ||
        (s->buffered + need > BUFFER_BYTES && !spill_flush(s))) {
        return false;
    }
    if (need > BUFFER_BYTES) {
        static const char zeros[ENTRY_ALIGN];
        uint64_t at = s->end + sizeof e;
        if (!write_at(s->fd, at, m->data, body) ||
            !write_at(s->fd, at + body, zeros, need - sizeof e - body) ||
            !write_at(s->fd, s->end, &e, sizeof e)) {
            return false;
        }
        s->end += need;
    } else {
        char *p = s->buffer + s->buffered;
        memset(p + need - ENTRY_ALIGN, 0, ENTRY_ALIGN);
        memcpy(p, &e, sizeof e);
        memcpy(p + sizeof e, m->data, body);
        s->buffered += need;
        s->unwritten++;
    }
    s->count++;
    return true;
}

size_t spill_append_many(struct spill *s, char *entries, size_t n,
                         uint64_t *count)
{
    struct entry e;
    size_t done = 0;
    *count = 0;
    memcpy(&e, entries, sizeof e);
    uint64_t most = room(s, entry_bytes(&e));
    if (n > most || n > WRITE_BYTES) {
        n = (size_t)(most < WRITE_BYTES ? most : WRITE_BYTES);
    }
    while (n - done >= sizeof e) {
        char *p = entries + done;
        memcpy(&e, p, sizeof e);
        if (!entry_is_plausible(&e) || entry_bytes(&e) > n - done) {
            break;
        }
        e.sum = entry_sum(p + sizeof e, (size_t)e.key_n + e.record_n);
        memcpy(p, &e, sizeof e);
        done += entry_bytes(&e);
        ++*count;
    }
    if (done == 0 || !spill_flush(s) || !add(s, entries, done)) {
        return 0;
    }
    s->count += *count;
    return done;
}

/* ---- reading ---- */

/* The file cannot be followed from here on. */
static void cut_off(struct spill *s)
{
    s->damaged += s->count - s->read;
    s->count = s->read;
    s->end = s->at;
}

/* n bytes from `at` on, out of what is read ahead; NULL: there are not so many,
 * or the file cannot be read. */
static const char *bytes_at(struct spill *s, uint64_t at, size_t n)
{
    if (at < s->in_at || at + n > s->in_at + s->in_n) {
        uint64_t left = s->end - at;
        s->in_n = 0;
        size_t k = left < READ_BYTES ? (size_t)left : READ_BYTES;
        if (k < n || !read_at(s->fd, at, s->in, k)) {
            return NULL;
        }
        s->in_at = at;
        s->in_n = k;
    }
    return s->in + (at - s->in_at);
}

struct message *spill_next(struct spill *s)
{
    struct entry e;
    if (!spill_flush(s)) {
        return NULL;
    }
    while (s->at < s->end) {
        s->last = s->at;
        const char *p = bytes_at(s, s->at, sizeof e);
        if (p) {
            memcpy(&e, p, sizeof e);
        }
        if (!p || !entry_is_plausible(&e)) {
            cut_off(s);
            return NULL;
        }
        p = bytes_at(s, s->at, entry_bytes(&e));
        if (!p) {
            cut_off(s);
            return NULL;
        }
        struct message *m = message_new(p + sizeof e, e.key_n,
                                        p + sizeof e + e.key_n, e.record_n);
        if (!m) {
            return NULL;
        }
        s->at += entry_bytes(&e);
        s->read++;
        if (entry_sum(m->data, (size_t)e.key_n + e.record_n) == e.sum) {
            m->replayed = true;
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
        s->in_n = 0;
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
