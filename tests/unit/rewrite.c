/* SPDX-License-Identifier: Apache-2.0 */
#include "rewrite.h"

#include "capture/capture.h"
#include "pipeline.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- frames, taken apart ---- */

/* xorshift64 (Marsaglia, 2003). */
uint64_t frames_draw(struct frames *l, uint64_t below)
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
static struct piece *frames_add(struct frames *l, const struct piece *p,
                                size_t n)
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
void frames_put(struct frames *l, const struct piece *p, uint32_t seq,
                unsigned flags, struct span payload)
{
    size_t n = p->header + payload.n;
    struct piece *out = frames_add(l, p, n);
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

void frames_put_same(struct frames *l, const struct piece *p)
{
    if (p->plain) {
        frames_put(l, p, p->k.seq, p->k.flags, p->k.payload);
        return;
    }
    (void)frames_add(l, p, p->f.data.n);
}

void frames_free(struct frames *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].bytes);
    }
    free(l->v);
}

struct frames frames_load(const char *path)
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
        frames_put_same(&l, &p);
    }
    decoder_free(d);
    capture_close(c);
    return l;
}

bool piece_has_data(const struct piece *p)
{
    return p->plain && p->k.payload.n > 0 &&
           !(p->k.flags & (TCP_SYN | TCP_RST));
}

bool piece_same_way(const struct piece *a, const struct piece *b)
{
    return a->k.src.port == b->k.src.port && a->k.dst.port == b->k.dst.port &&
           memcmp(a->k.src.ip, b->k.src.ip, 16) == 0 &&
           memcmp(a->k.dst.ip, b->k.dst.ip, 16) == 0;
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

json_t *frames_analyse(const struct frames *l, struct trust *trust)
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

void each_capture(void (*each)(void *ctx, const char *path, const char *name,
                               struct trust *trust),
                  void *ctx)
{
    const char *src = getenv("TLSWHY_SRCDIR");
    cr_assert_not_null(src, "run by make check");
    char path[4096];
    char error[256];
    struct dirent **list;
    snprintf(path, sizeof path, "%s/pcaps/root.pem", src);
    struct trust *trust = trust_new(path, error);
    cr_assert_not_null(trust, "%s", error);
    snprintf(path, sizeof path, "%s/pcaps", src);
    int n = scandir(path, &list, NULL, alphasort);
    unsigned captures = 0;
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        snprintf(path, sizeof path, "%s/pcaps/%s", src, name);
        if (strstr(name, ".pcap") && captures++ % CAPTURES_STEP == 0) {
            each(ctx, path, name, trust);
        }
        free(list[i]);
    }
    free(list);
    trust_free(trust);
}
