/* SPDX-License-Identifier: Apache-2.0 */
/* The connection table: both directions, growth, removal, order of age. */
#include "flow/flow.h"

#include <criterion/criterion.h>

static struct packet packet(uint32_t host, uint16_t port, tick_t when)
{
    struct packet p = {.when = when,
                       .frame = 1,
                       .ip_version = 4,
                       .proto = PROTO_TCP,
                       .vlan = VLAN_NONE};
    p.src.ip[0] = 10;
    p.src.ip[1] = (uint8_t)(host >> 16);
    p.src.ip[2] = (uint8_t)(host >> 8);
    p.src.ip[3] = (uint8_t)host;
    p.src.port = port;
    p.dst.ip[0] = 192;
    p.dst.ip[3] = 1;
    p.dst.port = 443;
    return p;
}

static struct packet reverse(struct packet p)
{
    struct endpoint e = p.src;
    p.src = p.dst;
    p.dst = e;
    return p;
}

Test(flow_table, both_directions_find_one_flow)
{
    struct flow_table *t = flow_table_new(10);
    struct packet p = packet(1, 1000, 5);
    struct packet back = reverse(p);
    unsigned dir = 9;
    cr_assert_null(flow_table_find(t, &p, &dir));
    struct flow *f = flow_table_add(t, &p);
    cr_assert_eq(flow_table_find(t, &p, &dir), &f->head);
    cr_assert_eq(dir, 0u);
    cr_assert_eq(flow_table_find(t, &back, &dir), &f->head);
    cr_assert_eq(dir, 1u);
    flow_table_remove(t, &f->head);
    cr_assert_null(flow_table_find(t, &p, &dir));
    flow_table_free(t);
}

Test(flow_table, version_and_ports_matter)
{
    struct flow_table *t = flow_table_new(10);
    struct packet p = packet(1, 1000, 5);
    struct packet other = p;
    unsigned dir;
    flow_table_add(t, &p);
    other.src.port = 1001;
    cr_assert_null(flow_table_find(t, &other, &dir));
    other = p;
    other.ip_version = 6;
    cr_assert_null(flow_table_find(t, &other, &dir));
    flow_table_free(t);
}

Test(flow_table, full_and_counted)
{
    struct flow_table *t = flow_table_new(3);
    for (uint16_t i = 0; i < 3; i++) {
        struct packet p = packet(i, 1, 0);
        cr_assert_not_null(flow_table_add(t, &p));
    }
    struct packet p = packet(9, 1, 0);
    cr_assert(flow_table_full(t));
    cr_assert_null(flow_table_add(t, &p));
    cr_assert_eq(flow_table_count(t), 3u);
    flow_table_free(t);
}

/* Grows past its first slots, then removes every other one: the rest must
 * still be found (deletion closes runs of slots). */
Test(flow_table, grows_and_shrinks_without_losing_anyone)
{
    enum { N = 50000 };
    struct flow_table *t = flow_table_new(N);
    unsigned dir;
    for (uint32_t i = 0; i < N; i++) {
        struct packet p = packet(i, (uint16_t)(i % 7), i);
        cr_assert_not_null(flow_table_add(t, &p));
    }
    for (uint32_t i = 0; i < N; i += 2) {
        struct packet p = packet(i, (uint16_t)(i % 7), i);
        flow_table_remove(t, flow_table_find(t, &p, &dir));
    }
    for (uint32_t i = 0; i < N; i++) {
        struct packet p = packet(i, (uint16_t)(i % 7), i);
        cr_assert_eq(flow_table_find(t, &p, &dir) != NULL, i % 2 == 1);
    }
    cr_assert_eq(flow_table_count(t), (uint32_t)N / 2);
    flow_table_free(t);
}

Test(flow_table, oldest_touch_comes_first)
{
    struct flow_table *t = flow_table_new(10);
    struct packet a = packet(1, 1, 1), b = packet(2, 1, 2), c = packet(3, 1, 3);
    struct flow_head *fa = &flow_table_add(t, &a)->head;
    struct flow_head *fb = &flow_table_add(t, &b)->head;
    struct flow_head *fc = &flow_table_add(t, &c)->head;
    cr_assert_eq(flow_table_oldest(t, FLOW_OPENING), fa);
    flow_table_touch(t, fa, FLOW_OPENING, 4);
    cr_assert_eq(flow_table_oldest(t, FLOW_OPENING), fb);
    flow_table_touch(t, fb, FLOW_ACTIVE, 5);
    cr_assert_eq(flow_table_oldest(t, FLOW_OPENING), fc);
    cr_assert_eq(flow_table_oldest(t, FLOW_ACTIVE), fb);
    flow_table_remove(t, fb);
    cr_assert_null(flow_table_oldest(t, FLOW_ACTIVE));
    flow_table_free(t);
}

