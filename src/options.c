/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the command line with getopt_long. With neither -i nor -r the
 * arguments are capture files, otherwise they are a pcap-filter(7) expression.
 */
#include "config.h"

#include "options.h"

#include "config_file.h"
#include "report/metrics.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FLOWS_DEFAULT 1000000u
#define WORKERS_MAX       64u
#define ROTATE_KEEP       9u
#define ROTATE_KEEP_MAX   9999u
#define ROTATE_MIN_BYTES  4096u
#define SPILL_MIN_BYTES   ((uint64_t)1 << 20)

enum {
    OPT_SUMMARY = 256,
    OPT_NO_SUMMARY,
    OPT_CA,
    OPT_KEYLOG,
    OPT_TIMEOUT,
    OPT_MAX_FLOWS,
    OPT_MAX_MEMORY,
    OPT_WORKERS,
    OPT_EXPLAIN,
    OPT_EXIT_CODE,
    OPT_NO_COLOR,
    OPT_COMPARE,
    OPT_EXTRACT,
    OPT_ANNOTATE,
    OPT_USER,
    OPT_METRICS,
    OPT_METRICS_SERVERS,
    OPT_SYSLOG,
    OPT_CONFIG,
    OPT_CHECK_CONFIG,
    OPT_NO_SANDBOX,
    OPT_NO_RELIEF,
    OPT_ROTATE,
    OPT_REDACT,
    OPT_TOP,
    OPT_KAFKA,
    OPT_KAFKA_PROPERTY,
    OPT_REDIS,
    OPT_SPILL,
};

