/* SPDX-License-Identifier: Apache-2.0 */
/* make-seeds DIRECTORY CAPTURE...: DIRECTORY/TARGET/CAPTURE-NUMBER for each
 * seed. */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

struct output {
    const char *directory;
    const char *target, *capture;
    unsigned n;
};

static void write_seed(void *ctx, struct span seed)
{
    struct output *o = ctx;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s-%u", o->directory, o->target,
             o->capture, o->n++);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(seed.p, 1, seed.n, f) != seed.n || fclose(f) != 0) {
        perror(path);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: make-seeds DIRECTORY CAPTURE...\n");
        return 2;
    }
    for (const struct fuzz_target *t = fuzz_targets; t->name; t++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], t->name);
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            perror(path);
            return 1;
        }
        for (int i = 2; i < argc; i++) {
            const char *slash = strrchr(argv[i], '/');
            struct output o = {.directory = argv[1],
                               .target = t->name,
                               .capture = slash ? slash + 1 : argv[i]};
            fuzz_seeds(t->name, argv[i], write_seed, &o);
        }
    }
    return 0;
}
