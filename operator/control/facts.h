/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few things about a child that outlive the sight of it, as a small JSON object. Pure.
 *
 * Deployment: generation, observedGeneration, wanted (spec.replicas), replicas, updated, ready,
 *   available; image of the proxy; selector: the matchLabels, when they are not the ones we would
 *   set; problem: why it makes no progress, in the words of its conditions.
 * Service: type, clusterIPs, ingress [{type, value}], externalIPs, ports [{name, port, protocol,
 *   targetPort, nodePort}].
 * Other kinds: nothing.
 */
#pragma once

#include "data/object.h"

/* The field manager of every apply of ours, and the one that holds replicas during a hand-over. */
#define FACTS_MANAGER          "meshgateway-operator"
#define FACTS_REPLICAS_MANAGER "meshgateway-operator-replicas"

/* New; NULL when there is nothing to remember. */
json_t *facts_of(const struct object_kind *kind, const json_t *object);

/* Of a Deployment's facts: every pod is of the present template, and available. */
bool facts_is_rolled_out(const json_t *deployment);
/* Pods are being replaced, and nothing stands in the way of that. */
bool facts_is_replacing(const json_t *deployment);
