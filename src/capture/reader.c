/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of saved captures: classic pcap (draft-ietf-opsawg-pcap; both byte
 * orders, micro- and nanoseconds, Kuznetzov's variant, the old files with
 * swapped lengths) and pcapng (draft-ietf-opsawg-pcapng; sections, interfaces,
 * enhanced, simple and obsolete packet blocks, decryption secrets). Unknown
 * blocks are skipped. Packets are spans of the input's buffer.
 *
 * It does not use options other than if_tsresol and if_tsoffset, nor the time
 * zone field of pcap (always 0 in practice).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/reader.h"

/* Bounds against files made to exhaust memory. */
#define MAX_INTERFACES   65536u
#define MAX_SECRETS      4096u
#define MAX_SECRET_BYTES (16u << 20)

#define PCAP_HEADER_BYTES  24u
#define BLOCK_HEADER_BYTES 8u
#define BLOCK_MIN_BYTES    12u /* type, length, length again */

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET_OBSOLETE = 2,
    BLOCK_PACKET_SIMPLE = 3,
    BLOCK_PACKET = 6,
    BLOCK_SECRETS = 10,
};

enum { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

#define BYTE_ORDER_MAGIC 0x1a2b3c4du

/* Which of a pcap record's two lengths is the captured one. */
enum length_order { LENGTHS_NORMAL, LENGTHS_SWAPPED, LENGTHS_UNSURE };

struct pcap_interface {
    int linktype;
    uint32_t snaplen;
    uint8_t tsresol;    /* as in if_tsresol: 10^-n, or 2^-n with the top bit */
    uint64_t tick_unit; /* ns per unit when that is whole and > 0, else 0 */
    int64_t tsoffset;   /* seconds */
};

struct reader {
    struct input *in;
    /* The next step of opening; NULL once `next` is set. */
    enum reader_status (*begin)(struct reader *r);
    enum reader_status (*next)(struct reader *r, struct frame *out);
    size_t (*more)(struct reader *r, struct frame *v, size_t max);
    enum reader_status held; /* what reader_more() met, for reader_next() */
    uint64_t packets;
    uint64_t skip; /* bytes of the last frame that nobody wants */
    bool big;      /* byte order of the file or section */

    /* pcap */
    uint32_t record_bytes; /* of a record's header */
    uint32_t frac_ns;      /* 1000 or 1 */
    enum length_order order;

    bool pcapng;
    struct pcap_interface *interfaces; /* of the section */
    uint32_t n_interfaces, size_interfaces;
    uint32_t base_interfaces; /* in the sections before */
    int first_linktype;
    tick_t last; /* for packets without a timestamp */
    struct reader_secret *secrets;
    uint32_t n_secrets, secret_bytes;

    char error[READER_ERROR_BYTES];
};

static enum reader_status sniff_format(struct reader *r);

struct reader *reader_new(struct input *in)
{
    struct reader *r = calloc(1, sizeof *r);
    if (r) {
        r->in = in;
        r->begin = sniff_format;
        r->first_linktype = -1;
    }
    return r;
}

void reader_free(struct reader *r)
{
    if (!r) {
        return;
    }
    for (uint32_t i = 0; i < r->n_secrets; i++) {
        free((void *)(uintptr_t)r->secrets[i].data.p);
    }
    free(r->secrets);
    free(r->interfaces);
    free(r);
}

const char *reader_error(const struct reader *r)
{
    return r->error;
}

int reader_linktype(const struct reader *r)
{
    return r->first_linktype;
}

bool reader_may_bring_secrets(const struct reader *r)
{
    return r->pcapng;
}

size_t reader_secret_count(const struct reader *r)
{
    return r->n_secrets;
}

struct reader_secret reader_secret(const struct reader *r, size_t i)
{
    if (i >= r->n_secrets) {
        return (struct reader_secret){0, {NULL, 0}};
    }
    return r->secrets[i];
}

/* ---- how it ends --------------------------------------------------------- */

/* "WHAT after packet N", or "WHAT before the first packet"; the caller adds
 * ": details". */
static size_t where(struct reader *r, const char *what)
{
    int n = r->packets ? snprintf(r->error, sizeof r->error,
                                  "%s after packet %" PRIu64, what, r->packets)
                       : snprintf(r->error, sizeof r->error,
                                  "%s before the first packet", what);
    return n > 0 ? (size_t)n : 0;
}

__attribute__((format(printf, 2, 3))) static enum reader_status
damaged(struct reader *r, const char *fmt, ...)
{
    size_t n = where(r, "damaged");
    n += (size_t)snprintf(r->error + n, sizeof r->error - n, ": ");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->error + n, sizeof r->error - n, fmt, ap);
    va_end(ap);
    return READER_ERROR;
}

