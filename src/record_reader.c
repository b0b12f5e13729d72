/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inverse of report/json.c: every member that it writes is put back where
 * the reporters look for it. JSON itself is jansson's. Members that are missing
 * or of another type count as unknown, as they may come from another version.
 */
#include "record_reader.h"

#include "base/arena.h"
#include "base/hash.h"
#include "report/fields.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

/* A line is at most CAPTURE_LINE_BYTES long; its parts take about as much. */
#define ARENA_BYTES (8u << 20)

/* Names of code points, by kind. */
enum names { NAMES_SUITES, NAMES_GROUPS, NAMES_SIGNATURES, NAMES_KINDS };

#define NAME_SLOTS 2048u /* a power of two, over twice the longest registry */

struct name_table {
    struct {
        const char *name; /* static; NULL: free */
        uint16_t code;
    } slot[NAME_SLOTS];
};

struct record_reader {
    struct arena arena;
    struct hash_seed seed;
    struct name_table names[NAMES_KINDS];
    struct handshake hs;
    struct verdict verdict;
    struct cert leaf[2];
    struct cert *chain[2][1];
    struct read_back extra;
};

/* ---- code points by name ---- */

static const char *suite_name(uint16_t code)
{
    const struct known_suite *s = known_suite(code);
    return s ? s->name : NULL;
}

static void name_add(struct record_reader *r, enum names kind, const char *name,
                     uint16_t code)
{
    uint64_t h = hash_bytes(&r->seed, span_text(name));
    for (unsigned i = 0; i < NAME_SLOTS; i++) {
        unsigned at = (unsigned)((h + i) & (NAME_SLOTS - 1));
        if (!r->names[kind].slot[at].name) {
            r->names[kind].slot[at].name = name;
            r->names[kind].slot[at].code = code;
            return;
        }
    }
}

static void names_fill(struct record_reader *r)
{
    for (unsigned code = 0; code <= 0xffff; code++) {
        const char *name = suite_name((uint16_t)code);
        if (name) {
            name_add(r, NAMES_SUITES, name, (uint16_t)code);
        }
        name = known_group_name((uint16_t)code);
        if (name) {
            name_add(r, NAMES_GROUPS, name, (uint16_t)code);
        }
        name = known_signature_name((uint16_t)code);
        if (name) {
            name_add(r, NAMES_SIGNATURES, name, (uint16_t)code);
        }
    }
}

/* "x25519", or "0x1234" for what has no name; UNSEEN_U16 otherwise. */
static uint16_t code_of(const struct record_reader *r, enum names kind,
                        const char *name)
{
    if (!name) {
        return UNSEEN_U16;
    }
    uint64_t h = hash_bytes(&r->seed, span_text(name));
    for (unsigned i = 0; i < NAME_SLOTS; i++) {
        unsigned at = (unsigned)((h + i) & (NAME_SLOTS - 1));
        const char *known = r->names[kind].slot[at].name;
        if (!known) {
            break;
        }
        if (strcmp(known, name) == 0) {
            return r->names[kind].slot[at].code;
        }
    }
    char *end;
    unsigned long code = strtoul(name, &end, 16);
    bool number = strncmp(name, "0x", 2) == 0 && !*end && code <= 0xffff;
    return number ? (uint16_t)code : UNSEEN_U16;
}

/* ---- members ---- */

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static uint64_t number_of(const json_t *o, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(o, key));
    return v > 0 ? (uint64_t)v : 0;
}

