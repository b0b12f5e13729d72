/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connection's bytes are cut into segments, and in which order they come
 * by, changes no verdict: every capture of pcaps/ is rewritten (segments split,
 * joined, swapped with their neighbours, sent twice, overlapping) and must give
 * the records that it gave before.
 *
 * Not compared is what such a change is about: numbers of packets and bytes,
 * frame numbers, times, and numbers in sentences. Where the size of segments is
 * what the verdict rests on (large packets get lost), they keep it.
 */
#include "base/limits.h"
#include "capture/capture.h"
#include "decode/packet.h"
#include "pipeline.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- frames, taken apart ---- */

struct piece {
    struct frame f;
    uint8_t *bytes;  /* of f.data; owned */
    struct packet k; /* spans into f.data */
    bool plain;      /* TCP right behind IPv4 or IPv6: can be rewritten */
    size_t ip, tcp;  /* where the headers begin */
    size_t header;   /* bytes before the payload */
};

struct frames {
    struct piece *v;
    size_t n, size;
    uint64_t random;
};

/* xorshift64 (Marsaglia, 2003). */
static uint64_t draw(struct frames *l, uint64_t below)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random % below;
}

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* Fills in what the decoder says of the frame, and where its headers are. */
static void take_apart(struct decoder *d, struct piece *p)
{
    const uint8_t *b = p->f.data.p;
    p->plain = false;
    if (decoder_frame(d, &p->f, &p->k) != DECODE_PACKET ||
        p->k.proto != PROTO_TCP || p->k.tunnel || decoder_holds(d) ||
        p->k.payload.n != p->k.payload_wire_bytes || !p->k.payload.p) {
        return;
    }
    size_t ip_bytes = p->k.ip_version == 4 ? 20 : 40;
    p->header = (size_t)(p->k.payload.p - b);
    for (size_t tcp = 20; tcp <= 60 && tcp + ip_bytes <= p->header; tcp += 4) {
        const uint8_t *h = b + p->header - tcp;
        const uint8_t *ip = h - ip_bytes;
        bool here = (h[12] >> 4) * 4u == tcp && h[13] == p->k.flags &&
                    get16(h) == p->k.src.port && get16(h + 2) == p->k.dst.port;
        bool ipv4 = ip[0] == 0x45 && ip[9] == PROTO_TCP;
        bool ipv6 = ip[0] >> 4 == 6 && ip[6] == PROTO_TCP;
        if (here && (p->k.ip_version == 4 ? ipv4 : ipv6)) {
            p->plain = true;
            p->ip = (size_t)(ip - b);
            p->tcp = (size_t)(h - b);
            return;
        }
    }
}

/* The ones' complement sum of RFC 1071. */
static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
    for (size_t i = 0; i < n; i++) {
        s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    }
    return s;
}

static unsigned folded(uint32_t s)
{
    while (s >> 16) {
        s = (s & 0xffff) + (s >> 16);
    }
    return ~s & 0xffff;
}

/* Appends a copy of p with room for n bytes. */
static struct piece *add(struct frames *l, const struct piece *p, size_t n)
{
    if (l->n == l->size) {
        l->size = l->size ? l->size * 2 : 256;
        l->v = realloc(l->v, l->size * sizeof *l->v);
    }
    cr_assert_not_null(l->v);
    struct piece *out = &l->v[l->n++];
    *out = *p;
    out->bytes = calloc(1, n + 1);
    cr_assert_not_null(out->bytes);
    memcpy(out->bytes, p->f.data.p, n < p->f.data.n ? n : p->f.data.n);
    out->f.data = span_of(out->bytes, n);
    return out;
}

