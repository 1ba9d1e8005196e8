/* SPDX-License-Identifier: Apache-2.0 */
/* One value against one schema: types, bounds, patterns, choices, list types, to any depth. */
#pragma once

#include "data/fieldpath.h"
#include "data/pattern.h"

#include <jansson.h>
#include <stdbool.h>

struct schema_value {
    struct pattern_cache *patterns;
    struct problems *problems;
    /* Set when something is wrong that keeps the API server from judging CEL rules. */
    bool blocked;
};

/* `schema` is one node of a structural schema. The value is not changed. */
void schema_value_check(struct schema_value *check, const json_t *schema, const json_t *value,
                        const struct fieldpath *path);
