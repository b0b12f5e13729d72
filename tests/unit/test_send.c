/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records on their way out: the spill file, Redis' URLs, and the sender's
 * process against librdkafka's mock cluster and a real Redis, with outages.
 * What was handed in is delivered, kept or counted as lost: never none of it.
 */
#include "config.h"

#include "base/limits.h"
#include "mock_broker.h"
#include "options.h"
#include "send/child.h"
#include "send/redis_url.h"
#include "send/ring.h"
#include "send/sender.h"
#include "senders.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SPILL_BYTES ((uint64_t)64 << 20)

static char directory[64];

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN);
    snprintf(directory, sizeof directory, "/tmp/tlswhy-snd-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
}

TestSuite(spill, .init = set_up, .fini = tear_down, .timeout = 60);
TestSuite(send, .init = set_up, .fini = tear_down, .timeout = 120);

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the spill file ---- */

static struct spill *open_spill(uint64_t max)
{
    char error[256];
    struct spill *s = spill_open(directory, "x.spill", max, error);
    cr_assert_not_null(s, "%s", error);
    return s;
}

static bool append(struct spill *s, unsigned n, size_t record_n)
{
    static char record[LIMIT_SEND_RECORD_BYTES];
    char key[32];
    snprintf(key, sizeof key, "key-%u", n);
    memset(record, 'a' + (int)(n % 26), record_n);
    struct message *m = message_new(key, strlen(key), record, record_n);
    bool ok = spill_append(s, m);
    free(m);
    return ok;
}

/* The next one is number n, whole. */
static void expect_next(struct spill *s, unsigned n, size_t record_n)
{
    char key[32];
    snprintf(key, sizeof key, "key-%u", n);
    struct message *m = spill_next(s);
    cr_assert_not_null(m, "%u", n);
    cr_assert_eq(m->key_n, strlen(key));
    cr_assert_eq(memcmp(m->data, key, m->key_n), 0, "%u", n);
    cr_assert_eq(m->record_n, record_n);
    for (size_t i = 0; i < record_n; i++) {
        cr_assert_eq(m->data[m->key_n + i], 'a' + (int)(n % 26));
    }
    cr_expect(m->replayed);
    free(m);
}

static off_t file_bytes(void)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/x.spill", directory);
    cr_assert_eq(stat(path, &st), 0);
    return st.st_size;
}

Test(spill, keeps_the_order_and_becomes_short_again)
{
    struct spill *s = open_spill(SPILL_BYTES);
    for (unsigned i = 0; i < 1000; i++) {
        cr_assert(append(s, i, 10 + i));
    }
    cr_assert(append(s, 1000, 700000), "longer than any buffer");
    cr_expect_eq(spill_count(s), 1001u);
    for (unsigned i = 0; i < 1000; i++) {
        expect_next(s, i, 10 + i);
    }
    expect_next(s, 1000, 700000);
    cr_expect_null(spill_next(s));
    cr_expect_eq(spill_count(s), 1001u, "not forgotten yet");
    spill_forget(s);
    cr_expect_eq(spill_count(s), 0u);
    cr_expect_lt(file_bytes(), 100);
    spill_free(s);
}

Test(spill, what_was_not_forgotten_is_read_again_after_a_restart)
{
    struct spill *s = open_spill(SPILL_BYTES);
    for (unsigned i = 0; i < 10; i++) {
        append(s, i, 100);
    }
    for (unsigned i = 0; i < 4; i++) {
        expect_next(s, i, 100);
    }
    spill_forget(s);
    expect_next(s, 4, 100);
    expect_next(s, 5, 100);
    spill_unread(s);
    expect_next(s, 5, 100);
    spill_rewind(s);
    expect_next(s, 4, 100);
    cr_expect(spill_flush(s));
    spill_free(s);
    s = open_spill(SPILL_BYTES);
    cr_expect_eq(spill_count(s), 6u);
    for (unsigned i = 4; i < 10; i++) {
        expect_next(s, i, 100);
    }
    cr_expect_null(spill_next(s));
    spill_free(s);
}

Test(spill, is_bounded_and_uses_its_room_again)
{
    const uint64_t max = 1 << 20;
    struct spill *s = open_spill(max);
    unsigned in = 0;
    unsigned out = 0;
    while (append(s, in, 1000)) {
        in++;
    }
    cr_expect_gt(in, 1000u);
    cr_expect_leq((uint64_t)file_bytes(), max);
    /* Two thirds leave, so what is left fits into their place. */
    for (; out < in * 2 / 3; out++) {
        expect_next(s, out, 1000);
    }
    cr_expect_not(append(s, in, 1000), "not forgotten yet");
    spill_forget(s);
    expect_next(s, out++, 1000); /* read, not forgotten, moved */
    while (append(s, in, 1000)) {
        in++;
    }
    cr_expect_leq((uint64_t)file_bytes(), max);
    cr_expect_gt(in - out, 900u);
    for (; out < in; out++) {
        expect_next(s, out, 1000);
    }
    cr_expect_null(spill_next(s));
    cr_expect_eq(spill_damaged(s), 0u);
    spill_free(s);
}

Test(spill, torn_and_damaged_messages_are_left_out)
{
    struct spill *s = open_spill(SPILL_BYTES);
    for (unsigned i = 0; i < 5; i++) {
        append(s, i, 100);
    }
    spill_flush(s);
    spill_free(s);
    char path[128];
    snprintf(path, sizeof path, "%s/x.spill", directory);
    off_t size = file_bytes();
    off_t each = (size - 64) / 5;
    int fd = open(path, O_RDWR);
    cr_assert_eq(ftruncate(fd, size - 7), 0);                /* the last one */
    cr_assert_eq(pwrite(fd, "?", 1, 64 + 2 * each - 20), 1); /* the second */
    close(fd);
    s = open_spill(SPILL_BYTES);
    cr_expect_eq(spill_count(s), 4u);
    expect_next(s, 0, 100);
    expect_next(s, 2, 100);
    expect_next(s, 3, 100);
    cr_expect_null(spill_next(s));
    cr_expect_eq(spill_damaged(s), 1u);
    spill_forget(s);
    cr_expect_eq(spill_count(s), 0u);
    spill_free(s);
}

