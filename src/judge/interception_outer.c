/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outer leg of an inspection. Its certificates are genuine, and its
 * ClientHello is that of OpenSSL, Go or another library, which many honest
 * programs use: by itself it tells nothing (mitmengine's fingerprints of
 * products accuse plain clients as well). But some hosts are asked for by
 * browsers alone (data/browser_names.tsv). Who asks for two of them with a
 * hello that these browsers do not send, and with the same hello for many
 * unrelated domains, does so in the place of browsers. That is a suspicion, no
 * more.
 *
 * Over TCP Chromium has GREASE (RFC 8701) among its suites, which it leaves out
 * in QUIC, and Firefox's first three suites are in an order of NSS's own. The
 * table holds only clients that asked for such a host: on most networks nobody.
 */
#include "judge/interception_outer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/lru.h"
#include "judge/hello.h"
#include "judge/hypothesis.h"
#include "judge/say.h"

#define CLIENTS_MAX 1024u
#define HOSTS_MAX   4u
#define OWNERS_MAX  8u

#define HOSTS_MIN  2u
#define OWNERS_MIN 5u

/* One kind of ClientHello of one address. */
struct asker {
    struct hs_addr addr;
    uint8_t ip_version;
    char hosts[HOSTS_MAX][HOST_BYTES]; /* that only browsers ask for */
    uint64_t owners[OWNERS_MAX];       /* of domains asked for, as hashes */
    uint8_t hosts_n, owners_n;
    uint64_t handshakes;
    tick_t first, last;
};

struct outer {
    struct hash_seed seed;
    struct lru *askers; /* of struct asker */
    bool used;
};

struct outer *outer_new(void)
{
    struct outer *o = calloc(1, sizeof *o);
    if (!o) {
        return NULL;
    }
    o->seed = hash_seed_random();
    o->askers = lru_new(CLIENTS_MAX, sizeof(struct asker), NULL);
    if (!o->askers) {
        free(o);
        return NULL;
    }
    return o;
}

void outer_free(struct outer *o)
{
    if (o) {
        lru_free(o->askers);
        free(o);
    }
}

static uint64_t key_of(const struct outer *o, const struct handshake *hs,
                       const struct hello_sight *hello)
{
    uint8_t v[20];
    memcpy(v, hs->addr[SIDE_CLIENT].ip, 16);
    uint32_t kind = hello_kind(hs, hello);
    memcpy(v + 16, &kind, sizeof kind);
    return hash_bytes(&o->seed, span_of(v, sizeof v)) | 1u;
}

/* Whether this browser could have sent that hello. */
static bool is_from(enum known_browser b, const struct hello_sight *hello)
{
    uint16_t first[3];
    bool grease = hello_first_suites(hello, first);
    return b == KNOWN_CHROMIUM
               ? grease
               : first[0] == 0x1301 && first[1] == 0x1303 && first[2] == 0x1302;
}

/* A browser's own host, asked for by who is no browser. */
static bool is_odd(const struct hello_sight *hello)
{
    enum known_browser b = known_browser_of(hello->sni);
    return b != KNOWN_NO_BROWSER && !is_from(b, hello);
}

static void add_host(struct asker *a, struct span host)
{
    for (unsigned i = 0; i < a->hosts_n; i++) {
        if (span_eq(host, span_text(a->hosts[i]))) {
            return;
        }
    }
    if (a->hosts_n < HOSTS_MAX && host.n < HOST_BYTES) {
        memcpy(a->hosts[a->hosts_n], host.p, host.n);
        a->hosts_n++;
    }
}

/* The name's last two labels stand for its owner: that is exact enough to tell
 * many from few. */
static struct span owner_of(struct span host)
{
    unsigned dots = 0;
    size_t at = host.n;
    while (at > 0) {
        dots += host.p[at - 1] == '.';
        if (dots == 2) {
            break;
        }
        at--;
    }
    return span_sub(host, at, host.n);
}

static void add_owner(const struct outer *o, struct asker *a, struct span host)
{
    uint64_t owner = hash_bytes(&o->seed, owner_of(host));
    bool listed = a->owners_n == OWNERS_MAX || host.n == 0;
    for (unsigned i = 0; i < a->owners_n && !listed; i++) {
        listed = a->owners[i] == owner;
    }
    if (!listed) {
        a->owners[a->owners_n++] = owner;
    }
}

void outer_note(struct outer *o, const struct handshake *hs,
                const struct hello_sight *hello)
{
    if (hs->flavour != FLAVOUR_TLS) {
        return;
    }
    bool odd = hello->seen && is_odd(hello);
    if (!odd && !o->used) {
        return;
    }
    uint64_t key = key_of(o, hs, hello);
    struct asker *a = odd ? lru_use(o->askers, key) : lru_find(o->askers, key);
    if (!a) {
        return;
    }
    o->used = true;
    if (a->handshakes++ == 0) {
        a->addr = hs->addr[SIDE_CLIENT];
        a->ip_version = hs->ip_version;
        a->first = hs->first;
    }
    a->first = hs->first < a->first ? hs->first : a->first;
    a->last = hs->first > a->last ? hs->first : a->last;
    if (odd) {
        add_host(a, hello->sni);
    }
    add_owner(o, a, hello->sni);
}

static bool is_suspicious(const struct asker *a)
{
    return a->hosts_n >= HOSTS_MIN && a->owners_n >= OWNERS_MIN;
}

bool outer_judge(const struct outer *o, const struct handshake *hs,
                 struct text_list *because)
{
    struct hello_sight hello;
    if (!o->used || hs->flavour != FLAVOUR_TLS) {
        return false;
    }
    hello_look(hs, &hello);
    const struct asker *a =
        hello.seen ? lru_find(o->askers, key_of(o, hs, &hello)) : NULL;
    if (!a || !is_suspicious(a)) {
        return false;
    }
    if (because) {
        char text[SENTENCE_BYTES];
        snprintf(text, sizeof text,
                 "its client asks for %s and %s, as only browsers do, but with "
                 "a ClientHello that no such browser sends",
                 a->hosts[0], a->hosts[1]);
        text_list_add(because, text);
        text_list_add(because, "it sends the same ClientHello for many "
                               "unrelated domains, as a proxy does that asks "
                               "in the place of its clients");
        text_list_add(because, "this is its outer side: what the server shows "
                               "here is not what those clients see");
    }
    return true;
}

size_t outer_stories(const struct outer *o, struct interception_story *out,
                     size_t max)
{
    size_t n = 0;
    const struct asker *a = NULL;
    while (n < max && (a = lru_next(o->askers, a))) {
        if (!is_suspicious(a)) {
            continue;
        }
        out[n] = (struct interception_story){
            .verdict = inspection_name(INSPECTION_SUSPECTED),
            .outer = true,
            .proxy = a->addr,
            .ip_version = a->ip_version,
            .names_n = a->hosts_n,
            .clients_n = 1,
            .handshakes = a->handshakes,
            .first = a->first,
            .last = a->last,
        };
        for (unsigned i = 0; i < a->hosts_n; i++) {
            out[n].names[i] = a->hosts[i];
        }
        n++;
    }
    return n;
}
