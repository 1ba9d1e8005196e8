/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes' strategic merge patch: a partial object; null removes a member; lists that have a
 * merge key are merged by it, all others replaced. After k8s.io/apimachinery's
 * pkg/util/strategicpatch, with the merge keys that k8s.io/api declares for the kinds a gateway is
 * made of. Kinds without any, such as custom resources, have plain lists.
 *
 * Directives: $patch: delete, replace or merge (which is the default, and refused by kubectl);
 * $deleteFromPrimitiveList/LIST, $setElementOrder/LIST, $retainKeys. Where Kubernetes leaves the
 * order to chance, removals come last.
 */
#pragma once

#include "data/fieldpath.h"
#include "data/object.h"

/*
 * New value; inner parts may be shared with the object, not with the patch. NULL with problems
 * added when the patch makes no sense; their paths begin at `at`, where the patch stands in the
 * user's document.
 */
json_t *strategicmerge_apply(const struct object_kind *kind, const json_t *object,
                             const json_t *patch, const struct fieldpath *at,
                             struct problems *problems);
