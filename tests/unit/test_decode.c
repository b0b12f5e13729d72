/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames built by hand, layer by layer, through the decoder. Every frame is
 * decoded from a heap block of its exact size, whole and cut at every length,
 * so that the address sanitizer sees any read past its end.
 */
#include "decode/packet.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* ---- building frames ---- */

struct bytes {
    uint8_t v[70000];
    size_t n;
};

static void add(struct bytes *b, const void *p, size_t n)
{
    cr_assert(n <= sizeof b->v - b->n);
    memcpy(b->v + b->n, p, n);
    b->n += n;
}

static void u8(struct bytes *b, unsigned v)
{
    uint8_t x = (uint8_t)v;
    add(b, &x, 1);
}

static void u16(struct bytes *b, unsigned v)
{
    u8(b, v >> 8 & 0xff);
    u8(b, v & 0xff);
}

static void u32(struct bytes *b, uint32_t v)
{
    u16(b, v >> 16);
    u16(b, v & 0xffff);
}

static void zeros(struct bytes *b, size_t n)
{
    while (n--) {
        u8(b, 0);
    }
}

static void hex(struct bytes *b, const char *s)
{
    for (; *s; s++) {
        if (*s == ' ') {
            continue;
        }
        const char digit[] = {s[0], s[1], 0};
        u8(b, (unsigned)strtoul(digit, NULL, 16));
        s++;
    }
}

static void set16(struct bytes *b, size_t at, size_t v)
{
    b->v[at] = (uint8_t)(v >> 8);
    b->v[at + 1] = (uint8_t)v;
}

static void ethernet(struct bytes *b, unsigned type)
{
    hex(b, "020000000001 020000000002");
    u16(b, type);
}

/* An IPv4 header 192.0.2.1 -> 198.51.100.2 whose length ip4_end() fills in. */
static size_t ip4(struct bytes *b, unsigned proto)
{
    size_t at = b->n;
    hex(b, "45 00 0000 abcd 4000 40");
    u8(b, proto);
    hex(b, "0000 c0000201 c6336402");
    return at;
}

static void ip4_end(struct bytes *b, size_t at)
{
    set16(b, at + 2, b->n - at);
}

/* 2001:db8::1 -> 2001:db8::2 */
static size_t ip6(struct bytes *b, unsigned next)
{
    size_t at = b->n;
    hex(b, "60000000 0000");
    u8(b, next);
    hex(b, "39 20010db8000000000000000000000001"
           "20010db8000000000000000000000002");
    return at;
}

static void ip6_end(struct bytes *b, size_t at)
{
    set16(b, at + 4, b->n - at - 40);
}

/* 49152 -> 443, seq 0x01020304, ack 0x05060708, PSH ACK, window 0x1000, and
 * "hello". */
static void tcp(struct bytes *b)
{
    hex(b, "c000 01bb 01020304 05060708 50 18 1000 0000 0000");
    add(b, "hello", 5);
}

static size_t udp(struct bytes *b, unsigned src, unsigned dst)
{
    size_t at = b->n;
    u16(b, src);
    u16(b, dst);
    u16(b, 0);
    u16(b, 0);
    return at;
}

static void udp_end(struct bytes *b, size_t at)
{
    set16(b, at + 4, b->n - at);
}

static void tcp4(struct bytes *b)
{
    size_t ip = ip4(b, 6);
    tcp(b);
    ip4_end(b, ip);
}

static void tcp6(struct bytes *b)
{
    size_t ip = ip6(b, 6);
    tcp(b);
    ip6_end(b, ip);
}

/* ---- decoding them ---- */

static struct decoder *dec;
static uint8_t *block;
static struct packet got;

static void setup(void)
{
    dec = decoder_new();
    cr_assert_not_null(dec);
    block = NULL;
}

static void teardown(void)
{
    free(block);
    decoder_free(dec);
}

TestSuite(decode, .init = setup, .fini = teardown);

/* The first n bytes of b, of which there were `wire` on the wire. */
static enum decode_result run_at(int linktype, const struct bytes *b, size_t n,
                                 size_t wire, tick_t when)
{
    free(block);
    block = malloc(n ? n : 1);
    cr_assert_not_null(block);
    memcpy(block, b->v, n);
    struct frame f = {.when = when,
                      .number = 7,
                      .linktype = linktype,
                      .wire_bytes = (uint32_t)wire,
                      .data = span_of(block, n)};
    memset(&got, 0xa5, sizeof got);
    return decoder_frame(dec, &f, &got);
}

static enum decode_result run(int linktype, const struct bytes *b)
{
    return run_at(linktype, b, b->n, b->n, 1000);
}

static bool payload_is(const char *s)
{
    return span_eq(got.payload, span_text(s));
}

