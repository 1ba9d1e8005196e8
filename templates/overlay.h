/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec.overlays: the user's last word on rendered objects, as patches that apply in order.
 *
 * They may not change what the operator knows an object by: apiVersion, kind, metadata but for
 * labels, annotations and finalizers, its own label, selectors, and status, which is the
 * cluster's.
 */
#pragma once

#include "data/meshgateway.h"
#include "data/object.h"

/*
 * The object (stolen) after all overlays of its kind that apply; each that does not adds a problem,
 * with its path, and is passed over. Shares nothing with the overlays.
 */
json_t *overlay_apply(const struct meshgateway *gw, const struct object_kind *kind, json_t *object,
                      struct problems *problems);
/* Adds a problem for each overlay of a kind that is not among the rendered ones. */
void overlay_check_kinds(const struct meshgateway *gw, const struct object_kind *const *rendered,
                         size_t count, struct problems *problems);
