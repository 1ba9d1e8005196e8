/* SPDX-License-Identifier: Apache-2.0 */
#include "control/plan.h"

#include "data/jsonread.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static json_t *child_facts(const struct store_child *child)
{
    return child && child->facts ? jsonread_bytes(child->facts, strlen(child->facts), NULL) : NULL;
}

/*
 * spec.selector is immutable. A Deployment of ours that was made with another one keeps it, and
 * its labels are added to the pods so that it still selects them.
 */
static void keep_selector(json_t *deployment, const struct store_child *child)
{
    json_auto_t *facts = child_facts(child);
    json_t *selector = jx_object(facts, "selector");
    if (!selector)
        return;
    json_object_set(jx_object(deployment, "spec.selector"), "matchLabels", selector);
    jx_update(jx_object(deployment, "spec.template.metadata.labels"), selector);
}

json_t *plan_desired(const struct meshgateway *gw, const struct object_kind *kind, const char *name,
                     const struct store_child *child)
{
    json_t *object = templates_render_one(gw, kind, name);
    if (object && kind == &object_deployment)
        keep_selector(object, child);
    return object;
}

bool plan_in_step(const struct store_child *child, uint64_t desired)
{
    if (!child->owned || !child->measured || child->desired != desired || child->vouched != desired)
        return false;
    return child->projection == desired || (child->applied && child->applied_desired == desired &&
                                            child->applied_projection == child->projection);
}

static void add_step(struct plan *plan, struct plan_step step, const char *name,
                     const struct store_child *child)
{
    step.name = xstrdup(name);
    if (child)
        memcpy(step.uid, child->uid, sizeof(step.uid));
    plan->steps = xrealloc(plan->steps, (plan->count + 1) * sizeof(*plan->steps));
    plan->steps[plan->count++] = step;
}

static void plan_item(struct plan *plan, const struct templates_item *item,
                      const struct store_gateway *known)
{
    const struct store_child *child =
        store_child_find(known, item->kind, object_name(item->object));
    json_auto_t *body = json_incref(item->object);
    if (child && item->kind == &object_deployment)
        keep_selector(body, child);
    uint64_t desired = jx_digest(body);
    if (child && plan_in_step(child, desired))
        return;
    struct plan_step step = {
        .verb = child ? PLAN_APPLY : PLAN_CREATE,
        .kind = item->kind,
        .desired = desired,
        .repair = child && child->owned && child->measured && child->vouched == desired,
        .leaves_replicas =
            child && item->kind == &object_deployment && !jx_get(body, "spec.replicas"),
    };
    step.body = TAKE(body);
    add_step(plan, step, object_name(step.body), child);
}

static bool is_rolled_out(const struct store_gateway *known, const char *name)
{
    json_auto_t *facts = child_facts(store_child_find(known, &object_deployment, name));
    json_int_t wanted = jx_int(facts, "wanted", -1);
    return facts && jx_int(facts, "observedGeneration", 0) >= jx_int(facts, "generation", 0) &&
           jx_int(facts, "updated", 0) == wanted && jx_int(facts, "replicas", 0) == wanted &&
           jx_int(facts, "available", 0) == wanted;
}

/* Pods that still run use their old identity until the Deployment has replaced them. */
static bool may_delete(const struct plan *plan, const struct store_child *child,
                       const struct meshgateway *gw, const struct store_gateway *known)
{
    if (child->kind != &object_service_account && child->kind != &object_role_binding)
        return true;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->steps[i].kind == &object_deployment)
            return false;
    return is_rolled_out(known, gw->name);
}

static bool is_wanted(const struct templates_list *list, const struct store_child *child)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == child->kind &&
            strcmp(object_name(list->items[i].object), child->name) == 0)
            return true;
    return false;
}

void plan_make(const struct meshgateway *gw, const struct store_gateway *known, struct plan *ret)
{
    *ret = (struct plan){.steps = NULL};
    struct templates_list list;
    templates_render(gw, &list);
    for (size_t i = 0; i < list.count; i++)
        plan_item(ret, &list.items[i], known);
    const struct store_child *child;
    LL_FOREACH (known->children, child) {
        if (child->owned && !is_wanted(&list, child) && may_delete(ret, child, gw, known))
            add_step(ret,
                     (struct plan_step){.verb = PLAN_DELETE, .kind = child->kind},
                     child->name,
                     child);
    }
    templates_list_done(&list);
}

void plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        json_decref(plan->steps[i].body);
        free(plan->steps[i].name);
    }
    free(plan->steps);
    *plan = (struct plan){.steps = NULL};
}
