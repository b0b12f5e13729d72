/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BUCKETS  32768u /* a power of two */
#define NO_ENTRY UINT16_MAX

struct entry {
    char name[DNS_NAME_BYTES];
    uint8_t ip[16];
    uint8_t ip_version; /* 0: free */
    uint16_t next;      /* in the bucket */
};

struct names {
    pthread_mutex_t lock;
    struct hash_seed seed;
    unsigned at; /* where the next answer goes: the oldest */
    uint16_t buckets[BUCKETS];
    struct entry entries[NAMES_MAX];
};

_Static_assert(NAMES_MAX <= NO_ENTRY, "entries are numbered by 16 bits");

struct names *names_new(void)
{
    struct names *n = calloc(1, sizeof *n);
    if (!n || pthread_mutex_init(&n->lock, NULL) != 0) {
        free(n);
        return NULL;
    }
    n->seed = hash_seed_random();
    for (unsigned i = 0; i < BUCKETS; i++) {
        n->buckets[i] = NO_ENTRY;
    }
    return n;
}

void names_free(struct names *n)
{
    if (n) {
        pthread_mutex_destroy(&n->lock);
        free(n);
    }
}

static uint16_t *bucket_of(struct names *n, const uint8_t ip[16])
{
    return &n->buckets[hash_bytes(&n->seed, span_of(ip, 16)) & (BUCKETS - 1)];
}

static struct entry *find(struct names *n, const uint8_t ip[16],
                          uint8_t ip_version)
{
    for (uint16_t i = *bucket_of(n, ip); i != NO_ENTRY;) {
        struct entry *e = &n->entries[i];
        if (e->ip_version == ip_version && memcmp(e->ip, ip, 16) == 0) {
            return e;
        }
        i = e->next;
    }
    return NULL;
}

static void forget(struct names *n, unsigned at)
{
    uint16_t *link = bucket_of(n, n->entries[at].ip);
    while (*link != NO_ENTRY && *link != at) {
        link = &n->entries[*link].next;
    }
    if (*link == at) {
        *link = n->entries[at].next;
    }
}

static void learn(void *ctx, const char *name, const uint8_t ip[16],
                  uint8_t ip_version)
{
    struct names *n = ctx;
    struct entry *e = find(n, ip, ip_version);
    if (!e) {
        uint16_t *head = bucket_of(n, ip);
        e = &n->entries[n->at];
        if (e->ip_version) {
            forget(n, n->at);
        }
        memcpy(e->ip, ip, sizeof e->ip);
        e->ip_version = ip_version;
        e->next = *head;
        *head = (uint16_t)n->at;
        n->at = (n->at + 1) % NAMES_MAX;
    }
    snprintf(e->name, sizeof e->name, "%s", name);
}

void names_packet(struct names *n, const struct packet *k)
{
    if (k->proto != PROTO_UDP ||
        (k->src.port != DNS_PORT && k->src.port != DNS_MDNS_PORT)) {
        return;
    }
    pthread_mutex_lock(&n->lock);
    dns_addresses(k->payload, learn, n);
    pthread_mutex_unlock(&n->lock);
}

bool names_find(struct names *n, const uint8_t ip[16], uint8_t ip_version,
                char out[DNS_NAME_BYTES])
{
    pthread_mutex_lock(&n->lock);
    const struct entry *e = find(n, ip, ip_version);
    if (e) {
        memcpy(out, e->name, DNS_NAME_BYTES);
    }
    pthread_mutex_unlock(&n->lock);
    return e != NULL;
}
