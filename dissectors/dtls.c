/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS: records (RFC 6347 section 4.1, RFC 9146 with connection IDs), the
 * unified header of DTLS 1.3 (RFC 9147 section 4), and handshake messages in
 * fragments (RFC 6347 section 4.2.3) that come in any order, twice, or
 * overlapping.
 *
 * A message is handed on when it is complete, in the order of the capture and
 * not of message_seq; what was read before is only counted. An epoch above 0
 * is encrypted: the first handshake record there is the Finished. What else may
 * share the port (STUN, SRTP, TURN; RFC 7983) is passed over.
 *
 * It decrypts nothing, but keeps protected records for tls_decrypt.c and
 * dtls_decrypt.c when there are secrets. It keeps no state of record numbers:
 * replays show as repeated messages.
 */
#include "dissectors/dtls.h"

#include "base/limits.h"
#include "dissectors/tls_handshake.h"
#include "known/known.h"

enum {
    RECORD_CCS = 20,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_APPLICATION = 23,
    RECORD_TLS12_CID = 25, /* RFC 9146 */
    RECORD_ACK = 26,       /* RFC 9147 section 7 */
};

enum { TYPE_CLIENT_HELLO = 1, TYPE_SERVER_HELLO = 2, TYPE_HELLO_VERIFY = 3 };

#define MESSAGE_HEADER   12u
#define KEPT_MESSAGE_MAX (64u * 1024)
#define KEPT_SESSION_MAX (160u * 1024) /* of all fragments that wait */
#define CID_MAX          20u
#define NOTED_PER_SIDE   16u /* protected records in the timeline */
#define NOTED_DATA       4u

struct reader {
    struct dtls_state *t;
    struct handshake *hs;
    struct dtls_dir *d;
    enum side side;
    tick_t when;
    uint64_t frame;
    bool cut;    /* the capture cut the datagram */
    bool opened; /* what it reads was decrypted */
    bool new;    /* something new was in it */
};

static void note(struct reader *r, enum hs_kind kind, uint32_t len,
                 uint16_t aux)
{
    hs_note(r->hs, kind, r->side, len, aux, r->when, r->frame);
    r->new = true;
}

static void note_limited(struct reader *r, enum hs_kind kind, uint32_t len,
                         uint16_t aux, unsigned max)
{
    if (hs_count(r->hs, kind, r->side) < max) {
        note(r, kind, len, aux);
    }
}

/* 0x0100 is OpenSSL 0.9.8's, still spoken by Cisco's AnyConnect. */
static bool version_plausible(uint16_t v)
{
    return v == 0xfeff || v == 0xfefd || v == 0xfefc || v == 0x0100;
}

/* ---- probing ---- */

enum dtls_probe dtls_probe(struct span datagram)
{
    struct cursor c = cursor_open(datagram);
    if (cursor_peek(&c) != RECORD_HANDSHAKE) {
        return DTLS_PROBE_NO; /* most datagrams */
    }
    cursor_skip(&c, 1, "type");
    uint16_t version = cursor_u16(&c, "version");
    uint16_t epoch = cursor_u16(&c, "epoch");
    cursor_skip(&c, 6, "sequence number");
    uint16_t length = cursor_u16(&c, "length");
    uint8_t type = cursor_u8(&c, "message type");
    uint32_t total = cursor_u24(&c, "message length");
    uint16_t seq = cursor_u16(&c, "message_seq");
    uint32_t at = cursor_u24(&c, "fragment offset");
    uint32_t n = cursor_u24(&c, "fragment length");
    bool sane = cursor_ok(&c) && version_plausible(version) && epoch == 0 &&
                length >= MESSAGE_HEADER && length <= LIMIT_RECORD_LENGTH &&
                n <= length - MESSAGE_HEADER && seq < DTLS_MESSAGES &&
                total <= LIMIT_HELLO_BYTES && at <= total && n <= total - at;
    if (!sane) {
        return DTLS_PROBE_NO;
    }
    uint8_t major = cursor_peek(&c);
    bool body = at > 0 || cursor_left(&c) == 0 || major == 0xfe || major == 1;
    if (type == TYPE_CLIENT_HELLO && total >= 38 && body) {
        return DTLS_PROBE_CLIENT_HELLO;
    }
    if ((type == TYPE_SERVER_HELLO && total >= 38 && body) ||
        (type == TYPE_HELLO_VERIFY && total >= 3 && total <= 258 && body)) {
        return DTLS_PROBE_SERVER;
    }
    return DTLS_PROBE_NO;
}

/* ---- messages ---- */

