/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live capture through libpcap. The kernel filters and buffers (TPACKET_V3 on
 * Linux); VLAN tags are put back by libpcap. An interface that goes down is
 * waited for, one that vanishes ends the capture.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "capture/filter.h"
#include "capture/linktype.h"
#include "capture/relief.h"
#include "capture/source.h"
#include "capture/spread.h"

#define LIVE_SNAPLEN_BYTES 262144u
#define LIVE_BUFFER_BYTES  (16u << 20)
/* Also how long the kernel may hold a block that is not full. */
#define LIVE_POLL_MS 100

struct live_capture {
    struct capture base;
    pcap_t *pcap;
    int linktype;
    int64_t unit_ns;  /* of ts.tv_usec */
    unsigned ifindex; /* 0: not bound to one interface (`any`) */
    bool down;        /* and waited for */
    uint64_t packets;
    struct pcap_stat last; /* its counters wrap at 32 bits */
    struct relief *relief; /* NULL: none */
};

static int live_linktype(const struct capture *c)
{
    return ((const struct live_capture *)c)->linktype;
}

static void live_close(struct capture *c)
{
    struct live_capture *l = (struct live_capture *)c;
    if (l->pcap) {
        pcap_close(l->pcap);
    }
    relief_free(l->relief);
}

static void live_refresh(struct capture *c)
{
    struct live_capture *l = (struct live_capture *)c;
    struct pcap_stat now;
    if (l->relief) {
        c->stats.relieved = relief_count(l->relief);
    }
    if (pcap_stats(l->pcap, &now) != 0) {
        return;
    }
    c->stats.dropped_kernel += now.ps_drop - l->last.ps_drop;
    c->stats.dropped_interface += now.ps_ifdrop - l->last.ps_ifdrop;
    l->last = now;
}

/* The index of an interface of this name, 0 when there is none. Asked through
 * the capture's socket, for a sandbox may forbid to open another one. */
static unsigned index_of(const struct live_capture *l)
{
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", l->base.name);
    if (ioctl(pcap_fileno(l->pcap), SIOCGIFINDEX, &r) != 0) {
        return 0;
    }
    return (unsigned)r.ifr_ifindex;
}

static enum capture_status live_error(struct live_capture *l)
{
    if (l->ifindex != 0 && index_of(l) == l->ifindex) {
        l->down = true;
        return CAPTURE_IDLE;
    }
    if (l->ifindex != 0) {
        snprintf(l->base.error, sizeof l->base.error, "the interface vanished");
    } else {
        snprintf(l->base.error, sizeof l->base.error, "%s",
                 pcap_geterr(l->pcap));
    }
    return CAPTURE_ERROR;
}

static void nap(int ms)
{
    nanosleep(&(struct timespec){0, ms * TICK_MSEC}, NULL);
}

static struct frame frame_of(struct live_capture *l,
                             const struct pcap_pkthdr *h, const u_char *data)
{
    return (struct frame){
        .when = tick_make(h->ts.tv_sec, h->ts.tv_usec * l->unit_ns),
        .number = ++l->packets,
        .linktype = l->linktype,
        .wire_bytes = h->len < h->caplen ? h->caplen : h->len,
        .data = {data, h->caplen},
    };
}

/* One packet, if the ring has one. */
static enum capture_status live_take(struct live_capture *l, struct frame *out)
{
    struct pcap_pkthdr *h;
    const u_char *data;
    int n = pcap_next_ex(l->pcap, &h, &data);
    if (n == 0) {
        return CAPTURE_IDLE;
    }
    if (n != 1) {
        return live_error(l);
    }
    l->down = false;
    *out = frame_of(l, h, data);
    return CAPTURE_FRAME;
}

static enum capture_status live_next(struct capture *c, struct frame *out)
{
    struct live_capture *l = (struct live_capture *)c;
    enum capture_status s = live_take(l, out);
    if (s != CAPTURE_IDLE) {
        return s;
    }
    if (l->down) { /* do not spin until it comes back */
        nap(LIVE_POLL_MS);
        return CAPTURE_IDLE;
    }
    struct pollfd pfd = {.fd = pcap_get_selectable_fd(l->pcap),
                         .events = POLLIN};
    int n = poll(&pfd, 1, LIVE_POLL_MS);
    if (c->stopped) {
        return CAPTURE_END;
    }
    if (n <= 0) {
        return CAPTURE_IDLE;
    }
    s = live_take(l, out);
    if (s == CAPTURE_IDLE && (pfd.revents & POLLERR)) {
        nap(LIVE_POLL_MS);
    }
    return s;
}

