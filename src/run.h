/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of the program: its options, what is open, and where records go.
 * main.c sets it up and ends it; read_files.c or read_live.c does the reading.
 * All of it belongs to the main thread.
 */
#ifndef TLSWHY_RUN_H
#define TLSWHY_RUN_H

#include "capture/capture.h"
#include "confine.h"
#include "keys/keylog.h"
#include "meter.h"
#include "names.h"
#include "options.h"
#include "outlets.h"
#include "output.h"
#include "packet_files.h"
#include "pipeline.h"
#include "record_reader.h"
#include "redact.h"
#include "senders.h"
#include "top.h"

#include <signal.h>

#define RUN_SOURCES_MAX 64u /* merged by time; more are read in turn */

/* One capture that is being read. */
struct source {
    struct capture *capture;
    struct frame frame; /* the next one, when `ready` */
    bool ready, over;
    size_t secrets_n;    /* of the capture that were taken over */
    bool linktype_known; /* asked once */
    bool hopeful;        /* it may still bring secrets */
    uint64_t bad_lines;  /* of JSON Lines: that are no records */
    uint32_t index;      /* for struct handshake.source */
};

struct run {
    struct options options;
    struct output *output;
    struct summary *summary;      /* for totals on standard error */
    struct packet_files *packets; /* --extract, --annotate; or NULL */
    struct pipeline *pipeline;
    struct top *top;                /* --top; or NULL */
    tick_t top_next;                /* when it is looked at again */
    struct redactor *redactor;      /* --redact; or NULL */
    struct record_reader *records;  /* of JSON Lines; made when needed */
    struct names *dns;              /* -N; or NULL */
    char domain[2][DNS_NAME_BYTES]; /* of the record at hand */
    struct keylog *keys;            /* from --keylog and from captures */
    const char **names;             /* of sources, by index; borrowed */
    size_t names_n;
    char hostname[256]; /* of this machine; "": unknown */
    int *files;         /* of the captures, or -errno; owned */
    size_t not_a_file;  /* 1 + the index of a name that is an interface, or 0 */
    size_t files_opened; /* the rest is opened in its turn */
    struct sandbox_status sandbox;
    struct outlets *outlets; /* metrics, log, service; or NULL */
    struct senders *senders; /* --kafka, --redis; or NULL */
    unsigned frames;         /* since the outlets were looked after */
    struct source *sources;  /* those being read */
    size_t sources_n;
    struct capture **for_workers; /* of all interfaces, or NULL; watch.h */
    tick_t drops_asked, drops_noticed;
    uint64_t drops_told;
    struct meter meter; /* shows nothing unless files are read at a terminal */
    bool error;         /* exit status 2 at the end */
    bool opened;        /* something could be read: there are totals */
    uint64_t failures;
    struct totals totals;
    struct totals read_back; /* of records that were read back */
};

/* Set by SIGINT, SIGTERM and by whoever else wants the reading to end. */
extern volatile sig_atomic_t run_stop;

/* From now on signals are obeyed: at the next run_should_stop(). */
void run_catch_signals(void);

/* Says "tlswhy: NAME: WHAT" and makes the exit status 2. */
void run_complain(struct run *r, const char *name, const char *what);

/* ---- records ---- */

/* Hands a record to everything that takes records. */
void run_deliver(struct run *r, const struct record *record);

/* The same for the pipeline: `ctx` is the run, `source` the capture's index. */
void run_record(void *ctx, const struct record *from, uint32_t source);

/* A packet that the pipeline has no use for; `ctx` is the run. */
void run_ignored(void *ctx, const struct packet *k, uint32_t source);

/* ---- where it stands ---- */

/* The totals so far. */
void run_totals(struct run *r, struct totals *t);

/* Adds those of records that were read back. */
void run_add_read_back(struct totals *t, const struct totals *more);

/* The state of everything, for metrics; `ctx` is the run. */
void run_state(void *ctx, struct totals *t, struct metrics_gauges *g);

/* Shows how far a long read is. */
void run_show_progress(struct run *r);

/* Lets the live screen, if there is one, draw and obey keys. */
void run_poll_top(struct run *r);

/* Looks after metrics, log and service: now and then while packets come, and
 * at once when there is none (`idle`). */
void run_outlets(struct run *r, bool idle);

/* Obeys signals and keys. Whether the reading is to end. */
bool run_should_stop(struct run *r);

/* ---- rights, threads ---- */

/* Everything is open that needs rights: gives them up. False, and said, when
 * that fails. */
bool run_give_up_rights(struct run *r);

/* Threads that analyse: for interfaces one a core. */
unsigned run_workers(const struct options *o);

/* ---- captures ---- */

/* Opens capture `at` of those named on the command line. */
typedef struct capture *source_open_fn(const struct run *r, size_t at,
                                       char error[CAPTURE_ERROR_BYTES]);

/* Opens captures from..from+n-1 into v and says which failed; returns how many
 * could be opened. */
size_t sources_open(struct run *r, source_open_fn *open, size_t n, size_t from,
                    struct source *v);

/* Adds its drops to the totals. */
void source_close(struct run *r, struct source *s);

/* Says once when the link type of its frame is not known. A pcapng file may
 * hold other interfaces, too, so reading goes on. */
void source_check_linktype(struct run *r, struct source *s);

/* ---- reading, until the end or until it is to stop ---- */

void read_files(struct run *r);
void read_interfaces(struct run *r);

/* Opens the files while this is still allowed, and reads nothing of them; as
 * many as there may be open. False when out of memory. */
bool open_files(struct run *r);

#endif
