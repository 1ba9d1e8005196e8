/* SPDX-License-Identifier: Apache-2.0 */
#include "control/store.h"

#include "control/refusals.h"
#include "data/jsonread.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

char *store_key(const char *ns, const char *name)
{
    return xasprintf("%s/%s", ns, name);
}

bool store_in_scope(const char *scope, const char *key)
{
    size_t len = scope ? strlen(scope) : 0;
    return !scope || (strncmp(key, scope, len) == 0 && key[len] == '/');
}

struct store_gateway *store_find(const struct store *store, const char *key)
{
    struct store_gateway *gw;
    HASH_FIND_STR(store->gateways, key, gw);
    return gw;
}

/* Compact text of an object without managedFields, which are larger than all the rest. */
static char *compact_text(const json_t *object)
{
    json_auto_t *copy = json_copy((json_t *)(uintptr_t)object);
    json_auto_t *metadata = json_copy(json_object_get(object, "metadata"));
    json_object_del(metadata, "managedFields");
    json_object_set(copy, "metadata", metadata);
    return jx_compact(copy);
}

static void copy_text(char *into, size_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);
    memcpy(into, from, len);
    into[len] = '\0';
}

void store_identify(char uid[STORE_UID_LEN], char version[STORE_VERSION_LEN], const json_t *object)
{
    copy_text(uid, STORE_UID_LEN, object_uid(object));
    copy_text(version, STORE_VERSION_LEN, object_resource_version(object));
}

struct store_gateway *store_put(struct store *store, const json_t *object)
{
    AUTO_FREE char *key = store_key(object_namespace(object), object_name(object));
    struct store_gateway *gw = store_find(store, key);
    if (!gw) {
        gw = xcalloc(1, sizeof(*gw) + strlen(key) + 1);
        memcpy(gw->key, key, strlen(key) + 1);
        HASH_ADD_STR(store->gateways, key, gw);
    }
    if (strcmp(gw->uid, object_uid(object)) != 0) {
        struct store_child *child;
        LL_FOREACH (gw->children, child)
            child->owned = false;
        contest_free(&gw->contests);
        refusals_free(&gw->refusals);
        gw->busy = false; /* the pass is about the gateway that was */
    }
    store_identify(gw->uid, gw->version, object);
    free(gw->text);
    gw->text = compact_text(object);
    gw->served = !jx_empty(jx_get(object, "spec.servers"));
    struct census_entry entry = census_entry(object);
    census_change(&store->census, &gw->census, &entry);
    gw->census = entry;
    return gw;
}

void store_remove(struct store *store, struct store_gateway *gw)
{
    while (gw->children)
        store_child_remove(gw, gw->children);
    census_change(&store->census, &gw->census, &(struct census_entry){0});
    contest_free(&gw->contests);
    refusals_free(&gw->refusals);
    HASH_DEL(store->gateways, gw);
    free(gw->text);
    free(gw);
}

json_t *store_object(const struct store_gateway *gw)
{
    return jsonread_bytes(gw->text, strlen(gw->text), NULL);
}

bool store_same_intent(const json_t *a, const json_t *b)
{
    static const char *const parts[] = {
        "metadata.uid",
        "metadata.generation", /* of the spec */
        "metadata.deletionTimestamp",
        "metadata.annotations",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!jx_equal(jx_get(a, parts[i]), jx_get(b, parts[i])))
            return false;
    return true;
}

struct store_child *store_child_find(const struct store_gateway *gw, const struct object_kind *kind,
                                     const char *name)
{
    struct store_child *child;
    LL_FOREACH (gw->children, child)
        if (child->kind == kind && strcmp(child->name, name) == 0)
            return child;
    return NULL;
}

struct store_child *store_child_put(struct store_gateway *gw, const struct object_kind *kind,
                                    const char *name)
{
    struct store_child *child = store_child_find(gw, kind, name);
    if (child)
        return child;
    child = xcalloc(1, sizeof(*child) + strlen(name) + 1);
    memcpy(child->name, name, strlen(name) + 1);
    child->kind = kind;
    LL_PREPEND(gw->children, child);
    return child;
}

void store_child_remove(struct store_gateway *gw, struct store_child *child)
{
    LL_DELETE(gw->children, child);
    free(child->drifted);
    free(child->facts);
    free(child);
}

json_t *store_facts(const struct store_child *child)
{
    return child && child->facts ? jsonread_bytes(child->facts, strlen(child->facts), NULL) : NULL;
}

void store_done(struct store *store)
{
    while (store->gateways)
        store_remove(store, store->gateways);
}
