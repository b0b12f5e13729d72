/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONNECT of HTTP/1 (RFC 9110 section 9.3.6). After 407 the client may ask
 * again on the same connection, now with credentials (RFC 9110 section 11.7.1);
 * what the proxy sent as a page is then passed over.
 */
#include "dissectors/carrier_read.h"

#include <stdio.h>

enum { AT_LINE, IN_HEADERS };
enum { GRANTED = 1, REFUSED = 2 };

static enum carrier_fit probe(const struct carrier_opening *o)
{
    if (o->server.n && o->client.n == 0) {
        return FIT_NO;
    }
    /* NATS has a command of that name, with an object behind it. */
    return carrier_begins(o->client, "CONNECT {")
               ? FIT_NO
               : carrier_prefix(o->client, "CONNECT ");
}

static enum carrier_step request(struct carrier *s, struct span line)
{
    if (s->step == IN_HEADERS) {
        if (line.n) {
            return CARRIER_GO_ON;
        }
        s->step = AT_LINE;
        s->busy = false;
        s->asked = true;
        s->flags = 0;
        carrier_clear(&s->buf[SIDE_SERVER]);
        return CARRIER_ASKED;
    }
    if (carrier_command(line, "CONNECT")) {
        struct span target = carrier_word(line, 1);
        carrier_target(s, "CONNECT %.*s", (int)target.n,
                       target.n ? (const char *)target.p : "");
        s->step = IN_HEADERS;
        s->busy = true;
    }
    return CARRIER_GO_ON;
}

/* Headers in which a proxy names itself (RFC 9110 sections 7.6.3 and 10.2.4;
 * the others are habits, the last one Squid's). True when this is one. */
static bool note_agent(struct carrier *s, struct span line)
{
    static const char *const headers[] = {
        "Via:", "Server:", "Proxy-Agent:", "X-Squid-Error:"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (carrier_begins(line, headers[i])) {
            size_t n = strlen(s->agent);
            snprintf(s->agent + n, sizeof s->agent - n, "%s%.*s", n ? "; " : "",
                     (int)line.n, (const char *)line.p);
            return true;
        }
    }
    return false;
}

/* Headers of a refusal, which was told already, tell who refused. */
static enum carrier_step after_refusal(struct carrier *s, struct span line)
{
    if (line.n == 0) {
        s->flags = 0; /* a page follows */
    }
    return (s->flags & REFUSED) && note_agent(s, line) ? CARRIER_REFUSED
                                                       : CARRIER_GO_ON;
}

static enum carrier_step answer(struct carrier *s, struct span line)
{
    if (!s->asked) {
        return after_refusal(s, line);
    }
    if (s->flags & GRANTED) {
        if (line.n) {
            note_agent(s, line);
            return CARRIER_GO_ON;
        }
        s->asked = false;
        return CARRIER_GRANTED;
    }
    uint32_t code = carrier_number(carrier_word(line, 1));
    if (!carrier_begins(line, "HTTP/") || code < 200 || code > 999) {
        return CARRIER_GO_ON; /* 1xx, or the rest of an earlier answer */
    }
    carrier_note(s, line);
    if (code < 300) {
        s->flags |= GRANTED;
        return CARRIER_GO_ON;
    }
    s->asked = false;
    s->challenged = code == 407;
    s->agent[0] = '\0';
    s->flags |= REFUSED;
    return CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct span line;
    if (!carrier_line(&s->buf[side], c, &line)) {
        return CARRIER_GO_ON;
    }
    return side == SIDE_CLIENT ? request(s, line) : answer(s, line);
}

const struct dissector http_connect_dissector = {
    .name = "http_connect",
    .carrier = "http-connect",
    .tunnel = true,
    .probe = probe,
    .feed = feed,
};