/* ---- in place, without a copy ---------------------------------------------
 */

struct hand_out {
    struct live_capture *live;
    void (*take)(void *ctx, const struct frame *f);
    void *ctx;
};

static void on_packet(u_char *arg, const struct pcap_pkthdr *h,
                      const u_char *data)
{
    const struct hand_out *o = (const void *)arg;
    struct frame f = frame_of(o->live, h, data);
    capture_count(&o->live->base, &f);
    o->take(o->ctx, &f);
}

enum capture_status
capture_dispatch(struct capture *c, int max,
                 void (*take)(void *ctx, const struct frame *f), void *ctx)
{
    struct live_capture *l = (struct live_capture *)c;
    struct hand_out o = {l, take, ctx};
    if (!c->ops->live || c->stopped || c->over) {
        return CAPTURE_END;
    }
    int n = pcap_dispatch(l->pcap, max, on_packet, (u_char *)&o);
    if (n > 0) {
        l->down = false;
        return CAPTURE_FRAME;
    }
    enum capture_status s = n == 0 ? CAPTURE_IDLE : live_error(l);
    c->over = s == CAPTURE_ERROR;
    return s;
}

void capture_wait(struct capture *const *v, size_t n)
{
    struct pollfd fds[CAPTURE_WAIT_MAX];
    nfds_t fds_n = 0;
    for (size_t i = 0; i < n && fds_n < CAPTURE_WAIT_MAX; i++) {
        const struct live_capture *l = (const struct live_capture *)v[i];
        if (!l->base.over && !l->down) {
            fds[fds_n++] = (struct pollfd){
                .fd = pcap_get_selectable_fd(l->pcap), .events = POLLIN};
        }
    }
    int ready = poll(fds, fds_n, LIVE_POLL_MS);
    for (nfds_t i = 0; ready > 0 && i < fds_n; i++) {
        if (fds[i].revents & POLLIN) {
            return;
        }
    }
    if (ready > 0) {
        nap(LIVE_POLL_MS); /* nothing but errors */
    }
}

/* ---- several captures of one interface ------------------------------------
 */

/* The group's number for the next one to join, or -1. */
static int fanout(int fd, int group, unsigned flags)
{
    uint32_t value = (uint32_t)(group & 0xffff) |
                     (PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_DEFRAG | flags)
                         << 16;
    socklen_t size = sizeof value;
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof value) != 0 ||
        getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &size) != 0) {
        return -1;
    }
    return (int)(value & 0xffff);
}

int capture_spread(struct capture *c, int group, const uint16_t *ports,
                   size_t ports_n)
{
    struct live_capture *l = (struct live_capture *)c;
    int fd = pcap_fileno(l->pcap);
    if (group >= 0) {
        return fanout(fd, group, 0);
    }
    struct sock_filter code[SPREAD_MAX];
    size_t n = spread_program(code, ports, ports_n);
    struct sock_fprog program;
    memset(&program, 0, sizeof program); /* also what is between its members */
    program.len = (unsigned short)n;
    program.filter = code;
    group = n ? fanout(fd, 0, PACKET_FANOUT_FLAG_UNIQUEID) : -1;
    if (group < 0 || setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program,
                                sizeof program) != 0) {
        return -1;
    }
    return group;
}

/* ---- what the kernel need not deliver ------------------------------------
 */

bool capture_relieve(struct capture *c, unsigned slots,
                     char why[CAPTURE_ERROR_BYTES])
{
    struct live_capture *l = (struct live_capture *)c;
    int fd = pcap_fileno(l->pcap);
    /* As libpcap adapted it to this socket. */
    struct sock_filter classic[BPF_MAXINSNS];
    socklen_t n = BPF_MAXINSNS;
    if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, classic, &n) != 0) {
        snprintf(why, CAPTURE_ERROR_BYTES, "the socket's filter: %s",
                 strerror(errno));
        return false;
    }
    struct relief *r = relief_new(slots, classic, n, why);
    if (r && !relief_attach(r, fd, why)) {
        relief_free(r);
        r = NULL;
    }
    l->relief = r;
    return r != NULL;
}

