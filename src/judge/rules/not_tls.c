/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side does not speak TLS: what it sent first is no TLS record (RFC 8446
 * section 5.1).
 */
#include "judge/advice_when.h"
#include "judge/facts.h"
#include "judge/http_page.h"
#include "judge/say.h"

/* What the side that speaks no TLS speaks: "http", "ssh"; NULL: not known. */
static const char *word(const struct facts *f)
{
    return f->hs->peer_protocol;
}

/* The first bytes as they are: 2a 31 0d 0a */
static struct say as_hex(struct span s)
{
    static const char digit[] = "0123456789abcdef";
    struct say out = {{0}};
    char *p = out.s;
    for (size_t i = 0; i < s.n && i < 8; i++) {
        *p++ = digit[s.p[i] >> 4];
        *p++ = digit[s.p[i] & 15];
        *p++ = i + 1 < s.n && i < 7 ? ' ' : '\0';
    }
    return out;
}

static void quote(const struct facts *f, struct hypothesis *h,
                  enum hs_raw which, const char *who)
{
    struct span first = f->hs->raw[which];
    struct say line = say_line(first);
    if (strlen(line.s) >= 3) {
        hypothesis_because(h, "the %s's first bytes are \"%s\"", who, line.s);
    } else if (first.n) {
        hypothesis_because(h, "the %s's first bytes, %s, are no TLS record",
                           who, as_hex(first).s);
    } else {
        hypothesis_because(h, "the %s's first bytes are no TLS record", who);
    }
}

/* The server took STARTTLS, or what the protocol has for it. */
static bool has_agreed(const struct handshake *hs)
{
    return hs_find(hs, HS_CARRIER_OK, SIDE_NONE) &&
           carrier_starts(hs, "starttls");
}

/* A protocol that begins with its own banner and turns to TLS by a command, or
 * never, is where it belongs: the client took the wrong port, or way. On a port
 * that is TLS's own the server is at fault. */
static bool is_client_astray(const struct facts *f)
{
    static const char *const words[] = {"ssh",   "smtp", "imap",      "pop3",
                                        "ftp",   "nntp", "mysql",     "vnc",
                                        "sieve", "irc",  "postgresql"};
    if (has_agreed(f->hs)) {
        return false;
    }
    struct hs_target target;
    uint16_t port = hs_tunnel_target(f->hs, &target)
                        ? target.port
                        : f->hs->addr[SIDE_SERVER].port;
    if (known_tls_port(port)) {
        return false;
    }
    for (size_t i = 0; word(f) && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word(f), words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The headers of the answer are not its sender's: somebody else's words. */
static void page_injected(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "server_not_tls", CONF_POSSIBLE, 60);
    hypothesis_side(h, FIX_NETWORK);
    quote(f, h, HS_RAW_SERVER_FIRST, "answer");
}

/* A page that sends the client elsewhere. */
static void explain_page(const struct facts *f, struct hypothesis *h)
{
    struct span to = http_page_target(f->hs);
    if (to.n) {
        hypothesis_because(h, "it sends the client to %s", say_line(to).s);
    }
    if (http_page_is_portal(f->hs)) {
        hypothesis_reason(h, "the answer is not TLS but an HTTP page that "
                             "leads elsewhere, as captive portals and filters "
                             "send");
        hypothesis_because(h, "an HTTP server cannot read a request in a "
                              "ClientHello: who answers it like that says so "
                              "to everybody");
    } else if (to.n) {
        hypothesis_because(h, "servers that only send clients on to HTTPS do "
                              "so in plain HTTP");
    }
}

static void server_plain(const struct facts *f, struct hypotheses *hy,
                         bool header)
{
    if (f->end->by == BY_MIDDLEBOX) {
        page_injected(f, hy);
        return;
    }
    bool unsure = header || http_page_is_portal(f->hs);
    struct hypothesis *h =
        hypothesis_add(hy, "server_not_tls",
                       unsure ? CONF_LIKELY : CONF_CERTAIN, header ? 70 : 92);
    struct hs_target target;
    bool agreed = has_agreed(f->hs);
    if (agreed) {
        hypothesis_reason(h, "the server agreed to TLS and then went on "
                             "without it");
    } else if (word(f) && hs_tunnel_target(f->hs, &target)) {
        hypothesis_reason(h,
                          "behind the proxy %s does not speak TLS on port %u "
                          "but %s",
                          say_span(target.host).s, target.port, word(f));
    } else if (word(f)) {
        hypothesis_reason(h, "the server does not speak TLS on port %u but %s",
                          f->hs->addr[SIDE_SERVER].port, word(f));
    }
    if (is_client_astray(f)) {
        hypothesis_side(h, FIX_CLIENT);
    }
    if (!agreed) { /* else the first bytes are those of the prelude */
        quote(f, h, HS_RAW_SERVER_FIRST, "server");
    }
    explain_page(f, h);
}

static void client_plain(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    /* A server that said nothing may not want TLS either, nor does one that
     * answers in plaintext, unless it says so. */
    bool said = f->end->has_alert || hs_find(hs, HS_PLAINTEXT, SIDE_SERVER);
    bool told = said || (f->server.successes > 0 && word(f));
    struct hypothesis *h = hypothesis_add(
        hy, "client_not_tls", told ? CONF_CERTAIN : CONF_LIKELY, 92);
    if (word(f)) {
        hypothesis_reason(h, "the client spoke %s instead of TLS to port %u",
                          word(f), f->hs->addr[SIDE_SERVER].port);
    }
    quote(f, h, HS_RAW_CLIENT_FIRST, "client");
    if (!said && f->server.successes > 0) {
        hypothesis_because(h,
                           "on %u other connection%s the same port of the "
                           "server spoke TLS",
                           f->server.successes,
                           f->server.successes == 1 ? "" : "s");
    }
    struct span answer = hs->raw[HS_RAW_SERVER_FIRST];
    if (!f->end->has_alert && answer.n) {
        hypothesis_because(h, "the server answered \"%s\"", say_line(answer).s);
    }
}

/* A server that expects no PROXY header takes it for a broken record: most
 * close, nginx says 400, Erlang and GnuTLS say 10, NSS and wolfSSL 22,
 * rustls 50. */
static bool is_header_refused(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    const struct conclusion *end = f->end;
    uint16_t a = f->alert;
    bool alert = f->alert_by_server && (a == 10 || a == 22 || a == 50);
    bool close = end->by == BY_SERVER && !end->has_alert &&
                 (end->how == HOW_CLOSE || end->how == HOW_RESET ||
                  end->how == HOW_PLAINTEXT);
    return hs->carrier && strcmp(hs->carrier, "proxy-protocol") == 0 &&
           (f->phase == PHASE_HELLO || f->phase == PHASE_BEFORE) &&
           (alert || close) && !f->server.takes_header;
}

static void header_refused(struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "client_not_tls", CONF_LIKELY, 80);
    hypothesis_reason(h, "the server does not expect the PROXY header that "
                         "came before TLS");
    hypothesis_because(h, "the connection begins with a PROXY header, and the "
                          "server turned down what followed at once");
}