/* A hello says which connection ID its sender wants to receive. */
static void learn_cid(struct reader *r, const struct tls_message *m)
{
    bool client = m->type == TYPE_CLIENT_HELLO && r->side == SIDE_CLIENT;
    bool server = m->type == TYPE_SERVER_HELLO && r->side == SIDE_SERVER;
    if (!client && !server) {
        return;
    }
    int n = tls_hello_cid(m->body, client, true);
    struct dtls_dir *peer = &r->t->dir[side_other(r->side)];
    peer->cid_known = n >= 0 && n <= (int)CID_MAX;
    peer->cid_bytes = peer->cid_known ? (uint8_t)n : 0;
}

static void emit(struct reader *r, uint8_t type, uint16_t seq, uint32_t total,
                 struct span body)
{
    struct tls_message m = {.side = r->side,
                            .type = type,
                            .whole = body.n >= total,
                            .opened = r->opened,
                            .total = total + MESSAGE_HEADER,
                            .body = body,
                            .when = r->when,
                            .frame = r->frame};
    r->d->done[seq] = (uint8_t)(type + 1);
    r->new = true;
    if (!r->opened) {
        learn_cid(r, &m);
    }
    tls_handshake_message(r->hs, &m);
}

static void release(struct dtls_pending *p)
{
    assembly_clear(&p->bytes);
    p->total = 0;
}

/* The place where fragments of a message wait. Fragments that disagree about
 * its length or type are another message. */
static struct dtls_pending *place_of(struct dtls_dir *d, uint8_t type,
                                     uint16_t seq, uint32_t total)
{
    struct dtls_pending *free_place = NULL;
    for (unsigned i = 0; i < DTLS_PENDING; i++) {
        struct dtls_pending *p = &d->pending[i];
        if (p->total == total && p->seq == seq && p->type == type) {
            return p;
        }
        if (p->total == 0) {
            free_place = p;
        }
    }
    if (!free_place) {
        free_place = &d->pending[d->evict++ % DTLS_PENDING];
        release(free_place);
    }
    free_place->total = total;
    free_place->seq = seq;
    free_place->type = type;
    free_place->bytes.max = total < KEPT_MESSAGE_MAX ? total : KEPT_MESSAGE_MAX;
    return free_place;
}

struct fragment {
    uint8_t type;
    uint16_t seq;
    uint32_t total, at;
    struct span bytes;
};

static void keep_fragment(struct reader *r, const struct fragment *f)
{
    struct dtls_pending *p = place_of(r->d, f->type, f->seq, f->total);
    struct span part = f->bytes;
    if (f->at < p->bytes.max) { /* what lies beyond is not kept */
        part = span_sub(part, 0, p->bytes.max - f->at);
    }
    struct hs_dir *stats = &r->hs->dir[r->side];
    if (dtls_bytes(r->t) + f->at + part.n > KEPT_SESSION_MAX) {
        r->hs->arena.limited = true;
        return;
    }
    switch (assembly_put(&p->bytes, f->at, part)) {
    case ASSEMBLY_NEW:
        r->new = true;
        p->when = r->when;
        p->frame = r->frame;
        break;
    case ASSEMBLY_OLD:
        stats->retransmits += f->bytes.n > 0;
        break;
    case ASSEMBLY_REFUSED:
        r->hs->arena.limited |= f->at < p->bytes.max;
        break;
    }
    stats->conflicts += p->bytes.conflict;
    p->bytes.conflict = false;
    struct span have = assembly_prefix(&p->bytes);
    if (have.n >= p->bytes.max) {
        emit(r, f->type, f->seq, f->total, have);
        release(p);
    }
}

static void on_fragment(struct reader *r, const struct fragment *f)
{
    if (f->seq >= DTLS_MESSAGES || f->total > LIMIT_MESSAGE_LENGTH) {
        return;
    }
    /* Old servers number the HelloVerifyRequest and the ServerHello alike. */
    if (r->d->done[f->seq] == f->type + 1) {
        r->hs->dir[r->side].retransmits++;
        r->hs->dir[r->side].retransmits_big += f->bytes.n >= 1100;
        return;
    }
    if (f->at == 0 && f->bytes.n == f->total) {
        emit(r, f->type, f->seq, f->total, f->bytes);
    } else {
        keep_fragment(r, f);
    }
}

/* The fragments in one record. One that lies about its place is dropped, as
 * the receiver does (RFC 6347 section 4.1.2.7). */
static void handshake_record(struct reader *r, struct span body)
{
    struct cursor c = cursor_open(body);
    while (cursor_left(&c)) {
        struct fragment f = {.type = cursor_u8(&c, "message type")};
        f.total = cursor_u24(&c, "message length");
        f.seq = cursor_u16(&c, "message_seq");
        f.at = cursor_u24(&c, "fragment offset");
        uint32_t n = cursor_u24(&c, "fragment length");
        if (!cursor_ok(&c)) {
            return;
        }
        if (f.at > f.total || n > f.total - f.at ||
            (n > cursor_left(&c) && !r->cut)) {
            r->hs->dir[r->side].conflicts++;
            return;
        }
        size_t left = cursor_left(&c);
        f.bytes = cursor_take(&c, n < left ? n : left, "fragment");
        on_fragment(r, &f);
    }
}

