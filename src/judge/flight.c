/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sizes of TLS 1.3's protected server flight tell about the
 * certificate inside (RFC 8446 sections 4.4 and 5.2).
 *
 * Most servers send EncryptedExtensions, CertificateRequest, Certificate,
 * CertificateVerify and Finished each in a record of its own. Finished has a
 * known size; the record before it holds the signature, whose size is that of
 * the leaf's key; and the one before that holds the chain. Flights in one
 * record (BoringSSL, NSS, rustls) tell nothing, and Mbed TLS's padding hides
 * too much.
 */
#include "judge/flight.h"

#include "handshake/record_class.h"
#include "known/known.h"

/* CertificateVerify: header, scheme, length of the signature. */
#define VERIFY_OVERHEAD 8u

/* Certificate: header, context, length of the list; and per certificate its
 * length and extensions. */
#define CHAIN_OVERHEAD 13u

/*
 * Two certificates need more than this: a plain leaf with an RSA key of 2048
 * bits takes 550 bytes and more, one with a P-256 key 350; the CA certificate
 * behind it 380 and more.
 */
#define TWO_WITH_RSA_LEAF 930u
#define TWO_WITH_EC_LEAF  730u

/* The protected records of the server between its ServerHello and the first
 * one of the client. */
struct records {
    uint32_t len[8];
    unsigned n;
    bool more;
};

static const struct hs_event *events_of(const struct handshake *hs, uint16_t *n)
{
    *n = hs->wire_events ? hs->wire_events_n : hs->events_n;
    return hs->wire_events ? hs->wire_events : hs->events;
}

static struct records collect(const struct handshake *hs)
{
    struct records r = {.n = 0};
    uint16_t n;
    const struct hs_event *e = events_of(hs, &n);
    bool hello = false;
    for (uint16_t i = 0; i < n; i++) {
        hello = hello || e[i].kind == HS_SERVER_HELLO;
        if (!hello || e[i].kind != HS_PROTECTED) {
            continue;
        }
        if (e[i].side == SIDE_CLIENT) {
            return r;
        }
        if (r.n == sizeof r.len / sizeof r.len[0]) {
            r.more = true;
            return r;
        }
        r.len[r.n++] = e[i].len;
    }
    return r;
}

/* Content bytes of a record, given how its sender pads; 0: too short. */
static uint32_t content_of(struct record_sizes s, uint32_t len,
                           enum record_padding padding)
{
    uint32_t around = record_length(s, 0, padding);
    return len > around ? len - around : 0;
}

/* The index of Finished, or 0; *padding is its sender's habit. Tickets may
 * follow it in the same flight (GnuTLS, Go). */
static unsigned find_finished(const struct records *r, struct record_sizes s,
                              enum record_padding *padding)
{
    static const enum record_padding habits[] = {PADDING_NONE,
                                                 PADDING_16_ZEROS};
    for (unsigned k = 0; k < 2; k++) {
        uint32_t want = record_length(s, record_finished_content(s), habits[k]);
        for (unsigned i = 3; i < r->n; i++) {
            if (r->len[i] == want) {
                *padding = habits[k];
                return i;
            }
        }
    }
    return 0;
}

/* RSA signatures are as long as the key; those of ECDSA vary by a few bytes
 * (DER); Ed25519's and Ed448's are fixed. */
static void read_signature(uint32_t n, struct hidden_certificate *out)
{
    static const struct {
        uint16_t from, to, bits;
        enum cert_key key;
    } rows[] = {
        {64, 64, 256, KEY_ED25519},  {68, 72, 256, KEY_EC},
        {99, 104, 384, KEY_EC},      {114, 114, 456, KEY_ED448},
        {131, 139, 521, KEY_EC},     {128, 128, 1024, KEY_RSA},
        {192, 192, 1536, KEY_RSA},   {256, 256, 2048, KEY_RSA},
        {384, 384, 3072, KEY_RSA},   {512, 512, 4096, KEY_RSA},
        {1024, 1024, 8192, KEY_RSA},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (n >= rows[i].from && n <= rows[i].to) {
            out->key = rows[i].key;
            out->key_bits = rows[i].bits;
            return;
        }
    }
}

