/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUIC packets (RFC 9000 section 17, RFC 9369 section 3) and the frames of
 * Initial packets (RFC 9000 section 19). CRYPTO frames are put together over
 * packets and datagrams; the messages in them go the way of all handshake
 * messages. A Retry (17.2.5), Version Negotiation (17.2.1) and a switch of
 * version (RFC 9368) change the keys.
 *
 * Handshake, 0-RTT and 1-RTT packets are noted with sender and length; their
 * contents are secret. With a key log the first Handshake and 1-RTT packets are
 * kept for quic_decrypt.c. Connection migration is not followed.
 */
#include "dissectors/quic.h"

#include "base/limits.h"
#include "dissectors/quic_frames.h"
#include "dissectors/tls_handshake.h"

enum packet_type {
    PACKET_INITIAL,
    PACKET_0RTT,
    PACKET_HANDSHAKE,
    PACKET_RETRY
};

#define LONG_HEADER     0x80u
#define FIXED_BIT       0x40u
#define MESSAGE_HEADER  4u
#define CRYPTO_MAX      (64u * 1024)
#define FIRST_DCID_MIN  8u  /* RFC 9000 section 7.2 */
#define SHORT_MIN       21u /* RFC 9000 section 10.3: shorter is no packet */
#define NOTED_PER_LEVEL 8u
#define NOTED_TO_OPEN   24u /* Handshake packets, when secrets may open them */
#define NOTED_AFTER     4u  /* and after the first 1-RTT packet of the peer */
#define NOTED_CLOSES    2u

struct reader {
    struct quic_state *t;
    struct handshake *hs;
    enum side side;
    uint32_t wire;
    tick_t when;
    uint64_t frame;
    bool cut; /* the capture cut the datagram */
    bool new; /* something new was in it */
};

/* A long header, read as far as all types have it in common, and further. */
struct packet_header {
    uint32_t version;
    enum packet_type type;
    struct span dcid, scid;
    struct span packet; /* from its first byte to its end */
    size_t pn_at;
    bool cut;
};

static void note(struct reader *r, enum hs_kind kind, uint32_t len,
                 uint16_t aux)
{
    hs_note(r->hs, kind, r->side, len, aux, r->when, r->frame);
    r->new = true;
}

static void set_cid(struct quic_cid *cid, struct span s)
{
    if (s.n <= QUIC_CID_MAX) {
        *cid = (struct quic_cid){.n = (uint8_t)s.n, .known = true};
        if (s.n) {
            memcpy(cid->bytes, s.p, s.n);
        }
    }
}

static struct span cid_span(const struct quic_cid *cid)
{
    return span_of(cid->bytes, cid->n);
}

/* ---- headers ---- */

static enum packet_type type_of(uint8_t first, uint32_t version)
{
    unsigned type = first >> 4 & 3;
    bool v2 = version == QUIC_V2 || version == QUIC_V2_DRAFT;
    /* RFC 9369 section 3.2: Retry is 0, the others moved up by one. */
    return (enum packet_type)(v2 ? (type + 3) & 3 : type);
}

/* The part that Initial, 0-RTT and Handshake packets have behind the IDs. */
static bool read_length(struct cursor *c, struct packet_header *h, bool cut)
{
    if (h->type == PACKET_INITIAL) {
        uint64_t token = quic_varint(c, "token length");
        if (token > cursor_left(c)) {
            return false;
        }
        cursor_skip(c, (size_t)token, "token");
    }
    uint64_t length = quic_varint(c, "length");
    h->pn_at = cursor_offset(c);
    if (!cursor_ok(c) || (length > cursor_left(c) && !cut)) {
        return false;
    }
    h->cut = length > cursor_left(c);
    size_t n = h->cut ? cursor_left(c) : (size_t)length;
    h->packet = span_of(c->base, h->pn_at + n);
    cursor_skip(c, n, "payload");
    return true;
}

