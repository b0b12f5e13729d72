/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output: whole records or nothing when the disk is full, and what comes
 * after; rotation; reopening. A full disk is made by RLIMIT_FSIZE.
 */
#include "output.h"
#include "renewal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];
static char path[128];

static void set_up(void)
{
    snprintf(directory, sizeof directory, "/tmp/tlswhy-out-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/records", directory);
    signal(SIGXFSZ, SIG_IGN);
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
}

TestSuite(output, .init = set_up, .fini = tear_down, .timeout = 60);

/* A reporter whose records are lines of 100 bytes. */
static void one_header(void *state, const struct report_options *o,
                       struct text *out)
{
    (void)state;
    (void)o;
    text_add(out, "header\n");
}

static void one_line(void *state, const struct report_options *o,
                     const struct record *r, struct text *out)
{
    (void)state;
    (void)o;
    text_fmt(out, "%098d|\n", r->hs ? 1 : 0);
}

static const struct reporter lines = {.name = "lines", .record = one_line};
static const struct reporter with_header = {.name = "with_header",
                                            .header = true,
                                            .begin = one_header,
                                            .record = one_line};

static struct output *open_output(const struct reporter *r,
                                  struct output_options where)
{
    static const struct report_options none;
    char error[256];
    where.path = path;
    struct output *o = output_new(r, &none, &where, error);
    cr_assert_not_null(o, "%s", error);
    output_begin(o);
    return o;
}

static void write_records(struct output *o, unsigned n)
{
    const struct record r = {0};
    for (unsigned i = 0; i < n; i++) {
        output_record(o, &r);
    }
    output_flush(o);
}

static long size_of(const char *suffix)
{
    char name[192];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &st) == 0 ? (long)st.st_size : -1;
}