static bool flag_of(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

static struct span span_of_value(struct record_reader *r, const json_t *v)
{
    if (!json_is_string(v)) {
        return (struct span){NULL, 0};
    }
    return arena_copy(&r->arena,
                      span_of(json_string_value(v), json_string_length(v)));
}

static struct span span_member(struct record_reader *r, const json_t *o,
                               const char *key)
{
    return span_of_value(r, json_object_get(o, key));
}

/* A copy that outlives the JSON; NULL when there is none. */
static char *copy_member(struct record_reader *r, const json_t *o,
                         const char *key)
{
    const char *s = text_of(o, key);
    return s ? arena_text(&r->arena, span_text(s)) : NULL;
}

/* The word of a vocabulary at key, as its value; `none` when it is not there.
 * name() tells the word of a value. */
static unsigned word_of(const json_t *o, const char *key, unsigned n,
                        unsigned none, const char *(*name)(unsigned value))
{
    const char *s = text_of(o, key);
    for (unsigned i = 0; s && i < n; i++) {
        const char *word = name(i);
        if (word && strcmp(word, s) == 0) {
            return i;
        }
    }
    return none;
}

static const char *name_of_outcome(unsigned v)
{
    return outcome_name((enum outcome)v);
}

static const char *name_of_stage(unsigned v)
{
    return stage_name((enum stage)v);
}

static const char *name_of_by(unsigned v)
{
    return ended_by_name((enum ended_by)v);
}

static const char *name_of_how(unsigned v)
{
    return ended_how_name((enum ended_how)v);
}

static const char *name_of_side(unsigned v)
{
    return side_name((enum side)v);
}

static const char *name_of_fix(unsigned v)
{
    return fix_side_name((enum known_side)v);
}

static const char *name_of_confidence(unsigned v)
{
    return v ? confidence_name((enum confidence)v) : NULL;
}

/* RFC 3339 in UTC, as text_time() writes it, with or without a fraction. */
static bool time_member(const json_t *o, const char *key, tick_t *out)
{
    const char *s = text_of(o, key);
    struct tm tm = {0};
    int used = 0;
    if (!s ||
        sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
               &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 6) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t nsec = 0;
    const char *p = s + used;
    if (*p == '.') {
        int64_t unit = TICK_SEC / 10;
        for (p++; *p >= '0' && *p <= '9'; p++) {
            nsec += (*p - '0') * unit;
            unit /= 10;
        }
    }
    if (strcmp(p, "Z") != 0) {
        return false;
    }
    *out = tick_make((int64_t)timegm(&tm), nsec);
    return true;
}

static void codes_member(struct record_reader *r, enum names kind,
                         const json_t *o, const char *key, struct u16_list *out)
{
    const json_t *list = json_object_get(o, key);
    size_t n = json_array_size(list);
    uint16_t *v = n ? arena_alloc(&r->arena, n * sizeof *v) : NULL;
    if (!v || n > UINT16_MAX) {
        return;
    }
    uint16_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        uint16_t code = code_of(r, kind, name);
        if (code != UNSEEN_U16) {
            v[used++] = code;
        }
    }
    *out = (struct u16_list){.v = v, .n = used, .seen = true};
}

static void spans_member(struct record_reader *r, const json_t *o,
                         const char *key, struct span_list *out)
{
    const json_t *list = json_object_get(o, key);
    size_t n = json_array_size(list);
    struct span *v = n ? arena_alloc(&r->arena, n * sizeof *v) : NULL;
    if (!v || n > UINT16_MAX) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = span_of_value(r, json_array_get(list, i));
    }
    *out = (struct span_list){.v = v, .n = (uint16_t)n, .seen = true};
}

static void texts_member(struct record_reader *r, const json_t *o,
                         const char *key, struct text_list *out)
{
    const json_t *list = json_object_get(o, key);
    size_t n = json_array_size(list);
    char **v = n ? arena_alloc(&r->arena, n * sizeof *v) : NULL;
    if (!v) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(list, i));
        char *copy = arena_text(&r->arena, span_text(s ? s : ""));
        if (copy) {
            v[out->n++] = copy;
        }
    }
    out->v = v;
}

