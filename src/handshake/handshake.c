/* SPDX-License-Identifier: Apache-2.0 */
/* The only writers of the handshake model, and its vocabulary. */
#include "handshake/handshake.h"

#include "base/frame_log.h"
#include "base/limits.h"

/* Half-open connections in number have four events; a handshake has 20. */
#define EVENTS_FIRST 8u

void hs_init_live(struct handshake *hs, uint32_t cap_bytes,
                  struct arena_pool *pool)
{
    memset(hs, 0, HS_LIVE_BYTES);
    arena_init_pooled(&hs->arena, cap_bytes, pool);
    hs->vlan = UNSEEN_U16;
    hs->version = UNSEEN_U16;
    hs->cipher = UNSEEN_U16;
    hs->hello_version = UNSEEN_U16;
    hs->record_version[SIDE_CLIENT] = UNSEEN_U16;
    hs->record_version[SIDE_SERVER] = UNSEEN_U16;
    hs->carrier = "direct";
}

void hs_init(struct handshake *hs, uint32_t cap_bytes)
{
    memset(hs, 0, sizeof *hs);
    hs_init_live(hs, cap_bytes, NULL);
}

void hs_move_live(struct handshake *live, struct handshake *out)
{
    memcpy(out, live, HS_LIVE_BYTES);
    memset((uint8_t *)out + HS_LIVE_BYTES, 0, sizeof *out - HS_LIVE_BYTES);
    live->arena = (struct arena){0};
}

void hs_free(struct handshake *hs)
{
    arena_free(&hs->arena);
    frame_log_free(hs->frames);
    hs->frames = NULL;
    hs->events = NULL;
    hs->events_n = 0;
    hs->events_size = 0;
}

static bool events_grow(struct handshake *hs)
{
    if (hs->events_size >= HS_EVENTS_MAX) {
        return false;
    }
    unsigned size = hs->events_size ? hs->events_size * 3u : EVENTS_FIRST;
    if (size > HS_EVENTS_MAX) {
        size = HS_EVENTS_MAX;
    }
    struct hs_event *v = arena_room(&hs->arena, size * sizeof *v);
    if (!v) {
        return false;
    }
    if (hs->events_n) {
        memcpy(v, hs->events, hs->events_n * sizeof *v);
    }
    hs->events = v;
    hs->events_size = (uint16_t)size;
    return true;
}

void hs_note(struct handshake *hs, enum hs_kind kind, enum side side,
             uint32_t len, uint16_t aux, tick_t when, uint64_t frame)
{
    if (hs->events_n == hs->events_size && !events_grow(hs)) {
        hs->events_lost++;
        return;
    }
    hs->events[hs->events_n++] = (struct hs_event){.when = when,
                                                   .frame = frame,
                                                   .len = len,
                                                   .aux = aux,
                                                   .kind = (uint8_t)kind,
                                                   .side = (uint8_t)side};
}

void hs_withdraw(struct handshake *hs, enum hs_kind kind)
{
    for (unsigned i = hs->events_n; i-- > 0;) {
        if (hs->events[i].kind == kind) {
            hs->events_n--;
            memmove(&hs->events[i], &hs->events[i + 1],
                    (hs->events_n - i) * sizeof hs->events[0]);
            return;
        }
    }
}

void hs_keep(struct handshake *hs, enum hs_raw which, struct span body,
             size_t max_bytes)
{
    if (hs->raw[which].p) {
        return;
    }
    struct span part = span_sub(body, 0, max_bytes);
    uint8_t *p = arena_room(&hs->arena, part.n);
    if (!p) {
        hs->raw_cut[which] = true;
        return;
    }
    if (part.n) {
        memcpy(p, part.p, part.n);
    }
    hs->raw[which] = (struct span){p, part.n};
    hs->raw_cut[which] = part.n < body.n;
    hs->limited = hs->limited || part.n < body.n;
}

