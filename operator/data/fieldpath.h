/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where one is inside a document, as a chain of steps on the call stack: it costs nothing until a
 * problem has to be told.
 */
#pragma once

#include "data/problems.h"

#include <stddef.h>

struct fieldpath {
    const struct fieldpath *up; /* NULL: the document itself */
    const char *key;            /* member of an object; NULL: an element of an array */
    size_t index;
};

#define FIELD(up_, key_)                                                                           \
    (&(const struct fieldpath){                                                                    \
        .up = (up_),                                                                               \
        .key = (key_),                                                                             \
    })
#define ELEMENT(up_, index_)                                                                       \
    (&(const struct fieldpath){                                                                    \
        .up = (up_),                                                                               \
        .index = (index_),                                                                         \
    })

/*
 * "spec.ports[1].port"; a key that is no plain word is quoted, metadata.labels["a.b/c"], as
 * yamlio_line reads it. NULL is "". The caller frees.
 */
char *fieldpath_text(const struct fieldpath *path) __attribute__((returns_nonnull));
/* problems_add with such a path. */
void fieldpath_problem(const struct fieldpath *path, struct problems *problems, const char *fmt,
                       ...) PRINTF_LIKE(3, 4);
