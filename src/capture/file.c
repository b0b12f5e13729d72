/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved captures as a source of frames: joins the byte source, our reader and
 * the filter. What our reader does not know is offered to libpcap, if it can be
 * read from the start again.
 */
#ifdef HAVE_CONFIG_H
#include "config.h" /* large files */
#endif

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/filter.h"
#include "capture/input.h"
#include "capture/linktype.h"
#include "capture/reader.h"
#include "capture/source.h"

struct file_capture {
    struct capture base;
    struct input in;
    struct reader *reader;
    pcap_t *foreign; /* a format that only libpcap knows */
    uint64_t foreign_packets;
    bool ready;   /* the format is known and the filter compiled */
    bool is_text; /* JSON Lines */
    bool in_long_line;
    uint64_t lines;
    char *filter_text;
    struct filter filter;
};

static int file_linktype(const struct capture *c)
{
    const struct file_capture *f = (const struct file_capture *)c;
    return f->foreign ? linktype_from_dlt(pcap_datalink(f->foreign))
                      : reader_linktype(f->reader);
}

static void file_close(struct capture *c)
{
    struct file_capture *f = (struct file_capture *)c;
    if (f->foreign) {
        pcap_close(f->foreign);
    }
    filter_fini(&f->filter);
    reader_free(f->reader);
    input_close(&f->in);
    free(f->filter_text);
}

static size_t file_secrets(const struct capture *c, size_t i,
                           struct capture_secret *out)
{
    const struct file_capture *f = (const struct file_capture *)c;
    if (out) {
        struct reader_secret s = reader_secret(f->reader, i);
        *out = (struct capture_secret){s.type, s.data};
    }
    return reader_secret_count(f->reader);
}

static bool file_may_bring_secrets(const struct capture *c)
{
    return reader_may_bring_secrets(((const struct file_capture *)c)->reader);
}

