/* SPDX-License-Identifier: Apache-2.0 */
#include "control/plan.h"

#include "control/facts.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/*
 * spec.selector is immutable. A Deployment of ours that was made with another one keeps it, and
 * its labels are added to the pods so that it still selects them.
 */
static void keep_selector(json_t *deployment, const struct store_child *child)
{
    json_auto_t *facts = store_facts(child);
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

/*
 * Whether the apply replaces pods for a reason that is neither the gateway's own spec (the caller
 * knows that) nor somebody's edit: what it was in step with is not what is desired now.
 */
static bool rolls(const struct store_child *child, const json_t *deployment, uint64_t desired)
{
    return child->owned && child->settled != desired &&
           jx_digest(jx_get(deployment, "spec.template")) != child->pods;
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
        .rolls = child && item->kind == &object_deployment && rolls(child, body, desired),
    };
    step.body = TAKE(body);
    add_step(plan, step, object_name(step.body), child);
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
    json_auto_t *facts = store_facts(store_child_find(known, &object_deployment, gw->name));
    return facts && facts_is_rolled_out(facts);
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

static void free_step(struct plan_step *step)
{
    json_decref(step->body);
    free(step->name);
}

void plan_drop(struct plan *plan, size_t index)
{
    free_step(&plan->steps[index]);
    plan->count--;
    memmove(
        &plan->steps[index], &plan->steps[index + 1], (plan->count - index) * sizeof(*plan->steps));
}

void plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        free_step(&plan->steps[i]);
    free(plan->steps);
    *plan = (struct plan){.steps = NULL};
}
