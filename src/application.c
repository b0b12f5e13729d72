/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nDPI (LGPL-3.0, linked as a library) names the application. It wants IP
 * packets: two small ones are made of the kept first bytes of both sides.
 * What a plaintext peer speaks is told by src/known first, as that needs less.
 */
#include "application.h"

#include "base/ascii.h"
#include "base/hash.h"
#include "base/lru.h"
#include "handshake/offer_shape.h"
#include "known/known.h"
#include "ndpi_compat.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define IP4_HEADER   20u
#define IP6_HEADER   40u
#define TCP_HEADER   20u
#define UDP_HEADER   8u
#define PACKET_BYTES (IP6_HEADER + TCP_HEADER + 1500u)

/* Answers by what the hello offers, and networks: to ask takes 15 us, and the
 * hellos of a capture ask the same again and again. */
#define ANSWERS    4096u
#define WORD_BYTES 46u /* nDPI's names have up to 20; longer ones are cut */

struct answer {
    bool given, known;
    char word[WORD_BYTES];
};

/* Networks of the servers that were looked up last: many connections go to
 * few. */
#define SERVERS 64u

struct server {
    uint32_t ip;
    uint16_t port, network;
    bool known;
};

struct application {
    struct ndpi_detection_module_struct *ndpi; /* borrowed */
    struct ndpi_flow_struct *flow;
    struct hash_seed seed;
    struct lru *answers;
    struct answer only; /* the last one that is not remembered */
    struct server servers[SERVERS];
};

/* nDPI's tables, 20 MiB in 100,000 pieces. They are set up once and end with
 * the process: to take them apart costs as much as reading 50,000 packets. */
static struct ndpi_detection_module_struct *module(void)
{
    static struct ndpi_detection_module_struct *ndpi;
    if (!ndpi) {
        ndpi = ndpi_compat_new();
    }
    return ndpi;
}

struct application *application_new(void)
{
    struct application *a = calloc(1, sizeof *a);
    if (!a) {
        return NULL;
    }
    a->ndpi = module();
    a->flow = ndpi_flow_malloc(SIZEOF_FLOW_STRUCT);
    a->answers = lru_new(ANSWERS, sizeof(struct answer), NULL);
    if (!a->ndpi || !a->flow || !a->answers) {
        application_free(a);
        return NULL;
    }
    memset(a->flow, 0, SIZEOF_FLOW_STRUCT);
    a->seed = hash_seed_random();
    return a;
}

