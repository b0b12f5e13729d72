/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that drops settled conversations in the kernel, run there by
 * bpf(2)'s own means (linux: Documentation/bpf/bpf_prog_run.rst) on packets of
 * ours. Skipped where programs may not be loaded.
 */
#include "config.h"

#include "capture/relief.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel and libpcap call different things by one name. */
#define bpf_insn kernel_bpf_insn
#include <linux/bpf.h>
#undef bpf_insn

#define ETHERNET 14u /* the kernel's runner takes it off again */

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct bytes {
    uint8_t b[512];
    size_t n;
};

static struct relief *load_with(const struct sock_filter *v, size_t n)
{
    char why[CAPTURE_ERROR_BYTES];
    struct relief *r = relief_new(0, v, n, why);
    if (!r) {
        cr_skip_test("%s", why);
    }
    return r;
}

/* How much of a packet passes; 0: it is dropped. */
static uint32_t pass(const struct relief *r, const struct bytes *p)
{
    union bpf_attr a;
    memset(&a, 0, sizeof a);
    a.test.prog_fd = (uint32_t)relief_program(r);
    a.test.data_in = (uintptr_t)p->b;
    a.test.data_size_in = (uint32_t)p->n;
    if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &a, sizeof a) != 0) {
        cr_skip_test("the kernel does not run it for tests");
    }
    return a.test.retval;
}

static void put(struct bytes *p, const void *b, size_t n)
{
    memcpy(p->b + p->n, b, n);
    p->n += n;
}

static const struct capture_talk tcp4 = {
    .ip_version = 4,
    .proto = IPPROTO_TCP,
    .ip = {{192, 0, 2, 1}, {198, 51, 100, 2}},
    .port = {40000, 443},
};
static const struct capture_talk tcp6 = {
    .ip_version = 6,
    .proto = IPPROTO_TCP,
    .ip = {{0x20, 1, 0xd, 0xb8, [15] = 1}, {0x20, 1, 0xd, 0xb8, [15] = 2}},
    .port = {40000, 443},
};
static const struct capture_talk udp4 = {
    .ip_version = 4,
    .proto = IPPROTO_UDP,
    .ip = {{192, 0, 2, 1}, {198, 51, 100, 2}},
    .port = {40000, 443},
};

static void put_ip(struct bytes *p, const struct capture_talk *t, unsigned from)
{
    const uint8_t zero[40] = {0};
    const uint16_t type = htons(t->ip_version == 4 ? 0x0800 : 0x86dd);
    p->n = 0;
    put(p, zero, 12);
    put(p, &type, 2);
    size_t at = p->n;
    if (t->ip_version == 4) {
        put(p, zero, 12);
        p->b[at] = 0x45;
        p->b[at + 9] = t->proto;
        put(p, t->ip[from], 4);
        put(p, t->ip[1 - from], 4);
    } else {
        put(p, zero, 8);
        p->b[at] = 0x60;
        p->b[at + 6] = t->proto;
        put(p, t->ip[from], 16);
        put(p, t->ip[1 - from], 16);
    }
    for (unsigned i = 0; i < 2; i++) {
        const uint16_t port = htons(t->port[i ? 1 - from : from]);
        put(p, &port, 2);
    }
}

static struct bytes tcp(const struct capture_talk *t, unsigned from,
                        uint8_t flags, const char *data, size_t n)
{
    struct bytes p;
    uint8_t rest[16] = {[8] = 5 << 4, [9] = flags};
    put_ip(&p, t, from);
    put(&p, rest, sizeof rest);
    put(&p, data, n);
    return p;
}

static struct bytes udp(unsigned from, uint8_t first)
{
    struct bytes p;
    uint8_t rest[24] = {[4] = first};
    put_ip(&p, &udp4, from);
    put(&p, rest, sizeof rest);
    return p;
}

static bool data_passes(const struct relief *r, const struct capture_talk *t,
                        unsigned from)
{
    struct bytes p = tcp(t, from, ACK, "what nobody waits for", 21);
    return pass(r, &p) != 0;
}

static bool passes(const struct relief *r, struct bytes p)
{
    return pass(r, &p) == UINT32_MAX;
}

static void ignore(struct relief *r, const struct capture_talk *t, tick_t when)
{
    for (unsigned i = 0; i < 4; i++) {
        relief_ignore(r, t, when);
    }
}

static void settle(struct relief *r, const struct capture_talk *t)
{
    ignore(r, t, capture_now());
}