static void expect_tcp(unsigned ip_version)
{
    static const uint8_t src4[16] = {192, 0, 2, 1};
    static const uint8_t dst4[16] = {198, 51, 100, 2};
    static const uint8_t src6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    static const uint8_t dst6[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
    cr_assert_eq(got.ip_version, ip_version);
    cr_assert_eq(memcmp(got.src.ip, ip_version == 4 ? src4 : src6, 16), 0);
    cr_assert_eq(memcmp(got.dst.ip, ip_version == 4 ? dst4 : dst6, 16), 0);
    cr_assert_eq(got.proto, PROTO_TCP);
    cr_assert_eq(got.ttl, ip_version == 4 ? 0x40 : 0x39);
    cr_assert_eq(got.ip_id, ip_version == 4 ? 0xabcd : 0);
    cr_assert_eq(got.ip_df, true);
    cr_assert_eq(got.src.port, 49152);
    cr_assert_eq(got.dst.port, 443);
    cr_assert_eq(got.seq, 0x01020304);
    cr_assert_eq(got.ack, 0x05060708);
    cr_assert_eq(got.flags, TCP_PSH | TCP_ACK);
    cr_assert_eq(got.window, 0x1000);
    cr_assert_eq(got.mss, 0);
    cr_assert_eq(got.has_timestamp, false);
    cr_assert_eq(got.icmp_type, 0);
    cr_assert_eq(got.icmp_code, 0);
    cr_assert_eq(got.icmp_mtu, 0);
    cr_assert_eq(got.when, 1000);
    cr_assert_eq(got.frame, 7);
    cr_assert(payload_is("hello"));
    cr_assert_eq(got.payload_wire_bytes, 5);
}

/*
 * Cuts a frame whose last bytes are tcp() at every length, once as the
 * snapshot length does it and once as if the frame had been that short.
 */
static void every_cut(int linktype, const struct bytes *b)
{
    for (size_t n = 0; n < b->n; n++) {
        enum decode_result r = run_at(linktype, b, n, b->n, 1000);
        if (n + 5 >= b->n) {
            cr_assert_eq(r, DECODE_PACKET, "%zu of %zu", n, b->n);
            cr_assert_eq(got.payload.n, 5 - (b->n - n));
            cr_assert_eq(got.payload_wire_bytes, 5);
            cr_assert_eq(got.dst.port, 443);
        } else {
            cr_assert_eq(r, DECODE_CUT, "%zu of %zu: %d", n, b->n, r);
        }
        r = run_at(linktype, b, n, n, 1000);
        cr_assert(n + 5 >= b->n || r != DECODE_PACKET, "%zu", n);
    }
}

static void expect_inside(int linktype, const struct bytes *b,
                          unsigned ip_version)
{
    cr_assert_eq(run(linktype, b), DECODE_PACKET);
    expect_tcp(ip_version);
    every_cut(linktype, b);
}

/* ---- link layers ---- */

Test(decode, ethernet_ipv4)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x0800);
    tcp4(&b);
    expect_inside(1, &b, 4);
    cr_assert_eq(run(1, &b), DECODE_PACKET);
    cr_assert_eq(got.vlan, VLAN_NONE);
    cr_assert_eq(got.tunnel, 0);
}

Test(decode, ethernet_ipv6)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x86dd);
    tcp6(&b);
    expect_inside(1, &b, 6);
}

Test(decode, vlan_tags_outermost_counts)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x88a8);
    hex(&b, "2064 8100 00c8 0800");
    tcp4(&b);
    cr_assert_eq(run(1, &b), DECODE_PACKET);
    expect_tcp(4);
    cr_assert_eq(got.vlan, 0x064);
    every_cut(1, &b);
}

Test(decode, priority_tag_is_no_vlan)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x8100);
    hex(&b, "e000 9100 0005 86dd");
    tcp6(&b);
    cr_assert_eq(run(1, &b), DECODE_PACKET);
    expect_tcp(6);
    cr_assert_eq(got.vlan, 5);
}

Test(decode, vlan_beside_the_data)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x8100);
    hex(&b, "0005 0800");
    tcp4(&b);
    struct frame f = {.number = 1,
                      .linktype = 1,
                      .wire_bytes = (uint32_t)b.n,
                      .data = span_of(b.v, b.n),
                      .has_vlan = true,
                      .vlan = 77};
    cr_assert_eq(decoder_frame(dec, &f, &got), DECODE_PACKET);
    cr_assert_eq(got.vlan, 77);
}

Test(decode, llc_snap_and_802_3_length)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0);
    size_t at = b.n;
    hex(&b, "aaaa03 000000 0800");
    tcp4(&b);
    set16(&b, at - 2, b.n - at);
    expect_inside(1, &b, 4);
}

Test(decode, mpls)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x8847);
    hex(&b, "00010040 00020140"); /* labels 16, then 32 at the bottom */
    tcp6(&b);
    expect_inside(1, &b, 6);
    cr_assert_eq(run(1, &b), DECODE_PACKET);
    cr_assert_eq(got.tunnel, 32);
}

Test(decode, mpls_pseudowire)
{
    struct bytes with = {.n = 0};
    ethernet(&with, 0x8847);
    hex(&with, "00020140 00000000");
    ethernet(&with, 0x0800);
    tcp4(&with);
    cr_assert_eq(run(1, &with), DECODE_PACKET);
    expect_tcp(4);

    struct bytes without = {.n = 0};
    ethernet(&without, 0x8847);
    hex(&without, "00020140");
    ethernet(&without, 0x0800);
    tcp4(&without);
    cr_assert_eq(run(1, &without), DECODE_PACKET);
    expect_tcp(4);
}

Test(decode, pppoe)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x8864);
    hex(&b, "11 00 1234 0000 0021");
    size_t at = b.n;
    tcp4(&b);
    set16(&b, at - 4, b.n - at + 2);
    expect_inside(1, &b, 4);
}

Test(decode, ppp_framings)
{
    static const char *const head[] = {"0021", "21", "ff03 0021", "ff03 21"};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        struct bytes b = {.n = 0};
        hex(&b, head[i]);
        tcp4(&b);
        expect_inside(9, &b, 4);
        expect_inside(50, &b, 4);
    }
    struct bytes b = {.n = 0};
    hex(&b, "0057");
    tcp6(&b);
    expect_inside(9, &b, 6);
}

/* Headers of fixed bytes before an IPv4 packet. */
struct fixed {
    int linktype;
    const char *head;
};

static const struct fixed fixed[] = {
    {0, "02000000"},
    {0, "00000002"},
    {108, "00000002"},
    {12, ""},
    {14, ""},
    {101, ""},
    {228, ""},
    {51, "11 00 0001 002f 0021"}, /* 45 bytes of packet and 2 of protocol */
    {104, "0f00 0800"},
    {113, "0000 0001 0006 0200000000010000 0800"},
    {276, "0800 0000 00000002 0001 00 06 0200000000010000"},
    {204, "00 ff03 0021"},
    {226, "01 02 0000 00000000 00000000 00000000 00000000 00000000"},
    {117, "3d 02 00 00 00000000000000000000000000000000"
          "0000000000000000000000000000000000000000"
          "000000000000000000000000000000000000000000000000"},
    {239, "02 00 0000 0800 0100 08000100 3100 0900"},
    {105, "0801 0000 020000000001 020000000002 020000000003 0000"
          "aaaa03 000000 0800"},
    {105, "8803 0000 020000000001 020000000002 020000000003 0000"
          "020000000004 0000 aaaa03 000000 0800"},
    {127, "00 00 0a00 00000000 1234"
          "8802 0000 020000000001 020000000002 020000000003 0000 0000"
          "aaaa03 000000 0800"},
    {192, "00 00 0800 69000000"
          "0802 0000 020000000001 020000000002 020000000003 0000"
          "aaaa03 000000 0800"},
};

