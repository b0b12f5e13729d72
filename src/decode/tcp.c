/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport headers: TCP (RFC 9293; of its options the maximum segment size,
 * whether there are timestamps, RFC 7323, and whether something arrived behind
 * a hole, RFC 2018), UDP (RFC 768), and ICMP errors
 * (RFC 792, RFC 1191, RFC 4443, RFC 4884). Options that make no sense end the
 * reading of options and nothing else.
 */
#include "base/hash.h"
#include "decode/layers.h"

#include <endian.h>

/* *w->out is a value on the caller's stack that nobody cleared: each transport
 * sets what the others use. */
static void clear_tcp(struct packet *out)
{
    out->flags = 0;
    out->seq = 0;
    out->ack = 0;
    out->window = 0;
    out->header_bytes = 0;
    packet_clear_options(out);
}

static void clear_icmp(struct packet *out)
{
    out->icmp_type = 0;
    out->icmp_code = 0;
    out->icmp_mtu = 0;
}

static void put_payload(struct packet *out, struct slice s)
{
    out->payload = s.bytes;
    out->payload_wire_bytes =
        s.wire > UINT32_MAX ? UINT32_MAX : (uint32_t)s.wire;
}

/* ---- TCP ---- */

#define WINDOW_SHIFT_MAX 14u /* RFC 7323 section 2.3 */

static void read_option(struct packet *out, struct cursor *c)
{
    uint8_t kind = cursor_u8(c, "kind");
    if (kind == 1) {
        return;
    }
    if (kind == 0) {
        cursor_fail(c, "end of options");
        return;
    }
    uint8_t len = cursor_u8(c, "length");
    if (len < 2) {
        cursor_fail(c, "length");
        return;
    }
    struct cursor value = cursor_child(c, len - 2u, "value");
    if (kind == 2 && len == 4 && out->flags & TCP_SYN) {
        out->mss = cursor_u16(&value, "maximum segment size");
    } else if (kind == 3 && len == 3 && out->flags & TCP_SYN) {
        uint8_t shift = cursor_u8(&value, "window scale");
        out->window_shift = shift > WINDOW_SHIFT_MAX ? WINDOW_SHIFT_MAX : shift;
    } else if (kind == 8 && len == 10 && cursor_ok(&value)) {
        out->has_timestamp = true;
    } else if (kind == 19 && len == 18 && cursor_ok(&value)) {
        out->has_signature = true;
    } else if (kind == 5 && len >= 10) {
        uint32_t left = cursor_u32(&value, "left edge");
        /* Below the acknowledgement it reports a duplicate (RFC 2883). */
        out->acks_beyond = cursor_ok(&value) && (int32_t)(left - out->ack) > 0;
    }
}

void tcp_options(struct packet *out, struct span options)
{
    struct cursor c = cursor_open(options);
    /* Nearly every segment with options has these only. */
    if (options.n == 12 && cursor_u32(&c, "timestamps") == 0x0101080a) {
        out->has_timestamp = true;
        return;
    }
    c = cursor_open(options);
    while (cursor_left(&c)) {
        read_option(out, &c);
    }
}

enum decode_result tcp_decode(struct walk *w, struct slice s)
{
    struct packet *out = w->out;
    struct cursor c = cursor_open(s.bytes);
    out->src.port = cursor_u16(&c, "source port");
    out->dst.port = cursor_u16(&c, "destination port");
    out->seq = cursor_u32(&c, "sequence number");
    out->ack = cursor_u32(&c, "acknowledgment number");
    size_t header = (size_t)(cursor_u8(&c, "data offset") >> 4) * 4;
    out->flags = cursor_u8(&c, "flags");
    out->window = cursor_u16(&c, "window");
    cursor_skip(&c, 4, "checksum, urgent pointer");
    if (!cursor_ok(&c)) {
        return slice_short(&s);
    }
    if (header < 20 || header > s.wire) {
        return DECODE_MALFORMED;
    }
    out->header_bytes = header <= s.bytes.n ? (uint8_t)header : 0;
    packet_clear_options(out);
    if (header > 20) {
        tcp_options(out, span_sub(s.bytes, 20, header - 20));
    }
    clear_icmp(out);
    /* The capture may have cut the options: the segment still counts. */
    put_payload(out, (struct slice){span_sub(s.bytes, header, SIZE_MAX),
                                    s.wire - header});
    return DECODE_PACKET;
}

/* The ones' complement sum of RFC 1071 (sections 1 and 2: its bytes come out in
 * the order they have in memory, however wide the words are that are added).
 * Words of 32 bits are added, eight at a time: neither a whole segment nor what
 * is added to it fills 64 bits. */
typedef uint64_t lanes __attribute__((vector_size(32)));

/* Whichever the processor has; the same source for each. */
#if defined __x86_64__ && defined __gnu_linux__ && !defined __SANITIZE_ADDRESS__
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

static inline uint64_t word_at(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static inline uint64_t two_words(uint64_t words)
{
    return (words & UINT32_MAX) + (words >> 32);
}

/* Of at least eight bytes: a header alone has 20. */
WIDE static uint64_t sum_of(struct span s)
{
    lanes sums = {0};
    lanes eight;
    size_t at = 0;
    for (; s.n - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, s.p + at, sizeof eight);
        sums += (eight & UINT32_MAX) + (eight >> 32);
    }
    uint64_t sum = sums[0] + sums[1] + sums[2] + sums[3];
    for (; s.n - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        sum += two_words(hash_load64(s.p + at));
    }
    if (at < s.n) { /* the last eight without those that are in the sum */
        uint64_t last = le64toh(hash_load64(s.p + s.n - sizeof last));
        sum += two_words(htole64(last >> 8 * (at + sizeof last - s.n)));
    }
    return sum;
}

