/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the carriers. The first bytes of both sides are kept until one of them
 * fits; it is then fed from the beginning. A refusal becomes final when the
 * client goes on with something else than another request (407 of a proxy is
 * answered with credentials, AUTH SSL of FTP with AUTH TLS).
 *
 * TLS that comes without a carrier, or after an unknown one, is found by the
 * session from its own first bytes.
 */
#include "dissectors/prelude.h"

#include "dissectors/carrier_read.h"
#include "known/known.h"

#define DEPTH_MAX 4u
/* A client that waited this long for an answer did not leave for fun. */
#define PATIENCE (2 * TICK_SEC)

struct moment {
    enum side side; /* the TCP client's bytes are the client's */
    tick_t when;
    uint64_t frame;
};

static void note(struct handshake *hs, enum hs_kind kind, struct moment at)
{
    hs_note(hs, kind, at.side, 0, 0, at.when, at.frame);
}

static struct span keep_text(struct handshake *hs, struct span old,
                             const char *text)
{
    if (!*text || span_eq(old, span_text(text))) {
        return old;
    }
    return arena_copy(&hs->arena, span_text(text));
}

/* ---- what a step means for the handshake ---- */

static void name_carrier(struct prelude *p, struct handshake *hs)
{
    p->carrier = p->state->name ? p->state->name : p->dissector->carrier;
    hs->carrier = p->carrier;
    hs->carrier_request = p->dissector->request;
}

/* It was asked for, or is not wanted. */
static void forget_missing(struct prelude *p, struct handshake *hs)
{
    if (p->missing && !p->declined) {
        hs_withdraw(hs, HS_CARRIER_REFUSED);
    }
    p->missing = false;
}

static void forget_demand(struct prelude *p, struct handshake *hs)
{
    if (p->demanded) {
        hs_withdraw(hs, HS_CARRIER_REFUSED);
    }
    p->demanded = false;
    p->state->demands = false;
}

static void ask(struct prelude *p, struct handshake *hs, struct moment at)
{
    forget_demand(p, hs);
    forget_missing(p, hs);
    name_carrier(p, hs);
    hs->carrier_asked = keep_text(hs, hs->carrier_asked, p->state->target);
    hs->carrier_note = (struct span){NULL, 0};
    if (p->declined) { /* asked again: what was declined decides nothing */
        hs_withdraw(hs, HS_CARRIER_REFUSED);
        p->declined = false;
    }
    if (!p->open) {
        note(hs, HS_CARRIER, at);
    }
    p->open = true;
    p->asked = true;
    p->granted = false;
}

/* What follows is a connection of its own. */
static void enter_tunnel(struct prelude *p)
{
    memset(p->state, 0, sizeof *p->state);
    p->dissector = NULL;
    p->granted = false;
    p->talked = 0;
    p->depth++;
    p->unknown = p->depth >= DEPTH_MAX;
}

static void keep_answer(const struct prelude *p, struct handshake *hs)
{
    hs->carrier_note = keep_text(hs, hs->carrier_note, p->state->note);
    if (p->state->agent[0]) {
        hs->carrier_agent = keep_text(hs, hs->carrier_agent, p->state->agent);
    }
}

static void grant(struct prelude *p, struct handshake *hs, struct moment at)
{
    keep_answer(p, hs);
    if (p->open) {
        note(hs, HS_CARRIER_OK, at);
    }
    p->open = false;
    p->granted = true;
    p->wrapped = p->dissector->unwrap != NULL;
    if (p->dissector->tunnel) {
        enter_tunnel(p);
    }
}

static void decline(struct prelude *p, struct handshake *hs, struct moment at)
{
    hs->carrier_unlisted = p->state->offer == OFFER_NONE;
    keep_answer(p, hs);
    if (!p->declined) {
        hs_note(hs, HS_CARRIER_REFUSED, at.side, 0, p->state->challenged,
                at.when, at.frame);
    }
    p->declined = true;
}

/* A header in front: TLS was not asked for, only carried. */
static void pass_header(struct prelude *p, struct handshake *hs)
{
    name_carrier(p, hs);
    hs->carrier_asked = keep_text(hs, hs->carrier_asked, p->state->target);
    enter_tunnel(p);
}