static enum reader_status unsupported(struct reader *r, const char *format,
                                      unsigned major, unsigned minor)
{
    if (r->packets) {
        return damaged(r, "unsupported %s version %u.%u", format, major, minor);
    }
    snprintf(r->error, sizeof r->error, "unsupported %s version %u.%u", format,
             major, minor);
    return READER_ERROR;
}

static enum reader_status out_of_memory(struct reader *r)
{
    snprintf(r->error, sizeof r->error, "out of memory");
    return READER_ERROR;
}

/* The input could not give what was asked for. */
static enum reader_status no_bytes(struct reader *r, enum input_status s)
{
    switch (s) {
    case INPUT_END:
        if (input_left(r->in) == 0 && r->skip == 0) {
            return READER_END;
        }
        where(r, "truncated");
        return READER_ERROR;
    case INPUT_TRUNCATED:
        where(r, "truncated");
        return READER_ERROR;
    case INPUT_DAMAGED:
        return damaged(r, "%s", input_why(r->in));
    case INPUT_FAILED:
        if (r->packets) {
            return damaged(r, "%s", input_why(r->in));
        }
        snprintf(r->error, sizeof r->error, "%s", input_why(r->in));
        return READER_ERROR;
    case INPUT_OK:
    case INPUT_WAIT:
    default:
        return READER_WAIT;
    }
}

/* What is left of a frame or block that was not wanted whole. */
static inline enum input_status drop_rest(struct reader *r)
{
    return r->skip ? input_skip(r->in, &r->skip) : INPUT_OK;
}

/* ---- numbers in the file's byte order ------------------------------------ */

static inline uint16_t get16(struct cursor *c, bool big, const char *why)
{
    return big ? cursor_u16(c, why) : cursor_le16(c, why);
}

static inline uint32_t get32(struct cursor *c, bool big, const char *why)
{
    return big ? cursor_u32(c, why) : cursor_le32(c, why);
}

static uint64_t get64(struct cursor *c, bool big, const char *why)
{
    uint64_t v = cursor_u64(c, why);
    return big ? v : __builtin_bswap64(v);
}

/* ---- link types ---------------------------------------------------------- */

/* The LINKTYPE_ value of a header's field, whose upper bits are about the
 * frame check sequence. 12 and 14 are DLT_RAW of systems that wrote their own
 * value into files. */
static int linktype_of(uint32_t field)
{
    int linktype = (int)(field & 0xffff);
    return linktype == 12 || linktype == 14 ? 101 : linktype;
}

/* The most bytes a record may claim. USB and D-Bus captures are not bound by
 * a network's frame size; of them only the start is delivered. */
static uint32_t frame_limit(int linktype)
{
    switch (linktype) {
    case 231: /* D-Bus */
    case 249: /* USBPcap */
    case 279: /* Elektrobit */
        return 128u << 20;
    default:
        return READER_FRAME_BYTES;
    }
}

/* Fills in what every format has, and takes the record from the input. */
static enum reader_status deliver(struct reader *r, struct frame *out,
                                  struct span data, uint32_t wire)
{
    out->number = ++r->packets;
    out->data = data;
    out->wire_bytes = wire < data.n ? (uint32_t)data.n : wire;
    out->has_vlan = false;
    out->vlan = 0;
    return READER_FRAME;
}

/* ---- pcap ---------------------------------------------------------------- */

/* Files of old tcpdumps have the lengths the other way round; which ones
 * exactly is unsure, so the larger one is taken for the wire length. */
