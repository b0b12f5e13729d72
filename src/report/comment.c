/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verdict as the comment of a packet. No widths and no colours: the reader's
 * program wraps. What comes from the network is escaped as for a terminal.
 */
#include "report/comment.h"

#include "report/fields.h"

#include <inttypes.h>

static void add_term(struct text *t, const char *s)
{
    text_term(t, span_text(s));
}

static void headline(struct text *t, const struct record *r)
{
    const struct known_cause *cause = record_cause(r);
    const struct handshake *hs = r->hs;
    text_add(t, "tlswhy: ");
    text_add(t, cause ? cause->slug : "no verdict");
    if (r->verdict && cause) {
        text_fmt(t, " (%s)", confidence_name(r->verdict->confidence));
    }
    text_add(t, ": ");
    format_endpoint(t, hs->addr[SIDE_CLIENT].ip, hs->addr[SIDE_CLIENT].port,
                    hs->ip_version);
    text_add(t, " -> ");
    format_endpoint(t, hs->addr[SIDE_SERVER].ip, hs->addr[SIDE_SERVER].port,
                    hs->ip_version);
    struct span sni = record_sni(r);
    if (sni.n) {
        text_add(t, " (");
        text_term(t, sni);
        text_char(t, ')');
    }
}

static void list(struct text *t, const char *label, const struct text_list *l)
{
    if (l->n) {
        text_fmt(t, "\n%s:", label);
    }
    for (size_t i = 0; i < l->n; i++) {
        text_add(t, "\n- ");
        add_term(t, l->v[i]);
    }
}

static void frames(struct text *t, const struct record *r)
{
    if (!record_frame(r, r->hs->frame_first)) {
        return;
    }
    text_fmt(t, "\nFrames in the original capture: %" PRIu64 " to %" PRIu64,
             r->hs->frame_first, r->hs->frame_last);
    uint64_t decisive = record_frame_decisive(r);
    if (decisive) {
        text_fmt(t, ", decisive %" PRIu64, decisive);
    }
    if (r->file) {
        text_add(t, ", in ");
        add_term(t, r->file);
    }
}

void comment_verdict(struct text *t, const struct record *r)
{
    const struct verdict *v = r->verdict;
    headline(t, r);
    const char *reason = record_reason(r);
    if (reason) {
        text_char(t, '\n');
        add_term(t, reason);
    }
    if (v) {
        list(t, "Evidence", &v->evidence);
        list(t, "Fix", &v->fix);
        list(t, "Try", &v->reproduce);
        for (size_t i = 0; i < v->alternatives_n; i++) {
            text_add(t, i ? ", " : "\nAlso possible: ");
            text_fmt(t, "%s (%s)", v->alternatives[i].cause,
                     confidence_name(v->alternatives[i].confidence));
        }
    }
    frames(t, r);
}

void comment_pointer(struct text *t, const struct record *r)
{
    headline(t, r);
    uint64_t decisive = record_frame(r, record_frame_decisive(r));
    if (decisive) {
        text_fmt(t,
                 "\nThe verdict stands at frame %" PRIu64
                 " of the original capture.",
                 decisive);
    } else {
        text_add(t, record_frame_decisive(r)
                        ? "\nThe verdict stands at the decisive packet."
                        : "\nThe verdict stands at the last packet.");
    }
}
