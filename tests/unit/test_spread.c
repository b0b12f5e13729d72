/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's program that spreads packets over threads, run here by a small
 * machine of our own (linux: Documentation/networking/filter.rst): both
 * directions and ICMP errors get one number, what cannot be told gets 0.
 */
#include "capture/spread.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

static const uint16_t ports[] = {4789, 6081, 2152};

/* A packet from its IP header on. */
struct packet_bytes {
    uint16_t ethertype;
    uint8_t b[256];
    size_t n;
};

/* ---- the machine ---- */

static bool load(const struct packet_bytes *p, uint32_t k, unsigned size,
                 uint32_t *a)
{
    if (k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)) {
        *a = p->ethertype;
        return true;
    }
    uint32_t at = k - (uint32_t)SKF_NET_OFF;
    unsigned n = size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
    if (at > p->n || n > p->n - at) {
        return false;
    }
    *a = 0;
    for (unsigned i = 0; i < n; i++) {
        *a = *a << 8 | p->b[at + i];
    }
    return true;
}

static uint32_t calculate(unsigned code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return a + b;
    case BPF_MUL:
        return a * b;
    case BPF_AND:
        return a & b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return a << b;
    case BPF_RSH:
        return a >> b;
    default:
        cr_assert_fail("operation %x", code);
        return 0;
    }
}

static uint32_t machine(const struct sock_filter *v, size_t n,
                        const struct packet_bytes *p)
{
    uint32_t a = 0;
    uint32_t x = 0;
    uint32_t m[BPF_MEMWORDS] = {0};
    for (size_t pc = 0; pc < n; pc++) {
        const struct sock_filter *i = &v[pc];
        uint32_t operand = BPF_SRC(i->code) == BPF_X ? x : i->k;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            if (BPF_MODE(i->code) == BPF_MEM) {
                a = m[i->k];
            } else if (!load(p, i->k + (BPF_MODE(i->code) == BPF_IND ? x : 0),
                             BPF_SIZE(i->code), &a)) {
                return 0;
            }
            break;
        case BPF_LDX:
            x = m[i->k];
            break;
        case BPF_ST:
            m[i->k] = a;
            break;
        case BPF_ALU:
            a = calculate(i->code, a, operand);
            break;
        case BPF_JMP:
            pc += BPF_OP(i->code) == BPF_JA ? i->k : a == i->k ? i->jt : i->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(i->code) == BPF_A ? a : i->k;
        default: /* BPF_MISC: TAX */
            x = a;
            break;
        }
    }
    cr_assert_fail("ran over the end");
    return 0;
}

static uint32_t number(const struct packet_bytes *p)
{
    struct sock_filter v[SPREAD_MAX];
    size_t n = spread_program(v, ports, sizeof ports / sizeof ports[0]);
    cr_assert_gt(n, 0);
    return machine(v, n, p);
}

/* ---- packets ---- */

static void put(struct packet_bytes *p, unsigned v)
{
    p->b[p->n++] = (uint8_t)v;
}

static void put16(struct packet_bytes *p, unsigned v)
{
    put(p, v >> 8);
    put(p, v & 0xff);
}

/* Host numbers become addresses 192.0.2.h and 2001:db8::h. */
static void put_ip(struct packet_bytes *p, bool v6, unsigned proto,
                   unsigned from, unsigned to)
{
    uint8_t *h = p->b + p->n;
    p->n += v6 ? 40 : 20;
    if (v6) {
        h[0] = 0x60;
        h[6] = (uint8_t)proto;
        memcpy(h + 8, "\x20\x01\x0d\xb8", 4);
        h[23] = (uint8_t)from;
        memcpy(h + 24, "\x20\x01\x0d\xb8", 4);
        h[39] = (uint8_t)to;
    } else {
        h[0] = 0x45;
        h[9] = (uint8_t)proto;
        memcpy(h + 12, "\xc0\x00\x02", 3);
        h[15] = (uint8_t)from;
        memcpy(h + 16, "\xc0\x00\x02", 3);
        h[19] = (uint8_t)to;
    }
}

static struct packet_bytes packet(bool v6, unsigned proto, unsigned from,
                                  unsigned port, unsigned to, unsigned to_port)
{
    struct packet_bytes p = {.ethertype = v6 ? 0x86dd : 0x0800};
    put_ip(&p, v6, proto, from, to);
    put16(&p, port);
    put16(&p, to_port);
    p.n += 16;
    return p;
}

