/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is an array of the kernel that is mapped into this process: writing
 * it takes no system call, so that a confined process can. Conversation c lives
 * in slot hash(c) or nowhere, with the time when it was last seen and not
 * wanted; in the same slot the program notes the time of the last SYN or hello
 * that came by. It drops a packet when its conversation is in the slot and the
 * first time is the later one. So a connection that begins on the ports of an
 * old one is seen from its first packet on, although we learn of that packet
 * only later, and may just then be writing the old one into the slot.
 *
 * The two ends of a conversation are ordered by their hashes, which makes both
 * directions one.
 */
#include "config.h"

#include "capture/relief.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_RELIEF

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "capture/ebpf.h"

#define END_WORDS 5u /* address, then port, protocol and version of IP */

struct slot {
    _Atomic uint64_t since; /* last seen, not wanted; 0: empty */
    _Atomic uint64_t begun; /* last SYN or hello; written by the kernel */
    uint32_t ends[2][END_WORDS];
    uint64_t dropped; /* in the slots of processors only */
};

/* Behind the slots of conversations: what each processor dropped. */
#define PROCESSORS 64u

/* Packets in a row of a conversation before it is worth a slot; most end
 * soon. */
#define PATIENCE 4u
#define RECENT   2048u

struct relief {
    struct slot *slots;
    size_t bytes; /* of the mapping */
    unsigned n;
    struct hash_seed seed;
    int program;
    struct {
        uint32_t tag, n;
    } recent[RECENT];
};

static void explain(char why[CAPTURE_ERROR_BYTES], const char *what)
{
    snprintf(why, CAPTURE_ERROR_BYTES, "%s: %s", what, strerror(errno));
}

/* ---- the program ---- */

/* Where on the stack; all below what a classic program uses, for these are
 * read before it runs. */
enum {
    ENDS = -128,    /* source, destination */
    HEADER = -168,  /* 40 bytes */
    PORTS = -184,   /* 14 bytes: TCP's header to its flags */
    PAYLOAD = -192, /* 5 bytes */
    INDEX = -196,
    ACTION = -200,
};

enum label { L_PASS, L_IPV6, L_TRANSPORT, L_UDP, L_BEGINS, L_KNOWN, L_HASH };

/* R6 context, R7 and R8 the ends in their order, R9 what must survive calls. */
enum {
    R0 = BPF_REG_0,
    R1 = BPF_REG_1,
    R2 = BPF_REG_2,
    R3 = BPF_REG_3,
    R4 = BPF_REG_4,
    R5 = BPF_REG_5,
    R6 = BPF_REG_6,
    R7 = BPF_REG_7,
    R8 = BPF_REG_8,
    R9 = BPF_REG_9,
    FP = BPF_REG_10
};

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)
#define FOLD       29

static void set(struct ebpf *p, unsigned dst, int32_t value)
{
    ebpf_op(p, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value);
}

