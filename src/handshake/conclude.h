/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of hs_conclude() share: conclude.c walks the timeline,
 * conclude_tls13.c judges by record sizes, conclude_opened.c by what secrets
 * opened. Only they include it.
 */
#ifndef HANDSHAKE_CONCLUDE_H
#define HANDSHAKE_CONCLUDE_H

#include "handshake/handshake.h"
#include "handshake/record_class.h"

struct scan {
    const struct handshake *hs;
    struct conclusion *out;
    bool tls13;
    bool finished[2];
    const struct hs_event *end; /* the first abnormal event */
    bool gap;                   /* bytes were missing before the end */
    unsigned after;             /* index of the first event after the
                                   handshake, or events_n */
    bool opened;                /* TLS 1.3, and the timeline was decrypted */
};

/* ---- events ---- */

/* FIN, RST, or EAP-Failure. */
bool conclude_is_close(const struct hs_event *e);

/* Whether it is somebody else's reset or FIN. */
bool conclude_is_foreign(const struct hs_event *e);

/* Whether a client that closed by `close` did it right after the handshake was
 * finished, as those do that judge the certificate only then. */
bool conclude_is_prompt(const struct hs_event *finished,
                        const struct hs_event *close);

/* Handshake messages and records that only an intact handshake goes on to. */
bool conclude_is_progress(const struct hs_event *e);

/* All alerts are fatal but for two ways to say goodbye, and what is sent as a
 * warning (RFC 8446 section 6). */
bool conclude_is_fatal(const struct hs_event *e);

/* ---- steps, each adding to *s and *s->out ---- */

/* The timeline up to its first abnormal event, or to both Finished. */
void conclude_walk(struct scan *s);

/* What the capture lacks, once the timeline was walked (BLIND_*). */
uint32_t conclude_blind_spots(const struct scan *s);

/* The outcome from the first abnormal event, or from silence; and whether it
 * only looks like a failure. */
void conclude_end(struct scan *s);

/* ---- outcomes ---- */

void conclude_raise_stage(struct conclusion *out, enum stage stage);
void conclude_succeed(struct conclusion *out);
void conclude_fail_by(struct conclusion *out, const struct hs_event *e);

/* ---- the parts ---- */

/* TLS 1.3 by the sizes of its records. True when they decided. */
bool conclude_tls13(struct scan *s, struct handshake *hs);

/* The timeline was decrypted, and hs->end_state holds what sizes say: puts what
 * was read above it. */
void conclude_opened(struct handshake *hs);

#endif
