/* SPDX-License-Identifier: Apache-2.0 */
/* What the objects of a gateway share: labels, selector, metadata, and merging of lists. */
#pragma once

#include "data/meshgateway.h"
#include "data/object.h"

/* Seen by every client that the operator has its hands on the object; the informers select it. */
#define COMMON_MANAGED_BY       "app.kubernetes.io/managed-by"
#define COMMON_MANAGED_BY_VALUE "meshgateway-operator"

/* Ingress class of the solvers of challenges that the operator routes; nobody else serves it. */
#define COMMON_SOLVER_CLASS "meshgateway-acme"

/*
 * The labels of every object: ours, then `defaults` (of this object only), then spec.labels, then
 * `own` (what the spec says about this object). Later ones win, but nobody changes gateway-name,
 * gateway-namespace and app.kubernetes.io/managed-by. Both maps are borrowed and may be NULL. New.
 */
json_t *common_labels(const struct meshgateway *gw, const json_t *defaults, const json_t *own);
/* {gateway-name: …}: all that Deployment, Service and PDB ever select by. New. */
json_t *common_selector(const struct meshgateway *gw);
/*
 * A whole object. The owner reference is there when the gateway has a uid, so not for a file that
 * is rendered offline. `own` as in common_labels, `annotations` borrowed or NULL. `spec` is
 * stolen; NULL when the kind has none.
 */
json_t *common_object(const struct meshgateway *gw, const struct object_kind *kind,
                      const char *name, const json_t *own, const json_t *annotations, json_t *spec);
/*
 * The union of two lists of objects: an element of `over` replaces the one of `base` with the same
 * string under `key`, in its place; the others follow. Both borrowed, NULL is empty. New, NULL when
 * nothing is in it.
 */
json_t *common_union(const json_t *base, const json_t *over, const char *key);
/* Whether an array, which may be NULL, has this string. */
bool common_has(const json_t *list, const char *text);
