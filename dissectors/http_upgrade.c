/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upgrade to TLS within HTTP/1.1 (RFC 2817), as printing over IPP asks for it.
 * Other upgrades (WebSocket, h2c) are none of ours. A server may pass over one
 * that is only offered (section 3.1); that is no refusal.
 */
#include "dissectors/carrier_read.h"

enum { AT_LINE, IN_HEADERS };
enum { UPGRADE = 1, GRANTED = 2, MANDATORY = 4 };

static bool asks(struct span headers)
{
    static const char name[] = "\nUpgrade:";
    for (size_t at = 0; at < headers.n; at++) {
        struct span rest = span_sub(headers, at, headers.n);
        if (carrier_begins(rest, name)) {
            return carrier_has(span_sub(rest, sizeof name - 1, 32), "TLS/");
        }
    }
    return false;
}

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const methods[] = {"GET ",  "OPTIONS ", "POST ",
                                          "HEAD ", "PUT ",     NULL};
    if (o->server.n && o->client.n == 0) {
        return FIT_NO;
    }
    enum carrier_fit fit = carrier_prefixes(o->client, methods);
    if (fit != FIT_YES || asks(o->client)) {
        return fit;
    }
    return o->server.n || carrier_has(o->client, "\r\n\r\n") ? FIT_NO
                                                             : FIT_MORE;
}

static enum carrier_step request(struct carrier *s, struct span line)
{
    if (s->step == AT_LINE) {
        struct span target = carrier_word(line, 1);
        s->step = IN_HEADERS;
        s->busy = true;
        s->flags = carrier_command(line, "OPTIONS") ? MANDATORY : 0;
        carrier_target(s, "Upgrade to TLS for %.*s", (int)target.n,
                       target.n ? (const char *)target.p : "");
        return CARRIER_GO_ON;
    }
    if (carrier_begins(line, "Upgrade:") && carrier_has(line, "TLS/")) {
        s->flags |= UPGRADE;
    }
    if (line.n) {
        return CARRIER_GO_ON;
    }
    bool upgrade = s->flags & UPGRADE;
    s->step = AT_LINE;
    s->flags &= MANDATORY;
    s->busy = false;
    s->asked = upgrade;
    return upgrade ? CARRIER_ASKED : CARRIER_NOT_TLS;
}

static enum carrier_step answer(struct carrier *s, struct span line)
{
    if (!s->asked) {
        return CARRIER_GO_ON;
    }
    if (s->flags & GRANTED) {
        s->asked = line.n > 0;
        return line.n ? CARRIER_GO_ON : CARRIER_GRANTED;
    }
    uint32_t code = carrier_number(carrier_word(line, 1));
    if (!carrier_begins(line, "HTTP/") || code < 101 || code > 999) {
        return CARRIER_GO_ON;
    }
    carrier_note(s, line);
    if (code == 101) {
        s->flags |= GRANTED;
        return CARRIER_GO_ON;
    }
    s->asked = false;
    return s->flags & MANDATORY ? CARRIER_REFUSED : CARRIER_NOT_TLS;
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

const struct dissector http_upgrade_dissector = {
    .name = "http_upgrade",
    .carrier = "starttls-http",
    .request = "the upgrade to TLS (HTTP)",
    .probe = probe,
    .feed = feed,
};