uint16_t hs_keep_record(struct handshake *hs, const struct hs_record *r,
                        uint8_t **body)
{
    if (!hs->keep_records || hs->records_n >= HS_RECORDS_MAX ||
        r->body.n > LIMIT_KEPT_RECORD_BYTES - hs->records_bytes) {
        return 0;
    }
    if (!hs->records) {
        hs->arena.cap_bytes += LIMIT_DECRYPT_ARENA_BYTES;
        hs->records =
            arena_alloc(&hs->arena, HS_RECORDS_MAX * sizeof *hs->records);
        if (!hs->records) {
            hs->keep_records = false;
            return 0;
        }
    }
    *body = arena_alloc(&hs->arena, r->body.n);
    if (!*body) {
        hs->keep_records = false;
        return 0;
    }
    hs->records_bytes += (uint32_t)r->body.n;
    hs->records[hs->records_n] = *r;
    hs->records[hs->records_n].body.p = *body;
    return ++hs->records_n;
}

bool hs_retell(struct handshake *hs,
               bool (*open)(void *ctx, const struct hs_event *e), void *ctx)
{
    struct hs_event *wire = hs->events;
    uint16_t wire_n = hs->events_n;
    uint16_t wire_size = hs->events_size;
    uint32_t lost = hs->events_lost;
    bool opened = false;
    hs->events = NULL;
    hs->events_n = hs->events_size = 0;
    for (uint16_t i = 0; i < wire_n; i++) {
        const struct hs_event *e = &wire[i];
        if (open(ctx, e)) {
            opened = true;
        } else {
            hs_note(hs, (enum hs_kind)e->kind, (enum side)e->side, e->len,
                    e->aux, e->when, e->frame);
        }
    }
    if (!opened || hs->events_lost > lost) {
        hs->events = wire;
        hs->events_n = wire_n;
        hs->events_size = wire_size;
        hs->events_lost = lost;
        return false;
    }
    hs->wire_events = wire;
    hs->wire_events_n = wire_n;
    return true;
}

static bool is_transport(uint8_t kind)
{
    return kind == HS_SYN || kind == HS_SYN_ACK || kind == HS_RST ||
           kind == HS_ICMP || kind == HS_FOREIGN;
}

/* Frames that never go back leave nothing to sort. */
static bool is_sorted(const struct handshake *hs)
{
    for (unsigned i = 1; i < hs->events_n; i++) {
        if (hs->events[i].frame < hs->events[i - 1].frame) {
            return false;
        }
    }
    return !hs->many_sources;
}

void hs_sort(struct handshake *hs)
{
    if (is_sorted(hs)) {
        return;
    }
    tick_t key[HS_EVENTS_MAX];
    tick_t reached[2] = {INT64_MIN, INT64_MIN};
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        key[i] = hs->many_sources ? e->when : (tick_t)e->frame;
        if (!is_transport(e->kind) && e->side < SIDE_NONE) {
            if (key[i] > reached[e->side]) {
                reached[e->side] = key[i];
            }
            key[i] = reached[e->side];
        }
    }
    /* Insertion sort: it is stable, and the events are nearly sorted. */
    for (unsigned i = 1; i < hs->events_n; i++) {
        struct hs_event e = hs->events[i];
        tick_t k = key[i];
        unsigned j = i;
        for (; j > 0 && key[j - 1] > k; j--) {
            hs->events[j] = hs->events[j - 1];
            key[j] = key[j - 1];
        }
        hs->events[j] = e;
        key[j] = k;
    }
}

/* Sent again so often and over such a time, data did not just cross a close. */
#define RESENT_ENOUGH 3u
#define RESENT_OVER   TICK_SEC

bool hs_dir_in_vain(const struct hs_dir *d)
{
    return d->unacked_bytes > 0 && d->resent >= RESENT_ENOUGH &&
           tick_sub(d->resent_last, d->resent_first) >= RESENT_OVER;
}

const struct hs_event *hs_find(const struct handshake *hs, enum hs_kind kind,
                               enum side side)
{
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == kind && (side == SIDE_NONE || e->side == side)) {
            return e;
        }
    }
    return NULL;
}

unsigned hs_count(const struct handshake *hs, enum hs_kind kind, enum side side)
{
    unsigned n = 0;
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        n += e->kind == kind && (side == SIDE_NONE || e->side == side);
    }
    return n;
}

/* ---- contract.md's words ---- */