Test(spill, one_process_at_a_time_and_no_other_files)
{
    char error[256];
    struct spill *s = open_spill(SPILL_BYTES);
    cr_expect_null(spill_open(directory, "x.spill", SPILL_BYTES, error));
    cr_expect_not_null(strstr(error, "used by another"), "%s", error);
    spill_free(s);
    char path[128];
    snprintf(path, sizeof path, "%s/y.spill", directory);
    FILE *f = fopen(path, "w");
    fputs("somebody's letters, longer than the head of a file of ours would be",
          f);
    fclose(f);
    cr_expect_null(spill_open(directory, "y.spill", SPILL_BYTES, error));
    cr_expect_not_null(strstr(error, "not a file of kept records"));
    cr_expect_null(spill_open("/nowhere", "y.spill", SPILL_BYTES, error));
    s = spill_open(NULL, "x", SPILL_BYTES, error);
    cr_assert_not_null(s, "%s", error);
    cr_expect_null(spill_path(s));
    cr_expect(append(s, 1, 5));
    expect_next(s, 1, 5);
    spill_free(s);
}

Test(spill, a_full_disk_loses_nothing_that_was_taken)
{
    char error[256];
    char path[128];
    snprintf(path, sizeof path, "%s/full.spill", directory);
    struct spill *s = spill_open(directory, "full.spill", SPILL_BYTES, error);
    cr_assert_not_null(s, "%s", error);
    unsigned taken = 0;
    /* The file is taken away from under it: every write fails. */
    int fd = spill_file(s);
    int good = dup(fd);
    int bad = open("/dev/full", O_RDWR);
    cr_assert_geq(bad, 0);
    dup2(bad, fd);
    while (taken < 100000 && append(s, taken, 1000)) {
        taken++;
    }
    cr_expect_gt(taken, 100u, "a buffer's worth");
    cr_expect_lt(taken, 1000u);
    cr_expect_not(spill_flush(s));
    cr_expect_eq(spill_unwritten(s), taken);
    dup2(good, fd);
    cr_expect(spill_flush(s));
    for (unsigned i = 0; i < taken; i++) {
        expect_next(s, i, 1000);
    }
    close(good);
    close(bad);
    spill_free(s);
}

/* Half of a write fits: the next run must not find what it put there, since the
 * messages are still held by who wanted them written. */
Test(spill, what_half_a_write_left_is_not_read)
{
    signal(SIGXFSZ, SIG_IGN);
    struct spill *s = open_spill(SPILL_BYTES);
    for (unsigned i = 0; i < 10; i++) {
        cr_assert(append(s, i, 1000));
    }
    cr_assert(spill_flush(s));
    const struct rlimit little = {(rlim_t)file_bytes() + 5000, RLIM_INFINITY};
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    for (unsigned i = 10; i < 20; i++) {
        cr_assert(append(s, i, 1000));
    }
    setrlimit(RLIMIT_FSIZE, &little);
    cr_expect_not(spill_flush(s));
    setrlimit(RLIMIT_FSIZE, &all);
    spill_free(s);
    s = open_spill(SPILL_BYTES);
    cr_expect_eq(spill_count(s), 10u);
    spill_free(s);
}

/* A length that leads past the end: the rest is damaged, and room for more. */
Test(spill, a_length_that_leads_past_the_end)
{
    struct spill *s = open_spill(SPILL_BYTES);
    const uint32_t longer = 100000;
    cr_assert(append(s, 0, 1000) && append(s, 1, 1000));
    cr_assert(spill_flush(s));
    off_t second = 64 + (file_bytes() - 64) / 2;
    cr_assert_eq(pwrite(spill_file(s), &longer, 4, second + 8), 4);
    expect_next(s, 0, 1000);
    cr_expect_null(spill_next(s));
    cr_expect_eq(spill_damaged(s), 1u);
    spill_forget(s);
    cr_expect_eq(spill_count(s), 0u);
    cr_assert(append(s, 2, 1000));
    expect_next(s, 2, 1000);
    spill_free(s);
}

Test(spill, entries_go_there_as_they_lie_in_memory)
{
    struct ring *ring = ring_new();
    struct spill *s = open_spill(SPILL_BYTES);
    struct entry e;
    char *p;
    bool lies;
    uint64_t count;
    char key[32];
    static char record[5000];
    unsigned taken = 0;
    cr_assert(append(s, 0, 100), "in the buffer: it stays before them");
    for (unsigned i = 1; i < 2000; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        memset(record, 'a' + (int)(i % 26), 1 + i);
        cr_assert(ring_put(ring, span_text(key), span_of(record, 1 + i)));
    }
    while (ring_first(ring, &e, &p, &lies)) {
        size_t n = spill_append_many(s, p, ring_run(ring), &count);
        cr_assert_gt(n, 0u);
        ring_take(ring, n);
        taken += (unsigned)count;
    }
    cr_expect_not(lies);
    cr_expect_eq(taken, 1999u);
    spill_free(s);
    ring_free(ring);
    s = open_spill(SPILL_BYTES);
    cr_expect_eq(spill_count(s), 2000u);
    expect_next(s, 0, 100);
    for (unsigned i = 1; i < 2000; i++) {
        expect_next(s, i, 1 + i);
    }
    cr_expect_null(spill_next(s));
    cr_expect_eq(spill_damaged(s), 0u);
    spill_free(s);
}

Test(spill, many_entries_stop_at_the_bound)
{
    const uint64_t max = 1 << 20;
    struct ring *ring = ring_new();
    struct spill *s = open_spill(max);
    struct entry e;
    char *p;
    bool lies;
    uint64_t count;
    uint64_t kept = 0;
    static char record[1000];
    for (unsigned i = 0; i < 3000; i++) {
        cr_assert(ring_put(ring, span_text("k"), span_of(record, 1000)));
    }
    size_t n = 1;
    while (n > 0 && ring_first(ring, &e, &p, &lies)) {
        n = spill_append_many(s, p, ring_run(ring), &count);
        ring_take(ring, n);
        kept += count;
    }
    cr_expect_eq(kept, spill_count(s));
    cr_expect_gt(kept, 1000u);
    cr_expect_leq((uint64_t)file_bytes(), max);
    cr_expect_eq(spill_append_many(s, p, ring_run(ring), &count), 0u);
    spill_free(s);
    ring_free(ring);
}

