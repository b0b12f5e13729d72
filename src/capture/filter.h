/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pcap-filter(7) expression over frames of several link types, compiled once
 * for each of them.
 */
#ifndef CAPTURE_FILTER_H
#define CAPTURE_FILTER_H

#include <pcap/pcap.h>

#include "base/frame.h"
#include "capture/capture.h"

/* pcapng may mix link types; real files have two or three. */
#define FILTER_MAX_LINKTYPES 32

struct filter_program {
    int linktype;
    bool usable; /* false: the expression means nothing on this link type */
    struct bpf_program bpf;
};

struct filter {
    const char *text; /* NULL: everything passes */
    size_t n;
    const struct filter_program *last;
    struct filter_program programs[FILTER_MAX_LINKTYPES];
};

/* Borrows text, which may be NULL or empty. */
void filter_init(struct filter *f, const char *text);
void filter_fini(struct filter *f);

/* Compiles for a link type. False and one line in error[] when the expression
 * is wrong or does not fit this link type. */
bool filter_add(struct filter *f, int linktype,
                char error[CAPTURE_ERROR_BYTES]);

/* Whether a frame passes. Frames of a link type on which the expression cannot
 * be compiled do not. */
bool filter_match(struct filter *f, const struct frame *frame);

/* libpcap's complaint about the expression `text` as one line of ours. */
void filter_explain(const char *text, const char *pcap_error,
                    char error[CAPTURE_ERROR_BYTES]);

#endif
