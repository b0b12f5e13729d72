/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Totals at the end of a run. Causes and alerts are counted exactly (they are
 * few and ours); the pairs of server and cause are kept in a table of fixed
 * size that forgets the rarest when it is full (the Space-Saving algorithm of
 * Metwally, Agrawal and El Abbadi, 2005), so the frequent ones are right
 * whatever traffic comes by. What is evicted does not depend on the hash, so
 * a replay prints the same.
 */
#include "report/fields.h"
#include "report/paint.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>

#define CAUSES_MAX  160u
#define ENTRIES_MAX 4096u
#define BUCKETS     8192u /* a power of two */
#define CLIENTS_MAX 64u   /* told apart per entry */
#define TOP_SHOWN   10u
#define NAME_BYTES  255u /* a DNS name */
#define NO_ENTRY    UINT16_MAX
#define ALERT_CODES 256u
#define LINE_BYTES  1024u

struct cause_count {
    const struct known_cause *cause;
    uint64_t n;
};

/* Failures of one server by one cause. */
struct entry {
    char *server; /* "name:port" or "address:port"; owned; raw bytes */
    const struct known_cause *cause;
    uint64_t key;
    uint64_t n;
    uint64_t error; /* n may be too high by so many */
    tick_t first, last;
    uint64_t *clients; /* hashes of their addresses; owned */
    uint16_t clients_n;
    bool clients_more;
    uint16_t next; /* in the bucket */
};

struct summary {
    struct hash_seed seed;
    struct cause_count causes[CAUSES_MAX];
    unsigned causes_n;
    uint64_t alerts[2][ALERT_CODES]; /* by enum side, of those that decided */
    uint64_t alerts_unread[2];
    struct entry entries[ENTRIES_MAX];
    unsigned entries_n;
    uint16_t buckets[BUCKETS];
    unsigned hand;  /* where the search for the rarest goes on */
    uint64_t floor; /* no entry counts less */
};

struct summary *summary_new(void)
{
    struct summary *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->seed = hash_seed_random();
    for (unsigned i = 0; i < BUCKETS; i++) {
        s->buckets[i] = NO_ENTRY;
    }
    s->floor = 1;
    return s;
}

void summary_free(struct summary *s)
{
    if (!s) {
        return;
    }
    for (unsigned i = 0; i < s->entries_n; i++) {
        free(s->entries[i].server);
        free(s->entries[i].clients);
    }
    free(s);
}

/* ---- counting ---- */

static void count_cause(struct summary *s, const struct known_cause *cause)
{
    for (unsigned i = 0; i < s->causes_n; i++) {
        if (s->causes[i].cause == cause) {
            s->causes[i].n++;
            return;
        }
    }
    if (s->causes_n < CAUSES_MAX) {
        s->causes[s->causes_n++] = (struct cause_count){cause, 1};
    }
}

static void count_alert(struct summary *s, const struct conclusion *end)
{
    if (!end->has_alert || end->alert_side == SIDE_NONE) {
        return;
    }
    if (end->alert_code < ALERT_CODES) {
        s->alerts[end->alert_side][end->alert_code]++;
    } else {
        s->alerts_unread[end->alert_side]++;
    }
}

/* By the name that was asked for, because many addresses serve one name. */
static void server_label(struct text *t, const struct record *r)
{
    const struct hs_addr *a = &r->hs->addr[SIDE_SERVER];
    struct span sni = span_sub(record_sni(r), 0, NAME_BYTES);
    if (!sni.n && r->domain[SIDE_SERVER]) {
        sni = span_text(r->domain[SIDE_SERVER]);
    }
    if (!sni.n) {
        format_endpoint(t, a->ip, a->port, r->hs->ip_version);
        return;
    }
    text_term(t, sni);
    text_fmt(t, ":%u", (unsigned)a->port);
}

static uint64_t entry_key(const struct summary *s, const struct text *label,
                          const struct known_cause *cause)
{
    uint64_t h = hash_bytes(&s->seed, span_of(text_str(label), label->n));
    return h ^ hash_bytes(&s->seed, span_text(cause->slug));
}

static struct entry *entry_find(struct summary *s, uint64_t key,
                                const char *label,
                                const struct known_cause *cause)
{
    uint16_t i = s->buckets[key & (BUCKETS - 1)];
    while (i != NO_ENTRY) {
        struct entry *e = &s->entries[i];
        if (e->key == key && e->cause == cause &&
            strcmp(e->server, label) == 0) {
            return e;
        }
        i = e->next;
    }
    return NULL;
}

