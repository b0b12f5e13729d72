/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS over a byte stream: the record layer (RFC 8446 section 5, RFC 5246
 * section 6.2, RFC 6101) and the framing of handshake messages over it, from
 * SSL 3.0 to TLS 1.3, and the SSLv2-format ClientHello.
 *
 * Framing answers "is it all here?"; a message is handed on only when it is
 * complete, or when the capture lacks a part of it and never will have it. What
 * is in a message is the business of tls_handshake.c and tls_expand.c.
 */
#include "dissectors/tls.h"

#include "base/limits.h"
#include "dissectors/tls_handshake.h"
#include "known/known.h"

#include <stdlib.h>

enum {
    CONTENT_CCS = 20,
    CONTENT_ALERT_RECORD = 21,
    CONTENT_HANDSHAKE = 22,
    CONTENT_APPLICATION = 23,
    CONTENT_HEARTBEAT = 24,
};

/* Those that a first record may hold. */
enum {
    TYPE_CLIENT_HELLO = 1,
    TYPE_SERVER_HELLO = 2,
};

#define RECORD_HEADER  5u
#define MESSAGE_HEADER 4u
#define V2_HEADER      2u
#define NOTED_PER_SIDE 30u /* protected records in the timeline */
#define NOTED_DATA     4u  /* records of application data in it */
#define CBC_END_BYTES  64u /* a block and a MAC */

/* Everything a record belongs to, so that helpers stay short. */
struct reader {
    struct tls_state *t;
    struct handshake *hs;
    struct tls_dir *d;
    enum side side;
    tick_t when;
    uint64_t frame;
};

static void note(const struct reader *r, enum hs_kind kind, uint32_t len,
                 uint16_t aux)
{
    hs_note(r->hs, kind, r->side, len, aux, r->when, r->frame);
}

static bool is_tls13(const struct handshake *hs)
{
    return known_version_is_13(hs->version);
}

/* ---- probing ---- */

static bool version_plausible(uint16_t v)
{
    return v >> 8 == 3 && (v & 0xff) <= 4;
}

static enum tls_probe probe_handshake(struct span first)
{
    struct cursor c = cursor_open(first);
    cursor_skip(&c, 3, "record header");
    uint16_t record = cursor_u16(&c, "record length");
    uint8_t type = cursor_u8(&c, "handshake type");
    uint32_t len = cursor_u24(&c, "handshake length");
    if (!cursor_ok(&c)) {
        return TLS_PROBE_MORE;
    }
    if (record == 0 || record > LIMIT_RECORD_LENGTH) {
        return TLS_PROBE_NO;
    }
    if (type == TYPE_CLIENT_HELLO || type == TYPE_SERVER_HELLO) {
        uint8_t major = cursor_u8(&c, "version");
        bool sane = len >= 38 && len <= LIMIT_MESSAGE_LENGTH &&
                    (!cursor_ok(&c) || major == 3 || major == 0x7f);
        if (!sane) {
            return TLS_PROBE_NO;
        }
        return type == TYPE_CLIENT_HELLO ? TLS_PROBE_CLIENT_HELLO
                                         : TLS_PROBE_SERVER;
    }
    return TLS_PROBE_RECORD; /* another message, or an encrypted one */
}

static enum tls_probe probe_v2(struct span first)
{
    struct cursor c = cursor_open(first);
    uint16_t len = cursor_u16(&c, "length") & 0x7fff;
    uint8_t type = cursor_u8(&c, "type");
    uint16_t version = cursor_u16(&c, "version");
    uint16_t ciphers = cursor_u16(&c, "cipher specs length");
    uint16_t session = cursor_u16(&c, "session id length");
    uint16_t challenge = cursor_u16(&c, "challenge length");
    if ((first.n > 2 && first.p[2] != 1) ||
        (first.n > 3 && first.p[3] != 0 && first.p[3] != 3)) {
        return TLS_PROBE_NO;
    }
    if (!cursor_ok(&c)) {
        return TLS_PROBE_MORE;
    }
    bool sane =
        type == 1 && (version == 0x0002 || version_plausible(version)) &&
        ciphers > 0 && ciphers % 3 == 0 &&
        (session == 0 || session == 16 || session == 32) && challenge >= 16 &&
        challenge <= 32 && len == 9u + ciphers + session + challenge;
    return sane ? TLS_PROBE_V2_HELLO : TLS_PROBE_NO;
}

