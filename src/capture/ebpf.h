/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of eBPF (linux: Documentation/bpf/instruction-set.rst) written by
 * hand, and classic ones translated, so that the build needs no compiler for
 * them. Private to src/capture.
 */
#ifndef CAPTURE_EBPF_H
#define CAPTURE_EBPF_H

#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EBPF_MAX 4096u /* as many as any kernel takes */

/* A label that is landed on at most once, by any number of jumps. */
enum { EBPF_LABELS = 8, EBPF_JUMPS = 64 };

struct ebpf {
    struct bpf_insn v[EBPF_MAX];
    size_t n; /* more than EBPF_MAX: it did not fit */
    struct {
        size_t at;
        unsigned label;
    } jumps[EBPF_JUMPS];
    size_t jumps_n;
    bool bad; /* too many jumps, or one too far */
};

/* One instruction. */
void ebpf_op(struct ebpf *p, unsigned code, unsigned dst, unsigned src, int off,
             int32_t imm);
void ebpf_load_64(struct ebpf *p, unsigned dst, unsigned src, uint64_t value);
/* A jump whose target comes with ebpf_land(). */
void ebpf_jump(struct ebpf *p, unsigned code, unsigned dst, unsigned src,
               int32_t imm, unsigned label);
void ebpf_land(struct ebpf *p, unsigned label);

/*
 * Appends a classic program, which ends the whole. R6 holds the context; uses
 * the 80 bytes of stack below the frame pointer. False when it does what
 * libpcap's programs do not.
 */
bool ebpf_classic(struct ebpf *p, const struct sock_filter *v, size_t n);

#endif
