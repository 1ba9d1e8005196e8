/* SPDX-License-Identifier: Apache-2.0 */
#include "control/observe.h"

#include "control/certs.h"
#include "control/drift.h"
#include "control/facts.h"
#include "control/managed.h"
#include "control/meshes.h"
#include "control/plan.h"
#include "control/takeover.h"
#include "templates/common.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>

static const char *label(const json_t *object, const char *key)
{
    const char *text =
        json_string_value(json_object_get(jx_object(object, "metadata.labels"), key));
    return text ? text : "";
}

/* Group and kind decide; the version of the reference does not matter. */
static bool is_mesh_gateway(const json_t *reference)
{
    const char *api_version = jx_str(reference, "apiVersion", "");
    size_t len = strlen(object_mesh_gateway.group);
    return strncmp(api_version, object_mesh_gateway.group, len) == 0 && api_version[len] == '/' &&
           strcmp(jx_str(reference, "kind", ""), object_mesh_gateway.kind) == 0;
}

/* The gateway that the object says it belongs to; NULL when it names none. */
static const char *gateway_name(const json_t *object)
{
    const json_t *controller = object_controller(object);
    if (controller)
        return is_mesh_gateway(controller) ? jx_str(controller, "name", NULL) : NULL;
    if (strcmp(label(object, COMMON_MANAGED_BY), COMMON_MANAGED_BY_VALUE) != 0)
        return NULL;
    const char *name = label(object, "gateway-name");
    return name[0] ? name : NULL;
}

enum observe_owner observe_owner(const json_t *object, const char *gateway, const char *uid)
{
    const char *owner = gateway_name(object);
    if (!owner || strcmp(owner, gateway) != 0)
        return OBSERVE_FOREIGN;
    const json_t *controller = object_controller(object);
    bool same = controller && strcmp(jx_str(controller, "uid", ""), uid) == 0;
    return same ? OBSERVE_OURS : OBSERVE_ADOPT;
}

static struct store_gateway *find_gateway(const struct store *store, const struct object_kind *kind,
                                          const json_t *object)
{
    const char *name = gateway_name(object);
    /* A child whose owner reference somebody took away is found by its own name, which is known. */
    AUTO_FREE char *key = store_key(object_namespace(object), name ? name : object_name(object));
    struct store_gateway *gw = store_find(store, key);
    if (!gw || name)
        return gw;
    const struct store_child *child = store_child_find(gw, kind, object_name(object));
    return child && strcmp(child->uid, object_uid(object)) == 0 ? gw : NULL;
}

bool observe_concerns(const struct store *store, const struct object_kind *kind,
                      const json_t *object)
{
    return find_gateway(store, kind, object) != NULL;
}

/* Returns whether the facts changed. */
static bool set_facts(struct store_child *child, const json_t *object)
{
    json_auto_t *facts = facts_of(child->kind, object);
    AUTO_FREE char *text = facts ? jx_compact(facts) : NULL;
    bool same = text && child->facts ? strcmp(text, child->facts) == 0 : text == child->facts;
    if (same)
        return false;
    free(child->facts);
    child->facts = TAKE(text);
    return true;
}

static void measure(struct store_child *child, const json_t *desired, uint64_t digest,
                    const json_t *object)
{
    child->measured = true;
    child->desired = digest;
    child->projection = drift_digest(desired, object);
    free(child->drifted);
    child->drifted = child->projection == digest ? NULL : drift_field(desired, object);
    if (child->kind == &object_deployment)
        child->pods =
            drift_digest(jx_get(desired, "spec.template"), jx_get(object, "spec.template"));
}

/*
 * A projection does not show a field that an apply of ours set and that is no longer desired. An
 * apply takes it away, so what we applied ourselves is free of such fields. Of what another process
 * applied, managedFields tell; they come with the first sight of an object, and while another
 * process leads with every one, for it goes on applying.
 */
static void vouch(struct store_child *child, const json_t *desired, uint64_t digest,
                  const json_t *object)
{
    if (jx_empty(jx_get(object, "metadata.managedFields")))
        return;
    child->vouched = managed_left_over(desired, object, FACTS_MANAGER) ? 0 : digest;
}

