/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed certificates (RFC 8879). */
#ifndef DISSECTORS_CERT_COMPRESS_H
#define DISSECTORS_CERT_COMPRESS_H

#include "base/span.h"

/* The largest Certificate message that is uncompressed: four times what is kept
 * of it. A message that claims more is left alone. */
#define UNCOMPRESSED_MAX (128u * 1024)

/* The body of a CompressedCertificate message as the body of a Certificate
 * message; malloc'd, the caller frees p. NULL with n 0 when the message is
 * malformed, its algorithm unknown or not compiled in, or the result would be
 * too large. */
struct uncompressed {
    uint8_t *p;
    size_t n;
};
struct uncompressed cert_uncompress(struct span body);

#endif