static bool has_room_for_one(const struct hidden_certificate *c)
{
    uint32_t two = c->key == KEY_RSA       ? TWO_WITH_RSA_LEAF
                   : c->key == KEY_UNKNOWN ? 0
                                           : TWO_WITH_EC_LEAF;
    /* A larger key makes a larger leaf. */
    two += c->key == KEY_RSA && c->key_bits > 2048
               ? (uint32_t)(c->key_bits - 2048) / 8
               : 0;
    two -= c->key == KEY_RSA && c->key_bits < 2048 ? 128 : 0;
    return c->bytes > CHAIN_OVERHEAD && c->bytes - CHAIN_OVERHEAD < two;
}

/* Four records whose length is a multiple of 16 by chance: once in 65536. */
static bool is_padded_to_16(const struct records *r)
{
    bool all = r->n >= 4;
    for (unsigned i = 0; i < r->n; i++) {
        all = all && r->len[i] % 16 == 0;
    }
    return all;
}

bool flight_padding(const struct handshake *hs, enum record_padding *out)
{
    struct records r = collect(hs);
    struct record_sizes s = record_sizes_of(hs->cipher);
    if (s.tag == 16 && is_padded_to_16(&r)) {
        *out = PADDING_TO_16;
        return true;
    }
    return find_finished(&r, s, out) > 0;
}

void flight_look(const struct handshake *hs, struct hidden_certificate *out)
{
    *out = (struct hidden_certificate){.key = KEY_UNKNOWN};
    if (hs->flavour != FLAVOUR_TLS || hs->psk_accepted) {
        return;
    }
    struct records r = collect(hs);
    struct record_sizes s = record_sizes_of(hs->cipher);
    enum record_padding padding = PADDING_NONE;
    unsigned finished = find_finished(&r, s, &padding);
    /* Before them only EncryptedExtensions and CertificateRequest. */
    if (finished < 3 || finished > 4) {
        return;
    }
    uint32_t verify = content_of(s, r.len[finished - 1], padding);
    if (verify <= VERIFY_OVERHEAD) {
        return;
    }
    read_signature(verify - VERIFY_OVERHEAD, out);
    if (out->key == KEY_UNKNOWN) {
        return;
    }
    out->seen = true;
    out->bytes = content_of(s, r.len[finished - 2], padding);
    out->compressed = hs->offer.compress_certificate.seen;
    out->alone = !out->compressed && has_room_for_one(out);
}

/* ---- authentication after the handshake ---- */

/* The record before event `i`, or -1. */
static int record_before(const struct handshake *hs, int i)
{
    for (i--; i >= 0; i--) {
        if (hs->events[i].kind == HS_PROTECTED) {
            return i;
        }
    }
    return -1;
}

/* The last record, when the server sent it and then closed; or -1. */
static int last_word(const struct handshake *hs)
{
    int last = record_before(hs, hs->events_n);
    for (unsigned i = (unsigned)(last + 1); last >= 0 && i < hs->events_n;
         i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_FIN || e->kind == HS_RST) {
            return hs->events[last].side == SIDE_SERVER &&
                           e->side == SIDE_SERVER
                       ? last
                       : -1;
        }
    }
    return -1;
}

const struct hs_event *flight_late_refusal(const struct handshake *hs)
{
    const struct hs_event *e = hs->events;
    struct record_sizes s = record_sizes_of(hs->cipher);
    int alert = last_word(hs);
    int finished = record_before(hs, alert);
    int certificate = record_before(hs, finished);
    int request = record_before(hs, certificate);
    if (request < 0 || !hs->offer.has_post_handshake_auth ||
        hs_find(hs, HS_GAP, SIDE_NONE)) {
        return NULL;
    }
    bool shape = e[request].side == SIDE_SERVER &&
                 e[certificate].side == SIDE_CLIENT &&
                 e[finished].side == SIDE_CLIENT &&
                 record_may_be_finished(s, e[finished].len) &&
                 e[certificate].len >=
                     record_length(s, CONTENT_EMPTY_CERTIFICATE, PADDING_NONE);
    unsigned before = 0; /* the handshake's Finished, and what was asked for */
    for (int i = 0; i < request; i++) {
        before += e[i].kind == HS_PROTECTED && e[i].side == SIDE_CLIENT;
    }
    return shape && before >= 2 && record_may_be_alert(s, e[alert].len)
               ? &e[alert]
               : NULL;
}
