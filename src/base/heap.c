/* SPDX-License-Identifier: Apache-2.0 */
/* What glibc does with GLIBC_TUNABLES=glibc.malloc.hugetlb=1, which is read
 * before main() and so can be set by users only. */
#include "base/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Address space, not memory: what is not touched takes none. */
#define STEP_BYTES (64 << 20)

static _Atomic uintptr_t advised; /* up to where */

void heap_init(void)
{
#ifdef M_TOP_PAD
    mallopt(M_TOP_PAD, STEP_BYTES);
    mallopt(M_TRIM_THRESHOLD, 2 * STEP_BYTES);
    advised = (uintptr_t)sbrk(0);
#endif
}

void heap_advise(void)
{
    uintptr_t from = advised;
    uintptr_t end = (uintptr_t)sbrk(0);
    if (!from || end == from) {
        return;
    }
    advised = end; /* less than before when memory was given back */
    if (end > from) {
        uintptr_t begin = from & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): the end is a number */
        madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    }
}
