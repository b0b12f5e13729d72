/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plaintext part in front of TLS: tells the carrier (RFC 3207 SMTP, RFC
 * 9051 IMAP, RFC 2595 POP3, RFC 4217 FTP, RFC 4511 LDAP, RFC 6120 XMPP, RFC
 * 9110 CONNECT, RFC 1928 SOCKS 5, PostgreSQL's SSLRequest, MySQL's SSL flag,
 * RDP's X.224, the PROXY protocol) and whether TLS or the tunnel was refused.
 * It does not need to understand the protocols any further: TLS itself is found
 * by its own first bytes.
 */
#include "dissectors/prelude.h"

#include "known/known.h"

#include <strings.h>

#define LINE_BYTES 200u /* of a reply that is kept as evidence */

/* ---- small text helpers ---- */

static bool has_prefix_nocase(struct span s, const char *word)
{
    size_t n = strlen(word);
    return s.n >= n && strncasecmp((const char *)s.p, word, n) == 0;
}

static bool contains_nocase(struct span s, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++) {
        if (has_prefix_nocase(span_sub(s, i, n), word)) {
            return true;
        }
    }
    return false;
}

static struct span first_line(struct span s)
{
    size_t n = 0;
    struct cursor c = cursor_open(s);
    while (cursor_left(&c) && n < LINE_BYTES) {
        uint8_t b = cursor_u8(&c, "line");
        if (b == '\r' || b == '\n') {
            break;
        }
        n++;
    }
    return span_sub(s, 0, n);
}

static void keep_note(struct handshake *hs, struct span line)
{
    if (!hs->carrier_note.n) {
        hs->carrier_note = arena_copy(&hs->arena, line);
    }
}

static void ask(struct prelude *p, struct handshake *hs, unsigned dir,
                const char *carrier, tick_t when, uint64_t frame)
{
    if (!p->asked) {
        hs_note(hs, HS_CARRIER, dir == 0 ? SIDE_CLIENT : SIDE_SERVER, 0, 0,
                when, frame);
    }
    p->asked = true;
    p->carrier = carrier;
}

static void refuse(struct prelude *p, struct handshake *hs, unsigned dir,
                   struct span line, tick_t when, uint64_t frame)
{
    if (p->refused) {
        return;
    }
    p->refused = true;
    hs->carrier_note = arena_copy(&hs->arena, line);
    hs->carrier = p->carrier ? p->carrier : hs->carrier;
    hs_note(hs, HS_CARRIER_REFUSED, dir == 0 ? SIDE_CLIENT : SIDE_SERVER, 0, 0,
            when, frame);
}

/* ---- what the client asks for ---- */

/* The command that asks for TLS, by what the server's greeting is. */
static const char *starttls_carrier(const struct prelude *p, struct span line)
{
    if (has_prefix_nocase(line, "STARTTLS")) {
        if (p->server && strcmp(p->server, "pop3") == 0) {
            return "starttls-pop3";
        }
        if (p->client && strcmp(p->client, "nntp") == 0) {
            return "starttls-nntp";
        }
        return p->server && strcmp(p->server, "sieve") == 0 ? "starttls-sieve"
                                                            : "starttls-smtp";
    }
    if (has_prefix_nocase(line, "STLS")) {
        return "starttls-pop3";
    }
    if (has_prefix_nocase(line, "AUTH TLS") ||
        has_prefix_nocase(line, "AUTH SSL")) {
        return "starttls-ftp";
    }
    if (contains_nocase(line, "<starttls")) {
        return "starttls-xmpp";
    }
    /* IMAP: a tag, a blank, STARTTLS. */
    for (size_t i = 1; i + 9 <= line.n && i < 32; i++) {
        if (line.p[i] == ' ') {
            return has_prefix_nocase(span_sub(line, i + 1, 8), "STARTTLS")
                       ? "starttls-imap"
                       : NULL;
        }
    }
    return NULL;
}

/* LDAP's extended request carries this name (RFC 4511 section 4.14.1). */
static const char ldap_starttls_oid[] = "1.3.6.1.4.1.1466.20037";

static bool is_ssl_request(struct span s)
{
    static const uint8_t want[8] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
    return s.n >= 8 && memcmp(s.p, want, sizeof want) == 0;
}

