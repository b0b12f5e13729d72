/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --extract and --annotate. While files are read the annotated packets of all
 * connections are held (bounded) and written in the order of their times; live
 * each connection is written as it fails. Names of files are made of numbers
 * and of causes: nothing from the network gets into a path.
 */
#include "packet_files.h"

#include "base/frame_log.h"
#include "base/limits.h"
#include "capture/pcapng_writer.h"
#include "report/comment.h"
#include "report/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMENT_BYTES 16384u
#define SAME_NAMES    1000u /* tried before a file is given up */

/* A frame of the annotated file that waits for its turn. */
struct waiting {
    const struct kept_frame *kept;
    char *comment; /* owned; or NULL */
};

/* A name of an address that waits with them. */
struct named {
    uint8_t ip[16];
    uint8_t ip_version;
    char *name; /* owned */
};

struct packet_files {
    struct packet_files_options o;
    int directory; /* -1: no --extract */
    bool directory_made;
    uint64_t files, bytes, left_out;
    struct pcapng_writer *annotated; /* NULL: no --annotate, or it failed */
    struct waiting *waiting;
    size_t waiting_n, waiting_size, waiting_bytes;
    struct frame_log **logs; /* that the waiting frames belong to */
    size_t logs_n, logs_size;
    struct named *named;
    size_t named_n, named_size;
    uint64_t frames_lost;
    bool extract_failed, annotate_failed;
};

/* ---- what both share ---- */

static const char *name_of(const struct packet_files *p, uint32_t source)
{
    bool tells = p->o.live || p->o.names_n > 1;
    return tells && source < p->o.names_n ? p->o.names[source] : NULL;
}

static void complain(bool *said, const char *name, int error)
{
    if (!*said) {
        fprintf(stderr, "tlswhy: %s: %s\n", name, strerror(error));
    }
    *said = true;
}

static const char *application(char text[64])
{
    snprintf(text, 64, "tlswhy %s", tlswhy_version);
    return text;
}

/* The frame that carries the whole verdict: the decisive one, else the last. */
static const struct kept_frame *decisive(const struct record *r)
{
    uint64_t number = record_frame_decisive(r);
    const struct kept_frame *last = NULL;
    for (const struct kept_frame *k = frame_log_first(r->hs->frames); k;
         k = k->next) {
        if (number && k->frame.number == number && k->source == r->hs->source) {
            return k;
        }
        last = k;
    }
    return last;
}

/* The comment of one frame of a connection; "" when it has none. */
static void comment_of(struct text *t, const struct record *r,
                       const struct kept_frame *k,
                       const struct kept_frame *verdict)
{
    text_clear(t);
    if (k == verdict) {
        comment_verdict(t, r);
    } else if (k == frame_log_first(r->hs->frames)) {
        comment_pointer(t, r);
    }
}

/* ---- one file a connection ---- */

/* 192.0.2.1-443, 2001-db8--1-443: no colons, for the sake of all systems. */
static void add_endpoint(struct text *t, const struct handshake *hs,
                         enum side side)
{
    size_t from = t->n;
    format_ip(t, hs->addr[side].ip, hs->ip_version);
    for (size_t i = from; i < t->n; i++) {
        t->p[i] = t->p[i] == ':' ? '-' : t->p[i];
    }
    if (hs->ip_version) {
        text_fmt(t, "-%u", hs->addr[side].port);
    }
}

static void file_name(struct text *t, const struct record *r, unsigned again)
{
    const struct known_cause *cause = record_cause(r);
    struct text when;
    text_init(&when, 64);
    text_time(&when, record_when(r));
    text_clear(t);
    for (size_t i = 0; i < when.n; i++) {
        char c = when.p[i];
        if (c != '-' && c != ':') {
            text_char(t, c);
        }
    }
    text_free(&when);
    text_char(t, '_');
    add_endpoint(t, r->hs, SIDE_CLIENT);
    text_char(t, '_');
    add_endpoint(t, r->hs, SIDE_SERVER);
    text_char(t, '_');
    text_add(t, cause ? cause->slug : "unclassified");
    if (again) {
        text_fmt(t, "-%u", again + 1);
    }
    text_add(t, ".pcapng");
}

/* Makes a file of a name that is free; -1 and errno when it cannot. */
static int create(const struct packet_files *p, const struct record *r)
{
    struct text name;
    int fd = -1;
    text_init(&name, 256);
    for (unsigned i = 0; i < SAME_NAMES; i++) {
        file_name(&name, r, i);
        fd = openat(p->directory, text_str(&name),
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd >= 0 || errno != EEXIST) {
            break;
        }
    }
    text_free(&name);
    return fd;
}