static void limit(rlim_t bytes)
{
    struct rlimit l;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

Test(output, keeps_whole_records_when_full_and_goes_on)
{
    struct output *o = open_output(&lines, (struct output_options){0});
    limit(250);
    write_records(o, 5);
    cr_expect(output_failed(o));
    cr_expect_eq(output_written(o), 2u);
    cr_expect_eq(output_lost(o), 3u);
    cr_expect_eq(size_of(""), 200);
    limit(RLIM_INFINITY);
    write_records(o, 1); /* too early: kept until the next attempt */
    cr_expect_eq(size_of(""), 200);
    usleep(1100 * 1000);
    write_records(o, 1);
    cr_expect_eq(size_of(""), 400);
    cr_expect_eq(output_written(o), 4u);
    cr_expect_eq(output_lost(o), 3u);
    cr_expect(output_failed(o), "the exit status remembers");
    output_free(o);
}

Test(output, what_waits_while_full_is_bounded)
{
    struct output *o = open_output(&lines, (struct output_options){0});
    static const struct totals none;
    limit(50);
    write_records(o, 1);
    write_records(o, 100000);
    cr_expect_eq(output_written(o), 0u);
    cr_expect_geq(output_lost(o), 98000u);
    limit(RLIM_INFINITY);
    output_end(o, &none); /* the last attempt does not wait */
    cr_expect_eq(output_written(o) + output_lost(o), 100001u);
    cr_expect_eq(size_of(""), (long)output_written(o) * 100);
    output_free(o);
}

Test(output, goes_on_at_the_start_when_it_was_emptied)
{
    struct output *o = open_output(&lines, (struct output_options){0});
    write_records(o, 3);
    cr_assert_eq(truncate(path, 0), 0);
    write_records(o, 1);
    cr_expect_eq(size_of(""), 100);
    output_free(o);
}

Test(output, rotates_by_size_and_keeps_some)
{
    struct output *o =
        open_output(&with_header, (struct output_options){.rename = true,
                                                          .rotate_bytes = 200,
                                                          .rotate_keep = 2});
    for (int i = 0; i < 7; i++) {
        write_records(o, 1);
    }
    /* Each 7 + 2 * 100 bytes; the oldest is gone. */
    cr_expect_eq(size_of(".1"), 207);
    cr_expect_eq(size_of(".2"), 207);
    cr_expect_eq(size_of(".3"), -1);
    cr_expect_not(output_failed(o));
    output_free(o);
    cr_expect_eq(size_of(""), 107);
}

Test(output, rotates_by_time_unless_empty)
{
    struct output *o = open_output(
        &lines, (struct output_options){.rename = true,
                                        .rotate_time = TICK_SEC / 10,
                                        .rotate_keep = 9});
    usleep(150 * 1000);
    output_flush(o);
    cr_expect_eq(size_of(".1"), -1);
    write_records(o, 1);
    usleep(150 * 1000);
    output_flush(o);
    cr_expect_geq(size_of(".1"), 100);
    cr_expect_eq(size_of(""), 0);
    output_free(o);
}

Test(output, reopens_by_name)
{
    char moved[192];
    snprintf(moved, sizeof moved, "%s.old", path);
    struct output *o =
        open_output(&with_header, (struct output_options){.rename = true});
    write_records(o, 1);
    cr_assert_eq(rename(path, moved), 0);
    output_reopen(o);
    write_records(o, 2);
    cr_expect_eq(size_of(".old"), 107);
    cr_expect_eq(size_of(""), 207);
    output_free(o);
}

/* Where only root may make files, another process does. */
static struct output *open_delegated(struct output_options where)
{
    char error[256];
    struct output *o = open_output(&with_header, where);
    cr_assert(renewal_delegate(output_renewal(o), error), "%s", error);
    return o;
}

Test(output, another_process_makes_the_file_anew)
{
    char moved[192];
    snprintf(moved, sizeof moved, "%s.old", path);
    struct output *o = open_delegated((struct output_options){
        .rename = true, .rotate_bytes = 200, .rotate_keep = 2});
    for (int i = 0; i < 7; i++) {
        write_records(o, 1);
    }
    cr_expect_eq(size_of(".1"), 207);
    cr_expect_eq(size_of(".2"), 207);
    cr_expect_eq(size_of(".3"), -1);
    cr_expect_eq(size_of(""), 107);
    cr_assert_eq(rename(path, moved), 0);
    output_reopen(o);
    write_records(o, 1);
    cr_expect_eq(size_of(""), 107);
    cr_expect_not(output_failed(o));
    output_free(o);
    cr_expect_gt(wait(NULL), 0, "it ends, too");
}

Test(output, another_process_tells_what_fails)
{
    char moved[192];
    snprintf(moved, sizeof moved, "%s.old", path);
    struct output *o = open_delegated((struct output_options){.rename = true});
    struct renewal *r = output_renewal(o);
    cr_assert_eq(rename(path, moved), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_expect_eq(renewal_open(r), -1);
    cr_expect_eq(errno, EISDIR);
    cr_assert_eq(rmdir(path), 0);
    int fd = renewal_open(r);
    cr_expect_geq(fd, 0);
    close(fd);
    /* What is asked for besides ends it, and then nobody answers. */
    cr_assert_eq(write(r->socket, "x", 1), 1);
    cr_expect_gt(wait(NULL), 0);
    signal(SIGPIPE, SIG_IGN);
    cr_expect_eq(renewal_open(r), -1);
    cr_expect_eq(errno, EIO);
    cr_expect_eq(renewal_shift(r), EIO);
    output_reopen(o);
    write_records(o, 1);
    cr_expect(output_failed(o));
    cr_expect_eq(size_of(".old"), 107, "it goes on in the old file");
    output_free(o);
}

static void ring_nothing(int signal)
{
    (void)signal;
}

/* Its answer takes longer than anybody waits, and signals come meanwhile. */
Test(output, an_answer_that_comes_late_answers_nothing_else, .timeout = 30)
{
    struct output *o = open_delegated((struct output_options){.rename = true});
    struct renewal *r = output_renewal(o);
    char name[64];
    pid_t pid = 0;
    snprintf(name, sizeof name, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(name, "r");
    cr_assert(f && fscanf(f, "%d", &pid) == 1);
    fclose(f);
    const struct sigaction on = {.sa_handler = ring_nothing};
    const struct itimerval often = {{0, 100000}, {0, 100000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &on, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    kill(pid, SIGSTOP);
    cr_expect_eq(renewal_shift(r), EIO);
    kill(pid, SIGCONT);
    int fd = renewal_open(r);
    setitimer(ITIMER_REAL, &never, NULL);
    cr_expect_geq(fd, 0);
    close(fd);
    output_free(o);
    cr_expect_gt(wait(NULL), 0);
}

Test(output, goes_on_in_the_old_file_and_fails_in_the_end)
{
    char moved[192];
    snprintf(moved, sizeof moved, "%s.old", path);
    struct output *o =
        open_output(&with_header, (struct output_options){.rename = true});
    cr_assert_eq(rename(path, moved), 0);
    cr_assert_eq(mkdir(path, 0700), 0); /* where the new file would be */
    output_reopen(o);
    write_records(o, 1);
    cr_expect(output_failed(o));
    cr_expect_eq(size_of(".old"), 107);
    cr_expect_eq(output_written(o), 1);
    cr_expect_eq(output_lost(o), 0);
    cr_assert_eq(rmdir(path), 0);
    output_reopen(o);
    write_records(o, 1);
    cr_expect_eq(size_of(""), 107);
    cr_expect(output_failed(o), "the status tells of it all the same");
    output_free(o);
}

Test(output, appends_without_a_second_header)
{
    struct output *o =
        open_output(&with_header, (struct output_options){.append = true});
    write_records(o, 1);
    output_free(o);
    o = open_output(&with_header, (struct output_options){.append = true});
    write_records(o, 1);
    output_free(o);
    cr_expect_eq(size_of(""), 207);
    o = open_output(&with_header, (struct output_options){0});
    write_records(o, 1);
    output_free(o);
    cr_expect_eq(size_of(""), 107);
}

/* Verdicts that waited for the end of a capture come all at once. */
Test(output, nothing_is_kept_once_the_pipe_is_closed)
{
    signal(SIGPIPE, SIG_IGN);
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert(reader >= 0);
    struct output *o = open_output(&lines, (struct output_options){0});
    close(reader);
    write_records(o, 5000);
    cr_expect(output_closed(o));
    cr_expect_not(output_failed(o));
    cr_expect_eq(output_written(o), 0);
    output_free(o);
}

Test(output, keeps_rotated_files_when_no_new_one_can_be_made)
{
    struct rlimit files;
    struct output *o = open_output(
        &lines, (struct output_options){
                    .rename = true, .rotate_bytes = 1000, .rotate_keep = 3});
    write_records(o, 10);
    write_records(o, 1);
    cr_assert_eq(size_of(".1"), 1000);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    const struct rlimit none = {0, files.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    write_records(o, 9);
    for (unsigned i = 0; i < 4; i++) {
        write_records(o, 1);
    }
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    cr_expect_eq(size_of(".1"), 1400);
    cr_expect_eq(size_of(".2"), 1000);
    output_free(o);
}
