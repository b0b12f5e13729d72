/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that wait in number: a session is mostly what another one is at the
 * same point, so are its messages, and its arena is mostly free. All three are
 * packed into one allocation, as what differs from others (base/alike.h); only
 * segments that came early stay where they are.
 *
 * Nothing is lost, and nothing here depends on what the fields mean. strip()
 * knows what points into the arena; a session with other pointers into it is
 * not folded, as take_image() finds.
 */
#include "session_state.h"

#include <assert.h>
#include <stdlib.h>

/* Bytes of the hello behind its random and session ID: what it offers, or what
 * was chosen, and so whose it is. */
#define SAMPLE_AT    67u
#define SAMPLE_BYTES 16u

#define STATE_BYTES     offsetof(struct session, hs)
#define EVENT_BYTES_MAX (4 * PACK_INT_MAX + 1)
#define MALLOC_BYTES    16u /* what an allocation takes beside its bytes */

/* Packed messages: those of the handshake, and the unfinished one of each
 * side. */
#define PARTS (HS_RAW_COUNT + 2u)

/* Times are told from the first packet on, and so are others' the same. What
 * counts as a time: this near to it, and no small number. */
#define TIME_NEAR  (INT64_C(1) << 38)
#define WORD_LARGE (INT64_C(1) << 32) /* what may be a time, or a pointer */

#define IMAGE_BYTES (FLOW_DETAIL_BYTES + STATE_BYTES + HS_LIVE_BYTES)
#define MASK_BYTES  ((IMAGE_BYTES / 8 + 7) / 8)
#define IMAGE_WORDS (MASK_BYTES * 8)

static_assert(sizeof(uintptr_t) == 8, "an address is a word");
static_assert(STATE_BYTES % 8 == 0, "made of words");
static_assert(HS_LIVE_BYTES % 8 == 0, "made of words");
static_assert(FLOW_DETAIL_BYTES % 8 == 0, "made of words");
static_assert((unsigned)HS_KIND_COUNT <= 64, "an event's kind has six bits");

/* A session, and the details of its flow. */
struct image {
    int64_t words[IMAGE_WORDS];
    uint8_t times[MASK_BYTES]; /* which of them are times, as bits */
    uint8_t set[MASK_BYTES];   /* which of them are not zero */
};

#define IMAGE_PACKED offsetof(struct image, set)

struct folded_session {
    uint32_t bytes; /* of memory in all */
    uint32_t n;
    uint8_t data[];
};

/* ---- what can be folded ---- */

/* Whether first bytes that are kept are where they are expected. */
static bool is_opening_plain(const struct session *s, unsigned dir)
{
    const struct opening *o = &s->opening[dir];
    return o->n == 0 || s->hs.raw[first_of(s, dir)].p == o->p;
}

static bool can_fold(const struct session *s)
{
    return !s->udp && !s->eap && is_opening_plain(s, 0) &&
           is_opening_plain(s, 1);
}

/* ---- parts ---- */

static struct span part_of(const struct session *s, unsigned i)
{
    if (i < HS_RAW_COUNT) {
        return s->hs.raw[i];
    }
    const struct tls_dir *d = &s->tls.dir[i - HS_RAW_COUNT];
    return (struct span){d->buf, d->buf_n};
}

/* What parts that are alike have in common. */
static uint64_t key_of(const struct session *s, unsigned i, struct span part)
{
    struct span sample = {NULL, 0};
    switch (i) {
    case HS_RAW_SERVER_CERTIFICATE:
    case HS_RAW_CLIENT_CERTIFICATE:
    case HS_RAW_CERTIFICATE_REQUEST:
    case HS_RAW_CERTIFICATE_STATUS:
        sample = part;
        break;
    case HS_RAW_CLIENT_HELLO:
    case HS_RAW_CLIENT_HELLO2:
    case HS_RAW_SERVER_HELLO:
        sample = span_sub(part, SAMPLE_AT, SAMPLE_BYTES);
        break;
    default:
        break;
    }
    return hash_bytes(&s->pool->seed, sample) + i;
}

/* ---- folding ---- */

static bool reserve(struct session_pool *pool, size_t n)
{
    if (n <= pool->scratch_bytes) {
        return true;
    }
    uint8_t *fresh = malloc(n);
    if (!fresh) {
        return false;
    }
    free(pool->scratch);
    pool->scratch = fresh;
    pool->scratch_bytes = n;
    return true;
}

static size_t most_of(const struct session *s)
{
    size_t n = ALIKE_MAX(IMAGE_PACKED) + 2 * PACK_INT_MAX + 1;
    if (!s) {
        return n;
    }
    n += s->hs.events_n * (size_t)EVENT_BYTES_MAX;
    for (unsigned i = 0; i < PARTS; i++) {
        n += ALIKE_MAX(part_of(s, i).n) + PACK_INT_MAX;
    }
    return n;
}

