/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decrypts the Handshake and 1-RTT packets of a QUIC connection that is over
 * (RFC 9001 section 4, 5), and tells what was in them: handshake messages from
 * CRYPTO frames, closes, HANDSHAKE_DONE, and that there was application data.
 *
 * Each packet opens by itself, so lost ones and secrets of one level or side
 * alone do no harm. 1-RTT packets under updated keys (section 6) are only
 * counted. 0-RTT packets stay closed: no outcome hangs on them.
 */
#include "dissectors/quic_decrypt.h"

#include "dissectors/assembly.h"
#include "dissectors/quic_crypto.h"
#include "dissectors/quic_frames.h"
#include "dissectors/tls_handshake.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#define MESSAGE_HEADER 4u
#define CRYPTO_MAX     (64u * 1024)
#define NOTED_DATA     4u
#define NOTED_CLOSES   2u

enum { SPACE_HANDSHAKE, SPACE_APPLICATION, SPACES };

/* One sender's packet number space. */
struct space {
    struct quic_keys keys;
    uint32_t version; /* that they were made for */
    bool tried;       /* they were made, or there is no secret */
    bool opened;      /* a packet was */
    int64_t largest;
    struct assembly crypto;
    uint32_t read; /* bytes of it that were handed on */
};

struct opener {
    struct handshake *hs;
    struct keylog *keylog;
    struct tls_decrypt_stats *stats;
    struct span random;
    struct space space[2][SPACES]; /* by enum side */
    uint8_t *room;                 /* QUIC_PACKET_MAX bytes */
    unsigned opened;
};

/* A packet that is being read. */
struct opened {
    struct opener *o;
    const struct hs_record *record;
    enum side side;
    struct space *space;
    bool told; /* something was noted */
    bool data; /* it carries application data */
};

static void note(struct opened *p, enum hs_kind kind, uint16_t aux)
{
    const struct hs_record *r = p->record;
    hs_note(p->o->hs, kind, p->side, r->len, aux, r->when, r->frame);
    p->told = true;
}

/* ---- keys ---- */

static bool secret_for(const struct opener *o, enum side side, unsigned space,
                       struct keylog_secret *out)
{
    static const enum keylog_label labels[2][SPACES] = {
        {KEYLOG_CLIENT_HANDSHAKE, KEYLOG_CLIENT_TRAFFIC},
        {KEYLOG_SERVER_HANDSHAKE, KEYLOG_SERVER_TRAFFIC}};
    return keylog_find(o->keylog, o->random, labels[side][space], out);
}

/* The connection may have changed its version on the way (RFC 9368). */
static bool keys_for(struct opener *o, enum side side, unsigned which,
                     uint32_t version)
{
    struct space *s = &o->space[side][which];
    struct keylog_secret secret = {0};
    if (!s->tried || s->version != version) {
        s->tried = true;
        s->version = version;
        quic_keys_erase(&s->keys);
        if (secret_for(o, side, which, &secret)) {
            (void)quic_secret_keys(version, o->hs->cipher,
                                   span_of(secret.bytes, secret.n), &s->keys);
        }
        OPENSSL_cleanse(&secret, sizeof secret);
    }
    return s->keys.cipher != 0;
}

/* ---- frames ---- */

static void emit_messages(struct opened *p)
{
    struct space *s = p->space;
    for (;;) {
        struct span left = assembly_prefix(&s->crypto);
        left = span_sub(left, s->read, left.n);
        struct cursor c = cursor_open(left);
        struct tls_message m = {.side = p->side,
                                .type = cursor_u8(&c, "type"),
                                .whole = true,
                                .opened = true,
                                .when = p->record->when,
                                .frame = p->record->frame};
        uint32_t n = cursor_u24(&c, "length");
        if (!cursor_ok(&c) || n > cursor_left(&c)) {
            return;
        }
        m.total = MESSAGE_HEADER + n;
        m.body = span_sub(left, MESSAGE_HEADER, n);
        tls_handshake_message(p->o->hs, &m);
        s->read += m.total;
        p->told = true;
    }
}

static void on_crypto(struct opened *p, const struct quic_frame *f)
{
    struct hs_dir *d = &p->o->hs->dir[p->side];
    struct assembly *a = &p->space->crypto;
    if (assembly_put(a, f->offset, f->data) == ASSEMBLY_NEW) {
        emit_messages(p);
    }
    d->conflicts += a->conflict;
    a->conflict = false;
}