/* One long-header packet of a known version; *c moves behind it. */
static bool read_header(struct cursor *c, struct packet_header *h, bool cut)
{
    struct cursor p = cursor_open(span_of(c->p, cursor_left(c)));
    uint8_t first = cursor_u8(&p, "first byte");
    h->version = cursor_u32(&p, "version");
    struct cursor id = cursor_vec8(&p, "destination connection id");
    h->dcid = cursor_rest(&id);
    id = cursor_vec8(&p, "source connection id");
    h->scid = cursor_rest(&id);
    if (!cursor_ok(&p) || !quic_version_known(h->version) ||
        h->dcid.n > QUIC_CID_MAX || h->scid.n > QUIC_CID_MAX) {
        return false;
    }
    h->type = type_of(first, h->version);
    if (h->type == PACKET_RETRY) {
        h->packet = span_of(p.base, cursor_offset(&p) + cursor_left(&p));
        cursor_skip(c, cursor_left(c), "retry");
        return true;
    }
    if (!read_length(&p, h, cut)) {
        return false;
    }
    cursor_skip(c, cursor_offset(&p), "packet");
    return true;
}

bool quic_probe(struct span datagram)
{
    struct cursor c = cursor_open(datagram);
    struct packet_header h = {0};
    uint8_t first = cursor_peek(&c);
    return (first & LONG_HEADER) && (first & FIXED_BIT) &&
           read_header(&c, &h, true) && h.type == PACKET_INITIAL &&
           h.dcid.n >= FIRST_DCID_MIN;
}

bool quic_read_ids(struct span datagram, struct quic_ids *out)
{
    struct cursor c = cursor_open(datagram);
    uint8_t first = cursor_u8(&c, "first byte");
    if (!(first & LONG_HEADER)) {
        return false;
    }
    out->version = cursor_u32(&c, "version");
    struct cursor id = cursor_vec8(&c, "destination connection id");
    out->dcid = cursor_rest(&id);
    id = cursor_vec8(&c, "source connection id");
    out->scid = cursor_rest(&id);
    return cursor_ok(&c) &&
           (out->version == 0 ||
            (first & FIXED_BIT && quic_version_known(out->version))) &&
           out->dcid.n <= QUIC_CID_MAX && out->scid.n <= QUIC_CID_MAX;
}

/* ---- CRYPTO frames ---- */

static void emit(struct reader *r, struct span have, uint32_t total)
{
    struct cursor c = cursor_open(have);
    struct tls_message m = {.side = r->side,
                            .type = cursor_peek(&c),
                            .whole = have.n >= total,
                            .total = total,
                            .body = span_sub(have, MESSAGE_HEADER, have.n),
                            .when = r->when,
                            .frame = r->frame};
    r->new = true;
    tls_handshake_message(r->hs, &m);
}

static uint32_t message_total(struct span s)
{
    struct cursor c = cursor_open(s);
    cursor_skip(&c, 1, "type");
    return MESSAGE_HEADER + cursor_u24(&c, "length");
}

static void emit_messages(struct reader *r, struct quic_dir *d)
{
    for (;;) {
        struct span left = assembly_prefix(&d->crypto);
        left = span_sub(left, d->read, left.n);
        uint32_t total = left.n < MESSAGE_HEADER ? 0 : message_total(left);
        if (total == 0 || total > left.n) {
            return;
        }
        emit(r, span_sub(left, 0, total), total);
        d->read += total;
    }
}

static void crypto_frame(struct reader *r, const struct quic_frame *f)
{
    struct quic_dir *d = &r->t->dir[r->side];
    enum assembly_put put = assembly_put(&d->crypto, f->offset, f->data);
    r->hs->dir[r->side].conflicts += d->crypto.conflict;
    d->crypto.conflict = false;
    if (put == ASSEMBLY_REFUSED) {
        r->hs->arena.limited = true;
    } else if (put == ASSEMBLY_NEW) {
        r->new = true;
        emit_messages(r, d);
    }
}

static void close_frame(struct reader *r, const struct quic_frame *f)
{
    if (hs_count(r->hs, HS_QUIC_CLOSE, r->side) < NOTED_CLOSES) {
        note(r, HS_QUIC_CLOSE, r->wire, hs_close_aux(f->code, false));
    }
}

/* False for what is not allowed in Initial packets (RFC 9000 section 17.2.2):
 * nothing behind it can be trusted. */
static bool initial_frame(struct reader *r, const struct quic_frame *f)
{
    switch (f->type) {
    case QUIC_FRAME_PADDING:
    case QUIC_FRAME_PING:
    case QUIC_FRAME_ACK:
    case QUIC_FRAME_ACK_ECN:
        return true;
    case QUIC_FRAME_CRYPTO:
        crypto_frame(r, f);
        return true;
    case QUIC_FRAME_CLOSE:
    case QUIC_FRAME_CLOSE_APPLICATION:
        close_frame(r, f);
        return true;
    default:
        return false;
    }
}

