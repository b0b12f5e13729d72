/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text exposition format 0.0.4 and OpenMetrics 1.0.0. They differ in
 * the names of counters' families and in the last line.
 */
#include "report/metrics.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "report/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAUSES_MAX  160u
#define ALERT_CODES 256u
#define ENDS_BY     (BY_NOBODY + 1)
#define ENDS_HOW    (HOW_QUIC_CLOSE + 1)

#define SERVER_BYTES 256u /* a name has 253 at most */

enum server_outcome { SERVER_SUCCESS, SERVER_FAILURE, SERVER_OTHER };

struct server {
    char name[SERVER_BYTES];
    uint64_t outcomes[SERVER_OTHER + 1];
    uint64_t causes[CAUSES_MAX];
};

struct metrics {
    struct server *servers;
    size_t servers_n;
    uint64_t causes[CAUSES_MAX]; /* by index of known_cause_at() */
    uint64_t ends[ENDS_BY][ENDS_HOW];
    uint64_t alerts[2][ALERT_CODES]; /* by enum side */
    uint64_t alerts_unknown[2], alerts_encrypted[2];
};

struct printer {
    struct text *out;
    enum metrics_format format;
};

/* ---- servers that were named ---- */

/* The next of a list; false when there is none. */
static bool next_server(const char **list, const char **name, size_t *n)
{
    *list += strspn(*list, ", ");
    *name = *list;
    *n = strcspn(*list, ", ");
    *list += *n;
    return *n > 0;
}

bool metrics_check_servers(const char *servers, char error[256])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_[]";
    const char *name;
    size_t n;
    size_t count = 0;
    while (next_server(&servers, &name, &n)) {
        if (n >= SERVER_BYTES || strspn(name, letters) < n) {
            snprintf(error, 256, "not a server's name or address: '%.*s'",
                     n < 100 ? (int)n : 100, name);
            return false;
        }
        count++;
    }
    if (!count || count > LIMIT_METRICS_SERVERS) {
        snprintf(error, 256, "not 1 to %u servers", LIMIT_METRICS_SERVERS);
        return false;
    }
    return true;
}

static bool is_listed(const struct metrics *m, const char *name, size_t n)
{
    for (size_t i = 0; i < m->servers_n; i++) {
        const char *own = m->servers[i].name;
        if (strlen(own) == n && ascii_same(own, name, n)) {
            return true;
        }
    }
    return false;
}

static bool take_servers(struct metrics *m, const char *list)
{
    const char *name;
    size_t n;
    m->servers = calloc(LIMIT_METRICS_SERVERS, sizeof *m->servers);
    while (m->servers && next_server(&list, &name, &n)) {
        if (!is_listed(m, name, n)) {
            snprintf(m->servers[m->servers_n++].name, SERVER_BYTES, "%.*s",
                     (int)n, name);
        }
    }
    return m->servers;
}

struct metrics *metrics_new(const char *servers, char error[256])
{
    if (servers && !metrics_check_servers(servers, error)) {
        return NULL;
    }
    struct metrics *m = calloc(1, sizeof(struct metrics));
    if (!m || (servers && !take_servers(m, servers))) {
        snprintf(error, 256, "out of memory");
        metrics_free(m);
        return NULL;
    }
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m) {
        free(m->servers);
        free(m);
    }
}

/* Which of them a record is about, or NULL: by what the client asked for, by
 * address and port, by address; in this order. */
static struct server *server_of(const struct metrics *m, const struct record *r)
{
    const struct hs_addr *e = &r->hs->addr[SIDE_SERVER];
    struct text names[3];
    for (size_t i = 0; i < 3; i++) {
        text_init(&names[i], SERVER_BYTES);
    }
    struct span sni = record_sni(r);
    text_add_n(&names[0], (const char *)sni.p, sni.n);
    format_endpoint(&names[1], e->ip, e->port, r->hs->ip_version);
    format_ip(&names[2], e->ip, r->hs->ip_version);
    struct server *found = NULL;
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; !found && k < m->servers_n; k++) {
            struct server *s = &m->servers[k];
            bool same = strlen(s->name) == names[i].n &&
                        ascii_same(s->name, text_str(&names[i]), names[i].n);
            found = same ? s : NULL;
        }
        text_free(&names[i]);
    }
    return found;
}