static void order_lengths(const struct reader *r, uint32_t *caplen,
                          uint32_t *wire)
{
    if (r->order == LENGTHS_SWAPPED ||
        (r->order == LENGTHS_UNSURE && *caplen > *wire)) {
        uint32_t t = *caplen;
        *caplen = *wire;
        *wire = t;
    }
}

static enum reader_status pcap_next_frame(struct reader *r, struct frame *out)
{
    struct input *in = r->in;
    enum input_status s = drop_rest(r);
    if (s != INPUT_OK || (s = input_need(in, r->record_bytes)) != INPUT_OK) {
        return no_bytes(r, s);
    }
    struct cursor c = cursor_open(span_of(in->p, 16));
    uint32_t sec = get32(&c, r->big, "ts_sec");
    uint32_t frac = get32(&c, r->big, "ts_usec");
    uint32_t caplen = get32(&c, r->big, "incl_len");
    uint32_t wire = get32(&c, r->big, "orig_len");
    if (r->order != LENGTHS_NORMAL) {
        order_lengths(r, &caplen, &wire);
    }
    uint32_t n = caplen;
    if (__builtin_expect(n > READER_FRAME_BYTES, 0)) {
        if (n > frame_limit(r->first_linktype)) {
            return damaged(r, "record of %" PRIu32 " bytes", n);
        }
        n = READER_FRAME_BYTES;
    }
    size_t whole = (size_t)r->record_bytes + n;
    s = input_need(in, whole);
    if (s != INPUT_OK) {
        return no_bytes(r, s);
    }
    out->when = tick_make(sec, (int64_t)frac * r->frac_ns);
    out->linktype = r->first_linktype;
    out->interface = 0;
    struct span data = {in->p + r->record_bytes, n};
    in->p += whole;
    r->skip = caplen - n;
    return deliver(r, out, data, wire);
}

/* A number of a record's header. */
static inline uint32_t pcap_number(const struct reader *r, struct span s,
                                   size_t at)
{
    uint32_t v = span_u32(s, at);
    return r->big ? v : __builtin_bswap32(v);
}

/* The usual records; the others are for pcap_next_frame(). */
static size_t pcap_more_frames(struct reader *r, struct frame *v, size_t max)
{
    struct input *in = r->in;
    size_t header = r->record_bytes;
    size_t n = 0;
    while (n < max && r->skip == 0 && r->order == LENGTHS_NORMAL) {
        struct span s = span_of(in->p, input_left(in));
        uint32_t caplen = pcap_number(r, s, 8);
        if (s.n < header || caplen > READER_FRAME_BYTES ||
            s.n - header < caplen) {
            break;
        }
        struct frame *out = &v[n++];
        out->when = tick_make(pcap_number(r, s, 0),
                              (int64_t)pcap_number(r, s, 4) * r->frac_ns);
        out->linktype = r->first_linktype;
        out->interface = 0;
        in->p += header + caplen;
        deliver(r, out, span_sub(s, header, caplen), pcap_number(r, s, 12));
    }
    return n;
}

static enum reader_status pcap_version(struct reader *r, uint16_t major,
                                       uint16_t minor)
{
    bool dgux = major == 543 && minor == 0;
    if (!dgux && (major != 2 || minor > 4)) {
        return unsupported(r, "pcap", major, minor);
    }
    r->order = LENGTHS_NORMAL;
    if (dgux || minor < 3) {
        r->order = LENGTHS_SWAPPED;
    } else if (minor == 3) {
        r->order = LENGTHS_UNSURE;
    }
    return READER_FRAME;
}

static enum reader_status pcap_start(struct reader *r)
{
    enum input_status s = input_need(r->in, PCAP_HEADER_BYTES);
    if (s != INPUT_OK) {
        return no_bytes(r, s);
    }
    struct cursor c = cursor_open(span_of(r->in->p, PCAP_HEADER_BYTES));
    cursor_skip(&c, 4, "magic");
    uint16_t major = get16(&c, r->big, "version");
    uint16_t minor = get16(&c, r->big, "version");
    cursor_skip(&c, 12, "thiszone, sigfigs, snaplen");
    r->first_linktype = linktype_of(get32(&c, r->big, "network"));
    r->in->p += PCAP_HEADER_BYTES;
    r->next = pcap_next_frame;
    r->more = pcap_more_frames;
    return pcap_version(r, major, minor);
}

