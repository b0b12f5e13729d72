/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is out, at any moment: this program is linked with allocators
 * that may refuse. Connections are lost then, and counted; nothing breaks, and
 * nothing stays behind (with sanitizers, leaks are found, too).
 */
#include "capture/capture.h"
#include "tests/fuzz/fuzz.h"
#include "tracker.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- allocators that refuse one of so many times ---- */

static unsigned one_of; /* 0: never */
static unsigned refused;

static bool is_out(void)
{
    static uint64_t random = 88172645463325252u;
    if (!one_of) {
        return false;
    }
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    bool out = random % one_of == 0;
    refused += out;
    return out;
}

/* The linker's names (--wrap). */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);

void *__wrap_malloc(size_t n)
{
    return is_out() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return is_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return is_out() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return is_out() ? NULL : __real_aligned_alloc(alignment, n);
}

/* ---- captures ---- */

static unsigned play(const char *path, unsigned refuse_one_of)
{
    char error[CAPTURE_ERROR_BYTES];
    struct capture *c = capture_open_file(path, NULL, error);
    cr_assert_not_null(c, "%s", path);
    struct fuzz_twins *twins = fuzz_twins_new(100000, 0);
    struct frame f;
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        one_of = refuse_one_of;
        fuzz_twins_frame(twins, &f, true);
        one_of = 0;
    }
    one_of = refuse_one_of;
    unsigned n = fuzz_twins_end(twins, NULL);
    one_of = 0;
    capture_close(c);
    return n;
}

Test(scarce, connections_are_lost_and_nothing_else)
{
    const char *source = getenv("TLSWHY_SRCDIR");
    char path[4096];
    unsigned n = 0;
    unsigned files = 0;
    snprintf(path, sizeof path, "%s/pcaps", source ? source : ".");
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    struct dirent *e;
    while ((e = readdir(dir))) {
        if (strstr(e->d_name, ".pcap")) {
            snprintf(path, sizeof path, "%s/pcaps/%s", source ? source : ".",
                     e->d_name);
            n += play(path, 3);
            n += play(path, 30);
            files++;
        }
    }
    closedir(dir);
    cr_expect_gt(files, 300u);
    cr_expect_gt(n, files / 2, "many are read nevertheless");
    cr_expect_gt(refused, 10000u, "%u", refused);
}

/* ---- one connection that waits while memory goes ---- */

#define CLIENT_ISN 1000u
#define SERVER_ISN 5000u

struct world {
    struct tracker *tracker;
    struct tracker_now now;
    unsigned handshakes;
};

static void on_done(void *ctx, struct handshake *hs,
                    const struct tracker_order *at)
{
    struct world *w = ctx;
    (void)at;
    w->handshakes++;
    hs_free(hs);
}

static void packet(struct world *w, unsigned proto, uint16_t client,
                   bool server, unsigned flags, struct span data)
{
    struct packet p = {.when = ++w->now.clock,
                       .frame = ++w->now.step,
                       .ip_version = 4,
                       .proto = (uint8_t)proto,
                       .ttl = 64,
                       .flags = (uint8_t)flags,
                       .vlan = VLAN_NONE,
                       .src = {.ip = {10, 0, 0, 1}, .port = client},
                       .dst = {.ip = {10, 0, 0, 2}, .port = 443},
                       .seq = CLIENT_ISN + !(flags & TCP_SYN),
                       .ack = SERVER_ISN + 1,
                       .payload = data,
                       .payload_wire_bytes = (uint32_t)data.n};
    if (server) {
        struct endpoint e = p.src;
        p.src = p.dst;
        p.dst = e;
        p.seq = SERVER_ISN;
        p.ack = CLIENT_ISN + 1;
    }
    tracker_packet(w->tracker, &p, &w->now);
}

