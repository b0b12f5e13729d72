/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of encapsulations, made from the list that compiles them (list.am):
 * each file x.c there exports x_encapsulation.
 */
#include "decode/layers.h"

#define X(name) extern const struct encapsulation name##_encapsulation;
#include "decode/encap.inc"
#undef X

static const struct encapsulation *const table[] = {
#define X(name) &name##_encapsulation,
#include "decode/encap.inc"
#undef X
};

#define TABLE_N (sizeof table / sizeof table[0])

const struct encapsulation *encap_find(struct encap_key key)
{
    for (size_t i = 0; i < TABLE_N; i++) {
        for (const struct encap_key *k = table[i]->keys; k->by != BY_END; k++) {
            if (k->by == key.by && k->number == key.number) {
                return table[i];
            }
        }
    }
    return NULL;
}

size_t decoder_tunnel_ports(uint16_t ports[DECODER_TUNNEL_PORTS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < TABLE_N; i++) {
        for (const struct encap_key *k = table[i]->keys; k->by != BY_END; k++) {
            if (k->by == BY_UDP_PORT && n < DECODER_TUNNEL_PORTS_MAX) {
                ports[n++] = k->number;
            }
        }
    }
    return n;
}