/* The session without pointers to what is packed apart. */
static void strip(const struct session *s, struct session *b)
{
    memcpy(b, s, SESSION_BYTES);
    b->pool = NULL;
    b->next = NULL;
    b->bytes = 0;
    b->hs.arena.head = NULL;
    b->hs.arena.used_bytes = 0;
    b->hs.arena.pool = NULL;
    b->hs.events = NULL;
    memset(b->hs.raw, 0, sizeof b->hs.raw);
    for (unsigned dir = 0; dir < 2; dir++) {
        b->opening[dir].p = NULL;
        b->opening[dir].size = 0;
        b->tls.dir[dir].buf = NULL;
        b->tls.dir[dir].buf_size = 0;
        b->tls.dir[dir].kept_body = NULL;
    }
}

static bool is_time(int64_t v, tick_t first)
{
    int64_t since;
    return !__builtin_sub_overflow(v, first, &since) && since > -TIME_NEAR &&
           since < TIME_NEAR;
}

/* Says which of eight words are set, and which of these are times. False when
 * one points into the arena. */
static bool mark_words(struct image *out, size_t at, tick_t first,
                       const struct arena *arena)
{
    int64_t *v = out->words + at * 8;
    int64_t any = 0;
    unsigned set = 0;
    unsigned times = 0;
    for (unsigned i = 0; i < 8; i++) {
        any |= v[i];
    }
    for (unsigned i = 0; any && i < 8; i++) {
        set |= (unsigned)(v[i] != 0) << i;
        if (v[i] < WORD_LARGE) {
            continue;
        }
        if (arena && arena_holds(arena, (uintptr_t)v[i])) {
            return false;
        }
        if (is_time(v[i], first)) {
            times |= 1u << i;
            v[i] -= first;
        }
    }
    out->set[at] = (uint8_t)set;
    out->times[at] = (uint8_t)times;
    return true;
}

/* Into an empty one. False when it has pointers that strip() does not know. */
static bool take_image(const struct session *s, const struct flow *f,
                       struct image *out)
{
    uint8_t *to = (uint8_t *)out->words;
    memcpy(to, (const uint8_t *)f + offsetof(struct flow, first),
           FLOW_DETAIL_BYTES);
    if (s) {
        struct session bare;
        strip(s, &bare);
        to += FLOW_DETAIL_BYTES;
        memcpy(to, &bare, STATE_BYTES);
        memcpy(to + STATE_BYTES, &bare.hs, HS_LIVE_BYTES);
    }
    bool known = true;
    for (size_t i = 0; i < MASK_BYTES && known; i++) {
        known = mark_words(out, i, f->first, s ? &s->hs.arena : NULL);
    }
    return known;
}

static void pack_events(struct packer *w, const struct handshake *hs)
{
    tick_t when = hs->first;
    uint64_t frame = hs->frame_first;
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        *w->at++ = (uint8_t)(e->kind | e->side << 6);
        pack_int(w, (int64_t)((uint64_t)e->when - (uint64_t)when));
        pack_int(w, (int64_t)(e->frame - frame));
        pack_uint(w, e->len);
        pack_uint(w, e->aux);
        when = e->when;
        frame = e->frame;
    }
}

static void pack_parts(struct packer *w, const struct session *s)
{
    for (unsigned i = 0; i < PARTS; i++) {
        struct span part = part_of(s, i);
        if (part.p) {
            pack_uint(w, part.n);
            alike_pack(s->pool->alike, w, part, key_of(s, i, part));
        }
    }
}

static uint32_t parts_present(const struct session *s)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        mask |= part_of(s, i).p ? 1u << i : 0;
    }
    return mask;
}

static void unpack_nowhere(struct session_pool *pool, struct cursor *c,
                           bool session)
{
    alike_unpack(pool->alike, c, NULL, IMAGE_PACKED);
    uint32_t mask = session ? (uint32_t)unpack_uint(c) : 0;
    for (unsigned i = 0; i < PARTS; i++) {
        if (mask >> i & 1) {
            size_t n = unpack_uint(c);
            alike_unpack(pool->alike, c, NULL, n);
        }
    }
}

/* Bytes that stay where they are. */
static size_t segments_of(const struct session *s)
{
    return s ? s->stream[0].early_bytes + s->stream[1].early_bytes +
                   s->doubts[0].bytes + s->doubts[1].bytes
             : 0;
}

/* What is left of it: its segments are the folded one's now. */
static void leave(struct session *s)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        s->stream[dir].early = NULL;
        s->doubts[dir].list = NULL;
    }
    session_free(s);
}

static void pack_session(struct packer *w, const struct session *s,
                         uint32_t mask)
{
    if (s) {
        pack_uint(w, mask);
        pack_parts(w, s);
        pack_events(w, &s->hs);
    }
}

