/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translation follows the kernel's own (net/core/filter.c): A is R0, X is
 * R7, both of 32 bits; packet loads beyond the end leave the program with 0 in
 * both worlds. What the classic one reads by SKF_AD_OFF stands in the context.
 */
#include "capture/ebpf.h"

#include <string.h>

#define A           BPF_REG_0
#define X           BPF_REG_7
#define CONTEXT     BPF_REG_6
#define KEEP        BPF_REG_8
#define STACK       BPF_REG_10
#define SCRATCH     (-64) /* M[] */
#define CLASSIC_MAX 1024u

void ebpf_op(struct ebpf *p, unsigned code, unsigned dst, unsigned src, int off,
             int32_t imm)
{
    if (p->n < EBPF_MAX) {
        p->v[p->n] = (struct bpf_insn){.code = (uint8_t)code,
                                       .dst_reg = (uint8_t)(dst & 15),
                                       .src_reg = (uint8_t)(src & 15),
                                       .off = (int16_t)off,
                                       .imm = imm};
    }
    p->n++;
}

void ebpf_load_64(struct ebpf *p, unsigned dst, unsigned src, uint64_t value)
{
    ebpf_op(p, BPF_LD | BPF_DW | BPF_IMM, dst, src, 0, (int32_t)value);
    ebpf_op(p, 0, 0, 0, 0, (int32_t)(value >> 32));
}

void ebpf_jump(struct ebpf *p, unsigned code, unsigned dst, unsigned src,
               int32_t imm, unsigned label)
{
    if (p->jumps_n == EBPF_JUMPS) {
        p->bad = true;
        return;
    }
    p->jumps[p->jumps_n].at = p->n;
    p->jumps[p->jumps_n++].label = label;
    ebpf_op(p, BPF_JMP | code, dst, src, 0, imm);
}

static void aim(struct ebpf *p, size_t from, size_t to)
{
    ptrdiff_t off = (ptrdiff_t)to - (ptrdiff_t)from - 1;
    if (off > INT16_MAX || off < INT16_MIN || from >= EBPF_MAX) {
        p->bad = true;
    } else {
        p->v[from].off = (int16_t)off;
    }
}

void ebpf_land(struct ebpf *p, unsigned label)
{
    for (size_t i = 0; i < p->jumps_n; i++) {
        if (p->jumps[i].label == label) {
            aim(p, p->jumps[i].at, p->n);
        }
    }
}

/* ---- classic programs ---- */

/* Where each classic instruction begins, and which jumps go to which. */
struct translation {
    struct ebpf *p;
    size_t n;
    size_t start[CLASSIC_MAX];
    struct {
        size_t at, target;
    } jumps[2 * CLASSIC_MAX];
    size_t jumps_n;
};

static void leave(struct ebpf *p)
{
    ebpf_op(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void from_context(struct ebpf *p, size_t field)
{
    ebpf_op(p, BPF_LDX | BPF_MEM | BPF_W, A, CONTEXT, (int)field, 0);
}

/* A = something that is not in the packet. */
static bool ancillary(struct ebpf *p, uint32_t what)
{
    switch (what) {
    case SKF_AD_PROTOCOL:
        from_context(p, offsetof(struct __sk_buff, protocol));
        ebpf_op(p, BPF_ALU | BPF_END | BPF_TO_BE, A, 0, 0, 16);
        return true;
    case SKF_AD_PKTTYPE:
        from_context(p, offsetof(struct __sk_buff, pkt_type));
        return true;
    case SKF_AD_IFINDEX:
        from_context(p, offsetof(struct __sk_buff, ifindex));
        return true;
    case SKF_AD_VLAN_TAG:
        from_context(p, offsetof(struct __sk_buff, vlan_tci));
        return true;
    case SKF_AD_VLAN_TAG_PRESENT:
        from_context(p, offsetof(struct __sk_buff, vlan_present));
        return true;
    default:
        return false;
    }
}

static bool load(struct ebpf *p, const struct sock_filter *i)
{
    uint32_t ancillary_at = (uint32_t)SKF_AD_OFF;
    switch (BPF_MODE(i->code)) {
    case BPF_ABS:
        if (i->k >= ancillary_at && i->k < ancillary_at + SKF_AD_MAX) {
            return ancillary(p, i->k - ancillary_at);
        }
        ebpf_op(p, i->code, 0, 0, 0, (int32_t)i->k);
        return true;
    case BPF_IND:
        ebpf_op(p, i->code, 0, X, 0, (int32_t)i->k);
        return true;
    case BPF_IMM:
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_K, A, 0, 0, (int32_t)i->k);
        return true;
    case BPF_LEN:
        from_context(p, offsetof(struct __sk_buff, len));
        return true;
    case BPF_MEM:
        ebpf_op(p, BPF_LDX | BPF_MEM | BPF_W, A, STACK,
                SCRATCH + (int)(4 * i->k), 0);
        return i->k < BPF_MEMWORDS;
    default:
        return false;
    }
}

static bool load_x(struct ebpf *p, const struct sock_filter *i)
{
    switch (BPF_MODE(i->code)) {
    case BPF_IMM:
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_K, X, 0, 0, (int32_t)i->k);
        return true;
    case BPF_LEN:
        ebpf_op(p, BPF_LDX | BPF_MEM | BPF_W, X, CONTEXT,
                offsetof(struct __sk_buff, len), 0);
        return true;
    case BPF_MEM:
        ebpf_op(p, BPF_LDX | BPF_MEM | BPF_W, X, STACK,
                SCRATCH + (int)(4 * i->k), 0);
        return i->k < BPF_MEMWORDS;
    case BPF_MSH: /* length of an IPv4 header */
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_X, KEEP, A, 0, 0);
        ebpf_op(p, BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, (int32_t)i->k);
        ebpf_op(p, BPF_ALU | BPF_AND | BPF_K, A, 0, 0, 15);
        ebpf_op(p, BPF_ALU | BPF_LSH | BPF_K, A, 0, 0, 2);
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_X, X, A, 0, 0);
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_X, A, KEEP, 0, 0);
        return true;
    default:
        return false;
    }
}

