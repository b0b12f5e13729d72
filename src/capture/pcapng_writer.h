/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes pcapng (draft-ietf-opsawg-pcapng): one section in this machine's byte
 * order, interfaces as they are met, packets with comments, names of addresses.
 * Times are nanoseconds. Knows blocks and options; not what is in a packet.
 */
#ifndef CAPTURE_PCAPNG_WRITER_H
#define CAPTURE_PCAPNG_WRITER_H

#include "base/frame.h"

#include <stdbool.h>

struct pcapng_writer;

/* Takes over the open descriptor `fd` (also when it fails) and writes the
 * section header; `application` goes into it. NULL when memory is out. */
struct pcapng_writer *pcapng_writer_new(int fd, const char *application);

/*
 * One packet. `source` and f->interface and f->linktype tell interfaces apart;
 * one that was not met before gets its description, with `name` (may be NULL)
 * as if_name. `comment` (may be NULL) is UTF-8 of at most
 * PCAPNG_COMMENT_BYTES; what is longer is cut.
 */
void pcapng_write_frame(struct pcapng_writer *w, const struct frame *f,
                        uint32_t source, const char *name, const char *comment);
#define PCAPNG_COMMENT_BYTES 32768u

/* A name of an address (network byte order, IPv4 in the first four bytes),
 * for the packets after it. */
void pcapng_write_name(struct pcapng_writer *w, const uint8_t ip[16],
                       uint8_t ip_version, struct span name);

/* Bytes written so far, and whether all of them could be. */
uint64_t pcapng_writer_bytes(const struct pcapng_writer *w);

/* Hands everything to the kernel. Returns 0, or an errno value. */
int pcapng_writer_flush(struct pcapng_writer *w);

/* Flushes, closes and frees. Returns 0, or the errno value of the first write
 * that failed. NULL is fine. */
int pcapng_writer_close(struct pcapng_writer *w);

#endif
