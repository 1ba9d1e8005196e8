/* SPDX-License-Identifier: Apache-2.0 */
#include "control/children.h"

#include "control/observe.h"
#include "control/rolls.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static bool must_wait(const struct children *children, const struct object_kind *kind)
{
    return !children->started && templates_is_optional(kind);
}

static void drop_early(struct children *children, size_t index)
{
    json_decref(children->early[index].object);
    children->early[index] = children->early[--children->early_count];
}

static void keep_early(struct children *children, const struct object_kind *kind, json_t *object)
{
    if (children->early_count == children->early_cap) {
        children->early_cap = children->early_cap ? 2 * children->early_cap : 64;
        children->early = xrealloc(children->early, children->early_cap * sizeof(*children->early));
    }
    children->early[children->early_count++] = (struct children_early){kind, json_incref(object)};
}

void children_begin(struct children *children, const struct object_kind *kind, const char *scope)
{
    for (size_t i = children->early_count; i > 0; i--) {
        const struct children_early *early = &children->early[i - 1];
        if (early->kind == kind && object_in_scope(scope, object_namespace(early->object)))
            drop_early(children, i - 1);
    }
    struct store_gateway *gw, *next;
    HASH_ITER (hh, children->store->gateways, gw, next) {
        struct store_child *child;
        LL_FOREACH (gw->children, child)
            if (child->kind == kind && store_in_scope(scope, gw->key))
                child->seen = false;
    }
}

void children_changed(struct children *children, const struct object_kind *kind, json_t *object,
                      enum queue_priority priority)
{
    if (must_wait(children, kind)) {
        if (observe_concerns(children->store, kind, object))
            keep_early(children, kind, object);
        return;
    }
    const struct store_gateway *gw =
        observe_changed(children->store, children->around, kind, object);
    if (!gw)
        return;
    if (kind == &object_deployment)
        rolls_look(children->around->rolls, gw->key);
    queue_add(children->queue, gw->key, priority);
}

void children_deleted(struct children *children, const struct object_kind *kind,
                      const json_t *object)
{
    for (size_t i = children->early_count; i > 0; i--)
        if (strcmp(object_uid(children->early[i - 1].object), object_uid(object)) == 0)
            drop_early(children, i - 1);
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

void children_start(struct children *children)
{
    children->started = true;
    for (size_t i = 0; i < children->early_count; i++)
        children_changed(
            children, children->early[i].kind, children->early[i].object, QUEUE_BACKGROUND);
    children_done(children);
}

void children_done(struct children *children)
{
    while (children->early_count > 0)
        drop_early(children, children->early_count - 1);
    free(TAKE(children->early));
    children->early_cap = 0;
}
