/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets a run up from its options, has it read, ends it with the totals and the
 * exit status.
 */
#include "config.h"

#include "run.h"

#include "application.h"
#include "base/heap.h"
#include "compare.h"
#include "metrics_outlet.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MEMORY_DEFAULT_MAX ((size_t)1 << 30)
#define REDACT_KEY         "TLSWHY_REDACT_KEY" /* environment */

enum { EXIT_OK = 0, EXIT_FAILURES = 1, EXIT_ERROR = 2 };

/* ---- set-up ---- */

static size_t default_memory(void)
{
    struct sysinfo info;
    size_t quarter = MEMORY_DEFAULT_MAX;
    if (sysinfo(&info) == 0) {
        quarter = (size_t)info.totalram * info.mem_unit / 4;
    }
    return quarter < MEMORY_DEFAULT_MAX ? quarter : MEMORY_DEFAULT_MAX;
}

static struct report_options report_options(const struct options *o, int fd)
{
    struct report_options ro = {.all = o->all,
                                .live = o->interfaces_n > 0,
                                .explain = o->explain,
                                .verbose = o->verbose,
                                .width = 80};
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool tty = isatty(fd) == 1;
    ro.colour = tty && !o->no_color && !(no_color && *no_color) && term &&
                strcmp(term, "dumb") != 0;
    ro.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    struct winsize size;
    if (tty && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) {
        ro.width = size.ws_col;
    }
    return ro;
}

static void print_version(void)
{
    printf("tlswhy %s\n%s\nnDPI %s\n%s\n%s\n", VERSION, capture_versions(),
           application_version(), OpenSSL_version(OPENSSL_VERSION),
           sandbox_version());
    if (metrics_outlet_version()) {
        printf("libmicrohttpd %s\n", metrics_outlet_version());
    }
    senders_print_versions();
}

static int list_interfaces(void)
{
    char error[CAPTURE_ERROR_BYTES];
    if (capture_list_interfaces(error) != 0) {
        fprintf(stderr, "tlswhy: %s\n", error);
        return EXIT_ERROR;
    }
    return EXIT_OK;
}

static struct pipeline_options pipeline_options(struct run *r,
                                                const struct trust *trust)
{
    const struct options *o = &r->options;
    return (struct pipeline_options){
        .handshake_timeout = o->handshake_timeout,
        .workers = run_workers(o),
        .max_flows = o->max_flows,
        .max_memory_bytes =
            o->max_memory_bytes ? o->max_memory_bytes : default_memory(),
        .all = o->all || o->metrics_servers,
        .live = o->interfaces_n > 0 || o->top,
        .application = true,
        .keep_frames = o->extract || o->annotate,
        .many_sources = o->interfaces_n > 1,
        .trust = (struct trust *)(uintptr_t)trust,
        .keys = r->keys,
        .names = r->dns,
        .emit = run_record,
        .emit_ctx = r,
        .ignored = run_ignored,
        .ignored_ctx = r,
    };
}

static void start_meter(struct run *r)
{
    const struct options *o = &r->options;
    struct report_options ro = report_options(o, STDERR_FILENO);
    const char *term = getenv("TERM");
    bool wanted = !o->interfaces_n && !o->quiet && isatty(STDERR_FILENO) == 1 &&
                  !o->top && term && strcmp(term, "dumb") != 0;
    meter_init(&r->meter, wanted ? stderr : NULL, ro.width, capture_now());
}

static bool open_packet_files(struct run *r)
{
    const struct options *o = &r->options;
    const struct packet_files_options po = {
        .extract = o->extract,
        .annotate = o->annotate,
        .live = o->interfaces_n > 0,
        .names = r->names,
        .names_n = r->names_n,
    };
    const char *name;
    char error[256];
    r->packets = packet_files_new(&po, &name, error);
    if (!r->packets) {
        run_complain(r, name, error);
    }
    return r->packets != NULL;
}

static bool start_top(struct run *r)
{
    char error[256];
    r->top = top_new(r->names_n == 1 ? r->names[0] : "several captures", error);
    if (!r->top) {
        run_complain(r, "--top", error);
    }
    return r->top != NULL;
}