/* Appends a segment like p with other payload. */
static void put(struct frames *l, const struct piece *p, uint32_t seq,
                unsigned flags, struct span payload)
{
    size_t n = p->header + payload.n;
    struct piece *out = add(l, p, n);
    uint8_t *b = out->bytes;
    if (payload.n) {
        memcpy(b + p->header, payload.p, payload.n);
    }
    uint8_t *tcp = b + p->tcp;
    size_t length = n - p->tcp;
    uint32_t s = 0;
    put32(tcp + 4, seq);
    tcp[13] = (uint8_t)flags;
    put16(tcp + 16, 0);
    if (p->k.ip_version == 4) {
        uint8_t *ip = b + p->ip;
        put16(ip + 2, (unsigned)(n - p->ip));
        put16(ip + 10, 0);
        put16(ip + 10, folded(sum(ip, 20, 0)));
        s = sum(ip + 12, 8, 0);
    } else {
        put16(b + p->ip + 4, (unsigned)length);
        s = sum(b + p->ip + 8, 32, 0);
    }
    put16(tcp + 16, folded(sum(tcp, length, s + PROTO_TCP + (uint32_t)length)));
    out->f.wire_bytes = (uint32_t)n;
    out->k.seq = seq;
    out->k.flags = (uint8_t)flags;
    out->k.payload = span_of(b + p->header, payload.n);
    out->k.payload_wire_bytes = (uint32_t)payload.n;
}

static void put_same(struct frames *l, const struct piece *p)
{
    if (p->plain) {
        put(l, p, p->k.seq, p->k.flags, p->k.payload);
        return;
    }
    (void)add(l, p, p->f.data.n);
}

static void frames_free(struct frames *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].bytes);
    }
    free(l->v);
}

static struct frames load(const char *path)
{
    struct frames l = {.random = 0x9e3779b97f4a7c15u};
    char error[CAPTURE_ERROR_BYTES];
    struct capture *c = capture_open_file(path, NULL, error);
    struct decoder *d = decoder_new();
    struct frame f;
    cr_assert(c && d, "%s: %s", path, error);
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        struct piece p = {.f = f};
        take_apart(d, &p);
        /* The link's padding is not part of the segment. */
        if (p.plain) {
            p.f.data.n = p.header + p.k.payload.n;
        }
        put_same(&l, &p);
    }
    decoder_free(d);
    capture_close(c);
    return l;
}

/* ---- what a change may do ---- */

static bool has_data(const struct piece *p)
{
    return p->plain && p->k.payload.n > 0 &&
           !(p->k.flags & (TCP_SYN | TCP_RST));
}

static bool same_way(const struct piece *a, const struct piece *b)
{
    return a->k.src.port == b->k.src.port && a->k.dst.port == b->k.dst.port &&
           memcmp(a->k.src.ip, b->k.src.ip, 16) == 0 &&
           memcmp(a->k.dst.ip, b->k.dst.ip, 16) == 0;
}

/* Into pieces of random size; what ends the segment (FIN, PSH) goes last. */
static void split(struct frames *out, const struct piece *p, size_t most)
{
    size_t at = 0;
    do {
        size_t left = p->k.payload.n - at;
        size_t n = 1 + draw(out, most);
        n = n < left ? n : left;
        unsigned flags = at + n == p->k.payload.n
                             ? p->k.flags
                             : p->k.flags & ~(unsigned)(TCP_FIN | TCP_PSH);
        put(out, p, p->k.seq + (uint32_t)at, flags,
            span_sub(p->k.payload, at, n));
        at += n;
    } while (at < p->k.payload.n);
}

static void change_split(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        if (has_data(&in->v[i])) {
            split(out, &in->v[i], 700);
        } else {
            put_same(out, &in->v[i]);
        }
    }
}

/* The beginning of the first segments byte by byte: that many are kept even
 * where they wait for a segment that is missing. */
static void change_bytes(struct frames *out, const struct frames *in)
{
    const size_t singles = LIMIT_REORDER_SEGMENTS / 2;
    unsigned budget = 6;
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        if (!has_data(p) || !budget) {
            put_same(out, p);
            continue;
        }
        budget--;
        struct piece part = *p;
        if (p->k.payload.n > singles) {
            part.k.payload.n = singles;
            part.k.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        }
        split(out, &part, 1);
        if (p->k.payload.n > singles) {
            put(out, p, p->k.seq + (uint32_t)singles, p->k.flags,
                span_sub(p->k.payload, singles, SIZE_MAX));
        }
    }
}