/* A router's error of this type about a packet. */
static struct packet_bytes error_about(const struct packet_bytes *q, bool v6,
                                       unsigned type)
{
    struct packet_bytes p = {.ethertype = v6 ? 0x86dd : 0x0800};
    put_ip(&p, v6, v6 ? 58 : 1, 99, 1);
    put(&p, type);
    p.n += 7;
    size_t n = v6 ? 48 : 28;
    memcpy(p.b + p.n, q->b, n);
    p.n += n;
    return p;
}

/* ---- */

Test(spread, both_directions_and_errors_meet)
{
    for (unsigned i = 0; i < 16; i++) {
        bool v6 = i & 1;
        unsigned proto = i & 2 ? 6 : 17;
        unsigned port = 50000 + i * 111;
        struct packet_bytes there = packet(v6, proto, 1 + i, port, 200, 443);
        struct packet_bytes back = packet(v6, proto, 200, 443, 1 + i, port);
        struct packet_bytes lost = error_about(&there, v6, v6 ? 1 : 3);
        struct packet_bytes large = error_about(&back, v6, v6 ? 2 : 11);
        uint32_t it = number(&there);
        cr_expect_neq(it, 0);
        cr_expect_eq(number(&back), it);
        cr_expect_eq(number(&lost), it);
        cr_expect_eq(number(&large), it);
    }
}

Test(spread, header_options_are_stepped_over)
{
    struct packet_bytes plain = packet(false, 6, 1, 50001, 2, 443);
    struct packet_bytes with = {.ethertype = 0x0800};
    put_ip(&with, false, 6, 1, 2);
    with.b[0] = 0x47; /* seven words */
    with.n += 8;
    put16(&with, 50001);
    put16(&with, 443);
    cr_expect_eq(number(&with), number(&plain));
}

Test(spread, what_cannot_be_told_goes_to_the_first)
{
    struct packet_bytes p = packet(false, 6, 1, 50001, 2, 443);
    cr_expect_neq(number(&p), 0);
    p.b[6] = 0x20; /* more fragments */
    cr_expect_eq(number(&p), 0);
    p.b[6] = 0x01; /* an offset */
    cr_expect_eq(number(&p), 0);
    p = packet(false, 17, 1, 50001, 2, 4789);
    cr_expect_eq(number(&p), 0, "VXLAN");
    p = packet(true, 17, 1, 2152, 2, 50001);
    cr_expect_eq(number(&p), 0, "GTP-U");
    p = packet(false, 6, 1, 50001, 2, 4789);
    cr_expect_neq(number(&p), 0, "TCP is no tunnel");
    p = packet(false, 47, 1, 50001, 2, 443);
    cr_expect_eq(number(&p), 0, "GRE");
    p = packet(true, 0, 1, 50001, 2, 443);
    cr_expect_eq(number(&p), 0, "hop-by-hop options");
    p = packet(false, 6, 1, 50001, 2, 443);
    p.ethertype = 0x8847;
    cr_expect_eq(number(&p), 0, "MPLS");
    p = packet(false, 6, 1, 50001, 2, 443);
    p.n = 21;
    cr_expect_eq(number(&p), 0, "cut");
    struct packet_bytes q = packet(false, 6, 1, 50001, 2, 443);
    p = error_about(&q, false, 8);
    cr_expect_eq(number(&p), 0, "an echo quotes nothing");
}

/* Of 4,000 connections to one server each of eight threads gets about 500. */
Test(spread, is_even)
{
    unsigned n[8] = {0};
    for (unsigned i = 0; i < 4000; i++) {
        struct packet_bytes p =
            packet(i & 1, 6, i % 200, 32768 + i * 7 % 28000, 250, 443);
        n[number(&p) % 8]++;
    }
    for (unsigned i = 0; i < 8; i++) {
        cr_expect(n[i] > 400 && n[i] < 600, "thread %u got %u", i, n[i]);
    }
}

Test(spread, too_many_ports)
{
    static const uint16_t many[SPREAD_MAX] = {1};
    struct sock_filter v[SPREAD_MAX];
    cr_expect_eq(spread_program(v, many, SPREAD_MAX), 0);
}
