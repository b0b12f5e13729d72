/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived fields of a record. A verdict may be missing (memory was out): what
 * the handshake's own conclusion says then stands.
 */
#include "report/fields.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifndef TLSWHY_VERSION
#ifdef VERSION
#define TLSWHY_VERSION VERSION
#elif defined PACKAGE_VERSION
#define TLSWHY_VERSION PACKAGE_VERSION
#else
#define TLSWHY_VERSION "0"
#endif
#endif

const char *const tlswhy_version = TLSWHY_VERSION;

const struct blind_spot blind_spots[BLIND_SPOTS] = {
    {BLIND_ONE_DIRECTION, "one_direction",
     "only one direction of the connection was captured"},
    {BLIND_MIDSTREAM, "midstream",
     "the capture begins in the middle of the connection"},
    {BLIND_GAP, "gap", "bytes in between are missing from the capture"},
    {BLIND_SNAPLEN, "snaplen",
     "the capture's snapshot length cut packets (capture them whole)"},
    {BLIND_CAPTURE_ENDED, "capture_ended",
     "the capture ends while the handshake was still going on"},
    {BLIND_NO_KEYS, "no_keys",
     "what is encrypted could not be read without the session's keys"},
    {BLIND_LIMIT, "limit", "a limit of the analysis was reached"},
};

bool record_wanted(const struct record *r, const struct report_options *o)
{
    return o->all || record_outcome(r) == OUTCOME_FAILURE;
}

enum outcome record_outcome(const struct record *r)
{
    return r->verdict ? r->verdict->outcome : r->hs->end_state.outcome;
}

const struct known_cause *record_cause(const struct record *r)
{
    if (!r->verdict || r->verdict->outcome != OUTCOME_FAILURE) {
        return NULL;
    }
    return r->verdict->cause;
}

const char *fix_side_name(enum known_side side)
{
    switch (side) {
    case FIX_CLIENT:
        return "client";
    case FIX_SERVER:
        return "server";
    case FIX_NETWORK:
        return "network";
    case FIX_PROXY:
        return "proxy";
    case FIX_NONE:
        break;
    }
    return NULL;
}

const char *record_fix_side(const struct record *r)
{
    return record_cause(r) ? fix_side_name(r->verdict->side) : NULL;
}

const char *record_reason(const struct record *r)
{
    if (r->verdict && r->verdict->reason) {
        return r->verdict->reason;
    }
    const struct conclusion *end = &r->hs->end_state;
    return end->benign ? end->benign_why : NULL;
}

struct span record_sni(const struct record *r)
{
    const struct client_offer *o = &r->hs->offer;
    return o->seen && o->has_sni ? o->sni : (struct span){NULL, 0};
}

uint16_t record_version(const struct record *r)
{
    const struct server_choice *c = &r->hs->choice;
    return c->seen && c->version ? c->version : r->hs->version;
}

uint16_t record_cipher(const struct record *r)
{
    const struct server_choice *c = &r->hs->choice;
    return c->seen ? c->cipher : r->hs->cipher;
}

uint16_t record_group(const struct record *r)
{
    if (r->hs->choice.seen && r->hs->choice.group != UNSEEN_U16) {
        return r->hs->choice.group;
    }
    return r->hs->ske.seen ? r->hs->ske.group : UNSEEN_U16;
}

const char *record_version_name(const struct record *r, const char **protocol)
{
    uint16_t version = record_version(r);
    *protocol = NULL;
    const char *name =
        version != UNSEEN_U16 ? known_version_name(version, protocol) : NULL;
    if (name && r->hs->flavour == FLAVOUR_DTLS) {
        *protocol = "dtls";
    }
    return name;
}

const struct cert *chain_leaf(const struct cert_chain *chain)
{
    return chain->seen && chain->n ? chain->v[0] : NULL;
}

tick_t record_when(const struct record *r)
{
    return r->hs->when_hello ? r->hs->when_hello : r->hs->first;
}

uint64_t record_frame_decisive(const struct record *r)
{
    if (r->verdict && r->verdict->frame_decisive) {
        return r->verdict->frame_decisive;
    }
    return r->hs->end_state.frame_decisive;
}

uint64_t record_frame(const struct record *r, uint64_t frame)
{
    return r->hs->unnumbered ? 0 : frame;
}

const char *flavour_name(enum tls_flavour f)
{
    switch (f) {
    case FLAVOUR_DTLS:
        return "dtls";
    case FLAVOUR_QUIC:
        return "quic";
    case FLAVOUR_TLS:
        break;
    }
    return "tls";
}

const char *alert_level_name(unsigned level)
{
    return level == 1 ? "warning" : level == 2 ? "fatal" : NULL;
}

void text_code(struct text *t, const char *name, uint16_t code)
{
    if (name) {
        text_add(t, name);
    } else {
        text_fmt(t, "0x%04x", (unsigned)code);
    }
}

void text_date(struct text *t, tick_t when)
{
    text_time(t, when);
    if (!t->cut) {
        text_truncate(t, t->n - strlen(".000000Z"));
    }
    text_char(t, 'Z');
}

void text_clock(struct text *t, tick_t when)
{
    struct text rfc3339;
    text_init(&rfc3339, 64);
    text_time(&rfc3339, when);
    const char *s = text_str(&rfc3339);
    const char *day_end = strchr(s, 'T');
    if (day_end) {
        text_add_n(t, s, (size_t)(day_end - s));
        text_fmt(t, " %.12sZ", day_end + 1);
    }
    text_free(&rfc3339);
}

void text_hex_upper(struct text *t, struct span s)
{
    static const char digits[] = "0123456789ABCDEF";
    struct cursor c = cursor_open(s);
    char *to = text_reserve(t, 2 * s.n);
    for (size_t i = 0; to && i < s.n; i++) {
        uint8_t b = cursor_u8(&c, "byte");
        to[2 * i] = digits[b >> 4];
        to[2 * i + 1] = digits[b & 15];
    }
    if (to) {
        text_commit(t, 2 * s.n);
    }
}
