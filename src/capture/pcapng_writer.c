/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng blocks (draft-ietf-opsawg-pcapng sections 4.1 to 4.5) through stdio's
 * buffer. After the first error nothing more is written.
 */
#include "capture/pcapng_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_NAMES = 4,
    BLOCK_PACKET = 6,
    OPT_END = 0,
    OPT_COMMENT = 1,
    OPT_IF_NAME = 2,
    OPT_IF_TSRESOL = 9,
    OPT_SHB_APPLICATION = 4,
    RECORD_END = 0,
    RECORD_IPV4 = 1,
    RECORD_IPV6 = 2,
};

#define INTERFACES_MAX 4096u /* more are written as the last one */
#define NAME_BYTES     255u

struct interface {
    uint32_t source, interface;
    int linktype;
};

struct pcapng_writer {
    FILE *file;
    struct interface *interfaces;
    uint32_t interfaces_n, interfaces_size;
    uint64_t bytes;
    int error; /* errno of the first failure */
};

static void put(struct pcapng_writer *w, const void *p, size_t n)
{
    if (w->error || n == 0) {
        return;
    }
    errno = 0;
    if (fwrite(p, 1, n, w->file) != n) {
        w->error = errno ? errno : EIO;
        return;
    }
    w->bytes += n;
}

static void put32(struct pcapng_writer *w, uint32_t v)
{
    put(w, &v, sizeof v);
}

static void put16(struct pcapng_writer *w, uint16_t v)
{
    put(w, &v, sizeof v);
}

static uint32_t padded(size_t n)
{
    return (uint32_t)((n + 3) & ~(size_t)3);
}

static void put_padded(struct pcapng_writer *w, const void *p, size_t n)
{
    static const uint8_t zeroes[4];
    put(w, p, n);
    put(w, zeroes, padded(n) - n);
}

/* What an option takes, and the option itself; nothing when it is empty. */
static uint32_t option_bytes(size_t n)
{
    return n ? 4 + padded(n) : 0;
}

static void put_option(struct pcapng_writer *w, uint16_t code, const void *p,
                       size_t n)
{
    if (n) {
        put16(w, code);
        put16(w, (uint16_t)n);
        put_padded(w, p, n);
    }
}

static void put_end_of_options(struct pcapng_writer *w)
{
    put16(w, OPT_END);
    put16(w, 0);
}

/* ---- blocks ---- */

static void section_header(struct pcapng_writer *w, const char *application)
{
    size_t n = strlen(application);
    uint32_t total = 28 + option_bytes(n) + 4;
    uint64_t unknown_length = UINT64_MAX;
    put32(w, BLOCK_SECTION);
    put32(w, total);
    put32(w, 0x1a2b3c4d);
    put16(w, 1);
    put16(w, 0);
    put(w, &unknown_length, sizeof unknown_length);
    put_option(w, OPT_SHB_APPLICATION, application, n);
    put_end_of_options(w);
    put32(w, total);
}

static void interface_description(struct pcapng_writer *w, int linktype,
                                  const char *name)
{
    const uint8_t nanoseconds = 9;
    size_t n = name ? strlen(name) : 0;
    n = n > NAME_BYTES ? NAME_BYTES : n;
    uint32_t total = 20 + option_bytes(n) + option_bytes(1) + 4;
    put32(w, BLOCK_INTERFACE);
    put32(w, total);
    put16(w, (uint16_t)linktype);
    put16(w, 0);
    put32(w, 0); /* no snapshot length is known */
    put_option(w, OPT_IF_NAME, name, n);
    put_option(w, OPT_IF_TSRESOL, &nanoseconds, 1);
    put_end_of_options(w);
    put32(w, total);
}

static bool grow(struct pcapng_writer *w)
{
    if (w->interfaces_n < w->interfaces_size) {
        return true;
    }
    uint32_t size = w->interfaces_size ? w->interfaces_size * 2 : 8;
    if (size > INTERFACES_MAX) {
        return false;
    }
    struct interface *v = realloc(w->interfaces, size * sizeof *v);
    if (!v) {
        return false;
    }
    w->interfaces = v;
    w->interfaces_size = size;
    return true;
}