/* Most runs have none. */
static bool open_outlets(struct run *r)
{
    const struct options *o = &r->options;
    const char *name;
    char error[256];
    if (!o->metrics && !o->syslog && !o->interfaces_n) {
        return true;
    }
    r->outlets = outlets_new(o, run_state, r, &name, error);
    if (!r->outlets) {
        run_complain(r, name, error);
    }
    return r->outlets;
}

static bool set_up(struct run *r, const struct trust *trust)
{
    const struct options *o = &r->options;
    char error[256];
    /* The live screen takes the place of lines on standard output. */
    const char *format = o->top && !o->output ? "none" : o->format;
    const struct reporter *reporter = reporter_find(format);
    if (!reporter) {
        reporter_unknown(o->format, error);
        run_complain(r, "--format", error);
        return false;
    }
    struct report_options ro =
        report_options(o, o->output ? -1 : STDOUT_FILENO);
    bool text = strcmp(format, "text") == 0;
    ro.summary = text && o->summary != TRI_NO;
    bool live = o->interfaces_n > 0;
    bool rotates = o->rotate_bytes || o->rotate_time;
    const struct output_options where = {
        .path = o->output,
        .append = (live || rotates) && strcmp(o->format, "html") != 0,
        .rename = live || rotates,
        .rotate_bytes = o->rotate_bytes,
        .rotate_time = o->rotate_time,
        .rotate_keep = o->rotate_keep,
    };
    r->output = output_new(reporter, &ro, &where, error);
    if (!r->output) {
        run_complain(r, o->output ? o->output : "standard output", error);
        return false;
    }
    if (!text &&
        (o->summary == TRI_YES ||
         ((live || o->top) && o->summary == TRI_DEFAULT && !o->quiet))) {
        r->summary = summary_new();
    }
    r->names = o->interfaces_n ? o->interfaces : o->files;
    r->names_n = o->interfaces_n ? o->interfaces_n : o->files_n;
    if (gethostname(r->hostname, sizeof r->hostname - 1) != 0) {
        r->hostname[0] = '\0';
    }
    start_meter(r);
    if (o->names && !(r->dns = names_new())) {
        run_complain(r, "start", "out of memory");
        return false;
    }
    struct pipeline_options po = pipeline_options(r, trust);
    if (o->redact && !(r->redactor = redactor_new(getenv(REDACT_KEY)))) {
        run_complain(r, "start", "out of memory");
        return false;
    }
    if (po.keep_frames && !open_packet_files(r)) {
        return false;
    }
    r->pipeline = pipeline_new(&po);
    if (!r->pipeline) {
        run_complain(r, "start", "out of memory");
        return false;
    }
    return open_outlets(r) && (!o->top || start_top(r));
}

static void print_summary(const struct run *r)
{
    struct report_options ro = report_options(&r->options, STDERR_FILENO);
    ro.summary = true;
    struct text t;
    text_init(&t, (size_t)1 << 20);
    summary_print(r->summary, &ro, &r->totals, &t);
    fputs(text_str(&t), stderr);
    text_free(&t);
}

static bool open_keys(struct run *r)
{
    char error[KEYLOG_ERROR_BYTES];
    const struct options *o = &r->options;
    /* About a tenth of the memory that was granted. */
    size_t secrets = o->max_memory_bytes / 1024;
    r->keys =
        keylog_new(secrets < KEYLOG_SECRETS_DEFAULT ? (uint32_t)secrets : 0);
    if (!r->keys) {
        run_complain(r, "start", "out of memory");
        return false;
    }
    if (o->keylog &&
        !keylog_open(r->keys, o->keylog, o->interfaces_n > 0, error)) {
        run_complain(r, o->keylog, error);
        return false;
    }
    return true;
}

static void count_secrets(struct run *r)
{
    struct keylog_stats keys;
    struct tls_decrypt_stats d;
    keylog_stats(r->keys, &keys);
    pipeline_decrypted(r->pipeline, &d);
    r->totals.secrets = (struct secret_totals){.found = keys.secrets,
                                               .malformed = keys.malformed,
                                               .forgotten = keys.forgotten,
                                               .decrypted = d.connections,
                                               .unopened = d.failed,
                                               .updated = d.updated};
    if (keys.secrets || r->options.keylog) {
        r->totals.secrets.unknown = d.no_secrets;
    }
}