const char *stage_name(enum stage s)
{
    static const char *const names[STAGE_COUNT] = {
        [STAGE_TCP] = "tcp",
        [STAGE_TUNNEL] = "tunnel",
        [STAGE_CLIENT_HELLO] = "client_hello",
        [STAGE_HELLO_RETRY_REQUEST] = "hello_retry_request",
        [STAGE_SERVER_HELLO] = "server_hello",
        [STAGE_SERVER_CERTIFICATE] = "server_certificate",
        [STAGE_CERTIFICATE_REQUEST] = "certificate_request",
        [STAGE_SERVER_DONE] = "server_done",
        [STAGE_CLIENT_CERTIFICATE] = "client_certificate",
        [STAGE_CLIENT_KEY_EXCHANGE] = "client_key_exchange",
        [STAGE_CLIENT_FINISHED] = "client_finished",
        [STAGE_SERVER_FINISHED] = "server_finished",
        [STAGE_ESTABLISHED] = "established",
    };
    return s < STAGE_COUNT ? names[s] : "tcp";
}

const char *stage_words(enum stage s)
{
    static const char *const words[STAGE_COUNT] = {
        [STAGE_TCP] = "the TCP handshake",
        [STAGE_TUNNEL] = "the negotiation before TLS",
        [STAGE_CLIENT_HELLO] = "the ClientHello",
        [STAGE_HELLO_RETRY_REQUEST] = "the HelloRetryRequest",
        [STAGE_SERVER_HELLO] = "the ServerHello",
        [STAGE_SERVER_CERTIFICATE] = "the server's Certificate",
        [STAGE_CERTIFICATE_REQUEST] = "the CertificateRequest",
        [STAGE_SERVER_DONE] = "the end of the server's flight",
        [STAGE_CLIENT_CERTIFICATE] = "the client's Certificate",
        [STAGE_CLIENT_KEY_EXCHANGE] = "the ClientKeyExchange",
        [STAGE_CLIENT_FINISHED] = "the client's Finished",
        [STAGE_SERVER_FINISHED] = "the server's Finished",
        [STAGE_ESTABLISHED] = "the finished handshake",
    };
    return s < STAGE_COUNT ? words[s] : words[STAGE_TCP];
}

const char *outcome_name(enum outcome o)
{
    switch (o) {
    case OUTCOME_SUCCESS:
        return "success";
    case OUTCOME_FAILURE:
        return "failure";
    case OUTCOME_UNKNOWN:
        break;
    }
    return "unknown";
}

const char *ended_by_name(enum ended_by b)
{
    switch (b) {
    case BY_CLIENT:
        return "client";
    case BY_SERVER:
        return "server";
    case BY_MIDDLEBOX:
        return "middlebox";
    case BY_NOBODY:
        return "nobody";
    case BY_NONE:
        break;
    }
    return NULL;
}

const char *ended_how_name(enum ended_how h)
{
    switch (h) {
    case HOW_ALERT:
        return "alert";
    case HOW_RESET:
        return "reset";
    case HOW_CLOSE:
        return "close";
    case HOW_TIMEOUT:
        return "timeout";
    case HOW_PLAINTEXT:
        return "plaintext";
    case HOW_QUIC_CLOSE:
        return "quic_close";
    case HOW_NONE:
        break;
    }
    return NULL;
}

bool hs_is_address(struct span host)
{
    bool digits = host.n > 0;
    for (size_t i = 0; i < host.n; i++) {
        uint8_t b = host.p[i];
        if (b == ':') {
            return true;
        }
        digits = digits && ((b >= '0' && b <= '9') || b == '.');
    }
    return digits;
}

unsigned hs_tunnels(const struct handshake *hs)
{
    unsigned n = hs_count(hs, HS_CARRIER_OK, SIDE_NONE) +
                 hs_count(hs, HS_CARRIER_REFUSED, SIDE_NONE);
    bool own =
        n > 0 && hs->carrier && span_starts(span_text(hs->carrier), "starttls");
    return n - own;
}

