/* SPDX-License-Identifier: Apache-2.0 */
/* What the option -f names: files, folders with everything below them, "-" for standard input. */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

/* Names of files, in the order in which they are read; "-" stands for itself. Owned. */
struct input_names {
    char **items;
    size_t count;
};

/*
 * Adds the files that a path stands for: in a folder those called *.yaml, *.yml and *.json, sorted,
 * without hidden files and folders. A folder that has none is an error.
 */
int input_find(const char *path, struct input_names *names, struct err *err) MUST_CHECK;
void input_done(struct input_names *names);

/* What messages call a file: its name, or "<stdin>". Borrowed. */
const char *input_title(const char *name);
/* Appends the bytes of a file or, for "-", of standard input up to its end. */
int input_load(const char *name, struct strbuf *ret, struct err *err) MUST_CHECK;
