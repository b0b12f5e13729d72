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

/* What is not trusted depends on whose roots are asked. */
static void note_chain(const struct facts *f, struct text_list *out)
{
    const struct cert_chain *chain = &f->hs->server_chain;
    const struct say issuer = say_name(&chain->v[chain->n - 1]->issuer);
    if (f->faults & FAULT_SELF_SIGNED) {
        note(out, "the certificate for %s is signed by itself",
             say_names(f->leaf).s);
    } else if (f->faults & FAULT_INCOMPLETE) {
        note(out,
             "the server does not send the certificate of %s, which "
             "issued its own",
             issuer.s);
    } else if (f->faults & FAULT_UNKNOWN_ISSUER) {
        note(out, "the server's chain ends in %s, which is %s", issuer.s,
             say_untrusted(f));
    }
}

static void note_server(const struct facts *f, struct text_list *out)
{
    const struct cert *c = f->leaf;
    if (f->common_name_only && (f->faults & FAULT_NAME)) {
        note(out, "the certificate for %s has no subjectAltName",
             say_names(c).s);
    } else if (f->faults & FAULT_NAME) {
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
    if (f->trust.anchors_given || f->end->late_rejection_possible) {
        note_chain(f, out);
    }
}

static const char *fault_elsewhere(const struct facts *f)
{
    const struct seen_leaf *l = &f->name.leaf;
    return !l->seen                  ? NULL
           : f->when > l->not_after  ? "has expired"
           : f->when < l->not_before ? "is not valid yet"
           : !l->name_fits           ? "has no name that fits"
           : l->self_signed          ? "is signed by itself"
           : !l->usage_fits          ? "is not meant for servers"
           : l->incomplete           ? "came without that of its issuer"
           : l->untrusted            ? "has an issuer that is not trusted"
                                     : NULL;
}

/* TLS 1.3 hides the certificate here, but another connection showed it. */
static void note_elsewhere(const struct facts *f, struct text_list *out)
{
    const char *what = fault_elsewhere(f);
    if (what) {
        note(out,
             "the certificate is hidden here, but the one that %s showed "
             "on another connection, in %s, %s",
             say_server(f->hs).s, say_version(f->name.leaf.version).s, what);
    }
}

const char *notes_fault(const struct facts *f)
{
    static const struct {
        unsigned fault;
        const char *what;
    } rows[] = {
        {FAULT_EXPIRED, "has expired"},
        {FAULT_NOT_YET_VALID, "is not valid yet"},
        {FAULT_NAME, "has no name that fits"},
        {FAULT_SELF_SIGNED, "is signed by itself"},
        {FAULT_USAGE, "is not meant for servers"},
        {FAULT_INCOMPLETE, "came without that of its issuer"},
        {FAULT_UNKNOWN_ISSUER, "has an issuer that is not trusted"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (f->faults & rows[i].fault) {
            return rows[i].what;
        }
    }
    return f->leaf ? NULL : fault_elsewhere(f);
}

/* Why the client left can only be guessed: what speaks for it was said. */
static const char left_faulty[] =
    "the client then closed without sending any data, as clients do that look "
    "at the certificate only after the handshake";
static const char left_faultless[] =
    "the client closed at once without sending any data: clients that check "
    "the name or a pinned key only after the handshake do so (curl, wget, "
    "Node.js, nginx as a proxy), and so do health checks";

static void note_left(struct text_list *out)
{
    note(out, "%s", out->n ? left_faulty : left_faultless);
}

bool notes_tell_of_leaving(const struct text_list *l)
{
    return text_list_has(l, left_faulty) || text_list_has(l, left_faultless);
}

static bool is_ldap(const struct handshake *hs)
{
    static const uint16_t ports[] = {389, 636, 3268, 3269};
    bool found = hs->carrier && strcmp(hs->carrier, "starttls-ldap") == 0;
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        found = found || hs->addr[SIDE_SERVER].port == ports[i];
    }
    return found;
}

/* Bytes that are no records, behind both Finished. */
static bool note_given_up(const struct facts *f, struct text_list *out)
{
    const struct hs_event *e = hs_find(f->hs, HS_BAD_RECORD, SIDE_CLIENT);
    if (!e) {
        return false;
    }
    note(out,
         "after the handshake the client sent bytes that are no TLS%s and "
         "left%s",
         say_frame(f->hs, e->frame).s,
         is_ldap(f->hs)
             ? ": programs with OpenLDAP's library say goodbye like that when "
               "they do not accept the certificate, which they look at only "
               "then"
             : "");
    return true;
}

static unsigned after_finished(const struct handshake *hs)
{
    const struct hs_event *c = hs_find(hs, HS_FINISHED, SIDE_CLIENT);
    const struct hs_event *s = hs_find(hs, HS_FINISHED, SIDE_SERVER);
    if (!c || !s) {
        return hs->events_n;
    }
    return (unsigned)((c > s ? c : s) - hs->events) + 1;
}

/* The server left right after both Finished (TLS <= 1.2), before it sent data
 * and before the client left. */
static bool has_server_left(const struct handshake *hs)
{
    for (unsigned i = after_finished(hs); i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        bool end = e->kind == HS_FIN || e->kind == HS_RST;
        if (end || e->kind == HS_ENCRYPTED_ALERT || e->kind == HS_GAP) {
            return end && e->side == SIDE_SERVER;
        }
        if (e->kind == HS_APPLICATION_DATA && e->side == SIDE_SERVER) {
            return false;
        }
    }
    return false;
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
    if (f->client_auth_sent && has_server_left(f->hs)) {
        note(out, "the server closed right after the handshake without sending "
                  "any data: servers that look at the client's certificate "
                  "only then do so (rsyslog with GnuTLS)");
    }
}

/* ---- another handshake inside the connection (TLS <= 1.2) ---- */

struct renegotiation {
    const struct hs_event *begun; /* HelloRequest or ClientHello */
    const struct hs_event *ended; /* alert or close in place of its end */
};

/* A renegotiation that was turned down, as far as record types show it. */
static bool find_refused(const struct handshake *hs, struct renegotiation *r)
{
    *r = (struct renegotiation){NULL, NULL};
    for (unsigned i = after_finished(hs); i < hs->events_n && !r->ended; i++) {
        const struct hs_event *e = &hs->events[i];
        bool server = e->side == SIDE_SERVER;
        switch ((enum hs_kind)e->kind) {
        case HS_GAP:
            return false;
        case HS_ENCRYPTED_HANDSHAKE:
            r->begun = r->begun ? r->begun : e;
            break;
        case HS_CHANGE_CIPHER_SPEC:
        case HS_APPLICATION_DATA:
            if (r->begun && server) {
                return false; /* it went through, or was let be */
            }
            break;
        case HS_ENCRYPTED_ALERT:
        case HS_FIN:
        case HS_RST:
            r->ended = r->begun ? e : NULL;
            break;
        default:
            break;
        }
    }
    return r->begun && r->ended;
}

static void note_renegotiation(const struct facts *f, struct text_list *out)
{
    struct renegotiation r;
    if (f->server_tls13 || !find_refused(f->hs, &r)) {
        return;
    }
    bool alert = r.ended->kind == HS_ENCRYPTED_ALERT;
    bool asked = r.begun->side == SIDE_SERVER;
    bool by_server = r.ended->side == SIDE_SERVER;
    note(out,
         "inside this connection the %s asked for another handshake "
         "(renegotiation), which the %s ended by %s%s",
         side_name((enum side)r.begun->side),
         side_name((enum side)r.ended->side),
         alert ? "an encrypted alert" : "closing",
         say_frame(f->hs, r.ended->frame).s);
    if (asked) {
        note(out, by_server
                      ? "servers renegotiate for a client certificate that "
                        "only some pages need: it got none that it accepts"
                      : "many clients do not renegotiate (Go, browsers): ask "
                        "for client certificates in the first handshake, or "
                        "with TLS 1.3");
    } else {
        note(out, "most servers turn down renegotiation by clients (nginx "
                  "always)");
    }
}

static void note_late_auth(const struct facts *f, struct text_list *out)
{
    const struct hs_event *e =
        f->server_tls13 ? flight_late_refusal(f->hs) : NULL;
    if (e) {
        note(out,
             "by the sizes of its records, the server asked for a client "
             "certificate only after the handshake, and turned the answer down "
             "by an encrypted alert%s",
             say_frame(f->hs, e->frame).s);
    }
}

void notes_of_success(const struct facts *f, struct text_list *out)
{
    note_renegotiation(f, out);
    note_late_auth(f, out);
    if (f->end->resumed) {
        return;
    }
    if (f->leaf) {
        note_server(f, out);
    } else if (f->end->late_rejection_possible) {
        note_elsewhere(f, out);
    }
    bool given_up = note_given_up(f, out);
    if (f->end->late_rejection_possible && !given_up && !hs_is_eap(f->hs)) {
        note_left(out);
    }
    note_client(f, out);
}
