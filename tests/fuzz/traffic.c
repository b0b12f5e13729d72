/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets that build packets. A connection is a list of steps, so that a
 * mutation changes what an end does and not a checksum or a header:
 *
 *   step: one byte, direction in bit 7, kind in the lower bits, then what the
 *   kind needs. Where there are several connections, bits 4 and 5 say which,
 * and bit 6 that none is folded after it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include "fuzz.h"

#include "capture/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum step {
    STEP_DATA, /* u16 length, bytes */
    STEP_SYN,  /* a SYN, or the answer to one */
    STEP_FIN,
    STEP_RST,
    STEP_ACK,   /* of all that the other side sent */
    STEP_WAIT,  /* u16: milliseconds */
    STEP_BACK,  /* u16: the next segment begins so much earlier */
    STEP_AHEAD, /* u16: ... later */
    STEP_CUT,   /* u16 length, u16 captured, bytes */
    STEP_TTL,   /* u8: the next segment comes with it */
    STEP_ICMP,  /* an error (u8 type, u8 code) about the last of all packets */
    STEP_KINDS
};

#define FRAME_BYTES (40u + 65535u)
#define START       (INT64_C(1700000000) * TICK_SEC)
#define LINK_RAW    101
#define STEPS_MAX   4096u
#define QUOTED      28u /* bytes of a packet that an ICMP error quotes */

struct wire {
    struct fuzz_analysis *analysis; /* or twins */
    struct fuzz_twins *twins;
    uint32_t next[FUZZ_CONNECTIONS][2]; /* sequence numbers */
    unsigned which;                     /* connection */
    bool whole; /* nothing is folded after the next packets */
    tick_t when;
    uint64_t number;
    uint8_t proto, ttl; /* of the next segment; 0: as ever */
    uint16_t port[2];
    uint8_t last[QUOTED]; /* the beginning of the last packet */
    uint8_t frame[FRAME_BYTES];
};

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* An IPv4 packet (RFC 791) with the transport header that the caller wrote
 * behind it; `captured` of its `total` bytes are in the frame. */
static void send(struct wire *w, unsigned dir, size_t total, size_t captured)
{
    uint8_t *ip = w->frame;
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)total);
    ip[6] = 0x40;
    ip[8] = w->ttl ? w->ttl : dir ? 57 : 64;
    ip[9] = w->proto;
    w->ttl = 0;
    put32(ip + 12, 0x0a000001u + dir);
    put32(ip + 16, 0x0a000002u - dir);
    w->when += 100 * TICK_USEC;
    struct frame f = {.when = w->when,
                      .number = ++w->number,
                      .linktype = LINK_RAW,
                      .wire_bytes = (uint32_t)total,
                      .data = span_of(w->frame, captured)};
    memcpy(w->last, ip, QUOTED);
    if (w->twins) {
        fuzz_twins_frame(w->twins, &f, !w->whole);
    } else {
        fuzz_analysis_frame(w->analysis, &f);
    }
}

static void segment(struct wire *w, unsigned dir, unsigned flags,
                    struct span data, size_t wire_bytes)
{
    uint8_t *tcp = w->frame + 20;
    size_t room = 65535u - 40u;
    wire_bytes = wire_bytes > room ? room : wire_bytes;
    size_t n = data.n > wire_bytes ? wire_bytes : data.n;
    memset(tcp, 0, 20);
    uint32_t *next = w->next[w->which];
    put16(tcp, w->port[dir] + (dir ? 0 : w->which));
    put16(tcp + 2, w->port[1 - dir] + (dir ? w->which : 0));
    put32(tcp + 4, next[dir]);
    put32(tcp + 8, next[1 - dir]);
    tcp[12] = 5 << 4;
    tcp[13] = (uint8_t)flags;
    put16(tcp + 14, 65535);
    if (n) {
        memcpy(tcp + 20, data.p, n);
    }
    send(w, dir, 40 + wire_bytes, 40 + n);
    next[dir] += (uint32_t)wire_bytes + ((flags & (1u | 2u)) != 0);
}

/* RFC 792: the error quotes the packet's header and eight bytes. */
static void icmp(struct wire *w, unsigned type, unsigned code)
{
    uint8_t *p = w->frame + 20;
    uint8_t proto = w->proto;
    memset(p, 0, 8);
    p[0] = (uint8_t)type;
    p[1] = (uint8_t)code;
    memcpy(p + 8, w->last, QUOTED);
    w->proto = 1;
    send(w, 1, 28 + QUOTED, 28 + QUOTED);
    w->proto = proto;
}

static void step(struct wire *w, struct cursor *c)
{
    unsigned what = cursor_u8(c, "step");
    unsigned dir = what >> 7;
    unsigned kind = what & 0x7f;
    struct span none = {NULL, 0};
    unsigned n;
    if (w->twins) {
        kind = what & 0xf;
        w->which = what >> 4 & 3;
        w->whole = what & 0x40;
    }
    uint32_t *next = &w->next[w->which][dir];
    switch ((enum step)(kind % STEP_KINDS)) {
    case STEP_DATA: {
        n = cursor_u16(c, "length");
        size_t left = cursor_left(c);
        struct span data = cursor_take(c, n < left ? n : left, "data");
        segment(w, dir, 0x18, data, data.n);
        break;
    }
    case STEP_SYN:
        segment(w, dir, dir ? 0x12 : 0x02, none, 0);
        break;
    case STEP_FIN:
        segment(w, dir, 0x11, none, 0);
        break;
    case STEP_RST:
        segment(w, dir, 0x14, none, 0);
        break;
    case STEP_ACK:
        segment(w, dir, 0x10, none, 0);
        break;
    case STEP_WAIT:
        w->when += cursor_u16(c, "wait") * TICK_MSEC;
        break;
    case STEP_BACK:
        *next -= cursor_u16(c, "back");
        break;
    case STEP_AHEAD:
        *next += cursor_u16(c, "ahead");
        break;
    case STEP_CUT: {
        n = cursor_u16(c, "length");
        unsigned captured = cursor_u16(c, "captured");
        size_t left = cursor_left(c);
        struct span data =
            cursor_take(c, captured < left ? captured : left, "data");
        segment(w, dir, 0x18, data, n);
        break;
    }
    case STEP_TTL:
        w->ttl = cursor_u8(c, "ttl");
        break;
    case STEP_ICMP:
        n = cursor_u8(c, "type");
        icmp(w, n, cursor_u8(c, "code"));
        break;
    case STEP_KINDS:
        break;
    }
}

