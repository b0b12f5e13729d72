/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sizes of TLS 1.3's protected server flight tell about the
 * certificate inside, where no key opens it.
 */
#ifndef JUDGE_FLIGHT_H
#define JUDGE_FLIGHT_H

#include "handshake/cert.h"
#include "handshake/handshake.h"
#include "handshake/record_class.h"

struct hidden_certificate {
    bool seen;       /* Certificate, CertificateVerify and Finished travelled in
                        records of their own */
    uint32_t bytes;  /* of the Certificate message, at most (padding) */
    bool alone;      /* it has no room for a second certificate */
    bool compressed; /* maybe: the client can take it compressed */
    enum cert_key key; /* of the leaf, by the size of its signature */
    uint16_t key_bits; /* 0: unknown */
};

void flight_look(const struct handshake *hs, struct hidden_certificate *out);

/* How the server pads its records, where its TLS 1.3 flight shows it. */
bool flight_padding(const struct handshake *hs, enum record_padding *out);

/* TLS 1.3: the server's alert that turned down what the client answered to a
 * request for its certificate after the handshake (RFC 8446 section 4.6.2), by
 * sizes and order of the records; NULL when there was none. */
const struct hs_event *flight_late_refusal(const struct handshake *hs);

#endif
