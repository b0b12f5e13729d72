/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packed message is a byte that tells whether there is a model, the model's
 * address if so, and runs: how many bytes are the model's, how many are not,
 * and these. Without a model the bytes of zero count as alike: hellos are
 * padded.
 *
 * Models are counted references. The table holds one to the last of each key;
 * what is packed holds one to its model, so a model that was replaced goes with
 * the last message that needs it.
 */
#include "base/alike.h"

#include <endian.h>
#include <stdlib.h>

#define SLOTS         1024u
#define MODEL_MIN     48u /* shorter messages need none */
#define MODEL_MAX     (32u * 1024)
#define ZEROS_BYTES   (64u * 1024)
#define RUN_MIN       3u /* shorter runs that are alike are not worth a break */
#define WORD          8u
#define ADDRESS_BYTES sizeof(struct model *)

struct model {
    uint64_t key;
    uint32_t refs;
    uint32_t n;
    uint8_t bytes[];
};

struct alike {
    size_t bytes, max_bytes;
    unsigned hand; /* the next slot that makes room */
    struct model *slots[SLOTS];
};

struct alike *alike_new(size_t max_bytes)
{
    struct alike *a = calloc(1, sizeof *a);
    if (a) {
        a->max_bytes = max_bytes;
    }
    return a;
}

static void release(struct alike *a, struct model *m)
{
    if (m && --m->refs == 0) {
        a->bytes -= sizeof *m + m->n;
        free(m);
    }
}

void alike_free(struct alike *a)
{
    for (unsigned i = 0; a && i < SLOTS; i++) {
        release(a, a->slots[i]);
    }
    free(a);
}

size_t alike_bytes(const struct alike *a)
{
    return a->bytes;
}

static void make_room(struct alike *a, size_t n)
{
    for (unsigned i = 0; i < SLOTS && a->bytes + n > a->max_bytes; i++) {
        release(a, a->slots[a->hand]);
        a->slots[a->hand] = NULL;
        a->hand = (a->hand + 1) % SLOTS;
    }
}

/* Makes s the model of its key. */
static void learn(struct alike *a, struct model **slot, struct span s,
                  uint64_t key)
{
    if (s.n < MODEL_MIN || s.n > MODEL_MAX) {
        return;
    }
    make_room(a, sizeof(struct model) + s.n);
    if (a->bytes + s.n > a->max_bytes) {
        return;
    }
    struct model *m = malloc(sizeof *m + s.n);
    if (!m) {
        return;
    }
    *m = (struct model){.key = key, .refs = 1, .n = (uint32_t)s.n};
    memcpy(m->bytes, s.p, s.n);
    a->bytes += sizeof *m + s.n;
    release(a, *slot);
    *slot = m;
}

static uint64_t word_at(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Bits that differ in the eight bytes at i; those of the first byte are the
 * lowest. */
static uint64_t differ_at(struct span s, const uint8_t *model, size_t i)
{
    return le64toh(word_at(s.p + i) ^ word_at(model + i));
}

static size_t first_byte(uint64_t bits)
{
    return (size_t)__builtin_ctzll(bits) / 8;
}

/* How many bytes from `at` on are the model's. */
static size_t run_alike(struct span s, const uint8_t *model, size_t at)
{
    size_t i = at;
    while (s.n - i >= 4 * WORD &&
           !(differ_at(s, model, i) | differ_at(s, model, i + WORD) |
             differ_at(s, model, i + 2 * WORD) |
             differ_at(s, model, i + 3 * WORD))) {
        i += 4 * WORD;
    }
    while (s.n - i >= WORD) {
        uint64_t x = differ_at(s, model, i);
        if (x) {
            return i + first_byte(x) - at;
        }
        i += WORD;
    }
    while (i < s.n && s.p[i] == model[i]) {
        i++;
    }
    return i - at;
}

/* The upper bit of each byte that is zero. */
static uint64_t zero_bytes(uint64_t x)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    return ~(((x & low) + low) | x | low);
}

/* How many are not, up to a run that is worth a break. */
static size_t run_other(struct span s, const uint8_t *model, size_t at)
{
    size_t i = at;
    while (s.n - i >= WORD) {
        uint64_t same = zero_bytes(differ_at(s, model, i));
        uint64_t run = same & same >> 8 & same >> 16; /* RUN_MIN of them */
        if (run) {
            return i + first_byte(run) - at;
        }
        i += WORD - RUN_MIN + 1;
    }
    size_t n = 0;
    while (i < s.n && n < RUN_MIN) {
        n = s.p[i] == model[i] ? n + 1 : 0;
        i++;
    }
    return i - at - n;
}

static void pack_runs(struct packer *w, struct span s, const uint8_t *model)
{
    size_t at = 0;
    while (at < s.n) {
        size_t n = run_alike(s, model, at);
        pack_uint(w, n);
        at += n;
        n = run_other(s, model, at);
        pack_uint(w, n);
        pack_bytes(w, span_sub(s, at, n));
        at += n;
    }
}

void alike_pack(struct alike *a, struct packer *w, struct span s, uint64_t key)
{
    static const uint8_t zeros[ZEROS_BYTES];
    struct model **slot = &a->slots[(key ^ s.n) % SLOTS];
    struct model *m = *slot;
    uint8_t *begin = w->at++;
    if (m && m->key == key && m->n == s.n) {
        *begin = true;
        pack_bytes(w, span_of(&m, ADDRESS_BYTES));
        pack_runs(w, s, m->bytes);
        if ((size_t)(w->at - begin) <= s.n / 4 * 3) {
            m->refs++;
            return;
        }
        w->at = begin + 1;
    }
    *begin = false;
    if (s.n <= sizeof zeros) {
        pack_runs(w, s, zeros);
    } else {
        pack_uint(w, 0);
        pack_uint(w, s.n);
        pack_bytes(w, s);
    }
    learn(a, slot, s, key);
}

void alike_unpack(struct alike *a, struct cursor *c, uint8_t *to, size_t n)
{
    struct model *m = NULL;
    if (cursor_u8(c, "model")) {
        struct span address = cursor_take(c, ADDRESS_BYTES, "model");
        memcpy(&m, address.p, address.n);
    }
    size_t at = 0;
    while (at < n && cursor_ok(c)) {
        size_t same = unpack_uint(c);
        size_t other = unpack_uint(c);
        struct span bytes = cursor_take(c, other, "bytes");
        if (to && m) {
            memcpy(to + at, m->bytes + at, same);
        } else if (to) {
            memset(to + at, 0, same);
        }
        if (to && other) {
            memcpy(to + at + same, bytes.p, other);
        }
        at += same + other;
    }
    release(a, m);
}
