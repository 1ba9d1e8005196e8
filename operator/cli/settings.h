/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's configuration as the command line gives it: a file, and single values over it. */
#pragma once

#include "cli/options.h"
#include "data/config.h"

struct settings {
    const char *file;         /* of --config, or NULL */
    struct options_list sets; /* of --set */
};

/* The rows of a table of options for a `struct settings` that is a member of `type_`. */
#define SETTINGS_OPTIONS(type_, member_)                                                           \
    {.name = "config",                                                                             \
     .type = OPTIONS_TEXT,                                                                         \
     .value = "FILE",                                                                              \
     .offset = offsetof(type_, member_.file),                                                      \
     .help = "the operator's configuration file; without it, its defaults"},                       \
    {                                                                                              \
        .name = "set", .type = OPTIONS_LIST, .value = "KEY=VALUE",                                 \
        .offset = offsetof(type_, member_.sets),                                                   \
        .help = "a value of the configuration, over the file's; may be repeated"                   \
    }

/* *ret is uninitialised. */
int settings_load(const struct settings *settings, struct config *ret, struct err *err) MUST_CHECK;
void settings_done(struct settings *settings);