Test(decode, link_types_with_fixed_headers)
{
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        struct bytes b = {.n = 0};
        hex(&b, fixed[i].head);
        tcp4(&b);
        cr_assert(decoder_knows_linktype(fixed[i].linktype));
        cr_assert_eq(run(fixed[i].linktype, &b), DECODE_PACKET, "row %zu", i);
        expect_tcp(4);
        every_cut(fixed[i].linktype, &b);
    }
}

Test(decode, bsd_loopback_ipv6_families)
{
    static const char *const family[] = {"1e000000", "0000001e", "18000000",
                                         "1c000000", "0a000000", "17000000"};
    for (size_t i = 0; i < sizeof family / sizeof family[0]; i++) {
        struct bytes b = {.n = 0};
        hex(&b, family[i]);
        tcp6(&b);
        cr_assert_eq(run(0, &b), DECODE_PACKET);
        expect_tcp(6);
    }
}

Test(decode, encrypted_wifi_is_other)
{
    struct bytes b = {.n = 0};
    hex(&b, "0841 0000 020000000001 020000000002 020000000003 0000");
    zeros(&b, 60);
    cr_assert_eq(run(105, &b), DECODE_OTHER);
}

Test(decode, unknown_linktype)
{
    struct bytes b = {.n = 0};
    tcp4(&b);
    cr_assert_not(decoder_knows_linktype(147));
    cr_assert_eq(run(147, &b), DECODE_LINKTYPE);
    cr_assert_eq(decoder_counters(dec)->unknown_linktype, 1);
}

Test(decode, arp_is_other)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x0806);
    zeros(&b, 28);
    cr_assert_eq(run(1, &b), DECODE_OTHER);
    cr_assert_eq(decoder_counters(dec)->other, 1);
}

/* ---- IP ---- */

Test(decode, trailing_padding_is_cut_off)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x0800);
    tcp4(&b);
    zeros(&b, 20);
    cr_assert_eq(run(1, &b), DECODE_PACKET);
    expect_tcp(4);

    struct bytes six = {.n = 0};
    ethernet(&six, 0x86dd);
    tcp6(&six);
    zeros(&six, 4);
    cr_assert_eq(run(1, &six), DECODE_PACKET);
    expect_tcp(6);
}

Test(decode, total_length_zero_means_offload)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x0800);
    ip4(&b, 6);
    tcp(&b);
    cr_assert_eq(run(1, &b), DECODE_PACKET);
    expect_tcp(4);
    cr_assert_eq(run_at(1, &b, b.n, b.n + 60000, 0), DECODE_PACKET);
    cr_assert_eq(got.payload.n, 5);
    cr_assert_eq(got.payload_wire_bytes, 60005);

    struct bytes six = {.n = 0};
    ethernet(&six, 0x86dd);
    ip6(&six, 6);
    tcp(&six);
    cr_assert_eq(run(1, &six), DECODE_PACKET);
    expect_tcp(6);
}

Test(decode, ipv6_jumbogram)
{
    struct bytes b = {.n = 0};
    ip6(&b, 0);
    hex(&b, "06 00 c204 00000021");
    tcp(&b);
    cr_assert_eq(run(229, &b), DECODE_PACKET);
    expect_tcp(6);
}

Test(decode, length_over_the_frame_counts_as_cut)
{
    struct bytes b = {.n = 0};
    ethernet(&b, 0x0800);
    size_t ip = ip4(&b, 6);
    tcp(&b);
    set16(&b, ip + 2, 1500);
    cr_assert_eq(run(1, &b), DECODE_PACKET);
    cr_assert(payload_is("hello"));
    cr_assert_eq(got.payload_wire_bytes, 1460);
}

Test(decode, ipv4_options)
{
    struct bytes b = {.n = 0};
    size_t ip = ip4(&b, 6);
    b.v[ip] = 0x47;
    hex(&b, "01010101 94040000");
    tcp(&b);
    ip4_end(&b, ip);
    expect_inside(101, &b, 4);
}

Test(decode, ipv4_header_that_lies)
{
    struct bytes b = {.n = 0};
    tcp4(&b);
    b.v[0] = 0x44; /* header length 16 */
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);
    b.v[0] = 0x4f; /* header length 60 of 45 */
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);
    b.v[0] = 0x45;
    set16(&b, 2, 19);
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);
    b.v[0] = 0x55;
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);
    cr_assert_eq(decoder_counters(dec)->malformed, 4);
}

Test(decode, ipv6_extension_headers)
{
    struct bytes b = {.n = 0};
    size_t ip = ip6(&b, 0);
    hex(&b, "2b 00 010400000000");  /* hop-by-hop, then routing */
    hex(&b, "3c 02 0400 00000000"); /* routing, 24 bytes */
    zeros(&b, 16);
    hex(&b, "33 00 010400000000");           /* destination options */
    hex(&b, "87 04 0000 00000001 00000001"); /* AH, 24 bytes */
    zeros(&b, 12);
    hex(&b, "2c 00 000000000000");  /* mobility */
    hex(&b, "06 00 0000 12345678"); /* atomic fragment */
    tcp(&b);
    ip6_end(&b, ip);
    expect_inside(229, &b, 6);
}

Test(decode, ipv4_authentication_header)
{
    struct bytes b = {.n = 0};
    size_t ip = ip4(&b, 51);
    hex(&b, "06 04 0000 00000001 00000001");
    zeros(&b, 12);
    tcp(&b);
    ip4_end(&b, ip);
    expect_inside(101, &b, 4);
}

Test(decode, ipv6_extension_headers_without_end)
{
    struct bytes b = {.n = 0};
    size_t ip = ip6(&b, 60);
    for (int i = 0; i < 1000; i++) {
        hex(&b, "3c 00 010400000000");
    }
    ip6_end(&b, ip);
    cr_assert_eq(run(229, &b), DECODE_MALFORMED);
}