/* ---- counting ---- */

static void count_cause(uint64_t counts[CAUSES_MAX],
                        const struct known_cause *cause)
{
    size_t n = known_cause_count();
    for (size_t i = 0; i < n && i < CAUSES_MAX; i++) {
        counts[i] += known_cause_at(i) == cause;
    }
}

static void count_server(struct server *s, const struct record *r)
{
    enum outcome outcome = record_outcome(r);
    if (outcome == OUTCOME_SUCCESS) {
        s->outcomes[SERVER_SUCCESS]++;
    } else if (outcome == OUTCOME_FAILURE && !r->hs->end_state.benign) {
        s->outcomes[SERVER_FAILURE]++;
        count_cause(s->causes, record_cause(r));
    } else {
        s->outcomes[SERVER_OTHER]++;
    }
}

static void count_alert(struct metrics *m, const struct conclusion *c)
{
    if (!c->has_alert || c->alert_side == SIDE_NONE) {
        return;
    }
    if (c->alert_code < ALERT_CODES && known_alert_name(c->alert_code)) {
        m->alerts[c->alert_side][c->alert_code]++;
    } else if (c->alert_encrypted) {
        m->alerts_encrypted[c->alert_side]++;
    } else {
        m->alerts_unknown[c->alert_side]++;
    }
}

void metrics_add(struct metrics *m, const struct record *r)
{
    const struct conclusion *c = &r->hs->end_state;
    struct server *s = m->servers_n ? server_of(m, r) : NULL;
    if (s) {
        count_server(s, r);
    }
    if (record_outcome(r) != OUTCOME_FAILURE || c->benign) {
        return;
    }
    count_cause(m->causes, record_cause(r));
    m->ends[c->by][c->how]++;
    count_alert(m, c);
}

/* ---- printing ---- */

static void family(const struct printer *p, const char *name, const char *type,
                   const char *help)
{
    bool total = p->format == METRICS_PROMETHEUS && type[0] == 'c';
    const char *suffix = total ? "_total" : "";
    text_fmt(p->out, "# HELP tlswhy_%s%s %s\n# TYPE tlswhy_%s%s %s\n", name,
             suffix, help, name, suffix, type);
}

static void counter(const struct printer *p, const char *name, const char *help,
                    uint64_t value)
{
    family(p, name, "counter", help);
    text_fmt(p->out, "tlswhy_%s_total %" PRIu64 "\n", name, value);
}

static void gauge(const struct printer *p, const char *name, const char *help,
                  double value)
{
    family(p, name, "gauge", help);
    text_fmt(p->out, "tlswhy_%s %.17g\n", name, value);
}

/* One label, whose value is a word of ours. */
static void sample(const struct printer *p, const char *name, const char *label,
                   const char *value, uint64_t n)
{
    text_fmt(p->out, "tlswhy_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value,
             n);
}

static void print_outcomes(const struct printer *p, const struct totals *t)
{
    const char *name = "handshakes_total";
    family(p, "handshakes", "counter", "TLS handshakes that ended.");
    sample(p, name, "outcome", "success", t->succeeded);
    sample(p, name, "outcome", "failure", t->failed);
    sample(p, name, "outcome", "benign", t->benign);
    sample(p, name, "outcome", "unknown", t->unknown);
    counter(p, "handshakes_left",
            "Handshakes that succeeded, and whose client left at once.",
            t->left);
}

/* All causes, also those that did not come up: a rate needs the zero before
 * the first one. */
static void print_causes(const struct printer *p, const struct metrics *m)
{
    family(p, "failures", "counter", "Failed TLS handshakes by cause.");
    for (size_t i = 0; i < known_cause_count() && i < CAUSES_MAX; i++) {
        sample(p, "failures_total", "cause", known_cause_at(i)->slug,
               m->causes[i]);
    }
}