Test(flow_table, swapping_ends)
{
    struct flow_table *t = flow_table_new(10);
    struct packet p = packet(1, 1000, 5);
    struct flow *f = flow_table_add(t, &p);
    unsigned dir;
    f->half[0].isn = 7;
    flow_swap(f);
    cr_assert_eq(flow_table_find(t, &p, &dir), &f->head);
    cr_assert_eq(dir, 1u);
    cr_assert_eq(f->half[1].isn, 7u);
    flow_table_free(t);
}

/* ---- folding ---- */

static struct packet longer(struct packet p)
{
    p.ip_version = 6;
    memset(p.src.ip + 4, 0xa5, 12);
    memset(p.dst.ip + 4, 0x5a, 12);
    return p;
}

/* As the tracker leaves one after a SYN, and its retransmission. */
static void make_lone(struct flow *f, const struct packet *p)
{
    f->head.touch = 77;
    f->head.touched = p->when + 3 * TICK_SEC;
    f->when_syn[0] = p->when;
    f->source = 5;
    f->half[0] = (struct flow_half){.isn = 0xfffffff0,
                                    .packets = 2,
                                    .mss = 1460,
                                    .ttl_syn = 63,
                                    .flags = HALF_SYN | HALF_CHECKSUM |
                                             HALF_TIMESTAMP | HALF_SIGNATURE,
                                    .window_shift = 14,
                                    .syn_df = true};
}

static struct flow *lone_syn(struct flow_table *t, const struct packet *p)
{
    struct flow *f = flow_table_add(t, p);
    make_lone(f, p);
    return f;
}

static void expect_half(const struct flow_half *a, const struct flow_half *b)
{
    cr_expect_eq(a->isn, b->isn);
    cr_expect_eq(a->acked, b->acked);
    cr_expect_eq(a->fin_seq, b->fin_seq);
    cr_expect_eq(a->packets, b->packets);
    cr_expect_eq(a->mss, b->mss);
    cr_expect_eq(a->ttl_syn, b->ttl_syn);
    cr_expect_eq(a->flags, b->flags);
    cr_expect_eq(a->window_shift, b->window_shift);
    cr_expect_eq(a->syn_df, b->syn_df);
}

static void expect_flow(const struct flow *a, const struct flow *b)
{
    cr_expect_arr_eq(&a->end[0], &b->end[0], sizeof a->end[0]);
    cr_expect_arr_eq(&a->end[1], &b->end[1], sizeof a->end[1]);
    cr_expect_eq(a->head.touched, b->head.touched);
    cr_expect_eq(a->head.touch, b->head.touch);
    cr_expect_eq(a->head.hash, b->head.hash);
    cr_expect_eq(a->head.vlan, b->head.vlan);
    cr_expect_eq(a->head.ip_version, b->head.ip_version);
    cr_expect_eq(a->head.proto, b->head.proto);
    cr_expect_eq(a->head.class, b->head.class);
    cr_expect_eq(a->head.class_wanted, b->head.class_wanted);
    cr_expect_eq(a->first, b->first);
    cr_expect_eq(a->frame_first, b->frame_first);
    cr_expect_eq(a->when_syn[0], b->when_syn[0]);
    cr_expect_eq(a->when_syn[1], b->when_syn[1]);
    cr_expect_eq(a->frame_syn_delta[0], b->frame_syn_delta[0]);
    cr_expect_eq(a->frame_syn_delta[1], b->frame_syn_delta[1]);
    cr_expect_eq(a->source, b->source);
    expect_half(&a->half[0], &b->half[0]);
    expect_half(&a->half[1], &b->half[1]);
}

static void fold_and_unfold(struct packet p)
{
    struct flow_table *t = flow_table_new(10);
    struct packet back = reverse(p);
    struct flow *f = lone_syn(t, &p);
    struct flow before = *f;
    unsigned dir;
    cr_assert(flow_table_can_fold(t, f));
    flow_table_fold(t, f, NULL);
    struct flow_head *h = flow_table_find(t, &back, &dir);
    cr_assert_not_null(h);
    cr_expect_eq(dir, 1u);
    cr_expect_eq(flow_table_find(t, &p, &dir), h);
    cr_expect_eq(dir, 0u);
    cr_expect_null(flow_whole(h));
    cr_expect(flow_is_lone_syn(h));
    cr_expect_null(flow_folded_session(h));
    cr_expect(flow_began_with(h, 0xfffffff0));
    cr_expect_not(flow_began_with(h, 1));
    f = flow_table_unfold(t, h);
    cr_assert_not_null(f);
    cr_expect_eq(flow_table_find(t, &p, &dir), &f->head);
    expect_flow(f, &before);
    cr_expect_eq(flow_table_count(t), 1u);
    flow_table_remove(t, &f->head);
    cr_expect_null(flow_table_find(t, &p, &dir));
    flow_table_free(t);
}