static enum tls_probe probe_alert(struct span first)
{
    struct cursor c = cursor_open(first);
    cursor_skip(&c, 3, "record header");
    uint16_t len = cursor_u16(&c, "record length");
    uint8_t level = cursor_u8(&c, "level");
    if (!cursor_ok(&c)) {
        return TLS_PROBE_MORE;
    }
    if (len != 2) {
        return len >= 16 && len <= 256 ? TLS_PROBE_RECORD : TLS_PROBE_NO;
    }
    return level == 1 || level == 2 ? TLS_PROBE_SERVER : TLS_PROBE_NO;
}

enum tls_probe tls_probe(struct span first)
{
    struct cursor c = cursor_open(first);
    uint8_t type = cursor_u8(&c, "type");
    if (!cursor_ok(&c)) {
        return TLS_PROBE_MORE;
    }
    if (type & 0x80) {
        return probe_v2(first);
    }
    if (type < CONTENT_CCS || type > CONTENT_APPLICATION) {
        return TLS_PROBE_NO;
    }
    uint8_t major = cursor_u8(&c, "version");
    uint8_t minor = cursor_u8(&c, "version");
    if ((first.n > 1 && major != 3) || (first.n > 2 && minor > 4)) {
        return TLS_PROBE_NO;
    }
    if (!cursor_ok(&c)) {
        return TLS_PROBE_MORE;
    }
    if (type == CONTENT_HANDSHAKE) {
        return probe_handshake(first);
    }
    if (type == CONTENT_ALERT_RECORD) {
        return probe_alert(first);
    }
    uint16_t len = cursor_u16(&c, "length");
    if (!cursor_ok(&c)) {
        return TLS_PROBE_MORE;
    }
    return len > 0 && len <= LIMIT_RECORD_LENGTH ? TLS_PROBE_RECORD
                                                 : TLS_PROBE_NO;
}

bool tls_is_hello(struct span bytes)
{
    struct cursor c = cursor_open(bytes);
    cursor_skip(&c, 3, "type and version");
    uint16_t record = cursor_u16(&c, "record length");
    cursor_skip(&c, 1, "handshake type");
    uint32_t message = cursor_u24(&c, "handshake length");
    return cursor_ok(&c) && bytes.n == (size_t)record + RECORD_HEADER &&
           record == message + MESSAGE_HEADER &&
           tls_probe(bytes) == TLS_PROBE_CLIENT_HELLO;
}

/* ---- framing of messages ---- */

static bool buf_reserve(struct tls_dir *d, uint32_t want)
{
    if (want <= d->buf_size) {
        return true;
    }
    uint32_t size = d->buf_size ? d->buf_size : 512;
    while (size < want) {
        size *= 2;
    }
    uint8_t *p = realloc(d->buf, size);
    if (!p) {
        return false;
    }
    d->buf = p;
    d->buf_size = size;
    return true;
}

static uint32_t message_total(struct span s)
{
    struct cursor c = cursor_open(s);
    cursor_skip(&c, 1, "type");
    return MESSAGE_HEADER + cursor_u24(&c, "length");
}

/* Hands on a message of which `have` is here (header included). */
static void emit(const struct reader *r, struct span have, uint32_t total)
{
    struct cursor c = cursor_open(have);
    struct tls_message m = {.side = r->side,
                            .type = cursor_peek(&c),
                            .total = total,
                            .body = span_sub(have, MESSAGE_HEADER, have.n),
                            .whole = have.n >= total,
                            .when = r->when,
                            .frame = r->frame};
    tls_handshake_message(r->hs, &m);
}