/* MySQL: a short client packet, number 1, with CLIENT_SSL (0x0800) set. */
static bool is_mysql_ssl_request(const struct prelude *p, struct span s)
{
    struct cursor c = cursor_open(s);
    uint16_t low = cursor_le16(&c, "length");
    uint8_t high = cursor_u8(&c, "length");
    uint8_t number = cursor_u8(&c, "sequence");
    uint16_t flags = cursor_le16(&c, "capabilities");
    return cursor_ok(&c) && p->server && strcmp(p->server, "mysql") == 0 &&
           low == 32 && high == 0 && number == 1 && (flags & 0x0800);
}

static void client_asks(struct prelude *p, struct handshake *hs, unsigned dir,
                        struct span s, tick_t when, uint64_t frame)
{
    struct span line = first_line(s);
    const char *carrier = NULL;
    if (has_prefix_nocase(line, "CONNECT ")) {
        carrier = "http-connect";
        keep_note(hs, line);
    } else if (is_ssl_request(s)) {
        carrier = "starttls-postgresql";
    } else if (is_mysql_ssl_request(p, s)) {
        carrier = "starttls-mysql";
    } else if (s.n >= 11 && s.p[0] == 3 && s.p[1] == 0 && s.p[5] == 0xe0) {
        carrier = "starttls-rdp";
    } else if (contains_nocase(span_sub(s, 0, 128), ldap_starttls_oid)) {
        carrier = "starttls-ldap";
    } else {
        carrier = starttls_carrier(p, line);
    }
    if (carrier) {
        ask(p, hs, dir, carrier, when, frame);
    }
}

/* SOCKS 5 (RFC 1928): greeting 05 n methods, then request 05 01 00; SOCKS 4:
 * 04 01 port address user. */
static void client_socks(struct prelude *p, struct handshake *hs, unsigned dir,
                         struct span s, tick_t when, uint64_t frame)
{
    bool v5 = s.n >= 3 && s.p[0] == 5 && s.n >= (size_t)s.p[1] + 2;
    bool v4 = s.n >= 9 && s.p[0] == 4 && s.p[1] == 1;
    if (!p->spoke[dir] && (v5 || v4)) {
        p->step = v5 ? 5 : 4;
        ask(p, hs, dir, "socks", when, frame);
    }
}

/* ---- what the other side answers ---- */

static bool status_is(struct span line, char digit)
{
    return has_prefix_nocase(line, "HTTP/1.") && line.n > 9 &&
           (char)line.p[9] == digit;
}

/* FTP 234, SMTP 220, POP3 +OK, IMAP "tag OK" are yes; 4xx, 5xx, -ERR, NO and
 * BAD are no. */
static bool reply_refuses(const char *carrier, struct span line)
{
    if (strcmp(carrier, "starttls-postgresql") == 0) {
        return line.n == 1 && (line.p[0] == 'N' || line.p[0] == 'E');
    }
    if (strcmp(carrier, "starttls-pop3") == 0) {
        return has_prefix_nocase(line, "-ERR");
    }
    if (strcmp(carrier, "starttls-imap") == 0) {
        for (size_t i = 1; i < line.n && i < 32; i++) {
            if (line.p[i] == ' ') {
                struct span word = span_sub(line, i + 1, 4);
                return has_prefix_nocase(word, "NO ") ||
                       has_prefix_nocase(word, "BAD ");
            }
        }
        return false;
    }
    if (strcmp(carrier, "starttls-xmpp") == 0) {
        return contains_nocase(line, "<failure");
    }
    return (strcmp(carrier, "starttls-smtp") == 0 ||
            strcmp(carrier, "starttls-ftp") == 0 ||
            strcmp(carrier, "starttls-nntp") == 0) &&
           line.n >= 3 && (line.p[0] == '4' || line.p[0] == '5');
}

static void socks_answers(struct prelude *p, struct handshake *hs, unsigned dir,
                          struct span s, tick_t when, uint64_t frame)
{
    bool v4_no = p->step == 4 && s.n >= 2 && s.p[0] == 0 && s.p[1] > 90;
    bool v5_no = p->step == 5 && s.n >= 2 && s.p[0] == 5 &&
                 (s.p[1] == 0xff || (s.n >= 7 && s.p[1] != 0));
    if (v4_no || v5_no) {
        refuse(p, hs, dir, (struct span){NULL, 0}, when, frame);
    }
}