Test(flow_table, a_folded_syn_loses_nothing)
{
    fold_and_unfold(packet(1, 1000, INT64_C(1700000000000000001)));
    fold_and_unfold(longer(packet(1, 1000, 0)));
}

static void add_folded(struct packet p)
{
    struct flow_table *t = flow_table_new(1);
    struct flow syn = flow_of_packet(t, &p);
    unsigned dir;
    cr_expect_not(flow_table_add_folded(t, &syn), "there was no SYN");
    make_lone(&syn, &p);
    cr_expect_null(flow_table_find(t, &p, &dir));
    cr_assert(flow_table_add_folded(t, &syn));
    cr_expect_not(flow_table_add_folded(t, &syn), "the table is full");
    cr_expect_eq(flow_table_count(t), 1u);
    cr_expect_eq(flow_table_whole(t), 0u);
    struct flow_head *h = flow_table_find(t, &p, &dir);
    cr_assert_not_null(h);
    cr_expect(flow_is_lone_syn(h));
    cr_expect_eq(flow_table_oldest(t, FLOW_OPENING), h);
    struct flow *f = flow_table_unfold(t, h);
    cr_assert_not_null(f);
    expect_flow(f, &syn);
    flow_table_free(t);
}

Test(flow_table, a_syn_may_come_folded)
{
    add_folded(packet(1, 1000, INT64_C(1700000000000000001)));
    add_folded(longer(packet(1, 1000, 0)));
}

/* Whole ones, folded ones, and places that were used before: all leave in the
 * order of their touches. */
Test(flow_table, a_closed_table_gives_all_up)
{
    enum { FLOWS = 5000 };
    struct flow_table *t = flow_table_new(FLOWS);
    unsigned dir;
    for (unsigned i = 0; i < FLOWS; i++) {
        struct packet p = packet(i, 1000, i);
        struct flow syn = flow_of_packet(t, &p);
        make_lone(&syn, &p);
        syn.head.touch = i;
        if (i % 3) {
            cr_assert(flow_table_add_folded(t, &syn));
        } else {
            lone_syn(t, &p)->head.touch = i;
        }
        struct packet before = packet(i / 2, 1000, 0);
        struct flow_head *h = i % 7 ? NULL : flow_table_find(t, &before, &dir);
        if (h && !flow_whole(h)) {
            cr_assert_not_null(flow_table_unfold(t, h));
        }
    }
    flow_table_close(t);
    struct flow_head *h;
    unsigned n = 0;
    while ((h = flow_table_oldest(t, FLOW_OPENING))) {
        flow_table_prefetch_next(t, h);
        cr_assert_eq(h->touch, n++);
        flow_table_remove(t, h);
    }
    cr_expect_eq(n, (unsigned)FLOWS);
    cr_expect_eq(flow_table_count(t), 0u);
    flow_table_free(t);
}

/* What does not fit needs more than the table has for it. */
Test(flow_table, what_is_no_plain_syn)
{
    struct flow_table *t = flow_table_new(10);
    struct packet p = packet(1, 1000, 5);
    struct flow *f = lone_syn(t, &p);
    const struct flow whole = *f;
    f->half[1].packets = 1;
    cr_expect_not(flow_is_plain(f), "answered");
    *f = whole;
    f->half[0].packets = 64;
    cr_expect_not(flow_is_plain(f), "again and again");
    *f = whole;
    f->head.touched = f->first + 5 * TICK_SEC;
    cr_expect_not(flow_is_plain(f), "for long");
    *f = whole;
    f->frame_first = UINT64_C(1) << 48;
    cr_expect_not(flow_is_plain(f), "late in the capture");
    *f = whole;
    f->source = 1 << 16;
    cr_expect_not(flow_is_plain(f), "one of many captures");
    *f = whole;
    f->half[0].window_shift = 16;
    cr_expect_not(flow_is_plain(f), "a shift that nobody has");
    *f = whole;
    cr_expect(flow_is_plain(f));
    cr_expect(flow_table_can_fold(t, f));
    f->conversation = 1;
    cr_expect_not(flow_table_can_fold(t, f), "one of several");
    *f = whole;
    f->head.proto = PROTO_EAP;
    cr_expect_not(flow_table_can_fold(t, f), "no ports");
    *f = whole;
    flow_table_free(t);
}