/* ---- records ---- */

static void count(uint16_t *n)
{
    if (*n < UINT16_MAX) {
        ++*n;
    }
}

/* Keeps a record for when there are secrets; 0: not kept. `bytes` are what
 * record->body will hold. */
static uint16_t keep_record(struct reader *r, struct hs_record *record,
                            struct span bytes)
{
    uint8_t *body;
    if (r->cut) {
        return 0;
    }
    record->body = (struct span){NULL, bytes.n};
    record->when = r->when;
    record->frame = r->frame;
    record->side = (uint8_t)r->side;
    record->whole = true;
    uint16_t kept = hs_keep_record(r->hs, record, &body);
    if (kept && bytes.n) {
        memcpy(body, bytes.p, bytes.n);
    }
    return kept;
}

/* Notes a protected record, and keeps it when it may be an alert. */
static void note_sealed(struct reader *r, enum hs_kind kind,
                        struct hs_record *record, struct span bytes)
{
    bool maybe =
        record->type == RECORD_ALERT || record->type == RECORD_TLS12_CID;
    if (hs_count(r->hs, kind, r->side) < NOTED_DATA) {
        note(r, kind, record->len, maybe ? keep_record(r, record, bytes) : 0);
    }
}

/* `bytes`: the body; before it connection ID and length, where there is one. */
static void encrypted_record(struct reader *r, struct hs_record *record,
                             struct span bytes)
{
    struct dtls_dir *d = r->d;
    uint8_t type = record->type;
    bool hidden = type == RECORD_TLS12_CID; /* its real type is inside */
    if (type == RECORD_ALERT) {
        note_sealed(r, HS_ENCRYPTED_ALERT, record, bytes);
    } else if ((type == RECORD_HANDSHAKE || hidden) && !d->finished) {
        d->finished = true;
        note_sealed(r, HS_FINISHED, record, bytes);
    } else if (type == RECORD_HANDSHAKE) {
        note_sealed(r, HS_ENCRYPTED_HANDSHAKE, record, bytes);
    } else if (type == RECORD_APPLICATION || hidden) {
        count(&d->app_records);
        note_sealed(r, HS_APPLICATION_DATA, record, bytes);
    }
}

static void plain_record(struct reader *r, uint8_t type, struct span body,
                         uint32_t length)
{
    struct cursor c = cursor_open(body);
    if (type == RECORD_HANDSHAKE) {
        handshake_record(r, body);
    } else if (type == RECORD_ALERT && length == 2 && body.n == 2) {
        uint16_t alert = cursor_u16(&c, "alert");
        note_limited(r, HS_ALERT, length, alert, NOTED_DATA);
    } else if (type == RECORD_CCS && !r->d->ccs) {
        r->d->ccs = true;
        note(r, HS_CHANGE_CIPHER_SPEC, length, 0);
    }
}

/* RFC 6347 section 4.1; false when the rest of the datagram is no record. */
static bool classic_record(struct reader *r, struct cursor *c)
{
    uint8_t type = cursor_u8(c, "type");
    uint16_t version = cursor_u16(c, "version");
    uint16_t epoch = cursor_u16(c, "epoch");
    uint64_t number = (uint64_t)epoch << 48;
    number |= (uint64_t)cursor_u16(c, "sequence number") << 32;
    number |= cursor_u32(c, "sequence number");
    struct span cid = {c->p, 0};
    if (type == RECORD_TLS12_CID) {
        cid = cursor_take(c, r->d->cid_bytes, "connection id");
    }
    uint16_t length = cursor_u16(c, "length");
    if (!cursor_ok(c) || type < RECORD_CCS || type > RECORD_ACK ||
        !version_plausible(version) || length > LIMIT_RECORD_LENGTH) {
        return false;
    }
    size_t left = cursor_left(c);
    if (length > left && !r->cut) {
        return false;
    }
    if (r->hs->record_version[r->side] == UNSEEN_U16) {
        r->hs->record_version[r->side] = version;
    }
    struct span body = cursor_take(c, length < left ? length : left, "record");
    if (epoch > 0) {
        struct hs_record record = {.number = number,
                                   .len = length,
                                   .version = version,
                                   .header = (uint16_t)cid.n,
                                   .type = type,
                                   .epoch = epoch > 1 ? 2 : 1};
        encrypted_record(r, &record,
                         type == RECORD_TLS12_CID
                             ? span_of(cid.p, cid.n + 2 + body.n)
                             : body);
    } else {
        plain_record(r, type, body, length);
    }
    return true;
}

