/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API server does to an object between reading and validating it: finding fields that the
 * schema does not know, removing nulls where null is no value, filling in defaults.
 */
#pragma once

#include "data/fieldpath.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * In place. Unknown fields become problems and stay. `schema` NULL: everything in here is unknown.
 * Returns false when there was an unknown field.
 */
bool schema_fill(const json_t *schema, json_t *value, const struct fieldpath *path,
                 struct problems *problems);
