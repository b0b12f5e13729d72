/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store behind keylog.h: a ring of secrets in blocks (so that growing moves
 * none), and a hash over their client randoms with a random seed.
 *
 * A line is `LABEL CLIENT-RANDOM SECRET`, both in hex
 * (draft-ietf-tls-keylogfile section 2). Comments, empty lines and the labels
 * of other uses are passed over, everything else is counted as malformed. The
 * old RSA lines (an encrypted premaster secret) are not used.
 */
#include "keys/keylog.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SECRETS 1024u
#define LINE_BYTES    512u /* the longest line of use has 200 characters */
#define READ_BYTES    (64u * 1024)
#define NOTHING       UINT32_MAX

struct slot {
    uint32_t next; /* in the same bucket, older; NOTHING ends */
    uint8_t label; /* enum keylog_label */
    uint8_t n;
    uint8_t random[KEYLOG_RANDOM_BYTES];
    uint8_t secret[KEYLOG_SECRET_MAX];
};

/* What was read of a line. */
struct line {
    char text[LINE_BYTES];
    uint32_t n;
    bool too_long;
};

struct keylog {
    pthread_mutex_t lock;             /* of all the rest */
    atomic_bool has_secrets, expects; /* read without the lock */
    struct hash_seed seed;
    struct slot **blocks; /* max / BLOCK_SECRETS of them; NULL: not yet */
    uint32_t max;
    uint32_t used; /* slots in use, the ring is full at max */
    uint32_t at;   /* where the next one goes */
    uint32_t *buckets;
    uint32_t buckets_n; /* a power of two */
    struct keylog_stats stats;
    char *path; /* of the followed file */
    int fd;     /* -1: closed */
    bool follow;
    dev_t device;
    ino_t inode;
    off_t offset;
    struct line line;
};

/* ---- ring and hash ---- */

static struct slot *slot_at(const struct keylog *k, uint32_t i)
{
    return &k->blocks[i / BLOCK_SECRETS][i % BLOCK_SECRETS];
}

static uint32_t *bucket_of(const struct keylog *k, struct span random)
{
    uint64_t h = hash_bytes(&k->seed, random);
    return &k->buckets[h & (k->buckets_n - 1)];
}

static struct span random_of(const struct slot *s)
{
    return span_of(s->random, sizeof s->random);
}

static bool buckets_grow(struct keylog *k)
{
    uint32_t n = k->buckets_n ? k->buckets_n * 2 : BLOCK_SECRETS;
    uint32_t *v = malloc(n * sizeof *v);
    if (!v) {
        return k->buckets_n > 0; /* longer chains will do */
    }
    memset(v, 0xff, n * sizeof *v);
    free(k->buckets);
    k->buckets = v;
    k->buckets_n = n;
    /* From the oldest to the newest, so that the newest comes first. */
    for (uint32_t i = 0; i < k->used; i++) {
        uint32_t index = k->used < k->max ? i : (k->at + i) % k->max;
        struct slot *s = slot_at(k, index);
        uint32_t *b = bucket_of(k, random_of(s));
        s->next = *b;
        *b = index;
    }
    return true;
}

static void forget(struct keylog *k, uint32_t index)
{
    struct slot *s = slot_at(k, index);
    uint32_t *link = bucket_of(k, random_of(s));
    while (*link != NOTHING && *link != index) {
        link = &slot_at(k, *link)->next;
    }
    if (*link == index) {
        *link = s->next;
    }
    OPENSSL_cleanse(s, sizeof *s);
    k->stats.forgotten++;
}

/* Room for one more; NULL when memory is out. */
static struct slot *take_slot(struct keylog *k, uint32_t *index)
{
    if (k->used >= k->buckets_n && k->used < k->max && !buckets_grow(k)) {
        return NULL;
    }
    uint32_t i = k->at;
    struct slot **block = &k->blocks[i / BLOCK_SECRETS];
    if (!*block) {
        *block = calloc(BLOCK_SECRETS, sizeof **block);
        if (!*block) {
            return NULL;
        }
    }
    if (k->used == k->max) {
        forget(k, i);
    } else {
        k->used++;
    }
    k->at = i + 1 == k->max ? 0 : i + 1;
    *index = i;
    return slot_at(k, i);
}