/* The name that the client asked for, else the one of DNS; may be empty. */
static struct span server_name(const struct record *r)
{
    const char *domain = r->domain[SIDE_SERVER];
    struct span sni = record_sni(r);
    return sni.n || !domain ? sni : span_text(domain);
}

static void extract(struct packet_files *p, const struct record *r)
{
    if (p->files >= LIMIT_EXTRACT_FILES || p->bytes >= LIMIT_EXTRACT_BYTES) {
        p->left_out++;
        return;
    }
    int fd = create(p, r);
    if (fd < 0) {
        complain(&p->extract_failed, p->o.extract, errno);
        return;
    }
    char program[64];
    struct pcapng_writer *w = pcapng_writer_new(fd, application(program));
    if (!w) {
        complain(&p->extract_failed, p->o.extract, ENOMEM);
        return;
    }
    const struct handshake *hs = r->hs;
    if (hs->ip_version) {
        pcapng_write_name(w, hs->addr[SIDE_SERVER].ip, hs->ip_version,
                          server_name(r));
    }
    struct text comment;
    text_init(&comment, COMMENT_BYTES);
    const struct kept_frame *verdict = decisive(r);
    for (const struct kept_frame *k = frame_log_first(hs->frames); k;
         k = k->next) {
        comment_of(&comment, r, k, verdict);
        pcapng_write_frame(w, &k->frame, k->source, name_of(p, k->source),
                           text_str(&comment));
    }
    text_free(&comment);
    p->files++;
    p->bytes += pcapng_writer_bytes(w);
    int error = pcapng_writer_close(w);
    if (error) {
        complain(&p->extract_failed, p->o.extract, error);
    }
}

/* ---- one file for all ---- */

static int by_time(const void *a, const void *b)
{
    const struct kept_frame *x = ((const struct waiting *)a)->kept;
    const struct kept_frame *y = ((const struct waiting *)b)->kept;
    if (x->frame.when != y->frame.when) {
        return x->frame.when < y->frame.when ? -1 : 1;
    }
    if (x->source != y->source) {
        return x->source < y->source ? -1 : 1;
    }
    return x->frame.number < y->frame.number   ? -1
           : x->frame.number > y->frame.number ? 1
                                               : 0;
}

/* Writes what waits, in the order of time. */
static void write_waiting(struct packet_files *p)
{
    struct pcapng_writer *w = p->annotated;
    for (size_t i = 0; i < p->named_n; i++) {
        if (w) {
            pcapng_write_name(w, p->named[i].ip, p->named[i].ip_version,
                              span_text(p->named[i].name));
        }
        free(p->named[i].name);
    }
    if (p->waiting_n) {
        qsort(p->waiting, p->waiting_n, sizeof *p->waiting, by_time);
    }
    for (size_t i = 0; i < p->waiting_n; i++) {
        const struct kept_frame *k = p->waiting[i].kept;
        if (w) {
            pcapng_write_frame(w, &k->frame, k->source, name_of(p, k->source),
                               p->waiting[i].comment);
        }
        free(p->waiting[i].comment);
    }
    for (size_t i = 0; i < p->logs_n; i++) {
        frame_log_free(p->logs[i]);
    }
    p->named_n = p->waiting_n = p->logs_n = p->waiting_bytes = 0;
    int error = w ? pcapng_writer_flush(w) : 0;
    if (error) {
        complain(&p->annotate_failed, p->o.annotate, error);
    }
}

/* Room for one more of a list's items. */
static bool room(void **list, size_t n, size_t *size, size_t item)
{
    if (n < *size) {
        return true;
    }
    size_t more = *size ? *size * 2 : 64;
    void *v = realloc(*list, more * item);
    if (!v) {
        return false;
    }
    *list = v;
    *size = more;
    return true;
}

/* The name that the client asked for, as the server's. */
static void remember_name(struct packet_files *p, const struct record *r)
{
    struct span sni = server_name(r);
    const struct handshake *hs = r->hs;
    for (size_t i = 0; i < p->named_n && i < 256; i++) {
        if (memcmp(p->named[i].ip, hs->addr[SIDE_SERVER].ip, 16) == 0) {
            return;
        }
    }
    if (sni.n == 0 || !hs->ip_version ||
        !room((void **)&p->named, p->named_n, &p->named_size,
              sizeof *p->named)) {
        return;
    }
    char *name = strndup((const char *)sni.p, sni.n);
    if (name) {
        struct named *n = &p->named[p->named_n++];
        *n = (struct named){.ip_version = hs->ip_version, .name = name};
        memcpy(n->ip, hs->addr[SIDE_SERVER].ip, 16);
    }
}

