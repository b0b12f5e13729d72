/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common face of saved captures and interfaces: dispatch, counters, the
 * clock, the list of interfaces and the versions of the libraries.
 */
#include "config.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "capture/codec.h"
#include "capture/source.h"

enum capture_status capture_next(struct capture *c, struct frame *out)
{
    if (__builtin_expect(c->stopped || c->over, 0)) {
        return CAPTURE_END;
    }
    enum capture_status s = c->ops->next(c, out);
    if (__builtin_expect(s == CAPTURE_FRAME, 1)) {
        capture_count(c, out);
    } else if (s != CAPTURE_IDLE && s != CAPTURE_LINE) {
        c->over = true;
    }
    return s;
}

size_t capture_more(struct capture *c, struct frame *v, size_t max)
{
    if (!c->ops->more || c->stopped || c->over) {
        return 0;
    }
    size_t n = c->ops->more(c, v, max);
    for (size_t i = 0; i < n; i++) {
        capture_count(c, &v[i]);
    }
    return n;
}

const char *capture_error(const struct capture *c)
{
    return c->error;
}

const char *capture_name(const struct capture *c)
{
    return c->name;
}

bool capture_is_live(const struct capture *c)
{
    return c->ops->live;
}

int capture_linktype(const struct capture *c)
{
    return c->ops->linktype(c);
}

size_t capture_secret_count(const struct capture *c)
{
    return c->ops->secrets ? c->ops->secrets(c, 0, NULL) : 0;
}

bool capture_may_bring_secrets(const struct capture *c)
{
    return c->ops->may_bring_secrets && c->ops->may_bring_secrets(c);
}

struct capture_secret capture_secret(const struct capture *c, size_t i)
{
    struct capture_secret s = {0, {NULL, 0}};
    if (c->ops->secrets) {
        c->ops->secrets(c, i, &s);
    }
    return s;
}

void capture_stats(struct capture *c, struct capture_stats *out)
{
    if (c->ops->refresh) {
        c->ops->refresh(c);
    }
    *out = c->stats;
}

void capture_position(const struct capture *c, uint64_t *read, uint64_t *total)
{
    *read = *total = 0;
    if (c->ops->position) {
        c->ops->position(c, read, total);
    }
}

void capture_stop(struct capture *c)
{
    c->stopped = 1;
}

void capture_close(struct capture *c)
{
    if (!c) {
        return;
    }
    c->ops->close(c);
    free(c->name);
    free(c);
}

tick_t capture_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return tick_make(t.tv_sec, t.tv_nsec);
}

/* ---- -D ------------------------------------------------------------------ */

static void print_flags(const pcap_if_t *i)
{
    static const struct {
        bpf_u_int32 bit;
        const char *name;
    } flags[] = {
        {PCAP_IF_UP, "Up"},
        {PCAP_IF_RUNNING, "Running"},
        {PCAP_IF_LOOPBACK, "Loopback"},
        {PCAP_IF_WIRELESS, "Wireless"},
    };
    const char *before = " [";
    for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++) {
        if (i->flags & flags[k].bit) {
            printf("%s%s", before, flags[k].name);
            before = ", ";
        }
    }
    if (*before == ',') {
        printf("]");
    }
}

static void print_addresses(const pcap_if_t *i)
{
    const char *before = " ";
    for (const pcap_addr_t *a = i->addresses; a; a = a->next) {
        if (!a->addr ||
            (a->addr->sa_family != AF_INET && a->addr->sa_family != AF_INET6)) {
            continue;
        }
        socklen_t n = a->addr->sa_family == AF_INET
                          ? sizeof(struct sockaddr_in)
                          : sizeof(struct sockaddr_in6);
        char host[NI_MAXHOST];
        if (getnameinfo(a->addr, n, host, sizeof host, NULL, 0,
                        NI_NUMERICHOST) == 0) {
            printf("%s%s", before, host);
            before = ", ";
        }
    }
}

int capture_list_interfaces(char error[CAPTURE_ERROR_BYTES])
{
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_if_t *all = NULL;
    if (pcap_findalldevs(&all, why) != 0) {
        snprintf(error, CAPTURE_ERROR_BYTES, "%s", why);
        return -1;
    }
    if (!all) {
        snprintf(error, CAPTURE_ERROR_BYTES,
                 "no interface that may be captured from");
        return -1;
    }
    for (const pcap_if_t *i = all; i; i = i->next) {
        printf("%s", i->name);
        print_flags(i);
        print_addresses(i);
        putchar('\n');
    }
    pcap_freealldevs(all);
    return 0;
}

/* ---- -V ------------------------------------------------------------------ */

const char *capture_versions(void)
{
    /* Always the same text: who writes it twice changes nothing. */
    static char text[512];
    size_t n = (size_t)snprintf(text, sizeof text, "%s", pcap_lib_version());
    char line[64];
    for (size_t i = 0; codec_version(i, line, sizeof line); i++) {
        if (n < sizeof text) {
            n += (size_t)snprintf(text + n, sizeof text - n, "\n%s", line);
        }
    }
#ifdef HAVE_RELIEF
    if (n < sizeof text) {
        snprintf(text + n, sizeof text - n, "\nrelief by the kernel: eBPF");
    }
#endif
    return text;
}
