/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pretended API server for tests of what decides: applies a plan to objects in memory, as
 * server-side apply would as far as the tests need it.
 */
#pragma once

#include "control/plan.h"

/* Text with ' for " -> JSON; fails the test when it is none. */
json_t *cluster_json(const char *text);
/* A stored MeshGateway "default/gw" with this uid and spec. */
json_t *cluster_gateway(const char *uid, const char *spec);
/* What the server would store for the step's body: a uid, the given version, defaults. */
json_t *cluster_stored(const struct plan_step *step, const char *version);
/* Plans for the stored gateway; fails the test when its spec is invalid. */
void cluster_plan(const struct store_gateway *known, struct plan *ret);
/* … with what rendering knows of the world. */
void cluster_plan_in(const struct store_gateway *known, const struct templates_live *live,
                     struct plan *ret);
/* Carries out all steps of a plan as if the server had answered; returns how many. */
size_t cluster_carry_out(struct store *store, const char *key, const struct plan *plan);
