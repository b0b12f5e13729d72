/* SPDX-License-Identifier: Apache-2.0 */
/* From options to destinations, spill files and confined processes. */
#include "config.h"

#include "senders.h"

#include "base/limits.h"
#include "send/sender.h"

#include <inttypes.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KINDS        2u
#define READABLE_MAX 64u

extern const struct reporter json_reporter;

struct one {
    struct destination to;
    struct spill *spill;
    struct sender *sender;
};

struct senders {
    struct one v[KINDS];
    size_t n;
    void *json; /* the reporter's state */
    struct report_options options;
    struct text record, key;
    bool quiet;
};

/* ---- what a sender's process may read ---- */

struct readable {
    const char *v[READABLE_MAX];
    size_t n;
};

static void may_read(struct readable *r, const char *path)
{
    if (r->n < READABLE_MAX) {
        r->v[r->n++] = path;
    }
}

/* What looking up names and checking a broker's certificate takes, and files
 * that properties name. */
static void readable(struct readable *r, const struct options *o)
{
    static const char *const places[] = {
        "/etc/hosts",
        "/etc/host.conf",
        "/etc/resolv.conf",
        "/etc/nsswitch.conf",
        "/etc/services",
        "/etc/gai.conf",
        "/etc/protocols",
        "/etc/localtime",
        "/run/systemd/resolve",
        "/run/resolvconf",
        "/etc/ssl",
        "/etc/pki",
        "/etc/ca-certificates",
        "/usr/lib/ssl",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
        "/dev/null",
        "/dev/urandom",
        "/proc/sys/crypto/fips_enabled",
    };
    *r = (struct readable){0};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        may_read(r, places[i]);
    }
    for (size_t i = 0; i < o->properties_n; i++) {
        const char *equal = strchr(o->properties[i], '=');
        if (equal && strncmp(o->properties[i], "ssl.", 4) == 0) {
            may_read(r, equal + 1);
        }
    }
}

/* Modules of the resolver and of the TLS library are loaded before executable
 * memory is forbidden. */
static void load_modules(void)
{
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo("localhost", "9092", &hints, &found) == 0) {
        freeaddrinfo(found);
    }
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
}

/* ---- starting ---- */

static bool add(struct senders *s, const char *kind, const struct options *o,
                char error[256])
{
    struct destination *to = &s->v[s->n].to;
    bool ok = strcmp(kind, "kafka") == 0
                  ? kafka_destination(o->kafka, o->properties, o->properties_n,
                                      to, error)
                  : redis_destination(o->redis, to, error);
    s->n += ok;
    return ok;
}

static bool make_destinations(struct senders *s, const struct options *o,
                              const char **name, char error[256])
{
    *name = "--kafka";
    if (o->kafka && !add(s, "kafka", o, error)) {
        return false;
    }
    *name = "--redis";
    return !o->redis || add(s, "redis", o, error);
}

static bool start_one(struct one *one, const struct options *o,
                      const struct sandbox_plan *plan, char error[256])
{
    char file[32];
    snprintf(file, sizeof file, "%s.spill", one->to.kind);
    one->spill = spill_open(o->spill, file, o->spill_bytes, error);
    if (!one->spill) {
        return false;
    }
    if (plan && plan->user.change && o->spill &&
        !spill_give(one->spill, plan->user.uid, plan->user.gid)) {
        snprintf(error, 256, "%.180s: cannot be given to user %.40s",
                 spill_path(one->spill), plan->user.name);
        return false;
    }
    const struct sender_options so = {.to = &one->to,
                                      .spill = one->spill,
                                      .plan = plan,
                                      .patient = o->interfaces_n == 0,
                                      .quiet = o->quiet || o->top};
    one->sender = sender_start(&so, error);
    spill_leave(one->spill);
    return one->sender;
}

static bool start_all(struct senders *s, const struct options *o,
                      const char **name, char error[256])
{
    struct readable r;
    struct sandbox_plan plan = {.connects = true, .reconnecting = -1};
    readable(&r, o);
    plan.readable = r.v;
    plan.readable_n = r.n;
    *name = "sandbox";
    if (!o->no_sandbox && !sandbox_find_user(o->user, &plan.user, error)) {
        return false;
    }
    load_modules();
    for (size_t i = 0; i < s->n; i++) {
        *name = s->v[i].to.kind;
        if (!start_one(&s->v[i], o, o->no_sandbox ? NULL : &plan, error)) {
            return false;
        }
    }
    return true;
}

