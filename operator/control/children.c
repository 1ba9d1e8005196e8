/* SPDX-License-Identifier: Apache-2.0 */
#include "control/children.h"

#include "control/observe.h"
#include "control/rolls.h"

#include <utlist.h>

void children_begin(const struct children *children, const struct object_kind *kind,
                    const char *scope)
{
    struct store_gateway *gw, *next;
    HASH_ITER (hh, children->store->gateways, gw, next) {
        struct store_child *child;
        LL_FOREACH (gw->children, child)
            if (child->kind == kind && store_in_scope(scope, gw->key))
                child->seen = false;
    }
}

void children_changed(const struct children *children, const struct object_kind *kind,
                      const json_t *object, enum queue_priority priority)
{
    const struct store_gateway *gw =
        observe_changed(children->store, children->around, kind, object);
    if (!gw)
        return;
    if (kind == &object_deployment)
        rolls_look(children->around->rolls, gw->key);
    queue_add(children->queue, gw->key, priority);
}

void children_deleted(const struct children *children, const struct object_kind *kind,
                      const json_t *object)
{
    const struct store_gateway *gw = observe_deleted(children->store, kind, object);
    if (gw)
        queue_add(children->queue, gw->key, QUEUE_NORMAL);
}

void children_synced(const struct children *children, const struct object_kind *kind,
                     const char *scope)
{
    struct store_gateway *gw, *next;
    HASH_ITER (hh, children->store->gateways, gw, next) {
        struct store_child *child, *next_child;
        LL_FOREACH_SAFE(gw->children, child, next_child)
        {
            if (child->kind != kind || child->seen || !store_in_scope(scope, gw->key))
                continue;
            store_child_remove(gw, child);
            queue_add(children->queue, gw->key, QUEUE_BACKGROUND);
        }
    }
}