/* Ends the message in the buffer with what is there. The buffer goes: most
 * directions have one message that needs it, and wait much longer. */
static void emit_buffered(const struct reader *r)
{
    struct tls_dir *d = r->d;
    struct span have = span_of(d->buf, d->buf_n);
    uint32_t total = message_total(have);
    d->buf_n = 0;
    if (total > have.n) {
        d->msg_skip = total - (uint32_t)have.n;
    }
    emit(r, have, total);
    free(d->buf);
    d->buf = NULL;
    d->buf_size = 0;
}

/* Takes from `part` what the buffered message still wants. */
static struct span buf_fill(struct tls_dir *d, struct span part, uint32_t want)
{
    uint32_t n = want - d->buf_n;
    if (n > part.n) {
        n = (uint32_t)part.n;
    }
    if (n && buf_reserve(d, d->buf_n + n)) {
        memcpy(d->buf + d->buf_n, part.p, n);
        d->buf_n += n;
    }
    return span_sub(part, n, part.n);
}

static uint32_t kept_of(uint32_t total)
{
    return total < LIMIT_PARTIAL_MESSAGE_BYTES ? total
                                               : LIMIT_PARTIAL_MESSAGE_BYTES;
}

static void handshake_bytes(const struct reader *r, struct span part)
{
    struct tls_dir *d = r->d;
    while (part.n > 0 && !d->dead) {
        if (d->msg_skip) {
            uint32_t n = d->msg_skip < part.n ? d->msg_skip : (uint32_t)part.n;
            d->msg_skip -= n;
            part = span_sub(part, n, part.n);
            continue;
        }
        if (d->buf_n == 0 && part.n >= MESSAGE_HEADER) {
            uint32_t total = message_total(part);
            if (total <= part.n) {
                emit(r, span_sub(part, 0, total), total);
                part = span_sub(part, total, part.n);
                continue;
            }
        }
        uint32_t want = MESSAGE_HEADER;
        if (d->buf_n >= MESSAGE_HEADER) {
            want = kept_of(message_total(span_of(d->buf, d->buf_n)));
        }
        uint32_t before = d->buf_n;
        part = buf_fill(d, part, want);
        if (d->buf_n == before && want > before) {
            d->dead = true; /* out of memory */
        } else if (d->buf_n >= MESSAGE_HEADER &&
                   d->buf_n >=
                       kept_of(message_total(span_of(d->buf, d->buf_n)))) {
            bool cut = message_total(span_of(d->buf, d->buf_n)) > d->buf_n;
            r->hs->limited = r->hs->limited || cut;
            emit_buffered(r);
        }
    }
}

/* n bytes of handshake messages are missing from the capture. */
static void handshake_gap(const struct reader *r, uint32_t n)
{
    struct tls_dir *d = r->d;
    uint32_t after = d->body_left - n; /* of the record, behind the gap */
    while (n > 0) {
        if (d->msg_skip) {
            uint32_t k = d->msg_skip < n ? d->msg_skip : n;
            d->msg_skip -= k;
            n -= k;
        } else if (d->buf_n >= MESSAGE_HEADER) {
            emit_buffered(r);
        } else {
            /* The next message's header is lost: skip to the next record. */
            d->buf_n = 0;
            d->msg_skip = after;
            return;
        }
    }
}

/* ---- records ---- */

/* Whether records of this side's type 21 and 22 are encrypted. */
static bool is_protected(const struct reader *r)
{
    return r->d->ccs && !is_tls13(r->hs);
}