Test(decode, esp_and_sctp_are_other)
{
    static const unsigned proto[] = {50, 132};
    for (size_t i = 0; i < 2; i++) {
        struct bytes b = {.n = 0};
        size_t ip = ip4(&b, proto[i]);
        zeros(&b, 40);
        ip4_end(&b, ip);
        cr_assert_eq(run(101, &b), DECODE_OTHER);
    }
}

/* ---- transport ---- */

Test(decode, tcp_options)
{
    struct bytes b = {.n = 0};
    size_t ip = ip4(&b, 6);
    hex(&b, "c000 01bb 01020304 00000000 a0 02 ffff 0000 0000"
            "020405b4 0402 080a0000000100000000 01 030307");
    ip4_end(&b, ip);
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert_eq(got.flags, TCP_SYN);
    cr_assert_eq(got.mss, 1460);
    cr_assert_eq(got.has_timestamp, true);
    cr_assert_eq(got.payload.n, 0);
    cr_assert_eq(got.payload_wire_bytes, 0);
    /* The capture cut the options: still a SYN. */
    cr_assert_eq(run_at(101, &b, 41, b.n, 0), DECODE_PACKET);
    cr_assert_eq(got.flags, TCP_SYN);
    cr_assert_eq(got.mss, 0);
    cr_assert_eq(got.payload.n, 0);
    cr_assert_eq(got.payload_wire_bytes, 0);
}

Test(decode, tcp_usual_timestamps)
{
    struct bytes b = {.n = 0};
    size_t ip = ip4(&b, 6);
    hex(&b, "c000 01bb 01020304 00000000 80 10 ffff 0000 0000"
            "0101080a0000000100000002");
    add(&b, "hello", 5);
    ip4_end(&b, ip);
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert_eq(got.has_timestamp, true);
    cr_assert_eq(got.mss, 0);
    cr_assert(payload_is("hello"));
}

/* Blocks behind the acknowledgement tell of a hole, one before it of a
 * duplicate (RFC 2883 section 4). */
Test(decode, tcp_sack)
{
    static const char *const options[] = {
        "0101 050a 00002000 00003000",
        "0101 050a 00000800 00000900",
        "0101 050a 00002000",
    };
    for (size_t i = 0; i < 3; i++) {
        struct bytes b = {.n = 0};
        size_t ip = ip4(&b, 6);
        hex(&b, i == 2 ? "c000 01bb 01020304 00001000 70 10 ffff 0000 0000"
                       : "c000 01bb 01020304 00001000 80 10 ffff 0000 0000");
        hex(&b, options[i]);
        ip4_end(&b, ip);
        cr_assert_eq(run(101, &b), DECODE_PACKET);
        cr_expect_eq(got.acks_beyond, i == 0, "%zu", i);
    }
}

Test(decode, tcp_options_that_lie)
{
    static const char *const options[] = {
        "02000000", /* length 0 */
        "02010000", /* length 1 */
        "0204",     /* value missing: padded below */
        "02ff05b4", /* length over the header */
        "020305b4", /* not the length of an MSS */
        "00 020405b4",
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct bytes b = {.n = 0};
        size_t ip = ip4(&b, 6);
        hex(&b, "c000 01bb 01020304 00000000 60 02 ffff 0000 0000");
        hex(&b, options[i]);
        b.n = ip + 44;
        ip4_end(&b, ip);
        cr_assert_eq(run(101, &b), DECODE_PACKET);
        cr_assert(i == 2 || got.mss == 0, "row %zu", i);
        cr_assert_eq(got.has_timestamp, false);
    }
}

Test(decode, tcp_header_that_lies)
{
    struct bytes b = {.n = 0};
    tcp4(&b);
    b.v[32] = 0x40; /* header length 16 */
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);
    b.v[32] = 0xf0; /* header length 60 of 25 */
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);
}

static void udp4(struct bytes *b, unsigned port, const char *text)
{
    size_t ip = ip4(b, 17);
    size_t u = udp(b, 5000, port);
    add(b, text, strlen(text));
    udp_end(b, u);
    ip4_end(b, ip);
}

Test(decode, udp)
{
    struct bytes b = {.n = 0};
    udp4(&b, 443, "hello");
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert_eq(got.proto, PROTO_UDP);
    cr_assert_eq(got.src.port, 5000);
    cr_assert_eq(got.dst.port, 443);
    cr_assert_eq(got.flags, 0);
    cr_assert_eq(got.seq, 0);
    cr_assert_eq(got.ack, 0);
    cr_assert_eq(got.window, 0);
    cr_assert_eq(got.mss, 0);
    cr_assert_eq(got.has_timestamp, false);
    cr_assert(payload_is("hello"));
    every_cut(101, &b);
}

Test(decode, udp_length)
{
    struct bytes b = {.n = 0};
    udp4(&b, 443, "hello!!!");
    set16(&b, 24, 13); /* shorter than IP says: a trailer */
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert(payload_is("hello"));
    cr_assert_eq(got.payload_wire_bytes, 5);
    set16(&b, 24, 1000); /* longer: IP decides */
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert(payload_is("hello!!!"));
    set16(&b, 24, 7);
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);
}

