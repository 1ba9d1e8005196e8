/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structural schema of a CustomResourceDefinition, applied offline as the API server does it:
 * unknown fields (as with fieldValidation=Strict), removal of nulls, defaults, validation. Of
 * OpenAPI v3 it knows what structural schemas use, without anyOf and friends: those occur only
 * where x-kubernetes-int-or-string says the same.
 *
 * CEL rules are not here: data/rules mirrors them.
 */
#pragma once

#include "data/problems.h"

#include <jansson.h>
#include <stdbool.h>

struct schema;

/* From a CustomResourceDefinition with one version. ERR_INVALID when it is none. Keeps a reference.
 */
struct schema *schema_new(json_t *crd, struct err *err);
/* That of MeshGateways, which the program holds (data/crd.h). Takes some milliseconds. */
struct schema *schema_new_embedded(struct err *err);
void schema_free(struct schema *schema);

/*
 * Checks one object, apiVersion and kind included, and adds every problem. Removes its nulls and
 * fills in defaults in place. `status` is looked at for unknown fields only: the API server drops
 * it.
 *
 * True when the API server would go on to CEL rules: it does not after an unknown field, a wrong
 * type, a missing field, a value that is no choice, or something that is too long.
 */
bool schema_check(const struct schema *schema, json_t *object, struct problems *problems);