Test(flow_table, folding_keeps_the_order_of_touches)
{
    struct flow_table *t = flow_table_new(10);
    struct packet p[3] = {packet(1, 1, 1), packet(2, 1, 2), packet(3, 1, 3)};
    struct flow *f[3];
    static int session;
    unsigned dir;
    for (unsigned i = 0; i < 3; i++) {
        f[i] = flow_table_add(t, &p[i]);
        f[i]->session = &session;
        flow_table_touch(t, &f[i]->head, FLOW_ACTIVE, i);
    }
    cr_assert(flow_table_can_fold(t, f[1]));
    flow_table_fold(t, f[1], &session);
    flow_table_fold(t, f[0], &session);
    for (unsigned i = 0; i < 3; i++) {
        struct flow_head *h = flow_table_oldest(t, FLOW_ACTIVE);
        cr_assert_eq(h, flow_table_find(t, &p[i], &dir));
        cr_expect_eq(flow_folded_session(h), i < 2 ? &session : NULL);
        cr_expect_not(flow_is_lone_syn(h));
        flow_table_remove(t, h);
    }
    cr_expect_null(flow_table_oldest(t, FLOW_ACTIVE));
    flow_table_free(t);
}

/* What absorbs stragglers needs no more than its ends. */
Test(flow_table, flows_that_are_over_are_folded)
{
    struct flow_table *t = flow_table_new(10);
    struct packet p = packet(1, 1000, 5);
    struct flow *f = lone_syn(t, &p);
    unsigned dir;
    f->half[1].packets = 9;
    flow_table_touch(t, &f->head, FLOW_DEAD, 9);
    cr_assert(flow_table_can_fold(t, f));
    flow_table_fold(t, f, NULL);
    struct flow_head *h = flow_table_oldest(t, FLOW_DEAD);
    cr_assert_eq(h, flow_table_find(t, &p, &dir));
    cr_expect_not(flow_is_lone_syn(h));
    cr_expect(flow_began_with(h, 0xfffffff0));
    flow_table_free(t);
}

/* Who was found since the hand came by is passed over once. */
Test(flow_table, the_idle_are_found)
{
    struct flow_table *t = flow_table_new(10);
    struct packet p[2] = {packet(1, 1, 1), packet(2, 1, 2)};
    struct flow *f[2] = {flow_table_add(t, &p[0]), flow_table_add(t, &p[1])};
    unsigned seen[2] = {0};
    unsigned dir;
    for (uint32_t i = flow_table_places(t); i-- > 0;) {
        cr_expect_null(flow_table_idle(t), "both are new");
    }
    flow_table_find(t, &p[1], &dir);
    for (uint32_t i = flow_table_places(t); i-- > 0;) {
        struct flow *idle = flow_table_idle(t);
        seen[0] += idle == f[0];
        seen[1] += idle == f[1];
    }
    cr_expect_eq(seen[0], 1u);
    cr_expect_eq(seen[1], 0u);
    cr_expect_eq(flow_table_whole(t), 2u);
    flow_table_free(t);
}

/* All whole ones, though some go on the way. */
Test(flow_table, one_whole_flow_after_the_other)
{
    struct flow_table *t = flow_table_new(10);
    struct flow *f[4];
    for (unsigned i = 0; i < 4; i++) {
        struct packet p = packet(i, 1, i);
        f[i] = lone_syn(t, &p);
    }
    flow_table_remove(t, &f[1]->head);
    uint32_t at = 0;
    unsigned n = 0;
    struct flow *next;
    while ((next = flow_table_next(t, &at))) {
        cr_expect(next == f[0] || next == f[2] || next == f[3]);
        n++;
        if (next == f[2]) {
            cr_assert(flow_table_can_fold(t, next));
            flow_table_fold(t, next, NULL);
        }
    }
    cr_expect_eq(n, 3u);
    at = 0;
    cr_expect_eq(flow_table_next(t, &at), f[0]);
    cr_expect_eq(flow_table_next(t, &at), f[3]);
    cr_expect_null(flow_table_next(t, &at));
    flow_table_free(t);
}

/* Half of fifty thousand folded: all are still found, and few bytes. */
Test(flow_table, folded_flows_among_whole_ones)
{
    enum { N = 50000 };
    struct flow_table *t = flow_table_new(N);
    unsigned dir;
    for (uint32_t i = 0; i < N; i++) {
        struct packet p = packet(i, (uint16_t)(i % 7), i);
        struct flow *f = lone_syn(t, &p);
        cr_assert_not_null(f);
        if (i % 16) {
            cr_assert(flow_is_plain(f) && flow_table_can_fold(t, f));
            flow_table_fold(t, f, NULL);
        }
    }
    cr_expect_leq(flow_table_bytes(t) / N, 100u);
    for (uint32_t i = 0; i < N; i++) {
        struct packet p = packet(i, (uint16_t)(i % 7), i);
        struct flow_head *h = flow_table_find(t, &p, &dir);
        cr_assert_not_null(h);
        cr_assert_eq(flow_is_lone_syn(h), i % 16 != 0);
        if (i % 2) {
            flow_table_remove(t, h);
        }
    }
    cr_assert_eq(flow_table_count(t), (uint32_t)N / 2);
    flow_table_free(t);
}
