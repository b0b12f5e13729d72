/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the HTML report shows of one failure, as an object with short keys:
 * src/report/html/app.js is the other end. Lists of texts are lists of values'
 * numbers. Times are microseconds from the handshake's first packet.
 */
#include "report/html_model.h"

#include "report/fields.h"
#include "report/progress.h"

#include "dissectors/fingerprint.h"

static void member(struct json *j, const char *key, uint64_t number)
{
    if (number) {
        json_uint(j, key, number);
    }
}

static void texts(struct html_writer *w, struct json *j, const char *key,
                  const struct text_list *l)
{
    size_t at = json_list(j, key);
    for (size_t i = 0; i < l->n && i < w->items; i++) {
        member(j, NULL, html_str(w, l->v[i]));
    }
    json_list_end(j, at);
}

/* ---- offers ---- */

static const char *suite_name(uint16_t code)
{
    const struct known_suite *s = known_suite(code);
    return s ? s->name : NULL;
}

static void codes(struct json *j, const char *key, const struct u16_list *l,
                  const char *(*name)(uint16_t code))
{
    size_t at = json_list(j, key);
    for (size_t i = 0; i < l->n && i < j->items; i++) {
        if (!known_is_grease(l->v[i])) {
            html_code(j, NULL, name(l->v[i]), l->v[i]);
        }
    }
    json_list_end(j, at);
}

static uint64_t offer(struct html_writer *w, const struct client_offer *o)
{
    struct html_part p;
    struct u16_list versions = o->versions;
    if (!versions.seen && o->max_version) {
        versions = (struct u16_list){.v = &o->max_version, .n = 1};
    }
    html_part_begin(&p, w);
    codes(&p.j, "v", &versions, known_version_title);
    if (!o->versions.seen) {
        json_bool(&p.j, "max", true); /* this version and lower ones */
    }
    codes(&p.j, "c", &o->ciphers, suite_name);
    codes(&p.j, "g", &o->groups, known_group_name);
    codes(&p.j, "k", &o->key_shares, known_group_name);
    codes(&p.j, "s", &o->signature_algorithms, known_signature_name);
    codes(&p.j, "x", &o->extensions, known_extension_name);
    size_t at = json_list(&p.j, "a");
    for (size_t i = 0; i < o->alpn.n && i < w->items; i++) {
        json_span(&p.j, NULL, o->alpn.v[i]);
    }
    json_list_end(&p.j, at);
    json_str(&p.j, "why", o->malformed ? o->why : NULL);
    return html_part_end(&p, w);
}

/* What the server chose, asked for and did not say. */
static uint64_t choice(struct html_writer *w, const struct record *r)
{
    struct html_part p;
    const struct handshake *hs = r->hs;
    const struct server_choice *c = &hs->choice;
    uint16_t version = record_version(r);
    uint16_t group = record_group(r);
    html_part_begin(&p, w);
    if (version != UNSEEN_U16) {
        html_code(&p.j, "v", known_version_title(version), version);
    }
    html_code(&p.j, "c", suite_name(record_cipher(r)), record_cipher(r));
    html_code(&p.j, "g", known_group_name(group), group);
    if (hs->retry.seen) {
        html_code(&p.j, "retry", known_group_name(hs->retry.group),
                  hs->retry.group);
    }
    if (c->seen) {
        json_span(&p.j, "a", c->alpn);
        codes(&p.j, "x", &c->extensions, known_extension_name);
        json_str(&p.j, "why", c->malformed ? c->why : NULL);
    }
    if (hs->ske.seen) {
        html_code(&p.j, "s", known_signature_name(hs->ske.signature),
                  hs->ske.signature);
        if (hs->ske.is_dh) {
            json_uint(&p.j, "dh", hs->ske.dh_bits);
        }
    }
    if (hs->certificate_request.seen) {
        json_bool(&p.j, "asks", true);
        codes(&p.j, "cs", &hs->certificate_request.signature_algorithms,
              known_signature_name);
    }
    return html_part_end(&p, w);
}

/* ---- certificates ---- */

static void date(struct json *j, const char *key, tick_t when)
{
    if (when != INT64_MIN && when != INT64_MAX) {
        json_int(j, key, when / TICK_SEC);
    }
}

static void names(struct json *j, const struct cert *c)
{
    size_t at = json_list(j, "san");
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
    json_list_end(j, at);
    uint64_t left = c->dns.n > j->items ? (uint64_t)c->dns.n - j->items : 0;
    if (left) {
        json_uint(j, "more", left);
    }
}

