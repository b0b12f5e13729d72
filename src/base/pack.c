/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pack.h"

void pack_uint(struct packer *w, uint64_t v)
{
    while (v >= 0x80) {
        *w->at++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *w->at++ = (uint8_t)v;
}

/* Small negative numbers get small as well: the sign comes last. */
void pack_int(struct packer *w, int64_t v)
{
    pack_uint(w, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void pack_bytes(struct packer *w, struct span s)
{
    if (s.n) {
        memcpy(w->at, s.p, s.n);
        w->at += s.n;
    }
}

uint64_t unpack_uint(struct cursor *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = cursor_u8(c, "packed number");
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            break;
        }
    }
    return v;
}

int64_t unpack_int(struct cursor *c)
{
    uint64_t v = unpack_uint(c);
    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}
