/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture as a list of frames that a test may change, and the records that it
 * then gives.
 */
#ifndef UNIT_REWRITE_H
#define UNIT_REWRITE_H

#include "base/limits.h"
#include "decode/packet.h"
#include "judge/judge.h"

#include <jansson.h>

struct piece {
    struct frame f;
    uint8_t *bytes;  /* of f.data; owned */
    struct packet k; /* spans into f.data */
    bool plain;      /* TCP right behind IPv4 or IPv6: can be rewritten */
    size_t ip, tcp;  /* where the headers begin */
    size_t header;   /* bytes before the payload */
};

struct frames {
    struct piece *v;
    size_t n, size;
    uint64_t random;
};

/* A number below `below`, the same ones in every run. */
uint64_t frames_draw(struct frames *l, uint64_t below);

/* Appends a copy of p; with frames_put(), a segment like it with other
 * payload, and checksums that fit. */
void frames_put_same(struct frames *l, const struct piece *p);
void frames_put(struct frames *l, const struct piece *p, uint32_t seq,
                unsigned flags, struct span payload);

struct frames frames_load(const char *path);
void frames_free(struct frames *l);

bool piece_has_data(const struct piece *p);
bool piece_same_way(const struct piece *a, const struct piece *b);

/* All records of the frames as JSON, without what says how they were cut:
 * numbers of packets and bytes, frames, times. The caller's. */
json_t *frames_analyse(const struct frames *l, struct trust *trust);

/* Sanitizers take several times the time: they see one capture of so many. */
#ifdef __SANITIZE_ADDRESS__
#define CAPTURES_STEP 4
#else
#define CAPTURES_STEP 1
#endif

/* Calls each() with every capture of pcaps/, or every CAPTURES_STEP-th, and
 * trust in its root. */
void each_capture(void (*each)(void *ctx, const char *path, const char *name,
                               struct trust *trust),
                  void *ctx);

#endif
