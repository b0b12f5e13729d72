/* SPDX-License-Identifier: Apache-2.0 */
/* redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DB][?stream=NAME&maxlen=N], and
 * with TLS &ca=FILE&cert=FILE&key=FILE */
#ifndef SEND_REDIS_URL_H
#define SEND_REDIS_URL_H

#include <stdbool.h>
#include <stdint.h>

#define REDIS_TEXT_BYTES 256u

struct redis_url {
    char host[REDIS_TEXT_BYTES];
    char user[REDIS_TEXT_BYTES];     /* "": the default one */
    char password[REDIS_TEXT_BYTES]; /* "": none */
    char stream[REDIS_TEXT_BYTES];
    char ca[REDIS_TEXT_BYTES];   /* "": the system's */
    char cert[REDIS_TEXT_BYTES]; /* "": none */
    char key[REDIS_TEXT_BYTES];  /* "": in the same file */
    bool tls;
    uint16_t port;
    unsigned db;
    uint64_t max_length; /* of the stream, about; 0: unbounded */
};

/* Percent-encoded parts are decoded. False with one line in error[], which
 * never quotes the URL: it may hold a password. */
bool redis_url_parse(const char *text, struct redis_url *out, char error[256]);

#endif