/* RFC 9147 section 4: 001CSLEE, then connection ID, sequence number, length. */
static bool unified_record(struct reader *r, struct cursor *c)
{
    struct span whole = span_of(c->p, cursor_left(c));
    uint8_t first = cursor_u8(c, "header");
    unsigned epoch = first & 3;
    bool early = epoch == 1 && r->hs->early_data_offered;
    if (!early && !known_version_is_13(r->hs->version)) {
        return false;
    }
    if (first & 0x10) {
        cursor_skip(c, r->d->cid_bytes, "connection id");
    }
    size_t number_at = whole.n - cursor_left(c);
    cursor_skip(c, first & 8 ? 2 : 1, "sequence number");
    size_t length = first & 4 ? cursor_u16(c, "length") : cursor_left(c);
    if (!cursor_ok(c) || (length > cursor_left(c) && !r->cut) ||
        length > LIMIT_RECORD_LENGTH) {
        return false;
    }
    cursor_skip(c, length < cursor_left(c) ? length : cursor_left(c), "record");
    count(&r->d->records[epoch]);
    if (hs_count(r->hs, HS_PROTECTED, r->side) < NOTED_PER_SIDE) {
        struct hs_record record = {.len = (uint32_t)length,
                                   .version = r->hs->version,
                                   .header = (uint16_t)number_at,
                                   .type = (uint8_t)epoch};
        whole = span_sub(whole, 0, whole.n - cursor_left(c));
        uint16_t kept = keep_record(r, &record, whole);
        note(r, HS_PROTECTED, (uint32_t)length,
             hs_level_aux((enum hs_level)epoch, kept));
    }
    return true;
}

bool dtls_feed(struct dtls_state *t, struct handshake *hs, enum side side,
               struct span datagram, uint32_t wire, tick_t when, uint64_t frame)
{
    struct cursor c = cursor_open(datagram);
    struct reader r = {.t = t,
                       .hs = hs,
                       .d = &t->dir[side],
                       .side = side,
                       .when = when,
                       .frame = frame,
                       .cut = wire > datagram.n};
    while (cursor_left(&c)) {
        bool unified = (cursor_peek(&c) & 0xe0) == 0x20;
        if (!(unified ? unified_record(&r, &c) : classic_record(&r, &c))) {
            break;
        }
    }
    return r.new;
}

void dtls_opened_fragments(struct dtls_state *t, struct handshake *hs,
                           enum side side, struct span fragments, tick_t when,
                           uint64_t frame)
{
    struct reader r = {.t = t,
                       .hs = hs,
                       .d = &t->dir[side],
                       .side = side,
                       .when = when,
                       .frame = frame,
                       .opened = true};
    handshake_record(&r, fragments);
}

/* ---- the end ---- */

bool dtls_established(const struct dtls_state *t)
{
    const struct dtls_dir *c = &t->dir[SIDE_CLIENT];
    const struct dtls_dir *s = &t->dir[SIDE_SERVER];
    return (c->finished && s->finished) || (c->records[3] && s->records[3]);
}

bool dtls_settled(const struct dtls_state *t)
{
    unsigned client = t->dir[SIDE_CLIENT].app_records;
    unsigned server = t->dir[SIDE_SERVER].app_records;
    if (t->dir[SIDE_CLIENT].finished && t->dir[SIDE_SERVER].finished) {
        return (client && server) || client + server >= 8;
    }
    client = t->dir[SIDE_CLIENT].records[3];
    server = t->dir[SIDE_SERVER].records[3];
    return client >= 2 && server >= 2 && client + server >= 8;
}

void dtls_flush(struct dtls_state *t, struct handshake *hs)
{
    for (unsigned i = 0; i < 2 * DTLS_PENDING; i++) {
        enum side side = i < DTLS_PENDING ? SIDE_CLIENT : SIDE_SERVER;
        struct dtls_dir *d = &t->dir[side];
        struct dtls_pending *p = &d->pending[i % DTLS_PENDING];
        struct span have = assembly_prefix(&p->bytes);
        struct reader r = {.t = t,
                           .hs = hs,
                           .d = d,
                           .side = side,
                           .when = p->when,
                           .frame = p->frame};
        if (p->total && have.n > 0 && d->done[p->seq] != p->type + 1) {
            emit(&r, p->type, p->seq, p->total, have);
        }
        release(p);
    }
}

size_t dtls_bytes(const struct dtls_state *t)
{
    size_t n = 0;
    for (unsigned i = 0; i < DTLS_PENDING; i++) {
        n += assembly_bytes(&t->dir[0].pending[i].bytes) +
             assembly_bytes(&t->dir[1].pending[i].bytes);
    }
    return n;
}

void dtls_fini(struct dtls_state *t)
{
    for (unsigned i = 0; i < DTLS_PENDING; i++) {
        release(&t->dir[0].pending[i]);
        release(&t->dir[1].pending[i]);
    }
}