static void read_frames(struct reader *r, struct span frames)
{
    struct cursor c = cursor_open(frames);
    struct quic_frame f;
    bool was_new = r->new;
    bool eliciting = false;
    r->new = false;
    while (cursor_left(&c) && quic_frame_next(&c, r->cut, &f) &&
           initial_frame(r, &f)) {
        eliciting = eliciting || f.type == QUIC_FRAME_PING ||
                    f.type == QUIC_FRAME_CRYPTO;
    }
    if (eliciting && !r->new) { /* a probe (RFC 9002 section 6.2.4) */
        r->hs->dir[r->side].retransmits++;
        r->hs->dir[r->side].retransmits_big += r->wire >= 1200;
    }
    r->new = r->new || was_new;
}

/* ---- Initial packets ---- */

/* Whether unauthenticated bytes can be what they should be: a ClientHello at
 * the very start. */
static bool begins_hello(struct span frames)
{
    struct cursor c = cursor_open(frames);
    while (cursor_left(&c) && cursor_peek(&c) <= QUIC_FRAME_PING) {
        cursor_skip(&c, 1, "padding");
    }
    uint64_t type = quic_varint(&c, "type");
    uint64_t offset = quic_varint(&c, "offset");
    uint64_t length = quic_varint(&c, "length");
    uint8_t message = cursor_u8(&c, "message type");
    uint32_t total = cursor_u24(&c, "message length");
    return cursor_ok(&c) && type == QUIC_FRAME_CRYPTO && offset == 0 &&
           length > MESSAGE_HEADER && message == 1 && total >= 38 &&
           total < CRYPTO_MAX;
}

/* Tries the keys made of an ID. Those that open the packet are kept. */
static bool open_with(struct reader *r, const struct packet_header *h,
                      struct span cid, uint8_t *room, struct span *frames)
{
    struct quic_state *t = r->t;
    struct quic_keys made[2];
    bool same = t->key_cid.known && t->version == h->version &&
                span_eq(cid, cid_span(&t->key_cid));
    const struct quic_keys *keys = t->keys;
    int64_t pn = -1;
    if (!same) {
        if (!quic_initial_keys(h->version, cid, made)) {
            return false;
        }
        keys = made;
    }
    struct quic_dir *d = &t->dir[r->side];
    if (!quic_open(&keys[r->side], h->packet, h->pn_at, d->largest, h->cut,
                   room, frames, &pn) ||
        (h->cut && !t->key_cid.known && !begins_hello(*frames))) {
        return false;
    }
    d->largest = pn > d->largest ? pn : d->largest;
    if (!same) {
        t->version = h->version;
        memcpy(t->keys, made, sizeof made);
        set_cid(&t->key_cid, cid);
    }
    return true;
}

/* A client that starts anew (another version, or another connection) sends
 * another hello; after a Retry it is the same. */
static void start_anew(struct quic_state *t)
{
    for (int i = 0; i < 2; i++) {
        assembly_clear(&t->dir[i].crypto);
        t->dir[i].read = 0;
        t->dir[i].largest = -1;
    }
}

static bool open_initial(struct reader *r, const struct packet_header *h,
                         uint8_t *room, struct span *frames)
{
    struct quic_state *t = r->t;
    struct quic_cid old = t->key_cid;
    uint32_t version = t->version;
    bool client = r->side == SIDE_CLIENT;
    if (old.known && open_with(r, h, cid_span(&old), room, frames)) {
        if (client && t->negotiated && version != h->version) {
            start_anew(t);
        }
        return true;
    }
    bool may_start =
        client && (!old.known || (h->dcid.n >= FIRST_DCID_MIN && !h->cut));
    if (!may_start || !open_with(r, h, h->dcid, room, frames)) {
        return false;
    }
    if (old.known) {
        start_anew(t);
    }
    return true;
}

