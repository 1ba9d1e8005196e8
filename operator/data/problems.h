/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a document: a list, so that all of it is told at once. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct problem {
    char *path;    /* of the field: "spec.ports[1].port"; "" for the document as a whole */
    char *message; /* for people, without the path */
};

struct problems {
    struct problem *items;
    size_t count;
};

#define PROBLEMS_INIT                                                                              \
    {                                                                                              \
        .items = NULL                                                                              \
    }
#define AUTO_PROBLEMS AUTO(problems_done)

/* Adds one; the same path and message a second time, and more than LIMIT_PROBLEMS, are left out. */
void problems_add(struct problems *list, const char *path, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Fills err with ERR_INVALID and "path: message; path: message; …". Returns -1; 0 for an empty
 * list. */
int problems_to_err(const struct problems *list, struct err *err);
void problems_done(struct problems *list);
