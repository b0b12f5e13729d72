/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader: what it does not understand is an error with its line, never
 * passed over. No sections, no continued lines, no escapes.
 */
#include "config.h"

#include "config_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

/* Without the white space at both ends; changes the text. */
static char *trim(char *s)
{
    while (isspace((unsigned char)*s)) {
        s++;
    }
    size_t n = strlen(s);
    while (n > 0 && isspace((unsigned char)s[n - 1])) {
        s[--n] = '\0';
    }
    return s;
}

/* The value without its quotes; NULL when they do not match. */
static char *unquote(char *value)
{
    size_t n = strlen(value);
    if (value[0] != '"') {
        return value;
    }
    if (n < 2 || value[n - 1] != '"' || memchr(value + 1, '"', n - 2)) {
        return NULL;
    }
    value[n - 1] = '\0';
    return value + 1;
}

static bool read_line(char *line, config_setting *set, void *ctx,
                      char error[256])
{
    char *name = trim(line);
    if (!*name || *name == '#') {
        return true;
    }
    char *value = strchr(name, '=');
    if (value) {
        *value++ = '\0';
        name = trim(name);
        value = unquote(trim(value));
        if (!value) {
            snprintf(error, 256, "the quotes of '%.64s' do not match", name);
            return false;
        }
    }
    return set(ctx, name, value, error);
}

/* fgets() would hide a NUL and cut a long line in two. */
static bool whole(const char *line, size_t n, bool last)
{
    return n > 0 && !memchr(line, '\0', n) && (line[n - 1] == '\n' || last);
}

bool config_file_read(const char *path, config_setting *set, void *ctx,
                      char error[256])
{
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(error, 256, "%.150s: %s", path, strerror(errno));
        return false;
    }
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    unsigned number = 0;
    bool ok = true;
    errno = 0;
    while (ok && (n = getline(&line, &size, file)) > 0) {
        char why[256] = "";
        number++;
        ok = n < LINE_MAX_BYTES && whole(line, (size_t)n, feof(file));
        if (!ok) {
            snprintf(why, sizeof why, "not a line of text");
        } else {
            ok = read_line(line, set, ctx, why);
        }
        if (!ok) {
            snprintf(error, 256, "%.100s:%u: %.128s", path, number, why);
        }
    }
    if (ok && ferror(file)) {
        snprintf(error, 256, "%.150s: %s", path, strerror(errno));
        ok = false;
    }
    free(line);
    fclose(file);
    return ok;
}
