/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decrypts the handshake messages and alerts of a connection that is over.
 *
 * TLS 1.3 (RFC 8446 section 7): each side goes through early data, handshake
 * and traffic keys, and changes them behind its EndOfEarlyData, Finished and
 * KeyUpdate; a record's number counts from there. Messages may share a record
 * or span several. TLS 1.0 to 1.2: only alerts are worth it, the rest of the
 * handshake is in clear. QUIC and DTLS 1.3 have files of their own.
 *
 * It does not follow a renegotiation, whose hellos are encrypted.
 */
#include "dissectors/tls_decrypt.h"

#include "base/limits.h"
#include "dissectors/dtls_decrypt.h"
#include "dissectors/quic_decrypt.h"
#include "dissectors/tls_expand.h"
#include "dissectors/tls_handshake.h"
#include "dissectors/tls_keys.h"
#include "known/known.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum {
    CONTENT_ALERT_RECORD = 21,
    CONTENT_HANDSHAKE = 22,
    CONTENT_APPLICATION = 23,
    CONTENT_CID = 25, /* DTLS 1.2 with a connection ID (RFC 9146) */
};

enum {
    TYPE_END_OF_EARLY_DATA = 5,
    TYPE_FINISHED = 20,
    TYPE_KEY_UPDATE = 24,
};

#define MESSAGE_HEADER 4u
#define NOTED_DATA     4u
#define RANDOM_AT      2u /* behind the version, in both hellos */
#define RANDOM_BYTES   32u

enum phase { PHASE_EARLY, PHASE_HANDSHAKE, PHASE_TRAFFIC, PHASE_STOPPED };

/* One sender. */
struct sender {
    enum phase phase;
    uint64_t base;           /* number of the first record under these keys */
    struct record_keys keys; /* of the phase; none when its secret is missing */
    struct record_keys handshake; /* those before the traffic keys */
    uint64_t handshake_base;
    struct keylog_secret traffic; /* the current one */
    bool opened;                  /* a record of its handshake phase was */
    uint16_t first_opened;        /* its number among the kept ones */
    uint16_t next;                /* kept records up to here were dealt with */
    uint8_t *message;             /* handshake bytes waiting for more */
    uint32_t message_n;
};

struct opener {
    struct handshake *hs;
    struct keylog *keys;
    struct tls_decrypt_stats *stats;
    struct record_suite suite;
    struct span random; /* the client's */
    struct sender sender[2];
    uint8_t *scratch;
    unsigned opened;
};

/* ---- secrets ---- */

static struct span random_of(struct span hello)
{
    return span_sub(hello, RANDOM_AT, RANDOM_BYTES);
}

static bool secret_for(const struct opener *o, enum side side, enum phase phase,
                       struct keylog_secret *out)
{
    static const enum keylog_label labels[2][3] = {
        {KEYLOG_CLIENT_EARLY, KEYLOG_CLIENT_HANDSHAKE, KEYLOG_CLIENT_TRAFFIC},
        {KEYLOG_SERVER_HANDSHAKE, KEYLOG_SERVER_HANDSHAKE,
         KEYLOG_SERVER_TRAFFIC}};
    return phase < PHASE_STOPPED &&
           keylog_find(o->keys, o->random, labels[side][phase], out);
}

/* The sender's records from number `base` on are of this phase. */
static void enter(struct opener *o, enum side side, enum phase phase,
                  uint64_t base)
{
    struct sender *s = &o->sender[side];
    struct keylog_secret secret = {0};
    if (phase == PHASE_TRAFFIC) {
        s->handshake = s->keys;
        s->handshake_base = s->base;
    }
    record_keys_erase(&s->keys);
    s->phase = phase;
    s->base = base;
    if (secret_for(o, side, phase, &secret)) {
        (void)record_keys_from_secret(&s->keys, o->suite,
                                      span_of(secret.bytes, secret.n));
        s->traffic = secret;
    }
    OPENSSL_cleanse(&secret, sizeof secret);
}

