/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Lines: one object a record, with the names of the Elastic Common Schema
 * 8.11 (https://www.elastic.co/guide/en/ecs/8.11/) and those of Packetbeat's
 * tls.detailed; what they lack stands under "tlswhy". Keys are absent when the
 * value is unknown. Duration and counters are integers.
 *
 * A record that does not fit the caller's text is written again without its
 * long lists; it is never cut in the middle.
 */
#include "report/fields.h"
#include "report/json_write.h"

#include "base/hash.h"
#include "dissectors/fingerprint.h"

#include <stdlib.h>

#define ECS_VERSION "8.11.0"

/* Longer lists from the network are not real. */
#define JSON_ITEMS       1024u
#define JSON_ITEMS_BRIEF 4u

extern const struct reporter json_reporter;

/* ---- values ---- */

static void json_time(struct json *j, const char *key, tick_t when)
{
    json_open_str(j, key);
    text_time(j->t, when);
    json_close_str(j);
}

/* Whole seconds, as certificates have them. */
static void json_date(struct json *j, const char *key, tick_t when)
{
    if (when == INT64_MIN || when == INT64_MAX) {
        return;
    }
    json_open_str(j, key);
    text_date(j->t, when);
    json_close_str(j);
}

static void json_code(struct json *j, const char *key, const char *name,
                      uint16_t code)
{
    json_open_str(j, key);
    text_code(j->t, name, code);
    json_close_str(j);
}

static void json_hex(struct json *j, const char *key, struct span s)
{
    if (s.n) {
        json_open_str(j, key);
        text_hex_upper(j->t, s);
        json_close_str(j);
    }
}

static void json_texts(struct json *j, const char *key,
                       const struct text_list *l)
{
    size_t at = json_list(j, key);
    for (size_t i = 0; i < l->n && i < j->items; i++) {
        json_str(j, NULL, l->v[i]);
    }
    json_list_end(j, at);
}

static const char *suite_name(uint16_t code)
{
    const struct known_suite *s = known_suite(code);
    return s ? s->name : NULL;
}

/* Names of code points, GREASE (RFC 8701) left out. */
static void json_codes(struct json *j, const char *key,
                       const struct u16_list *l,
                       const char *(*name)(uint16_t code))
{
    size_t at = json_list(j, key);
    for (size_t i = 0; i < l->n && i < j->items; i++) {
        if (!known_is_grease(l->v[i])) {
            json_code(j, NULL, name(l->v[i]), l->v[i]);
        }
    }
    json_list_end(j, at);
}

/* ---- ECS ---- */

static void json_event(struct json *j, const struct record *r)
{
    const struct handshake *hs = r->hs;
    const struct known_cause *cause = record_cause(r);
    size_t at = json_object(j, "event");
    JSON_FIXED(j, "\"kind\":\"event\",\"category\":[\"network\"],"
                  "\"type\":[\"connection\",\"protocol\"],"
                  "\"action\":\"tls_handshake\","
                  "\"dataset\":\"tlswhy.handshake\"");
    json_str(j, "outcome", outcome_name(record_outcome(r)));
    json_str(j, "code", cause ? cause->slug : NULL);
    json_str(j, "reason", record_reason(r));
    json_time(j, "start", hs->first);
    json_time(j, "end", hs->last);
    json_int(j, "duration", hs->last > hs->first ? hs->last - hs->first : 0);
    json_object_end(j, at);
}

static void json_observer(struct json *j, const struct record *r)
{
    JSON_FIXED(j, "\"ecs\":{\"version\":\"" ECS_VERSION "\"}");
    size_t at = json_object(j, "observer");
    JSON_FIXED(j, "\"product\":\"tlswhy\"");
    json_str(j, "version",
             r->read_back ? r->read_back->observer_version : tlswhy_version);
    json_str(j, "hostname", r->hostname);
    if (r->interface) {
        size_t ingress = json_object(j, "ingress");
        size_t interface = json_object(j, "interface");
        json_str(j, "name", r->interface);
        json_object_end(j, interface);
        json_object_end(j, ingress);
    }
    json_object_end(j, at);
}

static void json_address(struct json *j, const struct handshake *hs,
                         enum side side)
{
    if (hs->ip_version == 4 || hs->ip_version == 6) {
        json_open_str(j, "ip");
        format_ip(j->t, hs->addr[side].ip, hs->ip_version);
        json_close_str(j);
        json_uint(j, "port", hs->addr[side].port);
    }
}

/* Where a side's address was written; ECS has it twice. */
struct json_place {
    size_t at, n;
};

static struct json_place json_end(struct json *j, const struct record *r,
                                  enum side side, const char *key)
{
    const struct handshake *hs = r->hs;
    const struct hs_dir *d = &hs->dir[side];
    size_t at = json_object(j, key);
    struct json_place address = {.at = j->t->n};
    json_address(j, hs, side);
    json_str(j, "domain", r->domain[side]);
    address.n = j->t->n - address.at;
    /* A direction that was not captured has unknown counts, not zero. */
    if (d->packets || !(hs->end_state.blind & BLIND_ONE_DIRECTION)) {
        json_uint(j, "bytes", d->bytes);
        json_uint(j, "packets", d->packets);
    }
    json_object_end(j, at);
    return address;
}

static void json_end_again(struct json *j, const char *key,
                           struct json_place address)
{
    size_t at = json_object(j, key);
    json_repeat(j, address.at, address.n);
    json_object_end(j, at);
}

static void json_network(struct json *j, const struct handshake *hs)
{
    bool has_ip = hs->ip_version == 4 || hs->ip_version == 6;
    size_t at = json_object(j, "network");
    if (hs->transport != TRANSPORT_LINK) {
        json_str(j, "transport",
                 hs->transport == TRANSPORT_UDP ? "udp" : "tcp");
    }
    if (has_ip) {
        json_str(j, "type", hs->ip_version == 6 ? "ipv6" : "ipv4");
    }
    json_str(j, "protocol", flavour_name(hs->flavour));
    json_str(j, "application", hs->application);
    if (has_ip) {
        json_open_str(j, "community_id");
        format_community_id(j->t, hs);
        json_close_str(j);
    }
    if (hs->vlan != UNSEEN_U16) {
        size_t vlan = json_object(j, "vlan");
        json_open_str(j, "id"); /* a keyword in ECS */
        text_uint(j->t, hs->vlan);
        json_close_str(j);
        json_object_end(j, vlan);
    }
    json_object_end(j, at);
}

/* ---- certificates ---- */

/* ECS: common_name and organization may hold several values. */
static void json_name(struct json *j, const char *key,
                      const struct cert_name *n)
{
    size_t at = json_object(j, key);
    size_t list = json_list(j, "common_name");
    json_span(j, NULL, n->common_name);
    json_list_end(j, list);
    json_span(j, "distinguished_name", n->distinguished_name);
    list = json_list(j, "organization");
    json_span(j, NULL, n->organization);
    json_list_end(j, list);
    json_object_end(j, at);
}

static void json_san(struct json *j, const struct cert *c)
{
    size_t at = json_list(j, "alternative_names");
    for (size_t i = 0; i < c->dns.n && i < j->items; i++) {
        json_span(j, NULL, c->dns.v[i]);
    }
    for (size_t i = 0; i < c->ip.n && i < j->items; i++) {
        struct span ip = c->ip.v[i];
        if (ip.n == 4 || ip.n == 16) {
            json_open_str(j, NULL);
            format_ip(j->t, ip.p, ip.n == 16 ? 6 : 4);
            json_close_str(j);
        }
    }
    for (size_t i = 0; i < c->other_names.n && i < j->items; i++) {
        json_span(j, NULL, c->other_names.v[i]);
    }
    json_list_end(j, at);
}

/* The serial without the zero byte that only keeps it positive. */
static struct span serial_digits(const struct cert *c)
{
    struct cursor cur = cursor_open(c->serial);
    if (c->serial.n > 1 && cursor_u8(&cur, "serial") == 0) {
        return cursor_rest(&cur);
    }
    return c->serial;
}

static void json_x509(struct json *j, const struct cert *c)
{
    if (!c) {
        return;
    }
    size_t at = json_object(j, "x509");
    json_name(j, "subject", &c->subject);
    json_name(j, "issuer", &c->issuer);
    json_hex(j, "serial_number", serial_digits(c));
    json_date(j, "not_before", c->not_before);
    json_date(j, "not_after", c->not_after);
    json_san(j, c);
    json_str(j, "public_key_algorithm", c->key_name);
    if (c->key_bits) {
        json_uint(j, "public_key_size", c->key_bits);
    }
    json_span(j, "signature_algorithm", c->signature_algorithm);
    json_object_end(j, at);
}

/* ---- what many records have in common ---- */

/* Clients come in few shapes and failures in few kinds, and to write what one
 * decides takes microseconds: the last texts are kept. */
#define KEPT           256u
#define KEPT_BYTES_MAX 8192u

/* What is kept, told apart by what is added to a key: 0 or 1. */
enum kept_part {
    KEPT_FINGERPRINT, /* by the shape of the hello */
    KEPT_OFFERED,
    KEPT_FIX = 0, /* by the kind of advice */
    KEPT_SEEN_AS,
};

/* Any large odd numbers. */
#define SHAPE_OF  UINT64_C(0x9e3779b97f4a7c15)
#define ADVICE_OF UINT64_C(0xc2b2ae3d27d4eb4f)

struct kept {
    uint64_t key; /* 0: free */
    char *text;   /* members without a comma at either end */
    size_t n;
};

struct json_state {
    uint64_t shape, advice; /* keys of the record that is written; 0: none */
    struct kept v[KEPT];
};

/* Keys have room for what is added to them. The verdict's numbers are seeded
 * hashes. */
static void find_keys(struct json_state *s, const struct record *r)
{
    const struct verdict *v = r->verdict;
    s->shape = s->advice = 0;
    if (v && v->offer_shape && !r->read_back) {
        s->shape =
            hash_fold(v->offer_shape, SHAPE_OF + r->hs->flavour) & ~UINT64_C(1);
    }
    if (v && v->advice_id) {
        s->advice = hash_fold(v->advice_id, ADVICE_OF) & ~UINT64_C(1);
    }
}

static void keep(struct kept *k, uint64_t key, const struct text *t,
                 size_t from)
{
    from += from < t->n && t->p[from] == ',';
    size_t n = t->n - from;
    char *text = n <= KEPT_BYTES_MAX && !t->cut ? malloc(n + 1) : NULL;
    if (text) {
        memcpy(text, t->p + from, n);
        free(k->text);
        *k = (struct kept){key, text, n};
    }
}

/* Writes members of the open object that are the same in all records with the
 * same key (0: in no other one). */
static void json_kept(struct json *j, const struct record *r, uint64_t key,
                      enum kept_part part,
                      void (*write)(struct json *j, const struct record *r))
{
    struct json_state *state = j->state;
    if (!key || j->items != JSON_ITEMS) {
        write(j, r);
        return;
    }
    key += part;
    struct kept *k = &state->v[key % KEPT];
    if (k->key == key) {
        json_members(j, k->text, k->n);
        return;
    }
    size_t from = j->t->n;
    write(j, r);
    keep(k, key, j->t, from);
}

static void json_fini(void *state)
{
    struct json_state *s = state;
    for (unsigned i = 0; i < KEPT; i++) {
        free(s->v[i].text);
    }
}

/* ---- tls ---- */

static void json_fingerprint(struct json *j, const struct record *r)
{
    const struct client_offer *o = &r->hs->offer;
    char ja3[JA3_BYTES];
    char ja4[JA4_BYTES];
    json_codes(j, "supported_ciphers", &o->ciphers, suite_name);
    json_str(j, "ja3", fingerprint_ja3(o, ja3) ? ja3 : NULL);
    json_str(j, "ja4", fingerprint_ja4(o, r->hs->flavour, ja4) ? ja4 : NULL);
}

static void json_tls_client(struct json *j, const struct record *r)
{
    const struct json_state *state = j->state;
    const struct client_offer *o = &r->hs->offer;
    size_t at = json_object(j, "client");
    if (o->seen) {
        json_span(j, "server_name", record_sni(r));
        if (r->read_back) {
            json_codes(j, "supported_ciphers", &o->ciphers, suite_name);
            json_str(j, "ja3", r->read_back->ja3);
            json_str(j, "ja4", r->read_back->ja4);
        } else {
            json_kept(j, r, state->shape, KEPT_FINGERPRINT, json_fingerprint);
        }
    }
    json_x509(j, chain_leaf(&r->hs->client_chain));
    json_object_end(j, at);
}

static void json_tls_server(struct json *j, const struct record *r)
{
    char ja3s[JA3_BYTES];
    const struct cert *leaf = chain_leaf(&r->hs->server_chain);
    const struct server_choice *choice = &r->hs->choice;
    size_t at = json_object(j, "server");
    if (r->read_back) {
        json_str(j, "ja3s", r->read_back->ja3s);
    } else if (choice->seen && fingerprint_ja3s(choice, ja3s)) {
        json_str(j, "ja3s", ja3s);
    }
    json_x509(j, leaf);
    if (leaf) {
        size_t hash = json_object(j, "hash");
        json_hex(j, "sha256", span_of(leaf->sha256, sizeof leaf->sha256));
        json_object_end(j, hash);
    }
    json_object_end(j, at);
}

static void json_alerts(struct json *j, const struct handshake *hs)
{
    size_t detailed = json_object(j, "detailed");
    size_t list = json_list(j, "alerts");
    for (unsigned i = 0; i < hs->events_n && hs->events; i++) {
        const struct hs_event *e = &hs->events[i];
        bool quic = e->kind == HS_QUIC_CLOSE && hs_close_is_alert(e);
        if (e->kind != HS_ALERT && !quic) {
            continue;
        }
        size_t at = json_object(j, NULL);
        json_str(j, "severity", alert_level_name(quic ? 2 : e->aux >> 8));
        json_uint(j, "code", e->aux & 0xff);
        json_str(j, "type", known_alert_name(e->aux & 0xff));
        json_str(j, "source", side_name((enum side)e->side));
        json_object_end(j, at);
    }
    json_list_end(j, list);
    json_object_end(j, detailed);
}

static void json_negotiated(struct json *j, const struct record *r)
{
    const struct server_choice *choice = &r->hs->choice;
    uint16_t cipher = record_cipher(r);
    uint16_t group = record_group(r);
    const char *protocol;
    const char *name = record_version_name(r, &protocol);
    if (name) {
        json_str(j, "version", name);
        json_str(j, "version_protocol", protocol);
    }
    if (cipher != UNSEEN_U16) {
        json_code(j, "cipher", suite_name(cipher), cipher);
    }
    if (group != UNSEEN_U16) {
        json_code(j, "curve", known_group_name(group), group);
    }
    if (choice->seen) {
        json_span(j, "next_protocol", choice->alpn);
    }
}

static void json_tls(struct json *j, const struct record *r)
{
    const struct conclusion *end = &r->hs->end_state;
    size_t at = json_object(j, "tls");
    json_bool(j, "established", end->established);
    if (end->resumed || (r->hs->choice.seen && !r->hs->choice.partial)) {
        json_bool(j, "resumed", end->resumed);
    }
    json_negotiated(j, r);
    json_tls_client(j, r);
    json_tls_server(j, r);
    json_alerts(j, r->hs);
    json_object_end(j, at);
}

/* ---- tlswhy ---- */

/* RFC 8701 section 3.1: the GREASE values as two bytes. */
static bool is_grease_alpn(struct span s)
{
    struct cursor c = cursor_open(s);
    return s.n == 2 && known_is_grease(cursor_u16(&c, "protocol"));
}

static void json_offered(struct json *j, const struct record *r)
{
    const struct client_offer *o = &r->hs->offer;
    /* Without supported_versions only the highest one is known. */
    struct u16_list versions = o->versions;
    if (!versions.seen && o->max_version) {
        versions = (struct u16_list){.v = &o->max_version, .n = 1};
    }
    size_t at = json_object(j, "offered");
    json_codes(j, "versions", &versions, known_version_title);
    json_codes(j, "groups", &o->groups, known_group_name);
    json_codes(j, "signature_algorithms", &o->signature_algorithms,
               known_signature_name);
    size_t list = json_list(j, "alpn");
    for (size_t i = 0; i < o->alpn.n && i < j->items; i++) {
        if (!is_grease_alpn(o->alpn.v[i])) {
            json_span(j, NULL, o->alpn.v[i]);
        }
    }
    json_list_end(j, list);
    json_object_end(j, at);
}

static void json_final_alert(struct json *j, const struct conclusion *end)
{
    if (!end->has_alert) {
        return;
    }
    size_t at = json_object(j, "alert");
    if (end->alert_code != ALERT_NONE) {
        json_uint(j, "code", end->alert_code);
        json_str(j, "name", known_alert_name(end->alert_code));
        json_str(j, "level", alert_level_name(end->alert_level));
    }
    json_str(j, "sender", side_name(end->alert_side));
    json_bool(j, "encrypted", end->alert_encrypted);
    json_object_end(j, at);
}

/* The first text of a viewer counts: keys must not repeat. */
static bool viewer_repeats(const struct verdict *v, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(v->seen_as[k].viewer, v->seen_as[i].viewer) == 0) {
            return true;
        }
    }
    return false;
}