/* Notes the record unless there are `max` of its kind from this side. */
static void note_limited(const struct reader *r, enum tls_noted what,
                         unsigned max)
{
    static const uint8_t kinds[TLS_NOTED_COUNT] = {
        [TLS_NOTED_PROTECTED] = HS_PROTECTED,
        [TLS_NOTED_DATA] = HS_APPLICATION_DATA,
        [TLS_NOTED_HANDSHAKE] = HS_ENCRYPTED_HANDSHAKE,
        [TLS_NOTED_ALERT] = HS_ENCRYPTED_ALERT,
        [TLS_NOTED_CCS] = HS_CHANGE_CIPHER_SPEC,
    };
    unsigned before = r->hs->events_n;
    if (r->d->noted[what] >= max) {
        return;
    }
    note(r, (enum hs_kind)kinds[what], r->d->body_len, r->d->kept);
    if (r->hs->events_n == before) {
        return; /* the timeline is full */
    }
    r->d->noted[what]++;
    if (what == TLS_NOTED_PROTECTED && r->side == SIDE_SERVER &&
        r->t->dir[SIDE_CLIENT].noted[TLS_NOTED_PROTECTED]) {
        r->t->answers++;
    }
}

/* ---- records kept for decryption ---- */

/* How many bytes of the body decryption will want. Of TLS 1.0's application
 * data it wants the last block, which the next record depends on. */
static uint32_t wanted_of(const struct reader *r)
{
    const struct tls_dir *d = r->d;
    if (d->type != CONTENT_APPLICATION || is_tls13(r->hs) ||
        r->hs->version == UNSEEN_U16) {
        return d->body_len;
    }
    if (r->hs->version != 0x0301) {
        return 0;
    }
    return d->body_len < CBC_END_BYTES ? d->body_len : CBC_END_BYTES;
}

static void keep_begin(const struct reader *r, uint16_t version)
{
    struct tls_dir *d = r->d;
    bool sealed = is_protected(r) ? d->type != CONTENT_CCS
                                  : d->type == CONTENT_APPLICATION;
    d->kept = 0;
    if (!r->hs->keep_records || !sealed || d->uncounted) {
        return;
    }
    uint32_t wanted = wanted_of(r);
    struct hs_record record = {.body = {NULL, wanted},
                               .when = r->when,
                               .frame = r->frame,
                               .number = d->sealed_n++,
                               .len = d->body_len,
                               .version = version,
                               .type = d->type,
                               .side = (uint8_t)r->side,
                               .epoch = d->epoch,
                               .tail = wanted < d->body_len};
    if (wanted) {
        d->kept = hs_keep_record(r->hs, &record, &d->kept_body);
    }
}

/* `part` is next of the body. */
static void keep_bytes(const struct reader *r, struct span part)
{
    const struct tls_dir *d = r->d;
    const struct hs_record *k = &r->hs->records[d->kept - 1];
    size_t at = d->body_len - d->body_left;
    size_t from = d->body_len - k->body.n; /* where the kept part begins */
    if (at < from) {
        size_t skip = from - at;
        part = span_sub(part, skip, part.n);
        at = from;
    }
    if (part.n) {
        memcpy(d->kept_body + (at - from), part.p, part.n);
    }
}

static void keep_end(const struct reader *r)
{
    if (r->d->kept) {
        struct hs_record *k = &r->hs->records[r->d->kept - 1];
        k->whole = !r->d->body_gap;
        k->when = r->when;
        k->frame = r->frame;
    }
}

/* A ChangeCipherSpec: TLS <= 1.2 counts its records anew. */
static void keep_new_epoch(const struct reader *r)
{
    if (!is_tls13(r->hs)) {
        r->d->sealed_n = 0;
        r->d->epoch =
            (uint8_t)(r->d->epoch < UINT8_MAX ? r->d->epoch + 1 : UINT8_MAX);
    }
}

static void end_application(const struct reader *r)
{
    struct tls_dir *d = r->d;
    if (r->t->app_records[r->side] < UINT16_MAX) {
        r->t->app_records[r->side]++;
    }
    bool early = !is_tls13(r->hs) && !d->ccs;
    if (is_tls13(r->hs) || early || r->hs->version == UNSEEN_U16) {
        note_limited(r, TLS_NOTED_PROTECTED, NOTED_PER_SIDE);
    } else {
        note_limited(r, TLS_NOTED_DATA, NOTED_DATA);
    }
}