void capture_ignore(struct capture *c, const struct capture_talk *t,
                    tick_t when)
{
    const struct live_capture *l = (const struct live_capture *)c;
    if (l->relief) {
        relief_ignore(l->relief, t, when);
    }
}

static const struct capture_ops live_ops = {
    .live = true,
    .next = live_next,
    .linktype = live_linktype,
    .refresh = live_refresh,
    .close = live_close,
};

/* ---- opening ------------------------------------------------------------- */

static void explain_activate(struct live_capture *l, int rc, char *error)
{
    switch (rc) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        snprintf(error, CAPTURE_ERROR_BYTES, "no such interface");
        break;
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        snprintf(error, CAPTURE_ERROR_BYTES,
                 "no permission to capture (it takes root or CAP_NET_RAW)");
        break;
    case PCAP_ERROR_IFACE_NOT_UP:
        snprintf(error, CAPTURE_ERROR_BYTES, "the interface is down");
        break;
    case PCAP_ERROR:
        snprintf(error, CAPTURE_ERROR_BYTES, "%s", pcap_geterr(l->pcap));
        break;
    default:
        snprintf(error, CAPTURE_ERROR_BYTES, "%s", pcap_statustostr(rc));
        break;
    }
}

static void live_configure(struct live_capture *l,
                           const struct capture_live_options *o)
{
    uint32_t snaplen = o->snaplen_bytes ? o->snaplen_bytes : LIVE_SNAPLEN_BYTES;
    uint32_t buffer = o->buffer_bytes ? o->buffer_bytes : LIVE_BUFFER_BYTES;
    pcap_set_snaplen(l->pcap, snaplen > LIVE_SNAPLEN_BYTES
                                  ? (int)LIVE_SNAPLEN_BYTES
                                  : (int)snaplen);
    pcap_set_promisc(l->pcap, o->promiscuous);
    pcap_set_timeout(l->pcap, LIVE_POLL_MS);
    pcap_set_buffer_size(l->pcap, buffer > INT32_MAX ? INT32_MAX : (int)buffer);
    pcap_set_tstamp_precision(l->pcap, PCAP_TSTAMP_PRECISION_NANO);
}

static bool live_filter(struct live_capture *l, const char *text, char *error)
{
    struct bpf_program program;
    if (!text || !*text) {
        return true;
    }
    if (pcap_compile(l->pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        filter_explain(text, pcap_geterr(l->pcap), error);
        return false;
    }
    int rc = pcap_setfilter(l->pcap, &program);
    pcap_freecode(&program);
    if (rc != 0) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s", pcap_geterr(l->pcap));
    }
    return rc == 0;
}

static bool live_open(struct live_capture *l,
                      const struct capture_live_options *o, char *error)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    l->base.name = strdup(o->interface);
    l->pcap = l->base.name ? pcap_create(o->interface, why) : NULL;
    if (!l->pcap) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s",
                 *why ? why : "out of memory");
        return false;
    }
    live_configure(l, o);
    int rc = pcap_activate(l->pcap);
    if (rc < 0) {
        explain_activate(l, rc, error);
        return false;
    }
    if (!live_filter(l, o->filter, error)) {
        return false;
    }
    if (pcap_setnonblock(l->pcap, 1, why) != 0) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s", why);
        return false;
    }
    l->linktype = linktype_from_dlt(pcap_datalink(l->pcap));
    l->unit_ns =
        pcap_get_tstamp_precision(l->pcap) == PCAP_TSTAMP_PRECISION_NANO
            ? 1
            : TICK_USEC;
    l->ifindex = index_of(l);
    return true;
}

struct capture *capture_open_live(const struct capture_live_options *o,
                                  char error[CAPTURE_ERROR_BYTES])
{
    struct live_capture *l = calloc(1, sizeof *l);
    if (!l) {
        snprintf(error, CAPTURE_ERROR_BYTES, "out of memory");
        return NULL;
    }
    l->base.ops = &live_ops;
    if (!live_open(l, o, error)) {
        capture_close(&l->base);
        return NULL;
    }
    return &l->base;
}
