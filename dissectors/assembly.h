/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that arrive in pieces and in any order: the fragments of one DTLS
 * message, the CRYPTO frames of one QUIC packet number space. Bounded in bytes
 * and in holes. A zeroed struct assembly is empty and takes nothing until `max`
 * is set.
 */
#ifndef DISSECTORS_ASSEMBLY_H
#define DISSECTORS_ASSEMBLY_H

#include "base/span.h"

#define ASSEMBLY_RANGES_MAX 64u

struct assembly_range {
    uint32_t from, to; /* [from, to) is here */
};

struct assembly {
    uint8_t *buf; /* malloc'd */
    uint32_t size, max;
    struct assembly_range *range; /* malloc'd, sorted, apart */
    uint16_t range_n, range_size;
    bool conflict; /* other bytes came for a place that was filled */
};

enum assembly_put {
    ASSEMBLY_NEW,     /* at least one byte is new */
    ASSEMBLY_OLD,     /* all of it was here before */
    ASSEMBLY_REFUSED, /* beyond the bounds */
};

/* Copies a piece in. The first bytes for a place stay. */
enum assembly_put assembly_put(struct assembly *a, uint64_t offset,
                               struct span bytes);

/* What is here without a hole from the start on; borrowed until the next put.
 */
struct span assembly_prefix(const struct assembly *a);

/* Memory it holds. */
size_t assembly_bytes(const struct assembly *a);

/* Frees everything; `max` stays. */
void assembly_clear(struct assembly *a);

#endif
