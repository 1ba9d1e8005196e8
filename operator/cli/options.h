/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GNU long options from a table. A command describes its options once, as offsets into a struct of
 * its own; parsing and --help both come from that table. Repetition, abbreviations, "--opt=value"
 * and "--" are getopt_long's.
 */
#pragma once

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

enum options_type {
    OPTIONS_FLAG,     /* bool */
    OPTIONS_TEXT,     /* const char *; the last one wins */
    OPTIONS_CHOICE,   /* const char *: one of the words in `value`, "yaml|json" */
    OPTIONS_LIST,     /* struct options_list: each time one more */
    OPTIONS_NUMBER,   /* int within [min, max] */
    OPTIONS_DURATION, /* int, milliseconds within [min, max]: "15s", "1m30s", "0.5s", "500ms" */
};

struct options_list {
    const char **items; /* the texts belong to argv */
    size_t count;
};

struct options_item {
    const char *name; /* "namespace"; NULL ends the table */
    char letter;      /* 'n', or 0 for none */
    enum options_type type;
    const char *value; /* what the help calls the value; NULL for a flag */
    size_t offset;     /* of the field in the command's struct */
    int min, max;
    bool required;    /* of a list: at least one must be given */
    const char *help; /* what it does, with its default; lines split by '\n' */
};

struct options_command {
    const char *name;        /* "render" */
    const char *synopsis;    /* what follows the name in the usage line */
    const char *description; /* one paragraph */
    const char *example;     /* indented lines */
    const struct options_item *items;
    bool operand;          /* one operand may be given, */
    size_t operand_offset; /* … a const char *, that goes here */
};

/* --help, which every command has beside what its table says. */
extern const struct options_item options_help;

/*
 * Reads argv[1…] into *into, which holds the defaults beforehand; lists in it are freed by the
 * caller in any case. True: go on. False: the command is over with *ret_status, because help was
 * asked for and printed, or because something is wrong and a line on stderr says what. More
 * operands than the command has are wrong.
 */
bool options_parse(const struct options_command *command, int argc, char **argv, void *into,
                   int *ret_status) MUST_CHECK;