/* Whether m is one of pcap's magic numbers. */
static bool pcap_magic(struct reader *r, uint32_t m)
{
    r->frac_ns = 1000;
    r->record_bytes = 16;
    switch (m) {
    case 0xa1b2c3d4:
        return true;
    case 0xa1b23c4d:
        r->frac_ns = 1;
        return true;
    case 0xa1b2cd34: /* Kuznetzov: index, protocol and packet type added */
        r->record_bytes = 24;
        return true;
    default:
        return false;
    }
}

/* ---- pcapng: sections, interfaces, secrets ------------------------------- */

/* ns per unit of if_tsresol when whole, else 0. */
static uint64_t tick_unit(uint8_t tsresol)
{
    if (tsresol > 9) {
        return tsresol == 0x80 ? (uint64_t)TICK_SEC : 0;
    }
    uint64_t unit = 1;
    for (unsigned i = tsresol; i < 9; i++) {
        unit *= 10;
    }
    return unit;
}

/* The fractions tick_unit() has no number for, rounded down. */
static tick_t odd_tick(uint8_t tsresol, uint64_t units)
{
    unsigned n = tsresol & 0x7f;
    if (tsresol & 0x80) {
        unsigned __int128 ns = (unsigned __int128)units * (uint64_t)TICK_SEC;
        ns >>= n;
        return ns > TICK_MAX ? TICK_MAX : (tick_t)ns;
    }
    for (; n > 9 && units > 0; n--) {
        units /= 10;
    }
    return units > TICK_MAX ? TICK_MAX : (tick_t)units;
}

static tick_t tick_of(const struct pcap_interface *i, uint64_t units)
{
    tick_t t;
    if (i->tick_unit == 0) {
        t = odd_tick(i->tsresol, units);
    } else if (__builtin_mul_overflow(units, i->tick_unit, &t)) {
        t = TICK_MAX;
    }
    if (i->tsoffset != 0 &&
        __builtin_add_overflow(t, tick_make(i->tsoffset, 0), &t)) {
        t = i->tsoffset > 0 ? TICK_MAX : -TICK_MAX;
    }
    return t > TICK_MAX ? TICK_MAX : t < -TICK_MAX ? -TICK_MAX : t;
}

/* Options that are malformed are as good as absent: the packets still count. */
static void interface_options(struct pcap_interface *i, struct cursor c,
                              bool big)
{
    while (cursor_left(&c) >= 4) {
        uint16_t code = get16(&c, big, "option");
        uint16_t n = get16(&c, big, "option length");
        struct cursor v = cursor_child(&c, n, "option");
        if (code == OPTION_END) {
            return;
        }
        if (code == OPTION_TSRESOL && n == 1 && cursor_ok(&v)) {
            i->tsresol = cursor_u8(&v, "if_tsresol");
        } else if (code == OPTION_TSOFFSET && n == 8 && cursor_ok(&v)) {
            i->tsoffset = (int64_t)get64(&v, big, "if_tsoffset");
        }
        size_t pad = (4u - n % 4u) % 4u;
        cursor_skip(&c, pad, "option padding");
    }
}

static bool grow_interfaces(struct reader *r)
{
    if (r->n_interfaces < r->size_interfaces) {
        return true;
    }
    uint32_t size = r->size_interfaces ? r->size_interfaces * 2 : 4;
    void *p = realloc(r->interfaces, size * sizeof *r->interfaces);
    if (!p) {
        return false;
    }
    r->interfaces = p;
    r->size_interfaces = size;
    return true;
}

static enum reader_status interface_block(struct reader *r, struct cursor c)
{
    uint16_t network = get16(&c, r->big, "LinkType");
    cursor_skip(&c, 2, "reserved");
    struct pcap_interface i = {
        .linktype = linktype_of(network),
        .snaplen = get32(&c, r->big, "SnapLen"),
        .tsresol = 6,
    };
    if (!cursor_ok(&c)) {
        return damaged(r, "interface block cut at %s", c.why);
    }
    interface_options(&i, c, r->big);
    i.tick_unit = tick_unit(i.tsresol);
    if (r->n_interfaces >= MAX_INTERFACES) {
        return damaged(r, "more than %u interfaces", MAX_INTERFACES);
    }
    if (!grow_interfaces(r)) {
        return out_of_memory(r);
    }
    r->interfaces[r->n_interfaces++] = i;
    if (r->first_linktype < 0) {
        r->first_linktype = i.linktype;
    }
    return READER_FRAME;
}