Test(spill, another_version_of_the_file_is_left_alone)
{
    char error[256];
    char path[128];
    snprintf(path, sizeof path, "%s/x.spill", directory);
    FILE *f = fopen(path, "w");
    fputs("tlswhy1\n", f);
    for (int i = 0; i < 100; i++) {
        fputc(0, f);
    }
    fclose(f);
    cr_expect_null(spill_open(directory, "x.spill", SPILL_BYTES, error));
    cr_expect_not_null(strstr(error, "of this version"), "%s", error);
    cr_expect_eq(file_bytes(), 108);
}

/* ---- the ring ---- */

/* Laps around it, entries of all lengths, never full and never empty. */
Test(spill, a_ring_gives_back_what_was_put)
{
    struct ring *ring = ring_new();
    static char record[LIMIT_SEND_RECORD_BYTES];
    struct entry e;
    char *p;
    bool lies;
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t bytes = 0;
    memset(record, 'r', sizeof record);
    cr_expect(ring_sleep(ring), "empty");
    cr_expect(ring_wants_bell(ring));
    cr_expect_not(ring_wants_bell(ring), "once");
    while (bytes < 3 * (uint64_t)LIMIT_SEND_QUEUE_BYTES) {
        char key[32];
        snprintf(key, sizeof key, "%" PRIu64, in);
        size_t n = 1 + in * 7919 % LIMIT_SEND_RECORD_BYTES;
        if (ring_put(ring, span_text(key), span_of(record, n))) {
            in++;
            bytes += n;
            continue;
        }
        cr_assert_gt(in - out, 100u);
        cr_expect_not(ring_sleep(ring));
        for (unsigned i = 0; i < 90; i++, out++) {
            cr_assert(ring_first(ring, &e, &p, &lies));
            snprintf(key, sizeof key, "%" PRIu64, out);
            cr_assert_eq(e.key_n, strlen(key));
            cr_assert_eq(memcmp(p + sizeof e, key, e.key_n), 0);
            cr_assert_eq(e.record_n, 1 + out * 7919 % LIMIT_SEND_RECORD_BYTES);
            cr_assert_eq(p[sizeof e + e.key_n + e.record_n - 1], 'r');
            ring_take(ring, entry_bytes(&e));
        }
    }
    cr_expect_leq(ring_filled(ring), LIMIT_SEND_QUEUE_BYTES);
    ring_free(ring);
}

/* Of any length, now and then long. */
static size_t length_of(unsigned i)
{
    return 1 + i * 7919u % (i % 1000 ? 3000 : 200000);
}

Test(spill, a_ring_between_two_processes)
{
    const unsigned n = 300000;
    static char record[200000];
    struct ring *ring = ring_new();
    struct entry e;
    char *p;
    bool lies = false;
    pid_t writer = fork();
    if (writer == 0) {
        for (unsigned i = 0; i < n;) {
            memcpy(record, &i, sizeof i);
            if (ring_put(ring, span_text("k"), span_of(record, length_of(i)))) {
                i++;
            } else {
                usleep(1000);
            }
        }
        ring_say_goodbye(ring, 7);
        _exit(0);
    }
    for (unsigned i = 0; i < n;) {
        if (!ring_first(ring, &e, &p, &lies)) {
            cr_assert_not(lies, "%u", i);
            ring_sleep(ring);
            usleep(100);
            continue;
        }
        size_t whole = length_of(i);
        cr_assert_eq(e.record_n, whole, "%u", i);
        size_t shown = whole < sizeof i ? whole : sizeof i;
        cr_assert_eq(memcmp(p + sizeof e + e.key_n, &i, shown), 0, "%u", i);
        ring_take(ring, entry_bytes(&e));
        i++;
    }
    waitpid(writer, NULL, 0);
    cr_expect_eq(ring_waiting(ring), 0u);
    cr_expect_eq(ring_goodbye(ring), 7u);
    ring_free(ring);
}

/* ---- URLs ---- */

Test(spill, redis_urls)
{
    struct redis_url u;
    char error[256];
    cr_assert(redis_url_parse("redis://cache.example", &u, error));
    cr_expect_str_eq(u.host, "cache.example");
    cr_expect_eq(u.port, 6379);
    cr_expect_eq(u.db, 0u);
    cr_expect_str_eq(u.stream, "tlswhy");
    cr_expect_str_eq(u.password, "");
    cr_expect_eq(u.max_length, 1000000u);
    cr_assert(redis_url_parse("redis://al%40ice:p%3A%2f@[2001:db8::1]:7000/12"
                              "?stream=fleet%20a&maxlen=0",
                              &u, error),
              "%s", error);
    cr_expect_str_eq(u.user, "al@ice");
    cr_expect_str_eq(u.password, "p:/");
    cr_expect_str_eq(u.host, "2001:db8::1");
    cr_expect_eq(u.port, 7000);
    cr_expect_eq(u.db, 12u);
    cr_expect_str_eq(u.stream, "fleet a");
    cr_expect_eq(u.max_length, 0u);
    cr_assert(redis_url_parse("redis://:pw@h/", &u, error));
    cr_expect_str_eq(u.user, "");
    cr_expect_str_eq(u.password, "pw");
    cr_expect_not(u.tls);
    cr_assert(
        redis_url_parse("rediss://h:1?ca=/a%3db.pem&cert=/c&key=/k", &u, error),
        "%s", error);
    cr_expect(u.tls);
    cr_expect_eq(u.port, 1);
    cr_expect_str_eq(u.ca, "/a=b.pem");
    cr_expect_str_eq(u.cert, "/c");
    cr_expect_str_eq(u.key, "/k");
    static const char *const wrong[] = {
        "",
        "h:1",
        "http://h",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:70000",
        "redis://h:x",
        "redis://[::1",
        "redis://[::1]x",
        "redis://user@h",
        "redis://secret:@h",
        "redis://h/one",
        "redis://h/1/2",
        "redis://h?stream=",
        "redis://h?maxlen=-1",
        "redis://h?color=red",
        "redis://:%zz@h",
        "redis://:%00@h",
        "redis://:secret@h?ca=/x",
        "rediss://:secret@h?key=/x",
        "rediss://",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        error[0] = '\0';
        cr_expect_not(redis_url_parse(wrong[i], &u, error), "%s", wrong[i]);
        cr_expect_neq(error[0], '\0');
        cr_expect_null(strstr(error, "secret"), "%s", error);
    }
}