static void entry_unlink(struct summary *s, unsigned at)
{
    uint16_t *link = &s->buckets[s->entries[at].key & (BUCKETS - 1)];
    while (*link != NO_ENTRY && *link != at) {
        link = &s->entries[*link].next;
    }
    if (*link == at) {
        *link = s->entries[at].next;
    }
}

/* The rarest entry of a full table. Counts only grow, so the search goes on
 * where the last one stopped and raises the floor after a full turn. */
static unsigned entry_rarest(struct summary *s)
{
    for (unsigned seen = 0; seen < ENTRIES_MAX; seen++) {
        unsigned at = s->hand;
        s->hand = (s->hand + 1) % ENTRIES_MAX;
        if (s->entries[at].n <= s->floor) {
            return at;
        }
    }
    unsigned rarest = 0;
    for (unsigned i = 1; i < ENTRIES_MAX; i++) {
        if (s->entries[i].n < s->entries[rarest].n) {
            rarest = i;
        }
    }
    s->floor = s->entries[rarest].n;
    s->hand = (rarest + 1) % ENTRIES_MAX;
    return rarest;
}

static struct entry *entry_new(struct summary *s, uint64_t key,
                               const char *label,
                               const struct known_cause *cause)
{
    char *server = strdup(label);
    if (!server) {
        return NULL;
    }
    unsigned at = s->entries_n;
    uint64_t inherited = 0;
    if (at < ENTRIES_MAX) {
        s->entries_n++;
    } else {
        at = entry_rarest(s);
        entry_unlink(s, at);
        inherited = s->entries[at].n;
        free(s->entries[at].server);
        free(s->entries[at].clients);
    }
    struct entry *e = &s->entries[at];
    uint16_t *head = &s->buckets[key & (BUCKETS - 1)];
    *e = (struct entry){.server = server,
                        .cause = cause,
                        .key = key,
                        .n = inherited,
                        .error = inherited,
                        .next = *head};
    *head = (uint16_t)at;
    return e;
}

static void entry_client(struct entry *e, uint64_t client)
{
    for (unsigned i = 0; i < e->clients_n; i++) {
        if (e->clients[i] == client) {
            return;
        }
    }
    if (e->clients_n == CLIENTS_MAX) {
        e->clients_more = true;
        return;
    }
    if ((e->clients_n & (e->clients_n - 1u)) == 0) { /* 0, 1, 2, 4, 8 ... */
        size_t size = e->clients_n ? 2u * e->clients_n : 1;
        uint64_t *v = realloc(e->clients, size * sizeof *v);
        if (!v) {
            e->clients_more = true;
            return;
        }
        e->clients = v;
    }
    e->clients[e->clients_n++] = client;
}

static void count_server(struct summary *s, const struct record *r,
                         const struct known_cause *cause)
{
    struct text label;
    text_init(&label, LINE_BYTES);
    server_label(&label, r);
    uint64_t key = entry_key(s, &label, cause);
    struct entry *e = entry_find(s, key, text_str(&label), cause);
    if (!e) {
        e = entry_new(s, key, text_str(&label), cause);
    }
    text_free(&label);
    if (!e) {
        return;
    }
    tick_t when = record_when(r);
    if (e->n == e->error || when < e->first) {
        e->first = when;
    }
    if (e->n == e->error || when > e->last) {
        e->last = when;
    }
    e->n++;
    const uint8_t *ip = r->hs->addr[SIDE_CLIENT].ip;
    entry_client(e, hash_bytes(&s->seed, span_of(ip, 16)));
}

void summary_add(struct summary *s, const struct record *r)
{
    if (!s || record_outcome(r) != OUTCOME_FAILURE || r->hs->end_state.benign) {
        return;
    }
    count_alert(s, &r->hs->end_state);
    const struct known_cause *cause = record_cause(r);
    if (!cause) {
        return;
    }
    count_cause(s, cause);
    count_server(s, r, cause);
}

/* ---- printing ---- */

static int by_count(uint64_t a, uint64_t b)
{
    return a < b ? 1 : a > b ? -1 : 0;
}

