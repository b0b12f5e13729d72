/* SPDX-License-Identifier: Apache-2.0 */
/* Captures as the inputs of the targets. */
#include "fuzz.h"

#include "capture/capture.h"
#include "decode/packet.h"
#include "dissectors/dns.h"
#include "handshake/cert.h"
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>

#define SEED_BYTES 65536u

/* A connection that is followed. */
struct followed {
    struct endpoint end[2];
    uint32_t next[2];
    bool numbered[2];
};

struct seeds {
    const char *target;
    void (*each)(void *ctx, struct span seed);
    void *ctx;
    uint8_t *p; /* the seed that grows */
    size_t n;
    struct followed followed[FUZZ_CONNECTIONS];
    unsigned followed_n;
    tick_t when;
};

static void add(struct seeds *s, const void *p, size_t n)
{
    if (n && n <= SEED_BYTES - s->n) {
        memcpy(s->p + s->n, p, n);
        s->n += n;
    }
}

static void add8(struct seeds *s, unsigned v)
{
    uint8_t b = (uint8_t)v;
    add(s, &b, 1);
}

static void add16(struct seeds *s, unsigned v)
{
    add8(s, v >> 8);
    add8(s, v & 0xff);
}

static void give(struct seeds *s)
{
    if (s->n) {
        s->each(s->ctx, span_of(s->p, s->n));
    }
    s->n = 0;
}