/* A KeyUpdate was the last message under the old keys. */
static void update(struct opener *o, enum side side, uint64_t base)
{
    struct sender *s = &o->sender[side];
    bool ok = s->phase == PHASE_TRAFFIC && s->keys.cipher &&
              record_next_secret(o->suite, s->traffic.bytes, s->traffic.n);
    record_keys_erase(&s->keys);
    s->base = base;
    if (ok) {
        (void)record_keys_from_secret(&s->keys, o->suite,
                                      span_of(s->traffic.bytes, s->traffic.n));
    }
}

/* ---- what was in a record ---- */

struct content {
    const struct hs_record *record;
    enum side side;
    uint8_t type;
    struct span bytes;
};

static void note(const struct opener *o, const struct content *c,
                 enum hs_kind kind, uint32_t len, uint16_t aux)
{
    hs_note(o->hs, kind, c->side, len, aux, c->record->when, c->record->frame);
}

static void on_message(struct opener *o, const struct content *c,
                       struct span message)
{
    struct cursor at = cursor_open(message);
    struct tls_message m = {.side = c->side,
                            .type = cursor_u8(&at, "type"),
                            .whole = true,
                            .opened = true,
                            .total = (uint32_t)message.n,
                            .when = c->record->when,
                            .frame = c->record->frame};
    cursor_skip(&at, 3, "length");
    m.body = cursor_rest(&at);
    uint64_t next = c->record->number + 1;
    tls_handshake_message(o->hs, &m);
    if (m.type == TYPE_FINISHED) {
        enter(o, c->side, PHASE_TRAFFIC, next);
    } else if (m.type == TYPE_END_OF_EARLY_DATA) {
        enter(o, c->side, PHASE_HANDSHAKE, next);
    } else if (m.type == TYPE_KEY_UPDATE) {
        update(o, c->side, next);
    }
}

static uint32_t message_total(struct span s)
{
    struct cursor c = cursor_open(s);
    cursor_skip(&c, 1, "type");
    uint32_t n = cursor_u24(&c, "length");
    return cursor_ok(&c) ? MESSAGE_HEADER + n : UINT32_MAX;
}

/* Handshake bytes: whole messages go on, the rest waits for the next record. */
static void on_handshake(struct opener *o, const struct content *c)
{
    struct sender *s = &o->sender[c->side];
    if (!s->message) {
        s->message = calloc(1, LIMIT_KEPT_RECORD_BYTES);
    }
    if (!s->message || c->bytes.n > LIMIT_KEPT_RECORD_BYTES - s->message_n) {
        s->phase = PHASE_STOPPED;
        return;
    }
    if (c->bytes.n) {
        memcpy(s->message + s->message_n, c->bytes.p, c->bytes.n);
    }
    s->message_n += (uint32_t)c->bytes.n;
    struct span rest = span_of(s->message, s->message_n);
    for (uint32_t n; (n = message_total(rest)) <= rest.n;) {
        on_message(o, c, span_sub(rest, 0, n));
        rest = span_sub(rest, n, rest.n);
    }
    memmove(s->message, rest.p, rest.n);
    s->message_n = (uint32_t)rest.n;
}

static void on_content(struct opener *o, const struct content *c)
{
    struct cursor at = cursor_open(c->bytes);
    if (c->type == CONTENT_HANDSHAKE) {
        on_handshake(o, c);
    } else if (c->type == CONTENT_ALERT_RECORD) {
        uint16_t alert = cursor_u16(&at, "alert");
        if (cursor_done(&at)) {
            note(o, c, HS_ALERT, c->record->len, alert);
        }
    } else if (c->type == CONTENT_APPLICATION &&
               hs_count(o->hs, HS_APPLICATION_DATA, c->side) < NOTED_DATA) {
        note(o, c, HS_APPLICATION_DATA, c->record->len, 0);
    }
}

/* ---- TLS 1.3 ---- */

