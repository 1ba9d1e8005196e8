/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec of a MeshGateway in canonical form: each shorthand of the original API moved to the
 * nested field it stands for (it wins should both be set, which data/rules.h refuses), unset values
 * ("", {}, [] and null) left out, types checked as far as the program relies on them. Fragments of
 * Kubernetes types are taken as they are, without nulls.
 */
#pragma once

#include "data/problems.h"

#include <jansson.h>

/*
 * New object, always; fields that make no sense are left out of it and added to problems. `spec`
 * may be anything.
 */
json_t *fold_spec(const json_t *spec, struct problems *problems);
