/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packed message is a byte that tells whether there is a model, the model's
 * address if so, and runs: how many bytes are the model's, how many are not,
 * and these. Without a model the bytes of zero count as alike: hellos are
 * padded.
 *
 * Packed words are the same address, and for each word that is not the model's
 * how far on it is, where in it bytes differ, and these.
 *
 * Models are counted references. The table holds one to the last of each key;
 * what is packed holds one to its model, so a model that was replaced goes with
 * the last message that needs it.
 */
#include "base/alike.h"

#include <assert.h>
#include <endian.h>
#include <stdalign.h>
#include <stdlib.h>

#define SETS          256u
#define WAYS          4u /* keys that share a set */
#define SLOTS         (SETS * WAYS)
#define MODEL_MIN     48u /* shorter messages need none */
#define MODEL_MAX     (32u * 1024)
#define ZEROS_BYTES   (64u * 1024)
#define RUN_MIN       3u /* shorter runs that are alike are not worth a break */
#define WORD          8u
#define ADDRESS_BYTES sizeof(struct model *)

struct model {
    uint64_t key;
    uint32_t refs;
    uint32_t n : 31;
    uint32_t kept : 1;           /* the table holds one of them */
    alignas(16) uint8_t bytes[]; /* of words: a struct pair for each two */
};

struct alike {
    size_t bytes, max_bytes;
    size_t idle_bytes;              /* of models that only the table holds */
    unsigned hand;                  /* the next slot that makes room */
    struct model *sets[SETS][WAYS]; /* the ones used last come first, about */
};

struct alike *alike_new(size_t max_bytes)
{
    struct alike *a = calloc(1, sizeof *a);
    if (a) {
        a->max_bytes = max_bytes;
    }
    return a;
}

static size_t size_of(const struct model *m)
{
    return sizeof *m + m->n;
}

static bool is_idle(const struct model *m)
{
    return m->kept && m->refs == 1;
}

/* One more packed message needs it. */
static void hold(struct alike *a, struct model *m)
{
    a->idle_bytes -= is_idle(m) ? size_of(m) : 0;
    m->refs++;
}

static void release(struct alike *a, struct model *m)
{
    if (--m->refs == 0) {
        a->bytes -= size_of(m);
        free(m);
    } else if (is_idle(m)) {
        a->idle_bytes += size_of(m);
    }
}

/* What a packed message held. */
static void let_go(struct alike *a, struct model *m)
{
    if (m) {
        release(a, m);
    }
}

/* Takes a model from the table. */
static void forget(struct alike *a, struct model **slot)
{
    struct model *m = *slot;
    if (m) {
        a->idle_bytes -= is_idle(m) ? size_of(m) : 0;
        m->kept = false;
        *slot = NULL;
        release(a, m);
    }
}

void alike_free(struct alike *a)
{
    for (unsigned i = 0; a && i < SLOTS; i++) {
        forget(a, &a->sets[i / WAYS][i % WAYS]);
    }
    free(a);
}

size_t alike_bytes(const struct alike *a)
{
    return a->bytes;
}

/* Whether n bytes more fit. Models that something packed needs stay, and stay
 * useful: without them in the table their memory would not be free either. */
static bool make_room(struct alike *a, size_t n)
{
    if (a->bytes - a->idle_bytes + n > a->max_bytes) {
        return false;
    }
    while (a->bytes + n > a->max_bytes) {
        struct model **slot = &a->sets[a->hand / WAYS][a->hand % WAYS];
        if (*slot && is_idle(*slot)) {
            forget(a, slot);
        }
        a->hand = (a->hand + 1) % SLOTS;
    }
    return true;
}

/* The slots in which a key's model of n bytes may be. */
static struct model **set_of(struct alike *a, uint64_t key, size_t n)
{
    return a->sets[(key ^ n) % SETS];
}

/* The model of n bytes of a key, or NULL. */
static struct model *model_find(struct alike *a, uint64_t key, size_t n)
{
    struct model **set = set_of(a, key, n);
    for (unsigned i = 0; i < WAYS; i++) {
        struct model *m = set[i];
        if (m && m->key == key && m->n == n) {
            if (i > 0) {
                set[i] = set[i - 1];
                set[i - 1] = m;
            }
            return m;
        }
    }
    return NULL;
}