/* The other way round: a server that expects a header drops who has none. That
 * it does is told by clients who got through with one, unless others got
 * through without (Traefik, Envoy and others take both). */
static void header_missing(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    bool dropped = f->end->by == BY_SERVER && !f->end->has_alert &&
                   (f->end->how == HOW_CLOSE || f->end->how == HOW_RESET);
    if (!dropped || hs_find(hs, HS_CARRIER, SIDE_NONE) ||
        f->phase != PHASE_HELLO || !f->server.takes_header ||
        f->server.takes_bare) {
        return;
    }
    bool reset = f->end->how == HOW_RESET;
    struct hypothesis *h = hypothesis_add(
        hy, reset ? "client_hello_reset" : "server_closed", CONF_LIKELY, 80);
    hypothesis_reason(h, "the server expects a PROXY header before TLS, and "
                         "the client sent none");
    hypothesis_because(h, "on other connections this server took a PROXY "
                          "header and finished the handshake; this connection "
                          "begins with the ClientHello");
}

/* The server's first message is a ClientHello, too: the client's own, sent back
 * by a service that repeats what it gets (RFC 862), or that of another client.
 */
static void answered_by_hello(const struct facts *f, struct hypotheses *hy)
{
    enum { CLIENT_HELLO = 1 };
    const struct hs_event *e = hs_find(f->hs, HS_OTHER_HANDSHAKE, SIDE_SERVER);
    if (f->after_server_hello || !e || (e->aux & 0xff) != CLIENT_HELLO) {
        return;
    }
    if (e->aux & HS_RETURNED) {
        struct hypothesis *h =
            hypothesis_add(hy, "server_not_tls", CONF_LIKELY, 90);
        hypothesis_reason(h, "the server sends back what it gets: it echoes "
                             "and speaks no TLS");
        hypothesis_because(h,
                           "the server sent the client's own ClientHello, of "
                           "%u bytes, back to it%s",
                           e->len, say_frame(f->hs, e->frame).s);
        return;
    }
    struct hypothesis *h =
        hypothesis_add(hy, "unexpected_message", CONF_LIKELY, 90);
    hypothesis_reason(h, "both ends act as TLS clients");
    hypothesis_because(h,
                       "the other end answered the ClientHello with one of "
                       "its own%s",
                       say_frame(f->hs, e->frame).s);
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    bool hello = hs->offer.seen || hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT);
    if (hs_find(hs, HS_PLAINTEXT, SIDE_CLIENT) && !hello) {
        client_plain(f, hy);
        return;
    }
    bool header = is_header_refused(f);
    if (header) {
        header_refused(hy);
    }
    if (hello) {
        answered_by_hello(f, hy);
        header_missing(f, hy);
    }
    if (hs_find(hs, HS_PLAINTEXT, SIDE_SERVER) && !f->after_server_hello &&
        !hs_find(hs, HS_CARRIER_REFUSED, SIDE_NONE)) {
        server_plain(f, hy, header);
    } else if (hs_find(hs, HS_BAD_RECORD, SIDE_SERVER) && hello &&
               !f->server_answered) {
        struct hypothesis *h =
            hypothesis_add(hy, "server_not_tls", CONF_LIKELY, 75);
        hypothesis_because(h, "the server's first bytes are no TLS record");
    }
}

const struct rule not_tls_rule = {
    .name = "not_tls",
    .source = "RFC 8446 section 5.1; HAProxy proxy-protocol.txt section 2",
    .run = run,
};
