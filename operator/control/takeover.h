/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking over, in place, what the original operator (banzaicloud/istio-operator, v1) made for the
 * same MeshGateway. Pure.
 *
 * It wrote whole objects, so it owns each of their fields, and our apply would leave in place what
 * we do not state. So before the first apply its ownership of what must go then becomes ours
 * (KEP-555; client-go's csaupgrade does the same). All else that it owned is nobody's afterwards
 * and stays as it is until somebody writes it: replicas, addresses and ports that the server
 * allocated, finalizers, annotations.
 *
 * An object that was taken over bears a mark, which comes with the change of owners and goes when
 * nothing of the original operator is left. So a restart knows what is to be done, and a gateway
 * that never was the original operator's costs nothing.
 */
#pragma once

#include "control/store.h"

#define TAKEOVER_MARK "meshgateway.banzaicloud.io/takeover"
/* Field manager of the mark on an object whose fields nobody owned. */
#define TAKEOVER_MANAGER "meshgateway-operator-takeover"

bool takeover_is_marked(const json_t *object);

/* Whether nobody is said to own any field: the object is older than the API server's book-keeping
 * and the next apply would give them all to a manager "before-first-apply". */
bool takeover_is_untracked(const json_t *object);

/*
 * The merge patch that makes the change of owners and sets the mark, for an object controlled by
 * the gateway with this uid, as it was read. It holds its resource version. New; NULL when the
 * original operator owns nothing of it.
 */
json_t *takeover_patch(const json_t *object, const char *uid);

/* An object that the original operator made under a name, or of a kind, that we do not use. */
struct takeover_left_over {
    const struct object_kind *kind;
    const char *suffix; /* of the gateway's name */
    bool identity;      /* running pods may use it */
    bool cluster_scoped;
};

#define TAKEOVER_LEFT_OVERS 7
extern const struct takeover_left_over takeover_left_overs[TAKEOVER_LEFT_OVERS];
