/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reporters render finished verdicts; they decide nothing. One file each, one
 * line in list.am.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/text.h"
#include "handshake/cert.h"
#include "handshake/handshake.h"
#include "judge/judge.h"

/* What a record that was read back knows, and its handshake cannot show. */
struct read_back {
    const char *ja3, *ja3s, *ja4; /* or NULL */
    const char *observer_version; /* of the sensor; or NULL */
};

/* One connection to report. Borrowed for the call. */
struct record {
    const struct handshake *hs;
    const struct verdict *verdict;
    const char *file;      /* capture's name, or NULL when only one is read */
    const char *interface; /* live interface, or NULL */
    const char *hostname;  /* of the machine that watched it, or NULL */
    const char *domain[2]; /* names of the ends by DNS, by enum side, or NULL */
    const struct read_back *read_back; /* NULL for what was analysed here */
};

struct report_options {
    bool all;  /* successes are reported too */
    bool live; /* an interface is watched, and somebody may be looking */
    bool colour;
    bool explain;
    bool summary;   /* totals at the end (text) */
    bool unicode;   /* the locale can show arrows */
    unsigned width; /* columns; 80 when not a terminal */
    int verbose;
};

/* Durations of handshakes are counted in buckets: up to 5, 10, 25, 50, 100,
 * 250, 500 ms, 1, 2.5, 5, 10 s, and longer. */
#define LATENCY_BUCKETS 11u

/* Counters that only the pipeline knows, for the totals. */
/* What a key log, or secrets in a capture, were good for. */
struct secret_totals {
    uint64_t found, malformed, forgotten; /* secrets; lines; secrets */
    uint64_t decrypted, unknown;          /* connections */
    uint64_t unopened, updated;           /* records, packets */
};

/* Handshakes with one server that succeeded, and whose client left at once. */
#define LEFT_SHOWN 5u
struct left_server {
    struct hs_addr addr;
    uint8_t ip_version;
    const char *name;  /* that was asked for; NULL: none */
    const char *fault; /* of its certificate, static; NULL: none seen */
    uint64_t n;
};

struct totals {
    uint64_t packets_captured, packets_dropped, packets_dropped_interface;
    uint64_t
        packets_relieved; /* dropped by the kernel, as nobody waits for them */
    uint64_t bytes_captured;
    uint64_t frames_cut, frames_malformed, frames_unknown;
    uint64_t flows, flows_evicted;
    /* TCP connections without any data: tracker.h */
    uint64_t tcp_refused, tcp_unanswered, tcp_unused;
    uint64_t flows_open;                   /* now */
    uint64_t memory_bytes;                 /* of connections, now */
    uint64_t latency[LATENCY_BUCKETS + 1]; /* of handshakes that succeeded */
    double latency_seconds; /* of them all: for years, a tick_t is too small */
    uint64_t records_read; /* of JSON Lines; the next counters hold them, too */
    uint64_t tls, succeeded, failed, unknown, benign;
    uint64_t left;      /* of those that succeeded: the client closed at once,
                           without any data */
    uint64_t waiting;   /* failures whose verdict is still to come */
    uint64_t limited;   /* connections on which a limit was hit */
    tick_t first, last; /* of the capture */
    struct secret_totals secrets;
    struct interception_story stories[STORIES_MAX]; /* borrowed texts */
    size_t stories_n;
    struct left_server left_servers[LEFT_SHOWN]; /* most first; borrowed */
    size_t left_servers_n;
    bool live;
};

struct reporter {
    const char *name; /* --format NAME */
    bool header;      /* begin() is a header, wanted once in every file */
    /* The next two append to `out`, which the caller writes and clears. */
    void (*begin)(void *state, const struct report_options *o,
                  struct text *out);
    void (*record)(void *state, const struct report_options *o,
                   const struct record *r, struct text *out);
    void (*end)(void *state, const struct report_options *o,
                const struct totals *t, struct text *out);
    /* Per-run state: size in bytes, zeroed by the caller; fini frees what it
     * holds. 0 and NULL when there is none. */
    size_t state_bytes;
    bool document; /* one document from begin to end: it can't go on in
                      another file */
    void (*fini)(void *state);
};

/* NULL-terminated, in the order of list.am. */
extern const struct reporter *const reporters[];
const struct reporter *reporter_find(const char *name);
/* What to tell who asked for one that there is not. */
void reporter_unknown(const char *name, char error[256]);

/* ---- the totals as text, shared by reporters and --summary ---- */

struct summary; /* bounded counts by cause, server, alert */

struct summary *summary_new(void);
void summary_free(struct summary *s);
void summary_add(struct summary *s, const struct record *r);
void summary_print(const struct summary *s, const struct report_options *o,
                   const struct totals *t, struct text *out);

/* ---- values that more than one reporter needs ---- */

/* "192.0.2.1" / "2001:db8::1" (RFC 5952) */
/* ip_version 0: a MAC address. */
void format_ip(struct text *t, const uint8_t ip[16], uint8_t ip_version);
/* "192.0.2.1:443" / "[2001:db8::1]:443" */
void format_endpoint(struct text *t, const uint8_t ip[16], uint16_t port,
                     uint8_t ip_version);
/* Community ID v1, seed 0: "1:..." */
void format_community_id(struct text *t, const struct handshake *hs);

#endif
