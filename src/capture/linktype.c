/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps link types between files and libpcap, as libpcap's own (private) table
 * in pcap-common.c does: https://www.tcpdump.org/linktypes.html. Only the
 * types whose two values may differ are listed.
 */
#include <pcap/pcap.h>
#include <stddef.h>

#include "capture/linktype.h"

static const struct {
    int dlt, linktype;
} table[] = {
    {DLT_ATM_RFC1483, 100}, {DLT_RAW, 101},
#ifdef DLT_SLIP_BSDOS
    {DLT_SLIP_BSDOS, 102},
#endif
#ifdef DLT_PPP_BSDOS
    {DLT_PPP_BSDOS, 103},
#endif
    {DLT_C_HDLC, 104},      {DLT_ATM_CLIP, 106}, {DLT_FRELAY, 107},
    {DLT_LOOP, 108},        {DLT_ENC, 109},
#ifdef DLT_HHDLC
    {DLT_HHDLC, 121},
#endif
#ifdef DLT_PFSYNC
    {DLT_PFSYNC, 246},
#endif
#ifdef DLT_PKTAP
    {DLT_PKTAP, 258},
#endif
};

int linktype_to_dlt(int linktype)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].linktype == linktype) {
            return table[i].dlt;
        }
    }
    return linktype;
}

int linktype_from_dlt(int dlt)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].dlt == dlt) {
            return table[i].linktype;
        }
    }
    return dlt;
}