static void print_ends(const struct printer *p, const struct metrics *m)
{
    family(p, "failure_ends", "counter",
           "Failed TLS handshakes by who ended them and how.");
    for (int by = BY_NONE + 1; by < ENDS_BY; by++) {
        for (int how = HOW_NONE + 1; how < ENDS_HOW; how++) {
            if (m->ends[by][how]) {
                text_fmt(p->out,
                         "tlswhy_failure_ends_total{ended_by=\"%s\","
                         "ended_how=\"%s\"} %" PRIu64 "\n",
                         ended_by_name((enum ended_by)by),
                         ended_how_name((enum ended_how)how), m->ends[by][how]);
            }
        }
    }
}

static void print_alert(const struct printer *p, const char *name, int side,
                        uint64_t n)
{
    if (n) {
        text_fmt(p->out,
                 "tlswhy_failure_alerts_total{alert=\"%s\",sender=\"%s\"} "
                 "%" PRIu64 "\n",
                 name, side == SIDE_CLIENT ? "client" : "server", n);
    }
}

static void print_alerts(const struct printer *p, const struct metrics *m)
{
    family(p, "failure_alerts", "counter",
           "Alerts that ended TLS handshakes, by name and sender.");
    for (int side = 0; side < 2; side++) {
        for (unsigned code = 0; code < ALERT_CODES; code++) {
            print_alert(p, known_alert_name((uint16_t)code), side,
                        m->alerts[side][code]);
        }
        print_alert(p, "encrypted", side, m->alerts_encrypted[side]);
        print_alert(p, "unassigned", side, m->alerts_unknown[side]);
    }
}

static void print_server(const struct printer *p, const struct server *s)
{
    static const char *const outcomes[] = {"success", "failure", "other"};
    for (unsigned i = 0; i <= SERVER_OTHER; i++) {
        text_fmt(p->out,
                 "tlswhy_server_handshakes_total{server=\"%s\",outcome=\"%s\"} "
                 "%" PRIu64 "\n",
                 s->name, outcomes[i], s->outcomes[i]);
    }
}

static void print_server_failures(const struct printer *p,
                                  const struct server *s)
{
    for (size_t i = 0; i < known_cause_count() && i < CAUSES_MAX; i++) {
        if (s->causes[i]) {
            text_fmt(p->out,
                     "tlswhy_server_failures_total{server=\"%s\",cause=\"%s\"} "
                     "%" PRIu64 "\n",
                     s->name, known_cause_at(i)->slug, s->causes[i]);
        }
    }
}

static void print_servers(const struct printer *p, const struct metrics *m)
{
    if (!m->servers_n) {
        return;
    }
    family(p, "server_handshakes", "counter",
           "TLS handshakes with the servers named, by outcome.");
    for (size_t i = 0; i < m->servers_n; i++) {
        print_server(p, &m->servers[i]);
    }
    family(p, "server_failures", "counter",
           "Failed TLS handshakes with the servers named, by cause.");
    for (size_t i = 0; i < m->servers_n; i++) {
        print_server_failures(p, &m->servers[i]);
    }
}

static void print_durations(const struct printer *p, const struct totals *t)
{
    static const char *const limits[LATENCY_BUCKETS] = {
        "0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
        "0.5",   "1.0",  "2.5",   "5.0",  "10.0"};
    uint64_t n = 0;
    family(p, "handshake_duration_seconds", "histogram",
           "How long TLS handshakes took that succeeded.");
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        n += t->latency[i];
        sample(p, "handshake_duration_seconds_bucket", "le", limits[i], n);
    }
    n += t->latency[LATENCY_BUCKETS];
    sample(p, "handshake_duration_seconds_bucket", "le", "+Inf", n);
    text_fmt(p->out,
             "tlswhy_handshake_duration_seconds_sum %.9f\n"
             "tlswhy_handshake_duration_seconds_count %" PRIu64 "\n",
             t->latency_seconds, n);
}