/* ---- a sender ---- */

struct rig {
    struct destination to;
    struct spill *spill;
    struct sender *sender;
    struct sender_counts counts; /* at the end */
};

struct rig_options {
    const char *where; /* Kafka's */
    const char *redis; /* or a URL */
    const char *properties[4];
    bool live, named, confined;
    uint64_t spill_bytes;
};

static void start(struct rig *r, const struct rig_options *o)
{
    char error[256];
    static struct sandbox_plan plan = {.connects = true, .reconnecting = -1};
    size_t n = 0;
    while (n < 4 && o->properties[n]) {
        n++;
    }
    bool ok =
        o->redis ? redis_destination(o->redis, &r->to, error)
                 : kafka_destination(o->where, o->properties, n, &r->to, error);
    cr_assert(ok, "%s", error);
    r->spill = spill_open(o->named ? directory : NULL, "rig.spill",
                          o->spill_bytes ? o->spill_bytes : SPILL_BYTES, error);
    cr_assert_not_null(r->spill, "%s", error);
    if (o->confined) {
        cr_assert(sandbox_find_user(NULL, &plan.user, error), "%s", error);
    }
    const struct sender_options so = {.to = &r->to,
                                      .spill = r->spill,
                                      .plan = o->confined ? &plan : NULL,
                                      .patient = !o->live,
                                      .quiet = true};
    r->sender = sender_start(&so, error);
    cr_assert_not_null(r->sender, "%s", error);
    spill_leave(r->spill);
}

static void send_padded(struct rig *r, unsigned from, unsigned n, int padding)
{
    char key[32];
    char record[4096];
    for (unsigned i = from; i < from + n; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        snprintf(record, sizeof record, "{\"n\":%u,\"pad\":\"%*s\"}", i,
                 padding, "");
        sender_send(r->sender, span_text(key), span_text(record));
    }
    sender_poll(r->sender);
}

static void send_some(struct rig *r, unsigned from, unsigned n)
{
    send_padded(r, from, n, 100);
}

static void finish(struct rig *r)
{
    sender_goodbye(r->sender, NULL);
    sender_finish(r->sender, NULL);
    sender_counts(r->sender, &r->counts);
    sender_free(r->sender);
    spill_free(r->spill);
    r->to.free(r->to.self);
}

/* Until so many are delivered, for ten seconds. */
static void wait_delivered(struct rig *r, uint64_t n)
{
    struct sender_counts c = {0};
    for (int i = 0; i < 500 && c.delivered < n; i++) {
        usleep(20000);
        sender_poll(r->sender);
        sender_counts(r->sender, &c);
    }
    cr_assert_geq(c.delivered, n);
}

/* The sender's process: the only child that has its destination's name. */
static pid_t child_named(const char *name)
{
    char path[64];
    char text[512];
    pid_t found = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        snprintf(path, sizeof path, "/proc/%.20s/stat", e->d_name);
        FILE *f = fopen(path, "r");
        int pid = 0;
        int parent = 0;
        char comm[32] = "";
        if (f && fgets(text, sizeof text, f) &&
            sscanf(text, "%d (%31[^)]) %*c %d", &pid, comm, &parent) == 3 &&
            parent == (int)getpid() && strcmp(comm, name) == 0) {
            found = pid;
        }
        if (f) {
            fclose(f);
        }
    }
    if (d) {
        closedir(d);
    }
    return found;
}

#ifdef HAVE_RDKAFKA

static void broker(struct mock_broker *m)
{
    cr_assert(mock_broker_start(m, 1, 4));
}

Test(send, all_records_arrive_once_with_their_keys)
{
    struct mock_broker m;
    struct mock_count c;
    broker(&m);
    struct rig r;
    start(&r, &(struct rig_options){.where = m.where});
    send_some(&r, 0, 20000);
    finish(&r);
    mock_broker_count(&m, true, &c);
    cr_expect_eq(r.counts.delivered, 20000u);
    cr_expect_eq(r.counts.lost, 0u);
    cr_expect_eq(r.counts.kept, 0u);
    cr_expect_eq(c.messages, 20000u);
    cr_expect_eq(c.distinct, 20000u);
    cr_expect_eq(c.keyed, 20000u);
    mock_broker_stop(&m);
}

Test(send, nothing_is_lost_while_the_broker_is_away)
{
    struct mock_broker m;
    struct mock_count c;
    struct sender_counts away;
    broker(&m);
    struct rig r;
    /* Short patience, so that they do go by way of the file. */
    start(&r, &(struct rig_options){
                  .where = m.where,
                  .live = true,
                  .properties = {"message.timeout.ms=1000",
                                 "reconnect.backoff.max.ms=200"}});
    send_some(&r, 0, 5000);
    wait_delivered(&r, 5000);
    mock_broker_set_up(&m, false);
    for (unsigned i = 0; i < 25; i++) {
        send_some(&r, 5000 + i * 200, 200);
        usleep(100000);
    }
    sender_poll(r.sender);
    sender_counts(r.sender, &away);
    cr_expect(away.away);
    cr_expect_gt(away.kept, 0u);
    mock_broker_set_up(&m, true);
    send_some(&r, 10000, 1000);
    wait_delivered(&r, 11000);
    finish(&r);
    mock_broker_count(&m, true, &c);
    cr_expect_eq(r.counts.lost, 0u);
    cr_expect_eq(r.counts.kept, 0u);
    cr_expect_eq(c.distinct, 11000u);
    cr_expect_not(r.counts.away);
    mock_broker_stop(&m);
}