static bool try_keys(struct opener *o, struct content *c,
                     const struct record_keys *keys, uint64_t base)
{
    const struct hs_record *r = c->record;
    struct sealed_record sealed = {.number = r->number - base,
                                   .type = r->type,
                                   .version = (uint16_t)r->version,
                                   .body = r->body};
    if (!keys->cipher || r->number < base || !r->whole || r->tail) {
        return false;
    }
    return record_open(keys, &sealed, o->scratch, &c->bytes, &c->type);
}

/* Some servers (Mbed TLS) go on with their handshake keys until the client has
 * said Finished, so that their refusal is under those. */
static bool try_open(struct opener *o, struct content *c)
{
    const struct sender *s = &o->sender[c->side];
    return try_keys(o, c, &s->keys, s->base) ||
           (s->phase == PHASE_TRAFFIC &&
            try_keys(o, c, &s->handshake, s->handshake_base) &&
            c->type == CONTENT_ALERT_RECORD);
}

/* What a record of the client's that does not open may be: early data, which
 * the server turned down or whose secret is missing; then its handshake begins
 * with a later record. Behind a handshake record that is lost or damaged the
 * messages are no longer in step. */
static void on_sealed(struct sender *s, const struct content *c)
{
    if (s->phase == PHASE_HANDSHAKE && c->side == SIDE_CLIENT && !s->opened) {
        s->base = c->record->number + 1;
    } else if (s->phase == PHASE_HANDSHAKE) {
        s->phase = PHASE_STOPPED;
    }
}

/* Deals with the sender's kept record number `which` (from 1). */
static bool open_record13(struct opener *o, uint16_t which)
{
    const struct hs_record *r = &o->hs->records[which - 1];
    struct content c = {.record = r, .side = (enum side)r->side};
    struct sender *s = &o->sender[r->side];
    bool ok = try_open(o, &c);
    if (!ok && s->phase == PHASE_EARLY) {
        enter(o, c.side, PHASE_HANDSHAKE, r->number);
        ok = try_open(o, &c);
    }
    if (ok) {
        if (s->phase == PHASE_HANDSHAKE && !s->opened) {
            s->opened = true;
            s->first_opened = which;
        }
        o->opened++;
        on_content(o, &c);
    } else {
        bool maybe_early = c.side == SIDE_CLIENT && !s->opened;
        o->stats->failed += s->keys.cipher && !maybe_early;
        on_sealed(s, &c);
    }
    return ok;
}

/* The sender's records up to number `which`; whether that one was opened. */
static bool open_up_to(struct opener *o, enum side side, uint16_t which)
{
    struct sender *s = &o->sender[side];
    bool ok = false;
    while (s->next < which) {
        const struct hs_record *r = &o->hs->records[s->next++];
        if (r->side == side) {
            ok = open_record13(o, s->next);
        }
    }
    return ok;
}

/* Client records before its first handshake record that did not open. */
static void name_early_data(struct opener *o)
{
    const struct sender *s = &o->sender[SIDE_CLIENT];
    for (unsigned i = 0; s->opened && i < o->hs->events_n; i++) {
        struct hs_event *e = &o->hs->events[i];
        if (e->kind == HS_PROTECTED && e->side == SIDE_CLIENT && e->aux &&
            e->aux < s->first_opened) {
            e->kind = HS_APPLICATION_DATA;
            e->aux = 0;
        }
    }
}

static bool open_event13(void *ctx, const struct hs_event *e)
{
    struct opener *o = ctx;
    bool kept = e->kind == HS_PROTECTED && e->aux > 0 &&
                e->aux <= o->hs->records_n && e->side < SIDE_NONE;
    return kept && open_up_to(o, (enum side)e->side, e->aux);
}

