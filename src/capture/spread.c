/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF (linux: Documentation/networking/filter.rst), written by hand, as
 * pcap-filter(7) has no arithmetic for it. Offsets count from the IP header
 * (SKF_NET_OFF): where the link header is differs between packets that come in
 * and packets that go out. A load outside of the packet ends it with 0.
 */
#include "capture/spread.h"

#include <stdbool.h>

#define NET ((uint32_t)SKF_NET_OFF)

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd };
enum { TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58 };

/* Scratch memory. */
enum { M_HASH, M_PROTO, M_OFFSET, M_PORTS };

struct program {
    struct sock_filter *v;
    size_t n;
};

static void op(struct program *p, unsigned code, uint32_t k)
{
    if (p->n < SPREAD_MAX) {
        p->v[p->n] = (struct sock_filter)BPF_STMT((uint16_t)code, k);
    }
    p->n++;
}

/* At X bytes behind. */
static void load_x(struct program *p, unsigned size, uint32_t at)
{
    op(p, BPF_LD | BPF_IND | size, NET + at);
}

static void store(struct program *p, uint32_t m)
{
    op(p, BPF_ST, m);
}

static void recall(struct program *p, uint32_t m)
{
    op(p, BPF_LD | BPF_MEM, m);
}

static void recall_x(struct program *p, uint32_t m)
{
    op(p, BPF_LDX | BPF_MEM, m);
}

static void to_x(struct program *p)
{
    op(p, BPF_MISC | BPF_TAX, 0);
}

static void xor_x(struct program *p)
{
    op(p, BPF_ALU | BPF_XOR | BPF_X, 0);
}

static void with(struct program *p, unsigned operation, uint32_t k)
{
    op(p, BPF_ALU | operation | BPF_K, k);
}

/* A conditional jump over `yes` or `no` instructions. */
static void branch(struct program *p, uint32_t k, uint8_t yes, uint8_t no)
{
    if (p->n < SPREAD_MAX) {
        p->v[p->n] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no);
    }
    p->n++;
}

static void give_up(struct program *p)
{
    op(p, BPF_RET | BPF_K, 0);
}

static void give_up_if(struct program *p, uint32_t k)
{
    branch(p, k, 0, 1);
    give_up(p);
}

static void give_up_unless(struct program *p, uint32_t k)
{
    branch(p, k, 1, 0);
    give_up(p);
}

/* A jump whose target is not known yet. */
static size_t jump(struct program *p)
{
    op(p, BPF_JMP | BPF_JA, 0);
    return p->n - 1;
}

static void land(struct program *p, size_t from)
{
    if (p->n <= SPREAD_MAX) {
        p->v[from].k = (uint32_t)(p->n - from - 1);
    }
}

/* A = length of the IPv4 header at X bytes behind. */
static void header_length(struct program *p)
{
    load_x(p, BPF_B, 0);
    with(p, BPF_AND, 15);
    with(p, BPF_LSH, 2);
}

/* M_HASH, M_PROTO and M_OFFSET from the IPv4 header at X bytes behind, which
 * M_OFFSET holds, too. */
