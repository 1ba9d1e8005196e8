/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IstioMeshGateway (servicemesh.cisco.com/v1alpha1), of the successor of the operator whose API
 * ours is, to a MeshGateway.
 */
#pragma once

#include "data/problems.h"

#include <jansson.h>
#include <stdbool.h>

/* Whether a document is one. */
bool convert_imgw_is(const json_t *document);
/*
 * A new MeshGateway. notes: everything that could not be carried over, or means something else now,
 * with its path in the document. The result is still to be validated: what is wrong in the source
 * is wrong in it.
 */
json_t *convert_imgw(json_t *document, struct problems *notes);
