/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes quantities (k8s.io/apimachinery, pkg/api/resource): the API server rewrites them, so
 * that 1024Mi is stored as 1Gi and 2000m as 2.
 */
#pragma once

#include <stdbool.h>

/*
 * Whether two texts are quantities of the same value. Exact; only beyond what Kubernetes itself
 * keeps (below 1n it rounds up, above 2^63-1 it caps) would the server see a difference elsewhere.
 * False when one of them is no quantity, or is longer than LIMIT_QUANTITY.
 */
bool quantity_equal(const char *a, const char *b);