static void json_fix(struct json *j, const struct record *r)
{
    json_texts(j, "fix", &r->verdict->fix);
}

static void json_seen_as(struct json *j, const struct record *r)
{
    const struct verdict *v = r->verdict;
    size_t at = json_object(j, "seen_as");
    for (size_t i = 0; i < v->seen_as_n && i < j->items; i++) {
        if (!viewer_repeats(v, i)) {
            json_str(j, v->seen_as[i].viewer, v->seen_as[i].text);
        }
    }
    json_object_end(j, at);
}

static void json_cause(struct json *j, const struct record *r)
{
    const struct json_state *state = j->state;
    const struct known_cause *cause = record_cause(r);
    const struct verdict *v = r->verdict;
    if (!cause) { /* a success may have something odd about it, too */
        if (v) {
            json_texts(j, "evidence", &v->evidence);
        }
        return;
    }
    json_str(j, "cause", cause->slug);
    json_str(j, "confidence", confidence_name(v->confidence));
    json_str(j, "side", record_fix_side(r));
    json_texts(j, "evidence", &v->evidence);
    json_kept(j, r, state->advice, KEPT_FIX, json_fix);
    json_texts(j, "reproduce", &v->reproduce);
    json_kept(j, r, state->advice, KEPT_SEEN_AS, json_seen_as);
    size_t at = json_list(j, "alternatives");
    for (size_t i = 0; i < v->alternatives_n && i < j->items; i++) {
        size_t one = json_object(j, NULL);
        json_str(j, "cause", v->alternatives[i].cause);
        json_str(j, "confidence",
                 confidence_name(v->alternatives[i].confidence));
        json_object_end(j, one);
    }
    json_list_end(j, at);
}