/* What was wrong with the secrets, one line each. */
static void report_keys(const struct run *r)
{
    const char *name = r->options.keylog ? r->options.keylog : "secrets";
    struct keylog_stats keys;
    keylog_stats(r->keys, &keys);
    if (r->options.quiet) {
        return;
    }
    if (keys.malformed) {
        fprintf(stderr,
                "tlswhy: %s: %llu malformed lines passed over, the first is "
                "line %llu\n",
                name, (unsigned long long)keys.malformed,
                (unsigned long long)keys.malformed_line);
    }
    if (keys.forgotten) {
        fprintf(stderr,
                "tlswhy: %s: too many secrets, the oldest %llu were "
                "forgotten\n",
                name, (unsigned long long)keys.forgotten);
    }
    const struct secret_totals *d = &r->totals.secrets;
    if (r->options.verbose && (keys.secrets || r->options.keylog)) {
        fprintf(stderr,
                "tlswhy: %s: %llu secrets, %llu connections decrypted, %llu "
                "without a secret, %llu records did not open\n",
                name, (unsigned long long)keys.secrets,
                (unsigned long long)d->decrypted,
                (unsigned long long)d->unknown,
                (unsigned long long)d->unopened);
    }
}

/* --compare: no reporter, and two pipelines of its own. */
static void run_compare(struct run *r, const struct trust *trust)
{
    const struct pipeline_options po = pipeline_options(r, trust);
    const bool json = strcmp(r->options.format, "json") == 0;
    const char *path = r->options.output;
    const char *const *files = r->options.files;
    struct compare_result result;
    const char *file;
    char error[256];
    struct text t;
    FILE *out = path ? fopen(path, "we") : stdout;
    if (!out) {
        run_complain(r, path, strerror(errno));
        return;
    }
    text_init(&t, (size_t)64 << 20);
    if (!open_files(r) || !run_give_up_rights(r)) {
        r->error = true;
    } else if (r->files[0] < 0 || r->files[1] < 0) {
        int bad = r->files[0] < 0 ? 0 : 1;
        run_complain(r, files[bad], strerror(-r->files[bad]));
    } else {
        if (!compare_files(files, r->files, &po, json, &t, &result, &file,
                           error)) {
            run_complain(r, file, error);
        }
        if (!r->options.quiet && compare_warning(&result, error)) {
            fprintf(stderr, "tlswhy: %s, %s: %s\n", files[0], files[1], error);
        }
        if ((fputs(text_str(&t), out) < 0 || fflush(out) != 0) &&
            errno != EPIPE) {
            run_complain(r, path ? path : "standard output", strerror(errno));
        }
    }
    if (path) {
        fclose(out);
    }
    text_free(&t);
}

/* All is read: the screen stays until the user has seen enough. */
static void leave_top(struct run *r)
{
    if (r->top && !run_stop) {
        top_message(r->top, "all is read; q quits, ? helps");
        top_stay(r->top, &r->totals, &run_stop);
    }
    top_free(r->top);
    r->top = NULL;
}

