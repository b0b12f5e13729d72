/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz targets: functions that take any bytes. What must not happen with any
 * input is a crash, a sanitizer's report, or a broken promise, for which they
 * abort(). Run by libFuzzer (make fuzz) and, over kept inputs, by make check.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/frame.h"
#include "report/report.h"

struct fuzz_target {
    const char *name;
    void (*run)(struct span input);
};

/* Ends with a NULL name. */
extern const struct fuzz_target fuzz_targets[];

void fuzz_capture(struct span input); /* a file: pcap, pcapng, compressed */
void fuzz_frames(struct span input);  /* link type, then frames */
void fuzz_connection(
    struct span input);                 /* what two TCP ends do, step by step */
void fuzz_fold(struct span input);      /* such connections, folded or not */
void fuzz_datagrams(struct span input); /* UDP: DTLS, QUIC */
void fuzz_stream(struct span input);    /* segments, against a slow model */
void fuzz_messages(struct span input);  /* handshake messages, in clear */
void fuzz_x509(struct span input);      /* one certificate */
void fuzz_dns(struct span input);       /* one DNS message */
void fuzz_keylog(struct span input);    /* SSLKEYLOGFILE */
void fuzz_records(struct span input);   /* our JSON Lines */
void fuzz_carriers(struct span input);  /* what is said before TLS */
void fuzz_config(struct span input);    /* a file of settings */
void fuzz_text(struct span input);      /* what goes out is escaped */
void fuzz_compressed(struct span input); /* a CompressedCertificate */

/* Does not return when a promise is broken. */
void fuzz_check(bool holds, const char *promise);

/* ---- frames through everything, records checked ---- */

struct fuzz_analysis;

struct fuzz_analysis *fuzz_analysis_new(void);
void fuzz_analysis_frame(struct fuzz_analysis *a, const struct frame *f);
void fuzz_analysis_end(struct fuzz_analysis *a); /* frees it */

/* Writes a record in every format and checks what comes out. */
void fuzz_report(const struct record *r);

/* ---- frames through two trackers, of which one folds ---- */

struct fuzz_twins;

/* Connections in one input of fuzz_fold(). */
#define FUZZ_CONNECTIONS 4u

/* whole_flows: how many the one that folds holds whole. */
struct fuzz_twins *fuzz_twins_new(uint32_t max_flows, uint32_t whole_flows);
/* fold: one of them folds all connections after it. */
void fuzz_twins_frame(struct fuzz_twins *t, const struct frame *f, bool fold);
/* Frees it. How many handshakes there were; *same: both told the same, or the
 * first line that differs is on standard error. NULL: it does not matter. */
unsigned fuzz_twins_end(struct fuzz_twins *t, bool *same);

/* ---- seeds from captures ---- */

/* The inputs of a target that one capture yields. */
void fuzz_seeds(const char *target, const char *capture,
                void (*each)(void *ctx, struct span seed), void *ctx);

#endif