/* Makes the first slot of a set free: of the model of the same key, if there is
 * one, else of the one that was not used for longest. */
static void first_free(struct alike *a, struct model **set, uint64_t key,
                       size_t n)
{
    unsigned i = 0;
    while (i < WAYS - 1 && set[i] && (set[i]->key != key || set[i]->n != n)) {
        i++;
    }
    forget(a, &set[i]);
    for (; i > 0; i--) {
        set[i] = set[i - 1];
    }
    set[0] = NULL;
}

/* A model of n bytes, still to be filled, in place of the one that the key had;
 * NULL when there is no room. */
static struct model *model_new(struct alike *a, size_t n, uint64_t key)
{
    struct model *m = make_room(a, sizeof(struct model) + n)
                          ? malloc(sizeof(struct model) + n)
                          : NULL;
    if (!m) {
        return NULL;
    }
    *m = (struct model){
        .key = key, .refs = 1, .n = (uint32_t)n & INT32_MAX, .kept = true};
    struct model **set = set_of(a, key, n);
    first_free(a, set, key, n);
    set[0] = m;
    a->bytes += size_of(m);
    a->idle_bytes += size_of(m);
    return m;
}

/* Makes s the model of its key. */
static void learn(struct alike *a, struct span s, uint64_t key)
{
    struct model *m =
        s.n >= MODEL_MIN && s.n <= MODEL_MAX ? model_new(a, s.n, key) : NULL;
    if (m) {
        memcpy(m->bytes, s.p, s.n);
    }
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
    struct model *m = model_find(a, key, s.n);
    uint8_t *begin = w->at++;
    if (m) {
        *begin = true;
        pack_bytes(w, span_of(&m, ADDRESS_BYTES));
        pack_runs(w, s, m->bytes);
        if ((size_t)(w->at - begin) <= s.n / 4 * 3) {
            hold(a, m);
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
    learn(a, s, key);
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
    let_go(a, m);
}

/* ---- words ---- */

typedef uint64_t two __attribute__((vector_size(16)));

#define PAIRS (ALIKE_WORDS / 2)

/* In how many bytes words must be packed, else they become the model. Those of
 * which there are few differ in more of them. */
#define FEW_BYTES 32u

static size_t bytes_worth(size_t words)
{
    return words * WORD / 4 + FEW_BYTES;
}

/* What has just become the model is. */
static_assert(ADDRESS_BYTES + 2 <= FEW_BYTES, "another one does");

/* Two words of a model: what they are, less the origin where they are times. */
struct pair {
    two word;
    two time; /* all bits set: they are */
};

/* What counts as a time: this near to the origin, and no small number. */
#define TIME_NEAR (INT64_C(1) << 38)
#define TIME_MIN  (INT64_C(1) << 32)

static bool is_time(int64_t v, int64_t origin)
{
    int64_t since;
    return v >= TIME_MIN && !__builtin_sub_overflow(v, origin, &since) &&
           since > -TIME_NEAR && since < TIME_NEAR;
}

/* Without a model there are zeros, of which none is a time. */
static const struct pair nothing[ALIKE_WORDS_MAX / 2];

static const struct pair *pairs_of(const struct model *m)
{
    return (const struct pair *)(const void *)m->bytes;
}

static size_t model_bytes(size_t words)
{
    return words / 2 * sizeof(struct pair);
}

/* Makes words the model of their key. NULL when there is no room. */
static struct model *learn_words(struct alike *a, const struct alike_words *s,
                                 uint64_t key)
{
    struct model *m = model_new(a, model_bytes(s->n), key);
    struct pair *p = m ? (struct pair *)(void *)m->bytes : NULL;
    for (size_t i = 0; m && i < s->n; i++) {
        uint64_t time = is_time(s->v[i], s->origin) ? UINT64_MAX : 0;
        p[i / 2].time[i % 2] = time;
        p[i / 2].word[i % 2] = (uint64_t)s->v[i] - ((uint64_t)s->origin & time);
    }
    return m;
}

/* Which bytes of a word differ, from the lowest to the highest: the first in
 * the upper four bits, how many in the lower ones. */
static void pack_word(struct packer *w, size_t gap, uint64_t differs)
{
    unsigned first = (unsigned)__builtin_ctzll(differs) / 8;
    unsigned n = WORD - (unsigned)__builtin_clzll(differs) / 8 - first;
    uint64_t bytes = htole64(differs >> 8 * first);
    pack_uint(w, gap);
    *w->at++ = (uint8_t)(first << 4 | n);
    memcpy(w->at, &bytes, WORD); /* of which n count */
    w->at += n;
}

static uint64_t unpack_word(struct cursor *c)
{
    uint8_t which = cursor_u8(c, "bytes of a word");
    struct span bytes = cursor_take(c, which & 15, "word");
    uint64_t v = 0;
    if (bytes.n <= WORD && which >> 4 < WORD) {
        memcpy(&v, bytes.p, bytes.n);
    }
    return le64toh(v) << 8 * (which >> 4 & 7);
}

/* Packs those of ALIKE_WORDS words, from `at` on, that differ. *last is behind
 * the one before. False when one may not be packed. */
static bool pack_group(struct packer *w, const struct alike_words *s, size_t at,
                       const two *differ, size_t *last)
{
    for (size_t i = at; i < at + ALIKE_WORDS; i++) {
        uint64_t x = differ[(i - at) / 2][i % 2];
        if (x && !s->may(s->ctx, s->v[i])) {
            return false;
        }
        if (x) {
            pack_word(w, i + 1 - *last, x);
            *last = i + 1;
        }
    }
    return true;
}

static bool pack_different(struct packer *w, const struct alike_words *s,
                           const struct pair *model)
{
    const two origin = {(uint64_t)s->origin, (uint64_t)s->origin};
    size_t last = 0;
    for (size_t at = 0; at < s->n; at += ALIKE_WORDS) {
        two v[PAIRS];
        two any = {0, 0};
        memcpy(v, s->v + at, sizeof v);
        for (unsigned i = 0; i < PAIRS; i++) {
            const struct pair *p = model + at / 2 + i;
            v[i] = (v[i] - (origin & p->time)) ^ p->word;
            any |= v[i];
        }
        if ((any[0] | any[1]) && !pack_group(w, s, at, v, &last)) {
            return false;
        }
    }
    pack_uint(w, 0);
    return true;
}

static bool may_all(const struct alike_words *s)
{
    bool may = true;
    for (size_t i = 0; i < s->n && may; i++) {
        may = s->may(s->ctx, s->v[i]);
    }
    return may;
}

bool alike_pack_words(struct alike *a, struct packer *w,
                      const struct alike_words *s, uint64_t key)
{
    struct model *m = model_find(a, key, model_bytes(s->n));
    uint8_t *begin = w->at;
    for (int i = 0; i < 2; i++) {
        if (!m && may_all(s)) {
            m = learn_words(a, s, key);
        }
        *w->at++ = m != NULL;
        if (m) {
            pack_bytes(w, span_of(&m, ADDRESS_BYTES));
        }
        if (!pack_different(w, s, m ? pairs_of(m) : nothing)) {
            return false;
        }
        if (!m || (size_t)(w->at - begin) <= bytes_worth(s->n)) {
            break;
        }
        w->at = begin; /* another one must do */
        m = NULL;
    }
    if (m) {
        hold(a, m);
    }
    return true;
}

void alike_unpack_words(struct alike *a, struct cursor *c, int64_t *to,
                        size_t n, int64_t origin)
{
    struct model *m = NULL;
    if (cursor_u8(c, "model")) {
        struct span address = cursor_take(c, ADDRESS_BYTES, "model");
        memcpy(&m, address.p, address.n);
    }
    const struct pair *p = m ? pairs_of(m) : nothing;
    const two from = {(uint64_t)origin, (uint64_t)origin};
    for (size_t i = 0; to && i < n / 2; i++) {
        two v = p[i].word + (from & p[i].time);
        memcpy(to + 2 * i, &v, sizeof v);
    }
    size_t at = 0;
    size_t gap;
    while ((gap = unpack_uint(c)) != 0 && cursor_ok(c)) {
        uint64_t differs = unpack_word(c);
        at += gap;
        if (to && at <= n) {
            const struct pair *q = &p[(at - 1) / 2];
            uint64_t time = q->time[(at - 1) % 2] & (uint64_t)origin;
            to[at - 1] = (int64_t)((q->word[(at - 1) % 2] ^ differs) + time);
        }
    }
    let_go(a, m);
}