static void print_capture(const struct printer *p, const struct totals *t)
{
    counter(p, "packets", "Packets captured.", t->packets_captured);
    counter(p, "captured_bytes", "Bytes of the packets captured.",
            t->bytes_captured);
    family(p, "packets_dropped", "counter",
           "Packets that were lost before they could be read.");
    sample(p, "packets_dropped_total", "by", "kernel", t->packets_dropped);
    sample(p, "packets_dropped_total", "by", "interface",
           t->packets_dropped_interface);
    counter(p, "packets_relieved",
            "Packets of settled connections that the kernel did not deliver.",
            t->packets_relieved);
    counter(p, "flows", "Connections that were followed.", t->flows);
    counter(p, "flows_evicted", "Connections given up to make room.",
            t->flows_evicted);
    gauge(p, "flows_open", "Connections followed now.", (double)t->flows_open);
    gauge(p, "memory_bytes", "Memory of connections, bounded by --max-memory.",
          (double)t->memory_bytes);
}

static void print_process(const struct printer *p,
                          const struct metrics_gauges *g)
{
    counter(p, "records_written", "Records written to the output.",
            g->records_written);
    counter(p, "records_lost", "Records the output could not take.",
            g->records_lost);
    family(p, "sandbox_layer", "gauge", "Whether a layer is in force.");
    for (unsigned i = 0; i < METRICS_LAYERS; i++) {
        sample(p, "sandbox_layer", "layer", g->layers[i].name, g->layers[i].on);
    }
    family(p, "build_info", "gauge", "The version that runs.");
    sample(p, "build_info", "version", tlswhy_version, 1);
    const char *total = p->format == METRICS_PROMETHEUS ? "_total" : "";
    text_fmt(p->out,
             "# HELP process_cpu_seconds%s CPU time spent.\n"
             "# TYPE process_cpu_seconds%s counter\n"
             "process_cpu_seconds_total %.6f\n"
             "# HELP process_resident_memory_bytes Memory in use.\n"
             "# TYPE process_resident_memory_bytes gauge\n"
             "process_resident_memory_bytes %" PRIu64 "\n"
             "# HELP process_start_time_seconds When the process began.\n"
             "# TYPE process_start_time_seconds gauge\n"
             "process_start_time_seconds %.3f\n",
             total, total, g->cpu_seconds, g->resident_bytes, g->start_time);
}

/* Not a word when nothing is sent anywhere. */
static void print_destinations(const struct printer *p,
                               const struct metrics_destination *v)
{
    if (!v[0].kind) {
        return;
    }
    family(p, "records_sent", "counter", "Records a destination has taken.");
    for (unsigned i = 0; i < METRICS_DESTINATIONS && v[i].kind; i++) {
        sample(p, "records_sent_total", "to", v[i].kind, v[i].delivered);
    }
    family(p, "records_unsent", "counter",
           "Records that could neither be delivered nor kept.");
    for (unsigned i = 0; i < METRICS_DESTINATIONS && v[i].kind; i++) {
        sample(p, "records_unsent_total", "to", v[i].kind, v[i].lost);
    }
    family(p, "records_kept", "gauge",
           "Records in the spill file until the destination is back.");
    for (unsigned i = 0; i < METRICS_DESTINATIONS && v[i].kind; i++) {
        sample(p, "records_kept", "to", v[i].kind, v[i].kept);
    }
    family(p, "destination_up", "gauge",
           "Whether a destination takes records.");
    for (unsigned i = 0; i < METRICS_DESTINATIONS && v[i].kind; i++) {
        sample(p, "destination_up", "to", v[i].kind, v[i].up);
    }
}

void metrics_print(const struct metrics *m, const struct totals *t,
                   const struct metrics_gauges *g, enum metrics_format format,
                   struct text *out)
{
    const struct printer p = {out, format};
    print_outcomes(&p, t);
    print_causes(&p, m);
    print_ends(&p, m);
    print_alerts(&p, m);
    print_servers(&p, m);
    print_durations(&p, t);
    print_capture(&p, t);
    print_destinations(&p, g->destinations);
    print_process(&p, g);
    if (format == METRICS_OPENMETRICS) {
        text_add(out, "# EOF\n");
    }
}