/* The beginning of a ClientHello. */
static void open_connection(struct world *w, uint16_t client)
{
    static const uint8_t hello[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
    const struct span none = {NULL, 0};
    packet(w, PROTO_TCP, client, false, TCP_SYN, none);
    packet(w, PROTO_TCP, client, true, TCP_SYN | TCP_ACK, none);
    packet(w, PROTO_TCP, client, false, TCP_ACK, span_of(hello, sizeof hello));
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    cr_assert_not_null(w);
    const struct tracker_options o = {.handshake_timeout = 10 * TICK_SEC,
                                      .max_flows = 100000,
                                      .whole_flows = 100000,
                                      .max_memory_bytes = (size_t)1 << 30,
                                      .done = on_done,
                                      .ctx = w};
    w->tracker = tracker_new(&o);
    cr_assert_not_null(w->tracker);
    open_connection(w, 40000);
    return w;
}

/* The connection is folded, its next packet comes when there is no memory, and
 * again when there is. */
static struct tracker_counters go_on(struct world *w)
{
    struct tracker_counters c;
    const struct span alert = span_text("\x15\3\3\0\2\2\x28");
    tracker_fold(w->tracker);
    one_of = 1;
    packet(w, PROTO_TCP, 40000, true, TCP_ACK, alert);
    one_of = 0;
    packet(w, PROTO_TCP, 40000, true, TCP_ACK, alert);
    tracker_counters(w->tracker, &c);
    return c;
}

static unsigned world_end(struct world *w)
{
    struct tracker_counters c;
    tracker_end(w->tracker, &w->now);
    tracker_counters(w->tracker, &c);
    cr_expect_eq(c.flows_open, 0u);
    tracker_free(w->tracker);
    unsigned n = w->handshakes;
    free(w);
    return n;
}

Test(scarce, no_room_for_messages)
{
    struct world *w = world_new();
    struct tracker_counters c = go_on(w);
    cr_expect_eq(c.flows_evicted, 1u);
    cr_expect_eq(c.flows_open, 0u);
    cr_expect_eq(world_end(w), 0u);
}

/* Another connection has the memory that the session was in. */
Test(scarce, no_room_for_a_session)
{
    struct world *w = world_new();
    tracker_fold(w->tracker);
    open_connection(w, 40001);
    struct tracker_counters c = go_on(w);
    cr_expect_eq(c.flows_evicted, 1u);
    cr_expect_eq(c.flows_open, 1u);
    cr_expect_eq(world_end(w), 1u);
}

/* As many flows as there is room for are of a kind that is not folded. */
Test(scarce, no_room_for_a_flow)
{
    static const uint8_t dtls[] = {22, 254, 255, 0,  0, 0, 0, 0, 0, 0, 0, 0, 50,
                                   1,  0,   0,   38, 0, 0, 0, 0, 0, 0, 0, 38};
    struct world *w = world_new();
    tracker_fold(w->tracker);
    for (unsigned i = 0; i < 4096; i++) {
        packet(w, PROTO_UDP, (uint16_t)(10000 + i), false, 0,
               span_of(dtls, sizeof dtls));
    }
    struct tracker_counters c = go_on(w);
    cr_expect_eq(c.flows_evicted, 1u);
    cr_expect_eq(c.flows_open, 4096u);
    world_end(w);
}

/* It is not folded when there is no memory for that, and goes on. */
Test(scarce, no_room_to_fold)
{
    for (unsigned more = 0; more < 2; more++) {
        struct world *w = world_new();
        if (more) { /* where the session is packed; not where it would wait */
            tracker_fold(w->tracker);
            open_connection(w, 40001);
            packet(w, PROTO_TCP, 40000, true, TCP_ACK, (struct span){NULL, 0});
        }
        one_of = 1;
        tracker_fold(w->tracker);
        one_of = 0;
        struct tracker_counters c;
        tracker_counters(w->tracker, &c);
        cr_expect_eq(c.flows_evicted, 0u);
        cr_expect_eq(world_end(w), 1u + more);
    }
}