static uint16_t folded(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    uint16_t words = (uint16_t)sum;
    return span_u16(span_of(&words, sizeof words), 0);
}

enum checksum packet_checksum(const struct packet *p)
{
    if (!p->header_bytes || p->payload.n < p->payload_wire_bytes) {
        return CHECKSUM_UNKNOWN;
    }
    size_t ip = p->ip_version == 6 ? 16 : 4;
    size_t length = p->header_bytes + p->payload.n;
    const uint8_t proto[4] = {0, PROTO_TCP, 0, 0};
    const uint8_t bytes[4] = {0, (uint8_t)(length >> 16),
                              (uint8_t)(length >> 8), (uint8_t)length};
    struct span segment = span_of(p->payload.p - p->header_bytes, length);
    uint64_t ends = word_at(proto);
    for (size_t i = 0; i < ip; i += 4) {
        ends += word_at(p->src.ip + i) + word_at(p->dst.ip + i);
    }
    uint64_t pseudo = ends + word_at(bytes);
    if (folded(pseudo + sum_of(segment)) == 0xffff) {
        return CHECKSUM_GOOD;
    }
    /* Offload: the sum of the pseudo header waits for the rest of it; some
     * cards want it without the length, some want nothing. */
    uint16_t there = span_u16(segment, 16);
    bool waits = there == 0 || there == folded(pseudo) || there == folded(ends);
    return waits ? CHECKSUM_UNKNOWN : CHECKSUM_WRONG;
}

/* ---- UDP ---- */

static bool is_tunnel_port(const struct decoder *d, uint16_t port)
{
    if (!(d->ports_mask >> (port % 64) & 1)) {
        return false;
    }
    for (size_t i = 0; i < d->ports_n; i++) {
        if (d->ports[i] == port) {
            return true;
        }
    }
    return false;
}

enum decode_result udp_decode(struct walk *w, struct slice s)
{
    struct packet *out = w->out;
    struct cursor c = cursor_open(s.bytes);
    uint16_t src = cursor_u16(&c, "source port");
    uint16_t dst = cursor_u16(&c, "destination port");
    size_t len = cursor_u16(&c, "length");
    cursor_skip(&c, 2, "checksum");
    if (!cursor_ok(&c)) {
        return slice_short(&s);
    }
    if (len != 0 && len < 8) {
        return DECODE_MALFORMED;
    }
    if (len != 0) {
        s = slice_trim(&s, len);
    }
    s = slice_after(&s, 8);
    bool to = is_tunnel_port(w->d, dst);
    if (to || is_tunnel_port(w->d, src)) {
        struct packet outer = *out;
        struct encap_key key = {BY_UDP_PORT, to ? dst : src};
        enum decode_result r = encap_find(key)->read(w, s, key);
        if (r == DECODE_PACKET || r == DECODE_FRAGMENT) {
            return r;
        }
        *out = outer; /* a UDP packet that happens to use that port */
    }
    out->src.port = src;
    out->dst.port = dst;
    clear_tcp(out);
    clear_icmp(out);
    put_payload(out, s);
    return DECODE_PACKET;
}

/* ---- ICMP ---- */

static bool is_error(uint8_t ip_version, uint8_t type)
{
    if (ip_version == 6) {
        return type < 128;
    }
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* How many bytes of the original datagram are quoted when extensions follow
 * (RFC 4884 section 4), or everything. */
static size_t quoted_bytes(uint8_t ip_version, uint8_t type, uint32_t word)
{
    size_t n = 0;
    if (ip_version == 6 && (type == 1 || type == 3)) {
        n = (size_t)(word >> 24) * 8;
    } else if (ip_version == 4 && type != 4 && type != 5) {
        n = (size_t)(word >> 16 & 0xff) * 4;
    }
    return n ? n : SIZE_MAX;
}

static uint16_t next_hop_mtu(const struct packet *p, uint32_t word)
{
    if (p->ip_version == 6 && p->icmp_type == 2) {
        return word > UINT16_MAX ? UINT16_MAX : (uint16_t)word;
    }
    if (p->ip_version == 4 && p->icmp_type == 3 && p->icmp_code == 4) {
        return (uint16_t)word;
    }
    return 0;
}

enum decode_result icmp_decode(struct walk *w, struct slice s)
{
    struct packet *out = w->out;
    struct cursor c = cursor_open(s.bytes);
    out->icmp_type = cursor_u8(&c, "type");
    out->icmp_code = cursor_u8(&c, "code");
    cursor_skip(&c, 2, "checksum");
    uint32_t word = cursor_u32(&c, "rest of header");
    if (!cursor_ok(&c)) {
        return slice_short(&s);
    }
    out->src.port = 0;
    out->dst.port = 0;
    clear_tcp(out);
    out->icmp_mtu = next_hop_mtu(out, word);
    s = slice_after(&s, 8);
    size_t quoted = 0;
    if (is_error(out->ip_version, out->icmp_type)) {
        quoted = quoted_bytes(out->ip_version, out->icmp_type, word);
    }
    put_payload(out, slice_trim(&s, quoted));
    return DECODE_PACKET;
}
