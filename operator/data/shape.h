/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What shape a field of the spec has, as far as the program relies on it. Problems get the path
 * "spec." and what is given here.
 */
#pragma once

#include "data/problems.h"

#include <jansson.h>

enum shape {
    SHAPE_GROUP, /* an object whose members have rows of their own */
    SHAPE_STRING,
    SHAPE_BOOL,
    SHAPE_COUNT, /* an integer that Kubernetes stores as int32, not negative */
    SHAPE_COUNT_OR_STRING,
    SHAPE_OBJECT,
    SHAPE_STRING_MAP,
    SHAPE_STRINGS,
    SHAPE_OBJECTS,
    SHAPE_NAMED,   /* a list of objects, each with a name */
    SHAPE_PATCHES, /* a list of objects in which null means something */
};

/* Whether the value has the shape; if not, problems are added. */
bool shape_check(const json_t *value, enum shape shape, const char *path,
                 struct problems *problems);
/* Adds a problem and returns false unless ok. `member` is appended to the path. */
bool shape_expect(bool ok, struct problems *problems, const char *path, const char *member,
                  const char *what);
/* Whether it is an integer that Kubernetes stores as int32, not negative. */
bool shape_is_count(const json_t *value);
