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
 *
 * Most that wait in a flood have sent a ClientHello and got no answer. Of these
 * the packet is kept, and the session begins when it is wanted.
 */
#include "session_state.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>

/* Bytes of the hello behind its random and session ID: what it offers, or what
 * was chosen, and so whose it is. */
#define HEADERS_BYTES 9u /* of the record and the message */
#define SAMPLE_AT     67u
#define SAMPLE_BYTES  16u

#define EVENT_BYTES_MAX (4 * PACK_INT_MAX + 1)
#define MALLOC_BYTES    16u /* what an allocation takes beside its bytes */

/* Packed messages: those of the handshake, and the unfinished one of each
 * side. */
#define PARTS (HS_RAW_COUNT + 2u)

#define WORD_BYTES  8u
#define GROUP_BYTES (ALIKE_WORDS * WORD_BYTES)
#define GROUPS(n)   (((n) + GROUP_BYTES - 1) / GROUP_BYTES)
#define FLOW_WORDS  (GROUPS(FLOW_DETAIL_BYTES) * ALIKE_WORDS)
#define IMAGE_WORDS (FLOW_WORDS + GROUPS(SESSION_BYTES) * ALIKE_WORDS)
#define WORD_LARGE  (INT64_C(1) << 32) /* what may be a pointer */

static_assert(sizeof(uintptr_t) == WORD_BYTES, "an address is a word");
static_assert(alignof(struct session) == WORD_BYTES, "made of words");
static_assert((unsigned)HS_KIND_COUNT <= 64, "an event's kind has six bits");
static_assert(IMAGE_WORDS <= ALIKE_WORDS_MAX, "as many as can be packed");

/* The details of a flow, and its session. */
union image {
    int64_t words[IMAGE_WORDS];
    struct {
        int64_t flow[FLOW_WORDS];
        struct session session;
    } parts;
};

static size_t words_of(bool session)
{
    return session ? IMAGE_WORDS : FLOW_WORDS;
}

struct folded_session {
    uint32_t bytes; /* of memory in all */
    uint32_t n;
    uint8_t data[];
};

/* What is folded with the details of a flow. */
enum folded_kind { FOLDED_NOTHING, FOLDED_SESSION, FOLDED_OPENING };

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

static uint32_t parts_present(const struct session *s)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        mask |= part_of(s, i).p ? 1u << i : 0;
    }
    return mask;
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

/* The same for the record that a hello is in. */
static uint64_t key_of_record(const struct session_pool *pool,
                              struct span record)
{
    struct span sample =
        span_sub(record, HEADERS_BYTES + SAMPLE_AT, SAMPLE_BYTES);
    return hash_bytes(&pool->seed, sample) + PARTS;
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
    size_t n = ALIKE_WORDS_BYTES_MAX(IMAGE_WORDS) + 2 * PACK_INT_MAX + 1;
    if (!s) {
        return n;
    }
    n += s->hs.events_n * (size_t)EVENT_BYTES_MAX;
    for (unsigned i = 0; i < PARTS; i++) {
        n += ALIKE_MAX(part_of(s, i).n) + PACK_INT_MAX;
    }
    return n;
}