static bool calculate(struct ebpf *p, const struct sock_filter *i)
{
    bool divides = BPF_OP(i->code) == BPF_DIV || BPF_OP(i->code) == BPF_MOD;
    if (BPF_OP(i->code) == BPF_NEG) {
        ebpf_op(p, BPF_ALU | BPF_NEG, A, 0, 0, 0);
        return true;
    }
    if (BPF_SRC(i->code) == BPF_K) {
        ebpf_op(p, i->code, A, 0, 0, (int32_t)i->k);
        return !divides || i->k != 0;
    }
    if (divides) { /* by nothing: the classic one leaves with 0 */
        ebpf_op(p, BPF_JMP32 | BPF_JNE | BPF_K, X, 0, 2, 0);
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_K, A, 0, 0, 0);
        leave(p);
    }
    ebpf_op(p, i->code, A, X, 0, 0);
    return true;
}

static void jump_to(struct translation *t, size_t target)
{
    t->jumps[t->jumps_n].at = t->p->n;
    t->jumps[t->jumps_n++].target = target;
}

static bool branch(struct translation *t, size_t at,
                   const struct sock_filter *i)
{
    if (BPF_OP(i->code) == BPF_JA) {
        jump_to(t, at + 1 + i->k);
        ebpf_op(t->p, BPF_JMP | BPF_JA, 0, 0, 0, 0);
        return true;
    }
    bool x = BPF_SRC(i->code) == BPF_X;
    jump_to(t, at + 1 + i->jt);
    ebpf_op(t->p, BPF_JMP32 | BPF_OP(i->code) | BPF_SRC(i->code), A, x ? X : 0,
            0, x ? 0 : (int32_t)i->k);
    if (i->jf) {
        jump_to(t, at + 1 + i->jf);
        ebpf_op(t->p, BPF_JMP | BPF_JA, 0, 0, 0, 0);
    }
    return true;
}

static bool misc(struct ebpf *p, const struct sock_filter *i)
{
    if (BPF_MISCOP(i->code) == BPF_TAX) {
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_X, X, A, 0, 0);
    } else {
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_X, A, X, 0, 0);
    }
    return true;
}

static bool instruction(struct translation *t, size_t at,
                        const struct sock_filter *i)
{
    struct ebpf *p = t->p;
    switch (BPF_CLASS(i->code)) {
    case BPF_LD:
        return load(p, i);
    case BPF_LDX:
        return load_x(p, i);
    case BPF_ST:
    case BPF_STX:
        ebpf_op(p, BPF_STX | BPF_MEM | BPF_W, STACK,
                BPF_CLASS(i->code) == BPF_ST ? A : X, SCRATCH + (int)(4 * i->k),
                0);
        return i->k < BPF_MEMWORDS;
    case BPF_ALU:
        return calculate(p, i);
    case BPF_JMP:
        return branch(t, at, i);
    case BPF_RET:
        if (BPF_RVAL(i->code) == BPF_K) {
            ebpf_op(p, BPF_ALU | BPF_MOV | BPF_K, A, 0, 0, (int32_t)i->k);
        }
        leave(p);
        return true;
    default:
        return misc(p, i);
    }
}

static bool translate(struct translation *t, const struct sock_filter *v)
{
    for (size_t i = 0; i < t->n; i++) {
        t->start[i] = t->p->n;
        if (!instruction(t, i, &v[i]) || t->p->n > EBPF_MAX) {
            return false;
        }
    }
    for (size_t i = 0; i < t->jumps_n; i++) {
        if (t->jumps[i].target >= t->n) {
            return false;
        }
        aim(t->p, t->jumps[i].at, t->start[t->jumps[i].target]);
    }
    return !t->p->bad;
}

bool ebpf_classic(struct ebpf *p, const struct sock_filter *v, size_t n)
{
    static const unsigned registers[] = {A, X};
    if (n > CLASSIC_MAX) {
        return false;
    }
    for (size_t i = 0; i < sizeof registers / sizeof *registers; i++) {
        ebpf_op(p, BPF_ALU | BPF_MOV | BPF_K, registers[i], 0, 0, 0);
    }
    for (int i = 0; i < BPF_MEMWORDS; i++) {
        ebpf_op(p, BPF_ST | BPF_MEM | BPF_W, STACK, 0, SCRATCH + 4 * i, 0);
    }
    struct translation t = {.p = p, .n = n};
    return translate(&t, v);
}