/* Whether TLS may begin behind this step. */
static bool take_step(struct prelude *p, struct handshake *hs,
                      enum carrier_step step, struct moment at)
{
    switch (step) {
    case CARRIER_GO_ON:
        return false;
    case CARRIER_ASKED:
        ask(p, hs, at);
        return true;
    case CARRIER_GRANTED:
        grant(p, hs, at);
        return true;
    case CARRIER_REFUSED:
        decline(p, hs, at);
        return false;
    case CARRIER_SKIP:
        pass_header(p, hs);
        return true;
    case CARRIER_NOT_TLS:
        p->not_tls = true;
        forget_missing(p, hs);
        return false;
    }
    return false;
}

static void watch_offer(struct prelude *p, struct handshake *hs,
                        struct moment at)
{
    const struct carrier *s = p->state;
    if (s->demands != p->demanded && !p->asked) {
        if (s->demands) {
            forget_missing(p, hs);
            note(hs, HS_CARRIER_REFUSED, at);
            p->demanded = true;
        } else {
            forget_demand(p, hs);
        }
    }
    if (p->demanded) {
        return;
    }
    if (s->moved_on) {
        forget_missing(p, hs);
    } else if (s->offer == OFFER_NONE && !p->asked && !p->missing) {
        p->missing = true;
        note(hs, HS_CARRIER_REFUSED, at);
    }
}

/* Between the request and TLS nobody but the server's answer has a word. */
static void count_injected(const struct prelude *p, struct handshake *hs,
                           struct span bytes, struct moment at)
{
    bool in_turn = !p->dissector || !p->dissector->takes_turns || p->declined ||
                   (at.side == SIDE_CLIENT ? !p->open : !p->granted);
    if (in_turn) {
        return;
    }
    if (!hs->carrier_injected_frame[at.side]) {
        hs->carrier_injected_frame[at.side] = at.frame;
    }
    hs->carrier_injected[at.side] += (uint32_t)bytes.n;
}

/* Feeds the dissector up to where TLS may begin; 0: all was read. */
static size_t run(struct prelude *p, struct handshake *hs, struct span bytes,
                  struct moment at)
{
    struct cursor c = cursor_open(bytes);
    while (cursor_left(&c) && p->dissector && !p->not_tls) {
        size_t before = cursor_offset(&c);
        enum carrier_step step = p->dissector->feed(p->state, at.side, &c);
        watch_offer(p, hs, at);
        if (take_step(p, hs, step, at)) {
            return cursor_offset(&c);
        }
        if (cursor_offset(&c) == before) {
            break;
        }
    }
    const struct carrier *s = p->state;
    if (p->declined && at.side == SIDE_CLIENT && !s->busy &&
        !carrier_pending(&s->buf[SIDE_CLIENT])) {
        p->refused = true; /* the client went on without */
    }
    return 0;
}

/* ---- finding the carrier ---- */

static void remember(struct carrier_buffer *b, struct span bytes)
{
    struct span part = span_sub(bytes, 0, sizeof b->bytes - b->n);
    if (part.n) {
        memcpy(b->bytes + b->n, part.p, part.n);
        b->n = (uint16_t)(b->n + part.n);
    }
}

static const struct dissector *fitting(const struct carrier_opening *o,
                                       bool *none)
{
    *none = true;
    for (size_t i = 0; dissectors[i]; i++) {
        enum carrier_fit fit = dissectors[i]->probe(o);
        if (fit == FIT_YES) {
            *none = false;
            return dissectors[i];
        }
        *none = *none && fit == FIT_NO;
    }
    return NULL;
}

/* Tells the dissector what was said before `bytes`. */
static void replay(struct prelude *p, struct handshake *hs,
                   const struct carrier_buffer earlier[2], struct moment at)
{
    for (unsigned i = 0; i < 2; i++) {
        enum side side = i == 0 ? (enum side)p->first : 1u - p->first;
        struct span said = span_of(earlier[side].bytes, earlier[side].n);
        struct moment then = {side, at.when, at.frame};
        const struct dissector *d = p->dissector;
        for (size_t n = 1; n && said.n && p->dissector == d;) {
            n = run(p, hs, said, then);
            said = span_sub(said, n, said.n);
        }
    }
}