static void json_blind_spots(struct json *j, uint32_t blind)
{
    size_t at = json_list(j, "blind_spots");
    for (unsigned i = 0; i < BLIND_SPOTS; i++) {
        if (blind & blind_spots[i].bit) {
            json_str(j, NULL, blind_spots[i].name);
        }
    }
    json_list_end(j, at);
}

static void json_interception(struct json *j, const struct verdict *v)
{
    if (!v || !v->interception) {
        return;
    }
    size_t at = json_object(j, "interception");
    json_str(j, "verdict", v->interception);
    json_str(j, "product", v->interception_product);
    json_texts(j, "evidence", &v->interception_evidence);
    json_object_end(j, at);
}

static void json_frames(struct json *j, const struct record *r)
{
    size_t at = json_object(j, "frames");
    uint64_t decisive = record_frame(r, record_frame_decisive(r));
    if (record_frame(r, r->hs->frame_first)) {
        json_uint(j, "first", r->hs->frame_first);
        json_uint(j, "last", r->hs->frame_last);
    }
    if (decisive) {
        json_uint(j, "decisive", decisive);
    }
    json_object_end(j, at);
}

static void json_tlswhy(struct json *j, const struct record *r)
{
    const struct json_state *state = j->state;
    const struct conclusion *end = &r->hs->end_state;
    bool failed = record_outcome(r) == OUTCOME_FAILURE;
    size_t at = json_object(j, "tlswhy");
    json_str(j, "carrier", r->hs->carrier ? r->hs->carrier : "direct");
    json_str(j, "stage", stage_name(end->stage));
    if (failed) {
        json_str(j, "ended_by", ended_by_name(end->by));
        json_str(j, "ended_how", ended_how_name(end->how));
        json_final_alert(j, end);
    }
    json_cause(j, r);
    if (r->hs->offer.seen) {
        json_kept(j, r, state->shape, KEPT_OFFERED, json_offered);
    }
    json_blind_spots(j, end->blind);
    if (end->benign) {
        json_bool(j, "benign", true);
    }
    json_interception(j, r->verdict);
    json_frames(j, r);
    json_str(j, "file", r->file);
    json_object_end(j, at);
}

