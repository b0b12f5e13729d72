/* SPDX-License-Identifier: Apache-2.0 */
/* Which QUIC connection a datagram belongs to. */
#include "quic_link.h"

#include <criterion/criterion.h>

enum { BYTES_MAX = 128, PADDING = 40 };

struct datagram {
    uint8_t bytes[BYTES_MAX];
    size_t n;
};

static void add(struct datagram *d, const char *s, size_t n)
{
    cr_assert_leq(d->n + n, sizeof d->bytes);
    memcpy(d->bytes + d->n, s, n);
    d->n += n;
}

static void add_id(struct datagram *d, const char *id)
{
    char n = (char)strlen(id);
    add(d, &n, 1);
    add(d, id, strlen(id));
}

static void pad(struct datagram *d)
{
    static const char zeros[PADDING];
    add(d, zeros, PADDING);
}

static struct datagram initial(const char *dcid, const char *scid)
{
    struct datagram d = {.n = 0};
    add(&d, "\xc0\0\0\0\1", 5);
    add_id(&d, dcid);
    add_id(&d, scid);
    add(&d, "\0\x28", 2); /* no token; 40 bytes */
    pad(&d);
    return d;
}

static struct datagram handshake(const char *dcid, const char *scid)
{
    struct datagram d = initial(dcid, scid);
    d.bytes[0] = 0xe0;
    return d;
}

static struct datagram negotiation(const char *dcid, const char *scid)
{
    struct datagram d = {.n = 0};
    add(&d, "\x80\0\0\0\0", 5);
    add_id(&d, dcid);
    add_id(&d, scid);
    add(&d, "\0\0\0\1", 4);
    return d;
}

static struct datagram bare(const char *dcid)
{
    struct datagram d = {.n = 0};
    add(&d, "\x40", 1);
    add(&d, dcid, strlen(dcid));
    pad(&d);
    return d;
}

/* Which connection a datagram of the client or the server is of. */
static uint32_t of(struct quic_link *l, bool client, struct datagram d)
{
    struct packet k = {.ip_version = 4, .proto = PROTO_UDP};
    struct endpoint *ends[2] = {&k.src, &k.dst};
    ends[!client]->ip[0] = 10;
    ends[!client]->port = 50000;
    ends[client]->ip[0] = 20;
    ends[client]->port = 443;
    k.payload = span_of(d.bytes, d.n);
    k.payload_wire_bytes = (uint32_t)d.n;
    return quic_link_packet(l, &k);
}

Test(quic_link, one_connection_is_the_first)
{
    struct quic_link *l = quic_link_new();
    cr_expect_eq(of(l, true, initial("made-up-", "cli1")), 0);
    cr_expect_eq(of(l, false, initial("cli1", "serv-1")), 0);
    cr_expect_eq(of(l, true, initial("serv-1", "cli1")), 0);
    cr_expect_eq(of(l, true, initial("made-up-", "cli1")), 0); /* repeated */
    cr_expect_eq(of(l, true, bare("serv-1")), 0);
    cr_expect_eq(of(l, false, bare("cli1")), 0);
    quic_link_free(l);
}

Test(quic_link, two_connections_share_their_ports)
{
    struct quic_link *l = quic_link_new();
    of(l, true, initial("made-up-", "cli1"));
    uint32_t second = of(l, true, initial("made-up2", "cli2"));
    cr_expect_neq(second, 0);
    cr_expect_eq(of(l, false, initial("cli1", "serv-1")), 0);
    cr_expect_eq(of(l, false, initial("cli2", "serv-2")), second);
    cr_expect_eq(of(l, true, handshake("serv-1", "cli1")), 0);
    cr_expect_eq(of(l, true, handshake("serv-2", "cli2")), second);
    cr_expect_eq(of(l, true, bare("serv-1")), 0);
    cr_expect_eq(of(l, true, bare("serv-2")), second);
    cr_expect_eq(of(l, false, bare("cli1")), 0);
    cr_expect_eq(of(l, false, bare("cli2")), second);
    uint32_t third = of(l, true, initial("made-up3", "cli3"));
    cr_expect(third != 0 && third != second);
    quic_link_free(l);
}

/* RFC 9000 section 5.1: without IDs of its own a client has one at a time. */
Test(quic_link, a_client_without_ids_begins_anew)
{
    struct quic_link *l = quic_link_new();
    cr_expect_eq(of(l, true, initial("made-up-", "")), 0);
    cr_expect_eq(of(l, true, initial("made-up2", "")), 0);
    cr_expect_eq(of(l, false, initial("", "serv-2")), 0);
    quic_link_free(l);
}

Test(quic_link, another_version_is_the_same_attempt)
{
    struct quic_link *l = quic_link_new();
    of(l, true, initial("made-up-", "cli1"));
    cr_expect_eq(of(l, false, negotiation("cli1", "made-up-")), 0);
    cr_expect_eq(of(l, true, initial("made-up2", "cli2")), 0);
    cr_expect_eq(of(l, false, initial("cli2", "serv-1")), 0);
    cr_expect_neq(of(l, true, initial("made-up3", "cli3")), 0);
    quic_link_free(l);
}

/* What is remembered is bounded, and bytes that lie do no harm. */
Test(quic_link, floods_and_cut_packets)
{
    struct quic_link *l = quic_link_new();
    struct datagram d = initial("made-up-", "cli1");
    for (size_t n = 0; n < d.n; n++) {
        struct datagram cut = d;
        cut.n = n;
        cr_expect_eq(of(l, true, cut), 0);
    }
    for (unsigned i = 0; i < 50000; i++) {
        d.bytes[6] = (uint8_t)i;
        d.bytes[7] = (uint8_t)(i >> 8);
        d.bytes[15] = (uint8_t)i;
        d.bytes[16] = (uint8_t)(i >> 8);
        of(l, true, d);
    }
    struct datagram lying = initial("made-up-", "cli1");
    lying.bytes[5] = 255;
    cr_expect_eq(of(l, true, lying), 0);
    quic_link_free(l);
}