/* Whether a carrier is known now. */
static bool choose(struct prelude *p, struct handshake *hs, struct span bytes,
                   struct moment at)
{
    struct carrier *s = p->state;
    if (!p->talked) {
        p->first = (uint8_t)at.side;
    }
    p->talked |= (uint8_t)(1u << at.side);
    uint16_t before = s->buf[at.side].n;
    remember(&s->buf[at.side], bytes);
    struct carrier_opening o = {
        span_of(s->buf[SIDE_CLIENT].bytes, s->buf[SIDE_CLIENT].n),
        span_of(s->buf[SIDE_SERVER].bytes, s->buf[SIDE_SERVER].n), p->port};
    bool none;
    const struct dissector *d = fitting(&o, &none);
    if (!d) {
        p->unknown = none || o.client.n == CARRIER_BUFFER_BYTES;
        return false;
    }
    struct carrier_buffer earlier[2] = {s->buf[0], s->buf[1]};
    earlier[at.side].n = before;
    memset(s, 0, sizeof *s);
    p->dissector = d;
    replay(p, hs, earlier, at);
    return p->dissector != NULL;
}

/* ---- entry points ---- */

/* Servers that say in plain words that they wanted TLS: nginx, Apache httpd,
 * Go's net/http. */
static bool wants_tls(struct span s)
{
    return carrier_has(s, "HTTP request was sent to HTTPS port") ||
           carrier_has(s, "HTTP to an SSL-enabled server port") ||
           carrier_has(s, "HTTP request to an HTTPS server");
}

/* `first`: what this direction said first, as far as it is known now. */
static void hear(struct prelude *p, unsigned dir, struct span first,
                 struct span bytes)
{
    const char *word = known_plaintext(first, dir == 1);
    p->heard[dir] = first.n;
    if (dir == 0) {
        p->client = word;
    } else {
        p->server = word;
        p->tls_port =
            p->spoke[0] && !p->asked && (wants_tls(first) || wants_tls(bytes));
    }
}

size_t prelude_feed(struct prelude *p, struct handshake *hs, unsigned dir,
                    struct span bytes, tick_t when, uint64_t frame)
{
    struct moment at = {dir == 0 ? SIDE_CLIENT : SIDE_SERVER, when, frame};
    if (bytes.n == 0) {
        return 0;
    }
    struct span first =
        hs->raw[dir == 0 ? HS_RAW_CLIENT_FIRST : HS_RAW_SERVER_FIRST];
    if (!p->spoke[dir] || first.n > p->heard[dir]) {
        hear(p, dir, first, bytes);
    }
    if (!p->spoke[dir]) {
        p->spoke[dir] = true;
        p->spoke_at[dir] = when;
        p->spoke_frame[dir] = frame;
    }
    if (!p->state) {
        p->state = arena_alloc(&hs->arena, sizeof *p->state);
    }
    count_injected(p, hs, bytes, at);
    /* Behind a granted STARTTLS comes TLS only. */
    bool over =
        p->not_tls || p->refused || p->unknown || (p->granted && p->dissector);
    if (!p->state || over) {
        return 0;
    }
    if (!p->dissector && !choose(p, hs, bytes, at)) {
        return 0;
    }
    return run(p, hs, bytes, at);
}

void prelude_gap(struct prelude *p, unsigned dir, uint32_t n)
{
    struct carrier *s = p->state;
    if (!s || !p->dissector) {
        return;
    }
    s->left[dir] = s->left[dir] > n ? s->left[dir] - n : 0;
    if (s->left[dir]) {
        return;
    }
    /* Which reply answers what is not known any more: the next one counts. */
    carrier_clear(&s->buf[dir]);
    s->owed = s->asked ? 1 : 0;
    s->ahead = 0;
    s->multi = 0;
}