/* Upper-case hexadecimal. */
static struct span hex_member(struct record_reader *r, const json_t *o,
                              const char *key)
{
    const char *s = text_of(o, key);
    size_t n = s ? strlen(s) / 2 : 0;
    uint8_t *v = n ? arena_alloc(&r->arena, n) : NULL;
    for (size_t i = 0; v && i < n; i++) {
        char pair[3] = {s[2 * i], s[2 * i + 1], '\0'};
        v[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return (struct span){v, v ? n : 0};
}

/* The only or first value of what ECS has as a list. */
static struct span first_member(struct record_reader *r, const json_t *o,
                                const char *key)
{
    return span_of_value(r, json_array_get(json_object_get(o, key), 0));
}

/* ---- the handshake ---- */

static void read_address(const json_t *o, struct handshake *hs, enum side side)
{
    const char *ip = text_of(o, "ip");
    int family = hs->ip_version == 6 ? AF_INET6 : AF_INET;
    if (!ip || inet_pton(family, ip, hs->addr[side].ip) != 1) {
        memset(hs->addr[side].ip, 0, sizeof hs->addr[side].ip);
    }
    hs->addr[side].port = (uint16_t)number_of(o, "port");
    hs->dir[side].bytes = number_of(o, "bytes");
    hs->dir[side].packets = number_of(o, "packets");
}

static void read_network(struct record_reader *r, const json_t *root)
{
    struct handshake *hs = &r->hs;
    const json_t *network = json_object_get(root, "network");
    const char *type = text_of(network, "type");
    const char *transport = text_of(network, "transport");
    const char *protocol = text_of(network, "protocol");
    const char *vlan = text_of(json_object_get(network, "vlan"), "id");
    hs->ip_version = !type ? 0 : strcmp(type, "ipv6") == 0 ? 6 : 4;
    hs->transport = !transport                      ? TRANSPORT_LINK
                    : strcmp(transport, "udp") == 0 ? TRANSPORT_UDP
                                                    : TRANSPORT_TCP;
    hs->flavour = protocol && strcmp(protocol, "quic") == 0   ? FLAVOUR_QUIC
                  : protocol && strcmp(protocol, "dtls") == 0 ? FLAVOUR_DTLS
                                                              : FLAVOUR_TLS;
    hs->application = copy_member(r, network, "application");
    if (vlan) {
        hs->vlan = (uint16_t)strtoul(vlan, NULL, 10);
    }
    read_address(json_object_get(root, "client"), hs, SIDE_CLIENT);
    read_address(json_object_get(root, "server"), hs, SIDE_SERVER);
}

/* When a packet was seen: what no clock shows counts as unknown. */
static bool packet_time(const json_t *o, const char *key, tick_t *out)
{
    tick_t t;
    bool good = time_member(o, key, &t) && t >= 0 && t < TICK_MAX - TICK_SEC;
    if (good) {
        *out = t;
    }
    return good;
}

/*
 * Start and end are whole microseconds and the duration nanoseconds: what the
 * clocks showed below a microsecond is chosen so that all three are as before.
 */
static void read_times(const json_t *root, struct handshake *hs)
{
    const json_t *event = json_object_get(root, "event");
    tick_t when = 0;
    tick_t duration = (tick_t)number_of(event, "duration");
    if (!packet_time(event, "start", &hs->first) ||
        !packet_time(event, "end", &hs->last)) {
        packet_time(root, "@timestamp", &hs->first);
        duration = duration < TICK_MAX - hs->first ? duration : 0;
        hs->last = hs->first + duration;
    }
    hs->last = hs->last < hs->first ? hs->first : hs->last;
    tick_t rest = duration - (hs->last - hs->first);
    if (rest >= 0 && rest < TICK_USEC) {
        hs->last += rest;
    } else if (rest < 0 && rest > -TICK_USEC) {
        hs->first -= rest;
    }
    if (packet_time(root, "@timestamp", &when)) {
        hs->when_hello = when;
    }
}

/* "1.2" with "dtls" as the code point. */
static uint16_t version_code(const char *name, const char *protocol)
{
    static const struct {
        const char *name, *protocol;
        uint16_t code;
    } versions[] = {
        {"2.0", "ssl", 0x0002},  {"3.0", "ssl", 0x0300},
        {"1.0", "tls", 0x0301},  {"1.1", "tls", 0x0302},
        {"1.2", "tls", 0x0303},  {"1.3", "tls", 0x0304},
        {"1.0", "dtls", 0xfeff}, {"1.2", "dtls", 0xfefd},
        {"1.3", "dtls", 0xfefc},
    };
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (name && protocol && strcmp(name, versions[i].name) == 0 &&
            strcmp(protocol, versions[i].protocol) == 0) {
            return versions[i].code;
        }
    }
    return UNSEEN_U16;
}

static void read_negotiated(struct record_reader *r, const json_t *tls)
{
    struct handshake *hs = &r->hs;
    struct server_choice *choice = &hs->choice;
    hs->version =
        version_code(text_of(tls, "version"), text_of(tls, "version_protocol"));
    hs->cipher = code_of(r, NAMES_SUITES, text_of(tls, "cipher"));
    choice->seen = json_object_get(tls, "resumed") != NULL;
    choice->version = hs->version == UNSEEN_U16 ? 0 : hs->version;
    choice->cipher = hs->cipher;
    choice->group = code_of(r, NAMES_GROUPS, text_of(tls, "curve"));
    choice->alpn = span_member(r, tls, "next_protocol");
    choice->has_alpn = choice->alpn.n > 0;
    hs->end_state.established = flag_of(tls, "established");
    hs->end_state.resumed = flag_of(tls, "resumed");
}

/* "TLS 1.2" and the like. */
static void read_versions(struct record_reader *r, const json_t *offered)
{
    const json_t *list = json_object_get(offered, "versions");
    size_t n = json_array_size(list);
    uint16_t *v = n ? arena_alloc(&r->arena, n * sizeof *v) : NULL;
    if (!v || n > UINT16_MAX) {
        return;
    }
    static const uint16_t codes[] = {0x0002, 0x0300, 0x0301, 0x0302, 0x0303,
                                     0x0304, 0xfeff, 0xfefd, 0xfefc};
    uint16_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(list, i));
        uint16_t code = code_of(r, NAMES_SUITES, s); /* "0x1234" */
        for (size_t k = 0; s && k < sizeof codes / sizeof *codes; k++) {
            const char *title = known_version_title(codes[k]);
            code = title && strcmp(title, s) == 0 ? codes[k] : code;
        }
        if (code != UNSEEN_U16) {
            v[used++] = code;
        }
    }
    struct client_offer *o = &r->hs.offer;
    o->versions = (struct u16_list){.v = v, .n = used, .seen = true};
    o->max_version = used ? v[0] : 0;
}

