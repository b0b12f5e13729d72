/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a protected TLS 1.3 record can be by its length (RFC 8446 section 5.2:
 * length = content + 1 byte of type + padding + tag).
 *
 * Stacks pad in one of three ways: not at all, with 16 zero bytes on every
 * record (JSSE), or up to a multiple of 16 bytes (Mbed TLS). The suite, which
 * is readable, gives the hash (size of Finished) and the tag.
 */
#ifndef HANDSHAKE_RECORD_CLASS_H
#define HANDSHAKE_RECORD_CLASS_H

#include "known/known.h"

enum record_padding { PADDING_NONE, PADDING_16_ZEROS, PADDING_TO_16 };

struct record_sizes {
    uint8_t tag;  /* 16, or 8 for CCM_8 */
    uint8_t hash; /* 32 or 48 */
};

/* Those of a suite; of an unknown one the most usual. */
static inline struct record_sizes record_sizes_of(uint16_t cipher)
{
    const struct known_suite *k = known_suite(cipher);
    struct record_sizes s = {16, 32};
    if (k) {
        s.hash = k->hash_bytes == 48 ? 48 : 32;
        s.tag = k->mode == MODE_CCM8 ? 8 : 16;
    }
    return s;
}

/* Content sizes of the messages that matter. */
enum {
    CONTENT_ALERT = 2,
    CONTENT_END_OF_EARLY_DATA = 4,
    CONTENT_EMPTY_CERTIFICATE = 8,
    CONTENT_FINISHED_HEADER = 4,
};

static inline uint32_t record_length(struct record_sizes s, uint32_t content,
                                     enum record_padding padding)
{
    uint32_t inner = content + 1;
    if (padding == PADDING_16_ZEROS) {
        inner += 16;
    } else if (padding == PADDING_TO_16) {
        inner = (inner + 15) / 16 * 16;
    }
    return inner + s.tag;
}

static inline bool record_may_be(struct record_sizes s, uint32_t len,
                                 uint32_t content)
{
    return len == record_length(s, content, PADDING_NONE) ||
           len == record_length(s, content, PADDING_16_ZEROS) ||
           len == record_length(s, content, PADDING_TO_16);
}

static inline uint32_t record_finished_content(struct record_sizes s)
{
    return CONTENT_FINISHED_HEADER + (uint32_t)s.hash;
}

static inline bool record_may_be_alert(struct record_sizes s, uint32_t len)
{
    return record_may_be(s, len, CONTENT_ALERT);
}

/* How the sender of a record pads that can only be its Finished. False when
 * the length is none of a Finished. */
static inline bool record_padding_of_finished(struct record_sizes s,
                                              uint32_t len,
                                              enum record_padding *out)
{
    uint32_t content = CONTENT_FINISHED_HEADER + (uint32_t)s.hash;
    for (int p = PADDING_NONE; p <= PADDING_TO_16; p++) {
        if (len == record_length(s, content, (enum record_padding)p)) {
            *out = (enum record_padding)p;
            return true;
        }
    }
    return false;
}

static inline bool record_may_be_finished(struct record_sizes s, uint32_t len)
{
    return record_may_be(s, len, record_finished_content(s));
}

/* An empty Certificate and the Finished in one record. */
static inline bool record_may_be_empty_and_finished(struct record_sizes s,
                                                    uint32_t len)
{
    return len == record_length(
                      s, CONTENT_EMPTY_CERTIFICATE + record_finished_content(s),
                      PADDING_NONE);
}

/* The least that a record with a Finished in it weighs. */
static inline uint32_t record_finished_min(struct record_sizes s)
{
    return record_length(s, record_finished_content(s), PADDING_NONE);
}

#endif