Test(send, what_is_kept_is_delivered_by_the_next_run)
{
    struct mock_broker m;
    struct mock_count c;
    broker(&m);
    struct rig r;
    const struct rig_options o = {
        .where = m.where, .live = true, .named = true};
    mock_broker_set_up(&m, false);
    start(&r, &o);
    send_some(&r, 0, 3000);
    double since = now();
    finish(&r);
    cr_expect_lt(now() - since, 1.5, "a live capture ends at once");
    cr_expect_eq(r.counts.delivered, 0u);
    cr_expect_eq(r.counts.kept, 3000u);
    cr_expect_eq(r.counts.lost, 0u);
    mock_broker_set_up(&m, true);
    start(&r, &o);
    send_some(&r, 3000, 10);
    wait_delivered(&r, 3010);
    finish(&r);
    cr_expect_eq(r.counts.kept, 0u);
    cr_expect_eq(r.counts.lost, 0u);
    mock_broker_count(&m, true, &c);
    cr_expect_eq(c.distinct, 3010u);
    cr_expect_eq(c.messages, 3010u);
    mock_broker_stop(&m);
}

Test(send, without_a_named_file_they_are_lost_and_counted)
{
    struct rig r;
    start(&r, &(struct rig_options){.where = "127.0.0.1:1/tls", .live = true});
    send_some(&r, 0, 700);
    finish(&r);
    cr_expect_eq(r.counts.delivered, 0u);
    cr_expect_eq(r.counts.kept, 0u);
    cr_expect_eq(r.counts.lost, 700u);
}

Test(send, refused_records_come_again)
{
    struct mock_broker m;
    struct mock_count c;
    broker(&m);
    struct rig r;
    const int topic_authorization_failed = 29;
    mock_broker_fail(&m, topic_authorization_failed, 3);
    start(&r, &(struct rig_options){.where = m.where});
    send_some(&r, 0, 2000);
    finish(&r);
    mock_broker_count(&m, true, &c);
    cr_expect_eq(r.counts.lost, 0u);
    cr_expect_eq(r.counts.delivered, 2000u);
    cr_expect_eq(c.distinct, 2000u);
    mock_broker_stop(&m);
}

Test(send, a_producer_that_broke_is_replaced)
{
    struct mock_broker m;
    struct mock_count c;
    broker(&m);
    struct rig r;
    start(&r, &(struct rig_options){.where = m.where});
    send_some(&r, 0, 100);
    wait_delivered(&r, 100);
    const int out_of_order_sequence = 45;
    mock_broker_fail(&m, out_of_order_sequence, 1);
    send_some(&r, 100, 2000);
    wait_delivered(&r, 2100);
    finish(&r);
    mock_broker_count(&m, true, &c);
    cr_expect_eq(r.counts.lost, 0u);
    cr_expect_eq(c.distinct, 2100u);
    mock_broker_stop(&m);
}

Test(send, the_caller_never_waits)
{
    struct mock_broker m;
    struct sender_counts c;
    broker(&m);
    struct rig r;
    start(&r, &(struct rig_options){.where = m.where, .live = true});
    pid_t child = child_named("kafka");
    cr_assert_gt(child, 0);
    kill(child, SIGSTOP);
    double since = now();
    const unsigned n = LIMIT_SEND_QUEUE_BYTES / 3000 + 5000;
    send_padded(&r, 0, n, 3000);
    cr_expect_lt(now() - since, 10.0);
    sender_counts(r.sender, &c);
    cr_expect_gt(c.lost, 5000u, "the queue is full");
    cr_expect_lt(c.lost, 20000u);
    kill(child, SIGCONT);
    wait_delivered(&r, n - c.lost);
    finish(&r);
    cr_expect_eq(r.counts.lost, c.lost);
    cr_expect_eq(r.counts.delivered + r.counts.lost, n);
    mock_broker_stop(&m);
}

Test(send, files_wait_for_room_instead)
{
    struct mock_broker m;
    broker(&m);
    struct rig r;
    start(&r, &(struct rig_options){.where = m.where});
    pid_t child = child_named("kafka");
    kill(child, SIGSTOP);
    pid_t waker = fork();
    if (waker == 0) {
        usleep(700000);
        kill(child, SIGCONT);
        _exit(0);
    }
    const unsigned n = LIMIT_SEND_QUEUE_BYTES / 3000 + 5000;
    send_padded(&r, 0, n, 3000);
    finish(&r);
    waitpid(waker, NULL, 0);
    cr_expect_eq(r.counts.delivered, n);
    cr_expect_eq(r.counts.lost, 0u);
    mock_broker_stop(&m);
}

Test(send, a_sender_that_dies_is_noticed)
{
    struct mock_broker m;
    broker(&m);
    struct rig r;
    start(&r, &(struct rig_options){.where = m.where, .live = true});
    send_some(&r, 0, 100);
    wait_delivered(&r, 100);
    kill(child_named("kafka"), SIGKILL);
    usleep(100000);
    send_some(&r, 100, 50);
    finish(&r);
    cr_expect_eq(r.counts.delivered, 100u);
    cr_expect_eq(r.counts.lost, 50u);
    mock_broker_stop(&m);
}

Test(send, it_ends_when_nobody_is_left)
{
    struct rig r;
    /* The capturing process, which dies. */
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        start(&r, &(struct rig_options){
                      .where = "127.0.0.1:1/tls", .live = true, .named = true});
        send_some(&r, 0, 40);
        usleep(200000);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    double since = now();
    cr_expect_gt(wait(NULL), 0, "the sender's process");
    cr_expect_lt(now() - since, 3.0);
    char error[256];
    struct spill *s = spill_open(directory, "rig.spill", SPILL_BYTES, error);
    cr_assert_not_null(s, "%s", error);
    cr_expect_eq(spill_count(s), 40u, "and keeps what it had");
    spill_free(s);
}

/* What the ring holds when the capturing process is a stranger's: the head of
 * its only entry is another one, or its goodbye is for ever. */
static void lie(struct ring *ring, const struct entry *lie, uint32_t goodbye)
{
    struct entry e;
    char *p;
    bool lies;
    cr_assert(ring_put(ring, span_text("key"), span_text("0123456789")));
    cr_assert(ring_first(ring, &e, &p, &lies));
    memcpy(p, lie ? lie : &e, sizeof e);
    if (goodbye) {
        ring_say_goodbye(ring, goodbye);
    }
}