/* Identity of what the record stands for; another uid is another object. */
static void identify(struct store_gateway *gw, struct store_child *child, const json_t *object)
{
    const json_t *controller = object_controller(object);
    if (strcmp(child->uid, object_uid(object)) != 0) {
        child->applied = false;
        child->measured = false;
        child->unwanted = false;
        child->vouched = 0;
        child->settled = 0;
    }
    store_identify(child->uid, child->version, object);
    child->owned = controller && is_mesh_gateway(controller) &&
                   strcmp(jx_str(controller, "uid", ""), gw->uid) == 0;
    child->marked = takeover_is_marked(object);
}

static bool is_stale(const struct store_child *child, const json_t *object)
{
    return strcmp(child->uid, object_uid(object)) == 0 &&
           object_compare_versions(object_resource_version(object), child->version) <= 0;
}

/* Whether the gateway wants a pass because of this child as it is now. */
static bool compare_with_desired(struct store_gateway *gw, const struct around *around,
                                 struct store_child *child, const json_t *object)
{
    bool changed = set_facts(child, object);
    json_auto_t *owner = store_object(gw);
    struct err unknown;
    const struct config *config = meshes_config(around->meshes, owner, &unknown);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway parsed;
    if (!config || templates_parse(owner, config, &parsed, &problems) < 0) {
        child->measured = false;
        return changed;
    }
    struct templates_live live;
    certs_live(around->certs, &parsed, &live);
    json_auto_t *desired = plan_desired(&parsed, &live, child->kind, child->name, gw);
    certs_live_done(&live);
    meshgateway_done(&parsed);
    bool told = child->unwanted;
    child->unwanted = !desired && child->owned;
    /* A pass will delete it. If that is refused, news of it are no reason to try again at once. */
    if (!desired)
        return changed || !told;
    uint64_t digest = jx_digest(desired);
    measure(child, desired, digest, object);
    vouch(child, desired, digest, object);
    if (!plan_in_step(child, digest))
        return true;
    child->settled = digest;
    return changed;
}

struct store_gateway *observe_changed(struct store *store, const struct around *around,
                                      const struct object_kind *kind, const json_t *object)
{
    struct store_gateway *gw = find_gateway(store, kind, object);
    if (!gw)
        return NULL;
    struct store_child *child = store_child_put(gw, kind, object_name(object));
    child->seen = true;
    if (is_stale(child, object))
        return NULL;
    identify(gw, child, object);
    if (gw->busy && !child->vouched && jx_empty(jx_get(object, "metadata.managedFields"))) {
        set_facts(child, object);
        child->early = true;
        return NULL;
    }
    return compare_with_desired(gw, around, child, object) ? gw : NULL;
}

struct store_gateway *observe_deleted(struct store *store, const struct object_kind *kind,
                                      const json_t *object)
{
    struct store_gateway *gw = find_gateway(store, kind, object);
    struct store_child *child = gw ? store_child_find(gw, kind, object_name(object)) : NULL;
    if (gw && gw->arrived)
        gw->bereaved = true;
    if (!child || strcmp(child->uid, object_uid(object)) != 0)
        return NULL;
    store_child_remove(gw, child);
    return gw;
}

void observe_applied(struct store_gateway *gw, const struct object_kind *kind, const json_t *body,
                     uint64_t desired, const json_t *object)
{
    struct store_child *child = store_child_put(gw, kind, object_name(object));
    child->early = false;
    bool newest =
        !is_stale(child, object) || strcmp(child->version, object_resource_version(object)) == 0;
    if (newest) {
        identify(gw, child, object);
        measure(child, body, desired, object);
        set_facts(child, object);
    }
    uint64_t projection = newest ? child->projection : drift_digest(body, object);
    child->restless = child->applied && child->applied_desired == desired &&
                      projection != desired && projection != child->applied_projection;
    child->vouched = desired;
    child->settled = desired;
    child->applied = true;
    child->applied_desired = desired;
    child->applied_projection = projection;
}