static void server_answers(struct prelude *p, struct handshake *hs,
                           unsigned dir, struct span s, tick_t when,
                           uint64_t frame)
{
    struct span line = first_line(s);
    if (strcmp(p->carrier, "http-connect") == 0) {
        if (status_is(line, '2')) {
            p->granted = true;
        } else if (status_is(line, '3') || status_is(line, '4') ||
                   status_is(line, '5')) {
            refuse(p, hs, dir, line, when, frame);
        }
    } else if (strcmp(p->carrier, "socks") == 0) {
        socks_answers(p, hs, dir, s, when, frame);
    } else if (reply_refuses(p->carrier, line)) {
        refuse(p, hs, dir, line, when, frame);
    }
}

/* Servers that say in plain words that they wanted TLS: nginx, Apache httpd,
 * Go's net/http. */
static bool wants_tls(struct span s)
{
    return contains_nocase(s, "HTTP request was sent to HTTPS port") ||
           contains_nocase(s, "HTTP to an SSL-enabled server port") ||
           contains_nocase(s, "HTTP request to an HTTPS server");
}

/* ---- PROXY protocol ---- */

static size_t proxy_header(struct span s)
{
    static const uint8_t v2[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                   0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
    if (span_starts(s, "PROXY ")) {
        struct span line = first_line(s);
        return line.n + 2 <= s.n ? line.n + 2 : 0;
    }
    if (s.n >= 16 && memcmp(s.p, v2, sizeof v2) == 0) {
        size_t n = 16u + (size_t)(s.p[14] << 8 | s.p[15]);
        return n <= s.n ? n : 0;
    }
    return 0;
}

/* ---- entry points ---- */

size_t prelude_feed(struct prelude *p, struct handshake *hs, unsigned dir,
                    struct span bytes, tick_t when, uint64_t frame)
{
    size_t skip = 0;
    if (!p->spoke[dir]) {
        const char *word = known_plaintext(bytes, dir == 1);
        if (dir == 0) {
            p->client = word;
            skip = proxy_header(bytes);
        } else {
            p->server = word;
        }
    }
    if (skip) {
        p->carrier = "proxy-protocol";
        keep_note(hs, first_line(bytes));
    } else if (dir == 0) {
        client_socks(p, hs, dir, bytes, when, frame);
        client_asks(p, hs, dir, bytes, when, frame);
    } else if (p->asked && p->carrier) {
        server_answers(p, hs, dir, bytes, when, frame);
    }
    if (dir == 1 && !p->spoke[1] && p->spoke[0] && !p->asked) {
        p->tls_port = wants_tls(bytes);
    }
    if (!p->spoke[dir]) {
        p->spoke[dir] = true;
        p->spoke_at[dir] = when;
        p->spoke_frame[dir] = frame;
    }
    return skip;
}

/* Protocols that TLS never follows on. */
static bool hopeless(const char *client)
{
    static const char *const words[] = {"http", "ssh", "redis", "mqtt"};
    for (size_t i = 0; client && i < sizeof words / sizeof *words; i++) {
        if (strcmp(client, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

enum prelude_verdict prelude_verdict(const struct prelude *p,
                                     const struct handshake *hs)
{
    (void)hs;
    if (p->tls_port) {
        return PRELUDE_TLS_PORT;
    }
    if (p->refused) {
        return PRELUDE_REFUSED;
    }
    if (p->spoke[0] && p->spoke[1] && !p->asked && hopeless(p->client)) {
        return PRELUDE_NOT_TLS;
    }
    return PRELUDE_GO_ON;
}

void prelude_tls_begins(struct prelude *p, struct handshake *hs, tick_t when,
                        uint64_t frame)
{
    if (p->carrier) {
        hs->carrier = p->carrier;
    }
    if (p->asked) {
        hs_note(hs, HS_CARRIER_OK, SIDE_SERVER, 0, 0, when, frame);
    }
}
