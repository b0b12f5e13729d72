/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the EAP conversation of a packet.
 *
 * EAPOL: supplicants and authenticators may send to a group address (IEEE
 * 802.1X-2010 section 11.1.1), and cooked captures lack the receiver: who was
 * heard last stands in for it.
 *
 * RADIUS (RFC 2865 sections 3 and 5.24, RFC 3579 section 2.2): an answer has
 * the Identifier of its request; the next request brings back the State of the
 * answer; a repeated request has the Authenticator of the first. Some clients
 * change their port in between, so the first one stands for all.
 *
 * What is remembered is bounded: what was not used for longest is forgotten,
 * and its conversation then looks as if the capture had begun in its middle.
 */
#include "eap_link.h"

#include "base/hash.h"
#include "base/lru.h"
#include "dissectors/eap.h"
#include "dissectors/radius.h"

#include <stdlib.h>

#define KEYS_MAX  8192u
#define PEERS_MAX 1024u

struct slot {
    uint32_t conversation;
    uint16_t port; /* the client's first */
};

struct peer {
    uint8_t mac[6];
    bool known;
};

struct eap_link {
    struct hash_seed seed;
    struct lru *slots;          /* of struct slot */
    struct lru *authenticators; /* of struct peer, by their supplicants */
    uint8_t supplicant[6];      /* heard last */
    bool heard;
    uint32_t conversations;
};

struct eap_link *eap_link_new(void)
{
    struct eap_link *l = calloc(1, sizeof *l);
    if (!l) {
        return NULL;
    }
    l->seed = hash_seed_random();
    l->slots = lru_new(KEYS_MAX, sizeof(struct slot), NULL);
    l->authenticators = lru_new(PEERS_MAX, sizeof(struct peer), NULL);
    if (!l->slots || !l->authenticators) {
        eap_link_free(l);
        return NULL;
    }
    return l;
}

void eap_link_free(struct eap_link *l)
{
    if (l) {
        lru_free(l->slots);
        lru_free(l->authenticators);
        free(l);
    }
}

bool eap_link_wants(const struct packet *k)
{
    return k->proto == PROTO_EAP ||
           (k->proto == PROTO_UDP &&
            radius_probe(k->payload, k->payload_wire_bytes));
}

/* ---- EAPOL ---- */

static struct peer *peer_of(struct eap_link *l, const uint8_t mac[6])
{
    return lru_use(l->authenticators, hash_bytes(&l->seed, span_of(mac, 6)));
}

/* Unknown, or the address of a group. */
static bool is_nobody(const uint8_t mac[6])
{
    static const uint8_t none[6];
    return (mac[0] & 1) || memcmp(mac, none, 6) == 0;
}

static void from_supplicant(struct eap_link *l, struct packet *k)
{
    memcpy(l->supplicant, k->src.ip, 6);
    l->heard = true;
    struct peer *p = peer_of(l, k->src.ip);
    if (is_nobody(k->dst.ip) && p->known) {
        memcpy(k->dst.ip, p->mac, 6);
    }
}

static void from_authenticator(struct eap_link *l, struct packet *k)
{
    if (is_nobody(k->dst.ip) && l->heard) {
        memcpy(k->dst.ip, l->supplicant, 6);
    }
    if (!is_nobody(k->dst.ip)) {
        struct peer *p = peer_of(l, k->dst.ip);
        memcpy(p->mac, k->src.ip, 6);
        p->known = true;
    }
}

/* ---- RADIUS ---- */

enum { KEY_ANSWER, KEY_AGAIN, KEY_STATE };

/* What identifies a conversation: who, and an Identifier, Authenticator or
 * State. The client is left out where only the server's State counts. */
static uint64_t key_of(const struct eap_link *l, uint8_t kind,
                       const struct endpoint *client,
                       const struct endpoint *server, uint8_t id,
                       struct span what)
{
    uint8_t b[2 + 4 + 32 + 256] = {kind, id};
    size_t n = 2;
    memcpy(b + n, server->ip, sizeof server->ip);
    n += sizeof server->ip;
    if (kind != KEY_STATE) {
        memcpy(b + n, client->ip, sizeof client->ip);
        n += sizeof client->ip;
        b[n++] = (uint8_t)(client->port >> 8);
        b[n++] = (uint8_t)(client->port & 0xff);
        b[n++] = (uint8_t)(server->port >> 8);
        b[n++] = (uint8_t)(server->port & 0xff);
    }
    what = span_sub(what, 0, 255);
    if (what.n) {
        memcpy(b + n, what.p, what.n);
        n += what.n;
    }
    return hash_bytes(&l->seed, span_of(b, n));
}

static const struct slot *get(const struct eap_link *l, uint64_t key)
{
    return lru_find(l->slots, key);
}

static void put(struct eap_link *l, uint64_t key, struct slot s)
{
    *(struct slot *)lru_use(l->slots, key) = s;
}

static struct slot new_conversation(struct eap_link *l,
                                    const struct endpoint *client)
{
    if (++l->conversations == 0) {
        l->conversations = 1;
    }
    return (struct slot){.conversation = l->conversations,
                         .port = client->port};
}

static void request(struct eap_link *l, struct packet *k,
                    const struct radius *r)
{
    const struct span none = {NULL, 0};
    uint64_t again =
        key_of(l, KEY_AGAIN, &k->src, &k->dst, r->id, r->authenticator);
    uint64_t answer = key_of(l, KEY_ANSWER, &k->src, &k->dst, r->id, none);
    const struct slot *old = get(l, again);
    if (!old && r->state.n) {
        old = get(l, key_of(l, KEY_STATE, &k->src, &k->dst, 0, r->state));
    }
    struct slot s = old ? *old : new_conversation(l, &k->src);
    put(l, again, s);
    put(l, answer, s);
    k->src.port = s.port;
    k->conversation = s.conversation;
}

static void answer(struct eap_link *l, struct packet *k, const struct radius *r)
{
    const struct span none = {NULL, 0};
    const struct slot *old =
        get(l, key_of(l, KEY_ANSWER, &k->dst, &k->src, r->id, none));
    if (!old && r->eap.n == 0) {
        return; /* a reject of something else */
    }
    struct slot s = old ? *old : new_conversation(l, &k->dst);
    if (r->state.n) {
        put(l, key_of(l, KEY_STATE, &k->dst, &k->src, 0, r->state), s);
    }
    k->dst.port = s.port;
    k->conversation = s.conversation;
}

void eap_link_packet(struct eap_link *l, struct packet *k)
{
    if (k->proto == PROTO_EAP) {
        bool supplicant =
            k->flags != EAPOL_EAP || eap_sender(k->payload) == SIDE_CLIENT;
        if (supplicant) {
            from_supplicant(l, k);
        } else {
            from_authenticator(l, k);
        }
        return;
    }
    uint8_t eap[RADIUS_BYTES_MAX];
    struct radius r;
    radius_read(k->payload, k->payload_wire_bytes, eap, &r);
    if (r.code == RADIUS_REQUEST) {
        request(l, k, &r);
    } else {
        answer(l, k, &r);
    }
    k->proto = k->conversation ? PROTO_EAP : k->proto;
}
