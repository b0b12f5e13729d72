/* SPDX-License-Identifier: Apache-2.0 */
/* The command line (contract: tcpdump's habits). */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/tick.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum action {
    ACTION_RUN,
    ACTION_HELP,
    ACTION_VERSION,
    ACTION_LIST,
    ACTION_CHECK_CONFIG
};
enum tristate { TRI_DEFAULT, TRI_YES, TRI_NO };

struct options {
    enum action action;
    const char **files; /* -r and positional; owned array */
    size_t files_n;
    const char **interfaces; /* owned array */
    size_t interfaces_n;
    char *filter; /* owned; NULL: none */
    const char *format;
    const char *output; /* NULL: standard output */
    const char *ca;     /* NULL: the system's; "none" */
    const char *keylog; /* NULL: none */
    tick_t handshake_timeout;
    uint32_t max_flows;
    size_t max_memory_bytes; /* 0: default */
    unsigned workers;        /* 0: default */
    uint32_t buffer_bytes;
    uint32_t snaplen_bytes;
    const char *extract;  /* NULL: none */
    const char *annotate; /* NULL: none */
    enum tristate summary;
    const char *metrics;         /* where to; NULL: none */
    const char *metrics_servers; /* who has series of his own; NULL: nobody */
    const char *config;          /* NULL: none */
    char **config_text;          /* values from it, and secrets; owned */
    bool syslog;
    char *kafka;             /* BROKERS/TOPIC; NULL: none */
    char *redis;             /* URL; NULL: none */
    const char **properties; /* of Kafka's library, NAME=VALUE; owned array */
    size_t properties_n;
    const char *spill;     /* directory; NULL: an unnamed file */
    uint64_t spill_bytes;  /* the most of each destination's file; 0: default */
    const char *user;      /* whom to run as; NULL: the default */
    bool no_sandbox;       /* for debugging */
    bool no_relief;        /* the kernel delivers everything */
    uint64_t rotate_bytes; /* of -o; 0: not by size */
    tick_t rotate_time;    /* 0: not by time */
    unsigned rotate_keep;  /* files */
    bool top;              /* a live screen */
    bool redact;           /* pseudonyms instead of names and addresses */
    bool names;            /* of addresses, by DNS answers in the capture */
    bool compare;          /* the two files are two sides of something */
    bool all, explain, exit_code, quiet, no_color;
    int verbose;
};

/* What --check-config reads unless it is told otherwise. */
#define OPTIONS_CONFIG "/etc/tlswhy.conf"

/* Parses argv, and before it the file that --config names, into *o (fini it).
 * On a usage error false, with one line in error[]. */
bool options_parse(struct options *o, int argc, char **argv, char error[256]);
void options_fini(struct options *o);

/* What --help prints. */
const char *options_help(void);

#endif