static enum reader_status section_block(struct reader *r, struct cursor c)
{
    cursor_skip(&c, 4, "byte-order magic");
    uint16_t major = get16(&c, r->big, "version");
    uint16_t minor = get16(&c, r->big, "version");
    cursor_skip(&c, 8, "section length");
    if (!cursor_ok(&c)) {
        return damaged(r, "section block cut at %s", c.why);
    }
    /* 1.2 is written by some programs and means 1.0. */
    if (major != 1 || (minor != 0 && minor != 2)) {
        return unsupported(r, "pcapng", major, minor);
    }
    r->base_interfaces += r->n_interfaces;
    r->n_interfaces = 0;
    return READER_FRAME;
}

static enum reader_status secrets_block(struct reader *r, struct cursor c)
{
    uint32_t type = get32(&c, r->big, "secrets type");
    uint32_t n = get32(&c, r->big, "secrets length");
    struct span data = cursor_take(&c, n, "secrets");
    if (!cursor_ok(&c)) {
        return damaged(r, "secrets block cut at %s", c.why);
    }
    if (r->n_secrets >= MAX_SECRETS || n > MAX_SECRET_BYTES - r->secret_bytes) {
        return READER_FRAME;
    }
    if (!r->secrets) {
        r->secrets = calloc(MAX_SECRETS, sizeof *r->secrets);
    }
    uint8_t *copy = r->secrets ? malloc(n ? n : 1) : NULL;
    if (!copy) {
        return out_of_memory(r);
    }
    if (n > 0) {
        memcpy(copy, data.p, n);
    }
    r->secrets[r->n_secrets++] = (struct reader_secret){type, {copy, n}};
    r->secret_bytes += n;
    return READER_FRAME;
}

/* ---- pcapng: packets ----------------------------------------------------- */

/* What the three packet blocks have in common. */
static enum reader_status packet_of(struct reader *r, struct frame *out,
                                    const struct pcap_interface *i,
                                    struct cursor c, uint32_t caplen,
                                    uint32_t wire)
{
    if (caplen > frame_limit(i->linktype)) {
        return damaged(r, "packet of %" PRIu32 " bytes", caplen);
    }
    struct span data = cursor_take(&c, caplen, "packet data");
    if (!cursor_ok(&c)) {
        return damaged(r, "packet block cut at %s", c.why);
    }
    r->last = out->when;
    out->linktype = i->linktype;
    out->interface = r->base_interfaces + (uint32_t)(i - r->interfaces);
    return deliver(r, out, span_sub(data, 0, READER_FRAME_BYTES), wire);
}

static enum reader_status packet_block(struct reader *r, struct frame *out,
                                       struct cursor c, bool obsolete)
{
    uint32_t id;
    if (obsolete) {
        id = get16(&c, r->big, "interface");
        cursor_skip(&c, 2, "drops count");
    } else {
        id = get32(&c, r->big, "interface");
    }
    uint64_t hi = get32(&c, r->big, "timestamp");
    uint64_t lo = get32(&c, r->big, "timestamp");
    uint32_t caplen = get32(&c, r->big, "captured length");
    uint32_t wire = get32(&c, r->big, "original length");
    if (!cursor_ok(&c)) {
        return damaged(r, "packet block cut at %s", c.why);
    }
    if (id >= r->n_interfaces) {
        return damaged(r, "packet of interface %" PRIu32 " of %" PRIu32, id,
                       r->n_interfaces);
    }
    const struct pcap_interface *i = &r->interfaces[id];
    out->when = tick_of(i, hi << 32 | lo);
    return packet_of(r, out, i, c, caplen, wire);
}

