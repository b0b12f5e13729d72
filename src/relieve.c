/* SPDX-License-Identifier: Apache-2.0 */
#include "relieve.h"

#include "dissectors/dns.h"

#include <string.h>

/* Conversations that the kernel passes over, of all captures together. */
#define SLOTS_IN_ALL (1u << 17)

bool relieve_captures(struct capture *const *v, size_t n,
                      char why[CAPTURE_ERROR_BYTES])
{
    bool all = true;
    for (size_t i = 0; i < n && all; i++) {
        all = capture_relieve(v[i], (unsigned)(SLOTS_IN_ALL / n), why);
    }
    return all;
}

/* What else its datagrams may carry is none of the conversation's business. */
static bool is_tunnel(const struct packet *k)
{
    uint16_t ports[DECODER_TUNNEL_PORTS_MAX];
    size_t n = decoder_tunnel_ports(ports);
    for (size_t i = 0; i < n; i++) {
        if (k->src.port == ports[i] || k->dst.port == ports[i]) {
            return true;
        }
    }
    return false;
}

/* Resolvers that keep a socket go on for ever, and each answer may name an
 * address (names.h). */
static bool is_dns(const struct packet *k)
{
    return k->src.port == DNS_PORT || k->dst.port == DNS_PORT;
}

void relieve_packet(struct capture *c, const struct packet *k)
{
    if (k->proto == PROTO_UDP && (is_tunnel(k) || is_dns(k))) {
        return;
    }
    struct capture_talk t = {.ip_version = k->ip_version,
                             .proto = k->proto,
                             .port = {k->src.port, k->dst.port}};
    memcpy(t.ip[0], k->src.ip, sizeof t.ip[0]);
    memcpy(t.ip[1], k->dst.ip, sizeof t.ip[1]);
    capture_ignore(c, &t, k->when);
}