static void end_handshake(const struct reader *r)
{
    struct tls_dir *d = r->d;
    if (!is_protected(r)) {
        return;
    }
    if (!d->finished) {
        d->finished = true;
        note(r, HS_FINISHED, d->body_len, d->kept);
    } else {
        note_limited(r, TLS_NOTED_HANDSHAKE, NOTED_DATA);
    }
}

static void end_alert(const struct reader *r)
{
    struct tls_dir *d = r->d;
    if (d->alert_n == 0 && d->body_len > 0) {
        note_limited(r, TLS_NOTED_ALERT, NOTED_DATA);
    }
}

static void end_record(const struct reader *r)
{
    struct tls_dir *d = r->d;
    keep_end(r);
    switch (d->type) {
    case CONTENT_CCS:
        d->ccs = true;
        keep_new_epoch(r);
        note_limited(r, TLS_NOTED_CCS, NOTED_DATA);
        break;
    case CONTENT_ALERT_RECORD:
        end_alert(r);
        break;
    case CONTENT_HANDSHAKE:
        end_handshake(r);
        break;
    case CONTENT_APPLICATION:
        end_application(r);
        break;
    default:
        break;
    }
}

/* Called where a record ends, `behind` bytes before the end of what came. If
 * the first protected record of a client comes before the server's flight it is
 * early data, and where its Finished is will not be known. */
static void note_finish_end(const struct reader *r, size_t behind)
{
    struct tls_dir *d = r->d;
    bool hidden = r->side == SIDE_CLIENT && r->hs->encrypted[SIDE_SERVER] &&
                  r->t->app_records[SIDE_CLIENT] == 1;
    if (!d->finish_ended && (d->finished || hidden)) {
        d->finish_ended = true;
        d->finish_end = d->fed - (uint32_t)behind;
    }
}

/* Alerts in clear: pairs of bytes. After ChangeCipherSpec a record of two
 * bytes can be no encrypted one. */
static void alert_bytes(const struct reader *r, struct span part)
{
    struct tls_dir *d = r->d;
    bool plain = d->body_len == 2 || (!is_protected(r) && !is_tls13(r->hs) &&
                                      d->body_len % 2 == 0 && d->body_len <= 8);
    if (!plain || d->body_gap) {
        return;
    }
    struct cursor c = cursor_open(part);
    while (cursor_left(&c)) {
        d->alert[d->alert_n++ & 1] = cursor_u8(&c, "alert");
        if (d->alert_n % 2 == 0) {
            note(r, HS_ALERT, d->body_len,
                 (uint16_t)(d->alert[0] << 8 | d->alert[1]));
        }
    }
}

static void body_bytes(const struct reader *r, struct span part)
{
    if (r->d->kept) {
        keep_bytes(r, part);
    }
    if (r->d->type == CONTENT_HANDSHAKE && !is_protected(r)) {
        handshake_bytes(r, part);
    } else if (r->d->type == CONTENT_ALERT_RECORD) {
        alert_bytes(r, part);
    }
}

/* Bytes that are no record. A header with TLS's type and version in it is a
 * broken record; anything else at the start is another protocol. */
static void not_tls(const struct reader *r, uint32_t len, bool alike)
{
    bool first = r->hs->record_version[r->side] == UNSEEN_U16 && !alike;
    note(r, first ? HS_PLAINTEXT : HS_BAD_RECORD, len, 0);
    r->d->dead = true;
}

/* BearSSL's alerts before a version is chosen: it writes the one that it will
 * set then, which is still 0. No RFC allows it. */
static bool is_unversioned_alert(const struct reader *r, uint16_t version,
                                 uint16_t len)
{
    return r->d->type == CONTENT_ALERT_RECORD && version == 0 && len == 2 &&
           r->hs->record_version[r->side] == UNSEEN_U16;
}