Test(send, it_believes_no_lengths)
{
    static const struct entry heads[] = {
        {ENTRY_MARK, UINT32_MAX, 1, 0},
        {ENTRY_MARK, 1, UINT32_MAX, 0},
        {ENTRY_MARK, UINT32_MAX, UINT32_MAX, 0},
        {ENTRY_MARK, 65, 10, 0},
        {ENTRY_MARK, 0, 900001, 0},
        {ENTRY_MARK, 0, 0, 0},
        {ENTRY_MARK, 3, 10 + ENTRY_ALIGN, 0}, /* past the end */
        {0x534b4950u, 0, 0, 0},               /* the lap's end, too early */
        {0, 3, 10, 0},
    };
    const size_t n = sizeof heads / sizeof *heads;
    char error[256];
    struct destination to;
    cr_assert(kafka_destination("127.0.0.1:1/t", NULL, 0, &to, error));
    for (size_t i = 0; i <= n; i++) {
        int there[2];
        int back[2];
        int status = -1;
        struct child_report last = {0};
        struct child_report r;
        struct ring *ring = ring_new();
        cr_assert_eq(pipe(there) + pipe(back), 0);
        struct spill *s = spill_open(NULL, "x", SPILL_BYTES, error);
        const struct sender_options so = {
            .to = &to, .spill = s, .patient = true, .quiet = true};
        lie(ring, i < n ? &heads[i] : NULL, i < n ? 0 : UINT32_MAX);
        pid_t pid = fork();
        if (pid == 0) {
            close(there[1]);
            child_run(&so, ring, there[0], back[1]);
        }
        close(back[1]);
        while (read(back[0], &r, sizeof r) == (ssize_t)sizeof r) {
            last = r;
        }
        waitpid(pid, &status, 0);
        cr_expect_eq(status, 0, "%zu: %d", i, status);
        cr_expect_eq(last.state, CHILD_OVER);
        cr_expect_eq(last.delivered + last.kept, 0u, "%zu", i);
        close(there[0]);
        close(there[1]);
        close(back[0]);
        spill_free(s);
        ring_free(ring);
    }
    to.free(to.self);
}

static bool status_has(pid_t pid, const char *line)
{
    char path[64];
    char text[256];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(text, sizeof text, f)) {
        found = found || strncmp(text, line, strlen(line)) == 0;
    }
    if (f) {
        fclose(f);
    }
    return found;
}

Test(send, its_process_is_confined_and_has_no_other_descriptors)
{
    struct mock_broker m;
    struct mock_count c;
    char path[64];
    char name[128];
    broker(&m);
    int secret = open("/etc/passwd", O_RDONLY);
    struct rig r;
    start(&r, &(struct rig_options){.where = m.where, .confined = true});
    pid_t child = child_named("kafka");
    cr_assert_gt(child, 0);
    cr_expect(status_has(child, "CapEff:\t0000000000000000"));
    cr_expect(status_has(child, "CapPrm:\t0000000000000000"));
    cr_expect(status_has(child, "NoNewPrivs:\t1"));
#ifdef HAVE_SECCOMP
    cr_expect(status_has(child, "Seccomp:\t2"));
#endif
    if (geteuid() == 0) {
        cr_expect_not(status_has(child, "Uid:\t0"));
    }
    snprintf(path, sizeof path, "/proc/%d/fd", (int)child);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        ssize_t n = readlinkat(dirfd(d), e->d_name, name, sizeof name - 1);
        name[n > 0 ? n : 0] = '\0';
        cr_expect_null(strstr(name, "passwd"), "%s", name);
    }
    if (d) {
        closedir(d);
    }
    send_some(&r, 0, 1000);
    finish(&r);
    mock_broker_count(&m, true, &c);
    cr_expect_eq(c.distinct, 1000u);
    close(secret);
    mock_broker_stop(&m);
}

Test(send, wrong_settings_are_told_without_their_secrets)
{
    struct destination to;
    char error[256];
    static const char *const wrong[] = {
        "sasl.pasword=hunter2",
        "enable.idempotence=hunter2",
        "transactional.id=hunter2",
        "=hunter2",
        "hunter2",
    };
    static const char *const places[] = {"",   "b",     "b:1",  "/t",
                                         "b/", "b/t/u", "b/t u"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        error[0] = '\0';
        cr_expect_not(kafka_destination("b:1/t", &wrong[i], 1, &to, error));
        cr_expect_neq(error[0], '\0', "%s", wrong[i]);
        cr_expect_null(strstr(error, "hunter2"), "%s", error);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        cr_expect_not(kafka_destination(places[i], NULL, 0, &to, error), "%s",
                      places[i]);
    }
    /* What only shows when the producer is made. */
    static const char *const late[] = {"security.protocol=SASL_SSL",
                                       "ssl.ca.location=/nowhere"};
    cr_assert(kafka_destination("b:1/t", late, 2, &to, error), "%s", error);
    struct spill *s = spill_open(NULL, "x", SPILL_BYTES, error);
    const struct sender_options so = {.to = &to, .spill = s, .quiet = true};
    error[0] = '\0';
    cr_expect_null(sender_start(&so, error));
    cr_expect_neq(error[0], '\0');
    spill_free(s);
    to.free(to.self);
}

/* Brokers that want passwords: what is documented works with this librdkafka.
 */
Test(send, sasl_mechanisms_that_are_documented)
{
    static const char *const mechanisms[] = {"sasl.mechanism=PLAIN",
                                             "sasl.mechanism=SCRAM-SHA-256",
                                             "sasl.mechanism=SCRAM-SHA-512"};
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) {
        struct rig r;
        start(&r, &(struct rig_options){
                      .where = "127.0.0.1:1/tls",
                      .live = true,
                      .confined = true,
                      .properties = {"security.protocol=SASL_PLAINTEXT",
                                     mechanisms[i], "sasl.username=me",
                                     "sasl.password=x"}});
        finish(&r);
        cr_expect_eq(r.counts.lost, 0u);
    }
}