/* What follows in the same direction without a packet between goes into one. */
static void change_join(struct frames *out, const struct frames *in)
{
    static uint8_t joined[60000];
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        size_t n = 0;
        size_t last = i;
        if (!has_data(p)) {
            put_same(out, p);
            continue;
        }
        for (size_t k = i;
             k < in->n && has_data(&in->v[k]) && same_way(p, &in->v[k]) &&
             in->v[k].k.seq == p->k.seq + (uint32_t)n &&
             n + in->v[k].k.payload.n <= sizeof joined;
             k++) {
            memcpy(joined + n, in->v[k].k.payload.p, in->v[k].k.payload.n);
            n += in->v[k].k.payload.n;
            last = k;
            if (in->v[k].k.flags & TCP_FIN) {
                break;
            }
        }
        put(out, &in->v[last], p->k.seq, in->v[last].k.flags,
            span_of(joined, n));
        i = last;
    }
}

/* Neighbours of the same direction change places, not their times. */
static void change_swap(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        bool pair = i + 1 < in->n && has_data(p) && has_data(p + 1) &&
                    same_way(p, p + 1) && draw(out, 2);
        put_same(out, pair ? p + 1 : p);
        out->v[out->n - 1].f.when = p->f.when;
        if (pair) {
            put_same(out, p);
            out->v[out->n - 1].f.when = p[1].f.when;
            i++;
        }
    }
}

/* Split, and the pieces of each segment in the wrong order. */
static void change_shuffle(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        size_t from = out->n;
        if (!has_data(&in->v[i])) {
            put_same(out, &in->v[i]);
            continue;
        }
        split(out, &in->v[i], 1 + in->v[i].k.payload.n / 2);
        for (size_t k = out->n - 1; k > from; k--) {
            size_t other = from + draw(out, k - from + 1);
            struct piece held = out->v[k];
            out->v[k] = out->v[other];
            out->v[other] = held;
        }
    }
}

/* Mirror ports show a packet twice. */
static void change_twice(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        put_same(out, &in->v[i]);
        if (draw(out, 2)) {
            put_same(out, &in->v[i]);
        }
    }
}

/* Data comes again later, as of a sender whose acknowledgements got lost. */
static void change_again(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        put_same(out, &in->v[i]);
        size_t back = draw(out, 6);
        if (back <= i && has_data(&in->v[i - back]) && draw(out, 3) == 0) {
            put_same(out, &in->v[i - back]);
            out->v[out->n - 1].f.when = in->v[i].f.when;
        }
    }
}

/* Each segment begins with the end of the one before it. */
static void change_overlap(struct frames *out, const struct frames *in)
{
    static uint8_t joined[70000];
    for (size_t i = 0; i < in->n; i++) {
        const struct piece *p = &in->v[i];
        const struct piece *before = NULL;
        for (size_t k = i; has_data(p) && k-- > 0 && !before;) {
            const struct piece *q = &in->v[k];
            if (has_data(q) && same_way(p, q) &&
                q->k.seq + (uint32_t)q->k.payload.n == p->k.seq) {
                before = q;
            }
        }
        if (!before || p->k.payload.n > 2000) {
            put_same(out, p);
            continue;
        }
        size_t n = 1 + draw(out, before->k.payload.n);
        memcpy(joined, before->k.payload.p + before->k.payload.n - n, n);
        memcpy(joined + n, p->k.payload.p, p->k.payload.n);
        put(out, p, p->k.seq - (uint32_t)n, p->k.flags,
            span_of(joined, n + p->k.payload.n));
    }
}