static void read_offer(struct record_reader *r, const json_t *client,
                       const json_t *offered)
{
    struct client_offer *o = &r->hs.offer;
    o->sni = span_member(r, client, "server_name");
    o->has_sni = o->sni.n > 0;
    codes_member(r, NAMES_SUITES, client, "supported_ciphers", &o->ciphers);
    read_versions(r, offered);
    codes_member(r, NAMES_GROUPS, offered, "groups", &o->groups);
    codes_member(r, NAMES_SIGNATURES, offered, "signature_algorithms",
                 &o->signature_algorithms);
    spans_member(r, offered, "alpn", &o->alpn);
    o->seen = o->has_sni || o->ciphers.seen || offered;
    r->extra.ja3 = copy_member(r, client, "ja3");
    r->extra.ja4 = copy_member(r, client, "ja4");
}

static void read_name(struct record_reader *r, const json_t *x509,
                      const char *key, struct cert_name *out)
{
    const json_t *o = json_object_get(x509, key);
    out->common_name = first_member(r, o, "common_name");
    out->distinguished_name = span_member(r, o, "distinguished_name");
    out->organization = first_member(r, o, "organization");
}

static void read_certificate(struct record_reader *r, const json_t *owner,
                             enum side side, struct cert_chain *chain)
{
    const json_t *x509 = json_object_get(owner, "x509");
    const json_t *hash = json_object_get(owner, "hash");
    if (!x509 && !hash) { /* one that cannot be parsed has its hash alone */
        return;
    }
    struct cert *c = &r->leaf[side];
    *c = (struct cert){.not_before = INT64_MIN,
                       .not_after = INT64_MAX,
                       .key_group = UNSEEN_U16};
    read_name(r, x509, "subject", &c->subject);
    read_name(r, x509, "issuer", &c->issuer);
    c->serial = hex_member(r, x509, "serial_number");
    time_member(x509, "not_before", &c->not_before);
    time_member(x509, "not_after", &c->not_after);
    spans_member(r, x509, "alternative_names", &c->dns);
    c->has_san = c->dns.n > 0;
    c->key_name = copy_member(r, x509, "public_key_algorithm");
    c->key_bits = (uint16_t)number_of(x509, "public_key_size");
    c->signature_algorithm = span_member(r, x509, "signature_algorithm");
    struct span sha256 = hex_member(r, hash, "sha256");
    if (sha256.n == sizeof c->sha256) {
        memcpy(c->sha256, sha256.p, sizeof c->sha256);
    }
    r->chain[side][0] = c;
    *chain = (struct cert_chain){.seen = true, .n = 1, .v = r->chain[side]};
}

static uint8_t level_of(const char *name)
{
    for (unsigned level = 1; name && level <= 2; level++) {
        if (strcmp(alert_level_name(level), name) == 0) {
            return (uint8_t)level;
        }
    }
    return 0;
}

