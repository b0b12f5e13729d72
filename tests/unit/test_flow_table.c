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
    cr_assert_eq(flow_table_find(t, &p, &dir), f);
    cr_assert_eq(dir, 0u);
    cr_assert_eq(flow_table_find(t, &back, &dir), f);
    cr_assert_eq(dir, 1u);
    flow_table_remove(t, f);
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
    struct flow *fa = flow_table_add(t, &a);
    struct flow *fb = flow_table_add(t, &b);
    struct flow *fc = flow_table_add(t, &c);
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
    cr_assert_eq(flow_table_find(t, &p, &dir), f);
    cr_assert_eq(dir, 1u);
    cr_assert_eq(f->half[1].isn, 7u);
    flow_table_free(t);
}