/* The whole program. Returns its exit status. */
static int run(const char *arguments)
{
    char command[1024];
    const char *src = getenv("TLSWHY_SRCDIR");
    const char *program = getenv("TLSWHY");
    cr_assert(src && program, "run by make check");
    snprintf(command, sizeof command,
             "cd %s && PCAPS=%s/pcaps; %s %s >out 2>err", directory, src,
             program, arguments);
    int status = system(command);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Whether a file in the scratch directory has the text. */
static bool has(const char *name, const char *text)
{
    char command[256];
    snprintf(command, sizeof command, "cd %s && grep -q -- '%s' %s", directory,
             text, name);
    return system(command) == 0;
}

Test(send, the_program_sends_what_it_reports)
{
    struct mock_broker m;
    struct mock_count c;
    char arguments[512];
    broker(&m);
    snprintf(arguments, sizeof arguments,
             "--kafka %s -f json --no-summary $PCAPS/demo.pcap", m.where);
    cr_expect_eq(run(arguments), 0);
    cr_expect(has("err", "tls: 1 record delivered"));
    cr_expect(has("out", "server_certificate_expired"), "-f goes its own way");
    snprintf(arguments, sizeof arguments, "--kafka %s -a $PCAPS/demo.pcap",
             m.where);
    cr_expect_eq(run(arguments), 0);
    mock_broker_count(&m, true, &c);
    cr_expect_eq(c.messages, 3u, "one failure; with -a a success, too");
    mock_broker_stop(&m);
}

Test(send, the_program_ends_with_status_2_when_records_are_lost)
{
    cr_expect_eq(run("--kafka 127.0.0.1:1/t -f none --spill . "
                     "$PCAPS/demo.pcap"),
                 0);
    cr_expect(has("err", "0 records delivered, 1 kept in ./kafka.spill"));
    cr_expect_eq(run("--kafka 127.0.0.1:1/t -q -f none $PCAPS/demo.pcap"), 2);
    cr_expect(has("err", "0 records delivered, 1 lost"));
    cr_expect_eq(run("--kafka b/t --kafka-property sasl.password "
                     "$PCAPS/demo.pcap"),
                 2);
    cr_expect_eq(run("--kafka b/t --kafka-property no.such=hunter2 "
                     "$PCAPS/demo.pcap"),
                 2);
    cr_expect(has("err", "property no.such"));
    cr_expect_not(has("err", "hunter2"));
    cr_expect_eq(run("--redis redis://:hunter2@/ $PCAPS/demo.pcap"), 2);
    cr_expect_not(has("err", "hunter2"));
}

#endif

/* ---- Redis ---- */

#ifdef HAVE_HIREDIS

/* Tests run side by side, each in a process of its own. */
static int redis_port = 17379;

struct server {
    pid_t pid;
};

static bool have_redis(void)
{
    return system("redis-server --version >/dev/null 2>&1") == 0;
}

/* With a directory of certificates also by TLS, at the port behind; clients
 * have to show one. */
static void redis_start(struct server *s, const char *tls)
{
    char port[16];
    char tls_port[16];
    char cert[64];
    char key[64];
    snprintf(port, sizeof port, "%d", redis_port);
    snprintf(tls_port, sizeof tls_port, "%d", tls ? redis_port + 1 : 0);
    snprintf(cert, sizeof cert, "%s/cert", tls ? tls : "");
    snprintf(key, sizeof key, "%s/key", tls ? tls : "");
    s->pid = fork();
    if (s->pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("redis-server", "redis-server", "--port", port, "--bind",
               "127.0.0.1", "--requirepass", "s3cret", "--dir", directory,
               "--save", "", "--appendonly", "yes", "--appendfsync", "no",
               "--tls-port", tls_port, tls ? "--tls-cert-file" : NULL, cert,
               "--tls-key-file", key, "--tls-ca-cert-file", cert, NULL);
        _exit(127);
    }
    int ready = 1;
    for (int i = 0; i < 200 && ready != 0; i++) {
        usleep(50000);
        char line[128];
        snprintf(line, sizeof line,
                 "redis-cli -p %d -a s3cret --no-auth-warning ping "
                 "2>/dev/null | grep -q PONG",
                 redis_port);
        ready = system(line);
    }
    cr_assert_eq(ready, 0);
}

static void redis_up(struct server *s)
{
    redis_start(s, NULL);
}

static void redis_down(struct server *s)
{
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
}

/* What a command of redis-cli prints. */
static const char *redis(const char *command)
{
    static char text[8192];
    char line[512];
    snprintf(line, sizeof line,
             "redis-cli -p %d -a s3cret --no-auth-warning -n 3 %s 2>&1",
             redis_port, command);
    FILE *f = popen(line, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    if (f) {
        pclose(f);
    }
    return text;
}

static const char *const url =
    "redis://:s3cret@127.0.0.1:17379/3?stream=fleet&maxlen=100000";

Test(send, records_become_entries_of_a_redis_stream)
{
    if (!have_redis()) {
        cr_skip_test("no redis-server");
    }
    struct server s;
    struct rig r;
    redis_up(&s);
    start(&r, &(struct rig_options){.redis = url, .confined = true});
    send_some(&r, 0, 5000);
    finish(&r);
    cr_expect_eq(r.counts.delivered, 5000u);
    cr_expect_eq(r.counts.lost, 0u);
    cr_expect_eq(atoi(redis("xlen fleet")), 5000);
    const char *first = redis("xrange fleet - + count 1");
    cr_expect_not_null(strstr(first, "community_id\nkey-0\nrecord\n{\"n\":0,"),
                       "%s", first);
    redis_down(&s);
}

/* A server that has TLS, and clients with and without what it takes. */
Test(send, redis_by_tls)
{
    if (!have_redis() || system("redis-cli --help 2>&1 | grep -q -e --tls")) {
        cr_skip_test("no redis-server with TLS");
    }
    char line[512];
    char where[512];
    struct server s;
    struct rig r;
    redis_port = 17381;
    snprintf(line, sizeof line,
             "cd %s && openssl req -x509 -newkey ec -pkeyopt "
             "ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=redis -addext "
             "subjectAltName=IP:127.0.0.1 -keyout key -out cert 2>/dev/null",
             directory);
    cr_assert_eq(system(line), 0);
    redis_start(&s, directory);
    snprintf(where, sizeof where,
             "rediss://:s3cret@127.0.0.1:%d/3?stream=fleet&ca=%s/cert&cert=%s/"
             "cert&key=%s/key",
             redis_port + 1, directory, directory, directory);
    start(&r, &(struct rig_options){.redis = where, .confined = true});
    send_some(&r, 0, 5000);
    finish(&r);
    cr_expect_eq(r.counts.delivered, 5000u);
    cr_expect_eq(r.counts.lost, 0u);
    cr_expect_eq(atoi(redis("xlen fleet")), 5000);
    /* Nothing is sent to a server that is not trusted, or is another one. */
    snprintf(
        where, sizeof where,
        "rediss://:s3cret@127.0.0.1:%d/3?stream=no&cert=%s/cert&key=%s/key",
        redis_port + 1, directory, directory);
    start(&r, &(struct rig_options){.redis = where, .live = true});
    send_some(&r, 0, 10);
    finish(&r);
    cr_expect_eq(r.counts.delivered, 0u);
    snprintf(where, sizeof where,
             "rediss://:s3cret@localhost:%d/3?stream=no&ca=%s/cert&cert=%s/"
             "cert&key=%s/key",
             redis_port + 1, directory, directory, directory);
    start(&r, &(struct rig_options){.redis = where, .live = true});
    send_some(&r, 0, 10);
    finish(&r);
    cr_expect_eq(r.counts.delivered, 0u);
    cr_expect_eq(atoi(redis("xlen no")), 0);
    redis_down(&s);
    char error[256];
    struct destination to;
    cr_expect_not(redis_destination("rediss://h?ca=/nowhere.pem", &to, error));
    cr_expect_str_eq(error, "/nowhere.pem: No such file or directory");
}

Test(send, redis_may_go_away_and_refuse)
{
    if (!have_redis()) {
        cr_skip_test("no redis-server");
    }
    struct server s;
    struct rig r;
    redis_up(&s);
    start(&r, &(struct rig_options){.redis = url, .live = true});
    send_some(&r, 0, 3000);
    wait_delivered(&r, 3000);
    redis_down(&s);
    send_some(&r, 3000, 3000);
    usleep(500000);
    redis_up(&s);
    wait_delivered(&r, 6000);
    redis("set fleet2 x");
    redis("rename fleet kept");
    redis("rename fleet2 fleet"); /* another type: XADD is refused */
    send_some(&r, 6000, 10);
    usleep(300000);
    redis("del fleet");
    redis("rename kept fleet");
    wait_delivered(&r, 6010);
    finish(&r);
    cr_expect_eq(r.counts.lost, 0u);
    cr_expect_geq(atoi(redis("xlen fleet")), 6010);
    redis_down(&s);
}

/* A server that says `line` at once and then a byte of nothing every 100 ms.
 * Returns its port. */
static int drip(pid_t *pid, const char *line, size_t n)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t a_n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(listen(fd, 8), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &a_n), 0);
    *pid = fork();
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int s; (s = accept(fd, NULL, NULL)) >= 0; close(s)) {
            ssize_t k = write(s, line, n);
            while (k > 0) {
                usleep(100000);
                k = send(s, "0", 1, MSG_NOSIGNAL);
            }
        }
        _exit(0);
    }
    close(fd);
    return ntohs(a.sin_port);
}