static void on_initial(struct reader *r, const struct packet_header *h)
{
    uint8_t room[QUIC_PACKET_MAX];
    struct span frames;
    if (!open_initial(r, h, room, &frames)) {
        return;
    }
    set_cid(&r->t->dir[r->side].name, h->scid);
    bool cut = r->cut;
    r->cut = h->cut;
    read_frames(r, frames);
    r->cut = cut;
}

/* ---- packets that stay closed ---- */

/* Keeps a packet for when there are secrets; 0: not kept. */
static uint16_t keep_packet(struct reader *r, enum hs_level level,
                            struct span packet, size_t pn_at)
{
    struct hs_record record = {.body = {NULL, packet.n},
                               .when = r->when,
                               .frame = r->frame,
                               .len = (uint32_t)packet.n,
                               .version = r->t->version,
                               .header = (uint16_t)pn_at,
                               .type = (uint8_t)level,
                               .side = (uint8_t)r->side,
                               .whole = true};
    uint8_t *body;
    uint16_t kept = 0;
    if (packet.n >= pn_at && packet.n <= QUIC_PACKET_MAX) {
        kept = hs_keep_record(r->hs, &record, &body);
    }
    if (kept) {
        memcpy(body, packet.p, packet.n);
    }
    return kept;
}

/* pn_at: where the packet number begins, 0: not known. */
static void on_protected(struct reader *r, enum hs_level level,
                         struct span packet, size_t pn_at)
{
    struct quic_dir *d = &r->t->dir[r->side];
    struct quic_dir *peer = &r->t->dir[side_other(r->side)];
    uint16_t *n = &d->packets[level];
    unsigned usual = r->hs->keep_records && level == HS_LEVEL_HANDSHAKE
                         ? NOTED_TO_OPEN
                         : NOTED_PER_LEVEL;
    if (*n < UINT16_MAX) {
        ++*n;
    }
    if (*n == 1 && level == HS_LEVEL_APPLICATION) {
        peer->more = NOTED_AFTER;
    }
    bool more = d->more > 0;
    if (more) {
        d->more--;
    }
    if (*n <= usual || more) {
        uint16_t kept =
            pn_at && !r->cut ? keep_packet(r, level, packet, pn_at) : 0;
        note(r, HS_PROTECTED, (uint32_t)packet.n, hs_level_aux(level, kept));
    }
}

/* A Retry is answered with the same hello under new keys. Only one that comes
 * before any other word of the server counts (RFC 9000 section 17.2.5.2). */
static void on_retry(struct reader *r, const struct packet_header *h)
{
    struct quic_state *t = r->t;
    struct quic_keys keys[2];
    if (r->side != SIDE_SERVER || t->retried ||
        t->dir[SIDE_SERVER].name.known ||
        !quic_initial_keys(h->version, h->scid, keys)) {
        return;
    }
    t->retried = true;
    t->version = h->version;
    memcpy(t->keys, keys, sizeof keys);
    set_cid(&t->key_cid, h->scid);
    note(r, HS_QUIC_RETRY, r->wire, 0);
}

/* RFC 9000 section 17.2.1: it echoes the IDs of what it answers. */
static void on_version_negotiation(struct reader *r, struct cursor *c)
{
    cursor_skip(c, 5, "header");
    struct cursor id = cursor_vec8(c, "destination connection id");
    struct span dcid = cursor_rest(&id);
    (void)cursor_vec8(c, "source connection id");
    const struct quic_state *t = r->t;
    if (r->side != SIDE_SERVER || !cursor_ok(c) || cursor_left(c) < 4 ||
        t->dir[SIDE_SERVER].name.known ||
        !span_eq(dcid, cid_span(&t->dir[SIDE_CLIENT].name))) {
        return;
    }
    unsigned versions = 0;
    bool ours = false; /* it lists what the client came with: no answer to it */
    for (; cursor_left(c) >= 4; versions++) {
        ours = cursor_u32(c, "version") == t->version || ours;
    }
    if (!ours && !t->negotiated) {
        r->t->negotiated = true;
        note(r, HS_VERSION_NEGOTIATION, r->wire, (uint16_t)versions);
    }
}

/* A short header says nothing of its length or sender; behind another packet
 * it must carry the receiver's ID, for clients pad datagrams with anything. */
