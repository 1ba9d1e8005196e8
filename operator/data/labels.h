/* SPDX-License-Identifier: Apache-2.0 */
/* Label selectors (metav1.LabelSelector). Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/*
 * Whether labels match a selector's matchLabels and matchExpressions. An absent or empty selector
 * matches everything; a requirement with an unknown operator matches nothing, as in the API.
 */
bool labels_match(const json_t *selector, const json_t *labels);
/* The value of a label, borrowed; NULL when it is not there. */
const char *labels_get(const json_t *labels, const char *key);
