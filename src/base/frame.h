/* SPDX-License-Identifier: Apache-2.0 */
/* A captured frame, as src/capture hands it to src/decode. */
#ifndef BASE_FRAME_H
#define BASE_FRAME_H

#include "base/span.h"
#include "base/tick.h"

struct frame {
    tick_t when;
    uint64_t number;     /* 1 is the first packet of the file or run, counted
                            before any filter, as Wireshark counts */
    int linktype;        /* LINKTYPE_ value (pcap-linktype(7)) */
    uint32_t wire_bytes; /* length on the wire; data.n <= wire_bytes */
    struct span data;    /* what was captured; borrowed until the next read */
    uint32_t interface;  /* index within the source */
    bool has_vlan;       /* VLAN tag delivered beside the data */
    uint16_t vlan;       /* its VID */
};

#endif