Test(decode, icmp_fragmentation_needed)
{
    struct bytes b = {.n = 0};
    size_t ip = ip4(&b, 1);
    hex(&b, "03 04 0000 0000 0578"); /* next-hop MTU 1400 */
    size_t quoted = b.n;
    hex(&b, "45 00 05dc 1111 4000 3f 06 0000 0a000001 0a000002");
    hex(&b, "d431 01bb 11223344"); /* ports and sequence: 8 bytes */
    ip4_end(&b, ip);
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert_eq(got.proto, PROTO_ICMP);
    cr_assert_eq(got.icmp_type, 3);
    cr_assert_eq(got.icmp_code, 4);
    cr_assert_eq(got.icmp_mtu, 1400);
    cr_assert_eq(got.src.port, 0);
    cr_assert_eq(got.dst.port, 0);
    cr_assert(span_eq(got.payload, span_of(b.v + quoted, b.n - quoted)));

    struct packet inner;
    cr_assert(decoder_quoted(&got, &inner));
    cr_assert_eq(inner.ip_version, 4);
    cr_assert_eq(inner.proto, PROTO_TCP);
    cr_assert_eq(memcmp(inner.src.ip, "\x0a\x00\x00\x01", 4), 0);
    cr_assert_eq(memcmp(inner.dst.ip, "\x0a\x00\x00\x02", 4), 0);
    cr_assert_eq(inner.src.port, 54321);
    cr_assert_eq(inner.dst.port, 443);
    cr_assert_eq(inner.seq, 0x11223344);

    for (size_t n = 0; n < b.n; n++) {
        enum decode_result r = run_at(101, &b, n, b.n, 0);
        cr_assert_eq(r, n < 28 ? DECODE_CUT : DECODE_PACKET, "%zu", n);
        cr_assert(r != DECODE_PACKET || !decoder_quoted(&got, &inner));
    }
}

Test(decode, icmpv6_packet_too_big)
{
    struct bytes b = {.n = 0};
    size_t ip = ip6(&b, 58);
    hex(&b, "02 00 0000 00000500");
    size_t quoted = ip6(&b, 44);
    hex(&b, "06 00 0001 00000001");
    tcp(&b);
    ip6_end(&b, quoted);
    ip6_end(&b, ip);
    cr_assert_eq(run(229, &b), DECODE_PACKET);
    cr_assert_eq(got.proto, PROTO_ICMPV6);
    cr_assert_eq(got.icmp_mtu, 1280);
    struct packet inner;
    cr_assert(decoder_quoted(&got, &inner));
    cr_assert_eq(inner.ip_version, 6);
    cr_assert_eq(inner.dst.port, 443);
    cr_assert_eq(inner.seq, 0x01020304);
    for (size_t n = 0; n < b.n; n++) {
        if (run_at(229, &b, n, b.n, 0) == DECODE_PACKET) {
            (void)decoder_quoted(&got, &inner);
        }
    }
}

Test(decode, icmp_extensions_are_not_quoted)
{
    struct bytes b = {.n = 0};
    size_t ip = ip4(&b, 1);
    hex(&b, "0b 00 0000 00 20 0000"); /* 32 words of original datagram */
    size_t quoted = b.n;
    tcp4(&b);
    zeros(&b, 128 - (b.n - quoted));
    hex(&b, "20000000 00080101 00010140");
    ip4_end(&b, ip);
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert_eq(got.payload.n, 128);
    cr_assert_eq(got.icmp_mtu, 0);
}

Test(decode, ping_quotes_nothing)
{
    struct bytes b = {.n = 0};
    size_t ip = ip4(&b, 1);
    hex(&b, "08 00 0000 0001 0001");
    tcp4(&b);
    ip4_end(&b, ip);
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert_eq(got.payload.n, 0);
    struct packet inner;
    cr_assert_not(decoder_quoted(&got, &inner));
}

/* ---- tunnels ---- */

Test(decode, ip_in_ip)
{
    struct bytes b = {.n = 0};
    size_t ip = ip6(&b, 4);
    tcp4(&b);
    ip6_end(&b, ip);
    expect_inside(229, &b, 4);

    struct bytes six = {.n = 0};
    ip = ip4(&six, 41);
    tcp6(&six);
    ip4_end(&six, ip);
    expect_inside(228, &six, 6);
}

/* Headers of fixed bytes between IP and an inner packet. `ethernet`: the inner
 * packet has an Ethernet header. */
struct wrapped {
    unsigned proto;
    unsigned port;
    const char *head;
    bool ethernet;
    uint32_t tunnel;
};

static const struct wrapped wrapped[] = {
    {47, 0, "0000 0800", false, 0},
    {47, 0, "b000 0800 00000000 00001234 00000001", false, 0x1234},
    {47, 0, "2000 6558 00123456", true, 0x1234}, /* NVGRE */
    {47, 0, "0000 88be", true, 0},               /* ERSPAN I */
    {47, 0, "1000 88be 00000001 10010005 00000000", true, 5},
    {47, 0, "1000 22eb 00000001 20010006 00000000 0000 0000", true, 6},
    {47, 0, "1000 22eb 00000001 20010006 00000000 0000 0001 0000000000000000",
     true, 6},
    {47, 0, "2000 8909 00000028 0800 0101 0001 0000", false, 0x28},
    {47, 0, "0000 883e", false, 0},
    {47, 0, "0000 883e 00000000", false, 0},
    {47, 0, "3081 880b 0031 0007 00000001 00000001 ff03 0021", false, 7},
    {97, 0, "3000", true, 0},
    {137, 0, "00020140", false, 32},
    {17, 4789, "08000000 00123400", true, 0x1234},
    {17, 8472, "08000000 00123400", true, 0x1234},
    {17, 4790, "0c000001 00123400", false, 0x1234},
    {17, 4790, "0c000003 00123400", true, 0x1234},
    {17, 6081, "0000 6558 00123400", true, 0x1234},
    {17, 6081, "0200 0800 00123400 0000000100000002", false, 0x1234},
    {17, 2152, "30 ff 002d 00001234", false, 0x1234},
    {17, 2152, "34 ff 0039 00001234 0000 00 85 01 0000 c0 01 0000 00", false,
     0x1234},
    {17, 6635, "00020140", false, 32},
    {17, 4341, "80000000 00000000", false, 0},
    {17, 1701, "0002 0001 0002 ff03 0021", false, 0x10002},
    {17, 1701, "4a02 0041 0001 0002 0000 0000 0002 0000 ff03 0021", false,
     0x10002},
};

static void wrap(struct bytes *b, const struct wrapped *w)
{
    size_t ip = ip4(b, w->proto);
    size_t u = w->port ? udp(b, 40000, w->port) : 0;
    hex(b, w->head);
    if (w->ethernet) {
        ethernet(b, 0x0800);
    }
    tcp4(b);
    if (w->port) {
        udp_end(b, u);
    }
    ip4_end(b, ip);
}