static const struct option long_options[] = {
    {"interface", required_argument, NULL, 'i'},
    {"read", required_argument, NULL, 'r'},
    {"list-interfaces", no_argument, NULL, 'D'},
    {"all", no_argument, NULL, 'a'},
    {"format", required_argument, NULL, 'f'},
    {"output", required_argument, NULL, 'o'},
    {"summary", no_argument, NULL, OPT_SUMMARY},
    {"no-summary", no_argument, NULL, OPT_NO_SUMMARY},
    {"ca", required_argument, NULL, OPT_CA},
    {"keylog", required_argument, NULL, OPT_KEYLOG},
    {"extract", required_argument, NULL, OPT_EXTRACT},
    {"annotate", required_argument, NULL, OPT_ANNOTATE},
    {"top", no_argument, NULL, OPT_TOP},
    {"redact", no_argument, NULL, OPT_REDACT},
    {"metrics", required_argument, NULL, OPT_METRICS},
    {"metrics-servers", required_argument, NULL, OPT_METRICS_SERVERS},
    {"syslog", no_argument, NULL, OPT_SYSLOG},
    {"kafka", required_argument, NULL, OPT_KAFKA},
    {"kafka-property", required_argument, NULL, OPT_KAFKA_PROPERTY},
    {"redis", required_argument, NULL, OPT_REDIS},
    {"spill", required_argument, NULL, OPT_SPILL},
    {"config", required_argument, NULL, OPT_CONFIG},
    {"check-config", no_argument, NULL, OPT_CHECK_CONFIG},
    {"user", required_argument, NULL, OPT_USER},
    {"no-relief", no_argument, NULL, OPT_NO_RELIEF},
    {"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
    {"rotate", required_argument, NULL, OPT_ROTATE},
    {"handshake-timeout", required_argument, NULL, OPT_TIMEOUT},
    {"max-flows", required_argument, NULL, OPT_MAX_FLOWS},
    {"max-memory", required_argument, NULL, OPT_MAX_MEMORY},
    {"workers", required_argument, NULL, OPT_WORKERS},
    {"buffer-size", required_argument, NULL, 'B'},
    {"snapshot-length", required_argument, NULL, 's'},
    {"names", no_argument, NULL, 'N'},
    {"no-promiscuous-mode", no_argument, NULL, 'p'},
    {"explain", no_argument, NULL, OPT_EXPLAIN},
    {"exit-code", no_argument, NULL, OPT_EXIT_CODE},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"no-color", no_argument, NULL, OPT_NO_COLOR},
    {"compare", no_argument, NULL, OPT_COMPARE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

const char *options_help(void)
{
    return "tlswhy - why did that TLS handshake fail?\n"
           "\n"
           "  tlswhy [OPTION]... FILE...               analyse saved captures\n"
           "  tlswhy -r FILE [OPTION]... [FILTER]      the same, with a BPF "
           "filter\n"
           "  tlswhy -i IFACE [OPTION]... [FILTER]     watch an interface "
           "until ^C\n"
           "\n"
           "Files are pcap or pcapng, plain or gzip, zstd, xz, lz4, or our "
           "own JSON Lines;\n- is standard input.\n"
           "It never sends a packet to what it watches.\n"
           "\n"
           "  -i, --interface IFACE      capture live; repeatable; 'any' "
           "allowed\n"
           "  -D, --list-interfaces      list the interfaces\n"
           "  -r, --read FILE            read a capture; repeatable\n"
           "  -a, --all                  report every TLS connection, not only "
           "failures\n"
           "  -f, --format FORMAT        text (default), json (JSON Lines), "
           "csv, html, none\n"
           "  -o, --output FILE          write there instead of standard "
           "output\n"
           "      --summary              totals at the end (default with "
           "text)\n"
           "      --no-summary           no totals\n"
           "      --ca FILE|DIR|none     trust anchors to judge certificates "
           "with\n"
           "                             (default: the system's)\n"
           "      --keylog FILE          TLS secrets (the format of "
           "SSLKEYLOGFILE); those in\n"
           "                             a pcapng are used without it\n"
           "      --extract DIR          each failed connection's packets to "
           "a pcapng there\n"
           "      --annotate FILE        those of all to one pcapng, verdicts "
           "as comments\n"
           "      --top                  a live screen instead of lines\n"
           "      --redact               pseudonyms for addresses, names and "
           "certificates\n"
           "  -N, --names                names of addresses, from DNS answers "
           "in "
           "the capture\n"
           "      --handshake-timeout S  silence that counts as failed "
           "(default 10)\n"
           "      --max-flows N          connections watched at once (default "
           "1000000)\n"
           "      --max-memory SIZE      bound for all of them, e.g. 512M "
           "(default: a quarter\n"
           "                             of the memory, at most 1G)\n"
           "      --workers N            threads that analyse (default: one a "
           "core for interfaces,\n"
           "                             1 for files)\n"
           "      --rotate SIZE|TIME[,N] begin the -o file anew after 100M or "
           "1d; keep N (9)\n"
           "      --metrics [ADDR:]PORT|FILE.prom\n"
           "                             counters for Prometheus, by HTTP or "
           "as a file\n"
           "      --metrics-servers NAME,...\n"
           "                             servers with counters of their own\n"
           "      --syslog               failures to the system's log, too\n"
           "      --kafka BROKERS/TOPIC  records to Kafka, too\n"
           "      --kafka-property NAME=VALUE\n"
           "                             a setting of librdkafka; "
           "repeatable\n"
           "      --redis URL            records to a Redis stream, too:\n"
           "                             redis[s]://[USER:PASSWORD@]HOST[:PORT]"
           "/DB?stream=NAME\n"
           "      --spill DIR[,SIZE]     keep there what cannot be sent yet "
           "(default 4G)\n"
           "      --config FILE          options from a file, one a line: name "
           "= value\n"
           "      --check-config         only check it "
           "(default: " OPTIONS_CONFIG ")\n"
           "      --user NAME            root runs as this user (default: "
           "tlswhy or nobody)\n"
           "      --no-relief            have settled connections' packets, "
           "too\n"
           "      --no-sandbox           keep all rights; for debugging\n"
           "  -B, --buffer-size KIB      kernel capture buffer, of all workers "
           "together\n"
           "  -s, --snapshot-length N    bytes kept of a packet (default: "
           "all)\n"
           "  -p, --no-promiscuous-mode  as tcpdump has it; never promiscuous "
           "anyway\n"
           "      --compare INSIDE OUTSIDE\n"
           "                             two captures of the same traffic from "
           "two places:\n"
           "                             what changed in between\n"
           "      --explain              which rules fired, and why\n"
           "      --exit-code            exit 1 when a failed handshake was "
           "found\n"
           "  -v, --verbose              more messages\n"
           "  -q, --quiet                fewer\n"
           "      --no-color             no colours\n"
           "  -h, --help                 this text\n"
           "  -V, --version              versions of the program and its "
           "libraries\n"
           "\n"
           "Exit status: 0 analysed; 1 failures found and --exit-code given; "
           "2 usage error,\n"
           "unreadable input, bad filter, no permission.\n";
}

static bool add(const char ***list, size_t *n, const char *value)
{
    const char **v = realloc(*list, (*n + 1) * sizeof *v);
    if (!v) {
        return false;
    }
    v[(*n)++] = value;
    *list = v;
    return true;
}

/* The digits at the front of text; strtoull() would take blanks and signs
 * before them, and make a huge number of -1. False without any. */
static bool digits(const char *text, char **end, unsigned long long *out)
{
    errno = 0;
    *out = strtoull(text, end, 10);
    return *text >= '0' && *text <= '9' && !errno;
}

static bool number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    unsigned long long v;
    if (!digits(text, &end, &v) || *end || v > max) {
        return false;
    }
    *out = v;
    return true;
}

/* 4096, 512K, 256M, 2G. */
static bool size(const char *text, uint64_t *out)
{
    char *end;
    unsigned long long v;
    unsigned shift = 0;
    if (!digits(text, &end, &v)) {
        return false;
    }
    if (*end) {
        const char *units = "kKmMgG";
        const char *u = strchr(units, *end);
        if (!u) {
            return false;
        }
        shift = 10u * (1u + (unsigned)(u - units) / 2u);
        end++;
        end += *end == 'B' || *end == 'b';
    }
    if (*end || v > UINT64_MAX >> shift) {
        return false;
    }
    *out = v << shift;
    return true;
}

/* Seconds, with a fraction: a millisecond to a day. */
static bool seconds(const char *text, tick_t *out)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= 0.001) || v > 86400) {
        return false;
    }
    *out = (tick_t)(v * (double)TICK_SEC);
    return true;
}