void *session_fold(struct session_pool *pool, struct session *s,
                   const struct flow *f)
{
    struct image image;
    if (s && !can_fold(s)) {
        return NULL;
    }
    memset(&image, 0, sizeof image);
    if (!reserve(pool, most_of(s)) || !take_image(s, f, &image)) {
        return NULL;
    }
    struct packer w = {pool->scratch};
    pack_int(&w, f->first);
    *w.at++ = s != NULL;
    const uint8_t *models = w.at;
    alike_pack(pool->alike, &w, span_of(&image, IMAGE_PACKED),
               hash_bytes(&pool->seed, span_of(image.times, 2 * MASK_BYTES)));
    pack_session(&w, s, s ? parts_present(s) : 0);
    size_t n = (size_t)(w.at - pool->scratch);
    struct folded_session *d = malloc(sizeof *d + n);
    if (!d) {
        struct cursor c = cursor_open(span_of(models, (size_t)(w.at - models)));
        unpack_nowhere(pool, &c, s != NULL);
        return NULL;
    }
    d->bytes = (uint32_t)(MALLOC_BYTES + sizeof *d + n + segments_of(s));
    d->n = (uint32_t)n;
    memcpy(d->data, pool->scratch, n);
    if (s) {
        leave(s);
    }
    return d;
}

/* ---- unfolding ---- */

static void unpack_image(struct session_pool *pool, struct cursor *c,
                         tick_t first, struct session *s, struct flow *f)
{
    struct image image;
    alike_unpack(pool->alike, c, (uint8_t *)&image, IMAGE_PACKED);
    for (size_t i = 0; i < MASK_BYTES; i++) {
        for (uint8_t m = image.times[i]; m; m &= (uint8_t)(m - 1)) {
            image.words[i * 8 + (size_t)__builtin_ctz(m)] += first;
        }
    }
    const uint8_t *from = (const uint8_t *)image.words;
    memcpy((uint8_t *)f + offsetof(struct flow, first), from,
           FLOW_DETAIL_BYTES);
    memcpy(s, from + FLOW_DETAIL_BYTES, STATE_BYTES + HS_LIVE_BYTES);
}

static bool unpack_events(struct cursor *c, struct handshake *hs)
{
    unsigned n = hs->events_n;
    uint32_t lost = hs->events_lost;
    tick_t when = hs->first;
    uint64_t frame = hs->frame_first;
    hs->events_n = 0;
    hs->events_size = 0;
    for (unsigned i = 0; i < n; i++) {
        uint8_t b = cursor_u8(c, "event");
        when = (tick_t)((uint64_t)when + (uint64_t)unpack_int(c));
        frame += (uint64_t)unpack_int(c);
        uint32_t len = (uint32_t)unpack_uint(c);
        uint16_t aux = (uint16_t)unpack_uint(c);
        hs_note(hs, (enum hs_kind)(b & 63), (enum side)(b >> 6), len, aux, when,
                frame);
    }
    return hs->events_lost == lost;
}

/* Where n bytes of a part go; NULL when memory is out. */
static uint8_t *room_for(struct session *s, unsigned i, size_t n)
{
    if (i < HS_RAW_COUNT) {
        uint8_t *p = arena_room(&s->hs.arena, n);
        s->hs.raw[i] = (struct span){p, p ? n : 0};
        return p;
    }
    struct tls_dir *d = &s->tls.dir[i - HS_RAW_COUNT];
    d->buf = malloc(n ? n : 1);
    d->buf_size = d->buf ? (uint32_t)n : 0;
    return d->buf;
}

static bool unpack_parts(struct session_pool *pool, struct cursor *c,
                         struct session *s)
{
    bool ok = true;
    uint32_t mask = (uint32_t)unpack_uint(c);
    for (unsigned i = 0; i < PARTS; i++) {
        if (!(mask >> i & 1)) {
            continue;
        }
        size_t n = unpack_uint(c);
        uint8_t *p = room_for(s, i, n);
        alike_unpack(pool->alike, c, p, n);
        ok = ok && p;
        for (unsigned dir = 0; dir < 2; dir++) {
            if (i == first_of(s, dir) && s->opening[dir].n) {
                s->opening[dir].p = p;
                s->opening[dir].size = (uint16_t)n;
            }
        }
    }
    return ok;
}

static bool unpack_session(struct session_pool *pool, struct cursor *c,
                           struct session *s)
{
    s->pool = pool;
    struct arena *arena = &s->hs.arena;
    uint32_t cap = arena->cap_bytes;
    arena->pool = &pool->arenas;
    arena->cap_bytes = UINT32_MAX; /* it was below it, more closely packed */
    bool ok = unpack_parts(pool, c, s);
    ok = unpack_events(c, &s->hs) && ok;
    arena->cap_bytes = arena->used_bytes > cap ? arena->used_bytes : cap;
    return ok;
}

bool session_unfold(struct session_pool *pool, void *folded, struct flow *f)
{
    struct folded_session *d = folded;
    struct cursor c = cursor_open(span_of(d->data, d->n));
    tick_t first = unpack_int(&c);
    bool session = cursor_u8(&c, "session");
    struct session *taken = session ? session_take(pool) : NULL;
    /* What is folded was larger than a session. */
    struct session *s = taken ? taken : (struct session *)(void *)pool->scratch;
    unpack_image(pool, &c, first, s, f);
    bool ok = !session || (unpack_session(pool, &c, s) && taken);
    free(d);
    f->session = ok ? taken : NULL;
    if (!ok) {
        session_release(s);
    }
    if (!ok && taken) {
        session_give(taken);
    }
    return ok;
}

size_t session_folded_bytes(const void *folded)
{
    const struct folded_session *d = folded;
    return d->bytes;
}