static bool same_end(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* Steps of traffic.c, in its order. */
enum { DATA, SYN, FIN, RST, ACK, WAIT, BACK, AHEAD };

static void tcp_steps(struct seeds *s, unsigned which, const struct packet *k,
                      unsigned dir)
{
    struct followed *f = &s->followed[which];
    unsigned side = dir << 7 | which << 4;
    if (f->numbered[dir]) {
        int32_t jump = (int32_t)(k->seq - f->next[dir]);
        if (jump > 0 && jump < 65536) {
            add8(s, side | AHEAD);
            add16(s, (unsigned)jump);
        } else if (jump < 0 && jump > -65536) {
            add8(s, side | BACK);
            add16(s, (unsigned)-jump);
        }
    }
    f->numbered[dir] = true;
    f->next[dir] = k->seq + k->payload_wire_bytes +
                   ((k->flags & (TCP_SYN | TCP_FIN)) != 0);
    if (k->flags & TCP_SYN) {
        add8(s, side | SYN);
    }
    if (k->payload.n) {
        add8(s, side | DATA);
        add16(s, (unsigned)k->payload.n);
        add(s, k->payload.p, k->payload.n);
    } else if (!(k->flags & (TCP_SYN | TCP_FIN | TCP_RST))) {
        add8(s, side | ACK);
    }
    if (k->flags & TCP_FIN) {
        add8(s, side | FIN);
    }
    if (k->flags & TCP_RST) {
        add8(s, side | RST);
    }
}

static bool is_of(const struct followed *f, const struct packet *k,
                  unsigned *dir)
{
    *dir = same_end(&k->src, &f->end[0]) ? 0 : 1;
    return same_end(*dir ? &k->dst : &k->src, &f->end[0]) &&
           same_end(*dir ? &k->src : &k->dst, &f->end[1]);
}

/* Which of the connections that are followed, the first `most` of the capture;
 * `most`: none. */
static unsigned follow(struct seeds *s, const struct packet *k, unsigned most,
                       unsigned *dir)
{
    unsigned i = 0;
    while (i < s->followed_n && !is_of(&s->followed[i], k, dir)) {
        i++;
    }
    if (i == s->followed_n && i < most) {
        s->followed[i] = (struct followed){.end = {k->src, k->dst}};
        s->followed_n++;
        *dir = 0;
    }
    return i;
}

static void packet(struct seeds *s, const struct packet *k)
{
    bool carriers = strcmp(s->target, "carriers") == 0;
    bool several = strcmp(s->target, "fold") == 0;
    bool tcp = carriers || several || strcmp(s->target, "connection") == 0;
    if (strcmp(s->target, "dns") == 0) {
        if (k->proto == PROTO_UDP && k->src.port == DNS_PORT) {
            add(s, k->payload.p, k->payload.n);
            give(s);
        }
        return;
    }
    if (k->proto != (tcp ? PROTO_TCP : PROTO_UDP)) {
        return;
    }
    if (!s->followed_n) {
        s->when = k->when;
        if (carriers) {
            add16(s, k->dst.port);
        } else {
            add8(s, 0); /* port 443 */
        }
    }
    unsigned dir;
    unsigned most = several ? FUZZ_CONNECTIONS : 1;
    unsigned which = follow(s, k, most, &dir);
    if (which == most || (carriers && !k->payload.n)) {
        return;
    }
    if (!tcp || carriers) {
        add8(s, dir);
        add16(s, (unsigned)k->payload.n);
        add(s, k->payload.p, k->payload.n);
        return;
    }
    if (k->when - s->when > TICK_SEC) {
        add8(s, WAIT);
        add16(s, (unsigned)((k->when - s->when) / TICK_MSEC) & 0xffff);
    }
    s->when = k->when;
    tcp_steps(s, which, k, dir);
}

static void message(struct seeds *s, const struct handshake *hs)
{
    static const enum hs_raw raw[] = {
        HS_RAW_CLIENT_HELLO,        HS_RAW_SERVER_HELLO,
        HS_RAW_HELLO_RETRY,         HS_RAW_SERVER_CERTIFICATE,
        HS_RAW_SERVER_KEY_EXCHANGE, HS_RAW_CERTIFICATE_REQUEST};
    add8(s, (unsigned)hs->flavour);
    add16(s, hs->version);
    add16(s, hs->cipher);
    for (unsigned i = 0; i < sizeof raw / sizeof *raw; i++) {
        if (hs->raw[raw[i]].n) {
            add8(s, i | (i && i != 5 ? 0x80u : 0u));
            add16(s, (unsigned)hs->raw[raw[i]].n);
            add(s, hs->raw[raw[i]].p, hs->raw[raw[i]].n);
        }
    }
    add8(s, 0x80u | 6u); /* an alert of the server */
    add16(s, 0);
    give(s);
}

static void on_record(void *ctx, const struct record *r, uint32_t source)
{
    struct seeds *s = ctx;
    (void)source;
    if (strcmp(s->target, "messages") == 0) {
        message(s, r->hs);
    }
    for (unsigned i = 0;
         strcmp(s->target, "x509") == 0 && i < r->hs->server_chain.n; i++) {
        const struct cert *c = r->hs->server_chain.v[i];
        add(s, c->der.p, c->der.n);
        give(s);
    }
    if (strcmp(s->target, "records") == 0) {
        const struct reporter *json = reporter_find("json");
        const struct report_options o = {.all = true};
        struct text out;
        void *state = calloc(1, json->state_bytes);
        text_init(&out, SEED_BYTES);
        if (state) {
            json->record(state, &o, r, &out);
            json->fini(state);
        }
        add(s, text_str(&out), out.n ? out.n - 1 : 0);
        give(s);
        free(state);
        text_free(&out);
    }
}

static void from_frames(struct seeds *s, struct capture *c)
{
    const struct pipeline_options o = {
        .handshake_timeout = 10 * TICK_SEC,
        .max_flows = 1024,
        .max_memory_bytes = (size_t)64 << 20,
        .all = true,
        .emit = on_record,
        .emit_ctx = s,
    };
    bool whole = strcmp(s->target, "frames") == 0;
    struct pipeline *p = pipeline_new(&o);
    struct decoder *d = decoder_new();
    struct frame f;
    struct packet k;
    fuzz_check(p && d, "memory");
    while (capture_next(c, &f) == CAPTURE_FRAME) {
        pipeline_frame(p, &f, 0);
        if (whole) {
            if (s->n == 0) {
                add16(s, (unsigned)f.linktype);
            }
            add16(s, (unsigned)f.data.n);
            add(s, f.data.p, f.data.n);
        } else if (decoder_frame(d, &f, &k) == DECODE_PACKET &&
                   (strcmp(s->target, "connection") == 0 ||
                    strcmp(s->target, "fold") == 0 ||
                    strcmp(s->target, "carriers") == 0 ||
                    strcmp(s->target, "datagrams") == 0 ||
                    strcmp(s->target, "dns") == 0)) {
            packet(s, &k);
        }
    }
    give(s);
    pipeline_finish(p);
    pipeline_free(p);
    decoder_free(d);
}

static void whole_file(struct seeds *s, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f) {
        s->n = fread(s->p, 1, SEED_BYTES, f);
        fclose(f);
        give(s);
    }
}

void fuzz_seeds(const char *target, const char *path,
                void (*each)(void *ctx, struct span seed), void *ctx)
{
    struct seeds s = {.target = target, .each = each, .ctx = ctx};
    char error[CAPTURE_ERROR_BYTES];
    bool keys = strstr(path, ".keys") != NULL;
    s.p = malloc(SEED_BYTES);
    fuzz_check(s.p != NULL, "memory");
    if (strcmp(target, keys ? "keylog" : "capture") == 0) {
        whole_file(&s, path);
    } else if (!keys) {
        struct capture *c = capture_open_file(path, NULL, error);
        if (c) {
            from_frames(&s, c);
            capture_close(c);
        }
    }
    free(s.p);
}
