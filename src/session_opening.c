/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding TLS in a watched connection: the first bytes of both sides are kept,
 * and the start of each turn and segment is tried for a ClientHello, so that it
 * is found on any port and behind STARTTLS, CONNECT and the like.
 */
#include "base/limits.h"
#include "dissectors/dissector.h"
#include "known/known.h"
#include "session_state.h"

/* ---- first words ---- */

/* Room for one word more, in powers of two: a direction may begin byte by
 * byte. */
static bool opening_room(struct session *s, struct opening *o, size_t want)
{
    size_t size = o->size ? o->size : 64;
    while (size < want) {
        size *= 2;
    }
    if (size == o->size) {
        return true;
    }
    uint8_t *p = arena_room(&s->hs.arena, size);
    if (!p) {
        return false;
    }
    if (o->n) {
        memcpy(p, o->p, o->n);
    }
    o->p = p;
    o->size = (uint16_t)size;
    return true;
}

/* Keeps what a direction says in its first turn, however it is cut into
 * segments. */
static void keep_opening(struct session *s, unsigned dir, struct span bytes)
{
    struct opening *o = &s->opening[dir];
    o->over = o->over || (o->n && s->opening[1 - dir].n && s->said != dir);
    s->said = (uint8_t)dir;
    size_t room = HS_FIRST_BYTES - (size_t)o->n;
    size_t n = bytes.n < room ? bytes.n : room;
    if (o->over || !n || !opening_room(s, o, o->n + n)) {
        return;
    }
    memcpy(o->p + o->n, bytes.p, n);
    o->n = (uint16_t)(o->n + n);
    s->hs.raw[first_of(s, dir)] = span_of(o->p, o->n);
}

/* ---- finding TLS ---- */

static void swap_sides(struct session *s)
{
    struct hs_dir d = s->hs.dir[0];
    s->hs.dir[0] = s->hs.dir[1];
    s->hs.dir[1] = d;
    bool syn = s->hs.syn_seen[0];
    s->hs.syn_seen[0] = s->hs.syn_seen[1];
    s->hs.syn_seen[1] = syn;
    bool fin = s->hs.fin_seen[0];
    s->hs.fin_seen[0] = s->hs.fin_seen[1];
    s->hs.fin_seen[1] = fin;
    bool rst = s->hs.rst_seen[0];
    s->hs.rst_seen[0] = s->hs.rst_seen[1];
    s->hs.rst_seen[1] = rst;
    struct span first = s->hs.raw[HS_RAW_CLIENT_FIRST];
    s->hs.raw[HS_RAW_CLIENT_FIRST] = s->hs.raw[HS_RAW_SERVER_FIRST];
    s->hs.raw[HS_RAW_SERVER_FIRST] = first;
    for (unsigned i = 0; i < s->hs.events_n; i++) {
        struct hs_event *e = &s->hs.events[i];
        e->side = e->side < SIDE_NONE ? (uint8_t)(1 - e->side) : e->side;
    }
    s->client_dir = 1 - s->client_dir;
    s->hs.client_swapped = !s->hs.client_swapped;
}

/* The server spoke first, in plaintext, and the client said nothing before its
 * hello: where both had spoken, they may have agreed on TLS in a protocol that
 * we do not know. */
static void note_banner(struct session *s, unsigned server_dir,
                        struct stamp hello)
{
    const struct prelude *p = &s->prelude;
    unsigned client_dir = 1 - server_dir;
    /* A hello in tiny segments began as something that was said. */
    bool answered =
        p->spoke[client_dir] && p->spoke_frame[client_dir] != hello.frame;
    if (p->spoke[server_dir] && !answered && !p->asked && !p->carrier) {
        hs_note(&s->hs, HS_PLAINTEXT, SIDE_SERVER, 0, 0,
                p->spoke_at[server_dir], p->spoke_frame[server_dir]);
    }
}

static void begin_tls(struct session *s, unsigned client_dir, struct stamp at,
                      bool hello)
{
    if (client_dir != s->client_dir) {
        swap_sides(s);
    }
    s->mode = MODE_TLS;
    if (hello) {
        s->hs.when_hello = at.when;
        note_banner(s, 1 - client_dir, at);
    }
    prelude_tls_begins(&s->prelude, &s->hs, at.when, at.frame);
}

/* What a server that has not shown any record says. */
static void server_begins(struct session *s, unsigned dir, struct span bytes,
                          struct stamp at)
{
    struct opening *o = &s->opening[dir];
    enum tls_probe probe = tls_probe(bytes);
    if (probe == TLS_PROBE_SERVER) {
        prelude_accepted(&s->prelude, &s->hs, at.when, at.frame);
    } else if (o->n || probe == TLS_PROBE_NO || probe == TLS_PROBE_MORE) {
        o->perhaps = o->perhaps || (!o->n && probe == TLS_PROBE_MORE);
        keep_opening(s, dir, bytes);
    }
}