/* What is left, and the totals. */
static void finish(struct run *r)
{
    meter_clear(&r->meter);
    pipeline_finish(r->pipeline);
    pipeline_totals(r->pipeline, &r->totals);
    run_add_read_back(&r->totals, &r->read_back);
    leave_top(r);
    if (r->redactor) {
        redact_totals(r->redactor, &r->totals);
    }
    count_secrets(r);
    output_end(r->output, &r->totals);
    if (r->summary && !output_closed(r->output)) {
        print_summary(r);
    }
    if (!packet_files_finish(r->packets, r->options.quiet)) {
        r->error = true;
    }
    report_keys(r);
    if (!senders_finish(r->senders, &run_stop)) {
        r->error = true;
    }
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 &&
           S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Nothing that is to be read may be written over. */
static bool spares_inputs(struct run *r)
{
    const struct options *o = &r->options;
    const char *const outputs[] = {o->output, o->annotate};
    for (size_t i = 0; i < 2; i++) {
        bool input = same_file(outputs[i], o->keylog);
        for (size_t k = 0; k < o->files_n && !input; k++) {
            input = same_file(outputs[i], o->files[k]);
        }
        if (input) {
            run_complain(r, outputs[i], "is to be read, too: not overwritten");
            return false;
        }
    }
    return true;
}

static int run(struct run *r)
{
    const struct options *o = &r->options;
    const char *name;
    char error[256];
    if (!spares_inputs(r)) {
        return EXIT_ERROR;
    }
    if (!senders_start(o, &r->senders, &name, error)) {
        run_complain(r, name, error);
        return EXIT_ERROR;
    }
    struct trust *trust = trust_new(o->ca, error);
    if (!trust) {
        run_complain(r, o->ca ? o->ca : "--ca", error);
        senders_free(r->senders);
        return EXIT_ERROR;
    }
    bool ready = open_keys(r);
    if (ready && o->compare) {
        run_compare(r, trust);
    } else if (ready && set_up(r, trust)) {
        run_catch_signals();
        output_begin(r->output);
        if (o->interfaces_n) {
            read_interfaces(r);
        } else {
            read_files(r);
        }
        if (r->opened) {
            finish(r);
        }
    }
    int status = r->failures && o->exit_code ? EXIT_FAILURES : EXIT_OK;
    bool closed = r->output && output_closed(r->output);
    if (r->error || (r->output && output_failed(r->output))) {
        status = closed ? EXIT_OK : EXIT_ERROR;
    }
    outlets_free(r->outlets);
    senders_free(r->senders);
    pipeline_free(r->pipeline);
    output_free(r->output);
    summary_free(r->summary);
    top_free(r->top);
    packet_files_free(r->packets);
    record_reader_free(r->records);
    redactor_free(r->redactor);
    names_free(r->dns);
    keylog_free(r->keys);
    trust_free(trust);
    free(r->files);
    return status;
}

/* What options_parse() cannot know. */
static int check_config(const struct options *o)
{
    struct sandbox_user user;
    char error[256] = "";
    bool ok = sandbox_find_user(geteuid() == 0 ? o->user : NULL, &user, error);
    if (ok && !reporter_find(o->format)) {
        reporter_unknown(o->format, error);
        ok = false;
    }
    if (ok) {
        ok = !o->filter || capture_check_filter(o->filter, error);
    }
    ok = ok && senders_check(o, error);
    if (ok) {
        printf("%s: good\n", o->config);
    } else {
        fprintf(stderr, "tlswhy: %s: %s\n", o->config, error);
    }
    return ok ? EXIT_OK : EXIT_ERROR;
}

/* What was printed by stdio: a full disk is told, a closed pipe is not. */
static int close_stdout(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return status;
    }
    if (errno == EPIPE) {
        return status;
    }
    fprintf(stderr, "tlswhy: standard output: %s\n", strerror(errno));
    return EXIT_ERROR;
}

int main(int argc, char **argv)
{
    struct run r = {0};
    char error[256];
    /* Of the user's locale only what letters are: numbers in the output and on
     * the command line are the same everywhere, messages too. */
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is no reason to die */
    int status = EXIT_OK;
    if (!options_parse(&r.options, argc, argv, error)) {
        fprintf(stderr, "tlswhy: %s\nTry 'tlswhy --help'.\n", error);
        options_fini(&r.options);
        return EXIT_ERROR;
    }
    switch (r.options.action) {
    case ACTION_HELP:
        fputs(options_help(), stdout);
        break;
    case ACTION_VERSION:
        print_version();
        break;
    case ACTION_LIST:
        status = list_interfaces();
        break;
    case ACTION_CHECK_CONFIG:
        status = check_config(&r.options);
        break;
    case ACTION_RUN:
        heap_init();
        status = run(&r);
        break;
    }
    options_fini(&r.options);
    return r.options.action == ACTION_RUN ? status : close_stdout(status);
}