static bool hold(struct packet_files *p, struct frame_log *log)
{
    if (!room((void **)&p->logs, p->logs_n, &p->logs_size, sizeof *p->logs)) {
        return false;
    }
    p->logs[p->logs_n++] = frame_log_ref(log);
    p->waiting_bytes += frame_log_bytes(log);
    return true;
}

static void annotate(struct packet_files *p, const struct record *r)
{
    if (!hold(p, r->hs->frames)) {
        p->left_out++;
        return;
    }
    struct text comment;
    text_init(&comment, COMMENT_BYTES);
    remember_name(p, r);
    const struct kept_frame *verdict = decisive(r);
    for (const struct kept_frame *k = frame_log_first(r->hs->frames); k;
         k = k->next) {
        if (!room((void **)&p->waiting, p->waiting_n, &p->waiting_size,
                  sizeof *p->waiting)) {
            p->frames_lost++;
            continue;
        }
        comment_of(&comment, r, k, verdict);
        char *copy = comment.n ? strdup(text_str(&comment)) : NULL;
        p->waiting[p->waiting_n++] = (struct waiting){k, copy};
        p->waiting_bytes += sizeof(struct waiting) + comment.n;
    }
    text_free(&comment);
    if (p->o.live || p->waiting_bytes > LIMIT_ANNOTATE_BYTES) {
        write_waiting(p);
    }
}

int packet_files_directory(const struct packet_files *p, bool *made)
{
    *made = p && p->directory_made;
    return p ? p->directory : -1;
}

void packet_files_record(struct packet_files *p, const struct record *r)
{
    if (!p || !r->hs->frames || record_outcome(r) != OUTCOME_FAILURE) {
        return;
    }
    p->frames_lost += frame_log_lost(r->hs->frames);
    if (p->directory >= 0) {
        extract(p, r);
    }
    if (p->annotated) {
        annotate(p, r);
    }
}

/* ---- life ---- */

static bool open_directory(struct packet_files *p)
{
    p->directory_made = mkdir(p->o.extract, 0750) == 0;
    if (!p->directory_made && errno != EEXIST) {
        return false;
    }
    p->directory = open(p->o.extract, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return p->directory >= 0 &&
           faccessat(p->directory, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

static bool open_annotated(struct packet_files *p)
{
    char program[64];
    int fd =
        open(p->o.annotate, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return false;
    }
    p->annotated = pcapng_writer_new(fd, application(program));
    return p->annotated != NULL;
}

struct packet_files *packet_files_new(const struct packet_files_options *o,
                                      const char **name, char error[256])
{
    struct packet_files *p = calloc(1, sizeof *p);
    *name = "start";
    if (!p) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    p->o = *o;
    p->directory = -1;
    errno = 0;
    *name = o->extract;
    bool opened = !o->extract || open_directory(p);
    if (opened && o->annotate) {
        *name = o->annotate;
        opened = open_annotated(p);
    }
    if (!opened) {
        snprintf(error, 256, "%s", strerror(errno ? errno : ENOMEM));
        packet_files_free(p);
        return NULL;
    }
    return p;
}

bool packet_files_finish(struct packet_files *p, bool quiet)
{
    if (!p) {
        return true;
    }
    write_waiting(p);
    int error = pcapng_writer_close(p->annotated);
    p->annotated = NULL;
    if (error) {
        complain(&p->annotate_failed, p->o.annotate, error);
    }
    if (p->left_out && !quiet) {
        fprintf(stderr,
                "tlswhy: %" PRIu64 " failed connections were not written: "
                "at most %u files and %" PRIu64 " bytes\n",
                p->left_out, LIMIT_EXTRACT_FILES, LIMIT_EXTRACT_BYTES);
    }
    if (p->frames_lost && !quiet) {
        fprintf(stderr,
                "tlswhy: %" PRIu64 " packets in the middle of long failed "
                "connections were not kept\n",
                p->frames_lost);
    }
    return !p->extract_failed && !p->annotate_failed;
}

void packet_files_free(struct packet_files *p)
{
    if (!p) {
        return;
    }
    struct pcapng_writer *w = p->annotated;
    p->annotated = NULL;
    write_waiting(p);
    pcapng_writer_close(w);
    if (p->directory >= 0) {
        close(p->directory);
    }
    free(p->waiting);
    free(p->logs);
    free(p->named);
    free(p);
}
