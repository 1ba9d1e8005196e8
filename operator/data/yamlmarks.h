/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source lines of a document's values: a tree beside the JSON, kept as one array in document
 * order. A node is followed by its children; `size` counts it and all below it.
 */
#pragma once

#include "base/mem.h"

#include <stdint.h>

#define YAMLMARKS_NO_KEY UINT32_MAX

struct yamlmarks_node {
    uint32_t line; /* from 1: of the key, the sequence entry or the document */
    uint32_t key;  /* offset in keys, YAMLMARKS_NO_KEY in a sequence */
    uint32_t size;
};

struct yamlmarks {
    struct yamlmarks_node *nodes;
    size_t count, cap;
    char *keys; /* all keys, each with its NUL */
    size_t keys_len, keys_cap;
};

/* Appends a node; it is complete after yamlmarks_close. key is NULL in a sequence. Its index. */
size_t yamlmarks_open(struct yamlmarks *marks, size_t line, const char *key);
void yamlmarks_close(struct yamlmarks *marks, size_t index);
/* Appends a copy of the children of a complete node. */
void yamlmarks_copy(struct yamlmarks *marks, size_t from);
/*
 * The line of a path like spec.ports[1].name or metadata.labels["a.b/c"]; of its nearest known
 * parent when there is no such value; 0 when there are no marks at all.
 */
int yamlmarks_line(const struct yamlmarks *marks, const char *path);
void yamlmarks_done(struct yamlmarks *marks);