/* 90s, 30min, 12h, 7d. */
static bool duration(const char *text, tick_t *out)
{
    static const struct {
        const char *unit;
        tick_t ticks;
    } units[] = {{"s", TICK_SEC},
                 {"min", 60 * TICK_SEC},
                 {"h", 3600 * TICK_SEC},
                 {"d", 86400 * TICK_SEC}};
    char *end;
    unsigned long long v;
    if (!digits(text, &end, &v) || v == 0 || v > 1000000) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *out = (tick_t)v * units[i].ticks;
            return true;
        }
    }
    return false;
}

/* SIZE or TIME, and how many files to keep. */
static bool rotation(struct options *o, const char *arg)
{
    char first[32];
    uint64_t keep = ROTATE_KEEP;
    const char *comma = strchr(arg, ',');
    size_t n = comma ? (size_t)(comma - arg) : strlen(arg);
    if (n >= sizeof first ||
        (comma && (!number(comma + 1, ROTATE_KEEP_MAX, &keep) || !keep))) {
        return false;
    }
    memcpy(first, arg, n);
    first[n] = '\0';
    o->rotate_keep = (unsigned)keep;
    o->rotate_bytes = 0;
    o->rotate_time = 0;
    return duration(first, &o->rotate_time) ||
           (size(first, &o->rotate_bytes) &&
            o->rotate_bytes >= ROTATE_MIN_BYTES);
}

static bool bad(char error[256], const char *what, const char *value)
{
    snprintf(error, 256, "%s '%.100s'", what, value);
    return false;
}

/* A value that lives as long as the options. */
static char *keep(struct options *o, const char *value)
{
    size_t n = 0;
    while (o->config_text && o->config_text[n]) {
        n++;
    }
    char **list = realloc(o->config_text, (n + 2) * sizeof *list);
    if (!list) {
        return NULL;
    }
    o->config_text = list;
    list[n] = strdup(value);
    list[n + 1] = NULL;
    return list[n];
}

/* A copy that no list of processes shows. */
static bool keep_secret(struct options *o, const char *value, char **out)
{
    *out = keep(o, value);
    return *out;
}

static bool add_property(struct options *o, const char *arg, char error[256])
{
    char *copy;
    if (!strchr(arg, '=')) {
        snprintf(error, 256, "--kafka-property: not NAME=VALUE");
        return false;
    }
    return keep_secret(o, arg, &copy) &&
           add(&o->properties, &o->properties_n, copy);
}