static void on_short(struct reader *r, struct span packet, bool first)
{
    const struct quic_cid *to = &r->t->dir[side_other(r->side)].name;
    struct cursor c = cursor_open(packet);
    bool fixed = (cursor_u8(&c, "first byte") & FIXED_BIT) != 0;
    if (packet.n < SHORT_MIN || (!first && !fixed)) {
        return;
    }
    struct span dcid = cursor_take(&c, to->n, "destination connection id");
    bool ours = to->known && to->n > 0 && span_eq(dcid, cid_span(to));
    if (first || ours || (to->n == 0 && r->side == SIDE_SERVER)) {
        on_protected(r, HS_LEVEL_APPLICATION, packet,
                     to->known ? 1u + to->n : 0);
    }
}

/* ---- datagrams ---- */

static bool on_long(struct reader *r, struct cursor *c)
{
    struct packet_header h = {0};
    if (!read_header(c, &h, r->cut)) {
        return false;
    }
    switch (h.type) {
    case PACKET_INITIAL:
        on_initial(r, &h);
        break;
    case PACKET_0RTT:
        on_protected(r, HS_LEVEL_EARLY, h.packet, 0);
        break;
    case PACKET_HANDSHAKE:
        on_protected(r, HS_LEVEL_HANDSHAKE, h.packet, h.pn_at);
        break;
    case PACKET_RETRY:
        on_retry(r, &h);
        break;
    }
    return true;
}

static bool is_version_negotiation(struct span s)
{
    struct cursor c = cursor_open(s);
    cursor_skip(&c, 1, "first byte");
    return cursor_u32(&c, "version") == 0 && cursor_ok(&c);
}

bool quic_feed(struct quic_state *t, struct handshake *hs, enum side side,
               struct span datagram, uint32_t wire, tick_t when, uint64_t frame)
{
    struct cursor c = cursor_open(datagram);
    struct reader r = {.t = t,
                       .hs = hs,
                       .side = side,
                       .wire = wire,
                       .when = when,
                       .frame = frame,
                       .cut = wire > datagram.n};
    while (cursor_left(&c)) {
        struct span rest = span_of(c.p, cursor_left(&c));
        bool first = cursor_offset(&c) == 0;
        if (!(cursor_peek(&c) & LONG_HEADER)) {
            on_short(&r, rest, first);
            break;
        }
        if (first && is_version_negotiation(rest)) {
            on_version_negotiation(&r, &c);
            break;
        }
        if (!on_long(&r, &c) || !quic_opened(t)) {
            break;
        }
    }
    return r.new;
}

/* ---- the state ---- */

void quic_init(struct quic_state *t)
{
    *t = (struct quic_state){0};
    for (int i = 0; i < 2; i++) {
        t->dir[i].largest = -1;
        t->dir[i].crypto.max = CRYPTO_MAX;
    }
}

void quic_fini(struct quic_state *t)
{
    assembly_clear(&t->dir[SIDE_CLIENT].crypto);
    assembly_clear(&t->dir[SIDE_SERVER].crypto);
}

bool quic_opened(const struct quic_state *t)
{
    return t->key_cid.known;
}

bool quic_established(const struct quic_state *t)
{
    return t->dir[SIDE_CLIENT].packets[HS_LEVEL_APPLICATION] > 0 &&
           t->dir[SIDE_SERVER].packets[HS_LEVEL_APPLICATION] > 0;
}

bool quic_settled(const struct quic_state *t)
{
    return t->dir[SIDE_CLIENT].packets[HS_LEVEL_APPLICATION] >= 4 &&
           t->dir[SIDE_SERVER].packets[HS_LEVEL_APPLICATION] >= 4;
}

void quic_flush(struct quic_state *t, struct handshake *hs)
{
    for (int i = 0; i < 2; i++) {
        struct quic_dir *d = &t->dir[i];
        struct span left = assembly_prefix(&d->crypto);
        struct reader r = {.t = t,
                           .hs = hs,
                           .side = (enum side)i,
                           .when = hs->last,
                           .frame = hs->frame_last};
        left = span_sub(left, d->read, left.n);
        if (left.n > MESSAGE_HEADER) {
            emit(&r, left, message_total(left));
        }
        assembly_clear(&d->crypto);
        d->read = 0;
    }
}

size_t quic_bytes(const struct quic_state *t)
{
    return assembly_bytes(&t->dir[0].crypto) +
           assembly_bytes(&t->dir[1].crypto);
}