Test(decode, tunnels)
{
    for (size_t i = 0; i < sizeof wrapped / sizeof wrapped[0]; i++) {
        struct bytes b = {.n = 0};
        wrap(&b, &wrapped[i]);
        cr_assert_eq(run(101, &b), DECODE_PACKET, "row %zu", i);
        cr_assert_eq(got.proto, PROTO_TCP, "row %zu", i);
        expect_tcp(4);
        cr_assert_eq(got.tunnel, wrapped[i].tunnel, "row %zu: %x", i,
                     got.tunnel);
        if (!wrapped[i].port) {
            every_cut(101, &b);
            continue;
        }
        /* Cut, it is a UDP packet like any other, or the inner one. */
        for (size_t n = 28; n < b.n; n++) {
            cr_assert_eq(run_at(101, &b, n, b.n, 0), DECODE_PACKET);
            cr_assert_eq(got.proto, n + 5 >= b.n ? PROTO_TCP : PROTO_UDP);
            cr_assert(n + 5 >= b.n || got.dst.port == wrapped[i].port);
            (void)run_at(101, &b, n, n, 0);
        }
    }
}

Test(decode, teredo)
{
    static const char *const head[] = {
        "", "0000 1234 c0000201", "0001 00 00 0011223344556677 00",
        "0001 02 03 aabb ccddee 0011223344556677 00 0000 1234 c0000201"};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        struct bytes b = {.n = 0};
        size_t ip = ip4(&b, 17);
        size_t u = udp(&b, 3544, 40000);
        hex(&b, head[i]);
        tcp6(&b);
        udp_end(&b, u);
        ip4_end(&b, ip);
        cr_assert_eq(run(101, &b), DECODE_PACKET);
        expect_tcp(6);
    }
}

Test(decode, port_of_a_tunnel_alone_is_none)
{
    static const unsigned port[] = {1701, 2152, 3544, 4341, 4789,
                                    4790, 6081, 6635, 8472};
    for (size_t i = 0; i < sizeof port / sizeof port[0]; i++) {
        struct bytes b = {.n = 0};
        udp4(&b, port[i], "\x08 this is some other application's datagram");
        cr_assert_eq(run(101, &b), DECODE_PACKET);
        cr_assert_eq(got.proto, PROTO_UDP);
        cr_assert_eq(got.dst.port, port[i]);
        cr_assert_eq(got.src.port, 5000);
        cr_assert_eq(memcmp(got.src.ip, "\xc0\x00\x02\x01", 4), 0);
        cr_assert_eq(got.tunnel, 0);
        cr_assert_eq(got.payload_wire_bytes, 43);
    }
}

Test(decode, nesting_has_an_end)
{
    /* IP in IP in IP ... */
    struct bytes b = {.n = 0};
    for (int i = 0; i < 100; i++) {
        size_t ip = ip4(&b, 4);
        set16(&b, ip + 2, (size_t)(100 - i) * 20);
    }
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);

    /* Eight are read, nine are not. */
    for (unsigned depth = 7; depth <= 8; depth++) {
        struct bytes d = {.n = 0};
        for (unsigned i = 0; i < depth; i++) {
            size_t ip = ip4(&d, 4);
            set16(&d, ip + 2, (depth - i) * 20 + 45);
        }
        tcp4(&d);
        cr_assert_eq(run(101, &d),
                     depth == 7 ? DECODE_PACKET : DECODE_MALFORMED);
    }

    /* Backbone service tags, Ethernet in Ethernet. */
    struct bytes e = {.n = 0};
    for (int i = 0; i < 1000; i++) {
        ethernet(&e, 0x88e7);
        u32(&e, 1);
    }
    cr_assert_eq(run(1, &e), DECODE_MALFORMED);

    /* VLAN tags and MPLS labels to the end of the frame. */
    struct bytes v = {.n = 0};
    ethernet(&v, 0x8100);
    for (int i = 0; i < 10000; i++) {
        hex(&v, "0001 8100");
    }
    cr_assert_eq(run(1, &v), DECODE_MALFORMED);
    struct bytes m = {.n = 0};
    ethernet(&m, 0x8847);
    for (int i = 0; i < 10000; i++) {
        hex(&m, "00010040");
    }
    cr_assert_eq(run(1, &m), DECODE_MALFORMED);

    /* VXLAN in VXLAN in ...: the innermost that is readable counts. */
    struct bytes x = {.n = 0};
    for (int i = 0; i < 20; i++) {
        size_t left = (size_t)(20 - i) * 50 - 14;
        ethernet(&x, 0x0800);
        size_t ip = ip4(&x, 17);
        set16(&x, ip + 2, left);
        size_t u = udp(&x, 1, 4789);
        set16(&x, u + 4, left - 20);
        hex(&x, "08000000 00000100");
    }
    cr_assert_eq(run(1, &x), DECODE_PACKET);
    cr_assert_eq(got.proto, PROTO_UDP);
}

/* ---- fragments ---- */

/* Bytes from..to of a datagram of a TCP segment with 100 bytes of payload
 * (120 bytes in all), where byte i of the payload is i. */
static void fragment4(struct bytes *b, unsigned id, size_t from, size_t to,
                      bool more)
{
    struct bytes whole = {.n = 0};
    hex(&whole, "c000 01bb 01020304 05060708 50 18 1000 0000 0000");
    for (unsigned i = 0; i < 100; i++) {
        u8(&whole, i);
    }
    b->n = 0;
    size_t ip = ip4(b, 6);
    set16(b, ip + 4, id);
    set16(b, ip + 6, from / 8 | (more ? 0x2000 : 0));
    add(b, whole.v + from, to - from);
    ip4_end(b, ip);
}

static void fragment6(struct bytes *b, uint32_t id, size_t from, size_t to,
                      bool more)
{
    struct bytes four = {.n = 0};
    fragment4(&four, 0, from, to, more);
    b->n = 0;
    size_t ip = ip6(b, 44);
    hex(b, "06 00");
    u16(b, (unsigned)from | more);
    u32(b, id);
    add(b, four.v + 20, to - from);
    ip6_end(b, ip);
}