void application_free(struct application *a)
{
    if (!a) {
        return;
    }
    if (a->flow) {
        ndpi_flow_free(a->flow);
    }
    lru_free(a->answers);
    free(a);
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* An IP and TCP header around the payload; returns the packet's length. */
static size_t make_packet(const struct handshake *hs, enum side from,
                          struct span payload, uint8_t *out)
{
    const struct hs_addr *a = &hs->addr[from];
    const struct hs_addr *b = &hs->addr[side_other(from)];
    bool v6 = hs->ip_version == 6;
    size_t ip = v6 ? IP6_HEADER : IP4_HEADER;
    size_t total = ip + TCP_HEADER + payload.n;
    memset(out, 0, ip + TCP_HEADER);
    if (v6) {
        out[0] = 0x60;
        put16(out + 4, TCP_HEADER + payload.n);
        out[6] = 6;
        out[7] = 64;
        memcpy(out + 8, a->ip, 16);
        memcpy(out + 24, b->ip, 16);
    } else {
        out[0] = 0x45;
        put16(out + 2, total);
        out[8] = 64;
        out[9] = 6;
        memcpy(out + 12, a->ip, 4);
        memcpy(out + 16, b->ip, 4);
    }
    uint8_t *tcp = out + ip;
    put16(tcp, a->port);
    put16(tcp + 2, b->port);
    tcp[7] = from == SIDE_CLIENT ? 1 : 2;
    tcp[11] = from == SIDE_CLIENT ? 2 : 1;
    tcp[12] = 0x50;
    tcp[13] = 0x18;
    put16(tcp + 14, 65535);
    memcpy(tcp + TCP_HEADER, payload.p, payload.n);
    return total;
}

/* The client's hello in a record again, as it was kept without headers. */
static struct span hello_record(const struct handshake *hs, uint8_t *buf,
                                size_t size)
{
    struct span body = span_sub(hs->raw[HS_RAW_CLIENT_HELLO], 0, size - 9);
    if (!body.n) {
        return body;
    }
    buf[0] = 22;
    buf[1] = 3;
    buf[2] = 1;
    put16(buf + 3, body.n + 4);
    buf[5] = 1;
    buf[6] = 0;
    put16(buf + 7, body.n);
    memcpy(buf + 9, body.p, body.n);
    return span_of(buf, body.n + 9);
}

static ndpi_protocol ask(struct application *a, const struct handshake *hs,
                         enum side from, struct span payload)
{
    uint8_t packet[PACKET_BYTES];
    payload = span_sub(payload, 0, 1500);
    size_t n = make_packet(hs, from, payload, packet);
    return ndpi_compat_process(a->ndpi, a->flow, packet, (unsigned short)n,
                               (uint64_t)(hs->first / TICK_MSEC));
}

/* nDPI's word in lower case. */
static void put_word(char to[WORD_BYTES], struct span name)
{
    name = span_sub(name, 0, WORD_BYTES - 1);
    for (size_t i = 0; i < name.n; i++) {
        to[i] = (char)ascii_lower(name.p[i]);
    }
    to[name.n] = '\0';
}

static void name_plaintext(struct handshake *hs)
{
    const struct hs_event *e = hs_find(hs, HS_PLAINTEXT, SIDE_NONE);
    if (!e || hs->peer_protocol) {
        return;
    }
    bool server = e->side == SIDE_SERVER;
    hs->peer_protocol = known_plaintext(
        hs->raw[server ? HS_RAW_SERVER_FIRST : HS_RAW_CLIENT_FIRST], server);
}

/* nDPI's name, or NULL. */
static const char *recognise(struct application *a, const struct handshake *hs)
{
    uint8_t record[1500];
    struct span client = hello_record(hs, record, sizeof record);
    if (!client.n) {
        client = hs->raw[HS_RAW_CLIENT_FIRST];
    }
    ndpi_protocol p = {0};
    if (client.n) {
        p = ask(a, hs, SIDE_CLIENT, client);
    }
    struct span server = hs->raw[HS_RAW_SERVER_FIRST];
    if (server.n) {
        p = ask(a, hs, SIDE_SERVER, server);
    }
    ndpi_free_flow_data(a->flow);
    memset(a->flow, 0, SIZEOF_FLOW_STRUCT);
    uint16_t id = ndpi_compat_number(p);
    return id == NDPI_PROTOCOL_UNKNOWN ? NULL
                                       : ndpi_get_proto_name(a->ndpi, id);
}

/* Whose network an end is in, by nDPI's lists; it has them for IPv4. */
static uint16_t network_of(const struct application *a,
                           const struct handshake *hs, enum side side)
{
    struct in_addr ip;
    memcpy(&ip, hs->addr[side].ip, sizeof ip);
    return hs->ip_version == 4 ? ndpi_network_port_ptree_match(
                                     a->ndpi, &ip, htons(hs->addr[side].port))
                               : 0;
}

static uint16_t network_of_server(struct application *a,
                                  const struct handshake *hs)
{
    const struct hs_addr *at = &hs->addr[SIDE_SERVER];
    uint32_t ip;
    memcpy(&ip, at->ip, sizeof ip);
    struct server *s =
        &a->servers[(ip ^ ip >> 8 ^ ip >> 16 ^ ip >> 24 ^ at->port) % SERVERS];
    if (hs->ip_version != 4) {
        return 0;
    }
    if (!s->known || s->ip != ip || s->port != at->port) {
        *s =
            (struct server){ip, at->port, network_of(a, hs, SIDE_SERVER), true};
    }
    return s->network;
}

/* Of a hello nDPI looks at its server name and ALPN; at all of it where it
 * names none. */
static uint64_t offer_key(const struct application *a,
                          const struct client_offer *o)
{
    uint64_t key = hash_bytes(&a->seed, o->sni);
    if (!o->sni.n) {
        return key ^ offer_shape(o, &a->seed);
    }
    for (unsigned i = 0; i < o->alpn.n; i++) {
        key = key * 31 + hash_bytes(&a->seed, o->alpn.v[i]);
    }
    return key;
}

/* What a hello's answer hangs on; 0 when there is more than what it offers. */
static uint64_t answer_key(struct application *a, const struct handshake *hs)
{
    struct {
        uint64_t offer;
        uint16_t port, networks[2], ip_version;
        uint8_t ip[16];
    } key = {0};
    if (!hs->expanded || !hs->offer.seen || hs->raw[HS_RAW_SERVER_FIRST].n) {
        return 0;
    }
    key.offer = offer_key(a, &hs->offer);
    key.port = hs->addr[SIDE_SERVER].port;
    key.networks[SIDE_CLIENT] = network_of(a, hs, SIDE_CLIENT);
    key.networks[SIDE_SERVER] = network_of_server(a, hs);
    key.ip_version = hs->ip_version;
    if (hs->ip_version != 4) {
        memcpy(key.ip, hs->addr[SIDE_SERVER].ip, sizeof key.ip);
    }
    return hash_bytes(&a->seed, span_of(&key, sizeof key)) | 1;
}

void application_name(struct application *a, struct handshake *hs)
{
    name_plaintext(hs);
    if (!a || hs->transport != TRANSPORT_TCP) {
        return;
    }
    uint64_t key = answer_key(a, hs);
    struct answer *answer = key ? lru_use(a->answers, key) : &a->only;
    if (!key || !answer->given) {
        const char *name = recognise(a, hs);
        *answer = (struct answer){.given = true, .known = name != NULL};
        put_word(answer->word, span_text(name ? name : ""));
    }
    hs->application = answer->known ? answer->word : NULL;
}

const char *application_version(void)
{
    return ndpi_revision();
}