/* The path changes once the connection is open: another TTL from then on. */
static void change_path(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        put_same(out, &in->v[i]);
        struct piece *p = &out->v[out->n - 1];
        size_t at = p->ip + (p->k.ip_version == 4 ? 8 : 7);
        if (p->plain && !(p->k.flags & TCP_SYN)) {
            p->bytes[at] = (uint8_t)(p->bytes[at] - 9);
        }
    }
}

/* A network card joined segments, whose checksums then mean nothing. */
static void change_checksums(struct frames *out, const struct frames *in)
{
    for (size_t i = 0; i < in->n; i++) {
        put_same(out, &in->v[i]);
        struct piece *p = &out->v[out->n - 1];
        if (has_data(p)) {
            p->bytes[p->tcp + 16] ^= 0x5a;
        }
    }
}

/* ---- records, without what may change ---- */

struct records {
    json_t *all;
    const struct reporter *json;
    void *state;
};

/* A sentence with N for its numbers: frames, times, how often something was
 * sent again. */
static json_t *without_numbers(const char *sentence)
{
    static const char digits[] = "0123456789";
    struct text t;
    text_init(&t, 1 << 20);
    while (*sentence) {
        size_t n = strcspn(sentence, digits);
        text_add_n(&t, sentence, n);
        sentence += n;
        if (*sentence) {
            text_add(&t, "N");
            sentence += strspn(sentence, digits);
        }
    }
    /* json_string() is a name of ours, too. */
    json_t *out = json_stringn(text_str(&t), t.n);
    text_free(&t);
    return out;
}

static void strip(json_t *root)
{
    static const char *const ends[] = {"client", "server"};
    for (size_t i = 0; i < 2; i++) {
        json_object_del(json_object_get(root, ends[i]), "bytes");
        json_object_del(json_object_get(root, ends[i]), "packets");
    }
    json_object_del(root, "@timestamp"); /* of the hello's first segment */
    json_t *event = json_object_get(root, "event");
    json_object_del(event, "end");
    json_object_del(event, "duration");
    json_t *own = json_object_get(root, "tlswhy");
    json_object_del(own, "frames");
    json_t *list = json_object_get(own, "evidence");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        json_array_set_new(list, i, without_numbers(s));
    }
}

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    struct records *records = ctx;
    const struct report_options o = {.all = true};
    struct text t;
    (void)source;
    text_init(&t, (size_t)1 << 20);
    records->json->record(records->state, &o, r, &t);
    json_t *root = json_loadb(t.p, t.n, JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(root);
    strip(root);
    json_array_append_new(records->all, root);
    text_free(&t);
}

static json_t *analyse(const struct frames *l, struct trust *trust)
{
    struct records r = {.all = json_array(), .json = reporter_find("json")};
    r.state = calloc(1, r.json->state_bytes);
    struct pipeline_options o = {.handshake_timeout = 10 * TICK_SEC,
                                 .max_flows = 1000,
                                 .max_memory_bytes = 64 << 20,
                                 .all = true,
                                 .trust = trust,
                                 .emit = on_record,
                                 .emit_ctx = &r};
    struct pipeline *p = pipeline_new(&o);
    cr_assert(p && r.state && r.all);
    for (size_t i = 0; i < l->n; i++) {
        struct frame f = l->v[i].f;
        f.number = i + 1;
        pipeline_frame(p, &f, 0);
    }
    pipeline_finish(p);
    pipeline_free(p);
    r.json->fini(r.state);
    free(r.state);
    return r.all;
}