static void on_close(struct opened *p, const struct quic_frame *f)
{
    if (hs_count(p->o->hs, HS_QUIC_CLOSE, p->side) < NOTED_CLOSES) {
        note(p, HS_QUIC_CLOSE, hs_close_aux(f->code, true));
    }
}

static void on_frame(struct opened *p, const struct quic_frame *f)
{
    struct handshake *hs = p->o->hs;
    switch (f->type) {
    case QUIC_FRAME_CRYPTO:
        on_crypto(p, f);
        break;
    case QUIC_FRAME_CLOSE:
    case QUIC_FRAME_CLOSE_APPLICATION:
        on_close(p, f);
        break;
    case QUIC_FRAME_HANDSHAKE_DONE:
        if (p->side == SIDE_SERVER &&
            !hs_find(hs, HS_HANDSHAKE_DONE, SIDE_SERVER)) {
            note(p, HS_HANDSHAKE_DONE, 0);
        }
        break;
    case QUIC_FRAME_STREAM:
    case QUIC_FRAME_DATAGRAM:
        p->data = true;
        break;
    default:
        break;
    }
}

static void read_frames(struct opened *p, struct span frames)
{
    struct cursor c = cursor_open(frames);
    struct quic_frame f;
    while (cursor_left(&c) && quic_frame_next(&c, false, &f)) {
        on_frame(p, &f);
    }
    if (p->data &&
        hs_count(p->o->hs, HS_APPLICATION_DATA, p->side) < NOTED_DATA) {
        note(p, HS_APPLICATION_DATA, 0);
    }
    if (!p->told) {
        note(p, HS_ACK, p->record->type);
    }
}

/* ---- packets ---- */

/* A packet that does not open may be of a later generation of keys; the bit
 * that says so is to be trusted once the keys have shown that they are right.
 */
static void on_failure(struct opener *o, const struct space *s,
                       const struct hs_record *r)
{
    bool updated = s->opened && r->type == HS_LEVEL_APPLICATION &&
                   quic_key_phase(&s->keys, r->body, r->header);
    o->stats->failed += !updated;
    o->stats->updated += updated;
}

static bool open_packet(void *ctx, const struct hs_event *e)
{
    struct opener *o = ctx;
    uint16_t number = hs_level_record(e);
    if (e->kind != HS_PROTECTED || e->side >= SIDE_NONE || number == 0 ||
        number > o->hs->records_n) {
        return false;
    }
    const struct hs_record *r = &o->hs->records[number - 1];
    unsigned which =
        r->type == HS_LEVEL_HANDSHAKE ? SPACE_HANDSHAKE : SPACE_APPLICATION;
    enum side side = (enum side)e->side;
    struct space *s = &o->space[side][which];
    struct span frames;
    int64_t pn = -1;
    if (!r->whole || !keys_for(o, side, which, r->version)) {
        return false;
    }
    if (!quic_open(&s->keys, r->body, r->header, s->largest, false, o->room,
                   &frames, &pn)) {
        on_failure(o, s, r);
        return false;
    }
    s->opened = true;
    s->largest = pn > s->largest ? pn : s->largest;
    o->opened++;
    struct opened p = {.o = o, .record = r, .side = side, .space = s};
    read_frames(&p, frames);
    return true;
}

static bool any_secret(const struct opener *o)
{
    struct keylog_secret secret = {0};
    bool any = false;
    for (unsigned i = 0; i < 4 && !any; i++) {
        any = secret_for(o, (enum side)(i & 1), i >> 1, &secret);
    }
    OPENSSL_cleanse(&secret, sizeof secret);
    return any;
}

unsigned quic_decrypt_handshake(struct handshake *hs, struct keylog *keys,
                                struct span random,
                                struct tls_decrypt_stats *stats, bool *known)
{
    struct opener o = {
        .hs = hs, .keylog = keys, .stats = stats, .random = random};
    *known = any_secret(&o);
    o.room = *known ? malloc(QUIC_PACKET_MAX) : NULL;
    if (!o.room) {
        return 0;
    }
    for (unsigned i = 0; i < 2 * SPACES; i++) {
        struct space *s = &o.space[i / SPACES][i % SPACES];
        s->largest = -1;
        s->crypto.max = CRYPTO_MAX;
    }
    (void)hs_retell(hs, open_packet, &o);
    for (unsigned i = 0; i < 2 * SPACES; i++) {
        struct space *s = &o.space[i / SPACES][i % SPACES];
        assembly_clear(&s->crypto);
        quic_keys_erase(&s->keys);
    }
    OPENSSL_cleanse(o.room, QUIC_PACKET_MAX);
    free(o.room);
    return o.opened;
}
