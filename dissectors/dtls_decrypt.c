/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decrypts the records of a DTLS 1.3 connection that is over: record numbers
 * (RFC 9147 section 4.2.3), then the records (section 4), whose handshake
 * fragments dtls.c puts together. The header names the epoch, so each record
 * opens by itself; those of updated keys (epochs from 4 on) stay closed.
 *
 * DTLS 1.2 is opened where TLS 1.2 is.
 */
#include "dissectors/dtls_decrypt.h"

#include "dissectors/dtls.h"
#include "dissectors/quic_crypto.h"
#include "dissectors/tls_keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum {
    CONTENT_ALERT_RECORD = 21,
    CONTENT_HANDSHAKE = 22,
    CONTENT_APPLICATION = 23,
};

#define EPOCHS     4u
#define NOTED_DATA 4u
#define HEADER_MAX 32u /* first byte, connection ID, number, length */
#define LONG_SEQ   8u
#define HAS_LENGTH 4u

/* One sender's records of one epoch. */
struct epoch {
    struct record_keys keys;
    struct quic_keys number; /* only its key of header protection */
    bool tried;              /* they were made, or there is no secret */
    int64_t largest;
};

struct opener {
    struct handshake *hs;
    struct keylog *keylog;
    struct tls_decrypt_stats *stats;
    struct span random;
    struct epoch epoch[2][EPOCHS]; /* by enum side, enum hs_level */
    struct dtls_state fragments;
    uint8_t *scratch;
    unsigned opened;
};

/* ---- keys ---- */

static bool secret_for(const struct opener *o, enum side side, unsigned level,
                       struct keylog_secret *out)
{
    static const enum keylog_label labels[2][EPOCHS] = {
        {KEYLOG_LABEL_COUNT, KEYLOG_CLIENT_EARLY, KEYLOG_CLIENT_HANDSHAKE,
         KEYLOG_CLIENT_TRAFFIC},
        {KEYLOG_LABEL_COUNT, KEYLOG_LABEL_COUNT, KEYLOG_SERVER_HANDSHAKE,
         KEYLOG_SERVER_TRAFFIC}};
    return labels[side][level] < KEYLOG_LABEL_COUNT &&
           keylog_find(o->keylog, o->random, labels[side][level], out);
}

/* The mask of record numbers is made as QUIC's of headers: the same suites. */
static uint16_t mask_suite(uint16_t cipher)
{
    return cipher == 0x1305 ? 0x1304 : cipher; /* CCM_8 as CCM: AES-128 */
}

static bool keys_for(struct opener *o, enum side side, unsigned level)
{
    struct epoch *e = &o->epoch[side][level];
    const struct record_suite suite = {.version = o->hs->version,
                                       .cipher = o->hs->cipher};
    struct keylog_secret secret = {0};
    if (!e->tried) {
        e->tried = true;
        struct span s = {secret.bytes, 0};
        if (secret_for(o, side, level, &secret)) {
            s.n = secret.n;
        }
        e->number.cipher = mask_suite(suite.cipher);
        if (s.n && record_keys_from_secret(&e->keys, suite, s) &&
            !record_expand(suite, s, "sn", e->number.hp, e->keys.key_n)) {
            record_keys_erase(&e->keys);
        }
        OPENSSL_cleanse(&secret, sizeof secret);
    }
    return e->keys.cipher != NULL;
}

/* ---- records ---- */

/* Writes the header as it was before its number was encrypted; its length, or
 * 0. */
static size_t unmask_header(const struct epoch *e, const struct hs_record *r,
                            uint8_t header[HEADER_MAX], uint64_t *number)
{
    struct cursor c = cursor_open(r->body);
    uint8_t first = cursor_peek(&c);
    size_t number_n = first & LONG_SEQ ? 2 : 1;
    size_t n = r->header + number_n + (first & HAS_LENGTH ? 2 : 0);
    uint8_t mask[5];
    if (n > HEADER_MAX || n + QUIC_SAMPLE > r->body.n ||
        !quic_header_mask(&e->number, r->body.p + n, mask)) {
        return 0;
    }
    uint32_t low = 0;
    memcpy(header, r->body.p, n);
    for (size_t i = 0; i < number_n; i++) {
        header[r->header + i] ^= mask[i];
        low = low << 8 | header[r->header + i];
    }
    *number = (uint64_t)quic_packet_number(e->largest, low, (unsigned)number_n);
    return n;
}