/* The alerts are all that a record keeps of the timeline. */
static void read_alerts(struct handshake *hs, const json_t *tls)
{
    const json_t *list =
        json_object_get(json_object_get(tls, "detailed"), "alerts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        unsigned side = word_of(o, "source", 2, SIDE_NONE, name_of_side);
        unsigned aux = (unsigned)level_of(text_of(o, "severity")) << 8 |
                       (unsigned)(number_of(o, "code") & 0xff);
        hs_note(hs, HS_ALERT, (enum side)side, 2, (uint16_t)aux, hs->last, 0);
    }
}

static void read_tls(struct record_reader *r, const json_t *root)
{
    const json_t *tls = json_object_get(root, "tls");
    const json_t *client = json_object_get(tls, "client");
    const json_t *server = json_object_get(tls, "server");
    const json_t *offered =
        json_object_get(json_object_get(root, "tlswhy"), "offered");
    read_negotiated(r, tls);
    read_offer(r, client, offered);
    r->extra.ja3s = copy_member(r, server, "ja3s");
    read_certificate(r, client, SIDE_CLIENT, &r->hs.client_chain);
    read_certificate(r, server, SIDE_SERVER, &r->hs.server_chain);
    read_alerts(&r->hs, tls);
}

/* ---- the verdict ---- */

static void read_final_alert(struct conclusion *end, const json_t *alert)
{
    if (!alert) {
        return;
    }
    end->has_alert = true;
    end->alert_encrypted = flag_of(alert, "encrypted");
    end->alert_side =
        (enum side)word_of(alert, "sender", 2, SIDE_NONE, name_of_side);
    end->alert_code = json_object_get(alert, "code")
                          ? (uint16_t)number_of(alert, "code")
                          : ALERT_NONE;
    end->alert_level = level_of(text_of(alert, "level"));
}

static uint32_t blind_of(const json_t *list)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        for (unsigned k = 0; s && k < BLIND_SPOTS; k++) {
            bits |=
                strcmp(s, blind_spots[k].name) == 0 ? blind_spots[k].bit : 0;
        }
    }
    return bits;
}

static void read_conclusion(struct record_reader *r, const json_t *event,
                            const json_t *why)
{
    struct conclusion *end = &r->hs.end_state;
    end->outcome = (enum outcome)word_of(event, "outcome", 3, OUTCOME_UNKNOWN,
                                         name_of_outcome);
    end->stage = (enum stage)word_of(why, "stage", STAGE_COUNT, STAGE_TCP,
                                     name_of_stage);
    end->by = (enum ended_by)word_of(why, "ended_by", BY_NOBODY + 1, BY_NONE,
                                     name_of_by);
    end->how = (enum ended_how)word_of(why, "ended_how", HOW_QUIC_CLOSE + 1,
                                       HOW_NONE, name_of_how);
    end->blind = blind_of(json_object_get(why, "blind_spots"));
    end->benign = flag_of(why, "benign");
    end->benign_why = copy_member(r, event, "reason");
    read_final_alert(end, json_object_get(why, "alert"));
    const json_t *frames = json_object_get(why, "frames");
    r->hs.frame_first = number_of(frames, "first");
    r->hs.frame_last = number_of(frames, "last");
    end->frame_decisive = number_of(frames, "decisive");
}

/* Names of viewers become names of members again: ours are plain words. */
static bool is_viewer(const char *s)
{
    return *s &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(s);
}

static void read_seen_as(struct record_reader *r, const json_t *why)
{
    json_t *o = json_object_get(why, "seen_as");
    size_t n = json_object_size(o);
    struct seen_as *v = n ? arena_alloc(&r->arena, n * sizeof *v) : NULL;
    const char *key;
    json_t *value;
    if (!v) {
        return;
    }
    r->verdict.seen_as = v;
    json_object_foreach(o, key, value)
    {
        const char *s = json_string_value(value);
        if (!is_viewer(key)) {
            continue;
        }
        char *viewer = arena_text(&r->arena, span_text(key));
        char *text = arena_text(&r->arena, span_text(s ? s : ""));
        if (viewer && text) {
            v[r->verdict.seen_as_n++] = (struct seen_as){viewer, text};
        }
    }
}

static void read_alternatives(struct record_reader *r, const json_t *why)
{
    const json_t *list = json_object_get(why, "alternatives");
    size_t n = json_array_size(list);
    struct alternative *v = n ? arena_alloc(&r->arena, n * sizeof *v) : NULL;
    for (size_t i = 0; v && i < n; i++) {
        const json_t *o = json_array_get(list, i);
        const char *slug = text_of(o, "cause");
        const struct known_cause *cause = slug ? known_cause(slug) : NULL;
        if (cause) {
            v[r->verdict.alternatives_n++] = (struct alternative){
                cause->slug,
                (enum confidence)word_of(o, "confidence", CONF_CERTAIN + 1,
                                         CONF_POSSIBLE, name_of_confidence)};
        }
    }
    r->verdict.alternatives = v;
}