static struct senders *senders_new(const struct options *o)
{
    struct senders *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    *s = (struct senders){.options = {.all = o->all, .explain = o->explain},
                          .quiet = o->quiet};
    text_init(&s->record, LIMIT_SEND_RECORD_BYTES);
    text_init(&s->key, LIMIT_SEND_KEY_BYTES);
    s->json = calloc(1, json_reporter.state_bytes);
    if (!s->json) {
        senders_free(s);
        return NULL;
    }
    return s;
}

bool senders_start(const struct options *o, struct senders **out,
                   const char **name, char error[256])
{
    *out = NULL;
    if (!o->kafka && !o->redis) {
        return true;
    }
    struct senders *s = senders_new(o);
    if (!s) {
        *name = "start";
        snprintf(error, 256, "out of memory");
        return false;
    }
    if (!make_destinations(s, o, name, error) ||
        !start_all(s, o, name, error)) {
        senders_free(s);
        return false;
    }
    *out = s;
    return true;
}

bool senders_check(const struct options *o, char error[256])
{
    char why[256] = "out of memory";
    const char *name = "start";
    struct senders *s = senders_new(o);
    bool ok = s && make_destinations(s, o, &name, why);
    if (!ok) {
        snprintf(error, 256, "%s: %.230s", name, why);
    }
    senders_free(s);
    return ok;
}

/* ---- records ---- */

void senders_record(struct senders *s, const struct record *r)
{
    if (!s) {
        return;
    }
    text_clear(&s->record);
    text_clear(&s->key);
    json_reporter.record(s->json, &s->options, r, &s->record);
    if (s->record.n == 0 && !s->record.cut) {
        return; /* not wanted */
    }
    if (s->record.n) { /* a line without its end */
        text_truncate(&s->record, s->record.n - 1);
    }
    if (r->hs->ip_version) { /* not on a LAN below IP */
        format_community_id(&s->key, r->hs);
    }
    for (size_t i = 0; i < s->n; i++) {
        sender_send(
            s->v[i].sender, span_text(text_str(&s->key)),
            (struct span){(const uint8_t *)text_str(&s->record), s->record.n});
    }
}

void senders_poll(struct senders *s)
{
    for (size_t i = 0; s && i < s->n; i++) {
        sender_poll(s->v[i].sender);
    }
}

void senders_gauges(const struct senders *s, struct metrics_gauges *g)
{
    for (size_t i = 0; s && i < s->n; i++) {
        struct sender_counts c;
        sender_counts(s->v[i].sender, &c);
        g->destinations[i] = (struct metrics_destination){
            s->v[i].to.kind, c.delivered, c.lost, c.kept, !c.away};
    }
}

/* ---- the end ---- */

static bool tell(const struct senders *s, const struct one *one)
{
    struct sender_counts c;
    const char *path = spill_path(one->spill);
    sender_counts(one->sender, &c);
    if (!s->quiet || c.lost) {
        fprintf(stderr, "tlswhy: %s %s: %" PRIu64 " record%s delivered",
                one->to.kind, one->to.name, c.delivered,
                c.delivered == 1 ? "" : "s");
        if (c.kept) {
            fprintf(stderr, ", %" PRIu64 " kept in %s", c.kept, path);
        }
        if (c.lost) {
            fprintf(stderr, ", %" PRIu64 " lost", c.lost);
        }
        fputc('\n', stderr);
    }
    return c.lost == 0;
}

bool senders_finish(struct senders *s, const volatile sig_atomic_t *hurry)
{
    bool ok = true;
    for (size_t i = 0; s && i < s->n; i++) {
        sender_goodbye(s->v[i].sender, hurry);
    }
    for (size_t i = 0; s && i < s->n; i++) {
        sender_finish(s->v[i].sender, hurry);
        ok = tell(s, &s->v[i]) && ok;
    }
    return ok;
}

void senders_free(struct senders *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        sender_free(s->v[i].sender);
        spill_free(s->v[i].spill);
        s->v[i].to.free(s->v[i].to.self);
    }
    if (s->json) {
        json_reporter.fini(s->json);
    }
    free(s->json);
    text_free(&s->record);
    text_free(&s->key);
    free(s);
}

void senders_print_versions(void)
{
    if (kafka_version()) {
        printf("librdkafka %s\n", kafka_version());
    }
    if (redis_version()) {
        printf("hiredis %s\n", redis_version());
    }
}
