/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams to the system: failures to its log (syslog, journald), and the
 * service's state to systemd. The sockets are connected at the start, as a
 * confined process can make no others.
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "report/report.h"

/* ---- the system's log ---- */

#define MESSAGES_LOG "/dev/log"

struct syslog_outlet;

/* On failure NULL and one line in error[]. */
struct syslog_outlet *syslog_outlet_new(const char *path, char error[256]);
void syslog_outlet_free(struct syslog_outlet *s);

/* One message for a failed handshake, on one line; others are ignored. */
void syslog_outlet_record(struct syslog_outlet *s, const struct record *r);

/* The socket, which is connected again when the log was restarted. */
int syslog_outlet_socket(const struct syslog_outlet *s);
uint64_t syslog_outlet_lost(const struct syslog_outlet *s);

/* ---- systemd (sd_notify(3)) ---- */

struct service {
    int fd;       /* -1: not started by systemd, or it does not care */
    tick_t every; /* between signs of life; 0: not wanted */
    tick_t due;
};

/* Looks for NOTIFY_SOCKET and WATCHDOG_USEC. */
void service_init(struct service *s);
void service_ready(const struct service *s);
/* A sign of life, when it is time. */
void service_alive(struct service *s);
void service_stopping(struct service *s);

#endif
