/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LINKTYPE_ values (what files and struct frame hold) and DLT_ values (what
 * libpcap's functions take); they differ for a few types, by system.
 */
#ifndef CAPTURE_LINKTYPE_H
#define CAPTURE_LINKTYPE_H

int linktype_to_dlt(int linktype);
int linktype_from_dlt(int dlt);

#endif
