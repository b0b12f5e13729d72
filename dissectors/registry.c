/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of carriers, made from the list that compiles them (list.am): each
 * file x.c there exports x_dissector.
 */
#include "dissectors/dissector.h"

#define X(name) extern const struct dissector name##_dissector;
#include "dissectors/list.inc"
#undef X

const struct dissector *const dissectors[] = {
#define X(name) &name##_dissector,
#include "dissectors/list.inc"
#undef X
    NULL,
};