/* DIR, or DIR,SIZE */
static bool set_spill(struct options *o, const char *arg, char error[256])
{
    const char *comma = strrchr(arg, ',');
    if (!comma) {
        o->spill = arg;
        return true;
    }
    char *directory = keep(o, arg);
    if (!directory) {
        return false;
    }
    directory[comma - arg] = '\0';
    o->spill = directory;
    return (*directory && size(comma + 1, &o->spill_bytes) &&
            o->spill_bytes >= SPILL_MIN_BYTES) ||
           bad(error, "--spill: not DIR[,SIZE] of at least 1M:", arg);
}

/* Options that carry a number. */
static bool set_number(struct options *o, int c, const char *arg,
                       char error[256])
{
    uint64_t v = 0;
    switch (c) {
    case OPT_MAX_FLOWS:
        if (!number(arg, UINT32_MAX / 2, &v) || v == 0) {
            return bad(error, "--max-flows: not a number of flows:", arg);
        }
        o->max_flows = (uint32_t)v;
        return true;
    case OPT_MAX_MEMORY:
        if (!size(arg, &v) || v < 1024 * 1024) {
            return bad(error, "--max-memory: not a size of at least 1M:", arg);
        }
        o->max_memory_bytes = (size_t)v;
        return true;
    case OPT_WORKERS:
        if (!number(arg, WORKERS_MAX, &v) || v == 0) {
            return bad(error, "--workers: not 1 to 64:", arg);
        }
        o->workers = (unsigned)v;
        return true;
    case 'B':
        if (!number(arg, 1024 * 1024, &v) || v == 0) {
            return bad(error, "--buffer-size: not a number of KiB:", arg);
        }
        o->buffer_bytes = (uint32_t)v * 1024;
        return true;
    case 's':
        if (!number(arg, 262144, &v)) {
            return bad(error, "--snapshot-length: not 0 to 262144:", arg);
        }
        o->snaplen_bytes = (uint32_t)v;
        return true;
    default:
        if (!seconds(arg, &o->handshake_timeout)) {
            return bad(error,
                       "--handshake-timeout: not a number of seconds:", arg);
        }
        return true;
    }
}

static bool set_option(struct options *o, int c, const char *arg,
                       char error[256])
{
    switch (c) {
    case 'i':
        return add(&o->interfaces, &o->interfaces_n, arg);
    case 'r':
        return add(&o->files, &o->files_n, arg);
    case 'D':
        o->action = ACTION_LIST;
        return true;
    case 'a':
        o->all = true;
        return true;
    case 'f':
        o->format = arg;
        return true;
    case 'o':
        o->output = strcmp(arg, "-") == 0 ? NULL : arg;
        return true;
    case OPT_SUMMARY:
        o->summary = TRI_YES;
        return true;
    case OPT_NO_SUMMARY:
        o->summary = TRI_NO;
        return true;
    case OPT_CA:
        o->ca = arg;
        return true;
    case OPT_KEYLOG:
        o->keylog = arg;
        return true;
    case OPT_EXTRACT:
        o->extract = arg;
        return true;
    case OPT_ANNOTATE:
        o->annotate = arg;
        return true;
    case OPT_TOP:
        o->top = true;
        return true;
    case OPT_REDACT:
        o->redact = true;
        return true;
    case OPT_METRICS_SERVERS:
        o->metrics_servers = arg;
        return metrics_check_servers(arg, error);
    case OPT_METRICS:
        o->metrics = arg;
        return true;
    case OPT_SYSLOG:
        o->syslog = true;
        return true;
    case OPT_KAFKA:
        return keep_secret(o, arg, &o->kafka);
    case OPT_KAFKA_PROPERTY:
        return add_property(o, arg, error);
    case OPT_REDIS:
        return keep_secret(o, arg, &o->redis);
    case OPT_SPILL:
        return set_spill(o, arg, error);
    case OPT_CONFIG: /* read before all others */
        return true;
    case OPT_CHECK_CONFIG:
        o->action = ACTION_CHECK_CONFIG;
        return true;
    case OPT_USER:
        o->user = arg;
        return true;
    case OPT_NO_SANDBOX:
        o->no_sandbox = true;
        return true;
    case OPT_NO_RELIEF:
        o->no_relief = true;
        return true;
    case OPT_ROTATE:
        return rotation(o, arg) ||
               bad(error, "--rotate: neither a size nor a time:", arg);
    case OPT_EXPLAIN:
        o->explain = true;
        return true;
    case OPT_EXIT_CODE:
        o->exit_code = true;
        return true;
    case OPT_COMPARE:
        o->compare = true;
        return true;
    case OPT_NO_COLOR:
        o->no_color = true;
        return true;
    case 'p': /* never promiscuous anyway */
        return true;
    case 'n':
        o->names = false; /* tcpdump's habit; names are never looked up here */
        return true;
    case 'N':
        o->names = true;
        return true;
    case 'v':
        o->verbose++;
        return true;
    case 'q':
        o->quiet = true;
        return true;
    case 'h':
        o->action = ACTION_HELP;
        return true;
    case 'V':
        o->action = ACTION_VERSION;
        return true;
    default:
        return set_number(o, c, arg, error);
    }
}

