/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of the pipeline: concluded handshakes in, records out. What
 * connections tell about each other (profiles, inspection, trust) is known
 * here and only here; one thread calls it.
 */
#ifndef VERDICTS_H
#define VERDICTS_H

#include "dissectors/tls_decrypt.h"
#include "report/report.h"

struct verdicts_options {
    bool all;         /* successes and unknowns are emitted too */
    bool live;        /* emit at once instead of waiting for evidence */
    bool unnumbered;  /* frame numbers say nothing: several threads count */
    bool application; /* ask nDPI */
    size_t max_bytes; /* of handshakes that wait, LIMIT_PENDING_BYTES at most;
                         0: that */
    struct trust *trust; /* borrowed; may be NULL */
    struct keylog *keys; /* the same */
    /* Called for every record; `source` is the index of the capture. */
    void (*emit)(void *ctx, const struct record *r, uint32_t source);
    void *emit_ctx;
};

struct verdicts;

/* NULL when memory is out. */
struct verdicts *verdicts_new(const struct verdicts_options *o);
void verdicts_free(struct verdicts *v);

/*
 * Does for a concluded handshake, in any thread, what may be done before its
 * turn comes: parses its messages when it will be reported. `certs` is the
 * thread's own, or NULL.
 */
void verdicts_prepare(struct handshake *hs, bool all, struct cert_cache *certs);

/*
 * A concluded handshake. One that still has its protected records may yet get
 * its secrets: it is held back for a while, and concluded again. The order of
 * calls matters: what was seen before testifies. Returns whether *hs was moved
 * away; otherwise the caller frees what it owns.
 */
bool verdicts_add(struct verdicts *v, struct handshake *hs);

/* Live: it is `now`. Emits what waited for secrets long enough, or not in
 * vain. */
void verdicts_tick(struct verdicts *v, tick_t now);

/* What secrets opened here, that came late. */
const struct tls_decrypt_stats *verdicts_decrypted(const struct verdicts *v);

/* Judges and emits all that wait. */
void verdicts_flush(struct verdicts *v);

/* Memory of those that wait. */
size_t verdicts_bytes(const struct verdicts *v);

/* Fills in the counters of handshakes and the stories. */
void verdicts_totals(const struct verdicts *v, struct totals *t);

#endif