static struct wire *wire_new(uint8_t proto)
{
    struct wire *w = calloc(1, sizeof *w);
    fuzz_check(w != NULL, "memory");
    w->when = START;
    w->proto = proto;
    w->port[0] = 50000;
    w->port[1] = 443;
    for (unsigned i = 0; i < FUZZ_CONNECTIONS; i++) {
        w->next[i][0] = 0xfffff000u - i * 1000; /* wraps soon */
        w->next[i][1] = 1000 + i;
    }
    return w;
}

/* The first byte chooses the server's port, as some carriers look at it. */
static void choose_port(struct wire *w, struct cursor *c)
{
    static const uint16_t ports[] = {
        443, 25,   143,  110,  21,   389, 5222, 5432, 3306, 1433, 3389,
        119, 4190, 6667, 5900, 5672, 80,  3128, 1080, 53,   1812, 4433};
    unsigned i = cursor_u8(c, "port");
    w->port[1] = ports[i % (sizeof ports / sizeof *ports)];
}

static void steps(struct wire *w, struct span input)
{
    struct cursor c = cursor_open(input);
    choose_port(w, &c);
    for (unsigned i = 0; i < STEPS_MAX && cursor_left(&c); i++) {
        step(w, &c);
    }
}

void fuzz_connection(struct span input)
{
    struct wire *w = wire_new(6);
    w->analysis = fuzz_analysis_new();
    steps(w, input);
    fuzz_analysis_end(w->analysis);
    free(w);
}

/* One flow more than is followed, so that some are given up. */
void fuzz_fold(struct span input)
{
    struct wire *w = wire_new(6);
    w->twins = fuzz_twins_new(FUZZ_CONNECTIONS - 1, input.n % 2 ? 2 : 0);
    steps(w, input);
    bool same;
    fuzz_twins_end(w->twins, &same);
    fuzz_check(same, "folding changes nothing");
    free(w);
}

/* u8 direction, u16 length, bytes; again and again. */
void fuzz_datagrams(struct span input)
{
    struct wire *w = wire_new(17);
    w->analysis = fuzz_analysis_new();
    struct cursor c = cursor_open(input);
    choose_port(w, &c);
    for (unsigned i = 0; i < STEPS_MAX && cursor_left(&c); i++) {
        unsigned dir = cursor_u8(&c, "direction") & 1;
        size_t n = cursor_u16(&c, "length");
        size_t left = cursor_left(&c);
        n = n < left ? n : left;
        n = n < 65000 ? n : 65000;
        struct span data = cursor_take(&c, n, "datagram");
        uint8_t *udp = w->frame + 20;
        put16(udp, w->port[dir]);
        put16(udp + 2, w->port[1 - dir]);
        put16(udp + 4, (unsigned)(8 + data.n));
        put16(udp + 6, 0);
        if (data.n) {
            memcpy(udp + 8, data.p, data.n);
        }
        send(w, dir, 28 + data.n, 28 + data.n);
    }
    fuzz_analysis_end(w->analysis);
    free(w);
}

/* u16 link type, then frames: u16 length, bytes. */
void fuzz_frames(struct span input)
{
    struct fuzz_analysis *a = fuzz_analysis_new();
    struct cursor c = cursor_open(input);
    struct frame f = {.when = START, .linktype = cursor_u16(&c, "link type")};
    while (cursor_left(&c)) {
        size_t n = cursor_u16(&c, "length");
        size_t left = cursor_left(&c);
        f.data = cursor_take(&c, n < left ? n : left, "frame");
        f.wire_bytes = (uint32_t)f.data.n;
        f.number++;
        f.when += TICK_MSEC;
        fuzz_analysis_frame(a, &f);
    }
    fuzz_analysis_end(a);
}

/* A whole file, in memory. */
void fuzz_capture(struct span input)
{
    int fd = memfd_create("capture", MFD_CLOEXEC);
    if (fd < 0) {
        return; /* a system without it */
    }
    ssize_t written = input.n ? write(fd, input.p, input.n) : 0;
    char path[32];
    char error[CAPTURE_ERROR_BYTES];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct capture *capture = written == (ssize_t)input.n
                                  ? capture_open_file(path, NULL, error)
                                  : NULL;
    struct fuzz_analysis *a = fuzz_analysis_new();
    struct frame f;
    enum capture_status s = CAPTURE_END;
    while (capture && ((s = capture_next(capture, &f)) == CAPTURE_FRAME ||
                       s == CAPTURE_LINE)) {
        if (s == CAPTURE_FRAME) {
            fuzz_check(f.wire_bytes >= f.data.n, "captured is at most sent");
            fuzz_analysis_frame(a, &f);
        }
    }
    fuzz_analysis_end(a);
    capture_close(capture);
    close(fd);
}
