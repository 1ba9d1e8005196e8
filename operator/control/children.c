/* SPDX-License-Identifier: Apache-2.0 */
#include "control/children.h"

#include "control/observe.h"
#include "control/rolls.h"
#include "data/jsonread.h"
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
    free(children->early[index].ns);
    free(children->early[index].text);
    children->early[index] = children->early[--children->early_count];
}

/* All that a child of an optional kind is compared by, as text: without its status. */
static char *text_of(const json_t *object)
{
    json_auto_t *copy = json_copy((json_t *)(uintptr_t)object);
    json_auto_t *metadata = json_copy(json_object_get(object, "metadata"));
    json_auto_t *managers = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach (jx_array(metadata, "managedFields"), i, entry)
        if (!jx_str(entry, "subresource", NULL))
            json_array_append(managers, entry);
    json_object_set(metadata, "managedFields", managers);
    json_object_set(copy, "metadata", metadata);
    json_object_del(copy, "status");
    return jx_compact(copy);
}

static void keep_early(struct children *children, const struct object_kind *kind,
                       const json_t *object)
{
    if (children->early_count == children->early_cap) {
        children->early_cap = children->early_cap ? 2 * children->early_cap : 64;
        children->early = xrealloc(children->early, children->early_cap * sizeof(*children->early));
    }
    struct children_early *early = &children->early[children->early_count++];
    char version[STORE_VERSION_LEN];
    *early = (struct children_early){
        .kind = kind, .ns = xstrdup(object_namespace(object)), .text = text_of(object)};
    store_identify(early->uid, version, object);
}

void children_begin(struct children *children, const struct object_kind *kind, const char *scope)
{
    for (size_t i = children->early_count; i > 0; i--) {
        const struct children_early *early = &children->early[i - 1];
        if (early->kind == kind && object_in_scope(scope, early->ns))
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
        if (strcmp(children->early[i - 1].uid, object_uid(object)) == 0)
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
    for (size_t i = 0; i < children->early_count; i++) {
        const struct children_early *early = &children->early[i];
        json_auto_t *object = jsonread_bytes(early->text, strlen(early->text), NULL);
        children_changed(children, early->kind, object, QUEUE_BACKGROUND);
    }
    children_done(children);
}

void children_done(struct children *children)
{
    while (children->early_count > 0)
        drop_early(children, children->early_count - 1);
    free(TAKE(children->early));
    children->early_cap = 0;
}
