/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH TLS of FTP's control connection (RFC 4217 section 4), also under its
 * older names SSL, TLS-C and TLS-P. Data connections are connections of their
 * own.
 */
#include "dissectors/carrier_read.h"

static enum carrier_fit probe(const struct carrier_opening *o)
{
    static const char *const certain[] = {"AUTH TLS", "AUTH SSL", NULL};
    static const char *const usual[] = {"USER ", "FEAT\r\n", "SYST\r\n",
                                        "OPTS ", "HOST ",    NULL};
    enum carrier_fit greeting = carrier_prefix(o->server, "220");
    if (o->client.n == 0) {
        return greeting == FIT_NO ? FIT_NO : FIT_MORE;
    }
    enum carrier_fit fit = carrier_prefixes(o->client, certain);
    if (fit == FIT_NO && carrier_prefixes(o->client, usual) != FIT_NO) {
        return greeting == FIT_YES ? carrier_prefixes(o->client, usual)
                                   : greeting;
    }
    return fit;
}

static bool is_auth_tls(struct span line)
{
    if (!carrier_command(line, "AUTH")) {
        return false;
    }
    struct span mechanism = carrier_word(line, 1);
    return carrier_begins(mechanism, "TLS") || carrier_begins(mechanism, "SSL");
}

enum { LOGGED_IN = 1 };

/* No code means that, so their words count: vsftpd 530, ProFTPD 550, Pure-FTPd
 * 421, IIS 534. Behind a login they may be about files. */
static void watch_demand(struct carrier *s, unsigned code, struct span line)
{
    bool about_tls = carrier_has_word(line, "SSL") ||
                     carrier_has_word(line, "TLS") ||
                     carrier_has_word(line, "encryption");
    if (code == 230) {
        s->flags |= LOGGED_IN;
        s->demands = false;
    } else if (code >= 400 && about_tls && !(s->flags & LOGGED_IN)) {
        carrier_demand(s, line);
    }
}

static enum carrier_step reply(struct carrier *s, struct span line)
{
    unsigned code = carrier_reply(s, line);
    watch_demand(s, code, line);
    /* 1xx announces another reply to the same command. */
    if (code < 200 || !carrier_answered(s)) {
        return CARRIER_GO_ON;
    }
    carrier_note(s, line);
    if (code == 234 || code == 334) {
        return CARRIER_GRANTED;
    }
    if (code < 400) { /* not an answer to AUTH: replies were missed */
        s->asked = true;
        return CARRIER_GO_ON;
    }
    return CARRIER_REFUSED;
}

static enum carrier_step feed(struct carrier *s, enum side side,
                              struct cursor *c)
{
    struct span line;
    if (!carrier_line(&s->buf[side], c, &line)) {
        return CARRIER_GO_ON;
    }
    if (side == SIDE_SERVER) {
        return reply(s, line);
    }
    if (is_auth_tls(line)) {
        return carrier_ask(s);
    }
    s->owed++;
    return CARRIER_GO_ON;
}

const struct dissector ftp_dissector = {
    .name = "ftp",
    .carrier = "starttls-ftp",
    .request = "AUTH TLS (FTP)",
    .takes_turns = true,
    .probe = probe,
    .feed = feed,
};