static bool join_filter(struct options *o, int n, char **words)
{
    size_t total = 1;
    for (int i = 0; i < n; i++) {
        total += strlen(words[i]) + 1;
    }
    free(o->filter); /* of the file */
    o->filter = calloc(1, total);
    if (!o->filter) {
        return false;
    }
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        size_t len = strlen(words[i]);
        memcpy(o->filter + at, words[i], len);
        at += len;
        if (i + 1 < n) {
            o->filter[at++] = ' ';
        }
    }
    return true;
}

static bool take_arguments(struct options *o, int n, char **words)
{
    if (o->interfaces_n || o->files_n) {
        return n == 0 || join_filter(o, n, words);
    }
    for (int i = 0; i < n; i++) {
        if (!add(&o->files, &o->files_n, words[i])) {
            return false;
        }
    }
    return true;
}

/* ---- the file ---- */

static bool is_yes(const char *value)
{
    return !value || strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
}

static bool is_no(const char *value)
{
    return value && (strcmp(value, "no") == 0 || strcmp(value, "false") == 0);
}

/* Options of the command line alone. */
static bool is_action(int c)
{
    return c == 'h' || c == 'V' || c == 'D' || c == OPT_CONFIG ||
           c == OPT_CHECK_CONFIG || c == OPT_COMPARE;
}

static bool set_filter(struct options *o, const char *value, char error[256])
{
    char *copy = value ? strdup(value) : NULL;
    if (!copy) {
        return bad(error, "a filter is missing:", "filter");
    }
    free(o->filter);
    o->filter = copy;
    return true;
}

static bool set_from_file(void *ctx, const char *name, const char *value,
                          char error[256])
{
    struct options *o = ctx;
    const struct option *l = long_options;
    while (l->name && strcmp(l->name, name) != 0) {
        l++;
    }
    if (strcmp(name, "filter") == 0) {
        return set_filter(o, value, error);
    }
    if (!l->name || is_action(l->val)) {
        return bad(error, "no such setting:", name);
    }
    if (l->has_arg == no_argument) {
        if (is_no(value)) { /* as it is anyway, but for the totals */
            o->summary = l->val == OPT_SUMMARY ? TRI_NO : o->summary;
            return true;
        }
        return is_yes(value) ? set_option(o, l->val, NULL, error)
                             : bad(error, "neither yes nor no:", value);
    }
    if (!value || !*value) {
        return bad(error, "a value is missing:", name);
    }
    const char *copy = keep(o, value);
    return copy ? set_option(o, l->val, copy, error)
                : bad(error, "out of memory at", name);
}

/* ---- all together ---- */

static const char short_options[] = ":nNi:r:Daf:o:B:s:pvqhV";

/* The file of --config; of --check-config alone the usual one. */
static const char *config_of(int argc, char **argv)
{
    const char *file = NULL;
    bool check = false;
    int c;
    optind = 0; /* glibc: from the beginning */
    while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) !=
           -1) {
        file = c == OPT_CONFIG ? optarg : file;
        check = check || c == OPT_CHECK_CONFIG;
    }
    optind = 0;
    return file || !check ? file : OPTIONS_CONFIG;
}

/* What to read is taken from the command line alone if that says so. */
static void command_line_first(struct options *o, size_t interfaces,
                               size_t files)
{
    if (o->interfaces_n == interfaces && o->files_n == files) {
        return;
    }
    o->interfaces_n -= interfaces;
    o->files_n -= files;
    if (o->interfaces_n) {
        memmove(o->interfaces, o->interfaces + interfaces,
                o->interfaces_n * sizeof *o->interfaces);
    }
    if (o->files_n) {
        memmove(o->files, o->files + files, o->files_n * sizeof *o->files);
    }
}

