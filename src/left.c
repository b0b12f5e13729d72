/* SPDX-License-Identifier: Apache-2.0 */
#include "left.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "judge/hello.h"

struct server {
    uint64_t key;
    struct hs_addr addr;
    uint8_t ip_version;
    char name[256]; /* that was asked for (a DNS name), or empty */
    const char *fault;
    uint64_t n;
};

struct left {
    struct hash_seed seed;
    unsigned servers_n;
    struct server servers[LIMIT_LEFT_SERVERS];
};

struct left *left_new(void)
{
    struct left *l = calloc(1, sizeof *l);
    if (l) {
        l->seed = hash_seed_random();
    }
    return l;
}

void left_free(struct left *l)
{
    free(l);
}

bool left_is_one(const struct handshake *hs)
{
    const struct conclusion *c = &hs->end_state;
    return c->outcome == OUTCOME_SUCCESS && c->late_rejection_possible &&
           !c->resumed && !hs_is_eap(hs);
}

/* By the name that was asked for, because many addresses serve one name. */
static uint64_t key_of(const struct left *l, const struct handshake *hs,
                       struct span name)
{
    const struct hs_addr *a = &hs->addr[SIDE_SERVER];
    struct span ip = span_of(a->ip, sizeof a->ip);
    uint64_t h = hash_bytes(&l->seed, name.n ? name : ip);
    return h * 31 + a->port;
}

static struct server *find(struct left *l, uint64_t key)
{
    for (unsigned i = 0; i < l->servers_n; i++) {
        if (l->servers[i].key == key) {
            return &l->servers[i];
        }
    }
    return NULL;
}

static struct span name_of(const struct handshake *hs)
{
    struct hello_sight hello;
    hello_look(hs, &hello);
    return hello.sni.n < sizeof((struct server *)0)->name
               ? hello.sni
               : (struct span){NULL, 0};
}

bool left_count(struct left *l, const struct handshake *hs)
{
    if (!l) {
        return false;
    }
    struct span name = name_of(hs);
    uint64_t key = key_of(l, hs, name);
    struct server *s = find(l, key);
    if (s) {
        s->n++;
        return false;
    }
    if (l->servers_n == LIMIT_LEFT_SERVERS) {
        return false;
    }
    s = &l->servers[l->servers_n++];
    *s = (struct server){.key = key,
                         .addr = hs->addr[SIDE_SERVER],
                         .ip_version = hs->ip_version,
                         .n = 1};
    if (name.n) {
        memcpy(s->name, name.p, name.n);
    }
    return true;
}

void left_tell(struct left *l, const struct handshake *hs, const char *fault)
{
    struct server *s = l ? find(l, key_of(l, hs, name_of(hs))) : NULL;
    if (s && !s->fault) {
        s->fault = fault;
    }
}

size_t left_servers(const struct left *l, struct left_server *out, size_t max)
{
    size_t n = 0;
    for (unsigned i = 0; l && i < l->servers_n; i++) {
        const struct server *s = &l->servers[i];
        size_t at = n;
        while (at > 0 && out[at - 1].n < s->n) {
            at--;
        }
        if (at == max) {
            continue;
        }
        n += n < max;
        memmove(out + at + 1, out + at, (n - at - 1) * sizeof *out);
        out[at] = (struct left_server){.addr = s->addr,
                                       .ip_version = s->ip_version,
                                       .name = *s->name ? s->name : NULL,
                                       .fault = s->fault,
                                       .n = s->n};
    }
    return n;
}