static int cause_order(const void *a, const void *b)
{
    const struct cause_count *x = a;
    const struct cause_count *y = b;
    int order = by_count(x->n, y->n);
    return order ? order : strcmp(x->cause->slug, y->cause->slug);
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a;
    const struct entry *y = *(const struct entry *const *)b;
    int order = by_count(x->n, y->n);
    if (!order) {
        order = x->first < y->first ? -1 : x->first > y->first;
    }
    if (!order) {
        order = strcmp(x->server, y->server);
    }
    return order ? order : strcmp(x->cause->slug, y->cause->slug);
}

static void section(struct paint *p, const char *title)
{
    paint_newline(p);
    text_char(p->out, '\n');
    paint_line(p, 0);
    paint_str(p, PAINT_DIM, title);
    paint_newline(p);
}

/* "  123  " at the start of a line; what follows hangs behind it. */
static void count_column(struct paint *p, uint64_t n, bool about)
{
    struct text t;
    text_init(&t, 64);
    paint_line(p, 0);
    text_fmt(&t, "%s%" PRIu64, about ? "~" : "", n);
    text_fmt(p->out, "%8s  ", text_str(&t));
    p->col = 10;
    p->indent = 10;
    text_free(&t);
}

static void print_causes(struct paint *p, const struct summary *s)
{
    struct cause_count sorted[CAUSES_MAX];
    if (!s->causes_n) {
        return;
    }
    memcpy(sorted, s->causes, s->causes_n * sizeof sorted[0]);
    qsort(sorted, s->causes_n, sizeof sorted[0], cause_order);
    section(p, "failures by cause");
    for (unsigned i = 0; i < s->causes_n; i++) {
        const struct known_cause *c = sorted[i].cause;
        count_column(p, sorted[i].n, false);
        paint_str(p, PAINT_BAD, c->slug);
        if (c->sentence) {
            paint_str(p, PAINT_PLAIN, paint_sign(p->o, "–", "-"));
            paint_str(p, PAINT_PLAIN, c->sentence);
        }
    }
    paint_newline(p);
}

static void print_entry(struct paint *p, const struct entry *e)
{
    struct text t;
    text_init(&t, LINE_BYTES);
    count_column(p, e->n, e->error > 0);
    paint_str(p, PAINT_PLAIN, e->server);
    paint_str(p, PAINT_BAD, e->cause->slug);
    text_fmt(&t, "(%s%u client%s, ", e->clients_more ? "over " : "",
             (unsigned)e->clients_n, e->clients_n == 1 ? "" : "s");
    text_clock(&t, e->first);
    if (e->last != e->first) {
        text_add(&t, " to ");
        text_clock(&t, e->last);
    }
    text_char(&t, ')');
    paint_str(p, PAINT_DIM, text_str(&t));
    text_free(&t);
}

static void print_servers(struct paint *p, const struct summary *s)
{
    if (!s->entries_n) {
        return;
    }
    const struct entry **sorted = malloc(s->entries_n * sizeof *sorted);
    if (!sorted) {
        return;
    }
    for (unsigned i = 0; i < s->entries_n; i++) {
        sorted[i] = &s->entries[i];
    }
    qsort(sorted, s->entries_n, sizeof *sorted, entry_order);
    section(p, s->entries_n > TOP_SHOWN ? "most failures by server and cause"
                                        : "failures by server and cause");
    for (unsigned i = 0; i < s->entries_n && i < TOP_SHOWN; i++) {
        print_entry(p, sorted[i]);
    }
    paint_newline(p);
    free(sorted);
}

static void print_alert(struct paint *p, uint64_t n, unsigned code, int side)
{
    struct text t;
    if (!n) {
        return;
    }
    text_init(&t, 128);
    count_column(p, n, false);
    if (code < ALERT_CODES) {
        const char *name = known_alert_name((uint16_t)code);
        text_fmt(&t, "%s (%u)", name ? name : "unassigned", code);
    } else {
        text_add(&t, "encrypted, not read");
    }
    text_fmt(&t, " from the %s", side_name((enum side)side));
    paint_str(p, PAINT_PLAIN, text_str(&t));
    text_free(&t);
}

static bool any_alert(const struct summary *s)
{
    uint64_t n = s->alerts_unread[0] | s->alerts_unread[1];
    for (unsigned code = 0; code < ALERT_CODES; code++) {
        n |= s->alerts[0][code] | s->alerts[1][code];
    }
    return n != 0;
}