/* The first place where two values differ, for people. */
static void differ(const char *name, const char *at, json_t *a, json_t *b)
{
    const char *key;
    json_t *value;
    char path[512];
    if (json_is_object(a) && json_is_object(b)) {
        json_object_foreach(a, key, value)
        {
            snprintf(path, sizeof path, "%s.%s", at, key);
            differ(name, path, value, json_object_get(b, key));
        }
        json_object_foreach(b, key, value)
        {
            snprintf(path, sizeof path, "%s.%s", at, key);
            if (!json_object_get(a, key)) {
                differ(name, path, NULL, value);
            }
        }
        return;
    }
    if (json_is_array(a) && json_is_array(b) &&
        json_array_size(a) == json_array_size(b)) {
        for (size_t i = 0; i < json_array_size(a); i++) {
            snprintf(path, sizeof path, "%s[%zu]", at, i);
            differ(name, path, json_array_get(a, i), json_array_get(b, i));
        }
        return;
    }
    if (a && b && json_equal(a, b)) {
        return;
    }
    char *was = a ? json_dumps(a, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char *is = b ? json_dumps(b, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    fprintf(stderr, "%s: %s was %s, is %s\n", name, at, was ? was : "absent",
            is ? is : "absent");
    free(was);
    free(is);
}

typedef void change(struct frames *out, const struct frames *in);

struct test {
    change *change;
    bool resizes; /* segments get another size */
    struct trust *trust;
    unsigned files;
};

/* Whether the size of segments is what a verdict rests on. */
static bool rests_on_sizes(json_t *records)
{
    static const char *const causes[] = {"client_hello_lost",
                                         "server_flight_lost"};
    for (size_t i = 0; i < json_array_size(records); i++) {
        json_t *own = json_object_get(json_array_get(records, i), "tlswhy");
        const char *cause = json_string_value(json_object_get(own, "cause"));
        for (size_t k = 0; cause && k < 2; k++) {
            if (strcmp(cause, causes[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void check_file(struct test *t, const char *path, const char *name)
{
    if (strncmp(name, "fake_", 5) == 0 || strncmp(name, "encap_", 6) == 0) {
        return; /* what is wrong, or told twice, in their headers must stay */
    }
    struct frames in = load(path);
    struct frames out = {.random = 88172645463325252u};
    json_t *was = analyse(&in, t->trust);
    if (t->resizes && rests_on_sizes(was)) {
        json_decref(was);
        frames_free(&in);
        return;
    }
    t->files++;
    t->change(&out, &in);
    json_t *is = analyse(&out, t->trust);
    if (!json_equal(was, is)) {
        differ(name, "", was, is);
    }
    cr_expect(json_equal(was, is), "%s: another record", name);
    json_decref(was);
    json_decref(is);
    frames_free(&in);
    frames_free(&out);
}

static void check_all(change *c, bool resizes)
{
    const char *src = getenv("TLSWHY_SRCDIR");
    cr_assert_not_null(src, "run by make check");
    char path[4096];
    char error[256];
    struct dirent **list;
    snprintf(path, sizeof path, "%s/pcaps/root.pem", src);
    struct test t = {c, resizes, trust_new(path, error), 0};
    cr_assert_not_null(t.trust, "%s", error);
    snprintf(path, sizeof path, "%s/pcaps", src);
    int n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        snprintf(path, sizeof path, "%s/pcaps/%s", src, name);
        if (strstr(name, ".pcap")) {
            check_file(&t, path, name);
        }
        free(list[i]);
    }
    free(list);
    trust_free(t.trust);
    cr_expect_gt(t.files, 300u);
}

TestSuite(segments, .timeout = 300);

Test(segments, split_differently)
{
    check_all(change_split, true);
}

Test(segments, byte_by_byte)
{
    check_all(change_bytes, true);
}

Test(segments, joined)
{
    check_all(change_join, true);
}

Test(segments, neighbours_swapped)
{
    check_all(change_swap, false);
}

Test(segments, pieces_shuffled)
{
    check_all(change_shuffle, true);
}

Test(segments, shown_twice)
{
    check_all(change_twice, false);
}

Test(segments, sent_again)
{
    check_all(change_again, false);
}

Test(segments, another_path)
{
    check_all(change_path, false);
}

Test(segments, checksums_without_meaning)
{
    check_all(change_checksums, true);
}

Test(segments, overlapping)
{
    check_all(change_overlap, true);
}