static uint32_t interface_of(struct pcapng_writer *w, const struct frame *f,
                             uint32_t source, const char *name)
{
    for (uint32_t i = w->interfaces_n; i-- > 0;) {
        const struct interface *v = &w->interfaces[i];
        if (v->source == source && v->interface == f->interface &&
            v->linktype == f->linktype) {
            return i;
        }
    }
    if (!grow(w)) {
        w->error = w->error ? w->error : ENOMEM;
        return 0;
    }
    w->interfaces[w->interfaces_n] =
        (struct interface){source, f->interface, f->linktype};
    interface_description(w, f->linktype, name);
    return w->interfaces_n++;
}

void pcapng_write_frame(struct pcapng_writer *w, const struct frame *f,
                        uint32_t source, const char *name, const char *comment)
{
    uint32_t id = interface_of(w, f, source, name);
    size_t n = comment ? strlen(comment) : 0;
    while (n > PCAPNG_COMMENT_BYTES || (n && (comment[n] & 0xc0) == 0x80)) {
        n = n > PCAPNG_COMMENT_BYTES ? PCAPNG_COMMENT_BYTES : n - 1;
    }
    uint32_t options = n ? option_bytes(n) + 4 : 0;
    uint32_t total = 28 + padded(f->data.n) + options + 4;
    uint64_t when = (uint64_t)f->when;
    put32(w, BLOCK_PACKET);
    put32(w, total);
    put32(w, id);
    put32(w, (uint32_t)(when >> 32));
    put32(w, (uint32_t)when);
    put32(w, (uint32_t)f->data.n);
    put32(w, f->wire_bytes);
    put_padded(w, f->data.p, f->data.n);
    if (options) {
        put_option(w, OPT_COMMENT, comment, n);
        put_end_of_options(w);
    }
    put32(w, total);
}

void pcapng_write_name(struct pcapng_writer *w, const uint8_t ip[16],
                       uint8_t ip_version, struct span name)
{
    uint8_t record[16 + NAME_BYTES + 1];
    size_t address = ip_version == 6 ? 16 : 4;
    if (name.n == 0 || name.n > NAME_BYTES || memchr(name.p, 0, name.n)) {
        return;
    }
    size_t n = address + name.n + 1;
    memcpy(record, ip, address);
    memcpy(record + address, name.p, name.n);
    record[n - 1] = 0;
    uint32_t total = 8 + 4 + padded(n) + 4 + 4;
    put32(w, BLOCK_NAMES);
    put32(w, total);
    put16(w, ip_version == 6 ? RECORD_IPV6 : RECORD_IPV4);
    put16(w, (uint16_t)n);
    put_padded(w, record, n);
    put16(w, RECORD_END);
    put16(w, 0);
    put32(w, total);
}

/* ---- life ---- */

struct pcapng_writer *pcapng_writer_new(int fd, const char *application)
{
    struct pcapng_writer *w = calloc(1, sizeof *w);
    FILE *file = w ? fdopen(fd, "wb") : NULL;
    if (!file) {
        close(fd);
        free(w);
        return NULL;
    }
    w->file = file;
    section_header(w, application);
    return w;
}

uint64_t pcapng_writer_bytes(const struct pcapng_writer *w)
{
    return w->bytes;
}

int pcapng_writer_flush(struct pcapng_writer *w)
{
    errno = 0;
    if (!w->error && fflush(w->file) != 0) {
        w->error = errno ? errno : EIO;
    }
    return w->error;
}

int pcapng_writer_close(struct pcapng_writer *w)
{
    if (!w) {
        return 0;
    }
    int error = pcapng_writer_flush(w);
    errno = 0;
    if (fclose(w->file) != 0 && !error) {
        error = errno ? errno : EIO;
    }
    free(w->interfaces);
    free(w);
    return error;
}