static enum reader_status simple_block(struct reader *r, struct frame *out,
                                       struct cursor c)
{
    uint32_t wire = get32(&c, r->big, "original length");
    if (!cursor_ok(&c)) {
        return damaged(r, "packet block cut at %s", c.why);
    }
    if (r->n_interfaces == 0) {
        return damaged(r, "packet of interface 0 of 0");
    }
    const struct pcap_interface *i = &r->interfaces[0];
    uint32_t caplen = (uint32_t)cursor_left(&c);
    if (caplen > wire) {
        caplen = wire;
    }
    if (i->snaplen != 0 && caplen > i->snaplen) {
        caplen = i->snaplen;
    }
    /* It has no time of its own: the last one keeps the order. */
    out->when = r->last;
    return packet_of(r, out, i, c, caplen, wire);
}

/* ---- pcapng: blocks ------------------------------------------------------ */

static bool block_is_packet(uint32_t type)
{
    return type == BLOCK_PACKET || type == BLOCK_PACKET_SIMPLE ||
           type == BLOCK_PACKET_OBSOLETE;
}

/* What cannot be skipped without misreading the rest. */
static bool block_essential(uint32_t type)
{
    return type == BLOCK_SECTION || type == BLOCK_INTERFACE ||
           block_is_packet(type);
}

/* A section header says in which byte order it is written, its length too. */
static enum reader_status section_order(struct reader *r)
{
    enum input_status s = input_need(r->in, BLOCK_MIN_BYTES);
    if (s != INPUT_OK) {
        return no_bytes(r, s);
    }
    struct cursor c = cursor_open(span_of(r->in->p, BLOCK_MIN_BYTES));
    cursor_skip(&c, BLOCK_HEADER_BYTES, "block header");
    uint32_t magic = cursor_u32(&c, "byte-order magic");
    if (magic != BYTE_ORDER_MAGIC &&
        magic != __builtin_bswap32(BYTE_ORDER_MAGIC)) {
        return damaged(r, "section with byte-order magic %08" PRIx32, magic);
    }
    r->big = magic == BYTE_ORDER_MAGIC;
    return READER_FRAME;
}

/* Type and length of the next block, which stays in the input. */
static enum reader_status block_peek(struct reader *r, uint32_t *type,
                                     uint32_t *n)
{
    enum input_status s = drop_rest(r);
    if (s != INPUT_OK ||
        (s = input_need(r->in, BLOCK_HEADER_BYTES)) != INPUT_OK) {
        return no_bytes(r, s);
    }
    struct cursor c = cursor_open(span_of(r->in->p, BLOCK_HEADER_BYTES));
    *type = get32(&c, r->big, "block type");
    if (*type == BLOCK_SECTION) {
        enum reader_status rs = section_order(r);
        if (rs != READER_FRAME) {
            return rs;
        }
    }
    *n = get32(&c, r->big, "block length");
    bool too_long = *n > INPUT_HOLD_BYTES && block_essential(*type);
    if (*n < BLOCK_MIN_BYTES || *n % 4 != 0 || too_long) {
        return damaged(r, "block of %" PRIu32 " bytes", *n);
    }
    return READER_FRAME;
}

/* The block's body, without its lengths; the block is taken from the input. */
static enum reader_status block_take(struct reader *r, uint32_t n,
                                     struct cursor *body)
{
    enum input_status s = input_need(r->in, n);
    if (s != INPUT_OK) {
        return no_bytes(r, s);
    }
    struct cursor c = cursor_open(span_of(r->in->p, n));
    cursor_skip(&c, BLOCK_HEADER_BYTES, "block header");
    *body = cursor_child(&c, n - BLOCK_MIN_BYTES, "block");
    uint32_t again = get32(&c, r->big, "block length");
    if (again != n) {
        return damaged(r, "block of %" PRIu32 " bytes that ends with %" PRIu32,
                       n, again);
    }
    r->in->p += n;
    return READER_FRAME;
}

/* A block that is no packet. Only long ones are skipped unread, for the
 * second length shows whether the first one was true. */
