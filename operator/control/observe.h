/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking in what the API server says about children: from a watch or from the answer to a write,
 * into the store's small records.
 */
#pragma once

#include "control/around.h"
#include "control/store.h"
#include "data/meshgateway.h"

enum observe_owner {
    OBSERVE_OURS,    /* controlled by this gateway */
    OBSERVE_ADOPT,   /* of an earlier gateway of this name, or orphaned with our labels */
    OBSERVE_FOREIGN, /* somebody else's */
};

/* Whose is the object, seen from the gateway with this name and uid? */
enum observe_owner observe_owner(const json_t *object, const char *gateway, const char *uid);

/* Whether the object is, or says that it is, the child of a gateway that is known. */
bool observe_concerns(const struct store *store, const struct object_kind *kind,
                      const json_t *object);
/*
 * A child was added or changed. Returns its gateway when that wants a pass now: the child drifted,
 * or what the status tells of it changed. NULL: nothing to do, or nobody's child.
 */
struct store_gateway *observe_changed(struct store *store, const struct around *around,
                                      const struct object_kind *kind, const json_t *object);
/* A child is gone, or left our watch. Returns its gateway as above. */
struct store_gateway *observe_deleted(struct store *store, const struct object_kind *kind,
                                      const json_t *object);
/* The answer to our apply of the desired object `body` with digest `desired`. */
void observe_applied(struct store_gateway *gw, const struct object_kind *kind, const json_t *body,
                     uint64_t desired, const json_t *object);