void session_feed_tls(struct session *s, unsigned dir, struct span bytes,
                      struct stamp at, bool start)
{
    enum side side = side_of(s, dir);
    s->hs.server_began = s->hs.server_began || side == SIDE_SERVER;
    if (side == SIDE_SERVER && s->hs.record_version[side] == UNSEEN_U16) {
        server_begins(s, dir, bytes, at);
    }
    tls_feed(&s->tls, &s->hs, side, bytes, at.when, at.frame, start);
    struct opening *o = &s->opening[dir];
    if (o->perhaps && s->hs.record_version[side] != UNSEEN_U16) {
        o->perhaps = false;
        o->n = 0;
        s->hs.raw[first_of(s, dir)] = (struct span){NULL, 0};
    }
}

/* A load balancer's health check by TCP says whom it asks for, and leaves
 * (HAProxy: check-send-proxy). */
static bool is_check(const struct session *s)
{
    return s->sender[0].fin_noted && s->prelude.carrier &&
           strcmp(s->prelude.carrier, "proxy-protocol") == 0;
}

/* HTTP's "400 Bad Request" to what was no HTTP: nginx and others answer so in
 * place of TLS, whatever they got. */
static bool is_bad_request(const struct session *s)
{
    const struct prelude *p = &s->prelude;
    struct span first = s->hs.raw[HS_RAW_SERVER_FIRST];
    bool http = p->client && strcmp(p->client, "http") == 0;
    bool line = first.n && memchr(first.p, '\n', first.n);
    return p->spoke[1] && !http && line &&
           (span_starts(first, "HTTP/1.1 400") ||
            span_starts(first, "HTTP/1.0 400"));
}

/* The server closed without a word, as OpenSSL's do, and the client had not
 * said goodbye before. */
static bool is_hung_up(const struct session *s)
{
    const struct sender *server = &s->sender[1];
    return !s->prelude.spoke[1] && !s->sender[0].rst_noted &&
           (server->fin_noted || server->rst_noted);
}

enum refusal session_refused(const struct session *s, const struct flow *f)
{
    const struct prelude *p = &s->prelude;
    if (!p->spoke[0] || p->asked || is_check(s) ||
        !(is_hung_up(s) || is_bad_request(s))) {
        return REFUSAL_NONE;
    }
    if (p->client && known_tls_port(f->end[1].port)) {
        return REFUSAL_CERTAIN;
    }
    bool whole = !s->hs.midstream && !s->sender[0].fin_noted && !p->carrier &&
                 !p->missing && !p->declined;
    return whole ? REFUSAL_PERHAPS : REFUSAL_NONE;
}

/* What the client said before the server's alert: plaintext, or records that
 * are no hello. */
static void feed_client_first(struct session *s, unsigned client)
{
    tls_feed(&s->tls, &s->hs, SIDE_CLIENT, s->hs.raw[first_of(s, client)],
             s->prelude.spoke_at[client], s->prelude.spoke_frame[client], true);
}

#define TLS_ALERT_RECORD 21u

/* An alert is the first that comes from where a proxy would answer: the port is
 * no proxy's but speaks TLS, to which what the client asked for is no record.
 * Where something is missing, that may be the answer. */
static bool is_no_proxy(const struct session *s, unsigned server,
                        struct span bytes)
{
    const struct prelude *p = &s->prelude;
    struct span kept = s->hs.raw[first_of(s, server)];
    struct span first = kept.n ? kept : bytes;
    bool whole = !s->hs.dir[0].gap_bytes && !s->hs.dir[1].gap_bytes;
    return whole && p->open && p->dissector && p->dissector->tunnel &&
           span_u8(first, 0) == TLS_ALERT_RECORD;
}

/* A TLS record where the other side has not spoken TLS: tells what we missed,
 * or that a plaintext client met a TLS server. An alert to a client that
 * connected and left without a word is reaction to a probe. */
static void server_speaks(struct session *s, unsigned dir, struct span bytes,
                          struct stamp at, bool start)
{
    unsigned client = 1 - dir;
    bool spoke = s->stream[client].started && s->prelude.spoke[client];
    if (!spoke && s->sender[client].fin_noted) {
        s->prelude_done = true;
        return;
    }
    if (spoke && is_no_proxy(s, dir, bytes)) {
        prelude_retract(&s->prelude, &s->hs);
    }
    begin_tls(s, client, at, false);
    if (spoke && !s->prelude.carrier) {
        feed_client_first(s, client);
    }
    session_feed_tls(s, dir, bytes, at, start);
}