static enum reader_status other_block(struct reader *r, uint32_t type,
                                      uint32_t n)
{
    uint32_t hold = block_essential(type) || type == BLOCK_SECRETS
                        ? INPUT_HOLD_BYTES
                        : INPUT_BUFFER_BYTES;
    if (n > hold) {
        r->skip = n;
        return READER_FRAME;
    }
    struct cursor body;
    enum reader_status s = block_take(r, n, &body);
    if (s != READER_FRAME) {
        return s;
    }
    switch (type) {
    case BLOCK_SECTION:
        return section_block(r, body);
    case BLOCK_INTERFACE:
        return interface_block(r, body);
    case BLOCK_SECRETS:
        return secrets_block(r, body);
    default:
        return READER_FRAME;
    }
}

static enum reader_status pcapng_next_frame(struct reader *r, struct frame *out)
{
    uint32_t type = 0, n = 0;
    enum reader_status s;
    for (;;) {
        s = block_peek(r, &type, &n);
        if (s != READER_FRAME) {
            return s;
        }
        if (block_is_packet(type)) {
            break;
        }
        s = other_block(r, type, n);
        if (s != READER_FRAME) {
            return s;
        }
    }
    struct cursor body;
    s = block_take(r, n, &body);
    if (s != READER_FRAME) {
        return s;
    }
    if (type == BLOCK_PACKET_SIMPLE) {
        return simple_block(r, out, body);
    }
    return packet_block(r, out, body, type == BLOCK_PACKET_OBSOLETE);
}

/* Whether an enhanced packet block comes next and is whole in the buffer. */
static bool packet_at_hand(const struct reader *r)
{
    struct span s = span_of(r->in->p, input_left(r->in));
    struct cursor c = cursor_open(s);
    uint32_t type = get32(&c, r->big, "block type");
    uint32_t n = get32(&c, r->big, "block length");
    return cursor_ok(&c) && r->skip == 0 && type == BLOCK_PACKET && n <= s.n;
}

static size_t pcapng_more_frames(struct reader *r, struct frame *v, size_t max)
{
    size_t n = 0;
    while (n < max && packet_at_hand(r)) {
        enum reader_status s = pcapng_next_frame(r, &v[n]);
        if (s != READER_FRAME) {
            r->held = s;
            break;
        }
        n++;
    }
    return n;
}

/* Up to the first interface or packet. */
static enum reader_status pcapng_start(struct reader *r)
{
    while (r->first_linktype < 0) {
        uint32_t type = 0, n = 0;
        enum reader_status s = block_peek(r, &type, &n);
        if (s != READER_FRAME) {
            return s;
        }
        if (block_is_packet(type)) {
            break;
        }
        s = other_block(r, type, n);
        if (s != READER_FRAME) {
            return s;
        }
    }
    r->next = pcapng_next_frame;
    r->more = pcapng_more_frames;
    return READER_FRAME;
}

/* ---- both ---------------------------------------------------------------- */

static enum reader_status sniff_format(struct reader *r)
{
    enum input_status s = input_need(r->in, 4);
    if (s == INPUT_END && input_left(r->in) == 0) {
        snprintf(r->error, sizeof r->error, "empty file");
        return READER_ERROR;
    }
    if (s != INPUT_OK) {
        return s == INPUT_END ? READER_FOREIGN : no_bytes(r, s);
    }
    struct cursor c = cursor_open(span_of(r->in->p, 4));
    uint32_t magic = cursor_u32(&c, "magic");
    if (magic == BLOCK_SECTION) {
        r->begin = pcapng_start;
        r->pcapng = true;
        return READER_FRAME;
    }
    r->big = pcap_magic(r, magic);
    if (!r->big && !pcap_magic(r, __builtin_bswap32(magic))) {
        return READER_FOREIGN;
    }
    r->begin = pcap_start;
    return READER_FRAME;
}

enum reader_status reader_start(struct reader *r)
{
    enum reader_status s = READER_FRAME;
    while (s == READER_FRAME && !r->next) {
        s = r->begin(r);
    }
    return s;
}

enum reader_status reader_next(struct reader *r, struct frame *out)
{
    if (__builtin_expect(!r->next, 0)) {
        enum reader_status s = reader_start(r);
        if (s != READER_FRAME) {
            return s;
        }
    }
    return r->held == READER_FRAME ? r->next(r, out) : r->held;
}

size_t reader_more(struct reader *r, struct frame *v, size_t max)
{
    return r->more && r->held == READER_FRAME ? r->more(r, v, max) : 0;
}