static struct slot *find(const struct keylog *k, struct span random,
                         enum keylog_label label)
{
    if (!k->buckets_n || random.n != KEYLOG_RANDOM_BYTES) {
        return NULL;
    }
    for (uint32_t i = *bucket_of(k, random); i != NOTHING;
         i = slot_at(k, i)->next) {
        struct slot *s = slot_at(k, i);
        if (s->label == label && span_eq(random_of(s), random)) {
            return s;
        }
    }
    return NULL;
}

static void store(struct keylog *k, const struct slot *secret)
{
    struct slot *same =
        find(k, random_of(secret), (enum keylog_label)secret->label);
    if (same) {
        bool repeated =
            same->n == secret->n &&
            CRYPTO_memcmp(same->secret, secret->secret, secret->n) == 0;
        /* In its place: one random cannot fill the store, nor make a chain so
         * long that forgetting takes for ever. */
        same->n = secret->n;
        memcpy(same->secret, secret->secret, sizeof same->secret);
        k->stats.repeated += repeated;
        k->stats.replaced += !repeated;
        return;
    }
    uint32_t index;
    struct slot *s = take_slot(k, &index);
    if (!s) {
        k->stats.forgotten++;
        return;
    }
    *s = *secret;
    uint32_t *b = bucket_of(k, random_of(s));
    s->next = *b;
    *b = index;
    k->stats.secrets++;
    atomic_store_explicit(&k->has_secrets, true, memory_order_relaxed);
}

/* ---- lines ---- */

