/* SPDX-License-Identifier: Apache-2.0 */
/* The face that libFuzzer wants; $TLSWHY_FUZZ names the target. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = getenv("TLSWHY_FUZZ");
    (void)argc;
    (void)argv;
    for (target = fuzz_targets; target->name; target++) {
        if (name && strcmp(name, target->name) == 0) {
            return 0;
        }
    }
    fprintf(stderr, "TLSWHY_FUZZ must be one of:");
    for (target = fuzz_targets; target->name; target++) {
        fprintf(stderr, " %s", target->name);
    }
    fputc('\n', stderr);
    exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    target->run(span_of(data, n));
    return 0;
}
