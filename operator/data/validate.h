/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MeshGateway judged without a cluster, with the API server's verdict: kind, metadata, schema,
 * defaults, rules. For `lint` and `render`; in a cluster the API server has done all of it.
 */
#pragma once

#include "data/schema.h"

#include <jansson.h>

/* Adds every problem, of another kind or version only that; the object is fit for meshgateway_parse
 * when there is none. It gets its defaults, and loses its nulls, in place. */
void validate_meshgateway(const struct schema *schema, json_t *object, struct problems *problems);
