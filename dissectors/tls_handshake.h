/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handshake message means for the handshake, for all framings: TLS
 * records, DTLS fragments, QUIC CRYPTO frames.
 */
#ifndef DISSECTORS_TLS_HANDSHAKE_H
#define DISSECTORS_TLS_HANDSHAKE_H

#include "handshake/handshake.h"

struct tls_message {
    enum side side;
    uint8_t type;     /* HandshakeType (RFC 8446 appendix B.3) */
    bool whole;       /* nothing of it is missing */
    bool opened;      /* it was decrypted with secrets */
    uint32_t total;   /* its length on the wire, with its header */
    struct span body; /* without its header, as far as captured */
    tick_t when;      /* of the packet that completed it */
    uint64_t frame;
};

/* Notes the message and keeps its body where it is needed later. hs->flavour
 * tells how to read it. What was decrypted may be compressed (RFC 8879), is no
 * hello, and repeats itself at most a few times in the timeline. */
void tls_handshake_message(struct handshake *hs, const struct tls_message *m);

/* The length of the connection ID that the sender of a hello wants to see in
 * what it receives (RFC 9146, RFC 9147); -1 when it says nothing of it. */
int tls_hello_cid(struct span body, bool client, bool dtls);

#endif