static void file_position(const struct capture *c, uint64_t *read,
                          uint64_t *total)
{
    const struct file_capture *f = (const struct file_capture *)c;
    struct stat st;
    off_t at = f->in.seekable ? lseek(f->in.fd, 0, SEEK_CUR) : -1;
    if (at >= 0 && fstat(f->in.fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *read = (uint64_t)at;
        *total = (uint64_t)st.st_size;
    }
}

static enum capture_status file_error(struct file_capture *f, const char *why)
{
    snprintf(f->base.error, sizeof f->base.error, "%s", why);
    return CAPTURE_ERROR;
}

/* ---- formats of libpcap's ------------------------------------------------ */

static enum capture_status foreign_start(struct file_capture *f)
{
    int fd = -1;
    if (input_rewindable(&f->in) && lseek(f->in.fd, 0, SEEK_SET) == 0) {
        fd = dup(f->in.fd);
    }
    FILE *file = fd >= 0 ? fdopen(fd, "rb") : NULL;
    if (!file) {
        if (fd >= 0) {
            close(fd);
        }
        return file_error(f, "not a capture file");
    }
    char ignored[PCAP_ERRBUF_SIZE];
    f->foreign = pcap_fopen_offline_with_tstamp_precision(
        file, PCAP_TSTAMP_PRECISION_NANO, ignored);
    if (!f->foreign) {
        fclose(file);
        return file_error(f, "not a capture file");
    }
    return CAPTURE_FRAME;
}

static enum capture_status foreign_next(struct file_capture *f,
                                        struct frame *out)
{
    struct pcap_pkthdr *h;
    const u_char *data;
    int n = pcap_next_ex(f->foreign, &h, &data);
    if (n == PCAP_ERROR_BREAK) {
        return CAPTURE_END;
    }
    if (n != 1) {
        snprintf(f->base.error, sizeof f->base.error,
                 "damaged after packet %llu: %s",
                 (unsigned long long)f->foreign_packets,
                 pcap_geterr(f->foreign));
        return CAPTURE_ERROR;
    }
    *out = (struct frame){
        .when = tick_make(h->ts.tv_sec, h->ts.tv_usec),
        .number = ++f->foreign_packets,
        .linktype = file_linktype(&f->base),
        .wire_bytes = h->len < h->caplen ? h->caplen : h->len,
        .data = {data, h->caplen},
    };
    return CAPTURE_FRAME;
}

/* ---- lines of text ------------------------------------------------------- */

/* Goes on to the end of a line that was too long. */
static enum input_status skip_line(struct input *in)
{
    enum input_status s;
    while ((s = input_need(in, 1)) == INPUT_OK) {
        const uint8_t *end = memchr(in->p, '\n', input_left(in));
        if (end) {
            in->p = end + 1;
            return INPUT_OK;
        }
        in->p = in->end;
    }
    return s;
}

/* INPUT_OK: a whole line, or its first CAPTURE_LINE_BYTES. */
static enum input_status line_next(struct file_capture *f, struct frame *out)
{
    struct input *in = &f->in;
    size_t seen = 0;
    if (f->in_long_line) {
        enum input_status s = skip_line(in);
        if (s != INPUT_OK) {
            return s;
        }
        f->in_long_line = false;
    }
    for (;;) {
        enum input_status s = input_need(in, seen + 1);
        size_t n = input_left(in);
        const uint8_t *end =
            n > seen ? memchr(in->p + seen, '\n', n - seen) : NULL;
        bool too_long = !end && n >= CAPTURE_LINE_BYTES;
        bool last = !end && s == INPUT_END && n > 0;
        if (!end && !too_long && !last) {
            if (s != INPUT_OK) {
                return s;
            }
            seen = n;
            continue;
        }
        size_t length = end ? (size_t)(end - in->p) : n;
        out->data = span_of(in->p, length);
        in->p += length + (end ? 1 : 0);
        f->in_long_line = too_long;
        return INPUT_OK;
    }
}

static enum capture_status text_next(struct file_capture *f, struct frame *out)
{
    *out = (struct frame){.linktype = -1};
    switch (line_next(f, out)) {
    case INPUT_OK:
        out->number = ++f->lines;
        return CAPTURE_LINE;
    case INPUT_WAIT:
        return f->base.stopped ? CAPTURE_END : CAPTURE_IDLE;
    case INPUT_END:
        return CAPTURE_END;
    case INPUT_TRUNCATED:
        return file_error(f, "the compressed file ends too early");
    case INPUT_DAMAGED:
    case INPUT_FAILED:
    default:
        return file_error(f, input_why(&f->in));
    }
}

/* What is no capture may be text that begins with a brace. */
static bool looks_like_text(struct file_capture *f)
{
    f->is_text = input_left(&f->in) && *f->in.p == '{';
    return f->is_text;
}

/* ---- ours ---------------------------------------------------------------- */

static enum capture_status status_of(struct file_capture *f,
                                     enum reader_status s)
{
    switch (s) {
    case READER_FRAME:
        return CAPTURE_FRAME;
    case READER_WAIT:
        return f->base.stopped ? CAPTURE_END : CAPTURE_IDLE;
    case READER_END:
        return CAPTURE_END;
    case READER_FOREIGN:
    case READER_ERROR:
    default:
        return file_error(f, reader_error(f->reader));
    }
}

/* CAPTURE_FRAME: ready for the first frame. */
static enum capture_status file_start(struct file_capture *f)
{
    enum reader_status rs = reader_start(f->reader);
    if (rs == READER_FOREIGN && looks_like_text(f)) {
        f->ready = true;
        return *f->filter_text
                   ? file_error(f, "records cannot be filtered by packets")
                   : CAPTURE_FRAME;
    }
    enum capture_status s =
        rs == READER_FOREIGN ? foreign_start(f) : status_of(f, rs);
    if (s != CAPTURE_FRAME) {
        return s;
    }
    int linktype = file_linktype(&f->base);
    if (linktype >= 0 && !filter_add(&f->filter, linktype, f->base.error)) {
        return CAPTURE_ERROR;
    }
    f->ready = true;
    return CAPTURE_FRAME;
}

static enum capture_status file_next(struct capture *c, struct frame *out)
{
    struct file_capture *f = (struct file_capture *)c;
    enum capture_status s;
    if (__builtin_expect(!f->ready, 0)) {
        s = file_start(f);
        if (s != CAPTURE_FRAME) {
            return s;
        }
    }
    if (__builtin_expect(f->is_text, 0)) {
        return text_next(f, out);
    }
    while (!c->stopped) {
        s = f->foreign ? foreign_next(f, out)
                       : status_of(f, reader_next(f->reader, out));
        if (s != CAPTURE_FRAME || filter_match(&f->filter, out)) {
            return s;
        }
    }
    return CAPTURE_END;
}

static size_t file_more(struct capture *c, struct frame *v, size_t max)
{
    struct file_capture *f = (struct file_capture *)c;
    bool ours = f->ready && !f->is_text && !f->foreign && !f->filter.text;
    return ours ? reader_more(f->reader, v, max) : 0;
}

static const struct capture_ops file_ops = {
    .live = false,
    .next = file_next,
    .more = file_more,
    .linktype = file_linktype,
    .secrets = file_secrets,
    .may_bring_secrets = file_may_bring_secrets,
    .position = file_position,
    .close = file_close,
};

/* All that must succeed before there is a capture; false with error[]. */
static bool file_open(struct file_capture *f, int fd, const char *path,
                      const char *filter, char error[CAPTURE_ERROR_BYTES])
{
    const char *why = input_start(&f->in, fd, &f->base.stopped);
    if (why) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s", why);
        return false;
    }
    f->base.name = strdup(path);
    f->filter_text = strdup(filter ? filter : "");
    f->reader = reader_new(&f->in);
    if (!f->base.name || !f->filter_text || !f->reader) {
        snprintf(error, CAPTURE_ERROR_BYTES, "out of memory");
        return false;
    }
    filter_init(&f->filter, f->filter_text);
    /* An end (no packets at all) and silence are for capture_next(). */
    if (file_start(f) == CAPTURE_ERROR) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s", f->base.error);
        return false;
    }
    return true;
}

int capture_file(const char *path)
{
    return input_open(path);
}

struct capture *capture_open_file(const char *path, const char *filter,
                                  char error[CAPTURE_ERROR_BYTES])
{
    int fd = capture_file(path);
    if (fd < 0) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s", strerror(errno));
        return NULL;
    }
    return capture_read_file(fd, path, filter, error);
}

struct capture *capture_read_file(int fd, const char *path, const char *filter,
                                  char error[CAPTURE_ERROR_BYTES])
{
    struct file_capture *f = calloc(1, sizeof *f);
    if (!f) {
        if (fd != STDIN_FILENO) {
            close(fd);
        }
        snprintf(error, CAPTURE_ERROR_BYTES, "out of memory");
        return NULL;
    }
    f->base.ops = &file_ops;
    if (!file_open(f, fd, path, filter, error)) {
        capture_close(&f->base);
        return NULL;
    }
    return &f->base;
}