static uint64_t certificate(struct html_writer *w, const struct cert *c)
{
    struct html_part p;
    html_part_begin(&p, w);
    json_span(&p.j, "s", c->subject.distinguished_name);
    json_span(&p.j, "cn", c->subject.common_name);
    json_span(&p.j, "i", c->issuer.distinguished_name);
    json_span(&p.j, "icn", c->issuer.common_name);
    date(&p.j, "nb", c->not_before);
    date(&p.j, "na", c->not_after);
    names(&p.j, c);
    json_str(&p.j, "key", c->key_name);
    if (c->key_bits) {
        json_uint(&p.j, "bits", c->key_bits);
    }
    json_span(&p.j, "sig", c->signature_algorithm);
    json_open_str(&p.j, "sha");
    text_hex_upper(p.j.t, span_of(c->sha256, sizeof c->sha256));
    json_close_str(&p.j);
    if (c->is_ca) {
        json_bool(&p.j, "ca", true);
    }
    if (c->self_issued) {
        json_bool(&p.j, "self", true);
    }
    if (c->signature_weak) {
        json_bool(&p.j, "weak", true);
    }
    json_str(&p.j, "why", c->malformed ? c->why : NULL);
    return html_part_end(&p, w);
}

static bool same(struct span a, struct span b)
{
    return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

/* "l": for each certificate whether the next one is its issuer by name. */
static void chain(struct html_writer *w, struct json *j, const char *key,
                  const struct cert_chain *c)
{
    if (!c->seen) {
        return;
    }
    size_t at = json_object(j, key);
    json_bool(j, "empty", c->empty);
    if (c->malformed) {
        json_str(j, "why", c->why ? c->why : "malformed");
    }
    size_t list = json_list(j, "c");
    for (unsigned i = 0; i < c->n && i < w->items; i++) {
        json_uint(j, NULL, certificate(w, c->v[i]));
    }
    json_list_end(j, list);
    list = json_list(j, "l");
    for (unsigned i = 0; i + 1 < c->n && i < w->items; i++) {
        bool fits = same(c->v[i]->issuer.der, c->v[i + 1]->subject.der);
        json_uint(j, NULL, fits);
    }
    json_list_end(j, list);
    json_object_end(j, at);
}

/* ---- timeline ---- */

static void reset_note(struct text *t, uint16_t aux)
{
    static const struct {
        uint16_t bit;
        const char *text;
    } odd[] = {
        {HS_RST_TTL_ODD, "TTL is not the sender's"},
        {HS_RST_IPID_ODD, "IP-ID does not fit"},
        {HS_RST_SEQ_ODD, "sequence number does not fit"},
        {HS_RST_DATA_AFTER, "the sender went on after it"},
        {HS_RST_ACK_AFTER, "something of the sender came after it"},
        {HS_RST_EARLY, "sooner than the peer can answer"},
        {HS_RST_DF_ODD, "DF bit is not the sender's"},
        {HS_ODD_CHECKSUM, "checksum is wrong"},
        {HS_ODD_ACK, "acknowledges what was never sent"},
        {HS_ODD_OPTIONS, "TCP options do not fit"},
        {HS_ODD_RST, "reset"},
        {HS_ODD_FIN, "FIN"},
        {HS_ODD_TAKEN, "the receiver took it"},
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        if (aux & odd[i].bit) {
            text_add(t, t->n ? "; " : "");
            text_add(t, odd[i].text);
        }
    }
}

/* What is worth saying of an event beyond its name. */
static void event_note(struct text *t, const struct hs_event *e)
{
    switch (e->kind) {
    case HS_RST:
        text_add(t, e->aux & HS_RST_ACK ? "flags RST, ACK" : "flags RST");
        reset_note(t, e->aux);
        break;
    case HS_FIN:
    case HS_FOREIGN:
        reset_note(t, e->aux);
        break;
    case HS_ICMP:
        text_fmt(t, "type %u code %u", (unsigned)e->aux >> 8,
                 (unsigned)e->aux & 0xff);
        break;
    case HS_ALERT:
        text_add(t, hs_alert_was_encrypted(e) ? "decrypted" : "");
        break;
    case HS_QUIC_CLOSE:
        text_fmt(t, "error 0x%x", (unsigned)e->aux);
        break;
    default:
        break;
    }
}

/* [name, side, time, bytes, frame, note] each; trailing zeros left out. */
static void event(struct html_writer *w, struct json *j, const struct record *r,
                  const struct hs_event *e)
{
    struct text t;
    size_t at = json_list(j, NULL);
    text_init(&t, 256);
    progress_event(&t, r->hs, e);
    json_uint(j, NULL, html_str(w, text_str(&t)));
    json_uint(j, NULL, e->side);
    json_int(j, NULL, (e->when - r->hs->first) / TICK_USEC);
    json_uint(j, NULL, e->len);
    json_uint(j, NULL, e->frame);
    text_clear(&t);
    event_note(&t, e);
    member(j, NULL, html_str(w, text_str(&t)));
    text_free(&t);
    json_list_end(j, at);
}

static void timeline(struct html_writer *w, struct json *j,
                     const struct record *r)
{
    const struct handshake *hs = r->hs;
    unsigned end = progress_end(r);
    size_t at = json_list(j, "ev");
    for (unsigned i = 0; i < hs->events_n && i < w->items; i++) {
        event(w, j, r, &hs->events[i]);
    }
    json_list_end(j, at);
    if (end < hs->events_n) {
        json_uint(j, "end", end);
    }
    if (hs->events_lost) {
        json_uint(j, "lost", hs->events_lost);
    }
    if (hs->end_state.how == HOW_TIMEOUT) {
        json_uint(j, "silence", hs->timeout_ms);
    }
}

/* ---- verdict ---- */

static void viewers(struct html_writer *w, struct json *j,
                    const struct verdict *v)
{
    size_t at = json_list(j, "as");
    for (size_t i = 0; i < v->seen_as_n && i < w->items; i++) {
        size_t pair = json_list(j, NULL);
        json_uint(j, NULL, html_str(w, v->seen_as[i].viewer));
        json_uint(j, NULL, html_str(w, v->seen_as[i].text));
        json_list_end(j, pair);
    }
    json_list_end(j, at);
}

static void alternatives(struct html_writer *w, struct json *j,
                         const struct verdict *v)
{
    size_t at = json_list(j, "alt");
    for (size_t i = 0; i < v->alternatives_n && i < w->items; i++) {
        const struct alternative *a = &v->alternatives[i];
        const struct known_cause *c = known_cause(a->cause);
        size_t one = json_list(j, NULL);
        json_uint(j, NULL, html_str(w, a->cause));
        json_uint(j, NULL, html_str(w, c ? c->sentence : NULL));
        json_uint(j, NULL, a->confidence);
        json_list_end(j, one);
    }
    json_list_end(j, at);
}

static void verdict(struct html_writer *w, struct json *j,
                    const struct record *r)
{
    const struct verdict *v = r->verdict;
    member(j, "r", html_str(w, record_reason(r)));
    if (!v) {
        return;
    }
    texts(w, j, "e", &v->evidence);
    texts(w, j, "f", &v->fix);
    texts(w, j, "try", &v->reproduce);
    viewers(w, j, v);
    alternatives(w, j, v);
    if (v->interception) {
        size_t at = json_object(j, "insp");
        member(j, "v", html_str(w, v->interception));
        member(j, "p", html_str(w, v->interception_product));
        texts(w, j, "e", &v->interception_evidence);
        json_object_end(j, at);
    }
}

/* ---- the rest ---- */

static void blind_list(struct html_writer *w, struct json *j, uint32_t blind)
{
    size_t at = json_list(j, "blind");
    for (unsigned i = 0; i < BLIND_SPOTS; i++) {
        if (blind & blind_spots[i].bit) {
            json_uint(j, NULL, html_str(w, blind_spots[i].sentence));
        }
    }
    json_list_end(j, at);
}

static void fingerprints(struct html_writer *w, struct json *j,
                         const struct record *r)
{
    char ja3[JA3_BYTES];
    char ja4[JA4_BYTES];
    const struct client_offer *o = &r->hs->offer;
    if (r->read_back) {
        member(j, "ja3", html_str(w, r->read_back->ja3));
        member(j, "ja4", html_str(w, r->read_back->ja4));
    } else if (o->seen) {
        member(j, "ja3", html_str(w, fingerprint_ja3(o, ja3) ? ja3 : NULL));
        member(
            j, "ja4",
            html_str(w, fingerprint_ja4(o, r->hs->flavour, ja4) ? ja4 : NULL));
    }
}

static void transport(struct html_writer *w, struct json *j,
                      const struct record *r)
{
    const struct handshake *hs = r->hs;
    const struct hs_dir *client = &hs->dir[SIDE_CLIENT];
    const struct hs_dir *server = &hs->dir[SIDE_SERVER];
    size_t at = json_list(j, "n");
    json_uint(j, NULL, client->bytes);
    json_uint(j, NULL, client->packets);
    json_uint(j, NULL, server->bytes);
    json_uint(j, NULL, server->packets);
    json_list_end(j, at);
    at = json_list(j, "fr");
    json_uint(j, NULL, record_frame(r, hs->frame_first));
    json_uint(j, NULL, record_frame(r, hs->frame_last));
    json_uint(j, NULL, record_frame(r, record_frame_decisive(r)));
    json_list_end(j, at);
    member(j, "file", html_str(w, r->file));
    member(j, "iface", html_str(w, r->interface));
    member(j, "car", html_str(w, hs->carrier));
    member(j, "app", html_str(w, hs->application));
    if (hs->ip_version == 4 || hs->ip_version == 6) {
        struct text t;
        text_init(&t, 64);
        format_community_id(&t, hs);
        member(j, "cid", html_str(w, text_str(&t)));
        text_free(&t);
    }
}

void html_details(struct html_writer *w, struct json *j, const struct record *r)
{
    const struct handshake *hs = r->hs;
    size_t at = json_object(j, NULL);
    verdict(w, j, r);
    member(j, "st", html_str(w, stage_name(hs->end_state.stage)));
    timeline(w, j, r);
    if (hs->offer.seen) {
        member(j, "of", offer(w, &hs->offer));
    }
    member(j, "ch", choice(w, r));
    chain(w, j, "sc", &hs->server_chain);
    chain(w, j, "cc", &hs->client_chain);
    blind_list(w, j, hs->end_state.blind);
    fingerprints(w, j, r);
    transport(w, j, r);
    json_object_end(j, at);
}