bool hs_tunnel_target(const struct handshake *hs, struct hs_target *out)
{
    static const char connect[] = "CONNECT ";
    *out = (struct hs_target){.port = 0};
    if (!span_starts(hs->carrier_asked, connect)) {
        return false;
    }
    struct span all =
        span_sub(hs->carrier_asked, sizeof connect - 1, hs->carrier_asked.n);
    uint32_t port = 0;
    uint32_t unit = 1;
    size_t n = all.n;
    while (n > 0 && unit <= 10000 && all.p[n - 1] >= '0' &&
           all.p[n - 1] <= '9') {
        port += (uint32_t)(all.p[--n] - '0') * unit;
        unit *= 10;
    }
    if (n < 2 || all.p[n - 1] != ':' || port == 0 || port > UINT16_MAX) {
        return false;
    }
    struct span host = span_sub(all, 0, n - 1);
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        host = span_sub(host, 1, host.n - 2);
    }
    out->host = host;
    out->port = (uint16_t)port;
    out->is_address = hs_is_address(host);
    return true;
}

bool hs_is_eap(const struct handshake *hs)
{
    struct span word = span_text(hs->carrier ? hs->carrier : "");
    return span_starts(word, "eap-") || span_starts(word, "peap");
}

const char *side_name(enum side s)
{
    return s == SIDE_CLIENT ? "client" : "server";
}

const char *hs_kind_name(enum hs_kind k)
{
    static const char *const names[HS_KIND_COUNT] = {
        [HS_NONE] = "nothing",
        [HS_SYN] = "SYN",
        [HS_SYN_ACK] = "SYN-ACK",
        [HS_FIN] = "FIN",
        [HS_RST] = "RST",
        [HS_GAP] = "missing bytes",
        [HS_ICMP] = "ICMP error",
        [HS_PLAINTEXT] = "plaintext",
        [HS_CARRIER] = "TLS asked for",
        [HS_CARRIER_OK] = "TLS granted",
        [HS_CARRIER_REFUSED] = "TLS refused",
        [HS_EAP_SUCCESS] = "EAP-Success",
        [HS_EAP_FAILURE] = "EAP-Failure",
        [HS_CLIENT_HELLO] = "ClientHello",
        [HS_SERVER_HELLO] = "ServerHello",
        [HS_HELLO_RETRY_REQUEST] = "HelloRetryRequest",
        [HS_HELLO_VERIFY_REQUEST] = "HelloVerifyRequest",
        [HS_CERTIFICATE] = "Certificate",
        [HS_CERTIFICATE_STATUS] = "CertificateStatus",
        [HS_SERVER_KEY_EXCHANGE] = "ServerKeyExchange",
        [HS_CERTIFICATE_REQUEST] = "CertificateRequest",
        [HS_SERVER_HELLO_DONE] = "ServerHelloDone",
        [HS_CLIENT_KEY_EXCHANGE] = "ClientKeyExchange",
        [HS_CERTIFICATE_VERIFY] = "CertificateVerify",
        [HS_NEW_SESSION_TICKET] = "NewSessionTicket",
        [HS_HELLO_REQUEST] = "HelloRequest",
        [HS_OTHER_HANDSHAKE] = "handshake message",
        [HS_ENCRYPTED_EXTENSIONS] = "EncryptedExtensions",
        [HS_FINISHED] = "Finished",
        [HS_END_OF_EARLY_DATA] = "EndOfEarlyData",
        [HS_KEY_UPDATE] = "KeyUpdate",
        [HS_CHANGE_CIPHER_SPEC] = "ChangeCipherSpec",
        [HS_ENCRYPTED_HANDSHAKE] = "encrypted handshake",
        [HS_ALERT] = "alert",
        [HS_ENCRYPTED_ALERT] = "encrypted alert",
        [HS_PROTECTED] = "encrypted record",
        [HS_APPLICATION_DATA] = "application data",
        [HS_BAD_RECORD] = "bad record",
        [HS_BAD_MESSAGE] = "malformed message",
        [HS_QUIC_CLOSE] = "CONNECTION_CLOSE",
        [HS_QUIC_RETRY] = "Retry",
        [HS_VERSION_NEGOTIATION] = "Version Negotiation",
        [HS_HANDSHAKE_DONE] = "HANDSHAKE_DONE",
        [HS_FOREIGN] = "foreign segment",
        [HS_ACK] = "acknowledgement",
    };
    return k < HS_KIND_COUNT && names[k] ? names[k] : "event";
}