Test(relief, both_directions_of_a_settled_conversation)
{
    static const struct capture_talk *const talks[] = {&tcp4, &tcp6};
    for (unsigned i = 0; i < 2; i++) {
        struct relief *r = load_with(NULL, 0);
        struct capture_talk other = *talks[i];
        other.port[0]++;
        cr_expect(data_passes(r, talks[i], 0));
        relief_ignore(r, talks[i], capture_now());
        cr_expect(data_passes(r, talks[i], 0), "one packet is not many");
        settle(r, talks[i]);
        cr_expect_not(data_passes(r, talks[i], 0));
        cr_expect_not(data_passes(r, talks[i], 1));
        cr_expect_not(passes(r, tcp(talks[i], 0, ACK, "", 0)));
        cr_expect(data_passes(r, &other, 0));
        cr_expect(data_passes(r, &other, 1));
        cr_expect_eq(relief_count(r), 3);
        relief_free(r);
    }
}

Test(relief, ends_are_delivered)
{
    struct relief *r = load_with(NULL, 0);
    settle(r, &tcp4);
    cr_expect(passes(r, tcp(&tcp4, 0, FIN | ACK, "", 0)));
    cr_expect(passes(r, tcp(&tcp4, 1, RST, "", 0)));
    cr_expect_not(data_passes(r, &tcp4, 0), "and end no relief");
    relief_free(r);
}

/* What begins is delivered with all that follows, until it is settled, too. */
Test(relief, beginnings_end_it)
{
    static const struct {
        unsigned from;
        uint8_t flags;
        size_t n;
        const char *data;
    } begin[] = {
        {0, SYN, 0, ""},
        {1, SYN | ACK, 0, ""},
        {0, ACK, 9, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"},
        {1, ACK, 9, "\x16\x03\x03\x00\x40\x02\x00\x00\x3c"},
        {1, ACK, 7, "\x15\x03\x03\x00\x02\x02\x28"},
        {0, ACK, 11, "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"},
        {0, ACK, 11, "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"},
    };
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++) {
        struct relief *r = load_with(NULL, 0);
        settle(r, &tcp4);
        cr_expect_not(data_passes(r, &tcp4, 0), "%zu", i);
        cr_expect(passes(r, tcp(&tcp4, begin[i].from, begin[i].flags,
                                begin[i].data, begin[i].n)),
                  "%zu", i);
        cr_expect(data_passes(r, &tcp4, 0), "%zu", i);
        cr_expect(data_passes(r, &tcp4, 1), "%zu", i);
        settle(r, &tcp4);
        cr_expect_not(data_passes(r, &tcp4, 0), "%zu", i);
        relief_free(r);
    }
}

Test(relief, what_only_looks_like_a_beginning)
{
    static const char *const data[] = {
        "\x16\x02zzz",          "\x17\x03\x03\x01\x00", "\x80\x2e\x04\x03\x01",
        "\x80\x2e\x01\x05\x01", "\x14\x03\x03zz",       "GET /"};
    struct relief *r = load_with(NULL, 0);
    settle(r, &tcp4);
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        cr_expect_not(passes(r, tcp(&tcp4, 0, ACK, data[i], 5)), "%zu", i);
    }
    relief_free(r);
}

/* We hear of packets late: those of the old connection may be told when the
 * ports have a new one. */
Test(relief, old_news)
{
    struct relief *r = load_with(NULL, 0);
    const tick_t before = capture_now() - TICK_MSEC;
    cr_expect(passes(r, tcp(&tcp4, 0, SYN, "", 0)));
    ignore(r, &tcp4, before);
    cr_expect(data_passes(r, &tcp4, 0));
    settle(r, &tcp4);
    cr_expect_not(data_passes(r, &tcp4, 0));
    ignore(r, &tcp4, capture_now() + 3600 * TICK_SEC);
    cr_expect(passes(r, tcp(&tcp4, 0, SYN, "", 0)));
    cr_expect(data_passes(r, &tcp4, 0), "the wall clock was set back");
    relief_free(r);
}

Test(relief, datagrams)
{
    struct relief *r = load_with(NULL, 0);
    settle(r, &udp4);
    cr_expect_not(passes(r, udp(0, 0x41)), "QUIC, short header");
    cr_expect_not(passes(r, udp(1, 0x17)), "DTLS, application data");
    cr_expect_not(passes(r, udp(1, 0x80)), "RTP");
    cr_expect(passes(r, udp(1, 1)), "RADIUS");
    cr_expect(data_passes(r, &tcp4, 0), "TCP between the same ends");
    static const uint8_t begins[] = {0xc3, 0xd0, 0x16};
    for (size_t i = 0; i < sizeof begins; i++) {
        settle(r, &udp4);
        cr_expect_not(passes(r, udp(0, 0x41)));
        cr_expect(passes(r, udp(0, begins[i])));
        cr_expect(passes(r, udp(0, 0x41)));
    }
    relief_free(r);
}

