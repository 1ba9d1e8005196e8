/* SPDX-License-Identifier: Apache-2.0 */
#include "control/plan.h"

#include "control/facts.h"
#include "control/takeover.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* The matchLabels of a live Deployment, where they are not what we would set; new. */
static json_t *kept_selector(const struct store_gateway *known, const char *name)
{
    json_auto_t *facts = store_facts(store_child_find(known, &object_deployment, name));
    return json_incref(jx_object(facts, "selector"));
}

/*
 * spec.selector is immutable. A Deployment of ours that was made with another one keeps it, and its
 * labels are added to the pods so that it still selects them. Among them may be another
 * gateway-name, since the original operator let users choose it: then all that selects the pods
 * by that label follows.
 */
static void adapt(json_t *object, const struct object_kind *kind, const char *gateway,
                  const struct store_gateway *known)
{
    if (kind != &object_deployment && kind != &object_service && kind != &object_pdb)
        return;
    json_auto_t *selector = kept_selector(known, gateway);
    if (!selector)
        return;
    json_t *name = json_object_get(selector, "gateway-name");
    if (kind == &object_deployment) {
        json_object_set(jx_object(object, "spec.selector"), "matchLabels", selector);
        jx_update(jx_object(object, "spec.template.metadata.labels"), selector);
    } else if (name && kind == &object_service) {
        json_object_set(jx_object(object, "spec.selector"), "gateway-name", name);
    } else if (name) {
        json_object_set(jx_object(object, "spec.selector.matchLabels"), "gateway-name", name);
    }
}

json_t *plan_desired(const struct meshgateway *gw, const struct templates_live *live,
                     const struct object_kind *kind, const char *name,
                     const struct store_gateway *known)
{
    json_t *object = templates_render_one(gw, live, kind, name);
    if (object)
        adapt(object, kind, gw->name, known);
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

static void plan_item(struct plan *plan, const struct templates_item *item, const char *gateway,
                      const struct store_gateway *known)
{
    const struct store_child *child =
        store_child_find(known, item->kind, object_name(item->object));
    json_auto_t *body = json_incref(item->object);
    adapt(body, item->kind, gateway, known);
    uint64_t desired = jx_digest(body);
    if (child && plan_in_step(child, desired))
        return;
    struct plan_step step = {
        .verb = child ? PLAN_APPLY : PLAN_CREATE,
        .kind = item->kind,
        .desired = desired,
        .repair = child && child->measured && child->vouched == desired,
        .leaves_replicas =
            child && item->kind == &object_deployment && !jx_get(body, "spec.replicas"),
        .rolls = child && item->kind == &object_deployment && rolls(child, body, desired),
    };
    step.body = TAKE(body);
    add_step(plan, step, object_name(step.body), child);
}

static bool is_rolled_out(const struct store_gateway *known, const char *name)
{
    json_auto_t *facts = store_facts(store_child_find(known, &object_deployment, name));
    return facts && facts_is_rolled_out(facts);
}

static bool has_step(const struct plan *plan, const struct object_kind *kind)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->steps[i].kind == kind)
            return true;
    return false;
}

/*
 * What is not rendered because its API is missing, or cannot be looked at whole, is still wanted:
 * an outage of cert-manager's CRDs must not take a Certificate. Pods that still run use their old
 * identity until the Deployment has replaced them.
 */
static bool may_delete(const struct plan *plan, const struct store_child *child,
                       const struct meshgateway *gw, const struct templates_live *live,
                       const struct store_gateway *known)
{
    if (!templates_is_served(child->kind, live))
        return false;
    if (child->kind != &object_service_account && child->kind != &object_role_binding)
        return true;
    return !has_step(plan, &object_deployment) && is_rolled_out(known, gw->name);
}

static bool is_wanted(const struct templates_list *list, const struct object_kind *kind,
                      const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == kind && strcmp(object_name(list->items[i].object), name) == 0)
            return true;
    return false;
}

static bool is_taken_over(const struct store_gateway *known)
{
    const struct store_child *child;
    LL_FOREACH (known->children, child)
        if (child->owned && child->marked)
            return true;
    return false;
}

/*
 * What the original operator left. Its autoscaler goes as soon as ours is in place, for two of them
 * block each other, and the Deployment may wait for its turn; the pods' identity goes when no old
 * pod is left. The marks stay until all of it has been looked at.
 */
static void plan_takeover(struct plan *plan, const struct templates_list *list,
                          const struct meshgateway *gw, const struct store_gateway *known)
{
    if (!is_taken_over(known) || has_step(plan, &object_hpa))
        return;
    bool rolled_out = !has_step(plan, &object_deployment) && is_rolled_out(known, gw->name);
    for (size_t i = 0; i < TAKEOVER_LEFT_OVERS; i++) {
        const struct takeover_left_over *left = &takeover_left_overs[i];
        AUTO_FREE char *name = xasprintf("%s%s", gw->name, left->suffix);
        bool used = is_wanted(list, left->kind, name) || (left->kind == &object_service_account &&
                                                          strcmp(name, gw->service_account) == 0);
        if (!used && (rolled_out || !left->identity))
            add_step(plan,
                     (struct plan_step){.verb = PLAN_CLEAR,
                                        .kind = left->kind,
                                        .cluster_scoped = left->cluster_scoped},
                     name,
                     NULL);
    }
    const struct store_child *child;
    LL_FOREACH (known->children, child)
        if (rolled_out && child->owned && child->marked)
            add_step(plan,
                     (struct plan_step){.verb = PLAN_UNMARK, .kind = child->kind},
                     child->name,
                     child);
}

void plan_make(const struct meshgateway *gw, const struct templates_live *live,
               const struct store_gateway *known, struct plan *ret)
{
    *ret = (struct plan){.steps = NULL};
    struct templates_list list;
    templates_render(gw, live, &list);
    for (size_t i = 0; i < list.count; i++)
        plan_item(ret, &list.items[i], gw->name, known);
    const struct store_child *child;
    LL_FOREACH (known->children, child) {
        if (child->owned && !is_wanted(&list, child->kind, child->name) &&
            may_delete(ret, child, gw, live, known))
            add_step(ret,
                     (struct plan_step){.verb = PLAN_DELETE, .kind = child->kind},
                     child->name,
                     child);
    }
    plan_takeover(ret, &list, gw, known);
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
