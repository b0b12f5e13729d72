/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two things show only after the handshake. Some clients compare names and
 * dates then, and hang up (curl, wget, Node.js, OkHttp, .NET). And some servers
 * turn a client's certificate down in their own protocol: nginx finishes the
 * handshake and answers HTTP 400 (ngx_http_ssl_module, ssl_verify_client), IIS
 * 403.7. Only facts are said here, and only what does not depend on whose trust
 * store is asked.
 */
#include "judge/notes.h"

#include <stdarg.h>
#include <stdio.h>

#include "judge/hypothesis.h"
#include "judge/say.h"

static void note(struct text_list *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct text_list *out, const char *fmt, ...)
{
    char line[SENTENCE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    text_list_add(out, line);
}

static void note_server(const struct facts *f, struct text_list *out)
{
    const struct cert *c = f->leaf;
    if (f->faults & FAULT_NAME) {
        note(out, "the client asked for %s, and the certificate is for %s",
             say_server(f->hs).s, say_names(c).s);
    }
    if (f->faults & FAULT_EXPIRED) {
        note(out, "the certificate for %s was valid until %s", say_names(c).s,
             say_date(c->not_after).s);
    }
    if (f->faults & FAULT_NOT_YET_VALID) {
        note(out, "the certificate for %s is valid only from %s",
             say_names(c).s, say_date(c->not_before).s);
    }
    if (f->faults & FAULT_USAGE) {
        note(out, "the certificate for %s is not meant for servers",
             say_names(c).s);
    }
    if (out->n && f->end->late_rejection_possible) {
        note(out, "the client then closed without sending any data, as clients "
                  "do that look at the certificate only after the handshake");
    }
}

static void note_client(const struct facts *f, struct text_list *out)
{
    const struct cert *c = f->client_leaf;
    if (f->client_auth_asked && f->client_auth_empty) {
        note(out, "the server asked for a client certificate and got none; "
                  "where it wants one all the same it says so in its own "
                  "protocol (nginx: HTTP 400), which is encrypted");
    } else if (c && c->not_after != INT64_MAX && f->when > c->not_after) {
        note(out,
             "the client's certificate %s was valid until %s; servers that "
             "mind without an alert say so in their own protocol (nginx: "
             "HTTP 400)",
             say_name(&c->subject).s, say_date(c->not_after).s);
    }
}

void notes_of_success(const struct facts *f, struct text_list *out)
{
    if (f->end->resumed) {
        return;
    }
    if (f->leaf) {
        note_server(f, out);
    }
    note_client(f, out);
}
