/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks nDPI what application a connection belongs to, from the first bytes
 * that were kept. Costly (microseconds), so only for what is reported.
 */
#ifndef APPLICATION_H
#define APPLICATION_H

#include "handshake/handshake.h"

struct application;

/* NULL when nDPI cannot be set up; every call then does nothing. */
struct application *application_new(void);
void application_free(struct application *a);

/* Sets hs->application, which the next call may change, and hs->peer_protocol
 * when a side spoke no TLS. */
void application_name(struct application *a, struct handshake *hs);

/* "nDPI 4.2.0", for -V. */
const char *application_version(void);

#endif
