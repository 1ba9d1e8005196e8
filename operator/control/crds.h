/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the APIs that are no part of Kubernetes are installed: those of Istio and cert-manager.
 * Follows the CustomResourceDefinitions, so that what is installed later is noticed.
 */
#pragma once

#include "kube/kube.h"

struct crds;

/* changed: another API is there, or one no longer. */
struct crds *crds_new(struct loop *loop, struct kube *kube, loop_cb *changed, void *arg);
void crds_free(struct crds *crds);

/* False until the first look at them is complete; then nothing is there. Why not: *err. */
bool crds_are_known(const struct crds *crds, struct err *err);
/* Where the operator may not look, none counts as installed. */
bool crds_has(const struct crds *crds, const struct object_kind *kind);