static enum decode_result give4(unsigned id, size_t from, size_t to, bool more)
{
    struct bytes b;
    fragment4(&b, id, from, to, more);
    return run(101, &b);
}

static enum decode_result give6(uint32_t id, size_t from, size_t to, bool more)
{
    struct bytes b;
    fragment6(&b, id, from, to, more);
    return run(101, &b);
}

static void expect_whole(void)
{
    cr_assert_eq(got.proto, PROTO_TCP);
    cr_assert_eq(got.dst.port, 443);
    cr_assert_eq(got.payload.n, 100);
    cr_assert_eq(got.payload_wire_bytes, 100);
    for (unsigned i = 0; i < 100; i++) {
        struct span byte = span_sub(got.payload, i, 1);
        uint8_t want = (uint8_t)i;
        cr_assert(span_eq(byte, span_of(&want, 1)));
    }
}

Test(decode, fragments_in_any_order)
{
    static const size_t at[] = {0, 40, 80, 120};
    static const unsigned order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned i = 0; i < 12; i++) {
        for (unsigned k = 0; k < 3; k++) {
            unsigned part = order[i % 6][k];
            enum decode_result want = k == 2 ? DECODE_PACKET : DECODE_FRAGMENT;
            enum decode_result r =
                i < 6 ? give4(i, at[part], at[part + 1], part < 2)
                      : give6(i, at[part], at[part + 1], part < 2);
            cr_assert_eq(r, want, "order %u, part %u", i, k);
        }
        expect_whole();
    }
    cr_assert_eq(decoder_counters(dec)->packets, 12);
    cr_assert_eq(decoder_counters(dec)->fragments, 24);
}

Test(decode, fragments_captured_twice)
{
    cr_assert_eq(give4(1, 0, 80, true), DECODE_FRAGMENT);
    cr_assert_eq(give4(1, 0, 80, true), DECODE_FRAGMENT);
    cr_assert_eq(give4(1, 80, 120, false), DECODE_PACKET);
    expect_whole();
    cr_assert_eq(give6(1, 80, 120, false), DECODE_FRAGMENT);
    cr_assert_eq(give6(1, 80, 120, false), DECODE_FRAGMENT);
    cr_assert_eq(give6(1, 0, 80, true), DECODE_PACKET);
    expect_whole();
}

Test(decode, ipv4_overlap_first_wins)
{
    struct bytes b;
    cr_assert_eq(give4(1, 0, 80, true), DECODE_FRAGMENT);
    fragment4(&b, 1, 40, 120, false);
    memset(b.v + 20, 0xee, 40); /* 40..79 again, with other bytes */
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    expect_whole();
}

Test(decode, ipv6_overlap_condemns)
{
    cr_assert_eq(give6(1, 0, 80, true), DECODE_FRAGMENT);
    cr_assert_eq(give6(1, 40, 96, true), DECODE_FRAGMENT);
    cr_assert_eq(give6(1, 80, 120, false), DECODE_FRAGMENT);
    cr_assert_eq(give6(1, 0, 80, true), DECODE_FRAGMENT);
    /* Another datagram is not concerned. */
    cr_assert_eq(give6(2, 0, 80, true), DECODE_FRAGMENT);
    cr_assert_eq(give6(2, 80, 120, false), DECODE_PACKET);
    expect_whole();
}

Test(decode, fragments_of_different_datagrams)
{
    cr_assert_eq(give4(1, 0, 80, true), DECODE_FRAGMENT);
    cr_assert_eq(give4(2, 80, 120, false), DECODE_FRAGMENT);
    cr_assert_eq(give6(1, 80, 120, false), DECODE_FRAGMENT);
    cr_assert_eq(give4(1, 80, 120, false), DECODE_PACKET);
    expect_whole();
}

Test(decode, fragments_grow_old)
{
    struct bytes b;
    fragment4(&b, 1, 0, 80, true);
    cr_assert_eq(run_at(101, &b, b.n, b.n, 0), DECODE_FRAGMENT);
    fragment4(&b, 1, 80, 120, false);
    cr_assert_eq(run_at(101, &b, b.n, b.n, 31 * TICK_SEC), DECODE_FRAGMENT);
    fragment4(&b, 1, 0, 80, true);
    cr_assert_eq(run_at(101, &b, b.n, b.n, 60 * TICK_SEC), DECODE_PACKET);
    /* Absurd clocks are survived. */
    cr_assert_eq(run_at(101, &b, b.n, b.n, INT64_MIN), DECODE_FRAGMENT);
    cr_assert_eq(run_at(101, &b, b.n, b.n, INT64_MAX), DECODE_FRAGMENT);
}

Test(decode, fragments_never_completed_are_bounded)
{
    for (unsigned id = 0; id < 2000; id++) {
        struct bytes b;
        fragment4(&b, id, 0, 80, true);
        cr_assert_eq(run_at(101, &b, b.n, b.n, (tick_t)id), DECODE_FRAGMENT);
    }
    /* The newest 256 are still there, older ones are not. */
    struct bytes b;
    fragment4(&b, 1999, 80, 120, false);
    cr_assert_eq(run_at(101, &b, b.n, b.n, 2000), DECODE_PACKET);
    fragment4(&b, 1744, 80, 120, false);
    cr_assert_eq(run_at(101, &b, b.n, b.n, 2000), DECODE_PACKET);
    fragment4(&b, 1743, 80, 120, false);
    cr_assert_eq(run_at(101, &b, b.n, b.n, 2000), DECODE_FRAGMENT);
}

Test(decode, fragments_that_lie)
{
    /* Not a multiple of 8, though more follow. */
    cr_assert_eq(give4(1, 0, 77, true), DECODE_MALFORMED);
    /* Past 64 KiB. */
    struct bytes b;
    fragment4(&b, 2, 0, 120, false);
    set16(&b, 6, 0x1fff);
    cr_assert_eq(run(101, &b), DECODE_MALFORMED);
    /* Two last fragments: the first one's length stays. */
    cr_assert_eq(give4(3, 80, 120, false), DECODE_FRAGMENT);
    cr_assert_eq(give4(3, 80, 112, false), DECODE_FRAGMENT);
    cr_assert_eq(give4(3, 0, 80, true), DECODE_PACKET);
    expect_whole();
    /* Empty. */
    cr_assert_eq(give6(4, 40, 40, true), DECODE_MALFORMED);
    /* Cut by the capture: it can never be whole. */
    fragment4(&b, 5, 0, 80, true);
    for (size_t n = 20; n < b.n; n++) {
        cr_assert_eq(run_at(101, &b, n, b.n, 0), DECODE_CUT);
    }
}