static void move(struct ebpf *p, unsigned dst, unsigned src)
{
    ebpf_op(p, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void with(struct ebpf *p, unsigned operation, unsigned dst,
                 int32_t value)
{
    ebpf_op(p, BPF_ALU64 | operation | BPF_K, dst, 0, 0, value);
}

static void with_reg(struct ebpf *p, unsigned operation, unsigned dst,
                     unsigned src)
{
    ebpf_op(p, BPF_ALU64 | operation | BPF_X, dst, src, 0, 0);
}

static void load(struct ebpf *p, unsigned size, unsigned dst, unsigned src,
                 int off)
{
    ebpf_op(p, BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}

static void store(struct ebpf *p, unsigned size, unsigned dst, int off,
                  unsigned src)
{
    ebpf_op(p, BPF_STX | BPF_MEM | size, dst, src, off, 0);
}

static void call(struct ebpf *p, int32_t function)
{
    ebpf_op(p, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

static void if_k(struct ebpf *p, unsigned test, unsigned reg, int32_t value,
                 enum label label)
{
    ebpf_jump(p, test | BPF_K, reg, 0, value, label);
}

/* n bytes of the packet onto the stack; from its IP header on at R8 (or at 0)
 * bytes. R0 is 0 when they are there. */
static void fetch(struct ebpf *p, bool at_r8, int to, int32_t n)
{
    move(p, R1, R6);
    if (at_r8) {
        move(p, R2, R8);
    } else {
        set(p, R2, 0);
    }
    move(p, R3, FP);
    with(p, BPF_ADD, R3, to);
    set(p, R4, n);
    set(p, R5, BPF_HDR_START_NET);
    call(p, BPF_FUNC_skb_load_bytes_relative);
}

static void copy_words(struct ebpf *p, int to, int from, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        load(p, BPF_W, R1, FP, from + (int)(4 * i));
        store(p, BPF_W, FP, to + (int)(4 * i), R1);
    }
}

/* Both ends' addresses, R9 = protocol with the version above it, R8 = where it
 * begins. */
static void read_ipv4(struct ebpf *p)
{
    fetch(p, false, HEADER, 20);
    if_k(p, BPF_JNE, R0, 0, L_PASS);
    load(p, BPF_H, R1, FP, HEADER + 6); /* fragments */
    with(p, BPF_AND, R1, htons(0x3fff));
    if_k(p, BPF_JNE, R1, 0, L_PASS);
    load(p, BPF_B, R9, FP, HEADER + 9);
    with(p, BPF_OR, R9, 4 << 8);
    load(p, BPF_B, R8, FP, HEADER);
    with(p, BPF_AND, R8, 15);
    with(p, BPF_LSH, R8, 2);
    set(p, R1, 0);
    for (int i = 0; i < 2; i++) {
        for (int k = 4; k < 16; k += 4) {
            store(p, BPF_W, FP, ENDS + i * 20 + k, R1);
        }
    }
    copy_words(p, ENDS, HEADER + 12, 1);
    copy_words(p, ENDS + 20, HEADER + 16, 1);
    ebpf_jump(p, BPF_JA, 0, 0, 0, L_TRANSPORT);
}

static void read_ipv6(struct ebpf *p)
{
    ebpf_land(p, L_IPV6);
    fetch(p, false, HEADER, 40);
    if_k(p, BPF_JNE, R0, 0, L_PASS);
    load(p, BPF_B, R9, FP, HEADER + 6);
    with(p, BPF_OR, R9, 6 << 8);
    set(p, R8, 40);
    copy_words(p, ENDS, HEADER + 8, 4);
    copy_words(p, ENDS + 20, HEADER + 24, 4);
}

/* The last word of each end. */
static void read_ports(struct ebpf *p)
{
    with(p, BPF_LSH, R9, 16);
    for (int i = 0; i < 2; i++) {
        load(p, BPF_H, R1, FP, PORTS + 2 * i);
        with_reg(p, BPF_OR, R1, R9);
        store(p, BPF_W, FP, ENDS + i * 20 + 16, R1);
    }
}

/* What tls_probe() takes for a hello or an alert, from five bytes at PAYLOAD:
 * 16 or 15 with version 3; a hello of SSL 2 (RFC 5246 E.2). */
static void look_for_hello(struct ebpf *p)
{
    load(p, BPF_B, R1, FP, PAYLOAD);
    load(p, BPF_B, R2, FP, PAYLOAD + 1);
    load(p, BPF_B, R3, FP, PAYLOAD + 2);
    load(p, BPF_B, R4, FP, PAYLOAD + 3);
    /* Unless it is 15 or 16: over the test of the version. */
    ebpf_op(p, BPF_JMP | BPF_JEQ | BPF_K, R1, 0, 1, 0x16);
    ebpf_op(p, BPF_JMP | BPF_JNE | BPF_K, R1, 0, 1, 0x15);
    if_k(p, BPF_JEQ, R2, 3, L_BEGINS);
    if_k(p, BPF_JLT, R1, 0x80, L_KNOWN);
    if_k(p, BPF_JNE, R3, 1, L_KNOWN);
    if_k(p, BPF_JEQ, R4, 0, L_BEGINS);
    if_k(p, BPF_JEQ, R4, 3, L_BEGINS);
    ebpf_jump(p, BPF_JA, 0, 0, 0, L_KNOWN);
}

static void read_tcp(struct ebpf *p)
{
    fetch(p, true, PORTS, 14);
    if_k(p, BPF_JNE, R0, 0, L_PASS);
    read_ports(p);
    load(p, BPF_B, R1, FP, PORTS + 13);
    if_k(p, BPF_JSET, R1, 0x02, L_BEGINS);   /* SYN */
    if_k(p, BPF_JSET, R1, 0x01 | 4, L_PASS); /* FIN, RST */
    load(p, BPF_B, R1, FP, PORTS + 12);
    with(p, BPF_RSH, R1, 4);
    with(p, BPF_LSH, R1, 2);
    with_reg(p, BPF_ADD, R8, R1);
    fetch(p, true, PAYLOAD, 5);
    if_k(p, BPF_JNE, R0, 0, L_KNOWN); /* shorter than any hello */
    look_for_hello(p);
}

/* Long headers of QUIC and handshake records of DTLS begin something; RADIUS
 * may carry it. */
static void read_udp(struct ebpf *p)
{
    ebpf_land(p, L_UDP);
    fetch(p, true, PORTS, 9);
    if_k(p, BPF_JNE, R0, 0, L_PASS);
    read_ports(p);
    load(p, BPF_B, R1, FP, PORTS + 8);
    if_k(p, BPF_JLT, R1, 0x10, L_PASS);
    if_k(p, BPF_JEQ, R1, 0x16, L_BEGINS);
    if_k(p, BPF_JGE, R1, 0xc0, L_BEGINS);
    ebpf_jump(p, BPF_JA, 0, 0, 0, L_KNOWN);
}

/* R(dst) = hash of the end at that place of the stack; hash_end() is the same
 * in C. R4 holds the multiplier. */
static void hash(struct ebpf *p, unsigned dst, int at, uint64_t seed)
{
    ebpf_load_64(p, dst, 0, seed);
    for (unsigned i = 0; i < END_WORDS; i++) {
        load(p, BPF_W, R1, FP, at + (int)(4 * i));
        with_reg(p, BPF_XOR, dst, R1);
        with_reg(p, BPF_MUL, dst, R4);
        move(p, R1, dst);
        with(p, BPF_RSH, R1, FOLD);
        with_reg(p, BPF_XOR, dst, R1);
    }
}

/* R0 = the element whose index R0 has, or NULL. */
static void look_up(struct ebpf *p, int map)
{
    store(p, BPF_W, FP, INDEX, R0);
    ebpf_load_64(p, R1, BPF_PSEUDO_MAP_FD, (uint32_t)map);
    move(p, R2, FP);
    with(p, BPF_ADD, R2, INDEX);
    call(p, BPF_FUNC_map_lookup_elem);
    if_k(p, BPF_JEQ, R0, 0, L_PASS);
}

/* R9 = the slot, R7 and R8 = the ends in order. */
static void find_slot(struct ebpf *p, const struct relief *r, int map)
{
    ebpf_load_64(p, R4, 0, MULTIPLIER);
    hash(p, R7, ENDS, r->seed.k0);
    hash(p, R8, ENDS + 20, r->seed.k0);
    move(p, R0, R7);
    with_reg(p, BPF_ADD, R0, R8);
    with_reg(p, BPF_MUL, R0, R4);
    with(p, BPF_RSH, R0, 32);
    with(p, BPF_AND, R0, (int32_t)(r->n - 1));
    move(p, R1, R7);
    move(p, R2, R8);
    move(p, R7, FP);
    move(p, R8, FP);
    ebpf_op(p, BPF_JMP | BPF_JGT | BPF_X, R1, R2, 3, 0);
    with(p, BPF_ADD, R7, ENDS);
    with(p, BPF_ADD, R8, ENDS + 20);
    ebpf_op(p, BPF_JMP | BPF_JA, 0, 0, 2, 0);
    with(p, BPF_ADD, R7, ENDS + 20);
    with(p, BPF_ADD, R8, ENDS);
    look_up(p, map);
    move(p, R9, R0);
}

static void compare_end(struct ebpf *p, unsigned end, size_t at)
{
    for (unsigned i = 0; i < END_WORDS; i++) {
        load(p, BPF_W, R1, end, (int)(4 * i));
        load(p, BPF_W, R2, R9, (int)(at + 4 * i));
        ebpf_jump(p, BPF_JNE | BPF_X, R1, R2, 0, L_PASS);
    }
}

/* Drops what is in the slot for sure. */
static void judge(struct ebpf *p, const struct relief *r, int map)
{
    load(p, BPF_DW, R3, R9, offsetof(struct slot, since));
    load(p, BPF_DW, R1, R9, offsetof(struct slot, begun));
    ebpf_jump(p, BPF_JLE | BPF_X, R3, R1, 0, L_PASS); /* also when empty */
    compare_end(p, R7, offsetof(struct slot, ends[0]));
    compare_end(p, R8, offsetof(struct slot, ends[1]));
    load(p, BPF_DW, R1, R9, offsetof(struct slot, since));
    ebpf_jump(p, BPF_JNE | BPF_X, R1, R3, 0, L_PASS); /* being written */
    call(p, BPF_FUNC_get_smp_processor_id);
    with(p, BPF_AND, R0, PROCESSORS - 1);
    with(p, BPF_ADD, R0, (int32_t)r->n);
    look_up(p, map);
    load(p, BPF_DW, R1, R0, offsetof(struct slot, dropped));
    with(p, BPF_ADD, R1, 1);
    store(p, BPF_DW, R0, offsetof(struct slot, dropped), R1);
    set(p, R0, 0);
    ebpf_op(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void write_program(struct ebpf *p, const struct relief *r, int map)
{
    move(p, R6, R1);
    load(p, BPF_W, R1, R6, offsetof(struct __sk_buff, protocol));
    if_k(p, BPF_JEQ, R1, htons(ETH_P_IPV6), L_IPV6);
    if_k(p, BPF_JNE, R1, htons(ETH_P_IP), L_PASS);
    read_ipv4(p);
    read_ipv6(p);
    ebpf_land(p, L_TRANSPORT);
    move(p, R1, R9);
    with(p, BPF_AND, R1, 0xff);
    if_k(p, BPF_JEQ, R1, IPPROTO_UDP, L_UDP);
    if_k(p, BPF_JNE, R1, IPPROTO_TCP, L_PASS);
    read_tcp(p);
    read_udp(p);
    ebpf_land(p, L_BEGINS);
    set(p, R1, 1);
    ebpf_jump(p, BPF_JA, 0, 0, 0, L_HASH);
    ebpf_land(p, L_KNOWN);
    set(p, R1, 0);
    ebpf_land(p, L_HASH);
    store(p, BPF_W, FP, ACTION, R1);
    find_slot(p, r, map);
    load(p, BPF_W, R1, FP, ACTION);
    ebpf_op(p, BPF_JMP | BPF_JEQ | BPF_K, R1, 0, 3, 0);
    call(p, BPF_FUNC_ktime_get_ns);
    store(p, BPF_DW, R9, offsetof(struct slot, begun), R0);
    ebpf_jump(p, BPF_JA, 0, 0, 0, L_PASS);
    judge(p, r, map);
    ebpf_land(p, L_PASS);
}

/* ---- bpf(2) ---- */

static int bpf(int command, union bpf_attr *a)
{
    return (int)syscall(SYS_bpf, command, a, sizeof *a);
}

static int make_table(struct relief *r)
{
    union bpf_attr a;
    memset(&a, 0, sizeof a); /* also what is between its members */
    a.map_type = BPF_MAP_TYPE_ARRAY;
    a.key_size = sizeof(uint32_t);
    a.value_size = sizeof(struct slot);
    a.max_entries = r->n + PROCESSORS;
    a.map_flags = BPF_F_MMAPABLE;
    int map = bpf(BPF_MAP_CREATE, &a);
    if (map < 0) {
        return -1;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    r->bytes = (a.max_entries * sizeof(struct slot) + page - 1) / page * page;
    void *at = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (at == MAP_FAILED) {
        close(map);
        return -1;
    }
    r->slots = at;
    return map;
}

static int load_program(const struct ebpf *p)
{
    union bpf_attr a;
    memset(&a, 0, sizeof a);
    a.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    a.insns = (uintptr_t)p->v;
    a.insn_cnt = (uint32_t)p->n;
    a.license = (uintptr_t) "Apache-2.0";
    return bpf(BPF_PROG_LOAD, &a);
}

static bool build(struct relief *r, int map, const struct sock_filter *classic,
                  size_t n, char why[CAPTURE_ERROR_BYTES])
{
    struct ebpf p = {.n = 0};
    write_program(&p, r, map);
    if (n == 0) { /* whole packets */
        ebpf_op(&p, BPF_ALU | BPF_MOV | BPF_K, R0, 0, 0, -1);
        ebpf_op(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    } else if (!ebpf_classic(&p, classic, n)) {
        snprintf(why, CAPTURE_ERROR_BYTES,
                 "the filter expression cannot be translated");
        return false;
    }
    if (p.bad || p.n > EBPF_MAX) {
        snprintf(why, CAPTURE_ERROR_BYTES, "the filter is too long");
        return false;
    }
    r->program = load_program(&p);
    if (r->program < 0) {
        explain(why, "bpf");
    }
    return r->program >= 0;
}

/* Whether our monotonic clock is the one of the kernel's programs: a time
 * namespace may have its own (time_namespaces(7)). */
static bool has_kernels_clock(void)
{
    char clock[32];
    long long seconds;
    long long nanoseconds;
    bool same = true;
    FILE *f = fopen("/proc/self/timens_offsets", "re");
    while (f &&
           fscanf(f, "%31s %lld %lld", clock, &seconds, &nanoseconds) == 3) {
        same = same && (strcmp(clock, "monotonic") != 0 ||
                        (seconds == 0 && nanoseconds == 0));
    }
    if (f) {
        fclose(f);
    }
    return same;
}

struct relief *relief_new(unsigned slots, const struct sock_filter *classic,
                          size_t n, char why[CAPTURE_ERROR_BYTES])
{
    if (!has_kernels_clock()) {
        snprintf(why, CAPTURE_ERROR_BYTES, "a time namespace");
        return NULL;
    }
    struct relief *r = calloc(1, sizeof *r);
    if (!r) {
        snprintf(why, CAPTURE_ERROR_BYTES, "out of memory");
        return NULL;
    }
    r->program = -1;
    r->seed = hash_seed_random();
    r->n = RELIEF_SLOTS_MIN;
    while (r->n < slots && r->n < RELIEF_SLOTS_MAX) {
        r->n *= 2;
    }
    int map = make_table(r);
    if (map < 0) {
        explain(why, "bpf");
    }
    bool good = map >= 0 && build(r, map, classic, n, why);
    if (map >= 0) {
        close(map);
    }
    if (!good) {
        relief_free(r);
        return NULL;
    }
    return r;
}

void relief_free(struct relief *r)
{
    if (!r) {
        return;
    }
    if (r->program >= 0) {
        close(r->program);
    }
    if (r->slots) {
        munmap(r->slots, r->bytes);
    }
    free(r);
}

bool relief_attach(struct relief *r, int socket, char why[CAPTURE_ERROR_BYTES])
{
    if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &r->program,
                   sizeof r->program) != 0) {
        explain(why, "the socket");
        return false;
    }
    close(r->program);
    r->program = -1;
    return true;
}

int relief_program(const struct relief *r)
{
    return r->program;
}

/* ---- the table ---- */

static uint64_t hash_end(const struct relief *r, const uint32_t end[END_WORDS])
{
    uint64_t h = r->seed.k0;
    for (unsigned i = 0; i < END_WORDS; i++) {
        h = (h ^ end[i]) * MULTIPLIER;
        h ^= h >> FOLD;
    }
    return h;
}

static void end_of(uint32_t end[END_WORDS], const struct capture_talk *t,
                   unsigned i)
{
    const uint16_t port = htons(t->port[i]);
    memcpy(end, t->ip[i], sizeof t->ip[i]);
    end[END_WORDS - 1] =
        (uint32_t)t->ip_version << 24 | (uint32_t)t->proto << 16 | port;
}

/* A packet's time by the clock that the kernel's programs read; not later than
 * now, should the wall clock have been set back in between. */
static uint64_t monotonic(tick_t when)
{
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    tick_t age = tick_sub(tick_make(real.tv_sec, real.tv_nsec), when);
    tick_t here = tick_now();
    if (age < 0) {
        age = 0;
    }
    return age < here ? (uint64_t)(here - age) : 0;
}

static bool holds(const struct slot *s, uint32_t ends[2][END_WORDS])
{
    return memcmp(s->ends, ends, sizeof s->ends) == 0;
}

/* Empty while it is written, so that no mixture of two is ever taken for a
 * third. */
static void enter(struct slot *s, uint32_t ends[2][END_WORDS], uint64_t when)
{
    if (!holds(s, ends)) {
        atomic_store_explicit(&s->since, 0, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        memcpy(s->ends, ends, sizeof s->ends);
    }
    atomic_store_explicit(&s->since, when, memory_order_release);
}

/* Whether it went on for a while. */
static bool is_lasting(struct relief *r, uint64_t h)
{
    const uint32_t tag = (uint32_t)(h >> 32);
    const size_t at = (size_t)(h % RECENT);
    if (r->recent[at].tag != tag) {
        r->recent[at].tag = tag;
        r->recent[at].n = 0;
    }
    return ++r->recent[at].n % PATIENCE == 0;
}

void relief_ignore(struct relief *r, const struct capture_talk *t, tick_t when)
{
    uint32_t ends[2][END_WORDS];
    uint64_t h[2];
    for (unsigned i = 0; i < 2; i++) {
        end_of(ends[i], t, i);
        h[i] = hash_end(r, ends[i]);
    }
    if (h[0] > h[1]) {
        uint32_t first[END_WORDS];
        memcpy(first, ends[0], sizeof first);
        memcpy(ends[0], ends[1], sizeof first);
        memcpy(ends[1], first, sizeof first);
    }
    const uint64_t both = (h[0] + h[1]) * MULTIPLIER;
    if (is_lasting(r, both)) {
        enter(&r->slots[(both >> 32) & (r->n - 1)], ends, monotonic(when));
    }
}

uint64_t relief_count(const struct relief *r)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < PROCESSORS; i++) {
        n += __atomic_load_n(&r->slots[r->n + i].dropped, __ATOMIC_RELAXED);
    }
    return n;
}

#else

struct relief *relief_new(unsigned slots, const struct sock_filter *classic,
                          size_t n, char why[CAPTURE_ERROR_BYTES])
{
    (void)slots, (void)classic, (void)n;
    snprintf(why, CAPTURE_ERROR_BYTES, "not compiled in");
    return NULL;
}

void relief_free(struct relief *r)
{
    (void)r;
}

bool relief_attach(struct relief *r, int socket, char why[CAPTURE_ERROR_BYTES])
{
    (void)r, (void)socket, (void)why;
    return false;
}

void relief_ignore(struct relief *r, const struct capture_talk *t, tick_t when)
{
    (void)r, (void)t, (void)when;
}

uint64_t relief_count(const struct relief *r)
{
    (void)r;
    return 0;
}

int relief_program(const struct relief *r)
{
    (void)r;
    return -1;
}

#endif