static bool decrypt13(struct opener *o)
{
    struct keylog_secret secret = {0};
    bool known = secret_for(o, SIDE_CLIENT, PHASE_HANDSHAKE, &secret) ||
                 secret_for(o, SIDE_SERVER, PHASE_HANDSHAKE, &secret);
    OPENSSL_cleanse(&secret, sizeof secret);
    if (!known) {
        return false;
    }
    enter(o, SIDE_CLIENT, PHASE_EARLY, 0);
    enter(o, SIDE_SERVER, PHASE_HANDSHAKE, 0);
    if (hs_retell(o->hs, open_event13, o)) {
        name_early_data(o);
    }
    return true;
}

/* ---- TLS 1.0 to 1.2 ---- */

/* The last block of the record before, which CBC suites of TLS 1.0 go on from.
 * Behind it may stand a MAC (encrypt-then-MAC). */
static struct span chain_of(const struct handshake *hs,
                            const struct hs_record *r,
                            const struct record_keys *keys)
{
    size_t block = keys->block_n;
    size_t end = block + (keys->etm ? keys->mac_n : 0u);
    for (uint16_t i = 0; i < hs->records_n; i++) {
        const struct hs_record *p = &hs->records[i];
        if (p->side == r->side && p->epoch == r->epoch &&
            p->number + 1 == r->number && p->whole && p->body.n >= end) {
            return span_sub(p->body, p->body.n - end, block);
        }
    }
    return (struct span){r->body.p, 0};
}

/* What of a record decryption wants, as record_open() takes it. False when that
 * is not there. */
static bool sealed12(const struct opener *o, const struct hs_record *r,
                     const struct record_keys *keys, struct sealed_record *out)
{
    *out = (struct sealed_record){.number = r->number,
                                  .type = r->type,
                                  .version = (uint16_t)r->version,
                                  .body = r->body};
    if (r->type == CONTENT_CID) {
        out->cid = span_sub(r->body, 0, r->header);
        out->body = span_sub(r->body, r->header + 2u, r->body.n);
    }
    if (o->suite.version == 0x0301 && keys->mode == MODE_CBC && r->number > 0) {
        out->chain = chain_of(o->hs, r, keys);
        if (out->chain.n == 0) {
            return false;
        }
    }
    return r->whole && !r->tail && r->epoch == 1;
}

/* A record that may be an alert: one by its type, or one whose type is hidden
 * (DTLS with connection IDs). */
static const struct hs_record *maybe_alert(const struct handshake *hs,
                                           const struct hs_event *e)
{
    bool sealed = e->kind == HS_ENCRYPTED_ALERT || e->kind == HS_FINISHED ||
                  e->kind == HS_APPLICATION_DATA;
    if (!sealed || !hs->records || e->aux == 0 || e->aux > hs->records_n) {
        return NULL;
    }
    const struct hs_record *r = &hs->records[e->aux - 1];
    bool wanted = e->kind == HS_ENCRYPTED_ALERT || r->type == CONTENT_CID;
    return wanted ? r : NULL;
}

static void open_alert12(struct opener *o, const struct record_keys *keys,
                         const struct hs_record *r, struct hs_event *e)
{
    struct sealed_record sealed;
    struct span content;
    uint8_t type;
    if (!sealed12(o, r, keys, &sealed)) {
        return;
    }
    if (!record_open(keys, &sealed, o->scratch, &content, &type)) {
        o->stats->failed++;
        return;
    }
    struct cursor c = cursor_open(content);
    uint16_t alert = cursor_u16(&c, "alert");
    if (type == CONTENT_ALERT_RECORD && cursor_done(&c)) {
        e->kind = HS_ALERT;
        e->aux = alert;
    }
    o->opened++;
}

static bool has_alert12(const struct handshake *hs)
{
    for (uint16_t i = 0; i < hs->events_n; i++) {
        if (maybe_alert(hs, &hs->events[i])) {
            return true;
        }
    }
    return false;
}

