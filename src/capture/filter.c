/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap-filter(7) expressions on saved captures. libpcap compiles and runs
 * them; here they are only kept per link type.
 */
#include <stdio.h>
#include <stdlib.h>

#include "capture/filter.h"
#include "capture/linktype.h"

#define FILTER_SNAPLEN 262144

void filter_init(struct filter *f, const char *text)
{
    *f = (struct filter){.text = text && *text ? text : NULL};
}

void filter_fini(struct filter *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->programs[i].usable) {
            pcap_freecode(&f->programs[i].bpf);
        }
    }
    filter_init(f, NULL);
}

bool capture_check_filter(const char *text, char error[CAPTURE_ERROR_BYTES])
{
    const int ethernet = 1;
    struct filter f;
    filter_init(&f, text);
    bool ok = filter_add(&f, ethernet, error);
    filter_fini(&f);
    return ok;
}

void filter_explain(const char *text, const char *pcap_error,
                    char error[CAPTURE_ERROR_BYTES])
{
    const char *prefix = "can't parse filter expression: ";
    if (strncmp(pcap_error, prefix, strlen(prefix)) == 0) {
        pcap_error += strlen(prefix);
    }
    const char *what = strcmp(pcap_error, "syntax error") == 0
                           ? "see pcap-filter(7)"
                           : pcap_error;
    snprintf(error, CAPTURE_ERROR_BYTES,
             "%s in filter expression '%.90s%s': %.100s",
             what == pcap_error ? "error" : "syntax error", text,
             strlen(text) > 90 ? "..." : "", what);
}

static bool compile(struct filter *f, struct filter_program *p,
                    char error[CAPTURE_ERROR_BYTES])
{
    pcap_t *dead = pcap_open_dead(linktype_to_dlt(p->linktype), FILTER_SNAPLEN);
    if (!dead) {
        snprintf(error, CAPTURE_ERROR_BYTES, "out of memory");
        return false;
    }
    p->usable =
        pcap_compile(dead, &p->bpf, f->text, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!p->usable) {
        filter_explain(f->text, pcap_geterr(dead), error);
    }
    pcap_close(dead);
    return p->usable;
}

/* NULL when there are too many link types. */
static struct filter_program *add(struct filter *f, int linktype,
                                  char error[CAPTURE_ERROR_BYTES])
{
    if (f->n >= FILTER_MAX_LINKTYPES) {
        return NULL;
    }
    struct filter_program *p = &f->programs[f->n++];
    *p = (struct filter_program){.linktype = linktype};
    compile(f, p, error);
    return p;
}

bool filter_add(struct filter *f, int linktype, char error[CAPTURE_ERROR_BYTES])
{
    if (!f->text) {
        return true;
    }
    const struct filter_program *p = add(f, linktype, error);
    return p && p->usable;
}

static const struct filter_program *find(struct filter *f, int linktype)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->programs[i].linktype == linktype) {
            return &f->programs[i];
        }
    }
    char ignored[CAPTURE_ERROR_BYTES];
    return add(f, linktype, ignored);
}

bool filter_match(struct filter *f, const struct frame *frame)
{
    if (!f->text) {
        return true;
    }
    if (!f->last || f->last->linktype != frame->linktype) {
        f->last = find(f, frame->linktype);
    }
    if (!f->last || !f->last->usable) {
        return false;
    }
    const struct pcap_pkthdr h = {
        .caplen = (bpf_u_int32)frame->data.n,
        .len = frame->wire_bytes,
    };
    return pcap_offline_filter(&f->last->bpf, &h, frame->data.p) != 0;
}
