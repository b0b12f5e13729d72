/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nDPI's interface changed between 4.2 (Debian 12), 4.4 (a parameter more) and
 * 5.0 (global context, nested protocol numbers). configure finds out which one
 * is here; the rest of the program sees one face.
 */
#ifndef NDPI_COMPAT_H
#define NDPI_COMPAT_H

#include "config.h"

#include <ndpi/ndpi_api.h>
#include <ndpi/ndpi_main.h>

static inline struct ndpi_detection_module_struct *ndpi_compat_new(void)
{
#ifdef HAVE_NDPI_GLOBAL_CONTEXT
    struct ndpi_detection_module_struct *n = ndpi_init_detection_module(NULL);
#else
    struct ndpi_detection_module_struct *n =
        ndpi_init_detection_module(ndpi_no_prefs);
#endif
#ifdef HAVE_NDPI_BITMASK2
    if (n) {
        NDPI_PROTOCOL_BITMASK all;
        NDPI_BITMASK_SET_ALL(all);
        ndpi_set_protocol_detection_bitmask2(n, &all);
    }
#endif
    if (n) {
        ndpi_finalize_initialization(n);
    }
    return n;
}

static inline ndpi_protocol
ndpi_compat_process(struct ndpi_detection_module_struct *n,
                    struct ndpi_flow_struct *flow, const unsigned char *packet,
                    unsigned short bytes, uint64_t when_ms)
{
#ifdef HAVE_NDPI_INPUT_INFO
    return ndpi_detection_process_packet(n, flow, packet, bytes, when_ms, NULL);
#else
    return ndpi_detection_process_packet(n, flow, packet, bytes, when_ms);
#endif
}

/* The application's number, or the master protocol's, or
 * NDPI_PROTOCOL_UNKNOWN. */
static inline uint16_t ndpi_compat_number(ndpi_protocol p)
{
#ifdef HAVE_NDPI_NESTED_PROTOCOL
    return p.proto.app_protocol ? p.proto.app_protocol
                                : p.proto.master_protocol;
#else
    return p.app_protocol ? p.app_protocol : p.master_protocol;
#endif
}

#endif