Test(relief, other_packets)
{
    struct relief *r = load_with(NULL, 0);
    settle(r, &tcp4);
    struct bytes p = tcp(&tcp4, 0, ACK, "data", 4);
    p.b[ETHERNET + 6] = 0x20;
    cr_expect(passes(r, p), "a first fragment");
    p.b[ETHERNET + 6] = 0;
    p.b[ETHERNET + 7] = 8;
    cr_expect(passes(r, p), "a later fragment");
    p.b[ETHERNET + 7] = 0;
    cr_expect_not(passes(r, p));
    p.b[ETHERNET + 9] = 47;
    cr_expect(passes(r, p), "a tunnel");
    p.b[ETHERNET + 9] = IPPROTO_TCP;
    p.n = ETHERNET + 20 + 8;
    cr_expect(passes(r, p), "too short for TCP");
    p.n = ETHERNET + 20 + 14;
    cr_expect_not(passes(r, p));
    p.b[12] = 8;
    p.b[13] = 6;
    cr_expect(passes(r, p), "ARP");
    relief_free(r);
}

/* IP options move the ports. */
Test(relief, ip_options)
{
    struct relief *r = load_with(NULL, 0);
    struct bytes p = tcp(&tcp4, 0, ACK, "data", 4);
    struct bytes with = {.n = p.n + 4};
    memcpy(with.b, p.b, ETHERNET + 20);
    memset(with.b + ETHERNET + 20, 1, 4);
    memcpy(with.b + ETHERNET + 24, p.b + ETHERNET + 20, p.n - ETHERNET - 20);
    with.b[ETHERNET] = 0x46;
    cr_expect(passes(r, with));
    settle(r, &tcp4);
    cr_expect_not(passes(r, with));
    relief_free(r);
}

/* ---- filters of users go on to work ---- */

static void expect_alike(const char *text, const struct bytes *v, size_t n)
{
    struct bpf_program program;
    pcap_t *dead = pcap_open_dead(DLT_RAW, 65535);
    cr_assert_eq(pcap_compile(dead, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0,
                 "%s", text);
    struct relief *r =
        load_with((const struct sock_filter *)program.bf_insns, program.bf_len);
    for (size_t i = 0; i < n; i++) {
        const u_int size = (u_int)(v[i].n - ETHERNET);
        cr_expect_eq(
            pass(r, &v[i]),
            bpf_filter(program.bf_insns, v[i].b + ETHERNET, size, size),
            "%s, packet %zu", text, i);
    }
    relief_free(r);
    pcap_freecode(&program);
    pcap_close(dead);
}

Test(relief, filters_are_translated)
{
    static const char *const texts[] = {
        "tcp port 443",
        "udp",
        "ip6 and tcp dst port 443",
        "net 198.51.100.0/24 and not src host 192.0.2.1",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "tcp[((tcp[12] & 0xf0) >> 2)] = 0x16",
        "ip[2:2] / 2 > 100 or ip[0] % 7 = 6 or tcp[13] * 2 - 3 > 20",
        "len <= 60",
        "portrange 40000-40010 or (tcp[0:2] ^ tcp[2:2]) = 0",
        "udp[8:4] = 0xc3000000 or greater 500",
        "tcp[0] / (tcp[13] - 16) = 2",
    };
    const struct bytes packets[] = {
        tcp(&tcp4, 0, SYN, "", 0),
        tcp(&tcp4, 0, ACK, "\x16\x03\x01\x02", 4),
        tcp(&tcp4, 1, FIN | ACK, "some text that is longer", 24),
        tcp(&tcp6, 0, ACK, "text", 4),
        tcp(&tcp6, 1, RST, "", 0),
        udp(0, 0xc3),
        udp(1, 0x41),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        expect_alike(texts[i], packets, sizeof packets / sizeof *packets);
    }
}

Test(relief, settled_comes_before_the_filter)
{
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, 96)};
    struct relief *r = load_with(all, 1);
    struct bytes p = tcp(&tcp4, 0, ACK, "data", 4);
    cr_expect_eq(pass(r, &p), 96);
    settle(r, &tcp4);
    cr_expect_eq(pass(r, &p), 0);
    relief_free(r);
}

Test(relief, programs_that_cannot_be_translated)
{
    struct sock_filter random[] = {
        BPF_STMT(BPF_LD | BPF_ABS | BPF_W, (uint32_t)(SKF_AD_OFF + 56)),
        BPF_STMT(BPF_RET | BPF_A, 0)};
    char why[CAPTURE_ERROR_BYTES] = "";
    cr_expect_null(relief_new(0, random, 2, why));
    cr_expect(*why);
}