static bool decrypt12(struct opener *o)
{
    struct handshake *hs = o->hs;
    struct record_keys keys[2];
    struct keylog_secret master = {0};
    struct server_choice choice = {0};
    if (!has_alert12(hs)) {
        return true; /* nothing to learn */
    }
    if (!keylog_find(o->keys, o->random, KEYLOG_MASTER, &master)) {
        return false;
    }
    tls_parse_server_hello(&hs->arena, hs->raw[HS_RAW_SERVER_HELLO],
                           hs->flavour == FLAVOUR_DTLS, &choice);
    o->suite.etm = choice.has_etm;
    if (record_keys_from_master(keys, o->suite, span_of(master.bytes, master.n),
                                o->random,
                                random_of(hs->raw[HS_RAW_SERVER_HELLO]))) {
        for (uint16_t i = 0; i < hs->events_n; i++) {
            struct hs_event *e = &hs->events[i];
            const struct hs_record *r = maybe_alert(hs, e);
            if (r) {
                open_alert12(o, &keys[r->side & 1], r, e);
            }
        }
    }
    record_keys_erase(&keys[0]);
    record_keys_erase(&keys[1]);
    OPENSSL_cleanse(&master, sizeof master);
    return true;
}

/* ---- everything together ---- */

void tls_decrypt_add(struct tls_decrypt_stats *sum,
                     const struct tls_decrypt_stats *more)
{
    sum->connections += more->connections;
    sum->no_secrets += more->no_secrets;
    sum->opened += more->opened;
    sum->failed += more->failed;
    sum->updated += more->updated;
}

static void close_opener(struct opener *o)
{
    for (int i = 0; i < 2; i++) {
        struct sender *s = &o->sender[i];
        if (s->message) {
            OPENSSL_cleanse(s->message, LIMIT_KEPT_RECORD_BYTES);
            free(s->message);
        }
    }
    OPENSSL_cleanse(o->scratch, RECORD_SCRATCH_BYTES);
    free(o->scratch);
    OPENSSL_cleanse(o, sizeof *o);
}

static bool is_ready(const struct handshake *hs)
{
    return hs->records_n > 0 && hs->cipher != UNSEEN_U16 &&
           random_of(hs->raw[HS_RAW_CLIENT_HELLO]).n == RANDOM_BYTES;
}

bool tls_decrypt_waits(const struct handshake *hs, struct keylog *keys)
{
    return is_ready(hs) &&
           (known_version_is_13(hs->version) || has_alert12(hs)) &&
           !keylog_knows(keys, random_of(hs->raw[HS_RAW_CLIENT_HELLO]));
}

/* Whether there were secrets. */
static bool decrypt_by_flavour(struct opener *o)
{
    struct handshake *hs = o->hs;
    bool known = false;
    if (hs->flavour == FLAVOUR_QUIC) {
        o->opened =
            quic_decrypt_handshake(hs, o->keys, o->random, o->stats, &known);
        return known;
    }
    if (hs->flavour == FLAVOUR_DTLS && known_version_is_13(hs->version)) {
        o->opened =
            dtls_decrypt_handshake(hs, o->keys, o->random, o->stats, &known);
        return known;
    }
    return known_version_is_13(hs->version) ? decrypt13(o) : decrypt12(o);
}

void tls_decrypt_handshake(struct handshake *hs, struct keylog *keys,
                           struct tls_decrypt_stats *stats)
{
    struct opener o = {.hs = hs,
                       .keys = keys,
                       .stats = stats,
                       .suite = {.version = hs->version, .cipher = hs->cipher},
                       .random = random_of(hs->raw[HS_RAW_CLIENT_HELLO])};
    /* What decryption finds no room for was not lost by the capture. */
    bool limited = hs->arena.limited;
    if (is_ready(hs) && (o.scratch = malloc(RECORD_SCRATCH_BYTES))) {
        bool known = decrypt_by_flavour(&o);
        stats->no_secrets += !known;
        stats->connections += o.opened > 0;
        stats->opened += o.opened;
        close_opener(&o);
    }
    hs->arena.limited = limited;
    hs->records = NULL;
    hs->records_n = 0;
}