/* Passwords in the arguments, which all users may list. */
static void hide(int c, char *arg)
{
    char *from = arg;
    char *to = arg;
    if (c == OPT_KAFKA_PROPERTY && (from = strchr(arg, '='))) {
        from++;
        to = from + strlen(from);
    } else if (c == OPT_REDIS) {
        from = strstr(arg, "://");
        from = from ? from + 3 : arg;
        to = memrchr(from, '@', strcspn(from, "/?"));
    }
    if (from && to && to > from) {
        memset(from, 'x', (size_t)(to - from));
    }
}

/* What getopt_long() did not like about `word`. */
static bool bad_option(char error[256], int c, const char *word)
{
    char option[3] = {'-', (char)optopt, '\0'};
    if (c == ':') {
        return bad(error, "a value is missing after", word);
    }
    if (strncmp(word, "--", 2) != 0 && optopt > ' ' && optopt < 0x7f) {
        return bad(error, "unknown option:", option);
    }
    return bad(error, optopt ? "no value goes with" : "unknown option:", word);
}

static bool read_options(struct options *o, int argc, char **argv,
                         char error[256])
{
    int c;
    opterr = 0;
    o->config = config_of(argc, argv);
    if (o->config && !config_file_read(o->config, set_from_file, o, error)) {
        return false;
    }
    size_t interfaces = o->interfaces_n;
    size_t files = o->files_n;
    while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) !=
           -1) {
        if (c == '?' || c == ':') {
            return bad_option(error, c, argv[optind - 1]);
        }
        bool ok = set_option(o, c, optarg, error);
        hide(c, optarg);
        if (!ok) {
            return error[0] ? false : bad(error, "out of memory at", "options");
        }
    }
    command_line_first(o, interfaces, files);
    return true;
}

/* Options that do not go with each other, or not without another. */
static bool fit_together(const struct options *o, char error[256])
{
    const bool packets = o->extract || o->annotate;
    const bool text = strcmp(o->format, "text") == 0;
    const bool json = strcmp(o->format, "json") == 0;
    const struct {
        bool wrong;
        const char *why;
    } rules[] = {
        {!o->interfaces_n && !o->files_n,
         "no capture file and no interface given"},
        {o->compare && packets, "--compare writes no packets: --extract and "
                                "--annotate do not go with it"},
        {o->compare && (o->kafka || o->redis),
         "--compare makes no records: --kafka and --redis do not go with it"},
        {o->redact && (o->compare || packets),
         "--redact cannot change packets: it does not go with --extract, "
         "--annotate and --compare"},
        {o->metrics_servers && !o->metrics,
         "--metrics-servers takes --metrics"},
        {(o->rotate_bytes || o->rotate_time) &&
             (!o->output || strcmp(o->format, "html") == 0),
         "--rotate takes a file (-o), in a format of records"},
        {o->compare && o->files_n != 2,
         "--compare takes two captures: INSIDE OUTSIDE"},
        {o->compare && !text && !json, "--compare writes text or json"},
    };
    if (o->interfaces_n && o->files_n) {
        return bad(error, "-i and -r do not go together:", o->files[0]);
    }
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].wrong) {
            snprintf(error, 256, "%s", rules[i].why);
            return false;
        }
    }
    return true;
}

bool options_parse(struct options *o, int argc, char **argv, char error[256])
{
    *o = (struct options){.format = "text",
                          .handshake_timeout = 10 * TICK_SEC,
                          .max_flows = MAX_FLOWS_DEFAULT};
    error[0] = '\0';
    if (!read_options(o, argc, argv, error)) {
        return false;
    }
    if (!take_arguments(o, argc - optind, argv + optind)) {
        return bad(error, "out of memory at", "arguments");
    }
    bool runs = o->action == ACTION_RUN || o->action == ACTION_CHECK_CONFIG;
    return !runs || fit_together(o, error);
}

void options_fini(struct options *o)
{
    free((void *)o->files);
    free((void *)o->interfaces);
    free((void *)o->properties);
    free(o->filter);
    for (char **v = o->config_text; v && *v; v++) {
        free(*v);
    }
    free(o->config_text);
}