static bool try_start(struct session *s, unsigned dir, struct span bytes,
                      struct stamp at, struct stamp first_at, bool start)
{
    switch (tls_probe(bytes)) {
    case TLS_PROBE_CLIENT_HELLO:
    case TLS_PROBE_V2_HELLO:
        begin_tls(s, dir, first_at, true);
        session_feed_tls(s, dir, bytes, at, start);
        return true;
    case TLS_PROBE_SERVER:
        server_speaks(s, dir, bytes, at, start);
        return true;
    case TLS_PROBE_NO:
    case TLS_PROBE_MORE:
    case TLS_PROBE_RECORD:
        break;
    }
    return false;
}

/* Collects the first bytes of a turn, so that a hello in tiny segments is
 * found too. */
static bool try_turn(struct session *s, unsigned dir, struct span bytes,
                     struct stamp at)
{
    struct sender *w = &s->sender[dir];
    if (s->last_dir != (int)dir) {
        w->turn_n = 0;
        w->turn_no = false;
        w->turn_at = at;
    }
    if (w->turn_no) {
        return false;
    }
    uint8_t joined[TURN_BYTES];
    memcpy(joined, w->turn, w->turn_n);
    struct span part = span_sub(bytes, 0, TURN_BYTES - w->turn_n);
    if (part.n) {
        memcpy(joined + w->turn_n, part.p, part.n);
    }
    size_t n = w->turn_n + part.n;
    enum tls_probe probe = tls_probe(span_of(joined, n));
    if (w->turn_n == 0 || probe == TLS_PROBE_NO || probe == TLS_PROBE_RECORD) {
        w->turn_no = probe == TLS_PROBE_NO || probe == TLS_PROBE_RECORD;
        memcpy(w->turn, joined, n);
        w->turn_n = (uint8_t)n;
        return try_start(s, dir, bytes, at, w->turn_at, true);
    }
    if (probe == TLS_PROBE_MORE) {
        memcpy(w->turn, joined, n);
        w->turn_n = (uint8_t)n;
        return false;
    }
    /* Decided by what was kept: that goes first, then the rest. */
    struct span kept = span_of(joined, n);
    struct span rest = span_sub(bytes, part.n, bytes.n);
    if (!try_start(s, dir, kept, at, w->turn_at, true)) {
        return false;
    }
    if (rest.n) {
        session_feed_tls(s, dir, rest, at, false);
    }
    return true;
}

/* A header or request may share its segment with the hello: behind it begins a
 * turn of its own. */
static bool prelude_leads_on(struct session *s, unsigned dir, struct span bytes,
                             struct stamp at)
{
    size_t n;
    while ((n = prelude_feed(&s->prelude, &s->hs, dir, bytes, at.when,
                             at.frame)) > 0) {
        bytes = span_sub(bytes, n, bytes.n);
        s->last_dir = -1;
        if (bytes.n == 0) {
            break;
        }
        if (try_turn(s, dir, bytes, at)) {
            return true;
        }
        s->last_dir = (int)dir;
    }
    return false;
}

void session_feed_prelude(struct session *s, unsigned dir, struct span bytes,
                          struct stamp at, bool start)
{
    s->prelude_bytes += (uint32_t)bytes.n;
    s->prelude_segments++;
    bool begun = try_turn(s, dir, bytes, at) ||
                 (start && try_start(s, dir, bytes, at, at, true));
    s->last_dir = (int)dir;
    if (begun) {
        return;
    }
    keep_opening(s, dir, bytes);
    if (prelude_leads_on(s, dir, bytes, at)) {
        return;
    }
    switch (prelude_verdict(&s->prelude, &s->hs)) {
    case PRELUDE_GO_ON:
        break;
    case PRELUDE_TLS_PORT: /* the server says that it wanted TLS */
        s->mode = MODE_TLS;
        hs_note(&s->hs, HS_PLAINTEXT, SIDE_CLIENT, 0, 0, s->prelude.spoke_at[0],
                s->prelude.spoke_frame[0]);
        hs_note(&s->hs, HS_PLAINTEXT, SIDE_SERVER, 0, 0, at.when, at.frame);
        break;
    case PRELUDE_REFUSED:
        s->mode = MODE_TLS;
        break;
    case PRELUDE_NOT_TLS: /* unless an alert begins here */
        s->prelude_done =
            tls_probe(s->hs.raw[HS_RAW_SERVER_FIRST]) != TLS_PROBE_MORE;
        break;
    }
    if (s->prelude_bytes > LIMIT_PRELUDE_BYTES ||
        s->prelude_segments > LIMIT_PRELUDE_SEGMENTS) {
        s->prelude_done = true;
    }
}