static void print_alerts(struct paint *p, const struct summary *s)
{
    if (!any_alert(s)) {
        return;
    }
    section(p, "alerts that ended handshakes");
    for (unsigned code = 0; code < ALERT_CODES; code++) {
        print_alert(p, s->alerts[0][code], code, SIDE_CLIENT);
        print_alert(p, s->alerts[1][code], code, SIDE_SERVER);
    }
    print_alert(p, s->alerts_unread[0], ALERT_CODES, SIDE_CLIENT);
    print_alert(p, s->alerts_unread[1], ALERT_CODES, SIDE_SERVER);
    paint_newline(p);
}

/* ---- TLS inspection ---- */

/* "a, b, c and 4 more" */
static void name_list(struct text *t, const char *const *names, unsigned n,
                      bool more)
{
    unsigned shown = n < STORY_NAMES_MAX ? n : STORY_NAMES_MAX;
    for (unsigned i = 0; i < shown; i++) {
        text_add(t, i ? ", " : "");
        text_term(t, span_text(names[i]));
    }
    if (n > shown) {
        text_fmt(t, " and %s%u more", more ? "over " : "", n - shown);
    }
}

static void story_subject(struct text *t, const struct interception_story *s)
{
    text_fmt(t, "%s: ", s->verdict);
    if (s->outer) {
        text_add(t, "the outside of an inspection at ");
        format_ip(t, s->proxy.ip, s->ip_version);
        return;
    }
    text_term(t, span_text(s->product ? s->product : "unknown product"));
    if (s->issuer) {
        text_add(t, ", signing as \"");
        text_term(t, span_text(s->issuer));
        text_add(t, "\"");
        return;
    }
    text_add(t, ", its certificates hidden by TLS 1.3, ");
    if (s->proxy.port) {
        text_add(t, "behind the proxy ");
        format_endpoint(t, s->proxy.ip, s->proxy.port, s->ip_version);
    } else {
        text_add(t, "answering from one place for servers elsewhere");
    }
}

static void story_effect(struct text *t, const struct interception_story *s)
{
    if (s->outer) {
        text_add(t, "asks for ");
        name_list(t, s->names, s->names_n, s->names_more);
        text_add(t, " as only browsers do, with a ClientHello that none of "
                    "them sends; since ");
        text_clock(t, s->first);
        return;
    }
    text_fmt(t, "%s%u client%s, %s%u name%s: ", s->clients_more ? "over " : "",
             s->clients_n, s->clients_n == 1 ? "" : "s",
             s->names_more ? "over " : "", s->names_n,
             s->names_n == 1 ? "" : "s");
    name_list(t, s->names, s->names_n, s->names_more);
    text_add(t, "; since ");
    text_clock(t, s->first);
    text_fmt(t, "; %" PRIu64 " handshake%s failed for lack of trust", s->broken,
             s->broken == 1 ? "" : "s");
    text_add(t, s->issuer ? "" : ", as it seems");
}

static void story_line(struct paint *p, const struct text *t)
{
    paint_line(p, 10);
    p->indent = 10;
    paint_str(p, PAINT_PLAIN, text_str(t));
}

static void print_story(struct paint *p, const struct interception_story *s)
{
    struct text t;
    text_init(&t, 4 * LINE_BYTES);
    count_column(p, s->handshakes, false);
    story_subject(&t, s);
    paint_str(p, PAINT_WARN, text_str(&t));
    text_clear(&t);
    story_effect(&t, s);
    story_line(p, &t);
    if (s->open_n) {
        text_clear(&t);
        text_add(&t, "not inspected: ");
        name_list(&t, s->open, s->open_n, false);
        story_line(p, &t);
    }
    text_free(&t);
}

/* Where each kind of client looks for roots: the fixes of the cause. */
static void print_remedies(struct paint *p)
{
    struct known_rows fixes = known_fix_rows("interception_untrusted");
    struct text t;
    text_init(&t, LINE_BYTES);
    for (size_t i = 0; i < fixes.n; i++) {
        text_clear(&t);
        text_fmt(&t, "%s: %s", fixes.v[i].key, fixes.v[i].text);
        paint_line(p, 4);
        p->indent = 6;
        paint_str(p, PAINT_PLAIN, text_str(&t));
    }
    text_free(&t);
}

static void print_stories(struct paint *p, const struct totals *t)
{
    if (!t->stories_n) {
        return;
    }
    bool broken = false;
    section(p, "TLS inspection (handshakes that met it)");
    for (size_t i = 0; i < t->stories_n; i++) {
        print_story(p, &t->stories[i]);
        broken = broken || t->stories[i].broken;
    }
    if (broken) {
        paint_newline(p);
        section(p, "what mends it: clients that do not trust the inspection");
        print_remedies(p);
    }
    paint_newline(p);
}

