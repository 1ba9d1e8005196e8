/* SPDX-License-Identifier: Apache-2.0 */
/* metadata of an object, as the API server checks it at creation. */
#pragma once

#include "data/problems.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * Names, labels, annotations, owners and finalizers; the types of the fields are data/schema's.
 * Without a namespace it is that of the context, and fine.
 *
 * True when the API server would go on to CEL rules: it does not when something required is
 * missing or the annotations are too big.
 */
bool objectmeta_check(const json_t *object, struct problems *problems);
/* [prefix/]name, as labels, annotations and finalizers are named; any_case: upper case is fine in
 * the prefix too, as in annotations. */
bool objectmeta_is_key(const char *text, bool any_case);
