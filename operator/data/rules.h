/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CEL rules of crds/meshgateways.yaml, mirrored by hand with the same messages, for validation
 * without an API server and for stored resources that are older than a rule. Change them together
 * with hack/crd/rules.py; tests/integration/test_validation.py compares both.
 *
 * "", {} and [] count as unset, as everywhere in the spec.
 */
#pragma once

#include "data/problems.h"

#include <jansson.h>

/* Tolerates any JSON: what has the wrong type reads as absent here, other checks tell it. */
void rules_check(const json_t *object, struct problems *problems);
