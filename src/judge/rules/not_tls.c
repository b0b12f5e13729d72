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

static void server_plain(const struct facts *f, struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "server_not_tls", CONF_CERTAIN, 92);
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

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    bool hello = hs->offer.seen || hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT);
    if (hs_find(hs, HS_PLAINTEXT, SIDE_CLIENT) && !hello) {
        client_plain(f, hy);
    } else if (hs_find(hs, HS_PLAINTEXT, SIDE_SERVER) &&
               !f->after_server_hello &&
               !hs_find(hs, HS_CARRIER_REFUSED, SIDE_NONE)) {
        server_plain(f, hy);
    } else if (hs_find(hs, HS_BAD_RECORD, SIDE_SERVER) && hello &&
               !f->server_answered) {
        struct hypothesis *h =
            hypothesis_add(hy, "server_not_tls", CONF_LIKELY, 75);
        hypothesis_because(h, "the server's first bytes are no TLS record");
    }
}

const struct rule not_tls_rule = {
    .name = "not_tls",
    .source = "RFC 8446 section 5.1",
    .run = run,
};
