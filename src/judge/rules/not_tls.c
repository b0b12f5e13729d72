/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side does not speak TLS: what it sent first is no TLS record (RFC 8446
 * section 5.1).
 */
#include "judge/facts.h"
#include "judge/say.h"

/* "an HTTP", "an SSH": protocol words as they come, in lower case. */
static const char *word(const struct facts *f)
{
    return f->hs->peer_protocol ? f->hs->peer_protocol : NULL;
}

/* The first line of what was sent, for the evidence. */
static struct say first_line(struct span s)
{
    size_t n = 0;
    while (n < s.n && n < 80 && s.p[n] >= 0x20 && s.p[n] < 0x7f) {
        n++;
    }
    return say_span(span_sub(s, 0, n));
}

static void quote(const struct facts *f, struct hypothesis *h,
                  enum hs_raw which, const char *who)
{
    struct say line = first_line(f->hs->raw[which]);
    if (strlen(line.s) >= 3) {
        hypothesis_because(h, "the %s's first bytes are \"%s\"", who, line.s);
    } else {
        hypothesis_because(h, "the %s's first bytes are no TLS record", who);
    }
}

static void server_plain(const struct facts *f, struct hypotheses *hy,
                         bool header)
{
    struct hypothesis *h =
        hypothesis_add(hy, "server_not_tls",
                       header ? CONF_LIKELY : CONF_CERTAIN, header ? 70 : 92);
    if (word(f)) {
        hypothesis_reason(h, "the server does not speak TLS on port %u but %s",
                          f->hs->addr[SIDE_SERVER].port, word(f));
    }
    quote(f, h, HS_RAW_SERVER_FIRST, "server");
}

static void client_plain(const struct facts *f, struct hypotheses *hy)
{
    /* A server that said nothing may not want TLS either. */
    bool told = f->hs->dir[SIDE_SERVER].bytes > 0 || f->server.successes > 0;
    struct hypothesis *h = hypothesis_add(
        hy, "client_not_tls", told ? CONF_CERTAIN : CONF_LIKELY, 92);
    if (word(f)) {
        hypothesis_reason(h, "the client spoke %s instead of TLS to port %u",
                          word(f), f->hs->addr[SIDE_SERVER].port);
    }
    quote(f, h, HS_RAW_CLIENT_FIRST, "client");
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