/* ---- the record ---- */

static void json_record(struct json *j, const struct record *r)
{
    const struct known_cause *cause = record_cause(r);
    size_t at = json_object(j, NULL);
    json_time(j, "@timestamp", record_when(r));
    json_event(j, r);
    size_t error = json_object(j, "error");
    json_str(j, "type", cause ? cause->slug : NULL);
    json_object_end(j, error);
    struct json_place client = json_end(j, r, SIDE_CLIENT, "client");
    struct json_place server = json_end(j, r, SIDE_SERVER, "server");
    json_end_again(j, "source", client);
    json_end_again(j, "destination", server);
    json_network(j, r->hs);
    json_tls(j, r);
    json_tlswhy(j, r);
    json_observer(j, r);
    json_object_end(j, at);
    text_char(j->t, '\n');
}

static void on_record(void *state, const struct report_options *o,
                      const struct record *r, struct text *out)
{
    if (!record_wanted(r, o) || out->cut) {
        return;
    }
    struct json_state *own = state;
    struct json j = {
        .t = out, .from = out->n, .items = JSON_ITEMS, .state = own};
    find_keys(own, r);
    json_record(&j, r);
    if (out->cut) {
        text_truncate(out, j.from);
        j.items = JSON_ITEMS_BRIEF;
        json_record(&j, r);
    }
    if (out->cut) {
        text_truncate(out, j.from);
        out->cut = true; /* the record is missing, and the caller knows */
    }
}

const struct reporter json_reporter = {
    .name = "json",
    .record = on_record,
    .state_bytes = sizeof(struct json_state),
    .fini = json_fini,
};
