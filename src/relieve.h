/* SPDX-License-Identifier: Apache-2.0 */
/* Joins trackers, which know what they pass over, with captures, whose kernel
 * may drop it. */
#ifndef RELIEVE_H
#define RELIEVE_H

#include "capture/capture.h"
#include "decode/packet.h"

/* Asks the kernel to help with n live captures. False, and one line in why[],
 * when it does not; then it helps with none, or with some. */
bool relieve_captures(struct capture *const *v, size_t n,
                      char why[CAPTURE_ERROR_BYTES]);

/* Tells a capture of a packet that was passed over (struct tracker_options). */
void relieve_packet(struct capture *c, const struct packet *k);

#endif