static void read_ipv4(struct program *p)
{
    load_x(p, BPF_H, 6); /* more fragments, or an offset */
    with(p, BPF_AND, 0x3fff);
    give_up_unless(p, 0);
    load_x(p, BPF_B, 9);
    store(p, M_PROTO);
    load_x(p, BPF_W, 12);
    store(p, M_HASH);
    load_x(p, BPF_W, 16);
    recall_x(p, M_HASH);
    xor_x(p);
    store(p, M_HASH);
    recall_x(p, M_OFFSET);
    header_length(p);
    op(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    store(p, M_OFFSET);
}

/* The same of the IPv6 header. */
static void read_ipv6(struct program *p)
{
    load_x(p, BPF_B, 6);
    store(p, M_PROTO);
    with(p, BPF_AND, 0);
    store(p, M_HASH);
    for (uint32_t at = 8; at < 40; at += 4) {
        recall_x(p, M_OFFSET);
        load_x(p, BPF_W, at);
        recall_x(p, M_HASH);
        xor_x(p);
        store(p, M_HASH);
    }
    recall(p, M_OFFSET);
    with(p, BPF_ADD, 40);
    store(p, M_OFFSET);
}

/* When it is ICMP, goes on with the packet that an error quotes. */
static void look_into_icmp(struct program *p, uint32_t icmp,
                           const uint32_t *errors, size_t errors_n,
                           void (*read)(struct program *p))
{
    recall(p, M_PROTO);
    branch(p, icmp, 1, 0);
    size_t other = jump(p);
    recall_x(p, M_OFFSET);
    load_x(p, BPF_B, 0);
    size_t found[4];
    for (size_t i = 0; i < errors_n; i++) {
        branch(p, errors[i], 0, 1);
        found[i] = jump(p);
    }
    give_up(p);
    for (size_t i = 0; i < errors_n; i++) {
        land(p, found[i]);
    }
    recall(p, M_OFFSET);
    with(p, BPF_ADD, 8);
    store(p, M_OFFSET);
    to_x(p);
    read(p);
    land(p, other);
}

static void read_ip(struct program *p, bool v6)
{
    /* RFC 792: unreachable, time exceeded, parameter problem. */
    static const uint32_t errors4[] = {3, 11, 12};
    static const uint32_t errors6[] = {1, 2, 3, 4}; /* RFC 4443 */
    with(p, BPF_AND, 0);
    store(p, M_OFFSET);
    to_x(p);
    if (v6) {
        read_ipv6(p);
        look_into_icmp(p, ICMPV6, errors6, 4, read_ipv6);
    } else {
        read_ipv4(p);
        look_into_icmp(p, ICMP, errors4, 3, read_ipv4);
    }
}

/* UDP that may be a tunnel. */
static void look_for_tunnels(struct program *p, const uint16_t *ports, size_t n)
{
    recall(p, M_PROTO);
    branch(p, UDP, 1, 0);
    size_t other = jump(p);
    for (unsigned shift = 0; shift <= 16; shift += 16) {
        recall(p, M_PORTS);
        with(p, BPF_RSH, shift);
        with(p, BPF_AND, 0xffff);
        for (size_t i = 0; i < n; i++) {
            give_up_if(p, ports[i]);
        }
    }
    land(p, other);
}

/* The number: addresses and ports of both ends, exchangeable, well mixed (the
 * finish of MurmurHash3). */
static void mix(struct program *p)
{
    recall(p, M_PORTS);
    with(p, BPF_RSH, 16);
    to_x(p);
    recall(p, M_PORTS);
    with(p, BPF_AND, 0xffff);
    xor_x(p);
    with(p, BPF_MUL, 0x9e3779b1);
    recall_x(p, M_HASH);
    xor_x(p);
    static const uint32_t factors[] = {0x85ebca6b, 0xc2b2ae35};
    for (unsigned i = 0; i < 2; i++) {
        store(p, M_HASH);
        with(p, BPF_RSH, 16);
        recall_x(p, M_HASH);
        xor_x(p);
        with(p, BPF_MUL, factors[i]);
    }
    store(p, M_HASH);
    with(p, BPF_RSH, 16);
    recall_x(p, M_HASH);
    xor_x(p);
    op(p, BPF_RET | BPF_A, 0);
}

size_t spread_program(struct sock_filter out[SPREAD_MAX], const uint16_t *ports,
                      size_t ports_n)
{
    struct program p = {.v = out};
    op(&p, BPF_LD | BPF_ABS | BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
    branch(&p, ETHERTYPE_IPV6, 0, 1);
    size_t v6 = jump(&p);
    give_up_unless(&p, ETHERTYPE_IPV4);
    read_ip(&p, false);
    size_t v4_done = jump(&p);
    land(&p, v6);
    read_ip(&p, true);
    land(&p, v4_done);
    recall(&p, M_PROTO);
    branch(&p, TCP, 2, 0);
    give_up_unless(&p, UDP);
    recall_x(&p, M_OFFSET);
    load_x(&p, BPF_W, 0);
    store(&p, M_PORTS);
    look_for_tunnels(&p, ports, ports_n);
    mix(&p);
    return p.n <= SPREAD_MAX ? p.n : 0;
}