static void begin_record(const struct reader *r)
{
    struct tls_dir *d = r->d;
    struct cursor c = cursor_open(span_of(d->header, RECORD_HEADER));
    d->type = cursor_u8(&c, "type");
    uint16_t version = cursor_u16(&c, "version");
    uint16_t len = cursor_u16(&c, "length");
    d->header_n = 0;
    bool draft = version >> 8 == 0x7f;
    bool sane =
        d->type >= CONTENT_CCS && d->type <= CONTENT_HEARTBEAT &&
        (version >> 8 == 3 || draft || is_unversioned_alert(r, version, len)) &&
        len <= LIMIT_RECORD_LENGTH;
    if (!sane) {
        bool alike = d->type >= CONTENT_CCS && d->type <= CONTENT_APPLICATION &&
                     version >> 8 == 3;
        not_tls(r, RECORD_HEADER, alike);
        return;
    }
    if (r->hs->record_version[r->side] == UNSEEN_U16) {
        r->hs->record_version[r->side] = version;
    }
    d->body_len = len;
    d->body_left = len;
    d->alert_n = 0;
    d->body_gap = false;
    keep_begin(r, version);
    if (len == 0) {
        end_record(r);
    }
}

/* ---- SSLv2-format hello ---- */

static void v2_hello(const struct reader *r, struct span body)
{
    struct handshake *hs = r->hs;
    struct cursor c = cursor_open(body);
    cursor_skip(&c, 1, "type");
    uint16_t version = cursor_u16(&c, "version");
    hs_keep(hs, HS_RAW_CLIENT_HELLO, body, LIMIT_HELLO_BYTES);
    hs->hello_version = version;
    hs->record_version[SIDE_CLIENT] = version;
    note(r, HS_CLIENT_HELLO, (uint32_t)body.n, 0);
}

/* The first bytes of the client may be a two-byte header and a v2 hello. True
 * when they are (or may be) and were consumed. */
static bool v2_bytes(const struct reader *r, struct span *bytes)
{
    struct tls_dir *d = r->d;
    bool first = r->hs->record_version[SIDE_CLIENT] == UNSEEN_U16 &&
                 r->side == SIDE_CLIENT && d->header_n == 0;
    if (!first || (d->buf_n == 0 && !(bytes->p[0] & 0x80))) {
        return false;
    }
    while (bytes->n > 0) {
        uint32_t want = V2_HEADER;
        if (d->buf_n >= V2_HEADER) {
            want += (uint32_t)((d->buf[0] & 0x7f) << 8 | d->buf[1]);
        }
        if (d->buf_n == want) {
            break;
        }
        uint32_t before = d->buf_n;
        *bytes = buf_fill(d, *bytes, want);
        if (d->buf_n == before) {
            d->dead = true;
            return true;
        }
        if (d->buf_n >= V2_HEADER &&
            d->buf_n ==
                V2_HEADER + (uint32_t)((d->buf[0] & 0x7f) << 8 | d->buf[1])) {
            d->buf_n = 0;
            v2_hello(r, span_of(d->buf + V2_HEADER,
                                (size_t)((d->buf[0] & 0x7f) << 8 | d->buf[1])));
            return bytes->n == 0;
        }
    }
    return true;
}

/* ---- entry points ---- */

/* After a gap: a segment that begins like a record puts us back in step. */
static bool resync(struct tls_dir *d, struct span bytes, bool start)
{
    if (!start) {
        return false;
    }
    enum tls_probe p = tls_probe(bytes);
    if (p == TLS_PROBE_NO || p == TLS_PROBE_MORE || p == TLS_PROBE_V2_HELLO) {
        return false;
    }
    d->lost = false;
    d->header_n = 0;
    d->body_left = 0;
    d->buf_n = 0;
    d->msg_skip = 0;
    return true;
}