/* Forgets pointers to what is packed apart. */
static void strip(struct session *b)
{
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

static void take_image(const struct session *s, const struct flow *f,
                       union image *out)
{
    memset(out->parts.flow, 0, sizeof out->parts.flow);
    memcpy(out->parts.flow, (const uint8_t *)f + offsetof(struct flow, first),
           FLOW_DETAIL_BYTES);
    if (s) {
        size_t words_bytes = (IMAGE_WORDS - FLOW_WORDS) * WORD_BYTES;
        uint8_t *to = (uint8_t *)(out->words + FLOW_WORDS);
        memcpy(to, s, SESSION_BYTES);
        memset(to + SESSION_BYTES, 0, words_bytes - SESSION_BYTES);
        strip(&out->parts.session);
    }
}

/* Not so what points into the arena: strip() does not know it. */
static bool may_pack(const void *ctx, int64_t word)
{
    const struct arena *arena = ctx;
    return word < WORD_LARGE || !arena || !arena_holds(arena, (uintptr_t)word);
}

/* What sessions at the same point have in common; without one, what is folded
 * in its place. */
static uint64_t image_key(const struct session *s)
{
    return s ? UINT64_C(1) << 63 | (uint64_t)s->mode << 48 |
                   (uint64_t)(s->hs.events_n & 255) << 32 | parts_present(s)
             : FOLDED_NOTHING;
}

static bool pack_image(struct packer *w, struct session_pool *pool,
                       const struct session *s, const struct flow *f,
                       uint64_t key)
{
    union image image;
    const struct alike_words words = {.v = image.words,
                                      .n = words_of(s != NULL),
                                      .origin = f->first,
                                      .may = may_pack,
                                      .ctx = s ? &s->hs.arena : NULL};
    take_image(s, f, &image);
    return alike_pack_words(pool->alike, w, &words,
                            hash_bytes(&pool->seed, span_of(&key, sizeof key)));
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

static void unpack_nowhere(struct session_pool *pool, struct cursor *c,
                           bool session)
{
    alike_unpack_words(pool->alike, c, NULL, words_of(session), 0);
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

static void pack_session(struct packer *w, const struct session *s)
{
    pack_uint(w, parts_present(s));
    pack_parts(w, s);
    pack_events(w, &s->hs);
}

/* Begins what is folded; what refers to models comes next. */
static void pack_begin(struct packer *w, const struct session_pool *pool,
                       const struct flow *f, enum folded_kind kind)
{
    w->at = pool->scratch;
    pack_int(w, f->first);
    *w->at++ = (uint8_t)kind;
}

/* What was packed, in memory of its own; NULL when that is out. */
static struct folded_session *keep_packed(const struct session_pool *pool,
                                          const struct packer *w)
{
    size_t n = (size_t)(w->at - pool->scratch);
    struct folded_session *d = malloc(sizeof *d + n);
    if (d) {
        d->bytes = (uint32_t)(MALLOC_BYTES + sizeof *d + n);
        d->n = (uint32_t)n;
        memcpy(d->data, pool->scratch, n);
    }
    return d;
}

void *session_fold(struct session_pool *pool, struct session *s,
                   const struct flow *f)
{
    if ((s && !can_fold(s)) || !reserve(pool, most_of(s))) {
        return NULL;
    }
    struct packer w;
    pack_begin(&w, pool, f, s ? FOLDED_SESSION : FOLDED_NOTHING);
    const uint8_t *models = w.at;
    if (!pack_image(&w, pool, s, f, image_key(s))) {
        return NULL;
    }
    if (s) {
        pack_session(&w, s);
    }
    struct folded_session *d = keep_packed(pool, &w);
    if (!d) {
        struct cursor c = cursor_open(span_of(models, (size_t)(w.at - models)));
        unpack_nowhere(pool, &c, s != NULL);
        return NULL;
    }
    d->bytes += (uint32_t)segments_of(s);
    if (s) {
        leave(s);
    }
    return d;
}

/* ---- folding what begins a session ---- */

/* As its sender's SYN was, and in its place. */
static bool is_senders(const struct flow *f, const struct packet *p)
{
    const struct flow_half *h = &f->half[0];
    const struct flow_half *other = &f->half[1];
    uint8_t flags = h->flags & other->flags;
    bool options = p->header_bytes && !p->has_signature &&
                   !(h->flags & HALF_SIGNATURE) && !p->acks_beyond &&
                   (p->has_timestamp || !(flags & HALF_TIMESTAMP));
    return options && (flags & HALF_SYN) && p->seq == h->isn + 1 &&
           p->ack == other->isn + 1 && p->ttl == h->ttl_syn;
}

bool session_may_wait(const struct flow *f, const struct packet *p)
{
    const struct flow_half *h = &f->half[0];
    uint8_t flags = p->flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);
    return f->head.proto == PROTO_TCP && flags == TCP_ACK &&
           !((h->flags | f->half[1].flags) & HALF_FIN) && is_senders(f, p) &&
           p->payload.n == p->payload_wire_bytes && tls_is_hello(p->payload) &&
           (!(h->flags & HALF_CHECKSUM) ||
            packet_checksum(p) != CHECKSUM_WRONG);
}

enum { OPENING_DF = 1, OPENING_TIMESTAMP = 2 };

/* What pack_opening() writes. */
#define OPENING_BYTES_MAX (5 * PACK_INT_MAX + 2)

/* What a session looks at, less what session_may_wait() knows. */
static void pack_opening(struct packer *w, const struct flow *f,
                         const struct packet *p)
{
    pack_int(w, (int64_t)((uint64_t)p->when - (uint64_t)f->first));
    pack_uint(w, p->frame - f->frame_first);
    *w->at++ = (uint8_t)((p->ip_df ? OPENING_DF : 0) |
                         (p->has_timestamp ? OPENING_TIMESTAMP : 0));
    *w->at++ = p->flags;
    pack_uint(w, p->ip_id);
    pack_uint(w, p->window);
    pack_uint(w, p->payload.n);
}

static struct packet unpack_opening(struct cursor *c, const struct flow *f)
{
    struct packet p = {.ip_version = f->head.ip_version,
                       .proto = f->head.proto,
                       .ttl = f->half[0].ttl_syn,
                       .vlan = f->head.vlan,
                       .src = f->end[0],
                       .dst = f->end[1],
                       .seq = f->half[0].isn + 1,
                       .ack = f->half[1].isn + 1};
    p.when = (tick_t)((uint64_t)f->first + (uint64_t)unpack_int(c));
    p.frame = f->frame_first + unpack_uint(c);
    uint8_t bits = cursor_u8(c, "bits");
    p.ip_df = (bits & OPENING_DF) != 0;
    p.has_timestamp = (bits & OPENING_TIMESTAMP) != 0;
    p.flags = cursor_u8(c, "flags");
    p.ip_id = (uint16_t)unpack_uint(c);
    p.window = (uint16_t)unpack_uint(c);
    p.payload_wire_bytes = (uint32_t)unpack_uint(c);
    return p;
}

void *session_fold_opening(struct session_pool *pool, const struct flow *f,
                           const struct packet *p)
{
    size_t most = most_of(NULL) + OPENING_BYTES_MAX + ALIKE_MAX(p->payload.n);
    if (!reserve(pool, most)) {
        return NULL;
    }
    struct packer w;
    pack_begin(&w, pool, f, FOLDED_OPENING);
    const uint8_t *models = w.at;
    if (!pack_image(&w, pool, NULL, f, FOLDED_OPENING)) {
        return NULL;
    }
    pack_opening(&w, f, p);
    alike_pack(pool->alike, &w, p->payload, key_of_record(pool, p->payload));
    struct folded_session *d = keep_packed(pool, &w);
    if (!d) {
        struct cursor c = cursor_open(span_of(models, (size_t)(w.at - models)));
        alike_unpack_words(pool->alike, &c, NULL, FLOW_WORDS, 0);
        size_t n = unpack_opening(&c, f).payload_wire_bytes;
        alike_unpack(pool->alike, &c, NULL, n);
    }
    return d;
}

/* ---- unfolding ---- */

static void unpack_image(struct session_pool *pool, struct cursor *c,
                         tick_t first, struct session *s, struct flow *f)
{
    union image image;
    alike_unpack_words(pool->alike, c, image.words, words_of(s != NULL), first);
    memcpy((uint8_t *)f + offsetof(struct flow, first), image.words,
           FLOW_DETAIL_BYTES);
    if (s) {
        memcpy(s, image.words + FLOW_WORDS, SESSION_BYTES);
    }
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

static bool unfold_session(struct session_pool *pool, struct cursor *c,
                           tick_t first, struct flow *f)
{
    struct session *taken = session_take(pool);
    /* What is folded was larger than a session. */
    struct session *s = taken ? taken : (struct session *)(void *)pool->scratch;
    unpack_image(pool, c, first, s, f);
    if (unpack_session(pool, c, s) && taken) {
        f->session = taken;
        return true;
    }
    session_release(s);
    if (taken) {
        session_give(taken);
    }
    return false;
}

/* The session that begins with the packet that was kept: it finds the flow as
 * it would have then. */
static bool unfold_opening(struct session_pool *pool, struct cursor *c,
                           tick_t first, struct flow *f)
{
    unpack_image(pool, c, first, NULL, f);
    struct packet p = unpack_opening(c, f);
    size_t n = p.payload_wire_bytes; /* there was room when it was folded */
    alike_unpack(pool->alike, c, pool->scratch, n);
    p.payload = span_of(pool->scratch, n);
    f->session = session_new(pool, f);
    if (f->session) {
        session_packet(f->session, f, &p, 0);
    }
    return f->session != NULL;
}

bool session_unfold(struct session_pool *pool, void *folded, struct flow *f)
{
    struct folded_session *d = folded;
    struct cursor c = cursor_open(span_of(d->data, d->n));
    tick_t first = unpack_int(&c);
    bool ok = true;
    f->session = NULL;
    switch ((enum folded_kind)cursor_u8(&c, "kind")) {
    case FOLDED_NOTHING:
        unpack_image(pool, &c, first, NULL, f);
        break;
    case FOLDED_SESSION:
        ok = unfold_session(pool, &c, first, f);
        break;
    case FOLDED_OPENING:
        ok = unfold_opening(pool, &c, first, f);
        break;
    }
    free(d);
    return ok;
}

size_t session_folded_bytes(const void *folded)
{
    const struct folded_session *d = folded;
    return d->bytes;
}

tick_t session_folded_since(const void *folded)
{
    const struct folded_session *d = folded;
    struct cursor c = cursor_open(span_of(d->data, d->n));
    return unpack_int(&c);
}
