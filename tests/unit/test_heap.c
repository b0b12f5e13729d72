/* SPDX-License-Identifier: Apache-2.0 */
/* Huge pages for the heap, as /proc/self/smaps tells: "hg" is what was asked
 * for, whether or not the kernel has any to give. */
#include "base/heap.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parts of the heap, and how many of them are to be in huge pages. */
struct parts {
    unsigned all, huge;
};

static struct parts heap_parts(void)
{
    struct parts n = {0};
    char line[512];
    bool heap = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    if (!f) {
        cr_skip_test("no /proc/self/smaps");
    }
    while (fgets(line, sizeof line, f)) {
        if (strstr(line, "[heap]")) {
            heap = true;
            n.all++;
        }
        if (heap && strncmp(line, "VmFlags:", 8) == 0) {
            n.huge += strstr(line, " hg") != NULL;
            heap = false;
        }
    }
    fclose(f);
    return n;
}

Test(heap, grows_in_huge_pages)
{
    enum { PIECES = 3000, PIECE_BYTES = 60000 };
    static char *v[PIECES];
    const char *end = sbrk(0);
    heap_advise();
    cr_expect_eq(heap_parts().huge, 0u, "not before heap_init()");
    heap_init();
    for (unsigned i = 0; i < PIECES; i++) {
        v[i] = malloc(PIECE_BYTES);
        cr_assert(v[i]);
        heap_advise();
    }
    if (sbrk(0) == end || access("/sys/kernel/mm/transparent_hugepage", F_OK)) {
        cr_skip_test("another allocator, or a kernel without huge pages");
    }
    struct parts after = heap_parts();
    cr_expect_geq(after.huge, 1u);
    cr_expect_leq(after.all - after.huge, 1u,
                  "only what was there before heap_init()");
    for (unsigned i = 0; i < PIECES; i++) {
        free(v[i]);
    }
}