static struct span header_bytes(const struct reader *r, struct span bytes)
{
    struct tls_dir *d = r->d;
    uint8_t type = span_u8(bytes, 0);
    if (d->header_n == 0 && bytes.n >= RECORD_HEADER && type >= CONTENT_CCS &&
        type <= CONTENT_HEARTBEAT) {
        memcpy(d->header, bytes.p, RECORD_HEADER);
        begin_record(r);
        return span_sub(bytes, RECORD_HEADER, bytes.n);
    }
    while (bytes.n > 0 && d->header_n < RECORD_HEADER) {
        uint8_t b = span_u8(bytes, 0);
        if (d->header_n == 0 && (b < CONTENT_CCS || b > CONTENT_HEARTBEAT)) {
            not_tls(r, (uint32_t)bytes.n, false);
            return span_sub(bytes, bytes.n, 0);
        }
        d->header[d->header_n++] = b;
        bytes = span_sub(bytes, 1, bytes.n);
    }
    if (d->header_n == RECORD_HEADER) {
        begin_record(r);
    }
    return bytes;
}

void tls_feed(struct tls_state *t, struct handshake *hs, enum side side,
              struct span bytes, tick_t when, uint64_t frame, bool start)
{
    struct tls_dir *d = &t->dir[side];
    struct reader r = {t, hs, d, side, when, frame};
    d->fed += (uint32_t)bytes.n;
    if (d->lost && !resync(d, bytes, start)) {
        return;
    }
    if (d->dead || (bytes.n && v2_bytes(&r, &bytes))) {
        return;
    }
    while (bytes.n > 0 && !d->dead) {
        if (d->body_left == 0) {
            bytes = header_bytes(&r, bytes);
            continue;
        }
        uint32_t n = d->body_left < bytes.n ? d->body_left : (uint32_t)bytes.n;
        body_bytes(&r, span_sub(bytes, 0, n));
        d->body_left -= n;
        bytes = span_sub(bytes, n, bytes.n);
        if (d->body_left == 0) {
            end_record(&r);
            note_finish_end(&r, bytes.n);
        }
    }
}

void tls_gap(struct tls_state *t, struct handshake *hs, enum side side,
             uint32_t n, tick_t when, uint64_t frame)
{
    struct tls_dir *d = &t->dir[side];
    struct reader r = {t, hs, d, side, when, frame};
    d->fed += n;
    if (d->dead) {
        return;
    }
    note(&r, HS_GAP, n, 0);
    if (d->lost || n > d->body_left || d->body_left == 0) {
        d->lost = true;
        d->uncounted = true;
        return;
    }
    d->body_gap = true;
    if (d->type == CONTENT_HANDSHAKE && !is_protected(&r)) {
        handshake_gap(&r, n);
    }
    d->body_left -= n;
    if (d->body_left == 0) {
        end_record(&r);
        note_finish_end(&r, 0);
    }
}

bool tls_settled(const struct tls_state *t, const struct handshake *hs)
{
    unsigned client = t->app_records[SIDE_CLIENT];
    unsigned server = t->app_records[SIDE_SERVER];
    if (t->dir[SIDE_CLIENT].lost || t->dir[SIDE_SERVER].lost) {
        return hs->events_n >= HS_EVENTS_MAX;
    }
    if (!is_tls13(hs)) {
        return t->dir[SIDE_CLIENT].finished && t->dir[SIDE_SERVER].finished &&
               ((client && server) || client + server >= 8);
    }
    /* TLS 1.3: the server's flight is at most six records, then its answers to
     * the client's Finished must have come in number. */
    if (hs->early_data_offered) {
        return client + server >= 2 * NOTED_PER_SIDE;
    }
    if (client == 0) {
        return false;
    }
    /* Two tickets, a request for the client's certificate, and what became of
     * it (RFC 8446 section 4.6.2). */
    unsigned enough = hs->late_auth_offered ? 5 : 3;
    return t->answers >= enough || client >= LIMIT_SETTLE_RECORDS;
}

void tls_fini(struct tls_state *t)
{
    for (int i = 0; i < 2; i++) {
        free(t->dir[i].buf);
        t->dir[i].buf = NULL;
    }
}