static bool open_record(struct opener *o, const struct hs_record *r,
                        struct span *content, uint8_t *type)
{
    struct epoch *e = &o->epoch[r->side][r->type];
    uint8_t header[HEADER_MAX];
    struct sealed_record sealed = {0};
    size_t n = unmask_header(e, r, header, &sealed.number);
    sealed.header = span_of(header, n);
    sealed.body = span_sub(r->body, n, r->body.n);
    if (n == 0 || !record_open(&e->keys, &sealed, o->scratch, content, type)) {
        return false;
    }
    if ((int64_t)sealed.number > e->largest) {
        e->largest = (int64_t)sealed.number;
    }
    return true;
}

static void on_content(struct opener *o, const struct hs_record *r,
                       uint8_t type, struct span content)
{
    struct handshake *hs = o->hs;
    struct cursor c = cursor_open(content);
    enum side side = (enum side)r->side;
    unsigned before = hs->events_n;
    uint32_t lost = hs->events_lost;
    if (type == CONTENT_HANDSHAKE) {
        dtls_opened_fragments(&o->fragments, hs, side, content, r->when,
                              r->frame);
    } else if (type == CONTENT_ALERT_RECORD) {
        uint16_t alert = cursor_u16(&c, "alert");
        if (cursor_done(&c)) {
            hs_note(hs, HS_ALERT, side, r->len, alert, r->when, r->frame);
        }
    } else if (type == CONTENT_APPLICATION &&
               hs_count(hs, HS_APPLICATION_DATA, side) < NOTED_DATA) {
        hs_note(hs, HS_APPLICATION_DATA, side, r->len, 0, r->when, r->frame);
    }
    if (hs->events_n == before && hs->events_lost == lost) {
        hs_note(hs, HS_ACK, side, r->len, r->type, r->when, r->frame);
    }
}

static bool open_event(void *ctx, const struct hs_event *e)
{
    struct opener *o = ctx;
    uint16_t number = hs_level_record(e);
    if (e->kind != HS_PROTECTED || e->side >= SIDE_NONE || number == 0 ||
        number > o->hs->records_n) {
        return false;
    }
    const struct hs_record *r = &o->hs->records[number - 1];
    struct span content;
    uint8_t type;
    if (!r->whole || !keys_for(o, (enum side)e->side, r->type)) {
        return false;
    }
    if (!open_record(o, r, &content, &type)) {
        o->stats->failed++;
        return false;
    }
    o->opened++;
    on_content(o, r, type, content);
    return true;
}

/* ---- everything together ---- */

static bool any_secret(const struct opener *o)
{
    struct keylog_secret secret = {0};
    bool any = false;
    for (unsigned i = 0; i < 2 * EPOCHS && !any; i++) {
        any = secret_for(o, (enum side)(i / EPOCHS), i % EPOCHS, &secret);
    }
    OPENSSL_cleanse(&secret, sizeof secret);
    return any;
}

unsigned dtls_decrypt_handshake(struct handshake *hs, struct keylog *keys,
                                struct span random,
                                struct tls_decrypt_stats *stats, bool *known)
{
    struct opener o = {
        .hs = hs, .keylog = keys, .stats = stats, .random = random};
    *known = any_secret(&o);
    o.scratch = *known ? malloc(RECORD_SCRATCH_BYTES) : NULL;
    if (!o.scratch) {
        return 0;
    }
    for (unsigned i = 0; i < 2 * EPOCHS; i++) {
        o.epoch[i / EPOCHS][i % EPOCHS].largest = -1;
    }
    (void)hs_retell(hs, open_event, &o);
    dtls_fini(&o.fragments);
    OPENSSL_cleanse(o.epoch, sizeof o.epoch);
    OPENSSL_cleanse(o.scratch, RECORD_SCRATCH_BYTES);
    free(o.scratch);
    return o.opened;
}