Test(send, a_server_that_drips_holds_nobody)
{
    static const char tls[] = "\x16\x03\x03\x40\x00";
    static const char reply[] = "+OK\r\n$"; /* to AUTH, and an endless length */
    struct rig r;
    struct sender_counts c = {0};
    char where[128];
    pid_t pid;
    snprintf(where, sizeof where, "rediss://127.0.0.1:%d",
             drip(&pid, tls, sizeof tls - 1));
    double since = now();
    start(&r, &(struct rig_options){.redis = where, .live = true});
    cr_expect_lt(now() - since, 8.0);
    finish(&r);
    kill(pid, SIGKILL);
    snprintf(where, sizeof where, "redis://:pw@127.0.0.1:%d",
             drip(&pid, reply, sizeof reply - 1));
    start(&r, &(struct rig_options){.redis = where, .live = true});
    send_some(&r, 0, 100);
    for (int i = 0; i < 400 && !(c.away && c.kept >= 100); i++) {
        usleep(20000);
        sender_poll(r.sender);
        sender_counts(r.sender, &c);
    }
    cr_expect(c.away);
    cr_expect_eq(c.kept, 100u, "they wait in the file");
    finish(&r);
    kill(pid, SIGKILL);
}

#endif

/* ---- options ---- */

Test(spill, secrets_leave_the_list_of_arguments)
{
    struct options o;
    char error[256];
    char redis_arg[] = "redis://me:hunter2@h:1/2?stream=a@b";
    char property[] = "--kafka-property=sasl.password=hunter2";
    char kafka[] = "--kafka=b1:9092,b2/t";
    char spill_arg[] = "--spill=/var/x,2G";
    char *argv[] = {(char *)(uintptr_t) "tlswhy",
                    (char *)(uintptr_t) "--redis",
                    redis_arg,
                    property,
                    kafka,
                    spill_arg,
                    (char *)(uintptr_t) "x.pcap",
                    NULL};
    cr_assert(options_parse(&o, 7, argv, error), "%s", error);
    cr_expect_str_eq(o.redis, "redis://me:hunter2@h:1/2?stream=a@b");
    cr_expect_str_eq(redis_arg, "redis://xxxxxxxxxx@h:1/2?stream=a@b");
    cr_assert_eq(o.properties_n, 1u);
    cr_expect_str_eq(o.properties[0], "sasl.password=hunter2");
    cr_expect_str_eq(property, "--kafka-property=sasl.password=xxxxxxx");
    cr_expect_str_eq(o.kafka, "b1:9092,b2/t");
    cr_expect_str_eq(o.spill, "/var/x");
    cr_expect_eq(o.spill_bytes, (uint64_t)2 << 30);
    cr_expect_eq(o.files_n, 1u);
    options_fini(&o);
    char small[] = "--spill=/var/x,2K";
    char *few[] = {argv[0], small, argv[6], NULL};
    cr_expect_not(options_parse(&o, 3, few, error));
    options_fini(&o);
}