/* ---- clients that left right after the handshake ---- */

static void print_left(struct paint *p, const struct totals *t)
{
    struct text line;
    if (!t->left_servers_n) {
        return;
    }
    section(p, "clients that left right after the handshake (-a shows them)");
    text_init(&line, LINE_BYTES);
    for (size_t i = 0; i < t->left_servers_n; i++) {
        const struct left_server *s = &t->left_servers[i];
        count_column(p, s->n, false);
        text_clear(&line);
        if (s->name) {
            text_term(&line, span_text(s->name));
            text_fmt(&line, ":%u", (unsigned)s->addr.port);
        } else {
            format_endpoint(&line, s->addr.ip, s->addr.port, s->ip_version);
        }
        if (s->fault) {
            text_fmt(&line, ", whose certificate %s", s->fault);
        }
        paint_str(p, PAINT_PLAIN, text_str(&line));
    }
    text_free(&line);
    paint_newline(p);
}

/* "N nouns what" on a line of its own; nothing for zero. */
static void hint(struct text *out, uint64_t n, const char *noun,
                 const char *what)
{
    if (n) {
        text_fmt(out, "%" PRIu64 " %s%s %s\n", n, noun, n == 1 ? "" : "s",
                 what);
    }
}

static void print_secrets(const struct secret_totals *s, struct text *out)
{
    hint(out, s->found, "secret", "in the key log");
    hint(out, s->malformed, "malformed line", "in the key log");
    hint(out, s->forgotten, "secret", "forgotten to make room");
    hint(out, s->decrypted, "connection", "decrypted");
    hint(out, s->unknown, "encrypted connection",
         "whose secrets are not there");
    hint(out, s->unopened, "encrypted record",
         "that the secrets did not open (damaged, or a "
         "wrong key log)");
    hint(out, s->updated, "packet", "under keys that were updated");
}

/* Scripts read these lines: their wording is fixed. */
static void print_capture(const struct totals *t, struct text *out)
{
    text_fmt(out, "%" PRIu64 " packets captured\n", t->packets_captured);
    text_fmt(out, "%" PRIu64 " packets dropped by the kernel\n",
             t->packets_dropped);
    hint(out, t->packets_dropped_interface, "packet",
         "dropped by the interface");
    hint(out, t->packets_relieved, "packet",
         "of settled connections left in the kernel, not captured");
    hint(out, t->records_read, "record", "read back");
    text_fmt(out, "%" PRIu64 " flows evicted\n", t->flows_evicted);
    hint(out, t->frames_cut, "packet",
         "too short to read: the snapshot length cut the headers "
         "(capture them whole)");
    hint(out, t->frames_malformed, "packet", "with malformed headers");
    hint(out, t->frames_unknown, "packet", "of a link type that is not known");
    hint(out, t->limited, "connection",
         "on which a limit of the analysis was reached");
    print_secrets(&t->secrets, out);
    hint(out, t->tcp_refused, "TCP connection",
         "refused: a reset answered the SYN");
    hint(out, t->tcp_unanswered, "TCP connection", "never answered");
    hint(out, t->tcp_unused, "TCP connection",
         "opened and closed without a word of the client");
}

static void print_connections(const struct totals *t, struct text *out)
{
    text_fmt(out,
             "%" PRIu64 " TLS connection%s: %" PRIu64 " succeeded, %" PRIu64
             " failed, %" PRIu64 " unknown",
             t->tls, t->tls == 1 ? "" : "s", t->succeeded, t->failed,
             t->unknown);
    if (t->benign) {
        text_fmt(out, "; %" PRIu64 " harmless (not failures)", t->benign);
    }
    text_char(out, '\n');
    hint(out, t->left, "handshake",
         "succeeded, but the client left at once without sending data: a "
         "certificate turned down late, or a health check (-a shows them)");
}

void summary_print(const struct summary *s, const struct report_options *o,
                   const struct totals *t, struct text *out)
{
    struct paint p;
    print_capture(t, out);
    print_connections(t, out);
    paint_init(&p, out, o);
    print_stories(&p, t);
    print_left(&p, t);
    if (!s) {
        return;
    }
    print_causes(&p, s);
    print_servers(&p, s);
    print_alerts(&p, s);
}