Test(decode, largest_datagram)
{
    struct bytes b = {.n = 0};
    size_t ip = ip4(&b, 17);
    size_t u = udp(&b, 5000, 443);
    zeros(&b, 32768 - 8);
    set16(&b, u + 4, 0); /* longer than its length field can say */
    set16(&b, ip + 6, 0x2000);
    ip4_end(&b, ip);
    cr_assert_eq(run(101, &b), DECODE_FRAGMENT);
    b.n = 0;
    ip = ip4(&b, 17);
    zeros(&b, 32768);
    set16(&b, ip + 6, 32768 / 8);
    ip4_end(&b, ip);
    cr_assert_eq(run(101, &b), DECODE_PACKET);
    cr_assert_eq(got.payload.n, 65536 - 8);
}

Test(decode, fragmented_tunnel)
{
    /* VXLAN in two fragments; then one whose inner packet is no packet: the
     * outer one is delivered from the reassembled bytes. */
    for (unsigned i = 0; i < 2; i++) {
        struct bytes b = {.n = 0};
        wrap(&b, &wrapped[13]);
        if (i == 1) {
            b.v[20 + 8 + 8 + 14] = 0x99;
        }
        struct bytes first = {.n = 0};
        size_t ip = ip4(&first, 17);
        add(&first, b.v + 20, 40);
        set16(&first, ip + 4, 100 + i);
        set16(&first, ip + 6, 0x2000);
        ip4_end(&first, ip);
        cr_assert_eq(run(101, &first), DECODE_FRAGMENT);
        struct bytes second = {.n = 0};
        ip = ip4(&second, 17);
        add(&second, b.v + 60, b.n - 60);
        set16(&second, ip + 4, 100 + i);
        set16(&second, ip + 6, 40 / 8);
        ip4_end(&second, ip);
        cr_assert_eq(run(101, &second), DECODE_PACKET);
        cr_assert_eq(got.proto, i == 0 ? PROTO_TCP : PROTO_UDP);
        cr_assert(i == 1 || payload_is("hello"));
        cr_assert(i == 0 || got.payload.n == b.n - 28);
    }
}

/* ---- anything at all ---- */

/* A fixed generator (xorshift64), so that a failure can be repeated. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* RFC 1071, byte by byte. */
static uint16_t plain_checksum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* A segment of n bytes without payload of its own meaning, with its checksum,
 * in a block of exactly that size. */
static struct packet some_segment(uint8_t *p, size_t n, uint8_t version)
{
    struct packet k = {.ip_version = version,
                       .proto = PROTO_TCP,
                       .header_bytes = 20,
                       .payload = {p + 20, n - 20},
                       .payload_wire_bytes = (uint32_t)n - 20};
    uint32_t ends = PROTO_TCP + (uint32_t)n;
    for (size_t i = 0; i < (version == 6 ? 16 : 4); i++) {
        k.src.ip[i] = (uint8_t)(i * 37 + 11);
        k.dst.ip[i] = (uint8_t)(i * 59 + 7);
        ends += (uint32_t)(k.src.ip[i] + k.dst.ip[i]) << (i % 2 ? 0 : 8);
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)((i * i + n * 31) >> 2);
    }
    p[16] = p[17] = 0;
    uint16_t sum = plain_checksum(p, n, ends);
    p[16] = (uint8_t)(sum >> 8);
    p[17] = (uint8_t)sum;
    return k;
}

Test(decode, checksum_of_every_length)
{
    for (size_t n = 20; n < 1600; n++) {
        uint8_t *p = malloc(n);
        cr_assert(p);
        struct packet k = some_segment(p, n, n % 3 ? 4 : 6);
        cr_assert_eq(packet_checksum(&k), CHECKSUM_GOOD, "%zu bytes", n);
        p[n - 1] ^= 1;
        cr_assert_eq(packet_checksum(&k), CHECKSUM_WRONG, "%zu bytes", n);
        p[n - 1] ^= 1;
        p[n * 7 % 16] ^= 0x80;
        cr_assert_eq(packet_checksum(&k), CHECKSUM_WRONG, "%zu bytes", n);
        free(p);
    }
}

Test(decode, damaged_frames_stay_inside)
{
    static const int linktypes[] = {0,   1,   9,   50,  51,  101, 104,
                                    105, 108, 113, 117, 127, 192, 204,
                                    226, 228, 229, 239, 276};
    uint64_t state = 88172645463325252u;
    volatile unsigned total = 0; /* so that the payload is really read */
    for (unsigned i = 0; i < 60000; i++) {
        struct bytes b;
        b.n = 0;
        int linktype = linktypes[i % (sizeof linktypes / sizeof linktypes[0])];
        if (linktype == 1) {
            ethernet(&b, 0x0800);
        }
        wrap(&b, &wrapped[i % (sizeof wrapped / sizeof wrapped[0])]);
        for (unsigned k = 0; k < 4; k++) {
            uint64_t r = next_random(&state);
            b.v[r % b.n] = (uint8_t)(r >> 32);
        }
        size_t n = next_random(&state) % (b.n + 1);
        enum decode_result r = run_at(linktype, &b, n, b.n, (tick_t)i);
        if (r != DECODE_PACKET) {
            continue;
        }
        cr_assert_leq(got.payload.n, got.payload_wire_bytes);
        uint8_t sum = 0;
        for (struct cursor c = cursor_open(got.payload); cursor_left(&c);) {
            sum ^= cursor_u8(&c, "payload");
        }
        struct packet inner;
        total += sum;
        (void)decoder_quoted(&got, &inner);
    }
}