static const struct {
    const char *text;
    uint8_t label; /* KEYLOG_LABEL_COUNT: not used */
} labels[] = {
    {"CLIENT_RANDOM", KEYLOG_MASTER},
    {"CLIENT_EARLY_TRAFFIC_SECRET", KEYLOG_CLIENT_EARLY},
    {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", KEYLOG_CLIENT_HANDSHAKE},
    {"SERVER_HANDSHAKE_TRAFFIC_SECRET", KEYLOG_SERVER_HANDSHAKE},
    {"CLIENT_TRAFFIC_SECRET_0", KEYLOG_CLIENT_TRAFFIC},
    {"SERVER_TRAFFIC_SECRET_0", KEYLOG_SERVER_TRAFFIC},
    /* Early QUIC implementations prefixed them. */
    {"QUIC_CLIENT_EARLY_TRAFFIC_SECRET", KEYLOG_CLIENT_EARLY},
    {"QUIC_CLIENT_HANDSHAKE_TRAFFIC_SECRET", KEYLOG_CLIENT_HANDSHAKE},
    {"QUIC_SERVER_HANDSHAKE_TRAFFIC_SECRET", KEYLOG_SERVER_HANDSHAKE},
    {"QUIC_CLIENT_TRAFFIC_SECRET_0", KEYLOG_CLIENT_TRAFFIC},
    {"QUIC_SERVER_TRAFFIC_SECRET_0", KEYLOG_SERVER_TRAFFIC},
};

static uint8_t label_of(struct span word)
{
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (span_eq(word, span_text(labels[i].text))) {
            return labels[i].label;
        }
    }
    return KEYLOG_LABEL_COUNT;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span next_word(struct cursor *c)
{
    while (cursor_left(c) && is_blank(cursor_peek(c))) {
        cursor_skip(c, 1, "blank");
    }
    const uint8_t *from = c->p;
    while (cursor_left(c) && !is_blank(cursor_peek(c))) {
        cursor_skip(c, 1, "word");
    }
    return span_of(from, (size_t)(c->p - from));
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes written, or 0 when it is no hex or too long. */
static size_t unhex(struct span word, uint8_t *out, size_t max)
{
    struct cursor c = cursor_open(word);
    if (word.n % 2 || word.n / 2 > max) {
        return 0;
    }
    for (size_t i = 0; i < word.n / 2; i++) {
        int high = hex_digit(cursor_u8(&c, "digit"));
        int low = hex_digit(cursor_u8(&c, "digit"));
        if (high < 0 || low < 0) {
            return 0;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return word.n / 2;
}

/* A label of somebody else's: capitals, digits and underscores. `RSA` is one;
 * so are the labels of exporters and of Encrypted ClientHello. */
static bool is_label(struct span word)
{
    struct cursor c = cursor_open(word);
    while (cursor_left(&c)) {
        uint8_t b = cursor_u8(&c, "letter");
        if (!((b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '_')) {
            return false;
        }
    }
    return word.n > 1;
}

static void malformed(struct keylog *k)
{
    if (k->stats.malformed++ == 0) {
        k->stats.malformed_line = k->stats.lines;
    }
}

static bool length_fits(uint8_t label, size_t n)
{
    return n == 48 || (label != KEYLOG_MASTER && n == 32);
}

static void read_secret(struct keylog *k, uint8_t label, struct span random,
                        struct span secret)
{
    struct slot s = {.label = label};
    size_t n = unhex(secret, s.secret, sizeof s.secret);
    if (unhex(random, s.random, sizeof s.random) == sizeof s.random &&
        length_fits(label, n)) {
        s.n = (uint8_t)n;
        store(k, &s);
    } else {
        malformed(k);
    }
    OPENSSL_cleanse(&s, sizeof s);
}

static void read_line(struct keylog *k, struct span text)
{
    struct cursor c = cursor_open(text);
    struct span word = next_word(&c);
    struct span random = next_word(&c);
    struct span secret = next_word(&c);
    bool more = next_word(&c).n > 0;
    k->stats.lines++;
    if (word.n == 0 || span_starts(word, "#")) {
        return;
    }
    uint8_t label = label_of(word);
    if (label < KEYLOG_LABEL_COUNT && secret.n > 0 && !more) {
        read_secret(k, label, random, secret);
    } else if (label == KEYLOG_LABEL_COUNT && is_label(word) && random.n > 0) {
        k->stats.ignored++;
    } else {
        malformed(k);
    }
}

static void end_line(struct keylog *k)
{
    if (k->line.too_long) {
        k->stats.lines++;
        malformed(k);
    } else {
        read_line(k, span_of(k->line.text, k->line.n));
    }
    OPENSSL_cleanse(&k->line, sizeof k->line);
}

static void feed(struct keylog *k, struct span text)
{
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;
        struct line *l = &k->line;
        if (n > sizeof l->text - l->n) {
            l->too_long = true;
            l->n = 0;
        }
        if (!l->too_long) {
            memcpy(l->text + l->n, text.p, n);
            l->n += (uint32_t)n;
        }
        if (end) {
            end_line(k);
            n++;
        }
        text = span_sub(text, n, text.n);
    }
}

void keylog_add(struct keylog *k, struct span text)
{
    pthread_mutex_lock(&k->lock);
    struct line kept = k->line; /* of the file, still to be continued */
    OPENSSL_cleanse(&k->line, sizeof k->line);
    feed(k, text);
    if (k->line.n || k->line.too_long) {
        end_line(k);
    }
    k->line = kept;
    OPENSSL_cleanse(&kept, sizeof kept);
    pthread_mutex_unlock(&k->lock);
}

/* ---- the file ---- */

static void close_file(struct keylog *k)
{
    if (k->fd >= 0) {
        close(k->fd);
    }
    k->fd = -1;
}

/* 0, or errno. */
static int open_file(struct keylog *k, const char *path)
{
    struct stat st;
    /* Without a writer a pipe would block the program. */
    k->fd = open(path, O_RDONLY | O_CLOEXEC | (k->follow ? O_NONBLOCK : 0));
    if (k->fd < 0) {
        return errno;
    }
    bool readable =
        fstat(k->fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode));
    if (!readable) {
        close_file(k);
        return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    }
    k->device = st.st_dev;
    k->inode = st.st_ino;
    k->offset = 0;
    return 0;
}

/* Up to the end, or to what is there now. 0, or errno. */
static int read_file(struct keylog *k)
{
    uint8_t *buffer = malloc(READ_BYTES);
    int error = buffer ? 0 : ENOMEM;
    ssize_t n = 0;
    while (!error) {
        n = read(k->fd, buffer, READ_BYTES);
        if (n > 0) {
            k->offset += n;
            feed(k, span_of(buffer, (size_t)n));
        } else if (n == 0 || errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    if (buffer) {
        OPENSSL_cleanse(buffer, READ_BYTES);
        free(buffer);
    }
    return error;
}

bool keylog_open(struct keylog *k, const char *path, bool follow,
                 char error[KEYLOG_ERROR_BYTES])
{
    k->follow = follow;
    if (follow) {
        k->path = strdup(path);
    }
    int failed = open_file(k, path);
    if (!failed) {
        failed = read_file(k);
    }
    if (failed == ENOENT && follow) {
        return true;
    }
    if (!follow) {
        close_file(k);
        if (k->line.n || k->line.too_long) {
            end_line(k); /* the last line lacks its end */
        }
    }
    if (failed == EINVAL) {
        snprintf(error, KEYLOG_ERROR_BYTES, "neither a file nor a pipe");
    } else if (failed) {
        snprintf(error, KEYLOG_ERROR_BYTES, "%s", strerror(failed));
    }
    return !failed;
}

/* The file was rotated, truncated, or comes into being only now. */
static void reopen_if_other(struct keylog *k)
{
    struct stat st;
    if (stat(k->path, &st) != 0) {
        return;
    }
    bool same = k->fd >= 0 && st.st_dev == k->device && st.st_ino == k->inode &&
                (!S_ISREG(st.st_mode) || st.st_size >= k->offset);
    if (!same) {
        close_file(k);
        OPENSSL_cleanse(&k->line, sizeof k->line);
        (void)open_file(k, k->path);
    }
}

void keylog_poll(struct keylog *k)
{
    if (!k->follow || !k->path) {
        return;
    }
    pthread_mutex_lock(&k->lock);
    reopen_if_other(k);
    if (k->fd >= 0) {
        (void)read_file(k);
    }
    pthread_mutex_unlock(&k->lock);
}

/* ---- life and lookup ---- */

struct keylog *keylog_new(uint32_t secrets_max)
{
    struct keylog *k = calloc(1, sizeof *k);
    if (!k) {
        return NULL;
    }
    pthread_mutex_init(&k->lock, NULL);
    k->fd = -1;
    k->max = secrets_max ? secrets_max : KEYLOG_SECRETS_DEFAULT;
    k->seed = hash_seed_random();
    k->blocks = calloc(k->max / BLOCK_SECRETS + 1, sizeof(struct slot *));
    if (!k->blocks) {
        pthread_mutex_destroy(&k->lock);
        free(k);
        return NULL;
    }
    return k;
}

void keylog_free(struct keylog *k)
{
    if (!k) {
        return;
    }
    for (uint32_t i = 0; i <= k->max / BLOCK_SECRETS; i++) {
        if (k->blocks[i]) {
            OPENSSL_cleanse(k->blocks[i], BLOCK_SECRETS * sizeof(struct slot));
            free(k->blocks[i]);
        }
    }
    free(k->blocks);
    free(k->buckets);
    close_file(k);
    free(k->path);
    pthread_mutex_destroy(&k->lock);
    OPENSSL_cleanse(k, sizeof *k);
    free(k);
}

bool keylog_find(struct keylog *k, struct span random, enum keylog_label label,
                 struct keylog_secret *out)
{
    pthread_mutex_lock(&k->lock);
    const struct slot *s = find(k, random, label);
    if (s) {
        out->n = s->n;
        memcpy(out->bytes, s->secret, sizeof out->bytes);
    }
    pthread_mutex_unlock(&k->lock);
    return s != NULL;
}

bool keylog_knows(struct keylog *k, struct span random)
{
    bool known = false;
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < KEYLOG_LABEL_COUNT && !known; i++) {
        known = find(k, random, (enum keylog_label)i) != NULL;
    }
    pthread_mutex_unlock(&k->lock);
    return known;
}

void keylog_expect(struct keylog *k, bool more)
{
    atomic_store_explicit(&k->expects, more, memory_order_relaxed);
}

bool keylog_may_grow(const struct keylog *k)
{
    return k->follow || atomic_load_explicit(&k->expects, memory_order_relaxed);
}

bool keylog_in_use(const struct keylog *k)
{
    return keylog_may_grow(k) ||
           atomic_load_explicit(&k->has_secrets, memory_order_relaxed);
}

void keylog_stats(const struct keylog *k, struct keylog_stats *out)
{
    *out = k->stats;
}