static void read_interception(struct record_reader *r, const json_t *why)
{
    const json_t *o = json_object_get(why, "interception");
    r->verdict.interception = copy_member(r, o, "verdict");
    r->verdict.interception_product = copy_member(r, o, "product");
    texts_member(r, o, "evidence", &r->verdict.interception_evidence);
}

static void read_verdict(struct record_reader *r, const json_t *event,
                         const json_t *why)
{
    struct verdict *v = &r->verdict;
    v->outcome = r->hs.end_state.outcome;
    v->frame_decisive = r->hs.end_state.frame_decisive;
    v->reason = copy_member(r, event, "reason");
    read_interception(r, why);
    texts_member(r, why, "evidence", &v->evidence);
    const char *slug = text_of(why, "cause");
    if (v->outcome != OUTCOME_FAILURE || !slug) {
        return;
    }
    v->cause = known_cause(slug);
    v->cause = v->cause ? v->cause : known_cause("unclassified");
    v->confidence = (enum confidence)word_of(
        why, "confidence", CONF_CERTAIN + 1, CONF_POSSIBLE, name_of_confidence);
    v->side =
        (enum known_side)word_of(why, "side", FIX_NONE, FIX_NONE, name_of_fix);
    texts_member(r, why, "fix", &v->fix);
    texts_member(r, why, "reproduce", &v->reproduce);
    read_seen_as(r, why);
    read_alternatives(r, why);
}

/* ---- the record ---- */

static bool is_ours(const json_t *root)
{
    const char *dataset = text_of(json_object_get(root, "event"), "dataset");
    return dataset && strcmp(dataset, "tlswhy.handshake") == 0;
}

static void read_root(struct record_reader *r, const json_t *root,
                      struct record *out)
{
    const json_t *event = json_object_get(root, "event");
    const json_t *why = json_object_get(root, "tlswhy");
    const json_t *observer = json_object_get(root, "observer");
    const json_t *interface =
        json_object_get(json_object_get(observer, "ingress"), "interface");
    read_network(r, root);
    read_times(root, &r->hs);
    read_tls(r, root);
    read_conclusion(r, event, why);
    read_verdict(r, event, why);
    const char *carrier = copy_member(r, why, "carrier");
    r->hs.carrier = carrier ? carrier : "direct";
    r->extra.observer_version = copy_member(r, observer, "version");
    *out = (struct record){.hs = &r->hs,
                           .verdict = &r->verdict,
                           .file = copy_member(r, why, "file"),
                           .interface = copy_member(r, interface, "name"),
                           .hostname = copy_member(r, observer, "hostname"),
                           .read_back = &r->extra};
    out->domain[SIDE_CLIENT] =
        copy_member(r, json_object_get(root, "client"), "domain");
    out->domain[SIDE_SERVER] =
        copy_member(r, json_object_get(root, "server"), "domain");
}

bool record_reader_line(struct record_reader *r, struct span line,
                        struct record *out, char error[128])
{
    json_error_t why;
    json_t *root = json_loadb((const char *)line.p, line.n,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!root || !is_ours(root)) {
        snprintf(error, 128, "%s",
                 root ? "not a record of tlswhy" : "not JSON");
        json_decref(root);
        return false;
    }
    arena_free(&r->arena);
    hs_free(&r->hs);
    hs_init(&r->hs, ARENA_BYTES);
    memset(&r->verdict, 0, sizeof r->verdict);
    memset(&r->extra, 0, sizeof r->extra);
    read_root(r, root, out);
    json_decref(root);
    return true;
}

struct record_reader *record_reader_new(void)
{
    struct record_reader *r = calloc(1, sizeof *r);
    if (r) {
        r->seed = hash_seed_random();
        arena_init(&r->arena, ARENA_BYTES);
        hs_init(&r->hs, ARENA_BYTES);
        names_fill(r);
    }
    return r;
}

void record_reader_free(struct record_reader *r)
{
    if (r) {
        arena_free(&r->arena);
        hs_free(&r->hs);
        free(r);
    }
}
