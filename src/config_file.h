/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of settings: a line each, `name = value` or `name` alone, # for
 * comments. A value may stand in double quotes, which keep its spaces.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdbool.h>

/* Takes a setting; value NULL: the name stood alone. Both are valid for the
 * call only. False with what is wrong in error[]. */
typedef bool config_setting(void *ctx, const char *name, const char *value,
                            char error[256]);

/* On failure false, with "FILE: what" or "FILE:LINE: what" in error[]. */
bool config_file_read(const char *path, config_setting *set, void *ctx,
                      char error[256]);

#endif
