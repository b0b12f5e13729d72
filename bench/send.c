/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records a second into librdkafka's mock cluster, with an outage in the
 * middle: bench/send RATE SECONDS OUTAGE RECORDS-FILE [PROPERTY]...
 *
 * The records of a file (JSON Lines) are sent in turn, RATE a second in steps
 * of 5 ms, as a live capture does: what fits nowhere is lost. OUTAGE seconds
 * long all brokers are down. Prints what the sender and the brokers count.
 */
#include "config.h"

#include "../tests/unit/mock_broker.h"
#include "send/sender.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BROKERS     3u
#define PARTITIONS  12u
#define RECORDS_MAX 4096u
#define STEP        0.005

struct bench {
    struct span records[RECORDS_MAX];
    size_t records_n;
    uint64_t sent, bytes;
    double slowest; /* sender_send(), seconds for a step's records */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void load(struct bench *b, const char *path)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while (f && b->records_n < RECORDS_MAX &&
           (n = getline(&line, &size, f)) > 1) {
        b->records[b->records_n++] = (struct span){
            (const uint8_t *)strndup(line, (size_t)n - 1), (size_t)n - 1};
    }
    free(line);
    if (f) {
        fclose(f);
    }
}

/* The records that are due. */
static void send_due(struct bench *b, struct sender *s, uint64_t due)
{
    char key[48];
    double since = now();
    for (; b->sent < due; b->sent++) {
        struct span r = b->records[b->sent % b->records_n];
        snprintf(key, sizeof key, "1:%020" PRIu64, b->sent);
        sender_send(s, span_text(key), r);
        b->bytes += r.n;
    }
    sender_poll(s);
    double took = now() - since;
    b->slowest = took > b->slowest ? took : b->slowest;
}

static void show(const struct bench *b, const struct sender *s, double t)
{
    struct sender_counts c;
    sender_counts(s, &c);
    printf("%6.1f s  sent %" PRIu64 ", delivered %" PRIu64 ", kept %" PRIu64
           ", lost %" PRIu64 "%s\n",
           t, b->sent, c.delivered, c.kept, c.lost, c.away ? ", away" : "");
}

static void run(struct bench *b, struct mock_broker *m, struct sender *s,
                double rate, double seconds, double outage)
{
    double from = (seconds - outage) / 3;
    double begin = now();
    double shown = 0;
    bool up = true;
    for (double t = 0; t < seconds; t = now() - begin) {
        bool wanted = outage <= 0 || t < from || t >= from + outage;
        if (wanted != up) {
            up = wanted;
            mock_broker_set_up(m, up);
            printf("%6.1f s  brokers %s\n", t, up ? "up" : "down");
        }
        send_due(b, s, (uint64_t)(t * rate));
        if (t >= shown) {
            show(b, s, t);
            shown = t + 1;
        }
        usleep((useconds_t)(STEP * 1e6));
    }
}

static void tell(const struct bench *b, struct mock_broker *m,
                 const struct sender_counts *c, double seconds, double waited)
{
    struct mock_count held;
    mock_broker_count(m, false, &held);
    printf("sent           %" PRIu64 " records, %.0f/s, %.1f MB/s\n", b->sent,
           (double)b->sent / seconds, (double)b->bytes / seconds / 1e6);
    printf("delivered      %" PRIu64 "\nkept           %" PRIu64
           "\nlost           %" PRIu64 "\n",
           c->delivered, c->kept, c->lost);
    printf("brokers hold   %" PRIu64 " (%.3f %% more than sent)\n",
           held.messages,
           100.0 * ((double)held.messages / (double)b->sent - 1));
    printf("longest step   %.1f ms\nall delivered  %.1f s after the last\n",
           b->slowest * 1e3, waited);
}

/* CPU time of this process, and of its children that ended. */
static void tell_cpu(const struct bench *b)
{
    static const char *const who[] = {"this process", "the sender's",
                                      "the brokers'"};
    struct rusage used[3];
    getrusage(RUSAGE_SELF, &used[0]);
    getrusage(RUSAGE_CHILDREN, &used[1]);
    while (wait(NULL) > 0) {
    }
    getrusage(RUSAGE_CHILDREN, &used[2]);
    for (unsigned i = 0; i < 3; i++) {
        double s =
            (double)(used[i].ru_utime.tv_sec + used[i].ru_stime.tv_sec) +
            (double)(used[i].ru_utime.tv_usec + used[i].ru_stime.tv_usec) / 1e6;
        static double before;
        s -= i == 2 ? before : 0;
        before = i == 1 ? s : before;
        printf("CPU %-12s %.1f us a record\n", who[i],
               s * 1e6 / (double)b->sent);
    }
}

/* Until everything is delivered, at most two minutes. */
static double wait_for_all(struct sender *s, uint64_t sent)
{
    struct sender_counts c = {0};
    double since = now();
    while (c.delivered + c.lost < sent && now() - since < 120) {
        usleep(10000);
        sender_poll(s);
        sender_counts(s, &c);
    }
    return now() - since;
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct mock_broker m;
    struct destination to;
    struct sandbox_plan plan = {.connects = true, .reconnecting = -1};
    struct sender_counts c;
    char error[256];
    if (argc < 5) {
        fprintf(stderr, "usage: send RATE SECONDS OUTAGE RECORDS-FILE "
                        "[PROPERTY]...\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    load(&b, argv[4]);
    double seconds = atof(argv[2]);
    if (!b.records_n || !mock_broker_start(&m, BROKERS, PARTITIONS) ||
        !kafka_destination(m.where, (const char *const *)argv + 5,
                           (size_t)argc - 5, &to, error) ||
        !sandbox_find_user(NULL, &plan.user, error)) {
        fprintf(stderr, "send: no records, or no brokers\n");
        return 2;
    }
    struct spill *spill = spill_open(NULL, "bench", 0, error);
    const struct sender_options so = {.to = &to, .spill = spill, .plan = &plan};
    struct sender *s = spill ? sender_start(&so, error) : NULL;
    if (!s) {
        fprintf(stderr, "send: %s\n", error);
        return 2;
    }
    run(&b, &m, s, atof(argv[1]), seconds, atof(argv[3]));
    double waited = wait_for_all(s, b.sent);
    sender_goodbye(s, NULL);
    sender_finish(s, NULL);
    sender_counts(s, &c);
    tell(&b, &m, &c, seconds, waited);
    sender_free(s);
    spill_free(spill);
    to.free(to.self);
    while (waitpid(-1, NULL, WNOHANG) > 0) { /* the sender's process */
    }
    close(m.to); /* ends the brokers */
    tell_cpu(&b);
    return c.lost || c.kept ? 1 : 0;
}