/* Protocols that TLS never follows on. */
static bool is_hopeless(const char *client)
{
    static const char *const words[] = {"http", "ssh", "redis", "mqtt"};
    for (size_t i = 0; client && i < sizeof words / sizeof *words; i++) {
        if (strcmp(client, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A server that answers HTTP with the status 400 may go on to say that it
 * wanted TLS. */
static bool may_complain(struct span first)
{
    static const char status[] = "HTTP/1.? 400";
    for (size_t i = 0; i < first.n && status[i]; i++) {
        if (first.p[i] != (uint8_t)status[i] && status[i] != '?') {
            return false;
        }
    }
    return first.n > 0 && first.n < HS_FIRST_BYTES;
}

enum prelude_verdict prelude_verdict(const struct prelude *p,
                                     const struct handshake *hs)
{
    if (p->tls_port) {
        return PRELUDE_TLS_PORT;
    }
    if (p->refused) {
        return PRELUDE_REFUSED;
    }
    bool both = p->spoke[0] && p->spoke[1];
    if (both && !p->declined &&
        (p->not_tls || (!p->asked && is_hopeless(p->client))) &&
        !may_complain(hs->raw[HS_RAW_SERVER_FIRST])) {
        return PRELUDE_NOT_TLS;
    }
    return PRELUDE_GO_ON;
}

/* The first end of the connection, or NULL. */
static const struct hs_event *first_end(const struct handshake *hs)
{
    for (unsigned i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_FIN || e->kind == HS_RST) {
            return e;
        }
    }
    return NULL;
}

static enum side leaver(const struct handshake *hs)
{
    const struct hs_event *e = first_end(hs);
    return e ? (enum side)e->side : SIDE_NONE;
}

/* No answer came: the server left instead, or the client got tired of it. */
static bool is_unanswered(const struct handshake *hs)
{
    const struct hs_event *end = first_end(hs);
    const struct hs_event *asked = hs_find(hs, HS_CARRIER, SIDE_CLIENT);
    return end && (end->side == SIDE_SERVER ||
                   (asked && end->when - asked->when >= PATIENCE));
}

void prelude_closed(struct prelude *p, struct handshake *hs)
{
    const struct carrier *s = p->state;
    if (p->demanded && !p->not_tls && p->dissector) {
        name_carrier(p, hs);
        keep_answer(p, hs);
        hs->carrier_demanded = true;
        p->declined = true;
        return;
    }
    /* One that says nothing where it has the word (IMAP and ManageSieve greet
     * with the list) only looks whether the port answers. */
    bool mute = p->dissector && p->dissector->takes_turns && !p->spoke[0];
    if (!p->missing || mute || p->not_tls || !p->dissector || s->moved_on ||
        s->offer != OFFER_NONE || (!s->leaving && leaver(hs) != SIDE_CLIENT)) {
        forget_missing(p, hs);
        return;
    }
    name_carrier(p, hs);
    hs->carrier_not_offered = true;
    p->declined = true;
}

bool prelude_is_due(const struct prelude *p, const struct handshake *hs)
{
    if (p->declined || p->refused) {
        return true;
    }
    return p->state && p->dissector && p->state->asked && !p->not_tls &&
           is_unanswered(hs);
}

void prelude_tls_begins(struct prelude *p, struct handshake *hs, tick_t when,
                        uint64_t frame)
{
    struct moment at = {SIDE_SERVER, when, frame};
    forget_missing(p, hs);
    if (p->open && !p->declined) {
        note(hs, HS_CARRIER_OK, at);
        p->open = false;
    }
}

void prelude_accepted(struct prelude *p, struct handshake *hs, tick_t when,
                      uint64_t frame)
{
    if (p->declined) {
        hs_withdraw(hs, HS_CARRIER_REFUSED);
        p->declined = false;
        prelude_tls_begins(p, hs, when, frame);
    }
}

void prelude_retract(struct prelude *p, struct handshake *hs)
{
    hs_withdraw(hs, HS_CARRIER);
    hs->carrier = "direct";
    hs->carrier_request = NULL;
    hs->carrier_asked = (struct span){NULL, 0};
    p->carrier = NULL;
    p->open = false;
}

bool prelude_unwrap(struct prelude *p, unsigned dir, struct span *bytes,
                    struct span *tls)
{
    struct cursor c = cursor_open(*bytes);
    if (!p->dissector || !p->dissector->unwrap) {
        *tls = *bytes;
        *bytes = (struct span){bytes->p, 0};
        return tls->n > 0;
    }
    bool got = p->dissector->unwrap(
        p->state, dir == 0 ? SIDE_CLIENT : SIDE_SERVER, &c, tls);
    *bytes = cursor_rest(&c);
    return got;
}
